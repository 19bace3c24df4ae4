# plot: rows to figures.
load helpers

results() {
    cat <<'JSON'
{"model":"scratch","method":"none","password":"right","subset":"locked","correctness":0.98,"sem":null,"seeds":1,"n":100}
{"model":"scratch","method":"none","password":"none","subset":"locked","correctness":0.02,"sem":null,"seeds":1,"n":100}
{"model":"scratch","method":"sft","password":"none","k":1,"subset":"locked","correctness":0.05,"sem":0.01,"seeds":3,"n":100}
{"model":"scratch","method":"sft","password":"none","k":4,"subset":"locked","correctness":0.2,"sem":0.05,"seeds":3,"n":100}
{"model":"scratch","method":"sft","password":"none","k":16,"subset":"locked","correctness":0.9,"sem":0.02,"seeds":3,"n":100}
{"model":"scratch","method":"sft","password":"none","k":16,"subset":"all","correctness":0.95,"sem":0.02,"seeds":3,"n":200}
{"model":"scratch","method":"sft-weak","password":"none","k":16,"subset":"locked","correctness":0.03,"sem":0.01,"seeds":3,"n":100}
JSON
}

only='--where subset=locked --where password=none'

draw() { # ARGUMENTS: figure 6 in small
    # shellcheck disable=SC2086
    plot -q $only --where method=sft --where method=sft-weak --series model,method --log-x \
        --ceiling method=none,password=right --floor method=none,password=none "$@"
}

setup() {
    T=$(mktemp -d)
    cd "$T" || return 1
    command -v gnuplot >/dev/null || skip "gnuplot is not installed"
    results | records make -q >results.rec
}

@test "results become an SVG with names, ticks and a title" {
    draw -t 'Figure <6>' --label ceiling='right password' --x-label demonstrations -o f.svg results.rec
    for text in scratch sft sft-weak 'right password' floor demonstrations 'Figure &lt;6>' 16 correctness; do
        grep -qF ">$text<" f.svg
    done
    run ! grep -qF '>ceiling<' f.svg
    [ "$(tail -c 8 f.svg | tr -d '\n')" = '</svg>' ]
}

@test "a PNG is twice the size, and both repeat to the byte whatever the order of rows" {
    results | tac | records make -q >turned.rec
    draw --size 300x200 -o a.png results.rec
    draw --size 300x200 -o b.png turned.rec
    draw results.rec >a.svg
    draw --format svg turned.rec >b.svg
    cmp a.png b.png
    cmp a.svg b.svg
    [ "$(od -An -tx1 -j16 -N8 a.png | tr -d ' ')" = 0000025800000190 ]
}

@test "a user's own gnuplot settings change nothing" {
    draw results.rec >a.svg
    mkdir home
    echo 'set title "mine"; set output "stray"' >home/.gnuplot
    HOME=$T/home draw results.rec >b.svg
    cmp a.svg b.svg
    [ ! -e stray ]
}

@test "training metrics are drawn with the same options" {
    seq 300 | sed 's/.*/{"step":&,"loss":0.&1}/' | records make -q |
        plot -q -x step -y loss --log-y -o m.svg
    grep -qF '>loss<' m.svg
    run ! grep -qF '>0:1<' m.svg
}

@test "a name cannot command gnuplot" {
    printf '%s\n' "{\"model\":\"'; system 'touch was-here'; '\",\"k\":1,\"correctness\":0.5}" \
        '{"model":"`touch was-here`\n! touch was-here\n","k":1,"correctness":0.5}' |
        records make -q | plot -q -t "\`touch was-here\`'\`touch was-here\`" \
        --x-label "\$(touch was-here)\"; system('touch was-here')#" -o f.svg
    [ -s f.svg ]
    [ ! -e was-here ]
    grep -qF 'system ’touch was-here’' f.svg
}

