
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Notices about accounts are written to Redis with the record that they are
 * about, by the script that writes it, and are sent from there.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_time.h"
#include "ngx_http_reauth_store_commit.h"


/* accounts of one script */
#define NGX_HTTP_REAUTH_WAITING_BATCH  100


ngx_str_t *
ngx_http_reauth_notice_keys(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    ngx_http_reauth_notice_texts_t *texts)
{
    ngx_str_t  *prefix;

    if (!(store->notices.events & REAUTH_NOTICE_ACCOUNTS)) {
        return arg;
    }

    prefix = &store->redis_conf->prefix;

    ngx_http_reauth_redis_key(arg++, texts->keys[0], prefix, "noticed:",
                              record->account);
    ngx_http_reauth_redis_key(arg++, texts->keys[1], prefix, "waiting", "");
    ngx_http_reauth_redis_key(arg++, texts->keys[2], prefix, "notices", "");

    return arg;
}


/* the times of "after=", separated by spaces */

static void
ngx_http_reauth_notice_after(ngx_http_reauth_store_t *store, ngx_str_t *arg,
    u_char *buffer)
{
    u_char      *p;
    ngx_str_t    number;
    ngx_uint_t   i;

    p = buffer;

    for (i = 0; i < store->notices.nafter; i++) {

        if (i > 0) {
            *p++ = ' ';
        }

        ngx_http_reauth_number(&number, p, store->notices.after_ms[i]);
        p += number.len;
    }

    arg->data = buffer;
    arg->len = p - buffer;
}


ngx_str_t *
ngx_http_reauth_notice_args(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    ngx_http_reauth_notice_texts_t *texts)
{
    size_t                   data;
    int64_t                  now_ms;
    ngx_str_t               *last;
    reauth_notice_verdict_t  verdict;

    static ngx_str_t  waits[] = {
        [REAUTH_NOTICE_AS_BEFORE] = ngx_string("before"),
        [REAUTH_NOTICE_WAITS] = ngx_string("waits"),
        [REAUTH_NOTICE_ATTEMPTS] = ngx_string("attempts"),
        [REAUTH_NOTICE_ENDS] = ngx_string("ends")
    };

    if (!(store->notices.events & REAUTH_NOTICE_ACCOUNTS)) {
        return arg;
    }

    now_ms = ngx_http_reauth_now();

    reauth_notice_judge(record, now_ms, &verdict);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth notice: account \"%s\" means %s, %V",
                   record->account,
                   verdict.event == REAUTH_NOTICE_NONE
                       ? "nothing" : reauth_notice_name(verdict.event),
                   &waits[verdict.wait]);

    *arg++ = waits[verdict.wait];

    ngx_http_reauth_notice_after(store, arg++, texts->after);

    if (verdict.event == REAUTH_NOTICE_NONE) {
        return arg;
    }

    last = arg;

    ngx_str_set(arg, "1");
    arg->len = store->notices.events & reauth_notice_bit(verdict.event) ? 1 : 0;
    arg++;

    arg->data = (u_char *) reauth_notice_name(verdict.event);
    arg->len = ngx_strlen(arg->data);
    arg++;

    arg->data = (u_char *) texts->identity;
    arg->len = reauth_notice_identity(texts->identity, record, verdict.event,
                                      now_ms);
    arg++;

    arg->data = (u_char *) texts->body;
    arg->len = reauth_notice_body(texts->body, verdict.event, record, now_ms,
                                  &data);

    if (arg->len == 0 || (arg - 1)->len == 0) {
        return last;
    }

    arg++;

    ngx_http_reauth_number(arg++, texts->data, (int64_t) data + 1);

    return arg;
}


static void
ngx_http_reauth_still_waiting_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_store_t *store = data;

    char  shown[NGX_HTTP_REAUTH_REDIS_SHOWN];

    store->waiting_pending = 0;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_INTEGER) {
        store->waiting_refused = 0;

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth notice: %L accounts still wait",
                       (int64_t) reply->integer);

        if (reply->integer == NGX_HTTP_REAUTH_WAITING_BATCH) {
            ngx_http_reauth_store_still_waiting(store);
        }

        return;
    }

    if (!store->waiting_refused) {
        store->waiting_refused = 1;

        ngx_log_error(NGX_LOG_ERR, store->cycle->log, 0,
                      "redis: failed to write notices about waiting accounts: "
                      "%s", ngx_http_reauth_redis_shown(reply, shown));
    }
}


/* the script is atomic: any gateway may run it, and as many as are there */

void
ngx_http_reauth_store_still_waiting(ngx_http_reauth_store_t *store)
{
    char        now[REAUTH_TIME_MS_SIZE];
    u_char      batch[REAUTH_NUMBER_MAX];
    u_char      keys[4][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char      after[REAUTH_NOTICE_AFTER_MAX * (REAUTH_NUMBER_MAX + 1)];
    ngx_str_t   argv[NGX_HTTP_REAUTH_REDIS_EVAL + 7], *arg;

    if (store->notices.nafter == 0
        || store->waiting_pending
        || store->clock_pending
        || !ngx_http_reauth_store_writes(store))
    {
        return;
    }

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_redis_key(arg++, keys[0], &store->redis_conf->prefix,
                              "waiting", "");
    ngx_http_reauth_redis_key(arg++, keys[1], &store->redis_conf->prefix,
                              "notices", "");
    ngx_http_reauth_redis_key(arg++, keys[2], &store->redis_conf->prefix,
                              "noticed:", "");
    ngx_http_reauth_redis_key(arg++, keys[3], &store->redis_conf->prefix,
                              "a:", "");

    ngx_http_reauth_number(arg++, batch, NGX_HTTP_REAUTH_WAITING_BATCH);

    arg->data = (u_char *) now;
    arg->len = reauth_time_format_ms(now, ngx_http_reauth_now());
    arg++;

    ngx_http_reauth_notice_after(store, arg++, after);

    if (ngx_http_reauth_redis_script(store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_WAITING, 4,
                                     arg - argv, argv,
                                     ngx_http_reauth_still_waiting_reply,
                                     store)
        == NGX_OK)
    {
        store->waiting_pending = 1;
    }
}
