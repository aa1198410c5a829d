
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The authenticate family.  A request is read and validated, begun in the store
 * if it starts a login, forwarded, settled, and answered, in this order.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_public_url.h"
#include "ngx_http_reauth_secret.h"


#define NGX_HTTP_REAUTH_BODY_MAX     65536


static void ngx_http_reauth_authenticate_body(ngx_http_request_t *r,
    ngx_int_t rc, void *data);


static ngx_uint_t
ngx_http_reauth_authenticate_starts(ngx_http_reauth_authenticate_t *a)
{
    return a->route.operation == REAUTH_OPERATION_UPDATE
           || a->route.operation == REAUTH_OPERATION_REAUTHENTICATE;
}


static ngx_uint_t
ngx_http_reauth_authenticate_has_body(ngx_http_reauth_authenticate_t *a)
{
    return a->route.operation == REAUTH_OPERATION_UPDATE
           || a->route.operation == REAUTH_OPERATION_START
           || a->route.operation == REAUTH_OPERATION_SUBMIT_2FA;
}


/* runs however the request ends: settles what was begun, frees what is held */

static void
ngx_http_reauth_authenticate_cleanup(void *data)
{
    ngx_http_reauth_authenticate_t *a = data;

    if (a->op) {

        /* begun, but never forwarded */

        ngx_http_reauth_store_detach(a->op);
        a->op = NULL;
    }

    if (a->outcome_op) {
        a->outcome_op->handler = NULL;
        a->outcome_op = NULL;
    }

    if (a->wait.timer_set) {
        ngx_del_timer(&a->wait);
    }

    ngx_http_reauth_coalesce_leave(a);

    if (a->epoch) {
        ngx_http_reauth_authenticate_settle(&a->forward);
    }

    ngx_http_reauth_body_cleanse(a->request, &a->body);
    reauth_credentials_free(&a->credentials);
    reauth_update_answer_free(&a->answer);

    if (a->forward.capture.body.len) {
        ngx_explicit_memzero(a->forward.capture.body.data,
                             a->forward.capture.body.len);
    }
}


void
ngx_http_reauth_authenticate_finalize(ngx_http_reauth_authenticate_t *a,
    ngx_int_t rc)
{
    ngx_uint_t         client_event;
    ngx_connection_t  *c;

    /* must be the last use of the request: it may be freed here */

    c = a->request->connection;
    client_event = a->client_event;

    ngx_http_finalize_request(a->request, rc);

    /* prevents the request from being freed inside the content handler */

    if (!client_event) {
        ngx_http_run_posted_requests(c);
    }
}


static void
ngx_http_reauth_authenticate_variables(ngx_http_reauth_ctx_t *ctx,
    reauth_route_t *route)
{
    ngx_str_t  *id;

    ctx->operation = route->operation;

    id = route->kind == REAUTH_ID_ATTEMPT ? &ctx->attempt : &ctx->account;

    id->data = (u_char *) route->id.data;
    id->len = route->id.len;
}


