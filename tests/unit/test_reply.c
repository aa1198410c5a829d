
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_reply.h"


#define RECORD                                                               \
    "$92\r\nrevision 3\naccount acct_1\nattempt auth_1\nepoch 7\n"            \
    "state running\nsince 1\nupdated 1\ndeadline 9\n\r\n"


/* NULL: it is refused */

static redisReply *
read_reply(const char *text)
{
    int           rc;
    void         *reply;
    redisReader  *reader;

    reader = reauth_reply_reader();
    assert_non_null(reader);

    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);

    reply = NULL;
    rc = redisReaderGetReply(reader, &reply);

    redisReaderFree(reader);

    if (rc != REDIS_OK) {
        return NULL;
    }

    assert_non_null(reply);

    return reply;
}


/* nothing is allocated for elements that have not come yet */

static void
test_array_too_large(void **state)
{
    redisReply  *reply;

    (void) state;

    assert_null(read_reply("*65537\r\n"));
    assert_null(read_reply("*2147483647\r\n"));
    assert_null(read_reply("*1\r\n*65537\r\n"));

    /* hiredis 1.x itself has no limit */

    assert_null(read_reply("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
                           "*1\r\n*1\r\n*1\r\n*0\r\n"));

    reply = read_reply("*2\r\n$1\r\n0\r\n*0\r\n");
    assert_non_null(reply);
    assert_int_equal(reply->elements, 2);
    reauth_reply_free(reply);
}


static void
test_array_largest(void **state)
{
    char         *text, *p;
    size_t        i;
    redisReply   *reply;

    (void) state;

    text = malloc(sizeof("*65536\r\n") + 4 * REAUTH_REPLY_ELEMENTS_MAX);
    assert_non_null(text);

    p = text + sprintf(text, "*%d\r\n", REAUTH_REPLY_ELEMENTS_MAX);

    for (i = 0; i < REAUTH_REPLY_ELEMENTS_MAX; i++) {
        memcpy(p, ":1\r\n", 4);
        p += 4;
    }

    *p = '\0';

    reply = read_reply(text);
    assert_non_null(reply);
    assert_int_equal(reply->elements, REAUTH_REPLY_ELEMENTS_MAX);

    reauth_reply_free(reply);
    free(text);
}


static int
record_of(const char *text, reauth_record_t *record)
{
    int          rc;
    redisReply  *reply;

    reply = read_reply(text);
    assert_non_null(reply);

    rc = reauth_reply_record(reply, record);
    reauth_reply_free(reply);

    return rc;
}


static void
test_record(void **state)
{
    reauth_record_t  record;

    (void) state;

    assert_int_equal(record_of(RECORD, &record), 0);
    assert_string_equal(record.account, "acct_1");
    assert_string_equal(record.attempt, "auth_1");
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_true(record.epoch == 7);
    assert_true(record.revision == 3);

    assert_int_equal(record_of("$0\r\n\r\n", &record), -1);
    assert_int_equal(record_of("$11\r\nstate none\n\r\n", &record), -1);
    assert_int_equal(record_of("$-1\r\n", &record), -1);
    assert_int_equal(record_of(":1\r\n", &record), -1);
    assert_int_equal(record_of("*1\r\n" RECORD, &record), -1);
    assert_int_equal(record_of("-ERR no\r\n", &record), -1);
}


static void
page(const char *text, const char *cursor, size_t elements)
{
    char               got[REAUTH_CURSOR_MAX + 1];
    redisReply        *reply;
    const redisReply  *page;

    reply = read_reply(text);
    assert_non_null(reply);

    page = reauth_reply_page(reply, got);

    if (cursor == NULL) {
        assert_null(page);

    } else {
        assert_non_null(page);
        assert_string_equal(got, cursor);
        assert_int_equal(page->elements, elements);
    }

    reauth_reply_free(reply);
}


static void
test_page(void **state)
{
    (void) state;

    page("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", "0", 2);
    page("*2\r\n$20\r\n18446744073709551615\r\n*0\r\n",
         "18446744073709551615", 0);

    page("*2\r\n$21\r\n184467440737095516150\r\n*0\r\n", NULL, 0);
    page("*2\r\n:0\r\n*0\r\n", NULL, 0);
    page("*2\r\n$-1\r\n*0\r\n", NULL, 0);
    page("*2\r\n$1\r\n0\r\n$1\r\n0\r\n", NULL, 0);
    page("*1\r\n$1\r\n0\r\n", NULL, 0);
    page("*-1\r\n", NULL, 0);
    page("-ERR no\r\n", NULL, 0);
    page("$1\r\n0\r\n", NULL, 0);
}


/* writer: NULL, there is no record */

