
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_attempt.h"

#include "apply.h"


#define NOW_MS    1763985600000LL    /* 2025-11-24T12:00:00Z */
#define NOW_US    (NOW_MS * 1000)
#define GATE_MAX  900000


static const uint8_t  print_a[REAUTH_FINGERPRINT_LEN] = { 1, 2, 3 };
static const uint8_t  print_b[REAUTH_FINGERPRINT_LEN] = { 3, 2, 1 };


static void
nothing(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));
    memcpy(record->account, "acct_1", sizeof("acct_1"));
}


static void
begin_of(reauth_begin_t *begin, const uint8_t *print, int64_t now_ms)
{
    memset(begin, 0, sizeof(reauth_begin_t));

    begin->now_ms = now_ms;
    begin->gate_max_ms = GATE_MAX;
    begin->epoch = reauth_epoch_next(0, now_ms);
    begin->source = print ? REAUTH_SOURCE_UPDATE
                          : REAUTH_SOURCE_REAUTHENTICATE;
    begin->auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    begin->account = reauth_string_from("acct_1");
    begin->caller = reauth_string_from("payouts");
    begin->fingerprint = print;
}


static reauth_begin_result_t
begin_by(reauth_record_t *record, const uint8_t *print, int64_t now_ms,
    const char *caller)
{
    reauth_begin_t         begin;
    reauth_record_t        next;
    reauth_begin_result_t  rc;

    begin_of(&begin, print, now_ms);
    begin.caller = reauth_string_from(caller);

    rc = reauth_attempt_begin(record, &begin, &next);

    if (rc == REAUTH_BEGIN_STARTED) {
        *record = next;
    }

    return rc;
}


static reauth_begin_result_t
begin_at(reauth_record_t *record, const uint8_t *print, int64_t now_ms)
{
    return begin_by(record, print, now_ms, "payouts");
}


static void
fact_of(reauth_fact_t *fact, reauth_state_t state, int64_t now_ms)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->gate_max_ms = GATE_MAX;
    fact->new_epoch = reauth_epoch_next(0, now_ms);
    fact->state = state;
    fact->source = REAUTH_SOURCE_POLL;
}


/* what the upstream answered to the update */

static reauth_advance_result_t
settle(reauth_record_t *record, uint64_t epoch, reauth_state_t state,
    const char *attempt, int64_t now_ms)
{
    reauth_fact_t  fact;

    fact_of(&fact, state, now_ms);

    fact.epoch = epoch;
    fact.source = REAUTH_SOURCE_UPDATE;
    fact.attempt = reauth_string_from(attempt);

    return apply(record, &fact);
}


/* "caller": of the prior attempt */

static reauth_advance_result_t
reject(reauth_record_t *record, uint64_t epoch, const char *caller,
    int64_t now_ms)
{
    reauth_fact_t  fact;

    fact_of(&fact, REAUTH_STATE_REJECTED, now_ms);

    fact.epoch = epoch;
    fact.source = REAUTH_SOURCE_UPDATE;
    fact.caller = reauth_string_from(caller);

    return apply(record, &fact);
}


static reauth_advance_result_t
poll(reauth_record_t *record, const char *attempt, reauth_state_t state,
    int64_t started_us, int64_t now_ms)
{
    reauth_fact_t  fact;

    fact_of(&fact, state, now_ms);

    fact.attempt = reauth_string_from(attempt);
    fact.started_us = started_us;

    return apply(record, &fact);
}


static reauth_advance_result_t
webhook(reauth_record_t *record, reauth_state_t state, int64_t started_us,
    int64_t now_ms)
{
    reauth_fact_t  fact;

    fact_of(&fact, state, now_ms);

    fact.started_us = started_us;
    fact.source = REAUTH_SOURCE_WEBHOOK;

    return apply(record, &fact);
}


/* an update that the upstream took, as attempt auth_1 */

static void
running(reauth_record_t *record)
{
    nothing(record);

    assert_int_equal(begin_at(record, print_a, NOW_MS), REAUTH_BEGIN_STARTED);
    assert_int_equal(settle(record, record->epoch, REAUTH_STATE_RUNNING,
                            "auth_1", NOW_MS + 100),
                     REAUTH_ADVANCE_APPLIED);
}


static void
test_names_round_trip(void **state)
{
    unsigned         i;
    reauth_string_t  name;

    (void) state;

    for (i = 0; i < REAUTH_STATE_LAST; i++) {
        name = reauth_string_from(reauth_state_name(i));
        assert_int_equal(reauth_state_parse(&name), i);
    }

    for (i = 1; i < REAUTH_ACTION_LAST; i++) {
        name = reauth_string_from(reauth_action_name(i));
        assert_int_equal(reauth_action_parse(&name), i);
    }

    for (i = 1; i < REAUTH_AUTH_TYPE_LAST; i++) {
        name = reauth_string_from(reauth_auth_type_name(i));
        assert_int_equal(reauth_auth_type_parse(&name), i);
    }

    for (i = 1; i < REAUTH_SOURCE_LAST; i++) {
        name = reauth_string_from(reauth_source_name(i));
        assert_int_equal(reauth_source_parse(&name), i);
    }

    name = reauth_string_from("RUNNING");
    assert_int_equal(reauth_state_parse(&name), REAUTH_STATE_LAST);

    name = reauth_string_from("");
    assert_int_equal(reauth_action_parse(&name), REAUTH_ACTION_LAST);

    assert_null(reauth_action_name(REAUTH_ACTION_NONE));
    assert_null(reauth_action_name(REAUTH_ACTION_LAST));
    assert_null(reauth_auth_type_name(REAUTH_AUTH_TYPE_LAST));
    assert_null(reauth_source_name(REAUTH_SOURCE_LAST));
    assert_string_equal(reauth_state_name(REAUTH_STATE_LAST), "none");
}


/* in the debug log */

static void
test_result_names(void **state)
{
    (void) state;

    assert_string_equal(reauth_begin_result_name(REAUTH_BEGIN_STARTED),
                        "started");
    assert_string_equal(reauth_begin_result_name(REAUTH_BEGIN_COALESCED),
                        "coalesced");
    assert_string_equal(reauth_begin_result_name(REAUTH_BEGIN_JOIN), "join");
    assert_string_equal(reauth_begin_result_name(REAUTH_BEGIN_WAIT), "wait");
    assert_string_equal(reauth_begin_result_name(REAUTH_BEGIN_TOO_MANY),
                        "too_many");

    assert_string_equal(reauth_advance_result_name(REAUTH_ADVANCE_APPLIED),
                        "applied");
    assert_string_equal(reauth_advance_result_name(REAUTH_ADVANCE_SAME),
                        "same");
    assert_string_equal(reauth_advance_result_name(REAUTH_ADVANCE_STALE),
                        "stale");
    assert_string_equal(reauth_advance_result_name(REAUTH_ADVANCE_ENDED),
                        "ended");
    assert_string_equal(reauth_advance_result_name(REAUTH_ADVANCE_UNPLACED),
                        "unplaced");

    assert_string_equal(reauth_merge_result_name(REAUTH_MERGE_LATE), "late");
    assert_string_equal(reauth_merge_result_name(REAUTH_MERGE_ASK), "ask");
    assert_string_equal(reauth_merge_result_name(REAUTH_MERGE_TAKEN),
                        "taken");
    assert_string_equal(reauth_merge_result_name(REAUTH_MERGE_SAME), "same");
    assert_string_equal(reauth_merge_result_name(REAUTH_MERGE_OURS), "ours");
}


static void
test_active_and_end(void **state)
{
    unsigned  i;

    static const uint8_t  active[REAUTH_STATE_LAST] = {
        0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0
    };

    (void) state;

    for (i = 0; i < REAUTH_STATE_LAST; i++) {
        assert_int_equal(reauth_state_is_active(i), active[i]);
        assert_int_equal(reauth_state_action(i) != REAUTH_ACTION_NONE,
                         reauth_state_needs_person(i));
        assert_int_equal(reauth_state_is_end(i),
                         i != REAUTH_STATE_NONE && !active[i]);
    }
}


