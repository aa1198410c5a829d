
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Secrets that are read from files by the master, and again when they change.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "reauth_notice.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_watch.h"


/* seconds for which a replaced API key is still removed from responses */
#define NGX_HTTP_REAUTH_PREVIOUS_TIME  600000


/* data derived from a secret, at the beginning of its pages */

typedef struct {
    reauth_seal_t    seal;
    reauth_redact_t  redact;
} ngx_http_reauth_derived_t;


static const char  ngx_http_reauth_bearer[] = "Bearer ";


static void
ngx_http_reauth_secret_forget_previous(ngx_http_reauth_secret_t *secret)
{
    reauth_secret_free(&secret->previous);
    reauth_secret_free(&secret->previous_derived);
    secret->previous_redact = NULL;
}


static void
ngx_http_reauth_secret_cleanup(void *data)
{
    ngx_http_reauth_secret_t *secret = data;

    ngx_http_reauth_secret_forget_previous(secret);

    reauth_secret_free(&secret->secret);
    reauth_secret_free(&secret->authorization);
    reauth_secret_free(&secret->derived);
    secret->seal = NULL;
    secret->redact = NULL;
}


static ngx_int_t
ngx_http_reauth_secret_derive(ngx_http_reauth_secret_t *secret)
{
    char                        error[REAUTH_SECRET_ERROR_SIZE];
    ngx_http_reauth_derived_t  *derived;

    if (reauth_secret_prefix(&secret->authorization, ngx_http_reauth_bearer,
                             &secret->secret)
        != 0
        || reauth_secret_reserve(&secret->derived, error) != 0
        || secret->derived.size < sizeof(ngx_http_reauth_derived_t))
    {
        return NGX_ERROR;
    }

    derived = secret->derived.pages;

    secret->seal = &derived->seal;
    secret->redact = &derived->redact;

    reauth_redact_init(secret->redact, &secret->secret.text);

    return reauth_seal_init(secret->seal, &secret->secret.text) == 0
           ? NGX_OK : NGX_ERROR;
}


/* finds the API key in responses of the upstream */

static void
ngx_http_reauth_secret_replace(ngx_http_reauth_secret_t *secret)
{
    ngx_http_reauth_secret_forget_previous(secret);

    if (!secret->bearer) {
        ngx_http_reauth_secret_cleanup(secret);
        return;
    }

    reauth_secret_free(&secret->authorization);
    reauth_seal_cleanse(secret->seal);

    secret->previous = secret->secret;
    secret->previous_derived = secret->derived;
    secret->previous_redact = secret->redact;
    secret->previous_until = ngx_current_msec + NGX_HTTP_REAUTH_PREVIOUS_TIME;
}


/* called once a second: zeroes a previous secret that has expired */

static void
ngx_http_reauth_secret_expire(void *data)
{
    ngx_http_reauth_secret_t *secret = data;

    if (secret->previous_redact != NULL
        && (ngx_msec_int_t) (ngx_current_msec - secret->previous_until) >= 0)
    {
        ngx_http_reauth_secret_forget_previous(secret);
    }
}


/* the current secret is replaced only if the new one is complete */

static ngx_int_t
ngx_http_reauth_secret_reload(void *data, ngx_log_t *log)
{
    ngx_http_reauth_secret_t *secret = data;

    char                       error[REAUTH_SECRET_ERROR_SIZE];
    ngx_http_reauth_secret_t   fresh;

    ngx_memzero(&fresh, sizeof(ngx_http_reauth_secret_t));

    if (reauth_secret_read(&fresh.secret, (char *) secret->path.data,
                           secret->master, error)
        != 0
        || (secret->bearer
            && reauth_secret_bearer(&fresh.secret.text, error) != 0)
        || (secret->signs
            && reauth_notice_secret(&fresh.secret.text, error) != 0)
        || reauth_secret_strong(&fresh.secret.text, secret->least, error) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "reauth: \"%V\" has changed, but %s; the previous "
                      "content is still used", &secret->path, error);
        reauth_secret_free(&fresh.secret);
        return NGX_ERROR;
    }

    if (ngx_http_reauth_secret_derive(&fresh) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "reauth: \"%V\" has changed, but there is not enough "
                      "memory for it; the previous content is still used",
                      &secret->path);
        ngx_http_reauth_secret_cleanup(&fresh);
        return NGX_ERROR;
    }

    ngx_http_reauth_secret_replace(secret);

    secret->secret = fresh.secret;
    secret->authorization = fresh.authorization;
    secret->derived = fresh.derived;
    secret->seal = fresh.seal;
    secret->redact = fresh.redact;

    return NGX_OK;
}


void
ngx_http_reauth_secret_init_process(ngx_http_reauth_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;

    for (i = 0; i < mcf->secrets.nelts; i++) {
        reauth_secret_lock(&secrets[i]->secret);
        reauth_secret_lock(&secrets[i]->authorization);
        reauth_secret_lock(&secrets[i]->derived);
    }
}


/*
 * Other processes of the user cannot attach to the worker or read its memory.
 * To be called after nginx has set PR_SET_DUMPABLE after setuid().
 */

void
ngx_http_reauth_secret_protect(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log)
{
#if (NGX_HAVE_PR_SET_DUMPABLE)

    if (mcf->secrets.nelts == 0
        && !ngx_http_reauth_store_has_password(&mcf->store))
    {
        return;
    }

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "reauth: prctl(PR_SET_DUMPABLE) failed, other processes "
                      "of this user can read the secrets");
    }

#endif
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
    secret->master = geteuid();
    *slot = secret;

    cln->handler = ngx_http_reauth_secret_cleanup;
    cln->data = secret;

    /* first, so that no change is missed */

    if (ngx_http_reauth_watch_add(cf, mcf, &secret->path,
                                  NGX_HTTP_REAUTH_COUNT_FILE_SECRET,
                                  ngx_http_reauth_secret_reload,
                                  ngx_http_reauth_secret_expire, secret)
        != NGX_OK)
    {
        return NULL;
    }

    if (reauth_secret_read(&secret->secret, (char *) full.data,
                           secret->master, error)
        != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\": %s",
                           directive, &full, error);
        return NULL;
    }

    return ngx_http_reauth_secret_derive(secret) == NGX_OK ? secret : NULL;
}


ngx_int_t
ngx_http_reauth_secret_is_bearer(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_http_reauth_secret_t *secret)
{
    char  error[REAUTH_SECRET_ERROR_SIZE];

    secret->bearer = 1;

    if (reauth_secret_bearer(&secret->secret.text, error) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\": %s",
                           directive, &secret->path, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_secret_signs(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_http_reauth_secret_t *secret)
{
    char  error[REAUTH_SECRET_ERROR_SIZE];

    secret->signs = 1;

    if (reauth_notice_secret(&secret->secret.text, error) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\": %s",
                           directive, &secret->path, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_secret_is_strong(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_http_reauth_secret_t *secret, size_t least)
{
    char  error[REAUTH_SECRET_ERROR_SIZE];

    /* several directives may specify the same file */

    secret->least = ngx_max(secret->least, least);

    if (reauth_secret_strong(&secret->secret.text, secret->least, error) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\": %s",
                           directive, &secret->path, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}
