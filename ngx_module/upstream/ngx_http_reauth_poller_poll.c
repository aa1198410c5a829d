
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A poll of an attempt: its request, and the facts in its response.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_poll.h"
#include "ngx_http_reauth_poller.h"
#include "ngx_http_reauth_background.h"
#include "ngx_http_reauth_lists.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_unread.h"


typedef struct {
    ngx_http_reauth_background_t   background;   /* must be the first */
    ngx_http_reauth_poller_t      *poller;
    ngx_queue_t                    queue;
    reauth_record_t                record;       /* the record at that time */
    ngx_http_reauth_moment_t       sent;
    char                           account[REAUTH_ACCOUNT_MAX + 1];
    u_char                         uri[256];
} ngx_http_reauth_poll_t;


static ngx_str_t  ngx_http_reauth_poll_path =
    ngx_string("/api/authenticate/");
static ngx_str_t  ngx_http_reauth_poll_fansly_path =
    ngx_string("/api/fansly/authenticate/");


/* the poll had no result; the attempt may be unknown to the upstream */

static void
ngx_http_reauth_poll_failed(ngx_http_reauth_poll_t *poll,
    reauth_poll_error_t error, ngx_uint_t status, ngx_uint_t lost)
{
    reauth_fact_t            fact;
    reauth_record_t          record;
    reauth_string_t          account;
    reauth_advance_result_t  result;

    account = reauth_string_from(poll->account);

    reauth_poll_failed_fact(&poll->record, error, (unsigned) status,
                            ngx_http_reauth_now(), &fact);
    fact.lost = (unsigned) lost;

    if (ngx_http_reauth_store_advance(poll->poller->store, &account, &fact,
                                      &result, &record)
        != NGX_OK)
    {
        return;
    }

    if (lost
        && result == REAUTH_ADVANCE_APPLIED
        && record.lost == REAUTH_LOST_MAX)
    {
        ngx_log_error(NGX_LOG_NOTICE, poll->poller->timer.log, 0,
                      "reauth: account \"%s\" is now unknown: attempt \"%s\" "
                      "is not known to the upstream (%ui), the list of "
                      "accounts decides", poll->account, record.attempt,
                      status);
    }
}


/* the next poll of an attempt that is still active, after at least this wait */

static void
ngx_http_reauth_poll_again(ngx_http_reauth_poll_t *poll, int64_t now_ms,
    int64_t wait_ms)
{
    int64_t                    next_ms;
    reauth_record_t            record;
    reauth_string_t            account;
    ngx_http_reauth_poller_t  *poller;

    poller = poll->poller;
    account = reauth_string_from(poll->account);

    if (ngx_http_reauth_zone_find(&poller->store->zone, &account, &record)
        == NGX_OK
        && reauth_state_is_active(record.state))
    {
        next_ms = reauth_schedule_next(&poller->store->zone.schedule, &record,
                                       now_ms, ngx_random());

        next_ms = ngx_max(next_ms, now_ms + wait_ms);

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                       "reauth poll: account \"%s\" state %s, next in %L ms",
                       poll->account,
                       reauth_state_name((reauth_state_t) record.state),
                       next_ms - now_ms);

        ngx_http_reauth_store_poll_at(poller->store, &account, next_ms, 1);
    }
}


/* the response of the endpoint of the attempt */

static void
ngx_http_reauth_poll_attempt(ngx_http_reauth_poll_t *poll)
{
    reauth_poll_t                 answer;
    reauth_fact_t                 fact;
    reauth_string_t               account;
    reauth_unread_t               why;
    reauth_advance_result_t       result;
    ngx_http_reauth_forward_t    *forward;
    ngx_http_reauth_main_conf_t  *mcf;

    forward = &poll->background.forward;
    account = reauth_string_from(poll->account);

    if (reauth_poll_parse(forward->capture.body.data,
                          forward->capture.body.len, &answer, &why)
        != 0
        || !reauth_poll_is_of(&answer, &account, &why))
    {
        ngx_http_reauth_unread(&poll->poller->store->zone,
                               poll->poller->timer.log,
                               NGX_HTTP_REAUTH_UNREAD_POLL, &account,
                               forward->capture.body.len, &why);

        ngx_http_reauth_poll_failed(poll, REAUTH_POLL_ERROR_UNREADABLE,
                                    forward->status, 0);
        return;
    }

    mcf = poll->poller->conf_ctx->main_conf[ngx_http_reauth_module.ctx_index];

    ngx_http_reauth_redact_poll(mcf, poll->poller->timer.log, &answer);

    ngx_http_reauth_unknown(&poll->poller->store->zone,
                            poll->poller->timer.log, &answer.unknown);

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.now_ms = ngx_http_reauth_now();
    fact.attempt = reauth_string_from(poll->record.attempt);
    fact.source = REAUTH_SOURCE_POLLER;
    fact.polled = 1;
    fact.poll_status = (unsigned) forward->status;

    reauth_poll_fact(&answer, &fact);
    reauth_fact_asked(&fact, &poll->record,
                      ngx_http_reauth_moment_ms(&poll->sent));

    if (ngx_http_reauth_store_advance(poll->poller->store, &account, &fact,
                                      &result, NULL)
        != NGX_OK)
    {
        return;
    }

    if (result == REAUTH_ADVANCE_STALE
        || result == REAUTH_ADVANCE_UNPLACED)
    {
        ngx_log_error(NGX_LOG_INFO, poll->poller->timer.log, 0,
                      "reauth: polling account \"%s\": state \"%s\" may "
                      "belong to another attempt, ignored", poll->account,
                      reauth_state_name(fact.state));
    }
}


