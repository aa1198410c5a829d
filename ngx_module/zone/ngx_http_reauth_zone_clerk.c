
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The lease of the clerk, the worker that runs the background work.
 */


#include "ngx_http_reauth_zone_memory.h"


reauth_clerk_step_t
ngx_http_reauth_zone_clerk(ngx_http_reauth_zone_t *zone, uint32_t *term,
    reauth_clerk_former_t *former)
{
    int64_t              now_ms;
    reauth_clerk_t      *clerk;
    reauth_clerk_step_t  step;

    clerk = &zone->sh->clerk;
    now_ms = ngx_http_reauth_monotonic();

    if (*term == 0 && !reauth_clerk_may_take(clerk, now_ms)) {

        /* the usual case of all other workers: no lock is taken */

        return REAUTH_CLERK_OTHER;
    }

    ngx_http_reauth_zone_lock(zone);

    step = reauth_clerk_step(clerk, term, (uint32_t) ngx_pid, now_ms, former);

    ngx_http_reauth_zone_unlock(zone);

    return step;
}


void
ngx_http_reauth_zone_clerk_give_up(ngx_http_reauth_zone_t *zone,
    uint32_t *term)
{
    ngx_http_reauth_zone_lock(zone);
    reauth_clerk_give_up(&zone->sh->clerk, term);
    ngx_http_reauth_zone_unlock(zone);
}


ngx_uint_t
ngx_http_reauth_zone_is_clerk(ngx_http_reauth_zone_t *zone, uint32_t term)
{
    return reauth_clerk_is(&zone->sh->clerk, term);
}


ngx_uint_t
ngx_http_reauth_zone_clerk_missing(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  missing;

    ngx_http_reauth_zone_lock(zone);

    missing = reauth_clerk_missing(&zone->sh->clerk,
                                   ngx_http_reauth_monotonic());

    ngx_http_reauth_zone_unlock(zone);

    return missing;
}
