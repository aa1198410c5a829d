
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Places of updates that wait while another one of their account is sent: few
 * different ones of an account may wait, and they are sent in the order in
 * which they came.  Plain C, no clock; several accounts share a set.
 */


#ifndef REAUTH_PLACES_H
#define REAUTH_PLACES_H


#include <stdint.h>

#include "reauth_attempt.h"


/* different updates of one account that may wait */
#define REAUTH_PLACES_MAX      4

/* places of a set */
#define REAUTH_PLACES_WAYS     16

/*
 * Who waits is seen every few milliseconds: a place whose holders were not for
 * so long belonged to a worker that died.
 */
#define REAUTH_PLACES_LIVE_MS  5000


typedef struct {
    uint64_t  ticket;          /* the order of coming */
    uint64_t  seen_ms;         /* of a clock that is never set back */
    uint32_t  holders;         /* identical updates; 0: the place is free */
    char      account[REAUTH_ACCOUNT_MAX + 1];
    uint8_t   fingerprint[REAUTH_FINGERPRINT_LEN];
} reauth_place_t;


/* "seed": so that nobody can tell which accounts share a set */
uint32_t reauth_places_hash(const reauth_string_t *account, uint64_t seed);

/*
 * The update is to wait: *ticket is used if it is the first of its kind.
 * Returns 0, or -1 if too many different ones of the account wait already, or
 * if the set is full.
 */
int reauth_places_enter(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t *ticket, uint64_t now_ms);

/*
 * Still waits.  1: it is its turn: no different one came before it, or its
 * place was lost.
 */
int reauth_places_turn(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t now_ms);

/* waits no more, whatever becomes of it */
void reauth_places_leave(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint);

/* whether an update that has just come has to wait for those that do */
int reauth_places_taken(const reauth_place_t *set,
    const reauth_string_t *account, uint64_t now_ms);


#endif /* REAUTH_PLACES_H */
