
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_list.h"


static void
reauth_list_failed(reauth_fact_t *fact, reauth_action_t action,
    const char *code)
{
    fact->state = REAUTH_STATE_FAILED;
    fact->action = action;
    fact->error_code = reauth_string_from(code);
}


int
reauth_list_fact(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t asked_ms, int64_t now_ms,
    reauth_fact_t *fact)
{
    int  active;

    active = reauth_state_is_active(record->state);

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    reauth_fact_of(fact, record);
    fact->live = !active;
    fact->source = REAUTH_SOURCE_POLLER;
    fact->polled = status != NULL;
    fact->poll_status = 200;

    if (status != NULL && status->in_progress) {

        if (reauth_state_needs_person(record->state)) {

            /* a later fact is already known */

            return 0;
        }

        fact->state = REAUTH_STATE_RUNNING;
        fact->step = 1;
        fact->progress = reauth_string_from(status->progress);

        return 1;
    }

    /* an open gate is not closed again; a new login may not be listed yet */

    if (!active
        || ((record->state == REAUTH_STATE_UNKNOWN || status == NULL)
            && asked_ms < record->since_ms + REAUTH_LIST_NOT_STARTED_MS))
    {
        return 0;
    }

    if (asked_ms < record->stepped_ms) {

        /* it may be older than the login that was seen in progress meanwhile */

        return 0;
    }

    if (status == NULL) {
        reauth_list_failed(fact, REAUTH_ACTION_NONE, "NOT_LISTED");
        return 1;
    }

    if (status->authenticated) {
        fact->state = REAUTH_STATE_SUCCEEDED;
        return 1;
    }

    if (!status->not_authenticated) {

        /* an unknown value is not an end */

        return 0;
    }

    reauth_list_failed(fact, REAUTH_ACTION_CREDENTIALS, "NOT_AUTHENTICATED");

    return 1;
}


int
reauth_list_expired(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t now_ms,
    reauth_fact_t *fact)
{
    /* an attempt of unknown end may still be in progress */

    if (reauth_state_is_active(record->state)
        || record->state == REAUTH_STATE_EXPIRED
        || record->state == REAUTH_STATE_FORGOTTEN
        || record->state == REAUTH_STATE_FAILED
        || status->in_progress
        || !status->not_authenticated)
    {
        return 0;
    }

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    reauth_fact_of(fact, record);
    fact->live = 1;
    fact->source = REAUTH_SOURCE_POLLER;

    reauth_list_failed(fact, REAUTH_ACTION_CREDENTIALS, "NOT_AUTHENTICATED");

    return 1;
}


int
reauth_list_sweep(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t asked_ms, int64_t now_ms,
    reauth_fact_t *fact)
{
    if (reauth_attempt_is_unpolled(record)
        || (record->state != REAUTH_STATE_NONE
            && record->updated_ms > asked_ms - REAUTH_OLD_SESSION_MS))
    {
        return 0;
    }

    if (reauth_list_expired(record, status, now_ms, fact)) {
        fact->source = REAUTH_SOURCE_SWEEP;
        return 1;
    }

    if (record->state != REAUTH_STATE_FAILED
        || status->in_progress
        || !status->authenticated)
    {
        return 0;
    }

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    reauth_fact_of(fact, record);
    fact->live = 1;
    fact->source = REAUTH_SOURCE_SWEEP;
    fact->state = REAUTH_STATE_SUCCEEDED;

    return 1;
}


int
reauth_list_tell(const reauth_record_t *record,
    const reauth_account_status_t *status, reauth_fact_t *fact)
{
    if (!reauth_state_is_active(record->state)) {
        return 0;
    }

    fact->polled = 1;
    fact->poll_error = status != NULL ? REAUTH_POLL_ERROR_NONE
                                      : REAUTH_POLL_ERROR_NOT_LISTED;

    return record->poll_error != fact->poll_error;
}
