
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

/* parts of the text: "p" is moved, at most to "last" */

u_char *ngx_http_reauth_metrics_head(u_char *p, u_char *last,
    const char *name, const char *type, const char *help);

/* ngx_http_reauth_metrics_labels.c: counters with several labels, durations */
u_char *ngx_http_reauth_metrics_labels(u_char *p, u_char *last,
    ngx_http_reauth_store_t *store);

/* ngx_http_reauth_metrics_notices.c: "size" is what they take at most */
size_t ngx_http_reauth_metrics_notices_size(void);
u_char *ngx_http_reauth_metrics_notices(u_char *p, u_char *last);

/*
 * ngx_http_reauth_usage_list.c: the only family whose size depends on the
 * number of callers, "size" is what it takes
 */
size_t ngx_http_reauth_metrics_usage_size(ngx_http_reauth_zone_t *zone);
u_char *ngx_http_reauth_metrics_usage(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone, size_t size);


#endif /* _NGX_HTTP_REAUTH_METRICS_H_INCLUDED_ */
