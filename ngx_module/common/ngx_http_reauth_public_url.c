
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth_public_url: the beginning of URLs created by the gateway.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_route.h"
#include "reauth_url.h"
#include "ngx_http_reauth_public_url.h"


/* nginx accepts almost any byte in a host, a URL does not */

static ngx_uint_t
ngx_http_reauth_is_host(ngx_str_t *host)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < host->len; i++) {
        ch = host->data[i];

        if (!reauth_id_chars[ch]
            && ch != '.' && ch != ':' && ch != '[' && ch != ']')
        {
            return 0;
        }
    }

    return host->len != 0;
}


/*
 * The host with its port.  The host of an absolute request target takes
 * precedence, as in nginx.
 */

ngx_str_t
ngx_http_reauth_host(ngx_http_request_t *r)
{
    size_t      len;
    ngx_str_t  *host, *server;

    server = &r->headers_in.server;

    if (r->headers_in.host == NULL) {
        return *server;
    }

    host = &r->headers_in.host->value;
    len = server->len;

    if (host->len < len
        || ngx_strncasecmp(host->data, server->data, len) != 0
        || (host->len > len
            && host->data[len] != ':'
            && host->data[len] != '.'))
    {
        return *server;
    }

    return *host;
}


/* the address used by the client, so that polling_url leads to this gateway */

static ngx_int_t
ngx_http_reauth_public_url_of_request(ngx_http_request_t *r, ngx_str_t *url)
{
    u_char     *p;
    ngx_str_t   host;

    host = ngx_http_reauth_host(r);

    if (!ngx_http_reauth_is_host(&host)) {
        host.data = ngx_pnalloc(r->pool, NGX_SOCKADDR_STRLEN);
        if (host.data == NULL) {
            return NGX_ERROR;
        }

        host.len = NGX_SOCKADDR_STRLEN;

        if (ngx_connection_local_sockaddr(r->connection, &host, 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    p = ngx_pnalloc(r->pool, sizeof("https://") - 1 + host.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    url->data = p;

#if (NGX_HTTP_SSL)
    p = r->connection->ssl ? ngx_cpymem(p, "https://", 8)
                           : ngx_cpymem(p, "http://", 7);
#else
    p = ngx_cpymem(p, "http://", 7);
#endif

    p = ngx_cpymem(p, host.data, host.len);

    url->len = p - url->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_public_url(ngx_http_request_t *r, ngx_str_t *url)
{
    ngx_str_t                    value;
    char                         shown[256];
    const char                  *error;
    reauth_string_t              s;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->public_url == NULL) {
        return ngx_http_reauth_public_url_of_request(r, url);
    }

    if (ngx_http_complex_value(r, lcf->public_url, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    /* an empty value of a map means the address of the request */

    if (value.len == 0) {
        return ngx_http_reauth_public_url_of_request(r, url);
    }

    s.data = value.data;
    s.len = value.len;

    error = reauth_url_check(&s);

    if (error != NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "reauth: the value \"%s\" of \"reauth_public_url\" %s, "
                      "the address of the request is used",
                      reauth_string_shown(&s, shown, sizeof(shown)), error);
        return ngx_http_reauth_public_url_of_request(r, url);
    }

    url->data = value.data;
    url->len = s.len;

    return NGX_OK;
}


char *
ngx_http_reauth_public_url_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t                         *value;
    const char                        *error;
    reauth_string_t                    s;
    ngx_http_compile_complex_value_t   ccv;

    if (lcf->public_url != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_script_variables_count(&value[1]) == 0) {
        s.data = value[1].data;
        s.len = value[1].len;

        error = reauth_url_check(&s);

        if (error != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid URL \"%V\" in \"reauth_public_url\": "
                               "it %s; expected one such as "
                               "\"https://gateway.example/prefix\"",
                               &value[1], error);
            return NGX_CONF_ERROR;
        }
    }

    lcf->public_url = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (lcf->public_url == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = lcf->public_url;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}
