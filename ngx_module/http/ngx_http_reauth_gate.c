
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The gate: an account that logs in again gets a 503 that says how long and
 * why.  It runs in the preaccess phase, which "satisfy any" can't skip.
 */


#include "reauth_time.h"
#include "ngx_http_reauth.h"


reauth_account_result_t
ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account)
{
    ngx_str_t         value;
    reauth_id_kind_t  kind;

    if (lcf->gate_account == NULL) {
        return reauth_route_account(r->uri.data, r->uri.len, account);
    }

    if (ngx_http_complex_value(r, lcf->gate_account, &value) != NGX_OK) {
        return REAUTH_ACCOUNT_NONE;
    }

    account->data = value.data;
    account->len = value.len;

    kind = reauth_id_kind(account);

    return kind == REAUTH_ID_ACCOUNT || kind == REAUTH_ID_FANSLY
           ? REAUTH_ACCOUNT_FOUND : REAUTH_ACCOUNT_NONE;
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
    int64_t                       now_ms, left;
    ngx_uint_t                    typical;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    now_ms = ngx_http_reauth_now();

    switch (state) {

    case REAUTH_STATE_NEEDS_OTP:
    case REAUTH_STATE_NEEDS_FACE:
    case REAUTH_STATE_NEEDS_APP:

        /* nobody knows when a person acts */
        return lcf->retry_after_max;

    default:
        typical = ngx_http_reauth_zone_typical(&mcf->store.zone, auth_type);
        left = since_ms + (int64_t) typical - now_ms;
    }

    left = (ngx_min(left, deadline_ms - now_ms) + 999) / 1000;

    if (left < (int64_t) lcf->retry_after_min) {
        return lcf->retry_after_min;
    }

    return ngx_min((ngx_uint_t) left, lcf->retry_after_max);
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

    default:
        return NULL;
    }
}


