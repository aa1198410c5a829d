
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_answer.h"


#define NGX_HTTP_REAUTH_BODY_SIZE  1024

/* default of http2_body_preread_size */
#define NGX_HTTP_REAUTH_BODY_WINDOW  65536

/* the minimum for webhooks of one address: a webhook of the maximum size */
#define NGX_HTTP_REAUTH_BODY_ADDRESS  (512 * 1024)


/* bytes in this worker: of requests, of webhooks */

static size_t  ngx_http_reauth_bodies[2];


static void ngx_http_reauth_body_init(ngx_http_request_t *r);
static void ngx_http_reauth_body_read_handler(ngx_http_request_t *r);


/* bytes in this worker, by caller, or by the client's address for webhooks */

static ngx_rbtree_t       ngx_http_reauth_bodies_tree[2];
static ngx_rbtree_node_t  ngx_http_reauth_bodies_sentinel;


/* NULL: no memory */

static ngx_http_reauth_bodies_t *
ngx_http_reauth_bodies_of(ngx_str_t *name, ngx_uint_t webhook, ngx_log_t *log)
{
    uint32_t                   hash;
    ngx_rbtree_t              *tree;
    ngx_http_reauth_bodies_t  *bodies;

    tree = &ngx_http_reauth_bodies_tree[webhook];

    if (tree->root == NULL) {
        ngx_rbtree_init(tree, &ngx_http_reauth_bodies_sentinel,
                        ngx_str_rbtree_insert_value);
    }

    hash = ngx_crc32_short(name->data, name->len);

    bodies = (ngx_http_reauth_bodies_t *)
                 ngx_str_rbtree_lookup(tree, name, hash);
    if (bodies != NULL) {
        return bodies;
    }

    bodies = ngx_calloc(sizeof(ngx_http_reauth_bodies_t) + name->len, log);
    if (bodies == NULL) {
        return NULL;
    }

    bodies->name.node.key = hash;
    bodies->name.str.len = name->len;
    bodies->name.str.data = (u_char *) bodies
                            + sizeof(ngx_http_reauth_bodies_t);

    ngx_memcpy(bodies->name.str.data, name->data, name->len);

    ngx_rbtree_insert(tree, &bodies->name.node);

    return bodies;
}


static void
ngx_http_reauth_body_close(void *data)
{
    ngx_http_reauth_held_t *held = data;

    ngx_http_reauth_bodies_t  *caller;

    caller = held->caller;

    ngx_http_reauth_body_drop(held, held->size);

    if (caller != NULL && --caller->requests == 0) {
        ngx_rbtree_delete(&ngx_http_reauth_bodies_tree[held->webhook],
                          &caller->name.node);
        ngx_free(caller);
    }
}


ngx_http_reauth_held_t *
ngx_http_reauth_body_account(ngx_pool_t *pool, ngx_uint_t webhook)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_reauth_held_t  *held;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_reauth_held_t));
    if (cln == NULL) {
        return NULL;
    }

    held = cln->data;
    held->size = 0;
    held->webhook = webhook;
    held->caller = NULL;

    cln->handler = ngx_http_reauth_body_close;

    return held;
}


void
ngx_http_reauth_body_add(ngx_http_reauth_held_t *held, size_t size)
{
    held->size += size;
    ngx_http_reauth_bodies[held->webhook] += size;

    if (held->caller != NULL) {
        held->caller->size += size;
    }
}


void
ngx_http_reauth_body_drop(ngx_http_reauth_held_t *held, size_t size)
{
    held->size -= size;
    ngx_http_reauth_bodies[held->webhook] -= size;

    if (held->caller != NULL) {
        held->caller->size -= size;
    }
}


