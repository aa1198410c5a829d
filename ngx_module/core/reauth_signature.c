
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <limits.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "reauth_signature.h"


int
reauth_sha256(const reauth_string_t *text, uint8_t digest[REAUTH_SHA256_LEN])
{
    return EVP_Digest(text->data, text->len, digest, NULL, EVP_sha256(), NULL)
           == 1 ? 0 : -1;
}


int
reauth_hmac_sha256(const reauth_string_t *key, const reauth_string_t *text,
    uint8_t mac[REAUTH_SHA256_LEN])
{
    unsigned  len;

    /* everybody could make a MAC under no key at all */

    if (key->len == 0 || key->len > INT_MAX) {
        return -1;
    }

    return HMAC(EVP_sha256(), key->data, (int) key->len, text->data, text->len,
                mac, &len) != NULL ? 0 : -1;
}


void
reauth_hex_encode(char *dst, const uint8_t *src, size_t len)
{
    static const char  digits[] = "0123456789abcdef";

    size_t  i;

    for (i = 0; i < len; i++) {
        *dst++ = digits[src[i] >> 4];
        *dst++ = digits[src[i] & 0xf];
    }

    *dst = '\0';
}


static int
reauth_hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


int
reauth_hex_decode(uint8_t *dst, size_t len, const reauth_string_t *hex)
{
    int     high, low;
    size_t  i;

    if (hex->len != 2 * len) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        high = reauth_hex_digit(hex->data[2 * i]);
        low = reauth_hex_digit(hex->data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        dst[i] = (uint8_t) (high << 4 | low);
    }

    return 0;
}


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

        if (reauth_hmac_sha256(&secrets[i], body, mac) != 0) {
            result = REAUTH_SIGNATURE_ERROR;
            continue;
        }

        if (CRYPTO_memcmp(mac, given, sizeof(mac)) == 0) {
            result = REAUTH_SIGNATURE_VALID;
            break;
        }
    }

    OPENSSL_cleanse(mac, sizeof(mac));

    return result;
}
