
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's list of all accounts.  It grows with the team, by some 3 KB
 * for an account, so it is parsed in pieces, entry by entry, and only the
 * structure below is kept.
 */


#ifndef REAUTH_ACCOUNTS_H
#define REAUTH_ACCOUNTS_H


#include "reauth_attempt.h"
#include "reauth_reader.h"
#include "reauth_unknown.h"


#define REAUTH_ACCOUNTS_NVALUES  8


typedef struct {
    unsigned          found:1;
    unsigned          authenticated:1;
    unsigned          not_authenticated:1;
    unsigned          in_progress:1;    /* a login is in progress */

    char              progress[REAUTH_PROGRESS_MAX + 1];
    reauth_unknown_t  unknown;          /* words; no fields */
} reauth_account_status_t;


/* called for each entry with an account ID; a non-zero result stops reading */

typedef int (*reauth_accounts_pt)(void *data, const reauth_string_t *account,
    const reauth_account_status_t *status);


typedef struct {
    reauth_reader_t     reader;
    reauth_value_t      values[REAUTH_ACCOUNTS_NVALUES];
    reauth_accounts_pt  handler;
    void               *data;
} reauth_accounts_t;


void reauth_accounts_init(reauth_accounts_t *accounts,
    reauth_accounts_pt handler, void *data);

/* parses the next piece; after a failure, further calls fail too */
reauth_reader_result_t reauth_accounts_feed(reauth_accounts_t *accounts,
    const unsigned char *p, size_t len);

/* -1: not a complete list of accounts, "why" is set */
int reauth_accounts_end(reauth_accounts_t *accounts, reauth_unread_t *why);


#endif /* REAUTH_ACCOUNTS_H */
