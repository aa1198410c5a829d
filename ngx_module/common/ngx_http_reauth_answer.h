
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Responses of the gateway itself, in the upstream's format.
 */


#ifndef _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_error.h"
#include "reauth_json.h"
#include "ngx_http_reauth_request.h"


/* not defined by nginx */
#define NGX_HTTP_REAUTH_UNPROCESSABLE  422


/*
 * Adds a response header; NGX_OK or NGX_ERROR.  Strings are not copied, the
 * name is a literal.
 */
#define ngx_http_reauth_add_header(r, name, value)                            \
    ngx_http_reauth_push_header(r, name, sizeof(name) - 1, value)

ngx_int_t ngx_http_reauth_push_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value);

/* adds headers that prevent pages of other origins from loading a response */
ngx_int_t ngx_http_reauth_not_for_pages(ngx_http_request_t *r);

/* sends a response whose headers and content type are set */
ngx_int_t ngx_http_reauth_send_body(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends a response of the gateway: status, application/json, Cache-Control:
 * no-store.  Other headers must be added before.  Handles HEAD.  The result is
 * for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_reauth_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends an error in the upstream's envelope, with a decision ID, which is
 * logged at the "info" level.  "extra" is NULL or JSON members, each preceded
 * by a comma.  Texts must not need JSON escapes.
 */
ngx_int_t ngx_http_reauth_send_error(ngx_http_request_t *r,
    reauth_error_code_t code, const char *message, const char *description,
    ngx_str_t *extra);

/* sends 422 with errors by name; steals the reference to "errors" */
ngx_int_t ngx_http_reauth_send_invalid(ngx_http_request_t *r, json_t *errors,
    const char *message, const char *description);


/* for content handlers that reject subrequests: logs an error, returns 403 */
ngx_int_t ngx_http_reauth_refuse_subrequest(ngx_http_request_t *r,
    const char *directive);

/* sends 405; "allow" lists the methods and is not copied */
ngx_int_t ngx_http_reauth_method_not_allowed(ngx_http_request_t *r,
    ngx_str_t *allow);

/*
 * Sends an error that is already composed from "start" to "p" in the request's
 * memory: a JSON object without its end, followed by room for the end.
 */
#define NGX_HTTP_REAUTH_DECISION_SIZE                                         \
    (sizeof(",\"decision_id\":\"\"}") - 1 + 16)

ngx_int_t ngx_http_reauth_send_composed(ngx_http_request_t *r,
    ngx_uint_t status, const char *error, u_char *start, u_char *p);


#endif /* _NGX_HTTP_REAUTH_ANSWER_H_INCLUDED_ */
