
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Answers of the gateway itself, in the upstream's envelope.
 */


#ifndef _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_error.h"
#include "reauth_json.h"
#include "ngx_http_reauth_request.h"


/* nginx has no name for it */
#define NGX_HTTP_REAUTH_UNPROCESSABLE  422


/*
 * One more header of the answer; NGX_OK or NGX_ERROR.  Strings are kept, the
 * name is a literal.
 */
#define ngx_http_reauth_add_header(r, name, value)                            \
    ngx_http_reauth_push_header(r, name, sizeof(name) - 1, value)

ngx_int_t ngx_http_reauth_push_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value);

/* headers that keep a response out of other origins' pages */
ngx_int_t ngx_http_reauth_not_for_pages(ngx_http_request_t *r);

/* sends a whole answer; its headers were added, its content type was set */
ngx_int_t ngx_http_reauth_send_body(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends a whole answer of ours: status, application/json, Cache-Control:
 * no-store.  Headers were added before.  HEAD is taken care of.  The result is
 * for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_reauth_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends an error of the gateway's own in the upstream's envelope, with a
 * decision id, which is logged at info.  "extra" is NULL or further members,
 * already JSON, that begin with a comma.  Texts must need no JSON escapes.
 */
ngx_int_t ngx_http_reauth_send_error(ngx_http_request_t *r,
    reauth_error_code_t code, const char *message, const char *description,
    ngx_str_t *extra);

/* 422, with what is wrong by name; takes the reference to "errors" */
ngx_int_t ngx_http_reauth_send_invalid(ngx_http_request_t *r, json_t *errors,
    const char *message, const char *description);


/* for content handlers that serve no subrequests: logs why, returns 403 */
ngx_int_t ngx_http_reauth_refuse_subrequest(ngx_http_request_t *r,
    const char *directive);

/* 405; "allow" lists the methods, and is kept */
ngx_int_t ngx_http_reauth_method_not_allowed(ngx_http_request_t *r,
    ngx_str_t *allow);

/*
 * The same for an error that was composed already, from "start" up to "p" in
 * the request's memory: a JSON object without its end, and room for this.
 */
#define NGX_HTTP_REAUTH_DECISION_SIZE                                         \
    (sizeof(",\"decision_id\":\"\"}") - 1 + 16)

ngx_int_t ngx_http_reauth_send_composed(ngx_http_request_t *r,
    ngx_uint_t status, const char *error, u_char *start, u_char *p);


#endif /* _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_ */
