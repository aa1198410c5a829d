
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_backoff.h"
#include "reauth_time.h"


/* replaces a number that is too large */
#define REAUTH_BACKOFF_MAX  999999999999999LL


static reauth_string_t
reauth_backoff_trim(const reauth_string_t *value)
{
    reauth_string_t  s;

    s = *value;

    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


int64_t
reauth_backoff_number(const reauth_string_t *value)
{
    size_t           i;
    int64_t          n;
    reauth_string_t  s;

    s = reauth_backoff_trim(value);

    n = 0;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }

        n = n * 10 + (s.data[i] - '0');

        if (n > REAUTH_BACKOFF_MAX) {
            n = REAUTH_BACKOFF_MAX;
        }
    }

    return s.len != 0 ? n : -1;
}


int
reauth_retry_after_parse(const reauth_string_t *value, int64_t now_ms,
    int64_t *wait_ms)
{
    int64_t          seconds, at_ms;
    reauth_string_t  s;

    seconds = reauth_backoff_number(value);

    if (seconds >= 0) {
        *wait_ms = seconds * 1000;
        return 0;
    }

    s = reauth_backoff_trim(value);

    if (reauth_time_parse_http(&s, now_ms, &at_ms) != 0) {
        return -1;
    }

    *wait_ms = at_ms > now_ms ? at_ms - now_ms : 0;

    return 0;
}


static reauth_poll_outcome_t
reauth_backoff_outcome(const reauth_backoff_t *response)
{
    unsigned  status;

    status = response->status;

    if (status >= 200 && status < 300) {
        return REAUTH_POLL_ANSWERED;
    }

    switch (status) {

    case 429:
        return REAUTH_POLL_LIMITED;

    case 503:
        return response->retry_after_ms > 0 ? REAUTH_POLL_LIMITED
                                            : REAUTH_POLL_FAILED;

    case 401:
        return response->code ? REAUTH_POLL_LOST : REAUTH_POLL_REFUSED;

    case 402:
    case 403:
        return REAUTH_POLL_REFUSED;

    case 408:
    case 425:
        return REAUTH_POLL_FAILED;

    default:
        return status >= 400 && status < 500 ? REAUTH_POLL_LOST
                                             : REAUTH_POLL_FAILED;
    }
}


reauth_poll_error_t
reauth_backoff_error(reauth_poll_outcome_t outcome, unsigned status)
{
    switch (outcome) {

    case REAUTH_POLL_ANSWERED:
        return REAUTH_POLL_ERROR_NONE;

    case REAUTH_POLL_LIMITED:
        return REAUTH_POLL_ERROR_LIMITED;

    case REAUTH_POLL_REFUSED:
        return REAUTH_POLL_ERROR_KEY_REFUSED;

    default: /* REAUTH_POLL_LOST, REAUTH_POLL_FAILED */
        return status == 404 ? REAUTH_POLL_ERROR_NOT_FOUND
                             : REAUTH_POLL_ERROR_HTTP;
    }
}


void
reauth_backoff_judge(const reauth_backoff_t *response,
    reauth_backoff_verdict_t *verdict)
{
    int64_t  wait_ms;

    memset(verdict, 0, sizeof(reauth_backoff_verdict_t));

    verdict->outcome = reauth_backoff_outcome(response);

    wait_ms = response->retry_after_ms;

    if (wait_ms > REAUTH_BACKOFF_WAIT_MAX_MS) {
        wait_ms = REAUTH_BACKOFF_WAIT_MAX_MS;
    }

    if (verdict->outcome == REAUTH_POLL_LIMITED) {
        verdict->pause_ms = wait_ms > 0 ? wait_ms : REAUTH_BACKOFF_PAUSE_MS;
        verdict->asked = 1;
        return;
    }

    if (verdict->outcome == REAUTH_POLL_REFUSED
        && wait_ms < REAUTH_BACKOFF_PAUSE_MS)
    {
        /* only a person can change this */

        wait_ms = REAUTH_BACKOFF_PAUSE_MS;
    }

    if (wait_ms > 0) {
        verdict->wait_ms = wait_ms;
    }

    /* the last tenth of the team's calls is left to the callers */

    if (response->limit > 0
        && response->remaining >= 0
        && response->remaining < response->limit / 10)
    {
        verdict->pause_ms = REAUTH_BACKOFF_PAUSE_MS;
    }
}
