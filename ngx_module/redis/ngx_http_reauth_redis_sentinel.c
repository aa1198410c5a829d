
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Sentinels name the primary.  Each connection keeps one to a Sentinel, which
 * it asks at each connect and once a second: a primary that is cut off from the
 * Sentinels still accepts writes, which are lost when it is reachable again.
 * It changes to another Sentinel every few seconds, as one may be cut off as
 * well; of two that differ, the one with the greater configuration epoch is
 * right.
 */


#include "ngx_http_reauth_redis_connection.h"


/* ms from one question to the next */
#define NGX_HTTP_REAUTH_REDIS_WATCH_TIME   1000

/* questions before the next Sentinel is asked */
#define NGX_HTTP_REAUTH_REDIS_WATCH_TURNS  5

/* ms at least without a name after which it is reported */
#define NGX_HTTP_REAUTH_REDIS_WATCH_LATE   10000


static void ngx_http_reauth_redis_sentinel_event(
    ngx_http_reauth_redis_t *sentinel, ngx_uint_t up, void *data);
static void ngx_http_reauth_redis_sentinel_watch(ngx_event_t *ev);
static void ngx_http_reauth_redis_sentinel_query(
    ngx_http_reauth_redis_t *sentinel);
static void ngx_http_reauth_redis_sentinel_epoch(redisReply *reply,
    void *data);
static void ngx_http_reauth_redis_sentinel_address(redisReply *reply,
    void *data);
static void ngx_http_reauth_redis_sentinel_named(
    ngx_http_reauth_redis_t *redis, const reauth_endpoint_t *place,
    int64_t epoch);


ngx_int_t
ngx_http_reauth_redis_sentinel_create(ngx_http_reauth_redis_t *redis)
{
    ngx_http_reauth_redis_t  *sentinel;

    sentinel = ngx_http_reauth_redis_child(redis, NGX_HTTP_REAUTH_REDIS_WATCH,
                                        ngx_http_reauth_redis_sentinel_event);
    if (sentinel == NULL) {
        return NGX_ERROR;
    }

    sentinel->watch.handler = ngx_http_reauth_redis_sentinel_watch;
    sentinel->watch.data = sentinel;
    sentinel->watch.log = &sentinel->log;
    sentinel->watch.cancelable = 1;

    redis->sentinel = sentinel;
    redis->named = ngx_current_msec;

    return NGX_OK;
}


ngx_uint_t
ngx_http_reauth_redis_unwatched(ngx_http_reauth_redis_t *redis)
{
    ngx_msec_t  late;

    /* a worker that exits asks no more */

    if (redis->sentinel == NULL || ngx_exiting) {
        return 0;
    }

    /* all others may be tried in vain before this one is asked again */

    late = 2 * NGX_HTTP_REAUTH_REDIS_WATCH_TIME
           + (redis->conf->nservers - 1)
             * (ngx_max(redis->conf->timeout,
                        NGX_HTTP_REAUTH_REDIS_CONNECT_MIN)
                + REAUTH_SEEK_PAUSE_MOVES);

    return ngx_current_msec - redis->named
           > ngx_max(late, NGX_HTTP_REAUTH_REDIS_WATCH_LATE);
}


/* asks for the primary, now or when a Sentinel is connected */

void
ngx_http_reauth_redis_sentinel_ask(ngx_http_reauth_redis_t *redis)
{
    redis->state = NGX_HTTP_REAUTH_REDIS_SENTINEL;
    redis->log.action = "asking Sentinel for";
    redis->name = redis->conf->master;

    if (ngx_http_reauth_redis_ready(redis->sentinel)) {
        ngx_http_reauth_redis_sentinel_query(redis->sentinel);
    }
}


static void
ngx_http_reauth_redis_sentinel_event(ngx_http_reauth_redis_t *sentinel,
    ngx_uint_t up, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    if (up) {
        sentinel->watched = 0;
        ngx_add_timer(&sentinel->watch, NGX_HTTP_REAUTH_REDIS_WATCH_TIME);
        ngx_http_reauth_redis_sentinel_query(sentinel);
        return;
    }

    if (redis->state == NGX_HTTP_REAUTH_REDIS_SENTINEL
        && !reauth_seek_more(&sentinel->seek))
    {
        redis->refusal = REAUTH_REFUSAL_SENTINEL;
    }
}


