# grade-code: verdicts, exactly; and nothing that runs in there gets out. THOROUGH=yes makes every variant of
# every problem and takes every published harness: ten minutes instead of one.
load helpers
bats_require_minimum_version 1.5.0

# Where this machine allows no sandbox the tool says so, and what needs one is skipped.
needs_sandbox() {
    echo '{"completion":" ","tests":[{"stdin":"","stdout":""}]}' | records make -q -o probe.rec
    grade-code -q -j 1 probe.rec -o probed.rec 2>probe.txt || skip "$(tail -n 1 probe.txt)"
}

field() { # NAME: that field of every record on stdin, bare
    sed -E 's/.*"'"$1"'":("([^"]*)"|([^,}]*)).*/\2\3/'
}

# The reference of each problem with a line put at the beginning of main.
variant() { # LINE as JSON text
    sed 's/"reference": \(.*int main() {\\n\)/"completion": \1    '"$1"'\\n/' "$ROOT/data/code-small.jsonl" |
        records make -q
}

verdicts() { # STREAM: each verdict and how often
    records show "$1" | field verdict | sort | uniq -c | sed 's/^ *//'
}

@test "the references of our own problems pass" {
    needs_sandbox
    variant '' | grade-code -q -o g.rec
    [ "$(verdicts g.rec)" = "42 pass" ]
    records show g.rec | grep -q '"correct":true,"score":1.0,"verdict":"pass","passed":4,"total":4'
}

@test "each way to fail has its verdict" {
    needs_sandbox
    local n=3
    [ -z "${THOROUGH:-}" ] || n=42
    head -n $n "$ROOT/data/code-small.jsonl" >some.jsonl
    expect() { # VERDICT LINE
        sed 's/"reference": "\(.*int main() {\\n\)/"completion": "#include <bits\/stdc++.h>\\n\1    '"${2//\//\\/}"'\\n/' some.jsonl
    }
    {
        expect wrong 'std::cout << \\"wrong \\";'
        expect slow 'for (volatile long i = 0;; i = i + 1);'
        expect crash '*(volatile int *)nullptr = 1;'
        expect status 'return 3;'
        expect throw 'throw std::runtime_error(\\"no\\");'
        expect file 'std::ofstream(\\"x\\") << 1;'
        expect memory 'for (volatile char *p;;) for (int i = 0; i < 1 << 24; i += 4096) (i ? p : p = new char[1 << 24])[i] = 1;'
        expect output 'for (;;) std::cout << std::string(9999, 97);'
        expect refused 'no_such_function();'
    } | records make -q -o all.rec
    grade-code -q --memory 64 all.rec -o g.rec
    records show g.rec | field verdict | uniq -c | sed 's/^ *//' >got
    printf "$n %s\n" wrong-output time-limit runtime-error file-write memory-limit output-limit compile-error |
        sed "s/^$n runtime/$((3 * n)) runtime/" >right
    diff right got
}

@test "what cannot have a main() is refused without the compiler, what may put it together is not" {
    needs_sandbox
    {
        printf '{"id":"none","completion":"ring heaviest 93 {};"}\n'
        printf '{"id":"pasted","completion":"#include <cstdio>\\n#define MAIN ma##in\\nint MAIN() { puts(\\"2\\"); }"}\n'
        printf '{"id":"split","completion":"#include <cstdio>\\nint ma\\\\\\nin() { puts(\\"2\\"); }"}\n'
        printf '{"id":"assembled","completion":"#include <cstdio>\\nint f() asm(\\"m\\" \\"ain\\");\\nint f() { puts(\\"2\\"); return 0; }"}\n'
    } | sed 's/^{/{"prompt":"p","tests":[{"stdin":"","stdout":"2"}],/' | records make -q | grade-code -q -o g.rec
    [ "$(records show g.rec | field verdict | tr '\n' ' ')" = "compile-error pass pass pass " ]
    records head -q -n 1 g.rec | records show | grep -q '"found":"there is no main() in it"'
}

@test "code is taken from a fenced block or the whole completion" {
    needs_sandbox
    cat >in.jsonl <<'END'
{"completion":"So:\n```cpp\n#include <cstdio>\nint main() { puts(\"1\"); }\n```\nprints\n```\n1\n```\n","tests":[{"stdin":"","stdout":"1"}]}
{"completion":"#include <cstdio>\nint main() { puts(\"1\"); }","tests":[{"stdin":"","stdout":"1"}]}
{"completion":" \n ","tests":[{"stdin":"","stdout":"1"}]}
{"completion":"```python\nprint(1)\n```","tests":[{"stdin":"","stdout":"1"}]}
END
    records make -q -o in.rec <in.jsonl
    grade-code -q in.rec -o g.rec
    [ "$(records show g.rec | field verdict | tr '\n' ' ')" = "pass pass no-code no-code " ]
}

