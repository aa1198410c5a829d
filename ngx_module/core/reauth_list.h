
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the list of all accounts reports about an attempt that cannot be polled
 * by itself.
 */


#ifndef REAUTH_LIST_H
#define REAUTH_LIST_H


#include "reauth_accounts.h"


/* milliseconds after which a login that is not in the list has not started */
#define REAUTH_LIST_NOT_STARTED_MS  60000


/*
 * "record" is the record when the list was requested, or a later one of the
 * same epoch.  "status" is NULL if a complete list does not contain the
 * account.  Returns 0 if there is no fact; otherwise *fact points into
 * "status".
 */
int reauth_list_fact(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t asked_ms, int64_t now_ms,
    reauth_fact_t *fact);


/*
 * The same for an account without an active attempt that was looked for in the
 * list, as its session may have expired: the fact that it has.
 */
int reauth_list_expired(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t now_ms,
    reauth_fact_t *fact);


/*
 * The same for an account without an active attempt, in a list requested at
 * "asked_ms" as a sweep: it has lost its session, or was mended.  A record that
 * may have changed since then, or shortly before, is left as it is.
 */
int reauth_list_sweep(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t asked_ms, int64_t now_ms,
    reauth_fact_t *fact);


/*
 * If the list is not conclusive, a fact about "last_poll": the account is not
 * in the list, or is in it again.  Returns 0 if this is no change.
 */
int reauth_list_tell(const reauth_record_t *record,
    const reauth_account_status_t *status, reauth_fact_t *fact);


#endif /* REAUTH_LIST_H */
