
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Unreadable responses and webhooks of the upstream are counted, and logged
 * without their content, at most once in a while by each worker.  Unknown words
 * are counted, and each is logged once an hour for all workers.
 */


#ifndef NGX_HTTP_REAUTH_UNREAD_H
#define NGX_HTTP_REAUTH_UNREAD_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reader.h"
#include "reauth_unknown.h"
#include "ngx_http_reauth_zone.h"


/* same order as NGX_HTTP_REAUTH_COUNT_UNREAD_... */

typedef enum {
    NGX_HTTP_REAUTH_UNREAD_UPDATE = 0,
    NGX_HTTP_REAUTH_UNREAD_REAUTHENTICATE,
    NGX_HTTP_REAUTH_UNREAD_START,
    NGX_HTTP_REAUTH_UNREAD_POLL,
    NGX_HTTP_REAUTH_UNREAD_ACCOUNTS,
    NGX_HTTP_REAUTH_UNREAD_CALL,
    NGX_HTTP_REAUTH_UNREAD_WEBHOOK,
    NGX_HTTP_REAUTH_UNREAD_LAST
} ngx_http_reauth_unread_e;


/* "id": the account or the attempt, or empty */

void ngx_http_reauth_unread(ngx_http_reauth_zone_t *zone, ngx_log_t *log,
    ngx_http_reauth_unread_e what, const reauth_string_t *id, size_t size,
    const reauth_unread_t *why);

void ngx_http_reauth_unknown(ngx_http_reauth_zone_t *zone, ngx_log_t *log,
    const reauth_unknown_t *unknown);


#endif /* NGX_HTTP_REAUTH_UNREAD_H */
