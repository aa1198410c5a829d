
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Detects duplicate webhooks by the digest of their bodies, because nothing
 * else is signed.  The zone stores the last NGX_HTTP_REAUTH_DEDUP_MAX of this
 * gateway, Redis those of all gateways for a day.  A duplicate that is not
 * detected does no harm: facts are fenced.
 */


#ifndef _NGX_HTTP_REAUTH_DEDUP_H_INCLUDED_
#define _NGX_HTTP_REAUTH_DEDUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_digest.h"
#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_dedup_s  ngx_http_reauth_dedup_t;

/* rc: as ngx_http_reauth_dedup_claim() says it */
typedef void (*ngx_http_reauth_dedup_handler_pt)(ngx_http_reauth_dedup_t *dedup,
    ngx_int_t rc);


struct ngx_http_reauth_dedup_s {
    ngx_http_reauth_store_t           *store;
    ngx_http_reauth_dedup_handler_pt    handler;
    void                              *data;
    ngx_uint_t                         local;     /* not in Redis */
    uint8_t                            digest[REAUTH_SHA256_LEN];
};


/*
 * NGX_OK: the digest is new; NGX_DECLINED: it is a duplicate; NGX_BUSY: Redis
 * is unavailable and "reauth_redis_failure reject" is specified; NGX_AGAIN:
 * the handler will be called with one of these, exactly once and within the
 * timeout of Redis, and "dedup" must exist until then.
 */
ngx_int_t ngx_http_reauth_dedup_claim(ngx_http_reauth_dedup_t *dedup);

/*
 * The event was stored.  The digest is written to Redis only now: otherwise an
 * event whose gateway died before would be lost as a duplicate.
 */
void ngx_http_reauth_dedup_stored(ngx_http_reauth_dedup_t *dedup);

/* the event could not be stored: its digest is new when it is sent again */
void ngx_http_reauth_dedup_release(ngx_http_reauth_dedup_t *dedup);


#endif /* _NGX_HTTP_REAUTH_DEDUP_H_INCLUDED_ */
