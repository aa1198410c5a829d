
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Decisions on what a gateway has stored of an account: each function takes
 * that and an input (a begin, a fact, a record of Redis), and returns a result
 * and a verdict, which says what is to be written.  The zone carries verdicts
 * out under its lock; it decides nothing itself.  Plain C, no clock, no memory.
 */


#ifndef REAUTH_JUDGE_H
#define REAUTH_JUDGE_H


#include "reauth_attempt.h"
#include "reauth_webhook.h"


/* the stored data that decisions depend on */

typedef struct {
    reauth_record_t  record;       /* state NONE: nothing is known */
    unsigned         dirty;        /* it has changes that Redis does not have */

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
    REAUTH_WRITE_REVISION          /* the record is as it was, except for its
                                      revision and secrets that were missing;
                                      this is no change to report */
} reauth_write_t;


typedef struct {
    reauth_write_t   write;
    unsigned         dirty;        /* of what is written */
    unsigned         again;        /* judged by what Redis has */
    reauth_record_t  record;       /* as it is afterwards */
} reauth_judgement_t;


/* how a webhook is handled */

typedef enum {
    REAUTH_HEARD_NOTHING = 0,
    REAUTH_HEARD_HINT,             /* poll the account */
    REAUTH_HEARD_FACT
} reauth_heard_t;


/* a commit is written only if Redis has the revision that it was judged by */

#define REAUTH_COMMIT_TRIES  6

typedef enum {
    REAUTH_COMMIT_GIVE_UP = 0,     /* it remains dirty and is written later */
    REAUTH_COMMIT_AS_NEW,          /* Redis has lost the record */
    REAUTH_COMMIT_BEGIN_AGAIN,     /* reauth_judge_begin() by its record */
    REAUTH_COMMIT_JUDGE_AGAIN      /* reauth_judge_conflict() by its record */
} reauth_commit_step_t;


/*
 * A begin.  If Redis has a later record than the one that the begin was judged
 * by, or the stored one misses something (REAUTH_BEGIN_READ), it is judged
 * again: "remote" is the record of Redis, otherwise NULL.  Sets begin->epoch,
 * which is kept when the begin is judged again, as this epoch may be in Redis
 * already.
 */
reauth_begin_result_t reauth_judge_begin(const reauth_stored_t *stored,
    reauth_begin_t *begin, const reauth_record_t *remote,
    reauth_judgement_t *verdict);

/* a fact; sets fact->new_epoch and fact->new_origin */
reauth_advance_result_t reauth_judge_advance(const reauth_stored_t *stored,
    reauth_fact_t *fact, reauth_judgement_t *verdict);

/*
 * A change was not written, as Redis has another record.  "fact": what made
 * the change, which is judged again; NULL: what is stored was to be written.
 * Returns 1 if the verdict's record is to be written to Redis.
 */
int reauth_judge_conflict(const reauth_stored_t *stored, reauth_fact_t *fact,
    const reauth_record_t *remote, reauth_judgement_t *verdict);

/*
 * A record that was read from Redis ("live") or is in an event, without its
 * secrets.  Those that are stored are kept; others are missing from then on,
 * and a change of what is stored is not written over any revision: it is
 * judged again by Redis' record, which has them.
 */
reauth_merge_result_t reauth_judge_merge(const reauth_stored_t *stored,
    const reauth_record_t *remote, int live, reauth_judgement_t *verdict);

/* Redis does not have "record", which was stored when Redis was asked */
void reauth_judge_lost(const reauth_stored_t *stored,
    const reauth_record_t *record, reauth_judgement_t *verdict);

/*
 * "record" is in Redis as "revision".  Returns 1 if what is stored has changed
 * since and Redis does not have that.
 */
int reauth_judge_committed(const reauth_stored_t *stored,
    const reauth_record_t *record, uint64_t revision,
    reauth_judgement_t *verdict);

/*
 * A commit was not written; "exists": Redis has a record.  *tries counts the
 * conflicts of this commit.
 */
reauth_commit_step_t reauth_judge_unwritten(unsigned *tries, int exists,
    int begin);

/*
 * Whether a dirty record is to be written by the timer: its own commit may
 * still be in progress for "timeout_ms".
 */
int reauth_judge_flush(const reauth_record_t *record, int64_t now_ms,
    int64_t timeout_ms);

/*
 * The update of a begin is not sent: the fact that takes it back as one that
 * the upstream has rejected, since Redis may have its record.
 */
void reauth_judge_unsent(const reauth_begin_t *begin, int64_t now_ms,
    const char *code, reauth_fact_t *fact);

/*
 * What a webhook closes or confirms: for REAUTH_HEARD_FACT, *fact is set, and
 * the account is to be polled if the fact is unplaced.  "record" is only looked
 * at for hints; "polling": there is a poller.
 */
reauth_heard_t reauth_judge_webhook(const reauth_webhook_t *webhook,
    const reauth_record_t *record, int64_t now_ms, int64_t gate_max_ms,
    int polling, reauth_fact_t *fact);


#endif /* REAUTH_JUDGE_H */
