
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

#include "reauth_list.h"


#define NOW_MS  1763985600000LL    /* 2025-11-24T12:00:00Z */


static void
record_of(reauth_record_t *record, reauth_state_t state, int64_t age_ms)
{
    memset(record, 0, sizeof(reauth_record_t));
    memcpy(record->account, "acct_1", sizeof("acct_1"));

    record->epoch = 7;
    record->state = (uint8_t) state;
    record->since_ms = NOW_MS - age_ms;
    record->deadline_ms = NOW_MS + 900000;
}


/* the state that follows; NONE: nothing does */

static reauth_state_t
follows(reauth_state_t state, int64_t age_ms, int authenticated,
    int in_progress)
{
    reauth_fact_t            fact;
    reauth_record_t          record;
    reauth_account_status_t  status;

    record_of(&record, state, age_ms);

    memset(&status, 0, sizeof(reauth_account_status_t));

    status.found = 1;
    status.authenticated = authenticated == 1;
    status.not_authenticated = authenticated == 0;
    status.in_progress = in_progress != 0;

    if (!reauth_list_fact(&record, &status, NOW_MS, NOW_MS, &fact)) {
        return REAUTH_STATE_NONE;
    }

    assert_int_equal(fact.epoch, 7);
    assert_int_equal(fact.source, REAUTH_SOURCE_POLLER);
    assert_int_equal(fact.live, !reauth_state_is_active(state));

    return fact.state;
}


static reauth_state_t
follows_of_none(reauth_state_t state, int64_t age_ms)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    record_of(&record, state, age_ms);

    return reauth_list_fact(&record, NULL, NOW_MS, NOW_MS, &fact) ? fact.state
                                                          : REAUTH_STATE_NONE;
}


static void
test_attempt_in_progress_becomes_running(void **state)
{
    (void) state;

    assert_int_equal(follows(REAUTH_STATE_UNKNOWN, 1000, 0, 1),
                     REAUTH_STATE_RUNNING);
    assert_int_equal(follows(REAUTH_STATE_UNKNOWN, 1000, 1, 1),
                     REAUTH_STATE_RUNNING);
    assert_int_equal(follows(REAUTH_STATE_RUNNING, 100000, 1, 1),
                     REAUTH_STATE_RUNNING);
    assert_int_equal(follows(REAUTH_STATE_SUCCEEDED, 100000, 1, 1),
                     REAUTH_STATE_RUNNING);

    /* that a person must act is known already */

    assert_int_equal(follows(REAUTH_STATE_NEEDS_OTP, 1000, 0, 1),
                     REAUTH_STATE_NONE);
    assert_int_equal(follows(REAUTH_STATE_NEEDS_PERSON, 1000, 0, 1),
                     REAUTH_STATE_NONE);
}


static void
test_no_attempt_in_progress_is_an_end(void **state)
{
    (void) state;

    assert_int_equal(follows(REAUTH_STATE_RUNNING, 1000, 1, 0),
                     REAUTH_STATE_SUCCEEDED);
    assert_int_equal(follows(REAUTH_STATE_RUNNING, 1000, 0, 0),
                     REAUTH_STATE_FAILED);
    assert_int_equal(follows(REAUTH_STATE_NEEDS_OTP, 1000, 1, 0),
                     REAUTH_STATE_SUCCEEDED);

    /* one that may not have begun yet is given a minute */

    assert_int_equal(follows(REAUTH_STATE_UNKNOWN, 59999, 1, 0),
                     REAUTH_STATE_NONE);
    assert_int_equal(follows(REAUTH_STATE_UNKNOWN, 60000, 1, 0),
                     REAUTH_STATE_SUCCEEDED);
    assert_int_equal(follows(REAUTH_STATE_UNKNOWN, 60000, 0, 0),
                     REAUTH_STATE_FAILED);

    /* neither true nor false */

    assert_int_equal(follows(REAUTH_STATE_RUNNING, 100000, 2, 0),
                     REAUTH_STATE_NONE);

    /* what has ended stays so */

    assert_int_equal(follows(REAUTH_STATE_FAILED, 100000, 1, 0),
                     REAUTH_STATE_NONE);
    assert_int_equal(follows(REAUTH_STATE_NONE, 100000, 0, 0),
                     REAUTH_STATE_NONE);
}


static void
test_account_missing_in_list(void **state)
{
    (void) state;

    assert_int_equal(follows_of_none(REAUTH_STATE_UNKNOWN, 59999),
                     REAUTH_STATE_NONE);
    assert_int_equal(follows_of_none(REAUTH_STATE_RUNNING, 59999),
                     REAUTH_STATE_NONE);
    assert_int_equal(follows_of_none(REAUTH_STATE_UNKNOWN, 60000),
                     REAUTH_STATE_FAILED);
    assert_int_equal(follows_of_none(REAUTH_STATE_RUNNING, 60000),
                     REAUTH_STATE_FAILED);
    assert_int_equal(follows_of_none(REAUTH_STATE_SUCCEEDED, 100000),
                     REAUTH_STATE_NONE);
}


/* a sweep settles idle accounts that have not changed recently */

