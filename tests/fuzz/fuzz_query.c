
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Any bytes as a query string, as a position that a client returns, and as
 * hexadecimal digits.
 */


#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "reauth_digest.h"
#include "reauth_query.h"
#include "reauth_signature.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_arguments(const reauth_string_t *bytes)
{
    unsigned char    *dst, *values;
    reauth_string_t   rest, name, value;

    values = malloc(bytes->len + 1);

    if (values == NULL) {
        return;
    }

    rest = *bytes;
    dst = values;

    while (reauth_query_next(&rest, &dst, &name, &value)) {

        /* each is one argument, and is not met again */

        if (rest.data + rest.len != bytes->data + bytes->len
            || name.data + name.len > rest.data
            || (name.len != 0
                && (memchr(name.data, '&', name.len) != NULL
                    || memchr(name.data, '=', name.len) != NULL)))
        {
            abort();
        }

        if (value.data + value.len != dst
            || (size_t) (dst - values) > bytes->len - rest.len)
        {
            abort();
        }
    }

    free(values);
}


static void
check_pair(const reauth_string_t *bytes)
{
    uint64_t         pair[2], again[2];
    unsigned char    text[2 * REAUTH_QUERY_DIGITS + 1], *p;
    reauth_string_t  written;

    if (reauth_query_pair(bytes, pair) != 0) {
        return;
    }

    if (bytes->len > sizeof(text)) {
        abort();
    }

    /* what is written with all digits is read as the same */

    p = text;

    for (int n = 0; n < 2; n++) {
        for (int shift = 60; shift >= 0; shift -= 4) {
            *p++ = (unsigned char) "0123456789ABCDEF"[pair[n] >> shift & 0xf];
        }

        if (n == 0) {
            *p++ = '-';
        }
    }

    written.data = text;
    written.len = sizeof(text);

    if (reauth_query_pair(&written, again) != 0
        || again[0] != pair[0]
        || again[1] != pair[1])
    {
        abort();
    }
}


static void
check_digest(const reauth_string_t *bytes)
{
    char     hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t  digest[REAUTH_SHA256_LEN];

    if (reauth_hex_decode(digest, sizeof(digest), bytes) == 0) {
        reauth_hex_encode(hex, digest, sizeof(digest));

        if (bytes->len != REAUTH_SHA256_HEX_LEN
            || strncasecmp(hex, (const char *) bytes->data, bytes->len) != 0
            || !reauth_signature_is_formed(bytes))
        {
            abort();
        }
    }

    (void) reauth_signature_is_formed(bytes);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_string_t  bytes;

    bytes.data = data;
    bytes.len = size;

    check_arguments(&bytes);
    check_pair(&bytes);
    check_digest(&bytes);

    return 0;
}
