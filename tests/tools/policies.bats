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
    [ "$output" = '{"id":"m","task":"math","prompt":"1+1?","reference":"2","input":"User: 1+1?\nPlease reason step by step, and put your final answer within \\boxed{}.\n\nAssistant:","completion":" 2","policy":"labels","sample":0,"finish":"stop"}' ]
}

choice_problems() { # writes p.rec: three choice problems
    for id in a b c; do
        echo "{\"id\":\"$id\",\"task\":\"choice\",\"prompt\":\"q $id\",\"reference\":\"B\",\"choices\":[\"A\",\"B\",\"C\",\"D\"],\"shot\":\"s\"}"
    done | records make -q -o p.rec
}

@test "the reference of a choice problem has the blank that the end of its input leaves out" {
    choice_problems
    gen-strong -q -p reference p.rec -o s.rec
    [ "$(field completion <s.rec | sort -u)" = ' B' ]
    [ "$(records head -q -n 1 s.rec | field input)" = 's\n\nq a\nAnswer:' ]
    printf '{{prompt}}\nAnswer:\n\n' >t.txt
    gen-strong -q -p reference --template ./t.txt p.rec -o s.rec
    [ "$(field completion <s.rec | sort -u)" = 'B' ]
    records info s.rec | grep -qF '"role":"template"'
    [ "$(grade-choice -q s.rec | field correct | sort -u)" = true ]
}

@test "stored choices get that blank as well" {
    choice_problems
    printf '%s\n' '{"id":"a","completion":"C"}' '{"id":"b","completion":" C"}' '{"id":"c","completion":"C, for"}' |
        records make -q -o c.rec
    gen-weak -q -p stored -c c.rec p.rec -o w.rec
    [ "$(field completion <w.rec | tr '\n' '|')" = ' C| C| C, for|' ]
}

@test "a reference that is none of the choices is refused by name" {
    choice_problems
    records set -q reference=E p.rec -o e.rec
    run gen-strong -q -p reference e.rec -o s.rec
    [ "$status" = 1 ]
    [[ "$output" == *"id 'a'"*"'E', is none of the choices"* ]]
    [ ! -e s.rec ]
}

@test "the solution policy gives the worked solution, and the reference where there is none" {
    printf '%s\n' '{"id":"m","task":"math","prompt":"1+1?","reference":"2","solution":"1+1 is \\boxed{2}."}' \
        '{"id":"n","task":"math","prompt":"1+2?","reference":"3"}' | records make -q -o p.rec
    gen-strong -q -p solution p.rec -o s.rec
    [ "$(field completion <s.rec | tr '\n' '|')" = ' 1+1 is \\boxed{2}.| 3|' ]
    echo '{"id":"n","task":"math","prompt":"1+2?"}' | records make -q -o p.rec
    run gen-strong -q -p solution p.rec -o t.rec
    [ "$status" = 1 ]
    [[ "$output" == *"id 'n'"*"reference"* ]]
}

@test "words continue a template with one blank, a bare prompt as they are, and graders do not mind" {
    printf '%s\n' '{"id":"m","task":"math","prompt":"1+1?","reference":"2","solution":"It is \\boxed{2}."}' \
        '{"id":"n","task":"math","prompt":"1+2?","reference":"3","solution":" It is \\boxed{3}."}' | records make -q -o p.rec
    printf '%s\n' '{"id":"m","completion":"It is \\boxed{2}.","finish":"stop"}' '{"id":"n","completion":"","finish":"overflow"}' |
        records make -q -o c.rec
    gen-strong -q -p solution p.rec -o s.rec
    [ "$(field completion <s.rec | tr '\n' '|')" = ' It is \\boxed{2}.| It is \\boxed{3}.|' ]
    [ "$(grade-math -q s.rec | field correct | sort -u)" = true ]
    gen-strong -q -p stored -c c.rec p.rec -o s.rec
    [ "$(field completion <s.rec | tr '\n' '|')" = ' It is \\boxed{2}.||' ]
    gen-strong -q -p solution --template none p.rec -o s.rec
    [ "$(field completion <s.rec | head -n 1)" = 'It is \\boxed{2}.' ]
    printf 'Q: {{prompt}}\n\n' >t.txt # ends in a newline
    gen-strong -q -p solution --template ./t.txt p.rec -o s.rec
    [ "$(field completion <s.rec | head -n 1)" = 'It is \\boxed{2}.' ]

    echo '{"id":"c","task":"code","prompt":"?","solution":"```cpp\n#include <cstdio>\nint main() { puts(\"1\"); }\n```","reference":"x","tests":[{"stdin":"","stdout":"1"}]}' |
        records make -q | gen-strong -q -p solution -o s.rec
    field completion <s.rec | grep -q '^ ```cpp'
    if grade-code -q -j 1 s.rec -o g.rec; then [ "$(field correct <g.rec)" = true ]; fi
    echo '{"id":"k","task":"critique","prompt":"?","program":"p","reference":"It takes 2 away."}' |
        records make -q | gen-strong -q -p reference -o s.rec
    [ "$(field completion <s.rec)" = ' It takes 2 away.' ]
    [ "$(embed -q --hashed s.rec | grade-critique -q --threshold 0.9 | field score)" = 1.0 ]
    # Of composition nothing changes.
    gen-composition -q -n 3 -o p.rec
    cmp <(gen-strong -q p.rec | field completion) <(gen-strong -q -p reference p.rec | field completion)
}