@test "a program that includes only <cstdio> is linked with what else it needs" {
    needs_sandbox
    cat >in.jsonl <<'END'
{"completion":"#include <cstdio>\nint main() { printf(\"%d\", std::max(3, 4)); }","tests":[{"stdin":"","stdout":"4"}]}
{"completion":"# include <stdio.h>\nint main() { int *p = new int(5); printf(\"%d\", *p); delete p; }","tests":[{"stdin":"","stdout":"5"}]}
{"completion":"#include <cstdio>\nint main() { try { throw 6; } catch (int i) { printf(\"%d\", i); } }","tests":[{"stdin":"","stdout":"6"}]}
{"completion":"#include <cstdio>\nint main() { double x; scanf(\"%lf\", &x); printf(\"%g\", sqrt(x)); }","tests":[{"stdin":"49","stdout":"7"}]}
{"completion":"#include <cstdio>\n%:define EIGHT 8\nint main() { printf(\"%d\", EIGHT); }","tests":[{"stdin":"","stdout":"8"}]}
{"completion":"#include <cstdio>\nint f() { }\nint main() { printf(\"%d\", f()); }","tests":[{"stdin":"","stdout":"9"}]}
{"completion":"#include <cstdio>\nint main() { printf(\"%d\", 10) }","tests":[{"stdin":"","stdout":"10"}]}
END
    records make -q -o in.rec <in.jsonl
    grade-code -q in.rec -o g.rec
    [ "$(records show g.rec | field verdict | tr '\n' ' ')" = "pass pass pass pass pass runtime-error compile-error " ]
    [[ $(records show g.rec | tail -n 1) == *"program.cpp:2:"*"expected ';'"* ]]
}

@test "a program that the prelude makes ambiguous is compiled as it stands" {
    needs_sandbox
    cat >in.jsonl <<'END'
{"completion":"#include <cstdio>\nnamespace std {}\nusing namespace std;\nint count = 7, distance = 0;\nint main() { printf(\"%d\\n\", count + distance); }","tests":[{"stdin":"","stdout":"7"}]}
{"completion":"#include <bits/stdc++.h>\nint main() { puts(std::regex_match(\"aa\", std::regex(\"a*\")) ? \"1\" : \"0\"); }","tests":[{"stdin":"","stdout":"1"}]}
END
    records make -q -o in.rec <in.jsonl
    grade-code -q in.rec -o g.rec
    [ "$(verdicts g.rec)" = "2 pass" ]
}

@test "a harness passes when its main returns 0, and not otherwise" {
    needs_sandbox
    cat >in.jsonl <<'END'
{"completion":"int twice(int x) { return 2 * x; }","tests":[{"harness":"int main() { assert(twice(2) == 4); }"}]}
{"completion":"int twice(int x) { return 3 * x; }","tests":[{"harness":"int main() { assert(twice(2) == 4); }"}]}
{"completion":"#include <cstdlib>\nint twice(int x) { exit(0); }","tests":[{"harness":"int main() { assert(twice(2) == 4); }"}]}
{"completion":"#define NDEBUG\n#include <cassert>\nint twice(int x) { return 1; }","tests":[{"harness":"int main() { assert(twice(2) == 4); }"}]}
{"completion":"int twice(int x) { }","tests":[{"harness":"int main() { assert(twice(2) == 4); }"}]}
{"completion":"int twice(int x) { return 2 * x; }","tests":[{"harness":"int main() { return twice(2); }"}]}
END
    records make -q -o in.rec <in.jsonl
    grade-code -q in.rec -o g.rec
    [ "$(records show g.rec | field verdict | tr '\n' ' ')" = \
        "pass runtime-error runtime-error runtime-error runtime-error runtime-error " ]
}

