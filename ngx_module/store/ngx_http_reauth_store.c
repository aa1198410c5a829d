
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Every change is made in the zone first and then committed to Redis, where a
 * script writes it only over the revision that it was judged by; where Redis
 * has another one, the change is judged again by that.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reply.h"
#include "ngx_http_reauth_store.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_sync.h"


#define NGX_HTTP_REAUTH_COMMIT_TRIES    6

#define NGX_HTTP_REAUTH_STREAM_LENGTH   "10000"

/* NGX_HTTP_REAUTH_OUTCOME_WAIT in seconds */
#define NGX_HTTP_REAUTH_OUTCOME_SECONDS "60"

#define NGX_HTTP_REAUTH_TIMER           1000
#define NGX_HTTP_REAUTH_TIMER_WORK      100

/* ms that an attempt may last, whichever gateway has begun it */
#define NGX_HTTP_REAUTH_LIFE_MAX        86400000

/* keys, arguments */
#define NGX_HTTP_REAUTH_COMMIT_KEYS     6
#define NGX_HTTP_REAUTH_COMMIT_ARGS     (NGX_HTTP_REAUTH_COMMIT_KEYS + 9)


typedef struct ngx_http_reauth_commit_s  ngx_http_reauth_commit_t;


/* gateways of earlier versions know the first one only */

const char  *ngx_http_reauth_store_queues[REAUTH_POLL_CLASSES] = {
    "due", "due:person", "due:last"
};


/* a begin as its caller sees it, and what is needed to judge it again */

typedef struct {
    ngx_http_reauth_store_op_t   op;            /* must be the first */
    ngx_http_reauth_store_t     *store;
    ngx_event_t                  event;
    reauth_begin_t               begin;
    uint8_t                      fingerprint[REAUTH_FINGERPRINT_LEN];
    char                         account[REAUTH_ACCOUNT_MAX + 1];
    char                         caller[REAUTH_CALLER_MAX + 1];
} ngx_http_reauth_begin_op_t;


/* a fact that may have to be judged again */

typedef struct {
    reauth_fact_t                fact;
    char                         attempt[REAUTH_ATTEMPT_MAX + 1];
    char                         caller[REAUTH_CALLER_MAX + 1];
    char                         progress[REAUTH_PROGRESS_MAX + 1];
    char                         error_code[REAUTH_ERROR_CODE_MAX + 1];
    char                         error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
    uint8_t                      sealed[REAUTH_SEALED_MAX];
} ngx_http_reauth_kept_fact_t;


struct ngx_http_reauth_commit_s {
    ngx_http_reauth_store_t     *store;
    ngx_http_reauth_begin_op_t  *begin;         /* or NULL */
    ngx_http_reauth_kept_fact_t *fact;          /* or NULL */
    ngx_uint_t                   flush;
    ngx_uint_t                   tries;
    reauth_record_t              record;
};


static void ngx_http_reauth_commit_reply(redisReply *reply, void *data);


ngx_uint_t
ngx_http_reauth_store_connected(ngx_http_reauth_store_t *store)
{
    return store->redis != NULL
           && ngx_http_reauth_redis_ready(store->redis);
}


const char *
ngx_http_reauth_store_refusal(ngx_http_reauth_store_t *store)
{
    return ngx_http_reauth_redis_refusal(store->redis);
}


