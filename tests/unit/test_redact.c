
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_redact.h"
#include "reauth_unescape.h"


#define KEY  "fa_live.0a1b2c3d4e5f/6071+829~3a4b-5c6d=="


static reauth_redact_t  redact;


static void
use(const char *secret)
{
    /* the table points to it */

    static char  kept[64];

    reauth_string_t  s;

    memset(kept, 0, sizeof(kept));
    snprintf(kept, sizeof(kept), "%s", secret);

    s = reauth_string_from(kept);
    reauth_redact_init(&redact, &s);
}


/* "after" has "*" where something was overwritten */

static void
becomes(const char *before, const char *after)
{
    char    text[512];
    size_t  i, places;

    assert_int_equal(strlen(before), strlen(after));

    places = 0;

    for (i = 0; after[i] != '\0'; i++) {
        places += after[i] == '*' && (i == 0 || after[i - 1] != '*');
    }

    snprintf(text, sizeof(text), "%s", before);

    assert_int_equal(reauth_redact_find(&redact, (unsigned char *) text,
                                        strlen(text)),
                     places != 0);
    assert_string_equal(text, before);

    assert_int_equal(reauth_redact(&redact, (unsigned char *) text,
                                   strlen(text)),
                     places);
    assert_string_equal(text, after);
}


static void
test_whole_secret(void **state)
{
    (void) state;

    use("0123456789abcdef");

    becomes("0123456789abcdef", "****************");
    becomes("{\"error\":\"bad key 0123456789abcdef.\"}",
            "{\"error\":\"bad key ****************.\"}");
    becomes("0123456789abcdef 0123456789abcdef",
            "**************** ****************");
    becomes("", "");
    becomes("0123456789", "0123456789");
    becomes("nothing of it, however long", "nothing of it, however long");
}


/* text of a caller: only the whole secret counts */

static void
test_is_whole_secret(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        int          found;
    } texts[] = {
        { "", 0 }, { "abcdefghijklmnopqrst", 1 },
        { "xabcdefghijklmnopqrsty", 1 },
        { "abcdefghijklmnopqrs", 0 }, { "bcdefghijklmnopqrst", 0 },
        { "abcdefghijklmnopqrsX", 0 }, { "Xbcdefghijklmnopqrst", 0 },
        { "abcdefghijkl", 0 }, { "abcdefghij\\klmnopqrst", 0 }
    };

    (void) state;

    use("abcdefghijklmnopqrst");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(reauth_redact_is_whole(&redact,
                             (const unsigned char *) texts[i].text,
                             strlen(texts[i].text)),
                         texts[i].found);
    }

    use("");
    assert_int_equal(reauth_redact_is_whole(&redact,
                         (const unsigned char *) "abc", 3), 0);
}


static void
test_parts_of_secret(void **state)
{
    (void) state;

    use("0123456789abcdef");

    becomes("0123456789a", "0123456789a");
    becomes("0123456789ab", "************");
    becomes("456789abcdef", "************");
    becomes("56789abcdef", "56789abcdef");
    becomes("x23456789abcdey", "x*************y");
    becomes("x23456789abcdefg", "x**************g");
    becomes("0123456789ab456789abcdef", "************************");
    becomes("0123456789 abcdef", "0123456789 abcdef");
}


/* each part of each length, at each place */

static void
test_all_parts(void **state)
{
    char    text[128];
    size_t  i, from, len, at;

    (void) state;

    use(KEY);

    for (from = 0; from < sizeof(KEY) - 1; from++) {
        for (len = 1; from + len < sizeof(KEY); len++) {

            at = (from * 7 + len) % 19;

            memset(text, '!', sizeof(text));
            memcpy(text + at, KEY + from, len);

            assert_int_equal(reauth_redact(&redact, (unsigned char *) text,
                                           sizeof(text)),
                             len >= REAUTH_REDACT_WINDOW);

            for (i = 0; i < sizeof(text); i++) {
                if (i < at || i >= at + len) {
                    assert_int_equal(text[i], '!');

                } else if (len >= REAUTH_REDACT_WINDOW) {
                    assert_int_equal(text[i], '*');
                }
            }
        }
    }
}


