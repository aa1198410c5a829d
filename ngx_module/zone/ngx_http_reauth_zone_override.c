
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Overrides of gates: few, in an array of their own.  The gate reads them as it
 * reads slots, without the lock, and only if an attempt or an override closes a
 * gate of the same bucket.  A changed override becomes a new entry before the
 * old one is freed, so that one of them is whole wherever a worker is killed.
 */


#include "ngx_http_reauth_zone_memory.h"


ngx_int_t
ngx_http_reauth_zone_overrides_init(ngx_http_reauth_zone_shctx_t *sh,
    ngx_slab_pool_t *shpool, size_t size)
{
    ngx_uint_t  n;

    n = ngx_min(size / NGX_HTTP_REAUTH_OVERRIDES_SHARE,
                NGX_HTTP_REAUTH_OVERRIDES_MAX);

    /*
     * one more, so that a change can be written before the old entry is freed
     */

    sh->noverrides = ngx_max(n, NGX_HTTP_REAUTH_OVERRIDES_MIN) + 1;

    sh->overrides = ngx_slab_calloc(shpool, sh->noverrides
                                        * sizeof(ngx_http_reauth_overridden_t));
    sh->override_buckets = ngx_slab_calloc(shpool,
                                           sh->noverrides * sizeof(uint32_t));

    return sh->overrides == NULL || sh->override_buckets == NULL ? NGX_ERROR
                                                                 : NGX_OK;
}


/* can be called without the lock, see slot_find() */

ngx_http_reauth_overridden_t *
ngx_http_reauth_zone_override_find(ngx_http_reauth_zone_shctx_t *sh,
    uint32_t hash, const u_char *account, size_t len)
{
    uint32_t                       index;
    ngx_uint_t                     steps;
    ngx_http_reauth_overridden_t  *entry;

    if (sh->overridden == 0) {
        return NULL;
    }

    index = sh->override_buckets[hash % sh->noverrides];

    for (steps = 0;
         index != 0 && index <= sh->noverrides && steps < sh->noverrides;
         steps++)
    {
        entry = &sh->overrides[index - 1];

        if (entry->hash == hash
            && ngx_memcmp(entry->override.account, account, len) == 0
            && entry->override.account[len] == '\0')
        {
            return entry;
        }

        index = entry->next;
    }

    return NULL;
}


/*
 * Marks the buckets that contain accounts whose gates are closed by
 * overrides: the fast path of the gate skips only unmarked buckets.
 */

static void
ngx_http_reauth_zone_override_mark(ngx_http_reauth_zone_shctx_t *sh,
    uint32_t hash)
{
    uint32_t                      *bucket, mark;
    ngx_uint_t                     i;
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_check_lock(sh);

    mark = 0;

    for (i = 0; i < sh->noverrides; i++) {
        entry = &sh->overrides[i];

        if (entry->used
            && entry->override.gate == REAUTH_OVERRIDE_CLOSED
            && ((entry->hash ^ hash) & sh->gate.mask) == 0)
        {
            mark = NGX_HTTP_REAUTH_BUCKET_CLOSED;
        }
    }

    bucket = &sh->gate.buckets[hash & sh->gate.mask];

    *bucket = (*bucket & ~NGX_HTTP_REAUTH_BUCKET_CLOSED) | mark;
}


static void
ngx_http_reauth_zone_override_link(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_overridden_t *entry)
{
    uint32_t  *bucket;

    ngx_http_reauth_zone_check_lock(sh);

    bucket = &sh->override_buckets[entry->hash % sh->noverrides];

    entry->next = *bucket;
    *bucket = entry - sh->overrides + 1;

    sh->overridden++;

    if (entry->override.gate == REAUTH_OVERRIDE_CLOSED) {
        sh->closing++;
        sh->gate.active++;
    }
}


static void
ngx_http_reauth_zone_override_unlink(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_overridden_t *entry)
{
    uint32_t  *link, index;

    ngx_http_reauth_zone_check_lock(sh);

    index = entry - sh->overrides + 1;

    for (link = &sh->override_buckets[entry->hash % sh->noverrides];
         *link != index;
         link = &sh->overrides[*link - 1].next)
    {
        /* void */
    }

    *link = entry->next;

    entry->used = 0;
    sh->overridden--;

    if (entry->override.gate == REAUTH_OVERRIDE_CLOSED) {
        sh->closing--;
        sh->gate.active--;
    }
}


static void
ngx_http_reauth_zone_override_free(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_overridden_t *entry)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_override_unlink(sh, entry);
    ngx_http_reauth_zone_override_mark(sh, entry->hash);
}


