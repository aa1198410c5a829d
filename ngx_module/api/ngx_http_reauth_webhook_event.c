
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An event with a valid signature: whether it is a duplicate, the fact that it
 * reports, and where it is forwarded.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_judge.h"
#include "ngx_http_reauth_webhook.h"
#include "ngx_http_reauth_request.h"


static void ngx_http_reauth_webhook_seen(ngx_http_reauth_dedup_t *dedup,
    ngx_int_t rc);


/*
 * Passes the webhook to the location of "pass=".  The response to the sender
 * does not wait for it.
 */

ngx_int_t
ngx_http_reauth_webhook_pass(ngx_http_request_t *r)
{
    ngx_buf_t                   *b;
    ngx_http_request_t          *sr;
    ngx_http_reauth_ctx_t       *ctx, *sctx;
    ngx_http_request_body_t     *rb;
    ngx_http_reauth_loc_conf_t  *lcf;
    ngx_http_reauth_delivery_t  *delivery;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->webhook_pass.len == 0) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    delivery = ctx->data;

    sctx = ngx_palloc(r->pool, sizeof(ngx_http_reauth_ctx_t));
    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    b = ngx_calloc_buf(r->pool);

    if (sctx == NULL || rb == NULL || b == NULL) {
        return NGX_ERROR;
    }

    rb->bufs = ngx_alloc_chain_link(r->pool);

    if (rb->bufs == NULL
        || ngx_http_subrequest(r, &lcf->webhook_pass, NULL, &sr, NULL,
                               NGX_HTTP_SUBREQUEST_BACKGROUND)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    b->start = delivery->body.text.data;
    b->pos = b->start;
    b->last = b->start + delivery->body.text.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs->buf = b;
    rb->bufs->next = NULL;

    sr->method = r->method;
    sr->method_name = r->method_name;
    sr->header_only = 1;
    sr->request_body = rb;
    sr->headers_in.content_length_n = delivery->body.text.len;
    sr->headers_in.chunked = 0;

    /* otherwise nginx would delay the next request of this connection */

    r->keepalive = 0;

    /* sets the variables of the event */

    *sctx = *ctx;
    ngx_http_set_ctx(sr, sctx, ngx_http_reauth_module);

    return NGX_OK;
}


/* NGX_ERROR: could not be stored */

static ngx_int_t
ngx_http_reauth_webhook_keep(ngx_http_reauth_store_t *store,
    reauth_webhook_t *webhook, reauth_record_t *record)
{
    int64_t                  now_ms;
    reauth_fact_t            fact;
    reauth_string_t          account;
    reauth_advance_result_t  result;

    now_ms = ngx_http_reauth_now();
    account = reauth_string_from(webhook->account);

    (void) ngx_http_reauth_zone_find(&store->zone, &account, record);

    switch (reauth_judge_webhook(webhook, record, now_ms, store->gate_max,
                                 (int) store->polling, &fact))
    {
    case REAUTH_HEARD_HINT:
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth webhook: account \"%s\" to be polled, state %s",
                       webhook->account,
                       reauth_state_name((reauth_state_t) record->state));

        ngx_http_reauth_store_poll_first(store, &account);
        return NGX_OK;

    case REAUTH_HEARD_FACT:
        break;

    default: /* REAUTH_HEARD_NOTHING */
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth webhook: account \"%s\" unchanged, state %s",
                       webhook->account,
                       reauth_state_name((reauth_state_t) record->state));
        return NGX_OK;
    }

    if (ngx_http_reauth_store_advance(store, &account, &fact, &result, record)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                   "reauth webhook: account \"%s\" reported %s: %s, state %s%s",
                   webhook->account, reauth_state_name(webhook->state),
                   reauth_advance_result_name(result),
                   reauth_state_name((reauth_state_t) record->state),
                   result == REAUTH_ADVANCE_UNPLACED ? ", to be polled" : "");

    if (result == REAUTH_ADVANCE_UNPLACED) {
        ngx_http_reauth_store_poll_first(store, &account);
    }

    return NGX_OK;
}


