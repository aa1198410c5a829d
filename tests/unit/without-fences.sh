#!/bin/sh

# Copyright (C) the nginx-reauth authors
#
# Shows that test_interleavings can fail: builds it once without each of the
# state machine's fences, and wants it to find a violation.
#
#   CC=cc FLAGS=... without-fences.sh out-dir core-dir object...

set -eu

here=$(dirname "$0")
out=$1
core=$2
shift 2

objects=
for object in "$@"; do
    case $object in
    */reauth_attempt.o) ;;
    *) objects="$objects $object" ;;
    esac
done

mkdir -p "$out"
failed=0

while read -r name expression; do

    case $name in
    '' | '#'*) continue ;;
    esac

    sed "$expression" "$core/reauth_attempt.c" >"$out/$name.c"

    if cmp -s "$out/$name.c" "$core/reauth_attempt.c"; then
        echo "not ok - fence $name: not found in reauth_attempt.c"
        failed=1
        continue
    fi

    # shellcheck disable=SC2086
    $CC $FLAGS -w -I"$core" -I"$here" -o "$out/$name" "$out/$name.c" \
        "$here/test_interleavings.c" $objects $LIBS

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
done <"$here/fences"

exit $failed
