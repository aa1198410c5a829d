
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What is written after each decision, as tables: what is stored, what comes
 * in, the verdict.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_judge.h"


#define NOW_MS    1763985600000LL    /* 2025-11-24T12:00:00Z */
#define GATE_MAX  900000

#define NOTHING   REAUTH_WRITE_NOTHING
#define RECORD    REAUTH_WRITE_RECORD
#define REVISION  REAUTH_WRITE_REVISION

#define NONE      REAUTH_STATE_NONE
#define STARTING  REAUTH_STATE_STARTING
#define RUNNING   REAUTH_STATE_RUNNING
#define FAILED    REAUTH_STATE_FAILED
#define SUCCEEDED  REAUTH_STATE_SUCCEEDED

#define REDIS     1                  /* of a verdict: dirty */
#define CLEAN     0


/* a record as far as a row describes it */

typedef struct {
    reauth_state_t          state;
    uint64_t                epoch;
    uint64_t                revision;
    unsigned                print;         /* of the update; 0: none */
    int64_t                 updated;       /* after NOW_MS */
} row_record_t;


static const uint8_t  prints[3][REAUTH_FINGERPRINT_LEN] = {
    { 0 }, { 1 }, { 2 }
};


static void
make(const row_record_t *row, reauth_record_t *record)
{
    reauth_string_t  account;

    account = reauth_string_from("acct_1");

    memset(record, 0, sizeof(reauth_record_t));

    reauth_copy(record->account, REAUTH_ACCOUNT_MAX, &account);

    record->state = (uint8_t) row->state;
    record->epoch = row->epoch;
    record->revision = row->revision;
    record->since_ms = NOW_MS;
    record->updated_ms = NOW_MS + row->updated;
    record->deadline_ms = NOW_MS + GATE_MAX;

    if (row->print) {
        record->fingerprint_set = 1;
        memcpy(record->fingerprint, prints[row->print],
               REAUTH_FINGERPRINT_LEN);
    }
}


static void
make_stored(const row_record_t *row, unsigned dirty, reauth_stored_t *stored)
{
    memset(stored, 0, sizeof(reauth_stored_t));

    make(row, &stored->record);

    stored->dirty = dirty;
    stored->has_redis = 1;
    stored->epoch = row->epoch;
}


static void
check_verdict(const char *row, const reauth_judgement_t *verdict,
    reauth_write_t write, unsigned dirty, reauth_state_t state)
{
    if (verdict->write != write
        || verdict->dirty != dirty
        || verdict->record.state != state)
    {
        fail_msg("%s: write %d, dirty %u, state %s", row, verdict->write,
                 verdict->dirty,
                 reauth_state_name((reauth_state_t) verdict->record.state));
    }
}


static void
make_begin(unsigned print, reauth_begin_t *begin)
{
    memset(begin, 0, sizeof(reauth_begin_t));

    begin->now_ms = NOW_MS + 1000;
    begin->gate_max_ms = GATE_MAX;
    begin->source = print ? REAUTH_SOURCE_UPDATE
                          : REAUTH_SOURCE_REAUTHENTICATE;
    begin->account = reauth_string_from("acct_1");
    begin->fingerprint = print ? prints[print] : NULL;
}


/* the update has the fingerprint 1 */

static void
test_begin(void **state)
{
    size_t                 i;
    reauth_begin_t         begin;
    reauth_stored_t        stored;
    reauth_judgement_t       verdict;
    reauth_begin_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        reauth_begin_result_t   result;
        reauth_write_t          write;
        unsigned                dirty;
        reauth_state_t          state;
    } rows[] = {

        { "nothing is known", { NONE, 0, 0, 0, 0 },
          REAUTH_BEGIN_STARTED, RECORD, REDIS, STARTING },

        { "the last attempt has ended", { FAILED, 5, 1, 1, 0 },
          REAUTH_BEGIN_STARTED, RECORD, REDIS, STARTING },

        { "another update is in progress", { RUNNING, 5, 1, 2, 0 },
          REAUTH_BEGIN_STARTED, RECORD, REDIS, STARTING },

        { "an identical update is in progress", { RUNNING, 5, 1, 1, 0 },
          REAUTH_BEGIN_COALESCED, NOTHING, CLEAN, RUNNING },

        { "an identical update is being sent", { STARTING, 5, 1, 1, 0 },
          REAUTH_BEGIN_JOIN, NOTHING, CLEAN, STARTING },

        { "another update is being sent", { STARTING, 5, 1, 2, 0 },
          REAUTH_BEGIN_WAIT, NOTHING, CLEAN, STARTING },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        make_begin(1, &begin);

        result = reauth_judge_begin(&stored, &begin, NULL, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].row, result);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].state);

        assert_int_equal(verdict.again, 0);

        if (result == REAUTH_BEGIN_STARTED) {
            assert_true(begin.epoch > rows[i].stored.epoch);
            assert_int_equal(verdict.record.epoch, begin.epoch);
            assert_int_equal(verdict.record.revision,
                             rows[i].stored.revision);
        }
    }
}


/* what else the zone has to say of a begin */

static void
test_begin_in_its_zone(void **state)
{
    reauth_fact_t               fact;
    reauth_begin_t              begin;
    reauth_stored_t             stored;
    reauth_judgement_t            verdict;
    static const row_record_t   ended = { FAILED, 5, 1, 0, 0 };

    (void) state;

    make_stored(&ended, 0, &stored);
    stored.has_redis = 0;
    make_begin(1, &begin);

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_STARTED);
    check_verdict("without Redis", &verdict, RECORD, CLEAN, STARTING);

    /* epochs are greater than those of other accounts */

    make_stored(&ended, 0, &stored);
    stored.epoch = REAUTH_EPOCH_MAX / 2;
    make_begin(1, &begin);

    (void) reauth_judge_begin(&stored, &begin, NULL, &verdict);
    assert_true(begin.epoch > REAUTH_EPOCH_MAX / 2);

    /* other updates wait for their turn */

    make_stored(&ended, 0, &stored);
    stored.waiting = 1;
    make_begin(1, &begin);

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_WAIT);
    check_verdict("others wait", &verdict, NOTHING, CLEAN, FAILED);

    make_begin(1, &begin);
    begin.waited = 1;

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_STARTED);

    make_begin(0, &begin);

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_STARTED);

    /* the caller of what it replaces, in case that it is rejected */

    make_stored(&ended, 0, &stored);
    memcpy(stored.record.caller, "payouts", sizeof("payouts"));
    make_begin(1, &begin);
    begin.caller = reauth_string_from("support");

    (void) reauth_judge_begin(&stored, &begin, NULL, &verdict);
    assert_string_equal(verdict.record.caller, "support");
    assert_string_equal(begin.prior_caller, "payouts");
    assert_int_equal(begin.prior_known, 1);

    reauth_judge_unsent(&begin, NOW_MS, "NOT_SENT", &fact);
    assert_true(reauth_string_equals(&fact.caller, "payouts"));

    /* the limit of a caller; an attempt that was begun is not one more */

    make_stored(&ended, 0, &stored);
    stored.attempts = 3;
    stored.active = 3;
    stored.capacity = 100;

    make_begin(1, &begin);
    begin.bounded = 1;
    begin.attempts_max = 3;
    begin.callers = 1;

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_TOO_MANY);
    check_verdict("too many", &verdict, NOTHING, CLEAN, FAILED);

    begin.epoch = stored.record.epoch;

    assert_int_equal(reauth_judge_begin(&stored, &begin, &stored.record,
                                        &verdict),
                     REAUTH_BEGIN_STARTED);
}


/* the begin has the epoch 10 and the fingerprint 1; Redis has another record */

static void
test_begin_again(void **state)
{
    size_t                 i;
    reauth_begin_t         begin;
    reauth_record_t        remote;
    reauth_stored_t        stored;
    reauth_judgement_t       verdict;
    reauth_begin_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        row_record_t            remote;
        reauth_begin_result_t   result;
        reauth_write_t          write;
        unsigned                dirty;
        unsigned                again;
        reauth_state_t          state;
        uint64_t                epoch;     /* 0: a new one */
    } rows[] = {

        { "it is there: the clerk has written it",
          { STARTING, 10, 1, 1, 0 }, { STARTING, 10, 2, 1, 0 },
          REAUTH_BEGIN_STARTED, REVISION, CLEAN, 0, STARTING, 10 },

        { "an earlier attempt has ended",
          { STARTING, 10, 1, 1, 0 }, { FAILED, 9, 2, 0, 0 },
          REAUTH_BEGIN_STARTED, RECORD, REDIS, 1, STARTING, 10 },

        { "a later attempt has ended",
          { STARTING, 10, 1, 1, 0 }, { FAILED, 11, 2, 0, 0 },
          REAUTH_BEGIN_STARTED, RECORD, REDIS, 1, STARTING, 0 },

        { "an identical update is in progress",
          { STARTING, 10, 1, 1, 0 }, { RUNNING, 9, 2, 1, 0 },
          REAUTH_BEGIN_COALESCED, RECORD, REDIS, 1, RUNNING, 9 },

        { "another update is being sent",
          { STARTING, 10, 1, 1, 0 }, { STARTING, 9, 2, 2, 0 },
          REAUTH_BEGIN_WAIT, RECORD, REDIS, 1, STARTING, 9 },

        { "a later one is stored already",
          { STARTING, 12, 1, 2, 0 }, { FAILED, 11, 2, 0, 0 },
          REAUTH_BEGIN_WAIT, NOTHING, CLEAN, 0, STARTING, 12 },

        { "an earlier one is stored, and a later one is in Redis",
          { FAILED, 8, 1, 0, 0 }, { STARTING, 11, 2, 1, 0 },
          REAUTH_BEGIN_JOIN, RECORD, CLEAN, 1, STARTING, 11 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 1, &stored);
        make(&rows[i].remote, &remote);

        make_begin(1, &begin);
        begin.epoch = 10;

        result = reauth_judge_begin(&stored, &begin, &remote, &verdict);

        if (result != rows[i].result || verdict.again != rows[i].again) {
            fail_msg("%s: result %d, again %u", rows[i].row, result,
                     verdict.again);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].state);

        if (rows[i].epoch) {
            assert_int_equal(verdict.record.epoch, rows[i].epoch);

        } else {
            assert_int_equal(verdict.record.epoch, begin.epoch);
            assert_true(begin.epoch > rows[i].remote.epoch);
        }

        if (result == REAUTH_BEGIN_STARTED) {
            assert_int_equal(verdict.record.revision,
                             rows[i].remote.revision);
        }
    }
}


/*
 * The clerk has written a begin as it was judged first.  It was judged again by
 * an attempt in progress since, which a rejection restores.
 */

