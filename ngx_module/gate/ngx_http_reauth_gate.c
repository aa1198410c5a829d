
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The gate: an account that logs in again gets a 503 that says how long and
 * why.  It runs in the precontent phase: after all limits and access checks, so
 * that a request that is denied learns nothing and is not held, and before
 * anything is sent.  "satisfy any" can't skip it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_prefer.h"
#include "reauth_retry_after.h"
#include "reauth_time.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_origin.h"
#include "ngx_http_reauth_wait.h"


#define NGX_HTTP_REAUTH_GATE_DESCRIPTION                                      \
    "\"Calls for this account are held off until its re-authentication ends; "\
    "retry after retry_after seconds.\""

#define NGX_HTTP_REAUTH_GATE_PERSON                                           \
    "\"Calls for this account are held off until a person has done what "     \
    "action_required says; do not repeat the call before that.\""

/*
 * Of the answer, but for its beginning and the ids: not more than it takes, for
 * a further block of the request's pool costs a tenth of the answer.
 */

#define NGX_HTTP_REAUTH_GATE_SIZE                                             \
    (sizeof("\",\"state\":\"\",\"attempt_id\":\"\",\"since\":\"\","           \
            "\"retry_after\":,\"action_required\":\"\"")                      \
     + REAUTH_TIME_MS_SIZE + REAUTH_NUMBER_MAX + 32                           \
     + NGX_HTTP_REAUTH_DECISION_SIZE)


#define NGX_HTTP_REAUTH_GATE_ID                                               \
    "acct_, fansly_acct_ or fanvue_acct_ and 1 to 64 letters, digits, "        \
    "underscores or hyphens"


static ngx_uint_t ngx_http_reauth_gate_opened(ngx_http_reauth_wait_t *wait);
static void ngx_http_reauth_gate_resume(ngx_http_reauth_wait_t *wait);


/* "$name" or "${name}"; an empty name: there is no more variable */

static u_char *
ngx_http_reauth_gate_next_variable(u_char *p, u_char *last,
    reauth_string_t *name)
{
    u_char  *start;

    name->len = 0;

    p = ngx_strlchr(p, last, '$');
    if (p == NULL) {
        return last;
    }

    p++;

    if (p < last && *p == '{') {
        p++;
    }

    for (start = p; p < last && reauth_id_chars[*p] && *p != '-'; p++) {
        /* void */
    }

    name->data = start;
    name->len = p - start;

    return p;
}


/* how many headers a variable's name stands for, as nginx finds them */

static ngx_uint_t
ngx_http_reauth_gate_headers_named(ngx_http_request_t *r,
    const reauth_string_t *name)
{
    size_t            n;
    u_char            ch;
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0 || h[i].key.len != name->len) {
                continue;
            }

            for (n = 0; n < name->len; n++) {
                ch = h[i].lowcase_key[n];

                if ((ch == '-' ? '_' : ch) != ngx_tolower(name->data[n])) {
                    break;
                }
            }

            found += n == name->len;
        }
    }

    return found;
}


/*
 * nginx takes the first of several arguments or headers of one name; the
 * upstream may take the last one.
 */

static ngx_uint_t
ngx_http_reauth_gate_value_is_plain(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char           *p, *last;
    reauth_string_t   args, name;

    args.data = r->args.data;
    args.len = r->args.len;

    p = value->data;
    last = p + value->len;

    for ( ;; ) {
        p = ngx_http_reauth_gate_next_variable(p, last, &name);

        if (name.len == 0) {
            return 1;
        }

        if (name.len > 4 && ngx_strncmp(name.data, "arg_", 4) == 0) {
            name.data += 4;
            name.len -= 4;

            if (!reauth_route_arg_is_plain(&args, &name)) {
                return 0;
            }

        } else if (name.len > 5 && ngx_strncmp(name.data, "http_", 5) == 0) {
            name.data += 5;
            name.len -= 5;

            if (ngx_http_reauth_gate_headers_named(r, &name) > 1) {
                return 0;
            }
        }
    }
}


static ngx_http_reauth_apart reauth_account_result_t
ngx_http_reauth_gate_account_value(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account)
{
    u_char           *buffer;
    ngx_str_t         value;
    reauth_string_t   s;

    account->len = 0;

    if (!ngx_http_reauth_gate_value_is_plain(r, &lcf->gate_account->value)) {
        return REAUTH_ACCOUNT_BAD;
    }

    if (ngx_http_complex_value(r, lcf->gate_account, &value) != NGX_OK) {
        return REAUTH_ACCOUNT_NO_MEMORY;
    }

    if (value.len == 0) {
        return REAUTH_ACCOUNT_NONE;
    }

    buffer = ngx_pnalloc(r->pool, value.len);
    if (buffer == NULL) {
        return REAUTH_ACCOUNT_NO_MEMORY;
    }

    s.data = value.data;
    s.len = value.len;

    return reauth_route_value_account(&s, buffer, account);
}