static void
test_epoch(void **state)
{
    uint64_t  epoch, last;

    (void) state;

    epoch = reauth_epoch_next(0, NOW_MS);
    assert_true(epoch / 1024 == (uint64_t) NOW_MS);

    /* within a millisecond, and when the clock is put back */

    last = reauth_epoch_next(epoch, NOW_MS);
    assert_true(last == epoch + 1);

    last = reauth_epoch_next(epoch, NOW_MS - 86400000);
    assert_true(last == epoch + 1);

    assert_true(reauth_epoch_next(epoch, NOW_MS + 1) > epoch + 1);
    assert_true(reauth_epoch_next(5, -1) == 6);
    assert_true(reauth_epoch_next(0, 0) == 1);

    /* a double holds it exactly until 2248 */

    assert_true(reauth_epoch_next(0, 8772710400000LL) < (1ULL << 53));
}


/* higher than the one before; two writes over the same one differ */

static void
test_revision(void **state)
{
    uint64_t  one, other, next;

    (void) state;

    one = reauth_revision_next(0, NOW_MS, 4096 + 7);
    other = reauth_revision_next(0, NOW_MS, 8192 + 9);

    assert_true(one / 1024 == (uint64_t) NOW_MS);
    assert_true(one != other);

    /* when the clock is put back, too */

    next = reauth_revision_next(one, NOW_MS - 86400000, 7);
    assert_true(next == one + 1 + 7);
    assert_true(next != reauth_revision_next(one, NOW_MS - 86400000, 9));
    assert_true(next != reauth_revision_next(one, NOW_MS - 86400000, 1024 + 7));

    /* that of an earlier version is a count */

    assert_true(reauth_revision_next(5, NOW_MS, 7) == one);
}


static void
test_copy(void **state)
{
    char             buffer[8];
    reauth_string_t  s;

    (void) state;

    s = reauth_string_from("a\nb\x7f" "c");
    reauth_copy(buffer, 7, &s);
    assert_string_equal(buffer, "a b c");

    /* the third letter is two bytes, and does not fit any more */

    s = reauth_string_from("ab\xc3\xa9");
    reauth_copy(buffer, 3, &s);
    assert_string_equal(buffer, "ab");

    reauth_copy(buffer, 4, &s);
    assert_string_equal(buffer, "ab\xc3\xa9");

    s.data = NULL;
    s.len = 0;
    reauth_copy(buffer, 7, &s);
    assert_string_equal(buffer, "");
}


static void
test_begin_first(void **state)
{
    reauth_begin_t   begin;
    reauth_record_t  current, next;

    (void) state;

    nothing(&current);
    begin_of(&begin, print_a, NOW_MS);

    assert_int_equal(reauth_attempt_begin(&current, &begin, &next),
                     REAUTH_BEGIN_STARTED);

    assert_true(next.epoch == begin.epoch);
    assert_int_equal(next.state, REAUTH_STATE_STARTING);
    assert_int_equal(next.since_ms, NOW_MS);
    assert_int_equal(next.updated_ms, NOW_MS);
    assert_int_equal(next.deadline_ms, NOW_MS + GATE_MAX);
    assert_int_equal(next.auth_type, REAUTH_AUTH_TYPE_EMAIL_PASSWORD);
    assert_int_equal(next.source, REAUTH_SOURCE_UPDATE);
    assert_string_equal(next.account, "acct_1");
    assert_string_equal(next.caller, "payouts");
    assert_string_equal(next.attempt, "");
    assert_memory_equal(next.fingerprint, print_a, REAUTH_FINGERPRINT_LEN);
    assert_int_equal(next.prior.state, REAUTH_STATE_NONE);
}


static void
test_begin_epoch_is_never_behind(void **state)
{
    reauth_begin_t   begin;
    reauth_record_t  current, next;

    (void) state;

    running(&current);
    current.epoch = UINT64_C(1) << 52;
    current.revision = 9;

    begin_of(&begin, print_b, NOW_MS + 200);

    assert_int_equal(reauth_attempt_begin(&current, &begin, &next),
                     REAUTH_BEGIN_STARTED);
    assert_true(next.epoch == current.epoch + 1);
    assert_true(next.revision == 9);
}


static void
test_begin_while_sending(void **state)
{
    int64_t          lost;
    reauth_record_t  record;

    (void) state;

    nothing(&record);
    (void) begin_at(&record, print_a, NOW_MS);

    lost = NOW_MS + REAUTH_STARTING_MAX_MS;

    assert_int_equal(begin_at(&record, print_a, NOW_MS + 1),
                     REAUTH_BEGIN_JOIN);
    assert_int_equal(begin_at(&record, print_b, NOW_MS + 1),
                     REAUTH_BEGIN_WAIT);
    assert_int_equal(begin_at(&record, print_b, lost - 1), REAUTH_BEGIN_WAIT);
    assert_int_equal(begin_at(&record, NULL, NOW_MS + 1), REAUTH_BEGIN_JOIN);

    /* the sender died: whether it got through is not known */

    assert_int_equal(begin_at(&record, print_b, lost), REAUTH_BEGIN_STARTED);
    assert_int_equal(record.prior.state, REAUTH_STATE_UNKNOWN);
}


static void
test_begin_while_active(void **state)
{
    unsigned         i;
    reauth_begin_t   begin;
    reauth_record_t  record, next;

    static const reauth_state_t  coalesced[] = {
        REAUTH_STATE_RUNNING, REAUTH_STATE_NEEDS_OTP, REAUTH_STATE_NEEDS_FACE,
        REAUTH_STATE_NEEDS_APP
    };

    (void) state;

    for (i = 0; i < sizeof(coalesced) / sizeof(coalesced[0]); i++) {
        running(&record);
        record.state = coalesced[i];

        assert_int_equal(begin_at(&record, print_a, NOW_MS + 500),
                         REAUTH_BEGIN_COALESCED);

        /* it coalesces with whatever is active */

        assert_int_equal(begin_at(&record, NULL, NOW_MS + 500),
                         REAUTH_BEGIN_COALESCED);

        begin_of(&begin, print_a, NOW_MS + 500);
        begin.resend = 1;
        assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                         REAUTH_BEGIN_STARTED);

        assert_int_equal(begin_at(&record, print_b, NOW_MS + 500),
                         REAUTH_BEGIN_STARTED);
        assert_int_equal(record.prior.state, coalesced[i]);
        assert_string_equal(record.prior.attempt, "auth_1");
    }

    /* nobody knows whether the upstream has it: it is sent again */

    running(&record);
    record.state = REAUTH_STATE_UNKNOWN;
    assert_int_equal(begin_at(&record, print_a, NOW_MS + 500),
                     REAUTH_BEGIN_STARTED);

    /* past its deadline it is at an end, whether or not that was written */

    running(&record);
    assert_int_equal(begin_at(&record, print_a, NOW_MS + GATE_MAX),
                     REAUTH_BEGIN_STARTED);
    assert_int_equal(record.prior.state, REAUTH_STATE_NONE);
}


static void
test_begin_after_an_end(void **state)
{
    unsigned         i;
    reauth_record_t  record;

    (void) state;

    for (i = REAUTH_STATE_SUCCEEDED; i < REAUTH_STATE_LAST; i++) {
        running(&record);
        assert_int_equal(poll(&record, "auth_1", i, NOW_US, NOW_MS + 300),
                         REAUTH_ADVANCE_APPLIED);
        assert_int_equal(record.fingerprint_set, 0);

        assert_int_equal(begin_at(&record, print_a, NOW_MS + 500),
                         REAUTH_BEGIN_STARTED);
        assert_int_equal(record.prior.state, REAUTH_STATE_NONE);
        assert_int_equal(record.started_us, 0);
        assert_string_equal(record.error_code, "");
    }
}


