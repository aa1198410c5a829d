
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Distributions of durations: their buckets.  There are few of them, as each
 * is a time series in Prometheus.
 */


#ifndef _REAUTH_DURATION_H_INCLUDED_
#define _REAUTH_DURATION_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* with the one of the durations above all bounds */
#define REAUTH_DURATION_BUCKETS  9


typedef enum {
    REAUTH_DURATION_LOGIN = 0,
    REAUTH_DURATION_WAIT,              /* of a request, for a change */
    REAUTH_DURATION_UPSTREAM,
    REAUTH_DURATION_REDIS,
    REAUTH_DURATION_LAST
} reauth_duration_t;


/* the upper bounds in milliseconds, REAUTH_DURATION_BUCKETS - 1 of them */
const uint32_t *reauth_duration_bounds(reauth_duration_t kind);

/* the bucket of a duration; a negative one is 0 */
unsigned reauth_duration_bucket(reauth_duration_t kind, int64_t ms);


#endif /* _REAUTH_DURATION_H_INCLUDED_ */
