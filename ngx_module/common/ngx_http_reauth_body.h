
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads a request body into separate memory, never to disk, up to the module's
 * own limit instead of client_max_body_size, so that the error for a larger
 * body has the upstream's format.
 */


#ifndef _NGX_HTTP_REAUTH_BODY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct ngx_http_reauth_body_s  ngx_http_reauth_body_t;

/* rc: NGX_OK, or the HTTP status of an error */
typedef void (*ngx_http_reauth_body_handler_pt)(ngx_http_request_t *r,
    ngx_int_t rc, void *data);


/* bodies of a caller or an address in this worker, while there are any */

typedef struct {
    ngx_str_node_t                    name;
    size_t                            size;
    ngx_uint_t                        requests;
} ngx_http_reauth_bodies_t;


/*
 * Bytes of bodies held by a request.  The sum in this worker is limited by
 * reauth_body_memory.  Each caller can use half of it; so can webhooks, which
 * can come from any client, and those of one address a quarter of this half.
 */

typedef struct ngx_http_reauth_held_s {
    size_t                            size;
    ngx_uint_t                        webhook;
    ngx_http_reauth_bodies_t         *caller;    /* or address; NULL: none */
} ngx_http_reauth_held_t;


struct ngx_http_reauth_body_s {
    ngx_str_t                         text;
    size_t                            size;      /* allocated */
    size_t                            max;
    ngx_uint_t                        webhook;
    ngx_http_reauth_held_t           *held;
    size_t                            reads;   /* of that, in nginx's buffer */
    ngx_http_reauth_body_handler_pt   handler;
    void                             *data;
};


/*
 * To be called by a content handler, which returns its result.  The handler is
 * called once, possibly before this function returns, and finalizes the
 * request.
 */
ngx_int_t ngx_http_reauth_body_read(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body);

/* to be called if the body is not read; can be called repeatedly */
ngx_int_t ngx_http_reauth_body_refuse(ngx_http_request_t *r);

/* zeroes the body and frees its memory */
void ngx_http_reauth_body_cleanse(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body);


/* is released with the pool; NULL: no memory */
ngx_http_reauth_held_t *ngx_http_reauth_body_account(ngx_pool_t *pool,
    ngx_uint_t webhook);

/* NGX_BUSY: the limit would be exceeded, nothing was added */
ngx_int_t ngx_http_reauth_body_hold(ngx_http_request_t *r,
    ngx_http_reauth_held_t *held, size_t size);

/* adds bytes regardless of the limit */
void ngx_http_reauth_body_add(ngx_http_reauth_held_t *held, size_t size);
void ngx_http_reauth_body_drop(ngx_http_reauth_held_t *held, size_t size);

/* sends 503: the limit is reached */
ngx_int_t ngx_http_reauth_body_send_busy(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_BODY_H_INCLUDED_ */
