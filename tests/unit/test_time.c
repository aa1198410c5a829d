
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

#include "reauth_time.h"


static int64_t
parse(const char *text)
{
    char            *copy;
    int64_t          us;
    reauth_string_t  s;

    /* not terminated, so that a sanitizer sees what reads on */

    s.len = strlen(text);
    copy = malloc(s.len + 1);
    assert_non_null(copy);
    copy = realloc(memcpy(copy, text, s.len), s.len ? s.len : 1);
    assert_non_null(copy);
    s.data = (unsigned char *) copy;

    us = -2;

    if (reauth_time_parse(&s, &us) != 0) {
        assert_int_equal(us, -2);
        us = -1;
    }

    free(copy);

    return us;
}


static void
test_parse(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        int64_t      us;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00.000001Z", 1 },
        { "2025-01-01T12:00:00.000000Z", 1735732800000000 },
        { "2025-01-01T12:00:00.123456Z", 1735732800123456 },
        { "2025-01-01T12:00:00.123456789Z", 1735732800123456 },
        { "2025-01-01T12:00:00.9Z", 1735732800900000 },
        { "2025-01-01T12:00:00.05Z", 1735732800050000 },
        { "2025-01-01t12:00:00z", 1735732800000000 },
        { "2025-01-01T12:00:00+00:00", 1735732800000000 },
        { "2025-01-01T12:00:00-00:00", 1735732800000000 },
        { "2025-01-01T13:30:00.5+01:30", 1735732800500000 },
        { "2025-01-01T00:01:00-11:59", 1735732800000000 },
        { "2024-02-29T23:59:59Z", 1709251199000000 },
        { "2000-02-29T00:00:00Z", 951782400000000 },
        { "2000-03-01T00:00:00Z", 951868800000000 },
        { "2100-02-28T00:00:00Z", 4107456000000000 },
        { "2100-03-01T00:00:00Z", 4107542400000000 },
        { "1969-12-31T23:00:00-01:00", 0 },
        { "1970-01-01T01:00:00+01:00", 0 },
        { "9999-12-31T23:59:59.999999Z", 253402300799999999 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (parse(cases[i].text) != cases[i].us) {
            fail_msg("\"%s\" is %lld", cases[i].text,
                     (long long) parse(cases[i].text));
        }
    }
}


static void
test_parse_refuses(void **state)
{
    size_t  i;

    static const char *const  cases[] = {
        "", "Z", "2025-01-01", "2025-01-01T12:00Z", "2025-01-01T12:00:00",
        "2025-01-01T12:00:00.", "2025-01-01T12:00:00.Z",
        "2025-01-01T12:00:00.1234567890Z", "2025-01-01T12:00:00.5",
        "2025-01-01 12:00:00Z", "2025-01-01T12:00:00ZZ",
        "2025-01-01T12:00:00Z ", " 2025-01-01T12:00:00Z",
        "2025-00-01T12:00:00Z", "2025-13-01T12:00:00Z",
        "2025-01-00T12:00:00Z", "2025-01-32T12:00:00Z",
        "2025-04-31T12:00:00Z", "2025-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z", "2025-01-01T24:00:00Z",
        "2025-01-01T12:60:00Z", "2025-01-01T12:00:60Z",
        "2025-01-01T12:00:00+24:00", "2025-01-01T12:00:00+00:60",
        "2025-01-01T12:00:00+0000", "2025-01-01T12:00:00+00",
        "2025-01-01T12:00:00*00:00", "2025-01-01T12:00:00+0a:00",
        "20a5-01-01T12:00:00Z", "2025-1a-01T12:00:00Z",
        "2025-01-+1T12:00:00Z", "-025-01-01T12:00:00Z",
        "2025/01/01T12:00:00Z", "2025-01-01T12.00.00Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01",
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (parse(cases[i]) != -1) {
            fail_msg("\"%s\" is taken", cases[i]);
        }
    }
}


static void
test_format(void **state)
{
    char  us[REAUTH_TIME_US_SIZE], ms[REAUTH_TIME_MS_SIZE];

    (void) state;

    assert_int_equal(reauth_time_format_us(us, 1735732800000042), 27);
    assert_string_equal(us, "2025-01-01T12:00:00.000042Z");

    assert_int_equal(reauth_time_format_ms(ms, 1735732800007), 24);
    assert_string_equal(ms, "2025-01-01T12:00:00.007Z");

    reauth_time_format_us(us, 0);
    assert_string_equal(us, "1970-01-01T00:00:00.000000Z");

    reauth_time_format_us(us, -1);
    assert_string_equal(us, "1970-01-01T00:00:00.000000Z");

    reauth_time_format_us(us, INT64_MIN);
    assert_string_equal(us, "1970-01-01T00:00:00.000000Z");

    reauth_time_format_us(us, INT64_MAX);
    assert_string_equal(us, "9999-12-31T23:59:59.999999Z");

    reauth_time_format_ms(ms, INT64_MAX);
    assert_string_equal(ms, "9999-12-31T23:59:59.999Z");
}


/* each day of all the years, against the ordinary way to count */

static void
test_every_day(void **state)
{
    int      year, month, day, last;
    char     text[REAUTH_TIME_US_SIZE], expected[64];
    int64_t  us;

    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    (void) state;

    us = 86399999999;

    for (year = 1970; year <= 9999; year++) {

        for (month = 1; month <= 12; month++) {
            last = days[month - 1];

            if (month == 2
                && (year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)))
            {
                last++;
            }

            for (day = 1; day <= last; day++) {
                reauth_time_format_us(text, us);

                if (day == 1 || day == last) {
                    snprintf(expected, sizeof(expected),
                             "%04d-%02d-%02dT23:59:59.999999Z",
                             year, month, day);
                    assert_string_equal(text, expected);
                    assert_true(parse(text) == us);
                }

                us += 86400000000;
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_every_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
