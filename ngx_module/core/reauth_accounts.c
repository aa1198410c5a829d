
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_accounts.h"
#include "reauth_last_attempt.h"


enum {
    REAUTH_ACCOUNTS_TOP = 0,
    REAUTH_ACCOUNTS_DATA,
    REAUTH_ACCOUNTS_ID,
    REAUTH_ACCOUNTS_ACCOUNT_ID,
    REAUTH_ACCOUNTS_AUTHENTICATED,
    REAUTH_ACCOUNTS_PROGRESS,
    REAUTH_ACCOUNTS_PROGRESS_STATE,
    REAUTH_ACCOUNTS_PROGRESS_PROGRESS
};


#define reauth_accounts_fields(path)                                          \
    { path ".id", REAUTH_ACCOUNTS_ID, 0 },                                    \
    { path ".account_id", REAUTH_ACCOUNTS_ACCOUNT_ID, 0 },                    \
    { path ".is_authenticated", REAUTH_ACCOUNTS_AUTHENTICATED, 0 },           \
    { path ".authentication_progress", REAUTH_ACCOUNTS_PROGRESS, 0 },         \
    { path ".authentication_progress.state",                                  \
      REAUTH_ACCOUNTS_PROGRESS_STATE, 0 },                                    \
    { path ".authentication_progress.progress",                               \
      REAUTH_ACCOUNTS_PROGRESS_PROGRESS, 0 }


static const reauth_reader_field_t  reauth_accounts_fields[] = {
    { "", REAUTH_ACCOUNTS_TOP, 0 },
    { "data", REAUTH_ACCOUNTS_DATA, 0 },
    reauth_accounts_fields("*"),
    reauth_accounts_fields("data.*")
};


/* "progress" is a string, or an object as in the response to a poll */

static void
reauth_accounts_read(const reauth_value_t *values, reauth_read_listed_t *read)
{
    const reauth_value_t  *authenticated;

    memset(read, 0, sizeof(reauth_read_listed_t));

    authenticated = &values[REAUTH_ACCOUNTS_AUTHENTICATED];

    read->authenticated = reauth_value_is_true(authenticated);
    read->not_authenticated = authenticated->type == REAUTH_VALUE_FALSE;

    if (values[REAUTH_ACCOUNTS_PROGRESS].type == REAUTH_VALUE_OBJECT) {
        reauth_value_word(&values[REAUTH_ACCOUNTS_PROGRESS_STATE],
                          read->state);
        reauth_value_word(&values[REAUTH_ACCOUNTS_PROGRESS_PROGRESS],
                          read->progress);

    } else {
        reauth_value_word(&values[REAUTH_ACCOUNTS_PROGRESS], read->progress);
    }
}


static void
reauth_accounts_unknown(const reauth_value_t *values,
    reauth_unknown_t *unknown)
{
    const reauth_value_t  *progress;

    progress = &values[REAUTH_ACCOUNTS_PROGRESS];

    if (progress->type == REAUTH_VALUE_OBJECT) {
        progress = &values[REAUTH_ACCOUNTS_PROGRESS_PROGRESS];

        reauth_unknown_value(unknown, REAUTH_UNKNOWN_STATE,
                             &values[REAUTH_ACCOUNTS_PROGRESS_STATE],
                             reauth_listed_is_known);
    }

    reauth_unknown_value(unknown, REAUTH_UNKNOWN_PROGRESS, progress,
                         reauth_listed_is_known);
}


static void
reauth_accounts_take(const reauth_value_t *values,
    reauth_account_status_t *status)
{
    const reauth_value_t  *progress;
    reauth_read_listed_t   read;

    reauth_accounts_read(values, &read);

    status->found = 1;
    status->authenticated = read.authenticated;
    status->not_authenticated = read.not_authenticated;
    status->in_progress = reauth_classify_listed(&read);

    reauth_accounts_unknown(values, &status->unknown);

    progress = &values[REAUTH_ACCOUNTS_PROGRESS];

    if (progress->type == REAUTH_VALUE_OBJECT) {
        progress = &values[REAUTH_ACCOUNTS_PROGRESS_PROGRESS];

        if (!reauth_value_is_text(progress)) {
            progress = &values[REAUTH_ACCOUNTS_PROGRESS_STATE];
        }
    }

    reauth_value_copy(progress, status->progress, REAUTH_PROGRESS_MAX);
}


static int
reauth_accounts_element(void *data)
{
    reauth_accounts_t *accounts = data;

    char                      id[REAUTH_ACCOUNT_MAX + 1];
    reauth_string_t           account;
    reauth_account_status_t   status;

    reauth_value_copy_account(&accounts->values[REAUTH_ACCOUNTS_ID], id);

    if (id[0] == '\0') {
        reauth_value_copy_account(
                           &accounts->values[REAUTH_ACCOUNTS_ACCOUNT_ID], id);
    }

    if (id[0] == '\0') {
        return 0;
    }

    memset(&status, 0, sizeof(reauth_account_status_t));

    reauth_accounts_take(accounts->values, &status);
    account = reauth_string_from(id);

    return accounts->handler(accounts->data, &account, &status);
}


void
reauth_accounts_init(reauth_accounts_t *accounts, reauth_accounts_pt handler,
    void *data)
{
    reauth_reader_init(&accounts->reader, reauth_accounts_fields,
                       sizeof(reauth_accounts_fields)
                       / sizeof(reauth_reader_field_t),
                       NULL, accounts->values, REAUTH_ACCOUNTS_NVALUES);

    accounts->reader.element = reauth_accounts_element;
    accounts->reader.data = accounts;
    accounts->handler = handler;
    accounts->data = data;
}


reauth_reader_result_t
reauth_accounts_feed(reauth_accounts_t *accounts, const unsigned char *p,
    size_t len)
{
    return reauth_reader_feed(&accounts->reader, p, len);
}


int
reauth_accounts_end(reauth_accounts_t *accounts, reauth_unread_t *why)
{
    if (reauth_reader_end(&accounts->reader) == REAUTH_READER_INVALID) {
        reauth_reader_unread(&accounts->reader, why);
        return -1;
    }

    if (accounts->values[REAUTH_ACCOUNTS_TOP].type != REAUTH_VALUE_ARRAY
        && accounts->values[REAUTH_ACCOUNTS_DATA].type != REAUTH_VALUE_ARRAY)
    {
        why->reason = "it is not a list of accounts";
        why->offset = 0;

        return -1;
    }

    return 0;
}
