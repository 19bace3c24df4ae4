# grade-judge: the mean of the digits 1 to 5 under a judge's probabilities.
load helpers

graded() { # LOGPROBS [OPTION ...]: what the grader adds
    printf '{"id":"a","rating_logprobs":%s}\n' "$1" | records make -q |
        grade-judge -q "${@:2}" | records show -F correct,score,rating,found
}

refused() { # LOGPROBS MESSAGE [OPTION ...]
    printf '{"id":"a","rating_logprobs":%s}\n' "$1" | records make -q -o bad.rec
    run -1 grade-judge -q "${@:3}" bad.rec -o g.rec
    [[ "$output" == "grade-judge: bad.rec: record 1 (id 'a'): field 'rating_logprobs': "*"$2"* ]]
    [ ! -e g.rec ]
}

@test "a certain digit is the rating, and the score goes from 0 to 1" {
    [ "$(graded '{"1":0}')" = '{"score":0.0,"rating":1.0,"found":1}' ]
    [ "$(graded '{"2":0.0}')" = '{"score":0.25,"rating":2.0,"found":2}' ]
    [ "$(graded '{"5":0}')" = '{"score":1.0,"rating":5.0,"found":5}' ]
}

@test "between digits the mean is taken, with their probabilities made to sum to 1" {
    # ln(1/4) and ln(1/4): half and half
    [ "$(graded '{"4":-1.3862943611198906,"5":-1.3862943611198906}')" = '{"score":0.875,"rating":4.5,"found":4}' ]
    [ "$(graded '{"1":-700,"5":-700}' --least-mass 0)" = '{"score":0.5,"rating":3.0,"found":1}' ]
}

@test "digits that are no rating count for nothing" {
    [ "$(graded '{"0":-0.7,"9":-2,"3":-1.5}')" = '{"score":0.5,"rating":3.0,"found":3}' ]
}

@test "a threshold adds a verdict" {
    [ "$(graded '{"4":0}' -t 4)" = '{"correct":true,"score":0.75,"rating":4.0,"found":4}' ]
    [ "$(graded '{"4":0}' -t 4.5)" = '{"correct":false,"score":0.75,"rating":4.0,"found":4}' ]
    run -2 grade-judge -t 6
}

@test "a judge that does not answer with a digit is no verdict" {
    refused '{}' "none of the digits 1 to 5"
    refused '{"7":-0.1}' "none of the digits 1 to 5"
    refused '{"1":-4,"2":-5}' "have a probability of 0.0251 together, less than 0.1"
    [ "$(graded '{"1":-4}' --least-mass 0.01)" = '{"score":0.0,"rating":1.0,"found":1}' ]
    refused '{"1":0.5}' "no finite number up to 0"
    refused '{"1":{"$real":"nan"}}' "no finite number up to 0"
    refused '{"1":"x"}' "no finite number up to 0"
    refused '{"12":-1}' "a key that is no digit"
    refused '[1,2]' "is array; a map of digits"
    echo '{"id":"a"}' | records make -q -o bad.rec
    run -1 grade-judge -q bad.rec
    [[ "$output" == *"'rating_logprobs' is missing; ask --rating or sample --rate adds it" ]]
}

@test "an old verdict goes, the judge's probabilities stay" {
    [ "$(echo '{"judge":"j","rating_logprobs":{"5":0.0},"correct":false,"verdict":"x","mine":1}' | records make -q |
        grade-judge -q | records show)" = \
        '{"judge":"j","rating_logprobs":{"5":0.0},"mine":1,"score":1.0,"rating":5.0,"found":5}' ]
}