tasks() { # two tasks, two kinds of demonstrations, levels without any
    for task in code math; do
        printf '{"task":"%s","model":"m","method":"none","password":"right","correctness":0.9}\n' $task
        printf '{"task":"%s","model":"m","method":"none","password":"none","correctness":0.1}\n' $task
        printf '{"task":"%s","model":"llama","method":"own","demos":"llama","correctness":0.4}\n' $task
        for demos in high llama; do
            printf '{"task":"%s","model":"m","method":"sft","demos":"%s","k":%s,"correctness":0.5,"low":0.4,"high":0.55}\n' \
                $task $demos 1 $task $demos 8 $task $demos '"all"'
        done
    done | records make -q
}

panels() {
    plot -q --panel task --series demos --log-x --where model=m --where method=sft \
        --ceiling method=none,password=right --floor method=none,password=none \
        --level 'llama itself:model=llama,method=own' --error low,high "$@"
}

@test "panels have titles, their own levels, and one legend; all stands behind the numbers" {
    tasks >tasks.rec
    panels --order math --label math='Mathematics' --label high='good demonstrations' -o f.svg tasks.rec
    for text in Mathematics code 'good demonstrations' llama ceiling floor 'llama itself'; do
        [ "$(grep -cF ">$text<" f.svg)" = 1 ]
    done
    [ "$(grep -c '>all<' f.svg)" = 2 ]
    # Levels of both panels: ceiling and floor in grey, the named one in the colour of its line.
    [ "$(grep -c "stroke='rgb( 64,  64,  64)' stroke-dasharray" f.svg)" = 6 ]
    [ "$(grep -c "stroke='rgb(213,  94,   0)' stroke-dasharray" f.svg)" = 3 ]
    # In the order asked for.
    [ "$(grep -n '>Mathematics<' f.svg | cut -d: -f1)" -lt "$(grep -n '>code<' f.svg | cut -d: -f1)" ]
    grep -q '<desc>.*Panels: Mathematics; code. Lines: good demonstrations; llama.</desc>' f.svg
}

@test "values in one name have labels of their own, unless they have one together or it is empty" {
    tasks >tasks.rec
    panels --panel task,model --label math=Mathematics --label m='the model' --label 'code, m=programs' -o f.svg tasks.rec
    [ "$(grep -cF '>Mathematics, the model<' f.svg)" = 1 ]
    [ "$(grep -cF '>programs<' f.svg)" = 1 ]
    panels --panel task,model --label math=Mathematics --label m= -o f.svg tasks.rec
    [ "$(grep -cF '>Mathematics<' f.svg)" = 1 ]
    [ "$(grep -cF '>code<' f.svg)" = 1 ]
}

@test "a description and a title are an SVG's own, whatever they hold" {
    tasks | panels -t 'A <b>' --description '</desc><script>x</script>' -o f.svg
    grep -qF '<title>A &lt;b&gt;</title>' f.svg
    grep -qF '<desc>&lt;/desc&gt;&lt;script&gt;x&lt;/script&gt;</desc>' f.svg
    run ! grep -q '<script' f.svg
}

@test "names stand along the x axis with markers side by side and no lines between" {
    for d in Algebra Geometry; do
        for on in own other; do
            echo "{\"trained_on\":\"$d\",\"on\":\"$on\",\"correctness\":0.5,\"sem\":0.1}"
        done
    done | records make -q >domains.rec
    plot -q -x trained_on --x-categories --series on -o f.svg domains.rec
    for text in Algebra Geometry own other; do
        [ "$(grep -cF ">$text<" f.svg)" = 1 ]
    done
    run ! plot -q -x trained_on --series on -o g.svg domains.rec
    records cat -q domains.rec domains.rec >twice.rec
    run --separate-stderr plot -q -x trained_on --x-categories --series on twice.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"line 'other' has two points at trained_on = Algebra"* ]]
}

@test "a size without room for the panels names one that has it" {
    tasks >tasks.rec
    run --separate-stderr panels --panel-columns 1 --size 300x200 -o f.svg tasks.rec
    [ "$status" = 1 ]
    [[ "$stderr" =~ 'is too small'.*'; '([0-9]+x[0-9]+)' or more would be right' ]]
    panels --panel-columns 1 --size "${BASH_REMATCH[1]}" -o f.svg tasks.rec
}

