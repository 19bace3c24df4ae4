# data/fetch.sh: whole files only, verified, continued where they were cut off. No network: file:// only.
load helpers

fetch() { "$ROOT/data/fetch.sh" -l "$T/list.tsv" -d "$T/got" "$@"; }

entry() { # NAME FILE SIZE SUM UNPACK PATH
    printf '%s\t%s\t%s\t%s\t%s\tfile://%s\n' "$@" >>"$T/list.tsv"
}

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

@test "a file is downloaded, verified, and not downloaded again" {
    seq 1000 >home.txt
    echo '# comment' >list.tsv
    entry numbers numbers/all.txt "$(wc -c <home.txt)" "$(sum home.txt)" - "$T/home.txt"
    run fetch numbers
    [ "$status" = 0 ]
    [[ "$output" == *"all.txt, verified"* ]]
    cmp home.txt got/numbers/all.txt
    rm home.txt
    run fetch numbers
    [ "$status" = 0 ]
    [[ "$output" == *"all.txt is there"* ]]
}

@test "a download that was cut off goes on where it stopped" {
    seq 1000 >home.txt
    entry numbers all.txt "$(wc -c <home.txt)" "$(sum home.txt)" - "$T/home.txt"
    mkdir got
    head -c 1500 home.txt >got/.all.txt.part
    fetch numbers
    cmp home.txt got/all.txt
    [ -z "$(ls -A got | grep part)" ]
}

@test "a file of another size or checksum is removed and is an error" {
    seq 1000 >home.txt
    entry size a.txt 5 unknown - "$T/home.txt"
    entry sum b.txt unknown "$(echo other | sum /dev/stdin)" - "$T/home.txt"
    run fetch size
    [ "$status" = 1 ]
    [[ "$output" == *"bytes, but 5 would be right"* ]]
    run fetch sum
    [ "$status" = 1 ]
    [[ "$output" == *"SHA-256"*"would be right"* ]]
    [ -z "$(ls -A got)" ]
}

@test "a half archive is refused, a whole one is unpacked under its name" {
    mkdir MATH && seq 20000 >MATH/one.txt
    tar -czf whole.tar.gz MATH
    head -c 3000 whole.tar.gz >half.tar.gz
    entry half half.tar.gz unknown unknown tar "$T/half.tar.gz"
    entry whole whole.tar.gz unknown unknown tar "$T/whole.tar.gz"
    run fetch half
    [ "$status" = 1 ]
    [[ "$output" == *"no whole archive"* ]]
    [ -z "$(ls -A got)" ]
    run fetch whole
    [ "$status" = 0 ]
    [[ "$output" == *"not verified, for the list knows no checksum"* ]]
    cmp MATH/one.txt got/whole/MATH/one.txt
}

@test "what is not there, or has no entry, is an error and leaves nothing" {
    entry gone gone.txt unknown unknown - "$T/nowhere"
    entry out ../out.txt unknown unknown - "$T/list.tsv"
    run fetch gone
    [ "$status" = 1 ]
    [ ! -e got/gone.txt ]
    run fetch other
    [ "$status" = 2 ]
    [[ "$output" == *"there is no dataset 'other'; there are: gone out"* ]]
    run fetch out
    [ "$status" = 1 ]
    [ ! -e out.txt ]
    run fetch
    [ "$status" = 2 ]
}

@test "the shipped list has six fields a line, and checksums or the word unknown" {
    run awk -F '\t' '!/^#/ && (NF != 6 || $3 !~ /^([0-9]+|unknown)$/ || $5 !~ /^(tar|-)$/ || $6 !~ /^https:/ ||
        ($4 != "unknown" && (length($4) != 64 || $4 ~ /[^0-9a-f]/)))' "$ROOT/data/datasets.tsv"
    [ -z "$output" ]
    [ "$("$ROOT/data/fetch.sh" -n)" = "apps apps-archive humaneval math mbpp mmlu " ]
}

@test "the checksum of MBPP is that of the published file" {
    needs_shared
    grep -q "$(sum "$SHARED/data/mbpp/mbpp.jsonl")" "$ROOT/data/datasets.tsv"
}
