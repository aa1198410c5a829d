
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The lease of the probe of a failed account, for all gateways.
 */


#ifndef _NGX_HTTP_REAUTH_PROBE_H_INCLUDED_
#define _NGX_HTTP_REAUTH_PROBE_H_INCLUDED_


#include "ngx_http_reauth_store.h"


typedef struct ngx_http_reauth_probe_s  ngx_http_reauth_probe_t;

/* "granted": the probe may be sent */
typedef void (*ngx_http_reauth_probe_handler_pt)(void *data,
    ngx_uint_t granted);

/*
 * This gateway's zone has taken the probe.  NGX_OK: it may be sent, as there is
 * no Redis, or it is unavailable; NGX_AGAIN: the handler will be called once,
 * after this function returns and within the timeout of Redis; *probe is valid
 * until then.  If another gateway has the lease, the zone learns when it ends.
 */
ngx_int_t ngx_http_reauth_probe_lease(ngx_http_reauth_store_t *store,
    const reauth_string_t *account, int64_t interval_ms,
    ngx_http_reauth_probe_handler_pt handler, void *data,
    ngx_http_reauth_probe_t **probe);

/* the handler is not called any more */
void ngx_http_reauth_probe_detach(ngx_http_reauth_probe_t *probe);


#endif /* _NGX_HTTP_REAUTH_PROBE_H_INCLUDED_ */
