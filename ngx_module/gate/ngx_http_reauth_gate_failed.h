
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth_gate_failed: calls of accounts that are known to need new credentials.
 */


#ifndef _NGX_HTTP_REAUTH_GATE_FAILED_H_INCLUDED_
#define _NGX_HTTP_REAUTH_GATE_FAILED_H_INCLUDED_


#include "ngx_http_reauth_clock.h"
#include "ngx_http_reauth_probe.h"
#include "ngx_http_reauth_request.h"


/* others, such as OPTIONS, are answered without the session of the account */
#define NGX_HTTP_REAUTH_GATE_PROVES                                           \
    (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH     \
     |NGX_HTTP_DELETE)


/* a call of such an account that is sent */

struct ngx_http_reauth_tried_s {
    ngx_http_request_t       *request;
    ngx_str_t                 account;
    ngx_http_reauth_probe_t  *probe;           /* while Redis is asked */
    ngx_uint_t                refused;         /* it is not the probe */
    ngx_uint_t                waited;          /* for Redis, not sent since */
    ngx_uint_t                is_sent;
    ngx_http_reauth_moment_t  sent;
};


/* the handler of the phase, after that of the gate */
ngx_int_t ngx_http_reauth_gate_failed_handler(ngx_http_request_t *r);

char *ngx_http_reauth_gate_failed_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_REAUTH_GATE_FAILED_H_INCLUDED_ */
