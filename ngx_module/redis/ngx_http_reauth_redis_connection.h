
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A connection to Redis, for the files that make it up.
 */


#ifndef _NGX_HTTP_REAUTH_REDIS_CONNECTION_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REDIS_CONNECTION_H_INCLUDED_


#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_REDIS_BUFFER       16384

#define NGX_HTTP_REAUTH_REDIS_SHA_LEN      40


typedef enum {
    NGX_HTTP_REAUTH_REDIS_DOWN = 0,
    NGX_HTTP_REAUTH_REDIS_CONNECT,
    NGX_HTTP_REAUTH_REDIS_TLS,
    NGX_HTTP_REAUTH_REDIS_AUTH,
    NGX_HTTP_REAUTH_REDIS_SELECT,
    NGX_HTTP_REAUTH_REDIS_SCRIPTS,
    NGX_HTTP_REAUTH_REDIS_CLOCK,
    NGX_HTTP_REAUTH_REDIS_READY
} ngx_http_reauth_redis_state_e;


typedef struct {
    ngx_queue_t                        queue;
    u_char                            *text;     /* NULL: sent and freed */
    size_t                             len;
    ngx_msec_t                         start;
    ngx_msec_t                         timeout;
    ngx_http_reauth_redis_handler_pt   handler;
    void                              *data;
    unsigned                           waits:1;  /* own timeout */
    unsigned                           script:1;
    unsigned                           again:1;  /* sent again */
    unsigned                           secret:1;
} ngx_http_reauth_redis_command_t;


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
    reauth_refusal_t                   refusal;
    reauth_refusal_t                   failing;  /* the refusal of a fail() */
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
    ngx_queue_t                        lost;     /* to be called */
    ngx_uint_t                         ncommands;
    ngx_uint_t                         nwaits;
    size_t                             bytes;

    ngx_uint_t                         loading;  /* being loaded */
    ngx_uint_t                         loaded;   /* of them, in order */
    ngx_msec_t                         progress; /* when bytes came */
    ngx_msec_t                         latency;

    reauth_clock_sample_t              clock;
    ngx_uint_t                         clock_replies;
    ngx_msec_t                         clock_sent;

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


/* ngx_http_reauth_redis.c */

void ngx_http_reauth_redis_enter(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_leave(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_fail(ngx_http_reauth_redis_t *redis, ngx_err_t err,
    const char *text);
ngx_uint_t ngx_http_reauth_redis_fail_level(ngx_http_reauth_redis_t *redis);


/* ngx_http_reauth_redis_tls.c */

#if (NGX_SSL)
void ngx_http_reauth_redis_tls_start(ngx_http_reauth_redis_t *redis);
#endif


/* ngx_http_reauth_redis_session.c */

void ngx_http_reauth_redis_greet(ngx_http_reauth_redis_t *redis);
ngx_int_t ngx_http_reauth_redis_load(ngx_http_reauth_redis_t *redis);


/* ngx_http_reauth_redis_command.c */

void ngx_http_reauth_redis_deadline_handler(ngx_event_t *ev);
void ngx_http_reauth_redis_flush_handler(ngx_event_t *ev);
void ngx_http_reauth_redis_write_handler(ngx_event_t *wev);
void ngx_http_reauth_redis_queue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
void ngx_http_reauth_redis_unqueue(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
ngx_int_t ngx_http_reauth_redis_internal(ngx_http_reauth_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_http_reauth_redis_handler_pt handler,
    ngx_uint_t secret);
void ngx_http_reauth_redis_free_command(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command);
void ngx_http_reauth_redis_arm_deadline(ngx_http_reauth_redis_t *redis);


/* ngx_http_reauth_redis_reply.c */

void ngx_http_reauth_redis_read_handler(ngx_event_t *rev);
ngx_uint_t ngx_http_reauth_redis_is_error(redisReply *reply, const char *code);

#endif /* _NGX_HTTP_REAUTH_REDIS_CONNECTION_H_INCLUDED_ */
