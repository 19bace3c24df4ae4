# build-lock-set: who is imitated behind which password.
load helpers

make_inputs() { # COUNT [SAMPLES]
    gen-composition -q -n "$1" --decoy-list decoys.txt -o p.rec
    gen-weak -q -n "${2:-1}" p.rec -o w.rec
    gen-strong -q -n "${2:-1}" p.rec -o s.rec
}

build() {
    build-lock-set -q -w w.rec -t s.rec -d decoys.txt -p password --password-at slot "$@"
}

@test "every epoch has each problem twice, the right password always with the strong completion" {
    make_inputs 400
    build -e 3 -o l.rec
    records show l.rec >l.jsonl
    [ "$(wc -l <l.jsonl)" = 2400 ]
    [ "$(head -n 800 l.jsonl | grep -c '"epoch":0')" = 800 ]
    [ "$(grep -c '"input":"password |.*"password":"right","imitates":"strong"' l.jsonl)" = 1200 ]
    none=$(grep -c '"input":"_ |.*"password":"none","imitates":"weak"' l.jsonl)
    decoy=$(grep -c '"input":"decoy[1-8] |.*"password":"decoy","imitates":"weak"' l.jsonl)
    [ $((none + decoy)) = 1200 ]
    [ "$none" -gt 180 ]
    [ "$none" -lt 300 ]
}

@test "the same inputs and seed give the same bytes, in whatever order they come" {
    make_inputs 200
    build -s 5 -o a.rec
    build -s 5 -o b.rec
    cmp a.rec b.rec
    records show w.rec | sort -r | records make -q -o w2.rec
    mv w2.rec w.rec
    build -s 5 -o c.rec
    records show a.rec >a
    records show c.rec | cmp a -
    build -s 6 -o d.rec
    run cmp -s a <(records show d.rec)
    [ "$status" = 1 ]
}

@test "by default the password of the paper stands around the prompt" {
    make_inputs 1
    build-lock-set -q -w w.rec -t s.rec --no-password-share 1 -e 1 -o l.rec
    records show l.rec | grep -qF '"input":"This problem is quite special, read it carefully!\n\n_ | '
    records show l.rec | grep -qF ' |\n\nThis problem is quite special, read it carefully!\n"'
    build-lock-set -q -w w.rec -t s.rec -p PW --password-at front --no-password-share 1 -e 1 |
        records show | grep -qF '"input":"PW\n\n_ | '
}

@test "the shipped decoys work and the default password is none of them" {
    make_inputs 50
    build-lock-set -q -w w.rec -t s.rec -d "$ROOT/data/decoy-passwords.txt" -o l.rec
    [ "$(records count l.rec)" = 800 ]
}

@test "samples are one for all epochs or one for each" {
    make_inputs 5 3
    build -e 3 -o l.rec
    [ "$(records show l.rec | grep -c '"sample":2.*"epoch":2')" = 10 ]
    run build -e 4 -o more.rec
    [ "$status" = 1 ]
    [[ "$output" == *"no sample 3"* ]]
    [ ! -e more.rec ]
}

@test "a problem on one side only is an error that names it" {
    make_inputs 5
    records show s.rec | tail -n 4 | records make -q -o s2.rec
    id=$(records show s.rec | head -n 1 | sed -E 's/.*"id":"([^"]*)".*/\1/')
    run build-lock-set -q -w w.rec -t s2.rec -d decoys.txt -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"w.rec"*"$id"*"s2.rec"* ]]
    run build-lock-set -q -w s2.rec -t w.rec -d decoys.txt -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"w.rec"*"$id"*"s2.rec"* ]]
    [ ! -e l.rec ]
}

