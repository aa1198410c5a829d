
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What an update does that waits for another one.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_join.h"


#define NOW_MS    1763985600000LL
#define GATE_MAX  900000


static const uint8_t  prints[3][REAUTH_FINGERPRINT_LEN] = {
    { 0 }, { 1 }, { 2 }
};


static void
make(reauth_state_t state, uint64_t epoch, unsigned print,
    reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    record->state = (uint8_t) state;
    record->epoch = epoch;
    record->origin = 3;
    record->since_ms = NOW_MS;
    record->deadline_ms = NOW_MS + GATE_MAX;

    if (print) {
        record->fingerprint_set = 1;
        memcpy(record->fingerprint, prints[print], REAUTH_FINGERPRINT_LEN);
    }
}


/* the update that waits has the fingerprint 1 */

static void
test_judge(void **state)
{
    size_t           i;
    reauth_joined_t  joined;
    reauth_record_t  record;

    static const struct {
        const char      *row;
        uint64_t         joined;         /* 0: waits for another update */
        reauth_state_t   state;          /* of the record */
        uint64_t         epoch;
        uint64_t         origin;
        unsigned         print;
        int64_t          after;          /* NOW_MS */
        reauth_join_t    join;
    } rows[] = {

        { "another one is being sent", 0, REAUTH_STATE_STARTING, 5, 3, 2, 0,
          REAUTH_JOIN_WAIT },
        { "another one was accepted", 0, REAUTH_STATE_RUNNING, 5, 3, 2, 0,
          REAUTH_JOIN_BEGIN },
        { "another one was rejected", 0, REAUTH_STATE_REJECTED, 5, 3, 0, 0,
          REAUTH_JOIN_BEGIN },
        { "the account is not known any more", 0, REAUTH_STATE_NONE, 0, 0, 0,
          0, REAUTH_JOIN_BEGIN },

        { "it is being sent", 5, REAUTH_STATE_STARTING, 5, 3, 1, 0,
          REAUTH_JOIN_WAIT },
        { "it was accepted", 5, REAUTH_STATE_RUNNING, 5, 3, 1, 0,
          REAUTH_JOIN_BEGIN },
        { "a person must act", 5, REAUTH_STATE_NEEDS_OTP, 5, 3, 1, 0,
          REAUTH_JOIN_BEGIN },
        { "it was rejected", 5, REAUTH_STATE_REJECTED, 5, 3, 0, 0,
          REAUTH_JOIN_STORED },
        { "it was rejected, the attempt before is restored", 5,
          REAUTH_STATE_RUNNING, 5, 3, 2, 0, REAUTH_JOIN_STORED },
        { "that attempt was begun without a gateway", 5, REAUTH_STATE_RUNNING,
          5, 3, 0, 0, REAUTH_JOIN_STORED },
        { "it may not have been received", 5, REAUTH_STATE_UNKNOWN, 5, 3, 1,
          0, REAUTH_JOIN_STORED },
        { "it has ended", 5, REAUTH_STATE_SUCCEEDED, 5, 3, 0, 0,
          REAUTH_JOIN_STORED },
        { "it has taken too long", 5, REAUTH_STATE_RUNNING, 5, 3, 1, GATE_MAX,
          REAUTH_JOIN_STORED },
        { "an identical one was sent since", 5, REAUTH_STATE_RUNNING, 6, 3, 1,
          0, REAUTH_JOIN_STORED },
        { "another one is being sent since", 5, REAUTH_STATE_STARTING, 6, 3,
          2, 0, REAUTH_JOIN_STORED },
        { "another gateway began one in the same epoch", 5,
          REAUTH_STATE_STARTING, 5, 4, 1, 0, REAUTH_JOIN_STORED },
        { "it was forgotten", 5, REAUTH_STATE_FORGOTTEN, 5, 3, 0, 0,
          REAUTH_JOIN_STORED },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(rows[i].state, rows[i].epoch, rows[i].print, &record);
        record.origin = rows[i].origin;

        joined.epoch = rows[i].joined;
        joined.origin = 3;
        joined.since_ms = NOW_MS;

        if (reauth_join_judge(&joined, prints[1], &record,
                              NOW_MS + rows[i].after)
            != rows[i].join)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_is_of(void **state)
{
    size_t           i;
    reauth_joined_t  joined;
    reauth_record_t  change;

    static const struct {
        const char  *row;
        uint64_t     epoch;
        uint64_t     origin;
        int64_t      since;              /* after NOW_MS */
        const char  *attempt;
        int          is_of;
    } rows[] = {
        { "its attempt", 5, 3, 0, "auth_1", 1 },
        { "of a gateway that writes no origin", 5, 0, 0, "auth_1", 1 },
        { "it is being sent", 5, 3, 0, "", 0 },
        { "it was rejected: the attempt before", 5, 3, -9, "auth_1", 0 },
        { "a later one", 6, 3, 0, "auth_1", 0 },
        { "one of another gateway", 5, 4, 0, "auth_1", 0 },
    };

    (void) state;

    joined.epoch = 5;
    joined.origin = 3;
    joined.since_ms = NOW_MS;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(REAUTH_STATE_SUCCEEDED, rows[i].epoch, 0, &change);

        change.origin = rows[i].origin;
        change.since_ms = NOW_MS + rows[i].since;
        strcpy(change.attempt, rows[i].attempt);

        if (reauth_join_is_of(&joined, &change) != rows[i].is_of) {
            fail_msg("%s", rows[i].row);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_is_of),
    };

    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
