
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_upstream_health.h"


static void
test_results(void **state)
{
    size_t  i;

    static const struct {
        unsigned                  status;
        int                       code;
        int                       call;
        reauth_upstream_result_t  expected;
    } responses[] = {
        { 200, 0, 0, REAUTH_RESULT_OK },
        { 200, 0, 1, REAUTH_RESULT_OK },
        { 204, 0, 1, REAUTH_RESULT_OK },
        { 302, 0, 1, REAUTH_RESULT_OK },
        { 302, 0, 0, REAUTH_RESULT_HTTP_ERROR },
        { 400, 0, 0, REAUTH_RESULT_OK },
        { 404, 0, 0, REAUTH_RESULT_OK },
        { 422, 0, 1, REAUTH_RESULT_OK },

        /* a sentence is about the key, a code about the account */

        { 401, 0, 0, REAUTH_RESULT_KEY_REFUSED },
        { 401, 0, 1, REAUTH_RESULT_KEY_REFUSED },
        { 401, 1, 0, REAUTH_RESULT_OK },
        { 401, 1, 1, REAUTH_RESULT_OK },
        { 402, 0, 1, REAUTH_RESULT_CREDITS },
        { 403, 0, 1, REAUTH_RESULT_KEY_RESTRICTED },
        { 429, 0, 1, REAUTH_RESULT_LIMITED },

        { 408, 0, 0, REAUTH_RESULT_HTTP_ERROR },
        { 425, 0, 0, REAUTH_RESULT_HTTP_ERROR },
        { 500, 0, 1, REAUTH_RESULT_HTTP_ERROR },
        { 524, 0, 1, REAUTH_RESULT_HTTP_ERROR },

        /* of a call: its account may log in */

        { 503, 0, 1, REAUTH_RESULT_NONE },
        { 503, 0, 0, REAUTH_RESULT_HTTP_ERROR },

        { 0, 0, 0, REAUTH_RESULT_HTTP_ERROR },
        { 103, 0, 1, REAUTH_RESULT_HTTP_ERROR },
        { 999, 0, 1, REAUTH_RESULT_HTTP_ERROR }
    };

    (void) state;

    for (i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        if (reauth_upstream_result(responses[i].status, responses[i].code,
                                   responses[i].call)
            != responses[i].expected)
        {
            fail_msg("status %u, code %d, call %d", responses[i].status,
                     responses[i].code, responses[i].call);
        }
    }
}


/* ages in ms; -1: never */

typedef struct {
    const char                *what;
    int64_t                    ok;
    reauth_upstream_result_t   error;
    int64_t                    age;
    int64_t                    failing;
    reauth_upstream_result_t   other;
    int64_t                    other_age;
    reauth_upstream_state_t    state;
    reauth_upstream_result_t   why;
} health_t;


