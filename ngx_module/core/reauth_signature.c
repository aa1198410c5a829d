
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include <openssl/crypto.h>

#include "reauth_digest.h"
#include "reauth_signature.h"


static reauth_string_t
reauth_signature_trim(const reauth_string_t *header)
{
    reauth_string_t  s;

    static const char  prefix[] = "sha256=";

    s = *header;

    while (s.len > 0 && (*s.data == ' ' || *s.data == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    if (s.len >= sizeof(prefix) - 1
        && strncasecmp((const char *) s.data, prefix, sizeof(prefix) - 1) == 0)
    {
        s.data += sizeof(prefix) - 1;
        s.len -= sizeof(prefix) - 1;
    }

    return s;
}


int
reauth_signature_is_formed(const reauth_string_t *header)
{
    uint8_t          given[REAUTH_SHA256_LEN];
    reauth_string_t  hex;

    hex = reauth_signature_trim(header);

    return reauth_hex_decode(given, sizeof(given), &hex) == 0;
}


reauth_signature_result_t
reauth_signature_verify(const reauth_string_t *header,
    const reauth_string_t *body, const reauth_string_t *secrets, size_t n)
{
    size_t                     i;
    uint8_t                    given[REAUTH_SHA256_LEN],
                               mac[REAUTH_SHA256_LEN];
    reauth_string_t            hex;
    reauth_signature_result_t  result;

    hex = reauth_signature_trim(header);

    if (reauth_hex_decode(given, sizeof(given), &hex) != 0) {
        return REAUTH_SIGNATURE_INVALID;
    }

    result = REAUTH_SIGNATURE_INVALID;

    for (i = 0; i < n; i++) {

        if (reauth_hmac_sha256(&secrets[i], body, 1, mac) != 0) {
            result = REAUTH_SIGNATURE_ERROR;
            continue;
        }

        if (CRYPTO_memcmp(mac, given, sizeof(mac)) == 0) {
            result = REAUTH_SIGNATURE_VALID;
            break;
        }
    }

    explicit_bzero(mac, sizeof(mac));

    return result;
}
