# An endpoint of language models on this machine, for the tests of what asks one: no key and no proxy of the
# environment, a cache in $T, and the server that says what the prompts tell it, or what a file of answers says.
without_endpoints() {
    unset OPENAI_API_KEY http_proxy https_proxy all_proxy
    export XDG_CACHE_HOME=$T/cache
}

start_server() { # [ANSWERS]: $URL is where it listens, $T/log what it was asked
    "$BUILD_BIN/../server/model_server" "$T/port" "$T/log" "$@" 3>&- &
    server=$!
    until [ -e "$T/port" ]; do
        kill -0 "$server" || return 1
        sleep 0.02
    done
    URL=http://127.0.0.1:$(cat "$T/port")/v1
}

teardown() {
    [ -z "${server-}" ] || kill "$server" 2>/dev/null || true
    cd /
    rm -rf "$T"
}
