
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: an override of Redis.  Each that is accepted is possible, can be
 * written, and is identical when it is read again.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_override.h"
#include "reauth_record.h"
#include "reauth_route.h"
#include "reauth_time.h"


#define NOW_MS    INT64_C(1763985600000)
#define AHEAD_MS  INT64_C(172800000)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* terminated within its bounds, and of no control bytes */

static void
check_text(const char *text, size_t max)
{
    size_t  i;

    for (i = 0; text[i] != '\0'; i++) {

        if (i == max || (unsigned char) text[i] < 0x20 || text[i] == 0x7f) {
            abort();
        }
    }
}


static void
check_possible(const reauth_override_t *override)
{
    reauth_string_t  id;

    check_text(override->account, REAUTH_ACCOUNT_MAX);
    check_text(override->caller, REAUTH_CALLER_MAX);
    check_text(override->reason, REAUTH_OVERRIDE_REASON_MAX);

    id = reauth_string_from(override->account);

    if (!reauth_id_is_account(&id)
        || override->stamp == 0
        || override->stamp
           > (uint64_t) (NOW_MS + REAUTH_EPOCH_AHEAD_MS + 1)
             * REAUTH_EPOCH_TICKS
        || override->set_ms < 0
        || override->set_ms > REAUTH_TIME_MS_MAX
        || override->until_ms < 0
        || override->until_ms > NOW_MS + AHEAD_MS
        || override->gate > REAUTH_OVERRIDE_CLOSED
        || override->state >= REAUTH_STATE_LAST)
    {
        abort();
    }

    /* it ends, and does not replace itself */

    if (reauth_override_gate(override, NOW_MS + AHEAD_MS)
        != REAUTH_OVERRIDE_NONE
        || reauth_override_replaces(override, override))
    {
        abort();
    }
}


static void
write_and_read(const reauth_override_t *override)
{
    reauth_string_t    text;
    unsigned char     *buffer;
    reauth_override_t  back;

    buffer = malloc(REAUTH_OVERRIDE_TEXT_MAX);

    if (buffer == NULL) {
        return;
    }

    text.data = buffer;
    text.len = reauth_override_encode(override, buffer);

    if (text.len > REAUTH_OVERRIDE_TEXT_MAX
        || reauth_override_decode(&text, NOW_MS, &back) != 0)
    {
        abort();
    }

    if (back.stamp != override->stamp
        || back.set_ms != override->set_ms
        || back.until_ms != override->until_ms
        || back.gate != override->gate
        || back.state != override->state
        || strcmp(back.account, override->account) != 0
        || strcmp(back.caller, override->caller) != 0
        || strcmp(back.reason, override->reason) != 0)
    {
        abort();
    }

    free(buffer);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_record_t    record;
    reauth_string_t    text;
    reauth_override_t  override;

    text.data = data;
    text.len = size;

    if (reauth_override_decode(&text, NOW_MS, &override) != 0) {
        return 0;
    }

    check_possible(&override);
    write_and_read(&override);

    reauth_override_record(&override, &record);

    if (reauth_override_of(&record) != override.gate) {
        abort();
    }

    return 0;
}
