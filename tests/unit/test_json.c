
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "reauth_json.h"

#include "failing.h"


/* a sanitizer's heap can't be read byte by byte */

#if defined(__SANITIZE_ADDRESS__)
#define REAUTH_TEST_SANITIZED  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REAUTH_TEST_SANITIZED  1
#endif
#endif


typedef struct {
    const char  *text;
    unsigned     line;
    unsigned     column;
    const char  *reason;
} bad_case_t;


static reauth_json_result_t
parse(const char *text, size_t len, unsigned flags, json_t **json,
    reauth_json_error_t *error)
{
    unsigned char         *copy;
    reauth_string_t        s;
    reauth_json_result_t   rc;

    /* a block of just this size, so that a sanitizer sees each step too far */

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    s.data = copy;
    s.len = len;

    rc = reauth_json_parse(&s, flags, json, error);

    free(copy);

    return rc;
}


static void
expect_bad(const char *text, size_t len, unsigned flags, unsigned line,
    unsigned column, const char *reason)
{
    json_t               *json;
    reauth_json_error_t   error;

    assert_int_equal(parse(text, len, flags, &json, &error),
                     REAUTH_JSON_INVALID);
    assert_string_equal(error.reason, reason);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}


static void
test_empty(void **state)
{
    size_t                i;
    json_t               *json;
    const char           *blank[] = { "", " ", "\r\n\t ", NULL };
    reauth_json_error_t   error;

    (void) state;

    for (i = 0; blank[i]; i++) {
        assert_int_equal(parse(blank[i], strlen(blank[i]),
                               REAUTH_JSON_OBJECT|REAUTH_JSON_EMPTY_OBJECT,
                               &json, &error),
                         REAUTH_JSON_OK);
        assert_true(json_is_object(json));
        assert_int_equal(json_object_size(json), 0);
        reauth_json_cleanse_free(json);

        expect_bad(blank[i], strlen(blank[i]), REAUTH_JSON_OBJECT, 1, 1,
                   "the text is empty");
    }
}


static void
test_no_data(void **state)
{
    json_t               *json;
    reauth_string_t       s;
    reauth_json_error_t   error;

    (void) state;

    s.len = 0;
    s.data = NULL;

    assert_int_equal(reauth_json_parse(&s, REAUTH_JSON_EMPTY_OBJECT, &json,
                                       &error),
                     REAUTH_JSON_OK);
    reauth_json_cleanse_free(json);
}


static void
test_top_level(void **state)
{
    size_t                i;
    json_t               *json;
    const char           *other[] = { "[]", "\"a\"", "1", "null", "x", NULL };
    reauth_json_error_t   error;

    (void) state;

    for (i = 0; other[i]; i++) {
        expect_bad(other[i], strlen(other[i]), REAUTH_JSON_OBJECT, 1, 1,
                   "the top level must be an object");
    }

    expect_bad("\x80", 1, REAUTH_JSON_OBJECT, 1, 1,
               "the top level must be an object");
    expect_bad("\n  [1]", 6, REAUTH_JSON_OBJECT, 2, 3,
               "the top level must be an object");

    assert_int_equal(parse("[1]", 3, 0, &json, &error), REAUTH_JSON_OK);
    assert_true(json_is_array(json));
    reauth_json_cleanse_free(json);

    expect_bad("1", 1, 0, 1, 1,
               "the top level must be an object or an array");
}


