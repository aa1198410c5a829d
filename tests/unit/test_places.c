
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

#include "reauth_places.h"


static reauth_place_t  set[REAUTH_PLACES_WAYS];
static uint64_t        ticket;

static const reauth_string_t  one = reauth_string("acct_1");
static const reauth_string_t  two = reauth_string("acct_2");


static const uint8_t *
print(int n)
{
    static uint8_t  fingerprint[REAUTH_FINGERPRINT_LEN];

    memset(fingerprint, 0, sizeof(fingerprint));
    fingerprint[REAUTH_FINGERPRINT_LEN - 1] = (uint8_t) n;

    return fingerprint;
}


static int
enter(const reauth_string_t *account, int n, uint64_t now_ms)
{
    return reauth_places_enter(set, account, print(n), &ticket, now_ms);
}


static int
turn(const reauth_string_t *account, int n, uint64_t now_ms)
{
    return reauth_places_turn(set, account, print(n), now_ms);
}


static int
setup(void **state)
{
    (void) state;

    memset(set, 0, sizeof(set));
    ticket = 0;

    return 0;
}


static void
test_limit_of_different_updates(void **state)
{
    int  i;

    (void) state;

    assert_false(reauth_places_taken(set, &one, 0));

    for (i = 1; i <= REAUTH_PLACES_MAX; i++) {
        assert_int_equal(enter(&one, i, 100), 0);
    }

    assert_int_equal(enter(&one, i, 100), -1);

    /* identical ones have a place, another account has its own */

    assert_int_equal(enter(&one, 1, 100), 0);
    assert_int_equal(enter(&one, REAUTH_PLACES_MAX, 100), 0);
    assert_int_equal(enter(&two, i, 100), 0);

    assert_true(reauth_places_taken(set, &one, 100));
    assert_true(reauth_places_taken(set, &two, 100));

    /* both that hold it have to leave */

    reauth_places_leave(set, &one, print(1));
    assert_int_equal(enter(&one, i, 100), -1);

    reauth_places_leave(set, &one, print(1));
    assert_int_equal(enter(&one, i, 100), 0);
    assert_int_equal(enter(&one, i + 1, 100), -1);

    /* one that has none changes nothing */

    reauth_places_leave(set, &one, print(99));
    reauth_places_leave(set, &two, print(1));
    assert_int_equal(enter(&one, i + 1, 100), -1);
}


static void
test_order(void **state)
{
    (void) state;

    assert_int_equal(enter(&one, 3, 0), 0);
    assert_int_equal(enter(&two, 9, 0), 0);
    assert_int_equal(enter(&one, 1, 0), 0);
    assert_int_equal(enter(&one, 2, 0), 0);

    assert_true(turn(&one, 3, 10));
    assert_false(turn(&one, 1, 10));
    assert_false(turn(&one, 2, 10));
    assert_true(turn(&two, 9, 10));

    /* one that comes back is the last */

    reauth_places_leave(set, &one, print(3));
    assert_int_equal(enter(&one, 3, 20), 0);

    assert_true(turn(&one, 1, 20));
    assert_false(turn(&one, 3, 20));

    reauth_places_leave(set, &one, print(1));
    assert_true(turn(&one, 2, 20));
    assert_false(turn(&one, 3, 20));
}


static void
test_dead_holders(void **state)
{
    int       i;
    uint64_t  now_ms;

    (void) state;

    for (i = 1; i <= REAUTH_PLACES_MAX; i++) {
        assert_int_equal(enter(&one, i, 1000), 0);
    }

    now_ms = 1000 + REAUTH_PLACES_LIVE_MS - 1;

    assert_false(turn(&one, 2, now_ms));
    assert_int_equal(enter(&one, 9, now_ms), -1);

    /* 1 was not seen for too long; 2 has just been */

    now_ms++;

    assert_true(turn(&one, 2, now_ms));
    assert_int_equal(enter(&one, 9, now_ms), 0);
    assert_int_equal(enter(&one, 1, now_ms), 0);
    assert_false(turn(&one, 1, now_ms));
    assert_int_equal(enter(&one, 4, now_ms), 0);
    assert_int_equal(enter(&one, 5, now_ms), -1);

    /* a clock that is behind makes nobody dead */

    assert_true(reauth_places_taken(set, &one, 0));
    assert_int_equal(enter(&one, 6, 0), -1);

    assert_false(reauth_places_taken(set, &one,
                                     now_ms + REAUTH_PLACES_LIVE_MS));
}


static void
test_full_set(void **state)
{
    int              i;
    char             name[16];
    reauth_string_t  account;

    (void) state;

    for (i = 0; i < REAUTH_PLACES_WAYS; i++) {
        account.len = (size_t) snprintf(name, sizeof(name), "acct_%d", i);
        account.data = (const unsigned char *) name;

        assert_int_equal(enter(&account, i, 0), 0);
    }

    assert_int_equal(enter(&one, 99, 0), -1);
    assert_int_equal(enter(&one, 1, 0), 0);
    assert_int_equal(enter(&one, 99, REAUTH_PLACES_LIVE_MS), 0);

    /* one that lost its place does not wait for ever */

    assert_true(turn(&two, 77, REAUTH_PLACES_LIVE_MS));
}


static void
test_hash(void **state)
{
    (void) state;

    assert_true(reauth_places_hash(&one, 7) == reauth_places_hash(&one, 7));
    assert_true(reauth_places_hash(&one, 7) != reauth_places_hash(&two, 7));
    assert_true(reauth_places_hash(&one, 7) != reauth_places_hash(&one, 8));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_limit_of_different_updates, setup),
        cmocka_unit_test_setup(test_order, setup),
        cmocka_unit_test_setup(test_dead_holders, setup),
        cmocka_unit_test_setup(test_full_set, setup),
        cmocka_unit_test_setup(test_hash, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
