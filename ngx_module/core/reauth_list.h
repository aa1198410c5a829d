
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the list of all accounts says of an attempt that has no resource of its
 * own to poll, as far as is known.
 */


#ifndef REAUTH_LIST_H
#define REAUTH_LIST_H


#include "reauth_accounts.h"


/* a login that the upstream does not show did not start by then */
#define REAUTH_LIST_NOT_STARTED_MS  60000


/*
 * "record" is as it was when the list was asked for or later, of the same
 * epoch; "status" is NULL if a list that was read to its end does not mention
 * the account.  Returns 0 if nothing follows; else *fact, which points into
 * "status".
 */
int reauth_list_fact(const reauth_record_t *record,
    const reauth_account_status_t *status, int64_t asked_ms, int64_t now_ms,
    reauth_fact_t *fact);


/*
 * What no fact follows from, as a fact of the record's "last_poll": that the
 * account is not in the list, or is in it again.  Returns 0 if that is no news.
 */
int reauth_list_tell(const reauth_record_t *record,
    const reauth_account_status_t *status, reauth_fact_t *fact);


#endif /* REAUTH_LIST_H */
