
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth.h"
#include "ngx_http_reauth_body.h"


#define NGX_HTTP_REAUTH_BODY_SIZE  1024


static void ngx_http_reauth_body_init(ngx_http_request_t *r);
static void ngx_http_reauth_body_read_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_reauth_body_read(ngx_http_request_t *r, ngx_http_reauth_body_t *body)
{
    ngx_int_t               rc;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->headers_in.content_length_n > (off_t) body->max) {

        (void) ngx_http_reauth_body_refuse(r);

        r->main->count++;
        body->handler(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, body->data);

        return NGX_DONE;
    }

    ctx->body = body;
    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_reauth_body_init);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/*
 * The answer does not depend on the body: not a byte of it is asked for.  A
 * caller that waits to be asked may send none, so that its next request could
 * be taken for the body.  What came with the header may be credentials, too.
 */

ngx_int_t
ngx_http_reauth_body_refuse(ngx_http_request_t *r)
{
    u_char     *pos;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    if (r->headers_in.expect) {
        r->keepalive = 0;
    }

    r->expect_tested = 1;

    /* the end of the connection is reported only once, do not read again */

    if (r->connection->read->eof) {
        r->keepalive = 0;
        return NGX_OK;
    }

    b = r->header_in;

    if (b == NULL) {

        /* HTTP/2, which has no such buffer */

        return ngx_http_discard_request_body(r);
    }

    pos = b->pos;

    rc = ngx_http_discard_request_body(r);

    ngx_explicit_memzero(pos, b->pos - pos);

    /* the end may also be found while the body is discarded */

    if (r->connection->read->eof) {
        r->keepalive = 0;
    }

    return rc;
}


static void
ngx_http_reauth_body_done(ngx_http_request_t *r, ngx_http_reauth_body_t *body,
    ngx_int_t rc)
{
    r->read_event_handler = ngx_http_block_reading;

    body->handler(r, rc, body->data);
}


static void
ngx_http_reauth_body_forget_buf(ngx_buf_t *b)
{
    ngx_explicit_memzero(b->pos, b->last - b->pos);
    b->pos = b->last;
}


static void
ngx_http_reauth_body_forget(ngx_chain_t *cl)
{
    for ( /* void */ ; cl; cl = cl->next) {
        ngx_http_reauth_body_forget_buf(cl->buf);
    }
}


/* takes what nginx has read, and leaves nothing of it in nginx's buffers */

static ngx_int_t
ngx_http_reauth_body_take(ngx_http_request_t *r, ngx_http_reauth_body_t *body)
{
    size_t        len, size;
    u_char       *data;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "reauth: the body was read before by another module "
                          "or \"client_body_early_read\", and is in a file: "
                          "exclude \"%V\" from that", &r->uri);

            ngx_http_reauth_body_forget(cl);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len = b->last - b->pos;

        if (body->text.len + len > body->max) {
            ngx_http_reauth_body_forget(cl);
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (body->text.len + len > body->size) {

            for (size = ngx_max(body->size, NGX_HTTP_REAUTH_BODY_SIZE);
                 size < body->text.len + len;
                 size *= 2)
            {
                /* void */
            }

            data = ngx_pnalloc(r->pool, size);
            if (data == NULL) {
                ngx_http_reauth_body_forget(cl);
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (body->text.len) {
                ngx_memcpy(data, body->text.data, body->text.len);
                ngx_explicit_memzero(body->text.data, body->text.len);
            }

            body->text.data = data;
            body->size = size;
        }

        ngx_memcpy(body->text.data + body->text.len, b->pos, len);
        body->text.len += len;

        ngx_http_reauth_body_forget_buf(b);
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}


static void
ngx_http_reauth_body_init(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    if (r->request_body == NULL) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
        ngx_http_reauth_body_done(r, ctx->body, NGX_OK);
        return;
    }

    r->read_event_handler = ngx_http_reauth_body_read_handler;

    ngx_http_reauth_body_read_handler(r);
}


static void
ngx_http_reauth_body_read_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc, taken;
    ngx_http_reauth_ctx_t   *ctx;
    ngx_http_reauth_body_t  *body;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    body = ctx->body;

    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        ngx_http_reauth_body_done(r, body, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = NGX_OK;

    for ( ;; ) {

        if (r->request_body->bufs == NULL) {

            if (!r->reading_body) {
                ngx_http_reauth_body_done(r, body, NGX_OK);
                return;
            }

            if (rc == NGX_AGAIN) {
                return;
            }
        }

        taken = ngx_http_reauth_body_take(r, body);

        if (taken != NGX_OK) {
            ngx_http_reauth_body_done(r, body, taken);
            return;
        }

        if (!r->reading_body) {
            continue;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_reauth_body_done(r, body, rc);
            return;
        }
    }
}


void
ngx_http_reauth_body_cleanse(ngx_http_reauth_body_t *body)
{
    if (body->text.len) {
        ngx_explicit_memzero(body->text.data, body->text.len);
        body->text.len = 0;
    }
}
