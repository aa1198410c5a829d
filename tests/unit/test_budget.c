
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

#include "reauth_budget.h"


#define HOUR  REAUTH_BUDGET_HOUR
#define DAY   REAUTH_BUDGET_DAY


static void
test_parse(void **state)
{
    size_t           i;
    reauth_budget_t  budget;
    reauth_string_t  value;

    static const struct {
        const char              *value;
        uint32_t                 credits;      /* 0: invalid */
        reauth_budget_period_t   period;
    } rows[] = {
        { "1/h", 1, HOUR },
        { "1/d", 1, DAY },
        { "5000/d", 5000, DAY },
        { "0010/h", 10, HOUR },
        { "1000000000/h", 1000000000, HOUR },
        { "000000000000000000001/d", 1, DAY },

        { "", 0, HOUR },
        { "/h", 0, HOUR },
        { "0/h", 0, HOUR },
        { "00/d", 0, HOUR },
        { "1", 0, HOUR },
        { "1/", 0, HOUR },
        { "1h", 0, HOUR },
        { "1/m", 0, HOUR },
        { "1/H", 0, HOUR },
        { "1/hour", 0, HOUR },
        { "1/h/d", 0, HOUR },
        { "1//h", 0, HOUR },
        { "-1/h", 0, HOUR },
        { "+1/h", 0, HOUR },
        { "1.5/h", 0, HOUR },
        { "1k/h", 0, HOUR },
        { " 1/h", 0, HOUR },
        { "1/h ", 0, HOUR },
        { "1,2/h", 0, HOUR },
        { "1000000001/h", 0, HOUR },
        { "4294967297/h", 0, HOUR },
        { "18446744073709551617/h", 0, HOUR },
        { "99999999999999999999999999999/d", 0, HOUR }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        value = reauth_string_from(rows[i].value);
        memset(&budget, 0, sizeof(budget));

        if (reauth_budget_parse(&value, &budget)
            != (rows[i].credits == 0 ? -1 : 0))
        {
            fail_msg("\"%s\"", rows[i].value);
        }

        if (budget.credits != rows[i].credits
            || budget.period != rows[i].period)
        {
            fail_msg("\"%s\": %u", rows[i].value, (unsigned) budget.credits);
        }
    }

    assert_int_equal(reauth_budget_letter(HOUR), 'h');
    assert_int_equal(reauth_budget_letter(DAY), 'd');
}


static void
test_windows(void **state)
{
    size_t  i, window;

    static const struct {
        reauth_budget_period_t  period;
        int64_t                 now_ms;
        int64_t                 start_ms;
        int64_t                 end_ms;
        uint32_t                retry_after;
    } rows[] = {
        { HOUR, 0, 0, 3600000, 3600 },
        { HOUR, 1, 0, 3600000, 3600 },
        { HOUR, 1000, 0, 3600000, 3599 },
        { HOUR, 1001, 0, 3600000, 3599 },
        { HOUR, 3598999, 0, 3600000, 2 },
        { HOUR, 3599000, 0, 3600000, 1 },
        { HOUR, 3599999, 0, 3600000, 1 },
        { HOUR, 3600000, 3600000, 7200000, 3600 },
        { DAY, 0, 0, 86400000, 86400 },
        { DAY, 86399999, 0, 86400000, 1 },
        { DAY, 86400000, 86400000, 172800000, 86400 },

        /* 2026-11-29T08:30:00.500Z: an hour and a day of UTC */
        { HOUR, 1795941000500, 1795939200000, 1795942800000, 1800 },
        { DAY, 1795941000500, 1795910400000, 1795996800000, 55800 },

        /* the clock cannot be that wrong, but it must not be used unchecked */
        { HOUR, -1, 0, 3600000, 3600 },
        { DAY, INT64_MIN / 2, 0, 86400000, 86400 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        window = reauth_budget_window(rows[i].period, rows[i].now_ms);

        assert_int_not_equal(window, 0);
        assert_int_equal(reauth_budget_start_ms(rows[i].period, window),
                         rows[i].start_ms);
        assert_int_equal(reauth_budget_end_ms(rows[i].period, window),
                         rows[i].end_ms);
        assert_int_equal(reauth_budget_retry_after(rows[i].period, window,
                                                   rows[i].now_ms),
                         rows[i].retry_after);
    }

    /* the clock moved on since the window was computed */

    window = reauth_budget_window(HOUR, 0);
    assert_int_equal(reauth_budget_retry_after(HOUR, window, 3600000), 1);
    assert_int_equal(reauth_budget_retry_after(HOUR, window, 9999999), 1);
}


static void
test_allows(void **state)
{
    size_t           i;
    reauth_budget_t  budget;

    static const struct {
        uint32_t  credits;
        size_t    spent;
        int       allowed;
    } rows[] = {
        { 10, 0, 1 },
        { 10, 9, 1 },
        { 10, 10, 0 },
        { 10, 11, 0 },
        { 10, SIZE_MAX, 0 },
        { 1, 0, 1 },
        { 1, 1, 0 },
        { REAUTH_BUDGET_MAX, REAUTH_BUDGET_MAX - 1, 1 },
        { REAUTH_BUDGET_MAX, REAUTH_BUDGET_MAX, 0 },

        /* no budget */
        { 0, 0, 1 },
        { 0, SIZE_MAX, 1 }
    };

    (void) state;

    budget.period = HOUR;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        budget.credits = rows[i].credits;
        assert_int_equal(reauth_budget_allows(&budget, rows[i].spent),
                         rows[i].allowed);
    }
}


