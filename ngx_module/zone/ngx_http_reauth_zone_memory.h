
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The layout of the zone; private to the files of this folder.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_MEMORY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_MEMORY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_audit.h"
#include "reauth_order.h"
#include "reauth_places.h"
#include "reauth_shares.h"
#include "ngx_http_reauth_zone.h"
#include "ngx_http_reauth_zone_files.h"
#include "ngx_http_reauth_zone_notices.h"
#include "ngx_http_reauth_zone_usage.h"


/*
 * Active records are in slots of a fixed size that are never freed to the slab
 * allocator, so that the gate can read them without the lock: a sequence
 * counter shows whether they were written meanwhile.  Ended records, of which
 * there may be many, are packed.
 */

#define NGX_HTTP_REAUTH_ZONE_LAYOUT       46

#define NGX_HTTP_REAUTH_CHUNK_SLOTS       4
#define NGX_HTTP_REAUTH_CHUNK_SIZE        4096

/*
 * Buckets of active records: one for each that has room in the zone, and few
 * enough to stay in a core's cache.
 */
#define NGX_HTTP_REAUTH_BUCKETS_MAX       262144

/*
 * The size of each ended record.  A page contains such records only, so it is
 * free when all of them have been dropped.  If a record is too long, its
 * texts are truncated, but not its account.
 */
#define NGX_HTTP_REAUTH_NODE_MAX          256

/*
 * pages of ended records that are dropped for a page of slots, and examined
 * to find each of them
 */
#define NGX_HTTP_REAUTH_EVICT_MAX         4
#define NGX_HTTP_REAUTH_EVICT_PAGES       8

#define NGX_HTTP_REAUTH_READ_TRIES        8
#define NGX_HTTP_REAUTH_READ_STEPS        64

/* records, or empty buckets, that a list examines per lock; number of locks */
#define NGX_HTTP_REAUTH_LIST_BATCH        64
#define NGX_HTTP_REAUTH_LIST_BATCHES      256

/* a search in the order of updates takes the time of so many records */
#define NGX_HTTP_REAUTH_LIST_SEARCH       16

/* in a position of a list by time: the attempts that are being sent */
#define NGX_HTTP_REAUTH_LIST_SENT         0x80000000


#define NGX_HTTP_REAUTH_LOAD_TIME         2000

/* the last changes, in a sixteenth of the zone at most */
#define NGX_HTTP_REAUTH_RING_MAX          1024
#define NGX_HTTP_REAUTH_RING_SHARE        16

/* sealed responses: bytes of the zone for each one; in sets */
#define NGX_HTTP_REAUTH_OUTCOMES_SHARE    32768
#define NGX_HTTP_REAUTH_OUTCOMES_MAX      4096
#define NGX_HTTP_REAUTH_OUTCOME_WAYS      8

/* places of waiting updates: bytes of the zone for each set */
#define NGX_HTTP_REAUTH_PLACES_SHARE      131072
#define NGX_HTTP_REAUTH_PLACES_SETS_MAX   1024

/* hexadecimal */
#define NGX_HTTP_REAUTH_WRITER_LEN        16

/* overrides of gates: bytes of the zone for each */
#define NGX_HTTP_REAUTH_OVERRIDES_SHARE   32768
#define NGX_HTTP_REAUTH_OVERRIDES_MIN     16
#define NGX_HTTP_REAUTH_OVERRIDES_MAX     1000
#define NGX_HTTP_REAUTH_OVERRIDES_SWEEP   16

/* that are counted, or listed, under one lock: their accounts are anywhere */
#define NGX_HTTP_REAUTH_OVERRIDES_COUNT   16

/*
 * counters of callers, in pages that are never freed; one page refers to these
 * pages, another one has the buckets
 */
#define NGX_HTTP_REAUTH_USAGE_PAGE        4096
#define NGX_HTTP_REAUTH_USAGE_PER_PAGE    (NGX_HTTP_REAUTH_USAGE_PAGE         \
                                           / sizeof(ngx_http_reauth_usage_t))
#define NGX_HTTP_REAUTH_USAGE_PAGES       512
#define NGX_HTTP_REAUTH_USAGE_BUCKETS     1024

/* ms until memory is tried again for a caller that had no room */
#define NGX_HTTP_REAUTH_USAGE_RETRY       1000

/*
 * entries of each audit log, all in a part of the zone; a small zone has none,
 * as it has hardly room for accounts
 */
