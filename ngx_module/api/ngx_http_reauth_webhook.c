
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's webhooks: the signature first, then whether it was here
 * before, then what it says of an attempt, which counts only as far as the
 * store finds that it is about the current one.  The sender is answered as
 * soon as the event is kept; only Redis is waited for, never the upstream.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_signature.h"
#include "reauth_webhook.h"
#include "ngx_http_reauth_webhook.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_seen.h"
#include "ngx_http_reauth_unread.h"


#define NGX_HTTP_REAUTH_WEBHOOK_MAX           262144

#define NGX_HTTP_REAUTH_WEBHOOK_LOG_INTERVAL  60        /* seconds */


typedef struct ngx_http_reauth_event_s  ngx_http_reauth_event_t;


/* of the request */

typedef struct {
    ngx_http_reauth_body_t      body;
    ngx_http_reauth_event_t    *event;      /* waits for Redis */
} ngx_http_reauth_delivery_t;


/* may outlive the request */

struct ngx_http_reauth_event_s {
    ngx_http_reauth_seen_t      seen;
    ngx_http_request_t         *request;    /* NULL: the sender has gone */
    reauth_webhook_t            webhook;
};


static void ngx_http_reauth_webhook_body(ngx_http_request_t *r, ngx_int_t rc,
    void *data);
static void ngx_http_reauth_webhook_seen(ngx_http_reauth_seen_t *seen,
    ngx_int_t rc);


static void
ngx_http_reauth_webhook_cleanup(void *data)
{
    ngx_http_reauth_delivery_t *delivery = data;

    if (delivery->event) {
        delivery->event->request = NULL;
    }
}


static ngx_int_t
ngx_http_reauth_webhook_not_allowed(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    static ngx_str_t  allow = ngx_string("POST");

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_reauth_method_not_allowed(r, &allow);
}


/*
 * Anybody can send one: the first of a minute is logged at warn, by which an
 * operator notices a wrong secret, the others at info.
 */

static void
ngx_http_reauth_webhook_log_unsigned(ngx_http_request_t *r, ngx_uint_t missing)
{
    ngx_uint_t  level;

    static time_t  next;

    level = NGX_LOG_INFO;

    if (ngx_time() >= next) {
        next = ngx_time() + NGX_HTTP_REAUTH_WEBHOOK_LOG_INTERVAL;
        level = NGX_LOG_WARN;
    }

    ngx_log_error(level, r->connection->log, 0,
                  "reauth: webhook rejected: %s, check the secret file",
                  missing ? "it has no \"Signature\" header"
                          : "invalid signature");
}


static ngx_int_t
ngx_http_reauth_webhook_unsigned(ngx_http_request_t *r, ngx_uint_t missing)
{
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_BAD_SIGNATURE);

    ngx_http_reauth_webhook_log_unsigned(r, missing);

    return ngx_http_reauth_send_error(r, NGX_HTTP_UNAUTHORIZED,
               "INVALID_SIGNATURE",
               "The webhook's signature is missing or wrong.",
               "The Signature header must be the HMAC-SHA256 of the raw body, "
               "in hexadecimal, under a secret that reauth_webhook names.",
               NULL);
}


/* the sender tries again */

static ngx_int_t
ngx_http_reauth_webhook_unavailable(ngx_http_request_t *r)
{
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: webhook not stored, the sender is asked to deliver "
                  "it again");

    return ngx_http_reauth_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
               "STORE_UNAVAILABLE", "The event could not be kept.",
               "Deliver it again.", NULL);
}


static ngx_int_t
ngx_http_reauth_webhook_received(ngx_http_request_t *r,
    ngx_http_reauth_count_e result)
{
    static ngx_str_t  received = ngx_string("{\"received\":true}");

    ngx_http_reauth_count(r, result);

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &received);
}


static ngx_int_t
ngx_http_reauth_webhook_duplicate(ngx_http_request_t *r)
{
    static ngx_str_t  duplicate =
                        ngx_string("{\"received\":true,\"duplicate\":true}");

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_DUPLICATE);

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &duplicate);
}


/*
 * On to the operator's own consumer, where there is one.  The sender's answer
 * does not wait for it.
 */

static ngx_int_t
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

    /* nginx would hold up the sender's next one on this connection */

    r->keepalive = 0;

    /* what is known of the event, for the variables */

    *sctx = *ctx;
    ngx_http_set_ctx(sr, sctx, ngx_http_reauth_module);

    return NGX_OK;
}


/* NGX_DECLINED: the signature is invalid; NGX_ABORT: there is none */

