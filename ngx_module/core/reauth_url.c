
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include "reauth_url.h"


static int
reauth_url_is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


static int
reauth_url_is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
           || (c >= 'A' && c <= 'F');
}


/* a name, an IPv4 address, or an IPv6 address in brackets; NULL: invalid */

static const unsigned char *
reauth_url_host(const unsigned char *p, const unsigned char *last)
{
    const unsigned char  *start;

    start = p;

    if (p < last && *p == '[') {

        for (p++; p < last && (reauth_url_is_hex(*p) || *p == ':'
                               || *p == '.');
             p++)
        {
            /* void */
        }

        return p < last && *p == ']' && p - start > 2 ? p + 1 : NULL;
    }

    while (p < last
           && (reauth_url_is_alnum(*p) || *p == '.' || *p == '-' || *p == '_'))
    {
        p++;
    }

    return p > start ? p : NULL;
}


static const unsigned char *
reauth_url_port(const unsigned char *p, const unsigned char *last)
{
    unsigned  port;

    for (port = 0; p < last && *p >= '0' && *p <= '9' && port <= 65535; p++) {
        port = port * 10 + (unsigned) (*p - '0');
    }

    return port > 0 && port <= 65535 ? p : NULL;
}


const char *
reauth_url_check(reauth_string_t *url)
{
    size_t                scheme;
    const unsigned char  *p, *last;

    if (url->len > REAUTH_URL_MAX) {
        return "is longer than 1024 bytes";
    }

    while (url->len > 0 && url->data[url->len - 1] == '/') {
        url->len--;
    }

    p = url->data;
    last = p + url->len;

    scheme = url->len > 8 && strncasecmp((const char *) p, "https://", 8) == 0
             ? 8
             : url->len > 7 && strncasecmp((const char *) p, "http://", 7) == 0
             ? 7 : 0;

    if (scheme == 0) {
        return "does not begin with http:// or https:// and a host";
    }

    p = reauth_url_host(p + scheme, last);

    if (p == NULL) {
        return "has no valid host";
    }

    if (p < last && *p == ':') {
        p = reauth_url_port(p + 1, last);

        if (p == NULL) {
            return "has no valid port";
        }
    }

    if (p < last && *p != '/') {
        return "has something other than a port and a path after its host";
    }

    for ( /* void */ ; p < last; p++) {

        if (*p == '%') {
            if (last - p < 3
                || !reauth_url_is_hex(p[1]) || !reauth_url_is_hex(p[2]))
            {
                return "has a percent sign without two hexadecimal digits";
            }

        } else if (!reauth_url_is_alnum(*p)
                   && (*p == '\0' || strchr("/-._~!$&()*+,;=:@", *p) == NULL))
        {
            return "has a character that is invalid in a path, or a query or "
                   "fragment";
        }
    }

    return NULL;
}
