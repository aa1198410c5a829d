
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The tries of accounts, in small sets by account.  The table exists only if
 * reauth_heal is on.
 */


#include "ngx_http_reauth_zone_heal.h"
#include "ngx_http_reauth_zone_memory.h"


/* one entry for these bytes of the zone; entries of a set */
#define NGX_HTTP_REAUTH_HEALS_SHARE  8192
#define NGX_HTTP_REAUTH_HEAL_WAYS    8

/* the table is searched under the lock */
#define NGX_HTTP_REAUTH_HEAL_SETS    1024
#define NGX_HTTP_REAUTH_HEAL_LEAST   8


struct ngx_http_reauth_healed_s {
    uint32_t                        hash;      /* of the account */
    reauth_heal_t                   heal;
    char                            account[REAUTH_ACCOUNT_MAX + 1];
};


/*
 * A table needs adjacent pages.  A zone in use may have none: the oldest ended
 * records are dropped, as for active ones, and the table is smaller.
 */

static ngx_http_reauth_healed_t *
ngx_http_reauth_zone_heals_alloc(ngx_http_reauth_zone_t *zone, size_t *sets)
{
    size_t                     size;
    ngx_http_reauth_healed_t  *heals;

    ngx_http_reauth_zone_check_lock(zone->sh);

    for ( ;; ) {
        size = *sets * NGX_HTTP_REAUTH_HEAL_WAYS
               * sizeof(ngx_http_reauth_healed_t);

        heals = ngx_http_reauth_zone_room(zone, size);

        if (heals != NULL) {
            ngx_memzero(heals, size);
            return heals;
        }

        if (*sets == NGX_HTTP_REAUTH_HEAL_LEAST) {
            return NULL;
        }

        *sets /= 2;
    }
}


ngx_int_t
ngx_http_reauth_zone_heals_init(ngx_http_reauth_zone_t *zone)
{
    size_t                         n, sets, wanted;
    ngx_http_reauth_healed_t      *heals;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (zone->heal.max == 0 || sh->heals != NULL) {
        return NGX_OK;
    }

    n = zone->shm_zone->shm.size / NGX_HTTP_REAUTH_HEALS_SHARE
        / NGX_HTTP_REAUTH_HEAL_WAYS;

    n = ngx_min(n, NGX_HTTP_REAUTH_HEAL_SETS);

    for (sets = NGX_HTTP_REAUTH_HEAL_LEAST; sets < n; sets *= 2) { /* void */ }

    wanted = sets;

    /* on a reload, old workers use the zone */

    ngx_http_reauth_zone_lock(zone);

    heals = ngx_http_reauth_zone_heals_alloc(zone, &sets);

    if (heals != NULL) {
        sh->heals_mask = (uint32_t) sets - 1;
        ngx_memory_barrier();
        sh->heals = heals;
    }

    ngx_http_reauth_zone_unlock(zone);

    if (heals == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm_zone->shm.log, 0,
                      "reauth_zone \"%V\" has no room for \"reauth_heal\"; "
                      "increase its size", &zone->shm_zone->shm.name);
        return NGX_ERROR;
    }

    if (sets < wanted) {
        ngx_log_error(NGX_LOG_WARN, zone->shm_zone->shm.log, 0,
                      "reauth_zone \"%V\" has room for the tries of %uz "
                      "accounts only, instead of %uz, until nginx is "
                      "restarted", &zone->shm_zone->shm.name,
                      sets * NGX_HTTP_REAUTH_HEAL_WAYS,
                      wanted * NGX_HTTP_REAUTH_HEAL_WAYS);
    }

    return NGX_OK;
}


static ngx_http_reauth_healed_t *
ngx_http_reauth_zone_heal_set(ngx_http_reauth_zone_shctx_t *sh, uint32_t hash)
{
    ngx_http_reauth_zone_check_lock(sh);

    return &sh->heals[(hash & sh->heals_mask) * NGX_HTTP_REAUTH_HEAL_WAYS];
}


static ngx_http_reauth_healed_t *
ngx_http_reauth_zone_heal_find(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *account)
{
    uint32_t                   hash;
    ngx_uint_t                 i;
    ngx_http_reauth_healed_t  *set;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->heals == NULL) {
        return NULL;
    }

    hash = ngx_http_reauth_zone_hash(account->data, account->len);
    set = ngx_http_reauth_zone_heal_set(sh, hash);

    for (i = 0; i < NGX_HTTP_REAUTH_HEAL_WAYS; i++) {

        if (set[i].hash == hash
            && reauth_string_equals(account, set[i].account))
        {
            return &set[i];
        }
    }

    return NULL;
}


/*
 * An entry for another account: one that is not needed any more, otherwise one
 * that has no try to come.  NULL: all have one.
 */

