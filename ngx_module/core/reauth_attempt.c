
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_attempt_parts.h"
#include "reauth_route.h"
#include "reauth_shares.h"


uint64_t
reauth_epoch_next(uint64_t last, int64_t now_ms)
{
    uint64_t  wall;

    wall = now_ms > 0 ? (uint64_t) now_ms * REAUTH_EPOCH_TICKS : 0;

    return wall > last ? wall : last + 1;
}


uint64_t
reauth_epoch_make(uint64_t last, int64_t now_ms, unsigned salt)
{
    uint64_t  epoch, salted;

    epoch = reauth_epoch_next(last, now_ms);
    salted = epoch - epoch % REAUTH_EPOCH_TICKS + salt % REAUTH_EPOCH_TICKS;

    return salted >= epoch ? salted : salted + REAUTH_EPOCH_TICKS;
}


uint64_t
reauth_revision_next(uint64_t last, int64_t now_ms, unsigned random)
{
    if (reauth_epoch_next(last, now_ms) == last + 1) {

        /* the clock is behind, and its random part alone would be too small */

        return last + 1 + random % REAUTH_REVISION_STEP;
    }

    return reauth_epoch_make(last, now_ms, random);
}


uint64_t
reauth_origin_make(uint64_t random)
{
    return random % REAUTH_ORIGIN_MADE + REAUTH_ORIGIN_MADE;
}


int
reauth_origin_is(uint64_t a, uint64_t b)
{
    return a == b || a == 0 || b == 0;
}


int
reauth_epoch_is(const reauth_record_t *record, uint64_t epoch, uint64_t origin)
{
    return record->epoch == epoch && reauth_origin_is(record->origin, origin);
}


void
reauth_fact_of(reauth_fact_t *fact, const reauth_record_t *record)
{
    fact->epoch = record->epoch;
    fact->origin = record->origin;
}


void
reauth_fact_asked(reauth_fact_t *fact, const reauth_record_t *record,
    int64_t asked_ms)
{
    fact->asked_ms = asked_ms;
    fact->asked_known = record != NULL;
    fact->asked_epoch = record != NULL ? record->epoch : 0;
    fact->asked_origin = record != NULL ? record->origin : 0;
    fact->asked_sending = record != NULL
                          && record->state == REAUTH_STATE_STARTING;
}


/* the start of the latest attempt that is known to have ended */

int64_t
reauth_attempt_before_us(const reauth_record_t *record)
{
    return record->started_us > record->before_us ? record->started_us
                                                  : record->before_us;
}


int
reauth_attempt_is_open(const reauth_record_t *record, int64_t now_ms)
{
    return reauth_state_is_active(reauth_record_state(record, now_ms));
}


static int
reauth_attempt_is_sending(const reauth_record_t *record, int64_t now_ms)
{
    /* an update whose sender died must not block the next one forever */

    return record->state == REAUTH_STATE_STARTING
           && now_ms < record->since_ms + REAUTH_STARTING_MAX_MS;
}


int
reauth_attempt_has_fingerprint(const reauth_record_t *record,
    const uint8_t *fingerprint)
{
    /*
     * A fingerprint is a MAC, not a secret: no constant-time comparison
     * needed.
     */

    return record->fingerprint_set
           && memcmp(record->fingerprint, fingerprint, REAUTH_FINGERPRINT_LEN)
              == 0;
}


int
reauth_attempt_same_update(const reauth_record_t *record,
    const reauth_begin_t *begin)
{
    if (begin->fingerprint == NULL) {
        return begin->source == REAUTH_SOURCE_REAUTHENTICATE
               || begin->source == REAUTH_SOURCE_HEAL;
    }

    return reauth_attempt_has_fingerprint(record, begin->fingerprint);
}


static int
reauth_attempt_is_brief(const reauth_record_t *record)
{
    return record->fresh && record->state == REAUTH_STATE_REJECTED;
}


int
reauth_attempt_rebase(reauth_record_t *record, const reauth_record_t *other)
{
    if (record->state != REAUTH_STATE_STARTING
        || other->epoch >= record->epoch
        || !record->fresh)
    {
        return 0;
    }

    reauth_attempt_save_prior(other, record, record->since_ms);

    if (record->before_us < reauth_attempt_before_us(other)) {
        record->before_us = reauth_attempt_before_us(other);
    }

    record->fresh = reauth_attempt_is_brief(other);

    return 1;
}


