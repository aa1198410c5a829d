
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What each caller has used of the upstream.  Counters are found by an index,
 * without the lock; the lock is taken to find the index of a name, and for
 * changes other than counting.
 */


#include "ngx_http_reauth_zone_memory.h"


ngx_http_reauth_usage_t *
ngx_http_reauth_zone_usage_at(ngx_http_reauth_zone_t *zone, uint32_t index)
{
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (index < NGX_HTTP_REAUTH_USAGE_FIRST) {
        return &sh->usage[index];
    }

    index -= NGX_HTTP_REAUTH_USAGE_FIRST;

    return index < sh->nusage
           ? &sh->usage_pages[index / NGX_HTTP_REAUTH_USAGE_PER_PAGE]
                             [index % NGX_HTTP_REAUTH_USAGE_PER_PAGE]
           : NULL;
}


uint32_t
ngx_http_reauth_zone_usage_count(ngx_http_reauth_zone_t *zone)
{
    uint32_t  n;

    n = (uint32_t) zone->sh->nusage + NGX_HTTP_REAUTH_USAGE_FIRST;

    /* the pages of these entries are read later than their number */

    ngx_memory_barrier();

    return n;
}


static uint32_t *
ngx_http_reauth_zone_usage_bucket(ngx_http_reauth_zone_shctx_t *sh,
    const u_char *name, size_t len)
{
    reauth_string_t  s;

    ngx_http_reauth_zone_check_lock(sh);

    s.data = name;
    s.len = len;

    return &sh->usage_buckets[reauth_string_hash(&s, sh->seed)
                              % NGX_HTTP_REAUTH_USAGE_BUCKETS];
}


/* the page of the next entry; NULL: no room */

static ngx_http_reauth_usage_t *
ngx_http_reauth_zone_usage_page(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                      n;
    ngx_http_reauth_usage_t       **pages;
    ngx_http_reauth_zone_shctx_t   *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    n = sh->nusage / NGX_HTTP_REAUTH_USAGE_PER_PAGE;

    if (n == NGX_HTTP_REAUTH_USAGE_PAGES) {
        return NULL;
    }

    if (sh->usage_pages == NULL) {
        pages = ngx_http_reauth_zone_room(zone, NGX_HTTP_REAUTH_USAGE_PAGES
                                                * sizeof(void *));
        if (pages == NULL) {
            return NULL;
        }

        ngx_memzero(pages, NGX_HTTP_REAUTH_USAGE_PAGES * sizeof(void *));
        sh->usage_pages = pages;
    }

    if (sh->usage_pages[n] == NULL) {
        sh->usage_pages[n] = ngx_http_reauth_zone_room(zone,
                                                  NGX_HTTP_REAUTH_USAGE_PAGE);
    }

    return sh->usage_pages[n];
}


/* the entry is complete before it is counted, and counted before it is found */

static uint32_t
ngx_http_reauth_zone_usage_add(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller, uint32_t *bucket)
{
    uint32_t                       index;
    ngx_http_reauth_usage_t       *usage;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    usage = ngx_http_reauth_zone_usage_page(zone);

    if (usage == NULL) {
        return NGX_HTTP_REAUTH_USAGE_OTHER;
    }

    usage += sh->nusage % NGX_HTTP_REAUTH_USAGE_PER_PAGE;

    ngx_memzero(usage, sizeof(ngx_http_reauth_usage_t));

    usage->len = caller->len;
    ngx_memcpy(usage->name, caller->data, caller->len);
    usage->next = *bucket;

    ngx_memory_barrier();

    index = NGX_HTTP_REAUTH_USAGE_FIRST + (uint32_t) sh->nusage;
    sh->nusage++;

    ngx_memory_barrier();

    *bucket = index;

    return index;
}


static uint32_t
ngx_http_reauth_zone_usage_search(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller)
{
    uint32_t                       index, *bucket, *buckets;
    ngx_http_reauth_usage_t       *usage;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->usage_buckets == NULL) {
        buckets = ngx_http_reauth_zone_room(zone,
                            NGX_HTTP_REAUTH_USAGE_BUCKETS * sizeof(uint32_t));
        if (buckets == NULL) {
            return NGX_HTTP_REAUTH_USAGE_OTHER;
        }

        ngx_memzero(buckets, NGX_HTTP_REAUTH_USAGE_BUCKETS * sizeof(uint32_t));
        sh->usage_buckets = buckets;
    }

    bucket = ngx_http_reauth_zone_usage_bucket(sh, caller->data, caller->len);

    for (index = *bucket; index != 0; index = usage->next) {
        usage = ngx_http_reauth_zone_usage_at(zone, index);

        if (usage->len == caller->len
            && ngx_memcmp(usage->name, caller->data, caller->len) == 0)
        {
            return index;
        }
    }

    return ngx_http_reauth_zone_usage_add(zone, caller, bucket);
}


/* a full zone is not searched for memory by each call */

static uint32_t
ngx_http_reauth_zone_usage_locked(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller)
{
    uint32_t                       index;
    ngx_atomic_uint_t              full;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    full = sh->usage_full;

    if (full != 0 && ngx_current_msec - full < NGX_HTTP_REAUTH_USAGE_RETRY) {
        return NGX_HTTP_REAUTH_USAGE_OTHER;
    }

    index = ngx_http_reauth_zone_usage_search(zone, caller);

    sh->usage_full = index == NGX_HTTP_REAUTH_USAGE_OTHER
                     ? ngx_max(ngx_current_msec, 1) : 0;

    return index;
}


