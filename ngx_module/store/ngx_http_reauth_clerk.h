
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clerk is the worker that follows Redis, writes what Redis does not have,
 * ends attempts by time and polls.  See core/reauth_clerk.h.
 */


#ifndef _NGX_HTTP_REAUTH_CLERK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CLERK_H_INCLUDED_


#include "ngx_http_reauth_store.h"


void ngx_http_reauth_clerk_init_process(ngx_http_reauth_store_t *store);

/* another worker takes over at once */
void ngx_http_reauth_clerk_give_up(ngx_http_reauth_store_t *store);


/* ngx_http_reauth_store.c: this worker becomes the clerk, or ceases to be */

ngx_int_t ngx_http_reauth_store_clerk_begin(ngx_http_reauth_store_t *store);
void ngx_http_reauth_store_clerk_end(ngx_http_reauth_store_t *store);


#endif /* _NGX_HTTP_REAUTH_CLERK_H_INCLUDED_ */
