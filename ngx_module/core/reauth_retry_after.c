
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_retry_after.h"


/* a login may take longer than the last ones, by an eighth of their time */
#define REAUTH_RETRY_MARGIN  8

/* added for an attempt that takes longer than usual: a part of its age */
#define REAUTH_RETRY_PART    4

/* subtracted at the upper limit, where nothing can be added */
#define REAUTH_RETRY_SPREAD  10

/* the part of the last login in the average */
#define REAUTH_RETRY_LAST    8

/* milliseconds; a longer login is not typical */
#define REAUTH_RETRY_LONG_MS  3600000


static unsigned
reauth_retry_after_within(unsigned low, unsigned high, unsigned random)
{
    return low + random % (high - low + 1);
}


static int64_t
reauth_retry_after_left(const reauth_wait_t *wait)
{
    int64_t  expected, left, part;

    expected = wait->typical_ms + wait->typical_ms / REAUTH_RETRY_MARGIN;
    left = expected - wait->age_ms;

    if (wait->age_ms >= wait->typical_ms) {
        part = wait->age_ms / REAUTH_RETRY_PART;
        left = part > left ? part : left;
    }

    return left < wait->deadline_ms ? left : wait->deadline_ms;
}


unsigned
reauth_retry_after(const reauth_wait_t *wait, unsigned random)
{
    int64_t   left;
    unsigned  seconds, low, high;

    if (reauth_state_needs_person(wait->state)) {

        /* the time at which a person acts is unknown */

        low = wait->max - wait->max / 2;

        return reauth_retry_after_within(low > wait->min ? low : wait->min,
                                         wait->max, random);
    }

    left = (reauth_retry_after_left(wait) + 999) / 1000;

    seconds = left > wait->min ? (left < wait->max ? (unsigned) left
                                                   : wait->max)
                               : wait->min;

    /* up to half as much again; a little less if the bound does not allow it */

    high = seconds + seconds / 2;
    high = high < wait->max ? high : wait->max;

    low = wait->max - wait->max / REAUTH_RETRY_SPREAD;
    low = low < seconds ? low : seconds;
    low = low > wait->min ? low : wait->min;

    return reauth_retry_after_within(low, high, random);
}


int64_t
reauth_retry_after_learn(int64_t typical_ms, const reauth_record_t *record)
{
    int64_t  took_ms;

    took_ms = record->updated_ms - record->since_ms;

    if (record->state != REAUTH_STATE_SUCCEEDED
        || took_ms <= 0
        || took_ms > REAUTH_RETRY_LONG_MS)
    {
        return typical_ms;
    }

    return typical_ms == 0
           ? took_ms
           : (typical_ms * (REAUTH_RETRY_LAST - 1) + took_ms)
             / REAUTH_RETRY_LAST;
}
