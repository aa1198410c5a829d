
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Allocates and links slots and ended records, see the header.
 */


#include "ngx_http_reauth_zone_memory.h"


/*
 * The tree's key is an ngx_uint_t.  If it is too small for milliseconds since
 * the Unix epoch, seconds, rounded up, are used.
 */

static ngx_rbtree_key_t
ngx_http_reauth_zone_due_key(int64_t ms)
{
#if (NGX_PTR_SIZE == 4)
    return (ngx_rbtree_key_t) ((ms + 999) / 1000);
#else
    return (ngx_rbtree_key_t) ms;
#endif
}


/* equal keys are in the order of their slots, so that a position is unique */

static void
ngx_http_reauth_zone_due_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t       **p;
    ngx_http_reauth_slot_t   *slot;

    slot = ngx_queue_data(node, ngx_http_reauth_slot_t, due);

    for ( ;; ) {
        p = ngx_http_reauth_zone_due_before(node->key, slot->dirty.index, temp)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


void
ngx_http_reauth_zone_write_start(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_check_lock(sh);

    sh->gate.sequence++;
    ngx_memory_barrier();
}


void
ngx_http_reauth_zone_write_end(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_memory_barrier();
    sh->gate.sequence++;
}


static void
ngx_http_reauth_zone_empty(reauth_record_t *record, const u_char *account,
    size_t len)
{
    reauth_string_t  name;

    ngx_memzero(record, sizeof(reauth_record_t));

    name.data = account;
    name.len = len;

    reauth_copy(record->account, REAUTH_ACCOUNT_MAX, &name);
}


/*
 * The record as it is stored; its state is NONE if there is none.  Returns the
 * mark of the changes that Redis does not have, or NULL if there is no record.
 */

ngx_http_reauth_dirty_t *
ngx_http_reauth_zone_read(ngx_http_reauth_zone_shctx_t *sh,
    const u_char *account, size_t len, reauth_record_t *record)
{
    uint32_t                  hash;
    ngx_http_reauth_node_t  **link;
    ngx_http_reauth_slot_t   *slot;

    ngx_http_reauth_zone_check_lock(sh);

    hash = ngx_http_reauth_zone_hash(account, len);

    slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);
    if (slot != NULL) {
        *record = slot->record;
        return &slot->dirty;
    }

    link = ngx_http_reauth_zone_node_find(sh, hash, account, len);
    if (link != NULL) {
        ngx_http_reauth_zone_node_unpack(*link, record);
        return &(*link)->dirty;
    }

    ngx_http_reauth_zone_empty(record, account, len);

    return NULL;
}


void
ngx_http_reauth_zone_set_dirty(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty, ngx_uint_t set)
{
    ngx_queue_t  *q;

    ngx_http_reauth_zone_check_lock(sh);

    q = &dirty->queue;

    if (set != NGX_HTTP_REAUTH_DIRTY_OLD) {
        dirty->unsent = 0;

    } else if (q->next == NULL) {
        dirty->unsent = 1;
    }

    if (q->next != NULL
        && set != NGX_HTTP_REAUTH_DIRTY_OLD
        && (set == NGX_HTTP_REAUTH_CLEAN || q->next != &sh->dirty))
    {
        ngx_queue_remove(q);
        q->next = NULL;
        sh->ndirty--;
    }

    if (q->next == NULL && set != NGX_HTTP_REAUTH_CLEAN) {

        if (set == NGX_HTTP_REAUTH_DIRTY_OLD) {
            ngx_queue_insert_head(&sh->dirty, q);

        } else {
            ngx_queue_insert_tail(&sh->dirty, q);
        }

        sh->ndirty++;
    }
}


/* four more slots */

