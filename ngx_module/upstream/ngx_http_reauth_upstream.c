
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Requests to the upstream.  A response with a status below 200, or of another
 * protocol, is never passed on, and no response selects a location of this
 * server.  The module's own requests are sent unchanged and once, regardless of
 * directives inherited by the location.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_upstream_status.h"
#include "ngx_http_reauth_upstream.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_capture.h"
#include "ngx_http_reauth_credits.h"
#include "ngx_http_reauth_health.h"
#include "ngx_http_reauth_observe.h"
#include "ngx_http_reauth_redact.h"


static ngx_int_t ngx_http_reauth_upstream_process_rest(ngx_http_request_t *r);
static ngx_int_t ngx_http_reauth_upstream_reinit_request(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_reauth_upstream_plain_header(ngx_http_request_t *r);


/*
 * The request whose upstream must not start before its content handler
 * returns.
 */

ngx_http_request_t  *ngx_http_reauth_upstream_deferred;


/*
 * The functions of a proxying handler are the same for all its requests.
 * Those of the first handler are stored here, so that its ordinary calls need
 * no context, which would often require another block of the pool.
 */

static struct {
    ngx_int_t  (*create_request)(ngx_http_request_t *r);
    ngx_int_t  (*reinit_request)(ngx_http_request_t *r);
    ngx_int_t  (*process_header)(ngx_http_request_t *r);
    ngx_int_t  (*process_rest)(ngx_http_request_t *r);
} ngx_http_reauth_upstream_plain;


/*
 * Rejects anything but a final HTTP/1 response.  "version" is that of the
 * request, before the response was read.
 */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_upstream_refuse(ngx_http_request_t *r, ngx_uint_t version)
{
    ngx_http_upstream_t    *u;
    ngx_http_reauth_ctx_t  *ctx;

    u = r->upstream;

    if (r->http_version != version) {

        /*
         * nginx treats it as HTTP/0.9, and would send HTTP/0.9 to the client,
         * too.
         */

        r->http_version = version;

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "reauth: the upstream's response has no status line; "
                      "the connection is closed");

    } else {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "reauth: the upstream sent status %ui, which is not "
                      "final; the connection is closed",
                      u->headers_in.status_n);
    }

    /* following data may be the response to another request */

    u->keepalive = 0;
    u->upgrade = 0;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->not_final = 1;

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


static ngx_inline ngx_int_t
ngx_http_reauth_upstream_judge(ngx_http_request_t *r, ngx_int_t rc,
    ngx_uint_t version)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    /*
     * Treat early hints like any other status below 200 in all nginx versions.
     */

    if (rc != NGX_OK && !ngx_http_reauth_is_early_hints(rc)) {
        return rc;
    }

    if (u->conf->intercept_errors
        && r == r->main
        && (u->headers_in.status_n == NGX_HTTP_UNAUTHORIZED
            || u->headers_in.status_n == NGX_HTTP_SERVICE_UNAVAILABLE))
    {
        ngx_http_reauth_credits_response(r);
        ngx_http_reauth_observe_intercepted(r);
        return NGX_OK;
    }

    if (r->http_version != version
        || !reauth_upstream_status_is_final((unsigned) u->headers_in.status_n))
    {
        return ngx_http_reauth_upstream_refuse(r, version);
    }

    ngx_http_reauth_health_response(r, u);
    ngx_http_reauth_credits_response(r);

    /* the upstream must not select a location of this server */

    u->headers_in.x_accel_redirect = NULL;

    /* X-Accel-Charset of the upstream must not get into the log */

    r->headers_out.override_charset = NULL;

    return NGX_OK;
}


/*
 * The upstream may repeat the key in a header, and nginx logs invalid headers,
 * or all of them at the "debug" level.
 */

static void
ngx_http_reauth_upstream_redact(ngx_http_request_t *r)
{
    ngx_http_reauth_main_conf_t  *mcf;

    if (ngx_http_reauth_capture(r) == NULL) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    ngx_http_reauth_redact_head(mcf, r->connection->log, &r->upstream->buffer);
}


/* the status line and the headers may be parsed by different functions */

static ngx_int_t
ngx_http_reauth_upstream_process_header(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_uint_t              version;
    ngx_http_upstream_t    *u;
    ngx_http_reauth_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    version = r->http_version;

    ngx_http_reauth_upstream_redact(r);

    rc = ctx->process_header(r);

    if (u->process_header != ngx_http_reauth_upstream_process_header
        && (rc == NGX_OK || rc == NGX_AGAIN))
    {
        ctx->process_rest = u->process_header;
        u->process_header = ngx_http_reauth_upstream_process_rest;
    }

    return ngx_http_reauth_upstream_judge(r, rc, version);
}


