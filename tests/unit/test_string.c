
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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


static const uint64_t  numbers[] = {
    0, 1, 9, 10, 15, 16, 0x99, 0x9a, 0xa0, 0xff, 0x0123456789abcdefULL,
    0xfedcba9876543210ULL, 0x00000000ffffffffULL, 0xffffffff00000000ULL,
    0x9999999999999999ULL, 0xaaaaaaaaaaaaaaaaULL, UINT64_MAX
};


static int
compare(const void *one, const void *two)
{
    return *(const unsigned char *) one - *(const unsigned char *) two;
}


/* all digits of the half that is before the others are before them, too */

static void
test_hexadecimal(void **state)
{
    char           expected[REAUTH_HEX64_SIZE + 1];
    size_t         i;
    unsigned char  out[REAUTH_HEX64_SIZE + 1];

    (void) state;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(expected, sizeof(expected), "%016" PRIx64, numbers[i]);

        out[REAUTH_HEX64_SIZE] = '#';

        assert_ptr_equal(reauth_string_hex64(numbers[i], out),
                         out + REAUTH_HEX64_SIZE);
        assert_int_equal(out[REAUTH_HEX64_SIZE], '#');

        qsort(expected, 8, 1, compare);
        qsort(expected + 8, 8, 1, compare);
        qsort(out, 8, 1, compare);
        qsort(out + 8, 8, 1, compare);

        assert_memory_equal(out, expected, REAUTH_HEX64_SIZE);
    }
}


static void
test_decimal(void **state)
{
    char           expected[REAUTH_NUMBER_MAX + 1];
    size_t         i, len;
    unsigned char  out[REAUTH_NUMBER_MAX];

    (void) state;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(expected, sizeof(expected), "%" PRIu64, numbers[i]);

        len = reauth_string_number(numbers[i], out);

        assert_int_equal(len, strlen(expected));
        assert_memory_equal(out, expected, len);
    }
}


static void
shown(const char *text, size_t len, size_t size, const char *expected)
{
    char             dst[64];
    reauth_string_t  s;

    s.data = (const unsigned char *) text;
    s.len = len;

    memset(dst, '#', sizeof(dst));

    assert_ptr_equal(reauth_string_shown(&s, dst, size), dst);
    assert_string_equal(dst, expected);
    assert_true(strlen(dst) < size);
    assert_int_equal(dst[size], '#');
}


#define shows(text, size, expected)                                           \
    shown(text, sizeof(text) - 1, size, expected)


static void
test_parse_number(void **state)
{
    size_t           i;
    uint64_t         number;
    reauth_string_t  s;

    static const struct {
        const char  *text;
        int          rc;
        uint64_t     number;
    } rows[] = {
        { "0", 0, 0 },
        { "0017", 0, 17 },
        { "999999999999999999", 0, 999999999999999999 },
        { "1000000000000000000", -1, 0 },
        { "", -1, 0 },
        { "-1", -1, 0 },
        { "+1", -1, 0 },
        { " 1", -1, 0 },
        { "1 ", -1, 0 },
        { "1/", -1, 0 },
        { "1:", -1, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s.data = (const unsigned char *) rows[i].text;
        s.len = strlen(rows[i].text);
        number = 0;

        assert_int_equal(reauth_string_parse_number(&s, &number), rows[i].rc);
        assert_true(number == rows[i].number);
    }
}


static void
test_shown(void **state)
{
    (void) state;

    shows("", 4, "");
    shows("plain text", 32, "plain text");
    shows("a\x1b[31m\r\n", 32, "a\\x1B[31m\\x0D\\x0A");
    shows("\"\\", 32, "\\x22\\x5C");
    shows("a\0b\xc3\xa9\x7f", 32, "a\\x00b\\xC3\\xA9\\x7F");
    shows("0123456789", 14, "0123456789");
    shows("0123456789", 13, "012345678...");
    shows("0123456789", 4, "...");
    shows("\x1b\x1b", 11, "\\x1B...");
    shows("\x1b\x1b", 12, "\\x1B\\x1B");
}


/* around each power of ten */

static void
test_decimal_lengths(void **state)
{
    char           expected[REAUTH_NUMBER_MAX + 1];
    size_t         len;
    uint64_t       power, number;
    unsigned char  out[REAUTH_NUMBER_MAX];

    (void) state;

    for (power = 1; power <= UINT64_MAX / 10; power *= 10) {
        for (number = power * 10 - 12; number != power * 10 + 112; number++) {
            snprintf(expected, sizeof(expected), "%" PRIu64, number);

            len = reauth_string_number(number, out);

            assert_int_equal(len, strlen(expected));
            assert_memory_equal(out, expected, len);
        }
    }
}


static int
is_plain(unsigned char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}


/* each byte at each place, before each other one and before each length */

static void
test_plain(void **state)
{
    size_t         expected, place, len;
    unsigned       c, next;
    unsigned char  text[19];

    (void) state;

    for (c = 0; c < 256; c++) {
        for (next = 0; next < 256; next += 1 + (c % 3)) {
            for (place = 0; place < sizeof(text) - 1; place++) {

                memset(text, 'a', sizeof(text));
                text[place] = (unsigned char) c;
                text[place + 1] = (unsigned char) next;

                expected = 0;

                while (expected < sizeof(text) && is_plain(text[expected])) {
                    expected++;
                }

                for (len = place; len <= sizeof(text); len++) {
                    assert_int_equal(reauth_string_plain(text, len),
                                     expected < len ? expected : len);
                }
            }
        }
    }

    for (c = 0; c < 256; c++) {
        if (!is_plain((unsigned char) c)) {
            continue;
        }

        memset(text, (int) c, sizeof(text));

        for (len = 0; len <= sizeof(text); len++) {
            assert_int_equal(reauth_string_plain(text, len), len);
        }
    }
}


static void
test_line(void **state)
{
    unsigned char  text[64], *p;

    (void) state;

    p = reauth_string_line(text, "gate", "closed");
    p = reauth_string_line(p, "caller", "");
    p = reauth_string_line(p, "reason", NULL);
    p = reauth_string_line_number(p, "set", 1763985600000);
    p = reauth_string_line_number(p, "until", 0);

    *p = '\0';

    assert_string_equal((char *) text,
                        "gate closed\nset 1763985600000\nuntil 0\n");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_field_value),
        cmocka_unit_test(test_hexadecimal),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_decimal_lengths),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_line)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
