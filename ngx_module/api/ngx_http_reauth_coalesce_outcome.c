
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Responses shared with waiting requests, or stored for repeated updates:
 * sealed, in the zone and in Redis.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"


#define NGX_HTTP_REAUTH_OUTCOME_HEAD  6

#define NGX_HTTP_REAUTH_OUTCOME_NAME                                          \
    (REAUTH_ACCOUNT_MAX + 1 + REAUTH_NUMBER_MAX + 1 + REAUTH_FINGERPRINT_LEN)


/*
 * The outcome is sealed for the account and the epoch, or for repeated
 * updates, for the account, the attempt and the request, so that it cannot be
 * replaced by another one.
 */

static reauth_string_t
ngx_http_reauth_coalesce_name(ngx_http_reauth_authenticate_t *a,
    uint64_t number, ngx_uint_t kept, u_char *buffer)
{
    u_char           *p;
    reauth_string_t   name;

    p = ngx_cpymem(buffer, a->route.id.data, a->route.id.len);
    *p++ = ':';
    p += reauth_string_number(number, p);

    if (kept) {
        *p++ = ':';
        p = ngx_cpymem(p, a->fingerprint, REAUTH_FINGERPRINT_LEN);
    }

    name.data = buffer;
    name.len = p - buffer;

    return name;
}


/*
 * A stored outcome: the result, the way it was sent, the status, the length of
 * the content type, the content type, the body.
 */

static ngx_int_t
ngx_http_reauth_coalesce_put(ngx_http_reauth_authenticate_t *a,
    uint64_t number, ngx_uint_t kept, int64_t ttl_ms)
{
    ngx_int_t                     rc;
    u_char                       *p, *plain, *sealed;
    u_char                        buffer[NGX_HTTP_REAUTH_OUTCOME_NAME];
    ngx_str_t                     type, body, out;
    reauth_string_t               text, name;
    ngx_http_reauth_forward_t    *forward;
    ngx_http_reauth_main_conf_t  *mcf;

    forward = &a->forward;

    ngx_str_null(&type);
    ngx_str_null(&body);

    if (forward->answer == NGX_HTTP_REAUTH_ANSWER_WHOLE) {
        type = forward->subrequest->headers_out.content_type;
        body = forward->capture.body;
    }

    text.len = NGX_HTTP_REAUTH_OUTCOME_HEAD + type.len + body.len;
    out.len = text.len + REAUTH_SEAL_OVERHEAD;

    if (type.len > 255 || out.len > NGX_HTTP_REAUTH_OUTCOME_MAX) {
        ngx_log_error(NGX_LOG_INFO, a->request->connection->log, 0,
                      "reauth: response of %uz bytes is too large to be "
                      "stored for repeated updates", body.len);
        return NGX_DECLINED;
    }

    plain = ngx_pnalloc(a->request->pool, text.len);
    sealed = ngx_pnalloc(a->request->pool, out.len);

    if (plain == NULL || sealed == NULL) {
        return NGX_DECLINED;
    }

    p = plain;

    *p++ = (u_char) forward->answer;
    *p++ = (u_char) forward->sent;
    *p++ = (u_char) a->bad_answer;
    *p++ = (u_char) (forward->status >> 8);
    *p++ = (u_char) forward->status;
    *p++ = (u_char) type.len;

    if (type.len != 0) {
        p = ngx_cpymem(p, type.data, type.len);
    }

    if (body.len != 0) {
        ngx_memcpy(p, body.data, body.len);
    }

    text.data = plain;
    out.data = sealed;
    name = ngx_http_reauth_coalesce_name(a, number, kept, buffer);

    if (reauth_seal(ngx_http_reauth_authenticate_seal(a->request), &name,
                    &text, sealed)
        != 0)
    {
        rc = NGX_DECLINED;

    } else {
        mcf = ngx_http_get_module_main_conf(a->request,
                                            ngx_http_reauth_module);

        rc = ngx_http_reauth_store_put_outcome(&mcf->store, &a->route.id,
                                               number, kept, &out, ttl_ms);
    }

    ngx_explicit_memzero(plain, text.len);

    return rc;
}


/* equal epochs of two gateways have different numbers */

uint64_t
ngx_http_reauth_coalesce_number(uint64_t epoch, uint64_t origin)
{
    return epoch ^ origin;
}


