# grade-math: whether the answer means the same as the reference.
load helpers

graded() { # REFERENCE COMPLETION [OPTION ...]: what the grader adds
    local line
    line=$(printf '{"id":"a","reference":"%s","completion":"%s"}' "$1" "$2")
    shift 2
    echo "$line" | records make -q | grade-math -q "$@" | records show -q | sed -E 's/.*("correct".*)\}/\1/'
}

@test "an answer that means the same is correct, and says how it was found equal" {
    [ "$(graded '\\frac{1}{2}' 'It is $\\boxed{0.5}$.')" = \
        '"correct":true,"score":1.0,"verdict":"equal-as-string","found":"0.5"' ]
    [ "$(graded '2\\sqrt{2}' 'so \\boxed{\\sqrt8}')" = \
        '"correct":true,"score":1.0,"verdict":"equal","found":"\\sqrt8"' ]
}

@test "another answer, one that cannot be read, and none at all are not correct" {
    [ "$(graded 5 'The answer is 6.')" = '"correct":false,"score":0.0,"verdict":"different","found":"6"' ]
    [ "$(graded 5 '\\boxed{\\what{5}}')" = \
        '"correct":false,"score":0.0,"verdict":"unparsed","found":"\\what{5}"' ]
    [ "$(graded 5 'I do not know\nwhat to say')" = '"correct":false,"score":0.0,"verdict":"no-answer"' ]
    [ "$(graded 5 '')" = '"correct":false,"score":0.0,"verdict":"no-answer"' ]
}

@test "who names two answers has not given the one that was asked for" {
    [ "$(graded 1 'The answer is $1$ or $2$.')" = \
        '"correct":false,"score":0.0,"verdict":"different","found":"$1$ or $2$"' ]
    [[ "$(graded 1,2 'The answer is $1$ and $2$.')" == *true* ]]
    [[ "$(graded 12 '\\boxed{1 2}')" == *false* ]]
    [[ "$(graded 2 '\\boxed{2\\text{ or }3}')" == *false* ]]
    [[ "$(graded '6:00 \\text{ p.m.}' '\\boxed{6:00 \\text{ a.m.}}')" == *'"different"'* ]]
}

@test "the level of strings takes no other writing" {
    [[ "$(graded '2\\sqrt{2}' '\\boxed{\\sqrt8}' --equivalence string)" == *'"different"'* ]]
    [[ "$(graded '2\\sqrt{2}' '\\boxed{2\\sqrt 2}' -e string)" == *'"different"'* ]]
    [[ "$(graded '2\\sqrt{2}' '\\boxed{2\\sqrt2}' -e string)" == *'"equal-as-string"'* ]]
    [[ "$(graded '1 1/2' '\\boxed{1 1/2}' -e string)" == *'"equal-as-string"'* ]]
    [[ "$(graded '5' '\\boxed{x>=5}' -e string)" == *'"different"'* ]]
}

@test "answers in ASCIIMath are read with their format" {
    [[ "$(graded '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}' 'La respuesta es `[[1,2],[3,4]]`.' -F asciimath)" == *true* ]]
    [[ "$(graded '\\sqrt[3]{5}' '\\boxed{root(3)(5)}' --format asciimath)" == *true* ]]
    [[ "$(graded '\\sqrt[3]{5}' '\\boxed{root(3)(5)}')" == *false* ]]
}

@test "a reference in its box is taken out of it" {
    [[ "$(graded 'thus \\boxed{\\frac{1}{2}}' '1/2')" == *true* ]]
}

@test "a reference that is no mathematics is compared as a string, and counted" {
    printf '%s\n' '{"reference":"\\strange{a}","completion":"\\boxed{\\strange{b}}"}' \
        '{"reference":"\\strange{a}","completion":"\\boxed{\\strange{a}}"}' | records make -q -o c.rec
    run --separate-stderr grade-math c.rec -o g.rec
    [ "$status" = 0 ]
    [[ "$stderr" == *"1 records were compared as strings"* ]]
    [ "$(records show -q g.rec | grep -c '"verdict":"unparsed"')" = 1 ]
    [ "$(records show -q g.rec | grep -c '"verdict":"equal-as-string"')" = 1 ]
}

@test "what cannot be graded is never graded wrong" {
    for line in '{"id":"a","reference":"1"}' '{"id":"a","completion":"1"}' \
        '{"id":"a","reference":" ","completion":"1"}'; do
        echo "$line" | records make -q -o none.rec
        run grade-math -q none.rec -o g.rec
        [ "$status" = 1 ]
        [[ "$output" == *"id 'a'"* ]]
        [ ! -e g.rec ]
    done
    grade-math -q --rejects r.rec none.rec -o g.rec
    [ "$(records count r.rec)" = 1 ]
}

@test "the old verdict goes, and other fields pass through untouched" {
    line='{"mine":{"a":[1,2.5,null]},"reference":"1","completion":"1","correct":false,"found":"x","rating":3}'
    [ "$(echo "$line" | records make -q | grade-math -q | records show -q)" = \
        '{"mine":{"a":[1,2.5,null]},"reference":"1","completion":"1","correct":true,"score":1.0,"verdict":"equal-as-string","found":"1"}' ]
}

@test "verdicts that were looked at stay as they are" {
    sed -E 's/^\{"verdict": "[a-z-]*", /{/' "$ROOT/tests/golden/math/pairs.jsonl" |
        records make -q -o pairs.rec
    sed -E 's/^\{"verdict": "([a-z-]*)".*/\1/' "$ROOT/tests/golden/math/pairs.jsonl" >wanted
    grade-math -q pairs.rec -o graded.rec
    records show -q graded.rec >graded
    sed -E 's/.*"verdict":"([a-z-]*)".*/\1/' graded >found
    [ "$(wc -l <wanted)" -ge 300 ]
    paste wanted found graded | awk -F'\t' '$1 != $2' >unlike
    cat unlike
    [ ! -s unlike ]
}

@test "the worked example of the manual is what the tool prints" {
    run bash -c "printf '%s\n' '{\"reference\":\"\\\\frac{\\\\sqrt{3}}{2}\",\"completion\":\"Hence \$\\\\boxed{\\\\sin 60^\\\\circ}\$.\"}' |
        records make -q | grade-math -q | records show -q"
    [[ "$output" == *'"verdict":"equal","found":"\\sin 60^\\circ"}' ]]
}

@test "every reference of the MATH test set is read" {
    needs_shared
    [ -f "$SHARED/data/math/test.jsonl" ] || skip "no MATH data"
    sed -E 's/^\{"problem":.*,"solution":/{"completion":"\\\\boxed{0.1234567}","reference":/; s/,"idx":[0-9]*\}$/}/' \
        "$SHARED/data/math/test.jsonl" | records make -q -o c.rec
    run --separate-stderr grade-math c.rec -o g.rec
    [ "$status" = 0 ]
    [ "$(records show -q g.rec | grep -c '"verdict":"different"')" = 5000 ]
    [[ "$stderr" != *"compared as strings"* ]]
}
