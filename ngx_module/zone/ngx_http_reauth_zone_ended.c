
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Records of ended attempts: they are found by account and by attempt, kept for
 * a limited time, and removed if the zone is full.
 */


#include "ngx_http_reauth_zone_memory.h"
#include "reauth_retry_after.h"


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


/* a record without an attempt is also in a bucket */

static ngx_http_reauth_node_t **
ngx_http_reauth_zone_node_attempts(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    ngx_http_reauth_zone_check_lock(sh);

    return &sh->ended_attempts[node->attempt_hash & sh->ended_mask];
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
        if (node->attempt_hash == hash
            && node->lens[NGX_HTTP_REAUTH_NODE_ATTEMPT] == len
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
    record->origin = node->origin;
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
    record->lost = node->override;
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


void
ngx_http_reauth_zone_node_account(ngx_http_reauth_node_t *node, char *account)
{
    size_t  len;

    len = node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT];

    ngx_memcpy(account, node->data, len);
    account[len] = '\0';
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

    ngx_http_reauth_zone_failed_unlink(sh, node);
    ngx_http_reauth_zone_node_updated(sh, node, 0);

    ngx_queue_remove(&node->queue);
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, 0);

    sh->states[node->state]--;
    sh->accounts--;

    ngx_http_reauth_zone_slab_free(zone, node);
}


/* the oldest record that is in Redis, among the last few; or NULL */

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
 * The record to drop: the oldest one, of those that are kept briefly first; one
 * that Redis has not seen last.  NULL: there is none.
 */

static ngx_http_reauth_node_t *
ngx_http_reauth_zone_oldest_node(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_queue_t             *queue;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    node = ngx_http_reauth_zone_evictable(sh, &sh->brief_queue);

    if (node == NULL) {
        node = ngx_http_reauth_zone_evictable(sh, &sh->ended_queue);
    }

    if (node != NULL) {
        return node;
    }

    queue = ngx_queue_empty(&sh->brief_queue) ? &sh->ended_queue
                                              : &sh->brief_queue;

    return ngx_queue_empty(queue)
           ? NULL
           : ngx_queue_data(ngx_queue_last(queue), ngx_http_reauth_node_t,
                            queue);
}


/* the link of the record at this place of a page; NULL: there is none */

static ngx_http_reauth_node_t **
ngx_http_reauth_zone_node_at(ngx_http_reauth_zone_shctx_t *sh, u_char *p)
{
    ngx_http_reauth_node_t  *node, **link;

    ngx_http_reauth_zone_check_lock(sh);

    node = (ngx_http_reauth_node_t *) p;

    for (link = &sh->ended[node->dirty.hash & sh->ended_mask];
         *link != NULL;
         link = &(*link)->next)
    {
        if (*link == node) {
            return link;
        }
    }

    return NULL;
}


static u_char *
ngx_http_reauth_zone_page(ngx_http_reauth_node_t *node)
{
    return (u_char *) ((uintptr_t) node & ~((uintptr_t) ngx_pagesize - 1));
}


/* one of the page's records has changes that Redis does not have */

static ngx_uint_t
ngx_http_reauth_zone_page_is_dirty(ngx_http_reauth_zone_shctx_t *sh,
    u_char *page)
{
    u_char                   *p;
    ngx_http_reauth_node_t  **link;

    ngx_http_reauth_zone_check_lock(sh);

    for (p = page; p < page + ngx_pagesize; p += NGX_HTTP_REAUTH_NODE_MAX) {
        link = ngx_http_reauth_zone_node_at(sh, p);

        if (link != NULL && (*link)->dirty.queue.next != NULL) {
            return 1;
        }
    }

    return 0;
}


/*
 * Returns the page of the oldest record, unless Redis lacks one of the page's
 * records; in this case, the first suitable page of the next oldest records,
 * or if none of a few is suitable, the page of the oldest record.
 */

static u_char *
ngx_http_reauth_zone_oldest_page(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *oldest)
{
    u_char       *page;
    ngx_uint_t    n;
    ngx_queue_t  *q, *prev;

    ngx_http_reauth_zone_check_lock(sh);

    q = &oldest->queue;

    for (n = 0; n < NGX_HTTP_REAUTH_EVICT_PAGES; n++) {
        page = ngx_http_reauth_zone_page(
                   ngx_queue_data(q, ngx_http_reauth_node_t, queue));

        if (!ngx_http_reauth_zone_page_is_dirty(sh, page)) {
            return page;
        }

        prev = ngx_queue_prev(q);

        if (prev == &sh->brief_queue || prev == &sh->ended_queue) {
            break;
        }

        q = prev;
    }

    return ngx_http_reauth_zone_page(oldest);
}


/*
 * Makes room for a record.  One record is replaced by dropping the oldest
 * one.  For slots, a whole page is needed: all records in the page of the
 * oldest one are dropped.
 */