ngx_int_t
ngx_http_reauth_store_record(ngx_http_reauth_store_t *store,
    const redisReply *reply, reauth_record_t *record)
{
    int64_t  life_ms;

    life_ms = ngx_max((int64_t) store->gate_max, NGX_HTTP_REAUTH_LIFE_MAX);

    return reauth_reply_record(reply, record) == 0
           && reauth_record_judge(record, ngx_http_reauth_now(), life_ms) == 0
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_reauth_key(ngx_str_t *key, u_char *buffer, ngx_str_t *prefix,
    const char *kind, const char *name)
{
    u_char  *p;

    key->data = buffer;

    p = ngx_cpymem(buffer, prefix->data, prefix->len);
    *p++ = ':';
    p = ngx_cpymem(p, kind, ngx_strlen(kind));
    p = ngx_cpymem(p, name, ngx_strlen(name));

    key->len = p - buffer;
}


static void
ngx_http_reauth_number(ngx_str_t *text, u_char *buffer, int64_t number)
{
    text->data = buffer;
    text->len = reauth_string_number((uint64_t) number, buffer);
}


static void
ngx_http_reauth_commit_free(ngx_http_reauth_commit_t *commit)
{
    if (commit->flush) {
        commit->store->flushing--;
    }

    if (commit->fact) {
        ngx_free(commit->fact);
    }

    ngx_free(commit);
}


/*
 * Sends the commit's record to Redis.  NGX_OK: the commit is on its way and
 * frees itself; else it is still the caller's.
 */

static ngx_int_t
ngx_http_reauth_commit_send(ngx_http_reauth_commit_t *commit)
{
    size_t            event;
    int64_t           lives;
    u_char            revision[REAUTH_NUMBER_MAX], ttl[REAUTH_NUMBER_MAX];
    u_char            deadline[REAUTH_NUMBER_MAX], due[REAUTH_NUMBER_MAX];
    u_char            event_len[REAUTH_NUMBER_MAX];
    u_char            keys[NGX_HTTP_REAUTH_COMMIT_KEYS]
                          [REAUTH_ACCOUNT_MAX + 80];
    u_char            text[REAUTH_RECORD_TEXT_MAX];
    ngx_str_t         argv[NGX_HTTP_REAUTH_COMMIT_ARGS], *arg, *prefix;
    ngx_uint_t        active, class, i, n;
    reauth_record_t  *record;

    if (!ngx_http_reauth_store_connected(commit->store)) {
        return NGX_DECLINED;
    }

    record = &commit->record;
    prefix = &commit->store->redis_conf->prefix;
    active = reauth_state_is_active(record->state);

    arg = argv;

    ngx_http_reauth_key(arg++, keys[0], prefix, "a:", record->account);
    ngx_http_reauth_key(arg++, keys[1], prefix, "active", "");
    ngx_http_reauth_key(arg++, keys[2], prefix, "events", "");

    /* its queue from now on, and those that it may have been in */

    class = reauth_schedule_class(record);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        n = (class + i) % REAUTH_POLL_CLASSES;

        ngx_http_reauth_key(arg++, keys[3 + i], prefix,
                            ngx_http_reauth_store_queues[n], "");
    }

    ngx_http_reauth_number(arg++, revision, (int64_t) record->revision);

    arg->data = (u_char *) record->account;
    arg->len = ngx_strlen(record->account);
    arg++;

    lives = reauth_attempt_kept_ms(record) / 1000;

    if (active) {
        lives += (record->deadline_ms - record->since_ms) / 1000;
    }

    ngx_http_reauth_number(arg++, ttl, lives);

    if (active) {
        ngx_http_reauth_number(arg++, deadline, record->deadline_ms);
        ngx_http_reauth_number(arg++, due,
                     reauth_schedule_next(&commit->store->zone.schedule,
                                          record, ngx_http_reauth_now(),
                                          ngx_random()));
    } else {
        ngx_str_set(arg, "");
        arg++;
        ngx_str_set(arg, "");
        arg++;
    }

    ngx_str_set(arg, NGX_HTTP_REAUTH_STREAM_LENGTH);
    arg++;

    record->revision++;

    arg->data = text;
    arg->len = reauth_record_encode(record, text, &event);
    arg++;

    record->revision--;

    ngx_http_reauth_zone_writer(&commit->store->zone, arg++);
    ngx_http_reauth_number(arg++, event_len, (int64_t) event);

    return ngx_http_reauth_redis_script(commit->store->redis,
                                        NGX_HTTP_REAUTH_SCRIPT_COMMIT,
                                        NGX_HTTP_REAUTH_COMMIT_KEYS,
                                        arg - argv, argv,
                                        ngx_http_reauth_commit_reply, commit);
}


/*
 * The update is not sent: it is taken back as one that the upstream refused,
 * since Redis may have been told of it.
 */

static ngx_int_t
ngx_http_reauth_begin_reject(ngx_http_reauth_begin_op_t *begin,
    const char *code)
{
    reauth_fact_t  fact;

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.now_ms = ngx_http_reauth_now();
    fact.epoch = begin->begin.epoch;
    fact.source = begin->begin.source;
    fact.state = REAUTH_STATE_REJECTED;
    fact.error_code = reauth_string_from(code);

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
               && begin->op.begun == REAUTH_BEGIN_STARTED
               && ngx_http_reauth_begin_reject(begin, "NOT_SENT") != NGX_OK)
    {
        /* its caller has gone, and so has the one who would settle it */

        ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                      "reauth: the state of an account could not be kept");
    }

    ngx_free(begin);
}


