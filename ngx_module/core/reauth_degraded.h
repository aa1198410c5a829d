
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The reasons why a gateway is degraded: the meaning of errors of Redis, and
 * their consequences.
 */


#ifndef REAUTH_DEGRADED_H
#define REAUTH_DEGRADED_H


#include <stdint.h>

#include "reauth_string.h"
#include "reauth_upstream_health.h"


/* why Redis does not execute commands */

typedef enum {
    REAUTH_REFUSAL_NONE = 0,
    REAUTH_REFUSAL_UNREACHABLE,
    REAUTH_REFUSAL_PASSWORD,           /* NOAUTH */
    REAUTH_REFUSAL_USER,               /* WRONGPASS */
    REAUTH_REFUSAL_RIGHTS,             /* NOPERM */
    REAUTH_REFUSAL_LOADING,
    REAUTH_REFUSAL_BUSY,
    REAUTH_REFUSAL_KILLED,             /* SCRIPT KILL */
    REAUTH_REFUSAL_MEMORY,             /* OOM */
    REAUTH_REFUSAL_DISK,               /* MISCONF */
    REAUTH_REFUSAL_REPLICAS,           /* NOREPLICAS */
    REAUTH_REFUSAL_REPLICA,            /* READONLY */
    REAUTH_REFUSAL_CLUSTER,            /* CLUSTERDOWN, MOVED, ASK, TRYAGAIN */
    REAUTH_REFUSAL_SENTINEL,           /* no Sentinel names a primary */
    REAUTH_REFUSAL_UNREAD,             /* connected, and not read yet */
    REAUTH_REFUSAL_OTHER,
    REAUTH_REFUSAL_CLERK,              /* of this gateway, not of Redis */
    REAUTH_REFUSAL_CLOCK,              /* of this machine */
    REAUTH_REFUSAL_KEY,                /* the upstream's: 401 */
    REAUTH_REFUSAL_RESTRICTED,         /* 403 */
    REAUTH_REFUSAL_CREDITS,            /* 402 */
    REAUTH_REFUSAL_SECRET,             /* of another gateway */
    REAUTH_REFUSAL_LAST
} reauth_refusal_t;


/*
 * The meaning of an error reply.  NONE: it concerns one key only (WRONGTYPE).
 */
reauth_refusal_t reauth_refusal_parse(const reauth_string_t *error);

/* a fixed phrase, valid in JSON: an error of Redis may quote any text */
const char *reauth_refusal_text(reauth_refusal_t refusal);


/* the state of a gateway with respect to Redis and the upstream */

typedef struct {
    unsigned           redis;          /* is configured */
    unsigned           up;             /* is connected */
    reauth_refusal_t   down;           /* if not: why */
    reauth_refusal_t   write;          /* changes are refused */
    reauth_refusal_t   follow;         /* changes of others are not read */
    reauth_refusal_t   lease;          /* polls are not shared */
    reauth_refusal_t   watch;          /* no Sentinel has been heard of late */
    reauth_refusal_t   secret;         /* others have another one */
    reauth_refusal_t   clerk;          /* no worker does its work */
    int64_t            clock_ms;       /* ahead of the clock of the fleet */
    reauth_upstream_result_t  upstream;  /* rejects the key, or NONE */
} reauth_health_t;


typedef enum {
    REAUTH_REASON_NONE = 0,
    REAUTH_REASON_WRITE,
    REAUTH_REASON_FOLLOW,
    REAUTH_REASON_UNREAD,
    REAUTH_REASON_LEASE,
    REAUTH_REASON_WATCH,
    REAUTH_REASON_CLERK,
    REAUTH_REASON_CLOCK,
    REAUTH_REASON_UPSTREAM,
    REAUTH_REASON_SECRET,
    REAUTH_REASON_LAST
} reauth_reason_kind_t;


typedef struct {
    reauth_reason_kind_t  kind;
    reauth_refusal_t      refusal;
} reauth_reason_t;


/* a clock with a larger offset, in ms, is a reason */
#define REAUTH_CLOCK_OFF_MS   1000

#define REAUTH_REASONS_MAX    8
#define REAUTH_REASON_LEN     200      /* maximum length of its text */


/* fills reasons[REAUTH_REASONS_MAX], most severe first; returns their number */
unsigned reauth_health_reasons(const reauth_health_t *health,
    reauth_reason_t *reasons);

/* the text into out[REAUTH_REASON_LEN]; returns its length */
size_t reauth_reason_text(const reauth_reason_t *reason, char *out);

/* the name in metrics of each one in turn; NULL: the end */
const char *reauth_reason_name(const reauth_reason_t *reason);
const char *reauth_reason_names(unsigned n);


#endif /* REAUTH_DEGRADED_H */
