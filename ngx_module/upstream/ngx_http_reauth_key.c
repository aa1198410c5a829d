
/*
 * Copyright (C) the nginx-reauth authors
 *
 * $reauth_authorization: the upstream's API key.  It is available only to
 * requests to the upstream, which are not sent without it.
 *
 * nginx builds a request with a stand-in of the same length, which is replaced
 * by the key when the request is complete.  So the key is in no intermediate
 * copy: neither in a map, nor in a complex value, nor in the debug log.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_capture.h"
#include "ngx_http_reauth_headers.h"
#include "ngx_http_reauth_random.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_upstream.h"


/* "Bearer " and the longest key */
#define NGX_HTTP_REAUTH_STAND_IN_SIZE  (sizeof("Bearer ") - 1                 \
                                        + REAUTH_SECRET_MAX)

/* random bytes of a stand-in; the rest is padding to the length of the key */
#define NGX_HTTP_REAUTH_STAND_IN_RANDOM  24

/* marks a stand-in, so that a modified one is detected */
#define NGX_HTTP_REAUTH_STAND_IN_HEAD  (sizeof("Bearer ") - 1 + 1)


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;

/*
 * The stand-in of the key while a request is built.  Its bytes are unusual in
 * headers, so that it is found quickly, and not shortened by HPACK, so that
 * HTTP/2 leaves it unchanged.  It is used for one request.
 */

static u_char  ngx_http_reauth_key_stand_in[NGX_HTTP_REAUTH_STAND_IN_SIZE];

/* the request to the upstream that is being built, and its key */

static struct {
    ngx_http_request_t        *request;        /* NULL: none is */
    ngx_http_reauth_secret_t  *key;
    ngx_uint_t                 asked;
    ngx_uint_t                 failed;         /* to make a stand-in */
} ngx_http_reauth_key_build;

/*
 * The value at other times; its address records that the variable was
 * evaluated.
 */

static u_char  ngx_http_reauth_key_empty[] = "";

static ngx_str_t  ngx_http_reauth_key_name =
    ngx_string("reauth_authorization");


/* the header filter replaces nginx's 500 response */

static void
ngx_http_reauth_key_refuse(ngx_http_request_t *r, const char *why)
{
    ngx_http_reauth_ctx_t  *ctx;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "reauth: $reauth_authorization %s, the request is not "
                  "sent", why);

    ctx = ngx_http_reauth_get_ctx(r);

    if (ctx != NULL) {
        ctx->key_refused = 1;
    }

    /* not replaced by error_page */

    r->error_page = 1;
}


static ngx_int_t
ngx_http_reauth_key_refuse_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_http_reauth_key_refuse(r, "is used without \"reauth_key_file\"");
    return NGX_ERROR;
}


/*
 * The request being built needs a key that is not available: fail the
 * selection of a peer.
 */

static void
ngx_http_reauth_key_send_nowhere(ngx_http_upstream_t *u)
{
    static ngx_http_upstream_conf_t      conf;
    static ngx_http_upstream_srv_conf_t  nowhere;

    nowhere.peer.init = ngx_http_reauth_key_refuse_peer;
    conf.upstream = &nowhere;

    u->conf = &conf;
    u->resolved = NULL;
}