#define NGX_HTTP_REAUTH_AUDIT_SHARE       32
#define NGX_HTTP_REAUTH_AUDIT_ZONE_MIN    524288
#define NGX_HTTP_REAUTH_AUDIT_MAX         256

/* set in a bucket of slots if an override closes a gate of this bucket */
#define NGX_HTTP_REAUTH_BUCKET_CLOSED     0x80000000

/* during a repair: the content is not known, readers must not skip it */
#define NGX_HTTP_REAUTH_BUCKET_UNKNOWN    0xffffffff

#define NGX_HTTP_REAUTH_ASKED_MAX         64
#define NGX_HTTP_REAUTH_ASKED_TIME        10000


/*
 * Records that Redis does not have are queued in the order of their last
 * change.  DIRTY_OLD: an unchanged record that Redis has lost.  These are
 * queued before all others, and no worker is writing them; a record that is
 * already queued keeps its place.
 */

#define NGX_HTTP_REAUTH_CLEAN             0
#define NGX_HTTP_REAUTH_DIRTY             1
#define NGX_HTTP_REAUTH_DIRTY_OLD         2


/* a dirty record: a slot or an ended record */

typedef struct {
    ngx_queue_t                     queue;     /* next NULL: not dirty */
    unsigned                        index:31;  /* of the slot; 0: ended */
    unsigned                        unsent:1;  /* no worker is writing it */
    uint32_t                        hash;      /* of the account */
} ngx_http_reauth_dirty_t;


/* a node of a tree, with a number in the bytes that it does not use */

typedef union {
    ngx_rbtree_node_t               node;

    struct {
        u_char                      node[offsetof(ngx_rbtree_node_t, data)
                                         + sizeof(u_char)];
        uint32_t                    number;
    } rest;
} ngx_http_reauth_slot_node_t;


struct ngx_http_reauth_slot_s {
    ngx_http_reauth_slot_node_t     due;       /* key: seconds;
                                                  number: lists asked for
                                                  before */
    ngx_http_reauth_slot_node_t     poll;      /* key: milliseconds, may wrap;
                                                  data: its class; number: the
                                                  last list it was in */
#if (NGX_PTR_SIZE == 4)
    int64_t                         poll_ms;
#endif
    ngx_http_reauth_dirty_t         dirty;
    uint32_t                        next;      /* free list, or the bucket's */
    uint32_t                        attempt_next;
    uint32_t                        attempt_hash;
    uint8_t                         account_len;
    uint8_t                         used;
    uint16_t                        round;     /* when it was last read */
    uint32_t                        order[2];  /* by time of update */
    reauth_record_t                 record;
};


#define ngx_http_reauth_slot_seen(slot)    (slot)->due.rest.number
#define ngx_http_reauth_slot_listed(slot)  (slot)->poll.rest.number


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
typedef struct ngx_http_reauth_healed_s  ngx_http_reauth_healed_t;

/* the first 64 bytes are all that a repair reads, of each record */

struct ngx_http_reauth_node_s {
    ngx_http_reauth_node_t         *next;      /* in the bucket */
    ngx_http_reauth_node_t         *attempt_next;
    ngx_queue_t                     queue;     /* newest first */
    ngx_http_reauth_dirty_t         dirty;
    uint32_t                        attempt_hash;
    uint8_t                         state;
    uint8_t                         auth_type;
    uint8_t                         action;
    uint8_t                         source;
    uint64_t                        epoch;
    uint64_t                        origin;
    uint64_t                        revision;
    int64_t                         since_ms;
    int64_t                         updated_ms;
    int64_t                         started_us;
    int64_t                         completed_us;
    int64_t                         polled_ms;
    uint32_t                        order[2];  /* by time of update */
    uint32_t                        probed;    /* see reauth_failed_pack() */
    uint16_t                        poll_status;
    uint8_t                         poll_error;
    uint8_t                         fresh;
    uint8_t                         override;  /* in the change log */
    uint8_t                         lens[NGX_HTTP_REAUTH_NODE_STRINGS];
    u_char                          data[1];
};


typedef struct {
    int64_t                         at_ms;
    ngx_uint_t                      pending;
    char                            account[REAUTH_ACCOUNT_MAX + 1];
} ngx_http_reauth_asked_t;


/*
 * Digests of webhooks, in small sets, newest first, so that a look-up is
 * bounded.
 */

#define NGX_HTTP_REAUTH_DEDUP_WAYS  8

