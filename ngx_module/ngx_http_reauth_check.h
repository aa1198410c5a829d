
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Setters of directives, and the requirements that each directive has.
 */


#ifndef _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* flags: requirements of a directive */

#define NGX_HTTP_REAUTH_NEEDS_ZONE        0x01
#define NGX_HTTP_REAUTH_NEEDS_REDIS       0x02
#define NGX_HTTP_REAUTH_NEEDS_POLL        0x04    /* only a warning */
#define NGX_HTTP_REAUTH_NEEDS_SERVED      0x08    /* otherwise a warning */
#define NGX_HTTP_REAUTH_IS_HANDLER        0x10    /* of the location */
#define NGX_HTTP_REAUTH_MAY_BE_OFF        0x20  /* otherwise "off" is a file */
#define NGX_HTTP_REAUTH_NEEDS_POLLER      0x40    /* sends requests by it */
#define NGX_HTTP_REAUTH_NEEDS_STREAM      0x80    /* of notices, in Redis */

/* flags: what a configuration level or a level below serves */

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
    ngx_uint_t                needs;           /* all are required */
    ngx_uint_t                serves;          /* one is required; 0: none */
} ngx_http_reauth_rule_t;

#define ngx_http_reauth_rule(set, post, needs, serves)                        \
    &(ngx_http_reauth_rule_t) { set, post, needs, serves }


char *ngx_http_reauth_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* like ngx_conf_set_enum_slot(), but the error lists the valid values */
char *ngx_http_reauth_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* records a merged configuration level */
ngx_int_t ngx_http_reauth_check_level(ngx_conf_t *cf,
    ngx_http_reauth_loc_conf_t *parent, ngx_http_reauth_loc_conf_t *conf);

/* checks the complete configuration; NGX_ERROR: an error was logged */
ngx_int_t ngx_http_reauth_check(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf);


#endif /* _NGX_HTTP_REAUTH_CHECK_H_INCLUDED_ */
