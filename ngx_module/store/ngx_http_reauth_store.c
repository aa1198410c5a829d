
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The store of one worker: its connection, the queue of polls, and what it does
 * regularly.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_clerk.h"
#include "ngx_http_reauth_store_clock.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_store_usage.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_sync.h"


/* milliseconds that an attempt may last, on any gateway */
#define NGX_HTTP_REAUTH_LIFE_MAX  86400000


/* ms from one probe to the next */
#define NGX_HTTP_REAUTH_PROBE_TIME  5000

/* the same while Redis seems to have lost active accounts */
#define NGX_HTTP_REAUTH_PROBE_SOON  1000

/* ms for which another gateway's secret is reported after a probe saw it */
#define NGX_HTTP_REAUTH_SECRET_TIME  15000

/* digits of the mark of a secret */
#define NGX_HTTP_REAUTH_MARK_LEN     16


/* gateways of earlier versions know the first one only */

const char  *ngx_http_reauth_store_queues[REAUTH_POLL_CLASSES] = {
    "due", "due:person", "due:last"
};


ngx_uint_t
ngx_http_reauth_store_connected(ngx_http_reauth_store_t *store)
{
    return store->redis != NULL
           && ngx_http_reauth_redis_ready(store->redis);
}


ngx_uint_t
ngx_http_reauth_store_writes(ngx_http_reauth_store_t *store)
{
    return ngx_http_reauth_store_connected(store)
           && ngx_http_reauth_zone_refused(&store->zone,
                                           NGX_HTTP_REAUTH_REFUSED_WRITE)
              == REAUTH_REFUSAL_NONE;
}


void
ngx_http_reauth_store_health(ngx_http_reauth_store_t *store,
    reauth_health_t *health)
{
    ngx_uint_t                 up, lag_ms;
    ngx_http_reauth_zone_t    *zone;
    reauth_upstream_ages_t     ages;
    reauth_upstream_health_t   upstream;

    zone = &store->zone;

    ngx_http_reauth_zone_get_redis(zone, &up, &lag_ms);
    ngx_http_reauth_zone_upstream(zone, &ages, &upstream);

    health->clock_ms = ngx_http_reauth_clock_offset_ms();
    health->clerk = ngx_http_reauth_zone_clerk_missing(zone)
                    ? REAUTH_REFUSAL_CLERK : REAUTH_REFUSAL_NONE;
    health->upstream = upstream.state == REAUTH_UPSTREAM_UNAUTHORIZED
                       ? upstream.why : REAUTH_RESULT_NONE;
    health->redis = store->redis_conf != NULL;
    health->up = up != 0;
    health->down = ngx_http_reauth_zone_refused(zone,
                                          NGX_HTTP_REAUTH_REFUSED_DOWN);
    health->follow = ngx_http_reauth_zone_refused(zone,
                                          NGX_HTTP_REAUTH_REFUSED_FOLLOW);
    health->write = ngx_http_reauth_zone_refused(zone,
                                          NGX_HTTP_REAUTH_REFUSED_WRITE);
    health->lease = ngx_http_reauth_zone_refused(zone,
                                          NGX_HTTP_REAUTH_REFUSED_LEASE);
    health->secret = ngx_http_reauth_zone_refused(zone,
                                          NGX_HTTP_REAUTH_REFUSED_SECRET);
    health->watch = store->redis != NULL
                    && ngx_http_reauth_redis_unwatched(store->redis)
                    ? REAUTH_REFUSAL_SENTINEL : REAUTH_REFUSAL_NONE;
}


/* an error of Redis is logged once, not at each attempt */

void
ngx_http_reauth_store_refused(ngx_http_reauth_store_t *store,
    ngx_http_reauth_refused_e what, const redisReply *reply, const char *text)
{
    char              shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    ngx_uint_t        level;
    reauth_refusal_t  why;

    why = ngx_http_reauth_redis_meaning(reply);
    level = NGX_LOG_ERR;

    if (why != REAUTH_REFUSAL_NONE
        && ngx_http_reauth_zone_refuse(&store->zone, what, why) == why)
    {
        level = NGX_LOG_INFO;
    }

    ngx_log_error(level, store->cycle->log, 0, "redis: %s: %s", text,
                  ngx_http_reauth_redis_shown(reply, shown));
}


