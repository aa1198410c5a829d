
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_string.h"


static int
is_field_value(const char *text, size_t len)
{
    reauth_string_t  s;

    s.data = (const unsigned char *) text;
    s.len = len;

    return reauth_string_is_field_value(&s);
}


#define is(text)  is_field_value(text, sizeof(text) - 1)


static void
test_field_value(void **state)
{
    (void) state;

    assert_true(is(""));
    assert_true(is("120"));
    assert_true(is("a b\tc"));
    assert_true(is("\t"));
    assert_true(is("caf\xc3\xa9 \xe2\x82\xac"));

    assert_false(is("a\x1b[31mb"));
    assert_false(is("a\rb"));
    assert_false(is("a\tb\n"));
    assert_false(is("a\0b"));
    assert_false(is("\x7f"));
    assert_false(is("a\xc2\x9bz"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_field_value)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
