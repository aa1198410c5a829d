
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream's 200 response to update, start and reauthenticate: what it
 * reports, and the response to the client.
 */


#ifndef REAUTH_UPDATE_ANSWER_H
#define REAUTH_UPDATE_ANSWER_H


#include "reauth_attempt.h"
#include "reauth_reader.h"
#include "reauth_route.h"
#include "reauth_string.h"


typedef enum {
    REAUTH_UPDATE_ANSWER_OK = 0,
    REAUTH_UPDATE_ANSWER_BAD,          /* not a JSON object with an attempt */
    REAUTH_UPDATE_ANSWER_NO_MEMORY
} reauth_update_answer_result_t;


typedef struct {
    char     attempt[REAUTH_ATTEMPT_MAX + 1];   /* empty for Fansly */
    char     account[REAUTH_ACCOUNT_MAX + 1];   /* empty: not named */

    char    *deeplink;     /* NULL: none */
    size_t   deeplink_len;

    char    *body;         /* NULL: pass the original bytes */
    size_t   body_len;

    unsigned elsewhere:1;  /* polling_url led elsewhere and was replaced */
} reauth_update_answer_t;


/*
 * "origin" is the scheme and host of this gateway, such as
 * "https://gateway:8443".  The answer must be freed by
 * reauth_update_answer_free() in any case.  "why" is set with
 * REAUTH_UPDATE_ANSWER_BAD.
 */

reauth_update_answer_result_t reauth_update_answer_parse(
    const reauth_string_t *text, unsigned fansly,
    const reauth_string_t *origin, reauth_update_answer_t *answer,
    reauth_unread_t *why);

/* zeroes and frees the deeplink and the body */
void reauth_update_answer_free(reauth_update_answer_t *answer);

/*
 * Composes the response to a repeated update or reauthentication from the
 * record.  "id" is that of the attempt, or for Fansly of the account;
 * "deeplink" may be empty.  Must be freed by reauth_json_text_free(); NULL: no
 * memory.
 */
char *reauth_update_answer_text(reauth_operation_t operation, unsigned fansly,
    const reauth_string_t *id, const reauth_string_t *origin,
    const reauth_string_t *deeplink, size_t *len);


/*
 * Whether reauth_update_answer_text() returns the same bytes as "body", the
 * first response; 0 also if memory is short.
 */
int reauth_update_answer_is_composed(reauth_operation_t operation,
    unsigned fansly, const reauth_string_t *id, const reauth_string_t *origin,
    const reauth_string_t *deeplink, const reauth_string_t *body);


#endif /* REAUTH_UPDATE_ANSWER_H */
