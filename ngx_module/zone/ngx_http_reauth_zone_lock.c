
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The lock of the zone, and allocations under the lock.
 */


#include "ngx_http_reauth_zone_memory.h"


#if (NGX_HTTP_REAUTH_CHECK_LOCK)

static ngx_http_reauth_zone_t  *ngx_http_reauth_zone_held;


/* nginx's mutex has the PID of its owner, so a stale "held" is detected */

void
ngx_http_reauth_zone_check_lock(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_t  *zone;

    zone = ngx_http_reauth_zone_held;

    if (zone == NULL
        || zone->sh != sh
        || *zone->shpool->mutex.lock != (ngx_atomic_uint_t) ngx_pid)
    {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0,
                      "reauth_zone is accessed without its lock");
        abort();
    }
}

#endif


/*
 * Nginx's master releases the lock of a worker that died: "held" is still set.
 */

void
ngx_http_reauth_zone_lock(ngx_http_reauth_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

#if (NGX_HTTP_REAUTH_CHECK_LOCK)
    ngx_http_reauth_zone_held = zone;
#endif

    ngx_http_reauth_zone_check_lock(zone->sh);

    if (zone->sh->held) {
        ngx_http_reauth_zone_repair(zone);
    }

    zone->sh->held = 1;
}


void
ngx_http_reauth_zone_unlock(ngx_http_reauth_zone_t *zone)
{
    ngx_http_reauth_zone_check_lock(zone->sh);

    zone->sh->held = 0;

#if (NGX_HTTP_REAUTH_CHECK_LOCK)
    ngx_http_reauth_zone_held = NULL;
#endif

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_http_reauth_zone_touch(void *p, size_t len)
{
    volatile u_char  *page, *last;

    if (len == 0) {
        return;
    }

    last = (u_char *) p + len - 1;

    for (page = p; page < last; page += ngx_pagesize) {
        *page = 0;
    }

    *last = 0;
}


/* "allocating" remains set if a worker is killed here: no more is allocated */

void *
ngx_http_reauth_zone_slab_alloc(ngx_http_reauth_zone_t *zone, size_t size)
{
    void                          *p;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->allocating) {
        return NULL;
    }

    sh->allocating = 1;
    p = ngx_slab_alloc_locked(zone->shpool, size);
    sh->allocating = 0;

    if (p != NULL && (u_char *) p + size > sh->end) {
        sh->end = (u_char *) p + size;
    }

    return p;
}


void
ngx_http_reauth_zone_slab_free(ngx_http_reauth_zone_t *zone, void *p)
{
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->allocating) {
        return;
    }

    sh->allocating = 1;
    ngx_slab_free_locked(zone->shpool, p);
    sh->allocating = 0;
}