static void
ngx_http_reauth_poll_done(ngx_http_reauth_background_t *background)
{
    int64_t                     now_ms;
    reauth_string_t             account;
    ngx_http_reauth_poll_t     *poll;
    reauth_backoff_verdict_t    verdict;
    ngx_http_reauth_poller_t   *poller;
    ngx_http_reauth_forward_t  *forward;

    poll = (ngx_http_reauth_poll_t *) background;
    poller = poll->poller;
    forward = &background->forward;

    ngx_queue_remove(&poll->queue);
    poller->npolls--;

    account = reauth_string_from(poll->account);
    now_ms = ngx_http_reauth_now();

    if (!forward->done) {

        /* the process exits: another one polls */

        ngx_http_reauth_store_poll_at(poller->store, &account, now_ms, 1);
        return;
    }

    ngx_memzero(&verdict, sizeof(reauth_backoff_verdict_t));

    if (forward->answer == NGX_HTTP_REAUTH_ANSWER_WHOLE
        || forward->answer == NGX_HTTP_REAUTH_ANSWER_REDIRECT
        || forward->answer == NGX_HTTP_REAUTH_ANSWER_ENCODED)
    {
        ngx_http_reauth_backoff(poller, forward, poll->account, &verdict);

        if (verdict.outcome != REAUTH_POLL_ANSWERED) {
            ngx_log_error(NGX_LOG_INFO, poller->timer.log, 0,
                          "reauth: polling account \"%s\": the upstream "
                          "returned %ui", poll->account, forward->status);

            ngx_http_reauth_poll_failed(poll,
                                reauth_backoff_error(verdict.outcome,
                                                     forward->status),
                                forward->status,
                                verdict.outcome == REAUTH_POLL_LOST);

        } else {
            ngx_http_reauth_poll_attempt(poll);
        }

    } else {
        ngx_http_reauth_zone_count(&poller->store->zone,
                                   NGX_HTTP_REAUTH_COUNT_POLL_FAILED);

        ngx_log_error(NGX_LOG_WARN, poller->timer.log, 0,
                      "reauth: polling account \"%s\": incomplete "
                      "response", poll->account);

        ngx_http_reauth_poll_failed(poll,
                                    ngx_http_reauth_backoff_broken(forward),
                                    0, 0);
    }

    ngx_http_reauth_poll_again(poll, now_ms, verdict.wait_ms);
}


static void
ngx_http_reauth_poll_uri(ngx_http_reauth_poll_t *poll)
{
    u_char           *p;
    ngx_str_t        *path;
    const char       *id;
    reauth_string_t   account;

    account = reauth_string_from(poll->account);

    if (reauth_id_kind(&account) == REAUTH_ID_FANSLY) {
        path = &ngx_http_reauth_poll_fansly_path;

        ngx_memcpy(poll->record.attempt, poll->account,
                   ngx_min(sizeof(poll->record.attempt),
                           sizeof(poll->account)));
        poll->record.attempt[REAUTH_ATTEMPT_MAX] = '\0';

        id = poll->account;

    } else {
        path = &ngx_http_reauth_poll_path;
        id = poll->record.attempt;
    }

    p = ngx_snprintf(poll->uri, sizeof(poll->uri), "%V%V%s",
                     &poll->poller->uri, path, id);

    poll->background.forward.times = NGX_HTTP_REAUTH_TIMES_POLLER;
    poll->background.forward.uri.data = poll->uri;
    poll->background.forward.uri.len = p - poll->uri;
}


