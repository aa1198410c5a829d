
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The shared memory, which the gate and the status read, with or without Redis.
 * Its layout is described in docs/architecture.md, "Shared memory".
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_clock.h"
#include "reauth_attempt.h"
#include "reauth_clerk.h"
#include "reauth_clock.h"
#include "reauth_degraded.h"
#include "reauth_judge.h"
#include "reauth_duration.h"
#include "reauth_heal.h"
#include "reauth_override.h"
#include "reauth_route.h"
#include "reauth_schedule.h"
#include "reauth_seal.h"
#include "reauth_upstream_health.h"


typedef struct ngx_http_reauth_zone_shctx_s  ngx_http_reauth_zone_shctx_t;
typedef struct ngx_http_reauth_slot_s  ngx_http_reauth_slot_t;
typedef struct ngx_http_reauth_receiver_stats_s
    ngx_http_reauth_receiver_stats_t;


/*
 * Maximum number of stored digests of webhooks; in a small zone, one for each
 * kilobyte.  A new digest replaces the oldest of its set.
 */
#define NGX_HTTP_REAUTH_DEDUP_MAX   4096
#define NGX_HTTP_REAUTH_DEDUP_TIME  86400           /* seconds */
#define NGX_HTTP_REAUTH_DEDUP_LEN   16              /* of a digest */


typedef struct {
    ngx_http_reauth_zone_shctx_t  *sh;
    ngx_slab_pool_t               *shpool;
    ngx_shm_zone_t                *shm_zone;
    ngx_uint_t                     has_redis;  /* Redis is to be read first */
    reauth_schedule_t              schedule;  /* of the background poller */
    unsigned                       spread;    /* of first polls */
    reauth_heal_conf_t             heal;
    ngx_log_t                     *log;       /* of this process */
} ngx_http_reauth_zone_t;


/* the beginning of the shared memory, read by each gated call */

typedef struct {
    ngx_uint_t                     layout;
    ngx_atomic_t                   loaded;
    ngx_atomic_t                   active;
    ngx_atomic_t                   sequence;  /* odd: being written */
    uint32_t                      *buckets;
    uint32_t                       mask;
    uint32_t                       nslots;
    ngx_http_reauth_slot_t       **chunks;
    volatile int64_t               clock;     /* see ngx_http_reauth_now() */

    /* for reauth_gate_failed */
    ngx_atomic_t                   failed;    /* accounts, reauth_failed.h */
    uint8_t                       *failed_buckets;  /* those that have one */
    uint32_t                       failed_mask;
} ngx_http_reauth_zone_gate_t;


/* data of a closed gate */

typedef struct {
    int64_t      now_ms;         /* when it was looked up */
    int64_t      since_ms;
    int64_t      deadline_ms;
    uint8_t      state;
    uint8_t      action;
    uint8_t      auth_type;
    uint8_t      override;       /* reauth_override_gate_t */
    uint8_t      attempt_len;
    u_char       attempt[REAUTH_ATTEMPT_MAX + 1];
} ngx_http_reauth_closed_t;


typedef struct {
    ngx_uint_t   states[REAUTH_STATE_LAST + 1];
    ngx_uint_t   active;
    ngx_int_t    gates_closed;
    ngx_uint_t   overridden[2];  /* gates kept open, kept closed */
    ngx_uint_t   accounts;
    ngx_uint_t   dropped;        /* changes not stored: no memory */
    ngx_uint_t   evicted;        /* ended records removed */
    ngx_uint_t   dirty;          /* not yet written to Redis */
    size_t       size;
    size_t       free;
    int64_t      oldest_since_ms;  /* of the active; 0: none */
} ngx_http_reauth_zone_summary_t;


/* orders of lists: active ones by their beginning; any by update, the newest
   first */
#define NGX_HTTP_REAUTH_LIST_SINCE    3
#define NGX_HTTP_REAUTH_LIST_UPDATED  4

