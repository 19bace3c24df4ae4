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
