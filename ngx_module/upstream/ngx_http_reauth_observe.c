
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Observes the upstream's responses to ordinary calls: a 503 of an account
 * whose gate is open, a 401 that requires a new login of the account, or any
 * other 401, which is about the API key.  Responses are read while they pass,
 * and are neither delayed nor changed.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "reauth_judge.h"
#include "ngx_http_reauth_observe.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_gate_failed.h"
#include "ngx_http_reauth_health.h"
#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_unread.h"


/* bytes; a longer 401 response is not parsed, the account is polled */
#define NGX_HTTP_REAUTH_OBSERVED_MAX  4096


struct ngx_http_reauth_observed_s {
    reauth_string_t  account;            /* empty: only the key matters */
    size_t           len;
    u_char           text[NGX_HTTP_REAUTH_OBSERVED_MAX];
};

static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_header_filter_pt  ngx_http_next_tried_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


/*
 * Whether the response is from the upstream, not generated or cached by nginx.
 */

static ngx_uint_t
ngx_http_reauth_observe_upstream(ngx_http_request_t *r)
{
    return r->upstream != NULL
#if (NGX_HTTP_CACHE)
           && !r->cached
#endif
           && r->upstream->headers_in.status_n == r->headers_out.status;
}


/* whether the response is about an account whose gate is open */

static ngx_uint_t
ngx_http_reauth_observe_account(ngx_http_request_t *r,
    reauth_string_t *account)
{
    ngx_http_reauth_closed_t      closed;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_OFF
        || ngx_http_reauth_gate_account(r, lcf, account)
           != REAUTH_ACCOUNT_FOUND)
    {
        return 0;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* active attempts are polled anyway */

    return ngx_http_reauth_zone_gate(&mcf->store.zone,
                                     (u_char *) account->data, account->len,
                                     &closed)
           == NGX_DECLINED;
}


/* the account's attempt, if there is one, is polled instead */

static void
ngx_http_reauth_observe_unread(ngx_http_request_t *r, reauth_string_t *account,
    size_t len, const reauth_unread_t *why)
{
    ngx_http_reauth_main_conf_t  *mcf;

    if (account->len == 0) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    ngx_http_reauth_unread(&mcf->store.zone, r->connection->log,
                           NGX_HTTP_REAUTH_UNREAD_CALL, account, len, why);

    ngx_http_reauth_store_poll_soon(&mcf->store, account);
}


ngx_uint_t
ngx_http_reauth_observe_encoded(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  identity = ngx_string("identity");

    h = r->headers_out.content_encoding;

    return h != NULL
           && h->value.len != 0
           && (h->value.len != identity.len
               || ngx_strncasecmp(h->value.data, identity.data, identity.len)
                  != 0);
}


