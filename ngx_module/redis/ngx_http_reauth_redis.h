
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

#include "reauth_attempt.h"
#include "reauth_clock.h"
#include "reauth_degraded.h"
#include "reauth_reply.h"
#include "reauth_secret.h"
#include "ngx_http_reauth_scripts.h"


/* characters of "prefix=", to which braces are added */
#define NGX_HTTP_REAUTH_REDIS_PREFIX_MAX  64

/*
 * Bytes of a key of ngx_http_reauth_redis_key(): the longest are those of an
 * account after the longest kind.
 */
#define NGX_HTTP_REAUTH_REDIS_KEY_MAX                                         \
    (NGX_HTTP_REAUTH_REDIS_PREFIX_MAX + sizeof("{}:override:") - 1            \
     + REAUTH_ACCOUNT_MAX)

/* in the arguments of a script: EVALSHA, its digest, the number of keys */
#define NGX_HTTP_REAUTH_REDIS_EVAL        3


/* a server in the URL of "reauth_redis", or one that Redis or Sentinel names */

typedef struct {
    ngx_str_t                       text;        /* as specified */
    ngx_str_t                       host;        /* empty: a unix socket */
    in_port_t                       port;
    ngx_addr_t                     *addrs;       /* NULL: resolved later */
    ngx_uint_t                      naddrs;
    ngx_flag_t                      numeric;     /* the host is an address */
} ngx_http_reauth_redis_server_t;


/* parameters of "reauth_redis"; not changed after the configuration is read */

typedef struct ngx_http_reauth_redis_conf_s {
    ngx_http_reauth_redis_server_t *servers;     /* with a master: Sentinels */
    ngx_uint_t                      nservers;
    ngx_str_t                       master;      /* empty: no Sentinels */
    ngx_resolver_t                 *resolver;    /* or NULL */
    u_char                         *file;        /* of the directive */
    ngx_uint_t                      line;
    ngx_str_t                       user;        /* empty: default user */
    reauth_secret_t                 password;    /* empty: no AUTH is sent */
    reauth_secret_t                 sentinel_password;
    ngx_uint_t                      database;
    ngx_str_t                       prefix;      /* with its braces */
    ngx_msec_t                      timeout;     /* ms, for one command */
    ngx_flag_t                      tls;
    ngx_flag_t                      verify;
    ngx_str_t                       ca;
#if (NGX_SSL)
    ngx_ssl_t                      *ssl;
#endif
} ngx_http_reauth_redis_conf_t;


typedef struct ngx_http_reauth_redis_s  ngx_http_reauth_redis_t;

/*
 * Called exactly once for each accepted command: with the reply, or with NULL
 * if there is none (timeout, connection lost, shutdown).  The reply is freed
 * after the handler returns.  A handler may send further commands and may
 * destroy the connection.
 */
typedef void (*ngx_http_reauth_redis_handler_pt)(redisReply *reply,
    void *data);

/*
 * Called when the connection is ready (up = 1), or lost (up = 0, before the
 * handlers of pending commands).  Not called by
 * ngx_http_reauth_redis_destroy().
 */
typedef void (*ngx_http_reauth_redis_event_pt)(ngx_http_reauth_redis_t *redis,
    ngx_uint_t up, void *data);

/*
 * Called when a command has completed, before its handler; "reply" is NULL if
 * Redis did not reply.  "latency" is in milliseconds, -1 for a command with a
 * timeout of its own.
 */
typedef void (*ngx_http_reauth_redis_completed_pt)(const redisReply *reply,
    ngx_msec_int_t latency, void *data);


/*
 * Parses "reauth_redis url [password_file=] [sentinel_password_file=]
 * [prefix=] [timeout=] [ca=] [verify=]".  Returns NULL if an error was logged.
 */
ngx_http_reauth_redis_conf_t *ngx_http_reauth_redis_parse(ngx_conf_t *cf);

/*
 * Resolves names, unless "resolver" does when they are connected to.  To be
 * called when the configuration has been read.
 */
ngx_int_t ngx_http_reauth_redis_init(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf);


/*
 * Creates a connection with its own pool and connects; reconnects with
 * back-off and jitter until it is destroyed or the process exits.  The
 * connection is ready when the scripts are loaded (SCRIPT LOAD).  "timeout" is
 * that of its commands, in milliseconds.  "event" and "completed" may be NULL.
 */
ngx_http_reauth_redis_t *ngx_http_reauth_redis_create(
    ngx_http_reauth_redis_conf_t *conf, ngx_cycle_t *cycle, ngx_msec_t timeout,
    ngx_http_reauth_redis_event_pt event,
    ngx_http_reauth_redis_completed_pt completed, void *data);

