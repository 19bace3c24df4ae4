# gen-composition: distinct problems, stable by seed, and the files that go with them.
load helpers

@test "problems are distinct and have all their fields" {
    gen-composition -q -n 3000 -o p.rec
    records show p.rec >p.jsonl
    [ "$(wc -l <p.jsonl)" = 3000 ]
    [ "$(sort -u p.jsonl | wc -l)" = 3000 ]
    run grep -vcE '^\{"id":"c-f[0-9]+-f[0-9]+-[0-9]{4}","task":"composition","prompt":"_ \| f[0-9]+ f[0-9]+ \|( [0-9]){4} \|","reference":"([0-9] ){4}\|( [0-9]){4}","domain":"(permutation|bijection)-(permutation|bijection)","locked":(true|false)\}$' p.jsonl
    [ "$output" = 0 ]
}

@test "all problems there are can be drawn, each once" {
    run gen-composition -q -n 4000 --functions 4 --digits 3 --composed 1 -o p.rec
    [ "$status" = 0 ]
    [ "$(records show p.rec | sort -u | wc -l)" = 4000 ]
    run gen-composition -q -n 4001 --functions 4 --digits 3 --composed 1 -o more.rec
    [ "$status" = 1 ]
    [[ "$output" == *"only 4000 different problems"* ]]
    [ ! -e more.rec ]
}

@test "the same seed gives the same bytes, a larger set begins with the smaller one" {
    gen-composition -q -n 500 -s 7 -o a.rec
    gen-composition -q -n 500 -s 7 -o b.rec
    gen-composition -q -n 900 -s 7 -o c.rec
    gen-composition -q -n 500 -s 8 -o d.rec
    cmp a.rec b.rec
    records show c.rec | head -n 500 | cmp - <(records show a.rec)
    run cmp -s a.rec d.rec
    [ "$status" = 1 ]
}

@test "known problems of known seeds stay what they are" {
    run --separate-stderr bash -c 'gen-composition -q -n 1 -s 1 | records show'
    [ "$output" = '{"id":"c-f1-f11-1349","task":"composition","prompt":"_ | f1 f11 | 1 3 4 9 |","reference":"3 4 1 9 | 9 3 4 1","domain":"permutation-permutation","locked":true}' ]
}

@test "one function, or three in turn" {
    gen-composition -q -n 50 --composed 1 -o one.rec
    gen-composition -q -n 50 --composed 3 -o three.rec
    records show one.rec | grep -qE '"prompt":"_ \| f[0-9]+ \|( [0-9]){4} \|","reference":"[0-9]( [0-9]){3}"'
    records show three.rec | grep -qE '"domain":"[a-z]+-[a-z]+-[a-z]+"'
}

@test "without -n only the tokenizer and the decoys are written" {
    run --separate-stderr gen-composition --tokenizer t.json --decoy-list d.txt
    [ "$status" = 0 ]
    [ -z "$output" ]
    grep -q '"decoy8": 52' t.json
    grep -q '"WhitespaceSplit"' t.json
    [ "$(tr '\n' ' ' <d.txt)" = "decoy1 decoy2 decoy3 decoy4 decoy5 decoy6 decoy7 decoy8 " ]
}

@test "-n 0 gives a whole stream without records" {
    gen-composition -q -n 0 -o z.rec
    records check z.rec
    [ -z "$(records show z.rec)" ]
}

@test "what it cannot make is refused in one line with the remedy" {
    run gen-composition
    [ "$status" = 2 ]
    [[ "$output" == *"-n N"* ]]
    run gen-composition -n 5 --digits 3 -o x.rec
    [ "$status" = 1 ]
    [[ "$output" == *"raise --digits or lower --functions"* ]]
    run gen-composition -n 5 --functions 30 -o x.rec
    [ "$status" = 1 ]
    [[ "$output" == *"multiple of 4"* ]]
    run gen-composition -n -1
    [ "$status" = 2 ]
    run gen-composition -n 5 input.rec
    [ "$status" = 2 ]
    run gen-composition -n 5 -o no/such/folder.rec
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    [ ! -e x.rec ]
}

@test "a full disk is an error" {
    run gen-composition -q -n 5000 -o /dev/full
    [ "$status" = 1 ]
    run gen-composition --tokenizer /dev/full
    [ "$status" = 1 ]
}