typedef struct {
    /* what to list */
    ngx_uint_t   states;         /* a bit for each; 0: any */
    ngx_uint_t   auth_type;      /* REAUTH_AUTH_TYPE_LAST: any */
    ngx_uint_t   gate;           /* reauth_override_gate_t; NONE: any */
    char         caller[REAUTH_CALLER_MAX + 1];  /* empty: any */
    ngx_uint_t   unread;         /* of the active: not read in this round */
    ngx_uint_t   limit;

    /* position; zeroed initially, "done" at the end */
    ngx_uint_t   ended;          /* past the active ones; 2: past these, too,
                                    only overridden ones are left; an order */
    uint64_t     index;
    ngx_uint_t   offset;
    ngx_uint_t   done;
} ngx_http_reauth_zone_cursor_t;


/* a position in the change log of one instance of the zone */

typedef struct {
    uint64_t     boot;
    uint64_t     change;
} ngx_http_reauth_zone_place_t;


/* counters with two or three labels: their values */

typedef enum {
    NGX_HTTP_REAUTH_UPDATE_ACCEPTED = 0,
    NGX_HTTP_REAUTH_UPDATE_REJECTED,
    NGX_HTTP_REAUTH_UPDATE_UNKNOWN,
    NGX_HTTP_REAUTH_UPDATE_COALESCED,
    NGX_HTTP_REAUTH_UPDATE_INVALID,
    NGX_HTTP_REAUTH_UPDATE_CONFLICT,
    NGX_HTTP_REAUTH_UPDATE_UNAVAILABLE,
    NGX_HTTP_REAUTH_UPDATE_LAST
} ngx_http_reauth_update_e;


#define NGX_HTTP_REAUTH_ENDS  (REAUTH_STATE_LAST - REAUTH_STATE_SUCCEEDED)


typedef enum {
    NGX_HTTP_REAUTH_STATUS_2XX = 0,
    NGX_HTTP_REAUTH_STATUS_3XX,
    NGX_HTTP_REAUTH_STATUS_4XX,
    NGX_HTTP_REAUTH_STATUS_5XX,
    NGX_HTTP_REAUTH_STATUS_LAST
} ngx_http_reauth_status_class_e;


/* what a person does to the gateway */

typedef enum {
    NGX_HTTP_REAUTH_ACT_NONE = 0,
    NGX_HTTP_REAUTH_ACT_OVERRIDE,
    NGX_HTTP_REAUTH_ACT_OVERRIDE_END,
    NGX_HTTP_REAUTH_ACT_POLL,
    NGX_HTTP_REAUTH_ACT_FORGET,
    NGX_HTTP_REAUTH_ACT_DRAIN,
    NGX_HTTP_REAUTH_ACT_DRAIN_END,
    NGX_HTTP_REAUTH_ACT_LAST
} ngx_http_reauth_act_e;


/* counters of all workers; see api/ngx_http_reauth_metrics.c */

