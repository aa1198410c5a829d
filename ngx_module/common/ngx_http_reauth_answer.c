
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Responses of the gateway itself, in the upstream's format.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_json.h"
#include "reauth_json_out.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_audit_entry.h"
#include "ngx_http_reauth_random.h"


ngx_int_t
ngx_http_reauth_push_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_reauth_header_end(h);
    h->key.data = (u_char *) name;
    h->key.len = len;
    h->value = *value;

    return NGX_OK;
}


/*
 * For browsers: a response is not interpreted as a script or an image, and
 * cannot be loaded by pages of other origins.
 */

ngx_int_t
ngx_http_reauth_not_for_pages(ngx_http_request_t *r)
{
    static ngx_str_t  nosniff = ngx_string("nosniff");
    static ngx_str_t  same = ngx_string("same-origin");

    if (ngx_http_reauth_add_header(r, "X-Content-Type-Options", &nosniff)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_reauth_add_header(r, "Cross-Origin-Resource-Policy",
                                      &same);
}


ngx_int_t
ngx_http_reauth_send_body(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t             out;
    ngx_http_reauth_ctx_t  *ctx;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;

    /* before the client knows: it may read the audit log at once */

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx != NULL) {
        ngx_http_reauth_audit_entry_served(r, ctx);
    }

    if (status == NGX_HTTP_REAUTH_UNPROCESSABLE) {

        /* nginx has no reason phrase for it */

        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Entity");
    }

    if (body->len == 0) {
        r->header_only = 1;

    } else if (ngx_http_reauth_not_for_pages(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/*
 * A subrequest does not have the method, the path and the body of the client.
 */

ngx_int_t
ngx_http_reauth_refuse_subrequest(ngx_http_request_t *r, const char *directive)
{
    char             shown[256];
    reauth_string_t  uri;

    uri.data = r->uri.data;
    uri.len = r->uri.len;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "reauth: subrequest to \"%s\" rejected: a location with "
                  "\"%s\" serves requests of clients only",
                  reauth_string_shown(&uri, shown, sizeof(shown)), directive);

    return NGX_HTTP_FORBIDDEN;
}


ngx_int_t
ngx_http_reauth_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *body)
{
    static ngx_str_t  no_store = ngx_string("no-store");

    if (ngx_http_reauth_add_header(r, "Cache-Control", &no_store) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (body->len != 0) {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    return ngx_http_reauth_send_body(r, status, body);
}


ngx_int_t
ngx_http_reauth_send_composed(ngx_http_request_t *r, ngx_uint_t status,
    const char *error, u_char *start, u_char *p)
{
    u_char                 *random;
    uint64_t                decision;
    ngx_str_t               body;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * Identifies the response in the logs of the client and of the gateway, and
     * must not tell how many other responses there were.
     */

    random = ngx_http_reauth_random(sizeof(uint64_t));

    if (random == NULL) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "reauth: RAND_bytes() failed");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(&decision, random, sizeof(uint64_t));

    p = ngx_cpymem(p, ",\"decision_id\":\"", sizeof(",\"decision_id\":\"") - 1);
    p = reauth_string_hex64(decision, p);
    p = ngx_cpymem(p, "\"}", 2);

    body.data = start;
    body.len = p - start;

    ctx->error = error;
    ctx->decision.data = p - 18;
    ctx->decision.len = 16;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "reauth: returned %ui %s, decision %*s",
                  status, error, (size_t) 16, p - 18);

    return ngx_http_reauth_send(r, status, &body);
}


/* texts are escaped; one that is not UTF-8 is omitted */

static void
ngx_http_reauth_answer_string(reauth_json_out_t *out, const char *text)
{
    reauth_string_t  s;

    s = reauth_string_from(text);

    if (reauth_json_out_string(out, &s) != 0) {
        reauth_json_out_literal(out, "\"\"");
    }
}


/* "extra" is zero or more JSON members, each preceded by a comma */

ngx_int_t
ngx_http_reauth_send_error(ngx_http_request_t *r,
    reauth_error_code_t code, const char *message, const char *description,
    ngx_str_t *extra)
{
    size_t              len;
    u_char             *start;
    const char         *error;
    reauth_json_out_t   out;

    static ngx_str_t  none = ngx_null_string;

    if (extra == NULL) {
        extra = &none;
    }

    error = reauth_error_name(code);

    len = sizeof("{\"error\":,\"message\":,\"description\":") - 1
          + reauth_json_out_size(ngx_strlen(error))
          + reauth_json_out_size(ngx_strlen(message))
          + reauth_json_out_size(ngx_strlen(description))
          + extra->len;

    start = ngx_pnalloc(r->pool, len + NGX_HTTP_REAUTH_DECISION_SIZE);
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reauth_json_out_init(&out, (char *) start, len);

    reauth_json_out_literal(&out, "{\"error\":");
    ngx_http_reauth_answer_string(&out, error);
    reauth_json_out_literal(&out, ",\"message\":");
    ngx_http_reauth_answer_string(&out, message);
    reauth_json_out_literal(&out, ",\"description\":");
    ngx_http_reauth_answer_string(&out, description);
    reauth_json_out(&out, (char *) extra->data, extra->len);

    if (out.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_composed(r, reauth_error_status(code), error,
                                         start, (u_char *) out.last);
}


ngx_int_t
ngx_http_reauth_send_invalid(ngx_http_request_t *r, json_t *errors,
    const char *message, const char *description)
{
    char       *text;
    size_t      len;
    u_char     *p;
    ngx_str_t   extra;

    text = reauth_json_text(errors, &len);
    json_decref(errors);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = ngx_pnalloc(r->pool, sizeof(",\"errors\":") - 1 + len);

    if (extra.data == NULL) {
        reauth_json_text_free(text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(extra.data, ",\"errors\":", sizeof(",\"errors\":") - 1);
    p = ngx_cpymem(p, text, len);
    extra.len = p - extra.data;

    reauth_json_text_free(text);

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_VALIDATION_ERROR,
                                      message, description, &extra);
}


ngx_int_t
ngx_http_reauth_method_not_allowed(ngx_http_request_t *r, ngx_str_t *allow)
{
    if (ngx_http_reauth_add_header(r, "Allow", allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_METHOD_NOT_ALLOWED,
               "The method is not allowed for this path.",
               "Use one of the methods listed in the Allow header.", NULL);
}
