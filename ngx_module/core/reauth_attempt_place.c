
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Whether a fact is about the attempt that is known, or about one before or
 * after it.
 */


#include "reauth_attempt_parts.h"


/*
 * When the attempt that a fact is about began, as far as is known: the fact
 * may be late.  The upstream's clock may be ahead.
 */

int64_t
reauth_attempt_started_ms(const reauth_fact_t *fact)
{
    int64_t  started_ms;

    started_ms = fact->started_us / 1000;

    return started_ms > 0 && started_ms < fact->now_ms ? started_ms
                                                       : fact->now_ms;
}


/* the fact is about an attempt that nobody here began: it is kept as its own */

void
reauth_attempt_adopt(const reauth_record_t *current, const reauth_fact_t *fact,
    reauth_record_t *next)
{
    memset(next, 0, sizeof(reauth_record_t));

    memcpy(next->account, current->account, sizeof(next->account));

    next->epoch = fact->new_epoch > current->epoch ? fact->new_epoch
                                                   : current->epoch + 1;
    next->revision = current->revision;
    next->before_us = reauth_attempt_before_us(current);
    next->since_ms = reauth_attempt_started_ms(fact);
    next->deadline_ms = next->since_ms + fact->gate_max_ms;
    next->state = REAUTH_STATE_RUNNING;

    reauth_copy(next->attempt, REAUTH_ATTEMPT_MAX, &fact->attempt);
    reauth_copy(next->caller, REAUTH_CALLER_MAX, &fact->caller);
}


/* which attempt a fact without an epoch is about, by upstream's started_at */

static reauth_attempt_place_t
reauth_attempt_place_by_time(const reauth_record_t *current,
    const reauth_fact_t *fact)
{
    if (current->state == REAUTH_STATE_NONE) {
        return REAUTH_PLACE_NEW;
    }

    if (fact->started_us == 0) {

        /* as they come, where nothing else can be asked */

        return current->started_us == 0
               && reauth_state_is_active(current->state)
               && reauth_attempt_is_told(current)
               ? REAUTH_PLACE_CURRENT : REAUTH_PLACE_UNKNOWN;
    }

    if (current->started_us != 0) {

        /* both by the upstream's clock */

        if (fact->started_us == current->started_us) {
            return REAUTH_PLACE_CURRENT;
        }

        return fact->started_us > current->started_us ? REAUTH_PLACE_NEW
                                                      : REAUTH_PLACE_OLD;
    }

    /*
     * The clocks of two machines can't be compared: only that it is an end,
     * which can't close a gate that is open, may be taken here, and it must
     * not say which facts are older.
     */

    if (!reauth_state_is_active(current->state)
        && !reauth_state_is_active(fact->state))
    {
        return fact->started_us / 1000 > current->since_ms
               ? REAUTH_PLACE_UNDATED : REAUTH_PLACE_OLD;
    }

    return REAUTH_PLACE_UNKNOWN;
}


reauth_attempt_place_t
reauth_attempt_place(const reauth_record_t *current, const reauth_fact_t *fact)
{
    if (fact->epoch != 0) {

        if (fact->epoch != current->epoch) {
            return REAUTH_PLACE_OLD;
        }

        if (!fact->live || !reauth_state_is_end(current->state)) {
            return REAUTH_PLACE_CURRENT;
        }

        /* one that was let through by time may still be the one that runs */

        return current->state == REAUTH_STATE_EXPIRED
               && reauth_state_is_active(fact->state)
               ? REAUTH_PLACE_CURRENT : REAUTH_PLACE_NEW;
    }

    if (fact->asked_known && fact->asked_epoch != current->epoch) {
        return REAUTH_PLACE_OLD;
    }

    if (fact->asked_sending && current->state != REAUTH_STATE_STARTING) {

        /* it may have been answered before the update arrived */

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

        /* ours has no name yet: nothing newer can be known */

        return REAUTH_PLACE_OLD;
    }

    if (current->attempt[0] == '\0'
        && reauth_state_is_active(current->state))
    {
        /* ours has no name and may be this one; started_at decides */

        return reauth_attempt_place_by_time(current, fact);
    }

    if (current->state == REAUTH_STATE_NONE) {

        /* an old attempt's end is no news of an account nobody asked about */

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
 * An end that the upstream was asked for may still be that of the session
 * before this login: by its words, by the attempt that it names, or since both
 * platforms are asked by an id that is not this login's alone.
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
