
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_unread.h"
#include "ngx_http_reauth_log.h"


static const char *const  ngx_http_reauth_unread_names[] = {
    "response to an update",
    "response to a reauthentication",
    "response to a start",
    "response to a poll",
    "list of accounts",
    "401 response to a call",
    "webhook"
};

static ngx_http_reauth_log_limit_t
    ngx_http_reauth_unread_limits[NGX_HTTP_REAUTH_UNREAD_LAST];


void
ngx_http_reauth_unread(ngx_http_reauth_zone_t *zone, ngx_log_t *log,
    ngx_http_reauth_unread_e what, const reauth_string_t *id, size_t size,
    const reauth_unread_t *why)
{
    ngx_str_t  name, skipped;

    ngx_http_reauth_zone_count(zone,
                               NGX_HTTP_REAUTH_COUNT_UNREAD_UPDATE + what);

    if (!ngx_http_reauth_log_allowed(&ngx_http_reauth_unread_limits[what],
                                     &skipped))
    {
        return;
    }

    name.data = (u_char *) id->data;
    name.len = id->len;

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "reauth: unreadable %s, id \"%V\", %uz bytes: %s, "
                  "byte %uz%V",
                  ngx_http_reauth_unread_names[what], &name, size, why->reason,
                  why->offset, &skipped);
}


void
ngx_http_reauth_unknown(ngx_http_reauth_zone_t *zone, ngx_log_t *log,
    const reauth_unknown_t *unknown)
{
    int64_t                       now_ms;
    ngx_uint_t                    i;
    const reauth_unknown_word_t  *word;

    static const char *const  kinds[REAUTH_UNKNOWN_LAST] = {
        "state", "progress", "error_code", "event", "field"
    };

    if (unknown->nwords == 0) {
        return;
    }

    now_ms = ngx_http_reauth_now();

    for (i = 0; i < REAUTH_UNKNOWN_LAST; i++) {
        if (unknown->counts[i]) {
            ngx_http_reauth_zone_count_n(zone,
                                   NGX_HTTP_REAUTH_COUNT_UNKNOWN_STATE + i,
                                   unknown->counts[i]);
        }
    }

    for (i = 0; i < unknown->nwords; i++) {
        word = &unknown->words[i];

        if (ngx_http_reauth_zone_note(zone, word->kind, word->text, now_ms)
            == NGX_OK)
        {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "reauth: the upstream sent an unknown %s \"%s\"",
                          kinds[word->kind], word->text);
        }
    }
}
