
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Distributions of durations, of all workers: single words, changed without
 * the lock.
 */


#include "ngx_http_reauth_zone_memory.h"


void
ngx_http_reauth_zone_took(ngx_http_reauth_zone_t *zone, ngx_uint_t times,
    reauth_duration_t kind, int64_t ms)
{
    ngx_http_reauth_zone_times_t  *t;

    t = &zone->sh->times[times];

    (void) ngx_atomic_fetch_add(&t->buckets[reauth_duration_bucket(kind, ms)],
                                1);

    if (ms > 0) {
        (void) ngx_atomic_fetch_add(&t->sum_ms, (ngx_atomic_int_t) ms);
    }
}


void
ngx_http_reauth_zone_times(ngx_http_reauth_zone_t *zone, ngx_uint_t times,
    ngx_http_reauth_times_t *read)
{
    ngx_uint_t                     i;
    ngx_http_reauth_zone_times_t  *t;

    t = &zone->sh->times[times];

    for (i = 0; i < REAUTH_DURATION_BUCKETS; i++) {
        read->buckets[i] = t->buckets[i];
    }

    read->sum_ms = t->sum_ms;
}
