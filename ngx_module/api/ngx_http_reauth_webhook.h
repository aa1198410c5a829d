
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's webhooks.
 */


#ifndef _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_webhook.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_conf.h"
#include "ngx_http_reauth_dedup.h"


typedef struct ngx_http_reauth_event_s  ngx_http_reauth_event_t;


/* of the request */

typedef struct {
    ngx_http_reauth_body_t      body;
    ngx_http_reauth_event_t    *event;      /* waits for Redis */
} ngx_http_reauth_delivery_t;


/* may outlive the request */

struct ngx_http_reauth_event_s {
    ngx_http_reauth_dedup_t     dedup;
    ngx_http_request_t         *request;    /* NULL: the client has gone */
    reauth_webhook_t            webhook;
};


/* content handler */
ngx_int_t ngx_http_reauth_webhook_handler(ngx_http_request_t *r);


/* ngx_http_reauth_webhook.c */

ngx_int_t ngx_http_reauth_webhook_unavailable(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_webhook_received(ngx_http_request_t *r,
    ngx_http_reauth_count_e result);
ngx_int_t ngx_http_reauth_webhook_duplicate(ngx_http_request_t *r);


/* ngx_http_reauth_webhook_event.c */

ngx_int_t ngx_http_reauth_webhook_pass(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_webhook_event(ngx_http_request_t *r,
    ngx_http_reauth_delivery_t *delivery, reauth_webhook_t *webhook);


#endif /* _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_ */
