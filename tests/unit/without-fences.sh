#!/bin/sh

# Copyright (C) the nginx-reauth authors
#
# Shows that a randomized test can fail: builds it once without each of the
# fences of a source, and wants it to find a violation.
#
#   CC=cc FLAGS=... without-fences.sh list test source out-dir core-dir object...

set -eu

here=$(dirname "$0")
list=$1
test=$2
source=$3
out=$4
core=$5
shift 5

objects=
for object in "$@"; do
    case $object in
    */"$source.o") ;;
    *) objects="$objects $object" ;;
    esac
done

mkdir -p "$out"
failed=0

while read -r name expression; do

    case $name in
    '' | '#'*) continue ;;
    esac

    sed "$expression" "$core/$source.c" >"$out/$name.c"

    if cmp -s "$out/$name.c" "$core/$source.c"; then
        echo "not ok - fence $name: not found in $source.c"
        failed=1
        continue
    fi

    # shellcheck disable=SC2086
    $CC $FLAGS -w -I"$core" -I"$here" -o "$out/$name" "$out/$name.c" \
        "$here/$test.c" $objects $LIBS

    if REAUTH_TRACE='' REAUTH_RUNS=6000 "$out/$name" >"$out/$name.log" 2>&1; then
        echo "not ok - without the fence $name all seems well"
        failed=1

    else
        found=$(sed -n 's/^REAUTH_SEED=[0-9]* REAUTH_TRACE=[0-9]*: //p' \
                    "$out/$name.log" | head -n 1)

        if [ -z "$found" ]; then
            echo "not ok - without the fence $name it breaks down:"
            tail -n 5 "$out/$name.log"
            failed=1
        else
            echo "ok - without the fence $name: $found"
        fi
    fi
done <"$here/$list"

exit $failed