static ngx_int_t
ngx_http_reauth_zone_grow(ngx_http_reauth_zone_t *zone)
{
    uint32_t                       i, index;
    ngx_http_reauth_slot_t        *chunk;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->nchunks == sh->chunks_max) {
        return NGX_ERROR;
    }

    chunk = ngx_http_reauth_zone_alloc(zone, NGX_HTTP_REAUTH_CHUNK_SIZE);
    if (chunk == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(chunk, NGX_HTTP_REAUTH_CHUNK_SIZE);

    sh->gate.chunks[sh->nchunks] = chunk;

    for (i = 0; i < NGX_HTTP_REAUTH_CHUNK_SLOTS; i++) {
        index = sh->nchunks * NGX_HTTP_REAUTH_CHUNK_SLOTS + i + 1;

        chunk[i].dirty.index = index;
        chunk[i].next = sh->free;
        sh->free = index;
    }

    sh->nchunks++;

    ngx_memory_barrier();
    sh->gate.nslots = sh->nchunks * NGX_HTTP_REAUTH_CHUNK_SLOTS;

    return NGX_OK;
}


static void
ngx_http_reauth_zone_attempt_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *link;

    ngx_http_reauth_zone_check_lock(sh);

    if (slot->record.attempt[0] == '\0') {
        return;
    }

    for (link = &sh->attempts[slot->attempt_hash & sh->gate.mask];
         *link != 0;
         link = &ngx_http_reauth_slot(sh, *link)->attempt_next)
    {
        if (*link == slot->dirty.index) {
            *link = slot->attempt_next;
            return;
        }
    }
}


static void
ngx_http_reauth_zone_attempt_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *bucket;

    ngx_http_reauth_zone_check_lock(sh);

    if (slot->record.attempt[0] == '\0') {
        return;
    }

    slot->attempt_hash = ngx_http_reauth_zone_hash(
                             (u_char *) slot->record.attempt,
                             ngx_strlen(slot->record.attempt));

    bucket = &sh->attempts[slot->attempt_hash & sh->gate.mask];
    slot->attempt_next = *bucket;
    *bucket = slot->dirty.index;
}


void
ngx_http_reauth_zone_set_poll(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t at_ms, reauth_poll_class_t class)
{
    ngx_http_reauth_zone_check_lock(sh);

#if (NGX_PTR_SIZE == 4)
    slot->poll_ms = at_ms;
#endif
    slot->poll.node.key = (ngx_rbtree_key_t) at_ms;
    slot->poll.node.data = (u_char) class;
    ngx_rbtree_insert(&sh->poll[slot->poll.node.data], &slot->poll.node);
}


/* counts active attempts by caller */

static void
ngx_http_reauth_zone_share(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record, ngx_uint_t active)
{
    uint64_t         key;
    reauth_string_t  name;

    ngx_http_reauth_zone_check_lock(sh);

    if (record->caller[0] == '\0') {
        return;
    }

    name = reauth_string_from(record->caller);
    key = reauth_shares_key(&name, sh->seed);

    if (active) {
        reauth_shares_add(sh->shares, sh->shares_mask, key);

    } else {
        reauth_shares_remove(sh->shares, sh->shares_mask, key);
    }
}


ngx_uint_t
ngx_http_reauth_zone_attempts(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *caller)
{
    ngx_http_reauth_zone_check_lock(sh);

    return reauth_shares_count(sh->shares, sh->shares_mask,
                               reauth_shares_key(caller, sh->seed));
}


/* removes the record from all indexes except that by account */

void
ngx_http_reauth_zone_slot_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t poll_ms)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_attempt_link(sh, slot);

    slot->due.node.key = ngx_http_reauth_zone_due_key(
                        reauth_attempt_due_ms(&slot->record));

    /* a pointer of this process: others may have the module elsewhere */

    sh->due.insert = ngx_http_reauth_zone_due_insert;
    ngx_rbtree_insert(&sh->due, &slot->due.node);

    ngx_http_reauth_zone_set_poll(sh, slot, poll_ms,
                                  reauth_schedule_class(&slot->record));

    sh->states[slot->record.state]++;
    sh->waiting += reauth_attempt_is_listed(&slot->record);
    ngx_http_reauth_zone_share(sh, &slot->record, 1);
}


static void
ngx_http_reauth_zone_slot_fill(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_slot_t *slot, const reauth_record_t *record)
{
    ngx_http_reauth_zone_check_lock(zone->sh);

    slot->record = *record;

    ngx_http_reauth_zone_slot_link(zone->sh, slot,
        reauth_schedule_next(&zone->schedule, record, ngx_http_reauth_now(),
                             reauth_schedule_spread(&zone->spread)));
    ngx_http_reauth_zone_slot_updated(zone->sh, slot, 1);
}


