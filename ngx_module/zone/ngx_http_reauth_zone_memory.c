
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Slots, ended records and room for them: see the header.
 */


#include "ngx_http_reauth_zone_memory.h"


/*
 * The tree's key is an ngx_uint_t: milliseconds since the epoch need 64 bits,
 * which it may lack; seconds, rounded up, will do.
 */

static ngx_rbtree_key_t
ngx_http_reauth_zone_due_key(int64_t ms)
{
    return (ngx_rbtree_key_t) ((ms + 999) / 1000);
}


#if (NGX_HTTP_REAUTH_CHECK_LOCK)

static ngx_http_reauth_zone_t  *ngx_http_reauth_zone_held;


/* nginx's mutex has the pid of its owner, which a stale "held" would not */

void
ngx_http_reauth_zone_check_lock(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_t  *zone;

    zone = ngx_http_reauth_zone_held;

    if (zone == NULL
        || zone->sh != sh
        || *zone->shpool->mutex.lock != (ngx_atomic_uint_t) ngx_pid)
    {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0,
                      "reauth_zone is walked without its lock");
        abort();
    }
}

#endif


/* nginx's master frees the lock of a worker that died: "held" tells of it */

void
ngx_http_reauth_zone_lock(ngx_http_reauth_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

#if (NGX_HTTP_REAUTH_CHECK_LOCK)
    ngx_http_reauth_zone_held = zone;
#endif

    ngx_http_reauth_zone_check_lock(zone->sh);

    if (zone->sh->held) {
        ngx_http_reauth_zone_repair(zone);
    }

    zone->sh->held = 1;
}


void
ngx_http_reauth_zone_unlock(ngx_http_reauth_zone_t *zone)
{
    ngx_http_reauth_zone_check_lock(zone->sh);

    zone->sh->held = 0;

#if (NGX_HTTP_REAUTH_CHECK_LOCK)
    ngx_http_reauth_zone_held = NULL;
#endif

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* "allocating" stays where a worker is killed inside: no more is had then */

void *
ngx_http_reauth_zone_slab_alloc(ngx_http_reauth_zone_t *zone, size_t size)
{
    void                          *p;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->allocating) {
        return NULL;
    }

    sh->allocating = 1;
    p = ngx_slab_alloc_locked(zone->shpool, size);
    sh->allocating = 0;

    return p;
}


void
ngx_http_reauth_zone_slab_free(ngx_http_reauth_zone_t *zone, void *p)
{
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->allocating) {
        return;
    }

    sh->allocating = 1;
    ngx_slab_free_locked(zone->shpool, p);
    sh->allocating = 0;
}


static void
ngx_http_reauth_zone_write_start(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_check_lock(sh);

    sh->gate.sequence++;
    ngx_memory_barrier();
}


static void
ngx_http_reauth_zone_write_end(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_memory_barrier();
    sh->gate.sequence++;
}


ngx_http_reauth_node_t **
ngx_http_reauth_zone_node_find(ngx_http_reauth_zone_shctx_t *sh, uint32_t hash,
    const u_char *account, size_t len)
{
    ngx_http_reauth_node_t  *node, **link;

    ngx_http_reauth_zone_check_lock(sh);

    for (link = &sh->ended[hash & sh->ended_mask];
         *link != NULL;
         link = &(*link)->next)
    {
        node = *link;

        if (node->dirty.hash == hash
            && node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT] == len
            && ngx_memcmp(node->data, account, len) == 0)
        {
            return link;
        }
    }

    return NULL;
}


/* one without an attempt is in a bucket all the same */

static ngx_http_reauth_node_t **
ngx_http_reauth_zone_node_attempts(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    uint32_t  hash;

    ngx_http_reauth_zone_check_lock(sh);

    hash = ngx_http_reauth_zone_hash(
               node->data + node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT],
               node->lens[NGX_HTTP_REAUTH_NODE_ATTEMPT]);

    return &sh->ended_attempts[hash & sh->ended_mask];
}


