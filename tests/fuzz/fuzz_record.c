
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A hash of Redis: one "name value" a line.  Whatever is read in can be
 * written, and is the same when it is read again.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_record.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int
read_line(reauth_record_t *record, const uint8_t *line, size_t len)
{
    const uint8_t    *blank;
    reauth_string_t   name, value;

    blank = memchr(line, ' ', len);

    if (blank == NULL) {
        return 0;
    }

    name.data = line;
    name.len = (size_t) (blank - line);
    value.data = blank + 1;
    value.len = len - name.len - 1;

    return reauth_record_set(record, &name, &value);
}


static void
write_and_read(const reauth_record_t *record)
{
    size_t            i, n;
    unsigned char    *buffer;
    reauth_field_t    fields[REAUTH_RECORD_FIELDS_MAX];
    reauth_record_t   back;

    buffer = malloc(REAUTH_RECORD_BUFFER);

    if (buffer == NULL) {
        return;
    }

    n = reauth_record_encode(record, fields, buffer);

    if (n > REAUTH_RECORD_FIELDS_MAX) {
        abort();
    }

    memset(&back, 0, sizeof(reauth_record_t));
    back.revision = record->revision;

    for (i = 0; i < n; i++) {
        if (reauth_record_set(&back, &fields[i].name, &fields[i].value) != 0) {
            abort();
        }
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

    free(buffer);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t    *end, *last;
    reauth_record_t   record;

    memset(&record, 0, sizeof(reauth_record_t));

    last = data + size;

    while (data < last) {
        end = memchr(data, '\n', (size_t) (last - data));

        if (end == NULL) {
            end = last;
        }

        if (read_line(&record, data, (size_t) (end - data)) != 0) {
            return 0;
        }

        if (end == last) {
            break;
        }

        data = end + 1;
    }

    write_and_read(&record);

    return 0;
}
