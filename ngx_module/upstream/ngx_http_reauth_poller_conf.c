
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "reauth_poll" directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_poller.h"


static char *
ngx_http_reauth_poll_twice(ngx_conf_t *cf)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "duplicate parameter in \"reauth_poll\"");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_reauth_poll_rate(ngx_conf_t *cf, ngx_http_reauth_poller_t *poller,
    ngx_str_t *value)
{
    size_t      len;
    ngx_int_t   n;
    ngx_uint_t  scale;

    len = value->len;
    scale = 1;

    if (len > 3 && ngx_strncmp(value->data + len - 3, "r/s", 3) == 0) {
        scale = 60;
        len -= 3;

    } else if (len > 3 && ngx_strncmp(value->data + len - 3, "r/m", 3) == 0) {
        len -= 3;
    }

    if (poller->rate != NGX_CONF_UNSET_UINT) {
        return ngx_http_reauth_poll_twice(cf);
    }

    n = len < value->len ? ngx_atoi(value->data, len) : NGX_ERROR;

    if (n <= 0 || n > 100000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\" in \"reauth_poll\": expected "
                           "polls per second or per minute, such as \"60r/m\"",
                           value);
        return NGX_CONF_ERROR;
    }

    poller->rate = n * scale;

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_poll_time(ngx_conf_t *cf, ngx_msec_t *msec, ngx_str_t *value)
{
    ngx_int_t  n;

    if (*msec != NGX_CONF_UNSET_MSEC) {
        return ngx_http_reauth_poll_twice(cf);
    }

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n < 100) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"reauth_poll\": expected "
                           "at least 100ms", value);
        return NGX_CONF_ERROR;
    }

    *msec = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_poll_parameter(ngx_conf_t *cf,
    ngx_http_reauth_poller_t *poller, ngx_str_t *parameter)
{
    ngx_str_t  value;

#define reauth_is(name)                                                       \
    (parameter->len > sizeof(name) - 1                                        \
     && ngx_strncmp(parameter->data, name, sizeof(name) - 1) == 0             \
     && (value.data = parameter->data + sizeof(name) - 1,                     \
         value.len = parameter->len - sizeof(name) + 1, 1))

    if (reauth_is("interval=")) {
        return ngx_http_reauth_poll_time(cf, &poller->interval, &value);
    }

    if (reauth_is("max_interval=")) {
        return ngx_http_reauth_poll_time(cf, &poller->max_interval, &value);
    }

    if (reauth_is("rate=")) {
        return ngx_http_reauth_poll_rate(cf, poller, &value);
    }

#undef reauth_is

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"reauth_poll\": expected "
                       "\"interval=\", \"max_interval=\" or "
                       "\"rate=\"", parameter);

    return NGX_CONF_ERROR;
}


char *
ngx_http_reauth_poll(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_reauth_poller_t  *poller;

    if (mcf->poller) {
        return "is duplicate: one poller serves all servers";
    }

    poller = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_poller_t));
    if (poller == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->poller = poller;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0
        || cf->args->nelts < 3
        || value[2].data[0] != '/')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"reauth_poll\" takes \"off\", or \"on\" and the "
                           "URI prefix of an internal location, such as \"on "
                           "/upstream\"");
        return NGX_CONF_ERROR;
    }

    poller->on = 1;
    poller->uri = value[2];
    poller->interval = NGX_CONF_UNSET_MSEC;
    poller->max_interval = NGX_CONF_UNSET_MSEC;
    poller->rate = NGX_CONF_UNSET_UINT;
    poller->conf_ctx = cf->ctx;

    if (poller->uri.data[poller->uri.len - 1] == '/') {
        poller->uri.len--;
    }

    if (poller->uri.len > 100) {
        return "has a URI that is too long";
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_reauth_poll_parameter(cf, poller, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_init_msec_value(poller->interval, NGX_HTTP_REAUTH_POLL_INTERVAL);
    ngx_conf_init_msec_value(poller->max_interval,
                             NGX_HTTP_REAUTH_POLL_INTERVAL_MAX);
    ngx_conf_init_uint_value(poller->rate, 60);

    if (poller->max_interval < poller->interval) {
        return "has a max_interval smaller than its interval";
    }

    mcf->store.polling = 1;
    mcf->store.poll_rate = poller->rate;
    mcf->store.zone.schedule.interval_ms = poller->interval;
    mcf->store.zone.schedule.max_interval_ms = poller->max_interval;

    return NGX_CONF_OK;
}