static ngx_int_t
ngx_http_reauth_key_make_stand_in(void)
{
    u_char    *p;
    uint64_t   word;
    size_t     i;

    p = ngx_http_reauth_random(NGX_HTTP_REAUTH_STAND_IN_RANDOM);

    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_REAUTH_STAND_IN_RANDOM; i += sizeof(uint64_t)) {
        ngx_memcpy(&word, p + i, sizeof(uint64_t));
        word |= 0x8080808080808080ULL;
        ngx_memcpy(ngx_http_reauth_key_stand_in + i, &word, sizeof(uint64_t));
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_reauth_loc_conf_t  *lcf;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->len = 0;
    v->data = ngx_http_reauth_key_empty;

    if (r == ngx_http_reauth_key_build.request) {
        if (!ngx_http_reauth_key_build.asked) {
            ngx_http_reauth_key_build.asked = 1;

            if (ngx_http_reauth_key_make_stand_in() != NGX_OK) {
                ngx_http_reauth_key_build.failed = 1;
            }
        }

        if (ngx_http_reauth_key_build.failed) {
            return NGX_OK;
        }

        v->len = ngx_http_reauth_key_build.key->authorization.text.len;
        v->data = ngx_http_reauth_key_stand_in;

        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->key == NULL
        && r->upstream != NULL
        && r->upstream->create_request != NULL
        && r->upstream->upstream == NULL)
    {
        ngx_http_reauth_key_send_nowhere(r->upstream);
    }

    return NGX_OK;
}


void
ngx_http_reauth_key_scrub(void *data)
{
    ngx_buf_t *b = data;

    ngx_explicit_memzero(b->start, b->end - b->start);
}


/* NULL: neither a stand-in nor a part of one */

static ngx_inline u_char *
ngx_http_reauth_key_find(u_char *p, u_char *last)
{
    u_char  *stand_in;

    stand_in = ngx_http_reauth_key_stand_in;

    while ((p = memchr(p, stand_in[0], last - p)) != NULL) {

        if (last - p >= (ssize_t) NGX_HTTP_REAUTH_STAND_IN_HEAD
            && ngx_memcmp(p, stand_in, NGX_HTTP_REAUTH_STAND_IN_HEAD) == 0)
        {
            return p;
        }

        p++;
    }

    return NULL;
}


/*
 * Replaces stand-ins by the key and returns their number; NGX_DECLINED: a
 * stand-in was modified.  Buffers with the key are zeroed when the request's
 * pool is destroyed.
 */

static ngx_int_t
ngx_http_reauth_key_put(ngx_http_request_t *r, const reauth_string_t *key)
{
    u_char              *p;
    ngx_int_t            n;
    ngx_buf_t           *b;
    ngx_pool_cleanup_t  *cln;

    if (r->upstream->request_bufs == NULL
        || !r->upstream->request_bufs->buf->temporary)
    {
        return 0;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    b = r->upstream->request_bufs->buf;

    cln->handler = ngx_http_reauth_key_scrub;
    cln->data = b;

    n = 0;
    p = b->pos;

    while ((p = ngx_http_reauth_key_find(p, b->last)) != NULL) {

        if ((size_t) (b->last - p) < key->len
            || ngx_memcmp(p, ngx_http_reauth_key_stand_in, key->len) != 0)
        {
            return NGX_DECLINED;
        }

        p = ngx_cpymem(p, key->data, key->len);
        n++;
    }

    return n;
}


ngx_uint_t
ngx_http_reauth_key_sent(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_reauth_key_scrub) {
            return 1;
        }
    }

    return 0;
}


/* evaluated before the request is built: an empty value may be cached */

static ngx_uint_t
ngx_http_reauth_key_was_asked(ngx_http_request_t *r,
    ngx_http_reauth_main_conf_t *mcf)
{
    return mcf->key_index != NGX_ERROR
           && r->variables[mcf->key_index].data == ngx_http_reauth_key_empty;
}


/* nginx caches values, for example of a map */

static void
ngx_http_reauth_key_forget_values(ngx_http_request_t *r)
{
    ngx_http_variable_value_t  *v, *last;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    last = r->variables + cmcf->variables.nelts;

    for (v = r->variables; v < last; v++) {

        if (v->valid
            && v->len >= NGX_HTTP_REAUTH_STAND_IN_HEAD
            && ngx_http_reauth_key_find(v->data, v->data + v->len) != NULL)
        {
            v->valid = 0;
            v->len = 0;
        }
    }
}


/* the cached value of the variable shows whether it was evaluated as empty */