static void
test_begin_written(void **state)
{
    reauth_fact_t       fact;
    reauth_begin_t      begin;
    reauth_record_t     remote, written;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  nothing = { NONE, 0, 0, 0, 0 };
    static const row_record_t  running = { RUNNING, 10, 2, 2, 0 };

    (void) state;

    make_stored(&nothing, 0, &stored);
    make_begin(1, &begin);

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_STARTED);

    written = verdict.record;
    written.revision = 3;

    stored.record = verdict.record;
    stored.dirty = 1;

    make(&running, &remote);

    assert_int_equal(reauth_judge_begin(&stored, &begin, &remote, &verdict),
                     REAUTH_BEGIN_STARTED);
    assert_int_equal(verdict.record.prior.state, RUNNING);

    stored.record = verdict.record;

    assert_int_equal(reauth_judge_begin(&stored, &begin, &written, &verdict),
                     REAUTH_BEGIN_STARTED);
    check_verdict("judged first", &verdict, REVISION, REDIS, STARTING);
    assert_int_equal(verdict.record.epoch, begin.epoch);
    assert_int_equal(verdict.record.revision, 3);
    assert_int_equal(verdict.record.prior.state, RUNNING);

    reauth_judge_unsent(&begin, NOW_MS + 2000, "NOT_SENT", &fact);

    stored.record = verdict.record;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
    check_verdict("rejected", &verdict, RECORD, REDIS, RUNNING);

    /* another gateway knows more of the prior attempt */

    written = stored.record;
    written.revision = 4;
    written.updated_ms++;
    written.prior.state = FAILED;

    assert_int_equal(reauth_judge_begin(&stored, &begin, &written, &verdict),
                     REAUTH_BEGIN_STARTED);
    check_verdict("the prior has ended", &verdict, RECORD, CLEAN, STARTING);
    assert_int_equal(verdict.record.prior.state, FAILED);
}


/*
 * The begin of the epoch 10 was judged by what was stored; Redis has another
 * record of the account, which is judged only if it says more than that.
 */

static void
test_begin_outdated(void **state)
{
    size_t                 i;
    reauth_begin_t         begin;
    reauth_record_t        remote;
    reauth_stored_t        stored;
    reauth_judgement_t     verdict;
    reauth_begin_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            base;
        unsigned                dirty;
        row_record_t            remote;
        reauth_begin_result_t   result;
        reauth_write_t          write;
    } rows[] = {

        { "Redis was not told that it is in progress",
          { RUNNING, 9, 1, 2, 5 }, 1, { STARTING, 9, 2, 2, 0 },
          REAUTH_BEGIN_STARTED, REVISION },

        { "Redis has lost it, and has an identical update",
          { RUNNING, 9, 7, 2, 5 }, 0, { RUNNING, 8, 3, 1, 0 },
          REAUTH_BEGIN_STARTED, REVISION },

        { "Redis has just that",
          { RUNNING, 9, 7, 2, 5 }, 0, { RUNNING, 9, 7, 2, 5 },
          REAUTH_BEGIN_STARTED, REVISION },

        { "it has changed in Redis",
          { RUNNING, 9, 1, 2, 5 }, 0, { FAILED, 9, 2, 2, 6 },
          REAUTH_BEGIN_STARTED, RECORD },

        { "another update is being sent",
          { RUNNING, 8, 1, 2, 5 }, 0, { STARTING, 9, 2, 2, 6 },
          REAUTH_BEGIN_WAIT, RECORD },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].base, rows[i].dirty, &stored);
        make(&rows[i].remote, &remote);

        make_begin(1, &begin);
        begin.epoch = 10;

        assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                         REAUTH_BEGIN_STARTED);

        stored.record = verdict.record;
        stored.dirty = verdict.dirty;

        result = reauth_judge_begin(&stored, &begin, &remote, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].row, result);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, REDIS, STARTING);

        assert_int_equal(verdict.record.revision, rows[i].remote.revision);
    }
}


static void
make_fact(uint64_t epoch, reauth_state_t state, reauth_fact_t *fact)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = NOW_MS + 1000;
    fact->gate_max_ms = GATE_MAX;
    fact->epoch = epoch;
    fact->source = REAUTH_SOURCE_UPDATE;
    fact->state = state;
}


static void
test_advance(void **state)
{
    size_t                   i;
    reauth_fact_t            fact;
    reauth_stored_t          stored;
    reauth_judgement_t         verdict;
    reauth_advance_result_t  result;

    static const struct {
        const char              *row;
        row_record_t             stored;
        uint64_t                 epoch;     /* of the fact */
        reauth_state_t           fact;
        reauth_advance_result_t  result;
        reauth_write_t           write;
        unsigned                 dirty;
        reauth_state_t           state;
    } rows[] = {

        { "it counts", { STARTING, 5, 1, 1, 0 }, 5, RUNNING,
          REAUTH_ADVANCE_APPLIED, RECORD, REDIS, RUNNING },

        { "nothing new", { RUNNING, 5, 1, 1, 0 }, 5, RUNNING,
          REAUTH_ADVANCE_SAME, NOTHING, CLEAN, RUNNING },

        { "about an older attempt", { RUNNING, 5, 1, 1, 0 }, 4, FAILED,
          REAUTH_ADVANCE_STALE, NOTHING, CLEAN, RUNNING },

        { "the attempt has ended", { FAILED, 5, 1, 0, 0 }, 5, RUNNING,
          REAUTH_ADVANCE_ENDED, NOTHING, CLEAN, FAILED },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        make_fact(rows[i].epoch, rows[i].fact, &fact);

        result = reauth_judge_advance(&stored, &fact, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].row, result);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].state);

        stored.has_redis = 0;
        (void) reauth_judge_advance(&stored, &fact, &verdict);

        check_verdict(rows[i].row, &verdict, rows[i].write, CLEAN,
                      rows[i].state);
    }
}


/* a caller's poll shows an attempt of which nothing is known */

static void
test_advance_limited(void **state)
{
    reauth_fact_t               fact;
    reauth_stored_t             stored;
    reauth_judgement_t            verdict;
    static const row_record_t   nothing = { NONE, 0, 0, 0, 0 };

    (void) state;

    make_stored(&nothing, 0, &stored);
    stored.attempts = 3;
    stored.active = 3;
    stored.capacity = 100;

    make_fact(0, RUNNING, &fact);
    fact.source = REAUTH_SOURCE_POLL;
    fact.attempt = reauth_string_from("auth_1");
    fact.bounded = 1;
    fact.attempts_max = 3;
    fact.callers = 1;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_SAME);
    check_verdict("limited", &verdict, NOTHING, CLEAN, NONE);

    stored.attempts = 2;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
    check_verdict("allowed", &verdict, RECORD, REDIS, RUNNING);
    assert_int_equal(verdict.record.epoch, fact.new_epoch);
}


/*
 * A commit was not written.  The fact of its change, if there is one, says that
 * the attempt of the epoch 10 is running.
 */

static void
test_conflict(void **state)
{
    int               again;
    size_t            i;
    reauth_fact_t     fact;
    reauth_record_t   remote;
    reauth_stored_t   stored;
    reauth_judgement_t  verdict;

    static const struct {
        const char     *row;
        unsigned        fact;
        row_record_t    stored;
        row_record_t    remote;
        int             send;
        reauth_write_t  write;
        unsigned        dirty;
        reauth_state_t  state;
        uint64_t        epoch;
        uint64_t        revision;
    } rows[] = {

        { "Redis has a later attempt", 0,
          { RUNNING, 10, 1, 0, 0 }, { RUNNING, 11, 5, 0, 0 },
          0, RECORD, CLEAN, RUNNING, 11, 5 },

        { "ours is the later one", 0,
          { RUNNING, 10, 1, 0, 0 }, { RUNNING, 9, 5, 0, 0 },
          1, REVISION, REDIS, RUNNING, 10, 5 },

        { "it is written already", 0,
          { RUNNING, 10, 1, 0, 0 }, { RUNNING, 10, 5, 0, 0 },
          0, REVISION, CLEAN, RUNNING, 10, 5 },

        { "a fact, and Redis has a later attempt", 1,
          { RUNNING, 10, 1, 0, 0 }, { RUNNING, 11, 5, 0, 0 },
          0, RECORD, CLEAN, RUNNING, 11, 5 },

        { "a fact, and Redis has its attempt, which has ended", 1,
          { RUNNING, 10, 1, 0, 0 }, { FAILED, 10, 5, 0, 0 },
          0, RECORD, CLEAN, FAILED, 10, 5 },

        { "a fact that counts for what Redis has", 1,
          { FAILED, 9, 1, 0, 0 }, { STARTING, 10, 5, 0, 0 },
          1, RECORD, REDIS, RUNNING, 10, 5 },

        { "a fact, and ours is the later one", 1,
          { RUNNING, 10, 1, 0, 0 }, { STARTING, 10, 5, 0, 0 },
          1, REVISION, REDIS, RUNNING, 10, 5 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 1, &stored);
        make(&rows[i].remote, &remote);
        make_fact(10, RUNNING, &fact);

        again = reauth_judge_conflict(&stored, rows[i].fact ? &fact : NULL,
                                      &remote, &verdict);

        if (again != rows[i].send) {
            fail_msg("%s: send %d", rows[i].row, again);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].state);

        assert_int_equal(verdict.record.epoch, rows[i].epoch);
        assert_int_equal(verdict.record.revision, rows[i].revision);
    }
}


/*
 * The reply with the conflict was overtaken: by a commit of another worker, an
 * event, or a person.
 */

