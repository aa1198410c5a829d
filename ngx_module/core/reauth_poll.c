
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_poll.h"


enum {
    REAUTH_POLL_STATE = 0,
    REAUTH_POLL_PROGRESS,
    REAUTH_POLL_NEEDS_OTP,
    REAUTH_POLL_NEEDS_FACE_OTP,
    REAUTH_POLL_FACE_URL,
    REAUTH_POLL_FACE_OTP,
    REAUTH_POLL_TWO_FACTOR,
    REAUTH_POLL_DEEPLINK,
    REAUTH_POLL_ACCOUNT,

    /* Fansly */
    REAUTH_POLL_ACCOUNT_ID,
    REAUTH_POLL_STATUS,
    REAUTH_POLL_AUTHENTICATED,
    REAUTH_POLL_NEEDS_CODE,
    REAUTH_POLL_CODE_TYPE,
    REAUTH_POLL_LAST_ERROR,

    REAUTH_POLL_LAST_ATTEMPT,
    REAUTH_POLL_NVALUES = REAUTH_POLL_LAST_ATTEMPT + REAUTH_LAST_NVALUES
};


static const reauth_reader_field_t  reauth_poll_fields[] = {
    { "state", REAUTH_POLL_STATE, 0 },
    { "progress", REAUTH_POLL_PROGRESS, 0 },
    { "needs_otp", REAUTH_POLL_NEEDS_OTP, 0 },
    { "needs_face_otp", REAUTH_POLL_NEEDS_FACE_OTP, 0 },
    { "face_otp_verification_url", REAUTH_POLL_FACE_URL, 1 },
    { "face_otp", REAUTH_POLL_FACE_OTP, 1 },
    { "twoFactorPending", REAUTH_POLL_TWO_FACTOR, 0 },
    { "mobile_auth_session_deeplink", REAUTH_POLL_DEEPLINK, 1 },
    { "account.id", REAUTH_POLL_ACCOUNT, 0 },
    { "account_id", REAUTH_POLL_ACCOUNT_ID, 0 },
    { "status", REAUTH_POLL_STATUS, 0 },
    { "is_authenticated", REAUTH_POLL_AUTHENTICATED, 0 },
    { "needs_code", REAUTH_POLL_NEEDS_CODE, 0 },
    { "twofa_type", REAUTH_POLL_CODE_TYPE, 0 },
    { "last_error", REAUTH_POLL_LAST_ERROR, 0 },
    reauth_last_attempt_fields("lastAttempt", REAUTH_POLL_LAST_ATTEMPT)
};

#define REAUTH_POLL_NFIELDS                                                   \
    (sizeof(reauth_poll_fields) / sizeof(reauth_reader_field_t))


static void
reauth_poll_read(const reauth_value_t *values, reauth_read_poll_t *read)
{
    memset(read, 0, sizeof(reauth_read_poll_t));

    reauth_value_word(&values[REAUTH_POLL_STATE], read->state);
    reauth_value_word(&values[REAUTH_POLL_PROGRESS], read->progress);

    read->needs_otp = reauth_value_is_true(&values[REAUTH_POLL_NEEDS_OTP]);
    read->needs_face =
                    reauth_value_is_true(&values[REAUTH_POLL_NEEDS_FACE_OTP]);
    read->face_link = reauth_value_is_text(&values[REAUTH_POLL_FACE_URL])
                      || reauth_value_is_text(&values[REAUTH_POLL_FACE_OTP]);
    read->two_factor = reauth_value_is_true(&values[REAUTH_POLL_TWO_FACTOR]);
    read->doubtful = reauth_value_is_doubtful(&values[REAUTH_POLL_NEEDS_OTP])
                     || reauth_value_is_doubtful(
                                        &values[REAUTH_POLL_NEEDS_FACE_OTP])
                     || reauth_value_is_doubtful(
                                        &values[REAUTH_POLL_TWO_FACTOR]);
    read->deeplink = reauth_value_is_text(&values[REAUTH_POLL_DEEPLINK]);

    reauth_last_attempt_read(&values[REAUTH_POLL_LAST_ATTEMPT], &read->last);
}


static void
reauth_poll_take(const reauth_value_t *values, reauth_poll_t *out)
{
    reauth_verdict_t    verdict;
    reauth_read_poll_t  read;

    reauth_poll_read(values, &read);

    verdict = reauth_classify_poll(&read);

    out->state = verdict.state;
    out->action = verdict.action;
    out->step = verdict.step;

    reauth_unknown_value(&out->unknown, REAUTH_UNKNOWN_STATE,
                         &values[REAUTH_POLL_STATE], reauth_state_is_known);
    reauth_unknown_value(&out->unknown, REAUTH_UNKNOWN_PROGRESS,
                         &values[REAUTH_POLL_PROGRESS],
                         reauth_progress_is_known);
    reauth_unknown_value(&out->unknown, REAUTH_UNKNOWN_ERROR_CODE,
                         &values[REAUTH_POLL_LAST_ATTEMPT
                                 + REAUTH_LAST_ERROR_CODE],
                         reauth_error_code_is_known);

    if (verdict.state == REAUTH_STATE_RUNNING && read.last.completed) {

        /* an ended attempt is not in progress */

        out->before_us = read.last.started_us;

    } else {
        out->started_us = read.last.started_us;
        out->completed_us = read.last.completed_us;
    }

    memcpy(out->error_code, read.last.error_code, sizeof(out->error_code));
    memcpy(out->error_message, read.last.error_message,
           sizeof(out->error_message));

    reauth_value_copy_account(&values[REAUTH_POLL_ACCOUNT], out->account);
    reauth_value_copy(&values[REAUTH_POLL_PROGRESS], out->progress,
                      REAUTH_PROGRESS_MAX);
}


