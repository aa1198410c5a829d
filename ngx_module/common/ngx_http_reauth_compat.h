
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Differences between the supported versions of nginx.
 */


#ifndef _NGX_HTTP_REAUTH_COMPAT_H_INCLUDED_
#define _NGX_HTTP_REAUTH_COMPAT_H_INCLUDED_


#include <nginx.h>


/* since 1.23.0 headers of the same name are linked by "next" */

#if (nginx_version >= 1023000)
#define ngx_http_reauth_header_end(h)  (h)->next = NULL
#else
#define ngx_http_reauth_header_end(h)
#endif


/* since 1.29.0 nginx passes a 103 response and waits for the final one */

#ifdef NGX_HTTP_UPSTREAM_EARLY_HINTS
#define ngx_http_reauth_is_early_hints(rc)                                    \
    ((rc) == NGX_HTTP_UPSTREAM_EARLY_HINTS)
#else
#define ngx_http_reauth_is_early_hints(rc)  0
#endif


/* keeps rare code out of functions that run for each call */

#if defined(__GNUC__)
#define ngx_http_reauth_noinline  __attribute__((noinline))
#else
#define ngx_http_reauth_noinline
#endif


#endif /* _NGX_HTTP_REAUTH_COMPAT_H_INCLUDED_ */
