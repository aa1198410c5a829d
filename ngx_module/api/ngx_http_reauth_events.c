
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/events: every change as a server-sent event, from the zone's ring
 * of the last changes.  A stream has one buffer, which is filled again after
 * the client has read it: a slow client takes no memory but falls behind, and
 * gets a "reset" event if changes were overwritten in the ring.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_query.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_cursor.h"
#include "ngx_http_reauth_events_texts.h"
#include "ngx_http_reauth_wait.h"
#include "ngx_http_reauth_zone_changes.h"


#define NGX_HTTP_REAUTH_EVENTS_BUFFER     8192
#define NGX_HTTP_REAUTH_EVENTS_HEARTBEAT  15000

/* the "retry" field: reconnection time, in milliseconds */
#define NGX_HTTP_REAUTH_EVENTS_RETRY      "2000"

/* the size of one event */
#define NGX_HTTP_REAUTH_EVENTS_ROOM       (REAUTH_STATUS_RECORD_MAX + 256)


typedef struct {
    ngx_http_request_t            *request;
    ngx_http_reauth_wait_t        *wait;
    ngx_http_reauth_zone_place_t   place;
    ngx_msec_t                     heartbeat;  /* time of the next heartbeat */
    ngx_buf_t                     *buf;
    ngx_uint_t                     greeted;
    ngx_uint_t                     sealed;      /* IDs are digests */
} ngx_http_reauth_events_t;


typedef char  ngx_http_reauth_events_one_fits
    [NGX_HTTP_REAUTH_EVENTS_ROOM + 160 <= NGX_HTTP_REAUTH_EVENTS_BUFFER
     ? 1 : -1];


static void ngx_http_reauth_events_write(ngx_http_request_t *r);


/* parses "<boot>-<change>" in hex; an invalid ID is an unknown position */

static void
ngx_http_reauth_events_parse_id(ngx_http_reauth_events_t *events,
    ngx_str_t *id)
{
    uint64_t                       pair[2];
    reauth_string_t                text;
    ngx_http_reauth_zone_place_t  *place;

    place = &events->place;

    if (events->sealed) {

        if (ngx_http_reauth_cursor_open(events->request, id, &place->boot,
                                      &place->change)
            != NGX_OK)
        {
            place->boot = 0;
        }

        return;
    }

    text.data = id->data;
    text.len = id->len;

    if (reauth_query_pair(&text, pair) != 0) {
        place->boot = 0;
        return;
    }

    place->boot = pair[0];
    place->change = pair[1];
}


static u_char *
ngx_http_reauth_events_id(u_char *p, ngx_http_reauth_events_t *events)
{
    ngx_http_reauth_zone_place_t  *place;

    place = &events->place;

    if (events->sealed) {
        p = ngx_cpymem(p, "id: ", sizeof("id: ") - 1);
        p = ngx_http_reauth_cursor_seal(events->request, p, place->boot,
                                      place->change);
        *p++ = '\n';

        return p;
    }

    return ngx_sprintf(p, "id: %xL-%xL\n", place->boot, place->change);
}


