# pipelines/grade.mk: shards on this machine and on others, and what happens when one of those is lost.
load helpers

setup_file() {
    command -v parallel >/dev/null || skip "GNU parallel is not there"
}

# IN=in.rec graded by grade-exact through the pipeline; `want.rec` is what one grader alone writes.
make_input() { # COUNT
    for i in $(seq "$1"); do
        echo "{\"id\":\"p$i\",\"reference\":\"$i 2 3\",\"completion\":\"$i 2 $((i % 5))\"}"
    done | records make -q -o in.rec
    grade-exact -q in.rec -o want.rec
}

grade() {
    make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=in.rec OUT=out "$@"
}

# A grader that first does what the lines on stdin say, with $first the id of the shard's first record.
make_grader() {
    {
        echo "#!/bin/bash"
        echo "T=$T in=\$(mktemp $T/shard.XXXXXX)"
        cat <<'END'
cat >"$in"
records head -q -n 1 "$in" -o "$in.one"
first=$(records show -F id "$in.one" | tr -dc 'p0-9')
END
        cat
        echo 'exec grade-exact -q "$in"'
    } >grader
    chmod +x grader
}

runs() { sort "$T/runs" | uniq -c | tr -s ' ' | tr '\n' ';'; }

# Two machines, really one: sshd twice, with keys, ports and home folders of their own.
start_nodes() {
    command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || skip "sshd is not there (openssh-server)"
    command -v rsync >/dev/null || skip "rsync is not there"
    SSHD=$(command -v sshd || echo /usr/sbin/sshd)
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$T/key"
    : >"$T/config"
    for node in 1 2; do
        mkdir "$T/home$node"
        port=$((20000 + (RANDOM + node * 7919) % 12000))
        cat >"$T/sshd$node" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $T/key
PidFile $T/pid$node
AuthorizedKeysFile $T/key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
SetEnv HOME=$T/home$node
MaxStartups 100
END
        cat >>"$T/config" <<END
Host node$node
    HostName 127.0.0.1
    Port $port
END
        "$SSHD" -f "$T/sshd$node" 2>"$T/sshd$node.log" || skip "sshd does not start: $(head -n 1 "$T/sshd$node.log")"
        declare -g "PORT$node=$port"
    done
    cat >>"$T/config" <<END
Host *
    IdentityFile $T/key
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile $T/known
    LogLevel ERROR
    KexAlgorithms curve25519-sha256
    ControlMaster auto
    ControlPath $T/c%p
    ControlPersist 5
END
    printf '2/node1\n2/node2\n' >nodes
    for node in 1 2; do
        timeout 10 ssh -F "$T/config" node$node true || skip "node$node cannot be reached over ssh"
    done
}

teardown() {
    for node in 1 2; do
        [ ! -f "$T/pid$node" ] || ssh -F "$T/config" -O exit node$node 2>/dev/null || true
        [ ! -f "$T/pid$node" ] || kill "$(cat "$T/pid$node")" 2>/dev/null || true
    done
    cd /
    rm -rf "$T"
}

@test "shards graded by several jobs are the records of one grader alone, in their order" {
    make_input 101
    HOME=$T grade GRADER='grade-exact -q' SHARDS=4 JOBS=2 >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
    [ "$(ls out/shards/*.graded.rec | wc -l)" = 4 ]
    # a repetition does nothing
    [ -z "$(HOME=$T grade -s GRADER='grade-exact -q' SHARDS=4 JOBS=2)" ]
}

@test "a killed grader's shard is graded again, and the others are not" {
    make_input 60
    make_grader <<'END'
echo "$first" >>"$T/runs"
[ "$first" != p2 ] || ! mkdir "$T/once" || kill -KILL $$
END
    HOME=$T grade GRADER="$T/grader" SHARDS=4 JOBS=2 >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
    [ "$(runs)" = " 1 p1; 2 p2; 1 p3; 1 p4;" ]
}

@test "an interrupted run continues with what is left" {
    make_input 60
    make_grader <<'END'
echo "$first" >>"$T/runs"
[ "$first" != p3 ] || [ -e "$T/mended" ] || exit 1
END
    run env HOME="$T" make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=in.rec OUT=out \
        GRADER="$T/grader" SHARDS=4 JOBS=2 RETRIES=1
    [ "$status" != 0 ]
    [ ! -e out/graded.rec ]
    touch mended
    HOME=$T grade GRADER="$T/grader" SHARDS=4 JOBS=2 RETRIES=1 >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
    [ "$(runs)" = " 1 p1; 1 p2; 2 p3; 1 p4;" ]
}

@test "another grader, or other records, are graded anew" {
    make_input 20
    HOME=$T grade GRADER='grade-exact -q' SHARDS=2 >log 2>&1
    HOME=$T grade GRADER='grade-exact -q -f completion' SHARDS=2 >log 2>&1 || { cat log; false; }
    [ "$(records select -q correct=true out/graded.rec | records count)" = 20 ]
    make_input 21
    HOME=$T grade GRADER='grade-exact -q' SHARDS=3 >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
}

@test "a grader that loses records is noticed" {
    make_input 20
    run env HOME="$T" make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=in.rec OUT=out \
        GRADER='grade-exact -q | records head -q -n 3' SHARDS=2
    [ "$status" != 0 ]
    [[ "$output" == *"another number of records"* ]]
    [ ! -e out/graded.rec ]
}

@test "what is missing or would lose the order is refused in one line" {
    run make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=none.rec GRADER=grade-exact
    [[ "$status" != 0 && "$output" == *"there is no such file"* ]]
    make_input 1
    run make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=in.rec
    [[ "$status" != 0 && "$output" == *"GRADER= is missing"* ]]
    run make -f "$ROOT/pipelines/grade.mk" TOOLS_DIR="$BUILD_BIN" IN=in.rec GRADER='grade-exact --rejects x'
    [[ "$status" != 0 && "$output" == *"order of the stream"* ]]
}

@test "over ssh, machines grade shards and leave nothing behind" {
    start_nodes
    make_input 60
    make_grader <<'END'
echo "${SSH_CONNECTION##* }" >>"$T/ports"
END
    HOME=$T grade GRADER="$T/grader" SHARDS=4 JOBS=1 SSHLOGINFILE=nodes SSH="ssh -F $T/config" >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
    [ "$(sort -u ports | wc -l)" = 2 ] # both had work
    [ "$(find home1 home2 -name '*.rec' | wc -l)" = 0 ]
}

@test "a machine lost in the middle of a shard has its shards graded elsewhere" {
    start_nodes
    make_input 60
    # node 2 dies of its first shard: its sshd and that of the session, from within
    echo "$PORT2" >port2
    make_grader <<'END'
if [ "${SSH_CONNECTION##* }" = "$(cat "$T/port2")" ]; then
    echo "$first" >>"$T/lost"
    kill -KILL "$(cat "$T/pid2")"
    pid=$$
    while [ "$(cat "/proc/$pid/comm")" != sshd ]; do pid=$(awk '{print $4}' "/proc/$pid/stat"); done
    kill -KILL "$pid"
    exit 1
fi
END
    HOME=$T grade GRADER="$T/grader" SHARDS=4 JOBS=1 SSHLOGINFILE=nodes SSH="ssh -F $T/config" >log 2>&1 || { cat log; false; }
    records same out/graded.rec want.rec
    [ -s lost ]
}
