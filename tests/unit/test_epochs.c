
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
#include "reauth_judge.h"
#include "reauth_record.h"

#include "apply.h"


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
test_poll_sent_before_the_attempt(void **state)
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
test_started_at_of_the_previous_attempt(void **state)
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
test_poll_about_the_previous_attempt(void **state)
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


/*
 * Two gateways with equal bits that cannot reach each other begin updates of
 * one account in the same millisecond: whatever comes first, no fact about one
 * attempt is applied to the other, and both agree in the end.
 */

#define ORIGIN  (REAUTH_ORIGIN_MADE + 2)

typedef struct {
    reauth_stored_t  stored;
    reauth_begin_t   begin;
    unsigned         done;          /* by bits: what it has done */
} gateway_t;


typedef struct {
    gateway_t        gateways[2];
    reauth_record_t  redis;         /* state NONE: empty */
} world_t;


enum {
    BEGINS = 0,
    IS_SETTLED,
    ENDS,
    IS_TOLD,
    EXCHANGES,
    STEPS
};


static const char  *names[] = { "auth_one", "auth_two" };
static unsigned     collisions;


static void
store(gateway_t *gateway, const reauth_judgement_t *verdict)
{
    if (verdict->write != REAUTH_WRITE_NOTHING) {
        gateway->stored.record = verdict->record;
        gateway->stored.dirty = verdict->dirty;
    }
}


static void
step_begins(gateway_t *gateway, int i)
{
    reauth_judgement_t  verdict;

    static const uint8_t  fingerprints[2][REAUTH_FINGERPRINT_LEN] = {
        { 1 }, { 2 }
    };

    memset(&gateway->begin, 0, sizeof(reauth_begin_t));

    gateway->begin.now_ms = NOW;
    gateway->begin.gate_max_ms = GATE_MAX;
    gateway->begin.source = REAUTH_SOURCE_UPDATE;
    gateway->begin.account = reauth_string_from("acct_1");
    gateway->begin.fingerprint = fingerprints[i];
    gateway->begin.resend = 1;

    if (reauth_judge_begin(&gateway->stored, &gateway->begin, NULL, &verdict)
        != REAUTH_BEGIN_STARTED)
    {
        /* the other one is being sent, as it knows by now */

        gateway->done = ~0U;
        return;
    }

    store(gateway, &verdict);
}


static void
step_fact(gateway_t *gateway, int i, int step)
{
    reauth_fact_t            fact;
    reauth_record_t          before;
    reauth_judgement_t       verdict;
    reauth_advance_result_t  result;

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.now_ms = NOW + 100 * step;
    fact.gate_max_ms = GATE_MAX;
    fact.epoch = gateway->begin.epoch;
    fact.origin = gateway->begin.origin;

    switch (step) {

    case IS_SETTLED:
        fact.source = REAUTH_SOURCE_UPDATE;
        fact.state = REAUTH_STATE_RUNNING;
        fact.attempt = reauth_string_from(names[i]);
        break;

    case ENDS:
        fact.source = REAUTH_SOURCE_TIMER;
        fact.state = REAUTH_STATE_FAILED;
        break;

    default: /* IS_TOLD: a poll without a result */
        fact.source = REAUTH_SOURCE_POLLER;
        fact.polled = 1;
        fact.poll_error = REAUTH_POLL_ERROR_UNREADABLE;
        fact.lost = 1;
    }

    before = gateway->stored.record;

    result = reauth_judge_advance(&gateway->stored, &fact, &verdict);

    if (before.origin != gateway->begin.origin) {
        assert_int_not_equal(result, REAUTH_ADVANCE_APPLIED);
    }

    store(gateway, &verdict);
}


static void
step_exchanges(world_t *world, gateway_t *gateway)
{
    reauth_judgement_t      verdict;
    reauth_merge_result_t   result;

    if (gateway->stored.record.state == REAUTH_STATE_NONE
        && world->redis.state == REAUTH_STATE_NONE)
    {
        return;
    }

    result = REAUTH_MERGE_OURS;

    if (world->redis.state != REAUTH_STATE_NONE) {
        result = reauth_judge_merge(&gateway->stored, &world->redis, 1,
                                    &verdict);
        store(gateway, &verdict);
    }

    if (result == REAUTH_MERGE_OURS) {
        gateway->stored.record.revision = world->redis.revision + 1;
        gateway->stored.dirty = 0;
        world->redis = gateway->stored.record;
    }
}


/* what an attempt is made of is of one gateway */

static void
check_record(const reauth_record_t *record)
{
    int  i;

    if (record->state == REAUTH_STATE_NONE) {
        return;
    }

    i = record->origin == ORIGIN ? 0 : 1;

    assert_true(record->origin == ORIGIN + (uint64_t) i);
    assert_true(record->attempt[0] == '\0'
                || strcmp(record->attempt, names[i]) == 0);

    if (record->fingerprint_set) {
        assert_int_equal(record->fingerprint[0], i + 1);
    }
}