static void
test_settle(void **state)
{
    unsigned         i;
    reauth_record_t  record;

    static const reauth_state_t  states[] = {
        REAUTH_STATE_RUNNING, REAUTH_STATE_NEEDS_APP, REAUTH_STATE_UNKNOWN
    };

    (void) state;

    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        nothing(&record);
        (void) begin_at(&record, print_a, NOW_MS);

        assert_int_equal(settle(&record, record.epoch, states[i], "auth_1",
                                NOW_MS + 100),
                         REAUTH_ADVANCE_APPLIED);
        assert_int_equal(record.state, states[i]);
        assert_string_equal(record.attempt, "auth_1");
        assert_int_equal(record.updated_ms, NOW_MS + 100);
        assert_int_equal(record.since_ms, NOW_MS);
        assert_int_equal(record.fingerprint_set, 1);

        /* said twice it is no news */

        assert_int_equal(settle(&record, record.epoch, states[i], "auth_1",
                                NOW_MS + 200),
                         REAUTH_ADVANCE_SAME);
    }
}


static void
test_settle_of_a_superseded_update(void **state)
{
    uint64_t         old;
    reauth_record_t  record, before;

    (void) state;

    nothing(&record);
    (void) begin_at(&record, print_a, NOW_MS);
    old = record.epoch;

    assert_int_equal(begin_at(&record, print_b,
                              NOW_MS + REAUTH_STARTING_MAX_MS),
                     REAUTH_BEGIN_STARTED);
    before = record;

    assert_int_equal(settle(&record, old, REAUTH_STATE_RUNNING, "auth_1",
                            NOW_MS + REAUTH_STARTING_MAX_MS + 1),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(settle(&record, old, REAUTH_STATE_REJECTED, "",
                            NOW_MS + REAUTH_STARTING_MAX_MS + 1),
                     REAUTH_ADVANCE_STALE);
    assert_memory_equal(&record, &before, sizeof(before));
}


static void
test_reject_first(void **state)
{
    reauth_record_t  record;

    (void) state;

    nothing(&record);
    (void) begin_at(&record, print_a, NOW_MS);

    assert_int_equal(settle(&record, record.epoch, REAUTH_STATE_REJECTED, "",
                            NOW_MS + 50),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_REJECTED);
    assert_int_equal(record.completed_us, (NOW_MS + 50) * 1000);
    assert_int_equal(record.fingerprint_set, 0);
    assert_int_equal(record.prior.state, REAUTH_STATE_NONE);
}


/* the gate is as it was before the update: what ran still runs */

static void
test_reject_restores(void **state)
{
    uint64_t         epoch;
    reauth_record_t  record;

    (void) state;

    running(&record);
    record.kept = 1;
    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_NEEDS_OTP, NOW_US,
                          NOW_MS + 200),
                     REAUTH_ADVANCE_APPLIED);

    (void) begin_by(&record, print_b, NOW_MS + 1000, "support");
    epoch = record.epoch;
    assert_int_equal(record.kept, 0);
    assert_int_equal(record.prior.kept, 1);
    assert_string_equal(record.caller, "support");

    assert_int_equal(reject(&record, epoch, "payouts", NOW_MS + 1100),
                     REAUTH_ADVANCE_APPLIED);

    assert_true(record.epoch == epoch);
    assert_int_equal(record.state, REAUTH_STATE_NEEDS_OTP);
    assert_string_equal(record.attempt, "auth_1");
    assert_string_equal(record.error_code, "");
    assert_int_equal(record.since_ms, NOW_MS);
    assert_int_equal(record.deadline_ms, NOW_MS + GATE_MAX);
    assert_int_equal(record.started_us, NOW_US);
    assert_int_equal(record.fingerprint_set, 1);
    assert_memory_equal(record.fingerprint, print_a, REAUTH_FINGERPRINT_LEN);
    assert_int_equal(record.kept, 1);
    assert_string_equal(record.caller, "payouts");
    assert_int_equal(record.prior.state, REAUTH_STATE_NONE);

    /* and it can end as if nothing had been */

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_SUCCEEDED, NOW_US,
                          NOW_MS + 1200),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);
}


/* it ended while the update was on its way */

static void
test_reject_restores_an_end(void **state)
{
    reauth_record_t  record;

    (void) state;

    running(&record);
    (void) begin_at(&record, print_b, NOW_MS + 1000);

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_SUCCEEDED, NOW_US,
                          NOW_MS + 1050),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_STARTING);
    assert_int_equal(record.prior.state, REAUTH_STATE_SUCCEEDED);

    /* a late one does not revive it */

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_RUNNING, NOW_US,
                          NOW_MS + 1060),
                     REAUTH_ADVANCE_ENDED);

    assert_int_equal(settle(&record, record.epoch, REAUTH_STATE_REJECTED, "",
                            NOW_MS + 1100),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);
    assert_string_equal(record.attempt, "auth_1");
    assert_int_equal(record.fingerprint_set, 0);
}


static void
test_reject_does_not_restore_overdue_attempt(void **state)
{
    int64_t          now_ms;
    reauth_record_t  record;

    (void) state;

    running(&record);

    now_ms = NOW_MS + GATE_MAX - 10;
    (void) begin_at(&record, print_b, now_ms);
    assert_int_equal(record.prior.state, REAUTH_STATE_RUNNING);

    assert_int_equal(settle(&record, record.epoch, REAUTH_STATE_REJECTED, "",
                            now_ms + 10),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_REJECTED);
}


/* without a prior attempt, the record of a rejected update has its caller */

static void
test_reject_names_its_caller(void **state)
{
    reauth_record_t  record;

    (void) state;

    nothing(&record);
    (void) begin_by(&record, print_b, NOW_MS, "support");

    assert_int_equal(reject(&record, record.epoch, "", NOW_MS + 100),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_REJECTED);
    assert_string_equal(record.caller, "support");

    /* an attempt that only webhooks reported has no caller, before and after */

    running(&record);
    record.caller[0] = '\0';
    (void) begin_by(&record, print_b, NOW_MS + 1000, "support");

    assert_int_equal(reject(&record, record.epoch, "", NOW_MS + 1100),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_string_equal(record.caller, "");
}


/* a response is needed as long as its attempt may be repeated */

static void
test_kept_response(void **state)
{
    uint64_t         number, other;
    reauth_record_t  record, rejected;
    reauth_string_t  account, attempt;

    (void) state;

    account = reauth_string_from("acct_1");
    attempt = reauth_string_from("auth_1");
    number = reauth_attempt_number(&account, &attempt, NOW_MS);
    attempt = reauth_string_from("auth_2");
    other = reauth_attempt_number(&account, &attempt, NOW_MS);
    assert_true(other != number);

    running(&record);
    assert_int_equal(reauth_attempt_kept(&record), 0);
    assert_false(reauth_attempt_keeps(&record));

    record.kept = 1;
    assert_int_equal(reauth_attempt_kept(&record), number);
    assert_true(reauth_attempt_keeps(&record));

    /* that of the prior attempt, while another update is being sent */

    (void) begin_at(&record, print_b, NOW_MS + 1000);
    assert_int_equal(reauth_attempt_kept(&record), number);
    assert_true(reauth_attempt_keeps(&record));

    rejected = record;
    (void) settle(&rejected, record.epoch, REAUTH_STATE_REJECTED, "",
                  NOW_MS + 1100);
    assert_int_equal(reauth_attempt_kept(&rejected), number);

    (void) settle(&record, record.epoch, REAUTH_STATE_RUNNING, "auth_2",
                  NOW_MS + 1100);
    assert_int_equal(reauth_attempt_kept(&record), 0);
    assert_false(reauth_attempt_keeps(&record));

    record.kept = 1;
    assert_int_equal(reauth_attempt_kept(&record), other);

    (void) poll(&record, "auth_2", REAUTH_STATE_FAILED, NOW_US, NOW_MS + 1200);
    assert_int_equal(reauth_attempt_kept(&record), 0);

    /* the prior attempt has ended meanwhile; the new one may have one soon */

    running(&record);
    record.kept = 1;
    (void) begin_at(&record, print_b, NOW_MS + 1000);
    record.prior.state = REAUTH_STATE_FAILED;
    assert_int_equal(reauth_attempt_kept(&record), 0);
    assert_true(reauth_attempt_keeps(&record));

    /* unless the ID is not known, or is always the same */

    running(&record);
    record.kept = 1;
    record.attempt[0] = '\0';
    assert_int_equal(reauth_attempt_kept(&record), NOW_MS);

    attempt = account;
    assert_int_equal(reauth_attempt_number(&account, &attempt, NOW_MS),
                     NOW_MS);
}


/* once it was sent and answered there is no way back */

static void
test_no_prior_after_settling(void **state)
{
    reauth_record_t  record;

    (void) state;

    running(&record);
    (void) begin_at(&record, print_b, NOW_MS + 1000);

    assert_int_equal(settle(&record, record.epoch, REAUTH_STATE_RUNNING,
                            "auth_2", NOW_MS + 1100),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.prior.state, REAUTH_STATE_NONE);
    assert_string_equal(record.attempt, "auth_2");

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_FAILED, NOW_US,
                          NOW_MS + 1200),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
}