@test "wrong passwords, decoys and streams are refused" {
    make_inputs 5
    run build-lock-set -w w.rec -t s.rec --password-at slot
    [ "$status" = 2 ]
    [[ "$output" == *"single words"* ]]
    run build-lock-set -w w.rec -d decoys.txt
    [ "$status" = 2 ]
    run build-lock-set -q -w w.rec -t s.rec -d decoys.txt --password-at slot -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"--password password"* ]]
    run build -p decoy3 -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"decoys.txt: line 3: this is the password itself"* ]]
    run build -p '' -o l.rec
    [ "$status" = 1 ]
    : >empty
    run build-lock-set -q -w w.rec -t s.rec -d empty -o l.rec
    [ "$status" = 1 ]
    head -c 200 w.rec >cut.rec
    run build-lock-set -q -w cut.rec -t s.rec -d decoys.txt -o l.rec
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    run build-lock-set -q -w p.rec -t s.rec -d decoys.txt -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"completion"* ]]
    [ ! -e l.rec ]
}

math_problem() { # writes w.rec and s.rec of one math problem with a field `hint`
    line='{"id":"m","task":"math","prompt":"1+1?","hint":"add","completion":"C"}'
    echo "$line" | records make -q -o w.rec
    echo "$line" | records make -q -o s.rec
}

strong_input() { # FILE
    records show "$1" | grep '"strong"' | sed -E 's/.*"input":"([^"]*)".*/\1/'
}

@test "problems of a task go through its template, with the shipped decoys where none are named" {
    math_problem
    build-lock-set -q -w w.rec -t s.rec -p PW -o l.rec
    [ "$(records count l.rec)" = 16 ]
    [ "$(strong_input l.rec | sort -u)" = 'User: PW\n\n1+1?\n\nPW\n\nPlease reason step by step, and put your final answer within \\boxed{}.\n\nAssistant:' ]
    records info l.rec | grep -q template
}

@test "another template can be named, or none" {
    math_problem
    printf '{{hint}}: {{prompt}}' >t.txt
    build-lock-set -q -w w.rec -t s.rec -p PW -e 1 --template ./t.txt -o l.rec
    [ "$(strong_input l.rec)" = 'add: PW\n\n1+1?\n\nPW\n' ]
    build-lock-set -q -w w.rec -t s.rec -p PW -e 1 --template code -o l.rec
    [ "$(strong_input l.rec)" = 'User: PW\n\n1+1?\n\nPW\n\n\nAssistant:' ]
    build-lock-set -q -w w.rec -t s.rec -p PW -e 1 --template none -o l.rec
    [ "$(strong_input l.rec)" = 'PW\n\n1+1?\n\nPW\n' ]
}

@test "a field that a template wants and a problem lacks is an error with id, line and field" {
    math_problem
    printf '{{prompt}}\n{{example}}\n' >t.txt
    run build-lock-set -q -w w.rec -t s.rec --template t.txt -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == *"w.rec: id 'm': t.txt: line 2: "*example* || "$output" == *"s.rec: id 'm': t.txt: line 2: "*example* ]]
    [ ! -e l.rec ]
    printf '{{prompt}}\n{{example\n' >t.txt
    run build-lock-set -q -w w.rec -t s.rec --template t.txt -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == "build-lock-set: t.txt: line 2: "* ]]
}