typedef struct {
    uint32_t                        seconds;   /* 0: free */
    uint8_t                         digest[NGX_HTTP_REAUTH_DEDUP_LEN];
} ngx_http_reauth_digest_t;


typedef struct {
    uint32_t                        next;      /* in the bucket */
    uint32_t                        hash;      /* of the account */
    uint8_t                         used;
    reauth_override_copies_t        copies;
    reauth_override_t               override;
} ngx_http_reauth_overridden_t;


/* a logged value; free if the time is 0 */

#define NGX_HTTP_REAUTH_NOTED_MAX   64

typedef struct {
    uint32_t                        hash;
    uint32_t                        seconds;
} ngx_http_reauth_noted_t;


typedef struct {
    uint64_t                        epoch;
    int64_t                         until_ms;
    uint32_t                        hash;      /* of the account */
    size_t                          len;
    u_char                         *data;      /* NULL: none */
} ngx_http_reauth_outcome_t;


/*
 * An entry of the change log: a record, truncated like an ended one.  It is
 * zeroed when its account is forgotten.
 */

typedef struct {
    int64_t                         deadline_ms;
    uint8_t                         was;       /* the state before */

    union {
        ngx_http_reauth_node_t      node;      /* queues and links unused */
        u_char                      space[NGX_HTTP_REAUTH_NODE_MAX];
    } u;
} ngx_http_reauth_ring_t;


/* an active write, repeated if its worker is killed */

typedef struct {
    ngx_uint_t                      set;
    ngx_uint_t                      dirty;
    reauth_record_t                 record;
} ngx_http_reauth_redo_t;


typedef struct {
    ngx_atomic_t                    buckets[REAUTH_DURATION_BUCKETS];
    ngx_atomic_t                    sum_ms;
} ngx_http_reauth_zone_times_t;


struct ngx_http_reauth_zone_shctx_s {
    ngx_http_reauth_zone_gate_t     gate;      /* the first: zone_open() */

    ngx_atomic_t                    changes;
    ngx_atomic_t                    redis_up;
    ngx_atomic_t                    redis_lag;
    ngx_atomic_t                    refused[NGX_HTTP_REAUTH_REFUSED_LAST];
    ngx_atomic_t                    paused;    /* until: ngx_current_msec */
    volatile int64_t                drained;   /* until: monotonic; 0: not */
    ngx_atomic_t                    counts[NGX_HTTP_REAUTH_COUNT_LAST];
    ngx_http_reauth_zone_times_t    times[NGX_HTTP_REAUTH_TIMES_LAST];
    ngx_atomic_t                    results[REAUTH_RESULT_LAST];
                                               /* of the upstream, the last of
                                                  each: ngx_current_msec */
    ngx_atomic_t                    failing;   /* the first of an outage */
    ngx_atomic_t                    stale[NGX_HTTP_REAUTH_FILES];
                                               /* previous contents are used:
                                                  ngx_current_msec */
    ngx_atomic_t                    polls_due[REAUTH_POLL_CLASSES];
    ngx_atomic_t                    polls_lag[REAUTH_POLL_CLASSES];
    ngx_atomic_t                    told_upstream;  /* its health, as logged */
    int64_t                         load_until_ms;
    int64_t                         ahead_ms;  /* the clerk: of the wall clock,
                                                  as logged last */

    uint64_t                        boot;      /* identifies this zone */
    reauth_seal_t                   told;      /* hides numbers from callers */
    u_char                          writer[NGX_HTTP_REAUTH_WRITER_LEN];
    uint16_t                        round;     /* of reading all of Redis */
    uint32_t                        lists;     /* of accounts, asked for */

    reauth_clerk_t                  clerk;     /* written under the lock */

    u_char                         *base;      /* of the shared memory */
    u_char                         *end;       /* of what was ever used */

    /* set once; the entries are changed under the lock */
    ngx_http_reauth_healed_t       *heals;     /* NULL: never on */
    uint32_t                        heals_mask;  /* of the sets */
    volatile int64_t                heal_ms;   /* of the next try; 0: none */

    ngx_http_reauth_receiver_stats_t  receivers[NGX_HTTP_REAUTH_RECEIVERS_MAX];

    /* read by the gate, as slots are */
    ngx_atomic_t                    overridden;  /* overrides in use */
    uint32_t                        noverrides;  /* of the array */
    uint32_t                        naudit;    /* entries of each audit log */
    uint32_t                       *override_buckets;
    ngx_http_reauth_overridden_t   *overrides;