uint32_t
ngx_http_reauth_zone_usage_find(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller)
{
    uint32_t  index;

    if (caller->len > REAUTH_CALLER_MAX) {
        return NGX_HTTP_REAUTH_USAGE_OTHER;
    }

    ngx_http_reauth_zone_lock(zone);
    index = ngx_http_reauth_zone_usage_locked(zone, caller);
    ngx_http_reauth_zone_unlock(zone);

    return index;
}


/* readers without the lock see the window after the rest of it */

static void
ngx_http_reauth_zone_usage_begin(ngx_http_reauth_usage_t *usage,
    reauth_budget_period_t period, size_t window)
{
    reauth_spending_t  *spending;

    spending = &usage->spending[period];

    reauth_spending_begin(spending, 0, usage->credits);
    ngx_memory_barrier();
    spending->window = window;
}


/* "counter" is read once: another worker may be counting */

size_t
ngx_http_reauth_zone_usage_spent(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_usage_t *usage, reauth_budget_period_t period,
    size_t window)
{
    size_t              counter;
    reauth_spending_t  *spending;

    spending = &usage->spending[period];

    if (spending->window != window) {
        ngx_http_reauth_zone_lock(zone);

        /*
         * Another worker may have been faster, and be in the next window
         * already; one after that is of a clock that has been corrected.
         */

        if (spending->window < window || spending->window > window + 1) {
            ngx_http_reauth_zone_usage_begin(usage, period, window);
        }

        ngx_http_reauth_zone_unlock(zone);
    }

    ngx_memory_barrier();

    counter = usage->credits;

    return reauth_spending_all(spending, counter);
}


ngx_uint_t
ngx_http_reauth_zone_usage_tell(ngx_http_reauth_usage_t *usage,
    reauth_budget_period_t period, size_t window)
{
    ngx_atomic_uint_t  told;

    told = usage->told[period];

    return told != window
           && ngx_atomic_cmp_set(&usage->told[period], told, window);
}


ngx_int_t
ngx_http_reauth_zone_usage_next_unsent(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window, uint32_t *index,
    ngx_http_reauth_spent_t *spent)
{
    size_t                    counter;
    reauth_spending_t        *spending;
    ngx_http_reauth_usage_t  *usage;

    *index = ngx_max(*index, NGX_HTTP_REAUTH_USAGE_FIRST);

    for ( ;; ) {
        usage = ngx_http_reauth_zone_usage_at(zone, *index);

        if (usage == NULL) {
            return NGX_DECLINED;
        }

        (*index)++;

        spending = &usage->spending[period];

        if (spending->window != window) {
            continue;
        }

        ngx_memory_barrier();

        counter = usage->credits;

        if (reauth_spending_is_unsent(spending, counter)) {
            break;
        }
    }

    spent->caller.data = usage->name;
    spent->caller.len = usage->len;
    spent->own = reauth_spending_own(spending, counter);
    spent->all = reauth_spending_all(spending, counter);

    return NGX_OK;
}


void
ngx_http_reauth_zone_usage_merge(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window, const ngx_str_t *caller,
    const reauth_spending_stored_t *stored)
{
    uint32_t                  index;
    reauth_spending_t        *spending;
    ngx_http_reauth_usage_t  *usage;

    ngx_http_reauth_zone_lock(zone);

    index = ngx_http_reauth_zone_usage_locked(zone, caller);

    if (index != NGX_HTTP_REAUTH_USAGE_OTHER) {
        usage = ngx_http_reauth_zone_usage_at(zone, index);
        spending = &usage->spending[period];

        if (spending->window < window) {
            ngx_http_reauth_zone_usage_begin(usage, period, window);
        }

        if (spending->window == window) {
            reauth_spending_merge(spending, usage->credits, stored);
        }
    }

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_usage_lost(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window)
{
    uint32_t                  index;
    ngx_http_reauth_usage_t  *usage;

    ngx_http_reauth_zone_lock(zone);

    for (index = NGX_HTTP_REAUTH_USAGE_FIRST;
         (usage = ngx_http_reauth_zone_usage_at(zone, index)) != NULL;
         index++)
    {
        if (usage->spending[period].window == window) {
            reauth_spending_lost(&usage->spending[period], usage->credits);
        }
    }

    ngx_http_reauth_zone_unlock(zone);
}


/* an entry that was being added is in no bucket, or was not counted */

void
ngx_http_reauth_zone_repair_usage(ngx_http_reauth_zone_shctx_t *sh)
{
    uint32_t                  i, *bucket;
    ngx_http_reauth_usage_t  *usage;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->usage_buckets == NULL) {
        return;
    }

    ngx_memzero(sh->usage_buckets,
                NGX_HTTP_REAUTH_USAGE_BUCKETS * sizeof(uint32_t));

    for (i = 0; i < sh->nusage; i++) {
        usage = &sh->usage_pages[i / NGX_HTTP_REAUTH_USAGE_PER_PAGE]
                                [i % NGX_HTTP_REAUTH_USAGE_PER_PAGE];

        bucket = ngx_http_reauth_zone_usage_bucket(sh, usage->name,
                                                   usage->len);
        usage->next = *bucket;
        *bucket = i + NGX_HTTP_REAUTH_USAGE_FIRST;
    }
}
