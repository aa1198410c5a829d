
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

#include "reauth_delivery_entry.h"
#include "reauth_reply.h"


#define ACCEPTED  REAUTH_DELIVERY_ACCEPTED
#define REFUSED   REAUTH_DELIVERY_REFUSED
#define FAILED    REAUTH_DELIVERY_FAILED
#define UNSENT    REAUTH_DELIVERY_UNSENT

/* the longest interval for the number of a try */
#define ALL  UINT32_MAX


/* notices 1 to n of these accounts, and an empty delivery */

static reauth_delivery_t         delivery;
static reauth_delivery_notice_t  notices[REAUTH_DELIVERY_HELD_MAX + 1];


static int
add(unsigned n, const char *account)
{
    memset(&notices[n], 0, sizeof(notices[n]));

    notices[n].id.ms = n;
    strcpy(notices[n].account, account);

    return reauth_delivery_add(&delivery, &notices[n]);
}


static int
begin(void **state)
{
    (void) state;

    memset(&delivery, 0, sizeof(delivery));

    return 0;
}


/* the number of the next one; 0: none */

static unsigned
next(int64_t now_ms)
{
    reauth_delivery_notice_t  *notice;

    notice = reauth_delivery_next(&delivery, now_ms);

    return notice == NULL ? 0 : (unsigned) (notice - notices);
}


static int
settle(unsigned n, reauth_delivery_result_t result, int64_t now_ms)
{
    return reauth_delivery_settle(&delivery, &notices[n], result, 0, now_ms);
}


static void
test_order(void **state)
{
    (void) state;

    /* added in another order, as when what is pending is read again */

    assert_int_equal(add(3, "acct_1"), 0);
    assert_int_equal(add(1, "acct_1"), 0);
    assert_int_equal(add(2, "acct_2"), 0);
    assert_int_equal(add(4, "acct_2"), 0);

    assert_int_equal(next(0), 1);
    assert_int_equal(next(0), 2);
    assert_int_equal(next(0), 0);

    /* acct_2 does not wait for acct_1 */

    assert_int_equal(settle(1, FAILED, 0), 0);
    assert_int_equal(settle(2, ACCEPTED, 0), 0);
    assert_int_equal(next(0), 4);
    assert_int_equal(settle(4, ACCEPTED, 0), 0);
    assert_int_equal(next(0), 0);

    /* the later one waits until the first one is accepted */

    assert_int_equal(next(2500), 1);
    assert_int_equal(next(2500), 0);
    assert_int_equal(settle(1, ACCEPTED, 2500), 0);
    assert_int_equal(next(2500), 3);
}


static void
test_held(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 0; i < REAUTH_DELIVERY_HELD_MAX; i++) {
        assert_int_equal(add(i, ""), 0);
    }

    assert_int_equal(delivery.held, REAUTH_DELIVERY_HELD_MAX);
    assert_int_equal(reauth_delivery_pending(&delivery),
                     REAUTH_DELIVERY_HELD_MAX);
    assert_int_equal(add(REAUTH_DELIVERY_HELD_MAX, ""), -1);

    /* one that is held is not added again, nor changed */

    notices[REAUTH_DELIVERY_HELD_MAX].id.ms = 5;
    reauth_delivery_remove(&delivery, &notices[7]);
    assert_int_equal(delivery.held, REAUTH_DELIVERY_HELD_MAX - 1);
    assert_int_equal(reauth_delivery_add(&delivery,
                                         &notices[REAUTH_DELIVERY_HELD_MAX]),
                     -1);
    assert_int_equal(add(7, ""), 0);

    /* of the empty account, in order as well */

    assert_int_equal(next(0), 0);
    assert_int_equal(delivery.flying, 1);
}


