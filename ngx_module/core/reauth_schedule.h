
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
 * Which polls come first of those that are due.  Those that wait for a person
 * get a quarter of the polls at most while others are due, and those of which
 * the upstream has never said anything, as accounts that do not exist, only
 * what is left.
 */

typedef enum {
    REAUTH_POLL_FIRST = 0,      /* in progress, or not known any more */
    REAUTH_POLL_PERSON,
    REAUTH_POLL_LAST,           /* never heard of */
    REAUTH_POLL_CLASSES
} reauth_poll_class_t;

reauth_poll_class_t reauth_schedule_class(const reauth_record_t *record);

/* polls of others that make room for one that waits for a person */
#define REAUTH_POLL_PERSON_EACH  3

/*
 * The class that is polled next, of those of which one is due; CLASSES: none
 * is.  "others" counts what was polled since the last one that waits for a
 * person.
 */
reauth_poll_class_t reauth_schedule_pick(const int due[REAUTH_POLL_CLASSES],
    unsigned *others);

/*
 * When one that a webhook asks for is due, so that it is polled before all
 * others of its class; the time of its next poll takes this back.
 */
#define REAUTH_POLL_AT_ONCE_MS  86400000


/*
 * The time of the next poll of an active record, in milliseconds since the
 * Unix epoch.  The interval grows with the time in which nothing changed, and
 * faster where a person must act; "random" spreads it by a fifth to both
 * sides.
 */
int64_t reauth_schedule_next(const reauth_schedule_t *schedule,
    const reauth_record_t *record, int64_t now_ms, unsigned random);


#endif /* REAUTH_SCHEDULE_H */
