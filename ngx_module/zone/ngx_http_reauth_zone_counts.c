
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Counters and distributions of durations, of all workers: single words,
 * changed without the lock.
 */


#include "ngx_http_reauth_zone_memory.h"


void
ngx_http_reauth_zone_count(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    (void) ngx_atomic_fetch_add(&zone->sh->counts[what], 1);
}


void
ngx_http_reauth_zone_count_n(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what, ngx_uint_t n)
{
    (void) ngx_atomic_fetch_add(&zone->sh->counts[what], n);
}


ngx_uint_t
ngx_http_reauth_zone_counted(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    return zone->sh->counts[what];
}


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


void
ngx_http_reauth_zone_count_end(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *before, const reauth_fact_t *fact)
{
    if (!reauth_state_is_active(before->state)
        || !reauth_state_is_end(fact->state))
    {
        return;
    }

    ngx_http_reauth_zone_count(zone,
        ngx_http_reauth_count_of_end(before->auth_type, fact->state,
                                     fact->source));

    if (fact->state == REAUTH_STATE_SUCCEEDED) {
        ngx_http_reauth_zone_took(zone,
                                  NGX_HTTP_REAUTH_TIMES_LOGIN
                                  + before->auth_type,
                                  REAUTH_DURATION_LOGIN,
                                  fact->now_ms - before->since_ms);
    }
}
