
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The change log, a ring of limited size.  Its records show the result of each
 * change; long texts may be truncated.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_CHANGES_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_CHANGES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_zone.h"


/* the position of the last change */
void ngx_http_reauth_zone_place(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place);

/*
 * Returns the change after *place and advances *place; "was" is the state
 * before.  A record without an account: it was forgotten since.
 * NGX_DECLINED: none yet; NGX_ABORT: the position is of another instance of
 * the zone, or older than the log.
 */
ngx_int_t ngx_http_reauth_zone_next_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, reauth_record_t *record,
    ngx_uint_t *was);

/* the same without the record; *forgotten: it would have no account */
ngx_int_t ngx_http_reauth_zone_pass_change(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_zone_place_t *place, ngx_uint_t *forgotten);

/*
 * Fills records[max] with the changes of an account, newest first, and returns
 * their number; *complete: there are no others.
 */
ngx_uint_t ngx_http_reauth_zone_history(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *records, ngx_uint_t max,
    ngx_uint_t *complete);


#endif /* _NGX_HTTP_REAUTH_ZONE_CHANGES_H_INCLUDED_ */
