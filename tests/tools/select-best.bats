# select-best: the best of graded completions, in their order.
load helpers

# Twenty completions of ten problems: those of even samples are correct, scores go up and down.
graded() {
    for i in $(seq 0 19); do
        echo "{\"id\":\"p$((i / 2))\",\"sample\":$((i % 2)),\"completion\":\"c$i\",\"correct\":$([ $((i % 2)) = 0 ] && echo true || echo false),\"score\":$((i * 7 % 20)).5,\"mine\":[$i]}"
    done
}

kept() { # of stdin: the numbers of the completions
    records show -F completion | tr -dc '0-9\n' | tr '\n' ' '
}

@test "the highest scores are kept, unchanged and in the order in which they came" {
    graded | records make -q | select-best -q -n 4 --by score | records show >got
    graded | grep -E '"score":(16|17|18|19)[.]5' | diff - got
    [ "$(wc -l <got)" = 4 ]
}

@test "all are kept where there are fewer, and none of nothing" {
    graded | records make -q -o all.rec
    select-best -q -n 64 all.rec -o kept.rec
    records same all.rec kept.rec
    [ "$(select-best -q -n 0 all.rec | records count)" = 0 ]
    [ "$(records head -q -n 0 all.rec | select-best -q -n 5 | records count)" = 0 ]
}

@test "correct ones come before others, and --only-correct takes no others" {
    graded | records make -q -o all.rec
    [ "$(select-best -q -n 10 all.rec | kept)" = "0 2 4 6 8 10 12 14 16 18 " ]
    select-best -q -n 12 all.rec | records show >twelve
    [ "$(grep -c '"correct":true' twelve)" = 10 ]
    [ "$(wc -l <twelve)" = 12 ]
    [ "$(select-best -q -n 12 --only-correct all.rec | kept)" = "0 2 4 6 8 10 12 14 16 18 " ]
    [ "$(select-best -q -n 2 --only-correct --by score all.rec | kept)" = "8 14 " ]
}

@test "ties are drawn by seed and round, whatever the order of the stream" {
    graded | records make -q -o all.rec
    graded | tac | records make -q -o back.rec
    first=$(select-best -q -n 5 -s 1 -r 2 all.rec | kept)
    [ "$first" = "$(select-best -q -n 5 -s 1 -r 2 back.rec | kept | tr ' ' '\n' | grep . | tac | tr '\n' ' ')" ]
    [ "$first" != "$(select-best -q -n 5 -s 1 -r 3 all.rec | kept)" ]
    [ "$first" != "$(select-best -q -n 5 -s 2 -r 2 all.rec | kept)" ]
}

@test "over many rounds each of the tied ones is kept as often" {
    graded | grep true | records make -q -o ten.rec
    for r in $(seq 200); do select-best -q -n 3 -r "$r" ten.rec | records show -F id; done |
        sort | uniq -c | awk '{print $1}' >counts
    [ "$(wc -l <counts)" = 10 ]
    # 60 each are expected, with a standard deviation of 6.5
    run awk '$1 < 35 || $1 > 85' counts
    [ "$output" = "" ]
}

@test "a completion without its grade or id is refused by its place, or set aside" {
    printf '%s\n' '{"id":"a","correct":true}' '{"id":"b","completion":"x"}' '{"correct":true}' |
        records make -q -o bad.rec
    run --separate-stderr select-best -q -n 1 bad.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"bad.rec"*"id 'b'"*'"correct"'* ]]
    [ ! -e out.rec ]
    [ "$(select-best -q -n 5 --rejects r.rec bad.rec | records count)" = 1 ]
    records show r.rec | grep -qF '\"id\"'
    echo '{"id":"a","score":{"$real":"nan"}}' | records make -q -o nan.rec
    run --separate-stderr select-best -q -n 1 --by score nan.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'a finite number would be right'* ]]
}

@test "wrong usage is told with status 2" {
    for wrong in '' '-n -1' '-n 2 --by luck' '-n x' '-n 1 --seed -1'; do
        # shellcheck disable=SC2086
        run --separate-stderr select-best $wrong
        [ "$status" = 2 ]
        [ "${#stderr_lines[@]}" = 1 ]
    done
}

@test "memory does not grow with the stream" {
    [[ $BUILD_BIN != *asan* ]] || skip "the sanitizer needs memory of its own"
    text=$(head -c 20000 /dev/zero | tr '\0' x)
    for i in $(seq 200); do echo "{\"id\":\"$i\",\"correct\":true,\"completion\":\"$text\"}"; done |
        records make -q >many.rec
    files=$(yes many.rec | head -n 25)
    # 100 MB of records pass through 50 MB of memory
    run --separate-stderr bash -c "ulimit -d 50000; select-best -q -n 3 $(echo $files) | records count"
    [ "$output" = 3 ]
}
