
/*
 * Copyright (C) the nginx-reauth authors
 *
 * How directives are set, and what each of them needs to have an effect.
 */


#ifndef _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* other directives that a directive needs, and what else applies to it */

#define NGX_HTTP_REAUTH_NEEDS_ZONE        0x01
#define NGX_HTTP_REAUTH_NEEDS_REDIS       0x02
#define NGX_HTTP_REAUTH_NEEDS_POLL        0x04    /* a warning only */
#define NGX_HTTP_REAUTH_NEEDS_SERVED      0x08    /* else a warning only */
#define NGX_HTTP_REAUTH_IS_HANDLER        0x10    /* of the location */
#define NGX_HTTP_REAUTH_MAY_BE_OFF        0x20    /* else "off" is a file */

/* what a level of the configuration serves, itself or in a level below */

#define NGX_HTTP_REAUTH_SERVES_GATE          0x01
#define NGX_HTTP_REAUTH_SERVES_HOLD          0x02
#define NGX_HTTP_REAUTH_SERVES_AUTHENTICATE  0x04
#define NGX_HTTP_REAUTH_SERVES_STATUS        0x08
#define NGX_HTTP_REAUTH_SERVES_WEBHOOK       0x10
#define NGX_HTTP_REAUTH_SERVES_METRICS       0x20
#define NGX_HTTP_REAUTH_SERVES_CALLERS       0x40
#define NGX_HTTP_REAUTH_SERVES_KEY           0x80

#define NGX_HTTP_REAUTH_SERVES_ANYTHING                                       \
    (NGX_HTTP_REAUTH_SERVES_GATE|NGX_HTTP_REAUTH_SERVES_AUTHENTICATE          \
     |NGX_HTTP_REAUTH_SERVES_STATUS|NGX_HTTP_REAUTH_SERVES_WEBHOOK            \
     |NGX_HTTP_REAUTH_SERVES_METRICS|NGX_HTTP_REAUTH_SERVES_CALLERS)


/* "post" of all commands, whose setter is ngx_http_reauth_directive() */

typedef struct ngx_http_reauth_rule_s {
    char                   *(*set)(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
    void                     *post;            /* for "set" */
    ngx_uint_t                needs;           /* all of these */
    ngx_uint_t                serves;          /* one of these; 0: nothing */
} ngx_http_reauth_rule_t;

#define ngx_http_reauth_rule(set, post, needs, serves)                        \
    &(ngx_http_reauth_rule_t) { set, post, needs, serves }


char *ngx_http_reauth_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_conf_set_enum_slot() with an error that names directive and values */
char *ngx_http_reauth_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* each level is noted when it has been merged */
ngx_int_t ngx_http_reauth_check_level(ngx_conf_t *cf,
    ngx_http_reauth_loc_conf_t *parent, ngx_http_reauth_loc_conf_t *conf);

/* when the whole configuration is read; NGX_ERROR: the error was logged */
ngx_int_t ngx_http_reauth_check(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf);


#endif /* _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_ */
