
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

#include "reauth_override.h"


#define NOW_MS  INT64_C(1763985600000)    /* 2025-11-24T12:00:00Z */

/* of make(): removed, as its account was forgotten */
#define FORGOTTEN  100


static void
make(reauth_override_t *override, uint64_t stamp, unsigned gate)
{
    memset(override, 0, sizeof(reauth_override_t));

    override->stamp = stamp;
    override->set_ms = NOW_MS - 1000;
    override->until_ms = NOW_MS + 1000;
    override->gate = (uint8_t) (gate == FORGOTTEN ? REAUTH_OVERRIDE_NONE
                                                  : gate);
    override->forgotten = gate == FORGOTTEN;
    override->state = REAUTH_STATE_RUNNING;

    memcpy(override->account, "acct_1", sizeof("acct_1"));
    memcpy(override->caller, "operator", sizeof("operator"));
    memcpy(override->reason, "a reason", sizeof("a reason"));
}


static void
test_gate(void **state)
{
    unsigned           gate, of;
    reauth_override_t  override;

    (void) state;

    assert_int_equal(reauth_override_gate(NULL, NOW_MS), REAUTH_OVERRIDE_NONE);

    for (of = REAUTH_STATE_NONE; of < REAUTH_STATE_LAST; of++) {

        for (gate = REAUTH_OVERRIDE_NONE; gate <= REAUTH_OVERRIDE_CLOSED;
             gate++)
        {
            make(&override, 1, gate);

            assert_int_equal(reauth_override_closes(&override, of, NOW_MS),
                             gate == REAUTH_OVERRIDE_NONE
                             ? reauth_state_is_active(of)
                             : gate == REAUTH_OVERRIDE_CLOSED);

            /* it ends by itself */

            assert_int_equal(reauth_override_closes(&override, of,
                                                    NOW_MS + 1000),
                             reauth_state_is_active(of));
        }

        assert_int_equal(reauth_override_closes(NULL, of, NOW_MS),
                         reauth_state_is_active(of));
    }
}


/* an attempt that began at NOW_MS with a deadline after 1000 ms */

