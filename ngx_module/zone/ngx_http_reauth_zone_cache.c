
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Data that is stored for a limited time: digests of webhooks, responses for
 * waiting requests, places of waiting updates, and unknown words that were
 * logged.
 */


#include "ngx_http_reauth_zone_memory.h"


#define NGX_HTTP_REAUTH_NOTED_TIME  3600


/*
 * Sets are ordered, newest first, as many digests may have the same second.
 * "place" is that of the digest, otherwise of the oldest one.
 */

static ngx_http_reauth_digest_t *
ngx_http_reauth_zone_dedup_set(ngx_http_reauth_zone_shctx_t *sh,
    const uint8_t *digest, ngx_uint_t *place)
{
    uint32_t                   hash;
    ngx_uint_t                 i;
    ngx_http_reauth_digest_t  *set;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    set = &sh->digests[(hash & sh->digest_mask) * NGX_HTTP_REAUTH_DEDUP_WAYS];

    for (i = 0; i < NGX_HTTP_REAUTH_DEDUP_WAYS - 1; i++) {

        if (ngx_memcmp(set[i].digest, digest, NGX_HTTP_REAUTH_DEDUP_LEN) == 0) {
            break;
        }
    }

    *place = i;

    return set;
}


ngx_int_t
ngx_http_reauth_zone_see(ngx_http_reauth_zone_t *zone, const uint8_t *digest,
    int64_t now_ms)
{
    uint32_t                   now;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_reauth_digest_t  *set;

    rc = NGX_OK;
    now = (uint32_t) (now_ms / 1000);

    ngx_http_reauth_zone_lock(zone);

    set = ngx_http_reauth_zone_dedup_set(zone->sh, digest, &i);

    if (ngx_memcmp(set[i].digest, digest, NGX_HTTP_REAUTH_DEDUP_LEN) == 0
        && set[i].seconds + NGX_HTTP_REAUTH_DEDUP_TIME > now)
    {
        rc = NGX_DECLINED;

    } else {
        ngx_memmove(&set[1], &set[0], i * sizeof(ngx_http_reauth_digest_t));

        set[0].seconds = now;
        ngx_memcpy(set[0].digest, digest, NGX_HTTP_REAUTH_DEDUP_LEN);
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_unsee(ngx_http_reauth_zone_t *zone, const uint8_t *digest)
{
    ngx_uint_t                 i, last;
    ngx_http_reauth_digest_t  *set;

    last = NGX_HTTP_REAUTH_DEDUP_WAYS - 1;

    ngx_http_reauth_zone_lock(zone);

    set = ngx_http_reauth_zone_dedup_set(zone->sh, digest, &i);

    if (ngx_memcmp(set[i].digest, digest, NGX_HTTP_REAUTH_DEDUP_LEN) == 0) {
        ngx_memmove(&set[i], &set[i + 1],
                    (last - i) * sizeof(ngx_http_reauth_digest_t));
        ngx_memzero(&set[last], sizeof(ngx_http_reauth_digest_t));
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_note(ngx_http_reauth_zone_t *zone, ngx_uint_t kind,
    const char *word, int64_t now_ms)
{
    uint32_t                  hash, now;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_reauth_noted_t  *noted, *place;

    place = NULL;
    rc = NGX_DECLINED;
    now = (uint32_t) (now_ms / 1000);
    hash = ngx_http_reauth_zone_hash((const u_char *) word, ngx_strlen(word))
           + (uint32_t) kind;

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_REAUTH_NOTED_MAX; i++) {
        noted = &zone->sh->noted[i];

        /* or the clock was set back */

        if (now - noted->seconds >= NGX_HTTP_REAUTH_NOTED_TIME) {
            place = noted;

        } else if (noted->hash == hash) {
            goto done;
        }
    }

    if (place != NULL) {
        place->hash = hash;
        place->seconds = now;
        rc = NGX_OK;
    }

done:

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


static ngx_http_reauth_outcome_t *
ngx_http_reauth_zone_outcome_set(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account, uint32_t *hash)
{
    ngx_http_reauth_zone_check_lock(sh);

    *hash = ngx_http_reauth_zone_hash(account->data, account->len);

    return &sh->outcomes[(*hash & sh->outcomes_mask)
                         * NGX_HTTP_REAUTH_OUTCOME_WAYS];
}


static ngx_http_reauth_outcome_t *
ngx_http_reauth_zone_find_outcome(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account, uint64_t epoch)
{
    uint32_t                    hash;
    ngx_uint_t                  i;
    ngx_http_reauth_outcome_t  *set;

    ngx_http_reauth_zone_check_lock(sh);

    set = ngx_http_reauth_zone_outcome_set(sh, account, &hash);

    for (i = 0; i < NGX_HTTP_REAUTH_OUTCOME_WAYS; i++) {

        if (set[i].data && set[i].epoch == epoch && set[i].hash == hash) {
            return &set[i];
        }
    }

    return NULL;
}


static void
ngx_http_reauth_zone_free_outcome(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_outcome_t *outcome)
{
    u_char  *p;

    ngx_http_reauth_zone_check_lock(zone->sh);

    /* consistent wherever a worker is killed */

    p = outcome->data;
    outcome->data = NULL;

    ngx_memory_barrier();

    if (p) {
        ngx_http_reauth_zone_slab_free(zone, p);
    }
}


/* finds a free entry of the set; frees expired ones */

static ngx_http_reauth_outcome_t *
ngx_http_reauth_zone_outcome_place(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_outcome_t *set, int64_t now_ms)
{
    ngx_uint_t                  i;
    ngx_http_reauth_outcome_t  *outcome, *place;

    ngx_http_reauth_zone_check_lock(zone->sh);

    place = NULL;

    for (i = 0; i < NGX_HTTP_REAUTH_OUTCOME_WAYS; i++) {
        outcome = &set[i];

        if (outcome->data && outcome->until_ms <= now_ms) {
            ngx_http_reauth_zone_free_outcome(zone, outcome);
        }

        if (place == NULL
            || (place->data
                && (outcome->data == NULL
                    || outcome->until_ms < place->until_ms)))
        {
            place = outcome;
        }
    }

    ngx_http_reauth_zone_free_outcome(zone, place);

    return place;
}


ngx_int_t
ngx_http_reauth_zone_put_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *sealed,
    int64_t now_ms, int64_t until_ms)
{
    u_char                     *p;
    uint32_t                    hash;
    ngx_http_reauth_outcome_t  *outcome;

    ngx_http_reauth_zone_lock(zone);

    outcome = ngx_http_reauth_zone_outcome_set(zone->sh, account, &hash);
    outcome = ngx_http_reauth_zone_outcome_place(zone, outcome, now_ms);

    /* not in a page of ended records, which would not be free then */

    p = ngx_http_reauth_zone_room(zone, ngx_max(sealed->len,
                                                NGX_HTTP_REAUTH_NODE_MAX + 1));

    if (p) {
        ngx_memcpy(p, sealed->data, sealed->len);

        outcome->epoch = epoch;
        outcome->until_ms = until_ms;
        outcome->hash = hash;
        outcome->len = sealed->len;

        ngx_memory_barrier();
        outcome->data = p;
    }

    ngx_http_reauth_zone_unlock(zone);

    return p ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_zone_get_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, ngx_str_t *out,
    int64_t now_ms)
{
    ngx_int_t                   rc;
    ngx_http_reauth_outcome_t  *outcome;

    rc = NGX_DECLINED;

    ngx_http_reauth_zone_lock(zone);

    outcome = ngx_http_reauth_zone_find_outcome(zone->sh, account, epoch);

    if (outcome != NULL
        && outcome->until_ms > now_ms
        && outcome->len <= out->len)
    {
        ngx_memcpy(out->data, outcome->data, outcome->len);
        out->len = outcome->len;
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_cut_outcome(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account, uint64_t epoch, int64_t until_ms)
{
    ngx_http_reauth_outcome_t  *outcome;

    ngx_http_reauth_zone_check_lock(sh);

    outcome = ngx_http_reauth_zone_find_outcome(sh, account, epoch);

    if (outcome != NULL && outcome->until_ms > until_ms) {
        outcome->until_ms = until_ms;
    }
}


void
ngx_http_reauth_zone_end_outcome(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch)
{
    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_cut_outcome(zone->sh, account, epoch,
                                     ngx_http_reauth_now());

    ngx_http_reauth_zone_unlock(zone);
}


reauth_place_t *
ngx_http_reauth_zone_places(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account)
{
    uint32_t  hash;

    ngx_http_reauth_zone_check_lock(sh);

    hash = reauth_places_hash(account, sh->seed);

    return &sh->places[hash % sh->places_sets * REAUTH_PLACES_WAYS];
}


ngx_int_t
ngx_http_reauth_zone_place_enter(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint)
{
    int                            rc;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    rc = reauth_places_enter(ngx_http_reauth_zone_places(sh, account), account,
                             fingerprint, &sh->ticket, ngx_current_msec);

    ngx_http_reauth_zone_unlock(zone);

    return rc == 0 ? NGX_OK : NGX_BUSY;
}


ngx_uint_t
ngx_http_reauth_zone_place_turn(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint)
{
    int  turn;

    ngx_http_reauth_zone_lock(zone);

    turn = reauth_places_turn(ngx_http_reauth_zone_places(zone->sh, account),
                              account, fingerprint, ngx_current_msec);

    ngx_http_reauth_zone_unlock(zone);

    return (ngx_uint_t) turn;
}


void
ngx_http_reauth_zone_place_leave(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const uint8_t *fingerprint)
{
    ngx_http_reauth_zone_lock(zone);

    reauth_places_leave(ngx_http_reauth_zone_places(zone->sh, account),
                        account, fingerprint);

    ngx_http_reauth_zone_unlock(zone);
}
