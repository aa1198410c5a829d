
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A list shows up to a thousand records, each of them seventeen members.  As a
 * tree of jansson's that takes 10 us a record, which blocks a worker for
 * 10 ms; so the members are written here.
 */


#include <stdio.h>

#include "reauth_json_out.h"
#include "reauth_status.h"
#include "reauth_time.h"


/* monotonic and wall-clock time may differ by rounding */
#define REAUTH_STATUS_WAIT_MARGIN_MS  10


/* text that is not UTF-8 is repaired, so that the whole list is readable */

static void
reauth_status_repaired(reauth_json_out_t *out, const reauth_string_t *text)
{
    size_t            i;
    unsigned char     copy[REAUTH_ERROR_MESSAGE_MAX + 1];
    reauth_string_t   repaired;

    repaired.data = copy;
    repaired.len = text->len < sizeof(copy) ? text->len : sizeof(copy);

    for (i = 0; i < repaired.len; i++) {
        copy[i] = (text->data[i] & 0x80) ? '?' : text->data[i];
    }

    if (reauth_json_out_string(out, &repaired) != 0) {
        out->failed = 1;
    }
}


static void
reauth_status_string(reauth_json_out_t *out, const char *text)
{
    reauth_string_t  string;

    if (text == NULL || text[0] == '\0') {
        reauth_json_out_literal(out, "null");
        return;
    }

    string = reauth_string_from(text);

    if (reauth_json_out_string(out, &string) != 0) {
        reauth_status_repaired(out, &string);
    }
}


/* an attempt of a Fansly account has no ID: it is polled by the account */

static const char *
reauth_status_attempt(const reauth_record_t *record)
{
    return strcmp(record->attempt, record->account) != 0 ? record->attempt
                                                         : NULL;
}


static void
reauth_status_time_ms(reauth_json_out_t *out, int64_t ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    text[0] = '\0';

    if (ms != 0) {
        (void) reauth_time_format_ms(text, ms);
    }

    reauth_status_string(out, text);
}


static void
reauth_status_time_us(reauth_json_out_t *out, int64_t us)
{
    char  text[REAUTH_TIME_US_SIZE];

    text[0] = '\0';

    if (us != 0) {
        (void) reauth_time_format_us(text, us);
    }

    reauth_status_string(out, text);
}


/* a healthy attempt has no last_poll */

static void
reauth_status_last_poll(reauth_json_out_t *out, const reauth_record_t *record)
{
    int          n;
    char         status[16], error[16];
    const char  *name;

    reauth_json_out_literal(out, ",\"last_poll\":");

    if (record->polled_ms == 0) {
        reauth_json_out_literal(out, "null");
        return;
    }

    reauth_json_out_literal(out, "{\"at\":");
    reauth_status_time_ms(out, record->polled_ms);

    reauth_json_out_literal(out, ",\"status\":");

    if (record->poll_status != 0) {
        n = snprintf(status, sizeof(status), "%u", record->poll_status);
        reauth_json_out(out, status, (size_t) n);

    } else {
        reauth_json_out_literal(out, "null");
    }

    name = reauth_poll_error_name(record->poll_error);

    if (record->poll_error == REAUTH_POLL_ERROR_HTTP) {
        (void) snprintf(error, sizeof(error), "HTTP_%u", record->poll_status);
        name = error;
    }

    reauth_json_out_literal(out, ",\"error\":");
    reauth_status_string(out, name);

    reauth_json_out_literal(out, "}");
}


static void
reauth_status_override(reauth_json_out_t *out,
    const reauth_override_t *override, int64_t now_ms)
{
    reauth_override_gate_t  gate;

    gate = reauth_override_gate(override, now_ms);

    reauth_json_out_literal(out, ",\"override\":");

    if (gate == REAUTH_OVERRIDE_NONE) {
        reauth_json_out_literal(out, "null");
        return;
    }

    reauth_json_out_literal(out, "{\"gate\":");
    reauth_status_string(out, reauth_override_gate_name(gate));

    reauth_json_out_literal(out, ",\"until\":");
    reauth_status_time_ms(out, override->until_ms);

    reauth_json_out_literal(out, ",\"reason\":");
    reauth_status_string(out, override->reason);

    reauth_json_out_literal(out, ",\"caller\":");
    reauth_status_string(out, override->caller);

    reauth_json_out_literal(out, "}");
}


static void
reauth_status_heal(reauth_json_out_t *out, const reauth_heal_t *heal)
{
    int   n;
    char  number[16];

    reauth_json_out_literal(out, ",\"heal\":");

    if (heal == NULL) {
        reauth_json_out_literal(out, "null");
        return;
    }

    reauth_json_out_literal(out, "{\"next_at\":");
    reauth_status_time_ms(out, heal->next_ms);

    reauth_json_out_literal(out, ",\"tries\":");
    n = snprintf(number, sizeof(number), "%u", heal->tries);
    reauth_json_out(out, number, (size_t) n);

    reauth_json_out_literal(out, ",\"last_error\":");
    reauth_status_string(out, heal->error);

    reauth_json_out_literal(out, "}");
}


