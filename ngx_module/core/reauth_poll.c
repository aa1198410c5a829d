
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_poll.h"


static void
reauth_poll_read(const json_t *answer, reauth_read_poll_t *read)
{
    memset(read, 0, sizeof(reauth_read_poll_t));

    reauth_json_word(answer, "state", read->state);
    reauth_json_word(answer, "progress", read->progress);

    read->needs_otp = reauth_json_is_true(answer, "needs_otp");
    read->needs_face = reauth_json_is_true(answer, "needs_face_otp");
    read->face_link = reauth_json_is_text(answer, "face_otp_verification_url")
                      || reauth_json_is_text(answer, "face_otp");
    read->two_factor = reauth_json_is_true(answer, "twoFactorPending");
    read->deeplink = reauth_json_is_text(answer,
                                         "mobile_auth_session_deeplink");

    reauth_last_attempt_read(json_object_get(answer, "lastAttempt"),
                             &read->last);
}


static void
reauth_poll_take(const json_t *answer, reauth_poll_t *out)
{
    reauth_verdict_t    verdict;
    reauth_read_poll_t  read;

    reauth_poll_read(answer, &read);

    verdict = reauth_classify_poll(&read);

    out->state = verdict.state;
    out->action = verdict.action;
    out->started_us = read.last.started_us;
    out->completed_us = read.last.completed_us;
    memcpy(out->error_code, read.last.error_code, sizeof(out->error_code));
    memcpy(out->error_message, read.last.error_message,
           sizeof(out->error_message));

    reauth_json_copy_account(json_object_get(answer, "account"), "id",
                             out->account);
    reauth_json_copy(answer, "progress", out->progress, REAUTH_PROGRESS_MAX);
}


static void
reauth_poll_read_fansly(const json_t *answer, reauth_read_fansly_t *read)
{
    json_t  *type;

    memset(read, 0, sizeof(reauth_read_fansly_t));

    reauth_json_word(answer, "status", read->status);

    read->authenticated = reauth_json_is_true(answer, "is_authenticated");
    read->not_authenticated = json_is_false(json_object_get(answer,
                                                "is_authenticated"));
    read->needs_code = reauth_json_is_true(answer, "needs_code");
    read->no_code = json_is_false(json_object_get(answer, "needs_code"));

    type = json_object_get(answer, "twofa_type");
    read->app_code = json_is_integer(type) && json_integer_value(type) == 0;
}


static void
reauth_poll_take_fansly(const json_t *answer, reauth_poll_t *out)
{
    reauth_verdict_t      verdict;
    reauth_read_fansly_t  read;

    reauth_poll_read_fansly(answer, &read);

    verdict = reauth_classify_fansly(&read);

    out->state = verdict.state;
    out->action = verdict.action;

    reauth_json_copy_account(answer, "account_id", out->account);
    reauth_json_copy(answer, "status", out->progress, REAUTH_PROGRESS_MAX);
    reauth_json_copy(answer, "last_error", out->error_message,
                     REAUTH_ERROR_MESSAGE_MAX);
}


static int
reauth_poll_take_any(const json_t *answer, reauth_poll_t *out)
{
    if (json_object_get(answer, "lastAttempt") != NULL
        || json_is_string(json_object_get(answer, "state")))
    {
        reauth_poll_take(answer, out);
        return 1;
    }

    if (json_is_string(json_object_get(answer, "account_id"))
        && (json_object_get(answer, "is_authenticated") != NULL
            || json_is_string(json_object_get(answer, "status"))))
    {
        reauth_poll_take_fansly(answer, out);
        return 1;
    }

    return 0;
}


reauth_json_result_t
reauth_poll_parse(const unsigned char *body, size_t len, reauth_poll_t *out)
{
    json_t                *json;
    reauth_string_t        text;
    reauth_json_error_t    error;
    reauth_json_result_t   result;

    memset(out, 0, sizeof(reauth_poll_t));

    text.data = body;
    text.len = len;

    result = reauth_json_parse(&text, REAUTH_JSON_OBJECT, &json, &error);

    if (result != REAUTH_JSON_OK) {
        return result;
    }

    if (!reauth_poll_take_any(json, out)
        && !reauth_poll_take_any(json_object_get(json, "data"), out))
    {
        result = REAUTH_JSON_INVALID;
    }

    reauth_json_cleanse_free(json);

    return result;
}


