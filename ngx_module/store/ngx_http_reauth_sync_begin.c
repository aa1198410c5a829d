
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Where reading begins: the counter of events, which Redis has from then on,
 * and the end of the stream.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_sync.h"


void
ngx_http_reauth_sync_rewind(ngx_http_reauth_sync_t *sync)
{
    sync->ours = 0;
    sync->following = 0;
    sync->unlisted = 0;
    sync->read_ms = ngx_http_reauth_now();

    reauth_active_begin(&sync->active);

    ngx_memzero(&sync->cursor, sizeof(ngx_http_reauth_zone_cursor_t));
    sync->cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    sync->cursor.limit = NGX_HTTP_REAUTH_SYNC_PAGE;
    sync->cursor.unread = 1;

    ngx_http_reauth_zone_new_round(&sync->store->zone);
}


/* asks for the latest entry of the stream */

static void
ngx_http_reauth_sync_latest(ngx_http_reauth_sync_t *sync,
    ngx_http_reauth_redis_handler_pt handler)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t  argv[6];

    ngx_str_set(&argv[0], "XREVRANGE");

    ngx_http_reauth_redis_key(&argv[1], key, &sync->store->redis_conf->prefix,
                              "events", "");

    ngx_str_set(&argv[2], "+");
    ngx_str_set(&argv[3], "-");
    ngx_str_set(&argv[4], "COUNT");
    ngx_str_set(&argv[5], "1");

    ngx_http_reauth_sync_command(sync, 6, argv, 0, handler);
}


/*
 * The end of the stream is read before the records and the overrides, so that
 * no change is missed, and the counter before all of them, so that no loss is.
 */

static void
ngx_http_reauth_sync_last_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    uint64_t           number;
    reauth_string_t    writer;
    const redisReply  *text;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    ngx_cpystrn((u_char *) sync->last, (u_char *) NGX_HTTP_REAUTH_SYNC_START,
                sizeof(sync->last));

    number = 0;

    if (reply->elements == 1) {
        text = reauth_reply_event(reply->element[0], sync->last, &writer);

        if (text == NULL) {
            text = reauth_reply_deleted_event(reply->element[0], sync->last);
        }

        if (text != NULL) {
            number = reauth_reply_event_number(text);
        }
    }

    if (number > sync->stream.number) {
        reauth_stream_begin(&sync->stream, number);
    }

    ngx_http_reauth_sync_overrides(sync);
    ngx_http_reauth_sync_scan(sync);
}


/* 1: this worker does not read any more, or the connection was lost */

static ngx_uint_t
ngx_http_reauth_sync_is_over(ngx_http_reauth_sync_t *sync, redisReply *reply)
{
    if (ngx_http_reauth_sync_ended(sync)) {
        return 1;
    }

    if (reply == NULL) {
        ngx_http_reauth_sync_failed(sync, reply);
        return 1;
    }

    return 0;
}


/* the number of the counter that was created; 0: Redis refuses writes */

static uint64_t
ngx_http_reauth_sync_created(ngx_http_reauth_sync_t *sync, redisReply *reply)
{
    uint64_t  number;

    if (reauth_reply_counter(reply, &number) != 0) {
        number = 0;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: Redis had no counter of events, now %uL",
                   number);

    return number;
}


static void
ngx_http_reauth_sync_created_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (ngx_http_reauth_sync_is_over(sync, reply)) {
        return;
    }

    reauth_stream_begin(&sync->stream,
                        ngx_http_reauth_sync_created(sync, reply));

    ngx_http_reauth_sync_latest(sync, ngx_http_reauth_sync_last_reply);
}


/* from now on, a loss of all data changes the counter */

static void
ngx_http_reauth_sync_create(ngx_http_reauth_sync_t *sync,
    ngx_http_reauth_redis_handler_pt handler)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t  argv[NGX_HTTP_REAUTH_REDIS_EVAL + 1];

    ngx_http_reauth_redis_key(&argv[NGX_HTTP_REAUTH_REDIS_EVAL], key,
                              &sync->store->redis_conf->prefix, "seq", "");

    if (ngx_http_reauth_redis_script(sync->store->follower,
                                     NGX_HTTP_REAUTH_SCRIPT_COUNTER, 1,
                                     NGX_HTTP_REAUTH_REDIS_EVAL + 1, argv,
                                     handler, sync)
        == NGX_ERROR)
    {
        ngx_http_reauth_sync_anew(sync);
    }
}


/* there is no counter still: checks that the stream exists */

static void
ngx_http_reauth_sync_idle_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    if (reply->elements == 0
        && sync->pending == 0
        && ngx_strcmp(sync->last, NGX_HTTP_REAUTH_SYNC_START) != 0)
    {
        ngx_http_reauth_sync_emptied(sync);
        ngx_http_reauth_sync_begin(sync);
        return;
    }

    ngx_http_reauth_sync_follow(sync);
}


static void
ngx_http_reauth_sync_late_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (ngx_http_reauth_sync_is_over(sync, reply)) {
        return;
    }

    if (ngx_http_reauth_sync_created(sync, reply)) {
        ngx_http_reauth_sync_unread(sync->store);
        ngx_http_reauth_sync_begin(sync);
        return;
    }

    ngx_http_reauth_sync_latest(sync, ngx_http_reauth_sync_idle_reply);
}


void
ngx_http_reauth_sync_late(ngx_http_reauth_sync_t *sync)
{
    ngx_http_reauth_sync_create(sync, ngx_http_reauth_sync_late_reply);
}


/*
 * The stream may be empty, or its last event may have no number: the counter
 * shows which event comes next.
 */

static void
ngx_http_reauth_sync_first_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    uint64_t  number;

    if (ngx_http_reauth_sync_is_over(sync, reply)) {
        return;
    }

    if (reauth_reply_counter(reply, &number) != 0) {

        /* not a counter: a new one is created */
        number = 0;

    } else if (reauth_stream_is_emptied(&sync->stream, number)) {
        ngx_http_reauth_sync_emptied(sync);
    }

    if (number == 0) {
        ngx_http_reauth_sync_create(sync, ngx_http_reauth_sync_created_reply);
        return;
    }

    reauth_stream_begin(&sync->stream, number);

    ngx_http_reauth_sync_latest(sync, ngx_http_reauth_sync_last_reply);
}


void
ngx_http_reauth_sync_counter(ngx_http_reauth_sync_t *sync,
    ngx_http_reauth_redis_handler_pt handler)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_redis_key(&argv[1], key, &sync->store->redis_conf->prefix,
                              "seq", "");

    ngx_http_reauth_sync_command(sync, 2, argv, 0, handler);
}


void
ngx_http_reauth_sync_emptied(ngx_http_reauth_sync_t *sync)
{
    ngx_log_error(NGX_LOG_WARN, sync->store->cycle->log, 0,
                  "redis: the database was emptied; records are written "
                  "to it again");

    /* other gateways write records and list them while they are read here */
    sync->restoring = 0;

    ngx_http_reauth_sync_unread(sync->store);
}


void
ngx_http_reauth_sync_begin(ngx_http_reauth_sync_t *sync)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: all accounts are to be read");

    sync->anew = 0;

    ngx_http_reauth_sync_rewind(sync);
    ngx_http_reauth_sync_counter(sync, ngx_http_reauth_sync_first_reply);
}
