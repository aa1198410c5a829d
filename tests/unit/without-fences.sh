#!/bin/sh

# Copyright (C) the nginx-reauth authors
#
# Shows that a randomized test, or one by tables, can fail: builds it without
# each fence of a source in turn, and checks that it finds a violation.  Runs
# JOBS of them in parallel.
#
#   CC=cc FLAGS=... without-fences.sh list test sources out-dir core-dir object...
#
# "sources" may be several, "a b": each fence is in one of them.

set -eu

here=$(dirname "$0")
list=$1
test=$2
sources=$3
out=$4
core=$5
shift 5

# arguments of a job: the name of the fence, then the objects

without() {
    name=$1
    shift

    expression=$(sed -n "s/^$name  *//p" "$here/$list")
    changed=
    objects=$out/$test.o

    mkdir -p "$out/$name.d"

    for source in $sources; do
        text=$out/$name.d/$source.c
        sed "$expression" "$core/$source.c" >"$text"

        if ! cmp -s "$text" "$core/$source.c"; then
            changed="$changed $source"
            # shellcheck disable=SC2086
            $CC $FLAGS -w -I"$core" -c -o "${text%.c}.o" "$text"
            objects="$objects ${text%.c}.o"
        fi
    done

    if [ -z "$changed" ]; then
        echo "not ok - fence $name: not found in $sources"
        return 1
    fi

    for object in "$@"; do
        source=$(basename "$object" .o)

        case "$changed " in
        *" $source "*) ;;
        *) objects="$objects $object" ;;
        esac
    done

    # shellcheck disable=SC2086
    $CC $FLAGS -o "$out/$name" $objects $LIBS

    if REAUTH_TRACE='' REAUTH_RUNS=20000 REAUTH_VIOLATIONS=1 "$out/$name" \
        >"$out/$name.log" 2>&1
    then
        echo "not ok - without the fence $name all seems well"
        return 1
    fi

    found=$(sed -n 's/^REAUTH_SEED=[0-9]* REAUTH_TRACE=[0-9]*: //p' \
                "$out/$name.log" | head -n 1)

    # a test by tables

    if [ -z "$found" ]; then
        found=$(sed -n 's/^\[  FAILED  \] \(test_[a-z_]*\)$/\1/p' \
                    "$out/$name.log" | head -n 1)
    fi

    if [ -z "$found" ]; then
        echo "not ok - without the fence $name it breaks down:"
        tail -n 5 "$out/$name.log"
        return 1
    fi

    echo "ok - without the fence $name: $found"
}

if [ -n "${FENCE:-}" ]; then
    without "$FENCE" "$@"
    exit
fi

mkdir -p "$out"

# shellcheck disable=SC2086
$CC $FLAGS -w -I"$core" -I"$here" -c -o "$out/$test.o" "$here/$test.c"

sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$here/$list" \
    | xargs -P "${JOBS:-1}" -I NAME env FENCE=NAME \
        sh "$0" "$list" "$test" "$sources" "$out" "$core" "$@"