/* the handler is never called from inside the call that began */

static void
ngx_http_reauth_begin_done(ngx_http_reauth_begin_op_t *begin, ngx_int_t rc,
    ngx_uint_t local)
{
    begin->op.rc = rc;
    begin->op.local = local;

    begin->event.handler = ngx_http_reauth_begin_handler;
    begin->event.data = begin;
    begin->event.log = begin->store->cycle->log;

    ngx_post_event(&begin->event, &ngx_posted_events);
}


/* Redis can't be told now: the operator chose what becomes of the update */

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

    /* the record stays dirty in the zone; worker 0 writes it later */

    begin = commit->begin;

    ngx_http_reauth_commit_free(commit);

    if (begin) {
        ngx_http_reauth_begin_local(begin);
    }
}


/* the begin was judged by a record that Redis has a later one of */

static void
ngx_http_reauth_commit_begin_again(ngx_http_reauth_commit_t *commit,
    reauth_record_t *remote)
{
    ngx_int_t                    rc;
    ngx_http_reauth_begin_op_t  *begin;

    begin = commit->begin;

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
    ngx_http_reauth_begin_done(begin, rc, 0);
}


static void
ngx_http_reauth_commit_again(ngx_http_reauth_commit_t *commit,
    reauth_record_t *remote)
{
    ngx_int_t                 rc;
    reauth_string_t           account;
    reauth_advance_result_t   result;
    ngx_http_reauth_zone_t   *zone;

    zone = &commit->store->zone;

    rc = NGX_OK;

    if (commit->fact) {
        account = reauth_string_from(remote->account);

        rc = ngx_http_reauth_zone_advance(zone, &account, &commit->fact->fact,
                                          remote, &result, &commit->record);

        if (rc == NGX_OK && result == REAUTH_ADVANCE_APPLIED) {
            rc = NGX_AGAIN;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_zone_merge(zone, remote, 1, &commit->record);
    }

    if (rc != NGX_AGAIN || ngx_http_reauth_commit_send(commit) != NGX_OK) {
        ngx_http_reauth_commit_free(commit);
    }
}


static void
ngx_http_reauth_commit_conflict(ngx_http_reauth_commit_t *commit,
    redisReply *reply)
{
    reauth_record_t  remote;

    if (++commit->tries == NGX_HTTP_REAUTH_COMMIT_TRIES) {
        ngx_log_error(NGX_LOG_WARN, commit->store->cycle->log, 0,
                      "redis: account \"%s\" is changed by others all the "
                      "time, giving up for now", commit->record.account);
        ngx_http_reauth_commit_local(commit);
        return;
    }

    if (reply->type == REDIS_REPLY_NIL) {

        /* Redis has none: it expired there, or was flushed */

        ngx_http_reauth_zone_lost(&commit->store->zone, &commit->record);
        commit->record.revision = 0;

        if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
            ngx_http_reauth_commit_local(commit);
        }

        return;
    }

    if (ngx_http_reauth_store_record(commit->store, reply, &remote)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, commit->store->cycle->log, 0,
                      "redis: the record of account \"%s\" is none; "
                      "delete its key", commit->record.account);
        ngx_http_reauth_commit_local(commit);
        return;
    }

    if (commit->begin) {
        ngx_http_reauth_commit_begin_again(commit, &remote);

    } else {
        ngx_http_reauth_commit_again(commit, &remote);
    }
}


static void
ngx_http_reauth_commit_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_commit_t *commit = data;

    char                         shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    uint64_t                     revision;
    ngx_int_t                    rc;
    ngx_http_reauth_begin_op_t  *begin;

    if (reply == NULL) {
        ngx_http_reauth_commit_local(commit);
        return;
    }

    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL) {
        ngx_http_reauth_commit_conflict(commit, reply);
        return;
    }

    if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_log_error(NGX_LOG_ERR, commit->store->cycle->log, 0,
                      "redis: a change was not written: %s",
                      ngx_http_reauth_redis_shown(reply, shown));
        ngx_http_reauth_commit_local(commit);
        return;
    }

    revision = commit->record.revision + 1;

    rc = ngx_http_reauth_zone_committed(&commit->store->zone, &commit->record,
                                        revision);

    begin = commit->begin;

    if (begin) {
        begin->op.record.revision = revision;
    }

    if (rc == NGX_AGAIN && begin == NULL) {

        /* it has changed meanwhile, and that one's commit may have failed */

        ngx_http_reauth_store_flush(commit->store, commit->record.account);
    }

    ngx_http_reauth_commit_free(commit);

    if (begin) {
        ngx_http_reauth_begin_done(begin, NGX_OK, 0);
    }
}


