
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

#include "reauth_failed.h"
#include "reauth_judge.h"


#define NOW_MS  INT64_C(1800000000000)
#define EPOCH   ((uint64_t) NOW_MS * REAUTH_EPOCH_TICKS)
#define MINUTE  60000
#define NEVER   REAUTH_FAILED_NEVER


static void
make(reauth_state_t record_state, reauth_action_t action, int64_t updated_ms,
    reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    strcpy(record->account, "acct_1");
    record->state = (uint8_t) record_state;
    record->action = (uint8_t) action;
    record->epoch = EPOCH;
    record->origin = 7;
    record->updated_ms = updated_ms;
}


static void
test_judge(void **state)
{
    size_t           i;
    reauth_failed_t  verdict;
    reauth_record_t  record;

    static const struct {
        const char              *row;
        reauth_state_t           state;
        reauth_action_t          action;
        reauth_override_gate_t   override;
        int64_t                  last_ms;     /* after NOW_MS, or NEVER */
        reauth_failed_t          verdict;
    } rows[] = {

        { "nothing is known", REAUTH_STATE_NONE, REAUTH_ACTION_NONE,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PASS },

        { "logged in", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PASS },

        { "a login is active", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PASS },

        { "an old action of an active login", REAUTH_STATE_RUNNING,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_NONE, NEVER,
          REAUTH_FAILED_PASS },

        { "expired", REAUTH_STATE_EXPIRED, REAUTH_ACTION_NONE,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PASS },

        { "failed without credentials", REAUTH_STATE_FAILED,
          REAUTH_ACTION_NONE, REAUTH_OVERRIDE_NONE, NEVER,
          REAUTH_FAILED_PASS },

        { "failed, another action", REAUTH_STATE_FAILED, REAUTH_ACTION_PERSON,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PASS },

        { "the first probe", REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS,
          REAUTH_OVERRIDE_NONE, NEVER, REAUTH_FAILED_PROBE },

        { "just probed", REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS,
          REAUTH_OVERRIDE_NONE, 0, REAUTH_FAILED_ANSWER },

        { "a millisecond too early", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_NONE, 1 - MINUTE,
          REAUTH_FAILED_ANSWER },

        { "after the interval", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_NONE, -MINUTE,
          REAUTH_FAILED_PROBE },

        { "the clock was set back", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_NONE, 1,
          REAUTH_FAILED_PROBE },

        { "kept open by a person", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_OPEN, 0,
          REAUTH_FAILED_EXEMPT },

        { "kept closed by a person", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, REAUTH_OVERRIDE_CLOSED, 0,
          REAUTH_FAILED_ANSWER },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, rows[i].action, NOW_MS, &record);

        verdict = reauth_failed_judge(&record, rows[i].override, MINUTE,
                                      rows[i].last_ms == NEVER
                                      ? NEVER : NOW_MS + rows[i].last_ms,
                                      NOW_MS);

        if (verdict != rows[i].verdict) {
            fail_msg("%s: %d", rows[i].row, verdict);
        }
    }
}


/* a thousand calls a minute, for an hour, in one place */

static void
test_rate(void **state)
{
    int64_t          now_ms, last_ms;
    unsigned         probes;
    reauth_record_t  record;

    (void) state;

    make(REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, NOW_MS, &record);

    last_ms = NEVER;
    probes = 0;

    for (now_ms = NOW_MS; now_ms < NOW_MS + 60 * MINUTE; now_ms += 60) {

        if (reauth_failed_judge(&record, REAUTH_OVERRIDE_NONE, MINUTE, last_ms,
                                now_ms)
            == REAUTH_FAILED_PROBE)
        {
            last_ms = reauth_failed_unpack(reauth_failed_pack(now_ms), now_ms);
            probes++;
        }
    }

    assert_int_equal(probes, 60);
}


static void
test_last(void **state)
{
    size_t           i;
    int64_t          last_ms;
    reauth_string_t  until;

    static const struct {
        const char  *until;
        int64_t      last_ms;                 /* after NOW_MS */
    } rows[] = {
        { "1800000030000", -MINUTE / 2 },
        { "1800000060000", 0 },               /* begins now */
        { "1800000060001", 0 },               /* of a longer interval */
        { "9999999999999", 0 },
        { "1800000000001", 1 - MINUTE },
        { "1800000000000", -MINUTE },         /* ends now */
        { "1799999999999", -MINUTE },         /* has ended */
        { "", -MINUTE },                      /* is gone */
        { "0", -MINUTE },
        { "18000000300000", 0 },              /* invalid */
        { "01800000030000", 0 },
        { "1800000030000x", 0 },
        { "180000003000x", 0 },
        { "-1", 0 },
        { " ", 0 },
        { "1", -MINUTE },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        until = reauth_string_from(rows[i].until);
        last_ms = reauth_failed_last(&until, MINUTE, NOW_MS);

        if (last_ms != NOW_MS + rows[i].last_ms) {
            fail_msg("\"%s\": %lld", rows[i].until,
                     (long long) (last_ms - NOW_MS));
        }
    }
}