static void
test_closed(void **state)
{
    size_t  i;

    static const struct {
        const char  *row;
        unsigned     override;
        int          active;
        int64_t      gate_max;
        int64_t      after;
        int          closed;
        int64_t      until;         /* while it is closed */
    } rows[] = {
        { "no attempt", REAUTH_OVERRIDE_NONE, 0, 900, 0, 0, 0 },
        { "an attempt", REAUTH_OVERRIDE_NONE, 1, 900, 0, 1, 900 },
        { "at reauth_gate_max", REAUTH_OVERRIDE_NONE, 1, 900, 900, 0, 0 },
        { "before the deadline", REAUTH_OVERRIDE_NONE, 1, 2000, 999, 1, 1000 },
        { "at the deadline", REAUTH_OVERRIDE_NONE, 1, 2000, 1000, 0, 0 },
        { "in the zone", REAUTH_OVERRIDE_NONE, 1, REAUTH_GATE_MAX_NONE, 999, 1,
          1000 },
        { "in the zone, at the deadline", REAUTH_OVERRIDE_NONE, 1,
          REAUTH_GATE_MAX_NONE, 1000, 0, 0 },
        { "always open", REAUTH_OVERRIDE_NONE, 1, 0, 0, 0, 0 },
        { "kept open", REAUTH_OVERRIDE_OPEN, 1, 900, 0, 0, 0 },
        { "kept closed", REAUTH_OVERRIDE_CLOSED, 1, 900, 900, 1, 1000 },
        { "kept closed without an attempt", REAUTH_OVERRIDE_CLOSED, 0, 900, 0,
          1, -1 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t  since_ms, deadline_ms;

        since_ms = rows[i].active ? NOW_MS : 0;
        deadline_ms = rows[i].active ? NOW_MS + 1000 : 0;

        if (reauth_gate_is_closed(rows[i].override, since_ms, deadline_ms,
                                  rows[i].gate_max, NOW_MS + rows[i].after)
            != rows[i].closed)
        {
            fail_msg("%s", rows[i].row);
        }

        if (rows[i].closed && rows[i].until >= 0) {
            assert_int_equal(reauth_gate_until_ms(rows[i].override, since_ms,
                                                  deadline_ms,
                                                  rows[i].gate_max),
                             NOW_MS + rows[i].until);
        }
    }
}


static void
test_set(void **state)
{
    size_t                 i;
    reauth_override_t      override, former;
    reauth_override_set_t  result;

    static const struct {
        const char            *row;
        unsigned               gate;
        uint64_t               stamp;         /* of the former; 0: none */
        unsigned               former;
        int64_t                former_until;  /* after now */
        const char            *former_caller;
        size_t                 share;
        int                    more;          /* the share has to be known */
        reauth_override_set_t  result;
    } rows[] = {
        { "the first", REAUTH_OVERRIDE_CLOSED, 0, 0, 0, "", 1, 1,
          REAUTH_OVERRIDE_SET },
        { "one too many", REAUTH_OVERRIDE_CLOSED, 0, 0, 0, "", 2, 1,
          REAUTH_OVERRIDE_TOO_MANY },
        { "its own is replaced", REAUTH_OVERRIDE_OPEN, 7,
          REAUTH_OVERRIDE_CLOSED, 500, "operator", 2, 0, REAUTH_OVERRIDE_SET },
        { "its own has ended", REAUTH_OVERRIDE_OPEN, 7,
          REAUTH_OVERRIDE_CLOSED, 0, "operator", 2, 1,
          REAUTH_OVERRIDE_TOO_MANY },
        { "that of another", REAUTH_OVERRIDE_OPEN, 7, REAUTH_OVERRIDE_CLOSED,
          500, "another", 2, 1, REAUTH_OVERRIDE_TOO_MANY },
        { "its own was removed", REAUTH_OVERRIDE_OPEN, 7,
          REAUTH_OVERRIDE_NONE, 500, "operator", 2, 1,
          REAUTH_OVERRIDE_TOO_MANY },
        { "removed", REAUTH_OVERRIDE_NONE, 7, REAUTH_OVERRIDE_CLOSED, 500,
          "another", 2, 0, REAUTH_OVERRIDE_SET },
        { "removed after its end", REAUTH_OVERRIDE_NONE, 7,
          REAUTH_OVERRIDE_CLOSED, 0, "operator", 0, 0,
          REAUTH_OVERRIDE_NOTHING },
        { "removed once more", REAUTH_OVERRIDE_NONE, 7, REAUTH_OVERRIDE_NONE,
          500, "operator", 0, 0, REAUTH_OVERRIDE_NOTHING },
        { "none to be removed", REAUTH_OVERRIDE_NONE, 0, 0, 0, "", 0, 0,
          REAUTH_OVERRIDE_NOTHING },
        { "forgotten", FORGOTTEN, 7, REAUTH_OVERRIDE_OPEN, 500, "another", 2,
          0, REAUTH_OVERRIDE_SET },
        { "forgotten after it was removed", FORGOTTEN, 7, REAUTH_OVERRIDE_NONE,
          500, "another", 0, 0, REAUTH_OVERRIDE_SET },
        { "forgotten after its end", FORGOTTEN, 7, REAUTH_OVERRIDE_OPEN, 0,
          "another", 0, 0, REAUTH_OVERRIDE_NOTHING },
        { "removed and ended, then forgotten", FORGOTTEN, 7,
          REAUTH_OVERRIDE_NONE, 0, "", 0, 0, REAUTH_OVERRIDE_NOTHING },
        { "forgotten once more", FORGOTTEN, 7, FORGOTTEN, 500, "", 0, 0,
          REAUTH_OVERRIDE_NOTHING },
        { "none to be forgotten", FORGOTTEN, 0, 0, 0, "", 0, 0,
          REAUTH_OVERRIDE_NOTHING },
        { "set after it was forgotten", REAUTH_OVERRIDE_CLOSED, 7, FORGOTTEN,
          500, "", 1, 1, REAUTH_OVERRIDE_SET },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&override, 0, rows[i].gate);
        override.until_ms = NOW_MS + 9000;

        memset(&former, 0, sizeof(reauth_override_t));

        if (rows[i].stamp) {
            make(&former, rows[i].stamp, rows[i].former);
            former.until_ms = NOW_MS + rows[i].former_until;
            strcpy(former.caller, rows[i].former_caller);
        }

        if (reauth_override_is_more(&override, &former, NOW_MS)
            != rows[i].more)
        {
            fail_msg("%s: more", rows[i].row);
        }

        result = reauth_override_set(&override, &former,
                                     REAUTH_STATE_FORGOTTEN, 5, 2,
                                     rows[i].share, 4, NOW_MS);

        if (result != rows[i].result) {
            fail_msg("%s: %d", rows[i].row, result);
        }

        if (result != REAUTH_OVERRIDE_SET) {
            assert_int_equal(override.stamp, 0);
            continue;
        }

        assert_true(override.stamp > former.stamp);
        assert_int_equal(override.set_ms, NOW_MS);
        assert_int_equal(override.state, REAUTH_STATE_NONE);
        assert_int_equal(override.until_ms,
                         override.gate == REAUTH_OVERRIDE_NONE
                         ? former.until_ms : NOW_MS + 9000);
    }

    /* after all that was seen, of any account or of this one */

    for (i = 0; i < 2; i++) {
        const uint64_t  high = (uint64_t) (NOW_MS + 60000)
                               * REAUTH_EPOCH_TICKS;

        make(&override, 0, REAUTH_OVERRIDE_CLOSED);
        make(&former, i ? high : 1, REAUTH_OVERRIDE_CLOSED);

        assert_int_equal(reauth_override_set(&override, &former,
                                             REAUTH_STATE_RUNNING,
                                             i ? 1 : high, 2, 0, 4, NOW_MS),
                         REAUTH_OVERRIDE_SET);
        assert_true(override.stamp > high);
        assert_int_equal(override.state, REAUTH_STATE_RUNNING);
    }
}


