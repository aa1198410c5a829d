
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One connection to Redis is one state machine: ask a Sentinel, resolve,
 * connect, TLS, AUTH, HELLO, SELECT, SCRIPT LOAD, probe, TIME, ready.
 * All failures are handled by ngx_http_reauth_redis_fail(), which logs the
 * failure and its place, fails pending commands, and starts the timer for the
 * next connection.
 *
 * Handlers may destroy the connection: every call from the event loop is
 * between _enter() and _leave(), and the outermost _leave() frees the memory.
 */


#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_redis_connection.h"


/* milliseconds after which a connection is stable and the back-off is reset */
#define NGX_HTTP_REAUTH_REDIS_STEADY       1000


static u_char *ngx_http_reauth_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);
static ngx_http_reauth_redis_t *ngx_http_reauth_redis_new(
    ngx_http_reauth_redis_conf_t *conf, ngx_log_t *log,
    ngx_http_reauth_redis_kind_e kind);
static void ngx_http_reauth_redis_retry_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_connect_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_connected(ngx_http_reauth_redis_t *redis);
static ngx_msec_t ngx_http_reauth_redis_next(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state);
static void ngx_http_reauth_redis_end(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state, ngx_msec_t delay);
static void ngx_http_reauth_redis_close(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_tell(ngx_http_reauth_redis_t *redis);


ngx_http_reauth_redis_t *
ngx_http_reauth_redis_create(ngx_http_reauth_redis_conf_t *conf,
    ngx_cycle_t *cycle, ngx_msec_t timeout,
    ngx_http_reauth_redis_event_pt event,
    ngx_http_reauth_redis_completed_pt completed, void *data)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ngx_http_reauth_redis_new(conf, cycle->log,
                                      NGX_HTTP_REAUTH_REDIS_STORE);
    if (redis == NULL) {
        return NULL;
    }

    redis->timeout = timeout;
    redis->event = event;
    redis->completed = completed;
    redis->data = data;

    reauth_seek_init(&redis->seek, conf->nservers,
                     conf->master.len ? conf->nservers : 0);

    if (conf->master.len
        && ngx_http_reauth_redis_sentinel_create(redis) != NGX_OK)
    {
        ngx_destroy_pool(redis->pool);
        return NULL;
    }

    ngx_add_timer(&redis->retry, 0);

    return redis;
}


/* a secondary connection: to a Sentinel, or for commands after ASK */

ngx_http_reauth_redis_t *
ngx_http_reauth_redis_child(ngx_http_reauth_redis_t *parent,
    ngx_http_reauth_redis_kind_e kind, ngx_http_reauth_redis_event_pt event)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ngx_http_reauth_redis_new(parent->conf, &parent->log, kind);
    if (redis == NULL) {
        return NULL;
    }

    redis->parent = parent;
    redis->timeout = parent->timeout;
    redis->event = event;
    redis->data = parent;

    reauth_seek_init(&redis->seek, parent->conf->nservers, 0);

    ngx_add_timer(&redis->retry, 0);

    return redis;
}


static ngx_http_reauth_redis_t *
ngx_http_reauth_redis_new(ngx_http_reauth_redis_conf_t *conf, ngx_log_t *log,
    ngx_http_reauth_redis_kind_e kind)
{
    ngx_pool_t               *pool;
    ngx_http_reauth_redis_t  *redis;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NULL;
    }

    redis = ngx_pcalloc(pool, sizeof(ngx_http_reauth_redis_t));
    if (redis == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    redis->in = ngx_palloc(pool, NGX_HTTP_REAUTH_REDIS_BUFFER);
    redis->out = ngx_palloc(pool, NGX_HTTP_REAUTH_REDIS_BUFFER);
    redis->told.text.data = ngx_pnalloc(pool, NGX_HTTP_REAUTH_REDIS_PLACE_LEN);

    if (redis->in == NULL || redis->out == NULL
        || redis->told.text.data == NULL)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    redis->pool = pool;
    redis->conf = conf;
    redis->kind = kind;
    redis->ident = -1;
    redis->name = conf->servers[0].text;

    redis->log = *log;
    redis->log.handler = ngx_http_reauth_redis_log_error;
    redis->log.data = redis;
    redis->log.action = "connecting to";
    pool->log = &redis->log;

    ngx_queue_init(&redis->commands);
    ngx_queue_init(&redis->lost);
    ngx_queue_init(&redis->waiting);
    redis->unsent = ngx_queue_sentinel(&redis->commands);

    redis->retry.handler = ngx_http_reauth_redis_retry_handler;
    redis->retry.data = redis;
    redis->retry.log = &redis->log;
    redis->retry.cancelable = 1;

    redis->deadline.handler = ngx_http_reauth_redis_deadline_handler;
    redis->deadline.data = redis;
    redis->deadline.log = &redis->log;
    redis->deadline.cancelable = 1;

    redis->flush.handler = ngx_http_reauth_redis_flush_handler;
    redis->flush.data = redis;
    redis->flush.log = &redis->log;

    return redis;
}