static void
test_invalid_json(void **state)
{
    size_t  i;

    static const bad_case_t  cases[] = {
        { "\xef\xbb\xbf{}", 1, 1,
          "a byte order mark before the text; send UTF-8 without one" },
        { "{\"a\":1,\"a\":2}", 1, 10,
          "a name is duplicated in an object" },
        { "{\"o\":{\"a\":1,\"a\":2}}", 1, 15,
          "a name is duplicated in an object" },
        { "{\"a\":\"\\u0000\"}", 1, 8, "\\u0000 (NUL) is not allowed" },
        { "{\"x\\u0000y\":1}", 1, 5, "\\u0000 (NUL) is not allowed" },
        { "{\n\"a\":\n \"\\\\\\u0000\"}", 3, 6,
          "\\u0000 (NUL) is not allowed" },
        { "{} x", 1, 4,
          "unexpected data after the end of the JSON text" },
        { "{}{}", 1, 3,
          "unexpected data after the end of the JSON text" },
        { "{\"a\":\"b", 1, 7, "unexpected end of the text" },
        { "{\"a\":1", 1, 6, "unexpected end of the text" },
        { "{\"a\":\"x\ny\"}", 1, 7,
          "a line break inside a string must be written as \\n" },
        { "{\"a\":\"x\ty\"}", 1, 7,
          "a control character inside a string must be escaped" },
        { "{\"a\":\"\\q\"}", 1, 8,
          "an invalid escape sequence in a string" },
        { "{\"a\":\"\\ud800\"}", 1, 13,
          "an invalid \\u escape sequence in a string" },
        { "{\"a\":1 \"b\":2}", 1, 10, "a comma or '}' is expected here" },
        { "{\"a\":[1 2]}", 1, 9, "a comma or ']' is expected here" },
        { "{\"a\" 1}", 1, 6, "a ':' is expected after a name" },
        { "{a:1}", 1, 2,
          "a name in double quotes or '}' is expected here" },
        { "{\"a\":nope}", 1, 9, "this is not valid JSON" },
        { "{\"a\":1e400}", 1, 10, "a number is too large" },
        { "{\"a\":99999999999999999999}", 1, 25, "a number is too large" },
        { NULL, 0, 0, NULL }
    };

    (void) state;

    for (i = 0; cases[i].text; i++) {
        expect_bad(cases[i].text, strlen(cases[i].text), REAUTH_JSON_OBJECT,
                   cases[i].line, cases[i].column, cases[i].reason);
    }

    expect_bad("{\"a\":\"b\0c\"}", 11, REAUTH_JSON_OBJECT, 1, 8,
               "a NUL byte");
    expect_bad("{}\0", 3, REAUTH_JSON_OBJECT, 1, 3, "a NUL byte");
}


static void
test_invalid_utf8(void **state)
{
    size_t                i;
    json_t               *json;
    reauth_json_error_t   error;

    const char           *cases[] = {
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\xaf\"}",                /* overlong */
        "{\"a\":\"\xed\xa0\x80\"}",            /* a surrogate */
        "{\"a\":\"\xf4\x90\x80\x80\"}",        /* beyond U+10FFFF */
        "{\"a\":\"\xe2\x82\"}",                /* cut */
        "{\"\x80\":1}",
        NULL
    };

    (void) state;

    for (i = 0; cases[i]; i++) {
        assert_int_equal(parse(cases[i], strlen(cases[i]), 0, &json, &error),
                         REAUTH_JSON_INVALID);
        assert_string_equal(error.reason, "not valid UTF-8");
        assert_int_equal(error.line, 1);
    }
}


static void
test_columns_are_characters(void **state)
{
    (void) state;

    expect_bad("{\"\xc3\xa4\xe2\x82\xac\":\"\\u0000\"}", 17,
               REAUTH_JSON_OBJECT, 1, 9, "\\u0000 (NUL) is not allowed");
}


static void
test_depth(void **state)
{
    char                  text[64];
    json_t               *json;
    reauth_json_error_t   error;

    (void) state;

    memset(text, '[', 17);
    memset(text + 17, ']', 17);

    assert_int_equal(parse(text + 1, 32, 0, &json, &error), REAUTH_JSON_OK);
    reauth_json_cleanse_free(json);

    expect_bad(text, 34, 0, 1, 17,
               "nested too deeply; at most 16 levels are allowed");

    /* brackets in a string are not counted, nor are those that were closed */

    assert_int_equal(parse("[\"[[[[[[[[[[[[[[[[[[\\\"[[[\",[],[],[],[],[],[],"
                           "[],[],[],[],[],[],[],[],[],[],[],[]]", 81,
                           0, &json, &error),
                     REAUTH_JSON_OK);
    reauth_json_cleanse_free(json);
}


