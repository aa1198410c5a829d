
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Derives a fact from the upstream's response, or from its absence, and applies
 * it in the store before the client gets the response.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "reauth_poll.h"
#include "reauth_redact.h"
#include "reauth_upstream_status.h"
#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_unread.h"


/*
 * Turns the upstream's response into a fact about the attempt.  This is done
 * before the response is sent, whether or not the client is still connected.
 */

static ngx_int_t
ngx_http_reauth_authenticate_advance(ngx_http_reauth_authenticate_t *a,
    const reauth_string_t *account, reauth_fact_t *fact)
{
    ngx_int_t                     rc;
    reauth_record_t               record;
    ngx_http_request_t           *r;
    ngx_http_reauth_ctx_t        *ctx;
    reauth_advance_result_t       result;
    ngx_http_reauth_main_conf_t  *mcf;

    r = a->request;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    fact->now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_store_advance(&mcf->store, account, fact, &result,
                                      &record)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_log_debug7(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth settle: account \"%*s\" %s, status %ui means %s: "
                   "%s, state %s", account->len, account->data,
                   reauth_source_name(fact->source), a->forward.status,
                   reauth_state_name(fact->state),
                   reauth_advance_result_name(result),
                   reauth_state_name(record.state));

    rc = result == REAUTH_ADVANCE_APPLIED ? NGX_OK : NGX_DECLINED;

    if (ctx == NULL) {
        return rc;
    }

    ngx_http_reauth_keep_name(r, &ctx->account, record.account);
    ngx_http_reauth_keep_name(r, &ctx->attempt, record.attempt);

    ctx->state = record.state;
    ctx->auth_type = record.auth_type;
    ctx->stored = 1;
    ctx->local = mcf->store.redis_conf == NULL
                 || !ngx_http_reauth_store_writes(&mcf->store);

    return rc;
}


/*
 * Stores the code of the error, or its message if it has no code; credentials
 * that it repeats are removed.
 */

static void
ngx_http_reauth_authenticate_error(ngx_http_reauth_authenticate_t *a,
    reauth_error_t *error)
{
    reauth_string_t               sent;
    reauth_unread_t               why;
    ngx_http_reauth_main_conf_t  *mcf;

    /* if the body is unreadable, the status is the reason */

    (void) reauth_error_read(a->forward.capture.body.data,
                             a->forward.capture.body.len, error, &why);

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_redact_error(mcf, a->request->connection->log, error);

    if (a->credentials.body != NULL) {
        sent.data = (u_char *) a->credentials.body;
        sent.len = a->credentials.body_len;

        reauth_redact_values(&sent, error->code);
        reauth_redact_values(&sent, error->message);
    }

    if (error->code[0] == '\0' && error->message[0] == '\0') {
        ngx_sprintf((u_char *) error->code, "HTTP_%ui%Z", a->forward.status);
    }
}


static ngx_int_t
ngx_http_reauth_authenticate_sealed(ngx_http_reauth_authenticate_t *a,
    uint8_t *sealed, reauth_fact_t *fact)
{
    reauth_string_t  plain;

    plain.data = (u_char *) a->answer.deeplink;
    plain.len = a->answer.deeplink_len;

    if (plain.len + REAUTH_SEAL_OVERHEAD > REAUTH_SEALED_MAX
        || reauth_seal(ngx_http_reauth_authenticate_seal(a->request),
                       &a->route.id, &plain, sealed)
           != 0)
    {
        /* a repeated update is sent in this case */

        return NGX_DECLINED;
    }

    fact->sealed = sealed;
    fact->sealed_len = plain.len + REAUTH_SEAL_OVERHEAD;

    return NGX_OK;
}


static void
ngx_http_reauth_authenticate_accepted(ngx_http_reauth_authenticate_t *a,
    uint8_t *sealed, reauth_fact_t *fact)
{
    if (ngx_http_reauth_authenticate_read(a, &a->forward.capture.body)
        != REAUTH_UPDATE_ANSWER_OK)
    {
        a->bad_answer = 1;
    }

    reauth_judge_accepted(!a->bad_answer, a->answer.deeplink != NULL, fact);

    if (a->bad_answer) {
        return;
    }

    fact->attempt = a->route.fansly ? a->route.id
                                    : reauth_string_from(a->answer.attempt);

    if (a->answer.deeplink) {
        (void) ngx_http_reauth_authenticate_sealed(a, sealed, fact);
    }
}


