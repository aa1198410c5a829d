
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

/* the name to show; of no caller, and of others, one that no caller can have */
void ngx_http_reauth_usage_name(ngx_http_reauth_zone_t *zone, uint32_t index,
    ngx_str_t *name);


#endif /* _NGX_HTTP_REAUTH_USAGE_H_INCLUDED_ */