static void
ngx_http_reauth_redis_sentinel_watch(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *sentinel;

    sentinel = ev->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_http_reauth_redis_enter(sentinel);

    if (++sentinel->watched >= NGX_HTTP_REAUTH_REDIS_WATCH_TURNS
        && sentinel->conf->nservers > 1)
    {
        reauth_seek_turn(&sentinel->seek);
        ngx_http_reauth_redis_go(sentinel, NGX_LOG_INFO,
                                 "the next Sentinel is asked");

    } else {
        ngx_add_timer(ev, NGX_HTTP_REAUTH_REDIS_WATCH_TIME);
        ngx_http_reauth_redis_sentinel_query(sentinel);
    }

    ngx_http_reauth_redis_leave(sentinel);
}


/*
 * The epoch is requested first: if it changes in between, the address seems to
 * be older, and is requested again.
 */

static void
ngx_http_reauth_redis_sentinel_query(ngx_http_reauth_redis_t *sentinel)
{
    ngx_str_t  argv[3];

    if (sentinel->asked) {
        return;
    }

    sentinel->asked = 1;

    ngx_str_set(&argv[0], "SENTINEL");
    ngx_str_set(&argv[1], "MASTER");
    argv[2] = sentinel->conf->master;

    if (ngx_http_reauth_redis_internal(sentinel, 3, argv,
                                    ngx_http_reauth_redis_sentinel_epoch, 0)
        == NGX_OK)
    {
        ngx_str_set(&argv[1], "GET-MASTER-ADDR-BY-NAME");

        if (ngx_http_reauth_redis_internal(sentinel, 3, argv,
                                    ngx_http_reauth_redis_sentinel_address, 0)
            == NGX_OK)
        {
            return;
        }
    }

    ngx_http_reauth_redis_fail(sentinel, 0, "no memory");
}


static void
ngx_http_reauth_redis_unknown_master(ngx_http_reauth_redis_t *sentinel)
{
    ngx_http_reauth_redis_fail(sentinel, 0, "Sentinel has no master of the "
                                            "name in the URL of "
                                            "\"reauth_redis\"");
}


static void
ngx_http_reauth_redis_sentinel_epoch(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *sentinel = data;

    if (reply == NULL) {
        return;
    }

    if (ngx_http_reauth_redis_is_error(reply, "ERR No such master")) {
        ngx_http_reauth_redis_unknown_master(sentinel);
        return;
    }

    if (reauth_reply_epoch(reply, &sentinel->epoch) != 0) {
        ngx_http_reauth_redis_refused(sentinel, reply);
    }
}


static void
ngx_http_reauth_redis_sentinel_address(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *sentinel = data;

    reauth_endpoint_t         place;
    ngx_http_reauth_redis_t  *redis;

    if (reply == NULL) {
        return;
    }

    sentinel->asked = 0;

    if (reply->type == REDIS_REPLY_NIL) {
        ngx_http_reauth_redis_unknown_master(sentinel);
        return;
    }

    if (reauth_reply_address(reply, &place) != 0) {
        ngx_http_reauth_redis_refused(sentinel, reply);
        return;
    }

    redis = sentinel->parent;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_sentinel_named(redis, &place, sentinel->epoch);
    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_sentinel_named(ngx_http_reauth_redis_t *redis,
    const reauth_endpoint_t *place, int64_t epoch)
{
    u_char               text[NGX_HTTP_REAUTH_REDIS_PLACE_LEN + 64];
    reauth_seek_named_t  named;

    named = reauth_seek_named(&redis->seek, place, epoch);

    if (named == REAUTH_SEEK_STALE) {

        if (redis->sentinel->conf->nservers > 1) {
            reauth_seek_turn(&redis->sentinel->seek);
            ngx_http_reauth_redis_go(redis->sentinel, NGX_LOG_INFO,
                                     "this Sentinel knows an older primary, "
                                     "the next one is asked");
        }

        return;
    }

    redis->named = ngx_current_msec;

    if (redis->state == NGX_HTTP_REAUTH_REDIS_SENTINEL) {
        ngx_http_reauth_redis_wake(redis, 0);
        return;
    }

    if (named == REAUTH_SEEK_SAME) {
        return;
    }

    if (redis->state == NGX_HTTP_REAUTH_REDIS_DOWN) {
        ngx_http_reauth_redis_wake(redis, 0);
        return;
    }

    (void) ngx_snprintf(text, sizeof(text), "Sentinel names another primary, "
                        "\"%s\", port %ui%Z", place->host,
                        (ngx_uint_t) place->port);

    ngx_http_reauth_redis_go(redis, NGX_LOG_NOTICE, (char *) text);
}