int64_t
reauth_attempt_ttl_ms(const reauth_record_t *record)
{
    return reauth_attempt_is_brief(record) ? REAUTH_TTL_BRIEF_MS
                                           : REAUTH_TTL_MS;
}


int64_t
reauth_attempt_lifetime_ms(const reauth_record_t *record)
{
    int64_t  ttl_ms;

    ttl_ms = reauth_attempt_ttl_ms(record);

    return reauth_state_is_active(record->state)
           ? ttl_ms + record->deadline_ms - record->since_ms : ttl_ms;
}


/* an attempt of the same caller is replaced and already counted */

static int
reauth_attempt_is_further(const reauth_record_t *current,
    const reauth_begin_t *begin)
{
    return !reauth_state_is_active(current->state)
           || !reauth_string_equals(&begin->caller, current->caller);
}


reauth_begin_result_t
reauth_attempt_begin(const reauth_record_t *current,
    const reauth_begin_t *begin, reauth_record_t *next)
{
    int  same;

    same = reauth_attempt_same_update(current, begin);

    if (reauth_attempt_is_sending(current, begin->now_ms)) {
        return same ? REAUTH_BEGIN_JOIN : REAUTH_BEGIN_WAIT;
    }

    if (same
        && !begin->resend
        && reauth_attempt_is_open(current, begin->now_ms)
        && current->state != REAUTH_STATE_STARTING
        && current->state != REAUTH_STATE_UNKNOWN)
    {
        return REAUTH_BEGIN_COALESCED;
    }

    if (begin->bounded
        && reauth_attempt_is_further(current, begin)
        && !reauth_shares_allow(begin->attempts, begin->attempts_max,
                                begin->active, begin->capacity,
                                begin->callers))
    {
        return REAUTH_BEGIN_TOO_MANY;
    }

    memset(next, 0, sizeof(reauth_record_t));

    next->epoch = begin->epoch > current->epoch ? begin->epoch
                                                : current->epoch + 1;
    next->origin = begin->origin;
    next->revision = current->revision;
    next->since_ms = begin->now_ms;

    /* together with the epoch, the time distinguishes it from the prior one */

    if (next->since_ms == current->since_ms) {
        next->since_ms++;
    }

    next->updated_ms = begin->now_ms;
    next->deadline_ms = begin->now_ms + begin->gate_max_ms;
    next->state = REAUTH_STATE_STARTING;
    next->auth_type = (uint8_t) begin->auth_type;
    next->source = (uint8_t) begin->source;
    next->before_us = reauth_attempt_before_us(current);

    next->fresh = current->state == REAUTH_STATE_NONE
                  || reauth_attempt_is_brief(current);

    if (begin->fingerprint != NULL) {
        next->fingerprint_set = 1;
        memcpy(next->fingerprint, begin->fingerprint, REAUTH_FINGERPRINT_LEN);
    }

    reauth_copy(next->account, REAUTH_ACCOUNT_MAX, &begin->account);
    reauth_copy(next->caller, REAUTH_CALLER_MAX, &begin->caller);

    reauth_attempt_save_prior(current, next, begin->now_ms);

    return REAUTH_BEGIN_STARTED;
}


int
reauth_attempt_is(const char *attempt, const reauth_string_t *name)
{
    return name->len != 0 && reauth_string_equals(name, attempt);
}


/* nothing was started: restore the prior attempt, if it is still active */

