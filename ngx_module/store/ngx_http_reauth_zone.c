
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_zone.h"


/*
 * Active records live in slots of a fixed size that are never given back to
 * the slab, so that the gate may read them without the lock: it checks by a
 * sequence count that nobody wrote meanwhile.  Ended records, of which there
 * can be very many, are packed into as little as they need.
 */

#define NGX_HTTP_REAUTH_ZONE_LAYOUT       7

#define NGX_HTTP_REAUTH_CHUNK_SLOTS       4
#define NGX_HTTP_REAUTH_CHUNK_SIZE        4096

/* buckets of active records: small enough to stay in a core's cache */
#define NGX_HTTP_REAUTH_BUCKETS_MAX       65536

/* an ended record's text gives way before its account does */
#define NGX_HTTP_REAUTH_NODE_MAX          256

#define NGX_HTTP_REAUTH_READ_TRIES        8
#define NGX_HTTP_REAUTH_READ_STEPS        64
#define NGX_HTTP_REAUTH_EVICT_MAX         1024
#define NGX_HTTP_REAUTH_LIST_BUCKETS      4096

#define NGX_HTTP_REAUTH_LOAD_TIME         2000

/* the last changes, in a sixteenth of the zone at most */
#define NGX_HTTP_REAUTH_RING_MAX          1024
#define NGX_HTTP_REAUTH_RING_SHARE        16

#define NGX_HTTP_REAUTH_OUTCOMES_MAX      32

#define NGX_HTTP_REAUTH_ASKED_MAX         64
#define NGX_HTTP_REAUTH_ASKED_TIME        10000


/* what Redis has not been told yet: a slot or an ended record */

typedef struct {
    ngx_queue_t                     queue;     /* next NULL: it was told */
    uint32_t                        index;     /* of the slot; 0: ended */
    uint32_t                        hash;      /* of the account */
} ngx_http_reauth_dirty_t;


typedef struct {
    ngx_rbtree_node_t               due;       /* key: seconds */
    ngx_rbtree_node_t               poll;      /* key: milliseconds, may wrap */
    int64_t                         poll_ms;
    ngx_http_reauth_dirty_t         dirty;
    uint32_t                        next;      /* free list, or the bucket's */
    uint32_t                        attempt_next;
    uint32_t                        attempt_hash;
    uint32_t                        account_len;
    uint32_t                        used;
    reauth_record_t                 record;
} ngx_http_reauth_slot_t;


typedef char  ngx_http_reauth_slot_fits_its_chunk
    [sizeof(ngx_http_reauth_slot_t) * NGX_HTTP_REAUTH_CHUNK_SLOTS
     <= NGX_HTTP_REAUTH_CHUNK_SIZE ? 1 : -1];


/* the strings follow each other in data[], without terminators */

enum {
    NGX_HTTP_REAUTH_NODE_ACCOUNT = 0,
    NGX_HTTP_REAUTH_NODE_ATTEMPT,
    NGX_HTTP_REAUTH_NODE_ERROR_CODE,
    NGX_HTTP_REAUTH_NODE_CALLER,
    NGX_HTTP_REAUTH_NODE_PROGRESS,
    NGX_HTTP_REAUTH_NODE_ERROR_MESSAGE,
    NGX_HTTP_REAUTH_NODE_STRINGS
};


typedef struct ngx_http_reauth_node_s  ngx_http_reauth_node_t;

struct ngx_http_reauth_node_s {
    ngx_http_reauth_node_t         *next;      /* in the bucket */
    ngx_queue_t                     queue;     /* newest first */
    ngx_http_reauth_dirty_t         dirty;
    uint64_t                        epoch;
    uint64_t                        revision;
    int64_t                         since_ms;
    int64_t                         updated_ms;
    int64_t                         started_us;
    int64_t                         completed_us;
    uint8_t                         state;
    uint8_t                         auth_type;
    uint8_t                         action;
    uint8_t                         source;
    uint8_t                         lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    u_char                          data[1];
};


typedef struct {
    int64_t                         at_ms;
    ngx_uint_t                      pending;
    char                            account[REAUTH_ACCOUNT_MAX + 1];
} ngx_http_reauth_asked_t;


/* a webhook's; sets of a few, so that looking for one is bounded too */

#define NGX_HTTP_REAUTH_SEEN_WAYS  8

typedef struct {
    uint32_t                        seconds;   /* 0: free */
    uint8_t                         digest[NGX_HTTP_REAUTH_SEEN_LEN];
} ngx_http_reauth_digest_t;


typedef struct {
    uint64_t                        epoch;
    uint32_t                        hash;      /* of the account */
    size_t                          len;
    u_char                         *data;      /* NULL: none */
} ngx_http_reauth_outcome_t;


/* a change as it is remembered: the record, cut as an ended one is */

typedef struct {
    int64_t                         deadline_ms;
    uint8_t                         was;       /* the state before */

    union {
        ngx_http_reauth_node_t      node;      /* queues and links unused */
        u_char                      space[NGX_HTTP_REAUTH_NODE_MAX];
    } u;
} ngx_http_reauth_ring_t;


struct ngx_http_reauth_zone_shctx_s {
    ngx_uint_t                      layout;

