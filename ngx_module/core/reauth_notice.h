
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Notices about accounts: which state of a record is sent, what was sent
 * about it before, and the request, signed as specified by Standard Webhooks.
 * No clock: times are parameters.
 *
 * What was sent about an account is in Redis, where the script that writes a
 * record compares it with the verdict about the record: a state that is reached
 * again, or by another gateway, is sent once.
 */


#ifndef REAUTH_NOTICE_H
#define REAUTH_NOTICE_H


#include "reauth_attempt.h"
#include "reauth_secret.h"


/* times of "after=", of a receiver and of all receivers */
#define REAUTH_NOTICE_AFTER_MAX       8

/* milliseconds of an "after=" */
#define REAUTH_NOTICE_AFTER_LEAST_MS  1000
#define REAUTH_NOTICE_AFTER_MOST_MS   604800000

/* bytes of a key, as specified by Standard Webhooks */
#define REAUTH_NOTICE_KEY_MIN         24
#define REAUTH_NOTICE_KEY_MAX         64

/* "v1," and base64 of 32 bytes, NUL-terminated */
#define REAUTH_NOTICE_SIGNATURE_SIZE  (sizeof("v1,") + 44)

/* all texts with escapes */
#define REAUTH_NOTICE_BODY_MAX        1024

/* see reauth_notice_identity() */
#define REAUTH_NOTICE_IDENTITY_MAX    (REAUTH_ATTEMPT_MAX + 80)


typedef enum {
    REAUTH_NOTICE_NONE = 0,
    REAUTH_NOTICE_NEEDS_PERSON,
    REAUTH_NOTICE_STILL_WAITING,
    REAUTH_NOTICE_FAILED,
    REAUTH_NOTICE_RECOVERED,
    REAUTH_NOTICE_DEGRADED,        /* of the gateway, not of an account */
    REAUTH_NOTICE_LAST
} reauth_notice_event_t;

#define reauth_notice_bit(event)  (1u << (event))

#define REAUTH_NOTICE_ALL                                                     \
    (reauth_notice_bit(REAUTH_NOTICE_LAST)                                    \
     - reauth_notice_bit(REAUTH_NOTICE_NEEDS_PERSON))

/* those that are passed to receivers through Redis */
#define REAUTH_NOTICE_ACCOUNTS                                                \
    (REAUTH_NOTICE_ALL & ~reauth_notice_bit(REAUTH_NOTICE_DEGRADED))


/* what a receiver wants, or all receivers together */

typedef struct {
    unsigned                events;       /* reauth_notice_bit() */
    unsigned                nafter;
    int64_t                 after_ms[REAUTH_NOTICE_AFTER_MAX];  /* ascending */
} reauth_notice_conf_t;


/* whether the account waits for a person, for STILL_WAITING */

typedef enum {
    REAUTH_NOTICE_AS_BEFORE = 0,   /* it does if it did before the attempt */
    REAUTH_NOTICE_WAITS,
    REAUTH_NOTICE_ATTEMPTS,        /* an attempt is in progress */
    REAUTH_NOTICE_ENDS             /* what was sent is over */
} reauth_notice_wait_t;


typedef struct {
    reauth_notice_event_t   event;        /* NONE: nothing is sent */
    reauth_notice_wait_t    wait;
} reauth_notice_verdict_t;


typedef struct {
    uint8_t                 bytes[REAUTH_NOTICE_KEY_MAX];
    size_t                  len;
} reauth_notice_key_t;


const char *reauth_notice_name(reauth_notice_event_t event);
reauth_notice_event_t reauth_notice_parse(const reauth_string_t *name);
                                                         /* LAST: unknown */

/*
 * Parses "events=": names separated by commas.  Returns 0, or -1 with the
 * invalid name in *wrong.
 */
int reauth_notice_events(const reauth_string_t *list, unsigned *events,
    reauth_string_t *wrong);

/* adds a time at its place; 0: also if it is there, -1: there is no room */
int reauth_notice_after(reauth_notice_conf_t *conf, int64_t after_ms);

/*
 * What is sent about the record at this time.  RECOVERED is sent only if
 * something was sent before, all others only if they were not sent about the
 * same attempt, which the script in Redis determines.
 */
void reauth_notice_judge(const reauth_record_t *record, int64_t now_ms,
    reauth_notice_verdict_t *verdict);

/*
 * Identifies a notice, so that it is not sent twice: the bit of its event, the
 * required action, the attempt by its epoch, its begin and its ID.  Any of the
 * three is sufficient: an attempt that is restored has another epoch, a
 * correction of the clock changes its begin, and it may have no ID yet.
 */
size_t reauth_notice_identity(char text[REAUTH_NOTICE_IDENTITY_MAX],
    const reauth_record_t *record, reauth_notice_event_t event,
    int64_t now_ms);

/*
 * JSON.  Returns the length, or 0 if it does not fit; *data is the position of
 * the object "data", which is followed by one further brace.
 */
size_t reauth_notice_body(char body[REAUTH_NOTICE_BODY_MAX],
    reauth_notice_event_t event, const reauth_record_t *record,
    int64_t now_ms, size_t *data);

/*
 * Whether a receiver wants an entry of the stream.  "told": bits of the events
 * that RECOVERED follows.  STILL_WAITING is sent for the last of the times
 * after from_ms and up to after_ms.
 */
int reauth_notice_wants(const reauth_notice_conf_t *conf,
    reauth_notice_event_t event, unsigned told, int64_t from_ms,
    int64_t after_ms);

/* "whsec_" and base64; 0, or -1 if it is not such a secret */
int reauth_notice_key(const reauth_string_t *secret, reauth_notice_key_t *key);

/* the same check only, with the reason in "error" */
int reauth_notice_secret(const reauth_string_t *secret,
    char error[REAUTH_SECRET_ERROR_SIZE]);

/* of "id.timestamp.body", NUL-terminated; 0, or -1 if the library fails */
int reauth_notice_sign(const reauth_notice_key_t *key,
    const reauth_string_t *id, int64_t seconds, const reauth_string_t *body,
    char signature[REAUTH_NOTICE_SIGNATURE_SIZE]);


#endif /* REAUTH_NOTICE_H */