void
ngx_http_reauth_store_accepted(ngx_http_reauth_store_t *store,
    ngx_http_reauth_refused_e what)
{
    if (ngx_http_reauth_zone_refused(&store->zone, what)
        == REAUTH_REFUSAL_NONE)
    {
        return;
    }

    (void) ngx_http_reauth_zone_refuse(&store->zone, what,
                                       REAUTH_REFUSAL_NONE);

    ngx_log_error(NGX_LOG_NOTICE, store->cycle->log, 0,
                  what == NGX_HTTP_REAUTH_REFUSED_WRITE
                      ? "redis: writes are accepted again"
                      : "redis: polls are shared with other gateways again");
}


static ngx_int_t
ngx_http_reauth_store_judge(ngx_http_reauth_store_t *store,
    reauth_record_t *record)
{
    int64_t  life_ms;

    life_ms = ngx_max((int64_t) store->gate_max, NGX_HTTP_REAUTH_LIFE_MAX);

    return reauth_record_judge(record, ngx_http_reauth_now(), life_ms) == 0
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_reauth_store_record(ngx_http_reauth_store_t *store,
    const redisReply *reply, reauth_record_t *record)
{
    if (reauth_reply_record(reply, record) != 0) {
        return NGX_ERROR;
    }

    return ngx_http_reauth_store_judge(store, record);
}


ngx_int_t
ngx_http_reauth_store_event_record(ngx_http_reauth_store_t *store,
    const redisReply *reply, reauth_record_t *record)
{
    if (reauth_reply_event_record(reply, record) != 0) {
        return NGX_ERROR;
    }

    return ngx_http_reauth_store_judge(store, record);
}


/* "option" is NULL or "XX", so that an ended attempt is not added again */

static void
ngx_http_reauth_store_queue(ngx_http_reauth_store_t *store,
    const char *queue, const char *option, int64_t at_ms,
    const reauth_string_t *account)
{
    u_char      key[NGX_HTTP_REAUTH_REDIS_KEY_MAX], score[REAUTH_NUMBER_MAX];
    ngx_str_t   argv[5], *arg;

    arg = argv;

    ngx_str_set(arg, "ZADD");
    arg++;

    ngx_http_reauth_redis_key(arg++, key, &store->redis_conf->prefix, queue,
                              "");

    if (option) {
        arg->data = (u_char *) option;
        arg->len = ngx_strlen(option);
        arg++;
    }

    ngx_http_reauth_number(arg++, score, at_ms);

    arg->data = (u_char *) account->data;
    arg->len = account->len;
    arg++;

    (void) ngx_http_reauth_redis_command(store->redis, arg - argv, argv, 0,
                                         NULL, NULL);
}


static void
ngx_http_reauth_store_unqueue(ngx_http_reauth_store_t *store,
    const char *queue, const reauth_string_t *account)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t  argv[3];

    ngx_str_set(&argv[0], "ZREM");
    ngx_http_reauth_redis_key(&argv[1], key, &store->redis_conf->prefix, queue,
                              "");

    argv[2].data = (u_char *) account->data;
    argv[2].len = account->len;

    (void) ngx_http_reauth_redis_command(store->redis, 3, argv, 0, NULL, NULL);
}


void
ngx_http_reauth_store_poll_at(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t active)
{
    ngx_int_t            rc;
    const char          *first, *queue;
    reauth_poll_class_t  class;

    rc = ngx_http_reauth_zone_poll_at(&store->zone, account, at_ms, 0, &class);

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    first = ngx_http_reauth_store_queues[REAUTH_POLL_FIRST];
    queue = ngx_http_reauth_store_queues[class];

    if (class == REAUTH_POLL_FIRST || rc != NGX_OK) {
        ngx_http_reauth_store_queue(store, first, active ? "XX" : NULL, at_ms,
                                    account);
        return;
    }

    /* a webhook may have moved the account to the first queue */

    ngx_http_reauth_store_queue(store, queue, NULL, at_ms, account);
    ngx_http_reauth_store_unqueue(store, first, account);
}


void
ngx_http_reauth_store_poll_first(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    int64_t              at_ms;
    const char          *first;
    reauth_poll_class_t  class;

    if (!store->polling) {
        return;
    }

    at_ms = ngx_http_reauth_now() - REAUTH_POLL_AT_ONCE_MS;

    if (ngx_http_reauth_zone_poll_at(&store->zone, account, at_ms, 1, &class)
        != NGX_OK)
    {
        ngx_http_reauth_store_poll_soon(store, account);
        return;
    }

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    first = ngx_http_reauth_store_queues[REAUTH_POLL_FIRST];

    if (class == REAUTH_POLL_FIRST) {
        ngx_http_reauth_store_queue(store, first, "XX", at_ms, account);
        return;
    }

    ngx_http_reauth_store_queue(store, first, NULL, at_ms, account);
    ngx_http_reauth_store_unqueue(store, ngx_http_reauth_store_queues[class],
                                  account);
}


