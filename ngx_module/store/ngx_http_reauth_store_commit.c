
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Every change is made in the zone and then committed to Redis, where a script
 * writes it only over the revision on which it was based.  If Redis has another
 * revision, the change is judged again by it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_judge.h"
#include "reauth_reply.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"


/* old events are removed by each worker, at most once in this time */
#define NGX_HTTP_REAUTH_TRIM_INTERVAL   60000

/* attempts to read the record of Redis while events change that of the zone */
#define NGX_HTTP_REAUTH_BEGIN_READS     3


typedef struct ngx_http_reauth_commit_s  ngx_http_reauth_commit_t;


/* a begin, with the data needed to judge it again */

typedef struct {
    ngx_http_reauth_store_op_t   op;            /* must be the first */
    ngx_http_reauth_store_t     *store;
    ngx_event_t                  event;
    unsigned                     reads;         /* of Redis' record */
    int64_t                      began;         /* monotonic */
    reauth_begin_t               begin;
    uint8_t                      fingerprint[REAUTH_FINGERPRINT_LEN];
    char                         account[REAUTH_ACCOUNT_MAX + 1];
    char                         caller[REAUTH_CALLER_MAX + 1];
} ngx_http_reauth_begin_op_t;


struct ngx_http_reauth_commit_s {
    ngx_http_reauth_store_t     *store;
    ngx_http_reauth_begin_op_t  *begin;         /* or NULL */
    ngx_http_reauth_fact_copy_t *fact;          /* or NULL */
    ngx_uint_t                   flush;
    ngx_uint_t                   trims;         /* old events */
    unsigned                     tries;
    uint64_t                     revision;      /* in which it is written */
    ngx_uint_t                   round;         /* in which it is sent */
    reauth_record_t              record;
};


static void ngx_http_reauth_commit_reply(redisReply *reply, void *data);
static void ngx_http_reauth_begin_judge(ngx_http_reauth_begin_op_t *begin,
    const reauth_record_t *remote);
static void ngx_http_reauth_begin_judged(ngx_http_reauth_begin_op_t *begin,
    ngx_int_t rc);


static void
ngx_http_reauth_commit_free(ngx_http_reauth_commit_t *commit)
{
    if (commit->flush) {
        commit->store->flushing--;
        ngx_http_reauth_store_flush_next(commit->store);
    }

    if (commit->fact) {
        ngx_free(commit->fact);
    }

    ngx_free(commit);
}


/*
 * Sends the record to Redis.  NGX_OK: the commit is freed when it completes;
 * otherwise it is still owned by the calling function.
 */

static ngx_int_t
ngx_http_reauth_commit_send(ngx_http_reauth_commit_t *commit)
{
    ngx_str_t                        argv[NGX_HTTP_REAUTH_COMMIT_ARGS], *arg;
    ngx_uint_t                       nkeys;
    reauth_record_t                 *record;
    ngx_http_reauth_commit_texts_t   texts;

    if (!ngx_http_reauth_store_connected(commit->store)) {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                       "reauth commit: account \"%s\" not sent, epoch %uL, "
                       "Redis is not connected", commit->record.account,
                       commit->record.epoch);
        return NGX_DECLINED;
    }

    record = &commit->record;

    commit->revision = reauth_revision_next(record->revision,
                                            ngx_http_reauth_now(),
                                            (unsigned) ngx_random());

    commit->round = ngx_http_reauth_zone_round(&commit->store->zone);
    commit->trims = ngx_http_reauth_monotonic() >= commit->store->trim_ms;

    arg = ngx_http_reauth_commit_args(commit->store, record, commit->revision,
                                      commit->trims,
                                      &argv[NGX_HTTP_REAUTH_REDIS_EVAL],
                                      &nkeys, &texts);

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                   "reauth commit: account \"%s\" sent, epoch %uL, state %s, "
                   "over revision %uL%s", record->account, record->epoch,
                   reauth_state_name((reauth_state_t) record->state),
                   record->revision,
                   record->state == REAUTH_STATE_FORGOTTEN
                       ? ", forgotten"
                       : commit->flush ? ", kept until now" : "");

    return ngx_http_reauth_redis_script(commit->store->redis,
                                        NGX_HTTP_REAUTH_SCRIPT_COMMIT, nkeys,
                                        arg - argv, argv,
                                        ngx_http_reauth_commit_reply, commit);
}


