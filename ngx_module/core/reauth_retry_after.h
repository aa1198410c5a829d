
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Retry-After of a closed gate.  SDKs retry twice after the specified time, so
 * two waits must last until the end of the login.
 */


#ifndef REAUTH_RETRY_AFTER_H
#define REAUTH_RETRY_AFTER_H


#include "reauth_attempt.h"


typedef struct {
    unsigned  state;         /* reauth_state_t */
    int64_t   age_ms;        /* of the attempt */
    int64_t   typical_ms;    /* measured duration; 0: unknown */
    int64_t   deadline_ms;   /* until the gate opens anyway */
    unsigned  min;           /* seconds: limits of the result */
    unsigned  max;
} reauth_wait_t;


/*
 * Seconds to wait.  "random" spreads the value, so that clients do not return
 * at the same time.
 */
unsigned reauth_retry_after(const reauth_wait_t *wait, unsigned random);

/*
 * The measured duration after an attempt has ended: an average in which the
 * last logins count most; "typical_ms" is the previous one, 0: unknown.
 */
int64_t reauth_retry_after_learn(int64_t typical_ms,
    const reauth_record_t *record);


#endif /* REAUTH_RETRY_AFTER_H */
