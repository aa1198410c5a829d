
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An account that logs in again gets no calls.
 */


#ifndef _NGX_HTTP_REAUTH_GATE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_GATE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


ngx_int_t ngx_http_reauth_gate_handler(ngx_http_request_t *r);

/* the account that the request is for; an empty one: none */
reauth_account_result_t ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account);

/*
 * Retry-After for an account that is closed, in whole seconds, within
 * reauth_retry_after.
 */
ngx_uint_t ngx_http_reauth_retry_after(ngx_http_request_t *r,
    ngx_uint_t auth_type, ngx_uint_t state, int64_t since_ms,
    int64_t deadline_ms);

/* NULL: nobody; said by the state where the attempt itself says nothing */
const char *ngx_http_reauth_action(ngx_uint_t state, ngx_uint_t action);

/*
 * The gate's response, for the gate itself and for /reauth/gate/{id}; "closed"
 * is NULL as long as Redis has not been read.
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
