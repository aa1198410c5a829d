
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Who is calling, and what that one may do.
 */


#ifndef _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* reauth_callers_file */

struct ngx_http_reauth_callers_s {
    ngx_str_t                 path;
    uid_t                     master;          /* who else may write it */
    reauth_callers_t         *table;
    ngx_uint_t                generation;      /* of the table */
};


/*
 * Who is calling, as long as the file has the same token for the name; a
 * certificate is not of the file.  The caller is that of the generation's
 * table, NULL: of none any more.
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
 * Who is calling, and whether that one may do this.  NGX_DECLINED: yes, or
 * no callers file is here; else the result of an answer that was sent, for
 * ngx_http_finalize_request().  "account" NULL: accounts do not matter yet, or
 * not at all; empty: a call that names none, which who is confined to some may
 * not make.
 */
ngx_int_t ngx_http_reauth_authorize(ngx_http_request_t *r, unsigned scope,
    const reauth_string_t *account);

/* the same for an ordinary call of the account that the context names */
ngx_int_t ngx_http_reauth_authorize_call(ngx_http_request_t *r);

/*
 * Whether the rights of an ordinary call were revoked since it was authorized;
 * a response of nginx's own with the 500 code is replaced by what the caller
 * receives then.
 */
ngx_uint_t ngx_http_reauth_call_revoked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf);

ngx_int_t ngx_http_reauth_caller_forbidden(ngx_http_request_t *r,
    const char *message, const char *description);

/* zeroes what the caller sent as Authorization: nobody needs it any more */
void ngx_http_reauth_forget_token(ngx_http_request_t *r);

/* the same, and no upstream gets the header */
void ngx_http_reauth_drop_token(ngx_http_request_t *r);

/* how many attempts it may begin; without a callers file, any number */
void ngx_http_reauth_caller_bounds(ngx_http_request_t *r,
    reauth_begin_t *begin);

/* for lists: the answer holds what the caller may see, no more */
ngx_uint_t ngx_http_reauth_caller_sees(ngx_http_request_t *r,
    const reauth_string_t *account);

/* the caller is confined to some accounts, and is told nothing of others */
ngx_uint_t ngx_http_reauth_caller_confined(ngx_http_request_t *r);

/* for what takes long: whether the caller may still do it */
ngx_uint_t ngx_http_reauth_caller_still(ngx_http_request_t *r,
    unsigned scope);


#endif /* _NGX_HTTP_REAUTH_CALLERS_H_INCLUDED_ */
