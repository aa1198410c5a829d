
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A request of the authenticate family to the upstream, and the response to the
 * caller.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_unread.h"


ngx_int_t
ngx_http_reauth_no_retry(ngx_http_request_t *r)
{
    static ngx_str_t  no = ngx_string("false");

    return ngx_http_reauth_add_header(r, "x-should-retry", &no);
}


/* sends the upstream's response after it has been checked and rewritten */

static ngx_int_t
ngx_http_reauth_authenticate_pass(ngx_http_reauth_authenticate_t *a)
{
    ngx_str_t                   body;
    ngx_http_request_t         *r;
    ngx_http_reauth_forward_t  *forward;

    r = a->request;
    forward = &a->forward;

    /* the response to an identical update has no headers of its own */

    if (forward->subrequest != NULL
        && ngx_http_reauth_forward_headers(r, forward) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (forward->method != NGX_HTTP_GET
        && forward->status >= NGX_HTTP_BAD_REQUEST
        && forward->status != NGX_HTTP_TOO_MANY_REQUESTS
        && ngx_http_reauth_no_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (a->answer.body) {
        body.data = (u_char *) a->answer.body;
        body.len = a->answer.body_len;

    } else {
        body = forward->capture.body;
    }

    return ngx_http_reauth_send_body(r, forward->status, &body);
}


/* counts a response of these operations that cannot be read, and logs why */

static void
ngx_http_reauth_authenticate_unread(ngx_http_reauth_authenticate_t *a,
    const reauth_unread_t *why)
{
    ngx_http_reauth_unread_e      what;
    ngx_http_reauth_main_conf_t  *mcf;

    switch (a->route.operation) {

    case REAUTH_OPERATION_UPDATE:
        what = NGX_HTTP_REAUTH_UNREAD_UPDATE;
        break;

    case REAUTH_OPERATION_REAUTHENTICATE:
        what = NGX_HTTP_REAUTH_UNREAD_REAUTHENTICATE;
        break;

    case REAUTH_OPERATION_START:
        what = NGX_HTTP_REAUTH_UNREAD_START;
        break;

    case REAUTH_OPERATION_POLL:
        what = NGX_HTTP_REAUTH_UNREAD_POLL;
        break;

    default:
        return;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_unread(&mcf->store.zone, a->request->connection->log, what,
                           &a->route.id, a->forward.capture.body.len, why);
}


static ngx_int_t
ngx_http_reauth_authenticate_fail(ngx_http_reauth_authenticate_t *a)
{
    static const reauth_unread_t  compressed = { "compressed", 0 };

    ngx_http_request_t         *r;
    ngx_http_reauth_forward_t  *forward;
    const char                 *sent;

    r = a->request;
    forward = &a->forward;

    if (forward->sent
        && forward->method != NGX_HTTP_GET
        && ngx_http_reauth_no_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    sent = forward->sent
           ? "The upstream may have received the request: check the state of "
             "the account before sending it again."
           : "The request did not reach the upstream; it can be sent again.";

    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_TIMEOUT,
                   "The upstream did not respond in time.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_TOO_LARGE:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
                   "The upstream's response is larger than reauth_answer_max.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_ENCODED:

        if (forward->status / 100 == 2) {
            ngx_http_reauth_authenticate_unread(a, &compressed);
        }

        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
                   "The upstream's response is compressed, which was not asked "
                   "for.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_WHOLE:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
                   "The upstream's response reports success but identifies no "
                   "attempt.",
                   sent, NULL);

    case NGX_HTTP_REAUTH_ANSWER_REDIRECT:
        return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
                   "The upstream responded with a redirect.",
                   "Nothing was started. The gateway's operator must check "
                   "proxy_pass; the gateway's log has the target of the "
                   "redirect.", NULL);

    case NGX_HTTP_REAUTH_ANSWER_NO_KEY:
        return ngx_http_reauth_key_send_unavailable(r);

    case NGX_HTTP_REAUTH_ANSWER_LOCAL:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "reauth: location \"%V\" sent nothing to the upstream "
                      "and returned %ui itself, check this location",
                      &forward->uri, forward->status);
        break;

    default:
        break;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
               forward->sent ? "The upstream's response is incomplete."
                             : "The upstream could not be reached.",
               sent, NULL);
}


ngx_int_t
ngx_http_reauth_authenticate_result(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return a->forward.answer == NGX_HTTP_REAUTH_ANSWER_WHOLE && !a->bad_answer
           ? ngx_http_reauth_authenticate_pass(a)
           : ngx_http_reauth_authenticate_fail(a);
}


