
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_reauth_zone_memory.h"


static uint32_t
ngx_http_reauth_zone_power_of_two(size_t n)
{
    uint32_t  power;

    for (power = 64; power < n && power < 0x40000000; power *= 2) {
        /* void */
    }

    return power;
}


/* it lives as long as the numbers that it hides, over reloads */

static ngx_int_t
ngx_http_reauth_zone_told_init(ngx_http_reauth_zone_shctx_t *sh)
{
    int              rc;
    u_char           bytes[REAUTH_SEAL_KEY_LEN];
    reauth_string_t  secret;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    secret.data = bytes;
    secret.len = sizeof(bytes);

    rc = reauth_seal_init(&sh->told, &secret);

    ngx_explicit_memzero(bytes, sizeof(bytes));

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


reauth_seal_t *
ngx_http_reauth_zone_told(ngx_http_reauth_zone_t *zone)
{
    return &zone->sh->told;
}


ngx_int_t
ngx_http_reauth_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_reauth_zone_t  *ozone = data;

    size_t                         len, size;
    u_char                         bytes[NGX_HTTP_REAUTH_WRITER_LEN / 2];
    ngx_uint_t                     i, n;
    ngx_slab_pool_t               *shpool;
    ngx_http_reauth_zone_t        *zone;
    ngx_http_reauth_zone_shctx_t  *sh;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (ozone) {

        /* a reload: the old workers still write here, so nothing is reset */

        zone->sh = ozone->sh;
        zone->shpool = ozone->shpool;

        if (zone->sh->gate.layout != NGX_HTTP_REAUTH_ZONE_LAYOUT) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "reauth_zone \"%V\" was made by another version of "
                          "the module; restart nginx", &shm_zone->shm.name);
            return NGX_ERROR;
        }

        if (!zone->remote) {
            zone->sh->gate.loaded = 1;
        }

        return NGX_OK;
    }

    zone->shpool = shpool;

    if (shm_zone->shm.exists) {
        zone->sh = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_reauth_zone_shctx_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    size = shm_zone->shm.size;

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 512),
                NGX_HTTP_REAUTH_BUCKETS_MAX);

    sh->gate.mask = n - 1;
    sh->gate.buckets = ngx_slab_calloc(shpool, n * sizeof(uint32_t));
    sh->attempts = ngx_slab_calloc(shpool, n * sizeof(uint32_t));

    n = ngx_http_reauth_zone_power_of_two(size / 1024);

    sh->ended_mask = n - 1;
    sh->ended = ngx_slab_calloc(shpool, n * sizeof(void *));
    sh->ended_attempts = ngx_slab_calloc(shpool, n * sizeof(void *));

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 1024),
                NGX_HTTP_REAUTH_SEEN_MAX);

    sh->seen_mask = n / NGX_HTTP_REAUTH_SEEN_WAYS - 1;
    sh->seen = ngx_slab_calloc(shpool, n * sizeof(ngx_http_reauth_digest_t));

    n = ngx_min(ngx_http_reauth_zone_power_of_two(
                                         size / NGX_HTTP_REAUTH_OUTCOMES_SHARE),
                NGX_HTTP_REAUTH_OUTCOMES_MAX);

    sh->outcomes_mask = n / NGX_HTTP_REAUTH_OUTCOME_WAYS - 1;
    sh->outcomes = ngx_slab_calloc(shpool,
                                   n * sizeof(ngx_http_reauth_outcome_t));

    n = ngx_min(size / NGX_HTTP_REAUTH_PLACES_SHARE,
                NGX_HTTP_REAUTH_PLACES_SETS_MAX);

    sh->places_sets = ngx_max(n, 1);
    sh->places = ngx_slab_calloc(shpool, sh->places_sets * REAUTH_PLACES_WAYS
                                         * sizeof(reauth_place_t));

    /* more entries than there can be slots, each of another caller */

    n = ngx_http_reauth_zone_power_of_two(size / 1024 + 1);

    sh->shares_mask = n - 1;
    sh->shares = ngx_slab_calloc(shpool, n * sizeof(reauth_share_t));

    sh->chunks_max = size / NGX_HTTP_REAUTH_CHUNK_SIZE;
    sh->gate.chunks = ngx_slab_calloc(shpool, sh->chunks_max * sizeof(void *));

    sh->nring = ngx_min(size / NGX_HTTP_REAUTH_RING_SHARE
                            / sizeof(ngx_http_reauth_ring_t),
                        NGX_HTTP_REAUTH_RING_MAX);
    sh->ring = ngx_slab_calloc(shpool, sh->nring
                                       * sizeof(ngx_http_reauth_ring_t));

    if (sh->gate.buckets == NULL || sh->attempts == NULL || sh->ended == NULL
        || sh->ended_attempts == NULL
        || sh->gate.chunks == NULL || sh->seen == NULL || sh->ring == NULL
        || sh->outcomes == NULL || sh->places == NULL
        || sh->shares == NULL)
    {
        return NGX_ERROR;
    }

    ngx_queue_init(&sh->ended_queue);
    ngx_queue_init(&sh->brief_queue);
    ngx_queue_init(&sh->dirty);
    ngx_rbtree_init(&sh->due, &sh->due_sentinel, ngx_rbtree_insert_value);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        ngx_rbtree_init(&sh->poll[i], &sh->poll_sentinel,
                        ngx_rbtree_insert_timer_value);
    }

    sh->gate.layout = NGX_HTTP_REAUTH_ZONE_LAYOUT;
    sh->salt = ngx_random() & REAUTH_EPOCH_SALT_MASK;
    sh->gate.loaded = !zone->remote;
    sh->paused = ngx_current_msec;
    sh->load_until_ms = ngx_http_reauth_now() + NGX_HTTP_REAUTH_LOAD_TIME;
    sh->boot = ((uint64_t) ngx_http_reauth_now() << 16)
               | (ngx_random() & 0xffff);

    if (RAND_bytes(bytes, sizeof(bytes)) != 1
        || RAND_bytes((u_char *) &sh->seed, sizeof(uint64_t)) != 1)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(sh->writer, bytes, sizeof(bytes));

    if (ngx_http_reauth_zone_told_init(sh) != NGX_OK) {
        return NGX_ERROR;
    }

    len = sizeof(" in reauth_zone \"\"") + shm_zone->shm.name.len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in reauth_zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* ended records make room first: not each failure is worth a log line */
    shpool->log_nomem = 0;

    /* ended records give way to active ones: all of this may become slots */

    sh->capacity = shpool->pfree * ngx_pagesize / NGX_HTTP_REAUTH_CHUNK_SIZE
                   * NGX_HTTP_REAUTH_CHUNK_SLOTS;

    zone->sh = sh;
    shpool->data = sh;

    return NGX_OK;
}