static void
test_conflict_overtaken(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  written = { RUNNING, 10, 4, 1, 0 };
    static const row_record_t  before = { RUNNING, 10, 3, 1, 5 };
    static const row_record_t  of_event = { STARTING, 11, 4, 0, 6 };
    static const row_record_t  forgotten
                                   = { REAUTH_STATE_FORGOTTEN, 11, 3, 0, 6 };
    static const row_record_t  unknown = { NONE, 0, 0, 0, 0 };

    (void) state;

    make(&before, &remote);
    make_fact(10, RUNNING, &fact);

    /* what is stored and not dirty was in Redis later: it is written again */

    make_stored(&written, 0, &stored);

    assert_true(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("a commit", &verdict, REVISION, REDIS, RUNNING);
    assert_int_equal(verdict.record.revision, 4);
    assert_int_equal(verdict.record.updated_ms, NOW_MS);

    /* Redis has lost its data: the later one is stored */

    make_stored(&written, 1, &stored);

    assert_false(reauth_judge_conflict(&stored, NULL, &remote, &verdict));
    check_verdict("lost", &verdict, RECORD, CLEAN, RUNNING);
    assert_int_equal(verdict.record.revision, 3);

    /* Redis still has what is missing */

    make_stored(&of_event, 0, &stored);
    stored.record.missing = REAUTH_SECRET_FINGERPRINT;

    assert_true(reauth_judge_conflict(&stored, NULL, &remote, &verdict));
    check_verdict("an event", &verdict, REVISION, REDIS, STARTING);
    assert_int_equal(verdict.record.revision, 3);
    assert_int_equal(verdict.record.missing, REAUTH_SECRET_FINGERPRINT);

    /* it does not */

    stored.record.revision = 3;

    assert_true(reauth_judge_conflict(&stored, NULL, &remote, &verdict));
    assert_int_equal(verdict.record.missing, 0);

    /* the rejection of an update is written, and the attempt before it runs */

    make_stored(&before, 0, &stored);
    make_fact(10, REAUTH_STATE_REJECTED, &fact);
    make(&written, &remote);

    assert_false(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("rejected", &verdict, RECORD, CLEAN, RUNNING);
    assert_int_equal(verdict.record.revision, 4);

    /* the attempt of the fact is forgotten: the fact is not judged again */

    make_stored(&forgotten, 1, &stored);
    fact.new_epoch = 11;

    assert_true(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("a person", &verdict, REVISION, REDIS,
                  REAUTH_STATE_FORGOTTEN);
    assert_int_equal(verdict.record.epoch, 11);

    /*
     * two gateways learn of the same login, one of its success: the other one
     * has not ended it
     */

    make_stored(&unknown, 0, &stored);
    make_fact(0, SUCCEEDED, &fact);
    fact.source = REAUTH_SOURCE_WEBHOOK;
    fact.started_us = (NOW_MS - 500) * 1000;
    fact.unconfirmed = 1;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);

    stored.record = verdict.record;
    stored.dirty = verdict.dirty;
    remote = verdict.record;
    remote.revision = 5;
    remote.state = REAUTH_STATE_NEEDS_OTP;
    remote.completed_us = 0;

    assert_true(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("ended", &verdict, REVISION, REDIS, SUCCEEDED);
    assert_int_equal(verdict.record.revision, 5);
}


/*
 * A new attempt was stored, and gives way to an earlier record of Redis.  Later
 * events about this may have come meanwhile: it is written again.
 */

static void
test_conflict_earlier(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  ours = { RUNNING, 11, 1, 0, 0 };
    static const row_record_t  theirs = { STARTING, 9, 5, 1, 0 };
    static const row_record_t  later = { RUNNING, 9, 6, 1, 1 };

    (void) state;

    make_stored(&ours, 1, &stored);
    make(&theirs, &remote);
    make_fact(10, RUNNING, &fact);
    fact.new_epoch = 11;

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     0);
    check_verdict("earlier", &verdict, RECORD, REDIS, STARTING);
    assert_int_equal(verdict.record.epoch, 9);

    /* when it is written, Redis has the later one */

    stored.record = verdict.record;
    make(&later, &remote);

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     0);
    check_verdict("later", &verdict, RECORD, CLEAN, RUNNING);
    assert_int_equal(verdict.record.revision, 6);
}


/*
 * A poll has shown an attempt that was not known here, under an epoch of its
 * own, and a second one has shown its next step.  The commit of the second one
 * is the first to arrive, and Redis has the attempt under that of its update.
 */

static void
test_conflict_known(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const reauth_string_t  one = reauth_string("auth_1");
    static const reauth_string_t  other = reauth_string("auth_0");
    static const row_record_t     ours = { RUNNING, 11, 0, 0, 0 };
    static const row_record_t     ended = { FAILED, 11, 0, 0, 0 };
    static const row_record_t     begun = { RUNNING, 8, 5, 0, 0 };
    static const row_record_t     forgotten
                                      = { REAUTH_STATE_FORGOTTEN, 8, 5, 0, 0 };

    (void) state;

    make_fact(0, REAUTH_STATE_NEEDS_OTP, &fact);
    fact.attempt = one;
    fact.new_epoch = 13;

    make_stored(&ours, 1, &stored);
    reauth_copy(stored.record.attempt, REAUTH_ATTEMPT_MAX, &one);

    make(&begun, &remote);
    reauth_copy(remote.attempt, REAUTH_ATTEMPT_MAX, &one);

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     1);
    check_verdict("in progress", &verdict, RECORD, REDIS,
                  REAUTH_STATE_NEEDS_OTP);
    assert_int_equal(verdict.record.epoch, 8);

    /* a person has forgotten it: it does not come back */

    make(&forgotten, &remote);
    reauth_copy(remote.attempt, REAUTH_ATTEMPT_MAX, &one);

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     0);
    assert_int_equal(verdict.record.state, REAUTH_STATE_FORGOTTEN);
    assert_int_equal(verdict.record.epoch, 8);

    /* another attempt */

    reauth_copy(remote.attempt, REAUTH_ATTEMPT_MAX, &other);

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     1);
    assert_int_equal(verdict.record.epoch, 11);

    /* the ID is that of the account, and of all its attempts: Fansly */

    reauth_copy(remote.attempt, REAUTH_ATTEMPT_MAX, &one);
    reauth_copy(stored.record.account, REAUTH_ACCOUNT_MAX, &one);

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     1);
    assert_int_equal(verdict.record.epoch, 11);

    /* an end that another fact has shown meanwhile */

    make_stored(&ended, 1, &stored);
    reauth_copy(stored.record.attempt, REAUTH_ATTEMPT_MAX, &one);

    assert_int_equal(reauth_judge_conflict(&stored, &fact, &remote, &verdict),
                     1);
    assert_int_equal(verdict.record.epoch, 11);
    assert_int_equal(verdict.record.state, FAILED);
}


/*
 * A webhook has shown a new attempt; Redis has an earlier record than what that
 * was judged by: it is written over.
 */

static void
test_conflict_outdated(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  ended = { FAILED, 10, 7, 0, 5 };
    static const row_record_t  earlier = { STARTING, 10, 3, 0, 0 };

    (void) state;

    make_stored(&ended, 0, &stored);
    make(&earlier, &remote);

    make_fact(0, RUNNING, &fact);
    fact.source = REAUTH_SOURCE_WEBHOOK;
    fact.started_us = (NOW_MS + 500) * 1000;

    stored.record.started_us = NOW_MS * 1000;
    stored.record.completed_us = (NOW_MS + 5) * 1000;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);

    stored.record = verdict.record;
    stored.dirty = verdict.dirty;

    assert_true(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("earlier", &verdict, REVISION, REDIS, RUNNING);
    assert_int_equal(verdict.record.epoch, stored.record.epoch);
    assert_int_equal(verdict.record.revision, 3);
}


static void
test_merge(void **state)
{
    size_t                 i;
    reauth_record_t        remote;
    reauth_stored_t        stored;
    reauth_judgement_t       verdict;
    reauth_merge_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        unsigned                was_dirty;
        row_record_t            remote;
        int                     live;
        reauth_merge_result_t   result;
        reauth_write_t          write;
        unsigned                dirty;
        uint64_t                epoch;
        uint64_t                revision;
    } rows[] = {

        { "nothing is stored", { NONE, 0, 0, 0, 0 }, 0,
          { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_TAKEN, RECORD, CLEAN, 10, 5 },

        { "a later attempt", { RUNNING, 9, 4, 0, 0 }, 1,
          { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_TAKEN, RECORD, CLEAN, 10, 5 },

        { "the same, written by us", { RUNNING, 10, 4, 0, 0 }, 1,
          { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_SAME, REVISION, CLEAN, 10, 5 },

        { "an event before our change", { RUNNING, 10, 4, 0, 9 }, 1,
          { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_OURS, REVISION, REDIS, 10, 5 },

        { "Redis does not have our change", { RUNNING, 10, 4, 0, 9 }, 1,
          { RUNNING, 10, 4, 0, 0 }, 1,
          REAUTH_MERGE_OURS, REVISION, REDIS, 10, 4 },

        { "an event that is known", { RUNNING, 10, 5, 0, 0 }, 0,
          { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_LATE, NOTHING, CLEAN, 10, 5 },

        { "an event of the same revision that differs",
          { RUNNING, 10, 5, 0, 9 }, 0, { RUNNING, 10, 5, 0, 0 }, 0,
          REAUTH_MERGE_ASK, NOTHING, CLEAN, 10, 5 },

        { "an event of the same in a lower revision",
          { RUNNING, 10, 5, 0, 0 }, 0, { RUNNING, 10, 1, 0, 0 }, 0,
          REAUTH_MERGE_ASK, NOTHING, CLEAN, 10, 5 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, rows[i].was_dirty, &stored);
        make(&rows[i].remote, &remote);

        result = reauth_judge_merge(&stored, &remote, rows[i].live, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].row, result);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      RUNNING);

        assert_int_equal(verdict.record.epoch, rows[i].epoch);
        assert_int_equal(verdict.record.revision, rows[i].revision);
    }
}


/*
 * A change that Redis refused was the result of a poll alone: it is written
 * again, unless Redis has a later one.
 */

static void
test_conflict_polled(void **state)
{
    int                 live;
    reauth_stored_t     stored;
    reauth_record_t     remote;
    reauth_judgement_t  verdict;

    static const row_record_t  running = { RUNNING, 10, 3, 1, 5 };

    (void) state;

    make(&running, &remote);
    make_stored(&running, 1, &stored);

    stored.record.revision = 2;
    stored.record.missing = REAUTH_SECRET_FINGERPRINT;
    stored.record.poll_error = REAUTH_POLL_ERROR_TIMEOUT;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     1);
    check_verdict("the result of a poll", &verdict, REVISION, REDIS, RUNNING);
    assert_int_equal(verdict.record.poll_error, REAUTH_POLL_ERROR_TIMEOUT);
    assert_int_equal(verdict.record.revision, 3);
    assert_int_equal(verdict.record.missing, 0);

    /* the status of the response is a result, too */

    remote.poll_error = REAUTH_POLL_ERROR_TIMEOUT;
    stored.record.poll_status = 504;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     1);

    /* an event of another gateway that did not know of it keeps it, too */

    remote.revision = 4;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 0, &verdict),
                     REAUTH_MERGE_OURS);
    check_verdict("an event", &verdict, REVISION, REDIS, RUNNING);
    assert_int_equal(verdict.record.poll_status, 504);

    /* the one before it is written: this one is not */

    assert_int_equal(reauth_judge_committed(&stored, &remote, 3, 0, &verdict),
                     1);
    check_verdict("written before", &verdict, REVISION, REDIS, RUNNING);

    /* a later result is not written over, in whatever order they come */

    remote.polled_ms = NOW_MS + 2000;
    stored.record.polled_ms = NOW_MS + 1000;

    for (live = 0; live < 2; live++) {
        assert_int_equal(reauth_judge_merge(&stored, &remote, live, &verdict),
                         REAUTH_MERGE_TAKEN);
        check_verdict("a later result", &verdict, RECORD, CLEAN, RUNNING);
        assert_int_equal(verdict.record.poll_status, 0);
    }

    /* the same result but for the number of lost polls */

    remote.polled_ms = stored.record.polled_ms;
    remote.poll_status = 504;
    remote.lost = 1;
    stored.record.lost = 2;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     1);

    /* Redis has it, or there was nothing to write */

    remote.lost = 2;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     0);

    remote.lost = 1;
    stored.dirty = 0;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     0);

    /* without an error, the status is no result */

    stored.dirty = 1;
    stored.record.poll_error = REAUTH_POLL_ERROR_NONE;
    stored.record.lost = 1;
    remote.poll_error = REAUTH_POLL_ERROR_NONE;
    remote.poll_status = 200;

    assert_int_equal(reauth_judge_conflict(&stored, NULL, &remote, &verdict),
                     0);
}


