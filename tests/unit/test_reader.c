
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

#include "reauth_reader.h"


enum {
    TOP,
    STATE,
    AT,
    CODE,
    LAST,
    ID,
    LINK,
    NVALUES
};


static const reauth_reader_field_t  fields[] = {
    { "", TOP, 0 },
    { "state", STATE, 0 },
    { "lastAttempt.at", AT, 0 },
    { "lastAttempt.code", CODE, 0 },
    { "lastAttempt", LAST, 0 },
    { "*.id", ID, 0 },
    { "data.*.id", ID, 0 },
    { "link", LINK, 1 }
};

#define NFIELDS  (sizeof(fields) / sizeof(fields[0]))


static reauth_value_t   values[NVALUES];
static reauth_reader_t  reader;


static reauth_reader_result_t
read_bytes(const char *text, size_t len, size_t piece, const char *root)
{
    size_t  i, n;

    memset(values, 0x55, sizeof(values));

    reauth_reader_init(&reader, fields, NFIELDS, root, values, NVALUES);

    for (i = 0; i < len; i += n) {
        n = len - i < piece ? len - i : piece;

        if (reauth_reader_feed(&reader, (const unsigned char *) text + i, n)
            != REAUTH_READER_OK)
        {
            break;
        }
    }

    return reauth_reader_end(&reader);
}


static reauth_reader_result_t
read_text(const char *text)
{
    return read_bytes(text, strlen(text), strlen(text) + 1, NULL);
}


static void
assert_text(unsigned slot, const char *text)
{
    assert_int_equal(values[slot].type, REAUTH_VALUE_STRING);
    assert_int_equal(values[slot].len, strlen(text));
    assert_memory_equal(values[slot].text, text, strlen(text));
}


/* as RFC 8259 has it, and in pieces of any size */

static void
test_grammar(void **state)
{
    size_t  i, piece;

    static const char *const  valid[] = {
        "{}", "[]", "null", "true", "false", "0", "-0", "1", "\"\"",
        " \t\r\n[ 1 , 2 ]\n", "[[],{},[[]]]", "{\"\":{\"a\":[]}}",
        "[1.5,-1.5,1e1,1E+1,1e-1,0.0,0e0,-0.1e01,10]",
        "[18446744073709551616,1e400,-1e400,1e-400,"
        "123456789012345678901234567890.5]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uABCD\\uabcd\"",
        "[\"a\\u0000b\",\"\\ud83d\",\"\\ude00\",\"\\ud83d\\ud83d\\ude00\"]",
        "{\"a\":1,\"a\":2}", "[\"\x7f\"]", "\xef\xbb\xbf{}",
        "[\"\xff\xfe\xc0\x80\xed\xa0\x80\"]", "{\"\xff\":1}",
        "[true,false,null]", NULL
    };

    static const char *const  invalid[] = {
        "", " ", "\xef\xbb\xbf", "\xef\xbb", "{", "[", "\"", "\"a", "tru",
        "nul", "truE", "nulll", "01", "-", "-a", "1.", ".5", "+1", "1e", "1e+",
        "0x1", "1.e1", "--1", "[1,]", "[,1]", "[1 2]", "[,]", "{,}", "{a:1}",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
        "{1:1}", "{\"a\":1]", "[1}", "]", "}", "[]]", "{}{}", "1 2", "[1]x",
        "\"\t\"", "\"\n\"", "\"\\x\"", "\"\\u00g0\"", "\"\\u12\"", "\"\\",
        "'a'", "[/**/1]", "NaN", "Infinity", "\xff", "[\xff]", "\v1", "\xa0{}",
        NULL
    };

    (void) state;

    for (piece = 1; piece < 8; piece++) {

        for (i = 0; valid[i]; i++) {
            assert_int_equal(read_bytes(valid[i], strlen(valid[i]), piece,
                                        NULL),
                             REAUTH_READER_OK);
        }

        for (i = 0; invalid[i]; i++) {
            assert_int_equal(read_bytes(invalid[i], strlen(invalid[i]), piece,
                                        NULL),
                             REAUTH_READER_INVALID);
            assert_non_null(reader.reason);
            assert_true(reader.offset <= strlen(invalid[i]));
        }
    }

    assert_int_equal(read_bytes("[1\0]", 4, 4, NULL), REAUTH_READER_INVALID);
    assert_int_equal(read_bytes("\"a\0\"", 4, 4, NULL), REAUTH_READER_INVALID);
    assert_int_equal(read_bytes("\"\\\0\"", 4, 4, NULL),
                     REAUTH_READER_INVALID);
}