static void
merge(reauth_spending_t *spending, size_t counter, size_t total, size_t own,
    size_t known)
{
    reauth_spending_stored_t  stored;

    stored.total = total;
    stored.own = own;
    stored.known = known;

    reauth_spending_merge(spending, counter, &stored);
}


/* own spending that was not sent, and what the store has */

static void
test_merge(void **state)
{
    size_t             i;
    reauth_spending_t  spending;

    static const struct {
        size_t  others;           /* before */
        size_t  own;
        size_t  total;            /* of the store ... */
        size_t  stored;           /* ... the part of this gateway ... */
        size_t  known;            /* ... and the most that was known */
        size_t  all;              /* afterwards */
        int     unsent;
    } rows[] = {
        /* nobody has spent anything */
        { 0, 0, 0, 0, 0, 0, 0 },

        /* all is stored */
        { 0, 10, 10, 10, 0, 10, 0 },
        { 0, 10, 25, 10, 0, 25, 0 },
        { 15, 10, 25, 10, 0, 25, 0 },

        /* the rest was spent since it was sent */
        { 0, 12, 25, 10, 0, 27, 1 },
        { 5, 12, 25, 10, 0, 27, 1 },

        /* not sent yet */
        { 0, 12, 15, 0, 0, 27, 1 },

        /* the store has lost what others have spent */
        { 15, 10, 10, 10, 0, 25, 0 },
        { 15, 12, 10, 10, 0, 27, 1 },

        /* it has lost all */
        { 15, 10, 0, 0, 0, 25, 1 },
        { 15, 0, 0, 0, 0, 15, 0 },

        /* another gateway remembers the sum, with the own part of it */
        { 0, 10, 10, 10, 25, 25, 0 },
        { 0, 0, 0, 0, 25, 25, 0 },
        { 0, 10, 15, 0, 25, 25, 1 },
        { 15, 10, 15, 0, 25, 25, 1 },
        { 0, 10, 5, 0, 25, 25, 1 },
        { 0, 30, 5, 0, 25, 35, 1 },

        /* it has less than its part, which cannot be: others stay */
        { 15, 10, 3, 10, 0, 25, 0 },

        /* the largest numbers */
        { 0, 5, SIZE_MAX, 5, 0, SIZE_MAX, 0 },
        { 0, 5, SIZE_MAX, 0, 0, SIZE_MAX, 1 },
        { 0, 5, 0, 5, SIZE_MAX, SIZE_MAX, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        reauth_spending_begin(&spending, 7, 1000);
        spending.others = rows[i].others;

        merge(&spending, 1000 + rows[i].own, rows[i].total, rows[i].stored,
              rows[i].known);

        if (reauth_spending_own(&spending, 1000 + rows[i].own) != rows[i].own
            || reauth_spending_all(&spending, 1000 + rows[i].own)
               != rows[i].all
            || reauth_spending_is_unsent(&spending, 1000 + rows[i].own)
               != rows[i].unsent)
        {
            fail_msg("row %u: %zu", (unsigned) i,
                     reauth_spending_all(&spending, 1000 + rows[i].own));
        }
    }
}


static void
test_begin(void **state)
{
    reauth_spending_t  spending;

    (void) state;

    memset(&spending, 0, sizeof(spending));

    reauth_spending_begin(&spending, 5, 100);
    merge(&spending, 120, 50, 20, 0);
    assert_int_equal(reauth_spending_all(&spending, 120), 50);

    /* another window begins at 0 */

    reauth_spending_begin(&spending, 6, 120);
    assert_int_equal(spending.window, 6);
    assert_int_equal(reauth_spending_own(&spending, 120), 0);
    assert_int_equal(reauth_spending_all(&spending, 121), 1);
    assert_false(reauth_spending_is_unsent(&spending, 120));
    assert_true(reauth_spending_is_unsent(&spending, 121));

    /* the counter wraps */

    reauth_spending_begin(&spending, 7, SIZE_MAX - 1);
    assert_int_equal(reauth_spending_own(&spending, 3), 5);
}


static void
test_lost(void **state)
{
    reauth_spending_t  spending;

    (void) state;

    /* nothing to tell */

    reauth_spending_begin(&spending, 5, 100);
    reauth_spending_lost(&spending, 100);
    assert_false(reauth_spending_is_unsent(&spending, 100));

    /* what others spent, too: they may be gone */

    merge(&spending, 100, 30, 0, 0);
    assert_false(reauth_spending_is_unsent(&spending, 100));
    reauth_spending_lost(&spending, 100);
    assert_true(reauth_spending_is_unsent(&spending, 100));
    assert_int_equal(reauth_spending_all(&spending, 100), 30);

    reauth_spending_begin(&spending, 5, 100);
    merge(&spending, 110, 10, 10, 0);
    assert_false(reauth_spending_is_unsent(&spending, 110));
    reauth_spending_lost(&spending, 110);
    assert_true(reauth_spending_is_unsent(&spending, 110));
    assert_int_equal(reauth_spending_all(&spending, 110), 10);
}


/*
 * Three gateways, whose messages are lost, repeated or late, and a store that
 * forgets: what a gateway knows never decreases, and never exceeds what was
 * spent; if all is told, all know the truth.
 */

#define GATEWAYS  3

typedef struct {
    size_t  sum;
    size_t  floor;
    size_t  mine[GATEWAYS];
} store_t;


static void
store_tell(store_t *store, unsigned gateway, size_t own, size_t known)
{
    if (own > store->mine[gateway]) {
        store->sum += own - store->mine[gateway];
        store->mine[gateway] = own;
    }

    if (known > store->sum && known > store->floor) {
        store->floor = known;
    }
}


static void
store_read(const store_t *store, unsigned gateway,
    reauth_spending_t *spending, size_t counter)
{
    merge(spending, counter, store->sum, store->mine[gateway], store->floor);
}


static void
test_gateways(void **state)
{
    size_t             spent, known, own, counter[GATEWAYS];
    store_t            store;
    unsigned           i, step, round, random, gateway;
    reauth_spending_t  spending[GATEWAYS];

    (void) state;

    random = 4711;

    for (round = 0; round < 2000; round++) {
        memset(&store, 0, sizeof(store));
        spent = 0;

        for (i = 0; i < GATEWAYS; i++) {
            counter[i] = 1000 * i;
            reauth_spending_begin(&spending[i], 9, counter[i]);
        }

        for (step = 0; step < 60; step++) {
            random = random * 1103515245 + 12345;
            gateway = (random >> 16) % GATEWAYS;
            known = reauth_spending_all(&spending[gateway], counter[gateway]);
            own = reauth_spending_own(&spending[gateway], counter[gateway]);

            switch ((random >> 20) % 8) {

            case 0: case 1: case 2:
                counter[gateway] += (random >> 24) % 20;
                spent += (random >> 24) % 20;
                break;

            case 3:                             /* the reply is lost */
                store_tell(&store, gateway, own, known);
                break;

            case 4:                             /* nothing to tell */
                store_read(&store, gateway, &spending[gateway],
                           counter[gateway]);
                break;

            case 5:
                memset(&store, 0, sizeof(store));
                break;

            default:
                store_tell(&store, gateway, own, known);
                store_read(&store, gateway, &spending[gateway],
                           counter[gateway]);
                break;
            }

            if (reauth_spending_all(&spending[gateway], counter[gateway])
                < known)
            {
                fail_msg("round %u: less is known", round);
            }

            if (reauth_spending_all(&spending[gateway], counter[gateway])
                > spent)
            {
                fail_msg("round %u: more than was spent", round);
            }
        }

        for (step = 0; step < 2 * GATEWAYS; step++) {
            i = step % GATEWAYS;
            store_tell(&store, i,
                       reauth_spending_own(&spending[i], counter[i]),
                       reauth_spending_all(&spending[i], counter[i]));
            store_read(&store, i, &spending[i], counter[i]);
        }

        for (i = 0; i < GATEWAYS; i++) {
            assert_int_equal(reauth_spending_all(&spending[i], counter[i]),
                             spent);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_allows),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_gateways)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
