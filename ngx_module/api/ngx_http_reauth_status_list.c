
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/accounts: a page of the accounts, now or when one has changed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "reauth_time.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_cursor.h"
#include "ngx_http_reauth_zone_changes.h"


/* records copied from the zone at a time */
#define NGX_HTTP_REAUTH_STATUS_STEP       100

/* batches per request if few records match */
#define NGX_HTTP_REAUTH_STATUS_STEPS      2

/* records of other accounts that are skipped for a page */
#define NGX_HTTP_REAUTH_STATUS_UNSEEN     5000

/* size of a typical record, for the initial size of a list */
#define NGX_HTTP_REAUTH_STATUS_RECORD     512


/* of any listed account */

typedef struct {
    ngx_http_reauth_zone_cursor_t       cursor;
    ngx_http_reauth_zone_place_t        place;
} ngx_http_reauth_status_list_wait_t;


static ngx_int_t ngx_http_reauth_status_page(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor,
    ngx_http_reauth_status_page_t *page);


static ngx_uint_t
ngx_http_reauth_status_list_ready(ngx_http_reauth_wait_t *wait)
{
    ngx_int_t                            rc;
    ngx_uint_t                           was;
    reauth_record_t                      record;
    reauth_string_t                      account;
    ngx_http_reauth_zone_cursor_t       *cursor;
    ngx_http_reauth_status_list_wait_t  *list;

    list = wait->data;
    cursor = &list->cursor;

    if (!ngx_http_reauth_caller_still(wait->request, REAUTH_SCOPE_STATUS)) {
        return 1;
    }

    for ( ;; ) {
        rc = ngx_http_reauth_zone_next_change(wait->zone, &list->place,
                                              &record, &was);
        if (rc != NGX_OK) {
            return rc == NGX_ABORT;
        }

        account = reauth_string_from(record.account);

        if (account.len == 0) {
            continue;
        }

        /*
         * A record that has left the list is a change, too.  Its former caller
         * and gate are not known, so these filters are not applied.
         */

        if ((cursor->states == 0
             || (cursor->states & (1u << record.state | 1u << was)))
            && (cursor->auth_type == REAUTH_AUTH_TYPE_LAST
                || cursor->auth_type == record.auth_type)
            && ngx_http_reauth_caller_sees(wait->request, &account))
        {
            return 1;
        }
    }
}


static void
ngx_http_reauth_status_list_resume(ngx_http_reauth_wait_t *wait)
{
    ngx_int_t                            rc;
    ngx_http_reauth_status_list_wait_t  *list;

    list = wait->data;

    ngx_http_reauth_wait_done(wait);

    rc = ngx_http_reauth_authorize(wait->request, REAUTH_SCOPE_STATUS, NULL);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_status_list(wait->request, &list->cursor);
    }

    ngx_http_finalize_request(wait->request, rc);
}