static void
test_flight(void **state)
{
    (void) state;

    add(1, "a"), add(2, "b"), add(3, "c"), add(4, "d"), add(5, "e");

    assert_int_equal(next(0), 1);
    assert_int_equal(next(0), 2);
    assert_int_equal(next(0), 3);
    assert_int_equal(next(0), 4);
    assert_int_equal(next(0), 0);

    /* one that the gateway ended itself is sent again at once */

    assert_int_equal(settle(2, UNSENT, 0), 0);
    assert_int_equal(next(0), 2);
    assert_int_equal(notices[2].tries, 0);

    settle(1, ACCEPTED, 0);
    assert_int_equal(next(0), 5);

    /* a done one is held until it is acknowledged */

    assert_int_equal(notices[1].state, REAUTH_DELIVERY_DONE);
    assert_int_equal(delivery.held, 5);
    assert_int_equal(reauth_delivery_pending(&delivery), 4);
    assert_int_equal(reauth_delivery_age(&delivery, 100), 98);
    reauth_delivery_remove(&delivery, &notices[1]);
    assert_int_equal(delivery.held, 4);
}


/* the times of one notice: a refused one, one that could not be processed */

static void
test_intervals(void **state)
{
    size_t    i, n;
    int64_t   now_ms;

    static const struct {
        reauth_delivery_result_t  result;
        int64_t                   ms[12];    /* the shortest ones; 0: the end */
    } rows[] = {
        { FAILED, { 2500, 5000, 10000, 15000, 15000, 15000, 0 } },
        { REFUSED, { 2500, 5000, 10000, 20000, 40000, 80000, 160000, 300000,
                     300000, 0 } }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(state);
        add(1, "acct_1");

        now_ms = 1000;
        assert_int_equal(next(now_ms), 1);

        for (n = 0; rows[i].ms[n]; n++) {
            settle(1, rows[i].result, now_ms);
            assert_int_equal(next(now_ms + rows[i].ms[n] - 1), 0);
            now_ms += rows[i].ms[n];
            assert_int_equal(next(now_ms), 1);
        }

        for ( /* void */ ; n < 100; n++) {
            settle(1, rows[i].result, now_ms);
            now_ms += REAUTH_DELIVERY_REFUSED_MS;
            assert_int_equal(next(now_ms), 1);
        }
    }

    /* the longest one is twice as long, and within 30 seconds at first */

    begin(state);
    add(1, "acct_1");
    assert_int_equal(next(0), 1);
    reauth_delivery_settle(&delivery, &notices[1], FAILED, 2500, 0);
    assert_int_equal(next(4999), 0);
    assert_int_equal(next(5000), 1);
    reauth_delivery_settle(&delivery, &notices[1], FAILED, ALL, 0);
    assert_true(notices[1].at_ms >= 5000 && notices[1].at_ms <= 10000);
}


/* several accounts fail: one request at a time, until one is accepted */

static void
test_down(void **state)
{
    unsigned  i;
    int64_t   now_ms;

    (void) state;

    add(1, "a"), add(2, "b"), add(3, "c"), add(4, "a"), add(5, "d");

    assert_int_equal(next(0), 1);
    assert_int_equal(next(0), 2);
    assert_int_equal(next(0), 3);
    assert_int_equal(next(0), 5);

    /* those that were in flight count as one failure */

    assert_int_equal(settle(1, FAILED, 0), 0);
    assert_int_equal(settle(2, FAILED, 0), 1);
    assert_int_equal(settle(3, FAILED, 0), 0);
    assert_int_equal(next(2500), 0);
    assert_int_equal(settle(5, UNSENT, 0), 0);
    assert_int_equal(delivery.probes, 1);

    assert_int_equal(next(2499), 0);

    /* 5 was tried least recently, then they take turns */

    assert_int_equal(next(2500), 5);
    assert_int_equal(next(2500), 0);
    assert_int_equal(settle(5, FAILED, 2500), 0);

    assert_int_equal(next(7499), 0);
    assert_int_equal(next(7500), 1);
    assert_int_equal(settle(1, FAILED, 7500), 0);
    assert_int_equal(next(17500), 2);
    assert_int_equal(settle(2, FAILED, 17500), 0);

    for (i = 0, now_ms = 17500; i < 100; i++) {
        now_ms += 15000;

        assert_int_equal(next(now_ms - 1), 0);
        (void) settle(next(now_ms), FAILED, now_ms);
    }

    /* it works again: all are sent at once */

    now_ms += 15000;
    i = next(now_ms);
    assert_int_not_equal(i, 0);
    assert_int_equal(settle(i, ACCEPTED, now_ms), -1);

    for (i = 0; i < 3; i++) {
        assert_int_not_equal(next(now_ms), 0);
    }
}


