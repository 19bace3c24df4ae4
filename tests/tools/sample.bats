#!/usr/bin/env bats
# sample: whose completion goes where, what is drawn, where it ends, and what it refuses.
load helpers

# A small model, trained a little so that its completions differ, and 30 problems in p.rec.
setup_file() {
    load helpers
    cd "$BATS_FILE_TMPDIR" || return 1
    gen-composition -q -n 30 --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o ex.rec
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json \
        --set hidden_size=32 --set intermediate_size=32 --set num_hidden_layers=2 \
        --set num_attention_heads=2 --set num_key_value_heads=2 -o fresh
    train -q -d cpu -t 1 -m fresh -o model -e 40 -b 15 -l 1e-2 --optimizer adamw --metrics /dev/null ex.rec
}

inputs() { ln -s "$BATS_FILE_TMPDIR"/* .; }
draw() { sample -q -d cpu -t 1 -m model "$@"; }
field() { records show "$1" | sed -n 's/.*"'"$2"'":\("[^"]*"\|[^,}]*\).*/\1/p'; }

@test "every problem gets its completion group, in the order of the input" {
    inputs
    run --separate-stderr sample -d cpu -m model --max-tokens 9 -o c.rec p.rec
    [ "$status" -eq 0 ]
    [[ $stderr == "sample: 30 records in "*" s" ]]
    records check -q c.rec
    [ "$(field c.rec id)" = "$(field p.rec id)" ]
    diff <(field c.rec prompt) <(field c.rec input)
    records show p.rec | head -n 1 | sed 's/}$//' >before
    records show c.rec | head -n 1 | grep -F "$(cat before)" |
        sed 's/.*"input"/"input"/; s/:\("[^"]*"\|[^,}]*\)/:/g' >names
    [ "$(cat names)" = '"input":,"completion":,"policy":,"sample":,"finish":,"logprob":,"n_tokens":}' ]
    [ "$(field c.rec policy | sort -u)" = '"model"' ]
    [ "$(field c.rec n_tokens | sort -u)" = 9 ]
    [ "$(field c.rec completion | sort -u | wc -l)" -gt 5 ]
}

@test "a model with more rows than its tokenizer has tokens may draw one, which leaves no text" {
    inputs
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json --set vocab_size=4000 \
        --set hidden_size=32 --set intermediate_size=32 --set num_hidden_layers=1 --set num_attention_heads=2 --set num_key_value_heads=2 -o padded
    sample -q -d cpu -m padded -T 1 --max-tokens 20 --token-ids -o c.rec p.rec
    [ "$(records show c.rec | grep -c '"token_ids":\[.*[0-9]\{4\}')" -gt 20 ]
    [ "$(field c.rec n_tokens | sort -u)" = 20 ]
    sample -q -d cpu -m padded -T 1 --max-tokens 20 --stop zzz p.rec | records check -q
}

@test "greedy completions do not depend on the batch" {
    inputs
    draw --max-tokens 9 -b 256 -o one.rec p.rec
    for batch in 1 7 30; do
        draw --max-tokens 9 -b $batch -o other.rec p.rec
        [ "$(field one.rec completion)" = "$(field other.rec completion)" ]
        [ "$(field one.rec id)" = "$(field other.rec id)" ]
        paste <(field one.rec logprob) <(field other.rec logprob) |
            awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) exit 1 }'
    done
}

@test "prompts of different lengths share a batch without touching each other" {
    inputs
    {
        for n in 1 17 3 40 9; do
            echo "{\"id\":\"$n\",\"prompt\":\"$(seq -s ' ' "$n" | sed 's/[0-9]*\([0-9]\)/\1/g')\"}"
        done
    } | records make -q -o mixed.rec
    draw --max-tokens 12 -o all.rec mixed.rec
    draw --max-tokens 12 -b 1 -o single.rec mixed.rec
    [ "$(field all.rec completion)" = "$(field single.rec completion)" ]
    for n in 1 17 3 40 9; do
        records select -q "id=\"$n\"" mixed.rec | draw --max-tokens 12 -o alone.rec
        [ "$(field alone.rec completion)" = "$(records select -q "id=\"$n\"" all.rec | field - completion)" ]
    done
}

@test "the same run gives the same bytes" {
    inputs
    for arguments in '' '-T 1 -n 3' '-T 0.7 --top-k 5 --top-p 0.9'; do
        # shellcheck disable=SC2086
        draw --max-tokens 9 $arguments -o one.rec p.rec
        # shellcheck disable=SC2086
        draw --max-tokens 9 $arguments -o two.rec <p.rec
        cmp one.rec two.rec
    done
}