@test "what a program defines does not reach the words of its harness" {
    needs_sandbox
    local asserts='assert(twice(2) == 4); return 0;' ifs='if (twice(2) != 4) return 1; return 0;' returns='return twice(2) != 4;'
    attempt() { # HARNESS PROGRAM
        printf '{"completion":"%s\\nint twice(int x) { return 1; }\\n%s","tests":[{"harness":"int main() { %s }"}]}\n' "$2" "${3-}" "$1"
    }
    {
        attempt "$asserts" 'int main() { return 0; }' '#define main not_main'
        attempt "$asserts" 'int main() { return 0; }' '#define main(...) not_main()'
        attempt "$asserts" '#define assert(x)'
        attempt "$asserts" '#define __assert_fail(...) void(0)'
        attempt "$asserts" '#define static_cast true || static_cast'
        attempt "$asserts" '' '#define NDEBUG\n// \\'
        attempt "$ifs" '' '#define if(x) if (false)'
        attempt "$returns" '' '#define return return 0 &&'
    } | records make -q -o in.rec
    grade-code -q in.rec -o g.rec
    records show g.rec | field verdict >got
    cat got
    [ "$(head -n 2 got | sort -u)" = compile-error ]
    [ "$(tail -n +3 got | sort -u)" = runtime-error ]
    # types are the program's own
    echo '{"completion":"#define float double\n#include <vector>\nfloat half(std::vector<float> x) { return x[0] / 2; }","tests":[{"harness":"int main() { assert(half(std::vector<float>{3}) == 1.5); }"}]}' |
        records make -q | grade-code -q -o types.rec
    [ "$(verdicts types.rec)" = "1 pass" ]
}

@test "all tests are run when that is asked for, and the score is the share" {
    needs_sandbox
    cat >in.jsonl <<'END'
{"completion":"#include <iostream>\nint main() { int n; std::cin >> n; std::cout << 10 / n; }","tests":[{"stdin":"0","stdout":"0"},{"stdin":"5","stdout":"2"},{"stdin":"3","stdout":"4"},{"stdin":"1","stdout":"10"}]}
END
    records make -q -o in.rec <in.jsonl
    [[ $(grade-code -q in.rec | records show) == *'"score":0.0,"verdict":"runtime-error","passed":0,"total":4,"found":"test 1: signal 8'* ]]
    [[ $(grade-code -q --all-tests in.rec | records show) == *'"score":0.5,"verdict":"runtime-error","passed":2,"total":4,"found":"test 1: '* ]]
}

@test "tests are joined by id, and what cannot be joined is an error" {
    needs_sandbox
    sed 's/, "reference.*/}/' "$ROOT/data/code-small.jsonl" | records make -q -o problems.rec
    variant '' | records show | head -n 6 | sed 's/"tests":.*\("completion"\)/\1/' | records make -q -o bare.rec
    [ "$(records show bare.rec | grep -c '"tests"')" = 0 ]
    grade-code -q --problems problems.rec bare.rec -o g.rec
    [ "$(verdicts g.rec)" = "6 pass" ]
    run grade-code -q bare.rec -o none.rec
    [ "$status" = 1 ]
    [[ "$output" == *"id 'code-small/sum'"*"--problems"* ]]
    records head -q -n 3 problems.rec -o few.rec
    run grade-code -q --problems few.rec bare.rec -o none.rec
    [ "$status" = 1 ]
    [[ "$output" == *"few.rec has no problem of this id"* ]]
    [ ! -e none.rec ]
    grade-code -q --problems few.rec --rejects r.rec bare.rec -o some.rec
    [ "$(records count some.rec) $(records count r.rec)" = "3 3" ]
}

@test "tests that are none are refused" {
    needs_sandbox
    for tests in '[]' '1' '[{"stdin":"1"}]' '[{"harness":"","stdin":""}]' '[{"stdin":1,"stdout":""}]' '[7]'; do
        echo '{"id":"x","completion":"int main() {}","tests":'"$tests"'}' | records make -q -o in.rec
        run grade-code -q in.rec -o none.rec
        [ "$status" = 1 ]
        [[ "$output" == *"id 'x'"*tests* ]]
    done
}

@test "a cache gives the same verdicts, and its damaged entries are made anew" {
    needs_sandbox
    { variant '' | records show | head -n 4; variant 'return 3;' | records show | head -n 4; } | records make -q -o in.rec
    grade-code -q in.rec -o plain.rec
    grade-code -q --cache c in.rec -o cold.rec
    grade-code -q --cache c in.rec -o warm.rec
    cmp plain.rec cold.rec
    cmp plain.rec warm.rec
    [ "$(find c -type f | wc -l)" = 8 ]
    find c -type f | head -n 1 | xargs truncate -s 20
    find c -type f | sed -n 2p | while read -r file; do printf 'X' | dd of="$file" bs=1 seek=30 conv=notrunc status=none; done
    find c -type f | sed -n 3p | while read -r file; do : >"$file"; done
    grade-code -q --cache c in.rec -o mended.rec
    cmp plain.rec mended.rec
    [ -z "$(find c -type f -size -32c)" ]
    # every limit is in the key
    grade-code -q --cache c --time 0.4 in.rec -o other.rec
    [ "$(find c -type f | wc -l)" = 16 ]
}

