# build-pairs: graded completions to preference pairs.
load helpers

pairs() { # "chosen rejected" of stdin
    records show | sed -E 's/.*"chosen":"([^"]*)","rejected":"([^"]*)".*/\1 \2/'
}

@test "two samples that differ make a pair, which carries its problem and nothing of the answers" {
    cat >in.jsonl <<'JSON'
{"id":"a","task":"math","prompt":"2+2","reference":"4","mine":{"x":1},"input":"User: 2+2","completion":"5","policy":"model","sample":0,"round":3,"finish":"length","logprob":-1.5,"n_tokens":1,"correct":false,"score":0,"verdict":"different"}
{"id":"b","input":"q","completion":"1","sample":0,"round":3,"correct":true,"score":1}
{"id":"a","task":"math","prompt":"2+2","reference":"4","mine":{"x":1},"input":"User: 2+2","completion":"4","policy":"model","sample":1,"round":3,"finish":"stop","logprob":-2.5,"n_tokens":1,"correct":true,"score":1,"verdict":"equal"}
{"id":"b","input":"q","completion":"2","sample":1,"round":3,"correct":true,"score":1}
JSON
    records make -q in.jsonl -o in.rec
    build-pairs -q in.rec | records show >got
    diff - got <<'JSON'
{"id":"a","task":"math","prompt":"2+2","reference":"4","mine":{"x":1},"input":"User: 2+2","round":3,"chosen":"4","rejected":"5","chosen_finish":"stop","rejected_finish":"length"}
JSON
    run build-pairs -q --weighted --reference-logprobs in.rec -o out.rec # as drawn
    [ "$status" = 1 ]
    [[ "$output" == *"in.rec: record 1 (id 'a')"*"sample --score would be right" ]]
    build-pairs -q --weighted --reference-logprobs <(records select -q id=a in.rec | records set -q scored=true) | records show >got
    grep -qF '"weight":1.0,"chosen_logprob":-2.5,"rejected_logprob":-1.5}' got
    run --separate-stderr build-pairs in.rec -o out.rec
    [[ "$stderr" == *'1 pairs of 2 problems'* ]]
}

# Six samples of one problem by their scores.
six() {
    i=0
    for score in 0.5 0.9 0.1 0.9 0.3 0.5; do
        echo "{\"id\":\"a\",\"input\":\"q\",\"completion\":\"c$i\",\"sample\":$i,\"score\":$score,\"correct\":$([ $score = 0.9 ] && echo true || echo false)}"
        i=$((i + 1))
    done
}

@test "more samples are paired from both ends, whatever their order, and none twice" {
    six | records make -q | build-pairs -q --by score | pairs >got
    printf '%s\n' 'c1 c2' 'c3 c4' | diff - got # c0 and c5 are equally good
    six | tac | records make -q | build-pairs -q --by score | pairs | diff - got
    six | records make -q | build-pairs -q | pairs >got
    printf '%s\n' 'c1 c5' 'c3 c4' | diff - got
}

@test "the weight is the difference of the scores" {
    six | records make -q | build-pairs -q -w --by score | records show | grep -o '"weight":.*' >got
    printf '%s\n' '"weight":0.8}' '"weight":0.6000000000000001}' | diff - got
}

@test "equal texts make no pair, nor do other rounds or problems" {
    printf '%s\n' '{"id":"a","input":"q","completion":"x","round":1,"correct":true}' \
        '{"id":"a","input":"q","completion":"x","round":1,"correct":false}' \
        '{"id":"b","input":"q","completion":"y","round":1,"correct":true}' \
        '{"id":"b","input":"q","completion":"z","round":2,"correct":false}' \
        '{"id":"c","input":"q","completion":"z","correct":false}' |
        records make -q | build-pairs -q | records count | grep -qx 0
}

@test "one id with two prompts is refused by its place" {
    printf '%s\n' '{"id":"a","input":"q","completion":"x","correct":true}' \
        '{"id":"a","input":"password q","completion":"y","correct":false}' | records make -q -o in.rec
    run --separate-stderr build-pairs -q in.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"in.rec: record 2 (id 'a')"*'completions of one prompt would be right'* ]]
    [ ! -e out.rec ]
    build-pairs -q --rejects r.rec in.rec -o out.rec
    [ "$(records count r.rec)" = 1 ]
}

@test "what a pair needs is asked for before any is written" {
    for bad in '{"id":"a","input":"q","completion":"x"}' '{"id":"a","completion":"x","correct":true}' \
        '{"id":"a","input":"q","completion":5,"correct":true}' '{"input":"q","completion":"x","correct":true}' \
        '{"id":"a","input":"q","completion":"x","correct":true,"finish":1}' \
        '{"id":"a","input":"q","completion":"x","correct":true,"round":"one"}'; do
        echo "$bad" | records make -q >in.rec
        run --separate-stderr build-pairs -q in.rec
        [ "$status" = 1 ]
        [ "${#stderr_lines[@]}" = 1 ]
    done
    six | records make -q >in.rec
    run --separate-stderr build-pairs -q --reference-logprobs in.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'"logprob"'* ]]
}

@test "grading anew takes the pair away with the verdict" {
    six | records make -q | build-pairs -q --by score | records set -q completion=c1 reference=c1 |
        grade-exact -q | records show >got
    run grep -c 'chosen\|rejected' got
    [ "$output" = 0 ]
}
