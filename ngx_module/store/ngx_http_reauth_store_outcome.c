
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Stored responses to updates, in the zone and in Redis.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"


void
ngx_http_reauth_outcome_key(ngx_http_reauth_store_t *store, ngx_str_t *key,
    u_char *buffer, const reauth_string_t *account, uint64_t number,
    ngx_uint_t kept)
{
    u_char  *p;

    p = ngx_http_reauth_redis_key(key, buffer, &store->redis_conf->prefix,
                                  "o:", "");
    p = ngx_cpymem(p, account->data, account->len);
    *p++ = ':';
    p = kept ? ngx_cpymem(p, "kept", 4) : p + reauth_string_number(number, p);

    key->len = p - buffer;
}


ngx_int_t
ngx_http_reauth_store_put_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t number, ngx_uint_t kept,
    ngx_str_t *sealed, int64_t ttl_ms)
{
    u_char      key[256], ttl[NGX_INT64_LEN];
    int64_t     now_ms;
    ngx_int_t   rc;
    ngx_str_t   argv[5];

    if (sealed->len > NGX_HTTP_REAUTH_OUTCOME_MAX || ttl_ms <= 0) {
        return NGX_DECLINED;
    }

    now_ms = ngx_http_reauth_now();

    rc = ngx_http_reauth_zone_put_outcome(&store->zone, account, number,
                                          sealed, now_ms, now_ms + ttl_ms);

    /* a kept one is written with the record: not without it, and not late */

    if (kept || !ngx_http_reauth_store_connected(store)) {
        return rc;
    }

    /* sent on the same connection, before the commit */

    ngx_str_set(&argv[0], "SET");
    ngx_http_reauth_outcome_key(store, &argv[1], key, account, number, 0);
    argv[2] = *sealed;
    ngx_str_set(&argv[3], "PX");
    argv[4].data = ttl;
    argv[4].len = ngx_sprintf(ttl, "%L", ttl_ms) - ttl;

    (void) ngx_http_reauth_redis_command(store->redis, 5, argv, 0, NULL, NULL);

    return rc;
}


ngx_str_t *
ngx_http_reauth_outcome_args(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg, u_char *sealed, u_char *ttl)
{
    int64_t          now_ms, ttl_ms;
    uint64_t         kept;
    reauth_string_t  account;

    now_ms = ngx_http_reauth_now();
    ttl_ms = record->deadline_ms - now_ms;

    ngx_str_set(arg, "1");
    arg->len = reauth_attempt_keeps(record) ? 1 : 0;
    arg++;

    arg->data = sealed;
    arg->len = NGX_HTTP_REAUTH_OUTCOME_MAX;

    account = reauth_string_from(record->account);
    kept = reauth_attempt_kept(record);

    if (record->state == REAUTH_STATE_STARTING
        || kept == 0
        || ttl_ms <= 0
        || ngx_http_reauth_zone_get_outcome(&store->zone, &account, kept, arg,
                                            now_ms)
           != NGX_OK)
    {
        arg->len = 0;
        ttl_ms = 0;
    }

    arg++;

    ngx_http_reauth_number(arg++, ttl, ttl_ms);

    return arg;
}


static void
ngx_http_reauth_outcome_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_outcome_op_t *op = data;

    ngx_str_t  sealed;

    if (op->handler) {

        if (reply != NULL
            && reply->type == REDIS_REPLY_STRING
            && reply->len <= NGX_HTTP_REAUTH_OUTCOME_MAX)
        {
            sealed.data = (u_char *) reply->str;
            sealed.len = reply->len;

            op->handler(&sealed, op->data);

        } else {
            op->handler(NULL, op->data);
        }
    }

    ngx_free(op);
}


ngx_int_t
ngx_http_reauth_store_get_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t number, ngx_uint_t kept,
    ngx_str_t *out, ngx_http_reauth_outcome_handler_pt handler, void *data,
    ngx_http_reauth_outcome_op_t **op)
{
    u_char      key[256];
    ngx_str_t   argv[2];

    if (ngx_http_reauth_zone_get_outcome(&store->zone, account, number, out,
                                         ngx_http_reauth_now())
        == NGX_OK)
    {
        return NGX_OK;
    }

    if (!ngx_http_reauth_store_connected(store)) {
        return NGX_DECLINED;
    }

    *op = ngx_calloc(sizeof(ngx_http_reauth_outcome_op_t), store->cycle->log);
    if (*op == NULL) {
        return NGX_DECLINED;
    }

    (*op)->handler = handler;
    (*op)->data = data;

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_outcome_key(store, &argv[1], key, account, number, kept);

    if (ngx_http_reauth_redis_command(store->redis, 2, argv, 0,
                                      ngx_http_reauth_outcome_reply, *op)
        != NGX_OK)
    {
        ngx_free(*op);
        *op = NULL;
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}
