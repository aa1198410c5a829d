
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The "wait" preference of a Prefer header (RFC 7240).
 */


#ifndef REAUTH_PREFER_H
#define REAUTH_PREFER_H


#include "reauth_string.h"


/* longer than anybody waits; larger numbers count as this */
#define REAUTH_PREFER_WAIT_MAX  86400


/*
 * The seconds of the first "wait" among the preferences; 0 where there is
 * none, or its value is no number.
 */
unsigned reauth_prefer_wait(const reauth_string_t *header);


#endif /* REAUTH_PREFER_H */
