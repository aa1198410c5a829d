
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What becomes a fact: webhooks, the end of an update's request, responses to
 * ordinary calls.
 */


#include "reauth_failed.h"
#include "reauth_judge.h"
#include "reauth_route.h"


static const reauth_string_t  reauth_session_expired
                                      = reauth_string(REAUTH_SESSION_EXPIRED);


static void
reauth_judge_webhook_fact(const reauth_webhook_t *webhook, int64_t now_ms,
    int64_t gate_max_ms, reauth_fact_t *fact)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->gate_max_ms = gate_max_ms;
    fact->source = REAUTH_SOURCE_WEBHOOK;
    fact->state = webhook->state;
    fact->action = webhook->action;
    fact->started_us = webhook->started_us;
    fact->completed_us = webhook->completed_us;

    if (webhook->progress[0] != '\0') {
        fact->progress = reauth_string_from(webhook->progress);
    }

    fact->error_code = reauth_string_from(webhook->error_code);
    fact->error_message = reauth_string_from(webhook->error_message);
}


reauth_heard_t
reauth_judge_webhook(const reauth_webhook_t *webhook,
    const reauth_record_t *record, int64_t now_ms, int64_t gate_max_ms,
    int polling, reauth_fact_t *fact)
{
    reauth_string_t  account;

    if (webhook->state == REAUTH_STATE_NONE) {

        return reauth_state_is_active(reauth_record_state(record, now_ms))
               || webhook->event == REAUTH_EVENT_SESSION_EXPIRED
               ? REAUTH_HEARD_HINT : REAUTH_HEARD_NOTHING;
    }

    /* the gate would be open again by now */

    if (reauth_state_is_active(webhook->state)
        && webhook->started_us != 0
        && webhook->started_us / 1000 + gate_max_ms < now_ms)
    {
        return REAUTH_HEARD_NOTHING;
    }

    reauth_judge_webhook_fact(webhook, now_ms, gate_max_ms, fact);

    account = reauth_string_from(webhook->account);

    fact->unconfirmed = webhook->state == REAUTH_STATE_SUCCEEDED
                        && polling
                        && reauth_id_kind(&account) != REAUTH_ID_FANVUE;

    return REAUTH_HEARD_FACT;
}


reauth_state_t
reauth_judge_ended(reauth_update_end_t end, int sent,
    reauth_upstream_status_t status, const char **code)
{
    *code = "UPSTREAM_BAD_ANSWER";

    switch (end) {

    case REAUTH_UPDATE_ANSWERED:
        *code = NULL;

        if (status == REAUTH_UPSTREAM_ACCEPTED) {
            return REAUTH_STATE_RUNNING;
        }

        return status == REAUTH_UPSTREAM_REJECTED ? REAUTH_STATE_REJECTED
                                                  : REAUTH_STATE_UNKNOWN;

    case REAUTH_UPDATE_REDIRECTED:
        return REAUTH_STATE_REJECTED;

    case REAUTH_UPDATE_ENCODED:

        /* the status alone says that nothing was done */

        return status == REAUTH_UPSTREAM_REJECTED || !sent
               ? REAUTH_STATE_REJECTED : REAUTH_STATE_UNKNOWN;

    case REAUTH_UPDATE_UNFINISHED:

        if (!sent) {
            *code = "NOT_SENT";
        }

        break;

    case REAUTH_UPDATE_TIMED_OUT:
        *code = "UPSTREAM_TIMEOUT";
        break;

    default: /* REAUTH_UPDATE_FAILED */
        break;
    }

    return sent ? REAUTH_STATE_UNKNOWN : REAUTH_STATE_REJECTED;
}


void
reauth_judge_accepted(int readable, int deeplink, reauth_fact_t *fact)
{
    static const reauth_string_t  bad = reauth_string("UPSTREAM_BAD_ANSWER");

    if (!readable) {
        fact->state = REAUTH_STATE_UNKNOWN;
        fact->error_code = bad;

    } else if (deeplink) {
        fact->state = REAUTH_STATE_NEEDS_APP;
        fact->action = REAUTH_ACTION_APP;

    } else {
        fact->state = REAUTH_STATE_RUNNING;
    }
}


