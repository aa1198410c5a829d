
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Bodies with credentials: update, start and submit 2FA.  They are validated
 * and written again in a canonical form, which is forwarded, so that identical
 * credentials are identical bytes.
 *
 * Messages contain no values of the body.
 */


#ifndef REAUTH_CREDENTIALS_H
#define REAUTH_CREDENTIALS_H


#include <jansson.h>

#include "reauth_attempt.h"
#include "reauth_json.h"
#include "reauth_route.h"
#include "reauth_string.h"


#define REAUTH_EMAIL_MAX           254
#define REAUTH_PASSWORD_MAX        1024
#define REAUTH_AUTH_ID_MAX         64
#define REAUTH_COOKIES_MAX         16384
#define REAUTH_XBC_MAX             512
#define REAUTH_USER_AGENT_MAX      1024
#define REAUTH_NAME_MAX            255
#define REAUTH_CODE_MAX            64

/* bytes of all fields passed by reauth_unknown_fields */
#define REAUTH_PASSED_MAX          16384

/* reported names: number and maximum length */
#define REAUTH_DROPPED_NAMES       16
#define REAUTH_FIELD_SHOWN_MAX     64

#define REAUTH_FIELD_NAME_MAX      80
#define REAUTH_FIELD_MESSAGE_MAX   191
#define REAUTH_FIELD_ERRORS_MAX    32


typedef enum {
    REAUTH_CREDENTIALS_OK = 0,
    REAUTH_CREDENTIALS_INVALID_JSON,     /* see json_error */
    REAUTH_CREDENTIALS_INVALID_FIELDS,   /* see errors */
    REAUTH_CREDENTIALS_NO_MEMORY
} reauth_credentials_result_t;


typedef enum {
    REAUTH_UNKNOWN_FIELDS_DROP = 0,
    REAUTH_UNKNOWN_FIELDS_REJECT,
    REAUTH_UNKNOWN_FIELDS_PASS           /* those that no auth_type knows */
} reauth_unknown_fields_t;


typedef struct {
    char                  field[REAUTH_FIELD_NAME_MAX + 1];
    char                  message[REAUTH_FIELD_MESSAGE_MAX + 1];
} reauth_field_error_t;


typedef struct {
    reauth_auth_type_t    auth_type;     /* NONE for submit 2FA */

    char                 *body;          /* to be forwarded */
    size_t                body_len;

    reauth_json_error_t   json_error;

    unsigned              nunknown;      /* dropped: unknown, */
    unsigned              nforeign;      /* of another auth_type */
    char                 *dropped;       /* "name,..." of the first; NULL: 0 */

    unsigned              nerrors;       /* at most the first 32 are kept */
    reauth_field_error_t *errors;        /* NULL: none */
} reauth_credentials_t;


/*
 * "operation" is update, start or submit_2fa.  The credentials must be freed
 * by reauth_credentials_free() in any case.
 */

reauth_credentials_result_t reauth_credentials_parse(
    const reauth_string_t *text, reauth_operation_t operation,
    reauth_unknown_fields_t unknown, reauth_credentials_t *credentials);

/* zeroes and frees the body, frees the rest */
void reauth_credentials_free(reauth_credentials_t *credentials);

/* {"field":["message",...],...}; NULL: no memory */
json_t *reauth_credentials_errors(const reauth_credentials_t *credentials);


#endif /* REAUTH_CREDENTIALS_H */
