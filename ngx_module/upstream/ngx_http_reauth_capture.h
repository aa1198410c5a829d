
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The response of the module's subrequest, stored in memory.
 */


#ifndef _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* the response of a subrequest, in memory, of limited size */

struct ngx_http_reauth_capture_s {
    ngx_http_request_t       *request;         /* the subrequest */
    ngx_str_t                 body;
    size_t                    size;            /* allocated */
    size_t                    max;
    struct ngx_http_reauth_held_s *held;       /* counted as body memory */

    /* not NULL: parses the body of a 200 response, which is not stored */
    void                    (*consume)(void *data, const u_char *p,
                                       size_t len);
    void                     *data;

    unsigned                  foreign:1;       /* not of the upstream API */
    unsigned                  over:1;          /* exceeds the limit */
    unsigned                  complete:1;      /* complete */
};


/*
 * Body filter: bodies of subrequests are stored in the capture of the main
 * request.
 */
void ngx_http_reauth_capture_init(void);

/* the capture of this request's body; NULL: sent to the client */
ngx_http_reauth_capture_t *ngx_http_reauth_capture(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_CAPTURE_H_INCLUDED_ */
