
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The receivers of notices: what the worker that delivers knows, for all
 * workers and for its successor.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_NOTICES_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_NOTICES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_zone.h"


/* receivers of notices, of all servers */
#define NGX_HTTP_REAUTH_RECEIVERS_MAX  8


typedef enum {
    NGX_HTTP_REAUTH_NOTICE_ACCEPTED = 0,
    NGX_HTTP_REAUTH_NOTICE_REFUSED,
    NGX_HTTP_REAUTH_NOTICE_FAILED,
    NGX_HTTP_REAUTH_NOTICE_EXPIRED,    /* given up */
    NGX_HTTP_REAUTH_NOTICE_LOST,       /* Redis does not have it any more */
    NGX_HTTP_REAUTH_NOTICE_RESULTS
} ngx_http_reauth_notice_result_e;


/* in shared memory; written by the worker that delivers, without the lock */

struct ngx_http_reauth_receiver_stats_s {
    ngx_atomic_t                    name;      /* hash of the URI; 0: free */
    ngx_atomic_t                    results[NGX_HTTP_REAUTH_NOTICE_RESULTS];
    ngx_atomic_t                    pending;
    volatile int64_t                oldest_ms; /* of these; fleet; 0: none */
    ngx_atomic_t                    failing;

    /* see reauth_degraded_notice_t */
    volatile int64_t                since_ms;
    volatile int64_t                told_ms;
    ngx_atomic_t                    told;
};


/*
 * That of a receiver, by its URI, so that it is found again after a reload.
 * "taken" has a bit for each one that was returned before.  NULL: there is
 * none; with "claim", one that is free, or of an earlier configuration, is
 * used: to be called when all others have been looked for.
 */
ngx_http_reauth_receiver_stats_t *ngx_http_reauth_zone_receiver(
    ngx_http_reauth_zone_t *zone, const ngx_str_t *uri, ngx_uint_t *taken,
    ngx_uint_t claim);


#endif /* _NGX_HTTP_REAUTH_ZONE_NOTICES_H_INCLUDED_ */
