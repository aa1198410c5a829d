
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Whether Redis has lost members of the set of active accounts.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_listed.h"


#define ALL    REAUTH_LISTED_ALL
#define DOUBT  REAUTH_LISTED_DOUBT
#define LOST   REAUTH_LISTED_LOST

/* a monotonic clock begins with the machine, or is behind that */
#define BEGUN  (-5000)


static const reauth_listed_report_t  lacking = { 2, 100, 100, 3, 0 };
static const reauth_listed_report_t  whole = { 3, 100, 100, 3, 0 };


static void
test_lacks(void **state)
{
    size_t  i;

    static const struct {
        const char              *row;
        reauth_listed_report_t   report;
        int                      lacks;
    } rows[] = {
        { "none is active", { 0, 100, 100, 0, 0 }, 0 },
        { "all are listed", { 3, 100, 100, 3, 0 }, 0 },
        { "one is not", { 2, 100, 100, 3, 0 }, 1 },
        { "none is", { 0, 100, 100, 3, 0 }, 1 },
        { "more are listed: the zone is full", { 9, 100, 100, 3, 0 }, 0 },
        { "the number is not known", { -1, 100, 100, 3, 1 }, 0 },
        { "no event was written", { 0, 0, 0, 3, 0 }, 0 },
        { "no event was read", { 2, 1, 0, 5, 0 }, 0 },
        { "the counter was lost", { 2, 0, 1, 5, 0 }, 0 },
        { "an end is not read", { 2, 101, 100, 3, 0 }, 0 },
        { "an end is not read, two are not listed", { 1, 101, 100, 3, 0 }, 1 },
        { "a begin was read later", { 2, 100, 101, 3, 0 }, 0 },
        { "the same, two are not listed", { 1, 100, 101, 3, 0 }, 1 },
        { "the counter has begun anew", { 0, 9000000, 100, 3, 0 }, 0 },
        { "a begin is not written", { 2, 100, 100, 3, 1 }, 0 },
        { "the same, two are not listed", { 1, 100, 100, 3, 1 }, 1 },
        { "ends are not written", { 3, 100, 100, 1, 2 }, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (reauth_listed_lacks(&rows[i].report) != rows[i].lacks) {
            fail_msg("%s: not %d", rows[i].row, rows[i].lacks);
        }
    }
}


/* the third report in a row shows a loss, whatever the time is */

static void
test_reports(void **state)
{
    reauth_listed_t  listed;

    (void) state;

    memset(&listed, 0, sizeof(reauth_listed_t));

    assert_int_equal(reauth_listed_judge(&listed, &lacking, BEGUN), DOUBT);
    assert_int_equal(reauth_listed_judge(&listed, &lacking, BEGUN), DOUBT);
    assert_int_equal(reauth_listed_judge(&listed, &whole, BEGUN), ALL);

    assert_int_equal(reauth_listed_judge(&listed, &lacking, BEGUN), DOUBT);
    assert_int_equal(reauth_listed_judge(&listed, &lacking, BEGUN), DOUBT);
    assert_int_equal(reauth_listed_judge(&listed, &lacking, BEGUN), LOST);
}


static reauth_listed_state_t
third(reauth_listed_t *listed, int64_t now_ms)
{
    reauth_listed_state_t  first;

    first = reauth_listed_judge(listed, &lacking, now_ms);

    if (first == ALL) {
        return ALL;
    }

    assert_int_equal(first, DOUBT);
    assert_int_equal(reauth_listed_judge(listed, &lacking, now_ms), DOUBT);

    return reauth_listed_judge(listed, &lacking, now_ms);
}


/* what remains is read again more and more rarely; a later loss is not */

static void
test_remains(void **state)
{
    int              n;
    int64_t          now_ms, wait_ms;
    reauth_listed_t  listed;

    (void) state;

    memset(&listed, 0, sizeof(reauth_listed_t));

    now_ms = BEGUN;
    wait_ms = REAUTH_LISTED_AGAIN_MS;

    for (n = 0; n < 20; n++) {
        assert_int_equal(third(&listed, now_ms), LOST);
        assert_int_equal(listed.wait_ms, wait_ms);

        now_ms += wait_ms;
        assert_int_equal(third(&listed, now_ms - 1), ALL);

        wait_ms = n < 8 ? 2 * wait_ms : REAUTH_LISTED_MAX_MS;
    }

    assert_int_equal(reauth_listed_judge(&listed, &whole, now_ms), ALL);
    assert_int_equal(third(&listed, now_ms), LOST);
    assert_int_equal(listed.wait_ms, REAUTH_LISTED_AGAIN_MS);
}


static void
test_restore(void **state)
{
    reauth_stored_t     stored;
    reauth_record_t     record;
    reauth_judgement_t  verdict;

    (void) state;

    memset(&stored, 0, sizeof(reauth_stored_t));
    strcpy(stored.record.account, "acct_1");
    stored.record.state = REAUTH_STATE_RUNNING;
    stored.record.epoch = 7;
    stored.record.revision = 3;
    stored.record.updated_ms = 999;

    record = stored.record;

    /* over the revision of Redis */

    assert_int_equal(reauth_listed_restore(&stored, &record, 1000, &verdict),
                     1);
    assert_int_equal(verdict.write, REAUTH_WRITE_REVISION);
    assert_int_equal(verdict.dirty, 1);
    assert_true(verdict.record.revision == 3);
    assert_string_equal(verdict.record.account, "acct_1");

    /* written after the set began to be read: it may have been added then */

    assert_int_equal(reauth_listed_restore(&stored, &record, 999, &verdict),
                     0);
    assert_int_equal(verdict.write, REAUTH_WRITE_NOTHING);

    /* another attempt, of the record that was merged */

    record.epoch = 6;
    assert_int_equal(reauth_listed_restore(&stored, &record, 1000, &verdict),
                     0);
    record.epoch = 7;

    /* it is to be written anyway, over another revision */

    stored.dirty = 1;
    assert_int_equal(reauth_listed_restore(&stored, &record, 1000, &verdict),
                     0);
    stored.dirty = 0;

    /* it has ended by the record that was merged */

    stored.record.state = REAUTH_STATE_SUCCEEDED;
    assert_int_equal(reauth_listed_restore(&stored, &record, 1000, &verdict),
                     0);
    assert_int_equal(verdict.write, REAUTH_WRITE_NOTHING);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lacks),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_remains),
        cmocka_unit_test(test_restore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
