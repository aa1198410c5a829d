
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "reauth_status.h"


#define NOW_MS  1763985600000LL    /* 2025-11-24T12:00:00Z */


static const char  *members[] = {
    "account_id", "attempt_id", "state", "gate", "action_required",
    "auth_type", "progress", "error_code", "error_message", "caller",
    "source", "since", "started_at", "updated_at", "completed_at",
    "retry_after", "last_poll", "override", "heal"
};

#define MEMBERS  (sizeof(members) / sizeof(members[0]))


static void
text(char *dst, const char *src)
{
    memcpy(dst, src, strlen(src) + 1);
}


static void
running(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    text(record->account, "acct_1");
    text(record->attempt, "auth_1");
    text(record->progress, "filling_out_login");
    text(record->caller, "payouts");

    record->state = REAUTH_STATE_RUNNING;
    record->auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    record->source = REAUTH_SOURCE_POLL;
    record->since_ms = NOW_MS - 2500;
    record->updated_ms = NOW_MS - 1;
    record->started_us = (NOW_MS - 2000) * 1000 + 42;
    record->deadline_ms = NOW_MS + 60000;
}


static const reauth_override_t  *override;
static const reauth_heal_t      *heal;


/* the buffer is as long as it must be: a byte too many is a fault */

static size_t
render(char **buf, const reauth_record_t *record, unsigned retry_after,
    const char *action)
{
    size_t                len;
    reauth_status_view_t  view;

    *buf = malloc(REAUTH_STATUS_RECORD_MAX);
    assert_non_null(*buf);

    view.now_ms = NOW_MS;
    view.retry_after = retry_after;
    view.action = action;
    view.override = override;
    view.heal = heal;

    len = reauth_status_record(*buf, record, &view);

    assert_true(len <= REAUTH_STATUS_RECORD_MAX);

    return len;
}


static json_t *
parsed(const reauth_record_t *record, const char *action)
{
    char          *buf;
    size_t         len, i;
    json_t        *json;
    json_error_t   error;

    len = render(&buf, record, 4, action);
    assert_int_not_equal(len, 0);

    json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &error);
    free(buf);

    if (json == NULL) {
        fail_msg("no JSON: %s", error.text);
    }

    assert_int_equal(json_object_size(json), MEMBERS);

    for (i = 0; i < MEMBERS; i++) {
        assert_non_null(json_object_get(json, members[i]));
    }

    return json;
}


static void
is_string(const json_t *json, const char *name, const char *value)
{
    const char  *is;

    is = json_string_value(json_object_get(json, name));

    if (value == NULL) {
        assert_true(json_is_null(json_object_get(json, name)));
        return;
    }

    assert_non_null(is);
    assert_string_equal(is, value);
}


static void
test_text(void **state)
{
    char             *buf;
    size_t            len;
    reauth_record_t   record;

    static const char  expected[] =
        "{\"account_id\":\"acct_1\",\"attempt_id\":\"auth_1\","
        "\"state\":\"running\",\"gate\":\"closed\",\"action_required\":null,"
        "\"auth_type\":\"email_password\",\"progress\":\"filling_out_login\","
        "\"error_code\":null,\"error_message\":null,\"caller\":\"payouts\","
        "\"source\":\"poll\",\"since\":\"2025-11-24T11:59:57.500Z\","
        "\"started_at\":\"2025-11-24T11:59:58.000042Z\","
        "\"updated_at\":\"2025-11-24T11:59:59.999Z\",\"completed_at\":null,"
        "\"retry_after\":4,\"last_poll\":null,"
        "\"override\":null,\"heal\":null}";

    (void) state;

    running(&record);
    len = render(&buf, &record, 4, NULL);

    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(buf, expected, len);

    free(buf);
}


static void
test_last_poll(void **state)
{
    size_t            i, len;
    char             *buf, text[160];
    reauth_record_t   record;

    static const struct {
        reauth_poll_error_t   error;
        unsigned              status;
        const char           *shown;
    } polls[] = {
        { REAUTH_POLL_ERROR_NONE, 200, "\"status\":200,\"error\":null" },
        { REAUTH_POLL_ERROR_HTTP, 500,
          "\"status\":500,\"error\":\"HTTP_500\"" },
        { REAUTH_POLL_ERROR_HTTP, 65535,
          "\"status\":65535,\"error\":\"HTTP_65535\"" },
        { REAUTH_POLL_ERROR_UNREADABLE, 200,
          "\"status\":200,\"error\":\"UNREADABLE\"" },
        { REAUTH_POLL_ERROR_TIMEOUT, 0,
          "\"status\":null,\"error\":\"TIMEOUT\"" },
        { REAUTH_POLL_ERROR_NOT_SENT, 0,
          "\"status\":null,\"error\":\"NOT_SENT\"" }
    };

    (void) state;

    for (i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
        running(&record);

        record.polled_ms = NOW_MS;
        record.poll_error = (uint8_t) polls[i].error;
        record.poll_status = (uint16_t) polls[i].status;

        (void) snprintf(text, sizeof(text),
                        ",\"last_poll\":{\"at\":\"2025-11-24T12:00:00.000Z\","
                        "%s},\"override\":null,\"heal\":null}", polls[i].shown);

        len = render(&buf, &record, 4, NULL);

        assert_true(len > strlen(text));
        assert_memory_equal(buf + len - strlen(text), text, strlen(text));

        free(buf);
    }
}