static void
ngx_http_reauth_key_forget(ngx_http_request_t *r,
    ngx_http_reauth_main_conf_t *mcf, ngx_uint_t before)
{
    ngx_http_variable_value_t  *v;

    v = &r->variables[mcf->key_index];

    v->valid = 0;
    v->len = 0;
    v->data = before ? ngx_http_reauth_key_empty : NULL;

    if (ngx_http_reauth_key_build.asked) {
        ngx_http_reauth_key_forget_values(r);

        /* so that it is not in a later core file */

        ngx_memzero(ngx_http_reauth_key_stand_in,
                    NGX_HTTP_REAUTH_STAND_IN_RANDOM);
    }
}


/*
 * A request that uses the variable is sent with the key or not at all: nginx
 * omits an empty header, and a value cached before is empty, too.
 */

static ngx_int_t
ngx_http_reauth_key_built(ngx_http_request_t *r,
    ngx_http_reauth_main_conf_t *mcf, ngx_uint_t before)
{
    ngx_int_t                   n;
    ngx_http_reauth_capture_t  *capture;

    if (!before && !ngx_http_reauth_key_build.asked) {
        return NGX_OK;
    }

    if (r != r->main
        && (capture = ngx_http_reauth_capture(r)) != NULL
        && capture->foreign)
    {
        ngx_http_reauth_key_forget(r, mcf, before);
        ngx_http_reauth_key_refuse(r, "is not for the receiver of notices");
        return NGX_ERROR;
    }

    n = 0;

    if (ngx_http_reauth_key_build.asked && !ngx_http_reauth_key_build.failed) {
        n = ngx_http_reauth_key_put(r,
                &ngx_http_reauth_key_build.key->authorization.text);
    }

    ngx_http_reauth_key_forget(r, mcf, before);

    if (n > 0) {
        return NGX_OK;
    }

    if (ngx_http_reauth_key_build.failed) {
        ngx_http_reauth_key_refuse(r, "has no stand-in: no random bytes are "
                                      "available");

    } else if (n == NGX_DECLINED) {
        ngx_http_reauth_key_refuse(r, "was modified before the request was "
                                      "sent");

    } else if (n == 0) {
        ngx_http_reauth_key_refuse(r, "was empty when it was first evaluated");
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_http_reauth_key_create_request(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_uint_t                    before;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* reading the request body may have taken some time */

    if (lcf->authorize && ngx_http_reauth_call_revoked(r, lcf)) {
        return NGX_ERROR;
    }

    before = ngx_http_reauth_key_was_asked(r, mcf);

    ngx_http_reauth_key_build.request = r;
    ngx_http_reauth_key_build.key = lcf->key;
    ngx_http_reauth_key_build.asked = 0;
    ngx_http_reauth_key_build.failed = 0;

    rc = ngx_http_reauth_upstream_create_request(r);

    ngx_http_reauth_key_build.request = NULL;

    if (rc == NGX_OK && r != r->main) {
        rc = ngx_http_reauth_upstream_own_request(r);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_key_built(r, mcf, before);
    }

#if (NGX_HTTP_SSL)
    if (rc == NGX_OK) {
        rc = ngx_http_reauth_key_wrap_output(r, r->upstream);
    }
#endif

    return rc;
}


ngx_int_t
ngx_http_reauth_key_handler(ngx_http_request_t *r)
{
    ngx_http_reauth_headers_t    *noted;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->key != NULL) {

        /* the client's header is never passed to the upstream */

        if (r->headers_in.authorization != NULL) {
            ngx_http_reauth_drop_token(r);
        }

        mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
        noted = ngx_http_reauth_headers_noted(r);

        if (mcf->odd_headers || (noted != NULL && noted->overrides)) {
            ngx_http_reauth_headers_drop_overrides(r);
        }

        return ngx_http_reauth_upstream_around(r, lcf->content_handler,
                                          ngx_http_reauth_key_create_request);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (ngx_http_reauth_key_was_asked(r, mcf)) {
        ngx_http_reauth_key_refuse(r, "was evaluated without "
                                      "\"reauth_key_file\"");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return lcf->gate != NGX_HTTP_REAUTH_GATE_OFF
           || ngx_http_reauth_capture(r) != NULL
           ? ngx_http_reauth_upstream_around(r, lcf->content_handler,
                              lcf->authorize
                              ? ngx_http_reauth_upstream_create_without : NULL)
           : lcf->content_handler(r);
}


/* sends a response of the gateway instead of nginx's error page */

static ngx_int_t
ngx_http_reauth_key_send_bad_answer(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->not_final = 0;
    r->err_status = 0;

    rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
               "The upstream's response is not a final HTTP/1 response.",
               "The upstream may have received the request.", NULL);

    r->header_only = 1;

    return rc > NGX_OK ? NGX_ERROR : rc;
}


static ngx_int_t
ngx_http_reauth_key_header_filter(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_reauth_ctx_t  *ctx;

    if (r == ngx_http_reauth_upstream_deferred) {

        /* not an upstream: do not delay its output */

        ngx_http_reauth_upstream_deferred = NULL;
        r->aio = 0;
    }

    if ((ssize_t) r->headers_out.charset.len < 0) {

        /* a charset parsed by nginx from "charset=" with an unmatched quote */

        ngx_str_null(&r->headers_out.charset);
    }

    if (r->headers_out.status != NGX_HTTP_INTERNAL_SERVER_ERROR
        && r->headers_out.status != NGX_HTTP_BAD_GATEWAY)
    {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx != NULL && ctx->not_final
        && r->headers_out.status == NGX_HTTP_BAD_GATEWAY)
    {
        return ngx_http_reauth_key_send_bad_answer(r, ctx);
    }

    if (ctx == NULL || !(ctx->key_refused || ctx->caller_refused)
        || r->headers_out.status != NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return ngx_http_next_header_filter(r);
    }

    /* sends a response of the gateway instead of nginx's error page */

    r->err_status = 0;

    if (ctx->caller_refused) {
        ctx->caller_refused = 0;
        rc = ngx_http_reauth_authorize_call(r);

    } else {
        ctx->key_refused = 0;
        rc = ngx_http_reauth_key_send_unavailable(r);
    }

    r->header_only = 1;

    return rc > NGX_OK || rc == NGX_DECLINED ? NGX_ERROR : rc;
}


ngx_int_t
ngx_http_reauth_key_send_unavailable(ngx_http_request_t *r)
{
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_KEY_UNAVAILABLE);

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_KEY_UNAVAILABLE,
               "The gateway has no API key for the upstream.",
               "Nothing was sent. The gateway's operator must check its "
               "configuration; its log states the reason.", NULL);
}


/* before the access log, which may use $http_authorization */

static ngx_int_t
ngx_http_reauth_key_log_handler(ngx_http_request_t *r)
{
    ngx_http_reauth_loc_conf_t  *lcf;

    if (r->headers_in.authorization == NULL) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->key != NULL || lcf->callers != NULL) {
        ngx_http_reauth_forget_token(r);
    }

    return NGX_OK;
}


/* NGX_ERROR: no directive uses the variable */

static ngx_int_t
ngx_http_reauth_key_find_index(ngx_http_core_main_conf_t *cmcf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == ngx_http_reauth_key_name.len
            && ngx_strncmp(v[i].name.data, ngx_http_reauth_key_name.data,
                           v[i].name.len)
               == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_http_reauth_key_init(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    ngx_memset(ngx_http_reauth_key_stand_in, 0x80,
               NGX_HTTP_REAUTH_STAND_IN_SIZE);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    mcf->key_index = ngx_http_reauth_key_find_index(cmcf);

    handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(&h[1], h,
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));
    h[0] = ngx_http_reauth_key_log_handler;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_reauth_key_header_filter;

    return NGX_OK;
}
