
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Delivers notices to their receivers.  The clerk of one gateway at a time has
 * the lease of a receiver: it reads the notices of accounts from a stream of
 * Redis and posts them.  Each gateway tells by itself that it is degraded.
 */


#ifndef _NGX_HTTP_REAUTH_NOTICES_H_INCLUDED_
#define _NGX_HTTP_REAUTH_NOTICES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_degraded_notice.h"
#include "reauth_delivery.h"
#include "ngx_http_reauth_background.h"
#include "ngx_http_reauth_notify.h"
#include "ngx_http_reauth_zone_notices.h"


/* "gateway.degraded" that are held for a receiver */
#define NGX_HTTP_REAUTH_NOTICES_OWN  4

#define NGX_HTTP_REAUTH_NOTICE_NAME  (sizeof("msg_") - 1                      \
                                      + REAUTH_DELIVERY_ID_MAX)


typedef struct ngx_http_reauth_receiver_s  ngx_http_reauth_receiver_t;


/* a notice that is held; its body follows */

typedef struct {
    reauth_delivery_notice_t           notice;   /* must be the first */
    unsigned                           own:1;    /* not in the stream */
    unsigned                           acking:1; /* the script has its ID */
    u_char                             name[NGX_HTTP_REAUTH_NOTICE_NAME];
    size_t                             name_len;
    size_t                             len;
} ngx_http_reauth_notice_t;


struct ngx_http_reauth_receiver_s {
    ngx_http_reauth_notify_t          *notify;
    ngx_http_reauth_store_t           *store;
    ngx_http_reauth_receiver_stats_t  *stats;
    ngx_log_t                         *log;
    ngx_event_t                        event;    /* there is something to do */
    reauth_delivery_t                  stream;
    reauth_delivery_t                  own;
    ngx_queue_t                        posts;    /* in flight, oldest first */
    reauth_degraded_notice_t           degraded;

    ngx_msec_t                         asked;    /* Redis; when */
    ngx_msec_t                         leased;   /* until then */
    reauth_delivery_id_t               last;     /* of those read again */
    unsigned                           clerk:1;  /* "degraded" is valid */
    unsigned                           pending:1; /* a reply is to come */
    unsigned                           held:1;   /* the lease */
    unsigned                           again:1;  /* what is pending is read */
    unsigned                           read:1;   /* the script was to read */
    unsigned                           more:1;   /* there may be more to read */
    unsigned                           refused:1; /* by Redis, logged */
};


typedef struct {
    ngx_event_t                        timer;
    ngx_uint_t                         n;
    ngx_msec_t                         active;   /* last; not exiting then */
    u_char                             holder[NGX_INT64_LEN + 32];
    size_t                             holder_len;
    ngx_http_reauth_receiver_t         receivers[NGX_HTTP_REAUTH_NOTIFY_MAX];
} ngx_http_reauth_notices_t;


ngx_int_t ngx_http_reauth_notices_init_process(
    ngx_http_reauth_main_conf_t *mcf, ngx_cycle_t *cycle);
void ngx_http_reauth_notices_exit_process(void);

/* the receivers of this process; NULL: none */
extern ngx_http_reauth_notices_t  *ngx_http_reauth_notices;


/* ngx_http_reauth_notices_redis.c */

/* a worker asks for the lease, keeps it, or ends it, and reads notices */
void ngx_http_reauth_notices_ask(ngx_http_reauth_receiver_t *receiver,
    ngx_uint_t end);

/* forgets what is not in flight: another worker may deliver it */
void ngx_http_reauth_notices_lose(ngx_http_reauth_receiver_t *receiver);


/* ngx_http_reauth_notices_post.c */

/* a notice of this body, not added yet; NULL: no memory */
ngx_http_reauth_notice_t *ngx_http_reauth_notice_create(
    ngx_http_reauth_receiver_t *receiver, const reauth_string_t *account,
    const reauth_string_t *body);

/* NGX_ERROR: it is not in flight */
ngx_int_t ngx_http_reauth_notice_post(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice);

/* ends all requests, or those that take too long */
void ngx_http_reauth_notices_abort(ngx_http_reauth_receiver_t *receiver);
void ngx_http_reauth_notices_expire(ngx_http_reauth_receiver_t *receiver);

/* given up; counted and logged */
void ngx_http_reauth_notice_expired(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice);

void ngx_http_reauth_notice_free(reauth_delivery_t *delivery,
    ngx_http_reauth_notice_t *notice);


#endif /* _NGX_HTTP_REAUTH_NOTICES_H_INCLUDED_ */
