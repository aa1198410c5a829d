
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_reauth_store_clock.h"


/* ms between two measurements, and between two looks at the wall clock */
#define NGX_HTTP_REAUTH_STORE_CLOCK_TIME   10000
#define NGX_HTTP_REAUTH_STORE_CLOCK_LOOK   1000


static void ngx_http_reauth_store_clock_reply(redisReply *reply, void *data);


/* the sample has values of ngx_current_msec, which may be of 32 bits */

static void
ngx_http_reauth_store_clock_apply(ngx_http_reauth_store_t *store,
    const reauth_clock_sample_t *sample)
{
    ngx_msec_t             ago;
    reauth_clock_sample_t  own;

    ago = ngx_current_msec - (ngx_msec_t) sample->received_ms;

    own.time_ms = sample->time_ms;
    own.received_ms = ngx_http_reauth_monotonic() - (int64_t) ago;
    own.sent_ms = own.received_ms
                  - (int64_t) ((ngx_msec_t) sample->received_ms
                               - (ngx_msec_t) sample->sent_ms);

    ngx_http_reauth_zone_correct(&store->zone, &own);

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, store->cycle->log, 0,
                   "reauth clock: Redis %L, round trip %L ms, wall clock ahead "
                   "by %L ms", own.time_ms, own.received_ms - own.sent_ms,
                   ngx_http_reauth_clock_offset_ms());
}


void
ngx_http_reauth_store_clock_up(ngx_http_reauth_store_t *store,
    ngx_http_reauth_redis_t *redis)
{
    ngx_http_reauth_store_clock_apply(store,
                                      ngx_http_reauth_redis_clock(redis));
}


static void
ngx_http_reauth_store_clock_ask(ngx_http_reauth_store_t *store)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "TIME");

    store->clock_sent = ngx_current_msec;
    store->clock_pending = 1;

    if (ngx_http_reauth_redis_command(store->redis, 1, argv, 0,
                                      ngx_http_reauth_store_clock_reply, store)
        != NGX_OK)
    {
        store->clock_pending = 0;
    }
}


static void
ngx_http_reauth_store_clock_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_store_t *store = data;

    reauth_clock_sample_t  sample;

    store->clock_pending = 0;

    if (reply == NULL || reauth_reply_time(reply, &sample.time_ms) != 0) {
        return;
    }

    sample.sent_ms = (int64_t) store->clock_sent;
    sample.received_ms = (int64_t) ngx_current_msec;

    if (store->clock_replies == 0
        || reauth_clock_shorter(&sample, &store->clock_best))
    {
        store->clock_best = sample;
    }

    if (++store->clock_replies < NGX_HTTP_REAUTH_REDIS_CLOCK_SAMPLES) {
        ngx_http_reauth_store_clock_ask(store);
        return;
    }

    ngx_http_reauth_store_clock_apply(store, &store->clock_best);
}


static void
ngx_http_reauth_store_clock_look(ngx_http_reauth_store_t *store)
{
    int64_t  ahead_ms;

    if (!ngx_http_reauth_zone_clock_changed(&store->zone, &ahead_ms)) {
        return;
    }

    if (!reauth_clock_jumped(0, ahead_ms)) {
        ngx_log_error(NGX_LOG_NOTICE, store->cycle->log, 0,
                      "reauth: the system clock agrees with the clock of "
                      "deadlines");
        return;
    }

    ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                  "reauth: the system clock is %L.%03L s %s the clock of "
                  "deadlines, which is %s; no gate is affected",
                  ngx_abs(ahead_ms) / 1000, ngx_abs(ahead_ms) % 1000,
                  ahead_ms > 0 ? "ahead of" : "behind",
                  store->redis_conf ? "that of Redis"
                                    : "the time when nginx was started");
}


void
ngx_http_reauth_store_clock_timer(ngx_http_reauth_store_t *store)
{
    if (ngx_current_msec - store->clock_looked
        >= NGX_HTTP_REAUTH_STORE_CLOCK_LOOK)
    {
        store->clock_looked = ngx_current_msec;
        ngx_http_reauth_store_clock_look(store);
    }

    if (store->redis == NULL
        || ngx_current_msec - store->clock_asked
           < NGX_HTTP_REAUTH_STORE_CLOCK_TIME)
    {
        return;
    }

    store->clock_asked = ngx_current_msec;

    if (ngx_http_reauth_redis_ready(store->redis) && !store->clock_pending) {
        store->clock_replies = 0;
        ngx_http_reauth_store_clock_ask(store);
    }
}
