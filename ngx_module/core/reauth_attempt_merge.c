
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines which of two records of an account is later, and merges them.
 */


#include "reauth_attempt_parts.h"


/* order within an epoch: being sent, in progress, ended, forgotten */

static int
reauth_attempt_stage(const reauth_record_t *record)
{
    if (record->state == REAUTH_STATE_STARTING) {
        return 0;
    }

    if (record->state == REAUTH_STATE_FORGOTTEN) {
        return 3;
    }

    return reauth_state_is_end(record->state) ? 2 : 1;
}


int
reauth_attempt_order(const reauth_record_t *a, const reauth_record_t *b)
{
    int  a_stage, b_stage;

    if (a->epoch != b->epoch) {
        return a->epoch > b->epoch ? 1 : -1;
    }

    /* two attempts: all gateways take the same one for the later one */

    if (!reauth_origin_is(a->origin, b->origin)) {
        return a->origin > b->origin ? 1 : -1;
    }

    a_stage = reauth_attempt_stage(a);
    b_stage = reauth_attempt_stage(b);

    if (a_stage != b_stage) {
        return a_stage > b_stage ? 1 : -1;
    }

    return 0;
}


int
reauth_attempt_poll_order(const reauth_record_t *a, const reauth_record_t *b)
{
    if (a->polled_ms != b->polled_ms) {
        return a->polled_ms > b->polled_ms ? 1 : -1;
    }

    if (a->lost != b->lost) {
        return a->lost > b->lost ? 1 : -1;
    }

    if (a->poll_error != b->poll_error) {
        return a->poll_error > b->poll_error ? 1 : -1;
    }

    if (a->poll_error == REAUTH_POLL_ERROR_NONE
        || a->poll_status == b->poll_status)
    {
        return 0;
    }

    return a->poll_status > b->poll_status ? 1 : -1;
}


int
reauth_attempt_compare(const reauth_record_t *a, const reauth_record_t *b)
{
    int  order;

    order = reauth_attempt_order(a, b);

    if (order != 0) {
        return order;
    }

    if (reauth_state_is_end(a->state)) {
        /* the first end in Redis is final */

        if (a->revision == b->revision) {
            return 0;
        }

        return a->revision > b->revision ? 1 : -1;
    }

    if (a->updated_ms != b->updated_ms) {
        return a->updated_ms > b->updated_ms ? 1 : -1;
    }

    if (a->state != b->state) {
        return a->state > b->state ? 1 : -1;
    }

    return 0;
}


void
reauth_attempt_new_epoch(const reauth_record_t *current, reauth_fact_t *fact,
    unsigned salt, uint64_t origin)
{
    uint64_t  epoch;

    if (fact->started_us > 0
        && fact->started_us / 1000 < fact->now_ms + fact->gate_max_ms)
    {
        /* derived from its microseconds: identical on all gateways */

        epoch = (uint64_t) fact->started_us * REAUTH_EPOCH_TICKS / 1000 | 1;

        if (epoch > current->epoch) {
            fact->new_epoch = epoch;
            fact->new_origin = REAUTH_ORIGIN_UPSTREAM;
            return;
        }
    }

    /*
     * Without a time, it may be an attempt that another gateway has begun: all
     * that can be in progress have later epochs.
     */

    fact->new_epoch = reauth_epoch_make(current->epoch,
                                        fact->started_us > 0
                                        ? reauth_attempt_started_ms(fact)
                                        : fact->now_ms - fact->gate_max_ms,
                                        salt | 1);
    fact->new_origin = origin;
}


/* in progress, but neither an ID nor a time tells which attempt it is */

static int
reauth_attempt_is_seen(const reauth_record_t *record)
{
    return (record->epoch & 1) != 0
           && record->origin != REAUTH_ORIGIN_UPSTREAM
           && record->attempt[0] == '\0'
           && record->started_us == 0
           && reauth_state_is_active(record->state);
}


int
reauth_attempt_outlives(const reauth_record_t *seen,
    const reauth_record_t *ended)
{
    return seen->epoch < ended->epoch
           && reauth_attempt_is_seen(seen)
           && reauth_state_is_end(ended->state)
           && !reauth_attempt_is_cut_short(ended)
           && seen->since_ms > ended->updated_ms + REAUTH_CLOCKS_AGREE_MS;
}


static int
reauth_attempt_replaces(const reauth_record_t *remote,
    const reauth_record_t *current, int dirty, int live)
{
    if (current->state == REAUTH_STATE_NONE) {
        return 1;
    }

    if (!dirty
        && reauth_epoch_is(remote, current->epoch, current->origin)
        && reauth_attempt_stage(remote) == reauth_attempt_stage(current))
    {
        /*
         * A record that is not dirty is a copy of that in Redis, so the higher
         * revision is later.  A lower revision read from Redis means that
         * Redis has lost its data.
         */

        return remote->revision > current->revision
               || (live && reauth_attempt_compare(remote, current) > 0);
    }

    return reauth_attempt_compare(remote, current) > 0;
}


static int
reauth_attempt_is_of(const reauth_record_t *a, const reauth_record_t *b)
{
    return reauth_epoch_is(a, b->epoch, b->origin)
           && a->since_ms == b->since_ms;
}


/*
 * The fingerprint of the attempt that began at this time; NULL: not there.  If
 * an update was begun at the same time as the attempt before it, by the clock
 * of the fleet, "prior" says which of the two it is.
 */

static const uint8_t *
reauth_attempt_fingerprint(const reauth_record_t *record, int64_t since_ms,
    int prior)
{
    if (record->since_ms == since_ms
        && !(prior
             && record->state == REAUTH_STATE_STARTING
             && record->prior.since_ms == since_ms))
    {
        return record->fingerprint_set ? record->fingerprint : NULL;
    }

    return record->prior.since_ms == since_ms && record->prior.fingerprint_set
           ? record->prior.fingerprint : NULL;
}


