
/*
 * Copyright (C) the nginx-reauth authors
 *
 * When the background poller looks at an attempt next.
 */


#ifndef REAUTH_SCHEDULE_H
#define REAUTH_SCHEDULE_H


#include "reauth_attempt.h"


typedef struct {
    int64_t  interval_ms;       /* right after something changed */
    int64_t  max_interval_ms;   /* as nothing changes any more */
} reauth_schedule_t;


/*
 * The time of the next poll of an active record, in milliseconds since the
 * Unix epoch.  The interval grows with the time in which nothing changed, and
 * faster where a person must act; "random" spreads it by a fifth to both
 * sides.
 */
int64_t reauth_schedule_next(const reauth_schedule_t *schedule,
    const reauth_record_t *record, int64_t now_ms, unsigned random);


#endif /* REAUTH_SCHEDULE_H */
