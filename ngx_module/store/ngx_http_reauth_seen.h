
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Which webhooks were here before, by the digest of their bodies: nothing else
 * of them is signed.  The zone knows the last ones of this instance, as many
 * as NGX_HTTP_REAUTH_SEEN_MAX says; Redis those of all instances for a day.
 * One that is taken for new once more does no harm: facts are fenced.
 */


#ifndef _NGX_HTTP_REAUTH_SEEN_H_INCLUDED_
#define _NGX_HTTP_REAUTH_SEEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_digest.h"
#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_seen_s  ngx_http_reauth_seen_t;

/* rc: as ngx_http_reauth_seen_claim() says it */
typedef void (*ngx_http_reauth_seen_handler_pt)(ngx_http_reauth_seen_t *seen,
    ngx_int_t rc);


struct ngx_http_reauth_seen_s {
    ngx_http_reauth_store_t           *store;
    ngx_http_reauth_seen_handler_pt    handler;
    void                              *data;
    ngx_uint_t                         local;     /* Redis was not told */
    uint8_t                            digest[REAUTH_SHA256_LEN];
};


/*
 * NGX_OK: it is new, and the caller's to keep; NGX_DECLINED: it was here
 * before; NGX_BUSY: Redis is away and reauth_redis_failure says reject;
 * NGX_AGAIN: the handler will be called with one of these, exactly once and
 * within the time-out of Redis, so that "seen" has to last until then.
 */
ngx_int_t ngx_http_reauth_seen_claim(ngx_http_reauth_seen_t *seen);

/*
 * It was kept.  Only now Redis is told: if it were before, an event whose
 * instance died, or did not hear from Redis, would be lost as a repeat.
 */
void ngx_http_reauth_seen_kept(ngx_http_reauth_seen_t *seen);

/* what was claimed could not be kept: it is new when it comes again */
void ngx_http_reauth_seen_release(ngx_http_reauth_seen_t *seen);


#endif /* _NGX_HTTP_REAUTH_SEEN_H_INCLUDED_ */
