
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Overwrites a secret in text of others that may repeat it: the API key in
 * responses of the upstream, credentials in its error messages.  A part of the
 * secret of at least REAUTH_REDACT_WINDOW bytes is overwritten as well.
 *
 * Text is compared without escapes, see reauth_unescape.h, and as it is.
 */


#ifndef REAUTH_REDACT_H
#define REAUTH_REDACT_H


#include "reauth_string.h"


#define REAUTH_REDACT_WINDOW  12

/* minimum length of a secret; below the window it is searched for as a whole */
#define REAUTH_REDACT_MIN     4

#define REAUTH_REDACT_WORDS   256


/*
 * Hashes of all windows of the secret, and a pointer to it: must be zeroed
 * with the secret.
 */

typedef struct {
    reauth_string_t  secret;
    size_t           window;                     /* 0: nothing is found */
    unsigned         escaped:1;                  /* the secret has escapes */
    uint64_t         bits[REAUTH_REDACT_WORDS];
} reauth_redact_t;


void reauth_redact_init(reauth_redact_t *redact,
    const reauth_string_t *secret);

/*
 * Overwrites each occurrence by "*", including escapes: the length does not
 * change, and JSON remains valid.  Returns the number of occurrences.
 */
size_t reauth_redact(const reauth_redact_t *redact, unsigned char *text,
    size_t len);

/* whether the text has an occurrence */
int reauth_redact_find(const reauth_redact_t *redact,
    const unsigned char *text, size_t len);

/*
 * Whether the text of a caller contains the whole secret, unescaped.  A check
 * for parts would let the caller guess the secret, a few characters at a time.
 */
int reauth_redact_is_whole(const reauth_redact_t *redact,
    const unsigned char *text, size_t len);

/*
 * Overwrites values of a JSON object, such as credentials, in a NUL-terminated
 * text.  Values of "auth_type" are not secret.
 */
void reauth_redact_values(const reauth_string_t *json, char *text);


#endif /* REAUTH_REDACT_H */
