
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_sync.h"
#include "ngx_http_reauth_store_clock.h"
#include "ngx_http_reauth_store_commit.h"


/* events processed in one turn of the event loop */
#define NGX_HTTP_REAUTH_SYNC_EVENTS  "200"

/* milliseconds until sync is restarted after an allocation failure */
#define NGX_HTTP_REAUTH_SYNC_RETRY   1000


ngx_uint_t
ngx_http_reauth_sync_ended(ngx_http_reauth_sync_t *sync)
{
    return ngx_exiting || ngx_quit || ngx_terminate
           || !ngx_http_reauth_store_clerk(sync->store);
}


void
ngx_http_reauth_sync_not_one(ngx_http_reauth_sync_t *sync)
{
    ngx_log_error(NGX_LOG_ERR, sync->store->cycle->log, 0,
                  "redis: invalid record under \"%V\", skipped",
                  &sync->store->redis_conf->prefix);
}


void
ngx_http_reauth_sync_merge(ngx_http_reauth_sync_t *sync,
    const redisReply *text, ngx_uint_t live)
{
    ngx_int_t        rc;
    reauth_record_t  remote, record;

    rc = live ? ngx_http_reauth_store_record(sync->store, text, &remote)
              : ngx_http_reauth_store_event_record(sync->store, text, &remote);

    if (rc != NGX_OK) {
        ngx_http_reauth_sync_not_one(sync);
        return;
    }

    rc = ngx_http_reauth_zone_merge(&sync->store->zone, &remote, live,
                                    &record);

    if (rc == NGX_AGAIN && live) {
        ngx_http_reauth_store_flush(sync->store);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_reauth_sync_get_one(sync, &record, 0);
    }

    if (rc == NGX_ERROR) {

        /* the zone is full */

        reauth_stream_dropped(&sync->stream);
    }
}


void
ngx_http_reauth_sync_failed(ngx_http_reauth_sync_t *sync, redisReply *reply)
{
    /*
     * Without a reply the connection is lost, and sync starts again when it is
     * back.  After an error reply it is closed, so that sync is retried.
     */

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: stopped, %s",
                   reply ? "Redis rejected a command"
                         : "the connection to Redis was closed");

    if (reply != NULL) {
        ngx_log_error(NGX_LOG_ERR, sync->store->cycle->log, 0,
                      "redis: failed to read accounts; changes made by other "
                      "gateways are ignored until this is resolved");

        (void) ngx_http_reauth_zone_refuse(&sync->store->zone,
                                       NGX_HTTP_REAUTH_REFUSED_FOLLOW,
                                       ngx_http_reauth_redis_meaning(reply));

        ngx_http_reauth_redis_refused(sync->store->follower, reply);
    }
}


void
ngx_http_reauth_sync_anew(ngx_http_reauth_sync_t *sync)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: starts again in %d ms, no memory",
                   NGX_HTTP_REAUTH_SYNC_RETRY);

    sync->anew = 1;
    ngx_add_timer(&sync->pause, NGX_HTTP_REAUTH_SYNC_RETRY);
}


void
ngx_http_reauth_sync_command(ngx_http_reauth_sync_t *sync, ngx_uint_t argc,
    ngx_str_t *argv, ngx_msec_t timeout,
    ngx_http_reauth_redis_handler_pt handler)
{
    if (ngx_http_reauth_redis_command(sync->store->follower, argc, argv,
                                      timeout, handler, sync)
        == NGX_ERROR)
    {
        ngx_http_reauth_sync_anew(sync);
    }
}


void
ngx_http_reauth_sync_unread(ngx_http_reauth_store_t *store)
{
    reauth_refusal_t  why;

    why = ngx_http_reauth_zone_refused(&store->zone,
                                       NGX_HTTP_REAUTH_REFUSED_FOLLOW);

    if (why == REAUTH_REFUSAL_NONE || why == REAUTH_REFUSAL_UNREACHABLE) {
        (void) ngx_http_reauth_zone_refuse(&store->zone,
                                           NGX_HTTP_REAUTH_REFUSED_FOLLOW,
                                           REAUTH_REFUSAL_UNREAD);
    }
}


static void
ngx_http_reauth_sync_event(ngx_http_reauth_redis_t *redis, ngx_uint_t up,
    void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (sync->pause.timer_set) {
        ngx_del_timer(&sync->pause);
    }

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    ngx_http_reauth_sync_unread(sync->store);

    if (!up) {
        return;
    }

    ngx_http_reauth_store_clock_up(sync->store, redis);

    sync->loaded = 0;
    sync->restoring = 0;
    ngx_http_reauth_sync_begin(sync);
}


/* reads all records again; events continue after the last one read */

static void
ngx_http_reauth_sync_again(ngx_http_reauth_sync_t *sync)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: all accounts are to be read again");

    reauth_stream_begin(&sync->stream, sync->stream.number);

    ngx_http_reauth_sync_rewind(sync);
    ngx_http_reauth_sync_overrides(sync);
    ngx_http_reauth_sync_scan(sync);
}


