
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_duration.h"


static const uint32_t  reauth_durations[REAUTH_DURATION_LAST]
                                       [REAUTH_DURATION_BUCKETS - 1] = {

    /* most logins take a minute or two, and end after 15 at the latest */
    { 5000, 15000, 30000, 60000, 120000, 300000, 600000, 900000 },

    { 100, 500, 1000, 2500, 5000, 10000, 30000, 60000 },
    { 50, 100, 250, 500, 1000, 2500, 10000, 30000 },

    /* measured in milliseconds */
    { 1, 2, 5, 10, 25, 100, 250, 1000 }
};


const uint32_t *
reauth_duration_bounds(reauth_duration_t kind)
{
    return reauth_durations[kind];
}


unsigned
reauth_duration_bucket(reauth_duration_t kind, int64_t ms)
{
    unsigned  i;

    for (i = 0; i < REAUTH_DURATION_BUCKETS - 1; i++) {
        if (ms <= (int64_t) reauth_durations[kind][i]) {
            break;
        }
    }

    return i;
}
