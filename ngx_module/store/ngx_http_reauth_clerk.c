
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_reauth_clerk.h"


ngx_uint_t
ngx_http_reauth_store_clerk(ngx_http_reauth_store_t *store)
{
    return ngx_http_reauth_zone_is_clerk(&store->zone, store->clerk_term);
}


static void
ngx_http_reauth_clerk_end(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_store_clerk_end(store);

    if (store->clerk_handler) {
        store->clerk_handler(store->clerk_data, 0);
    }
}


void
ngx_http_reauth_clerk_give_up(ngx_http_reauth_store_t *store)
{
    if (store->clerk_term == 0) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth clerk: term %uD given up", store->clerk_term);

    ngx_http_reauth_zone_clerk_give_up(&store->zone, &store->clerk_term);
    ngx_http_reauth_clerk_end(store);
}


static void
ngx_http_reauth_clerk_taken(ngx_http_reauth_store_t *store,
    const reauth_clerk_former_t *former)
{
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth clerk: term %uD taken, after worker %uD, which was "
                   "silent for %L ms", store->clerk_term, former->worker,
                   former->worker ? former->silent_ms : (int64_t) 0);

    if (former->worker != 0) {
        ngx_http_reauth_zone_count(&store->zone,
                                   NGX_HTTP_REAUTH_COUNT_CLERK_TAKEN);

        ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                      "reauth: worker process %uD has not responded for %L "
                      "ms, this one runs the background work instead",
                      former->worker, former->silent_ms);

    } else {
        ngx_log_error(NGX_LOG_INFO, store->cycle->log, 0,
                      "reauth: this worker process runs the background work");
    }

    if (ngx_http_reauth_store_clerk_begin(store) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, store->cycle->log, 0,
                      "reauth: could not begin to follow Redis: not enough "
                      "memory");

        ngx_http_reauth_clerk_give_up(store);
        return;
    }

    if (store->clerk_handler) {
        store->clerk_handler(store->clerk_data, 1);
    }
}


static void
ngx_http_reauth_clerk_step(ngx_http_reauth_store_t *store)
{
    reauth_clerk_former_t  former;

    switch (ngx_http_reauth_zone_clerk(&store->zone, &store->clerk_term,
                                       &former))
    {

    case REAUTH_CLERK_TAKEN:
        ngx_http_reauth_clerk_taken(store, &former);
        break;

    case REAUTH_CLERK_LOST:
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth clerk: term lost to another worker");

        ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                      "reauth: this worker process has not responded in time, "
                      "another one runs the background work instead");

        ngx_http_reauth_clerk_end(store);
        break;

    default: /* REAUTH_CLERK_HELD, REAUTH_CLERK_OTHER */
        break;
    }
}


static void
ngx_http_reauth_clerk_timer(ngx_event_t *ev)
{
    ngx_http_reauth_store_t  *store;

    store = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        ngx_http_reauth_clerk_give_up(store);
        return;
    }

    ngx_add_timer(ev, REAUTH_CLERK_STEP_MS);

    ngx_http_reauth_clerk_step(store);
}


/* the others wait, so that usually the same worker is the first one */

void
ngx_http_reauth_clerk_init_process(ngx_http_reauth_store_t *store)
{
    store->clerk.handler = ngx_http_reauth_clerk_timer;
    store->clerk.data = store;
    store->clerk.log = store->cycle->log;
    store->clerk.cancelable = 1;

    ngx_add_timer(&store->clerk,
                  ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0
                      ? 1 : REAUTH_CLERK_STEP_MS);
}