static ngx_int_t
ngx_http_reauth_gate_headers(ngx_http_request_t *r, ngx_uint_t retry_after,
    const char *action)
{
    ngx_str_t  value;

    static ngx_str_t  no = ngx_string("false");

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", retry_after) - value.data;

    if (ngx_http_reauth_add_header(r, "Retry-After", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (action == NULL) {
        return NGX_OK;
    }

    return ngx_http_reauth_add_header(r, "x-should-retry", &no);
}


static ngx_int_t
ngx_http_reauth_gate_answer(ngx_http_request_t *r, ngx_str_t *account,
    const char *state, ngx_str_t *attempt, const char *since,
    ngx_uint_t retry_after, const char *action)
{
    u_char      *p;
    ngx_str_t    extra;
    const char  *message, *quote;

    p = ngx_pnalloc(r->pool, sizeof(",\"account_id\":\"\",\"state\":\"\","
                                    "\"attempt_id\":\"\",\"since\":\"\","
                                    "\"retry_after\":,\"action_required\":\"\"")
                             + REAUTH_ACCOUNT_MAX + REAUTH_ATTEMPT_MAX
                             + REAUTH_TIME_MS_SIZE + NGX_INT_T_LEN + 32);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = p;

#define reauth_put(text)  p = ngx_cpymem(p, text, sizeof(text) - 1)
#define reauth_put_string(s)  p = ngx_cpymem(p, s, ngx_strlen(s))

    reauth_put(",\"account_id\":\"");
    p = ngx_cpymem(p, account->data, account->len);
    reauth_put("\",\"state\":\"");
    reauth_put_string(state);

    if (attempt->len != 0) {
        reauth_put("\",\"attempt_id\":\"");
        p = ngx_cpymem(p, attempt->data, attempt->len);
        reauth_put("\"");

    } else {
        reauth_put("\",\"attempt_id\":null");
    }

    if (since != NULL) {
        reauth_put(",\"since\":\"");
        reauth_put_string(since);
        reauth_put("\"");

    } else {
        reauth_put(",\"since\":null");
    }

    reauth_put(",\"retry_after\":");
    p = ngx_sprintf(p, "%ui", retry_after);
    reauth_put(",\"action_required\":");

    quote = action ? "\"" : "";

    reauth_put_string(quote);
    reauth_put_string(action ? action : "null");
    reauth_put_string(quote);

#undef reauth_put
#undef reauth_put_string

    extra.len = p - extra.data;

    if (ngx_http_reauth_gate_headers(r, retry_after, action) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    message = action ? "The account is logging in again and waits for a "
                       "person to act."
                     : "The account is logging in again.";

    return ngx_http_reauth_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
               "SERVICE_UNAVAILABLE", message,
               "Calls for this account are held off until its "
               "re-authentication ends; retry after retry_after seconds.",
               &extra);
}


ngx_int_t
ngx_http_reauth_gate_send(ngx_http_request_t *r, ngx_str_t *account,
    ngx_http_reauth_closed_t *closed)
{
    char        since[REAUTH_TIME_MS_SIZE];
    ngx_str_t   attempt;
    ngx_uint_t  retry_after;

    attempt.data = closed->attempt;
    attempt.len = closed->attempt_len;

    (void) reauth_time_format_ms(since, closed->since_ms);

    retry_after = ngx_http_reauth_retry_after(r, closed->auth_type,
                                              closed->state, closed->since_ms,
                                              closed->deadline_ms);

    return ngx_http_reauth_gate_answer(r, account,
                         reauth_state_name(closed->state), &attempt, since,
                         retry_after,
                         ngx_http_reauth_action(closed->state,
                                                closed->action));
}


ngx_int_t
ngx_http_reauth_gate_send_loading(ngx_http_request_t *r, ngx_str_t *account)
{
    ngx_str_t  none = ngx_null_string;

    return ngx_http_reauth_gate_answer(r, account, "loading", &none, NULL, 1,
                                       NULL);
}


static ngx_int_t
ngx_http_reauth_gate_bad_path(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "BAD_PATH",
             "The path has a segment that begins as an account id but is none.",
             "An account id is acct_ or fansly_acct_ and 1 to 64 letters, "
             "digits, underscores or hyphens.", NULL);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
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
        return NGX_DECLINED;
    }

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_DRY_RUN) {
        ctx->gate = NGX_HTTP_REAUTH_GATE_WOULD_CLOSE;

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "reauth: the gate would be closed for account \"%V\"",
                      &account);

        return NGX_DECLINED;
    }

    ctx->gate = NGX_HTTP_REAUTH_GATE_CLOSED;

    /* a body is discarded by ngx_http_finalize_request() as it is needed */

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = found == NGX_BUSY
             ? ngx_http_reauth_gate_send_loading(r, &account)
             : ngx_http_reauth_gate_send(r, &account, closed);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_reauth_gate_handler(ngx_http_request_t *r)
{
    int64_t                       now_ms;
    ngx_int_t                     rc;
    reauth_string_t               account;
    ngx_http_reauth_closed_t      closed;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_OFF || r != r->main) {
        return NGX_DECLINED;
    }

    switch (ngx_http_reauth_gate_account(r, lcf, &account)) {

    case REAUTH_ACCOUNT_FOUND:
        break;

    case REAUTH_ACCOUNT_BAD:
        return ngx_http_reauth_gate_bad_path(r);

    default:
        return NGX_DECLINED;
    }

    /*
     * nginx found the account in the decoded and merged path; let the same
     * one be sent, not the raw one, which may say something else.
     */

    if (r->complex_uri || r->quoted_uri) {
        r->valid_unparsed_uri = 0;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    now_ms = ngx_http_reauth_now();

    rc = ngx_http_reauth_zone_gate(&mcf->store.zone, (u_char *) account.data,
                                   account.len, now_ms, &closed);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK
            && now_ms >= closed.since_ms + (int64_t) lcf->gate_max))
    {
        return NGX_DECLINED;
    }

    return ngx_http_reauth_gate_close(r, lcf, &account, rc, &closed);
}