/*
 * Closes the connection; to be called in exit_process at the latest.  Handlers
 * of pending commands are called with NULL before it returns, except the one
 * that is running.
 */
void ngx_http_reauth_redis_destroy(ngx_http_reauth_redis_t *redis);

/*
 * The text of an unexpected reply, escaped for the log: an error of Redis may
 * contain data written by others.
 */
#define NGX_HTTP_REAUTH_REDIS_SHOWN  256

const char *ngx_http_reauth_redis_shown(const redisReply *reply,
    char shown[NGX_HTTP_REAUTH_REDIS_SHOWN]);

/*
 * Closes the connection because of an error reply and reconnects later.  Must
 * be the last call in the reply's handler.
 */
void ngx_http_reauth_redis_refused(ngx_http_reauth_redis_t *redis,
    redisReply *reply);

/*
 * Sends the commands that wait for the end of this turn of the event loop, so
 * that Redis executes them while its earlier replies are processed.  Must be
 * the last call in a reply's handler.
 */
void ngx_http_reauth_redis_flush(ngx_http_reauth_redis_t *redis);

ngx_uint_t ngx_http_reauth_redis_ready(ngx_http_reauth_redis_t *redis);

/* not ready, and nothing has failed since it was created or ready */
ngx_uint_t ngx_http_reauth_redis_connecting(ngx_http_reauth_redis_t *redis);

/* round trips of which the shortest counts */
#define NGX_HTTP_REAUTH_REDIS_CLOCK_SAMPLES  3

/*
 * The clock of Redis, which is read last before the connection is ready.  Times
 * of the sample are those of ngx_current_msec.
 */
const reauth_clock_sample_t *ngx_http_reauth_redis_clock(
    ngx_http_reauth_redis_t *redis);

/*
 * Latency of the last reply in milliseconds, except of commands with a timeout
 * of their own.
 */
ngx_msec_t ngx_http_reauth_redis_latency(ngx_http_reauth_redis_t *redis);

/* the error of the last connection; NONE: Redis was not reached */
reauth_refusal_t ngx_http_reauth_redis_refusal(ngx_http_reauth_redis_t *redis);

/* why there is no connection; NONE: there is one, or none has failed yet */
reauth_refusal_t ngx_http_reauth_redis_outage(ngx_http_reauth_redis_t *redis);

/*
 * No Sentinel has named the primary for some time: that another one has been
 * promoted is not noticed as long as the former one is reachable.
 */
ngx_uint_t ngx_http_reauth_redis_unwatched(ngx_http_reauth_redis_t *redis);

/* what the reply means if it is an error, or unexpected */
reauth_refusal_t ngx_http_reauth_redis_meaning(const redisReply *reply);


/*
 * Sends a command, pipelined: commands of one cycle of the event loop are sent
 * together.  NGX_OK: accepted, the handler (may be NULL) will be called after
 * this function returns; NGX_DECLINED: not ready, or too many commands are
 * pending; NGX_ERROR: no memory.  "timeout" is in milliseconds, 0: that of
 * the connection, and runs from when the command was accepted or from the last
 * data received, so that a long queue or a long reply is no timeout.  A
 * timeout closes the connection, as a late reply could not be distinguished
 * from the next one.  A timeout of its own is for a command that blocks in
 * Redis (XREAD BLOCK): it delays other commands of the connection, and does
 * not delay the exit of a worker, as other commands do until their replies.
 */
ngx_int_t ngx_http_reauth_redis_command(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_msec_t timeout,
    ngx_http_reauth_redis_handler_pt handler, void *data);


/*
 * Writes the key "prefix:kind" followed by "name" to the buffer and returns its
 * end.
 */

static ngx_inline u_char *
ngx_http_reauth_redis_key(ngx_str_t *key, u_char *buffer,
    const ngx_str_t *prefix, const char *kind, const char *name)
{
    u_char  *p;

    key->data = buffer;

    p = ngx_cpymem(buffer, prefix->data, prefix->len);
    *p++ = ':';
    p = ngx_cpymem(p, kind, ngx_strlen(kind));
    p = ngx_cpymem(p, name, ngx_strlen(name));

    key->len = p - buffer;

    return p;
}


/*
 * Sends EVALSHA of a script.  The first NGX_HTTP_REAUTH_REDIS_EVAL of "argc"
 * entries of argv are set here; the keys and the arguments follow.  If Redis
 * has lost the script, it is loaded and the command is sent again, once.
 */
ngx_int_t ngx_http_reauth_redis_script(ngx_http_reauth_redis_t *redis,
    ngx_uint_t script, ngx_uint_t nkeys, ngx_uint_t argc, ngx_str_t *argv,
    ngx_http_reauth_redis_handler_pt handler, void *data);


#endif /* _NGX_HTTP_REAUTH_REDIS_H_INCLUDED_ */
