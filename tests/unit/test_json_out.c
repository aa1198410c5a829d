
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_json.h"
#include "reauth_json_out.h"


static void
check_string(const char *data, size_t len, const char *expected)
{
    char               *text;
    size_t              written;
    reauth_string_t     s;
    reauth_json_out_t   out;

    s.data = (const unsigned char *) data;
    s.len = len;

    assert_non_null(reauth_json_out_create(&out, reauth_json_out_size(len)));
    assert_int_equal(reauth_json_out_string(&out, &s), 0);

    text = reauth_json_out_finish(&out, &written);
    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(written, strlen(expected));

    reauth_json_text_free(text);
}


static void
test_string(void **state)
{
    (void) state;

    check_string("", 0, "\"\"");
    check_string("plain text / 1", 14, "\"plain text / 1\"");
    check_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    check_string("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    check_string("\x01\x1f", 2, "\"\\u0001\\u001F\"");
    check_string("\x7f", 1, "\"\x7f\"");
    check_string("\xc3\xa9\xf0\x9f\x98\x80", 6,
                 "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    check_string("a\0b", 3, "\"a\\u0000b\"");
}


static void
test_no_utf8(void **state)
{
    char               buffer[16];
    reauth_string_t    s;
    reauth_json_out_t  out;

    (void) state;

    s = reauth_string_from("a\xff");

    reauth_json_out_init(&out, buffer, sizeof(buffer));

    assert_int_equal(reauth_json_out_string(&out, &s), -1);
    assert_ptr_equal(out.last, buffer);
    assert_int_equal(out.failed, 0);
}


static void
test_too_little_room(void **state)
{
    char               *text;
    size_t              n, i, len;
    reauth_string_t     plain, other;
    reauth_json_out_t   out;

    (void) state;

    plain = reauth_string_from("abc");
    other = reauth_string_from("a\"c");

    for (n = 0; n <= 13; n++) {

        text = reauth_json_out_create(&out, n);
        assert_non_null(text);

        for (i = 0; i <= n; i++) {
            text[i] = '\0';
        }

        reauth_json_out_literal(&out, "[");
        assert_int_equal(reauth_json_out_string(&out, &plain), 0);
        assert_int_equal(reauth_json_out_string(&out, &other), 0);
        reauth_json_out_literal(&out, "]");

        text = reauth_json_out_finish(&out, &len);

        assert_int_equal(text != NULL, n == 13);

        if (text != NULL) {
            assert_string_equal(text, "[\"abc\"\"a\\\"c\"]");
        }

        reauth_json_text_free(text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_no_utf8),
        cmocka_unit_test(test_too_little_room)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
