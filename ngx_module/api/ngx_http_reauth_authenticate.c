
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The authenticate family: a request is read and checked, begun in the store
 * where it starts a login, forwarded, settled, and answered, in this order.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_json.h"
#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_public_url.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_unread.h"


#define NGX_HTTP_REAUTH_BODY_MAX     65536


static void ngx_http_reauth_authenticate_body(ngx_http_request_t *r,
    ngx_int_t rc, void *data);
static void ngx_http_reauth_authenticate_forward(
    ngx_http_reauth_authenticate_t *a);


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


/* the request ends, in whatever way: nothing may be left half-done */

static void
ngx_http_reauth_authenticate_cleanup(void *data)
{
    ngx_http_reauth_authenticate_t *a = data;

    if (a->op) {

        /* nobody will forward it */

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

    /* the last thing that is done with the request: it may be gone then */

    c = a->request->connection;
    client_event = a->client_event;

    ngx_http_finalize_request(a->request, rc);

    /* inside the content handler the request must not be freed */

    if (!client_event) {
        ngx_http_run_posted_requests(c);
    }
}


ngx_int_t
ngx_http_reauth_no_retry(ngx_http_request_t *r)
{
    static ngx_str_t  no = ngx_string("false");

    return ngx_http_reauth_add_header(r, "x-should-retry", &no);
}


static ngx_int_t
ngx_http_reauth_not_routed(ngx_http_request_t *r, reauth_route_result_t result,
    reauth_route_t *route)
{
    ngx_str_t  allow;

    switch (result) {

    case REAUTH_ROUTE_METHOD_NOT_ALLOWED:
        allow.data = (u_char *) route->allow;
        allow.len = ngx_strlen(route->allow);

        return ngx_http_reauth_method_not_allowed(r, &allow);

    case REAUTH_ROUTE_BAD_PATH:
        return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "BAD_PATH",
                   "The path is not in its canonical form.",
                   "Send it without dot segments, doubled slashes and "
                   "percent-encoded characters.", NULL);

    case REAUTH_ROUTE_BAD_QUERY:
        return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "BAD_QUERY",
                   "The query has an argument that names another method.",
                   "Send the method itself, without the argument _method.",
                   NULL);

    case REAUTH_ROUTE_NO_FAMILY:
        return ngx_http_reauth_send_error(r, NGX_HTTP_NOT_FOUND, "NOT_FOUND",
                   "Fanvue has no endpoints in the authenticate family.",
                   "Fanvue accounts are connected and logged in again in the "
                   "vendor's widget only; the gateway learns of it by "
                   "webhooks.",
                   NULL);

    default:
        return ngx_http_reauth_send_error(r, NGX_HTTP_NOT_FOUND, "NOT_FOUND",
                   "There is no such endpoint in the authenticate family.",
                   "Compare the path with the documentation; account ids "
                   "begin with acct_ or fansly_acct_, attempt ids with auth_.",
                   NULL);
    }
}


/* application/json, with no parameter but charset=utf-8 */

static ngx_uint_t
ngx_http_reauth_is_json(ngx_str_t *type)
{
    u_char  *p, *last;
    size_t   len;

    static u_char  json[] = "application/json";
    static u_char  charset[] = "charset=";

    p = type->data;
    last = p + type->len;
    len = sizeof(json) - 1;

    if (type->len < len || ngx_strncasecmp(p, json, len) != 0) {
        return 0;
    }

    p += len;

    while (p < last && (*p == ' ' || *p == '\t')) { p++; }

    if (p == last) {
        return 1;
    }

    if (*p++ != ';') {
        return 0;
    }

    while (p < last && (*p == ' ' || *p == '\t')) { p++; }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) { last--; }

    if (p == last) {
        return 1;
    }

    len = sizeof(charset) - 1;

    if ((size_t) (last - p) < len || ngx_strncasecmp(p, charset, len) != 0) {
        return 0;
    }

    p += len;

    if (last - p == 7 && p[0] == '"' && last[-1] == '"') {
        p++;
        last--;
    }

    return last - p == 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0;
}


