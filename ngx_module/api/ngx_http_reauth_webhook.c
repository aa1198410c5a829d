
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Webhooks of the upstream.  The signature is verified first, then duplicates
 * are ignored, then the fact is applied, if the store finds that it is about
 * the current attempt.  The response is sent when the event is stored: it waits
 * for Redis, never for the upstream.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_signature.h"
#include "ngx_http_reauth_webhook.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_unread.h"


#define NGX_HTTP_REAUTH_WEBHOOK_MAX           262144

#define NGX_HTTP_REAUTH_WEBHOOK_LOG_INTERVAL  60000     /* ms */


static void ngx_http_reauth_webhook_body(ngx_http_request_t *r, ngx_int_t rc,
    void *data);


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
 * Webhooks can come from any client: the first one in a minute is logged at
 * the "warn" level, so that a wrong secret is noticed, others at "info".
 */

static void
ngx_http_reauth_webhook_log_unsigned(ngx_http_request_t *r, ngx_uint_t missing)
{
    ngx_uint_t  level;

    static ngx_msec_t  last;
    static ngx_uint_t  logged;

    level = NGX_LOG_INFO;

    if (!logged
        || ngx_current_msec - last >= NGX_HTTP_REAUTH_WEBHOOK_LOG_INTERVAL)
    {
        logged = 1;
        last = ngx_current_msec;
        level = NGX_LOG_WARN;
    }

    ngx_log_error(level, r->connection->log, 0,
                  "reauth: webhook rejected: %s, check the secret file",
                  missing ? "no \"Signature\" header"
                          : "invalid signature");
}


static ngx_int_t
ngx_http_reauth_webhook_unsigned(ngx_http_request_t *r, ngx_uint_t missing)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth webhook: refused, %s",
                   missing ? "no signature" : "invalid signature");

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_BAD_SIGNATURE);

    ngx_http_reauth_webhook_log_unsigned(r, missing);

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_INVALID_SIGNATURE,
               "The signature of the webhook is missing or invalid.",
               "The Signature header must be the HMAC-SHA256 of the raw body, "
               "in hexadecimal, with a secret specified in reauth_webhook.",
               NULL);
}


/* the sender tries again */

ngx_int_t
ngx_http_reauth_webhook_unavailable(ngx_http_request_t *r)
{
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: webhook could not be stored, the sender has to "
                  "deliver it again");

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_STORE_UNAVAILABLE,
               "The event could not be stored.",
               "Deliver it again.", NULL);
}


ngx_int_t
ngx_http_reauth_webhook_received(ngx_http_request_t *r,
    ngx_http_reauth_count_e result)
{
    static ngx_str_t  received = ngx_string("{\"received\":true}");

    ngx_http_reauth_count(r, result);

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &received);
}


ngx_int_t
ngx_http_reauth_webhook_duplicate(ngx_http_request_t *r)
{
    static ngx_str_t  duplicate =
                        ngx_string("{\"received\":true,\"duplicate\":true}");

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_WEBHOOK_DUPLICATE);

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &duplicate);
}


/* NGX_DECLINED: invalid signature; NGX_ABORT: no signature */

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


/*
 * The signed body is passed on unchanged; API keys are removed from the copy
 * that is parsed and may be stored.
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


/* NGX_AGAIN: the response is sent later */

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
        ngx_http_reauth_redact_webhook(mcf, r->connection->log, &webhook);
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

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth webhook: event %s of account \"%s\" ignored",
                   reauth_event_name(webhook.event), webhook.account);

    /* ignored events are not deduplicated: identical bodies may be distinct */

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

        rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_BODY_TOO_LARGE,
                 "The body is too large.",
                 "The body of a webhook must not exceed 256 KB.", NULL);

    } else if (rc == NGX_OK) {
        rc = ngx_http_reauth_webhook_receive(r, delivery);

        if (rc == NGX_AGAIN) {
            return;
        }
    }

    ngx_http_finalize_request(r, rc);
}


/*
 * The type is documented as JSON without an exact form: reject requests that
 * specify another type.
 */

static ngx_uint_t
ngx_http_reauth_webhook_is_json(ngx_http_request_t *r)
{
    u_char           *p, *last;
    ngx_str_t        *type;
    ngx_table_elt_t  *h;

    if (ngx_http_reauth_content_encoded(r)) {
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


/* NGX_OK: the header is acceptable; otherwise an error was sent */

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

    *rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_UNSUPPORTED_MEDIA_TYPE,
             "The body must be JSON.",
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

    ctx = ngx_http_reauth_serve_ctx(r, REAUTH_OPERATION_WEBHOOK);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

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
