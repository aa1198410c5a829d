
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Returns the next task: a record to be written to Redis, ended by time, polled
 * or removed; and stores pauses of polling and whether the gateway is drained.
 */


#include "ngx_http_reauth_zone_memory.h"


ngx_uint_t
ngx_http_reauth_zone_active(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *unwritten)
{
    ngx_uint_t                     active;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    active = sh->gate.active - sh->closing;
    *unwritten = sh->ndirty;

    ngx_http_reauth_zone_unlock(zone);

    return active;
}


ngx_uint_t
ngx_http_reauth_zone_unwritten(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->ndirty;
}


ngx_int_t
ngx_http_reauth_zone_next_dirty(ngx_http_reauth_zone_t *zone,
    reauth_record_t *record, ngx_uint_t *unsent)
{
    ngx_int_t                      rc;
    ngx_queue_t                   *q;
    ngx_http_reauth_dirty_t       *dirty;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->ndirty == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    if (!ngx_queue_empty(&sh->dirty)) {
        q = ngx_queue_last(&sh->dirty);

        /*
         * moved to the other end: if writing fails, all others are tried
         * first
         */

        ngx_queue_remove(q);
        ngx_queue_insert_head(&sh->dirty, q);

        dirty = ngx_queue_data(q, ngx_http_reauth_dirty_t, queue);

        *unsent = dirty->unsent;

        if (dirty->index) {
            *record = ngx_http_reauth_slot(sh, dirty->index)->record;

        } else {
            ngx_http_reauth_zone_node_unpack(
                ngx_queue_data(dirty, ngx_http_reauth_node_t, dirty), record);
        }

        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_unsent(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    reauth_record_t           stored;
    ngx_http_reauth_dirty_t  *dirty;

    ngx_http_reauth_zone_lock(zone);

    dirty = ngx_http_reauth_zone_read(zone->sh,
                                      (const u_char *) record->account,
                                      ngx_strlen(record->account), &stored);

    /* it may have been changed again */

    if (dirty != NULL
        && dirty->queue.next != NULL
        && reauth_epoch_is(&stored, record->epoch, record->origin)
        && stored.state == record->state
        && stored.updated_ms == record->updated_ms)
    {
        dirty->unsent = 1;
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_next_overdue(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_rbtree_node_t             *node;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->gate.active == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    if (sh->due.root != sh->due.sentinel) {
        node = ngx_rbtree_min(sh->due.root, sh->due.sentinel);
        slot = ngx_queue_data(node, ngx_http_reauth_slot_t, due);

        if (now_ms >= reauth_attempt_due_ms(&slot->record)) {
            *record = slot->record;
            rc = NGX_OK;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


/* the record of the class that is due for the longest time; NULL: none */

static ngx_http_reauth_slot_t *
ngx_http_reauth_zone_due(ngx_http_reauth_zone_shctx_t *sh, ngx_uint_t class,
    int64_t now_ms)
{
    ngx_rbtree_t            *tree;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    tree = &sh->poll[class];

    if (tree->root == tree->sentinel) {
        return NULL;
    }

    slot = ngx_queue_data(ngx_rbtree_min(tree->root, tree->sentinel),
                          ngx_http_reauth_slot_t, poll);

    return now_ms >= ngx_http_reauth_slot_poll_ms(slot) ? slot : NULL;
}


ngx_int_t
ngx_http_reauth_zone_next_poll(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    int64_t lease_ms, ngx_uint_t spare, reauth_record_t *record)
{
    int                            due[REAUTH_POLL_CLASSES];
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    reauth_poll_class_t            class;
    ngx_http_reauth_slot_t        *slots[REAUTH_POLL_CLASSES], *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->gate.active == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        slots[i] = ngx_http_reauth_zone_due(sh, i, now_ms);
        due[i] = slots[i] != NULL;
    }

    class = reauth_schedule_pick(due, &sh->polled_others, (int) spare);

    if (class != REAUTH_POLL_CLASSES) {
        slot = slots[class];

        ngx_rbtree_delete(&sh->poll[slot->poll.node.data], &slot->poll.node);
        ngx_http_reauth_zone_set_poll(sh, slot, now_ms + lease_ms,
                                      reauth_schedule_class(&slot->record));

        *record = slot->record;
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_backlog(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    reauth_poll_backlog_t *backlog)
{
    ngx_uint_t                     i;
    ngx_rbtree_t                  *tree;
    ngx_rbtree_node_t             *node;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_memzero(backlog, sizeof(reauth_poll_backlog_t));

    if (sh->gate.active == 0) {
        return;
    }

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        tree = &sh->poll[i];

        slot = ngx_http_reauth_zone_due(sh, i, now_ms);
        if (slot == NULL) {
            continue;
        }

        backlog->lag_ms[i] = reauth_schedule_lag(
                             now_ms - ngx_http_reauth_slot_poll_ms(slot));

        for (node = &slot->poll.node;
             node != NULL && backlog->due[i] < REAUTH_POLL_DUE_MAX;
             node = ngx_rbtree_next(tree, node))
        {
            slot = ngx_queue_data(node, ngx_http_reauth_slot_t, poll);

            if (now_ms < ngx_http_reauth_slot_poll_ms(slot)) {
                break;
            }

            backlog->due[i]++;
        }
    }

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_set_backlog(ngx_http_reauth_zone_t *zone,
    const reauth_poll_backlog_t *backlog)
{
    ngx_uint_t  i;

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        zone->sh->polls_due[i] = backlog->due[i];
        zone->sh->polls_lag[i] = (ngx_atomic_uint_t) backlog->lag_ms[i];
    }
}


void
ngx_http_reauth_zone_get_backlog(ngx_http_reauth_zone_t *zone,
    reauth_poll_backlog_t *backlog)
{
    ngx_uint_t  i;

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        backlog->due[i] = (unsigned) zone->sh->polls_due[i];
        backlog->lag_ms[i] = (int64_t) zone->sh->polls_lag[i];
    }
}


ngx_int_t
ngx_http_reauth_zone_poll_at(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t first,
    reauth_poll_class_t *class)
{
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    *class = REAUTH_POLL_FIRST;

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_find(sh,
               ngx_http_reauth_zone_hash(account->data, account->len),
               account->data, account->len);

    if (slot != NULL) {
        ngx_rbtree_delete(&sh->poll[slot->poll.node.data], &slot->poll.node);
        *class = reauth_schedule_class(&slot->record);

        ngx_http_reauth_zone_set_poll(sh, slot, at_ms,
                                      first ? REAUTH_POLL_FIRST : *class);
    }

    ngx_http_reauth_zone_unlock(zone);

    return slot != NULL ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_reauth_zone_ask(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t now_ms)
{
    ngx_uint_t                     i;
    ngx_http_reauth_asked_t       *asked, *room;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    room = NULL;

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_REAUTH_ASKED_MAX; i++) {
        asked = &sh->asked[i];

        if (now_ms >= asked->at_ms + NGX_HTTP_REAUTH_ASKED_TIME) {

            if (!asked->pending) {
                room = asked;
            }

            continue;
        }

        if (reauth_string_equals(account, asked->account)) {
            room = NULL;
            goto done;
        }
    }

    if (room) {
        reauth_copy(room->account, REAUTH_ACCOUNT_MAX, account);
        room->at_ms = now_ms;
        room->pending = 1;
        sh->nasked++;
    }

done:

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_next_asked(ngx_http_reauth_zone_t *zone,
    char account[REAUTH_ACCOUNT_MAX + 1])
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_reauth_asked_t       *asked;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->nasked == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_REAUTH_ASKED_MAX; i++) {
        asked = &sh->asked[i];

        if (asked->pending) {
            asked->pending = 0;
            sh->nasked--;

            ngx_memcpy(account, asked->account, sizeof(asked->account));
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_uint_t
ngx_http_reauth_zone_waiting(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  waiting;

    ngx_http_reauth_zone_lock(zone);
    waiting = zone->sh->waiting;
    ngx_http_reauth_zone_unlock(zone);

    return waiting;
}


uint32_t
ngx_http_reauth_zone_list_begin(ngx_http_reauth_zone_t *zone)
{
    uint32_t  list;

    ngx_http_reauth_zone_lock(zone);
    list = ++zone->sh->lists;
    ngx_http_reauth_zone_unlock(zone);

    return list;
}


/* whether the attempt waits for a list and was known when it was requested */

static ngx_uint_t
ngx_http_reauth_zone_slot_waits(ngx_http_reauth_slot_t *slot, uint32_t list)
{
    return (int32_t) (ngx_http_reauth_slot_seen(slot) - list) < 0
           && reauth_attempt_is_listed(&slot->record);
}


ngx_int_t
ngx_http_reauth_zone_in_list(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint32_t list, reauth_record_t *record)
{
    ngx_int_t                rc;
    ngx_http_reauth_slot_t  *slot;

    if (ngx_http_reauth_zone_open(zone, account->data, account->len)) {

        /* the usual case for accounts of a list: no lock is taken */

        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_find(zone->sh,
               ngx_http_reauth_zone_hash(account->data, account->len),
               account->data, account->len);

    if (slot != NULL && ngx_http_reauth_zone_slot_waits(slot, list)) {

        /* an earlier list that a former clerk still reads does not count */

        if ((int32_t) (ngx_http_reauth_slot_listed(slot) - list) < 0) {
            ngx_http_reauth_slot_listed(slot) = list;
        }

        *record = slot->record;
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


/* NGX_AGAIN: more slots must be examined */

static ngx_int_t
ngx_http_reauth_zone_find_unlisted(ngx_http_reauth_zone_shctx_t *sh,
    uint32_t list, ngx_uint_t *index, reauth_record_t *record)
{
    ngx_uint_t               n;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    for (n = 0; n < NGX_HTTP_REAUTH_READ_STEPS; n++) {

        if (*index >= sh->gate.nslots) {
            return NGX_DECLINED;
        }

        slot = ngx_http_reauth_slot(sh, (uint32_t) ++*index);

        if (slot->used
            && (int32_t) (ngx_http_reauth_slot_listed(slot) - list) < 0
            && ngx_http_reauth_zone_slot_waits(slot, list))
        {
            *record = slot->record;
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_reauth_zone_next_unlisted(ngx_http_reauth_zone_t *zone, uint32_t list,
    ngx_uint_t *index, reauth_record_t *record)
{
    ngx_int_t  rc;

    do {
        ngx_http_reauth_zone_lock(zone);
        rc = ngx_http_reauth_zone_find_unlisted(zone->sh, list, index, record);
        ngx_http_reauth_zone_unlock(zone);

    } while (rc == NGX_AGAIN);

    return rc;
}


static void
ngx_http_reauth_zone_sweep_queue(ngx_http_reauth_zone_t *zone,
    ngx_queue_t *queue, int64_t before_ms, ngx_uint_t limit)
{
    ngx_queue_t                   *q;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    while (limit-- && !ngx_queue_empty(queue)) {
        q = ngx_queue_last(queue);
        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        if (node->updated_ms >= before_ms) {
            break;
        }

        ngx_http_reauth_zone_node_free(zone,
            ngx_http_reauth_zone_node_find(sh, node->dirty.hash, node->data,
                                  node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT]));
    }
}


void
ngx_http_reauth_zone_sweep(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    ngx_uint_t limit)
{
    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_sweep_queue(zone, &zone->sh->ended_queue,
                                     now_ms - REAUTH_TTL_MS, limit);
    ngx_http_reauth_zone_sweep_queue(zone, &zone->sh->brief_queue,
                                     now_ms - REAUTH_TTL_BRIEF_MS, limit);

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_set_paused(ngx_http_reauth_zone_t *zone, int64_t ms)
{
    zone->sh->paused = ngx_current_msec + (ngx_msec_t) ms;
}


int64_t
ngx_http_reauth_zone_paused(ngx_http_reauth_zone_t *zone)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (zone->sh->paused - ngx_current_msec);

    return ngx_max(left, 0);
}


int64_t
ngx_http_reauth_zone_request_poll(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *caller, ngx_uint_t rate, int *own)
{
    int64_t  wait_ms;

    ngx_http_reauth_zone_lock(zone);

    wait_ms = reauth_schedule_request_by(zone->sh->requesters, caller,
                                         &zone->sh->requested_ms,
                                         ngx_http_reauth_monotonic(),
                                         (unsigned) rate, own);

    ngx_http_reauth_zone_unlock(zone);

    return wait_ms;
}


void
ngx_http_reauth_zone_drain(ngx_http_reauth_zone_t *zone, int64_t ms)
{
    zone->sh->drained = ms ? ngx_http_reauth_monotonic() + ms : 0;
}


int64_t
ngx_http_reauth_zone_drained(ngx_http_reauth_zone_t *zone)
{
    int64_t  until;

    until = zone->sh->drained;

    return until ? ngx_max(until - ngx_http_reauth_monotonic(), 0) : 0;
}
