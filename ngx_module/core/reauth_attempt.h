
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The state machine of one account's login attempt: plain C, no I/O, no clock
 * of its own.  Every fact about an attempt, whoever learned it, is judged by
 * reauth_attempt_advance(); every new attempt begins in reauth_attempt_begin();
 * two copies of one account's record become one in reauth_attempt_merge().
 *
 * The invariant: no late, duplicate, reordered or replayed fact opens or
 * closes a newer attempt's gate.  See docs/state-machine.md.
 *
 * Units: *_ms are milliseconds and *_us microseconds since the Unix epoch,
 * 0 = not known.  All strings are NUL-terminated and hold no control bytes.
 */


#ifndef REAUTH_ATTEMPT_H
#define REAUTH_ATTEMPT_H


#include <stdint.h>

#include "reauth_string.h"


/* "fansly_acct_" or "fanvue_acct_" and 64 characters; "auth_" and 64 */
#define REAUTH_ACCOUNT_MAX         76
#define REAUTH_ATTEMPT_MAX         69
#define REAUTH_PROGRESS_MAX        31
#define REAUTH_ERROR_CODE_MAX      63
#define REAUTH_ERROR_MESSAGE_MAX   127
#define REAUTH_CALLER_MAX          47

#define REAUTH_FINGERPRINT_LEN     32
#define REAUTH_SEALED_MAX          192

/*
 * An update that was not answered for this long has lost its sender (a worker
 * died): whether the upstream has it is not known then.  Longer than any
 * sensible proxy_read_timeout of the internal location.
 */
#define REAUTH_STARTING_MAX_MS     90000

/* polls in a row that do not find the attempt: the list of accounts decides */
#define REAUTH_LOST_MAX            3

/* how long an ended record is kept; see reauth_attempt_kept_ms() */
#define REAUTH_KEPT_MS             86400000
#define REAUTH_KEPT_BRIEF_MS       300000

/*
 * While a login runs the upstream may still answer as if for the session before
 * it: that long, an end takes more than its word.
 */
#define REAUTH_OLD_SESSION_MS      10000

/*
 * An end that was started by the upstream's clock at most that long before the
 * attempt was begun by ours is that of the attempt; one that was started longer
 * before than the second is not, however wrong either clock may be.
 */
#define REAUTH_CLOCKS_AGREE_MS     2000
#define REAUTH_CLOCKS_DIFFER_MS    300000


typedef enum {
    REAUTH_STATE_NONE = 0,         /* nothing is known of the account */
    REAUTH_STATE_STARTING,
    REAUTH_STATE_RUNNING,
    REAUTH_STATE_NEEDS_OTP,
    REAUTH_STATE_NEEDS_FACE,
    REAUTH_STATE_NEEDS_APP,
    REAUTH_STATE_NEEDS_PERSON,     /* in a way that has no name here */
    REAUTH_STATE_UNKNOWN,
    REAUTH_STATE_SUCCEEDED,        /* this one and all below are ends */
    REAUTH_STATE_FAILED,
    REAUTH_STATE_REJECTED,
    REAUTH_STATE_EXPIRED,
    REAUTH_STATE_LAST
} reauth_state_t;


typedef enum {
    REAUTH_ACTION_NONE = 0,
    REAUTH_ACTION_OTP,
    REAUTH_ACTION_APP_OTP,
    REAUTH_ACTION_FACE,
    REAUTH_ACTION_APP,
    REAUTH_ACTION_CREDENTIALS,
    REAUTH_ACTION_PERSON,
    REAUTH_ACTION_LAST
} reauth_action_t;


typedef enum {
    REAUTH_AUTH_TYPE_NONE = 0,     /* not known: begun elsewhere */
    REAUTH_AUTH_TYPE_EMAIL_PASSWORD,
    REAUTH_AUTH_TYPE_RAW_DATA,
    REAUTH_AUTH_TYPE_MOBILE_APP,
    REAUTH_AUTH_TYPE_LAST
} reauth_auth_type_t;


typedef enum {
    REAUTH_SOURCE_NONE = 0,
    REAUTH_SOURCE_UPDATE,
    REAUTH_SOURCE_START,
    REAUTH_SOURCE_REAUTHENTICATE,
    REAUTH_SOURCE_POLL,            /* a caller's poll, seen on its way */
    REAUTH_SOURCE_SUBMIT_2FA,
    REAUTH_SOURCE_WEBHOOK,
    REAUTH_SOURCE_POLLER,          /* our own background poll */
    REAUTH_SOURCE_CALL,            /* an ordinary call's answer */
    REAUTH_SOURCE_TIMER,           /* reauth_gate_max */
    REAUTH_SOURCE_LAST
} reauth_source_t;


