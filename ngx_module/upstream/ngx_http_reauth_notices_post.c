
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The request that delivers a notice, signed as specified by Standard Webhooks:
 * https://www.standardwebhooks.com/
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "ngx_http_reauth_log.h"
#include "ngx_http_reauth_notices.h"
#include "ngx_http_reauth_random.h"
#include "ngx_http_reauth_secret.h"


/* milliseconds; a request that takes longer is ended */
#define NGX_HTTP_REAUTH_NOTICE_TIMEOUT  15000

/* bytes of a response, which is not used */
#define NGX_HTTP_REAUTH_NOTICE_ANSWER   4096

#define NGX_HTTP_REAUTH_NOTICE_HEADERS  3


typedef struct {
    ngx_http_reauth_background_t   background;   /* must be the first */
    ngx_queue_t                    queue;
    ngx_http_reauth_receiver_t    *receiver;
    ngx_http_reauth_notice_t      *notice;
    ngx_table_elt_t                headers[NGX_HTTP_REAUTH_NOTICE_HEADERS];
    u_char                         seconds[NGX_INT64_LEN];
    char                           signature[REAUTH_NOTICE_SIGNATURE_SIZE];
} ngx_http_reauth_post_t;


ngx_http_reauth_notice_t *
ngx_http_reauth_notice_create(ngx_http_reauth_receiver_t *receiver,
    const reauth_string_t *account, const reauth_string_t *body)
{
    ngx_http_reauth_notice_t  *notice;

    notice = ngx_calloc(sizeof(ngx_http_reauth_notice_t) + body->len,
                        receiver->log);
    if (notice == NULL) {
        return NULL;
    }

    reauth_copy(notice->notice.account, REAUTH_ACCOUNT_MAX, account);

    notice->len = body->len;
    ngx_memcpy(notice + 1, body->data, body->len);

    return notice;
}


void
ngx_http_reauth_notice_free(reauth_delivery_t *delivery,
    ngx_http_reauth_notice_t *notice)
{
    reauth_delivery_remove(delivery, &notice->notice);
    ngx_free(notice);
}


static reauth_delivery_t *
ngx_http_reauth_notice_delivery(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice)
{
    return notice->own ? &receiver->own : &receiver->stream;
}


static void
ngx_http_reauth_notice_count(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_result_e result)
{
    (void) ngx_atomic_fetch_add(&receiver->stats->results[result], 1);
}


void
ngx_http_reauth_notice_expired(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice)
{
    ngx_http_reauth_notice_count(receiver, NGX_HTTP_REAUTH_NOTICE_EXPIRED);

    ngx_log_error(NGX_LOG_ERR, receiver->log, 0,
                  "reauth: notice \"%*s\" of account \"%s\" is given up: "
                  "\"%V\" did not accept it for a day",
                  notice->name_len, notice->name, notice->notice.account,
                  &receiver->notify->uri);
}


/* why a request was not accepted, for the log */

static u_char *
ngx_http_reauth_notice_reason(ngx_http_reauth_forward_t *forward, u_char *p,
    u_char *last)
{
    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        return ngx_slprintf(p, last, "it did not respond in time");

    case NGX_HTTP_REAUTH_ANSWER_LOCAL:
        return ngx_slprintf(p, last, "the location has no upstream, check "
                            "proxy_pass");

    case NGX_HTTP_REAUTH_ANSWER_NO_KEY:
        return ngx_slprintf(p, last, "the location uses "
                            "$reauth_authorization");

    default:
        return forward->status
               ? ngx_slprintf(p, last, "status %ui", forward->status)
               : ngx_slprintf(p, last, "it did not respond");
    }
}


static reauth_delivery_result_t
ngx_http_reauth_notice_judge(ngx_http_reauth_forward_t *forward)
{
    if (!forward->done) {
        return REAUTH_DELIVERY_UNSENT;
    }

    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_WHOLE:
    case NGX_HTTP_REAUTH_ANSWER_TOO_LARGE:
    case NGX_HTTP_REAUTH_ANSWER_ENCODED:
    case NGX_HTTP_REAUTH_ANSWER_REDIRECT:
        return reauth_delivery_judge((unsigned) forward->status);

    default:
        return REAUTH_DELIVERY_FAILED;
    }
}