ngx_int_t
ngx_http_reauth_authenticate_still(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t                    rc;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(a->request, ngx_http_reauth_module);

    if (lcf->callers == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_reauth_authorize(a->request, a->scope, &a->account);

    /* an update is settled before its response is sent */

    if (rc != NGX_DECLINED && a->epoch) {
        ngx_http_reauth_authenticate_settle(&a->forward);
    }

    return rc;
}


/*
 * Finds the account of the attempt, which may have ended, because polls may
 * be repeated; empty if it is not known.  The name is set in either case, see
 * ngx_http_reauth_zone_find_owner().
 */

static ngx_int_t
ngx_http_reauth_authenticate_find_owner(ngx_http_reauth_authenticate_t *a)
{
    char                          name[REAUTH_ACCOUNT_MAX + 1];
    ngx_int_t                     rc;
    ngx_str_t                     account;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    rc = ngx_http_reauth_zone_find_owner(&mcf->store.zone, &a->route.id, name);

    ngx_str_null(&account);
    ngx_http_reauth_keep_name(a->request, &account, name);

    if (rc == NGX_OK && account.len == 0) {
        return NGX_ERROR;
    }

    a->account.data = account.data;
    a->account.len = rc == NGX_OK ? account.len : 0;

    return NGX_OK;
}


/*
 * Checks whether the caller is allowed to do this.  An attempt of an unknown
 * account may be made up, and a request to the upstream costs credits: only
 * callers that are not confined to accounts can use it.
 */

static ngx_int_t
ngx_http_reauth_authenticate_authorize(ngx_http_reauth_authenticate_t *a)
{
    reauth_route_t              *route;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(a->request, ngx_http_reauth_module);

    if (lcf->callers == NULL) {
        return NGX_DECLINED;
    }

    route = &a->route;

    switch (route->operation) {

    case REAUTH_OPERATION_UPDATE:
    case REAUTH_OPERATION_START:
    case REAUTH_OPERATION_REAUTHENTICATE:
        a->scope = REAUTH_SCOPE_UPDATE;
        break;

    default:
        a->scope = REAUTH_SCOPE_ATTEMPT;
    }

    a->account = route->id;

    if (route->kind == REAUTH_ID_ATTEMPT
        && ngx_http_reauth_authenticate_find_owner(a) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_authenticate_still(a);
}


/* the request body, if the operation has one */

static ngx_int_t
ngx_http_reauth_authenticate_take(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = a->request;

    if (!ngx_http_reauth_authenticate_has_body(a)) {

        rc = ngx_http_reauth_body_refuse(r);
        if (rc != NGX_OK) {
            return rc;
        }

        r->main->count++;
        ngx_http_reauth_authenticate_body(r, NGX_OK, a);

        return NGX_DONE;
    }

    if (!ngx_http_reauth_media_type_supported(r)) {
        rc = ngx_http_reauth_body_refuse(r);
        return rc == NGX_OK ? ngx_http_reauth_unsupported_media_type(r) : rc;
    }

    a->body.max = NGX_HTTP_REAUTH_BODY_MAX;
    a->body.handler = ngx_http_reauth_authenticate_body;
    a->body.data = a;

    return ngx_http_reauth_body_read(r, &a->body);
}


ngx_int_t
ngx_http_reauth_authenticate_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    reauth_route_t                   route;
    reauth_string_t                  method, path;
    ngx_http_cleanup_t              *cln;
    reauth_route_result_t            result;
    ngx_http_reauth_ctx_t           *ctx;
    ngx_http_reauth_authenticate_t  *a;

    if (r != r->main) {
        return ngx_http_reauth_refuse_subrequest(r, "reauth_authenticate");
    }

    ctx = ngx_http_reauth_serve_ctx(r, REAUTH_OPERATION_NONE);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    method.data = r->method_name.data;
    method.len = r->method_name.len;
    path.data = r->unparsed_uri.data;
    path.len = r->unparsed_uri.len;

    result = reauth_route(&method, &path, &route);

    if (result != REAUTH_ROUTE_OK) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth route: refused, %s",
                       reauth_route_result_name(result));

        rc = ngx_http_reauth_body_refuse(r);
        return rc == NGX_OK ? ngx_http_reauth_not_routed(r, result, &route)
                            : rc;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth route: %s of \"%*s\"",
                   reauth_operation_name(route.operation), route.id.len,
                   route.id.data);

    ngx_http_reauth_authenticate_variables(ctx, &route);

    a = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_authenticate_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (a == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->request = r;
    a->route = route;
    a->forward.data = a;

    cln->handler = ngx_http_reauth_authenticate_cleanup;
    cln->data = a;

    rc = ngx_http_reauth_authenticate_authorize(a);

    ngx_http_reauth_forget_token(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_reauth_public_url(r, &a->origin) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_authenticate_take(a);
}


reauth_seal_t *
ngx_http_reauth_authenticate_seal(ngx_http_request_t *r)
{
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (mcf->master_secret) {
        return mcf->master_secret->seal;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    return lcf->key->seal;
}


/* the account has no ID yet, so no attempt is begun */

static ngx_uint_t
ngx_http_reauth_authenticate_may_start(ngx_http_request_t *r)
{
    reauth_begin_t                begin;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_main_conf_t  *mcf;

    ngx_memzero(&begin, sizeof(reauth_begin_t));

    ngx_http_reauth_caller_bounds(r, &begin);

    if (!begin.bounded) {
        return 1;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    begin.caller.data = ctx->caller.data;
    begin.caller.len = ctx->caller.len;

    return ngx_http_reauth_zone_may_begin(&mcf->store.zone, &begin);
}


static ngx_int_t
ngx_http_reauth_too_many_attempts(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    static ngx_str_t  retry = ngx_string("10");

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_ATTEMPTS);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: caller \"%V\" has too many active attempts: limit "
                  "reached, see \"attempts=\" of its line in "
                  "\"reauth_callers_file\" and the size of \"reauth_zone\"",
                  &ctx->caller);

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_TOO_MANY_ATTEMPTS,
               "The caller has too many active login attempts.",
               "Nothing was sent to the upstream. Wait until some of the "
               "attempts have ended; accounts with an active attempt can "
               "still be updated.", NULL);
}


