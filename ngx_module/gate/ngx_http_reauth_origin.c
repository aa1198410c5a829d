
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth_origin: the gateway adds its key to requests of all clients that can
 * reach it, and a browser reaches it for any page.  Requests for pages of other
 * origins are rejected before anything else is done, unless the origin is
 * listed.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_origin.h"
#include "ngx_http_reauth_origin.h"
#include "ngx_http_reauth_public_url.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_audit_entry.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_log.h"


/* values sent by clients are checked before they are logged */

static ngx_str_t
ngx_http_reauth_origin_text(const reauth_string_t *value)
{
    ngx_str_t  text;

    static ngx_str_t  none = ngx_string("-");
    static ngx_str_t  invalid = ngx_string("(invalid)");

    if (value->data == NULL) {
        return none;
    }

    if (!reauth_string_equals(value, "null")
        && !reauth_string_equals(value, "cross-site")
        && !reauth_string_equals(value, "same-site")
        && !reauth_string_equals(value, "same-origin")
        && reauth_origin_check(value) != NULL)
    {
        return invalid;
    }

    text.data = (u_char *) value->data;
    text.len = value->len;

    return text;
}


static void
ngx_http_reauth_origin_refused(ngx_http_request_t *r,
    const reauth_origin_t *o)
{
    ngx_str_t  origin, site, skipped;

    static ngx_http_reauth_log_limit_t  limit;

    if (!ngx_http_reauth_log_allowed(&limit, &skipped)) {
        return;
    }

    origin = ngx_http_reauth_origin_text(&o->origin);
    site = ngx_http_reauth_origin_text(&o->fetch_site);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: browser request from another origin rejected: "
                  "Origin \"%V\", Sec-Fetch-Site \"%V\"%s%V", &origin, &site,
                  o->repeated ? " (one of them sent twice)" : "", &skipped);
}


static ngx_int_t
ngx_http_reauth_origin_refuse(ngx_http_request_t *r, const reauth_origin_t *o)
{
    ngx_int_t                     rc;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (mcf->store.zone.shm_zone != NULL) {
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_ORIGIN_FOREIGN);
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth origin: refused, another origin%s",
                   o->repeated ? ", a header is sent twice" : "");

    ngx_http_reauth_origin_refused(r, o);
    ngx_http_reauth_audit_entry_refused(r, REAUTH_ERROR_FORBIDDEN_ORIGIN);

    rc = ngx_http_reauth_body_refuse(r);

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_send_error(r, REAUTH_ERROR_FORBIDDEN_ORIGIN,
                 "The request was sent by a browser for a page of another "
                 "origin.",
                 "The request was not processed. Send it from a service, or "
                 "ask the gateway's operator to allow the origin of the page "
                 "(reauth_origin).", NULL);
    }

    return rc;
}


/* a preflight has no token and is not passed on */

