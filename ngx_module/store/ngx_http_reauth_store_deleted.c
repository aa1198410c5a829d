
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Accounts that a person forgets, and active ones whose record was deleted in
 * Redis, or has expired.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_route.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_sync.h"


#define NGX_HTTP_REAUTH_DELETED_KEYS  7


static void
ngx_http_reauth_deleted_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_store_t *store = data;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        return;
    }

    ngx_http_reauth_sync_doubt(store);

    if (reply == NULL) {
        return;
    }

    ngx_http_reauth_store_refused(store, NGX_HTTP_REAUTH_REFUSED_WRITE, reply,
                                  "failed to remove a deleted account");
}


void
ngx_http_reauth_store_deleted(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    u_char       keys[NGX_HTTP_REAUTH_DELETED_KEYS]
                     [NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    char         name[REAUTH_ACCOUNT_MAX + 1];
    ngx_str_t    argv[NGX_HTTP_REAUTH_REDIS_EVAL
                      + NGX_HTTP_REAUTH_DELETED_KEYS + 3];
    ngx_str_t   *arg, *prefix;
    ngx_uint_t   i;

    if (!reauth_id_is_account(account)) {
        return;
    }

    if (!ngx_http_reauth_store_connected(store)) {
        ngx_http_reauth_sync_doubt(store);
        return;
    }

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];
    prefix = &store->redis_conf->prefix;

    reauth_copy(name, REAUTH_ACCOUNT_MAX, account);

    ngx_http_reauth_redis_key(arg++, keys[0], prefix, "a:", name);
    ngx_http_reauth_redis_key(arg++, keys[1], prefix, "active", "");

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        ngx_http_reauth_redis_key(arg++, keys[2 + i], prefix,
                                  ngx_http_reauth_store_queues[i], "");
    }

    ngx_http_reauth_redis_key(arg++, keys[2 + i], prefix, "events", "");
    ngx_http_reauth_redis_key(arg++, keys[3 + i], prefix, "seq", "");

    arg->data = (u_char *) account->data;
    arg->len = account->len;
    arg++;

    ngx_http_reauth_zone_writer(&store->zone, arg++);
    ngx_str_set(arg, NGX_HTTP_REAUTH_STREAM_LENGTH);
    arg++;

    if (ngx_http_reauth_redis_script(store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_DELETED,
                                     NGX_HTTP_REAUTH_DELETED_KEYS,
                                     arg - argv, argv,
                                     ngx_http_reauth_deleted_reply, store)
        != NGX_OK)
    {
        ngx_http_reauth_sync_doubt(store);
    }
}


/*
 * Removes the override, also one that was removed before, as changes of both
 * are forgotten; an account without an override stays as it is.
 */

static ngx_int_t
ngx_http_reauth_forget_override(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    reauth_override_t  override, former;

    ngx_memzero(&override, sizeof(reauth_override_t));
    override.forgotten = 1;
    reauth_copy(override.account, REAUTH_ACCOUNT_MAX, account);

    return ngx_http_reauth_store_override(store, &override, &former, NULL);
}


ngx_int_t
ngx_http_reauth_store_forget(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, reauth_record_t *former)
{
    ngx_int_t        rc;
    reauth_forget_t  result;
    reauth_record_t  record;

    if (ngx_http_reauth_zone_forget(&store->zone, account, &result, former,
                                    &record)
        != NGX_OK)
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth forget: account \"%*s\" not forgotten, "
                       "reauth_zone has no room", account->len, account->data);
        return NGX_ERROR;
    }

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth forget: account \"%*s\" %s, epoch %uL, state %s",
                   account->len, account->data,
                   result == REAUTH_FORGET_DONE ? "forgotten"
                   : result == REAUTH_FORGET_SENDING
                              ? "not forgotten, an update is being sent"
                              : "unknown",
                   former->epoch, reauth_state_name(former->state));

    if (result == REAUTH_FORGET_SENDING) {
        return NGX_BUSY;
    }

    rc = ngx_http_reauth_forget_override(store, account);

    if (result == REAUTH_FORGET_UNKNOWN) {
        return rc;
    }

    if (store->redis_conf != NULL) {
        ngx_http_reauth_store_flush_record(store, &record);
    }

    return NGX_OK;
}