/* "option" NULL, or XX: one that has ended meanwhile does not come back */

static void
ngx_http_reauth_store_queue(ngx_http_reauth_store_t *store,
    const char *queue, const char *option, int64_t at_ms,
    const reauth_string_t *account)
{
    u_char      key[128], score[REAUTH_NUMBER_MAX];
    ngx_str_t   argv[5], *arg;

    arg = argv;

    ngx_str_set(arg, "ZADD");
    arg++;

    ngx_http_reauth_key(arg++, key, &store->redis_conf->prefix, queue, "");

    if (option) {
        arg->data = (u_char *) option;
        arg->len = ngx_strlen(option);
        arg++;
    }

    ngx_http_reauth_number(arg++, score, at_ms);

    arg->data = (u_char *) account->data;
    arg->len = account->len;
    arg++;

    (void) ngx_http_reauth_redis_command(store->redis, arg - argv, argv, 0,
                                         NULL, NULL);
}


static void
ngx_http_reauth_store_unqueue(ngx_http_reauth_store_t *store,
    const char *queue, const reauth_string_t *account)
{
    u_char     key[128];
    ngx_str_t  argv[3];

    ngx_str_set(&argv[0], "ZREM");
    ngx_http_reauth_key(&argv[1], key, &store->redis_conf->prefix, queue, "");

    argv[2].data = (u_char *) account->data;
    argv[2].len = account->len;

    (void) ngx_http_reauth_redis_command(store->redis, 3, argv, 0, NULL, NULL);
}


void
ngx_http_reauth_store_poll_at(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, int64_t at_ms, ngx_uint_t active)
{
    ngx_int_t            rc;
    const char          *first, *queue;
    reauth_poll_class_t  class;

    rc = ngx_http_reauth_zone_poll_at(&store->zone, account, at_ms, 0, &class);

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    first = ngx_http_reauth_store_queues[REAUTH_POLL_FIRST];
    queue = ngx_http_reauth_store_queues[class];

    if (class == REAUTH_POLL_FIRST || rc != NGX_OK) {
        ngx_http_reauth_store_queue(store, first, active ? "XX" : NULL, at_ms,
                                    account);
        return;
    }

    /* a webhook may have moved it to the first queue */

    ngx_http_reauth_store_queue(store, queue, NULL, at_ms, account);
    ngx_http_reauth_store_unqueue(store, first, account);
}


void
ngx_http_reauth_store_poll_first(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    int64_t              at_ms;
    const char          *first;
    reauth_poll_class_t  class;

    if (!store->polling) {
        return;
    }

    at_ms = ngx_http_reauth_now() - REAUTH_POLL_AT_ONCE_MS;

    if (ngx_http_reauth_zone_poll_at(&store->zone, account, at_ms, 1, &class)
        != NGX_OK)
    {
        ngx_http_reauth_store_poll_soon(store, account);
        return;
    }

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    first = ngx_http_reauth_store_queues[REAUTH_POLL_FIRST];

    if (class == REAUTH_POLL_FIRST) {
        ngx_http_reauth_store_queue(store, first, "XX", at_ms, account);
        return;
    }

    ngx_http_reauth_store_queue(store, first, NULL, at_ms, account);
    ngx_http_reauth_store_unqueue(store, ngx_http_reauth_store_queues[class],
                                  account);
}