reauth_account_result_t
ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account)
{
    return lcf->gate_account == NULL
           ? reauth_route_account(r->uri.data, r->uri.len, account)
           : ngx_http_reauth_gate_account_value(r, lcf, account);
}


static ngx_uint_t
ngx_http_reauth_gate_bypassed(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    ngx_str_t  value;

    if (lcf->gate_bypass == NULL
        || ngx_http_complex_value(r, lcf->gate_bypass, &value) != NGX_OK)
    {
        return 0;
    }

    return value.len != 0 && !(value.len == 1 && value.data[0] == '0');
}


ngx_uint_t
ngx_http_reauth_retry_after(ngx_http_request_t *r, ngx_uint_t auth_type,
    ngx_uint_t state, int64_t since_ms, int64_t deadline_ms)
{
    int64_t                       now_ms;
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

    return reauth_retry_after(&wait, ngx_random());
}


const char *
ngx_http_reauth_action(ngx_uint_t state, ngx_uint_t action)
{
    if (action != REAUTH_ACTION_NONE) {
        return reauth_action_name(action);
    }

    switch (state) {

    case REAUTH_STATE_NEEDS_OTP:
        return "otp";

    case REAUTH_STATE_NEEDS_FACE:
        return "face";

    case REAUTH_STATE_NEEDS_APP:
        return "app";

    case REAUTH_STATE_NEEDS_PERSON:
        return "person";

    default:
        return NULL;
    }
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
 * Calls that a closed gate refuses come in storms, of one account: its time is
 * not made a text again for each.
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


/* "closed" is NULL as long as Redis has not been read */

ngx_int_t
ngx_http_reauth_gate_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *account, ngx_http_reauth_closed_t *closed)
{
    size_t       len;
    u_char      *start, *p;
    ngx_str_t    retry_after;
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

    len = NGX_HTTP_REAUTH_GATE_SIZE + person.len + account->len
          + (closed ? closed->attempt_len : 0);

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

#define reauth_put(text)  p = ngx_cpymem(p, text, sizeof(text) - 1)
#define reauth_put_string(s)  p = ngx_cpymem(p, s, ngx_strlen(s))

    p = action ? ngx_cpymem(start, person.data, person.len)
               : ngx_cpymem(start, alone.data, alone.len);

    p = ngx_cpymem(p, account->data, account->len);
    reauth_put("\",\"state\":\"");
    reauth_put_string(state);

    /* a Fansly login is polled by its account, and has no name of its own */

    if (closed
        && closed->attempt_len != 0
        && (closed->attempt_len != account->len
            || ngx_memcmp(closed->attempt, account->data, account->len) != 0))
    {
        reauth_put("\",\"attempt_id\":\"");
        p = ngx_cpymem(p, closed->attempt, closed->attempt_len);
        reauth_put("\",\"since\":");

    } else {
        reauth_put("\",\"attempt_id\":null,\"since\":");
    }

    if (closed) {
        *p++ = '"';
        p = ngx_http_reauth_gate_since(p, closed->since_ms);
        reauth_put("\",\"retry_after\":");

    } else {
        reauth_put("null,\"retry_after\":");
    }

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

#undef reauth_put
#undef reauth_put_string

    if (ngx_http_reauth_gate_headers(r, &retry_after, action) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_composed(r, status,
                                         "SERVICE_UNAVAILABLE", start, p);
}


static ngx_http_reauth_apart ngx_int_t
ngx_http_reauth_gate_bad_path(ngx_http_request_t *r, ngx_uint_t elsewhere)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_body_refuse(r);

    if (rc == NGX_OK && elsewhere) {
        rc = ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "BAD_ACCOUNT",
                 "The account ID of the request is invalid or ambiguous.",
                 "Send one account ID, once, under the plain name of its "
                 "argument: " NGX_HTTP_REAUTH_GATE_ID ".", NULL);

    } else if (rc == NGX_OK) {
        rc = ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "BAD_PATH",
                 "The path is ambiguous or has an invalid account ID.",
                 "Send no dot segments, and the path up to the account ID "
                 "without percent-encoding and empty segments.  An account ID "
                 "is " NGX_HTTP_REAUTH_GATE_ID ".", NULL);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* what the client would wait, in seconds; 0: it does not say */

static ngx_uint_t
ngx_http_reauth_gate_prefer(ngx_http_request_t *r)
{
    ngx_uint_t        i, seconds;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;
    reauth_string_t   value;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("prefer") - 1
                || ngx_strncmp(h[i].lowcase_key, "prefer",
                               sizeof("prefer") - 1) != 0)
            {
                continue;
            }

            value.data = h[i].value.data;
            value.len = h[i].value.len;

            seconds = reauth_prefer_wait(&value);

            if (seconds) {
                return seconds;
            }
        }
    }

    return 0;
}


