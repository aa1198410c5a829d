
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_reauth_random.h"


/* of this worker */
ngx_http_reauth_random_t  ngx_http_reauth_random_drawn;


ngx_int_t
ngx_http_reauth_random_draw(void)
{
    if (RAND_bytes(ngx_http_reauth_random_drawn.bytes,
                   NGX_HTTP_REAUTH_RANDOM_SIZE)
        != 1)
    {
        ngx_http_reauth_random_drawn.left = 0;
        return NGX_ERROR;
    }

    ngx_http_reauth_random_drawn.left = NGX_HTTP_REAUTH_RANDOM_SIZE;

    return NGX_OK;
}
