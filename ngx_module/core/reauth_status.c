
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A list shows up to a thousand records, each of them sixteen members.  As a
 * tree of jansson's that takes 10 us a record, which blocks a worker for
 * 10 ms; so the members are written here, and jansson is asked only for those
 * strings that need more than quotes around them.
 */


#include <stdio.h>

#include <jansson.h>

#include "reauth_status.h"
#include "reauth_time.h"


typedef struct {
    char        *last;
    char        *end;
    int          failed;
} reauth_status_out_t;


static void
reauth_status_write(reauth_status_out_t *out, const char *text, size_t len)
{
    if (len > (size_t) (out->end - out->last)) {
        out->failed = 1;
        return;
    }

    memcpy(out->last, text, len);
    out->last += len;
}


/* the names are written with their comma and colon */

#define reauth_status_literal(out, text)                                      \
    reauth_status_write(out, text, sizeof(text) - 1)


static int
reauth_status_is_plain(const char *text, size_t len)
{
    size_t         i;
    unsigned char  ch;

    for (i = 0; i < len; i++) {
        ch = (unsigned char) text[i];

        if (ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\') {
            return 0;
        }
    }

    return 1;
}


static void
reauth_status_escaped(reauth_status_out_t *out, const char *text, size_t len)
{
    char     copy[REAUTH_ERROR_MESSAGE_MAX + 1];
    size_t   i, n;
    json_t  *string;

    string = json_stringn(text, len);

    if (string == NULL) {

        /* no UTF-8: one bad record must not make a list unreadable */

        n = len < sizeof(copy) ? len : sizeof(copy);

        for (i = 0; i < n; i++) {
            copy[i] = (text[i] & 0x80) ? '?' : text[i];
        }

        string = json_stringn(copy, n);

        if (string == NULL) {
            out->failed = 1;
            return;
        }
    }

    n = json_dumpb(string, out->last, (size_t) (out->end - out->last),
                   JSON_ENCODE_ANY);
    json_decref(string);

    if (n == 0 || n > (size_t) (out->end - out->last)) {
        out->failed = 1;
        return;
    }

    out->last += n;
}


static void
reauth_status_string(reauth_status_out_t *out, const char *text)
{
    size_t  len;

    if (text == NULL || text[0] == '\0') {
        reauth_status_literal(out, "null");
        return;
    }

    len = strlen(text);

    if (!reauth_status_is_plain(text, len)) {
        reauth_status_escaped(out, text, len);
        return;
    }

    reauth_status_literal(out, "\"");
    reauth_status_write(out, text, len);
    reauth_status_literal(out, "\"");
}


static void
reauth_status_time_ms(reauth_status_out_t *out, int64_t ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    text[0] = '\0';

    if (ms != 0) {
        (void) reauth_time_format_ms(text, ms);
    }

    reauth_status_string(out, text);
}


static void
reauth_status_time_us(reauth_status_out_t *out, int64_t us)
{
    char  text[REAUTH_TIME_US_SIZE];

    text[0] = '\0';

    if (us != 0) {
        (void) reauth_time_format_us(text, us);
    }

    reauth_status_string(out, text);
}


reauth_state_t
reauth_status_state(const reauth_record_t *record, int64_t now_ms)
{
    if (reauth_state_is_active(record->state)
        && now_ms >= record->deadline_ms)
    {
        return REAUTH_STATE_EXPIRED;
    }

    return (reauth_state_t) record->state;
}


size_t
reauth_status_record(char *buf, const reauth_record_t *record,
    const reauth_status_view_t *view)
{
    int                  n, closed;
    char                 number[16];
    reauth_state_t       state;
    reauth_status_out_t  out;

    out.last = buf;
    out.end = buf + REAUTH_STATUS_RECORD_MAX;
    out.failed = 0;

    state = reauth_status_state(record, view->now_ms);
    closed = reauth_state_is_active(state);

    reauth_status_literal(&out, "{\"account_id\":");
    reauth_status_string(&out, record->account);

    reauth_status_literal(&out, ",\"attempt_id\":");
    reauth_status_string(&out, record->attempt);

    reauth_status_literal(&out, ",\"state\":");
    reauth_status_string(&out, reauth_state_name(state));

    reauth_status_literal(&out, ",\"gate\":");
    reauth_status_string(&out, closed ? "closed" : "open");

    reauth_status_literal(&out, ",\"action_required\":");
    reauth_status_string(&out, view->action);

    reauth_status_literal(&out, ",\"auth_type\":");
    reauth_status_string(&out, reauth_auth_type_name(record->auth_type));

    reauth_status_literal(&out, ",\"progress\":");
    reauth_status_string(&out, record->progress);

    reauth_status_literal(&out, ",\"error_code\":");
    reauth_status_string(&out, record->error_code);

    reauth_status_literal(&out, ",\"error_message\":");
    reauth_status_string(&out, record->error_message);

    reauth_status_literal(&out, ",\"caller\":");
    reauth_status_string(&out, record->caller);

    reauth_status_literal(&out, ",\"source\":");
    reauth_status_string(&out, reauth_source_name(record->source));

    reauth_status_literal(&out, ",\"since\":");
    reauth_status_time_ms(&out, record->since_ms);

    reauth_status_literal(&out, ",\"started_at\":");
    reauth_status_time_us(&out, record->started_us);

    reauth_status_literal(&out, ",\"updated_at\":");
    reauth_status_time_ms(&out, record->updated_ms);

    reauth_status_literal(&out, ",\"completed_at\":");
    reauth_status_time_us(&out, record->completed_us);

    reauth_status_literal(&out, ",\"retry_after\":");

    if (closed) {
        n = snprintf(number, sizeof(number), "%u", view->retry_after);
        reauth_status_write(&out, number, (size_t) n);

    } else {
        reauth_status_literal(&out, "null");
    }

    reauth_status_literal(&out, "}");

    return out.failed ? 0 : (size_t) (out.last - buf);
}


size_t
reauth_status_event(char *buf, const reauth_record_t *record,
    const char *action)
{
    reauth_status_out_t  out;

    out.last = buf;
    out.end = buf + REAUTH_STATUS_RECORD_MAX;
    out.failed = 0;

    reauth_status_literal(&out, "{\"at\":");
    reauth_status_time_ms(&out, record->updated_ms);

    reauth_status_literal(&out, ",\"state\":");
    reauth_status_string(&out,
                         reauth_state_name((reauth_state_t) record->state));

    reauth_status_literal(&out, ",\"gate\":");
    reauth_status_string(&out, reauth_state_is_active(record->state)
                               ? "closed" : "open");

    reauth_status_literal(&out, ",\"source\":");
    reauth_status_string(&out, reauth_source_name(record->source));

    reauth_status_literal(&out, ",\"attempt_id\":");
    reauth_status_string(&out, record->attempt);

    reauth_status_literal(&out, ",\"action_required\":");
    reauth_status_string(&out, action);

    reauth_status_literal(&out, ",\"auth_type\":");
    reauth_status_string(&out, reauth_auth_type_name(record->auth_type));

    reauth_status_literal(&out, ",\"progress\":");
    reauth_status_string(&out, record->progress);

    reauth_status_literal(&out, ",\"error_code\":");
    reauth_status_string(&out, record->error_code);

    reauth_status_literal(&out, ",\"error_message\":");
    reauth_status_string(&out, record->error_message);

    reauth_status_literal(&out, ",\"caller\":");
    reauth_status_string(&out, record->caller);

    reauth_status_literal(&out, "}");

    return out.failed ? 0 : (size_t) (out.last - buf);
}