/* what was not received while it was down is not delayed any more */

static void
test_works_again(void **state)
{
    (void) state;

    add(1, "a"), add(2, "b"), add(3, "c"), add(4, "d");

    assert_int_equal(next(0), 1);
    assert_int_equal(next(0), 2);
    assert_int_equal(next(0), 3);
    assert_int_equal(next(0), 4);

    settle(4, REFUSED, 0);
    settle(1, FAILED, 0);
    settle(2, FAILED, 0);
    reauth_delivery_settle(&delivery, &notices[3], FAILED, 2500, 0);
    notices[4].at_ms = 5000;

    assert_int_equal(next(2500), 1);
    assert_int_equal(settle(1, ACCEPTED, 2500), -1);

    /* a refused one is */

    assert_int_equal(next(2500), 2);
    assert_int_equal(next(2500), 3);
    assert_int_equal(next(2500), 0);
    assert_int_equal(next(5000), 4);
}


/* those that always fail are not sent at once each time that another is not */

static void
test_always_fail(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 1; i <= 4; i++) {
        add(i, (const char *[]) { "a", "b", "c", "d" }[i - 1]);
        assert_int_equal(next(0), i);
    }

    for (i = 1; i <= 4; i++) {
        settle(i, FAILED, 0);
    }

    assert_int_not_equal(delivery.probes, 0);

    add(5, "e"), add(6, "f");
    assert_int_equal(next(30000), 5);
    assert_int_equal(settle(5, ACCEPTED, 30000), -1);

    for (i = 1; i <= 4; i++) {
        assert_int_equal(next(30000), i);
    }

    for (i = 1; i <= 4; i++) {
        settle(i, FAILED, 30000);
    }

    for (i = 1; i <= 4; i++) {
        notices[i].at_ms = 60001;
    }

    assert_int_equal(next(60000), 6);
    assert_int_equal(settle(6, ACCEPTED, 60000), -1);
    assert_int_equal(next(60000), 0);
    assert_int_equal(next(60001), 1);
}


/* one account fails, others do not: nobody waits for it */

static void
test_one_fails(void **state)
{
    unsigned  i;

    (void) state;

    add(1, "a");

    for (i = 2; i < 20; i++) {
        assert_int_equal(next(100000 * i), 1);
        assert_int_equal(settle(1, FAILED, 100000 * i),
                         i == 1 + REAUTH_DELIVERY_LOGGED);
        assert_int_equal(delivery.probes, 0);
    }

    add(20, "b");
    assert_int_equal(next(1900000), 20);
    assert_int_equal(settle(20, ACCEPTED, 1900000), -1);

    /* it is not sent sooner because of that */

    assert_int_equal(next(1900000), 0);

    /* a refused one does not stop others */

    add(21, "b");
    assert_int_equal(next(1900000), 21);
    assert_int_equal(settle(21, REFUSED, 1900000), 0);
    assert_int_equal(delivery.failures, 0);
    add(22, "c");
    assert_int_equal(next(1900000), 22);
}