/* why the last poll of an attempt said nothing of it */

typedef enum {
    REAUTH_POLL_ERROR_NONE = 0,    /* it did */
    REAUTH_POLL_ERROR_HTTP,        /* by its status */
    REAUTH_POLL_ERROR_NOT_FOUND,
    REAUTH_POLL_ERROR_NOT_LISTED,
    REAUTH_POLL_ERROR_KEY_REFUSED,
    REAUTH_POLL_ERROR_LIMITED,
    REAUTH_POLL_ERROR_UNREADABLE,
    REAUTH_POLL_ERROR_TOO_LARGE,
    REAUTH_POLL_ERROR_TIMEOUT,
    REAUTH_POLL_ERROR_NO_RESPONSE,
    REAUTH_POLL_ERROR_NO_KEY,
    REAUTH_POLL_ERROR_NOT_SENT,
    REAUTH_POLL_ERROR_LAST
} reauth_poll_error_t;


/* what a rejected update falls back to: the attempt that ran before it */

typedef struct {
    int64_t   since_ms;
    int64_t   deadline_ms;
    int64_t   started_us;
    int64_t   completed_us;
    uint8_t   state;
    uint8_t   auth_type;
    uint8_t   action;
    uint8_t   fingerprint_set;
    uint8_t   kept;
    uint8_t   fingerprint[REAUTH_FINGERPRINT_LEN];
    char      attempt[REAUTH_ATTEMPT_MAX + 1];
} reauth_prior_t;


/*
 * All that is kept of an account.  Nothing here is a credential: what may be
 * kept is an allow-list, and the deeplink is kept sealed (reauth_seal.h).
 */

typedef struct {
    uint64_t        epoch;         /* hybrid logical clock, see below */
    uint64_t        revision;      /* of the copy in Redis; 0: not there */

    int64_t         since_ms;      /* the attempt was begun */
    int64_t         updated_ms;    /* the last fact that counted */
    int64_t         deadline_ms;   /* the gate opens at the latest */
    int64_t         started_us;    /* upstream's lastAttempt.started_at */
    int64_t         completed_us;  /* upstream's completed_at, or our end */
    int64_t         before_us;     /* started_at of the latest attempt before
                                      this one */
    int64_t         accepted_ms;   /* it was not being sent any more */
    int64_t         stepped_ms;    /* a poll has shown this login running */
    int64_t         polled_ms;     /* since when polls give what is below;
                                      0: none has failed */

    uint8_t         state;         /* reauth_state_t */
    uint8_t         auth_type;     /* reauth_auth_type_t */
    uint8_t         action;        /* reauth_action_t */
    uint8_t         source;        /* reauth_source_t: who said so last */
    uint8_t         fingerprint_set;
    uint8_t         sealed_len;    /* 0: nothing sealed */
    uint8_t         lost;          /* polls that did not find it, in a row */
    uint8_t         fresh;         /* nothing was known before, nor since */
    uint8_t         poll_error;    /* reauth_poll_error_t */
    uint16_t        poll_status;   /* of HTTP; 0: none */
    uint8_t         kept;          /* the response to the request that began
                                      it, by since_ms; 0: it can be composed of
                                      the record */

    uint8_t         fingerprint[REAUTH_FINGERPRINT_LEN];

    char            account[REAUTH_ACCOUNT_MAX + 1];
    char            attempt[REAUTH_ATTEMPT_MAX + 1];
    char            progress[REAUTH_PROGRESS_MAX + 1];
    char            error_code[REAUTH_ERROR_CODE_MAX + 1];
    char            error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
    char            caller[REAUTH_CALLER_MAX + 1];

    uint8_t         sealed[REAUTH_SEALED_MAX];

    reauth_prior_t  prior;         /* only while starting; else zeroed */
} reauth_record_t;


typedef struct {
    int64_t             now_ms;
    int64_t             gate_max_ms;    /* deadline = now + this */
    uint64_t            epoch;          /* from reauth_epoch_next() */
    reauth_source_t     source;
    reauth_auth_type_t  auth_type;
    reauth_string_t     account;
    reauth_string_t     caller;         /* may be empty */
    unsigned            resend;         /* active or not, send it anyway */
    unsigned            waited;         /* no other one is to be sent first */
    unsigned            bounded;        /* so is what this caller may begin: */
    size_t              callers;        /* all there are */
    size_t              attempts_max;   /* active ones of this; 0: by default */
    size_t              attempts;       /* it has so many */
    size_t              active;         /* those of all */
    size_t              capacity;
    const uint8_t      *fingerprint;    /* REAUTH_FINGERPRINT_LEN, or NULL */
} reauth_begin_t;


