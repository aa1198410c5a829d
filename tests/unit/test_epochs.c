
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Polls are about the epoch in which they were asked, and an end that was
 * polled is that of this login.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_attempt.h"


#define NOW       1763985600000LL
#define GATE_MAX  900000
#define US        1000LL


static reauth_record_t  asked;
static const char      *attempt;


static void
begin_at(reauth_record_t *record, int64_t now_ms)
{
    reauth_begin_t   begin;
    reauth_record_t  next;

    static const uint8_t  fingerprint[REAUTH_FINGERPRINT_LEN] = { 1 };

    memset(&begin, 0, sizeof(begin));

    begin.now_ms = now_ms;
    begin.gate_max_ms = GATE_MAX;
    begin.epoch = reauth_epoch_next(0, now_ms);
    begin.source = REAUTH_SOURCE_UPDATE;
    begin.account = reauth_string_from("acct_1");
    begin.fingerprint = fingerprint;
    begin.resend = 1;

    assert_int_equal(reauth_attempt_begin(record, &begin, &next),
                     REAUTH_BEGIN_STARTED);
    *record = next;
}


static reauth_advance_result_t
apply(reauth_record_t *record, const reauth_fact_t *fact)
{
    reauth_record_t          next;
    reauth_advance_result_t  rc;

    rc = reauth_attempt_advance(record, fact, &next);

    if (rc == REAUTH_ADVANCE_APPLIED) {
        *record = next;
    }

    return rc;
}


static void
settle_at(reauth_record_t *record, reauth_state_t state, int64_t now_ms)
{
    reauth_fact_t  fact;

    memset(&fact, 0, sizeof(fact));

    fact.now_ms = now_ms;
    fact.gate_max_ms = GATE_MAX;
    fact.epoch = record->epoch;
    fact.source = REAUTH_SOURCE_UPDATE;
    fact.state = state;
    fact.attempt = reauth_string_from(attempt);

    assert_int_equal(apply(record, &fact), REAUTH_ADVANCE_APPLIED);
}


/* accepted 100 ms after NOW */

static void
accepted(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));
    strcpy(record->account, "acct_1");

    begin_at(record, NOW);
    settle_at(record, REAUTH_STATE_RUNNING, NOW + 100);
    asked = *record;
}


/* asked when the record was "asked", answered at once */

static void
poll_of(reauth_fact_t *fact, reauth_state_t state, int64_t started_us,
    int64_t now_ms)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->gate_max_ms = GATE_MAX;
    fact->new_epoch = reauth_epoch_next(0, now_ms);
    fact->state = state;
    fact->source = REAUTH_SOURCE_POLL;
    fact->attempt = reauth_string_from(attempt);
    fact->started_us = started_us;

    reauth_fact_asked(fact, &asked, now_ms);
}


static reauth_advance_result_t
poll(reauth_record_t *record, reauth_state_t state, int64_t started_us,
    int64_t now_ms)
{
    reauth_fact_t  fact;

    poll_of(&fact, state, started_us, now_ms);

    return apply(record, &fact);
}


static reauth_advance_result_t
step(reauth_record_t *record, int64_t started_us, int64_t now_ms)
{
    reauth_fact_t  fact;

    poll_of(&fact, REAUTH_STATE_RUNNING, started_us, now_ms);
    fact.step = 1;

    return apply(record, &fact);
}


static void
test_asked_before(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    /* of Fansly: the same name for every attempt */

    attempt = "fansly_acct_1";

    accepted(&record);
    assert_int_equal(step(&record, 0, NOW + 1000), REAUTH_ADVANCE_APPLIED);
    asked = record;

    begin_at(&record, NOW + 2000);

    /* while it is sent, too: a rejection would fall back to it */

    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, 0, NOW + 2050),
                     REAUTH_ADVANCE_STALE);

    settle_at(&record, REAUTH_STATE_RUNNING, NOW + 2100);

    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, 0, NOW + 60000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(poll(&record, REAUTH_STATE_NEEDS_OTP, 0, NOW + 60000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);

    /* as does a code */

    poll_of(&fact, REAUTH_STATE_RUNNING, 0, NOW + 60000);
    fact.source = REAUTH_SOURCE_SUBMIT_2FA;
    fact.step = 1;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);
    assert_true(record.stepped_ms == 0);

    /* nothing was known of the account */

    memset(&asked, 0, sizeof(asked));
    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, 0, NOW + 60000),
                     REAUTH_ADVANCE_STALE);

    /* asked since then */

    asked = record;
    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, 0, NOW + 60000),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);
}


static void
test_asked_while_sending(void **state)
{
    reauth_record_t  record;

    (void) state;

    attempt = "fansly_acct_1";

    memset(&record, 0, sizeof(record));
    strcpy(record.account, "acct_1");

    begin_at(&record, NOW);
    asked = record;
    settle_at(&record, REAUTH_STATE_RUNNING, NOW + 100);

    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, 0, NOW + 60000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(step(&record, 0, NOW + 60000), REAUTH_ADVANCE_STALE);
    assert_true(record.stepped_ms == 0);
}


/* whose attempt it is was not known: the name of the attempt decides */