/* it has ended: its account has changed */

static void
ngx_http_reauth_zone_override_end(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_overridden_t *entry)
{
    reauth_record_t    record;
    reauth_override_t  ended;

    ngx_http_reauth_zone_check_lock(sh);

    ended = entry->override;
    ngx_http_reauth_zone_override_free(sh, entry);

    if (ended.gate == REAUTH_OVERRIDE_NONE) {
        return;
    }

    ended.gate = REAUTH_OVERRIDE_NONE;
    ended.set_ms = ended.until_ms;

    reauth_override_record(&ended, &record);
    ngx_http_reauth_zone_remember_as(sh, record.state, &record);
}


/*
 * After a worker was killed: to be called before buckets that are still unknown
 * are set to empty.
 */

void
ngx_http_reauth_zone_repair_overrides(ngx_http_reauth_zone_shctx_t *sh)
{
    size_t                         len;
    uint32_t                      *bucket;
    ngx_uint_t                     i;
    reauth_override_t             *override;
    ngx_http_reauth_overridden_t  *entry, *other;

    ngx_http_reauth_zone_check_lock(sh);

    ngx_memzero(sh->override_buckets, sh->noverrides * sizeof(uint32_t));

    sh->overridden = 0;
    sh->closing = 0;

    for (i = 0; i < sh->noverrides; i++) {
        entry = &sh->overrides[i];
        override = &entry->override;

        if (!entry->used) {
            continue;
        }

        len = ngx_strlen(override->account);
        other = ngx_http_reauth_zone_override_find(sh, entry->hash,
                                                   (u_char *) override->account,
                                                   len);

        if (other != NULL) {

            if (!reauth_override_replaces(override, &other->override)) {
                entry->used = 0;
                continue;
            }

            ngx_http_reauth_zone_override_unlink(sh, other);
        }

        ngx_http_reauth_zone_override_link(sh, entry);
    }

    for (i = 0; i < sh->noverrides; i++) {
        entry = &sh->overrides[i];

        if (!entry->used || entry->override.gate != REAUTH_OVERRIDE_CLOSED) {
            continue;
        }

        bucket = &sh->gate.buckets[entry->hash & sh->gate.mask];

        *bucket = *bucket == NGX_HTTP_REAUTH_BUCKET_UNKNOWN
                  ? NGX_HTTP_REAUTH_BUCKET_CLOSED
                  : *bucket | NGX_HTTP_REAUTH_BUCKET_CLOSED;
    }
}


/* one gives way if needed; NULL: all others are in force */

static ngx_http_reauth_overridden_t *
ngx_http_reauth_zone_override_room(ngx_http_reauth_zone_shctx_t *sh,
    int64_t now_ms, ngx_uint_t spare)
{
    ngx_uint_t                     i;
    ngx_http_reauth_overridden_t  *entry, *found;

    ngx_http_reauth_zone_check_lock(sh);

    if (spare || sh->overridden + 1 < sh->noverrides) {

        for (i = 0; i < sh->noverrides; i++) {
            if (!sh->overrides[i].used) {
                return &sh->overrides[i];
            }
        }
    }

    found = NULL;

    for (i = 0; i < sh->noverrides; i++) {
        entry = &sh->overrides[i];

        if (entry->used
            && reauth_override_gives_way(&entry->override, &entry->copies,
                                         found ? &found->override : NULL,
                                         now_ms))
        {
            found = entry;
        }
    }

    if (found != NULL) {
        ngx_http_reauth_zone_override_end(sh, found);
    }

    return found;
}


static ngx_int_t
ngx_http_reauth_zone_override_write(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_override_t *override, ngx_uint_t dirty, int64_t now_ms)
{
    size_t                         len;
    uint32_t                       hash;
    ngx_uint_t                     shared;
    reauth_record_t                record;
    ngx_http_reauth_overridden_t  *entry, *old;

    ngx_http_reauth_zone_check_lock(sh);

    len = ngx_strlen(override->account);
    hash = ngx_http_reauth_zone_hash((u_char *) override->account, len);

    old = ngx_http_reauth_zone_override_find(sh, hash,
                                             (u_char *) override->account,
                                             len);
    if (old != NULL && !reauth_override_is_taken(override, &old->override)) {
        return NGX_DECLINED;
    }

    shared = !dirty || (old != NULL && old->copies.shared);

    /* the gate may be reading the entry that makes room */

    ngx_http_reauth_zone_write_start(sh);

    entry = ngx_http_reauth_zone_override_room(sh, now_ms, old != NULL);

    if (entry == NULL) {
        ngx_http_reauth_zone_write_end(sh);
        return NGX_ERROR;
    }

    entry->override = *override;
    entry->hash = hash;
    entry->copies.dirty = (uint8_t) dirty;
    entry->copies.shared = (uint8_t) shared;
    entry->copies.sent = 0;
    ngx_memory_barrier();
    entry->used = 1;

    ngx_http_reauth_zone_override_link(sh, entry);

    if (old != NULL && old->used && old != entry) {
        ngx_http_reauth_zone_override_free(sh, old);
    }

    ngx_http_reauth_zone_override_mark(sh, hash);

    ngx_http_reauth_zone_write_end(sh);

    if (override->stamp > sh->epoch) {
        sh->epoch = override->stamp;
    }

    reauth_override_record(override, &record);
    ngx_http_reauth_zone_remember_as(sh, record.state, &record);

    return NGX_OK;
}