/*
 * The update is not sent.  It is settled as rejected, as it may already be in
 * Redis.
 */

static ngx_int_t
ngx_http_reauth_begin_reject(ngx_http_reauth_begin_op_t *begin,
    const char *code)
{
    reauth_fact_t  fact;

    reauth_judge_unsent(&begin->begin, ngx_http_reauth_now(), code, &fact);

    return ngx_http_reauth_store_advance(begin->store, &begin->begin.account,
                                         &fact, NULL, NULL);
}


static void
ngx_http_reauth_begin_handler(ngx_event_t *ev)
{
    ngx_http_reauth_begin_op_t  *begin;

    begin = ev->data;

    if (begin->op.handler) {
        begin->op.handler(&begin->op);

    } else if (begin->op.rc == NGX_OK
               && begin->op.begun == REAUTH_BEGIN_STARTED)
    {
        /* the request has ended and cannot settle it */

        (void) ngx_http_reauth_begin_reject(begin, "NOT_SENT");
    }

    ngx_free(begin);
}


/* the handler is not called before ngx_http_reauth_store_begin() returns */

static void
ngx_http_reauth_begin_done(ngx_http_reauth_begin_op_t *begin, ngx_int_t rc,
    ngx_uint_t local)
{
    begin->op.rc = rc;
    begin->op.local = local;
    begin->op.prior_caller = begin->begin.prior_known
                             ? begin->begin.prior_caller : NULL;

    begin->event.handler = ngx_http_reauth_begin_handler;
    begin->event.data = begin;
    begin->event.log = begin->store->cycle->log;

    ngx_post_event(&begin->event, &ngx_posted_events);
}


/* Redis is unavailable: proceed as specified by reauth_redis_failure */

static void
ngx_http_reauth_begin_local(ngx_http_reauth_begin_op_t *begin)
{
    if (!begin->store->reject) {
        ngx_http_reauth_begin_done(begin, NGX_OK, 1);
        return;
    }

    if (ngx_http_reauth_begin_reject(begin, "STORE_UNAVAILABLE") != NGX_OK) {
        ngx_http_reauth_begin_done(begin, NGX_ERROR, 1);
        return;
    }

    ngx_http_reauth_begin_done(begin, NGX_BUSY, 1);
}


static void
ngx_http_reauth_commit_local(ngx_http_reauth_commit_t *commit)
{
    ngx_http_reauth_begin_op_t  *begin;

    /* the record stays dirty in the zone; the clerk writes it later */

    ngx_http_reauth_zone_unsent(&commit->store->zone, &commit->record);

    begin = commit->begin;

    ngx_http_reauth_commit_free(commit);

    if (begin) {
        ngx_http_reauth_begin_local(begin);
    }
}


/* an update that is being begun is written by its begin */

ngx_uint_t
ngx_http_reauth_commit_is_begin(ngx_http_reauth_store_t *store,
    const reauth_record_t *record)
{
    return record->state == REAUTH_STATE_STARTING
           && !reauth_judge_flush(record, 0, ngx_http_reauth_now(),
                                  (int64_t) store->redis_conf->timeout);
}


/* Redis has another record than the one used to judge the begin */

static void
ngx_http_reauth_commit_begin_again(ngx_http_reauth_commit_t *commit,
    reauth_record_t *remote)
{
    ngx_int_t                    rc;
    ngx_http_reauth_begin_op_t  *begin;

    begin = commit->begin;
    begin->begin.now_ms = ngx_http_reauth_clock_at(begin->began);

    rc = ngx_http_reauth_zone_begin(&commit->store->zone, &begin->begin,
                                    remote, &begin->op.begun,
                                    &begin->op.record);

    if (rc == NGX_OK && begin->op.begun == REAUTH_BEGIN_STARTED) {
        commit->record = begin->op.record;

        if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
            ngx_http_reauth_commit_local(commit);
        }

        return;
    }

    ngx_http_reauth_commit_free(commit);
    ngx_http_reauth_begin_judged(begin, rc);
}


