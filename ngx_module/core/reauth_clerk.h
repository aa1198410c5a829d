
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clerk: the one worker of a gateway that does work that must be done once.
 * It holds a lease and renews it; if it does not, another worker takes over.
 */


#ifndef REAUTH_CLERK_H
#define REAUTH_CLERK_H


#include <stdint.h>


/* ms between two steps of any worker */
#define REAUTH_CLERK_STEP_MS    250

/* ms without a renewal after which another worker takes over */
#define REAUTH_CLERK_LATE_MS    1500
#define REAUTH_CLERK_LEASE_MS   2700


/* the lease; its memory is shared */

typedef struct {
    int64_t    beat_ms;   /* of the last renewal, monotonic */
    uint32_t   worker;    /* its PID; 0: free */
    uint32_t   term;      /* changes with the clerk */
} reauth_clerk_t;


typedef enum {
    REAUTH_CLERK_OTHER = 0,   /* another worker is the clerk */
    REAUTH_CLERK_TAKEN,
    REAUTH_CLERK_HELD,
    REAUTH_CLERK_LOST         /* another worker has taken over meanwhile */
} reauth_clerk_step_t;


/* what a worker that takes the lease learns of the previous clerk */

typedef struct {
    uint32_t   worker;
    int64_t    silent_ms;
} reauth_clerk_former_t;


/* "term" is that of the worker: 0 initially, and if it is not the clerk */

reauth_clerk_step_t reauth_clerk_step(reauth_clerk_t *clerk, uint32_t *term,
    uint32_t worker, int64_t now_ms, reauth_clerk_former_t *former);

/* called by an exiting worker: another one takes over at once */
void reauth_clerk_give_up(reauth_clerk_t *clerk, uint32_t *term);

/* to be called before each step of work, as the worker may have been stopped */
int reauth_clerk_is(const reauth_clerk_t *clerk, uint32_t term);

/* whether a step may have another result than OTHER: read without the lock */
int reauth_clerk_may_take(const reauth_clerk_t *clerk, int64_t now_ms);

int reauth_clerk_missing(const reauth_clerk_t *clerk, int64_t now_ms);


#endif /* REAUTH_CLERK_H */