@test "verdicts are the same with one job and sixteen, under a full load" {
    needs_sandbox
    { variant '' | records show | head -n 4; variant 'for (volatile long i = 0;; i = i + 1);' | records show | head -n 2
        variant 'return 1;' | records show | head -n 2; } | records make -q -o in.rec
    grade-code -q -j 1 in.rec -o one.rec
    for _ in $(seq "$(($(nproc) * 2))"); do (while :; do :; done) & done
    load=$(jobs -p)
    grade-code -q -j 16 in.rec -o sixteen.rec
    # shellcheck disable=SC2086
    kill $load
    cmp one.rec sixteen.rec
}

@test "the published harnesses refuse empty bodies and take what is right" {
    needs_shared
    needs_sandbox
    sed 's/"name": /"id": /; s/"tests": \("\([^"\\]\|\\.\)*"\)/"tests": [{"harness": \1}]/' \
        "$SHARED/data/humaneval/humaneval-cpp.jsonl" | records make -q -o problems.rec
    records make -q -o right.rec <"$BATS_TEST_DIRNAME/grade-code/humaneval.jsonl"
    grade-code -q --with-prompt --problems problems.rec right.rec -o g.rec
    [ "$(verdicts g.rec)" = "22 pass" ]
    # a twentieth of the empty ones, unless all are wanted
    records show problems.rec | if [ -n "${THOROUGH:-}" ]; then cat; else sed -n '1~20p'; fi |
        sed 's/^{/{"completion":"\\n",/' | records make -q -o empty.rec
    grade-code -q --with-prompt empty.rec -o g.rec
    [ "$(verdicts g.rec | grep -c ' pass')" = 0 ]
}

# ---- hostile programs ----

hostile() { # records of them, the verdict that is right in the field `right`
    local file text right
    for file in "$BATS_TEST_DIRNAME"/hostile/*.cpp; do
        text=$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' -e 's/$/\\n/' "$file" | tr -d '\n')
        right=$(sed -n '1s/^\/\/ \([a-z-]*\):.*/\1/p' "$file")
        echo '{"id":"'"$(basename "$file" .cpp)"'","right":"'"${right/contained/pass}"'","completion":"'"$text"'",
            "tests":[{"stdin":"the input\n","stdout":"contained\n"}]}' | tr -d '\n'
        echo
    done
}

check_hostile() { # STREAM
    records show "$1" | sed -E 's/.*"id":"([^"]*)","right":"([^"]*)".*"verdict":"([^"]*)".*/\1 \2 \3/' |
        awk '$2 != $3 { print; bad = 1 } END { exit bad || NR < 25 }'
}

descendants() { # PID: of all its descendants, with their starting times
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child $(awk '{ print $22 }' "/proc/$child/stat" 2>/dev/null)"
        descendants "$child"
    done
}

is_alive() { # PID STARTING-TIME
    [ -n "$2" ] && awk -v began="$2" '{ alive = $3 != "Z" && $22 == began } END { exit !alive }' "/proc/$1/stat" 2>/dev/null
}

all_gone() { # waits for the descendants noted in `seen` for five seconds at most
    local pid began
    for _ in $(seq 50); do
        sort -u seen | while read -r pid began; do
            if is_alive "$pid" "$began"; then exit 1; fi
        done && return 0
        sleep 0.1
    done
    echo "a process is still there"
    return 1
}

# Runs the command, notes its descendants as it goes, and fails when any of them outlives it.
leaves_nothing() {
    "$@" &
    local tool=$! status=0
    while kill -0 $tool 2>/dev/null; do
        descendants $tool >>seen
        sleep 0.1
    done
    wait $tool || status=$?
    all_gone || return 1
    [ "$(sort -u seen | wc -l)" -gt 4 ]
    [ ! -e /tmp/lockpick-hostile ]
    return $status
}

@test "hostile programs are contained, and leave no process and no file" {
    needs_sandbox
    hostile | records make -q -o hostile.rec
    touch before
    leaves_nothing grade-code -q --idle 1 --memory 128 --compile-time 1 hostile.rec -o g.rec
    check_hostile g.rec
    [ -z "$(find /tmp /var/tmp /dev/shm -newer before -user 65533 2>/dev/null)" ]
    records show g.rec | grep '"found"' | field found >found
    [ -s found ]
    run ! grep -E 'root:|/bin/' found
}