static ngx_int_t
ngx_http_reauth_events_change(ngx_http_reauth_events_t *events,
    const reauth_record_t *record)
{
    int64_t                         now_ms;
    ngx_buf_t                      *b;
    reauth_record_t                 current;
    reauth_string_t                 account;
    ngx_http_reauth_status_text_t   text;

    b = events->buf;
    now_ms = record->updated_ms;

    if (record->source == REAUTH_SOURCE_OPERATOR
        || record->state == REAUTH_STATE_FORGOTTEN)
    {
        /* shows the current record, because the change is not a part of it */

        now_ms = ngx_http_reauth_now();
        account = reauth_string_from(record->account);

        (void) ngx_http_reauth_zone_show(events->wait->zone, &account,
                                         &current);
        record = &current;
    }

    text.pool = events->request->pool;
    text.start = b->start;
    text.last = ngx_http_reauth_events_id(b->last, events);
    text.last = ngx_cpymem(text.last, "data: ", sizeof("data: ") - 1);
    text.end = b->end;

    /* the state at the time of the change, not the current one */

    if (ngx_http_reauth_status_add_record(events->request, &text, record,
                                          now_ms)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(text.last, "\n\n", 2);

    return NGX_OK;
}


/*
 * Adds the next change: its event as composed for another stream, if there is
 * one.  The ID and the accounts that are seen must be the same for both.
 */

static ngx_int_t
ngx_http_reauth_events_next(ngx_http_reauth_events_t *events,
    ngx_uint_t shared)
{
    u_char                      *start;
    ngx_int_t                    rc;
    ngx_buf_t                   *b;
    ngx_str_t                   *text;
    ngx_uint_t                   was, forgotten;
    reauth_record_t              record;
    reauth_string_t              account;
    ngx_http_reauth_zone_t      *zone;
    ngx_http_reauth_loc_conf_t  *lcf;

    b = events->buf;
    zone = events->wait->zone;
    lcf = ngx_http_get_module_loc_conf(events->request,
                                       ngx_http_reauth_module);

    text = shared ? ngx_http_reauth_events_texts_find(&events->place, lcf)
                  : NULL;

    if (text != NULL) {
        rc = ngx_http_reauth_zone_pass_change(zone, &events->place,
                                              &forgotten);

        if (rc == NGX_OK && !forgotten) {
            b->last = ngx_cpymem(b->last, text->data, text->len);
        }

        return rc;
    }

    rc = ngx_http_reauth_zone_next_change(zone, &events->place, &record, &was);

    if (rc != NGX_OK) {
        return rc;
    }

    account = reauth_string_from(record.account);

    if (account.len == 0
        || !ngx_http_reauth_caller_sees(events->request, &account))
    {
        return NGX_OK;
    }

    start = b->last;

    if (ngx_http_reauth_events_change(events, &record) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, events->request->connection->log, 0,
                   "reauth events: change of account \"%s\" composed, for %s",
                   record.account, shared ? "all streams" : "this stream");

    if (record.state == REAUTH_STATE_FORGOTTEN) {
        ngx_http_reauth_events_texts_forget(&events->place);
    }

    if (shared && record.source != REAUTH_SOURCE_OPERATOR) {
        ngx_http_reauth_events_texts_keep(&events->place, lcf, start,
                                          b->last - start);
    }

    return NGX_OK;
}


/* fills the buffer with as many new changes as fit */

static ngx_int_t
ngx_http_reauth_events_fill(ngx_http_reauth_events_t *events)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_uint_t   shared;

    b = events->buf;

    if (!events->greeted) {
        events->greeted = 1;

        b->last = ngx_sprintf(b->last, "retry: %s\n",
                              NGX_HTTP_REAUTH_EVENTS_RETRY);

        /*
         * An ID without data is not dispatched, but remembered by the client.
         */

        if (events->place.boot != 0) {
            b->last = ngx_http_reauth_events_id(b->last, events);
        }

        *b->last++ = '\n';
    }

    shared = !events->sealed
             && !ngx_http_reauth_caller_confined(events->request);

    while (b->end - b->last >= NGX_HTTP_REAUTH_EVENTS_ROOM) {

        rc = ngx_http_reauth_events_next(events, shared);

        if (rc == NGX_DECLINED) {
            break;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_ABORT) {
            ngx_http_reauth_zone_place(events->wait->zone, &events->place);

            b->last = ngx_http_reauth_events_id(b->last, events);
            b->last = ngx_sprintf(b->last, "event: reset\n"
                          "data: {\"reason\":\"Changes have been missed: read "
                          "the accounts again.\"}\n\n");
        }
    }

    if (b->last == b->pos
        && (ngx_msec_int_t) (events->heartbeat - ngx_current_msec) <= 0)
    {
        b->last = ngx_cpymem(b->last, ":\n\n", 3);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_reauth_events_blocked(ngx_http_reauth_events_t *events)
{
    ngx_http_request_t  *r;

    r = events->request;

    return events->buf->pos != events->buf->last
           || r->buffered
           || r->connection->buffered;
}


static void
ngx_http_reauth_events_end(ngx_http_reauth_events_t *events)
{
    ngx_http_request_t  *r;

    r = events->request;

    /* an exiting worker does not wait for a client that does not read */

    if (ngx_http_reauth_events_blocked(events)
        || ngx_http_send_special(r, NGX_HTTP_LAST) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_finalize_request(r, NGX_OK);
}


static ngx_int_t
ngx_http_reauth_events_watch_write(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed && !wev->timer_set) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}


/* sends changes until there are no more or the client is not ready */

static ngx_int_t
ngx_http_reauth_events_send(ngx_http_reauth_events_t *events)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = events->request;
    b = events->buf;

    while (!ngx_http_reauth_events_blocked(events)) {

        b->pos = b->start;
        b->last = b->start;

        if (ngx_http_reauth_events_fill(events) != NGX_OK) {
            return NGX_ERROR;
        }

        if (b->last == b->pos) {
            return NGX_OK;
        }

        events->heartbeat = ngx_current_msec + NGX_HTTP_REAUTH_EVENTS_HEARTBEAT;

        b->flush = 1;

        out.buf = b;
        out.next = NULL;

        rc = ngx_http_output_filter(r, &out);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return ngx_http_reauth_events_watch_write(r);
}


static void
ngx_http_reauth_events_run(ngx_http_reauth_events_t *events)
{
    ngx_msec_t      left;
    ngx_msec_int_t  due;

    if (ngx_http_reauth_wait_ending()
        || !ngx_http_reauth_caller_still(events->request,
                                         REAUTH_SCOPE_STATUS))
    {
        ngx_http_reauth_events_end(events);
        return;
    }

    if (ngx_http_reauth_events_send(events) != NGX_OK) {
        ngx_http_finalize_request(events->request, NGX_ERROR);
        return;
    }

    due = events->heartbeat - ngx_current_msec;
    left = due > 0 ? (ngx_msec_t) due : NGX_HTTP_REAUTH_EVENTS_HEARTBEAT;

    if (ngx_http_reauth_wait_park(events->wait, left) != NGX_OK) {
        ngx_http_finalize_request(events->request, NGX_ERROR);
    }
}


static ngx_uint_t
ngx_http_reauth_events_ready(ngx_http_reauth_wait_t *wait)
{
    return !ngx_http_reauth_events_blocked(wait->data);
}


static void
ngx_http_reauth_events_resume(ngx_http_reauth_wait_t *wait)
{
    ngx_http_reauth_events_run(wait->data);
}


/* the connection is writable again */

static void
ngx_http_reauth_events_write(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_reauth_events_t  *events;

    wev = r->connection->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    events = ctx->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }
    }

    ngx_http_reauth_wait_unpark(events->wait);

    ngx_http_reauth_events_run(events);
}


