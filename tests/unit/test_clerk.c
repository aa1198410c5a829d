
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_clerk.h"


#define NOW      1000000
#define WORKERS  3
#define DEPTH    7


static void
test_lease(void **state)
{
    uint32_t               one, two;
    reauth_clerk_t         clerk;
    reauth_clerk_former_t  former;

    (void) state;

    memset(&clerk, 0, sizeof(reauth_clerk_t));
    clerk.beat_ms = NOW;
    one = 0;
    two = 0;

    /* the first one finds it free */

    assert_false(reauth_clerk_is(&clerk, one));
    assert_true(reauth_clerk_may_take(&clerk, NOW));
    assert_int_equal(reauth_clerk_step(&clerk, &one, 11, NOW + 10, &former),
                     REAUTH_CLERK_TAKEN);
    assert_int_equal(former.worker, 0);
    assert_true(reauth_clerk_is(&clerk, one));

    /* all others wait as long as it is renewed */

    assert_int_equal(reauth_clerk_step(&clerk, &one, 11, NOW + 1000, &former),
                     REAUTH_CLERK_HELD);
    assert_int_equal(reauth_clerk_step(&clerk, &two, 12,
                                       NOW + 1000 + REAUTH_CLERK_LEASE_MS - 1,
                                       &former),
                     REAUTH_CLERK_OTHER);
    assert_false(reauth_clerk_is(&clerk, two));

    assert_false(reauth_clerk_missing(&clerk,
                                      NOW + 1000 + REAUTH_CLERK_LATE_MS - 1));
    assert_true(reauth_clerk_missing(&clerk,
                                     NOW + 1000 + REAUTH_CLERK_LATE_MS));

    assert_int_equal(reauth_clerk_step(&clerk, &two, 12,
                                       NOW + 1000 + REAUTH_CLERK_LEASE_MS,
                                       &former),
                     REAUTH_CLERK_TAKEN);
    assert_int_equal(former.worker, 11);
    assert_int_equal(former.silent_ms, REAUTH_CLERK_LEASE_MS);

    /* the former one knows before it steps */

    assert_false(reauth_clerk_is(&clerk, one));
    assert_true(reauth_clerk_is(&clerk, two));
    assert_int_equal(reauth_clerk_step(&clerk, &one, 11, NOW + 9000, &former),
                     REAUTH_CLERK_LOST);
    assert_int_equal(one, 0);
    assert_false(reauth_clerk_missing(&clerk, NOW + 1100
                                              + REAUTH_CLERK_LEASE_MS));

    /* one that was silent for long and is not replaced still is the clerk */

    assert_int_equal(reauth_clerk_step(&clerk, &two, 12, NOW + 90000, &former),
                     REAUTH_CLERK_HELD);

    /* given up: no time passes, and giving up twice means nothing */

    reauth_clerk_give_up(&clerk, &two);
    assert_false(reauth_clerk_is(&clerk, two));
    assert_int_equal(reauth_clerk_step(&clerk, &one, 11, NOW + 90000, &former),
                     REAUTH_CLERK_TAKEN);
    assert_int_equal(former.worker, 0);

    reauth_clerk_give_up(&clerk, &two);
    assert_true(reauth_clerk_is(&clerk, one));
}


static void
test_within_three_seconds(void **state)
{
    (void) state;

    /* stopped just after a renewal, replaced at the first look after it */

    assert_true(REAUTH_CLERK_LEASE_MS + REAUTH_CLERK_STEP_MS < 3000);

    /* readyz tells it before, and not because of a step that is late */

    assert_true(REAUTH_CLERK_LATE_MS + 2 * REAUTH_CLERK_STEP_MS
                < REAUTH_CLERK_LEASE_MS);
    assert_true(REAUTH_CLERK_LATE_MS > 4 * REAUTH_CLERK_STEP_MS);
}


/* whoever gives up the lease of another one does nothing */

static void
test_former_gives_up(void **state)
{
    uint32_t               one, two;
    reauth_clerk_t         clerk;
    reauth_clerk_former_t  former;

    (void) state;

    memset(&clerk, 0, sizeof(reauth_clerk_t));
    one = 0;
    two = 0;

    (void) reauth_clerk_step(&clerk, &one, 11, NOW, &former);
    (void) reauth_clerk_step(&clerk, &two, 12, NOW + 5000, &former);

    reauth_clerk_give_up(&clerk, &one);

    assert_int_equal(one, 0);
    assert_true(reauth_clerk_is(&clerk, two));
    assert_int_equal(clerk.worker, 12);
}


