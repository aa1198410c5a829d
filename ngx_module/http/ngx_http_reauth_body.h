
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


struct ngx_http_reauth_body_s {
    ngx_str_t                         text;
    size_t                            size;      /* allocated */
    size_t                            max;
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

/* zeroes what was read */
void ngx_http_reauth_body_cleanse(ngx_http_reauth_body_t *body);


#endif /* _NGX_HTTP_REAUTH_BODY_H_INCLUDED_ */
