
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reply.h"
#include "ngx_http_reauth_sync.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_SYNC_PAGE    100
#define NGX_HTTP_REAUTH_SYNC_COUNT   "100"
#define NGX_HTTP_REAUTH_SYNC_BLOCK   5000

/* a place before all entries of a stream */
#define NGX_HTTP_REAUTH_SYNC_START   "0-0"

/*
 * A Redis that was flushed and written to since, or that trimmed its stream
 * faster than it was followed, says nothing of it: all is read again now and
 * then.
 */
#define NGX_HTTP_REAUTH_SYNC_AGAIN   30000

/* events handled before others get their turn of the event loop */
#define NGX_HTTP_REAUTH_SYNC_EVENTS  "200"

/* ms from one reading of events to the next: many come in one reply then */
#define NGX_HTTP_REAUTH_SYNC_PAUSE   1

/* ms until all is begun anew, where there was no memory */
#define NGX_HTTP_REAUTH_SYNC_RETRY   1000


typedef struct {
    ngx_http_reauth_store_t        *store;
    ngx_uint_t                      pending;   /* pages of records asked for */
    ngx_uint_t                      scanned;   /* all of "active" was seen */
    ngx_uint_t                      ours;      /* the zone's are asked for */
    ngx_uint_t                      following; /* all has been read */
    ngx_uint_t                      anew;      /* there was no memory */
    ngx_msec_t                      loaded;    /* since when; 0: never */
    ngx_http_reauth_zone_cursor_t   cursor;
    reauth_record_t                *records;   /* a page of the zone's */
    ngx_event_t                     pause;
    ngx_uint_t                      nchanged;
    char                            changed[NGX_HTTP_REAUTH_SYNC_PAGE]
                                           [REAUTH_ACCOUNT_MAX + 1];
    char                            scan[REAUTH_CURSOR_MAX + 1];
    char                            last[REAUTH_STREAM_ID_MAX + 1];
} ngx_http_reauth_sync_t;


/* a page of records that were asked for */

typedef struct {
    ngx_http_reauth_sync_t         *sync;
    reauth_record_t                *known;     /* the zone's own, or NULL */
    ngx_uint_t                      n;
    ngx_uint_t                      event;     /* asked for by an event */
    reauth_record_t                 one;       /* where it is a single one's */
} ngx_http_reauth_sync_get_t;


static void ngx_http_reauth_sync_get_one(ngx_http_reauth_sync_t *sync,
    const reauth_record_t *known);
static void ngx_http_reauth_sync_scan(ngx_http_reauth_sync_t *sync);
static void ngx_http_reauth_sync_scan_zone(ngx_http_reauth_sync_t *sync);
static void ngx_http_reauth_sync_follow(ngx_http_reauth_sync_t *sync);


static void
ngx_http_reauth_sync_not_one(ngx_http_reauth_sync_t *sync)
{
    ngx_log_error(NGX_LOG_ERR, sync->store->cycle->log, 0,
                  "redis: a record under \"%V\" is none, passed over",
                  &sync->store->redis_conf->prefix);
}


static void
ngx_http_reauth_sync_merge(ngx_http_reauth_sync_t *sync,
    const redisReply *text, ngx_uint_t live)
{
    ngx_int_t        rc;
    reauth_record_t  remote, record;

    if (ngx_http_reauth_store_record(sync->store, text, &remote) != NGX_OK) {
        ngx_http_reauth_sync_not_one(sync);
        return;
    }

    rc = ngx_http_reauth_zone_merge(&sync->store->zone, &remote, live,
                                    &record);

    if (rc == NGX_AGAIN && live) {
        ngx_http_reauth_store_flush(sync->store, record.account);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_reauth_sync_get_one(sync, &record);
    }
}


static void
ngx_http_reauth_sync_failed(ngx_http_reauth_sync_t *sync, redisReply *reply)
{
    /*
     * Without a reply the connection is lost: its return begins anew.  With one
     * it is given up for the same: what Redis refuses now it may not later.
     */

    if (reply != NULL) {
        ngx_log_error(NGX_LOG_ERR, sync->store->cycle->log, 0,
                      "redis: reading the accounts failed; this instance "
                      "follows no other until it is mended");

        ngx_http_reauth_zone_set_deaf(&sync->store->zone, 1);

        ngx_http_reauth_redis_refused(sync->store->follower, reply);
    }
}


