
/*
 * Copyright (C) the nginx-reauth authors
 */


#ifndef _NGX_HTTP_REAUTH_CURSOR_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CURSOR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_reauth_conf.h"


/* of the text, in hex */
#define NGX_HTTP_REAUTH_CURSOR_LEN  88


/* seals for this caller; returns the end of the text */
u_char *ngx_http_reauth_cursor_seal(ngx_http_request_t *r, u_char *p,
    uint64_t a, uint64_t b);

/* NGX_OK; NGX_DECLINED: not sealed by a gateway for this caller */
ngx_int_t ngx_http_reauth_cursor_open(ngx_http_request_t *r, ngx_str_t *text,
    uint64_t *a, uint64_t *b);


#endif /* _NGX_HTTP_REAUTH_CURSOR_H_INCLUDED_ */
