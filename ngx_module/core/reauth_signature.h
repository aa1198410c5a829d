
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The signature of webhooks: HMAC-SHA-256 in hexadecimal.
 */


#ifndef REAUTH_SIGNATURE_H
#define REAUTH_SIGNATURE_H


#include "reauth_string.h"


typedef enum {
    REAUTH_SIGNATURE_VALID = 0,
    REAUTH_SIGNATURE_INVALID,
    REAUTH_SIGNATURE_ERROR         /* unknown: out of memory */
} reauth_signature_result_t;


/* whether the header has the form of a signature */
int reauth_signature_is_formed(const reauth_string_t *header);

/*
 * Checks that the header's value is the HMAC of the raw body with one of two
 * secrets; the second one is used while they are changed.
 */
reauth_signature_result_t reauth_signature_verify(
    const reauth_string_t *header, const reauth_string_t *body,
    const reauth_string_t *secrets, size_t n);


#endif /* REAUTH_SIGNATURE_H */
