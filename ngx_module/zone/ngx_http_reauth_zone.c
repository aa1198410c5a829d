
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_reauth_zone.h"
#include "ngx_http_reauth_zone_memory.h"


reauth_seal_t *
ngx_http_reauth_zone_told(ngx_http_reauth_zone_t *zone)
{
    return &zone->sh->told;
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


/* those that have been waiting come first */

static ngx_uint_t
ngx_http_reauth_zone_others_wait(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_begin_t *begin)
{
    return begin->fingerprint != NULL
           && !begin->waited
           && reauth_places_taken(ngx_http_reauth_zone_places(sh,
                                                            &begin->account),
                                  &begin->account, ngx_current_msec);
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
        && ngx_http_reauth_zone_others_wait(sh, begin))
    {
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
ngx_http_reauth_zone_set_not_following(ngx_http_reauth_zone_t *zone,
    ngx_uint_t not_following)
{
    zone->sh->not_following = not_following;
}


ngx_uint_t
ngx_http_reauth_zone_not_following(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->not_following;
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
