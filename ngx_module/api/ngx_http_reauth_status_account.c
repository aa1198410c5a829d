
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/accounts/{id} and /reauth/gate/{id}: one account, now or when it
 * has changed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_store_read.h"


/* a request that waits for a change of one account */

typedef struct {
    ngx_str_t                           account;
    uint64_t                            epoch;
    uint64_t                            stamp;  /* of the override in effect */
    int64_t                             updated_ms;
    ngx_uint_t                          state;
} ngx_http_reauth_status_account_wait_t;


uint64_t
ngx_http_reauth_status_stamp(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account)
{
    reauth_override_t  override;

    return ngx_http_reauth_zone_get_override(zone, account, &override) == NGX_OK
           && reauth_override_gate(&override, ngx_http_reauth_now())
              != REAUTH_OVERRIDE_NONE
           ? override.stamp : 0;
}


/*
 * The record, and the stamp of the override in effect.  NGX_DECLINED: neither
 * is known.
 */

static ngx_int_t
ngx_http_reauth_status_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record, uint64_t *stamp)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_zone_show(zone, account, record);

    *stamp = ngx_http_reauth_status_stamp(zone, account);

    return *stamp ? NGX_OK : rc;
}


static ngx_int_t
ngx_http_reauth_status_bad_id(ngx_http_request_t *r, const char *text)
{
    json_t  *errors;

    static ngx_str_t  name = ngx_string("account_id");

    errors = NULL;

    if (ngx_http_reauth_status_add_error(&errors, &name, text) != NGX_OK) {
        json_decref(errors);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_invalid(r, errors);
}


/* the account is also set for variables */

ngx_int_t
ngx_http_reauth_status_id(ngx_http_request_t *r, ngx_str_t *rest,
    unsigned scope, reauth_string_t *account, ngx_int_t *rc)
{
    ngx_http_reauth_ctx_t  *ctx;

    account->data = rest->data;
    account->len = rest->len;

    if (!reauth_id_is_account(account)) {
        *rc = ngx_http_reauth_status_bad_id(r,
                  "must be acct_, fansly_acct_ or fanvue_acct_ and 1 to 64 of "
                  "A-Z, a-z, 0-9, _ and -");
        return NGX_DECLINED;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->account = *rest;

    *rc = ngx_http_reauth_authorize(r, scope, account);

    return *rc == NGX_DECLINED ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_reauth_status_account_lost(ngx_http_request_t *r)
{
    return ngx_http_reauth_status_unavailable(r, REAUTH_ERROR_STORE_UNAVAILABLE,
               "The account is unknown to this gateway, and Redis is "
               "unavailable.",
               "Retry when readyz reports ready.");
}


ngx_int_t
ngx_http_reauth_status_account_unknown(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_http_reauth_store_t *store)
{
    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_gate_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, rest,
                                         NULL);
    }

    if (ngx_http_reauth_status_degraded(store)) {
        return ngx_http_reauth_status_account_lost(r);
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_NOT_FOUND,
               "The account is unknown.",
               "This gateway has seen no active attempt of it since nginx was "
               "started, or its record has expired. Its gate is open.", NULL);
}


/* "read": what Redis has, or NULL; used if the zone has nothing */

static ngx_int_t
ngx_http_reauth_status_account_answer(ngx_http_request_t *r,
    ngx_str_t *account, const ngx_http_reauth_read_t *read)
{
    u_char                          etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    int64_t                         now_ms;
    uint64_t                        stamp;
    reauth_record_t                 record;
    reauth_string_t                 id;
    ngx_http_reauth_ctx_t          *ctx;
    ngx_http_reauth_store_t        *store;
    ngx_http_reauth_status_text_t   text;

    store = ngx_http_reauth_status_store(r);

    id.data = account->data;
    id.len = account->len;

    if (ngx_http_reauth_status_find(&store->zone, &id, &record, &stamp)
        != NGX_OK)
    {
        if (read != NULL && read->failed) {
            return ngx_http_reauth_status_account_lost(r);
        }

        if (read == NULL || read->record.state == REAUTH_STATE_NONE) {
            return ngx_http_reauth_status_account_unknown(r, account, store);
        }

        record = read->record;
    }

    now_ms = ngx_http_reauth_now();
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ctx->state = reauth_record_state(&record, now_ms);
    ctx->auth_type = record.auth_type;

    ctx->attempt.len = ngx_strlen(record.attempt);
    ctx->attempt.data = ngx_pnalloc(r->pool, ctx->attempt.len + 1);
    if (ctx->attempt.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(ctx->attempt.data, record.attempt, ctx->attempt.len);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_add_record(r, &text, &record, now_ms) != NGX_OK
        || ngx_http_reauth_status_etag(r, etag,
                            ngx_http_reauth_status_account_etag(etag, &record,
                                                                stamp))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_send(r, &text);
}


static ngx_int_t
ngx_http_reauth_status_account_continue(ngx_http_request_t *r, void *read)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    return ngx_http_reauth_status_account_answer(r, &ctx->account, read);
}


static void
ngx_http_reauth_status_account_handler(ngx_http_reauth_read_t *read)
{
    ngx_http_reauth_status_continue(read->data,
                                    ngx_http_reauth_status_account_continue,
                                    read);
}


static void
ngx_http_reauth_status_account_cleanup(void *data)
{
    ngx_http_reauth_ctx_t *ctx = data;

    if (ctx->data) {
        ngx_http_reauth_store_read_detach(ctx->data);
    }
}


/*
 * An attempt that ended before this gateway was started is in Redis only, for a
 * day.
 */

static ngx_int_t
ngx_http_reauth_status_account_get(ngx_http_request_t *r, ngx_str_t *name)
{
    uint64_t                  stamp;
    reauth_record_t           record;
    reauth_string_t           id;
    ngx_http_cleanup_t       *cln;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_store_t  *store;

    store = ngx_http_reauth_status_store(r);

    id.data = name->data;
    id.len = name->len;

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())
        || ngx_http_reauth_status_find(&store->zone, &id, &record, &stamp)
           == NGX_OK)
    {
        return ngx_http_reauth_status_account_answer(r, name, NULL);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = ngx_http_reauth_store_read(store, &id,
                    ngx_http_reauth_status_account_handler, r);

    if (ctx->data == NULL) {
        return ngx_http_reauth_status_account_answer(r, name, NULL);
    }

    cln->handler = ngx_http_reauth_status_account_cleanup;
    cln->data = ctx;

    r->main->count++;

    return NGX_DONE;
}