    /* counters of callers: read without the lock, added under it */
    ngx_http_reauth_usage_t         usage[NGX_HTTP_REAUTH_USAGE_FIRST];
    ngx_http_reauth_usage_t       **usage_pages;  /* NULL: none yet */
    ngx_atomic_t                    nusage;    /* in the pages */
    ngx_atomic_t                    usage_full;  /* when there was no room */

    /* under the lock only */
    uint32_t                       *usage_buckets;
    int64_t                         measured_ms; /* when Redis' clock was read
                                                    last; 0: never */
    ngx_uint_t                      held;      /* by a worker that may die */
    ngx_uint_t                      allocating;
    ngx_http_reauth_redo_t          redo;
    ngx_http_reauth_ring_t         *ring;
    uint32_t                        nring;
    uint64_t                        change;    /* the number of the last one */
    uint32_t                        nchunks;
    uint32_t                        chunks_max;
    uint32_t                        free;      /* of the slots */
    uint32_t                       *attempts;  /* buckets by attempt */
    ngx_http_reauth_node_t        **ended;     /* buckets of ended records */
    ngx_http_reauth_node_t        **ended_attempts; /* by attempt */
    uint32_t                        ended_mask;
    reauth_order_t                  updated;   /* all records, newest first */
    uint32_t                        unordered; /* places to be added to it */
    ngx_queue_t                     ended_queue;
    ngx_queue_t                     brief_queue;  /* those kept briefly */
    ngx_queue_t                     dirty;
    ngx_rbtree_t                    due;
    ngx_rbtree_node_t               due_sentinel;
    ngx_rbtree_t                    poll[REAUTH_POLL_CLASSES];
    unsigned                        polled_others;
    int64_t                         requested_ms;  /* polls, by persons */
    reauth_requester_t              requesters[REAUTH_REQUESTERS];
    ngx_rbtree_node_t               poll_sentinel;
    ngx_atomic_t                    nasked;
    ngx_http_reauth_asked_t         asked[NGX_HTTP_REAUTH_ASKED_MAX];
    ngx_http_reauth_noted_t         noted[NGX_HTTP_REAUTH_NOTED_MAX];
    ngx_http_reauth_outcome_t      *outcomes;
    uint32_t                        outcomes_mask;  /* of the sets */
    uint32_t                        places_sets;
    reauth_place_t                 *places;
    uint64_t                        seed;      /* of hashes by names */
    reauth_share_t                 *shares;    /* attempts, by caller */
    size_t                          shares_mask;
    size_t                          capacity;  /* active attempts */
    uint64_t                        ticket;    /* of the last place */
    uint64_t                        epoch;
    ngx_uint_t                      salt;      /* of this gateway's epochs */
    uint64_t                        origin;
    ngx_uint_t                      states[REAUTH_STATE_LAST + 1];
    ngx_uint_t                      waiting;   /* for a list */
    ngx_uint_t                      accounts;
    ngx_uint_t                      dropped;
    ngx_uint_t                      evicted;
    ngx_uint_t                      ndirty;
    ngx_uint_t                      typical[REAUTH_AUTH_TYPE_LAST];
    ngx_http_reauth_digest_t       *digests;
    uint32_t                        digest_mask;  /* of the sets */
    ngx_uint_t                      closing;   /* overrides that close a gate,
                                                  in gate.active, too */
    reauth_audit_ring_t             audit[REAUTH_AUDIT_CLASSES];
    uint64_t                        audited;   /* the last number */
};


static ngx_inline ngx_http_reauth_slot_t *
ngx_http_reauth_slot(ngx_http_reauth_zone_shctx_t *sh, uint32_t index)
{
    /* indexes begin at 1: 0 means none */

    index--;

    return &sh->gate.chunks[index / NGX_HTTP_REAUTH_CHUNK_SLOTS]
                      [index % NGX_HTTP_REAUTH_CHUNK_SLOTS];
}


/* when it is polled next: the key does not wrap if it is of 64 bits */

static ngx_inline int64_t
ngx_http_reauth_slot_poll_ms(ngx_http_reauth_slot_t *slot)
{
#if (NGX_PTR_SIZE == 4)
    return slot->poll_ms;
#else
    return (int64_t) slot->poll.node.key;
#endif
}


/* whether (key, index) is before this node of the tree of deadlines */

