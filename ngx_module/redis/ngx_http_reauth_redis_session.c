
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The commands sent before a connection is ready: AUTH, HELLO, SELECT, SCRIPT
 * LOAD, a probe, TIME.
 */


#include "ngx_http_reauth_redis_connection.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_reauth_redis_auth(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_auth_handler(redisReply *reply, void *data);
static ngx_int_t ngx_http_reauth_redis_hello(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_hello_handler(redisReply *reply, void *data);
static ngx_int_t ngx_http_reauth_redis_select(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_select_handler(redisReply *reply,
    void *data);
static void ngx_http_reauth_redis_load_handler(redisReply *reply, void *data);
static void ngx_http_reauth_redis_loaded(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_probe(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_probe_handler(redisReply *reply, void *data);
static void ngx_http_reauth_redis_clock_ask(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_clock_handler(redisReply *reply, void *data);


/* performs the next step of the current state */

void
ngx_http_reauth_redis_greet(ngx_http_reauth_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    c->read->handler = ngx_http_reauth_redis_read_handler;
    c->write->handler = ngx_http_reauth_redis_write_handler;

    /*
     * Data that was already received (Redis may reject the connection
     * immediately) causes no further event if events are edge-triggered.
     */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }

    rc = NGX_DECLINED;

    if (redis->state < NGX_HTTP_REAUTH_REDIS_AUTH) {
        rc = ngx_http_reauth_redis_auth(redis);
    }

    if (rc == NGX_DECLINED
        && redis->kind == NGX_HTTP_REAUTH_REDIS_WATCH)
    {
        ngx_http_reauth_redis_up(redis);
        return;
    }

    if (rc == NGX_DECLINED && redis->state < NGX_HTTP_REAUTH_REDIS_HELLO) {
        rc = ngx_http_reauth_redis_hello(redis);
    }

    if (rc == NGX_DECLINED && redis->state < NGX_HTTP_REAUTH_REDIS_SELECT) {
        rc = ngx_http_reauth_redis_select(redis);
    }

    if (rc == NGX_DECLINED) {
        redis->state = NGX_HTTP_REAUTH_REDIS_SCRIPTS;
        redis->log.action = "loading scripts into";

        ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                       "reauth redis: loading scripts into %V",
                       &redis->name);

        rc = ngx_http_reauth_redis_load(redis);
    }

    if (rc != NGX_OK) {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
    }
}


static ngx_int_t
ngx_http_reauth_redis_auth(ngx_http_reauth_redis_t *redis)
{
    ngx_str_t         argv[3];
    ngx_uint_t        argc, sentinel;
    reauth_secret_t  *password;

    sentinel = redis->kind == NGX_HTTP_REAUTH_REDIS_WATCH;
    password = sentinel ? &redis->conf->sentinel_password
                        : &redis->conf->password;

    if (password->text.len == 0) {
        return NGX_DECLINED;
    }

    redis->state = NGX_HTTP_REAUTH_REDIS_AUTH;
    redis->log.action = "authenticating to";

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: authenticating to %V",
                   &redis->name);

    ngx_str_set(&argv[0], "AUTH");
    argc = 1;

    if (redis->conf->user.len && !sentinel) {
        argv[argc++] = redis->conf->user;
    }

    argv[argc].data = (u_char *) password->text.data;
    argv[argc].len = password->text.len;
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

    redis->failing = ngx_http_reauth_redis_meaning(reply);

    ngx_http_reauth_redis_fail(redis, 0,
                ngx_http_reauth_redis_is_error(reply, "WRONGPASS")
                ? "wrong user or password (WRONGPASS): check the user in the "
                  "URL, password_file=, and \"ACL LIST\" in Redis"
                : "AUTH failed: no password is set for this user, or Redis is "
                  "older than 6.0, or it accepts no connections");
}


/* needs no right of the user, and keeps the protocol at its version 2 */

static ngx_int_t
ngx_http_reauth_redis_hello(ngx_http_reauth_redis_t *redis)
{
    ngx_str_t  argv[2];

    redis->state = NGX_HTTP_REAUTH_REDIS_HELLO;
    redis->log.action = "greeting";

    ngx_memzero(&redis->hello, sizeof(reauth_reply_hello_t));

    ngx_str_set(&argv[0], "HELLO");
    ngx_str_set(&argv[1], "2");

    return ngx_http_reauth_redis_internal(redis, 2, argv,
                                          ngx_http_reauth_redis_hello_handler,
                                          0);
}


static void
ngx_http_reauth_redis_hello_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    if (reply == NULL) {
        return;
    }

    if (reauth_reply_hello(reply, &redis->hello) == 0) {

        if (redis->hello.sentinel) {
            redis->failing = REAUTH_REFUSAL_SENTINEL;
            ngx_http_reauth_redis_fail(redis, 0, "this is a Sentinel: use "
                                                 "redis-sentinel:// in "
                                                 "\"reauth_redis\"");
            return;
        }

        /* a replica of a cluster returns the address of its primary */

        if (redis->hello.replica && !redis->hello.cluster) {
            redis->failing = REAUTH_REFUSAL_REPLICA;
            ngx_http_reauth_redis_fail(redis, 0, "this Redis is a replica");
            return;
        }

    } else if (ngx_http_reauth_redis_meaning(reply) != REAUTH_REFUSAL_OTHER
               && ngx_http_reauth_redis_meaning(reply)
                  != REAUTH_REFUSAL_RIGHTS)
    {
        ngx_http_reauth_redis_refused(redis, reply);
        return;

    } else if (ngx_http_reauth_redis_is_error(reply,
                                              "ERR max number of clients"))
    {
        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    /* without HELLO, a probe shows the role */

    ngx_http_reauth_redis_greet(redis);
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

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: selecting database %ui of %V",
                   redis->conf->database,
                   &redis->name);

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
 * Loads all scripts.  Replies are in order, and loading is not repeated before
 * the last reply, so the scripts are identified by counting.
 */

ngx_int_t
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
        ngx_http_reauth_redis_loaded(redis);
    }
}


