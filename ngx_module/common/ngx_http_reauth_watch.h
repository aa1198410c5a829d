
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Files that are read again when they change.
 */


#ifndef _NGX_HTTP_REAUTH_WATCH_H_INCLUDED_
#define _NGX_HTTP_REAUTH_WATCH_H_INCLUDED_


#include "ngx_http_reauth_conf.h"


/*
 * A file that is reread when it changes: when it is written, replaced, or a
 * symlink to it is changed.
 */

typedef struct {
    ngx_str_t                 path;            /* with a terminating NUL */
    ngx_file_info_t           info;
    ngx_uint_t                refused;         /* not found, already logged */
    ngx_uint_t                stale;           /* the last change was refused */
    ngx_http_reauth_count_e   count;           /* of what was refused */

    /* NGX_ERROR: the new content was rejected and an error logged */
    ngx_int_t               (*reload)(void *data, ngx_log_t *log);

    /* called once a second, or NULL */
    void                    (*tick)(void *data);
    void                     *data;
} ngx_http_reauth_watch_t;


ngx_int_t ngx_http_reauth_watch_add(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_str_t *path,
    ngx_http_reauth_count_e refused,
    ngx_int_t (*reload)(void *data, ngx_log_t *log), void (*tick)(void *data),
    void *data);
void ngx_http_reauth_watch_init_process(ngx_http_reauth_main_conf_t *mcf,
    ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_REAUTH_WATCH_H_INCLUDED_ */