/* from every active state to every other one and to every end, by a poll */

static void
test_transitions(void **state)
{
    unsigned         from, to;
    reauth_record_t  record;

    (void) state;

    for (from = REAUTH_STATE_RUNNING; from <= REAUTH_STATE_UNKNOWN; from++) {
        for (to = REAUTH_STATE_RUNNING; to < REAUTH_STATE_LAST; to++) {

            running(&record);
            record.state = from;
            record.started_us = NOW_US;

            assert_int_equal(poll(&record, "auth_1", to, NOW_US,
                                  NOW_MS + 500),
                             from == to ? REAUTH_ADVANCE_SAME
                                        : REAUTH_ADVANCE_APPLIED);
            assert_int_equal(record.state, to);

            if (from == to) {
                continue;
            }

            assert_int_equal(record.updated_ms, NOW_MS + 500);
            assert_int_equal(record.source, REAUTH_SOURCE_POLL);

            if (reauth_state_is_end(to)) {
                assert_int_equal(record.completed_us, (NOW_MS + 500) * 1000);
                assert_int_equal(record.fingerprint_set, 0);

            } else {
                assert_int_equal(record.completed_us, 0);
            }
        }
    }
}


static void
test_end_is_final(void **state)
{
    unsigned         end, to;
    reauth_record_t  record, before;

    (void) state;

    for (end = REAUTH_STATE_SUCCEEDED; end < REAUTH_STATE_LAST; end++) {
        running(&record);
        (void) poll(&record, "auth_1", end, NOW_US, NOW_MS + 300);
        before = record;

        for (to = REAUTH_STATE_NONE; to < REAUTH_STATE_LAST; to++) {
            assert_int_equal(poll(&record, "auth_1", to, NOW_US,
                                  NOW_MS + 500),
                             REAUTH_ADVANCE_ENDED);
            assert_int_equal(settle(&record, record.epoch, to, "auth_1",
                                    NOW_MS + 500),
                             REAUTH_ADVANCE_ENDED);
            assert_int_equal(webhook(&record, to, NOW_US, NOW_MS + 500),
                             REAUTH_ADVANCE_ENDED);
            assert_memory_equal(&record, &before, sizeof(before));
        }
    }
}


static void
test_refresh(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    running(&record);

    fact_of(&fact, REAUTH_STATE_NONE, NOW_MS + 500);
    fact.attempt = reauth_string_from("auth_1");
    fact.progress = reauth_string_from("submitting");

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_string_equal(record.progress, "submitting");
    assert_int_equal(record.updated_ms, NOW_MS + 500);

    fact.now_ms++;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_SAME);
    assert_int_equal(record.updated_ms, NOW_MS + 500);

    /* it begins nothing */

    nothing(&record);
    assert_int_not_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_not_equal(webhook(&record, REAUTH_STATE_NONE, NOW_US, NOW_MS),
                         REAUTH_ADVANCE_APPLIED);
}


static void
test_error_is_removed_by_next_state(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    running(&record);

    fact_of(&fact, REAUTH_STATE_NEEDS_OTP, NOW_MS + 500);
    fact.attempt = reauth_string_from("auth_1");
    fact.action = REAUTH_ACTION_APP_OTP;
    fact.error_code = reauth_string_from("WRONG_2FA");
    fact.error_message = reauth_string_from("The code is wrong.");

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.action, REAUTH_ACTION_APP_OTP);
    assert_string_equal(record.error_code, "WRONG_2FA");
    assert_string_equal(record.error_message, "The code is wrong.");

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_RUNNING, 0,
                          NOW_MS + 600),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.action, REAUTH_ACTION_NONE);
    assert_string_equal(record.error_code, "");
    assert_string_equal(record.error_message, "");
}


static void
test_sealed(void **state)
{
    uint8_t          sealed[REAUTH_SEALED_MAX + 1];
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    memset(sealed, 0xa5, sizeof(sealed));
    running(&record);

    fact_of(&fact, REAUTH_STATE_NEEDS_APP, NOW_MS + 500);
    fact.epoch = record.epoch;
    fact.sealed = sealed;
    fact.sealed_len = REAUTH_SEALED_MAX;

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.sealed_len, REAUTH_SEALED_MAX);
    assert_memory_equal(record.sealed, sealed, REAUTH_SEALED_MAX);

    /* one that is too long is not kept, rather than a part of it */

    running(&record);
    fact.epoch = record.epoch;
    fact.sealed_len = REAUTH_SEALED_MAX + 1;

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.sealed_len, 0);

    /* at the end it has no use any more */

    fact.sealed_len = REAUTH_SEALED_MAX;
    (void) apply(&record, &fact);
    (void) poll(&record, "auth_1", REAUTH_STATE_FAILED, 0, NOW_MS + 900);
    assert_int_equal(record.sealed_len, 0);
    assert_int_equal(record.sealed[0], 0);
}


/* an attempt that nobody here began */

static void
test_adopt(void **state)
{
    reauth_record_t  record;

    (void) state;

    nothing(&record);
    assert_int_equal(webhook(&record, REAUTH_STATE_RUNNING, NOW_US, NOW_MS),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_int_equal(record.deadline_ms, NOW_MS + GATE_MAX);
    assert_int_equal(record.started_us, NOW_US);
    assert_int_equal(record.source, REAUTH_SOURCE_WEBHOOK);
    assert_int_equal(record.auth_type, REAUTH_AUTH_TYPE_NONE);
    assert_true(record.epoch != 0);

    nothing(&record);
    assert_int_equal(poll(&record, "auth_9", REAUTH_STATE_NEEDS_FACE, 0,
                          NOW_MS),
                     REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.attempt, "auth_9");

    /* the end of one is no news of an account nobody asked about */

    nothing(&record);
    assert_int_equal(poll(&record, "auth_9", REAUTH_STATE_SUCCEEDED, NOW_US,
                          NOW_MS),
                     REAUTH_ADVANCE_STALE);
}


/* the ID, which no record has, is known to the caller that started it */

static void
test_adopt_for_a_caller(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    nothing(&record);
    (void) webhook(&record, REAUTH_STATE_RUNNING, NOW_US, NOW_MS);
    assert_string_equal(record.caller, "");

    /* a poll without a caller is that of the gateway */

    fact_of(&fact, REAUTH_STATE_RUNNING, NOW_MS + 100);
    fact.started_us = NOW_US;
    fact.caller = reauth_string_from("first");

    /* an attempt of another start, and what has no ID */

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_SAME);
    assert_string_equal(record.caller, "");

    fact.attempt = reauth_string_from("auth_9");
    fact.started_us = NOW_US - 1;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);
    assert_string_equal(record.caller, "");

    fact.started_us = NOW_US;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.attempt, "auth_9");
    assert_string_equal(record.caller, "first");

    /* from now on the record has the ID, which others can poll */

    fact.now_ms += 100;
    fact.state = REAUTH_STATE_NEEDS_OTP;
    fact.caller = reauth_string_from("second");
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.caller, "first");

    /* also if it is of nobody: the gateway was the first to poll it */

    nothing(&record);
    (void) webhook(&record, REAUTH_STATE_RUNNING, NOW_US, NOW_MS);

    fact.state = REAUTH_STATE_RUNNING;
    fact.caller = reauth_string_from("");
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.attempt, "auth_9");

    fact.now_ms += 100;
    fact.state = REAUTH_STATE_NEEDS_OTP;
    fact.caller = reauth_string_from("second");
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.caller, "");

    /* an attempt that a caller began */

    nothing(&record);
    (void) begin_at(&record, print_a, NOW_MS);
    strcpy(record.caller, "first");
    (void) settle(&record, record.epoch, REAUTH_STATE_UNKNOWN, "",
                  NOW_MS + 100);
    record.started_us = NOW_US;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.attempt, "auth_9");
    assert_string_equal(record.caller, "first");

    /* the ID of a Fansly attempt is that of the account */

    nothing(&record);
    strcpy(record.account, "fansly_acct_1");
    (void) webhook(&record, REAUTH_STATE_RUNNING, NOW_US, NOW_MS);
    fact.attempt = reauth_string_from("fansly_acct_1");
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_string_equal(record.attempt, "fansly_acct_1");
    assert_string_equal(record.caller, "");
}


