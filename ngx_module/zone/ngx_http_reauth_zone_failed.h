
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Accounts that are known to need new credentials, for reauth_gate_failed.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_FAILED_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_FAILED_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_failed.h"
#include "ngx_http_reauth_zone.h"


/* without the lock: whether there is any, and whether this may be one */

static ngx_inline ngx_uint_t
ngx_http_reauth_zone_any_failed(ngx_http_reauth_zone_t *zone)
{
    return ((ngx_http_reauth_zone_gate_t *) zone->sh)->failed != 0;
}


static ngx_inline ngx_uint_t
ngx_http_reauth_zone_may_be_failed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account)
{
    ngx_http_reauth_zone_gate_t  *gate;

    gate = (ngx_http_reauth_zone_gate_t *) zone->sh;

    return gate->failed_buckets[ngx_http_reauth_zone_hash(account->data,
                                                          account->len)
                                & gate->failed_mask];
}


/*
 * The decision on a call of the account.  "take": a probe that is due is the
 * call's, and the next one is due after the interval.  *record is set unless
 * the result is REAUTH_FAILED_PASS.
 */
reauth_failed_t ngx_http_reauth_zone_failed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t interval_ms, ngx_uint_t take,
    reauth_record_t *record);

/* sets the time of the last probe, which was that of another gateway */
void ngx_http_reauth_zone_failed_probed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t last_ms);


#endif /* _NGX_HTTP_REAUTH_ZONE_FAILED_H_INCLUDED_ */
