
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

#include "reauth_attempt.h"
#include "reauth_retry_after.h"


#define SECOND  1000LL


static unsigned
noise(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;

    return *seed >> 8;
}


static reauth_wait_t
wait_of(int64_t age_ms, int64_t typical_ms)
{
    reauth_wait_t  wait;

    memset(&wait, 0, sizeof(reauth_wait_t));

    wait.state = REAUTH_STATE_RUNNING;
    wait.age_ms = age_ms;
    wait.typical_ms = typical_ms;
    wait.deadline_ms = 900 * SECOND - age_ms;
    wait.min = 2;
    wait.max = 60;

    return wait;
}


static void
range_of(const reauth_wait_t *wait, unsigned *least, unsigned *most)
{
    unsigned  random, told;

    *least = UINT32_MAX;
    *most = 0;

    for (random = 0; random < 1000; random++) {
        told = reauth_retry_after(wait, random);

        *least = told < *least ? told : *least;
        *most = told > *most ? told : *most;
    }

    assert_true(*least >= wait->min);
    assert_true(*most <= wait->max);
}


static void
check(int64_t age, int64_t typical, unsigned least, unsigned most)
{
    unsigned       low, high;
    reauth_wait_t  wait;

    wait = wait_of(age * SECOND, typical * SECOND);
    range_of(&wait, &low, &high);

    if (low != least || high != most) {
        print_message("age %d, typical %d: %u to %u\n", (int) age,
                      (int) typical, low, high);
    }

    assert_int_equal(low, least);
    assert_int_equal(high, most);
}


static void
test_remaining_time_plus_up_to_half(void **state)
{
    (void) state;

    check(0, 16, 18, 27);
    check(8, 16, 10, 15);
    check(14, 16, 4, 6);

    /* near the upper bound a little less */

    check(0, 48, 54, 60);
    check(0, 95, 54, 60);
    check(50, 95, 54, 60);
    check(70, 95, 37, 55);
    check(90, 95, 17, 25);
}


static void
test_grows_with_age_of_long_attempt(void **state)
{
    int64_t        age;
    unsigned       low, high, last;
    reauth_wait_t  wait;

    (void) state;

    /* nothing is known of such logins */

    check(0, 0, 2, 3);
    check(4, 0, 2, 3);
    check(40, 0, 10, 15);
    check(95, 0, 24, 36);
    check(600, 0, 54, 60);

    check(20, 16, 5, 7);
    check(95, 16, 24, 36);

    last = 0;

    for (age = 16; age < 800; age++) {
        wait = wait_of(age * SECOND, 16 * SECOND);
        range_of(&wait, &low, &high);

        assert_true(low >= last);
        last = low;
    }
}


static void
test_within_the_bounds(void **state)
{
    int64_t        age;
    unsigned       low, high;
    reauth_wait_t  wait;

    (void) state;

    for (age = -5; age < 1000; age++) {
        wait = wait_of(age * SECOND, 95 * SECOND);
        range_of(&wait, &low, &high);

        wait.min = wait.max = 5;
        range_of(&wait, &low, &high);

        wait.min = 58;
        wait.max = 60;
        range_of(&wait, &low, &high);

        wait.min = 1;
        wait.max = 2;
        range_of(&wait, &low, &high);

        wait.state = REAUTH_STATE_NEEDS_OTP;
        range_of(&wait, &low, &high);
    }

    /* the gate opens then anyway */

    wait = wait_of(890 * SECOND, 95 * SECOND);
    range_of(&wait, &low, &high);
    assert_int_equal(low, 10);
    assert_int_equal(high, 15);
}


static void
test_when_a_person_must_act(void **state)
{
    unsigned       s, low, high;
    reauth_wait_t  wait;

    (void) state;

    for (s = REAUTH_STATE_NEEDS_OTP; s <= REAUTH_STATE_NEEDS_PERSON; s++) {
        wait = wait_of(20 * SECOND, 95 * SECOND);
        wait.state = s;

        range_of(&wait, &low, &high);
        assert_int_equal(low, 30);
        assert_int_equal(high, 60);
    }
}


