
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Writes the audit log of this gateway to Redis: acts at once, the rest once a
 * second, and at once if there is much of it.  An entry whose reply is lost, or
 * that two workers write, is there twice; readers skip the second one by its
 * number.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_audit.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_zone_audit.h"


#define NGX_HTTP_REAUTH_AUDIT_BATCH   16
#define NGX_HTTP_REAUTH_AUDIT_LENGTH  "10000"
#define NGX_HTTP_REAUTH_AUDIT_LIFE    "172800"


typedef struct {
    ngx_http_reauth_store_t  *store;
    reauth_audit_class_t      kind;
    uint64_t                  end;
    ngx_uint_t                n;
    reauth_audit_t            entries[NGX_HTTP_REAUTH_AUDIT_BATCH];
    u_char                    texts[NGX_HTTP_REAUTH_AUDIT_BATCH]
                                   [REAUTH_AUDIT_TEXT_MAX];
} ngx_http_reauth_audit_op_t;


static void
ngx_http_reauth_audit_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_audit_op_t *op = data;

    char                      shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    ngx_uint_t                more;
    ngx_http_reauth_store_t  *store;

    more = 0;
    store = op->store;
    store->auditing--;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        ngx_http_reauth_zone_audit_written(&store->zone, op->kind, op->end);
        store->audit_refused = 0;

        /* acts that were added meanwhile have not been sent */

        more = op->n == NGX_HTTP_REAUTH_AUDIT_BATCH
               || op->kind == REAUTH_AUDIT_ACTS;

    } else if (reply != NULL && !store->audit_refused) {
        store->audit_refused = 1;

        ngx_log_error(NGX_LOG_WARN, store->cycle->log, 0,
                      "redis: failed to write the audit log \"%s\", this "
                      "gateway keeps it: %s",
                      reauth_audit_class_names[op->kind],
                      ngx_http_reauth_redis_shown(reply, shown));
    }

    ngx_free(op);

    if (more) {
        ngx_http_reauth_store_flush_audit(store);
    }
}


static ngx_int_t
ngx_http_reauth_audit_send(ngx_http_reauth_audit_op_t *op)
{
    u_char      key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t   argv[NGX_HTTP_REAUTH_REDIS_EVAL + 4
                     + NGX_HTTP_REAUTH_AUDIT_BATCH];
    ngx_str_t  *arg;
    ngx_uint_t  i;

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_redis_key(arg++, key, &op->store->redis_conf->prefix,
                              "audit:", reauth_audit_class_names[op->kind]);

    ngx_str_set(arg, NGX_HTTP_REAUTH_AUDIT_LENGTH);
    arg++;
    ngx_str_set(arg, NGX_HTTP_REAUTH_AUDIT_LIFE);
    arg++;
    ngx_http_reauth_zone_writer(&op->store->zone, arg++);

    for (i = 0; i < op->n; i++) {
        arg->data = op->texts[i];
        arg->len = reauth_audit_encode(&op->entries[i], op->texts[i]);
        arg++;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, op->store->cycle->log, 0,
                   "reauth audit: %ui entries of \"%s\" are written", op->n,
                   reauth_audit_class_names[op->kind]);

    return ngx_http_reauth_redis_script(op->store->redis,
                                        NGX_HTTP_REAUTH_SCRIPT_AUDIT, 1,
                                        arg - argv, argv,
                                        ngx_http_reauth_audit_reply, op);
}


void
ngx_http_reauth_store_flush_audit(ngx_http_reauth_store_t *store)
{
    ngx_uint_t                   kind;
    ngx_http_reauth_audit_op_t  *op;

    /* a sample of the clock of Redis must not wait for the writes */

    if (store->auditing
        || store->clock_pending
        || !ngx_http_reauth_store_writes(store))
    {
        return;
    }

    op = NULL;

    for (kind = 0; kind < REAUTH_AUDIT_CLASSES; kind++) {

        if (op == NULL) {
            op = ngx_alloc(sizeof(ngx_http_reauth_audit_op_t),
                           store->cycle->log);
            if (op == NULL) {
                return;
            }
        }

        op->store = store;
        op->kind = kind;
        op->n = ngx_http_reauth_zone_audit_unwritten(&store->zone, kind,
                    ngx_http_reauth_now(), op->entries,
                    NGX_HTTP_REAUTH_AUDIT_BATCH, &op->end);

        if (op->n == 0) {
            continue;
        }

        if (ngx_http_reauth_audit_send(op) != NGX_OK) {
            break;
        }

        store->auditing++;
        op = NULL;
    }

    if (op != NULL) {
        ngx_free(op);
    }
}
