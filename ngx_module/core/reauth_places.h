
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Places of updates that wait while another update of the account is being
 * sent.  A few different ones of an account can wait, and are sent in the order
 * of arrival.  Plain C, without a clock; several accounts share a set.
 */


#ifndef REAUTH_PLACES_H
#define REAUTH_PLACES_H


#include <stdint.h>

#include "reauth_attempt.h"


/* different updates of one account that can wait */
#define REAUTH_PLACES_MAX      4

/* places of a set */
#define REAUTH_PLACES_WAYS     16

/*
 * Waiting updates refresh their places every few milliseconds: a place that
 * was not refreshed for this time belonged to a worker that died.
 */
#define REAUTH_PLACES_LIVE_MS  5000


typedef struct {
    uint64_t  ticket;          /* order of arrival */
    uint64_t  seen_ms;         /* of a monotonic clock */
    uint32_t  holders;         /* identical updates; 0: the place is free */
    char      account[REAUTH_ACCOUNT_MAX + 1];
    uint8_t   fingerprint[REAUTH_FINGERPRINT_LEN];
} reauth_place_t;


/* "seed" hides which accounts share a set */
uint32_t reauth_places_hash(const reauth_string_t *account, uint64_t seed);

/*
 * Adds an update that must wait; *ticket is used if no identical one is
 * waiting.  Returns 0, or -1 if too many different updates of the account are
 * waiting, or if the set is full.
 */
int reauth_places_enter(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t *ticket, uint64_t now_ms);

/*
 * Refreshes the place.  Returns 1 if it is the update's turn: no different one
 * arrived before, or its place was lost.
 */
int reauth_places_turn(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t now_ms);

/* removes the update */
void reauth_places_leave(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint);

/* whether a new update must wait for those that are waiting */
int reauth_places_taken(const reauth_place_t *set,
    const reauth_string_t *account, uint64_t now_ms);


#endif /* REAUTH_PLACES_H */
