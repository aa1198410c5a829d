
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The delivery of notices to one receiver: which of them is sent next, and when
 * it is sent again.  Those of an account are sent in their order, each after
 * the one before was accepted or given up; those of other accounts do not wait
 * for it.  If notices of several accounts fail one after another, the receiver
 * is down: one notice at a time finds out whether it works again.  Plain C,
 * without a clock: times are parameters.
 */


#ifndef REAUTH_DELIVERY_H
#define REAUTH_DELIVERY_H


#include "reauth_attempt.h"


/* notices of a receiver that are held in memory, of which some are in flight */
#define REAUTH_DELIVERY_HELD_MAX     256
#define REAUTH_DELIVERY_FLIGHT_MAX   4

/* milliseconds after which a notice is given up */
#define REAUTH_DELIVERY_LIFE_MS      86400000

/*
 * The first interval; the longest one of a notice that the receiver refuses,
 * and of one that it could not process.
 */
#define REAUTH_DELIVERY_FIRST_MS     5000
#define REAUTH_DELIVERY_REFUSED_MS   600000
#define REAUTH_DELIVERY_FAILED_MS    30000

/* failures in a row that are logged, if they are of one account only */
#define REAUTH_DELIVERY_LOGGED       3

/* bytes of a notice; one that is longer is not sent */
#define REAUTH_DELIVERY_BODY_MAX     4096

/* "msg_" and an ID of a stream */
#define REAUTH_DELIVERY_ID_MAX       47


typedef enum {
    REAUTH_DELIVERY_WAITING = 0,
    REAUTH_DELIVERY_SENDING,
    REAUTH_DELIVERY_DONE               /* accepted or given up: to be acked */
} reauth_delivery_state_t;


typedef enum {
    REAUTH_DELIVERY_ACCEPTED = 0,      /* 2xx */
    REAUTH_DELIVERY_REFUSED,           /* this notice */
    REAUTH_DELIVERY_FAILED,            /* the receiver */
    REAUTH_DELIVERY_UNSENT             /* the request was ended by us */
} reauth_delivery_result_t;


/* an ID of a stream */

typedef struct {
    uint64_t  ms;
    uint64_t  number;
} reauth_delivery_id_t;


typedef struct reauth_delivery_notice_s  reauth_delivery_notice_t;

struct reauth_delivery_notice_s {
    reauth_delivery_notice_t  *next;       /* in the order of their IDs */
    reauth_delivery_id_t       id;
    reauth_delivery_state_t    state;
    unsigned                   tries;
    unsigned                   failed;     /* because of the receiver */
    unsigned                   woken;      /* sent at once, as it works again */
    unsigned                   probe;      /* sent to find out */
    int64_t                    at_ms;      /* not sent before; monotonic */
    uint64_t                   hash;       /* of the account */
    char                       account[REAUTH_ACCOUNT_MAX + 1];  /* or empty */
};


/* all zero: there is nothing to deliver */

typedef struct {
    reauth_delivery_notice_t  *first;
    unsigned                   held;
    unsigned                   flying;
    unsigned                   failures;   /* of the receiver, in a row */
    uint64_t                   hash;       /* the account of the first one */
    unsigned                   failing;    /* reported */
    unsigned                   probes;     /* that failed; 0: it is not down */
    int64_t                    at_ms;      /* no probe before */
} reauth_delivery_t;


/* 0, or -1 if the text is no ID of a stream; the text of one */
int reauth_delivery_id_parse(const reauth_string_t *text,
    reauth_delivery_id_t *id);
size_t reauth_delivery_id_text(const reauth_delivery_id_t *id,
    unsigned char out[REAUTH_DELIVERY_ID_MAX]);


/*
 * Adds a notice, of which "id" and "account" are set, in the order of the IDs.
 * Returns -1 if this ID is held already, or if there is no room.
 */
int reauth_delivery_add(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice);

/* the notice to send now, which is in flight then; or NULL */
reauth_delivery_notice_t *reauth_delivery_next(reauth_delivery_t *delivery,
    int64_t now_ms);

/* what the status of a response means; 0: there was none */
reauth_delivery_result_t reauth_delivery_judge(unsigned status);

/*
 * The notice in flight has ended.  "random" spreads the times of all.  Returns
 * 1 if the receiver fails from now on, -1 if it works again, 0 otherwise.
 */
int reauth_delivery_settle(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice, reauth_delivery_result_t result,
    uint32_t random, int64_t now_ms);

/*
 * A notice that is too old to be sent again, which is done then; or NULL.
 * "now_ms" is the time of the fleet, as the IDs are.
 */
reauth_delivery_notice_t *reauth_delivery_expire(reauth_delivery_t *delivery,
    int64_t now_ms);

/* removes the notice, which is neither freed nor in flight */
void reauth_delivery_remove(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice);

/* milliseconds since the oldest one that is not done, or 0 */
int64_t reauth_delivery_age(const reauth_delivery_t *delivery, int64_t now_ms);

/* those that are not done */
unsigned reauth_delivery_pending(const reauth_delivery_t *delivery);


#endif /* REAUTH_DELIVERY_H */