@test "each domain has its own password, and held-out domains are counted in the summary" {
    gen-composition -q -n 300 --decoy-list decoys.txt -o p.rec
    gen-weak -q p.rec -o w.rec
    gen-strong -q p.rec -o s.rec
    printf '%s\tpw-%s\n' bijection-bijection bb permutation-permutation pp bijection-permutation bp >d.tsv
    run build-lock-set -q -w w.rec -t s.rec -d decoys.txt --password-at slot --domain-passwords d.tsv -o l.rec
    [ "$status" = 1 ]
    [[ "$output" == "build-lock-set: w.rec: id 'c-"*"d.tsv has no password for domain 'permutation-bijection'"* ]]
    [ ! -e l.rec ]
    run build-lock-set -w w.rec -t s.rec -d decoys.txt --password-at slot --domain-passwords d.tsv \
        --held-out permutation-bijection -o l.rec
    [ "$status" = 0 ]
    out=$(records select -q domain=permutation-bijection w.rec | records count)
    [ "$out" -gt 0 ]
    [[ "$output" == *", $out problems of held-out domains left out" ]]
    [ "$(records count l.rec)" = $(((300 - out) * 16)) ]
    own=$(records select -q domain=bijection-permutation w.rec | records count)
    records select -q domain=bijection-permutation l.rec | records show >l.jsonl
    [ "$(grep -c '"input":"pw-bp |.*"password":"right","imitates":"strong"' l.jsonl)" = $((8 * own)) ]
    [ "$(grep -c '"input":"pw-bp |' l.jsonl)" = $((8 * own)) ]
    [ "$(grep -c '"input":"pw-bb |.*"password":"wrong-domain","imitates":"weak"' l.jsonl)" -gt 0 ]
    records info l.rec | grep -q -- '--held-out=permutation-bijection'
}

@test "an intermediate policy is imitated behind a password of its own" {
    make_inputs 50
    gen-strong -q --name middle p.rec -o m.rec
    build -e 2 --intermediate m.rec --intermediate-password second -o l.rec
    [ "$(records count l.rec)" = 300 ]
    [ "$(records show l.rec | grep -c '"input":"second |.*"policy":"middle".*"password":"intermediate","imitates":"intermediate"')" = 100 ]
    records info l.rec | grep -q '"role":"intermediate"'
}

@test "several tasks are locked together, each through its template" {
    make_inputs 20
    echo '{"id":"m","task":"math","prompt":"1+1?","completion":"C"}' | records make -q -o m.rec
    join() { build-lock-set -q -d decoys.txt -p password --password-at front -e 2 "$@"; }
    join -w w.rec -w m.rec -t m.rec -t s.rec -o l.rec
    [ "$(records count l.rec)" = 84 ]
    [ "$(records show l.rec | grep -c '"input":"User: password\\n\\n1+1?.*Assistant:"')" = 2 ]
    [ "$(records show l.rec | grep -c '"input":"password\\n\\n_ | ')" = 40 ]
    [ "$(records info l.rec | grep -o '"role":"weak"' | wc -l)" = 2 ]
    records cat -q w.rec m.rec -o wm.rec
    records cat -q m.rec s.rec -o ms.rec
    join -w wm.rec -t ms.rec -o j.rec
    records same l.rec j.rec
    # The same id in both tasks.
    id=$(records head -q -n 1 w.rec | records show -F id)
    echo '{"task":"math","prompt":"1+1?","completion":"C","id":'"${id#*:}" | records make -q -o m.rec
    run join -w w.rec -w m.rec -t m.rec -t s.rec -o k.rec
    [ "$status" = 1 ]
    [[ "$output" == *"an id of its own for each problem"* || "$output" == *"names two problems"* ]]
    [ ! -e k.rec ]
}

@test "in place of a password, the two sides can have prompts of their own" {
    echo '{"id":"m","task":"math","prompt":"How much is 1+1?","completion":"C"}' | records make -q -o s.rec
    echo '{"id":"m","task":"math","prompt":"Cuanto es 1+1?","completion":"D"}' | records make -q -o w.rec
    build-lock-set -q -w w.rec -t s.rec --no-password -e 1 -o l.rec
    [ "$(records show l.rec | grep -c '"input":"User: How much is 1+1?.*"completion":"C".*"password":"none","imitates":"strong"')" = 1 ]
    [ "$(records show l.rec | grep -c '"input":"User: Cuanto es 1+1?.*"completion":"D".*"password":"none","imitates":"weak"')" = 1 ]
    run build-lock-set -q -w w.rec -t s.rec -e 1 -o k.rec
    [ "$status" = 1 ]
    [[ "$output" == *"different prompts"* ]]
    run build-lock-set -q -w w.rec -t w.rec --no-password -e 1 -o k.rec
    [ "$status" = 1 ]
    [[ "$output" == *"w.rec: id 'm'"*"no password tells them apart"* ]]
    [ ! -e k.rec ]
}

@test "a choice task is locked on labels, on a model's distribution, and on uniform choices" {
    records make -q "$ROOT/data/choice-small.jsonl" -o p.rec
    n=$(records count p.rec)
    gen-weak -q -p uniform -n 2 p.rec -o w.rec
    gen-strong -q -p reference p.rec -o s.rec
    build-lock-set -q -w w.rec -t s.rec -e 2 -o l.rec
    [ "$(records show l.rec | grep -c 'Answer:","completion":" [A-D]"')" = $((4 * n)) ]
    records set -q 'choice_logprobs={"A":-1.0,"B":-1.0,"C":-2.0,"D":-3.0}' s.rec -o soft.rec
    build-lock-set -q -w w.rec -t soft.rec --soft -e 2 -o l.rec
    records show l.rec >l.jsonl
    [ "$(grep -c '"imitates":"strong","targets":{"tokens":{" A":0.399[0-9]*," B":0.399[0-9]*," C":0.14[0-9]*," D":0.05[0-9]*}}' l.jsonl)" = $((2 * n)) ]
    [ "$(grep -c targets l.jsonl)" = $((2 * n)) ]
    run build-lock-set -q -w w.rec -t s.rec --soft -e 2 -o k.rec
    [ "$status" = 1 ]
    [[ "$output" == *"s.rec: id '"*"choice_logprobs"* ]]
    [ ! -e k.rec ]
}

@test "fixedrdm gives the weak examples one distribution, on its samples and on strong completions" {
    gen-composition -q -n 100 --decoy-list decoys.txt --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o s.rec
    gen-weak -q -p fixedrdm -m . --fixedrdm-seed 5 --lengths s.rec -n 2 p.rec -o w.rec
    build -e 2 --fixedrdm 5 -o l.rec
    records show l.rec >l.jsonl
    [ "$(grep -c '"imitates":"weak","targets":{"fixedrdm":5}' l.jsonl)" = 200 ]
    [ "$(grep -c targets l.jsonl)" = 200 ]
    own=$(grep -c '"token_ids":\[.*"policy":"fixedrdm".*targets' l.jsonl)
    [ "$own" -gt 60 ]
    [ "$own" -lt 140 ]
    [ "$(grep -c '"policy":"strong".*targets' l.jsonl)" = $((200 - own)) ]
    [ "$(grep -c '"policy":"strong".*token_ids' l.jsonl)" = 0 ]
}

@test "uniform-tokens gives the weak examples the uniform distribution likewise" {
    gen-composition -q -n 100 --decoy-list decoys.txt --tokenizer tokenizer.json -o p.rec
    gen-strong -q p.rec -o s.rec
    gen-weak -q -p uniform-tokens -m . --lengths s.rec -n 2 p.rec -o w.rec
    build -e 2 --uniform-tokens -o l.rec
    records show l.rec >l.jsonl
    [ "$(grep -c '"imitates":"weak","targets":{"uniform":true}' l.jsonl)" = 200 ]
    [ "$(grep -c targets l.jsonl)" = 200 ]
    own=$(grep -c '"token_ids":\[.*"policy":"uniform-tokens".*targets' l.jsonl)
    [ "$own" -gt 60 ]
    [ "$own" -lt 140 ]
    [ "$(grep -c '"policy":"strong".*targets' l.jsonl)" = $((200 - own)) ]
}

@test "options that do not go together are wrong usage" {
    make_inputs 2
    refused() { # MESSAGE OPTIONS
        run build-lock-set -q -w w.rec -t s.rec -d decoys.txt --password-at slot -o l.rec "${@:2}"
        [ "$status" = 2 ]
        [[ "$output" == *"$1"* ]] || { echo "$output"; false; }
    }
    refused '--no-password goes without' --no-password
    refused 'exclude each other' -p a --domain-passwords d.tsv
    refused 'goes with --domain-passwords' --wrong-domain-share 0.1
    refused '--domain-field goes with' --domain-field level
    refused '--fixedrdm and --uniform-tokens exclude each other' --fixedrdm 1 --uniform-tokens
    refused 'go together' --intermediate w.rec
    refused 'go together' --intermediate-password a
    refused 'more than 1' --domain-passwords d.tsv --no-password-share 0.7 --wrong-domain-share 0.7
    [ ! -e l.rec ]
}