ngx_int_t
ngx_http_reauth_status_list_wait(ngx_http_request_t *r,
    ngx_http_reauth_status_query_t *query)
{
    size_t                               len;
    u_char                               etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    ngx_int_t                            rc;
    ngx_http_reauth_wait_t              *wait;
    ngx_http_reauth_zone_cursor_t        cursor;
    ngx_http_reauth_status_page_t        page;
    ngx_http_reauth_status_list_wait_t  *list;

    list = ngx_palloc(r->pool, sizeof(ngx_http_reauth_status_list_wait_t));
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list->cursor = query->cursor;

    page.text = NULL;
    cursor = query->cursor;

    if (ngx_http_reauth_status_page(r, &cursor, &page) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list->place = page.place;

    len = ngx_http_reauth_status_list_etag(etag, &page);

    if (ngx_http_reauth_wait_ending()
        || ngx_http_reauth_status_seen_other(r, etag, len))
    {
        return ngx_http_reauth_status_list(r, &list->cursor);
    }

    rc = ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_STATUS, &wait);

    if (rc != NGX_OK) {
        return rc == NGX_BUSY ? ngx_http_reauth_status_busy(r)
                              : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait->ready = ngx_http_reauth_status_list_ready;
    wait->resume = ngx_http_reauth_status_list_resume;
    wait->data = list;

    return ngx_http_reauth_status_park(r, wait, query->wait);
}


/* appends a record; NGX_DECLINED: not visible to the caller */

static ngx_int_t
ngx_http_reauth_status_page_record(ngx_http_request_t *r,
    ngx_http_reauth_status_page_t *page, const reauth_record_t *record)
{
    u_char            etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    uint64_t          stamp;
    reauth_string_t   account;

    account = reauth_string_from(record->account);

    if (!ngx_http_reauth_caller_sees(r, &account)) {
        return NGX_DECLINED;
    }

    if (page->confined) {
        ngx_sha1_update(&page->seen, account.data, account.len);

        stamp = ngx_http_reauth_status_stamp(
                    &ngx_http_reauth_status_store(r)->zone, &account);

        ngx_sha1_update(&page->seen, etag,
                        ngx_http_reauth_status_account_etag(etag, record,
                                                            stamp));
    }

    if (page->text == NULL) {
        return NGX_OK;
    }

    if (ngx_http_reauth_status_add_record(r, page->text, record, page->now_ms)
        != NGX_OK
        || ngx_http_reauth_status_reserve(page->text, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *page->text->last++ = ',';

    return NGX_OK;
}


/* only the digest, or also the list */

static ngx_int_t
ngx_http_reauth_status_page(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_status_page_t *page)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, n, left, steps, unseen;
    reauth_record_t          *records;
    ngx_http_reauth_store_t  *store;

    store = ngx_http_reauth_status_store(r);

    /* taken before the list, so that later changes give another ETag */

    ngx_http_reauth_zone_place(&store->zone, &page->place);

    page->now_ms = ngx_http_reauth_now();
    page->confined = ngx_http_reauth_caller_confined(r);

    if (page->text == NULL && !page->confined) {
        return NGX_OK;
    }

    ngx_sha1_init(&page->seen);

    left = cursor->limit;
    unseen = 0;

    records = ngx_palloc(r->pool, ngx_min(left, NGX_HTTP_REAUTH_STATUS_STEP)
                                  * sizeof(reauth_record_t));
    if (records == NULL) {
        return NGX_ERROR;
    }

    /* if few records match, the page is short: other requests must not wait */

    for (steps = 0;
         left != 0 && !cursor->done && steps < NGX_HTTP_REAUTH_STATUS_STEPS
         && unseen < NGX_HTTP_REAUTH_STATUS_UNSEEN;
         steps++)
    {
        cursor->limit = ngx_min(left, NGX_HTTP_REAUTH_STATUS_STEP);

        n = ngx_http_reauth_zone_list(&store->zone, cursor, records);

        if (n == cursor->limit) {
            steps = 0;
        }

        for (i = 0; i < n; i++) {
            rc = ngx_http_reauth_status_page_record(r, page, &records[i]);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            /* do not disclose the number of other accounts */

            if (rc == NGX_OK) {
                left--;

            } else {
                unseen++;
            }
        }
    }

    return NGX_OK;
}


static u_char *
ngx_http_reauth_status_cursor(ngx_http_request_t *r, u_char *p,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_uint_t confined)
{
    *p++ = '"';

    p = confined
        ? ngx_http_reauth_cursor_seal(r, p,
                                    cursor->index << 3 | cursor->ended,
                                    cursor->offset)
        : ngx_sprintf(p, "%c%xL-%xi", "aeosu"[cursor->ended],
                      cursor->index, cursor->offset);

    *p++ = '"';

    return p;
}


ngx_int_t
ngx_http_reauth_status_list(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor)
{
    u_char                         *p, etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    ngx_uint_t                      degraded;
    ngx_http_reauth_store_t        *store;
    ngx_http_reauth_status_page_t   page;
    ngx_http_reauth_status_text_t   text;

    store = ngx_http_reauth_status_store(r);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text,
                                       ngx_min(cursor->limit,
                                               NGX_HTTP_REAUTH_STATUS_STEP)
                                       * NGX_HTTP_REAUTH_STATUS_RECORD
                                       + REAUTH_STATUS_RECORD_MAX)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "{\"accounts\":[",
                           sizeof("{\"accounts\":[") - 1);

    page.text = &text;

    if (ngx_http_reauth_status_page(r, cursor, &page) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (text.last[-1] == ',') {
        text.last--;
    }

    if (ngx_http_reauth_status_reserve(&text, 256) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(text.last, "],\"next_cursor\":",
                   sizeof("],\"next_cursor\":") - 1);

    if (cursor->done) {
        p = ngx_cpymem(p, "null", sizeof("null") - 1);

    } else {
        p = ngx_http_reauth_status_cursor(r, p, cursor, page.confined);
    }

    p = ngx_cpymem(p, ",\"generated_at\":\"",
                   sizeof(",\"generated_at\":\"") - 1);
    p += reauth_time_format_ms((char *) p, page.now_ms);

    degraded = ngx_http_reauth_status_degraded(store);

    text.last = ngx_sprintf(p, "\",\"store\":\"%s\",\"degraded\":%s}",
                            store->redis_conf != NULL && !degraded
                            ? "redis" : "local",
                            degraded ? "true" : "false");

    if (ngx_http_reauth_status_etag(r, etag,
                             ngx_http_reauth_status_list_etag(etag, &page))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_send(r, &text);
}