static void
ngx_http_reauth_zone_copy_closed(ngx_http_reauth_slot_t *slot,
    ngx_http_reauth_closed_t *closed)
{
    reauth_record_t  *record;

    record = &slot->record;

    closed->since_ms = record->since_ms;
    closed->deadline_ms = record->deadline_ms;
    closed->state = record->state;
    closed->action = record->action;
    closed->auth_type = record->auth_type;

    ngx_memcpy(closed->attempt, record->attempt, sizeof(closed->attempt));
    closed->attempt[REAUTH_ATTEMPT_MAX] = '\0';
    closed->attempt_len = ngx_strlen(closed->attempt);
}


ngx_int_t
ngx_http_reauth_zone_gate(ngx_http_reauth_zone_t *zone, u_char *account,
    size_t len, int64_t now_ms, ngx_http_reauth_closed_t *closed)
{
    uint32_t                       hash;
    ngx_uint_t                     tries;
    ngx_atomic_uint_t              sequence;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (!sh->gate.loaded && now_ms < sh->load_until_ms) {
        return NGX_BUSY;
    }

    hash = ngx_http_reauth_zone_hash(account, len);

    for (tries = 0; tries < NGX_HTTP_REAUTH_READ_TRIES; tries++) {

        sequence = sh->gate.sequence;
        ngx_memory_barrier();

        if (sequence & 1) {
            ngx_cpu_pause();
            continue;
        }

        slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

        if (slot != NULL) {
            ngx_http_reauth_zone_copy_closed(slot, closed);
        }

        ngx_memory_barrier();

        if (sh->gate.sequence == sequence) {
            goto found;
        }
    }

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

    if (slot != NULL) {
        ngx_http_reauth_zone_copy_closed(slot, closed);
    }

    ngx_http_reauth_zone_unlock(zone);

found:

    if (slot == NULL || now_ms >= closed->deadline_ms) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_kept(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    ngx_http_reauth_zone_lock(zone);
    ngx_http_reauth_zone_read(zone->sh, account->data, account->len, record);
    ngx_http_reauth_zone_unlock(zone);

    return record->state == REAUTH_STATE_NONE ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_zone_kept(zone, account, record);

    ngx_http_reauth_zone_expire(record, ngx_http_reauth_now());

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_find_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record)
{
    uint32_t                       hash, index;
    ngx_int_t                      rc;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;
    hash = ngx_http_reauth_zone_hash(attempt->data, attempt->len);

    ngx_http_reauth_zone_lock(zone);

    for (index = sh->attempts[hash & sh->gate.mask];
         index != 0;
         index = slot->attempt_next)
    {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->attempt_hash == hash
            && reauth_string_equals(attempt, slot->record.attempt))
        {
            *record = slot->record;
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_find_ended_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    node = ngx_http_reauth_zone_node_attempt(sh, attempt->data, attempt->len);

    if (node != NULL) {
        ngx_http_reauth_zone_node_unpack(node, record);
        rc = NGX_OK;
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_begin(ngx_http_reauth_zone_t *zone,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_begin_result_t *result, reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_uint_t                     again;
    reauth_record_t                previous;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_OK;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(sh, begin->account.data, begin->account.len,
                              &previous);

    again = remote != NULL
            && reauth_attempt_judge_again(&previous,
                               ngx_http_reauth_zone_is_dirty(sh, &previous),
                               remote, begin->epoch);

    if (again && remote->epoch == begin->epoch) {

        /* it is this one: worker 0 has written it meanwhile */

        *record = *remote;
        *result = REAUTH_BEGIN_STARTED;

        rc = ngx_http_reauth_zone_write(zone, record, 0);
        goto done;
    }

    if (again) {
        previous = *remote;
    }

    /* one that is judged again stays itself: it may be in Redis by now */

    if (begin->epoch <= previous.epoch) {
        begin->epoch = reauth_epoch_make(ngx_max(previous.epoch, sh->epoch),
                                         begin->now_ms, sh->salt);
    }

    /* one that is judged again is among those that are counted */

    begin->bounded = begin->bounded && remote == NULL;

    if (begin->bounded) {
        begin->attempts = ngx_http_reauth_zone_attempts(sh, &begin->caller);
        begin->active = sh->gate.active;
        begin->capacity = sh->capacity;
    }

    *result = reauth_attempt_begin(&previous, begin, record);

    if (*result == REAUTH_BEGIN_STARTED
        && remote == NULL
        && begin->fingerprint != NULL
        && !begin->waited
        && reauth_places_taken(ngx_http_reauth_zone_places(sh,
                                                           &begin->account),
                               &begin->account, ngx_current_msec))
    {
        /* those that have been waiting come first */

        *result = REAUTH_BEGIN_WAIT;
    }

    if (*result == REAUTH_BEGIN_STARTED) {
        rc = ngx_http_reauth_zone_write(zone, record, zone->remote);

    } else {
        *record = previous;

        if (again) {
            rc = ngx_http_reauth_zone_write(zone, record, 0);
        }
    }

done:

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_uint_t
ngx_http_reauth_zone_may_begin(ngx_http_reauth_zone_t *zone,
    const reauth_begin_t *begin)
{
    int                            may;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    may = reauth_shares_allow(ngx_http_reauth_zone_attempts(sh,
                                                            &begin->caller),
                              begin->attempts_max, sh->gate.active,
                              sh->capacity, begin->callers);

    ngx_http_reauth_zone_unlock(zone);

    return (ngx_uint_t) may;
}


/* whether an attempt that shows itself is one more than its caller may have */

static ngx_uint_t
ngx_http_reauth_zone_is_full(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *current, const reauth_fact_t *fact)
{
    ngx_http_reauth_zone_check_lock(sh);

    return fact->bounded
           && !reauth_state_is_end(fact->state)
           && !reauth_state_is_active(current->state)
           && !reauth_shares_allow(ngx_http_reauth_zone_attempts(sh,
                                                            &fact->caller),
                                   fact->attempts_max, sh->gate.active,
                                   sh->capacity, fact->callers);
}


ngx_int_t
ngx_http_reauth_zone_advance(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_fact_t *fact,
    const reauth_record_t *remote, reauth_advance_result_t *result,
    reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_uint_t                     again;
    reauth_record_t                current;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_OK;
    sh = zone->sh;
    again = 0;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(sh, account->data, account->len, &current);

    if (remote != NULL) {
        again = reauth_attempt_judge_again(&current,
                                 ngx_http_reauth_zone_is_dirty(sh, &current),
                                 remote, fact->new_epoch);

        if (!again) {
            *record = current;
            *result = REAUTH_ADVANCE_SAME;
            goto done;
        }

        current = *remote;
    }

    fact->new_epoch = reauth_attempt_new_epoch(&current, fact, sh->salt);

    /* one that is judged again is among those that are counted */

    fact->full = remote == NULL
                 && ngx_http_reauth_zone_is_full(sh, &current, fact);

    *result = reauth_attempt_advance(&current, fact, record);

    if (*result == REAUTH_ADVANCE_APPLIED) {
        rc = ngx_http_reauth_zone_write(zone, record, zone->remote);

    } else {
        *record = current;

        if (again) {
            rc = ngx_http_reauth_zone_write(zone, record, 0);
        }
    }

done:

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


static void
ngx_http_reauth_zone_set_read(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_record_t *record)
{
    size_t                   len;
    uint32_t                 hash;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    len = ngx_strlen(record->account);
    hash = ngx_http_reauth_zone_hash((u_char *) record->account, len);

    slot = ngx_http_reauth_zone_slot_find(sh, hash,
                                          (u_char *) record->account, len);
    if (slot != NULL) {
        slot->round = sh->round;
    }
}


void
ngx_http_reauth_zone_new_round(ngx_http_reauth_zone_t *zone)
{
    ngx_http_reauth_zone_lock(zone);
    zone->sh->round++;
    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_merge(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *remote, ngx_uint_t live, reauth_record_t *record)
{
    uint64_t                 *known;
    ngx_int_t                 rc;
    reauth_merge_result_t     result;
    ngx_http_reauth_dirty_t  *dirty;

    rc = NGX_OK;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_read(zone->sh, (u_char *) remote->account,
                              ngx_strlen(remote->account), record);

    known = NULL;
    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    result = reauth_attempt_merge(record,
                                  dirty != NULL && dirty->queue.next != NULL,
                                  remote, live);

    switch (result) {

    case REAUTH_MERGE_TAKEN:
        rc = ngx_http_reauth_zone_write(zone, remote, 0);
        *record = *remote;
        break;

    case REAUTH_MERGE_SAME:
    case REAUTH_MERGE_OURS:

        if (dirty == NULL || known == NULL) {

            /* what is not there is taken, so that there always is one */
            break;
        }

        *known = remote->revision;
        record->revision = remote->revision;

        ngx_http_reauth_zone_set_dirty(zone->sh, dirty,
                                       result == REAUTH_MERGE_OURS);

        rc = result == REAUTH_MERGE_OURS ? NGX_AGAIN : NGX_OK;
        break;

    case REAUTH_MERGE_ASK:
        rc = NGX_DECLINED;
        break;

    default: /* REAUTH_MERGE_LATE */
        break;
    }

    if (live) {
        ngx_http_reauth_zone_set_read(zone->sh, remote);
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


void
ngx_http_reauth_zone_lost(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    uint64_t                 *known;
    ngx_http_reauth_dirty_t  *dirty;

    ngx_http_reauth_zone_lock(zone);

    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    if (dirty != NULL && *known == record->revision) {
        *known = 0;
        ngx_http_reauth_zone_set_dirty(zone->sh, dirty, 1);
    }

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_committed(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint64_t revision)
{
    uint64_t                 *known;
    ngx_int_t                 rc;
    reauth_record_t           current;
    ngx_http_reauth_dirty_t  *dirty;

    rc = NGX_OK;

    ngx_http_reauth_zone_lock(zone);

    dirty = ngx_http_reauth_zone_dirty(zone->sh, record, &known);

    if (dirty != NULL) {
        ngx_http_reauth_zone_read(zone->sh, (u_char *) record->account,
                                  ngx_strlen(record->account), &current);

        if (*known < revision) {
            *known = revision;
        }

        if (reauth_attempt_same(record, &current)) {
            ngx_http_reauth_zone_set_dirty(zone->sh, dirty, 0);

        } else if (dirty->queue.next != NULL) {
            rc = NGX_AGAIN;
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return rc;
}


ngx_uint_t
ngx_http_reauth_zone_loaded(ngx_http_reauth_zone_t *zone, int64_t now_ms)
{
    return zone->sh->gate.loaded || now_ms >= zone->sh->load_until_ms;
}


void
ngx_http_reauth_zone_set_loaded(ngx_http_reauth_zone_t *zone)
{
    zone->sh->gate.loaded = 1;
}


void
ngx_http_reauth_zone_count(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    (void) ngx_atomic_fetch_add(&zone->sh->counts[what], 1);
}


void
ngx_http_reauth_zone_count_n(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what, ngx_uint_t n)
{
    (void) ngx_atomic_fetch_add(&zone->sh->counts[what], n);
}


ngx_uint_t
ngx_http_reauth_zone_counted(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_count_e what)
{
    return zone->sh->counts[what];
}


ngx_uint_t
ngx_http_reauth_zone_changes(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->changes;
}


void
ngx_http_reauth_zone_writer(ngx_http_reauth_zone_t *zone, ngx_str_t *name)
{
    name->data = zone->sh->writer;
    name->len = NGX_HTTP_REAUTH_WRITER_LEN;
}


ngx_uint_t
ngx_http_reauth_zone_is_writer(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *name)
{
    return name->len == NGX_HTTP_REAUTH_WRITER_LEN
           && ngx_memcmp(name->data, zone->sh->writer,
                         NGX_HTTP_REAUTH_WRITER_LEN)
              == 0;
}


ngx_uint_t
ngx_http_reauth_zone_typical(ngx_http_reauth_zone_t *zone,
    ngx_uint_t auth_type)
{
    return zone->sh->typical[auth_type];
}


void
ngx_http_reauth_zone_set_remote(ngx_http_reauth_zone_t *zone, ngx_uint_t up,
    ngx_uint_t lag_ms)
{
    zone->sh->remote_up = up;
    zone->sh->remote_lag = lag_ms;
}


void
ngx_http_reauth_zone_get_remote(ngx_http_reauth_zone_t *zone, ngx_uint_t *up,
    ngx_uint_t *lag_ms)
{
    *up = zone->sh->remote_up;
    *lag_ms = zone->sh->remote_lag;
}


void
ngx_http_reauth_zone_set_deaf(ngx_http_reauth_zone_t *zone, ngx_uint_t deaf)
{
    zone->sh->deaf = deaf;
}


ngx_uint_t
ngx_http_reauth_zone_deaf(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->deaf;
}


void
ngx_http_reauth_zone_set_paused(ngx_http_reauth_zone_t *zone, int64_t ms)
{
    zone->sh->paused = ngx_current_msec + (ngx_msec_t) ms;
}


int64_t
ngx_http_reauth_zone_paused(ngx_http_reauth_zone_t *zone)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (zone->sh->paused - ngx_current_msec);

    return ngx_max(left, 0);
}
