
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The response of a closed gate.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_retry_after.h"
#include "reauth_time.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_random.h"


#define NGX_HTTP_REAUTH_GATE_DESCRIPTION                                      \
    "\"Calls of this account are rejected until its reauthentication ends; "\
    "retry after retry_after seconds.\""

#define NGX_HTTP_REAUTH_GATE_PERSON                                           \
    "\"Calls of this account are rejected until a person has done what "     \
    "action_required says; do not repeat the call before that.\""

#define NGX_HTTP_REAUTH_GATE_OPERATOR                                         \
    "\"Calls of this account are rejected until the override ends; retry "    \
    "after retry_after seconds.\""

#define NGX_HTTP_REAUTH_GATE_SIZE                                             \
    (sizeof("\",\"state\":\"\",\"attempt_id\":\"\",\"since\":\"\","           \
            "\"retry_after\":,\"action_required\":\"\"")                      \
     + REAUTH_TIME_MS_SIZE + REAUTH_NUMBER_MAX + 32                           \
     + NGX_HTTP_REAUTH_DECISION_SIZE)


#define NGX_HTTP_REAUTH_GATE_ID                                               \
    "acct_, fansly_acct_ or fanvue_acct_ and 1 to 64 letters, digits, "        \
    "underscores or hyphens"


ngx_uint_t
ngx_http_reauth_retry_after(ngx_http_request_t *r, ngx_uint_t auth_type,
    ngx_uint_t state, int64_t since_ms, int64_t deadline_ms)
{
    u_char                       *drawn;
    int64_t                       now_ms;
    uint32_t                      spread;
    reauth_wait_t                 wait;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    now_ms = ngx_http_reauth_now();

    wait.state = state;
    wait.age_ms = now_ms - since_ms;
    wait.typical_ms = ngx_http_reauth_zone_typical(&mcf->store.zone,
                                                   auth_type);
    wait.deadline_ms = deadline_ms - now_ms;
    wait.min = lcf->retry_after_min;
    wait.max = lcf->retry_after_max;

    /* need not be unpredictable, but random() takes more instructions */

    drawn = ngx_http_reauth_random(sizeof(uint32_t));

    if (drawn == NULL) {
        return reauth_retry_after(&wait, ngx_random());
    }

    ngx_memcpy(&spread, drawn, sizeof(uint32_t));

    return reauth_retry_after(&wait, spread);
}


const char *
ngx_http_reauth_action(ngx_uint_t state, ngx_uint_t action)
{
    if (action == REAUTH_ACTION_NONE) {

        if (!reauth_state_needs_person(state)) {
            return NULL;
        }

        action = reauth_state_action(state);
    }

    return reauth_action_name(action);
}


static ngx_int_t
ngx_http_reauth_gate_headers(ngx_http_request_t *r, ngx_str_t *retry_after,
    const char *action)
{
    static ngx_str_t  no = ngx_string("false");

    if (ngx_http_reauth_add_header(r, "Retry-After", retry_after) != NGX_OK) {
        return NGX_ERROR;
    }

    if (action == NULL) {
        return NGX_OK;
    }

    return ngx_http_reauth_add_header(r, "x-should-retry", &no);
}


/*
 * Rejected calls of one account come in bursts: the text of the time is
 * cached.
 */

static u_char *
ngx_http_reauth_gate_since(u_char *p, int64_t since_ms)
{
    static char     text[REAUTH_TIME_MS_SIZE];
    static size_t   len;
    static int64_t  last_ms;

    if (len == 0 || since_ms != last_ms) {
        len = reauth_time_format_ms(text, since_ms);
        last_ms = since_ms;
    }

    return ngx_cpymem(p, text, len);
}


/* "closed" is NULL if Redis has not been read yet */

#define reauth_put(text)  p = ngx_cpymem(p, text, sizeof(text) - 1)
#define reauth_put_string(s)  p = ngx_cpymem(p, s, ngx_strlen(s))


/* the attempt and since when, up to the value of "retry_after" */