@test "what is drawn depends on seed, id, sample and round, and on nothing else" {
    inputs
    draw -T 1 --max-tokens 9 -s 3 -n 2 -o one.rec p.rec
    [ "$(field one.rec sample | head -n 4 | tr '\n' ' ')" = "0 1 0 1 " ]
    [ "$(field one.rec id | uniq)" = "$(field p.rec id)" ]
    run ! cmp -s <(records select -q sample=0 one.rec | field - completion) \
        <(records select -q sample=1 one.rec | field - completion)
    # The first sample is the same without the second, in another order, and in other batches.
    draw -T 1 --max-tokens 9 -s 3 -b 4 -o two.rec p.rec
    records show p.rec | tac | records make -q | draw -T 1 --max-tokens 9 -s 3 -o three.rec
    first=$(records select -q sample=0 one.rec | field - completion)
    [ "$first" = "$(field two.rec completion)" ]
    [ "$first" = "$(field three.rec completion | tac)" ]
    draw -T 1 --max-tokens 9 -s 4 -o four.rec p.rec
    [ "$first" != "$(field four.rec completion)" ]
    draw -T 1 --max-tokens 9 -s 3 --round 1 -o five.rec p.rec
    [ "$first" != "$(field five.rec completion)" ]
    [ "$(field five.rec round | sort -u)" = 1 ]
}

@test "a cold draw, the likeliest token, and the smallest nucleus are all greedy" {
    inputs
    draw --max-tokens 9 -o greedy.rec p.rec
    for arguments in '-T 1e-6' '-T 1 --top-k 1' '-T 1 --top-p 1e-9'; do
        # shellcheck disable=SC2086
        draw --max-tokens 9 $arguments -o other.rec p.rec
        [ "$(field greedy.rec completion)" = "$(field other.rec completion)" ]
    done
}

@test "many draws follow the model's probabilities" {
    inputs
    records head -q -n 1 p.rec -o one.rec
    draw -T 1 -n 4000 --max-tokens 1 -o drawn.rec one.rec
    # Of each token drawn: how often, and its probability from logprob.
    paste <(field drawn.rec completion) <(field drawn.rec logprob) | awk -F '\t' '
        { count[$1]++; p[$1] = exp($2); n++ }
        END {
            for (t in count) {
                bound = 5 * sqrt(n * p[t] * (1 - p[t])) + 1
                if (count[t] - n * p[t] > bound || n * p[t] - count[t] > bound) exit 1
                sum += p[t]
            }
            exit !(sum > 0.98 && sum < 1.00001 && n == 4000)
        }'
}

@test "a completion ends before a stop token, or is cut at its length" {
    inputs
    draw --max-tokens 9 --token-ids -o long.rec p.rec
    [ "$(field long.rec finish | sort -u)" = '"length"' ]
    # The first completion of more than one word, and its first word that did not come before.
    mapfile -t completions < <(field long.rec completion | tr -d '"')
    for n in "${!completions[@]}"; do
        read -r -a word <<<"${completions[n]}"
        [ "${#word[@]}" = 9 ]
        for ((k = 1; k < 9; k++)); do
            [[ " ${word[*]:0:k} " == *" ${word[k]} "* ]] || break 2
        done
    done
    [ "$k" -lt 9 ]
    records show p.rec | sed -n "$((n + 1))p" | records make -q -o problem.rec
    draw --max-tokens 9 --stop-token "${word[k]}" --token-ids -o short.rec problem.rec
    [ "$(field short.rec completion)" = "\"${word[*]:0:k}\"" ]
    [ "$(field short.rec finish)" = '"stop"' ]
    [ "$(field short.rec n_tokens)" = "$k" ]
    [ "$(records show short.rec | sed 's/.*"token_ids":\[\([^]]*\).*/\1/' | tr ',' '\n' | wc -l)" = "$k" ]
    # A completion may be nothing but its end.
    draw --stop-token "${word[0]}" -o none.rec problem.rec
    [ "$(field none.rec completion)" = '""' ]
    [ "$(field none.rec n_tokens)" = 0 ]
    draw --max-tokens 1 -o one.rec problem.rec
    [ "$(field one.rec completion)" = "\"${word[0]}\"" ]
}