static void
test_pack(void **state)
{
    size_t   i;
    int64_t  wraps_ms;

    static const int64_t  ages[] = {
        0, 1, 1000, MINUTE, REAUTH_FAILED_MAX, INT64_C(4294967295)
    };

    (void) state;

    assert_true(reauth_failed_unpack(0, NOW_MS) == NEVER);

    for (i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        assert_true(reauth_failed_unpack(reauth_failed_pack(NOW_MS - ages[i]),
                                         NOW_MS)
                    == NOW_MS - ages[i]);
    }

    /* the time that would be "never" is a millisecond later */

    wraps_ms = INT64_C(4294967296) * 419;
    assert_int_equal(reauth_failed_pack(wraps_ms), 1);
    assert_true(reauth_failed_unpack(1, wraps_ms + 5) == wraps_ms + 1);

    /* a clock that was set back: long ago, never in the future */

    assert_true(reauth_failed_unpack(reauth_failed_pack(NOW_MS + 1), NOW_MS)
                < NOW_MS - REAUTH_FAILED_MAX);
}


static void
test_works(void **state)
{
    size_t           i;
    reauth_fact_t    fact;
    reauth_called_t  called;
    reauth_record_t  record;

    static const struct {
        const char       *row;
        reauth_state_t    state;
        reauth_action_t   action;
        int64_t           sent_ms;            /* after the last change */
        reauth_called_t   called;
    } rows[] = {

        { "a probe", REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, 5,
          REAUTH_CALLED_FACT },

        { "sent when the failure was known", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, 0, REAUTH_CALLED_FACT },

        { "sent before the failure", REAUTH_STATE_FAILED,
          REAUTH_ACTION_CREDENTIALS, -1, REAUTH_CALLED_EARLIER },

        { "known already", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, 5,
          REAUTH_CALLED_KNOWN },

        { "a login is active", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE, 5,
          REAUTH_CALLED_KNOWN },

        { "a person must act", REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP, 5,
          REAUTH_CALLED_KNOWN },

        { "failed otherwise", REAUTH_STATE_FAILED, REAUTH_ACTION_NONE, 5,
          REAUTH_CALLED_KNOWN },

        { "forgotten", REAUTH_STATE_FORGOTTEN, REAUTH_ACTION_NONE, 5,
          REAUTH_CALLED_KNOWN },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, rows[i].action, NOW_MS, &record);

        called = reauth_judge_works(&record, NOW_MS + rows[i].sent_ms,
                                    NOW_MS + 9, &fact);

        if (called != rows[i].called) {
            fail_msg("%s: %d", rows[i].row, called);
        }

        if (called == REAUTH_CALLED_FACT) {
            assert_int_equal(fact.state, REAUTH_STATE_SUCCEEDED);
            assert_int_equal(fact.source, REAUTH_SOURCE_CALL);
            assert_int_equal(fact.action, REAUTH_ACTION_NONE);
            assert_true(fact.now_ms == NOW_MS + 9);
        }
    }
}


/* the success is an attempt of its own; what has come meanwhile is kept */

static void
test_advance(void **state)
{
    reauth_fact_t       fact;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    (void) state;

    memset(&stored, 0, sizeof(reauth_stored_t));
    make(REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, NOW_MS,
         &stored.record);
    strcpy(stored.record.error_code, REAUTH_SESSION_EXPIRED);
    stored.origin = 9;
    stored.epoch = EPOCH;

    assert_int_equal(reauth_judge_works(&stored.record, NOW_MS, NOW_MS + 9,
                                        &fact),
                     REAUTH_CALLED_FACT);
    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(verdict.record.state, REAUTH_STATE_SUCCEEDED);
    assert_int_equal(verdict.record.action, REAUTH_ACTION_NONE);
    assert_int_equal(verdict.record.source, REAUTH_SOURCE_CALL);
    assert_string_equal(verdict.record.error_code, "");
    assert_true(verdict.record.epoch > EPOCH);

    /* an update was begun, or the account failed again, as another attempt */

    stored.record.epoch = EPOCH + 2;
    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_STALE);

    stored.record.epoch = EPOCH;
    stored.record.origin = 8;
    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_STALE);

    /* a person has forgotten the account */

    stored.record.origin = fact.origin;
    stored.record.state = REAUTH_STATE_FORGOTTEN;
    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_STALE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_works),
        cmocka_unit_test(test_advance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