static void
ngx_http_reauth_redis_loaded(ngx_http_reauth_redis_t *redis)
{
    if (redis->kind == NGX_HTTP_REAUTH_REDIS_ASKING) {
        ngx_http_reauth_redis_up(redis);
        return;
    }

    if (redis->state < NGX_HTTP_REAUTH_REDIS_PROBE
        && (redis->hello.cluster || !redis->hello.known))
    {
        ngx_http_reauth_redis_probe(redis);
        return;
    }

    redis->state = NGX_HTTP_REAUTH_REDIS_CLOCK;
    redis->log.action = "reading the clock of";
    redis->clock_replies = 0;

    ngx_http_reauth_redis_clock_ask(redis);
}


/* whether this is the primary, and the node of a cluster that has the keys */

static void
ngx_http_reauth_redis_probe(ngx_http_reauth_redis_t *redis)
{
    u_char       keys[3][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t    argv[7];
    ngx_uint_t   i;

    static const char  *kinds[] = { "", ":set", ":stream" };

    redis->state = NGX_HTTP_REAUTH_REDIS_PROBE;
    redis->log.action = "writing to";

    ngx_str_set(&argv[0], "EVALSHA");

    argv[1].data = redis->sha[NGX_HTTP_REAUTH_SCRIPT_PROBE];
    argv[1].len = NGX_HTTP_REAUTH_REDIS_SHA_LEN;

    ngx_str_set(&argv[2], "3");

    for (i = 0; i < 3; i++) {
        ngx_http_reauth_redis_key(&argv[3 + i], keys[i], &redis->conf->prefix,
                                  "probe", kinds[i]);
    }

    ngx_str_set(&argv[6], "connect");

    if (ngx_http_reauth_redis_internal(redis, 7, argv,
                                       ngx_http_reauth_redis_probe_handler, 0)
        != NGX_OK)
    {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
    }
}


static void
ngx_http_reauth_redis_probe_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    reauth_string_t  error;

    if (reply == NULL || ngx_http_reauth_redis_moved(redis, reply)) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        error.data = (u_char *) reply->str;
        error.len = reply->len;

        /* other errors are about writes, and are reported when writes fail */

        if (!reauth_seek_serves(&error)) {
            ngx_http_reauth_redis_refused(redis, reply);
            return;
        }
    }

    ngx_http_reauth_redis_loaded(redis);
}


/* TIME is sent again after each reply: pipelined commands delay each other */

static void
ngx_http_reauth_redis_clock_ask(ngx_http_reauth_redis_t *redis)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "TIME");

    redis->clock_sent = ngx_current_msec;

    if (ngx_http_reauth_redis_internal(redis, 1, argv,
                                       ngx_http_reauth_redis_clock_handler, 0)
        != NGX_OK)
    {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
    }
}


static void
ngx_http_reauth_redis_clock_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    reauth_clock_sample_t  sample;

    if (reply == NULL) {
        return;
    }

    if (reauth_reply_time(reply, &sample.time_ms) != 0) {
        ngx_http_reauth_redis_refused(redis, reply);
        return;
    }

    sample.sent_ms = (int64_t) redis->clock_sent;
    sample.received_ms = (int64_t) ngx_current_msec;

    if (redis->clock_replies == 0
        || reauth_clock_shorter(&sample, &redis->clock))
    {
        redis->clock = sample;
    }

    if (++redis->clock_replies < NGX_HTTP_REAUTH_REDIS_CLOCK_SAMPLES) {
        ngx_http_reauth_redis_clock_ask(redis);
        return;
    }

    ngx_http_reauth_redis_up(redis);
}


const reauth_clock_sample_t *
ngx_http_reauth_redis_clock(ngx_http_reauth_redis_t *redis)
{
    return &redis->clock;
}


void
ngx_http_reauth_redis_up(ngx_http_reauth_redis_t *redis)
{
    if (redis->outage) {
        redis->log.action = "connecting to";
        ngx_log_error(NGX_LOG_NOTICE, &redis->log, 0,
                      "connected again after %Mms",
                      ngx_current_msec - redis->outage);
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: ready, %V",
                   &redis->name);

    redis->state = NGX_HTTP_REAUTH_REDIS_READY;
    redis->log.action = "using";
    redis->peer.connection->log_error = NGX_ERROR_INFO;
    redis->ready = ngx_current_msec;
    redis->outage = 0;
    redis->refusal = REAUTH_REFUSAL_NONE;
    redis->found = 0;
    reauth_seek_ready(&redis->seek);

    ngx_del_timer(&redis->deadline);

    if (redis->event) {
        redis->event(redis, 1, redis->data);
    }
}
