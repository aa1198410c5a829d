
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A webhook of the upstream with a verified signature: the event, the account,
 * and its meaning for the login attempt.  The name of the event is the fact;
 * the payload, which may be a copy of any other, only identifies the attempt.
 */


#ifndef REAUTH_WEBHOOK_H
#define REAUTH_WEBHOOK_H


#include "reauth_attempt.h"
#include "reauth_classify.h"
#include "reauth_reader.h"
#include "reauth_unknown.h"


typedef enum {
    REAUTH_EVENT_UNKNOWN = 0,
    REAUTH_EVENT_TEST,
    REAUTH_EVENT_CONNECTED,
    REAUTH_EVENT_RECONNECTED,
    REAUTH_EVENT_DISCONNECTED,
    REAUTH_EVENT_SESSION_EXPIRED,
    REAUTH_EVENT_AUTHENTICATION_FAILED,
    REAUTH_EVENT_OTP_CODE_REQUIRED,
    REAUTH_EVENT_FACE_OTP_REQUIRED,
    REAUTH_EVENT_FANSLY_CONNECTED,
    REAUTH_EVENT_FANSLY_DISCONNECTED,
    REAUTH_EVENT_FANSLY_AUTHENTICATION_FAILED,
    REAUTH_EVENT_FANSLY_OTP_CODE_REQUIRED,
    REAUTH_EVENT_FANSLY_ALERT,
    REAUTH_EVENT_FANSLY_UPDATED,
    REAUTH_EVENT_FANVUE_CONNECTED,
    REAUTH_EVENT_FANVUE_DISCONNECTED,
    REAUTH_EVENT_FANVUE_AUTHENTICATION_FAILED,
    REAUTH_EVENT_FANVUE_OTP_CODE_REQUIRED,
    REAUTH_EVENT_FANVUE_ALERT,
    REAUTH_EVENT_FANVUE_UPDATED,
    REAUTH_EVENT_LAST
} reauth_event_t;


typedef struct {
    reauth_event_t   event;

    /* state reported by the event; NONE: at most a reason to poll */
    reauth_state_t   state;
    reauth_action_t  action;

    /* as in the payload */
    int64_t          started_us;
    int64_t          completed_us;
    unsigned         succeeded:1;
    unsigned         needs_otp:1;
    unsigned         needs_face:1;

    char             account[REAUTH_ACCOUNT_MAX + 1];   /* or empty */
    char             progress[REAUTH_PROGRESS_MAX + 1];
    char             error_code[REAUTH_ERROR_CODE_MAX + 1];
    char             error_message[REAUTH_ERROR_MESSAGE_MAX + 1];

    /* of the payload, for events with a meaning; others have any form */
    reauth_unknown_t  unknown;
} reauth_webhook_t;


/*
 * Parses a webhook.  Zeroes *out first.  -1: not an object with the name of an
 * event, "why" is set.
 */
int reauth_webhook_parse(const unsigned char *body, size_t len,
    reauth_webhook_t *out, reauth_unread_t *why);

const char *reauth_event_name(reauth_event_t event);    /* or "unknown" */


#endif /* REAUTH_WEBHOOK_H */