static void
ngx_http_reauth_authenticate_body(ngx_http_request_t *r, ngx_int_t rc,
    void *data)
{
    ngx_http_reauth_authenticate_t *a = data;

    reauth_string_t  body;

    a->client_event = 1;

    if (rc != NGX_OK) {
        rc = ngx_http_reauth_body_failed(r, rc);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    if (ngx_http_reauth_authenticate_has_body(a)) {

        rc = ngx_http_reauth_authenticate_parse(a);

        if (rc != NGX_DECLINED) {
            ngx_http_reauth_authenticate_finalize(a, rc);
            return;
        }
    }

    if (a->route.operation == REAUTH_OPERATION_START
        && !ngx_http_reauth_authenticate_may_start(r))
    {
        rc = ngx_http_reauth_too_many_attempts(r);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    if (!ngx_http_reauth_authenticate_starts(a)) {
        ngx_http_reauth_authenticate_forward(a);
        return;
    }

    if (a->route.operation == REAUTH_OPERATION_UPDATE) {
        body.data = (u_char *) a->credentials.body;
        body.len = a->credentials.body_len;

        if (reauth_seal_fingerprint(ngx_http_reauth_authenticate_seal(r),
                                    &a->route.id, &body, a->fingerprint)
            != 0)
        {
            ngx_http_reauth_authenticate_finalize(a,
                                             NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    ngx_http_reauth_authenticate_begin(a);
}


static ngx_int_t
ngx_http_reauth_store_unavailable(ngx_http_request_t *r, ngx_int_t rc)
{
    static ngx_str_t  retry = ngx_string("2");

    ngx_http_reauth_count_update(r, NGX_HTTP_REAUTH_UPDATE_UNAVAILABLE);

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_STORE_UNAVAILABLE,
                   "Redis is unavailable or rejects writes.",
                   "Nothing was sent to the upstream. Retry later.", NULL);
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_STORE_UNAVAILABLE,
               "The shared memory of the gateway has no room for another "
               "active account.",
               "Nothing was sent to the upstream. The gateway's operator must "
               "increase the size of reauth_zone.", NULL);
}


static void
ngx_http_reauth_authenticate_begun(ngx_http_reauth_store_op_t *op)
{
    ngx_int_t                        rc;
    ngx_http_request_t              *r;
    ngx_http_reauth_ctx_t           *ctx;
    ngx_http_reauth_authenticate_t  *a;

    a = op->data;
    r = a->request;

    a->op = NULL;
    a->client_event = 0;

    if (op->rc != NGX_OK || op->begun != REAUTH_BEGIN_WAIT) {
        ngx_http_reauth_coalesce_leave(a);
    }

    if (op->rc != NGX_OK) {
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth begin: account \"%*s\" refused, %s",
                       a->route.id.len, a->route.id.data,
                       op->rc == NGX_BUSY ? "Redis is unavailable"
                                          : "no memory or reauth_zone is full");

        rc = ngx_http_reauth_store_unavailable(r, op->rc);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    ngx_log_debug6(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth begin: account \"%*s\" %s, epoch %uL, state %s, "
                   "store %s", a->route.id.len, a->route.id.data,
                   reauth_begin_result_name(op->begun), op->record.epoch,
                   reauth_state_name(op->record.state),
                   op->local ? "local" : "redis");

    switch (op->begun) {

    case REAUTH_BEGIN_STARTED:
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
        ctx->stored = 1;
        ctx->local = op->local;
        ctx->state = REAUTH_STATE_STARTING;

        a->epoch = op->record.epoch;
        a->epoch_origin = op->record.origin;
        a->since_ms = op->record.since_ms;
        a->deadline_ms = op->record.deadline_ms;
        a->prior_known = op->prior_caller != NULL;

        if (a->prior_known) {
            ngx_memcpy(a->prior_caller, op->prior_caller,
                       sizeof(a->prior_caller));
        }

        ngx_http_reauth_authenticate_forward(a);
        return;

    case REAUTH_BEGIN_COALESCED:
        ngx_http_reauth_coalesce_repeat(a, &op->record);
        return;

    case REAUTH_BEGIN_TOO_MANY:
        rc = ngx_http_reauth_too_many_attempts(r);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;

    case REAUTH_BEGIN_SUPERSEDED:
        ngx_http_reauth_authenticate_finalize(a,
                                     ngx_http_reauth_coalesce_superseded(a));
        return;

    default: /* REAUTH_BEGIN_JOIN, REAUTH_BEGIN_WAIT */
        a->after.epoch = 0;
        a->joined.epoch = op->begun == REAUTH_BEGIN_JOIN ? op->record.epoch : 0;
        a->joined.origin = op->record.origin;
        a->joined.since_ms = op->record.since_ms;
        ngx_http_reauth_coalesce_wait(a);
    }
}


void
ngx_http_reauth_authenticate_begin(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t                     rc;
    reauth_begin_t                begin;
    ngx_http_request_t           *r;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    r = a->request;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    ngx_memzero(&begin, sizeof(reauth_begin_t));

    begin.now_ms = ngx_http_reauth_now();
    begin.gate_max_ms = lcf->gate_max;
    begin.auth_type = a->credentials.auth_type;
    begin.account = a->route.id;
    begin.caller.data = ctx->caller.data;
    begin.caller.len = ctx->caller.len;
    begin.resend = a->resend;
    begin.waited = a->placed;
    begin.joined = a->after.epoch;
    begin.joined_since = a->after.since_ms;

    ngx_http_reauth_caller_bounds(r, &begin);

    if (a->route.operation == REAUTH_OPERATION_UPDATE) {
        begin.source = REAUTH_SOURCE_UPDATE;
        begin.fingerprint = a->fingerprint;

    } else {
        begin.source = REAUTH_SOURCE_REAUTHENTICATE;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    a->op = ngx_http_reauth_store_begin(&mcf->store, &begin,
                                        ngx_http_reauth_authenticate_begun, a);
    if (a->op == NULL) {
        ngx_http_reauth_authenticate_finalize(a,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}
