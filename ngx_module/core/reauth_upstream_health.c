
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stddef.h>

#include "reauth_upstream_health.h"


static const char  *reauth_upstream_states[REAUTH_UPSTREAM_STATES] = {
    "unknown", "ok", "unauthorized", "limited", "failing"
};


static const struct {
    const char  *code;
    const char  *name;
    const char  *text;
} reauth_upstream_results[REAUTH_RESULT_LAST] = {
    { NULL, NULL, "" },
    { NULL, NULL, "it accepts requests" },
    { "KEY_REFUSED", "key_refused",
      "the API key is missing or invalid (401), check \"reauth_key_file\"" },
    { "KEY_RESTRICTED", "key_restricted",
      "the API key is restricted (403), check its rights" },
    { "OUT_OF_CREDITS", "out_of_credits",
      "the team is out of credits (402)" },
    { "LIMITED", "limited", "the rate limit of the team is reached (429)" },
    { "HTTP_ERROR", "http_error", "it returns errors (5xx)" },
    { "TIMEOUT", "timeout", "it does not respond in time" },
    { "NO_RESPONSE", "no_response",
      "it cannot be reached, or closes connections without a response" },
    { "TLS", "tls",
      "the TLS handshake fails, check its certificate and "
      "\"proxy_ssl_trusted_certificate\"" }
};


reauth_upstream_result_t
reauth_upstream_result(unsigned status, int code, int call)
{
    if (status < 200 || status > 599) {
        return REAUTH_RESULT_HTTP_ERROR;
    }

    if (status < 400) {
        return status < 300 || call ? REAUTH_RESULT_OK
                                    : REAUTH_RESULT_HTTP_ERROR;
    }

    switch (status) {

    case 401:
        return code ? REAUTH_RESULT_OK : REAUTH_RESULT_KEY_REFUSED;

    case 402:
        return REAUTH_RESULT_CREDITS;

    case 403:
        return REAUTH_RESULT_KEY_RESTRICTED;

    case 408:
    case 425:
        return REAUTH_RESULT_HTTP_ERROR;

    case 429:
        return REAUTH_RESULT_LIMITED;

    case 503:
        return call ? REAUTH_RESULT_NONE : REAUTH_RESULT_HTTP_ERROR;

    default:
        return status < 500 ? REAUTH_RESULT_OK : REAUTH_RESULT_HTTP_ERROR;
    }
}


int
reauth_upstream_result_is_failure(reauth_upstream_result_t result)
{
    return result >= REAUTH_RESULT_HTTP_ERROR && result < REAUTH_RESULT_LAST;
}


static reauth_upstream_state_t
reauth_upstream_result_state(reauth_upstream_result_t result)
{
    if (result >= REAUTH_RESULT_HTTP_ERROR) {
        return REAUTH_UPSTREAM_FAILING;
    }

    return result == REAUTH_RESULT_LIMITED ? REAUTH_UPSTREAM_LIMITED
                                           : REAUTH_UPSTREAM_UNAUTHORIZED;
}


/* whether the result is later than the last success, and persists */

static int
reauth_upstream_counts(const reauth_upstream_ages_t *ages, unsigned result)
{
    int64_t  age_ms, ok_ms;

    age_ms = ages->last_ms[result];
    ok_ms = ages->last_ms[REAUTH_RESULT_OK];

    if (age_ms < 0 || (ok_ms >= 0 && age_ms >= ok_ms)) {
        return 0;
    }

    switch (reauth_upstream_result_state((reauth_upstream_result_t) result)) {

    case REAUTH_UPSTREAM_UNAUTHORIZED:
        return ok_ms < 0 || ok_ms >= REAUTH_UPSTREAM_QUIET_MS;

    case REAUTH_UPSTREAM_LIMITED:
        return age_ms < REAUTH_UPSTREAM_STALE_MS
               && (ok_ms < 0 || ok_ms >= REAUTH_UPSTREAM_QUIET_MS);

    default: /* REAUTH_UPSTREAM_FAILING */
        return age_ms < REAUTH_UPSTREAM_STALE_MS
               && ages->failing_ms - age_ms >= REAUTH_UPSTREAM_QUIET_MS;
    }
}


void
reauth_upstream_judge(const reauth_upstream_ages_t *ages,
    reauth_upstream_health_t *health)
{
    int64_t   age_ms, ok_ms, error_ms, why_ms;
    unsigned  i;

    health->why = REAUTH_RESULT_NONE;
    health->error = REAUTH_RESULT_NONE;

    error_ms = 0;
    why_ms = 0;

    /* the latest result; of simultaneous ones, the most serious */

    for (i = REAUTH_RESULT_OK + 1; i < REAUTH_RESULT_LAST; i++) {
        age_ms = ages->last_ms[i];

        if (age_ms >= 0
            && (health->error == REAUTH_RESULT_NONE || age_ms < error_ms))
        {
            health->error = (reauth_upstream_result_t) i;
            error_ms = age_ms;
        }

        if (reauth_upstream_counts(ages, i)
            && (health->why == REAUTH_RESULT_NONE || age_ms < why_ms))
        {
            health->why = (reauth_upstream_result_t) i;
            why_ms = age_ms;
        }
    }

    if (health->why != REAUTH_RESULT_NONE) {
        health->state = reauth_upstream_result_state(health->why);
        return;
    }

    ok_ms = ages->last_ms[REAUTH_RESULT_OK];

    if (ok_ms < 0
        || (health->error != REAUTH_RESULT_NONE
            && error_ms < ok_ms
            && error_ms >= REAUTH_UPSTREAM_STALE_MS))
    {
        health->state = REAUTH_UPSTREAM_UNKNOWN;
        return;
    }

    health->state = REAUTH_UPSTREAM_OK;
    health->why = REAUTH_RESULT_OK;
}


const char *
reauth_upstream_state_name(reauth_upstream_state_t state)
{
    return reauth_upstream_states[state];
}


const char *
reauth_upstream_result_code(reauth_upstream_result_t result)
{
    return reauth_upstream_results[result].code;
}


const char *
reauth_upstream_result_name(reauth_upstream_result_t result)
{
    return reauth_upstream_results[result].name;
}


const char *
reauth_upstream_result_text(reauth_upstream_result_t result)
{
    return reauth_upstream_results[result].text;
}
