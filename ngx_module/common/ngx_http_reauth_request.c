
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A request: its context, and its headers.
 */


#include "ngx_http_reauth_request.h"
#include "ngx_http_reauth_audit_entry.h"


typedef struct {
    ngx_http_request_t       *request;
    ngx_http_reauth_ctx_t    *ctx;
} ngx_http_reauth_served_t;


const char  *ngx_http_reauth_update_names[NGX_HTTP_REAUTH_UPDATE_LAST] = {
    "accepted", "rejected", "unknown", "coalesced", "invalid", "conflict",
    "unavailable"
};


ngx_http_reauth_ctx_t *
ngx_http_reauth_get_ctx(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }

        ngx_http_set_ctx(r, ctx, ngx_http_reauth_module);
    }

    return ctx;
}


/* nginx sets the status of a request without a response, 499, only later */

static ngx_http_reauth_status_class_e
ngx_http_reauth_status_class(ngx_uint_t status)
{
    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return NGX_HTTP_REAUTH_STATUS_5XX;
    }

    if (status == 0 || status >= NGX_HTTP_BAD_REQUEST) {
        return NGX_HTTP_REAUTH_STATUS_4XX;
    }

    return status >= NGX_HTTP_SPECIAL_RESPONSE ? NGX_HTTP_REAUTH_STATUS_3XX
                                               : NGX_HTTP_REAUTH_STATUS_2XX;
}


/* an error_page may have cleared the request's context */

static void
ngx_http_reauth_served(void *data)
{
    ngx_http_reauth_served_t *served = data;

    ngx_http_request_t              *r;
    ngx_http_reauth_ctx_t           *ctx;
    ngx_http_reauth_status_class_e   class;

    r = served->request;
    ctx = served->ctx;
    class = ngx_http_reauth_status_class(r->headers_out.status);

    ngx_http_reauth_count(r, ngx_http_reauth_count_of_request(ctx->operation,
                                                              class));

    if (ctx->act != NGX_HTTP_REAUTH_ACT_NONE) {
        ngx_http_reauth_count(r, ngx_http_reauth_count_of_act(ctx->act,
                                                              class));
    }

    ngx_http_reauth_audit_entry_served(r, ctx);
}


ngx_http_reauth_ctx_t *
ngx_http_reauth_serve_ctx(ngx_http_request_t *r, reauth_operation_t operation)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_reauth_served_t  *served;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_reauth_served_t));
    if (cln == NULL) {
        return NULL;
    }

    served = cln->data;
    served->request = r;
    served->ctx = ctx;

    cln->handler = ngx_http_reauth_served;

    ctx->operation = operation;

    return ctx;
}


ngx_int_t
ngx_http_reauth_ctx_record(ngx_http_request_t *r, ngx_http_reauth_ctx_t *ctx,
    const reauth_record_t *record)
{
    ctx->state = record->state;
    ctx->auth_type = record->auth_type;

    ctx->attempt.len = ngx_strlen(record->attempt);
    ctx->attempt.data = ngx_pnalloc(r->pool, REAUTH_ATTEMPT_MAX);
    if (ctx->attempt.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->attempt.data, record->attempt, ctx->attempt.len);

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_reauth_find_next_header(ngx_http_request_t *r,
    ngx_http_reauth_header_walk_t *walk, const char *name, size_t len)
{
    ngx_table_elt_t  *h;

    if (walk->part == NULL) {
        walk->part = &r->headers_in.headers.part;
    }

    for ( ;; ) {

        if (walk->next >= walk->part->nelts) {
            if (walk->part->next == NULL) {
                return NULL;
            }

            walk->part = walk->part->next;
            walk->next = 0;
            continue;
        }

        h = walk->part->elts;
        h += walk->next++;

        if (h->key.len == len && ngx_strncmp(h->lowcase_key, name, len) == 0) {
            return h;
        }
    }
}


ngx_table_elt_t *
ngx_http_reauth_find_header(ngx_http_request_t *r, const char *name,
    size_t len)
{
    ngx_http_reauth_header_walk_t  walk;

    ngx_memzero(&walk, sizeof(ngx_http_reauth_header_walk_t));

    return ngx_http_reauth_find_next_header(r, &walk, name, len);
}


ngx_uint_t
ngx_http_reauth_content_encoded(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_http_reauth_find_header(r, "content-encoding",
                                    sizeof("content-encoding") - 1);

    return h != NULL
           && !(h->value.len == 8
                && ngx_strncasecmp(h->value.data, (u_char *) "identity", 8)
                   == 0);
}


int64_t
ngx_http_reauth_began_ms(ngx_http_request_t *r)
{
    int64_t  passed_ms, most_ms;

    passed_ms = ngx_http_reauth_wall_clock()
                - ((int64_t) r->start_sec * 1000 + (int64_t) r->start_msec);

    /* not before its connection */

    most_ms = (int64_t) (ngx_current_msec - r->connection->start_time);

    if (passed_ms < 0 || passed_ms > most_ms) {
        passed_ms = most_ms;
    }

    return ngx_http_reauth_now() - passed_ms;
}


void
ngx_http_reauth_count(ngx_http_request_t *r, ngx_http_reauth_count_e what)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* a configuration that only adds the API key needs no zone */

    if (mcf->store.zone.shm_zone != NULL) {
        ngx_http_reauth_zone_count(&mcf->store.zone, what);
    }
}


void
ngx_http_reauth_count_update(ngx_http_request_t *r,
    ngx_http_reauth_update_e result)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    /* others were not sent: the error is the outcome */

    if (result <= NGX_HTTP_REAUTH_UPDATE_COALESCED) {
        ctx->settled = ngx_http_reauth_update_names[result];
    }

    ngx_http_reauth_count(r, ngx_http_reauth_count_of_update(ctx->auth_type,
                                                             result));
}
