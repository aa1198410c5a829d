
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Sends one request of our own to the upstream: a subrequest to the operator's
 * internal location, with only the headers of an allow-list, its answer kept
 * in memory.
 */


#ifndef _NGX_HTTP_REAUTH_FORWARD_H_INCLUDED_
#define _NGX_HTTP_REAUTH_FORWARD_H_INCLUDED_


#include "ngx_http_reauth_capture.h"


typedef enum {
    NGX_HTTP_REAUTH_ANSWER_NONE = 0,
    NGX_HTTP_REAUTH_ANSWER_WHOLE,      /* an HTTP answer, whatever it says */
    NGX_HTTP_REAUTH_ANSWER_BROKEN,     /* cut off, or no HTTP at all */
    NGX_HTTP_REAUTH_ANSWER_TOO_LARGE,
    NGX_HTTP_REAUTH_ANSWER_TIMEOUT,
    NGX_HTTP_REAUTH_ANSWER_LOCAL,      /* nginx made it up: misconfigured */
    NGX_HTTP_REAUTH_ANSWER_NO_KEY,     /* nothing was sent without one */
    NGX_HTTP_REAUTH_ANSWER_REDIRECT    /* the upstream is elsewhere */
} ngx_http_reauth_answer_e;


typedef struct ngx_http_reauth_forward_s  ngx_http_reauth_forward_t;

struct ngx_http_reauth_forward_s {

    /* what to send; the strings must last as long as the request */
    ngx_uint_t                   method;        /* NGX_HTTP_GET ... */
    ngx_str_t                    method_name;
    ngx_str_t                    uri;           /* of the internal location */
    ngx_str_t                    args;
    ngx_str_t                    body;          /* data NULL: none */
    size_t                       answer_max;

    /*
     * Called when it is over, also where the client has gone; the answer to
     * the client is given later, by the request's own write handler.
     */
    void                       (*handler)(ngx_http_reauth_forward_t *forward);
    void                        *data;

    /* what came of it */
    ngx_uint_t                   done;
    ngx_http_reauth_answer_e     answer;
    ngx_uint_t                   sent;          /* the upstream may have it */
    ngx_uint_t                   status;
    ngx_http_reauth_capture_t    capture;
    ngx_http_request_t          *subrequest;
};


ngx_int_t ngx_http_reauth_forward(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward);

/* the headers of the answer that may be passed on to the caller */
ngx_int_t ngx_http_reauth_forward_headers(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward);


#endif /* _NGX_HTTP_REAUTH_FORWARD_H_INCLUDED_ */
