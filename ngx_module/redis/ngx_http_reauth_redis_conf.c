
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "reauth_redis" directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_file.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_REDIS_PORT          6379
#define NGX_HTTP_REAUTH_REDIS_DATABASE_MAX  65535
#define NGX_HTTP_REAUTH_REDIS_PREFIX_MAX    64

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


static char *ngx_http_reauth_redis_url(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_address(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *text);
static char *ngx_http_reauth_redis_host(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *host);
static char *ngx_http_reauth_redis_database(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, u_char *start, u_char *end);
static char *ngx_http_reauth_redis_parameters(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf);
static char *ngx_http_reauth_redis_password_file(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
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
ngx_http_reauth_redis_unix(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   address;

    conf->url = *value;
    address = *value;

    last = value->data + value->len;

    p = ngx_strlchr(value->data + 5, last, ':');

    if (p) {
        if (ngx_http_reauth_redis_database(cf, conf, p + 1, last)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        address.len = p - value->data;
    }

    return ngx_http_reauth_redis_address(cf, conf, &address);
}


/* the part before the last "@" */

static char *
ngx_http_reauth_redis_user(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    u_char *start, u_char *at)
{
    if (ngx_strlchr(start, at, ':')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a password in the URL of \"reauth_redis\" is "
                           "visible in \"nginx -T\" and in every copy of the "
                           "configuration: write it to a file and add "
                           "password_file=path");
        return NGX_CONF_ERROR;
    }

    conf->user.data = start;
    conf->user.len = at - start;

    if (conf->user.len == 0 || ngx_strlchr(start, at, '/')
        || ngx_strlchr(start, at, '@'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid user before \"@\" in the URL of "
                           "\"reauth_redis\": expected "
                           "redis://[user@]host[:port][/db]");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * Redis://[user@]host[:port][/db], rediss://..., unix:/path[:db].  Parts that
 * may contain a password are not logged.
 */

static char *
ngx_http_reauth_redis_url(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *value)
{
    u_char     *p, *at, *last, *start;
    ngx_str_t   address;

    start = value->data;
    last = value->data + value->len;

    if (ngx_strncasecmp(start, (u_char *) "unix:", 5) == 0) {
        return ngx_http_reauth_redis_unix(cf, conf, value);
    }

    if (ngx_strncasecmp(start, (u_char *) "redis://", 8) == 0) {
        start += 8;

    } else if (ngx_strncasecmp(start, (u_char *) "rediss://", 9) == 0) {
        start += 9;
        conf->tls = 1;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"reauth_redis\": expected "
                           "redis://[user@]host[:port][/db], rediss:// for "
                           "TLS, or unix:/path[:db]");
        return NGX_CONF_ERROR;
    }

    /* a password can contain any character: use the last "@" */

    at = NULL;

    for (p = start; p < last; p++) {
        if (*p == '@') {
            at = p;
        }
    }

    if (at) {
        if (ngx_http_reauth_redis_user(cf, conf, start, at) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        start = at + 1;
    }

    conf->url = *value;

    address.data = start;
    address.len = last - start;

    p = ngx_strlchr(start, last, '/');

    if (p) {
        address.len = p - start;

        /* "redis://host/" is "redis://host" */

        if (p + 1 < last
            && ngx_http_reauth_redis_database(cf, conf, p + 1, last)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_reauth_redis_address(cf, conf, &address);
}


static char *
ngx_http_reauth_redis_address(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *text)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *text;
    u.default_port = NGX_HTTP_REAUTH_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        if (u.err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in \"%V\" of \"reauth_redis\": expected "
                               "redis://[user@]host[:port][/db], rediss:// "
                               "for TLS, or unix:/path[:db]; names are "
                               "resolved when nginx reads its configuration",
                               u.err, text);
        }

        return NGX_CONF_ERROR;
    }

    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;

    if (u.family == AF_UNIX) {
        return NGX_CONF_OK;
    }

    return ngx_http_reauth_redis_host(cf, conf, &u.host);
}


/* the name for TLS: zero-terminated, an IPv6 address without "[]" */

static char *
ngx_http_reauth_redis_host(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *host)
{
    ngx_str_t   name;
    ngx_addr_t  addr;

    name = *host;

    if (name.len > 2 && name.data[0] == '[') {
        name.data++;
        name.len -= 2;
    }

    conf->host.len = name.len;
    conf->host.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (conf->host.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(conf->host.data, name.data, name.len + 1);

    switch (ngx_parse_addr(cf->pool, &addr, name.data, name.len)) {

    case NGX_OK:
        conf->numeric = 1;
        return NGX_CONF_OK;

    case NGX_DECLINED:
        return NGX_CONF_OK;

    default:
        return NGX_CONF_ERROR;
    }
}


static char *
ngx_http_reauth_redis_database(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, u_char *start, u_char *end)
{
    ngx_int_t  n;

    n = ngx_atoi(start, end - start);

    if (n == NGX_ERROR || n > NGX_HTTP_REAUTH_REDIS_DATABASE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid database in the URL of \"reauth_redis\": "
                           "expected a number from 0 to %d",
                           NGX_HTTP_REAUTH_REDIS_DATABASE_MAX);
        return NGX_CONF_ERROR;
    }

    conf->database = n;

    return NGX_CONF_OK;
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
                               "expected password_file=, prefix=, timeout=, "
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
    char                 error[REAUTH_SECRET_ERROR_SIZE];
    ngx_str_t            path;
    ngx_pool_cleanup_t  *cln;

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no path in \"password_file=\" of "
                           "\"reauth_redis\"");
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

    if (reauth_secret_read(&conf->password, (char *) path.data, geteuid(),
                           error)
        != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password_file=%V of \"reauth_redis\": %s",
                           &path, error);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_reauth_redis_password_cleanup;
    cln->data = &conf->password;

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
