
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What proves who sent a request: a token, of which only the SHA-256 is stored,
 * or a client certificate that was verified by nginx.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_callers.h"


/* Authorization: Bearer <token>, where SDKs send the API key */

static ngx_int_t
ngx_http_reauth_caller_token(ngx_http_request_t *r, reauth_string_t *token)
{
    u_char           *p, *last;
    ngx_table_elt_t  *h;

    static u_char  bearer[] = "Bearer ";

    h = r->headers_in.authorization;

    if (h == NULL || h->value.len < sizeof(bearer) - 1) {
        return NGX_DECLINED;
    }

    /* the usual spelling is compared first: it is faster */

    if (ngx_memcmp(h->value.data, bearer, sizeof(bearer) - 1) != 0
        && ngx_strncasecmp(h->value.data, bearer, sizeof(bearer) - 1) != 0)
    {
        return NGX_DECLINED;
    }

    p = h->value.data + sizeof(bearer) - 1;
    last = h->value.data + h->value.len;

    while (p < last && *p == ' ') { p++; }
    while (last > p && last[-1] == ' ') { last--; }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

/*
 * In a resumed TLS 1.3 session, the certificate may have been verified by
 * another server of the address, for example for a connection without SNI: it
 * is verified again.  The session has no intermediate certificates.
 */

static ngx_uint_t
ngx_http_reauth_caller_verified(SSL *ssl, SSL_CTX *server, X509 *cert)
{
    ngx_uint_t       verified;
    X509_STORE_CTX  *ctx;

    if (!SSL_session_reused(ssl)) {
        return 1;
    }

    ctx = X509_STORE_CTX_new();
    if (ctx == NULL) {
        return 0;
    }

    verified = 0;

    if (X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(server), cert,
                            SSL_get_peer_cert_chain(ssl))
        == 1
        && X509_STORE_CTX_set_default(ctx, "ssl_client") == 1)
    {
        X509_STORE_CTX_set_depth(ctx, SSL_CTX_get_verify_depth(server));

        verified = X509_verify_cert(ctx) == 1;
    }

    X509_STORE_CTX_free(ctx);

    /* a later error of this connection is not this one */

    ERR_clear_error();

    return verified;
}


/*
 * The common name of a certificate verified by the settings of this request's
 * server.  Without SNI, or if "Host" has another name, the connection may have
 * been negotiated by another server of the address, with other certificate
 * authorities.
 */

static const reauth_caller_t *
ngx_http_reauth_caller_certificate(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    int                       len;
    X509                     *cert;
    X509_NAME                *subject;
    reauth_string_t           name;
    unsigned char             text[256];
    const reauth_caller_t    *caller;
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

    if (!lcf->callers_certificate
        || r->connection->ssl == NULL
        || sscf->verify == 0
        || SSL_get_SSL_CTX(r->connection->ssl->connection) != sscf->ssl.ctx
        || SSL_get_verify_result(r->connection->ssl->connection) != X509_V_OK)
    {
        return NULL;
    }

    cert = SSL_get_peer_certificate(r->connection->ssl->connection);
    if (cert == NULL) {
        return NULL;
    }

    caller = NULL;
    subject = X509_get_subject_name(cert);

    len = X509_NAME_get_text_by_NID(subject, NID_commonName, (char *) text,
                                    sizeof(text));

    /* reject multiple names, truncated names and names with a NUL */

    if (len > 0
        && ngx_http_reauth_caller_verified(r->connection->ssl->connection,
                                           sscf->ssl.ctx, cert)
        && X509_NAME_get_index_by_NID(subject, NID_commonName,
                   X509_NAME_get_index_by_NID(subject, NID_commonName, -1))
           == -1
        && len < (int) sizeof(text) - 1
        && ngx_strlen(text) == (size_t) len)
    {
        name.data = text;
        name.len = len;
        caller = reauth_callers_find_name(lcf->callers->table, &name);
    }

    X509_free(cert);

    return caller;
}

#endif


ngx_int_t
ngx_http_reauth_caller(ngx_http_request_t *r, ngx_http_reauth_loc_conf_t *lcf,
    const reauth_caller_t **caller, ngx_uint_t *certificate)
{
    reauth_string_t  token;

    *caller = NULL;
    *certificate = 0;

    if (ngx_http_reauth_caller_token(r, &token) == NGX_OK
        && reauth_callers_find(lcf->callers->table, &token, caller) != 0)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_SSL)
    if (*caller == NULL) {
        *caller = ngx_http_reauth_caller_certificate(r, lcf);
        *certificate = 1;
    }
#endif

    return NGX_OK;
}