static ngx_int_t
ngx_http_reauth_origin_preflight(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  empty;

    static ngx_str_t  methods = ngx_string("GET, HEAD, POST, PUT, PATCH, "
                                           "DELETE");
    static ngx_str_t  headers = ngx_string("Authorization, Content-Type, "
                                           "Accept, Accept-Language, "
                                           "If-None-Match, Last-Event-ID, "
                                           "Prefer, Idempotency-Key, "
                                           "X-Request-Id, traceparent, "
                                           "tracestate");
    static ngx_str_t  age = ngx_string("600");

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_reauth_add_header(r, "Access-Control-Allow-Methods", &methods)
        != NGX_OK
        || ngx_http_reauth_add_header(r, "Access-Control-Allow-Headers",
                                      &headers)
           != NGX_OK
        || ngx_http_reauth_add_header(r, "Access-Control-Max-Age", &age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_null(&empty);

    return ngx_http_reauth_send_body(r, NGX_HTTP_NO_CONTENT, &empty);
}


/* the page can read the response, whether of the gateway or the upstream */

static ngx_int_t
ngx_http_reauth_origin_allow(ngx_http_request_t *r, ngx_str_t *origin)
{
    static ngx_str_t  expose = ngx_string("Retry-After, Reauth-Dropped, *");

    if (ngx_http_reauth_add_header(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_reauth_add_header(r, "Access-Control-Expose-Headers",
                                      &expose);
}


static void
ngx_http_reauth_origin_value(ngx_table_elt_t *h, reauth_string_t *value)
{
    if (h != NULL) {
        value->data = h->value.data;
        value->len = h->value.len;
    }
}


static ngx_int_t
ngx_http_reauth_origin_describe(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_headers_t *noted,
    reauth_origin_t *o)
{
    ngx_str_t  host, url;

    ngx_memzero(o, sizeof(reauth_origin_t));

    ngx_http_reauth_origin_value(noted->first[NGX_HTTP_REAUTH_HEADER_ORIGIN],
                                 &o->origin);
    ngx_http_reauth_origin_value(
        noted->first[NGX_HTTP_REAUTH_HEADER_FETCH_SITE], &o->fetch_site);

    o->repeated = (noted->repeated
                   & (1 << NGX_HTTP_REAUTH_HEADER_ORIGIN
                      |1 << NGX_HTTP_REAUTH_HEADER_FETCH_SITE))
                  != 0;

#if (NGX_HTTP_SSL)
    o->tls = r->connection->ssl != NULL;
#endif

    host = ngx_http_reauth_host(r);

    o->host.data = host.data;
    o->host.len = host.len;

    if (lcf->origins != NULL) {
        o->named = lcf->origins->elts;
        o->nnamed = lcf->origins->nelts;
    }

    if (lcf->public_url == NULL || o->origin.data == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, lcf->public_url, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    o->public_url.data = url.data;
    o->public_url.len = url.len;

    return NGX_OK;
}


/* NGX_DECLINED: allowed */

static ngx_int_t
ngx_http_reauth_origin_judge(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_headers_t *noted)
{
    ngx_table_elt_t  *h;
    reauth_origin_t   o;

    if (ngx_http_reauth_origin_describe(r, lcf, noted, &o) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (reauth_origin_judge(&o)) {

    case REAUTH_ORIGIN_OWN:
        return NGX_DECLINED;

    case REAUTH_ORIGIN_FOREIGN:
        return ngx_http_reauth_origin_refuse(r, &o);

    default: /* REAUTH_ORIGIN_NAMED */
        break;
    }

    h = noted->first[NGX_HTTP_REAUTH_HEADER_ORIGIN];

    /* the phase runs again after an internal redirect: add headers once */

    if (!noted->allowed
        && ngx_http_reauth_origin_allow(r, &h->value) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    noted->allowed = 1;

    return r->method == NGX_HTTP_OPTIONS
           && noted->first[NGX_HTTP_REAUTH_HEADER_REQUEST_METHOD] != NULL
           ? ngx_http_reauth_origin_preflight(r) : NGX_DECLINED;
}


ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_origin_asked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_headers_t *noted)
{
    ngx_int_t  rc;

    static ngx_str_t  origin = ngx_string("Origin");

    rc = NGX_DECLINED;

    /* a shared cache must store responses by origin */

    if (lcf->origins != NULL
        && ngx_http_reauth_add_header(r, "Vary", &origin) != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else if (noted != NULL) {
        rc = ngx_http_reauth_origin_judge(r, lcf, noted);
    }

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/*
 * A phase handler for configurations without reauth_zone, i.e.  without a
 * gate.
 */

ngx_int_t
ngx_http_reauth_origin_handler(ngx_http_request_t *r)
{
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    return lcf->guarded && r == r->main ? ngx_http_reauth_origin(r, lcf)
                                        : NGX_DECLINED;
}


char *
ngx_http_reauth_origin_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t        *value;
    ngx_uint_t        i;
    const char       *error;
    reauth_string_t  *origin;

    if (lcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->origins = NULL;
        return NGX_CONF_OK;
    }

    lcf->origins = ngx_array_create(cf->pool, cf->args->nelts,
                                    sizeof(reauth_string_t));
    if (lcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        origin = ngx_array_push(lcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        origin->data = value[i].data;
        origin->len = value[i].len;

        error = reauth_origin_check(origin);

        if (error != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\" in \"reauth_origin\": it "
                               "%s; expected one such as "
                               "\"https://app.example\" or "
                               "\"http://localhost:3000\"", &value[i], error);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