static void
ngx_http_reauth_commit_again(ngx_http_reauth_commit_t *commit,
    reauth_record_t *remote)
{
    uint64_t    epoch, origin;
    ngx_int_t   rc;
    ngx_uint_t  ours;

    epoch = commit->record.epoch;
    origin = commit->record.origin;

    if (commit->fact) {
        ngx_http_reauth_store_fact_move(commit->fact);
    }

    rc = ngx_http_reauth_zone_conflict(&commit->store->zone,
                                       commit->fact ? &commit->fact->fact
                                                    : NULL,
                                       remote, &commit->record);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                   "reauth commit: account \"%s\" judged again, state %s%s",
                   remote->account,
                   reauth_state_name((reauth_state_t) commit->record.state),
                   rc == NGX_AGAIN ? ", to be written" : "");

    /* the clerk writes a begin if no worker does */

    ours = commit->flush && reauth_epoch_is(&commit->record, epoch, origin);

    if (rc != NGX_AGAIN
        || (!ours
            && ngx_http_reauth_commit_is_begin(commit->store,
                                               &commit->record)))
    {
        ngx_http_reauth_commit_free(commit);
        return;
    }

    if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
        ngx_http_reauth_commit_local(commit);
    }
}


static void
ngx_http_reauth_commit_conflict(ngx_http_reauth_commit_t *commit,
    redisReply *reply)
{
    reauth_record_t       remote;
    reauth_commit_step_t  step;

    step = reauth_judge_unwritten(&commit->tries,
                                  reply->type != REDIS_REPLY_NIL,
                                  commit->begin != NULL);

    if (step == REAUTH_COMMIT_GIVE_UP) {
        ngx_log_error(NGX_LOG_WARN, commit->store->cycle->log, 0,
                      "redis: account \"%s\" is being changed by other "
                      "gateways, the write is retried "
                      "later", commit->record.account);
        ngx_http_reauth_commit_local(commit);
        return;
    }

    if (step == REAUTH_COMMIT_AS_NEW) {

        /* Redis has no record: it has expired or was flushed */

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                       "reauth commit: account \"%s\" refused, Redis has no "
                       "record", commit->record.account);

        ngx_http_reauth_zone_lost(&commit->store->zone, &commit->record);
        commit->record.revision = 0;
        commit->record.missing = 0;

        if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
            ngx_http_reauth_commit_local(commit);
        }

        return;
    }

    if (ngx_http_reauth_store_record(commit->store, reply, &remote)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, commit->store->cycle->log, 0,
                      "redis: corrupt record for account \"%s\"; delete its "
                      "key", commit->record.account);

        if (commit->flush) {

            /* a test write that was not needed: Redis accepts writes */

            ngx_http_reauth_store_accepted(commit->store,
                                           NGX_HTTP_REAUTH_REFUSED_WRITE);
        }

        ngx_http_reauth_commit_local(commit);
        return;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                   "reauth commit: account \"%s\" refused, Redis has revision "
                   "%uL, epoch %uL, state %s", commit->record.account,
                   remote.revision, remote.epoch,
                   reauth_state_name((reauth_state_t) remote.state));

    if (step == REAUTH_COMMIT_BEGIN_AGAIN) {
        ngx_http_reauth_commit_begin_again(commit, &remote);

    } else {
        ngx_http_reauth_commit_again(commit, &remote);
    }
}