ngx_http_reauth_node_t *
ngx_http_reauth_zone_node_attempt(ngx_http_reauth_zone_shctx_t *sh,
    const u_char *attempt, size_t len)
{
    uint32_t                 hash;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    hash = ngx_http_reauth_zone_hash(attempt, len);

    for (node = sh->ended_attempts[hash & sh->ended_mask];
         node != NULL;
         node = node->attempt_next)
    {
        if (node->lens[NGX_HTTP_REAUTH_NODE_ATTEMPT] == len
            && ngx_memcmp(node->data
                          + node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT],
                          attempt, len)
               == 0)
        {
            return node;
        }
    }

    return NULL;
}


void
ngx_http_reauth_zone_node_unpack(ngx_http_reauth_node_t *node,
    reauth_record_t *record)
{
    u_char      *p;
    ngx_uint_t   i;
    char        *strings[NGX_HTTP_REAUTH_NODE_STRINGS];

    ngx_memzero(record, sizeof(reauth_record_t));

    record->epoch = node->epoch;
    record->revision = node->revision;
    record->since_ms = node->since_ms;
    record->updated_ms = node->updated_ms;
    record->started_us = node->started_us;
    record->completed_us = node->completed_us;
    record->state = node->state;
    record->auth_type = node->auth_type;
    record->action = node->action;
    record->source = node->source;
    record->fresh = node->fresh;
    record->polled_ms = node->polled_ms;
    record->poll_status = node->poll_status;
    record->poll_error = node->poll_error;

    strings[NGX_HTTP_REAUTH_NODE_ACCOUNT] = record->account;
    strings[NGX_HTTP_REAUTH_NODE_ATTEMPT] = record->attempt;
    strings[NGX_HTTP_REAUTH_NODE_ERROR_CODE] = record->error_code;
    strings[NGX_HTTP_REAUTH_NODE_CALLER] = record->caller;
    strings[NGX_HTTP_REAUTH_NODE_PROGRESS] = record->progress;
    strings[NGX_HTTP_REAUTH_NODE_ERROR_MESSAGE] = record->error_message;

    p = node->data;

    for (i = 0; i < NGX_HTTP_REAUTH_NODE_STRINGS; i++) {
        ngx_memcpy(strings[i], p, node->lens[i]);
        p += node->lens[i];
    }
}


/* an active record that is past its deadline is told as what it has become */

void
ngx_http_reauth_zone_expire(reauth_record_t *record, int64_t now_ms)
{
    if (reauth_state_is_active(record->state)
        && now_ms >= record->deadline_ms)
    {
        record->state = REAUTH_STATE_EXPIRED;
        record->action = REAUTH_ACTION_NONE;
        record->completed_us = record->deadline_ms * 1000;
    }
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


/* the record as it is kept; with state NONE where none is */

void
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
        return;
    }

    link = ngx_http_reauth_zone_node_find(sh, hash, account, len);
    if (link != NULL) {
        ngx_http_reauth_zone_node_unpack(*link, record);
        return;
    }

    ngx_http_reauth_zone_empty(record, account, len);
}


void
ngx_http_reauth_zone_set_dirty(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty, ngx_uint_t set)
{
    ngx_queue_t  *q;

    ngx_http_reauth_zone_check_lock(sh);

    q = &dirty->queue;

    if (set && q->next == NULL) {
        ngx_queue_insert_tail(&sh->dirty, q);
        sh->ndirty++;

    } else if (!set && q->next != NULL) {
        ngx_queue_remove(q);
        q->next = NULL;
        sh->ndirty--;
    }
}


void
ngx_http_reauth_zone_node_free(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_node_t **link)
{
    ngx_http_reauth_node_t        *node, **attempt;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    node = *link;

    *link = node->next;

    for (attempt = ngx_http_reauth_zone_node_attempts(sh, node);
         *attempt != NULL;
         attempt = &(*attempt)->attempt_next)
    {
        if (*attempt == node) {
            *attempt = node->attempt_next;
            break;
        }
    }

    ngx_queue_remove(&node->queue);
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, 0);

    sh->states[node->state]--;
    sh->accounts--;

    ngx_http_reauth_zone_slab_free(zone, node);
}


