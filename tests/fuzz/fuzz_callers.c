
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a callers file.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_call.h"


/* a right that the caller's own line does not grant must not be granted */

static void
fuzz_calls(const reauth_caller_t *caller)
{
    size_t         i;
    reauth_call_t  call;

    static const reauth_string_t  methods[] = {
        reauth_string("GET"), reauth_string("HEAD"), reauth_string("POST")
    };

    static const reauth_string_t  account = reauth_string("acct_1");
    static const reauth_string_t  own = reauth_string("/api/acct_1/chats");
    static const reauth_string_t  team = reauth_string("/api/accounts/acct_1");

    call.prefix = 0;
    call.account = account;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        call.method = methods[i];
        call.path = own;

        if (reauth_caller_may_call(caller, &call) == REAUTH_CALL_ALLOWED
            && (!reauth_caller_allowed(caller, REAUTH_SCOPE_CALL_READ)
                || !reauth_caller_allowed_account(caller, &account)))
        {
            abort();
        }

        if (caller->calls_all
            && reauth_caller_may_call(caller, &call) != REAUTH_CALL_ALLOWED)
        {
            abort();
        }

        call.path = team;

        if (reauth_caller_may_call(caller, &call) == REAUTH_CALL_ALLOWED
            && (!reauth_caller_allowed(caller, REAUTH_SCOPE_TEAM_READ)
                || caller->accounts.data != NULL
                || caller->routes.data != NULL))
        {
            abort();
        }
    }
}


/* a budget is within its bounds, and its period is known to the table */

static void
fuzz_budget(const reauth_callers_t *callers, const reauth_caller_t *caller)
{
    size_t  window;

    if (caller->budget.credits == 0) {
        return;
    }

    if (caller->budget.credits > REAUTH_BUDGET_MAX
        || caller->budget.period >= REAUTH_BUDGET_PERIODS
        || !(reauth_callers_periods(callers) & 1u << caller->budget.period))
    {
        abort();
    }

    window = reauth_budget_window(caller->budget.period, 1795941000500);

    if (!reauth_budget_allows(&caller->budget, 0)
        || reauth_budget_allows(&caller->budget, caller->budget.credits)
        || reauth_budget_retry_after(caller->budget.period, window,
                                     1795941000500) > 86400)
    {
        abort();
    }
}


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

    if (reauth_callers_find(callers, &token, &caller) == 0 && caller != NULL) {

        if (caller->name.len == 0
            || !reauth_caller_allowed(caller, REAUTH_SCOPE_ALL))
        {
            abort();
        }

        (void) reauth_caller_allowed_account(caller, &account);
        fuzz_calls(caller);
        fuzz_budget(callers, caller);
    }

    reauth_callers_free(callers);

    return 0;
}
