
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Overwrites a secret in a text of somebody who knows it and may repeat it:
 * the API key in what the upstream says, credentials in its error messages.
 * A part of the secret counts as well, from REAUTH_REDACT_WINDOW bytes on.
 *
 * Both are compared as they read without escapes: a backslash is skipped,
 * \u0041 is a letter, and so is %41, however often either was encoded.
 */


#ifndef REAUTH_REDACT_H
#define REAUTH_REDACT_H


#include "reauth_string.h"


#define REAUTH_REDACT_WINDOW  12

/* anything shorter is not searched for */
#define REAUTH_REDACT_MIN     4

#define REAUTH_REDACT_WORDS   256


/*
 * Holds hashes of all windows of the secret, and points to it: it has to be
 * zeroed with the secret.
 */

typedef struct {
    reauth_string_t  secret;
    size_t           window;                     /* 0: nothing is found */
    uint64_t         bits[REAUTH_REDACT_WORDS];
} reauth_redact_t;


void reauth_redact_init(reauth_redact_t *redact,
    const reauth_string_t *secret);

/*
 * Overwrites each byte of what is found by "*", escapes included: the length
 * stays, and JSON stays JSON.  Returns the number of places.
 */
size_t reauth_redact(const reauth_redact_t *redact, unsigned char *text,
    size_t len);

/* the same without changing the text: whether there is such a place */
int reauth_redact_find(const reauth_redact_t *redact,
    const unsigned char *text, size_t len);

/*
 * Overwrites the values of a JSON object, such as credentials that were sent,
 * in a terminated text.  Values of the member "auth_type" are no secret.
 */
void reauth_redact_values(const reauth_string_t *json, char *text);


#endif /* REAUTH_REDACT_H */