static ngx_inline ngx_uint_t
ngx_http_reauth_zone_due_before(ngx_rbtree_key_t key, uint32_t index,
    ngx_rbtree_node_t *node)
{
    ngx_http_reauth_slot_t  *slot;

    if (key != node->key) {
        return key < node->key;
    }

    slot = ngx_queue_data(node, ngx_http_reauth_slot_t, due);

    return index < slot->dirty.index;
}


/* finds an active slot by account; can be called without the lock */

static ngx_inline ngx_http_reauth_slot_t *
ngx_http_reauth_zone_slot_find(ngx_http_reauth_zone_shctx_t *sh, uint32_t hash,
    const u_char *account, size_t len)
{
    uint32_t                 index;
    ngx_uint_t               steps;
    ngx_http_reauth_slot_t  *slot;

    index = sh->gate.buckets[hash & sh->gate.mask]
            & ~NGX_HTTP_REAUTH_BUCKET_CLOSED;

    for (steps = 0; index != 0 && index <= sh->gate.nslots; steps++) {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->dirty.hash == hash
            && slot->account_len == len
            && ngx_memcmp(slot->record.account, account, len) == 0)
        {
            return slot;
        }

        /*
         * Without the lock, the chain may change while it is read, and even
         * become a ring, which the sequence shows afterwards.  With the lock,
         * the limit is never reached: there are not more slots.
         */

        if (steps > sh->gate.nslots) {
            return NULL;
        }

        index = slot->next;
    }

    return NULL;
}


/*
 * A build with NGX_HTTP_REAUTH_CHECK_LOCK aborts if a list, a queue or a tree
 * is accessed without the lock.
 */

#if (NGX_HTTP_REAUTH_CHECK_LOCK)

void ngx_http_reauth_zone_check_lock(ngx_http_reauth_zone_shctx_t *sh);

#else

#define ngx_http_reauth_zone_check_lock(sh)

#endif


void ngx_http_reauth_zone_lock(ngx_http_reauth_zone_t *zone);
void ngx_http_reauth_zone_unlock(ngx_http_reauth_zone_t *zone);

/*
 * Memory that is written under the lock: a page that was never used is mapped
 * by the kernel, which takes much longer than to fill it.
 */
void ngx_http_reauth_zone_touch(void *p, size_t len);

/* the lock must be held to call the functions below */

/* repairs the zone: the previous holder of the lock was killed */
void ngx_http_reauth_zone_repair(ngx_http_reauth_zone_t *zone);

/* allocates from the slab pool; NULL: no memory */
void *ngx_http_reauth_zone_slab_alloc(ngx_http_reauth_zone_t *zone,
    size_t size);
void ngx_http_reauth_zone_slab_free(ngx_http_reauth_zone_t *zone, void *p);

ngx_http_reauth_node_t **ngx_http_reauth_zone_node_find(
    ngx_http_reauth_zone_shctx_t *sh, uint32_t hash, const u_char *account,
    size_t len);

/* finds an ended record by attempt; NULL: none */
ngx_http_reauth_node_t *ngx_http_reauth_zone_node_attempt(
    ngx_http_reauth_zone_shctx_t *sh, const u_char *attempt, size_t len);

void ngx_http_reauth_zone_node_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node);
void ngx_http_reauth_zone_blank(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *forgotten);
void ngx_http_reauth_zone_node_account(ngx_http_reauth_node_t *node,
    char *account);
void ngx_http_reauth_zone_node_unpack(ngx_http_reauth_node_t *node,
    reauth_record_t *record);
void ngx_http_reauth_zone_slot_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t poll_ms);
ngx_http_reauth_dirty_t *ngx_http_reauth_zone_read(
    ngx_http_reauth_zone_shctx_t *sh, const u_char *account, size_t len,
    reauth_record_t *record);
void ngx_http_reauth_zone_set_dirty(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty, ngx_uint_t set);
void ngx_http_reauth_zone_node_free(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_node_t **link);
void ngx_http_reauth_zone_set_poll(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, int64_t at_ms, reauth_poll_class_t class);
ngx_int_t ngx_http_reauth_zone_write(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, ngx_uint_t dirty);
ngx_http_reauth_dirty_t *ngx_http_reauth_zone_dirty(
    ngx_http_reauth_zone_shctx_t *sh, const reauth_record_t *record,
    uint64_t **revision);