/* an override decides on the gate, and ends by itself */

static void
test_override(void **state)
{
    char               *buf;
    size_t              len;
    json_t             *json, *shown;
    reauth_record_t     record;
    reauth_override_t   closed;

    (void) state;

    running(&record);
    record.state = REAUTH_STATE_SUCCEEDED;

    memset(&closed, 0, sizeof(reauth_override_t));
    memset(closed.reason, '\\', REAUTH_OVERRIDE_REASON_MAX);
    closed.gate = REAUTH_OVERRIDE_CLOSED;
    closed.until_ms = NOW_MS + 1;
    override = &closed;

    len = render(&buf, &record, 7, NULL);
    json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
    free(buf);

    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "gate")),
                        "closed");
    assert_string_equal(json_string_value(json_object_get(json, "state")),
                        "succeeded");
    assert_int_equal(json_integer_value(json_object_get(json, "retry_after")),
                     7);

    shown = json_object_get(json, "override");

    assert_string_equal(json_string_value(json_object_get(shown, "gate")),
                        "closed");
    assert_string_equal(json_string_value(json_object_get(shown, "until")),
                        "2025-11-24T12:00:00.001Z");
    assert_string_equal(json_string_value(json_object_get(shown, "reason")),
                        closed.reason);
    assert_true(json_is_null(json_object_get(shown, "caller")));

    json_decref(json);

    closed.until_ms = NOW_MS;

    len = render(&buf, &record, 7, NULL);
    json = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
    free(buf);

    assert_string_equal(json_string_value(json_object_get(json, "gate")),
                        "open");
    assert_true(json_is_null(json_object_get(json, "override")));

    json_decref(json);
    override = NULL;
}


static void
test_nothing_known(void **state)
{
    size_t            i;
    json_t           *json;
    reauth_record_t   record;

    (void) state;

    memset(&record, 0, sizeof(record));
    json = parsed(&record, NULL);

    for (i = 0; i < MEMBERS; i++) {

        if (i == 2) {
            is_string(json, members[i], "none");

        } else if (i == 3) {
            is_string(json, members[i], "open");

        } else {
            is_string(json, members[i], NULL);
        }
    }

    json_decref(json);
}


static void
test_gate(void **state)
{
    int               i, closed;
    json_t           *json;
    reauth_record_t   record;

    (void) state;

    for (i = REAUTH_STATE_NONE; i < REAUTH_STATE_LAST; i++) {
        running(&record);
        record.state = (uint8_t) i;

        closed = i >= REAUTH_STATE_STARTING && i <= REAUTH_STATE_UNKNOWN;
        json = parsed(&record, "otp");

        is_string(json, "state", reauth_state_name((reauth_state_t) i));
        is_string(json, "gate", closed ? "closed" : "open");
        is_string(json, "action_required", "otp");

        if (closed) {
            assert_int_equal(json_integer_value(json_object_get(json,
                                                       "retry_after")), 4);
        } else {
            is_string(json, "retry_after", NULL);
        }

        json_decref(json);
    }
}


static void
test_deadline(void **state)
{
    json_t           *json;
    reauth_record_t   record;

    (void) state;

    running(&record);

    record.deadline_ms = NOW_MS + 1;
    assert_int_equal(reauth_record_state(&record, NOW_MS),
                     REAUTH_STATE_RUNNING);

    record.deadline_ms = NOW_MS;
    assert_int_equal(reauth_record_state(&record, NOW_MS),
                     REAUTH_STATE_EXPIRED);

    json = parsed(&record, NULL);
    is_string(json, "state", "expired");
    is_string(json, "gate", "open");
    is_string(json, "retry_after", NULL);
    json_decref(json);

    record.state = REAUTH_STATE_SUCCEEDED;
    assert_int_equal(reauth_record_state(&record, NOW_MS),
                     REAUTH_STATE_SUCCEEDED);
}


static void
test_names(void **state)
{
    int               i;
    json_t           *json;
    reauth_record_t   record;

    (void) state;

    for (i = 0; i < REAUTH_SOURCE_LAST; i++) {
        running(&record);
        record.source = (uint8_t) i;
        record.auth_type = (uint8_t) (i % REAUTH_AUTH_TYPE_LAST);

        json = parsed(&record, NULL);

        is_string(json, "source", reauth_source_name((reauth_source_t) i));
        is_string(json, "auth_type",
                  reauth_auth_type_name((reauth_auth_type_t) record.auth_type));

        json_decref(json);
    }
}


