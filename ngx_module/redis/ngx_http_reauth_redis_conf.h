
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "reauth_redis" directive, for the files that make it up.
 */


#ifndef _NGX_HTTP_REAUTH_REDIS_CONF_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REDIS_CONF_H_INCLUDED_


#include "ngx_http_reauth_redis.h"


/* sets user, servers, master, database and TLS */
char *ngx_http_reauth_redis_url(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);


#endif /* _NGX_HTTP_REAUTH_REDIS_CONF_H_INCLUDED_ */
