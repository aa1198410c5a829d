
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Resources of the status that act on the gateway and require the scope
 * "operate".
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_time.h"
#include "ngx_http_reauth_operate.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_redact.h"


#define NGX_HTTP_REAUTH_OPERATE_BODY  4096

/* the size of a reason in the log if each byte is escaped */
#define NGX_HTTP_REAUTH_REASON_SHOWN  (4 * REAUTH_OVERRIDE_REASON_MAX         \
                                       + sizeof("..."))


/* ms until a caller with too many overrides should try again */
#define NGX_HTTP_REAUTH_OVERRIDE_RETRY  60000


static ngx_int_t ngx_http_reauth_operate_override(
    ngx_http_reauth_operate_t *op);
static ngx_int_t ngx_http_reauth_operate_forget(ngx_http_reauth_operate_t *op);
static ngx_int_t ngx_http_reauth_operate_drain(ngx_http_reauth_operate_t *op);


static ngx_http_reauth_operate_resource_t  ngx_http_reauth_operate_all[] = {

    { ngx_string("accounts/"), ngx_string("/override"), NGX_HTTP_PUT,
      REAUTH_OPERATE_GATE|REAUTH_OPERATE_FOR|REAUTH_OPERATE_REASON,
      ngx_string("PUT, DELETE"), NGX_HTTP_REAUTH_ACT_OVERRIDE,
      ngx_http_reauth_operate_override, 0 },
    { ngx_string("accounts/"), ngx_string("/override"), NGX_HTTP_DELETE, 0,
      ngx_string("PUT, DELETE"), NGX_HTTP_REAUTH_ACT_OVERRIDE_END,
      ngx_http_reauth_operate_override, 0 },

    { ngx_string("accounts/"), ngx_string("/poll"), NGX_HTTP_POST, 0,
      ngx_string("POST"), NGX_HTTP_REAUTH_ACT_POLL,
      ngx_http_reauth_operate_poll, 0 },

    { ngx_string("accounts/"), ngx_null_string, NGX_HTTP_DELETE,
      REAUTH_OPERATE_REASON, ngx_string("GET, HEAD, DELETE"),
      NGX_HTTP_REAUTH_ACT_FORGET, ngx_http_reauth_operate_forget, 1 },

    { ngx_string("drain"), ngx_null_string, NGX_HTTP_GET|NGX_HTTP_HEAD, 0,
      ngx_string("GET, HEAD, PUT, DELETE"), NGX_HTTP_REAUTH_ACT_NONE,
      ngx_http_reauth_operate_drain, 0 },
    { ngx_string("drain"), ngx_null_string, NGX_HTTP_PUT,
      REAUTH_OPERATE_FOR|REAUTH_OPERATE_REASON,
      ngx_string("GET, HEAD, PUT, DELETE"), NGX_HTTP_REAUTH_ACT_DRAIN,
      ngx_http_reauth_operate_drain, 0 },
    { ngx_string("drain"), ngx_null_string, NGX_HTTP_DELETE, 0,
      ngx_string("GET, HEAD, PUT, DELETE"), NGX_HTTP_REAUTH_ACT_DRAIN_END,
      ngx_http_reauth_operate_drain, 0 },

    { ngx_null_string, ngx_null_string, 0, 0, ngx_null_string,
      NGX_HTTP_REAUTH_ACT_NONE, NULL, 0 }
};


/* the account of the path is between the name and the suffix */

static ngx_uint_t
ngx_http_reauth_operate_is(ngx_http_reauth_operate_resource_t *resource,
    ngx_str_t *path, ngx_str_t *account)
{
    size_t   len;
    u_char  *end;

    len = resource->name.len + resource->suffix.len;
    end = path->data + path->len;

    if (path->len < len
        || ngx_strncmp(path->data, resource->name.data, resource->name.len)
           != 0
        || (resource->suffix.len != 0
            && ngx_strncmp(end - resource->suffix.len, resource->suffix.data,
                           resource->suffix.len)
               != 0))
    {
        return 0;
    }

    account->data = path->data + resource->name.len;
    account->len = path->len - len;

    if (resource->name.data[resource->name.len - 1] != '/') {
        return account->len == 0;
    }

    return account->len != 0
           && (resource->suffix.len != 0
               || ngx_strlchr(account->data, end, '/') == NULL);
}


ngx_int_t
ngx_http_reauth_operate_enabled(ngx_http_request_t *r)
{
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->callers != NULL || lcf->operate) {
        return NGX_DECLINED;
    }

    return ngx_http_reauth_caller_forbidden(r,
               "Requests that act on the gateway are disabled.",
               "They need a callers file and the scope operate, or the "
               "parameter operate of reauth_status.");
}