/* the update of "other" was rejected: "record" is the attempt before it */

static int
reauth_attempt_is_prior(const reauth_record_t *record,
    const reauth_record_t *other)
{
    return record->state != REAUTH_STATE_STARTING
           && record->attempt[0] != '\0'
           && strcmp(record->attempt, other->prior.attempt) == 0;
}


static void
reauth_attempt_complete_prior(reauth_record_t *record,
    const reauth_record_t *other)
{
    const uint8_t   *fingerprint;
    reauth_prior_t  *prior;

    prior = &record->prior;

    if (prior->fingerprint_set || !reauth_state_is_active(prior->state)) {
        return;
    }

    fingerprint = reauth_attempt_fingerprint(other, prior->since_ms, 1);

    if (fingerprint != NULL) {
        prior->fingerprint_set = 1;
        memcpy(prior->fingerprint, fingerprint, REAUTH_FINGERPRINT_LEN);
        record->missing &= (uint8_t) ~REAUTH_SECRET_PRIOR;
    }
}


void
reauth_attempt_complete(reauth_record_t *record, const reauth_record_t *other)
{
    const uint8_t  *fingerprint;

    if (!reauth_state_is_active(record->state) || other->epoch > record->epoch)
    {
        return;
    }

    reauth_attempt_complete_prior(record, other);
    reauth_attempt_complete_prior_caller(record, other);

    if (!reauth_epoch_is(other, record->epoch, record->origin)) {
        return;
    }

    /* a rejected update has the prior attempt in its own epoch */

    fingerprint = reauth_attempt_fingerprint(other, record->since_ms,
                                             reauth_attempt_is_prior(record,
                                                                     other));

    if (fingerprint != NULL && !record->fingerprint_set) {
        record->fingerprint_set = 1;
        memcpy(record->fingerprint, fingerprint, REAUTH_FINGERPRINT_LEN);
        record->missing &= (uint8_t) ~REAUTH_SECRET_FINGERPRINT;
    }

    if (reauth_attempt_is_of(record, other)
        && other->sealed_len != 0
        && record->sealed_len == 0)
    {
        record->sealed_len = other->sealed_len;
        memcpy(record->sealed, other->sealed, REAUTH_SEALED_MAX);
        record->missing &= (uint8_t) ~REAUTH_SECRET_SEALED;
    }
}


int
reauth_attempt_identify(reauth_record_t *record, const reauth_record_t *other)
{
    if (record->attempt[0] != '\0'
        || other->attempt[0] == '\0'
        || !reauth_state_is_active(record->state)
        || !reauth_attempt_is_of(record, other))
    {
        return 0;
    }

    memcpy(record->attempt, other->attempt, sizeof(record->attempt));
    record->kept = other->kept;

    return 1;
}


int
reauth_attempt_lacks(const reauth_record_t *record,
    const reauth_record_t *other)
{
    return reauth_attempt_is_of(record, other)
           && reauth_state_is_active(record->state)
           && ((other->fingerprint_set && !record->fingerprint_set)
               || (other->sealed_len != 0 && record->sealed_len == 0)
               || (other->prior.fingerprint_set
                   && !record->prior.fingerprint_set));
}


int
reauth_attempt_same(const reauth_record_t *a, const reauth_record_t *b)
{
    return reauth_epoch_is(a, b->epoch, b->origin)
           && a->state == b->state
           && a->updated_ms == b->updated_ms
           && a->prior.state == b->prior.state
           && strcmp(a->attempt, b->attempt) == 0;
}


reauth_merge_result_t
reauth_attempt_merge(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, int live)
{
    if (reauth_attempt_replaces(remote, current, dirty, live)) {
        return REAUTH_MERGE_TAKEN;
    }

    if (live || remote->revision > current->revision) {
        return reauth_attempt_same(remote, current) ? REAUTH_MERGE_SAME
                                                    : REAUTH_MERGE_OURS;
    }

    /* a lower revision of the same: Redis may have lost its data */

    return remote->revision == current->revision
           && reauth_attempt_same(remote, current) ? REAUTH_MERGE_LATE
                                                   : REAUTH_MERGE_ASK;
}


int
reauth_attempt_judge_again(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, uint64_t epoch, uint64_t origin)
{
    return reauth_epoch_is(current, epoch, origin)
           || reauth_attempt_replaces(remote, current, dirty, 1);
}


int
reauth_attempt_is_known(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, const reauth_string_t *attempt)
{
    return dirty
           && (current->epoch & 1) != 0
           && current->epoch > remote->epoch
           && !reauth_state_is_end(current->state)
           && reauth_attempt_is(current->attempt, attempt)
           && reauth_attempt_is(remote->attempt, attempt)
           && !reauth_attempt_is(current->account, attempt);
}


void
reauth_attempt_base(const reauth_record_t *current, int dirty,
    reauth_base_t *base)
{
    base->epoch = current->epoch;
    base->origin = current->origin;
    base->revision = current->revision;
    base->updated_ms = current->updated_ms;
    base->state = current->state;
    base->dirty = (uint8_t) dirty;
}


int
reauth_attempt_is_outdated(const reauth_record_t *remote,
    const reauth_base_t *base)
{
    reauth_record_t  judged;

    memset(&judged, 0, sizeof(reauth_record_t));

    judged.epoch = base->epoch;
    judged.origin = base->origin;
    judged.revision = base->revision;
    judged.updated_ms = base->updated_ms;
    judged.state = base->state;

    return !reauth_attempt_replaces(remote, &judged, base->dirty, 1);
}