static void
reauth_attempt_reject(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next)
{
    reauth_string_t        caller;
    const reauth_prior_t  *prior;

    prior = &current->prior;

    next->missing = 0;
    next->fingerprint_set = 0;
    memset(next->fingerprint, 0, REAUTH_FINGERPRINT_LEN);

    if (prior->state == REAUTH_STATE_NONE
        || (reauth_state_is_active(prior->state)
            && fact->now_ms >= prior->deadline_ms))
    {
        next->state = REAUTH_STATE_REJECTED;
        next->completed_us = fact->now_ms * 1000;
        return;
    }

    next->since_ms = prior->since_ms;
    next->deadline_ms = prior->deadline_ms;
    next->started_us = prior->started_us;
    next->completed_us = prior->completed_us;
    next->state = prior->state;
    next->auth_type = prior->auth_type;
    next->action = prior->action;
    memcpy(next->attempt, prior->attempt, sizeof(next->attempt));

    caller = fact->caller.data != NULL ? fact->caller
                                       : reauth_attempt_prior_caller(current);

    if (caller.data != NULL) {
        reauth_copy(next->caller, REAUTH_CALLER_MAX, &caller);
    }

    if (reauth_state_is_active(prior->state)) {
        next->fingerprint_set = prior->fingerprint_set;
        memcpy(next->fingerprint, prior->fingerprint, REAUTH_FINGERPRINT_LEN);
        next->kept = prior->kept;

        if (current->missing & REAUTH_SECRET_PRIOR) {
            next->missing = REAUTH_SECRET_FINGERPRINT;
        }
    }

    next->error_code[0] = '\0';
    next->error_message[0] = '\0';
}


/*
 * An attempt reported by webhooks only counts for the caller that is the first
 * to poll its ID: no record had the ID before, so the caller has it from the
 * response to the start.  An attempt of Fansly has the ID of its account, which
 * is known to others.
 */

static void
reauth_attempt_claim(const reauth_fact_t *fact, reauth_record_t *next)
{
    if (next->attempt[0] == '\0'
        && next->caller[0] == '\0'
        && !reauth_string_equals(&fact->attempt, next->account))
    {
        reauth_copy(next->caller, REAUTH_CALLER_MAX, &fact->caller);
    }
}


static void
reauth_attempt_apply(const reauth_fact_t *fact, reauth_record_t *next)
{
    if (fact->attempt.len != 0) {
        reauth_attempt_claim(fact, next);
        reauth_copy(next->attempt, REAUTH_ATTEMPT_MAX, &fact->attempt);
        next->lost = 0;
    }

    if (fact->auth_type != REAUTH_AUTH_TYPE_NONE) {
        next->auth_type = (uint8_t) fact->auth_type;
    }

    if (fact->started_us != 0) {
        next->started_us = fact->started_us;
    }

    if (fact->before_us > next->before_us) {
        next->before_us = fact->before_us;
    }

    if (fact->step && next->stepped_ms == 0) {
        next->stepped_ms = fact->now_ms;
    }

    if (fact->progress.data != NULL) {
        reauth_copy(next->progress, REAUTH_PROGRESS_MAX, &fact->progress);
    }

    if (fact->sealed != NULL && fact->sealed_len <= REAUTH_SEALED_MAX) {
        next->missing &= (uint8_t) ~REAUTH_SECRET_SEALED;
        next->sealed_len = (uint8_t) fact->sealed_len;
        memset(next->sealed, 0, sizeof(next->sealed));
        memcpy(next->sealed, fact->sealed, fact->sealed_len);
    }

    if (fact->kept) {
        next->kept = 1;
    }

    if (fact->state == REAUTH_STATE_NONE) {
        return;
    }

    next->state = (uint8_t) fact->state;
    next->action = (uint8_t) fact->action;
    next->source = (uint8_t) fact->source;

    next->error_code[0] = '\0';
    next->error_message[0] = '\0';

    if (fact->error_code.data != NULL) {
        reauth_copy(next->error_code, REAUTH_ERROR_CODE_MAX,
                    &fact->error_code);
    }

    if (fact->error_message.data != NULL) {
        reauth_copy(next->error_message, REAUTH_ERROR_MESSAGE_MAX,
                    &fact->error_message);
    }

    if (reauth_state_is_end(fact->state)) {
        next->completed_us = fact->completed_us != 0 ? fact->completed_us
                                                     : fact->now_ms * 1000;
    }
}


