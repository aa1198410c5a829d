
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Lists and counts of records, and the change log.
 */


#include "ngx_http_reauth_zone_changes.h"
#include "ngx_http_reauth_zone_memory.h"


/* "entry": the override of the account, or NULL */

static ngx_uint_t
ngx_http_reauth_zone_listed(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor,
    ngx_http_reauth_overridden_t *entry, const reauth_record_t *record,
    int64_t now_ms)
{
    ngx_uint_t  closed;

    if ((cursor->states && !(cursor->states & 1u << record->state))
        || (cursor->auth_type != REAUTH_AUTH_TYPE_LAST
            && cursor->auth_type != record->auth_type)
        || (cursor->caller[0] != '\0'
            && ngx_strcmp(cursor->caller, record->caller) != 0))
    {
        return 0;
    }

    if (cursor->gate == REAUTH_OVERRIDE_NONE) {
        return 1;
    }

    if (entry == NULL) {
        entry = ngx_http_reauth_zone_override_find(sh,
                    ngx_http_reauth_zone_hash((u_char *) record->account,
                                              ngx_strlen(record->account)),
                    (u_char *) record->account, ngx_strlen(record->account));
    }

    closed = reauth_override_closes(entry ? &entry->override : NULL,
                                    (reauth_state_t) record->state, now_ms);

    return closed == (cursor->gate == REAUTH_OVERRIDE_CLOSED);
}


/* whether the record is in the list; then *record is filled */

static ngx_uint_t
ngx_http_reauth_zone_list_slot(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_slot_t *slot,
    reauth_record_t *record, int64_t now_ms)
{
    ngx_http_reauth_zone_check_lock(sh);

    *record = slot->record;
    reauth_record_view(record, now_ms);

    return ngx_http_reauth_zone_listed(sh, cursor, NULL, record, now_ms);
}


static ngx_uint_t
ngx_http_reauth_zone_list_node(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_node_t *node,
    reauth_record_t *record, int64_t now_ms)
{
    ngx_http_reauth_zone_check_lock(sh);

    if (node->state == REAUTH_STATE_FORGOTTEN
        || (cursor->states && !(cursor->states & 1u << node->state)))
    {
        return 0;
    }

    ngx_http_reauth_zone_node_unpack(node, record);

    return ngx_http_reauth_zone_listed(sh, cursor, NULL, record, now_ms);
}


/* the functions below examine "*left" records at most, under one lock */

static ngx_uint_t
ngx_http_reauth_zone_list_active(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n, ngx_uint_t *left)
{
    int64_t                  now_ms;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    now_ms = ngx_http_reauth_now();

    while (n < cursor->limit && cursor->index < sh->gate.nslots && *left) {
        (*left)--;

        slot = ngx_http_reauth_slot(sh, (uint32_t) ++cursor->index);

        if (!slot->used || (cursor->unread && slot->round == sh->round)) {
            continue;
        }

        n += ngx_http_reauth_zone_list_slot(sh, cursor, slot, &records[n],
                                            now_ms);
    }

    if (cursor->index >= sh->gate.nslots) {
        cursor->ended = 1;
        cursor->index = 0;
    }

    return n;
}


static ngx_uint_t
ngx_http_reauth_zone_list_ended(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n, ngx_uint_t *left)
{
    int64_t                  now_ms;
    ngx_uint_t               i;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    now_ms = ngx_http_reauth_now();

    while (cursor->index <= sh->ended_mask && *left) {
        (*left)--;
        i = 0;

        for (node = sh->ended[cursor->index]; node; node = node->next) {

            if (i++ < cursor->offset) {
                continue;
            }

            if (n == cursor->limit || *left == 0) {
                return n;
            }

            (*left)--;
            cursor->offset = i;

            n += ngx_http_reauth_zone_list_node(sh, cursor, node, &records[n],
                                                now_ms);
        }

        cursor->index++;
        cursor->offset = 0;
    }

    if (cursor->index > sh->ended_mask) {
        cursor->ended = 2;
        cursor->index = 0;
        cursor->offset = 0;
    }

    return n;
}