    /* read by every gated call */
    ngx_atomic_t                    loaded;
    ngx_atomic_t                    active;
    ngx_atomic_t                    sequence;  /* odd: being written */
    uint32_t                       *buckets;
    uint32_t                        mask;
    uint32_t                        nslots;
    ngx_http_reauth_slot_t        **chunks;

    ngx_atomic_t                    changes;
    ngx_atomic_t                    remote_up;
    ngx_atomic_t                    remote_lag;
    ngx_atomic_t                    counts[NGX_HTTP_REAUTH_COUNT_LAST];
    int64_t                         load_until_ms;

    uint64_t                        boot;      /* names this life of it */

    /* under the lock only */
    ngx_http_reauth_ring_t         *ring;
    uint32_t                        nring;
    uint64_t                        change;    /* the number of the last one */
    uint32_t                        nchunks;
    uint32_t                        chunks_max;
    uint32_t                        free;      /* of the slots */
    uint32_t                       *attempts;  /* buckets by attempt */
    ngx_http_reauth_node_t        **ended;     /* buckets of ended records */
    uint32_t                        ended_mask;
    ngx_queue_t                     ended_queue;
    ngx_queue_t                     dirty;
    ngx_rbtree_t                    due;
    ngx_rbtree_node_t               due_sentinel;
    ngx_rbtree_t                    poll;
    ngx_rbtree_node_t               poll_sentinel;
    ngx_atomic_t                    nasked;
    ngx_http_reauth_asked_t         asked[NGX_HTTP_REAUTH_ASKED_MAX];
    ngx_http_reauth_outcome_t       outcomes[NGX_HTTP_REAUTH_OUTCOMES_MAX];
    ngx_uint_t                      outcome;   /* the oldest of them */
    uint64_t                        epoch;
    ngx_uint_t                      salt;      /* of this instance's epochs */
    ngx_uint_t                      states[REAUTH_STATE_LAST];
    ngx_uint_t                      accounts;
    ngx_uint_t                      dropped;
    ngx_uint_t                      evicted;
    ngx_uint_t                      ndirty;
    ngx_uint_t                      typical[REAUTH_AUTH_TYPE_LAST];
    ngx_http_reauth_digest_t       *seen;
    uint32_t                        seen_mask; /* of the sets */
};


/*
 * Of ids, for each ordinary call: whole words, multiplied and folded; the last
 * word overlaps the one before.
 */

static ngx_inline uint32_t
ngx_http_reauth_zone_hash(const u_char *data, size_t len)
{
    uint64_t       hash, word;
    const u_char  *last;

    hash = len;
    word = 0;

    if (len < sizeof(uint64_t)) {

        while (len) {
            word = word << 8 | data[--len];
        }

    } else {
        last = data + len - sizeof(uint64_t);

        for ( /* void */ ; data < last; data += sizeof(uint64_t)) {
            ngx_memcpy(&word, data, sizeof(uint64_t));
            hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
            hash ^= hash >> 32;
        }

        ngx_memcpy(&word, last, sizeof(uint64_t));
    }

    /* the last characters are the highest bits, but the lowest ones count */

    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (hash >> 32);
}


static ngx_inline ngx_http_reauth_slot_t *
ngx_http_reauth_slot(ngx_http_reauth_zone_shctx_t *sh, uint32_t index)
{
    /* indexes begin at 1, so that 0 can say "none" */

    index--;

    return &sh->chunks[index / NGX_HTTP_REAUTH_CHUNK_SLOTS]
                      [index % NGX_HTTP_REAUTH_CHUNK_SLOTS];
}


/*
 * The tree's key is an ngx_uint_t: milliseconds since the epoch need 64 bits,
 * which it may lack; seconds, rounded up, will do.
 */

static ngx_rbtree_key_t
ngx_http_reauth_zone_due_key(int64_t ms)
{
    return (ngx_rbtree_key_t) ((ms + 999) / 1000);
}


static uint32_t
ngx_http_reauth_zone_power_of_two(size_t n)
{
    uint32_t  power;

    for (power = 64; power < n && power < 0x40000000; power *= 2) {
        /* void */
    }

    return power;
}


