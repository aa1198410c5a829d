
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Entries of the audit log: what a request did, or why it was refused.
 */


#ifndef _NGX_HTTP_REAUTH_AUDIT_ENTRY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_AUDIT_ENTRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "ngx_http_reauth_request.h"


/* the names of what persons do */
extern const char  *ngx_http_reauth_act_names[NGX_HTTP_REAUTH_ACT_LAST];

/* a request is refused; if the module serves it, it is not entered again */
void ngx_http_reauth_audit_entry_refused(ngx_http_request_t *r,
    reauth_error_code_t code);

/* whether the audit log has no room for an act before others are in Redis */
ngx_uint_t ngx_http_reauth_audit_entry_full(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx);

/* the module responds to a request, or the request ends without */
void ngx_http_reauth_audit_entry_served(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx);


#endif /* _NGX_HTTP_REAUTH_AUDIT_ENTRY_H_INCLUDED_ */
