
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The shared memory: what the gate and the status are answered from, with or
 * without Redis.  docs/architecture.md, "Shared memory", tells its layout.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_clock.h"
#include "reauth_attempt.h"
#include "reauth_clock.h"
#include "reauth_degraded.h"
#include "reauth_schedule.h"
#include "reauth_seal.h"


typedef struct ngx_http_reauth_zone_shctx_s  ngx_http_reauth_zone_shctx_t;
typedef struct ngx_http_reauth_slot_s  ngx_http_reauth_slot_t;


/*
 * Digests of webhooks that are remembered at most: fewer in a small zone, one
 * for each kilobyte of it.  A new one replaces the oldest of its set.
 */
#define NGX_HTTP_REAUTH_SEEN_MAX   4096
#define NGX_HTTP_REAUTH_SEEN_TIME  86400           /* seconds */
#define NGX_HTTP_REAUTH_SEEN_LEN   16              /* of a digest */


typedef struct {
    ngx_http_reauth_zone_shctx_t  *sh;
    ngx_slab_pool_t               *shpool;
    ngx_shm_zone_t                *shm_zone;
    ngx_uint_t                     remote;    /* Redis is to be read first */
    reauth_schedule_t              schedule;  /* of the background poller */
    ngx_log_t                     *log;       /* of this process */
} ngx_http_reauth_zone_t;


/* how the shared memory begins: what every gated call reads */

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
} ngx_http_reauth_zone_gate_t;


/* what the gate needs to know of a closed account */

typedef struct {
    int64_t      now_ms;         /* when it was looked up */
    int64_t      since_ms;
    int64_t      deadline_ms;
    uint8_t      state;
    uint8_t      action;
    uint8_t      auth_type;
    uint8_t      attempt_len;
    u_char       attempt[REAUTH_ATTEMPT_MAX + 1];
} ngx_http_reauth_closed_t;


typedef struct {
    ngx_uint_t   states[REAUTH_STATE_LAST];
    ngx_uint_t   active;
    ngx_uint_t   accounts;
    ngx_uint_t   dropped;        /* changes that found no memory */
    ngx_uint_t   evicted;        /* ended records that made room */
    ngx_uint_t   dirty;          /* not yet written to Redis */
    size_t       size;
    size_t       free;
    int64_t      oldest_since_ms;  /* of the active; 0: none */
} ngx_http_reauth_zone_summary_t;


typedef struct {
    /* what to list */
    ngx_uint_t   state;          /* REAUTH_STATE_LAST: any */
    ngx_uint_t   auth_type;      /* REAUTH_AUTH_TYPE_LAST: any */
    ngx_uint_t   unread;         /* of the active: not read in this round */
    ngx_uint_t   limit;

    /* where to go on; zeroed at first, "done" at the end */
    ngx_uint_t   ended;          /* past the active ones */
    ngx_uint_t   index;
    ngx_uint_t   offset;
    ngx_uint_t   done;
} ngx_http_reauth_zone_cursor_t;


/* a place in the order of all changes, in one life of the zone */

typedef struct {
    uint64_t     boot;
    uint64_t     change;
} ngx_http_reauth_zone_place_t;


/* what is counted, by all workers together; api/ngx_http_reauth_metrics.c */

typedef enum {
    NGX_HTTP_REAUTH_COUNT_UPDATE_ACCEPTED = 0,
    NGX_HTTP_REAUTH_COUNT_UPDATE_REJECTED,
    NGX_HTTP_REAUTH_COUNT_UPDATE_UNKNOWN,
    NGX_HTTP_REAUTH_COUNT_UPDATE_COALESCED,
    NGX_HTTP_REAUTH_COUNT_UPDATE_INVALID,
    NGX_HTTP_REAUTH_COUNT_UPDATE_CONFLICT,
    NGX_HTTP_REAUTH_COUNT_UPDATE_UNAVAILABLE,
    NGX_HTTP_REAUTH_COUNT_GATE_CLOSED,
    NGX_HTTP_REAUTH_COUNT_GATE_HELD,
    NGX_HTTP_REAUTH_COUNT_GATE_WOULD_CLOSE,
    NGX_HTTP_REAUTH_COUNT_GATE_BYPASSED,
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
    NGX_HTTP_REAUTH_COUNT_FILE_CALLERS,
    NGX_HTTP_REAUTH_COUNT_FILE_SECRET,
    NGX_HTTP_REAUTH_COUNT_KEY_UNAVAILABLE,
    NGX_HTTP_REAUTH_COUNT_LAST
} ngx_http_reauth_count_e;


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


