
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_query.h"


/* the arguments as "name:value" in order, separated by blanks */

static const char *
arguments(const char *query)
{
    char             *p;
    unsigned char     values[64], *dst;
    reauth_string_t   rest, name, value;

    static char       out[128];

    rest = reauth_string_from(query);
    dst = values;
    p = out;

    while (reauth_query_next(&rest, &dst, &name, &value)) {
        if (p != out) {
            *p++ = ' ';
        }

        memcpy(p, name.data, name.len);
        p += name.len;
        *p++ = ':';
        memcpy(p, value.data, value.len);
        p += value.len;
    }

    *p = '\0';

    return out;
}


static void
test_arguments(void **state)
{
    (void) state;

    assert_string_equal(arguments(""), "");
    assert_string_equal(arguments("&&&"), "");
    assert_string_equal(arguments("a=1&b=2"), "a:1 b:2");
    assert_string_equal(arguments("&a=1&&b=2&"), "a:1 b:2");
    assert_string_equal(arguments("a&b=&=c"), "a: b: :c");
    assert_string_equal(arguments("a=b=c"), "a:b=c");
}


/* values once, and names not at all */

static void
test_escapes(void **state)
{
    (void) state;

    assert_string_equal(arguments("a=%41%4a%4A"), "a:AJJ");
    assert_string_equal(arguments("a=%2541"), "a:%41");
    assert_string_equal(arguments("%61=1"), "%61:1");
    assert_string_equal(arguments("a=1%26b=2"), "a:1&b=2");
    assert_string_equal(arguments("a=x+y"), "a:x+y");

    /* invalid ones, and some that an end cuts off */

    assert_string_equal(arguments("a=%zz&b=%4"), "a:%zz b:%4");
    assert_string_equal(arguments("a=%&b=%4&c=%%41"), "a:% b:%4 c:%A");
}


static int
pair_is(const char *text, uint64_t first, uint64_t second)
{
    uint64_t         pair[2];
    reauth_string_t  s;

    s = reauth_string_from(text);

    return reauth_query_pair(&s, pair) == 0
           && pair[0] == first
           && pair[1] == second;
}


static void
test_pair(void **state)
{
    size_t           i;
    uint64_t         pair[2];
    reauth_string_t  s;

    static const char  *invalid[] = {
        "", "-", "1", "1-", "-1", "1--1", "1-2-3", " 1-2", "1-2 ", "g-1",
        "1-g", "0x1-2", "+1-2", "12345678901234567-1", "1-12345678901234567"
    };

    (void) state;

    assert_true(pair_is("0-0", 0, 0));
    assert_true(pair_is("1a-2F", 0x1a, 0x2f));
    assert_true(pair_is("ffffffffffffffff-FFFFFFFFFFFFFFFF", UINT64_MAX,
                        UINT64_MAX));

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        s = reauth_string_from(invalid[i]);
        assert_int_equal(reauth_query_pair(&s, pair), -1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