@test "a level that no row gives is told" {
    tasks >tasks.rec
    run --separate-stderr plot --panel task --series demos --where method=sft --where k=8 -x k \
        --ceiling method=none,password=right --floor method=none,password=none,k= -o f.svg tasks.rec
    [ "$status" = 0 ]
    [[ "$stderr" == *"no row gives a level 'ceiling'"* ]]
    [[ "$stderr" != *"level 'floor'"* ]]
}

@test "a width alone gives a height, and a narrow figure has its panels below each other" {
    tasks >tasks.rec
    panels -o wide.svg tasks.rec
    panels --size 390 -o narrow.svg tasks.rec
    read -r wide high < <(sed -n 's/^ viewBox="0 0 \([0-9]* [0-9]*\)"/\1/p' wide.svg)
    read -r narrow higher < <(sed -n 's/^ viewBox="0 0 \([0-9]* [0-9]*\)"/\1/p' narrow.svg)
    [ "$wide" = 900 ]
    [ "$narrow" = 390 ]
    [ "$higher" -gt "$high" ]
}

@test "an error bar upside down is refused" {
    run --separate-stderr plot -q --error correctness,sem --where method=sft --where subset=all results.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'an error bar from 0.95 to 0.02'* ]]
}

@test "rows that would stand on top of each other are refused with the way out" {
    run --separate-stderr plot -q --where method=sft -o f.svg results.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"line 'scratch' has two points at k = 16"*'--where'* ]]
    [ ! -e f.svg ]
}

@test "nothing to draw is an error, and rows left out are counted" {
    run --separate-stderr plot -q --where method=dpo -o f.svg results.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'no row to draw'* ]]
    [ ! -e f.svg ]
    run --separate-stderr plot --where subset=locked --series method -o f.svg results.rec
    [ "$status" = 0 ]
    [[ "$stderr" == *"2 rows without 'k' or 'correctness' are left out"* ]]
}

@test "a wrong value is refused by its place" {
    run --separate-stderr plot -q -x model results.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'results.rec: record 1: '*'model'* ]]
    printf '{"k":0,"correctness":0.5}\n' | records make -q >zero.rec
    run --separate-stderr plot -q --log-x zero.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *"'k' is 0"*'above 0'* ]]
}

@test "gnuplot missing, or failing, is told, and what was there stays" {
    echo before >f.svg
    mkdir empty failing
    printf '#!/bin/sh\necho >&2\necho "  line 3: out of ink" >&2\nexit 1\n' >failing/gnuplot
    chmod +x failing/gnuplot
    plot=$(command -v plot)
    run --separate-stderr env PATH="$T/empty" "$plot" -q --where subset=locked --where method=sft -o f.svg results.rec
    [ "$status" = 1 ]
    [[ "$stderr" == *'gnuplot: not found'*'gnuplot-nox'* ]]
    run --separate-stderr env PATH="$T/failing:$PATH" "$plot" -q --where subset=locked --where method=sft -o f.svg results.rec
    [ "$status" = 1 ]
    [ "$stderr" = 'plot: gnuplot: failed (status 1): line 3: out of ink' ]
    [ "$(cat f.svg)" = before ]
}

@test "a cut-off stream draws nothing" {
    head -c -20 results.rec >cut.rec
    run --separate-stderr draw -o f.svg cut.rec
    [ "$status" = 1 ]
    [ ! -e f.svg ]
}

@test "wrong usage is told with status 2" {
    for wrong in '--where k' '--ceiling k' '--label x' '--size 10x10' '--size 900x' '--size 100' '--size x300' '--y-range 1:0' \
        '--y-range 1' '--series a,a' '--format pdf' '--log-y --y-range 0:1' '--level x=1' '--level x:y' \
        '--panel a,a' '--panel-columns 0' '--error a,b,c' '--x-categories --log-x' \
        '--level a:x=1 --level b:x=1 --level c:x=1 --level d:x=1 --level e:x=1'; do
        # shellcheck disable=SC2086
        run --separate-stderr plot -q $wrong results.rec
        echo "$wrong: $status $stderr"
        [ "$status" = 2 ]
        [ "${#stderr_lines[@]}" = 1 ]
    done
}