static void
test_expired(void **state)
{
    reauth_delivery_notice_t  *notice;

    (void) state;

    add(1, "a"), add(2, "a"), add(3, "b");

    assert_null(reauth_delivery_expire(&delivery, REAUTH_DELIVERY_LIFE_MS));
    assert_int_equal(next(0), 1);

    /* one in flight is not given up */

    notice = reauth_delivery_expire(&delivery, REAUTH_DELIVERY_LIFE_MS + 2);
    assert_ptr_equal(notice, &notices[2]);
    assert_int_equal(notices[2].state, REAUTH_DELIVERY_DONE);
    assert_null(reauth_delivery_expire(&delivery,
                                       REAUTH_DELIVERY_LIFE_MS + 2));

    settle(1, FAILED, 0);
    notice = reauth_delivery_expire(&delivery, REAUTH_DELIVERY_LIFE_MS + 2);
    assert_ptr_equal(notice, &notices[1]);

    assert_int_equal(reauth_delivery_age(&delivery, 2), 0);
    assert_int_equal(reauth_delivery_age(&delivery, 13), 10);
}


static void
test_statuses(void **state)
{
    unsigned  status;

    (void) state;

    for (status = 0; status < 1000; status++) {
        assert_int_equal(reauth_delivery_judge(status),
                         status >= 200 && status <= 299 ? ACCEPTED
                         : status == 400 || status == 409 || status == 413
                           || status == 422 ? REFUSED : FAILED);
    }
}


static void
test_ids(void **state)
{
    size_t                i;
    unsigned char         text[REAUTH_DELIVERY_ID_MAX];
    reauth_string_t       s;
    reauth_delivery_id_t  id;

    static const char  *const invalid[] = {
        "", "-", "1", "1-", "-1", "1-1-1", "a-1", "1-a", "1 -1",
        "1111111111111111111-1"
    };

    (void) state;

    s = reauth_string_from("1795872331027-12");
    assert_int_equal(reauth_delivery_id_parse(&s, &id), 0);
    assert_true(id.ms == 1795872331027 && id.number == 12);
    assert_int_equal(reauth_delivery_id_text(&id, text), s.len);
    assert_memory_equal(text, s.data, s.len);

    id.ms = UINT64_MAX;
    id.number = UINT64_MAX;
    assert_int_equal(reauth_delivery_id_text(&id, text), 41);

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        s = reauth_string_from(invalid[i]);

        if (reauth_delivery_id_parse(&s, &id) == 0) {
            fail_msg("\"%s\"", invalid[i]);
        }
    }
}