static ngx_uint_t
ngx_http_reauth_status_account_ready(ngx_http_reauth_wait_t *wait)
{
    uint64_t                                stamp;
    reauth_record_t                         record;
    reauth_string_t                         id;
    ngx_http_reauth_status_account_wait_t  *account;

    account = wait->data;

    id.data = account->account.data;
    id.len = account->account.len;

    return ngx_http_reauth_status_find(wait->zone, &id, &record, &stamp)
           != NGX_OK
           || stamp != account->stamp
           || record.epoch != account->epoch
           || record.updated_ms != account->updated_ms
           || record.state != account->state;
}


static void
ngx_http_reauth_status_account_resume(ngx_http_reauth_wait_t *wait)
{
    ngx_int_t                               rc;
    reauth_string_t                         name;
    ngx_http_reauth_status_account_wait_t  *account;

    account = wait->data;

    name.data = account->account.data;
    name.len = account->account.len;

    ngx_http_reauth_wait_done(wait);

    rc = ngx_http_reauth_authorize(wait->request, REAUTH_SCOPE_STATUS, &name);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_status_account_answer(wait->request,
                                                   &account->account, NULL);
    }

    ngx_http_finalize_request(wait->request, rc);
}


static ngx_int_t
ngx_http_reauth_status_account_wait(ngx_http_request_t *r, ngx_str_t *name,
    ngx_msec_t msec)
{
    size_t                                  len;
    u_char                                  etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    int64_t                                 wait_ms;
    uint64_t                                stamp;
    ngx_int_t                               rc;
    reauth_record_t                         record;
    reauth_string_t                         id;
    ngx_http_reauth_wait_t                 *wait;
    ngx_http_reauth_store_t                *store;
    ngx_http_reauth_status_account_wait_t  *account;

    store = ngx_http_reauth_status_store(r);

    id.data = name->data;
    id.len = name->len;

    if (ngx_http_reauth_wait_ending()
        || ngx_http_reauth_status_find(&store->zone, &id, &record, &stamp)
           != NGX_OK)
    {
        return ngx_http_reauth_status_account_get(r, name);
    }

    wait_ms = reauth_status_wait_ms(&record, ngx_http_reauth_now(),
                                    (int64_t) msec);
    if (wait_ms == 0) {
        return ngx_http_reauth_status_account_answer(r, name, NULL);
    }

    len = ngx_http_reauth_status_account_etag(etag, &record, stamp);

    if (ngx_http_reauth_status_seen_other(r, etag, len)) {
        return ngx_http_reauth_status_account_answer(r, name, NULL);
    }

    rc = ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_STATUS, &wait);

    if (rc != NGX_OK) {
        return rc == NGX_BUSY ? ngx_http_reauth_status_busy(r)
                              : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    account = ngx_palloc(r->pool,
                         sizeof(ngx_http_reauth_status_account_wait_t));
    if (account == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    account->account = *name;
    account->epoch = record.epoch;
    account->stamp = stamp;
    account->updated_ms = record.updated_ms;
    account->state = record.state;

    wait->ready = ngx_http_reauth_status_account_ready;
    wait->resume = ngx_http_reauth_status_account_resume;
    wait->data = account;

    return ngx_http_reauth_status_park(r, wait, (ngx_msec_t) wait_ms);
}


ngx_int_t
ngx_http_reauth_status_account(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                        rc;
    ngx_str_t                        name;
    ngx_uint_t                       timeline;
    reauth_string_t                  account;
    ngx_http_reauth_status_query_t   query;

    static ngx_str_t  suffix = ngx_string("/timeline");

    name = *rest;

    timeline = name.len > suffix.len
               && ngx_strncmp(name.data + name.len - suffix.len, suffix.data,
                              suffix.len)
                  == 0;

    if (timeline) {
        name.len -= suffix.len;
    }

    query.wait = 0;

    if (ngx_http_reauth_status_id(r, &name, REAUTH_SCOPE_STATUS, &account, &rc)
        != NGX_OK
        || ngx_http_reauth_status_args(r,
                             timeline ? ngx_http_reauth_status_no_params
                                      : ngx_http_reauth_status_account_params,
                             &query, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (timeline) {
        return ngx_http_reauth_timeline(r, &name);
    }

    return query.wait
           ? ngx_http_reauth_status_account_wait(r, &name, query.wait)
           : ngx_http_reauth_status_account_get(r, &name);
}


/*
 * For authorization requests of other proxies.  The query string may be that
 * of the original request and is ignored.
 */

ngx_int_t
ngx_http_reauth_status_gate(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                      rc;
    ngx_str_t                      body;
    reauth_string_t                account;
    ngx_http_reauth_ctx_t         *ctx;
    ngx_http_reauth_store_t       *store;
    ngx_http_reauth_closed_t       closed;
    ngx_http_reauth_status_gate_t  status;

    static ngx_str_t  open = ngx_string("{\"gate\":\"open\"}");
    static ngx_str_t  challenge = ngx_string("Bearer realm=\"nginx-reauth\"");

    /*
     * Checked as in the path of a call: it may come from a client of the
     * proxy.
     */

    if (r->valid_unparsed_uri && (r->complex_uri || r->quoted_uri)) {
        return ngx_http_reauth_status_bad_id(r,
                   "must be in its plain form, in a path without "
                   "percent-encoding, dot segments and empty segments");
    }

    if (ngx_http_reauth_status_id(r, rest, REAUTH_SCOPE_STATUS, &account, &rc)
        != NGX_OK)
    {
        return rc;
    }

    status.open = NGX_HTTP_NO_CONTENT;
    status.closed = NGX_HTTP_SERVICE_UNAVAILABLE;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_gate_params,
                                    &status, &rc)
        != NGX_OK)
    {
        return rc;
    }

    store = ngx_http_reauth_status_store(r);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    rc = ngx_http_reauth_zone_gate(&store->zone, rest->data, rest->len,
                                   &closed);

    if (rc == NGX_DECLINED) {
        ctx->gate = NGX_HTTP_REAUTH_GATE_OPEN;
        ngx_str_null(&body);

        if (status.open == NGX_HTTP_OK) {
            body = open;
        }

        return ngx_http_reauth_send(r, status.open, &body);
    }

    ctx->gate = NGX_HTTP_REAUTH_GATE_CLOSED;

    if (status.closed == NGX_HTTP_UNAUTHORIZED
        && ngx_http_reauth_add_header(r, "WWW-Authenticate", &challenge)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_reauth_gate_send(r, status.closed, rest, NULL);
    }

    ctx->state = closed.state;
    ctx->auth_type = closed.auth_type;

    return ngx_http_reauth_gate_send(r, status.closed, rest, &closed);
}
