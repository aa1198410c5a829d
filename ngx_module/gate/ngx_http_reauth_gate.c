
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The gate: calls of an account that logs in get 503 with the time to wait and
 * the reason.  It runs in the precontent phase: after all limits and access
 * checks, so that a denied request gets no information and is not held, and
 * before the request is forwarded.  "satisfy any" does not skip it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_prefer.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_usage.h"
#include "ngx_http_reauth_origin.h"
#include "ngx_http_reauth_wait.h"


/* whether to log open gates: one condition on the fast path */

#if (NGX_DEBUG)
#define ngx_http_reauth_gate_is_debugged(r)                                   \
    ((r)->connection->log->log_level & NGX_LOG_DEBUG_HTTP)
#else
#define ngx_http_reauth_gate_is_debugged(r)  0
#endif


static ngx_uint_t ngx_http_reauth_gate_opened(ngx_http_reauth_wait_t *wait);
static void ngx_http_reauth_gate_resume(ngx_http_reauth_wait_t *wait);


reauth_account_result_t
ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account)
{
    return lcf->gate_account == NULL
           ? reauth_route_account(r->uri.data, r->uri.len, account)
           : ngx_http_reauth_gate_account_value(r, lcf, account);
}


ngx_uint_t
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


/* "wait" of the Prefer header, in seconds; 0: not specified */

static ngx_uint_t
ngx_http_reauth_gate_prefer(ngx_http_request_t *r)
{
    ngx_uint_t                      seconds;
    ngx_table_elt_t                *h;
    reauth_string_t                 value;
    ngx_http_reauth_header_walk_t   walk;

    ngx_memzero(&walk, sizeof(ngx_http_reauth_header_walk_t));

    do {
        h = ngx_http_reauth_find_next_header(r, &walk, "prefer",
                                             sizeof("prefer") - 1);
        if (h == NULL) {
            return 0;
        }

        value.data = h->value.data;
        value.len = h->value.len;

        seconds = reauth_prefer_wait(&value);

    } while (seconds == 0);

    return seconds;
}


/* the call is held for the first time */

static ngx_int_t
ngx_http_reauth_gate_held(ngx_http_request_t *r, ngx_http_reauth_ctx_t *ctx,
    ngx_http_reauth_wait_t *wait, ngx_msec_t hold)
{
    ngx_str_t  value;

    ctx->hold = wait;
    ctx->gate = NGX_HTTP_REAUTH_GATE_HELD;

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_HELD);

    value.data = ngx_pnalloc(r->pool, sizeof("wait=") - 1 + NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "wait=%M", (hold + 999) / 1000)
                - value.data;

    return ngx_http_reauth_add_header(r, "Preference-Applied", &value);
}


/*
 * NGX_AGAIN: the call is held; the phase handler runs again when the gate has
 * opened or the time is over.  NGX_DECLINED: reject it with 503 now.
 */

