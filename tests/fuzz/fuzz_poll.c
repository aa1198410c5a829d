
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: the response to a poll, which is also parsed as the list of accounts.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_poll.h"
#include "reauth_route.h"

#include "../listed.h"
#include "check.h"


static void
check_poll(const reauth_poll_t *poll)
{
    switch (poll->state) {

    case REAUTH_STATE_RUNNING:
    case REAUTH_STATE_NEEDS_OTP:
    case REAUTH_STATE_NEEDS_FACE:
    case REAUTH_STATE_NEEDS_APP:
    case REAUTH_STATE_NEEDS_PERSON:
    case REAUTH_STATE_SUCCEEDED:
    case REAUTH_STATE_FAILED:
        break;

    default:
        abort();
    }

    if (poll->action >= REAUTH_ACTION_LAST
        || poll->started_us < 0
        || poll->completed_us < 0
        || poll->before_us < 0)
    {
        abort();
    }

    check_text(poll->account, sizeof(poll->account));
    check_text(poll->progress, sizeof(poll->progress));
    check_text(poll->error_code, sizeof(poll->error_code));
    check_text(poll->error_message, sizeof(poll->error_message));
    check_unknown(&poll->unknown);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_poll_t            poll;
    reauth_unread_t          why;
    reauth_account_status_t  status;

    static const reauth_string_t  account = reauth_string("acct_1");

    if (reauth_poll_parse(data, size, &poll, &why) == 0) {
        check_poll(&poll);
    }

    if (listed_find(data, size, &account, &status, &why) == 0) {
        check_text(status.progress, sizeof(status.progress));
        check_unknown(&status.unknown);

        if (!status.found && (status.authenticated || status.in_progress)) {
            abort();
        }
    }

    return 0;
}