static reauth_advance_result_t
reauth_attempt_advance_prior(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next)
{
    reauth_prior_t  *prior;

    if (reauth_state_is_end(current->prior.state)) {
        return REAUTH_ADVANCE_ENDED;
    }

    if (fact->state == REAUTH_STATE_NONE
        || fact->state == current->prior.state)
    {
        return REAUTH_ADVANCE_SAME;
    }

    if (fact->asked_ms != 0
        && reauth_state_is_end(fact->state)
        && (fact->started_us == 0
            || fact->started_us != current->prior.started_us))
    {
        /* see reauth_attempt_is_proven(): the next poll decides */

        return REAUTH_ADVANCE_STALE;
    }

    memcpy(next, current, sizeof(reauth_record_t));
    prior = &next->prior;

    prior->state = (uint8_t) fact->state;
    prior->action = (uint8_t) fact->action;

    if (fact->started_us != 0) {
        prior->started_us = fact->started_us;
    }

    if (reauth_state_is_end(fact->state)) {
        prior->completed_us = fact->completed_us != 0 ? fact->completed_us
                                                      : fact->now_ms * 1000;
    }

    next->updated_ms = fact->now_ms;

    return REAUTH_ADVANCE_APPLIED;
}


/*
 * A poll did not find the attempt.  This is counted in the record for polls of
 * all gateways, and is not reported as a change.
 */

static reauth_advance_result_t
reauth_attempt_lose(const reauth_record_t *current, const reauth_fact_t *fact,
    reauth_record_t *next)
{
    reauth_fact_t  unknown;

    static const reauth_string_t  not_found = reauth_string("NOT_FOUND");

    if (!reauth_epoch_is(current, fact->epoch, fact->origin)) {
        return REAUTH_ADVANCE_STALE;
    }

    if (!reauth_state_is_active(current->state)) {
        return REAUTH_ADVANCE_ENDED;
    }

    if (current->state == REAUTH_STATE_STARTING
        || current->lost >= REAUTH_LOST_MAX)
    {
        return REAUTH_ADVANCE_SAME;
    }

    memcpy(next, current, sizeof(reauth_record_t));

    next->lost++;

    if (next->lost < REAUTH_LOST_MAX) {
        return REAUTH_ADVANCE_APPLIED;
    }

    memset(&unknown, 0, sizeof(reauth_fact_t));

    unknown.now_ms = fact->now_ms;
    unknown.source = fact->source;
    unknown.state = REAUTH_STATE_UNKNOWN;
    unknown.error_code = not_found;

    reauth_attempt_apply(&unknown, next);
    next->updated_ms = fact->now_ms;

    return REAUTH_ADVANCE_APPLIED;
}


/* sets fields that depend on the state, and whether this is a change */

static reauth_advance_result_t
reauth_attempt_settle(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next)
{
    if (next->state != REAUTH_STATE_STARTING) {
        reauth_attempt_forget_prior(next);
        next->missing &= (uint8_t) ~REAUTH_SECRET_PRIOR;

        if (current->state == REAUTH_STATE_STARTING) {
            next->accepted_ms = fact->now_ms;
        }
    }

    if (next->state != REAUTH_STATE_STARTING
        && next->state != REAUTH_STATE_UNKNOWN
        && next->state != REAUTH_STATE_REJECTED)
    {
        next->fresh = 0;
    }

    if (reauth_state_is_end(next->state)) {

        /* data for repeated updates is not needed any more */

        next->accepted_ms = 0;
        next->stepped_ms = 0;
        next->missing = 0;
        next->fingerprint_set = 0;
        next->sealed_len = 0;
        memset(next->fingerprint, 0, sizeof(next->fingerprint));
        memset(next->sealed, 0, sizeof(next->sealed));
    }

    /* source and time alone are no change; they are set with other changes */

    next->updated_ms = current->updated_ms;

    if (next->state == current->state) {
        next->source = current->source;
    }

    /*
     * One is a copy of the other, or both were zeroed, including the padding.
     */

    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,*exp42-c) */
    if (memcmp(next, current, sizeof(reauth_record_t)) == 0) {
        return REAUTH_ADVANCE_SAME;
    }

    next->updated_ms = fact->now_ms;

    if (fact->source != REAUTH_SOURCE_NONE) {
        next->source = (uint8_t) fact->source;
    }

    return REAUTH_ADVANCE_APPLIED;
}


