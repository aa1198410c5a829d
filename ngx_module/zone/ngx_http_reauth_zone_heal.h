
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The accounts that the gateway reauthenticates by itself, see reauth_heal.h.
 */


#ifndef _NGX_HTTP_REAUTH_ZONE_HEAL_H_INCLUDED_
#define _NGX_HTTP_REAUTH_ZONE_HEAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_zone.h"


/*
 * An account whose next try is due, which is postponed until its lease ends.
 * NGX_DECLINED: none.
 */
ngx_int_t ngx_http_reauth_zone_heal_next(ngx_http_reauth_zone_t *zone,
    int64_t now_ms, char account[REAUTH_ACCOUNT_MAX + 1]);

/*
 * NGX_OK: the try is made, and *heal shows it.  "text": the tries of other
 * gateways in Redis, empty: none are known.
 */
ngx_int_t ngx_http_reauth_zone_heal_take(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const reauth_string_t *text,
    reauth_heal_t *heal);

/* the error of the last try */
void ngx_http_reauth_zone_heal_failed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const char *error);

/* NGX_DECLINED: none is to come, and none was made recently */
ngx_int_t ngx_http_reauth_zone_get_heal(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_heal_t *heal);


#endif /* _NGX_HTTP_REAUTH_ZONE_HEAL_H_INCLUDED_ */
