
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Overrides of gates: written to the zone first, then to Redis, where a script
 * keeps the one with the higher stamp.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_OVERRIDE_KEYS   3
#define NGX_HTTP_REAUTH_OVERRIDE_FLUSH  32


typedef struct {
    ngx_http_reauth_store_t  *store;
    ngx_uint_t                round;          /* in which it is sent */
    reauth_override_t         override;
} ngx_http_reauth_override_op_t;


ngx_int_t
ngx_http_reauth_store_merge_override(ngx_http_reauth_store_t *store,
    const redisReply *reply)
{
    ngx_int_t          rc;
    reauth_override_t  override;

    if (reauth_reply_override(reply, ngx_http_reauth_now(), &override) != 0) {
        return NGX_ERROR;
    }

    rc = ngx_http_reauth_zone_merge_override(&store->zone, &override);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth override: account \"%s\", stamp %uL, merge: %i",
                   override.account, override.stamp, rc);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, store->cycle->log, 0,
                      "reauth: reauth_zone \"%V\" has no room for the override "
                      "of account \"%s\"; increase its size",
                      &store->zone.shm_zone->shm.name, override.account);
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {

        /*
         * the zone has this override, or a later one that is still to be
         * written
         */

        ngx_http_reauth_zone_override_committed(&store->zone, &override);
    }

    return NGX_OK;
}


/* the clerk writes it later */

static void
ngx_http_reauth_override_unwritten(ngx_http_reauth_override_op_t *op)
{
    ngx_http_reauth_zone_override_sent(&op->store->zone, &op->override, 0);

    ngx_free(op);
}


static void
ngx_http_reauth_override_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_override_op_t *op = data;

    if (reply == NULL) {
        ngx_http_reauth_override_unwritten(op);
        return;
    }

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_http_reauth_store_accepted(op->store,
                                       NGX_HTTP_REAUTH_REFUSED_WRITE);

        if (op->round != ngx_http_reauth_zone_round(&op->store->zone)) {

            /* Redis is being read anew: it may have been lost since */

            ngx_http_reauth_override_unwritten(op);
            return;
        }

        ngx_http_reauth_zone_override_committed(&op->store->zone,
                                                &op->override);

    } else if (reply->type == REDIS_REPLY_STRING) {

        if (ngx_http_reauth_store_merge_override(op->store, reply) != NGX_OK) {
            ngx_log_error(NGX_LOG_ERR, op->store->cycle->log, 0,
                          "redis: corrupt override for account \"%s\"; delete "
                          "its key", op->override.account);
        }

    } else {
        ngx_http_reauth_store_refused(op->store, NGX_HTTP_REAUTH_REFUSED_WRITE,
                                      reply, "failed to write an override");
        ngx_http_reauth_override_unwritten(op);
        return;
    }

    ngx_free(op);
}


static void
ngx_http_reauth_override_send(ngx_http_reauth_store_t *store,
    const reauth_override_t *override)
{
    int64_t                         left;
    u_char                          text[REAUTH_OVERRIDE_TEXT_MAX];
    u_char                          keys[3][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char                          stamp[REAUTH_NUMBER_MAX];
    u_char                          lives[REAUTH_NUMBER_MAX];
    u_char                          until[REAUTH_NUMBER_MAX];
    ngx_str_t                       argv[NGX_HTTP_REAUTH_REDIS_EVAL
                                         + NGX_HTTP_REAUTH_OVERRIDE_KEYS + 7];
    ngx_str_t                      *arg, *prefix;
    ngx_http_reauth_override_op_t  *op;

    left = reauth_override_stored_ms(override, ngx_http_reauth_now());

    if (left == 0 || !ngx_http_reauth_store_connected(store)) {
        return;
    }

    op = ngx_alloc(sizeof(ngx_http_reauth_override_op_t), store->cycle->log);
    if (op == NULL) {
        return;
    }

    op->store = store;
    op->round = ngx_http_reauth_zone_round(&store->zone);
    op->override = *override;

    ngx_http_reauth_zone_override_sent(&store->zone, override, 1);

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];
    prefix = &store->redis_conf->prefix;

    ngx_http_reauth_redis_key(arg++, keys[0], prefix, "override:",
                              override->account);
    ngx_http_reauth_redis_key(arg++, keys[1], prefix, "overrides", "");
    ngx_http_reauth_redis_key(arg++, keys[2], prefix, "events", "");

    ngx_http_reauth_number(arg++, stamp, (int64_t) override->stamp);

    arg->data = (u_char *) op->override.account;
    arg->len = ngx_strlen(override->account);
    arg++;

    ngx_http_reauth_number(arg++, lives, left / 1000 + 1);
    ngx_http_reauth_number(arg++, until,
                           override->gate == REAUTH_OVERRIDE_NONE
                               ? 0 : override->until_ms);

    arg->data = text;
    arg->len = reauth_override_encode(override, text);
    arg++;

    ngx_http_reauth_zone_writer(&store->zone, arg++);
    ngx_str_set(arg, NGX_HTTP_REAUTH_STREAM_LENGTH);
    arg++;

    if (ngx_http_reauth_redis_script(store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_OVERRIDE,
                                     NGX_HTTP_REAUTH_OVERRIDE_KEYS,
                                     arg - argv, argv,
                                     ngx_http_reauth_override_reply, op)
        != NGX_OK)
    {
        ngx_http_reauth_override_unwritten(op);
    }
}


ngx_int_t
ngx_http_reauth_store_override(ngx_http_reauth_store_t *store,
    reauth_override_t *override, reauth_override_t *former, ngx_uint_t *share)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_zone_set_override(&store->zone, override, former,
                                           share);

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth override: account \"%s\", stamp %uL, set here, gate "
                   "%s: %i", override->account, override->stamp,
                   override->gate == REAUTH_OVERRIDE_NONE
                       ? "by the attempt"
                       : reauth_override_gate_name(override->gate), rc);

    if (rc == NGX_OK) {
        ngx_http_reauth_override_send(store, override);
    }

    return rc;
}


void
ngx_http_reauth_store_flush_overrides(ngx_http_reauth_store_t *store)
{
    ngx_uint_t         index, n;
    reauth_override_t  override;

    if (!ngx_http_reauth_store_writes(store)) {
        return;
    }

    index = 0;

    for (n = 0; n < NGX_HTTP_REAUTH_OVERRIDE_FLUSH; n++) {

        if (ngx_http_reauth_zone_next_override(&store->zone, &index,
                                          (int64_t) store->redis_conf->timeout,
                                          &override)
            != NGX_OK)
        {
            return;
        }

        ngx_http_reauth_override_send(store, &override);
    }
}
