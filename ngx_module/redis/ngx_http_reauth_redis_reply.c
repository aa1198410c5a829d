
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Passes replies of Redis to the handlers of their commands, and describes
 * errors of Redis.
 */


#include "ngx_http_reauth_redis_connection.h"

#include <openssl/crypto.h>


/* larger than any expected reply */
#define NGX_HTTP_REAUTH_REDIS_REPLY        (64 * 1024 * 1024)


static void ngx_http_reauth_redis_receive(ngx_http_reauth_redis_t *redis);
static ngx_int_t ngx_http_reauth_redis_replies(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_reply(ngx_http_reauth_redis_t *redis,
    redisReply *reply);
static ngx_uint_t ngx_http_reauth_redis_redirected(
    ngx_http_reauth_redis_t *redis, ngx_http_reauth_redis_command_t *command,
    redisReply *reply);
static ngx_int_t ngx_http_reauth_redis_send_again(
    ngx_http_reauth_redis_t *redis, ngx_http_reauth_redis_command_t *command);


void
ngx_http_reauth_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t         *c;
    ngx_http_reauth_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    ngx_http_reauth_redis_enter(redis);

    if (c->close) {

        /*
         * worker_shutdown_timeout has passed.  Until then the connection is
         * used by requests of the exiting worker: it is not "idle" and is
         * closed with the process.
         */

        ngx_http_reauth_redis_fail(redis, 0, "nginx is shutting down");

    } else {
        ngx_http_reauth_redis_receive(redis);
    }

    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_receive(ngx_http_reauth_redis_t *redis)
{
    ssize_t            n;
    ngx_uint_t         reads;
    ngx_connection_t  *c;

    c = redis->peer.connection;
    reads = 0;

    do {
        if (reads++ == NGX_HTTP_REAUTH_REDIS_READS) {

            /* handlers may send further commands: requests come first */

            ngx_log_debug1(NGX_LOG_DEBUG_HTTP, &redis->log, 0,
                           "reauth redis: more than %d reads, continued "
                           "later", NGX_HTTP_REAUTH_REDIS_READS);

            ngx_post_event(c->read, &ngx_posted_next_events);
            break;
        }

        n = c->recv(c, redis->in, NGX_HTTP_REAUTH_REDIS_BUFFER);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0) {

            /* closed while idle: not an outage, unless reconnecting fails */

            redis->idle = redis->state == NGX_HTTP_REAUTH_REDIS_READY
                          && redis->ncommands == 0;

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

    ngx_http_reauth_redis_arm_deadline(redis);
}


/* NGX_ERROR: the connection was closed */

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
            ngx_http_reauth_redis_fail(redis, 0, "invalid reply: the server "
                                                 "does not use the protocol "
                                                 "of Redis");
            return NGX_ERROR;
        }

        if (reply == NULL) {
            break;
        }

        redis->unread = 0;

        ngx_http_reauth_redis_reply(redis, reply);

        reauth_reply_free(reply);

        /* a handler may close the connection, but does not open another one */

        if (redis->peer.connection == NULL) {
            return NGX_ERROR;
        }
    }

    if (redis->unread > NGX_HTTP_REAUTH_REDIS_REPLY) {
        ngx_http_reauth_redis_fail(redis, 0, "reply is too large");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_redis_reply(ngx_http_reauth_redis_t *redis, redisReply *reply)
{
    ngx_queue_t                      *q;
    reauth_string_t                   error;
    reauth_seek_end_t                 ending;
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

    ending = REAUTH_SEEK_FAILED;

    if (reply->type == REDIS_REPLY_ERROR
        && redis->state == NGX_HTTP_REAUTH_REDIS_READY)
    {
        if (ngx_http_reauth_redis_redirected(redis, command, reply)) {
            return;
        }

        error.data = (u_char *) reply->str;
        error.len = reply->len;

        ending = reauth_seek_error(&error);
    }

    ngx_http_reauth_redis_complete(redis, command, reply);

    ngx_http_reauth_redis_free_command(redis, command);

    if (ending != REAUTH_SEEK_FAILED && redis->peer.connection) {
        redis->failing = ngx_http_reauth_redis_meaning(reply);
        redis->ending = ending;
        ngx_http_reauth_redis_fail(redis, 0,
                redis->failing == REAUTH_REFUSAL_REPLICA
                ? "Redis is now a replica (READONLY)"
                : "the Redis Cluster does not serve the keys (CLUSTERDOWN)");
    }
}


/* the command of a redirection is sent there, or is lost with the connection */

static ngx_uint_t
ngx_http_reauth_redis_redirected(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command, redisReply *reply)
{
    if (ngx_http_reauth_redis_ask(redis, command, reply) == NGX_OK) {
        return 1;
    }

    ngx_queue_insert_tail(&redis->lost, &command->queue);

    if (ngx_http_reauth_redis_moved(redis, reply)) {
        return 1;
    }

    ngx_queue_remove(&command->queue);

    return 0;
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

    if (redis->kind == NGX_HTTP_REAUTH_REDIS_ASKING) {
        ngx_http_reauth_redis_ask_send(redis, command);

    } else {
        ngx_http_reauth_redis_queue(redis, command);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_reauth_redis_is_error(redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, code, ngx_strlen(code)) == 0;
}


reauth_refusal_t
ngx_http_reauth_redis_meaning(const redisReply *reply)
{
    reauth_string_t  text;

    if (reply->type != REDIS_REPLY_ERROR) {
        return REAUTH_REFUSAL_OTHER;
    }

    text.data = (u_char *) reply->str;
    text.len = reply->len;

    return reauth_refusal_parse(&text);
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


/* closes the connection with the error of Redis */

void
ngx_http_reauth_redis_refused(ngx_http_reauth_redis_t *redis,
    redisReply *reply)
{
    char         shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    u_char       text[512];
    const char  *hint;

    redis->failing = ngx_http_reauth_redis_meaning(reply);

    if (reply->type != REDIS_REPLY_ERROR) {
        ngx_http_reauth_redis_fail(redis, 0, "unexpected reply");
        return;
    }

    switch (redis->failing) {

    case REAUTH_REFUSAL_PASSWORD:
        hint = ": add password_file= to \"reauth_redis\"";
        break;

    case REAUTH_REFUSAL_RIGHTS:
        hint = ": see \"ACL LIST\" in Redis";
        break;

    default:
        hint = "";
    }

    (void) ngx_snprintf(text, sizeof(text),
                        redis->kind == NGX_HTTP_REAUTH_REDIS_WATCH
                        ? "Sentinel returned the error \"%s\"%s%Z"
                        : "Redis returned the error \"%s\"%s%Z",
                        ngx_http_reauth_redis_shown(reply, shown), hint);

    ngx_http_reauth_redis_fail(redis, 0, (char *) text);
}
