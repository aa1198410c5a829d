
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_judge.h"
#include "reauth_shares.h"


static void
reauth_judge_keep(const reauth_record_t *current, reauth_judgement_t *verdict)
{
    verdict->write = REAUTH_WRITE_NOTHING;
    verdict->dirty = 0;
    verdict->record = *current;
}


static void
reauth_judge_take(const reauth_record_t *remote, reauth_judgement_t *verdict)
{
    verdict->write = REAUTH_WRITE_RECORD;
    verdict->dirty = 0;
    verdict->record = *remote;
}


/*
 * The stored change is undone in favor of a record of Redis.  Events about
 * that record may have been ignored meanwhile, and may be later than the
 * reply that contains the record.  The record is therefore marked as dirty
 * and written again, which fails if Redis has a later one.
 */

static void
reauth_judge_give_way(const reauth_stored_t *stored,
    const reauth_record_t *remote, reauth_judgement_t *verdict)
{
    reauth_judge_take(remote, verdict);

    verdict->dirty = reauth_attempt_order(&stored->record, remote) > 0;
}


static void
reauth_judge_revision(const reauth_stored_t *stored, uint64_t revision,
    unsigned dirty, reauth_judgement_t *verdict)
{
    verdict->write = REAUTH_WRITE_REVISION;
    verdict->dirty = dirty;
    verdict->record = stored->record;
    verdict->record.revision = revision;
}


/* nothing changes, except that missing secrets may be added */

static void
reauth_judge_completed(const reauth_stored_t *stored,
    const reauth_record_t *ours, reauth_judgement_t *verdict)
{
    if (ours->missing == stored->record.missing) {
        reauth_judge_keep(ours, verdict);
        return;
    }

    verdict->write = REAUTH_WRITE_REVISION;
    verdict->dirty = stored->dirty;
    verdict->record = *ours;
}


/*
 * A record as Redis has it: it misses nothing, but may have lost what is
 * stored here.
 */

static void
reauth_judge_theirs(const reauth_stored_t *stored,
    const reauth_record_t *remote, reauth_record_t *theirs)
{
    *theirs = *remote;
    theirs->missing = 0;

    reauth_attempt_complete(theirs, &stored->record);
}


/* judges the update by a complete record */

static reauth_begin_result_t
reauth_judge_update(const reauth_stored_t *stored,
    const reauth_record_t *current, reauth_begin_t *begin, int again,
    reauth_record_t *next)
{
    reauth_begin_result_t  result;

    if (begin->joined != 0
        && current->epoch > begin->joined
        && current->since_ms > begin->joined_since
        && !reauth_attempt_same_update(current, begin))
    {
        return REAUTH_BEGIN_SUPERSEDED;
    }

    if (begin->epoch <= current->epoch) {
        begin->epoch = reauth_epoch_make(current->epoch > stored->epoch
                                             ? current->epoch : stored->epoch,
                                         begin->now_ms, stored->salt);
        begin->origin = stored->origin;
    }

    /* the limit was already checked when the update was judged by the zone */

    begin->bounded = begin->bounded && !again;
    begin->attempts = stored->attempts;
    begin->active = stored->active;
    begin->capacity = stored->capacity;

    result = reauth_attempt_begin(current, begin, next);

    if (result == REAUTH_BEGIN_STARTED
        && !again
        && begin->fingerprint != NULL
        && !begin->waited
        && stored->waiting)
    {
        /* updates that wait are sent first */

        result = REAUTH_BEGIN_WAIT;
    }

    return result;
}


/*
 * Whether the begin is stored, and Redis has nothing new: the begin can be
 * written over the record of Redis.
 */

static int
reauth_judge_is_begun(const reauth_record_t *ours,
    const reauth_record_t *theirs, const reauth_begin_t *begin)
{
    return ours->state == REAUTH_STATE_STARTING
           && reauth_epoch_is(ours, begin->epoch, begin->origin)
           && reauth_attempt_is_outdated(theirs, &begin->base);
}