ngx_int_t
ngx_http_reauth_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_reauth_zone_t  *ozone = data;

    size_t                         len, size;
    ngx_uint_t                     n;
    ngx_slab_pool_t               *shpool;
    ngx_http_reauth_zone_t        *zone;
    ngx_http_reauth_zone_shctx_t  *sh;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (ozone) {

        /* a reload: the old workers still write here, so nothing is reset */

        zone->sh = ozone->sh;
        zone->shpool = ozone->shpool;

        if (zone->sh->layout != NGX_HTTP_REAUTH_ZONE_LAYOUT) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "reauth_zone \"%V\" was made by another version of "
                          "the module; restart nginx", &shm_zone->shm.name);
            return NGX_ERROR;
        }

        if (!zone->remote) {
            zone->sh->loaded = 1;
        }

        return NGX_OK;
    }

    zone->shpool = shpool;

    if (shm_zone->shm.exists) {
        zone->sh = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_reauth_zone_shctx_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    size = shm_zone->shm.size;

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 512),
                NGX_HTTP_REAUTH_BUCKETS_MAX);

    sh->mask = n - 1;
    sh->buckets = ngx_slab_calloc(shpool, n * sizeof(uint32_t));
    sh->attempts = ngx_slab_calloc(shpool, n * sizeof(uint32_t));

    n = ngx_http_reauth_zone_power_of_two(size / 1024);

    sh->ended_mask = n - 1;
    sh->ended = ngx_slab_calloc(shpool, n * sizeof(void *));

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 1024),
                NGX_HTTP_REAUTH_SEEN_MAX);

    sh->seen_mask = n / NGX_HTTP_REAUTH_SEEN_WAYS - 1;
    sh->seen = ngx_slab_calloc(shpool, n * sizeof(ngx_http_reauth_digest_t));

    sh->chunks_max = size / NGX_HTTP_REAUTH_CHUNK_SIZE;
    sh->chunks = ngx_slab_calloc(shpool, sh->chunks_max * sizeof(void *));

    sh->nring = ngx_min(size / NGX_HTTP_REAUTH_RING_SHARE
                            / sizeof(ngx_http_reauth_ring_t),
                        NGX_HTTP_REAUTH_RING_MAX);
    sh->ring = ngx_slab_calloc(shpool, sh->nring
                                       * sizeof(ngx_http_reauth_ring_t));

    if (sh->buckets == NULL || sh->attempts == NULL || sh->ended == NULL
        || sh->chunks == NULL || sh->seen == NULL || sh->ring == NULL)
    {
        return NGX_ERROR;
    }

    ngx_queue_init(&sh->ended_queue);
    ngx_queue_init(&sh->dirty);
    ngx_rbtree_init(&sh->due, &sh->due_sentinel, ngx_rbtree_insert_value);
    ngx_rbtree_init(&sh->poll, &sh->poll_sentinel,
                    ngx_rbtree_insert_timer_value);

    sh->layout = NGX_HTTP_REAUTH_ZONE_LAYOUT;
    sh->salt = ngx_random() & REAUTH_EPOCH_SALT_MASK;
    sh->loaded = !zone->remote;
    sh->load_until_ms = ngx_http_reauth_now() + NGX_HTTP_REAUTH_LOAD_TIME;
    sh->boot = ((uint64_t) ngx_http_reauth_now() << 16)
               | (ngx_random() & 0xffff);

    len = sizeof(" in reauth_zone \"\"") + shm_zone->shm.name.len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in reauth_zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* ended records make room first: not each failure is worth a log line */
    shpool->log_nomem = 0;

    zone->sh = sh;
    shpool->data = sh;

    return NGX_OK;
}


/*
 * A worker that died while it wrote leaves an odd sequence behind; the lock
 * itself was freed by the master.
 */

static void
ngx_http_reauth_zone_lock(ngx_http_reauth_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->sh->sequence & 1) {
        ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                      "a worker died while it wrote to reauth_zone \"%V\"",
                      &zone->shm_zone->shm.name);

        ngx_memory_barrier();
        zone->sh->sequence++;
    }
}


static void
ngx_http_reauth_zone_unlock(ngx_http_reauth_zone_t *zone)
{
    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static void
ngx_http_reauth_zone_write_start(ngx_http_reauth_zone_shctx_t *sh)
{
    sh->sequence++;
    ngx_memory_barrier();
}


static void
ngx_http_reauth_zone_write_end(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_memory_barrier();
    sh->sequence++;
}


/* an active slot by its account; also for readers that hold no lock */

static ngx_inline ngx_http_reauth_slot_t *
ngx_http_reauth_zone_slot_find(ngx_http_reauth_zone_shctx_t *sh, uint32_t hash,
    const u_char *account, size_t len)
{
    uint32_t                 index;
    ngx_uint_t               steps;
    ngx_http_reauth_slot_t  *slot;

    index = sh->buckets[hash & sh->mask];

    for (steps = 0; index != 0 && index <= sh->nslots; steps++) {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->dirty.hash == hash
            && slot->account_len == len
            && ngx_memcmp(slot->record.account, account, len) == 0)
        {
            return slot;
        }

        /*
         * Without the lock the chain may change under the reader's feet, even
         * into a ring; the sequence tells it afterwards.  With it, the bound
         * is never met: there are no more slots than that.
         */

        if (steps > sh->nslots) {
            return NULL;
        }

        index = slot->next;
    }

    return NULL;
}


static void
ngx_http_reauth_zone_copy_closed(ngx_http_reauth_slot_t *slot,
    ngx_http_reauth_closed_t *closed)
{
    reauth_record_t  *record;

    record = &slot->record;

    closed->since_ms = record->since_ms;
    closed->deadline_ms = record->deadline_ms;
    closed->state = record->state;
    closed->action = record->action;
    closed->auth_type = record->auth_type;

    ngx_memcpy(closed->attempt, record->attempt, sizeof(closed->attempt));
    closed->attempt[REAUTH_ATTEMPT_MAX] = '\0';
    closed->attempt_len = ngx_strlen(closed->attempt);
}


ngx_uint_t
ngx_http_reauth_zone_open(ngx_http_reauth_zone_t *zone, const u_char *account,
    size_t len)
{
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    return sh->loaded
           && (sh->active == 0
               || sh->buckets[ngx_http_reauth_zone_hash(account, len)
                              & sh->mask] == 0);
}


