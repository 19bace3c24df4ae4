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

# Two tables of the same cells, numbers within a billionth.
same_tables() {
    paste -d '\n' "$1" "$2" | awk -F '\t' '
        function same(a, b) { return a == b || (a + 0 == a && b + 0 == b && (a - b) ^ 2 < 1e-18) }
        NR % 2 { cells = split($0, first); next }
        { if (cells != NF) bad = 1; for (i = 1; i <= NF; i++) if (!same(first[i], $i)) { print NR / 2, i, first[i], $i; bad = 1 } }
        END { exit bad || NR < 4 || NR % 2 }'
}

@test "intervals, gaps, combined domains, comparisons and recovered shares are those of numpy and scipy" {
    golden=$ROOT/tests/golden/statistics
    records make -q "$golden/graded.jsonl" -o g.rec
    options="-q -c moment --interval 0.9 --resamples 500 --seed 3 --format tsv"
    # shellcheck disable=SC2086
    {
        aggregate $options -b model,method,password,k --subset all,locked --gap g.rec >plain.tsv
        aggregate $options -b model,method,password,k,domain --over domain g.rec >over.tsv
        aggregate $options -b method,password,k --compare model=scratch,sft-8 --subset all,locked g.rec >compare.tsv
        aggregate $options --recovered 0.5 --on all g.rec | cut -f 1-12 >recovered.tsv
    }
    for table in plain over compare recovered; do
        same_tables $table.tsv "$golden/$table.tsv"
    done
    # Neither the order of the records nor how they are cut into files has a say.
    tac "$golden/graded.jsonl" | head -n 500 | records make -q -o a.rec
    tac "$golden/graded.jsonl" | tail -n +501 | records make -q -o b.rec
    # shellcheck disable=SC2086
    aggregate $options -b model,method,password,k --subset all,locked --gap b.rec a.rec | cmp plain.tsv -
    aggregate -q -c moment -i 0.9 --resamples 500 -s 4 --format tsv -b model,method,password,k g.rec >other.tsv
    run cmp -s <(cut -f 11 other.tsv) <(grep -v locked plain.tsv | cut -f 11)
    [ "$status" = 1 ]
}

# Four rounds of two models at two rates: rate 1 is better in round 1 alone, rate 2 over all.
rated() {
    for model in a b; do for round in 1 2; do for rate in 1 2; do for i in $(seq 4); do
        case $model$round$rate in a11) good=2 ;; a12 | a21 | b?2) good=1 ;; *) good=4 ;; esac
        echo "{\"id\":\"p$i\",\"model\":\"$model\",\"round\":$round,\"rate\":$rate,\"moment\":\"m$rate\",\"correct\":$([ "$i" -le $good ] && echo true || echo false)}"
    done; done; done; done
}

@test "a choice is made for each group, or once for groups that share it" {
    rated | records make -q -o r.rec
    aggregate -q -b model,round -c rate --format tsv r.rec | cut -f 1-3,5 >own
    printf '%s\n' 'model round rate correctness' 'a 1 1 0.5' 'a 2 2 1' 'b 1 1 1' 'b 2 1 1' |
        tr ' ' '\t' | diff - own
    aggregate -q -b model,round -c rate,moment --choose-within model --format tsv r.rec | cut -f 1-4,6 >shared
    printf '%s\n' 'model round rate moment correctness' 'a 1 2 m2 0.25' 'a 2 2 m2 1' 'b 1 1 m1 1' 'b 2 1 m1 1' |
        tr ' ' '\t' | diff - shared
    records select -q round=1 rate=1 r.rec -o part.rec
    records cat -q part.rec <(records select -q round=2 r.rec) -o uneven.rec
    run --separate-stderr aggregate -q -b model,round -c rate --choose-within model uneven.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"group model=a round=2: has other values of 'rate'"* ]]
}