static void
ngx_http_reauth_authenticate_answer(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t           *ctx;
    ngx_http_reauth_authenticate_t  *a;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    a = ctx->data;

    if (!a->forward.done) {
        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, ngx_http_reauth_authenticate_result(a));
}


/* the response applies to the epoch at the time of the request */

static ngx_int_t
ngx_http_reauth_authenticate_ask(ngx_http_reauth_authenticate_t *a)
{
    reauth_record_t              *record;
    ngx_http_reauth_main_conf_t  *mcf;

    if (a->route.operation != REAUTH_OPERATION_POLL
        && a->route.operation != REAUTH_OPERATION_SUBMIT_2FA)
    {
        return NGX_OK;
    }

    record = ngx_palloc(a->request->pool, sizeof(reauth_record_t));
    if (record == NULL) {
        return NGX_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_moment(&a->asked_at);

    if (a->route.fansly) {
        (void) ngx_http_reauth_zone_find(&mcf->store.zone, &a->route.id,
                                         record);

    } else if (ngx_http_reauth_zone_find_attempt(&mcf->store.zone,
                                                 &a->route.id, record)
               != NGX_OK)
    {
        return NGX_OK;
    }

    a->asked = record;

    return NGX_OK;
}


void
ngx_http_reauth_authenticate_forward(ngx_http_reauth_authenticate_t *a)
{
    u_char                      *p, *query, *last;
    ngx_int_t                    rc;
    ngx_http_request_t          *r;
    ngx_http_reauth_ctx_t       *ctx;
    ngx_http_reauth_forward_t   *forward;
    ngx_http_reauth_loc_conf_t  *lcf;

    r = a->request;
    forward = &a->forward;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    /* the path is canonical: the raw path is identical to the routed one */

    last = r->unparsed_uri.data + r->unparsed_uri.len;
    query = ngx_strlchr(r->unparsed_uri.data, last, '?');

    if (query == NULL) {
        query = last;
    }

    forward->uri.len = lcf->forward.len + (query - r->unparsed_uri.data);
    forward->uri.data = ngx_pnalloc(r->pool, forward->uri.len);

    if (forward->uri.data == NULL) {
        ngx_http_reauth_authenticate_finalize(a,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_cpymem(forward->uri.data, lcf->forward.data, lcf->forward.len);
    ngx_memcpy(p, r->unparsed_uri.data, query - r->unparsed_uri.data);

    forward->args = r->args;
    forward->answer_max = lcf->answer_max;
    forward->times = (ngx_http_reauth_times_e)
                     (NGX_HTTP_REAUTH_TIMES_UPSTREAM + a->route.operation);
    forward->handler = ngx_http_reauth_authenticate_settle;
    forward->method = r->method;
    forward->method_name = r->method_name;

    if (r->method == NGX_HTTP_HEAD) {

        /* the result of a poll is in its body */

        forward->method = NGX_HTTP_GET;
        ngx_str_set(&forward->method_name, "GET");
    }

    ctx->data = a;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_reauth_authenticate_answer;

    if (ngx_http_reauth_authenticate_ask(a) != NGX_OK
        || ngx_http_reauth_forward(r, forward) != NGX_OK)
    {
        ngx_http_reauth_authenticate_finalize(a, NGX_ERROR);
        return;
    }

    if (!a->client_event) {
        ngx_http_run_posted_requests(r->connection);
    }
}


void
ngx_http_reauth_keep_name(ngx_http_request_t *r, ngx_str_t *kept,
    const char *name)
{
    size_t   len;
    u_char  *p;

    len = ngx_strlen(name);

    if (kept->len != 0 || len == 0) {
        return;
    }

    p = ngx_pnalloc(r->pool, len);

    if (p != NULL) {
        ngx_memcpy(p, name, len);
        kept->data = p;
        kept->len = len;
    }
}


reauth_update_answer_result_t
ngx_http_reauth_authenticate_read(ngx_http_reauth_authenticate_t *a,
    ngx_str_t *body)
{
    reauth_string_t                 text, origin;
    reauth_unread_t                 why;
    reauth_update_answer_result_t   rc;

    text.data = body->data;
    text.len = body->len;
    origin.data = a->origin.data;
    origin.len = a->origin.len;

    rc = reauth_update_answer_parse(&text, a->route.fansly, &origin,
                                    &a->answer, &why);

    if (a->answer.elsewhere) {
        ngx_http_reauth_count(a->request, NGX_HTTP_REAUTH_COUNT_WITHHELD_URL);

        ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                      "reauth: the upstream's polling_url is not that of the "
                      "attempt, replaced");
    }

    if (rc == REAUTH_UPDATE_ANSWER_BAD) {
        ngx_http_reauth_authenticate_unread(a, &why);
    }

    return rc;
}
