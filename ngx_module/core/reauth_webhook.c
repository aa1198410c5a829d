
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_webhook.h"


enum {
    REAUTH_WEBHOOK_EVENT = 0,
    REAUTH_WEBHOOK_ACCOUNT,
    REAUTH_WEBHOOK_STATE,
    REAUTH_WEBHOOK_PROGRESS,
    REAUTH_WEBHOOK_LAST_ATTEMPT,
    REAUTH_WEBHOOK_NVALUES = REAUTH_WEBHOOK_LAST_ATTEMPT + REAUTH_LAST_NVALUES
};


static const reauth_reader_field_t  reauth_webhook_fields[] = {
    { "event", REAUTH_WEBHOOK_EVENT, 0 },
    { "account_id", REAUTH_WEBHOOK_ACCOUNT, 0 },
    { "payload.state", REAUTH_WEBHOOK_STATE, 0 },
    { "payload.progress", REAUTH_WEBHOOK_PROGRESS, 0 },
    reauth_last_attempt_fields("payload.latestAuthAttempt",
                               REAUTH_WEBHOOK_LAST_ATTEMPT)
};


static const struct {
    const char       *name;
    reauth_state_t    state;
    reauth_action_t   action;
} reauth_events[REAUTH_EVENT_LAST] = {

    { "unknown", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "test-event", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "accounts.connected", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

    { "accounts.reconnected", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

    { "accounts.disconnected",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "accounts.session_expired", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "accounts.authentication_failed",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "accounts.otp_code_required",
      REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

    { "accounts.face_otp_required",
      REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

    { "fansly.accounts.connected",
      REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

    { "fansly.accounts.disconnected",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "fansly.accounts.authentication_failed",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "fansly.accounts.otp_code_required",
      REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

    { "fansly.accounts.alert", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "fansly.accounts.updated", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "fanvue.accounts.connected",
      REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

    { "fanvue.accounts.disconnected",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "fanvue.accounts.authentication_failed",
      REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

    { "fanvue.accounts.otp_code_required",
      REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

    { "fanvue.accounts.alert", REAUTH_STATE_NONE, REAUTH_ACTION_NONE },

    { "fanvue.accounts.updated", REAUTH_STATE_NONE, REAUTH_ACTION_NONE }
};


const char *
reauth_event_name(reauth_event_t event)
{
    return reauth_events[event < REAUTH_EVENT_LAST ? event
                                                   : REAUTH_EVENT_UNKNOWN].name;
}


static reauth_event_t
reauth_event_parse(const reauth_string_t *name)
{
    unsigned  i;

    for (i = REAUTH_EVENT_UNKNOWN + 1; i < REAUTH_EVENT_LAST; i++) {
        if (reauth_string_equals(name, reauth_events[i].name)) {
            return (reauth_event_t) i;
        }
    }

    return REAUTH_EVENT_UNKNOWN;
}


static void
reauth_webhook_read(const reauth_value_t *values, reauth_webhook_t *out)
{
    char                   state[REAUTH_WORD_MAX + 1];
    reauth_last_attempt_t  last;

    static const reauth_string_t  disconnected = reauth_string("DISCONNECTED");

    reauth_last_attempt_read(&values[REAUTH_WEBHOOK_LAST_ATTEMPT], &last);
    reauth_value_word(&values[REAUTH_WEBHOOK_STATE], state);

    out->started_us = last.started_us;
    out->completed_us = last.completed_us;
    out->succeeded = last.succeeded;
    out->needs_otp = last.needs_otp;
    out->needs_face = last.needs_face;

    reauth_value_copy(&values[REAUTH_WEBHOOK_PROGRESS], out->progress,
                      REAUTH_PROGRESS_MAX);

    switch (out->event) {

    case REAUTH_EVENT_DISCONNECTED:
    case REAUTH_EVENT_FANSLY_DISCONNECTED:
    case REAUTH_EVENT_FANVUE_DISCONNECTED:

        /* an end, but not that of the login described in the payload */

        out->completed_us = 0;
        reauth_copy(out->error_code, REAUTH_ERROR_CODE_MAX, &disconnected);
        return;

    case REAUTH_EVENT_OTP_CODE_REQUIRED:
    case REAUTH_EVENT_FANSLY_OTP_CODE_REQUIRED:
    case REAUTH_EVENT_FANVUE_OTP_CODE_REQUIRED:

        if (!last.phone && strcmp(state, "needs-app-otp") == 0) {
            out->action = REAUTH_ACTION_APP_OTP;
        }

        break;

    case REAUTH_EVENT_AUTHENTICATION_FAILED:
    case REAUTH_EVENT_FANSLY_AUTHENTICATION_FAILED:
    case REAUTH_EVENT_FANVUE_AUTHENTICATION_FAILED:
        break;

    default:

        /* an error in the payload of any other event is an older one */

        return;
    }

    memcpy(out->error_code, last.error_code, sizeof(out->error_code));
    memcpy(out->error_message, last.error_message,
           sizeof(out->error_message));
}


static void
reauth_webhook_unknown(const reauth_value_t *values,
    const reauth_string_t *name, reauth_webhook_t *out)
{
    reauth_unknown_t  *unknown;

    unknown = &out->unknown;

    if (out->state == REAUTH_STATE_NONE) {
        memset(unknown, 0, sizeof(reauth_unknown_t));

        if (out->event == REAUTH_EVENT_UNKNOWN) {
            reauth_unknown_add(unknown, REAUTH_UNKNOWN_EVENT, name);
        }

        return;
    }

    reauth_unknown_value(unknown, REAUTH_UNKNOWN_STATE,
                         &values[REAUTH_WEBHOOK_STATE],
                         reauth_fansly_is_known);
    reauth_unknown_value(unknown, REAUTH_UNKNOWN_PROGRESS,
                         &values[REAUTH_WEBHOOK_PROGRESS],
                         reauth_progress_is_known);
    reauth_unknown_value(unknown, REAUTH_UNKNOWN_ERROR_CODE,
                         &values[REAUTH_WEBHOOK_LAST_ATTEMPT
                                 + REAUTH_LAST_ERROR_CODE],
                         reauth_error_code_is_known);
}


int
reauth_webhook_parse(const unsigned char *body, size_t len,
    reauth_webhook_t *out, reauth_unread_t *why)
{
    reauth_value_t          values[REAUTH_WEBHOOK_NVALUES];
    reauth_string_t         text, name;
    reauth_reader_t         reader;
    reauth_unknown_names_t  other;

    static const char *const  names[] = {
        "client_reference_id", "_meta", NULL
    };

    memset(out, 0, sizeof(reauth_webhook_t));

    text.data = body;
    text.len = len;

    reauth_reader_init(&reader, reauth_webhook_fields,
                       sizeof(reauth_webhook_fields)
                       / sizeof(reauth_reader_field_t),
                       NULL, values, REAUTH_WEBHOOK_NVALUES);

    other.names = names;
    other.unknown = &out->unknown;

    reader.other = reauth_unknown_field;
    reader.data = &other;

    if (reauth_reader_read(&reader, &text) != REAUTH_READER_OK) {
        memset(&out->unknown, 0, sizeof(reauth_unknown_t));
        reauth_reader_unread(&reader, why);
        return -1;
    }

    if (values[REAUTH_WEBHOOK_EVENT].type != REAUTH_VALUE_STRING) {
        memset(&out->unknown, 0, sizeof(reauth_unknown_t));
        why->reason = "it has no event";
        why->offset = 0;

        return -1;
    }

    name = reauth_value_string(&values[REAUTH_WEBHOOK_EVENT]);

    out->event = reauth_event_parse(&name);
    out->state = reauth_events[out->event].state;
    out->action = reauth_events[out->event].action;

    reauth_webhook_unknown(values, &name, out);

    reauth_value_copy_account(&values[REAUTH_WEBHOOK_ACCOUNT], out->account);
    reauth_webhook_read(values, out);

    return 0;
}
