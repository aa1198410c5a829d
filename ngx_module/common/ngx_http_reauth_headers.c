
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_route.h"
#include "ngx_http_reauth_headers.h"
#include "ngx_http_reauth_conf.h"


/* nginx's own */
#define NGX_HTTP_REAUTH_HEADERS_MAX_SIZE  512

/* longer than any name that is looked for */
#define NGX_HTTP_REAUTH_HEADERS_NAME_MAX  32


static ngx_int_t ngx_http_reauth_headers_note(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t offset);
static ngx_int_t ngx_http_reauth_headers_override(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t offset);
static ngx_int_t ngx_http_reauth_headers_proxy(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t offset);
static ngx_int_t ngx_http_reauth_headers_ignore(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t offset);
static ngx_int_t ngx_http_reauth_headers_copy(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_uint_t offset);


/*
 * Headers that override the method or the path in some programs, those about
 * the address of a request that configurations seldom set, and credentials for
 * proxies.
 */

#define ngx_http_reauth_header_override(name)                                 \
    { ngx_string(name), 0, ngx_http_reauth_headers_override }

static ngx_http_header_t  ngx_http_reauth_headers_in[] = {

    /* the first: headers_wrap() */
    { ngx_string("proxy-authorization"), 0, ngx_http_reauth_headers_proxy },

    ngx_http_reauth_header_override("x-http-method"),
    ngx_http_reauth_header_override("x-http-method-override"),
    ngx_http_reauth_header_override("x-http-path-override"),
    ngx_http_reauth_header_override("x-method"),
    ngx_http_reauth_header_override("x-method-override"),
    ngx_http_reauth_header_override("x-override-method"),
    ngx_http_reauth_header_override("x-requested-method"),
    ngx_http_reauth_header_override("x-original-http-method"),
    ngx_http_reauth_header_override("x-original-method"),
    ngx_http_reauth_header_override("x-forwarded-method"),
    ngx_http_reauth_header_override("x-original-path"),
    ngx_http_reauth_header_override("x-original-request-uri"),
    ngx_http_reauth_header_override("x-original-uri"),
    ngx_http_reauth_header_override("x-original-url"),
    ngx_http_reauth_header_override("x-override-url"),
    ngx_http_reauth_header_override("x-rewrite-path"),
    ngx_http_reauth_header_override("x-rewrite-uri"),
    ngx_http_reauth_header_override("x-rewrite-url"),
    ngx_http_reauth_header_override("x-replaced-path"),
    ngx_http_reauth_header_override("x-request-uri"),
    ngx_http_reauth_header_override("x-envoy-original-method"),
    ngx_http_reauth_header_override("x-envoy-original-path"),
    ngx_http_reauth_header_override("x-forwarded-base"),
    ngx_http_reauth_header_override("x-forwarded-path"),
    ngx_http_reauth_header_override("x-forwarded-prefix"),
    ngx_http_reauth_header_override("x-forwarded-request-uri"),
    ngx_http_reauth_header_override("x-forwarded-scheme"),
    ngx_http_reauth_header_override("x-forwarded-server"),
    ngx_http_reauth_header_override("x-forwarded-ssl"),
    ngx_http_reauth_header_override("x-forwarded-uri"),
    ngx_http_reauth_header_override("x-forwarded-url"),
    ngx_http_reauth_header_override("x-script-name"),
    ngx_http_reauth_header_override("x-waws-unencoded-url"),

    { ngx_string("origin"), NGX_HTTP_REAUTH_HEADER_ORIGIN,
      ngx_http_reauth_headers_note },

    { ngx_string("sec-fetch-site"), NGX_HTTP_REAUTH_HEADER_FETCH_SITE,
      ngx_http_reauth_headers_note },

    { ngx_string("access-control-request-method"),
      NGX_HTTP_REAUTH_HEADER_REQUEST_METHOD,
      ngx_http_reauth_headers_note },

    { ngx_null_string, 0, NULL }
};


/* how nginx itself processes Proxy-Authorization; NULL: it does not */

static ngx_http_header_t  *ngx_http_reauth_headers_wrapped;


/* of an upstream's response */

#define ngx_http_reauth_header_out(name)                                      \
    { ngx_string(name), ngx_http_reauth_headers_ignore, 0,                    \
      ngx_http_reauth_headers_copy, 0, 0 }

static ngx_http_upstream_header_t  ngx_http_reauth_headers_out[] = {
    ngx_http_reauth_header_out("access-control-allow-credentials"),
    ngx_http_reauth_header_out("access-control-allow-headers"),
    ngx_http_reauth_header_out("access-control-allow-local-network"),
    ngx_http_reauth_header_out("access-control-allow-methods"),
    ngx_http_reauth_header_out("access-control-allow-origin"),
    ngx_http_reauth_header_out("access-control-allow-private-network"),
    ngx_http_reauth_header_out("access-control-expose-headers"),
    ngx_http_reauth_header_out("access-control-max-age"),
    { ngx_null_string, NULL, 0, NULL, 0, 0 }
};


