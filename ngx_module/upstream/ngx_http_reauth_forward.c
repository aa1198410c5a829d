
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_judge.h"
#include "reauth_upstream_status.h"
#include "ngx_http_reauth_forward.h"
#include "ngx_http_reauth_health.h"
#include "ngx_http_reauth_observe.h"
#include "ngx_http_reauth_redact.h"


/* maximum length of a redirect's location in the log */
#define NGX_HTTP_REAUTH_LOCATION_MAX  256


static ngx_str_t  ngx_http_reauth_request_headers[] = {
    ngx_string("accept"),
    ngx_string("accept-language"),
    ngx_string("user-agent"),
    ngx_string("x-request-id"),
    ngx_string("traceparent"),
    ngx_string("tracestate"),
    ngx_string("idempotency-key"),
    ngx_null_string
};


/* one that ends in a hyphen is a prefix */

static ngx_str_t  ngx_http_reauth_answer_headers[] = {
    ngx_string("retry-after"),
    ngx_string("x-request-id"),
    ngx_string("x-ofapi-"),
    ngx_string("x-rate-limit-"),
    ngx_string("idempotent-replayed"),
    ngx_string("cache-control"),
    ngx_null_string
};


static ngx_uint_t
ngx_http_reauth_header_allowed(ngx_str_t *list, ngx_str_t *name)
{
    for ( /* void */ ; list->len; list++) {

        if (name->len != list->len
            && (name->len < list->len || list->data[list->len - 1] != '-'))
        {
            continue;
        }

        if (ngx_strncasecmp(name->data, list->data, list->len) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_table_elt_t *
ngx_http_reauth_next_header(ngx_list_part_t **part, ngx_uint_t *i)
{
    ngx_table_elt_t  *h;

    while (*i >= (*part)->nelts) {

        if ((*part)->next == NULL) {
            return NULL;
        }

        *part = (*part)->next;
        *i = 0;
    }

    h = (*part)->elts;

    return &h[(*i)++];
}


static ngx_table_elt_t *
ngx_http_reauth_forward_header(ngx_http_request_t *sr, ngx_str_t *key,
    u_char *lowcase, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&sr->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    h->key = *key;
    h->value = *value;
    h->lowcase_key = lowcase;
    h->hash = ngx_hash_key(lowcase, key->len);
    ngx_http_reauth_header_end(h);

    return h;
}


static ngx_int_t
ngx_http_reauth_forward_body(ngx_http_request_t *sr, ngx_str_t *body)
{
    ngx_buf_t                *b;
    ngx_str_t                 value;
    ngx_http_request_body_t  *rb;

    static ngx_str_t  type = ngx_string("Content-Type");
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  length = ngx_string("Content-Length");

    rb = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    rb->bufs = ngx_alloc_chain_link(sr->pool);
    b = ngx_calloc_buf(sr->pool);

    if (rb->bufs == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs->buf = b;
    rb->bufs->next = NULL;

    sr->request_body = rb;
    sr->headers_in.content_length_n = body->len;

    value.data = ngx_pnalloc(sr->pool, NGX_OFF_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uz", body->len) - value.data;

    sr->headers_in.content_type = ngx_http_reauth_forward_header(sr, &type,
                                            (u_char *) "content-type", &json);
    sr->headers_in.content_length = ngx_http_reauth_forward_header(sr,
                               &length, (u_char *) "content-length", &value);

    if (sr->headers_in.content_type == NULL
        || sr->headers_in.content_length == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* of the client's headers only those of the list are passed */

static ngx_int_t
ngx_http_reauth_forward_request(ngx_http_request_t *r, ngx_http_request_t *sr,
    ngx_http_reauth_forward_t *forward)
{
    ngx_str_t         server;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *copy;

    server = r->headers_in.server;

    ngx_memzero(&sr->headers_in, sizeof(ngx_http_headers_in_t));

    sr->headers_in.server = server;

    /* some servers reject a POST without Content-Length */

    sr->headers_in.content_length_n = forward->method == NGX_HTTP_GET ? -1 : 0;
    sr->headers_in.keep_alive_n = -1;

    if (ngx_list_init(&sr->headers_in.headers, sr->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    part = &r->headers_in.headers.part;
    i = 0;

    while ((h = ngx_http_reauth_next_header(&part, &i)) != NULL) {

        if (!ngx_http_reauth_header_allowed(ngx_http_reauth_request_headers,
                                            &h->key))
        {
            continue;
        }

        copy = ngx_http_reauth_forward_header(sr, &h->key, h->lowcase_key,
                                              &h->value);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        if (h == r->headers_in.user_agent) {
            sr->headers_in.user_agent = copy;
        }
    }

    for (i = 0; i < forward->nheaders; i++) {
        h = &forward->headers[i];

        if (ngx_http_reauth_forward_header(sr, &h->key, h->lowcase_key,
                                           &h->value)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    sr->method = forward->method;
    sr->method_name = forward->method_name;
    sr->header_in = r->header_in;

    /* never send the body of the parent request */

    sr->request_body = NULL;

    return forward->body.data == NULL
           ? NGX_OK : ngx_http_reauth_forward_body(sr, &forward->body);
}


static ngx_http_reauth_answer_e
ngx_http_reauth_forward_judge(ngx_http_request_t *sr, ngx_int_t rc,
    ngx_http_reauth_capture_t *capture)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(sr, ngx_http_reauth_module);

    if (ctx != NULL && ctx->key_refused) {
        return NGX_HTTP_REAUTH_ANSWER_NO_KEY;
    }

    if (sr->upstream == NULL) {
        return NGX_HTTP_REAUTH_ANSWER_LOCAL;
    }

    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        return NGX_HTTP_REAUTH_ANSWER_TIMEOUT;
    }

    if (rc != NGX_OK || !sr->header_sent || sr->headers_out.status == 0) {
        return NGX_HTTP_REAUTH_ANSWER_BROKEN;
    }

    if (reauth_upstream_status(sr->headers_out.status)
        == REAUTH_UPSTREAM_REDIRECTED)
    {
        return NGX_HTTP_REAUTH_ANSWER_REDIRECT;
    }

    if (capture->over) {
        return NGX_HTTP_REAUTH_ANSWER_TOO_LARGE;
    }

    /* nginx reports a truncated body as success, but without last_buf */

    if (!capture->complete && !sr->header_only) {
        return NGX_HTTP_REAUTH_ANSWER_BROKEN;
    }

    /* it was not asked for, and may contain the key */

    return ngx_http_reauth_observe_encoded(sr) ? NGX_HTTP_REAUTH_ANSWER_ENCODED
                                               : NGX_HTTP_REAUTH_ANSWER_WHOLE;
}


/* values of the upstream are escaped and truncated in the log */

static void
ngx_http_reauth_forward_redirected(ngx_http_request_t *sr)
{
    char              shown[NGX_HTTP_REAUTH_LOCATION_MAX];
    reauth_string_t   location;
    ngx_table_elt_t  *h;

    h = sr->upstream->headers_in.location;

    if (h == NULL) {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "reauth: the upstream redirects (%ui) without a "
                      "\"Location\" header, check proxy_pass of the location "
                      "\"%V\"", sr->headers_out.status, &sr->uri);
        return;
    }

    location.data = h->value.data;
    location.len = h->value.len;

    ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                  "reauth: the upstream redirects (%ui) to \"%s\", check "
                  "proxy_pass of the location \"%V\"",
                  sr->headers_out.status,
                  reauth_string_shown(&location, shown, sizeof(shown)),
                  &sr->uri);
}


#if (NGX_DEBUG)

static const char  *ngx_http_reauth_answer_names[] = {
    "no response", "whole response", "broken response", "response too large",
    "timeout", "no upstream in the location", "no API key", "redirect",
    "compressed response"
};

#endif


static ngx_int_t
ngx_http_reauth_forward_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_reauth_forward_t *forward = data;

    ngx_str_t                    *body;
    ngx_http_reauth_main_conf_t  *mcf;

    if (forward->done) {
        return rc;
    }

    if (rc == NGX_OK && sr->buffered && !sr->connection->error) {

        /* the header is not complete yet */

        return rc;
    }

    forward->done = 1;
    forward->answer = ngx_http_reauth_forward_judge(sr, rc, &forward->capture);
    forward->status = sr->headers_out.status;
    forward->sent = sr->upstream != NULL && sr->upstream->request_sent;

    /* variables like $upstream_status in the access log of the parent */

    if (sr->main->upstream_states == NULL) {
        sr->main->upstream_states = sr->upstream_states;
    }

    mcf = ngx_http_get_module_main_conf(sr, ngx_http_reauth_module);

    if (forward->sent && !forward->foreign) {
        ngx_http_reauth_zone_took(&mcf->store.zone, forward->times,
                        REAUTH_DURATION_UPSTREAM,
                        (ngx_msec_int_t) (ngx_current_msec - forward->begun));
    }

    if (!forward->foreign) {
        ngx_http_reauth_health_forward(sr, forward);

        if (forward->answer == NGX_HTTP_REAUTH_ANSWER_REDIRECT) {
            ngx_http_reauth_forward_redirected(sr);
        }
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, sr->connection->log, 0,
                   "reauth forward: \"%V\" %s, %s, status %ui", &forward->uri,
                   forward->sent ? "sent" : "not sent",
                   ngx_http_reauth_answer_names[forward->answer],
                   forward->status);

    /* the subrequest may be logged, with $request_body */

    if (sr->request_body != NULL) {
        sr->request_body->bufs = NULL;
    }

    body = &forward->capture.body;

    ngx_http_reauth_redact(mcf, sr->connection->log, "a response", body->data,
                           body->len);

    forward->handler(forward);

    /*
     * Without a response, nginx would generate an error page, which is not
     * needed.  The parent request must be resumed by nginx only.
     */

    return sr->connection->error ? rc : NGX_OK;
}


ngx_int_t
ngx_http_reauth_forward(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward)
{
    ngx_http_request_t          *sr;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_post_subrequest_t  *ps;

    ctx = ngx_http_reauth_get_ctx(r->main);
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (ctx == NULL || ps == NULL) {
        return NGX_ERROR;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth forward: \"%V\" by %V", &forward->uri,
                   &forward->method_name);

    ps->handler = ngx_http_reauth_forward_done;
    ps->data = forward;

    if (ngx_http_subrequest(r, &forward->uri,
                            forward->args.len ? &forward->args : NULL, &sr, ps,
                            NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    forward->subrequest = sr;
    forward->begun = ngx_current_msec;
    forward->capture.max = forward->answer_max;
    forward->capture.foreign = forward->foreign;

    forward->capture.request = sr;
    ctx->capture = &forward->capture;
    ctx->forwarded = 1;

    sr->filter_need_in_memory = 1;

    return ngx_http_reauth_forward_request(r, sr, forward);
}


/* headers with control characters and API keys are not passed */

static ngx_uint_t
ngx_http_reauth_forward_value(ngx_http_request_t *r, ngx_str_t *value)
{
    reauth_string_t               s;
    ngx_http_reauth_main_conf_t  *mcf;

    s.data = value->data;
    s.len = value->len;

    if (!reauth_string_is_field_value(&s)) {
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WITHHELD_HEADER);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "reauth: header of the upstream's response contains "
                      "control characters, not passed to the client");
        return 0;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    ngx_http_reauth_redact(mcf, r->connection->log, "a response header",
                           value->data, value->len);

    return 1;
}


ngx_int_t
ngx_http_reauth_forward_headers(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward)
{
    ngx_uint_t           i;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h, *copy;
    ngx_http_request_t  *sr;

    sr = forward->subrequest;

    if (ngx_http_reauth_forward_value(r, &sr->headers_out.content_type)
        && ngx_http_reauth_forward_value(r, &sr->headers_out.charset))
    {
        r->headers_out.content_type = sr->headers_out.content_type;
        r->headers_out.content_type_len = sr->headers_out.content_type_len;
        r->headers_out.content_type_lowcase = NULL;
        r->headers_out.charset = sr->headers_out.charset;
    }

    part = &sr->headers_out.headers.part;
    i = 0;

    while ((h = ngx_http_reauth_next_header(&part, &i)) != NULL) {

        if (h->hash == 0
            || !ngx_http_reauth_header_allowed(ngx_http_reauth_answer_headers,
                                               &h->key)
            || !ngx_http_reauth_forward_value(r, &h->value))
        {
            continue;
        }

        copy = ngx_list_push(&r->headers_out.headers);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *h;
        ngx_http_reauth_header_end(copy);
    }

    return NGX_OK;
}


static reauth_update_end_t
ngx_http_reauth_forward_end(const ngx_http_reauth_forward_t *forward)
{
    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_WHOLE:
        return REAUTH_UPDATE_ANSWERED;

    case NGX_HTTP_REAUTH_ANSWER_ENCODED:
        return REAUTH_UPDATE_ENCODED;

    case NGX_HTTP_REAUTH_ANSWER_REDIRECT:
        return REAUTH_UPDATE_REDIRECTED;

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        return REAUTH_UPDATE_TIMED_OUT;

    default:
        return forward->done ? REAUTH_UPDATE_FAILED : REAUTH_UPDATE_UNFINISHED;
    }
}


reauth_state_t
ngx_http_reauth_forward_ended(const ngx_http_reauth_forward_t *forward,
    const char **code)
{
    return reauth_judge_ended(ngx_http_reauth_forward_end(forward),
               forward->done ? (int) forward->sent
                             : forward->subrequest != NULL,
               reauth_upstream_status((unsigned) forward->status), code);
}
