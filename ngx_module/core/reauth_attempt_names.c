
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The names of states, actions, kinds and sources.
 */


#include "reauth_attempt_parts.h"


/*
 * The order determines which states close the gate, wait for a person or are
 * ends, see reauth_state_is_active() and similar functions.
 */

static const struct {
    const char       *name;
    reauth_action_t   action;          /* unless the upstream names another */
} reauth_states[REAUTH_STATE_LAST] = {
    { "none", REAUTH_ACTION_NONE },
    { "starting", REAUTH_ACTION_NONE },
    { "running", REAUTH_ACTION_NONE },
    { "needs_otp", REAUTH_ACTION_OTP },
    { "needs_face", REAUTH_ACTION_FACE },
    { "needs_app", REAUTH_ACTION_APP },
    { "needs_person", REAUTH_ACTION_PERSON },
    { "unknown", REAUTH_ACTION_NONE },
    { "succeeded", REAUTH_ACTION_NONE },
    { "failed", REAUTH_ACTION_NONE },
    { "rejected", REAUTH_ACTION_NONE },
    { "expired", REAUTH_ACTION_NONE }
};

static const char  *reauth_action_names[] = {
    NULL, "otp", "app_otp", "face", "app", "credentials", "person"
};

static const char  *reauth_auth_type_names[] = {
    NULL, "email_password", "raw_data", "mobile_app"
};

static const char  *reauth_source_names[] = {
    NULL, "update", "start", "reauthenticate", "poll", "submit_2fa",
    "webhook", "poller", "call", "timer", "heal",
    "sweep", "operator"
};

static const char  *reauth_poll_error_names[] = {
    NULL, NULL, "NOT_FOUND", "NOT_LISTED", "KEY_REFUSED", "LIMITED",
    "UNREADABLE", "TOO_LARGE", "TIMEOUT", "NO_RESPONSE", "NO_KEY", "NOT_SENT"
};


static const char  *reauth_begin_result_names[] = {
    "started", "coalesced", "join", "wait", "too_many", "superseded", "read"
};

static const char  *reauth_advance_result_names[] = {
    "applied", "same", "stale", "ended", "unplaced"
};

static const char  *reauth_merge_result_names[] = {
    "late", "ask", "taken", "same", "ours"
};


static int
reauth_name_index(const char **names, int n, const reauth_string_t *name)
{
    int  i;

    for (i = 0; i < n; i++) {
        if (names[i] != NULL && reauth_string_equals(name, names[i])) {
            return i;
        }
    }

    return n;
}


const char *
reauth_state_name(reauth_state_t state)
{
    return state < REAUTH_STATE_LAST ? reauth_states[state].name : "none";
}


reauth_action_t
reauth_state_action(reauth_state_t state)
{
    return state < REAUTH_STATE_LAST ? reauth_states[state].action
                                     : REAUTH_ACTION_NONE;
}


reauth_state_t
reauth_state_parse(const reauth_string_t *name)
{
    int  i;

    for (i = 0; i < REAUTH_STATE_LAST; i++) {
        if (reauth_string_equals(name, reauth_states[i].name)) {
            break;
        }
    }

    return (reauth_state_t) i;
}


const char *
reauth_action_name(reauth_action_t action)
{
    return action < REAUTH_ACTION_LAST ? reauth_action_names[action] : NULL;
}


reauth_action_t
reauth_action_parse(const reauth_string_t *name)
{
    return (reauth_action_t) reauth_name_index(reauth_action_names,
                                               REAUTH_ACTION_LAST, name);
}


const char *
reauth_auth_type_name(reauth_auth_type_t type)
{
    return type < REAUTH_AUTH_TYPE_LAST ? reauth_auth_type_names[type] : NULL;
}


reauth_auth_type_t
reauth_auth_type_parse(const reauth_string_t *name)
{
    return (reauth_auth_type_t) reauth_name_index(reauth_auth_type_names,
                                                  REAUTH_AUTH_TYPE_LAST, name);
}


const char *
reauth_source_name(reauth_source_t source)
{
    return source < REAUTH_SOURCE_LAST ? reauth_source_names[source] : NULL;
}


reauth_source_t
reauth_source_parse(const reauth_string_t *name)
{
    return (reauth_source_t) reauth_name_index(reauth_source_names,
                                               REAUTH_SOURCE_LAST, name);
}


const char *
reauth_poll_error_name(reauth_poll_error_t error)
{
    return error < REAUTH_POLL_ERROR_LAST ? reauth_poll_error_names[error]
                                          : NULL;
}


reauth_poll_error_t
reauth_poll_error_parse(const reauth_string_t *name)
{
    return (reauth_poll_error_t) reauth_name_index(reauth_poll_error_names,
                                                   REAUTH_POLL_ERROR_LAST,
                                                   name);
}


const char *
reauth_begin_result_name(reauth_begin_result_t result)
{
    return reauth_begin_result_names[result];
}


const char *
reauth_advance_result_name(reauth_advance_result_t result)
{
    return reauth_advance_result_names[result];
}


const char *
reauth_merge_result_name(reauth_merge_result_t result)
{
    return reauth_merge_result_names[result];
}
