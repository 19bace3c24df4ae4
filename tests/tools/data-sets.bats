# The problems of our own in data/: they load, and each has what its task is judged by.
load helpers

make_set() { records make -q "$ROOT/data/$1-small.jsonl" -o "$1.rec"; }

ids() { records show "$1" | grep -oE '"id":"[^"]*"' | sort; }

@test "the sets load, with ids of their own" {
    for set in math:60 critique:20 choice:60; do
        make_set "${set%:*}"
        [ "$(records count "${set%:*}.rec")" = "${set#*:}" ]
        [ "$(ids "${set%:*}.rec" | uniq | wc -l)" = "${set#*:}" ]
        [ "$(records show "${set%:*}.rec" | grep -c "\"task\":\"${set%:*}\"")" = "${set#*:}" ]
    done
}

@test "math: the answer in the solution's box is the reference" {
    make_set math
    records show math.rec | sed -E 's/"reference":"([^"\\]|\\.)*",//' >without.jsonl
    run ! grep -q '"reference"' without.jsonl
    import-set -q -F json without.jsonl -o again.rec
    references() { records show "$1" | grep -oE '"reference":"([^"\\]|\\.)*"'; }
    [ "$(references math.rec | wc -l)" = 60 ]
    cmp <(references math.rec) <(references again.rec)
}

@test "math: all levels and all types are there, each in its group" {
    make_set math
    for level in 1 2 3 4 5; do
        [ "$(records show math.rec | grep -c "\"level\":$level,")" -ge 10 ]
    done
    records show math.rec | sed -E 's/.*"domain":"([^"]*)","group":"([^"]*)".*/\1\t\2/' | sort -u >got
    grep -v '^#' "$ROOT/data/groups/math.tsv" | sort | diff - got
}

@test "choice: fifteen questions of each group, letters that are choices, an example outside the set" {
    make_set choice
    for group in Stem Bio Law Misc; do
        [ "$(records show choice.rec | grep -c "\"domain\":\"$group\"")" = 15 ]
    done
    records show choice.rec | sed 's/"reference":"\([A-D]\)"/&,"completion":"\1"/' | records make -q |
        grade-choice -q -o graded.rec
    [ "$(records show graded.rec | grep -c '"correct":true')" = 60 ]
    [ "$(records show choice.rec | grep -cE '"prompt":"[^"]*(\\"[^"]*)*\\nA\. .*\\nB\. .*\\nC\. .*\\nD\. ')" = 60 ]
    records show choice.rec | sed -E 's/.*"shot":"(.*)\\nAnswer: [A-D]"\}$/\1/' | sort -u >shots
    [ "$(wc -l <shots)" = 4 ]
    run ! grep -qF -f shots <(records show choice.rec | sed 's/,"shot".*//')
}

@test "all sets go through the templates of their tasks" {
    for set in math critique choice; do
        make_set $set
        gen-strong -q --policy reference $set.rec -o s.rec
        build-lock-set -q -w s.rec -t s.rec -e 1 -o l.rec
        [ "$(records count l.rec)" = "$((2 * $(records count $set.rec)))" ]
    done
    [ "$(records show l.rec | grep -c '"input":".*\\nAnswer: [A-D]\\n\\n.*\\nAnswer:"')" = 120 ]
}
