
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the upstream's response to a background poll requests: a pause of
 * polling, a pause for the account, or another source.
 */


#ifndef REAUTH_BACKOFF_H
#define REAUTH_BACKOFF_H


#include <stdint.h>

#include "reauth_attempt.h"


/* maximum pause, milliseconds */
#define REAUTH_BACKOFF_WAIT_MAX_MS   300000

/* default pause, milliseconds */
#define REAUTH_BACKOFF_PAUSE_MS      10000


typedef enum {
    REAUTH_POLL_ANSWERED = 0,    /* 2xx: the body is read */
    REAUTH_POLL_LIMITED,         /* too many requests */
    REAUTH_POLL_REFUSED,         /* the API key, the credits or the plan */
    REAUTH_POLL_LOST,            /* unknown to the upstream */
    REAUTH_POLL_FAILED           /* try again */
} reauth_poll_outcome_t;


/* the parts of a response that control polling */

typedef struct {
    unsigned  status;
    unsigned  code;              /* of a 401: its error is a code */
    int64_t   retry_after_ms;    /* -1: none, or invalid */
    int64_t   limit;             /* x-rate-limit-limit-minute; or -1 */
    int64_t   remaining;         /* x-rate-limit-remaining-minute; or -1 */
} reauth_backoff_t;


typedef struct {
    reauth_poll_outcome_t  outcome;
    int64_t                pause_ms;   /* no polls at all for this time */
    unsigned               asked;      /* the upstream requested the pause */
    int64_t                wait_ms;    /* no polls of this account */
} reauth_backoff_verdict_t;


/*
 * Parses Retry-After (RFC 9110, 10.2.3): delta-seconds or any form of
 * HTTP-date; 0 for a date in the past.  Returns 0, or -1 if the value is
 * invalid.
 */
int reauth_retry_after_parse(const reauth_string_t *value, int64_t now_ms,
    int64_t *wait_ms);

/* parses a non-negative whole number; -1: invalid */
int64_t reauth_backoff_number(const reauth_string_t *value);

/* the value of "last_poll" for a response other than 2xx */
reauth_poll_error_t reauth_backoff_error(reauth_poll_outcome_t outcome,
    unsigned status);

void reauth_backoff_judge(const reauth_backoff_t *response,
    reauth_backoff_verdict_t *verdict);


#endif /* REAUTH_BACKOFF_H */