/*
 * NGX_AGAIN: the call is held and comes here again, when its gate has opened
 * or its time is over; NGX_DECLINED: it is to get its 503 now.
 */

static ngx_int_t
ngx_http_reauth_gate_hold(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_ctx_t *ctx,
    ngx_http_reauth_closed_t *closed)
{
    int64_t                  now_ms, until_ms;
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_msec_t               hold;
    ngx_http_reauth_wait_t  *wait;

    if (lcf->gate_hold == 0 || ngx_http_reauth_wait_ending()) {
        return NGX_DECLINED;
    }

    hold = ngx_http_reauth_gate_prefer(r) * 1000;
    hold = ngx_min(hold, lcf->gate_hold);

    /* from the request's start: an internal redirect gives no more time */

    now_ms = ngx_http_reauth_now();

    until_ms = (int64_t) r->start_sec * 1000 + r->start_msec + hold;
    until_ms = ngx_min(until_ms, now_ms + (int64_t) hold);
    until_ms = ngx_min(until_ms, closed->deadline_ms);
    until_ms = ngx_min(until_ms, closed->since_ms + (int64_t) lcf->gate_max);

    if (until_ms <= now_ms) {
        return NGX_DECLINED;
    }

    wait = ctx->hold;

    if (wait == NULL) {
        rc = ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_HOLD, &wait);

        if (rc != NGX_OK) {
            return rc == NGX_BUSY ? NGX_DECLINED : NGX_ERROR;
        }

        wait->ready = ngx_http_reauth_gate_opened;
        wait->resume = ngx_http_reauth_gate_resume;
    }

    if (ngx_http_reauth_wait_park(wait, (ngx_msec_t) (until_ms - now_ms))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->hold == NULL) {
        ctx->hold = wait;
        ctx->gate = NGX_HTTP_REAUTH_GATE_HELD;

        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_HELD);

        value.data = ngx_pnalloc(r->pool, sizeof("wait=") - 1 + NGX_INT_T_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "wait=%M", (hold + 999) / 1000)
                    - value.data;

        if (ngx_http_reauth_add_header(r, "Preference-Applied", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static ngx_uint_t
ngx_http_reauth_gate_opened(ngx_http_reauth_wait_t *wait)
{
    int64_t                      now_ms;
    ngx_int_t                    rc;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_closed_t     closed;
    ngx_http_reauth_loc_conf_t  *lcf;

    r = wait->request;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    now_ms = ngx_http_reauth_now();

    rc = ngx_http_reauth_zone_gate(wait->zone, ctx->account.data,
                                   ctx->account.len, now_ms, &closed);

    return rc == NGX_DECLINED
           || (rc == NGX_OK
               && now_ms >= closed.since_ms + (int64_t) lcf->gate_max);
}


static void
ngx_http_reauth_gate_resume(ngx_http_reauth_wait_t *wait)
{
    ngx_http_request_t  *r;

    r = wait->request;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_reauth_gate_close(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *id, ngx_int_t found,
    ngx_http_reauth_closed_t *closed)
{
    ngx_int_t               rc;
    ngx_str_t               account;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    account.data = (u_char *) id->data;
    account.len = id->len;

    ctx->operation = REAUTH_OPERATION_CALL;
    ctx->account = account;

    if (found == NGX_OK) {
        ctx->state = closed->state;
        ctx->auth_type = closed->auth_type;

        ctx->attempt.len = closed->attempt_len;
        ctx->attempt.data = ngx_pnalloc(r->pool, closed->attempt_len);
        if (ctx->attempt.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(ctx->attempt.data, closed->attempt, closed->attempt_len);
    }

    if (ngx_http_reauth_gate_bypassed(r, lcf)) {
        ctx->gate = NGX_HTTP_REAUTH_GATE_BYPASSED;
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_BYPASSED);
        return NGX_DECLINED;
    }

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_DRY_RUN) {
        ctx->gate = NGX_HTTP_REAUTH_GATE_WOULD_CLOSE;
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_WOULD_CLOSE);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "reauth: the gate would be closed for account \"%V\"",
                      &account);

        return NGX_DECLINED;
    }

    if (found == NGX_OK) {
        rc = ngx_http_reauth_gate_hold(r, lcf, ctx, closed);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (ctx->hold) {
        ngx_http_reauth_wait_done(ctx->hold);

    } else {
        ctx->gate = NGX_HTTP_REAUTH_GATE_CLOSED;
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_CLOSED);
    }

    rc = ngx_http_reauth_body_refuse(r);

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_gate_send(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       &account,
                                       found == NGX_BUSY ? NULL : closed);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* an account that is open; the call may have been held */

static ngx_http_reauth_apart ngx_int_t
ngx_http_reauth_gate_release(ngx_http_reauth_ctx_t *ctx)
{
    if (ctx->hold) {
        ngx_http_reauth_wait_done(ctx->hold);
    }

    return NGX_DECLINED;
}


/* an account that is not surely open */

static ngx_http_reauth_apart ngx_int_t
ngx_http_reauth_gate_judge(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_zone_t *zone,
    reauth_string_t account)
{
    int64_t                    now_ms;
    ngx_int_t                  rc;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_reauth_closed_t   closed;

    now_ms = ngx_http_reauth_now();

    rc = ngx_http_reauth_zone_gate(zone, (u_char *) account.data, account.len,
                                   now_ms, &closed);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK
            && now_ms >= closed.since_ms + (int64_t) lcf->gate_max))
    {
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

        return ctx ? ngx_http_reauth_gate_release(ctx) : NGX_DECLINED;
    }

    return ngx_http_reauth_gate_close(r, lcf, &account, rc, &closed);
}


