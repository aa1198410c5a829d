
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The URL of "reauth_redis", and the names in it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_reauth_redis_conf.h"


/* whether a resolver has name servers; those of Angie are a list */

#if (angie_version >= 1012000)
#define ngx_http_reauth_redis_resolves(resolver)                              \
    ((resolver)->connections != NULL)
#else
#define ngx_http_reauth_redis_resolves(resolver)                              \
    ((resolver)->connections.nelts != 0)
#endif


#define NGX_HTTP_REAUTH_REDIS_PORT          6379
#define NGX_HTTP_REAUTH_REDIS_SENTINEL_PORT 26379
#define NGX_HTTP_REAUTH_REDIS_SERVERS_MAX   32
#define NGX_HTTP_REAUTH_REDIS_DATABASE_MAX  65535


typedef struct {
    ngx_str_t   name;
    unsigned    tls:1;
    unsigned    sentinel:1;
} ngx_http_reauth_redis_scheme_t;


static char *ngx_http_reauth_redis_unix(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_http_reauth_redis_user(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, u_char *start, u_char *at);
static char *ngx_http_reauth_redis_path(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_uint_t sentinel, u_char *start,
    u_char *last);
static char *ngx_http_reauth_redis_database(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, u_char *start, u_char *end);
static char *ngx_http_reauth_redis_servers(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_uint_t port, u_char *start,
    u_char *last);
static char *ngx_http_reauth_redis_server(ngx_conf_t *cf,
    ngx_http_reauth_redis_server_t *server, ngx_uint_t port);
static char *ngx_http_reauth_redis_host(ngx_conf_t *cf,
    ngx_http_reauth_redis_server_t *server, ngx_url_t *u);


static ngx_http_reauth_redis_scheme_t  ngx_http_reauth_redis_schemes[] = {
    { ngx_string("redis://"), 0, 0 },
    { ngx_string("rediss://"), 1, 0 },
    { ngx_string("redis-sentinel://"), 0, 1 },
    { ngx_string("rediss-sentinel://"), 1, 1 },
    { ngx_null_string, 0, 0 }
};


/*
 * Redis://[user@]host[:port][,host[:port]...][/db],
 * redis-sentinel://[user@]host[:port][,host[:port]...]/master[/db], both with
 * TLS, unix:/path[:db].  Parts that may contain a password are not logged.
 */

char *
ngx_http_reauth_redis_url(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *value)
{
    u_char                          *p, *at, *last, *start;
    ngx_http_reauth_redis_scheme_t  *scheme;

    start = value->data;
    last = value->data + value->len;

    if (ngx_strncasecmp(start, (u_char *) "unix:", 5) == 0) {
        return ngx_http_reauth_redis_unix(cf, conf, value);
    }

    for (scheme = ngx_http_reauth_redis_schemes; scheme->name.len; scheme++) {
        if (ngx_strncasecmp(start, scheme->name.data, scheme->name.len) == 0) {
            break;
        }
    }

    if (scheme->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"reauth_redis\": expected "
                           "redis://[user@]host[:port][,host[:port]...][/db], "
                           "redis-sentinel://[user@]host[:port]"
                           "[,host[:port]...]/master[/db], rediss:// or "
                           "rediss-sentinel:// for TLS, or unix:/path[:db]");
        return NGX_CONF_ERROR;
    }

    start += scheme->name.len;
    conf->tls = scheme->tls;

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

    p = ngx_strlchr(start, last, '/');
    if (p == NULL) {
        p = last;
    }

    if (ngx_http_reauth_redis_servers(cf, conf, scheme->sentinel
                                      ? NGX_HTTP_REAUTH_REDIS_SENTINEL_PORT
                                      : NGX_HTTP_REAUTH_REDIS_PORT, start, p)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* "redis://host/" is "redis://host" */

    return ngx_http_reauth_redis_path(cf, conf, scheme->sentinel,
                                      p < last ? p + 1 : last, last);
}


static char *
ngx_http_reauth_redis_unix(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_str_t *value)
{
    u_char  *p, *last;

    last = value->data + value->len;

    p = ngx_strlchr(value->data + 5, last, ':');

    if (p) {
        if (ngx_http_reauth_redis_database(cf, conf, p + 1, last)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        last = p;
    }

    conf->servers = ngx_pcalloc(cf->pool,
                                sizeof(ngx_http_reauth_redis_server_t));
    if (conf->servers == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->nservers = 1;
    conf->servers[0].text.data = value->data;
    conf->servers[0].text.len = last - value->data;

    return ngx_http_reauth_redis_server(cf, &conf->servers[0],
                                        NGX_HTTP_REAUTH_REDIS_PORT);
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
        || ngx_strlchr(start, at, '@') || ngx_strlchr(start, at, ','))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid user before \"@\" in the URL of "
                           "\"reauth_redis\": expected "
                           "redis://[user@]host[:port][,host[:port]...][/db], "
                           "with one user for all hosts");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what follows the hosts: [/db], or /master[/db] with Sentinels */

static char *
ngx_http_reauth_redis_path(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf,
    ngx_uint_t sentinel, u_char *start, u_char *last)
{
    u_char  *p;

    if (sentinel) {

        for (p = start; p < last; p++) {

            /* what Sentinel allows */

            if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                || (*p >= '0' && *p <= '9')
                || *p == '.' || *p == '-' || *p == '_')
            {
                continue;
            }

            break;
        }

        conf->master.data = start;
        conf->master.len = p - start;

        if (conf->master.len == 0 || (p < last && *p != '/')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid name of the master in the URL of "
                               "\"reauth_redis\": expected "
                               "redis-sentinel://[user@]host[:port]"
                               "[,host[:port]...]/master[/db], with the name "
                               "that \"sentinel monitor\" gives, of A-Z, a-z, "
                               "0-9 and . - _");
            return NGX_CONF_ERROR;
        }

        start = p < last ? p + 1 : last;
    }

    if (start == last) {
        return NGX_CONF_OK;
    }

    return ngx_http_reauth_redis_database(cf, conf, start, last);
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
ngx_http_reauth_redis_servers(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_uint_t port, u_char *start,
    u_char *last)
{
    u_char                          *p;
    ngx_uint_t                       n;
    ngx_http_reauth_redis_server_t  *server;

    n = 1;

    for (p = start; p < last; p++) {
        n += *p == ',';
    }

    if (n > NGX_HTTP_REAUTH_REDIS_SERVERS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many hosts in the URL of \"reauth_redis\": "
                           "expected up to %d",
                           NGX_HTTP_REAUTH_REDIS_SERVERS_MAX);
        return NGX_CONF_ERROR;
    }

    server = ngx_pcalloc(cf->pool, n * sizeof(ngx_http_reauth_redis_server_t));
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->servers = server;
    conf->nservers = n;

    for ( ;; ) {
        p = ngx_strlchr(start, last, ',');
        if (p == NULL) {
            p = last;
        }

        server->text.data = start;
        server->text.len = p - start;

        if (ngx_http_reauth_redis_server(cf, server, port) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        if (p == last) {
            return NGX_CONF_OK;
        }

        server++;
        start = p + 1;
    }
}


static char *
ngx_http_reauth_redis_server(ngx_conf_t *cf,
    ngx_http_reauth_redis_server_t *server, ngx_uint_t port)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = server->text;
    u.default_port = port;
    u.no_resolve = 1;

    if (u.url.len == 0) {
        u.err = "no host";

    } else if (ngx_parse_url(cf->pool, &u) == NGX_OK) {

        if (u.family == AF_UNIX) {
            server->addrs = u.addrs;
            server->naddrs = u.naddrs;

            return NGX_CONF_OK;
        }

        return ngx_http_reauth_redis_host(cf, server, &u);

    } else if (u.err == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "%s in \"%V\" of \"reauth_redis\": expected "
                       "host[:port], or [address]:port for IPv6; several are "
                       "separated by commas",
                       u.err, &server->text);

    return NGX_CONF_ERROR;
}


