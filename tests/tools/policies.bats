# gen-strong and gen-weak: programs, references and stored completions as policies.
load helpers

field() { # NAME: its text in every record of stdin
    records show | sed -E "s/.*\"$1\":(\"([^\"]*)\"|([^,}]*)).*/\2\3/"
}

@test "the strong program gives the reference" {
    gen-composition -q -n 300 -o p.rec
    gen-strong -q p.rec -o s.rec
    field completion <s.rec >a
    field reference <s.rec >b
    cmp a b
    field prompt <s.rec >a
    field input <s.rec >b
    cmp a b
    [ "$(field policy <s.rec | sort -u)" = strong ]
    [ "$(field finish <s.rec | sort -u)" = stop ]
}

@test "the weak program differs from it in the locked problems alone" {
    gen-composition -q -n 1000 -o p.rec
    gen-weak -q p.rec -o w.rec
    grade-exact -q w.rec -o g.rec
    [ "$(field policy <g.rec | sort -u)" = weak ]
    records show g.rec | grep -c '"locked":true.*"correct":false' >locked
    records show g.rec | grep -c '"locked":false.*"correct":true' >open
    [ $(($(cat locked) + $(cat open))) = 1000 ]
    [ "$(cat locked)" -gt 650 ]
    [ "$(cat locked)" -lt 800 ]
}

@test "several samples a problem carry their numbers" {
    gen-composition -q -n 3 -o p.rec
    gen-weak -q --samples 3 p.rec -o w.rec
    [ "$(field sample <w.rec | tr '\n' ' ')" = "0 1 2 0 1 2 0 1 2 " ]
}

@test "another data seed than the problems' is refused with the remedy" {
    gen-composition -q -n 20 --data-seed 4 -o p.rec
    gen-strong -q --data-seed 4 p.rec -o s.rec
    run gen-weak -q p.rec -o w.rec
    [ "$status" = 1 ]
    [[ "$output" == *"p.rec: record 1"*"--data-seed"* ]]
    [ ! -e w.rec ]
    run gen-strong -q --digits 5 p.rec -o w.rec
    [ "$status" = 1 ]
    [[ "$output" == *"a digit should be"* ]]
}

@test "the reference policy needs no program" {
    echo '{"id":"m","task":"math","prompt":"1+1?","reference":"2"}' | records make -q -o p.rec
    run gen-strong -q p.rec -o s.rec
    [ "$status" = 1 ]
    [[ "$output" == *"task 'math' has no program"* ]]
    run --separate-stderr bash -c 'gen-strong -q --policy reference --name labels p.rec | records show'
    [ "$output" = '{"id":"m","task":"math","prompt":"1+1?","reference":"2","input":"1+1?","completion":"2","policy":"labels","sample":0,"finish":"stop"}' ]
}

@test "stored completions are joined by id and sample" {
    printf '%s\n' '{"id":"b","completion":"B0","sample":0,"policy":"gpt"}' '{"id":"a","completion":"A0"}' \
        '{"id":"b","completion":"B1","sample":1,"finish":"length"}' '{"id":"a","completion":"A1"}' |
        records make -q -o c.rec
    printf '%s\n' '{"id":"a","prompt":"?"}' '{"id":"b","prompt":"!"}' | records make -q -o p.rec
    gen-weak -q -p stored -c c.rec -n 2 p.rec -o w.rec
    [ "$(field completion <w.rec | tr '\n' ' ')" = "A0 A1 B0 B1 " ]
    [ "$(field policy <w.rec | tr '\n' ' ')" = "weak weak gpt weak " ]
    [ "$(field finish <w.rec | tr '\n' ' ')" = "stop stop stop length " ]
    run gen-weak -q -p stored -c c.rec -n 3 p.rec -o x.rec
    [ "$status" = 1 ]
    [[ "$output" == *"no sample 2"* ]]
}

@test "a problem that the store lacks is set aside as it came" {
    printf '%s\n' '{"id":"a","completion":"A0"}' | records make -q -o c.rec
    printf '%s\n' '{"id":"a","prompt":"?"}' '{"id":"b","prompt":"!"}' | records make -q -o p.rec
    gen-weak -q -p stored -c c.rec --rejects r.rec p.rec -o w.rec
    [ "$(records count w.rec)" = 1 ]
    records show r.rec | grep -q '^{"id":"b","prompt":"!","reject_reason":".*no completion'
}

@test "new completions take old verdicts away" {
    gen-composition -q -n 5 | gen-weak -q | grade-exact -q -o g.rec
    run --separate-stderr bash -c 'gen-strong -q g.rec | records show'
    [[ "$output" != *correct* ]]
}

@test "policies and their options go together" {
    run gen-strong -p stored </dev/null
    [ "$status" = 2 ]
    run gen-strong -c c.rec </dev/null
    [ "$status" = 2 ]
    run gen-weak -p nothing </dev/null
    [ "$status" = 2 ]
    [[ "$output" == *"program|reference|stored|model"* ]]
    run gen-weak -n 0 </dev/null
    [ "$status" = 2 ]
    run gen-weak -q </dev/null
    [ "$status" = 1 ]
}

@test "a model is a policy too, at temperature 1 and under the policy's name" {
    gen-composition -q -n 5 --tokenizer tokenizer.json -o p.rec
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json \
        --set hidden_size=32 --set intermediate_size=32 --set num_hidden_layers=1 \
        --set num_attention_heads=2 --set num_key_value_heads=2 -o fresh
    gen-weak -q -d cpu -t 1 --policy model -m fresh --max-tokens 9 -n 2 -s 4 -o w.rec p.rec
    sample -q -d cpu -t 1 -m fresh --max-tokens 9 -n 2 -s 4 -T 1 --policy weak -o s.rec p.rec
    cmp <(records show w.rec) <(records show s.rec)
    gen-strong -q -d cpu -t 1 --policy model -m fresh --max-tokens 1 -o s.rec p.rec
    [ "$(field policy <s.rec | sort -u)" = strong ]
    for arguments in '--policy model' '-m fresh'; do
        # shellcheck disable=SC2086
        run gen-weak -q $arguments p.rec
        [ "$status" -eq 2 ]
        [[ $output == *"--policy model and -m DIR go together"* ]]
    done
}
