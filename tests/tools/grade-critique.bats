# grade-critique: the cosine of two embeddings, and the threshold that people's labels agree with.
load helpers

graded() { # EMBEDDING REFERENCE [OPTION ...]: what the grader adds
    printf '{"id":"a","embedding":%s,"reference_embedding":%s}\n' "$1" "$2" | records make -q |
        grade-critique -q "${@:3}" | records show -F correct,score,verdict
}

refused() { # EMBEDDING REFERENCE MESSAGE
    printf '{"id":"a","embedding":%s,"reference_embedding":%s}\n' "$1" "$2" | records make -q -o bad.rec
    run -1 grade-critique -q bad.rec -o g.rec
    [[ "$output" == "grade-critique: bad.rec: record 1 (id 'a'): "*"$3"* ]]
    [ ! -e g.rec ]
}

@test "the score is the cosine, and from 0.8 on it is correct" {
    [ "$(graded '[3,4]' '[6.0,8.0]')" = '{"correct":true,"score":1.0,"verdict":"close"}' ]
    [ "$(graded '[1,0]' '[4,3]')" = '{"correct":true,"score":0.8,"verdict":"close"}' ]
    [ "$(graded '[1,0]' '[3,4]')" = '{"correct":false,"score":0.6,"verdict":"distant"}' ]
    [ "$(graded '[1,0]' '[0,1]')" = '{"correct":false,"score":0.0,"verdict":"distant"}' ]
    [ "$(graded '[1,2]' '[-2,-4]')" = '{"correct":false,"score":-1.0,"verdict":"distant"}' ]
}

@test "another threshold can be given" {
    [ "$(graded '[1,0]' '[3,4]' -t 0.6)" = '{"correct":true,"score":0.6,"verdict":"close"}' ]
    [ "$(graded '[1,0]' '[4,3]' --threshold 0.81)" = '{"correct":false,"score":0.8,"verdict":"distant"}' ]
    run -2 grade-critique -t 2
    run -2 grade-critique -t 0.5 --calibrate x.rec
}

@test "what has no direction, or another length, is never graded wrong" {
    refused '[0,0]' '[1,2]' "field 'embedding': is all zeros"
    refused '[1,0]' '[0.0,-0.0]' "field 'reference_embedding': is all zeros"
    refused '[1,2,3]' '[1,2]' "'embedding' has 3 numbers, 'reference_embedding' 2"
    refused '[]' '[]' "field 'embedding': is empty"
    refused '[1,{"$real":"nan"}]' '[1,2]' "field 'embedding': element 2 is no finite number"
    refused '[1,2]' '[{"$real":"inf"},2]' "element 1 is no finite number"
    refused '[1,"2"]' '[1,2]' "element 2 is no finite number"
    refused '"x"' '[1,2]' "field 'embedding': is text; an array of numbers"
    echo '{"id":"a","embedding":[1]}' | records make -q -o bad.rec
    run -1 grade-critique -q bad.rec
    [[ "$output" == *"'reference_embedding' is missing; embed or ask --embed adds it" ]]
    refused '[1,2,3]' '[1,2]' ''
    grade-critique -q --rejects r.rec bad.rec -o g.rec
    [ "$(records count r.rec)" = 1 ]
}

@test "calibration takes the middle of the gap that agrees with the most labels, and says so" {
    # cosines 0.6 false, 0.8 false, 0.96 true, 1 true, and 0.28 true, which no threshold gets right too
    for line in '[3,4],"label":false' '[4,3],"label":false' '[24,7],"label":true' '[5,0],"label":true' '[7,24],"label":true'; do
        echo "{\"embedding\":[1,0],\"reference_embedding\":$line}"
    done | records make -q -o labelled.rec
    run --separate-stderr grade-critique --calibrate labelled.rec labelled.rec -o g.rec
    [ "${stderr_lines[0]}" = "grade-critique: threshold 0.88 agrees with 4 of 5 labels" ]
    [ "$(records show -F correct g.rec | tr -d '\n')" = \
        '{"correct":false}{"correct":false}{"correct":true}{"correct":true}{"correct":false}' ]
    [[ "$(records info g.rec)" == *'--threshold=0.88'* ]]
}

@test "labels that are missing or all the same calibrate nothing" {
    echo '{"id":"x","embedding":[1,0],"reference_embedding":[1,0]}' | records make -q -o l.rec
    run -1 grade-critique --calibrate l.rec l.rec -o g.rec
    [[ "$output" == *"l.rec: id 'x': "*"label"* ]]
    echo '{"embedding":[1,0],"reference_embedding":[1,0],"label":true}' | records make -q -o l.rec
    run -1 grade-critique --calibrate l.rec l.rec -o g.rec
    [[ "$output" == *"l.rec: of 1 labels 1 are true"* ]]
    [ ! -e g.rec ]
}

@test "a critique that says nothing is wrong, whatever its embedding" {
    for completion in '' ' \n' '!!! ...'; do
        echo "{\"id\":\"a\",\"completion\":\"$completion\",\"reference\":\"x y z\"}"
    done | records make -q | embed -q --hashed | grade-critique -q -t 0 | records show -F correct,score,verdict | sort -u >got
    [ "$(cat got)" = '{"correct":false,"score":0.0,"verdict":"empty"}' ]
    echo '{"id":"a","completion":"","reference_embedding":[1]}' | records make -q | grade-critique -q | grep -q .
    echo '{"id":"a","completion":"ü","embedding":[0],"reference_embedding":[1]}' | records make -q -o bad.rec
    run -1 grade-critique -q bad.rec -o g.rec
}

@test "other fields pass through, and the embeddings stay" {
    line='{"mine":1,"embedding":[1.0,0.5],"reference_embedding":[1.0,0.5]}'
    [ "$(echo "$line" | records make -q | grade-critique -q | records show)" = \
        "${line%\}},\"correct\":true,\"score\":1.0,\"verdict\":\"close\"}" ]
}
