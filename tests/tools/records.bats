# records: every verb, what damaged streams lead to, and the manners all tools share.
load helpers

STREAMS=$BATS_TEST_DIRNAME/../golden/streams

# three FIRST: three records from number FIRST on, as JSON lines.
three() {
    for i in 0 1 2; do
        echo "{\"id\":\"r$(($1 + i))\",\"n\":$(($1 + i)),\"part\":\"$([ $i = 1 ] && echo lock || echo elicit)\"}"
    done
}

# many COUNT: that many records of about a hundred bytes which do not compress to nothing.
many() {
    awk -v count="$1" 'function next_number() { x = (x * 16807) % 2147483647; return x / 2147483647 }
        BEGIN { x = 1; for (i = 0; i < count; i++)
            printf "{\"id\":\"%d\",\"a\":%.9f,\"b\":%.9f,\"c\":[%.9f,%.9f]}\n", i, next_number(),
                next_number(), next_number(), next_number() }'
}

fails_with() { # STATUS TEXT COMMAND …: one line on stderr that holds TEXT, nothing on stdout
    local status=$1 text=$2
    shift 2
    run -"$status" --separate-stderr "$@"
    [ "${#stderr_lines[@]}" = 1 ] || { echo "stderr: $stderr"; return 1; }
    [[ $stderr == records*"$text"* ]] || { echo "stderr: $stderr"; return 1; }
}

@test "JSON lines become a stream and come back as they were" {
    records make -q -o x.rec "$STREAMS/golden.jsonl"
    records show x.rec | diff - "$STREAMS/golden.jsonl"
    records make -q <"$STREAMS/golden.jsonl" | records show | diff - "$STREAMS/golden.jsonl"
    records show <"$STREAMS/golden.jsonl" 2>err && return 1
    grep -q "JSON text, not a record stream; 'records make' makes one of it" err
}

@test "recorded streams, ours and a third party's, read as recorded" {
    records show "$STREAMS/golden.rec" | diff - "$STREAMS/golden.jsonl"
    records show "$STREAMS/foreign.rec" | diff - "$STREAMS/golden.jsonl"
    records make -q -o x.rec "$STREAMS/golden.jsonl"
    records same x.rec "$STREAMS/golden.rec"
    records same "$STREAMS/foreign.rec" "$STREAMS/golden.rec"
    records cat -q "$STREAMS/foreign.rec" | records same -q - "$STREAMS/golden.rec"
}

@test "zstd tests and decompresses our streams" {
    command -v zstd || skip "no zstd"
    many 40000 | records make -q -o x.rec
    zstd -tq x.rec
    [ "$(zstd -dcq x.rec | wc -c)" -gt 1000000 ]
}

@test "a stream cut off anywhere is refused with the number of whole records, and no file appears" {
    three 1 | records make -q -o x.rec
    size=$(stat -c %s x.rec)
    for ((at = 0; at < size; at += 1 + at % 13)); do
        head -c "$at" x.rec >cut.rec
        for verb in cat count "set a=1"; do
            # shellcheck disable=SC2086
            records $verb cut.rec >out 2>err && { echo "$verb passes at $at"; return 1; }
            [ "$(wc -l <err)" = 1 ]
        done
        records cat -q -o new.rec cut.rec 2>/dev/null && return 1
        [ ! -e new.rec ]
        if [ "$at" -ge 4 ]; then
            records show cut.rec 2>err >out && return 1
            grep -q "cut.rec: cut off after $(wc -l <out) whole records" err
        fi
    done
}

@test "a stream that was cut off stays cut off through a pipe" {
    many 60000 | records make -q -o x.rec
    head -c $(($(stat -c %s x.rec) * 2 / 3)) x.rec | records cat 2>err >cat.rec && return 1
    grep -q "^records cat: standard input: cut off after [1-9][0-9]* whole records" err
    run -1 records check cat.rec
    [[ $output == "bad: cat.rec: "* ]]
    records head -q -n 5 x.rec | records count | grep -qx 5
}

@test "a changed byte is noticed" {
    many 2000 | records make -q -o x.rec
    size=$(stat -c %s x.rec)
    for at in 0 4 9 150 $((size / 2)) $((size - 40)); do
        cp x.rec bad.rec
        byte=$(od -An -tu1 -j "$at" -N 1 x.rec)
        # shellcheck disable=SC2059
        printf "\\$(printf %o $((byte ^ 85)))" | dd of=bad.rec bs=1 seek="$at" conv=notrunc status=none
        run -1 records check bad.rec
        [[ $output == "bad: bad.rec: "* ]] || { echo "$at: $output"; return 1; }
    done
}

