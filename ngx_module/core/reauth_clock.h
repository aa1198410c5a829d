
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clock of the fleet: that of Redis.  A gateway has a monotonic clock and
 * the offset to add to it, which it corrects by what Redis says of the time.
 */


#ifndef REAUTH_CLOCK_H
#define REAUTH_CLOCK_H


#include <stdint.h>

#include "reauth_attempt.h"


/* how coarse the monotonic clock may be: a tick of a slow kernel */
#define REAUTH_CLOCK_GRAIN_MS  10

/* a smaller correction moves no record, a smaller change is not logged */
#define REAUTH_CLOCK_JUMP_MS   1000


/* one round trip, by the monotonic clock, and the time that Redis replied */

typedef struct {
    int64_t  sent_ms;
    int64_t  received_ms;
    int64_t  time_ms;
} reauth_clock_sample_t;


/* whether the round trip was shorter than that of "best" */
int reauth_clock_shorter(const reauth_clock_sample_t *sample,
    const reauth_clock_sample_t *best);

/*
 * The offset as the sample corrects it: unchanged if it may be right, since
 * Redis read its clock at any time of the round trip.
 */
int64_t reauth_clock_correct(const reauth_clock_sample_t *sample,
    int64_t offset_ms);

/* whether the difference is large enough to be acted upon */
int reauth_clock_jumped(int64_t from_ms, int64_t to_ms);

/*
 * Moves the times of a record that this gateway has taken from its own clock
 * to the corrected one.  Those that are the upstream's stay.
 */
void reauth_clock_move(reauth_record_t *record, int64_t by_ms);


#endif /* REAUTH_CLOCK_H */