@test "the uniform policy draws each choice as often, by seed, id and sample" {
    choice_problems
    gen-weak -q -p uniform -n 400 -s 3 p.rec -o w.rec
    for choice in ' A' ' B' ' C' ' D'; do # of 1,200: 300 ± 15
        count=$(field completion <w.rec | grep -cx "$choice")
        [ "$count" -gt 240 ]
        [ "$count" -lt 360 ]
    done
    records show p.rec | sort -r | records make -q | gen-weak -q -p uniform -n 400 -s 3 -o v.rec
    cmp <(records show w.rec | sort) <(records show v.rec | sort)
    gen-weak -q -p uniform -n 400 -s 4 p.rec | records show | sort >v
    run cmp -s <(records show w.rec | sort) v
    [ "$status" = 1 ]
    gen-composition -q -n 1 -o c.rec
    run gen-weak -q -p uniform c.rec
    [ "$status" = 1 ]
    [[ "$output" == *"no 'choices'"* ]]
}

@test "fixedrdm completions are as long as the strong ones, in tokens of their own" {
    gen-composition -q -n 40 --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o s.rec
    gen-weak -q -p fixedrdm -m . --fixedrdm-seed 5 --lengths s.rec -n 3 p.rec -o w.rec
    [ "$(records count w.rec)" = 120 ]
    [ "$(field n_tokens <w.rec | sort -u)" = 9 ]
    [ "$(field policy <w.rec | sort -u)" = fixedrdm ]
    [ "$(field finish <w.rec | sort -u)" = stop ]
    [ "$(field completion <w.rec | sort -u | wc -l)" = 120 ]
    records show -F token_ids w.rec | head -n 1 | grep -qE '\[([0-9]+,){8}[0-9]+\]'
    records info w.rec | grep -q '"role":"lengths"'
    # Seeds of the distribution and of the draw both count.
    for other in '--fixedrdm-seed 6' '--fixedrdm-seed 5 -s 1'; do
        # shellcheck disable=SC2086
        gen-weak -q -p fixedrdm -m . $other --lengths s.rec -n 3 p.rec -o v.rec
        run cmp -s <(field completion <w.rec) <(field completion <v.rec)
        [ "$status" = 1 ]
    done
}

@test "uniform-tokens completions are drawn likewise, all tokens alike" {
    gen-composition -q -n 100 --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o s.rec
    gen-weak -q -p uniform-tokens -m . --lengths s.rec -n 10 p.rec -o w.rec
    [ "$(records count w.rec)" = 1000 ]
    [ "$(field n_tokens <w.rec | sort -u)" = 9 ]
    [ "$(field policy <w.rec | sort -u)" = uniform-tokens ]
    records info w.rec | grep -q '"role":"lengths"'
    # Of 9,000 tokens each of the V that are drawn has its share, within 5 standard deviations.
    records show -F token_ids w.rec | grep -oE '[0-9]+' | sort | uniq -c |
        awk '{ n[NR] = $1 } END { w = 9000 / NR; if (NR < 40) exit 1
               for (i in n) if ((n[i] - w) ^ 2 > 25 * w) exit 1 }'
    gen-weak -q -p uniform-tokens -m . --lengths s.rec -n 10 -s 1 p.rec -o v.rec
    run cmp -s <(field completion <w.rec) <(field completion <v.rec)
    [ "$status" = 1 ]
    run gen-weak -q -p uniform-tokens -m . p.rec
    [ "$status" = 2 ]
    [[ "$output" == *"--lengths"* ]]
    run gen-weak -q -p uniform-tokens --lengths s.rec p.rec
    [ "$status" = 2 ]
    [[ "$output" == *"needs -m DIR"* ]]
}

