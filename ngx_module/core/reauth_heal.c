
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <inttypes.h>
#include <stdio.h>

#include "reauth_heal.h"
#include "reauth_judge.h"


static const reauth_string_t  reauth_heal_expired
                                      = reauth_string(REAUTH_SESSION_EXPIRED);


int
reauth_heal_wants(const reauth_record_t *record)
{
    if (record->state != REAUTH_STATE_FAILED
        || record->action != REAUTH_ACTION_CREDENTIALS
        || reauth_attempt_is_unpolled(record))
    {
        return 0;
    }

    if (reauth_string_equals(&reauth_heal_expired, record->error_code)) {
        return 1;
    }

    /* by a list; after an update, its credentials may be the reason */

    return strcmp(record->error_code, "NOT_AUTHENTICATED") == 0
           && record->auth_type == REAUTH_AUTH_TYPE_NONE;
}


int
reauth_heal_is_current(const reauth_heal_t *heal, int64_t now_ms)
{
    return heal->next_ms != 0
           || (heal->first_ms != 0
               && now_ms < heal->first_ms + REAUTH_HEAL_WINDOW_MS);
}


/* the tries of a day count together */

static void
reauth_heal_expire(reauth_heal_t *heal, int64_t now_ms)
{
    if (heal->first_ms != 0
        && now_ms >= heal->first_ms + REAUTH_HEAL_WINDOW_MS)
    {
        heal->first_ms = 0;
        heal->tries = 0;
        heal->error[0] = '\0';
    }
}


static int64_t
reauth_heal_next(const reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    int64_t now_ms)
{
    unsigned  doubled;

    if (heal->tries >= conf->max) {
        return 0;
    }

    doubled = heal->tries < 20 ? heal->tries : 20;

    return now_ms + (conf->delay_ms << doubled);
}


int
reauth_heal_changed(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_record_t *record, int64_t now_ms)
{
    int64_t  next_ms;

    reauth_heal_expire(heal, now_ms);

    next_ms = heal->next_ms;

    if (!reauth_heal_wants(record)) {
        heal->next_ms = 0;
        heal->epoch = 0;
        return next_ms != 0;
    }

    if (heal->epoch == record->epoch) {

        /* another copy of the failure that is known */

        return 0;
    }

    heal->epoch = record->epoch;
    heal->next_ms = reauth_heal_next(heal, conf, now_ms);

    return heal->next_ms != next_ms;
}


int
reauth_heal_merge(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_string_t *text, int64_t now_ms)
{
    uint64_t         tries, first;
    reauth_string_t  rest, name, value, error;

    tries = 0;
    first = 0;
    rest = *text;

    error.data = NULL;
    error.len = 0;

    while (reauth_string_next_line(&rest, &name, &value) == 1) {

        if (reauth_string_equals(&name, "error")) {
            error = value;
        }

        if ((reauth_string_equals(&name, "tries")
             && reauth_string_parse_number(&value, &tries) != 0)
            || (reauth_string_equals(&name, "first")
                && reauth_string_parse_number(&value, &first) != 0))
        {
            return 0;
        }
    }

    reauth_heal_expire(heal, now_ms);

    /* one of the future has wrapped */

    if (tries > REAUTH_HEAL_TRIES_MAX
        || tries <= heal->tries
        || first == 0
        || (uint64_t) now_ms - first >= REAUTH_HEAL_WINDOW_MS)
    {
        return 0;
    }

    heal->tries = (unsigned) tries;
    heal->first_ms = (int64_t) first;
    heal->next_ms = reauth_heal_next(heal, conf, now_ms);
    heal->error[0] = '\0';

    if (error.len != 0) {
        reauth_copy(heal->error, REAUTH_ERROR_CODE_MAX, &error);
    }

    return 1;
}


int
reauth_heal_take(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_record_t *record, int64_t now_ms)
{
    reauth_heal_expire(heal, now_ms);

    heal->next_ms = 0;

    if (!reauth_heal_wants(record)
        || heal->epoch != record->epoch
        || heal->tries >= conf->max)
    {
        return 0;
    }

    if (heal->tries++ == 0) {
        heal->first_ms = now_ms;
    }

    heal->error[0] = '\0';

    return 1;
}


size_t
reauth_heal_text(const reauth_heal_t *heal, char *text)
{
    int  n;

    n = snprintf(text, REAUTH_HEAL_TEXT_MAX, "tries %u\nfirst %" PRId64 "\n",
                 heal->tries, heal->first_ms);

    if (heal->error[0] != '\0') {
        n += snprintf(text + n, REAUTH_HEAL_TEXT_MAX - (size_t) n,
                      "error %s\n", heal->error);
    }

    return (size_t) n;
}


int
reauth_heal_settle(reauth_fact_t *fact, unsigned status, char *error)
{
    if (fact->state != REAUTH_STATE_REJECTED || status == 400) {
        return 0;
    }

    error[0] = '\0';

    if (fact->error_code.len != 0) {
        reauth_copy(error, REAUTH_ERROR_CODE_MAX, &fact->error_code);
    }

    fact->state = REAUTH_STATE_FAILED;
    fact->action = REAUTH_ACTION_CREDENTIALS;
    fact->error_code = reauth_heal_expired;
    fact->error_message.data = NULL;
    fact->error_message.len = 0;

    return 1;
}
