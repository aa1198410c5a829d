
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Applies a fact to a record, as a store does.
 */


#ifndef APPLY_H
#define APPLY_H


#include "reauth_attempt.h"


static reauth_advance_result_t
apply(reauth_record_t *record, const reauth_fact_t *fact)
{
    reauth_record_t          next;
    reauth_advance_result_t  rc;

    rc = reauth_attempt_advance(record, fact, &next);

    if (rc == REAUTH_ADVANCE_APPLIED) {
        *record = next;
    }

    return rc;
}


#endif /* APPLY_H */
