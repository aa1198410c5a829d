
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

#include "reauth_shares.h"


#define SIZE     64
#define CALLERS  40


static void
test_counts(void **state)
{
    reauth_share_t  table[SIZE];

    (void) state;

    memset(table, 0, sizeof(table));

    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7), 0);

    reauth_shares_add(table, SIZE - 1, 7);
    reauth_shares_add(table, SIZE - 1, 7);
    reauth_shares_add(table, SIZE - 1, 7 + SIZE);

    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7), 2);
    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7 + SIZE), 1);

    reauth_shares_remove(table, SIZE - 1, 7);
    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7), 1);

    /* the one behind it is found all the same */

    reauth_shares_remove(table, SIZE - 1, 7);
    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7), 0);
    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7 + SIZE), 1);

    /* one that is not counted changes nothing */

    reauth_shares_remove(table, SIZE - 1, 7);
    reauth_shares_remove(table, SIZE - 1, 9);
    assert_int_equal(reauth_shares_count(table, SIZE - 1, 7 + SIZE), 1);

    reauth_shares_remove(table, SIZE - 1, 7 + SIZE);
    assert_int_equal(table[7].caller, 0);
    assert_int_equal(table[8].caller, 0);
}


/* against a plain array; keys that collide, wrap around, and are removed */

static void
test_counts_match_plain_counting(void **state)
{
    size_t          i, step, caller;
    uint32_t        n[CALLERS];
    unsigned        random;
    uint64_t        keys[CALLERS];
    reauth_share_t  table[SIZE];

    (void) state;

    memset(table, 0, sizeof(table));
    memset(n, 0, sizeof(n));
    random = 1;

    for (i = 0; i < CALLERS; i++) {
        keys[i] = 1 + i * 1000 + (i % 5) + SIZE - 3;
    }

    for (step = 0; step < 200000; step++) {
        random = random * 1103515245 + 12345;
        caller = (random >> 16) % CALLERS;

        if ((random >> 8) % 2 && n[caller] != 0) {
            n[caller]--;
            reauth_shares_remove(table, SIZE - 1, keys[caller]);

        } else if (n[caller] < 3) {
            n[caller]++;
            reauth_shares_add(table, SIZE - 1, keys[caller]);
        }

        for (i = 0; i < CALLERS; i++) {
            assert_int_equal(reauth_shares_count(table, SIZE - 1, keys[i]),
                             n[i]);
        }
    }
}


static void
test_key(void **state)
{
    static const reauth_string_t  none = reauth_string("");
    static const reauth_string_t  crm = reauth_string("crm");
    static const reauth_string_t  crn = reauth_string("crn");

    (void) state;

    assert_true(reauth_shares_key(&none, 0) != 0);
    assert_true(reauth_shares_key(&crm, 5) == reauth_shares_key(&crm, 5));
    assert_true(reauth_shares_key(&crm, 5) != reauth_shares_key(&crn, 5));
    assert_true(reauth_shares_key(&crm, 5) != reauth_shares_key(&crm, 6));
}


static void
test_allow(void **state)
{
    size_t  i, n, active;

    (void) state;

    assert_true(reauth_shares_allow(0, 0, 0, 100, 1));
    assert_true(reauth_shares_allow(24, 0, 24, 100, 1));
    assert_false(reauth_shares_allow(25, 0, 25, 100, 1));

    assert_true(reauth_shares_allow(1, 2, 40, 100, 1));
    assert_false(reauth_shares_allow(2, 2, 40, 100, 1));

    /* more than a quarter, if it is said so */

    assert_true(reauth_shares_allow(49, 90, 49, 100, 10));
    assert_false(reauth_shares_allow(50, 90, 50, 100, 10));

    /* in the second half each has the same */

    assert_true(reauth_shares_allow(4, 0, 60, 100, 10));
    assert_false(reauth_shares_allow(5, 0, 60, 100, 10));
    assert_false(reauth_shares_allow(3, 3, 60, 100, 10));
    assert_false(reauth_shares_allow(0, 0, 60, 100, 0));

    /* of 300, all but one take what they get: that one gets its share */

    active = 0;

    for (i = 1; i < 300; i++) {
        for (n = 0; reauth_shares_allow(n, 0, active, 30000, 300); n++) {
            active++;
        }
    }

    for (n = 0; reauth_shares_allow(n, 0, active, 30000, 300); n++) {
        active++;
    }

    assert_int_equal(n, 50);
    assert_true(active <= 30000);
}


static void
test_may_wait(void **state)
{
    (void) state;

    assert_false(reauth_shares_may_wait(0, 0));
    assert_true(reauth_shares_may_wait(0, 1));
    assert_false(reauth_shares_may_wait(1, 1));
    assert_true(reauth_shares_may_wait(1, 4));
    assert_false(reauth_shares_may_wait(2, 4));
    assert_true(reauth_shares_may_wait(2, 5));
    assert_false(reauth_shares_may_wait(3, 5));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_counts_match_plain_counting),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_may_wait)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