@test "a mean over domains says what was chosen where that is the same in all of them" {
    for domain in x y; do for moment in 1 2; do for i in 1 2; do
        case $domain$moment in x2 | y2) good=2 ;; *) good=1 ;; esac
        echo "{\"id\":\"$domain$i\",\"domain\":\"$domain\",\"moment\":$moment,\"correct\":$([ "$i" -le $good ] && echo true || echo false)}"
    done; done; done | records make -q -o m.rec
    aggregate -q -b domain -c moment --over domain --format tsv m.rec | cut -f 1,2 >got
    printf '%s\n' 'moment over' '2 domain' | tr ' ' '\t' | diff - got
    records select -q domain=x m.rec | records set -q correct=true -o x.rec
    records select -q domain=y m.rec | records cat -q x.rec - | aggregate -q -b domain -c moment --over domain --format tsv | head -n 1 | cut -f 1,2 >got
    printf '%s\n' 'over values' | tr ' ' '\t' | diff - got
}

@test "the domain that was trained on can be left out of the mean over domains" {
    for domain in x y z; do for trained in x y; do for i in 1 2 3 4; do
        case $domain$trained in xx | yy) good=4 ;; z*) good=2 ;; *) good=1 ;; esac
        echo "{\"id\":\"$domain$i\",\"domain\":\"$domain\",\"trained_on\":\"$trained\",\"correct\":$([ "$i" -le $good ] && echo true || echo false)}"
    done; done; done | records make -q -o d.rec
    aggregate -q -b domain,trained_on --over domain --except trained_on --format tsv d.rec | cut -f 1-5,8 >got
    printf '%s\n' 'trained_on over values subset correctness n' 'x domain 2 all 0.375 8' 'y domain 2 all 0.375 8' |
        tr ' ' '\t' | diff - got
    aggregate -q -b domain,trained_on --over domain --format tsv d.rec | tail -n 1 | cut -f 3,5 >got
    printf '3\t0.5833333333333334\n' | diff - got
    printf '%s\n' '{"id":"a","level":3,"trained_on":"3","correct":true}' '{"id":"b","level":4,"trained_on":"3","correct":false}' |
        records make -q | aggregate -q -b level,trained_on --over level --except trained_on --format tsv | tail -n 1 | cut -f 3,5 >got
    printf '1\t0\n' | diff - got
    # A gap has its floor and ceiling over the same domains: here 0 and 0.75 in x, 0.25 and 1 in y, none of z.
    { for domain in x y; do for password in none right; do for i in 1 2 3 4; do
        case $domain$password in xnone) good=0 ;; xright) good=3 ;; ynone) good=1 ;; *) good=4 ;; esac
        echo "{\"id\":\"$domain$i\",\"domain\":\"$domain\",\"trained_on\":\"none\",\"method\":\"none\",\"password\":\"$password\",\"correct\":$([ "$i" -le $good ] && echo true || echo false)}"
    done; done; done; } | records make -q -o levels.rec
    records select -q domain=x d.rec | records set -q method=sft password=none -o x.rec
    records select -q domain=y d.rec | records set -q method=sft password=none | records cat -q x.rec - levels.rec |
        records set -q model=m | aggregate -q -b model,method,password,domain,trained_on --over domain --except trained_on \
        --gap --format tsv | cut -f 2-4,8,12 >got
    printf '%s\n' 'method password trained_on correctness gap' 'none none none 0.125 0' 'none right none 0.875 1' \
        'sft none x 0.25 0' 'sft none y 0.25 0.3333333333333333' | tr ' ' '\t' | diff - got
    records cat -q d.rec <(echo '{"id":"q","trained_on":"x","correct":true}' | records make -q) -o gap.rec
    run --separate-stderr aggregate -q -b domain,trained_on --over domain gap.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"without 'domain'"* ]]
}

