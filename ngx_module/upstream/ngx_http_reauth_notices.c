
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the clerk does for the receivers of notices, and the others do not.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_notices.h"
#include "ngx_http_reauth_random.h"


/* milliseconds between two steps of the clerk, and of other workers */
#define NGX_HTTP_REAUTH_NOTICES_STEP    200
#define NGX_HTTP_REAUTH_NOTICES_OTHER   1000

/* ms until the lease is asked for again, if another worker has it */
#define NGX_HTTP_REAUTH_NOTICES_RETRY   1000

/* ms for which a worker that exits waits for responses */
#define NGX_HTTP_REAUTH_NOTICES_EXIT    10000


ngx_http_reauth_notices_t  *ngx_http_reauth_notices;


static ngx_uint_t
ngx_http_reauth_notices_exits(void)
{
    return ngx_exiting || ngx_quit || ngx_terminate;
}


static void
ngx_http_reauth_notices_send(ngx_http_reauth_receiver_t *receiver,
    reauth_delivery_t *delivery)
{
    reauth_delivery_notice_t  *n;

    while ((n = reauth_delivery_next(delivery, ngx_http_reauth_monotonic()))
           != NULL)
    {
        if (ngx_http_reauth_notice_post(receiver,
                                        (ngx_http_reauth_notice_t *) n)
            != NGX_OK)
        {
            return;
        }
    }
}


static void
ngx_http_reauth_notices_give_up(ngx_http_reauth_receiver_t *receiver,
    reauth_delivery_t *delivery)
{
    reauth_delivery_notice_t  *n;

    while ((n = reauth_delivery_expire(delivery, ngx_http_reauth_now()))
           != NULL)
    {
        ngx_http_reauth_notice_expired(receiver,
                                       (ngx_http_reauth_notice_t *) n);

        if (delivery == &receiver->own) {
            ngx_http_reauth_notice_free(delivery,
                                        (ngx_http_reauth_notice_t *) n);
        }
    }
}


/* ---- that this gateway is degraded ---- */

