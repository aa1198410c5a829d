
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_digest.h"
#include "reauth_query.h"


static void
reauth_query_decode(const unsigned char *p, const unsigned char *last,
    unsigned char **dst)
{
    uint8_t          byte;
    reauth_string_t  hex;

    while (p < last) {

        if (*p == '%' && last - p > 2) {
            hex.data = p + 1;
            hex.len = 2;

            if (reauth_hex_decode(&byte, 1, &hex) == 0) {
                *(*dst)++ = byte;
                p += 3;
                continue;
            }
        }

        *(*dst)++ = *p++;
    }
}


int
reauth_query_next(reauth_string_t *rest, unsigned char **dst,
    reauth_string_t *name, reauth_string_t *value)
{
    const unsigned char  *p, *last, *end, *equals;

    p = rest->data;
    last = p + rest->len;

    while (p < last && *p == '&') {
        p++;
    }

    if (p == last) {
        return 0;
    }

    equals = NULL;

    for (end = p; end < last && *end != '&'; end++) {
        if (*end == '=' && equals == NULL) {
            equals = end;
        }
    }

    name->data = p;
    name->len = (size_t) ((equals != NULL ? equals : end) - p);

    value->data = *dst;
    reauth_query_decode(equals != NULL ? equals + 1 : end, end, dst);
    value->len = (size_t) (*dst - value->data);

    rest->data = end;
    rest->len = (size_t) (last - end);

    return 1;
}


static const unsigned char *
reauth_query_hex(const unsigned char *p, const unsigned char *last,
    uint64_t *number)
{
    uint8_t               digit;
    unsigned char         pair[2];
    reauth_string_t       hex;
    const unsigned char  *start;

    start = p;
    *number = 0;

    pair[0] = '0';
    hex.data = pair;
    hex.len = 2;

    for ( /* void */ ; p < last && p - start < REAUTH_QUERY_DIGITS; p++) {
        pair[1] = *p;

        if (reauth_hex_decode(&digit, 1, &hex) != 0) {
            break;
        }

        *number = *number << 4 | digit;
    }

    return p > start ? p : NULL;
}


int
reauth_query_pair(const reauth_string_t *text, uint64_t pair[2])
{
    const unsigned char  *p, *last;

    last = text->data + text->len;

    p = reauth_query_hex(text->data, last, &pair[0]);

    if (p == NULL || p == last || *p != '-') {
        return -1;
    }

    p = reauth_query_hex(p + 1, last, &pair[1]);

    return p == last ? 0 : -1;
}