static ngx_int_t
ngx_http_reauth_webhook_verify(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_uint_t                   i;
    reauth_string_t              header, body;
    reauth_string_t              secrets[NGX_HTTP_REAUTH_WEBHOOK_SECRETS];
    ngx_table_elt_t             *h;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    h = ngx_http_reauth_find_header(r, "signature", sizeof("signature") - 1);
    if (h == NULL) {
        return NGX_ABORT;
    }

    for (i = 0; i < lcf->webhook_nsecrets; i++) {
        secrets[i] = lcf->webhook_secrets[i]->secret.text;
    }

    header.data = h->value.data;
    header.len = h->value.len;
    body.data = text->data;
    body.len = text->len;

    switch (reauth_signature_verify(&header, &body, secrets,
                                    lcf->webhook_nsecrets))
    {
    case REAUTH_SIGNATURE_VALID:
        return NGX_OK;

    case REAUTH_SIGNATURE_INVALID:
        return NGX_DECLINED;

    default:
        return NGX_ERROR;
    }
}


static void
ngx_http_reauth_webhook_fact(reauth_webhook_t *webhook, int64_t now_ms,
    ngx_http_reauth_store_t *store, reauth_fact_t *fact)
{
    ngx_memzero(fact, sizeof(reauth_fact_t));

    fact->now_ms = now_ms;
    fact->gate_max_ms = store->gate_max;
    fact->source = REAUTH_SOURCE_WEBHOOK;
    fact->state = webhook->state;
    fact->action = webhook->action;
    fact->started_us = webhook->started_us;
    fact->completed_us = webhook->completed_us;

    if (webhook->progress[0] != '\0') {
        fact->progress = reauth_string_from(webhook->progress);
    }

    fact->error_code = reauth_string_from(webhook->error_code);
    fact->error_message = reauth_string_from(webhook->error_message);
}


/* NGX_ERROR: it could not be kept */

