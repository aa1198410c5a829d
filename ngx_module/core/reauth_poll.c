
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include "reauth_last_attempt.h"
#include "reauth_poll.h"


static int
reauth_poll_is_word(const json_t *object, const char *name,
    const char *const *words)
{
    for ( /* void */ ; *words != NULL; words++) {
        if (reauth_json_is_word(object, name, *words)) {
            return 1;
        }
    }

    return 0;
}


/* the set of states is open: whatever speaks of a face or a selfie */

static int
reauth_poll_is_face_state(const json_t *answer)
{
    size_t       i;
    const char  *p;

    p = json_string_value(json_object_get(answer, "state"));

    if (p == NULL) {
        return 0;
    }

    for (i = 0; p[i] != '\0'; i++) {
        if (strncasecmp(&p[i], "face", sizeof("face") - 1) == 0
            || strncasecmp(&p[i], "selfie", sizeof("selfie") - 1) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
reauth_poll_needs_face(const json_t *answer, const reauth_last_attempt_t *last)
{
    if (last->needs_face || reauth_json_is_true(answer, "needs_face_otp")) {
        return 1;
    }

    return (last->face_link
            || reauth_json_is_text(answer, "face_otp_verification_url"))
           && reauth_poll_is_face_state(answer);
}


static int
reauth_poll_needs_otp(const json_t *answer, const reauth_last_attempt_t *last)
{
    static const char *const  words[] = { "needs-otp", "needs-app-otp", NULL };

    return reauth_poll_is_word(answer, "state", words)
           || last->needs_otp
           || reauth_json_is_true(answer, "needs_otp")
           || reauth_json_is_true(answer, "twoFactorPending")
           || reauth_json_is_word(answer, "progress", "waiting-for-otp");
}


/*
 * "authenticated" alone may still be said of the session before this login,
 * so that it takes a second witness.
 */

static int
reauth_poll_succeeded(const json_t *answer, const reauth_last_attempt_t *last)
{
    return reauth_json_is_word(answer, "state", "authenticated")
           && (last->succeeded
               || reauth_json_is_word(answer, "progress", "signed-in"));
}


static void
reauth_poll_classify(const json_t *answer, const reauth_last_attempt_t *last,
    reauth_poll_t *out)
{
    int  succeeded, failed;

    static const char *const  failures[] = { "auth-failed", "failed", NULL };

    if (reauth_poll_needs_face(answer, last)) {
        out->state = REAUTH_STATE_NEEDS_FACE;
        out->action = REAUTH_ACTION_FACE;
        return;
    }

    if (reauth_poll_needs_otp(answer, last)) {
        out->state = REAUTH_STATE_NEEDS_OTP;
        out->action = reauth_json_is_word(answer, "state", "needs-app-otp")
                      ? REAUTH_ACTION_APP_OTP : REAUTH_ACTION_OTP;
        return;
    }

    succeeded = reauth_poll_succeeded(answer, last);
    failed = reauth_poll_is_word(answer, "state", failures);

    if (reauth_json_is_text(answer, "mobile_auth_session_deeplink")
        && !last->completed && !succeeded && !failed)
    {
        out->state = REAUTH_STATE_NEEDS_APP;
        out->action = REAUTH_ACTION_APP;

    } else if (succeeded) {
        out->state = REAUTH_STATE_SUCCEEDED;

    } else if (failed || (last->completed && last->failed)) {

        /* "success":false alone is what a running attempt looks like */

        out->state = REAUTH_STATE_FAILED;
        out->action = REAUTH_ACTION_CREDENTIALS;

    } else {
        out->state = REAUTH_STATE_RUNNING;
    }
}


static void
reauth_poll_read(const json_t *answer, reauth_poll_t *out)
{
    reauth_last_attempt_t  last;

    reauth_last_attempt_read(json_object_get(answer, "lastAttempt"), &last);

    reauth_poll_classify(answer, &last, out);

    out->started_us = last.started_us;
    out->completed_us = last.completed_us;
    memcpy(out->error_code, last.error_code, sizeof(out->error_code));
    memcpy(out->error_message, last.error_message,
           sizeof(out->error_message));

    reauth_json_copy_account(json_object_get(answer, "account"), "id",
                             out->account);
    reauth_json_copy(answer, "progress", out->progress, REAUTH_PROGRESS_MAX);
}


/* Fansly tells nothing of times, and of the steps only "status" */

static void
reauth_poll_read_fansly(const json_t *answer, reauth_poll_t *out)
{
    json_t  *type;

    static const char *const  failures[] = { "auth-failed", "failed", NULL };
    static const char *const  steps[] = {
        "started", "pending", "connecting", "authenticating",
        "reauthenticating", "filling-out-login", "submitting", "checking",
        "processing", NULL
    };

    reauth_json_copy_account(answer, "account_id", out->account);
    reauth_json_copy(answer, "status", out->progress, REAUTH_PROGRESS_MAX);
    reauth_json_copy(answer, "last_error", out->error_message,
                     REAUTH_ERROR_MESSAGE_MAX);

    if (reauth_json_is_true(answer, "needs_code")) {
        type = json_object_get(answer, "twofa_type");

        out->state = REAUTH_STATE_NEEDS_OTP;
        out->action = json_is_integer(type) && json_integer_value(type) == 0
                      ? REAUTH_ACTION_APP_OTP : REAUTH_ACTION_OTP;
        return;
    }

    if (reauth_poll_is_word(answer, "status", failures)) {
        out->state = REAUTH_STATE_FAILED;
        out->action = REAUTH_ACTION_CREDENTIALS;

    } else if (reauth_poll_is_word(answer, "status", steps)) {

        /* the rest may still be said of the session before this login */

        out->state = REAUTH_STATE_RUNNING;

    } else if (reauth_json_is_true(answer, "is_authenticated")) {
        out->state = REAUTH_STATE_SUCCEEDED;

    } else if (out->error_message[0] != '\0') {
        out->state = REAUTH_STATE_FAILED;
        out->action = REAUTH_ACTION_CREDENTIALS;

    } else {
        out->state = REAUTH_STATE_RUNNING;
    }
}


static int
reauth_poll_read_any(const json_t *answer, reauth_poll_t *out)
{
    if (json_object_get(answer, "lastAttempt") != NULL
        || json_is_string(json_object_get(answer, "state")))
    {
        reauth_poll_read(answer, out);
        return 1;
    }

    if (json_is_string(json_object_get(answer, "account_id"))
        && json_is_boolean(json_object_get(answer, "is_authenticated")))
    {
        reauth_poll_read_fansly(answer, out);
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

    if (!reauth_poll_read_any(json, out)
        && !reauth_poll_read_any(json_object_get(json, "data"), out))
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


static void
reauth_accounts_read(const json_t *entry, reauth_account_status_t *out)
{
    const char    *name;
    const json_t  *from;

    static const char *const  ends[] = {
        "signed-in", "authenticated", "auth-failed", "failed", NULL
    };

    out->found = 1;
    out->authenticated = reauth_json_is_true(entry, "is_authenticated");

    /* a word, or an object as a poll answers with */

    from = entry;
    name = "authentication_progress";

    if (json_is_object(json_object_get(entry, name))) {
        from = json_object_get(entry, name);
        name = reauth_json_is_text(from, "progress") ? "progress" : "state";
    }

    reauth_json_copy(from, name, out->progress, REAUTH_PROGRESS_MAX);

    out->in_progress = out->progress[0] != '\0'
                       && !reauth_poll_is_word(from, name, ends);
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
            reauth_accounts_read(entry, out);
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
