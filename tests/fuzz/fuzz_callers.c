
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Any bytes as a callers file.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_callers.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                    error[REAUTH_CALLERS_ERROR_SIZE];
    size_t                  n;
    reauth_string_t         text;
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    static const reauth_string_t  token = reauth_string("alpha");
    static const reauth_string_t  account = reauth_string("acct_1");

    text.data = data;
    text.len = size;

    callers = reauth_callers_parse(&text, error);

    if (callers == NULL) {

        if (memchr(error, '\0', sizeof(error)) == NULL) {
            abort();
        }

        return 0;
    }

    n = reauth_callers_count(callers);

    if (n == 0 || n > REAUTH_CALLERS_MAX) {
        abort();
    }

    caller = reauth_callers_find(callers, &token);

    if (caller != NULL) {

        if (caller->name.len == 0
            || !reauth_caller_allowed(caller, REAUTH_SCOPE_ALL))
        {
            abort();
        }

        (void) reauth_caller_allowed_account(caller, &account);
    }

    reauth_callers_free(callers);

    return 0;
}
