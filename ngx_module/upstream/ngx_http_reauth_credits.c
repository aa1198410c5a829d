
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_credits.h"
#include "ngx_http_reauth_credits.h"
#include "ngx_http_reauth_capture.h"
#include "ngx_http_reauth_log.h"


static ngx_str_t  ngx_http_reauth_credits_name =
    ngx_string("x-ofapi-credits-used");

static ngx_uint_t  ngx_http_reauth_credits_hash;


/* each name is compared by its hash, which nginx has computed */

static ngx_table_elt_t *
ngx_http_reauth_credits_find(ngx_http_upstream_t *u)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (ngx_http_reauth_credits_hash == 0) {
        ngx_http_reauth_credits_hash =
            ngx_hash_key(ngx_http_reauth_credits_name.data,
                         ngx_http_reauth_credits_name.len);
    }

    for (part = &u->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == ngx_http_reauth_credits_hash
                && h[i].key.len == ngx_http_reauth_credits_name.len
                && ngx_memcmp(h[i].lowcase_key,
                              ngx_http_reauth_credits_name.data,
                              ngx_http_reauth_credits_name.len)
                   == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


/* the value is not logged: it may be anything, also the API key */

static ngx_http_reauth_noinline void
ngx_http_reauth_credits_invalid(ngx_http_request_t *r, size_t len)
{
    ngx_str_t  skipped;

    static ngx_http_reauth_log_limit_t  limit;

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_UNKNOWN_CREDITS);

    if (ngx_http_reauth_log_allowed(&limit, &skipped)) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "reauth: x-ofapi-credits-used of the upstream, %uz "
                      "bytes, is not a number of credits: none are "
                      "counted%V", len, &skipped);
    }
}


/* responses from a cache and to the module's own requests are not counted */

void
ngx_http_reauth_credits_header(ngx_http_request_t *r)
{
    uint32_t                  credits;
    ngx_table_elt_t          *h;
    reauth_string_t           value;
    ngx_http_reauth_usage_t  *usage;

#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return;
    }
#endif

    if (ngx_http_reauth_capture(r) != NULL) {
        return;
    }

    usage = ngx_http_reauth_usage(r);

    (void) ngx_atomic_fetch_add(&usage->calls, 1);

    h = ngx_http_reauth_credits_find(r->upstream);

    if (h == NULL) {
        return;
    }

    value.data = h->value.data;
    value.len = h->value.len;

    if (reauth_credits_parse(&value, &credits) != 0) {
        ngx_http_reauth_credits_invalid(r, value.len);
        return;
    }

    (void) ngx_atomic_fetch_add(&usage->credits, credits);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth credits: caller \"%*s\" used %uD",
                   (size_t) usage->len, usage->name, credits);
}
