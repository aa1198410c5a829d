
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Data derived from the master secret: sealed texts for the store, and
 * fingerprints that identify repeated updates.  Gateways with the same secret
 * can open each other's sealed texts, and compute the same fingerprints.
 */


#ifndef REAUTH_SEAL_H
#define REAUTH_SEAL_H


#include <stdint.h>

#include "reauth_attempt.h"
#include "reauth_string.h"


#define REAUTH_SEAL_KEY_LEN    32
#define REAUTH_SEAL_NONCE_LEN  12
#define REAUTH_SEAL_TAG_LEN    16

/* sealed: nonce, ciphertext, tag */
#define REAUTH_SEAL_OVERHEAD   (REAUTH_SEAL_NONCE_LEN + REAUTH_SEAL_TAG_LEN)


typedef struct {
    uint8_t  sealing[REAUTH_SEAL_KEY_LEN];
    uint8_t  fingerprint[REAUTH_SEAL_KEY_LEN];
} reauth_seal_t;


/* All functions return 0 or -1; if they fail, the output is zeroed. */

int reauth_seal_init(reauth_seal_t *seal, const reauth_string_t *secret);
void reauth_seal_cleanse(reauth_seal_t *seal);

/* writes plain->len + REAUTH_SEAL_OVERHEAD bytes, bound to the account */
int reauth_seal(const reauth_seal_t *seal, const reauth_string_t *account,
    const reauth_string_t *plain, uint8_t *sealed);

/* writes sealed->len - REAUTH_SEAL_OVERHEAD bytes */
int reauth_seal_open(const reauth_seal_t *seal, const reauth_string_t *account,
    const reauth_string_t *sealed, uint8_t *plain);

int reauth_seal_fingerprint(const reauth_seal_t *seal,
    const reauth_string_t *account, const reauth_string_t *body,
    uint8_t fingerprint[REAUTH_FINGERPRINT_LEN]);


#endif /* REAUTH_SEAL_H */
