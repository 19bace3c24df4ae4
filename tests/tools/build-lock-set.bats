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
