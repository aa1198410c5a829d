
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_places.h"


static int
reauth_place_is_live(const reauth_place_t *place, uint64_t now_ms)
{
    /*
     * the clock is cached in each process, and may be behind that of another
     */

    return place->holders != 0
           && (now_ms < place->seen_ms
               || now_ms - place->seen_ms < REAUTH_PLACES_LIVE_MS);
}


static int
reauth_place_is_of(const reauth_place_t *place, const reauth_string_t *account)
{
    return place->holders != 0
           && reauth_string_equals(account, place->account);
}


static reauth_place_t *
reauth_places_find(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint)
{
    size_t  i;

    for (i = 0; i < REAUTH_PLACES_WAYS; i++) {
        if (reauth_place_is_of(&set[i], account)
            && memcmp(set[i].fingerprint, fingerprint, REAUTH_FINGERPRINT_LEN)
               == 0)
        {
            return &set[i];
        }
    }

    return NULL;
}


uint32_t
reauth_places_hash(const reauth_string_t *account, uint64_t seed)
{
    return (uint32_t) reauth_string_hash(account, seed);
}


int
reauth_places_enter(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t *ticket, uint64_t now_ms)
{
    size_t           i, different;
    reauth_place_t  *room;

    room = reauth_places_find(set, account, fingerprint);

    if (room != NULL && reauth_place_is_live(room, now_ms)) {
        room->holders++;
        room->seen_ms = now_ms;
        return 0;
    }

    /* reuses a place of the same update whose holder has died */

    different = 0;

    for (i = 0; i < REAUTH_PLACES_WAYS; i++) {

        if (reauth_place_is_live(&set[i], now_ms)) {
            different += (size_t) reauth_place_is_of(&set[i], account);

        } else if (room == NULL) {
            room = &set[i];
        }
    }

    if (room == NULL || different >= REAUTH_PLACES_MAX) {
        return -1;
    }

    /* the place is marked as used last: the worker may be killed before */

    room->holders = 0;

    reauth_copy(room->account, REAUTH_ACCOUNT_MAX, account);
    memcpy(room->fingerprint, fingerprint, REAUTH_FINGERPRINT_LEN);

    room->ticket = ++*ticket;
    room->seen_ms = now_ms;
    room->holders = 1;

    return 0;
}


int
reauth_places_turn(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint, uint64_t now_ms)
{
    size_t           i;
    reauth_place_t  *place;

    place = reauth_places_find(set, account, fingerprint);

    if (place == NULL) {
        return 1;
    }

    place->seen_ms = now_ms;

    for (i = 0; i < REAUTH_PLACES_WAYS; i++) {
        if (set[i].ticket < place->ticket
            && reauth_place_is_live(&set[i], now_ms)
            && reauth_place_is_of(&set[i], account))
        {
            return 0;
        }
    }

    return 1;
}


void
reauth_places_leave(reauth_place_t *set, const reauth_string_t *account,
    const uint8_t *fingerprint)
{
    reauth_place_t  *place;

    place = reauth_places_find(set, account, fingerprint);

    if (place != NULL && --place->holders == 0) {
        memset(place, 0, sizeof(reauth_place_t));
    }
}


int
reauth_places_taken(const reauth_place_t *set, const reauth_string_t *account,
    uint64_t now_ms)
{
    size_t  i;

    for (i = 0; i < REAUTH_PLACES_WAYS; i++) {
        if (reauth_place_is_live(&set[i], now_ms)
            && reauth_place_is_of(&set[i], account))
        {
            return 1;
        }
    }

    return 0;
}
