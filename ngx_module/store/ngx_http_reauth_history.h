
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The changes of one account, from the stream in Redis, or from the zone of
 * this gateway.
 */


#ifndef _NGX_HTTP_REAUTH_HISTORY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_HISTORY_H_INCLUDED_


#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_history_s  ngx_http_reauth_history_t;

typedef void (*ngx_http_reauth_history_handler_pt)(
    ngx_http_reauth_history_t *history);


struct ngx_http_reauth_history_s {
    ngx_http_reauth_history_handler_pt   handler;
    void                                *data;

    /* filled when the handler is called */
    reauth_record_t                     *records;   /* newest first */
    ngx_uint_t                           n;
    ngx_uint_t                           complete;  /* nothing older is known
                                                       to be missing */
};


/*
 * Reads at most "max" changes.  The handler is called exactly once, after this
 * function returns; its argument is freed when it returns.  NULL: no memory.
 */
ngx_http_reauth_history_t *ngx_http_reauth_history_read(
    ngx_http_reauth_store_t *store, const reauth_string_t *account,
    ngx_uint_t max, ngx_http_reauth_history_handler_pt handler, void *data);

void ngx_http_reauth_history_detach(ngx_http_reauth_history_t *history);


#endif /* _NGX_HTTP_REAUTH_HISTORY_H_INCLUDED_ */
