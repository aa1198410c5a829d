
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads the record of an account from Redis.  It is not merged into the zone:
 * a status request is no event, and must not begin a login (reauth_heal).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store_read.h"
#include "ngx_http_reauth_store_commit.h"


static void
ngx_http_reauth_read_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_read_t *read = data;

    char  shown[NGX_HTTP_REAUTH_REDIS_SHOWN];

    if (read->handler == NULL) {
        ngx_free(read);
        return;
    }

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        read->failed = 1;

        if (reply != NULL) {
            ngx_log_error(NGX_LOG_ERR, read->store->cycle->log, 0,
                          "redis: failed to read the record of account "
                          "\"%s\": %s", read->account,
                          ngx_http_reauth_redis_shown(reply, shown));
        }

    } else if (reply->type != REDIS_REPLY_NIL
               && (ngx_http_reauth_store_record(read->store, reply,
                                                &read->record)
                   != NGX_OK
                   || ngx_strcmp(read->record.account, read->account) != 0))
    {
        ngx_memzero(&read->record, sizeof(reauth_record_t));

        ngx_log_error(NGX_LOG_ERR, read->store->cycle->log, 0,
                      "redis: corrupt record for account \"%s\"; delete its "
                      "key", read->account);
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, read->store->cycle->log, 0,
                   "reauth read: account \"%s\" is not in the zone, state in "
                   "Redis %s%s", read->account,
                   reauth_state_name((reauth_state_t) read->record.state),
                   read->failed ? ", no reply" : "");

    reauth_record_view(&read->record, ngx_http_reauth_now());
    reauth_record_show(&read->record);

    read->handler(read);

    ngx_free(read);
}


ngx_http_reauth_read_t *
ngx_http_reauth_store_read(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, ngx_http_reauth_read_handler_pt handler,
    void *data)
{
    u_char                   key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t                argv[2];
    ngx_http_reauth_read_t  *read;

    if (store->redis_conf == NULL || !ngx_http_reauth_store_connected(store)) {
        return NULL;
    }

    read = ngx_calloc(sizeof(ngx_http_reauth_read_t), store->cycle->log);
    if (read == NULL) {
        return NULL;
    }

    read->store = store;
    read->handler = handler;
    read->data = data;

    reauth_copy(read->account, REAUTH_ACCOUNT_MAX, account);

    ngx_str_set(&argv[0], "GET");

    ngx_http_reauth_redis_key(&argv[1], key, &store->redis_conf->prefix, "a:",
                              read->account);

    if (ngx_http_reauth_redis_command(store->redis, 2, argv, 0,
                                      ngx_http_reauth_read_reply, read)
        != NGX_OK)
    {
        ngx_free(read);
        return NULL;
    }

    return read;
}


void
ngx_http_reauth_store_read_detach(ngx_http_reauth_read_t *read)
{
    read->handler = NULL;
}
