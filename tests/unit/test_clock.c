
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reauth_clock.h"


#define HOUR  INT64_C(3600000)
#define NOW   INT64_C(1795872331000)


/* Redis replied NOW, between 50,000 and 50,000 + trip */

static reauth_clock_sample_t
sample(int64_t trip)
{
    reauth_clock_sample_t  s;

    s.sent_ms = 50000;
    s.received_ms = 50000 + trip;
    s.time_ms = NOW;

    return s;
}


static void
test_wrong_offset(void **state)
{
    int64_t                offset, right;
    reauth_clock_sample_t  s;

    (void) state;

    s = sample(40);
    right = NOW - 50020;

    for (offset = right - 2 * HOUR; offset <= right + 2 * HOUR;
         offset += HOUR)
    {
        assert_in_range(reauth_clock_correct(&s, offset) - right + 20, 0, 40);
    }

    assert_int_equal(reauth_clock_correct(&s, right + 2 * HOUR), right);
    assert_int_equal(reauth_clock_correct(&s, right - 2 * HOUR), right);
    assert_int_equal(reauth_clock_correct(&s, 0), right);
}


/* a long round trip says little, and does not make a good offset worse */

static void
test_possible_offset(void **state)
{
    int64_t                least, most;
    reauth_clock_sample_t  s;

    (void) state;

    s = sample(3000);
    least = NOW - 53000 - REAUTH_CLOCK_GRAIN_MS;
    most = NOW - 50000 + REAUTH_CLOCK_GRAIN_MS;

    assert_int_equal(reauth_clock_correct(&s, least), least);
    assert_int_equal(reauth_clock_correct(&s, least + 1), least + 1);
    assert_int_equal(reauth_clock_correct(&s, most), most);

    assert_int_equal(reauth_clock_correct(&s, least - 1), NOW - 51500);
    assert_int_equal(reauth_clock_correct(&s, most + 1), NOW - 51500);
}


static void
test_shorter(void **state)
{
    reauth_clock_sample_t  a, b;

    (void) state;

    a = sample(3);
    b = sample(4);
    b.sent_ms += HOUR;
    b.received_ms += HOUR;

    assert_true(reauth_clock_shorter(&a, &b));
    assert_false(reauth_clock_shorter(&b, &a));
    assert_false(reauth_clock_shorter(&a, &a));
}


static void
test_jumped(void **state)
{
    (void) state;

    assert_false(reauth_clock_jumped(0, 1000));
    assert_false(reauth_clock_jumped(0, -1000));
    assert_true(reauth_clock_jumped(0, 1001));
    assert_true(reauth_clock_jumped(0, -1001));
    assert_true(reauth_clock_jumped(2 * HOUR, 0));
    assert_false(reauth_clock_jumped(2 * HOUR, 2 * HOUR + 5));
}


/* the record of an attempt that began at NOW */

static void
begun(reauth_record_t *record, reauth_state_t state)
{
    memset(record, 0, sizeof(reauth_record_t));

    record->epoch = 2048;
    record->state = state;
    record->since_ms = NOW;
}


static void
test_move(void **state)
{
    reauth_record_t  record;

    (void) state;

    begun(&record, REAUTH_STATE_RUNNING);
    record.updated_ms = NOW + 5;
    record.deadline_ms = NOW + 900000;
    record.accepted_ms = NOW + 4;
    record.started_us = NOW * 1000 + 7;

    reauth_clock_move(&record, NOW - 1, -2 * HOUR);

    assert_int_equal(record.since_ms, NOW - 2 * HOUR);
    assert_int_equal(record.updated_ms, NOW + 5 - 2 * HOUR);
    assert_int_equal(record.deadline_ms, NOW + 900000 - 2 * HOUR);
    assert_int_equal(record.accepted_ms, NOW + 4 - 2 * HOUR);
    assert_int_equal(record.started_us, NOW * 1000 + 7);

    /* what is not known remains so */

    assert_int_equal(record.stepped_ms, 0);
    assert_int_equal(record.polled_ms, 0);
    assert_int_equal(record.completed_us, 0);

    /* an epoch is never smaller than it was */

    assert_int_equal(record.epoch, 2048);
}


