
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_shares.h"
#include "ngx_http_reauth_wait.h"


/*
 * Milliseconds between checks for changes.  The timer runs only while requests
 * wait; each check reads a counter.
 */
#define NGX_HTTP_REAUTH_WAIT_TICK  10

/*
 * Of those that take turns, so many are resumed in one turn of the event loop,
 * and the next ones a millisecond later: other requests, which need several
 * turns each, are processed in between.  If there are a thousand, each is
 * resumed at most every 100 ms, and then has more to write.  If the timer is
 * late by a tick or more, as with "timer_resolution", ten times as many are.
 */
#define NGX_HTTP_REAUTH_WAIT_TURN  10
#define NGX_HTTP_REAUTH_WAIT_LATE  10


typedef char  ngx_http_reauth_waits_are_counted
    [NGX_HTTP_REAUTH_WAIT_LAST == NGX_HTTP_REAUTH_WAITS ? 1 : -1];


/* of this worker */

static ngx_queue_t       ngx_http_reauth_waiting;
static ngx_queue_t       ngx_http_reauth_wait_turns; /* of those that take
                                                        turns */
static ngx_uint_t        ngx_http_reauth_nwaiting[NGX_HTTP_REAUTH_WAIT_LAST];
static reauth_share_t   *ngx_http_reauth_wait_shares;
static size_t            ngx_http_reauth_wait_mask;
static uint64_t          ngx_http_reauth_wait_seed;
static ngx_msec_t        ngx_http_reauth_wait_next;  /* turn; 0: none */
static ngx_event_t       ngx_http_reauth_wait_event;
static ngx_connection_t  ngx_http_reauth_wait_dumb;


static void
ngx_http_reauth_wait_cleanup(void *data)
{
    ngx_http_reauth_wait_done(data);
}


/* more entries than requests that can wait, allocated when first needed */

static ngx_int_t
ngx_http_reauth_wait_table(ngx_http_request_t *r, ngx_uint_t max)
{
    size_t  n;

    if (ngx_http_reauth_wait_shares != NULL) {

        /* without a master process, a reload may have increased the limit */

        return max * NGX_HTTP_REAUTH_WAIT_LAST <= ngx_http_reauth_wait_mask
               ? NGX_OK : NGX_DECLINED;
    }

    for (n = 64; n <= max * NGX_HTTP_REAUTH_WAIT_LAST; n *= 2) { /* void */ }

    ngx_http_reauth_wait_shares = ngx_calloc(n * sizeof(reauth_share_t),
                                             r->connection->log);
    if (ngx_http_reauth_wait_shares == NULL) {
        return NGX_ERROR;
    }

    ngx_http_reauth_wait_mask = n - 1;
    ngx_http_reauth_wait_seed = (uint64_t) ngx_random() << 32 | ngx_random();

    return NGX_OK;
}


/* the key of a share: the caller and the kind of request */

static ngx_int_t
ngx_http_reauth_wait_share(ngx_http_request_t *r,
    ngx_http_reauth_wait_kind_e kind, const char *name, uint64_t *key)
{
    size_t                        n;
    ngx_int_t                     rc;
    reauth_string_t               caller;
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_main_conf_t  *mcf;

    *key = 0;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx == NULL || ctx->caller.len == 0) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    rc = ngx_http_reauth_wait_table(r, mcf->wait_max);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    caller.data = ctx->caller.data;
    caller.len = ctx->caller.len;

    *key = reauth_shares_key(&caller, ngx_http_reauth_wait_seed + kind);

    n = reauth_shares_count(ngx_http_reauth_wait_shares,
                            ngx_http_reauth_wait_mask, *key);

    if (reauth_shares_may_wait(n, mcf->wait_max)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: %uz %s of caller \"%V\" are waiting in this worker: "
                  "half of \"reauth_wait_max\" reached", n, name,
                  &ctx->caller);

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING_CALLER);

    return NGX_BUSY;
}


