
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The audit log of this gateway, see core/reauth_audit.h.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_AUDIT_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_AUDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_audit.h"
#include "ngx_http_reauth_zone.h"


/*
 * Adds an entry.  Sets the number, begun_ms and count of *entry; an identical
 * refusal is only counted.  Returns whether the ring should be written to Redis
 * now: acts, which are few and are rejected if many are not in Redis, and other
 * entries before one is replaced.
 */
ngx_uint_t ngx_http_reauth_zone_audit(ngx_http_reauth_zone_t *zone,
    reauth_audit_t *entry);

/* whether an act must wait until others are in Redis; "entry": its source */
ngx_uint_t ngx_http_reauth_zone_audit_full(ngx_http_reauth_zone_t *zone,
    reauth_audit_t *entry);

/* the entries of a class, newest first, or only those not in Redis */
ngx_uint_t ngx_http_reauth_zone_audit_read(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, ngx_uint_t all, reauth_audit_t *entries,
    ngx_uint_t max);

/* entries to be written to Redis, oldest first; written up to *end */
ngx_uint_t ngx_http_reauth_zone_audit_unwritten(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, int64_t now_ms, reauth_audit_t *entries,
    ngx_uint_t max, uint64_t *end);
void ngx_http_reauth_zone_audit_written(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, uint64_t end);

/* the most that a class has; 0: nothing is entered */
ngx_uint_t ngx_http_reauth_zone_audit_size(ngx_http_reauth_zone_t *zone);


#endif /* _NGX_HTTP_REAUTH_ZONE_AUDIT_H_INCLUDED_ */
