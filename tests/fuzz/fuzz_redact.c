
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a byte with the length of the secret, the secret, and a text that may
 * repeat it.  Nothing of the secret is left, and nothing else is changed.  The
 * text also determines how the secret is encoded twice, which must be found.
 */


#define _GNU_SOURCE

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reauth_redact.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
redact_and_check(const reauth_string_t *secret, const uint8_t *data,
    size_t size)
{
    int              found;
    size_t           i, places;
    unsigned char   *text;
    reauth_redact_t  redact;

    text = malloc(size + 1);

    if (text == NULL) {
        return;
    }

    memcpy(text, data, size);

    reauth_redact_init(&redact, secret);

    found = reauth_redact_find(&redact, text, size);
    places = reauth_redact(&redact, text, size);

    if (found != (places != 0)
        || reauth_redact_find(&redact, text, size)
        || (!found && memcmp(text, data, size) != 0))
    {
        abort();
    }

    for (i = 0; i < size; i++) {
        if (text[i] != data[i] && text[i] != '*') {
            abort();
        }
    }

    for (i = 0; redact.window && i + redact.window <= secret->len; i++) {

        /* as it is written, if it cannot be decoded */

        if (memchr(secret->data, '\\', secret->len) == NULL
            && memchr(secret->data, '%', secret->len) == NULL
            && size != 0
            && memmem(text, size, secret->data + i, redact.window) != NULL)
        {
            abort();
        }
    }

    free(text);
}


/* the next choice that the text makes */

static unsigned
choose(const uint8_t *data, size_t size, size_t *next)
{
    return size != 0 ? data[(*next)++ % size] : 0;
}


static size_t
encode(const uint8_t *data, size_t size, size_t *next, const char *text,
    size_t len, char *out)
{
    int     url;
    char   *p;
    size_t  i;

    p = out;
    url = (int) choose(data, size, next) & 1;

    for (i = 0; i < len; i++) {

        if (url && (text[i] == '%' || choose(data, size, next) % 3 == 0)) {
            p += sprintf(p, "%%%02x", (unsigned) text[i]);

        } else if (!url && choose(data, size, next) % 3 == 0) {
            p += sprintf(p, "\\u%04x", (unsigned) text[i]);

        } else if (!url && text[i] == '\\') {
            p += sprintf(p, "\\\\");

        } else {
            *p++ = text[i];
        }
    }

    return (size_t) (p - out);
}


static void
encode_and_check(const reauth_string_t *secret, const uint8_t *data,
    size_t size)
{
    char             one[REAUTH_REDACT_WINDOW * 6 * 6 + 1];
    char             two[sizeof(one)];
    size_t           i, len, next;
    reauth_redact_t  redact;

    if (secret->len < REAUTH_REDACT_WINDOW) {
        return;
    }

    for (i = 0; i < secret->len; i++) {
        if (secret->data[i] <= ' ' || secret->data[i] >= 0x7f
            || secret->data[i] == '\\' || secret->data[i] == '%')
        {
            return;
        }
    }

    next = 0;
    len = REAUTH_REDACT_WINDOW;

    memcpy(two, secret->data, len);

    len = encode(data, size, &next, two, len, one);
    len = encode(data, size, &next, one, len, two);

    reauth_redact_init(&redact, secret);
    (void) reauth_redact(&redact, (unsigned char *) two, len);

    for (i = 0; i < len; i++) {
        if (two[i] != '*') {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_string_t  secret;

    if (size == 0 || (size_t) data[0] + 1 > size) {
        return 0;
    }

    secret.data = data + 1;
    secret.len = data[0];

    if (memchr(secret.data, '*', secret.len) == NULL) {
        redact_and_check(&secret, data + 1 + secret.len,
                         size - 1 - secret.len);
        encode_and_check(&secret, data + 1 + secret.len,
                         size - 1 - secret.len);
    }

    return 0;
}