void
ngx_http_reauth_store_poll_soon(ngx_http_reauth_store_t *store,
    const reauth_string_t *account)
{
    int64_t          now_ms;
    reauth_record_t  record;

    if (!store->polling) {
        return;
    }

    now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_zone_find(&store->zone, account, &record) == NGX_OK
        && reauth_state_is_active(record.state))
    {
        ngx_http_reauth_store_poll_at(store, account, now_ms, 1);

    } else {
        ngx_http_reauth_zone_ask(&store->zone, account, now_ms);
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


ngx_http_reauth_store_op_t *
ngx_http_reauth_store_begin(ngx_http_reauth_store_t *store,
    reauth_begin_t *begin, ngx_http_reauth_store_handler_pt handler,
    void *data)
{
    ngx_int_t                    rc;
    ngx_http_reauth_commit_t    *commit;
    ngx_http_reauth_begin_op_t  *op;

    op = ngx_calloc(sizeof(ngx_http_reauth_begin_op_t), store->cycle->log);
    if (op == NULL) {
        return NULL;
    }

    op->store = store;
    op->op.handler = handler;
    op->op.data = data;
    op->begin = *begin;

    reauth_copy(op->account, REAUTH_ACCOUNT_MAX, &begin->account);
    reauth_copy(op->caller, REAUTH_CALLER_MAX, &begin->caller);
    op->begin.account = reauth_string_from(op->account);
    op->begin.caller = reauth_string_from(op->caller);

    if (begin->fingerprint) {
        ngx_memcpy(op->fingerprint, begin->fingerprint,
                   REAUTH_FINGERPRINT_LEN);
        op->begin.fingerprint = op->fingerprint;
    }

    rc = ngx_http_reauth_zone_begin(&store->zone, &op->begin, NULL,
                                    &op->op.begun, &op->op.record);

    if (rc != NGX_OK || op->op.begun != REAUTH_BEGIN_STARTED
        || store->redis_conf == NULL)
    {
        ngx_http_reauth_begin_done(op, rc, store->redis_conf == NULL);
        return &op->op;
    }

    commit = ngx_http_reauth_commit_create(store, &op->op.record);

    if (commit == NULL) {
        ngx_http_reauth_begin_local(op);
        return &op->op;
    }

    commit->begin = op;

    if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
        ngx_http_reauth_commit_local(commit);
    }

    return &op->op;
}


void
ngx_http_reauth_store_detach(ngx_http_reauth_store_op_t *op)
{
    op->handler = NULL;
}


static void
ngx_http_reauth_outcome_key(ngx_http_reauth_store_t *store, ngx_str_t *key,
    u_char *buffer, const reauth_string_t *account, uint64_t epoch)
{
    key->data = buffer;
    key->len = ngx_sprintf(buffer, "%V:o:%*s:%uL", &store->redis_conf->prefix,
                           account->len, account->data, epoch)
               - buffer;
}


void
ngx_http_reauth_store_put_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *sealed,
    int64_t kept_ms)
{
    u_char      key[256], number[NGX_INT64_LEN];
    int64_t     now_ms;
    ngx_str_t   argv[5];

    if (sealed->len > NGX_HTTP_REAUTH_OUTCOME_MAX || kept_ms <= 0) {
        return;
    }

    now_ms = ngx_http_reauth_now();

    ngx_http_reauth_zone_put_outcome(&store->zone, account, epoch, sealed,
                                     now_ms, now_ms + kept_ms);

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    /* it goes out on the connection that the commit follows on */

    ngx_str_set(&argv[0], "SET");
    ngx_http_reauth_outcome_key(store, &argv[1], key, account, epoch);
    argv[2] = *sealed;
    ngx_str_set(&argv[3], "PX");
    argv[4].data = number;
    argv[4].len = ngx_sprintf(number, "%L", kept_ms) - number;

    (void) ngx_http_reauth_redis_command(store->redis, 5, argv, 0, NULL, NULL);
}


/*
 * The attempt of a response that was kept has ended: those that waited for it
 * have yet to see it, and nobody else.
 */

static void
ngx_http_reauth_store_end_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t since_ms)
{
    u_char      key[256];
    ngx_str_t   argv[3];

    ngx_http_reauth_zone_cut_outcome(&store->zone, account, since_ms,
                                     ngx_http_reauth_now()
                                     + NGX_HTTP_REAUTH_OUTCOME_WAIT);

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    ngx_str_set(&argv[0], "EXPIRE");
    ngx_http_reauth_outcome_key(store, &argv[1], key, account, since_ms);
    ngx_str_set(&argv[2], NGX_HTTP_REAUTH_OUTCOME_SECONDS);

    (void) ngx_http_reauth_redis_command(store->redis, 3, argv, 0, NULL, NULL);
}


static void
ngx_http_reauth_outcome_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_outcome_op_t *op = data;

    ngx_str_t  sealed;

    if (op->handler) {

        if (reply != NULL
            && reply->type == REDIS_REPLY_STRING
            && reply->len <= NGX_HTTP_REAUTH_OUTCOME_MAX)
        {
            sealed.data = (u_char *) reply->str;
            sealed.len = reply->len;

            op->handler(&sealed, op->data);

        } else {
            op->handler(NULL, op->data);
        }
    }

    ngx_free(op);
}