reauth_begin_result_t
reauth_judge_begin(const reauth_stored_t *stored, reauth_begin_t *begin,
    const reauth_record_t *remote, reauth_judgement_t *verdict)
{
    int                     again;
    reauth_record_t         ours, theirs;
    const reauth_record_t  *current;
    reauth_begin_result_t   result;

    ours = stored->record;
    current = &ours;
    again = remote != NULL && begin->epoch != 0;
    verdict->again = 0;

    if (remote != NULL) {
        reauth_judge_theirs(stored, remote, &theirs);
        reauth_attempt_complete(&ours, &theirs);

        if (reauth_attempt_judge_again(&ours, (int) stored->dirty, &theirs,
                                       begin->epoch, begin->origin))
        {
            current = &theirs;
            verdict->again = 1;

            if (reauth_epoch_is(current, begin->epoch, begin->origin)) {

                /*
                 * It is this begin: the clerk has written it meanwhile, maybe
                 * before it was judged again.
                 */

                (void) reauth_judge_merge(stored, remote, 1, verdict);
                return REAUTH_BEGIN_STARTED;
            }

            if (reauth_judge_is_begun(&ours, &theirs, begin)) {
                reauth_judge_revision(stored, remote->revision, 1, verdict);
                reauth_attempt_complete(&verdict->record, &theirs);
                verdict->record.missing = 0;
                verdict->again = 0;
                return REAUTH_BEGIN_STARTED;
            }
        }
    }

    if ((current->missing & REAUTH_SECRETS_OF_UPDATE)
        && !begin->unread
        && reauth_attempt_is_open(current, begin->now_ms))
    {
        reauth_judge_keep(&stored->record, verdict);
        return REAUTH_BEGIN_READ;
    }

    result = reauth_judge_update(stored, current, begin, again,
                                 &verdict->record);

    if (result == REAUTH_BEGIN_STARTED) {
        reauth_attempt_base(current,
                            (int) (stored->dirty && current == &ours),
                            &begin->base);

        memcpy(begin->prior_caller, current->caller,
               sizeof(begin->prior_caller));
        begin->prior_known = !verdict->record.fresh;

        verdict->write = REAUTH_WRITE_RECORD;
        verdict->dirty = stored->has_redis;

    } else if (verdict->again) {
        reauth_judge_give_way(stored, &theirs, verdict);

    } else {
        reauth_judge_completed(stored, &ours, verdict);
    }

    return result;
}


/* whether an attempt begun elsewhere would exceed the limit of its caller */

static int
reauth_judge_is_full(const reauth_stored_t *stored, const reauth_fact_t *fact)
{
    return fact->bounded
           && !reauth_state_is_end(fact->state)
           && !reauth_state_is_active(stored->record.state)
           && !reauth_shares_allow(stored->attempts, fact->attempts_max,
                                   stored->active, stored->capacity,
                                   fact->callers);
}


static reauth_advance_result_t
reauth_judge_fact(const reauth_stored_t *stored,
    const reauth_record_t *current, reauth_fact_t *fact,
    reauth_judgement_t *verdict)
{
    reauth_advance_result_t  result;

    if (reauth_judge_is_outdated(current, fact)) {
        return REAUTH_ADVANCE_STALE;
    }

    reauth_attempt_new_epoch(current, fact, stored->salt, stored->origin);

    result = reauth_attempt_advance(current, fact, &verdict->record);

    if (result == REAUTH_ADVANCE_APPLIED
        && fact->unconfirmed
        && reauth_state_is_active(reauth_record_state(current, fact->now_ms)))
    {
        return REAUTH_ADVANCE_UNPLACED;
    }

    if (result == REAUTH_ADVANCE_APPLIED) {
        reauth_attempt_base(current,
                            (int) (stored->dirty
                                   && current == &stored->record),
                            &fact->base);

        verdict->write = REAUTH_WRITE_RECORD;
        verdict->dirty = stored->has_redis;
    }

    return result;
}


reauth_advance_result_t
reauth_judge_advance(const reauth_stored_t *stored, reauth_fact_t *fact,
    reauth_judgement_t *verdict)
{
    reauth_advance_result_t  result;

    verdict->again = 0;
    fact->full = (unsigned) reauth_judge_is_full(stored, fact);

    result = reauth_judge_fact(stored, &stored->record, fact, verdict);

    if (result != REAUTH_ADVANCE_APPLIED) {
        reauth_judge_keep(&stored->record, verdict);
    }

    return result;
}


/*
 * The attempt that the fact has shown is stored, and what Redis has is known,
 * or a person has forgotten the attempt meanwhile, or it has ended, which is
 * final: the fact is not judged again, and what is stored is merged.
 */

static int
reauth_judge_is_shown(const reauth_record_t *ours,
    const reauth_record_t *theirs, const reauth_fact_t *fact)
{
    return reauth_epoch_is(ours, fact->new_epoch, fact->new_origin)
           && (ours->state == REAUTH_STATE_FORGOTTEN
               || (reauth_state_is_end(ours->state)
                   && reauth_epoch_is(theirs, ours->epoch, ours->origin))
               || reauth_attempt_is_outdated(theirs, &fact->base));
}


