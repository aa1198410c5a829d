
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Attempts that the upstream does not know, and accounts that do not exist.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_attempt.h"
#include "reauth_record.h"


#define NOW_MS    1763985600000LL    /* 2025-11-24T12:00:00Z */


static const uint8_t  print[REAUTH_FINGERPRINT_LEN] = { 1, 2, 3 };


static void
begin(reauth_record_t *record, int64_t now_ms)
{
    reauth_begin_t   begin;
    reauth_record_t  next;

    memset(&begin, 0, sizeof(reauth_begin_t));

    begin.now_ms = now_ms;
    begin.gate_max_ms = 900000;
    begin.epoch = reauth_epoch_next(record->epoch, now_ms);
    begin.source = REAUTH_SOURCE_UPDATE;
    begin.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    begin.account = reauth_string_from("acct_1");
    begin.fingerprint = print;

    assert_int_equal(reauth_attempt_begin(record, &begin, &next),
                     REAUTH_BEGIN_STARTED);

    *record = next;
}


static void
settle(reauth_record_t *record, reauth_state_t state, int64_t now_ms)
{
    reauth_fact_t    fact;
    reauth_record_t  next;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = now_ms;
    fact.epoch = record->epoch;
    fact.source = REAUTH_SOURCE_UPDATE;
    fact.state = state;

    if (state == REAUTH_STATE_RUNNING) {
        fact.attempt = reauth_string_from("auth_1");
    }

    assert_int_equal(reauth_attempt_advance(record, &fact, &next),
                     REAUTH_ADVANCE_APPLIED);

    *record = next;
}


static reauth_advance_result_t
lose(reauth_record_t *record, uint64_t epoch, int64_t now_ms)
{
    reauth_fact_t            fact;
    reauth_record_t          next;
    reauth_advance_result_t  rc;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = now_ms;
    fact.epoch = epoch;
    fact.lost = 1;
    fact.source = REAUTH_SOURCE_POLLER;

    rc = reauth_attempt_advance(record, &fact, &next);

    if (rc == REAUTH_ADVANCE_APPLIED) {
        *record = next;
    }

    return rc;
}


static reauth_advance_result_t
poll(reauth_record_t *record, const char *attempt, reauth_state_t state,
    int64_t now_ms)
{
    reauth_fact_t            fact;
    reauth_record_t          next;
    reauth_advance_result_t  rc;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = now_ms;
    fact.source = REAUTH_SOURCE_POLLER;
    fact.state = state;

    if (attempt != NULL) {
        fact.attempt = reauth_string_from(attempt);

    } else {
        fact.epoch = record->epoch;
    }

    rc = reauth_attempt_advance(record, &fact, &next);

    if (rc == REAUTH_ADVANCE_APPLIED) {
        *record = next;
    }

    return rc;
}


static void
running(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));
    memcpy(record->account, "acct_1", sizeof("acct_1"));

    begin(record, NOW_MS);
    settle(record, REAUTH_STATE_RUNNING, NOW_MS + 1000);
}


static void
test_three_not_found_in_a_row_make_attempt_unknown(void **state)
{
    reauth_record_t  record, before;

    (void) state;

    running(&record);
    before = record;

    assert_int_equal(lose(&record, record.epoch, NOW_MS + 2000),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(lose(&record, record.epoch, NOW_MS + 3000),
                     REAUTH_ADVANCE_APPLIED);

    /* counted, and nothing else: nobody that waits for a change is woken */

    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_int_equal(record.lost, 2);
    assert_int_equal(record.updated_ms, before.updated_ms);
    assert_int_equal(record.source, before.source);
    assert_true(reauth_attempt_same(&record, &before));

    assert_int_equal(lose(&record, record.epoch, NOW_MS + 4000),
                     REAUTH_ADVANCE_APPLIED);

    assert_int_equal(record.state, REAUTH_STATE_UNKNOWN);
    assert_int_equal(record.lost, REAUTH_LOST_MAX);
    assert_int_equal(record.updated_ms, NOW_MS + 4000);
    assert_int_equal(record.source, REAUTH_SOURCE_POLLER);
    assert_string_equal(record.error_code, "NOT_FOUND");
    assert_string_equal(record.attempt, "auth_1");
    assert_int_equal(record.deadline_ms, before.deadline_ms);

    assert_int_equal(lose(&record, record.epoch, NOW_MS + 5000),
                     REAUTH_ADVANCE_SAME);
}


static void
test_response_in_between_restarts_count(void **state)
{
    reauth_record_t  record;

    (void) state;

    running(&record);

    lose(&record, record.epoch, NOW_MS + 2000);
    lose(&record, record.epoch, NOW_MS + 3000);
    poll(&record, "auth_1", REAUTH_STATE_RUNNING, NOW_MS + 4000);
    assert_int_equal(record.lost, 0);

    lose(&record, record.epoch, NOW_MS + 5000);
    lose(&record, record.epoch, NOW_MS + 6000);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
}


static void
test_list_decides_after_three_not_found(void **state)
{
    reauth_record_t  record;

    (void) state;

    running(&record);

    lose(&record, record.epoch, NOW_MS + 2000);
    lose(&record, record.epoch, NOW_MS + 3000);
    lose(&record, record.epoch, NOW_MS + 4000);

    /* it says nothing of the attempt's own resource */

    poll(&record, NULL, REAUTH_STATE_RUNNING, NOW_MS + 5000);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_int_equal(record.lost, REAUTH_LOST_MAX);

    /* a client's poll does, should it be there again */

    poll(&record, "auth_1", REAUTH_STATE_NEEDS_OTP, NOW_MS + 6000);
    assert_int_equal(record.state, REAUTH_STATE_NEEDS_OTP);
    assert_int_equal(record.lost, 0);

    poll(&record, NULL, REAUTH_STATE_SUCCEEDED, NOW_MS + 7000);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);
}


