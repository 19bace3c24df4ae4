#!/usr/bin/env bats
# embed: vectors of completions and references, from an encoder or from hashed n-grams.
load helpers

field() { records show "$1" | sed 's/.*"'"$2"'":\("[^"]*"\|\[[^]]*\]\|[^,}]*\).*/\1/'; }

three() {
    printf '%s\n' '{"id":"a","completion":"one two three","reference":"one two"}' \
        '{"id":"b","completion":"Three, TWO; one!","mine":[1]}' \
        '{"id":"c","completion":"..."}' | records make -q -o t.rec
}

# The small encoder of the golden vectors, with words for its tokens.
encoder() {
    cp -r "$ROOT/tests/golden/families/bert" bert
    {
        printf '{"version":"1.0","model":{"type":"WordLevel","unk_token":"w0","vocab":{"w0":0'
        for i in $(seq 1 60); do printf ',"w%d":%d' "$i" "$i"; done
        printf '}},"pre_tokenizer":{"type":"WhitespaceSplit"},"normalizer":null,"post_processor":null,"decoder":null,"added_tokens":[]}'
    } >bert/tokenizer.json
}

@test "hashed n-grams see words, not their order, case or punctuation, and say what they are" {
    three
    embed -q --hashed -o e.rec t.rec
    [ "$(field e.rec id | tr -d '\n')" = '"a""b""c"' ]
    [ "$(field e.rec embedder | sort -u)" = '"hashed-ngrams-512"' ]
    [ "$(field e.rec embedding | sed -n 1p | tr ',' '\n' | wc -l)" = 512 ]
    [ "$(field e.rec embedding | sed -n 1p)" = "$(field e.rec embedding | sed -n 2p)" ]
    [ "$(field e.rec embedding | sed -n 1p)" != "$(field e.rec reference_embedding | sed -n 1p)" ]
    [ "$(field e.rec embedding | sed -n 3p | tr -d '[]' | tr ',' '\n' | sort -u)" = 0.0 ]
    [ "$(records show e.rec | grep -c reference_embedding)" = 1 ]
    [ "$(records show e.rec | grep -c '"mine":\[1\]')" = 1 ]
    field e.rec embedding | sed -n 1p | tr -d '[]' | tr ',' '\n' |
        awk '{ s += $1 * $1 } END { exit !(s > 0.99999 && s < 1.00001) }'
}

@test "an embedding made anew drops what was made from the old one" {
    three
    embed -q --hashed t.rec | records set -q correct=true score=0.5 | embed -q --hashed -o e.rec
    [ "$(records show e.rec | grep -c -e '"correct"' -e '"score"')" = 0 ]
    [ "$(records count e.rec)" = 3 ]
}

@test "an encoder's vectors do not depend on the batch" {
    encoder
    for n in 1 7 3 12 5; do
        echo "{\"id\":\"$n\",\"completion\":\"$(seq -s ' ' -f 'w%g' 2 $((n + 1)))\",\"reference\":\"w$n\"}"
    done | records make -q -o t.rec
    embed -q -d cpu -t 1 -m bert -o all.rec t.rec
    embed -q -d cpu -t 1 -m bert -b 1 -o one.rec t.rec
    [ "$(field all.rec embedder | sort -u)" = '"bert"' ]
    for name in embedding reference_embedding; do
        paste -d ',' <(field all.rec $name | tr -d '[]') <(field one.rec $name | tr -d '[]') |
            awk -F, '{ h = NF / 2; for (i = 1; i <= h; i++) { d = $i - $(i + h); if (d > 1e-5 || d < -1e-5) exit 1 } n++ }
                     END { exit n != 5 }'
    done
    records info all.rec | grep -q '"model"'
    embed -q -d cpu -t 1 -m bert --pooling first --name other -o first.rec t.rec
    [ "$(field first.rec embedder | sort -u)" = '"other"' ]
    [ "$(field first.rec embedding)" != "$(field all.rec embedding)" ]
}

