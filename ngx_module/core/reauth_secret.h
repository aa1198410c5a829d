
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A secret stored in a file: the allowed mode and content of the file, and
 * separate memory, which is included neither in core dumps nor, if the system
 * supports it, in swap.
 */


#ifndef REAUTH_SECRET_H
#define REAUTH_SECRET_H


#include <sys/types.h>

#include "reauth_string.h"


#define REAUTH_SECRET_MAX         4096
#define REAUTH_SECRET_ERROR_SIZE  256

/* secrets that need at least this many bytes can be generated */
#define REAUTH_SECRET_GENERATED_LEAST  16


typedef struct {
    reauth_string_t   text;
    void             *pages;
    size_t            size;        /* of the pages */
} reauth_secret_t;


/*
 * Removes one newline at the end of the text of a file.  Returns NULL, or an
 * error text.
 */
const char *reauth_secret_check(reauth_string_t *text);

/*
 * Checks that the text is a b64token (RFC 6750, 2.1).  Returns 0, or -1 with
 * the reason in "error", which never contains the text.
 */
int reauth_secret_bearer(const reauth_string_t *text,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * Checks the minimum length of a secret in bytes, not counting a prefix such
 * as "whsec_".  Returns 0, or -1 with the reason in "error".
 */
int reauth_secret_strong(const reauth_string_t *text, size_t least,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * Reads the file, which only root and "master", the user that starts nginx,
 * can be allowed to write.  Returns 0, or -1 with the reason in "error"; errno
 * is that of the failed call, or 0.
 */
int reauth_secret_read(reauth_secret_t *secret, const char *path,
    uid_t master, char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * Copies "prefix" and the text of another secret to separate pages, as a
 * header value.  Returns 0, or -1: no memory.
 */
int reauth_secret_prefix(reauth_secret_t *secret, const char *prefix,
    const reauth_secret_t *text);

/*
 * Allocates zeroed pages for data derived from a secret, at most a page;
 * "error" as above.
 */
int reauth_secret_reserve(reauth_secret_t *secret,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/* locks are not inherited: to be called after fork() */
void reauth_secret_lock(const reauth_secret_t *secret);

/* zeroes and frees the secret; can be called repeatedly */
void reauth_secret_free(reauth_secret_t *secret);


#endif /* REAUTH_SECRET_H */
