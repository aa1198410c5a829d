
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One connection to Redis is one state machine: connect, TLS, AUTH, SELECT,
 * SCRIPT LOAD, ready.  Whatever goes wrong in any state ends in
 * ngx_http_reauth_redis_fail(), which says what and where, tells all that
 * wait, and starts the timer for the next try.
 *
 * Handlers may do as they like, also destroy the connection: every entry from
 * the event loop is between _enter() and _leave(), and the memory is given
 * back by the outermost of them.
 */


#include "ngx_http_reauth_redis.h"

#include <openssl/crypto.h>


/*
 * The first retry is soon, since a restarted Redis is back at once; the last
 * ones are rare enough to be no load and still find it within seconds.
 */
#define NGX_HTTP_REAUTH_REDIS_BACKOFF_MIN  100
#define NGX_HTTP_REAUTH_REDIS_BACKOFF_MAX  5000

/* a connection that breaks sooner has not recovered: back-off goes on */
#define NGX_HTTP_REAUTH_REDIS_STEADY       1000

/* TCP, TLS and the greeting take round trips that one command does not */
#define NGX_HTTP_REAUTH_REDIS_CONNECT_MIN  1000

#define NGX_HTTP_REAUTH_REDIS_BUFFER       16384

/* more waiting commands than this only pile up behind a slow Redis */
#define NGX_HTTP_REAUTH_REDIS_COMMANDS     100000
#define NGX_HTTP_REAUTH_REDIS_BYTES        (64 * 1024 * 1024)

/* no reply that we ask for comes near to this */
#define NGX_HTTP_REAUTH_REDIS_REPLY        (64 * 1024 * 1024)

#define NGX_HTTP_REAUTH_REDIS_SHA_LEN      40


typedef enum {
    NGX_HTTP_REAUTH_REDIS_DOWN = 0,
    NGX_HTTP_REAUTH_REDIS_CONNECT,
    NGX_HTTP_REAUTH_REDIS_TLS,
    NGX_HTTP_REAUTH_REDIS_AUTH,
    NGX_HTTP_REAUTH_REDIS_SELECT,
    NGX_HTTP_REAUTH_REDIS_SCRIPTS,
    NGX_HTTP_REAUTH_REDIS_READY
} ngx_http_reauth_redis_state_e;


typedef struct {
    ngx_queue_t                        queue;
    u_char                            *text;     /* NULL: sent, and freed */
    size_t                             len;
    ngx_msec_t                         start;
    ngx_msec_t                         timeout;
    ngx_http_reauth_redis_handler_pt   handler;
    void                              *data;
    unsigned                           waits:1;  /* a time-out of its own */
    unsigned                           script:1;
    unsigned                           again:1;  /* sent for a second time */
    unsigned                           secret:1;
} ngx_http_reauth_redis_command_t;


/*
 * What an error of Redis means.  Its own words may repeat the arguments of the
 * command, so that only these are shown to whoever asks.
 */

typedef struct {
    const char                        *code;
    const char                        *hint;     /* for the log */
    const char                        *refusal;
} ngx_http_reauth_redis_error_t;


struct ngx_http_reauth_redis_s {
    ngx_pool_t                        *pool;
    ngx_http_reauth_redis_conf_t      *conf;
    void                              *data;

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                          ident;

    ngx_log_t                          log;
    ngx_http_reauth_redis_event_pt     event;

    ngx_http_reauth_redis_state_e      state;
    ngx_http_reauth_redis_state_e      failed;   /* where it did last */
    const char                        *refusal;  /* in plain words, or NULL */
    ngx_peer_connection_t              peer;
    redisReader                       *reader;
    size_t                             unread;   /* bytes since a reply */

    ngx_uint_t                         addr;
    ngx_uint_t                         tried;
    ngx_msec_t                         backoff;
    ngx_msec_t                         ready;    /* since when */
    ngx_msec_t                         outage;   /* since when; 0: none */

    ngx_event_t                        retry;
    ngx_event_t                        deadline;
    ngx_event_t                        flush;

    ngx_queue_t                        commands;
    ngx_queue_t                       *unsent;   /* first of them, or end */
    size_t                             offset;   /* in that */
    ngx_queue_t                        lost;     /* to be told */
    ngx_uint_t                         ncommands;
    ngx_uint_t                         nwaits;
    size_t                             bytes;

    ngx_uint_t                         loading;  /* scripts asked for */
    ngx_uint_t                         loaded;   /* of them, in order */
    ngx_msec_t                         progress; /* when bytes came */
    ngx_msec_t                         latency;

    u_char                            *in;
    u_char                            *out;
    u_char                            *pos;
    u_char                            *last;

    ngx_uint_t                         depth;
    unsigned                           secret:1; /* in "out" */
    unsigned                           destroyed:1;

    u_char                             sha[NGX_HTTP_REAUTH_SCRIPT_LAST]
                                          [NGX_HTTP_REAUTH_REDIS_SHA_LEN];
};


