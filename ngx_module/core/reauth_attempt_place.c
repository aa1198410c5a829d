
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines whether a fact is about the current attempt, an earlier or a later
 * one.
 */


#include "reauth_attempt_parts.h"


/*
 * The start of the attempt of a fact, if known, as the fact may be late.  The
 * upstream's clock may be ahead.
 */

int64_t
reauth_attempt_started_ms(const reauth_fact_t *fact)
{
    int64_t  started_ms;

    started_ms = fact->started_us / 1000;

    return started_ms > 0 && started_ms < fact->now_ms ? started_ms
                                                       : fact->now_ms;
}


/* the attempt was not begun by a gateway: it gets an epoch of its own */

void
reauth_attempt_adopt(const reauth_record_t *current, const reauth_fact_t *fact,
    reauth_record_t *next)
{
    memset(next, 0, sizeof(reauth_record_t));

    memcpy(next->account, current->account, sizeof(next->account));

    next->epoch = fact->new_epoch > current->epoch ? fact->new_epoch
                                                   : current->epoch + 1;
    next->origin = fact->new_origin;
    next->revision = current->revision;
    next->before_us = reauth_attempt_before_us(current);
    next->since_ms = reauth_attempt_started_ms(fact);
    next->deadline_ms = next->since_ms + fact->gate_max_ms;
    next->state = REAUTH_STATE_RUNNING;

    reauth_copy(next->attempt, REAUTH_ATTEMPT_MAX, &fact->attempt);
    reauth_copy(next->caller, REAUTH_CALLER_MAX, &fact->caller);
}


/* one that has expired or was forgotten may still be in progress */

int
reauth_attempt_is_cut_short(const reauth_record_t *record)
{
    return record->state == REAUTH_STATE_EXPIRED
           || record->state == REAUTH_STATE_FORGOTTEN;
}


/* finds the attempt of a fact without an epoch by the upstream's started_at */

static reauth_attempt_place_t
reauth_attempt_place_by_time(const reauth_record_t *current,
    const reauth_fact_t *fact)
{
    if (current->state == REAUTH_STATE_NONE) {
        return REAUTH_PLACE_NEW;
    }

    if (fact->started_us == 0) {

        /* in the order of arrival, if nothing can be polled */

        return current->started_us == 0
               && reauth_state_is_active(current->state)
               && reauth_attempt_is_unpolled(current)
               ? REAUTH_PLACE_CURRENT : REAUTH_PLACE_UNKNOWN;
    }

    if (current->started_us != 0) {

        /* both times are by the upstream's clock */

        if (fact->started_us == current->started_us) {
            return REAUTH_PLACE_CURRENT;
        }

        return fact->started_us > current->started_us ? REAUTH_PLACE_NEW
                                                      : REAUTH_PLACE_OLD;
    }

    /*
     * The clocks of two machines cannot be compared.  Only an end is accepted,
     * which cannot close an open gate, and it must not make other facts stale.
     * An attempt that may still be in progress must be known as such: a list of
     * accounts that shows it would close the gate again.
     */

    if (!reauth_state_is_active(current->state)
        && !reauth_state_is_active(fact->state))
    {
        return fact->started_us / 1000 > current->since_ms
               && !reauth_attempt_is_cut_short(current)
               ? REAUTH_PLACE_UNDATED : REAUTH_PLACE_OLD;
    }

    return REAUTH_PLACE_UNKNOWN;
}


reauth_attempt_place_t
reauth_attempt_place(const reauth_record_t *current, const reauth_fact_t *fact)
{
    if (fact->epoch != 0) {

        if (!reauth_epoch_is(current, fact->epoch, fact->origin)) {
            return REAUTH_PLACE_OLD;
        }

        if (!fact->live || !reauth_state_is_end(current->state)) {
            return REAUTH_PLACE_CURRENT;
        }

        return reauth_attempt_is_cut_short(current)
               && reauth_state_is_active(fact->state)
               ? REAUTH_PLACE_CURRENT : REAUTH_PLACE_NEW;
    }

    if (fact->asked_known
        && !reauth_epoch_is(current, fact->asked_epoch, fact->asked_origin))
    {
        return REAUTH_PLACE_OLD;
    }

    if (fact->asked_sending && current->state != REAUTH_STATE_STARTING) {

        /* the response may have been generated before the update arrived */

        return REAUTH_PLACE_OLD;
    }

    if (fact->attempt.len == 0) {
        return reauth_attempt_place_by_time(current, fact);
    }

    if (reauth_attempt_is(current->attempt, &fact->attempt)) {
        return REAUTH_PLACE_CURRENT;
    }

    if (current->state == REAUTH_STATE_STARTING) {

        if (reauth_attempt_is(current->prior.attempt, &fact->attempt)) {
            return REAUTH_PLACE_PRIOR;
        }

        /* ours has no ID yet: nothing newer can be known */

        return REAUTH_PLACE_OLD;
    }

    if (current->attempt[0] == '\0'
        && reauth_state_is_active(current->state))
    {
        /* ours has no ID and may be this attempt: started_at decides */

        return reauth_attempt_place_by_time(current, fact);
    }

    if (current->state == REAUTH_STATE_NONE) {

        /* the end of an old attempt is not stored for an unknown account */

        return reauth_state_is_active(fact->state) ? REAUTH_PLACE_NEW
                                                   : REAUTH_PLACE_OLD;
    }

    if (fact->started_us == 0 || current->started_us == 0) {
        return REAUTH_PLACE_OLD;
    }

    return fact->started_us > current->started_us ? REAUTH_PLACE_NEW
                                                  : REAUTH_PLACE_OLD;
}


/*
 * A polled end may still be that of the session before this login: by its
 * words, by the attempt it names, or because the ID used to poll is not unique
 * to this login.
 */

int
reauth_attempt_is_proven(const reauth_record_t *current,
    const reauth_fact_t *fact)
{
    int64_t  ahead_ms, accepted_ms;

    if (fact->asked_ms == 0
        || fact->epoch != 0
        || !reauth_state_is_end(fact->state))
    {
        return 1;
    }

    if (fact->started_us != 0) {

        if (current->started_us != 0) {
            return fact->started_us >= current->started_us;
        }

        if (fact->started_us <= current->before_us) {
            return 0;
        }

        ahead_ms = fact->started_us / 1000 - current->since_ms;

        if (ahead_ms >= -REAUTH_CLOCKS_AGREE_MS) {
            return 1;
        }

        if (ahead_ms < -REAUTH_CLOCKS_DIFFER_MS) {
            return 0;
        }
    }

    if (current->stepped_ms != 0) {
        return fact->asked_ms >= current->stepped_ms;
    }

    accepted_ms = current->accepted_ms != 0 ? current->accepted_ms
                                            : current->since_ms;

    return !fact->needs_step
           && fact->asked_ms >= accepted_ms + REAUTH_OLD_SESSION_MS;
}
