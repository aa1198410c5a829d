
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "reauth_redis" directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_file.h"
#include "ngx_http_reauth_redis_conf.h"


/*
 * A quarter of a second is long for a nearby Redis, and short for a waiting
 * client.
 */
#define NGX_HTTP_REAUTH_REDIS_TIMEOUT       250
#define NGX_HTTP_REAUTH_REDIS_TIMEOUT_MAX   10000

#define NGX_HTTP_REAUTH_REDIS_VERIFY_DEPTH  9


typedef char *(*ngx_http_reauth_redis_parameter_pt)(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);

typedef struct {
    ngx_str_t                           name;
    ngx_http_reauth_redis_parameter_pt  parse;
} ngx_http_reauth_redis_parameter_t;


static char *ngx_http_reauth_redis_parameters(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf);
static char *ngx_http_reauth_redis_password_file(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_sentinel_password_file(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_password(ngx_conf_t *cf,
    reauth_secret_t *password, ngx_str_t *value, const char *parameter);
static void ngx_http_reauth_redis_password_cleanup(void *data);
static char *ngx_http_reauth_redis_prefix(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_timeout(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_ca(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_verify(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_tls(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf);


static ngx_http_reauth_redis_parameter_t  ngx_http_reauth_redis_known[] = {
    { ngx_string("password_file="), ngx_http_reauth_redis_password_file },
    { ngx_string("sentinel_password_file="),
      ngx_http_reauth_redis_sentinel_password_file },
    { ngx_string("prefix="), ngx_http_reauth_redis_prefix },
    { ngx_string("timeout="), ngx_http_reauth_redis_timeout },
    { ngx_string("ca="), ngx_http_reauth_redis_ca },
    { ngx_string("verify="), ngx_http_reauth_redis_verify }
};

#define NGX_HTTP_REAUTH_REDIS_KNOWN                                           \
    (sizeof(ngx_http_reauth_redis_known)                                      \
     / sizeof(ngx_http_reauth_redis_parameter_t))


ngx_http_reauth_redis_conf_t *
ngx_http_reauth_redis_parse(ngx_conf_t *cf)
{
    ngx_str_t                     *value, prefix;
    ngx_http_reauth_redis_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_redis_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->timeout = NGX_HTTP_REAUTH_REDIS_TIMEOUT;
    conf->verify = NGX_CONF_UNSET;
    conf->file = cf->conf_file->file.name.data;
    conf->line = cf->conf_file->line;

    value = cf->args->elts;

    if (ngx_http_reauth_redis_url(cf, conf, &value[1]) != NGX_CONF_OK
        || ngx_http_reauth_redis_parameters(cf, conf) != NGX_CONF_OK)
    {
        return NULL;
    }

    if (conf->user.len && conf->password.text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"reauth_redis\" has the user \"%V\" but no "
                           "password: add password_file=path", &conf->user);
        return NULL;
    }

    if (conf->prefix.len == 0) {
        ngx_str_set(&prefix, "reauth");

        if (ngx_http_reauth_redis_prefix(cf, conf, &prefix) != NGX_CONF_OK) {
            return NULL;
        }
    }

    if (ngx_http_reauth_redis_tls(cf, conf) != NGX_CONF_OK) {
        return NULL;
    }

    return conf;
}


static char *
ngx_http_reauth_redis_parameters(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf)
{
    u_char                             *p;
    ngx_str_t                          *value, rest;
    ngx_uint_t                          i, n, seen;
    ngx_http_reauth_redis_parameter_t  *known;

    value = cf->args->elts;
    seen = 0;
    known = NULL;

    for (i = 2; i < cf->args->nelts; i++) {

        for (n = 0; n < NGX_HTTP_REAUTH_REDIS_KNOWN; n++) {
            known = &ngx_http_reauth_redis_known[n];

            if (value[i].len >= known->name.len
                && ngx_strncmp(value[i].data, known->name.data,
                               known->name.len)
                   == 0)
            {
                break;
            }
        }

        if (n == NGX_HTTP_REAUTH_REDIS_KNOWN) {

            /* log only the name: it might be "password=..." */

            rest = value[i];
            p = ngx_strlchr(rest.data, rest.data + rest.len, '=');

            if (p) {
                rest.len = p - rest.data;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" of \"reauth_redis\": "
                               "expected password_file=, "
                               "sentinel_password_file=, prefix=, timeout=, "
                               "ca= or verify=", &rest);
            return NGX_CONF_ERROR;
        }

        if (seen & ((ngx_uint_t) 1 << n)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\" of "
                               "\"reauth_redis\"",
                               &known->name);
            return NGX_CONF_ERROR;
        }

        seen |= (ngx_uint_t) 1 << n;

        rest.data = value[i].data + known->name.len;
        rest.len = value[i].len - known->name.len;

        if (known->parse(cf, conf, &rest) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_redis_password_file(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value)
{
    return ngx_http_reauth_redis_password(cf, &conf->password, value,
                                          "password_file");
}


static char *
ngx_http_reauth_redis_sentinel_password_file(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value)
{
    if (conf->master.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sentinel_password_file=\" of \"reauth_redis\" "
                           "needs Sentinels: use redis-sentinel://, or remove "
                           "the parameter");
        return NGX_CONF_ERROR;
    }

    return ngx_http_reauth_redis_password(cf, &conf->sentinel_password, value,
                                          "sentinel_password_file");
}


static char *
ngx_http_reauth_redis_password(ngx_conf_t *cf, reauth_secret_t *password,
    ngx_str_t *value, const char *parameter)
{
    char                 error[REAUTH_SECRET_ERROR_SIZE];
    ngx_str_t            path;
    ngx_pool_cleanup_t  *cln;

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no path in \"%s=\" of \"reauth_redis\"",
                           parameter);
        return NGX_CONF_ERROR;
    }

    path = *value;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (reauth_secret_read(password, (char *) path.data, geteuid(), error)
        != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s=%V of \"reauth_redis\": %s", parameter, &path,
                           error);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_reauth_redis_password_cleanup;
    cln->data = password;

    return NGX_CONF_OK;
}


static void
ngx_http_reauth_redis_password_cleanup(void *data)
{
    reauth_secret_free(data);
}


static char *
ngx_http_reauth_redis_prefix(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value)
{
    u_char  *p, ch;
    size_t   i;

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '_' || ch == '.' || ch == ':' || ch == '-')
        {
            continue;
        }

        break;
    }

    if (i < value->len || i == 0 || i > NGX_HTTP_REAUTH_REDIS_PREFIX_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"prefix=%V\" of \"reauth_redis\": "
                           "expected 1 to %d characters of A-Z, a-z, 0-9 and "
                           "_ . : - without braces, which nginx adds",
                           value, NGX_HTTP_REAUTH_REDIS_PREFIX_MAX);
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, value->len + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->prefix.data = p;
    conf->prefix.len = value->len + 2;

    (void) ngx_sprintf(p, "{%V}", value);

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_redis_timeout(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value)
{
    ngx_int_t  timeout;

    timeout = ngx_parse_time(value, 0);

    if (timeout <= 0 || timeout > NGX_HTTP_REAUTH_REDIS_TIMEOUT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"timeout=%V\" of \"reauth_redis\": "
                           "expected a time for one command, from 1ms to 10s",
                           value);
        return NGX_CONF_ERROR;
    }

    conf->timeout = timeout;

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_redis_ca(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *value)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no path in \"ca=\" of \"reauth_redis\"");
        return NGX_CONF_ERROR;
    }

    conf->ca = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_redis_verify(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value)
{
    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        conf->verify = 1;

    } else if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        conf->verify = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"verify=%V\" of \"reauth_redis\": "
                           "expected on or off", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


#if (NGX_SSL)

/* who can write the file can impersonate Redis */

static char *
ngx_http_reauth_redis_ca_check(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf)
{
    ngx_str_t         path;
    const char       *error;
    ngx_file_info_t   info;

    path = conf->ca;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* a missing file is reported when it is read */

    if (ngx_file_info(path.data, &info) == NGX_FILE_ERROR) {
        return NGX_CONF_OK;
    }

    error = reauth_file_check(&info, geteuid());

    if (error != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ca=%V\" of \"reauth_redis\": it %s",
                           &conf->ca, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_reauth_redis_tls(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf)
{
    ngx_pool_cleanup_t  *cln;

    if (!conf->tls) {
        if (conf->ca.len || conf->verify != NGX_CONF_UNSET) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" of \"reauth_redis\" needs TLS: use "
                               "rediss://, or remove the parameter",
                               conf->ca.len ? "ca=" : "verify=");
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_init_value(conf->verify, 1);

    conf->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (conf->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->ssl->log = cf->log;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_ssl_create(conf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = conf->ssl;

    if (!conf->verify) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"verify=off\" of \"reauth_redis\": Redis is not "
                           "authenticated, anybody on the path can "
                           "impersonate it and read its password");
    }

    if (conf->ca.len) {
        if (ngx_http_reauth_redis_ca_check(cf, conf) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        if (ngx_ssl_trusted_certificate(cf, conf->ssl, &conf->ca,
                                        NGX_HTTP_REAUTH_REDIS_VERIFY_DEPTH)
            != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"ca=%V\" of \"reauth_redis\": expected a "
                               "readable file of certificates in the PEM "
                               "format",
                               &conf->ca);
            return NGX_CONF_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(conf->ssl->ctx) == 0) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

#else

static char *
ngx_http_reauth_redis_tls(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf)
{
    if (conf->tls || conf->ca.len || conf->verify != NGX_CONF_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"reauth_redis\" with TLS (rediss://, ca=, "
                           "verify=) needs nginx built with "
                           "--with-http_ssl_module");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

#endif