static void
ngx_http_reauth_sync_anew(ngx_http_reauth_sync_t *sync)
{
    sync->anew = 1;
    ngx_add_timer(&sync->pause, NGX_HTTP_REAUTH_SYNC_RETRY);
}


static void
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


/*
 * All that was active in Redis is in the zone, and all that the zone has as
 * active was looked up in Redis: now only changes are to be followed.
 */

static void
ngx_http_reauth_sync_loaded(ngx_http_reauth_sync_t *sync)
{
    if (!sync->scanned || !sync->ours || sync->pending) {
        return;
    }

    sync->following = 1;

    ngx_http_reauth_zone_set_loaded(&sync->store->zone);

    if (sync->loaded == 0) {
        ngx_log_error(NGX_LOG_INFO, sync->store->cycle->log, 0,
                      "redis: the accounts have been read");
    }

    sync->loaded = ngx_max(ngx_current_msec, 1);

    ngx_http_reauth_sync_follow(sync);
}


static void
ngx_http_reauth_sync_get_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_get_t *get = data;

    size_t                   i;
    ngx_http_reauth_sync_t  *sync;

    sync = get->sync;
    sync->pending--;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_free(get);
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    for (i = 0; i < reply->elements; i++) {

        if (reply->element[i]->type != REDIS_REPLY_NIL) {
            ngx_http_reauth_sync_merge(sync, reply->element[i], !get->event);

        } else if (get->known != NULL && i < get->n) {

            /* Redis has lost what this zone has, so it gets it back */

            ngx_http_reauth_zone_lost(&sync->store->zone, &get->known[i]);
        }
    }

    ngx_free(get);

    if (sync->pending == 0
        && sync->scanned
        && !sync->following
        && !sync->anew)
    {
        ngx_http_reauth_sync_scan_zone(sync);
    }
}


/* "get" is freed in any case */

static ngx_int_t
ngx_http_reauth_sync_get(ngx_http_reauth_sync_get_t *get,
    const reauth_string_t *accounts, ngx_uint_t n)
{
    size_t                   size;
    u_char                  *p;
    ngx_int_t                rc;
    ngx_str_t               *argv, *prefix;
    ngx_uint_t               i;
    ngx_http_reauth_sync_t  *sync;

    sync = get->sync;
    get->n = n;

    prefix = &sync->store->redis_conf->prefix;

    size = (n + 1) * sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        size += prefix->len + sizeof(":a:") - 1 + accounts[i].len;
    }

    argv = ngx_alloc(size, sync->store->cycle->log);

    if (argv == NULL) {
        ngx_free(get);
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "MGET");

    p = (u_char *) &argv[n + 1];

    for (i = 0; i < n; i++) {
        argv[i + 1].data = p;

        p = ngx_cpymem(p, prefix->data, prefix->len);
        p = ngx_cpymem(p, ":a:", sizeof(":a:") - 1);
        p = ngx_cpymem(p, accounts[i].data, accounts[i].len);

        argv[i + 1].len = p - argv[i + 1].data;
    }

    rc = ngx_http_reauth_redis_command(sync->store->follower, n + 1, argv, 0,
                                       ngx_http_reauth_sync_get_reply, get);
    ngx_free(argv);

    if (rc != NGX_OK) {
        ngx_free(get);
        return rc;
    }

    sync->pending++;

    return NGX_OK;
}


static ngx_http_reauth_sync_get_t *
ngx_http_reauth_sync_get_create(ngx_http_reauth_sync_t *sync)
{
    ngx_http_reauth_sync_get_t  *get;

    get = ngx_calloc(sizeof(ngx_http_reauth_sync_get_t),
                     sync->store->cycle->log);
    if (get != NULL) {
        get->sync = sync;
    }

    return get;
}


static void
ngx_http_reauth_sync_get_one(ngx_http_reauth_sync_t *sync,
    const reauth_record_t *known)
{
    reauth_string_t              account;
    ngx_http_reauth_sync_get_t  *get;

    get = ngx_http_reauth_sync_get_create(sync);

    if (get == NULL) {

        /* all is read again soon */
        return;
    }

    get->one = *known;
    get->known = &get->one;

    account = reauth_string_from(known->account);

    (void) ngx_http_reauth_sync_get(get, &account, 1);
}


/*
 * Members and their scores in turn: a page of ours, or what Redis thinks one.
 * NGX_DECLINED: it is none.
 */