static void
test_entries(void **state)
{
    int                       rc;
    size_t                    i;
    void                     *reply;
    redisReader              *reader;
    reauth_delivery_entry_t   entry;

    static const struct {
        const char  *raw;
        int          rc;
        const char  *type, *account, *body;
    } rows[] = {
        { "*2\r\n$3\r\n7-1\r\n*6\r\n$4\r\ntype\r\n$1\r\nt\r\n$7\r\naccount\r\n"
          "$2\r\nac\r\n$4\r\nbody\r\n$2\r\n{}\r\n", 0, "t", "ac", "{}" },

        /* without an account, and with a field of a later version */
        { "*2\r\n$3\r\n7-1\r\n*6\r\n$4\r\nbody\r\n$2\r\n{}\r\n$3\r\nnew\r\n"
          "$1\r\nx\r\n$4\r\ntype\r\n$1\r\nt\r\n", 0, "t", "", "{}" },

        /* trimmed */
        { "*2\r\n$3\r\n7-1\r\n*-1\r\n", 0, NULL, NULL, NULL },

        { "*2\r\n$3\r\n7-1\r\n*0\r\n", 1, NULL, NULL, NULL },
        { "*2\r\n$3\r\n7-1\r\n*2\r\n$4\r\ntype\r\n$1\r\nt\r\n", 1, NULL, NULL,
          NULL },
        { "*2\r\n$3\r\n7-1\r\n*2\r\n$4\r\nbody\r\n$1\r\nt\r\n", 1, NULL, NULL,
          NULL },
        { "*2\r\n$3\r\n7-1\r\n*3\r\n$4\r\ntype\r\n$1\r\nt\r\n$4\r\nbody\r\n",
          1, NULL, NULL, NULL },
        { "*2\r\n$3\r\n7-1\r\n*2\r\n$4\r\ntype\r\n:1\r\n", 1, NULL, NULL,
          NULL },
        { "*2\r\n$3\r\n7-1\r\n:1\r\n", 1, NULL, NULL, NULL },
        { "*2\r\n$1\r\n7\r\n*-1\r\n", -1, NULL, NULL, NULL },
        { "*1\r\n$3\r\n7-1\r\n", -1, NULL, NULL, NULL },
        { "*2\r\n:1\r\n*-1\r\n", -1, NULL, NULL, NULL },
        { ":1\r\n", -1, NULL, NULL, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reader = reauth_reply_reader();
        assert_non_null(reader);

        redisReaderFeed(reader, rows[i].raw, strlen(rows[i].raw));
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
        assert_non_null(reply);

        rc = reauth_delivery_entry_parse(reply, &entry);

        if (rc != rows[i].rc) {
            fail_msg("row %zu: %d", i, rc);
        }

        if (rc >= 0) {
            assert_true(entry.id.ms == 7 && entry.id.number == 1);
        }

        if (rc == 0) {
            assert_int_equal(entry.deleted, rows[i].type == NULL);
        }

        if (rows[i].type != NULL) {
            assert_true(reauth_string_equals(&entry.type, rows[i].type));
            assert_true(reauth_string_equals(&entry.account, rows[i].account));
            assert_true(reauth_string_equals(&entry.body, rows[i].body));
        }

        reauth_reply_free(reply);
        redisReaderFree(reader);
    }
}


/* what is too long for its place */

static void
test_bounds(void **state)
{
    redisReply                id, name, value, fields, entry;
    redisReply               *parts[2], *both[6];
    reauth_delivery_entry_t   parsed;
    redisReply                type, t, account, a;
    char                      text[REAUTH_DELIVERY_BODY_MAX + 1];

    (void) state;

    memset(&id, 0, sizeof(id));
    id.type = REDIS_REPLY_STRING;
    name = value = type = t = account = a = id;
    fields = entry = id;

    memset(text, 'a', sizeof(text));

    id.str = "7-1", id.len = 3;
    type.str = "type", type.len = 4;
    t.str = "t", t.len = 1;
    account.str = "account", account.len = 7;
    a.str = text, a.len = REAUTH_ACCOUNT_MAX;
    name.str = "body", name.len = 4;
    value.str = text, value.len = REAUTH_DELIVERY_BODY_MAX;

    both[0] = &type, both[1] = &t, both[2] = &account, both[3] = &a;
    both[4] = &name, both[5] = &value;
    fields.type = REDIS_REPLY_ARRAY, fields.element = both, fields.elements = 6;
    parts[0] = &id, parts[1] = &fields;
    entry.type = REDIS_REPLY_ARRAY, entry.element = parts, entry.elements = 2;

    assert_int_equal(reauth_delivery_entry_parse(&entry, &parsed), 0);

    a.len++;
    assert_int_equal(reauth_delivery_entry_parse(&entry, &parsed), 1);
    a.len--;

    value.len++;
    assert_int_equal(reauth_delivery_entry_parse(&entry, &parsed), 1);
    value.len--;

    text[3] = '\0';
    assert_int_equal(reauth_delivery_entry_parse(&entry, &parsed), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_order, begin),
        cmocka_unit_test_setup(test_held, begin),
        cmocka_unit_test_setup(test_flight, begin),
        cmocka_unit_test_setup(test_intervals, begin),
        cmocka_unit_test_setup(test_down, begin),
        cmocka_unit_test_setup(test_works_again, begin),
        cmocka_unit_test_setup(test_always_fail, begin),
        cmocka_unit_test_setup(test_one_fails, begin),
        cmocka_unit_test_setup(test_expired, begin),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_bounds)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
