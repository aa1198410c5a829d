# shellcheck shell=sh disable=SC2034 # what the tools read

# Copyright (C) the nginx-reauth authors
#
# Tests under a checker that writes what it finds to files; after prove.sh.


# new_reports DIR: where a checker writes what it finds

new_reports() {
    reports=$1
    rm -rf "$reports"
    mkdir -p "$reports"
}


# A file for each process, empty where nothing was found.

reported() {
    find "$reports" -type f -size +0
}


show_reports() {
    # a report's name has no blanks, but those of the checkout's may have
    reported | head -n 10 | while read -r report; do
        head -n 60 "$report" >&2
    done
}


no_report() {
    [ -z "$(reported)" ] || { show_reports; fail "see $reports"; }
}


# asan_tests MODULE FILES..., with "reports" set

asan_tests() {
    TEST_MODULE=$1
    shift

    # a test that fails does so for what is found, more often than not
    trap show_reports EXIT

    # the module's name is a symbol of every dynamic module: no ODR check;
    # leaks are looked for at the end of each worker
    asan_options=detect_odr_violation=0:handle_abort=1:handle_sigill=1

    SUITE=asan \
    ASAN_OPTIONS="$asan_options:log_path='$reports/asan'" \
    LSAN_OPTIONS="suppressions='$ROOT/tests/lsan.supp':print_suppressions=0" \
    TEST_NGINX_BINARY=$BUILD/asan/objs/nginx \
        run_tests "$@"

    trap - EXIT
    no_report
}


# valgrind_tests MODULE FILES..., with "reports" set

valgrind_tests() {
    TEST_MODULE=$1
    shift

    trap show_reports EXIT
    SUITE=valgrind VALGRIND_REPORTS=$reports \
    TEST_NGINX_BINARY=$ROOT/tests/valgrind-nginx \
        run_tests "$@"

    trap - EXIT
    no_report
}