static ngx_http_reauth_healed_t *
ngx_http_reauth_zone_heal_place(ngx_http_reauth_zone_shctx_t *sh,
    uint32_t hash, int64_t now_ms)
{
    ngx_uint_t                 i;
    ngx_http_reauth_healed_t  *set, *place;

    ngx_http_reauth_zone_check_lock(sh);

    set = ngx_http_reauth_zone_heal_set(sh, hash);
    place = NULL;

    for (i = 0; i < NGX_HTTP_REAUTH_HEAL_WAYS; i++) {

        if (!reauth_heal_is_current(&set[i].heal, now_ms)) {
            return &set[i];
        }

        if (set[i].heal.next_ms == 0
            && (place == NULL || set[i].heal.first_ms < place->heal.first_ms))
        {
            place = &set[i];
        }
    }

    return place;
}


void
ngx_http_reauth_zone_heal_written(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    int64_t                        now_ms;
    uint32_t                       hash;
    reauth_string_t                account;
    ngx_http_reauth_healed_t      *entry;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    if (zone->heal.max == 0 || sh->heals == NULL) {
        return;
    }

    now_ms = ngx_http_reauth_now();
    account = reauth_string_from(record->account);
    entry = ngx_http_reauth_zone_heal_find(sh, &account);

    if (entry == NULL) {

        if (!reauth_heal_wants(record)) {
            return;
        }

        hash = ngx_http_reauth_zone_hash(account.data, account.len);
        entry = ngx_http_reauth_zone_heal_place(sh, hash, now_ms);

        if (entry == NULL) {
            return;
        }

        ngx_memzero(entry, sizeof(ngx_http_reauth_healed_t));

        entry->hash = hash;
        reauth_copy(entry->account, REAUTH_ACCOUNT_MAX, &account);
    }

    (void) reauth_heal_changed(&entry->heal, &zone->heal, record, now_ms);

    if (entry->heal.next_ms != 0
        && (sh->heal_ms == 0 || entry->heal.next_ms < sh->heal_ms))
    {
        sh->heal_ms = entry->heal.next_ms;
    }
}


ngx_int_t
ngx_http_reauth_zone_heal_next(ngx_http_reauth_zone_t *zone, int64_t now_ms,
    char account[REAUTH_ACCOUNT_MAX + 1])
{
    size_t                         i, n;
    int64_t                        next_ms;
    ngx_int_t                      rc;
    reauth_heal_t                 *heal;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    /* read without the lock: it is seen in the next step at the latest */

    if (sh->heals == NULL || sh->heal_ms == 0 || now_ms < sh->heal_ms) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;
    next_ms = 0;

    ngx_http_reauth_zone_lock(zone);

    n = ((size_t) sh->heals_mask + 1) * NGX_HTTP_REAUTH_HEAL_WAYS;

    for (i = 0; i < n; i++) {
        heal = &sh->heals[i].heal;

        if (heal->next_ms == 0) {
            continue;
        }

        if (rc == NGX_DECLINED && heal->next_ms <= now_ms) {
            ngx_memcpy(account, sh->heals[i].account, REAUTH_ACCOUNT_MAX + 1);
            heal->next_ms = now_ms + REAUTH_HEAL_LEASE_MS;
            rc = NGX_OK;
        }

        if (next_ms == 0 || heal->next_ms < next_ms) {
            next_ms = heal->next_ms;
        }
    }

    sh->heal_ms = next_ms;

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_heal_take(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const reauth_string_t *text,
    reauth_heal_t *heal)
{
    int64_t                        now_ms;
    ngx_int_t                      rc;
    reauth_record_t                record;
    ngx_http_reauth_healed_t      *entry;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    rc = NGX_DECLINED;

    ngx_http_reauth_zone_lock(zone);

    now_ms = ngx_http_reauth_now();
    entry = ngx_http_reauth_zone_heal_find(sh, account);

    if (entry != NULL) {
        (void) ngx_http_reauth_zone_read(sh, account->data, account->len,
                                         &record);

        if (reauth_heal_merge(&entry->heal, &zone->heal, text, now_ms)) {

            /* another gateway was first; the next try, if it fails */

            if (entry->heal.next_ms != 0
                && (sh->heal_ms == 0 || entry->heal.next_ms < sh->heal_ms))
            {
                sh->heal_ms = entry->heal.next_ms;
            }

        } else if (reauth_heal_take(&entry->heal, &zone->heal, &record,
                                    now_ms))
        {
            rc = NGX_OK;
        }

        *heal = entry->heal;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_heal_failed(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, const char *error)
{
    reauth_string_t            text;
    ngx_http_reauth_healed_t  *entry;

    ngx_http_reauth_zone_lock(zone);

    entry = ngx_http_reauth_zone_heal_find(zone->sh, account);

    if (entry != NULL) {
        text = reauth_string_from(error);
        reauth_copy(entry->heal.error, REAUTH_ERROR_CODE_MAX, &text);
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_get_heal(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_heal_t *heal)
{
    ngx_int_t                  rc;
    ngx_http_reauth_healed_t  *entry;

    if (zone->heal.max == 0 || zone->sh->heals == NULL) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    ngx_http_reauth_zone_lock(zone);

    entry = ngx_http_reauth_zone_heal_find(zone->sh, account);

    if (entry != NULL
        && reauth_heal_is_current(&entry->heal, ngx_http_reauth_now()))
    {
        *heal = entry->heal;
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}
