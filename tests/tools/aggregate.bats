# aggregate: graded records to results.
load helpers

# Two seeds of two problems, k = 4 and 16, moments 1 and 2; and the model before elicitation.
graded() {
    cat <<'JSON'
{"id":"a","model":"m","method":"none","password":"right","correct":true,"locked":true}
{"id":"b","model":"m","method":"none","password":"right","correct":true,"locked":false}
{"id":"a","model":"m","method":"none","password":"none","correct":false,"locked":true}
{"id":"b","model":"m","method":"none","password":"none","correct":true,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":16,"seed":1,"moment":1,"correct":true,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":16,"seed":1,"moment":1,"correct":true,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":16,"seed":2,"moment":1,"correct":true,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":16,"seed":2,"moment":1,"correct":true,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":4,"seed":1,"moment":1,"correct":false,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":4,"seed":1,"moment":1,"correct":false,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":4,"seed":2,"moment":1,"correct":false,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":4,"seed":2,"moment":1,"correct":true,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":4,"seed":1,"moment":2,"correct":true,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":4,"seed":1,"moment":2,"correct":true,"locked":false}
{"id":"a","model":"m","method":"sft","password":"none","k":4,"seed":2,"moment":2,"correct":false,"locked":true}
{"id":"b","model":"m","method":"sft","password":"none","k":4,"seed":2,"moment":2,"correct":true,"locked":false}
JSON
}

by=model,method,password,k

@test "means over seeds, standard errors, best moments and subsets come out as a table" {
    graded | records make -q | aggregate -q -b $by -c moment --subset all,locked --format text >table
    diff - table <<'END'
model  method  password   k  moment  subset  correctness    sem  seeds  n
m      none    none       -       -  all           0.500      -      1  2
m      none    none       -       -  locked        0.000      -      1  1
m      none    right      -       -  all           1.000      -      1  2
m      none    right      -       -  locked        1.000      -      1  1
m      sft     none       4       2  all           0.750  0.250      2  2
m      sft     none       4       2  locked        0.500  0.500      2  1
m      sft     none      16       1  all           1.000  0.000      2  2
m      sft     none      16       1  locked        1.000  0.000      2  1
END
}

@test "records carry exact numbers, and nil for what one seed does not tell" {
    graded | records make -q | aggregate -q -b $by -c moment | records show >rows
    [ "$(wc -l <rows)" = 4 ]
    grep -qxF '{"model":"m","method":"none","password":"none","subset":"all","correctness":0.5,"sem":null,"seeds":1,"n":2}' rows
    grep -qxF '{"model":"m","method":"sft","password":"none","k":4,"moment":2,"subset":"all","correctness":0.75,"sem":0.25,"seeds":2,"n":2}' rows
}

@test "the order of the records and how they are cut into files do not change the rows" {
    graded | records make -q | aggregate -q -b $by -c moment --subset all,locked | records show >one
    graded | tac | head -n 5 | records make -q >a.rec
    graded | tac | tail -n +6 | records make -q >b.rec
    aggregate -q -b $by -c moment --subset all,locked a.rec b.rec | records show >two
    [ -s one ]
    diff one two
}

@test "the share of the gap that is recovered is told for each model" {
    graded | records make -q | aggregate -q -b $by -c moment --subset all,locked -o results.rec
    aggregate -q --recovered 0.75 --format text results.rec >table
    diff - table <<'END'
model  method  subset  share  floor  ceiling    k  ratio
m      sft     locked   0.75  0.000    1.000  8.0      -
END
    aggregate -q --recovered 0.5 --baseline m --format text results.rec >table
    grep -q '<= 4.0      -$' table
    aggregate -q --recovered 0.75 --on all --format tsv results.rec | tail -n 1 >line
    printf 'm\tsft\tall\t0.75\t0.5\t1\t=\t8\t-\t-\n' | diff - line
}

@test "rows are shown as they are" {
    graded | records make -q | aggregate -q -b $by -c moment --subset all,locked -o results.rec
    aggregate -q --show results.rec >shown
    graded | records make -q | aggregate -q -b $by -c moment --subset all,locked --format text | diff - shown
    aggregate -q --recovered 0.75 results.rec | aggregate -q --show --format tsv | tail -n 1 >line
    printf 'm\tsft\tlocked\t0.75\t0\t1\t=\t8\t-\t-\n' | diff - line
}

