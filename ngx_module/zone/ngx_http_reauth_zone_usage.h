
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What each caller has used of the upstream, by all workers of this gateway.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_budget.h"
#include "ngx_http_reauth_zone.h"


/*
 * Never moved or removed.  The counters are changed without the lock, the name
 * is not changed.
 */

typedef struct {
    ngx_atomic_t       credits;
    ngx_atomic_t       calls;    /* that the upstream responded to */
    ngx_atomic_t       refused;  /* calls beyond the budget */
    ngx_atomic_t       told[REAUTH_BUDGET_PERIODS];  /* windows, in the log */
    reauth_spending_t  spending[REAUTH_BUDGET_PERIODS];
    uint32_t           next;     /* in the bucket */
    uint8_t            len;
    u_char             name[REAUTH_CALLER_MAX];
} ngx_http_reauth_usage_t;


/* what this gateway has spent in a window, and what it knows of all */

typedef struct {
    ngx_str_t          caller;
    size_t             own;
    size_t             all;
} ngx_http_reauth_spent_t;


/*
 * Indexes have no gaps.  The first ones have no name: callers for whom there is
 * no room, and calls without a caller.
 */

#define NGX_HTTP_REAUTH_USAGE_OTHER  0
#define NGX_HTTP_REAUTH_USAGE_NONE   1
#define NGX_HTTP_REAUTH_USAGE_FIRST  2


/* the index of a caller, added if needed; takes the lock */
uint32_t ngx_http_reauth_zone_usage_find(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *caller);

/* without the lock; "at" returns NULL if there is no such index */
uint32_t ngx_http_reauth_zone_usage_count(ngx_http_reauth_zone_t *zone);
ngx_http_reauth_usage_t *ngx_http_reauth_zone_usage_at(
    ngx_http_reauth_zone_t *zone, uint32_t index);


/*
 * Budgets.  spent: what all gateways have spent in the window, as far as this
 * one knows; takes the lock if the window has just begun.  tell: whether to log
 * that the budget is spent: once in a window.
 */
size_t ngx_http_reauth_zone_usage_spent(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_usage_t *usage, reauth_budget_period_t period,
    size_t window);
ngx_uint_t ngx_http_reauth_zone_usage_tell(ngx_http_reauth_usage_t *usage,
    reauth_budget_period_t period, size_t window);

/*
 * For the clerk.  next_unsent: the next caller whose spending other gateways do
 * not know; *index is 0 initially; NGX_DECLINED: no more.  merge: what the
 * store has of a caller.  lost: the store may have lost all.
 */
ngx_int_t ngx_http_reauth_zone_usage_next_unsent(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window, uint32_t *index,
    ngx_http_reauth_spent_t *spent);
void ngx_http_reauth_zone_usage_merge(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window, const ngx_str_t *caller,
    const reauth_spending_stored_t *stored);
void ngx_http_reauth_zone_usage_lost(ngx_http_reauth_zone_t *zone,
    reauth_budget_period_t period, size_t window);


#endif /* _NGX_HTTP_REAUTH_ZONE_USAGE_H_INCLUDED_ */
