
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "reauth_notify" directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_notify.h"
#include "ngx_http_reauth_secret.h"


static char *
ngx_http_reauth_notify_events(ngx_conf_t *cf,
    ngx_http_reauth_notify_t *notify, ngx_str_t *value)
{
    ngx_str_t        name;
    reauth_string_t  list, wrong;

    if (notify->wants.events != 0) {
        return "has more than one \"events=\"";
    }

    list.data = value->data;
    list.len = value->len;

    if (reauth_notice_events(&list, &notify->wants.events, &wrong) != 0) {
        name.data = (u_char *) wrong.data;
        name.len = wrong.len;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid event \"%V\" in \"reauth_notify\": "
                           "expected names separated by commas, of "
                           "\"account.needs_person\", "
                           "\"account.still_waiting\", \"account.failed\", "
                           "\"account.recovered\" and \"gateway.degraded\"",
                           &name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_notify_after(ngx_conf_t *cf, ngx_http_reauth_notify_t *notify,
    ngx_str_t *value)
{
    u_char     *p, *last, *comma;
    ngx_int_t   n;
    ngx_str_t   time;

    if (notify->wants.nafter != 0) {
        return "has more than one \"after=\"";
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');

        if (comma == NULL) {
            comma = last;
        }

        time.data = p;
        time.len = comma - p;

        n = ngx_parse_time(&time, 0);

        if (n == NGX_ERROR
            || n < REAUTH_NOTICE_AFTER_LEAST_MS
            || n > REAUTH_NOTICE_AFTER_MOST_MS
            || reauth_notice_after(&notify->wants, n) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"reauth_notify\": "
                               "\"after=\" expects at most 8 times between "
                               "1s and 7d, separated by commas", &time);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_notify_parameter(ngx_conf_t *cf,
    ngx_http_reauth_notify_t *notify, ngx_str_t *parameter)
{
    ngx_str_t  value;

    if (ngx_strncmp(parameter->data, "events=", 7) == 0) {
        value.data = parameter->data + 7;
        value.len = parameter->len - 7;

        return ngx_http_reauth_notify_events(cf, notify, &value);
    }

    if (ngx_strncmp(parameter->data, "after=", 6) == 0) {
        value.data = parameter->data + 6;
        value.len = parameter->len - 6;

        return ngx_http_reauth_notify_after(cf, notify, &value);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"reauth_notify\": "
                       "expected \"events=\" or \"after=\"", parameter);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_reauth_notify_uri(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_str_t *uri)
{
    ngx_uint_t                 i;
    ngx_http_reauth_notify_t  *notify;

    if (uri->len == 0
        || uri->len > NGX_HTTP_REAUTH_NOTIFY_URI_MAX
        || uri->data[0] != '/'
        || ngx_strlchr(uri->data, uri->data + uri->len, '?') != NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\" in \"reauth_notify\": expected "
                           "the path of an internal location, such as "
                           "\"/notify\"", uri);
        return NGX_CONF_ERROR;
    }

    /* the receiver is known to all gateways by it */

    notify = mcf->notifies.elts;

    for (i = 0; i < mcf->notifies.nelts; i++) {
        if (notify[i].uri.len == uri->len
            && ngx_strncmp(notify[i].uri.data, uri->data, uri->len) == 0)
        {
            return "is duplicate: its URI identifies the receiver";
        }
    }

    if (i == NGX_HTTP_REAUTH_NOTIFY_MAX) {
        return "is specified for more than 8 receivers";
    }

    return NGX_CONF_OK;
}


/* default values; what all receivers want is what commits produce */

static char *
ngx_http_reauth_notify_merge(ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_notify_t *notify)
{
    unsigned               i;
    reauth_notice_conf_t  *wants, *all;

    wants = &notify->wants;
    all = &mcf->store.notices;

    if (wants->events == 0) {
        wants->events = REAUTH_NOTICE_ALL;
    }

    if (!(wants->events & reauth_notice_bit(REAUTH_NOTICE_STILL_WAITING))) {

        if (wants->nafter != 0) {
            return "has \"after=\", which has no effect without the event "
                   "\"account.still_waiting\"";
        }

    } else if (wants->nafter == 0) {
        (void) reauth_notice_after(wants, 5 * 60 * 1000);
        (void) reauth_notice_after(wants, 60 * 60 * 1000);
    }

    all->events |= wants->events;

    for (i = 0; i < wants->nafter; i++) {
        if (reauth_notice_after(all, wants->after_ms[i]) != 0) {
            return "has more than 8 different times in \"after=\", those of "
                   "other receivers included";
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_reauth_notify_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_reauth_notify_t  *notify;

    value = cf->args->elts;

    rv = ngx_http_reauth_notify_uri(cf, mcf, &value[1]);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (mcf->notifies.elts == NULL
        && ngx_array_init(&mcf->notifies, cf->pool, 1,
                          sizeof(ngx_http_reauth_notify_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    notify = ngx_array_push(&mcf->notifies);
    if (notify == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(notify, sizeof(ngx_http_reauth_notify_t));

    notify->uri = value[1];
    notify->conf_ctx = cf->ctx;

    notify->secret = ngx_http_reauth_secret_add(cf, mcf, &value[0], &value[2]);

    if (notify->secret == NULL
        || ngx_http_reauth_secret_signs(cf, &value[0], notify->secret)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        rv = ngx_http_reauth_notify_parameter(cf, notify, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_http_reauth_notify_merge(mcf, notify);
}
