
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_log.h"


ngx_uint_t
ngx_http_reauth_log_allowed(ngx_http_reauth_log_limit_t *limit,
    ngx_str_t *skipped)
{
    if (limit->logged
        && ngx_current_msec - limit->at < NGX_HTTP_REAUTH_LOG_INTERVAL)
    {
        limit->skipped++;
        return 0;
    }

    skipped->data = limit->text;
    skipped->len = 0;

    if (limit->skipped != 0) {
        skipped->len = ngx_sprintf(limit->text, "; %ui more were not logged",
                                   limit->skipped)
                       - limit->text;
    }

    limit->logged = 1;
    limit->at = ngx_current_msec;
    limit->skipped = 0;

    return 1;
}