ngx_int_t
ngx_http_reauth_store_get_outcome(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *out,
    ngx_http_reauth_outcome_handler_pt handler, void *data,
    ngx_http_reauth_outcome_op_t **op)
{
    u_char      key[256];
    ngx_str_t   argv[2];

    if (ngx_http_reauth_zone_get_outcome(&store->zone, account, epoch, out,
                                         ngx_http_reauth_now())
        == NGX_OK)
    {
        return NGX_OK;
    }

    if (!ngx_http_reauth_store_connected(store)) {
        return NGX_DECLINED;
    }

    *op = ngx_calloc(sizeof(ngx_http_reauth_outcome_op_t), store->cycle->log);
    if (*op == NULL) {
        return NGX_DECLINED;
    }

    (*op)->handler = handler;
    (*op)->data = data;

    ngx_str_set(&argv[0], "GET");
    ngx_http_reauth_outcome_key(store, &argv[1], key, account, epoch);

    if (ngx_http_reauth_redis_command(store->redis, 2, argv, 0,
                                      ngx_http_reauth_outcome_reply, *op)
        != NGX_OK)
    {
        ngx_free(*op);
        *op = NULL;
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}


static void
ngx_http_reauth_keep_string(reauth_string_t *s, char *buffer, size_t max)
{
    if (s->data != NULL) {
        reauth_copy(buffer, max, s);
        *s = reauth_string_from(buffer);
    }
}


static ngx_http_reauth_kept_fact_t *
ngx_http_reauth_keep_fact(ngx_http_reauth_store_t *store, reauth_fact_t *fact)
{
    ngx_http_reauth_kept_fact_t  *kept;

    kept = ngx_calloc(sizeof(ngx_http_reauth_kept_fact_t), store->cycle->log);
    if (kept == NULL) {
        return NULL;
    }

    kept->fact = *fact;

    ngx_http_reauth_keep_string(&kept->fact.attempt, kept->attempt,
                                REAUTH_ATTEMPT_MAX);
    ngx_http_reauth_keep_string(&kept->fact.caller, kept->caller,
                                REAUTH_CALLER_MAX);
    ngx_http_reauth_keep_string(&kept->fact.progress, kept->progress,
                                REAUTH_PROGRESS_MAX);
    ngx_http_reauth_keep_string(&kept->fact.error_code, kept->error_code,
                                REAUTH_ERROR_CODE_MAX);
    ngx_http_reauth_keep_string(&kept->fact.error_message,
                                kept->error_message,
                                REAUTH_ERROR_MESSAGE_MAX);

    if (fact->sealed != NULL && fact->sealed_len <= REAUTH_SEALED_MAX) {
        ngx_memcpy(kept->sealed, fact->sealed, fact->sealed_len);
        kept->fact.sealed = kept->sealed;
    }

    return kept;
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

    if (ngx_http_reauth_zone_advance(&store->zone, account, fact, NULL,
                                     &advanced, &changed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (result) {
        *result = advanced;
    }

    if (record) {
        *record = changed;
    }

    if (advanced != REAUTH_ADVANCE_APPLIED) {
        return NGX_OK;
    }

    if (changed.kept && reauth_state_is_end(changed.state)) {
        ngx_http_reauth_store_end_outcome(store, account,
                                          (uint64_t) changed.since_ms);
    }

    if (store->redis_conf == NULL) {
        return NGX_OK;
    }

    /* whatever fails from here on: it stays dirty, and is written later */

    commit = ngx_http_reauth_commit_create(store, &changed);

    if (commit) {
        commit->fact = ngx_http_reauth_keep_fact(store, fact);

        if (ngx_http_reauth_commit_send(commit) != NGX_OK) {
            ngx_http_reauth_commit_free(commit);
        }
    }

    return NGX_OK;
}


static void
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


void
ngx_http_reauth_store_flush(ngx_http_reauth_store_t *store,
    const char *account)
{
    reauth_string_t  name;
    reauth_record_t  record;

    name = reauth_string_from(account);

    if (ngx_http_reauth_zone_kept(&store->zone, &name, &record) == NGX_OK) {
        ngx_http_reauth_store_flush_record(store, &record);
    }
}


/* what was changed while Redis was away is written now that it is back */

static void
ngx_http_reauth_store_flush_dirty(ngx_http_reauth_store_t *store,
    int64_t now_ms)
{
    ngx_uint_t       n;
    reauth_record_t  record, first;

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    for (n = 0;
         n < NGX_HTTP_REAUTH_TIMER_WORK
         && store->flushing < NGX_HTTP_REAUTH_TIMER_WORK;
         n++)
    {
        if (ngx_http_reauth_zone_next_dirty(&store->zone, &record) != NGX_OK) {
            return;
        }

        /* each stays in the line until it was written */

        if (n == 0) {
            first = record;

        } else if (ngx_strcmp(record.account, first.account) == 0) {
            return;
        }

        /* the one who changed it may still be at it */

        if (record.updated_ms + (int64_t) store->redis_conf->timeout > now_ms) {
            continue;
        }

        ngx_http_reauth_store_flush_record(store, &record);
    }
}


static void
ngx_http_reauth_store_timer(ngx_event_t *ev)
{
    int64_t                   now_ms;
    ngx_uint_t                n;
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_string_t           account;
    ngx_http_reauth_store_t  *store;

    store = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_REAUTH_TIMER);

    now_ms = ngx_http_reauth_now();

    for (n = 0; n < NGX_HTTP_REAUTH_TIMER_WORK; n++) {

        if (ngx_http_reauth_zone_next_overdue(&store->zone, now_ms, &record)
            != NGX_OK
            || !reauth_attempt_overdue(&record, now_ms, &fact))
        {
            break;
        }

        ngx_log_error(NGX_LOG_NOTICE, ev->log, 0,
                      "account \"%s\" is %s now: attempt \"%s\" %s",
                      record.account, reauth_state_name(fact.state),
                      record.attempt,
                      fact.state == REAUTH_STATE_EXPIRED
                          ? "did not end within reauth_gate_max"
                          : "was not answered by the upstream");

        account = reauth_string_from(record.account);

        if (ngx_http_reauth_store_advance(store, &account, &fact, NULL, NULL)
            != NGX_OK)
        {
            break;
        }
    }

    ngx_http_reauth_zone_sweep(&store->zone, now_ms,
                               NGX_HTTP_REAUTH_TIMER_WORK);

    ngx_http_reauth_store_flush_dirty(store, now_ms);

    if (store->follower) {
        ngx_http_reauth_zone_set_remote(&store->zone,
                        ngx_http_reauth_redis_ready(store->redis),
                        ngx_http_reauth_redis_latency(store->redis));
    }
}


static void
ngx_http_reauth_store_event(ngx_http_reauth_redis_t *redis, ngx_uint_t up,
    void *data)
{
    ngx_http_reauth_store_t *store = data;

    if (store->timer.data == NULL) {
        return;
    }

    ngx_http_reauth_zone_set_remote(&store->zone, up,
                                    ngx_http_reauth_redis_latency(redis));

    if (up) {
        ngx_http_reauth_store_flush_dirty(store, ngx_http_reauth_now());
    }
}


ngx_int_t
ngx_http_reauth_store_init_process(ngx_http_reauth_store_t *store,
    ngx_cycle_t *cycle)
{
    store->cycle = cycle;
    store->zone.log = cycle->log;

    if (ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0) {
        store->timer.handler = ngx_http_reauth_store_timer;
        store->timer.data = store;
        store->timer.log = cycle->log;
        store->timer.cancelable = 1;

        ngx_add_timer(&store->timer, NGX_HTTP_REAUTH_TIMER);
    }

    if (store->redis_conf == NULL) {
        return NGX_OK;
    }

    store->redis = ngx_http_reauth_redis_create(store->redis_conf, cycle,
                                          ngx_http_reauth_store_event, store);
    if (store->redis == NULL) {
        return NGX_ERROR;
    }

    if (store->timer.data == NULL) {
        return NGX_OK;
    }

    return ngx_http_reauth_sync_start(store);
}


void
ngx_http_reauth_store_exit_process(ngx_http_reauth_store_t *store)
{
    if (store->follower) {
        ngx_http_reauth_redis_destroy(store->follower);
        store->follower = NULL;
    }

    if (store->redis) {
        ngx_http_reauth_redis_destroy(store->redis);
        store->redis = NULL;
    }
}