static ngx_int_t
ngx_http_reauth_notices_tell(ngx_http_reauth_receiver_t *receiver,
    const reauth_reason_t *reasons, unsigned n, int64_t since_ms)
{
    char                       text[REAUTH_DEGRADED_BODY_MAX];
    u_char                    *random;
    reauth_string_t            body, name, none;
    ngx_http_reauth_notice_t  *notice;

    name.data = ngx_cycle->hostname.data;
    name.len = ngx_cycle->hostname.len;
    none.data = (u_char *) "";
    none.len = 0;

    body.data = (u_char *) text;
    body.len = reauth_degraded_notice_body(text, &name, reasons, n,
                                           since_ms, ngx_http_reauth_now());

    random = ngx_http_reauth_random(sizeof(uint64_t));

    if (body.len == 0 || random == NULL) {
        return NGX_ERROR;
    }

    notice = ngx_http_reauth_notice_create(receiver, &none, &body);
    if (notice == NULL) {
        return NGX_ERROR;
    }

    notice->own = 1;
    notice->notice.id.ms = (uint64_t) ngx_http_reauth_now();
    ngx_memcpy(&notice->notice.id.number, random, sizeof(uint64_t));

    notice->name_len = ngx_sprintf(notice->name, "msg_%uL-%016xL",
                                   notice->notice.id.ms,
                                   notice->notice.id.number)
                       - notice->name;

    if (reauth_delivery_add(&receiver->own, &notice->notice) != 0) {
        ngx_free(notice);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what the clerk before has told, and the receiver has accepted */

static void
ngx_http_reauth_notices_told(ngx_http_reauth_receiver_t *receiver)
{
    if (receiver->clerk) {
        return;
    }

    receiver->clerk = 1;
    receiver->degraded.since_ms = receiver->stats->since_ms;
    receiver->degraded.told_ms = receiver->stats->told_ms;
    receiver->degraded.told = receiver->stats->told != 0;
}


/* it is told once; again by the next clerk if this one ends before */

static void
ngx_http_reauth_notices_degraded(ngx_http_reauth_receiver_t *receiver)
{
    int64_t                            since_ms;
    unsigned                           n;
    reauth_health_t                    health;
    reauth_reason_t                    reasons[REAUTH_REASONS_MAX];
    reauth_degraded_notice_t          *told, before;
    ngx_http_reauth_receiver_stats_t  *stats;

    if (!(receiver->notify->wants.events
          & reauth_notice_bit(REAUTH_NOTICE_DEGRADED)))
    {
        return;
    }

    ngx_http_reauth_store_health(receiver->store, &health);

    n = reauth_health_reasons(&health, reasons);

    ngx_http_reauth_notices_told(receiver);

    stats = receiver->stats;
    told = &receiver->degraded;
    before = *told;

    if (reauth_degraded_notice(told, n != 0, ngx_http_reauth_monotonic())) {
        since_ms = ngx_http_reauth_clock_at(told->since_ms);

        if (receiver->own.held == NGX_HTTP_REAUTH_NOTICES_OWN
            || ngx_http_reauth_notices_tell(receiver, reasons, n, since_ms)
               != NGX_OK)
        {
            /* tried again in the next step */
            *told = before;
        }
    }

    stats->since_ms = told->since_ms;
    stats->told_ms = receiver->own.held ? 0 : told->told_ms;
    stats->told = receiver->own.held ? 0 : told->told;
}


/* ---- the steps ---- */

static void
ngx_http_reauth_notices_publish(ngx_http_reauth_receiver_t *receiver)
{
    int64_t   now_ms, age, own;
    unsigned  pending;

    now_ms = ngx_http_reauth_now();

    pending = reauth_delivery_pending(&receiver->stream)
              + reauth_delivery_pending(&receiver->own);

    age = reauth_delivery_age(&receiver->stream, now_ms);
    own = reauth_delivery_age(&receiver->own, now_ms);

    receiver->stats->pending = pending;
    receiver->stats->oldest_ms = pending ? now_ms - ngx_max(age, own) : 0;
    receiver->stats->failing = receiver->refused
                               || (pending != 0
                                   && ((receiver->held
                                        && receiver->stream.failing)
                                       || receiver->own.failing));
}


static ngx_uint_t
ngx_http_reauth_notices_asks(ngx_http_reauth_receiver_t *receiver)
{
    ngx_msec_t                 interval;
    reauth_delivery_notice_t  *n;

    if (receiver->pending
        || !(receiver->notify->wants.events & REAUTH_NOTICE_ACCOUNTS)
        || !ngx_http_reauth_store_connected(receiver->store))
    {
        return 0;
    }

    interval = receiver->held && !receiver->refused
               ? NGX_HTTP_REAUTH_NOTICES_STEP : NGX_HTTP_REAUTH_NOTICES_RETRY;

    if (ngx_current_msec - receiver->asked >= interval) {
        return 1;
    }

    if (receiver->refused) {
        return 0;
    }

    if (receiver->more && receiver->stream.held < REAUTH_DELIVERY_HELD_MAX) {
        return 1;
    }

    for (n = receiver->stream.first; n != NULL; n = n->next) {
        if (n->state == REAUTH_DELIVERY_DONE) {
            return 1;
        }
    }

    return 0;
}


/* the next clerk tells what the receiver has not accepted */

static void
ngx_http_reauth_notices_leave(ngx_http_reauth_receiver_t *receiver)
{
    reauth_delivery_notice_t  *n, *next;

    for (n = receiver->own.first; n != NULL; n = next) {
        next = n->next;

        if (n->state == REAUTH_DELIVERY_WAITING) {
            receiver->degraded.told_ms = 0;
            receiver->degraded.told = 0;

            ngx_http_reauth_notice_free(&receiver->own,
                                        (ngx_http_reauth_notice_t *) n);
        }
    }

    if (receiver->clerk && receiver->own.held == 0) {
        receiver->clerk = 0;
        receiver->stats->told_ms = receiver->degraded.told_ms;
        receiver->stats->told = receiver->degraded.told;
    }
}


/* this worker stops: what is in flight is acknowledged, then the lease ends */

static void
ngx_http_reauth_notices_stop(ngx_http_reauth_receiver_t *receiver)
{
    ngx_http_reauth_notices_leave(receiver);

    if (receiver->pending || (!receiver->held && receiver->stream.held == 0)) {
        return;
    }

    if (ngx_queue_empty(&receiver->posts)) {
        ngx_http_reauth_notices_lose(receiver);
        receiver->stats->pending = 0;

        if (ngx_http_reauth_store_connected(receiver->store)) {
            ngx_http_reauth_notices_ask(receiver, 1);
        }

    } else if (receiver->held
               && ngx_http_reauth_store_connected(receiver->store)
               && ngx_current_msec - receiver->asked
                  >= NGX_HTTP_REAUTH_NOTICES_RETRY)
    {
        ngx_http_reauth_notices_ask(receiver, 0);
    }
}


static void
ngx_http_reauth_notices_step(ngx_http_reauth_receiver_t *receiver)
{
    if (ngx_http_reauth_notices_exits()
        || !ngx_http_reauth_store_clerk(receiver->store))
    {
        ngx_http_reauth_notices_stop(receiver);
        return;
    }

    ngx_http_reauth_notices_degraded(receiver);

    ngx_http_reauth_notices_give_up(receiver, &receiver->own);
    ngx_http_reauth_notices_send(receiver, &receiver->own);

    if (receiver->held
        && (ngx_msec_int_t) (receiver->leased - ngx_current_msec) > 0)
    {
        ngx_http_reauth_notices_give_up(receiver, &receiver->stream);
        ngx_http_reauth_notices_send(receiver, &receiver->stream);
    }

    if (ngx_http_reauth_notices_asks(receiver)) {
        ngx_http_reauth_notices_ask(receiver, 0);
    }

    ngx_http_reauth_notices_publish(receiver);
}


static void
ngx_http_reauth_notices_event(ngx_event_t *ev)
{
    ngx_http_reauth_notices_step(ev->data);
}


static ngx_uint_t
ngx_http_reauth_notices_busy(ngx_http_reauth_receiver_t *receiver)
{
    return receiver->held || !ngx_queue_empty(&receiver->posts);
}


static void
ngx_http_reauth_notices_timer(ngx_event_t *ev)
{
    ngx_uint_t                   i, busy, exits;
    ngx_http_reauth_receiver_t  *receiver;

    exits = ngx_http_reauth_notices_exits();

    if (!exits) {
        ngx_http_reauth_notices->active = ngx_current_msec;
    }

    busy = 0;

    for (i = 0; i < ngx_http_reauth_notices->n; i++) {
        receiver = &ngx_http_reauth_notices->receivers[i];

        if (exits
            && ngx_current_msec - ngx_http_reauth_notices->active
               >= NGX_HTTP_REAUTH_NOTICES_EXIT)
        {
            ngx_http_reauth_notices_abort(receiver);
            receiver->held = 0;
        }

        ngx_http_reauth_notices_expire(receiver);
        ngx_http_reauth_notices_step(receiver);

        busy |= ngx_http_reauth_notices_busy(receiver);
    }

    if (exits && !busy) {
        return;
    }

    /* this worker exits when the requests have ended and no lease is left */

    ev->cancelable = !busy;

    ngx_add_timer(ev, busy ? NGX_HTTP_REAUTH_NOTICES_STEP
                           : NGX_HTTP_REAUTH_NOTICES_OTHER);
}


static ngx_int_t
ngx_http_reauth_notices_stats(ngx_http_reauth_store_t *store)
{
    ngx_uint_t                   i, taken, claim;
    ngx_http_reauth_receiver_t  *receiver;

    taken = 0;

    for (claim = 0; claim < 2; claim++) {
        for (i = 0; i < ngx_http_reauth_notices->n; i++) {
            receiver = &ngx_http_reauth_notices->receivers[i];

            if (receiver->stats == NULL) {
                receiver->stats = ngx_http_reauth_zone_receiver(&store->zone,
                                      &receiver->notify->uri, &taken, claim);
            }

            if (receiver->stats == NULL && claim) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_notices_init_process(ngx_http_reauth_main_conf_t *mcf,
    ngx_cycle_t *cycle)
{
    u_char                      *p;
    ngx_str_t                    writer;
    ngx_uint_t                   i;
    ngx_http_reauth_notify_t    *notify;
    ngx_http_reauth_notices_t   *notices;
    ngx_http_reauth_receiver_t  *receiver;

    if (mcf->notifies.nelts == 0) {
        return NGX_OK;
    }

    notices = ngx_pcalloc(cycle->pool, sizeof(ngx_http_reauth_notices_t));
    if (notices == NULL) {
        return NGX_ERROR;
    }

    ngx_http_reauth_notices = notices;

    notify = mcf->notifies.elts;

    for (i = 0; i < mcf->notifies.nelts; i++) {
        receiver = &notices->receivers[i];

        receiver->notify = &notify[i];
        receiver->store = &mcf->store;
        receiver->log = cycle->log;
        receiver->event.handler = ngx_http_reauth_notices_event;
        receiver->event.data = receiver;
        receiver->event.log = cycle->log;
        receiver->asked = ngx_current_msec - NGX_HTTP_REAUTH_NOTICES_RETRY;

        ngx_queue_init(&receiver->posts);
    }

    notices->n = mcf->notifies.nelts;

    if (ngx_http_reauth_notices_stats(&mcf->store) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_reauth_zone_writer(&mcf->store.zone, &writer);

    p = ngx_sprintf(notices->holder, "%V %P", &writer, ngx_pid);
    notices->holder_len = p - notices->holder;

    notices->active = ngx_current_msec;
    notices->timer.handler = ngx_http_reauth_notices_timer;
    notices->timer.data = notices;
    notices->timer.log = cycle->log;
    notices->timer.cancelable = 1;

    ngx_add_timer(&notices->timer, NGX_HTTP_REAUTH_NOTICES_STEP);

    return NGX_OK;
}


static void
ngx_http_reauth_notices_free(reauth_delivery_t *delivery)
{
    while (delivery->first != NULL) {
        ngx_http_reauth_notice_free(delivery,
                              (ngx_http_reauth_notice_t *) delivery->first);
    }
}


void
ngx_http_reauth_notices_exit_process(void)
{
    ngx_uint_t                   i;
    ngx_http_reauth_receiver_t  *receiver;

    if (ngx_http_reauth_notices == NULL) {
        return;
    }

    for (i = 0; i < ngx_http_reauth_notices->n; i++) {
        receiver = &ngx_http_reauth_notices->receivers[i];

        ngx_http_reauth_notices_abort(receiver);

        ngx_http_reauth_notices_free(&receiver->own);
        ngx_http_reauth_notices_free(&receiver->stream);
    }
}