static ngx_int_t
ngx_http_reauth_events_headers(ngx_http_request_t *r)
{
    static ngx_str_t  no = ngx_string("no");
    static ngx_str_t  no_store = ngx_string("no-store");

    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    /* X-Accel-Buffering is for an nginx in front of this one */

    if (ngx_http_reauth_add_header(r, "Cache-Control", &no_store) != NGX_OK
        || ngx_http_reauth_add_header(r, "X-Accel-Buffering", &no) != NGX_OK
        || ngx_http_reauth_not_for_pages(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_reauth_events(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_table_elt_t           *h;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_reauth_store_t   *store;
    ngx_http_reauth_events_t  *events;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_no_params, NULL,
                                    &rc)
        != NGX_OK)
    {
        return rc;
    }

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    events = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_events_t));
    if (events == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_STATUS,
                                     &events->wait);

    if (rc != NGX_OK) {
        return rc == NGX_BUSY ? ngx_http_reauth_status_busy(r)
                              : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_reauth_events_headers(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_REAUTH_EVENTS_BUFFER);
    if (b == NULL) {
        return NGX_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->data = events;

    events->request = r;
    events->buf = b;

    events->wait->ready = ngx_http_reauth_events_ready;
    events->wait->resume = ngx_http_reauth_events_resume;
    events->wait->data = events;
    events->wait->takes_turns = 1;

    events->sealed = ngx_http_reauth_caller_confined(r);

    ngx_http_reauth_zone_place(&store->zone, &events->place);

    h = ngx_http_reauth_find_header(r, "last-event-id",
                                    sizeof("last-event-id") - 1);
    if (h != NULL && h->value.len != 0) {
        ngx_http_reauth_events_parse_id(events, &h->value);
    }

    r->write_event_handler = ngx_http_reauth_events_write;
    r->main->count++;

    ngx_http_reauth_events_run(events);

    return NGX_DONE;
}