static void
test_not_found_of_another_attempt_is_ignored(void **state)
{
    uint64_t         epoch;
    reauth_record_t  record;

    (void) state;

    running(&record);
    epoch = record.epoch;

    assert_int_equal(lose(&record, epoch - 1, NOW_MS + 2000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(lose(&record, 0, NOW_MS + 2000), REAUTH_ADVANCE_STALE);

    lose(&record, epoch, NOW_MS + 2000);
    lose(&record, epoch, NOW_MS + 3000);

    /* the next update counts its own */

    memset(record.fingerprint, 9, REAUTH_FINGERPRINT_LEN);
    begin(&record, NOW_MS + 4000);
    assert_int_equal(record.lost, 0);

    assert_int_equal(lose(&record, epoch, NOW_MS + 5000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(lose(&record, record.epoch, NOW_MS + 5000),
                     REAUTH_ADVANCE_SAME);
    assert_int_equal(record.state, REAUTH_STATE_STARTING);

    settle(&record, REAUTH_STATE_FAILED, NOW_MS + 6000);
    assert_int_equal(lose(&record, record.epoch, NOW_MS + 7000),
                     REAUTH_ADVANCE_ENDED);
    assert_int_equal(record.state, REAUTH_STATE_FAILED);
}


static void
test_rejected_update_of_new_account_is_brief(void **state)
{
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(reauth_record_t));
    memcpy(record.account, "acct_1", sizeof("acct_1"));

    begin(&record, NOW_MS);
    assert_int_equal(reauth_attempt_ttl_ms(&record), REAUTH_TTL_MS);

    /* in Redis, an active one is kept until its deadline, too */

    assert_int_equal(reauth_attempt_lifetime_ms(&record),
                     REAUTH_TTL_MS + record.deadline_ms - NOW_MS);

    settle(&record, REAUTH_STATE_REJECTED, NOW_MS + 100);
    assert_int_equal(record.state, REAUTH_STATE_REJECTED);
    assert_int_equal(reauth_attempt_ttl_ms(&record), REAUTH_TTL_BRIEF_MS);
    assert_int_equal(reauth_attempt_lifetime_ms(&record), REAUTH_TTL_BRIEF_MS);

    /* tried again, refused again */

    begin(&record, NOW_MS + 1000);
    settle(&record, REAUTH_STATE_REJECTED, NOW_MS + 1100);
    assert_int_equal(reauth_attempt_ttl_ms(&record), REAUTH_TTL_BRIEF_MS);

    /* accepted: the account exists, whatever is refused later */

    begin(&record, NOW_MS + 2000);
    settle(&record, REAUTH_STATE_RUNNING, NOW_MS + 2100);
    settle(&record, REAUTH_STATE_FAILED, NOW_MS + 3000);
    assert_int_equal(reauth_attempt_ttl_ms(&record), REAUTH_TTL_MS);

    begin(&record, NOW_MS + 4000);
    settle(&record, REAUTH_STATE_REJECTED, NOW_MS + 4100);
    assert_int_equal(record.state, REAUTH_STATE_REJECTED);
    assert_int_equal(reauth_attempt_ttl_ms(&record), REAUTH_TTL_MS);
}


static void
test_count_and_brief_are_kept_in_redis(void **state)
{
    size_t           event;
    reauth_record_t  record, read;
    unsigned char    text[REAUTH_RECORD_TEXT_MAX];
    reauth_string_t  s;

    (void) state;

    running(&record);
    record.lost = 2;
    record.fresh = 1;

    s.data = text;
    s.len = reauth_record_encode(&record, text, &event);

    memset(&read, 0, sizeof(reauth_record_t));
    assert_int_equal(reauth_record_decode(&s, &read), 0);
    assert_int_equal(read.lost, 2);
    assert_int_equal(read.fresh, 1);

    s = reauth_string_from("revision 1\nlost 256\n");
    assert_int_equal(reauth_record_decode(&s, &read), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_three_not_found_in_a_row_make_attempt_unknown),
        cmocka_unit_test(test_response_in_between_restarts_count),
        cmocka_unit_test(test_list_decides_after_three_not_found),
        cmocka_unit_test(test_not_found_of_another_attempt_is_ignored),
        cmocka_unit_test(test_rejected_update_of_new_account_is_brief),
        cmocka_unit_test(test_count_and_brief_are_kept_in_redis)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
