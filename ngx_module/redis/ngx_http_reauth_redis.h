
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A connection to Redis: hiredis as the codec, nginx for everything else
 * (connect, TLS, timers, shutdown).  Never blocks.
 */


#ifndef _NGX_HTTP_REAUTH_REDIS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <hiredis/hiredis.h>

#include "reauth_clock.h"
#include "reauth_degraded.h"
#include "reauth_reply.h"
#include "reauth_secret.h"
#include "ngx_http_reauth_scripts.h"


/* what "reauth_redis" says; made at configuration time, never changed later */

typedef struct ngx_http_reauth_redis_conf_s {
    ngx_str_t                       url;         /* as written; no password */
    ngx_str_t                       host;        /* empty: a unix socket */
    ngx_addr_t                     *addrs;
    ngx_uint_t                      naddrs;
    ngx_str_t                       user;        /* empty: the default user */
    reauth_secret_t                 password;    /* empty: no AUTH is sent */
    ngx_uint_t                      database;
    ngx_str_t                       prefix;      /* with its braces */
    ngx_msec_t                      timeout;     /* of one command */
    ngx_flag_t                      tls;
    ngx_flag_t                      verify;
    ngx_flag_t                      numeric;     /* the host is an address */
    ngx_str_t                       ca;
#if (NGX_SSL)
    ngx_ssl_t                      *ssl;
#endif
} ngx_http_reauth_redis_conf_t;


typedef struct ngx_http_reauth_redis_s  ngx_http_reauth_redis_t;

/*
 * Called exactly once for each command that was accepted: with the reply, or
 * with NULL where none came (time-out, connection lost, shutdown).  The reply
 * is freed by the caller of the handler.  A handler may send further commands
 * and may destroy the connection.
 */
typedef void (*ngx_http_reauth_redis_handler_pt)(redisReply *reply,
    void *data);

/*
 * The connection became ready (up = 1), or is lost (up = 0; before the
 * handlers of what waited are called).  Not called for a destroy.
 */
typedef void (*ngx_http_reauth_redis_event_pt)(ngx_http_reauth_redis_t *redis,
    ngx_uint_t up, void *data);


/*
 * Parses "reauth_redis url [password_file=] [prefix=] [timeout=] [ca=]
 * [verify=]"; logs precise errors through cf; NULL on error.  A name is
 * resolved here, when nginx reads its configuration; its addresses are tried
 * in turn.
 */
ngx_http_reauth_redis_conf_t *ngx_http_reauth_redis_parse(ngx_conf_t *cf);


/*
 * Makes a connection object in a pool of its own and begins to connect; it
 * reconnects by itself with back-off and jitter until destroyed or until the
 * process is about to exit.  The scripts are loaded (SCRIPT LOAD) before the
 * connection counts as ready.  "event" may be NULL.
 */
ngx_http_reauth_redis_t *ngx_http_reauth_redis_create(
    ngx_http_reauth_redis_conf_t *conf, ngx_cycle_t *cycle,
    ngx_http_reauth_redis_event_pt event, void *data);

/*
 * Closes the connection, at the latest in exit_process.  What waits is told
 * (NULL) before this returns, but for the handler that is running.
 */
void ngx_http_reauth_redis_destroy(ngx_http_reauth_redis_t *redis);

/*
 * Gives the connection up for a reply that says that it is of no use now, and
 * connects again later.  To be called last in the reply's handler.
 */
/*
 * What an unexpected reply says, for a log: an error of Redis may quote what
 * others have written into it.
 */
#define NGX_HTTP_REAUTH_REDIS_SHOWN  256

const char *ngx_http_reauth_redis_shown(const redisReply *reply,
    char shown[NGX_HTTP_REAUTH_REDIS_SHOWN]);

void ngx_http_reauth_redis_refused(ngx_http_reauth_redis_t *redis,
    redisReply *reply);

ngx_uint_t ngx_http_reauth_redis_ready(ngx_http_reauth_redis_t *redis);

/* round trips of which the shortest counts */
#define NGX_HTTP_REAUTH_REDIS_CLOCK_SAMPLES  3

/*
 * The clock of Redis, which is read last before the connection is ready.  Times
 * of the sample are those of ngx_current_msec.
 */
const reauth_clock_sample_t *ngx_http_reauth_redis_clock(
    ngx_http_reauth_redis_t *redis);

/*
 * Milliseconds that the last reply took; for the status.  Commands with a
 * time-out of their own do not count.
 */
ngx_msec_t ngx_http_reauth_redis_latency(ngx_http_reauth_redis_t *redis);

/* what the last try ended with; NONE: Redis was not reached */
reauth_refusal_t ngx_http_reauth_redis_refusal(ngx_http_reauth_redis_t *redis);

/* what the reply means if it is an error, or unexpected */
reauth_refusal_t ngx_http_reauth_redis_meaning(const redisReply *reply);


/*
 * Sends a command, pipelined; all that one cycle of the event loop asks for
 * goes out together.  NGX_OK: accepted, the handler (may be NULL) will be
 * called, never from inside this call.  NGX_DECLINED: not ready, or too much
 * is waiting.  NGX_ERROR: no memory.
 *
 * "timeout" in ms, 0 = the configured one.  It runs from when the command was
 * accepted, or from when something last came from Redis: a Redis that answers
 * is not dropped for a long queue or a long reply.  A command that times out
 * drops the connection, since its late reply could not be told from the next
 * one's.
 *
 * A time-out of its own marks a command that waits in Redis (XREAD BLOCK):
 * others on the same connection wait behind it, and it does not hold up the
 * exit of a worker, as commands otherwise do until they are answered.
 */
ngx_int_t ngx_http_reauth_redis_command(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_msec_t timeout,
    ngx_http_reauth_redis_handler_pt handler, void *data);


/*
 * EVALSHA of one of the scripts; argv holds the keys, then the rest.  Where
 * Redis lost the script, it is loaded and the command is sent again, once.
 */
ngx_int_t ngx_http_reauth_redis_script(ngx_http_reauth_redis_t *redis,
    ngx_uint_t script, ngx_uint_t nkeys, ngx_uint_t argc, ngx_str_t *argv,
    ngx_http_reauth_redis_handler_pt handler, void *data);


#endif /* _NGX_HTTP_REAUTH_REDIS_H_INCLUDED_ */
