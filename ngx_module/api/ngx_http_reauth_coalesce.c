
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Identical updates: all but the first wait for it and get its response, or one
 * composed from the record of the login that it started.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_places.h"
#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_zone_changes.h"


/*
 * Milliseconds between checks whether the other update has completed, which may
 * be that of another worker or gateway, so nothing wakes up this one.  A check
 * reads the zone without its lock; 20 ms are little compared with a login, and
 * 50 checks per second of a request that waits cost less than one request.
 */
#define NGX_HTTP_REAUTH_WAIT_STEP      20

/* changes of the account that are read to find the end of its attempt */
#define NGX_HTTP_REAUTH_WAIT_CHANGES  16


static void ngx_http_reauth_coalesce_outcome(ngx_str_t *sealed, void *data);
static ngx_int_t ngx_http_reauth_coalesce_answer(
    ngx_http_reauth_authenticate_t *a, reauth_record_t *record);


static ngx_int_t
ngx_http_reauth_update_in_progress(ngx_http_reauth_authenticate_t *a)
{
    static ngx_str_t  retry = ngx_string("2");

    ngx_http_reauth_count_update(a->request, NGX_HTTP_REAUTH_UPDATE_CONFLICT);

    if (ngx_http_reauth_add_header(a->request, "Retry-After", &retry)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(a->request,
               REAUTH_ERROR_UPDATE_IN_PROGRESS,
               "Another update of this account is being sent, and its "
               "response was not received in time.",
               "This update was not sent. Send it again when the other one "
               "has completed.", NULL);
}


/* only a few can wait: each would be superseded by the next one */

static ngx_int_t
ngx_http_reauth_update_too_many(ngx_http_reauth_authenticate_t *a)
{
    static ngx_str_t  retry = ngx_string("2");

    ngx_http_reauth_count_update(a->request, NGX_HTTP_REAUTH_UPDATE_CONFLICT);
    ngx_http_reauth_count(a->request,
                          NGX_HTTP_REAUTH_COUNT_LIMIT_DIFFERENT_UPDATES);

    ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                  "reauth: update of account \"%*s\" rejected: %d different "
                  "updates are already waiting", a->route.id.len,
                  a->route.id.data, REAUTH_PLACES_MAX);

    if (ngx_http_reauth_add_header(a->request, "Retry-After", &retry)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(a->request,
               REAUTH_ERROR_UPDATE_IN_PROGRESS,
               "Too many different updates of this account are waiting for "
               "the one that is being sent.",
               "This update was not sent. Send it again when the others have "
               "completed.", NULL);
}


static ngx_int_t
ngx_http_reauth_update_superseded(ngx_http_reauth_authenticate_t *a)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                   "reauth coalesce: account \"%*s\" superseded, a newer "
                   "update was accepted", a->route.id.len, a->route.id.data);

    ngx_http_reauth_count_update(a->request, NGX_HTTP_REAUTH_UPDATE_CONFLICT);

    /* prevents SDKs from repeating the request after a 409 */

    if (ngx_http_reauth_no_retry(a->request) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(a->request,
               REAUTH_ERROR_UPDATE_SUPERSEDED,
               "An identical update was already sent and has since been "
               "superseded by a newer one.",
               "This update was not sent. Send it again if its credentials "
               "are the current ones.", NULL);
}


/* a stored response may still exist after the attempt has ended */

