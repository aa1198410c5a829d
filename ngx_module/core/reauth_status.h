
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One account's record as the status shows it: JSON, the same shape wherever
 * a record is shown.  docs/http-api.md, "Record", describes it.
 */


#ifndef REAUTH_STATUS_H
#define REAUTH_STATUS_H


#include "reauth_attempt.h"


/*
 * No record takes more: every string at its bound and each byte of it as an
 * escape of six, names, times and numbers on top.
 */
#define REAUTH_STATUS_RECORD_MAX                                              \
    (6 * (REAUTH_ACCOUNT_MAX + REAUTH_ATTEMPT_MAX + REAUTH_PROGRESS_MAX       \
          + REAUTH_ERROR_CODE_MAX + REAUTH_ERROR_MESSAGE_MAX                  \
          + REAUTH_CALLER_MAX) + 896)


/* what the record itself does not say */

typedef struct {
    int64_t      now_ms;
    unsigned     retry_after;     /* seconds; of a closed gate only */
    const char  *action;          /* who must act; NULL: nobody */
} reauth_status_view_t;


/*
 * Writes the object into buf[REAUTH_STATUS_RECORD_MAX], with no NUL at the
 * end.  Returns its length, 0: no memory.
 */
size_t reauth_status_record(char *buf, const reauth_record_t *record,
    const reauth_status_view_t *view);

/* the same for one change of a timeline; "action" as in the view */
size_t reauth_status_event(char *buf, const reauth_record_t *record,
    const char *action);


#endif /* REAUTH_STATUS_H */