static void
test_place_of_an_error(void **state)
{
    (void) state;

    assert_int_equal(read_text("{\"a\":1,\n\"b\":x}"), REAUTH_READER_INVALID);
    assert_int_equal(reader.offset, 12);
    assert_string_equal(reader.reason, "a value is expected");

    assert_int_equal(read_text("{\"a\":"), REAUTH_READER_INVALID);
    assert_int_equal(reader.offset, 5);
    assert_string_equal(reader.reason, "it ends unexpectedly");

    assert_int_equal(read_text(""), REAUTH_READER_INVALID);
    assert_string_equal(reader.reason, "it is empty");

    /* it does not recover */

    assert_int_equal(reauth_reader_feed(&reader,
                                        (const unsigned char *) "{}", 2),
                     REAUTH_READER_INVALID);
    assert_int_equal(reauth_reader_end(&reader), REAUTH_READER_INVALID);
}


static void
test_depth(void **state)
{
    size_t  i;
    char    text[2 * REAUTH_READER_MAX_DEPTH + 2];

    static const char  end[] = { ']', '}' };

    (void) state;

    memset(text, '[', REAUTH_READER_MAX_DEPTH);
    memset(text + REAUTH_READER_MAX_DEPTH, ']', REAUTH_READER_MAX_DEPTH);

    assert_int_equal(read_bytes(text, 2 * REAUTH_READER_MAX_DEPTH, 100, NULL),
                     REAUTH_READER_OK);

    memset(text, '[', REAUTH_READER_MAX_DEPTH + 1);

    assert_int_equal(read_bytes(text, sizeof(text), 100, NULL),
                     REAUTH_READER_INVALID);
    assert_string_equal(reader.reason, "it is nested too deeply");
    assert_int_equal(reader.offset, REAUTH_READER_MAX_DEPTH);

    /* which bracket closes is known at any depth */

    for (i = 0; i < 2; i++) {
        memset(text, '[', 100);
        text[100] = end[i];
        memset(text + 101, ']', 99);

        assert_int_equal(read_bytes(text, 200, 7, NULL),
                         end[i] == ']' ? REAUTH_READER_OK
                                       : REAUTH_READER_INVALID);
    }
}


