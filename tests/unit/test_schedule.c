
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_schedule.h"


#define NOW_MS    1763985600000LL    /* 2025-11-24T12:00:00Z */
#define SECOND    1000LL
#define MINUTE    (60 * SECOND)
#define HOUR      (60 * MINUTE)

/* "random" that leaves the interval as it is */
#define NO_JITTER  200


static const reauth_schedule_t  schedule = { 2000, 30000 };


/* an attempt's life upstream: from "at" on it is so, and a caller may say so */

typedef struct {
    int64_t          at;
    reauth_state_t   state;
    const char      *error_code;
    unsigned         code;           /* a caller hands a 2FA code in */
} chapter_t;


typedef struct {
    reauth_record_t  record;
    unsigned         polls;
    int64_t          longest;        /* between two polls */
    int64_t          noticed;        /* the end, after it was one */
    int64_t          opened;         /* the gate, since the beginning */
} life_t;


static void
record_of(reauth_record_t *record, reauth_state_t state, int64_t updated_ms)
{
    memset(record, 0, sizeof(reauth_record_t));

    memcpy(record->attempt, "auth_1", sizeof("auth_1"));

    record->state = (uint8_t) state;
    record->since_ms = NOW_MS;
    record->updated_ms = updated_ms;
    record->deadline_ms = NOW_MS + HOUR;
}


static int64_t
interval_of(reauth_state_t state, int64_t quiet, unsigned random)
{
    reauth_record_t  record;

    record_of(&record, state, NOW_MS);

    return reauth_schedule_next(&schedule, &record, NOW_MS + quiet, random)
           - (NOW_MS + quiet);
}


static void
test_intervals(void **state)
{
    int64_t  quiet, interval, last;

    (void) state;

    assert_int_equal(interval_of(REAUTH_STATE_RUNNING, 0, NO_JITTER), 2000);
    assert_int_equal(interval_of(REAUTH_STATE_NEEDS_OTP, 0, NO_JITTER), 2000);
    assert_int_equal(interval_of(REAUTH_STATE_UNKNOWN, 0, NO_JITTER), 2000);

    /* slower as nothing happens, and never slower than the longest */

    last = 0;

    for (quiet = 0; quiet < HOUR; quiet += 7 * SECOND) {
        interval = interval_of(REAUTH_STATE_RUNNING, quiet, NO_JITTER);

        assert_true(interval >= last);
        assert_true(interval >= schedule.interval_ms);
        assert_true(interval <= schedule.max_interval_ms);

        /* and slower where a person must act */

        assert_true(interval_of(REAUTH_STATE_NEEDS_OTP, quiet, NO_JITTER)
                    >= interval);
        assert_true(interval_of(REAUTH_STATE_NEEDS_FACE, quiet, NO_JITTER)
                    >= interval);
        assert_true(interval_of(REAUTH_STATE_NEEDS_APP, quiet, NO_JITTER)
                    >= interval);

        last = interval;
    }

    assert_int_equal(last, 30000);

    assert_int_equal(interval_of(REAUTH_STATE_RUNNING, 12 * SECOND, NO_JITTER),
                     3500);
    assert_int_equal(interval_of(REAUTH_STATE_NEEDS_OTP, 12 * SECOND,
                                 NO_JITTER),
                     6000);

    /* a clock that is behind the one of who wrote the record */

    assert_int_equal(interval_of(REAUTH_STATE_RUNNING, -MINUTE, NO_JITTER),
                     2000);
}


static void
test_jitter(void **state)
{
    int64_t   interval, least, most;
    unsigned  random;

    (void) state;

    least = HOUR;
    most = 0;

    for (random = 0; random < 5000; random++) {
        interval = interval_of(REAUTH_STATE_RUNNING, HOUR, random);

        assert_true(interval >= 24000);
        assert_true(interval <= 36000);

        least = interval < least ? interval : least;
        most = interval > most ? interval : most;
    }

    /* all of the fifth to both sides is made use of */

    assert_int_equal(least, 24000);
    assert_int_equal(most, 36000);

    assert_true(interval_of(REAUTH_STATE_RUNNING, 0, UINT32_MAX) <= 2400);
}


