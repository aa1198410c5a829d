
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Observes the upstream's responses to ordinary calls.
 */


#ifndef _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* whether the response is compressed, or encoded otherwise */
ngx_uint_t ngx_http_reauth_observe_encoded(ngx_http_request_t *r);

/* observes responses to ordinary calls */
void ngx_http_reauth_observe_init(ngx_http_reauth_main_conf_t *mcf);

/* the header was read, but nginx may replace the response by error_page */
void ngx_http_reauth_observe_intercepted(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_ */
