
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the status code of an upstream's response means for the request.
 */


#ifndef REAUTH_UPSTREAM_STATUS_H
#define REAUTH_UPSTREAM_STATUS_H


typedef enum {
    REAUTH_UPSTREAM_NOT_FINAL = 0,     /* below 200, or not a status code */
    REAUTH_UPSTREAM_ACCEPTED,          /* 2xx */
    REAUTH_UPSTREAM_REDIRECTED,        /* 3xx: nothing was done */
    REAUTH_UPSTREAM_REJECTED,          /* 4xx: nothing was done */
    REAUTH_UPSTREAM_UNSURE             /* it may have been done */
} reauth_upstream_status_t;


reauth_upstream_status_t reauth_upstream_status(unsigned status);


/* inline, as it runs for each ordinary call */

static inline int
reauth_upstream_status_is_final(unsigned status)
{
    return status - 200 <= 999 - 200;
}


#endif /* REAUTH_UPSTREAM_STATUS_H */
