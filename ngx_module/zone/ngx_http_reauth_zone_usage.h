
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What each caller has used of the upstream, by all workers of this gateway.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_


#include "ngx_http_reauth_zone.h"


/*
 * Never moved or removed.  The counters are changed without the lock, the name
 * is not changed.
 */

typedef struct {
    ngx_atomic_t  credits;
    ngx_atomic_t  calls;         /* that the upstream responded to */
    uint32_t      next;          /* in the bucket */
    uint8_t       len;
    u_char        name[REAUTH_CALLER_MAX];
} ngx_http_reauth_usage_t;


/*
 * Indexes have no gaps.  The first ones have no name: callers for whom there is
 * no room, and calls without a caller.
 */

#define NGX_HTTP_REAUTH_USAGE_OTHER  0
#define NGX_HTTP_REAUTH_USAGE_NONE   1
#define NGX_HTTP_REAUTH_USAGE_FIRST  2


/* the index of a caller, added if needed; takes the lock */
uint32_t ngx_http_reauth_zone_usage_find(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller);

/* without the lock; "at" returns NULL if there is no such index */
uint32_t ngx_http_reauth_zone_usage_count(ngx_http_reauth_zone_t *zone);
ngx_http_reauth_usage_t *ngx_http_reauth_zone_usage_at(
    ngx_http_reauth_zone_t *zone, uint32_t index);


#endif /* _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_ */