static reauth_advance_result_t
reauth_attempt_advance_state(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next)
{
    reauth_fact_t  undated;

    switch (reauth_attempt_place(current, fact)) {

    case REAUTH_PLACE_OLD:
        return REAUTH_ADVANCE_STALE;

    case REAUTH_PLACE_UNKNOWN:
        return REAUTH_ADVANCE_UNPLACED;

    case REAUTH_PLACE_PRIOR:
        return reauth_attempt_advance_prior(current, fact, next);

    case REAUTH_PLACE_UNDATED:
        undated = *fact;
        undated.started_us = 0;
        fact = &undated;

        /* fall through */

    case REAUTH_PLACE_NEW:
        if (fact->state == REAUTH_STATE_NONE) {
            return REAUTH_ADVANCE_UNPLACED;
        }

        if (fact->full) {
            return REAUTH_ADVANCE_SAME;
        }

        reauth_attempt_adopt(current, fact, next);
        break;

    default: /* REAUTH_PLACE_CURRENT */

        if (reauth_state_is_end(current->state)) {
            return REAUTH_ADVANCE_ENDED;
        }

        if (!reauth_attempt_is_proven(current, fact)) {
            return REAUTH_ADVANCE_STALE;
        }

        memcpy(next, current, sizeof(reauth_record_t));
    }

    if (fact->state == REAUTH_STATE_REJECTED) {
        reauth_attempt_apply(fact, next);
        reauth_attempt_reject(current, fact, next);

    } else {
        reauth_attempt_apply(fact, next);
    }

    return reauth_attempt_settle(current, fact, next);
}


/*
 * Stores the result of a poll if it differs from the previous one.  It is not
 * reported as a change.
 */

static int
reauth_attempt_tell(const reauth_record_t *current, const reauth_fact_t *fact,
    reauth_record_t *next)
{
    uint64_t  epoch, origin;

    epoch = fact->asked_known ? fact->asked_epoch : fact->epoch;
    origin = fact->asked_known ? fact->asked_origin : fact->origin;

    if (!reauth_epoch_is(current, epoch, origin)
        || !reauth_epoch_is(next, epoch, origin)
        || fact->asked_sending
        || current->state == REAUTH_STATE_STARTING
        || !reauth_state_is_active(current->state))
    {
        return 0;
    }

    if (next->poll_error == fact->poll_error
        && (fact->poll_error == REAUTH_POLL_ERROR_NONE
            || next->poll_status == fact->poll_status))
    {
        return 0;
    }

    next->polled_ms = fact->now_ms;
    next->poll_error = (uint8_t) fact->poll_error;
    next->poll_status = (uint16_t) fact->poll_status;

    return 1;
}


reauth_advance_result_t
reauth_attempt_advance(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next)
{
    reauth_advance_result_t  result;

    if (fact->lost) {
        result = reauth_attempt_lose(current, fact, next);

    } else if (fact->poll_error != REAUTH_POLL_ERROR_NONE) {
        result = REAUTH_ADVANCE_SAME;

    } else {
        result = reauth_attempt_advance_state(current, fact, next);
    }

    if (!fact->polled) {
        return result;
    }

    if (result != REAUTH_ADVANCE_APPLIED) {
        memcpy(next, current, sizeof(reauth_record_t));
    }

    return reauth_attempt_tell(current, fact, next) ? REAUTH_ADVANCE_APPLIED
                                                    : result;
}


int
reauth_attempt_is_unpolled(const reauth_record_t *record)
{
    reauth_string_t  account;

    account = reauth_string_from(record->account);

    return reauth_id_kind(&account) == REAUTH_ID_FANVUE;
}


int
reauth_attempt_is_listed(const reauth_record_t *record)
{
    reauth_string_t  account;

    if (!reauth_state_is_active(record->state)
        || record->state == REAUTH_STATE_STARTING
        || reauth_attempt_is_unpolled(record))
    {
        return 0;
    }

    if (record->lost >= REAUTH_LOST_MAX) {
        return 1;
    }

    account = reauth_string_from(record->account);

    return record->attempt[0] == '\0'
           && reauth_id_kind(&account) != REAUTH_ID_FANSLY;
}