@test "check says a line for each stream and fails when one is bad" {
    three 1 | records make -q -o a.rec
    head -c 100 a.rec >b.rec
    run -0 records check a.rec
    [ "$output" = "good: a.rec: 3 records, digest $(records info --digest a.rec)" ]
    run -1 --separate-stderr records check a.rec b.rec a.rec missing.rec
    [ "${#lines[@]}" = 4 ]
    [[ ${lines[1]} == "bad: b.rec: cut off after 0 whole records"* ]]
    [[ ${lines[3]} == "bad: missing.rec: cannot be read: No such file or directory" ]]
    [ "$stderr" = "records check: 2 of 4 streams are bad" ]
}

@test "zero bytes are no stream" {
    fails_with 1 "standard input: empty" records count </dev/null
    fails_with 1 "standard input: empty" records show </dev/null
    : >empty.rec
    fails_with 1 "empty.rec: empty" records count empty.rec
    fails_with 1 "empty.rec: empty" records cat empty.rec
}

@test "a stream of no records is one" {
    records make -q -o x.rec </dev/null
    [ "$(records count x.rec)" = 0 ]
    [ -z "$(records show x.rec)" ]
    records shuffle -q x.rec | records count | grep -qx 0
}

@test "streams one behind the other are one stream" {
    three 1 | records make -q -o a.rec
    three 4 | records make -q -o b.rec
    { three 1; three 4; } | records make -q -o both.rec
    cat a.rec b.rec >ab.rec
    [ "$(records count ab.rec)" = 6 ]
    records same ab.rec both.rec
    records cat -q a.rec b.rec | records same - both.rec
    [ "$(records info ab.rec | grep -o '"tool"' | wc -l)" = 2 ]
    [ "$(records count a.rec b.rec)" = 6 ]
}

@test "same tells by its status whether records are the same" {
    three 1 | records make -q -o a.rec
    three 4 | records make -q -o b.rec
    records same a.rec a.rec
    run -1 --separate-stderr records same a.rec b.rec
    [ "$stderr" = "records same: a.rec and b.rec hold different records" ]
    fails_with 2 "two streams" records same a.rec
    head -c 100 a.rec >cut.rec
    fails_with 1 "cut off" records same a.rec cut.rec
}

@test "show prints the fields asked for in their order" {
    three 1 | records make -q | records show -F n,id,nothing | head -n 1 | grep -qxF '{"n":1,"id":"r1"}'
}

@test "select takes the records for which all conditions hold" {
    { three 1; echo '{"id":"x","n":2.0}'; echo '{"id":"y","n":"2","q":null}'; } | records make -q -o x.rec
    ids() { records select -q "$@" x.rec | records show -F id | grep -o '"[^"]*"}' | tr -d '"}\n'; }
    [ "$(ids part=lock)" = r2 ]
    [ "$(ids part!=lock)" = r1r3xy ]
    [ "$(ids part=elicit n!=1)" = r3 ]
    [ "$(ids n=2)" = r2xy ]
    [ "$(ids n=2.0)" = r2x ]
    [ "$(ids 'n="2"')" = y ]
    [ "$(ids q=null)" = y ]
    [ "$(ids q!=null)" = r1r2r3x ]
    [ "$(ids n=999)" = "" ]
    fails_with 2 "FIELD=VALUE" records select x.rec
    fails_with 1 "./a=b: cannot be read" records select -q n=1 ./a=b
}

@test "set tags every record, in place or behind the other fields" {
    three 1 | records make -q | records set -q n=5 'tag=a b' 's="7"' 'l=[1,{"x":null}]' e= |
        records show | head -n 1 >out
    grep -qxF '{"id":"r1","n":5,"part":"elicit","tag":"a b","s":"7","l":[1,{"x":null}],"e":""}' out
    fails_with 2 "n!=1" records set n!=1
}

@test "rename gives a field another name, in the place of one that is there" {
    { echo '{"id":"a","completion":"x","solution":"old","n":1}'; echo '{"id":"b","n":2}'; } | records make -q -o x.rec
    [ "$(records rename -q completion=solution x.rec | records show | tr '\n' ' ')" = \
        '{"id":"a","solution":"x","n":1} {"id":"b","n":2} ' ]
    [ "$(records rename -q n=m completion=c id=id x.rec | records show | head -n 1)" = \
        '{"id":"a","solution":"old","m":1,"c":"x"}' ]
    fails_with 2 "FIELD=VALUE" records rename x.rec
}

@test "unique drops what came before, by all fields or by some" {
    for record in a,1 a,2 b,1 a,1 a,2; do
        echo "{\"id\":\"${record%,*}\",\"n\":${record#*,}}"
    done | records make -q -o x.rec
    [ "$(records unique -q x.rec | records show | tr -d '\n')" = '{"id":"a","n":1}{"id":"a","n":2}{"id":"b","n":1}' ]
    [ "$(records unique -q -F id x.rec | records show | tr -d '\n')" = '{"id":"a","n":1}{"id":"b","n":1}' ]
    [ "$(records unique -q -F nothing,n x.rec | records count)" = 2 ]
}