/*
 * The account is surely open; else the gate's look-up tells.  Inline, as it
 * runs for each ordinary call.
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

ngx_int_t ngx_http_reauth_zone_init(ngx_shm_zone_t *shm_zone, void *data);

/* from then on this process has the clock of the zone */
void ngx_http_reauth_zone_init_process(ngx_http_reauth_zone_t *zone);


/*
 * The gate's look-up.  NGX_DECLINED: open; NGX_OK: closed, *closed is filled;
 * NGX_BUSY: Redis has not been read yet, nobody knows.  Takes no lock, unless
 * a writer that died is to be cleaned up after.
 */
ngx_int_t ngx_http_reauth_zone_gate(ngx_http_reauth_zone_t *zone,
    u_char *account, size_t len, ngx_http_reauth_closed_t *closed);

/*
 * NGX_OK or NGX_DECLINED.  An active record that is past its deadline is told
 * as expired; by "kept" as it is kept.
 */
ngx_int_t ngx_http_reauth_zone_kept(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record);
ngx_int_t ngx_http_reauth_zone_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record);

/* the account whose active attempt this is; NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_reauth_zone_find_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record);

/* the same for one that has ended and is the account's last */
ngx_int_t ngx_http_reauth_zone_find_ended_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record);


/*
 * Changes.  Each reads what is stored, lets core/reauth_judge.h decide and
 * carries that out, under one lock; *record is the record afterwards.  What
 * was changed counts as dirty until ngx_http_reauth_zone_committed().
 * NGX_ERROR: the zone is full, nothing was changed.
 */

/*
 * Where Redis turned out to know a later record than the zone, the begin of
 * begin->epoch is judged again by it: "remote" is that record, else NULL.
 * begin->epoch is set.
 */
ngx_int_t ngx_http_reauth_zone_begin(ngx_http_reauth_zone_t *zone,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_begin_result_t *result, reauth_record_t *record);

/*
 * Whether the caller may begin a further attempt, of an account that is not
 * known yet; of "begin", the caller and its bounds are set.
 */
ngx_uint_t ngx_http_reauth_zone_may_begin(ngx_http_reauth_zone_t *zone,
    const reauth_begin_t *begin);

ngx_int_t ngx_http_reauth_zone_advance(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_fact_t *fact,
    reauth_advance_result_t *result, reauth_record_t *record);

/*
 * A change was not written, as Redis has "remote"; "fact" made the change, or
 * NULL.  NGX_AGAIN: *record is to be written to Redis.
 */
ngx_int_t ngx_http_reauth_zone_conflict(ngx_http_reauth_zone_t *zone,
    reauth_fact_t *fact, const reauth_record_t *remote,
    reauth_record_t *record);

/*
 * What Redis or another instance says: kept if it is later than ours.
 * "live": it was just read from Redis; else it may be a late event.
 * NGX_AGAIN: ours is the later one and is still to be written; NGX_DECLINED:
 * an event can't tell, Redis is to be asked.
 */
ngx_int_t ngx_http_reauth_zone_merge(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *remote, ngx_uint_t live, reauth_record_t *record);

/* "record" is in Redis as "revision"; NGX_AGAIN: it has changed since */
ngx_int_t ngx_http_reauth_zone_committed(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint64_t revision);

/* Redis has lost the record: it is to be written as a new one */
void ngx_http_reauth_zone_lost(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record);

/* how many records have changes that Redis does not have */
ngx_uint_t ngx_http_reauth_zone_unwritten(ngx_http_reauth_zone_t *zone);