void
ngx_http_reauth_redis_destroy(ngx_http_reauth_redis_t *redis)
{
    if (redis->destroyed) {
        return;
    }

    ngx_http_reauth_redis_enter(redis);

    redis->destroyed = 1;

    ngx_http_reauth_redis_close(redis);

    if (redis->retry.timer_set) {
        ngx_del_timer(&redis->retry);
    }

    if (redis->sentinel) {
        ngx_http_reauth_redis_destroy(redis->sentinel);
        redis->sentinel = NULL;
    }

    ngx_http_reauth_redis_tell(redis);

    ngx_http_reauth_redis_leave(redis);
}


ngx_uint_t
ngx_http_reauth_redis_ready(ngx_http_reauth_redis_t *redis)
{
    return redis->state == NGX_HTTP_REAUTH_REDIS_READY;
}


ngx_uint_t
ngx_http_reauth_redis_connecting(ngx_http_reauth_redis_t *redis)
{
    return redis->state != NGX_HTTP_REAUTH_REDIS_READY && redis->outage == 0;
}


ngx_msec_t
ngx_http_reauth_redis_latency(ngx_http_reauth_redis_t *redis)
{
    return redis->latency;
}


reauth_refusal_t
ngx_http_reauth_redis_refusal(ngx_http_reauth_redis_t *redis)
{
    return redis->refusal;
}


reauth_refusal_t
ngx_http_reauth_redis_outage(ngx_http_reauth_redis_t *redis)
{
    if (redis->outage == 0) {
        return REAUTH_REFUSAL_NONE;
    }

    return redis->refusal != REAUTH_REFUSAL_NONE ? redis->refusal
                                                 : REAUTH_REFUSAL_UNREACHABLE;
}


static u_char *
ngx_http_reauth_redis_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_reauth_redis_t  *redis;

    redis = log->data;

    return ngx_snprintf(buf, len, " while %s %s %V", log->action,
                        redis->kind == NGX_HTTP_REAUTH_REDIS_WATCH
                        ? "sentinel" : "redis", &redis->name);
}


void
ngx_http_reauth_redis_enter(ngx_http_reauth_redis_t *redis)
{
    redis->depth++;
}


void
ngx_http_reauth_redis_leave(ngx_http_reauth_redis_t *redis)
{
    if (--redis->depth == 0 && redis->destroyed) {
        ngx_destroy_pool(redis->pool);
    }
}


static void
ngx_http_reauth_redis_retry_handler(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ev->data;

    ngx_http_reauth_redis_enter(redis);

    if (!ngx_exiting && !ngx_quit && !ngx_terminate) {
        ngx_http_reauth_redis_place(redis);

    } else if (redis->kind == NGX_HTTP_REAUTH_REDIS_ASKING) {

        /* commands wait for it */

        ngx_http_reauth_redis_fail(redis, 0, "the worker exits");
    }

    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_connect_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_reauth_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    ngx_http_reauth_redis_enter(redis);

    if (c->close) {
        ngx_http_reauth_redis_fail(redis, 0, "nginx is shutting down");

    } else {
        ngx_http_reauth_redis_connected(redis);
    }

    ngx_http_reauth_redis_leave(redis);
}


void
ngx_http_reauth_redis_open(ngx_http_reauth_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_err_t          err;
    ngx_addr_t        *addr;
    ngx_uint_t         level;
    ngx_connection_t  *c;

    redis->state = NGX_HTTP_REAUTH_REDIS_CONNECT;
    redis->log.action = "connecting to";

    redis->reader = reauth_reply_reader();
    if (redis->reader == NULL) {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
        return;
    }

    addr = &redis->list[redis->seek.addr];
    redis->name = addr->name;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: connecting to %V", &addr->name);

    ngx_memzero(&redis->peer, sizeof(ngx_peer_connection_t));

    redis->peer.sockaddr = addr->sockaddr;
    redis->peer.socklen = addr->socklen;
    redis->peer.name = &addr->name;
    redis->peer.get = ngx_event_get_peer;
    redis->peer.log = &redis->log;
    redis->peer.so_keepalive = 1;

    /* repeated failures of an outage are logged at the "info" level */

    redis->peer.log_error = redis->outage ? NGX_ERROR_INFO : NGX_ERROR_ERR;

    /* prevents nginx from logging each attempt; _fail() logs the error */

    level = redis->log.log_level;

    if (level < NGX_LOG_DEBUG) {
        redis->log.log_level = ngx_min(level, NGX_LOG_ALERT);
    }

    rc = ngx_event_connect_peer(&redis->peer);
    err = ngx_socket_errno;

    redis->log.log_level = level;

    if (rc == NGX_ERROR || rc == NGX_DECLINED || rc == NGX_BUSY) {
        ngx_http_reauth_redis_fail(redis, err, "connect() failed");
        return;
    }

    c = redis->peer.connection;

    c->data = redis;
    c->read->handler = ngx_http_reauth_redis_connect_handler;
    c->write->handler = ngx_http_reauth_redis_connect_handler;

    c->pool = ngx_create_pool(512, &redis->log);
    if (c->pool == NULL) {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
        return;
    }

    redis->deadline.cancelable = 1;
    ngx_add_timer(&redis->deadline,
                  ngx_max(redis->conf->timeout,
                          NGX_HTTP_REAUTH_REDIS_CONNECT_MIN));

    if (rc == NGX_OK) {
        ngx_http_reauth_redis_connected(redis);
    }
}