static void
test_asked_unknown(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    attempt = "auth_1";

    accepted(&record);
    poll_of(&fact, REAUTH_STATE_RUNNING, NOW * US, NOW + 1000);
    reauth_fact_asked(&fact, NULL, NOW + 1000);
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);

    fact.state = REAUTH_STATE_SUCCEEDED;
    fact.started_us = NOW * US - 1;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);

    fact.started_us = NOW * US;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
}


static void
test_first_poll(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        int64_t  started_us;
        int64_t  asked_ms;
        int      ends;
    } cases[] = {
        /* nothing shows that it is about this login */
        { 0, NOW + 200, 0 },
        { 0, NOW + 10099, 0 },
        { 0, NOW + 10100, 1 },

        /* it is */
        { (NOW + 50) * US, NOW + 200, 1 },
        { (NOW - 2000) * US, NOW + 200, 1 },

        /* the clocks may differ */
        { (NOW - 2001) * US, NOW + 200, 0 },
        { (NOW - 300000) * US, NOW + 10099, 0 },
        { (NOW - 300000) * US, NOW + 10100, 1 },

        /* of the session before, however long that is said */
        { (NOW - 300001) * US, NOW + 10100, 0 },
        { (NOW - 300001) * US, NOW + 800000, 0 },
    };

    static const reauth_state_t  ends[] = {
        REAUTH_STATE_SUCCEEDED, REAUTH_STATE_FAILED
    };

    (void) state;

    attempt = "auth_1";

    for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        accepted(&record);

        if (poll(&record, ends[i % 2], cases[i / 2].started_us,
                 cases[i / 2].asked_ms)
            != (cases[i / 2].ends ? REAUTH_ADVANCE_APPLIED
                                  : REAUTH_ADVANCE_STALE))
        {
            fail_msg("case %zu", i / 2);
        }

        assert_int_equal(record.state, cases[i / 2].ends
                                       ? ends[i % 2] : REAUTH_STATE_RUNNING);
    }

    /* what waits for a person or runs needs no proof */

    accepted(&record);
    assert_int_equal(poll(&record, REAUTH_STATE_NEEDS_OTP, 0, NOW + 200),
                     REAUTH_ADVANCE_APPLIED);
}


/* an earlier attempt is known: the clocks have no say */

static void
test_known_before(void **state)
{
    reauth_record_t  record;

    (void) state;

    attempt = "auth_1";

    accepted(&record);
    assert_int_equal(step(&record, NOW * US, NOW + 200),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, NOW * US,
                          NOW + 400), REAUTH_ADVANCE_APPLIED);

    attempt = "auth_2";

    begin_at(&record, NOW + 1000);
    assert_true(record.before_us == NOW * US);
    settle_at(&record, REAUTH_STATE_RUNNING, NOW + 1100);
    asked = record;

    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, NOW * US,
                          NOW + 20000), REAUTH_ADVANCE_STALE);

    /* the next one keeps it, though it had no time of its own */

    begin_at(&record, NOW + 30000);
    settle_at(&record, REAUTH_STATE_RUNNING, NOW + 30100);
    asked = record;

    assert_int_equal(poll(&record, REAUTH_STATE_FAILED, NOW * US, NOW + 80000),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(poll(&record, REAUTH_STATE_FAILED, (NOW + 30050) * US,
                          NOW + 30200), REAUTH_ADVANCE_APPLIED);
}


/* a poll can say which attempt is over without being about it */

static void
test_told_before(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    attempt = "auth_1";

    accepted(&record);

    poll_of(&fact, REAUTH_STATE_RUNNING, 0, NOW + 200);
    fact.before_us = (NOW + 10) * US;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_true(record.started_us == 0);

    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, (NOW + 10) * US,
                          NOW + 20000), REAUTH_ADVANCE_STALE);
    assert_int_equal(poll(&record, REAUTH_STATE_SUCCEEDED, (NOW + 20) * US,
                          NOW + 20000), REAUTH_ADVANCE_APPLIED);
}


static void
test_step(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    attempt = "fansly_acct_1";

    accepted(&record);

    /* a word that nobody knows is no end after any time */

    poll_of(&fact, REAUTH_STATE_SUCCEEDED, 0, NOW + 20000);
    fact.needs_step = 1;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);

    assert_int_equal(step(&record, 0, NOW + 21000), REAUTH_ADVANCE_APPLIED);

    /* it was asked before that step was seen */

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);

    poll_of(&fact, REAUTH_STATE_SUCCEEDED, 0, NOW + 21000);
    fact.needs_step = 1;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);

    /* nothing of it is left to the next one */

    begin_at(&record, NOW + 30000);
    settle_at(&record, REAUTH_STATE_RUNNING, NOW + 30100);
    assert_true(record.stepped_ms == 0);
    assert_true(record.accepted_ms == NOW + 30100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_asked_before),
        cmocka_unit_test(test_asked_while_sending),
        cmocka_unit_test(test_asked_unknown),
        cmocka_unit_test(test_first_poll),
        cmocka_unit_test(test_known_before),
        cmocka_unit_test(test_told_before),
        cmocka_unit_test(test_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