/* the oldest record that Redis has seen, among the last few; or NULL */

static ngx_http_reauth_node_t *
ngx_http_reauth_zone_evictable(ngx_http_reauth_zone_shctx_t *sh,
    ngx_queue_t *queue)
{
    ngx_queue_t             *q;
    ngx_uint_t               n;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    q = ngx_queue_last(queue);

    for (n = 0;
         n < NGX_HTTP_REAUTH_READ_STEPS && q != ngx_queue_sentinel(queue);
         n++)
    {
        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        if (node->dirty.queue.next == NULL) {
            return node;
        }

        q = ngx_queue_prev(q);
    }

    return NULL;
}


/*
 * Drops the oldest ended record: of those that are kept briefly first; one that
 * Redis has not seen last.
 */

static ngx_int_t
ngx_http_reauth_zone_evict(ngx_http_reauth_zone_t *zone)
{
    ngx_queue_t                   *queue;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    node = ngx_http_reauth_zone_evictable(sh, &sh->brief_queue);

    if (node == NULL) {
        node = ngx_http_reauth_zone_evictable(sh, &sh->ended_queue);
    }

    if (node == NULL) {
        queue = ngx_queue_empty(&sh->brief_queue) ? &sh->ended_queue
                                                  : &sh->brief_queue;

        if (ngx_queue_empty(queue)) {
            return NGX_DECLINED;
        }

        node = ngx_queue_data(ngx_queue_last(queue), ngx_http_reauth_node_t,
                              queue);
    }

    ngx_http_reauth_zone_node_free(zone,
        ngx_http_reauth_zone_node_find(sh, node->dirty.hash, node->data,
                                  node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT]));
    sh->evicted++;

    return NGX_OK;
}


static void *
ngx_http_reauth_zone_alloc(ngx_http_reauth_zone_t *zone, size_t size)
{
    void        *p;
    ngx_uint_t   n;

    ngx_http_reauth_zone_check_lock(zone->sh);

    if (zone->sh->allocating) {
        zone->sh->dropped++;
        return NULL;
    }

    p = ngx_http_reauth_zone_slab_alloc(zone, size);

    for (n = 0; p == NULL && n < NGX_HTTP_REAUTH_EVICT_MAX; n++) {

        if (ngx_http_reauth_zone_evict(zone) != NGX_OK) {
            break;
        }

        p = ngx_http_reauth_zone_slab_alloc(zone, size);
    }

    if (p == NULL) {
        zone->sh->dropped++;

        ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                      "reauth_zone \"%V\" is full of active accounts; "
                      "make it larger", &zone->shm_zone->shm.name);
    }

    return p;
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

    slot->poll_ms = at_ms;
    slot->poll.key = (ngx_rbtree_key_t) at_ms;
    slot->poll.data = (u_char) class;
    ngx_rbtree_insert(&sh->poll[slot->poll.data], &slot->poll);
}


/* how many active attempts each caller has begun, of all that are here */

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


/* wherever it is found but by its account */

void
ngx_http_reauth_zone_slot_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t poll_ms)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_attempt_link(sh, slot);

    slot->due.key = ngx_http_reauth_zone_due_key(
                        reauth_attempt_due_ms(&slot->record));
    ngx_rbtree_insert(&sh->due, &slot->due);

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
                             ngx_random()));
}


static void
ngx_http_reauth_zone_slot_clear(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_attempt_unlink(sh, slot);
    ngx_rbtree_delete(&sh->due, &slot->due);
    ngx_rbtree_delete(&sh->poll[slot->poll.data], &slot->poll);
    sh->states[slot->record.state]--;
    sh->waiting -= reauth_attempt_is_listed(&slot->record);
    ngx_http_reauth_zone_share(sh, &slot->record, 0);
}


