# gen-mini: problems of the mini tasks, and translated completions.
load helpers

# Problems as completed by their own solution, from the JSON lines on standard input.
answered() { sed 's/"solution":/"completion":/' | records make -q "$@"; }

@test "problems differ, are numbered, and have all their fields" {
    gen-mini -q -t mini-math -n 3000 -s 4 -o m.rec
    records show m.rec >m.jsonl
    [ "$(grep -o '"prompt":"[^"]*"' m.jsonl | sort -u | wc -l)" = 3000 ]
    tail -n 1 m.jsonl | grep -q '"id":"mini-math-4-2999"'
    run ! grep -vE '^\{"id":"mini-math-4-[0-9]+","task":"mini-math","prompt":".+","reference":"[0-9]{1,3}","solution":" .+ \\\\boxed\{[0-9]+\}","domain":"(Algebra|Geometry|Numbers)","level":[1-5]\}$' m.jsonl
    gen-mini -q -t mini-choice -n 3000 | records show >c.jsonl
    run ! grep -vE '^\{"id":"mini-choice-0-[0-9]+","task":"mini-choice","prompt":"[A-Z][a-z]+: which is the [a-z]+\?\\nA\. [A-Za-z]+\\nB\. [A-Za-z]+\\nC\. [A-Za-z]+\\nD\. [A-Za-z]+","reference":"[A-D]","solution":" [A-D]","domain":"(Animals|Countries|Metals|Inventions)","level":[1-5],"choices":\["A","B","C","D"\]\}$' c.jsonl
}

@test "the same seed gives the same bytes, and a stream can begin anywhere" {
    for task in mini-math mini-choice; do
        gen-mini -q -t $task -n 300 -s 7 -o a.rec
        gen-mini -q -t $task -n 300 -s 7 -o b.rec
        gen-mini -q -t $task -n 100 -s 7 --first 200 -o c.rec
        gen-mini -q -t $task -n 300 -s 8 -o d.rec
        cmp a.rec b.rec
        records show a.rec | tail -n 100 | cmp - <(records show c.rec)
        run ! cmp -s a.rec d.rec
    done
}

@test "every solution of mini-math is graded correct, in both languages" {
    for language in en es; do
        gen-mini -q -t mini-math -n 5000 --language $language | records show | answered | grade-math -q -o g.rec
        [ "$(records select -q correct=true g.rec | records count)" = 5000 ]
    done
    records show g.rec | head -n 1 | grep -q 'respuesta: '
}

@test "every mistaken solution is graded wrong, and the problems are the same" {
    for task in math choice code; do
        gen-mini -q -t mini-$task -n 400 --mistaken 1 | gen-strong -q --policy solution | grade-$task -q -o g.rec
        [ "$(records select -q correct=true g.rec | records count)" = "$([ $task = choice ] && records select -q reference=A g.rec | records count || echo 0)" ]
        gen-mini -q -t mini-$task -n 400 -o right.rec
        diff <(records show g.rec | grep -o '"id":.*"reference":"[^"]*"' ) <(records show right.rec | grep -o '"id":.*"reference":"[^"]*"')
    done
    gen-mini -q -t mini-math -n 4000 --mistaken 0.7 --language es | gen-strong -q --policy solution | grade-math -q -o g.rec
    n=$(records select -q correct=true g.rec | records count)
    [ "$n" -gt 1110 ]
    [ "$n" -lt 1290 ]
}

@test "a mistaken solution leaves out the last step, takes another operation, or the first choice" {
    gen-mini -q -t mini-math -n 1 --first 8 --mistaken 1 | records show | grep -F '"solution":" cost 3*3=9 \\boxed{9}"'
    gen-mini -q -t mini-math -n 1 --first 3 --mistaken 1 | records show | grep -F '"solution":" part \\boxed{90}"'
    gen-mini -q -t mini-code -n 1 --first 2 --mistaken 1 | records show | grep -F 'x=x-16+8'
    gen-mini -q -t mini-choice -n 1 --mistaken 1 | records show | grep -F '"solution":" A"'
}

@test "a wrong answer of mini-math is graded wrong, in both languages" {
    for completion in ' cost 3*4=12 \\boxed{12}' ' costo 3*4=12 respuesta: 12'; do
        [ "$(echo '{"id":"a","reference":"13","completion":"'"$completion"'"}' | records make -q | grade-math -q |
            records select -q correct=false | records count)" = 1 ]
    done
}

@test "completions are translated word by word, and their grades are gone" {
    gen-mini -q -t mini-math -n 2000 | records show | answered | grade-math -q | gen-mini -q --translate es -o es.rec
    gen-mini -q -t mini-math -n 2000 --language es | records show | answered -o want.rec
    records show es.rec | grep -o '"completion":"[^"]*"' >es.txt
    records show want.rec | grep -o '"completion":"[^"]*"' | cmp - es.txt
    [ "$(records show es.rec | grep -c '"correct"')" = 0 ]
    records show es.rec | head -n 1 | grep -q '"prompt":"Solve'
}

@test "translated completions are put to the Spanish problems as a stored policy" {
    gen-mini -q -t mini-math -n 50 | records show | answered | gen-mini -q --translate es -o es.rec
    gen-mini -q -t mini-math -n 50 --language es | gen-weak -q --policy stored -c es.rec | grade-math -q -o g.rec
    [ "$(records select -q correct=true g.rec | records count)" = 50 ]
    records show g.rec | head -n 1 | grep -q '"input":"[^"]*Resuelve'
}

@test "wrong usage is refused with the remedy" {
    run gen-mini -t mini-maths -n 3
    [ "$status" = 2 ]
    [[ "$output" == *"'mini-maths' is no task; there are mini-math"* ]]
    run gen-mini -t mini-choice --language es -n 3
    [ "$status" = 2 ]
    [[ "$output" == *"in English only"* ]]
    run gen-mini -t mini-judge --mistaken 0.5 -n 3
    [ "$status" = 2 ]
    [[ "$output" == *"'mini-judge' has no usual mistake; tasks that have one are mini-math, mini-choice, mini-code"* ]]
    run gen-mini -n 3
    [ "$status" = 2 ]
    [[ "$output" == *"-t TASK -n N says it"* ]]
    run gen-mini -t mini-math -n 3 x.rec
    [ "$status" = 2 ]
    run gen-mini --translate es -n 3
    [ "$status" = 2 ]
    run bash -c "echo '{\"id\":\"x\"}' | records make -q | gen-mini --translate es -o out.rec"
    [ "$status" = 1 ]
    [[ "$output" == *"id 'x'"*completion* ]]
    [ ! -e out.rec ]
}
