
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the resources that act on the gateway share.
 */


#ifndef _NGX_HTTP_REAUTH_OPERATE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_OPERATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_operate.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_request.h"


typedef struct ngx_http_reauth_operate_s  ngx_http_reauth_operate_t;

typedef ngx_int_t (*ngx_http_reauth_operate_handler_pt)(
    ngx_http_reauth_operate_t *op);

typedef struct {
    ngx_str_t                            name;
    ngx_str_t                            suffix;    /* after an account ID */
    ngx_uint_t                           method;    /* any of these */
    unsigned                             members;   /* of its body; 0: none */
    ngx_str_t                            allow;     /* of the path */
    ngx_http_reauth_act_e                act;
    ngx_http_reauth_operate_handler_pt   handler;
    ngx_uint_t                           read;      /* by the status, too */
} ngx_http_reauth_operate_resource_t;


struct ngx_http_reauth_operate_s {
    ngx_http_request_t                  *request;
    ngx_http_reauth_operate_resource_t  *resource;
    ngx_str_t                            account;   /* empty: none */
    ngx_http_reauth_body_t               body;
    reauth_operate_t                     asked;
};


/* NGX_DECLINED: by a callers file, or the parameter of reauth_status */
ngx_int_t ngx_http_reauth_operate_enabled(ngx_http_request_t *r);


/* ngx_http_reauth_operate_limit.c; 429, nothing was done */

ngx_int_t ngx_http_reauth_operate_too_many(ngx_http_reauth_operate_t *op,
    ngx_http_reauth_count_e count, int64_t wait_ms, const char *description);


/* carries the request out, or rejects it: the audit log has no room */
ngx_int_t ngx_http_reauth_operate_act(ngx_http_reauth_operate_t *op);


/* ngx_http_reauth_operate_poll.c */

ngx_int_t ngx_http_reauth_operate_poll(ngx_http_reauth_operate_t *op);


#endif /* _NGX_HTTP_REAUTH_OPERATE_H_INCLUDED_ */