static void
ngx_http_reauth_notice_log(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice, ngx_http_reauth_forward_t *forward,
    reauth_delivery_result_t result, int change)
{
    u_char      text[128], *p;
    ngx_uint_t  level;
    ngx_str_t   skipped;

    static ngx_http_reauth_log_limit_t  limit;

    if (change < 0) {
        ngx_log_error(NGX_LOG_NOTICE, receiver->log, 0,
                      "reauth: \"%V\" accepts notices again",
                      &receiver->notify->uri);
    }

    if (result == REAUTH_DELIVERY_ACCEPTED) {
        return;
    }

    p = ngx_http_reauth_notice_reason(forward, text, text + sizeof(text));

    if (change > 0) {
        ngx_log_error(NGX_LOG_WARN, receiver->log, 0,
                      "reauth: \"%V\" does not accept notices, which are sent "
                      "again: %*s", &receiver->notify->uri,
                      (size_t) (p - text), text);
        return;
    }

    level = NGX_LOG_INFO;
    ngx_str_null(&skipped);

    if (result == REAUTH_DELIVERY_REFUSED
        && notice->notice.tries == 1
        && ngx_http_reauth_log_allowed(&limit, &skipped))
    {
        level = NGX_LOG_WARN;
    }

    ngx_log_error(level, receiver->log, 0,
                  "reauth: \"%V\" did not accept notice \"%*s\" of account "
                  "\"%s\", try %ui: %*s%V", &receiver->notify->uri,
                  notice->name_len, notice->name, notice->notice.account,
                  (ngx_uint_t) notice->notice.tries, (size_t) (p - text), text,
                  &skipped);
}


static uint32_t
ngx_http_reauth_notice_random(void)
{
    u_char    *p;
    uint32_t   random;

    p = ngx_http_reauth_random(sizeof(uint32_t));

    if (p == NULL) {
        return 0;
    }

    ngx_memcpy(&random, p, sizeof(uint32_t));

    return random;
}


static void
ngx_http_reauth_notice_done(ngx_http_reauth_background_t *background)
{
    int                          change;
    reauth_delivery_t           *delivery;
    ngx_http_reauth_post_t      *post;
    reauth_delivery_result_t     result;
    ngx_http_reauth_notice_t    *notice;
    ngx_http_reauth_receiver_t  *receiver;

    post = (ngx_http_reauth_post_t *) background;
    receiver = post->receiver;
    notice = post->notice;

    ngx_queue_remove(&post->queue);

    delivery = ngx_http_reauth_notice_delivery(receiver, notice);
    result = ngx_http_reauth_notice_judge(&background->forward);

    change = reauth_delivery_settle(delivery, &notice->notice, result,
                                    ngx_http_reauth_notice_random(),
                                    ngx_http_reauth_monotonic());

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, receiver->log, 0,
                   "reauth notice: \"%*s\" account \"%s\" %s, status %ui",
                   notice->name_len, notice->name, notice->notice.account,
                   result == REAUTH_DELIVERY_ACCEPTED ? "accepted"
                   : result == REAUTH_DELIVERY_UNSENT ? "not sent"
                   : "not accepted", background->forward.status);

    if (result != REAUTH_DELIVERY_UNSENT) {
        ngx_http_reauth_notice_count(receiver,
            result == REAUTH_DELIVERY_ACCEPTED
                ? NGX_HTTP_REAUTH_NOTICE_ACCEPTED
            : result == REAUTH_DELIVERY_REFUSED
                ? NGX_HTTP_REAUTH_NOTICE_REFUSED
            : NGX_HTTP_REAUTH_NOTICE_FAILED);

        ngx_http_reauth_notice_log(receiver, notice, &background->forward,
                                   result, change);
    }

    if (notice->own
        ? notice->notice.state == REAUTH_DELIVERY_DONE
        : notice->notice.state == REAUTH_DELIVERY_WAITING && !receiver->held)
    {
        /* or another gateway delivers it */

        ngx_http_reauth_notice_free(delivery, notice);
    }

    ngx_post_event(&receiver->event, &ngx_posted_events);
}