/* "text" has room for it; returns its length */

static size_t
put_part(char *text, size_t from, size_t escaped)
{
    char    *p;
    size_t   i;

    p = text;

    for (i = 0; i < REAUTH_REDACT_WINDOW; i++) {
        if (i == escaped) {
            p += snprintf(p, 4, "%%%02x", KEY[from + i]);

        } else {
            *p++ = KEY[from + i];
        }
    }

    return (size_t) (p - text);
}


/*
 * A part at each place in text that consists of shorter ones, with each of its
 * characters escaped in turn, and with another escape at each place.
 */

static void
test_places(void **state)
{
    char    text[160];
    size_t  i, at, len, escaped, other;

    (void) state;

    use(KEY);

    for (at = 40; at < 80; at++) {
        for (escaped = 0; escaped <= REAUTH_REDACT_WINDOW; escaped++) {
            for (other = 0; other < 120; other++) {

                /* would be half of an escape before the part */
                if (other + 3 > at && other < at) {
                    continue;
                }

                for (i = 0; i < sizeof(text); i++) {
                    text[i] = i % 12 == 11 ? '!' : KEY[(i + at) % 30];
                }

                memcpy(text + other, "%21", 3);
                len = put_part(text + at, (at + other) % 20, escaped);

                assert_true(reauth_redact_find(&redact, (unsigned char *) text,
                                               sizeof(text)));

                (void) reauth_redact(&redact, (unsigned char *) text,
                                     sizeof(text));

                for (i = 0; i < len; i++) {
                    assert_int_equal(text[at + i], '*');
                }
            }
        }
    }
}


static void
hides(const char *first, const char *part, const char *last)
{
    char    before[128], after[128];
    size_t  len;

    (void) snprintf(before, sizeof(before), "%s%s%s", first, part, last);
    len = (size_t) snprintf(after, sizeof(after), "%s", first);

    memset(after + len, '*', strlen(part));
    (void) snprintf(after + len + strlen(part),
                    sizeof(after) - len - strlen(part), "%s", last);

    becomes(before, after);
}


static void
test_escapes(void **state)
{
    (void) state;

    use("0123456789/bcdef");

    becomes("\"0123456789\\/bcdef\"", "\"*****************\"");
    becomes("\"0123456789\\\\\\/bcdef\"", "\"*******************\"");
    becomes("\"\\u0030123456789/bcd\\u0065f\"",
            "\"**************************\"");
    becomes("\"\\\\u0030123456789/bcdef\"", "\"**********************\"");
    becomes("?key=0123456789%2Fbcdef&", "?key=******************&");
    becomes("?key=0123456789%252fbcdef&", "?key=********************&");
    becomes("?key=%30%31%32%33%34%35%36%37%38%39%2f%62&",
            "?key=************************************&");

    /* escapes of escapes */

    hides("?", "0123456789%25%32%66bcdef", "&");
    hides("?", "0123456789%5Cu002fbcdef", "&");
    hides("?", "0123456789%5c%75002fbcdef", "&");
    hides("?", "0123456789%%32%66bcdef", "&");
    hides("\"", "0123456789\\u00252fbcdef", "\"");
    hides("\"", "0123456789\\u005cu002fbcdef", "\"");
    hides("\"", "0123456789\\u005c\\u0075002fbcdef", "\"");
    hides("\"", "0123456789\\\\\\u0075002fbcdef", "\"");
    hides("\"", "0123456789\\\\u005cu002fbcdef", "\"");
    hides("\"", "0123456789\\\\\\/bcdef", "\"");
    hides("\"", "0123456789\\x5cu002fbcdef", "\"");
    hides("\"", "0123456789\\u005cx2fb\\\\x63def", "\"");
    hides("%%%%%%%%01", "23456789%25%32%66bcdef", "%%");

    /* not escapes, but text before the secret */

    becomes("100%0123456789/bcdef", "100%01**************");
    hides("100%", "0123456789/b", "");
    hides("100%", "0123456789\\/b", "");
    hides("%4e\\%", "0123456789\\/b", "");
    hides("\\u", "0123456789/b", "");

    /* not repetitions of the secret */

    becomes("0123456789\\u002/bcdef", "0123456789\\u002/bcdef");
    becomes("0123456789\\u012fbcdef", "0123456789\\u012fbcdef");
    becomes("0123456789%2", "0123456789%2");
    becomes("0123456789\\", "0123456789\\");
    becomes("0123456789%", "0123456789%");
    becomes("0123456789\\u00", "0123456789\\u00");
}


