
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Corrects the clock of the zone by that of Redis.
 */


#ifndef _NGX_HTTP_REAUTH_STORE_CLOCK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STORE_CLOCK_H_INCLUDED_


#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store.h"


/* the connection became ready: before any other command is sent */
void ngx_http_reauth_store_clock_up(ngx_http_reauth_store_t *store,
    ngx_http_reauth_redis_t *redis);

/* the clerk, regularly: asks Redis again, and looks at the wall clock */
void ngx_http_reauth_store_clock_timer(ngx_http_reauth_store_t *store);


#endif /* _NGX_HTTP_REAUTH_STORE_CLOCK_H_INCLUDED_ */
