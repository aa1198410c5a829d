
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a byte that selects operation and policy, then the body.  An accepted
 * body must be in its canonical form: parsing it again yields the same body.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_credentials.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t                   *errors;
    reauth_string_t           text;
    reauth_operation_t        op;
    reauth_credentials_t      first, second;
    reauth_unknown_fields_t   unknown, again;

    static const reauth_operation_t  ops[] = {
        REAUTH_OPERATION_UPDATE,
        REAUTH_OPERATION_START,
        REAUTH_OPERATION_SUBMIT_2FA
    };

    if (size == 0) {
        return 0;
    }

    op = ops[(data[0] >> 1) % 3];
    unknown = (data[0] & 1) ? REAUTH_UNKNOWN_FIELDS_REJECT
              : (data[0] & 8) ? REAUTH_UNKNOWN_FIELDS_PASS
                              : REAUTH_UNKNOWN_FIELDS_DROP;

    /* nothing is dropped any more, and all that was forwarded is forwarded */

    again = unknown == REAUTH_UNKNOWN_FIELDS_PASS
            ? REAUTH_UNKNOWN_FIELDS_PASS : REAUTH_UNKNOWN_FIELDS_REJECT;

    text.data = data + 1;
    text.len = size - 1;

    switch (reauth_credentials_parse(&text, op, unknown, &first)) {

    case REAUTH_CREDENTIALS_OK:

        text.data = (const unsigned char *) first.body;
        text.len = first.body_len;

        if (reauth_credentials_parse(&text, op, again, &second)
            != REAUTH_CREDENTIALS_OK
            || second.dropped != NULL
            || second.auth_type != first.auth_type
            || second.body_len != first.body_len
            || memcmp(second.body, first.body, first.body_len) != 0)
        {
            abort();
        }

        reauth_credentials_free(&second);

        break;

    case REAUTH_CREDENTIALS_INVALID_JSON:

        if (first.json_error.line == 0 || first.json_error.column == 0
            || first.json_error.reason == NULL)
        {
            abort();
        }

        break;

    case REAUTH_CREDENTIALS_INVALID_FIELDS:

        errors = reauth_credentials_errors(&first);

        if (first.nerrors == 0 || errors == NULL) {
            abort();
        }

        json_decref(errors);

        break;

    default:
        break;
    }

    reauth_credentials_free(&first);

    return 0;
}