typedef enum {
    NGX_HTTP_REAUTH_COUNT_GATE_CLOSED = 0,
    NGX_HTTP_REAUTH_COUNT_GATE_HELD,
    NGX_HTTP_REAUTH_COUNT_GATE_WOULD_CLOSE,
    NGX_HTTP_REAUTH_COUNT_GATE_BYPASSED,
    NGX_HTTP_REAUTH_COUNT_GATE_FAILED,
    NGX_HTTP_REAUTH_COUNT_GATE_PROBE,
    NGX_HTTP_REAUTH_COUNT_HEAL_STARTED,
    NGX_HTTP_REAUTH_COUNT_HEAL_REJECTED,
    NGX_HTTP_REAUTH_COUNT_HEAL_UNKNOWN,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_KEPT,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_DUPLICATE,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_IGNORED,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_BAD_SIGNATURE,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_MALFORMED,
    NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED,
    NGX_HTTP_REAUTH_COUNT_POLL_ANSWERED,
    NGX_HTTP_REAUTH_COUNT_POLL_FAILED,
    NGX_HTTP_REAUTH_COUNT_POLL_LIMITED,
    NGX_HTTP_REAUTH_COUNT_POLL_REFUSED,
    NGX_HTTP_REAUTH_COUNT_POLL_LOST,
    NGX_HTTP_REAUTH_COUNT_UNREAD_UPDATE,
    NGX_HTTP_REAUTH_COUNT_UNREAD_REAUTHENTICATE,
    NGX_HTTP_REAUTH_COUNT_UNREAD_START,
    NGX_HTTP_REAUTH_COUNT_UNREAD_POLL,
    NGX_HTTP_REAUTH_COUNT_UNREAD_ACCOUNTS,
    NGX_HTTP_REAUTH_COUNT_UNREAD_CALL,
    NGX_HTTP_REAUTH_COUNT_UNREAD_WEBHOOK,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_STATE,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_PROGRESS,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_ERROR_CODE,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_EVENT,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_FIELD,
    NGX_HTTP_REAUTH_COUNT_UNKNOWN_CREDITS,
    NGX_HTTP_REAUTH_COUNT_CALLER_UNKNOWN,
    NGX_HTTP_REAUTH_COUNT_CALLER_FORBIDDEN,
    NGX_HTTP_REAUTH_COUNT_ORIGIN_FOREIGN,
    NGX_HTTP_REAUTH_COUNT_DROPPED_UNKNOWN,
    NGX_HTTP_REAUTH_COUNT_DROPPED_AUTH_TYPE,
    NGX_HTTP_REAUTH_COUNT_WITHHELD_KEY,
    NGX_HTTP_REAUTH_COUNT_WITHHELD_URL,
    NGX_HTTP_REAUTH_COUNT_WITHHELD_HEADER,
    NGX_HTTP_REAUTH_COUNT_LIMIT_DIFFERENT_UPDATES,
    NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING,
    NGX_HTTP_REAUTH_COUNT_LIMIT_BODIES,
    NGX_HTTP_REAUTH_COUNT_LIMIT_ATTEMPTS,
    NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING_CALLER,
    NGX_HTTP_REAUTH_COUNT_LIMIT_OVERRIDES,
    NGX_HTTP_REAUTH_COUNT_LIMIT_POLLS,
    NGX_HTTP_REAUTH_COUNT_LIMIT_BUDGET,
    NGX_HTTP_REAUTH_COUNT_LIMIT_ACTS,
    NGX_HTTP_REAUTH_COUNT_FILE_CALLERS,
    NGX_HTTP_REAUTH_COUNT_FILE_SECRET,
    NGX_HTTP_REAUTH_COUNT_KEY_UNAVAILABLE,
    NGX_HTTP_REAUTH_COUNT_CLERK_TAKEN,

    NGX_HTTP_REAUTH_COUNT_THROTTLED_RATE,      /* ms */
    NGX_HTTP_REAUTH_COUNT_THROTTLED_CONCURRENCY,
    NGX_HTTP_REAUTH_COUNT_THROTTLED_PAUSE,

    /* in the order of reauth_upstream_result_t, from KEY_REFUSED on */
    NGX_HTTP_REAUTH_COUNT_UPSTREAM_ERRORS,
    NGX_HTTP_REAUTH_COUNT_UPSTREAM_ERRORS_LAST =
        NGX_HTTP_REAUTH_COUNT_UPSTREAM_ERRORS
        + REAUTH_RESULT_LAST - REAUTH_RESULT_KEY_REFUSED - 1,

    NGX_HTTP_REAUTH_COUNT_REDIS_CONNECTED,
    NGX_HTTP_REAUTH_COUNT_REDIS_REPLIED,
    NGX_HTTP_REAUTH_COUNT_REDIS_FAILED,
    NGX_HTTP_REAUTH_COUNT_REDIS_LOST,

    /* by auth_type and result */
    NGX_HTTP_REAUTH_COUNT_UPDATES,
    NGX_HTTP_REAUTH_COUNT_UPDATES_LAST = NGX_HTTP_REAUTH_COUNT_UPDATES
        + REAUTH_AUTH_TYPE_LAST * NGX_HTTP_REAUTH_UPDATE_LAST - 1,

    /* by auth_type, state and source */
    NGX_HTTP_REAUTH_COUNT_ENDED,
    NGX_HTTP_REAUTH_COUNT_ENDED_LAST = NGX_HTTP_REAUTH_COUNT_ENDED
        + REAUTH_AUTH_TYPE_LAST * NGX_HTTP_REAUTH_ENDS * REAUTH_SOURCE_LAST
        - 1,

    /* by operation and class of the status */
    NGX_HTTP_REAUTH_COUNT_REQUESTS,
    NGX_HTTP_REAUTH_COUNT_REQUESTS_LAST = NGX_HTTP_REAUTH_COUNT_REQUESTS
        + REAUTH_OPERATION_LAST * NGX_HTTP_REAUTH_STATUS_LAST - 1,

    /* by what was done and class of the status */
    NGX_HTTP_REAUTH_COUNT_ACTS,
    NGX_HTTP_REAUTH_COUNT_ACTS_LAST = NGX_HTTP_REAUTH_COUNT_ACTS
        + NGX_HTTP_REAUTH_ACT_LAST * NGX_HTTP_REAUTH_STATUS_LAST - 1,

    NGX_HTTP_REAUTH_COUNT_LAST
} ngx_http_reauth_count_e;