/* what is removed counts for nobody, neither its owner nor who removed it */

static void
test_is_of(void **state)
{
    unsigned           gate;
    reauth_override_t  override;

    (void) state;

    for (gate = REAUTH_OVERRIDE_NONE; gate <= REAUTH_OVERRIDE_CLOSED; gate++) {
        make(&override, 1, gate);

        assert_int_equal(reauth_override_is_of(&override, "operator", NOW_MS),
                         gate != REAUTH_OVERRIDE_NONE);
        assert_false(reauth_override_is_of(&override, "another", NOW_MS));
        assert_false(reauth_override_is_of(&override, "operator",
                                           NOW_MS + 1000));
    }
}


static void
test_gives_way(void **state)
{
    size_t                    i, j;
    reauth_override_t         all[5];
    reauth_override_copies_t  written;

    (void) state;

    memset(&written, 0, sizeof(reauth_override_copies_t));
    written.shared = 1;

    /* those that have ended, then removed ones by age; others remain */

    make(&all[0], 9, REAUTH_OVERRIDE_OPEN);
    all[0].until_ms = NOW_MS;
    make(&all[1], 5, REAUTH_OVERRIDE_NONE);
    make(&all[2], 6, REAUTH_OVERRIDE_NONE);
    make(&all[3], 1, REAUTH_OVERRIDE_CLOSED);
    make(&all[4], 2, REAUTH_OVERRIDE_OPEN);

    for (i = 0; i < 5; i++) {
        assert_int_equal(reauth_override_gives_way(&all[i], &written, NULL,
                                                   NOW_MS),
                         i < 3);

        for (j = 0; j < 3; j++) {
            assert_int_equal(reauth_override_gives_way(&all[i], &written,
                                                       &all[j], NOW_MS),
                             i < j);
        }
    }

    /* a removed one that has ended, too */

    all[2].until_ms = NOW_MS;
    assert_true(reauth_override_gives_way(&all[2], &written, &all[1], NOW_MS));
    assert_false(reauth_override_gives_way(&all[1], &written, &all[2],
                                           NOW_MS));
}