typedef enum {
    REAUTH_BEGIN_STARTED = 0,    /* next is to be written: forward now */
    REAUTH_BEGIN_COALESCED,      /* same update is active: answer from record */
    REAUTH_BEGIN_JOIN,           /* same update is being sent: await it */
    REAUTH_BEGIN_WAIT,           /* another one is being sent: await its end */
    REAUTH_BEGIN_TOO_MANY        /* the caller has begun too many others */
} reauth_begin_result_t;


/*
 * A fact about an attempt.  Which attempt it is about is said by exactly one
 * of, in this order: epoch (an update of our own that is being settled),
 * attempt (a poll), started_us (a webhook, which names no attempt).
 */

typedef struct {
    int64_t          now_ms;
    int64_t          gate_max_ms;    /* for an attempt that shows itself */
    uint64_t         epoch;          /* 0: not said */
    uint64_t         new_epoch;      /* for an attempt that shows itself */
    reauth_string_t  attempt;        /* empty: not said */
    reauth_string_t  caller;         /* who has polled; may be empty */
    unsigned         bounded;        /* so is what this caller may begin: */
    size_t           callers;        /* all there are */
    size_t           attempts_max;   /* active ones of this; 0: by default */
    unsigned         full;           /* it may begin no further one */
    unsigned         live;           /* seen after the record of that epoch
                                        had ended: it is about what came after
                                        that */

    /* set by reauth_fact_asked(), for what the upstream was asked */
    int64_t          asked_ms;       /* 0: it was not asked */
    uint64_t         asked_epoch;
    unsigned         asked_known;    /* asked_epoch is that of the record */
    unsigned         asked_sending;  /* which was being sent */

    unsigned         step;           /* the login is in progress; not said of a
                                        session from before it */
    unsigned         needs_step;     /* an end only if a step was seen before */
    unsigned         unconfirmed;    /* a poll must confirm that it opens a
                                        gate */
    int64_t          before_us;      /* started_at of an earlier attempt */

    unsigned         polled;         /* it is what a poll gave: */
    reauth_poll_error_t  poll_error; /* not NONE: all below is unset but the
                                        source */
    unsigned         poll_status;    /* 0: no response */
    unsigned         lost;           /* the upstream does not know what was
                                        polled; with a poll_error */

    reauth_source_t  source;
    reauth_state_t   state;          /* NONE: refresh only, no change */
    reauth_action_t  action;
    reauth_auth_type_t  auth_type;   /* NONE: as it is */
    int64_t          started_us;
    int64_t          completed_us;
    reauth_string_t  progress;       /* data NULL: as it is */
    reauth_string_t  error_code;     /* data NULL: none */
    reauth_string_t  error_message;  /* data NULL: none */

    unsigned         kept;           /* the response is, apart */

    const uint8_t   *sealed;         /* NULL: as it is */
    size_t           sealed_len;
} reauth_fact_t;


typedef enum {
    REAUTH_ADVANCE_APPLIED = 0,
    REAUTH_ADVANCE_SAME,         /* true, but nothing new: nothing to write */
    REAUTH_ADVANCE_STALE,        /* about an older attempt */
    REAUTH_ADVANCE_ENDED,        /* its attempt is already at an end */
    REAUTH_ADVANCE_UNPLACED      /* can't be said which attempt: poll once */
} reauth_advance_result_t;


const char *reauth_state_name(reauth_state_t state);
reauth_state_t reauth_state_parse(const reauth_string_t *name);  /* LAST: no */

/* what a person must do in this state; NONE: nothing, or it is not known */
reauth_action_t reauth_state_action(reauth_state_t state);

const char *reauth_action_name(reauth_action_t action);     /* NULL for NONE */
reauth_action_t reauth_action_parse(const reauth_string_t *name);

const char *reauth_auth_type_name(reauth_auth_type_t type); /* NULL for NONE */
reauth_auth_type_t reauth_auth_type_parse(const reauth_string_t *name);

/* NULL for NONE and for HTTP, whose name is its status */
const char *reauth_poll_error_name(reauth_poll_error_t error);
reauth_poll_error_t reauth_poll_error_parse(const reauth_string_t *name);

const char *reauth_source_name(reauth_source_t source);     /* NULL for NONE */
reauth_source_t reauth_source_parse(const reauth_string_t *name);

/* for the debug log */
const char *reauth_begin_result_name(reauth_begin_result_t result);
const char *reauth_advance_result_name(reauth_advance_result_t result);


static inline int
reauth_state_is_active(unsigned state)
{
    return state >= REAUTH_STATE_STARTING && state <= REAUTH_STATE_UNKNOWN;
}


static inline int
reauth_state_needs_person(unsigned state)
{
    return state >= REAUTH_STATE_NEEDS_OTP
           && state <= REAUTH_STATE_NEEDS_PERSON;
}


