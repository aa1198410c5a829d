
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Whether Redis has lost members of the set that lists active accounts, whose
 * records it still has: the set was deleted or evicted, or one member was
 * removed.  Nothing polls such an account, and a gateway that is started does
 * not know it.  Any gateway that has it in its zone notices by the number of
 * members, which Redis reports from time to time.  Plain C, without a clock.
 */


#ifndef REAUTH_LISTED_H
#define REAUTH_LISTED_H


#include "reauth_judge.h"


/* reports in a row by which members are missing */
#define REAUTH_LISTED_REPORTS   3

/* until the set is read again if this did not help, in ms: doubled each time */
#define REAUTH_LISTED_AGAIN_MS  10000
#define REAUTH_LISTED_MAX_MS    3600000


typedef enum {
    REAUTH_LISTED_ALL = 0,
    REAUTH_LISTED_DOUBT,         /* the next report is to come soon */
    REAUTH_LISTED_LOST           /* the set is to be read, and restored */
} reauth_listed_state_t;


/* a report of Redis, and what the zone has when it arrives */

typedef struct {
    int64_t          members;      /* of the set; -1: not known */
    uint64_t         number;       /* of the last event by the counter */
    uint64_t         read;         /* of the last event that was read */
    uint64_t         active;       /* accounts of the zone */
    uint64_t         unwritten;    /* changes of the zone to be written */
} reauth_listed_report_t;


typedef struct {
    unsigned         reports;      /* in a row */
    int64_t          wait_ms;
    int64_t          again_ms;     /* not before */
} reauth_listed_t;


/*
 * Whether the set lacks members.  It may differ from the zone by one for each
 * change that is not written, and for each event that only one of them has.
 */
int reauth_listed_lacks(const reauth_listed_report_t *report);

/*
 * A report at "now_ms" of a monotonic clock.  A change of another worker may
 * have been written between the report and its arrival, so one report proves
 * nothing.
 */
reauth_listed_state_t reauth_listed_judge(reauth_listed_t *listed,
    const reauth_listed_report_t *report, int64_t now_ms);

/*
 * The set, which was read since "read_ms", does not have the account of
 * "record", whose record was read just now and merged.  Returns 1 if it is
 * active, was not written meanwhile, and nothing else is to be written: it is
 * written again, which adds it to the set.
 */
int reauth_listed_restore(const reauth_stored_t *stored,
    const reauth_record_t *record, int64_t read_ms,
    reauth_judgement_t *verdict);


#endif /* REAUTH_LISTED_H */