static void
event(const char *text, const char *id, const char *writer)
{
    char               got[REAUTH_STREAM_ID_MAX + 1];
    redisReply        *reply;
    reauth_string_t    name;
    const redisReply  *entries, *record;

    strcpy(got, "before");

    reply = read_reply(text);
    assert_non_null(reply);

    entries = reauth_reply_entries(reply);
    assert_non_null(entries);
    assert_int_equal(entries->elements, 1);

    record = reauth_reply_event(entries->element[0], got, &name);

    assert_string_equal(got, id);
    assert_int_equal(record != NULL, writer != NULL);

    if (writer != NULL) {
        assert_true(reauth_string_equals(&name, writer));
        assert_string_equal(record->str, "b");
    }

    reauth_reply_free(reply);
}


#define STREAM  "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n"
#define LONG    "18446744073709551615-18446744073709551615"


static void
test_event(void **state)
{
    (void) state;

    event(STREAM "*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", "1-0",
          "a");

    /* an invalid event is skipped, and the position in the stream advances */

    event(STREAM "*2\r\n$41\r\n" LONG "\r\n*0\r\n", LONG, NULL);
    event(STREAM "*2\r\n$3\r\n1-0\r\n*1\r\n$1\r\na\r\n", "1-0", NULL);
    event(STREAM "*2\r\n$3\r\n1-0\r\n*2\r\n:1\r\n$1\r\nb\r\n", "1-0", NULL);

    /* one without a place leaves it where it was */

    event(STREAM "*2\r\n$42\r\n" LONG "0\r\n*0\r\n", "before", NULL);
    event(STREAM "*2\r\n:1\r\n*0\r\n", "before", NULL);
    event(STREAM "*1\r\n$3\r\n1-0\r\n", "before", NULL);
    event(STREAM "$3\r\n1-0\r\n", "before", NULL);
    event(STREAM "*-1\r\n", "before", NULL);

    /* deleted from the stream while it was read */

    event(STREAM "*2\r\n$3\r\n1-0\r\n*-1\r\n", "1-0", NULL);
}


/* account: NULL, it is not such an event */

static void
deleted(const char *fields, const char *account)
{
    char               text[512], id[REAUTH_STREAM_ID_MAX + 1];
    redisReply        *reply;
    reauth_record_t    record;
    const redisReply  *entry, *event;

    snprintf(text, sizeof(text), STREAM "*2\r\n$3\r\n1-0\r\n%s", fields);

    reply = read_reply(text);
    assert_non_null(reply);

    entry = reauth_reply_entries(reply)->element[0];
    event = reauth_reply_deleted_event(entry, id);

    assert_string_equal(id, "1-0");

    if (account == NULL) {
        assert_true(event == NULL || reauth_reply_deleted(event, &record) != 0);

    } else {
        assert_non_null(event);
        assert_int_equal(reauth_reply_deleted(event, &record), 0);
        assert_string_equal(record.account, account);
        assert_int_equal(reauth_reply_event_number(event), 7);
    }

    reauth_reply_free(reply);
}


static void
test_deleted_event(void **state)
{
    (void) state;

    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n$7\r\ndeleted\r\n"
            "$24\r\naccount acct_1\nnumber 7\n\r\n", "acct_1");

    /* another kind, no account, no text, fewer fields */

    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n$8\r\noverride\r\n"
            "$24\r\naccount acct_1\nnumber 7\n\r\n", NULL);
    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n$7\r\ndeleted\r\n"
            "$9\r\nnumber 7\n\r\n", NULL);
    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n$7\r\ndeleted\r\n"
            "$22\r\naccount ../x\nnumber 7\n\r\n", NULL);
    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n$7\r\ndeleted\r\n:1\r\n", NULL);
    deleted("*4\r\n$1\r\na\r\n$0\r\n\r\n:1\r\n$1\r\nb\r\n", NULL);
    deleted("*2\r\n$1\r\na\r\n$1\r\nb\r\n", NULL);
}


static void
test_entries(void **state)
{
    size_t       i;
    redisReply  *reply;

    static const char *const  none[] = {
        "*-1\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*1\r\n*1\r\n$1\r\ns\r\n",
        "*1\r\n*2\r\n$1\r\ns\r\n$1\r\ns\r\n",
        "*1\r\n$1\r\ns\r\n",
        "*2\r\n*2\r\n$1\r\ns\r\n*0\r\n*2\r\n$1\r\nt\r\n*0\r\n",
        "+OK\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        reply = read_reply(none[i]);
        assert_non_null(reply);
        assert_null(reauth_reply_entries(reply));
        reauth_reply_free(reply);
    }
}


