
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A request of the authenticate family, for the files that process it:
 * authenticate.c forwards it and sends the response, settle.c derives a fact
 * from the upstream's response, coalesce.c processes it if an identical update
 * is active.
 */


#ifndef _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_join.h"
#include "reauth_update_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_forward.h"
#include "ngx_http_reauth_wait.h"


typedef struct {
    ngx_http_request_t           *request;
    reauth_route_t                route;
    ngx_str_t                     origin;        /* of polling_url */

    unsigned                      scope;         /* required of the caller */
    reauth_string_t               account;       /* of the request */

    ngx_http_reauth_body_t        body;
    reauth_credentials_t          credentials;
    reauth_update_answer_t        answer;

    ngx_http_reauth_store_op_t   *op;            /* in progress */
    ngx_http_reauth_outcome_op_t *outcome_op;    /* in progress */
    reauth_joined_t               joined;        /* the identical update */
    reauth_joined_t               after;         /* was joined before */
    reauth_record_t              *repeated;      /* of its attempt */
    int64_t                       since_ms;      /* of the attempt begun */
    int64_t                       deadline_ms;
    uint64_t                      epoch;         /* not settled yet; or 0 */
    uint64_t                      epoch_origin;
    char                          prior_caller[REAUTH_CALLER_MAX + 1];
    uint8_t                       fingerprint[REAUTH_FINGERPRINT_LEN];
    ngx_event_t                   wait;
    ngx_msec_t                    wait_until;
    ngx_http_reauth_wait_t       *waits;         /* one of reauth_wait_max; or
                                                    NULL */

    ngx_http_reauth_forward_t     forward;
    reauth_record_t              *asked;         /* when a poll or a code was
                                                    forwarded; NULL: the
                                                    account was unknown */
    ngx_http_reauth_moment_t      asked_at;

    unsigned                      resend:1;
    unsigned                      waiting:1;
    unsigned                      placed:1;      /* of waiting updates */
    unsigned                      client_event:1; /* posted requests run
                                                    after this handler */
    unsigned                      bad_answer:1;  /* 2xx, but no attempt */
    unsigned                      prior_known:1; /* prior_caller is set */
} ngx_http_reauth_authenticate_t;


/* content handler */
ngx_int_t ngx_http_reauth_authenticate_handler(ngx_http_request_t *r);

/*
 * Checks before a request or a response is sent whether the caller is still
 * allowed to do this.  NGX_DECLINED: it is; otherwise it was rejected, and the
 * result is for ngx_http_reauth_authenticate_finalize().
 */
ngx_int_t ngx_http_reauth_authenticate_still(
    ngx_http_reauth_authenticate_t *a);

/* begins the update in the store; again, if waiting gave no response */
void ngx_http_reauth_authenticate_begin(ngx_http_reauth_authenticate_t *a);

/* sends the response composed of "forward" and "answer" */
ngx_int_t ngx_http_reauth_authenticate_result(
    ngx_http_reauth_authenticate_t *a);

/* ngx_http_reauth_settle.c: called when forwarding has ended */
void ngx_http_reauth_authenticate_settle(ngx_http_reauth_forward_t *forward);

/* must be the last use of the request */
void ngx_http_reauth_authenticate_finalize(ngx_http_reauth_authenticate_t *a,
    ngx_int_t rc);

/* fills a->answer from the upstream's response */
reauth_update_answer_result_t ngx_http_reauth_authenticate_read(
    ngx_http_reauth_authenticate_t *a, ngx_str_t *body);

reauth_seal_t *ngx_http_reauth_authenticate_seal(ngx_http_request_t *r);

/* adds "x-should-retry: false" to the response */
ngx_int_t ngx_http_reauth_no_retry(ngx_http_request_t *r);

/* copies the record for variables; it is omitted if memory is short */
void ngx_http_reauth_keep_name(ngx_http_request_t *r, ngx_str_t *kept,
    const char *name);


/*
 * Waits for the update of the account that is being sent; an identical one if
 * a->joined.epoch is set.
 */
void ngx_http_reauth_coalesce_wait(ngx_http_reauth_authenticate_t *a);

/* another update was accepted after the identical one that was joined */
ngx_int_t ngx_http_reauth_coalesce_superseded(
    ngx_http_reauth_authenticate_t *a);

/* stops waiting; does nothing if the request does not wait */
void ngx_http_reauth_coalesce_leave(ngx_http_reauth_authenticate_t *a);

/*
 * An identical request has been accepted, as this record shows: sends its
 * response, or forwards this request if the response is not available.
 */
void ngx_http_reauth_coalesce_repeat(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record);

/*
 * Stores the response to an update for waiting requests, and for repeated ones
 * as long as the attempt may last, if it cannot be composed from the record.
 * To be called before the update is settled.  NGX_DECLINED: the response is
 * not stored.
 */
void ngx_http_reauth_coalesce_share(ngx_http_reauth_authenticate_t *a,
    uint64_t epoch, uint64_t origin);
ngx_int_t ngx_http_reauth_coalesce_keep(ngx_http_reauth_authenticate_t *a,
    uint64_t number);


/* ngx_http_reauth_authenticate_read.c */

ngx_int_t ngx_http_reauth_not_routed(ngx_http_request_t *r,
    reauth_route_result_t result, reauth_route_t *route);
ngx_uint_t ngx_http_reauth_media_type_supported(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_unsupported_media_type(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_authenticate_parse(ngx_http_reauth_authenticate_t *a);
ngx_int_t ngx_http_reauth_invalid_json(ngx_http_request_t *r,
    reauth_json_error_t *error);
ngx_int_t ngx_http_reauth_body_failed(ngx_http_request_t *r, ngx_int_t rc);


/* ngx_http_reauth_authenticate_send.c */

void ngx_http_reauth_authenticate_forward(ngx_http_reauth_authenticate_t *a);


/* ngx_http_reauth_coalesce_outcome.c */

/* the number of the outcome for those that wait for this update */
uint64_t ngx_http_reauth_coalesce_number(uint64_t epoch, uint64_t origin);

ngx_int_t ngx_http_reauth_coalesce_shared(ngx_http_reauth_authenticate_t *a,
    ngx_str_t *sealed, uint64_t number, ngx_uint_t kept);


#endif /* _NGX_HTTP_REAUTH_AUTHENTICATE_H_INCLUDED_ */
