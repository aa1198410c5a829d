
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads a request's body into memory of its own, never to disk, up to a
 * bound of ours rather than client_max_body_size, so that the answer to one
 * that is too large is in the upstream's envelope.
 */


#ifndef _NGX_HTTP_REAUTH_BODY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct ngx_http_reauth_body_s  ngx_http_reauth_body_t;

/* rc: NGX_OK, or the HTTP status of what went wrong */
typedef void (*ngx_http_reauth_body_handler_pt)(ngx_http_request_t *r,
    ngx_int_t rc, void *data);


/* those of one caller in this worker, while there are any */

typedef struct {
    ngx_str_node_t                    name;
    size_t                            size;
    ngx_uint_t                        requests;
} ngx_http_reauth_bodies_t;


/*
 * The bytes that a request holds of bodies.  Of all of this worker
 * reauth_body_memory is the bound, and half of it of webhooks, since anybody
 * may send them, and of one caller.
 */

typedef struct ngx_http_reauth_held_s {
    size_t                            size;
    ngx_uint_t                        webhook;
    ngx_http_reauth_bodies_t         *caller;    /* NULL: nobody's */
} ngx_http_reauth_held_t;


struct ngx_http_reauth_body_s {
    ngx_str_t                         text;
    size_t                            size;      /* allocated */
    size_t                            max;
    ngx_uint_t                        webhook;
    ngx_http_reauth_held_t           *held;
    size_t                            reads;     /* of that, to read into */
    ngx_http_reauth_body_handler_pt   handler;
    void                             *data;
};


/*
 * For a content handler: its result is the content handler's own.  The
 * handler is called once, maybe from inside this call; the request is its to
 * finalize.
 */
ngx_int_t ngx_http_reauth_body_read(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body);

/* for a request that is answered without its body being read; also again */
ngx_int_t ngx_http_reauth_body_refuse(ngx_http_request_t *r);

/* zeroes what was read, and gives its memory back */
void ngx_http_reauth_body_cleanse(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body);


/* is closed with the pool; NULL: no memory */
ngx_http_reauth_held_t *ngx_http_reauth_body_account(ngx_pool_t *pool,
    ngx_uint_t webhook);

/* NGX_BUSY: they would be too many, nothing was added */
ngx_int_t ngx_http_reauth_body_hold(ngx_http_request_t *r,
    ngx_http_reauth_held_t *held, size_t size);

/* what can't be refused any more */
void ngx_http_reauth_body_add(ngx_http_reauth_held_t *held, size_t size);
void ngx_http_reauth_body_drop(ngx_http_reauth_held_t *held, size_t size);

/* 503 for a body that would take more */
ngx_int_t ngx_http_reauth_body_send_busy(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_BODY_H_INCLUDED_ */
