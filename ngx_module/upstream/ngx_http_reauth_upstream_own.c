
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The module's own requests to the upstream, as they are sent: the method, the
 * headers and the body are the module's, whatever the location sets.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_upstream.h"
#include "ngx_http_reauth_capture.h"


/* headers about the framing of the body or the form of the response */

static ngx_uint_t
ngx_http_reauth_upstream_is_ours(u_char *name, size_t len)
{
    ngx_str_t  *h;

    static ngx_str_t  names[] = {
        ngx_string("Content-Type"),
        ngx_string("Content-Length"),
        ngx_string("Content-Encoding"),
        ngx_string("Transfer-Encoding"),
        ngx_string("Expect"),
        ngx_string("Accept-Encoding"),
        ngx_null_string
    };

    for (h = names; h->len; h++) {
        if (h->len == len && ngx_strncasecmp(h->data, name, len) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * Copies the lines of nginx's request up to the empty one, without headers set
 * by the module.  NULL: there is no empty line.
 */

static u_char *
ngx_http_reauth_upstream_copy_head(u_char *p, u_char *head, u_char *last)
{
    u_char  *end, *colon;

    for ( /* void */ ; head < last; head = end) {

        end = memchr(head, LF, last - head);

        if (end == NULL) {
            break;
        }

        end++;

        if (end - head == sizeof(CRLF) - 1 && *head == CR) {
            return p;
        }

        colon = memchr(head, ':', end - head);

        if (colon == NULL
            || !ngx_http_reauth_upstream_is_ours(head, colon - head))
        {
            p = ngx_cpymem(p, head, end - head);
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_reauth_upstream_has(u_char *head, u_char *last, ngx_str_t *name)
{
    u_char  *p;

    for (p = head; p < last; p++) {

        p = ngx_strlchr(p, last, LF);

        if (p == NULL || (size_t) (last - p) < name->len + 2) {
            return 0;
        }

        if (p[1 + name->len] == ':'
            && ngx_strncasecmp(p + 1, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* adds headers of the request that nginx has omitted */

static u_char *
ngx_http_reauth_upstream_add_headers(ngx_http_request_t *r, u_char *p,
    u_char *head, size_t *size)
{
    u_char           *last;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    last = p;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (size != NULL) {
            *size += h[i].key.len + h[i].value.len + sizeof(": " CRLF) - 1;
            continue;
        }

        if (h[i].key.len == sizeof("Content-Length") - 1
            && ngx_strncmp(h[i].lowcase_key, "content-length",
                           h[i].key.len)
               == 0)
        {
            continue;
        }

        if (&h[i] == r->headers_in.content_type
            || (!r->upstream->conf->pass_request_headers
                && !ngx_http_reauth_upstream_has(head, last, &h[i].key)))
        {
            p = ngx_cpymem(p, h[i].key.data, h[i].key.len);
            *p++ = ':';
            *p++ = ' ';
            p = ngx_cpymem(p, h[i].value.data, h[i].value.len);
            *p++ = CR;
            *p++ = LF;
        }
    }

    return p;
}


static ngx_int_t
ngx_http_reauth_upstream_add_body(ngx_http_request_t *r, ngx_chain_t *cl)
{
    ngx_buf_t    *b;
    ngx_chain_t  *in;

    in = r->request_body ? r->request_body->bufs : NULL;

    for ( /* void */ ; in; in = in->next) {

        b = ngx_alloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        *b = *in->buf;

        cl->next = ngx_alloc_chain_link(r->pool);
        if (cl->next == NULL) {
            return NGX_ERROR;
        }

        cl = cl->next;
        cl->buf = b;
    }

    cl->buf->flush = 1;
    cl->next = NULL;

    return NGX_OK;
}


/* the request line after the method; NULL: not HTTP/1 */

static u_char *
ngx_http_reauth_upstream_target(ngx_buf_t *b)
{
    u_char  *p, *end;

    if (!b->temporary) {
        return NULL;
    }

    p = ngx_strlchr(b->pos, b->last, ' ');
    end = ngx_strlchr(b->pos, b->last, LF);

    if (p == NULL || end == NULL || p + sizeof(" HTTP/1.1" CRLF) - 1 > end) {
        return NULL;
    }

    end -= sizeof(" HTTP/1.1" CRLF) - 2;

    if (ngx_strncmp(end, " HTTP/1.", sizeof(" HTTP/1.") - 1) != 0) {
        return NULL;
    }

    return p;
}


/*
 * Applied after proxy_method, proxy_set_body, proxy_pass_request_body,
 * proxy_pass_request_headers and proxy_set_header: headers of the location are
 * kept, the method, the body and its headers are replaced.  nginx gives the
 * module's method precedence over proxy_method, Angie does not.
 */

ngx_int_t
ngx_http_reauth_upstream_own_request(ngx_http_request_t *r)
{
    size_t        size;
    u_char       *target;
    ngx_buf_t    *b, *own;
    ngx_str_t    *method;
    ngx_chain_t  *cl;

    if (ngx_http_reauth_capture(r) == NULL
        || r->upstream->request_bufs == NULL)
    {
        return NGX_OK;
    }

    b = r->upstream->request_bufs->buf;
    method = &r->method_name;
    target = ngx_http_reauth_upstream_target(b);

    if (target == NULL) {
        return NGX_OK;
    }

    size = method->len + (b->last - target) + NGX_OFF_T_LEN
           + sizeof("Content-Length: " CRLF CRLF) - 1;

    (void) ngx_http_reauth_upstream_add_headers(r, NULL, NULL, &size);

    own = ngx_create_temp_buf(r->pool, size);
    cl = ngx_alloc_chain_link(r->pool);

    if (own == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    own->last = ngx_cpymem(own->last, method->data, method->len);
    own->last = ngx_http_reauth_upstream_copy_head(own->last, target,
                                                   b->last);
    if (own->last == NULL) {
        return NGX_ERROR;
    }

    own->last = ngx_http_reauth_upstream_add_headers(r, own->last, own->pos,
                                                     NULL);

    if (r->headers_in.content_length_n >= 0) {
        own->last = ngx_cpymem(own->last, "Content-Length: ",
                               sizeof("Content-Length: ") - 1);
        own->last += reauth_string_number(
                         (uint64_t) r->headers_in.content_length_n, own->last);
        *own->last++ = CR;
        *own->last++ = LF;
    }

    *own->last++ = CR;
    *own->last++ = LF;

    cl->buf = own;
    r->upstream->request_bufs = cl;

    return ngx_http_reauth_upstream_add_body(r, cl);
}