#define ngx_http_reauth_count_of_update(auth_type, result)                    \
    ((ngx_http_reauth_count_e) (NGX_HTTP_REAUTH_COUNT_UPDATES                 \
        + (auth_type) * NGX_HTTP_REAUTH_UPDATE_LAST + (result)))

#define ngx_http_reauth_count_of_end(auth_type, state, source)                \
    ((ngx_http_reauth_count_e) (NGX_HTTP_REAUTH_COUNT_ENDED                   \
        + ((auth_type) * NGX_HTTP_REAUTH_ENDS                                 \
           + (state) - REAUTH_STATE_SUCCEEDED)                                \
          * REAUTH_SOURCE_LAST + (source)))

#define ngx_http_reauth_count_of_request(operation, class)                    \
    ((ngx_http_reauth_count_e) (NGX_HTTP_REAUTH_COUNT_REQUESTS                \
        + (operation) * NGX_HTTP_REAUTH_STATUS_LAST + (class)))

#define ngx_http_reauth_count_of_act(act, class)                              \
    ((ngx_http_reauth_count_e) (NGX_HTTP_REAUTH_COUNT_ACTS                    \
        + (act) * NGX_HTTP_REAUTH_STATUS_LAST + (class)))


/* kinds of waiting requests, see ngx_http_reauth_wait_kind_e */
#define NGX_HTTP_REAUTH_WAITS  3


/* distributions of durations, of all workers */

typedef enum {
    NGX_HTTP_REAUTH_TIMES_LOGIN = 0,           /* by auth_type */
    NGX_HTTP_REAUTH_TIMES_WAIT =
        NGX_HTTP_REAUTH_TIMES_LOGIN + REAUTH_AUTH_TYPE_LAST,

    /* by kind */
    NGX_HTTP_REAUTH_TIMES_UPSTREAM =
        NGX_HTTP_REAUTH_TIMES_WAIT + NGX_HTTP_REAUTH_WAITS,

    /* by operation; the gateway's own polls and lists follow */
    NGX_HTTP_REAUTH_TIMES_POLLER =
        NGX_HTTP_REAUTH_TIMES_UPSTREAM + REAUTH_OPERATION_CALL,
    NGX_HTTP_REAUTH_TIMES_ACCOUNTS,

    NGX_HTTP_REAUTH_TIMES_REDIS,
    NGX_HTTP_REAUTH_TIMES_LAST
} ngx_http_reauth_times_e;


typedef struct {
    ngx_uint_t   buckets[REAUTH_DURATION_BUCKETS];  /* not cumulative */
    ngx_uint_t   sum_ms;
} ngx_http_reauth_times_t;


/*
 * Hash of an ID, computed for each ordinary call: words are multiplied and
 * folded; the last word overlaps the previous one.
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

    /* the last characters are in the highest bits, but the lowest are used */

    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (hash >> 32);
}


/*
 * Returns 1 if the gate of the account is certainly open; otherwise use
 * ngx_http_reauth_zone_gate().  Inline, as it runs for each ordinary call.
 */

static ngx_inline ngx_uint_t
ngx_http_reauth_zone_open(ngx_http_reauth_zone_t *zone, const u_char *account,
    size_t len)
{
    ngx_http_reauth_zone_gate_t  *gate;

    gate = (ngx_http_reauth_zone_gate_t *) zone->sh;

    return gate->loaded
           && (gate->active == 0
               || gate->buckets[ngx_http_reauth_zone_hash(account, len)
                                & gate->mask] == 0);
}


void ngx_http_reauth_zone_count(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what);
void ngx_http_reauth_zone_count_n(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what, ngx_uint_t n);
ngx_uint_t ngx_http_reauth_zone_counted(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what);