static ngx_int_t
ngx_http_reauth_zone_evict(ngx_http_reauth_zone_t *zone, ngx_uint_t page)
{
    u_char                        *p, *last;
    ngx_http_reauth_node_t        *node, **link;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    node = ngx_http_reauth_zone_oldest_node(sh);

    if (node == NULL) {
        return NGX_DECLINED;
    }

    if (page) {
        p = ngx_http_reauth_zone_oldest_page(sh, node);
        last = p + ngx_pagesize;

    } else {
        p = (u_char *) node;
        last = p + 1;
    }

    for ( /* void */ ; p < last; p += NGX_HTTP_REAUTH_NODE_MAX) {
        link = ngx_http_reauth_zone_node_at(sh, p);

        if (link != NULL) {
            ngx_http_reauth_zone_node_free(zone, link);
            sh->evicted++;
        }
    }

    return NGX_OK;
}


void *
ngx_http_reauth_zone_room(ngx_http_reauth_zone_t *zone, size_t size)
{
    void        *p;
    ngx_uint_t   n;

    ngx_http_reauth_zone_check_lock(zone->sh);

    if (zone->sh->allocating) {
        return NULL;
    }

    p = ngx_http_reauth_zone_slab_alloc(zone, size);

    for (n = 0; p == NULL && n < NGX_HTTP_REAUTH_EVICT_MAX; n++) {

        if (ngx_http_reauth_zone_evict(zone, size > NGX_HTTP_REAUTH_NODE_MAX)
            != NGX_OK)
        {
            break;
        }

        p = ngx_http_reauth_zone_slab_alloc(zone, size);
    }

    return p;
}


void *
ngx_http_reauth_zone_alloc(ngx_http_reauth_zone_t *zone, size_t size)
{
    void  *p;

    ngx_http_reauth_zone_check_lock(zone->sh);

    p = ngx_http_reauth_zone_room(zone, size);

    if (p == NULL) {
        zone->sh->dropped++;

        if (!zone->sh->allocating) {
            ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                          "reauth: reauth_zone \"%V\" is full of active "
                          "accounts; increase its size",
                          &zone->shm_zone->shm.name);
        }
    }

    return p;
}


/*
 * Truncates strings, the last ones first, to the size limit of ended records.
 */

size_t
ngx_http_reauth_zone_node_size(const reauth_record_t *record,
    const char **strings, uint8_t *lens)
{
    size_t      size, room, len;
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
        len = ngx_strlen(strings[i]);
        lens[i] = ngx_min(len, room);

        if (lens[i] < len) {
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

    ngx_http_reauth_zone_failed_link(sh, node);
}


void
ngx_http_reauth_zone_node_pack(ngx_http_reauth_node_t *node,
    const reauth_record_t *record, const char **strings, const uint8_t *lens)
{
    u_char      *p;
    ngx_uint_t   i;

    node->epoch = record->epoch;
    node->origin = record->origin;
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
    node->override = (uint8_t) reauth_override_of(record);
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
    ngx_uint_t  *typical;

    ngx_http_reauth_zone_check_lock(sh);

    typical = &sh->typical[record->auth_type];

    *typical = (ngx_uint_t) reauth_retry_after_learn((int64_t) *typical,
                                                     record);
}


ngx_int_t
ngx_http_reauth_zone_write_ended(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint32_t hash, size_t len, ngx_uint_t dirty)
{
    uint8_t                         lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    uint32_t                        probed;
    const char                     *strings[NGX_HTTP_REAUTH_NODE_STRINGS];
    ngx_http_reauth_node_t         *node, **link;
    ngx_http_reauth_slot_t         *slot;
    ngx_http_reauth_zone_shctx_t   *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    (void) ngx_http_reauth_zone_node_size(record, strings, lens);

    /* the account's own place is taken, rather than that of another one */

    probed = 0;

    link = ngx_http_reauth_zone_node_find(sh, hash,
                                          (u_char *) record->account, len);
    if (link != NULL) {
        probed = (*link)->probed;
        ngx_http_reauth_zone_node_free(zone, link);
    }

    node = ngx_http_reauth_zone_alloc(zone, NGX_HTTP_REAUTH_NODE_MAX);

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);

    if (slot != NULL) {
        ngx_http_reauth_zone_learn(sh, record);

        ngx_http_reauth_zone_write_start(sh);
        ngx_http_reauth_zone_slot_unlink(sh, slot);
        ngx_http_reauth_zone_write_end(sh);
    }

    if (node == NULL) {

        /* the gate remains correct: an account without a record is open */

        return NGX_OK;
    }

    ngx_http_reauth_zone_node_pack(node, record, strings, lens);

    node->attempt_hash = ngx_http_reauth_zone_hash(
                             (u_char *) strings[NGX_HTTP_REAUTH_NODE_ATTEMPT],
                             lens[NGX_HTTP_REAUTH_NODE_ATTEMPT]);
    node->probed = probed;
    node->dirty.hash = hash;
    node->dirty.queue.next = NULL;
    node->dirty.index = 0;

    ngx_memory_barrier();
    ngx_queue_insert_head(reauth_attempt_ttl_ms(record) < REAUTH_TTL_MS
                              ? &sh->brief_queue : &sh->ended_queue,
                          &node->queue);

    ngx_http_reauth_zone_node_link(sh, node);
    ngx_http_reauth_zone_node_updated(sh, node, 1);
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, dirty);

    return NGX_OK;
}
