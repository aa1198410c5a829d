
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the caller of a request has used of the upstream.
 */


#ifndef _NGX_HTTP_REAUTH_USAGE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_USAGE_H_INCLUDED_


#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_zone_usage.h"


/* of this worker: set if there is a callers file and a zone */
extern ngx_uint_t  ngx_http_reauth_usage_enabled;


void ngx_http_reauth_usage_init_process(ngx_http_reauth_main_conf_t *mcf);

/* the counters of the caller, or those for calls without a caller */
ngx_http_reauth_usage_t *ngx_http_reauth_usage(ngx_http_request_t *r);

/*
 * Whether the caller may begin a call, by its budget.  NGX_DECLINED: it may;
 * otherwise an error was sent, and the result is for
 * ngx_http_finalize_request().
 */
ngx_int_t ngx_http_reauth_usage_budget(ngx_http_request_t *r);

/* the budget of a caller; NGX_DECLINED: none, or no such caller */
ngx_int_t ngx_http_reauth_usage_budget_of(ngx_http_request_t *r,
    ngx_str_t *caller, reauth_budget_t *budget);

/* the name to show; of no caller, and of others, one that no caller can have */
void ngx_http_reauth_usage_name(ngx_http_reauth_zone_t *zone, uint32_t index,
    ngx_str_t *name);


#endif /* _NGX_HTTP_REAUTH_USAGE_H_INCLUDED_ */
