
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Counts the credits that ordinary calls use of the upstream, by caller.
 */


#ifndef _NGX_HTTP_REAUTH_CREDITS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CREDITS_H_INCLUDED_


#include "ngx_http_reauth_usage.h"


void ngx_http_reauth_credits_header(ngx_http_request_t *r);


/* inline, as it runs for each ordinary call: nothing without a callers file */

static ngx_inline void
ngx_http_reauth_credits_response(ngx_http_request_t *r)
{
    if (ngx_http_reauth_usage_enabled) {
        ngx_http_reauth_credits_header(r);
    }
}


#endif /* _NGX_HTTP_REAUTH_CREDITS_H_INCLUDED_ */