static void
test_reason_never_quotes(void **state)
{
    json_t               *json;
    reauth_json_error_t   error;
    const char           *text = "{\"password\":\"hunter2\" hunter2}";

    (void) state;

    assert_int_equal(parse(text, strlen(text), 0, &json, &error),
                     REAUTH_JSON_INVALID);
    assert_null(strstr(error.reason, "hunter2"));
}


static void
test_string(void **state)
{
    json_t               *json;
    const char           *text = "{\"a\":\"b\",\"n\":1}";
    reauth_string_t       s;
    reauth_json_error_t   error;

    (void) state;

    assert_int_equal(parse(text, strlen(text), 0, &json, &error),
                     REAUTH_JSON_OK);

    assert_true(reauth_json_string(json, "a", &s));
    assert_true(reauth_string_equals(&s, "b"));
    assert_false(reauth_json_string(json, "n", &s));
    assert_false(reauth_json_string(json, "none", &s));

    reauth_json_cleanse_free(json);
    reauth_json_cleanse_free(NULL);
    reauth_json_text_free(NULL);
}


static void
test_text(void **state)
{
    char                 *out;
    size_t                len;
    json_t               *json;
    const char           *text = "{\"z\":0.5,\"a\":\"\xc3\xa4/\\n\",\"m\":[1]}";
    reauth_json_error_t   error;

    (void) state;

    assert_int_equal(parse(text, strlen(text), 0, &json, &error),
                     REAUTH_JSON_OK);

    out = reauth_json_text(json, &len);
    assert_non_null(out);
    assert_int_equal(len, strlen(text));
    assert_string_equal(out, text);

    reauth_json_text_free(out);
    reauth_json_cleanse_free(json);
}


static void
test_no_memory(void **state)
{
    unsigned              n;
    json_t               *json;
    json_free_t           f;
    const char           *text = "{\"a\":\"b\",\"c\":{\"d\":[1,2.5,true]}}";
    json_malloc_t         m;
    reauth_string_t       s;
    reauth_json_error_t   error;
    reauth_json_result_t  rc;

    (void) state;

    s = reauth_string_from(text);

    json_get_alloc_funcs(&m, &f);
    json_set_alloc_funcs(failing_malloc, f);

    for (n = 0; n < 100; n++) {
        allocations_left = n;

        rc = reauth_json_parse(&s, REAUTH_JSON_OBJECT, &json, &error);

        if (rc == REAUTH_JSON_OK) {
            reauth_json_cleanse_free(json);
            break;
        }

        assert_int_equal(rc, REAUTH_JSON_NO_MEMORY);
    }

    json_set_alloc_funcs(m, f);

    assert_in_range(n, 3, 99);
}


static void
test_allocation_hook_is_removed(void **state)
{
    json_t               *json;
    json_free_t           f, f2;
    json_malloc_t         m, m2;
    reauth_json_error_t   error;

    (void) state;

    json_get_alloc_funcs(&m, &f);

    assert_int_equal(parse("{}", 2, 0, &json, &error), REAUTH_JSON_OK);
    reauth_json_cleanse_free(json);

    json_get_alloc_funcs(&m2, &f2);

    assert_ptr_equal(m, m2);
    assert_ptr_equal(f, f2);
}


#if !defined(REAUTH_TEST_SANITIZED)

/* whether the heap, freed blocks included, holds what is spelled backwards */

static int
heap_holds(const char *reversed)
{
    int             found;
    char            line[512];
    FILE           *maps;
    size_t          i, n;
    unsigned long   start, end;
    volatile char  *p;

    n = strlen(reversed);
    found = 0;

    maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);

    while (fgets(line, sizeof(line), maps)) {

        if (strstr(line, "[heap]") == NULL
            || sscanf(line, "%lx-%lx", &start, &end) != 2)
        {
            continue;
        }

        for (p = (char *) start; p + n <= (char *) end; p++) {

            for (i = 0; i < n && p[i] == reversed[n - 1 - i]; i++) {
                /* void */
            }

            if (i == n) {
                found = 1;
            }
        }
    }

    fclose(maps);

    return found;
}