static void
test_escapes(void **state)
{
    size_t            i;
    json_t           *json;
    reauth_record_t   record;

    static const struct {
        const char  *in;
        const char  *out;
    } cases[] = {
        { "say \"no\"", "say \"no\"" },
        { "back\\slash", "back\\slash" },
        { "a/b <c>", "a/b <c>" },
        { "line\nfeed\x1f", "line\nfeed\x1f" },
        { "\x7f", "\x7f" },
        { "caf\xc3\xa9 \xf0\x9f\x94\x91", "caf\xc3\xa9 \xf0\x9f\x94\x91" },

        /* no UTF-8: readable still */
        { "bad \xff\"end", "bad ?\"end" },
        { "cut \xc3", "cut ?" },
        { "surrogate \xed\xa0\x80", "surrogate ???" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        running(&record);
        text(record.error_message, cases[i].in);
        text(record.error_code, cases[i].in);

        json = parsed(&record, NULL);
        is_string(json, "error_message", cases[i].out);
        is_string(json, "error_code", cases[i].out);
        json_decref(json);
    }
}


static void
largest(reauth_record_t *record, char ch)
{
    running(record);

    memset(record->account, ch, REAUTH_ACCOUNT_MAX);
    memset(record->attempt, ch, REAUTH_ATTEMPT_MAX);
    memset(record->progress, ch, REAUTH_PROGRESS_MAX);
    memset(record->error_code, ch, REAUTH_ERROR_CODE_MAX);
    memset(record->error_message, ch, REAUTH_ERROR_MESSAGE_MAX);
    memset(record->caller, ch, REAUTH_CALLER_MAX);

    record->source = REAUTH_SOURCE_REAUTHENTICATE;
    record->state = REAUTH_STATE_NEEDS_FACE;
    record->completed_us = INT64_MAX;
    record->started_us = INT64_MAX;
    record->updated_ms = INT64_MAX;
    record->since_ms = INT64_MAX;
}


static void
test_bounds(void **state)
{
    int               ch;
    char             *buf;
    size_t            len;
    json_t           *json;
    reauth_record_t   record;

    (void) state;

    for (ch = 1; ch < 256; ch++) {
        largest(&record, (char) ch);

        json = parsed(&record, "credentials");
        assert_int_equal(json_string_length(json_object_get(json,
                                                "error_message")),
                         REAUTH_ERROR_MESSAGE_MAX);
        json_decref(json);
    }

    largest(&record, 1);
    len = render(&buf, &record, 4294967295U, "credentials");
    assert_int_not_equal(len, 0);
    free(buf);
}


static void
test_event(void **state)
{
    char             *buf;
    size_t            len;
    json_t           *event;
    reauth_record_t   record;

    (void) state;

    running(&record);
    text(record.error_code, "WRONG_2FA");

    buf = malloc(REAUTH_STATUS_RECORD_MAX);
    assert_non_null(buf);

    len = reauth_status_event(buf, &record, "otp");
    event = json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);

    free(buf);

    assert_non_null(event);
    assert_int_equal(json_object_size(event), 12);

    assert_string_equal(json_string_value(json_object_get(event, "at")),
                        "2025-11-24T11:59:59.999Z");
    assert_string_equal(json_string_value(json_object_get(event, "state")),
                        "running");
    assert_string_equal(json_string_value(json_object_get(event, "gate")),
                        "closed");
    assert_string_equal(json_string_value(json_object_get(event, "source")),
                        "poll");
    assert_string_equal(json_string_value(json_object_get(event,
                                                          "attempt_id")),
                        "auth_1");
    assert_string_equal(json_string_value(json_object_get(event,
                                                          "error_code")),
                        "WRONG_2FA");
    assert_string_equal(json_string_value(json_object_get(event,
                                                          "action_required")),
                        "otp");
    assert_true(json_is_null(json_object_get(event, "error_message")));

    json_decref(event);
}


/* a request waits while a login is active, at most until its deadline */

static void
test_wait(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char      *row;
        reauth_state_t   state;
        int64_t          after;          /* NOW_MS */
        int64_t          most_ms;
        int64_t          wait_ms;
    } rows[] = {
        { "as long as it may", REAUTH_STATE_RUNNING, 0, 30000, 30000 },
        { "until the deadline", REAUTH_STATE_RUNNING, 40000, 30000, 20010 },
        { "being sent", REAUTH_STATE_STARTING, 0, 30000, 30000 },
        { "a person must act", REAUTH_STATE_NEEDS_OTP, 0, 30000, 30000 },
        { "at the deadline", REAUTH_STATE_RUNNING, 60000, 30000, 10 },
        { "the clock was corrected", REAUTH_STATE_RUNNING, 90000, 30000, 0 },
        { "ended", REAUTH_STATE_SUCCEEDED, 0, 30000, 0 },
        { "expired", REAUTH_STATE_EXPIRED, 0, 30000, 0 },
        { "no account", REAUTH_STATE_NONE, 0, 30000, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        running(&record);
        record.state = (uint8_t) rows[i].state;

        if (reauth_status_wait_ms(&record, NOW_MS + rows[i].after,
                                  rows[i].most_ms)
            != rows[i].wait_ms)
        {
            fail_msg("%s", rows[i].row);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_last_poll),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