static void
test_adopt_newer_attempt(void **state)
{
    uint64_t         epoch;
    reauth_record_t  record;

    (void) state;

    running(&record);
    (void) poll(&record, "auth_1", REAUTH_STATE_NEEDS_OTP, NOW_US,
                NOW_MS + 200);
    epoch = record.epoch;
    record.revision = 4;

    assert_int_equal(poll(&record, "auth_2", REAUTH_STATE_RUNNING, NOW_US - 1,
                          NOW_MS + 300),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(poll(&record, "auth_2", REAUTH_STATE_RUNNING, 0,
                          NOW_MS + 300),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(webhook(&record, REAUTH_STATE_FAILED, NOW_US - 1,
                             NOW_MS + 300),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(webhook(&record, REAUTH_STATE_FAILED, 0, NOW_MS + 300),
                     REAUTH_ADVANCE_UNPLACED);
    assert_true(record.epoch == epoch);
    assert_int_equal(record.state, REAUTH_STATE_NEEDS_OTP);

    assert_int_equal(poll(&record, "auth_2", REAUTH_STATE_RUNNING, NOW_US + 1,
                          NOW_MS + 300),
                     REAUTH_ADVANCE_APPLIED);
    assert_true(record.epoch > epoch);
    assert_true(record.revision == 4);
    assert_string_equal(record.attempt, "auth_2");
    assert_int_equal(record.action, REAUTH_ACTION_NONE);

    /* by when it started, not by when that was learned */

    assert_int_equal(record.since_ms, NOW_MS);
    assert_int_equal(record.deadline_ms, NOW_MS + GATE_MAX);
}


/* an attempt that the upstream shows as running now, after ours has ended */

static void
test_adopt_attempt_that_upstream_shows_as_running(void **state)
{
    uint64_t         epoch;
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    running(&record);
    epoch = record.epoch;

    fact_of(&fact, REAUTH_STATE_RUNNING, NOW_MS + 500);
    fact.epoch = epoch;
    fact.source = REAUTH_SOURCE_POLLER;
    fact.live = 1;

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_SAME);

    (void) poll(&record, "auth_1", REAUTH_STATE_FAILED, 0, NOW_MS + 600);

    fact.now_ms = NOW_MS + 700;
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_true(record.epoch > epoch);

    /* it was said of the epoch before: said again it does not count */

    (void) settle(&record, record.epoch, REAUTH_STATE_FAILED, "",
                  NOW_MS + 800);
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_STALE);
    assert_int_equal(record.state, REAUTH_STATE_FAILED);
}


/* what has expired may be in progress: an old end does not hide that */

static void
test_an_old_end_after_an_expired_attempt(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record, before;

    (void) state;

    running(&record);

    fact_of(&fact, REAUTH_STATE_EXPIRED, record.deadline_ms);
    reauth_fact_of(&fact, &record);
    fact.source = REAUTH_SOURCE_TIMER;

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    before = record;

    /* by the clocks, it began later */

    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED,
                             NOW_US + 50000000, record.deadline_ms + 1000),
                     REAUTH_ADVANCE_STALE);
    assert_memory_equal(&record, &before, sizeof(before));

    fact_of(&fact, REAUTH_STATE_RUNNING, record.deadline_ms + 2000);
    reauth_fact_of(&fact, &record);
    fact.source = REAUTH_SOURCE_POLLER;
    fact.live = 1;

    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_ENDED);
    assert_int_equal(record.state, REAUTH_STATE_EXPIRED);
}


static void
test_webhook_before_started_at_is_known(void **state)
{
    unsigned         to;
    reauth_record_t  record, before;

    (void) state;

    /* while it is sent, while it has no name, and before the first poll */

    for (to = REAUTH_STATE_RUNNING; to < REAUTH_STATE_LAST; to++) {
        nothing(&record);
        (void) begin_at(&record, print_a, NOW_MS);
        before = record;

        assert_int_equal(webhook(&record, to, NOW_US + 1000000, NOW_MS + 1),
                         REAUTH_ADVANCE_UNPLACED);
        assert_memory_equal(&record, &before, sizeof(before));

        (void) settle(&record, record.epoch, REAUTH_STATE_UNKNOWN, "",
                      NOW_MS + 2);
        before = record;

        assert_int_equal(webhook(&record, to, NOW_US + 1000000, NOW_MS + 3),
                         REAUTH_ADVANCE_UNPLACED);
        assert_int_equal(poll(&record, "auth_7", to, NOW_US + 1000000,
                              NOW_MS + 3),
                         REAUTH_ADVANCE_UNPLACED);
        assert_memory_equal(&record, &before, sizeof(before));

        running(&record);
        before = record;

        assert_int_equal(webhook(&record, to, NOW_US + 1000000, NOW_MS + 4),
                         REAUTH_ADVANCE_UNPLACED);
        assert_memory_equal(&record, &before, sizeof(before));
    }

    /* after an end it can't close the gate either */

    running(&record);
    (void) poll(&record, "auth_1", REAUTH_STATE_FAILED, 0, NOW_MS + 5);
    assert_int_equal(webhook(&record, REAUTH_STATE_RUNNING, NOW_US + 9000000,
                             NOW_MS + 6),
                     REAUTH_ADVANCE_UNPLACED);
    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, NOW_US - 1,
                             NOW_MS + 6),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(record.state, REAUTH_STATE_FAILED);
}


/* Fanvue: nothing but webhooks; without times they count as they come */

static void
test_attempt_known_by_webhooks_only(void **state)
{
    reauth_record_t  record;

    static const char  account[] = "fanvue_acct_1";

    (void) state;

    nothing(&record);
    assert_false(reauth_attempt_is_unpolled(&record));

    memcpy(record.account, account, sizeof(account));
    assert_true(reauth_attempt_is_unpolled(&record));

    assert_int_equal(webhook(&record, REAUTH_STATE_NEEDS_OTP, 0, NOW_MS),
                     REAUTH_ADVANCE_APPLIED);
    assert_false(reauth_attempt_is_listed(&record));
    record.lost = REAUTH_LOST_MAX;
    assert_false(reauth_attempt_is_listed(&record));
    record.lost = 0;

    /* one with a time may be of another login */

    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, NOW_US, NOW_MS),
                     REAUTH_ADVANCE_UNPLACED);
    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, 0, NOW_MS + 1),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_SUCCEEDED);

    /* which may be a late one closes no gate that is open */

    assert_int_equal(webhook(&record, REAUTH_STATE_NEEDS_OTP, 0, NOW_MS + 2),
                     REAUTH_ADVANCE_UNPLACED);

    /* with times they say themselves what they are about */

    assert_int_equal(webhook(&record, REAUTH_STATE_NEEDS_OTP, NOW_US,
                             NOW_MS + 3),
                     REAUTH_ADVANCE_UNPLACED);

    nothing(&record);
    memcpy(record.account, account, sizeof(account));

    assert_int_equal(webhook(&record, REAUTH_STATE_NEEDS_OTP, NOW_US, NOW_MS),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, 0, NOW_MS + 1),
                     REAUTH_ADVANCE_UNPLACED);
    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, NOW_US - 1,
                             NOW_MS + 1),
                     REAUTH_ADVANCE_STALE);
    assert_int_equal(webhook(&record, REAUTH_STATE_SUCCEEDED, NOW_US,
                             NOW_MS + 1),
                     REAUTH_ADVANCE_APPLIED);
}


