
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The state machine of a login attempt: plain C, without I/O and without a
 * clock.  Every fact about an attempt, from any source, is judged by
 * reauth_attempt_advance(); every new attempt begins in reauth_attempt_begin();
 * two copies of a record are merged by reauth_attempt_merge().
 *
 * The invariant: no late, duplicate, reordered or replayed fact opens or
 * closes a newer attempt's gate.  See docs/state-machine.md.
 *
 * Units: *_ms are milliseconds and *_us microseconds since the Unix epoch,
 * 0: unknown.  Strings are NUL-terminated and contain no control characters.
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
 * Milliseconds.  The sender of an update without a response after this time
 * has died, and the attempt becomes "unknown".  Longer than any reasonable
 * proxy_read_timeout of the internal location.
 */
#define REAUTH_STARTING_MAX_MS     90000

/* consecutive polls that do not find the attempt, until the list decides */
#define REAUTH_LOST_MAX            3

/* milliseconds that an ended record is kept; see reauth_attempt_ttl_ms() */
#define REAUTH_TTL_MS              86400000
#define REAUTH_TTL_BRIEF_MS        300000

/*
 * Milliseconds.  While a login is in progress, the upstream may still report
 * the previous session: for this time an end needs more evidence.
 */
#define REAUTH_OLD_SESSION_MS      10000

/*
 * Milliseconds.  An end belongs to the attempt if its started_at, by the
 * upstream's clock, is at most the first value before the begin of the
 * attempt, by our clock.  It does not if its started_at is earlier by more
 * than the second value, even if the clocks differ.
 */
#define REAUTH_CLOCKS_AGREE_MS     2000
#define REAUTH_CLOCKS_DIFFER_MS    300000


typedef enum {
    REAUTH_STATE_NONE = 0,         /* unknown account */
    REAUTH_STATE_STARTING,
    REAUTH_STATE_RUNNING,
    REAUTH_STATE_NEEDS_OTP,
    REAUTH_STATE_NEEDS_FACE,
    REAUTH_STATE_NEEDS_APP,
    REAUTH_STATE_NEEDS_PERSON,     /* by another action */
    REAUTH_STATE_UNKNOWN,
    REAUTH_STATE_SUCCEEDED,    /* this state and the following ones are ends */
    REAUTH_STATE_FAILED,
    REAUTH_STATE_REJECTED,
    REAUTH_STATE_EXPIRED,
    REAUTH_STATE_LAST,

    /*
     * A person has forgotten the account.  The record remains, so that no late
     * fact or copy brings the attempt back, but is not shown: an end behind all
     * others, without a name.
     */
    REAUTH_STATE_FORGOTTEN = REAUTH_STATE_LAST
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
    REAUTH_AUTH_TYPE_NONE = 0,     /* unknown: not begun by a gateway */
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
    REAUTH_SOURCE_POLL,            /* a poll of a client */
    REAUTH_SOURCE_SUBMIT_2FA,
    REAUTH_SOURCE_WEBHOOK,
    REAUTH_SOURCE_POLLER,          /* a background poll */
    REAUTH_SOURCE_CALL,            /* a response to an ordinary call */
    REAUTH_SOURCE_TIMER,           /* reauth_gate_max */
    REAUTH_SOURCE_HEAL,            /* a reauthentication by the gateway */
    REAUTH_SOURCE_SWEEP,           /* a list of accounts, about an idle one */
    REAUTH_SOURCE_OPERATOR,        /* a person; in changes only */
    REAUTH_SOURCE_LAST
} reauth_source_t;


/* why the last poll of an attempt had no result */

typedef enum {
    REAUTH_POLL_ERROR_NONE = 0,    /* it had a result */
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


/* the prior attempt, restored if an update is rejected */

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
    uint8_t   caller_set;          /* reauth_attempt_prior_caller() has it */
    uint8_t   fingerprint[REAUTH_FINGERPRINT_LEN];
    char      attempt[REAUTH_ATTEMPT_MAX + 1];
} reauth_prior_t;


/*
 * Fields that are in Redis' record only, not in events.  A record that was
 * made from an event has none of those in "missing" until they are copied from
 * another copy of the record, see reauth_attempt_complete().
 */

#define REAUTH_SECRET_FINGERPRINT  1
#define REAUTH_SECRET_SEALED       2
#define REAUTH_SECRET_PRIOR        4       /* the fingerprint of "prior" */

#define REAUTH_SECRETS             7

/* an update cannot be compared, or get its response, without these */
#define REAUTH_SECRETS_OF_UPDATE                                              \
    (REAUTH_SECRET_FINGERPRINT | REAUTH_SECRET_SEALED)


