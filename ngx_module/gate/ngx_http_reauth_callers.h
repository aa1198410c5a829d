
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Callers and their rights.
 */


#ifndef _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* reauth_callers_file */

struct ngx_http_reauth_callers_s {
    ngx_str_t                 path;
    uid_t                     master;          /* may also own the file */
    reauth_callers_t         *table;
    ngx_uint_t                generation;      /* of the table */
    ngx_http_reauth_store_t  *store;
};


/*
 * An authenticated caller.  It is looked up again when the file has been
 * reread, and remains valid while its token is the same.  "caller" points into
 * the table of "generation"; NULL: not in the table any more.
 */

struct ngx_http_reauth_known_s {
    ngx_str_t                  name;
    uint8_t                    hash[REAUTH_SHA256_LEN];
    ngx_uint_t                 certificate;
    ngx_http_reauth_callers_t *callers;
    ngx_uint_t                 generation;
    const reauth_caller_t     *caller;
    ngx_uint_t                 allowed;        /* in which one, 0: none */
};


char *ngx_http_reauth_callers_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Authenticates the caller and checks its rights.  NGX_DECLINED: allowed, or
 * no callers file is in effect; otherwise an error was sent, and the result is
 * for ngx_http_finalize_request().  "account" NULL: the account is not
 * checked; empty: the request has no account, which confined callers are not
 * allowed to send.
 */
ngx_int_t ngx_http_reauth_authorize(ngx_http_request_t *r, unsigned scope,
    const reauth_string_t *account);

/* the same for an ordinary call of the account in the context */
ngx_int_t ngx_http_reauth_authorize_call(ngx_http_request_t *r);

/*
 * Whether the rights of an ordinary call were revoked since it was authorized.
 * If so, a 500 response of nginx is replaced by the error for the caller.
 */
ngx_uint_t ngx_http_reauth_call_revoked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf);

ngx_int_t ngx_http_reauth_caller_forbidden(ngx_http_request_t *r,
    const char *message, const char *description);

/* zeroes the Authorization header of the client */
void ngx_http_reauth_forget_token(ngx_http_request_t *r);

/* the same, and the header is not passed to upstreams */
void ngx_http_reauth_drop_token(ngx_http_request_t *r);

/*
 * Who sent the request, NULL: unknown; "certificate": not by a token.  The
 * result NGX_ERROR means that the token could not be checked.
 */
ngx_int_t ngx_http_reauth_caller(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, const reauth_caller_t **caller,
    ngx_uint_t *certificate);

/* who sent the request, as authenticated before; NULL: not known */
ngx_http_reauth_known_t *ngx_http_reauth_caller_recall(ngx_http_request_t *r);

/* sets the limit of attempts; without a callers file, no limit */
void ngx_http_reauth_caller_bounds(ngx_http_request_t *r,
    reauth_begin_t *begin);

/* for lists: whether the account is visible to the caller */
ngx_uint_t ngx_http_reauth_caller_sees(ngx_http_request_t *r,
    const reauth_string_t *account);

/* whether the caller is confined to certain accounts */
ngx_uint_t ngx_http_reauth_caller_confined(ngx_http_request_t *r);

/* for requests that wait: whether the caller is still allowed to do this */
ngx_uint_t ngx_http_reauth_caller_still(ngx_http_request_t *r,
    unsigned scope);


#endif /* _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_ */