ngx_int_t
ngx_http_reauth_operate_right(ngx_http_request_t *r, ngx_str_t *account)
{
    ngx_int_t        rc;
    reauth_string_t  id;

    rc = ngx_http_reauth_operate_enabled(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (account->len != 0) {
        return ngx_http_reauth_status_id(r, account, REAUTH_SCOPE_OPERATE,
                                         &id, &rc)
               == NGX_OK ? NGX_DECLINED : rc;
    }

    /* it is about all accounts: not allowed for confined callers */

    ngx_str_null(&id);

    return ngx_http_reauth_authorize(r, REAUTH_SCOPE_OPERATE, &id);
}


static ngx_int_t
ngx_http_reauth_operate_failed(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_BODY_TOO_LARGE,
                   "The body is larger than 4 KB.",
                   "Send the documented members only.", NULL);
    }

    return rc == NGX_HTTP_SERVICE_UNAVAILABLE
           ? ngx_http_reauth_body_send_busy(r) : rc;
}


static ngx_int_t
ngx_http_reauth_operate_invalid(ngx_http_reauth_operate_t *op, json_t *errors)
{
    return ngx_http_reauth_send_invalid(op->request, errors,
               "The request is invalid.",
               "Nothing was changed. Correct the members listed in errors.");
}


/* a reason is logged, stored and shown */

