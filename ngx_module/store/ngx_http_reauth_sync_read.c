
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads records of Redis into the zone: all active ones, a page at a time, or a
 * single one; and overrides of gates.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_sync.h"
#include "ngx_http_reauth_store_commit.h"


/* more than any zone has room for */
#define NGX_HTTP_REAUTH_SYNC_OVERRIDES  "1000"


/*
 * All active records of Redis are in the zone, and all active records of the
 * zone were looked up in Redis: from now on only events are read.
 */

static void
ngx_http_reauth_sync_loaded(ngx_http_reauth_sync_t *sync)
{
    if (!sync->active.ended || !sync->ours || sync->pending) {
        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: all accounts are read, events are followed");

    sync->following = 1;

    if (sync->overrides_left) {
        reauth_stream_dropped(&sync->stream);
    }

    if (ngx_http_reauth_zone_refused(&sync->store->zone,
                                     NGX_HTTP_REAUTH_REFUSED_FOLLOW)
        == REAUTH_REFUSAL_UNREAD)
    {
        (void) ngx_http_reauth_zone_refuse(&sync->store->zone,
                                           NGX_HTTP_REAUTH_REFUSED_FOLLOW,
                                           REAUTH_REFUSAL_NONE);
    }

    ngx_http_reauth_zone_set_loaded(&sync->store->zone);

    if (sync->loaded == 0) {
        ngx_log_error(NGX_LOG_INFO, sync->store->cycle->log, 0,
                      "redis: accounts have been read");
    }

    sync->loaded = ngx_max(ngx_current_msec, 1);
    sync->restoring = 0;

    if (sync->unlisted) {
        ngx_log_error(NGX_LOG_WARN, sync->store->cycle->log, 0,
                      "redis: %ui active accounts were missing in the indexes; "
                      "they are written again", sync->unlisted);

        ngx_http_reauth_store_flush(sync->store);
    }

    ngx_http_reauth_sync_follow(sync);
}


void
ngx_http_reauth_sync_doubt(ngx_http_reauth_store_t *store)
{
    if (store->sync) {
        reauth_stream_dropped(&store->sync->stream);
    }
}


ngx_uint_t
ngx_http_reauth_sync_listed(ngx_http_reauth_store_t *store, int64_t members,
    uint64_t number)
{
    ngx_uint_t               unwritten;
    reauth_listed_state_t    state;
    reauth_listed_report_t   report;
    ngx_http_reauth_sync_t  *sync;

    sync = store->sync;

    if (sync == NULL
        || !sync->following
        || sync->pending
        || sync->stream.state != REAUTH_STREAM_WHOLE)
    {
        return 0;
    }

    report.members = members;
    report.number = number;
    report.read = sync->stream.number;
    report.active = ngx_http_reauth_zone_active(&store->zone, &unwritten);
    report.unwritten = unwritten;

    state = reauth_listed_judge(&sync->listed, &report,
                                ngx_http_reauth_monotonic());

    if (state == REAUTH_LISTED_ALL) {
        return 0;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth sync: %uL accounts are active, Redis lists %L%s",
                   report.active, members,
                   state == REAUTH_LISTED_LOST ? ", to be read again" : "");

    if (state == REAUTH_LISTED_LOST) {
        sync->restoring = 1;
        reauth_stream_unlisted(&sync->stream);
    }

    return 1;
}


/* Redis has the record of this active account, but does not list it */

static void
ngx_http_reauth_sync_unlisted(ngx_http_reauth_sync_t *sync,
    const reauth_record_t *record)
{
    if (ngx_http_reauth_zone_unlisted(&sync->store->zone, record,
                                      sync->read_ms)
        != NGX_AGAIN)
    {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: account \"%s\" is not listed in Redis, to be "
                   "written again", record->account);

    sync->unlisted++;
}


static void
ngx_http_reauth_sync_get_free(ngx_http_reauth_sync_get_t *get)
{
    if (get->argv != NULL) {
        ngx_free(get->argv);
    }

    ngx_free(get);
}


/* Redis has no record of this account, which is listed as active or known */

static void
ngx_http_reauth_sync_get_none(ngx_http_reauth_sync_get_t *get, ngx_uint_t i)
{
    size_t                    len;
    ngx_int_t                 rc;
    ngx_str_t                *key;
    reauth_string_t           account;
    ngx_http_reauth_store_t  *store;

    store = get->sync->store;

    if (get->known == NULL) {
        key = &get->argv[i + 1];
        len = store->redis_conf->prefix.len + sizeof(":a:") - 1;

        account.data = key->data + len;
        account.len = key->len - len;

        ngx_http_reauth_store_deleted(store, &account);
        return;
    }

    if (!get->deleted) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth sync: account \"%s\" is not in Redis, to be "
                       "written again", get->known[i].account);

        ngx_http_reauth_zone_lost(&store->zone, &get->known[i]);
        return;
    }

    rc = ngx_http_reauth_zone_deleted(&store->zone, &get->known[i]);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth sync: account \"%s\" was deleted in Redis, state "
                   "%s%s", get->known[i].account,
                   reauth_state_name(get->known[i].state),
                   rc == NGX_AGAIN ? ", to be written again" : "");

    if (rc == NGX_AGAIN) {
        ngx_http_reauth_store_flush(store);
    }
}


