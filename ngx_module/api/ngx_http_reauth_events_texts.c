
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_events_texts.h"


/* as many as changes are in the log: streams may be at different ones */
#define NGX_HTTP_REAUTH_EVENTS_TEXTS     1024

/* milliseconds: an event shows the override and the heal of its account, too */
#define NGX_HTTP_REAUTH_EVENTS_TEXT_AGE  1000


typedef struct {
    ngx_http_reauth_zone_place_t       place;
    const ngx_http_reauth_loc_conf_t  *lcf;
    ngx_msec_t                         composed;
    ngx_str_t                          text;       /* data NULL: free */
} ngx_http_reauth_events_text_t;


/* of this worker */
static ngx_http_reauth_events_text_t
    ngx_http_reauth_events_texts[NGX_HTTP_REAUTH_EVENTS_TEXTS];

/* the last change by which an account was forgotten */
static ngx_http_reauth_zone_place_t  ngx_http_reauth_events_forgot;


static void
ngx_http_reauth_events_text_free(ngx_http_reauth_events_text_t *entry)
{
    if (entry->text.data != NULL) {
        ngx_explicit_memzero(entry->text.data, entry->text.len);
        ngx_free(entry->text.data);
        ngx_str_null(&entry->text);
    }
}


ngx_str_t *
ngx_http_reauth_events_texts_find(const ngx_http_reauth_zone_place_t *place,
    const ngx_http_reauth_loc_conf_t *lcf)
{
    uint64_t                        change;
    ngx_http_reauth_events_text_t  *entry;

    change = place->change + 1;
    entry = &ngx_http_reauth_events_texts[change
                                          % NGX_HTTP_REAUTH_EVENTS_TEXTS];

    return entry->text.data != NULL
           && entry->place.change == change
           && entry->place.boot == place->boot
           && entry->lcf == lcf
           && ngx_current_msec - entry->composed
              < NGX_HTTP_REAUTH_EVENTS_TEXT_AGE
           ? &entry->text : NULL;
}


void
ngx_http_reauth_events_texts_keep(const ngx_http_reauth_zone_place_t *place,
    const ngx_http_reauth_loc_conf_t *lcf, u_char *text, size_t len)
{
    ngx_http_reauth_events_text_t  *entry;

    entry = &ngx_http_reauth_events_texts[place->change
                                          % NGX_HTTP_REAUTH_EVENTS_TEXTS];

    ngx_http_reauth_events_text_free(entry);

    entry->text.data = ngx_alloc(len, ngx_cycle->log);

    if (entry->text.data == NULL) {
        return;
    }

    ngx_memcpy(entry->text.data, text, len);

    entry->text.len = len;
    entry->place = *place;
    entry->lcf = lcf;
    entry->composed = ngx_current_msec;
}


/* the log has no earlier change of the account: none is composed after this */

void
ngx_http_reauth_events_texts_forget(const ngx_http_reauth_zone_place_t *place)
{
    if (place->boot == ngx_http_reauth_events_forgot.boot
        && place->change <= ngx_http_reauth_events_forgot.change)
    {
        return;
    }

    ngx_http_reauth_events_texts_clear();

    ngx_http_reauth_events_forgot = *place;
}


void
ngx_http_reauth_events_texts_clear(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_REAUTH_EVENTS_TEXTS; i++) {
        ngx_http_reauth_events_text_free(&ngx_http_reauth_events_texts[i]);
    }
}
