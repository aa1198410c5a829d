
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Exchanges what callers with a budget have spent with other gateways.
 */


#ifndef _NGX_HTTP_REAUTH_STORE_USAGE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STORE_USAGE_H_INCLUDED_


#include "ngx_http_reauth_store.h"


/* there are budgets with these periods, a bit for each; more may follow */
void ngx_http_reauth_store_usage_periods(ngx_http_reauth_store_t *store,
    unsigned periods);

/* this worker is the clerk, or Redis was connected again */
void ngx_http_reauth_store_usage_begin(ngx_http_reauth_store_t *store);
void ngx_http_reauth_store_usage_end(ngx_http_reauth_store_t *store);


#endif /* _NGX_HTTP_REAUTH_STORE_USAGE_H_INCLUDED_ */
