
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

#include "reauth_heal.h"
#include "reauth_judge.h"
#include "reauth_list.h"
#include "reauth_record.h"


#define NOW_MS   INT64_C(1800000000000)
#define DAY      REAUTH_HEAL_WINDOW_MS
#define EXPIRED  REAUTH_SESSION_EXPIRED


static const reauth_heal_conf_t  conf = { 3, 5000 };


static void
make(reauth_state_t record_state, reauth_action_t action, const char *code,
    uint64_t epoch, reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    strcpy(record->account, "acct_1");
    strcpy(record->error_code, code);
    record->state = (uint8_t) record_state;
    record->action = (uint8_t) action;
    record->epoch = epoch;
}


static void
lapse(uint64_t epoch, reauth_record_t *record)
{
    make(REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, EXPIRED, epoch,
         record);
}


static void
test_wants(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char          *row;
        const char          *account;
        reauth_state_t       state;
        reauth_action_t      action;
        reauth_auth_type_t   auth_type;
        const char          *code;
        int                  wants;
    } rows[] = {

        { "a session that has expired", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, EXPIRED, 1 },

        { "after an update, too", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_AUTH_TYPE_RAW_DATA, EXPIRED, 1 },

        { "Fansly", "fansly_acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, EXPIRED, 1 },

        { "Fanvue logs in elsewhere", "fanvue_acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, EXPIRED, 0 },

        { "not logged in by a list", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, "NOT_AUTHENTICATED", 1 },

        { "the same after an update", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_AUTH_TYPE_EMAIL_PASSWORD,
          "NOT_AUTHENTICATED", 0 },

        { "refused credentials", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, "INVALID_CREDENTIALS", 0 },

        { "refused without a code", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, "", 0 },

        { "another action", "acct_1", REAUTH_STATE_FAILED,
          REAUTH_ACTION_NONE, 0, EXPIRED, 0 },

        { "a person is needed", "acct_1", REAUTH_STATE_NEEDS_OTP,
          REAUTH_ACTION_OTP, 0, "", 0 },

        { "a login is active", "acct_1", REAUTH_STATE_RUNNING,
          REAUTH_ACTION_CREDENTIALS, 0, EXPIRED, 0 },

        { "logged in", "acct_1", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE,
          0, "", 0 },

        { "expired", "acct_1", REAUTH_STATE_EXPIRED, REAUTH_ACTION_NONE, 0,
          "GATE_MAX", 0 },

        { "forgotten", "acct_1", REAUTH_STATE_FORGOTTEN, REAUTH_ACTION_NONE,
          0, EXPIRED, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, rows[i].action, rows[i].code, 1, &record);
        strcpy(record.account, rows[i].account);
        record.auth_type = (uint8_t) rows[i].auth_type;

        if (reauth_heal_wants(&record) != rows[i].wants) {
            fail_msg("%s", rows[i].row);
        }
    }
}


/* the delay doubles, the cap counts all tries of a day */

static void
test_tries(void **state)
{
    int64_t          now_ms, next_ms;
    unsigned         n;
    reauth_heal_t    heal;
    reauth_record_t  record;

    (void) state;

    memset(&heal, 0, sizeof(reauth_heal_t));
    assert_false(reauth_heal_is_current(&heal, NOW_MS));

    now_ms = NOW_MS;
    next_ms = 5000;

    for (n = 0; n < 3; n++) {
        lapse(10 + n, &record);

        assert_true(reauth_heal_changed(&heal, &conf, &record, now_ms));
        assert_true(heal.next_ms == now_ms + next_ms);
        assert_true(reauth_heal_is_current(&heal, now_ms));

        /* a copy of the same failure changes nothing */

        assert_false(reauth_heal_changed(&heal, &conf, &record, now_ms + 1));
        assert_true(heal.next_ms == now_ms + next_ms);

        now_ms += next_ms;
        next_ms *= 2;

        assert_true(reauth_heal_take(&heal, &conf, &record, now_ms));
        assert_int_equal(heal.tries, n + 1);
        assert_true(heal.next_ms == 0);
        assert_true(heal.first_ms == NOW_MS + 5000);

        /* once only */

        assert_false(reauth_heal_changed(&heal, &conf, &record, now_ms));
        assert_true(heal.next_ms == 0);

        make(REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, "", 10 + n, &record);
        assert_false(reauth_heal_changed(&heal, &conf, &record, now_ms));
        assert_int_equal(heal.tries, n + 1);
    }

    lapse(20, &record);
    assert_false(reauth_heal_changed(&heal, &conf, &record, now_ms));
    assert_true(heal.next_ms == 0);
    assert_false(reauth_heal_take(&heal, &conf, &record, now_ms));

    /* the next day */

    assert_true(reauth_heal_is_current(&heal, heal.first_ms + DAY - 1));
    assert_false(reauth_heal_is_current(&heal, heal.first_ms + DAY));

    lapse(21, &record);
    now_ms = heal.first_ms + DAY;
    assert_true(reauth_heal_changed(&heal, &conf, &record, now_ms));
    assert_int_equal(heal.tries, 0);
    assert_true(heal.next_ms == now_ms + 5000);
}


static void
test_take(void **state)
{
    reauth_heal_t    heal;
    reauth_record_t  record;

    (void) state;

    memset(&heal, 0, sizeof(reauth_heal_t));
    lapse(10, &record);
    (void) reauth_heal_changed(&heal, &conf, &record, NOW_MS);

    /* another failure than the one that the try was planned for */

    lapse(11, &record);
    assert_false(reauth_heal_take(&heal, &conf, &record, NOW_MS + 5000));
    assert_int_equal(heal.tries, 0);

    (void) reauth_heal_changed(&heal, &conf, &record, NOW_MS);

    make(REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE, "", 11, &record);
    assert_false(reauth_heal_take(&heal, &conf, &record, NOW_MS + 5000));

    assert_true(reauth_heal_changed(&heal, &conf, &record, NOW_MS) == 0);
    assert_true(heal.next_ms == 0);

    /* a login cancels a try that is to come */

    lapse(12, &record);
    assert_true(reauth_heal_changed(&heal, &conf, &record, NOW_MS));
    make(REAUTH_STATE_STARTING, REAUTH_ACTION_NONE, "", 13, &record);
    assert_true(reauth_heal_changed(&heal, &conf, &record, NOW_MS));
    assert_true(heal.next_ms == 0);
}


static void
test_merge(void **state)
{
    char             text[REAUTH_HEAL_TEXT_MAX];
    size_t           i, len;
    reauth_heal_t    heal, other;
    reauth_record_t  record;
    reauth_string_t  s;

    static const struct {
        const char  *text;
        unsigned     tries;                    /* known here */
        int          merged;
    } rows[] = {
        { "tries 1\nfirst 1799999999000\n", 0, 1 },
        { "tries 2\nfirst 1799999999000\nerror HTTP_429\n", 1, 1 },
        { "tries 2\nfirst 1799999999000\nlater 7\n", 1, 1 },
        { "tries 1\nfirst 1799999999000\n", 1, 0 },
        { "tries 1\nfirst 1799999999000\n", 2, 0 },
        { "tries 1\nfirst 1799913600000\n", 0, 0 },   /* a day ago */
        { "tries 1\nfirst 1800000000001\n", 0, 0 },   /* in the future */
        { "tries 1\n", 0, 0 },
        { "first 1799999999000\n", 0, 0 },
        { "tries 101\nfirst 1799999999000\n", 0, 0 },
        { "tries x\nfirst 1799999999000\n", 0, 0 },
        { "tries 1\nfirst x\n", 0, 0 },
        { "tries", 0, 0 },
        { "", 0, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&heal, 0, sizeof(reauth_heal_t));
        lapse(10, &record);
        (void) reauth_heal_changed(&heal, &conf, &record, NOW_MS);
        heal.tries = rows[i].tries;

        s = reauth_string_from(rows[i].text);

        if (reauth_heal_merge(&heal, &conf, &s, NOW_MS) != rows[i].merged) {
            fail_msg("row %zu", i);
        }

        if (rows[i].merged) {
            assert_int_equal(heal.tries, rows[i].tries + 1);
            assert_true(heal.next_ms
                        == NOW_MS + (INT64_C(5000) << heal.tries));
        }
    }

    /* what is written is read; beyond the cap, no try is to come */

    memset(&other, 0, sizeof(reauth_heal_t));
    other.tries = 3;
    other.first_ms = NOW_MS - 1;
    memset(other.error, 'E', REAUTH_ERROR_CODE_MAX);

    len = reauth_heal_text(&other, text);
    assert_true(len < REAUTH_HEAL_TEXT_MAX);

    s.data = (unsigned char *) text;
    s.len = len;

    memset(&heal, 0, sizeof(reauth_heal_t));
    assert_true(reauth_heal_merge(&heal, &conf, &s, NOW_MS));
    assert_int_equal(heal.tries, 3);
    assert_true(heal.first_ms == NOW_MS - 1);
    assert_true(heal.next_ms == 0);
    assert_string_equal(heal.error, other.error);
}


static void
test_settle(void **state)
{
    char           error[REAUTH_ERROR_CODE_MAX + 1];
    reauth_fact_t  fact;

    static const reauth_string_t  limited = reauth_string("TOO_MANY");

    (void) state;

    memset(&fact, 0, sizeof(reauth_fact_t));
    fact.state = REAUTH_STATE_REJECTED;
    fact.error_code = limited;
    fact.error_message = limited;

    assert_true(reauth_heal_settle(&fact, 429, error));
    assert_string_equal(error, "TOO_MANY");
    assert_int_equal(fact.state, REAUTH_STATE_FAILED);
    assert_int_equal(fact.action, REAUTH_ACTION_CREDENTIALS);
    assert_true(reauth_string_equals(&fact.error_code, EXPIRED));
    assert_null(fact.error_message.data);

    fact.state = REAUTH_STATE_REJECTED;
    fact.error_code = limited;
    assert_false(reauth_heal_settle(&fact, 400, error));
    assert_int_equal(fact.state, REAUTH_STATE_REJECTED);

    fact.state = REAUTH_STATE_RUNNING;
    assert_false(reauth_heal_settle(&fact, 200, error));
    fact.state = REAUTH_STATE_UNKNOWN;
    assert_false(reauth_heal_settle(&fact, 502, error));
    assert_int_equal(fact.state, REAUTH_STATE_UNKNOWN);
}


static void
test_listed(void **state)
{
    size_t                    i;
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_account_status_t   status;

    static const struct {
        reauth_state_t   state;
        unsigned         in_progress;
        unsigned         not_authenticated;
        int              expired;
    } rows[] = {
        { REAUTH_STATE_SUCCEEDED, 0, 1, 1 },
        { REAUTH_STATE_NONE, 0, 1, 1 },
        { REAUTH_STATE_REJECTED, 0, 1, 1 },
        { REAUTH_STATE_SUCCEEDED, 1, 1, 0 },
        { REAUTH_STATE_SUCCEEDED, 0, 0, 0 },
        { REAUTH_STATE_FAILED, 0, 1, 0 },
        { REAUTH_STATE_EXPIRED, 0, 1, 0 },
        { REAUTH_STATE_FORGOTTEN, 0, 1, 0 },
        { REAUTH_STATE_RUNNING, 0, 1, 0 },
        { REAUTH_STATE_NEEDS_OTP, 0, 1, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, REAUTH_ACTION_NONE, "", 10, &record);
        memset(&status, 0, sizeof(reauth_account_status_t));
        status.in_progress = rows[i].in_progress;
        status.not_authenticated = rows[i].not_authenticated;

        if (reauth_list_expired(&record, &status, NOW_MS, &fact)
            != rows[i].expired)
        {
            fail_msg("row %zu", i);
        }

        if (rows[i].expired) {
            assert_int_equal(fact.state, REAUTH_STATE_FAILED);
            assert_int_equal(fact.epoch, 10);
            assert_int_equal(fact.live, 1);
        }
    }
}


/* of several gateways and callers, one reauthentication is sent */

static void
test_begin(void **state)
{
    size_t           i;
    reauth_begin_t   begin;
    reauth_record_t  record, next;

    static const struct {
        reauth_state_t         state;
        reauth_begin_result_t  result;
    } rows[] = {
        { REAUTH_STATE_FAILED, REAUTH_BEGIN_STARTED },
        { REAUTH_STATE_STARTING, REAUTH_BEGIN_JOIN },
        { REAUTH_STATE_RUNNING, REAUTH_BEGIN_COALESCED },
        { REAUTH_STATE_NEEDS_OTP, REAUTH_BEGIN_COALESCED },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, REAUTH_ACTION_NONE, "", 10, &record);
        record.since_ms = NOW_MS;
        record.deadline_ms = NOW_MS + 60000;

        memset(&begin, 0, sizeof(reauth_begin_t));
        begin.now_ms = NOW_MS + 1;
        begin.epoch = 11;
        begin.account = reauth_string_from(record.account);
        begin.source = REAUTH_SOURCE_HEAL;

        assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                         rows[i].result);
    }

    assert_int_equal(next.source, REAUTH_SOURCE_HEAL);
}


