
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: an entry of the audit log in Redis.  Each that is accepted can be
 * written, is identical when it is read again, and is shown as JSON unless one
 * of its texts is too long when it is escaped.
 */


#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "reauth_audit.h"
#include "reauth_time.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_json(const reauth_audit_t *entry)
{
    char    *buf;
    size_t   len;
    json_t  *json;

    /* of its size, so that the sanitizer sees each byte after it */

    buf = malloc(REAUTH_AUDIT_JSON_MAX);

    if (buf == NULL) {
        return;
    }

    len = reauth_audit_json(buf, entry);

    if (len > REAUTH_AUDIT_JSON_MAX) {
        abort();
    }

    if (len != 0) {
        json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);

        if (json == NULL || json_object_size(json) != 11) {
            abort();
        }

        json_decref(json);
    }

    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char     *buffer;
    reauth_audit_t     entry, back;
    reauth_string_t    text;

    text.data = data;
    text.len = size;

    if (reauth_audit_decode(&text, &entry) != 0) {
        return 0;
    }

    if (entry.at_ms <= 0
        || entry.at_ms > REAUTH_TIME_MS_MAX
        || entry.until_ms < 0
        || entry.count == 0
        || entry.gate > REAUTH_OVERRIDE_CLOSED)
    {
        abort();
    }

    buffer = malloc(REAUTH_AUDIT_TEXT_MAX);

    if (buffer == NULL) {
        return 0;
    }

    text.data = buffer;
    text.len = reauth_audit_encode(&entry, buffer);

    if (text.len > REAUTH_AUDIT_TEXT_MAX
        || reauth_audit_decode(&text, &back) != 0
        || reauth_audit_compare(&entry, &back) != 0
        || strcmp(entry.reason, back.reason) != 0
        || strcmp(entry.caller, back.caller) != 0
        || strcmp(entry.account, back.account) != 0
        || strcmp(entry.outcome, back.outcome) != 0)
    {
        abort();
    }

    free(buffer);
    check_json(&entry);

    return 0;
}
