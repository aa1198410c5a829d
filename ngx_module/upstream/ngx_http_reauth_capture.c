
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A body filter that stores the response of the module's subrequest in memory,
 * up to a limit.  NGX_HTTP_SUBREQUEST_IN_MEMORY of nginx cannot be used: it
 * reports a response over its limit as an empty one with success.
 */


#include "ngx_http_reauth_capture.h"
#include "ngx_http_reauth_body.h"


#define NGX_HTTP_REAUTH_CAPTURE_SIZE  4096


static ngx_http_output_body_filter_pt  ngx_http_next_body_filter;


/*
 * Uses the context of the main request, as that of the subrequest is cleared
 * by an internal redirect.  Nested subrequests are captured as well: no header
 * has been sent to the client yet.
 */

ngx_http_reauth_capture_t *
ngx_http_reauth_capture(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    if (r == r->main) {
        return NULL;
    }

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_reauth_module);

    if (ctx == NULL || ctx->capture == NULL) {
        return NULL;
    }

    for ( /* void */ ; r != r->main; r = r->parent) {
        if (r == ctx->capture->request) {
            return ctx->capture;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_reauth_capture_room(ngx_http_request_t *r,
    ngx_http_reauth_capture_t *capture, size_t len)
{
    size_t   size;
    u_char  *data;

    if (capture->held == NULL) {
        capture->held = ngx_http_reauth_body_account(r->pool, 0);
        if (capture->held == NULL) {
            return NGX_ERROR;
        }
    }

    size = ngx_max(capture->size, NGX_HTTP_REAUTH_CAPTURE_SIZE);

    while (size < capture->body.len + len) {
        size *= 2;
    }

    size = ngx_max(ngx_min(size, capture->max), capture->body.len + len);

    if (size == capture->size) {
        return NGX_OK;
    }

    data = ngx_pnalloc(r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    /* not limited: the response is needed to settle the request */

    ngx_http_reauth_body_add(capture->held, size);

    if (capture->body.len) {
        ngx_memcpy(data, capture->body.data, capture->body.len);

        /* zeroed, as responses contain secrets and the memory is reused */
        ngx_explicit_memzero(capture->body.data, capture->body.len);

        if (ngx_pfree(r->pool, capture->body.data) == NGX_OK) {
            ngx_http_reauth_body_drop(capture->held, capture->size);
        }
    }

    capture->body.data = data;
    capture->size = size;

    return NGX_OK;
}


static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_capture_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    size_t                      len;
    ngx_buf_t                  *b;
    ngx_http_reauth_capture_t  *capture;

    capture = ngx_http_reauth_capture(r);

    if (capture == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (r == capture->request && (b->last_buf || b->last_in_chain)) {
            capture->complete = 1;
        }

        len = ngx_buf_in_memory(b) ? (size_t) (b->last - b->pos) : 0;

        if (len
            && capture->consume != NULL
            && capture->request->headers_out.status == NGX_HTTP_OK)
        {
            capture->consume(capture->data, b->pos, len);

        } else if (len > capture->max - capture->body.len) {
            capture->over = 1;

        } else if (len && !capture->over) {

            if (ngx_http_reauth_capture_room(r, capture, len) != NGX_OK) {
                return NGX_ERROR;
            }

            ngx_memcpy(capture->body.data + capture->body.len, b->pos, len);
            capture->body.len += len;
        }

        if (len && b->temporary) {
            ngx_explicit_memzero(b->pos, len);
        }

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_capture_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    return r == r->main ? ngx_http_next_body_filter(r, in)
                        : ngx_http_reauth_capture_body(r, in);
}


void
ngx_http_reauth_capture_init(void)
{
    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_reauth_capture_body_filter;
}
