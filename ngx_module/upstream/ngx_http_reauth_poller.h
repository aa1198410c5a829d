
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The background poller: the clerk of each gateway takes attempts that are due
 * from the queue in Redis, each with a lease, or without Redis, from the zone.
 */


#ifndef _NGX_HTTP_REAUTH_POLLER_H_INCLUDED_
#define _NGX_HTTP_REAUTH_POLLER_H_INCLUDED_


#include "ngx_http_reauth_forward.h"
#include "reauth_backoff.h"


/* defaults of "interval" and "max_interval", in ms */
#define NGX_HTTP_REAUTH_POLL_INTERVAL      2000
#define NGX_HTTP_REAUTH_POLL_INTERVAL_MAX  30000

/* milliseconds of a lease: the poll is due again on any gateway after it */
#define NGX_HTTP_REAUTH_LEASE              20000

/* the same if this gateway has no record of the attempt */
#define NGX_HTTP_REAUTH_POLL_UNKNOWN       1000

/* inactive accounts that are looked for in a list */
#define NGX_HTTP_REAUTH_LIST_ASKED         16


typedef struct ngx_http_reauth_list_s  ngx_http_reauth_list_t;


struct ngx_http_reauth_poller_s {
    ngx_flag_t                on;
    ngx_str_t                 uri;           /* of the internal location */
    ngx_msec_t                interval;
    ngx_msec_t                max_interval;
    ngx_uint_t                rate;          /* per minute, all gateways */
    ngx_http_conf_ctx_t      *conf_ctx;      /* of its server */

    /* of the clerk */
    ngx_http_reauth_store_t  *store;
    ngx_event_t               timer;
    ngx_msec_t                begun;         /* clerk, since */
    ngx_queue_t               polls;         /* active */
    ngx_uint_t                npolls;
    ngx_queue_t               heals;         /* reauthentications sent */
    ngx_uint_t                nheals;        /* and those that are begun */
    ngx_uint_t                leasing;       /* requests to Redis */
    ngx_msec_t                refused;       /* by Redis, at */
    ngx_msec_t                refused_at;    /* logged last */
    ngx_http_reauth_list_t   *list;          /* being read; or NULL */
    ngx_uint_t                list_leasing;  /* lease requested */
    ngx_msec_t                list_at;       /* not before; 0: now */
    ngx_uint_t                sweeping;      /* the next list is a sweep */
    ngx_uint_t                sweep_leasing; /* lease requested */
    ngx_msec_t                sweep_at;      /* not before; 0: now */
    ngx_uint_t                nasked;
    char                      asked[NGX_HTTP_REAUTH_LIST_ASKED]
                                   [REAUTH_ACCOUNT_MAX + 1];
    ngx_msec_t                tokens_at;     /* without Redis: bucket */
    ngx_uint_t                tokens;        /* of thousandths of a poll */
};


char *ngx_http_reauth_poll(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

ngx_int_t ngx_http_reauth_poller_init_process(
    ngx_http_reauth_poller_t *poller, ngx_http_reauth_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_reauth_poller_exit_process(ngx_http_reauth_poller_t *poller);


/* ngx_http_reauth_poller_poll.c */

/* NGX_DECLINED: nothing to send */
ngx_int_t ngx_http_reauth_poll_start(ngx_http_reauth_poller_t *poller,
    const reauth_string_t *account);

/* polls that are in progress: all, those that take too long */
void ngx_http_reauth_polls_abort(ngx_http_reauth_poller_t *poller);
void ngx_http_reauth_polls_expire(ngx_http_reauth_poller_t *poller);


/* ngx_http_reauth_backoff.c */

/* parses what the response requests of the poller; begins a pause */
void ngx_http_reauth_backoff(ngx_http_reauth_poller_t *poller,
    ngx_http_reauth_forward_t *forward, const char *account,
    reauth_backoff_verdict_t *verdict);

/* the reason if there is no usable response */
reauth_poll_error_t ngx_http_reauth_backoff_broken(
    ngx_http_reauth_forward_t *forward);

/* this gateway starts no poll for "ms" milliseconds at least */
void ngx_http_reauth_poller_rest(ngx_http_reauth_poller_t *poller,
    int64_t ms);


/* ngx_http_reauth_poller.c */

/* pauses polling of all gateways; logged if they cannot be told */
void ngx_http_reauth_poller_share_pause(ngx_http_reauth_poller_t *poller,
    int64_t ms);

/* whether Redis determines which gateway polls; retries after an error */
ngx_uint_t ngx_http_reauth_poller_shares(ngx_http_reauth_poller_t *poller);


#endif /* _NGX_HTTP_REAUTH_POLLER_H_INCLUDED_ */