static void
test_values(void **state)
{
    static const char  text[] =
        "{\"other\":{\"state\":\"x\",\"lastAttempt\":{\"at\":9}},"
        "\"state\":\"one\",\"lastAttempt\":{\"at\":-1.5,\"code\":null,"
        "\"more\":[{\"at\":3}]},\"link\":\"secret\"}";

    (void) state;

    assert_int_equal(read_text(text), REAUTH_READER_OK);

    assert_int_equal(values[TOP].type, REAUTH_VALUE_OBJECT);
    assert_false(values[TOP].empty);
    assert_int_equal(values[TOP].end, strlen(text));

    assert_text(STATE, "one");
    assert_memory_equal(text + values[STATE].start, "\"one\",", 6);
    assert_int_equal(values[STATE].end - values[STATE].start, 5);

    assert_int_equal(values[AT].type, REAUTH_VALUE_NUMBER);
    assert_int_equal(values[AT].len, 4);
    assert_memory_equal(values[AT].text, "-1.5", 5);
    assert_int_equal(values[CODE].type, REAUTH_VALUE_NULL);
    assert_int_equal(values[LAST].type, REAUTH_VALUE_OBJECT);
    assert_int_equal(values[ID].type, REAUTH_VALUE_NONE);

    assert_int_equal(values[LINK].type, REAUTH_VALUE_STRING);
    assert_int_equal(values[LINK].len, 0);
    assert_int_equal(values[LINK].text[0], 0);
    assert_true(reauth_value_is_text(&values[LINK]));

    assert_int_equal(read_text("{\"link\":\"\",\"lastAttempt\":{}}"),
                     REAUTH_READER_OK);
    assert_false(reauth_value_is_text(&values[LINK]));
    assert_true(values[LAST].empty);

    assert_int_equal(read_text("-12"), REAUTH_READER_OK);
    assert_int_equal(values[TOP].type, REAUTH_VALUE_NUMBER);
    assert_memory_equal(values[TOP].text, "-12", 4);
    assert_int_equal(values[TOP].end, 3);

    assert_int_equal(read_text("true"), REAUTH_READER_OK);
    assert_int_equal(values[TOP].type, REAUTH_VALUE_TRUE);
}


/* names in any spelling, and names that only begin so */

static void
test_names(void **state)
{
    (void) state;

    assert_int_equal(read_text("{\"st\\u0061te\":\"a\"}"), REAUTH_READER_OK);
    assert_text(STATE, "a");

    assert_int_equal(read_text("{\"state2\":1,\"stat\":1,\"state\\u0000\":1,"
                               "\"\":1,\"*\":{\"id\":1},"
                               "\"lastAttempt.at\":1}"),
                     REAUTH_READER_OK);
    assert_int_equal(values[STATE].type, REAUTH_VALUE_NONE);
    assert_int_equal(values[AT].type, REAUTH_VALUE_NONE);

    assert_int_equal(read_text("{\"\":1}"), REAUTH_READER_OK);
    assert_int_equal(values[TOP].type, REAUTH_VALUE_OBJECT);

    assert_int_equal(read_text("{\"state-and-more-than-is-kept-of-any-name-"
                               "in-the-reader\":1}"), REAUTH_READER_OK);
    assert_int_equal(values[STATE].type, REAUTH_VALUE_NONE);
}


static void
test_name_twice(void **state)
{
    (void) state;

    assert_int_equal(read_text("{\"state\":\"a\",\"state\":\"b\"}"),
                     REAUTH_READER_OK);
    assert_text(STATE, "b");

    /* nothing remains of the first object */

    assert_int_equal(read_text("{\"lastAttempt\":{\"at\":1,\"code\":\"X\"},"
                               "\"lastAttempt\":{\"at\":2}}"),
                     REAUTH_READER_OK);
    assert_memory_equal(values[AT].text, "2", 2);
    assert_int_equal(values[CODE].type, REAUTH_VALUE_NONE);

    assert_int_equal(read_text("{\"lastAttempt\":{\"at\":1},"
                               "\"lastAttempt\":null}"), REAUTH_READER_OK);
    assert_int_equal(values[AT].type, REAUTH_VALUE_NONE);
    assert_int_equal(values[LAST].type, REAUTH_VALUE_NULL);

    assert_int_equal(read_text("{\"state\":\"long\",\"state\":[1]}"),
                     REAUTH_READER_OK);
    assert_int_equal(values[STATE].type, REAUTH_VALUE_ARRAY);
    assert_int_equal(values[STATE].len, 0);
    assert_false(values[STATE].empty);
}