void ngx_http_reauth_zone_took(ngx_http_reauth_zone_t *zone,
    ngx_uint_t times, reauth_duration_t kind, int64_t ms);
void ngx_http_reauth_zone_times(ngx_http_reauth_zone_t *zone,
    ngx_uint_t times, ngx_http_reauth_times_t *read);

ngx_int_t ngx_http_reauth_zone_init(ngx_shm_zone_t *shm_zone, void *data);

/* from then on, this process uses the clock of the zone */
void ngx_http_reauth_zone_init_process(ngx_http_reauth_zone_t *zone);


/*
 * Looks up the gate.  NGX_DECLINED: open; NGX_OK: closed, *closed is set;
 * NGX_BUSY: unknown, Redis has not been read yet.  Takes the lock only to
 * repair the zone after a writer died.
 */
ngx_int_t ngx_http_reauth_zone_gate(ngx_http_reauth_zone_t *zone,
    u_char *account, size_t len, ngx_http_reauth_closed_t *closed);

/*
 * Reads without the lock whether the update with this epoch is being sent.
 * 0: it is not, or the zone is being changed.
 */
ngx_uint_t ngx_http_reauth_zone_is_sent(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, uint64_t origin);

/*
 * NGX_OK or NGX_DECLINED.  An active record past its deadline is returned as
 * expired, by "kept" unchanged.
 */
ngx_int_t ngx_http_reauth_zone_kept(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record);
ngx_int_t ngx_http_reauth_zone_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record);

/* the same for what is shown: a forgotten account is unknown */
ngx_int_t ngx_http_reauth_zone_show(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record);

/*
 * The account of an attempt, active or the last one of its account, into
 * account[REAUTH_ACCOUNT_MAX + 1]; NGX_OK or NGX_DECLINED, in the same time: a
 * caller does not learn whether an attempt of others is known.
 */
ngx_int_t ngx_http_reauth_zone_find_owner(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, char *account);

/* finds the account of an active attempt; NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_reauth_zone_find_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record);

/* the same for an ended attempt that is the last one of its account */
ngx_int_t ngx_http_reauth_zone_find_ended_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record);


/*
 * Changes.  Each function reads the stored record, calls core/reauth_judge.h
 * and stores the result, under one lock; *record is set to the result.  A
 * changed record is dirty until ngx_http_reauth_zone_committed().  NGX_ERROR:
 * the zone is full, nothing was changed.
 */

/*
 * Begins an attempt and sets begin->epoch.  "remote" is NULL, or a later
 * record of Redis, by which the begin of begin->epoch is judged again.
 */
ngx_int_t ngx_http_reauth_zone_begin(ngx_http_reauth_zone_t *zone,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_begin_result_t *result, reauth_record_t *record);

/*
 * Whether the caller can begin a further attempt of an account that is not
 * known yet.  Of "begin", the caller and its limits are used.
 */
ngx_uint_t ngx_http_reauth_zone_may_begin(ngx_http_reauth_zone_t *zone,
    const reauth_begin_t *begin);

ngx_int_t ngx_http_reauth_zone_advance(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_fact_t *fact,
    reauth_advance_result_t *result, reauth_record_t *record);

/*
 * A change was not written, as Redis has "remote".  "fact" is the cause of the
 * change, or NULL.  NGX_AGAIN: *record must be written to Redis.
 */
ngx_int_t ngx_http_reauth_zone_conflict(ngx_http_reauth_zone_t *zone,
    reauth_fact_t *fact, const reauth_record_t *remote,
    reauth_record_t *record);

/*
 * Merges a record of Redis or of an event: it is stored if it is later than
 * that of the zone.  "live": just read from Redis; otherwise it may be a late
 * event.  NGX_AGAIN: the zone's record is later and must be written;
 * NGX_DECLINED: the event is not conclusive, Redis must be read.
 */
ngx_int_t ngx_http_reauth_zone_merge(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *remote, ngx_uint_t live, reauth_record_t *record);

/*
 * "record", which was sent in this round, is in Redis as "revision".
 * NGX_AGAIN: it has changed meanwhile, or Redis is being read anew.
 */
ngx_int_t ngx_http_reauth_zone_committed(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint64_t revision, ngx_uint_t round);

