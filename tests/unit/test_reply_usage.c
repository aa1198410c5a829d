
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_reply_usage.h"


static redisReply *
read_reply(const char *text)
{
    void         *reply;
    redisReader  *reader;

    reader = reauth_reply_reader();
    assert_non_null(reader);

    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);

    reply = NULL;
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);

    redisReaderFree(reader);

    return reply;
}


static void
test_reply(void **state)
{
    redisReply            *reply;
    reauth_reply_usage_t   usage;
    reauth_reply_spent_t   spent;

    (void) state;

    reply = read_reply("*11\r\n$2\r\nid\r\n:7\r\n:1\r\n"
                       "$5\r\nalice\r\n:30\r\n:10\r\n:0\r\n"
                       "$3\r\nb.2\r\n:5\r\n:0\r\n:9007199254740991\r\n");

    assert_int_equal(reauth_reply_usage(reply, &usage), 0);
    assert_true(reauth_string_equals(&usage.id, "id"));
    assert_int_equal(usage.last, 7);
    assert_int_equal(usage.more, 1);
    assert_int_equal(usage.n, 2);

    assert_int_equal(reauth_reply_spent(reply, 0, &spent), 0);
    assert_true(reauth_string_equals(&spent.caller, "alice"));
    assert_int_equal(spent.stored.total, 30);
    assert_int_equal(spent.stored.own, 10);
    assert_int_equal(spent.stored.known, 0);

    assert_int_equal(reauth_reply_spent(reply, 1, &spent), 0);
    assert_true(reauth_string_equals(&spent.caller, "b.2"));
    assert_int_equal(spent.stored.total, 5);
    assert_int_equal(spent.stored.own, 0);
    assert_int_equal(spent.stored.known, 9007199254740991);

    reauth_reply_free(reply);

    /* there is nothing yet */

    reply = read_reply("*3\r\n$0\r\n\r\n:0\r\n:0\r\n");
    assert_int_equal(reauth_reply_usage(reply, &usage), 0);
    assert_int_equal(usage.id.len, 0);
    assert_int_equal(usage.last, 0);
    assert_int_equal(usage.more, 0);
    assert_int_equal(usage.n, 0);
    reauth_reply_free(reply);
}


static void
test_reply_refused(void **state)
{
    size_t                 i;
    redisReply            *reply;
    reauth_reply_usage_t   usage;

    static const char  *rows[] = {
        ":1\r\n",
        "$2\r\nid\r\n",
        "-ERR no\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*2\r\n$2\r\nid\r\n:7\r\n",

        /* an incomplete caller */
        "*4\r\n$2\r\nid\r\n:7\r\n:0\r\n$1\r\na\r\n",
        "*6\r\n$2\r\nid\r\n:7\r\n:0\r\n$1\r\na\r\n:1\r\n:1\r\n",

        /* other types, numbers that are too large */
        "*3\r\n:1\r\n:7\r\n:0\r\n",
        "*3\r\n$-1\r\n:7\r\n:0\r\n",
        "*3\r\n$2\r\nid\r\n$1\r\n7\r\n:0\r\n",
        "*3\r\n$2\r\nid\r\n:-1\r\n:0\r\n",
        "*3\r\n$2\r\nid\r\n:9007199254740992\r\n:0\r\n",
        "*3\r\n$2\r\nid\r\n:7\r\n:-1\r\n",
        "*3\r\n$2\r\nid\r\n:7\r\n$1\r\n0\r\n",

        /* an ID of 65 bytes */
        "*3\r\n$65\r\n01234567890123456789012345678901"
        "012345678901234567890123456789012\r\n:7\r\n:0\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reply = read_reply(rows[i]);

        if (reauth_reply_usage(reply, &usage) != -1) {
            fail_msg("row %u", (unsigned) i);
        }

        reauth_reply_free(reply);
    }
}


static void
test_caller_refused(void **state)
{
    size_t                 i;
    char                   text[256];
    redisReply            *reply;
    reauth_reply_usage_t   usage;
    reauth_reply_spent_t   spent;

    static const char  *rows[] = {
        "$0\r\n\r\n:1\r\n:1\r\n:1\r\n",
        "$3\r\na:b\r\n:1\r\n:1\r\n:1\r\n",
        "$3\r\na\"b\r\n:1\r\n:1\r\n:1\r\n",
        "$3\r\na\nb\r\n:1\r\n:1\r\n:1\r\n",
        "$48\r\n012345678901234567890123456789012345678901234567\r\n"
        ":1\r\n:1\r\n:1\r\n",
        ":5\r\n:1\r\n:1\r\n:1\r\n",
        "$-1\r\n:1\r\n:1\r\n:1\r\n",
        "$1\r\na\r\n:-1\r\n:1\r\n:1\r\n",
        "$1\r\na\r\n:1\r\n:-1\r\n:1\r\n",
        "$1\r\na\r\n:1\r\n:1\r\n:-1\r\n",
        "$1\r\na\r\n:9007199254740992\r\n:1\r\n:1\r\n",
        "$1\r\na\r\n$1\r\n1\r\n:1\r\n:1\r\n",
        "$1\r\na\r\n:1\r\n*0\r\n:1\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "*7\r\n$2\r\nid\r\n:7\r\n:0\r\n%s",
                 rows[i]);

        reply = read_reply(text);

        assert_int_equal(reauth_reply_usage(reply, &usage), 0);
        assert_int_equal(usage.n, 1);

        if (reauth_reply_spent(reply, 0, &spent) != -1) {
            fail_msg("row %u", (unsigned) i);
        }

        reauth_reply_free(reply);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_reply_refused),
        cmocka_unit_test(test_caller_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
