
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_error.h"


enum {
    REAUTH_ERROR_TOP = 0,
    REAUTH_ERROR_ERROR,
    REAUTH_ERROR_NVALUES
};


static const struct {
    unsigned     status;
    const char  *name;
} reauth_error_codes[REAUTH_ERROR_LAST] = {
    { 400, "INVALID_JSON" },
    { 400, "BAD_PATH" },
    { 400, "BAD_QUERY" },
    { 400, "BAD_ACCOUNT" },
    { 401, "UNAUTHORIZED_CALLER" },
    { 401, "INVALID_SIGNATURE" },
    { 403, "FORBIDDEN_CALLER" },
    { 403, "FORBIDDEN_ORIGIN" },
    { 404, "NOT_FOUND" },
    { 405, "METHOD_NOT_ALLOWED" },
    { 409, "UPDATE_IN_PROGRESS" },
    { 409, "UPDATE_SUPERSEDED" },
    { 409, "NOT_POLLED" },
    { 413, "BODY_TOO_LARGE" },
    { 415, "UNSUPPORTED_MEDIA_TYPE" },
    { 422, "VALIDATION_ERROR" },
    { 429, "BUDGET_EXCEEDED" },
    { 429, "TOO_MANY_ATTEMPTS" },
    { 429, "TOO_MANY_REQUESTS" },
    { 502, "UPSTREAM_BAD_ANSWER" },
    { 503, "SERVICE_UNAVAILABLE" },
    { 503, "STORE_UNAVAILABLE" },
    { 503, "KEY_UNAVAILABLE" },
    { 504, "UPSTREAM_TIMEOUT" }
};


static const reauth_reader_field_t  reauth_error_fields[] = {
    { "", REAUTH_ERROR_TOP, 0 },
    { "error", REAUTH_ERROR_ERROR, 0 }
};


const char *
reauth_error_name(reauth_error_code_t code)
{
    return reauth_error_codes[code].name;
}


unsigned
reauth_error_status(reauth_error_code_t code)
{
    return reauth_error_codes[code].status;
}


int
reauth_error_is_code(const reauth_string_t *text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c >= 'A' && c <= 'Z') {
            continue;
        }

        if (i == 0
            || ((c < '0' || c > '9')
                && c != '_' && c != ':' && c != '.' && c != '-'))
        {
            return 0;
        }
    }

    return text->len != 0 && text->len <= REAUTH_ERROR_CODE_MAX;
}


int
reauth_error_read(const unsigned char *body, size_t len, reauth_error_t *out,
    reauth_unread_t *why)
{
    reauth_value_t   values[REAUTH_ERROR_NVALUES];
    reauth_string_t  text, error;
    reauth_reader_t  reader;

    memset(out, 0, sizeof(reauth_error_t));

    text.data = body;
    text.len = len;

    reauth_reader_init(&reader, reauth_error_fields,
                       sizeof(reauth_error_fields)
                       / sizeof(reauth_reader_field_t),
                       NULL, values, REAUTH_ERROR_NVALUES);

    if (reauth_reader_read(&reader, &text) != REAUTH_READER_OK) {
        reauth_reader_unread(&reader, why);
        return -1;
    }

    if (values[REAUTH_ERROR_TOP].type != REAUTH_VALUE_OBJECT) {
        why->reason = "it is not an object";
        why->offset = 0;

        return -1;
    }

    error = reauth_value_string(&values[REAUTH_ERROR_ERROR]);

    if (reauth_error_is_code(&error)) {
        reauth_copy(out->code, REAUTH_ERROR_CODE_MAX, &error);

    } else {
        reauth_copy(out->message, REAUTH_ERROR_MESSAGE_MAX, &error);
    }

    return 0;
}
