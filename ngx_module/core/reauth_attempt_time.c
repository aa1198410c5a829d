
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The state of a record at a given time, and changes caused by time alone.
 */


#include "reauth_attempt_parts.h"


reauth_state_t
reauth_record_state(const reauth_record_t *record, int64_t now_ms)
{
    if (reauth_state_is_active(record->state)
        && now_ms >= record->deadline_ms)
    {
        return REAUTH_STATE_EXPIRED;
    }

    return (reauth_state_t) record->state;
}


int
reauth_attempt_is_awaited(const reauth_record_t *record, uint64_t joined,
    uint64_t origin, int64_t now_ms)
{
    return reauth_record_state(record, now_ms) == REAUTH_STATE_STARTING
           && (joined == 0 || reauth_epoch_is(record, joined, origin));
}


int
reauth_attempt_is_joined(const reauth_record_t *record, uint64_t joined,
    uint64_t origin, int64_t now_ms)
{
    reauth_state_t  state;

    state = reauth_record_state(record, now_ms);

    return reauth_epoch_is(record, joined, origin)
           && reauth_state_is_active(state)
           && state != REAUTH_STATE_UNKNOWN;
}


int
reauth_record_is_forgotten(const reauth_record_t *change,
    const reauth_record_t *forgotten)
{
    /* changes of an attempt have its epoch, even if they are late */

    return change->epoch <= forgotten->epoch
           || change->updated_ms <= forgotten->updated_ms;
}


void
reauth_record_show(reauth_record_t *record)
{
    char  account[REAUTH_ACCOUNT_MAX + 1];

    if (record->state != REAUTH_STATE_FORGOTTEN) {
        return;
    }

    memcpy(account, record->account, sizeof(account));
    memset(record, 0, sizeof(reauth_record_t));
    memcpy(record->account, account, sizeof(account));
}


void
reauth_record_view(reauth_record_t *record, int64_t now_ms)
{
    reauth_state_t  state;

    state = reauth_record_state(record, now_ms);

    if (state != record->state) {
        record->state = (uint8_t) state;
        record->action = REAUTH_ACTION_NONE;
        record->completed_us = record->deadline_ms * 1000;
    }
}


int64_t
reauth_attempt_due_ms(const reauth_record_t *record)
{
    int64_t  sent;

    if (record->state != REAUTH_STATE_STARTING) {
        return record->deadline_ms;
    }

    sent = record->since_ms + REAUTH_STARTING_MAX_MS;

    return sent < record->deadline_ms ? sent : record->deadline_ms;
}


int
reauth_attempt_overdue(const reauth_record_t *record, int64_t now_ms,
    reauth_fact_t *fact)
{
    static const reauth_string_t  no_answer = reauth_string("NO_ANSWER");
    static const reauth_string_t  too_long = reauth_string("GATE_MAX");

    if (!reauth_state_is_active(record->state)
        || now_ms < reauth_attempt_due_ms(record))
    {
        return 0;
    }

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    reauth_fact_of(fact, record);
    fact->source = REAUTH_SOURCE_TIMER;

    fact->state = reauth_record_state(record, now_ms);

    if (fact->state == REAUTH_STATE_EXPIRED) {
        fact->error_code = too_long;

    } else {
        fact->state = REAUTH_STATE_UNKNOWN;
        fact->error_code = no_answer;
    }

    return 1;
}
