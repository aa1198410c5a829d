
/*
 * Copyright (C) the nginx-reauth authors
 *
 * SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), and their hexadecimal form.
 * For one thread at a time.
 */


#ifndef REAUTH_DIGEST_H
#define REAUTH_DIGEST_H


#include <stdint.h>

#include "reauth_string.h"


#define REAUTH_SHA256_LEN      32
#define REAUTH_SHA256_HEX_LEN  64


/* 0, or -1 if the library fails */
int reauth_sha256(const reauth_string_t *text,
    uint8_t digest[REAUTH_SHA256_LEN]);

/*
 * The MAC of n concatenated parts.  Returns 0, or -1 if there is no key or the
 * library fails; the MAC is zeroed then.
 */
int reauth_hmac_sha256(const reauth_string_t *key,
    const reauth_string_t *parts, size_t n, uint8_t mac[REAUTH_SHA256_LEN]);

/*
 * Frees cached objects, before the module is unloaded; the next digest creates
 * them again.
 */
void reauth_digest_free(void);

/* lower case, NUL-terminated: 2 * len + 1 bytes */
void reauth_hex_encode(char *dst, const uint8_t *src, size_t len);

/* exactly 2 * len digits of either case; 0, or -1 if it is anything else */
int reauth_hex_decode(uint8_t *dst, size_t len, const reauth_string_t *hex);


#endif /* REAUTH_DIGEST_H */
