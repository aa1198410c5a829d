
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The texts of the status resources: records, and what their entity tags are
 * made of.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_zone_heal.h"


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

        /* only large pool allocations can be freed */
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
    int64_t               since_ms, deadline_ms;
    reauth_state_t        state;
    reauth_string_t       account;
    reauth_heal_t         heal;
    reauth_override_t     override;
    reauth_status_view_t  view;

    view.now_ms = now_ms;
    view.retry_after = 0;
    view.override = NULL;
    view.heal = NULL;

    state = reauth_record_state(record, view.now_ms);
    account = reauth_string_from(record->account);

    if (ngx_http_reauth_zone_get_override(
            &ngx_http_reauth_status_store(r)->zone, &account, &override)
        == NGX_OK)
    {
        view.override = &override;
    }

    if (ngx_http_reauth_zone_get_heal(&ngx_http_reauth_status_store(r)->zone,
                                      &account, &heal)
        == NGX_OK)
    {
        view.heal = &heal;
    }

    view.action = ngx_http_reauth_action(state, record->action);

    if (reauth_override_closes(view.override, state, now_ms)) {
        since_ms = 0;
        deadline_ms = 0;

        if (reauth_state_is_active(state)) {
            since_ms = record->since_ms;
            deadline_ms = record->deadline_ms;
        }

        if (reauth_override_gate(view.override, now_ms)
            == REAUTH_OVERRIDE_CLOSED)
        {
            reauth_gate_overridden(view.override, &since_ms, &deadline_ms);
        }

        view.retry_after = ngx_http_reauth_retry_after(r, record->auth_type,
                                                       state, since_ms,
                                                       deadline_ms);
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


/*
 * The ETag of the response: a waiting client sends it back and misses no
 * change between two requests.
 */

ngx_int_t
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


size_t
ngx_http_reauth_status_account_etag(u_char *text,
    const reauth_record_t *record, uint64_t stamp)
{
    return ngx_sprintf(text, "W/\"%xL-%xL-%ui-%xL-%xL\"", record->epoch,
                       record->updated_ms, (ngx_uint_t) record->state,
                       record->polled_ms, stamp)
           - text;
}


/*
 * The ETag is the number of the last change of any account, or for confined
 * callers, a digest of the page.
 */

size_t
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


/* whether the client's ETag is outdated */

ngx_uint_t
ngx_http_reauth_status_seen_other(ngx_http_request_t *r, u_char *etag,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.if_none_match;

    return h != NULL
           && (h->value.len != len
               || ngx_memcmp(h->value.data, etag, len) != 0);
}
