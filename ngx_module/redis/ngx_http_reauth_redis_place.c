
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The place to connect to, and its addresses.  Names are resolved by nginx's
 * resolver at each connect.
 */


#include "ngx_http_reauth_redis_connection.h"


static void ngx_http_reauth_redis_resolve(ngx_http_reauth_redis_t *redis);
static void ngx_http_reauth_redis_resolve_handler(ngx_resolver_ctx_t *ctx);
static ngx_uint_t ngx_http_reauth_redis_resolved(
    ngx_http_reauth_redis_t *redis, ngx_resolver_ctx_t *ctx);
static void ngx_http_reauth_redis_fall_back(ngx_http_reauth_redis_t *redis,
    const char *error);


/* makes the named place the current one */

ngx_int_t
ngx_http_reauth_redis_told(ngx_http_reauth_redis_t *redis)
{
    ngx_addr_t                      *addr;
    ngx_sockaddr_t                  *sa;
    reauth_endpoint_t               *place;
    ngx_http_reauth_redis_server_t  *told;
#if (NGX_HAVE_INET6)
    u_char                           in6[16];
#endif

    place = &redis->seek.place;
    told = &redis->told;
    addr = &redis->addrs[0];
    sa = &redis->sockaddrs[0];

    told->host.data = (u_char *) place->host;
    told->host.len = ngx_strlen(place->host);
    told->port = (in_port_t) place->port;
    told->addrs = NULL;
    told->naddrs = 0;
    told->numeric = 0;

    told->text.len = ngx_sprintf(told->text.data,
                                 ngx_strchr(place->host, ':') ? "[%s]:%ui"
                                                              : "%s:%ui",
                                 place->host, (ngx_uint_t) place->port)
                     - told->text.data;

    redis->server = told;
    redis->name = told->text;

    ngx_memzero(sa, sizeof(ngx_sockaddr_t));

    sa->sockaddr_in.sin_addr.s_addr = ngx_inet_addr(told->host.data,
                                                    told->host.len);

    if (sa->sockaddr_in.sin_addr.s_addr != INADDR_NONE) {
        sa->sockaddr.sa_family = AF_INET;
        addr->socklen = sizeof(struct sockaddr_in);

#if (NGX_HAVE_INET6)

    } else if (ngx_inet6_addr(told->host.data, told->host.len, in6) == NGX_OK)
    {
        sa->sockaddr.sa_family = AF_INET6;
        addr->socklen = sizeof(struct sockaddr_in6);
        ngx_memcpy(sa->sockaddr_in6.sin6_addr.s6_addr, in6, sizeof(in6));

#endif

    } else {
        return NGX_DECLINED;
    }

    ngx_inet_set_port(&sa->sockaddr, told->port);

    addr->sockaddr = &sa->sockaddr;
    addr->name = told->text;

    told->addrs = addr;
    told->naddrs = 1;
    told->numeric = 1;

    return NGX_OK;
}


/* opens a connection to the current place, or resolves its name first */

void
ngx_http_reauth_redis_place(ngx_http_reauth_redis_t *redis)
{
    reauth_seek_t                   *seek;
    ngx_http_reauth_redis_server_t  *server;

    seek = &redis->seek;

    if (seek->addr != 0) {

        /* another address of the same name */

        ngx_http_reauth_redis_open(redis);
        return;
    }

    if (seek->where == REAUTH_SEEK_ASK) {
        ngx_http_reauth_redis_sentinel_ask(redis);
        return;
    }

    if (seek->where == REAUTH_SEEK_TOLD) {
        (void) ngx_http_reauth_redis_told(redis);

    } else {
        redis->server = &redis->conf->servers[seek->server];
        redis->name = redis->server->text;
    }

    server = redis->server;

    if (server->host.len && !server->numeric && redis->conf->resolver) {
        ngx_http_reauth_redis_resolve(redis);
        return;
    }

    if (server->addrs == NULL) {
        ngx_http_reauth_redis_fail(redis, 0, "the name of this host cannot be "
                                             "resolved: add \"resolver\" to "
                                             "the http block");
        return;
    }

    redis->list = server->addrs;
    reauth_seek_resolved(seek, server->naddrs);

    ngx_http_reauth_redis_open(redis);
}