static void
test_sweep(void **state)
{
    size_t                    i;
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_account_status_t   status;

    static const struct {
        const char       *row;
        const char       *account;
        reauth_state_t    state;
        int64_t           age_ms;            /* of the last change */
        int               authenticated;     /* -1: an unknown value */
        int               in_progress;
        reauth_state_t    result;            /* NONE: no fact */
    } rows[] = {

        { "lost its session", "acct_1", REAUTH_STATE_SUCCEEDED, 10000, 0, 0,
          REAUTH_STATE_FAILED },
        { "is not known", "acct_1", REAUTH_STATE_NONE, 0, 0, 0,
          REAUTH_STATE_FAILED },
        { "was rejected", "acct_1", REAUTH_STATE_REJECTED, 10000, 0, 0,
          REAUTH_STATE_FAILED },
        { "was mended", "acct_1", REAUTH_STATE_FAILED, 10000, 1, 0,
          REAUTH_STATE_SUCCEEDED },
        { "of Fansly", "fansly_acct_1", REAUTH_STATE_SUCCEEDED, 10000, 0, 0,
          REAUTH_STATE_FAILED },

        { "has changed shortly before", "acct_1", REAUTH_STATE_SUCCEEDED,
          9999, 0, 0, REAUTH_STATE_NONE },
        { "has changed since", "acct_1", REAUTH_STATE_SUCCEEDED, -1, 0, 0,
          REAUTH_STATE_NONE },
        { "failed shortly before", "acct_1", REAUTH_STATE_FAILED, 9999, 1, 0,
          REAUTH_STATE_NONE },

        { "is known to have failed", "acct_1", REAUTH_STATE_FAILED, 10000, 0,
          0, REAUTH_STATE_NONE },
        { "is known to be logged in", "acct_1", REAUTH_STATE_SUCCEEDED, 10000,
          1, 0, REAUTH_STATE_NONE },
        { "is logged in, not known", "acct_1", REAUTH_STATE_NONE, 0, 1, 0,
          REAUTH_STATE_NONE },
        { "logs in", "acct_1", REAUTH_STATE_SUCCEEDED, 10000, 0, 1,
          REAUTH_STATE_NONE },
        { "logs in again", "acct_1", REAUTH_STATE_FAILED, 10000, 1, 1,
          REAUTH_STATE_NONE },
        { "an unknown value", "acct_1", REAUTH_STATE_SUCCEEDED, 10000, -1, 0,
          REAUTH_STATE_NONE },
        { "the same of a failed one", "acct_1", REAUTH_STATE_FAILED, 10000, -1,
          0, REAUTH_STATE_NONE },
        { "an attempt is active", "acct_1", REAUTH_STATE_RUNNING, 10000, 0, 0,
          REAUTH_STATE_NONE },
        { "a person is needed", "acct_1", REAUTH_STATE_NEEDS_OTP, 10000, 0, 0,
          REAUTH_STATE_NONE },
        { "has expired", "acct_1", REAUTH_STATE_EXPIRED, 10000, 0, 0,
          REAUTH_STATE_NONE },
        { "was forgotten", "acct_1", REAUTH_STATE_FORGOTTEN, 10000, 0, 0,
          REAUTH_STATE_NONE },
        { "of Fanvue", "fanvue_acct_1", REAUTH_STATE_SUCCEEDED, 10000, 0, 0,
          REAUTH_STATE_NONE },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        record_of(&record, rows[i].state, 20000);
        memcpy(record.account, rows[i].account, strlen(rows[i].account) + 1);
        record.updated_ms = NOW_MS - rows[i].age_ms;

        memset(&status, 0, sizeof(reauth_account_status_t));

        status.found = 1;
        status.authenticated = rows[i].authenticated == 1;
        status.not_authenticated = rows[i].authenticated == 0;
        status.in_progress = rows[i].in_progress != 0;

        memset(&fact, 0, sizeof(reauth_fact_t));

        (void) reauth_list_sweep(&record, &status, NOW_MS, NOW_MS + 5, &fact);

        if (fact.state != rows[i].result) {
            fail_msg("%s: %d", rows[i].row, (int) fact.state);
        }

        if (fact.state != REAUTH_STATE_NONE) {
            assert_int_equal(fact.source, REAUTH_SOURCE_SWEEP);
            assert_int_equal(fact.epoch, 7);
            assert_int_equal(fact.live, 1);
            assert_int_equal(fact.now_ms, NOW_MS + 5);
            assert_int_equal(fact.action,
                             fact.state == REAUTH_STATE_FAILED
                             ? REAUTH_ACTION_CREDENTIALS
                             : REAUTH_ACTION_NONE);
        }
    }
}


/* two gateways read lists: the earlier one may arrive later */

static void
test_list_requested_before_the_login_was_seen(void **state)
{
    reauth_fact_t            fact;
    reauth_record_t          record;
    reauth_account_status_t  status;

    (void) state;

    record_of(&record, REAUTH_STATE_RUNNING, 600000);
    record.stepped_ms = NOW_MS - 1000;

    memset(&status, 0, sizeof(reauth_account_status_t));

    status.found = 1;
    status.authenticated = 1;

    assert_false(reauth_list_fact(&record, &status, NOW_MS - 1001, NOW_MS,
                                  &fact));
    assert_false(reauth_list_fact(&record, NULL, NOW_MS - 1001, NOW_MS,
                                  &fact));

    assert_true(reauth_list_fact(&record, &status, NOW_MS - 1000, NOW_MS,
                                 &fact));
    assert_int_equal(fact.state, REAUTH_STATE_SUCCEEDED);

    /* that it is in progress is not an end */

    status.authenticated = 0;
    status.in_progress = 1;

    assert_true(reauth_list_fact(&record, &status, NOW_MS - 1001, NOW_MS,
                                 &fact));
    assert_int_equal(fact.state, REAUTH_STATE_RUNNING);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_attempt_in_progress_becomes_running),
        cmocka_unit_test(test_no_attempt_in_progress_is_an_end),
        cmocka_unit_test(test_account_missing_in_list),
        cmocka_unit_test(test_list_requested_before_the_login_was_seen),
        cmocka_unit_test(test_sweep)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