static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_observe(ngx_http_request_t *r)
{
    reauth_string_t               account;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_main_conf_t  *mcf;

    static const reauth_unread_t  compressed = {
        "it is compressed, add proxy_set_header Accept-Encoding \"\"", 0
    };

    if (r->headers_out.status == NGX_HTTP_BAD_GATEWAY
        || r->headers_out.status == NGX_HTTP_GATEWAY_TIME_OUT)
    {
        ngx_http_reauth_health_failed(r);
        return NGX_OK;
    }

    if ((r->headers_out.status != NGX_HTTP_UNAUTHORIZED
         && r->headers_out.status != NGX_HTTP_SERVICE_UNAVAILABLE)
        || !ngx_http_reauth_observe_upstream(r))
    {
        return NGX_OK;
    }

    if (!ngx_http_reauth_observe_account(r, &account)) {

        if (r->headers_out.status != NGX_HTTP_UNAUTHORIZED
            || !ngx_http_reauth_key_sent(r))
        {
            return NGX_OK;
        }

        account.len = 0;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (r->headers_out.status == NGX_HTTP_SERVICE_UNAVAILABLE) {

        /* not conclusive */

        ngx_http_reauth_store_poll_soon(&mcf->store, &account);
        return NGX_OK;
    }

    if (ngx_http_reauth_observe_encoded(r)) {
        ngx_http_reauth_observe_unread(r, &account,
                            (size_t) ngx_max(r->headers_out.content_length_n,
                                             0),
                            &compressed);
        return NGX_OK;
    }

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->observed = ngx_palloc(r->pool, sizeof(ngx_http_reauth_observed_t));
    if (ctx->observed == NULL) {
        return NGX_ERROR;
    }

    ctx->observed->account = account;
    ctx->observed->len = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_observe_header_filter(ngx_http_request_t *r)
{
    if (r->headers_out.status >= NGX_HTTP_UNAUTHORIZED
        && r->upstream != NULL
        && r == r->main
        && ngx_http_reauth_observe(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* the account may need a person */

static void
ngx_http_reauth_observe_call(ngx_http_request_t *r, reauth_string_t *account,
    const char *code)
{
    reauth_fact_t                 fact;
    reauth_record_t               record;
    reauth_advance_result_t       result;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    (void) ngx_http_reauth_zone_find(&mcf->store.zone, account, &record);

    switch (reauth_judge_call(code, &record, ngx_http_reauth_began_ms(r),
                              ngx_http_reauth_now(), &fact))
    {
    case REAUTH_CALLED_OTHER:
        return;

    case REAUTH_CALLED_EARLIER:
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth call: account \"%*s\" unchanged, the call began "
                       "before its last change", account->len, account->data);
        return;

    case REAUTH_CALLED_KNOWN:
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth call: account \"%*s\" unchanged, state %s",
                       account->len, account->data,
                       reauth_state_name((reauth_state_t) record.state));
        return;

    default: /* REAUTH_CALLED_FACT */
        break;
    }

    /* another worker may have changed the record meanwhile */

    if (ngx_http_reauth_store_advance(&mcf->store, account, &fact, &result,
                                      NULL)
        == NGX_OK
        && result == REAUTH_ADVANCE_APPLIED)
    {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: account \"%s\" has to log in again: the "
                      "upstream returned %s", record.account,
                      REAUTH_SESSION_EXPIRED);
    }
}


static ngx_http_reauth_noinline void
ngx_http_reauth_observe_judge(ngx_http_request_t *r, reauth_string_t *account,
    u_char *data, size_t len)
{
    reauth_error_t   error;
    reauth_unread_t  why;

    if (reauth_error_read(data, len, &error, &why) != 0) {
        ngx_http_reauth_health_call(r, REAUTH_RESULT_KEY_REFUSED);
        ngx_http_reauth_observe_unread(r, account, len, &why);
        return;
    }

    ngx_http_reauth_health_call(r,
        reauth_upstream_result(NGX_HTTP_UNAUTHORIZED, error.code[0] != '\0',
                               1));

    if (account->len != 0) {
        ngx_http_reauth_observe_call(r, account, error.code);
    }
}


/*
 * A response replaced by error_page: only the part of its body received with
 * the header is read.
 */

void
ngx_http_reauth_observe_intercepted(ngx_http_request_t *r)
{
    u_char                       *first, *last;
    ngx_buf_t                    *b;
    reauth_string_t               account;
    ngx_http_upstream_t          *u;
    ngx_http_reauth_main_conf_t  *mcf;

    u = r->upstream;

    if (!ngx_http_reauth_observe_account(r, &account)) {

        if (u->headers_in.status_n != NGX_HTTP_UNAUTHORIZED) {
            return;
        }

        account.len = 0;
    }

    if (u->headers_in.status_n == NGX_HTTP_UNAUTHORIZED) {

        /* skips the chunk size if the body is chunked */

        b = &u->buffer;
        first = ngx_strlchr(b->pos, b->last, '{');

        for (last = b->last; first && last > first; last--) {

            if (last[-1] == '}') {
                ngx_http_reauth_observe_judge(r, &account, first,
                                              last - first);
                return;
            }
        }
    }

    if (account.len == 0) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    ngx_http_reauth_store_poll_soon(&mcf->store, &account);
}


static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_observe_body(ngx_http_request_t *r, ngx_http_reauth_ctx_t *ctx,
    ngx_chain_t *in)
{
    size_t                       len;
    ngx_buf_t                   *b;
    ngx_chain_t                 *cl;
    ngx_http_reauth_observed_t  *observed;

    static const reauth_unread_t  too_long = {
        "it is longer than 4096 bytes", NGX_HTTP_REAUTH_OBSERVED_MAX
    };

    observed = ctx->observed;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;
        len = ngx_buf_size(b);

        if (len > NGX_HTTP_REAUTH_OBSERVED_MAX - observed->len
            || (len && !ngx_buf_in_memory(b)))
        {
            ngx_http_reauth_observe_unread(r, &observed->account,
                                           observed->len + len, &too_long);
            ctx->observed = NULL;
            break;
        }

        ngx_memcpy(observed->text + observed->len, b->pos, len);
        observed->len += len;

        if (b->last_buf) {
            ngx_http_reauth_observe_judge(r, &observed->account,
                                          observed->text, observed->len);
            ctx->observed = NULL;
            break;
        }
    }

    return ngx_http_next_body_filter(r, in);
}


static ngx_int_t
ngx_http_reauth_observe_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    return ctx != NULL && ctx->observed != NULL
           ? ngx_http_reauth_observe_body(r, ctx, in)
           : ngx_http_next_body_filter(r, in);
}


