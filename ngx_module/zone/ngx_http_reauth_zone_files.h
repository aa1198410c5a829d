
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Files whose changed content is not used, by the counter of what was refused.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_FILES_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_FILES_H_INCLUDED_


#include "ngx_http_reauth_zone.h"


#define NGX_HTTP_REAUTH_FILES                                                 \
    (NGX_HTTP_REAUTH_COUNT_FILE_SECRET - NGX_HTTP_REAUTH_COUNT_FILE_CALLERS + 1)


/* this worker still uses the previous content; to be repeated each second */
void ngx_http_reauth_zone_set_stale(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e file);

/* whether a worker does */
ngx_uint_t ngx_http_reauth_zone_stale(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e file);


#endif /* _NGX_HTTP_REAUTH_ZONE_FILES_H_INCLUDED_ */