static void
test_poll_of_another_attempt_while_starting(void **state)
{
    reauth_record_t  record, before;

    (void) state;

    running(&record);
    (void) begin_at(&record, print_b, NOW_MS + 1000);
    before = record;

    assert_int_equal(poll(&record, "auth_7", REAUTH_STATE_SUCCEEDED,
                          NOW_US + 1, NOW_MS + 1001),
                     REAUTH_ADVANCE_STALE);
    assert_memory_equal(&record, &before, sizeof(before));

    /* of the one before: the gate of this one does not move */

    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_RUNNING, NOW_US,
                          NOW_MS + 1001),
                     REAUTH_ADVANCE_SAME);
    assert_int_equal(poll(&record, "auth_1", REAUTH_STATE_FAILED, NOW_US,
                          NOW_MS + 1001),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_STARTING);
    assert_true(record.epoch == before.epoch);
}


static void
test_compare(void **state)
{
    reauth_record_t  a, b;

    (void) state;

    running(&a);
    b = a;
    assert_int_equal(reauth_attempt_compare(&a, &b), 0);

    /* an epoch outweighs everything */

    b.epoch++;
    a.state = REAUTH_STATE_SUCCEEDED;
    a.updated_ms += 1000;
    a.revision = 10;
    assert_true(reauth_attempt_compare(&b, &a) > 0);
    assert_true(reauth_attempt_compare(&a, &b) < 0);

    /* then an end */

    b.epoch = a.epoch;
    b.updated_ms = a.updated_ms + 5000;
    assert_true(reauth_attempt_compare(&a, &b) > 0);
    assert_true(reauth_attempt_compare(&b, &a) < 0);

    /* of two ends the one that Redis kept first counts */

    b.state = REAUTH_STATE_FAILED;
    assert_true(reauth_attempt_compare(&a, &b) > 0);
    b.revision = 11;
    assert_true(reauth_attempt_compare(&a, &b) < 0);
    b.revision = a.revision;
    assert_int_equal(reauth_attempt_compare(&a, &b), 0);

    /* of two that run the one that was heard of last */

    running(&a);
    b = a;
    b.updated_ms++;
    assert_true(reauth_attempt_compare(&b, &a) > 0);
    b.updated_ms--;
    b.state = REAUTH_STATE_NEEDS_OTP;
    assert_true(reauth_attempt_compare(&b, &a) > 0);
    assert_true(reauth_attempt_compare(&a, &b) < 0);
}


static void
test_overdue(void **state)
{
    int64_t          lost;
    unsigned         i;
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    /* the sender died */

    nothing(&record);
    (void) begin_at(&record, print_a, NOW_MS);
    lost = NOW_MS + REAUTH_STARTING_MAX_MS;

    assert_int_equal(reauth_attempt_due_ms(&record), lost);
    assert_int_equal(reauth_attempt_overdue(&record, lost - 1, &fact), 0);
    assert_int_equal(reauth_attempt_overdue(&record, lost, &fact), 1);
    assert_int_equal(fact.state, REAUTH_STATE_UNKNOWN);
    assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_UNKNOWN);
    assert_int_equal(record.source, REAUTH_SOURCE_TIMER);
    assert_string_equal(record.error_code, "NO_ANSWER");

    /* an answer that comes after all still counts */

    assert_int_equal(settle(&record, record.epoch, REAUTH_STATE_RUNNING,
                            "auth_1", lost + 5),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);

    /* reauth_gate_max, for every state that keeps the gate closed */

    for (i = REAUTH_STATE_STARTING; i <= REAUTH_STATE_UNKNOWN; i++) {
        running(&record);
        record.state = i;
        record.since_ms = NOW_MS + GATE_MAX - 10;

        assert_int_equal(reauth_attempt_due_ms(&record), NOW_MS + GATE_MAX);
        assert_int_equal(reauth_attempt_overdue(&record, NOW_MS + GATE_MAX - 1,
                                                &fact),
                         0);
        assert_int_equal(reauth_attempt_overdue(&record, NOW_MS + GATE_MAX,
                                                &fact),
                         1);
        assert_int_equal(fact.state, REAUTH_STATE_EXPIRED);
        assert_int_equal(apply(&record, &fact), REAUTH_ADVANCE_APPLIED);
        assert_int_equal(record.state, REAUTH_STATE_EXPIRED);
        assert_string_equal(record.error_code, "GATE_MAX");
    }

    /* what has ended, or never was, is not */

    assert_int_equal(reauth_attempt_overdue(&record, INT64_MAX, &fact), 0);
    nothing(&record);
    assert_int_equal(reauth_attempt_overdue(&record, INT64_MAX, &fact), 0);
}


/*
 * The invariant: no late, duplicate, reordered or replayed fact opens or
 * closes a newer attempt's gate.
 *
 * A small upstream knows which attempt is which and which came first; what it
 * says of them is put into a bag and taken out at random, late, often, or
 * never.  The model beside the record knows only which of the upstream's
 * attempts the record is about, and whether the gate is closed by it.
 */

#define WORLD_MAX     40
#define BAG_MAX       48
#define RUNS          10000
#define STEPS         200
#define SHORT_MAX     120000

#define ABOUT_NONE    -1              /* nothing, or it was never begun */


typedef struct {
    char             id[24];
    int64_t          started_us;
    reauth_state_t   state;
} world_attempt_t;


typedef struct {
    reauth_fact_t    fact;
    int              about;          /* ABOUT_NONE: it names an epoch */
} world_fact_t;


typedef struct {
    int              about;
    int              after;          /* all before this one are older */
    int              closed;
    int64_t          deadline_ms;
} model_t;


typedef struct {
    uint64_t         random;
    uint64_t         seed;
    int64_t          now_ms;
    uint64_t         clock;          /* the epochs' */
    reauth_record_t  record;
    model_t          model;
    model_t          prior;

    world_attempt_t  attempts[WORLD_MAX];
    int              nattempts;
    world_fact_t     bag[BAG_MAX];
    int              nfacts;

    int              sending;        /* an update is on its way */
    uint64_t         sending_epoch;
    int              sent;           /* what the upstream made of it */
} world_t;


static unsigned
chance(world_t *w, unsigned n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;

    return (unsigned) (w->random >> 11) % n;
}


static void
check(world_t *w, int holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %llu: %s (state %s, attempt \"%s\")",
                 (unsigned long long) w->seed, what,
                 reauth_state_name(w->record.state), w->record.attempt);
    }
}


static int
world_new_attempt(world_t *w)
{
    world_attempt_t  *attempt;

    attempt = &w->attempts[w->nattempts];

    snprintf(attempt->id, sizeof(attempt->id), "auth_%d", w->nattempts);

    /* its clock is not ours, and each began after the one before it */

    attempt->started_us = (NOW_MS - 5000) * 1000
                          + (w->now_ms - NOW_MS) * 1000 + w->nattempts;
    attempt->state = REAUTH_STATE_RUNNING;

    return w->nattempts++;
}


static int
world_recent(world_t *w)
{
    unsigned  n;

    n = w->nattempts < 3 ? (unsigned) w->nattempts : 3;

    return w->nattempts - 1 - (int) chance(w, n);
}


