# shellcheck shell=sh disable=SC2034 # used by the tools

# Copyright (C) the nginx-reauth authors
#
# Tests under a checker that writes its reports to files; requires prove.sh.


# new_reports DIR: the directory for reports of a checker

new_reports() {
    reports=$1
    rm -rf "$reports"
    mkdir -p "$reports"
}


# The reports; each process has a file, which is empty if nothing was found.

reported() {
    find "$reports" -type f -size +0
}


show_reports() {
    # names of reports have no blanks, but the path of the checkout may
    reported | head -n 10 | while read -r report; do
        head -n 60 "$report" >&2
    done
}


no_report() {
    [ -z "$(reported)" ] || { show_reports; fail "see $reports"; }
}


# asan_tests MODULE FILES...; "reports" must be set

asan_tests() {
    TEST_MODULE=$1
    shift

    # a failed test is often caused by what a report describes
    trap show_reports EXIT

    # no check of ODR, because each dynamic module defines the same symbol;
    # leaks are reported when a worker exits
    asan_options=detect_odr_violation=0:handle_abort=1:handle_sigill=1

    SUITE=asan \
    ASAN_OPTIONS="$asan_options:log_path='$reports/asan'" \
    LSAN_OPTIONS="suppressions='$ROOT/tests/lsan.supp':print_suppressions=0" \
    TEST_NGINX_BINARY=$BUILD/asan/objs/nginx \
        run_tests "$@"

    trap - EXIT
    no_report
}


# valgrind_tests MODULE FILES...; "reports" must be set

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