#endif


static void
test_memory_is_zeroed(void **state)
{
#if defined(REAUTH_TEST_SANITIZED)

    (void) state;
    skip();

#else

    char                  buf[128], *p, *text;
    size_t                i, len, n;
    json_t               *json;
    const char           *reversed = "yek-terces-a-s-tahw";
    const char           *mask = "-------------------";
    reauth_string_t       s;
    reauth_json_error_t   error;

    (void) state;

    /* the detector must be able to find: what free() leaves behind */

    n = strlen(reversed);

    text = malloc(400);
    assert_non_null(text);

    for (i = 0; i < n; i++) {
        text[100 + i] = reversed[n - 1 - i];
    }

    free(text);

    if (!heap_holds(reversed)) {
        skip();      /* under valgrind the heap is elsewhere */
    }

    text = malloc(400);
    assert_non_null(text);
    OPENSSL_cleanse(text, 400);
    free(text);

    assert_false(heap_holds(reversed));

    /* a value and a name, with an escape; and such a text with an error */

    for (i = 0; i < 2; i++) {
        (void) snprintf(buf, sizeof(buf), "{\"a\":\"%s\",\"%s\":\"\\n\"%s",
                        mask, mask, i ? "}" : " ?");

        for (p = strstr(buf, mask); p; p = strstr(p, mask)) {
            for (len = 0; len < n; len++) {
                p[len] = reversed[n - 1 - len];
            }
        }

        s = reauth_string_from(buf);

        if (i == 0) {
            assert_int_equal(reauth_json_parse(&s, 0, &json, &error),
                             REAUTH_JSON_INVALID);

        } else {
            assert_int_equal(reauth_json_parse(&s, 0, &json, &error),
                             REAUTH_JSON_OK);

            text = reauth_json_text(json, &len);
            assert_non_null(text);
            assert_true(heap_holds(reversed));

            reauth_json_text_free(text);
            reauth_json_cleanse_free(json);
        }

        assert_false(heap_holds(reversed));
    }

#endif
}


static void
test_whole_number(void **state)
{
    size_t       i;
    json_t      *json;
    json_int_t   n;

    static const struct {
        const char  *text;
        int          whole;
        json_int_t   value;
    } cases[] = {
        { "[0]", 1, 0 },
        { "[7]", 1, 7 },
        { "[7.0]", 1, 7 },
        { "[7e0]", 1, 7 },
        { "[8.08e3]", 1, 8080 },
        { "[-0.0]", 1, 0 },
        { "[9223372036854775807]", 1, 9223372036854775807 },
        { "[9.007199254740992e15]", 1, 9007199254740992 },
        { "[9223372036854774784.0]", 1, 9223372036854774784 },
        { "[9223372036854775808.0]", 0, -5 },
        { "[1e300]", 0, -5 },
        { "[-1]", 0, -5 },
        { "[-1.0]", 0, -5 },
        { "[7.5]", 0, -5 },
        { "[1e-9]", 0, -5 },
        { "[\"7\"]", 0, -5 },
        { "[true]", 0, -5 },
        { "[null]", 0, -5 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        n = -5;
        json = json_loads(cases[i].text, 0, NULL);
        assert_non_null(json);

        if (reauth_json_whole_number(json_array_get(json, 0), &n)
            != cases[i].whole
            || n != cases[i].value)
        {
            fail_msg("%s: %lld", cases[i].text, (long long) n);
        }

        json_decref(json);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_no_data),
        cmocka_unit_test(test_top_level),
        cmocka_unit_test(test_invalid_json),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_columns_are_characters),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_reason_never_quotes),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_allocation_hook_is_removed),
        cmocka_unit_test(test_memory_is_zeroed),
        cmocka_unit_test(test_whole_number)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
