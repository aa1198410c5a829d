
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include "reauth_origin.h"


/* parts of an origin, or of another URL's beginning */

typedef struct {
    reauth_string_t  scheme;
    reauth_string_t  host;
    unsigned         port;         /* 0: not specified */
} reauth_origin_parts_t;


static int
reauth_origin_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}


static int
reauth_origin_is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}


/* the default port of "http://host" and "https://host"; 0: unknown scheme */

static unsigned
reauth_origin_default_port(const reauth_string_t *scheme)
{
    return reauth_string_equals(scheme, "http") ? 80
           : reauth_string_equals(scheme, "https") ? 443 : 0;
}


/* digits up to the end; 0: no port */

static unsigned
reauth_origin_port(const unsigned char *p, const unsigned char *last)
{
    unsigned  port;

    port = 0;

    for ( /* void */ ; p < last; p++) {

        if (!reauth_origin_is_digit(*p)) {
            return 0;
        }

        port = port * 10 + (unsigned) (*p - '0');

        if (port > 65535) {
            return 0;
        }
    }

    return port;
}


/* "host" or "host:port"; an IPv6 address is in brackets; -1: neither */

static int
reauth_origin_split_host(const reauth_string_t *text,
    reauth_origin_parts_t *parts)
{
    const unsigned char  *p, *last;

    p = text->data;
    last = text->data + text->len;

    if (p < last && *p == '[') {
        p = memchr(p, ']', (size_t) (last - p));

        if (p == NULL) {
            return -1;
        }

        p++;

    } else {

        while (p < last && *p != ':') {
            p++;
        }
    }

    parts->host.data = text->data;
    parts->host.len = (size_t) (p - text->data);
    parts->port = 0;

    if (p < last) {

        if (*p != ':') {
            return -1;
        }

        parts->port = reauth_origin_port(p + 1, last);

        if (parts->port == 0) {
            return -1;
        }
    }

    return parts->host.len == 0 ? -1 : 0;
}


/* scheme://host[:port], up to a path if there is one */

static int
reauth_origin_split(const reauth_string_t *url, reauth_origin_parts_t *parts)
{
    size_t                i;
    reauth_string_t       rest;
    const unsigned char  *p;

    for (i = 0; i < url->len && url->data[i] != ':'; i++) { /* void */ }

    if (i == 0
        || url->len - i < sizeof("://") - 1
        || memcmp(url->data + i, "://", sizeof("://") - 1) != 0)
    {
        return -1;
    }

    parts->scheme.data = url->data;
    parts->scheme.len = i;

    rest.data = url->data + i + sizeof("://") - 1;
    rest.len = url->len - i - (sizeof("://") - 1);

    p = rest.len != 0 ? memchr(rest.data, '/', rest.len) : NULL;

    if (p != NULL) {
        rest.len = (size_t) (p - rest.data);
    }

    return reauth_origin_split_host(&rest, parts);
}


static const char *
reauth_origin_check_host(const reauth_string_t *host)
{
    size_t         i;
    unsigned char  c;

    if (host->data[0] == '[') {

        for (i = 1; i < host->len - 1; i++) {
            c = host->data[i];

            if (!reauth_origin_is_digit(c) && !(c >= 'a' && c <= 'f')
                && c != ':' && c != '.')
            {
                return "has no valid host";
            }
        }

        return host->len > 3 ? NULL : "has no valid host";
    }

    for (i = 0; i < host->len; i++) {
        c = host->data[i];

        if (c >= 'A' && c <= 'Z') {
            return "is not in lower case";
        }

        if (c == '*') {
            return "has an asterisk: each origin must be specified in full";
        }

        if (!reauth_origin_is_lower(c) && !reauth_origin_is_digit(c)
            && c != '.' && c != '-' && c != '_')
        {
            return "has no valid host";
        }
    }

    return NULL;
}


const char *
reauth_origin_check(const reauth_string_t *origin)
{
    size_t                 i;
    unsigned char          c;
    reauth_origin_parts_t  parts;

    if (origin->len > REAUTH_ORIGIN_MAX) {
        return "is longer than 512 bytes";
    }

    if (reauth_origin_split(origin, &parts) != 0) {
        return "must be a scheme, \"://\", a host, and optionally a port";
    }

    for (i = 0; i < parts.scheme.len; i++) {
        c = parts.scheme.data[i];

        if (c >= 'A' && c <= 'Z') {
            return "is not in lower case";
        }

        if (!reauth_origin_is_lower(c)
            && (i == 0 || (!reauth_origin_is_digit(c)
                           && c != '+' && c != '-' && c != '.')))
        {
            return "has no valid scheme";
        }
    }

    if (memchr(parts.host.data, '/',
               (size_t) (origin->data + origin->len - parts.host.data))
        != NULL)
    {
        return "has a path: an origin ends with its host or port";
    }

    if (parts.port != 0
        && parts.port == reauth_origin_default_port(&parts.scheme))
    {
        return "has the default port of its scheme, which browsers omit";
    }

    return reauth_origin_check_host(&parts.host);
}


static int
reauth_origin_same_text(const reauth_string_t *a, const reauth_string_t *b)
{
    return a->len == b->len
           && strncasecmp((const char *) a->data, (const char *) b->data,
                          a->len)
              == 0;
}


static int
reauth_origin_same(const reauth_origin_parts_t *a,
    const reauth_origin_parts_t *b)
{
    unsigned  port;

    port = reauth_origin_default_port(&a->scheme);

    return reauth_origin_same_text(&a->scheme, &b->scheme)
           && reauth_origin_same_text(&a->host, &b->host)
           && (a->port ? a->port : port) == (b->port ? b->port : port);
}


static int
reauth_origin_is_own(const reauth_origin_t *o)
{
    reauth_origin_parts_t  parts, own;

    if (reauth_origin_check(&o->origin) != NULL) {
        return 0;
    }

    (void) reauth_origin_split(&o->origin, &parts);

    own.scheme = reauth_string_from(o->tls ? "https" : "http");

    if (reauth_origin_split_host(&o->host, &own) == 0
        && reauth_origin_same(&parts, &own))
    {
        return 1;
    }

    /* a proxy in front of the gateway may use TLS, or change "Host" */

    return o->public_url.len != 0
           && reauth_origin_split(&o->public_url, &own) == 0
           && reauth_origin_same(&parts, &own);
}


static int
reauth_origin_is_named(const reauth_origin_t *o)
{
    size_t  i;

    for (i = 0; i < o->nnamed; i++) {
        if (o->named[i].len == o->origin.len
            && memcmp(o->named[i].data, o->origin.data, o->origin.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * "same-site" is another origin: a page of a domain of the same site, or of
 * another port of this host.  "none": a person has entered the address.
 */

reauth_origin_verdict_t
reauth_origin_judge(const reauth_origin_t *o)
{
    if (o->repeated) {
        return REAUTH_ORIGIN_FOREIGN;
    }

    if (o->origin.data != NULL && reauth_origin_is_named(o)) {
        return REAUTH_ORIGIN_NAMED;
    }

    if (o->fetch_site.data != NULL
        && !reauth_string_equals(&o->fetch_site, "same-origin")
        && !reauth_string_equals(&o->fetch_site, "none"))
    {
        return REAUTH_ORIGIN_FOREIGN;
    }

    return o->origin.data == NULL || reauth_origin_is_own(o)
           ? REAUTH_ORIGIN_OWN : REAUTH_ORIGIN_FOREIGN;
}
