
/*
 * Copyright (C) the nginx-reauth authors
 *
 * SHA-256 and HMAC-SHA256, their hexadecimal text, and the signature that the
 * upstream puts on its webhooks.
 */


#ifndef REAUTH_SIGNATURE_H
#define REAUTH_SIGNATURE_H


#include <stdint.h>

#include "reauth_string.h"


#define REAUTH_SHA256_LEN      32
#define REAUTH_SHA256_HEX_LEN  64


typedef enum {
    REAUTH_SIGNATURE_VALID = 0,
    REAUTH_SIGNATURE_INVALID,
    REAUTH_SIGNATURE_ERROR         /* can't be said: out of memory */
} reauth_signature_result_t;


/* 0, or -1 if the library fails */
int reauth_sha256(const reauth_string_t *text,
    uint8_t digest[REAUTH_SHA256_LEN]);
int reauth_hmac_sha256(const reauth_string_t *key, const reauth_string_t *text,
    uint8_t mac[REAUTH_SHA256_LEN]);

/* lower case, NUL-terminated: 2 * len + 1 bytes */
void reauth_hex_encode(char *dst, const uint8_t *src, size_t len);

/* exactly 2 * len digits of either case; 0, or -1 if it is anything else */
int reauth_hex_decode(uint8_t *dst, size_t len, const reauth_string_t *hex);

/*
 * Whether the header's value is the HMAC of the raw body under one of the
 * secrets, of which the second serves while they are changed.
 */
reauth_signature_result_t reauth_signature_verify(
    const reauth_string_t *header, const reauth_string_t *body,
    const reauth_string_t *secrets, size_t n);


#endif /* REAUTH_SIGNATURE_H */
