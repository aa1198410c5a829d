
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The prior attempt of an update that is being sent.
 */


#include "reauth_attempt_parts.h"


/*
 * An update that is being sent has no deeplink, and a slot of the zone has no
 * room for the name.
 */

static void
reauth_attempt_set_prior_caller(reauth_record_t *record, const char *caller)
{
    memset(record->sealed, 0, REAUTH_SEALED_MAX);
    memcpy(record->sealed, caller, REAUTH_CALLER_MAX + 1);

    record->sealed_len = 0;
    record->prior.caller_set = 1;
}


reauth_string_t
reauth_attempt_prior_caller(const reauth_record_t *record)
{
    static const reauth_string_t  unknown = { 0, NULL };

    if (!record->prior.caller_set || record->sealed_len != 0) {
        return unknown;
    }

    return reauth_string_from((const char *) record->sealed);
}


void
reauth_attempt_complete_prior_caller(reauth_record_t *record,
    const reauth_record_t *other)
{
    if (record->state == REAUTH_STATE_STARTING
        && reauth_epoch_is(other, record->epoch, record->origin)
        && record->prior.state != REAUTH_STATE_NONE
        && record->prior.since_ms == other->prior.since_ms
        && !record->prior.caller_set
        && record->sealed_len == 0
        && reauth_attempt_prior_caller(other).data != NULL)
    {
        reauth_attempt_set_prior_caller(record, (const char *) other->sealed);
    }
}


void
reauth_attempt_save_prior(const reauth_record_t *current,
    reauth_record_t *next, int64_t now_ms)
{
    reauth_prior_t  *prior;

    prior = &next->prior;

    if (!reauth_attempt_is_open(current, now_ms)) {
        return;
    }

    prior->since_ms = current->since_ms;
    prior->deadline_ms = current->deadline_ms;
    prior->started_us = current->started_us;
    prior->auth_type = current->auth_type;
    prior->action = current->action;
    prior->kept = current->kept;
    prior->fingerprint_set = current->fingerprint_set;
    memcpy(prior->fingerprint, current->fingerprint, REAUTH_FINGERPRINT_LEN);
    memcpy(prior->attempt, current->attempt, sizeof(prior->attempt));

    reauth_attempt_set_prior_caller(next, current->caller);

    /* the sender died: the upstream may have received the request */

    prior->state = current->state == REAUTH_STATE_STARTING
                   ? REAUTH_STATE_UNKNOWN : current->state;

    if (current->missing & REAUTH_SECRET_FINGERPRINT) {
        next->missing |= REAUTH_SECRET_PRIOR;
    }
}


void
reauth_attempt_forget_prior(reauth_record_t *record)
{
    if (record->prior.caller_set && record->sealed_len == 0) {
        memset(record->sealed, 0, REAUTH_SEALED_MAX);
    }

    memset(&record->prior, 0, sizeof(reauth_prior_t));
}
