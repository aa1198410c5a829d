
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The answer of a subrequest of ours, kept in memory.
 */


#ifndef _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* what a subrequest answered, kept in memory up to a bound */

struct ngx_http_reauth_capture_s {
    ngx_http_request_t       *request;         /* the subrequest */
    ngx_str_t                 body;
    size_t                    size;            /* allocated */
    size_t                    max;
    struct ngx_http_reauth_held_s *held;       /* of the worker's bodies */

    /* not NULL: is given the body of a 200, of which nothing is kept then */
    void                    (*consume)(void *data, const u_char *p,
                                       size_t len);
    void                     *data;

    unsigned                  over:1;          /* it was longer than that */
    unsigned                  complete:1;      /* its end was seen */
};


/* a subrequest's body goes to the capture that the main request has for it */
void ngx_http_reauth_capture_init(void);

/* where the body of this request goes; NULL: to the client */
ngx_http_reauth_capture_t *ngx_http_reauth_capture(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_ */