/*
 * The record of an account.  It contains no credentials: its fields are an
 * allow-list, and the deeplink is sealed (reauth_seal.h).
 */

typedef struct {
    uint64_t        epoch;         /* hybrid logical clock, see below */
    uint64_t        origin;        /* who made it, see reauth_epoch_is() */
    uint64_t        revision;      /* of the copy in Redis; 0: none */

    int64_t         since_ms;      /* the attempt was begun */
    int64_t         updated_ms;    /* the last applied fact */
    int64_t         deadline_ms;   /* latest opening of the gate */
    int64_t         started_us;    /* upstream's lastAttempt.started_at */
    int64_t         completed_us;  /* upstream's completed_at, or our end */
    int64_t         before_us;     /* started_at of the latest attempt before
                                      this one */
    int64_t         accepted_ms;   /* the update was sent */
    int64_t         stepped_ms;   /* a poll has shown this login in progress */
    int64_t         polled_ms;     /* time of the first poll with this result;
                                      0: no failure */

    uint8_t         state;         /* reauth_state_t */
    uint8_t         auth_type;     /* reauth_auth_type_t */
    uint8_t         action;        /* reauth_action_t */
    uint8_t         source;        /* reauth_source_t: of the last fact */
    uint8_t         fingerprint_set;
    uint8_t         sealed_len;    /* 0: nothing sealed */
    uint8_t         lost;          /* consecutive polls that did not find it */
    uint8_t         fresh;         /* nothing was known before, nor since */
    uint8_t         poll_error;    /* reauth_poll_error_t */
    uint8_t         missing;       /* REAUTH_SECRET_*: see below */
    uint16_t        poll_status;   /* of HTTP; 0: none */
    uint8_t         kept;          /* a response is stored, by since_ms; 0: it
                                      can be composed */

    uint8_t         fingerprint[REAUTH_FINGERPRINT_LEN];

    char            account[REAUTH_ACCOUNT_MAX + 1];
    char            attempt[REAUTH_ATTEMPT_MAX + 1];
    char            progress[REAUTH_PROGRESS_MAX + 1];
    char            error_code[REAUTH_ERROR_CODE_MAX + 1];
    char            error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
    char            caller[REAUTH_CALLER_MAX + 1];

    /* if sealed_len is 0 and prior.caller_set: the caller of the prior attempt;
       of this copy only, it is not written to Redis */
    uint8_t         sealed[REAUTH_SEALED_MAX];

    reauth_prior_t  prior;         /* while starting; otherwise zeroed */
} reauth_record_t;


/* the stored record when a change was judged, as far as it is comparable */

typedef struct {
    uint64_t        epoch;
    uint64_t        origin;
    uint64_t        revision;
    int64_t         updated_ms;
    uint8_t         state;
    uint8_t         dirty;
} reauth_base_t;


typedef struct {
    int64_t             now_ms;
    int64_t             gate_max_ms;    /* deadline = now + this */
    uint64_t            epoch;          /* from reauth_epoch_next() */
    uint64_t            origin;         /* of the epoch */
    reauth_source_t     source;
    reauth_auth_type_t  auth_type;
    reauth_string_t     account;
    reauth_string_t     caller;         /* may be empty */
    unsigned            resend;         /* force: send in any case */
    unsigned            waited;         /* no other update is sent first */
    unsigned            unread;         /* Redis cannot be read: what is
                                           missing is not waited for */
    uint64_t            joined;         /* epoch of the update for whose
                                           response it has waited; 0: none */
    int64_t             joined_since;
    unsigned            bounded;        /* the caller's attempts are limited: */
    size_t              callers;        /* number of all callers */
    size_t              attempts_max;   /* active ones of this; 0: default */
    size_t              attempts;       /* active ones of this caller */
    size_t              active;         /* active ones of all callers */
    size_t              capacity;
    const uint8_t      *fingerprint;    /* REAUTH_FINGERPRINT_LEN, or NULL */
    reauth_base_t       base;           /* the record that it replaces */
    char                prior_caller[REAUTH_CALLER_MAX + 1];
                                        /* of that record */
    unsigned            prior_known;    /* that record is the prior attempt:
                                           0 if nothing was known, and Redis
                                           may have one */
} reauth_begin_t;