ngx_int_t
ngx_http_reauth_body_hold(ngx_http_request_t *r, ngx_http_reauth_held_t *held,
    size_t size)
{
    size_t                        max, total, share;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    max = mcf->body_memory;
    share = held->webhook ? ngx_max(max / 8, NGX_HTTP_REAUTH_BODY_ADDRESS)
                          : max / 2;
    total = ngx_http_reauth_bodies[0] + ngx_http_reauth_bodies[1];

    if (total + size > max
        || (held->webhook && ngx_http_reauth_bodies[1] + size > max / 2))
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: request bodies use %uz bytes in this worker, "
                      "%uz of them for webhooks: limit reached, increase "
                      "\"reauth_body_memory\"", total,
                      ngx_http_reauth_bodies[1]);

        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_BODIES);

        return NGX_BUSY;
    }

    if (held->caller != NULL && held->caller->size + size > share) {
        if (held->webhook) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "reauth: request bodies of address \"%V\" use %uz "
                          "bytes in this worker: an eighth of "
                          "\"reauth_body_memory\" reached",
                          &held->caller->name.str, held->caller->size);

        } else {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "reauth: request bodies of caller \"%V\" use %uz "
                          "bytes in this worker: half of "
                          "\"reauth_body_memory\" reached",
                          &held->caller->name.str, held->caller->size);
        }

        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_BODIES);

        return NGX_BUSY;
    }

    ngx_http_reauth_body_add(held, size);

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_body_send_busy(ngx_http_request_t *r)
{
    static ngx_str_t  retry = ngx_string("1");

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_SERVICE_UNAVAILABLE,
               "The gateway's memory for request bodies is exhausted.",
               "The request was not processed; send it again later.", NULL);
}


/*
 * The size of the buffer that nginx is going to allocate, see
 * ngx_http_read_client_request_body().  For HTTP/2 it is at least the preread
 * size, whatever the length of the body.
 */

static size_t
ngx_http_reauth_body_reads(ngx_http_request_t *r)
{
    size_t                     size;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    size = clcf->client_body_buffer_size;

    if (r->headers_in.content_length_n >= 0
        && r->headers_in.content_length_n < (off_t) size)
    {
        size = (size_t) r->headers_in.content_length_n;
    }

#if (NGX_HTTP_V2)
    if (r->stream) {
        size = ngx_max(size, NGX_HTTP_REAUTH_BODY_WINDOW);
    }
#endif

    return r->headers_in.content_length_n > 0 || r->headers_in.chunked
           ? size : 0;
}


static void
ngx_http_reauth_body_refused(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body, ngx_int_t status)
{
    (void) ngx_http_reauth_body_refuse(r);

    r->main->count++;
    body->handler(r, status, body->data);
}


