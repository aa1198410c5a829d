
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_zone_notices.h"
#include "ngx_http_reauth_zone_memory.h"


ngx_http_reauth_receiver_stats_t *
ngx_http_reauth_zone_receiver(ngx_http_reauth_zone_t *zone,
    const ngx_str_t *uri, ngx_uint_t *taken, ngx_uint_t claim)
{
    ngx_uint_t                         i, bit, name, old;
    ngx_http_reauth_receiver_stats_t  *stats;

    name = ngx_http_reauth_zone_hash(uri->data, uri->len) | 1;

    for (i = 0; i < NGX_HTTP_REAUTH_RECEIVERS_MAX; i++) {
        stats = &zone->sh->receivers[i];
        bit = (ngx_uint_t) 1 << i;

        if (*taken & bit) {
            continue;
        }

        old = stats->name;

        if (claim && old != name
            && ngx_atomic_cmp_set(&stats->name, old, name))
        {
            if (old != 0) {
                ngx_memzero((void *) stats->results, sizeof(*stats)
                            - offsetof(ngx_http_reauth_receiver_stats_t,
                                       results));
            }

            old = name;
        }

        /* another worker may have been first */

        if (old == name || stats->name == name) {
            *taken |= bit;
            return stats;
        }
    }

    return NULL;
}