static ngx_int_t
ngx_http_reauth_operate_has_key(ngx_http_reauth_operate_t *op)
{
    json_t  *errors;

    static ngx_str_t  name = ngx_string("reason");

    errors = NULL;

    if (ngx_http_reauth_status_add_error(&errors, &name,
                                         "must not contain the API key")
        != NGX_OK)
    {
        json_decref(errors);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_operate_invalid(op, errors);
}


static ngx_int_t
ngx_http_reauth_operate_parse(ngx_http_reauth_operate_t *op)
{
    json_t                       *errors;
    reauth_string_t               text;
    reauth_json_error_t           error;
    ngx_http_reauth_ctx_t        *ctx;
    reauth_operate_result_t       result;
    ngx_http_reauth_main_conf_t  *mcf;

    text.data = op->body.text.data ? op->body.text.data : (u_char *) "";
    text.len = op->body.text.len;

    result = reauth_operate_parse(&text, op->resource->members, &op->asked,
                                  &error, &errors);

    ngx_http_reauth_body_cleanse(op->request, &op->body);

    switch (result) {

    case REAUTH_OPERATE_OK:
        mcf = ngx_http_get_module_main_conf(op->request,
                                            ngx_http_reauth_module);

        ctx = ngx_http_get_module_ctx(op->request, ngx_http_reauth_module);

        if (ngx_http_reauth_redact_is_whole(mcf, (u_char *) op->asked.reason,
                                            ngx_strlen(op->asked.reason)))
        {
            return ngx_http_reauth_operate_has_key(op);
        }

        ctx->act_reason.data = (u_char *) op->asked.reason;
        ctx->act_reason.len = ngx_strlen(op->asked.reason);

        return ngx_http_reauth_operate_act(op);

    case REAUTH_OPERATE_INVALID_JSON:
        return ngx_http_reauth_invalid_json(op->request, &error);

    case REAUTH_OPERATE_INVALID_FIELDS:
        return ngx_http_reauth_operate_invalid(op, errors);

    default: /* REAUTH_OPERATE_NO_MEMORY */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static void
ngx_http_reauth_operate_body(ngx_http_request_t *r, ngx_int_t rc, void *data)
{
    ngx_http_reauth_operate_t *op = data;

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, ngx_http_reauth_operate_failed(r, rc));
        return;
    }

    /* rights may have been revoked meanwhile */

    rc = ngx_http_reauth_operate_right(r, &op->account);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_operate_parse(op);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_reauth_operate_run(ngx_http_reauth_operate_t *op)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = op->request;

    rc = ngx_http_reauth_operate_right(r, &op->account);

    if (rc != NGX_DECLINED
        || ngx_http_reauth_status_args(r, ngx_http_reauth_status_no_params,
                                       NULL, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (op->resource->members == 0) {
        rc = ngx_http_reauth_body_refuse(r);

        return rc == NGX_OK ? ngx_http_reauth_operate_act(op) : rc;
    }

    if (!ngx_http_reauth_media_type_supported(r)) {
        rc = ngx_http_reauth_body_refuse(r);

        return rc == NGX_OK ? ngx_http_reauth_unsupported_media_type(r) : rc;
    }

    op->body.max = NGX_HTTP_REAUTH_OPERATE_BODY;
    op->body.handler = ngx_http_reauth_operate_body;
    op->body.data = op;

    return ngx_http_reauth_body_read(r, &op->body);
}


ngx_int_t
ngx_http_reauth_operate(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t                            rc;
    ngx_str_t                            account, *allow;
    ngx_http_reauth_ctx_t               *ctx;
    ngx_http_reauth_operate_t           *op;
    ngx_http_reauth_operate_resource_t  *resource;

    allow = NULL;

    for (resource = ngx_http_reauth_operate_all;
         resource->handler != NULL;
         resource++)
    {
        if (!ngx_http_reauth_operate_is(resource, path, &account)) {
            continue;
        }

        if (r->method & resource->method) {
            break;
        }

        if (resource->read && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
            return NGX_DECLINED;
        }

        allow = &resource->allow;
    }

    if (resource->handler == NULL) {

        if (allow == NULL) {
            return NGX_DECLINED;
        }

        rc = ngx_http_reauth_body_refuse(r);

        return rc == NGX_OK ? ngx_http_reauth_method_not_allowed(r, allow)
                            : rc;
    }

    if (r != r->main) {
        return ngx_http_reauth_refuse_subrequest(r, "reauth_status");
    }

    op = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_operate_t));
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->act = resource->act;

    op->request = r;
    op->resource = resource;
    op->account = account;

    return ngx_http_reauth_operate_run(op);
}


/* what a person wrote may look like another field of the log line */

static char *
ngx_http_reauth_operate_reason(ngx_http_reauth_operate_t *op, char *shown)
{
    reauth_string_t  reason;

    reason = reauth_string_from(op->asked.reason);

    return reauth_string_shown(&reason, shown, NGX_HTTP_REAUTH_REASON_SHOWN);
}


/* the record, as GET of the account returns it */

static ngx_int_t
ngx_http_reauth_operate_record(ngx_http_reauth_operate_t *op)
{
    reauth_record_t                 record;
    reauth_string_t                 id;
    ngx_http_reauth_store_t        *store;
    ngx_http_reauth_status_text_t   text;

    store = ngx_http_reauth_status_store(op->request);

    id.data = op->account.data;
    id.len = op->account.len;

    (void) ngx_http_reauth_zone_show(&store->zone, &id, &record);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = op->request->pool;

    if (ngx_http_reauth_status_add_record(op->request, &text, &record,
                                          ngx_http_reauth_now())
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_send(op->request, &text);
}


/* not set */

static ngx_int_t
ngx_http_reauth_operate_not_overridden(ngx_http_reauth_operate_t *op,
    ngx_int_t rc, ngx_uint_t share)
{
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    r = op->request;

    if (rc == NGX_DECLINED) {
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_NOT_FOUND,
                   "The account has no override.",
                   "It has ended or was removed: the attempt of the account "
                   "decides on its gate.", NULL);
    }

    if (rc == NGX_BUSY) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: caller \"%V\" has %ui overrides of gates: half "
                      "of the limit reached", &ctx->caller, share);

        return ngx_http_reauth_operate_too_many(op,
                   NGX_HTTP_REAUTH_COUNT_LIMIT_OVERRIDES,
                   NGX_HTTP_REAUTH_OVERRIDE_RETRY,
                   "The caller has reached its limit: half of all overrides. "
                   "Nothing was changed. Wait until some of them end.");
    }

    return ngx_http_reauth_status_unavailable(r, REAUTH_ERROR_STORE_UNAVAILABLE,
               "There are too many overrides.",
               "Remove others, wait until they end, or increase reauth_zone.");
}