static void
ngx_http_reauth_sync_missed(ngx_http_reauth_sync_t *sync)
{
    ngx_log_error(NGX_LOG_WARN, sync->store->cycle->log, 0,
                  "redis: changes made by other gateways were missed; "
                  "active accounts are read again");

    ngx_http_reauth_sync_unread(sync->store);
}


static void
ngx_http_reauth_sync_counter_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    uint64_t  number;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (reply == NULL || reauth_reply_counter(reply, &number) != 0) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    if (sync->pending == 0
        && reauth_stream_counter(&sync->stream, number))
    {
        if (!reauth_stream_is_emptied(&sync->stream, number)) {
            ngx_http_reauth_sync_missed(sync);
        }

        /* which reports that the database was emptied */
        ngx_http_reauth_sync_begin(sync);
        return;
    }

    if (number == 0 && sync->pending == 0) {
        ngx_http_reauth_sync_late(sync);
        return;
    }

    ngx_http_reauth_sync_follow(sync);
}


static void
ngx_http_reauth_sync_override(ngx_http_reauth_sync_t *sync,
    const redisReply *entry)
{
    reauth_string_t    writer;
    const redisReply  *text;

    text = reauth_reply_override_event(entry, sync->last, &writer);

    if (text != NULL
        && !ngx_http_reauth_zone_is_writer(&sync->store->zone, &writer)
        && ngx_http_reauth_store_merge_override(sync->store, text) != NGX_OK)
    {
        ngx_http_reauth_sync_not_one(sync);
    }
}


/*
 * Redis had no record of an active account.  It is read, as there may be one by
 * now.
 */

static void
ngx_http_reauth_sync_deleted(ngx_http_reauth_sync_t *sync,
    const redisReply *text)
{
    reauth_string_t  account;
    reauth_record_t  deleted, record;

    if (reauth_reply_deleted(text, &deleted) != 0) {
        ngx_http_reauth_sync_not_one(sync);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, sync->store->cycle->log, 0,
                  "redis: the record of account \"%s\" was deleted",
                  deleted.account);

    account = reauth_string_from(deleted.account);

    if (ngx_http_reauth_zone_kept(&sync->store->zone, &account, &record)
        == NGX_OK)
    {
        ngx_http_reauth_sync_get_one(sync, &record, 1);
    }
}


/* an event of another kind than a record; returns 1 if others were missed */

static ngx_uint_t
ngx_http_reauth_sync_other(ngx_http_reauth_sync_t *sync,
    const redisReply *entry)
{
    const redisReply  *text;

    text = reauth_reply_deleted_event(entry, sync->last);

    if (text == NULL) {
        ngx_http_reauth_sync_override(sync, entry);
        return 0;
    }

    ngx_http_reauth_sync_deleted(sync, text);

    return (ngx_uint_t) reauth_stream_event(&sync->stream,
                                            reauth_reply_event_number(text));
}


/* returns 1 if events before or among these were missed */

static ngx_uint_t
ngx_http_reauth_sync_entries(ngx_http_reauth_sync_t *sync,
    const redisReply *entries)
{
    size_t             i;
    ngx_uint_t         missed;
    reauth_string_t    writer;
    const redisReply  *text;

    missed = 0;

    for (i = 0; i < entries->elements; i++) {
        text = reauth_reply_event(entries->element[i], sync->last, &writer);

        if (text == NULL) {
            missed |= ngx_http_reauth_sync_other(sync, entries->element[i]);
            continue;
        }

        missed |= (ngx_uint_t)
                  reauth_stream_event(&sync->stream,
                                      reauth_reply_event_number(text));

        /* the zone already has what this gateway has written */

        if (!ngx_http_reauth_zone_is_writer(&sync->store->zone, &writer)) {
            ngx_http_reauth_sync_merge(sync, text, 0);
        }
    }

    return missed;
}


static void
ngx_http_reauth_sync_follow_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    ngx_uint_t         missed, pending;
    const redisReply  *entries;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    /* nil: no events */

    entries = reauth_reply_entries(reply);
    pending = sync->pending;

    if (entries != NULL) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                       "reauth sync: %uz events", entries->elements);

        missed = ngx_http_reauth_sync_entries(sync, entries);

    } else {
        missed = (ngx_uint_t) reauth_stream_end(&sync->stream);
    }

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (missed) {
        ngx_http_reauth_sync_missed(sync);

    } else if (sync->stream.state != REAUTH_STREAM_MISSED) {
        (void) ngx_http_reauth_zone_refuse(&sync->store->zone,
                                           NGX_HTTP_REAUTH_REFUSED_FOLLOW,
                                           REAUTH_REFUSAL_NONE);
    }

    if (pending == 0
        && reauth_stream_again_ms(&sync->stream,
                                  (int64_t) (ngx_current_msec - sync->loaded))
           == 0)
    {
        if (entries == NULL && sync->stream.state == REAUTH_STREAM_MISSED) {

            /* the stream may be another one, whose IDs are lower */
            ngx_http_reauth_sync_begin(sync);

        } else {
            ngx_http_reauth_sync_again(sync);
        }

        return;
    }

    if (entries != NULL) {
        ngx_add_timer(&sync->pause, NGX_HTTP_REAUTH_SYNC_PAUSE);
        return;
    }

    /* no events for some time: checks for missed events and lost data */

    ngx_http_reauth_sync_counter(sync, ngx_http_reauth_sync_counter_reply);
}