static void
test_lost(void **state)
{
    size_t            i;
    reauth_record_t   asked;
    reauth_stored_t   stored;
    reauth_judgement_t  verdict;

    static const struct {
        const char     *row;
        row_record_t    stored;
        row_record_t    asked;
        reauth_write_t  write;
        unsigned        dirty;
        uint64_t        revision;
    } rows[] = {

        { "it is to be written as a new one", { RUNNING, 10, 5, 0, 0 },
          { RUNNING, 10, 5, 0, 0 }, REVISION, REDIS, 0 },

        { "Redis has another one since", { RUNNING, 10, 6, 0, 0 },
          { RUNNING, 10, 5, 0, 0 }, NOTHING, CLEAN, 6 },

        { "it was dropped here, too", { NONE, 0, 0, 0, 0 },
          { NONE, 10, 0, 0, 0 }, NOTHING, CLEAN, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        make(&rows[i].asked, &asked);

        reauth_judge_lost(&stored, &asked, &verdict);

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].stored.state);

        assert_int_equal(verdict.record.revision, rows[i].revision);
    }
}


/* a deletion by hand opens no gate; an end that Redis has had is forgotten */

static void
test_deleted(void **state)
{
    int                 again;
    size_t              i;
    reauth_record_t     asked;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const struct {
        const char     *row;
        row_record_t    stored;
        unsigned        was_dirty;
        row_record_t    asked;
        int             again;
        reauth_write_t  write;
        unsigned        dirty;
        uint64_t        revision;
    } rows[] = {

        { "an active one is written again", { RUNNING, 10, 5, 0, 0 }, 0,
          { RUNNING, 10, 5, 0, 0 }, 1, REVISION, REDIS, 0 },

        { "so is one that is being sent", { STARTING, 10, 5, 0, 0 }, 1,
          { STARTING, 10, 5, 0, 0 }, 1, REVISION, REDIS, 0 },

        { "Redis has an active one since", { RUNNING, 10, 6, 0, 0 }, 0,
          { RUNNING, 10, 5, 0, 0 }, 0, NOTHING, CLEAN, 6 },

        { "one that has ended is removed", { SUCCEEDED, 10, 5, 0, 0 }, 0,
          { SUCCEEDED, 10, 5, 0, 0 }, 0, REAUTH_WRITE_REMOVED, CLEAN, 5 },

        { "it has ended since it was asked for", { FAILED, 10, 6, 0, 0 }, 0,
          { RUNNING, 10, 5, 0, 0 }, 0, NOTHING, CLEAN, 6 },

        { "Redis does not have the end yet", { SUCCEEDED, 10, 5, 0, 0 }, 1,
          { SUCCEEDED, 10, 5, 0, 0 }, 0, NOTHING, CLEAN, 5 },

        { "it is unknown here", { NONE, 0, 0, 0, 0 }, 0,
          { NONE, 10, 0, 0, 0 }, 0, NOTHING, CLEAN, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, rows[i].was_dirty, &stored);
        make(&rows[i].asked, &asked);

        again = reauth_judge_deleted(&stored, &asked, &verdict);

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].stored.state);

        assert_int_equal(again, rows[i].again);
        assert_int_equal(verdict.record.revision, rows[i].revision);
    }
}


static void
test_forget(void **state)
{
    size_t              i;
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const struct {
        const char       *row;
        row_record_t      stored;
        reauth_forget_t   result;
        reauth_write_t    write;
        unsigned          state;
    } rows[] = {

        { "an active one", { RUNNING, 10, 5, 0, 0 },
          REAUTH_FORGET_DONE, RECORD, REAUTH_STATE_FORGOTTEN },

        { "one that has ended", { FAILED, 10, 5, 0, 0 },
          REAUTH_FORGET_DONE, RECORD, REAUTH_STATE_FORGOTTEN },

        { "one that is being sent", { STARTING, 10, 5, 0, 0 },
          REAUTH_FORGET_SENDING, NOTHING, STARTING },

        { "an unknown one", { NONE, 0, 0, 0, 0 },
          REAUTH_FORGET_UNKNOWN, NOTHING, NONE },

        { "once more", { REAUTH_STATE_FORGOTTEN, 10, 5, 0, 0 },
          REAUTH_FORGET_UNKNOWN, NOTHING, REAUTH_STATE_FORGOTTEN },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        stored.has_redis = 1;

        assert_int_equal(reauth_judge_forget(&stored, stored.record.updated_ms,
                                             &verdict),
                         rows[i].result);
        check_verdict(rows[i].row, &verdict, rows[i].write,
                      rows[i].write == RECORD ? REDIS : CLEAN, rows[i].state);
    }

    /* it ends any copy of this attempt, and none that began later */

    make_stored(&rows[4].stored, 1, &stored);

    make(&rows[0].stored, &remote);
    remote.revision = 9;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_OURS);

    make(&rows[1].stored, &remote);
    remote.revision = 9;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_OURS);

    make(&rows[0].stored, &remote);
    remote.epoch = 11;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_TAKEN);

    /* on another gateway, it replaces what is active or has ended */

    make(&rows[4].stored, &remote);

    for (i = 0; i < 2; i++) {
        make_stored(&rows[i].stored, 1, &stored);
        stored.record.revision = 9;

        assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                         REAUTH_MERGE_TAKEN);
    }

    /* a late end, of no attempt that is known, does not show it again */

    make_fact(0, FAILED, &fact);
    fact.source = REAUTH_SOURCE_WEBHOOK;
    fact.started_us = (NOW_MS + 500) * 1000;

    make_stored(&rows[4].stored, 0, &stored);

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_STALE);

    make_stored(&rows[1].stored, 0, &stored);

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
}


/* the record of the epoch 10 is in Redis as revision 5 */

static void
test_committed(void **state)
{
    int               again;
    size_t            i;
    reauth_record_t   record;
    reauth_stored_t   stored;
    reauth_judgement_t  verdict;

    static const row_record_t   written = { RUNNING, 10, 4, 0, 0 };

    static const struct {
        const char     *row;
        row_record_t    stored;
        unsigned        was_dirty;
        int             again;
        reauth_write_t  write;
        unsigned        dirty;
        uint64_t        revision;
    } rows[] = {

        { "it is what is stored", { RUNNING, 10, 4, 0, 0 }, 1,
          0, REVISION, CLEAN, 5 },

        { "it has changed since", { RUNNING, 10, 4, 0, 9 }, 1,
          1, REVISION, REDIS, 5 },

        { "it has changed since, and that is in Redis",
          { RUNNING, 10, 6, 0, 9 }, 0, 0, REVISION, CLEAN, 6 },

        { "it was dropped here", { NONE, 0, 0, 0, 0 }, 0,
          0, NOTHING, CLEAN, 0 },

        { "an earlier one of Redis was taken meanwhile",
          { STARTING, 9, 4, 0, 0 }, 0, 0, RECORD, CLEAN, 5 },

        { "and has changed since",
          { RUNNING, 9, 4, 0, 9 }, 1, 0, RECORD, CLEAN, 5 },

        { "a later one of Redis was taken, and is written over",
          { RUNNING, 11, 4, 0, 0 }, 0, 1, REVISION, REDIS, 5 },

        { "a state that Redis had before",
          { RUNNING, 10, 4, 0, 9 }, 0, 0, RECORD, CLEAN, 5 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, rows[i].was_dirty, &stored);
        make(&written, &record);

        again = reauth_judge_committed(&stored, &record, 5, 0, &verdict);

        if (again != rows[i].again) {
            fail_msg("%s: again %d", rows[i].row, again);
        }

        check_verdict(rows[i].row, &verdict, rows[i].write, rows[i].dirty,
                      rows[i].write == RECORD ? RUNNING
                                              : rows[i].stored.state);

        if (rows[i].write == RECORD) {
            assert_int_equal(verdict.record.epoch, 10);
        }

        assert_int_equal(verdict.record.revision, rows[i].revision);
    }

    /* Redis is being read anew: it may have lost what was written before */

    make_stored(&rows[0].stored, 1, &stored);
    make(&written, &record);

    assert_int_equal(reauth_judge_committed(&stored, &record, 5, 1, &verdict),
                     1);
    check_verdict("may be lost", &verdict, REVISION, REDIS, RUNNING);
    assert_int_equal(verdict.record.revision, 5);

    /* it has been read meanwhile */

    stored.record.revision = 5;
    stored.dirty = 0;

    assert_int_equal(reauth_judge_committed(&stored, &record, 5, 1, &verdict),
                     0);
    check_verdict("read meanwhile", &verdict, REVISION, CLEAN, RUNNING);
}


/* of a webhook: what it is, and what becomes of its fact */

