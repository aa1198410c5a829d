
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A request: its context, and its headers.
 */


#include "ngx_http_reauth_request.h"


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


ngx_table_elt_t *
ngx_http_reauth_find_header(ngx_http_request_t *r, const char *name,
    size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncmp(h[i].lowcase_key, name, len) == 0)
        {
            return &h[i];
        }
    }
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