static void
ngx_http_reauth_commit_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_commit_t *commit = data;

    ngx_int_t                    rc;
    ngx_http_reauth_begin_op_t  *begin;

    if (reply == NULL) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                       "reauth commit: account \"%s\" not written, Redis did "
                       "not respond", commit->record.account);

        ngx_http_reauth_commit_local(commit);
        return;
    }

    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL) {
        ngx_http_reauth_commit_conflict(commit, reply);
        return;
    }

    if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_http_reauth_store_refused(commit->store,
                                      NGX_HTTP_REAUTH_REFUSED_WRITE,
                                      reply, "failed to write a change");
        ngx_http_reauth_commit_local(commit);
        return;
    }

    ngx_http_reauth_store_accepted(commit->store,
                                   NGX_HTTP_REAUTH_REFUSED_WRITE);

    if (commit->trims) {
        commit->store->trim_ms = ngx_http_reauth_monotonic()
                                 + NGX_HTTP_REAUTH_TRIM_INTERVAL;
    }

    if (commit->flush) {
        commit->store->flush_written++;
    }

    rc = ngx_http_reauth_zone_committed(&commit->store->zone, &commit->record,
                                        commit->revision, commit->round);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, commit->store->cycle->log, 0,
                   "reauth commit: account \"%s\" written, revision %uL%s",
                   commit->record.account, commit->revision,
                   rc == NGX_AGAIN ? ", changed since" : "");

    begin = commit->begin;

    if (begin) {
        begin->op.record.revision = commit->revision;
    }

    if (rc == NGX_AGAIN && begin == NULL) {

        /*
         * The record has changed meanwhile, and the commit of this change may
         * have failed.
         */

        ngx_http_reauth_store_flush_account(commit->store,
                                            commit->record.account);
    }

    ngx_http_reauth_commit_free(commit);

    if (begin) {
        ngx_http_reauth_begin_done(begin, NGX_OK, 0);
    }
}


static ngx_http_reauth_commit_t *
ngx_http_reauth_commit_create(ngx_http_reauth_store_t *store,
    reauth_record_t *record)
{
    ngx_http_reauth_commit_t  *commit;

    commit = ngx_calloc(sizeof(ngx_http_reauth_commit_t), store->cycle->log);
    if (commit == NULL) {
        return NULL;
    }

    commit->store = store;
    commit->record = *record;

    return commit;
}


/*
 * The record was made from events and lacks the fingerprints, which Redis has.
 * They are added to it; all other fields remain those of the events.
 */

static void
ngx_http_reauth_begin_read_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_begin_op_t *begin = data;

    reauth_record_t  remote;

    if (begin->reads == NGX_HTTP_REAUTH_BEGIN_READS
        || reply == NULL
        || ngx_http_reauth_store_record(begin->store, reply, &remote)
           != NGX_OK)
    {
        begin->begin.unread = 1;
        ngx_http_reauth_begin_judge(begin, NULL);
        return;
    }

    ngx_http_reauth_begin_judge(begin, &remote);
}


static void
ngx_http_reauth_begin_read(ngx_http_reauth_begin_op_t *begin)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t  argv[2];

    begin->reads++;

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_redis_key(&argv[1], key, &begin->store->redis_conf->prefix,
                              "a:", begin->account);

    if (!ngx_http_reauth_store_connected(begin->store)
        || ngx_http_reauth_redis_command(begin->store->redis, 2, argv, 0,
                                         ngx_http_reauth_begin_read_reply,
                                         begin)
           != NGX_OK)
    {
        begin->begin.unread = 1;
        ngx_http_reauth_begin_judge(begin, NULL);
    }
}


static void
ngx_http_reauth_begin_judged(ngx_http_reauth_begin_op_t *begin, ngx_int_t rc)
{
    ngx_http_reauth_commit_t  *commit;

    if (rc == NGX_OK && begin->op.begun == REAUTH_BEGIN_READ) {
        ngx_http_reauth_begin_read(begin);
        return;
    }

    if (rc != NGX_OK
        || begin->op.begun != REAUTH_BEGIN_STARTED
        || begin->store->redis_conf == NULL)
    {
        ngx_http_reauth_begin_done(begin, rc,
                                   begin->store->redis_conf == NULL);
        return;
    }

    commit = ngx_http_reauth_commit_create(begin->store, &begin->op.record);

    if (commit == NULL) {
        ngx_http_reauth_begin_local(begin);
        return;
    }

    commit->begin = begin;

    if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
        ngx_http_reauth_commit_local(commit);
    }
}


