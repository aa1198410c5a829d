
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Decisions on the stored data of an account.  Each function takes the stored
 * data and an input (a begin, a fact, a record of Redis), and returns a result
 * and a verdict, which specifies what is to be written.  The zone applies
 * verdicts under its lock and decides nothing.  Plain C, without a clock and
 * memory of its own.
 */


#ifndef REAUTH_JUDGE_H
#define REAUTH_JUDGE_H


#include "reauth_attempt.h"
#include "reauth_upstream_status.h"
#include "reauth_webhook.h"


/* the stored data on which decisions depend */

typedef struct {
    reauth_record_t  record;       /* state NONE: unknown account */
    unsigned         dirty;        /* has changes that are not in Redis */

    unsigned         has_redis;
    uint64_t         epoch;        /* the largest one seen, of any account */
    unsigned         salt;         /* see reauth_epoch_make() */
    uint64_t         origin;       /* of epochs that are made here */
    unsigned         waiting;      /* other updates are waiting */

    /* see reauth_shares_allow() */
    size_t           attempts;     /* active ones of the caller */
    size_t           active;
    size_t           capacity;
} reauth_stored_t;


typedef enum {
    REAUTH_WRITE_NOTHING = 0,
    REAUTH_WRITE_RECORD,
    REAUTH_WRITE_REVISION,         /* only its revision has changed, and
                                      secrets that were missing, which is not
                                      reported as a change */
    REAUTH_WRITE_REMOVED           /* there is no record any more */
} reauth_write_t;


typedef struct {
    reauth_write_t   write;
    unsigned         dirty;        /* of the record to be written */
    unsigned         again;        /* judged again by the record in Redis */
    reauth_record_t  record;       /* the record after the decision */
} reauth_judgement_t;


/* how a webhook is handled */

typedef enum {
    REAUTH_HEARD_NOTHING = 0,
    REAUTH_HEARD_HINT,             /* poll the account */
    REAUTH_HEARD_FACT
} reauth_heard_t;


/* how the request of a begun update has ended */

typedef enum {
    REAUTH_UPDATE_UNFINISHED = 0,  /* no response: the client has left */
    REAUTH_UPDATE_ANSWERED,        /* a whole response */
    REAUTH_UPDATE_ENCODED,         /* one that is compressed: unreadable */
    REAUTH_UPDATE_REDIRECTED,
    REAUTH_UPDATE_TIMED_OUT,
    REAUTH_UPDATE_FAILED           /* no response, or an incomplete one */
} reauth_update_end_t;


/* the code of a 401 response to an ordinary call that needs a new login */
#define REAUTH_SESSION_EXPIRED  "SESSION_EXPIRED:NEEDS_REAUTHENTICATION"

/* how such a response is handled */

typedef enum {
    REAUTH_CALLED_FACT = 0,
    REAUTH_CALLED_OTHER,           /* another error, or of no account */
    REAUTH_CALLED_EARLIER,         /* the call began before the last change */
    REAUTH_CALLED_KNOWN            /* a login is active, or it is known */
} reauth_called_t;


/* how the response to an update is stored */

typedef enum {
    REAUTH_RESPONSE_COMPOSED = 0,  /* not: it is composed from the record */
    REAUTH_RESPONSE_WAITING,       /* briefly, for requests that wait for it */
    REAUTH_RESPONSE_KEPT           /* as long as the attempt may last */
} reauth_response_t;


/* a commit is written only if Redis has the revision on which it was based */

#define REAUTH_COMMIT_TRIES  6

typedef enum {
    REAUTH_COMMIT_GIVE_UP = 0,     /* it remains dirty and is written later */
    REAUTH_COMMIT_AS_NEW,          /* Redis has lost the record */
    REAUTH_COMMIT_BEGIN_AGAIN,     /* reauth_judge_begin() by its record */
    REAUTH_COMMIT_JUDGE_AGAIN      /* reauth_judge_conflict() by its record */
} reauth_commit_step_t;


/*
 * A begin.  If Redis has a later record than the one on which the begin was
 * based, or if the stored one lacks data (REAUTH_BEGIN_READ), it is judged
 * again: "remote" is the record of Redis, otherwise NULL.  Sets begin->epoch,
 * which is kept when the begin is judged again, because this epoch may be in
 * Redis already.
 */
reauth_begin_result_t reauth_judge_begin(const reauth_stored_t *stored,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_judgement_t *verdict);

/* a fact; sets fact->new_epoch and fact->new_origin */
reauth_advance_result_t reauth_judge_advance(const reauth_stored_t *stored,
    reauth_fact_t *fact, reauth_judgement_t *verdict);

/*
 * A change was not written because Redis has another record.  "fact" is the
 * fact that caused the change and is judged again; NULL: the stored record was
 * to be written.  Returns 1 if the verdict's record is to be written to Redis.
 */
int reauth_judge_conflict(const reauth_stored_t *stored, reauth_fact_t *fact,
    const reauth_record_t *remote, reauth_judgement_t *verdict);

/*
 * A record read from Redis ("live"), or from an event, which has no secrets.
 * Secrets that are stored are kept; others are missing from then on, and a
 * change of the stored record is not written over any revision: it is judged
 * again by the record of Redis, which has them.
 */
reauth_merge_result_t reauth_judge_merge(const reauth_stored_t *stored,
    const reauth_record_t *remote, int live, reauth_judgement_t *verdict);