/* nothing to poll: the list of accounts tells, and is not in the queue */

static void
test_listed(void **state)
{
    reauth_record_t  record;

    (void) state;

    record_of(&record, REAUTH_STATE_RUNNING, NOW_MS);
    record.attempt[0] = '\0';
    assert_true(reauth_schedule_next(&schedule, &record, NOW_MS, NO_JITTER)
                == record.deadline_ms);

    record_of(&record, REAUTH_STATE_UNKNOWN, NOW_MS);
    record.lost = REAUTH_LOST_MAX;
    assert_true(reauth_schedule_next(&schedule, &record, NOW_MS, NO_JITTER)
                == record.deadline_ms);

    record.lost = REAUTH_LOST_MAX - 1;
    assert_true(reauth_schedule_next(&schedule, &record, NOW_MS, NO_JITTER)
                == NOW_MS + 2000);

    /* a Fansly account is polled by its own id */

    record.attempt[0] = '\0';
    memcpy(record.account, "fansly_acct_1", sizeof("fansly_acct_1"));
    assert_true(reauth_schedule_next(&schedule, &record, NOW_MS, NO_JITTER)
                == NOW_MS + 2000);

    /* nothing of Fanvue is polled */

    memcpy(record.account, "fanvue_acct_1", sizeof("fanvue_acct_1"));
    assert_true(reauth_schedule_next(&schedule, &record, NOW_MS, NO_JITTER)
                == record.deadline_ms);
}


/* whoever sends it settles it; a poll could not tell of which attempt */

static void
test_starting(void **state)
{
    reauth_record_t  record;

    (void) state;

    record_of(&record, REAUTH_STATE_STARTING, NOW_MS);

    assert_int_equal(reauth_schedule_next(&schedule, &record, NOW_MS + 5, 17),
                     NOW_MS + REAUTH_STARTING_MAX_MS);
}


static void
fact_of(reauth_fact_t *fact, const chapter_t *chapter, int64_t now_ms)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->attempt = reauth_string_from("auth_1");
    fact->source = REAUTH_SOURCE_POLLER;
    fact->state = chapter->state;
    fact->started_us = NOW_MS * 1000;

    if (chapter->error_code != NULL) {
        fact->error_code = reauth_string_from(chapter->error_code);
    }
}


static void
tell(reauth_record_t *record, const reauth_fact_t *fact)
{
    reauth_record_t  next;

    if (reauth_attempt_advance(record, fact, &next) == REAUTH_ADVANCE_APPLIED)
    {
        *record = next;
    }
}


/*
 * The life of an attempt as the gateway sees it, which learns of it by polls
 * only; the clock jumps from one event to the next.
 */

static void
live(life_t *life, const chapter_t *chapters, size_t n, int64_t gate_max)
{
    size_t            i;
    int64_t           now, due, next, polled;
    unsigned          random;
    reauth_fact_t     fact;
    reauth_begin_t    begin;
    reauth_record_t  *record, nothing;

    memset(life, 0, sizeof(life_t));
    record = &life->record;

    memset(&nothing, 0, sizeof(nothing));
    memset(&begin, 0, sizeof(begin));

    begin.now_ms = NOW_MS;
    begin.gate_max_ms = gate_max;
    begin.epoch = reauth_epoch_next(0, NOW_MS);
    begin.source = REAUTH_SOURCE_UPDATE;
    begin.account = reauth_string_from("acct_1");

    assert_int_equal(reauth_attempt_begin(&nothing, &begin, record),
                     REAUTH_BEGIN_STARTED);

    /* the upstream accepts it, within a second */

    now = NOW_MS + SECOND;

    fact_of(&fact, &chapters[0], now);
    fact.epoch = record->epoch;
    tell(record, &fact);

    assert_int_equal(record->state, chapters[0].state);

    i = 0;
    random = 1;
    polled = now;
    due = reauth_schedule_next(&schedule, record, now, random);

    while (reauth_state_is_active(record->state)) {

        next = i + 1 < n ? NOW_MS + chapters[i + 1].at : INT64_MAX;

        if (next <= due && next < record->deadline_ms) {
            now = next;
            i++;

            if (chapters[i].code) {

                /* seen on its way to the upstream: the next poll is soon */

                fact_of(&fact, &chapters[i], now);
                fact.source = REAUTH_SOURCE_SUBMIT_2FA;
                fact.started_us = 0;
                tell(record, &fact);

                due = reauth_schedule_next(&schedule, record, now, random);
            }

            continue;
        }

        if (record->deadline_ms <= due) {
            now = record->deadline_ms;

            assert_int_equal(reauth_attempt_overdue(record, now - 1, &fact),
                             0);
            assert_int_equal(reauth_attempt_overdue(record, now, &fact), 1);
            tell(record, &fact);
            break;
        }

        now = due;
        life->polls++;

        if (now - polled > life->longest) {
            life->longest = now - polled;
        }

        polled = now;

        fact_of(&fact, &chapters[i], now);
        tell(record, &fact);

        random = random * 1103515245 + 12345;
        due = reauth_schedule_next(&schedule, record, now, random >> 8);
    }

    life->opened = now - NOW_MS;
    life->noticed = life->opened - chapters[i].at;
}


