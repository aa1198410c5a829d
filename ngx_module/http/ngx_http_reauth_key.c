
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream API key: read by the master, kept in pages of its own, told to
 * nothing but the building of an upstream request.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "ngx_http_reauth.h"


static const char  ngx_http_reauth_bearer[] = "Bearer ";


static void
ngx_http_reauth_secret_cleanup(void *data)
{
    ngx_http_reauth_secret_t *secret = data;

    reauth_secret_free(&secret->secret);
    reauth_secret_free(&secret->authorization);
    reauth_seal_cleanse(&secret->seal);
}


static ngx_int_t
ngx_http_reauth_secret_derive(ngx_http_reauth_secret_t *secret)
{
    return reauth_secret_prefix(&secret->authorization,
                                ngx_http_reauth_bearer, &secret->secret)
           == 0
           && reauth_seal_init(&secret->seal, &secret->secret.text) == 0
           ? NGX_OK : NGX_ERROR;
}


/* what is in force until then is only replaced by what is whole */

static ngx_int_t
ngx_http_reauth_secret_reload(void *data, ngx_log_t *log)
{
    ngx_http_reauth_secret_t *secret = data;

    char                       error[REAUTH_SECRET_ERROR_SIZE];
    ngx_http_reauth_secret_t   fresh;

    ngx_memzero(&fresh, sizeof(ngx_http_reauth_secret_t));

    if (reauth_secret_read(&fresh.secret, (char *) secret->path.data, error)
        != 0)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "\"%V\" has changed, but %s; what was read before "
                      "stays in force", &secret->path, error);
        return NGX_ERROR;
    }

    if (ngx_http_reauth_secret_derive(&fresh) != NGX_OK) {
        ngx_http_reauth_secret_cleanup(&fresh);
        return NGX_ERROR;
    }

    ngx_http_reauth_secret_cleanup(secret);

    secret->secret = fresh.secret;
    secret->authorization = fresh.authorization;
    secret->seal = fresh.seal;

    reauth_seal_cleanse(&fresh.seal);

    return NGX_OK;
}


ngx_http_reauth_secret_t *
ngx_http_reauth_secret_add(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_str_t *directive, ngx_str_t *path)
{
    char                        error[REAUTH_SECRET_ERROR_SIZE];
    ngx_str_t                   full;
    ngx_uint_t                  i;
    ngx_pool_cleanup_t         *cln;
    ngx_http_reauth_secret_t   *secret, **secrets, **slot;

    full = *path;

    if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
        return NULL;
    }

    secrets = mcf->secrets.elts;

    for (i = 0; i < mcf->secrets.nelts; i++) {
        if (secrets[i]->path.len == full.len
            && ngx_strncmp(secrets[i]->path.data, full.data, full.len) == 0)
        {
            return secrets[i];
        }
    }

    secret = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_secret_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    slot = ngx_array_push(&mcf->secrets);

    if (secret == NULL || cln == NULL || slot == NULL) {
        return NULL;
    }

    secret->path = full;
    *slot = secret;

    cln->handler = ngx_http_reauth_secret_cleanup;
    cln->data = secret;

    if (reauth_secret_read(&secret->secret, (char *) full.data, error) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\": %s",
                           directive, &full, error);
        return NULL;
    }

    if (ngx_http_reauth_secret_derive(secret) != NGX_OK
        || ngx_http_reauth_watch_add(cf, mcf, &secret->path,
                                     ngx_http_reauth_secret_reload, secret)
           != NGX_OK)
    {
        return NULL;
    }

    return secret;
}


/*
 * An upstream request is being built as long as its module's create_request()
 * runs: either inside the content handler, or later, when the body has been
 * read.  Then nginx has not set up the output of the upstream yet.  Before it
 * is known nginx works out the URL, which would be shown in logs.
 */

static ngx_uint_t
ngx_http_reauth_key_building(ngx_http_request_t *r, ngx_http_reauth_ctx_t *ctx)
{
    return ctx != NULL
           && ctx->building
           && r->upstream != NULL
           && r->upstream->create_request != NULL
           && r->upstream->output.pool == NULL
           && r->headers_out.status == 0;
}


ngx_int_t
ngx_http_reauth_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_loc_conf_t  *lcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    if (lcf->key == NULL || !ngx_http_reauth_key_building(r, ctx)) {
        v->len = 0;
        v->data = (u_char *) "";
        return NGX_OK;
    }

    ctx->key_used = 1;

    v->len = lcf->key->authorization.text.len;
    v->data = (u_char *) lcf->key->authorization.text.data;

    return NGX_OK;
}


static void
ngx_http_reauth_key_scrub(void *data)
{
    ngx_buf_t *b = data;

    ngx_explicit_memzero(b->start, b->end - b->start);
}


/*
 * What was built holds the key and goes back to the allocator with the
 * request's pool: it is zeroed then.
 */

static ngx_int_t
ngx_http_reauth_key_built(ngx_http_request_t *r, ngx_http_reauth_ctx_t *ctx)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_reauth_main_conf_t  *mcf;

    if (!ctx->key_used) {
        return NGX_OK;
    }

    ctx->key_used = 0;

    /* nor does nginx keep the variable's value for whoever asks next */

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    r->variables[mcf->key_index].valid = 0;
    r->variables[mcf->key_index].len = 0;

    if (r->upstream->request_bufs == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_reauth_key_scrub;
    cln->data = r->upstream->request_bufs->buf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_key_create_request(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    if (ctx == NULL || ctx->create_request == NULL) {
        return NGX_ERROR;
    }

    ctx->building = 1;
    rc = ctx->create_request(r);
    ctx->building = 0;

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_reauth_key_built(r, ctx);
}


/* nginx takes PUT for idempotent; this one starts a login each time */

static ngx_int_t
ngx_http_reauth_key_refuse_resend(ngx_http_request_t *r)
{
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: the upstream did not answer a request that changes "
                  "something, it is not sent again");

    return NGX_ERROR;
}


/*
 * Whatever the location says, an answer to be captured is the upstream's own:
 * not replaced by a page, not by what it redirects to, not slowed down.
 */

static ngx_int_t
ngx_http_reauth_key_captured(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    ngx_http_upstream_conf_t  *conf;

    conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));
    if (conf == NULL) {
        return NGX_ERROR;
    }

    *conf = *u->conf;
    conf->ignore_headers |= NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                            |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE;
    conf->intercept_errors = 0;

    u->conf = conf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        u->reinit_request = ngx_http_reauth_key_refuse_resend;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_key_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_upstream_t         *u;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the caller's own never reaches the upstream, whatever is configured */

    ngx_http_reauth_forget_token(r);

    ctx->building = 1;
    rc = lcf->content_handler(r);
    ctx->building = 0;

    u = r->upstream;

    if (u == NULL) {
        return rc;
    }

    if (ngx_http_reauth_capture(r) != NULL
        && ngx_http_reauth_key_captured(r, u) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (u->output.pool != NULL) {

        /* built already */

        if (ngx_http_reauth_key_built(r, ctx) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return rc;
    }

    if (u->create_request != ngx_http_reauth_key_create_request) {
        ctx->create_request = u->create_request;
        u->create_request = ngx_http_reauth_key_create_request;
    }

    return rc;
}