/* a removal that has to reach other gateways, and is not in Redis, remains */

static void
test_keeps_place(void **state)
{
    size_t             i;
    reauth_override_t  override;

    static const struct {
        const char                *row;
        unsigned                   gate;
        int64_t                    left;
        reauth_override_copies_t   copies;
        int                        gives_way;
    } rows[] = {
        { "removed, in Redis", REAUTH_OVERRIDE_NONE, 500, { 0, 1, 0 }, 1 },
        { "removed, to be written", REAUTH_OVERRIDE_NONE, 500,
          { 1, 1, 0 }, 0 },
        { "removed, was never in Redis", REAUTH_OVERRIDE_NONE, 500,
          { 1, 0, 0 }, 1 },
        { "removed, without Redis", REAUTH_OVERRIDE_NONE, 500,
          { 0, 0, 0 }, 1 },
        { "removed, ended before it was written", REAUTH_OVERRIDE_NONE, 0,
          { 1, 1, 0 }, 1 },
        { "forgotten, to be written", FORGOTTEN, 500, { 1, 1, 0 }, 0 },
        { "in force, was never in Redis", REAUTH_OVERRIDE_OPEN, 500,
          { 1, 0, 0 }, 0 },
        { "in force, in Redis", REAUTH_OVERRIDE_CLOSED, 500, { 0, 1, 0 }, 0 },
        { "ended, to be written", REAUTH_OVERRIDE_CLOSED, 0, { 1, 1, 0 }, 1 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&override, 5, rows[i].gate);
        override.until_ms = NOW_MS + rows[i].left;

        if (reauth_override_gives_way(&override, &rows[i].copies, NULL, NOW_MS)
            != rows[i].gives_way)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


/* one that a worker may be writing is written again after a timeout */

static void
test_unwritten(void **state)
{
    size_t             i;
    reauth_override_t  override;

    static const struct {
        const char                *row;
        int64_t                    age;
        reauth_override_copies_t   copies;
        int                        unwritten;
    } rows[] = {
        { "no worker is writing it", 0, { 1, 0, 0 }, 1 },
        { "replaces one in Redis", 0, { 1, 1, 0 }, 1 },
        { "is in Redis", 1000, { 0, 1, 0 }, 0 },
        { "is being written", 0, { 1, 1, 1 }, 0 },
        { "is still being written", 249, { 1, 1, 1 }, 0 },
        { "its worker has exited", 250, { 1, 1, 1 }, 1 },
        { "is being written, the clock was put back", -249, { 1, 1, 1 }, 0 },
        { "the clock was put back", -250, { 1, 1, 1 }, 1 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&override, 5, REAUTH_OVERRIDE_CLOSED);
        override.set_ms = NOW_MS - rows[i].age;

        if (reauth_override_is_unwritten(&override, &rows[i].copies, NOW_MS,
                                         250)
            != rows[i].unwritten)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_stored(void **state)
{
    reauth_override_t  override;

    (void) state;

    make(&override, 1, REAUTH_OVERRIDE_CLOSED);
    override.until_ms = NOW_MS + 86400000;
    assert_true(reauth_override_stored_ms(&override, NOW_MS) == 86400000);

    override.gate = REAUTH_OVERRIDE_NONE;
    assert_true(reauth_override_stored_ms(&override, NOW_MS)
                == REAUTH_OVERRIDE_REMOVED_MS);

    override.until_ms = NOW_MS + REAUTH_OVERRIDE_REMOVED_MS - 1;
    assert_true(reauth_override_stored_ms(&override, NOW_MS)
                == REAUTH_OVERRIDE_REMOVED_MS - 1);

    assert_true(reauth_override_stored_ms(&override, override.until_ms) == 0);
    assert_true(reauth_override_stored_ms(&override, override.until_ms + 1)
                == 0);
}


/* copies that meet in any order, any number of times, end up equal */

static void
test_merge(void **state)
{
    unsigned           i, j, k;
    reauth_override_t  copies[3], stored;

    (void) state;

    make(&copies[0], 5, REAUTH_OVERRIDE_CLOSED);
    make(&copies[1], 6, REAUTH_OVERRIDE_NONE);
    make(&copies[2], 7, REAUTH_OVERRIDE_OPEN);

    for (i = 0; i < 27; i++) {
        memset(&stored, 0, sizeof(reauth_override_t));

        for (j = 0, k = i; j < 3; j++, k /= 3) {
            if (reauth_override_replaces(&copies[k % 3], &stored)) {
                stored = copies[k % 3];
            }
        }

        for (j = 0, k = i; j < 3; j++, k /= 3) {
            assert_true(stored.stamp >= copies[k % 3].stamp);
        }
    }
}


/*
 * Two gateways that could not reach each other have made one stamp: Redis has
 * that of the first, whoever it is, which both take.
 */

static void
test_same_stamp(void **state)
{
    unsigned            i, first;
    reauth_override_t   ours[2], remote;

    (void) state;

    for (i = 0; i < 12; i++) {
        first = i % 2;

        make(&ours[0], 5, REAUTH_OVERRIDE_CLOSED);
        make(&ours[1], 5, REAUTH_OVERRIDE_CLOSED);

        switch (i / 2) {

        case 0:
            ours[1].gate = REAUTH_OVERRIDE_OPEN;
            break;

        case 1:
            ours[1].set_ms++;
            break;

        case 2:
            ours[1].until_ms--;
            break;

        case 3:
            ours[1].caller[0] = 'O';
            break;

        case 4:
            ours[1].forgotten = 1;
            break;

        default:
            ours[1].reason[0] = 'A';
            break;
        }

        remote = ours[first];

        assert_false(reauth_override_is_taken(&remote, &ours[first]));
        assert_true(reauth_override_is_taken(&remote, &ours[1 - first]));
        assert_false(reauth_override_replaces(&remote, &ours[1 - first]));

        /* a later one counts for both */

        ours[0].stamp++;
        assert_false(reauth_override_is_taken(&remote, &ours[0]));
        assert_true(reauth_override_is_taken(&ours[0], &remote));
    }
}


static void
test_text(void **state)
{
    size_t             i;
    reauth_string_t    text;
    unsigned char      buf[REAUTH_OVERRIDE_TEXT_MAX];
    reauth_override_t  override, copy;

    static const char *const  invalid[] = {
        "stamp 1",
        "stamp\n",
        "stamp x\naccount acct_1\n",
        "stamp 1\n",
        "account acct_1\n",
        "stamp 0\naccount acct_1\n",
        "stamp 1\naccount me\n",
        "stamp 1\naccount acct_1\ngate shut\n",
        "stamp 1\naccount acct_1\nuntil -1\n",
        "stamp 1\naccount acct_1\nuntil 1764158400001\n",
        "stamp 999999999999999999\naccount acct_1\n",
        "stamp 1838702592001024\naccount acct_1\n",
        "stamp 1\naccount acct_1\nset 253402300800000\n",
        "stamp 1\naccount acct_1\nset 0000000000000000001\n",
        "stamp 1\naccount acct_1\nset \n",
        NULL
    };

    (void) state;

    memset(&override, 'x', sizeof(reauth_override_t));
    override.stamp = (uint64_t) NOW_MS * REAUTH_EPOCH_TICKS;
    override.set_ms = NOW_MS;
    override.until_ms = NOW_MS + 86400000;
    override.gate = REAUTH_OVERRIDE_CLOSED;
    override.state = REAUTH_STATE_NEEDS_PERSON;
    memcpy(override.account, "acct_", 5);
    override.account[69] = '\0';
    override.caller[REAUTH_CALLER_MAX] = '\0';
    override.reason[REAUTH_OVERRIDE_REASON_MAX] = '\0';

    text.data = buf;
    text.len = reauth_override_encode(&override, buf);

    assert_in_range(text.len, 1, REAUTH_OVERRIDE_TEXT_MAX);
    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);

    assert_true(copy.stamp == override.stamp);
    assert_true(copy.set_ms == override.set_ms);
    assert_true(copy.until_ms == override.until_ms);
    assert_int_equal(copy.gate, override.gate);
    assert_int_equal(copy.state, override.state);
    assert_string_equal(copy.account, override.account);
    assert_string_equal(copy.caller, override.caller);
    assert_string_equal(copy.reason, override.reason);

    /* one that was taken back, with a line of a later version */

    text = reauth_string_from("stamp 7\naccount fansly_acct_1\nset 1\nuntil 2\n"
                              "state later\nscope all\n");

    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);
    assert_int_equal(copy.gate, REAUTH_OVERRIDE_NONE);
    assert_int_equal(copy.state, REAUTH_STATE_NONE);

    /* clocks of gateways may differ by minutes, not more */

    override.set_ms = NOW_MS + REAUTH_CLOCKS_DIFFER_MS;
    text.data = buf;
    text.len = reauth_override_encode(&override, buf);

    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);
    assert_true(copy.set_ms == override.set_ms);

    override.set_ms++;
    text.len = reauth_override_encode(&override, buf);

    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);
    assert_true(copy.set_ms == NOW_MS);

    for (i = 0; invalid[i] != NULL; i++) {
        text = reauth_string_from(invalid[i]);

        if (reauth_override_decode(&text, NOW_MS, &copy) == 0) {
            fail_msg("\"%s\"", invalid[i]);
        }
    }
}


