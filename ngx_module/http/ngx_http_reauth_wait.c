
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_wait.h"


/*
 * How late a change is told at most.  The timer runs only while somebody waits,
 * and costs one look at a counter for each of them.
 */
#define NGX_HTTP_REAUTH_WAIT_TICK  10


/* of this worker */

static ngx_queue_t       ngx_http_reauth_waiting;
static ngx_uint_t        ngx_http_reauth_nwaiting[NGX_HTTP_REAUTH_WAIT_LAST];
static ngx_event_t       ngx_http_reauth_wait_event;
static ngx_connection_t  ngx_http_reauth_wait_dumb;


static void
ngx_http_reauth_wait_cleanup(void *data)
{
    ngx_http_reauth_wait_done(data);
}


ngx_int_t
ngx_http_reauth_wait_create(ngx_http_request_t *r,
    ngx_http_reauth_wait_kind_e kind, ngx_http_reauth_wait_t **created)
{
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

    wait->kind = kind;
    wait->request = r;
    wait->zone = &mcf->store.zone;

    /* so that it is asked once whatever happened before it was parked */

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

    if (wait->changes == changes) {
        return 0;
    }

    wait->changes = changes;

    return wait->ready(wait);
}


static void
ngx_http_reauth_wait_handler(ngx_event_t *ev)
{
    ngx_queue_t              waiting, *q;
    ngx_connection_t        *c;
    ngx_http_reauth_wait_t  *wait;

    /*
     * The end of one request may be the end of others, which leave the queue
     * then, whichever they are in.
     */

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, &ngx_http_reauth_waiting);
    ngx_queue_init(&ngx_http_reauth_waiting);

    while (!ngx_queue_empty(&waiting)) {
        q = ngx_queue_head(&waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_reauth_waiting, q);

        wait = ngx_queue_data(q, ngx_http_reauth_wait_t, queue);

        if (!ngx_http_reauth_wait_over(wait)) {
            continue;
        }

        ngx_http_reauth_wait_unpark(wait);

        c = wait->request->connection;
        ngx_http_set_log_request(c->log, wait->request);

        wait->resume(wait);

        ngx_http_run_posted_requests(c);
    }

    /* not cancelable: a worker that is to end must answer first */

    if (!ngx_queue_empty(&ngx_http_reauth_waiting) && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_REAUTH_WAIT_TICK);
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

    ngx_queue_insert_tail(&ngx_http_reauth_waiting, &wait->queue);

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
    }
}
