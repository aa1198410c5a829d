
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The notice that a gateway is degraded, which the gateway sends by itself:
 * Redis may be what is missing.
 */


#ifndef REAUTH_DEGRADED_NOTICE_H
#define REAUTH_DEGRADED_NOTICE_H


#include "reauth_degraded.h"


/* ms for which it must be degraded; between two notices */
#define REAUTH_DEGRADED_NOTICE_MS    10000
#define REAUTH_DEGRADED_AGAIN_MS     60000

/* all reasons, and a name of 255 characters that are all escaped */
#define REAUTH_DEGRADED_BODY_MAX     4000


/* all zero: it is not degraded, and nothing was sent; monotonic times */

typedef struct {
    int64_t   since_ms;      /* 0: it is not */
    int64_t   told_ms;       /* the last notice; 0: none */
    unsigned  told;          /* of this time */
} reauth_degraded_notice_t;


/* whether it is to be told now, which is noted */
int reauth_degraded_notice(reauth_degraded_notice_t *notice, int degraded,
    int64_t now_ms);

/*
 * JSON into body[REAUTH_DEGRADED_BODY_MAX].  Returns the length, or 0 if it
 * does not fit.  "name" is that of the gateway; times are those of the fleet.
 */
size_t reauth_degraded_notice_body(char *body, const reauth_string_t *name,
    const reauth_reason_t *reasons, unsigned n, int64_t since_ms,
    int64_t now_ms);


#endif /* REAUTH_DEGRADED_NOTICE_H */
