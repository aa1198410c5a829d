
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Parses the upstream's responses about a login attempt: to polls, of both
 * platforms, and the list of all accounts.  Only the structures below are kept,
 * an allow-list; of the rest, which contains the session and personal data, no
 * copy remains.
 */


#ifndef REAUTH_POLL_H
#define REAUTH_POLL_H


#include "reauth_attempt.h"
#include "reauth_classify.h"
#include "reauth_reader.h"
#include "reauth_unknown.h"


typedef struct {
    reauth_state_t   state;        /* one of running, needs_*, succeeded,
                                      failed */
    reauth_action_t  action;
    int64_t          started_us;
    int64_t          completed_us;
    int64_t          before_us;       /* started_at of an earlier attempt */

    unsigned         step:1;          /* see reauth_verdict_t */
    unsigned         needs_step:1;

    char             account[REAUTH_ACCOUNT_MAX + 1];   /* or empty */
    char             progress[REAUTH_PROGRESS_MAX + 1];
    char             error_code[REAUTH_ERROR_CODE_MAX + 1];
    char             error_message[REAUTH_ERROR_MESSAGE_MAX + 1];

    reauth_unknown_t  unknown;
} reauth_poll_t;


/*
 * Whether the response is about this account, if it names one; empty: the
 * account is unknown.  If 0 is returned, "why" is set.
 */
int reauth_poll_is_of(const reauth_poll_t *poll,
    const reauth_string_t *account, reauth_unread_t *why);

/* sets the fact of a poll; it points into the poll */
void reauth_poll_fact(const reauth_poll_t *poll, reauth_fact_t *fact);


/*
 * The fact of a background poll, or a list of accounts, without a result.
 * "status" is that of the response, 0: none.
 */
void reauth_poll_failed_fact(const reauth_record_t *record,
    reauth_poll_error_t error, unsigned status, int64_t now_ms,
    reauth_fact_t *fact);

/* whether it differs from the last one */
int reauth_poll_is_news(const reauth_record_t *record,
    const reauth_fact_t *fact);


/*
 * Parses the response to a poll.  Zeroes *out first.  -1: not JSON, or another
 * format; "why" is set.
 */
int reauth_poll_parse(const unsigned char *body, size_t len,
    reauth_poll_t *out, reauth_unread_t *why);


#endif /* REAUTH_POLL_H */