ngx_int_t
ngx_http_reauth_wait_create(ngx_http_request_t *r,
    ngx_http_reauth_wait_kind_e kind, ngx_http_reauth_wait_t **created)
{
    uint64_t                      caller;
    ngx_int_t                     rc;
    ngx_http_cleanup_t           *cln;
    ngx_http_reauth_wait_t       *wait;
    ngx_http_reauth_main_conf_t  *mcf;

    static const char  *names[NGX_HTTP_REAUTH_WAIT_LAST] = {
        "held calls", "status requests", "updates"
    };

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (ngx_http_reauth_nwaiting[kind] >= mcf->wait_max) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: %ui %s are waiting in this worker: limit "
                      "reached, increase \"reauth_wait_max\"",
                      ngx_http_reauth_nwaiting[kind], names[kind]);
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING);
        return NGX_BUSY;
    }

    rc = ngx_http_reauth_wait_share(r, kind, names[kind], &caller);

    if (rc != NGX_OK) {
        return rc;
    }

    wait = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_wait_t));
    if (wait == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_reauth_wait_cleanup;
    cln->data = wait;

    ngx_http_reauth_nwaiting[kind]++;

    if (caller) {
        reauth_shares_add(ngx_http_reauth_wait_shares,
                          ngx_http_reauth_wait_mask, caller);
        wait->caller = caller;
    }

    wait->kind = kind;
    wait->begun = ngx_current_msec;
    wait->after = ngx_current_msec;
    wait->request = r;
    wait->zone = &mcf->store.zone;

    /* call ready() once: something may have changed before it was parked */

    wait->changes = ngx_http_reauth_zone_changes(wait->zone) - 1;

    *created = wait;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_reauth_wait_over(ngx_http_reauth_wait_t *wait)
{
    ngx_uint_t  changes;

    if (ngx_http_reauth_wait_ending()
        || (ngx_msec_int_t) (wait->until - ngx_current_msec) <= 0)
    {
        return 1;
    }

    changes = ngx_http_reauth_zone_changes(wait->zone);

    if (wait->changes == changes
        || (wait->takes_turns
            && (ngx_msec_int_t) (wait->after - ngx_current_msec) > 0))
    {
        return 0;
    }

    wait->changes = changes;

    return wait->ready(wait);
}


/* resumes those whose wait is over; returns 1 if more than "max" may be */

static ngx_uint_t
ngx_http_reauth_wait_resume(ngx_queue_t *queue, ngx_uint_t max)
{
    ngx_uint_t               n;
    ngx_queue_t              waiting, *q;
    ngx_connection_t        *c;
    ngx_http_reauth_wait_t  *wait;

    /*
     * Finalizing one request may finalize others, which are then removed from
     * either queue.
     */

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, queue);
    ngx_queue_init(queue);

    for (n = 0; n < max && !ngx_queue_empty(&waiting); /* void */ ) {
        q = ngx_queue_head(&waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(queue, q);

        wait = ngx_queue_data(q, ngx_http_reauth_wait_t, queue);

        if (!ngx_http_reauth_wait_over(wait)) {
            continue;
        }

        n++;
        wait->after = ngx_current_msec
                      + ngx_http_reauth_nwaiting[wait->kind]
                        / NGX_HTTP_REAUTH_WAIT_TURN;

        ngx_http_reauth_wait_unpark(wait);

        c = wait->request->connection;
        ngx_http_set_log_request(c->log, wait->request);

        wait->resume(wait);

        ngx_http_run_posted_requests(c);
    }

    if (ngx_queue_empty(&waiting)) {
        return 0;
    }

    /* the others come first next time */

    ngx_queue_add(&waiting, queue);
    ngx_queue_init(queue);
    ngx_queue_add(queue, &waiting);

    return 1;
}


static void
ngx_http_reauth_wait_handler(ngx_event_t *ev)
{
    ngx_uint_t  n, more;

    (void) ngx_http_reauth_wait_resume(&ngx_http_reauth_waiting,
                                       (ngx_uint_t) -1);

    n = NGX_HTTP_REAUTH_WAIT_TURN;

    if (ngx_http_reauth_wait_next
        && (ngx_msec_int_t) (ngx_current_msec - ngx_http_reauth_wait_next)
           >= NGX_HTTP_REAUTH_WAIT_TICK)
    {
        n *= NGX_HTTP_REAUTH_WAIT_LATE;
    }

    more = ngx_http_reauth_wait_resume(&ngx_http_reauth_wait_turns, n);

    ngx_http_reauth_wait_next = more ? ngx_current_msec + 1 : 0;

    if (more && ev->timer_set) {
        ngx_del_timer(ev);
    }

    /* not cancelable: an exiting worker must respond first */

    if ((!ngx_queue_empty(&ngx_http_reauth_waiting)
         || !ngx_queue_empty(&ngx_http_reauth_wait_turns))
        && !ev->timer_set)
    {
        ngx_add_timer(ev, more ? 1 : NGX_HTTP_REAUTH_WAIT_TICK);
    }
}


ngx_int_t
ngx_http_reauth_wait_park(ngx_http_reauth_wait_t *wait, ngx_msec_t msec)
{
    ngx_event_t         *ev, *rev;
    ngx_http_request_t  *r;

    r = wait->request;
    ev = &ngx_http_reauth_wait_event;

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_reauth_waiting);
        ngx_queue_init(&ngx_http_reauth_wait_turns);

        ngx_http_reauth_wait_dumb.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_reauth_wait_handler;
        ev->data = &ngx_http_reauth_wait_dumb;
    }

    ev->log = ngx_cycle->log;

    rev = r->connection->read;

    /* some nginx forks set discard_body without a body, too */

    if (!r->discard_body
        || r->read_event_handler != ngx_http_discarded_request_body_handler)
    {
        r->read_event_handler = ngx_http_test_reading;

        if (rev->ready) {
            ngx_post_event(rev, &ngx_posted_events);

        } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    wait->until = ngx_current_msec + msec;

    ngx_queue_insert_tail(wait->takes_turns ? &ngx_http_reauth_wait_turns
                                            : &ngx_http_reauth_waiting,
                          &wait->queue);

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_REAUTH_WAIT_TICK);
    }

    return NGX_OK;
}


void
ngx_http_reauth_wait_unpark(ngx_http_reauth_wait_t *wait)
{
    if (wait->queue.next) {
        ngx_queue_remove(&wait->queue);
        wait->queue.next = NULL;
    }
}


void
ngx_http_reauth_wait_done(ngx_http_reauth_wait_t *wait)
{
    ngx_http_reauth_wait_unpark(wait);

    if (!wait->done) {
        wait->done = 1;
        ngx_http_reauth_nwaiting[wait->kind]--;

        ngx_http_reauth_zone_took(wait->zone,
                           NGX_HTTP_REAUTH_TIMES_WAIT + wait->kind,
                           REAUTH_DURATION_WAIT,
                           (ngx_msec_int_t) (ngx_current_msec - wait->begun));

        if (wait->caller && ngx_http_reauth_wait_shares != NULL) {
            reauth_shares_remove(ngx_http_reauth_wait_shares,
                                 ngx_http_reauth_wait_mask, wait->caller);
        }
    }
}


void
ngx_http_reauth_wait_exit_process(void)
{
    if (ngx_http_reauth_wait_shares != NULL) {
        ngx_free(ngx_http_reauth_wait_shares);
        ngx_http_reauth_wait_shares = NULL;
    }
}