@test "scores are averaged in place of correctness" {
    run --separate-stderr bash -c "printf '%s\n' '{\"score\":0.25}' '{\"score\":0.75}' | records make -q |
        aggregate -q --score | records show"
    [ "$output" = '{"subset":"all","score":0.5,"sem":null,"seeds":1,"n":2}' ]
}

@test "TSV and Markdown hold hostile texts in their cells" {
    printf '%s\n' '{"model":"a\tb|c\n","correct":true}' | records make -q >h.rec
    aggregate -q -b model --format tsv h.rec | tail -n 1 >tsv
    printf 'a\\tb|c\\n\tall\t1\t-\t1\t1\n' | diff - tsv
    aggregate -q -b model --format markdown h.rec | tail -n 1 >markdown
    grep -qF '| a\tb\|c\n | all' markdown
}

@test "seeds with differing numbers of problems are told, and the fewest count" {
    printf '%s\n' '{"seed":1,"correct":true}' '{"seed":2,"correct":true}' \
        '{"seed":2,"correct":false}' | records make -q >u.rec
    run --separate-stderr aggregate --format tsv u.rec
    [ "$status" = 0 ]
    [ "${lines[1]}" = $'all\t0.75\t0.25\t2\t1' ]
    [[ "$stderr" == *'1 of 1 rows: seeds differ in their numbers of records'* ]]
}

@test "an ungraded record is refused by its place, or set aside" {
    printf '%s\n' '{"id":"x","correct":true}' '{"id":"y"}' | records make -q >u.rec
    run --separate-stderr aggregate -q u.rec -o out.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'u.rec'*"id 'y'"*'correct'* ]]
    [ ! -e out.rec ]
    aggregate -q --rejects bad.rec --format tsv u.rec | tail -n 1 >row
    printf 'all\t1\t-\t1\t1\n' | diff - row
    [ "$(records show bad.rec | wc -l)" = 1 ]
}

@test "a field that no record has is refused" {
    graded | records make -q >g.rec
    run --separate-stderr aggregate -q -b modle g.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"'modle'"* ]]
    run --separate-stderr aggregate -q --recovered 0.8 g.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'rows of results would be right'* ]]
}

@test "wrong usage is told with status 2" {
    for wrong in '-b a,,b' '-b a,a' '-b sem' '-b seed' '-c seed' '--subset some' '--subset=' \
        '--recovered 2' '--recovered 0.8 -b model' '--show -b model' '--show --recovered 0.8' '--format csv' '--nonsense'; do
        # shellcheck disable=SC2086
        run --separate-stderr aggregate $wrong
        echo "$wrong: $status $stderr"
        [ "$status" = 2 ]
        [ "${#stderr_lines[@]}" = 1 ]
    done
}

@test "a cut-off stream gives no results" {
    graded | records make -q >g.rec
    head -c -30 g.rec >cut.rec
    run --separate-stderr aggregate -q -b model cut.rec -o out.rec
    [ "$status" = 1 ]
    [ ! -e out.rec ]
    run --separate-stderr aggregate -q -b model --format tsv cut.rec -o out.tsv
    [ "$status" = 1 ]
    [ ! -e out.tsv ]
}

@test "a full disk is told" {
    graded | records make -q >g.rec
    for format in records text; do
        run --separate-stderr bash -c "aggregate -q -b model,method --format $format g.rec >/dev/full"
        [ "$status" = 1 ]
        [[ "$stderr" == *'No space left'* ]]
    done
}

@test "memory does not grow with the records" {
    [[ $BUILD_BIN != *asan* ]] || skip "the sanitizer needs memory of its own"
    yes '{"model":"m","seed":1,"correct":true}' | head -n 50000 | records make -q >many.rec
    files=$(yes many.rec | head -n 40)
    run --separate-stderr bash -c "ulimit -d 40000; aggregate -q -b model --format tsv $(echo $files)"
    [ "${lines[1]}" = $'m\tall\t1\t-\t1\t2000000' ]
}
