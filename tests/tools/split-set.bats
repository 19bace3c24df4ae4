# split-set: exact shares in every domain, by seed and id.
load helpers

parts() { # of stdin: "part domain count" lines
    records show | sed -E 's/.*"domain":"([^"]*)".*"part":"([^"]*)".*/\2 \1/' | sort | uniq -c |
        awk '{print $2, $3, $1}'
}

@test "every domain is split 10 to 40 to 30 to 20" {
    for i in $(seq 200); do
        echo "{\"id\":\"a$i\",\"domain\":\"x\"}"
        [ $((i % 2)) = 0 ] || echo "{\"id\":\"b$i\",\"domain\":\"y\"}"
    done | records make -q | split-set -q | parts >got
    printf '%s\n' "elicit x 60" "elicit y 30" "lock x 80" "lock y 40" \
        "validation x 40" "validation y 20" "weak x 20" "weak y 10" | diff - got
}

@test "the order of the input does not matter, nor how it is cut into files" {
    gen-composition -q -n 2000 -o p.rec
    records show p.rec >p.jsonl
    split-set -q -s 3 p.rec | records show | sort >straight
    sort -t: -k5 -r p.jsonl | records make -q | split-set -q -s 3 | records show | sort >shuffled
    head -n 700 p.jsonl | records make -q -o a.rec
    tail -n 1300 p.jsonl | records make -q -o b.rec
    split-set -q -s 3 b.rec a.rec | records show | sort >files
    cmp straight shuffled
    cmp straight files
    split-set -q -s 4 p.rec | records show | sort >other
    run cmp -s straight other
    [ "$status" = 1 ]
}

@test "records keep their order and their fields, and an older part is replaced" {
    printf '%s\n' '{"id":"a","part":"old","mine":[1,{"x":null}]}' '{"id":"b","mine":2}' |
        records make -q | split-set -q --shares all=1 | records show >got
    printf '%s\n' '{"id":"a","part":"all","mine":[1,{"x":null}]}' '{"id":"b","mine":2,"part":"all"}' |
        diff - got
}

@test "shares and names can be given" {
    for i in $(seq 40); do echo "{\"id\":\"$i\",\"domain\":\"x\"}"; done |
        records make -q | split-set -q --shares train=3,test=1 | parts >got
    printf '%s\n' "test x 10" "train x 30" | diff - got
}

@test "an id that comes twice stops it with both places" {
    printf '%s\n' '{"id":"a"}' '{"id":"b"}' '{"id":"c"}' '{"id":"b"}' | records make -q -o in.rec
    run split-set -q in.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$output" == *"record 4 (id 'b')"* ]]
    [[ "$output" == *"record 2 of the input"* ]]
    [ ! -e out.rec ]
}

@test "a record without an id is refused or set aside" {
    printf '%s\n' '{"id":"a"}' '{"x":1}' '{"id":7}' | records make -q -o in.rec
    run split-set -q in.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$output" == *"record 2"*"id"* ]]
    split-set -q --rejects bad.rec in.rec -o out.rec
    [ "$(records count out.rec)" = 1 ]
    [ "$(records count bad.rec)" = 2 ]
    run split-set -q --rejects bad.rec --max-rejects 1 in.rec -o out2.rec
    [ "$status" = 1 ]
}

@test "wrong shares and cut-off streams are refused" {
    run split-set --shares weak=x </dev/null
    [ "$status" = 2 ]
    [[ "$output" == *"weak=10"* ]]
    gen-composition -q -n 5000 -o p.rec
    head -c 20000 p.rec >cut.rec
    run split-set -q cut.rec -o out.rec
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    [ ! -e out.rec ]
    run split-set -q -o out.rec </dev/null
    [ "$status" = 1 ]
}

@test "temporary files go where TMPDIR says and leave nothing" {
    gen-composition -q -n 100 -o p.rec
    mkdir tmp
    TMPDIR=$T/tmp split-set -q p.rec -o out.rec
    [ -z "$(ls -A tmp)" ]
    TMPDIR=$T/nowhere run split-set -q p.rec -o out2.rec
    [ "$status" = 1 ]
    [[ "$output" == *TMPDIR* ]]
    [ ! -e out2.rec ]
}

@test "parts take their problems from the dataset's own splits where that is asked for" {
    for i in $(seq 100); do
        echo "{\"id\":\"$i\",\"domain\":\"x\",\"split\":\"$([ $((i % 5)) -lt 3 ] && echo train || echo test)\"}"
    done | records make -q -o in.rec
    from=weak=train,lock=train,validation=test,elicit=test+train
    split-set --from $from in.rec -o out.rec 2>said
    records show out.rec | sed -E 's/.*"split":"([^"]*)".*"part":"([^"]*)".*/\2 \1/' | sort | uniq -c |
        awk '{print $2, $3, $1}' >got
    printf '%s\n' "elicit test 20" "elicit train 10" "lock train 40" "validation test 20" "weak train 10" |
        diff - got
    run ! grep -q "other splits" said
    records show in.rec | sort -r | records make -q | split-set -q --from $from | records show | sort >shuffled
    cmp shuffled <(records show out.rec | sort)
    run split-set --from $from,lock=test in.rec
    [ "$status" = 2 ]
    [[ "$output" == *"part 'lock' stands twice"* ]]
    split-set --shares weak=80,lock=20 --from weak=test in.rec -o out.rec 2>said
    grep -q "40 problems are of other splits" said
}