static u_char *ngx_http_reauth_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_reauth_redis_enter(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_leave(ngx_http_reauth_redis_t *redis);

static void ngx_http_reauth_redis_retry_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_deadline_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_flush_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_connect_handler(ngx_event_t *ev);
static void ngx_http_reauth_redis_read_handler(ngx_event_t *rev);
static void ngx_http_reauth_redis_write_handler(ngx_event_t *wev);

static void ngx_http_reauth_redis_connect(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_connected(ngx_http_reauth_redis_t *redis);
#if (NGX_SSL)
static void ngx_http_reauth_redis_tls_start(ngx_http_reauth_redis_t *redis);
static ngx_int_t ngx_http_reauth_redis_tls_name(
    ngx_http_reauth_redis_t *redis, ngx_connection_t *c);
static void ngx_http_reauth_redis_tls_handler(ngx_connection_t *c);
static void ngx_http_reauth_redis_tls_done(ngx_http_reauth_redis_t *redis);
#endif

static void ngx_http_reauth_redis_greet(ngx_http_reauth_redis_t *redis);
static ngx_int_t ngx_http_reauth_redis_auth(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_auth_handler(redisReply *reply, void *data);
static ngx_int_t ngx_http_reauth_redis_select(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_select_handler(redisReply *reply,
    void *data);
static ngx_int_t ngx_http_reauth_redis_load(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_load_handler(redisReply *reply, void *data);
static void ngx_http_reauth_redis_up(ngx_http_reauth_redis_t *redis);

static ngx_http_reauth_redis_command_t *ngx_http_reauth_redis_format(
    ngx_http_reauth_redis_t *redis, ngx_uint_t argc, ngx_str_t *argv);
static void ngx_http_reauth_redis_queue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
static void ngx_http_reauth_redis_unqueue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
static ngx_int_t ngx_http_reauth_redis_internal(
    ngx_http_reauth_redis_t *redis, ngx_uint_t argc, ngx_str_t *argv,
    ngx_http_reauth_redis_handler_pt handler, ngx_uint_t secret);
static ngx_int_t ngx_http_reauth_redis_accept(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_msec_t timeout, ngx_uint_t script,
    ngx_http_reauth_redis_handler_pt handler, void *data);
static void ngx_http_reauth_redis_free_text(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
static void ngx_http_reauth_redis_free_command(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
static void ngx_http_reauth_redis_watch(ngx_http_reauth_redis_t *redis);
static ngx_msec_t ngx_http_reauth_redis_due(ngx_http_reauth_redis_t *redis);

static void ngx_http_reauth_redis_send(ngx_http_reauth_redis_t *redis);
static ngx_uint_t ngx_http_reauth_redis_fill(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_receive(ngx_http_reauth_redis_t *redis);
static ngx_int_t ngx_http_reauth_redis_replies(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_reply(ngx_http_reauth_redis_t *redis,
    redisReply *reply);
static ngx_int_t ngx_http_reauth_redis_send_again(
    ngx_http_reauth_redis_t *redis, ngx_http_reauth_redis_command_t *command);
static ngx_uint_t ngx_http_reauth_redis_is_error(redisReply *reply,
    const char *code);
static ngx_uint_t ngx_http_reauth_redis_is_readonly(redisReply *reply,
    ngx_uint_t script);
static const ngx_http_reauth_redis_error_t *ngx_http_reauth_redis_error(
    redisReply *reply);

static void ngx_http_reauth_redis_fail(ngx_http_reauth_redis_t *redis,
    ngx_err_t err, const char *text);
static ngx_uint_t ngx_http_reauth_redis_fail_level(
    ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_schedule(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state);
static void ngx_http_reauth_redis_close(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_tell(ngx_http_reauth_redis_t *redis);


static const ngx_http_reauth_redis_error_t  ngx_http_reauth_redis_errors[] = {

    { "NOAUTH", ": add password_file= to \"reauth_redis\"",
      "Redis wants a password (NOAUTH)" },

    { "WRONGPASS", "", "Redis refuses the user or the password (WRONGPASS)" },

    { "NOPERM", ": see \"ACL LIST\" in Redis",
      "Redis' user lacks a right (NOPERM)" },

    { "LOADING", "", "Redis is still loading its data (LOADING)" },

    { "", "", "Redis refuses to serve; the error log says why" }
};


ngx_http_reauth_redis_t *
ngx_http_reauth_redis_create(ngx_http_reauth_redis_conf_t *conf,
    ngx_cycle_t *cycle, ngx_http_reauth_redis_event_pt event, void *data)
{
    ngx_pool_t               *pool;
    ngx_http_reauth_redis_t  *redis;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, cycle->log);
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

    if (redis->in == NULL || redis->out == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    redis->pool = pool;
    redis->conf = conf;
    redis->event = event;
    redis->data = data;
    redis->ident = -1;

    redis->log = *cycle->log;
    redis->log.handler = ngx_http_reauth_redis_log_error;
    redis->log.data = redis;
    redis->log.action = "connecting to";
    pool->log = &redis->log;

    ngx_queue_init(&redis->commands);
    ngx_queue_init(&redis->lost);
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

    ngx_add_timer(&redis->retry, 0);

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

    ngx_http_reauth_redis_tell(redis);

    ngx_http_reauth_redis_leave(redis);
}


ngx_uint_t
ngx_http_reauth_redis_ready(ngx_http_reauth_redis_t *redis)
{
    return redis->state == NGX_HTTP_REAUTH_REDIS_READY;
}


ngx_msec_t
ngx_http_reauth_redis_latency(ngx_http_reauth_redis_t *redis)
{
    return redis->latency;
}


const char *
ngx_http_reauth_redis_refusal(ngx_http_reauth_redis_t *redis)
{
    return redis->refusal;
}


ngx_int_t
ngx_http_reauth_redis_command(ngx_http_reauth_redis_t *redis, ngx_uint_t argc,
    ngx_str_t *argv, ngx_msec_t timeout,
    ngx_http_reauth_redis_handler_pt handler, void *data)
{
    return ngx_http_reauth_redis_accept(redis, argc, argv, timeout, 0, handler,
                                        data);
}


ngx_int_t
ngx_http_reauth_redis_script(ngx_http_reauth_redis_t *redis,
    ngx_uint_t script, ngx_uint_t nkeys, ngx_uint_t argc, ngx_str_t *argv,
    ngx_http_reauth_redis_handler_pt handler, void *data)
{
    u_char      number[REAUTH_NUMBER_MAX];
    ngx_int_t   rc;
    ngx_str_t  *all;

    all = ngx_alloc((argc + 3) * sizeof(ngx_str_t), &redis->log);
    if (all == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&all[0], "EVALSHA");

    all[1].data = redis->sha[script];
    all[1].len = NGX_HTTP_REAUTH_REDIS_SHA_LEN;

    all[2].data = number;
    all[2].len = reauth_string_number(nkeys, number);

    ngx_memcpy(&all[3], argv, argc * sizeof(ngx_str_t));

    rc = ngx_http_reauth_redis_accept(redis, argc + 3, all, 0, 1, handler,
                                      data);
    ngx_free(all);

    return rc;
}


static u_char *
ngx_http_reauth_redis_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_reauth_redis_t  *redis;

    redis = log->data;

    return ngx_snprintf(buf, len, " while %s redis %V", log->action,
                        &redis->conf->addrs[redis->addr].name);
}


static void
ngx_http_reauth_redis_enter(ngx_http_reauth_redis_t *redis)
{
    redis->depth++;
}


static void
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

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_connect(redis);
    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_deadline_handler(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ev->data;

    ngx_http_reauth_redis_enter(redis);

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY) {
        ngx_http_reauth_redis_fail(redis, NGX_ETIMEDOUT, "no answer");

    } else if ((ngx_msec_int_t) (ngx_http_reauth_redis_due(redis)
                                 - ngx_current_msec)
               <= 0)
    {
        redis->log.action = "waiting for a reply of";
        ngx_http_reauth_redis_fail(redis, NGX_ETIMEDOUT, "no reply in time");

    } else {
        ngx_http_reauth_redis_watch(redis);
    }

    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_flush_handler(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ev->data;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_send(redis);
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


static void
ngx_http_reauth_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t         *c;
    ngx_http_reauth_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    ngx_http_reauth_redis_enter(redis);

    if (c->close) {

        /*
         * worker_shutdown_timeout is over.  Until then the connection serves
         * what the worker still has to finish: it is not "idle", and it ends
         * with the process.
         */

        ngx_http_reauth_redis_fail(redis, 0, "nginx is shutting down");

    } else {
        ngx_http_reauth_redis_receive(redis);
    }

    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t         *c;
    ngx_http_reauth_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_send(redis);
    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_connect(ngx_http_reauth_redis_t *redis)
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

    addr = &redis->conf->addrs[redis->addr];

    ngx_memzero(&redis->peer, sizeof(ngx_peer_connection_t));

    redis->peer.sockaddr = addr->sockaddr;
    redis->peer.socklen = addr->socklen;
    redis->peer.name = &addr->name;
    redis->peer.get = ngx_event_get_peer;
    redis->peer.log = &redis->log;
    redis->peer.so_keepalive = 1;

    /* what was said once is not said again at every try */

    redis->peer.log_error = redis->outage ? NGX_ERROR_INFO : NGX_ERROR_ERR;

    /* nginx's own line would come at every try; _fail() says the same */

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


#if (NGX_SSL)

static void
ngx_http_reauth_redis_tls_start(ngx_http_reauth_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    redis->state = NGX_HTTP_REAUTH_REDIS_TLS;
    redis->log.action = "TLS handshaking with";

    if (ngx_ssl_create_connection(redis->conf->ssl, c, NGX_SSL_CLIENT)
        != NGX_OK
        || ngx_http_reauth_redis_tls_name(redis, c) != NGX_OK)
    {
        ngx_http_reauth_redis_fail(redis, 0, "no TLS context");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_reauth_redis_tls_handler;
        return;
    }

    ngx_http_reauth_redis_tls_done(redis);
}


static ngx_int_t
ngx_http_reauth_redis_tls_name(ngx_http_reauth_redis_t *redis,
    ngx_connection_t *c)
{
    char              *name;
    ngx_ssl_conn_t    *ssl;
    X509_VERIFY_PARAM *param;

    ssl = c->ssl->connection;
    name = (char *) redis->conf->host.data;

    /* as per RFC 6066, SNI holds no addresses */

    if (!redis->conf->numeric && SSL_set_tlsext_host_name(ssl, name) == 0) {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "SSL_set_tlsext_host_name(\"%s\") failed", name);
        return NGX_ERROR;
    }

    if (!redis->conf->verify) {
        return NGX_OK;
    }

    /* the name becomes part of what SSL_get_verify_result() is about */

    param = SSL_get0_param(ssl);

    if (redis->conf->numeric) {
        if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 0) {
            ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                          "X509_VERIFY_PARAM_set1_ip_asc(\"%s\") failed",
                          name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    if (X509_VERIFY_PARAM_set1_host(param, name, redis->conf->host.len) == 0) {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "X509_VERIFY_PARAM_set1_host(\"%s\") failed", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_redis_tls_handler(ngx_connection_t *c)
{
    ngx_http_reauth_redis_t  *redis;

    redis = c->data;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_tls_done(redis);
    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_tls_done(ngx_http_reauth_redis_t *redis)
{
    long               rc;
    X509              *certificate;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    if (!c->ssl->handshaked) {
        ngx_http_reauth_redis_fail(redis, 0, "no TLS connection: is it a TLS "
                                   "port, and do both sides share a protocol "
                                   "version and a cipher?");
        return;
    }

    if (redis->conf->verify) {
        certificate = SSL_get_peer_certificate(c->ssl->connection);

        if (certificate == NULL) {
            ngx_http_reauth_redis_fail(redis, 0, "no certificate came");
            return;
        }

        X509_free(certificate);

        rc = SSL_get_verify_result(c->ssl->connection);

        switch (rc) {

        case X509_V_OK:
            break;

        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            ngx_http_reauth_redis_fail(redis, 0, "the certificate is for "
                                       "another name than the one in the url");
            return;

        default:
            ngx_log_error(ngx_http_reauth_redis_fail_level(redis), c->log, 0,
                          "certificate verify error: (%l:%s)",
                          rc, X509_verify_cert_error_string(rc));
            ngx_http_reauth_redis_fail(redis, 0, "the certificate is not "
                                       "trusted: is ca= the file of the CA "
                                       "that signed it?");
            return;
        }
    }

    ngx_http_reauth_redis_greet(redis);
}

#endif


/* the next step after the state that the connection is in */

static void
ngx_http_reauth_redis_greet(ngx_http_reauth_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    c->read->handler = ngx_http_reauth_redis_read_handler;
    c->write->handler = ngx_http_reauth_redis_write_handler;

    /*
     * What came already (Redis may have refused us at once) makes no further
     * event where events are edge-triggered.
     */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }

    rc = NGX_DECLINED;

    if (redis->state < NGX_HTTP_REAUTH_REDIS_AUTH) {
        rc = ngx_http_reauth_redis_auth(redis);
    }

    if (rc == NGX_DECLINED && redis->state < NGX_HTTP_REAUTH_REDIS_SELECT) {
        rc = ngx_http_reauth_redis_select(redis);
    }

    if (rc == NGX_DECLINED) {
        redis->state = NGX_HTTP_REAUTH_REDIS_SCRIPTS;
        redis->log.action = "loading scripts into";
        rc = ngx_http_reauth_redis_load(redis);
    }

    if (rc != NGX_OK) {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
    }
}


static ngx_int_t
ngx_http_reauth_redis_auth(ngx_http_reauth_redis_t *redis)
{
    ngx_str_t                      argv[3];
    ngx_uint_t                     argc;
    ngx_http_reauth_redis_conf_t  *conf;

    conf = redis->conf;

    if (conf->password.text.len == 0) {
        return NGX_DECLINED;
    }

    redis->state = NGX_HTTP_REAUTH_REDIS_AUTH;
    redis->log.action = "authenticating to";

    ngx_str_set(&argv[0], "AUTH");
    argc = 1;

    if (conf->user.len) {
        argv[argc++] = conf->user;
    }

    argv[argc].data = (u_char *) conf->password.text.data;
    argv[argc].len = conf->password.text.len;
    argc++;

    return ngx_http_reauth_redis_internal(redis, argc, argv,
                                          ngx_http_reauth_redis_auth_handler,
                                          1);
}


static void
ngx_http_reauth_redis_auth_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_STATUS) {
        ngx_http_reauth_redis_greet(redis);
        return;
    }

    if (reply->type != REDIS_REPLY_ERROR
        || ngx_http_reauth_redis_is_error(reply, "ERR max number of clients"))
    {
        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    /* the text of an error may repeat the password */

    ngx_http_reauth_redis_fail(redis, 0,
                ngx_http_reauth_redis_is_error(reply, "WRONGPASS")
                ? "wrong user or password (WRONGPASS): see the user in the "
                  "url, password_file=, and \"ACL LIST\" in Redis"
                : "AUTH refused: Redis has no password for this user, or "
                  "knows no users (it does since 6.0), or lets nobody in now");

    redis->refusal = ngx_http_reauth_redis_error(reply)->refusal;
}


static ngx_int_t
ngx_http_reauth_redis_select(ngx_http_reauth_redis_t *redis)
{
    u_char     number[NGX_INT_T_LEN];
    ngx_str_t  argv[2];

    if (redis->conf->database == 0) {
        return NGX_DECLINED;
    }

    redis->state = NGX_HTTP_REAUTH_REDIS_SELECT;
    redis->log.action = "selecting the database of";

    ngx_str_set(&argv[0], "SELECT");

    argv[1].data = number;
    argv[1].len = ngx_sprintf(number, "%ui", redis->conf->database) - number;

    return ngx_http_reauth_redis_internal(redis, 2, argv,
                                          ngx_http_reauth_redis_select_handler,
                                          0);
}


static void
ngx_http_reauth_redis_select_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type != REDIS_REPLY_STATUS) {
        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    ngx_http_reauth_redis_greet(redis);
}


/*
 * All scripts in one go.  Replies come in order and no second go begins
 * before the last reply of the first, so counting tells which is which.
 */

static ngx_int_t
ngx_http_reauth_redis_load(ngx_http_reauth_redis_t *redis)
{
    ngx_uint_t  i;
    ngx_str_t   argv[3];

    redis->loaded = 0;

    ngx_str_set(&argv[0], "SCRIPT");
    ngx_str_set(&argv[1], "LOAD");

    for (i = 0; i < NGX_HTTP_REAUTH_SCRIPT_LAST; i++) {
        argv[2] = ngx_http_reauth_scripts[i].text;

        if (ngx_http_reauth_redis_internal(redis, 3, argv,
                                           ngx_http_reauth_redis_load_handler,
                                           0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        redis->loading++;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_redis_load_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    ngx_uint_t  i;

    if (reply == NULL) {
        return;
    }

    i = redis->loaded++;

    if (reply->type != REDIS_REPLY_STRING
        || reply->len != NGX_HTTP_REAUTH_REDIS_SHA_LEN)
    {
        ngx_log_error(NGX_LOG_INFO, &redis->log, 0,
                      "the script \"%V\" was not loaded",
                      &ngx_http_reauth_scripts[i].name);

        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    ngx_memcpy(redis->sha[i], reply->str, NGX_HTTP_REAUTH_REDIS_SHA_LEN);

    if (--redis->loading == 0
        && redis->state == NGX_HTTP_REAUTH_REDIS_SCRIPTS)
    {
        ngx_http_reauth_redis_up(redis);
    }
}


static void
ngx_http_reauth_redis_up(ngx_http_reauth_redis_t *redis)
{
    if (redis->outage) {
        redis->log.action = "connecting to";
        ngx_log_error(NGX_LOG_NOTICE, &redis->log, 0,
                      "connected again after %Mms",
                      ngx_current_msec - redis->outage);
    }

    redis->state = NGX_HTTP_REAUTH_REDIS_READY;
    redis->log.action = "using";
    redis->peer.connection->log_error = NGX_ERROR_INFO;
    redis->ready = ngx_current_msec;
    redis->outage = 0;
    redis->tried = 0;
    redis->refusal = NULL;

    ngx_del_timer(&redis->deadline);

    if (redis->event) {
        redis->event(redis, 1, redis->data);
    }
}


/*
 * An array of bulk strings (the protocol's "RESP", redis.io): hiredis takes
 * 750 instructions for each argument of it.  NULL: no memory.
 */

static ngx_http_reauth_redis_command_t *
ngx_http_reauth_redis_format(ngx_http_reauth_redis_t *redis, ngx_uint_t argc,
    ngx_str_t *argv)
{
    size_t                            size;
    u_char                           *p;
    ngx_uint_t                        i;
    ngx_http_reauth_redis_command_t  *command;

    size = sizeof("*" CRLF) - 1 + NGX_INT_T_LEN;

    for (i = 0; i < argc; i++) {
        size += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + argv[i].len;
    }

    command = ngx_calloc(sizeof(ngx_http_reauth_redis_command_t), &redis->log);
    if (command == NULL) {
        return NULL;
    }

    p = ngx_alloc(size, &redis->log);
    if (p == NULL) {
        ngx_free(command);
        return NULL;
    }

    command->text = p;

    *p++ = '*';
    p += reauth_string_number(argc, p);
    *p++ = CR;
    *p++ = LF;

    for (i = 0; i < argc; i++) {
        *p++ = '$';
        p += reauth_string_number(argv[i].len, p);
        *p++ = CR;
        *p++ = LF;
        p = ngx_cpymem(p, argv[i].data, argv[i].len);
        *p++ = CR;
        *p++ = LF;
    }

    command->len = p - command->text;
    command->timeout = redis->conf->timeout;

    return command;
}


static void
ngx_http_reauth_redis_queue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    command->start = ngx_current_msec;

    ngx_queue_insert_tail(&redis->commands, &command->queue);

    if (redis->unsent == ngx_queue_sentinel(&redis->commands)) {
        redis->unsent = &command->queue;
    }

    redis->ncommands++;
    redis->nwaits += command->waits;

    ngx_http_reauth_redis_watch(redis);

    ngx_post_event(&redis->flush, &ngx_posted_events);
}


static void
ngx_http_reauth_redis_unqueue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    ngx_queue_remove(&command->queue);

    redis->ncommands--;
    redis->nwaits -= command->waits;
}


static ngx_int_t
ngx_http_reauth_redis_internal(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_http_reauth_redis_handler_pt handler,
    ngx_uint_t secret)
{
    ngx_http_reauth_redis_command_t  *command;

    command = ngx_http_reauth_redis_format(redis, argc, argv);
    if (command == NULL) {
        return NGX_ERROR;
    }

    command->handler = handler;
    command->data = redis;
    command->secret = secret;

    redis->bytes += command->len;

    ngx_http_reauth_redis_queue(redis, command);

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_redis_accept(ngx_http_reauth_redis_t *redis, ngx_uint_t argc,
    ngx_str_t *argv, ngx_msec_t timeout, ngx_uint_t script,
    ngx_http_reauth_redis_handler_pt handler, void *data)
{
    size_t                            size;
    ngx_uint_t                        i;
    ngx_http_reauth_redis_command_t  *command;

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY
        || redis->ncommands >= NGX_HTTP_REAUTH_REDIS_COMMANDS)
    {
        return NGX_DECLINED;
    }

    size = redis->bytes;

    for (i = 0; i < argc; i++) {
        size += argv[i].len;
    }

    if (size > NGX_HTTP_REAUTH_REDIS_BYTES) {
        return NGX_DECLINED;
    }

    command = ngx_http_reauth_redis_format(redis, argc, argv);
    if (command == NULL) {
        return NGX_ERROR;
    }

    command->handler = handler;
    command->data = data;
    command->script = script;

    if (timeout) {
        command->timeout = timeout;
        command->waits = 1;
    }

    redis->bytes += command->len;

    ngx_http_reauth_redis_queue(redis, command);

    return NGX_OK;
}


static void
ngx_http_reauth_redis_free_text(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    if (command->text == NULL) {
        return;
    }

    if (command->secret) {
        OPENSSL_cleanse(command->text, command->len);
    }

    ngx_free(command->text);
    command->text = NULL;

    redis->bytes -= command->len;
}


static void
ngx_http_reauth_redis_free_command(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    ngx_http_reauth_redis_free_text(redis, command);
    ngx_free(command);
}


/*
 * One timer for all commands: it looks at the oldest.  It may fire early, and
 * looks again then.
 */

static void
ngx_http_reauth_redis_watch(ngx_http_reauth_redis_t *redis)
{
    ngx_msec_t      due;
    ngx_msec_int_t  left;

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY) {
        return;
    }

    /* a worker waits with its exit for all but those that wait in Redis */

    redis->deadline.cancelable = (redis->ncommands == redis->nwaits);

    if (ngx_queue_empty(&redis->commands)) {
        if (redis->deadline.timer_set) {
            ngx_del_timer(&redis->deadline);
        }

        return;
    }

    due = ngx_http_reauth_redis_due(redis);

    if (redis->deadline.timer_set) {
        if ((ngx_msec_int_t) (due - redis->deadline.timer.key) >= 0) {
            return;
        }

        /* nginx takes small changes of a timer for none */

        ngx_del_timer(&redis->deadline);
    }

    left = due - ngx_current_msec;

    ngx_add_timer(&redis->deadline, (ngx_msec_t) ngx_max(left, 1));
}


static ngx_msec_t
ngx_http_reauth_redis_due(ngx_http_reauth_redis_t *redis)
{
    ngx_msec_t                        start;
    ngx_http_reauth_redis_command_t  *command;

    command = ngx_queue_data(ngx_queue_head(&redis->commands),
                             ngx_http_reauth_redis_command_t, queue);

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it follows no queue */
    start = command->start;

    if ((ngx_msec_int_t) (redis->progress - start) > 0) {
        start = redis->progress;
    }

    return start + command->timeout;
}


static void
ngx_http_reauth_redis_send(ngx_http_reauth_redis_t *redis)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    while (c->write->ready) {

        if (redis->pos == redis->last && !ngx_http_reauth_redis_fill(redis)) {
            break;
        }

        n = c->send(c, redis->pos, redis->last - redis->pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_reauth_redis_fail(redis, 0, "sending failed");
            return;
        }

        redis->pos += n;

        if (redis->pos == redis->last && redis->secret) {
            OPENSSL_cleanse(redis->out, NGX_HTTP_REAUTH_REDIS_BUFFER);
            redis->secret = 0;
        }
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_reauth_redis_fail(redis, 0, "no event");
    }
}


static ngx_uint_t
ngx_http_reauth_redis_fill(ngx_http_reauth_redis_t *redis)
{
    size_t                            n;
    u_char                           *end;
    ngx_http_reauth_redis_command_t  *command;

    redis->pos = redis->out;
    redis->last = redis->out;
    end = redis->out + NGX_HTTP_REAUTH_REDIS_BUFFER;

    while (redis->last < end
           && redis->unsent != ngx_queue_sentinel(&redis->commands))
    {
        command = ngx_queue_data(redis->unsent,
                                 ngx_http_reauth_redis_command_t, queue);

        n = ngx_min(command->len - redis->offset,
                    (size_t) (end - redis->last));

        redis->last = ngx_cpymem(redis->last, command->text + redis->offset,
                                 n);
        redis->offset += n;

        if (command->secret) {
            redis->secret = 1;
        }

        if (redis->offset < command->len) {
            break;
        }

        redis->unsent = ngx_queue_next(redis->unsent);
        redis->offset = 0;

        /* a script may have to be sent again */

        if (!command->script) {
            ngx_http_reauth_redis_free_text(redis, command);
        }
    }

    return redis->last > redis->out;
}


static void
ngx_http_reauth_redis_receive(ngx_http_reauth_redis_t *redis)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    do {
        n = c->recv(c, redis->in, NGX_HTTP_REAUTH_REDIS_BUFFER);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0) {
            ngx_http_reauth_redis_fail(redis, 0, "Redis closed the "
                                       "connection");
            return;
        }

        if (n < 0) {
            ngx_http_reauth_redis_fail(redis, 0, "reading failed");
            return;
        }

        if (redisReaderFeed(redis->reader, (char *) redis->in, n)
            != REDIS_OK)
        {
            ngx_http_reauth_redis_fail(redis, 0, "no memory");
            return;
        }

        redis->unread += n;
        redis->progress = ngx_current_msec;

        if (ngx_http_reauth_redis_replies(redis) != NGX_OK) {
            return;
        }

    } while (c->read->ready);

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_reauth_redis_fail(redis, 0, "no event");
        return;
    }

    ngx_http_reauth_redis_watch(redis);
}


/* NGX_ERROR: the connection is gone */

static ngx_int_t
ngx_http_reauth_redis_replies(ngx_http_reauth_redis_t *redis)
{
    char              shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    void             *reply;
    reauth_string_t   error;

    for ( ;; ) {
        reply = NULL;

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            error = reauth_string_from(redis->reader->errstr);

            ngx_log_error(NGX_LOG_INFO, &redis->log, 0, "hiredis: %s",
                          reauth_string_shown(&error, shown, sizeof(shown)));
            ngx_http_reauth_redis_fail(redis, 0, "this does not speak the "
                                       "protocol of Redis");
            return NGX_ERROR;
        }

        if (reply == NULL) {
            break;
        }

        redis->unread = 0;

        ngx_http_reauth_redis_reply(redis, reply);

        freeReplyObject(reply);

        /* a handler never leads to a new connection, only to none */

        if (redis->peer.connection == NULL) {
            return NGX_ERROR;
        }
    }

    if (redis->unread > NGX_HTTP_REAUTH_REDIS_REPLY) {
        ngx_http_reauth_redis_fail(redis, 0, "too large a reply");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_redis_reply(ngx_http_reauth_redis_t *redis, redisReply *reply)
{
    ngx_uint_t                        readonly;
    ngx_queue_t                      *q;
    ngx_http_reauth_redis_command_t  *command;

    q = ngx_queue_head(&redis->commands);

    if (q == redis->unsent) {
        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    command = ngx_queue_data(q, ngx_http_reauth_redis_command_t, queue);

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it follows no queue */
    ngx_http_reauth_redis_unqueue(redis, command);

    if (command->script && !command->again
        && ngx_http_reauth_redis_is_error(reply, "NOSCRIPT"))
    {
        if (ngx_http_reauth_redis_send_again(redis, command) == NGX_OK) {
            return;
        }
    }

    if (!command->waits) {
        redis->latency = ngx_current_msec - command->start;
    }

    readonly = ngx_http_reauth_redis_is_readonly(reply, command->script);

    if (command->handler) {
        command->handler(reply, command->data);
    }

    ngx_http_reauth_redis_free_command(redis, command);

    if (readonly && redis->peer.connection) {
        ngx_http_reauth_redis_fail(redis, 0, "this Redis is a replica now "
                                   "(READONLY)");
    }
}


static ngx_int_t
ngx_http_reauth_redis_send_again(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    if (redis->loading == 0) {
        ngx_log_error(NGX_LOG_NOTICE, &redis->log, 0,
                      "scripts were flushed, loading them again");

        if (ngx_http_reauth_redis_load(redis) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    command->again = 1;

    ngx_http_reauth_redis_queue(redis, command);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_reauth_redis_is_error(redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, code, ngx_strlen(code)) == 0;
}


static ngx_uint_t
ngx_http_reauth_redis_is_readonly(redisReply *reply, ngx_uint_t script)
{
    if (ngx_http_reauth_redis_is_error(reply, "READONLY ")) {
        return 1;
    }

    /* before Redis 7 the error of a command in a script is only quoted */

    return script
           && ngx_http_reauth_redis_is_error(reply, "ERR Error running script")
           && ngx_strstr(reply->str, "-READONLY ") != NULL;
}


static const ngx_http_reauth_redis_error_t *
ngx_http_reauth_redis_error(redisReply *reply)
{
    const ngx_http_reauth_redis_error_t  *error;

    for (error = ngx_http_reauth_redis_errors; *error->code; error++) {

        if (ngx_http_reauth_redis_is_error(reply, error->code)) {
            break;
        }
    }

    return error;
}


const char *
ngx_http_reauth_redis_shown(const redisReply *reply,
    char shown[NGX_HTTP_REAUTH_REDIS_SHOWN])
{
    reauth_string_t  text;

    if (reply->type != REDIS_REPLY_ERROR) {
        return "unexpected reply";
    }

    text.data = (u_char *) reply->str;
    text.len = reply->len;

    return reauth_string_shown(&text, shown, NGX_HTTP_REAUTH_REDIS_SHOWN);
}


/* fails with the words of Redis */

void
ngx_http_reauth_redis_refused(ngx_http_reauth_redis_t *redis,
    redisReply *reply)
{
    char                                  shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    u_char                                text[512];
    const ngx_http_reauth_redis_error_t  *error;

    if (reply->type != REDIS_REPLY_ERROR) {
        ngx_http_reauth_redis_fail(redis, 0, "unexpected reply");
        return;
    }

    error = ngx_http_reauth_redis_error(reply);

    (void) ngx_snprintf(text, sizeof(text), "Redis says \"%s\"%s%Z",
                        ngx_http_reauth_redis_shown(reply, shown),
                        error->hint);

    ngx_http_reauth_redis_fail(redis, 0, (char *) text);

    redis->refusal = error->refusal;
}


/*
 * Every failure ends here.  When it returns there is no connection, and
 * "redis" may be destroyed (but not freed: see _enter()).
 */

static void
ngx_http_reauth_redis_fail(ngx_http_reauth_redis_t *redis, ngx_err_t err,
    const char *text)
{
    ngx_uint_t                     level;
    ngx_http_reauth_redis_state_e  state;

    state = redis->state;
    level = ngx_http_reauth_redis_fail_level(redis);

    /* of several addresses one that can't be reached says less than this */

    if (redis->tried == 0) {
        redis->refusal = NULL;
    }

    ngx_log_error(level, &redis->log, err, "%s", text);

    if (level != NGX_LOG_INFO) {
        redis->failed = state;

        if (redis->outage == 0) {
            redis->outage = ngx_max(ngx_current_msec, 1);
        }
    }

    ngx_http_reauth_redis_close(redis);

    ngx_http_reauth_redis_schedule(redis, state);

    if (state == NGX_HTTP_REAUTH_REDIS_READY && redis->event) {
        redis->event(redis, 0, redis->data);
    }

    ngx_http_reauth_redis_tell(redis);
}


/*
 * The first failure of an outage is an error, another kind of failure a
 * warning, the rest is information.  So is an address that does not answer
 * while there are others to try ("localhost" is two).
 */

static ngx_uint_t
ngx_http_reauth_redis_fail_level(ngx_http_reauth_redis_t *redis)
{
    if (redis->peer.connection && redis->peer.connection->close) {
        return NGX_LOG_INFO;
    }

    if (redis->state == NGX_HTTP_REAUTH_REDIS_CONNECT
        && redis->tried + 1 < redis->conf->naddrs)
    {
        return NGX_LOG_INFO;
    }

    if (redis->outage == 0) {
        return NGX_LOG_ERR;
    }

    return redis->state == redis->failed ? NGX_LOG_INFO : NGX_LOG_WARN;
}


/* the next address at once, all of them again after a while */

static void
ngx_http_reauth_redis_schedule(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_state_e state)
{
    ngx_msec_t  delay;

    redis->addr = (redis->addr + 1) % redis->conf->naddrs;

    if (state == NGX_HTTP_REAUTH_REDIS_READY
        && ngx_current_msec - redis->ready >= NGX_HTTP_REAUTH_REDIS_STEADY)
    {
        redis->backoff = 0;
    }

    if (++redis->tried < redis->conf->naddrs) {
        delay = 1;

    } else {
        redis->tried = 0;
        redis->backoff = ngx_max(redis->backoff * 2,
                                 NGX_HTTP_REAUTH_REDIS_BACKOFF_MIN);
        redis->backoff = ngx_min(redis->backoff,
                                 NGX_HTTP_REAUTH_REDIS_BACKOFF_MAX);

        /* not all instances at the same moment */

        delay = redis->backoff - ngx_random() % (redis->backoff / 4);
    }

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_add_timer(&redis->retry, delay);
}


static void
ngx_http_reauth_redis_close(ngx_http_reauth_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    redis->state = NGX_HTTP_REAUTH_REDIS_DOWN;

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
        OPENSSL_cleanse(redis->out, NGX_HTTP_REAUTH_REDIS_BUFFER);
        redis->secret = 0;
    }

    redis->pos = redis->out;
    redis->last = redis->out;
    redis->unread = 0;
    redis->loading = 0;

    if (!ngx_queue_empty(&redis->commands)) {
        ngx_queue_add(&redis->lost, &redis->commands);
        ngx_queue_init(&redis->commands);
    }

    redis->unsent = ngx_queue_sentinel(&redis->commands);
    redis->offset = 0;
    redis->ncommands = 0;
    redis->nwaits = 0;
}


/* Each is told once, whoever comes here again from inside a handler. */

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

        if (command->handler) {
            command->handler(NULL, command->data);
        }

        ngx_http_reauth_redis_free_command(redis, command);
    }
}
