
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Error responses of the upstream, and the error codes of the gateway.
 */


#ifndef REAUTH_ERROR_H
#define REAUTH_ERROR_H


#include "reauth_attempt.h"
#include "reauth_reader.h"


/* in the order of their statuses */

typedef enum {
    REAUTH_ERROR_INVALID_JSON = 0,
    REAUTH_ERROR_BAD_PATH,
    REAUTH_ERROR_BAD_QUERY,
    REAUTH_ERROR_BAD_ACCOUNT,
    REAUTH_ERROR_UNAUTHORIZED_CALLER,
    REAUTH_ERROR_INVALID_SIGNATURE,
    REAUTH_ERROR_FORBIDDEN_CALLER,
    REAUTH_ERROR_FORBIDDEN_ORIGIN,
    REAUTH_ERROR_NOT_FOUND,
    REAUTH_ERROR_METHOD_NOT_ALLOWED,
    REAUTH_ERROR_UPDATE_IN_PROGRESS,
    REAUTH_ERROR_UPDATE_SUPERSEDED,
    REAUTH_ERROR_NOT_POLLED,
    REAUTH_ERROR_BODY_TOO_LARGE,
    REAUTH_ERROR_UNSUPPORTED_MEDIA_TYPE,
    REAUTH_ERROR_VALIDATION_ERROR,
    REAUTH_ERROR_BUDGET_EXCEEDED,
    REAUTH_ERROR_TOO_MANY_ATTEMPTS,
    REAUTH_ERROR_TOO_MANY_REQUESTS,
    REAUTH_ERROR_UPSTREAM_BAD_ANSWER,
    REAUTH_ERROR_SERVICE_UNAVAILABLE,
    REAUTH_ERROR_STORE_UNAVAILABLE,
    REAUTH_ERROR_KEY_UNAVAILABLE,
    REAUTH_ERROR_UPSTREAM_TIMEOUT,
    REAUTH_ERROR_LAST
} reauth_error_code_t;


typedef struct {
    char  code[REAUTH_ERROR_CODE_MAX + 1];         /* or empty */
    char  message[REAUTH_ERROR_MESSAGE_MAX + 1];   /* or empty */
} reauth_error_t;


/*
 * Parses an error of the upstream.  "error" is a code such as
 * SESSION_EXPIRED:NEEDS_REAUTHENTICATION, or a sentence, which becomes the
 * message.  Zeroes *out first.  -1: unreadable, "why" is set.
 */
int reauth_error_read(const unsigned char *body, size_t len,
    reauth_error_t *out, reauth_unread_t *why);

/* a code: upper case letters, digits and "_:.-", beginning with a letter */
int reauth_error_is_code(const reauth_string_t *text);

/* "error" of a response of the gateway, and its status */
const char *reauth_error_name(reauth_error_code_t code);
unsigned reauth_error_status(reauth_error_code_t code);


#endif /* REAUTH_ERROR_H */
