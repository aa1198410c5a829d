
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Receivers of notices.
 */


#ifndef _NGX_HTTP_REAUTH_NOTIFY_H_INCLUDED_
#define _NGX_HTTP_REAUTH_NOTIFY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_notice.h"
#include "ngx_http_reauth_conf.h"


/* receivers, of all servers */
#define NGX_HTTP_REAUTH_NOTIFY_MAX      8

#define NGX_HTTP_REAUTH_NOTIFY_URI_MAX  100


/* an element of "notifies" of the main configuration */

struct ngx_http_reauth_notify_s {
    ngx_str_t                  uri;       /* of the internal location; unique */
    ngx_http_reauth_secret_t  *secret;    /* reauth_notice_key() accepts it */
    reauth_notice_conf_t       wants;
    ngx_http_conf_ctx_t       *conf_ctx;  /* of its server */
};


/* the "reauth_notify" directive */
char *ngx_http_reauth_notify_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_REAUTH_NOTIFY_H_INCLUDED_ */