/* whether the response composed from the record is identical */

static ngx_uint_t
ngx_http_reauth_authenticate_composed(ngx_http_reauth_authenticate_t *a,
    reauth_fact_t *fact)
{
    ngx_uint_t                  whole, is_json;
    reauth_string_t             origin, deeplink, body;
    ngx_http_request_t         *sr;
    ngx_http_reauth_forward_t  *forward;

    static ngx_str_t  json = ngx_string("application/json");

    forward = &a->forward;
    sr = forward->subrequest;

    whole = forward->answer == NGX_HTTP_REAUTH_ANSWER_WHOLE;

    is_json = whole
              && sr->headers_out.content_type_len == json.len
              && ngx_strncasecmp(sr->headers_out.content_type.data, json.data,
                                 json.len)
                 == 0;

    if (!reauth_judge_is_composable((int) whole, (unsigned) forward->status,
                                    (int) is_json, a->answer.deeplink != NULL,
                                    fact->sealed != NULL))
    {
        return 0;
    }

    origin.data = a->origin.data;
    origin.len = a->origin.len;
    deeplink.data = (u_char *) a->answer.deeplink;
    deeplink.len = a->answer.deeplink_len;

    if (a->answer.body) {
        body.data = (u_char *) a->answer.body;
        body.len = a->answer.body_len;

    } else {
        body.data = forward->capture.body.data;
        body.len = forward->capture.body.len;
    }

    return reauth_update_answer_is_composed(a->route.operation,
                                            a->route.fansly, &fact->attempt,
                                            &origin, &deeplink, &body);
}


/* for requests that wait for the response, or repeat the request */

static void
ngx_http_reauth_authenticate_keep(ngx_http_reauth_authenticate_t *a,
    reauth_fact_t *fact)
{
    uint64_t    number;
    ngx_uint_t  composed;

    composed = ngx_http_reauth_authenticate_composed(a, fact);

    switch (reauth_judge_response(fact->state, (int) composed,
                               a->answer.deeplink != NULL))
    {
    case REAUTH_RESPONSE_WAITING:
        ngx_http_reauth_coalesce_share(a, fact->epoch, fact->origin);
        break;

    case REAUTH_RESPONSE_KEPT:
        number = reauth_attempt_number(&a->route.id, &fact->attempt,
                                       a->since_ms);
        fact->kept = ngx_http_reauth_coalesce_keep(a, number) == NGX_OK;
        break;

    default: /* REAUTH_RESPONSE_COMPOSED */
        break;
    }
}


/* an attempt that was superseded meanwhile has no stored response */

