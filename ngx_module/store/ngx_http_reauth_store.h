
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The interface to the states of accounts: changes are made in the zone at once
 * and written to Redis later.
 */


#ifndef _NGX_HTTP_REAUTH_STORE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "reauth_budget.h"
#include "reauth_notice.h"
#include "reauth_seal.h"
#include "ngx_http_reauth_zone.h"


struct redisReply;

typedef struct ngx_http_reauth_store_s     ngx_http_reauth_store_t;
typedef struct ngx_http_reauth_store_op_s  ngx_http_reauth_store_op_t;

typedef void (*ngx_http_reauth_store_handler_pt)(
    ngx_http_reauth_store_op_t *op);

/* the outcome, or NULL */
typedef void (*ngx_http_reauth_outcome_handler_pt)(ngx_str_t *sealed,
    void *data);


/* whether this worker is the clerk from now on */
typedef void (*ngx_http_reauth_clerk_handler_pt)(void *data, ngx_uint_t is);


/* an outcome being read; may outlive the request */

typedef struct {
    ngx_http_reauth_outcome_handler_pt   handler;   /* NULL: detached */
    void                                *data;
} ngx_http_reauth_outcome_op_t;


/* the exchange of spending in windows of one period; of the clerk only */

typedef struct {
    ngx_http_reauth_store_t             *store;
    reauth_budget_period_t               period;
    size_t                               window;
    uint32_t                             index;     /* of the next unsent */
    uint64_t                             last;      /* change that was read */
    size_t                               id_len;    /* 0: none is known */
    u_char                               id[REAUTH_USAGE_ID_MAX];
    unsigned                             pending:1; /* a reply is to come */
    unsigned                             more:1;    /* to exchange at once */
    unsigned                             refused:1; /* logged */
} ngx_http_reauth_store_spending_t;


struct ngx_http_reauth_store_s {
    ngx_http_reauth_zone_t             zone;
    struct ngx_http_reauth_redis_conf_s  *redis_conf;  /* NULL: no Redis */
    ngx_uint_t                         reject;        /* redis_failure */
    ngx_msec_t                         gate_max;
    ngx_uint_t                         polling;       /* reauth_poll is on */
    ngx_uint_t                         poll_rate;     /* its polls a minute */
    ngx_msec_t                         sweep;         /* interval; 0: off */
    reauth_notice_conf_t               notices;       /* .events 0: none */
    reauth_seal_t                    **seal;          /* of updates; NULL: of
                                                         each location */

    /* of this process */
    unsigned                           usage_periods; /* of budgets */
    struct ngx_http_reauth_redis_s    *redis;
    int64_t                            trim_ms;       /* old events */
    ngx_event_t                        clerk;
    uint32_t                           clerk_term;    /* 0: not the clerk */
    ngx_http_reauth_clerk_handler_pt   clerk_handler; /* or NULL */
    void                              *clerk_data;

    /* of the clerk only */
    struct ngx_http_reauth_sync_s     *sync;          /* kept; or NULL */
    struct ngx_http_reauth_redis_s    *follower;
    ngx_event_t                        timer;
    ngx_event_t                        flush;
    ngx_uint_t                         flush_left;    /* of this round */
    ngx_uint_t                         flush_written; /* in this round */
    ngx_uint_t                         flushing;      /* commits in progress */
    reauth_clock_sample_t              clock_best;
    ngx_uint_t                         clock_replies;
    ngx_msec_t                         clock_sent;
    ngx_msec_t                         clock_asked;
    ngx_msec_t                         clock_looked;
    unsigned                           clock_pending:1;
    unsigned                           was_up:1;      /* Redis, once */
    ngx_event_t                        usage_timer;
    ngx_http_reauth_store_spending_t   spending[REAUTH_BUDGET_PERIODS];
    ngx_uint_t                         probing;       /* a reply is to come */
    unsigned                           probe_soon:1;
    unsigned                           unsized:1;     /* logged */
    ngx_uint_t                         auditing;      /* the same, see
                                                         _store_audit.c */
    unsigned                           audit_refused:1;  /* logged */
    unsigned                           waiting_pending:1;  /* a reply is to
                                                              come */
    unsigned                           waiting_refused:1;  /* logged */
    ngx_msec_t                         probed;        /* when */
    ngx_msec_t                         other_secret;  /* seen; 0: not yet */
    ngx_cycle_t                       *cycle;
};


/*
 * An active begin.  It may outlive its request, which calls
 * ngx_http_reauth_store_detach(): the attempt is then taken back.  It is freed
 * after its handler has been called.
 */

struct ngx_http_reauth_store_op_s {
    ngx_http_reauth_store_handler_pt   handler;
    void                              *data;

    /* filled when the handler is called */
    ngx_int_t                          rc;
    ngx_uint_t                         local;   /* not in Redis yet */
    reauth_begin_result_t              begun;
    reauth_advance_result_t            advanced;
    reauth_record_t                    record;
    const char                        *prior_caller;  /* see reauth_begin_t;
                                                         NULL: not known */
};


/*
 * Begins an attempt.  NULL: no memory.  The handler is called exactly once,
 * after this function returns; op->rc is NGX_OK (see op->begun), NGX_BUSY
 * (Redis is unavailable and "reauth_redis_failure reject" is specified) or
 * NGX_ERROR (the zone is full).  Sets begin->epoch; strings are copied.
 */
