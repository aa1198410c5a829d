
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's API key for requests to the upstream: $reauth_authorization.
 */


#ifndef _NGX_HTTP_REAUTH_KEY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_KEY_H_INCLUDED_


#include "ngx_http_reauth_request.h"


ngx_int_t ngx_http_reauth_key_init(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf);

/* content handler that wraps that of a location */
ngx_int_t ngx_http_reauth_key_handler(ngx_http_request_t *r);

/* create_request of a location with a key; it may not use the variable */
ngx_int_t ngx_http_reauth_key_create_request(ngx_http_request_t *r);

/* sends 503: the request was not sent, as it would have had no key */
ngx_int_t ngx_http_reauth_key_send_unavailable(ngx_http_request_t *r);

/* whether a request with the key was built, by this request or by one of its
   subrequests */
ngx_uint_t ngx_http_reauth_key_sent(ngx_http_request_t *r);

ngx_int_t ngx_http_reauth_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/* a cleanup: zeroes a buffer that may have a copy of the key */
void ngx_http_reauth_key_scrub(void *data);

#if (NGX_HTTP_SSL)

/* output over TLS leaves no copy of the key in the connection's buffer */
ngx_int_t ngx_http_reauth_key_wrap_output(ngx_http_request_t *r,
    ngx_http_upstream_t *u);

#endif


#endif /* _NGX_HTTP_REAUTH_KEY_H_INCLUDED_ */