static ngx_inline ngx_int_t
ngx_http_reauth_gate_check(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t account)
{
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_zone_t       *zone;
    ngx_http_reauth_main_conf_t  *mcf;

    if (account.len == 0 || lcf->gate == NGX_HTTP_REAUTH_GATE_OFF) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    zone = &mcf->store.zone;

    if (!ngx_http_reauth_zone_open(zone, account.data, account.len)) {
        return ngx_http_reauth_gate_judge(r, lcf, zone, account);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    return ctx ? ngx_http_reauth_gate_release(ctx) : NGX_DECLINED;
}


/* where the caller's token is asked for, or the account is not in the path */

static ngx_http_reauth_apart ngx_int_t
ngx_http_reauth_gate_authorize(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    ngx_int_t                rc;
    reauth_string_t          account;
    ngx_http_reauth_ctx_t   *ctx;

    account.len = 0;
    account.data = NULL;

    switch (ngx_http_reauth_gate_account(r, lcf, &account)) {

    case REAUTH_ACCOUNT_BAD:
        return ngx_http_reauth_gate_bad_path(r, lcf->gate_account != NULL);

    case REAUTH_ACCOUNT_NO_MEMORY:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default: /* REAUTH_ACCOUNT_NONE, REAUTH_ACCOUNT_FOUND */
        break;
    }

    if (lcf->authorize) {

        ctx = ngx_http_reauth_get_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->operation = REAUTH_OPERATION_CALL;
        ctx->account.data = (u_char *) account.data;
        ctx->account.len = account.len;

        rc = ngx_http_reauth_authorize_call(r);

        if (rc != NGX_DECLINED) {
            ngx_http_finalize_request(r, rc);
            return NGX_DONE;
        }
    }

    return ngx_http_reauth_gate_check(r, lcf, account);
}


/*
 * Requests that the module serves itself carry credentials, tokens or signed
 * events: their content handlers run here, before "mirror" copies what is sent.
 */

static ngx_http_reauth_apart ngx_int_t
ngx_http_reauth_gate_serve(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    if (r->content_handler == NULL
        || r->content_handler != lcf->handler
        || r != r->main)
    {
        return NGX_DECLINED;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, lcf->handler(r));

    return NGX_DONE;
}


ngx_int_t
ngx_http_reauth_gate_handler(ngx_http_request_t *r)
{
    reauth_string_t              account;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->guarded
        && r == r->main
        && ngx_http_reauth_origin(r, lcf) != NGX_DECLINED)
    {
        return NGX_DONE;
    }

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_OFF && !lcf->authorize) {
        return ngx_http_reauth_gate_serve(r, lcf);
    }

    if (r != r->main) {
        return NGX_DECLINED;
    }

    /*
     * nginx matched the decoded and merged path, but sends the raw one, in
     * which the upstream must not find another account.  A backslash is a
     * character as any other only to nginx, in a path that it has made, too.
     */

    if ((((r->complex_uri || r->quoted_uri) && r->valid_unparsed_uri)
         || memchr(r->uri.data, '\\', r->uri.len) != NULL)
        && reauth_route_raw_account(r->unparsed_uri.data, r->unparsed_uri.len,
                                    &account)
           == REAUTH_ACCOUNT_BAD)
    {
        return ngx_http_reauth_gate_bad_path(r, 0);
    }

    if (lcf->authorize || lcf->gate_account) {
        return ngx_http_reauth_gate_authorize(r, lcf);
    }

    account.len = 0;
    account.data = NULL;

    if (reauth_route_account(r->uri.data, r->uri.len, &account)
        == REAUTH_ACCOUNT_BAD)
    {
        return ngx_http_reauth_gate_bad_path(r, 0);
    }

    return ngx_http_reauth_gate_check(r, lcf, account);
}