static void
test_health(void **state)
{
    size_t                    i;
    const health_t           *h;
    reauth_upstream_ages_t    ages;
    reauth_upstream_health_t  health;

    static const health_t  cases[] = {

        { "nothing yet", -1, REAUTH_RESULT_NONE, -1, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNKNOWN, REAUTH_RESULT_NONE },
        { "a success", 0, REAUTH_RESULT_NONE, -1, -1, REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "one of long ago", 99999999, REAUTH_RESULT_NONE, -1, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },

        { "never a success", -1, REAUTH_RESULT_KEY_REFUSED, 0, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_REFUSED },
        { "one just before", 1999, REAUTH_RESULT_KEY_REFUSED, 0, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "none for two seconds", 2000, REAUTH_RESULT_KEY_REFUSED, 0, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_REFUSED },
        { "one at the same time", 3000, REAUTH_RESULT_KEY_REFUSED, 3000, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "a success since", 0, REAUTH_RESULT_KEY_REFUSED, 1, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "a key does not mend itself", -1, REAUTH_RESULT_KEY_REFUSED,
          99999999, -1, REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_REFUSED },
        { "no credits", 5000, REAUTH_RESULT_CREDITS, 10, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_CREDITS },
        { "restricted", 5000, REAUTH_RESULT_KEY_RESTRICTED, 10, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_RESTRICTED },
        { "the last one counts", 5000, REAUTH_RESULT_CREDITS, 10, -1,
          REAUTH_RESULT_KEY_REFUSED, 9,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_REFUSED },

        { "limited", 2000, REAUTH_RESULT_LIMITED, 0, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_LIMITED, REAUTH_RESULT_LIMITED },
        { "limited, with a success", 1999, REAUTH_RESULT_LIMITED, 0, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "a limit of long ago", 400000, REAUTH_RESULT_LIMITED, 300000, -1,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNKNOWN, REAUTH_RESULT_NONE },
        { "limited after a refusal", -1, REAUTH_RESULT_LIMITED, 0, -1,
          REAUTH_RESULT_KEY_REFUSED, 1,
          REAUTH_UPSTREAM_LIMITED, REAUTH_RESULT_LIMITED },

        { "one failure", 5000, REAUTH_RESULT_HTTP_ERROR, 0, 0,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "the first of all", -1, REAUTH_RESULT_TIMEOUT, 0, 0,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNKNOWN, REAUTH_RESULT_NONE },
        { "failures at once", 5000, REAUTH_RESULT_TIMEOUT, 0, 1999,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "for two seconds", 5000, REAUTH_RESULT_TIMEOUT, 0, 2000,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_FAILING, REAUTH_RESULT_TIMEOUT },
        { "of different kinds", 5000, REAUTH_RESULT_TIMEOUT, 1000, 3000,
          REAUTH_RESULT_TLS, 0,
          REAUTH_UPSTREAM_FAILING, REAUTH_RESULT_TLS },
        { "until a success", 100, REAUTH_RESULT_NO_RESPONSE, 101, 9000,
          REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_OK, REAUTH_RESULT_OK },
        { "a failure after a refusal", 9000, REAUTH_RESULT_KEY_REFUSED, 5000,
          10, REAUTH_RESULT_TIMEOUT, 10,
          REAUTH_UPSTREAM_UNAUTHORIZED, REAUTH_RESULT_KEY_REFUSED },
        { "an outage of long ago", -1, REAUTH_RESULT_HTTP_ERROR, 300000,
          400000, REAUTH_RESULT_NONE, -1,
          REAUTH_UPSTREAM_UNKNOWN, REAUTH_RESULT_NONE }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        h = &cases[i];

        memset(&ages, 0xff, sizeof(reauth_upstream_ages_t));

        ages.last_ms[REAUTH_RESULT_OK] = h->ok;
        ages.failing_ms = h->failing;

        if (h->error != REAUTH_RESULT_NONE) {
            ages.last_ms[h->error] = h->age;
        }

        if (h->other != REAUTH_RESULT_NONE) {
            ages.last_ms[h->other] = h->other_age;
        }

        reauth_upstream_judge(&ages, &health);

        if (health.state != h->state || health.why != h->why) {
            fail_msg("%s: %s", h->what,
                     reauth_upstream_state_name(health.state));
        }

        assert_int_equal(health.error,
                         h->other != REAUTH_RESULT_NONE
                         && h->other_age < h->age ? h->other : h->error);
    }
}


static void
test_names(void **state)
{
    unsigned  i, k;

    (void) state;

    assert_null(reauth_upstream_result_name(REAUTH_RESULT_OK));
    assert_null(reauth_upstream_result_code(REAUTH_RESULT_NONE));

    for (i = REAUTH_RESULT_KEY_REFUSED; i < REAUTH_RESULT_LAST; i++) {
        assert_non_null(
            reauth_upstream_result_code((reauth_upstream_result_t) i));
        assert_true(strlen(reauth_upstream_result_text(
                               (reauth_upstream_result_t) i)) > 20);

        assert_int_equal(
            reauth_upstream_result_is_failure((reauth_upstream_result_t) i),
            i >= REAUTH_RESULT_HTTP_ERROR);

        for (k = REAUTH_RESULT_KEY_REFUSED; k < i; k++) {
            assert_string_not_equal(
                reauth_upstream_result_name((reauth_upstream_result_t) i),
                reauth_upstream_result_name((reauth_upstream_result_t) k));
        }
    }

    assert_false(reauth_upstream_result_is_failure(REAUTH_RESULT_OK));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
