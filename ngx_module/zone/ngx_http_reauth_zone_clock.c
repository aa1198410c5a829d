
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Corrects the clock of the zone, and the times that were taken from it and
 * have not been written to Redis.
 */


#include "ngx_http_reauth_zone_memory.h"


static void
ngx_http_reauth_zone_move_slot(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t by_ms)
{
    int64_t  poll_ms;

    ngx_http_reauth_zone_check_lock(sh);

    poll_ms = ngx_http_reauth_slot_poll_ms(slot) + by_ms;

    ngx_http_reauth_zone_slot_clear(sh, slot);
    reauth_clock_move(&slot->record, sh->measured_ms, by_ms);
    ngx_http_reauth_zone_slot_link(sh, slot, poll_ms);
    ngx_http_reauth_zone_slot_updated(sh, slot, 1);
}


/* a node has no deadline; it is kept separately, or is of no use any more */

static void
ngx_http_reauth_zone_move_node(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node, int64_t *deadline_ms, int64_t by_ms)
{
    reauth_record_t  record;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_node_unpack(node, &record);
    record.deadline_ms = *deadline_ms;

    reauth_clock_move(&record, sh->measured_ms, by_ms);

    *deadline_ms = record.deadline_ms;

    node->since_ms = record.since_ms;
    node->updated_ms = record.updated_ms;
    node->completed_us = record.completed_us;
    node->polled_ms = record.polled_ms;
}


/*
 * These are times of attempts that have begun since the last measurement and
 * that only this gateway knows; all other times are by the clock of Redis.
 */

static void
ngx_http_reauth_zone_move_dirty(ngx_http_reauth_zone_shctx_t *sh,
    int64_t by_ms)
{
    int64_t                   deadline_ms;
    ngx_queue_t              *q;
    ngx_http_reauth_node_t   *node;
    ngx_http_reauth_slot_t   *slot;
    ngx_http_reauth_dirty_t  *dirty;

    ngx_http_reauth_zone_check_lock(sh);

    for (q = ngx_queue_head(&sh->dirty);
         q != ngx_queue_sentinel(&sh->dirty);
         q = ngx_queue_next(q))
    {
        dirty = ngx_queue_data(q, ngx_http_reauth_dirty_t, queue);

        if (dirty->index) {
            slot = ngx_http_reauth_slot(sh, dirty->index);

            if (reauth_clock_is_unmeasured(slot->record.since_ms,
                                           sh->measured_ms))
            {
                ngx_http_reauth_zone_move_slot(sh, slot, by_ms);
            }

            continue;
        }

        node = ngx_queue_data(dirty, ngx_http_reauth_node_t, dirty);

        if (reauth_clock_is_unmeasured(node->since_ms, sh->measured_ms)) {
            deadline_ms = 0;

            ngx_http_reauth_zone_node_updated(sh, node, 0);
            ngx_http_reauth_zone_move_node(sh, node, &deadline_ms, by_ms);
            ngx_http_reauth_zone_node_updated(sh, node, 1);
        }
    }
}


static void
ngx_http_reauth_zone_move_changes(ngx_http_reauth_zone_shctx_t *sh,
    int64_t by_ms)
{
    uint32_t                 i;
    ngx_http_reauth_ring_t  *ring;

    ngx_http_reauth_zone_check_lock(sh);

    for (i = 0; i < sh->nring; i++) {
        ring = &sh->ring[i];

        if (reauth_clock_is_unmeasured(ring->u.node.since_ms,
                                       sh->measured_ms))
        {
            ngx_http_reauth_zone_move_node(sh, &ring->u.node,
                                           &ring->deadline_ms, by_ms);
        }
    }
}


static void
ngx_http_reauth_zone_move(ngx_http_reauth_zone_shctx_t *sh, int64_t by_ms)
{
    uint32_t    n, i;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_move_dirty(sh, by_ms);
    ngx_http_reauth_zone_move_changes(sh, by_ms);

    /* durations do not change when the clock is corrected */

    n = (sh->outcomes_mask + 1) * NGX_HTTP_REAUTH_OUTCOME_WAYS;

    for (i = 0; i < n; i++) {
        sh->outcomes[i].until_ms += by_ms;
    }

    for (i = 0; i < NGX_HTTP_REAUTH_ASKED_MAX; i++) {
        sh->asked[i].at_ms += by_ms;
    }

    sh->load_until_ms += by_ms;
}


void
ngx_http_reauth_zone_correct(ngx_http_reauth_zone_t *zone,
    const reauth_clock_sample_t *sample)
{
    int64_t                        offset;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    offset = reauth_clock_correct(sample, sh->gate.clock);

    if (offset != sh->gate.clock) {

        /*
         * the lookup of the gate sees the offset and the records change at
         * once
         */

        ngx_http_reauth_zone_write_start(sh);

        if (reauth_clock_jumped(sh->gate.clock, offset)) {
            ngx_http_reauth_zone_move(sh, offset - sh->gate.clock);
        }

        sh->gate.clock = offset;

        ngx_http_reauth_zone_write_end(sh);
    }

    sh->measured_ms = sample->received_ms + offset;

    ngx_http_reauth_zone_unlock(zone);
}


ngx_uint_t
ngx_http_reauth_zone_clock_changed(ngx_http_reauth_zone_t *zone,
    int64_t *ahead_ms)
{
    *ahead_ms = ngx_http_reauth_clock_offset_ms();

    if (!reauth_clock_jumped(zone->sh->ahead_ms, *ahead_ms)) {
        return 0;
    }

    zone->sh->ahead_ms = *ahead_ms;

    return 1;
}