ngx_int_t
ngx_http_reauth_zone_gate(ngx_http_reauth_zone_t *zone, u_char *account,
    size_t len, int64_t now_ms, ngx_http_reauth_closed_t *closed)
{
    uint32_t                       hash;
    ngx_uint_t                     tries;
    ngx_atomic_uint_t              sequence;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (!sh->loaded && now_ms < sh->load_until_ms) {
        return NGX_BUSY;
    }

    hash = ngx_http_reauth_zone_hash(account, len);

    for (tries = 0; tries < NGX_HTTP_REAUTH_READ_TRIES; tries++) {

        sequence = sh->sequence;
        ngx_memory_barrier();

        if (sequence & 1) {
            ngx_cpu_pause();
            continue;
        }

        slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

        if (slot != NULL) {
            ngx_http_reauth_zone_copy_closed(slot, closed);
        }

        ngx_memory_barrier();

        if (sh->sequence == sequence) {
            goto found;
        }
    }

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

    if (slot != NULL) {
        ngx_http_reauth_zone_copy_closed(slot, closed);
    }

    ngx_http_reauth_zone_unlock(zone);

found:

    if (slot == NULL || now_ms >= closed->deadline_ms) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_http_reauth_node_t **
ngx_http_reauth_zone_node_find(ngx_http_reauth_zone_shctx_t *sh, uint32_t hash,
    const u_char *account, size_t len)
{
    ngx_http_reauth_node_t  *node, **link;

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


static void
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

static void
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

static void
ngx_http_reauth_zone_read(ngx_http_reauth_zone_shctx_t *sh,
    const u_char *account, size_t len, reauth_record_t *record)
{
    uint32_t                  hash;
    ngx_http_reauth_node_t  **link;
    ngx_http_reauth_slot_t   *slot;

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


ngx_int_t
ngx_http_reauth_zone_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    ngx_http_reauth_zone_lock(zone);
    ngx_http_reauth_zone_read(zone->sh, account->data, account->len, record);
    ngx_http_reauth_zone_unlock(zone);

    if (record->state == REAUTH_STATE_NONE) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_expire(record, ngx_http_reauth_now());

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_find_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record)
{
    uint32_t                       hash, index;
    ngx_int_t                      rc;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;
    hash = ngx_http_reauth_zone_hash(attempt->data, attempt->len);

    ngx_http_reauth_zone_lock(zone);

    for (index = sh->attempts[hash & sh->mask];
         index != 0;
         index = slot->attempt_next)
    {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->attempt_hash == hash
            && reauth_string_equals(attempt, slot->record.attempt))
        {
            *record = slot->record;
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


static void
ngx_http_reauth_zone_set_dirty(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty, ngx_uint_t set)
{
    ngx_queue_t  *q;

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


static void
ngx_http_reauth_zone_node_free(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_node_t **link)
{
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    node = *link;

    *link = node->next;

    ngx_queue_remove(&node->queue);
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, 0);

    sh->states[node->state]--;
    sh->accounts--;

    ngx_slab_free_locked(zone->shpool, node);
}


/* drops the oldest ended record; one that Redis has not seen goes last */

static ngx_int_t
ngx_http_reauth_zone_evict(ngx_http_reauth_zone_t *zone)
{
    ngx_queue_t                   *q;
    ngx_uint_t                     n;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (ngx_queue_empty(&sh->ended_queue)) {
        return NGX_DECLINED;
    }

    q = ngx_queue_last(&sh->ended_queue);

    for (n = 0; n < NGX_HTTP_REAUTH_READ_STEPS; n++) {
        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        if (node->dirty.queue.next == NULL) {
            goto found;
        }

        q = ngx_queue_prev(q);

        if (q == ngx_queue_sentinel(&sh->ended_queue)) {
            break;
        }
    }

    q = ngx_queue_last(&sh->ended_queue);
    node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

found:

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

    p = ngx_slab_alloc_locked(zone->shpool, size);

    for (n = 0; p == NULL && n < NGX_HTTP_REAUTH_EVICT_MAX; n++) {

        if (ngx_http_reauth_zone_evict(zone) != NGX_OK) {
            break;
        }

        p = ngx_slab_alloc_locked(zone->shpool, size);
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

    if (sh->nchunks == sh->chunks_max) {
        return NGX_ERROR;
    }

    chunk = ngx_http_reauth_zone_alloc(zone, NGX_HTTP_REAUTH_CHUNK_SIZE);
    if (chunk == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(chunk, NGX_HTTP_REAUTH_CHUNK_SIZE);

    sh->chunks[sh->nchunks] = chunk;

    for (i = 0; i < NGX_HTTP_REAUTH_CHUNK_SLOTS; i++) {
        index = sh->nchunks * NGX_HTTP_REAUTH_CHUNK_SLOTS + i + 1;

        chunk[i].dirty.index = index;
        chunk[i].next = sh->free;
        sh->free = index;
    }

    sh->nchunks++;

    ngx_memory_barrier();
    sh->nslots = sh->nchunks * NGX_HTTP_REAUTH_CHUNK_SLOTS;

    return NGX_OK;
}


static void
ngx_http_reauth_zone_attempt_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *link;

    if (slot->record.attempt[0] == '\0') {
        return;
    }

    for (link = &sh->attempts[slot->attempt_hash & sh->mask];
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

    if (slot->record.attempt[0] == '\0') {
        return;
    }

    slot->attempt_hash = ngx_http_reauth_zone_hash(
                             (u_char *) slot->record.attempt,
                             ngx_strlen(slot->record.attempt));

    bucket = &sh->attempts[slot->attempt_hash & sh->mask];
    slot->attempt_next = *bucket;
    *bucket = slot->dirty.index;
}


static void
ngx_http_reauth_zone_set_poll(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t at_ms)
{
    slot->poll_ms = at_ms;
    slot->poll.key = (ngx_rbtree_key_t) at_ms;
    ngx_rbtree_insert(&sh->poll, &slot->poll);
}


static void
ngx_http_reauth_zone_slot_fill(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_slot_t *slot, const reauth_record_t *record)
{
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    slot->record = *record;

    ngx_http_reauth_zone_attempt_link(sh, slot);

    slot->due.key = ngx_http_reauth_zone_due_key(
                        reauth_attempt_due_ms(record));
    ngx_rbtree_insert(&sh->due, &slot->due);

    ngx_http_reauth_zone_set_poll(sh, slot,
        reauth_schedule_next(&zone->schedule, record, ngx_http_reauth_now(),
                             ngx_random()));

    sh->states[record->state]++;
}


static void
ngx_http_reauth_zone_slot_clear(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    ngx_http_reauth_zone_attempt_unlink(sh, slot);
    ngx_rbtree_delete(&sh->due, &slot->due);
    ngx_rbtree_delete(&sh->poll, &slot->poll);
    sh->states[slot->record.state]--;
}


static void
ngx_http_reauth_zone_slot_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot)
{
    uint32_t  *link;

    ngx_http_reauth_zone_slot_clear(sh, slot);
    ngx_http_reauth_zone_set_dirty(sh, &slot->dirty, 0);

    for (link = &sh->buckets[slot->dirty.hash & sh->mask];
         *link != slot->dirty.index;
         link = &ngx_http_reauth_slot(sh, *link)->next)
    {
        /* void */
    }

    *link = slot->next;

    slot->used = 0;
    slot->next = sh->free;
    sh->free = slot->dirty.index;
    sh->active--;
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

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);

    if (slot != NULL) {
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
    bucket = &sh->buckets[hash & sh->mask];

    ngx_http_reauth_zone_write_start(sh);

    sh->free = slot->next;

    slot->dirty.hash = hash;
    slot->account_len = len;
    slot->used = 1;
    slot->dirty.queue.next = NULL;

    ngx_http_reauth_zone_slot_fill(zone, slot, record);

    slot->next = *bucket;
    *bucket = slot->dirty.index;

    sh->active++;
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

    node->next = sh->ended[hash & sh->ended_mask];
    sh->ended[hash & sh->ended_mask] = node;

    ngx_queue_insert_head(&sh->ended_queue, &node->queue);

    node->dirty.queue.next = NULL;
    node->dirty.index = 0;
    ngx_http_reauth_zone_set_dirty(sh, &node->dirty, dirty);

    sh->states[record->state]++;
    sh->accounts++;

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

    if (reauth_attempt_same(previous, record)) {
        return;
    }

    (void) ngx_http_reauth_zone_node_size(record, strings, lens);

    ring = &sh->ring[++sh->change % sh->nring];

    ngx_http_reauth_zone_node_pack(&ring->u.node, record, strings, lens);

    ring->deadline_ms = record->deadline_ms;
    ring->was = previous->state;

    sh->changes++;
}


static ngx_int_t
ngx_http_reauth_zone_write(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, ngx_uint_t dirty)
{
    size_t           len;
    uint32_t         hash;
    ngx_int_t        rc;
    reauth_record_t  previous;

    len = ngx_strlen(record->account);
    hash = ngx_http_reauth_zone_hash((u_char *) record->account, len);

    ngx_http_reauth_zone_read(zone->sh, (u_char *) record->account, len,
                              &previous);

    rc = reauth_state_is_active(record->state)
         ? ngx_http_reauth_zone_write_active(zone, record, hash, len, dirty)
         : ngx_http_reauth_zone_write_ended(zone, record, hash, len, dirty);

    if (rc == NGX_OK) {

        if (record->epoch > zone->sh->epoch) {
            zone->sh->epoch = record->epoch;
        }

        ngx_http_reauth_zone_remember(zone->sh, &previous, record);
    }

    return rc;
}


static ngx_http_reauth_dirty_t *
ngx_http_reauth_zone_dirty(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record, uint64_t **revision)
{
    size_t                    len;
    uint32_t                  hash;
    ngx_http_reauth_node_t  **link;
    ngx_http_reauth_slot_t   *slot;

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


static ngx_uint_t
ngx_http_reauth_zone_is_dirty(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record)
{
    uint64_t                 *revision;
    ngx_http_reauth_dirty_t  *dirty;

    dirty = ngx_http_reauth_zone_dirty(sh, record, &revision);

    return dirty != NULL && dirty->queue.next != NULL;
}


ngx_int_t
ngx_http_reauth_zone_begin(ngx_http_reauth_zone_t *zone,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_begin_result_t *result, reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_uint_t                     again;
    reauth_record_t                previous;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_OK;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(sh, begin->account.data, begin->account.len,
                              &previous);

    again = remote != NULL
            && reauth_attempt_judge_again(&previous,
                               ngx_http_reauth_zone_is_dirty(sh, &previous),
                               remote, begin->epoch);

    if (again && remote->epoch == begin->epoch) {

        /* it is this one: worker 0 has written it meanwhile */

        *record = *remote;
        *result = REAUTH_BEGIN_STARTED;

        rc = ngx_http_reauth_zone_write(zone, record, 0);
        goto done;
    }

    if (again) {
        previous = *remote;
    }

    begin->epoch = reauth_epoch_make(ngx_max(previous.epoch, sh->epoch),
                                     begin->now_ms, sh->salt);

    *result = reauth_attempt_begin(&previous, begin, record);

    if (*result == REAUTH_BEGIN_STARTED) {
        rc = ngx_http_reauth_zone_write(zone, record, zone->remote);

    } else {
        *record = previous;

        if (again) {
            rc = ngx_http_reauth_zone_write(zone, record, 0);
        }
    }

done:

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_advance(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_fact_t *fact,
    const reauth_record_t *remote, reauth_advance_result_t *result,
    reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_uint_t                     again;
    reauth_record_t                current;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_OK;
    sh = zone->sh;
    again = 0;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(sh, account->data, account->len, &current);

    if (remote != NULL) {
        again = reauth_attempt_judge_again(&current,
                                 ngx_http_reauth_zone_is_dirty(sh, &current),
                                 remote, fact->new_epoch);

        if (!again) {
            *record = current;
            *result = REAUTH_ADVANCE_SAME;
            goto done;
        }

        current = *remote;
    }

    fact->new_epoch = reauth_attempt_new_epoch(&current, fact, sh->salt);

    *result = reauth_attempt_advance(&current, fact, record);

    if (*result == REAUTH_ADVANCE_APPLIED) {
        rc = ngx_http_reauth_zone_write(zone, record, zone->remote);

    } else {
        *record = current;

        if (again) {
            rc = ngx_http_reauth_zone_write(zone, record, 0);
        }
    }

done:

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_merge(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *remote, ngx_uint_t live, reauth_record_t *record)
{
    uint64_t                 *known;
    ngx_int_t                 rc;
    reauth_merge_result_t     result;
    ngx_http_reauth_dirty_t  *dirty;

    rc = NGX_OK;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(zone->sh, (u_char *) remote->account,
                              ngx_strlen(remote->account), record);

    known = NULL;
    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    result = reauth_attempt_merge(record,
                                  dirty != NULL && dirty->queue.next != NULL,
                                  remote, live);

    switch (result) {

    case REAUTH_MERGE_TAKEN:
        rc = ngx_http_reauth_zone_write(zone, remote, 0);
        *record = *remote;
        break;

    case REAUTH_MERGE_SAME:
    case REAUTH_MERGE_OURS:

        if (dirty == NULL || known == NULL) {

            /* what is not there is taken, so that there always is one */
            break;
        }

        *known = remote->revision;
        record->revision = remote->revision;

        ngx_http_reauth_zone_set_dirty(zone->sh, dirty,
                                       result == REAUTH_MERGE_OURS);

        rc = result == REAUTH_MERGE_OURS ? NGX_AGAIN : NGX_OK;
        break;

    case REAUTH_MERGE_ASK:
        rc = NGX_DECLINED;
        break;

    default: /* REAUTH_MERGE_LATE */
        break;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_lost(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    uint64_t                 *known;
    ngx_http_reauth_dirty_t  *dirty;

    ngx_http_reauth_zone_lock(zone);

    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    if (dirty != NULL && *known == record->revision) {
        *known = 0;
        ngx_http_reauth_zone_set_dirty(zone->sh, dirty, 1);
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_committed(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint64_t revision)
{
    uint64_t                 *known;
    ngx_int_t                 rc;
    reauth_record_t           current;
    ngx_http_reauth_dirty_t  *dirty;

    rc = NGX_OK;

    ngx_http_reauth_zone_lock(zone);

    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    if (dirty != NULL) {
        ngx_http_reauth_zone_read(zone->sh, (u_char *) record->account,
                                  ngx_strlen(record->account), &current);

        if (*known < revision) {
            *known = revision;
        }

        if (reauth_attempt_same(record, &current)) {
            ngx_http_reauth_zone_set_dirty(zone->sh, dirty, 0);

        } else if (dirty->queue.next != NULL) {
            rc = NGX_AGAIN;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_next_dirty(ngx_http_reauth_zone_t *zone,
    reauth_record_t *record)
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
        q = ngx_queue_head(&sh->dirty);

        /* to the end of the line: one that fails holds up no other */

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&sh->dirty, q);

        dirty = ngx_queue_data(q, ngx_http_reauth_dirty_t, queue);

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

    if (sh->active == 0) {
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


ngx_int_t
ngx_http_reauth_zone_next_poll(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    int64_t lease_ms, reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_rbtree_node_t             *node;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->active == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    if (sh->poll.root != sh->poll.sentinel) {
        node = ngx_rbtree_min(sh->poll.root, sh->poll.sentinel);
        slot = ngx_queue_data(node, ngx_http_reauth_slot_t, poll);

        if (now_ms >= slot->poll_ms) {
            ngx_rbtree_delete(&sh->poll, &slot->poll);
            ngx_http_reauth_zone_set_poll(sh, slot, now_ms + lease_ms);

            *record = slot->record;
            rc = NGX_OK;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_poll_at(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t at_ms)
{
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_find(sh,
               ngx_http_reauth_zone_hash(account->data, account->len),
               account->data, account->len);

    if (slot != NULL) {
        ngx_rbtree_delete(&sh->poll, &slot->poll);
        ngx_http_reauth_zone_set_poll(sh, slot, at_ms);
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


/* the digest's place: its own, else a free or the oldest one of its set */

static ngx_http_reauth_digest_t *
ngx_http_reauth_zone_seen_find(ngx_http_reauth_zone_shctx_t *sh,
    const uint8_t *digest)
{
    uint32_t                   hash;
    ngx_uint_t                 i;
    ngx_http_reauth_digest_t  *set, *place;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    set = &sh->seen[(hash & sh->seen_mask) * NGX_HTTP_REAUTH_SEEN_WAYS];
    place = set;

    for (i = 0; i < NGX_HTTP_REAUTH_SEEN_WAYS; i++) {

        if (ngx_memcmp(set[i].digest, digest, NGX_HTTP_REAUTH_SEEN_LEN) == 0) {
            return &set[i];
        }

        if (set[i].seconds < place->seconds) {
            place = &set[i];
        }
    }

    return place;
}


ngx_int_t
ngx_http_reauth_zone_see(ngx_http_reauth_zone_t *zone, const uint8_t *digest,
    int64_t now_ms)
{
    uint32_t                   now;
    ngx_int_t                  rc;
    ngx_http_reauth_digest_t  *seen;

    rc = NGX_OK;
    now = (uint32_t) (now_ms / 1000);

    ngx_http_reauth_zone_lock(zone);

    seen = ngx_http_reauth_zone_seen_find(zone->sh, digest);

    if (ngx_memcmp(seen->digest, digest, NGX_HTTP_REAUTH_SEEN_LEN) == 0
        && seen->seconds + NGX_HTTP_REAUTH_SEEN_TIME > now)
    {
        rc = NGX_DECLINED;

    } else {
        seen->seconds = now;
        ngx_memcpy(seen->digest, digest, NGX_HTTP_REAUTH_SEEN_LEN);
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_unsee(ngx_http_reauth_zone_t *zone, const uint8_t *digest)
{
    ngx_http_reauth_digest_t  *seen;

    ngx_http_reauth_zone_lock(zone);

    seen = ngx_http_reauth_zone_seen_find(zone->sh, digest);

    if (ngx_memcmp(seen->digest, digest, NGX_HTTP_REAUTH_SEEN_LEN) == 0) {
        ngx_memzero(seen, sizeof(ngx_http_reauth_digest_t));
    }

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_put_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *sealed)
{
    ngx_http_reauth_outcome_t     *outcome;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    outcome = &sh->outcomes[sh->outcome];
    sh->outcome = (sh->outcome + 1) % NGX_HTTP_REAUTH_OUTCOMES_MAX;

    if (outcome->data) {
        ngx_slab_free_locked(zone->shpool, outcome->data);
    }

    outcome->epoch = epoch;
    outcome->hash = ngx_http_reauth_zone_hash(account->data, account->len);
    outcome->len = sealed->len;
    outcome->data = ngx_slab_alloc_locked(zone->shpool, sealed->len);

    if (outcome->data) {
        ngx_memcpy(outcome->data, sealed->data, sealed->len);
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_get_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *out)
{
    uint32_t                       hash;
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_reauth_outcome_t     *outcome;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;
    hash = ngx_http_reauth_zone_hash(account->data, account->len);

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_REAUTH_OUTCOMES_MAX; i++) {
        outcome = &sh->outcomes[i];

        if (outcome->data
            && outcome->epoch == epoch
            && outcome->hash == hash
            && outcome->len <= out->len)
        {
            ngx_memcpy(out->data, outcome->data, outcome->len);
            out->len = outcome->len;
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_sweep(ngx_http_reauth_zone_t *zone, int64_t before_ms,
    ngx_uint_t limit)
{
    ngx_queue_t                   *q;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    while (limit-- && !ngx_queue_empty(&sh->ended_queue)) {
        q = ngx_queue_last(&sh->ended_queue);
        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        if (node->updated_ms >= before_ms) {
            break;
        }

        ngx_http_reauth_zone_node_free(zone,
            ngx_http_reauth_zone_node_find(sh, node->dirty.hash, node->data,
                                  node->lens[NGX_HTTP_REAUTH_NODE_ACCOUNT]));
    }

    ngx_http_reauth_zone_unlock(zone);
}


static ngx_uint_t
ngx_http_reauth_zone_listed(ngx_http_reauth_zone_cursor_t *cursor,
    ngx_uint_t state, ngx_uint_t auth_type)
{
    return (cursor->state == REAUTH_STATE_LAST || cursor->state == state)
           && (cursor->auth_type == REAUTH_AUTH_TYPE_LAST
               || cursor->auth_type == auth_type);
}


static ngx_uint_t
ngx_http_reauth_zone_list_active(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records)
{
    int64_t                  now_ms;
    ngx_uint_t               n;
    ngx_http_reauth_slot_t  *slot;

    n = 0;
    now_ms = ngx_http_reauth_now();

    while (n < cursor->limit && cursor->index < sh->nslots) {
        slot = ngx_http_reauth_slot(sh, ++cursor->index);

        if (!slot->used) {
            continue;
        }

        records[n] = slot->record;
        ngx_http_reauth_zone_expire(&records[n], now_ms);

        if (ngx_http_reauth_zone_listed(cursor, records[n].state,
                                        records[n].auth_type))
        {
            n++;
        }
    }

    if (cursor->index >= sh->nslots) {
        cursor->ended = 1;
        cursor->index = 0;
    }

    return n;
}


static ngx_uint_t
ngx_http_reauth_zone_list_ended(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records,
    ngx_uint_t n)
{
    ngx_uint_t               i, buckets;
    ngx_http_reauth_node_t  *node;

    for (buckets = 0;
         cursor->index <= sh->ended_mask
         && buckets < NGX_HTTP_REAUTH_LIST_BUCKETS;
         buckets++)
    {
        i = 0;

        for (node = sh->ended[cursor->index]; node; node = node->next) {

            if (i++ < cursor->offset) {
                continue;
            }

            if (n == cursor->limit) {
                return n;
            }

            cursor->offset = i;

            if (ngx_http_reauth_zone_listed(cursor, node->state,
                                            node->auth_type))
            {
                ngx_http_reauth_zone_node_unpack(node, &records[n++]);
            }
        }

        cursor->index++;
        cursor->offset = 0;
    }

    cursor->done = cursor->index > sh->ended_mask;

    return n;
}


ngx_uint_t
ngx_http_reauth_zone_list(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records)
{
    ngx_uint_t                     n;
    ngx_http_reauth_zone_shctx_t  *sh;

    n = 0;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    if (!cursor->ended) {
        n = ngx_http_reauth_zone_list_active(sh, cursor, records);
    }

    if (cursor->ended) {
        n = ngx_http_reauth_zone_list_ended(sh, cursor, records, n);
    }

    ngx_http_reauth_zone_unlock(zone);

    return n;
}


/*
 * By the order of their deadlines, so that it takes as long for many accounts
 * as for few; only those that are being sent are out of that order.
 */

static int64_t
ngx_http_reauth_zone_oldest(ngx_http_reauth_zone_shctx_t *sh)
{
    int64_t                  oldest;
    ngx_uint_t               n;
    ngx_rbtree_node_t       *node;
    ngx_http_reauth_slot_t  *slot;

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
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    ngx_memcpy(summary->states, sh->states, sizeof(sh->states));

    summary->active = sh->active;
    summary->accounts = sh->accounts;
    summary->dropped = sh->dropped;
    summary->evicted = sh->evicted;
    summary->dirty = sh->ndirty;
    summary->size = zone->shm_zone->shm.size;
    summary->free = zone->shpool->pfree * ngx_pagesize;
    summary->oldest_since_ms = ngx_http_reauth_zone_oldest(sh);

    ngx_http_reauth_zone_unlock(zone);
}


ngx_uint_t
ngx_http_reauth_zone_loaded(ngx_http_reauth_zone_t *zone, int64_t now_ms)
{
    return zone->sh->loaded || now_ms >= zone->sh->load_until_ms;
}


void
ngx_http_reauth_zone_set_loaded(ngx_http_reauth_zone_t *zone)
{
    zone->sh->loaded = 1;
}


void
ngx_http_reauth_zone_count(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    (void) ngx_atomic_fetch_add(&zone->sh->counts[what], 1);
}


ngx_uint_t
ngx_http_reauth_zone_counted(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    return zone->sh->counts[what];
}


ngx_uint_t
ngx_http_reauth_zone_changes(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->changes;
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


ngx_int_t
ngx_http_reauth_zone_next_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, reauth_record_t *record,
    ngx_uint_t *was)
{
    ngx_int_t                      rc;
    ngx_http_reauth_ring_t        *ring;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_OK;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    if (place->boot != sh->boot
        || place->change > sh->change
        || sh->change - place->change > sh->nring)
    {
        rc = NGX_ABORT;

    } else if (place->change == sh->change) {
        rc = NGX_DECLINED;

    } else {
        ring = &sh->ring[++place->change % sh->nring];

        ngx_http_reauth_zone_node_unpack(&ring->u.node, record);

        record->deadline_ms = ring->deadline_ms;
        *was = ring->was;
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

        if (n == max) {
            *complete = 0;
            break;
        }

        ngx_http_reauth_zone_node_unpack(node, &records[n++]);
    }

    ngx_http_reauth_zone_unlock(zone);

    return n;
}


ngx_uint_t
ngx_http_reauth_zone_typical(ngx_http_reauth_zone_t *zone,
    ngx_uint_t auth_type)
{
    return zone->sh->typical[auth_type];
}


void
ngx_http_reauth_zone_set_remote(ngx_http_reauth_zone_t *zone, ngx_uint_t up,
    ngx_uint_t lag_ms)
{
    zone->sh->remote_up = up;
    zone->sh->remote_lag = lag_ms;
}


void
ngx_http_reauth_zone_get_remote(ngx_http_reauth_zone_t *zone, ngx_uint_t *up,
    ngx_uint_t *lag_ms)
{
    *up = zone->sh->remote_up;
    *lag_ms = zone->sh->remote_lag;
}