static ngx_int_t
ngx_http_reauth_sync_get_page(ngx_http_reauth_sync_t *sync,
    const redisReply *page)
{
    size_t                       i;
    redisReply                  *member;
    ngx_uint_t                   n;
    reauth_string_t              accounts[NGX_HTTP_REAUTH_SYNC_PAGE];
    ngx_http_reauth_sync_get_t  *get;

    n = 0;

    for (i = 0; i + 1 < page->elements; i += 2) {
        member = page->element[i];

        if (member->type != REDIS_REPLY_STRING) {
            return NGX_DECLINED;
        }

        if ((size_t) member->len <= REAUTH_ACCOUNT_MAX) {
            accounts[n].data = (u_char *) member->str;
            accounts[n].len = member->len;
            n++;
        }

        if (n == 0
            || (n < NGX_HTTP_REAUTH_SYNC_PAGE && i + 3 < page->elements))
        {
            continue;
        }

        get = ngx_http_reauth_sync_get_create(sync);

        if (get == NULL
            || ngx_http_reauth_sync_get(get, accounts, n) != NGX_OK)
        {
            return NGX_ERROR;
        }

        n = 0;
    }

    return NGX_OK;
}


/* the next page is asked for before these records: Redis works meanwhile */

static void
ngx_http_reauth_sync_scan_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    const redisReply  *page;

    page = reply ? reauth_reply_page(reply, sync->scan) : NULL;

    if (page == NULL) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    if (sync->anew) {
        return;
    }

    sync->scanned = ngx_strcmp(sync->scan, "0") == 0;

    if (!sync->scanned) {
        ngx_http_reauth_sync_scan(sync);
    }

    switch (ngx_http_reauth_sync_get_page(sync, page)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_reauth_sync_failed(sync, reply);
        return;

    default: /* NGX_ERROR */
        ngx_http_reauth_sync_anew(sync);
        return;
    }

    if (sync->scanned && sync->pending == 0) {
        ngx_http_reauth_sync_scan_zone(sync);
    }
}


/*
 * A page of what is active here and was not among the active ones of Redis, to
 * see what became of it there.  Mostly there are none, but many slots to look
 * at, so that others get their turn in between.
 */

static void
ngx_http_reauth_sync_scan_zone(ngx_http_reauth_sync_t *sync)
{
    ngx_uint_t                   i, n, active;
    reauth_string_t              accounts[NGX_HTTP_REAUTH_SYNC_PAGE];
    ngx_http_reauth_sync_get_t  *get;

    if (sync->ours) {
        ngx_http_reauth_sync_loaded(sync);
        return;
    }

    n = ngx_http_reauth_zone_list(&sync->store->zone, &sync->cursor,
                                  sync->records);
    active = 0;

    for (i = 0; i < n; i++) {

        if (!reauth_state_is_active(sync->records[i].state)) {
            continue;
        }

        sync->records[active] = sync->records[i];
        accounts[active] = reauth_string_from(sync->records[active].account);
        active++;
    }

    sync->ours = sync->cursor.ended;

    if (active == 0) {

        if (sync->ours) {
            ngx_http_reauth_sync_loaded(sync);

        } else {
            ngx_add_timer(&sync->pause, NGX_HTTP_REAUTH_SYNC_PAUSE);
        }

        return;
    }

    get = ngx_http_reauth_sync_get_create(sync);

    if (get == NULL) {
        ngx_http_reauth_sync_anew(sync);
        return;
    }

    get->known = sync->records;

    if (ngx_http_reauth_sync_get(get, accounts, active) != NGX_OK) {
        ngx_http_reauth_sync_anew(sync);
    }
}


static void
ngx_http_reauth_sync_scan(ngx_http_reauth_sync_t *sync)
{
    u_char     key[128];
    ngx_str_t  argv[5];

    ngx_str_set(&argv[0], "ZSCAN");

    argv[1].data = key;
    argv[1].len = ngx_sprintf(key, "%V:active",
                              &sync->store->redis_conf->prefix)
                  - key;

    argv[2].data = (u_char *) sync->scan;
    argv[2].len = ngx_strlen(sync->scan);

    ngx_str_set(&argv[3], "COUNT");
    ngx_str_set(&argv[4], NGX_HTTP_REAUTH_SYNC_COUNT);

    ngx_http_reauth_sync_command(sync, 5, argv, 0,
                                 ngx_http_reauth_sync_scan_reply);
}


/* the stream's end is remembered before reading, so that nothing is missed */