/* accounts that are known only by an override of their gates */

static ngx_uint_t
ngx_http_reauth_zone_list_overridden(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n, ngx_uint_t *left)
{
    int64_t                        now_ms;
    reauth_override_t             *override;
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_check_lock(sh);

    now_ms = ngx_http_reauth_now();

    while (n < cursor->limit
           && sh->overridden
           && cursor->index < sh->noverrides
           && *left)
    {
        (*left)--;

        entry = &sh->overrides[cursor->index++];
        override = &entry->override;

        if (!entry->used
            || reauth_override_gate(override, now_ms) == REAUTH_OVERRIDE_NONE)
        {
            continue;
        }

        *left -= ngx_min(NGX_HTTP_REAUTH_LIST_BATCH
                         / NGX_HTTP_REAUTH_OVERRIDES_COUNT - 1, *left);

        (void) ngx_http_reauth_zone_read(sh, (u_char *) override->account,
                                         ngx_strlen(override->account),
                                         &records[n]);
        reauth_record_show(&records[n]);

        if (records[n].state == REAUTH_STATE_NONE
            && ngx_http_reauth_zone_listed(sh, cursor, entry, &records[n],
                                           now_ms))
        {
            n++;
        }
    }

    cursor->done = sh->overridden == 0 || cursor->index >= sh->noverrides;

    return n;
}


/* the first node of the tree of deadlines after the position */

static ngx_rbtree_node_t *
ngx_http_reauth_zone_list_seek(ngx_http_reauth_zone_shctx_t *sh,
    ngx_rbtree_key_t key, uint32_t index)
{
    ngx_rbtree_node_t  *node, *found;

    ngx_http_reauth_zone_check_lock(sh);

    node = sh->due.root;
    found = NULL;

    while (node != sh->due.sentinel) {

        if (ngx_http_reauth_zone_due_before(key, index, node)) {
            found = node;
            node = node->left;

        } else {
            node = node->right;
        }
    }

    return found;
}


/*
 * All attempts have the same time until their deadline, so the order of
 * deadlines is that of their beginning.  Attempts that are being sent are not
 * in this order; they are the newest, and listed in a second pass.
 */

static ngx_uint_t
ngx_http_reauth_zone_list_since(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n, ngx_uint_t *left)
{
    int64_t                  now_ms;
    ngx_uint_t               sent, index;
    ngx_rbtree_node_t       *node;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    now_ms = ngx_http_reauth_now();
    sent = cursor->offset & NGX_HTTP_REAUTH_LIST_SENT;
    index = cursor->offset & ~NGX_HTTP_REAUTH_LIST_SENT;

    node = ngx_http_reauth_zone_list_seek(sh, (ngx_rbtree_key_t) cursor->index,
                                          (uint32_t) index);

    for ( /* void */ ; node != NULL; node = ngx_rbtree_next(&sh->due, node)) {

        slot = ngx_queue_data(node, ngx_http_reauth_slot_t, due);

        if (n == cursor->limit || *left == 0) {
            return n;
        }

        (*left)--;

        if (sent && reauth_attempt_due_ms(&slot->record)
                    > now_ms + REAUTH_STARTING_MAX_MS)
        {
            /* none of those after it is being sent */
            break;
        }

        cursor->index = node->key;
        cursor->offset = slot->dirty.index | sent;

        if ((slot->record.state == REAUTH_STATE_STARTING) != (sent != 0)) {
            continue;
        }

        n += ngx_http_reauth_zone_list_slot(sh, cursor, slot, &records[n],
                                            now_ms);
    }

    cursor->done = sent != 0;
    cursor->index = 0;
    cursor->offset = NGX_HTTP_REAUTH_LIST_SENT;

    return n;
}


/*
 * Records that are changed meanwhile move to the front, which has been passed:
 * all others are listed once.
 */