static void
ngx_http_reauth_sync_pause_handler(ngx_event_t *ev)
{
    ngx_http_reauth_sync_t  *sync;

    sync = ev->data;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    if (sync->anew && sync->pending) {

        /* replies to earlier commands are still pending */
        ngx_http_reauth_sync_anew(sync);

    } else if (sync->anew) {
        ngx_http_reauth_sync_begin(sync);

    } else if (sync->following) {
        ngx_http_reauth_sync_follow(sync);

    } else {
        ngx_http_reauth_sync_scan_zone(sync);
    }
}


/* ms to wait for events */

static int64_t
ngx_http_reauth_sync_block(ngx_http_reauth_sync_t *sync)
{
    int64_t  again_ms;

    again_ms = reauth_stream_again_ms(&sync->stream,
                                      (int64_t) (ngx_current_msec
                                                 - sync->loaded));
    if (again_ms >= 0) {
        return ngx_min(ngx_max(again_ms, 1), NGX_HTTP_REAUTH_SYNC_BLOCK);
    }

    /* what was refused until now, or should be there, is tried at once */

    return sync->stream.told > sync->stream.number
           || ngx_http_reauth_zone_refused(&sync->store->zone,
                                           NGX_HTTP_REAUTH_REFUSED_FOLLOW)
           ? 1 : NGX_HTTP_REAUTH_SYNC_BLOCK;
}


void
ngx_http_reauth_sync_follow(ngx_http_reauth_sync_t *sync)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX], block[REAUTH_NUMBER_MAX];
    ngx_str_t  argv[8];

    ngx_str_set(&argv[0], "XREAD");
    ngx_str_set(&argv[1], "COUNT");
    ngx_str_set(&argv[2], NGX_HTTP_REAUTH_SYNC_EVENTS);
    ngx_str_set(&argv[3], "BLOCK");

    ngx_http_reauth_number(&argv[4], block, ngx_http_reauth_sync_block(sync));

    ngx_str_set(&argv[5], "STREAMS");

    ngx_http_reauth_redis_key(&argv[6], key, &sync->store->redis_conf->prefix,
                              "events", "");

    argv[7].data = (u_char *) sync->last;
    argv[7].len = ngx_strlen(sync->last);

    ngx_http_reauth_sync_command(sync, 8, argv,
                                 NGX_HTTP_REAUTH_SYNC_BLOCK
                                     + sync->store->redis_conf->timeout + 1000,
                                 ngx_http_reauth_sync_follow_reply);
}


static ngx_http_reauth_sync_t *
ngx_http_reauth_sync_create(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_sync_t  *sync;

    /* with room for a page of records, so that nothing is left by a failure */

    sync = ngx_pcalloc(store->cycle->pool,
                       sizeof(ngx_http_reauth_sync_t)
                       + NGX_HTTP_REAUTH_SYNC_PAGE * sizeof(reauth_record_t));
    if (sync == NULL) {
        return NULL;
    }

    sync->store = store;
    sync->records = (reauth_record_t *) (sync + 1);

    sync->pause.handler = ngx_http_reauth_sync_pause_handler;
    sync->pause.data = sync;
    sync->pause.log = store->cycle->log;
    sync->pause.cancelable = 1;

    return sync;
}


ngx_int_t
ngx_http_reauth_sync_start(ngx_http_reauth_store_t *store)
{
    if (store->sync == NULL) {
        store->sync = ngx_http_reauth_sync_create(store);
    }

    if (store->sync == NULL) {
        return NGX_ERROR;
    }

    /* changes made by other gateways may have been missed */

    ngx_http_reauth_sync_unread(store);

    store->follower = ngx_http_reauth_redis_create(store->redis_conf,
                                                   store->cycle,
                                                   store->redis_conf->timeout
                                                   + NGX_HTTP_REAUTH_SYNC_SPARE,
                                                   ngx_http_reauth_sync_event,
                                                   NULL, store->sync);

    return store->follower == NULL ? NGX_ERROR : NGX_OK;
}


void
ngx_http_reauth_sync_stop(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_redis_t  *follower;

    follower = store->follower;

    if (follower == NULL) {
        return;
    }

    if (store->sync->pause.timer_set) {
        ngx_del_timer(&store->sync->pause);
    }

    store->follower = NULL;

    /* calls the handlers of all commands that wait for replies */

    ngx_http_reauth_redis_destroy(follower);
}
