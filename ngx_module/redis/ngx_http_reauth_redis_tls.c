
/*
 * Copyright (C) the nginx-reauth authors
 *
 * TLS of a connection to Redis.
 */


#include "ngx_http_reauth_redis_connection.h"

#include <openssl/crypto.h>


#if (NGX_SSL)

static ngx_int_t ngx_http_reauth_redis_tls_name(
    ngx_http_reauth_redis_t *redis, ngx_connection_t *c);
static void ngx_http_reauth_redis_tls_handler(ngx_connection_t *c);
static void ngx_http_reauth_redis_tls_done(ngx_http_reauth_redis_t *redis);


void
ngx_http_reauth_redis_tls_start(ngx_http_reauth_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    redis->state = NGX_HTTP_REAUTH_REDIS_TLS;
    redis->log.action = "TLS handshaking with";

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "reauth redis: TLS handshake with %V",
                   &redis->name);

    if (ngx_ssl_create_connection(redis->conf->ssl, c, NGX_SSL_CLIENT)
        != NGX_OK
        || ngx_http_reauth_redis_tls_name(redis, c) != NGX_OK)
    {
        ngx_http_reauth_redis_fail(redis, 0, "no TLS context");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_reauth_redis_tls_handler;
        return;
    }

    ngx_http_reauth_redis_tls_done(redis);
}


static ngx_int_t
ngx_http_reauth_redis_tls_name(ngx_http_reauth_redis_t *redis,
    ngx_connection_t *c)
{
    char              *name;
    ngx_ssl_conn_t    *ssl;
    X509_VERIFY_PARAM *param;

    ssl = c->ssl->connection;
    name = (char *) redis->server->host.data;

    /* RFC 6066: SNI does not allow addresses */

    if (!redis->server->numeric && SSL_set_tlsext_host_name(ssl, name) == 0) {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "SSL_set_tlsext_host_name(\"%s\") failed", name);
        return NGX_ERROR;
    }

    if (!redis->conf->verify) {
        return NGX_OK;
    }

    /* SSL_get_verify_result() includes the check of the name */

    param = SSL_get0_param(ssl);

    if (redis->server->numeric) {
        if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 0) {
            ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                          "X509_VERIFY_PARAM_set1_ip_asc(\"%s\") failed",
                          name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    if (X509_VERIFY_PARAM_set1_host(param, name, redis->server->host.len)
        == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "X509_VERIFY_PARAM_set1_host(\"%s\") failed", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_redis_tls_handler(ngx_connection_t *c)
{
    ngx_http_reauth_redis_t  *redis;

    redis = c->data;

    ngx_http_reauth_redis_enter(redis);
    ngx_http_reauth_redis_tls_done(redis);
    ngx_http_reauth_redis_leave(redis);
}


static void
ngx_http_reauth_redis_tls_done(ngx_http_reauth_redis_t *redis)
{
    long               rc;
    X509              *certificate;
    ngx_connection_t  *c;

    c = redis->peer.connection;

    if (!c->ssl->handshaked) {
        ngx_http_reauth_redis_fail(redis, 0, "TLS handshake failed: check "
                                             "that it is a TLS port, and that "
                                             "both sides share a protocol "
                                             "version and a cipher");
        return;
    }

    if (redis->conf->verify) {
        certificate = SSL_get_peer_certificate(c->ssl->connection);

        if (certificate == NULL) {
            ngx_http_reauth_redis_fail(redis, 0, "Redis sent no certificate");
            return;
        }

        X509_free(certificate);

        rc = SSL_get_verify_result(c->ssl->connection);

        switch (rc) {

        case X509_V_OK:
            break;

        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            ngx_http_reauth_redis_fail(redis, 0, "the certificate does not "
                                                 "match the name in the URL");
            return;

        default:
            ngx_log_error(ngx_http_reauth_redis_fail_level(redis), c->log, 0,
                          "certificate verify error: (%l:%s)",
                          rc, X509_verify_cert_error_string(rc));
            ngx_http_reauth_redis_fail(redis, 0, "the certificate is not "
                                                 "trusted: check that ca= is "
                                                 "the file of the CA that "
                                                 "signed it");
            return;
        }
    }

    ngx_http_reauth_redis_greet(redis);
}

#endif