/* NGX_DECLINED: the endpoint of the attempt is not polled */

static ngx_int_t
ngx_http_reauth_poll_way(ngx_http_reauth_poll_t *poll)
{
    reauth_string_t            account;
    reauth_poll_way_t          way;
    ngx_http_reauth_poller_t  *poller;

    poller = poll->poller;
    account = reauth_string_from(poll->account);
    way = reauth_schedule_way(&poll->record);

    switch (way) {

    case REAUTH_POLL_ENDPOINT:
        return NGX_OK;

    case REAUTH_POLL_LATER:
        ngx_http_reauth_store_poll_at(poller->store, &account,
                                      poll->record.deadline_ms, 1);
        break;

    case REAUTH_POLL_LIST:
        ngx_http_reauth_lists_ask(poller, &account);

        /* fall through */

    case REAUTH_POLL_SENDING:

        /* a gateway that knows the attempt need not wait for the lease */

        ngx_http_reauth_store_poll_at(poller->store, &account,
                                      ngx_http_reauth_now()
                                      + NGX_HTTP_REAUTH_POLL_UNKNOWN, 1);
        break;

    default: /* REAUTH_POLL_NOT */
        break;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                   "reauth poll: account \"%s\" not polled, %s",
                   poll->account,
                   way == REAUTH_POLL_SENDING
                   ? "its update is being sent"
                   : "left to the list of accounts or to webhooks");

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_poll_start(ngx_http_reauth_poller_t *poller,
    const reauth_string_t *account)
{
    ngx_http_reauth_poll_t       *poll;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_reauth_forward_t    *forward;
    ngx_http_reauth_loc_conf_t   *lcf;

    poll = ngx_calloc(sizeof(ngx_http_reauth_poll_t), poller->timer.log);
    if (poll == NULL) {
        return NGX_ERROR;
    }

    poll->poller = poller;

    reauth_copy(poll->account, REAUTH_ACCOUNT_MAX, account);

    ngx_http_reauth_moment(&poll->sent);

    (void) ngx_http_reauth_zone_find(&poller->store->zone, account,
                                     &poll->record);

    if (ngx_http_reauth_poll_way(poll) != NGX_OK) {
        ngx_free(poll);
        return NGX_DECLINED;
    }

    ngx_http_reauth_poll_uri(poll);

    lcf = poller->conf_ctx->loc_conf[ngx_http_reauth_module.ctx_index];
    clcf = poller->conf_ctx->loc_conf[ngx_http_core_module.ctx_index];

    forward = &poll->background.forward;

    forward->method = NGX_HTTP_GET;
    ngx_str_set(&forward->method_name, "GET");
    forward->answer_max = lcf->answer_max;

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                   "reauth poll: account \"%s\" state %s, attempt \"%s\", "
                   "epoch %uL", poll->account,
                   reauth_state_name((reauth_state_t) poll->record.state),
                   poll->record.attempt, poll->record.epoch);

    poll->background.handler = ngx_http_reauth_poll_done;

    ngx_queue_insert_tail(&poller->polls, &poll->queue);
    poller->npolls++;

    if (ngx_http_reauth_background_start(&poll->background, poller->conf_ctx,
                                         clcf->error_log)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, poller->timer.log, 0,
                      "reauth: could not start a poll: not enough memory or "
                      "worker_connections");

        ngx_queue_remove(&poll->queue);
        poller->npolls--;
        ngx_free(poll);

        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_reauth_polls_abort(ngx_http_reauth_poller_t *poller)
{
    ngx_queue_t             *q;
    ngx_http_reauth_poll_t  *poll;

    while (!ngx_queue_empty(&poller->polls)) {
        q = ngx_queue_head(&poller->polls);
        poll = ngx_queue_data(q, ngx_http_reauth_poll_t, queue);

        ngx_http_reauth_background_abort(&poll->background);
    }
}


/* the first of the queue is the oldest */

void
ngx_http_reauth_polls_expire(ngx_http_reauth_poller_t *poller)
{
    ngx_queue_t             *q;
    ngx_http_reauth_poll_t  *poll;

    while (!ngx_queue_empty(&poller->polls)) {
        q = ngx_queue_head(&poller->polls);
        poll = ngx_queue_data(q, ngx_http_reauth_poll_t, queue);

        if (!ngx_http_reauth_background_expire(&poll->background,
                                               NGX_HTTP_REAUTH_LEASE))
        {
            return;
        }
    }
}
