
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


/* least bytes of reauth_secret_file, and of a file of reauth_webhook */
#define NGX_HTTP_REAUTH_SECRET_LEAST   32
#define NGX_HTTP_REAUTH_WEBHOOK_LEAST  16


/*
 * A secret that was read from a file, one for each path.  The text, with
 * "Bearer " before it, is in pages of its own that no core file gets.
 */

struct ngx_http_reauth_secret_s {
    ngx_str_t                 path;
    uid_t                     master;          /* who else may write it */
    reauth_secret_t           secret;
    reauth_secret_t           authorization;
    reauth_secret_t           derived;         /* where these two are */
    reauth_seal_t            *seal;
    reauth_redact_t          *redact;
    ngx_uint_t                bearer;          /* it is a bearer token, too */
    size_t                    least;           /* bytes that it must have */

    /* the one before it, which the upstream may still speak of for a while */
    reauth_secret_t           previous;
    reauth_secret_t           previous_derived;
    reauth_redact_t          *previous_redact; /* NULL: none */
    ngx_msec_t                previous_until;
};


/* reads the file, once for each path; NULL: the error was logged */
ngx_http_reauth_secret_t *ngx_http_reauth_secret_add(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_str_t *directive, ngx_str_t *path);

/* the secret is to be a bearer token, now and whenever it is read again */
ngx_int_t ngx_http_reauth_secret_is_bearer(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret);

/* once a second: zeroes previous ones whose time has passed */
void ngx_http_reauth_secret_expire(ngx_http_reauth_main_conf_t *mcf);

/* the secret must have that many bytes, now and whenever it is read again */
ngx_int_t ngx_http_reauth_secret_is_strong(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret, size_t least);

/* a worker keeps the master's secrets as well as the master did */
void ngx_http_reauth_secret_init_process(ngx_http_reauth_main_conf_t *mcf);

/* if there are secrets, no other process of this user reads the memory */
void ngx_http_reauth_secret_protect(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log);


#endif /* _NGX_HTTP_REAUTH_SECRET_H_INCLUDED_ */
