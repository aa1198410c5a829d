
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The headers of a response to a poll, and pauses of polling: a key in Redis
 * pauses all gateways, a time in the zone pauses this one.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "ngx_http_reauth_poller.h"


/* milliseconds between errors about a rejected key */
#define NGX_HTTP_REAUTH_REFUSED_TIME  60000


/* NGX_OK; NGX_DECLINED: no header; NGX_ABORT: several headers */

static ngx_int_t
ngx_http_reauth_backoff_header(ngx_http_reauth_forward_t *forward,
    const char *name, reauth_string_t *value)
{
    size_t            len;
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    rc = NGX_DECLINED;
    len = ngx_strlen(name);
    part = &forward->subrequest->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return rc;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0
            || h[i].key.len != len
            || ngx_strncasecmp(h[i].key.data, (u_char *) name, len) != 0)
        {
            continue;
        }

        if (rc == NGX_OK) {
            return NGX_ABORT;
        }

        value->data = h[i].value.data;
        value->len = h[i].value.len;

        rc = NGX_OK;
    }
}


static void
ngx_http_reauth_backoff_ignored(ngx_http_reauth_poller_t *poller,
    const char *account, const char *name)
{
    ngx_log_error(NGX_LOG_INFO, poller->timer.log, 0,
                  "reauth: polling account \"%s\": invalid or duplicate "
                  "header \"%s\" ignored", account, name);
}


static int64_t
ngx_http_reauth_backoff_number(ngx_http_reauth_poller_t *poller,
    ngx_http_reauth_forward_t *forward, const char *account, const char *name)
{
    int64_t          n;
    ngx_int_t        rc;
    reauth_string_t  value;

    rc = ngx_http_reauth_backoff_header(forward, name, &value);

    n = rc == NGX_OK ? reauth_backoff_number(&value) : -1;

    if (n < 0 && rc != NGX_DECLINED) {
        ngx_http_reauth_backoff_ignored(poller, account, name);
    }

    return n;
}


static int64_t
ngx_http_reauth_backoff_retry_after(ngx_http_reauth_poller_t *poller,
    ngx_http_reauth_forward_t *forward, const char *account)
{
    int64_t          ms;
    ngx_int_t        rc;
    reauth_string_t  value;

    rc = ngx_http_reauth_backoff_header(forward, "retry-after", &value);

    if (rc == NGX_OK
        && reauth_retry_after_parse(&value, ngx_http_reauth_now(), &ms) == 0)
    {
        return ms;
    }

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_backoff_ignored(poller, account, "retry-after");
    }

    return -1;
}


void
ngx_http_reauth_poller_rest(ngx_http_reauth_poller_t *poller, int64_t ms)
{
    ms = ngx_min(ms, REAUTH_BACKOFF_WAIT_MAX_MS);

    if (ms > ngx_http_reauth_zone_paused(&poller->store->zone)) {
        ngx_http_reauth_zone_set_paused(&poller->store->zone, ms);
    }
}


/* gateways share the rate limit of the team: all of them pause */

static void
ngx_http_reauth_backoff_pause(ngx_http_reauth_poller_t *poller,
    ngx_uint_t status, reauth_backoff_verdict_t *verdict)
{
    int64_t  ms;

    ms = verdict->pause_ms;

    if (ms <= ngx_http_reauth_zone_paused(&poller->store->zone)) {
        return;
    }

    ngx_http_reauth_poller_rest(poller, ms);

    ngx_log_error(NGX_LOG_WARN, poller->timer.log, 0,
                  "reauth: polling is paused for %L ms: %s (%ui)", ms,
                  status == NGX_HTTP_SERVICE_UNAVAILABLE && verdict->asked
                      ? "the upstream is unavailable"
                      : "the upstream's rate limit is reached",
                  status);

    ngx_http_reauth_poller_share_pause(poller, ms);
}


/* an operator must act */

static void
ngx_http_reauth_backoff_refused(ngx_http_reauth_poller_t *poller,
    ngx_uint_t status)
{
    const char  *what;

    if (poller->refused_at != 0
        && ngx_current_msec - poller->refused_at
           < NGX_HTTP_REAUTH_REFUSED_TIME)
    {
        return;
    }

    poller->refused_at = ngx_current_msec;

    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:
        what = "the API key is missing or invalid, check \"reauth_key_file\"";
        break;

    case 402:
        what = "the team is out of credits";
        break;

    default:
        what = "the API key is restricted";
    }

    ngx_log_error(NGX_LOG_ERR, poller->timer.log, 0,
                  "reauth: the upstream rejects polls (%ui): "
                  "%s", status, what);
}


reauth_poll_error_t
ngx_http_reauth_backoff_broken(ngx_http_reauth_forward_t *forward)
{
    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_TOO_LARGE:
        return REAUTH_POLL_ERROR_TOO_LARGE;

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        return REAUTH_POLL_ERROR_TIMEOUT;

    case NGX_HTTP_REAUTH_ANSWER_NO_KEY:
        return REAUTH_POLL_ERROR_NO_KEY;

    case NGX_HTTP_REAUTH_ANSWER_LOCAL:
        return REAUTH_POLL_ERROR_NOT_SENT;

    default: /* NGX_HTTP_REAUTH_ANSWER_BROKEN */
        return REAUTH_POLL_ERROR_NO_RESPONSE;
    }
}


void
ngx_http_reauth_backoff(ngx_http_reauth_poller_t *poller,
    ngx_http_reauth_forward_t *forward, const char *account,
    reauth_backoff_verdict_t *verdict)
{
    reauth_error_t    error;
    reauth_unread_t   why;
    reauth_backoff_t  response;

    static const ngx_http_reauth_count_e  counts[] = {
        NGX_HTTP_REAUTH_COUNT_POLL_ANSWERED,
        NGX_HTTP_REAUTH_COUNT_POLL_LIMITED,
        NGX_HTTP_REAUTH_COUNT_POLL_REFUSED,
        NGX_HTTP_REAUTH_COUNT_POLL_LOST,
        NGX_HTTP_REAUTH_COUNT_POLL_FAILED
    };

    response.status = forward->status;
    response.code = forward->status == NGX_HTTP_UNAUTHORIZED
                    && reauth_error_read(forward->capture.body.data,
                                         forward->capture.body.len, &error,
                                         &why)
                       == 0
                    && error.code[0] != '\0';
    response.retry_after_ms = ngx_http_reauth_backoff_retry_after(poller,
                                                          forward, account);
    response.limit = ngx_http_reauth_backoff_number(poller, forward, account,
                                              "x-rate-limit-limit-minute");
    response.remaining = ngx_http_reauth_backoff_number(poller, forward,
                                    account, "x-rate-limit-remaining-minute");

    reauth_backoff_judge(&response, verdict);

    ngx_http_reauth_zone_count(&poller->store->zone, counts[verdict->outcome]);

    if (verdict->outcome == REAUTH_POLL_REFUSED) {
        ngx_http_reauth_backoff_refused(poller, forward->status);
    }

    if (verdict->pause_ms > 0) {
        ngx_http_reauth_backoff_pause(poller, forward->status, verdict);
    }
}