static ngx_uint_t
ngx_http_reauth_media_type_supported(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_http_reauth_find_header(r, "content-encoding",
                                    sizeof("content-encoding") - 1);

    if (h != NULL
        && !(h->value.len == 8
             && ngx_strncasecmp(h->value.data, (u_char *) "identity", 8) == 0))
    {
        return 0;
    }

    h = r->headers_in.content_type;

    if (h != NULL) {
        return ngx_http_reauth_is_json(&h->value);
    }

    /* without a body nothing needs to be said of its type */

    return r->headers_in.content_length_n <= 0 && !r->headers_in.chunked;
}


static ngx_int_t
ngx_http_reauth_unsupported_media_type(ngx_http_request_t *r)
{
    return ngx_http_reauth_send_error(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
               "UNSUPPORTED_MEDIA_TYPE",
               "The body must be application/json in UTF-8.",
               "Send Content-Type: application/json and no Content-Encoding.",
               NULL);
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

    /* before it is answered, as whatever ends an update */

    if (rc != NGX_DECLINED && a->epoch) {
        ngx_http_reauth_authenticate_settle(&a->forward);
    }

    return rc;
}


/*
 * Whether the caller may do this.  An attempt whose account is not known, which
 * may be made up, is nobody's: only who may see all accounts may name it, as a
 * request to the upstream costs credits.
 */

static ngx_int_t
ngx_http_reauth_authenticate_authorize(ngx_http_reauth_authenticate_t *a)
{
    ngx_str_t                     account;
    reauth_route_t               *route;
    reauth_record_t               record;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

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

    if (route->kind == REAUTH_ID_ATTEMPT) {

        mcf = ngx_http_get_module_main_conf(a->request,
                                            ngx_http_reauth_module);

        if (ngx_http_reauth_zone_find_attempt(&mcf->store.zone, &route->id,
                                              &record)
            == NGX_OK
            || ngx_http_reauth_zone_find_ended_attempt(&mcf->store.zone,
                                                       &route->id, &record)
               == NGX_OK)
        {
            /* the attempt may have ended when it is asked for again */

            ngx_str_null(&account);
            ngx_http_reauth_keep_name(a->request, &account, record.account);

            if (account.len == 0) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            a->account.data = account.data;
            a->account.len = account.len;

        } else {
            a->account.len = 0;
        }
    }

    return ngx_http_reauth_authenticate_still(a);
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

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    method.data = r->method_name.data;
    method.len = r->method_name.len;
    path.data = r->unparsed_uri.data;
    path.len = r->unparsed_uri.len;

    result = reauth_route(&method, &path, &route);

    if (result != REAUTH_ROUTE_OK) {
        rc = ngx_http_reauth_body_refuse(r);
        return rc == NGX_OK ? ngx_http_reauth_not_routed(r, result, &route)
                            : rc;
    }

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


static ngx_int_t
ngx_http_reauth_invalid_json(ngx_http_request_t *r, reauth_json_error_t *error)
{
    u_char     *p;
    ngx_str_t   extra;

    p = ngx_pnalloc(r->pool, 256);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = p;
    extra.len = ngx_snprintf(p, 256, ",\"line\":%ud,\"column\":%ud",
                             error->line, error->column)
                - p;

    return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_REQUEST, "INVALID_JSON",
                                      "The body is not valid JSON.",
                                      error->reason, &extra);
}


