
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a record of Redis.  Each record that is accepted can be written, and
 * is identical when it is read again.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_record.h"
#include "reauth_time.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_event(const unsigned char *buffer, size_t len,
    const reauth_record_t *record)
{
    reauth_record_t  event;
    reauth_string_t  text;

    text.data = buffer;
    text.len = len;

    memset(&event, 0, sizeof(reauth_record_t));

    if (reauth_record_decode_event(&text, &event) != 0
        || event.fingerprint_set
        || event.sealed_len != 0
        || event.prior.fingerprint_set
        || (event.missing & REAUTH_SECRET_FINGERPRINT ? 1 : 0)
           != (record->fingerprint_set ? 1 : 0))
    {
        abort();
    }
}


static void
write_and_read(const reauth_record_t *record)
{
    size_t            event;
    unsigned char    *buffer;
    reauth_record_t   back;
    reauth_string_t   text;

    buffer = malloc(REAUTH_RECORD_TEXT_MAX);

    if (buffer == NULL) {
        return;
    }

    text.data = buffer;
    text.len = reauth_record_encode(record, buffer, &event);

    memset(&back, 0, sizeof(reauth_record_t));

    if (text.len > REAUTH_RECORD_TEXT_MAX
        || reauth_record_decode(&text, &back) != 0)
    {
        abort();
    }

    if (reauth_record_valid(&back) != reauth_record_valid(record)
        || reauth_attempt_compare(&back, record) != 0
        || strcmp(back.account, record->account) != 0
        || strcmp(back.attempt, record->attempt) != 0
        || strcmp(back.error_message, record->error_message) != 0
        || back.sealed_len != record->sealed_len
        || memcmp(back.sealed, record->sealed, back.sealed_len) != 0
        || back.prior.state != record->prior.state)
    {
        abort();
    }

    if (event > text.len) {
        abort();
    }

    check_event(buffer, event, record);

    free(buffer);
}


/* each accepted record is possible, and a second read does not change it */

static void
judge(reauth_record_t *record)
{
    reauth_record_t  again;

    static const int64_t  now_ms = INT64_C(1763985600000);
    static const int64_t  life_ms = 86400000;

    if (reauth_record_judge(record, now_ms, life_ms) != 0) {
        return;
    }

    if (record->since_ms < 0
        || record->since_ms > now_ms + REAUTH_CLOCKS_DIFFER_MS
        || record->updated_ms > now_ms + REAUTH_CLOCKS_DIFFER_MS
        || record->deadline_ms > now_ms + life_ms + REAUTH_CLOCKS_DIFFER_MS
        || record->started_us > REAUTH_TIME_MS_MAX * 1000 + 999)
    {
        abort();
    }

    again = *record;

    if (reauth_record_judge(&again, now_ms, life_ms) != 0
        || again.since_ms != record->since_ms
        || again.deadline_ms != record->deadline_ms)
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_record_t  record;
    reauth_string_t  text;

    memset(&record, 0, sizeof(reauth_record_t));

    text.data = data;
    text.len = size;

    if (reauth_record_decode(&text, &record) == 0) {
        write_and_read(&record);
        judge(&record);
    }

    return 0;
}
