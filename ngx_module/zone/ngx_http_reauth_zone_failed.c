
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Accounts that are known to need new credentials.  Their records are found
 * with the lock only; a byte of each bucket, which is read without the lock,
 * shows whether the bucket contains one.
 */


#include "ngx_http_reauth_zone_failed.h"
#include "ngx_http_reauth_zone_memory.h"


static uint8_t *
ngx_http_reauth_zone_failed_bucket(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    return &sh->gate.failed_buckets[node->dirty.hash & sh->gate.failed_mask];
}


void
ngx_http_reauth_zone_failed_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    ngx_http_reauth_zone_check_lock(sh);

    if (reauth_failed_is(node->state, node->action)) {
        *ngx_http_reauth_zone_failed_bucket(sh, node) = 1;
        sh->gate.failed++;
    }
}


void
ngx_http_reauth_zone_failed_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    uint8_t                  others;
    ngx_http_reauth_node_t  *other;

    ngx_http_reauth_zone_check_lock(sh);

    if (!reauth_failed_is(node->state, node->action)) {
        return;
    }

    others = 0;

    for (other = sh->ended[node->dirty.hash & sh->ended_mask];
         other != NULL;
         other = other->next)
    {
        others |= reauth_failed_is(other->state, other->action);
    }

    *ngx_http_reauth_zone_failed_bucket(sh, node) = others;
    sh->gate.failed--;
}


void
ngx_http_reauth_zone_failed_reset(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_check_lock(sh);

    sh->gate.failed = 0;
    ngx_memzero(sh->gate.failed_buckets, sh->gate.failed_mask + 1);
}


reauth_failed_t
ngx_http_reauth_zone_failed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t interval_ms, ngx_uint_t take,
    reauth_record_t *record)
{
    int64_t                         now_ms;
    uint32_t                        hash;
    reauth_failed_t                 verdict;
    ngx_http_reauth_node_t        **link;
    ngx_http_reauth_overridden_t   *entry;
    ngx_http_reauth_zone_shctx_t   *sh;

    sh = zone->sh;
    hash = ngx_http_reauth_zone_hash(account->data, account->len);
    verdict = REAUTH_FAILED_PASS;

    ngx_http_reauth_zone_lock(zone);

    link = ngx_http_reauth_zone_node_find(sh, hash, account->data,
                                          account->len);

    if (link != NULL && reauth_failed_is((*link)->state, (*link)->action)) {

        now_ms = ngx_http_reauth_now();
        entry = ngx_http_reauth_zone_override_find(sh, hash, account->data,
                                                   account->len);

        ngx_http_reauth_zone_node_unpack(*link, record);

        verdict = reauth_failed_judge(record,
                      entry != NULL
                          ? reauth_override_gate(&entry->override, now_ms)
                          : REAUTH_OVERRIDE_NONE,
                      interval_ms,
                      reauth_failed_unpack((*link)->probed, now_ms), now_ms);

        if (verdict == REAUTH_FAILED_PROBE && take) {
            (*link)->probed = reauth_failed_pack(now_ms);
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return verdict;
}


void
ngx_http_reauth_zone_failed_probed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t last_ms)
{
    uint32_t                        hash;
    ngx_http_reauth_node_t        **link;

    hash = ngx_http_reauth_zone_hash(account->data, account->len);

    ngx_http_reauth_zone_lock(zone);

    link = ngx_http_reauth_zone_node_find(zone->sh, hash, account->data,
                                          account->len);
    if (link != NULL) {
        (*link)->probed = reauth_failed_pack(last_ms);
    }

    ngx_http_reauth_zone_unlock(zone);
}