static ngx_int_t
ngx_http_reauth_webhook_keep(ngx_http_reauth_store_t *store,
    reauth_webhook_t *webhook, reauth_record_t *record)
{
    int64_t                  now_ms;
    reauth_fact_t            fact;
    reauth_record_t          next;
    reauth_string_t          account;
    reauth_advance_result_t  result;

    now_ms = ngx_http_reauth_now();
    account = reauth_string_from(webhook->account);

    (void) ngx_http_reauth_zone_find(&store->zone, &account, record);

    if (webhook->state == REAUTH_STATE_NONE) {

        if (reauth_state_is_active(record->state)
            || webhook->event == REAUTH_EVENT_SESSION_EXPIRED)
        {
            ngx_http_reauth_store_poll_first(store, &account);
        }

        return NGX_OK;
    }

    /* one that would have been let through by now closes no gate any more */

    if (reauth_state_is_active(webhook->state)
        && webhook->started_us != 0
        && webhook->started_us / 1000 + (int64_t) store->gate_max < now_ms)
    {
        return NGX_OK;
    }

    ngx_http_reauth_webhook_fact(webhook, now_ms, store, &fact);

    if (webhook->state == REAUTH_STATE_SUCCEEDED
        && store->polling
        && reauth_id_kind(&account) != REAUTH_ID_FANVUE
        && reauth_state_is_active(record->state))
    {
        /* it would open a gate: one poll has to confirm it */

        result = reauth_attempt_advance(record, &fact, &next);

        if (result == REAUTH_ADVANCE_APPLIED) {
            result = REAUTH_ADVANCE_UNPLACED;
        }

    } else if (ngx_http_reauth_store_advance(store, &account, &fact, &result,
                                             record)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (result == REAUTH_ADVANCE_UNPLACED) {
        ngx_http_reauth_store_poll_first(store, &account);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_webhook_variables(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, reauth_record_t *record)
{
    ctx->state = record->state;
    ctx->auth_type = record->auth_type;

    ctx->attempt.len = ngx_strlen(record->attempt);
    ctx->attempt.data = ngx_pnalloc(r->pool, REAUTH_ATTEMPT_MAX);
    if (ctx->attempt.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->attempt.data, record->attempt, ctx->attempt.len);

    return NGX_OK;
}


/* the event is new, or not: keeps it and answers */

static ngx_int_t
ngx_http_reauth_webhook_finish(ngx_http_reauth_event_t *event, ngx_int_t rc)
{
    reauth_record_t         record;
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    r = event->request;

    if (rc == NGX_OK
        && ngx_http_reauth_webhook_keep(event->seen.store, &event->webhook,
                                        &record)
           != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    if (r == NULL) {

        /* the sender does not know that it is kept, and delivers it again */

        ngx_http_reauth_zone_count(&event->seen.store->zone,
                                   NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED);
        ngx_http_reauth_seen_release(&event->seen);
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
    ctx->local = event->seen.local;

    if (rc != NGX_OK
        || ngx_http_reauth_webhook_variables(r, ctx, &record) != NGX_OK
        || ngx_http_reauth_webhook_pass(r) != NGX_OK)
    {
        ngx_http_reauth_seen_release(&event->seen);
        return ngx_http_reauth_webhook_unavailable(r);
    }

    ngx_http_reauth_seen_kept(&event->seen);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "reauth: webhook %s, account \"%s\" is %s",
                  reauth_event_name(event->webhook.event),
                  event->webhook.account,
                  reauth_state_name((reauth_state_t) record.state));

    return ngx_http_reauth_webhook_received(r,
                                          NGX_HTTP_REAUTH_COUNT_WEBHOOK_KEPT);
}


static void
ngx_http_reauth_webhook_seen(ngx_http_reauth_seen_t *seen, ngx_int_t rc)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_event_t     *event;
    ngx_http_reauth_delivery_t  *delivery;

    event = seen->data;
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

    /* this is no event of the sender's connection */

    ngx_http_run_posted_requests(c);
}


/* an event that says something of an account */

static ngx_int_t
ngx_http_reauth_webhook_event(ngx_http_request_t *r,
    ngx_http_reauth_delivery_t *delivery, reauth_webhook_t *webhook)
{
    ngx_int_t                     rc;
    reauth_string_t               body;
    ngx_http_reauth_event_t      *event;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* what Redis knows of the account has to be there to judge by */

    if (!ngx_http_reauth_zone_loaded(&mcf->store.zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    event = ngx_calloc(sizeof(ngx_http_reauth_event_t), r->connection->log);
    if (event == NULL) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    event->request = r;
    event->webhook = *webhook;
    event->seen.store = &mcf->store;
    event->seen.handler = ngx_http_reauth_webhook_seen;
    event->seen.data = event;

    body.data = delivery->body.text.data;
    body.len = delivery->body.text.len;

    if (reauth_sha256(&body, event->seen.digest) != 0) {
        ngx_free(event);
        return ngx_http_reauth_webhook_unavailable(r);
    }

    rc = ngx_http_reauth_seen_claim(&event->seen);

    if (rc == NGX_AGAIN) {
        delivery->event = event;
        return NGX_AGAIN;
    }

    rc = ngx_http_reauth_webhook_finish(event, rc);

    ngx_free(event);

    return rc;
}


/*
 * What is passed on is what was signed; what is read of it, and may be kept,
 * is without an API key.
 */

static ngx_int_t
ngx_http_reauth_webhook_text(ngx_http_request_t *r, ngx_str_t *body,
    ngx_str_t *text)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    *text = *body;

    if (!ngx_http_reauth_redact_find(mcf, body->data, body->len)) {
        return NGX_OK;
    }

    text->data = ngx_pnalloc(r->pool, body->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, body->data, body->len);

    ngx_http_reauth_redact(mcf, r->connection->log, "a webhook", text->data,
                           text->len);

    return NGX_OK;
}


/* NGX_AGAIN: it is answered later */

static ngx_int_t
ngx_http_reauth_webhook_receive(ngx_http_request_t *r,
    ngx_http_reauth_delivery_t *delivery)
{
    size_t                        len;
    ngx_str_t                    *body, text;
    reauth_unread_t               why;
    reauth_webhook_t              webhook;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_main_conf_t  *mcf;

    static const reauth_string_t  none = reauth_string("");

    body = &delivery->body.text;

    switch (ngx_http_reauth_webhook_verify(r, body)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_reauth_webhook_unsigned(r, 0);

    case NGX_ABORT:
        return ngx_http_reauth_webhook_unsigned(r, 1);

    default:
        return ngx_http_reauth_webhook_unavailable(r);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (ngx_http_reauth_webhook_text(r, body, &text) != NGX_OK) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    if (reauth_webhook_parse(text.data, text.len, &webhook, &why) != 0) {
        ngx_http_reauth_unread(&mcf->store.zone, r->connection->log,
                               NGX_HTTP_REAUTH_UNREAD_WEBHOOK, &none,
                               body->len, &why);

    } else {
        ngx_http_reauth_unknown(&mcf->store.zone, r->connection->log,
                                &webhook.unknown);
    }

    len = ngx_strlen(webhook.account);

    if (len != 0) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

        ctx->account.data = ngx_pnalloc(r->pool, len);
        if (ctx->account.data == NULL) {
            return ngx_http_reauth_webhook_unavailable(r);
        }

        ngx_memcpy(ctx->account.data, webhook.account, len);
        ctx->account.len = len;

        if (webhook.event > REAUTH_EVENT_TEST) {
            return ngx_http_reauth_webhook_event(r, delivery, &webhook);
        }
    }

    /* nothing for us; some of these are alike and yet no repeats */

    if (ngx_http_reauth_webhook_pass(r) != NGX_OK) {
        return ngx_http_reauth_webhook_unavailable(r);
    }

    return ngx_http_reauth_webhook_received(r,
                                       NGX_HTTP_REAUTH_COUNT_WEBHOOK_IGNORED);
}


static void
ngx_http_reauth_webhook_body(ngx_http_request_t *r, ngx_int_t rc, void *data)
{
    ngx_http_reauth_delivery_t *delivery = data;

    if (rc == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED);
        rc = ngx_http_reauth_body_send_busy(r);

    } else if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_MALFORMED);

        rc = ngx_http_reauth_send_error(r, rc, "BODY_TOO_LARGE",
                 "The body is too large.",
                 "A webhook is at most 256 KB.", NULL);

    } else if (rc == NGX_OK) {
        rc = ngx_http_reauth_webhook_receive(r, delivery);

        if (rc == NGX_AGAIN) {
            return;
        }
    }

    ngx_http_finalize_request(r, rc);
}


/*
 * The documented type is JSON, of which no form is promised: what says that it
 * is something else is refused.
 */

static ngx_uint_t
ngx_http_reauth_webhook_is_json(ngx_http_request_t *r)
{
    u_char           *p, *last;
    ngx_str_t        *type;
    ngx_table_elt_t  *h;

    h = ngx_http_reauth_find_header(r, "content-encoding",
                                    sizeof("content-encoding") - 1);

    if (h != NULL
        && !(h->value.len == 8
             && ngx_strncasecmp(h->value.data, (u_char *) "identity", 8) == 0))
    {
        return 0;
    }

    h = r->headers_in.content_type;

    if (h == NULL || h->value.len == 0) {
        return 1;
    }

    type = &h->value;
    last = ngx_strlchr(type->data, type->data + type->len, ';');

    if (last == NULL) {
        last = type->data + type->len;
    }

    while (last > type->data && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    p = last - 4;

    return p > type->data
           && (p[-1] == '/' || p[-1] == '+')
           && ngx_strncasecmp(p, (u_char *) "json", 4) == 0;
}


/* NGX_OK: by its head it may be a webhook; else it was answered */

static ngx_int_t
ngx_http_reauth_webhook_head(ngx_http_request_t *r, ngx_int_t *rc)
{
    ngx_uint_t        formed, json;
    reauth_string_t   header;
    ngx_table_elt_t  *h;

    h = ngx_http_reauth_find_header(r, "signature", sizeof("signature") - 1);
    formed = 0;

    if (h != NULL) {
        header.data = h->value.data;
        header.len = h->value.len;
        formed = reauth_signature_is_formed(&header) ? 1 : 0;
    }

    json = ngx_http_reauth_webhook_is_json(r);

    if (formed && json) {
        return NGX_OK;
    }

    *rc = ngx_http_reauth_body_refuse(r);

    if (*rc != NGX_OK) {
        return NGX_DECLINED;
    }

    if (!formed) {
        *rc = ngx_http_reauth_webhook_unsigned(r, h == NULL);
        return NGX_DECLINED;
    }

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_MALFORMED);

    *rc = ngx_http_reauth_send_error(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
               "UNSUPPORTED_MEDIA_TYPE", "The body must be JSON.",
               "Send Content-Type: application/json and no Content-Encoding.",
               NULL);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_webhook_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_cleanup_t          *cln;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_delivery_t  *delivery;

    if (r != r->main) {
        return ngx_http_reauth_refuse_subrequest(r, "reauth_webhook");
    }

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->operation = REAUTH_OPERATION_WEBHOOK;

    if (r->method != NGX_HTTP_POST) {
        return ngx_http_reauth_webhook_not_allowed(r);
    }

    if (ngx_http_reauth_webhook_head(r, &rc) != NGX_OK) {
        return rc;
    }

    delivery = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_delivery_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (delivery == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_reauth_webhook_cleanup;
    cln->data = delivery;

    ctx->data = delivery;

    delivery->body.max = NGX_HTTP_REAUTH_WEBHOOK_MAX;
    delivery->body.webhook = 1;
    delivery->body.handler = ngx_http_reauth_webhook_body;
    delivery->body.data = delivery;

    return ngx_http_reauth_body_read(r, &delivery->body);
}