/* the upstream has not asked the account's platform: it proves nothing */

static ngx_uint_t
ngx_http_reauth_observe_is_cached(ngx_http_request_t *r)
{
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("x-ofapi-is-cached");

    for (part = &r->upstream->headers_in.headers.part; part; part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0 || h[i].key.len != name.len
                || ngx_strncasecmp(h[i].key.data, name.data, name.len) != 0)
            {
                continue;
            }

            value = &h[i].value;

            if (value->len != 0
                && !(value->len == 1 && value->data[0] == '0')
                && !(value->len == 5
                     && ngx_strncasecmp(value->data, (u_char *) "false", 5)
                        == 0))
            {
                return 1;
            }
        }
    }

    return 0;
}


/* a call of an account that is known to need new credentials has succeeded */

static ngx_http_reauth_noinline void
ngx_http_reauth_observe_works(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    reauth_fact_t                 fact;
    reauth_record_t               record;
    reauth_string_t               account;
    reauth_advance_result_t       result;
    ngx_http_reauth_main_conf_t  *mcf;

    if (!ngx_http_reauth_observe_upstream(r)) {
        return;
    }

    if (ngx_http_reauth_observe_is_cached(r)) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth call: account \"%V\" unchanged, the response "
                       "is from the upstream's cache", &ctx->account);
        return;
    }

    account.data = ctx->account.data;
    account.len = ctx->account.len;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    (void) ngx_http_reauth_zone_find(&mcf->store.zone, &account, &record);

    if (reauth_judge_works(&record,
                           ngx_http_reauth_moment_ms(&ctx->tried->sent),
                           ngx_http_reauth_now(), &fact)
        != REAUTH_CALLED_FACT)
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "reauth call: account \"%V\" unchanged, state %s, the "
                       "call was sent before its last change", &ctx->account,
                       reauth_state_name((reauth_state_t) record.state));
        return;
    }

    if (ngx_http_reauth_store_advance(&mcf->store, &account, &fact, &result,
                                      NULL)
        == NGX_OK
        && result == REAUTH_ADVANCE_APPLIED)
    {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: account \"%s\" is logged in again: a call has "
                      "succeeded", record.account);
    }
}


static ngx_int_t
ngx_http_reauth_observe_tried_filter(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    if (r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE && r == r->main) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

        if (ctx != NULL && ctx->tried != NULL && ctx->tried->is_sent
            && (r->method & NGX_HTTP_REAUTH_GATE_PROVES))
        {
            ngx_http_reauth_observe_works(r, ctx);
        }
    }

    return ngx_http_next_tried_filter(r);
}


void
ngx_http_reauth_observe_init(ngx_http_reauth_main_conf_t *mcf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_reauth_observe_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_reauth_observe_body_filter;

    if (mcf->gate_failed) {
        ngx_http_next_tried_filter = ngx_http_top_header_filter;
        ngx_http_top_header_filter = ngx_http_reauth_observe_tried_filter;
    }
}