static void
ngx_http_reauth_redis_resolve(ngx_http_reauth_redis_t *redis)
{
    ngx_resolver_ctx_t  *ctx;

    redis->state = NGX_HTTP_REAUTH_REDIS_RESOLVE;
    redis->log.action = "resolving the name of";

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: resolving %V", &redis->server->host);

    ctx = ngx_resolve_start(redis->conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
        return;
    }

    ctx->name = redis->server->host;
    ctx->handler = ngx_http_reauth_redis_resolve_handler;
    ctx->data = redis;
    ctx->timeout = ngx_max(redis->conf->timeout,
                           NGX_HTTP_REAUTH_REDIS_CONNECT_MIN);
    ctx->cancelable = 1;

    redis->resolving = ctx;

    /* the handler may be called before it returns */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        redis->resolving = NULL;
        ngx_http_reauth_redis_fail(redis, 0, "no memory");
    }
}


static void
ngx_http_reauth_redis_resolve_handler(ngx_resolver_ctx_t *ctx)
{
    const char               *error;
    ngx_uint_t                n;
    ngx_http_reauth_redis_t  *redis;

    redis = ctx->data;

    ngx_http_reauth_redis_enter(redis);

    redis->resolving = NULL;

    error = ctx->state ? ngx_resolver_strerror(ctx->state) : NULL;
    n = ctx->state ? 0 : ngx_http_reauth_redis_resolved(redis, ctx);

    ngx_resolve_name_done(ctx);

    if (n) {
        redis->list = redis->addrs;
        reauth_seek_resolved(&redis->seek, n);
        ngx_http_reauth_redis_open(redis);

    } else {
        ngx_http_reauth_redis_fall_back(redis, error ? error : "no address");
    }

    ngx_http_reauth_redis_leave(redis);
}


/* copies the addresses, which are the resolver's */

static ngx_uint_t
ngx_http_reauth_redis_resolved(ngx_http_reauth_redis_t *redis,
    ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t   i, n;
    ngx_addr_t  *addr;

    n = ngx_min(ctx->naddrs, NGX_HTTP_REAUTH_REDIS_ADDRS);

    for (i = 0; i < n; i++) {
        addr = &redis->addrs[i];

        ngx_memcpy(&redis->sockaddrs[i], ctx->addrs[i].sockaddr,
                   ctx->addrs[i].socklen);

        addr->sockaddr = &redis->sockaddrs[i].sockaddr;
        addr->socklen = ctx->addrs[i].socklen;
        addr->name = redis->server->text;

        ngx_inet_set_port(addr->sockaddr, redis->server->port);
    }

    return n;
}


/* addresses that the system knew when the configuration was read */

static void
ngx_http_reauth_redis_fall_back(ngx_http_reauth_redis_t *redis,
    const char *error)
{
    u_char                           text[256];
    ngx_http_reauth_redis_server_t  *server;

    server = redis->server;

    if (server->addrs == NULL) {
        (void) ngx_snprintf(text, sizeof(text), "the name of this host cannot "
                            "be resolved: %s%Z", error);
        ngx_http_reauth_redis_fail(redis, 0, (char *) text);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, &redis->log, 0,
                  "%s: the addresses that were known when nginx read its "
                  "configuration are used", error);

    redis->list = server->addrs;
    reauth_seek_resolved(&redis->seek, server->naddrs);

    ngx_http_reauth_redis_open(redis);
}


void
ngx_http_reauth_redis_place_close(ngx_http_reauth_redis_t *redis)
{
    ngx_resolver_ctx_t  *ctx;

    ctx = redis->resolving;

    if (ctx) {
        redis->resolving = NULL;
        ngx_resolve_name_done(ctx);
    }
}