void
ngx_http_reauth_zone_slot_clear(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_attempt_unlink(sh, slot);
    ngx_rbtree_delete(&sh->due, &slot->due.node);
    ngx_rbtree_delete(&sh->poll[slot->poll.node.data], &slot->poll.node);
    ngx_http_reauth_zone_slot_updated(sh, slot, 0);
    sh->states[slot->record.state]--;
    sh->waiting -= reauth_attempt_is_listed(&slot->record);
    ngx_http_reauth_zone_share(sh, &slot->record, 0);
}


void
ngx_http_reauth_zone_slot_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *link, index;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_slot_clear(sh, slot);
    ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, 0);

    link = &sh->gate.buckets[slot->dirty.hash & sh->gate.mask];

    for ( ;; ) {
        index = *link & ~NGX_HTTP_REAUTH_BUCKET_CLOSED;

        if (index == slot->dirty.index) {
            break;
        }

        link = &ngx_http_reauth_slot(sh, index)->next;
    }

    *link = (*link & NGX_HTTP_REAUTH_BUCKET_CLOSED) | slot->next;

    slot->used = 0;
    slot->next = sh->free;
    sh->free = slot->dirty.index;
    sh->gate.active--;
    sh->accounts--;
}


static ngx_int_t
ngx_http_reauth_zone_write_active(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint32_t hash, size_t len, ngx_uint_t dirty)
{
    uint32_t                       *bucket;
    ngx_http_reauth_node_t        **link;
    ngx_http_reauth_slot_t         *slot;
    ngx_http_reauth_zone_shctx_t   *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);

    if (slot != NULL) {

        if (!reauth_epoch_is(&slot->record, record->epoch, record->origin)) {
            ngx_http_reauth_slot_seen(slot) = sh->lists;
        }

        ngx_http_reauth_zone_write_start(sh);
        ngx_http_reauth_zone_slot_clear(sh, slot);
        ngx_http_reauth_zone_slot_fill(zone, slot, record);
        ngx_http_reauth_zone_write_end(sh);

        ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, dirty);

        return NGX_OK;
    }

    if (sh->free == 0 && ngx_http_reauth_zone_grow(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    /* may already be removed to make room */

    link = ngx_http_reauth_zone_node_find(sh, hash,
                                          (u_char *) record->account, len);
    if (link != NULL) {
        ngx_http_reauth_zone_node_free(zone, link);
    }

    slot = ngx_http_reauth_slot(sh, sh->free);
    bucket = &sh->gate.buckets[hash & sh->gate.mask];

    ngx_http_reauth_zone_write_start(sh);

    sh->free = slot->next;

    slot->dirty.hash = hash;
    slot->account_len = (uint8_t) len;
    slot->dirty.queue.next = NULL;
    slot->round = (uint16_t) (sh->round - 1);
    ngx_http_reauth_slot_seen(slot) = sh->lists;
    ngx_http_reauth_slot_listed(slot) = sh->lists;

    ngx_http_reauth_zone_slot_fill(zone, slot, record);

    /* from here on, a repair considers it complete */

    ngx_memory_barrier();
    slot->used = 1;

    slot->next = *bucket & ~NGX_HTTP_REAUTH_BUCKET_CLOSED;
    *bucket = (*bucket & NGX_HTTP_REAUTH_BUCKET_CLOSED) | slot->dirty.index;

    sh->gate.active++;
    sh->accounts++;

    ngx_http_reauth_zone_write_end(sh);

    ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, dirty);

    return NGX_OK;
}


/* a client that resumes an event stream must not get these changes again */

void
ngx_http_reauth_zone_blank(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *forgotten)
{
    size_t                   len;
    uint32_t                 i;
    reauth_record_t          change;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    len = ngx_strlen(forgotten->account);

    for (i = 0; i < sh->nring; i++) {
        node = &sh->ring[i].u.node;

        if (node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT] != len
            || ngx_memcmp(node->data, forgotten->account, len) != 0)
        {
            continue;
        }

        change.epoch = node->epoch;
        change.updated_ms = node->updated_ms;

        if (reauth_record_is_forgotten(&change, forgotten)) {
            ngx_memzero(&sh->ring[i], sizeof(ngx_http_reauth_ring_t));
        }
    }
}


