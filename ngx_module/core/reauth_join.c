
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_join.h"


reauth_join_t
reauth_join_judge(const reauth_joined_t *joined, const uint8_t *fingerprint,
    const reauth_record_t *record, int64_t now_ms)
{
    if (reauth_attempt_is_awaited(record, joined->epoch, joined->origin,
                                  now_ms))
    {
        return REAUTH_JOIN_WAIT;
    }

    if (joined->epoch == 0) {
        return REAUTH_JOIN_BEGIN;
    }

    return reauth_attempt_is_joined(record, joined->epoch, joined->origin,
                                    now_ms)
           && reauth_attempt_has_fingerprint(record, fingerprint)
           ? REAUTH_JOIN_BEGIN : REAUTH_JOIN_STORED;
}


int
reauth_join_is_of(const reauth_joined_t *joined, const reauth_record_t *change)
{
    /* the record of a rejected update has the times of the previous attempt */

    return reauth_epoch_is(change, joined->epoch, joined->origin)
           && change->since_ms == joined->since_ms
           && change->attempt[0] != '\0';
}
