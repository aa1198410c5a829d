
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The audit log of this gateway: a ring for each class.  An entry is written
 * before it is counted as added, and rings are used under the lock only, so a
 * worker that is killed leaves nothing to repair.
 */


#include "ngx_http_reauth_zone_audit.h"
#include "ngx_http_reauth_zone_memory.h"


ngx_int_t
ngx_http_reauth_zone_audit_init(ngx_http_reauth_zone_shctx_t *sh,
    ngx_slab_pool_t *shpool, size_t size)
{
    ngx_uint_t  i, n;

    n = size / NGX_HTTP_REAUTH_AUDIT_SHARE
        / (REAUTH_AUDIT_CLASSES * sizeof(reauth_audit_t));

    n = ngx_min(n, NGX_HTTP_REAUTH_AUDIT_MAX);

    if (size < NGX_HTTP_REAUTH_AUDIT_ZONE_MIN) {
        return NGX_OK;
    }

    sh->naudit = (uint32_t) n;

    for (i = 0; i < REAUTH_AUDIT_CLASSES; i++) {
        sh->audit[i].size = n;
        sh->audit[i].entries = ngx_slab_calloc(shpool,
                                               n * sizeof(reauth_audit_t));

        if (sh->audit[i].entries == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the oldest one that is in the ring */

static uint64_t
ngx_http_reauth_zone_audit_first(reauth_audit_ring_t *ring)
{
    return ring->added > ring->size ? ring->added - ring->size : 0;
}


ngx_uint_t
ngx_http_reauth_zone_audit(ngx_http_reauth_zone_t *zone, reauth_audit_t *entry)
{
    ngx_uint_t                     repeated, now;
    reauth_audit_t                *found;
    reauth_audit_ring_t           *ring;
    ngx_http_reauth_zone_shctx_t  *sh;

    if (zone->sh->naudit == 0) {
        return 0;
    }

    entry->begun_ms = entry->at_ms;
    entry->count = 1;

    ngx_http_reauth_zone_lock(zone);

    sh = zone->sh;
    ring = &sh->audit[entry->kind];

    found = entry->kind == REAUTH_AUDIT_REFUSED
            ? reauth_audit_fold(ring, entry) : NULL;

    repeated = found != NULL || reauth_audit_repeats(ring, entry);

    if (found != NULL) {
        found->count++;
        found->at_ms = ngx_max(found->at_ms, entry->at_ms);

    } else if (!repeated) {
        entry->number = ++sh->audited;

        ring->entries[ring->added % ring->size] = *entry;

        ngx_memory_barrier();

        ring->added++;
    }

    now = entry->kind == REAUTH_AUDIT_ACTS
          || (entry->kind != REAUTH_AUDIT_REFUSED
              && ring->added - ring->written >= ring->size / 4);

    ngx_http_reauth_zone_unlock(zone);

    ngx_log_debug7(NGX_LOG_DEBUG_HTTP, zone->log, 0,
                   "reauth audit: %s, %s by \"%s\" from \"%s\", account "
                   "\"%s\": %s%s", reauth_audit_class_names[entry->kind],
                   entry->action, entry->caller, entry->address,
                   entry->account, entry->outcome,
                   repeated ? ", repeated" : "");

    return now;
}


ngx_uint_t
ngx_http_reauth_zone_audit_full(ngx_http_reauth_zone_t *zone,
    reauth_audit_t *entry)
{
    int  full;

    if (zone->sh->naudit == 0) {
        return 0;
    }

    ngx_http_reauth_zone_lock(zone);

    full = reauth_audit_is_full(&zone->sh->audit[entry->kind], entry);

    ngx_http_reauth_zone_unlock(zone);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, zone->log, 0,
                   "reauth audit: act of caller \"%s\"%s", entry->caller,
                   full ? ", too many are not in Redis" : "");

    return (ngx_uint_t) full;
}


/* "all": otherwise only those that are not in Redis */

ngx_uint_t
ngx_http_reauth_zone_audit_read(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, ngx_uint_t all, reauth_audit_t *entries,
    ngx_uint_t max)
{
    uint64_t              i, first;
    ngx_uint_t            n;
    reauth_audit_ring_t  *ring;

    n = 0;

    ngx_http_reauth_zone_touch(entries, max * sizeof(reauth_audit_t));

    ngx_http_reauth_zone_lock(zone);

    ring = &zone->sh->audit[kind];
    first = ngx_http_reauth_zone_audit_first(ring);

    if (!all) {
        first = ngx_max(first, ring->written);
    }

    for (i = ring->added; i > first && n < max; i--) {
        entries[n++] = ring->entries[(i - 1) % ring->size];
    }

    ngx_http_reauth_zone_unlock(zone);

    return n;
}


ngx_uint_t
ngx_http_reauth_zone_audit_unwritten(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, int64_t now_ms, reauth_audit_t *entries,
    ngx_uint_t max, uint64_t *end)
{
    uint64_t              i;
    ngx_uint_t            n;
    reauth_audit_t       *entry;
    reauth_audit_ring_t  *ring;

    n = 0;

    ngx_http_reauth_zone_touch(entries, max * sizeof(reauth_audit_t));

    ngx_http_reauth_zone_lock(zone);

    ring = &zone->sh->audit[kind];
    i = ngx_max(ngx_http_reauth_zone_audit_first(ring), ring->written);

    for ( /* void */ ; i < ring->added && n < max; i++) {
        entry = &ring->entries[i % ring->size];

        if (!reauth_audit_is_closed(entry, now_ms)) {
            break;
        }

        entries[n++] = *entry;
    }

    *end = i;

    ngx_http_reauth_zone_unlock(zone);

    return n;
}


void
ngx_http_reauth_zone_audit_written(ngx_http_reauth_zone_t *zone,
    reauth_audit_class_t kind, uint64_t end)
{
    reauth_audit_ring_t  *ring;

    ngx_http_reauth_zone_lock(zone);

    ring = &zone->sh->audit[kind];

    if (end <= ring->added && end > ring->written) {
        ring->written = end;
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_uint_t
ngx_http_reauth_zone_audit_size(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->naudit;
}
