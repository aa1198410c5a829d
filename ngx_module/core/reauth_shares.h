
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Counts the active attempts of each caller, so that one caller cannot use the
 * room of all others: a hash table of counters with open addressing.  Plain C.
 */


#ifndef REAUTH_SHARES_H
#define REAUTH_SHARES_H


#include <stddef.h>
#include <stdint.h>

#include "reauth_string.h"


typedef struct {
    uint64_t  caller;          /* hash of the name; 0: free */
    uint32_t  n;
} reauth_share_t;


/* never 0; "seed" prevents names from being chosen to share a counter */
uint64_t reauth_shares_key(const reauth_string_t *name, uint64_t seed);

/*
 * "mask" is the number of entries, a power of two, minus 1.  There must be
 * more entries than callers that are counted at a time.
 */
uint32_t reauth_shares_count(const reauth_share_t *table, size_t mask,
    uint64_t caller);
void reauth_shares_add(reauth_share_t *table, size_t mask, uint64_t caller);
void reauth_shares_remove(reauth_share_t *table, size_t mask,
    uint64_t caller);

/*
 * Whether a caller with "n" active attempts can begin a further one.  Half of
 * the room is shared equally by "callers" callers, the other half is not
 * reserved.  "max" is the limit of the caller, 0: a quarter of the room.
 */
int reauth_shares_allow(size_t n, size_t max, size_t active, size_t capacity,
    size_t callers);

/*
 * Whether a caller with "n" waiting requests can have one more: a caller can
 * use half of "max".
 */
int reauth_shares_may_wait(size_t n, size_t max);


#endif /* REAUTH_SHARES_H */
