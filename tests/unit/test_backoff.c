
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_backoff.h"


#define NOW_MS  1763985600000LL    /* Mon, 24 Nov 2025 12:00:00 GMT */


static int64_t
wait_of(const char *value)
{
    int64_t          ms;
    reauth_string_t  s;

    s = reauth_string_from(value);
    ms = -2;

    if (reauth_retry_after_parse(&s, NOW_MS, &ms) != 0) {
        assert_int_equal(ms, -2);
        ms = -1;
    }

    return ms;
}


static void
test_retry_after(void **state)
{
    (void) state;

    assert_int_equal(wait_of("0"), 0);
    assert_int_equal(wait_of("7"), 7000);
    assert_int_equal(wait_of("007"), 7000);
    assert_int_equal(wait_of(" 120\t"), 120000);
    assert_int_equal(wait_of("999999999999999"), 999999999999999000);

    /* too large to count with: still a very long time */
    assert_int_equal(wait_of("1000000000000000"), 999999999999999000);
    assert_int_equal(wait_of("9223372036854775807"), 999999999999999000);
    assert_int_equal(wait_of("99999999999999999999999999999999"),
                     999999999999999000);

    assert_int_equal(wait_of("Mon, 24 Nov 2025 12:00:30 GMT"), 30000);
    assert_int_equal(wait_of("Monday, 24-Nov-25 12:00:30 GMT"), 30000);
    assert_int_equal(wait_of("Mon Nov 24 12:00:30 2025"), 30000);

    /* in the past */
    assert_int_equal(wait_of("Mon, 24 Nov 2025 11:59:59 GMT"), 0);
    assert_int_equal(wait_of("Sun Nov  6 08:49:37 1994"), 0);
}


static void
test_retry_after_invalid(void **state)
{
    size_t  i;

    static const char *const  cases[] = {
        "", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "1 2", "5, 7",
        "5s", "99999999999999999999999999999999s",
        "Mon, 24 Nov 2025 12:00:30", "2025-11-24T12:00:30Z", "\xff",
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(wait_of(cases[i]), -1);
    }
}


static reauth_backoff_verdict_t
judge(unsigned status, int64_t retry_after_ms)
{
    reauth_backoff_t          response;
    reauth_backoff_verdict_t  verdict;

    memset(&response, 0, sizeof(reauth_backoff_t));

    response.status = status;
    response.retry_after_ms = retry_after_ms;
    response.limit = -1;
    response.remaining = -1;

    reauth_backoff_judge(&response, &verdict);

    return verdict;
}


static void
test_all_pause_for_429_and_for_503_with_retry_after(void **state)
{
    reauth_backoff_verdict_t  verdict;

    (void) state;

    verdict = judge(429, 7000);
    assert_int_equal(verdict.outcome, REAUTH_POLL_LIMITED);
    assert_int_equal(verdict.pause_ms, 7000);
    assert_true(verdict.asked);
    assert_int_equal(verdict.wait_ms, 0);

    assert_int_equal(judge(429, -1).pause_ms, REAUTH_BACKOFF_PAUSE_MS);
    assert_int_equal(judge(429, 0).pause_ms, REAUTH_BACKOFF_PAUSE_MS);
    assert_int_equal(judge(429, 86400000).pause_ms, 300000);
    assert_int_equal(judge(429, INT64_MAX).pause_ms, 300000);

    verdict = judge(503, 300000);
    assert_int_equal(verdict.outcome, REAUTH_POLL_LIMITED);
    assert_int_equal(verdict.pause_ms, 300000);
    assert_true(verdict.asked);

    /* says nothing of the others */
    verdict = judge(503, -1);
    assert_int_equal(verdict.outcome, REAUTH_POLL_FAILED);
    assert_int_equal(verdict.pause_ms, 0);
}


