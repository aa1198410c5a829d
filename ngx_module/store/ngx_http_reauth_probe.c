
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The key has the time at which it expires as its value: the other gateways
 * read when the next probe is due.  It has no epoch, so an account that fails
 * again within the interval is not probed more often.
 */


#include "ngx_http_reauth_probe.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_zone_failed.h"


struct ngx_http_reauth_probe_s {
    ngx_http_reauth_store_t            *store;
    ngx_http_reauth_probe_handler_pt    handler;   /* NULL: detached */
    void                               *data;
    int64_t                             interval_ms;
    char                                account[REAUTH_ACCOUNT_MAX + 1];
};


static ngx_int_t
ngx_http_reauth_probe_send(ngx_http_reauth_probe_t *probe, ngx_uint_t argc,
    ngx_str_t *argv, ngx_http_reauth_redis_handler_pt handler)
{
    u_char  key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];

    ngx_http_reauth_redis_key(&argv[1], key, &probe->store->redis_conf->prefix,
                              "failed:", probe->account);

    return ngx_http_reauth_redis_command(probe->store->redis, argc, argv, 0,
                                         handler, probe);
}


static void
ngx_http_reauth_probe_done(ngx_http_reauth_probe_t *probe, ngx_uint_t granted)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, probe->store->cycle->log, 0,
                   "reauth probe: account \"%s\" %s", probe->account,
                   granted ? "leased" : "leased by another gateway");

    if (probe->handler != NULL) {
        probe->handler(probe->data, granted);
    }

    ngx_free(probe);
}


/* another gateway has the lease */

static void
ngx_http_reauth_probe_taken(redisReply *reply, void *data)
{
    ngx_http_reauth_probe_t *probe = data;

    reauth_string_t  account, until;

    until.data = NULL;
    until.len = 0;

    if (reply != NULL
        && (reply->type == REDIS_REPLY_STRING
            || reply->type == REDIS_REPLY_NIL))
    {
        if (reply->type == REDIS_REPLY_STRING) {
            until.data = (u_char *) reply->str;
            until.len = reply->len;
        }

        account = reauth_string_from(probe->account);

        ngx_http_reauth_zone_failed_probed(&probe->store->zone, &account,
            reauth_failed_last(&until, probe->interval_ms,
                               ngx_http_reauth_now()));
    }

    ngx_http_reauth_probe_done(probe, 0);
}


static void
ngx_http_reauth_probe_leased(redisReply *reply, void *data)
{
    ngx_http_reauth_probe_t *probe = data;

    ngx_str_t  argv[2];

    if (reply == NULL || reply->type != REDIS_REPLY_NIL) {

        /* an error, too: Redis is unavailable, the zone decides */

        ngx_http_reauth_probe_done(probe, 1);
        return;
    }

    ngx_str_set(&argv[0], "GET");

    if (ngx_http_reauth_probe_send(probe, 2, argv, ngx_http_reauth_probe_taken)
        != NGX_OK)
    {
        ngx_http_reauth_probe_done(probe, 0);
    }
}


ngx_int_t
ngx_http_reauth_probe_lease(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, int64_t interval_ms,
    ngx_http_reauth_probe_handler_pt handler, void *data,
    ngx_http_reauth_probe_t **leased)
{
    u_char                    until[NGX_INT64_LEN], time[NGX_INT64_LEN];
    ngx_str_t                 argv[6];
    ngx_http_reauth_probe_t  *probe;

    if (store->redis_conf == NULL || !ngx_http_reauth_store_connected(store)) {
        return NGX_OK;
    }

    probe = ngx_alloc(sizeof(ngx_http_reauth_probe_t), store->cycle->log);
    if (probe == NULL) {
        return NGX_OK;
    }

    probe->store = store;
    probe->handler = handler;
    probe->data = data;
    probe->interval_ms = interval_ms;
    reauth_copy(probe->account, REAUTH_ACCOUNT_MAX, account);

    ngx_str_set(&argv[0], "SET");

    argv[2].data = until;
    argv[2].len = ngx_sprintf(until, "%L", ngx_http_reauth_now() + interval_ms)
                  - until;

    ngx_str_set(&argv[3], "PX");

    argv[4].data = time;
    argv[4].len = ngx_sprintf(time, "%L", interval_ms) - time;

    ngx_str_set(&argv[5], "NX");

    if (ngx_http_reauth_probe_send(probe, 6, argv,
                                   ngx_http_reauth_probe_leased)
        != NGX_OK)
    {
        ngx_free(probe);
        return NGX_OK;
    }

    *leased = probe;

    return NGX_AGAIN;
}


void
ngx_http_reauth_probe_detach(ngx_http_reauth_probe_t *probe)
{
    probe->handler = NULL;
}