static ngx_uint_t
ngx_http_reauth_zone_list_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n, ngx_uint_t *left)
{
    int64_t                  now_ms;
    ngx_http_reauth_node_t  *node;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_zone_updated_build(sh, left) != NGX_OK) {
        return n;
    }

    while (n < cursor->limit && *left) {
        *left -= ngx_min(NGX_HTTP_REAUTH_LIST_SEARCH, *left);

        ngx_http_reauth_zone_updated_after(sh, cursor, &slot, &node);

        if (slot != NULL) {
            n += ngx_http_reauth_zone_list_slot(sh, cursor, slot, &records[n],
                                                now_ms);

        } else if (node != NULL) {
            n += ngx_http_reauth_zone_list_node(sh, cursor, node, &records[n],
                                                now_ms);

        } else {
            cursor->ended = 2;
            cursor->index = 0;
            cursor->offset = 0;
            break;
        }
    }

    return n;
}


/* releases the lock in between: a list takes milliseconds if few match */

ngx_uint_t
ngx_http_reauth_zone_list(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records)
{
    ngx_uint_t                     n, left, batches;
    ngx_http_reauth_zone_shctx_t  *sh;

    n = 0;
    sh = zone->sh;

    for (batches = 0;
         batches < NGX_HTTP_REAUTH_LIST_BATCHES && !cursor->done;
         batches++)
    {
        left = NGX_HTTP_REAUTH_LIST_BATCH;

        ngx_http_reauth_zone_touch(&records[n],
                                   ngx_min(left, cursor->limit - n)
                                   * sizeof(reauth_record_t));

        ngx_http_reauth_zone_lock(zone);

        if (!cursor->ended) {
            n = ngx_http_reauth_zone_list_active(sh, cursor, records, n,
                                                 &left);
        }

        if (cursor->ended == 1) {
            n = ngx_http_reauth_zone_list_ended(sh, cursor, records, n,
                                                &left);
        }

        if (cursor->ended == NGX_HTTP_REAUTH_LIST_SINCE) {
            n = ngx_http_reauth_zone_list_since(sh, cursor, records, n,
                                                &left);
        }

        if (cursor->ended == NGX_HTTP_REAUTH_LIST_UPDATED) {
            n = ngx_http_reauth_zone_list_updated(sh, cursor, records, n,
                                                  &left);
        }

        if (cursor->ended == 2) {
            n = ngx_http_reauth_zone_list_overridden(sh, cursor, records, n,
                                                     &left);
        }

        ngx_http_reauth_zone_unlock(zone);

        if (n == cursor->limit) {
            break;
        }
    }

    return n;
}


/*
 * Uses the order of deadlines, so that the time does not depend on the number
 * of accounts; only attempts being sent are not in this order.
 */

static int64_t
ngx_http_reauth_zone_oldest(ngx_http_reauth_zone_shctx_t *sh)
{
    int64_t                  oldest;
    ngx_uint_t               n;
    ngx_rbtree_node_t       *node;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->due.root == sh->due.sentinel) {
        return 0;
    }

    node = ngx_rbtree_min(sh->due.root, sh->due.sentinel);
    oldest = 0;

    for (n = 0; node != NULL && n < NGX_HTTP_REAUTH_READ_STEPS; n++) {
        slot = ngx_queue_data(node, ngx_http_reauth_slot_t, due);

        if (oldest == 0 || slot->record.since_ms < oldest) {
            oldest = slot->record.since_ms;
        }

        node = ngx_rbtree_next(&sh->due, node);
    }

    return oldest;
}


