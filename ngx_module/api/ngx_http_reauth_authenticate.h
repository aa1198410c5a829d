
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One request of the authenticate family, for the files that handle it:
 * authenticate.c its way to the upstream and back, settle.c what the answer
 * says of the attempt, coalesce.c what becomes of it where an equal one is
 * under way.
 */


#ifndef _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_update_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_forward.h"
#include "ngx_http_reauth_wait.h"


typedef struct {
    ngx_http_request_t           *request;
    reauth_route_t                route;
    ngx_str_t                     origin;        /* of polling_url */

    unsigned                      scope;         /* that the caller needs */
    reauth_string_t               account;       /* and for which account */

    ngx_http_reauth_body_t        body;
    reauth_credentials_t          credentials;
    reauth_update_answer_t        answer;

    ngx_http_reauth_store_op_t   *op;            /* under way */
    ngx_http_reauth_outcome_op_t *outcome_op;    /* under way */
    uint64_t                      joined;        /* the equal one's epoch */
    int64_t                       joined_since;  /* and when it began, in ms */
    reauth_record_t              *repeated;      /* of an attempt that an
                                                    identical one began */
    int64_t                       since_ms;      /* of what was begun */
    int64_t                       deadline_ms;
    uint64_t                      epoch;         /* begun, not settled; or 0 */
    uint8_t                       fingerprint[REAUTH_FINGERPRINT_LEN];
    ngx_event_t                   wait;
    ngx_msec_t                    wait_until;
    ngx_http_reauth_wait_t       *waits;         /* one of reauth_wait_max; or
                                                    NULL */

    ngx_http_reauth_forward_t     forward;
    reauth_record_t              *asked;         /* as it was when a poll or a
                                                    code was forwarded; NULL:
                                                    not known then */
    int64_t                       asked_ms;

    unsigned                      resend:1;
    unsigned                      waiting:1;
    unsigned                      placed:1;      /* among those that wait */
    unsigned                      client_event:1; /* nginx runs what is posted
                                                    when it has returned */
    unsigned                      bad_answer:1;  /* 2xx, but no attempt */
} ngx_http_reauth_authenticate_t;


/* content handler */
ngx_int_t ngx_http_reauth_authenticate_handler(ngx_http_request_t *r);

/*
 * Before something is sent or given: whether the caller still may do this.
 * NGX_DECLINED: yes; else it was refused, and this is for finalize().
 */
ngx_int_t ngx_http_reauth_authenticate_still(
    ngx_http_reauth_authenticate_t *a);

/* to the store, once more where what it waited for says nothing */
void ngx_http_reauth_authenticate_begin(ngx_http_reauth_authenticate_t *a);

/* the answer to the caller, of what is in "forward" and "answer" */
ngx_int_t ngx_http_reauth_authenticate_result(
    ngx_http_reauth_authenticate_t *a);

/* ngx_http_reauth_settle.c; the upstream answered, or won't: its handler */
void ngx_http_reauth_authenticate_settle(ngx_http_reauth_forward_t *forward);

/* the last thing that is done with the request */
void ngx_http_reauth_authenticate_finalize(ngx_http_reauth_authenticate_t *a,
    ngx_int_t rc);

/* fills a->answer from an upstream's answer */
reauth_update_answer_result_t ngx_http_reauth_authenticate_read(
    ngx_http_reauth_authenticate_t *a, ngx_str_t *body);

reauth_seal_t *ngx_http_reauth_authenticate_seal(ngx_http_request_t *r);

/* the answer's x-should-retry: false */
ngx_int_t ngx_http_reauth_no_retry(ngx_http_request_t *r);

/* for the variables, which have no need of it where there is no memory */
void ngx_http_reauth_keep_name(ngx_http_request_t *r, ngx_str_t *kept,
    const char *name);


/*
 * The request waits for the one of the account that is being sent: an equal
 * one where a->joined is set.
 */
void ngx_http_reauth_coalesce_wait(ngx_http_reauth_authenticate_t *a);

/* and does so no longer, also if it did not */
void ngx_http_reauth_coalesce_leave(ngx_http_reauth_authenticate_t *a);

/*
 * The identical request of this record has been accepted: its response is sent,
 * or if it is not available, this request after all.
 */
void ngx_http_reauth_coalesce_repeat(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record);

/*
 * Before an update is settled, its response is shared with those that wait for
 * it, or is kept for repeats as long as its attempt may last, if it cannot be
 * composed of the record.  NGX_DECLINED: it is not kept.
 */
void ngx_http_reauth_coalesce_share(ngx_http_reauth_authenticate_t *a,
    uint64_t epoch);
ngx_int_t ngx_http_reauth_coalesce_keep(ngx_http_reauth_authenticate_t *a);


/* ngx_http_reauth_authenticate_read.c */

ngx_int_t ngx_http_reauth_not_routed(ngx_http_request_t *r,
    reauth_route_result_t result, reauth_route_t *route);
ngx_uint_t ngx_http_reauth_media_type_supported(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_unsupported_media_type(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_authenticate_parse(ngx_http_reauth_authenticate_t *a);
ngx_int_t ngx_http_reauth_body_failed(ngx_http_request_t *r, ngx_int_t rc);


/* ngx_http_reauth_authenticate_send.c */

void ngx_http_reauth_authenticate_forward(ngx_http_reauth_authenticate_t *a);


/* ngx_http_reauth_coalesce_outcome.c */

ngx_int_t ngx_http_reauth_coalesce_shared(ngx_http_reauth_authenticate_t *a,
    ngx_str_t *sealed, uint64_t number, ngx_uint_t kept);


#endif /* _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_ */
