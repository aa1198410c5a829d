
/*
 * Copyright (C) the nginx-reauth authors
 *
 * "reauth_status": what is known of the accounts, for people, dashboards and
 * other proxies.  Everything is answered from the zone; records are copied out
 * of it and rendered afterwards.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "reauth_json.h"
#include "reauth_time.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_told.h"
#include "ngx_http_reauth_wait.h"


#define NGX_HTTP_REAUTH_STATUS_LIMIT      100

/* records are copied out of the zone that many at a time */
#define NGX_HTTP_REAUTH_STATUS_STEP       100

/* as often as that where little of what is looked at matches */
#define NGX_HTTP_REAUTH_STATUS_STEPS      2

/* of other callers' accounts that many are passed over for one page */
#define NGX_HTTP_REAUTH_STATUS_UNSEEN     5000

/* what a record of ordinary contents takes: a first guess at a list's size */
#define NGX_HTTP_REAUTH_STATUS_RECORD     512

/* how far two clocks of one machine, read one after the other, may differ */
#define NGX_HTTP_REAUTH_STATUS_WAIT_MARGIN  10

#define NGX_HTTP_REAUTH_STATUS_ETAG       64

/* an answer of readyz with its reason */
#define NGX_HTTP_REAUTH_STATUS_DEGRADED   256


typedef ngx_int_t (*ngx_http_reauth_status_handler_pt)(ngx_http_request_t *r,
    ngx_str_t *rest);

typedef struct {
    ngx_str_t                           name;
    ngx_uint_t                          prefix;  /* "rest" is what follows */
    ngx_uint_t                          open;    /* to nobody in particular */
    ngx_http_reauth_status_handler_pt   handler;
} ngx_http_reauth_status_resource_t;


/* a request that waits for a change of one account */

typedef struct {
    ngx_str_t                           account;
    uint64_t                            epoch;
    int64_t                             updated_ms;
    ngx_uint_t                          state;
} ngx_http_reauth_status_account_wait_t;


/* one page of a list */

typedef struct {
    ngx_http_reauth_zone_place_t        place;   /* before it was read */
    int64_t                             now_ms;
    ngx_uint_t                          confined;
    ngx_sha1_t                          seen;    /* if the caller is */
    ngx_http_reauth_status_text_t      *text;    /* NULL: only the digest */
} ngx_http_reauth_status_page_t;


/* ... of any account that it lists */

typedef struct {
    ngx_http_reauth_zone_cursor_t       cursor;
    ngx_http_reauth_zone_place_t        place;
} ngx_http_reauth_status_list_wait_t;


