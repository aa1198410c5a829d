
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Whether and when the gateway reauthenticates an account by itself, with the
 * credentials that the upstream has: after its session has expired, never while
 * a person is needed, and never after credentials were refused.
 */


#ifndef REAUTH_HEAL_H
#define REAUTH_HEAL_H


#include "reauth_attempt.h"
#include "reauth_upstream_status.h"


#define REAUTH_HEAL_TRIES_MAX   100            /* a day */
#define REAUTH_HEAL_DELAY_MAX   3600000        /* milliseconds */
#define REAUTH_HEAL_WINDOW_MS   86400000

/* until a try that was taken is due again, if nothing becomes of it */
#define REAUTH_HEAL_LEASE_MS    30000

/* of the text of the tries in Redis */
#define REAUTH_HEAL_TEXT_MAX    160


typedef struct {
    unsigned  max;                 /* tries a day; 0: off */
    int64_t   delay_ms;            /* before the first try, doubled by each */
} reauth_heal_conf_t;


/* the tries of an account; zeroed: none */

typedef struct {
    uint64_t  epoch;               /* of the failure */
    int64_t   next_ms;             /* of the next try; 0: none is to come */
    int64_t   first_ms;            /* of the tries that count; 0: none */
    unsigned  tries;               /* since then, all count */
    char      error[REAUTH_ERROR_CODE_MAX + 1];  /* of the last one; empty:
                                                    none */
} reauth_heal_t;


/* whether a reauthentication may mend this account */
int reauth_heal_wants(const reauth_record_t *record);

/* whether the tries are still of interest */
int reauth_heal_is_current(const reauth_heal_t *heal, int64_t now_ms);

/*
 * The account has this record from now on.  Sets the time of the next try;
 * returns 1 if it has changed.
 */
int reauth_heal_changed(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_record_t *record, int64_t now_ms);

/*
 * The tries that another gateway has made, of reauth_heal_text(); an invalid
 * text is ignored.  Returns 1 if it has made one that was not known: the next
 * one is due later.
 */
int reauth_heal_merge(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_string_t *text, int64_t now_ms);

/* the next try is made now; returns 0 if it must not */
int reauth_heal_take(reauth_heal_t *heal, const reauth_heal_conf_t *conf,
    const reauth_record_t *record, int64_t now_ms);

/* writes the tries to text[REAUTH_HEAL_TEXT_MAX] and returns the length */
size_t reauth_heal_text(const reauth_heal_t *heal, char *text);

/*
 * Nothing was started, as the fact of the settled try states: the account is
 * still the one whose session has expired.  "status" is that of the response,
 * 0: none.  If the upstream rejects the request as such (400), the account may
 * be logged in: the fact is that of any rejected reauthentication.  Returns 1
 * if the fact was changed; its error code is then that of the try.
 */
int reauth_heal_settle(reauth_fact_t *fact, unsigned status, char *error);


#endif /* REAUTH_HEAL_H */