void
ngx_http_reauth_store_poll_soon(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    int64_t          now_ms;
    reauth_record_t  record;

    if (!store->polling) {
        return;
    }

    now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_zone_find(&store->zone, account, &record) == NGX_OK
        && reauth_state_is_active(record.state))
    {
        ngx_http_reauth_store_poll_at(store, account, now_ms, 1);

    } else {
        ngx_http_reauth_zone_ask(&store->zone, account, now_ms);
    }
}


/*
 * Gateways overwrite each other's marks, so one of them is not always seen: the
 * reason remains for some probes.
 */

static void
ngx_http_reauth_store_secrets(ngx_http_reauth_store_t *store, ngx_uint_t differ)
{
    reauth_refusal_t  why;

    if (differ) {
        store->other_secret = ngx_current_msec;

    } else if (store->other_secret != 0
               && ngx_current_msec - store->other_secret
                  < NGX_HTTP_REAUTH_SECRET_TIME)
    {
        return;
    }

    why = differ ? REAUTH_REFUSAL_SECRET : REAUTH_REFUSAL_NONE;

    if (ngx_http_reauth_zone_refuse(&store->zone,
                                    NGX_HTTP_REAUTH_REFUSED_SECRET, why)
        == why)
    {
        return;
    }

    if (differ) {
        ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                      "reauth: another gateway has another "
                      "\"reauth_secret_file\" or API key, an identical update "
                      "is sent again");

    } else {
        ngx_log_error(NGX_LOG_NOTICE, store->cycle->log, 0,
                      "reauth: all gateways have the same secret again");
    }
}


/*
 * Whether Redis writes.  If it has refused before, a record that is still to be
 * written proves it, if there is one.
 */

static void
ngx_http_reauth_store_probe_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_store_t *store = data;

    int64_t   found, members;
    uint64_t  number;

    store->probing = 0;
    store->probe_soon = 0;

    if (reply == NULL || !ngx_http_reauth_store_clerk(store)) {
        return;
    }

    if (reauth_reply_probe(reply, &found, &members, &number) != 0) {
        ngx_http_reauth_store_refused(store, NGX_HTTP_REAUTH_REFUSED_WRITE,
                                      reply, "writes are rejected");
        return;
    }

    ngx_http_reauth_store_secrets(store, found == 2);

    if (members < 0 && !store->unsized) {
        ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                      "redis: the number of active accounts cannot be read, "
                      "indexes that lose some are not repaired");
    }

    store->unsized = members < 0;
    store->probe_soon = (unsigned) ngx_http_reauth_sync_listed(store, members,
                                                               number);

    if (ngx_http_reauth_zone_refused(&store->zone,
                                     NGX_HTTP_REAUTH_REFUSED_WRITE)
        && ngx_http_reauth_store_flush_one(store) != NGX_OK)
    {
        ngx_http_reauth_store_accepted(store, NGX_HTTP_REAUTH_REFUSED_WRITE);
    }
}


/* the beginning of a fingerprint, in hexadecimal digits */

static void
ngx_http_reauth_store_mark(ngx_http_reauth_store_t *store, ngx_str_t *mark)
{
    uint8_t          fingerprint[REAUTH_FINGERPRINT_LEN];
    reauth_string_t  account, body;

    account = reauth_string_from("");
    body = reauth_string_from("nginx-reauth mark of the secret");

    mark->len = 0;

    if (store->seal != NULL
        && reauth_seal_fingerprint(*store->seal, &account, &body, fingerprint)
           == 0)
    {
        mark->len = ngx_hex_dump(mark->data, fingerprint,
                                 NGX_HTTP_REAUTH_MARK_LEN / 2) - mark->data;
    }
}


