
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's error responses.
 */


#ifndef REAUTH_ERROR_H
#define REAUTH_ERROR_H


#include "reauth_attempt.h"
#include "reauth_reader.h"


typedef struct {
    char  code[REAUTH_ERROR_CODE_MAX + 1];         /* or empty */
    char  message[REAUTH_ERROR_MESSAGE_MAX + 1];   /* or empty */
} reauth_error_t;


/*
 * "error" is a code such as SESSION_EXPIRED:NEEDS_REAUTHENTICATION, or a
 * sentence, which becomes the message.  Zeroes *out first.  -1: the body cannot
 * be read; then "why" is set.
 */
int reauth_error_read(const unsigned char *body, size_t len,
    reauth_error_t *out, reauth_unread_t *why);

/* upper case letters, digits and "_:.-", beginning with a letter; not cut */
int reauth_error_is_code(const reauth_string_t *text);


#endif /* REAUTH_ERROR_H */