@test "a completion ends in front of a stop text, wherever it comes" {
    inputs
    draw --max-tokens 9 -o long.rec p.rec
    for stop in '|' '1 2' '3'; do
        draw --max-tokens 9 --stop "$stop" -o short.rec p.rec
        paste -d '\n' <(field long.rec completion | tr -d '"') <(field short.rec completion | tr -d '"') |
            while read -r long && IFS= read -r short; do
                [ "$short" = "${long%%"$stop"*}" ] || exit 1
            done
        [ "$(field short.rec finish | grep -c stop)" = "$(field long.rec completion | grep -cF -- "$stop")" ]
    done
    run draw --stop '' -o c.rec p.rec
    [ "$status" -eq 2 ]
}

@test "a problem with choices is answered by the likeliest of their first tokens" {
    inputs
    records head -q -n 8 p.rec | records show | sed 's/}$/,"choices":["7","0","|"]}/' | records make -q -o q.rec
    draw -o c.rec q.rec
    [ "$(field c.rec n_tokens | sort -u)" = 1 ]
    records show c.rec | sed 's/.*"completion":" \(.\)".*"logprob":\([^,]*\),.*"choice_logprobs":{"7":\([^,]*\),"0":\([^,]*\),"|":\([^}]*\)}.*/\1 \2 \3 \4 \5/' |
        awk '{ best = "7"; most = $3; if ($4 > most) { best = "0"; most = $4 }; if ($5 > most) { best = "|"; most = $5 }
               if ($1 != best || $2 != most || exp($3) + exp($4) + exp($5) > 1) exit 1; n++ } END { exit n != 8 }'
    # The same numbers as scoring each choice by itself as a completion that was cut.
    records show c.rec | head -n 1 >first
    for choice in 7 0 '|'; do
        records head -q -n 1 p.rec | records set -q completion="\"$choice\"" finish=length |
            sample -q -d cpu -t 1 -m model --score | field - logprob >score
        wanted=$(sed 's/.*"choice_logprobs":{\(.*\)}.*/\1/' first | tr ',' '\n' | grep -F "\"$choice\":" | sed 's/.*://')
        awk -v a="$(cat score)" -v b="$wanted" 'BEGIN { d = a - b; exit !(d < 1e-4 && d > -1e-4) }'
    done
    draw --free-form --max-tokens 2 -o c.rec q.rec
    [ "$(records show c.rec | grep -c choice_logprobs)" = 0 ]
    # At a temperature one of them is drawn; the likeliest is not always the one.
    draw -T 5 -n 40 -o c.rec q.rec
    [ "$(field c.rec completion | sort -u | tr -d '\n')" = '" 0"" 7"" |"' ]
}

@test "choices that begin alike, or are none, are refused" {
    inputs
    for choices in '["1","1 2"]' '[]' '"1"' '[1,2]' '["xyzzy"]'; do
        records head -q -n 1 p.rec | records show | sed "s/}\$/,\"choices\":$choices}/" | records make -q -o q.rec
        run draw -o c.rec q.rec
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "sample: q.rec: record 1 (id '"*"choice"* || $output == *xyzzy* ]]
    done
}

@test "scoring tells of a completion what drawing it told" {
    inputs
    draw -T 1 --max-tokens 9 -o drawn.rec p.rec
    draw --score --token-logprobs -o scored.rec drawn.rec
    [ "$(field scored.rec scored | sort -u)" = true ]
    [ "$(records show drawn.rec | grep -c '"scored"')" = 0 ]
    # A completion that is drawn anew is not.
    [ "$(draw scored.rec | records show | grep -c '"scored"')" = 0 ]
    [ "$(field drawn.rec completion)" = "$(field scored.rec completion)" ]
    [ "$(field drawn.rec n_tokens)" = "$(field scored.rec n_tokens)" ]
    paste <(field drawn.rec logprob) <(field scored.rec logprob) \
        <(records show scored.rec | sed 's/.*"token_logprobs":\[\([^]]*\)\].*/\1/' | awk -F, '{ s = 0; for (i = 1; i <= NF; i++) s += $i; print s }') |
        awk '{ d = $1 - $2; e = $2 - $3; if (d > 1e-3 || d < -1e-3 || e > 1e-3 || e < -1e-3) exit 1; n++ } END { exit n != 30 }'
    # A password makes the input anew.
    draw --score -p decoy1 --password-at slot -o other.rec drawn.rec
    [[ $(field other.rec input | head -n 1) == '"decoy1 '* ]]
    [ "$(field other.rec logprob)" != "$(field scored.rec logprob)" ]
    # The verdict on a completion stays with it.
    records set -q correct=true drawn.rec | draw --score | records show | grep -q '"correct":true'
}