size_t
reauth_status_record(char *buf, const reauth_record_t *record,
    const reauth_status_view_t *view)
{
    int                  n, closed;
    char                 number[16];
    const char          *attempt;
    reauth_state_t       state;
    reauth_json_out_t    out;

    reauth_json_out_init(&out, buf, REAUTH_STATUS_RECORD_MAX);

    attempt = reauth_status_attempt(record);
    state = reauth_record_state(record, view->now_ms);
    closed = reauth_override_closes(view->override, state, view->now_ms);

    reauth_json_out_literal(&out, "{\"account_id\":");
    reauth_status_string(&out, record->account);

    reauth_json_out_literal(&out, ",\"attempt_id\":");
    reauth_status_string(&out, attempt);

    reauth_json_out_literal(&out, ",\"state\":");
    reauth_status_string(&out, reauth_state_name(state));

    reauth_json_out_literal(&out, ",\"gate\":");
    reauth_status_string(&out, closed ? "closed" : "open");

    reauth_json_out_literal(&out, ",\"action_required\":");
    reauth_status_string(&out, view->action);

    reauth_json_out_literal(&out, ",\"auth_type\":");
    reauth_status_string(&out, reauth_auth_type_name(record->auth_type));

    reauth_json_out_literal(&out, ",\"progress\":");
    reauth_status_string(&out, record->progress);

    reauth_json_out_literal(&out, ",\"error_code\":");
    reauth_status_string(&out, record->error_code);

    reauth_json_out_literal(&out, ",\"error_message\":");
    reauth_status_string(&out, record->error_message);

    reauth_json_out_literal(&out, ",\"caller\":");
    reauth_status_string(&out, record->caller);

    reauth_json_out_literal(&out, ",\"source\":");
    reauth_status_string(&out, reauth_source_name(record->source));

    reauth_json_out_literal(&out, ",\"since\":");
    reauth_status_time_ms(&out, record->since_ms);

    reauth_json_out_literal(&out, ",\"started_at\":");
    reauth_status_time_us(&out, record->started_us);

    reauth_json_out_literal(&out, ",\"updated_at\":");
    reauth_status_time_ms(&out, record->updated_ms);

    reauth_json_out_literal(&out, ",\"completed_at\":");
    reauth_status_time_us(&out, record->completed_us);

    reauth_json_out_literal(&out, ",\"retry_after\":");

    if (closed) {
        n = snprintf(number, sizeof(number), "%u", view->retry_after);
        reauth_json_out(&out, number, (size_t) n);

    } else {
        reauth_json_out_literal(&out, "null");
    }

    reauth_status_last_poll(&out, record);
    reauth_status_override(&out, view->override, view->now_ms);
    reauth_status_heal(&out, view->heal);

    reauth_json_out_literal(&out, "}");

    return out.failed ? 0 : (size_t) (out.last - buf);
}


size_t
reauth_status_event(char *buf, const reauth_record_t *record,
    const char *action)
{
    int                closed;
    const char        *message, *reason;
    reauth_json_out_t  out;

    /* a change by a person has its reason in the place of a message */

    closed = reauth_override_of(record) == REAUTH_OVERRIDE_CLOSED
             || (reauth_override_of(record) == REAUTH_OVERRIDE_NONE
                 && reauth_state_is_active(record->state));
    message = record->error_message;
    reason = NULL;

    if (record->source == REAUTH_SOURCE_OPERATOR) {
        reason = message;
        message = NULL;
    }

    reauth_json_out_init(&out, buf, REAUTH_STATUS_RECORD_MAX);

    reauth_json_out_literal(&out, "{\"at\":");
    reauth_status_time_ms(&out, record->updated_ms);

    reauth_json_out_literal(&out, ",\"state\":");
    reauth_status_string(&out,
                         reauth_state_name((reauth_state_t) record->state));

    reauth_json_out_literal(&out, ",\"gate\":");
    reauth_status_string(&out, closed ? "closed" : "open");

    reauth_json_out_literal(&out, ",\"source\":");
    reauth_status_string(&out, reauth_source_name(record->source));

    reauth_json_out_literal(&out, ",\"attempt_id\":");
    reauth_status_string(&out, reauth_status_attempt(record));

    reauth_json_out_literal(&out, ",\"action_required\":");
    reauth_status_string(&out, action);

    reauth_json_out_literal(&out, ",\"auth_type\":");
    reauth_status_string(&out, reauth_auth_type_name(record->auth_type));

    reauth_json_out_literal(&out, ",\"progress\":");
    reauth_status_string(&out, record->progress);

    reauth_json_out_literal(&out, ",\"error_code\":");
    reauth_status_string(&out, record->error_code);

    reauth_json_out_literal(&out, ",\"error_message\":");
    reauth_status_string(&out, message);

    reauth_json_out_literal(&out, ",\"caller\":");
    reauth_status_string(&out, record->caller);

    reauth_json_out_literal(&out, ",\"reason\":");
    reauth_status_string(&out, reason);

    reauth_json_out_literal(&out, "}");

    return out.failed ? 0 : (size_t) (out.last - buf);
}


int64_t
reauth_status_wait_ms(const reauth_record_t *record, int64_t now_ms,
    int64_t most_ms)
{
    int64_t  left_ms;

    if (!reauth_state_is_active(record->state)) {
        return 0;
    }

    /* the clock of deadlines may be corrected: the timer must not fire early */

    left_ms = record->deadline_ms - now_ms + REAUTH_STATUS_WAIT_MARGIN_MS;

    if (left_ms > most_ms) {
        left_ms = most_ms;
    }

    return left_ms > 0 ? left_ms : 0;
}