static void
ngx_http_reauth_begin_judge(ngx_http_reauth_begin_op_t *begin,
    const reauth_record_t *remote)
{
    ngx_int_t  rc;

    begin->begin.now_ms = ngx_http_reauth_clock_at(begin->began);

    rc = ngx_http_reauth_zone_begin(&begin->store->zone, &begin->begin, remote,
                                    &begin->op.begun, &begin->op.record);

    ngx_http_reauth_begin_judged(begin, rc);
}


ngx_http_reauth_store_op_t *
ngx_http_reauth_store_begin(ngx_http_reauth_store_t *store,
    reauth_begin_t *begin, ngx_http_reauth_store_handler_pt handler,
    void *data)
{
    ngx_http_reauth_begin_op_t  *op;

    op = ngx_calloc(sizeof(ngx_http_reauth_begin_op_t), store->cycle->log);
    if (op == NULL) {
        return NULL;
    }

    op->store = store;
    op->op.handler = handler;
    op->op.data = data;
    op->begin = *begin;
    op->began = begin->now_ms - *ngx_http_reauth_clock;

    reauth_copy(op->account, REAUTH_ACCOUNT_MAX, &begin->account);
    reauth_copy(op->caller, REAUTH_CALLER_MAX, &begin->caller);
    op->begin.account = reauth_string_from(op->account);
    op->begin.caller = reauth_string_from(op->caller);

    if (begin->fingerprint) {
        ngx_memcpy(op->fingerprint, begin->fingerprint,
                   REAUTH_FINGERPRINT_LEN);
        op->begin.fingerprint = op->fingerprint;
    }

    ngx_http_reauth_begin_judge(op, NULL);

    return &op->op;
}


void
ngx_http_reauth_store_detach(ngx_http_reauth_store_op_t *op)
{
    op->handler = NULL;
}


ngx_int_t
ngx_http_reauth_store_advance(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, reauth_fact_t *fact,
    reauth_advance_result_t *result, reauth_record_t *record)
{
    reauth_record_t            changed;
    reauth_advance_result_t    advanced;
    ngx_http_reauth_commit_t  *commit;

    fact->gate_max_ms = store->gate_max;

    if (ngx_http_reauth_zone_advance(&store->zone, account, fact, &advanced,
                                     &changed)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, store->cycle->log, 0,
                      "reauth: failed to store state \"%s\" of account "
                      "\"%*s\", reported by %s: reauth_zone has no room, "
                      "increase its size", reauth_state_name(fact->state),
                      account->len, account->data,
                      reauth_source_name(fact->source));
        return NGX_ERROR;
    }

    ngx_log_debug7(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth fact: account \"%*s\" %s reports %s: %s, epoch "
                   "%uL, state %s", account->len, account->data,
                   reauth_source_name(fact->source),
                   reauth_state_name(fact->state),
                   reauth_advance_result_name(advanced), changed.epoch,
                   reauth_state_name((reauth_state_t) changed.state));

    if (result) {
        *result = advanced;
    }

    if (record) {
        *record = changed;
    }

    if (advanced != REAUTH_ADVANCE_APPLIED) {
        return NGX_OK;
    }

    if (store->redis_conf == NULL) {
        return NGX_OK;
    }

    /* on any later failure the record remains dirty and is written later */

    commit = ngx_http_reauth_commit_create(store, &changed);

    if (commit) {
        commit->fact = ngx_http_reauth_store_fact_copy(store, fact);

        if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
            ngx_http_reauth_commit_local(commit);
        }
    }

    return NGX_OK;
}


void
ngx_http_reauth_store_flush_record(ngx_http_reauth_store_t *store,
    reauth_record_t *record)
{
    ngx_http_reauth_commit_t  *commit;

    commit = ngx_http_reauth_commit_create(store, record);
    if (commit == NULL) {
        return;
    }

    commit->flush = 1;
    store->flushing++;

    if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
        ngx_http_reauth_commit_free(commit);
    }
}