static void
test_hour(void **state)
{
    life_t                  life;
    static const chapter_t  chapters[] = {
        { 0, REAUTH_STATE_RUNNING, NULL, 0 },
        { 40 * SECOND, REAUTH_STATE_NEEDS_OTP, NULL, 0 },

        /* the wrong code, after a long time; it asks for another */

        { 25 * MINUTE, REAUTH_STATE_RUNNING, NULL, 1 },
        { 25 * MINUTE + 4 * SECOND, REAUTH_STATE_NEEDS_OTP, "WRONG_2FA", 0 },

        /* and the right one */

        { 58 * MINUTE, REAUTH_STATE_RUNNING, NULL, 1 },
        { 58 * MINUTE + 9 * SECOND, REAUTH_STATE_SUCCEEDED, NULL, 0 }
    };

    (void) state;

    live(&life, chapters, sizeof(chapters) / sizeof(chapters[0]), HOUR);

    print_message("an hour: %u polls, the end noticed after %lld ms\n",
                  life.polls, (long long) life.noticed);

    assert_int_equal(life.record.state, REAUTH_STATE_SUCCEEDED);

    /* every two seconds would have been 1740 */

    assert_in_range(life.polls, 100, 200);
    assert_true(life.longest <= 36 * SECOND);

    /* after the code somebody waits */

    assert_in_range(life.noticed, 0, 4 * SECOND);
}


/* a login as the upstream documents it takes about 95 seconds */

static void
test_usual(void **state)
{
    life_t                  life;
    static const chapter_t  chapters[] = {
        { 0, REAUTH_STATE_RUNNING, NULL, 0 },
        { 95 * SECOND, REAUTH_STATE_SUCCEEDED, NULL, 0 }
    };

    (void) state;

    live(&life, chapters, 2, 15 * MINUTE);

    print_message("95 s: %u polls, the end noticed after %lld ms\n",
                  life.polls, (long long) life.noticed);

    assert_int_equal(life.record.state, REAUTH_STATE_SUCCEEDED);
    assert_in_range(life.polls, 5, 25);
    assert_in_range(life.noticed, 0, 17 * SECOND);
}


static void
test_never_ends(void **state)
{
    life_t                  life;
    static const chapter_t  chapters[] = {
        { 0, REAUTH_STATE_RUNNING, NULL, 0 },
        { 30 * SECOND, REAUTH_STATE_NEEDS_FACE, NULL, 0 }
    };

    (void) state;

    live(&life, chapters, 2, 15 * MINUTE);

    assert_int_equal(life.record.state, REAUTH_STATE_EXPIRED);
    assert_string_equal(life.record.error_code, "GATE_MAX");
    assert_int_equal(life.opened, 15 * MINUTE);
    assert_in_range(life.polls, 20, 70);
}