static ngx_int_t
ngx_http_reauth_notice_sign(ngx_http_reauth_post_t *post)
{
    int                        rc;
    int64_t                    seconds;
    ngx_table_elt_t           *h;
    reauth_string_t            id, body;
    reauth_notice_key_t        key;
    ngx_http_reauth_notice_t  *notice;

    notice = post->notice;
    seconds = ngx_http_reauth_now() / 1000;

    id.data = notice->name;
    id.len = notice->name_len;
    body.data = (u_char *) (notice + 1);
    body.len = notice->len;

    rc = reauth_notice_key(&post->receiver->notify->secret->secret.text, &key);

    if (rc == 0) {
        rc = reauth_notice_sign(&key, &id, seconds, &body, post->signature);
    }

    OPENSSL_cleanse(&key, sizeof(key));

    if (rc != 0) {
        return NGX_ERROR;
    }

    h = post->headers;

    ngx_str_set(&h[0].key, "webhook-id");
    h[0].value.data = notice->name;
    h[0].value.len = notice->name_len;

    ngx_str_set(&h[1].key, "webhook-timestamp");
    h[1].value.data = post->seconds;
    h[1].value.len = ngx_sprintf(post->seconds, "%L", seconds) - post->seconds;

    ngx_str_set(&h[2].key, "webhook-signature");
    h[2].value.data = (u_char *) post->signature;
    h[2].value.len = ngx_strlen(post->signature);

    h[0].lowcase_key = h[0].key.data;
    h[1].lowcase_key = h[1].key.data;
    h[2].lowcase_key = h[2].key.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_notice_post(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notice_t *notice)
{
    ngx_str_t                   skipped;
    const char                 *why;
    ngx_http_conf_ctx_t        *ctx;
    ngx_http_reauth_post_t     *post;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_reauth_forward_t  *forward;

    static ngx_http_reauth_log_limit_t  limit;

    ctx = receiver->notify->conf_ctx;
    clcf = ctx->loc_conf[ngx_http_core_module.ctx_index];

    post = ngx_calloc(sizeof(ngx_http_reauth_post_t), receiver->log);

    why = "not enough memory or worker_connections";

    if (post == NULL) {
        goto failed;
    }

    post->receiver = receiver;
    post->notice = notice;
    post->background.handler = ngx_http_reauth_notice_done;

    if (ngx_http_reauth_notice_sign(post) != NGX_OK) {
        ngx_free(post);
        why = "it cannot be signed, check the secret file";
        goto failed;
    }

    forward = &post->background.forward;

    forward->method = NGX_HTTP_POST;
    ngx_str_set(&forward->method_name, "POST");
    forward->uri = receiver->notify->uri;
    forward->body.data = (u_char *) (notice + 1);
    forward->body.len = notice->len;
    forward->headers = post->headers;
    forward->nheaders = NGX_HTTP_REAUTH_NOTICE_HEADERS;
    forward->foreign = 1;
    forward->answer_max = NGX_HTTP_REAUTH_NOTICE_ANSWER;

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, receiver->log, 0,
                   "reauth notice: \"%*s\" account \"%s\" to \"%V\"",
                   notice->name_len, notice->name, notice->notice.account,
                   &receiver->notify->uri);

    ngx_queue_insert_tail(&receiver->posts, &post->queue);

    if (ngx_http_reauth_background_start(&post->background, ctx,
                                         clcf->error_log)
        == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_queue_remove(&post->queue);
    ngx_free(post);

failed:

    (void) reauth_delivery_settle(ngx_http_reauth_notice_delivery(receiver,
                                                                  notice),
                                  &notice->notice, REAUTH_DELIVERY_UNSENT, 0,
                                  0);

    if (ngx_http_reauth_log_allowed(&limit, &skipped)) {
        ngx_log_error(NGX_LOG_ERR, receiver->log, 0,
                      "reauth: could not send a notice to \"%V\": %s%V",
                      &receiver->notify->uri, why, &skipped);
    }

    return NGX_ERROR;
}


void
ngx_http_reauth_notices_abort(ngx_http_reauth_receiver_t *receiver)
{
    ngx_queue_t             *q;
    ngx_http_reauth_post_t  *post;

    while (!ngx_queue_empty(&receiver->posts)) {
        q = ngx_queue_head(&receiver->posts);
        post = ngx_queue_data(q, ngx_http_reauth_post_t, queue);

        ngx_http_reauth_background_abort(&post->background);
    }
}


/* the first of the queue is the oldest */

void
ngx_http_reauth_notices_expire(ngx_http_reauth_receiver_t *receiver)
{
    ngx_queue_t             *q;
    ngx_http_reauth_post_t  *post;

    while (!ngx_queue_empty(&receiver->posts)) {
        q = ngx_queue_head(&receiver->posts);
        post = ngx_queue_data(q, ngx_http_reauth_post_t, queue);

        if (!ngx_http_reauth_background_expire(&post->background,
                                               NGX_HTTP_REAUTH_NOTICE_TIMEOUT))
        {
            return;
        }
    }
}
