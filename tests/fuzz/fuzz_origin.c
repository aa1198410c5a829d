
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: Origin, Host, Sec-Fetch-Site and public address, one on each line.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_origin.h"


static reauth_string_t
line(const uint8_t **p, const uint8_t *last)
{
    const uint8_t    *end;
    reauth_string_t   s;

    end = *p < last ? memchr(*p, '\n', (size_t) (last - *p)) : NULL;

    s.data = *p;
    s.len = (size_t) ((end ? end : last) - *p);

    *p = end ? end + 1 : last;

    return s;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   i;
    const char              *error;
    const uint8_t           *p, *last;
    reauth_origin_t          o;
    reauth_origin_verdict_t  verdict;

    static const reauth_string_t  named[] = {
        reauth_string("https://app.example")
    };

    if (size == 0) {
        return 0;
    }

    p = data + 1;
    last = data + size;

    memset(&o, 0, sizeof(o));

    o.tls = data[0] & 1;
    o.repeated = (data[0] & 2) != 0;
    o.origin = line(&p, last);
    o.host = line(&p, last);
    o.fetch_site = line(&p, last);
    o.public_url = line(&p, last);
    o.named = named;
    o.nnamed = (data[0] & 4) ? 1 : 0;

    if (data[0] & 8) {
        o.fetch_site.data = NULL;
        o.fetch_site.len = 0;
    }

    error = reauth_origin_check(&o.origin);
    verdict = reauth_origin_judge(&o);

    /* only a complete origin can be the own one or a listed one */

    if (verdict != REAUTH_ORIGIN_FOREIGN && (error != NULL || o.repeated)) {
        abort();
    }

    if (verdict == REAUTH_ORIGIN_NAMED && o.nnamed == 0) {
        abort();
    }

    if (error == NULL) {

        for (i = 0; i < o.origin.len; i++) {
            if (o.origin.data[i] <= ' ' || o.origin.data[i] >= 0x7f
                || o.origin.data[i] == '"')
            {
                abort();
            }
        }
    }

    return 0;
}
