
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Requests to the upstream by the content handlers of locations.
 */


#ifndef _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/*
 * The request whose upstream has not started, as its content handler is
 * running.
 */
extern ngx_http_request_t  *ngx_http_reauth_upstream_deferred;

/*
 * Calls the content handler of a location.  If it proxies, its responses are
 * checked, and its request is created by "create", which is NULL or calls the
 * function below.
 */
ngx_int_t ngx_http_reauth_upstream_around(ngx_http_request_t *r,
    ngx_http_handler_pt handler, ngx_int_t (*create)(ngx_http_request_t *r));

/* create_request for a location without a key: checks the caller's rights */
ngx_int_t ngx_http_reauth_upstream_create_without(ngx_http_request_t *r);

/* calls the create_request function of the location's handler */
ngx_int_t ngx_http_reauth_upstream_create_request(ngx_http_request_t *r);

/* replaces the request built by nginx by the one to be forwarded */
ngx_int_t ngx_http_reauth_upstream_own_request(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_UPSTREAM_H_INCLUDED_ */
