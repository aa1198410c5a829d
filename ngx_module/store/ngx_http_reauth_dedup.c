
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_dedup.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_DEDUP_KEY  160


static void ngx_http_reauth_dedup_reply(redisReply *reply, void *data);


static void
ngx_http_reauth_dedup_key(ngx_http_reauth_dedup_t *dedup, u_char *buffer,
    ngx_str_t *key)
{
    char  hex[REAUTH_SHA256_HEX_LEN + 1];

    reauth_hex_encode(hex, dedup->digest, REAUTH_SHA256_LEN);

    ngx_http_reauth_redis_key(key, buffer, &dedup->store->redis_conf->prefix,
                              "seen:", hex);
}


/* Redis is unavailable: use the result of the zone */

static ngx_int_t
ngx_http_reauth_dedup_local(ngx_http_reauth_dedup_t *dedup)
{
    dedup->local = 1;

    if (dedup->store->redis_conf != NULL && dedup->store->reject) {
        ngx_http_reauth_dedup_release(dedup);
        return NGX_BUSY;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_dedup_claim(ngx_http_reauth_dedup_t *dedup)
{
    u_char     buffer[NGX_HTTP_REAUTH_DEDUP_KEY];
    ngx_str_t  argv[2];

    if (ngx_http_reauth_zone_see(&dedup->store->zone, dedup->digest,
                                 ngx_http_reauth_now())
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (!ngx_http_reauth_store_connected(dedup->store)) {
        return ngx_http_reauth_dedup_local(dedup);
    }

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_dedup_key(dedup, buffer, &argv[1]);

    if (ngx_http_reauth_redis_command(dedup->store->redis, 2, argv, 0,
                                      ngx_http_reauth_dedup_reply, dedup)
        != NGX_OK)
    {
        return ngx_http_reauth_dedup_local(dedup);
    }

    return NGX_AGAIN;
}


static void
ngx_http_reauth_dedup_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_dedup_t *dedup = data;

    ngx_int_t  rc;

    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        rc = NGX_OK;

    } else if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        rc = NGX_DECLINED;

    } else {
        rc = ngx_http_reauth_dedup_local(dedup);
    }

    dedup->handler(dedup, rc);
}


void
ngx_http_reauth_dedup_stored(ngx_http_reauth_dedup_t *dedup)
{
    u_char     buffer[NGX_HTTP_REAUTH_DEDUP_KEY], ttl[NGX_INT_T_LEN];
    ngx_str_t  argv[5];

    if (!ngx_http_reauth_store_connected(dedup->store)) {
        return;
    }

    ngx_str_set(&argv[0], "SET");
    ngx_http_reauth_dedup_key(dedup, buffer, &argv[1]);
    ngx_str_set(&argv[2], "1");
    ngx_str_set(&argv[3], "EX");

    argv[4].data = ttl;
    argv[4].len = ngx_sprintf(ttl, "%d", NGX_HTTP_REAUTH_DEDUP_TIME) - ttl;

    (void) ngx_http_reauth_redis_command(dedup->store->redis, 5, argv, 0, NULL,
                                         NULL);
}


void
ngx_http_reauth_dedup_release(ngx_http_reauth_dedup_t *dedup)
{
    ngx_http_reauth_zone_unsee(&dedup->store->zone, dedup->digest);
}
