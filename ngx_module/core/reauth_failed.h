
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Calls of an account that is known to need new credentials: the gateway
 * returns the upstream's error itself, and one call per interval of the fleet,
 * the probe, is sent to find out whether this is still true.
 */


#ifndef REAUTH_FAILED_H
#define REAUTH_FAILED_H


#include "reauth_attempt.h"
#include "reauth_override.h"


typedef enum {
    REAUTH_FAILED_PASS = 0,        /* it is not known to have failed */
    REAUTH_FAILED_EXEMPT,          /* a person keeps its gate open */
    REAUTH_FAILED_PROBE,           /* a probe is due */
    REAUTH_FAILED_ANSWER
} reauth_failed_t;


/* probes, in milliseconds; the time of the last one is kept in 32 bits */
#define REAUTH_FAILED_MIN  1000
#define REAUTH_FAILED_MAX  86400000

/* no probe was sent yet */
#define REAUTH_FAILED_NEVER  INT64_MIN


static inline int
reauth_failed_is(unsigned state, unsigned action)
{
    return state == REAUTH_STATE_FAILED && action == REAUTH_ACTION_CREDENTIALS;
}


/* "override" is that of the gate; "last_ms" the time of the last probe */
reauth_failed_t reauth_failed_judge(const reauth_record_t *record,
    reauth_override_gate_t override, int64_t interval_ms, int64_t last_ms,
    int64_t now_ms);

/*
 * The time of the last probe, if another gateway has the lease: "until" is its
 * value, the time at which it ends.  One that has ended, or is gone (empty),
 * makes a probe due; one that is invalid, or ends later than one that begins
 * now, counts as one that begins now.
 */
int64_t reauth_failed_last(const reauth_string_t *until, int64_t interval_ms,
    int64_t now_ms);

/* the time of the last probe of 32 bits; 0: never */
int64_t reauth_failed_unpack(uint32_t last, int64_t now_ms);
uint32_t reauth_failed_pack(int64_t last_ms);


#endif /* REAUTH_FAILED_H */