static void
test_class(void **state)
{
    unsigned         i;
    reauth_record_t  record;

    (void) state;

    for (i = REAUTH_STATE_STARTING; i <= REAUTH_STATE_UNKNOWN; i++) {
        record_of(&record, (reauth_state_t) i, NOW_MS);

        assert_int_equal(reauth_schedule_class(&record),
                         reauth_state_needs_person(i) ? REAUTH_POLL_PERSON
                                                      : REAUTH_POLL_FIRST);
    }

    /* nothing that the upstream has said */

    record_of(&record, REAUTH_STATE_UNKNOWN, NOW_MS);
    record.attempt[0] = '\0';
    assert_int_equal(reauth_schedule_class(&record), REAUTH_POLL_LAST);

    record.started_us = NOW_MS * 1000;
    assert_int_equal(reauth_schedule_class(&record), REAUTH_POLL_FIRST);

    record.started_us = 0;
    record.stepped_ms = NOW_MS;
    assert_int_equal(reauth_schedule_class(&record), REAUTH_POLL_FIRST);

    record.stepped_ms = 0;
    record.state = REAUTH_STATE_RUNNING;
    assert_int_equal(reauth_schedule_class(&record), REAUTH_POLL_FIRST);
}


static void
test_pick(void **state)
{
    int       due[REAUTH_POLL_CLASSES], n, persons;
    unsigned  others;

    (void) state;

    others = 0;
    memset(due, 0, sizeof(due));
    assert_int_equal(reauth_schedule_pick(due, &others, 1),
                     REAUTH_POLL_CLASSES);

    /* one alone is not held up */

    due[REAUTH_POLL_PERSON] = 1;
    for (n = 0; n < 3; n++) {
        assert_int_equal(reauth_schedule_pick(due, &others, 1),
                         REAUTH_POLL_PERSON);
    }

    /* a quarter while others are due, whichever these are */

    due[REAUTH_POLL_LAST] = 1;
    for (n = 0, persons = 0; n < 400; n++) {
        persons += reauth_schedule_pick(due, &others, 1) == REAUTH_POLL_PERSON;
    }
    assert_int_equal(persons, 100);

    due[REAUTH_POLL_FIRST] = 1;
    for (n = 0, persons = 0; n < 400; n++) {
        switch (reauth_schedule_pick(due, &others, 1)) {
        case REAUTH_POLL_PERSON:
            persons++;
            break;
        case REAUTH_POLL_FIRST:
            break;
        default:
            fail();
        }
    }
    assert_int_equal(persons, 100);

    /* a long time without does not make up for more */

    due[REAUTH_POLL_PERSON] = 0;
    for (n = 0; n < 100; n++) {
        assert_int_equal(reauth_schedule_pick(due, &others, 1),
                         REAUTH_POLL_FIRST);
    }

    due[REAUTH_POLL_PERSON] = 1;
    assert_int_equal(reauth_schedule_pick(due, &others, 1), REAUTH_POLL_PERSON);
    assert_int_equal(reauth_schedule_pick(due, &others, 1), REAUTH_POLL_FIRST);

    memset(due, 0, sizeof(due));
    due[REAUTH_POLL_LAST] = 1;
    assert_int_equal(reauth_schedule_pick(due, &others, 1), REAUTH_POLL_LAST);
}


/* without others, the reserve of the budget is left to what comes */

static void
test_reserve(void **state)
{
    int       due[REAUTH_POLL_CLASSES], n, persons;
    unsigned  others;

    (void) state;

    others = 3;
    memset(due, 0, sizeof(due));

    due[REAUTH_POLL_PERSON] = 1;
    due[REAUTH_POLL_LAST] = 1;
    assert_int_equal(reauth_schedule_pick(due, &others, 0),
                     REAUTH_POLL_CLASSES);
    assert_int_equal(others, 3);
    assert_int_equal(reauth_schedule_pick(due, &others, 1),
                     REAUTH_POLL_PERSON);

    /* it is not a reason to starve */

    due[REAUTH_POLL_FIRST] = 1;
    for (n = 0, persons = 0; n < 400; n++) {
        persons += reauth_schedule_pick(due, &others, 0) == REAUTH_POLL_PERSON;
    }
    assert_int_equal(persons, 100);

    assert_int_equal(reauth_schedule_reserve(1), 0);
    assert_int_equal(reauth_schedule_reserve(5), 2);

    assert_int_equal(reauth_schedule_lag(-5), 0);
    assert_int_equal(reauth_schedule_lag(1500), 1500);
    assert_int_equal(reauth_schedule_lag(REAUTH_POLL_AT_ONCE_MS + 7), 7);
}