/* earlier versions read a reauthentication of a caller */

static void
test_record(void **state)
{
    size_t           event, len;
    reauth_record_t  record, copy;
    reauth_string_t  text;
    unsigned char    buffer[REAUTH_RECORD_TEXT_MAX];

    (void) state;

    make(REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE, "", 10, &record);
    record.source = REAUTH_SOURCE_HEAL;

    len = reauth_record_encode(&record, buffer, &event);
    buffer[len] = '\0';

    assert_non_null(strstr((char *) buffer, "\nsource reauthenticate\n"));
    assert_non_null(strstr((char *) buffer, "\nheal 1\n"));

    text.data = buffer;
    text.len = len;

    memset(&copy, 0, sizeof(reauth_record_t));
    assert_int_equal(reauth_record_decode(&text, &copy), 0);
    assert_int_equal(copy.source, REAUTH_SOURCE_HEAL);

    record.source = REAUTH_SOURCE_SWEEP;
    text.len = reauth_record_encode(&record, buffer, &event);
    buffer[text.len] = '\0';

    assert_non_null(strstr((char *) buffer, "\nsource poller\nsweep 1\n"));

    memset(&copy, 0, sizeof(reauth_record_t));
    assert_int_equal(reauth_record_decode(&text, &copy), 0);
    assert_int_equal(copy.source, REAUTH_SOURCE_SWEEP);

    record.source = REAUTH_SOURCE_REAUTHENTICATE;
    len = reauth_record_encode(&record, buffer, &event);
    text.len = len;

    memset(&copy, 0, sizeof(reauth_record_t));
    assert_int_equal(reauth_record_decode(&text, &copy), 0);
    assert_int_equal(copy.source, REAUTH_SOURCE_REAUTHENTICATE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_tries),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
