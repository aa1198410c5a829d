
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The number of credits that a call used, in a header of the upstream's
 * response.
 */


#ifndef REAUTH_CREDITS_H
#define REAUTH_CREDITS_H


#include <stdint.h>

#include "reauth_string.h"


/* of one call; a larger number is not believed */
#define REAUTH_CREDITS_MAX  1000000


/*
 * Parses a decimal number without a sign, up to REAUTH_CREDITS_MAX; a fraction
 * is rounded up.  -1: anything else.
 */
int reauth_credits_parse(const reauth_string_t *value, uint32_t *credits);


#endif /* REAUTH_CREDITS_H */