static ngx_int_t
ngx_http_reauth_upstream_process_rest(ngx_http_request_t *r)
{
    ngx_uint_t              version;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    version = r->http_version;

    ngx_http_reauth_upstream_redact(r);

    return ngx_http_reauth_upstream_judge(r, ctx->process_rest(r), version);
}


static ngx_int_t
ngx_http_reauth_upstream_plain_rest(ngx_http_request_t *r)
{
    ngx_uint_t  version;

    version = r->http_version;

    return ngx_http_reauth_upstream_judge(r,
               ngx_http_reauth_upstream_plain.process_rest(r), version);
}


/* the rest is parsed by the function set by the first one */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_upstream_plain_more(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->process_header == ngx_http_reauth_upstream_plain_header) {
        return NGX_AGAIN;
    }

    if (ngx_http_reauth_upstream_plain.process_rest == NULL) {
        ngx_http_reauth_upstream_plain.process_rest = u->process_header;
    }

    if (ngx_http_reauth_upstream_plain.process_rest != u->process_header) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "reauth: unexpected parser of the upstream's headers");
        return NGX_ERROR;
    }

    u->process_header = ngx_http_reauth_upstream_plain_rest;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_reauth_upstream_plain_header(ngx_http_request_t *r)
{
    ngx_int_t   rc;
    ngx_uint_t  version;

    version = r->http_version;

    rc = ngx_http_reauth_upstream_plain.process_header(r);

    if (rc == NGX_AGAIN) {
        return ngx_http_reauth_upstream_plain_more(r);
    }

    return ngx_http_reauth_upstream_judge(r, rc, version);
}


static ngx_int_t
ngx_http_reauth_upstream_plain_reinit(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (ngx_http_reauth_call_revoked(r, lcf)) {
        return NGX_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx != NULL) {
        ctx->not_final = 0;
    }

    if (ngx_http_reauth_upstream_plain.reinit_request(r) != NGX_OK) {
        return NGX_ERROR;
    }

    r->upstream->process_header = ngx_http_reauth_upstream_plain_header;

    return NGX_OK;
}


static ngx_inline ngx_uint_t
ngx_http_reauth_upstream_is_plain(ngx_http_upstream_t *u)
{
    if (ngx_http_reauth_upstream_plain.process_header == NULL
        && u->reinit_request != ngx_http_reauth_upstream_reinit_request)
    {
        ngx_http_reauth_upstream_plain.create_request = u->create_request;
        ngx_http_reauth_upstream_plain.reinit_request = u->reinit_request;
        ngx_http_reauth_upstream_plain.process_header = u->process_header;
    }

    return u->process_header == ngx_http_reauth_upstream_plain.process_header
           && u->reinit_request
              == ngx_http_reauth_upstream_plain.reinit_request
           && u->create_request
              == ngx_http_reauth_upstream_plain.create_request;
}


ngx_int_t
ngx_http_reauth_upstream_create_request(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    if (r->upstream->process_header == ngx_http_reauth_upstream_plain_header) {
        return ngx_http_reauth_upstream_plain.create_request(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    return ctx->create_request(r);
}


/*
 * nginx considers PUT idempotent, but each update starts a login.  Some forks
 * also check a cached connection on which nothing was sent.
 */

static ngx_int_t
ngx_http_reauth_upstream_reinit_request(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_loc_conf_t  *lcf;

    if (r->upstream->request_sent
        && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        && ngx_http_reauth_capture(r) != NULL)
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: the upstream did not respond to a "
                      "non-idempotent request, it is not sent again");

        return NGX_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (ngx_http_reauth_call_revoked(r, lcf)) {
        return NGX_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ctx->not_final = 0;

    if (ctx->reinit_request(r) != NGX_OK) {
        return NGX_ERROR;
    }

    r->upstream->process_header = ngx_http_reauth_upstream_process_header;

    return NGX_OK;
}


/*
 * Whatever the location specifies, a captured response is the original one: no
 * error_page, no X-Accel-Redirect, no rate limit, no cache.  It is not written
 * to disk.
 */

static ngx_int_t
ngx_http_reauth_upstream_captured(ngx_http_request_t *r,
    ngx_http_upstream_t *u, ngx_http_reauth_capture_t *capture)
{
    ngx_int_t                  n;
    ngx_http_upstream_conf_t  *conf;

    conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));
    if (conf == NULL) {
        return NGX_ERROR;
    }

    *conf = *u->conf;
    conf->ignore_headers |= NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                            |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                            |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                            |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET;
    conf->intercept_errors = 0;
    conf->store = 0;
    conf->limit_rate = 0;
    conf->force_ranges = 0;

    /* complete the request even if the client closes the connection */

    conf->ignore_client_abort = 1;

    /* do not wait for a client that does not read */

    conf->max_temp_file_size = 0;

    if (conf->bufs.size != 0) {
        n = capture->max / conf->bufs.size + 2;
        conf->bufs.num = ngx_max(conf->bufs.num, n);
    }

#if (NGX_HTTP_CACHE)
    conf->cache = 0;
#endif

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        /* do not pass the request to the next server because of a response */

        conf->next_upstream &= NGX_HTTP_UPSTREAM_FT_ERROR
                               |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                               |NGX_HTTP_UPSTREAM_FT_OFF;
    }

    u->conf = conf;
    u->buffering = 1;

    /* before proxy_method */

    u->method = r->method_name;

    return NGX_OK;
}