/* Redis has lost the record: marks it to be written as a new one */
void ngx_http_reauth_zone_lost(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record);

/*
 * The same for a record that was deleted in Redis: one that has ended is
 * removed here, too.  NGX_AGAIN: it is active, and to be written.
 */
ngx_int_t ngx_http_reauth_zone_deleted(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record);

/*
 * Forgets the account; *former is its record until now.  NGX_ERROR: the zone is
 * full.
 */
ngx_int_t ngx_http_reauth_zone_forget(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_forget_t *result,
    reauth_record_t *former, reauth_record_t *record);

/*
 * The set of active accounts, which was read since "read_ms", does not have
 * this one, whose record was merged just now.  NGX_AGAIN: it is to be written
 * again.
 */
ngx_int_t ngx_http_reauth_zone_unlisted(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, int64_t read_ms);

/* how many records are active; *unwritten: as below */
ngx_uint_t ngx_http_reauth_zone_active(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *unwritten);

/* how many records have changes that Redis does not have */
ngx_uint_t ngx_http_reauth_zone_unwritten(ngx_http_reauth_zone_t *zone);

/* the one of them that was changed last; the next call returns another one */
ngx_int_t ngx_http_reauth_zone_next_dirty(ngx_http_reauth_zone_t *zone,
    reauth_record_t *record, ngx_uint_t *unsent);

/* no worker is writing it: the one that has changed it had no connection */
void ngx_http_reauth_zone_unsent(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record);

/* finds an active record that must be changed by time; NGX_DECLINED: none */
ngx_int_t ngx_http_reauth_zone_next_overdue(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, reauth_record_t *record);

/*
 * Poll queues, one for each class of reauth_schedule.h.  Returns an active
 * record whose poll is due, and postpones it by "lease_ms"; "spare" as in
 * reauth_schedule.h.  NGX_DECLINED: none.
 */
ngx_int_t ngx_http_reauth_zone_next_poll(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, int64_t lease_ms, ngx_uint_t spare,
    reauth_record_t *record);

/*
 * The backlog of these queues; that of the fleet is set and read by the clerk
 * and by all workers.
 */
void ngx_http_reauth_zone_backlog(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, reauth_poll_backlog_t *backlog);
void ngx_http_reauth_zone_set_backlog(ngx_http_reauth_zone_t *zone,
    const reauth_poll_backlog_t *backlog);
void ngx_http_reauth_zone_get_backlog(ngx_http_reauth_zone_t *zone,
    reauth_poll_backlog_t *backlog);

/*
 * Sets the next poll of the account; "first": before all others of any class.
 * NGX_DECLINED: not active; *class is set in any case.
 */
ngx_int_t ngx_http_reauth_zone_poll_at(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t first,
    reauth_poll_class_t *class);

/*
 * Accounts without an active attempt that are polled once: a few at a time,
 * each at most once in 10 seconds.  Further hints are dropped.
 */
void ngx_http_reauth_zone_ask(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t now_ms);
ngx_int_t ngx_http_reauth_zone_next_asked(ngx_http_reauth_zone_t *zone,
    char account[REAUTH_ACCOUNT_MAX + 1]);

/*
 * The list of accounts: the number of attempts that wait for it, and the
 * number of the list being requested.  "in_list": NGX_OK if the account's
 * attempt waits for the list and was known when it was requested.
 * "next_unlisted": the next attempt that is not in the list; *index is 0
 * initially.
 */
ngx_uint_t ngx_http_reauth_zone_waiting(ngx_http_reauth_zone_t *zone);
uint32_t ngx_http_reauth_zone_list_begin(ngx_http_reauth_zone_t *zone);
ngx_int_t ngx_http_reauth_zone_in_list(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint32_t list, reauth_record_t *record);
ngx_int_t ngx_http_reauth_zone_next_unlisted(ngx_http_reauth_zone_t *zone,
    uint32_t list, ngx_uint_t *index, reauth_record_t *record);

/*
 * Overrides of gates.  set: sets or removes the override of a person; sets the
 * stamp, the state and the time; *former is the previous one (stamp 0: none).
 * NGX_DECLINED: no override to remove; NGX_ERROR: too many overrides;
 * NGX_BUSY: its caller has half of them, *share, which is only set if one more
 * would count; NULL: no limit by caller.
 * merge: an override of Redis; NGX_DECLINED: not later than that of the zone.
 */