static void
world_move(world_t *w)
{
    world_attempt_t  *attempt;

    static const reauth_state_t  next[] = {
        REAUTH_STATE_RUNNING, REAUTH_STATE_NEEDS_OTP, REAUTH_STATE_NEEDS_FACE,
        REAUTH_STATE_SUCCEEDED, REAUTH_STATE_FAILED
    };

    if (w->nattempts == 0) {
        return;
    }

    attempt = &w->attempts[world_recent(w)];

    if (reauth_state_is_active(attempt->state)) {
        attempt->state = next[chance(w, 5)];
    }
}


static void
bag_put(world_t *w, const reauth_fact_t *fact, int about)
{
    int  i;

    i = w->nfacts < BAG_MAX ? w->nfacts++ : (int) chance(w, BAG_MAX);

    w->bag[i].fact = *fact;
    w->bag[i].about = about;
}


/* what the upstream says of one of its attempts, now */

static void
world_say(world_t *w)
{
    int               i;
    reauth_fact_t     fact;
    world_attempt_t  *attempt;

    if (w->nattempts == 0) {
        return;
    }

    i = chance(w, 2) ? world_recent(w)
                     : (int) chance(w, (unsigned) w->nattempts);
    attempt = &w->attempts[i];

    fact_of(&fact, attempt->state, w->now_ms);

    switch (chance(w, 3)) {

    case 0:
        fact.source = REAUTH_SOURCE_WEBHOOK;
        fact.started_us = attempt->started_us;
        break;

    case 1:
        fact.started_us = attempt->started_us;

        /* fall through */

    default:
        fact.attempt = reauth_string_from(attempt->id);
    }

    bag_put(w, &fact, i);
}


/* began before the attempt that the record is about */

static int
model_is_older(world_t *w, int about)
{
    return about < w->model.after;
}


static void
world_take(world_t *w, const reauth_fact_t *said, int about)
{
    int                      closed;
    reauth_fact_t            fact;
    reauth_record_t          before;
    reauth_advance_result_t  rc;

    fact = *said;
    fact.now_ms = w->now_ms;
    fact.gate_max_ms = SHORT_MAX;
    fact.new_epoch = reauth_epoch_next(w->clock, w->now_ms);

    before = w->record;
    rc = apply(&w->record, &fact);

    closed = reauth_state_is_active(w->record.state);

    check(w, w->record.epoch >= before.epoch, "the epoch went back");

    if (rc != REAUTH_ADVANCE_APPLIED) {
        check(w, memcmp(&before, &w->record, sizeof(before)) == 0,
              "a fact that did not count changed something");
        return;
    }

    if (w->record.epoch > w->clock) {
        w->clock = w->record.epoch;
    }

    if (reauth_state_is_end(before.state)) {
        check(w, w->record.epoch > before.epoch, "an end was not final");
    }

    if (about == ABOUT_NONE) {

        /* it said by the epoch which one it is about */

        check(w, said->epoch == before.epoch && w->record.epoch == before.epoch,
              "a fact counted for another epoch");

        if (said->source == REAUTH_SOURCE_TIMER) {
            memset(&w->prior, 0, sizeof(model_t));
            w->model.closed = closed;
        }

        return;
    }

    if (before.state == REAUTH_STATE_STARTING) {

        check(w, w->record.state == REAUTH_STATE_STARTING
                 && w->record.epoch == before.epoch,
              "a fact of another attempt moved one that was being sent");
        check(w, about == w->prior.about, "another one's prior was changed");

        w->prior.closed = reauth_state_is_active(fact.state);
        return;
    }

    if (reauth_state_is_end(before.state) && !closed) {

        /* which of two ends is the later one moves no gate */

        w->model.about = about;
        w->model.after = about;
        return;
    }

    if (about == w->model.about) {
        check(w, w->record.epoch == before.epoch,
              "news of an attempt made another one of it");
        check(w, closed == (int) reauth_state_is_active(fact.state),
              "the gate does not follow its own attempt");

        w->model.closed = closed;
        return;
    }

    check(w, !model_is_older(w, about), "a fact of an older attempt counted");
    check(w, w->record.epoch > before.epoch,
          "a newer attempt took the epoch of an older one");

    w->model.about = about;
    w->model.after = about;
    w->model.closed = closed;
    w->model.deadline_ms = w->record.deadline_ms;
}


static void
world_begin(world_t *w)
{
    int                    same;
    uint8_t                print[REAUTH_FINGERPRINT_LEN];
    reauth_begin_t         begin;
    reauth_record_t        next, *record;
    reauth_begin_result_t  rc;

    record = &w->record;

    memset(print, 0, sizeof(print));
    print[0] = (uint8_t) (1 + chance(w, 3));

    begin_of(&begin, chance(w, 4) ? print : NULL, w->now_ms);
    begin.gate_max_ms = SHORT_MAX;
    begin.epoch = reauth_epoch_next(w->clock, w->now_ms);

    same = begin.fingerprint == NULL
           || (record->fingerprint_set && record->fingerprint[0] == print[0]);

    rc = reauth_attempt_begin(record, &begin, &next);

    if (record->state == REAUTH_STATE_STARTING
        && w->now_ms < record->since_ms + REAUTH_STARTING_MAX_MS)
    {
        check(w, rc == (same ? REAUTH_BEGIN_JOIN : REAUTH_BEGIN_WAIT),
              "two were sent at once");
        return;
    }

    if (rc == REAUTH_BEGIN_COALESCED) {
        check(w, same && w->model.closed && w->now_ms < w->model.deadline_ms,
              "coalesced with something else");
        return;
    }

    check(w, rc == REAUTH_BEGIN_STARTED, "an update waits for nothing");
    check(w, next.epoch > record->epoch, "a begin has an old epoch");

    w->prior = w->model;

    if (w->now_ms >= w->model.deadline_ms) {
        w->prior.closed = 0;
    }

    if (!w->prior.closed) {
        w->prior.about = ABOUT_NONE;
    }

    *record = next;
    w->clock = next.epoch;

    w->model.about = ABOUT_NONE;
    w->model.after = w->nattempts;
    w->model.closed = 1;
    w->model.deadline_ms = next.deadline_ms;

    w->sending = 1;
    w->sending_epoch = next.epoch;
    w->sent = ABOUT_NONE;
}


/* the upstream gets it, and may take it */

static void
world_arrive(world_t *w)
{
    if (!w->sending || w->sent != ABOUT_NONE || w->nattempts == WORLD_MAX
        || chance(w, 3) == 0)
    {
        return;
    }

    w->sent = world_new_attempt(w);

    if (w->record.epoch == w->sending_epoch) {
        w->model.about = w->sent;
    }
}


static void
world_settle(world_t *w)
{
    int            mine;
    reauth_fact_t  fact;

    if (!w->sending) {
        return;
    }

    w->sending = 0;
    mine = w->record.epoch == w->sending_epoch;

    fact_of(&fact, REAUTH_STATE_RUNNING, w->now_ms);
    fact.epoch = w->sending_epoch;
    fact.source = REAUTH_SOURCE_UPDATE;

    if (w->sent == ABOUT_NONE) {
        fact.state = chance(w, 3) ? REAUTH_STATE_REJECTED
                                  : REAUTH_STATE_UNKNOWN;

    } else if (chance(w, 4) == 0) {
        fact.state = REAUTH_STATE_UNKNOWN;

    } else {
        fact.attempt = reauth_string_from(w->attempts[w->sent].id);
    }

    if (!mine || reauth_state_is_end(w->record.state)) {
        world_take(w, &fact, ABOUT_NONE);
        return;
    }

    if (fact.state != REAUTH_STATE_REJECTED) {
        world_take(w, &fact, ABOUT_NONE);
        check(w, reauth_state_is_active(w->record.state),
              "an update that was sent did not keep the gate closed");
        return;
    }

    world_take(w, &fact, ABOUT_NONE);

    check(w, (int) reauth_state_is_active(w->record.state)
             == (w->prior.closed && w->now_ms < w->prior.deadline_ms),
          "after a rejected update the gate is not as before");

    if (w->record.state == REAUTH_STATE_REJECTED) {

        /* it is about nothing, and all that was before it is older */

        w->model.closed = 0;

    } else {
        w->model = w->prior;
        w->model.closed = reauth_state_is_active(w->record.state);
    }
}