/*
 * An SDK calls once and retries twice, each time after as long as it was told.
 * Returns whether one of the three is made after the login has ended.
 */

static unsigned
call_passes(int64_t at_ms, int64_t typical_ms, int64_t took_ms, unsigned *seed)
{
    unsigned       tries, told;
    reauth_wait_t  wait;

    for (tries = 0; tries < 3; tries++) {

        if (at_ms >= took_ms) {
            return 1;
        }

        wait = wait_of(at_ms, typical_ms);
        told = reauth_retry_after(&wait, noise(seed));

        /* the Python SDK honors no other value */

        assert_true(told > 0 && told <= 60);

        at_ms += told * SECOND;
    }

    return 0;
}


static void
test_default_sdk_survives_login_of_95_seconds(void **state)
{
    int64_t   at_ms;
    unsigned  i, seed;

    (void) state;

    seed = 1;

    for (at_ms = 0; at_ms < 95 * SECOND; at_ms += 50) {
        for (i = 0; i < 50; i++) {
            assert_true(call_passes(at_ms, 95 * SECOND, 95 * SECOND, &seed));
        }
    }
}


/* shorter and longer ones, too, as they are learned */

static void
test_default_sdk_survives_logins_of_learned_duration(void **state)
{
    int64_t   took, typical, at_ms;
    unsigned  i, seed, calls, passed;

    (void) state;

    seed = 7;
    typical = 95 * SECOND;
    calls = passed = 0;

    for (i = 0; i < 20000; i++) {
        took = 90 * SECOND + noise(&seed) % (10 * SECOND);
        at_ms = noise(&seed) % took;

        calls++;
        passed += call_passes(at_ms, typical, took, &seed);

        typical = (typical * 7 + took) / 8;
    }

    assert_int_equal(passed, calls);

    for (took = SECOND; took <= 95 * SECOND; took += SECOND) {
        for (i = 0; i < 200; i++) {
            at_ms = noise(&seed) % took;
            assert_true(call_passes(at_ms, took, took, &seed));
        }
    }
}


static void
test_learn(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char      *row;
        reauth_state_t   state;
        int64_t          typical_ms;
        int64_t          took_ms;
        int64_t          learned_ms;
    } rows[] = {
        { "the first", REAUTH_STATE_SUCCEEDED, 0, 95000, 95000 },
        { "a longer one", REAUTH_STATE_SUCCEEDED, 80000, 160000, 90000 },
        { "a shorter one", REAUTH_STATE_SUCCEEDED, 80000, 8000, 71000 },
        { "one that failed", REAUTH_STATE_FAILED, 80000, 160000, 80000 },
        { "one in progress", REAUTH_STATE_RUNNING, 80000, 160000, 80000 },
        { "no time", REAUTH_STATE_SUCCEEDED, 80000, 0, 80000 },
        { "a clock that was set", REAUTH_STATE_SUCCEEDED, 80000, -1, 80000 },
        { "an hour", REAUTH_STATE_SUCCEEDED, 0, 3600000, 3600000 },
        { "more than an hour", REAUTH_STATE_SUCCEEDED, 80000, 3600001, 80000 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&record, 0, sizeof(reauth_record_t));
        record.state = (uint8_t) rows[i].state;
        record.since_ms = 1763985600000;
        record.updated_ms = record.since_ms + rows[i].took_ms;

        if (reauth_retry_after_learn(rows[i].typical_ms, &record)
            != rows[i].learned_ms)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_learn),
        cmocka_unit_test(test_remaining_time_plus_up_to_half),
        cmocka_unit_test(test_grows_with_age_of_long_attempt),
        cmocka_unit_test(test_within_the_bounds),
        cmocka_unit_test(test_when_a_person_must_act),
        cmocka_unit_test(test_default_sdk_survives_login_of_95_seconds),
        cmocka_unit_test(test_default_sdk_survives_logins_of_learned_duration)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