static void
test_move_ended(void **state)
{
    reauth_record_t  record;

    (void) state;

    begun(&record, REAUTH_STATE_EXPIRED);
    record.updated_ms = NOW + 900100;
    record.deadline_ms = NOW + 900000;
    record.completed_us = record.deadline_ms * 1000;

    reauth_clock_move(&record, NOW - 1, HOUR);
    assert_int_equal(record.completed_us, (NOW + 900000 + HOUR) * 1000);

    /* the upstream's own */

    record.completed_us = NOW * 1000 + 123456;
    reauth_clock_move(&record, NOW - 1, HOUR);
    assert_int_equal(record.completed_us, NOW * 1000 + 123456);
}


/* begun elsewhere: since when is what the upstream said */

static void
test_move_foreign(void **state)
{
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(reauth_record_t));

    record.epoch = 2049;
    record.state = REAUTH_STATE_RUNNING;
    record.since_ms = NOW;
    record.updated_ms = NOW + 5;
    record.deadline_ms = NOW + 900000;

    reauth_clock_move(&record, NOW - 1, HOUR);

    assert_int_equal(record.since_ms, NOW);
    assert_int_equal(record.deadline_ms, NOW + 900000);
    assert_int_equal(record.updated_ms, NOW + 5 + HOUR);
}


/* what began at the time of the measurement may have been counted by it */

static void
test_unmeasured(void **state)
{
    (void) state;

    assert_true(reauth_clock_is_unmeasured(NOW, NOW - 1));
    assert_false(reauth_clock_is_unmeasured(NOW, NOW));
    assert_false(reauth_clock_is_unmeasured(NOW, NOW + 1));

    /* never measured */

    assert_true(reauth_clock_is_unmeasured(NOW, 0));
}


/* what a rejected update restores */

static void
test_move_prior(void **state)
{
    reauth_record_t  record;

    (void) state;

    begun(&record, REAUTH_STATE_STARTING);
    record.since_ms = NOW + 600000;
    record.prior.state = REAUTH_STATE_RUNNING;
    record.prior.since_ms = NOW;
    record.prior.deadline_ms = NOW + 900000;
    record.prior.started_us = NOW * 1000 + 2000007;

    reauth_clock_move(&record, NOW - 1, HOUR);
    assert_int_equal(record.prior.since_ms, NOW + HOUR);
    assert_int_equal(record.prior.deadline_ms, NOW + 900000 + HOUR);
    assert_int_equal(record.prior.started_us, NOW * 1000 + 2000007);

    /* begun before the measurement */

    reauth_clock_move(&record, NOW + 2 * HOUR, HOUR);
    assert_int_equal(record.prior.since_ms, NOW + HOUR);
    assert_int_equal(record.prior.deadline_ms, NOW + 900000 + HOUR);

    /* begun elsewhere */

    record.prior.since_ms = NOW + 2000;
    reauth_clock_move(&record, NOW - 1, HOUR);
    assert_int_equal(record.prior.since_ms, NOW + 2000);
    assert_int_equal(record.prior.deadline_ms, NOW + 900000 + HOUR);

    /* there is none */

    begun(&record, REAUTH_STATE_STARTING);
    reauth_clock_move(&record, NOW - 1, HOUR);
    assert_int_equal(record.prior.since_ms, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_wrong_offset),
        cmocka_unit_test(test_possible_offset),
        cmocka_unit_test(test_shorter),
        cmocka_unit_test(test_jumped),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_move_ended),
        cmocka_unit_test(test_move_foreign),
        cmocka_unit_test(test_unmeasured),
        cmocka_unit_test(test_move_prior),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