static void
ngx_http_reauth_sync_last_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    int              partial;
    reauth_string_t  writer;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    ngx_cpystrn((u_char *) sync->last, (u_char *) NGX_HTTP_REAUTH_SYNC_START,
                sizeof(sync->last));

    if (reply->elements == 1) {
        (void) reauth_reply_event(reply->element[0], sync->last, &writer,
                                  &partial);
    }

    ngx_http_reauth_sync_scan(sync);
}


static void
ngx_http_reauth_sync_rewind(ngx_http_reauth_sync_t *sync)
{
    sync->scanned = 0;
    sync->ours = 0;
    sync->following = 0;

    ngx_cpystrn((u_char *) sync->scan, (u_char *) "0", sizeof(sync->scan));

    ngx_memzero(&sync->cursor, sizeof(ngx_http_reauth_zone_cursor_t));
    sync->cursor.state = REAUTH_STATE_LAST;
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
    u_char     key[128];
    ngx_str_t  argv[6];

    ngx_str_set(&argv[0], "XREVRANGE");

    argv[1].data = key;
    argv[1].len = ngx_sprintf(key, "%V:events",
                              &sync->store->redis_conf->prefix)
                  - key;

    ngx_str_set(&argv[2], "+");
    ngx_str_set(&argv[3], "-");
    ngx_str_set(&argv[4], "COUNT");
    ngx_str_set(&argv[5], "1");

    ngx_http_reauth_sync_command(sync, 6, argv, 0, handler);
}


static void
ngx_http_reauth_sync_begin(ngx_http_reauth_sync_t *sync)
{
    sync->anew = 0;

    ngx_http_reauth_sync_rewind(sync);
    ngx_http_reauth_sync_latest(sync, ngx_http_reauth_sync_last_reply);
}


static void
ngx_http_reauth_sync_event(ngx_http_reauth_redis_t *redis, ngx_uint_t up,
    void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (sync->pause.timer_set) {
        ngx_del_timer(&sync->pause);
    }

    if (!up) {
        return;
    }

    sync->loaded = 0;
    ngx_http_reauth_sync_begin(sync);
}


/* nothing happened for a while: has Redis still what happened before? */

static void
ngx_http_reauth_sync_idle_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    if (reply->elements == 0
        && sync->pending == 0
        && ngx_strcmp(sync->last, NGX_HTTP_REAUTH_SYNC_START) != 0)
    {
        ngx_log_error(NGX_LOG_WARN, sync->store->cycle->log, 0,
                      "redis: it was emptied; what is here is written to it "
                      "again");

        ngx_http_reauth_sync_rewind(sync);
        ngx_http_reauth_sync_last_reply(reply, sync);
        return;
    }

    ngx_http_reauth_sync_follow(sync);
}


/* the records of "changed", whose events have parts of them only */

static ngx_int_t
ngx_http_reauth_sync_get_changed(ngx_http_reauth_sync_t *sync)
{
    ngx_uint_t                   i, n;
    reauth_string_t              accounts[NGX_HTTP_REAUTH_SYNC_PAGE];
    ngx_http_reauth_sync_get_t  *get;

    n = sync->nchanged;
    sync->nchanged = 0;

    if (n == 0) {
        return NGX_OK;
    }

    get = ngx_http_reauth_sync_get_create(sync);
    if (get == NULL) {
        return NGX_ERROR;
    }

    get->event = 1;

    for (i = 0; i < n; i++) {
        accounts[i] = reauth_string_from(sync->changed[i]);
    }

    return ngx_http_reauth_sync_get(get, accounts, n);
}


/* NGX_ERROR: there was no memory */

static ngx_int_t
ngx_http_reauth_sync_changed(ngx_http_reauth_sync_t *sync,
    const redisReply *text)
{
    ngx_uint_t       i;
    reauth_record_t  record;

    if (ngx_http_reauth_store_record(sync->store, text, &record) != NGX_OK) {
        ngx_http_reauth_sync_not_one(sync);
        return NGX_OK;
    }

    for (i = 0; i < sync->nchanged; i++) {
        if (ngx_strcmp(sync->changed[i], record.account) == 0) {
            return NGX_OK;
        }
    }

    ngx_memcpy(sync->changed[sync->nchanged++], record.account,
               sizeof(record.account));

    return sync->nchanged == NGX_HTTP_REAUTH_SYNC_PAGE
           ? ngx_http_reauth_sync_get_changed(sync) : NGX_OK;
}


