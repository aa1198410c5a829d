
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clock of the fleet, which is that of Redis.  A gateway adds an offset to
 * its monotonic clock, and corrects the offset by the time that Redis returns.
 */


#ifndef REAUTH_CLOCK_H
#define REAUTH_CLOCK_H


#include <stdint.h>

#include "reauth_attempt.h"


/* the resolution of the monotonic clock: a tick of a slow kernel */
#define REAUTH_CLOCK_GRAIN_MS  10

/* smaller corrections change no record, smaller changes are not logged */
#define REAUTH_CLOCK_JUMP_MS   1000


/* one round trip, by the monotonic clock, and the time in Redis' reply */

typedef struct {
    int64_t  sent_ms;
    int64_t  received_ms;
    int64_t  time_ms;
} reauth_clock_sample_t;


/* whether the round trip was shorter than that of "best" */
int reauth_clock_shorter(const reauth_clock_sample_t *sample,
    const reauth_clock_sample_t *best);

/*
 * The offset corrected by the sample.  It is unchanged if it is consistent with
 * the sample, as Redis may have read its clock at any time of the round trip.
 */
int64_t reauth_clock_correct(const reauth_clock_sample_t *sample,
    int64_t offset_ms);

/* whether the difference is large enough to be acted upon */
int reauth_clock_jumped(int64_t from_ms, int64_t to_ms);

/*
 * Whether an attempt that began at "since_ms" has times by the clock as it was
 * before the next correction: it began since the last measurement.
 */
int reauth_clock_is_unmeasured(int64_t since_ms, int64_t measured_ms);

/*
 * Corrects those times of a record that this gateway has set by its own clock.
 * Times of the upstream are not changed.  The record began after the time of
 * the last measurement, "measured_ms"; its prior attempt may have begun before.
 */
void reauth_clock_move(reauth_record_t *record, int64_t measured_ms,
    int64_t by_ms);


#endif /* REAUTH_CLOCK_H */
