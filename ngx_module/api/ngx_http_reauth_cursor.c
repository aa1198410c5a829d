
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Numbers that count the changes of all accounts, in IDs of events and in
 * cursors.  A confined caller gets them sealed, each time with another nonce,
 * so that they disclose nothing about other accounts.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_cursor.h"
#include "ngx_http_reauth_request.h"


#define NGX_HTTP_REAUTH_CURSOR_PLAIN   (2 * sizeof(uint64_t))
#define NGX_HTTP_REAUTH_CURSOR_SEALED                                         \
    (NGX_HTTP_REAUTH_CURSOR_PLAIN + REAUTH_SEAL_OVERHEAD)


typedef char  ngx_http_reauth_cursor_size
    [NGX_HTTP_REAUTH_CURSOR_LEN == 2 * NGX_HTTP_REAUTH_CURSOR_SEALED ? 1 : -1];


static reauth_string_t
ngx_http_reauth_cursor_caller(ngx_http_request_t *r)
{
    reauth_string_t         name;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    name.data = ctx->caller.data;
    name.len = ctx->caller.len;

    return name;
}


u_char *
ngx_http_reauth_cursor_seal(ngx_http_request_t *r, u_char *p, uint64_t a,
    uint64_t b)
{
    uint64_t                      numbers[2];
    u_char                        sealed[NGX_HTTP_REAUTH_CURSOR_SEALED];
    reauth_string_t               plain, caller;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    numbers[0] = a;
    numbers[1] = b;

    plain.data = (u_char *) numbers;
    plain.len = sizeof(numbers);

    caller = ngx_http_reauth_cursor_caller(r);

    /* on failure, the output is zeroed and cannot be opened */

    (void) reauth_seal(ngx_http_reauth_zone_cursor_key(&mcf->store.zone),
                       &caller, &plain, sealed);

    return ngx_hex_dump(p, sealed, sizeof(sealed));
}


ngx_int_t
ngx_http_reauth_cursor_open(ngx_http_request_t *r, ngx_str_t *text, uint64_t *a,
    uint64_t *b)
{
    ngx_int_t                     n;
    ngx_uint_t                    i;
    uint64_t                      numbers[2];
    u_char                        bytes[NGX_HTTP_REAUTH_CURSOR_SEALED];
    reauth_string_t               sealed, caller;
    ngx_http_reauth_main_conf_t  *mcf;

    if (text->len != NGX_HTTP_REAUTH_CURSOR_LEN) {
        return NGX_DECLINED;
    }

    for (i = 0; i < sizeof(bytes); i++) {
        n = ngx_hextoi(&text->data[2 * i], 2);

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        bytes[i] = (u_char) n;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    sealed.data = bytes;
    sealed.len = sizeof(bytes);

    caller = ngx_http_reauth_cursor_caller(r);

    if (reauth_seal_open(ngx_http_reauth_zone_cursor_key(&mcf->store.zone),
                         &caller, &sealed, (u_char *) numbers)
        != 0)
    {
        return NGX_DECLINED;
    }

    *a = numbers[0];
    *b = numbers[1];

    return NGX_OK;
}
