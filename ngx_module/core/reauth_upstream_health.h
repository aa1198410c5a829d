
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's health, determined from the results of requests with the API
 * key.
 */


#ifndef REAUTH_UPSTREAM_HEALTH_H
#define REAUTH_UPSTREAM_HEALTH_H


#include <stdint.h>


typedef enum {
    REAUTH_RESULT_NONE = 0,      /* says nothing of the upstream */
    REAUTH_RESULT_OK,            /* the key was accepted */
    REAUTH_RESULT_KEY_REFUSED,   /* 401 */
    REAUTH_RESULT_KEY_RESTRICTED,  /* 403 */
    REAUTH_RESULT_CREDITS,       /* 402 */
    REAUTH_RESULT_LIMITED,       /* 429 */
    REAUTH_RESULT_HTTP_ERROR,    /* 5xx, and what is not expected */
    REAUTH_RESULT_TIMEOUT,
    REAUTH_RESULT_NO_RESPONSE,   /* no connection, or no complete response */
    REAUTH_RESULT_TLS,           /* the handshake failed: a certificate */
    REAUTH_RESULT_LAST
} reauth_upstream_result_t;


typedef enum {
    REAUTH_UPSTREAM_UNKNOWN = 0,
    REAUTH_UPSTREAM_OK,
    REAUTH_UPSTREAM_UNAUTHORIZED,
    REAUTH_UPSTREAM_LIMITED,
    REAUTH_UPSTREAM_FAILING,
    REAUTH_UPSTREAM_STATES
} reauth_upstream_state_t;


/* a rejection counts if there was no success for this time, ms */
#define REAUTH_UPSTREAM_QUIET_MS   2000

/* the time after which a limit or a failure is outdated, ms */
#define REAUTH_UPSTREAM_STALE_MS   300000


/* how long ago each result was last seen, ms; -1: never */

typedef struct {
    int64_t  last_ms[REAUTH_RESULT_LAST];
    int64_t  failing_ms;         /* the first failure of an outage */
} reauth_upstream_ages_t;


typedef struct {
    reauth_upstream_state_t   state;
    reauth_upstream_result_t  why;      /* NONE for UNKNOWN */
    reauth_upstream_result_t  error;    /* the last one; NONE: there was none */
} reauth_upstream_health_t;


/*
 * Classifies a response.  "code": the error of a 401 is a code, so it is about
 * an account.  "call": an ordinary call; its redirects are not errors, and its
 * 503 may be about its account.
 */
reauth_upstream_result_t reauth_upstream_result(unsigned status, int code,
    int call);

/* one of a series of failures, not a refusal */
int reauth_upstream_result_is_failure(reauth_upstream_result_t result);

void reauth_upstream_judge(const reauth_upstream_ages_t *ages,
    reauth_upstream_health_t *health);

const char *reauth_upstream_state_name(reauth_upstream_state_t state);

/* in the summary and in metrics; NULL for NONE and OK */
const char *reauth_upstream_result_code(reauth_upstream_result_t result);
const char *reauth_upstream_result_name(reauth_upstream_result_t result);

/* the cause and what to do, for the log */
const char *reauth_upstream_result_text(reauth_upstream_result_t result);


#endif /* REAUTH_UPSTREAM_HEALTH_H */