@test "unknown fields pass byte for byte" {
    records set -q policy=w "$STREAMS/golden.rec" | records show |
        sed 's/,"policy":"w"}$/}/; s/{"policy":"w"}/{}/' | diff - "$STREAMS/golden.jsonl"
}

@test "head stops early, shard deals out, shuffle reorders by its seed" {
    seq 10 | sed 's/.*/{"n":&}/' | records make -q -o x.rec
    numbers() { records show -F n | tr -dc '0-9\n' | tr '\n' ' '; }
    [ "$(records head -q -n 3 x.rec | numbers)" = "1 2 3 " ]
    [ "$(records head -q -n 0 x.rec | numbers)" = "" ]
    [ "$(records head -q x.rec x.rec | records count)" = 10 ]
    [ "$(records shard -q --shards 3 x.rec | numbers)" = "1 4 7 10 " ]
    [ "$(records shard -q --shards 3 --index 2 x.rec | numbers)" = "3 6 9 " ]
    records shuffle -q -s 1 -o a.rec x.rec
    records shuffle -q -s 1 -o b.rec x.rec
    records shuffle -q -s 2 -o c.rec x.rec
    cmp a.rec b.rec
    run -1 records same -q a.rec c.rec
    records shuffle -q -s 1 -r 0 -o d.rec x.rec
    records same a.rec d.rec
    records shuffle -q -s 1 -r 1 -o e.rec x.rec
    run -1 records same -q a.rec e.rec
    [ "$(numbers <e.rec | tr ' ' '\n' | sort -n | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 9 10 " ]
    [ "$(numbers <a.rec | tr ' ' '\n' | sort -n | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 9 10 " ]
    for i in 0 1 2; do records shard -q --shards 3 --index $i x.rec -o s$i.rec; done
    records gather -q s0.rec s1.rec s2.rec -o g.rec
    records same g.rec x.rec
    fails_with 1 "more records than" records gather -q s1.rec s0.rec s2.rec -o bad.rec
    [ ! -e bad.rec ]
    fails_with 2 "--shards is missing" records shard x.rec
    fails_with 2 "0 to 2 would be right" records shard --shards 3 --index 3 x.rec
}

@test "head leaves a stream alone behind what it needs" {
    { seq 3 | sed 's/.*/{"n":&}/' | records make -q; echo garbage; } >x.rec
    [ "$(records head -q -n 3 x.rec | records count)" = 3 ]
}

@test "info tells provenance, counts and sources" {
    three 1 | records make -q -o x.rec
    records shuffle -q --seed 9 -o y.rec x.rec
    digest=$(records info --digest x.rec)
    records info y.rec >out
    grep -qF '"records":3,"rejected":0,' out
    grep -qF '"tool":"records shuffle"' out
    grep -qF '"seed":9' out
    grep -qF "\"sources\":[{\"role\":\"input\",\"digest\":\"$digest\"}]" out
    records select -q n=1 x.rec | records info | grep -qF '"arguments":"n=1\n"'
    run ! grep -qE "$T|$(hostname)" y.rec
}

@test "the bytes of a stream repeat" {
    many 20000 | records make -q -o a.rec
    many 20000 | records make -q >b.rec
    cmp a.rec b.rec
}

@test "a line that is no record is named by line and column" {
    { three 1; echo; echo '{"id":1,}'; } >x.jsonl
    fails_with 1 "x.jsonl: line 5: column 9" records make -o x.rec x.jsonl
    [ ! -e x.rec ]
    fails_with 1 "standard input: line 1: column 1: a record should stand here" records make -o x.rec <<<'[1]'
    fails_with 1 'line 1: column 8: the key "a" comes twice' records make -o x.rec <<<'{"a":1,"a":2}'
}

@test "with --rejects bad lines are set aside with the reason, and counted" {
    { three 1; echo '{"id":1,}'; echo nonsense; three 4; } >x.jsonl
    run -0 --separate-stderr records make --rejects bad.rec -o x.rec x.jsonl
    [[ $stderr == "records make: 6 records in "*", 2 rejected" ]]
    [ "$(records count x.rec)" = 6 ]
    records info x.rec | grep -qF '"rejected":2'
    records show bad.rec >out
    [ "$(wc -l <out)" = 2 ]
    grep -qF '{"line":"nonsense","reject_reason":"x.jsonl: line 5: column 1:' out
    rm -f x.rec bad.rec
    fails_with 1 "more than 1 bad records, the last: x.jsonl: line 5" \
        records make --rejects bad.rec --max-rejects 1 -o x.rec x.jsonl
    [ ! -e x.rec ]
    [ "$(records count bad.rec)" = 2 ]
}