/* a clock that went back, and a term that wraps */

static void
test_clock_set_back_and_term_wraps(void **state)
{
    uint32_t               one, two;
    reauth_clerk_t         clerk;
    reauth_clerk_former_t  former;

    (void) state;

    memset(&clerk, 0, sizeof(reauth_clerk_t));
    one = 0;
    two = 0;

    clerk.term = UINT32_MAX;

    (void) reauth_clerk_step(&clerk, &one, 11, NOW, &former);
    assert_int_equal(one, 1);

    assert_true(reauth_clerk_missing(&clerk, NOW - REAUTH_CLERK_LEASE_MS));
    assert_int_equal(reauth_clerk_step(&clerk, &two, 12, NOW - 1000, &former),
                     REAUTH_CLERK_OTHER);
    assert_int_equal(reauth_clerk_step(&clerk, &two, 12,
                                       NOW - REAUTH_CLERK_LEASE_MS, &former),
                     REAUTH_CLERK_TAKEN);
}


/*
 * All orders of steps of three workers, each of which may at any time be
 * stopped, which is the same as making no step, exit or be killed.
 */

typedef struct {
    reauth_clerk_t  clerk;
    uint32_t        terms[WORKERS];
    int64_t         now_ms;
    int64_t         acted_ms;      /* when the clerk made its last step */
    int             last;          /* who has made it; -1: nobody */
} world_t;


static void
check(const world_t *world)
{
    int  i, n;

    n = 0;

    for (i = 0; i < WORKERS; i++) {
        n += reauth_clerk_is(&world->clerk, world->terms[i]);
    }

    assert_in_range(n, 0, 1);
}


static void
step(world_t *world, int i)
{
    int                    was;
    reauth_clerk_step_t    result;
    reauth_clerk_former_t  former;

    was = reauth_clerk_is(&world->clerk, world->terms[i]);

    result = reauth_clerk_step(&world->clerk, &world->terms[i],
                               (uint32_t) i + 1, world->now_ms, &former);

    assert_int_equal(result == REAUTH_CLERK_HELD, was);

    if (result == REAUTH_CLERK_TAKEN) {

        /* only of one that gave up, or was silent for the whole lease */

        assert_true(world->last == -1
                    || world->now_ms - world->acted_ms
                       >= REAUTH_CLERK_LEASE_MS);
    }

    if (result == REAUTH_CLERK_OTHER) {
        assert_true(world->last != -1
                    && world->now_ms - world->acted_ms
                       < REAUTH_CLERK_LEASE_MS);
    }

    if (result == REAUTH_CLERK_HELD || result == REAUTH_CLERK_TAKEN) {
        world->last = i;
        world->acted_ms = world->now_ms;
        assert_false(reauth_clerk_missing(&world->clerk, world->now_ms));
    }
}


static void
explore(const world_t *before, int depth)
{
    int      i;
    size_t   k;
    world_t  world;

    static const int64_t  times[] = {
        REAUTH_CLERK_STEP_MS, REAUTH_CLERK_LATE_MS, REAUTH_CLERK_LEASE_MS
    };

    check(before);

    if (depth == 0) {
        return;
    }

    for (i = 0; i < WORKERS; i++) {
        world = *before;
        step(&world, i);
        explore(&world, depth - 1);

        if (before->terms[i] == 0) {
            continue;
        }

        /* exits */

        world = *before;

        if (reauth_clerk_is(&world.clerk, world.terms[i])) {
            world.last = -1;
        }

        reauth_clerk_give_up(&world.clerk, &world.terms[i]);
        explore(&world, depth - 1);

        /* is killed, and another one starts in its place */

        world = *before;
        world.terms[i] = 0;
        explore(&world, depth - 1);
    }

    for (k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
        world = *before;
        world.now_ms += times[k];
        explore(&world, depth - 1);
    }
}


static void
test_orders(void **state)
{
    world_t  world;

    (void) state;

    memset(&world, 0, sizeof(world_t));

    world.clerk.beat_ms = NOW;
    world.now_ms = NOW;
    world.last = -1;

    explore(&world, DEPTH);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_within_three_seconds),
        cmocka_unit_test(test_former_gives_up),
        cmocka_unit_test(test_clock_set_back_and_term_wraps),
        cmocka_unit_test(test_orders)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
