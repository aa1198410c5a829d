
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What poll answers and webhooks of the upstream have in common: the object
 * that describes the last login attempt, and how its values are read.
 */


#ifndef REAUTH_LAST_ATTEMPT_H
#define REAUTH_LAST_ATTEMPT_H


#include "reauth_attempt.h"
#include "reauth_json.h"


/* all that is read of the object; links and phone numbers only as "is there" */

typedef struct {
    int64_t   started_us;
    int64_t   completed_us;

    unsigned  completed:1;         /* completed_at is set, whatever it reads */
    unsigned  succeeded:1;         /* "success" is true */
    unsigned  failed:1;            /* "success" is false, not null */
    unsigned  needs_otp:1;
    unsigned  needs_face:1;
    unsigned  face_link:1;
    unsigned  phone:1;             /* the code comes by SMS */

    char      error_code[REAUTH_ERROR_CODE_MAX + 1];
    char      error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
} reauth_last_attempt_t;


/* what is missing or of another type is zero; object may be NULL */
void reauth_last_attempt_read(const json_t *object,
    reauth_last_attempt_t *last);

/* true, 1 or "true" */
int reauth_json_is_true(const json_t *object, const char *name);

/* a string that is not empty */
int reauth_json_is_text(const json_t *object, const char *name);

/* a bounded, terminated copy, or nothing */
void reauth_json_copy(const json_t *object, const char *name, char *dst,
    size_t max);

/* the same if it is an account's id as a whole */
void reauth_json_copy_account(const json_t *object, const char *name,
    char dst[REAUTH_ACCOUNT_MAX + 1]);

/*
 * The upstream's words come with "-" and with "_": whether the string member
 * is the word, which is written in lower case and with "-".
 */
int reauth_json_is_word(const json_t *object, const char *name,
    const char *word);


#endif /* REAUTH_LAST_ATTEMPT_H */
