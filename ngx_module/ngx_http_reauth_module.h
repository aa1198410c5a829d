
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Declarations for the tables of the module.
 */


#ifndef _NGX_HTTP_REAUTH_MODULE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_MODULE_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/* ngx_http_reauth_conf.c: setters of directives */

char *ngx_http_reauth_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_gate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_gate_value(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_retry_after_bounds(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_reauth_conf_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_webhook(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_reauth_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* and the checks of their values */

char *ngx_http_reauth_conf_positive_msec(ngx_conf_t *cf, void *post,
    void *data);
char *ngx_http_reauth_conf_positive_size(ngx_conf_t *cf, void *post,
    void *data);
char *ngx_http_reauth_conf_body_memory(ngx_conf_t *cf, void *post, void *data);

/* the module's context */

void *ngx_http_reauth_create_main_conf(ngx_conf_t *cf);
char *ngx_http_reauth_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_reauth_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_reauth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* ngx_http_reauth_variables.c */

ngx_int_t ngx_http_reauth_add_variables(ngx_conf_t *cf);


#endif /* _NGX_HTTP_REAUTH_MODULE_H_INCLUDED_ */
