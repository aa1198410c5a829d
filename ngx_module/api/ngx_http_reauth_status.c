
/*
 * Copyright (C) the nginx-reauth authors
 *
 * "reauth_status": the state of accounts for people, dashboards and other
 * proxies.  All responses are read from the zone; records are copied and then
 * rendered.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "reauth_time.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"


/* the response of readyz; the text of the first reason occurs twice */
#define NGX_HTTP_REAUTH_STATUS_READYZ                                         \
    (128 + (REAUTH_REASONS_MAX + 1) * (REAUTH_REASON_LEN + 3))


/* of the scope "operate": not for confined callers; for these, too */
#define NGX_HTTP_REAUTH_STATUS_ALL        1
#define NGX_HTTP_REAUTH_STATUS_OWN        2


typedef ngx_int_t (*ngx_http_reauth_status_handler_pt)(ngx_http_request_t *r,
    ngx_str_t *rest);

typedef struct {
    ngx_str_t                           name;
    ngx_uint_t                          prefix; /* followed by an account ID */
    ngx_uint_t                          open;    /* no authentication */
    ngx_http_reauth_status_handler_pt   handler;
    ngx_uint_t                          operate; /* needs this scope: */
} ngx_http_reauth_status_resource_t;


static ngx_int_t ngx_http_reauth_status_accounts(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_summary(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_healthz(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_readyz(ngx_http_request_t *r,
    ngx_str_t *rest);


static ngx_http_reauth_status_resource_t  ngx_http_reauth_status_resources[] = {

    { ngx_string("accounts"), 0, 0, ngx_http_reauth_status_accounts, 0 },
    { ngx_string("accounts/"), 1, 0, ngx_http_reauth_status_account, 0 },
    { ngx_string("audit"), 0, 0, ngx_http_reauth_audit,
      NGX_HTTP_REAUTH_STATUS_OWN },
    { ngx_string("summary"), 0, 0, ngx_http_reauth_status_summary, 0 },
    { ngx_string("events"), 0, 0, ngx_http_reauth_events, 0 },
    { ngx_string("gate/"), 1, 0, ngx_http_reauth_status_gate, 0 },
    { ngx_string("healthz"), 0, 1, ngx_http_reauth_status_healthz, 0 },
    { ngx_string("readyz"), 0, 1, ngx_http_reauth_status_readyz, 0 },
    { ngx_string("usage"), 0, 0, ngx_http_reauth_usage_list,
      NGX_HTTP_REAUTH_STATUS_ALL },

    { ngx_null_string, 0, 0, NULL, 0 }
};


/* the part of the path after the location's prefix; NGX_DECLINED: no match */

static ngx_int_t
ngx_http_reauth_status_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t                 *name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    name = &clcf->name;

    if (r->uri.len < name->len
        || ngx_strncmp(r->uri.data, name->data, name->len) != 0)
    {
        return NGX_DECLINED;
    }

    path->data = r->uri.data + name->len;
    path->len = r->uri.len - name->len;

    if (name->len != 0 && name->data[name->len - 1] == '/') {
        return NGX_OK;
    }

    if (path->len == 0 || path->data[0] != '/') {
        return NGX_DECLINED;
    }

    path->data++;
    path->len--;

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_status_not_found(ngx_http_request_t *r)
{
    return ngx_http_reauth_send_error(r, REAUTH_ERROR_NOT_FOUND,
               "The status resource does not exist.",
               "Resources: accounts, accounts/{id}, accounts/{id}/override, "
               "accounts/{id}/poll, accounts/{id}/timeline, audit, drain, "
               "events, summary, gate/{id}, healthz, readyz and usage.", NULL);
}


/* Other proxies may query the gate with the method of the original request. */

static ngx_uint_t
ngx_http_reauth_status_method_allowed(ngx_http_request_t *r)
{
    ngx_str_t  path;

    static u_char  gate[] = "gate/";

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return 1;
    }

    return ngx_http_reauth_status_path(r, &path) == NGX_OK
           && path.len >= sizeof(gate) - 1
           && ngx_strncmp(path.data, gate, sizeof(gate) - 1) == 0;
}


static ngx_int_t
ngx_http_reauth_status_right(ngx_http_request_t *r,
    ngx_http_reauth_status_resource_t *resource)
{
    static ngx_str_t  none = ngx_null_string;

    switch (resource->operate) {

    case NGX_HTTP_REAUTH_STATUS_ALL:
        return ngx_http_reauth_operate_right(r, &none);

    case NGX_HTTP_REAUTH_STATUS_OWN:
        return ngx_http_reauth_authorize(r, REAUTH_SCOPE_OPERATE, NULL);

    default:
        return ngx_http_reauth_authorize(r, REAUTH_SCOPE_STATUS, NULL);
    }
}


ngx_int_t
ngx_http_reauth_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                           rc;
    ngx_str_t                           path, rest;
    ngx_http_reauth_status_resource_t  *resource;

    static ngx_str_t  allow = ngx_string("GET, HEAD");

    if (ngx_http_reauth_serve_ctx(r, REAUTH_OPERATION_STATUS) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_reauth_status_path(r, &path) != NGX_OK) {
        ngx_str_null(&path);
    }

    rc = ngx_http_reauth_operate(r, &path);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_reauth_status_method_allowed(r)) {
        return ngx_http_reauth_method_not_allowed(r, &allow);
    }

    for (resource = ngx_http_reauth_status_resources;
         resource->handler != NULL;
         resource++)
    {
        if (path.len < resource->name.len
            || ngx_strncmp(path.data, resource->name.data, resource->name.len)
               != 0)
        {
            continue;
        }

        rest.data = path.data + resource->name.len;
        rest.len = path.len - resource->name.len;

        if (resource->prefix ? rest.len == 0 : rest.len != 0) {
            continue;
        }

        if (!resource->open) {
            rc = ngx_http_reauth_status_right(r, resource);

            if (rc != NGX_DECLINED) {
                return rc;
            }
        }

        return resource->handler(r, &rest);
    }

    return ngx_http_reauth_status_not_found(r);
}


