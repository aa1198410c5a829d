
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_duration.h"


static void
test_bounds_increase(void **state)
{
    unsigned         kind, i;
    const uint32_t  *bounds;

    (void) state;

    for (kind = 0; kind < REAUTH_DURATION_LAST; kind++) {
        bounds = reauth_duration_bounds((reauth_duration_t) kind);

        assert_true(bounds[0] > 0);

        for (i = 1; i < REAUTH_DURATION_BUCKETS - 1; i++) {
            assert_true(bounds[i] > bounds[i - 1]);
        }
    }
}


/* a bound belongs to its bucket, as Prometheus' "le" says */

static void
test_bucket_of_bounds(void **state)
{
    unsigned           i, k;
    const uint32_t    *bounds;
    reauth_duration_t  kind;

    (void) state;

    for (k = 0; k < REAUTH_DURATION_LAST; k++) {
        kind = (reauth_duration_t) k;
        bounds = reauth_duration_bounds(kind);

        for (i = 0; i < REAUTH_DURATION_BUCKETS - 1; i++) {
            assert_int_equal(reauth_duration_bucket(kind, bounds[i]), i);
            assert_int_equal(
                reauth_duration_bucket(kind, (int64_t) bounds[i] + 1), i + 1);
        }
    }
}


static void
test_bucket_of_extremes(void **state)
{
    (void) state;

    assert_int_equal(reauth_duration_bucket(REAUTH_DURATION_LOGIN, 0), 0);
    assert_int_equal(reauth_duration_bucket(REAUTH_DURATION_LOGIN, -1), 0);
    assert_int_equal(reauth_duration_bucket(REAUTH_DURATION_LOGIN, INT64_MIN),
                     0);
    assert_int_equal(reauth_duration_bucket(REAUTH_DURATION_LOGIN, INT64_MAX),
                     REAUTH_DURATION_BUCKETS - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bounds_increase),
        cmocka_unit_test(test_bucket_of_bounds),
        cmocka_unit_test(test_bucket_of_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
