
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The account of an ordinary call according to reauth_gate_account.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_gate.h"


/* the next "$name" or "${name}"; an empty name: no more variables */

static u_char *
ngx_http_reauth_gate_next_variable(u_char *p, u_char *last,
    reauth_string_t *name)
{
    u_char  *start;

    name->len = 0;

    p = ngx_strlchr(p, last, '$');
    if (p == NULL) {
        return last;
    }

    p++;

    if (p < last && *p == '{') {
        p++;
    }

    for (start = p; p < last && reauth_id_chars[*p] && *p != '-'; p++) {
        /* void */
    }

    name->data = start;
    name->len = p - start;

    return p;
}


/*
 * The number of headers that have a variable's name in nginx.  A header that
 * has this name only in programs that treat other characters as underscores
 * counts as two, so that the request is rejected.
 */

static ngx_uint_t
ngx_http_reauth_gate_headers_named(ngx_http_request_t *r,
    const reauth_string_t *name)
{
    size_t            n;
    u_char            ch;
    ngx_uint_t        i, found, odd;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    found = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0 || h[i].key.len != name->len) {
                continue;
            }

            odd = 0;

            for (n = 0; n < name->len; n++) {
                ch = h[i].lowcase_key[n];

                if (ch == '-') {
                    ch = '_';

                } else if (!reauth_id_chars[ch]) {
                    ch = '_';
                    odd = 1;
                }

                if (ch != ngx_tolower(name->data[n])) {
                    break;
                }
            }

            if (n == name->len) {
                found += 1 + odd;
            }
        }
    }

    return found;
}


static ngx_uint_t
ngx_http_reauth_gate_cookie_is_plain(ngx_http_request_t *r,
    const reauth_string_t *name)
{
    int                             n, found;
    ngx_table_elt_t                *h;
    reauth_string_t                 header;
    ngx_http_reauth_header_walk_t   walk;

    found = 0;
    ngx_memzero(&walk, sizeof(ngx_http_reauth_header_walk_t));

    for ( ;; ) {
        h = ngx_http_reauth_find_next_header(r, &walk, "cookie",
                                             sizeof("cookie") - 1);
        if (h == NULL) {
            return found <= 1;
        }

        if (h->hash == 0) {
            continue;
        }

        header.data = h->value.data;
        header.len = h->value.len;

        n = reauth_route_count_cookie(&header, name);

        if (n < 0) {
            return 0;
        }

        found += n;
    }
}


/*
 * nginx takes the first of several arguments, cookies or headers with the same
 * name; the upstream may take the last one: more than one is rejected.
 */

static ngx_uint_t
ngx_http_reauth_gate_value_is_plain(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char           *p, *last;
    reauth_string_t   args, name;

    args.data = r->args.data;
    args.len = r->args.len;

    p = value->data;
    last = p + value->len;

    for ( ;; ) {
        p = ngx_http_reauth_gate_next_variable(p, last, &name);

        if (name.len == 0) {
            return 1;
        }

        if (name.len > 4 && ngx_strncmp(name.data, "arg_", 4) == 0) {
            name.data += 4;
            name.len -= 4;

            if (!reauth_route_arg_is_plain(&args, &name)) {
                return 0;
            }

        } else if (name.len > 5 && ngx_strncmp(name.data, "http_", 5) == 0) {
            name.data += 5;
            name.len -= 5;

            if (ngx_http_reauth_gate_headers_named(r, &name) > 1) {
                return 0;
            }

        } else if (name.len > 7 && ngx_strncmp(name.data, "cookie_", 7) == 0) {
            name.data += 7;
            name.len -= 7;

            if (!ngx_http_reauth_gate_cookie_is_plain(r, &name)) {
                return 0;
            }
        }
    }
}


ngx_http_reauth_noinline reauth_account_result_t
ngx_http_reauth_gate_account_value(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account)
{
    u_char           *buffer;
    ngx_str_t         value;
    reauth_string_t   s;

    account->len = 0;

    if (!ngx_http_reauth_gate_value_is_plain(r, &lcf->gate_account->value)) {
        return REAUTH_ACCOUNT_BAD;
    }

    if (ngx_http_complex_value(r, lcf->gate_account, &value) != NGX_OK) {
        return REAUTH_ACCOUNT_NO_MEMORY;
    }

    if (value.len == 0) {
        return REAUTH_ACCOUNT_NONE;
    }

    buffer = ngx_pnalloc(r->pool, value.len);
    if (buffer == NULL) {
        return REAUTH_ACCOUNT_NO_MEMORY;
    }

    s.data = value.data;
    s.len = value.len;

    return reauth_route_value_account(&s, buffer, account);
}