/* the one of them that was changed last; the next call returns another one */
ngx_int_t ngx_http_reauth_zone_next_dirty(ngx_http_reauth_zone_t *zone,
    reauth_record_t *record);

/* an active record whose time has come; NGX_DECLINED: none */
ngx_int_t ngx_http_reauth_zone_next_overdue(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, reauth_record_t *record);

/*
 * The queues of what to poll, one for each class of reauth_schedule.h.  An
 * active record whose poll is due is put off by
 * "lease_ms"; NGX_DECLINED: none.
 */
ngx_int_t ngx_http_reauth_zone_next_poll(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, int64_t lease_ms, reauth_record_t *record);

/*
 * The next poll of the account; "first": before all others, whatever its class.
 * NGX_DECLINED: it is not active; *class is set all the same.
 */
ngx_int_t ngx_http_reauth_zone_poll_at(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t first,
    reauth_poll_class_t *class);

/*
 * Accounts that are not active and are to be looked at once, a few at a time:
 * the same one not more often than every 10 seconds.  What does not fit is
 * dropped, since it was only a hint.
 */
void ngx_http_reauth_zone_ask(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, int64_t now_ms);
ngx_int_t ngx_http_reauth_zone_next_asked(ngx_http_reauth_zone_t *zone,
    char account[REAUTH_ACCOUNT_MAX + 1]);

/*
 * The list of all accounts: how many attempts wait for it; the number of the
 * one that is requested.  "in_list": NGX_OK if the account's attempt waits
 * for it and was known when it was asked for.  "next_unlisted": the next one
 * that the list did not mention; *index is 0 at first.
 */
ngx_uint_t ngx_http_reauth_zone_waiting(ngx_http_reauth_zone_t *zone);
uint32_t ngx_http_reauth_zone_list_begin(ngx_http_reauth_zone_t *zone);
ngx_int_t ngx_http_reauth_zone_in_list(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint32_t list, reauth_record_t *record);
ngx_int_t ngx_http_reauth_zone_next_unlisted(ngx_http_reauth_zone_t *zone,
    uint32_t list, ngx_uint_t *index, reauth_record_t *record);

/*
 * Remembers the digest; NGX_DECLINED: it was here within the last
 * NGX_HTTP_REAUTH_SEEN_TIME.  Bounded, so it may forget earlier.
 */
ngx_int_t ngx_http_reauth_zone_see(ngx_http_reauth_zone_t *zone,
    const uint8_t *digest, int64_t now_ms);
void ngx_http_reauth_zone_unsee(ngx_http_reauth_zone_t *zone,
    const uint8_t *digest);

/*
 * NGX_OK: a word of this kind is to be logged, NGX_DECLINED: it was within the
 * hour, by whichever worker, or too many others were.
 */
ngx_int_t ngx_http_reauth_zone_note(ngx_http_reauth_zone_t *zone,
    ngx_uint_t kind, const char *word, int64_t now_ms);

/*
 * The response to an update that cannot be composed of its record, sealed by
 * the caller; dropped before its time if there is no memory, or if the set is
 * full: the one whose time is up first.  get: fills out->data up to out->len;
 * NGX_OK or NGX_DECLINED.  cut: its time is up at until_ms at the latest.
 */
void ngx_http_reauth_zone_put_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *sealed,
    int64_t now_ms, int64_t until_ms);
ngx_int_t ngx_http_reauth_zone_get_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *out,
    int64_t now_ms);
void ngx_http_reauth_zone_cut_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, int64_t until_ms);

/*
 * Updates that wait for another one of their account, see reauth_places.h: one
 * takes its place (NGX_BUSY: there is none), asks whether it is its turn, and
 * leaves.  A place that is not asked for is lost in some seconds.
 */
ngx_int_t ngx_http_reauth_zone_place_enter(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);
ngx_uint_t ngx_http_reauth_zone_place_turn(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);
void ngx_http_reauth_zone_place_leave(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint);

/* drops up to "limit" ended records of each kind that were kept long enough */
void ngx_http_reauth_zone_sweep(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, ngx_uint_t limit);


/* fills records[cursor->limit]; returns their number */
ngx_uint_t ngx_http_reauth_zone_list(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_cursor_t *cursor, reauth_record_t *records);

