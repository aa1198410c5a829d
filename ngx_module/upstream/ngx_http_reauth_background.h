
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A request of the gateway itself to the upstream: a request without a
 * connection, whose subrequest uses the operator's internal location, with its
 * proxy_* directives, TLS and keep-alive.
 */


#ifndef _NGX_HTTP_REAUTH_BACKGROUND_H_INCLUDED_
#define _NGX_HTTP_REAUTH_BACKGROUND_H_INCLUDED_


#include "ngx_http_reauth_forward.h"


typedef struct ngx_http_reauth_background_s  ngx_http_reauth_background_t;

/*
 * Called once, possibly before start() returns; forward.done is 0 if aborted.
 */
typedef void (*ngx_http_reauth_background_handler_pt)(
    ngx_http_reauth_background_t *background);


struct ngx_http_reauth_background_s {
    ngx_http_reauth_forward_t                forward; /* the request to send */
    ngx_http_reauth_background_handler_pt    handler;
    void                                    *data;

    ngx_connection_t                        *connection;
    ngx_http_request_t                      *request;
    ngx_msec_t                               started;   /* monotonic */
};


/*
 * "background" is allocated by ngx_alloc() and freed after its handler has
 * been called.  On NGX_ERROR the handler is not called, and the calling
 * function frees it.
 */
ngx_int_t ngx_http_reauth_background_start(
    ngx_http_reauth_background_t *background, ngx_http_conf_ctx_t *ctx,
    ngx_log_t *log);

/* aborts the request; the handler is called */
void ngx_http_reauth_background_abort(
    ngx_http_reauth_background_t *background);

/*
 * Ends the request as a timeout if it takes longer than "max" milliseconds,
 * and returns 1.  proxy_read_timeout does not end a response that arrives byte
 * by byte.
 */
ngx_uint_t ngx_http_reauth_background_expire(
    ngx_http_reauth_background_t *background, ngx_msec_t max);


#endif /* _NGX_HTTP_REAUTH_BACKGROUND_H_INCLUDED_ */