static ngx_int_t
ngx_http_reauth_gate_hold(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_ctx_t *ctx,
    ngx_http_reauth_closed_t *closed)
{
    int64_t                  now_ms, until_ms;
    ngx_int_t                rc;
    ngx_msec_t               hold;
    ngx_http_reauth_wait_t  *wait;

    if (lcf->gate_hold == 0 || ngx_http_reauth_wait_ending()) {
        return NGX_DECLINED;
    }

    hold = ngx_http_reauth_gate_prefer(r) * 1000;
    hold = ngx_min(hold, lcf->gate_hold);

    /*
     * Counted from the request's start: an internal redirect does not extend
     * it.
     */

    now_ms = ngx_http_reauth_now();

    until_ms = ngx_http_reauth_began_ms(r) + (int64_t) hold;
    until_ms = ngx_min(until_ms,
                       reauth_gate_until_ms(closed->override, closed->since_ms,
                                            closed->deadline_ms,
                                            (int64_t) lcf->gate_max));

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

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" closed, the call is held for "
                   "at most %L ms", &ctx->account, until_ms - now_ms);

    if (ctx->hold == NULL
        && ngx_http_reauth_gate_held(r, ctx, wait, hold) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/* it is closed according to the zone, which does not know reauth_gate_max */

static ngx_uint_t
ngx_http_reauth_gate_is_over(ngx_http_reauth_loc_conf_t *lcf,
    ngx_http_reauth_closed_t *closed)
{
    return !reauth_gate_is_closed(closed->override, closed->since_ms,
                                  closed->deadline_ms,
                                  (int64_t) lcf->gate_max, closed->now_ms);
}


static ngx_uint_t
ngx_http_reauth_gate_opened(ngx_http_reauth_wait_t *wait)
{
    ngx_int_t                    rc;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_closed_t     closed;
    ngx_http_reauth_loc_conf_t  *lcf;

    r = wait->request;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    rc = ngx_http_reauth_zone_gate(wait->zone, ctx->account.data,
                                   ctx->account.len, &closed);

    return rc == NGX_DECLINED
           || (rc == NGX_OK && ngx_http_reauth_gate_is_over(lcf, &closed));
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
ngx_http_reauth_gate_variables(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, ngx_http_reauth_closed_t *closed)
{
    ctx->state = closed->state;
    ctx->auth_type = closed->auth_type;

    ctx->attempt.len = closed->attempt_len;
    ctx->attempt.data = ngx_pnalloc(r->pool, REAUTH_ATTEMPT_MAX);
    if (ctx->attempt.data == NULL) {
        return NGX_ERROR;
    }

    /* of a constant length, so that it is inline */

    ngx_memcpy(ctx->attempt.data, closed->attempt, REAUTH_ATTEMPT_MAX);

    return NGX_OK;
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

    if (found == NGX_OK
        && ngx_http_reauth_gate_variables(r, ctx, closed) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->gate_bypass != NULL && ngx_http_reauth_gate_bypassed(r, lcf)) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth gate: account \"%V\" closed, bypassed by "
                       "reauth_gate_bypass", &account);

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

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" closed, %s%s", &account,
                   found == NGX_OK ? "state "
                                   : "the accounts have not been read yet",
                   found == NGX_OK ? reauth_state_name(ctx->state) : "");

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


/* the gate is open; the call may have been held */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_release(ngx_http_reauth_ctx_t *ctx)
{
    if (ctx->hold) {
        ngx_http_reauth_wait_done(ctx->hold);
    }

    return NGX_DECLINED;
}


/* the gate may be closed */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_judge(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_zone_t *zone,
    reauth_string_t account)
{
    ngx_int_t                  rc;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_reauth_closed_t   closed;

    rc = ngx_http_reauth_zone_gate(zone, (u_char *) account.data, account.len,
                                   &closed);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && ngx_http_reauth_gate_is_over(lcf, &closed)))
    {
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth gate: account \"%*s\" open, %s", account.len,
                       account.data,
                       rc == NGX_OK ? "reauth_gate_max is over"
                       : closed.override == REAUTH_OVERRIDE_OPEN
                                    ? "by an override"
                                    : "no attempt is active");

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

    if (!ngx_http_reauth_zone_open(zone, account.data, account.len)
        || ngx_http_reauth_gate_is_debugged(r))
    {
        return ngx_http_reauth_gate_judge(r, lcf, zone, account);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    return ctx ? ngx_http_reauth_gate_release(ctx) : NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_gate_again(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t account)
{
    return ngx_http_reauth_gate_check(r, lcf, account);
}


/* the caller must be authenticated, or the account is not in the path */

static ngx_http_reauth_noinline ngx_int_t
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

        if (rc == NGX_DECLINED && ctx->known->caller->budget.credits != 0) {
            rc = ngx_http_reauth_usage_budget(r);
        }

        if (rc != NGX_DECLINED) {
            ngx_http_finalize_request(r, rc);
            return NGX_DONE;
        }
    }

    return ngx_http_reauth_gate_check(r, lcf, account);
}


/*
 * Requests served by the module contain credentials, tokens or signed events:
 * their content handlers run in this phase, before "mirror" copies the body.
 */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_serve(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    /* the key without a gate and callers */

    if (r->complex_uri && r == r->main
        && lcf->key != NULL && lcf->content_handler != NULL
        && reauth_route_has_fragment(r->unparsed_uri.data,
                                     r->unparsed_uri.len))
    {
        return ngx_http_reauth_gate_bad_path(r, 0);
    }

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


/*
 * not inline: a local variable whose address is taken gets a stack protector
 */

static ngx_http_reauth_noinline ngx_uint_t
ngx_http_reauth_gate_raw_is_bad(ngx_http_request_t *r)
{
    reauth_string_t  account;

    if (reauth_route_has_fragment(r->unparsed_uri.data, r->unparsed_uri.len)) {
        return 1;
    }

    /* a changed path is sent instead of the raw one */

    if (!r->valid_unparsed_uri
        && memchr(r->uri.data, '\\', r->uri.len) == NULL)
    {
        return 0;
    }

    return reauth_route_raw_account(r->unparsed_uri.data, r->unparsed_uri.len,
                                    &account)
           == REAUTH_ACCOUNT_BAD;
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
     * nginx matches the decoded and merged path, but sends the raw one, in
     * which the upstream must not find another account.  Unlike nginx, other
     * programs may treat a backslash as a slash.  nginx sets "complex_uri" for
     * a "#" in the query, too.
     */

    if ((r->complex_uri || r->quoted_uri
         || memchr(r->uri.data, '\\', r->uri.len) != NULL)
        && ngx_http_reauth_gate_raw_is_bad(r))
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