static void
ngx_http_reauth_store_probe(ngx_http_reauth_store_t *store)
{
    u_char      keys[5][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char      mark[NGX_HTTP_REAUTH_MARK_LEN];
    ngx_str_t   argv[NGX_HTTP_REAUTH_REDIS_EVAL + 7], *arg, *prefix;
    ngx_msec_t  interval;

    interval = store->probe_soon ? NGX_HTTP_REAUTH_PROBE_SOON
                                 : NGX_HTTP_REAUTH_PROBE_TIME;

    if (store->probing
        || !ngx_http_reauth_store_connected(store)
        || (!ngx_http_reauth_zone_refused(&store->zone,
                                          NGX_HTTP_REAUTH_REFUSED_WRITE)
            && ngx_current_msec - store->probed < interval))
    {
        return;
    }

    store->probed = ngx_current_msec;

    prefix = &store->redis_conf->prefix;

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_redis_key(arg++, keys[0], prefix, "probe", "");
    ngx_http_reauth_redis_key(arg++, keys[1], prefix, "probe", ":set");
    ngx_http_reauth_redis_key(arg++, keys[2], prefix, "probe", ":stream");
    ngx_http_reauth_redis_key(arg++, keys[3], prefix, "active", "");
    ngx_http_reauth_redis_key(arg++, keys[4], prefix, "seq", "");
    ngx_http_reauth_zone_writer(&store->zone, arg++);

    arg->data = mark;
    ngx_http_reauth_store_mark(store, arg++);

    if (ngx_http_reauth_redis_script(store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_PROBE, 5,
                                     arg - argv, argv,
                                     ngx_http_reauth_store_probe_reply, store)
        == NGX_OK)
    {
        store->probing = 1;
    }
}


/* the clerk publishes its state with respect to Redis */

static void
ngx_http_reauth_store_tell(ngx_http_reauth_store_t *store, ngx_uint_t up)
{
    (void) ngx_http_reauth_zone_refuse(&store->zone,
                                 NGX_HTTP_REAUTH_REFUSED_DOWN,
                                 ngx_http_reauth_redis_refusal(store->redis));

    ngx_http_reauth_zone_set_redis(&store->zone, up,
                                 ngx_http_reauth_redis_latency(store->redis));
}


/* the connection of events is its own: it may be the only one that fails */

static void
ngx_http_reauth_store_deaf(ngx_http_reauth_store_t *store)
{
    reauth_refusal_t  why;

    why = ngx_http_reauth_redis_outage(store->follower);

    if (why == REAUTH_REFUSAL_NONE) {
        ngx_http_reauth_sync_unread(store);
        return;
    }

    if (ngx_http_reauth_zone_refuse(&store->zone,
                                    NGX_HTTP_REAUTH_REFUSED_FOLLOW, why)
        != why)
    {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth sync: not connected, %s",
                       reauth_refusal_text(why));
    }
}


static void
ngx_http_reauth_store_timer(ngx_event_t *ev)
{
    int64_t                   now_ms;
    ngx_uint_t                n;
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_string_t           account;
    ngx_http_reauth_store_t  *store;

    store = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit
        || !ngx_http_reauth_store_clerk(store))
    {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_REAUTH_TIMER);

    ngx_http_reauth_store_clock_timer(store);

    now_ms = ngx_http_reauth_now();

    for (n = 0; n < NGX_HTTP_REAUTH_TIMER_WORK; n++) {

        if (ngx_http_reauth_zone_next_overdue(&store->zone, now_ms, &record)
            != NGX_OK
            || !reauth_attempt_overdue(&record, now_ms, &fact))
        {
            break;
        }

        ngx_log_error(NGX_LOG_NOTICE, ev->log, 0,
                      "reauth: account \"%s\" is now %s: attempt \"%s\" %s",
                      record.account, reauth_state_name(fact.state),
                      record.attempt,
                      fact.state == REAUTH_STATE_EXPIRED
                          ? "did not end within reauth_gate_max"
                          : "received no response from the upstream");

        account = reauth_string_from(record.account);

        if (ngx_http_reauth_store_advance(store, &account, &fact, NULL, NULL)
            != NGX_OK)
        {
            break;
        }
    }

    ngx_http_reauth_zone_sweep(&store->zone, now_ms,
                               NGX_HTTP_REAUTH_TIMER_WORK);

    ngx_http_reauth_zone_upstream_tell(&store->zone);
    ngx_http_reauth_zone_overrides_sweep(&store->zone, now_ms);

    ngx_http_reauth_store_flush(store);
    ngx_http_reauth_store_flush_overrides(store);
    ngx_http_reauth_store_flush_audit(store);
    ngx_http_reauth_store_still_waiting(store);

    if (store->follower) {
        ngx_http_reauth_store_probe(store);
        ngx_http_reauth_store_tell(store,
                                   ngx_http_reauth_redis_ready(store->redis));

        if (!ngx_http_reauth_redis_ready(store->follower)) {
            ngx_http_reauth_store_deaf(store);
        }
    }
}