ngx_http_reauth_store_t *
ngx_http_reauth_status_store(ngx_http_request_t *r)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    return &mcf->store;
}


/* whether Redis is configured, but cannot be used for everything */

ngx_uint_t
ngx_http_reauth_status_degraded(ngx_http_reauth_store_t *store)
{
    reauth_health_t  health;
    reauth_reason_t  reasons[REAUTH_REASONS_MAX];

    ngx_http_reauth_store_health(store, &health);

    /* these do not affect what is known about the accounts */

    health.clock_ms = 0;
    health.upstream = REAUTH_RESULT_NONE;

    return health.redis && reauth_health_reasons(&health, reasons) != 0;
}


/*
 * Returns 503 instead of 404 if the account may be known to Redis only: at
 * start, at most two seconds, and while Redis is unavailable.
 */

ngx_int_t
ngx_http_reauth_status_unavailable(ngx_http_request_t *r,
    reauth_error_code_t code, const char *message, const char *description)
{
    static ngx_str_t  retry_after = ngx_string("1");

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry_after) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, code, message, description, NULL);
}


ngx_int_t
ngx_http_reauth_status_loading(ngx_http_request_t *r)
{
    return ngx_http_reauth_status_unavailable(r,
               REAUTH_ERROR_SERVICE_UNAVAILABLE,
               "The gateway has just started and is loading account states.",
               "Retry in a second.");
}


ngx_int_t
ngx_http_reauth_status_busy(ngx_http_request_t *r)
{
    return ngx_http_reauth_status_unavailable(r,
               REAUTH_ERROR_SERVICE_UNAVAILABLE,
               "Too many requests are waiting for changes.",
               "Retry in a second, or without wait.");
}


