
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's webhooks.
 */


#ifndef _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* content handler */
ngx_int_t ngx_http_reauth_webhook_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_WEBHOOK_H_INCLUDED_ */
