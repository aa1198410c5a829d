
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What polls that say nothing of an attempt leave in its record.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_attempt.h"
#include "reauth_list.h"
#include "reauth_backoff.h"
#include "reauth_record.h"

#include "apply.h"


#define NOW_MS    1763985600000LL    /* 2025-11-24T12:00:00Z */


static void
running(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));
    memcpy(record->account, "acct_1", sizeof("acct_1"));
    memcpy(record->attempt, "auth_1", sizeof("auth_1"));

    record->epoch = 7;
    record->state = REAUTH_STATE_RUNNING;
    record->source = REAUTH_SOURCE_UPDATE;
    record->since_ms = NOW_MS - 60000;
    record->updated_ms = NOW_MS - 30000;
    record->deadline_ms = NOW_MS + 900000;
}


static reauth_advance_result_t
failed(reauth_record_t *record, uint64_t epoch, reauth_poll_error_t error,
    unsigned status, int64_t now_ms)
{
    reauth_fact_t  fact;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = now_ms;
    fact.epoch = epoch;
    fact.source = REAUTH_SOURCE_POLLER;
    fact.polled = 1;
    fact.poll_error = error;
    fact.poll_status = status;

    return apply(record, &fact);
}


static reauth_advance_result_t
answered(reauth_record_t *record, const reauth_record_t *asked,
    reauth_state_t state, int64_t now_ms)
{
    reauth_fact_t  fact;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = now_ms;
    fact.attempt = reauth_string_from("auth_1");
    fact.source = REAUTH_SOURCE_POLLER;
    fact.state = state;
    fact.step = state == REAUTH_STATE_RUNNING;
    fact.polled = 1;
    fact.poll_status = 200;
    reauth_fact_asked(&fact, asked, now_ms);

    return apply(record, &fact);
}


static void
last_poll_is(const reauth_record_t *record, int64_t at_ms, unsigned status,
    reauth_poll_error_t error)
{
    assert_int_equal(record->polled_ms, at_ms);
    assert_int_equal(record->poll_status, status);
    assert_int_equal(record->poll_error, error);
}


static void
test_same_error_is_stored_once_and_wakes_nobody(void **state)
{
    reauth_record_t  record, before;

    (void) state;

    running(&record);
    before = record;

    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS),
                     REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS, 500, REAUTH_POLL_ERROR_HTTP);

    assert_true(reauth_attempt_same(&before, &record));
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_int_equal(record.source, REAUTH_SOURCE_UPDATE);

    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500,
                            NOW_MS + 1000),
                     REAUTH_ADVANCE_SAME);
    last_poll_is(&record, NOW_MS, 500, REAUTH_POLL_ERROR_HTTP);

    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 502,
                            NOW_MS + 2000),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_TIMEOUT, 0,
                            NOW_MS + 3000),
                     REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS + 3000, 0, REAUTH_POLL_ERROR_TIMEOUT);
}


static void
test_healthy_login_stores_no_poll(void **state)
{
    reauth_record_t  record, asked;

    (void) state;

    running(&record);
    asked = record;

    (void) answered(&record, &asked, REAUTH_STATE_RUNNING, NOW_MS);

    assert_int_equal(answered(&record, &asked, REAUTH_STATE_RUNNING,
                              NOW_MS + 1000),
                     REAUTH_ADVANCE_SAME);
    last_poll_is(&record, 0, 0, REAUTH_POLL_ERROR_NONE);
}


static void
test_next_good_poll_removes_error(void **state)
{
    reauth_record_t  record, asked, before;

    (void) state;

    running(&record);
    asked = record;

    (void) answered(&record, &asked, REAUTH_STATE_RUNNING, NOW_MS);
    (void) failed(&record, 7, REAUTH_POLL_ERROR_UNREADABLE, 200, NOW_MS + 1);
    before = record;

    assert_int_equal(answered(&record, &asked, REAUTH_STATE_RUNNING,
                              NOW_MS + 2),
                     REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS + 2, 200, REAUTH_POLL_ERROR_NONE);
    assert_true(reauth_attempt_same(&before, &record));

    assert_int_equal(answered(&record, &asked, REAUTH_STATE_RUNNING,
                              NOW_MS + 3),
                     REAUTH_ADVANCE_SAME);
    last_poll_is(&record, NOW_MS + 2, 200, REAUTH_POLL_ERROR_NONE);
}