static ngx_int_t
ngx_http_reauth_coalesce_ended(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record)
{
    u_char                        buffer[NGX_HTTP_REAUTH_OUTCOME_MAX];
    uint64_t                      number;
    ngx_int_t                     rc;
    ngx_str_t                     out;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    out.data = buffer;
    out.len = sizeof(buffer);
    number = reauth_attempt_number_of(record);

    if (ngx_http_reauth_zone_get_outcome(&mcf->store.zone, &a->route.id,
                                         number, &out, ngx_http_reauth_now())
        == NGX_OK)
    {
        rc = ngx_http_reauth_coalesce_shared(a, &out, number, 1);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return ngx_http_reauth_coalesce_answer(a, record);
}


/*
 * The attempt of the identical update has ended or was replaced before this
 * request saw it: looks for it in the change log.  NGX_DECLINED: begin again;
 * this update is not sent after a newer one.
 */

static ngx_int_t
ngx_http_reauth_coalesce_past(ngx_http_reauth_authenticate_t *a)
{
    ngx_uint_t                    i, n, complete;
    reauth_record_t              *records;
    ngx_http_reauth_main_conf_t  *mcf;

    if (a->route.operation != REAUTH_OPERATION_UPDATE) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    records = ngx_palloc(a->request->pool,
                         NGX_HTTP_REAUTH_WAIT_CHANGES
                         * sizeof(reauth_record_t));
    if (records == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = ngx_http_reauth_zone_history(&mcf->store.zone, &a->route.id, records,
                                     NGX_HTTP_REAUTH_WAIT_CHANGES, &complete);

    for (i = 0; i < n; i++) {
        if (reauth_join_is_of(&a->joined, &records[i])) {
            return ngx_http_reauth_coalesce_ended(a, &records[i]);
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_coalesce_superseded(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t  rc;

    a->joined = a->after;

    rc = ngx_http_reauth_coalesce_past(a);

    return rc == NGX_DECLINED ? ngx_http_reauth_update_superseded(a) : rc;
}


static void
ngx_http_reauth_coalesce_begin(ngx_http_reauth_authenticate_t *a)
{
    if (a->route.operation == REAUTH_OPERATION_UPDATE) {
        a->after = a->joined;
    }

    a->joined.epoch = 0;

    ngx_http_reauth_authenticate_begin(a);
}


static void
ngx_http_reauth_coalesce_outcome(ngx_str_t *sealed, void *data)
{
    ngx_http_reauth_authenticate_t *a = data;

    ngx_int_t  rc;

    a->outcome_op = NULL;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc == NGX_DECLINED && sealed) {
        rc = ngx_http_reauth_coalesce_shared(a, sealed,
                     ngx_http_reauth_coalesce_number(a->joined.epoch,
                                                     a->joined.origin), 0);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_coalesce_past(a);
    }

    if (rc == NGX_DECLINED) {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth coalesce: account \"%*s\" begins again, no "
                       "response to share", a->route.id.len,
                       a->route.id.data);

        ngx_http_reauth_coalesce_begin(a);
        return;
    }

    ngx_http_reauth_authenticate_finalize(a, rc);
}


/*
 * The identical update has completed.  The response is composed from the
 * record while its attempt is active, otherwise taken from the stored outcome
 * or from the change log.
 */

static void
ngx_http_reauth_coalesce_joined(ngx_http_reauth_authenticate_t *a,
    reauth_join_t join, reauth_record_t *record)
{
    u_char                        buffer[NGX_HTTP_REAUTH_OUTCOME_MAX];
    uint64_t                      number;
    ngx_int_t                     rc;
    ngx_str_t                     out;
    ngx_http_reauth_main_conf_t  *mcf;

    if (join == REAUTH_JOIN_BEGIN) {
        ngx_log_debug4(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth coalesce: account \"%*s\" begins again, the "
                       "other update is %s, epoch %uL", a->route.id.len,
                       a->route.id.data,
                       reauth_state_name((reauth_state_t) record->state),
                       record->epoch);

        ngx_http_reauth_coalesce_begin(a);
        return;
    }

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    out.data = buffer;
    out.len = sizeof(buffer);

    number = ngx_http_reauth_coalesce_number(a->joined.epoch,
                                             a->joined.origin);

    rc = ngx_http_reauth_store_get_outcome(&mcf->store, &a->route.id, number,
                                           0, &out,
                                           ngx_http_reauth_coalesce_outcome,
                                           a, &a->outcome_op);
    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_reauth_coalesce_outcome(rc == NGX_OK ? &out : NULL, a);
}


/*
 * WAIT: the other update is being sent, or others wait before this one.  An
 * identical update is first looked up without the lock, because many requests
 * may wait for it; a place must be renewed under the lock.
 */

static reauth_join_t
ngx_http_reauth_coalesce_check(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record)
{
    ngx_uint_t                    turn;
    reauth_join_t                 join;
    ngx_http_reauth_zone_t       *zone;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);
    zone = &mcf->store.zone;

    if (a->joined.epoch != 0
        && !a->placed
        && ngx_http_reauth_zone_is_sent(zone, &a->route.id, a->joined.epoch,
                                        a->joined.origin))
    {
        return REAUTH_JOIN_WAIT;
    }

    ngx_memzero(record, sizeof(reauth_record_t));

    (void) ngx_http_reauth_zone_find(zone, &a->route.id, record);

    join = reauth_join_judge(&a->joined, a->fingerprint, record,
                             ngx_http_reauth_now());

    turn = !a->placed
           || ngx_http_reauth_zone_place_turn(zone, &a->route.id,
                                              a->fingerprint);

    return turn ? join : REAUTH_JOIN_WAIT;
}


/* the other update may be in another worker or on another gateway */

static void
ngx_http_reauth_coalesce_wait_handler(ngx_event_t *ev)
{
    ngx_int_t                        rc;
    reauth_join_t                    join;
    reauth_record_t                  record;
    ngx_http_reauth_authenticate_t  *a;

    a = ev->data;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    join = ngx_http_reauth_coalesce_check(a, &record);

    if (join != REAUTH_JOIN_WAIT) {
        ngx_http_reauth_coalesce_joined(a, join, &record);
        return;
    }

    if ((ngx_msec_int_t) (a->wait_until - ngx_current_msec) <= 0) {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth coalesce: account \"%*s\" refused, "
                       "reauth_update_wait is over", a->route.id.len,
                       a->route.id.data);

        ngx_http_reauth_authenticate_finalize(a,
                                      ngx_http_reauth_update_in_progress(a));
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_REAUTH_WAIT_STEP);
}


void
ngx_http_reauth_coalesce_leave(ngx_http_reauth_authenticate_t *a)
{
    ngx_http_reauth_main_conf_t  *mcf;

    if (a->waits) {
        ngx_http_reauth_wait_done(a->waits);
    }

    if (a->placed) {
        a->placed = 0;

        mcf = ngx_http_get_module_main_conf(a->request,
                                            ngx_http_reauth_module);

        ngx_http_reauth_zone_place_leave(&mcf->store.zone, &a->route.id,
                                         a->fingerprint);
    }
}


void
ngx_http_reauth_coalesce_wait(ngx_http_reauth_authenticate_t *a)
{
    ngx_int_t                     rc;
    ngx_http_request_t           *r;
    ngx_http_reauth_main_conf_t  *mcf;

    r = a->request;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (!a->waiting) {
        a->waiting = 1;
        a->wait_until = ngx_current_msec;

        /* if too many requests are waiting, the wait ends immediately */

        if (ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_UPDATE,
                                        &a->waits)
            == NGX_OK)
        {
            a->wait_until += mcf->update_wait;
        }
    }

    if (a->joined.epoch == 0 && !a->placed) {
        rc = NGX_DECLINED;

        if ((ngx_msec_int_t) (a->wait_until - ngx_current_msec) <= 0) {
            rc = ngx_http_reauth_update_in_progress(a);

        } else if (ngx_http_reauth_zone_place_enter(&mcf->store.zone,
                                                    &a->route.id,
                                                    a->fingerprint)
                   != NGX_OK)
        {
            rc = ngx_http_reauth_update_too_many(a);
        }

        if (rc != NGX_DECLINED) {
            ngx_http_reauth_authenticate_finalize(a, rc);
            return;
        }

        a->placed = 1;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth coalesce: account \"%*s\" waits for %s update, at "
                   "most %M ms", a->route.id.len, a->route.id.data,
                   a->joined.epoch ? "an identical" : "another",
                   a->wait_until - ngx_current_msec);

    a->wait.handler = ngx_http_reauth_coalesce_wait_handler;
    a->wait.data = a;
    a->wait.log = r->connection->log;

    /* the client has closed the connection */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* the connection may have been closed before the handler was set */

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);
    }

    ngx_add_timer(&a->wait, NGX_HTTP_REAUTH_WAIT_STEP);

    ngx_http_run_posted_requests(r->connection);
}


