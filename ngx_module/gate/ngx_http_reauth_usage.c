
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_time.h"
#include "ngx_http_reauth_usage.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_store_usage.h"


ngx_uint_t  ngx_http_reauth_usage_enabled;


void
ngx_http_reauth_usage_init_process(ngx_http_reauth_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_reauth_callers_t  **callers;

    ngx_http_reauth_usage_enabled = mcf->callers.nelts != 0
                                    && mcf->store.zone.shm_zone != NULL;

    callers = mcf->callers.elts;

    for (i = 0; i < mcf->callers.nelts; i++) {
        ngx_http_reauth_store_usage_periods(&mcf->store,
                                reauth_callers_periods(callers[i]->table));
    }
}


/*
 * The index of the caller's counters is a note in the table of callers, so that
 * a call looks up no name.  A table that has been reread has no notes.
 */

static ngx_http_reauth_usage_t *
ngx_http_reauth_usage_of(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_known_t *known)
{
    uint32_t  index, *note;

    note = known->caller != NULL
           && known->generation == known->callers->generation
           ? reauth_callers_note(known->callers->table, known->caller) : NULL;

    if (note != NULL && *note != 0) {
        return ngx_http_reauth_zone_usage_at(zone, *note);
    }

    index = ngx_http_reauth_zone_usage_find(zone, &known->name);

    if (note != NULL && index != NGX_HTTP_REAUTH_USAGE_OTHER) {
        *note = index;
    }

    return ngx_http_reauth_zone_usage_at(zone, index);
}


ngx_http_reauth_usage_t *
ngx_http_reauth_usage(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_known_t      *known;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    known = ctx != NULL && ctx->known != NULL
            ? ctx->known : ngx_http_reauth_caller_recall(r);

    return known != NULL
           ? ngx_http_reauth_usage_of(&mcf->store.zone, known)
           : ngx_http_reauth_zone_usage_at(&mcf->store.zone,
                                           NGX_HTTP_REAUTH_USAGE_NONE);
}


/* the end of the window may be hours away: SDKs must not wait for it */

static ngx_int_t
ngx_http_reauth_usage_headers(ngx_http_request_t *r, uint32_t seconds)
{
    ngx_str_t  value;

    static ngx_str_t  no = ngx_string("false");

    value.data = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uD", seconds) - value.data;

    if (ngx_http_reauth_add_header(r, "Retry-After", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_reauth_add_header(r, "x-should-retry", &no);
}


static ngx_int_t
ngx_http_reauth_usage_refuse(ngx_http_request_t *r,
    ngx_http_reauth_usage_t *usage, const reauth_budget_t *budget,
    size_t window, int64_t now_ms)
{
    char                    until[REAUTH_TIME_MS_SIZE];
    ngx_int_t               rc;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    (void) ngx_atomic_fetch_add(&usage->refused, 1);
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_BUDGET);

    if (ngx_http_reauth_zone_usage_tell(usage, budget->period, window)) {
        (void) reauth_time_format_ms(until,
                             reauth_budget_end_ms(budget->period, window));

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: caller \"%V\" has spent its budget of %uD "
                      "credits, its calls are rejected until %s", &ctx->caller,
                      budget->credits, until);
    }

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_reauth_usage_headers(r,
            reauth_budget_retry_after(budget->period, window, now_ms))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_BUDGET_EXCEEDED,
               "The caller has spent its budget of credits.",
               "Nothing was sent to the upstream. Calls are allowed again "
               "after the time in Retry-After; the gateway's operator can "
               "increase the budget.", NULL);
}


/* those for whom there is no room have no budget */

ngx_int_t
ngx_http_reauth_usage_budget(ngx_http_request_t *r)
{
    size_t                        window, spent;
    int64_t                       now_ms;
    const reauth_budget_t        *budget;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_usage_t      *usage;
    ngx_http_reauth_main_conf_t  *mcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    usage = ngx_http_reauth_usage(r);

    if (usage->len == 0) {
        return NGX_DECLINED;
    }

    budget = &ctx->known->caller->budget;
    now_ms = ngx_http_reauth_now();
    window = reauth_budget_window(budget->period, now_ms);

    spent = ngx_http_reauth_zone_usage_spent(&mcf->store.zone, usage,
                                             budget->period, window);

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth budget: caller \"%V\" has spent %uz of %uD "
                   "credits, window %uz", &ctx->caller, spent,
                   budget->credits, window);

    return reauth_budget_allows(budget, spent)
           ? NGX_DECLINED
           : ngx_http_reauth_usage_refuse(r, usage, budget, window, now_ms);
}


/* several files may have the name: the one in effect here comes first */

ngx_int_t
ngx_http_reauth_usage_budget_of(ngx_http_request_t *r, ngx_str_t *caller,
    reauth_budget_t *budget)
{
    ngx_uint_t                     i;
    reauth_string_t                name;
    const reauth_caller_t         *found;
    ngx_http_reauth_callers_t    **callers;
    ngx_http_reauth_loc_conf_t    *lcf;
    ngx_http_reauth_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    name.data = caller->data;
    name.len = caller->len;

    found = lcf->callers != NULL
            ? reauth_callers_find_name(lcf->callers->table, &name) : NULL;

    callers = mcf->callers.elts;

    for (i = 0; found == NULL && i < mcf->callers.nelts; i++) {
        found = reauth_callers_find_name(callers[i]->table, &name);
    }

    if (found == NULL || found->budget.credits == 0) {
        return NGX_DECLINED;
    }

    *budget = found->budget;

    return NGX_OK;
}


void
ngx_http_reauth_usage_name(ngx_http_reauth_zone_t *zone, uint32_t index,
    ngx_str_t *name)
{
    ngx_http_reauth_usage_t  *usage;

    static ngx_str_t  names[NGX_HTTP_REAUTH_USAGE_FIRST] = {
        ngx_string("(other)"), ngx_string("(none)")
    };

    if (index < NGX_HTTP_REAUTH_USAGE_FIRST) {
        *name = names[index];
        return;
    }

    usage = ngx_http_reauth_zone_usage_at(zone, index);

    name->data = usage->name;
    name->len = usage->len;
}