/* encodes once, as in JSON or in a URL; returns the length */

static size_t
encode(unsigned url, unsigned each, const char *text, size_t len, char *out)
{
    int      upper;
    char    *p;
    size_t   i;

    p = out;
    upper = rand() % 2;

    for (i = 0; i < len; i++) {

        if (url && (text[i] == '%' || (unsigned) rand() % each == 0)) {
            p += sprintf(p, upper ? "%%%02X" : "%%%02x", text[i]);

        } else if (!url && (unsigned) rand() % each == 0) {
            p += sprintf(p, upper ? "\\u%04X" : "\\u%04x", text[i]);

        } else if (!url
                   && (text[i] == '\\' || (text[i] == '/' && rand() % 2)))
        {
            p += sprintf(p, "\\%c", text[i]);

        } else {
            *p++ = text[i];
        }
    }

    *p = '\0';

    return (size_t) (p - out);
}


/*
 * Each part, encoded up to four times: twice, with any of the characters
 * encoded; more often, with all of them or none but those that have to be.
 */

static void
test_nested(void **state)
{
    size_t    i, n, len, from;
    unsigned  times, left, each;

    static char  text[64 * 6 * 6 * 6 * 6 + 1], other[sizeof(text)];

    (void) state;

    use(KEY);
    srand(2);

    for (n = 0; n < 50000; n++) {
        from = n % (sizeof(KEY) - REAUTH_REDACT_WINDOW);
        len = REAUTH_REDACT_WINDOW;

        memcpy(text, KEY + from, len);

        times = (unsigned) rand() % 5;

        for (left = times; left > 0; left--) {
            each = times <= 2 || left == times ? 3 : rand() % 2 ? 1 : 1000000;

            memcpy(other, text, len);
            len = encode((unsigned) rand() % 2, each, other, len, text);
        }

        text[len] = '\0';
        snprintf(other, sizeof(other), "%s", text);

        if (reauth_redact(&redact, (unsigned char *) text, len) != 1) {
            fail_msg("not found: %s", other);
        }

        for (i = 0; i < len; i++) {
            if (text[i] != '*') {
                fail_msg("%s becomes %s", other, text);
            }
        }
    }
}


/* more unfinished escapes than are remembered */

static void
test_pending(void **state)
{
    char    text[512];
    size_t  n, i, len;

    (void) state;

    use("0123456789abcdef");

    for (n = 0; n < 400; n++) {
        memset(text, "%\\"[n % 2], n);
        len = n + (size_t) sprintf(text + n, "!%%30123%%25%%33%%34"
                                             "56789\\u00%%361bcdef");

        assert_int_equal(reauth_redact(&redact, (unsigned char *) text, len),
                         1);

        for (i = n + 1; i < len; i++) {
            assert_int_equal(text[i], '*');
        }
    }

    for (n = 0; n < 400; n++) {
        memset(text, '%', n);
        len = n + (size_t) sprintf(text + n, "%%30123%%25%%33%%34"
                                             "56789\\u00%%361bcdef");

        assert_int_equal(reauth_redact(&redact, (unsigned char *) text, len),
                         1);

        /* the last "%" takes the first two characters */

        for (i = n + 4; i < len; i++) {
            assert_int_equal(text[i], '*');
        }
    }
}


