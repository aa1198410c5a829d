
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's health, determined from the responses to requests with the API
 * key.
 */


#ifndef _NGX_HTTP_REAUTH_HEALTH_H_INCLUDED_
#define _NGX_HTTP_REAUTH_HEALTH_H_INCLUDED_


#include "ngx_http_reauth_forward.h"
#include "ngx_http_reauth_key.h"
#include "reauth_upstream_health.h"


/* the second in which this worker last recorded a success */
extern time_t  ngx_http_reauth_health_ok;

/* the header of a response to an ordinary call */
void ngx_http_reauth_health_header(ngx_http_request_t *r);

/* the body of a 401 response to it, or an error response in its place */
void ngx_http_reauth_health_call(ngx_http_request_t *r,
    reauth_upstream_result_t result);
void ngx_http_reauth_health_failed(ngx_http_request_t *r);

/* the result of the module's own request */
void ngx_http_reauth_health_forward(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward);


/*
 * Inline, as it runs for each ordinary call: records one success a second, and
 * nothing for a request without the API key.
 */

static ngx_inline void
ngx_http_reauth_health_response(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    if (u->create_request == ngx_http_reauth_key_create_request
        && (u->headers_in.status_n >= NGX_HTTP_BAD_REQUEST
            || ngx_http_reauth_health_ok != ngx_time()))
    {
        ngx_http_reauth_health_header(r);
    }
}


#endif /* _NGX_HTTP_REAUTH_HEALTH_H_INCLUDED_ */