/* one whose end is not believed was read all the same; one that ends it, too */

static void
test_response_with_end_removes_error(void **state)
{
    reauth_record_t  record, asked;

    (void) state;

    running(&record);
    record.accepted_ms = NOW_MS;
    asked = record;

    (void) failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS + 1);

    assert_int_equal(answered(&record, &asked, REAUTH_STATE_SUCCEEDED,
                              NOW_MS + 2),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    last_poll_is(&record, NOW_MS + 2, 200, REAUTH_POLL_ERROR_NONE);

    (void) failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS + 3);

    assert_int_equal(answered(&record, &asked, REAUTH_STATE_SUCCEEDED,
                              NOW_MS + 20000),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);
    last_poll_is(&record, NOW_MS + 20000, 200, REAUTH_POLL_ERROR_NONE);
}


static void
test_error_is_kept_after_deadline_until_next_attempt(void **state)
{
    reauth_fact_t    fact;
    reauth_begin_t   begin;
    reauth_record_t  record, next;

    (void) state;

    running(&record);

    (void) failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS);

    assert_true(reauth_attempt_overdue(&record, NOW_MS + 900000, &fact));
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);

    assert_int_equal(record.state, REAUTH_STATE_EXPIRED);
    last_poll_is(&record, NOW_MS, 500, REAUTH_POLL_ERROR_HTTP);

    memset(&begin, 0, sizeof(reauth_begin_t));

    begin.now_ms = NOW_MS + 900001;
    begin.gate_max_ms = 900000;
    begin.epoch = 8;
    begin.account = reauth_string_from("acct_1");

    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_STARTED);
    last_poll_is(&next, 0, 0, REAUTH_POLL_ERROR_NONE);
}


static void
test_error_of_another_attempt_is_ignored(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record, asked;

    (void) state;

    running(&record);

    assert_int_equal(failed(&record, 6, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS),
                     REAUTH_ADVANCE_SAME);

    record.state = REAUTH_STATE_SUCCEEDED;

    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS),
                     REAUTH_ADVANCE_SAME);

    record.state = REAUTH_STATE_STARTING;

    assert_int_equal(failed(&record, 7, REAUTH_POLL_ERROR_HTTP, 500, NOW_MS),
                     REAUTH_ADVANCE_SAME);

    running(&record);
    asked = record;
    asked.state = REAUTH_STATE_STARTING;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = NOW_MS;
    fact.polled = 1;
    fact.poll_error = REAUTH_POLL_ERROR_UNREADABLE;
    fact.poll_status = 200;
    reauth_fact_asked(&fact, &asked, NOW_MS);

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_SAME);

    /* whose it was is not known */

    reauth_fact_asked(&fact, NULL, NOW_MS);

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_SAME);

    asked.state = REAUTH_STATE_RUNNING;
    reauth_fact_asked(&fact, &asked, NOW_MS);

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS, 200, REAUTH_POLL_ERROR_UNREADABLE);
}


static void
test_not_found_is_stored_as_error(void **state)
{
    int              i;
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    running(&record);

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = NOW_MS;
    fact.epoch = 7;
    fact.lost = 1;
    fact.polled = 1;
    fact.poll_error = REAUTH_POLL_ERROR_NOT_FOUND;
    fact.poll_status = 404;

    for (i = 0; i < REAUTH_LOST_MAX; i++) {
        assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    }

    assert_int_equal(record.state, REAUTH_STATE_UNKNOWN);
    last_poll_is(&record, NOW_MS, 404, REAUTH_POLL_ERROR_NOT_FOUND);
}