static void
ngx_http_reauth_redis_connected(ngx_http_reauth_redis_t *redis)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_http_reauth_redis_fail(redis, err, "connect() failed");
        return;
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_reauth_redis_fail(redis, 0, "no TCP_NODELAY");
        return;
    }

#if (NGX_SSL)
    if (redis->conf->ssl) {
        ngx_http_reauth_redis_tls_start(redis);
        return;
    }
#endif

    ngx_http_reauth_redis_greet(redis);
}


/*
 * Handles all failures.  When it returns, the connection is closed, and
 * "redis" may be destroyed, but is not freed, see _enter().
 */

void
ngx_http_reauth_redis_fail(ngx_http_reauth_redis_t *redis, ngx_err_t err,
    const char *text)
{
    ngx_uint_t                     level;
    ngx_msec_t                     delay;
    ngx_http_reauth_redis_state_e  state;

    state = redis->state;
    level = ngx_http_reauth_redis_fail_level(redis);

    ngx_log_error(level, &redis->log, err, "%s", text);

    if (level != NGX_LOG_INFO) {
        if (redis->outage == 0) {
            redis->failed = 0;
            redis->outage = ngx_max(ngx_current_msec, 1);
        }

        redis->failed |= (ngx_uint_t) 1 << state;
    }

    delay = ngx_http_reauth_redis_next(redis, state);

    ngx_http_reauth_redis_end(redis, state, delay);
}


/* connects to another place, which is already known */

void
ngx_http_reauth_redis_go(ngx_http_reauth_redis_t *redis, ngx_uint_t level,
    const char *text)
{
    ngx_log_error(level, &redis->log, 0, "%s", text);

    ngx_http_reauth_redis_end(redis, redis->state, 0);
}


/*
 * The first failure of an outage is logged at the "error" level, a different
 * failure at "warn", repeated ones at "info", as well as addresses that are not
 * reachable or not the primary's while there are others to try.
 */

ngx_uint_t
ngx_http_reauth_redis_fail_level(ngx_http_reauth_redis_t *redis)
{
    if (redis->idle
        || (redis->peer.connection && redis->peer.connection->close))
    {
        return NGX_LOG_INFO;
    }

    if (redis->state < NGX_HTTP_REAUTH_REDIS_READY
        && reauth_seek_more(&redis->seek)
        && (redis->state <= NGX_HTTP_REAUTH_REDIS_CONNECT
            || redis->failing == REAUTH_REFUSAL_REPLICA
            || redis->failing == REAUTH_REFUSAL_CLUSTER))
    {
        return NGX_LOG_INFO;
    }

    if (redis->outage == 0) {
        return NGX_LOG_ERR;
    }

    return redis->failed & ((ngx_uint_t) 1 << redis->state) ? NGX_LOG_INFO
                                                            : NGX_LOG_WARN;
}


ngx_uint_t
ngx_http_reauth_redis_steady(ngx_http_reauth_redis_t *redis)
{
    return redis->state == NGX_HTTP_REAUTH_REDIS_READY
           && ngx_current_msec - redis->ready >= NGX_HTTP_REAUTH_REDIS_STEADY;
}


/* decides where to connect next; returns the delay */