static int
reauth_accounts_is(const json_t *entry, const char *name,
    const reauth_string_t *account)
{
    reauth_string_t  id;

    return reauth_json_string(entry, name, &id)
           && id.len == account->len
           && memcmp(id.data, account->data, id.len) == 0;
}


/* the progress is a word, or an object as a poll answers with */

static void
reauth_accounts_read(const json_t *entry, reauth_read_listed_t *read)
{
    const json_t  *progress;

    memset(read, 0, sizeof(reauth_read_listed_t));

    read->authenticated = reauth_json_is_true(entry, "is_authenticated");
    read->not_authenticated = json_is_false(json_object_get(entry,
                                                "is_authenticated"));

    progress = json_object_get(entry, "authentication_progress");

    if (json_is_object(progress)) {
        reauth_json_word(progress, "state", read->state);
        reauth_json_word(progress, "progress", read->progress);

    } else {
        reauth_json_word(entry, "authentication_progress", read->progress);
    }
}


static void
reauth_accounts_take(const json_t *entry, reauth_account_status_t *out)
{
    const json_t          *progress;
    reauth_read_listed_t   read;

    reauth_accounts_read(entry, &read);

    out->found = 1;
    out->authenticated = read.authenticated;
    out->not_authenticated = read.not_authenticated;
    out->in_progress = reauth_classify_listed(&read);

    progress = json_object_get(entry, "authentication_progress");

    if (json_is_object(progress)) {
        reauth_json_copy(progress,
                         reauth_json_is_text(progress, "progress") ? "progress"
                                                                   : "state",
                         out->progress, REAUTH_PROGRESS_MAX);

    } else {
        reauth_json_copy(entry, "authentication_progress", out->progress,
                         REAUTH_PROGRESS_MAX);
    }
}


reauth_json_result_t
reauth_accounts_parse(const unsigned char *body, size_t len,
    const reauth_string_t *account, reauth_account_status_t *out)
{
    size_t                 i;
    json_t                *json, *list, *entry;
    reauth_string_t        text;
    reauth_json_error_t    error;
    reauth_json_result_t   result;

    memset(out, 0, sizeof(reauth_account_status_t));

    text.data = body;
    text.len = len;

    result = reauth_json_parse(&text, 0, &json, &error);

    if (result != REAUTH_JSON_OK) {
        return result;
    }

    list = json_is_array(json) ? json : json_object_get(json, "data");

    if (!json_is_array(list)) {
        result = REAUTH_JSON_INVALID;
    }

    json_array_foreach(list, i, entry) {

        if (reauth_accounts_is(entry, "id", account)
            || reauth_accounts_is(entry, "account_id", account))
        {
            reauth_accounts_take(entry, out);
            break;
        }
    }

    reauth_json_cleanse_free(json);

    return result;
}


void
reauth_poll_fact(const reauth_poll_t *poll, reauth_fact_t *fact)
{
    fact->state = poll->state;
    fact->action = poll->action;
    fact->started_us = poll->started_us;
    fact->completed_us = poll->completed_us;
    fact->progress = reauth_string_from(poll->progress);
    fact->error_code = reauth_string_from(poll->error_code);
    fact->error_message = reauth_string_from(poll->error_message);
}


static int
reauth_poll_is_code(const reauth_string_t *error)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < error->len; i++) {
        c = error->data[i];

        if ((c < 'A' || c > 'Z') && (c < '0' || c > '9')
            && c != '_' && c != ':' && c != '.' && c != '-')
        {
            return 0;
        }
    }

    return error->len != 0;
}


int
reauth_poll_error_is_code(const unsigned char *body, size_t len)
{
    int                   code;
    json_t               *json;
    reauth_string_t       text, error;
    reauth_json_error_t   where;

    text.data = body;
    text.len = len;

    if (reauth_json_parse(&text, REAUTH_JSON_OBJECT, &json, &where)
        != REAUTH_JSON_OK)
    {
        return 0;
    }

    code = reauth_json_string(json, "error", &error)
           && reauth_poll_is_code(&error);

    reauth_json_cleanse_free(json);

    return code;
}
