
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clerk reads Redis into the zone: all active records when it has
 * connected, and from then on every change.
 */


#ifndef _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_
#define _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_


#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store.h"
#include "reauth_active.h"
#include "reauth_listed.h"
#include "reauth_stream.h"


#define NGX_HTTP_REAUTH_SYNC_PAGE    REAUTH_ACTIVE_PAGE

/* an ID before all entries of a stream */
#define NGX_HTTP_REAUTH_SYNC_START   "0-0"

/* milliseconds to wait for events: a connection that is dead is found then */
#define NGX_HTTP_REAUTH_SYNC_BLOCK   1000

/*
 * Milliseconds beyond the timeout of commands: no request waits for replies,
 * and Redis may have many gateways that read all accounts at once.  If one of
 * them gave up, it would begin from the start, and Redis would have still more
 * to do.
 */
#define NGX_HTTP_REAUTH_SYNC_SPARE   2000

/* milliseconds between reads of events, so that a reply has several of them */
#define NGX_HTTP_REAUTH_SYNC_PAUSE   1


typedef struct ngx_http_reauth_sync_s  ngx_http_reauth_sync_t;

struct ngx_http_reauth_sync_s {
    ngx_http_reauth_store_t        *store;
    ngx_uint_t                      pending;   /* pages requested */
    ngx_uint_t                      ours;      /* the zone's are read */
    ngx_uint_t                      following; /* sync is complete */
    ngx_uint_t                      anew;      /* out of memory */
    ngx_uint_t                      overrides_left;  /* to be read again */
    ngx_msec_t                      loaded;    /* since when; 0: never */
    reauth_stream_t                 stream;    /* what was read of it */
    ngx_http_reauth_zone_cursor_t   cursor;
    reauth_record_t                *records;   /* a page of the zone's */
    ngx_event_t                     pause;
    reauth_active_t                 active;    /* what was read of the set */
    int64_t                         read_ms;   /* since when */
    ngx_uint_t                      restoring; /* it lacks accounts */
    ngx_uint_t                      unlisted;  /* their number */
    reauth_listed_t                 listed;    /* its number of members */
    char                            last[REAUTH_STREAM_ID_MAX + 1];
};


/* a page of records that were asked for */

typedef struct {
    ngx_http_reauth_sync_t         *sync;
    reauth_record_t                *known;     /* of the zone, or NULL */
    ngx_uint_t                      n;
    ngx_uint_t                      deleted;   /* by an event */
    ngx_str_t                      *argv;      /* the command */
    reauth_record_t                 one;       /* where it is a single one's */
} ngx_http_reauth_sync_get_t;


ngx_int_t ngx_http_reauth_sync_start(ngx_http_reauth_store_t *store);
void ngx_http_reauth_sync_stop(ngx_http_reauth_store_t *store);

/*
 * A report of Redis: the number of members of the set of active accounts, and
 * the counter of events.  Returns 1 if the next report is to come soon.
 */
ngx_uint_t ngx_http_reauth_sync_listed(ngx_http_reauth_store_t *store,
    int64_t members, uint64_t number);

/* changes made by other gateways are not followed now */
void ngx_http_reauth_sync_unread(ngx_http_reauth_store_t *store);


/* ngx_http_reauth_sync.c */

/* this worker exits, or another one is the clerk: stops the work */
ngx_uint_t ngx_http_reauth_sync_ended(ngx_http_reauth_sync_t *sync);

/* logs that something under the prefix is no record */
void ngx_http_reauth_sync_not_one(ngx_http_reauth_sync_t *sync);

void ngx_http_reauth_sync_merge(ngx_http_reauth_sync_t *sync,
    const redisReply *text, ngx_uint_t live);
void ngx_http_reauth_sync_failed(ngx_http_reauth_sync_t *sync,
    redisReply *reply);
void ngx_http_reauth_sync_anew(ngx_http_reauth_sync_t *sync);
void ngx_http_reauth_sync_command(ngx_http_reauth_sync_t *sync,
    ngx_uint_t argc, ngx_str_t *argv, ngx_msec_t timeout,
    ngx_http_reauth_redis_handler_pt handler);
void ngx_http_reauth_sync_follow(ngx_http_reauth_sync_t *sync);


/* ngx_http_reauth_sync_begin.c */

void ngx_http_reauth_sync_begin(ngx_http_reauth_sync_t *sync);

/* nothing is read yet */
void ngx_http_reauth_sync_rewind(ngx_http_reauth_sync_t *sync);

/* asks for the counter of events */
void ngx_http_reauth_sync_counter(ngx_http_reauth_sync_t *sync,
    ngx_http_reauth_redis_handler_pt handler);

/*
 * All was read without a counter, as Redis refused writes: creates it, and
 * reads again, as data may have been written and lost meanwhile.
 */
void ngx_http_reauth_sync_late(ngx_http_reauth_sync_t *sync);

/* logs that Redis has lost all data */
void ngx_http_reauth_sync_emptied(ngx_http_reauth_sync_t *sync);


/* ngx_http_reauth_sync_read.c */

/* Redis has rejected a change that a read made necessary: all is read again */
void ngx_http_reauth_sync_doubt(ngx_http_reauth_store_t *store);

ngx_int_t ngx_http_reauth_sync_get(ngx_http_reauth_sync_get_t *get,
    const reauth_string_t *accounts, ngx_uint_t n);
ngx_http_reauth_sync_get_t *
ngx_http_reauth_sync_get_create(ngx_http_reauth_sync_t *sync);
void ngx_http_reauth_sync_get_one(ngx_http_reauth_sync_t *sync,
    const reauth_record_t *known, ngx_uint_t deleted);
void ngx_http_reauth_sync_scan_zone(ngx_http_reauth_sync_t *sync);
void ngx_http_reauth_sync_scan(ngx_http_reauth_sync_t *sync);
void ngx_http_reauth_sync_overrides(ngx_http_reauth_sync_t *sync);


#endif /* _NGX_HTTP_REAUTH_SYNC_H_INCLUDED_ */