@test "salvage saves the whole records of a damaged stream" {
    many 30000 | records make -q -o x.rec
    records salvage -q -o y.rec x.rec
    records same x.rec y.rec
    head -c $(($(stat -c %s x.rec) * 2 / 3)) x.rec >cut.rec
    run -0 --separate-stderr records salvage -o y.rec cut.rec
    [[ $stderr == "records salvage: "*" records saved; 1 frames damaged or cut off, "* ]]
    saved=$(records count y.rec)
    [ "$saved" -gt 15000 ]
    diff <(records show y.rec) <(records show x.rec | head -n "$saved")
    echo text >no.rec
    fails_with 1 "no frame of a record stream" records salvage -o z.rec no.rec
    [ ! -e z.rec ]
    fails_with 2 "one file" records salvage
}

@test "a full disk is told by name" {
    fails_with 1 "No space left on device" records make -o /dev/full <<<'{"a":1}'
    three 1 | records make -q -o x.rec
    fails_with 1 "No space left on device" bash -c "records cat x.rec >/dev/full"
    fails_with 1 "No space left on device" bash -c "records show x.rec >/dev/full"
    fails_with 1 "No space left on device" bash -c "records count x.rec >/dev/full"
}

@test "a closed pipe is one quiet line and exit 1" {
    many 30000 >x.jsonl
    for command in "records make -q x.jsonl" "records make -q x.jsonl | records show"; do
        run --separate-stderr bash -c "set -o pipefail; $command | head -c 10 >/dev/null"
        [ "$status" = 1 ]
        [ "${#stderr_lines[@]}" -ge 1 ]
        [[ $stderr == *"standard output: nobody reads it any more"* ]]
    done
}

@test "records are not written to a terminal" {
    command -v script || skip "no script(1)"
    three 1 | records make -q -o x.rec
    script -qec "records cat x.rec" /dev/null </dev/null >out || true
    grep -q "is a terminal" out
    script -qec "records show x.rec" /dev/null </dev/null >out
    grep -q '"id":"r1"' out
}

@test "a signal stops a filter that waits, and leaves no file" {
    mkfifo pipe
    records cat -o x.rec <pipe 2>err &
    reader=$!
    exec 7>pipe
    sleep 0.2
    kill -TERM $reader
    run wait $reader
    [ "$status" = 1 ] || { wait $reader; [ $? = 1 ]; } || true
    exec 7>&-
    grep -q "stopped by a signal" err
    [ ! -e x.rec ]
}

@test "a pipe does not wait for more than it was given" {
    mkfifo pipe
    three 1 | records make -q -o x.rec
    { cat x.rec; sleep 5; } >pipe &
    writer=$!
    timeout 3 records head -q -n 3 -o y.rec <pipe
    kill $writer
    [ "$(records count y.rec)" = 3 ]
}

@test "one record that would fill the memory is refused" {
    command -v zstd || skip "no zstd"
    head -c $((8 + $(od -An -tu4 -j4 -N4 "$STREAMS/golden.rec"))) "$STREAMS/golden.rec" >bomb.rec
    { printf '\x81\xa1x\xdb\x20\x00\x00\x00'; head -c 600M /dev/zero; } | zstd -1q >>bomb.rec
    [ "$(stat -c %s bomb.rec)" -lt 100000 ]
    fails_with 1 "record 1 is larger than 256 MiB" records cat -o x.rec bomb.rec
}

@test "wrong usage exits with 2 and help with 0" {
    fails_with 2 "no verb" records
    fails_with 2 "there is no verb 'foo'" records foo
    fails_with 2 "see records head --help" records head -n -1
    fails_with 2 "see records show --help" records show --nonsense
    records --version | grep -q '^records (lockpick) '
    for verb in show make check salvage count head select set shuffle shard gather cat info same; do
        records --help | grep -q "^  $verb "
        records $verb --help | grep -q "^usage: records $verb "
    done
    fails_with 1 "missing.rec: cannot be read: No such file" records show missing.rec
    fails_with 1 "is a directory" records show .
    fails_with 1 "missing/x.rec: cannot be written" records make -o missing/x.rec </dev/null
}

@test "control characters of both kinds in names do not reach the terminal" {
    name=$(printf 'a\033[2J\302\233b\302\240c.rec')
    echo '{"id":"x"}' | records make -q -o "$name"
    records check "$name" >out
    grep -qF "a?[2J?b$(printf '\302\240')c.rec" out
    run records count "no$name"
    [ "$status" = 1 ]
    [[ "$output" == *"noa\\x1b[2J\\xc2\\x9bb$(printf '\302\240')c.rec"* ]]
}