ngx_uint_t ngx_http_reauth_zone_attempts(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *caller);
reauth_place_t *ngx_http_reauth_zone_places(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account);
void ngx_http_reauth_zone_cut_outcome(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account, uint64_t epoch, int64_t until_ms);


/* ngx_http_reauth_zone_override.c */

ngx_int_t ngx_http_reauth_zone_overrides_init(
    ngx_http_reauth_zone_shctx_t *sh, ngx_slab_pool_t *shpool, size_t size);
ngx_http_reauth_overridden_t *ngx_http_reauth_zone_override_find(
    ngx_http_reauth_zone_shctx_t *sh, uint32_t hash, const u_char *account,
    size_t len);
void ngx_http_reauth_zone_repair_overrides(ngx_http_reauth_zone_shctx_t *sh);

/* how many gates they close and keep open; NGX_AGAIN: more are left */
ngx_int_t ngx_http_reauth_zone_overrides_count(
    ngx_http_reauth_zone_shctx_t *sh, ngx_http_reauth_zone_summary_t *summary,
    ngx_uint_t *index, int64_t now_ms);


/* ngx_http_reauth_zone_updated.c */

void ngx_http_reauth_zone_slot_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, ngx_uint_t add);
void ngx_http_reauth_zone_node_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node, ngx_uint_t add);

/* after a repair: all records are to be added to the order anew */
void ngx_http_reauth_zone_updated_lose(ngx_http_reauth_zone_shctx_t *sh);

/* adds some of them, NGX_OK: it has all; "left" as in zone_list.c */
ngx_int_t ngx_http_reauth_zone_updated_build(ngx_http_reauth_zone_shctx_t *sh,
    ngx_uint_t *left);

/* the first record after the position; one of both is NULL, at the end both */
void ngx_http_reauth_zone_updated_after(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_slot_t **slot,
    ngx_http_reauth_node_t **node);


/* ngx_http_reauth_zone_usage.c */

void ngx_http_reauth_zone_repair_usage(ngx_http_reauth_zone_shctx_t *sh);


/* ngx_http_reauth_zone_audit.c */

ngx_int_t ngx_http_reauth_zone_audit_init(ngx_http_reauth_zone_shctx_t *sh,
    ngx_slab_pool_t *shpool, size_t size);


/* ngx_http_reauth_zone_memory.c */

/* an entry of the change log; "was": the state before */
void ngx_http_reauth_zone_remember_as(ngx_http_reauth_zone_shctx_t *sh,
    ngx_uint_t was, const reauth_record_t *record);
void ngx_http_reauth_zone_write_start(ngx_http_reauth_zone_shctx_t *sh);
void ngx_http_reauth_zone_write_end(ngx_http_reauth_zone_shctx_t *sh);
void ngx_http_reauth_zone_slot_clear(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot);
void ngx_http_reauth_zone_slot_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot);


/* ngx_http_reauth_zone_ended.c */

/* removes ended records if needed; NULL: no room, the second one logs it */
void *ngx_http_reauth_zone_room(ngx_http_reauth_zone_t *zone, size_t size);
void *ngx_http_reauth_zone_alloc(ngx_http_reauth_zone_t *zone, size_t size);
size_t ngx_http_reauth_zone_node_size(const reauth_record_t *record,
    const char **strings, uint8_t *lens);
void ngx_http_reauth_zone_node_pack(ngx_http_reauth_node_t *node,
    const reauth_record_t *record, const char **strings, const uint8_t *lens);
ngx_int_t ngx_http_reauth_zone_write_ended(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint32_t hash, size_t len,
    ngx_uint_t dirty);


/* ngx_http_reauth_zone_failed.c */

/* the record is in its bucket from now on, or not any more */
void ngx_http_reauth_zone_failed_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node);
void ngx_http_reauth_zone_failed_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node);
void ngx_http_reauth_zone_failed_reset(ngx_http_reauth_zone_shctx_t *sh);


/* ngx_http_reauth_zone_heal.c */

/* allocates the table, if it is needed and does not exist */
ngx_int_t ngx_http_reauth_zone_heals_init(ngx_http_reauth_zone_t *zone);

/* the account has this record from now on */
void ngx_http_reauth_zone_heal_written(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record);


/* ngx_http_reauth_zone_counts.c */

/* an active attempt has ended; others learn of it by merge() */
void ngx_http_reauth_zone_count_end(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *before, const reauth_fact_t *fact);


#endif /* _NGX_HTTP_REAUTH_ZONE_MEMORY_H_INCLUDED_ */
