
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "ngx_http_reauth_health.h"
#include "ngx_http_reauth_key.h"


time_t  ngx_http_reauth_health_ok;


/* requests without the API key are not considered */

void
ngx_http_reauth_health_call(ngx_http_request_t *r,
    reauth_upstream_result_t result)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (result == REAUTH_RESULT_NONE
        || mcf->store.zone.shm_zone == NULL
        || !ngx_http_reauth_key_sent(r))
    {
        return;
    }

    if (result != REAUTH_RESULT_OK) {

        /* the next success counts at once */

        ngx_http_reauth_health_ok = 0;

    } else {

        if (ngx_http_reauth_health_ok == ngx_time()) {
            return;
        }

        ngx_http_reauth_health_ok = ngx_time();
    }

    ngx_http_reauth_zone_upstream_result(&mcf->store.zone, result);
}


ngx_http_reauth_noinline void
ngx_http_reauth_health_header(ngx_http_request_t *r)
{
    ngx_uint_t  status;

#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return;
    }
#endif

    status = r->upstream->headers_in.status_n;

    /* the module's own request: a 401 response is classified by its body */

    if (status != NGX_HTTP_UNAUTHORIZED && ngx_http_reauth_capture(r) == NULL) {
        ngx_http_reauth_health_call(r,
                          reauth_upstream_result((unsigned) status, 0, 1));
    }
}


#if (NGX_HTTP_SSL)

/*
 * nginx closes the connection before the request is finalized.  It takes the
 * name for TLS from the configuration when the request is initialized, and
 * replaces it when TCP is connected; without "proxy_ssl_name" and
 * "proxy_ssl_server_name", it keeps the name.
 */

static u_char *
ngx_http_reauth_health_initial_name(ngx_http_upstream_t *u)
{
    if (u->upstream != NULL) {
        return u->upstream->host.data;
    }

    return u->resolved != NULL ? u->resolved->host.data : NULL;
}

#endif


static ngx_uint_t
ngx_http_reauth_health_in_handshake(ngx_http_upstream_t *u)
{
#if (NGX_HTTP_SSL)
    return u->ssl && !u->request_sent && u->ssl_name.len != 0
           && u->ssl_name.data != ngx_http_reauth_health_initial_name(u);
#else
    return 0;
#endif
}


static reauth_upstream_result_t
ngx_http_reauth_health_broken(ngx_http_upstream_t *u)
{
    return u != NULL && ngx_http_reauth_health_in_handshake(u)
           ? REAUTH_RESULT_TLS : REAUTH_RESULT_NO_RESPONSE;
}


void
ngx_http_reauth_health_failed(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->headers_in.status_n != 0) {
        return;
    }

    ngx_http_reauth_health_call(r,
        r->headers_out.status == NGX_HTTP_GATEWAY_TIME_OUT
        ? REAUTH_RESULT_TIMEOUT : ngx_http_reauth_health_broken(u));
}


void
ngx_http_reauth_health_forward(ngx_http_request_t *r,
    ngx_http_reauth_forward_t *forward)
{
    int                       code;
    reauth_error_t            error;
    reauth_unread_t           why;
    reauth_upstream_result_t  result;

    switch (forward->answer) {

    case NGX_HTTP_REAUTH_ANSWER_WHOLE:
    case NGX_HTTP_REAUTH_ANSWER_REDIRECT:
    case NGX_HTTP_REAUTH_ANSWER_ENCODED:
        code = forward->status == NGX_HTTP_UNAUTHORIZED
               && reauth_error_read(forward->capture.body.data,
                                    forward->capture.body.len, &error, &why)
                  == 0
               && error.code[0] != '\0';

        result = reauth_upstream_result((unsigned) forward->status, code, 0);
        break;

    case NGX_HTTP_REAUTH_ANSWER_TOO_LARGE:
        result = REAUTH_RESULT_OK;
        break;

    case NGX_HTTP_REAUTH_ANSWER_TIMEOUT:
        result = REAUTH_RESULT_TIMEOUT;
        break;

    case NGX_HTTP_REAUTH_ANSWER_BROKEN:
        result = ngx_http_reauth_health_broken(r->upstream);
        break;

    default: /* nothing was sent */
        return;
    }

    ngx_http_reauth_health_call(r, result);
}