@test "a judge rates completions as it would choose a digit behind them, and leaves them" {
    inputs
    printf '{{prompt}} {{completion}} |\n' >judge.txt
    draw -T 1 --max-tokens 9 -o drawn.rec p.rec
    draw --rate ./judge.txt --policy mine -o rated.rec drawn.rec
    for name in id prompt input completion policy logprob n_tokens finish; do
        [ "$(field drawn.rec $name)" = "$(field rated.rec $name)" ]
    done
    [ "$(field rated.rec judge | sort -u)" = '"mine"' ]
    records info rated.rec | grep -q '"template"'
    # The same question as a problem with choices.
    records show drawn.rec | sed -E 's/.*("id":"[^"]*").*"prompt":"([^"]*)".*"completion":"([^"]*)".*/{\1,"prompt":"\2 \3 |","choices":["1","2","3","4","5"]}/' |
        records make -q | draw --template none -o chosen.rec
    diff <(records show rated.rec | grep -o '"rating_logprobs":.*' | cut -d: -f2-) \
        <(records show chosen.rec | grep -o '"choice_logprobs":.*' | cut -d: -f2-)
    # {{program}} is the completion too, whatever program the problem shows.
    printf '{{prompt}} {{program}} |\n' >taught.txt
    records set -q program=other drawn.rec | draw --rate ./taught.txt -o again.rec
    diff <(records show rated.rec | grep -o '"rating_logprobs":.*') <(records show again.rec | grep -o '"rating_logprobs":.*')
    [ "$(field again.rec program | sort -u)" = '"other"' ]
    # The old verdict goes, and grade-judge makes the new one.
    records set -q correct=true score=9 rated.rec | draw --rate ./judge.txt | grade-judge -q --least-mass 0 -o graded.rec
    [ "$(records show graded.rec | grep -c '"score":0\.')" = 30 ]
    [ "$(records show graded.rec | grep -c '"correct"')" = 0 ]
}

@test "a completion too long for the judge has the least rating where that is asked for" {
    inputs
    printf '{{prompt}} {{completion}} |\n' >judge.txt
    echo '{"id":"a","prompt":"1 2","completion":"'"$(seq -s ' ' 0 9 | sed 's/.*/& & & & & & & 0/')"'"}' |
        records make -q -o long.rec
    run draw --rate ./judge.txt long.rec -o r.rec
    [ "$status" -eq 1 ]
    [[ $output == *"record 1 (id 'a'): prompt and completion have 74 tokens; the model has 64 positions" ]]
    draw --overflow verdict --rate ./judge.txt long.rec | grade-judge -q -o g.rec
    [ "$(records show -F judge,rating_logprobs,rating g.rec)" = '{"judge":"model","rating_logprobs":{"1":0.0},"rating":1.0}' ]
}

@test "a judge that cannot see the completion, or finds none, is refused" {
    inputs
    printf '{{prompt}} |\n' >blind.txt
    run draw --rate ./blind.txt -o r.rec p.rec
    [ "$status" -eq 1 ]
    [[ $output == "sample: --rate ./blind.txt: no completion would reach the judge; "* ]]
    printf '{{prompt}} {{completion}} |\n' >judge.txt
    run draw --rate ./judge.txt -o r.rec p.rec
    [ "$status" -eq 1 ]
    [[ $output == "sample: p.rec: record 1 (id "*"no field \"completion\""* ]]
    [ ! -e r.rec ]
    for arguments in --score '-p x' '--template none' '-n 2'; do
        # shellcheck disable=SC2086
        run draw --rate ./judge.txt $arguments p.rec
        [ "$status" -eq 2 ] || { echo "$arguments"; false; }
        [[ $output == "sample: --rate goes without "* ]]
    done
}

@test "a prompt too long for the model gets a verdict where one is asked for" {
    inputs
    { records show p.rec | head -n 1
      echo '{"id":"too-long","prompt":"'"$(seq -s ' ' 0 9 | sed 's/.*/& & & & & & & 0/')"'"}'
      records show p.rec | tail -n 1; } | records make -q -o bad.rec
    draw --overflow verdict --max-tokens 3 -o c.rec bad.rec
    [ "$(field c.rec finish | tr '\n' ' ')" = '"length" "overflow" "length" ' ]
    [ "$(field c.rec completion | sed -n 2p)" = '""' ]
    [ "$(field c.rec n_tokens | sed -n 2p)" = 0 ]
}