static void
test_forgotten(void **state)
{
    size_t             i;
    reauth_string_t    text;
    unsigned char      buf[REAUTH_OVERRIDE_TEXT_MAX];
    reauth_record_t    change, forgotten;
    reauth_override_t  override, copy;

    static const struct {
        const char  *row;
        int64_t      epoch;         /* from that of the forgotten one */
        int64_t      updated;
        int          is;
    } rows[] = {
        { "an earlier attempt", -5, -5, 1 },
        { "the forgotten one", 0, 0, 1 },
        { "late, about the forgotten attempt", 0, 5, 1 },
        { "an override that was set later than the attempt began", 5, -5, 1 },
        { "a later attempt", 5, 5, 0 },
    };

    (void) state;

    /* it survives Redis, and is a change after which nothing is known */

    make(&override, (uint64_t) NOW_MS * REAUTH_EPOCH_TICKS, FORGOTTEN);

    text.data = buf;
    text.len = reauth_override_encode(&override, buf);

    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);
    assert_false(reauth_override_is_taken(&copy, &override));
    assert_int_equal(copy.forgotten, 1);

    reauth_override_record(&copy, &forgotten);
    assert_int_equal(forgotten.state, REAUTH_STATE_FORGOTTEN);

    make(&override, (uint64_t) NOW_MS * REAUTH_EPOCH_TICKS,
         REAUTH_OVERRIDE_NONE);
    reauth_override_record(&override, &change);
    assert_int_equal(change.state, REAUTH_STATE_RUNNING);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&change, 0, sizeof(reauth_record_t));
        change.epoch = forgotten.epoch + (uint64_t) rows[i].epoch;
        change.updated_ms = forgotten.updated_ms + rows[i].updated;

        if (reauth_record_is_forgotten(&change, &forgotten) != rows[i].is) {
            fail_msg("%s", rows[i].row);
        }
    }

    /* an account with an override in force is known */

    text = reauth_string_from("stamp 7\naccount acct_1\ngate open\nset 1\n"
                              "until 2\nforgotten 1\n");

    assert_int_equal(reauth_override_decode(&text, NOW_MS, &copy), 0);
    assert_int_equal(copy.forgotten, 0);
}


