
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What poll answers and webhooks of the upstream have in common: the object
 * that describes the last login attempt, and how its values are read.
 */


#ifndef REAUTH_LAST_ATTEMPT_H
#define REAUTH_LAST_ATTEMPT_H


#include "reauth_classify.h"
#include "reauth_json.h"


/*
 * What is missing or of another type is zero; object may be NULL.  Of links and
 * phone numbers only their presence is read.
 */
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
 * The member as a word of reauth_classify.h: empty if it is missing, null or
 * an empty array.
 */
void reauth_json_word(const json_t *object, const char *name,
    char word[REAUTH_WORD_MAX + 1]);

/*
 * The upstream's words come with "-" and with "_": whether the string member
 * is the word, which is written in lower case and with "-".
 */
int reauth_json_is_word(const json_t *object, const char *name,
    const char *word);


#endif /* REAUTH_LAST_ATTEMPT_H */