static void
ngx_http_reauth_sync_get_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_get_t *get = data;

    size_t                   i;
    ngx_http_reauth_sync_t  *sync;

    sync = get->sync;
    sync->pending--;

    if (ngx_http_reauth_sync_ended(sync)) {
        ngx_http_reauth_sync_get_free(get);
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_http_reauth_sync_get_free(get);
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    for (i = 0; i < reply->elements && i < get->n; i++) {

        if (reply->element[i]->type != REDIS_REPLY_NIL) {
            ngx_http_reauth_sync_merge(sync, reply->element[i], 1);

            if (sync->restoring && get->known == sync->records) {
                ngx_http_reauth_sync_unlisted(sync, &get->known[i]);
            }

        } else {
            ngx_http_reauth_sync_get_none(get, i);
        }
    }

    ngx_http_reauth_sync_get_free(get);

    if (sync->pending == 0
        && sync->active.ended
        && !sync->following
        && !sync->anew)
    {
        ngx_http_reauth_sync_scan_zone(sync);
    }
}


/* always frees "get" */

ngx_int_t
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

    get->argv = argv;

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

    if (rc != NGX_OK) {
        ngx_http_reauth_sync_get_free(get);
        return rc;
    }

    sync->pending++;

    return NGX_OK;
}


ngx_http_reauth_sync_get_t *
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


void
ngx_http_reauth_sync_get_one(ngx_http_reauth_sync_t *sync,
    const reauth_record_t *known, ngx_uint_t deleted)
{
    reauth_string_t              account;
    ngx_http_reauth_sync_get_t  *get;

    get = ngx_http_reauth_sync_get_create(sync);

    if (get == NULL) {

        reauth_stream_dropped(&sync->stream);
        return;
    }

    get->one = *known;
    get->known = &get->one;
    get->deleted = deleted;

    account = reauth_string_from(known->account);

    if (ngx_http_reauth_sync_get(get, &account, 1) == NGX_ERROR) {
        reauth_stream_dropped(&sync->stream);
    }
}


/* a page of members and scores */

static ngx_int_t
ngx_http_reauth_sync_get_page(ngx_http_reauth_sync_t *sync,
    const redisReply *page, size_t i)
{
    redisReply                  *member;
    ngx_uint_t                   n;
    reauth_string_t              accounts[NGX_HTTP_REAUTH_SYNC_PAGE];
    ngx_http_reauth_sync_get_t  *get;

    n = 0;

    for ( /* void */ ; i + 1 < page->elements; i += 2) {
        member = page->element[i];

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


/*
 * The next page is requested first, and with the records of this one at once:
 * Redis reads them while those of the page before, whose reply follows this
 * one, are merged.
 */

static void
ngx_http_reauth_sync_scan_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    size_t             first;
    ngx_uint_t         scan;
    const redisReply  *page;

    if (ngx_http_reauth_sync_ended(sync)) {
        return;
    }

    scan = sync->active.scan;

    page = reply ? reauth_active_page(&sync->active, reply, &first) : NULL;

    if (page == NULL) {
        ngx_http_reauth_sync_failed(sync, reply);
        return;
    }

    if (sync->anew) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                   "reauth sync: %uz active accounts",
                   (page->elements - first) / 2);

    if (sync->active.scan != scan) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, sync->store->cycle->log, 0,
                       "reauth sync: many active accounts have the score %s, "
                       "they are read without order", sync->active.score);
    }

    if (!sync->active.ended) {
        ngx_http_reauth_sync_scan(sync);
    }

    if (ngx_http_reauth_sync_get_page(sync, page, first) != NGX_OK) {
        ngx_http_reauth_sync_anew(sync);
        return;
    }

    if (sync->active.ended && sync->pending == 0) {
        ngx_http_reauth_sync_scan_zone(sync);
    }

    ngx_http_reauth_redis_flush(sync->store->follower);
}