static void
test_webhook(void **state)
{
    size_t                   i;
    reauth_fact_t            fact;
    reauth_heard_t           heard;
    reauth_stored_t          stored;
    reauth_string_t          account;
    reauth_webhook_t         webhook;
    reauth_judgement_t       verdict;
    reauth_advance_result_t  result;

    static const struct {
        const char              *row;
        const char              *account;
        reauth_state_t           webhook;
        reauth_event_t           event;
        int64_t                  started;      /* after NOW_MS; 0: unknown */
        int                      polling;
        row_record_t             stored;
        reauth_heard_t           heard;
        reauth_advance_result_t  result;
    } rows[] = {

        { "no meaning, nothing is in progress", "acct_1",
          NONE, REAUTH_EVENT_CONNECTED, 0, 1, { FAILED, 5, 1, 0, 0 },
          REAUTH_HEARD_NOTHING, REAUTH_ADVANCE_SAME },

        { "no meaning, a login is in progress", "acct_1",
          NONE, REAUTH_EVENT_CONNECTED, 0, 1, { RUNNING, 5, 1, 0, 0 },
          REAUTH_HEARD_HINT, REAUTH_ADVANCE_SAME },

        { "the session has expired", "acct_1",
          NONE, REAUTH_EVENT_SESSION_EXPIRED, 0, 1, { FAILED, 5, 1, 0, 0 },
          REAUTH_HEARD_HINT, REAUTH_ADVANCE_SAME },

        { "closes the gate", "acct_1",
          RUNNING, REAUTH_EVENT_OTP_CODE_REQUIRED, 500, 1,
          { NONE, 0, 0, 0, 0 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_APPLIED },

        { "too old to close the gate", "acct_1",
          RUNNING, REAUTH_EVENT_OTP_CODE_REQUIRED, -GATE_MAX, 1,
          { NONE, 0, 0, 0, 0 },
          REAUTH_HEARD_NOTHING, REAUTH_ADVANCE_SAME },

        { "opens the gate", "acct_1",
          FAILED, REAUTH_EVENT_AUTHENTICATION_FAILED, 500, 1,
          { RUNNING, 5, 1, 0, 0 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_APPLIED },

        { "a poll must confirm it", "acct_1",
          REAUTH_STATE_SUCCEEDED, REAUTH_EVENT_CONNECTED, 500, 1,
          { RUNNING, 5, 1, 0, 0 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_UNPLACED },

        { "nobody polls", "acct_1",
          REAUTH_STATE_SUCCEEDED, REAUTH_EVENT_CONNECTED, 500, 0,
          { RUNNING, 5, 1, 0, 0 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_APPLIED },

        { "it cannot be polled", "fanvue_acct_1",
          REAUTH_STATE_SUCCEEDED, REAUTH_EVENT_FANVUE_CONNECTED, 500, 1,
          { RUNNING, 5, 1, 0, 0 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_APPLIED },

        { "the gate is open already", "acct_1",
          REAUTH_STATE_SUCCEEDED, REAUTH_EVENT_CONNECTED, 500, 1,
          { RUNNING, 5, 1, 0, -1 },
          REAUTH_HEARD_FACT, REAUTH_ADVANCE_APPLIED },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);

        account = reauth_string_from(rows[i].account);
        reauth_copy(stored.record.account, REAUTH_ACCOUNT_MAX, &account);
        stored.record.started_us = rows[i].stored.state == RUNNING
                                   ? (NOW_MS + 500) * 1000 : 0;

        if (rows[i].stored.updated < 0) {
            stored.record.deadline_ms = NOW_MS;
        }

        memset(&webhook, 0, sizeof(reauth_webhook_t));

        webhook.event = rows[i].event;
        webhook.state = rows[i].webhook;
        reauth_copy(webhook.account, REAUTH_ACCOUNT_MAX, &account);

        if (rows[i].started) {
            webhook.started_us = (NOW_MS + rows[i].started) * 1000;
        }

        heard = reauth_judge_webhook(&webhook, &stored.record, NOW_MS + 1000,
                                     GATE_MAX, rows[i].polling, &fact);

        if (heard != rows[i].heard) {
            fail_msg("%s: heard %d", rows[i].row, heard);
        }

        if (heard != REAUTH_HEARD_FACT) {
            continue;
        }

        result = reauth_judge_advance(&stored, &fact, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: result %d", rows[i].row, result);
        }

        if (result == REAUTH_ADVANCE_UNPLACED) {
            check_verdict(rows[i].row, &verdict, NOTHING, CLEAN, RUNNING);
        }
    }
}


static void
test_call(void **state)
{
    size_t            i;
    reauth_fact_t     fact;
    reauth_called_t   called;
    reauth_record_t   record;

    static const char  expired[] = "SESSION_EXPIRED:NEEDS_REAUTHENTICATION";

    static const struct {
        const char       *row;
        const char       *code;
        row_record_t      record;
        const char       *error;         /* of the record */
        int64_t           began;         /* after NOW_MS */
        int64_t           now;
        reauth_called_t   called;
    } rows[] = {

        { "an unknown account", expired, { NONE, 0, 0, 0, -NOW_MS }, "", 1, 2,
          REAUTH_CALLED_FACT },

        { "after a login", expired, { SUCCEEDED, 10, 1, 0, 0 }, "", 1, 2,
          REAUTH_CALLED_FACT },

        { "after another failure", expired, { FAILED, 10, 1, 0, 0 }, "OTHER",
          1, 2, REAUTH_CALLED_FACT },

        { "known already", expired, { FAILED, 10, 1, 0, 0 }, expired, 1, 2,
          REAUTH_CALLED_KNOWN },

        { "a login is active", expired, { RUNNING, 10, 1, 0, 0 }, "", 1, 2,
          REAUTH_CALLED_KNOWN },

        { "it has expired", expired, { RUNNING, 10, 1, 0, 0 }, "", GATE_MAX,
          GATE_MAX, REAUTH_CALLED_FACT },

        { "the call began before", expired, { SUCCEEDED, 10, 1, 0, 5 }, "", 5,
          6, REAUTH_CALLED_EARLIER },

        { "another code", "INVALID_API_KEY", { SUCCEEDED, 10, 1, 0, 0 }, "", 1,
          2, REAUTH_CALLED_OTHER },

        { "no code", "", { SUCCEEDED, 10, 1, 0, 0 }, "", 1, 2,
          REAUTH_CALLED_OTHER },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&rows[i].record, &record);
        strcpy(record.error_code, rows[i].error);

        called = reauth_judge_call(rows[i].code, &record,
                                   NOW_MS + rows[i].began,
                                   NOW_MS + rows[i].now, &fact);

        if (called != rows[i].called) {
            fail_msg("%s: %d", rows[i].row, called);
        }

        if (called != REAUTH_CALLED_FACT) {
            continue;
        }

        assert_int_equal(fact.state, FAILED);
        assert_int_equal(fact.epoch, rows[i].record.epoch);
        assert_int_equal(fact.live, 1);
        assert_int_equal(fact.source, REAUTH_SOURCE_CALL);
        assert_int_equal(fact.action, REAUTH_ACTION_CREDENTIALS);
        assert_int_equal(fact.now_ms, NOW_MS + rows[i].now);
        assert_true(reauth_string_equals(&fact.error_code, expired));
    }
}


/*
 * The record has changed since the fact was made: it is judged by the one that
 * is stored now, then by that of Redis.  The call began at 5, the response came
 * at 6.
 */

static void
test_call_judged(void **state)
{
    size_t               i;
    reauth_fact_t        fact;
    reauth_record_t      record, remote;
    reauth_stored_t      stored;
    reauth_judgement_t   verdict;

    static const struct {
        const char               *row;
        const char               *account;
        row_record_t              record;    /* by which the fact was made */
        row_record_t              now;       /* stored, or in Redis */
        const char               *error;
        reauth_state_t            state;     /* afterwards */
        unsigned                  applied;
    } rows[] = {

        { "nothing has changed", "acct_1", { SUCCEEDED, 10, 1, 0, 0 },
          { SUCCEEDED, 10, 2, 0, 0 }, "", FAILED, 1 },

        { "forgotten before the call", "acct_1",
          { REAUTH_STATE_FORGOTTEN, 10, 1, 0, 0 },
          { REAUTH_STATE_FORGOTTEN, 10, 2, 0, 0 }, "", FAILED, 1 },

        { "forgotten during the call", "acct_1", { SUCCEEDED, 10, 1, 0, 0 },
          { REAUTH_STATE_FORGOTTEN, 10, 2, 0, 5 }, "",
          REAUTH_STATE_FORGOTTEN, 0 },

        { "a login has ended during the call", "acct_1",
          { REAUTH_STATE_EXPIRED, 10, 1, 0, 0 },
          { SUCCEEDED, 10, 2, 0, 5 }, "", SUCCEEDED, 0 },

        { "another call was the first", "acct_1", { SUCCEEDED, 10, 1, 0, 0 },
          { FAILED, 11, 2, 0, 6 }, "SESSION_EXPIRED:NEEDS_REAUTHENTICATION",
          FAILED, 0 },

        { "an account that was not known logs in", "fanvue_acct_1",
          { NONE, 0, 0, 0, -NOW_MS }, { RUNNING, 10, 2, 0, 0 }, "", RUNNING,
          0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].now, 0, &stored);
        strcpy(stored.record.account, rows[i].account);
        strcpy(stored.record.error_code, rows[i].error);

        remote = stored.record;

        /* by the stored record */

        make(&rows[i].record, &record);

        assert_int_equal(reauth_judge_call(REAUTH_SESSION_EXPIRED, &record,
                                           NOW_MS + 5, NOW_MS + 6, &fact),
                         REAUTH_CALLED_FACT);

        if (reauth_judge_advance(&stored, &fact, &verdict)
            != (rows[i].applied ? REAUTH_ADVANCE_APPLIED
                                : REAUTH_ADVANCE_STALE))
        {
            fail_msg("%s: applied here", rows[i].row);
        }

        assert_int_equal(verdict.record.state, rows[i].state);

        /* by that of Redis */

        make_stored(&rows[i].record, 0, &stored);
        strcpy(stored.record.account, rows[i].account);

        assert_int_equal(reauth_judge_call(REAUTH_SESSION_EXPIRED,
                                           &stored.record, NOW_MS + 5,
                                           NOW_MS + 6, &fact),
                         REAUTH_CALLED_FACT);
        assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                         REAUTH_ADVANCE_APPLIED);

        stored.record = verdict.record;
        stored.dirty = 1;

        if (reauth_judge_conflict(&stored, &fact, &remote, &verdict)
            != (int) rows[i].applied)
        {
            fail_msg("%s: applied in Redis", rows[i].row);
        }

        assert_int_equal(verdict.record.state, rows[i].state);

        if (!rows[i].applied) {
            assert_int_equal(verdict.record.epoch, rows[i].now.epoch);
        }
    }
}


/* only what the upstream has certainly not done is rejected */

static void
test_ended(void **state)
{
    size_t           i;
    const char      *code;
    reauth_state_t   result;

    static const struct {
        const char           *row;
        reauth_update_end_t   end;
        int                   sent;
        unsigned              status;
        reauth_state_t        state;
        const char           *code;
    } rows[] = {

        { "accepted", REAUTH_UPDATE_ANSWERED, 1, 200, RUNNING, NULL },
        { "rejected", REAUTH_UPDATE_ANSWERED, 1, 400, REAUTH_STATE_REJECTED,
          NULL },
        { "timed out there", REAUTH_UPDATE_ANSWERED, 1, 408,
          REAUTH_STATE_UNKNOWN, NULL },
        { "failed there", REAUTH_UPDATE_ANSWERED, 1, 500,
          REAUTH_STATE_UNKNOWN, NULL },
        { "redirected", REAUTH_UPDATE_REDIRECTED, 1, 302,
          REAUTH_STATE_REJECTED, "UPSTREAM_BAD_ANSWER" },
        { "accepted, compressed", REAUTH_UPDATE_ENCODED, 1, 200,
          REAUTH_STATE_UNKNOWN, "UPSTREAM_BAD_ANSWER" },
        { "rejected, compressed", REAUTH_UPDATE_ENCODED, 1, 400,
          REAUTH_STATE_REJECTED, "UPSTREAM_BAD_ANSWER" },
        { "no response in time", REAUTH_UPDATE_TIMED_OUT, 1, 504,
          REAUTH_STATE_UNKNOWN, "UPSTREAM_TIMEOUT" },
        { "not connected in time", REAUTH_UPDATE_TIMED_OUT, 0, 504,
          REAUTH_STATE_REJECTED, "UPSTREAM_TIMEOUT" },
        { "broken off", REAUTH_UPDATE_FAILED, 1, 502, REAUTH_STATE_UNKNOWN,
          "UPSTREAM_BAD_ANSWER" },
        { "not connected", REAUTH_UPDATE_FAILED, 0, 502,
          REAUTH_STATE_REJECTED, "UPSTREAM_BAD_ANSWER" },
        { "the client has left", REAUTH_UPDATE_UNFINISHED, 1, 0,
          REAUTH_STATE_UNKNOWN, "UPSTREAM_BAD_ANSWER" },
        { "it has left before", REAUTH_UPDATE_UNFINISHED, 0, 0,
          REAUTH_STATE_REJECTED, "NOT_SENT" },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        result = reauth_judge_ended(rows[i].end, rows[i].sent,
                                    reauth_upstream_status(rows[i].status),
                                    &code);

        if (result != rows[i].state) {
            fail_msg("%s: %s", rows[i].row, reauth_state_name(result));
        }

        if (rows[i].code == NULL) {
            assert_null(code);

        } else {
            assert_string_equal(code, rows[i].code);
        }
    }
}


static void
test_commit(void **state)
{
    unsigned                    tries;
    reauth_begin_t              begin;
    reauth_fact_t               fact;
    reauth_record_t             record;
    static const row_record_t   row = { RUNNING, 5, 1, 0, 0 };

    (void) state;

    tries = 0;

    assert_int_equal(reauth_judge_unwritten(&tries, 0, 0),
                     REAUTH_COMMIT_AS_NEW);
    assert_int_equal(reauth_judge_unwritten(&tries, 0, 1),
                     REAUTH_COMMIT_AS_NEW);
    assert_int_equal(reauth_judge_unwritten(&tries, 1, 0),
                     REAUTH_COMMIT_JUDGE_AGAIN);
    assert_int_equal(reauth_judge_unwritten(&tries, 1, 1),
                     REAUTH_COMMIT_BEGIN_AGAIN);

    tries = REAUTH_COMMIT_TRIES - 1;

    assert_int_equal(reauth_judge_unwritten(&tries, 1, 1),
                     REAUTH_COMMIT_GIVE_UP);

    make(&row, &record);

    assert_false(reauth_judge_flush(&record, 0, NOW_MS + 249, 250));
    assert_true(reauth_judge_flush(&record, 0, NOW_MS + 250, 250));

    /* the clock has been put back since */

    assert_false(reauth_judge_flush(&record, 0, NOW_MS - 249, 250));
    assert_true(reauth_judge_flush(&record, 0, NOW_MS - 250, 250));

    /* a begin may be judged again */

    record.state = STARTING;

    assert_false(reauth_judge_flush(&record, 0, NOW_MS + 499, 250));
    assert_true(reauth_judge_flush(&record, 0, NOW_MS + 500, 250));

    /* no worker is writing it */

    assert_true(reauth_judge_flush(&record, 1, NOW_MS, 250));

    make_begin(1, &begin);
    begin.epoch = 7;

    reauth_judge_unsent(&begin, NOW_MS, "NOT_SENT", &fact);

    assert_int_equal(fact.epoch, 7);
    assert_int_equal(fact.state, REAUTH_STATE_REJECTED);
    assert_int_equal(fact.source, REAUTH_SOURCE_UPDATE);
    assert_int_equal(fact.now_ms, NOW_MS);
    assert_true(reauth_string_equals(&fact.error_code, "NOT_SENT"));
}


/*
 * Records that were made from events miss their secrets.  Each row: what is
 * stored and what it misses, the record of Redis, the update, what becomes of
 * it.
 */

static void
test_begin_missing(void **state)
{
    size_t                 i;
    reauth_begin_t         begin;
    reauth_record_t        remote;
    reauth_stored_t        stored;
    reauth_judgement_t     verdict;
    reauth_begin_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        unsigned                missing;
        row_record_t            redis;         /* NONE: not read */
        unsigned                unread;
        unsigned                print;
        reauth_begin_result_t   result;
        reauth_write_t          write;
        unsigned                left;          /* missing afterwards */
    } rows[] = {
        { "running, not read", { RUNNING, 10, 3, 0, 0 }, 1,
          { NONE, 0, 0, 0, 0 }, 0, 1, REAUTH_BEGIN_READ, NOTHING, 1 },
        { "starting, not read", { STARTING, 10, 3, 0, 0 }, 1,
          { NONE, 0, 0, 0, 0 }, 0, 1, REAUTH_BEGIN_READ, NOTHING, 1 },
        { "the deeplink is missing", { RUNNING, 10, 3, 1, 0 }, 2,
          { NONE, 0, 0, 0, 0 }, 0, 1, REAUTH_BEGIN_READ, NOTHING, 2 },
        { "the prior fingerprint alone", { STARTING, 10, 3, 1, 0 }, 4,
          { NONE, 0, 0, 0, 0 }, 0, 1, REAUTH_BEGIN_JOIN, NOTHING, 4 },
        { "running, identical", { RUNNING, 10, 3, 0, 0 }, 1,
          { RUNNING, 10, 3, 1, 0 }, 0, 1, REAUTH_BEGIN_COALESCED, REVISION,
          0 },
        { "starting, identical", { STARTING, 10, 3, 0, 0 }, 1,
          { STARTING, 10, 3, 1, 0 }, 0, 1, REAUTH_BEGIN_JOIN, REVISION, 0 },
        { "starting, another", { STARTING, 10, 3, 0, 0 }, 1,
          { STARTING, 10, 3, 2, 0 }, 0, 1, REAUTH_BEGIN_WAIT, REVISION, 0 },
        { "running, another", { RUNNING, 10, 3, 0, 0 }, 1,
          { RUNNING, 10, 3, 2, 0 }, 0, 1, REAUTH_BEGIN_STARTED, RECORD, 0 },
        { "Redis is later", { STARTING, 10, 3, 0, 0 }, 1,
          { STARTING, 11, 4, 1, 0 }, 0, 1, REAUTH_BEGIN_JOIN, RECORD, 0 },
        { "the reply is earlier", { STARTING, 10, 3, 0, 0 }, 1,
          { RUNNING, 9, 2, 1, 0 }, 0, 1, REAUTH_BEGIN_READ, NOTHING, 1 },
        { "Redis is away", { RUNNING, 10, 3, 0, 0 }, 1,
          { NONE, 0, 0, 0, 0 }, 1, 1, REAUTH_BEGIN_STARTED, RECORD,
          REAUTH_SECRET_PRIOR },
        { "Redis is away, and it has ended", { FAILED, 10, 3, 0, 0 }, 0,
          { NONE, 0, 0, 0, 0 }, 1, 1, REAUTH_BEGIN_STARTED, RECORD, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        stored.record.missing = (uint8_t) rows[i].missing;

        make(&rows[i].redis, &remote);
        make_begin(rows[i].print, &begin);
        begin.unread = rows[i].unread;

        result = reauth_judge_begin(&stored, &begin,
                                    rows[i].redis.state == NONE ? NULL
                                                                : &remote,
                                    &verdict);

        if (result != rows[i].result
            || verdict.write != rows[i].write
            || verdict.record.missing != rows[i].left)
        {
            fail_msg("%s: %s, write %d, missing %u", rows[i].row,
                     reauth_begin_result_name(result), verdict.write,
                     verdict.record.missing);
        }
    }
}


/* an update is not sent after a newer one, if it joined an earlier one */

static void
test_begin_superseded(void **state)
{
    size_t                 i;
    reauth_begin_t         begin;
    reauth_stored_t        stored;
    reauth_judgement_t     verdict;
    reauth_begin_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        uint64_t                joined;
        int64_t                 since;
        unsigned                print;
        reauth_begin_result_t   result;
    } rows[] = {
        { "joined none", { STARTING, 10, 3, 2, 0 }, 0, 0, 1,
          REAUTH_BEGIN_WAIT },
        { "another is being sent", { STARTING, 10, 3, 2, 0 }, 9, -1, 1,
          REAUTH_BEGIN_SUPERSEDED },
        { "another is running", { RUNNING, 10, 3, 2, 0 }, 9, -1, 1,
          REAUTH_BEGIN_SUPERSEDED },
        { "another has failed", { FAILED, 10, 3, 0, 0 }, 9, -1, 1,
          REAUTH_BEGIN_SUPERSEDED },
        { "an identical one", { STARTING, 10, 3, 1, 0 }, 9, -1, 1,
          REAUTH_BEGIN_JOIN },
        { "it is still the joined one", { FAILED, 10, 3, 0, 0 }, 10, 0, 1,
          REAUTH_BEGIN_STARTED },
        { "the attempt before it", { RUNNING, 10, 3, 2, 0 }, 9, 1, 1,
          REAUTH_BEGIN_STARTED }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        make_begin(rows[i].print, &begin);

        begin.joined = rows[i].joined;
        begin.joined_since = NOW_MS + rows[i].since;

        result = reauth_judge_begin(&stored, &begin, NULL, &verdict);

        if (result != rows[i].result) {
            fail_msg("%s: %s", rows[i].row, reauth_begin_result_name(result));
        }
    }
}


