# train-tokenizer: what it learns, that it repeats, and what it refuses.
load helpers

lines() { # records with a prompt and a solution
    printf '%s\n' '{"prompt":"the cat sat on the mat","solution":"the mat"}' \
        '{"prompt":"the cats 1234","solution":" 56"}' | records make -q "$@"
}

@test "the tokenizer of the golden vectors is learned again, byte for byte" {
    cat "$ROOT/data/math-small.jsonl" "$ROOT/data/choice-small.jsonl" | records make -q -o all.rec
    train-tokenizer -q -n 420 --begin '<|begin|>' --special '<unk>' all.rec -o t.json
    cmp t.json "$ROOT/tests/golden/tokenizers/trained/tokenizer.json"
    records shuffle -q all.rec | train-tokenizer -q -n 420 --begin '<|begin|>' --special '<unk>' | cmp - t.json
}

@test "special tokens come first, then the bytes, then the most frequent pairs" {
    lines | train-tokenizer -q -n 262 -o t.json
    [ "$(printf '<|end|>' | tokenize -t t.json --bare)" = 0 ]
    [ "$(printf 'a' | tokenize -t t.json --bare)" = 98 ]
    # at (5 times); he before th (4), by their bytes; the; then of those that come twice Ġc and Ġm
    grep -A 6 '"merges"' t.json | tr -d ' \n' | grep -qF '"merges":["at","he","the","Ġc","Ġm"]'
    tokenize -t t.json -p <<<'the cat' >pieces
    [ "$(cut -f 2 pieces | tr '\n' ' ')" = "the Ġc at  " ]
}

@test "every digit is a token of its own" {
    for i in $(seq 50); do echo '{"prompt":"1234 1234"}'; done | records make -q | train-tokenizer -q -n 300 -o t.json
    [ "$(echo '1234 12' | tokenize -t t.json | wc -w)" = 7 ]
}

@test "a begin token stands before every text" {
    lines | train-tokenizer -q -n 262 --end '</s>' --begin '<s>' --special '<pad>' -o t.json
    [ "$(printf '<pad>' | tokenize -t t.json)" = "1 2" ]
    [ "$(printf '</s>' | tokenize -t t.json)" = "1 0" ]
}

@test "only the named fields are learned from, where a record has them" {
    lines -o l.rec
    train-tokenizer -q -n 262 --field solution l.rec -o s.json
    train-tokenizer -q -n 262 --field solution,absent l.rec -o t.json
    cmp s.json t.json
    run ! grep -q '"Ġ c"' s.json
    lines | train-tokenizer -q -n 262 | grep -q '"Ġ c"'
}

@test "words that have become one token each end it, and the summary says so" {
    run --separate-stderr bash -c 'echo "{\"prompt\":\"ab\"}" | records make -q | train-tokenizer -n 300 -o t.json'
    [ "$status" = 0 ]
    [ "$stderr" = "train-tokenizer: 258 tokens from 1 records; they have no more to learn from" ]
}

@test "a special token that the text spells out is not learned from it" {
    for i in $(seq 9); do echo '{"prompt":"ab <|end|> ab"}'; done | records make -q | train-tokenizer -q -n 300 --special ab -o t.json
    [ "$(echo 'ab<|end|>' | tokenize -t t.json | head -n 1)" = "1 0" ]
    tokenize -t t.json --literal <<<'ab' | head -n 1 | grep -qE '^[0-9]+ [0-9]+$'
    [ "$(tokenize -t t.json --literal <<<'<|end|>' | head -n 1 | wc -w)" -gt 1 ]
}

@test "a model made with it ends at its end token and has as many rows as it has tokens" {
    lines | train-tokenizer -q -n 262 -o t.json
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer t.json --set eos_token_id=0 \
        --set hidden_size=16 --set intermediate_size=24 --set num_hidden_layers=1 -o model
    grep -q '"vocab_size": 262' model/config.json
    grep -q '"eos_token_id": 0' model/config.json
    cmp t.json model/tokenizer.json
}

@test "too small a vocabulary, tokens that come twice and bad text are refused" {
    run bash -c "train-tokenizer -n 257 --begin '<s>' </dev/null"
    [ "$status" = 2 ]
    [[ "$output" == *"258 to 4194304 hold the 256 bytes"* ]]
    run train-tokenizer -n 300 --special xy --special xy
    [ "$status" = 2 ]
    [[ "$output" == *"special token 'xy' is named twice"* ]]
    for token in x ü ''; do
        run train-tokenizer -n 300 --end "$token"
        [ "$status" = 2 ]
        [[ "$output" == *"special token '$token': two characters or more"* ]]
    done
    run train-tokenizer
    [ "$status" = 2 ]
    [[ "$output" == *"-n N says it"* ]]
    run bash -c "echo '{\"id\":\"x\",\"prompt\":7}' | records make -q | train-tokenizer -n 300 -o t.json"
    [ "$status" = 1 ]
    [[ "$output" == *"id 'x'"*prompt*text* ]]
    run bash -c "echo '{\"prompt\":{\"\$text\":\"/w==\"}}' | records make -q | train-tokenizer -n 300 -o t.json"
    [ "$status" = 1 ]
    [[ "$output" == *"record 1"*"not UTF-8"* ]]
    [ ! -e t.json ]
}

@test "a signal stops it while it merges, with nothing written" {
    awk 'BEGIN { srand(1); for (i = 0; i < 2000; i++) { printf "{\"prompt\":\""; for (j = 0; j < 30; j++) {
        for (k = 0; k < 12; k++) printf "%c", 97 + int(26 * rand()); printf " " } print "\"}" } }' | records make -q -o words.rec
    for signal in TERM INT; do
        train-tokenizer -n 400000 -o t.json words.rec 2>said 3>&- &
        pid=$!
        sleep 2
        stopped_by $signal $pid said
        [ ! -e t.json ]
    done
}
