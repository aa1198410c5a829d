
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A secret that is kept in a file: who may read the file, what may be in it,
 * and memory of its own that goes neither into a core dump nor, where the
 * system allows it, to swap.
 */


#ifndef REAUTH_SECRET_H
#define REAUTH_SECRET_H


#include <sys/types.h>

#include "reauth_string.h"


#define REAUTH_SECRET_MAX         4096
#define REAUTH_SECRET_ERROR_SIZE  256


typedef struct {
    reauth_string_t   text;
    void             *pages;
    size_t            size;        /* of the pages */
} reauth_secret_t;


/*
 * Takes the one newline at the end off the text that was read from a file.
 * Returns NULL, or what is wrong with it and what to do.
 */
const char *reauth_secret_check(reauth_string_t *text);

/*
 * Whether the text can be a bearer token: a b64token of RFC 6750, section 2.1.
 * Returns 0, or -1 and what is wrong in "error", which never has any of the
 * text in it.
 */
int reauth_secret_bearer(const reauth_string_t *text,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * Whether a secret that is chosen by the operator has as many bytes as it has
 * to; a prefix that only names its kind, as of "whsec_...", does not count.
 * Returns 0, or -1 and what is wrong in "error".
 */
int reauth_secret_strong(const reauth_string_t *text, size_t least,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * Reads the file, which nobody but root and "master", the user that starts
 * nginx, may write.  Returns 0, or -1 and what is wrong in "error"; the errno
 * is the system's, or 0 where the system had no objection.
 */
int reauth_secret_read(reauth_secret_t *secret, const char *path,
    uid_t master, char error[REAUTH_SECRET_ERROR_SIZE]);

/*
 * The secret of "prefix" and the text of another one, in pages of its own, as
 * a header wants it.  Returns 0, or -1: no memory.
 */
int reauth_secret_prefix(reauth_secret_t *secret, const char *prefix,
    const reauth_secret_t *text);

/*
 * Pages of zeroes for what is made of a secret, at most a page; "error" as
 * above.
 */
int reauth_secret_reserve(reauth_secret_t *secret,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/* locks are not inherited: a process that was forked sets them anew */
void reauth_secret_lock(const reauth_secret_t *secret);

/* zeroes it; what was freed or never read may be freed again */
void reauth_secret_free(reauth_secret_t *secret);


#endif /* REAUTH_SECRET_H */