void
ngx_http_reauth_zone_remember_as(ngx_http_reauth_zone_shctx_t *sh,
    ngx_uint_t was, const reauth_record_t *record)
{
    uint8_t                  lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    const char              *strings[NGX_HTTP_REAUTH_NODE_STRINGS];
    ngx_http_reauth_ring_t  *ring;

    ngx_http_reauth_zone_check_lock(sh);

    if (record->state == REAUTH_STATE_FORGOTTEN) {
        ngx_http_reauth_zone_blank(sh, record);
    }

    (void) ngx_http_reauth_zone_node_size(record, strings, lens);

    ring = &sh->ring[++sh->change % sh->nring];
    ngx_memory_barrier();

    ngx_http_reauth_zone_node_pack(&ring->u.node, record, strings, lens);

    ring->deadline_ms = record->deadline_ms;
    ring->was = (uint8_t) was;

    sh->changes++;
}


/*
 * The attempt of a stored response has ended or was replaced: the response is
 * needed only by requests that are still waiting.
 */

static void
ngx_http_reauth_zone_end_kept(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *previous, const reauth_record_t *record)
{
    uint64_t         kept;
    reauth_string_t  account;

    ngx_http_reauth_zone_check_lock(sh);

    kept = reauth_attempt_kept(previous);

    if (kept != 0 && kept != reauth_attempt_kept(record)) {
        account = reauth_string_from(record->account);

        ngx_http_reauth_zone_cut_outcome(sh, &account, kept,
                                         ngx_http_reauth_now()
                                         + NGX_HTTP_REAUTH_OUTCOME_WAIT);
    }
}


ngx_int_t
ngx_http_reauth_zone_write(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, ngx_uint_t dirty)
{
    size_t                         len;
    uint32_t                       hash;
    ngx_int_t                      rc;
    reauth_record_t                previous;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    sh->redo.record = *record;
    sh->redo.dirty = dirty;
    ngx_memory_barrier();
    sh->redo.set = 1;
    ngx_memory_barrier();

    len = ngx_strlen(record->account);
    hash = ngx_http_reauth_zone_hash((u_char *) record->account, len);

    (void) ngx_http_reauth_zone_read(sh, (u_char *) record->account, len,
                                     &previous);

    rc = reauth_state_is_active(record->state)
         ? ngx_http_reauth_zone_write_active(zone, record, hash, len, dirty)
         : ngx_http_reauth_zone_write_ended(zone, record, hash, len, dirty);

    if (rc == NGX_OK) {

        if (record->epoch > sh->epoch) {
            sh->epoch = record->epoch;
        }

        ngx_http_reauth_zone_end_kept(sh, &previous, record);
        ngx_http_reauth_zone_heal_written(zone, record);

        /* a later revision with identical content is no change to report */

        if (!reauth_attempt_same(&previous, record)) {
            ngx_http_reauth_zone_remember_as(sh, previous.state, record);
        }
    }

    ngx_memory_barrier();
    sh->redo.set = 0;

    return rc;
}


ngx_http_reauth_dirty_t *
ngx_http_reauth_zone_dirty(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record, uint64_t **revision)
{
    size_t                    len;
    uint32_t                  hash;
    ngx_http_reauth_node_t  **link;
    ngx_http_reauth_slot_t   *slot;

    ngx_http_reauth_zone_check_lock(sh);

    len = ngx_strlen(record->account);
    hash = ngx_http_reauth_zone_hash((u_char *) record->account, len);

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);
    if (slot != NULL) {
        *revision = &slot->record.revision;
        return &slot->dirty;
    }

    link = ngx_http_reauth_zone_node_find(sh, hash,
                                          (u_char *) record->account, len);
    if (link != NULL) {
        *revision = &(*link)->revision;
        return &(*link)->dirty;
    }

    return NULL;
}