static void
ngx_http_reauth_zone_slot_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *link;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_slot_clear(sh, slot);
    ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, 0);

    for (link = &sh->gate.buckets[slot->dirty.hash & sh->gate.mask];
         *link != slot->dirty.index;
         link = &ngx_http_reauth_slot(sh, *link)->next)
    {
        /* void */
    }

    *link = slot->next;

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

        if (slot->record.epoch != record->epoch) {
            slot->seen = sh->lists;
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

    /* may be gone already: growing may have made room of it */

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
    slot->seen = sh->lists;
    slot->listed = sh->lists;

    ngx_http_reauth_zone_slot_fill(zone, slot, record);

    /* a repair takes it for whole from here on */

    ngx_memory_barrier();
    slot->used = 1;

    slot->next = *bucket;
    *bucket = slot->dirty.index;

    sh->gate.active++;
    sh->accounts++;

    ngx_http_reauth_zone_write_end(sh);

    ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, dirty);

    return NGX_OK;
}


/* the strings are cut, the last ones first, to what an ended record may take */

static size_t
ngx_http_reauth_zone_node_size(const reauth_record_t *record,
    const char **strings, uint8_t *lens)
{
    size_t      size, room;
    ngx_uint_t  i;

    strings[NGX_HTTP_REAUTH_NODE_ACCOUNT] = record->account;
    strings[NGX_HTTP_REAUTH_NODE_ATTEMPT] = record->attempt;
    strings[NGX_HTTP_REAUTH_NODE_ERROR_CODE] = record->error_code;
    strings[NGX_HTTP_REAUTH_NODE_CALLER] = record->caller;
    strings[NGX_HTTP_REAUTH_NODE_PROGRESS] = record->progress;
    strings[NGX_HTTP_REAUTH_NODE_ERROR_MESSAGE] = record->error_message;

    size = offsetof(ngx_http_reauth_node_t, data);

    for (i = 0; i < NGX_HTTP_REAUTH_NODE_STRINGS; i++) {
        room = NGX_HTTP_REAUTH_NODE_MAX - size;
        lens[i] = ngx_min(ngx_strlen(strings[i]), room);

        if (lens[i] < ngx_strlen(strings[i])) {
            while (lens[i] > 0 && (strings[i][lens[i]] & 0xc0) == 0x80) {
                lens[i]--;
            }
        }

        size += lens[i];
    }

    return size;
}


void
ngx_http_reauth_zone_node_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    ngx_http_reauth_node_t  **bucket;

    ngx_http_reauth_zone_check_lock(sh);

    bucket = &sh->ended[node->dirty.hash & sh->ended_mask];

    node->next = *bucket;
    *bucket = node;

    bucket = ngx_http_reauth_zone_node_attempts(sh, node);

    node->attempt_next = *bucket;
    *bucket = node;

    sh->states[node->state]++;
    sh->accounts++;
}


static void
ngx_http_reauth_zone_node_pack(ngx_http_reauth_node_t *node,
    const reauth_record_t *record, const char **strings, const uint8_t *lens)
{
    u_char      *p;
    ngx_uint_t   i;

    node->epoch = record->epoch;
    node->revision = record->revision;
    node->since_ms = record->since_ms;
    node->updated_ms = record->updated_ms;
    node->started_us = record->started_us;
    node->completed_us = record->completed_us;
    node->state = record->state;
    node->auth_type = record->auth_type;
    node->action = record->action;
    node->source = record->source;
    node->fresh = record->fresh;
    node->polled_ms = record->polled_ms;
    node->poll_status = record->poll_status;
    node->poll_error = record->poll_error;

    ngx_memcpy(node->lens, lens, sizeof(node->lens));

    p = node->data;

    for (i = 0; i < NGX_HTTP_REAUTH_NODE_STRINGS; i++) {
        p = ngx_cpymem(p, strings[i], lens[i]);
    }
}


