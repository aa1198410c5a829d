
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A fast path of the strict JSON parser: almost every body is an object whose
 * members are strings of printable ASCII without escapes.  jansson takes some
 * 150 instructions for each of their characters.
 */


#ifndef REAUTH_JSON_FLAT_H
#define REAUTH_JSON_FLAT_H


#include <jansson.h>

#include "reauth_string.h"


#define REAUTH_JSON_FLAT_NAME_MAX  63


/*
 * Returns what jansson would return.  NULL: another text, a duplicate or long
 * name, no member, or no memory; jansson decides then.
 */
json_t *reauth_json_flat(const reauth_string_t *text);


#endif /* REAUTH_JSON_FLAT_H */
