
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The time of the next background poll of an attempt.
 */


#ifndef REAUTH_SCHEDULE_H
#define REAUTH_SCHEDULE_H


#include "reauth_attempt.h"


typedef struct {
    int64_t  interval_ms;       /* ms, after a change */
    int64_t  max_interval_ms;   /* ms, without changes */
} reauth_schedule_t;


/*
 * Classes of polls that are due, by priority.  Attempts that wait for a person
 * get at most a quarter of the polls while others are due.  Attempts that the
 * upstream has never confirmed, such as of accounts that do not exist, get the
 * rest.  Both leave a part of the burst to the first class, so that a poll
 * requested by a webhook does not wait for the rate.
 */

typedef enum {
    REAUTH_POLL_FIRST = 0,      /* in progress, or unknown */
    REAUTH_POLL_PERSON,
    REAUTH_POLL_LAST,           /* never confirmed by the upstream */
    REAUTH_POLL_CLASSES
} reauth_poll_class_t;

reauth_poll_class_t reauth_schedule_class(const reauth_record_t *record);

/* polls of other classes for each one that waits for a person */
#define REAUTH_POLL_PERSON_EACH  3

/*
 * The class to be polled next, of those with a poll due; CLASSES: none.
 * "others" counts polls since the last one that waits for a person.  "spare":
 * the budget has more than its reserve.
 */
reauth_poll_class_t reauth_schedule_pick(const int due[REAUTH_POLL_CLASSES],
    unsigned *others, int spare);

/* the part of the burst that is left to the first class, in polls */
unsigned reauth_schedule_reserve(unsigned burst);

/*
 * The due time of a poll requested by a webhook, before all others of its
 * class, until its next poll is set.
 */
#define REAUTH_POLL_AT_ONCE_MS  86400000


/*
 * Whether a person may request a poll now: those of a minute take a quarter of
 * its polls at most.  "rate" is that of all polls, in polls a minute.  Returns
 * 0 and takes one, or the time to wait, in ms; *taken_ms is stored between
 * calls, 0: none was taken.
 */
int64_t reauth_schedule_request(int64_t *taken_ms, int64_t now_ms,
    unsigned rate);

/*
 * The same by caller: each gets half of what all of them get.  "callers" are
 * zeroed before the first call; the one that has taken the least is forgotten
 * if there are more.  An empty name is not limited by this.  *own: the limit is
 * that of the caller.
 */

#define REAUTH_REQUESTERS  32

typedef struct {
    int64_t  taken_ms;
    char     caller[REAUTH_CALLER_MAX + 1];
} reauth_requester_t;

int64_t reauth_schedule_request_by(reauth_requester_t *callers,
    const reauth_string_t *caller, int64_t *taken_ms, int64_t now_ms,
    unsigned rate, int *own);


/* what is left to do, by class; at most REAUTH_POLL_DUE_MAX are counted */

typedef struct {
    unsigned  due[REAUTH_POLL_CLASSES];
    int64_t   lag_ms[REAUTH_POLL_CLASSES];   /* of the one due for longest */
} reauth_poll_backlog_t;

#define REAUTH_POLL_DUE_MAX  100

/* the lag of a poll that was due, or requested by a webhook, "late_ms" ago */
int64_t reauth_schedule_lag(int64_t late_ms);

/* the class in the summary and in metrics */
const char *reauth_schedule_class_name(reauth_poll_class_t class);

/* how an account is polled */

typedef enum {
    REAUTH_POLL_ENDPOINT = 0,   /* by the endpoint of the attempt */
    REAUTH_POLL_NOT,            /* not at all */
    REAUTH_POLL_SENDING,        /* its update is being sent */
    REAUTH_POLL_LATER,          /* at the deadline: the list of accounts or
                                   webhooks settle the attempt */
    REAUTH_POLL_LIST            /* by the list of accounts */
} reauth_poll_way_t;

reauth_poll_way_t reauth_schedule_way(const reauth_record_t *record);

/*
 * The time of the next poll of an active record, in milliseconds since the
 * Unix epoch.  The interval grows with the time without a change, faster if a
 * person must act; "random" spreads it by 20% in both directions.
 */
int64_t reauth_schedule_next(const reauth_schedule_t *schedule,
    const reauth_record_t *record, int64_t now_ms, unsigned random);

/*
 * A "random" for the first poll of a record: evenly spread, of few values, so
 * that records that are added together are at few places of the tree of polls,
 * which are in the caches.
 */
unsigned reauth_schedule_spread(unsigned *n);

#endif /* REAUTH_SCHEDULE_H */
