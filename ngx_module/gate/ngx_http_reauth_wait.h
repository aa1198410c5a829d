
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Requests that wait for a change of an account: status requests with "wait",
 * event streams and held calls.  They only take memory: one timer of the worker
 * checks whether the zone has changed, and only then the accounts of waiting
 * requests.
 */


#ifndef _NGX_HTTP_REAUTH_WAIT_H_INCLUDED_
#define _NGX_HTTP_REAUTH_WAIT_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* each kind has a limit of its own */

typedef enum {
    NGX_HTTP_REAUTH_WAIT_HOLD = 0,
    NGX_HTTP_REAUTH_WAIT_STATUS,               /* "wait" and event streams */
    NGX_HTTP_REAUTH_WAIT_UPDATE,
    NGX_HTTP_REAUTH_WAIT_LAST
} ngx_http_reauth_wait_kind_e;


typedef struct ngx_http_reauth_wait_s  ngx_http_reauth_wait_t;

/* called when something has changed; returns 1 if the wait is over */
typedef ngx_uint_t (*ngx_http_reauth_wait_ready_pt)(
    ngx_http_reauth_wait_t *wait);

/*
 * Called when the wait is over: by ready(), by timeout, or because the worker
 * exits.  The request can be parked again.
 */
typedef void (*ngx_http_reauth_wait_resume_pt)(ngx_http_reauth_wait_t *wait);


struct ngx_http_reauth_wait_s {
    ngx_http_reauth_wait_ready_pt    ready;
    ngx_http_reauth_wait_resume_pt   resume;
    void                            *data;

    ngx_http_reauth_wait_kind_e      kind;
    ngx_uint_t                       takes_turns;  /* 1: with a few others,
                                                      not with all at once */
    ngx_http_request_t              *request;
    uint64_t                         caller;   /* its share; 0: no caller */
    ngx_http_reauth_zone_t          *zone;
    ngx_uint_t                       changes;  /* that it knows of */
    ngx_msec_t                       until;
    ngx_msec_t                       after;    /* its next turn */
    ngx_queue_t                      queue;    /* next NULL: not parked */
    ngx_msec_t                       begun;
    ngx_uint_t                       done;
};


/* whether this worker is exiting, so that nothing can wait */
#define ngx_http_reauth_wait_ending()                                         \
    (ngx_exiting || ngx_quit || ngx_terminate)


/*
 * Counts the request as waiting until it ends or ngx_http_reauth_wait_done()
 * is called.  NGX_BUSY: reauth_wait_max requests of this kind are already
 * waiting in this worker; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_reauth_wait_create(ngx_http_request_t *r,
    ngx_http_reauth_wait_kind_e kind, ngx_http_reauth_wait_t **wait);

/*
 * Parks the request for "msec" milliseconds at most; a closed connection is
 * detected.  The calling code must keep a reference to the request.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_http_reauth_wait_park(ngx_http_reauth_wait_t *wait,
    ngx_msec_t msec);

void ngx_http_reauth_wait_unpark(ngx_http_reauth_wait_t *wait);
void ngx_http_reauth_wait_done(ngx_http_reauth_wait_t *wait);

/* frees the shares of callers */
void ngx_http_reauth_wait_exit_process(void);


#endif /* _NGX_HTTP_REAUTH_WAIT_H_INCLUDED_ */
