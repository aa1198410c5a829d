
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the upstream's answers to ordinary calls say of an account.
 */


#ifndef _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_


#include "ngx_http_reauth_request.h"


/* what the upstream answers to ordinary calls is looked at on its way */
void ngx_http_reauth_observe_init(void);

/* one whose header was read, but that nginx may replace by an error page */
void ngx_http_reauth_observe_intercepted(ngx_http_request_t *r);


#endif /* _NGX_HTTP_REAUTH_OBSERVE_H_INCLUDED_ */