typedef enum {
    REAUTH_BEGIN_STARTED = 0,    /* store "next", then forward */
    REAUTH_BEGIN_COALESCED,      /* identical update is active: compose */
    REAUTH_BEGIN_JOIN,           /* identical update is being sent: wait */
    REAUTH_BEGIN_WAIT,           /* another update is being sent: wait */
    REAUTH_BEGIN_TOO_MANY,       /* the caller has too many attempts */
    REAUTH_BEGIN_SUPERSEDED,     /* the joined update was superseded */
    REAUTH_BEGIN_READ            /* judge it again by Redis' record */
} reauth_begin_result_t;


/*
 * A fact about an attempt, which is identified by one of, in this order: epoch
 * (an update being settled), attempt (a poll), started_us (a webhook, which
 * does not name its attempt).
 */

typedef struct {
    int64_t          now_ms;
    int64_t          gate_max_ms;   /* of an attempt first seen by this fact */
    uint64_t         epoch;          /* 0: unknown */
    uint64_t         origin;         /* of the epoch */
    uint64_t         new_epoch;     /* of an attempt first seen by this fact */
    uint64_t         new_origin;
    reauth_string_t  attempt;        /* empty: unknown */
    reauth_string_t  caller;         /* caller that polled; may be empty.  Of
                                        a rejected update: the caller of the
                                        attempt that is restored, data NULL:
                                        not known at the begin */
    unsigned         bounded;        /* the caller's attempts are limited: */
    size_t           callers;        /* number of all callers */
    size_t           attempts_max;   /* active ones of this; 0: default */
    unsigned         full;           /* its limit is reached */
    unsigned         live;           /* seen after this epoch has ended: it is
                                        about a later attempt */
    int64_t          called_ms;      /* of the response to a call that began
                                        then; 0: of none */

    /* set by reauth_fact_asked() */
    int64_t          asked_ms;       /* 0: not requested */
    uint64_t         asked_epoch;
    uint64_t         asked_origin;
    unsigned         asked_known;    /* asked_epoch is that of the record */
    unsigned         asked_sending;  /* that attempt was being sent */

    unsigned         step;           /* the login is in progress; not about an
                                        earlier session */
    unsigned         needs_step;     /* an end only after a step was seen */
    unsigned         unconfirmed; /* opens a gate only if a poll confirms it */
    int64_t          before_us;      /* started_at of an earlier attempt */

    unsigned         polled;         /* the result of a poll: */
    reauth_poll_error_t  poll_error; /* not NONE: of the following fields,
                                        only the source is used */
    unsigned         poll_status;    /* 0: no response */
    unsigned         lost;           /* unknown to the upstream; with a
                                        poll_error */

    reauth_source_t  source;
    reauth_state_t   state;          /* NONE: no change of state */
    reauth_action_t  action;
    reauth_auth_type_t  auth_type;   /* NONE: unchanged */
    int64_t          started_us;
    int64_t          completed_us;
    reauth_string_t  progress;       /* data NULL: unchanged */
    reauth_string_t  error_code;     /* data NULL: none */
    reauth_string_t  error_message;  /* data NULL: none */

    unsigned         kept;           /* the response is stored separately */

    const uint8_t   *sealed;         /* NULL: unchanged */
    size_t           sealed_len;

    reauth_base_t    base;           /* the record to which it was applied */
} reauth_fact_t;