static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_upstream_prepare(ngx_http_request_t *r)
{
    ngx_http_upstream_t        *u;
    ngx_http_reauth_ctx_t      *ctx;
    ngx_http_reauth_capture_t  *capture;

    u = r->upstream;
    capture = ngx_http_reauth_capture(r);

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (capture != NULL
        && ngx_http_reauth_upstream_captured(r, u, capture) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->create_request = u->create_request;
    ctx->reinit_request = u->reinit_request;
    ctx->process_header = u->process_header;

    u->reinit_request = ngx_http_reauth_upstream_reinit_request;
    u->process_header = ngx_http_reauth_upstream_process_header;

    return NGX_OK;
}


/* create_request of a request without a key */

ngx_int_t
ngx_http_reauth_upstream_create_without(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->authorize && ngx_http_reauth_call_revoked(r, lcf)) {
        return NGX_ERROR;
    }

    rc = ngx_http_reauth_upstream_create_request(r);

    return rc == NGX_OK ? ngx_http_reauth_upstream_own_request(r) : rc;
}


/*
 * A proxying handler sets its functions and starts the upstream immediately if
 * there is no body to read.  They must be wrapped before: r->aio makes
 * ngx_http_upstream_init() return, and it is called again when the handler has
 * returned.
 */

ngx_int_t
ngx_http_reauth_upstream_around(ngx_http_request_t *r,
    ngx_http_handler_pt handler, ngx_int_t (*create)(ngx_http_request_t *r))
{
    ngx_int_t                   rc;
    ngx_http_request_t         *outer;
    ngx_http_upstream_t        *u, *before;
    ngx_http_event_handler_pt   reading;

    before = r->upstream;
    reading = r->read_event_handler;
    outer = ngx_http_reauth_upstream_deferred;

    ngx_http_reauth_upstream_deferred = r;
    r->aio = 1;

    rc = handler(r);

    if (ngx_http_reauth_upstream_deferred == r) {
        r->aio = 0;
    }

    ngx_http_reauth_upstream_deferred = outer;

    u = r->upstream;

    if (rc != NGX_DONE || u == NULL || u == before) {
        return rc;
    }

    if ((r == r->main || ngx_http_reauth_capture(r) == NULL)
        && ngx_http_reauth_upstream_is_plain(u))
    {
        u->reinit_request = ngx_http_reauth_upstream_plain_reinit;
        u->process_header = ngx_http_reauth_upstream_plain_header;

    } else if (u->reinit_request == ngx_http_reauth_upstream_plain_reinit
               || u->reinit_request == ngx_http_reauth_upstream_reinit_request)
    {
        /* wrapped by a handler that was called by this one */

        return rc;

    } else {

        if (ngx_http_reauth_upstream_prepare(r) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DONE;
        }

        if (create == NULL) {
            create = ngx_http_reauth_upstream_create_without;
        }
    }

    if (create != NULL) {
        u->create_request = create;
    }

    if (r->read_event_handler == reading
        || r->read_event_handler == ngx_http_block_reading)
    {
        /* no body needs to be read first */

        ngx_http_upstream_init(r);
    }

    return NGX_DONE;
}