static void
world_time(world_t *w)
{
    reauth_fact_t  fact;

    w->now_ms += chance(w, 20) == 0 ? (int64_t) chance(w, 100000)
                                    : (int64_t) chance(w, 900);

    if (reauth_attempt_overdue(&w->record, w->now_ms, &fact)) {

        /* another worker may have seen it too, and be slow to say so */

        if (chance(w, 2)) {
            bag_put(w, &fact, ABOUT_NONE);
        }

        if (chance(w, 3)) {
            world_take(w, &fact, ABOUT_NONE);
        }
    }
}


static void
world_step(world_t *w)
{
    int           i;
    world_fact_t  taken;

    switch (chance(w, 10)) {

    case 0:
        if (chance(w, 4) == 0) {
            world_begin(w);
        }

        break;

    case 1:
        world_arrive(w);
        break;

    case 2:
        world_settle(w);
        break;

    case 3:
        if (w->nattempts < WORLD_MAX && chance(w, 4) == 0) {
            (void) world_new_attempt(w);
        }

        break;

    case 4:
        world_move(w);
        break;

    case 5:
        world_time(w);
        break;

    case 6:
        world_say(w);
        break;

    default:
        world_say(w);

        if (w->nfacts == 0) {
            break;
        }

        i = (int) chance(w, (unsigned) w->nfacts);
        taken = w->bag[i];

        if (chance(w, 3) == 0) {
            w->bag[i] = w->bag[--w->nfacts];
        }

        world_take(w, &taken.fact, taken.about);
    }

    check(w, (int) reauth_state_is_active(w->record.state) == w->model.closed,
          "the gate is not what the model says");
}


/* what can be said of the attempt that is followed ends it after all */

static void
world_end(world_t *w)
{
    int            about;
    reauth_fact_t  fact;

    about = w->model.about;

    if (about == ABOUT_NONE || w->record.attempt[0] == '\0'
        || !reauth_state_is_active(w->record.state))
    {
        return;
    }

    w->attempts[about].state = REAUTH_STATE_SUCCEEDED;

    fact_of(&fact, REAUTH_STATE_SUCCEEDED, w->now_ms);
    fact.attempt = reauth_string_from(w->attempts[about].id);

    world_take(w, &fact, about);

    check(w, w->record.state == REAUTH_STATE_SUCCEEDED,
          "the attempt's own end did not open the gate");
}


static void
test_invariant(void **state)
{
    int       i, n, ends;
    world_t  *w;

    static world_t  world;

    (void) state;

    w = &world;
    ends = 0;

    for (n = 1; n <= RUNS; n++) {
        memset(w, 0, sizeof(world_t));

        w->seed = (uint64_t) n;
        w->random = (uint64_t) n * UINT64_C(0x9e3779b97f4a7c15);
        w->now_ms = NOW_MS;
        w->model.about = ABOUT_NONE;
        w->prior.about = ABOUT_NONE;
        w->sent = ABOUT_NONE;
        nothing(&w->record);

        for (i = 0; i < STEPS; i++) {
            world_step(w);
        }

        ends += reauth_state_is_end(w->record.state);
        world_end(w);
    }

    /* the worlds were worth it: neither stuck nor all at an end */

    assert_in_range(ends, RUNS / 10, RUNS * 9 / 10);
}


/* what would take no further room is never too much */

/* an update waits for another one, and shares the response to its like */

static void
test_joined(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char      *row;
        reauth_state_t   state;
        uint64_t         epoch;
        uint64_t         joined;
        int64_t          after;
        int              awaited;
        int              composed;
    } rows[] = {
        { "it is being sent", REAUTH_STATE_STARTING, 5, 5, 0, 1, 1 },
        { "any other is", REAUTH_STATE_STARTING, 5, 0, 0, 1, 0 },
        { "one that began since", REAUTH_STATE_STARTING, 6, 5, 0, 0, 0 },
        { "for too long", REAUTH_STATE_STARTING, 5, 5, GATE_MAX, 0, 0 },
        { "accepted", REAUTH_STATE_RUNNING, 5, 5, 0, 0, 1 },
        { "a person must act", REAUTH_STATE_NEEDS_APP, 5, 5, 0, 0, 1 },
        { "another was accepted", REAUTH_STATE_RUNNING, 6, 5, 0, 0, 0 },
        { "maybe not received", REAUTH_STATE_UNKNOWN, 5, 5, 0, 0, 0 },
        { "rejected", REAUTH_STATE_REJECTED, 5, 5, 0, 0, 0 },
        { "forgotten", REAUTH_STATE_FORGOTTEN, 5, 5, 0, 0, 0 },
        { "unknown account", REAUTH_STATE_NONE, 0, 5, 0, 0, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        nothing(&record);

        record.state = (uint8_t) rows[i].state;
        record.epoch = rows[i].epoch;
        record.deadline_ms = NOW_MS + GATE_MAX;

        if (reauth_attempt_is_awaited(&record, rows[i].joined, 0,
                                      NOW_MS + rows[i].after)
            != rows[i].awaited
            || reauth_attempt_is_joined(&record, rows[i].joined, 0,
                                        NOW_MS + rows[i].after)
               != rows[i].composed)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_begin_too_many(void **state)
{
    reauth_begin_t   begin;
    reauth_record_t  record, next;

    (void) state;

    memset(&record, 0, sizeof(reauth_record_t));

    begin_of(&begin, print_a, NOW_MS);

    begin.caller = reauth_string_from("crm");
    begin.bounded = 1;
    begin.callers = 1;
    begin.attempts = 2;
    begin.attempts_max = 2;
    begin.active = 2;
    begin.capacity = 100;

    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_TOO_MANY);

    begin.attempts = 1;
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_STARTED);

    begin.attempts = 2;
    begin.bounded = 0;
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_STARTED);

    /* its own active one */

    record = next;
    begin.bounded = 1;
    begin.fingerprint = print_b;

    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_WAIT);

    record.state = REAUTH_STATE_RUNNING;
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_STARTED);

    begin.fingerprint = print_a;
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_COALESCED);

    /* another caller's, and its own that has ended */

    begin.fingerprint = print_b;
    begin.caller = reauth_string_from("crm2");
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_TOO_MANY);

    begin.caller = reauth_string_from("crm");
    record.state = REAUTH_STATE_FAILED;
    assert_int_equal(reauth_attempt_begin(&record, &begin, &next),
                     REAUTH_BEGIN_TOO_MANY);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names_round_trip),
        cmocka_unit_test(test_result_names),
        cmocka_unit_test(test_active_and_end),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_revision),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_begin_first),
        cmocka_unit_test(test_begin_epoch_is_never_behind),
        cmocka_unit_test(test_begin_while_sending),
        cmocka_unit_test(test_begin_while_active),
        cmocka_unit_test(test_begin_after_an_end),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_settle_of_a_superseded_update),
        cmocka_unit_test(test_reject_first),
        cmocka_unit_test(test_reject_restores),
        cmocka_unit_test(test_reject_restores_an_end),
        cmocka_unit_test(test_reject_does_not_restore_overdue_attempt),
        cmocka_unit_test(test_reject_names_its_caller),
        cmocka_unit_test(test_kept_response),
        cmocka_unit_test(test_no_prior_after_settling),
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_end_is_final),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_error_is_removed_by_next_state),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_adopt_for_a_caller),
        cmocka_unit_test(test_adopt_newer_attempt),
        cmocka_unit_test(test_adopt_attempt_that_upstream_shows_as_running),
        cmocka_unit_test(test_an_old_end_after_an_expired_attempt),
        cmocka_unit_test(test_webhook_before_started_at_is_known),
        cmocka_unit_test(test_attempt_known_by_webhooks_only),
        cmocka_unit_test(test_poll_of_another_attempt_while_starting),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_begin_too_many),
        cmocka_unit_test(test_invariant)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
