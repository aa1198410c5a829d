
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a byte with the length of the secret, the secret, and a text that may
 * repeat it.  Nothing of the secret is left, and nothing else is changed.
 */


#define _GNU_SOURCE

#include <stdint.h>
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
            && memchr(data, '\\', size) == NULL
            && memchr(data, '%', size) == NULL
            && size != 0
            && memmem(text, size, secret->data + i, redact.window) != NULL)
        {
            abort();
        }
    }

    free(text);
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
    }

    return 0;
}
