
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


static int64_t
parse_http(const char *text, int64_t now_ms)
{
    char            *copy;
    int64_t          ms;
    reauth_string_t  s;

    s.len = strlen(text);
    copy = malloc(s.len ? s.len : 1);
    assert_non_null(copy);
    memcpy(copy, text, s.len);
    s.data = (unsigned char *) copy;

    ms = -2;

    if (reauth_time_parse_http(&s, now_ms, &ms) != 0) {
        assert_int_equal(ms, -2);
        ms = -1;
    }

    free(copy);

    return ms;
}


static void
test_parse_http(void **state)
{
    size_t   i;
    int64_t  ms;

    static const struct {
        const char  *text;
        int64_t      seconds;
    } cases[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Sun Nov 16 08:49:37 1994", 784975777 },
        { "sun, 06 nov 1994 08:49:37 gmt", 784111777 },
        { "SUNDAY, 06-NOV-94 08:49:37 GMT", 784111777 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Thu Jan  1 00:00:00 1970", 0 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },

        /* of this century, if that is not more than 50 years ahead */
        { "Monday, 24-Nov-25 12:00:00 GMT", 1763985600 },
        { "Saturday, 24-Nov-75 11:00:00 GMT", 3341818800 },
        { "Wednesday, 26-Nov-75 13:00:00 GMT", 186238800 },
        { "Thursday, 01-Jan-70 00:00:00 GMT", 3155760000 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ms = parse_http(cases[i].text, 1763985600000);

        if (ms != cases[i].seconds * 1000) {
            print_message("%s: %lld\n", cases[i].text, (long long) ms);
        }

        assert_int_equal(ms, cases[i].seconds * 1000);
    }
}


static void
test_parse_http_invalid(void **state)
{
    size_t  i;
    char    text[64];

    static const char *const  cases[] = {
        "", "x", "120", "Sun", "Sun,", "Sunday,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-xx 08:49:37 GMT",
        "Sunday, 31-Feb-94 08:49:37 GMT",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  x 08:49:37 1994",
        "Sun Nov  6 08.49.37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, 120",
        "1994-11-06T08:49:37Z",
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_http(cases[i], 1763985600000), -1);
    }

    /* cut anywhere */

    for (i = 0; i < sizeof("Sun, 06 Nov 1994 08:49:37 GMT") - 1; i++) {
        memcpy(text, "Sun, 06 Nov 1994 08:49:37 GMT", i);
        text[i] = '\0';
        assert_int_equal(parse_http(text, 1763985600000), -1);

        memcpy(text, "Sunday, 06-Nov-94 08:49:37 GMT", i);
        text[i] = '\0';
        assert_int_equal(parse_http(text, 1763985600000), -1);
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
        cmocka_unit_test(test_parse_http),
        cmocka_unit_test(test_parse_http_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