/*
 * Reads a page of records that are active in the zone but not in Redis.
 * Usually there are none, but all slots are examined, in several turns of the
 * event loop.
 */

void
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


void
ngx_http_reauth_sync_scan(ngx_http_reauth_sync_t *sync)
{
    u_char      key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char      count[REAUTH_NUMBER_MAX];
    ngx_str_t   argv[8], *arg;

    ngx_http_reauth_redis_key(&argv[1], key, &sync->store->redis_conf->prefix,
                              "active", "");

    arg = &argv[2];

    if (sync->active.scan) {
        ngx_str_set(&argv[0], "ZSCAN");

        arg->data = (u_char *) sync->active.cursor;
        arg->len = ngx_strlen(sync->active.cursor);
        arg++;

        ngx_str_set(arg, "COUNT");
        arg++;

    } else {
        ngx_str_set(&argv[0], "ZRANGEBYSCORE");

        arg->data = (u_char *) sync->active.score;
        arg->len = ngx_strlen(sync->active.score);
        arg++;

        ngx_str_set(arg, "+inf");
        arg++;
        ngx_str_set(arg, "WITHSCORES");
        arg++;
        ngx_str_set(arg, "LIMIT");
        arg++;
        ngx_str_set(arg, "0");
        arg++;
    }

    ngx_http_reauth_number(arg++, count, NGX_HTTP_REAUTH_SYNC_PAGE);

    ngx_http_reauth_sync_command(sync, arg - argv, argv, 0,
                                 ngx_http_reauth_sync_scan_reply);
}


/* overrides of gates; the replies to later commands come after this one */

static void
ngx_http_reauth_sync_overrides_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_sync_t *sync = data;

    char    shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    size_t  i;

    if (reply == NULL) {
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        ngx_log_error(NGX_LOG_ERR, sync->store->cycle->log, 0,
                      "redis: failed to read the overrides of gates: %s",
                      ngx_http_reauth_redis_shown(reply, shown));
        sync->overrides_left = 1;
        return;
    }

    /* what Redis has lost is written again */

    ngx_http_reauth_zone_overrides_unread(&sync->store->zone);

    for (i = 0; i < reply->elements; i++) {

        if (ngx_http_reauth_store_merge_override(sync->store,
                                                 reply->element[i])
            != NGX_OK)
        {
            ngx_http_reauth_sync_not_one(sync);
            sync->overrides_left = 1;
        }
    }
}


void
ngx_http_reauth_sync_overrides(ngx_http_reauth_sync_t *sync)
{
    u_char      keys[2][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t   argv[NGX_HTTP_REAUTH_REDIS_EVAL + 3], *arg, *prefix;

    prefix = &sync->store->redis_conf->prefix;

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_redis_key(arg++, keys[0], prefix, "overrides", "");
    ngx_http_reauth_redis_key(arg++, keys[1], prefix, "override:", "");
    ngx_str_set(arg, NGX_HTTP_REAUTH_SYNC_OVERRIDES);
    arg++;

    sync->overrides_left = 0;

    if (ngx_http_reauth_redis_script(sync->store->follower,
                                     NGX_HTTP_REAUTH_SCRIPT_OVERRIDES, 2,
                                     arg - argv, argv,
                                     ngx_http_reauth_sync_overrides_reply,
                                     sync)
        != NGX_OK)
    {
        sync->overrides_left = 1;
    }
}
