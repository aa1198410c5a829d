
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A worker that is killed while it holds the lock leaves an incomplete change.
 * The following data is valid at any instruction: the slots in use, the forward
 * links of the queues of ended records, and the marks of records that are not
 * in Redis.  Everything else is rebuilt from it, and the interrupted write is
 * repeated.
 */


#include "ngx_http_reauth_zone_memory.h"


/* ended records: two pages, read in about the time of an access to memory */
#define NGX_HTTP_REAUTH_REPAIR_AHEAD  32


static void
ngx_http_reauth_zone_repair_dirty(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty)
{
    ngx_http_reauth_zone_check_lock(sh);

    /* never NULL in between: the repair may also be killed */

    if (dirty->queue.next != NULL) {
        ngx_queue_insert_tail(&sh->dirty, &dirty->queue);
        sh->ndirty++;
    }
}


/*
 * All that a gate reads.  An empty bucket or zero active accounts mean open:
 * neither must be visible before it is true.
 */

static void
ngx_http_reauth_zone_repair_gates(ngx_http_reauth_zone_shctx_t *sh)
{
    uint32_t                 index, *bucket;
    ngx_uint_t               active, n;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    n = sh->gate.mask + 1;

    ngx_memset(sh->gate.buckets, 0xff, n * sizeof(uint32_t));

    sh->gate.nslots = sh->nchunks * NGX_HTTP_REAUTH_CHUNK_SLOTS;
    sh->free = 0;
    active = 0;

    for (index = sh->gate.nslots; index != 0; index--) {
        slot = ngx_http_reauth_slot(sh, index);

        if (!slot->used) {
            slot->next = sh->free;
            sh->free = index;
            continue;
        }

        bucket = &sh->gate.buckets[slot->dirty.hash & sh->gate.mask];

        slot->next = *bucket == NGX_HTTP_REAUTH_BUCKET_UNKNOWN ? 0 : *bucket;
        *bucket = index;

        active++;
    }

    ngx_http_reauth_zone_repair_overrides(sh);

    while (n--) {
        if (sh->gate.buckets[n] == NGX_HTTP_REAUTH_BUCKET_UNKNOWN) {
            sh->gate.buckets[n] = 0;
        }
    }

    sh->gate.active = active + sh->closing;
    sh->accounts += active;
}


static void
ngx_http_reauth_zone_repair_slots(ngx_http_reauth_zone_shctx_t *sh)
{
    uint32_t                 index;
    ngx_uint_t               i;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_memzero(sh->attempts, (sh->gate.mask + 1) * sizeof(uint32_t));
    ngx_memzero(sh->shares, (sh->shares_mask + 1) * sizeof(reauth_share_t));

    ngx_rbtree_init(&sh->due, &sh->due_sentinel, ngx_rbtree_insert_value);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        ngx_rbtree_init(&sh->poll[i], &sh->poll_sentinel,
                        ngx_rbtree_insert_timer_value);
    }

    for (index = sh->gate.nslots; index != 0; index--) {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->used) {
            ngx_http_reauth_zone_slot_link(sh, slot,
                                           ngx_http_reauth_slot_poll_ms(slot));
            ngx_http_reauth_zone_repair_dirty(sh, &slot->dirty);
        }
    }
}


/*
 * A record is known only when the one before it has been read.  Records that
 * were written one after the other are often at equal distances, so the place
 * of a later one can be guessed; a wrong guess costs little.
 */

static void
ngx_http_reauth_zone_repair_fetch(ngx_queue_t *q, ngx_queue_t *prev)
{
#if (__GNUC__)
    uintptr_t  distance;

    distance = (uintptr_t) q - (uintptr_t) prev;

    __builtin_prefetch((void *) ((uintptr_t) q
                                 + distance * NGX_HTTP_REAUTH_REPAIR_AHEAD),
                       1);
#endif
}


static void
ngx_http_reauth_zone_repair_ended(ngx_http_reauth_zone_shctx_t *sh,
    ngx_queue_t *queue)
{
    ngx_queue_t             *q, *prev;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    prev = ngx_queue_sentinel(queue);

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        ngx_http_reauth_zone_repair_fetch(q, prev);

        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        q->prev = prev;
        prev = q;

        ngx_http_reauth_zone_node_link(sh, node);
        ngx_http_reauth_zone_repair_dirty(sh, &node->dirty);
    }

    queue->prev = prev;
}


void
ngx_http_reauth_zone_repair(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                     i;
    reauth_record_t                record;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                  "reauth: a worker died while it had reauth_zone \"%V\" "
                  "locked%s",
                  &zone->shm_zone->shm.name,
                  sh->allocating ? ", it can store no new accounts; restart "
                                   "nginx" : "");

    if (!(sh->gate.sequence & 1)) {
        sh->gate.sequence++;
    }

    ngx_memory_barrier();

    ngx_queue_init(&sh->dirty);
    sh->ndirty = 0;
    sh->accounts = 0;
    sh->waiting = 0;
    ngx_memzero(sh->states, sizeof(sh->states));

    ngx_http_reauth_zone_repair_gates(sh);

    /* they need not wait for the rest */

    ngx_memory_barrier();
    sh->gate.sequence++;

    ngx_http_reauth_zone_repair_slots(sh);

    ngx_memzero(sh->ended, (sh->ended_mask + 1) * sizeof(void *));
    ngx_memzero(sh->ended_attempts, (sh->ended_mask + 1) * sizeof(void *));
    ngx_http_reauth_zone_failed_reset(sh);

    ngx_http_reauth_zone_repair_ended(sh, &sh->ended_queue);
    ngx_http_reauth_zone_repair_ended(sh, &sh->brief_queue);
    ngx_http_reauth_zone_updated_lose(sh);

    ngx_http_reauth_zone_repair_usage(sh);

    sh->nasked = 0;

    for (i = 0; i < NGX_HTTP_REAUTH_ASKED_MAX; i++) {
        sh->nasked += sh->asked[i].pending;
    }

    /*
     * The last change may be incomplete: readers of the change log start
     * again.
     */

    ngx_memzero(&sh->ring[sh->change % sh->nring],
                sizeof(ngx_http_reauth_ring_t));

    sh->boot++;
    sh->changes++;

    if (sh->redo.set) {
        record = sh->redo.record;

        /* if it was written, its former changes may remain in the change log */

        if (record.state == REAUTH_STATE_FORGOTTEN) {
            ngx_http_reauth_zone_blank(sh, &record);
        }

        (void) ngx_http_reauth_zone_write(zone, &record, sh->redo.dirty);
    }
}