static ngx_int_t
ngx_http_reauth_sync_entries(ngx_http_reauth_sync_t *sync,
    const redisReply *entries)
{
    int                partial;
    size_t             i;
    reauth_string_t    writer;
    const redisReply  *text;

    for (i = 0; i < entries->elements; i++) {
        text = reauth_reply_event(entries->element[i], sync->last, &writer,
                                  &partial);

        /* what was written here is in the zone since before it was in Redis */

        if (text == NULL
            || ngx_http_reauth_zone_is_writer(&sync->store->zone, &writer))
        {
            continue;
        }

        if (!partial) {
            ngx_http_reauth_sync_merge(sync, text, 0);

        } else if (ngx_http_reauth_sync_changed(sync, text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_reauth_sync_get_changed(sync);
}


static void
ngx_http_reauth_sync_follow_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    ngx_uint_t         pending;
    const redisReply  *entries;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    ngx_http_reauth_zone_set_deaf(&sync->store->zone, 0);

    /* nil: nothing happened for a while */

    entries = reauth_reply_entries(reply);
    pending = sync->pending;

    if (entries != NULL
        && ngx_http_reauth_sync_entries(sync, entries) != NGX_OK)
    {
        ngx_http_reauth_sync_anew(sync);
        return;
    }

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (pending == 0
        && ngx_current_msec - sync->loaded >= NGX_HTTP_REAUTH_SYNC_AGAIN)
    {
        ngx_http_reauth_sync_rewind(sync);
        ngx_http_reauth_sync_scan(sync);
        return;
    }

    if (entries != NULL) {
        ngx_add_timer(&sync->pause, NGX_HTTP_REAUTH_SYNC_PAUSE);
        return;
    }

    ngx_http_reauth_sync_latest(sync, ngx_http_reauth_sync_idle_reply);
}


static void
ngx_http_reauth_sync_pause_handler(ngx_event_t *ev)
{
    ngx_http_reauth_sync_t  *sync;

    sync = ev->data;

    if (sync->store->follower == NULL) {
        return;
    }

    if (sync->anew && sync->pending) {

        /* answers are still to come for what was begun before */
        ngx_http_reauth_sync_anew(sync);

    } else if (sync->anew) {
        ngx_http_reauth_sync_begin(sync);

    } else if (sync->following) {
        ngx_http_reauth_sync_follow(sync);

    } else {
        ngx_http_reauth_sync_scan_zone(sync);
    }
}


static void
ngx_http_reauth_sync_follow(ngx_http_reauth_sync_t *sync)
{
    u_char     key[128];
    ngx_str_t  argv[8];

    ngx_str_set(&argv[0], "XREAD");
    ngx_str_set(&argv[1], "COUNT");
    ngx_str_set(&argv[2], NGX_HTTP_REAUTH_SYNC_EVENTS);
    ngx_str_set(&argv[3], "BLOCK");
    ngx_str_set(&argv[4], "5000");
    ngx_str_set(&argv[5], "STREAMS");

    argv[6].data = key;
    argv[6].len = ngx_sprintf(key, "%V:events",
                              &sync->store->redis_conf->prefix)
                  - key;

    argv[7].data = (u_char *) sync->last;
    argv[7].len = ngx_strlen(sync->last);

    ngx_http_reauth_sync_command(sync, 8, argv,
                                 NGX_HTTP_REAUTH_SYNC_BLOCK
                                     + sync->store->redis_conf->timeout + 1000,
                                 ngx_http_reauth_sync_follow_reply);
}


ngx_int_t
ngx_http_reauth_sync_start(ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_sync_t  *sync;

    sync = ngx_pcalloc(store->cycle->pool, sizeof(ngx_http_reauth_sync_t));
    if (sync == NULL) {
        return NGX_ERROR;
    }

    sync->store = store;

    sync->pause.handler = ngx_http_reauth_sync_pause_handler;
    sync->pause.data = sync;
    sync->pause.log = store->cycle->log;
    sync->pause.cancelable = 1;

    sync->records = ngx_palloc(store->cycle->pool,
                               NGX_HTTP_REAUTH_SYNC_PAGE
                               * sizeof(reauth_record_t));
    if (sync->records == NULL) {
        return NGX_ERROR;
    }

    store->follower = ngx_http_reauth_redis_create(store->redis_conf,
                                                   store->cycle,
                                                   ngx_http_reauth_sync_event,
                                                   sync);

    return store->follower == NULL ? NGX_ERROR : NGX_OK;
}