ngx_int_t ngx_http_reauth_zone_set_override(ngx_http_reauth_zone_t *zone,
    reauth_override_t *override, reauth_override_t *former, ngx_uint_t *share);
ngx_int_t ngx_http_reauth_zone_merge_override(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override);

/* NGX_OK: it may have ended or been removed; NGX_DECLINED: none */
ngx_int_t ngx_http_reauth_zone_get_override(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_override_t *override);

/* the next of those that the clerk writes; *index: 0 first */
ngx_int_t ngx_http_reauth_zone_next_override(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *index, int64_t timeout_ms, reauth_override_t *override);

/* sent: Redis may have it from now on; 0: not sent, or no reply; it has it */
void ngx_http_reauth_zone_override_sent(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override, ngx_uint_t sent);
void ngx_http_reauth_zone_override_committed(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override);

/* all must be written to Redis, except those that are committed later */
void ngx_http_reauth_zone_overrides_unread(ngx_http_reauth_zone_t *zone);
void ngx_http_reauth_zone_overrides_sweep(ngx_http_reauth_zone_t *zone,
    int64_t now_ms);

/*
 * Stores the digest; NGX_DECLINED: it was stored within
 * NGX_HTTP_REAUTH_DEDUP_TIME.  The number is limited, so it may be forgotten
 * earlier.
 */
ngx_int_t ngx_http_reauth_zone_see(ngx_http_reauth_zone_t *zone,
    const uint8_t *digest, int64_t now_ms);
void ngx_http_reauth_zone_unsee(ngx_http_reauth_zone_t *zone,
    const uint8_t *digest);

/*
 * NGX_OK: log this value; NGX_DECLINED: it was logged within the last hour by
 * any worker, or too many others were.
 */
ngx_int_t ngx_http_reauth_zone_note(ngx_http_reauth_zone_t *zone,
    ngx_uint_t kind, const char *word, int64_t now_ms);

/* milliseconds; longer than any request waits for an update */
#define NGX_HTTP_REAUTH_OUTCOME_WAIT  60000

/*
 * Sealed responses to updates that cannot be composed from their records.  If
 * memory is short or the set is full, the one that expires first is dropped.
 * The one for repeated updates ends with the attempt, soon after it, as
 * requests may still be waiting.
 * put: NGX_OK, or NGX_DECLINED if there is no room;
 * get: fills out->data up to out->len; NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_http_reauth_zone_put_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *sealed,
    int64_t now_ms, int64_t until_ms);
ngx_int_t ngx_http_reauth_zone_get_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *out,
    int64_t now_ms);
void ngx_http_reauth_zone_end_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch);

/*
 * Updates that wait for another one of their account, see reauth_places.h: an
 * update takes a place (NGX_BUSY: none is free), checks whether it is its
 * turn, and leaves.  A place that is not checked expires in some seconds.
 */
ngx_int_t ngx_http_reauth_zone_place_enter(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);
ngx_uint_t ngx_http_reauth_zone_place_turn(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);
void ngx_http_reauth_zone_place_leave(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);

/* drops up to "limit" expired records of each kind */
void ngx_http_reauth_zone_sweep(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, ngx_uint_t limit);


/* fills records[cursor->limit]; returns their number */
ngx_uint_t ngx_http_reauth_zone_list(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records);

void ngx_http_reauth_zone_summary(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_summary_t *summary);


/* sets the clock of the zone to that of Redis; "sample" is monotonic */
void ngx_http_reauth_zone_correct(ngx_http_reauth_zone_t *zone,
    const reauth_clock_sample_t *sample);

/*
 * Whether the wall clock of this machine has moved against that of the zone
 * since this was asked last; *ahead_ms is their difference.
 */
ngx_uint_t ngx_http_reauth_zone_clock_changed(ngx_http_reauth_zone_t *zone,
    int64_t *ahead_ms);

/* Redis has been read, or the time to wait for it is over */
ngx_uint_t ngx_http_reauth_zone_loaded(ngx_http_reauth_zone_t *zone,
    int64_t now_ms);
void ngx_http_reauth_zone_set_loaded(ngx_http_reauth_zone_t *zone);