static inline int
reauth_state_is_end(unsigned state)
{
    return state >= REAUTH_STATE_SUCCEEDED;
}


/*
 * Hybrid logical clock: milliseconds * 1024 + counter, so that it stays an
 * integer that a double (Lua, JSON) holds exactly until the year 2248.
 * Greater than "last" always, and not behind the wall clock.
 */

#define REAUTH_EPOCH_MAX    (UINT64_C(1) << 53)
#define REAUTH_EPOCH_TICKS  1024

uint64_t reauth_epoch_next(uint64_t last, int64_t now_ms);

/*
 * The next epoch after "last" that ends in "salt", which is the instance's:
 * two that are cut off from each other make no two equal ones.  An odd salt
 * is for attempts that show themselves.
 */

#define REAUTH_EPOCH_SALT_MASK  1022

uint64_t reauth_epoch_make(uint64_t last, int64_t now_ms, unsigned salt);


/* copies at most max bytes of s, control bytes as blanks; terminates */
void reauth_copy(char *dst, size_t max, const reauth_string_t *s);


/*
 * The fact is what the upstream answered to a question that was asked when the
 * account's record was this one: it is about that epoch, and about no other.
 * NULL: whose account it is was not known then.
 */
void reauth_fact_asked(reauth_fact_t *fact, const reauth_record_t *record,
    int64_t asked_ms);

reauth_begin_result_t reauth_attempt_begin(const reauth_record_t *current,
    const reauth_begin_t *begin, reauth_record_t *next);

reauth_advance_result_t reauth_attempt_advance(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next);

/*
 * The epoch of an attempt that shows itself by the fact: by when it started,
 * since the fact may be late and others may have begun one meanwhile; and the
 * same one wherever it shows itself.
 */
uint64_t reauth_attempt_new_epoch(const reauth_record_t *current,
    const reauth_fact_t *fact, unsigned salt);

/*
 * Which of two copies of an account's record is the later one: > 0 if "a" is,
 * < 0 if "b" is, 0 if they say the same.
 */
int reauth_attempt_compare(const reauth_record_t *a, const reauth_record_t *b);

/* whether nothing happened to the account between the two */
int reauth_attempt_same(const reauth_record_t *a, const reauth_record_t *b);


typedef enum {
    REAUTH_MERGE_LATE = 0,       /* ours is newer: nothing to do */
    REAUTH_MERGE_ASK,            /* the same, unless Redis has lost its data:
                                    it is to be asked what it has */
    REAUTH_MERGE_TAKEN,          /* theirs is to be kept, as it is in Redis */
    REAUTH_MERGE_SAME,           /* ours says the same, at their revision */
    REAUTH_MERGE_OURS            /* ours is to be written over theirs */
} reauth_merge_result_t;


const char *reauth_merge_result_name(reauth_merge_result_t result);


/*
 * What becomes of "current", which is here, as Redis or an event of another
 * instance says "remote".  "live": it is in Redis now, else it may be late.
 * "dirty": what is here has changed since it was the same as in Redis.
 */
reauth_merge_result_t reauth_attempt_merge(const reauth_record_t *current,
    int dirty, const reauth_record_t *remote, int live);

/*
 * Whether what was judged by what was here, and became "current", has to be
 * judged again by "remote", which is in Redis; "epoch" is the one that the
 * begin or the fact gave to "current", or 0.
 */
int reauth_attempt_judge_again(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, uint64_t epoch);

/*
 * How long a record is kept after its last change (an active one, after its
 * deadline): an update of an account of which nothing else is known and that
 * the upstream refused is kept briefly, as the account may not exist.
 */
int64_t reauth_attempt_kept_ms(const reauth_record_t *record);

/*
 * Its platform, Fanvue, has nothing to poll, nor is it known what a list of
 * accounts says of it: webhooks alone tell how the login goes.
 */
int reauth_attempt_is_told(const reauth_record_t *record);


/*
 * An active attempt that has no resource of its own to poll, as far as is
 * known: the list of accounts tells what becomes of it.
 */
int reauth_attempt_is_listed(const reauth_record_t *record);

/* the state at this time: an active attempt past its deadline has expired */
reauth_state_t reauth_record_state(const reauth_record_t *record,
    int64_t now_ms);

/* the record as it is at this time */
void reauth_record_view(reauth_record_t *record, int64_t now_ms);

/* when time alone changes the state of an active record */
int64_t reauth_attempt_due_ms(const reauth_record_t *record);

/* 1: the time has come, and *fact says what follows from it */
int reauth_attempt_overdue(const reauth_record_t *record, int64_t now_ms,
    reauth_fact_t *fact);


#endif /* REAUTH_ATTEMPT_H */
