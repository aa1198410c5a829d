
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_background.h"
#include "ngx_http_reauth_health.h"


static struct sockaddr_un  ngx_http_reauth_nowhere = {
    .sun_family = AF_UNIX
};


static void
ngx_http_reauth_background_event(ngx_event_t *ev)
{
    /* there is no socket to send or receive */
}


static ngx_connection_t *
ngx_http_reauth_background_connection(ngx_log_t *log)
{
    ngx_log_t           *own;
    ngx_connection_t    *c;
    ngx_http_log_ctx_t  *ctx;

    c = ngx_get_connection(0, log);
    if (c == NULL) {
        return NULL;
    }

    c->fd = (ngx_socket_t) -1;

    c->pool = ngx_create_pool(1024, log);
    if (c->pool == NULL) {
        ngx_free_connection(c);
        return NULL;
    }

    own = ngx_palloc(c->pool, sizeof(ngx_log_t));
    ctx = ngx_pcalloc(c->pool, sizeof(ngx_http_log_ctx_t));

    if (own == NULL || ctx == NULL) {
        ngx_destroy_pool(c->pool);
        ngx_free_connection(c);
        return NULL;
    }

    *own = *log;

    own->data = ctx;
    own->handler = NULL;
    own->action = "sending a request of the gateway";

    ctx->connection = c;

    c->log = own;
    c->pool->log = own;
    c->read->log = own;
    c->write->log = own;
    c->log_error = NGX_ERROR_INFO;

    c->read->handler = ngx_http_reauth_background_event;
    c->write->handler = ngx_http_reauth_background_event;

    /* prevents nginx from using the invalid descriptor */

    c->read->active = 1;
    c->write->active = 1;

    /* output is discarded, so nginx does not buffer it in a file */

    c->write->ready = 1;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    /* used by variables of the client's address */

    c->sockaddr = (struct sockaddr *) &ngx_http_reauth_nowhere;
    c->socklen = sizeof(ngx_http_reauth_nowhere);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;
    ngx_str_set(&c->addr_text, "unix:");

    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    return c;
}


static void
ngx_http_reauth_background_destroy(ngx_http_reauth_background_t *background)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = background->connection;
    pool = c->pool;

    if (background->request) {
        background->request->logged = 1;
        ngx_http_free_request(background->request, 0);
    }

    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;
    c->destroyed = 1;
    c->pool = NULL;

    ngx_destroy_pool(pool);
}


static void
ngx_http_reauth_background_end(ngx_http_reauth_background_t *background)
{
    /* the response is in the request's memory */

    background->handler(background);

    ngx_explicit_memzero(background->forward.capture.body.data,
                         background->forward.capture.body.len);

    ngx_http_reauth_background_destroy(background);
    ngx_free(background);
}


static void
ngx_http_reauth_background_answered(ngx_http_reauth_forward_t *forward)
{
    /* nginx runs the request when the subrequest has ended */
}


static void
ngx_http_reauth_background_write_handler(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t         *ctx;
    ngx_http_reauth_background_t  *background;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    background = ctx->data;

    if (background->forward.done) {
        ngx_http_reauth_background_end(background);
    }
}


static ngx_http_request_t *
ngx_http_reauth_background_request(ngx_connection_t *c,
    ngx_http_conf_ctx_t *conf_ctx)
{
    ngx_http_request_t     *r;
    ngx_http_connection_t  *hc;

    hc = ngx_pcalloc(c->pool, sizeof(ngx_http_connection_t));
    if (hc == NULL) {
        return NULL;
    }

    hc->conf_ctx = conf_ctx;
    c->data = hc;

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NULL;
    }

    c->data = r;

    r->method = NGX_HTTP_GET;
    ngx_str_set(&r->method_name, "GET");
    ngx_str_set(&r->http_protocol, "HTTP/1.1");
    ngx_str_set(&r->uri, "/");
    r->unparsed_uri = r->uri;
    r->valid_unparsed_uri = 1;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;

    /* limits apply to clients only: mark both as passed */

    r->limit_req_status = 1;
    r->limit_conn_status = 1;

    r->write_event_handler = ngx_http_reauth_background_write_handler;

    return r;
}


ngx_int_t
ngx_http_reauth_background_start(ngx_http_reauth_background_t *background,
    ngx_http_conf_ctx_t *conf_ctx, ngx_log_t *log)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    c = ngx_http_reauth_background_connection(log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    background->connection = c;
    background->started = ngx_current_msec;

    r = ngx_http_reauth_background_request(c, conf_ctx);

    background->request = r;

    if (r == NULL
        || ngx_list_init(&r->headers_in.headers, r->pool, 1,
                         sizeof(ngx_table_elt_t))
           != NGX_OK)
    {
        goto failed;
    }

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        goto failed;
    }

    ctx->data = background;

    background->forward.handler = ngx_http_reauth_background_answered;

    if (ngx_http_reauth_forward(r, &background->forward) != NGX_OK) {
        goto failed;
    }

    ngx_http_run_posted_requests(c);

    return NGX_OK;

failed:

    ngx_http_reauth_background_destroy(background);

    return NGX_ERROR;
}


void
ngx_http_reauth_background_abort(ngx_http_reauth_background_t *background)
{
    background->forward.done = 0;

    ngx_http_reauth_background_end(background);
}


ngx_uint_t
ngx_http_reauth_background_expire(ngx_http_reauth_background_t *background,
    ngx_msec_t max)
{
    ngx_msec_int_t                taken;
    ngx_http_reauth_main_conf_t  *mcf;

    taken = (ngx_msec_int_t) (ngx_current_msec - background->started);

    if (taken <= (ngx_msec_int_t) max) {
        return 0;
    }

    background->forward.done = 1;
    background->forward.answer = NGX_HTTP_REAUTH_ANSWER_TIMEOUT;

    if (!background->forward.foreign) {
        mcf = ngx_http_get_module_main_conf(background->request,
                                            ngx_http_reauth_module);

        ngx_http_reauth_zone_took(&mcf->store.zone, background->forward.times,
                                  REAUTH_DURATION_UPSTREAM, taken);

        ngx_http_reauth_health_forward(background->request,
                                       &background->forward);
    }

    ngx_http_reauth_background_end(background);

    return 1;
}
