
/*
 * Copyright (C) the nginx-reauth authors
 *
 * When a worker last used the previous content of a file that was refused: a
 * worker repeats it as long as it does, so nothing needs to be undone if the
 * worker is replaced or killed.
 */


#include "ngx_http_reauth_zone_memory.h"


/* milliseconds; workers that are busy repeat it late */
#define NGX_HTTP_REAUTH_STALE_TIME  5000


void
ngx_http_reauth_zone_set_stale(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e file)
{
    /* 0: never */

    zone->sh->stale[file - NGX_HTTP_REAUTH_COUNT_FILE_CALLERS]
        = ngx_current_msec ? ngx_current_msec : 1;
}


ngx_uint_t
ngx_http_reauth_zone_stale(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e file)
{
    ngx_atomic_uint_t  at;

    at = zone->sh->stale[file - NGX_HTTP_REAUTH_COUNT_FILE_CALLERS];

    /* the time of another worker may be ahead of that of this one */

    return at != 0
           && (ngx_msec_int_t) (ngx_current_msec - at)
              < NGX_HTTP_REAUTH_STALE_TIME;
}