static void
reauth_poll_read_fansly(const reauth_value_t *values,
    reauth_read_fansly_t *read)
{
    const reauth_value_t  *authenticated;

    memset(read, 0, sizeof(reauth_read_fansly_t));

    authenticated = &values[REAUTH_POLL_AUTHENTICATED];

    reauth_value_word(&values[REAUTH_POLL_STATUS], read->status);

    read->authenticated = reauth_value_is_true(authenticated);
    read->not_authenticated = authenticated->type == REAUTH_VALUE_FALSE;
    read->needs_code = reauth_value_is_true(&values[REAUTH_POLL_NEEDS_CODE]);
    read->no_code = values[REAUTH_POLL_NEEDS_CODE].type == REAUTH_VALUE_FALSE;
    read->app_code = reauth_value_is_digit(&values[REAUTH_POLL_CODE_TYPE],
                                           '0');
}


static void
reauth_poll_take_fansly(const reauth_value_t *values, reauth_poll_t *out)
{
    reauth_verdict_t      verdict;
    reauth_read_fansly_t  read;

    reauth_poll_read_fansly(values, &read);

    verdict = reauth_classify_fansly(&read);

    out->state = verdict.state;
    out->action = verdict.action;
    out->step = verdict.step;
    out->needs_step = verdict.needs_step;

    reauth_unknown_value(&out->unknown, REAUTH_UNKNOWN_STATE,
                         &values[REAUTH_POLL_STATUS], reauth_fansly_is_known);

    reauth_value_copy_account(&values[REAUTH_POLL_ACCOUNT_ID], out->account);
    reauth_value_copy(&values[REAUTH_POLL_STATUS], out->progress,
                      REAUTH_PROGRESS_MAX);
    reauth_value_copy(&values[REAUTH_POLL_LAST_ERROR], out->error_message,
                      REAUTH_ERROR_MESSAGE_MAX);
}


static int
reauth_poll_take_any(const reauth_value_t *values, reauth_poll_t *out)
{
    const reauth_value_t  *last;

    last = &values[REAUTH_POLL_LAST_ATTEMPT + REAUTH_LAST_OBJECT];

    if (last->type != REAUTH_VALUE_NONE
        || values[REAUTH_POLL_STATE].type == REAUTH_VALUE_STRING)
    {
        reauth_poll_take(values, out);
        return 1;
    }

    if (values[REAUTH_POLL_ACCOUNT_ID].type == REAUTH_VALUE_STRING
        && (values[REAUTH_POLL_AUTHENTICATED].type != REAUTH_VALUE_NONE
            || values[REAUTH_POLL_STATUS].type == REAUTH_VALUE_STRING))
    {
        reauth_poll_take_fansly(values, out);
        return 1;
    }

    return 0;
}


int
reauth_poll_parse(const unsigned char *body, size_t len, reauth_poll_t *out,
    reauth_unread_t *why)
{
    size_t                  i;
    reauth_value_t          values[REAUTH_POLL_NVALUES];
    reauth_string_t         text;
    reauth_reader_t         reader;
    reauth_unknown_names_t  other;

    static const char *const  names[] = {
        "display_name", "onlyfans_data", "masked_email", "fansly_user_data",
        "_meta", NULL
    };

    /* some clients see the response wrapped */
    static const char *const  roots[] = { NULL, "data" };

    memset(out, 0, sizeof(reauth_poll_t));

    text.data = body;
    text.len = len;

    other.names = names;
    other.unknown = &out->unknown;

    for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {

        reauth_reader_init(&reader, reauth_poll_fields, REAUTH_POLL_NFIELDS,
                           roots[i], values, REAUTH_POLL_NVALUES);

        reader.other = reauth_unknown_field;
        reader.data = &other;

        if (reauth_reader_read(&reader, &text) != REAUTH_READER_OK) {
            memset(&out->unknown, 0, sizeof(reauth_unknown_t));
            reauth_reader_unread(&reader, why);
            return -1;
        }

        if (reauth_poll_take_any(values, out)) {
            return 0;
        }

        memset(&out->unknown, 0, sizeof(reauth_unknown_t));
    }

    why->reason = "it does not describe a login attempt";
    why->offset = 0;

    return -1;
}


int
reauth_poll_is_of(const reauth_poll_t *poll, const reauth_string_t *account,
    reauth_unread_t *why)
{
    if (poll->account[0] == '\0'
        || account->len == 0
        || reauth_string_equals(account, poll->account))
    {
        return 1;
    }

    why->reason = "it is about another account";
    why->offset = 0;

    return 0;
}


void
reauth_poll_fact(const reauth_poll_t *poll, reauth_fact_t *fact)
{
    fact->state = poll->state;
    fact->action = poll->action;
    fact->started_us = poll->started_us;
    fact->completed_us = poll->completed_us;
    fact->before_us = poll->before_us;
    fact->step = poll->step;
    fact->needs_step = poll->needs_step;
    fact->progress = reauth_string_from(poll->progress);
    fact->error_code = reauth_string_from(poll->error_code);
    fact->error_message = reauth_string_from(poll->error_message);
}


void
reauth_poll_failed_fact(const reauth_record_t *record,
    reauth_poll_error_t error, unsigned status, int64_t now_ms,
    reauth_fact_t *fact)
{
    memset(fact, 0, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    reauth_fact_of(fact, record);
    fact->polled = 1;
    fact->poll_error = error;
    fact->poll_status = status;
    fact->source = REAUTH_SOURCE_POLLER;
}


int
reauth_poll_is_news(const reauth_record_t *record, const reauth_fact_t *fact)
{
    return record->poll_error != fact->poll_error
           || record->poll_status != fact->poll_status;
}
