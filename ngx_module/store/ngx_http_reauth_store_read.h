
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The record of one account as Redis has it, for an account that is not in the
 * zone; the zone is not changed.
 */


#ifndef _NGX_HTTP_REAUTH_STORE_READ_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STORE_READ_H_INCLUDED_


#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_read_s  ngx_http_reauth_read_t;

typedef void (*ngx_http_reauth_read_handler_pt)(ngx_http_reauth_read_t *read);


struct ngx_http_reauth_read_s {
    ngx_http_reauth_store_t           *store;
    ngx_http_reauth_read_handler_pt    handler;    /* NULL: detached */
    void                              *data;

    /* filled when the handler is called */
    ngx_uint_t                         failed;     /* Redis did not reply */
    reauth_record_t                    record;     /* NONE: it has no record */

    char                               account[REAUTH_ACCOUNT_MAX + 1];
};


/*
 * The handler is called exactly once, after this function returns; its argument
 * is freed when it returns.  NULL: there is no connection, or no memory.
 */
ngx_http_reauth_read_t *ngx_http_reauth_store_read(
    ngx_http_reauth_store_t *store, const reauth_string_t *account,
    ngx_http_reauth_read_handler_pt handler, void *data);

void ngx_http_reauth_store_read_detach(ngx_http_reauth_read_t *read);


#endif /* _NGX_HTTP_REAUTH_STORE_READ_H_INCLUDED_ */
