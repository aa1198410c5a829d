
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Rejects ordinary calls of accounts that are logging in.
 */


#ifndef _NGX_HTTP_REAUTH_GATE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_GATE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


ngx_int_t ngx_http_reauth_gate_handler(ngx_http_request_t *r);

/* the same for a call whose gate was open before it had to wait */
ngx_int_t ngx_http_reauth_gate_again(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t account);

/* the account of the request; empty: none */
reauth_account_result_t ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account);

/* by reauth_gate_bypass */
ngx_uint_t ngx_http_reauth_gate_bypassed(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf);

/*
 * Retry-After of a closed gate, in whole seconds, within the bounds of
 * reauth_retry_after.
 */
ngx_uint_t ngx_http_reauth_retry_after(ngx_http_request_t *r,
    ngx_uint_t auth_type, ngx_uint_t state, int64_t since_ms,
    int64_t deadline_ms);

/* NULL: no action; derived from the state if the attempt has none */
const char *ngx_http_reauth_action(ngx_uint_t state, ngx_uint_t action);

/*
 * The response of the gate, also for /reauth/gate/{id}.  "closed" is NULL if
 * Redis has not been read yet.
 */
ngx_int_t ngx_http_reauth_gate_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *account, ngx_http_reauth_closed_t *closed);


/* ngx_http_reauth_gate_account.c */

ngx_http_reauth_noinline reauth_account_result_t
ngx_http_reauth_gate_account_value(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account);


/* ngx_http_reauth_gate_answer.c */

ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_bad_path(ngx_http_request_t *r, ngx_uint_t elsewhere);


#endif /* _NGX_HTTP_REAUTH_GATE_H_INCLUDED_ */
