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
    for wrong in '--where k' '--ceiling k' '--label x' '--size 10x10' '--size 900' '--y-range 1:0' \
        '--y-range 1' '--series a,a' '--format pdf' '--log-y --y-range 0:1'; do
        # shellcheck disable=SC2086
        run --separate-stderr plot -q $wrong results.rec
        echo "$wrong: $status $stderr"
        [ "$status" = 2 ]
        [ "${#stderr_lines[@]}" = 1 ]
    done
}