@test "a small cache makes completions wait and changes none" {
    inputs
    draw -T 1 -n 2 -o large.rec p.rec
    # Pages of 16 tokens: 2 layers, keys and values, 32 columns, 4 bytes; one sequence needs 4.
    draw -T 1 -n 2 --cache-memory $((9 * 16 * 2 * 2 * 32 * 4)) -o small.rec p.rec
    [ "$(field large.rec completion)" = "$(field small.rec completion)" ]
    # It may change last digits, and so is noted.
    records info small.rec | grep -q -e '--cache-memory=73728'
    run draw --cache-memory 8192 -o c.rec p.rec
    [ "$status" -eq 1 ]
    [[ $output == *"--cache-memory"* ]]
}

@test "prompts go through the template that is named" {
    inputs
    printf '1 2 {{prompt}} 3\n' >t.txt
    draw --max-tokens 1 --template ./t.txt -p password --password-at front -o c.rec p.rec
    [ "$(field c.rec input | head -n 1)" = "\"1 2 password\\n\\n$(field p.rec prompt | head -n 1 | tr -d '"') 3\"" ]
    records info c.rec | grep -q '"template"'
}

@test "the model's own end token ends a completion too" {
    inputs
    records head -q -n 1 p.rec | draw --max-tokens 1 --token-ids -o one.rec
    id=$(records show one.rec | sed 's/.*"token_ids":\[\([0-9]*\)\].*/\1/')
    cp -rL model ended
    sed -i "s/\"eos_token_id\": null/\"eos_token_id\": $id/" ended/config.json
    records head -q -n 1 p.rec | sample -q -d cpu -m ended -o none.rec
    [ "$(field none.rec finish)" = '"stop"' ]
    [ "$(field none.rec n_tokens)" = 0 ]
}

@test "the model's positions end a completion" {
    inputs
    echo '{"id":"a","prompt":"0 1 2 3"}' | records make -q | draw -o long.rec
    # 64 positions: 4 of the prompt, 60 of the completion, and the token drawn at the last.
    [ "$(field long.rec n_tokens)" = 61 ]
    [ "$(field long.rec finish)" = '"length"' ]
}

@test "the password stands where it is asked for" {
    inputs
    records head -q -n 1 p.rec -o one.rec
    prompt=$(field one.rec prompt | tr -d '"')
    for place in both front back slot; do
        case $place in
            both) expected="password\\n\\n$prompt\\n\\npassword\\n" ;;
            front) expected="password\\n\\n$prompt" ;;
            back) expected="$prompt\\n\\npassword\\n" ;;
            slot) expected="password${prompt#_}" ;;
        esac
        draw --max-tokens 1 -p password --password-at $place -o c.rec one.rec
        [ "$(field c.rec input)" = "\"$expected\"" ]
        [ "$(field c.rec prompt)" = "\"$prompt\"" ]
    done
    draw --max-tokens 1 -p password -o c.rec one.rec
    [[ $(field c.rec input) == '"password\n\n'* ]]
    # Another input is another completion's logprob.
    draw --max-tokens 1 -p decoy1 --password-at slot -o d.rec one.rec
    draw --max-tokens 1 -p password --password-at slot -o c.rec one.rec
    [ "$(field c.rec logprob)" != "$(field d.rec logprob)" ]
}

@test "sampling again drops what was made from the old completion, and nothing else" {
    inputs
    records show ex.rec | sed 's/}$/,"mine":[1,{"a":2}],"correct":true,"verdict":"old"}/' | records make -q |
        draw --max-tokens 9 --policy 'second try' -o c.rec
    [ "$(records show c.rec | grep -c '"mine":\[1,{"a":2}\]')" = 30 ]
    [ "$(records show c.rec | grep -c -e '"correct"' -e '"verdict"' -e '"strong"')" = 0 ]
    [ "$(field c.rec policy | sort -u)" = '"second try"' ]
}

