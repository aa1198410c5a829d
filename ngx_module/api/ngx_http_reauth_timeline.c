
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/accounts/{id}/timeline: what happened to one account.
 */


#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_history.h"


#define NGX_HTTP_REAUTH_TIMELINE_MAX  100


static ngx_int_t
ngx_http_reauth_timeline_answer(ngx_http_request_t *r, void *read)
{
    ngx_http_reauth_history_t *history = read;

    size_t                          len;
    u_char                         *p;
    ngx_uint_t                      i;
    reauth_record_t                *record;
    ngx_http_reauth_ctx_t          *ctx;
    ngx_http_reauth_status_text_t   text;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text,
                                       sizeof("{\"account_id\":\"\","
                                              "\"events\":[") - 1
                                       + ctx->account.len)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_sprintf(text.last, "{\"account_id\":\"%V\",\"events\":[",
                            &ctx->account);

    for (i = history->n; i != 0; i--) {
        record = &history->records[i - 1];

        if (ngx_http_reauth_status_reserve(&text, REAUTH_STATUS_RECORD_MAX + 1)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len = reauth_status_event((char *) text.last, record,
                                  ngx_http_reauth_action(record->state,
                                                         record->action));
        if (len == 0) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        text.last += len;

        if (i != 1) {
            *text.last++ = ',';
        }
    }

    if (ngx_http_reauth_status_reserve(&text, sizeof("],\"complete\":false}"))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = text.last;
    text.last = ngx_sprintf(p, "],\"complete\":%s}",
                            history->complete ? "true" : "false");

    return ngx_http_reauth_status_send(r, &text);
}


static void
ngx_http_reauth_timeline_handler(ngx_http_reauth_history_t *history)
{
    ngx_http_reauth_status_continue(history->data,
                                    ngx_http_reauth_timeline_answer, history);
}


static void
ngx_http_reauth_timeline_cleanup(void *data)
{
    ngx_http_reauth_ctx_t *ctx = data;

    if (ctx->data) {
        ngx_http_reauth_history_detach(ctx->data);
    }
}


ngx_int_t
ngx_http_reauth_timeline(ngx_http_request_t *r, ngx_str_t *account)
{
    reauth_string_t               id;
    ngx_http_cleanup_t           *cln;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_store_t      *store;

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    id.data = account->data;
    id.len = account->len;

    ctx->data = ngx_http_reauth_history_read(store, &id,
                                             NGX_HTTP_REAUTH_TIMELINE_MAX,
                                             ngx_http_reauth_timeline_handler,
                                             r);
    if (ctx->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_reauth_timeline_cleanup;
    cln->data = ctx;

    r->main->count++;

    return NGX_DONE;
}
