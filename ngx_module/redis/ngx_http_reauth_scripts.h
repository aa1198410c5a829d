
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The scripts that run in Redis: scripts/<name>.lua, one line in the enum
 * here and one in the table.
 */


#ifndef _NGX_HTTP_REAUTH_SCRIPTS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_SCRIPTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_HTTP_REAUTH_SCRIPT_COMMIT = 0,
    NGX_HTTP_REAUTH_SCRIPT_LEASE,
    NGX_HTTP_REAUTH_SCRIPT_PROBE,
    NGX_HTTP_REAUTH_SCRIPT_OVERRIDE,
    NGX_HTTP_REAUTH_SCRIPT_OVERRIDES,
    NGX_HTTP_REAUTH_SCRIPT_DELETED,
    NGX_HTTP_REAUTH_SCRIPT_AUDIT,
    NGX_HTTP_REAUTH_SCRIPT_USAGE,
    NGX_HTTP_REAUTH_SCRIPT_WAITING,
    NGX_HTTP_REAUTH_SCRIPT_NOTICES,
    NGX_HTTP_REAUTH_SCRIPT_COUNTER,
    NGX_HTTP_REAUTH_SCRIPT_LAST
} ngx_http_reauth_script_e;


typedef struct {
    ngx_str_t  name;
    ngx_str_t  text;
} ngx_http_reauth_script_t;


extern const ngx_http_reauth_script_t
    ngx_http_reauth_scripts[NGX_HTTP_REAUTH_SCRIPT_LAST];


#endif /* _NGX_HTTP_REAUTH_SCRIPTS_H_INCLUDED_ */
