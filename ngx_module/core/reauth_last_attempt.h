
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The object that describes the last login attempt, which poll responses and
 * webhooks of the upstream contain, and how its values are read.
 */


#ifndef REAUTH_LAST_ATTEMPT_H
#define REAUTH_LAST_ATTEMPT_H


#include "reauth_classify.h"
#include "reauth_reader.h"


/* the slots of the object and its members, from the first one on */

enum {
    REAUTH_LAST_OBJECT = 0,
    REAUTH_LAST_STARTED_AT,
    REAUTH_LAST_COMPLETED_AT,
    REAUTH_LAST_SUCCESS,
    REAUTH_LAST_NEEDS_OTP,
    REAUTH_LAST_NEEDS_FACE_OTP,
    REAUTH_LAST_FACE_URL,
    REAUTH_LAST_FACE_OTP,
    REAUTH_LAST_PHONE,
    REAUTH_LAST_ERROR_CODE,
    REAUTH_LAST_ERROR_MESSAGE,
    REAUTH_LAST_NVALUES
};


#define reauth_last_attempt_fields(path, slot)                                \
    { path, (slot) + REAUTH_LAST_OBJECT, 0 },                                 \
    { path ".started_at", (slot) + REAUTH_LAST_STARTED_AT, 0 },               \
    { path ".completed_at", (slot) + REAUTH_LAST_COMPLETED_AT, 0 },           \
    { path ".success", (slot) + REAUTH_LAST_SUCCESS, 0 },                     \
    { path ".needs_otp", (slot) + REAUTH_LAST_NEEDS_OTP, 0 },                 \
    { path ".needs_face_otp", (slot) + REAUTH_LAST_NEEDS_FACE_OTP, 0 },       \
    { path ".face_otp_verification_url", (slot) + REAUTH_LAST_FACE_URL, 1 },  \
    { path ".face_otp", (slot) + REAUTH_LAST_FACE_OTP, 1 },                   \
    { path ".otp_phone_ending", (slot) + REAUTH_LAST_PHONE, 1 },              \
    { path ".error_code", (slot) + REAUTH_LAST_ERROR_CODE, 0 },               \
    { path ".error_message", (slot) + REAUTH_LAST_ERROR_MESSAGE, 0 }


/*
 * "values" begins with the slot of the object.  Missing members and those of
 * another type are zero.  Only the presence of links and phone numbers is
 * read.
 */
void reauth_last_attempt_read(const reauth_value_t *values,
    reauth_last_attempt_t *last);

/* a NUL-terminated copy of a string of limited length, otherwise empty */
void reauth_value_copy(const reauth_value_t *value, char *dst, size_t max);

/* the same if the string is an account ID */
void reauth_value_copy_account(const reauth_value_t *value,
    char dst[REAUTH_ACCOUNT_MAX + 1]);

/*
 * The value as a word of reauth_classify.h; empty if it is missing, null or an
 * empty array.
 */
void reauth_value_word(const reauth_value_t *value,
    char word[REAUTH_WORD_MAX + 1]);


#endif /* REAUTH_LAST_ATTEMPT_H */