/*
 * The update was rejected, and the clerk has written this before the commit of
 * the fact: the record in Redis is that of the attempt before the update, whose
 * epoch it has, and which was not rejected.
 */

static int
reauth_judge_is_answered(const reauth_record_t *theirs,
    const reauth_fact_t *fact)
{
    return fact->state == REAUTH_STATE_REJECTED
           && reauth_epoch_is(theirs, fact->epoch, fact->origin)
           && theirs->state != REAUTH_STATE_STARTING
           && theirs->state != REAUTH_STATE_UNKNOWN;
}


/*
 * A commit of another worker has been written meanwhile, and "theirs" is an
 * earlier record; or Redis has lost its data.
 */

static int
reauth_judge_is_overtaken(const reauth_stored_t *stored,
    const reauth_record_t *theirs)
{
    return !stored->dirty
           && reauth_epoch_is(&stored->record, theirs->epoch, theirs->origin)
           && theirs->revision < stored->record.revision;
}


/* the attempt that the fact has shown has ended meanwhile, which is final */

static int
reauth_judge_is_ended(const reauth_record_t *ours, const reauth_fact_t *fact)
{
    return fact != NULL
           && !reauth_state_is_end(fact->state)
           && reauth_state_is_end(ours->state)
           && reauth_epoch_is(ours, fact->new_epoch, fact->new_origin);
}


/*
 * One of the two records is about a login that was seen after the attempt of
 * the other one had ended: it gets a later epoch, and is written.
 */

static int
reauth_judge_is_outlived(const reauth_stored_t *stored,
    const reauth_record_t *theirs, reauth_judgement_t *verdict)
{
    const reauth_record_t  *seen, *ended;

    if (reauth_attempt_outlives(&stored->record, theirs)) {
        seen = &stored->record;
        ended = theirs;

    } else if (stored->dirty
               && reauth_attempt_outlives(theirs, &stored->record))
    {
        seen = theirs;
        ended = &stored->record;

    } else {
        return 0;
    }

    verdict->again = 0;
    verdict->write = REAUTH_WRITE_RECORD;
    verdict->dirty = 1;
    verdict->record = *seen;
    verdict->record.revision = theirs->revision;
    verdict->record.epoch = reauth_epoch_make(ended->epoch, 0,
                                              stored->salt | 1);
    verdict->record.origin = stored->origin;

    return 1;
}


int
reauth_judge_conflict(const reauth_stored_t *stored, reauth_fact_t *fact,
    const reauth_record_t *remote, reauth_judgement_t *verdict)
{
    reauth_record_t  theirs;

    if (reauth_judge_is_outlived(stored, remote, verdict)) {
        return 1;
    }

    if (reauth_judge_is_ended(&stored->record, fact)) {

        /* the commit of the fact that has ended it shows what it replaces */

        verdict->again = 0;
        reauth_judge_keep(&stored->record, verdict);

        return 0;
    }

    if (reauth_judge_is_overtaken(stored, remote)) {

        /* writing the stored record shows which of the two it is */

        verdict->again = 0;
        reauth_judge_revision(stored, stored->record.revision, 1, verdict);

        return 1;
    }

    if (fact != NULL
        && (reauth_attempt_judge_again(&stored->record, (int) stored->dirty,
                                       remote, fact->new_epoch,
                                       fact->new_origin)
            || reauth_attempt_is_known(&stored->record, (int) stored->dirty,
                                       remote, &fact->attempt))
        && !reauth_judge_is_shown(&stored->record, remote, fact)
        && !reauth_judge_is_answered(remote, fact))
    {
        reauth_judge_theirs(stored, remote, &theirs);

        verdict->again = 1;

        /* the limit was already checked when the fact was judged by the zone */

        fact->full = 0;

        if (reauth_judge_fact(stored, &theirs, fact, verdict)
            == REAUTH_ADVANCE_APPLIED)
        {
            return 1;
        }

        reauth_judge_give_way(stored, &theirs, verdict);
        return 0;
    }

    return reauth_judge_merge(stored, remote, 1, verdict) == REAUTH_MERGE_OURS;
}


/*
 * Whether the stored record, made from events, is about an update that was
 * being sent and has been rejected meanwhile: the record of Redis is that of
 * the prior attempt in the epoch of the update, with another "since".  No
 * gateway has the fingerprint of the update any more.
 */