static void
check_world(const world_t *before)
{
    int      i;
    world_t  world;

    check_record(&before->gateways[0].stored.record);
    check_record(&before->gateways[1].stored.record);
    check_record(&before->redis);

    if (before->gateways[0].begin.epoch == before->gateways[1].begin.epoch
        && before->gateways[0].begin.epoch != 0)
    {
        collisions++;
    }

    world = *before;

    for (i = 0; i < 4; i++) {
        step_exchanges(&world, &world.gateways[i % 2]);
    }

    assert_int_equal(reauth_attempt_compare(&world.gateways[0].stored.record,
                                            &world.gateways[1].stored.record),
                     0);
    assert_true(world.gateways[0].stored.record.origin
                == world.gateways[1].stored.record.origin);
    assert_true(world.gateways[0].stored.record.state
                == world.gateways[1].stored.record.state);
}


static void
explore(const world_t *before, int depth)
{
    int         i, step;
    world_t     world;
    gateway_t  *gateway;

    check_world(before);

    if (depth == 0) {
        return;
    }

    for (i = 0; i < 2; i++) {

        for (step = BEGINS; step < STEPS; step++) {
            world = *before;
            gateway = &world.gateways[i];

            if (step != EXCHANGES) {

                if ((gateway->done & 1U << step)
                    || (step != BEGINS && !(gateway->done & 1U << BEGINS)))
                {
                    continue;
                }

                gateway->done |= 1U << step;
            }

            if (step == BEGINS) {
                step_begins(gateway, i);

            } else if (step == EXCHANGES) {
                step_exchanges(&world, gateway);

            } else {
                step_fact(gateway, i, step);
            }

            explore(&world, depth - 1);
        }
    }
}


static void
world_init(world_t *world)
{
    int  i;

    memset(world, 0, sizeof(world_t));

    for (i = 0; i < 2; i++) {
        strcpy(world->gateways[i].stored.record.account, "acct_1");
        world->gateways[i].stored.has_redis = 1;
        world->gateways[i].stored.capacity = 100;
        world->gateways[i].stored.salt = 6;
        world->gateways[i].stored.origin = ORIGIN + (uint64_t) i;
    }
}


static void
test_equal_bits(void **state)
{
    world_t  world;

    (void) state;

    world_init(&world);
    explore(&world, 7);

    assert_true(collisions > 1000);
}


/* the second one to reach Redis gets another epoch before it is sent */

static void
test_equal_bits_in_redis(void **state)
{
    world_t             world;
    gateway_t          *one, *two;
    reauth_judgement_t  verdict;

    (void) state;

    world_init(&world);
    one = &world.gateways[0];
    two = &world.gateways[1];

    step_begins(one, 0);
    step_begins(two, 1);
    assert_true(one->begin.epoch == two->begin.epoch);

    world.redis = one->stored.record;
    world.redis.revision = 1;

    assert_int_equal(reauth_judge_begin(&two->stored, &two->begin,
                                        &world.redis, &verdict),
                     REAUTH_BEGIN_WAIT);
    assert_true(verdict.record.origin == ORIGIN);
    assert_true(two->begin.epoch > one->begin.epoch);

    /* its own begin, which the clerk has written, is none of another one */

    assert_int_equal(reauth_judge_begin(&one->stored, &one->begin,
                                        &world.redis, &verdict),
                     REAUTH_BEGIN_STARTED);
    assert_true(verdict.record.epoch == one->begin.epoch);
    assert_int_equal(verdict.dirty, 0);
}


static void
test_origins_are_kept(void **state)
{
    size_t           i, event;
    uint8_t          text[REAUTH_RECORD_TEXT_MAX];
    reauth_record_t  record, decoded;
    reauth_string_t  encoded;

    static const uint64_t  numbers[] = {
        0, 1, REAUTH_ORIGIN_MADE - 1, REAUTH_ORIGIN_MADE, UINT64_MAX
    };

    (void) state;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        accepted(&record);
        record.origin = reauth_origin_make(numbers[i]);

        assert_true(record.origin > REAUTH_ORIGIN_UPSTREAM);

        encoded.data = text;
        encoded.len = reauth_record_encode(&record, text, &event);

        assert_int_equal(reauth_record_decode(&encoded, &decoded), 0);
        assert_true(decoded.origin == record.origin);
    }
}


/* gateways of earlier versions do not write the origin */

static void
test_no_origin(void **state)
{
    reauth_record_t  a, b;

    (void) state;

    accepted(&a);
    a.origin = ORIGIN;
    b = a;
    b.origin = 0;

    assert_int_equal(reauth_attempt_compare(&a, &b), 0);
    assert_true(reauth_attempt_same(&a, &b));
    assert_true(reauth_epoch_is(&b, a.epoch, a.origin));
    assert_true(reauth_epoch_is(&a, b.epoch, b.origin));

    b.origin = ORIGIN + 1;

    assert_int_equal(reauth_attempt_compare(&a, &b), -1);
    assert_int_equal(reauth_attempt_compare(&b, &a), 1);
    assert_false(reauth_attempt_same(&a, &b));
    assert_false(reauth_epoch_is(&a, b.epoch, b.origin));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_poll_sent_before_the_attempt),
        cmocka_unit_test(test_asked_while_sending),
        cmocka_unit_test(test_asked_unknown),
        cmocka_unit_test(test_first_poll),
        cmocka_unit_test(test_started_at_of_the_previous_attempt),
        cmocka_unit_test(test_poll_about_the_previous_attempt),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_equal_bits),
        cmocka_unit_test(test_equal_bits_in_redis),
        cmocka_unit_test(test_origins_are_kept),
        cmocka_unit_test(test_no_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
