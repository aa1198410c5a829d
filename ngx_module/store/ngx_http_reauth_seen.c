
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_seen.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_SEEN_KEY  160


static void ngx_http_reauth_seen_reply(redisReply *reply, void *data);


static void
ngx_http_reauth_seen_key(ngx_http_reauth_seen_t *seen, u_char *buffer,
    ngx_str_t *key)
{
    char  hex[REAUTH_SHA256_HEX_LEN + 1];

    reauth_hex_encode(hex, seen->digest, REAUTH_SHA256_LEN);

    key->data = buffer;
    key->len = ngx_snprintf(buffer, NGX_HTTP_REAUTH_SEEN_KEY, "%V:seen:%s",
                            &seen->store->redis_conf->prefix, hex)
               - buffer;
}


/* Redis is unavailable: use the result of the zone */

static ngx_int_t
ngx_http_reauth_seen_local(ngx_http_reauth_seen_t *seen)
{
    seen->local = 1;

    if (seen->store->redis_conf != NULL && seen->store->reject) {
        ngx_http_reauth_seen_release(seen);
        return NGX_BUSY;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_seen_claim(ngx_http_reauth_seen_t *seen)
{
    u_char     buffer[NGX_HTTP_REAUTH_SEEN_KEY];
    ngx_str_t  argv[2];

    if (ngx_http_reauth_zone_see(&seen->store->zone, seen->digest,
                                 ngx_http_reauth_now())
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (!ngx_http_reauth_store_connected(seen->store)) {
        return ngx_http_reauth_seen_local(seen);
    }

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_seen_key(seen, buffer, &argv[1]);

    if (ngx_http_reauth_redis_command(seen->store->redis, 2, argv, 0,
                                      ngx_http_reauth_seen_reply, seen)
        != NGX_OK)
    {
        return ngx_http_reauth_seen_local(seen);
    }

    return NGX_AGAIN;
}


static void
ngx_http_reauth_seen_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_seen_t *seen = data;

    ngx_int_t  rc;

    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        rc = NGX_OK;

    } else if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        rc = NGX_DECLINED;

    } else {
        rc = ngx_http_reauth_seen_local(seen);
    }

    seen->handler(seen, rc);
}


void
ngx_http_reauth_seen_kept(ngx_http_reauth_seen_t *seen)
{
    u_char     buffer[NGX_HTTP_REAUTH_SEEN_KEY], ttl[NGX_INT_T_LEN];
    ngx_str_t  argv[5];

    if (!ngx_http_reauth_store_connected(seen->store)) {
        return;
    }

    ngx_str_set(&argv[0], "SET");
    ngx_http_reauth_seen_key(seen, buffer, &argv[1]);
    ngx_str_set(&argv[2], "1");
    ngx_str_set(&argv[3], "EX");

    argv[4].data = ttl;
    argv[4].len = ngx_sprintf(ttl, "%d", NGX_HTTP_REAUTH_SEEN_TIME) - ttl;

    (void) ngx_http_reauth_redis_command(seen->store->redis, 5, argv, 0, NULL,
                                         NULL);
}


void
ngx_http_reauth_seen_release(ngx_http_reauth_seen_t *seen)
{
    ngx_http_reauth_zone_unsee(&seen->store->zone, seen->digest);
}