/* the fingerprint after a merge, and what is missing then */

static void
test_merge_missing(void **state)
{
    int                    live;
    size_t                 i;
    unsigned               print;
    reauth_record_t        remote;
    reauth_stored_t        stored;
    reauth_judgement_t     verdict;
    reauth_merge_result_t  result;

    static const struct {
        const char             *row;
        row_record_t            stored;
        unsigned                missing;
        row_record_t            remote;
        int                     missed;        /* of an event; -1: Redis' */
        reauth_merge_result_t   result;
        unsigned                print;
        unsigned                left;
    } rows[] = {
        { "a new update", { RUNNING, 9, 2, 1, 0 }, 0,
          { STARTING, 10, 3, 0, 0 }, 1, REAUTH_MERGE_TAKEN, 0, 1 },
        { "its next state", { STARTING, 10, 3, 1, 0 }, 0,
          { RUNNING, 10, 4, 0, 1 }, 1, REAUTH_MERGE_TAKEN, 1, 0 },
        { "its next state, still missing", { STARTING, 10, 3, 0, 0 }, 1,
          { RUNNING, 10, 4, 0, 1 }, 1, REAUTH_MERGE_TAKEN, 0, 1 },
        { "its next state, with a deeplink", { STARTING, 10, 3, 1, 0 }, 0,
          { RUNNING, 10, 4, 0, 1 }, 3, REAUTH_MERGE_TAKEN, 1, 2 },
        { "of an earlier version, whole", { STARTING, 10, 3, 0, 0 }, 1,
          { RUNNING, 10, 4, 2, 1 }, 0, REAUTH_MERGE_TAKEN, 2, 0 },
        { "of an earlier version, which lost it", { STARTING, 10, 3, 1, 0 },
          0, { RUNNING, 10, 4, 0, 1 }, 0, REAUTH_MERGE_TAKEN, 1, 0 },
        { "a late event", { RUNNING, 10, 4, 1, 1 }, 0,
          { STARTING, 9, 3, 0, 0 }, 1, REAUTH_MERGE_ASK, 1, 0 },
        { "Redis has what is missing", { RUNNING, 10, 4, 0, 1 }, 1,
          { RUNNING, 10, 4, 2, 1 }, -1, REAUTH_MERGE_SAME, 2, 0 },
        { "Redis has lost it, this zone has not", { RUNNING, 10, 4, 1, 1 }, 0,
          { RUNNING, 10, 5, 0, 1 }, -1, REAUTH_MERGE_TAKEN, 1, 0 },
        { "written back without it", { RUNNING, 10, 4, 1, 1 }, 0,
          { RUNNING, 10, 1, 0, 1 }, -1, REAUTH_MERGE_OURS, 1, 0 },
        { "lost, or the event came first", { RUNNING, 10, 4, 0, 1 }, 1,
          { FAILED, 9, 3, 0, 0 }, -1, REAUTH_MERGE_OURS, 0, 1 },
        { "Redis has lost the attempt", { RUNNING, 10, 3, 0, 1 }, 1,
          { FAILED, 9, 3, 0, 0 }, -1, REAUTH_MERGE_OURS, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&rows[i].stored, 0, &stored);
        stored.record.missing = (uint8_t) rows[i].missing;

        live = rows[i].missed < 0;

        make(&rows[i].remote, &remote);
        remote.missing = (uint8_t) (live ? 0 : rows[i].missed);

        result = reauth_judge_merge(&stored, &remote, live, &verdict);

        print = verdict.record.fingerprint_set
                ? verdict.record.fingerprint[0] : 0;

        if (result != rows[i].result
            || print != rows[i].print
            || verdict.record.missing != rows[i].left)
        {
            fail_msg("%s: %s, fingerprint %u, missing %u", rows[i].row,
                     reauth_merge_result_name(result), print,
                     verdict.record.missing);
        }
    }
}