void
ngx_http_reauth_status_continue(ngx_http_request_t *r,
    ngx_http_reauth_status_answer_pt answer, void *read)
{
    ngx_int_t               rc;
    reauth_string_t         account;
    ngx_connection_t       *c;
    ngx_http_reauth_ctx_t  *ctx;

    c = r->connection;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->data = NULL;

    ngx_http_set_log_request(c->log, r);

    /* rights may have been revoked while Redis was read */

    account.data = ctx->account.data;
    account.len = ctx->account.len;

    rc = ngx_http_reauth_authorize(r, REAUTH_SCOPE_STATUS, &account);

    if (rc == NGX_DECLINED) {
        rc = answer(r, read);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* the request waits; the result is that of the content handler */

ngx_int_t
ngx_http_reauth_status_park(ngx_http_request_t *r,
    ngx_http_reauth_wait_t *wait, ngx_msec_t msec)
{
    if (ngx_http_reauth_wait_park(wait, msec) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}


/* a position is valid in the order in which it was returned only */

static ngx_int_t
ngx_http_reauth_status_sort(ngx_http_reauth_status_query_t *query)
{
    ngx_uint_t                      ended;
    ngx_http_reauth_zone_cursor_t  *cursor;

    cursor = &query->cursor;
    ended = cursor->ended;

    if (query->place_given) {

        /* accounts without a record are the last ones of two lists */

        return ended == query->sort
               || (query->sort == 0 && ended < NGX_HTTP_REAUTH_LIST_SINCE)
               || (query->sort == NGX_HTTP_REAUTH_LIST_UPDATED && ended == 2)
               ? NGX_OK : NGX_DECLINED;
    }

    cursor->ended = query->sort;

    if (query->sort == NGX_HTTP_REAUTH_LIST_UPDATED) {

        /* before any record */

        cursor->index = INT64_MAX;
        cursor->offset = UINT32_MAX;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_status_bad_cursor(ngx_http_request_t *r)
{
    json_t  *errors;

    static ngx_str_t  name = ngx_string("cursor");

    errors = NULL;

    if (ngx_http_reauth_status_add_error(&errors, &name,
                                         "is that of a list with another sort")
        != NGX_OK)
    {
        json_decref(errors);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_invalid(r, errors);
}


static ngx_int_t
ngx_http_reauth_status_accounts(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                        rc;
    ngx_http_reauth_store_t         *store;
    ngx_http_reauth_status_query_t   query;

    ngx_memzero(&query, sizeof(ngx_http_reauth_status_query_t));

    query.request = r;
    query.cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    query.cursor.limit = NGX_HTTP_REAUTH_STATUS_LIMIT;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_list_params,
                                    &query, &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_reauth_status_sort(&query) != NGX_OK) {
        return ngx_http_reauth_status_bad_cursor(r);
    }

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    return query.wait ? ngx_http_reauth_status_list_wait(r, &query)
                      : ngx_http_reauth_status_list(r, &query.cursor);
}


static u_char *
ngx_http_reauth_status_redis(ngx_http_reauth_store_t *store, u_char *p)
{
    ngx_uint_t  up, lag_ms;

    ngx_http_reauth_zone_get_redis(&store->zone, &up, &lag_ms);

    if (store->redis_conf != NULL && up) {
        return ngx_sprintf(p, ",\"store\":{\"redis\":\"up\",\"lag_ms\":%ui}",
                           lag_ms);
    }

    return ngx_sprintf(p, ",\"store\":{\"redis\":\"%s\",\"lag_ms\":null}",
                       store->redis_conf != NULL ? "down" : "none");
}


static u_char *
ngx_http_reauth_status_time(u_char *p, int64_t at_ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    (void) reauth_time_format_ms(text, at_ms);

    return ngx_sprintf(p, "\"%s\"", text);
}


/* the time this long ago; null if there was none */

static u_char *
ngx_http_reauth_status_ago(u_char *p, int64_t age_ms)
{
    return age_ms < 0
           ? ngx_cpymem(p, "null", sizeof("null") - 1)
           : ngx_http_reauth_status_time(p, ngx_http_reauth_now() - age_ms);
}


static u_char *
ngx_http_reauth_status_upstream(ngx_http_reauth_store_t *store, u_char *p)
{
    const char                *error;
    reauth_upstream_ages_t     ages;
    reauth_upstream_health_t   health;

    ngx_http_reauth_zone_upstream(&store->zone, &ages, &health);

    p = ngx_sprintf(p, ",\"upstream\":{\"state\":\"%s\",\"last_ok_at\":",
                    reauth_upstream_state_name(health.state));
    p = ngx_http_reauth_status_ago(p, ages.last_ms[REAUTH_RESULT_OK]);

    p = ngx_cpymem(p, ",\"last_error_at\":",
                   sizeof(",\"last_error_at\":") - 1);
    p = ngx_http_reauth_status_ago(p, health.error != REAUTH_RESULT_NONE
                                      ? ages.last_ms[health.error] : -1);

    error = reauth_upstream_result_code(health.error);

    return error != NULL ? ngx_sprintf(p, ",\"error\":\"%s\"}", error)
                         : ngx_cpymem(p, ",\"error\":null}",
                                      sizeof(",\"error\":null}") - 1);
}


/* null if there is no reauth_poll */

static u_char *
ngx_http_reauth_status_poller(ngx_http_reauth_store_t *store, u_char *p)
{
    int64_t                 lag_ms, paused_ms;
    ngx_uint_t              i, due;
    reauth_poll_backlog_t   backlog;

    if (!store->polling) {
        return ngx_cpymem(p, ",\"poller\":null",
                          sizeof(",\"poller\":null") - 1);
    }

    ngx_http_reauth_zone_get_backlog(&store->zone, &backlog);

    due = 0;
    lag_ms = 0;

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        due += backlog.due[i];
        lag_ms = ngx_max(lag_ms, backlog.lag_ms[i]);
    }

    paused_ms = ngx_http_reauth_zone_paused(&store->zone);

    p = ngx_sprintf(p, ",\"poller\":{\"due\":%ui,\"lag_seconds\":%L,"
                    "\"paused_until\":", due, lag_ms / 1000);

    p = paused_ms > 0
        ? ngx_http_reauth_status_time(p, ngx_http_reauth_now() + paused_ms)
        : ngx_cpymem(p, "null", sizeof("null") - 1);

    *p++ = '}';

    return p;
}


static ngx_int_t
ngx_http_reauth_status_summary(ngx_http_request_t *r, ngx_str_t *rest)
{
    int64_t                          age_ms;
    ngx_int_t                        rc;
    ngx_uint_t                       state;
    ngx_http_reauth_store_t         *store;
    ngx_http_reauth_status_text_t    text;
    ngx_http_reauth_zone_summary_t   summary;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_no_params, NULL,
                                    &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_reauth_caller_confined(r)) {
        return ngx_http_reauth_caller_forbidden(r,
                   "The caller is not allowed to read the summary.",
                   "The summary counts all accounts, but the caller is "
                   "confined to certain accounts; list these instead.");
    }

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    ngx_http_reauth_zone_summary(&store->zone, &summary);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text, 1024) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "{\"states\":",
                           sizeof("{\"states\":") - 1);

    for (state = REAUTH_STATE_NONE + 1; state < REAUTH_STATE_LAST; state++) {
        text.last = ngx_sprintf(text.last, "%c\"%s\":%ui",
                                state == REAUTH_STATE_NONE + 1 ? '{' : ',',
                                reauth_state_name((reauth_state_t) state),
                                summary.states[state]);
    }

    text.last = ngx_sprintf(text.last,
                            "},\"active\":%ui,\"gates_closed\":%i,"
                            "\"oldest_active_seconds\":",
                            summary.active, summary.gates_closed);

    if (summary.oldest_since_ms != 0) {
        age_ms = ngx_http_reauth_now() - summary.oldest_since_ms;
        text.last = ngx_sprintf(text.last, "%L",
                                age_ms > 0 ? age_ms / 1000 : (int64_t) 0);

    } else {
        text.last = ngx_cpymem(text.last, "null", sizeof("null") - 1);
    }

    text.last = ngx_http_reauth_status_redis(store, text.last);
    text.last = ngx_http_reauth_status_upstream(store, text.last);
    text.last = ngx_http_reauth_status_poller(store, text.last);

    text.last = ngx_sprintf(text.last,
                            ",\"clock_offset_ms\":%L,"
                            "\"zone\":{\"size\":%uz,\"free\":%uz,"
                            "\"accounts\":%ui,\"dropped\":%ui},"
                            "\"version\":\"" NGX_HTTP_REAUTH_VERSION "\"}",
                            ngx_http_reauth_clock_offset_ms(), summary.size,
                            summary.free, summary.accounts, summary.dropped);

    return ngx_http_reauth_status_send(r, &text);
}


/* this worker responds; nothing else is checked */

static ngx_int_t
ngx_http_reauth_status_healthz(ngx_http_request_t *r, ngx_str_t *rest)
{
    static ngx_str_t  body = ngx_string("{\"status\":\"ok\"}");

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}


/* ,"reasons":[...], and the first one as ,"reason": for older clients */

static u_char *
ngx_http_reauth_status_reasons(ngx_http_reauth_store_t *store, u_char *p,
    ngx_uint_t draining)
{
    char             text[REAUTH_REASON_LEN];
    size_t           len;
    unsigned         i, n;
    reauth_health_t  health;
    reauth_reason_t  reasons[REAUTH_REASONS_MAX];

    ngx_http_reauth_store_health(store, &health);

    n = reauth_health_reasons(&health, reasons);

    p = ngx_sprintf(p, "\"status\":\"%s\"",
                    draining ? "draining" : n ? "degraded" : "ready");

    if (draining) {
        p = ngx_sprintf(p, ",\"reason\":\"draining\","
                        "\"reasons\":[\"draining\"");

    } else if (n) {
        len = reauth_reason_text(&reasons[0], text);
        p = ngx_sprintf(p, ",\"reason\":\"%*s\",\"reasons\":[", len, text);

    } else {
        p = ngx_sprintf(p, ",\"reasons\":[");
    }

    for (i = 0; i < n; i++) {
        len = reauth_reason_text(&reasons[i], text);
        p = ngx_sprintf(p, "%s\"%*s\"", i || draining ? "," : "", len, text);
    }

    *p++ = ']';

    return p;
}


static ngx_int_t
ngx_http_reauth_status_readyz(ngx_http_request_t *r, ngx_str_t *rest)
{
    u_char                   *p;
    ngx_str_t                 body;
    ngx_uint_t                draining;
    ngx_http_reauth_store_t  *store;

    static ngx_str_t  retry_after = ngx_string("1");
    static ngx_str_t  loading = ngx_string(
                          "{\"status\":\"loading\",\"reason\":"
                          "\"the accounts are being read\",\"reasons\":"
                          "[\"the accounts are being read\"]}");

    store = ngx_http_reauth_status_store(r);
    draining = ngx_http_reauth_zone_drained(&store->zone) != 0;

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {

        if (ngx_http_reauth_add_header(r, "Retry-After", &retry_after)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_reauth_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, &loading);
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_REAUTH_STATUS_READYZ);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    *p++ = '{';
    p = ngx_http_reauth_status_reasons(store, p, draining);
    *p++ = '}';

    body.len = p - body.data;

    return ngx_http_reauth_send(r, draining ? NGX_HTTP_SERVICE_UNAVAILABLE
                                            : NGX_HTTP_OK, &body);
}
