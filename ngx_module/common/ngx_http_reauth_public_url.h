
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth_public_url: the beginning of URLs created by the gateway.
 */


#ifndef _NGX_HTTP_REAUTH_PUBLIC_URL_H_INCLUDED_
#define _NGX_HTTP_REAUTH_PUBLIC_URL_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* scheme, host and prefix of this gateway's URLs, without a slash at the end */
/* the host of the request, with its port */
ngx_str_t ngx_http_reauth_host(ngx_http_request_t *r);

ngx_int_t ngx_http_reauth_public_url(ngx_http_request_t *r, ngx_str_t *url);
char *ngx_http_reauth_public_url_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_REAUTH_PUBLIC_URL_H_INCLUDED_ */
