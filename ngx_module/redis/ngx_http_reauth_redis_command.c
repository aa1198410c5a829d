
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The queue of commands to Redis: formatted, sent and timed.
 */


#include "ngx_http_reauth_redis_connection.h"


/* limit of pending commands */
#define NGX_HTTP_REAUTH_REDIS_COMMANDS     100000
#define NGX_HTTP_REAUTH_REDIS_BYTES        (64 * 1024 * 1024)


static size_t ngx_http_reauth_redis_size(ngx_uint_t argc, ngx_str_t *argv);
static ngx_http_reauth_redis_command_t *ngx_http_reauth_redis_format(
    ngx_http_reauth_redis_t *redis, ngx_uint_t argc, ngx_str_t *argv,
    size_t size);
static ngx_int_t ngx_http_reauth_redis_accept(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_msec_t timeout, ngx_uint_t script,
    ngx_http_reauth_redis_handler_pt handler, void *data);
static void ngx_http_reauth_redis_free_text(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
static ngx_msec_t ngx_http_reauth_redis_due(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_send(ngx_http_reauth_redis_t *redis);
static ngx_uint_t ngx_http_reauth_redis_fill(ngx_http_reauth_redis_t *redis);


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
    u_char  number[REAUTH_NUMBER_MAX];

    ngx_str_set(&argv[0], "EVALSHA");

    argv[1].data = redis->sha[script];
    argv[1].len = NGX_HTTP_REAUTH_REDIS_SHA_LEN;

    argv[2].data = number;
    argv[2].len = reauth_string_number(nkeys, number);

    return ngx_http_reauth_redis_accept(redis, argc, argv, 0, 1, handler,
                                        data);
}


void
ngx_http_reauth_redis_deadline_handler(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ev->data;

    ngx_http_reauth_redis_enter(redis);

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY) {
        ngx_http_reauth_redis_fail(redis, NGX_ETIMEDOUT, "timed out");

    } else if ((ngx_msec_int_t) (ngx_http_reauth_redis_due(redis)
                                 - ngx_current_msec)
               <= 0)
    {
        redis->log.action = "waiting for a reply of";
        redis->ending = REAUTH_SEEK_LEFT;
        ngx_http_reauth_redis_fail(redis, NGX_ETIMEDOUT, "no reply in time");

    } else {
        ngx_http_reauth_redis_arm_deadline(redis);
    }

    ngx_http_reauth_redis_leave(redis);
}


void
ngx_http_reauth_redis_flush_handler(ngx_event_t *ev)
{
    ngx_http_reauth_redis_t  *redis;

    redis = ev->data;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_send(redis);
    ngx_http_reauth_redis_leave(redis);
}


void
ngx_http_reauth_redis_flush(ngx_http_reauth_redis_t *redis)
{
    if (!redis->flush.posted) {
        return;
    }

    ngx_delete_posted_event(&redis->flush);

    ngx_http_reauth_redis_flush_handler(&redis->flush);
}


void
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


/* at most */

static size_t
ngx_http_reauth_redis_size(ngx_uint_t argc, ngx_str_t *argv)
{
    size_t      size;
    ngx_uint_t  i;

    size = sizeof("*" CRLF) - 1 + NGX_INT_T_LEN;

    for (i = 0; i < argc; i++) {
        size += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + argv[i].len;
    }

    return size;
}


/*
 * Formats an array of bulk strings (RESP, redis.io): hiredis needs 750
 * instructions for each argument.  NULL: no memory.
 */

static ngx_http_reauth_redis_command_t *
ngx_http_reauth_redis_format(ngx_http_reauth_redis_t *redis, ngx_uint_t argc,
    ngx_str_t *argv, size_t size)
{
    u_char                           *p;
    ngx_uint_t                        i;
    ngx_http_reauth_redis_command_t  *command;

    command = ngx_alloc(sizeof(ngx_http_reauth_redis_command_t) + size,
                        &redis->log);
    if (command == NULL) {
        return NULL;
    }

    ngx_memzero(command, sizeof(ngx_http_reauth_redis_command_t));

    p = (u_char *) (command + 1);

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
    command->timeout = redis->timeout;

    return command;
}


void
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

    ngx_http_reauth_redis_arm_deadline(redis);

    ngx_post_event(&redis->flush, &ngx_posted_events);
}


void
ngx_http_reauth_redis_unqueue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    ngx_queue_remove(&command->queue);

    redis->ncommands--;
    redis->nwaits -= command->waits;
}


ngx_int_t
ngx_http_reauth_redis_internal(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_http_reauth_redis_handler_pt handler,
    ngx_uint_t secret)
{
    ngx_http_reauth_redis_command_t  *command;

    command = ngx_http_reauth_redis_format(redis, argc, argv,
                                        ngx_http_reauth_redis_size(argc, argv));
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
    ngx_http_reauth_redis_command_t  *command;

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY
        || redis->ncommands >= NGX_HTTP_REAUTH_REDIS_COMMANDS)
    {
        return NGX_DECLINED;
    }

    size = ngx_http_reauth_redis_size(argc, argv);

    if (redis->bytes + size > NGX_HTTP_REAUTH_REDIS_BYTES) {
        return NGX_DECLINED;
    }

    command = ngx_http_reauth_redis_format(redis, argc, argv, size);
    if (command == NULL) {
        return NGX_ERROR;
    }

    command->handler = handler;
    command->data = data;
    command->script = script;
    command->accepted = 1;

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
        explicit_bzero(command->text, command->len);
    }

    command->text = NULL;

    redis->bytes -= command->len;
}


void
ngx_http_reauth_redis_free_command(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command)
{
    ngx_http_reauth_redis_free_text(redis, command);
    ngx_free(command);
}


/*
 * One timer for all commands checks the oldest one.  It may fire early and is
 * then set again.
 */

void
ngx_http_reauth_redis_arm_deadline(ngx_http_reauth_redis_t *redis)
{
    ngx_msec_t      due;
    ngx_msec_int_t  left;

    if (redis->state != NGX_HTTP_REAUTH_REDIS_READY) {
        return;
    }

    /* pending commands delay the exit of a worker, except blocking ones */

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

        /* nginx ignores small changes of a timer */

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
            explicit_bzero(redis->out, NGX_HTTP_REAUTH_REDIS_BUFFER);
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

        /* kept, as it may have to be sent again, or to another node */

        if (command->secret) {
            ngx_http_reauth_redis_free_text(redis, command);
        }
    }

    return redis->last > redis->out;
}