static ngx_int_t ngx_http_reauth_status_accounts(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_list(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor);
static ngx_int_t ngx_http_reauth_status_page(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor,
    ngx_http_reauth_status_page_t *page);
static ngx_int_t ngx_http_reauth_status_account(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_summary(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_gate(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_healthz(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_reauth_status_readyz(ngx_http_request_t *r,
    ngx_str_t *rest);

static ngx_http_reauth_status_resource_t  ngx_http_reauth_status_resources[] = {

    { ngx_string("accounts"), 0, 0, ngx_http_reauth_status_accounts },
    { ngx_string("accounts/"), 1, 0, ngx_http_reauth_status_account },
    { ngx_string("summary"), 0, 0, ngx_http_reauth_status_summary },
    { ngx_string("events"), 0, 0, ngx_http_reauth_events },
    { ngx_string("gate/"), 1, 0, ngx_http_reauth_status_gate },
    { ngx_string("healthz"), 0, 1, ngx_http_reauth_status_healthz },
    { ngx_string("readyz"), 0, 1, ngx_http_reauth_status_readyz },

    { ngx_null_string, 0, 0, NULL }
};


/* what follows the location's name in the path; NGX_DECLINED: it is another */

static ngx_int_t
ngx_http_reauth_status_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t                 *name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    name = &clcf->name;

    if (r->uri.len < name->len
        || ngx_strncmp(r->uri.data, name->data, name->len) != 0)
    {
        return NGX_DECLINED;
    }

    path->data = r->uri.data + name->len;
    path->len = r->uri.len - name->len;

    if (name->len != 0 && name->data[name->len - 1] == '/') {
        return NGX_OK;
    }

    if (path->len == 0 || path->data[0] != '/') {
        return NGX_DECLINED;
    }

    path->data++;
    path->len--;

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_status_not_found(ngx_http_request_t *r)
{
    return ngx_http_reauth_send_error(r, NGX_HTTP_NOT_FOUND, "NOT_FOUND",
               "There is no such status resource.",
               "There are: accounts, accounts/{id}, "
               "accounts/{id}/timeline, events, summary, gate/{id}, healthz "
               "and readyz.", NULL);
}


/*
 * A proxy asks for the gate with the method of the request that it has got:
 * nothing is changed by that.
 */

static ngx_uint_t
ngx_http_reauth_status_method_allowed(ngx_http_request_t *r)
{
    ngx_str_t  path;

    static u_char  gate[] = "gate/";

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return 1;
    }

    return ngx_http_reauth_status_path(r, &path) == NGX_OK
           && path.len >= sizeof(gate) - 1
           && ngx_strncmp(path.data, gate, sizeof(gate) - 1) == 0;
}


ngx_int_t
ngx_http_reauth_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                           rc;
    ngx_str_t                           path, rest;
    ngx_http_reauth_ctx_t              *ctx;
    ngx_http_reauth_status_resource_t  *resource;

    static ngx_str_t  allow = ngx_string("GET, HEAD");

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->operation = REAUTH_OPERATION_STATUS;

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_reauth_status_method_allowed(r)) {
        return ngx_http_reauth_method_not_allowed(r, &allow);
    }

    if (ngx_http_reauth_status_path(r, &path) != NGX_OK) {
        return ngx_http_reauth_status_not_found(r);
    }

    for (resource = ngx_http_reauth_status_resources;
         resource->handler != NULL;
         resource++)
    {
        if (path.len < resource->name.len
            || ngx_strncmp(path.data, resource->name.data, resource->name.len)
               != 0)
        {
            continue;
        }

        rest.data = path.data + resource->name.len;
        rest.len = path.len - resource->name.len;

        if (resource->prefix ? rest.len == 0 : rest.len != 0) {
            continue;
        }

        if (!resource->open) {
            rc = ngx_http_reauth_authorize(r, REAUTH_SCOPE_STATUS, NULL);

            if (rc != NGX_DECLINED) {
                return rc;
            }
        }

        return resource->handler(r, &rest);
    }

    return ngx_http_reauth_status_not_found(r);
}


ngx_int_t
ngx_http_reauth_status_reserve(ngx_http_reauth_status_text_t *text, size_t len)
{
    u_char  *p;
    size_t   size, used;

    if (text->last != NULL && len <= (size_t) (text->end - text->last)) {
        return NGX_OK;
    }

    used = text->last - text->start;
    size = 2 * (text->end - text->start) + len;

    p = ngx_palloc(text->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (used != 0) {
        ngx_memcpy(p, text->start, used);

        /* only what is no small piece of the pool's can be given back */
        (void) ngx_pfree(text->pool, text->start);
    }

    text->start = p;
    text->last = p + used;
    text->end = p + size;

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_status_add_record(ngx_http_request_t *r,
    ngx_http_reauth_status_text_t *text, const reauth_record_t *record,
    int64_t now_ms)
{
    size_t                len;
    reauth_state_t        state;
    reauth_status_view_t  view;

    view.now_ms = now_ms;
    view.retry_after = 0;

    state = reauth_status_state(record, view.now_ms);

    view.action = ngx_http_reauth_action(state, record->action);

    if (reauth_state_is_active(state)) {
        view.retry_after = ngx_http_reauth_retry_after(r, record->auth_type,
                                                       state, record->since_ms,
                                                       record->deadline_ms);
    }

    if (ngx_http_reauth_status_reserve(text, REAUTH_STATUS_RECORD_MAX)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = reauth_status_record((char *) text->last, record, &view);
    if (len == 0) {
        return NGX_ERROR;
    }

    text->last += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_status_send(ngx_http_request_t *r,
    ngx_http_reauth_status_text_t *text)
{
    ngx_str_t  body;

    body.data = text->start;
    body.len = text->last - text->start;

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}


ngx_http_reauth_store_t *
ngx_http_reauth_status_store(ngx_http_request_t *r)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    return &mcf->store;
}


/* Redis is configured, but this instance has to do without it */

static ngx_uint_t
ngx_http_reauth_status_degraded(ngx_http_reauth_store_t *store)
{
    ngx_uint_t  up, lag_ms;

    if (store->redis_conf == NULL) {
        return 0;
    }

    ngx_http_reauth_zone_get_remote(&store->zone, &up, &lag_ms);

    return !up || ngx_http_reauth_zone_deaf(&store->zone);
}


/*
 * What this instance can't say must not look as if there were no such account:
 * 503 until it has been able to read Redis, at most two seconds, and where it
 * has to do without.
 */

static ngx_int_t
ngx_http_reauth_status_unavailable(ngx_http_request_t *r,
    const char *error, const char *message, const char *description)
{
    static ngx_str_t  retry_after = ngx_string("1");

    if (ngx_http_reauth_add_header(r, "Retry-After", &retry_after) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE, error,
                                      message, description, NULL);
}


ngx_int_t
ngx_http_reauth_status_loading(ngx_http_request_t *r)
{
    return ngx_http_reauth_status_unavailable(r, "SERVICE_UNAVAILABLE",
               "The gateway has just started and reads what is known.",
               "Ask again in a second.");
}


ngx_int_t
ngx_http_reauth_status_busy(ngx_http_request_t *r)
{
    return ngx_http_reauth_status_unavailable(r, "SERVICE_UNAVAILABLE",
               "Too many requests wait for changes here.",
               "Ask again in a second, or without wait.");
}


/*
 * Names what is answered, so that a client that waits can say what it has seen
 * and misses nothing between two requests.
 */

static ngx_int_t
ngx_http_reauth_status_etag(ngx_http_request_t *r, u_char *text, size_t len)
{
    ngx_str_t         value;
    ngx_list_part_t  *part;

    value.len = len;
    value.data = ngx_pnalloc(r->pool, len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value.data, text, len);

    if (ngx_http_reauth_add_header(r, "ETag", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    part = r->headers_out.headers.last;
    r->headers_out.etag = (ngx_table_elt_t *) part->elts + part->nelts - 1;

    return NGX_OK;
}


static size_t
ngx_http_reauth_status_account_etag(u_char *text,
    const reauth_record_t *record)
{
    return ngx_sprintf(text, "W/\"%xL-%xL-%ui-%xL\"", record->epoch,
                       record->updated_ms, (ngx_uint_t) record->state,
                       record->polled_ms)
           - text;
}


/*
 * The number of the last change, of any account; a caller that is confined to
 * some gets a digest of what the page says of them.
 */

static size_t
ngx_http_reauth_status_list_etag(u_char *text,
    ngx_http_reauth_status_page_t *page)
{
    u_char      *p;
    u_char       digest[20];
    ngx_sha1_t   sha1;

    if (!page->confined) {
        return ngx_sprintf(text, "W/\"%xL-%xL\"", page->place.boot,
                           page->place.change)
               - text;
    }

    sha1 = page->seen;
    ngx_sha1_final(digest, &sha1);

    p = ngx_cpymem(text, "W/\"", sizeof("W/\"") - 1);
    p = ngx_hex_dump(p, digest, sizeof(digest));
    *p++ = '"';

    return p - text;
}


/* whether the client has seen something else than what is now */

static ngx_uint_t
ngx_http_reauth_status_seen_other(ngx_http_request_t *r, u_char *etag,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.if_none_match;

    return h != NULL
           && (h->value.len != len
               || ngx_memcmp(h->value.data, etag, len) != 0);
}


/* the request waits; its handler returns what this does */

static ngx_int_t
ngx_http_reauth_status_park(ngx_http_request_t *r,
    ngx_http_reauth_wait_t *wait, ngx_msec_t msec)
{
    if (ngx_http_reauth_wait_park(wait, msec) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}


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

        /* one that leaves the list is a change of it too */

        if ((cursor->state == REAUTH_STATE_LAST
             || cursor->state == record.state
             || cursor->state == was)
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


static ngx_int_t
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


static ngx_int_t
ngx_http_reauth_status_accounts(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                        rc;
    ngx_http_reauth_store_t         *store;
    ngx_http_reauth_status_query_t   query;

    ngx_memzero(&query, sizeof(ngx_http_reauth_status_query_t));

    query.request = r;
    query.cursor.state = REAUTH_STATE_LAST;
    query.cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    query.cursor.limit = NGX_HTTP_REAUTH_STATUS_LIMIT;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_list_params,
                                    &query, &rc)
        != NGX_OK)
    {
        return rc;
    }

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    return query.wait ? ngx_http_reauth_status_list_wait(r, &query)
                      : ngx_http_reauth_status_list(r, &query.cursor);
}


/* one record, if the caller may see it; NGX_DECLINED: it may not */

static ngx_int_t
ngx_http_reauth_status_page_record(ngx_http_request_t *r,
    ngx_http_reauth_status_page_t *page, const reauth_record_t *record)
{
    u_char            etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    reauth_string_t   account;

    account = reauth_string_from(record->account);

    if (!ngx_http_reauth_caller_sees(r, &account)) {
        return NGX_DECLINED;
    }

    if (page->confined) {
        ngx_sha1_update(&page->seen, account.data, account.len);
        ngx_sha1_update(&page->seen, etag,
                        ngx_http_reauth_status_account_etag(etag, record));
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


/* the digest of a caller's own accounts is needed, or what is listed */

static ngx_int_t
ngx_http_reauth_status_page(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_status_page_t *page)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, n, left, steps, unseen;
    reauth_record_t          *records;
    ngx_http_reauth_store_t  *store;

    store = ngx_http_reauth_status_store(r);

    /* before what is listed: a change meanwhile makes it another one */

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

    /* where little matches the page is short: others have their turn first */

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

            /* the end of a page does not tell how many others there are */

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
        ? ngx_http_reauth_told_seal(r, p,
                                    (uint64_t) cursor->index << 1
                                    | (cursor->ended != 0),
                                    cursor->offset)
        : ngx_sprintf(p, "%c%xi-%xi", cursor->ended ? 'e' : 'a',
                      cursor->index, cursor->offset);

    *p++ = '"';

    return p;
}


static ngx_int_t
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


static ngx_int_t
ngx_http_reauth_status_bad_id(ngx_http_request_t *r, const char *text)
{
    json_t  *errors;

    static ngx_str_t  name = ngx_string("account_id");

    errors = NULL;

    if (ngx_http_reauth_status_add_error(&errors, &name, text) != NGX_OK) {
        json_decref(errors);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_invalid(r, errors);
}


/*
 * The account that the path names, kept for the variables too; NGX_OK, or
 * NGX_DECLINED, *rc being the answer's result.
 */

static ngx_int_t
ngx_http_reauth_status_id(ngx_http_request_t *r, ngx_str_t *rest,
    reauth_string_t *account, ngx_int_t *rc)
{
    ngx_http_reauth_ctx_t  *ctx;

    account->data = rest->data;
    account->len = rest->len;

    if (!reauth_id_is_account(account)) {
        *rc = ngx_http_reauth_status_bad_id(r,
                  "must be acct_, fansly_acct_ or fanvue_acct_ and 1 to 64 of "
                  "A-Z, a-z, 0-9, _ and -");
        return NGX_DECLINED;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    ctx->account = *rest;

    *rc = ngx_http_reauth_authorize(r, REAUTH_SCOPE_STATUS, account);

    return *rc == NGX_DECLINED ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_reauth_status_account_unknown(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_http_reauth_store_t *store)
{
    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_gate_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, rest,
                                         NULL);
    }

    if (ngx_http_reauth_status_degraded(store)) {
        return ngx_http_reauth_status_unavailable(r, "STORE_UNAVAILABLE",
                   "This instance knows nothing of the account, and Redis, "
                   "which may, can't be asked.",
                   "Ask again when readyz says ready.");
    }

    return ngx_http_reauth_send_error(r, NGX_HTTP_NOT_FOUND, "NOT_FOUND",
               "Nothing is known of this account.",
               "No update of its credentials was seen here, or it ended so "
               "long ago that it was forgotten. Its gate is open.", NULL);
}


static ngx_int_t
ngx_http_reauth_status_account_answer(ngx_http_request_t *r,
    ngx_str_t *account)
{
    u_char                          etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    int64_t                         now_ms;
    reauth_record_t                 record;
    reauth_string_t                 id;
    ngx_http_reauth_ctx_t          *ctx;
    ngx_http_reauth_store_t        *store;
    ngx_http_reauth_status_text_t   text;

    store = ngx_http_reauth_status_store(r);

    id.data = account->data;
    id.len = account->len;

    if (ngx_http_reauth_zone_find(&store->zone, &id, &record) != NGX_OK) {
        return ngx_http_reauth_status_account_unknown(r, account, store);
    }

    now_ms = ngx_http_reauth_now();
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    ctx->state = reauth_status_state(&record, now_ms);
    ctx->auth_type = record.auth_type;

    ctx->attempt.len = ngx_strlen(record.attempt);
    ctx->attempt.data = ngx_pnalloc(r->pool, ctx->attempt.len + 1);
    if (ctx->attempt.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(ctx->attempt.data, record.attempt, ctx->attempt.len);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_add_record(r, &text, &record, now_ms) != NGX_OK
        || ngx_http_reauth_status_etag(r, etag,
                            ngx_http_reauth_status_account_etag(etag, &record))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_status_send(r, &text);
}


static ngx_uint_t
ngx_http_reauth_status_account_ready(ngx_http_reauth_wait_t *wait)
{
    reauth_record_t                         record;
    reauth_string_t                         id;
    ngx_http_reauth_status_account_wait_t  *account;

    account = wait->data;

    id.data = account->account.data;
    id.len = account->account.len;

    return ngx_http_reauth_zone_find(wait->zone, &id, &record) != NGX_OK
           || record.epoch != account->epoch
           || record.updated_ms != account->updated_ms
           || record.state != account->state;
}


static void
ngx_http_reauth_status_account_resume(ngx_http_reauth_wait_t *wait)
{
    ngx_int_t                               rc;
    reauth_string_t                         name;
    ngx_http_reauth_status_account_wait_t  *account;

    account = wait->data;

    name.data = account->account.data;
    name.len = account->account.len;

    ngx_http_reauth_wait_done(wait);

    rc = ngx_http_reauth_authorize(wait->request, REAUTH_SCOPE_STATUS, &name);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_status_account_answer(wait->request,
                                                   &account->account);
    }

    ngx_http_finalize_request(wait->request, rc);
}


static ngx_int_t
ngx_http_reauth_status_account_wait(ngx_http_request_t *r, ngx_str_t *name,
    ngx_msec_t msec)
{
    size_t                                  len;
    u_char                                  etag[NGX_HTTP_REAUTH_STATUS_ETAG];
    int64_t                                 left_ms;
    ngx_int_t                               rc;
    reauth_record_t                         record;
    reauth_string_t                         id;
    ngx_http_reauth_wait_t                 *wait;
    ngx_http_reauth_store_t                *store;
    ngx_http_reauth_status_account_wait_t  *account;

    store = ngx_http_reauth_status_store(r);

    id.data = name->data;
    id.len = name->len;

    if (ngx_http_reauth_wait_ending()
        || ngx_http_reauth_zone_find(&store->zone, &id, &record) != NGX_OK
        || !reauth_state_is_active(record.state))
    {
        return ngx_http_reauth_status_account_answer(r, name);
    }

    len = ngx_http_reauth_status_account_etag(etag, &record);

    if (ngx_http_reauth_status_seen_other(r, etag, len)) {
        return ngx_http_reauth_status_account_answer(r, name);
    }

    rc = ngx_http_reauth_wait_create(r, NGX_HTTP_REAUTH_WAIT_STATUS, &wait);

    if (rc != NGX_OK) {
        return rc == NGX_BUSY ? ngx_http_reauth_status_busy(r)
                              : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    account = ngx_palloc(r->pool,
                         sizeof(ngx_http_reauth_status_account_wait_t));
    if (account == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    account->account = *name;
    account->epoch = record.epoch;
    account->updated_ms = record.updated_ms;
    account->state = record.state;

    wait->ready = ngx_http_reauth_status_account_ready;
    wait->resume = ngx_http_reauth_status_account_resume;
    wait->data = account;

    /*
     * Past its deadline it is an ended one, whoever has noticed.  Timers go by
     * another clock than deadlines, and are not to be early by it.
     */

    left_ms = record.deadline_ms - ngx_http_reauth_now()
              + NGX_HTTP_REAUTH_STATUS_WAIT_MARGIN;

    return ngx_http_reauth_status_park(r, wait,
                                 (ngx_msec_t) ngx_min((int64_t) msec, left_ms));
}


static ngx_int_t
ngx_http_reauth_status_account(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                        rc;
    ngx_str_t                        name;
    ngx_uint_t                       timeline;
    reauth_string_t                  account;
    ngx_http_reauth_status_query_t   query;

    static ngx_str_t  suffix = ngx_string("/timeline");

    name = *rest;

    timeline = name.len > suffix.len
               && ngx_strncmp(name.data + name.len - suffix.len, suffix.data,
                              suffix.len)
                  == 0;

    if (timeline) {
        name.len -= suffix.len;
    }

    query.wait = 0;

    if (ngx_http_reauth_status_id(r, &name, &account, &rc) != NGX_OK
        || ngx_http_reauth_status_args(r,
                             timeline ? ngx_http_reauth_status_no_params
                                      : ngx_http_reauth_status_account_params,
                             &query, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (timeline) {
        return ngx_http_reauth_timeline(r, &name);
    }

    return query.wait
           ? ngx_http_reauth_status_account_wait(r, &name, query.wait)
           : ngx_http_reauth_status_account_answer(r, &name);
}


static ngx_int_t
ngx_http_reauth_status_summary(ngx_http_request_t *r, ngx_str_t *rest)
{
    int64_t                          age_ms;
    ngx_int_t                        rc;
    ngx_uint_t                       state, up, lag_ms;
    ngx_http_reauth_store_t         *store;
    ngx_http_reauth_status_text_t    text;
    ngx_http_reauth_zone_summary_t   summary;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_no_params, NULL,
                                    &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_reauth_caller_confined(r)) {
        return ngx_http_reauth_caller_forbidden(r, "The caller may not see "
                   "the summary.", "It counts all accounts, and the token is "
                   "confined to certain accounts: list these instead.");
    }

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {
        return ngx_http_reauth_status_loading(r);
    }

    ngx_http_reauth_zone_summary(&store->zone, &summary);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text, 1024) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "{\"states\":",
                           sizeof("{\"states\":") - 1);

    for (state = REAUTH_STATE_NONE + 1; state < REAUTH_STATE_LAST; state++) {
        text.last = ngx_sprintf(text.last, "%c\"%s\":%ui",
                                state == REAUTH_STATE_NONE + 1 ? '{' : ',',
                                reauth_state_name((reauth_state_t) state),
                                summary.states[state]);
    }

    /* an account whose attempt is active is one whose gate is closed */

    text.last = ngx_sprintf(text.last,
                            "},\"active\":%ui,\"gates_closed\":%ui,"
                            "\"oldest_active_seconds\":",
                            summary.active, summary.active);

    if (summary.oldest_since_ms != 0) {
        age_ms = ngx_http_reauth_now() - summary.oldest_since_ms;
        text.last = ngx_sprintf(text.last, "%L",
                                age_ms > 0 ? age_ms / 1000 : (int64_t) 0);

    } else {
        text.last = ngx_cpymem(text.last, "null", sizeof("null") - 1);
    }

    ngx_http_reauth_zone_get_remote(&store->zone, &up, &lag_ms);

    if (store->redis_conf != NULL && up) {
        text.last = ngx_sprintf(text.last,
                                ",\"store\":{\"redis\":\"up\",\"lag_ms\":%ui}",
                                lag_ms);

    } else {
        text.last = ngx_sprintf(text.last,
                                ",\"store\":{\"redis\":\"%s\",\"lag_ms\":null}",
                                store->redis_conf != NULL ? "down" : "none");
    }

    text.last = ngx_sprintf(text.last,
                            ",\"zone\":{\"size\":%uz,\"free\":%uz,"
                            "\"accounts\":%ui,\"dropped\":%ui}}",
                            summary.size, summary.free, summary.accounts,
                            summary.dropped);

    return ngx_http_reauth_status_send(r, &text);
}


/*
 * For the authorization requests of other proxies, which may carry the query
 * string of what they ask about: it is passed over.
 */

static ngx_int_t
ngx_http_reauth_status_gate(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                      rc;
    ngx_str_t                      body;
    reauth_string_t                account;
    ngx_http_reauth_ctx_t         *ctx;
    ngx_http_reauth_store_t       *store;
    ngx_http_reauth_closed_t       closed;
    ngx_http_reauth_status_gate_t  status;

    static ngx_str_t  open = ngx_string("{\"gate\":\"open\"}");
    static ngx_str_t  challenge = ngx_string("Bearer realm=\"nginx-reauth\"");

    /* as in the path of a call: another proxy may pass on what it was sent */

    if (r->valid_unparsed_uri && (r->complex_uri || r->quoted_uri)) {
        return ngx_http_reauth_status_bad_id(r,
                   "must be in its plain form, in a path without "
                   "percent-encoding, dot segments and empty segments");
    }

    if (ngx_http_reauth_status_id(r, rest, &account, &rc) != NGX_OK) {
        return rc;
    }

    status.open = NGX_HTTP_NO_CONTENT;
    status.closed = NGX_HTTP_SERVICE_UNAVAILABLE;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_gate_params,
                                    &status, &rc)
        != NGX_OK)
    {
        return rc;
    }

    store = ngx_http_reauth_status_store(r);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    rc = ngx_http_reauth_zone_gate(&store->zone, rest->data, rest->len,
                                   ngx_http_reauth_now(), &closed);

    if (rc == NGX_DECLINED) {
        ctx->gate = NGX_HTTP_REAUTH_GATE_OPEN;
        ngx_str_null(&body);

        if (status.open == NGX_HTTP_OK) {
            body = open;
        }

        return ngx_http_reauth_send(r, status.open, &body);
    }

    ctx->gate = NGX_HTTP_REAUTH_GATE_CLOSED;

    if (status.closed == NGX_HTTP_UNAUTHORIZED
        && ngx_http_reauth_add_header(r, "WWW-Authenticate", &challenge)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_reauth_gate_send(r, status.closed, rest, NULL);
    }

    ctx->state = closed.state;
    ctx->auth_type = closed.auth_type;

    return ngx_http_reauth_gate_send(r, status.closed, rest, &closed);
}


/* this worker answers, which is all that it says */

static ngx_int_t
ngx_http_reauth_status_healthz(ngx_http_request_t *r, ngx_str_t *rest)
{
    static ngx_str_t  body = ngx_string("{\"status\":\"ok\"}");

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}


static ngx_int_t
ngx_http_reauth_status_readyz(ngx_http_request_t *r, ngx_str_t *rest)
{
    u_char                   *p;
    ngx_str_t                 body;
    ngx_uint_t                up, lag_ms;
    const char               *reason;
    ngx_http_reauth_store_t  *store;

    static ngx_str_t  retry_after = ngx_string("1");
    static ngx_str_t  loading = ngx_string("{\"status\":\"loading\"}");
    static ngx_str_t  ready = ngx_string("{\"status\":\"ready\"}");
    static ngx_str_t  deaf = ngx_string("{\"status\":\"degraded\",\"reason\":"
                          "\"Redis refuses to be followed: what other "
                          "instances do is not known here\"}");

    store = ngx_http_reauth_status_store(r);

    if (!ngx_http_reauth_zone_loaded(&store->zone, ngx_http_reauth_now())) {

        if (ngx_http_reauth_add_header(r, "Retry-After", &retry_after)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_reauth_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, &loading);
    }

    if (!ngx_http_reauth_status_degraded(store)) {
        return ngx_http_reauth_send(r, NGX_HTTP_OK, &ready);
    }

    ngx_http_reauth_zone_get_remote(&store->zone, &up, &lag_ms);

    if (up) {
        return ngx_http_reauth_send(r, NGX_HTTP_OK, &deaf);
    }

    reason = ngx_http_reauth_store_refusal(store);

    if (reason == NULL) {
        reason = "Redis can't be reached";
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_REAUTH_STATUS_DEGRADED);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    body.len = ngx_snprintf(p, NGX_HTTP_REAUTH_STATUS_DEGRADED,
                            "{\"status\":\"degraded\",\"reason\":\"%s: "
                            "updates are kept by this instance alone\"}",
                            reason)
               - p;

    return ngx_http_reauth_send(r, NGX_HTTP_OK, &body);
}