static void
ngx_http_reauth_store_up(ngx_http_reauth_store_t *store)
{
    store->probed = ngx_current_msec - NGX_HTTP_REAUTH_PROBE_TIME;

    ngx_http_reauth_store_probe(store);
    ngx_http_reauth_store_flush(store);
    ngx_http_reauth_store_flush_overrides(store);
    ngx_http_reauth_store_flush_audit(store);
    ngx_http_reauth_store_usage_begin(store);
}


static void
ngx_http_reauth_store_completed(const redisReply *reply,
    ngx_msec_int_t latency, void *data)
{
    ngx_http_reauth_store_t *store = data;

    ngx_http_reauth_zone_count(&store->zone,
        reply == NULL ? NGX_HTTP_REAUTH_COUNT_REDIS_LOST
        : reply->type == REDIS_REPLY_ERROR
              ? NGX_HTTP_REAUTH_COUNT_REDIS_FAILED
              : NGX_HTTP_REAUTH_COUNT_REDIS_REPLIED);

    if (reply != NULL && latency >= 0) {
        ngx_http_reauth_zone_took(&store->zone, NGX_HTTP_REAUTH_TIMES_REDIS,
                                  REAUTH_DURATION_REDIS, latency);
    }
}


static void
ngx_http_reauth_store_event(ngx_http_reauth_redis_t *redis, ngx_uint_t up,
    void *data)
{
    ngx_http_reauth_store_t *store = data;

    unsigned  again;

    again = store->was_up;

    if (up) {
        ngx_http_reauth_zone_count(&store->zone,
                                   NGX_HTTP_REAUTH_COUNT_REDIS_CONNECTED);
        ngx_http_reauth_store_clock_up(store, redis);
        store->was_up = 1;
    }

    store->probing = 0;

    if (ngx_exiting || ngx_terminate || ngx_quit
        || !ngx_http_reauth_store_clerk(store))
    {
        return;
    }

    ngx_http_reauth_store_tell(store, up);

    if (up) {

        /* what broke this connection may have silenced that of events, too */

        if (again) {
            ngx_http_reauth_sync_unread(store);
        }

        ngx_http_reauth_store_up(store);
    }
}


ngx_int_t
ngx_http_reauth_store_clerk_begin(ngx_http_reauth_store_t *store)
{
    ngx_add_timer(&store->timer, NGX_HTTP_REAUTH_TIMER);

    if (store->redis_conf == NULL) {
        return NGX_OK;
    }

    if (ngx_http_reauth_redis_ready(store->redis)) {
        ngx_http_reauth_store_tell(store, 1);
        ngx_http_reauth_store_up(store);
    }

    return ngx_http_reauth_sync_start(store);
}


void
ngx_http_reauth_store_clerk_end(ngx_http_reauth_store_t *store)
{
    if (store->timer.timer_set) {
        ngx_del_timer(&store->timer);
    }

    store->flush_left = 0;

    ngx_http_reauth_store_usage_end(store);
    ngx_http_reauth_sync_stop(store);
}


char *
ngx_http_reauth_store_conf_redis(ngx_conf_t *cf,
    ngx_http_reauth_store_t *store)
{
    if (store->redis_conf != NULL) {
        return "is duplicate";
    }

    store->redis_conf = ngx_http_reauth_redis_parse(cf);
    if (store->redis_conf == NULL) {
        return NGX_CONF_ERROR;
    }

    store->zone.has_redis = 1;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_reauth_store_has_password(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_redis_conf_t  *conf;

    conf = store->redis_conf;

    return conf != NULL
           && (conf->password.text.len != 0
               || conf->sentinel_password.text.len != 0);
}


ngx_int_t
ngx_http_reauth_store_init_process(ngx_http_reauth_store_t *store,
    ngx_cycle_t *cycle)
{
    store->cycle = cycle;
    store->zone.log = cycle->log;

    store->timer.handler = ngx_http_reauth_store_timer;
    store->timer.data = store;
    store->timer.log = cycle->log;
    store->timer.cancelable = 1;

    store->flush.handler = ngx_http_reauth_store_flush_handler;
    store->flush.data = store;
    store->flush.log = cycle->log;

    if (store->redis_conf) {
        store->redis = ngx_http_reauth_redis_create(store->redis_conf, cycle,
                                          store->redis_conf->timeout,
                                          ngx_http_reauth_store_event,
                                          ngx_http_reauth_store_completed,
                                          store);
        if (store->redis == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_http_reauth_clerk_init_process(store);

    return NGX_OK;
}


void
ngx_http_reauth_store_exit_process(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_clerk_give_up(store);

    if (store->redis) {
        ngx_http_reauth_redis_destroy(store->redis);
        store->redis = NULL;
    }
}
