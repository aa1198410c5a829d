
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a webhook, and the value of its signature header.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_route.h"
#include "reauth_signature.h"
#include "reauth_webhook.h"

#include "check.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_string_t   bytes;
    reauth_unread_t   why;
    reauth_webhook_t  hook;

    static const reauth_string_t  secret = reauth_string("a secret");

    bytes.data = data;
    bytes.len = size;

    if (reauth_signature_verify(&bytes, &bytes, &secret, 1)
        == REAUTH_SIGNATURE_VALID)
    {
        abort();
    }

    if (reauth_webhook_parse(data, size, &hook, &why) != 0) {
        return 0;
    }

    if (hook.event >= REAUTH_EVENT_LAST
        || hook.action >= REAUTH_ACTION_LAST
        || hook.started_us < 0
        || hook.completed_us < 0)
    {
        abort();
    }

    /* an unknown event changes nothing */

    if ((hook.event == REAUTH_EVENT_UNKNOWN || hook.event == REAUTH_EVENT_TEST)
        && hook.state != REAUTH_STATE_NONE)
    {
        abort();
    }

    check_text(hook.account, sizeof(hook.account));
    check_text(hook.progress, sizeof(hook.progress));
    check_text(hook.error_code, sizeof(hook.error_code));
    check_text(hook.error_message, sizeof(hook.error_message));
    check_unknown(&hook.unknown);

    return 0;
}