static ngx_msec_t
ngx_http_reauth_redis_next(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state)
{
    ngx_msec_t           delay;
    reauth_seek_end_t    end;

    end = REAUTH_SEEK_FAILED;

    if (state == NGX_HTTP_REAUTH_REDIS_READY) {
        end = redis->ending == REAUTH_SEEK_FAILED ? REAUTH_SEEK_LOST
                                                  : redis->ending;
    }

    delay = reauth_seek_ended(&redis->seek, end,
                              ngx_http_reauth_redis_steady(redis),
                              (unsigned) ngx_random());

    /* the error of an address is reported until another one is used */

    if (redis->failing != REAUTH_REFUSAL_NONE) {
        redis->refusal = redis->failing;
        redis->found = 1;
    }

    if (redis->seek.tried == 0 && redis->seek.addr == 0) {

        if (!redis->found) {
            redis->refusal = REAUTH_REFUSAL_NONE;
        }

        redis->found = 0;
    }

    return delay;
}


/* closes the connection, and opens the next one after the delay */

static void
ngx_http_reauth_redis_end(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state, ngx_msec_t delay)
{
    redis->failing = REAUTH_REFUSAL_NONE;
    redis->ending = REAUTH_SEEK_FAILED;
    redis->idle = 0;

    ngx_http_reauth_redis_close(redis);

    if (redis->kind != NGX_HTTP_REAUTH_REDIS_ASKING) {
        ngx_http_reauth_redis_wake(redis, delay);
    }

    if (redis->event
        && (state == NGX_HTTP_REAUTH_REDIS_READY || redis->parent))
    {
        redis->event(redis, 0, redis->data);
    }

    ngx_http_reauth_redis_tell(redis);
}


void
ngx_http_reauth_redis_wake(ngx_http_reauth_redis_t *redis, ngx_msec_t delay)
{
    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: down, connecting in %M ms", delay);

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (redis->retry.timer_set) {
        ngx_del_timer(&redis->retry);
    }

    ngx_add_timer(&redis->retry, delay);
}


static void
ngx_http_reauth_redis_close(ngx_http_reauth_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    redis->state = NGX_HTTP_REAUTH_REDIS_DOWN;

    ngx_http_reauth_redis_place_close(redis);

    c = redis->peer.connection;

    if (c) {
        redis->peer.connection = NULL;

#if (NGX_SSL)
        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;

            (void) ngx_ssl_shutdown(c);
        }
#endif

        pool = c->pool;

        ngx_close_connection(c);

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }

    if (redis->reader) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    if (redis->deadline.timer_set) {
        ngx_del_timer(&redis->deadline);
    }

    if (redis->flush.posted) {
        ngx_delete_posted_event(&redis->flush);
    }

    if (redis->secret) {
        explicit_bzero(redis->out, NGX_HTTP_REAUTH_REDIS_BUFFER);
        redis->secret = 0;
    }

    redis->pos = redis->out;
    redis->last = redis->out;
    redis->unread = 0;
    redis->loading = 0;
    redis->asked = 0;

    if (redis->watch.timer_set) {
        ngx_del_timer(&redis->watch);
    }

    if (redis->asking) {
        ngx_http_reauth_redis_ask_close(redis);
    }

    if (!ngx_queue_empty(&redis->commands)) {
        ngx_queue_add(&redis->lost, &redis->commands);
        ngx_queue_init(&redis->commands);
    }

    if (!ngx_queue_empty(&redis->waiting)) {
        ngx_queue_add(&redis->lost, &redis->waiting);
        ngx_queue_init(&redis->waiting);
    }

    redis->unsent = ngx_queue_sentinel(&redis->commands);
    redis->offset = 0;
    redis->ncommands = 0;
    redis->nwaits = 0;
}


/* commands of the connection itself are not reported as completed */

void
ngx_http_reauth_redis_complete(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command, redisReply *reply)
{
    ngx_msec_int_t            latency;
    ngx_http_reauth_redis_t  *store;

    store = redis;

    if (redis->kind == NGX_HTTP_REAUTH_REDIS_ASKING && redis->parent != NULL) {

        /* it was redirected */

        store = redis->parent;
    }

    if (command->accepted && store->completed) {
        latency = command->waits
                  ? -1 : (ngx_msec_int_t) (ngx_current_msec - command->start);

        store->completed(reply, latency, store->data);
    }

    if (command->handler) {
        command->handler(reply, command->data);
    }
}


/* Each handler is called once, even if a handler gets here again. */

static void
ngx_http_reauth_redis_tell(ngx_http_reauth_redis_t *redis)
{
    ngx_queue_t                      *q;
    ngx_http_reauth_redis_command_t  *command;

    while (!ngx_queue_empty(&redis->lost)) {
        q = ngx_queue_head(&redis->lost);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it follows no queue */
        ngx_queue_remove(q);

        command = ngx_queue_data(q, ngx_http_reauth_redis_command_t, queue);

        ngx_http_reauth_redis_complete(redis, command, NULL);

        ngx_http_reauth_redis_free_command(redis, command);
    }
}