static void
ngx_http_reauth_zone_learn(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record)
{
    int64_t      took;
    ngx_uint_t  *typical;

    ngx_http_reauth_zone_check_lock(sh);

    took = record->updated_ms - record->since_ms;

    if (record->state != REAUTH_STATE_SUCCEEDED || took <= 0
        || took > 3600000)
    {
        return;
    }

    typical = &sh->typical[record->auth_type];

    *typical = *typical == 0 ? (ngx_uint_t) took
                             : (*typical * 7 + (ngx_uint_t) took) / 8;
}


static ngx_int_t
ngx_http_reauth_zone_write_ended(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint32_t hash, size_t len, ngx_uint_t dirty)
{
    size_t                          size;
    uint8_t                         lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    const char                     *strings[NGX_HTTP_REAUTH_NODE_STRINGS];
    ngx_http_reauth_node_t         *node, **link;
    ngx_http_reauth_slot_t         *slot;
    ngx_http_reauth_zone_shctx_t   *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    size = ngx_http_reauth_zone_node_size(record, strings, lens);

    node = ngx_http_reauth_zone_alloc(zone, size);

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);

    if (slot != NULL) {
        ngx_http_reauth_zone_learn(sh, record);

        ngx_http_reauth_zone_write_start(sh);
        ngx_http_reauth_zone_slot_unlink(sh, slot);
        ngx_http_reauth_zone_write_end(sh);
    }

    link = ngx_http_reauth_zone_node_find(sh, hash,
                                          (u_char *) record->account, len);
    if (link != NULL) {
        ngx_http_reauth_zone_node_free(zone, link);
    }

    if (node == NULL) {

        /* the gate is right all the same: what is not there is open */

        return NGX_OK;
    }

    ngx_http_reauth_zone_node_pack(node, record, strings, lens);

    node->dirty.hash = hash;
    node->dirty.queue.next = NULL;
    node->dirty.index = 0;

    ngx_memory_barrier();
    ngx_queue_insert_head(reauth_attempt_kept_ms(record) < REAUTH_KEPT_MS
                              ? &sh->brief_queue : &sh->ended_queue,
                          &node->queue);

    ngx_http_reauth_zone_node_link(sh, node);
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, dirty);

    return NGX_OK;
}


/* a later revision of what is known already is no change to anybody */

static void
ngx_http_reauth_zone_remember(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *previous, const reauth_record_t *record)
{
    uint8_t                  lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    const char              *strings[NGX_HTTP_REAUTH_NODE_STRINGS];
    ngx_http_reauth_ring_t  *ring;

    ngx_http_reauth_zone_check_lock(sh);

    if (reauth_attempt_same(previous, record)) {
        return;
    }

    (void) ngx_http_reauth_zone_node_size(record, strings, lens);

    ring = &sh->ring[++sh->change % sh->nring];
    ngx_memory_barrier();

    ngx_http_reauth_zone_node_pack(&ring->u.node, record, strings, lens);

    ring->deadline_ms = record->deadline_ms;
    ring->was = previous->state;

    sh->changes++;
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

    ngx_http_reauth_zone_read(sh, (u_char *) record->account, len, &previous);

    rc = reauth_state_is_active(record->state)
         ? ngx_http_reauth_zone_write_active(zone, record, hash, len, dirty)
         : ngx_http_reauth_zone_write_ended(zone, record, hash, len, dirty);

    if (rc == NGX_OK) {

        if (record->epoch > sh->epoch) {
            sh->epoch = record->epoch;
        }

        ngx_http_reauth_zone_remember(sh, &previous, record);
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


ngx_uint_t
ngx_http_reauth_zone_is_dirty(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record)
{
    uint64_t                 *revision;
    ngx_http_reauth_dirty_t  *dirty;

    dirty = ngx_http_reauth_zone_dirty(sh, record, &revision);

    return dirty != NULL && dirty->queue.next != NULL;
}