static void
test_time(void **state)
{
    int          rc;
    size_t       i;
    int64_t      ms;
    redisReply  *reply;

    static const struct {
        const char  *text;
        int64_t      ms;         /* -1: not a time */
    } cases[] = {
        { "*2\r\n$10\r\n1795872331\r\n$6\r\n027999\r\n",
          INT64_C(1795872331027) },
        { "*2\r\n$1\r\n0\r\n$1\r\n0\r\n", 0 },
        { "*2\r\n$12\r\n253402300799\r\n$6\r\n999999\r\n",
          INT64_C(253402300799999) },
        { "*2\r\n$12\r\n253402300800\r\n$1\r\n0\r\n", -1 },
        { "*2\r\n$20\r\n99999999999999999999\r\n$1\r\n0\r\n", -1 },
        { "*2\r\n$10\r\n1795872331\r\n$7\r\n1000000\r\n", -1 },
        { "*2\r\n$2\r\n-1\r\n$1\r\n0\r\n", -1 },
        { "*2\r\n$0\r\n\r\n$1\r\n0\r\n", -1 },
        { "*2\r\n:1795872331\r\n:0\r\n", -1 },
        { "*1\r\n$10\r\n1795872331\r\n", -1 },
        { "-NOPERM this user has no permissions\r\n", -1 },
        { "$-1\r\n", -1 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reply = read_reply(cases[i].text);
        assert_non_null(reply);

        rc = reauth_reply_time(reply, &ms);

        assert_int_equal(rc, cases[i].ms < 0 ? -1 : 0);

        if (rc == 0) {
            assert_int_equal(ms, cases[i].ms);
        }

        reauth_reply_free(reply);
    }
}


static void
test_hello(void **state)
{
    size_t                  i;
    redisReply             *reply;
    reauth_reply_hello_t    hello;

    static const struct {
        const char  *text;
        int          rc;
        unsigned     known, replica, cluster, sentinel;
    } hellos[] = {
        { "*4\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
          "$4\r\nrole\r\n$6\r\nmaster\r\n", 0, 1, 0, 0, 0 },
        { "*4\r\n$4\r\nmode\r\n$7\r\ncluster\r\n"
          "$4\r\nrole\r\n$7\r\nreplica\r\n", 0, 1, 1, 1, 0 },
        { "*4\r\n$4\r\nrole\r\n$5\r\nslave\r\n"
          "$2\r\nid\r\n:7\r\n", 0, 1, 1, 0, 0 },
        { "*2\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n", 0, 0, 0, 0, 1 },
        { "*3\r\n$2\r\nid\r\n:7\r\n$4\r\nrole\r\n", -1, 0, 0, 0, 0 },
        { "*2\r\n:4\r\n$4\r\nrole\r\n", -1, 0, 0, 0, 0 },
        { "*2\r\n$4\r\nrole\r\n*0\r\n", 0, 1, 0, 0, 0 },
        { "*0\r\n", -1, 0, 0, 0, 0 },
        { "$4\r\nrole\r\n", -1, 0, 0, 0, 0 },
        { "-ERR unknown command\r\n", -1, 0, 0, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
        reply = read_reply(hellos[i].text);
        assert_non_null(reply);

        assert_int_equal(reauth_reply_hello(reply, &hello), hellos[i].rc);
        assert_int_equal(hello.known, hellos[i].known);
        assert_int_equal(hello.replica, hellos[i].replica);
        assert_int_equal(hello.cluster, hellos[i].cluster);
        assert_int_equal(hello.sentinel, hellos[i].sentinel);

        reauth_reply_free(reply);
    }
}


static void
test_sentinel(void **state)
{
    size_t            i;
    int64_t           epoch;
    redisReply       *reply;
    reauth_endpoint_t  place;

    static const struct {
        const char  *text;
        int64_t      epoch;            /* -1: it has none */
        const char  *host;             /* NULL: it is not an address */
    } replies[] = {
        { "*4\r\n$4\r\nname\r\n$4\r\nmain\r\n"
          "$12\r\nconfig-epoch\r\n$2\r\n17\r\n", 17, NULL },
        { "*2\r\n$12\r\nconfig-epoch\r\n$2\r\n-1\r\n", -1, NULL },
        { "*2\r\n$12\r\nconfig-epoch\r\n$20\r\n99999999999999999999\r\n",
          -1, NULL },
        { "*2\r\n$12\r\nconfig-epoch\r\n:1\r\n", -1, NULL },
        { "*1\r\n$12\r\nconfig-epoch\r\n", -1, NULL },
        { "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n", -1, "127.0.0.1" },
        { "*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n", -1, NULL },
        { "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n", -1, NULL },
        { "*2\r\n$0\r\n\r\n$4\r\n6379\r\n", -1, NULL },
        { "*2\r\n$9\r\n127 0 0 1\r\n$4\r\n6379\r\n", -1, NULL },
        { "*1\r\n$9\r\n127.0.0.1\r\n", -1, NULL },
        { "*-1\r\n", -1, NULL },
        { "-ERR No such master with that name\r\n", -1, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        reply = read_reply(replies[i].text);
        assert_non_null(reply);

        if (replies[i].epoch < 0) {
            assert_int_equal(reauth_reply_epoch(reply, &epoch), -1);

        } else {
            assert_int_equal(reauth_reply_epoch(reply, &epoch), 0);
            assert_int_equal(epoch, replies[i].epoch);
        }

        if (replies[i].host == NULL) {
            assert_int_equal(reauth_reply_address(reply, &place), -1);

        } else {
            assert_int_equal(reauth_reply_address(reply, &place), 0);
            assert_string_equal(place.host, replies[i].host);
            assert_int_equal(place.port, 6379);
        }

        reauth_reply_free(reply);
    }
}


/* objects of all types, in several blocks, and after the reader was freed */

static void
test_objects(void **state)
{
    char          text[4096], value[1024], *p;
    void         *nothing;
    size_t        i;
    redisReply   *reply, *inner;
    redisReader  *reader;

    static const char  incomplete[] = "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n";

    (void) state;

    p = text + sprintf(text, "*6\r\n:-7\r\n$-1\r\n+OK\r\n-ERR no\r\n*-1\r\n"
                             "*4\r\n");

    for (i = 0; i < 3; i++) {
        memset(value, 'a' + (int) i, sizeof(value));
        p += sprintf(p, "$%d\r\n%.*s\r\n", 300 * (int) (i + 1),
                     300 * (int) (i + 1), value);
    }

    (void) sprintf(p, "$0\r\n\r\n");

    reply = read_reply(text);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 6);

    assert_int_equal(reply->element[0]->type, REDIS_REPLY_INTEGER);
    assert_int_equal(reply->element[0]->integer, -7);
    assert_int_equal(reply->element[1]->type, REDIS_REPLY_NIL);
    assert_int_equal(reply->element[2]->type, REDIS_REPLY_STATUS);
    assert_string_equal(reply->element[2]->str, "OK");
    assert_int_equal(reply->element[3]->type, REDIS_REPLY_ERROR);
    assert_string_equal(reply->element[3]->str, "ERR no");
    assert_int_equal(reply->element[4]->type, REDIS_REPLY_NIL);

    inner = reply->element[5];
    assert_int_equal(inner->elements, 4);

    for (i = 0; i < 3; i++) {
        memset(value, 'a' + (int) i, sizeof(value));
        assert_int_equal(inner->element[i]->len, 300 * (i + 1));
        assert_memory_equal(inner->element[i]->str, value, 300 * (i + 1));
        assert_int_equal(inner->element[i]->str[300 * (i + 1)], '\0');
    }

    assert_int_equal(inner->element[3]->len, 0);
    assert_string_equal(inner->element[3]->str, "");

    reauth_reply_free(reply);

    /* an incomplete reply is freed with the reader */

    reader = reauth_reply_reader();
    assert_non_null(reader);

    assert_int_equal(redisReaderFeed(reader, incomplete, strlen(incomplete)),
                     REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &nothing), REDIS_OK);
    assert_null(nothing);

    redisReaderFree(reader);
}


static int
probe(const char *text, int64_t *found, int64_t *members, uint64_t *number)
{
    int          rc;
    redisReply  *reply;

    reply = read_reply(text);
    assert_non_null(reply);

    rc = reauth_reply_probe(reply, found, members, number);

    reauth_reply_free(reply);

    return rc;
}


static void
test_probe(void **state)
{
    size_t    i;
    int64_t   found, members;
    uint64_t  number;

    static const char  *invalid[] = {
        ":1\r\n", "+OK\r\n", "-OOM\r\n", "*2\r\n:1\r\n:2\r\n",
        "*3\r\n$1\r\n1\r\n:2\r\n$1\r\n3\r\n",
        "*3\r\n:1\r\n$1\r\n2\r\n$1\r\n3\r\n",
        "*4\r\n:1\r\n:2\r\n$1\r\n3\r\n:4\r\n"
    };

    (void) state;

    assert_int_equal(probe("*3\r\n:2\r\n:7\r\n$2\r\n12\r\n", &found,
                           &members, &number), 0);
    assert_true(found == 2 && members == 7 && number == 12);

    /* the number cannot be read, and the counter is a text */

    assert_int_equal(probe("*3\r\n:1\r\n:-1\r\n$1\r\na\r\n", &found,
                           &members, &number), 0);
    assert_true(found == 1 && members == -1 && number == 0);

    for (i = 0; i < sizeof(invalid) / sizeof(char *); i++) {
        assert_int_equal(probe(invalid[i], &found, &members, &number), -1);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_sentinel),
        cmocka_unit_test(test_array_too_large),
        cmocka_unit_test(test_array_largest),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_deleted_event),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
