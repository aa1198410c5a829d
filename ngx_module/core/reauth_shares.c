
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_shares.h"


/* of the room for active attempts, by default */
#define REAUTH_SHARES_PART  4


uint64_t
reauth_shares_key(const reauth_string_t *name, uint64_t seed)
{
    uint64_t  hash;

    hash = reauth_string_hash(name, seed);

    return hash != 0 ? hash : 1;
}


/* the caller's entry, or the free one that it would take */

static size_t
reauth_shares_find(const reauth_share_t *table, size_t mask, uint64_t caller)
{
    size_t  i;

    for (i = (size_t) caller & mask;
         table[i].caller != 0 && table[i].caller != caller;
         i = (i + 1) & mask)
    {
        /* void */
    }

    return i;
}


uint32_t
reauth_shares_count(const reauth_share_t *table, size_t mask, uint64_t caller)
{
    return table[reauth_shares_find(table, mask, caller)].n;
}


void
reauth_shares_add(reauth_share_t *table, size_t mask, uint64_t caller)
{
    reauth_share_t  *share;

    share = &table[reauth_shares_find(table, mask, caller)];

    share->caller = caller;
    share->n++;
}


void
reauth_shares_remove(reauth_share_t *table, size_t mask, uint64_t caller)
{
    size_t  i, next, home;

    i = reauth_shares_find(table, mask, caller);

    if (table[i].caller == 0 || --table[i].n != 0) {
        return;
    }

    /* moves later entries up, but not before their own place */

    for (next = (i + 1) & mask;
         table[next].caller != 0;
         next = (next + 1) & mask)
    {
        home = (size_t) table[next].caller & mask;

        if (((next - home) & mask) >= ((next - i) & mask)) {
            table[i] = table[next];
            i = next;
        }
    }

    table[i].caller = 0;
    table[i].n = 0;
}


int
reauth_shares_allow(size_t n, size_t max, size_t active, size_t capacity,
    size_t callers)
{
    size_t  kept;

    if (max == 0) {
        max = capacity / REAUTH_SHARES_PART;
    }

    kept = callers != 0 ? capacity / 2 / callers : 0;

    return n < max && (active < capacity / 2 || n < kept);
}


int
reauth_shares_may_wait(size_t n, size_t max)
{
    return n < max / 2 + max % 2;
}