void
ngx_http_reauth_zone_summary(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_summary_t *summary)
{
    int64_t                        now_ms;
    ngx_int_t                      rc;
    ngx_uint_t                     index;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    now_ms = ngx_http_reauth_now();
    index = 0;

    ngx_http_reauth_zone_lock(zone);

    ngx_memcpy(summary->states, sh->states, sizeof(sh->states));

    summary->active = sh->gate.active - sh->closing;
    summary->accounts = sh->accounts - sh->states[REAUTH_STATE_FORGOTTEN];
    summary->dropped = sh->dropped;
    summary->evicted = sh->evicted;
    summary->dirty = sh->ndirty;
    summary->size = zone->shm_zone->shm.size;
    summary->free = zone->shpool->pfree * ngx_pagesize;
    summary->oldest_since_ms = ngx_http_reauth_zone_oldest(sh);
    summary->gates_closed = (ngx_int_t) summary->active;
    summary->overridden[0] = 0;
    summary->overridden[1] = 0;

    ngx_http_reauth_zone_unlock(zone);

    do {
        ngx_http_reauth_zone_lock(zone);
        rc = ngx_http_reauth_zone_overrides_count(sh, summary, &index, now_ms);
        ngx_http_reauth_zone_unlock(zone);

    } while (rc == NGX_AGAIN);

    /* attempts may have begun meanwhile, of which "active" does not know */

    summary->gates_closed = ngx_max(summary->gates_closed, 0);
}


void
ngx_http_reauth_zone_place(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place)
{
    ngx_http_reauth_zone_lock(zone);

    place->boot = zone->sh->boot;
    place->change = zone->sh->change;

    ngx_http_reauth_zone_unlock(zone);
}


/* advances *place to the change after it; NGX_DECLINED or NGX_ABORT: none */

static ngx_int_t
ngx_http_reauth_zone_advance_place(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_place_t *place, ngx_http_reauth_ring_t **ring)
{
    ngx_http_reauth_zone_check_lock(sh);

    if (place->boot != sh->boot
        || place->change > sh->change
        || sh->change - place->change > sh->nring)
    {
        return NGX_ABORT;
    }

    if (place->change == sh->change) {
        return NGX_DECLINED;
    }

    *ring = &sh->ring[++place->change % sh->nring];

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_next_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, reauth_record_t *record,
    ngx_uint_t *was)
{
    ngx_int_t                rc;
    ngx_http_reauth_ring_t  *ring;

    ngx_http_reauth_zone_lock(zone);

    rc = ngx_http_reauth_zone_advance_place(zone->sh, place, &ring);

    if (rc == NGX_OK) {
        ngx_http_reauth_zone_node_unpack(&ring->u.node, record);

        record->deadline_ms = ring->deadline_ms;
        *was = ring->was;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_pass_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, ngx_uint_t *forgotten)
{
    ngx_int_t                rc;
    ngx_http_reauth_ring_t  *ring;

    ngx_http_reauth_zone_lock(zone);

    rc = ngx_http_reauth_zone_advance_place(zone->sh, place, &ring);

    if (rc == NGX_OK) {
        *forgotten = ring->u.node.lens[NGX_HTTP_REAUTH_NODE_ACCOUNT] == 0;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_uint_t
ngx_http_reauth_zone_history(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *records, ngx_uint_t max,
    ngx_uint_t *complete)
{
    uint64_t                       change, first;
    ngx_uint_t                     n;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    n = 0;
    sh = zone->sh;

    ngx_http_reauth_zone_touch(records, max * sizeof(reauth_record_t));

    ngx_http_reauth_zone_lock(zone);

    first = sh->change > sh->nring ? sh->change - sh->nring : 0;
    *complete = (first == 0);

    for (change = sh->change; change > first; change--) {
        node = &sh->ring[change % sh->nring].u.node;

        if (node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT] != account->len
            || ngx_memcmp(node->data, account->data, account->len) != 0)
        {
            continue;
        }

        if (node->state == REAUTH_STATE_FORGOTTEN) {

            /* the changes before are zeroed */

            *complete = 1;
            continue;
        }

        if (n == max) {
            *complete = 0;
            break;
        }

        ngx_http_reauth_zone_node_unpack(node, &records[n++]);
    }

    ngx_http_reauth_zone_unlock(zone);

    return n;
}
