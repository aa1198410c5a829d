
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Validates a request of the authenticate family: its path, its media type, its
 * JSON and its fields.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"


ngx_int_t
ngx_http_reauth_not_routed(ngx_http_request_t *r, reauth_route_result_t result,
    reauth_route_t *route)
{
    ngx_str_t  allow;

    switch (result) {

    case REAUTH_ROUTE_METHOD_NOT_ALLOWED:
        allow.data = (u_char *) route->allow;
        allow.len = ngx_strlen(route->allow);

        return ngx_http_reauth_method_not_allowed(r, &allow);

    case REAUTH_ROUTE_BAD_PATH:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_BAD_PATH,
                   "The path is not in its canonical form.",
                   "Send the path without dot segments, repeated slashes and "
                   "percent-encoded characters, and no fragment (#).", NULL);

    case REAUTH_ROUTE_BAD_QUERY:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_BAD_QUERY,
                   "The query string has an argument that overrides the "
                   "method.",
                   "Send the request with the intended method, without the "
                   "argument _method.",
                   NULL);

    case REAUTH_ROUTE_NO_FAMILY:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_NOT_FOUND,
                   "The authenticate family has no endpoints for Fanvue.",
                   "Fanvue accounts are connected and logged in again only in "
                   "the vendor's widget; webhooks report it to the gateway.",
                   NULL);

    default:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_NOT_FOUND,
                   "The authenticate family has no such endpoint.",
                   "Compare the path with the documentation: account IDs "
                   "begin with acct_ or fansly_acct_, attempt IDs with auth_.",
                   NULL);
    }
}


/* application/json, with no parameter but charset=utf-8 */

static ngx_uint_t
ngx_http_reauth_is_json(ngx_str_t *type)
{
    u_char  *p, *last;
    size_t   len;

    static u_char  json[] = "application/json";
    static u_char  charset[] = "charset=";

    p = type->data;
    last = p + type->len;
    len = sizeof(json) - 1;

    if (type->len < len || ngx_strncasecmp(p, json, len) != 0) {
        return 0;
    }

    p += len;

    while (p < last && (*p == ' ' || *p == '\t')) { p++; }

    if (p == last) {
        return 1;
    }

    if (*p++ != ';') {
        return 0;
    }

    while (p < last && (*p == ' ' || *p == '\t')) { p++; }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) { last--; }

    if (p == last) {
        return 1;
    }

    len = sizeof(charset) - 1;

    if ((size_t) (last - p) < len || ngx_strncasecmp(p, charset, len) != 0) {
        return 0;
    }

    p += len;

    if (last - p == 7 && p[0] == '"' && last[-1] == '"') {
        p++;
        last--;
    }

    return last - p == 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0;
}


ngx_uint_t
ngx_http_reauth_media_type_supported(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    if (ngx_http_reauth_content_encoded(r)) {
        return 0;
    }

    h = r->headers_in.content_type;

    if (h != NULL) {
        return ngx_http_reauth_is_json(&h->value);
    }

    /* a missing body needs no Content-Type */

    return r->headers_in.content_length_n <= 0 && !r->headers_in.chunked;
}


ngx_int_t
ngx_http_reauth_unsupported_media_type(ngx_http_request_t *r)
{
    return ngx_http_reauth_send_error(r, REAUTH_ERROR_UNSUPPORTED_MEDIA_TYPE,
               "The body must be application/json in UTF-8.",
               "Send Content-Type: application/json and no Content-Encoding.",
               NULL);
}


ngx_int_t
ngx_http_reauth_invalid_json(ngx_http_request_t *r, reauth_json_error_t *error)
{
    u_char     *p;
    ngx_str_t   extra;

    p = ngx_pnalloc(r->pool, 256);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = p;
    extra.len = ngx_snprintf(p, 256, ",\"line\":%ud,\"column\":%ud",
                             error->line, error->column)
                - p;

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_INVALID_JSON,
                                      "The body is not valid JSON.",
                                      error->reason, &extra);
}


static ngx_int_t
ngx_http_reauth_invalid_fields(ngx_http_request_t *r,
    reauth_credentials_t *credentials)
{
    json_t  *errors;

    errors = reauth_credentials_errors(credentials);
    if (errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_invalid(r, errors,
               "The given data was invalid.",
               "Nothing was sent to the upstream. Correct the fields listed "
               "in errors.");
}


/*
 * Lists the names of dropped fields in any response, never the values, which
 * may be credentials.
 */

static ngx_int_t
ngx_http_reauth_authenticate_dropped(ngx_http_reauth_authenticate_t *a)
{
    ngx_str_t                     names;
    ngx_http_request_t           *r;
    reauth_credentials_t         *c;
    ngx_http_reauth_zone_t       *zone;
    ngx_http_reauth_main_conf_t  *mcf;

    r = a->request;
    c = &a->credentials;

    if (c->dropped == NULL) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    zone = &mcf->store.zone;

    ngx_http_reauth_zone_count_n(zone, NGX_HTTP_REAUTH_COUNT_DROPPED_UNKNOWN,
                                 c->nunknown);
    ngx_http_reauth_zone_count_n(zone, NGX_HTTP_REAUTH_COUNT_DROPPED_AUTH_TYPE,
                                 c->nforeign);

    /* the credentials are freed before the request is logged */

    names.len = ngx_strlen(c->dropped);
    names.data = ngx_pnalloc(r->pool, names.len);

    if (names.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(names.data, c->dropped, names.len);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "reauth: %ui fields dropped: \"%V\"",
                  (ngx_uint_t) c->nunknown + c->nforeign, &names);

    return ngx_http_reauth_add_header(r, "Reauth-Dropped", &names);
}


/* NGX_OK: continue; otherwise the result is that of the request */

ngx_int_t
ngx_http_reauth_authenticate_parse(ngx_http_reauth_authenticate_t *a)
{
    reauth_string_t               text;
    ngx_http_request_t           *r;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_loc_conf_t   *lcf;
    reauth_credentials_result_t   result;

    r = a->request;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    text.data = a->body.text.data ? a->body.text.data : (u_char *) "";
    text.len = a->body.text.len;

    result = reauth_credentials_parse(&text, a->route.operation,
                                      lcf->unknown_fields, &a->credentials);

    ngx_http_reauth_body_cleanse(a->request, &a->body);

    if (ngx_http_reauth_authenticate_dropped(a) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (result) {

    case REAUTH_CREDENTIALS_OK:
        break;

    case REAUTH_CREDENTIALS_INVALID_JSON:
        ngx_http_reauth_count_update(r, NGX_HTTP_REAUTH_UPDATE_INVALID);
        return ngx_http_reauth_invalid_json(r, &a->credentials.json_error);

    case REAUTH_CREDENTIALS_INVALID_FIELDS:
        ngx_http_reauth_count_update(r, NGX_HTTP_REAUTH_UPDATE_INVALID);
        return ngx_http_reauth_invalid_fields(r, &a->credentials);

    default: /* REAUTH_CREDENTIALS_NO_MEMORY */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->auth_type = a->credentials.auth_type;

    /*
     * Cannot fail by the limit: the body it was made from is already counted.
     */

    ngx_http_reauth_body_add(a->body.held, a->credentials.body_len);

    a->forward.body.data = (u_char *) a->credentials.body;
    a->forward.body.len = a->credentials.body_len;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_body_failed(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_reauth_body_send_busy(r);
    }

    if (rc != NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return rc;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_BODY_TOO_LARGE,
               "The body is larger than 64 KB.",
               "Credentials do not need this size; check the body.", NULL);
}