/* what ends at its bound is valid, a byte, millisecond or tick more is not */

static void
test_bounds(void **state)
{
    size_t             i;
    int64_t            now_ms;
    reauth_string_t    text;
    unsigned char      buf[REAUTH_OVERRIDE_TEXT_MAX + 1];
    reauth_override_t  override;

    static const struct {
        const char     *name;
        size_t          max;
    } rows[] = {
        { "caller", REAUTH_CALLER_MAX },
        { "reason", REAUTH_OVERRIDE_REASON_MAX }
    };

    (void) state;

    text.data = buf;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text.len = (size_t) sprintf((char *) buf, "stamp 1\naccount acct_1\n"
                                    "%s %0*d\n", rows[i].name,
                                    (int) rows[i].max, 0);

        assert_int_equal(reauth_override_decode(&text, NOW_MS, &override), 0);

        text.len = (size_t) sprintf((char *) buf, "stamp 1\naccount acct_1\n"
                                    "%s %0*d\n", rows[i].name,
                                    (int) rows[i].max + 1, 0);

        assert_int_equal(reauth_override_decode(&text, NOW_MS, &override), -1);
    }

    /* two days ahead, in the year 2025, and the end of epochs, in 2248 */

    text = reauth_string_from("stamp 1838702592001023\naccount acct_1\n"
                              "set 253402300799999\nuntil 1764158400000\n");
    assert_int_equal(reauth_override_decode(&text, NOW_MS, &override), 0);

    now_ms = (int64_t) (REAUTH_EPOCH_MAX / REAUTH_EPOCH_TICKS);

    text = reauth_string_from("stamp 9007199254740992\naccount acct_1\n");
    assert_int_equal(reauth_override_decode(&text, now_ms, &override), 0);

    text = reauth_string_from("stamp 9007199254740993\naccount acct_1\n");
    assert_int_equal(reauth_override_decode(&text, now_ms, &override), -1);
}