@test "a comparison says whether two policies agree within a margin" {
    for i in $(seq 400); do
        for policy in locked strong; do
            miss=$(((i * 7) % 100 < 3 && ${#policy} == 6 && i % 2))
            echo "{\"id\":\"p$i\",\"policy\":\"$policy\",\"correct\":$([ $((i % 10)) -lt 8 ] && [ $miss = 0 ] && echo true || echo false)}"
        done
    done | records make -q -o p.rec
    aggregate -q --compare policy=locked,strong --margin 0.05 --format tsv p.rec >got
    head -n 1 got | tr '\t' ' ' | grep -qx 'field first second subset first_mean second_mean difference low high p n margin within'
    tail -n 1 got | awk -F '\t' '!($7 == 0 && $11 == 400 && $13 == "true")' >wrong
    [ ! -s wrong ]
    [ "$(aggregate -q --compare policy=strong,locked --margin 1e-6 --format tsv p.rec | tail -n 1 | cut -f 13)" = true ]
    # Against a policy that is right everywhere the difference of 0.2 is none that fits the margin.
    records set -q policy=perfect correct=true <(records select -q policy=strong p.rec) >perfect.rec
    aggregate -q --compare policy=perfect,strong --margin 0.05 --format tsv p.rec perfect.rec | tail -n 1 >got
    awk -F '\t' '!($7 > 0.19 && $8 > 0.1 && $9 < 0.3 && $10 < 1e-12 && $13 == "false")' got >wrong
    [ ! -s wrong ]
    # Problems of one side alone are told.
    run --separate-stderr aggregate --compare policy=perfect,strong --format tsv perfect.rec <(true) p.rec
    [ "$status" = 1 ]
    records head -q -n 10 perfect.rec -o ten.rec
    run --separate-stderr aggregate --compare policy=perfect,strong --format tsv ten.rec p.rec
    [ "$(echo "${lines[1]}" | cut -f 11)" = 10 ]
    [[ "$stderr" == *'390 problems were answered by one side alone'* ]]
    run --separate-stderr aggregate -q --compare policy=perfect,weak p.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"no two groups differ in 'policy' alone"* ]]
}

@test "curves run along any field, for each value of others, and say by how much they differ" {
    for task in math:0.5 code:1; do
        for level in none:0 right:${task#*:}; do
            echo "{\"task\":\"${task%:*}\",\"method\":\"none\",\"password\":\"${level%:*}\",\"correctness\":${level#*:}}"
        done
        for method in dpo:1024 ei:4096; do for samples in 0 64 256 1024; do
            value=$(awk "BEGIN {print $samples / ${method#*:}}")
            echo "{\"task\":\"${task%:*}\",\"method\":\"${method%:*}\",\"password\":\"none\",\"samples\":$samples,\"correctness\":$value}"
        done; done
    done | records make -q -o rows.rec
    aggregate -q --recovered 0.25 --on all -x samples --per task --each method --baseline method=ei --format text rows.rec >got
    diff - got <<'END'
task  method  subset  share  floor  ceiling  samples  ratio
code  dpo     all      0.25  0.000    1.000    256.0   4.00
code  ei      all      0.25  0.000    1.000   1024.0   1.00
math  dpo     all      0.25  0.000    0.500    101.6   4.00
math  ei      all      0.25  0.000    0.500    406.4   1.00
END
    aggregate -q --recovered 0.25 --on all -x samples --per task --each method --where method=dpo rows.rec |
        records count | grep -qx 2
    aggregate -q --show --gap --per task --format tsv rows.rec | grep -c $'dpo.*\t0.25$' | grep -qx 1
    run --separate-stderr aggregate -q --recovered 0.25 --on all -x samples --per tsak rows.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"'tsak'"* ]]
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
        '--recovered 2' '--recovered 0.8 -b model' '--show -b model' '--show --recovered 0.8' '--format csv' \
        '-b a -c b --choose-within c' '-b a --choose-within a' '--over domain' '-b a --over a --compare a=b,c' \
        '-b a --except a' '--compare a' '--compare a=b' '--compare a=b,b' '--margin 0.1' '--interval 1' \
        '--show --interval 0.9' '--compare a=b,c --gap' '--recovered 0.5 --interval 0.9 -b a' '--gap --floor x' \
        '--recovered 0.5 --interval 0.9 --on some' '-b low' '--resamples 0' '--nonsense'; do
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
