
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A connection to Redis, for the files that make it up.
 */


#ifndef _NGX_HTTP_REAUTH_REDIS_CONNECTION_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REDIS_CONNECTION_H_INCLUDED_


#include "ngx_http_reauth_redis.h"
#include "reauth_seek.h"


#define NGX_HTTP_REAUTH_REDIS_BUFFER       16384

/* buffers read in a turn of the event loop */
#define NGX_HTTP_REAUTH_REDIS_READS        8

#define NGX_HTTP_REAUTH_REDIS_SHA_LEN      40


typedef enum {
    NGX_HTTP_REAUTH_REDIS_DOWN = 0,
    NGX_HTTP_REAUTH_REDIS_SENTINEL,    /* asks for the primary */
    NGX_HTTP_REAUTH_REDIS_RESOLVE,
    NGX_HTTP_REAUTH_REDIS_CONNECT,
    NGX_HTTP_REAUTH_REDIS_TLS,
    NGX_HTTP_REAUTH_REDIS_AUTH,
    NGX_HTTP_REAUTH_REDIS_HELLO,
    NGX_HTTP_REAUTH_REDIS_SELECT,
    NGX_HTTP_REAUTH_REDIS_SCRIPTS,
    NGX_HTTP_REAUTH_REDIS_PROBE,
    NGX_HTTP_REAUTH_REDIS_CLOCK,
    NGX_HTTP_REAUTH_REDIS_READY
} ngx_http_reauth_redis_state_e;


typedef enum {
    NGX_HTTP_REAUTH_REDIS_STORE = 0,
    NGX_HTTP_REAUTH_REDIS_ASKING,      /* commands redirected by ASK */
    NGX_HTTP_REAUTH_REDIS_WATCH        /* a Sentinel */
} ngx_http_reauth_redis_kind_e;


/* of one name; others are not tried */
#define NGX_HTTP_REAUTH_REDIS_ADDRS        8

/* of a name in brackets, and a port */
#define NGX_HTTP_REAUTH_REDIS_PLACE_LEN                                       \
    (REAUTH_SEEK_HOST_MAX + sizeof("[]:65535") - 1)

/* milliseconds: TCP, TLS and AUTH take more round trips than a command */
#define NGX_HTTP_REAUTH_REDIS_CONNECT_MIN  1000


typedef struct {
    ngx_queue_t                        queue;
    u_char                            *text;     /* NULL: sent, was secret */
    size_t                             len;
    ngx_msec_t                         start;
    ngx_msec_t                         timeout;
    ngx_http_reauth_redis_handler_pt   handler;
    void                              *data;
    unsigned                           accepted:1; /* of the store */
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
    ngx_http_reauth_redis_completed_pt completed; /* of STORE, or NULL */
    ngx_msec_t                         timeout;   /* ms, of a command */

    ngx_http_reauth_redis_state_e      state;
    ngx_uint_t                         failed;   /* states, as bits */
    reauth_refusal_t                   refusal;
    reauth_refusal_t                   failing;  /* the refusal of a fail() */
    reauth_seek_end_t                  ending;   /* its kind, if READY */
    ngx_peer_connection_t              peer;
    redisReader                       *reader;
    size_t                             unread;   /* bytes since a reply */

    ngx_http_reauth_redis_kind_e       kind;
    ngx_http_reauth_redis_t           *parent;   /* unless STORE */
    ngx_http_reauth_redis_t           *sentinel;
    ngx_msec_t                         named;    /* last, the primary by it */
    ngx_http_reauth_redis_t           *asking;

    reauth_seek_t                      seek;
    ngx_http_reauth_redis_server_t     told;     /* by a redirection */
    ngx_http_reauth_redis_server_t    *server;   /* the current one */
    ngx_str_t                          name;     /* for the log */
    ngx_resolver_ctx_t                *resolving;
    ngx_addr_t                        *list;     /* of the current server */
    ngx_addr_t                         addrs[NGX_HTTP_REAUTH_REDIS_ADDRS];
    ngx_sockaddr_t                     sockaddrs[NGX_HTTP_REAUTH_REDIS_ADDRS];

    reauth_reply_hello_t               hello;

    ngx_event_t                        watch;    /* of a Sentinel */
    ngx_uint_t                         watched;
    int64_t                            epoch;    /* that it has told */

    ngx_msec_t                         ready;    /* since when */
    ngx_msec_t                         outage;   /* since when; 0: none */

    ngx_event_t                        retry;
    ngx_event_t                        deadline;
    ngx_event_t                        flush;

    ngx_queue_t                        commands;
    ngx_queue_t                       *unsent;   /* first of them, or end */
    size_t                             offset;   /* in that */
    ngx_queue_t                        lost;     /* to be called */
    ngx_queue_t                        waiting;  /* for ASKING, until ready */
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
    unsigned                           found:1;  /* a refusal, in this round */
    unsigned                           asked:1;  /* the Sentinel */
    unsigned                           idle:1;   /* when it was closed */

    u_char                             sha[NGX_HTTP_REAUTH_SCRIPT_LAST]
                                          [NGX_HTTP_REAUTH_REDIS_SHA_LEN];
};


/* ngx_http_reauth_redis.c */

ngx_http_reauth_redis_t *ngx_http_reauth_redis_child(
    ngx_http_reauth_redis_t *parent, ngx_http_reauth_redis_kind_e kind,
    ngx_http_reauth_redis_event_pt event);
void ngx_http_reauth_redis_wake(ngx_http_reauth_redis_t *redis,
    ngx_msec_t delay);
void ngx_http_reauth_redis_open(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_go(ngx_http_reauth_redis_t *redis,
    ngx_uint_t level, const char *text);
ngx_uint_t ngx_http_reauth_redis_steady(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_enter(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_leave(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_fail(ngx_http_reauth_redis_t *redis, ngx_err_t err,
    const char *text);
ngx_uint_t ngx_http_reauth_redis_fail_level(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_complete(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command, redisReply *reply);


/* ngx_http_reauth_redis_place.c */

void ngx_http_reauth_redis_place(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_place_close(ngx_http_reauth_redis_t *redis);
ngx_int_t ngx_http_reauth_redis_told(ngx_http_reauth_redis_t *redis);


/* ngx_http_reauth_redis_sentinel.c */

ngx_int_t ngx_http_reauth_redis_sentinel_create(
    ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_sentinel_ask(ngx_http_reauth_redis_t *redis);


/* ngx_http_reauth_redis_cluster.c */

ngx_uint_t ngx_http_reauth_redis_moved(ngx_http_reauth_redis_t *redis,
    redisReply *reply);
void ngx_http_reauth_redis_ask_close(ngx_http_reauth_redis_t *redis);
ngx_int_t ngx_http_reauth_redis_ask(ngx_http_reauth_redis_t *redis,
    ngx_http_reauth_redis_command_t *command, redisReply *reply);
void ngx_http_reauth_redis_ask_send(ngx_http_reauth_redis_t *asking,
    ngx_http_reauth_redis_command_t *command);


/* ngx_http_reauth_redis_tls.c */

#if (NGX_SSL)
void ngx_http_reauth_redis_tls_start(ngx_http_reauth_redis_t *redis);
#endif


/* ngx_http_reauth_redis_session.c */

void ngx_http_reauth_redis_greet(ngx_http_reauth_redis_t *redis);
ngx_int_t ngx_http_reauth_redis_load(ngx_http_reauth_redis_t *redis);
void ngx_http_reauth_redis_up(ngx_http_reauth_redis_t *redis);


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