static void
test_any_other_retry_after_delays_one_account(void **state)
{
    size_t                    i;
    reauth_backoff_verdict_t  verdict;

    static const unsigned  statuses[] = {
        200, 202, 301, 302, 304, 307, 400, 404, 408, 409, 413, 500, 502,
        504, 520
    };

    (void) state;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        verdict = judge(statuses[i], 9000);
        assert_int_equal(verdict.wait_ms, 9000);
        assert_int_equal(verdict.pause_ms, 0);

        verdict = judge(statuses[i], INT64_MAX);
        assert_int_equal(verdict.wait_ms, 300000);

        verdict = judge(statuses[i], -1);
        assert_int_equal(verdict.wait_ms, 0);
        assert_int_equal(verdict.pause_ms, 0);
    }
}


static void
test_outcomes(void **state)
{
    reauth_backoff_t          response;
    reauth_backoff_verdict_t  verdict;

    (void) state;

    assert_int_equal(judge(200, -1).outcome, REAUTH_POLL_ANSWERED);
    assert_int_equal(judge(202, -1).outcome, REAUTH_POLL_ANSWERED);

    assert_int_equal(judge(401, -1).outcome, REAUTH_POLL_REFUSED);
    assert_int_equal(judge(402, -1).outcome, REAUTH_POLL_REFUSED);
    assert_int_equal(judge(403, -1).outcome, REAUTH_POLL_REFUSED);

    assert_int_equal(judge(404, -1).outcome, REAUTH_POLL_LOST);
    assert_int_equal(judge(400, -1).outcome, REAUTH_POLL_LOST);
    assert_int_equal(judge(410, -1).outcome, REAUTH_POLL_LOST);
    assert_int_equal(judge(422, -1).outcome, REAUTH_POLL_LOST);
    assert_int_equal(judge(499, -1).outcome, REAUTH_POLL_LOST);

    assert_int_equal(judge(0, -1).outcome, REAUTH_POLL_FAILED);
    assert_int_equal(judge(302, -1).outcome, REAUTH_POLL_FAILED);
    assert_int_equal(judge(408, -1).outcome, REAUTH_POLL_FAILED);
    assert_int_equal(judge(500, -1).outcome, REAUTH_POLL_FAILED);
    assert_int_equal(judge(502, -1).outcome, REAUTH_POLL_FAILED);
    assert_int_equal(judge(524, -1).outcome, REAUTH_POLL_FAILED);

    /* no use in asking often */

    assert_int_equal(judge(401, -1).wait_ms, REAUTH_BACKOFF_PAUSE_MS);
    assert_int_equal(judge(402, 5000).wait_ms, REAUTH_BACKOFF_PAUSE_MS);
    assert_int_equal(judge(403, 60000).wait_ms, 60000);

    /* a 401 with a code is about the account: the key is fine */

    memset(&response, 0, sizeof(reauth_backoff_t));
    response.status = 401;
    response.code = 1;
    response.retry_after_ms = -1;

    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.outcome, REAUTH_POLL_LOST);
}


static void
test_last_tenth_of_rate_is_left_to_callers(void **state)
{
    reauth_backoff_t          response;
    reauth_backoff_verdict_t  verdict;

    (void) state;

    memset(&response, 0, sizeof(reauth_backoff_t));
    response.status = 200;
    response.retry_after_ms = -1;
    response.limit = 1000;

    response.remaining = 100;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, 0);

    response.remaining = 99;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, REAUTH_BACKOFF_PAUSE_MS);
    assert_false(verdict.asked);
    assert_int_equal(verdict.outcome, REAUTH_POLL_ANSWERED);

    response.limit = 0;
    response.remaining = 0;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, 0);

    response.limit = -1;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, 0);

    response.limit = 1000;
    response.remaining = -1;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, 0);

    /* what the upstream asks for itself comes first */

    response.status = 429;
    response.retry_after_ms = 60000;
    response.remaining = 0;
    reauth_backoff_judge(&response, &verdict);
    assert_int_equal(verdict.pause_ms, 60000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_retry_after_invalid),
        cmocka_unit_test(test_all_pause_for_429_and_for_503_with_retry_after),
        cmocka_unit_test(test_any_other_retry_after_delays_one_account),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_last_tenth_of_rate_is_left_to_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
