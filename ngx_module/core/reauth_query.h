
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Query strings, and positions in lists and event streams as clients return
 * them: two hexadecimal numbers with a dash in between.
 */


#ifndef REAUTH_QUERY_H
#define REAUTH_QUERY_H


#include "reauth_string.h"


#define REAUTH_QUERY_DIGITS  16


/*
 * The next argument of "rest": its name as it is, and its value, decoded once
 * into *dst, which has room for the rest and is advanced.  An invalid escape
 * is kept as it is.  Returns 0 at the end.
 */
int reauth_query_next(reauth_string_t *rest, unsigned char **dst,
    reauth_string_t *name, reauth_string_t *value);

/* 0, or -1: no such pair, or one of more than 16 digits */
int reauth_query_pair(const reauth_string_t *text, uint64_t pair[2]);


#endif /* REAUTH_QUERY_H */