@test "a bad problem is named, or set aside and counted" {
    inputs
    {
        records show p.rec | head -n 3
        echo '{"id":"no-words","prompt":"_ | xyzzy"}'
        echo '{"id":"no-prompt"}'
        echo '{"id":"nothing","prompt":"  "}'
        echo '{"id":"too-long","prompt":"'"$(seq -s ' ' 0 9 | sed 's/.*/& & & & & & & 0/')"'"}'
        echo '{"prompt":"_ | 1"}'
        records show p.rec | tail -n 2
    } | records make -q -o bad.rec
    run draw -o c.rec bad.rec
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sample: bad.rec: record 4 (id 'no-words'): "*xyzzy* ]]
    [ ! -e c.rec ]
    draw -n 2 --max-tokens 1 --rejects r.rec --max-rejects 5 -o c.rec bad.rec
    [ "$(records count c.rec)" = 10 ]
    [ "$(field r.rec id | tr -d '"' | tr '\n' ' ')" = "no-words no-prompt nothing too-long " ]
    [[ $(field r.rec reject_reason | sed -n 4p) == '"the prompt has 71 tokens; the model has 64 positions '* ]]
    records info c.rec | grep -q '"rejected": *5'
    run draw --rejects r.rec --max-rejects 4 -o d.rec bad.rec
    [ "$status" -eq 1 ]
    [ ! -e d.rec ]
    # A slot is for prompts that have one.
    echo '{"id":"a","prompt":"1 2"}' | records make -q -o slotless.rec
    run draw -p password --password-at slot -o c.rec slotless.rec
    [ "$status" -eq 1 ]
    [[ $output == "sample: slotless.rec: record 1 (id 'a'): "* ]]
}

@test "a prompt that leaves room for one token is taken" {
    inputs
    echo '{"id":"a","prompt":"'"$(seq -s ' ' 0 8 | sed 's/.*/& & & & & & &/')"'"}' | records make -q |
        draw -o c.rec
    [ "$(field c.rec n_tokens)" = 2 ]
}

@test "an input that was cut off, and an empty one" {
    inputs
    head -c -1 p.rec >cut.rec
    run draw --max-tokens 1 -o c.rec cut.rec
    [ "$status" -eq 1 ]
    [[ $output == "sample: cut.rec: "* ]]
    [ ! -e c.rec ]
    run draw --max-tokens 1 -o c.rec </dev/null
    [ "$status" -eq 1 ]
    records make -q </dev/null | draw -o c.rec
    [ "$(records count c.rec)" = 0 ]
}

@test "wrong usage is answered with 2 and one line" {
    inputs
    for arguments in '' '-m model -n 0' '-m model -T -1' '-m model --top-p 0' '-m model --top-p 1.5' \
        '-m model --password-at end' '-m model --max-tokens 0' '-m model -b 0' '-m model --nothing'; do
        # shellcheck disable=SC2086
        run sample $arguments p.rec
        [ "$status" -eq 2 ] || { echo "$arguments"; false; }
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "sample: "*"see sample --help" ]]
    done
}

@test "what is missing or cannot be written is one line and leaves nothing" {
    inputs
    before=$(ls -A)
    for arguments in '-m nowhere p.rec' '-m p.rec p.rec' '-m model nowhere.rec' '-m model -o no/c.rec p.rec' \
        '-m model -o /dev/full p.rec' '-m model --stop-token xyzzy p.rec' '-m model -d nothing p.rec'; do
        # shellcheck disable=SC2086
        run --separate-stderr sample -q --max-tokens 1 $arguments
        [ "$status" -eq 1 ] || { echo "$arguments: $status $stderr"; false; }
        [ "${#stderr_lines[@]}" -eq 1 ] || { echo "$arguments: $stderr"; false; }
        [[ $stderr == "sample: "* ]]
        [ "$(ls -A)" = "$before" ]
    done
    sample -q -d cpu -m model --max-tokens 1 p.rec 2>said | true
    [ "${PIPESTATUS[0]}" = 1 ]
    [ "$(cat said)" = "sample: standard output: nobody reads it any more" ]
}

@test "stopped by a signal, it leaves no output" {
    inputs
    mkfifo pipe
    sample -q -d cpu -t 1 -m model -o c.rec pipe 2>said 3>&- &
    pid=$!
    exec 7>pipe
    cat p.rec >&7
    sleep 0.1
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ "$status" -eq 1 ]
    [[ $(cat said) == "sample: "*"stopped by a signal" ]]
    [ ! -e c.rec ]
}

@test "--help and the manual name every option" {
    run sample --help
    [ "$status" -eq 0 ]
    for option in model output rejects max-rejects template password password-at temperature top-k top-p samples \
        max-tokens stop stop-token overflow free-form score token-logprobs rate cache-memory no-graphs dtype policy round seed token-ids batch device threads quiet help version; do
        [[ $output == *"--$option"* ]]
        grep -qE -- "Fl Fl $option( |\$)" "$ROOT/man/lockpick-sample.1" || { echo "$option"; false; }
    done
}
