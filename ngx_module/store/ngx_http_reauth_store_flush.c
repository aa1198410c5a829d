
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clerk writes records that are not in Redis because it was unavailable or
 * rejected them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_judge.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"


/* dirty records looked at in a turn of the event loop, and written at once */
#define NGX_HTTP_REAUTH_FLUSH_TURN      64
#define NGX_HTTP_REAUTH_FLUSH_MAX       256


ngx_int_t
ngx_http_reauth_store_flush_one(ngx_http_reauth_store_t *store)
{
    ngx_uint_t       unsent;
    reauth_record_t  record;

    if (ngx_http_reauth_zone_next_dirty(&store->zone, &record, &unsent)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    store->flush_written = 0;

    ngx_http_reauth_store_flush_record(store, &record);

    return NGX_OK;
}


/*
 * Records that were changed while Redis was unavailable are written in rounds.
 * A round has as many records as are dirty when it begins.  Each turn of the
 * event loop examines only a few, and the number of pending commands is
 * limited, so that requests of this worker are served in between.
 */

void
ngx_http_reauth_store_flush(ngx_http_reauth_store_t *store)
{
    if (store->flush_left
        || store->flushing
        || !ngx_http_reauth_store_clerk(store)
        || !ngx_http_reauth_store_writes(store))
    {
        return;
    }

    store->flush_left = ngx_http_reauth_zone_unwritten(&store->zone);
    store->flush_written = 0;

    if (store->flush_left) {
        ngx_http_reauth_store_flush_handler(&store->flush);
    }
}


/* a commit of the round has ended */

void
ngx_http_reauth_store_flush_next(ngx_http_reauth_store_t *store)
{
    if (!ngx_http_reauth_store_clerk(store)) {
        return;
    }

    if (store->flush_left
        ? store->flushing <= NGX_HTTP_REAUTH_FLUSH_MAX / 2
        : store->flushing == 0 && store->flush_written)
    {
        ngx_post_event(&store->flush, &ngx_posted_next_events);
    }
}


void
ngx_http_reauth_store_flush_handler(ngx_event_t *ev)
{
    int64_t                   now_ms;
    ngx_uint_t                n, unsent;
    reauth_record_t           record;
    ngx_http_reauth_store_t  *store;

    store = ev->data;

    if (!ngx_http_reauth_store_clerk(store)
        || !ngx_http_reauth_store_writes(store))
    {
        store->flush_left = 0;
        return;
    }

    if (store->flush_left == 0) {

        /* all of the round are written; what was changed meanwhile is next */

        ngx_http_reauth_store_flush(store);
        return;
    }

    now_ms = ngx_http_reauth_now();

    for (n = 0;
         n < NGX_HTTP_REAUTH_FLUSH_TURN
         && store->flush_left
         && store->flushing < NGX_HTTP_REAUTH_FLUSH_MAX;
         n++)
    {
        if (ngx_http_reauth_zone_next_dirty(&store->zone, &record, &unsent)
            != NGX_OK)
        {
            store->flush_left = 0;
            return;
        }

        store->flush_left--;

        /* the worker that has changed it may still be writing it */

        if (!reauth_judge_flush(&record, (int) unsent, now_ms,
                                (int64_t) store->redis_conf->timeout))
        {
            continue;
        }

        ngx_http_reauth_store_flush_record(store, &record);
    }

    if (store->flush_left && store->flushing < NGX_HTTP_REAUTH_FLUSH_MAX) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


void
ngx_http_reauth_store_flush_account(ngx_http_reauth_store_t *store,
    const char *account)
{
    reauth_string_t  name;
    reauth_record_t  record;

    name = reauth_string_from(account);

    if (ngx_http_reauth_zone_kept(&store->zone, &name, &record) == NGX_OK
        && !ngx_http_reauth_commit_is_begin(store, &record))
    {
        ngx_http_reauth_store_flush_record(store, &record);
    }
}
