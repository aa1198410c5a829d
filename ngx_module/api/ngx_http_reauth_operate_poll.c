
/*
 * Copyright (C) the nginx-reauth authors
 *
 * POST /reauth/accounts/{id}/poll: a person requests a poll.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_operate.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"


static ngx_int_t
ngx_http_reauth_operate_poll_refused(ngx_http_reauth_operate_t *op,
    reauth_ask_t ask)
{
    const char  *description;

    switch (ask) {

    case REAUTH_ASK_UNKNOWN:
        return ngx_http_reauth_status_account_unknown(op->request,
                   &op->account, ngx_http_reauth_status_store(op->request));

    case REAUTH_ASK_NO_POLLER:
        description = "This gateway has no background poller: enable "
                      "reauth_poll, or poll as a client.";
        break;

    case REAUTH_ASK_WEBHOOKS_ONLY:
        description = "Logins of Fanvue accounts are reported by webhooks "
                      "only.";
        break;

    default: /* REAUTH_ASK_SENDING */
        description = "An update of the account is being sent; retry when the "
                      "upstream has responded.";
    }

    return ngx_http_reauth_send_error(op->request, REAUTH_ERROR_NOT_POLLED,
                                      "The account cannot be polled now.",
                                      description, NULL);
}


/* further requested polls would delay those of other accounts */

static ngx_int_t
ngx_http_reauth_operate_poll_too_many(ngx_http_reauth_operate_t *op,
    int64_t wait_ms, ngx_uint_t own)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(op->request, ngx_http_reauth_module);

    ngx_log_error(NGX_LOG_WARN, op->request->connection->log, 0,
                  "reauth: requested poll of account \"%V\" rejected: limit "
                  "reached, %s of \"rate=\" of \"reauth_poll\"; caller "
                  "\"%V\"", &op->account, own ? "an eighth" : "a quarter",
                  &ctx->caller);

    return ngx_http_reauth_operate_too_many(op,
               NGX_HTTP_REAUTH_COUNT_LIMIT_POLLS, wait_ms,
               own ? "Polls requested by one caller take an eighth of the rate "
                     "of reauth_poll at most. The account is polled at its "
                     "time."
                   : "Requested polls take a quarter of the rate of "
                     "reauth_poll at most. The account is polled at its time.");
}


ngx_int_t
ngx_http_reauth_operate_poll(ngx_http_reauth_operate_t *op)
{
    int                       own;
    u_char                   *p;
    int64_t                   wait_ms;
    ngx_str_t                 body;
    reauth_ask_t              ask;
    reauth_record_t           record;
    reauth_string_t           id, caller;
    ngx_http_request_t       *r;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_store_t  *store;

    static const char  *asked[] = { "attempt", "list", "account" };

    r = op->request;
    store = ngx_http_reauth_status_store(r);

    id.data = op->account.data;
    id.len = op->account.len;

    (void) ngx_http_reauth_zone_show(&store->zone, &id, &record);

    ask = reauth_operate_ask(&record, store->polling != 0);

    if (ask > REAUTH_ASK_ACCOUNT) {
        return ngx_http_reauth_operate_poll_refused(op, ask);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    caller.data = ctx->caller.data;
    caller.len = ctx->caller.len;

    wait_ms = ngx_http_reauth_zone_request_poll(&store->zone, &caller,
                                                store->poll_rate, &own);
    if (wait_ms > 0) {
        return ngx_http_reauth_operate_poll_too_many(op, wait_ms,
                                                     (ngx_uint_t) own);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth poll: account \"%V\" requested, by its %s",
                   &op->account, asked[ask]);

    ngx_http_reauth_store_poll_first(store, &id);

    p = ngx_pnalloc(r->pool, sizeof("{\"account_id\":\"\",\"state\":\"\","
                                    "\"polls\":\"\"}") + id.len + 64);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    body.len = ngx_sprintf(p, "{\"account_id\":\"%V\",\"state\":\"%s\","
                           "\"polls\":\"%s\"}", &op->account,
                           reauth_state_name((reauth_state_t) record.state),
                           asked[ask])
               - p;

    return ngx_http_reauth_send(r, NGX_HTTP_ACCEPTED, &body);
}