typedef enum {
    REAUTH_ADVANCE_APPLIED = 0,
    REAUTH_ADVANCE_SAME,         /* applies, but changes nothing */
    REAUTH_ADVANCE_STALE,        /* about an older attempt */
    REAUTH_ADVANCE_ENDED,        /* its attempt has ended */
    REAUTH_ADVANCE_UNPLACED      /* unknown attempt: poll once */
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
 * Hybrid logical clock: milliseconds * 1024 + counter, exact in a double (Lua,
 * JSON) until the year 2248.  Always greater than "last", and not behind the
 * wall clock.
 */

#define REAUTH_EPOCH_MAX    (UINT64_C(1) << 53)
#define REAUTH_EPOCH_TICKS  1024

uint64_t reauth_epoch_next(uint64_t last, int64_t now_ms);

/*
 * The next epoch after "last" that ends in "salt", which differs between most
 * gateways: disconnected gateways rarely create equal epochs.  An odd salt is
 * for attempts that were not begun by a gateway.
 */

#define REAUTH_EPOCH_SALT_MASK  1022

uint64_t reauth_epoch_make(uint64_t last, int64_t now_ms, unsigned salt);

/* the origin of epochs that all gateways compute from the same time */
#define REAUTH_ORIGIN_UPSTREAM  1

/*
 * The revision of a record that is written over the revision "last".  It is a
 * number of the same clock that ends at random, so that two writes hardly ever
 * have the same revision, even if Redis has lost one of them: one in 1,024
 * that are made in the same millisecond, or one in 1,048,576 if "last" is
 * ahead of the clock.
 */

#define REAUTH_REVISION_STEP  (1u << 20)

uint64_t reauth_revision_next(uint64_t last, int64_t now_ms, unsigned random);

/*
 * An epoch is identified by its origin, too: a random number of each zone, so
 * that equal epochs of any number of gateways differ.  0: not known, because
 * a gateway of an earlier version has written the record; any origin then
 * counts as its own.
 */
#define REAUTH_ORIGIN_MADE  (UINT64_C(1) << 58)

/* of random bits; as a record holds it */
uint64_t reauth_origin_make(uint64_t random);
int reauth_origin_is(uint64_t a, uint64_t b);
int reauth_epoch_is(const reauth_record_t *record, uint64_t epoch,
    uint64_t origin);

/* the fact is about the attempt of this record */
void reauth_fact_of(reauth_fact_t *fact, const reauth_record_t *record);


/*
 * The fact is from a response to a request sent when the account had this
 * record, and applies to its epoch only.  NULL: the account was not known
 * then.
 */
void reauth_fact_asked(reauth_fact_t *fact, const reauth_record_t *record,
    int64_t asked_ms);

reauth_begin_result_t reauth_attempt_begin(const reauth_record_t *current,
    const reauth_begin_t *begin, reauth_record_t *next);

reauth_advance_result_t reauth_attempt_advance(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next);

/*
 * Sets the epoch of an attempt first seen by the fact.  It is derived from the
 * start of the attempt, as the fact may be late, and is identical on all
 * gateways; if there is no start, it is made by the gateway of "origin".
 */
void reauth_attempt_new_epoch(const reauth_record_t *current,
    reauth_fact_t *fact, unsigned salt, uint64_t origin);

/*
 * Compares two copies of a record: > 0 if "a" is later, < 0 if "b" is later, 0
 * if they are equivalent.
 */
int reauth_attempt_compare(const reauth_record_t *a, const reauth_record_t *b);

/* whether the record, at this time, keeps an update from being sent */
int reauth_attempt_is_open(const reauth_record_t *record, int64_t now_ms);

/* whether it is the record of an update with this fingerprint */
int reauth_attempt_has_fingerprint(const reauth_record_t *record,
    const uint8_t *fingerprint);

/* whether it is the record of an identical update */
int reauth_attempt_same_update(const reauth_record_t *record,
    const reauth_begin_t *begin);

/*
 * Copies the secrets that "record" does not have from "other", another copy of
 * the account's record, as far as they are about the same update.
 */
void reauth_attempt_complete(reauth_record_t *record,
    const reauth_record_t *other);

/*
 * Copies the ID of the attempt, which only the gateway of the update learns
 * from the response, if "record" is a copy without it.  Returns 1 if it was
 * copied.
 */
int reauth_attempt_identify(reauth_record_t *record,
    const reauth_record_t *other);

/*
 * Whether a login that was seen, without an ID or a time, is another one than
 * the attempt that has ended: it was seen afterwards, although its epoch is the
 * lower one.
 */
int reauth_attempt_outlives(const reauth_record_t *seen,
    const reauth_record_t *ended);

/*
 * Completes an update that is being sent and was begun when nothing was known
 * of the account: if "other", which is in Redis, has an attempt, it becomes
 * the prior attempt, which a rejection restores.  Returns 1 if "record" was
 * changed.
 */
int reauth_attempt_rebase(reauth_record_t *record,
    const reauth_record_t *other);

/* whether "record" has none of the secrets that "other" has */
int reauth_attempt_lacks(const reauth_record_t *record,
    const reauth_record_t *other);

/*
 * Which of two records has the later result of a poll: greater than 0 if "a",
 * less than 0 if "b", 0 if both have the same one.
 */
int reauth_attempt_poll_order(const reauth_record_t *a,
    const reauth_record_t *b);

/* whether the records differ in the results of polls only */
int reauth_attempt_same(const reauth_record_t *a, const reauth_record_t *b);


typedef enum {
    REAUTH_MERGE_LATE = 0,       /* ours is later: nothing to do */
    REAUTH_MERGE_ASK,            /* equal, unless Redis has lost its data: read
                                    the record of Redis */
    REAUTH_MERGE_TAKEN,          /* store theirs, as it is in Redis */
    REAUTH_MERGE_SAME,           /* equivalent: take over the revision */
    REAUTH_MERGE_OURS            /* write ours to Redis */
} reauth_merge_result_t;


const char *reauth_merge_result_name(reauth_merge_result_t result);


/*
 * Decides between "current", which is stored here, and "remote", of Redis or
 * an event.  "live": it is in Redis now; otherwise it may be late.  "dirty":
 * "current" has changes that are not in Redis.
 */
reauth_merge_result_t reauth_attempt_merge(const reauth_record_t *current,
    int dirty, const reauth_record_t *remote, int live);

/*
 * Whether a begin or a fact that resulted in "current" must be judged again by
 * "remote", which is in Redis.  "epoch" is that given to "current", or 0.
 */
int reauth_attempt_judge_again(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, uint64_t epoch, uint64_t origin);

/*
 * Whether a fact about this attempt must be judged again by "remote", which is
 * in Redis: the attempt was not known here and got an epoch of its own, and
 * "remote" is about it under that of its update.  The fact that created the
 * epoch has not been written yet.  An attempt of Fansly has no ID of its own.
 */
int reauth_attempt_is_known(const reauth_record_t *current, int dirty,
    const reauth_record_t *remote, const reauth_string_t *attempt);

/*
 * Whether "remote", which is in Redis, contains nothing new compared with
 * "base", by which a begin or a fact was judged: Redis has lost later
 * changes, or they have not been written yet.
 */
int reauth_attempt_is_outdated(const reauth_record_t *remote,
    const reauth_base_t *base);

void reauth_attempt_base(const reauth_record_t *current, int dirty,
    reauth_base_t *base);

/* < 0: "a" is of an earlier epoch or stage (sent, in progress, ended); > 0 */
int reauth_attempt_order(const reauth_record_t *a, const reauth_record_t *b);

/*
 * The number of the stored response to the request that began an attempt: made
 * of the ID of the attempt, or of since_ms, which changes if the clock is
 * corrected, if the ID is not known or is that of the account (Fansly).
 */
uint64_t reauth_attempt_number(const reauth_string_t *account,
    const reauth_string_t *attempt, int64_t since_ms);
uint64_t reauth_attempt_number_of(const reauth_record_t *record);

/*
 * The number of the stored response that a repeated update may need, 0: none.
 * While an update is being sent, it is that of the prior attempt, which may be
 * restored.
 */
uint64_t reauth_attempt_kept(const reauth_record_t *record);

/* whether there may be one in Redis: it is written before the update settles */
int reauth_attempt_keeps(const reauth_record_t *record);

/*
 * Milliseconds that a record is kept after its last change, or after the
 * deadline of an active one.  If only a rejected update of the account is
 * known, it is kept briefly, as the account may not exist.
 */
int64_t reauth_attempt_ttl_ms(const reauth_record_t *record);

/* the same from now on, for the record that is being written */
int64_t reauth_attempt_lifetime_ms(const reauth_record_t *record);

/*
 * Whether the platform is Fanvue: there is nothing to poll, and the list of
 * accounts is not documented for it.  Only webhooks report its logins.
 */
int reauth_attempt_is_unpolled(const reauth_record_t *record);


/*
 * Whether an active attempt has no known resource to poll: it is settled by
 * the list of accounts.
 */
int reauth_attempt_is_listed(const reauth_record_t *record);

/*
 * Whether an update has to wait longer: the one that it waits for is being
 * sent.  "joined": the epoch of an identical one, 0: of any other.
 */
int reauth_attempt_is_awaited(const reauth_record_t *record, uint64_t joined,
    uint64_t origin, int64_t now_ms);

/*
 * Whether the response to the identical update that was waited for is that of
 * the record, if its fingerprint is the same; otherwise it is stored apart.
 */
int reauth_attempt_is_joined(const reauth_record_t *record, uint64_t joined,
    uint64_t origin, int64_t now_ms);

/* the state at this time: an active attempt past its deadline has expired */
reauth_state_t reauth_record_state(const reauth_record_t *record,
    int64_t now_ms);

/*
 * Whether a change of an account was made before the account was forgotten by
 * the change "forgotten".
 */
int reauth_record_is_forgotten(const reauth_record_t *change,
    const reauth_record_t *forgotten);

/* of a forgotten account, only its name is shown */
void reauth_record_show(reauth_record_t *record);

/* the record as it is at this time */
void reauth_record_view(reauth_record_t *record, int64_t now_ms);

/* the time at which an active record is changed by time alone */
int64_t reauth_attempt_due_ms(const reauth_record_t *record);

/* 1: this time has passed, and *fact is set */
int reauth_attempt_overdue(const reauth_record_t *record, int64_t now_ms,
    reauth_fact_t *fact);


#endif /* REAUTH_ATTEMPT_H */
