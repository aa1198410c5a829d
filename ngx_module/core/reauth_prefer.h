
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "wait" preference of a Prefer header (RFC 7240).
 */


#ifndef REAUTH_PREFER_H
#define REAUTH_PREFER_H


#include "reauth_string.h"


/* seconds; larger numbers are reduced to this */
#define REAUTH_PREFER_WAIT_MAX  86400


/*
 * The seconds of the first "wait" preference (RFC 7240, 4.3); 0 if there is
 * none or its value is invalid.
 */
unsigned reauth_prefer_wait(const reauth_string_t *header);


#endif /* REAUTH_PREFER_H */