/* a rejected update restores the prior attempt with its fingerprint */

static void
test_merge_prior(void **state)
{
    reauth_begin_t      begin;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  running = { RUNNING, 10, 3, 1, 0 };

    (void) state;

    /* an update is begun elsewhere over an attempt that is whole here */

    make_stored(&running, 0, &stored);
    make_begin(2, &begin);

    assert_int_equal(reauth_judge_begin(&stored, &begin, NULL, &verdict),
                     REAUTH_BEGIN_STARTED);

    remote = verdict.record;
    remote.revision = 4;
    remote.missing = REAUTH_SECRET_FINGERPRINT | REAUTH_SECRET_PRIOR;
    remote.fingerprint_set = 0;
    remote.prior.fingerprint_set = 0;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 0, &verdict),
                     REAUTH_MERGE_TAKEN);
    assert_int_equal(verdict.record.missing, REAUTH_SECRET_FINGERPRINT);
    assert_int_equal(verdict.record.prior.fingerprint[0], 1);

    /* and rejected */

    stored.record = verdict.record;

    make(&running, &remote);
    remote.epoch = stored.record.epoch;
    remote.revision = 5;
    remote.updated_ms = NOW_MS + 2000;
    remote.missing = REAUTH_SECRET_FINGERPRINT;
    remote.fingerprint_set = 0;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 0, &verdict),
                     REAUTH_MERGE_TAKEN);
    assert_int_equal(verdict.record.missing, 0);
    assert_int_equal(verdict.record.fingerprint[0], 1);

    /* the reply of a commit by what missed it: theirs is the later one */

    stored.record.state = REAUTH_STATE_UNKNOWN;
    stored.record.updated_ms = NOW_MS + 3000;
    stored.dirty = 1;
    remote.missing = 0;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_TAKEN);
    assert_int_equal(verdict.record.state, RUNNING);

    /* the prior attempt began on a gateway whose clock is ahead */

    stored.record.missing = REAUTH_SECRET_FINGERPRINT;
    stored.record.fingerprint_set = 0;
    remote.since_ms = stored.record.since_ms + 8;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_TAKEN);
    assert_int_equal(verdict.record.state, RUNNING);

    /* it is still being sent, in a Redis that has lost its last writes */

    remote.state = STARTING;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_OURS);
}


/*
 * An update is begun before the account is known here, and meets the record of
 * Redis before its begin is judged again.  It is written in place of that, and
 * then rejected.
 */

static void
test_merge_unknown(void **state)
{
    size_t              i;
    reauth_fact_t       fact;
    reauth_begin_t      begin;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  nothing = { NONE, 0, 0, 0, 0 };

    static const struct {
        const char      *row;
        row_record_t     remote;
        int              live;
        reauth_write_t   write;
        unsigned         missing;      /* with "remote", and then */
        unsigned         missing_then;
        reauth_state_t   prior;
        reauth_state_t   rejected;
    } rows[] = {

        { "in progress", { RUNNING, 10, 2, 1, 0 }, 1,
          RECORD, 0, 0, RUNNING, RUNNING },

        { "in progress, by an event", { RUNNING, 10, 2, 0, 0 }, 0,
          RECORD, REAUTH_SECRET_FINGERPRINT, REAUTH_SECRET_PRIOR, RUNNING,
          RUNNING },

        { "being sent elsewhere", { STARTING, 10, 2, 1, 0 }, 1,
          RECORD, 0, 0, REAUTH_STATE_UNKNOWN, REAUTH_STATE_UNKNOWN },

        { "ended", { FAILED, 10, 2, 0, 0 }, 1,
          RECORD, 0, 0, NONE, REAUTH_STATE_REJECTED },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_stored(&nothing, 0, &stored);
        make_begin(2, &begin);
        begin.caller = reauth_string_from("support");

        (void) reauth_judge_begin(&stored, &begin, NULL, &verdict);
        assert_int_equal(verdict.record.fresh, 1);
        assert_int_equal(begin.prior_known, 0);

        stored.record = verdict.record;
        stored.dirty = 1;

        make(&rows[i].remote, &remote);
        remote.missing = (uint8_t) rows[i].missing;
        remote.started_us = NOW_MS * 1000;
        memcpy(remote.caller, "payouts", sizeof("payouts"));

        assert_int_equal(reauth_judge_merge(&stored, &remote, rows[i].live,
                                            &verdict),
                         REAUTH_MERGE_OURS);

        check_verdict(rows[i].row, &verdict, rows[i].write, REDIS, STARTING);

        if (verdict.record.prior.state != rows[i].prior
            || verdict.record.missing != rows[i].missing_then)
        {
            fail_msg("%s: prior %d, missing %d", rows[i].row,
                     verdict.record.prior.state, verdict.record.missing);
        }

        assert_int_equal(verdict.record.epoch, begin.epoch);
        assert_int_equal(verdict.record.revision, 2);
        assert_int_equal(verdict.record.fresh, 0);
        assert_true(verdict.record.before_us == NOW_MS * 1000);

        stored.record = verdict.record;

        /* a copy that was written meanwhile: Redis does not have the caller */

        remote = verdict.record;
        remote.revision++;
        remote.prior.caller_set = 0;
        memset(remote.sealed, 0, sizeof(remote.sealed));
        stored.dirty = 0;

        assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                         REAUTH_MERGE_TAKEN);

        stored.record = verdict.record;

        reauth_judge_unsent(&begin, NOW_MS + 2000, "NOT_SENT", &fact);

        assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                         REAUTH_ADVANCE_APPLIED);

        check_verdict(rows[i].row, &verdict, RECORD, REDIS,
                      rows[i].rejected);

        /* the begin did not know the caller of the prior attempt */

        assert_null(fact.caller.data);
        assert_string_equal(verdict.record.caller,
                            rows[i].prior == NONE ? "support" : "payouts");
        assert_int_equal(verdict.record.sealed[0], 0);
    }

    /* what was begun by a record is not begun anew by an older one */

    make_stored(&rows[0].remote, 0, &stored);
    make_begin(2, &begin);

    (void) reauth_judge_begin(&stored, &begin, NULL, &verdict);

    stored.record = verdict.record;
    stored.dirty = 1;

    make(&rows[2].remote, &remote);
    remote.epoch = 9;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_OURS);
    check_verdict("an older one", &verdict, REVISION, REDIS, STARTING);
    assert_int_equal(verdict.record.prior.state, RUNNING);
}


