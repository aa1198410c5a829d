
/*
 * Copyright (C) the nginx-reauth authors
 *
 * No copy of the upstream's API key is left in the buffers of TLS.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_key.h"


#if (NGX_HTTP_SSL)

/* wraps the output of TLS connections to upstreams */

typedef struct {
    ngx_http_upstream_t        *upstream;
    ngx_output_chain_filter_pt  filter;
    void                       *data;
    size_t                      copied;        /* into the TLS buffer */
} ngx_http_reauth_key_output_t;


static void
ngx_http_reauth_key_scrub_tls(void *data)
{
    ngx_ssl_connection_t *ssl = data;

    if (ssl->buf != NULL && ssl->buf->start != NULL) {
        ngx_http_reauth_key_scrub(ssl->buf);
    }
}


/* pending output is discarded if the connection is closed */

static ngx_int_t
ngx_http_reauth_key_scrub_at_end(ngx_connection_t *c)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = c->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_reauth_key_scrub_tls) {
            return NGX_OK;
        }
    }

    cln = ngx_pool_cleanup_add(c->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_reauth_key_scrub_tls;
    cln->data = c->ssl;

#ifdef SSL_OP_CLEANSE_PLAINTEXT

    /* OpenSSL 3.0: zeroes the library's read buffer */

    SSL_set_options(c->ssl->connection, SSL_OP_CLEANSE_PLAINTEXT);

#endif

    return NGX_OK;
}


/*
 * nginx copies TLS output to a buffer of the connection, which may exist much
 * longer than the request.
 */

static ngx_int_t
ngx_http_reauth_key_output(void *data, ngx_chain_t *in)
{
    ngx_http_reauth_key_output_t *output = data;

    ngx_int_t          rc;
    ngx_buf_t         *b;
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = output->upstream->peer.connection;

    if (c->ssl == NULL) {
        return output->filter(output->data, in);
    }

    if (ngx_http_reauth_key_scrub_at_end(c) != NGX_OK) {
        return NGX_ERROR;
    }

    for (cl = in; cl; cl = cl->next) {
        output->copied += ngx_buf_size(cl->buf);
    }

    rc = output->filter(output->data, in);

    b = c->ssl->buf;

    if (b != NULL && b->start != NULL && b->pos == b->last) {
        ngx_explicit_memzero(b->start,
                             ngx_min(output->copied,
                                     (size_t) (b->end - b->start)));
        output->copied = 0;
    }

    return rc;
}


ngx_int_t
ngx_http_reauth_key_wrap_output(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    ngx_http_reauth_key_output_t  *output;

    if (!u->ssl) {
        return NGX_OK;
    }

    output = ngx_palloc(r->pool, sizeof(ngx_http_reauth_key_output_t));
    if (output == NULL) {
        return NGX_ERROR;
    }

    output->upstream = u;
    output->copied = 0;
    output->filter = u->output.output_filter;
    output->data = u->output.filter_ctx;

    if (output->filter == NULL) {

        /* as chosen by nginx */

        output->filter = ngx_chain_writer;
        output->data = &u->writer;
    }

    u->output.output_filter = ngx_http_reauth_key_output;
    u->output.filter_ctx = output;

    return NGX_OK;
}

#endif