static ngx_int_t
ngx_http_reauth_invalid_fields(ngx_http_request_t *r,
    reauth_credentials_t *credentials)
{
    json_t  *errors;

    errors = reauth_credentials_errors(credentials);
    if (errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_invalid(r, errors,
               "The given data was invalid.",
               "Nothing was sent to the upstream; correct the fields that "
               "errors names.");
}


/*
 * Fields that were dropped are named in the response, whatever it will be:
 * names only, values may be credentials.
 */

static ngx_int_t
ngx_http_reauth_authenticate_dropped(ngx_http_reauth_authenticate_t *a)
{
    ngx_str_t                     names;
    ngx_http_request_t           *r;
    reauth_credentials_t         *c;
    ngx_http_reauth_zone_t       *zone;
    ngx_http_reauth_main_conf_t  *mcf;

    r = a->request;
    c = &a->credentials;

    if (c->dropped == NULL) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    zone = &mcf->store.zone;

    ngx_http_reauth_zone_count_n(zone, NGX_HTTP_REAUTH_COUNT_DROPPED_UNKNOWN,
                                 c->nunknown);
    ngx_http_reauth_zone_count_n(zone, NGX_HTTP_REAUTH_COUNT_DROPPED_AUTH_TYPE,
                                 c->nforeign);

    /* the credentials are freed before the request is logged */

    names.len = ngx_strlen(c->dropped);
    names.data = ngx_pnalloc(r->pool, names.len);

    if (names.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(names.data, c->dropped, names.len);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "reauth: %ui fields dropped: \"%V\"",
                  (ngx_uint_t) c->nunknown + c->nforeign, &names);

    return ngx_http_reauth_add_header(r, "Reauth-Dropped", &names);
}


/* NGX_OK: go on; else the request is answered by what is returned */

static ngx_int_t
ngx_http_reauth_authenticate_parse(ngx_http_reauth_authenticate_t *a)
{
    reauth_string_t               text;
    ngx_http_request_t           *r;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_loc_conf_t   *lcf;
    reauth_credentials_result_t   result;

    r = a->request;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    text.data = a->body.text.data ? a->body.text.data : (u_char *) "";
    text.len = a->body.text.len;

    result = reauth_credentials_parse(&text, a->route.operation,
                                      lcf->unknown_fields, &a->credentials);

    ngx_http_reauth_body_cleanse(a->request, &a->body);

    if (ngx_http_reauth_authenticate_dropped(a) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (result) {

    case REAUTH_CREDENTIALS_OK:
        break;

    case REAUTH_CREDENTIALS_INVALID_JSON:
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_UPDATE_INVALID);
        return ngx_http_reauth_invalid_json(r, &a->credentials.json_error);

    case REAUTH_CREDENTIALS_INVALID_FIELDS:
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_UPDATE_INVALID);
        return ngx_http_reauth_invalid_fields(r, &a->credentials);

    default: /* REAUTH_CREDENTIALS_NO_MEMORY */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->auth_type = a->credentials.auth_type;

    /* as it was made of the body, which was counted, it is not refused */

    ngx_http_reauth_body_add(a->body.held, a->credentials.body_len);

    a->forward.body.data = (u_char *) a->credentials.body;
    a->forward.body.len = a->credentials.body_len;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_reauth_body_failed(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_reauth_body_send_busy(r);
    }

    if (rc != NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return rc;
    }

    return ngx_http_reauth_send_error(r, rc, "BODY_TOO_LARGE",
               "The body is larger than 64 KB.",
               "No credentials need that much; check what is sent.", NULL);
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


/* of an account that has no id yet, so that nothing is begun here */

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
                  "\"reauth_callers_file\"", &ctx->caller);

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, NGX_HTTP_TOO_MANY_REQUESTS,
               "TOO_MANY_ATTEMPTS",
               "The caller has too many logins in progress.",
               "Nothing was sent to the upstream; wait until some of them have "
               "ended. Those in progress can be updated.", NULL);
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

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_UPDATE_UNAVAILABLE);

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_reauth_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "STORE_UNAVAILABLE",
                   "Redis can't be reached, or refuses writes.",
                   "Nothing was sent to the upstream; retry later.", NULL);
    }

    return ngx_http_reauth_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
               "STORE_UNAVAILABLE",
               "The gateway has no memory left for another active account.",
               "Nothing was sent to the upstream; reauth_zone must be made "
               "larger.", NULL);
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
        rc = ngx_http_reauth_store_unavailable(r, op->rc);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    switch (op->begun) {

    case REAUTH_BEGIN_STARTED:
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
        ctx->stored = 1;
        ctx->local = op->local;
        ctx->state = REAUTH_STATE_STARTING;

        a->epoch = op->record.epoch;
        a->since_ms = op->record.since_ms;
        a->deadline_ms = op->record.deadline_ms;
        ngx_http_reauth_authenticate_forward(a);
        return;

    case REAUTH_BEGIN_COALESCED:
        ngx_http_reauth_coalesce_repeat(a, &op->record);
        return;

    case REAUTH_BEGIN_TOO_MANY:
        rc = ngx_http_reauth_too_many_attempts(r);
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;

    default: /* REAUTH_BEGIN_JOIN, REAUTH_BEGIN_WAIT */
        a->joined = op->begun == REAUTH_BEGIN_JOIN ? op->record.epoch : 0;
        a->joined_since = op->record.since_ms;
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


/* the upstream's own answer, with what was checked and rewritten of it */

static ngx_int_t
ngx_http_reauth_authenticate_pass(ngx_http_reauth_authenticate_t *a)
{
    ngx_str_t                   body;
    ngx_http_request_t         *r;
    ngx_http_reauth_forward_t  *forward;

    r = a->request;
    forward = &a->forward;

    /* one that got another's answer has none of its own to take them from */

    if (forward->subrequest != NULL
        && ngx_http_reauth_forward_headers(r, forward) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (forward->method != NGX_HTTP_GET
        && forward->status >= NGX_HTTP_BAD_REQUEST
        && forward->status != NGX_HTTP_TOO_MANY_REQUESTS
        && ngx_http_reauth_no_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (a->answer.body) {
        body.data = (u_char *) a->answer.body;
        body.len = a->answer.body_len;

    } else {
        body = forward->capture.body;
    }

    return ngx_http_reauth_send_body(r, forward->status, &body);
}


static ngx_int_t
ngx_http_reauth_authenticate_fail(ngx_http_reauth_authenticate_t *a)
{
    ngx_http_request_t         *r;
    ngx_http_reauth_forward_t  *forward;
    const char                 *sent;

    r = a->request;
    forward = &a->forward;

    if (forward->sent
        && forward->method != NGX_HTTP_GET
        && ngx_http_reauth_no_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    sent = forward->sent
           ? "The upstream may have the request all the same: look at the "
             "account's state before sending it again."
           : "The request did not reach the upstream; it may be sent again.";

    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        return ngx_http_reauth_send_error(r, NGX_HTTP_GATEWAY_TIME_OUT,
                   "UPSTREAM_TIMEOUT", "The upstream did not answer in time.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_TOO_LARGE:
        return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_GATEWAY,
                   "UPSTREAM_BAD_ANSWER",
                   "The upstream's answer is larger than reauth_answer_max.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_WHOLE:
        return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_GATEWAY,
                   "UPSTREAM_BAD_ANSWER",
                   "The upstream's answer says success but names no attempt.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_REDIRECT:
        return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_GATEWAY,
                   "UPSTREAM_BAD_ANSWER",
                   "The upstream redirects instead of answering.",
                   "Nothing was started. The gateway's operator has to look "
                   "at proxy_pass; the gateway's log says where the upstream "
                   "redirects to.", NULL);

    case NGX_HTTP_REAUTH_ANSWER_NO_KEY:
        return ngx_http_reauth_key_send_unavailable(r);

    case NGX_HTTP_REAUTH_ANSWER_LOCAL:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "reauth: the location \"%V\" sent nothing to the "
                      "upstream, it answered %ui itself",
                      &forward->uri, forward->status);
        break;

    default:
        break;
    }

    return ngx_http_reauth_send_error(r, NGX_HTTP_BAD_GATEWAY,
               "UPSTREAM_BAD_ANSWER",
               forward->sent ? "The upstream gave no whole answer."
                             : "The upstream could not be reached.",
               sent, NULL);
}


ngx_int_t
ngx_http_reauth_authenticate_result(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return a->forward.answer == NGX_HTTP_REAUTH_ANSWER_WHOLE && !a->bad_answer
           ? ngx_http_reauth_authenticate_pass(a)
           : ngx_http_reauth_authenticate_fail(a);
}


static void
ngx_http_reauth_authenticate_answer(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t           *ctx;
    ngx_http_reauth_authenticate_t  *a;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    a = ctx->data;

    if (!a->forward.done) {
        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, ngx_http_reauth_authenticate_result(a));
}


/* what the upstream answers is about the epoch in which it was asked */

static ngx_int_t
ngx_http_reauth_authenticate_ask(ngx_http_reauth_authenticate_t *a)
{
    reauth_record_t              *record;
    ngx_http_reauth_main_conf_t  *mcf;

    if (a->route.operation != REAUTH_OPERATION_POLL
        && a->route.operation != REAUTH_OPERATION_SUBMIT_2FA)
    {
        return NGX_OK;
    }

    record = ngx_palloc(a->request->pool, sizeof(reauth_record_t));
    if (record == NULL) {
        return NGX_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    a->asked_ms = ngx_http_reauth_now();

    if (a->route.fansly) {
        (void) ngx_http_reauth_zone_find(&mcf->store.zone, &a->route.id,
                                         record);

    } else if (ngx_http_reauth_zone_find_attempt(&mcf->store.zone,
                                                 &a->route.id, record)
               != NGX_OK)
    {
        return NGX_OK;
    }

    a->asked = record;

    return NGX_OK;
}


static void
ngx_http_reauth_authenticate_forward(ngx_http_reauth_authenticate_t *a)
{
    u_char                      *p, *query, *last;
    ngx_int_t                    rc;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_forward_t   *forward;
    ngx_http_reauth_loc_conf_t  *lcf;

    r = a->request;
    forward = &a->forward;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    /* the path is canonical, so that the raw one is the one that was routed */

    last = r->unparsed_uri.data + r->unparsed_uri.len;
    query = ngx_strlchr(r->unparsed_uri.data, last, '?');

    if (query == NULL) {
        query = last;
    }

    forward->uri.len = lcf->forward.len + (query - r->unparsed_uri.data);
    forward->uri.data = ngx_pnalloc(r->pool, forward->uri.len);

    if (forward->uri.data == NULL) {
        ngx_http_reauth_authenticate_finalize(a,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_cpymem(forward->uri.data, lcf->forward.data, lcf->forward.len);
    ngx_memcpy(p, r->unparsed_uri.data, query - r->unparsed_uri.data);

    forward->args = r->args;
    forward->answer_max = lcf->answer_max;
    forward->handler = ngx_http_reauth_authenticate_settle;
    forward->method = r->method;
    forward->method_name = r->method_name;

    if (r->method == NGX_HTTP_HEAD) {

        /* what a poll tells is in its body */

        forward->method = NGX_HTTP_GET;
        ngx_str_set(&forward->method_name, "GET");
    }

    ctx->data = a;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_reauth_authenticate_answer;

    if (ngx_http_reauth_authenticate_ask(a) != NGX_OK
        || ngx_http_reauth_forward(r, forward) != NGX_OK)
    {
        ngx_http_reauth_authenticate_finalize(a, NGX_ERROR);
        return;
    }

    if (!a->client_event) {
        ngx_http_run_posted_requests(r->connection);
    }
}


void
ngx_http_reauth_keep_name(ngx_http_request_t *r, ngx_str_t *kept,
    const char *name)
{
    size_t   len;
    u_char  *p;

    len = ngx_strlen(name);

    if (kept->len != 0 || len == 0) {
        return;
    }

    p = ngx_pnalloc(r->pool, len);

    if (p != NULL) {
        ngx_memcpy(p, name, len);
        kept->data = p;
        kept->len = len;
    }
}


reauth_update_answer_result_t
ngx_http_reauth_authenticate_read(ngx_http_reauth_authenticate_t *a,
    ngx_str_t *body)
{
    reauth_string_t                 text, origin;
    reauth_unread_t                 why;
    ngx_http_reauth_unread_e        what;
    ngx_http_reauth_main_conf_t    *mcf;
    reauth_update_answer_result_t   rc;

    text.data = body->data;
    text.len = body->len;
    origin.data = a->origin.data;
    origin.len = a->origin.len;

    rc = reauth_update_answer_parse(&text, a->route.fansly, &origin,
                                    &a->answer, &why);

    if (a->answer.elsewhere) {
        ngx_http_reauth_count(a->request, NGX_HTTP_REAUTH_COUNT_WITHHELD_URL);

        ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                      "reauth: the upstream's polling_url does not lead to the "
                      "poll of the attempt, it is replaced");
    }

    if (rc == REAUTH_UPDATE_ANSWER_BAD) {
        mcf = ngx_http_get_module_main_conf(a->request,
                                            ngx_http_reauth_module);

        what = a->route.operation == REAUTH_OPERATION_UPDATE
               ? NGX_HTTP_REAUTH_UNREAD_UPDATE
               : a->route.operation == REAUTH_OPERATION_START
                     ? NGX_HTTP_REAUTH_UNREAD_START
                     : NGX_HTTP_REAUTH_UNREAD_REAUTHENTICATE;

        ngx_http_reauth_unread(&mcf->store.zone, a->request->connection->log,
                               what, &a->route.id, body->len, &why);
    }

    return rc;
}