static ngx_int_t
ngx_http_reauth_operate_override(ngx_http_reauth_operate_t *op)
{
    char                      shown[NGX_HTTP_REAUTH_REASON_SHOWN];
    ngx_int_t                 rc;
    ngx_uint_t                share;
    const char               *name;
    reauth_begin_t            begin;
    reauth_string_t           id, caller;
    reauth_override_t         override, former;
    ngx_http_request_t       *r;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_store_t  *store;

    r = op->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    share = 0;
    ngx_memzero(&override, sizeof(reauth_override_t));

    id.data = op->account.data;
    id.len = op->account.len;
    caller.data = ctx->caller.data;
    caller.len = ctx->caller.len;

    reauth_copy(override.account, REAUTH_ACCOUNT_MAX, &id);
    reauth_copy(override.caller, REAUTH_CALLER_MAX, &caller);
    ngx_memcpy(override.reason, op->asked.reason, sizeof(override.reason));

    override.gate = (uint8_t) op->asked.gate;
    override.until_ms = ngx_http_reauth_now() + op->asked.for_ms;

    ctx->act_gate = override.gate;
    ctx->act_until_ms = op->asked.for_ms ? override.until_ms : 0;

    ngx_memzero(&begin, sizeof(reauth_begin_t));
    ngx_http_reauth_caller_bounds(r, &begin);

    rc = ngx_http_reauth_store_override(store, &override, &former,
                                        begin.bounded ? &share : NULL);

    if (rc != NGX_OK) {
        return ngx_http_reauth_operate_not_overridden(op, rc, share);
    }

    name = reauth_override_gate_name(override.gate);

    if (name != NULL) {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: the gate of account \"%V\" is kept %s for %L "
                      "s; caller \"%s\", reason \"%s\"",
                      &op->account, name, op->asked.for_ms / 1000,
                      override.caller,
                      ngx_http_reauth_operate_reason(op, shown));

    } else {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: the override of account \"%V\" is removed; "
                      "caller \"%s\"", &op->account, override.caller);
    }

    return ngx_http_reauth_operate_record(op);
}


static ngx_int_t
ngx_http_reauth_operate_forget(ngx_http_reauth_operate_t *op)
{
    char                      shown[NGX_HTTP_REAUTH_REASON_SHOWN];
    reauth_string_t           id;
    reauth_record_t           former;
    ngx_http_request_t       *r;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_store_t  *store;

    r = op->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    id.data = op->account.data;
    id.len = op->account.len;

    switch (ngx_http_reauth_store_forget(store, &id, &former)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_reauth_status_account_unknown(r, &op->account, store);

    case NGX_BUSY:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPDATE_IN_PROGRESS,
                   "An update of the account is being sent.",
                   "Retry when the upstream has responded.", NULL);

    default: /* NGX_ERROR */
        return ngx_http_reauth_status_unavailable(r,
                   REAUTH_ERROR_STORE_UNAVAILABLE,
                   "The account could not be forgotten.",
                   "Retry, or increase reauth_zone.");
    }

    /* the state in the log is that in responses */

    reauth_record_view(&former, ngx_http_reauth_now());

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "reauth: account \"%V\" is forgotten, it was %s, attempt "
                  "\"%s\"; caller \"%V\", reason \"%s\"",
                  &op->account, reauth_state_name(former.state),
                  former.attempt, &ctx->caller,
                  ngx_http_reauth_operate_reason(op, shown));

    return ngx_http_reauth_operate_record(op);
}


/* GET returns the state, PUT begins, DELETE ends; all return the result */

static ngx_int_t
ngx_http_reauth_operate_drain(ngx_http_reauth_operate_t *op)
{
    char                      shown[NGX_HTTP_REAUTH_REASON_SHOWN];
    u_char                   *p;
    int64_t                   left_ms;
    ngx_str_t                 body;
    ngx_http_request_t       *r;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_store_t  *store;

    r = op->request;
    store = ngx_http_reauth_status_store(r);

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    left_ms = ngx_http_reauth_zone_drained(&store->zone);

    if (r->method & (NGX_HTTP_PUT|NGX_HTTP_DELETE)) {
        ngx_http_reauth_zone_drain(&store->zone, op->asked.for_ms);
    }

    if (op->asked.for_ms) {
        ctx->act_until_ms = ngx_http_reauth_now() + op->asked.for_ms;

        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: this gateway is drained for %L s, readyz "
                      "returns 503; caller \"%V\", reason \"%s\"",
                      op->asked.for_ms / 1000, &ctx->caller,
                      ngx_http_reauth_operate_reason(op, shown));

    } else if (left_ms && r->method == NGX_HTTP_DELETE) {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: this gateway is no longer drained; caller "
                      "\"%V\"", &ctx->caller);
    }

    left_ms = ngx_http_reauth_zone_drained(&store->zone);

    p = ngx_pnalloc(r->pool, sizeof("{\"draining\":false,\"until\":\"\"}")
                             + REAUTH_TIME_MS_SIZE);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    if (left_ms) {
        p = ngx_sprintf(p, "{\"draining\":true,\"until\":\"");
        p += reauth_time_format_ms((char *) p,
                                   ngx_http_reauth_now() + left_ms);
        p = ngx_sprintf(p, "\"}");

    } else {
        p = ngx_sprintf(p, "{\"draining\":false,\"until\":null}");
    }

    body.len = p - body.data;

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}