ngx_http_reauth_store_op_t *ngx_http_reauth_store_begin(
    ngx_http_reauth_store_t *store, reauth_begin_t *begin,
    ngx_http_reauth_store_handler_pt handler, void *data);

/* maximum length of a response that is stored */
#define NGX_HTTP_REAUTH_OUTCOME_MAX  8192

/*
 * Stores the response to an update that cannot be composed from the record,
 * for identical updates on any gateway.  To be called before the update is
 * settled.  The number is made of the epoch for waiting requests; for repeated
 * ones ("kept"), it is since_ms.  The latter ends with the attempt; in Redis,
 * an account has only one, which is written with the record.  NGX_DECLINED: the
 * zone has no room.
 */
ngx_int_t ngx_http_reauth_store_put_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t number, ngx_uint_t kept,
    ngx_str_t *sealed, int64_t ttl_ms);

/*
 * NGX_OK: *out is set; NGX_AGAIN: being read from Redis, see *op;
 * NGX_DECLINED: none.
 */
ngx_int_t ngx_http_reauth_store_get_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t number, ngx_uint_t kept,
    ngx_str_t *out, ngx_http_reauth_outcome_handler_pt handler, void *data,
    ngx_http_reauth_outcome_op_t **op);

/*
 * Applies a fact: to the zone before this function returns, to Redis later,
 * independently of the request.  NGX_OK: see *result and *record (may be
 * NULL); NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_reauth_store_advance(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, reauth_fact_t *fact,
    reauth_advance_result_t *result, reauth_record_t *record);

/*
 * Whether this worker is the clerk: to be checked before each step of its work,
 * as it may have been stopped since the last one.
 */
ngx_uint_t ngx_http_reauth_store_clerk(ngx_http_reauth_store_t *store);

/*
 * Sets an override of the gate, or removes it (gate NONE): in the zone before
 * this function returns, in Redis later.  Sets the remaining fields of
 * *override; *former is the previous one.  NGX_DECLINED: there was none to
 * remove; NGX_ERROR: too many overrides; NGX_BUSY: the caller has too many,
 * see ngx_http_reauth_zone_set_override().
 */
ngx_int_t ngx_http_reauth_store_override(ngx_http_reauth_store_t *store,
    reauth_override_t *override, reauth_override_t *former, ngx_uint_t *share);

/*
 * Forgets an account and its override: in the zone before this function
 * returns, in Redis later.  *former is the previous record.  NGX_DECLINED:
 * neither exists; NGX_BUSY: an update is being sent; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_reauth_store_forget(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, reauth_record_t *former);

/* writes all records that Redis does not have; the clerk only */
void ngx_http_reauth_store_flush(ngx_http_reauth_store_t *store);

/*
 * Requests a poll of the account, active or not, if an event is not
 * conclusive.  Causes at most one request to the upstream by all gateways.
 * Does nothing if no poller is configured.
 */
void ngx_http_reauth_store_poll_soon(ngx_http_reauth_store_t *store,
    const reauth_string_t *account);

/* the same for events of the upstream: polled before all others */
void ngx_http_reauth_store_poll_first(ngx_http_reauth_store_t *store,
    const reauth_string_t *account);

/*
 * Redis lists the account as active, but has no record of it: removes it from
 * the lists, and tells all gateways.
 */
void ngx_http_reauth_store_deleted(ngx_http_reauth_store_t *store,
    const reauth_string_t *account);

/* the key in Redis of the queue of a class, without the prefix */
extern const char  *ngx_http_reauth_store_queues[REAUTH_POLL_CLASSES];

/* sets the next poll of an account; "active": only if it is active */
void ngx_http_reauth_store_poll_at(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t active);

void ngx_http_reauth_store_detach(ngx_http_reauth_store_op_t *op);


/* "redis" or "local": where changes are written now */
ngx_uint_t ngx_http_reauth_store_connected(ngx_http_reauth_store_t *store);

/* whether changes are written, and Redis accepts writes */
ngx_uint_t ngx_http_reauth_store_writes(ngx_http_reauth_store_t *store);

/* writes the entries of the audit log that Redis does not have */
void ngx_http_reauth_store_flush_audit(ngx_http_reauth_store_t *store);

/* the state of this gateway with respect to Redis, by all its workers */
void ngx_http_reauth_store_health(ngx_http_reauth_store_t *store,
    reauth_health_t *health);

/* Redis has rejected a command, or accepts one that it had rejected before */
void ngx_http_reauth_store_refused(ngx_http_reauth_store_t *store,
    ngx_http_reauth_refused_e what, const struct redisReply *reply,
    const char *text);
void ngx_http_reauth_store_accepted(ngx_http_reauth_store_t *store,
    ngx_http_reauth_refused_e what);

/* parses "reauth_redis" */
char *ngx_http_reauth_store_conf_redis(ngx_conf_t *cf,
    ngx_http_reauth_store_t *store);

/* whether Redis requires a password, which is then in memory */
ngx_uint_t ngx_http_reauth_store_has_password(ngx_http_reauth_store_t *store);

ngx_int_t ngx_http_reauth_store_init_process(ngx_http_reauth_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_reauth_store_exit_process(ngx_http_reauth_store_t *store);


#endif /* _NGX_HTTP_REAUTH_STORE_H_INCLUDED_ */
