# shellcheck shell=sh

# Copyright (C) the nginx-reauth authors
#
# How tests are run.


# The directory of the CPAN module.  It precedes t/lib, which has files of the
# same names.

genuine_lib() {
    if [ -n "${TEST_NGINX_GENUINE_LIB:-}" ]; then
        [ -f "$TEST_NGINX_GENUINE_LIB/Test/Nginx/Socket.pm" ] || fail \
            "no Test/Nginx/Socket.pm in TEST_NGINX_GENUINE_LIB"
        say "$TEST_NGINX_GENUINE_LIB"
        return
    fi

    # shellcheck disable=SC2016 # for Perl
    perl -e 'for (@INC) { next if !-e "$_/Test/Nginx/Socket.pm";
        print; exit } exit 1' || fail "TEST_NGINX_GENUINE: Test::Nginx is not
installed; \"cpan Test::Nginx\", or name its lib in TEST_NGINX_GENUINE_LIB"
}


# The ten slowest files of a log of "prove --timer".

slowest() {
    sed -n 's/^\[[0-9:]*\] \([^ ]*\) \.*.* \([0-9]*\) ms .*/\2 \1/p' "$1" \
        | sort -rn | head -n 10 | while read -r ms file; do
            say "  $((ms / 1000)) s  $file"
        done
}


# prove_them NAME ARGUMENTS...: fails if a test failed or if none was run.
# Another run in this checkout has its own log until it ends.

prove_them() {
    what=$1
    shift

    log=$BUILD/test-$what.log
    own=$log.$$
    if prove --timer "$@"; then
        say passed > "$own.status"
    fi 2>&1 | tee "$own"

    count=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$own")
    slow=$(slowest "$own")
    mv "$own" "$log"

    [ -f "$own.status" ] || fail "$what tests failed (log: $log)"
    rm "$own.status"
    [ "${count:-0}" -gt 0 ] || fail "no $what test was run"
    total=$((total + count))

    say "the slowest files of $what:"
    say "$slow"
}


unit_tests() {
    make -s -j "$(jobs)" -C tests all OUT="../$UNIT" "$@"

    # the randomized test must fail without each fence; checked once only

    if [ "$UNIT_FILES" = all ] && [ $# -eq 0 ]; then
        JOBS=$(jobs) make -s -C tests fences OUT="../$UNIT"
    fi

    if [ "$UNIT_FILES" = all ]; then
        set -- "$UNIT"/unit/test_*
    else
        set --
        for file in $UNIT_FILES; do
            file=$(basename "$file" .c)
            set -- "$@" "$UNIT/unit/$file"
        done
    fi

    prove_them unit -j "$(jobs)" --exec 'sh tests/tap.sh' "$@"
}


run_tests() {
    if [ -n "${TEST_NGINX_GENUINE:-}" ]; then
        genuine=$(genuine_lib)
        set -- "-I$genuine" -It/lib "$@"
    else
        set -- -It/lib "$@"
    fi

    # Each file has its own port and directory, so that files can run in
    # parallel.  Most of their time they wait: two for each processor, but
    # valgrind needs all of it.  The timeout is a minute, as in t/lib.
    case ${SUITE:-integration} in
        valgrind) at_once=$(jobs) ;;
        *) at_once=${JOBS:-$((2 * $(jobs)))} ;;
    esac

    TEST_NGINX_RANDOMIZE=1 TEST_NGINX_MODULE=$TEST_MODULE \
    TEST_NGINX_TIMEOUT=${TEST_NGINX_TIMEOUT:-60} \
        prove_them "${SUITE:-integration}" -j "$at_once" "$@"
}