/* however often they are requested: a quarter, and that of a minute at once */

static void
test_request(void **state)
{
    size_t    i;
    int64_t   taken_ms, now_ms, wait_ms;
    unsigned  n, refused;

    static const struct {
        unsigned  rate;
        unsigned  quarter;
    } cases[] = {
        { 1, 1 }, { 4, 1 }, { 8, 2 }, { 60, 15 }, { 3000, 750 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        taken_ms = 0;

        for (n = 0;
             reauth_schedule_request(&taken_ms, NOW_MS, cases[i].rate) == 0;
             n++)
        {
            assert_true(n < cases[i].quarter);
        }

        assert_int_equal(n, cases[i].quarter);

        for (now_ms = NOW_MS, refused = 0;
             now_ms < NOW_MS + 10 * MINUTE;
             now_ms += 10)
        {
            wait_ms = reauth_schedule_request(&taken_ms, now_ms,
                                              cases[i].rate);
            n += wait_ms == 0;
            refused += wait_ms != 0;

            assert_true(wait_ms >= 0 && wait_ms <= MINUTE);
        }

        assert_true(refused > 0);
        assert_true(n <= cases[i].quarter * 11);
        assert_true(n >= cases[i].quarter * 10);

        /* nothing is saved up for longer */

        now_ms += HOUR;

        for (n = 0;
             reauth_schedule_request(&taken_ms, now_ms, cases[i].rate) == 0;
             n++)
        {
            /* void */
        }

        assert_int_equal(n, cases[i].quarter);
    }
}


/* by caller: one does not take what others need */

static void
test_request_by(void **state)
{
    int                 own;
    char                name[16];
    int64_t             taken_ms;
    unsigned            n;
    reauth_string_t     caller;
    reauth_requester_t  callers[REAUTH_REQUESTERS];

    (void) state;

    memset(callers, 0, sizeof(callers));
    taken_ms = 0;
    caller = reauth_string_from("greedy");

    for (n = 0;
         reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS, 60,
                                    &own) == 0;
         n++)
    {
        assert_true(n < 15);
    }

    assert_int_equal(n, 7);
    assert_int_equal(own, 1);

    caller = reauth_string_from("other");

    for (n = 0;
         reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS, 60,
                                    &own) == 0;
         n++)
    {
        assert_true(n < 15);
    }

    assert_int_equal(n, 7);
    assert_int_equal(own, 1);

    /* all of them have a quarter of the rate */

    caller = reauth_string_from("third");
    assert_int_equal(reauth_schedule_request_by(callers, &caller, &taken_ms,
                                                NOW_MS, 60, &own), 0);
    assert_true(reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS,
                                           60, &own) > 0);
    assert_int_equal(own, 0);

    /* a refused one takes nothing of its caller's */

    assert_int_equal(callers[2].taken_ms, NOW_MS + 60 * 8000 / 60);

    /* without a name there is only the limit of all */

    caller.len = 0;
    taken_ms = 0;

    for (n = 0;
         reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS, 60,
                                    &own) == 0;
         n++)
    {
        assert_true(n < 15);
    }

    assert_int_equal(n, 15);
    assert_int_equal(own, 0);

    /* more callers than places: the one that has taken most is remembered */

    memset(callers, 0, sizeof(callers));
    taken_ms = 0;
    caller = reauth_string_from("greedy");

    for (n = 0; n < 3; n++) {
        (void) reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS,
                                          24, &own);
    }

    for (n = 0; n < 2 * REAUTH_REQUESTERS; n++) {
        (void) snprintf(name, sizeof(name), "small%u", n);
        caller = reauth_string_from(name);
        taken_ms = 0;
        assert_int_equal(reauth_schedule_request_by(callers, &caller,
                                                    &taken_ms, NOW_MS, 24,
                                                    &own), 0);
    }

    taken_ms = 0;
    caller = reauth_string_from("greedy");
    assert_true(reauth_schedule_request_by(callers, &caller, &taken_ms, NOW_MS,
                                           24, &own) > 0);
    assert_int_equal(own, 1);
}