void
ngx_http_reauth_coalesce_share(ngx_http_reauth_authenticate_t *a,
    uint64_t epoch, uint64_t origin)
{
    uint64_t  number;

    number = ngx_http_reauth_coalesce_number(epoch, origin);

    (void) ngx_http_reauth_coalesce_put(a, number, 0,
                                        NGX_HTTP_REAUTH_OUTCOME_WAIT);
}


ngx_int_t
ngx_http_reauth_coalesce_keep(ngx_http_reauth_authenticate_t *a,
    uint64_t number)
{
    return ngx_http_reauth_coalesce_put(a, number, 1,
                                        a->deadline_ms - ngx_http_reauth_now());
}


/* uses the response to an identical request */

static ngx_int_t
ngx_http_reauth_coalesce_give(ngx_http_reauth_authenticate_t *a)
{
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    static ngx_str_t  one = ngx_string("1");
    static ngx_str_t  no_store = ngx_string("no-store");

    r = a->request;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth coalesce: account \"%*s\" gets the stored "
                   "response, status %ui", a->route.id.len, a->route.id.data,
                   a->forward.status);

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->coalesced = 1;
    ngx_http_reauth_keep_name(r, &ctx->attempt, a->answer.attempt);
    ngx_http_reauth_count_update(r, NGX_HTTP_REAUTH_UPDATE_COALESCED);

    if (ngx_http_reauth_add_header(r, "Reauth-Coalesced", &one) != NGX_OK
        || (a->forward.answer == NGX_HTTP_REAUTH_ANSWER_WHOLE
            && !a->bad_answer
            && ngx_http_reauth_add_header(r, "Cache-Control", &no_store)
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_authenticate_result(a);
}


/* NGX_DECLINED: cannot be opened, or is invalid */

ngx_int_t
ngx_http_reauth_coalesce_shared(ngx_http_reauth_authenticate_t *a,
    ngx_str_t *sealed, uint64_t number, ngx_uint_t kept)
{
    size_t                      type;
    u_char                     *plain;
    u_char                      buffer[NGX_HTTP_REAUTH_OUTCOME_NAME];
    ngx_str_t                   body;
    ngx_uint_t                  status;
    reauth_string_t             text, name;
    ngx_http_request_t         *r;
    ngx_http_reauth_forward_t  *forward;

    r = a->request;
    forward = &a->forward;

    if (sealed->len < NGX_HTTP_REAUTH_OUTCOME_HEAD + REAUTH_SEAL_OVERHEAD) {
        return NGX_DECLINED;
    }

    text.data = sealed->data;
    text.len = sealed->len;
    name = ngx_http_reauth_coalesce_name(a, number, kept, buffer);

    plain = ngx_pnalloc(r->pool, sealed->len - REAUTH_SEAL_OVERHEAD);

    if (plain == NULL
        || reauth_seal_open(ngx_http_reauth_authenticate_seal(r), &name,
                            &text, plain)
           != 0)
    {
        return NGX_DECLINED;
    }

    text.len = sealed->len - REAUTH_SEAL_OVERHEAD;
    type = plain[5];

    if (NGX_HTTP_REAUTH_OUTCOME_HEAD + type > text.len) {
        return NGX_DECLINED;
    }

    status = plain[3] << 8 | plain[4];

    body.data = plain + NGX_HTTP_REAUTH_OUTCOME_HEAD + type;
    body.len = text.len - NGX_HTTP_REAUTH_OUTCOME_HEAD - type;

    if (plain[0] == NGX_HTTP_REAUTH_ANSWER_WHOLE
        && plain[2] == 0
        && status < NGX_HTTP_SPECIAL_RESPONSE
        && ((!kept && a->route.operation != REAUTH_OPERATION_UPDATE)
            || ngx_http_reauth_authenticate_read(a, &body)
               != REAUTH_UPDATE_ANSWER_OK))
    {
        reauth_update_answer_free(&a->answer);
        ngx_explicit_memzero(plain, text.len);
        return NGX_DECLINED;
    }

    forward->answer = plain[0];
    forward->sent = plain[1];
    a->bad_answer = plain[2] ? 1 : 0;
    forward->status = status;
    forward->done = 1;

    r->headers_out.content_type.data = plain + NGX_HTTP_REAUTH_OUTCOME_HEAD;
    r->headers_out.content_type.len = type;
    r->headers_out.content_type_len = type;

    /* zeroed with the request, like any captured response */

    forward->capture.body = body;

    return ngx_http_reauth_coalesce_give(a);
}