/* the name for TLS: zero-terminated, an IPv6 address without "[]" */

static char *
ngx_http_reauth_redis_host(ngx_conf_t *cf,
    ngx_http_reauth_redis_server_t *server, ngx_url_t *u)
{
    ngx_str_t   name;
    ngx_addr_t  addr;

    name = u->host;

    if (name.len > 2 && name.data[0] == '[') {
        name.data++;
        name.len -= 2;
    }

    server->port = u->port;
    server->host.len = name.len;
    server->host.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (server->host.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(server->host.data, name.data, name.len + 1);

    switch (ngx_parse_addr(cf->pool, &addr, name.data, name.len)) {

    case NGX_OK:
        server->numeric = 1;
        server->addrs = u->addrs;
        server->naddrs = u->naddrs;
        return NGX_CONF_OK;

    case NGX_DECLINED:
        return NGX_CONF_OK;

    default:
        return NGX_CONF_ERROR;
    }
}


static ngx_int_t
ngx_http_reauth_redis_resolve_once(ngx_conf_t *cf,
    ngx_http_reauth_redis_conf_t *conf, ngx_http_reauth_redis_server_t *server)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = server->text;
    u.default_port = server->port;

    if (ngx_parse_url(cf->pool, &u) == NGX_OK) {
        server->addrs = u.addrs;
        server->naddrs = u.naddrs;

        return NGX_OK;
    }

    if (u.err == NULL) {
        return NGX_ERROR;
    }

    if (conf->resolver) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "%s in \"%V\" of \"reauth_redis\": without \"resolver\" in "
                  "the http block, names are resolved when nginx reads its "
                  "configuration, in %s:%ui",
                  u.err, &server->text, conf->file, conf->line);

    return NGX_ERROR;
}


/*
 * The addresses found by the system are used if nginx's resolver fails, as it
 * does not read /etc/hosts.
 */

ngx_int_t
ngx_http_reauth_redis_init(ngx_conf_t *cf, ngx_http_reauth_redis_conf_t *conf)
{
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* nginx makes one without servers if "resolver" is not specified */

    if (clcf->resolver && ngx_http_reauth_redis_resolves(clcf->resolver)) {
        conf->resolver = clcf->resolver;
    }

    for (i = 0; i < conf->nservers; i++) {
        if (conf->servers[i].addrs == NULL
            && ngx_http_reauth_redis_resolve_once(cf, conf, &conf->servers[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
