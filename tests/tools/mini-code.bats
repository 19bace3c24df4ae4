# mini-code and mini-critique: generated programs hold against the grader, and so do their breaks.
load helpers

# The program in field $1 of every record, as its completion.
as_completion() {
    records show | sed -E "s/\"$1\":(\"([^\"\\\\]|\\\\.)*\")/&,\"completion\":\1/" | records make -q
}

@test "a problem has a statement, a program in two hands, three tests, a family and a level" {
    gen-mini -q -t mini-code -n 300 -o p.rec
    run bash -c "records show p.rec | grep -vcE '^\{\"id\":\"mini-code-0-[0-9]+\",\"task\":\"mini-code\",\"prompt\":\"Read [^\"]+\.\",\"reference\":\"#include <cstdio>.n([^\"]|.\")+\}\",\"solution\":\"#include <cstdio>.n([^\"]|.\")+\}\",\"tests\":\[(\{\"stdin\":\"[-0-9 ]+\",\"stdout\":\"[-0-9]+\"\},?){3}\],\"domain\":\"[a-z]+\",\"level\":[1-4]\}\$'"
    [ "$output" = 0 ]
    [ "$(records show p.rec | grep -oE '"domain":"[a-z]+"' | sort -u | wc -l)" = 7 ]
}

@test "programs of every family, in both hands, pass their tests" {
    gen-mini -q -t mini-code -n 60 -s 3 -o p.rec
    for field in reference solution; do
        as_completion $field <p.rec | grade-code -q -o g.rec
        [ "$(records show g.rec | grep -c '"verdict":"pass"')" = 60 ]
    done
}

@test "broken programs of every kind compile and fail their tests" {
    gen-mini -q -t mini-critique -n 2000 -s 1 -o p.rec
    kinds="boundary branches compared constant counting direction first ignored initial last operator order relation unread"
    for kind in $kinds; do
        records select -q domain=$kind p.rec | records head -q -n 8
    done | as_completion program | grade-code -q -o g.rec
    [ "$(records show g.rec | grep -c '"verdict":"wrong-output"')" = $((14 * 8)) ]
}

@test "programs that a judge learns from pass their tests where the rating is 5, and only there" {
    gen-mini -q -t mini-judge -n 100 -s 4 -o p.rec
    [ "$(records show p.rec | grep -oE '"reference":"[1-5]","solution":"[1-5]"' | sort -u | wc -l)" = 5 ]
    as_completion program <p.rec | grade-code -q -o g.rec
    [ "$(records show g.rec | grep -cE '"reference":"5".*"correct":true|"reference":"[1-4]".*"correct":false')" = 100 ]
    [ "$(records show g.rec | grep -c '"correct":true')" -gt 20 ]
    [ "$(records show g.rec | grep '"domain":"cut off"' | grep -vc '"verdict":"compile-error"')" = 0 ]
}

@test "a judge learns from digits behind the problem and the program" {
    gen-mini -q -t mini-judge -n 1 -o p.rec
    gen-strong -q -p solution p.rec -o lesson.rec
    [[ "$(records show -F input,completion lesson.rec)" == '{"input":"Read '*'\n#include <cstdio>\nint main(){'*'\n1-5:\n","completion":"'[1-5]'"}' ]]
}

@test "one threshold tells right explanations from others" {
    gen-mini -q -t mini-critique-labelled -n 4000 | embed -q --hashed -t 1 -o labelled.rec
    [ "$(records show labelled.rec | grep -c '"label":true')" -gt 1800 ]
    [ "$(records show labelled.rec | grep -c '"label":false')" -gt 1800 ]
    run grade-critique --calibrate labelled.rec -o g.rec labelled.rec
    [[ "$output" == *"threshold 0.93"*" agrees with "*" of 4000 labels"* ]]
    agreeing=$(grade-critique -q -t 0.93 labelled.rec | records show \
        | grep -cE '"label":true.*"correct":true|"label":false.*"correct":false')
    [ "$agreeing" -ge 3980 ]
}

@test "an explanation is as close to itself as can be, in any of its wordings" {
    gen-mini -q -t mini-critique -n 500 -s 2 -o p.rec
    gen-strong -q -p reference p.rec | embed -q --hashed -t 1 | grade-critique -q -t 0.999 -o g.rec
    [ "$(records show g.rec | grep -c '"correct":true')" = 500 ]
    as_completion solution <p.rec | embed -q --hashed -t 1 | grade-critique -q -t 0.93 -o g.rec
    [ "$(records show g.rec | grep -c '"correct":true')" = 500 ]
}