static void
test_root(void **state)
{
    const char  *text;

    (void) state;

    text = "{\"state\":\"no\",\"data\":{\"state\":\"yes\","
           "\"lastAttempt\":{\"at\":1},\"data\":{\"state\":\"no\"}},\"x\":1}";

    assert_int_equal(read_bytes(text, strlen(text), 3, "data"),
                     REAUTH_READER_OK);
    assert_text(STATE, "yes");
    assert_int_equal(values[AT].type, REAUTH_VALUE_NUMBER);
    assert_int_equal(values[TOP].type, REAUTH_VALUE_OBJECT);

    text = "[{\"data\":{\"state\":\"no\"}}]";

    assert_int_equal(read_bytes(text, strlen(text), 3, "data"),
                     REAUTH_READER_OK);
    assert_int_equal(values[STATE].type, REAUTH_VALUE_NONE);
    assert_int_equal(values[TOP].type, REAUTH_VALUE_NONE);
}


static void
test_strings(void **state)
{
    size_t           i;
    unsigned char    all[64];
    reauth_string_t  s;

    static const struct {
        const char  *json;
        const char  *text;
        size_t       len;
    } cases[] = {
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
        { "\"a\\u0000b\"", "a\0b", 3 },
        { "\"\\u00e9\\u20AC\\ud83d\\ude00\"",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
        { "\"\\ud83dX\"", "\xef\xbf\xbdX", 4 },
        { "\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4 },
        { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd""A", 4 },
        { "\"\\ud83d\"", "\xef\xbf\xbd", 3 },
        { "\"\\ude00x\"", "\xef\xbf\xbdx", 4 },
        { "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7 },
        { "\"\xc3\xa9\xff\x80\xe2\x82\"", "\xc3\xa9????", 6 },
        { "\"\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80\"", "?????????", 9 },
        { "\"\xf4\x8f\xbf\xbf\xe0\xa0\x80\xf0\x90\x80\x80\"",
          "\xf4\x8f\xbf\xbf\xe0\xa0\x80\xf0\x90\x80\x80", 11 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_bytes(cases[i].json, strlen(cases[i].json),
                                    1 + i % 3, NULL),
                         REAUTH_READER_OK);
        assert_int_equal(values[TOP].len, cases[i].len);
        assert_memory_equal(values[TOP].text, cases[i].text, cases[i].len);
        assert_false(values[TOP].cut);

        s = reauth_string_from(cases[i].json);

        assert_true(values[TOP].end - values[TOP].start <= sizeof(all));
        assert_int_equal(reauth_reader_string(&s, &values[TOP], all),
                         cases[i].len);
        assert_memory_equal(all, cases[i].text, cases[i].len);
    }
}


/* of a string of any length in any pieces only its beginning is kept */

static void
test_long_string(void **state)
{
    size_t  i;
    char    piece[1000];

    (void) state;

    memset(piece, 'a', sizeof(piece));

    reauth_reader_init(&reader, fields, NFIELDS, NULL, values, NVALUES);

    reauth_reader_feed(&reader, (const unsigned char *) "{\"x\":\"", 6);

    for (i = 0; i < 10000; i++) {
        reauth_reader_feed(&reader, (const unsigned char *) piece,
                           sizeof(piece));
    }

    reauth_reader_feed(&reader, (const unsigned char *) "\",\"state\":\"", 11);
    reauth_reader_feed(&reader, (const unsigned char *) piece,
                       REAUTH_READER_TEXT_MAX - 1);
    reauth_reader_feed(&reader, (const unsigned char *) "\\u00e9", 6);
    reauth_reader_feed(&reader, (const unsigned char *) piece, 100);
    reauth_reader_feed(&reader, (const unsigned char *) "\"}", 2);

    assert_int_equal(reauth_reader_end(&reader), REAUTH_READER_OK);

    /* no half of a character */

    assert_int_equal(values[STATE].len, REAUTH_READER_TEXT_MAX - 1);
    assert_true(values[STATE].cut);
    assert_int_equal(values[STATE].text[values[STATE].len], 0);
}


static char      listed[256];
static unsigned  stop_after;


static int
element(void *data)
{
    assert_ptr_equal(data, listed);

    strcat(listed, values[ID].type == REAUTH_VALUE_STRING
                   ? (const char *) values[ID].text : "-");
    strcat(listed, ";");

    return stop_after != 0 && --stop_after == 0;
}


static reauth_reader_result_t
list(const char *text, size_t piece)
{
    size_t  i, n, len;

    listed[0] = '\0';
    len = strlen(text);

    reauth_reader_init(&reader, fields, NFIELDS, NULL, values, NVALUES);

    reader.element = element;
    reader.data = listed;

    for (i = 0; i < len; i += n) {
        n = len - i < piece ? len - i : piece;
        reauth_reader_feed(&reader, (const unsigned char *) text + i, n);
    }

    return reauth_reader_end(&reader);
}


static void
test_elements(void **state)
{
    size_t  piece;

    (void) state;

    for (piece = 1; piece < 60; piece++) {

        assert_int_equal(list("[{\"id\":\"a\",\"x\":[{\"id\":\"no\"},1]},{},5,"
                              "{\"id\":\"b\",\"id\":\"c\"},[],null]", piece),
                         REAUTH_READER_OK);
        assert_string_equal(listed, "a;-;-;c;-;-;");

        assert_int_equal(list("{\"n\":[1,2],\"data\":[{\"id\":\"a\"},"
                              "{\"id\":\"b\"}]}", piece), REAUTH_READER_OK);
        assert_string_equal(listed, "a;b;");

        assert_int_equal(list("{\"data\":[],\"x\":{\"data\":[1]}}", piece),
                         REAUTH_READER_OK);
        assert_string_equal(listed, "");

        stop_after = 2;
        assert_int_equal(list("[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"},"
                              "garbage", piece), REAUTH_READER_STOPPED);
        assert_string_equal(listed, "a;b;");

        stop_after = 2;
        assert_int_equal(list("[1,2,3]", piece), REAUTH_READER_STOPPED);
        assert_string_equal(listed, "-;-;");
    }

    stop_after = 0;
}


static void
test_value_types(void **state)
{
    size_t  i;

    static const struct {
        const char  *json;
        unsigned     is_true:1;
        unsigned     is_text:1;
        unsigned     is_zero:1;
        unsigned     is_no:1;
    } cases[] = {
        { "true", 1, 0, 0, 0 },
        { "1", 1, 0, 0, 0 },
        { "\"true\"", 1, 1, 0, 0 },
        { "\"True\"", 1, 1, 0, 0 },
        { "\"truer\"", 0, 1, 0, 0 },
        { "\"1\"", 0, 1, 0, 0 },
        { "false", 0, 0, 0, 1 },
        { "null", 0, 0, 0, 1 },
        { "0", 0, 0, 1, 1 },
        { "-0", 0, 0, 0, 0 },
        { "12", 0, 0, 0, 0 },
        { "1.0", 0, 0, 0, 0 },
        { "1e0", 0, 0, 0, 0 },
        { "\"\"", 0, 0, 0, 1 },
        { "[]", 0, 0, 0, 1 },
        { "{}", 0, 0, 0, 1 },
        { "\"False\"", 0, 1, 0, 1 },
        { "\"no\"", 0, 1, 0, 0 },
        { "[0]", 0, 0, 0, 0 },
        { "{\"a\":0}", 0, 0, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_text(cases[i].json), REAUTH_READER_OK);
        assert_int_equal(reauth_value_is_true(&values[TOP]), cases[i].is_true);
        assert_int_equal(reauth_value_is_text(&values[TOP]), cases[i].is_text);
        assert_int_equal(reauth_value_is_digit(&values[TOP], '0'),
                         cases[i].is_zero);
        assert_int_equal(reauth_value_is_no(&values[TOP]), cases[i].is_no);
        assert_int_equal(reauth_value_is_doubtful(&values[TOP]),
                         !cases[i].is_true && !cases[i].is_no);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_place_of_an_error),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_twice),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_long_string),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_value_types)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
