
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Worker 0 reads Redis into the zone: all that is active whenever it has
 * connected, and from then on every change as it happens.
 */


#ifndef _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_
#define _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_


#include "ngx_http_reauth_store.h"


ngx_int_t ngx_http_reauth_sync_start(ngx_http_reauth_store_t *store);


#endif /* _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_ */
