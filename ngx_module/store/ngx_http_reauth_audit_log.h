
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The audit log of the fleet: from the streams in Redis and what this gateway
 * has not written yet, or from this gateway only.
 */


#ifndef _NGX_HTTP_REAUTH_AUDIT_LOG_H_INCLUDED_
#define _NGX_HTTP_REAUTH_AUDIT_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_audit.h"
#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_audit_log_s  ngx_http_reauth_audit_log_t;

typedef void (*ngx_http_reauth_audit_log_handler_pt)(
    ngx_http_reauth_audit_log_t *log);

/* whether an entry is listed; "data" is that of the log */
typedef ngx_uint_t (*ngx_http_reauth_audit_log_sees_pt)(
    const reauth_audit_t *entry, void *data);


/* a position: entries after it are older; a time in ms, and a tie-break */

typedef struct {
    uint64_t     ms;
    uint64_t     rest;
} ngx_http_reauth_audit_place_t;


struct ngx_http_reauth_audit_log_s {
    ngx_http_reauth_audit_log_handler_pt   handler;
    ngx_http_reauth_audit_log_sees_pt      sees;
    void                                  *data;
    ngx_uint_t                             limit;

    /* where to begin (ms 0: with the newest), and where the next page does */
    ngx_http_reauth_audit_place_t          place;

    /* filled when the handler is called */
    reauth_audit_t                        *entries;   /* newest first */
    ngx_uint_t                             n;
    ngx_uint_t                             done;      /* no more pages */
    ngx_uint_t                             fleet;     /* of all gateways */
};


/*
 * Reads a page.  The fields above "filled" of *asked are copied.  The handler
 * is called exactly once, after this function returns; its argument is freed
 * when it returns.  NULL: no memory.
 */
ngx_http_reauth_audit_log_t *ngx_http_reauth_audit_log_read(
    ngx_http_reauth_store_t *store, const ngx_http_reauth_audit_log_t *asked);

void ngx_http_reauth_audit_log_detach(ngx_http_reauth_audit_log_t *log);


#endif /* _NGX_HTTP_REAUTH_AUDIT_LOG_H_INCLUDED_ */
