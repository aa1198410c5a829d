
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_degraded_notice.h"


/* one gateway in steps: the time, whether it is degraded, whether it is told */

static void
test_times(void **state)
{
    size_t                    i;
    reauth_degraded_notice_t  notice;

    static const struct {
        int64_t  now_ms;
        int      degraded;
        int      told;
    } rows[] = {
        { 1000, 0, 0 },

        /* for less than ten seconds */
        { 2000, 1, 0 },
        { 11999, 1, 0 },
        { 12000, 0, 0 },

        /* once, however long it lasts */
        { 13000, 1, 0 },
        { 22999, 1, 0 },
        { 23000, 1, 1 },
        { 23200, 1, 0 },
        { 900000, 1, 0 },
        { 900001, 0, 0 },

        /* again, and not more often than once a minute */
        { 901000, 1, 0 },
        { 911000, 1, 1 },
        { 911001, 0, 0 },
        { 912000, 1, 0 },
        { 922000, 1, 0 },
        { 970999, 1, 0 },
        { 971000, 1, 1 },
        { 971001, 1, 0 }
    };

    (void) state;

    memset(&notice, 0, sizeof(notice));

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (reauth_degraded_notice(&notice, rows[i].degraded, rows[i].now_ms)
            != rows[i].told)
        {
            fail_msg("row %zu", i);
        }

        assert_int_equal(notice.since_ms != 0, rows[i].degraded);
    }
}


static void
test_body(void **state)
{
    char             body[REAUTH_DEGRADED_BODY_MAX], name[256];
    size_t           len;
    unsigned         i;
    reauth_string_t  s;
    reauth_reason_t  reasons[REAUTH_REASONS_MAX];

    static const char  expected[] = "{\"type\":\"gateway.degraded\","
        "\"timestamp\":\"2026-01-01T00:01:00.123Z\",\"data\":{"
        "\"gateway\":\"gw \\\"1\\\"\",\"reasons\":["
        "\"Redis is unreachable: updates are stored by this gateway only\","
        "\"the system clock is off by more than a second: times in the logs "
        "of nginx are wrong\"],\"since\":\"2026-01-01T00:00:00.000Z\"}}";

    (void) state;

    reasons[0].kind = REAUTH_REASON_WRITE;
    reasons[0].refusal = REAUTH_REFUSAL_UNREACHABLE;
    reasons[1].kind = REAUTH_REASON_CLOCK;
    reasons[1].refusal = REAUTH_REFUSAL_CLOCK;

    s = reauth_string_from("gw \"1\"");

    len = reauth_degraded_notice_body(body, &s, reasons, 2, 1767225600000,
                                      1767225660123);

    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(body, expected, len);

    /* the longest one fits; a name that is not UTF-8 is left out */

    memset(name, 1, sizeof(name));
    s.data = (unsigned char *) name;
    s.len = 255;

    for (i = 0; i < REAUTH_REASONS_MAX; i++) {
        reasons[i].kind = REAUTH_REASON_UPSTREAM;
        reasons[i].refusal = REAUTH_REFUSAL_CLUSTER;
    }

    len = reauth_degraded_notice_body(body, &s, reasons, REAUTH_REASONS_MAX,
                                      1767225600000, 1767225660123);
    assert_true(len > 2000);

    memset(name, 0xff, sizeof(name));
    len = reauth_degraded_notice_body(body, &s, reasons, 0, 1767225600000,
                                      1767225660123);
    body[len] = '\0';
    assert_non_null(strstr(body, "\"gateway\":null,\"reasons\":[],"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_body)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