/* NGX_DECLINED: cannot be composed, send this update */

static ngx_int_t
ngx_http_reauth_coalesce_answer(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record)
{
    char                   *text;
    size_t                  len;
    uint8_t                 plain[REAUTH_SEALED_MAX];
    ngx_str_t               body;
    reauth_string_t         id, origin, deeplink, sealed;
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    static ngx_str_t  one = ngx_string("1");

    r = a->request;

    id = reauth_string_from(record->attempt);
    origin.data = a->origin.data;
    origin.len = a->origin.len;
    deeplink.data = plain;
    deeplink.len = 0;

    if (id.len == 0) {
        return NGX_DECLINED;
    }

    if (record->auth_type == REAUTH_AUTH_TYPE_MOBILE_APP
        && a->route.operation == REAUTH_OPERATION_UPDATE)
    {
        sealed.data = record->sealed;
        sealed.len = record->sealed_len;

        if (sealed.len <= REAUTH_SEAL_OVERHEAD
            || reauth_seal_open(ngx_http_reauth_authenticate_seal(r),
                                &a->route.id, &sealed, plain)
               != 0)
        {
            return NGX_DECLINED;
        }

        deeplink.len = sealed.len - REAUTH_SEAL_OVERHEAD;
    }

    text = reauth_update_answer_text(a->route.operation, a->route.fansly, &id,
                                     &origin, &deeplink, &len);

    ngx_explicit_memzero(plain, sizeof(plain));

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth coalesce: account \"%*s\" gets the response of "
                   "its record, state %s, attempt \"%s\"", a->route.id.len,
                   a->route.id.data,
                   reauth_state_name((reauth_state_t) record->state),
                   record->attempt);

    /* zeroed and freed with the request */

    a->answer.body = text;
    a->answer.body_len = len;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->coalesced = 1;
    ngx_http_reauth_count_update(r, NGX_HTTP_REAUTH_UPDATE_COALESCED);
    ctx->state = record->state;
    ngx_http_reauth_keep_name(r, &ctx->attempt, record->attempt);

    body.data = (u_char *) text;
    body.len = len;

    if (ngx_http_reauth_add_header(r, "Reauth-Coalesced", &one) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}


