
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The events that this worker has composed within the last second, so that an
 * event is composed once and not for each stream.
 */


#ifndef _NGX_HTTP_REAUTH_EVENTS_TEXTS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_EVENTS_TEXTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_conf.h"


/*
 * The event of the change after "place", as composed for the location "lcf";
 * NULL: not there.  It is valid until the next call of keep() or clear().
 */
ngx_str_t *ngx_http_reauth_events_texts_find(
    const ngx_http_reauth_zone_place_t *place,
    const ngx_http_reauth_loc_conf_t *lcf);

/* copies the event of the change at "place"; without memory, it is not kept */
void ngx_http_reauth_events_texts_keep(
    const ngx_http_reauth_zone_place_t *place,
    const ngx_http_reauth_loc_conf_t *lcf, u_char *text, size_t len);

/*
 * An account was forgotten by the change at "place": zeroes and frees all, once
 * for all streams.
 */
void ngx_http_reauth_events_texts_forget(
    const ngx_http_reauth_zone_place_t *place);

/* zeroes and frees all */
void ngx_http_reauth_events_texts_clear(void);


#endif /* _NGX_HTTP_REAUTH_EVENTS_TEXTS_H_INCLUDED_ */