/* the gate is closed since the attempt began, and until both have ended */

static void
test_overridden(void **state)
{
    size_t             i;
    int64_t            since_ms, deadline_ms;
    reauth_override_t  override;

    static const struct {
        int64_t  since_ms;
        int64_t  deadline_ms;
        int64_t  closed_since_ms;
        int64_t  closed_until_ms;
    } rows[] = {
        { 0, 0, NOW_MS - 1000, NOW_MS + 1000 },
        { NOW_MS - 5, NOW_MS + 5, NOW_MS - 5, NOW_MS + 1000 },
        { NOW_MS - 5000, NOW_MS + 5000, NOW_MS - 5000, NOW_MS + 5000 },
    };

    (void) state;

    make(&override, 5, REAUTH_OVERRIDE_CLOSED);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        since_ms = rows[i].since_ms;
        deadline_ms = rows[i].deadline_ms;

        reauth_gate_overridden(&override, &since_ms, &deadline_ms);

        assert_int_equal(since_ms, rows[i].closed_since_ms);
        assert_int_equal(deadline_ms, rows[i].closed_until_ms);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_is_of),
        cmocka_unit_test(test_overridden),
        cmocka_unit_test(test_gives_way),
        cmocka_unit_test(test_keeps_place),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_unwritten),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_same_stamp),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bounds)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
