
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Limits log lines that clients or the upstream can cause repeatedly.
 */


#ifndef _NGX_HTTP_REAUTH_LOG_H_INCLUDED_
#define _NGX_HTTP_REAUTH_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* milliseconds between two lines of one kind in a worker */
#define NGX_HTTP_REAUTH_LOG_INTERVAL  10000


/* zeroed initially; per worker */

typedef struct {
    ngx_msec_t  at;
    ngx_uint_t  logged;                 /* unsigned  logged:1; */
    ngx_uint_t  skipped;
    u_char      text[sizeof("; more were not logged") + NGX_INT_T_LEN];
} ngx_http_reauth_log_limit_t;


/*
 * Returns 1 if a line can be logged now.  "skipped" is the end of this line:
 * "; N more were not logged", or empty if none was skipped.  It is valid until
 * the next call.
 */
ngx_uint_t ngx_http_reauth_log_allowed(ngx_http_reauth_log_limit_t *limit,
    ngx_str_t *skipped);


#endif /* _NGX_HTTP_REAUTH_LOG_H_INCLUDED_ */
