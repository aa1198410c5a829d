
/*
 * Copyright (C) the nginx-reauth authors
 *
 * How this gateway stands with Redis, and what identifies the zone: values that
 * are read and set without the lock.
 */


#include "ngx_http_reauth_zone_memory.h"


ngx_uint_t
ngx_http_reauth_zone_changes(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->changes;
}


void
ngx_http_reauth_zone_writer(ngx_http_reauth_zone_t *zone, ngx_str_t *name)
{
    name->data = zone->sh->writer;
    name->len = NGX_HTTP_REAUTH_WRITER_LEN;
}


ngx_uint_t
ngx_http_reauth_zone_is_writer(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *name)
{
    return name->len == NGX_HTTP_REAUTH_WRITER_LEN
           && ngx_memcmp(name->data, zone->sh->writer,
                         NGX_HTTP_REAUTH_WRITER_LEN)
              == 0;
}


ngx_uint_t
ngx_http_reauth_zone_typical(ngx_http_reauth_zone_t *zone,
    ngx_uint_t auth_type)
{
    return zone->sh->typical[auth_type];
}


void
ngx_http_reauth_zone_set_redis(ngx_http_reauth_zone_t *zone, ngx_uint_t up,
    ngx_uint_t lag_ms)
{
    zone->sh->redis_up = up;
    zone->sh->redis_lag = lag_ms;
}


void
ngx_http_reauth_zone_get_redis(ngx_http_reauth_zone_t *zone, ngx_uint_t *up,
    ngx_uint_t *lag_ms)
{
    *up = zone->sh->redis_up;
    *lag_ms = zone->sh->redis_lag;
}


reauth_refusal_t
ngx_http_reauth_zone_refuse(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what, reauth_refusal_t why)
{
    reauth_refusal_t  before;

    before = ngx_http_reauth_zone_refused(zone, what);

    if (before != why) {
        zone->sh->refused[what] = (ngx_atomic_uint_t) why;
    }

    return before;
}


reauth_refusal_t
ngx_http_reauth_zone_refused(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what)
{
    return (reauth_refusal_t) zone->sh->refused[what];
}
