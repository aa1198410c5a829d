
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Redirections of a Redis Cluster.  All keys are in one slot, so that one node
 * has them all: MOVED names it, and the connection goes there.  While the slot
 * is being moved, keys are at one of two nodes, and ASK redirects a command to
 * the other: these commands have a connection of their own, as others must not
 * be sent there.
 */


#include "ngx_http_reauth_redis_connection.h"


static ngx_int_t ngx_http_reauth_redis_ask_open(
    ngx_http_reauth_redis_t *redis, const reauth_endpoint_t *place);
static void ngx_http_reauth_redis_ask_event(ngx_http_reauth_redis_t *asking,
    ngx_uint_t up, void *data);
static void ngx_http_reauth_redis_ask_handler(redisReply *reply, void *data);


static ngx_int_t
ngx_http_reauth_redis_redirection(ngx_http_reauth_redis_t *redis,
    redisReply *reply, const char *code, reauth_endpoint_t *place)
{
    reauth_string_t  error;

    if (!ngx_http_reauth_redis_is_error(reply, code)) {
        return NGX_DECLINED;
    }

    error.data = (u_char *) reply->str;
    error.len = reply->len;

    return reauth_endpoint_parse(place, &error, code,
                                 (const char *) redis->server->host.data)
           == 0 ? NGX_OK : NGX_DECLINED;
}


/* follows MOVED; 0: it is another reply, or is not followed */

ngx_uint_t
ngx_http_reauth_redis_moved(ngx_http_reauth_redis_t *redis, redisReply *reply)
{
    u_char             text[NGX_HTTP_REAUTH_REDIS_PLACE_LEN + 64];
    ngx_uint_t         level;
    reauth_endpoint_t  place;

    if (redis->kind != NGX_HTTP_REAUTH_REDIS_STORE
        || ngx_http_reauth_redis_redirection(redis, reply, "MOVED", &place)
           != NGX_OK
        || reauth_seek_moved(&redis->seek, &place,
                             ngx_http_reauth_redis_steady(redis))
           != 0)
    {
        return 0;
    }

    level = redis->state == NGX_HTTP_REAUTH_REDIS_READY ? NGX_LOG_NOTICE
                                                        : NGX_LOG_INFO;

    redis->refusal = REAUTH_REFUSAL_CLUSTER;
    redis->found = 1;

    (void) ngx_snprintf(text, sizeof(text), "the keys are at another node, "
                        "\"%s\", port %ui%Z", place.host,
                        (ngx_uint_t) place.port);

    ngx_http_reauth_redis_go(redis, level, (char *) text);

    return 1;
}


/* NGX_OK: the command is sent to the node that ASK names */

ngx_int_t
ngx_http_reauth_redis_ask(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command, redisReply *reply)
{
    reauth_endpoint_t         place;
    ngx_http_reauth_redis_t  *asking;

    /* a worker that exits opens no connection */

    if (redis->kind != NGX_HTTP_REAUTH_REDIS_STORE
        || ngx_exiting || ngx_quit || ngx_terminate
        || command->text == NULL
        || ngx_http_reauth_redis_redirection(redis, reply, "ASK", &place)
           != NGX_OK
        || ngx_http_reauth_redis_ask_open(redis, &place) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    asking = redis->asking;

    redis->bytes -= command->len;
    asking->bytes += command->len;

    if (asking->state == NGX_HTTP_REAUTH_REDIS_READY) {
        ngx_http_reauth_redis_ask_send(asking, command);

    } else {
        ngx_queue_insert_tail(&asking->waiting, &command->queue);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_redis_ask_open(ngx_http_reauth_redis_t *redis,
    const reauth_endpoint_t *place)
{
    ngx_http_reauth_redis_t  *asking;

    asking = redis->asking;

    if (asking) {

        if (ngx_strcmp(asking->seek.place.host, place->host) == 0
            && asking->seek.place.port == place->port)
        {
            return NGX_OK;
        }

        /* commands for yet another node: one at a time */

        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_INFO, &redis->log, 0,
                  "keys are being moved to \"%s\", port %ui", place->host,
                  (ngx_uint_t) place->port);

    asking = ngx_http_reauth_redis_child(redis, NGX_HTTP_REAUTH_REDIS_ASKING,
                                         ngx_http_reauth_redis_ask_event);
    if (asking == NULL) {
        return NGX_ERROR;
    }

    (void) reauth_seek_moved(&asking->seek, place, 0);

    redis->asking = asking;

    return NGX_OK;
}


/* its commands are lost, so the main connection is closed as well */

static void
ngx_http_reauth_redis_ask_event(ngx_http_reauth_redis_t *asking, ngx_uint_t up,
    void *data)
{
    ngx_http_reauth_redis_t *redis = data;

    ngx_queue_t                      *q;
    ngx_http_reauth_redis_command_t  *command;

    if (!up && ngx_queue_empty(&asking->lost)
        && ngx_queue_empty(&asking->waiting))
    {
        /* it was idle: nothing is lost */

        ngx_http_reauth_redis_ask_close(redis);
        return;
    }

    if (!up) {
        ngx_http_reauth_redis_enter(redis);
        redis->failing = REAUTH_REFUSAL_CLUSTER;
        ngx_http_reauth_redis_fail(redis, 0, "the connection to the node that "
                                             "keys are being moved to is "
                                             "lost");
        ngx_http_reauth_redis_leave(redis);
        return;
    }

    while (!ngx_queue_empty(&asking->waiting)) {
        q = ngx_queue_head(&asking->waiting);
        ngx_queue_remove(q);

        command = ngx_queue_data(q, ngx_http_reauth_redis_command_t, queue);

        ngx_http_reauth_redis_ask_send(asking, command);
    }
}


void
ngx_http_reauth_redis_ask_send(ngx_http_reauth_redis_t *asking,
    ngx_http_reauth_redis_command_t *command)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "ASKING");

    /*
     * if memory is short, the command is sent alone; Redis responds with
     * MOVED
     */

    (void) ngx_http_reauth_redis_internal(asking, 1, argv,
                                          ngx_http_reauth_redis_ask_handler,
                                          0);

    ngx_http_reauth_redis_queue(asking, command);
}


static void
ngx_http_reauth_redis_ask_handler(redisReply *reply, void *data)
{
    ngx_http_reauth_redis_t *asking = data;

    if (reply != NULL && reply->type != REDIS_REPLY_STATUS) {
        ngx_http_reauth_redis_refused(asking, reply);
    }
}


/* its commands fail together with those of the connection */

void
ngx_http_reauth_redis_ask_close(ngx_http_reauth_redis_t *redis)
{
    ngx_uint_t                i;
    ngx_queue_t              *queues[3];
    ngx_http_reauth_redis_t  *asking;

    asking = redis->asking;
    redis->asking = NULL;

    queues[0] = &asking->lost;
    queues[1] = &asking->commands;
    queues[2] = &asking->waiting;

    for (i = 0; i < 3; i++) {
        if (!ngx_queue_empty(queues[i])) {
            ngx_queue_add(&redis->lost, queues[i]);
            ngx_queue_init(queues[i]);
        }
    }

    redis->bytes += asking->bytes;
    asking->bytes = 0;

    ngx_http_reauth_redis_destroy(asking);
}
