
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a byte, the members that a body may have, and the body of a request of
 * the scope "operate"; all of it also as a time.  What is accepted is within
 * its bounds; an error names a member that the body may have.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_operate.h"


#define ALL  (REAUTH_OPERATE_GATE|REAUTH_OPERATE_FOR|REAUTH_OPERATE_REASON)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_time(const reauth_string_t *text)
{
    int64_t  ms;

    ms = reauth_operate_time(text, REAUTH_OPERATE_FOR_MAX_MS);

    if (ms != -1
        && (ms < 1000 || ms > REAUTH_OPERATE_FOR_MAX_MS || ms % 1000 != 0))
    {
        abort();
    }
}


static void
check_taken(const reauth_operate_t *asked, unsigned members)
{
    reauth_string_t  reason;

    if ((asked->gate != REAUTH_OVERRIDE_NONE)
        != ((members & REAUTH_OPERATE_GATE) != 0)
        || asked->gate > REAUTH_OVERRIDE_CLOSED)
    {
        abort();
    }

    if (members & REAUTH_OPERATE_FOR
        ? (asked->for_ms < 1000 || asked->for_ms > REAUTH_OPERATE_FOR_MAX_MS)
        : asked->for_ms != 0)
    {
        abort();
    }

    reason.data = (const unsigned char *) asked->reason;
    reason.len = strnlen(asked->reason, sizeof(asked->reason));

    if (reason.len == sizeof(asked->reason)
        || (reason.len != 0 && !(members & REAUTH_OPERATE_REASON))
        || !reauth_operate_is_printable(&reason))
    {
        abort();
    }
}


static void
check_errors(json_t *errors, unsigned members)
{
    json_t      *list;
    const char  *name;

    if (json_object_size(errors) == 0) {
        abort();
    }

    json_object_foreach(errors, name, list) {

        if (json_array_size(list) != 1
            || json_string_length(json_array_get(list, 0)) == 0)
        {
            abort();
        }

        if (!(strcmp(name, "?") == 0
              || (strcmp(name, "gate") == 0 && members & REAUTH_OPERATE_GATE)
              || (strcmp(name, "for") == 0 && members & REAUTH_OPERATE_FOR)
              || (strcmp(name, "reason") == 0
                  && members & REAUTH_OPERATE_REASON)))
        {
            abort();
        }
    }

    json_decref(errors);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t               *errors;
    unsigned              members;
    reauth_string_t       text;
    reauth_operate_t      asked;
    reauth_json_error_t   error;

    text.data = data;
    text.len = size;

    check_time(&text);

    if (size == 0) {
        return 0;
    }

    members = data[0] & ALL;
    text.data++;
    text.len--;

    switch (reauth_operate_parse(&text, members, &asked, &error, &errors)) {

    case REAUTH_OPERATE_OK:
        check_taken(&asked, members);
        /* fall through */

    case REAUTH_OPERATE_NO_MEMORY:

        if (errors != NULL) {
            abort();
        }

        return 0;

    case REAUTH_OPERATE_INVALID_JSON:

        if (errors != NULL || error.reason == NULL || error.line == 0) {
            abort();
        }

        return 0;

    default: /* REAUTH_OPERATE_INVALID_FIELDS */
        check_errors(errors, members);
        return 0;
    }
}
