
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Random bytes for requests.  They are generated for many requests at once, at
 * a tenth of the cost of separate calls.
 */


#ifndef _NGX_HTTP_REAUTH_RANDOM_H_INCLUDED_
#define _NGX_HTTP_REAUTH_RANDOM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_REAUTH_RANDOM_SIZE  12288


typedef struct {
    size_t   left;
    u_char   bytes[NGX_HTTP_REAUTH_RANDOM_SIZE];
} ngx_http_reauth_random_t;

extern ngx_http_reauth_random_t  ngx_http_reauth_random_drawn;


ngx_int_t ngx_http_reauth_random_draw(void);

/*
 * "len" bytes, at most those of a draw, which are used once: valid until the
 * next call.  NULL: OpenSSL has none.
 */

static ngx_inline u_char *
ngx_http_reauth_random(size_t len)
{
    if (ngx_http_reauth_random_drawn.left < len
        && ngx_http_reauth_random_draw() != NGX_OK)
    {
        return NULL;
    }

    ngx_http_reauth_random_drawn.left -= len;

    return ngx_http_reauth_random_drawn.bytes
           + ngx_http_reauth_random_drawn.left;
}


#endif /* _NGX_HTTP_REAUTH_RANDOM_H_INCLUDED_ */