static void
test_accepted(void **state)
{
    size_t         i;
    reauth_fact_t  fact;

    static const struct {
        const char       *row;
        int               readable;
        int               deeplink;
        reauth_state_t    state;
        reauth_action_t   action;
        const char       *code;
    } rows[] = {
        { "a login has begun", 1, 0, REAUTH_STATE_RUNNING, 0, "" },
        { "with a deeplink", 1, 1, REAUTH_STATE_NEEDS_APP, REAUTH_ACTION_APP,
          "" },
        { "another format", 0, 0, REAUTH_STATE_UNKNOWN, 0,
          "UPSTREAM_BAD_ANSWER" },
        { "another format, with a deeplink", 0, 1, REAUTH_STATE_UNKNOWN, 0,
          "UPSTREAM_BAD_ANSWER" },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&fact, 0, sizeof(reauth_fact_t));
        reauth_judge_accepted(rows[i].readable, rows[i].deeplink, &fact);

        if (fact.state != rows[i].state
            || fact.action != rows[i].action
            || fact.error_code.len != strlen(rows[i].code)
            || (fact.error_code.len != 0
                && !reauth_string_equals(&fact.error_code, rows[i].code)))
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


/* a response that a record cannot give back is stored */

static void
test_composable(void **state)
{
    size_t  i;

    static const struct {
        const char  *row;
        int          whole;
        unsigned     status;
        int          json;
        int          deeplink;
        int          sealed;
        int          composable;
    } rows[] = {
        { "as documented", 1, 200, 1, 0, 0, 1 },
        { "with a deeplink", 1, 200, 1, 1, 1, 1 },
        { "a deeplink that is too long", 1, 200, 1, 1, 0, 0 },
        { "another status", 1, 201, 1, 0, 0, 0 },
        { "another media type", 1, 200, 0, 0, 0, 0 },
        { "broken off", 0, 200, 1, 0, 0, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (reauth_judge_is_composable(rows[i].whole, rows[i].status,
                                       rows[i].json, rows[i].deeplink,
                                       rows[i].sealed)
            != rows[i].composable)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_response(void **state)
{
    size_t  i;

    static const struct {
        const char      *row;
        reauth_state_t   state;
        int              composed;
        int              deeplink;
        reauth_response_t   response;
    } rows[] = {
        { "rejected", REAUTH_STATE_REJECTED, 0, 0, REAUTH_RESPONSE_WAITING },
        { "rejected, composed", REAUTH_STATE_REJECTED, 1, 0,
          REAUTH_RESPONSE_WAITING },
        { "not known", REAUTH_STATE_UNKNOWN, 0, 0, REAUTH_RESPONSE_WAITING },
        { "accepted", REAUTH_STATE_RUNNING, 0, 0, REAUTH_RESPONSE_KEPT },
        { "accepted, composed", REAUTH_STATE_RUNNING, 1, 0,
          REAUTH_RESPONSE_COMPOSED },
        { "with a deeplink", REAUTH_STATE_NEEDS_APP, 0, 1,
          REAUTH_RESPONSE_KEPT },
        { "with a deeplink, composed", REAUTH_STATE_NEEDS_APP, 1, 1,
          REAUTH_RESPONSE_WAITING },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (reauth_judge_response(rows[i].state, rows[i].composed,
                               rows[i].deeplink)
            != rows[i].response)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_restored(void **state)
{
    size_t         i;
    reauth_fact_t  fact;

    static const struct {
        const char      *row;
        reauth_state_t   state;
        int              known;
        const char      *caller;
    } rows[] = {
        { "rejected", REAUTH_STATE_REJECTED, 1, "former" },
        { "rejected, nothing was replaced", REAUTH_STATE_REJECTED, 0, "own" },
        { "accepted", REAUTH_STATE_RUNNING, 1, "own" },
        { "not known", REAUTH_STATE_UNKNOWN, 1, "own" },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&fact, 0, sizeof(reauth_fact_t));
        fact.state = rows[i].state;
        fact.caller = reauth_string_from("own");

        reauth_judge_restored(&fact, rows[i].known, "former");

        if (!reauth_string_equals(&fact.caller, rows[i].caller)) {
            fail_msg("%s", rows[i].row);
        }
    }
}


static void
test_code(void **state)
{
    reauth_fact_t    fact;
    reauth_string_t  attempt;

    (void) state;

    attempt = reauth_string_from("auth_1");
    memset(&fact, 0xff, sizeof(reauth_fact_t));

    reauth_judge_code(&attempt, &fact);

    assert_true(reauth_string_equals(&fact.attempt, "auth_1"));
    assert_int_equal(fact.state, REAUTH_STATE_RUNNING);
    assert_int_equal(fact.source, REAUTH_SOURCE_SUBMIT_2FA);
    assert_int_equal(fact.step, 1);
    assert_int_equal(fact.epoch, 0);
    assert_int_equal(fact.polled, 0);
}


/* a fact that has made the epoch, and another one has ended its attempt */

static void
test_conflict_ended(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  ended = { FAILED, 11, 1, 0, 6 };
    static const row_record_t  before = { RUNNING, 9, 5, 1, 0 };

    (void) state;

    make_stored(&ended, 1, &stored);
    make(&before, &remote);
    make_fact(0, RUNNING, &fact);
    fact.source = REAUTH_SOURCE_WEBHOOK;
    fact.started_us = (NOW_MS + 5) * 1000;
    fact.new_epoch = 11;

    assert_false(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("ended", &verdict, NOTHING, CLEAN, FAILED);
}


/* an update that was begun in the same millisecond as the attempt before it */

static void
test_complete_same_time(void **state)
{
    reauth_record_t  update, event, restored;

    static const row_record_t  sent = { STARTING, 11, 5, 1, 0 };
    static const row_record_t  running = { RUNNING, 11, 6, 0, 9 };

    (void) state;

    /* Redis has both fingerprints, the event has none */

    make(&sent, &update);
    update.prior.state = RUNNING;
    update.prior.since_ms = update.since_ms;
    strcpy(update.prior.attempt, "auth_1");
    update.prior.fingerprint_set = 1;
    memcpy(update.prior.fingerprint, prints[2], REAUTH_FINGERPRINT_LEN);

    event = update;
    event.fingerprint_set = 0;
    event.prior.fingerprint_set = 0;
    memset(event.fingerprint, 0, REAUTH_FINGERPRINT_LEN);
    memset(event.prior.fingerprint, 0, REAUTH_FINGERPRINT_LEN);

    reauth_attempt_complete(&event, &update);

    assert_true(event.fingerprint_set && event.prior.fingerprint_set);
    assert_memory_equal(event.fingerprint, prints[1], REAUTH_FINGERPRINT_LEN);
    assert_memory_equal(event.prior.fingerprint, prints[2],
                        REAUTH_FINGERPRINT_LEN);

    /* the update was rejected */

    make(&running, &restored);
    strcpy(restored.attempt, "auth_1");

    reauth_attempt_complete(&restored, &update);
    assert_true(restored.fingerprint_set);
    assert_memory_equal(restored.fingerprint, prints[2],
                        REAUTH_FINGERPRINT_LEN);

    /* or accepted */

    make(&running, &restored);
    strcpy(restored.attempt, "auth_2");

    reauth_attempt_complete(&restored, &update);
    assert_true(restored.fingerprint_set);
    assert_memory_equal(restored.fingerprint, prints[1],
                        REAUTH_FINGERPRINT_LEN);
}


/*
 * A gateway that knows of an update only that it is being sent hears of its
 * login, before it learns of the ID that the response has.
 */

static void
test_identified(void **state)
{
    reauth_fact_t       fact;
    reauth_record_t     remote;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    static const row_record_t  sent = { STARTING, 10, 1, 1, 0 };
    static const row_record_t  accepted = { RUNNING, 10, 2, 1, 5 };
    static const row_record_t  later = { RUNNING, 11, 2, 1, 5 };

    (void) state;

    make(&accepted, &remote);
    strcpy(remote.attempt, "auth_1");
    remote.kept = 1;

    make_stored(&sent, 0, &stored);
    make_fact(10, RUNNING, &fact);
    fact.now_ms = NOW_MS + 9;
    fact.step = 1;

    assert_int_equal(reauth_judge_advance(&stored, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
    assert_int_equal(verdict.record.attempt[0], '\0');

    stored.record = verdict.record;
    stored.dirty = 1;

    /* its change is the later one, and has the ID from then on */

    assert_true(reauth_judge_conflict(&stored, &fact, &remote, &verdict));
    check_verdict("ours", &verdict, RECORD, REDIS, RUNNING);
    assert_int_equal(verdict.record.revision, 2);
    assert_int_equal(verdict.record.stepped_ms, NOW_MS + 9);
    assert_string_equal(verdict.record.attempt, "auth_1");
    assert_int_equal(verdict.record.kept, 1);

    /* also without the fact, when the stored record is written */

    assert_true(reauth_judge_conflict(&stored, NULL, &remote, &verdict));
    check_verdict("kept", &verdict, RECORD, REDIS, RUNNING);
    assert_string_equal(verdict.record.attempt, "auth_1");

    /* Redis has a copy without it, by another gateway: it is written there */

    make_stored(&accepted, 0, &stored);
    strcpy(stored.record.attempt, "auth_1");
    remote.attempt[0] = '\0';
    remote.revision = 3;

    assert_int_equal(reauth_judge_merge(&stored, &remote, 0, &verdict),
                     REAUTH_MERGE_TAKEN);
    check_verdict("theirs", &verdict, RECORD, REDIS, RUNNING);
    assert_int_equal(verdict.record.revision, 3);
    assert_string_equal(verdict.record.attempt, "auth_1");

    /* not that of another attempt, nor in place of another one */

    make(&later, &remote);
    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_TAKEN);
    check_verdict("another attempt", &verdict, RECORD, CLEAN, RUNNING);
    assert_int_equal(verdict.record.attempt[0], '\0');

    make(&accepted, &remote);
    strcpy(remote.attempt, "auth_2");
    remote.revision = 3;
    assert_int_equal(reauth_judge_merge(&stored, &remote, 1, &verdict),
                     REAUTH_MERGE_TAKEN);
    assert_string_equal(verdict.record.attempt, "auth_2");
}


/*
 * A list shows a login in progress to a gateway that does not know the attempt
 * which another one has begun.
 */

static void
test_seen(void **state)
{
    size_t                 i;
    unsigned               at_other;
    reauth_fact_t          fact;
    reauth_stored_t        stored, unknown;
    reauth_record_t        seen, begun;
    reauth_judgement_t     verdict;
    reauth_merge_result_t  result;

    static const row_record_t  none = { NONE, 0, 0, 0, 0 };

    static const struct {
        const char      *row;
        reauth_state_t   state;
        int64_t          updated;
        reauth_state_t   kept;
        int              is_seen;
    } rows[] = {
        { "the attempt is in progress", REAUTH_STATE_NEEDS_OTP, 20000,
          REAUTH_STATE_NEEDS_OTP, 0 },
        { "it has ended since", SUCCEEDED, 61000, SUCCEEDED, 0 },
        { "it ended just before", SUCCEEDED, 59000, SUCCEEDED, 0 },
        { "it had ended: the login is another one", SUCCEEDED, 20000,
          RUNNING, 1 },
        { "it had been rejected", REAUTH_STATE_REJECTED, 20000, RUNNING, 1 },
        { "it may still be in progress", REAUTH_STATE_EXPIRED, 20000,
          REAUTH_STATE_EXPIRED, 0 },
        { "a person has forgotten it", REAUTH_STATE_FORGOTTEN, 20000,
          REAUTH_STATE_FORGOTTEN, 0 }
    };

    (void) state;

    make_stored(&none, 0, &unknown);
    unknown.salt = 6;
    unknown.origin = 77;

    make_fact(0, RUNNING, &fact);
    fact.now_ms = NOW_MS + 60000;
    fact.source = REAUTH_SOURCE_POLLER;

    assert_int_equal(reauth_judge_advance(&unknown, &fact, &verdict),
                     REAUTH_ADVANCE_APPLIED);
    seen = verdict.record;
    seen.revision = 5;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&none, &begun);

        begun.state = (uint8_t) rows[i].state;
        begun.epoch = reauth_epoch_make(0, NOW_MS, 4);
        begun.origin = 78;
        begun.revision = 5;
        begun.updated_ms = NOW_MS + rows[i].updated;
        strcpy(begun.attempt, "auth_1");

        for (at_other = 0; at_other < 2; at_other++) {
            stored = unknown;
            stored.dirty = 1;
            stored.record = at_other ? begun : seen;

            result = reauth_judge_merge(&stored, at_other ? &seen : &begun, 1,
                                        &verdict);

            if (verdict.record.state != rows[i].kept
                || (verdict.record.attempt[0] == '\0') != rows[i].is_seen
                || (rows[i].is_seen && verdict.record.epoch <= begun.epoch)
                || verdict.dirty != (rows[i].is_seen || at_other)
                || (result == REAUTH_MERGE_OURS) != verdict.dirty)
            {
                fail_msg("%s, at the %s gateway: state %d, dirty %u",
                         rows[i].row, at_other ? "other" : "one",
                         verdict.record.state, verdict.dirty);
            }
        }
    }

    /* as is its commit, which Redis refuses */

    begun.state = SUCCEEDED;
    begun.updated_ms = NOW_MS;
    stored.record = seen;

    assert_true(reauth_judge_conflict(&stored, &fact, &begun, &verdict));
    check_verdict("a conflict", &verdict, RECORD, REDIS, RUNNING);
    assert_true(verdict.record.epoch > begun.epoch);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_begin_in_its_zone),
        cmocka_unit_test(test_begin_again),
        cmocka_unit_test(test_begin_written),
        cmocka_unit_test(test_begin_outdated),
        cmocka_unit_test(test_advance),
        cmocka_unit_test(test_advance_limited),
        cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_conflict_overtaken),
        cmocka_unit_test(test_conflict_earlier),
        cmocka_unit_test(test_conflict_known),
        cmocka_unit_test(test_conflict_outdated),
        cmocka_unit_test(test_conflict_ended),
        cmocka_unit_test(test_complete_same_time),
        cmocka_unit_test(test_identified),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_begin_missing),
        cmocka_unit_test(test_begin_superseded),
        cmocka_unit_test(test_merge_missing),
        cmocka_unit_test(test_merge_prior),
        cmocka_unit_test(test_merge_unknown),
        cmocka_unit_test(test_conflict_polled),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_deleted),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_committed),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_call_judged),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_composable),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_commit)
    };

    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