static void
test_way(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char          *row;
        const char          *account;
        const char          *attempt;
        reauth_state_t       state;
        unsigned             lost;
        reauth_poll_way_t    way;
    } rows[] = {
        { "an attempt", "acct_1", "auth_1", REAUTH_STATE_RUNNING, 0,
          REAUTH_POLL_ENDPOINT },
        { "its update is being sent", "acct_1", "", REAUTH_STATE_STARTING, 0,
          REAUTH_POLL_SENDING },
        { "without an ID", "acct_1", "", REAUTH_STATE_RUNNING, 0,
          REAUTH_POLL_LATER },
        { "its ID is unknown to the upstream", "acct_1", "auth_1",
          REAUTH_STATE_RUNNING, REAUTH_LOST_MAX, REAUTH_POLL_LATER },
        { "ended", "acct_1", "auth_1", REAUTH_STATE_SUCCEEDED, 0,
          REAUTH_POLL_LIST },
        { "no attempt", "acct_1", "", REAUTH_STATE_NONE, 0, REAUTH_POLL_LIST },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        record_of(&record, rows[i].state, NOW_MS);
        snprintf(record.account, sizeof(record.account), "%s",
                 rows[i].account);
        snprintf(record.attempt, sizeof(record.attempt), "%s",
                 rows[i].attempt);
        record.lost = (uint8_t) rows[i].lost;

        if (reauth_schedule_way(&record) != rows[i].way) {
            fail_msg("%s", rows[i].row);
        }
    }
}


/* Fansly accounts have an endpoint without an attempt, Fanvue ones have none */

static void
test_way_by_kind(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char          *account;
        reauth_state_t       state;
        reauth_poll_way_t    way;
    } rows[] = {
        { "fansly_acct_1", REAUTH_STATE_NONE, REAUTH_POLL_ENDPOINT },
        { "fansly_acct_1", REAUTH_STATE_RUNNING, REAUTH_POLL_ENDPOINT },
        { "fansly_acct_1", REAUTH_STATE_SUCCEEDED, REAUTH_POLL_ENDPOINT },
        { "fanvue_acct_1", REAUTH_STATE_NONE, REAUTH_POLL_NOT },
        { "fanvue_acct_1", REAUTH_STATE_RUNNING, REAUTH_POLL_LATER },
        { "fanvue_acct_1", REAUTH_STATE_SUCCEEDED, REAUTH_POLL_NOT },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        record_of(&record, rows[i].state, NOW_MS);
        record.attempt[0] = '\0';
        snprintf(record.account, sizeof(record.account), "%s",
                 rows[i].account);

        if (reauth_schedule_way(&record) != rows[i].way) {
            fail_msg("%s, state %d", rows[i].account, rows[i].state);
        }
    }
}


/* as many records as there are values: each value once */

static void
test_spread(void **state)
{
    int       seen[401];
    unsigned  i, n, value;

    (void) state;

    memset(seen, 0, sizeof(seen));
    n = UINT_MAX - 20;

    /* the counter wraps: not quite even then */

    for (i = 0; i < 100; i++) {
        assert_true(reauth_schedule_spread(&n) <= 400);
    }

    n = 7;

    for (i = 0; i < 51; i++) {
        value = reauth_schedule_spread(&n);

        assert_true(value <= 400);
        assert_int_equal(value % 8, 0);
        assert_int_equal(seen[value]++, 0);
    }

    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[400], 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_starting),
        cmocka_unit_test(test_hour),
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_never_ends),
        cmocka_unit_test(test_way),
        cmocka_unit_test(test_way_by_kind),
        cmocka_unit_test(test_class),
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_request_by)
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
