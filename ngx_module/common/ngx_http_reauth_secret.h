
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Secrets that are read from files.
 */


#ifndef _NGX_HTTP_REAUTH_SECRET_H_INCLUDED_
#define _NGX_HTTP_REAUTH_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_redact.h"
#include "reauth_seal.h"
#include "reauth_secret.h"
#include "ngx_http_reauth_conf.h"


/* minimum length in bytes: reauth_secret_file, a file of reauth_webhook */
#define NGX_HTTP_REAUTH_SECRET_LEAST   32
#define NGX_HTTP_REAUTH_WEBHOOK_LEAST  16


/*
 * A secret read from a file, one for each path.  The text, with "Bearer "
 * before it, is in separate pages that are excluded from core files.
 */

struct ngx_http_reauth_secret_s {
    ngx_str_t                 path;
    uid_t                     master;          /* may also own the file */
    reauth_secret_t           secret;
    reauth_secret_t           authorization;
    reauth_secret_t           derived;         /* pages of both */
    reauth_seal_t            *seal;
    reauth_redact_t          *redact;
    ngx_uint_t                bearer;          /* must be a bearer token */
    ngx_uint_t                signs;           /* must be a key of notices */
    size_t                    least;           /* minimum length in bytes */

    /* the previous secret, which the upstream may still repeat */
    reauth_secret_t           previous;
    reauth_secret_t           previous_derived;
    reauth_redact_t          *previous_redact; /* NULL: none */
    ngx_msec_t                previous_until;
};


/* reads the file, once for each path; NULL: an error was logged */
ngx_http_reauth_secret_t *ngx_http_reauth_secret_add(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_str_t *directive, ngx_str_t *path);

/* requires the secret to be a bearer token, also when it is reread */
ngx_int_t ngx_http_reauth_secret_is_bearer(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret);

/* requires the secret to be a key of Standard Webhooks, in the same way */
ngx_int_t ngx_http_reauth_secret_signs(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_http_reauth_secret_t *secret);

/* requires a minimum length in bytes, also when it is reread */
ngx_int_t ngx_http_reauth_secret_is_strong(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret, size_t least);

/* to be called in a worker: locks the pages of secrets again */
void ngx_http_reauth_secret_init_process(ngx_http_reauth_main_conf_t *mcf);

/* if there are secrets, makes the process not dumpable */
void ngx_http_reauth_secret_protect(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log);


#endif /* _NGX_HTTP_REAUTH_SECRET_H_INCLUDED_ */
