
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Finds an account in a list of the upstream that is read whole.
 */


#ifndef LISTED_H
#define LISTED_H


#include "reauth_accounts.h"


typedef struct {
    const reauth_string_t    *account;
    reauth_account_status_t  *status;
} listed_t;


static int
listed_entry(void *data, const reauth_string_t *account,
    const reauth_account_status_t *status)
{
    listed_t *listed = data;

    if (account->len != listed->account->len
        || memcmp(account->data, listed->account->data, account->len) != 0)
    {
        return 0;
    }

    *listed->status = *status;

    return 1;
}


/* zeroes *status first; -1: not a list of accounts, "why" is set */

static int
listed_find(const unsigned char *body, size_t len,
    const reauth_string_t *account, reauth_account_status_t *status,
    reauth_unread_t *why)
{
    listed_t           listed;
    reauth_accounts_t  accounts;

    memset(status, 0, sizeof(reauth_account_status_t));

    listed.account = account;
    listed.status = status;

    reauth_accounts_init(&accounts, listed_entry, &listed);
    (void) reauth_accounts_feed(&accounts, body, len);

    return reauth_accounts_end(&accounts, why);
}


#endif /* LISTED_H */
