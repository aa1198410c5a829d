
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The record of an account as JSON, in the same form in all status responses.
 * It is described in docs/http-api.md, "Record".
 */


#ifndef REAUTH_STATUS_H
#define REAUTH_STATUS_H


#include "reauth_heal.h"
#include "reauth_override.h"


/*
 * The maximum size: all strings with their maximum length, each byte as an
 * escape of six bytes, names, times and numbers.
 */
#define REAUTH_STATUS_RECORD_MAX                                              \
    (6 * (REAUTH_ACCOUNT_MAX + REAUTH_ATTEMPT_MAX + REAUTH_PROGRESS_MAX       \
          + REAUTH_ERROR_CODE_MAX + REAUTH_ERROR_MESSAGE_MAX                  \
          + REAUTH_CALLER_MAX                                                 \
          + REAUTH_CALLER_MAX + REAUTH_OVERRIDE_REASON_MAX                    \
          + REAUTH_ERROR_CODE_MAX) + 1188)


/* data that is not in the record */

typedef struct {
    int64_t      now_ms;
    unsigned     retry_after;     /* seconds; of a closed gate only */
    const char  *action;          /* the required action; NULL: none */
    const reauth_override_t  *override;   /* NULL: none */
    const reauth_heal_t      *heal;       /* NULL: none */
} reauth_status_view_t;


/*
 * Writes the object to buf[REAUTH_STATUS_RECORD_MAX], not NUL-terminated.
 * Returns its length, 0: no memory.
 */
size_t reauth_status_record(char *buf, const reauth_record_t *record,
    const reauth_status_view_t *view);

/*
 * How long a request waits for a change of the account, in ms; at most
 * "most_ms", 0: it does not wait.  Only active attempts are expected to change.
 * After its deadline, an attempt is shown as expired, even if no worker has
 * ended it yet.
 */
int64_t reauth_status_wait_ms(const reauth_record_t *record, int64_t now_ms,
    int64_t most_ms);

/* writes one change of a timeline; "action" as in the view */
size_t reauth_status_event(char *buf, const reauth_record_t *record,
    const char *action);


#endif /* REAUTH_STATUS_H */