/* Redis does not have "record", which was stored when the read was sent */
void reauth_judge_lost(const reauth_stored_t *stored,
    const reauth_record_t *record, reauth_judgement_t *verdict);

/*
 * The same for a record that was deleted in Redis, by hand or as it has
 * expired: the one of an attempt that has ended is removed, unless Redis does
 * not have the end yet.  A deletion opens no gate: an active attempt is written
 * again.  Returns 1 if it is to be.
 */
int reauth_judge_deleted(const reauth_stored_t *stored,
    const reauth_record_t *record, reauth_judgement_t *verdict);

/* what becomes of a person's request to forget an account */

typedef enum {
    REAUTH_FORGET_DONE = 0,
    REAUTH_FORGET_UNKNOWN,         /* no such account */
    REAUTH_FORGET_SENDING          /* an update is being sent */
} reauth_forget_t;

/*
 * Forgets the stored attempt, active or not: its gate opens on all gateways.
 * Later attempts are not affected.
 */
reauth_forget_t reauth_judge_forget(const reauth_stored_t *stored,
    int64_t now_ms, reauth_judgement_t *verdict);

/*
 * "record" is in Redis as "revision".  Returns 1 if the stored record has
 * changed since it was sent, so that Redis does not have this change.  If the
 * stored change was undone while it was being written, the record of Redis is
 * later, and is stored.  "reread": Redis is being read anew since it was sent;
 * it may have been lost since it was written, so that it is written again.
 */
int reauth_judge_committed(const reauth_stored_t *stored,
    const reauth_record_t *record, uint64_t revision, int reread,
    reauth_judgement_t *verdict);

/*
 * A commit was not written; "exists": Redis has a record.  *tries counts the
 * conflicts of this commit.
 */
reauth_commit_step_t reauth_judge_unwritten(unsigned *tries, int exists,
    int begin);

/*
 * Whether a dirty record is written by the clerk: at once if it is "unsent",
 * i.e. if no worker is writing it.  Otherwise, its own commit may be in
 * progress for "timeout_ms", that of a begin for twice as long.
 */
int reauth_judge_flush(const reauth_record_t *record, int unsent,
    int64_t now_ms, int64_t timeout_ms);

/*
 * Returns the fact for an update that is not sent after its begin: it is
 * handled like a rejection by the upstream, because the begin may be in
 * Redis.
 */
void reauth_judge_unsent(const reauth_begin_t *begin, int64_t now_ms,
    const char *code, reauth_fact_t *fact);

/*
 * Determines what a webhook closes or confirms.  For REAUTH_HEARD_FACT, *fact
 * is set, and the account must be polled if the fact is unplaced.  "record" is
 * used only for hints; "polling": there is a poller.
 */
reauth_heard_t reauth_judge_webhook(const reauth_webhook_t *webhook,
    const reauth_record_t *record, int64_t now_ms, int64_t gate_max_ms,
    int polling, reauth_fact_t *fact);

/*
 * What the end of an update's request means, if not by the text of a response:
 * RUNNING: accepted, and its text tells more.  "sent": the upstream may have
 * received the request; "status" is that of the response.  *code is set to the
 * error code, NULL: that of the response.
 */
reauth_state_t reauth_judge_ended(reauth_update_end_t end, int sent,
    reauth_upstream_status_t status, const char **code);

/*
 * The state of an update that the upstream has accepted: "readable" if the
 * response has the format of one, "deeplink" if it has one.
 */
void reauth_judge_accepted(int readable, int deeplink, reauth_fact_t *fact);

/*
 * Whether a response with these properties can be identical to the one that is
 * composed from the record: "json" is its media type without parameters,
 * "sealed": the record has its deeplink.
 */
int reauth_judge_is_composable(int whole, unsigned status, int json,
    int deeplink, int sealed);

/*
 * "state" is that of the settled update; "composed": the response composed from
 * the record is identical.
 */
reauth_response_t reauth_judge_response(reauth_state_t state, int composed,
    int deeplink);

/*
 * Sets the caller of a rejected update's fact, which is that of the attempt
 * that is restored; "known" is reauth_begin_t's prior_known.
 */
void reauth_judge_restored(reauth_fact_t *fact, int known, const char *caller);

/* the fact of a code that the upstream has accepted */
void reauth_judge_code(const reauth_string_t *attempt, reauth_fact_t *fact);

/*
 * A 401 response to an ordinary call that began at "began_ms"; "code" is that
 * of the error.  For REAUTH_CALLED_FACT, *fact is set: the account needs a
 * person, no gate is changed.
 */
reauth_called_t reauth_judge_call(const char *code,
    const reauth_record_t *record, int64_t began_ms, int64_t now_ms,
    reauth_fact_t *fact);

/*
 * A call of an account that was known to need new credentials was sent at
 * "sent_ms", and has succeeded.  For REAUTH_CALLED_FACT, *fact is set: the
 * account is logged in.
 */
reauth_called_t reauth_judge_works(const reauth_record_t *record,
    int64_t sent_ms, int64_t now_ms, reauth_fact_t *fact);

/*
 * Whether a fact of the two functions above says nothing new about "record", to
 * which it is to be applied: the record has changed since the fact was made, or
 * is that of Redis.
 */
int reauth_judge_is_outdated(const reauth_record_t *record,
    const reauth_fact_t *fact);


#endif /* REAUTH_JUDGE_H */