int
reauth_judge_is_composable(int whole, unsigned status, int json, int deeplink,
    int sealed)
{
    return whole
           && status == 200
           && json
           && (!deeplink || sealed);
}


reauth_response_t
reauth_judge_response(reauth_state_t state, int composed, int deeplink)
{
    if (state == REAUTH_STATE_REJECTED || state == REAUTH_STATE_UNKNOWN) {
        return REAUTH_RESPONSE_WAITING;
    }

    if (!composed) {
        return REAUTH_RESPONSE_KEPT;
    }

    return deeplink ? REAUTH_RESPONSE_WAITING : REAUTH_RESPONSE_COMPOSED;
}


void
reauth_judge_restored(reauth_fact_t *fact, int known, const char *caller)
{
    if (fact->state == REAUTH_STATE_REJECTED && known) {
        fact->caller = reauth_string_from(caller);
    }
}


void
reauth_judge_code(const reauth_string_t *attempt, reauth_fact_t *fact)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->attempt = *attempt;
    fact->source = REAUTH_SOURCE_SUBMIT_2FA;
    fact->state = REAUTH_STATE_RUNNING;
    fact->step = 1;
}


static reauth_called_t
reauth_judge_called(const reauth_record_t *record, int64_t began_ms,
    int64_t now_ms)
{
    if (record->updated_ms >= began_ms) {

        /* the call began before the login that has changed the record */

        return REAUTH_CALLED_EARLIER;
    }

    if (reauth_attempt_is_open(record, now_ms)
        || (record->state == REAUTH_STATE_FAILED
            && reauth_string_equals(&reauth_session_expired,
                                    record->error_code)))
    {
        return REAUTH_CALLED_KNOWN;
    }

    return REAUTH_CALLED_FACT;
}


reauth_called_t
reauth_judge_call(const char *code, const reauth_record_t *record,
    int64_t began_ms, int64_t now_ms, reauth_fact_t *fact)
{
    reauth_called_t  called;

    if (!reauth_string_equals(&reauth_session_expired, code)) {
        return REAUTH_CALLED_OTHER;
    }

    called = reauth_judge_called(record, began_ms, now_ms);

    if (called != REAUTH_CALLED_FACT) {
        return called;
    }

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->called_ms = began_ms;
    reauth_fact_of(fact, record);
    fact->live = 1;
    fact->source = REAUTH_SOURCE_CALL;
    fact->state = REAUTH_STATE_FAILED;
    fact->action = REAUTH_ACTION_CREDENTIALS;
    fact->error_code = reauth_session_expired;

    return REAUTH_CALLED_FACT;
}


static reauth_called_t
reauth_judge_worked(const reauth_record_t *record, int64_t sent_ms)
{
    if (!reauth_failed_is(record->state, record->action)) {
        return REAUTH_CALLED_KNOWN;
    }

    if (record->updated_ms > sent_ms) {

        /* the failure is later than the call */

        return REAUTH_CALLED_EARLIER;
    }

    return REAUTH_CALLED_FACT;
}


reauth_called_t
reauth_judge_works(const reauth_record_t *record, int64_t sent_ms,
    int64_t now_ms, reauth_fact_t *fact)
{
    reauth_called_t  called;

    called = reauth_judge_worked(record, sent_ms);

    if (called != REAUTH_CALLED_FACT) {
        return called;
    }

    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->called_ms = sent_ms;
    reauth_fact_of(fact, record);
    fact->live = 1;
    fact->source = REAUTH_SOURCE_CALL;
    fact->state = REAUTH_STATE_SUCCEEDED;

    return REAUTH_CALLED_FACT;
}


int
reauth_judge_is_outdated(const reauth_record_t *record,
    const reauth_fact_t *fact)
{
    reauth_called_t  called;

    if (fact->called_ms == 0) {
        return 0;
    }

    called = fact->state == REAUTH_STATE_FAILED
             ? reauth_judge_called(record, fact->called_ms, fact->now_ms)
             : reauth_judge_worked(record, fact->called_ms);

    return called != REAUTH_CALLED_FACT;
}