ngx_int_t
ngx_http_reauth_body_read(ngx_http_request_t *r, ngx_http_reauth_body_t *body)
{
    ngx_int_t               rc;
    ngx_str_t              *name;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body->held = ngx_http_reauth_body_account(r->pool, body->webhook);
    if (body->held == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * a webhook can come from any client until its signature is verified: the
     * limit is by address instead of caller
     */

    name = body->webhook ? &r->connection->addr_text : &ctx->caller;

    if (name->len != 0) {
        body->held->caller = ngx_http_reauth_bodies_of(name, body->webhook,
                                                       r->connection->log);
        if (body->held->caller == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        body->held->caller->requests++;
    }

    if (r->headers_in.content_length_n > (off_t) body->max) {
        ngx_http_reauth_body_refused(r, body,
                                     NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
        return NGX_DONE;
    }

    body->reads = ngx_http_reauth_body_reads(r);

    if (ngx_http_reauth_body_hold(r, body->held, body->reads) != NGX_OK) {
        ngx_http_reauth_body_refused(r, body, NGX_HTTP_SERVICE_UNAVAILABLE);
        return NGX_DONE;
    }

    ctx->body = body;
    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_reauth_body_init);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/*
 * The response does not depend on the body, so the body is not requested.  A
 * client that expects "100 Continue" may not send it, and its next request
 * could be mistaken for the body: the connection is closed.  Bytes received
 * with the header may be credentials and are zeroed.
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

    /* the end of the connection is reported only once: do not read again */

    if (r->connection->read->eof) {
        r->keepalive = 0;
        return NGX_OK;
    }

    b = r->header_in;

    if (b == NULL) {

        /* HTTP/2 has no such buffer */

        return ngx_http_discard_request_body(r);
    }

    pos = b->pos;

    rc = ngx_http_discard_request_body(r);

    if (b->pos != pos) {
        ngx_explicit_memzero(pos, b->pos - pos);
    }

    /* the connection may also be closed while the body is discarded */

    if (r->connection->read->eof) {
        r->keepalive = 0;
    }

    return rc;
}


/* nginx's buffer is not used any more: uncount it */

static void
ngx_http_reauth_body_read_whole(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body)
{
    ngx_buf_t  *b;

    b = r->request_body ? r->request_body->buf : NULL;

    if (b != NULL) {
        r->request_body->buf = NULL;
        (void) ngx_pfree(r->pool, b->start);
    }

    ngx_http_reauth_body_drop(body->held, body->reads);
    body->reads = 0;
}


static void
ngx_http_reauth_body_done(ngx_http_request_t *r, ngx_http_reauth_body_t *body,
    ngx_int_t rc)
{
    r->read_event_handler = ngx_http_block_reading;

    if (!r->reading_body) {
        ngx_http_reauth_body_read_whole(r, body);
    }

    if (rc != NGX_OK) {

        /* the connection may remain in the lingering state */

        ngx_http_reauth_body_cleanse(r, body);
    }

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


/*
 * Doubles the size, or allocates the whole length if half of it has been
 * received: both buffers exist while the text is copied, and a body must not
 * be rejected because of memory that is used only for its copy.
 */

static ngx_int_t
ngx_http_reauth_body_room(ngx_http_request_t *r, ngx_http_reauth_body_t *body,
    size_t len)
{
    size_t   size, most;
    u_char  *data;

    if (len <= body->size) {
        return NGX_OK;
    }

    most = r->headers_in.content_length_n > 0
           ? (size_t) r->headers_in.content_length_n : body->max;

    size = ngx_max(2 * body->size, NGX_HTTP_REAUTH_BODY_SIZE);
    size = ngx_max(size, len);

    if (size > most / 2) {
        size = ngx_max(most, len);
    }

    if (ngx_http_reauth_body_hold(r, body->held, size) != NGX_OK) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    data = ngx_pnalloc(r->pool, size);
    if (data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = body->text.len;

    if (len) {
        ngx_memcpy(data, body->text.data, len);
        ngx_http_reauth_body_cleanse(r, body);
    }

    body->text.data = data;
    body->text.len = len;
    body->size = size;

    return NGX_OK;
}


/* moves what nginx has read, and zeroes nginx's buffers */

static ngx_int_t
ngx_http_reauth_body_take(ngx_http_request_t *r, ngx_http_reauth_body_t *body)
{
    size_t        len;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "reauth: the body was already read to a file by "
                          "another module or \"client_body_early_read\": "
                          "disable this for \"%V\"", &r->unparsed_uri);

            ngx_http_reauth_body_forget(cl);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len = b->last - b->pos;

        rc = body->text.len + len > body->max
             ? NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
             : ngx_http_reauth_body_room(r, body, body->text.len + len);

        if (rc != NGX_OK) {
            ngx_http_reauth_body_forget(cl);
            return rc;
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
ngx_http_reauth_body_cleanse(ngx_http_request_t *r,
    ngx_http_reauth_body_t *body)
{
    if (body->text.len) {
        ngx_explicit_memzero(body->text.data, body->text.len);
        body->text.len = 0;
    }

    /* small allocations remain in the pool and are still counted */

    if (body->size && ngx_pfree(r->pool, body->text.data) == NGX_OK) {
        ngx_http_reauth_body_drop(body->held, body->size);
        body->text.data = NULL;
    }

    body->size = 0;
}
