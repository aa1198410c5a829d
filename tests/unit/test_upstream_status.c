
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "reauth_upstream_status.h"


static void
test_every_status(void **state)
{
    size_t    i;
    unsigned  status;

    static const struct {
        unsigned                  first;
        unsigned                  last;
        reauth_upstream_status_t  expected;
    } ranges[] = {
        { 0, 199, REAUTH_UPSTREAM_NOT_FINAL },
        { 200, 299, REAUTH_UPSTREAM_ACCEPTED },
        { 300, 399, REAUTH_UPSTREAM_REDIRECTED },
        { 400, 407, REAUTH_UPSTREAM_REJECTED },
        { 408, 408, REAUTH_UPSTREAM_UNSURE },
        { 409, 499, REAUTH_UPSTREAM_REJECTED },
        { 500, 999, REAUTH_UPSTREAM_UNSURE },
        { 1000, 70000, REAUTH_UPSTREAM_NOT_FINAL },
        { UINT32_MAX, UINT32_MAX, REAUTH_UPSTREAM_NOT_FINAL }
    };

    (void) state;

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {

        status = ranges[i].first;

        do {
            assert_int_equal(reauth_upstream_status(status),
                             ranges[i].expected);
        } while (status++ != ranges[i].last);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