static int
reauth_judge_is_settled(const reauth_record_t *ours,
    const reauth_record_t *theirs)
{
    return (ours->missing & REAUTH_SECRET_FINGERPRINT)
           && reauth_epoch_is(ours, theirs->epoch, theirs->origin)
           && theirs->state != REAUTH_STATE_STARTING
           && ours->since_ms != theirs->since_ms;
}


static reauth_merge_result_t
reauth_judge_merge_result(const reauth_stored_t *stored,
    const reauth_record_t *theirs, int live)
{
    int                    order;
    reauth_merge_result_t  result;

    result = reauth_attempt_merge(&stored->record, (int) stored->dirty,
                                  theirs, live);

    if (result == REAUTH_MERGE_OURS
        && live
        && reauth_judge_is_settled(&stored->record, theirs))
    {
        result = REAUTH_MERGE_TAKEN;
    }

    if (result == REAUTH_MERGE_SAME && stored->dirty) {

        /* the later poll counts; the state is the same */

        order = reauth_attempt_poll_order(&stored->record, theirs);

        if (order != 0) {
            result = order > 0 ? REAUTH_MERGE_OURS : REAUTH_MERGE_TAKEN;
        }
    }

    return result;
}


reauth_merge_result_t
reauth_judge_merge(const reauth_stored_t *stored,
    const reauth_record_t *remote, int live, reauth_judgement_t *verdict)
{
    reauth_record_t        theirs;
    reauth_merge_result_t  result;

    verdict->again = 0;

    theirs = *remote;
    reauth_attempt_complete(&theirs, &stored->record);

    if (live) {
        theirs.missing = 0;
    }

    if (reauth_judge_is_outlived(stored, &theirs, verdict)) {
        return REAUTH_MERGE_OURS;
    }

    result = reauth_judge_merge_result(stored, &theirs, live);

    switch (result) {

    case REAUTH_MERGE_TAKEN:
        reauth_judge_take(&theirs, verdict);
        verdict->dirty = (unsigned) reauth_attempt_identify(&verdict->record,
                                                            &stored->record);
        return result;

    case REAUTH_MERGE_SAME:
    case REAUTH_MERGE_OURS:
        reauth_judge_revision(stored, remote->revision,
                              result == REAUTH_MERGE_OURS, verdict);
        break;

    default: /* REAUTH_MERGE_LATE, REAUTH_MERGE_ASK */
        reauth_judge_keep(&stored->record, verdict);
        return result;
    }

    if (result == REAUTH_MERGE_OURS
        && reauth_attempt_rebase(&verdict->record, &theirs))
    {
        verdict->write = REAUTH_WRITE_RECORD;
    }

    reauth_attempt_complete(&verdict->record, remote);

    if (reauth_attempt_identify(&verdict->record, remote)) {
        verdict->write = REAUTH_WRITE_RECORD;
    }

    if (live
        && (result == REAUTH_MERGE_SAME
            || remote->revision >= stored->record.revision))
    {
        /*
         * A secret that Redis does not have either is lost.  If the stored
         * record has a higher revision, its event may have arrived before this
         * reply: the record remains dirty, and its commit shows it.
         */

        verdict->record.missing = 0;
    }

    if (live
        && result == REAUTH_MERGE_SAME
        && reauth_attempt_lacks(remote, &verdict->record))
    {
        verdict->dirty = 1;
        return REAUTH_MERGE_OURS;
    }

    return result;
}


void
reauth_judge_lost(const reauth_stored_t *stored,
    const reauth_record_t *record, reauth_judgement_t *verdict)
{
    if (stored->record.state == REAUTH_STATE_NONE
        || stored->record.revision != record->revision)
    {
        reauth_judge_keep(&stored->record, verdict);
        return;
    }

    reauth_judge_revision(stored, 0, 1, verdict);

    /* it cannot be read any more */

    verdict->record.missing = 0;
}


int
reauth_judge_deleted(const reauth_stored_t *stored,
    const reauth_record_t *record, reauth_judgement_t *verdict)
{
    if (reauth_state_is_end(stored->record.state)) {
        reauth_judge_keep(&stored->record, verdict);

        if (!stored->dirty && stored->record.revision == record->revision) {
            verdict->write = REAUTH_WRITE_REMOVED;
        }

        return 0;
    }

    reauth_judge_lost(stored, record, verdict);

    return verdict->write != REAUTH_WRITE_NOTHING;
}