static void
test_list_of_accounts_is_stored_as_poll(void **state)
{
    reauth_fact_t            fact;
    reauth_record_t          record;
    reauth_account_status_t  status;

    (void) state;

    running(&record);
    record.attempt[0] = '\0';
    record.state = REAUTH_STATE_UNKNOWN;
    record.since_ms = NOW_MS - 1000;

    assert_false(reauth_list_fact(&record, NULL, NOW_MS, NOW_MS, &fact));
    assert_true(reauth_list_tell(&record, NULL, &fact));
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS, 200, REAUTH_POLL_ERROR_NOT_LISTED);
    assert_int_equal(record.state, REAUTH_STATE_UNKNOWN);

    assert_false(reauth_list_fact(&record, NULL, NOW_MS, NOW_MS, &fact));
    assert_false(reauth_list_tell(&record, NULL, &fact));

    memset(&status, 0, sizeof(reauth_account_status_t));
    status.found = 1;

    assert_false(reauth_list_fact(&record, &status, NOW_MS, NOW_MS + 1,
                                  &fact));
    assert_true(reauth_list_tell(&record, &status, &fact));
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    last_poll_is(&record, NOW_MS + 1, 200, REAUTH_POLL_ERROR_NONE);

    assert_false(reauth_list_tell(&record, &status, &fact));

    /* the end that follows from it keeps what it follows from */

    assert_false(reauth_list_fact(&record, NULL, NOW_MS, NOW_MS + 2, &fact));
    assert_true(reauth_list_tell(&record, NULL, &fact));
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);

    assert_true(reauth_list_fact(&record, NULL, NOW_MS + 600000,
                                 NOW_MS + 600000, &fact));
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_FAILED);
    last_poll_is(&record, NOW_MS + 2, 200, REAUTH_POLL_ERROR_NOT_LISTED);

    record.state = REAUTH_STATE_SUCCEEDED;

    assert_false(reauth_list_fact(&record, NULL, NOW_MS, NOW_MS, &fact));
    assert_false(reauth_list_tell(&record, NULL, &fact));
}


static void
test_every_response_has_a_name(void **state)
{
    (void) state;

    assert_int_equal(reauth_backoff_error(REAUTH_POLL_ANSWERED, 200),
                     REAUTH_POLL_ERROR_NONE);
    assert_int_equal(reauth_backoff_error(REAUTH_POLL_LIMITED, 503),
                     REAUTH_POLL_ERROR_LIMITED);
    assert_int_equal(reauth_backoff_error(REAUTH_POLL_REFUSED, 401),
                     REAUTH_POLL_ERROR_KEY_REFUSED);
    assert_int_equal(reauth_backoff_error(REAUTH_POLL_LOST, 404),
                     REAUTH_POLL_ERROR_NOT_FOUND);
    assert_int_equal(reauth_backoff_error(REAUTH_POLL_LOST, 401),
                     REAUTH_POLL_ERROR_HTTP);
    assert_int_equal(reauth_backoff_error(REAUTH_POLL_FAILED, 500),
                     REAUTH_POLL_ERROR_HTTP);
}


static void
test_error_is_kept_in_redis(void **state)
{
    size_t           event;
    int              error;
    unsigned char    text[REAUTH_RECORD_TEXT_MAX];
    reauth_record_t  record, back;
    reauth_string_t  s;

    (void) state;

    for (error = 0; error < REAUTH_POLL_ERROR_LAST; error++) {
        running(&record);

        record.polled_ms = NOW_MS;
        record.poll_status = 65535;
        record.poll_error = (uint8_t) error;

        s.data = text;
        s.len = reauth_record_encode(&record, text, &event);

        memset(&back, 0, sizeof(reauth_record_t));

        assert_int_equal(reauth_record_decode(&s, &back), 0);
        assert_memory_equal(&back, &record, sizeof(reauth_record_t));
    }

    /* of a version that knows more of them */

    memset(&back, 0, sizeof(reauth_record_t));
    s = reauth_string_from("poll_error ANOTHER\n");

    assert_int_equal(reauth_record_decode(&s, &back), 0);
    assert_int_equal(back.poll_error, REAUTH_POLL_ERROR_HTTP);

    s = reauth_string_from("poll_status 65536\n");

    assert_int_equal(reauth_record_decode(&s, &back), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same_error_is_stored_once_and_wakes_nobody),
        cmocka_unit_test(test_healthy_login_stores_no_poll),
        cmocka_unit_test(test_next_good_poll_removes_error),
        cmocka_unit_test(test_response_with_end_removes_error),
        cmocka_unit_test(test_error_is_kept_after_deadline_until_next_attempt),
        cmocka_unit_test(test_error_of_another_attempt_is_ignored),
        cmocka_unit_test(test_not_found_is_stored_as_error),
        cmocka_unit_test(test_list_of_accounts_is_stored_as_poll),
        cmocka_unit_test(test_every_response_has_a_name),
        cmocka_unit_test(test_error_is_kept_in_redis)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
