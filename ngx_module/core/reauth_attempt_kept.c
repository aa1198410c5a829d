
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Which stored response belongs to an attempt.
 */


#include "reauth_attempt.h"


/* not since_ms, which has fewer bits */
#define REAUTH_ATTEMPT_HASHED  (UINT64_C(1) << 63)


uint64_t
reauth_attempt_number(const reauth_string_t *account,
    const reauth_string_t *attempt, int64_t since_ms)
{
    if (attempt->len == 0
        || (attempt->len == account->len
            && memcmp(attempt->data, account->data, account->len) == 0))
    {
        return (uint64_t) since_ms;
    }

    return reauth_string_hash(attempt, 0) | REAUTH_ATTEMPT_HASHED;
}


static uint64_t
reauth_attempt_number_text(const char *account, const char *attempt,
    int64_t since_ms)
{
    reauth_string_t  one, two;

    one = reauth_string_from(account);
    two = reauth_string_from(attempt);

    return reauth_attempt_number(&one, &two, since_ms);
}


uint64_t
reauth_attempt_number_of(const reauth_record_t *record)
{
    return reauth_attempt_number_text(record->account, record->attempt,
                                      record->since_ms);
}


uint64_t
reauth_attempt_kept(const reauth_record_t *record)
{
    const reauth_prior_t  *prior;

    prior = &record->prior;

    if (record->state == REAUTH_STATE_STARTING) {
        return prior->kept && reauth_state_is_active(prior->state)
               ? reauth_attempt_number_text(record->account, prior->attempt,
                                            prior->since_ms)
               : 0;
    }

    return record->kept && reauth_state_is_active(record->state)
           ? reauth_attempt_number_of(record) : 0;
}


int
reauth_attempt_keeps(const reauth_record_t *record)
{
    return record->state == REAUTH_STATE_STARTING
           || reauth_attempt_kept(record) != 0;
}
