#!/bin/sh
# Downloads published datasets from their homes, for import-set to read: fetch.sh [-d FOLDER] NAME ...
#
# What there is stands in datasets.tsv beside this file. A download that was cut off goes on where it stopped;
# a file appears under its name only when it is whole and its size and checksum, where known, are right.
set -u
here=$(dirname "$(readlink -f "$0")")
list=$here/datasets.tsv
folder=datasets
tab=$(printf '\t')

usage() {
    echo "usage: fetch.sh [-d FOLDER] [-l LIST] NAME ..."
    echo "       fetch.sh -n        names that there are"
    echo "Downloads go to FOLDER (datasets); LIST replaces $list."
}
say() { echo "fetch.sh: $*" >&2; }
names() { grep -v '^#' "$list" | cut -f 1 | sort -u | tr '\n' ' '; }

while getopts d:l:nh option; do
    case $option in
        d) folder=$OPTARG ;;
        l) list=$OPTARG ;;
        n) names; echo; exit 0 ;;
        h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ -r "$list" ] || { say "$list: cannot be read; -l LIST names another"; exit 1; }
command -v curl >/dev/null || { say "curl is needed; install it and start again"; exit 1; }

# Whether FILE has SIZE bytes and the SHA-256 SUM; says what is wrong.
verify() { # FILE SIZE SUM
    size=$(($(wc -c <"$1")))
    if [ "$2" != unknown ] && [ "$size" != "$2" ]; then
        say "$1: $size bytes, but $2 would be right"
        return 1
    fi
    sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
    if [ "$3" != unknown ] && [ "$sum" != "$3" ]; then
        say "$1: SHA-256 $sum, but $3 would be right"
        return 1
    fi
}

# Unpacks an archive into the folder of its name; a half archive leaves nothing.
unpack() { # ARCHIVE NAME
    fresh=$folder/.$2.unpacking
    rm -rf "$fresh"
    mkdir -p "$fresh" || return 1
    if ! tar --no-same-owner -xf "$1" -C "$fresh" || [ -z "$(ls -A "$fresh")" ]; then
        rm -rf "$fresh"
        say "$1: no whole archive"
        return 1
    fi
    rm -rf "${folder:?}/$2"
    mv "$fresh" "$folder/$2"
}

fetch() { # NAME FILE SIZE SUM UNPACK URL
    target=$folder/$2
    part=$(dirname "$target")/.$(basename "$target").part
    if [ -e "$target" ] && verify "$target" "$3" "$4" && { [ "$5" = - ] || [ -d "$folder/$1" ]; }; then
        say "$1: $target is there"
        return 0
    fi
    mkdir -p "$(dirname "$target")" || return 1
    # A part that is complete already cannot be continued: it is tried as it is.
    if ! { [ -s "$part" ] && [ "$4" != unknown ] && verify "$part" "$3" "$4" 2>/dev/null; }; then
        say "$1: $6"
        curl -fL --retry 3 --connect-timeout 30 -C - -o "$part" "$6" ||
            { say "$1: cut off; the same command goes on where it stopped"; return 1; }
    fi
    [ -s "$part" ] || { rm -f "$part"; say "$1: $6: empty"; return 1; }
    verify "$part" "$3" "$4" || { rm -f "$part"; say "$1: not what was published; removed"; return 1; }
    [ "$5" = - ] || unpack "$part" "$1" || { rm -f "$part"; return 1; }
    mv "$part" "$target" || return 1
    if [ "$4" = unknown ]; then
        say "$1: $target, $size bytes, SHA-256 $sum: not verified, for the list knows no checksum"
    else
        say "$1: $target, verified"
    fi
}

status=0
for name in "$@"; do
    found=0
    while IFS=$tab read -r its file bytes sum how url; do
        [ "$its" = "$name" ] || continue
        found=1
        case $file in /* | ../* | */../*) say "$list: '$file' leaves the folder"; exit 1 ;; esac
        fetch "$its" "$file" "$bytes" "$sum" "$how" "$url" </dev/null || status=1
    done <<LIST
$(grep -v '^#' "$list")
LIST
    [ $found = 1 ] || { say "there is no dataset '$name'; there are: $(names)"; exit 2; }
done
exit $status
