
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Rejects requests that browsers send for pages of other origins.
 */


#ifndef _NGX_HTTP_REAUTH_ORIGIN_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ORIGIN_H_INCLUDED_


#include "ngx_http_reauth_headers.h"
#include "ngx_http_reauth_request.h"


char *ngx_http_reauth_origin_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_reauth_origin_handler(ngx_http_request_t *r);

ngx_int_t ngx_http_reauth_origin_asked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_headers_t *noted);


/*
 * Checks a request to a guarded location.  NGX_DECLINED: allowed; NGX_DONE:
 * rejected, or a preflight that has been responded to.
 */

static ngx_inline ngx_int_t
ngx_http_reauth_origin(ngx_http_request_t *r, ngx_http_reauth_loc_conf_t *lcf)
{
    ngx_http_reauth_headers_t  *noted;

    noted = ngx_http_reauth_headers_noted(r);

    return noted == NULL && lcf->origins == NULL
           ? NGX_DECLINED : ngx_http_reauth_origin_asked(r, lcf, noted);
}


#endif /* _NGX_HTTP_REAUTH_ORIGIN_H_INCLUDED_ */