static u_char *
ngx_http_reauth_gate_attempt(u_char *p, ngx_str_t *account,
    ngx_http_reauth_closed_t *closed)
{
    if (closed == NULL) {
        reauth_put("\",\"attempt_id\":null,\"since\":null,\"retry_after\":");
        return p;
    }

    /* a Fansly attempt has no ID of its own and is polled by its account */

    if (closed->attempt_len != 0
        && (closed->attempt_len != account->len
            || ngx_memcmp(closed->attempt, account->data, account->len) != 0))
    {
        reauth_put("\",\"attempt_id\":\"");

        /* of a constant length, so that it is inline */

        ngx_memcpy(p, closed->attempt, REAUTH_ATTEMPT_MAX);
        p += closed->attempt_len;

        reauth_put("\",\"since\":\"");

    } else {
        reauth_put("\",\"attempt_id\":null,\"since\":\"");
    }

    p = ngx_http_reauth_gate_since(p, closed->since_ms);
    reauth_put("\",\"retry_after\":");

    return p;
}


ngx_int_t
ngx_http_reauth_gate_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *account, ngx_http_reauth_closed_t *closed)
{
    size_t       len;
    u_char      *start, *p;
    ngx_str_t    retry_after, *text;
    ngx_uint_t   seconds;
    const char  *action, *state;

    static ngx_str_t  alone = ngx_string(
        "{\"error\":\"SERVICE_UNAVAILABLE\",\"message\":"
        "\"The account is logging in again.\",\"description\":"
        NGX_HTTP_REAUTH_GATE_DESCRIPTION ",\"account_id\":\"");

    static ngx_str_t  person = ngx_string(
        "{\"error\":\"SERVICE_UNAVAILABLE\",\"message\":"
        "\"The account is logging in again and waits for a person to act.\","
        "\"description\":"
        NGX_HTTP_REAUTH_GATE_PERSON ",\"account_id\":\"");

    static ngx_str_t  operator = ngx_string(
        "{\"error\":\"SERVICE_UNAVAILABLE\",\"message\":"
        "\"The gate of the account is closed by an operator.\","
        "\"description\":"
        NGX_HTTP_REAUTH_GATE_OPERATOR ",\"account_id\":\"");

    len = NGX_HTTP_REAUTH_GATE_SIZE + person.len + account->len
          + REAUTH_ATTEMPT_MAX;

    start = ngx_pnalloc(r->pool, len);
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    state = "loading";
    action = NULL;
    seconds = 1;

    if (closed) {
        state = reauth_state_name(closed->state);
        action = ngx_http_reauth_action(closed->state, closed->action);
        seconds = ngx_http_reauth_retry_after(r, closed->auth_type,
                                              closed->state, closed->since_ms,
                                              closed->deadline_ms);
    }

    text = action ? &person : &alone;

    if (closed && closed->override == REAUTH_OVERRIDE_CLOSED) {
        text = &operator;
    }

    p = ngx_cpymem(start, text->data, text->len);

    p = ngx_cpymem(p, account->data, account->len);
    reauth_put("\",\"state\":\"");
    reauth_put_string(state);

    p = ngx_http_reauth_gate_attempt(p, account, closed);

    retry_after.data = p;
    retry_after.len = reauth_string_number(seconds, p);
    p += retry_after.len;

    if (action) {
        reauth_put(",\"action_required\":\"");
        reauth_put_string(action);
        reauth_put("\"");

    } else {
        reauth_put(",\"action_required\":null");
    }

    if (ngx_http_reauth_gate_headers(r, &retry_after, action) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_composed(r, status,
                                         "SERVICE_UNAVAILABLE", start, p);
}

#undef reauth_put
#undef reauth_put_string


ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_bad_path(ngx_http_request_t *r, ngx_uint_t elsewhere)
{
    ngx_int_t  rc;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: refused, bad %s",
                   elsewhere ? "account in reauth_gate_account" : "path");

    rc = ngx_http_reauth_body_refuse(r);

    if (rc == NGX_OK && elsewhere) {
        rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_BAD_ACCOUNT,
                 "The account ID of the request is invalid or ambiguous.",
                 "Send one account ID, once, under the plain name of its "
                 "argument: " NGX_HTTP_REAUTH_GATE_ID ".", NULL);

    } else if (rc == NGX_OK
               && reauth_route_has_fragment(r->unparsed_uri.data,
                                            r->unparsed_uri.len))
    {
        rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_BAD_PATH,
                 "The request target has a fragment.",
                 "Send the path and the query string without #: in a name or "
                 "value, it is written as %23.", NULL);

    } else if (rc == NGX_OK) {
        rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_BAD_PATH,
                 "The path is ambiguous or has an invalid account ID.",
                 "Send no dot segments, and the path up to the account ID "
                 "without percent-encoding and empty segments.  An account ID "
                 "is " NGX_HTTP_REAUTH_GATE_ID ".", NULL);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}