/* the number of changes of all records; cheap to read, never decreases */
ngx_uint_t ngx_http_reauth_zone_changes(ngx_http_reauth_zone_t *zone);

/* a secret of this instance of the zone, to seal values for callers */
reauth_seal_t *ngx_http_reauth_zone_cursor_key(ngx_http_reauth_zone_t *zone);

/* begins to read all records of Redis: marks all as not read yet */
void ngx_http_reauth_zone_new_round(ngx_http_reauth_zone_t *zone);

/* how often all records were begun to be read, modulo 65536 */
ngx_uint_t ngx_http_reauth_zone_round(ngx_http_reauth_zone_t *zone);

/* the writer name of this instance of the zone in Redis */
void ngx_http_reauth_zone_writer(ngx_http_reauth_zone_t *zone, ngx_str_t *name);
ngx_uint_t ngx_http_reauth_zone_is_writer(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *name);

/* measured duration of attempts of this type, milliseconds; 0: unknown */
ngx_uint_t ngx_http_reauth_zone_typical(ngx_http_reauth_zone_t *zone,
    ngx_uint_t auth_type);

/* the end of a pause requested by the upstream, ms; survives a reload */
void ngx_http_reauth_zone_set_paused(ngx_http_reauth_zone_t *zone,
    int64_t ms);
int64_t ngx_http_reauth_zone_paused(ngx_http_reauth_zone_t *zone);

/* see reauth_schedule_request_by() */
int64_t ngx_http_reauth_zone_request_poll(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *caller, ngx_uint_t rate, int *own);

/*
 * This gateway is drained for this time, in ms, or not any more (0); survives a
 * reload.  drained: the time left, 0: it is not.
 */
void ngx_http_reauth_zone_drain(ngx_http_reauth_zone_t *zone, int64_t ms);
int64_t ngx_http_reauth_zone_drained(ngx_http_reauth_zone_t *zone);

/*
 * The lease of the clerk, see core/reauth_clerk.h; "term" is that of this
 * process.
 */
reauth_clerk_step_t ngx_http_reauth_zone_clerk(ngx_http_reauth_zone_t *zone,
    uint32_t *term, reauth_clerk_former_t *former);
void ngx_http_reauth_zone_clerk_give_up(ngx_http_reauth_zone_t *zone,
    uint32_t *term);
ngx_uint_t ngx_http_reauth_zone_is_clerk(ngx_http_reauth_zone_t *zone,
    uint32_t term);
ngx_uint_t ngx_http_reauth_zone_clerk_missing(ngx_http_reauth_zone_t *zone);

/*
 * The result of a request to the upstream, noted without the lock; the health
 * by the last results of all workers.  tell: logs a change of the health.
 */
void ngx_http_reauth_zone_upstream_result(ngx_http_reauth_zone_t *zone,
    reauth_upstream_result_t result);
void ngx_http_reauth_zone_upstream(ngx_http_reauth_zone_t *zone,
    reauth_upstream_ages_t *ages, reauth_upstream_health_t *health);
void ngx_http_reauth_zone_upstream_tell(ngx_http_reauth_zone_t *zone);

/* the clerk publishes the state of its connection to Redis */
void ngx_http_reauth_zone_set_redis(ngx_http_reauth_zone_t *zone,
    ngx_uint_t up, ngx_uint_t lag_ms);
void ngx_http_reauth_zone_get_redis(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *up, ngx_uint_t *lag_ms);

/*
 * What Redis rejects, and why: connections, reads of changes, writes, leases
 * of polls.  refuse: sets the reason and returns the previous one.
 */

typedef enum {
    NGX_HTTP_REAUTH_REFUSED_DOWN = 0,
    NGX_HTTP_REAUTH_REFUSED_FOLLOW,
    NGX_HTTP_REAUTH_REFUSED_WRITE,
    NGX_HTTP_REAUTH_REFUSED_LEASE,
    NGX_HTTP_REAUTH_REFUSED_SECRET,    /* by another gateway's probe */
    NGX_HTTP_REAUTH_REFUSED_LAST
} ngx_http_reauth_refused_e;

reauth_refusal_t ngx_http_reauth_zone_refuse(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what, reauth_refusal_t why);
reauth_refusal_t ngx_http_reauth_zone_refused(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what);


#endif /* _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_ */