@test "a text longer than the encoder reads is cut, and that is said" {
    encoder
    longest=$(sed 's/.*"max_seq_length": *\([0-9]*\).*/\1/' bert/sentence_bert_config.json | tr -dc 0-9)
    words() { seq -s ' ' "$1" | sed 's/[0-9]*\([0-9]\)/w\1/g'; }
    echo "{\"id\":\"a\",\"completion\":\"$(words $((longest + 5)))\"}" | records make -q -o long.rec
    echo "{\"id\":\"a\",\"completion\":\"$(words "$longest")\"}" | records make -q -o fits.rec
    run --separate-stderr embed -d cpu -t 1 -m bert -o a.rec long.rec
    [ "$status" -eq 0 ]
    [[ $stderr == *"1 texts were longer"* ]]
    embed -q -d cpu -t 1 -m bert -o b.rec fits.rec
    [ "$(field a.rec embedding)" = "$(field b.rec embedding)" ]
}

@test "bad records are named, or set aside" {
    three
    { records show t.rec; echo '{"id":"d"}'; echo '{"id":"e","completion":5}'; } | records make -q -o bad.rec
    run embed -q --hashed -o e.rec bad.rec
    [ "$status" -eq 1 ]
    [[ $output == "embed: bad.rec: record 4 (id 'd'): "*completion* ]]
    [ ! -e e.rec ]
    embed -q --hashed --rejects r.rec -o e.rec bad.rec
    [ "$(records count e.rec)" = 3 ]
    [ "$(records count r.rec)" = 2 ]
}

@test "a decoder, a missing model and wrong usage are refused in one line" {
    three
    for arguments in '' '--hashed -m x' '--hashed --pooling mean' '--hashed -b 0'; do
        # shellcheck disable=SC2086
        run embed $arguments t.rec
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    for model in nowhere "$ROOT/tests/golden/families/llama3"; do
        run embed -q -d cpu -m "$model" -o e.rec t.rec
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "embed: "* ]]
    done
}

@test "--help and the manual name every option" {
    run embed --help
    for option in model hashed text reference pooling name output rejects max-rejects batch dtype device threads; do
        [[ $output == *"--$option"* ]]
        grep -qE -- "Fl Fl $option( |\$)" "$ROOT/man/lockpick-embed.1" || { echo "$option"; false; }
    done
}

@test "a text with a token beyond the model's vocabulary is a bad record" {
    encoder
    printf '%s\n' '{"id":"a","completion":"w1"}' '{"id":"b","completion":"w47 w48"}' | records make -q -o t.rec
    run embed -q -d cpu -t 1 -m bert -o e.rec t.rec
    [ "$status" = 1 ]
    [[ "$output" == *"t.rec: record 2 (id 'b'): field 'completion': token id 48 is beyond the model's vocabulary of 48"* ]]
    [ ! -e e.rec ]
    embed -q -d cpu -t 1 -m bert --rejects bad.rec -o e.rec t.rec
    [ "$(records count e.rec)" = 1 ]
    [ "$(field bad.rec id)" = '"b"' ]
}

@test "an encoder that wants lower case gets it" {
    encoder
    printf '%s\n' '{"id":"a","completion":"w7 w8"}' '{"id":"b","completion":"W7 W8"}' | records make -q -o t.rec
    embed -q -d cpu -t 1 -m bert -o as-is.rec t.rec
    [ "$(field as-is.rec embedding | sort -u | wc -l)" = 2 ]
    echo '{"max_seq_length":20,"do_lower_case":true}' >bert/sentence_bert_config.json
    embed -q -d cpu -t 1 -m bert -o lower.rec t.rec
    [ "$(field lower.rec embedding | sort -u | wc -l)" = 1 ]
    [ "$(field lower.rec embedding | head -n 1)" = "$(field as-is.rec embedding | head -n 1)" ]
    echo '{"do_lower_case":1}' >bert/sentence_bert_config.json
    run embed -q -d cpu -t 1 -m bert t.rec -o no.rec
    [ "$status" = 1 ]
    [[ "$output" == *"sentence_bert_config.json: 'do_lower_case' is neither true nor false"* ]]
}
