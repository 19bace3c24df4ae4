#!/usr/bin/env bats
# lockpick: finds the tools by name, in the tree and installed.
load helpers

# An installation of symbolic links around the built tools, with a `man` that says what it was asked.
installed() {
    mkdir -p prefix/bin prefix/libexec/lockpick
    cp "$ROOT/bin/lockpick" prefix/bin/
    ln -s "$BUILD_BIN" prefix/libexec/lockpick/bin
    PATH=$T/prefix/bin:$PATH
}

@test "a tool runs with its arguments, input, output and exit status" {
    installed
    echo '{"id":"a b"}' | lockpick records make -q | lockpick records show >out
    [ "$(cat out)" = '{"id":"a b"}' ]
    run lockpick records show 'no such file.rec'
    [ "$status" -eq 1 ]
    [[ $output == "records show: no such file.rec: "* ]]
    run lockpick train
    [ "$status" -eq 2 ]
}

@test "it is found through a link, from any folder" {
    installed
    ln -s "$T/prefix/bin/lockpick" link
    cd /
    [ "$("$T/link" records --version)" = "$("$BUILD_BIN/records" --version)" ]
}

@test "in the source tree it runs the release build" {
    mkdir -p tree/bin tree/build/release
    cp "$ROOT/bin/lockpick" tree/bin/
    run tree/bin/lockpick train
    [ "$status" -eq 1 ]
    [[ $output == "lockpick: no tools in "*"run make first" ]]
    ln -s "$BUILD_BIN" tree/build/release/bin
    tree/bin/lockpick records --version
}

@test "without arguments it lists the tools and returns 2, with --help 0" {
    installed
    run lockpick
    [ "$status" -eq 2 ]
    run --separate-stderr lockpick --help
    [ "$status" -eq 0 ]
    [ "$stderr" = "" ]
    for tool in train sample records; do
        [[ $output == *$'\n'"  $tool"$'\n'* ]]
    done
    [ "$(lockpick help)" = "$output" ]
}

@test "--version is that of the tools" {
    installed
    [[ $(lockpick --version) == *"(lockpick) "[0-9]*.[0-9]*.[0-9]* ]]
}

@test "what is no tool is named, and no path escapes" {
    installed
    for name in nothing ../lockpick ../../../bin/lockpick . .. .hidden ./records 'a b' ''; do
        run lockpick "$name"
        [ "$status" -eq 2 ] || { echo "$name"; false; }
    done
    run lockpick nothing
    [ "$output" = "lockpick: there is no tool 'nothing'; lockpick --help lists them" ]
    run lockpick --nothing
    [ "$status" -eq 2 ]
    [ "$output" = "lockpick: there is no option --nothing; see lockpick --help" ]
}

@test "help TOOL opens its manual page" {
    installed
    printf '#!/bin/sh\necho "man $*"\n' >prefix/bin/man
    chmod +x prefix/bin/man
    [ "$(lockpick help train)" = "man 1 lockpick-train" ]
    mkdir prefix/man
    touch prefix/man/lockpick-train.1
    [ "$(lockpick help train)" = "man -l $T/prefix/bin/../man/lockpick-train.1" ]
}
