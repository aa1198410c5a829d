
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Headers that are needed in every request and response.  nginx looks up each
 * header in a hash when it is received; these headers are added to that hash,
 * so that requests and responses without them cost nothing.
 */


#ifndef _NGX_HTTP_REAUTH_HEADERS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_HEADERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef enum {
    NGX_HTTP_REAUTH_HEADER_ORIGIN = 0,
    NGX_HTTP_REAUTH_HEADER_FETCH_SITE,
    NGX_HTTP_REAUTH_HEADER_REQUEST_METHOD,     /* of a preflight */
    NGX_HTTP_REAUTH_HEADER_LAST
} ngx_http_reauth_header_e;


/* flags: which of them the request has */

typedef struct {
    ngx_table_elt_t          *first[NGX_HTTP_REAUTH_HEADER_LAST];
    ngx_uint_t                repeated;        /* 1 << one of them */
    ngx_uint_t                allowed;         /* the origin was */
    ngx_uint_t                overrides;       /* of method or path */
} ngx_http_reauth_headers_t;


void ngx_http_reauth_headers_mark(void *data);


/* NULL: none of them; survives internal redirects, shared with subrequests */

static ngx_inline ngx_http_reauth_headers_t *
ngx_http_reauth_headers_noted(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_reauth_headers_mark) {
            return cln->data;
        }
    }

    return NULL;
}


/* removes the header from requests to upstreams and from variables */
void ngx_http_reauth_headers_drop(ngx_table_elt_t *h);

/* removes headers that may override the method, the path or other headers */
void ngx_http_reauth_headers_drop_overrides(ngx_http_request_t *r);


/*
 * 1: names with other characters than letters, digits and "-" reach requests.
 * The server that reads a header may not be the one that processes it.
 */
ngx_uint_t ngx_http_reauth_headers_are_odd(ngx_conf_t *cf);


/* to be called when nginx and all modules have filled the header hashes */
ngx_int_t ngx_http_reauth_headers_init(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_REAUTH_HEADERS_H_INCLUDED_ */