static void
ngx_http_reauth_authenticate_store(ngx_http_reauth_authenticate_t *a,
    reauth_fact_t *fact)
{
    ngx_http_reauth_main_conf_t  *mcf;

    reauth_judge_restored(fact, (int) a->prior_known, a->prior_caller);

    if (ngx_http_reauth_authenticate_advance(a, &a->route.id, fact) == NGX_OK
        || !fact->kept)
    {
        return;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_zone_end_outcome(&mcf->store.zone, &a->route.id,
                                     reauth_attempt_number(&a->route.id,
                                                           &fact->attempt,
                                                           a->since_ms));
}


static void
ngx_http_reauth_authenticate_settle_begun(ngx_http_reauth_authenticate_t *a)
{
    uint8_t                     sealed[REAUTH_SEALED_MAX];
    const char                 *code;
    reauth_fact_t               fact;
    reauth_error_t              error;
    ngx_http_reauth_forward_t  *forward;

    forward = &a->forward;

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.epoch = a->epoch;
    fact.origin = a->epoch_origin;
    fact.source = a->route.operation == REAUTH_OPERATION_UPDATE
                  ? REAUTH_SOURCE_UPDATE : REAUTH_SOURCE_REAUTHENTICATE;

    a->epoch = 0;

    fact.state = ngx_http_reauth_forward_ended(forward, &code);

    if (code != NULL) {
        fact.error_code = reauth_string_from(code);

    } else if (fact.state == REAUTH_STATE_RUNNING) {
        ngx_http_reauth_authenticate_accepted(a, sealed, &fact);

    } else {
        ngx_http_reauth_authenticate_error(a, &error);

        fact.error_code = reauth_string_from(error.code);
        fact.error_message = reauth_string_from(error.message);
    }

    if (forward->done) {
        ngx_http_reauth_authenticate_keep(a, &fact);
    }

    ngx_http_reauth_count_update(a->request,
        fact.state == REAUTH_STATE_REJECTED
            ? NGX_HTTP_REAUTH_UPDATE_REJECTED
            : fact.state == REAUTH_STATE_UNKNOWN
                  ? NGX_HTTP_REAUTH_UPDATE_UNKNOWN
                  : NGX_HTTP_REAUTH_UPDATE_ACCEPTED);

    ngx_http_reauth_authenticate_store(a, &fact);
}


/* the account of the attempt, if the response does not name it */

static ngx_int_t
ngx_http_reauth_authenticate_account(ngx_http_reauth_authenticate_t *a,
    reauth_string_t *account, reauth_record_t *record)
{
    ngx_http_reauth_main_conf_t  *mcf;

    if (a->route.fansly) {
        *account = a->route.id;
        return NGX_OK;
    }

    if (account->len != 0) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    if (ngx_http_reauth_zone_find_attempt(&mcf->store.zone, &a->route.id,
                                          record)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    *account = reauth_string_from(record->account);

    return NGX_OK;
}


/* finds the record of the polled attempt and copies it to "record" */

static void
ngx_http_reauth_authenticate_owner(ngx_http_reauth_authenticate_t *a,
    reauth_string_t *account, reauth_record_t *record)
{
    ngx_http_reauth_main_conf_t  *mcf;

    account->len = 0;
    account->data = NULL;

    if (ngx_http_reauth_authenticate_account(a, account, record) == NGX_OK) {
        return;
    }

    if (a->asked != NULL) {

        /* the attempt has ended or was superseded meanwhile */

        *account = reauth_string_from(a->asked->account);
        return;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    if (ngx_http_reauth_zone_find_ended_attempt(&mcf->store.zone,
                                                &a->route.id, record)
        == NGX_OK)
    {
        *account = reauth_string_from(record->account);
    }
}


/* the account may not have been known when the request was sent */

static void
ngx_http_reauth_authenticate_asked(ngx_http_reauth_authenticate_t *a,
    const reauth_string_t *account, reauth_fact_t *fact)
{
    reauth_fact_asked(fact,
                      a->asked != NULL
                      && reauth_string_equals(account, a->asked->account)
                      ? a->asked : NULL,
                      ngx_http_reauth_moment_ms(&a->asked_at));

    fact->polled = a->route.operation == REAUTH_OPERATION_POLL;
    fact->poll_status = (unsigned) a->forward.status;
}


/* the client gets the response unchanged; the poller polls again */

static void
ngx_http_reauth_authenticate_unread(ngx_http_reauth_authenticate_t *a,
    const reauth_unread_t *why)
{
    reauth_fact_t                 fact;
    reauth_record_t               record;
    reauth_string_t               account;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_unread(&mcf->store.zone, a->request->connection->log,
                           NGX_HTTP_REAUTH_UNREAD_POLL, &a->route.id,
                           a->forward.capture.body.len, why);

    account.len = 0;

    if (ngx_http_reauth_authenticate_account(a, &account, &record) != NGX_OK) {
        return;
    }

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.source = REAUTH_SOURCE_POLL;
    fact.poll_error = REAUTH_POLL_ERROR_UNREADABLE;
    ngx_http_reauth_authenticate_asked(a, &account, &fact);

    (void) ngx_http_reauth_authenticate_advance(a, &account, &fact);

    ngx_http_reauth_store_poll_soon(&mcf->store, &account);
}


/* an attempt first seen by a poll counts for the caller that polled */

static void
ngx_http_reauth_authenticate_polled(ngx_http_reauth_authenticate_t *a,
    reauth_fact_t *fact)
{
    reauth_begin_t          begin;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(a->request, ngx_http_reauth_module);

    if (ctx == NULL) {
        return;
    }

    ngx_memzero(&begin, sizeof(reauth_begin_t));

    ngx_http_reauth_caller_bounds(a->request, &begin);

    fact->caller.data = ctx->caller.data;
    fact->caller.len = ctx->caller.len;
    fact->bounded = begin.bounded;
    fact->callers = begin.callers;
    fact->attempts_max = begin.attempts_max;
}


static void
ngx_http_reauth_authenticate_settle_poll(ngx_http_reauth_authenticate_t *a)
{
    reauth_poll_t                 poll;
    reauth_fact_t                 fact;
    reauth_record_t               record;
    reauth_string_t               account;
    reauth_unread_t               why;
    ngx_http_reauth_main_conf_t  *mcf;

    ngx_http_reauth_authenticate_owner(a, &account, &record);

    if (reauth_poll_parse(a->forward.capture.body.data,
                          a->forward.capture.body.len, &poll, &why)
        != 0
        || !reauth_poll_is_of(&poll, &account, &why))
    {
        ngx_http_reauth_authenticate_unread(a, &why);
        return;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    ngx_http_reauth_redact_poll(mcf, a->request->connection->log, &poll);

    ngx_http_reauth_unknown(&mcf->store.zone, a->request->connection->log,
                            &poll.unknown);

    account = reauth_string_from(poll.account);

    if (ngx_http_reauth_authenticate_account(a, &account, &record) != NGX_OK) {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth settle: attempt \"%*s\" ignored, its account "
                       "is not known", a->route.id.len, a->route.id.data);
        return;
    }

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.attempt = a->route.id;
    fact.source = REAUTH_SOURCE_POLL;
    reauth_poll_fact(&poll, &fact);
    ngx_http_reauth_authenticate_asked(a, &account, &fact);
    ngx_http_reauth_authenticate_polled(a, &fact);

    (void) ngx_http_reauth_authenticate_advance(a, &account, &fact);

    if (fact.full) {
        ngx_http_reauth_count(a->request, NGX_HTTP_REAUTH_COUNT_LIMIT_ATTEMPTS);

        ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                      "reauth: attempt reported by a poll is not followed: "
                      "its caller has too many active attempts, see "
                      "\"attempts=\" of its line in \"reauth_callers_file\"");
    }
}


static void
ngx_http_reauth_authenticate_settle_2fa(ngx_http_reauth_authenticate_t *a)
{
    reauth_fact_t    fact;
    reauth_record_t  record;
    reauth_string_t  account;

    account.len = 0;
    account.data = NULL;

    if (ngx_http_reauth_authenticate_account(a, &account, &record) != NGX_OK) {
        return;
    }

    reauth_judge_code(&a->route.id, &fact);
    ngx_http_reauth_authenticate_asked(a, &account, &fact);

    (void) ngx_http_reauth_authenticate_advance(a, &account, &fact);
}


/*
 * The account is unknown until the first poll; polling_url must lead to this
 * gateway.
 */

static void
ngx_http_reauth_authenticate_settle_start(ngx_http_reauth_authenticate_t *a)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(a->request, ngx_http_reauth_module);

    if (ngx_http_reauth_authenticate_read(a, &a->forward.capture.body)
        != REAUTH_UPDATE_ANSWER_OK
        || ctx == NULL)
    {
        return;
    }

    ngx_http_reauth_keep_name(a->request, &ctx->account, a->answer.account);
    ngx_http_reauth_keep_name(a->request, &ctx->attempt, a->answer.attempt);
}


void
ngx_http_reauth_authenticate_settle(ngx_http_reauth_forward_t *forward)
{
    const char                      *code;
    ngx_http_reauth_authenticate_t  *a;

    a = forward->data;

    if (a->epoch) {
        ngx_http_reauth_authenticate_settle_begun(a);
        return;
    }

    if (ngx_http_reauth_forward_ended(forward, &code)
        != REAUTH_STATE_RUNNING)
    {
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth settle: \"%*s\" unchanged, status %ui",
                       a->route.id.len, a->route.id.data, forward->status);
        return;
    }

    switch (a->route.operation) {

    case REAUTH_OPERATION_POLL:
        ngx_http_reauth_authenticate_settle_poll(a);
        return;

    case REAUTH_OPERATION_SUBMIT_2FA:
        ngx_http_reauth_authenticate_settle_2fa(a);
        return;

    case REAUTH_OPERATION_START:
        ngx_http_reauth_authenticate_settle_start(a);
        return;

    default:
        return;
    }
}
