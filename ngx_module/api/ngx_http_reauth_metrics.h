
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/metrics.
 */


#ifndef _NGX_HTTP_REAUTH_METRICS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_METRICS_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* content handler */
ngx_int_t ngx_http_reauth_metrics_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_METRICS_H_INCLUDED_ */