/* called when it is known whether the event is new: stores it and responds */

static ngx_int_t
ngx_http_reauth_webhook_finish(ngx_http_reauth_event_t *event, ngx_int_t rc)
{
    reauth_record_t         record;
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    r = event->request;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP,
                   r ? r->connection->log : event->dedup.store->cycle->log, 0,
                   "reauth webhook: event %s of account \"%s\" %s",
                   reauth_event_name(event->webhook.event),
                   event->webhook.account,
                   rc == NGX_OK ? "new"
                                : rc == NGX_DECLINED ? "duplicate"
                                                     : "not stored");

    if (rc == NGX_OK
        && ngx_http_reauth_webhook_keep(event->dedup.store, &event->webhook,
                                        &record)
           != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    if (r == NULL) {

        /* the sender has not received the response and delivers it again */

        ngx_http_reauth_zone_count(&event->dedup.store->zone,
                                   NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED);
        ngx_http_reauth_dedup_release(&event->dedup);
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_reauth_webhook_duplicate(r);
    }

    if (rc == NGX_BUSY) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ctx->stored = 1;
    ctx->local = event->dedup.local;

    if (rc != NGX_OK
        || ngx_http_reauth_ctx_record(r, ctx, &record) != NGX_OK
        || ngx_http_reauth_webhook_pass(r) != NGX_OK)
    {
        ngx_http_reauth_dedup_release(&event->dedup);
        return ngx_http_reauth_webhook_unavailable(r);
    }

    ngx_http_reauth_dedup_stored(&event->dedup);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "reauth: webhook %s, account \"%s\" is %s",
                  reauth_event_name(event->webhook.event),
                  event->webhook.account,
                  reauth_state_name((reauth_state_t) record.state));

    return ngx_http_reauth_webhook_received(r,
                                          NGX_HTTP_REAUTH_COUNT_WEBHOOK_KEPT);
}


static void
ngx_http_reauth_webhook_seen(ngx_http_reauth_dedup_t *dedup, ngx_int_t rc)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_event_t     *event;
    ngx_http_reauth_delivery_t  *delivery;

    event = dedup->data;
    r = event->request;

    rc = ngx_http_reauth_webhook_finish(event, rc);

    ngx_free(event);

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    delivery = ctx->data;
    delivery->event = NULL;

    c = r->connection;

    ngx_http_finalize_request(r, rc);

    /* not logged with the connection of the sender */

    ngx_http_run_posted_requests(c);
}


/* an event about an account */

ngx_int_t
ngx_http_reauth_webhook_event(ngx_http_request_t *r,
    ngx_http_reauth_delivery_t *delivery, reauth_webhook_t *webhook)
{
    ngx_int_t                     rc;
    reauth_string_t               body;
    ngx_http_reauth_event_t      *event;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* an event can be judged only after Redis has been read */

    if (!ngx_http_reauth_zone_loaded(&mcf->store.zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    event = ngx_calloc(sizeof(ngx_http_reauth_event_t), r->connection->log);
    if (event == NULL) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    event->request = r;
    event->webhook = *webhook;
    event->dedup.store = &mcf->store;
    event->dedup.handler = ngx_http_reauth_webhook_seen;
    event->dedup.data = event;

    body.data = delivery->body.text.data;
    body.len = delivery->body.text.len;

    if (reauth_sha256(&body, event->dedup.digest) != 0) {
        ngx_free(event);
        return ngx_http_reauth_webhook_unavailable(r);
    }

    rc = ngx_http_reauth_dedup_claim(&event->dedup);

    if (rc == NGX_AGAIN) {
        delivery->event = event;
        return NGX_AGAIN;
    }

    rc = ngx_http_reauth_webhook_finish(event, rc);

    ngx_free(event);

    return rc;
}