/* the number of those of a caller */

static ngx_uint_t
ngx_http_reauth_zone_override_share(ngx_http_reauth_zone_shctx_t *sh,
    const char *caller, int64_t now_ms)
{
    ngx_uint_t                     i, share;
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_check_lock(sh);

    share = 0;

    for (i = 0; i < sh->noverrides; i++) {
        entry = &sh->overrides[i];

        share += entry->used
                 && reauth_override_is_of(&entry->override, caller, now_ms);
    }

    return share;
}


ngx_int_t
ngx_http_reauth_zone_set_override(ngx_http_reauth_zone_t *zone,
    reauth_override_t *override, reauth_override_t *former, ngx_uint_t *share)
{
    size_t                         len;
    int64_t                        now_ms;
    ngx_int_t                      rc;
    reauth_record_t                record;
    ngx_http_reauth_overridden_t  *entry;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    now_ms = ngx_http_reauth_now();
    len = ngx_strlen(override->account);

    ngx_memzero(former, sizeof(reauth_override_t));

    ngx_http_reauth_zone_lock(zone);

    (void) ngx_http_reauth_zone_read(sh, (u_char *) override->account, len,
                                     &record);

    entry = ngx_http_reauth_zone_override_find(sh,
                ngx_http_reauth_zone_hash((u_char *) override->account, len),
                (u_char *) override->account, len);

    if (entry != NULL) {
        *former = entry->override;
    }

    if (share != NULL && reauth_override_is_more(override, former, now_ms)) {
        *share = ngx_http_reauth_zone_override_share(sh, override->caller,
                                                     now_ms);
    }

    switch (reauth_override_set(override, former, record.state, sh->epoch,
                                (unsigned) sh->salt, share ? *share : 0,
                                sh->noverrides - 1, now_ms))
    {
    case REAUTH_OVERRIDE_SET:
        rc = ngx_http_reauth_zone_override_write(sh, override,
                                                 zone->has_redis, now_ms);
        break;

    case REAUTH_OVERRIDE_TOO_MANY:
        rc = NGX_BUSY;
        break;

    default: /* REAUTH_OVERRIDE_NOTHING */
        rc = NGX_DECLINED;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_merge_override(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override)
{
    ngx_int_t  rc;
    int64_t    now_ms;

    now_ms = ngx_http_reauth_now();

    if (now_ms >= override->until_ms) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    rc = ngx_http_reauth_zone_override_write(zone->sh, override, 0, now_ms);

    if (rc == NGX_ERROR && override->gate == REAUTH_OVERRIDE_NONE) {

        /* nothing to be removed here */

        rc = NGX_DECLINED;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_get_override(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_override_t *override)
{
    ngx_int_t                      rc;
    ngx_http_reauth_overridden_t  *entry;

    rc = NGX_DECLINED;
    ngx_memzero(override, sizeof(reauth_override_t));

    if (zone->sh->overridden == 0) {
        return NGX_DECLINED;
    }

    ngx_http_reauth_zone_lock(zone);

    entry = ngx_http_reauth_zone_override_find(zone->sh,
                ngx_http_reauth_zone_hash(account->data, account->len),
                account->data, account->len);

    if (entry != NULL) {
        *override = entry->override;
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


/* what is stored for the account of an override, or NULL */

static ngx_http_reauth_overridden_t *
ngx_http_reauth_zone_override_entry(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_override_t *override)
{
    size_t   len;
    u_char  *account;

    ngx_http_reauth_zone_check_lock(sh);

    account = (u_char *) override->account;
    len = ngx_strlen(account);

    return ngx_http_reauth_zone_override_find(sh,
               ngx_http_reauth_zone_hash(account, len), account, len);
}


void
ngx_http_reauth_zone_override_sent(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override, ngx_uint_t sent)
{
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_lock(zone);

    entry = ngx_http_reauth_zone_override_entry(zone->sh, override);

    if (entry != NULL && sent) {
        entry->copies.shared = 1;
    }

    if (entry != NULL && entry->override.stamp == override->stamp) {
        entry->copies.sent = (uint8_t) sent;
    }

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_override_committed(ngx_http_reauth_zone_t *zone,
    const reauth_override_t *override)
{
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_lock(zone);

    entry = ngx_http_reauth_zone_override_entry(zone->sh, override);

    if (entry != NULL) {

        /* Redis may have lost a later one, or keep a removed one no longer */

        entry->copies.dirty = entry->override.stamp != override->stamp;
        entry->copies.shared = 1;

        if (!entry->copies.dirty) {
            entry->copies.sent = 0;
        }
    }

    ngx_http_reauth_zone_unlock(zone);
}


void
ngx_http_reauth_zone_overrides_unread(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  i;

    ngx_http_reauth_zone_lock(zone);

    for (i = 0; i < zone->sh->noverrides; i++) {
        zone->sh->overrides[i].copies.dirty = 1;
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_next_override(ngx_http_reauth_zone_t *zone,
    ngx_uint_t *index, int64_t timeout_ms, reauth_override_t *override)
{
    int64_t                        now_ms;
    ngx_int_t                      rc;
    ngx_http_reauth_overridden_t  *entry;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    if (sh->overridden == 0) {
        return NGX_DECLINED;
    }

    now_ms = ngx_http_reauth_now();

    ngx_http_reauth_zone_lock(zone);

    while (*index < sh->noverrides && rc != NGX_OK) {
        entry = &sh->overrides[(*index)++];

        if (entry->used
            && now_ms < entry->override.until_ms
            && reauth_override_is_unwritten(&entry->override, &entry->copies,
                                            now_ms, timeout_ms))
        {
            *override = entry->override;
            rc = NGX_OK;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


/*
 * Ended overrides do not slow down the gate.  To remove one, all others are
 * examined, so each call removes only some.
 */

void
ngx_http_reauth_zone_overrides_sweep(ngx_http_reauth_zone_t *zone,
    int64_t now_ms)
{
    ngx_uint_t                     i, n;
    ngx_http_reauth_overridden_t  *entry;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    n = 0;

    if (sh->overridden == 0) {
        return;
    }

    ngx_http_reauth_zone_lock(zone);

    for (i = 0;
         i < sh->noverrides && n < NGX_HTTP_REAUTH_OVERRIDES_SWEEP;
         i++)
    {
        entry = &sh->overrides[i];

        if (entry->used && now_ms >= entry->override.until_ms) {
            ngx_http_reauth_zone_write_start(sh);
            ngx_http_reauth_zone_override_end(sh, entry);
            ngx_http_reauth_zone_write_end(sh);
            n++;
        }
    }

    ngx_http_reauth_zone_unlock(zone);
}


/* "*index" is advanced; an account takes the time of several records */

ngx_int_t
ngx_http_reauth_zone_overrides_count(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_summary_t *summary, ngx_uint_t *index, int64_t now_ms)
{
    ngx_uint_t                     left;
    reauth_record_t                record;
    reauth_override_gate_t         gate;
    ngx_http_reauth_overridden_t  *entry;

    ngx_http_reauth_zone_check_lock(sh);

    if (sh->overridden == 0) {
        return NGX_OK;
    }

    left = NGX_HTTP_REAUTH_OVERRIDES_COUNT;

    while (*index < sh->noverrides) {

        if (left == 0) {
            return NGX_AGAIN;
        }

        entry = &sh->overrides[(*index)++];

        gate = entry->used ? reauth_override_gate(&entry->override, now_ms)
                           : REAUTH_OVERRIDE_NONE;

        if (gate == REAUTH_OVERRIDE_NONE) {
            continue;
        }

        left--;
        summary->overridden[gate - REAUTH_OVERRIDE_OPEN]++;

        (void) ngx_http_reauth_zone_read(sh,
                   (u_char *) entry->override.account,
                   ngx_strlen(entry->override.account), &record);

        if (reauth_state_is_active(record.state)) {
            summary->gates_closed--;
        }

        if (reauth_override_closes(&entry->override,
                                   (reauth_state_t) record.state, now_ms))
        {
            summary->gates_closed++;
        }
    }

    return NGX_OK;
}