void
ngx_http_reauth_headers_mark(void *data)
{
    /* only marks its cleanup */
}


/* NULL: no memory, the request has been finalized */

static ngx_http_reauth_headers_t *
ngx_http_reauth_headers_get_noted(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_reauth_headers_t  *noted;

    noted = ngx_http_reauth_headers_noted(r);

    if (noted != NULL) {
        return noted;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_reauth_headers_t));

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    cln->handler = ngx_http_reauth_headers_mark;

    noted = cln->data;
    ngx_memzero(noted, sizeof(ngx_http_reauth_headers_t));

    return noted;
}


static ngx_int_t
ngx_http_reauth_headers_note(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t offset)
{
    ngx_http_reauth_headers_t  *noted;

    noted = ngx_http_reauth_headers_get_noted(r);

    if (noted == NULL) {
        return NGX_ERROR;
    }

    if (noted->first[offset] != NULL) {
        noted->repeated |= 1 << offset;

    } else {
        noted->first[offset] = h;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_headers_override(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t offset)
{
    ngx_http_reauth_headers_t  *noted;

    noted = ngx_http_reauth_headers_get_noted(r);

    if (noted == NULL) {
        return NGX_ERROR;
    }

    noted->overrides = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_headers_proxy(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t offset)
{
    ngx_http_header_t  *wrapped;

    wrapped = ngx_http_reauth_headers_wrapped;

    if (wrapped != NULL
        && wrapped->handler(r, h, wrapped->offset) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_reauth_headers_override(r, h, offset);
}


/*
 * An element of an ngx_list_t cannot be removed, and an empty header would be
 * sent: the header is renamed to TE, which nginx never passes.
 */

void
ngx_http_reauth_headers_drop(ngx_table_elt_t *h)
{
    static u_char     te[] = "te";
    static ngx_str_t  name = ngx_string("TE");

    h->key = name;
    h->lowcase_key = te;
    h->hash = ngx_hash('t', 'e');
    h->value.len = 0;
}


/* headers that configurations set or remove, and nginx does not know */

static ngx_uint_t
ngx_http_reauth_headers_is_set(const u_char *name, size_t len)
{
    ngx_uint_t  i;

    static ngx_str_t  names[] = {
        ngx_string("x-forwarded-for"),
        ngx_string("x-forwarded-host"),
        ngx_string("x-forwarded-port"),
        ngx_string("x-forwarded-proto"),
        ngx_string("x-real-ip")
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (names[i].len == len && ngx_memcmp(names[i].data, name, len) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * CGI, FastCGI and WSGI name a header in upper case with underscores, so that
 * programs cannot distinguish "X_Original_URL" or "X.Original.URL" from
 * "X-Original-URL".  A header that is known to nginx, or that configurations
 * set or remove, is passed by its own name only.
 */

static ngx_uint_t
ngx_http_reauth_headers_is_override(ngx_http_core_main_conf_t *cmcf,
    ngx_table_elt_t *h)
{
    u_char              name[NGX_HTTP_REAUTH_HEADERS_NAME_MAX];
    size_t              n, len;
    ngx_uint_t          hash, plain;
    ngx_http_header_t  *known;

    if (h->key.len > NGX_HTTP_REAUTH_HEADERS_NAME_MAX) {
        return 0;
    }

    plain = 1;
    len = 0;

    for (n = 0; n < h->key.len; n++) {
        name[n] = h->lowcase_key[n];

        if (!reauth_id_chars[name[n]] || name[n] == '_') {
            name[n] = '-';
            plain = 0;
        }

        if (name[n] != '-') {
            len = n + 1;
        }
    }

    /* "Authorization_" and "Authorization-" are not plain, either */

    plain = plain && len == n;

    hash = ngx_hash_key(name, len);
    known = ngx_hash_find(&cmcf->headers_in_hash, hash, name, len);

    if (known != NULL
        && (known->handler == ngx_http_reauth_headers_override
            || known->handler == ngx_http_reauth_headers_proxy))
    {
        return 1;
    }

    return !plain
           && (known != NULL || ngx_http_reauth_headers_is_set(name, len));
}


static void
ngx_http_reauth_headers_log(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    char             shown[4 * NGX_HTTP_REAUTH_HEADERS_NAME_MAX + 1];
    reauth_string_t  name;

    name.data = h->key.data;
    name.len = h->key.len;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "reauth: header \"%s\" is not sent to the upstream: it may "
                  "override the method, the path or another header",
                  reauth_string_shown(&name, shown, sizeof(shown)));
}


/* the key must be sent only with the method and the path that were checked */

ngx_http_reauth_noinline void
ngx_http_reauth_headers_drop_overrides(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_reauth_headers_is_override(cmcf, &h[i])) {
                ngx_http_reauth_headers_log(r, &h[i]);
                ngx_http_reauth_headers_drop(&h[i]);
            }
        }
    }
}


ngx_uint_t
ngx_http_reauth_headers_are_odd(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        if (cscf[i]->underscores_in_headers || !cscf[i]->ignore_invalid_headers)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_reauth_headers_ignore(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t offset)
{
    return NGX_OK;
}


/*
 * CORS headers of the upstream are replaced by those of the gateway.  In other
 * locations the header is passed as an unknown one.
 */

static ngx_int_t
ngx_http_reauth_headers_copy(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_uint_t offset)
{
    ngx_table_elt_t             *copy;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->guarded) {
        return NGX_OK;
    }

    copy = ngx_list_push(&r->headers_out.headers);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    *copy = *h;
    ngx_http_reauth_header_end(copy);

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_headers_add(ngx_array_t *keys, ngx_str_t *name, void *value)
{
    ngx_hash_key_t  *key;

    key = ngx_array_push(keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->key = *name;
    key->key_hash = ngx_hash_key_lc(name->data, name->len);
    key->value = value;

    return NGX_OK;
}


/* names known to nginx, and added by other modules */

static ngx_int_t
ngx_http_reauth_headers_list(ngx_array_t *keys, ngx_hash_t *hash)
{
    ngx_str_t        name;
    ngx_uint_t       i;
    ngx_hash_elt_t  *elt;

    for (i = 0; i < hash->size; i++) {

        elt = hash->buckets[i];

        while (elt != NULL && elt->value != NULL) {

            name.data = elt->name;
            name.len = elt->len;

            if (ngx_http_reauth_headers_add(keys, &name, elt->value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            elt = (ngx_hash_elt_t *) ngx_align_ptr(&elt->name[0] + elt->len,
                                                   sizeof(void *));
        }
    }

    return NGX_OK;
}


/*
 * nginx 1.31 and later processes Proxy-Authorization itself: its handler is
 * called by that of this module.
 */

static ngx_uint_t
ngx_http_reauth_headers_wrap(ngx_array_t *keys, void *header, void *known)
{
    ngx_uint_t       i;
    ngx_hash_key_t  *key;

    if (header != &ngx_http_reauth_headers_in[0]) {
        return 0;
    }

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (key[i].value == known) {
            key[i].value = header;
            ngx_http_reauth_headers_wrapped = known;
            return 1;
        }
    }

    return 0;
}


/* "headers": structures of "size" bytes that begin with a name */

static ngx_int_t
ngx_http_reauth_headers_extend(ngx_cycle_t *cycle, ngx_pool_t *temp_pool,
    ngx_hash_t *hash, char *hash_name, void *headers, size_t size)
{
    void             *known;
    u_char           *p;
    ngx_str_t        *name;
    ngx_array_t       keys;
    ngx_hash_init_t   init;

    if (ngx_array_init(&keys, temp_pool, 64, sizeof(ngx_hash_key_t)) != NGX_OK
        || ngx_http_reauth_headers_list(&keys, hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (p = headers; /* void */ ; p += size) {

        name = (ngx_str_t *) p;

        if (name->len == 0) {
            break;
        }

        known = ngx_hash_find(hash, ngx_hash_key(name->data, name->len),
                              name->data, name->len);

        if (known != NULL) {

            if (ngx_http_reauth_headers_wrap(&keys, p, known)) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "reauth: header \"%V\" is processed by another "
                          "module, which cannot be used with this one", name);
            return NGX_ERROR;
        }

        if (ngx_http_reauth_headers_add(&keys, name, p) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    init.hash = hash;
    init.key = ngx_hash_key_lc;
    init.max_size = NGX_HTTP_REAUTH_HEADERS_MAX_SIZE;
    init.bucket_size = ngx_align(64, ngx_cacheline_size);
    init.name = hash_name;
    init.pool = cycle->pool;
    init.temp_pool = NULL;

    return ngx_hash_init(&init, keys.elts, keys.nelts);
}


ngx_int_t
ngx_http_reauth_headers_init(ngx_cycle_t *cycle)
{
    ngx_int_t                       rc;
    ngx_pool_t                     *temp_pool;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_upstream_main_conf_t  *umcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    umcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_upstream_module);

    temp_pool = ngx_create_pool(NGX_CYCLE_POOL_SIZE, cycle->log);
    if (temp_pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_reauth_headers_extend(cycle, temp_pool,
             &cmcf->headers_in_hash, "headers_in_hash",
             ngx_http_reauth_headers_in, sizeof(ngx_http_header_t));

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_headers_extend(cycle, temp_pool,
                 &umcf->headers_in_hash, "upstream_headers_in_hash",
                 ngx_http_reauth_headers_out,
                 sizeof(ngx_http_upstream_header_t));
    }

    ngx_destroy_pool(temp_pool);

    return rc;
}
