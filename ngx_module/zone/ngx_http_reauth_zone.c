
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "reauth_judge.h"
#include "reauth_listed.h"
#include "ngx_http_reauth_zone.h"
#include "ngx_http_reauth_zone_memory.h"


reauth_seal_t *
ngx_http_reauth_zone_cursor_key(ngx_http_reauth_zone_t *zone)
{
    return &zone->sh->told;
}


static void
ngx_http_reauth_zone_copy_closed(ngx_http_reauth_slot_t *slot,
    ngx_http_reauth_closed_t *closed)
{
    reauth_record_t  *record;

    if (slot == NULL) {
        ngx_memzero(closed, offsetof(ngx_http_reauth_closed_t, attempt));
        return;
    }

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


static void
ngx_http_reauth_zone_copy_override(ngx_http_reauth_overridden_t *entry,
    int64_t now_ms, ngx_http_reauth_closed_t *closed)
{
    reauth_override_t  *override;

    closed->now_ms = now_ms;

    if (entry == NULL) {
        closed->override = REAUTH_OVERRIDE_NONE;
        return;
    }

    override = &entry->override;
    closed->override = (uint8_t) reauth_override_gate(override, now_ms);

    if (closed->override == REAUTH_OVERRIDE_CLOSED) {
        reauth_gate_overridden(override, &closed->since_ms,
                               &closed->deadline_ms);
    }
}


ngx_int_t
ngx_http_reauth_zone_gate(ngx_http_reauth_zone_t *zone, u_char *account,
    size_t len, ngx_http_reauth_closed_t *closed)
{
    int64_t                        now_ms;
    uint32_t                       hash;
    ngx_uint_t                     tries;
    ngx_atomic_uint_t              sequence;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    if (!sh->gate.loaded
        && !ngx_http_reauth_zone_loaded(zone, ngx_http_reauth_now()))
    {
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

        now_ms = ngx_http_reauth_now();

        slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

        ngx_http_reauth_zone_copy_closed(slot, closed);
        ngx_http_reauth_zone_copy_override(
            ngx_http_reauth_zone_override_find(sh, hash, account, len),
            now_ms, closed);

        ngx_memory_barrier();

        if (sh->gate.sequence == sequence) {
            goto found;
        }
    }

    ngx_http_reauth_zone_lock(zone);

    now_ms = ngx_http_reauth_now();

    slot = ngx_http_reauth_zone_slot_find(sh, hash, account, len);

    ngx_http_reauth_zone_copy_closed(slot, closed);
    ngx_http_reauth_zone_copy_override(
        ngx_http_reauth_zone_override_find(sh, hash, account, len), now_ms,
        closed);

    ngx_http_reauth_zone_unlock(zone);

found:

    return reauth_gate_is_closed(closed->override, closed->since_ms,
                                 closed->deadline_ms, REAUTH_GATE_MAX_NONE,
                                 now_ms)
           ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_reauth_zone_kept(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    ngx_http_reauth_zone_lock(zone);
    (void) ngx_http_reauth_zone_read(zone->sh, account->data, account->len,
                                     record);
    ngx_http_reauth_zone_unlock(zone);

    return record->state == REAUTH_STATE_NONE ? NGX_DECLINED : NGX_OK;
}


ngx_uint_t
ngx_http_reauth_zone_is_sent(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, uint64_t epoch, uint64_t origin)
{
    uint32_t                       hash;
    ngx_uint_t                     sent;
    ngx_atomic_uint_t              sequence;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    sequence = sh->gate.sequence;
    ngx_memory_barrier();

    if (sequence & 1) {
        return 0;
    }

    hash = ngx_http_reauth_zone_hash(account->data, account->len);
    slot = ngx_http_reauth_zone_slot_find(sh, hash, (u_char *) account->data,
                                          account->len);

    sent = slot != NULL
           && reauth_attempt_is_awaited(&slot->record, epoch, origin,
                                        ngx_http_reauth_now());

    ngx_memory_barrier();

    return sent && sh->gate.sequence == sequence;
}


ngx_int_t
ngx_http_reauth_zone_find(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_zone_kept(zone, account, record);

    reauth_record_view(record, ngx_http_reauth_now());

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_show(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_record_t *record)
{
    (void) ngx_http_reauth_zone_find(zone, account, record);

    reauth_record_show(record);

    return record->state == REAUTH_STATE_NONE ? NGX_DECLINED : NGX_OK;
}


/* an active attempt; "hash" is that of the ID */

static ngx_http_reauth_slot_t *
ngx_http_reauth_zone_slot_attempt(ngx_http_reauth_zone_shctx_t *sh,
    const reauth_string_t *attempt, uint32_t hash)
{
    uint32_t                 index;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    for (index = sh->attempts[hash & sh->gate.mask];
         index != 0;
         index = slot->attempt_next)
    {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->attempt_hash == hash
            && reauth_string_equals(attempt, slot->record.attempt))
        {
            return slot;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_reauth_zone_find_attempt(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, reauth_record_t *record)
{
    ngx_int_t                      rc;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    rc = NGX_DECLINED;
    sh = zone->sh;

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_attempt(sh, attempt,
               ngx_http_reauth_zone_hash(attempt->data, attempt->len));

    if (slot != NULL) {
        *record = slot->record;
        rc = NGX_OK;
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
ngx_http_reauth_zone_find_owner(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *attempt, char *account)
{
    uint32_t                       hash;
    ngx_uint_t                     known;
    ngx_http_reauth_node_t        *node;
    ngx_http_reauth_slot_t        *slot;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;
    hash = ngx_http_reauth_zone_hash(attempt->data, attempt->len);

    ngx_http_reauth_zone_lock(zone);

    slot = ngx_http_reauth_zone_slot_attempt(sh, attempt, hash);
    node = ngx_http_reauth_zone_node_attempt(sh, attempt->data, attempt->len);

    known = slot != NULL || node != NULL;

    if (slot == NULL && node != NULL) {
        ngx_http_reauth_zone_node_account(node, account);

    } else {

        /*
         * If the attempt is not known, another slot is read instead, so that
         * both cases take the same time.  Before the first attempt there are
         * no slots.
         */

        if (slot == NULL && sh->gate.nslots != 0) {
            slot = ngx_http_reauth_slot(sh, 1 + hash % sh->gate.nslots);
        }

        if (slot != NULL) {
            ngx_memcpy(account, slot->record.account, REAUTH_ACCOUNT_MAX + 1);

        } else {
            ngx_memzero(account, REAUTH_ACCOUNT_MAX + 1);
        }
    }

    ngx_http_reauth_zone_unlock(zone);

    return known ? NGX_OK : NGX_DECLINED;
}


/* input of core/; "caller": the caller whose attempts are limited, or NULL */

static void
ngx_http_reauth_zone_stored(ngx_http_reauth_zone_t *zone,
    const u_char *account, size_t len, const reauth_string_t *caller,
    reauth_stored_t *stored)
{
    ngx_http_reauth_dirty_t       *dirty;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_check_lock(sh);

    dirty = ngx_http_reauth_zone_read(sh, account, len, &stored->record);

    stored->dirty = dirty != NULL && dirty->queue.next != NULL;
    stored->has_redis = zone->has_redis != 0;
    stored->epoch = sh->epoch;
    stored->salt = (unsigned) sh->salt;
    stored->origin = sh->origin;
    stored->waiting = 0;
    stored->attempts = caller ? ngx_http_reauth_zone_attempts(sh, caller) : 0;
    stored->active = sh->gate.active - sh->closing;
    stored->capacity = sh->capacity;
}


/* the same for the account of a record, without a limit */

static void
ngx_http_reauth_zone_stored_of(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, reauth_stored_t *stored)
{
    ngx_http_reauth_zone_check_lock(zone->sh);

    ngx_http_reauth_zone_stored(zone, (const u_char *) record->account,
                                ngx_strlen(record->account), NULL, stored);
}


/* the gate does not read these fields, so no write is announced to it */

static void
ngx_http_reauth_zone_complete(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_dirty_t *dirty, const reauth_record_t *record)
{
    reauth_record_t  *stored;

    ngx_http_reauth_zone_check_lock(sh);

    if (dirty->index == 0) {
        return;
    }

    stored = &ngx_http_reauth_slot(sh, dirty->index)->record;

    if (stored->missing == record->missing) {
        return;
    }

    reauth_attempt_complete(stored, record);

    ngx_memory_barrier();
    stored->missing = record->missing;
}


/* an ended record */

static void
ngx_http_reauth_zone_remove(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    size_t                    len;
    uint32_t                  hash;
    ngx_http_reauth_node_t  **link;

    ngx_http_reauth_zone_check_lock(zone->sh);

    len = ngx_strlen(record->account);
    hash = ngx_http_reauth_zone_hash((u_char *) record->account, len);

    link = ngx_http_reauth_zone_node_find(zone->sh, hash,
                                          (u_char *) record->account, len);
    if (link != NULL) {
        ngx_http_reauth_zone_node_free(zone, link);
        zone->sh->changes++;
    }
}


static ngx_int_t
ngx_http_reauth_zone_carry_out(ngx_http_reauth_zone_t *zone,
    const reauth_judgement_t *verdict)
{
    uint64_t                 *revision;
    ngx_http_reauth_dirty_t  *dirty;

    switch (verdict->write) {

    case REAUTH_WRITE_RECORD:
        return ngx_http_reauth_zone_write(zone, &verdict->record,
                                          verdict->dirty);

    case REAUTH_WRITE_REVISION:
        dirty = ngx_http_reauth_zone_dirty(zone->sh, &verdict->record,
                                           &revision);
        if (dirty != NULL) {
            *revision = verdict->record.revision;
            ngx_http_reauth_zone_complete(zone->sh, dirty, &verdict->record);
            ngx_http_reauth_zone_set_dirty(zone->sh, dirty,
                                           verdict->dirty
                                               ? NGX_HTTP_REAUTH_DIRTY_OLD
                                               : NGX_HTTP_REAUTH_CLEAN);
        }

        return NGX_OK;

    case REAUTH_WRITE_REMOVED:
        ngx_http_reauth_zone_remove(zone, &verdict->record);
        return NGX_OK;

    default: /* REAUTH_WRITE_NOTHING */
        return NGX_OK;
    }
}


ngx_int_t
ngx_http_reauth_zone_begin(ngx_http_reauth_zone_t *zone,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_begin_result_t *result, reauth_record_t *record)
{
    ngx_int_t           rc;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored(zone, begin->account.data, begin->account.len,
                                begin->bounded ? &begin->caller : NULL,
                                &stored);

    stored.waiting = (unsigned) reauth_places_taken(
                         ngx_http_reauth_zone_places(zone->sh, &begin->account),
                         &begin->account, ngx_current_msec);

    *result = reauth_judge_begin(&stored, begin, remote, &verdict);
    rc = ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    *record = verdict.record;

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
                              begin->attempts_max,
                              sh->gate.active - sh->closing,
                              sh->capacity, begin->callers);

    ngx_http_reauth_zone_unlock(zone);

    return (ngx_uint_t) may;
}


ngx_int_t
ngx_http_reauth_zone_advance(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_fact_t *fact,
    reauth_advance_result_t *result, reauth_record_t *record)
{
    ngx_int_t           rc;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored(zone, account->data, account->len,
                                fact->bounded ? &fact->caller : NULL, &stored);

    *result = reauth_judge_advance(&stored, fact, &verdict);
    rc = ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    if (*result == REAUTH_ADVANCE_APPLIED && rc == NGX_OK) {
        ngx_http_reauth_zone_count_end(zone, &stored.record, fact);
    }

    *record = verdict.record;

    return rc;
}


/*
 * Only for a record that sync has read: that in a reply to a commit, on another
 * connection, may be older than the events which sync is to follow.
 */

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


ngx_uint_t
ngx_http_reauth_zone_round(ngx_http_reauth_zone_t *zone)
{
    return zone->sh->round;
}


void
ngx_http_reauth_zone_new_round(ngx_http_reauth_zone_t *zone)
{
    ngx_http_reauth_zone_lock(zone);
    zone->sh->round++;
    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_conflict(ngx_http_reauth_zone_t *zone,
    reauth_fact_t *fact, const reauth_record_t *remote,
    reauth_record_t *record)
{
    int                 again;
    ngx_int_t           rc;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, remote, &stored);

    again = reauth_judge_conflict(&stored, fact, remote, &verdict);
    rc = ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    *record = verdict.record;

    return rc == NGX_OK && again ? NGX_AGAIN : rc;
}


ngx_int_t
ngx_http_reauth_zone_merge(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *remote, ngx_uint_t live, reauth_record_t *record)
{
    ngx_int_t              rc;
    reauth_stored_t        stored;
    reauth_judgement_t       verdict;
    reauth_merge_result_t  result;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, remote, &stored);

    result = reauth_judge_merge(&stored, remote, (int) live, &verdict);

    if (verdict.dirty) {
        verdict.dirty = NGX_HTTP_REAUTH_DIRTY_OLD;
    }

    rc = ngx_http_reauth_zone_carry_out(zone, &verdict);

    if (live) {
        ngx_http_reauth_zone_set_read(zone->sh, remote);
    }

    ngx_http_reauth_zone_unlock(zone);

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, zone->log, 0,
                   "reauth merge: account \"%s\" %s, revision %uL, epoch %uL, "
                   "state %s", remote->account,
                   reauth_merge_result_name(result), remote->revision,
                   remote->epoch,
                   reauth_state_name((reauth_state_t) remote->state));

    *record = verdict.record;

    if (result == REAUTH_MERGE_OURS) {
        return NGX_AGAIN;
    }

    return result == REAUTH_MERGE_ASK ? NGX_DECLINED : rc;
}


void
ngx_http_reauth_zone_lost(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, record, &stored);

    reauth_judge_lost(&stored, record, &verdict);
    (void) ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);
}


ngx_int_t
ngx_http_reauth_zone_deleted(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record)
{
    int                 again;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, record, &stored);

    again = reauth_judge_deleted(&stored, record, &verdict);
    (void) ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    return again ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_unlisted(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, int64_t read_ms)
{
    int                 again;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, record, &stored);

    again = reauth_listed_restore(&stored, record, read_ms, &verdict);
    (void) ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    return again ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
ngx_http_reauth_zone_forget(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account, reauth_forget_t *result,
    reauth_record_t *former, reauth_record_t *record)
{
    ngx_int_t           rc;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored(zone, account->data, account->len, NULL,
                                &stored);

    *result = reauth_judge_forget(&stored, ngx_http_reauth_now(), &verdict);
    rc = ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    *former = stored.record;
    *record = verdict.record;

    return rc;
}


ngx_int_t
ngx_http_reauth_zone_committed(ngx_http_reauth_zone_t *zone,
    const reauth_record_t *record, uint64_t revision, ngx_uint_t round)
{
    int                 again;
    reauth_stored_t     stored;
    reauth_judgement_t  verdict;

    ngx_http_reauth_zone_lock(zone);

    ngx_http_reauth_zone_stored_of(zone, record, &stored);

    again = reauth_judge_committed(&stored, record, revision,
                                   round != zone->sh->round, &verdict);
    (void) ngx_http_reauth_zone_carry_out(zone, &verdict);

    ngx_http_reauth_zone_unlock(zone);

    return again ? NGX_AGAIN : NGX_OK;
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
