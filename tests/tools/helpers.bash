# What every tool test starts from: the built tools on the PATH, and a fresh folder in $T.
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD_BIN=${BUILD_BIN:-$ROOT/build/release/bin}
PATH=$BUILD_BIN:$PATH
bats_require_minimum_version 1.5.0

setup() {
    T=$(mktemp -d)
    cd "$T" || return 1
}

teardown() {
    cd /
    rm -rf "$T"
}

# The files of real data, for the tests that can use them.
SHARED=${LOCKPICK_SHARED:-$ROOT/../shared}
needs_shared() {
    [ -d "$SHARED/data" ] || skip "the shared data folder is not there"
}

# A tool that runs in the background, with its messages in a file, ends by a signal and says so.
stopped_by() { # SIGNAL PID MESSAGES
    local status=0
    kill -0 "$2"
    kill -"$1" "$2"
    timeout 20 tail --pid="$2" -f /dev/null
    wait "$2" || status=$?
    [ "$status" = 1 ]
    grep -q 'stopped by a signal' "$3"
}
