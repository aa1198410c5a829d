
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What an update does that waits for another one of its account, when the
 * record of the account changes.  Plain C, without a clock of its own.
 */


#ifndef REAUTH_JOIN_H
#define REAUTH_JOIN_H


#include "reauth_attempt.h"


/* the identical update that is waited for */

typedef struct {
    uint64_t  epoch;               /* 0: another one is waited for, or none */
    uint64_t  origin;
    int64_t   since_ms;
} reauth_joined_t;


typedef enum {
    REAUTH_JOIN_WAIT = 0,
    REAUTH_JOIN_BEGIN,             /* the record tells what to do now */
    REAUTH_JOIN_STORED             /* the response is stored, or in the change
                                      log; otherwise, begin again */
} reauth_join_t;


/*
 * "record" is that of the account, "fingerprint" that of the update which
 * waits.
 */
reauth_join_t reauth_join_judge(const reauth_joined_t *joined,
    const uint8_t *fingerprint, const reauth_record_t *record, int64_t now_ms);

/*
 * Whether a change of the account is about the attempt that the joined update
 * began, and has its ID: the response can be composed from it.
 */
int reauth_join_is_of(const reauth_joined_t *joined,
    const reauth_record_t *change);


#endif /* REAUTH_JOIN_H */
