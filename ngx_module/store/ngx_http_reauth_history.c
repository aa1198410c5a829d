
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The stream is one for all accounts, so it is read from its end, page by page,
 * up to a bound: Redis and this worker do other things in between.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reply.h"
#include "ngx_http_reauth_history.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_zone_changes.h"


#define NGX_HTTP_REAUTH_HISTORY_PAGE   200
#define NGX_HTTP_REAUTH_HISTORY_PAGES  20


typedef struct {
    ngx_http_reauth_history_t   history;       /* must be the first */
    ngx_http_reauth_store_t    *store;
    ngx_event_t                 event;
    ngx_uint_t                  max;
    ngx_uint_t                  pages;
    reauth_record_t            *last;          /* not an override */
    reauth_record_t             forgotten;     /* the state says whether */
    char                        before[REAUTH_STREAM_ID_MAX + 2];
    char                        account[REAUTH_ACCOUNT_MAX + 1];
    reauth_record_t             records[1];
} ngx_http_reauth_history_op_t;


static void ngx_http_reauth_history_page(ngx_http_reauth_history_op_t *op);


static void
ngx_http_reauth_history_finish(ngx_http_reauth_history_op_t *op)
{
    if (op->history.handler) {
        op->history.handler(&op->history);
    }

    ngx_free(op);
}


static void
ngx_http_reauth_history_handler(ngx_event_t *ev)
{
    ngx_http_reauth_history_finish(ev->data);
}


static void
ngx_http_reauth_history_local(ngx_http_reauth_history_op_t *op)
{
    reauth_string_t             account;
    ngx_http_reauth_history_t  *history;

    history = &op->history;
    account = reauth_string_from(op->account);

    history->n = ngx_http_reauth_zone_history(&op->store->zone, &account,
                                              op->records, op->max,
                                              &history->complete);

    if (op->store->redis_conf) {

        /* Redis may know more */

        history->complete = 0;
    }

    op->event.handler = ngx_http_reauth_history_handler;
    op->event.data = op;
    op->event.log = op->store->cycle->log;

    ngx_post_event(&op->event, &ngx_posted_events);
}


/* returns 1 if the entry is an override of this account */

static ngx_uint_t
ngx_http_reauth_history_override(ngx_http_reauth_history_op_t *op,
    redisReply *entry, reauth_record_t *record)
{
    const redisReply   *text;
    reauth_string_t     writer;
    reauth_override_t   override;

    text = reauth_reply_override_event(entry, &op->before[1], &writer);

    if (text == NULL
        || reauth_reply_override(text, ngx_http_reauth_now(), &override) != 0
        || ngx_strcmp(override.account, op->account) != 0)
    {
        return 0;
    }

    reauth_override_record(&override, record);

    return 1;
}


/* processes an entry of the stream; returns 0 if no more are needed */

static ngx_uint_t
ngx_http_reauth_history_entry(ngx_http_reauth_history_op_t *op,
    redisReply *entry)
{
    const redisReply  *text;
    reauth_record_t    record;
    reauth_string_t    writer;

    /* the next page, if needed, ends before this entry */

    op->before[0] = '(';
    text = reauth_reply_event(entry, &op->before[1], &writer);

    if (text == NULL) {

        if (!ngx_http_reauth_history_override(op, entry, &record)) {
            return 1;
        }

    } else if (ngx_http_reauth_store_event_record(op->store, text, &record)
                  != NGX_OK
               || ngx_strcmp(record.account, op->account) != 0)
    {
        return 1;

    } else if (op->last != NULL && reauth_attempt_same(op->last, &record)) {

        /* skip records written only for results of polls */

        *op->last = record;
        return 1;
    }

    /*
     * Changes before the account was forgotten are not shown.  If it was
     * forgotten while Redis was away, later changes may precede this one.
     */

    if (op->forgotten.state == REAUTH_STATE_FORGOTTEN
        && reauth_record_is_forgotten(&record, &op->forgotten))
    {
        op->history.complete = 1;
        return 0;
    }

    if (record.state == REAUTH_STATE_FORGOTTEN) {
        op->forgotten = record;
        return 1;
    }

    if (op->history.n == op->max) {
        return 0;
    }

    op->records[op->history.n] = record;

    if (text != NULL) {
        op->last = &op->records[op->history.n];
    }

    op->history.n++;

    return 1;
}


static void
ngx_http_reauth_history_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_history_op_t *op = data;

    char    shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    size_t  i;

    if (op->history.handler == NULL) {
        ngx_http_reauth_history_finish(op);
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {

        if (reply != NULL) {
            ngx_log_error(NGX_LOG_ERR, op->store->cycle->log, 0,
                          "redis: failed to read the changes of account "
                          "\"%s\": %s", op->account,
                          ngx_http_reauth_redis_shown(reply, shown));
        }

        ngx_http_reauth_history_local(op);
        return;
    }

    for (i = 0; i < reply->elements; i++) {

        if (!ngx_http_reauth_history_entry(op, reply->element[i])) {
            ngx_http_reauth_history_finish(op);
            return;
        }
    }

    if (reply->elements < NGX_HTTP_REAUTH_HISTORY_PAGE) {

        /* the stream is shorter than its limit: nothing was trimmed */

        op->history.complete = 1;

    } else if (++op->pages < NGX_HTTP_REAUTH_HISTORY_PAGES) {
        ngx_http_reauth_history_page(op);
        return;
    }

    ngx_http_reauth_history_finish(op);
}


static void
ngx_http_reauth_history_page(ngx_http_reauth_history_op_t *op)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX], count[NGX_INT_T_LEN];
    ngx_str_t  argv[6];

    if (!ngx_http_reauth_store_connected(op->store)) {
        ngx_http_reauth_history_local(op);
        return;
    }

    ngx_str_set(&argv[0], "XREVRANGE");

    ngx_http_reauth_redis_key(&argv[1], key, &op->store->redis_conf->prefix,
                              "events", "");

    argv[2].data = (u_char *) op->before;
    argv[2].len = ngx_strlen(op->before);

    ngx_str_set(&argv[3], "-");
    ngx_str_set(&argv[4], "COUNT");

    argv[5].data = count;
    argv[5].len = ngx_sprintf(count, "%d", NGX_HTTP_REAUTH_HISTORY_PAGE)
                  - count;

    if (ngx_http_reauth_redis_command(op->store->redis, 6, argv, 0,
                                      ngx_http_reauth_history_reply, op)
        != NGX_OK)
    {
        ngx_http_reauth_history_local(op);
    }
}


ngx_http_reauth_history_t *
ngx_http_reauth_history_read(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, ngx_uint_t max,
    ngx_http_reauth_history_handler_pt handler, void *data)
{
    ngx_http_reauth_history_op_t  *op;

    op = ngx_alloc(sizeof(ngx_http_reauth_history_op_t)
                   + (max - 1) * sizeof(reauth_record_t), store->cycle->log);
    if (op == NULL) {
        return NULL;
    }

    ngx_memzero(op, offsetof(ngx_http_reauth_history_op_t, records));

    op->history.handler = handler;
    op->history.data = data;
    op->history.records = op->records;
    op->store = store;
    op->max = max;

    reauth_copy(op->account, REAUTH_ACCOUNT_MAX, account);

    op->before[0] = '+';

    ngx_http_reauth_history_page(op);

    return &op->history;
}


void
ngx_http_reauth_history_detach(ngx_http_reauth_history_t *history)
{
    history->handler = NULL;
}
