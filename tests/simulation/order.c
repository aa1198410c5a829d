
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_zone_memory.h"

#include "order.h"


/* accounts of a page */
#define ORDER_PAGE   7

/* two records are added to the order at a time */
#define ORDER_BUILD  (2 * NGX_HTTP_REAUTH_LIST_SEARCH)


void
order_broken(ngx_http_reauth_zone_t *zone)
{
    zone->sh->held = 1;
}


/*
 * A part of the order is added at a time, so that records are changed in
 * between; pages end anywhere.
 */

int
order_holds(ngx_http_reauth_zone_t *zone)
{
    size_t                          total;
    int64_t                         before;
    ngx_int_t                       rc;
    ngx_uint_t                      left, n, i;
    reauth_record_t                 page[ORDER_PAGE];
    ngx_http_reauth_zone_cursor_t   cursor;
    ngx_http_reauth_zone_summary_t  summary;

    left = ORDER_BUILD;

    ngx_http_reauth_zone_lock(zone);
    rc = ngx_http_reauth_zone_updated_build(zone->sh, &left);
    ngx_http_reauth_zone_unlock(zone);

    if (rc != NGX_OK) {
        return 1;
    }

    ngx_memzero(&cursor, sizeof(ngx_http_reauth_zone_cursor_t));

    cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    cursor.ended = NGX_HTTP_REAUTH_LIST_UPDATED;
    cursor.index = INT64_MAX;
    cursor.offset = UINT32_MAX;
    cursor.limit = ORDER_PAGE;

    total = 0;
    before = INT64_MAX;

    while (!cursor.done) {
        n = ngx_http_reauth_zone_list(zone, &cursor, page);

        for (i = 0; i < n; i++) {

            if (page[i].updated_ms > before) {
                return 0;
            }

            before = page[i].updated_ms;
        }

        total += n;
    }

    ngx_http_reauth_zone_summary(zone, &summary);

    return total == summary.accounts;
}
