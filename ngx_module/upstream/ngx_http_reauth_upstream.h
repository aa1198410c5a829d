
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Requests to the upstream by the content handlers of locations.
 */


#ifndef _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* whose upstream has not begun yet, as its content handler has not returned */
extern ngx_http_request_t  *ngx_http_reauth_upstream_deferred;

/*
 * Calls the content handler of a location.  If that proxies, its responses are
 * judged, and its request is made by "create", which is NULL or calls the
 * function below.
 */
ngx_int_t ngx_http_reauth_upstream_around(ngx_http_request_t *r,
    ngx_http_handler_pt handler, ngx_int_t (*create)(ngx_http_request_t *r));

/* for a location without a key, if a caller's rights may change meanwhile */
ngx_int_t ngx_http_reauth_upstream_create_without(ngx_http_request_t *r);

/* what the handler of the location named to make the request */
ngx_int_t ngx_http_reauth_upstream_create_request(ngx_http_request_t *r);

/* a captured request that nginx has built becomes what we meant to send */
ngx_int_t ngx_http_reauth_upstream_own_request(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_ */
