# grade-choice: the likeliest of the choices, or else what the completion begins with.
load helpers

graded() { # JSON of the fields besides choices and reference: what the grader adds
    printf '{"id":"a","choices":["A","B","C","D"],"reference":"B",%s}\n' "$1" | records make -q |
        grade-choice -q | records show | sed -E 's/.*("correct".*)\}/\1/'
}

refused() { # LINE MESSAGE
    echo "$1" | records make -q -o in.rec
    run grade-choice -q in.rec -o out.rec
    [ "$status" = 1 ] && [[ "$output" == *"id 'a'"*"$2"* ]] && [ ! -e out.rec ]
}

@test "the choice with the highest logit is taken, whatever the completion says" {
    [ "$(graded '"completion":"A","choice_logprobs":{"A":-3,"B":-1,"C":-3,"D":-3}')" = \
        '"correct":true,"score":0.7112345942275937,"verdict":"match","found":"B"' ]
    [[ "$(graded '"completion":"B","choice_logprobs":{"D":-0.5,"A":-3,"B":-1,"C":-3,"the":0}')" == \
        '"correct":false,"score":0.3'*',"verdict":"different","found":"D"' ]]
}

@test "a list of logits stands in the order of the choices, and the first of equal ones is taken" {
    [ "$(graded '"choice_logprobs":[0,0,0,0]')" = '"correct":false,"score":0.25,"verdict":"different","found":"A"' ]
    [ "$(graded '"choice_logprobs":[-9,5,5,{"$real":"-inf"}]' | cut -c 1-20)" = '"correct":true,"scor' ]
    [ "$(graded '"choice_logprobs":[-1000,1000,-1000,-1000]')" = '"correct":true,"score":1.0,"verdict":"match","found":"B"' ]
}

@test "without logits the completion's first letter counts" {
    for completion in B ' B' '\nB.' '(B) because' 'B: two' '**B**'; do
        [ "$(graded "\"completion\":\"$completion\"")" = '"correct":true,"score":1.0,"verdict":"match","found":"B"' ]
    done
    [ "$(graded '"completion":"C) B"')" = '"correct":false,"score":0.0,"verdict":"different","found":"C"' ]
}

@test "a completion that begins with no choice is wrong" {
    for completion in '' '   ' Because 'The answer is B' b 'B2' "B's" 'Bé'; do
        [ "$(graded "\"completion\":\"$completion\"")" = '"correct":false,"score":0.0,"verdict":"none"' ]
    done
}

@test "white space around choices does not count" {
    [[ "$(echo '{"choices":[" A"," B"],"reference":"B","choice_logprobs":{" A":-2," B":-1}}' | records make -q |
        grade-choice -q | records show)" == *'"correct":true'*'"found":"B"}' ]]
}

@test "an older verdict is replaced" {
    [ "$(graded '"correct":false,"found":"C","completion":"B"')" = '"correct":true,"score":1.0,"verdict":"match","found":"B"' ]
    [[ "$(graded '"found":"C","completion":"-"')" != *found* ]]
}

@test "what cannot be graded is never graded wrong" {
    refused '{"id":"a","choices":["A","B"],"reference":"C","completion":"A"}' "none of the choices"
    refused '{"id":"a","choices":["A","B"],"completion":"A"}' reference
    refused '{"id":"a","reference":"A","completion":"A"}' choices
    refused '{"id":"a","choices":["A"],"reference":"A","completion":"A"}' "2 to 256"
    refused '{"id":"a","choices":["A","A "],"reference":"A","completion":"A"}' "twice"
    refused '{"id":"a","choices":["A",""],"reference":"A","completion":"A"}' "choice 2"
    refused '{"id":"a","choices":["A","B"],"reference":"A"}' completion
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":{"A":1}}' "no finite number for 'B'"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":{"A":1,"B":"x"}}' "'B' has no number"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":[1]}' "1 numbers for 2 choices"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":[1,null]}' "element 2"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":[1,{"$real":"nan"}]}' "no finite number"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":3}' "a map or an array"
    refused '{"id":"a","choices":["A","B"],"reference":"A","choice_logprobs":[{"$real":"-inf"},{"$real":"-inf"}]}' "probability 0"
    grade-choice -q --rejects r.rec in.rec -o g.rec
    [ "$(records count r.rec)" = 1 ]
}