static void
test_short(void **state)
{
    (void) state;

    use("abc");
    becomes("abc abc", "abc abc");

    use("abcd");
    becomes("an abcd, abcdabcd, ab", "an ****, ********, ab");

    use("");
    becomes("abc", "abc");
}


static void
values(const char *json, const char *before, const char *after)
{
    char             text[256];
    reauth_string_t  s;

    s = reauth_string_from(json);
    snprintf(text, sizeof(text), "%s", before);

    reauth_redact_values(&s, text);
    assert_string_equal(text, after);
}


static void
test_values(void **state)
{
    (void) state;

    values("{\"auth_type\":\"email_password\",\"email\":\"a@b.example\","
           "\"password\":\"p%41\\\\\\\"s\"}",
           "email_password of a@b.example: p%41\\\"s is wrong",
           "email_password of ***********: ******* is wrong");
    values("{\"a\":[{\"b\":\"secret\"}],\"c\":\"tiny\",\"d\":\"no\"}",
           "no secret, tiny", "no ******, ****");
    values("{\"cookies\":\"session=0123456789; other=abcdefghijkl\"}",
           "the cookie: other=abcdefghijkl", "the cookie:*******************");
    values("{", "secret", "secret");
    values("[]", "secret", "secret");
    values("{\"a\":\"b\"}", "", "");
}


/* any bytes: what is left has no part of the secret */

static void
test_random(void **state)
{
    char    text[200], letters[] = "ab\\u%206/";
    size_t  i, n;

    (void) state;

    use("ab/ab/0206aabb//");
    srand(1);

    for (n = 0; n < 20000; n++) {
        for (i = 0; i < sizeof(text); i++) {
            text[i] = letters[(size_t) rand() % (sizeof(letters) - 1)];
        }

        i = (size_t) rand() % 100;
        memcpy(text + i, "ab\\/ab/0206%61abb//", 19);

        assert_true(reauth_redact(&redact, (unsigned char *) text,
                                  sizeof(text))
                    >= 1);
        assert_int_equal(reauth_redact(&redact, (unsigned char *) text,
                                       sizeof(text)),
                         0);
        assert_memory_equal(text + i + 3, "***", 3);
    }
}


/* nothing that was read remains in the memory of a reader */

static void
test_cleansed(void **state)
{
    size_t               i, n;
    char                 text[300];
    unsigned char        none[REAUTH_UNESCAPE_PENDING
                              * sizeof(reauth_unescaped_t)];
    reauth_unescape_t    u;
    reauth_unescaped_t   c;

    static const char   *pieces[] = {
        "plain", "\\/a", "\\u0041", "%41", "%25%34%31", "\\u00254",
        "%%%", "\\\\\\", "\\u00", "%2541", "\\\\x4"
    };

    (void) state;

    memset(none, 0, sizeof(none));
    memset(&u, 0, sizeof(reauth_unescape_t));

    for (i = 0; i < 2000; i++) {
        text[0] = '\0';

        while (strlen(text) < sizeof(text) - 20) {
            strcat(text, pieces[(size_t) random()
                                % (sizeof(pieces) / sizeof(pieces[0]))]);
        }

        reauth_unescape_init(&u, (const unsigned char *) text,
                             (size_t) random() % strlen(text), i % 2);

        for (n = (size_t) random() % sizeof(text);
             n > 0 && reauth_unescape_next(&u, &c);
             n--)
        {
            /* void */
        }

        reauth_unescape_cleanse(&u);
        assert_memory_equal(u.pending, none, sizeof(none));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole_secret),
        cmocka_unit_test(test_is_whole_secret),
        cmocka_unit_test(test_parts_of_secret),
        cmocka_unit_test(test_all_parts),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_cleansed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