/* what tells late facts from those about later attempts remains */

static void
reauth_judge_forgotten(const reauth_record_t *current, int64_t now_ms,
    reauth_record_t *next)
{
    memset(next, 0, sizeof(reauth_record_t));

    next->epoch = current->epoch;
    next->origin = current->origin;
    next->revision = current->revision;
    next->since_ms = current->since_ms;
    next->updated_ms = now_ms;
    next->started_us = current->started_us;
    next->before_us = current->before_us;
    next->completed_us = now_ms * 1000;
    next->state = REAUTH_STATE_FORGOTTEN;

    memcpy(next->account, current->account, sizeof(next->account));
    memcpy(next->attempt, current->attempt, sizeof(next->attempt));
}


reauth_forget_t
reauth_judge_forget(const reauth_stored_t *stored, int64_t now_ms,
    reauth_judgement_t *verdict)
{
    const reauth_record_t  *current;

    current = &stored->record;
    verdict->again = 0;

    if (current->state == REAUTH_STATE_NONE
        || current->state == REAUTH_STATE_FORGOTTEN)
    {
        reauth_judge_keep(current, verdict);
        return REAUTH_FORGET_UNKNOWN;
    }

    if (current->state == REAUTH_STATE_STARTING
        && now_ms < reauth_attempt_due_ms(current))
    {
        reauth_judge_keep(current, verdict);
        return REAUTH_FORGET_SENDING;
    }

    reauth_judge_forgotten(current, now_ms, &verdict->record);

    verdict->write = REAUTH_WRITE_RECORD;
    verdict->dirty = stored->has_redis;

    return REAUTH_FORGET_DONE;
}


/*
 * Whether "written", which is in Redis, is later than the stored record.  A
 * stored record that is not dirty is an earlier record of Redis.
 */

static int
reauth_judge_is_written(const reauth_stored_t *stored,
    const reauth_record_t *written)
{
    int  order;

    order = reauth_attempt_order(written, &stored->record);

    return order > 0 || (order == 0 && !stored->dirty);
}


int
reauth_judge_committed(const reauth_stored_t *stored,
    const reauth_record_t *record, uint64_t revision, int reread,
    reauth_judgement_t *verdict)
{
    int              same;
    unsigned         dirty;
    reauth_record_t  written;

    if (stored->record.state == REAUTH_STATE_NONE) {
        reauth_judge_keep(&stored->record, verdict);
        return 0;
    }

    same = !reread
           && reauth_attempt_same(record, &stored->record)
           && reauth_attempt_poll_order(record, &stored->record) == 0;

    if (revision <= stored->record.revision) {
        revision = stored->record.revision;
        dirty = stored->dirty && !same;

    } else {
        written = *record;
        written.revision = revision;

        if (!same && reauth_judge_is_written(stored, &written)) {
            reauth_judge_take(&written, verdict);
            return 0;
        }

        dirty = !same;
    }

    reauth_judge_revision(stored, revision, dirty, verdict);

    return (int) dirty;
}


reauth_commit_step_t
reauth_judge_unwritten(unsigned *tries, int exists, int begin)
{
    if (++*tries == REAUTH_COMMIT_TRIES) {
        return REAUTH_COMMIT_GIVE_UP;
    }

    if (!exists) {
        return REAUTH_COMMIT_AS_NEW;
    }

    return begin ? REAUTH_COMMIT_BEGIN_AGAIN : REAUTH_COMMIT_JUDGE_AGAIN;
}


int
reauth_judge_flush(const reauth_record_t *record, int unsent, int64_t now_ms,
    int64_t timeout_ms)
{
    int64_t  age_ms;

    if (unsent) {
        return 1;
    }

    if (record->state == REAUTH_STATE_STARTING) {

        /* the begin may be judged again and not be sent */

        timeout_ms *= 2;
    }

    /* it may be in the future: the clock of another Redis, after a failover */

    age_ms = now_ms - record->updated_ms;

    return age_ms >= timeout_ms || age_ms <= -timeout_ms;
}


void
reauth_judge_unsent(const reauth_begin_t *begin, int64_t now_ms,
    const char *code, reauth_fact_t *fact)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->epoch = begin->epoch;
    fact->origin = begin->origin;
    fact->source = begin->source;
    fact->state = REAUTH_STATE_REJECTED;
    fact->error_code = reauth_string_from(code);

    reauth_judge_restored(fact, (int) begin->prior_known, begin->prior_caller);
}