void ngx_http_reauth_zone_summary(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_summary_t *summary);


/* the clock of the zone becomes that of Redis; "sample" is monotonic */
void ngx_http_reauth_zone_correct(ngx_http_reauth_zone_t *zone,
    const reauth_clock_sample_t *sample);

/*
 * Whether the wall clock of this machine has moved against that of the zone
 * since this was asked last; *ahead_ms is their difference.
 */
ngx_uint_t ngx_http_reauth_zone_clock_changed(ngx_http_reauth_zone_t *zone,
    int64_t *ahead_ms);

/* Redis has been read, or will not be waited for any longer */
ngx_uint_t ngx_http_reauth_zone_loaded(ngx_http_reauth_zone_t *zone,
    int64_t now_ms);
void ngx_http_reauth_zone_set_loaded(ngx_http_reauth_zone_t *zone);

/* counts the changes of any record: cheap to look at, never goes back */
ngx_uint_t ngx_http_reauth_zone_changes(ngx_http_reauth_zone_t *zone);

/*
 * The last changes, in a ring of bounded size.  A record that comes from there
 * is as it became by that change, its long texts may be cut.
 */

/* a secret of this life of the zone, for what callers are not to read */
reauth_seal_t *ngx_http_reauth_zone_told(ngx_http_reauth_zone_t *zone);

/* the place of the last change until now */
void ngx_http_reauth_zone_place(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place);

/*
 * The change after *place, which moves on to it; "was" gets the state before.
 * NGX_DECLINED: none yet; NGX_ABORT: the place is of another life of the zone,
 * or so old that what followed is forgotten.
 */
ngx_int_t ngx_http_reauth_zone_next_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, reauth_record_t *record,
    ngx_uint_t *was);

/*
 * Fills records[max] with the changes of one account, the last one first, and
 * returns their number; *complete: there were no others.
 */
ngx_uint_t ngx_http_reauth_zone_history(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *records, ngx_uint_t max,
    ngx_uint_t *complete);

/* all of Redis is going to be read: no record has been yet in this round */
void ngx_http_reauth_zone_new_round(ngx_http_reauth_zone_t *zone);

/* the name under which this life of the zone writes to Redis */
void ngx_http_reauth_zone_writer(ngx_http_reauth_zone_t *zone, ngx_str_t *name);
ngx_uint_t ngx_http_reauth_zone_is_writer(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *name);

/* how long an attempt of this kind takes, learned; 0: not known, in ms */
ngx_uint_t ngx_http_reauth_zone_typical(ngx_http_reauth_zone_t *zone,
    ngx_uint_t auth_type);

/* the upstream wants no polls for some time, in ms; kept over a reload */
void ngx_http_reauth_zone_set_paused(ngx_http_reauth_zone_t *zone,
    int64_t ms);
int64_t ngx_http_reauth_zone_paused(ngx_http_reauth_zone_t *zone);

/* worker 0 tells the others how it stands with Redis */
void ngx_http_reauth_zone_set_remote(ngx_http_reauth_zone_t *zone,
    ngx_uint_t up, ngx_uint_t lag_ms);
void ngx_http_reauth_zone_get_remote(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *up, ngx_uint_t *lag_ms);

/*
 * What Redis refuses, and why: to connect, to tell what other instances do, to
 * write, to share polls.  refuse: the refusal until now.
 */

typedef enum {
    NGX_HTTP_REAUTH_REFUSED_DOWN = 0,
    NGX_HTTP_REAUTH_REFUSED_FOLLOW,
    NGX_HTTP_REAUTH_REFUSED_WRITE,
    NGX_HTTP_REAUTH_REFUSED_LEASE,
    NGX_HTTP_REAUTH_REFUSED_LAST
} ngx_http_reauth_refused_e;

reauth_refusal_t ngx_http_reauth_zone_refuse(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what, reauth_refusal_t why);
reauth_refusal_t ngx_http_reauth_zone_refused(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_refused_e what);


#endif /* _NGX_HTTP_REAUTH_ZONE_H_INCLUDED_ */