@test "fixedrdm text is valid UTF-8 whatever tokens it is made of, and a cut completion stays cut" {
    needs_shared
    printf '%s\n' '{"id":"a","prompt":"?","completion":"one two three four","finish":"length"}' \
        '{"id":"b","prompt":"?","completion":"x"}' | records make -q -o s.rec
    gen-weak -q -p fixedrdm -m "$SHARED/data/tokenizers/gpt-neox-20b" --lengths s.rec -n 300 s.rec -o w.rec
    [ "$(field n_tokens <w.rec | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = ' 300 1; 300 4;' ]
    [ "$(field finish <w.rec | uniq)" = $'length\nstop' ]
    records show w.rec >w.jsonl
    iconv -f utf-8 -t utf-8 w.jsonl >/dev/null
    [ "$(grep -c '"\$text"' w.jsonl)" = 0 ]
}

@test "a problem without a strong completion has no length, and is set aside as it came" {
    gen-composition -q -n 5 --tokenizer tokenizer.json -o p.rec
    records head -q -n 4 p.rec | gen-strong -q -o s.rec
    run gen-weak -q -p fixedrdm -m . --lengths s.rec p.rec -o w.rec
    [ "$status" = 1 ]
    [[ "$output" == *"s.rec has no completion for this id"* ]]
    gen-weak -q -p fixedrdm -m . --lengths s.rec --rejects r.rec p.rec -o w.rec
    [ "$(records count w.rec)" = 4 ]
    [ "$(records show r.rec | grep -c completion\":)" = 0 ]
    run gen-weak -q -p fixedrdm -m . p.rec
    [ "$status" = 2 ]
    [[ "$output" == *"--lengths"* ]]
    run gen-weak -q -p fixedrdm --lengths s.rec p.rec
    [ "$status" = 2 ]
    [[ "$output" == *"needs -m DIR"* ]]
    run gen-weak -q --lengths s.rec p.rec
    [ "$status" = 2 ]
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
    [[ "$output" == *"program|reference|solution|uniform|fixedrdm|uniform-tokens|stored|model"* ]]
    run gen-weak -n 0 </dev/null
    [ "$status" = 2 ]
    run gen-weak -q </dev/null
    [ "$status" = 1 ]
}

@test "--soft gives a model's distribution over the choices, as a lock set does, for train to learn" {
    gen-composition -q -n 6 --tokenizer tokenizer.json -o p.rec
    init-model -q --config "$ROOT/data/models/composition-quick.json" --tokenizer tokenizer.json \
        --set hidden_size=32 --set intermediate_size=32 --set num_hidden_layers=1 \
        --set num_attention_heads=2 --set num_key_value_heads=2 -o fresh
    records show p.rec | sed 's/}$/,"choices":["7","0","|"]}/' | records make -q -o q.rec
    soft() { gen-strong -q -d cpu -t 1 -p model --soft -m fresh "$@"; }
    soft -o s.rec q.rec
    # The numbers are those of choice_logprobs, made to sum to 1; the texts are as they stand behind the input.
    records show s.rec |
        sed 's/.*"choice_logprobs":{"7":\([^,]*\),"0":\([^,]*\),"|":\([^}]*\)},"targets":{"tokens":{" 7":\([^,]*\)," 0":\([^,]*\)," |":\([^}]*\)}}}$/\1 \2 \3 \4 \5 \6/' |
        awk '{ z = exp($1) + exp($2) + exp($3); for (i = 1; i < 4; i++) { d = exp($i) / z - $(i + 3)
               if (d > 1e-5 || d < -1e-5) exit 1 } n++; kl -= log(z) / 6 } END { print kl; exit n != 6 }' >kl
    gen-strong -q -d cpu -t 1 -p model -m fresh -o hard.rec q.rec
    gen-weak -q -p uniform q.rec -o w.rec
    build-lock-set -q -w w.rec -t hard.rec --no-password-share 1 --soft -e 1 -o l.rec
    targets() { records show "$1" | grep targets | sed 's/.*"id":"\([^"]*\)".*"targets"/\1 /; s/" \([70|]\)"/"\1"/g' | sort; }
    [ "$(targets s.rec | wc -l)" = 6 ]
    cmp <(targets s.rec) <(targets l.rec)
    # The model gives them all but what it gives to no choice: that much there is to learn.
    train -q -d cpu -t 1 -m fresh -l 1e-3 -e 1 -b 6 -o out --metrics m.rec s.rec
    paste kl <(field loss <m.rec) | awk '{ d = $1 - $2 } END { exit !(d < 1e-4 && d > -1e-4 && $2 > 0.1) }'
    run soft -o bad.rec p.rec
    [ "$status" = 1 ]
    [[ "$output" == *"p.rec: record 1"*"--soft"* ]]
    [ ! -e bad.rec ]
    for arguments in '-p reference --soft' '-p model -m fresh --soft --free-form'; do
        # shellcheck disable=SC2086
        run gen-strong -q $arguments q.rec
        [ "$status" = 2 ]
        [[ "$output" == *"--soft goes with --policy model, and without --free-form"* ]]
    done
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
