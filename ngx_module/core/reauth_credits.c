
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_credits.h"


/* reads digits at *pos; returns their number; *n is not above its limit + 9 */

static size_t
reauth_credits_digits(const reauth_string_t *value, size_t *pos, uint32_t *n)
{
    size_t  first;

    *n = 0;

    for (first = *pos;
         *pos < value->len
         && value->data[*pos] >= '0' && value->data[*pos] <= '9';
         (*pos)++)
    {
        if (*n <= REAUTH_CREDITS_MAX) {
            *n = *n * 10 + (uint32_t) (value->data[*pos] - '0');
        }
    }

    return *pos - first;
}


int
reauth_credits_parse(const reauth_string_t *value, uint32_t *credits)
{
    size_t    pos;
    uint32_t  whole, fraction;

    pos = 0;
    fraction = 0;

    if (reauth_credits_digits(value, &pos, &whole) == 0) {
        return -1;
    }

    if (pos < value->len && value->data[pos] == '.') {
        pos++;

        if (reauth_credits_digits(value, &pos, &fraction) == 0) {
            return -1;
        }
    }

    if (pos != value->len || whole > REAUTH_CREDITS_MAX) {
        return -1;
    }

    whole += fraction != 0;

    if (whole > REAUTH_CREDITS_MAX) {
        return -1;
    }

    *credits = whole;

    return 0;
}