@test "hostile programs are contained for an ordinary user too" {
    needs_sandbox
    [ "$(id -u)" = 0 ] || skip "the tests run as an ordinary user already"
    command -v setpriv >/dev/null || skip "there is no setpriv"
    # what the compiler refuses is refused for root above
    hostile | grep -v '"right":"compile-error"' | records make -q -o hostile.rec
    cp -rL "$BUILD_BIN/grade-code" tool
    chmod 755 . tool
    mkdir -m 777 theirs
    leaves_nothing setpriv --reuid 64001 --regid 64001 --clear-groups env HOME="$T/theirs" XDG_CACHE_HOME= ./tool \
        -q --precompiled /var/cache/lockpick --idle 1 --memory 128 --compile-time 1 hostile.rec -o theirs/g.rec
    check_hostile theirs/g.rec
    [ -z "$(find /tmp /var/tmp /dev/shm -user 64001 ! -path "$T/*" 2>/dev/null)" ]
}

@test "a tool that is killed takes its sandboxes with it" {
    needs_sandbox
    variant 'for (;;) pause();' | records show | sed 's/#include/#include <unistd.h>\\n#include/' | records make -q -o in.rec
    grade-code -q -j 2 --idle 100 in.rec -o g.rec &
    tool=$!
    for _ in $(seq 100); do
        sleep 0.1
        descendants $tool >seen
        [ "$(wc -l <seen)" -ge 10 ] && break
    done
    [ "$(wc -l <seen)" -ge 8 ]
    kill -KILL $tool
    wait $tool || true
    all_gone
    [ ! -e g.rec ]
}

@test "a signal stops it cleanly" {
    needs_sandbox
    variant 'for (volatile long i = 0;; i = i + 1);' >in.rec
    grade-code -q -j 1 in.rec -o g.rec 2>said &
    tool=$!
    sleep 1.5
    kill -TERM $tool
    status=0
    wait $tool || status=$?
    [ $status = 1 ]
    grep -q 'stopped by a signal' said
    [ ! -e g.rec ]
}

@test "a compiler that is killed from outside is nobody's wrong answer" {
    needs_sandbox
    hostile | grep '"id":"constexpr_bomb"' | records make -q -o in.rec
    grade-code -q -j 1 in.rec -o g.rec 2>said &
    tool=$!
    killed=
    for _ in $(seq 300); do
        for pid in $(descendants $tool | cut -d ' ' -f 1); do
            if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = cc1plus ]; then
                kill -KILL "$pid" && killed=yes
            fi
        done
        [ -z "$killed" ] || break
        sleep 0.05
    done
    [ -n "$killed" ]
    status=0
    wait $tool || status=$?
    cat said
    [ $status = 1 ]
    grep -q 'the compiler was killed from outside' said
    [ ! -e g.rec ]
}

# ---- without a sandbox ----

@test "without bubblewrap it fails and says so" {
    mkdir bin
    for program in g++ as ld; do ln -s "$(command -v $program)" bin/; done
    variant '' | records head -q -n 1 -o in.rec
    run env PATH="$T/bin" "$BUILD_BIN/grade-code" -q in.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"sandbox cannot be set up"*bubblewrap* ]]
    [ ! -e g.rec ]
}

@test "where namespaces are refused it names what is missing and how it is allowed" {
    mkdir bin
    cat >bin/bwrap <<'END'
#!/bin/sh
[ "$1" = --version ] && { echo bubblewrap 0.9.0; exit; }
echo 'bwrap: setting up uid map: Permission denied' >&2
exit 1
END
    chmod 755 . bin bin/bwrap
    variant '' | records head -q -n 1 -o in.rec
    PATH=$T/bin:$PATH run grade-code -q in.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"sandbox cannot be set up (bwrap: setting up uid map: Permission denied)"*"user"*"namespaces"* ]]
    [ ! -e g.rec ]
}

@test "where the kernel really refuses namespaces it fails too" {
    unshare --user true 2>/dev/null || skip "this machine does not let the test make the case"
    variant '' | records head -q -n 1 -o in.rec
    run unshare --user "$BUILD_BIN/grade-code" -q -j 1 in.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"sandbox cannot be set up"*"namespaces"* ]]
    [ ! -e g.rec ]
}

@test "headers that root's sandbox could not reach are refused with the folder" {
    needs_sandbox
    [ "$(id -u)" = 0 ] || skip "the tests run as an ordinary user"
    mkdir -m 700 closed
    run grade-code -q --precompiled closed probe.rec -o g.rec
    [ "$status" = 1 ]
    [[ "$output" == *"is closed to others"*"--precompiled"* ]]
}

@test "the inside of the sandbox does not work outside of it" {
    run timeout 10 grade-code lockpick-sandbox program 3</dev/null
    [[ "$output" != *pass* ]]
    [ "$status" != 124 ]
}