static void
ngx_http_reauth_coalesce_composed(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    rc = ngx_http_reauth_coalesce_answer(a, record);

    if (rc == NGX_DECLINED) {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, a->request->connection->log, 0,
                       "reauth coalesce: account \"%*s\" is sent again, its "
                       "record has no response", a->route.id.len,
                       a->route.id.data);

        a->resend = 1;
        ngx_http_reauth_authenticate_begin(a);
        return;
    }

    ngx_http_reauth_authenticate_finalize(a, rc);
}


static void
ngx_http_reauth_coalesce_kept(ngx_str_t *sealed, void *data)
{
    ngx_http_reauth_authenticate_t *a = data;

    ngx_int_t  rc;

    a->outcome_op = NULL;

    rc = ngx_http_reauth_authenticate_still(a);

    if (rc != NGX_DECLINED) {
        ngx_http_reauth_authenticate_finalize(a, rc);
        return;
    }

    if (sealed) {
        rc = ngx_http_reauth_coalesce_shared(a, sealed,
                                     reauth_attempt_number_of(a->repeated), 1);
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_INFO, a->request->connection->log, 0,
                      "reauth: the stored response to the update is not "
                      "available, composed from the record");

        ngx_http_reauth_coalesce_composed(a, a->repeated);
        return;
    }

    ngx_http_reauth_authenticate_finalize(a, rc);
}


void
ngx_http_reauth_coalesce_repeat(ngx_http_reauth_authenticate_t *a,
    reauth_record_t *record)
{
    u_char                        buffer[NGX_HTTP_REAUTH_OUTCOME_MAX];
    ngx_int_t                     rc;
    ngx_str_t                     out;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_main_conf_t  *mcf;

    /*
     * A record of an update has a fingerprint; its response has another shape.
     */

    if (!record->kept
        || (a->route.operation == REAUTH_OPERATION_UPDATE)
           != (record->fingerprint_set != 0))
    {
        ngx_http_reauth_coalesce_composed(a, record);
        return;
    }

    a->repeated = ngx_palloc(a->request->pool, sizeof(reauth_record_t));

    if (a->repeated == NULL) {
        ngx_http_reauth_authenticate_finalize(a,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    *a->repeated = *record;

    ctx = ngx_http_get_module_ctx(a->request, ngx_http_reauth_module);
    ctx->state = record->state;

    mcf = ngx_http_get_module_main_conf(a->request, ngx_http_reauth_module);

    out.data = buffer;
    out.len = sizeof(buffer);

    rc = ngx_http_reauth_store_get_outcome(&mcf->store, &a->route.id,
                                           reauth_attempt_number_of(record), 1,
                                           &out, ngx_http_reauth_coalesce_kept,
                                           a, &a->outcome_op);
    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_reauth_coalesce_kept(rc == NGX_OK ? &out : NULL, a);
}
