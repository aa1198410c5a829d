
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the upstream's answers tell of a login attempt: the answer to a poll,
 * of both platforms, and the list of all accounts.  What is kept is the
 * allow-list of the structures below; of the rest, which holds the account's
 * session and its owner's data, no copy remains.
 */


#ifndef REAUTH_POLL_H
#define REAUTH_POLL_H


#include "reauth_attempt.h"
#include "reauth_json.h"


typedef struct {
    reauth_state_t   state;        /* one of running, needs_*, succeeded,
                                      failed */
    reauth_action_t  action;
    int64_t          started_us;
    int64_t          completed_us;

    char             account[REAUTH_ACCOUNT_MAX + 1];   /* or empty */
    char             progress[REAUTH_PROGRESS_MAX + 1];
    char             error_code[REAUTH_ERROR_CODE_MAX + 1];
    char             error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
} reauth_poll_t;


typedef struct {
    unsigned         found:1;
    unsigned         authenticated:1;
    unsigned         not_authenticated:1;
    unsigned         in_progress:1;     /* a login is under way */

    char             progress[REAUTH_PROGRESS_MAX + 1];
} reauth_account_status_t;


/* what a poll says of its attempt; the fact points into the poll */
void reauth_poll_fact(const reauth_poll_t *poll, reauth_fact_t *fact);


/*
 * Whether the "error" of an error response is a code, such as
 * SESSION_EXPIRED:NEEDS_REAUTHENTICATION, and not a sentence.
 */
int reauth_poll_error_is_code(const unsigned char *body, size_t len);


/*
 * Both zero *out first.  REAUTH_JSON_INVALID: it is not such an answer,
 * whether it is no JSON or JSON of another shape.
 */

reauth_json_result_t reauth_poll_parse(const unsigned char *body, size_t len,
    reauth_poll_t *out);

reauth_json_result_t reauth_accounts_parse(const unsigned char *body,
    size_t len, const reauth_string_t *account, reauth_account_status_t *out);


#endif /* REAUTH_POLL_H */
