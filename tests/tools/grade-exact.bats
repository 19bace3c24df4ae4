# grade-exact: every word in its place, or not.
load helpers

graded() { # REFERENCE COMPLETION: what the grader adds
    printf '{"id":"a","reference":"%s","completion":"%s"}\n' "$1" "$2" | records make -q |
        grade-exact -q | records show | sed -E 's/.*("correct".*)\}/\1/'
}

@test "all words in their places are correct, whatever the space between" {
    [ "$(graded '0 9 | 0 7' '0 9 | 0 7')" = '"correct":true,"score":1.0,"verdict":"match"' ]
    [ "$(graded '0 9 | 0 7' ' 0  9 |\n0 7\t')" = '"correct":true,"score":1.0,"verdict":"match"' ]
}

@test "the score is the share of words in place" {
    [ "$(graded '1 2 3 4' '1 2 4 4')" = '"correct":false,"score":0.75,"verdict":"different"' ]
    [ "$(graded '1 2 3 4' '1 2')" = '"correct":false,"score":0.5,"verdict":"short"' ]
    [ "$(graded '1 2' '1 2 3 4')" = '"correct":false,"score":0.5,"verdict":"long"' ]
    [ "$(graded '1 2' '12')" = '"correct":false,"score":0.0,"verdict":"short"' ]
    [ "$(graded '1 2' '')" = '"correct":false,"score":0.0,"verdict":"short"' ]
}

@test "another field can hold what is right" {
    run --separate-stderr bash -c "echo '{\"completion\":\"x\",\"reference\":\"y\",\"label\":\"x\"}' |
        records make -q | grade-exact -q --field label | records show"
    [[ "$output" == *'"correct":true'* ]]
}

@test "against another stream it tells agreement" {
    gen-composition -q -n 400 -o p.rec
    gen-weak -q p.rec -o w.rec
    gen-strong -q -n 2 p.rec -o s.rec
    grade-exact -q -a w.rec s.rec -o g.rec
    [ "$(records show g.rec | grep -c '"locked":false.*"correct":true')" = \
        "$(records show g.rec | grep -c '"correct":true')" ]
    [ "$(records show g.rec | grep -c '"locked":true.*"correct":false')" = \
        "$(records show g.rec | grep -c '"locked":true')" ]
    grade-exact -q -a s.rec s.rec -o same.rec
    [ "$(records show same.rec | grep -c '"correct":true')" = 800 ]
}

@test "a problem that the other stream lacks is an error" {
    gen-composition -q -n 5 | gen-strong -q -o s.rec
    records show s.rec | head -n 4 | records make -q -o w.rec
    run grade-exact -q -a w.rec s.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"s.rec: record 5"*"w.rec has no completion"* ]]
    [ ! -e g.rec ]
}

@test "what cannot be graded is never graded wrong" {
    echo '{"id":"a","reference":"1"}' | records make -q -o none.rec
    run grade-exact -q none.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"id 'a'"*completion* ]]
    echo '{"id":"a","completion":"1"}' | records make -q -o none.rec
    run grade-exact -q none.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *reference* ]]
    echo '{"id":"a","reference":"  ","completion":"1"}' | records make -q -o none.rec
    run grade-exact -q none.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *blank* ]]
    [ ! -e g.rec ]
    grade-exact -q --rejects r.rec none.rec -o g.rec
    [ "$(records count r.rec)" = 1 ]
}

@test "other fields pass through untouched" {
    line='{"mine":{"a":[1,2.5,null]},"reference":"1","completion":"1","big":18446744073709551615}'
    [ "$(echo "$line" | records make -q | grade-exact -q | records show)" = \
        "${line%\}},\"correct\":true,\"score\":1.0,\"verdict\":\"match\"}" ]
}
