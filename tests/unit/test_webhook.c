
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_webhook.h"


/* what the upstream's own examples have, whatever the event */

#define PAYLOAD                                                               \
    "\"payload\":{\"client_reference_id\":\"x\",\"state\":\"authenticated\","  \
    "\"progress\":\"signed_in\",\"latestAuthAttempt\":{"                      \
    "\"started_at\":\"2025-01-01T12:00:00.000001Z\","                         \
    "\"completed_at\":\"2025-01-01T12:01:35.500000Z\",\"success\":true,"      \
    "\"error_message\":\"an old one\",\"needs_otp\":true,"                    \
    "\"needs_face_otp\":false,\"otp_phone_ending\":\"42\"}}"


static reauth_unread_t  why;


static int
parse(const char *text, reauth_webhook_t *hook)
{
    memset(hook, 0x55, sizeof(reauth_webhook_t));

    return reauth_webhook_parse((const unsigned char *) text, strlen(text),
                                hook, &why);
}


static void
test_events(void **state)
{
    size_t            i;
    char              text[1024];
    reauth_webhook_t  hook;

    static const struct {
        const char       *name;
        reauth_event_t    event;
        reauth_state_t    state;
        reauth_action_t   action;
        const char       *error_code;
        const char       *error_message;
        int               ended;
    } cases[] = {
        { "accounts.connected", REAUTH_EVENT_CONNECTED,
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, "", "", 1 },

        { "accounts.reconnected", REAUTH_EVENT_RECONNECTED,
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, "", "", 1 },

        { "accounts.disconnected", REAUTH_EVENT_DISCONNECTED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "DISCONNECTED", "",
          0 },

        { "accounts.session_expired", REAUTH_EVENT_SESSION_EXPIRED,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "accounts.authentication_failed",
          REAUTH_EVENT_AUTHENTICATION_FAILED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "", "an old one",
          1 },

        { "accounts.otp_code_required", REAUTH_EVENT_OTP_CODE_REQUIRED,
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP, "", "an old one", 1 },

        { "accounts.face_otp_required", REAUTH_EVENT_FACE_OTP_REQUIRED,
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE, "", "", 1 },

        { "fansly.accounts.connected", REAUTH_EVENT_FANSLY_CONNECTED,
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, "", "", 1 },

        { "fansly.accounts.disconnected", REAUTH_EVENT_FANSLY_DISCONNECTED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "DISCONNECTED", "",
          0 },

        { "fansly.accounts.authentication_failed",
          REAUTH_EVENT_FANSLY_AUTHENTICATION_FAILED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "", "an old one",
          1 },

        { "fansly.accounts.otp_code_required",
          REAUTH_EVENT_FANSLY_OTP_CODE_REQUIRED,
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP, "", "an old one", 1 },

        { "fansly.accounts.alert", REAUTH_EVENT_FANSLY_ALERT,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "fansly.accounts.updated", REAUTH_EVENT_FANSLY_UPDATED,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "fanvue.accounts.connected", REAUTH_EVENT_FANVUE_CONNECTED,
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE, "", "", 1 },

        { "fanvue.accounts.disconnected", REAUTH_EVENT_FANVUE_DISCONNECTED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "DISCONNECTED", "",
          0 },

        { "fanvue.accounts.authentication_failed",
          REAUTH_EVENT_FANVUE_AUTHENTICATION_FAILED,
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS, "", "an old one",
          1 },

        { "fanvue.accounts.otp_code_required",
          REAUTH_EVENT_FANVUE_OTP_CODE_REQUIRED,
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP, "", "an old one", 1 },

        { "fanvue.accounts.alert", REAUTH_EVENT_FANVUE_ALERT,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "fanvue.accounts.updated", REAUTH_EVENT_FANVUE_UPDATED,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "fanvue.creators.connected", REAUTH_EVENT_UNKNOWN,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "test-event", REAUTH_EVENT_TEST,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "messages.received", REAUTH_EVENT_UNKNOWN,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "unknown", REAUTH_EVENT_UNKNOWN,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "Accounts.Connected", REAUTH_EVENT_UNKNOWN,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },

        { "", REAUTH_EVENT_UNKNOWN,
          REAUTH_STATE_NONE, REAUTH_ACTION_NONE, "", "", 1 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"%s\",\"account_id\":\"acct_1\"," PAYLOAD "}",
                 cases[i].name);

        assert_int_equal(parse(text, &hook), 0);

        if (hook.event != cases[i].event
            || hook.state != cases[i].state
            || hook.action != cases[i].action)
        {
            fail_msg("%s: event %d, state %d, action %d", cases[i].name,
                     hook.event, hook.state, hook.action);
        }

        assert_string_equal(hook.account, "acct_1");
        assert_string_equal(hook.progress, "signed_in");
        assert_string_equal(hook.error_code, cases[i].error_code);
        assert_string_equal(hook.error_message, cases[i].error_message);
        assert_true(hook.started_us == 1735732800000001);
        assert_true(hook.completed_us
                    == (cases[i].ended ? 1735732895500000 : 0));
        assert_int_equal(hook.succeeded, 1);
        assert_int_equal(hook.needs_otp, 1);
        assert_int_equal(hook.needs_face, 0);

        if (hook.event != REAUTH_EVENT_UNKNOWN) {
            assert_string_equal(reauth_event_name(hook.event), cases[i].name);
        }
    }

    assert_string_equal(reauth_event_name(REAUTH_EVENT_UNKNOWN), "unknown");
    assert_string_equal(reauth_event_name(REAUTH_EVENT_LAST), "unknown");
}


static void
test_app_otp(void **state)
{
    reauth_webhook_t  hook;

    (void) state;

    assert_int_equal(parse("{\"event\":\"accounts.otp_code_required\","
                           "\"account_id\":\"acct_1\",\"payload\":"
                           "{\"state\":\"needs-app-otp\"}}", &hook),
                     0);
    assert_int_equal(hook.action, REAUTH_ACTION_APP_OTP);

    assert_int_equal(parse("{\"event\":\"accounts.otp_code_required\","
                           "\"payload\":{\"state\":\"needs-app-otp\","
                           "\"latestAuthAttempt\":"
                           "{\"otp_phone_ending\":42}}}", &hook),
                     0);
    assert_int_equal(hook.action, REAUTH_ACTION_OTP);

    assert_int_equal(parse("{\"event\":\"accounts.connected\","
                           "\"payload\":{\"state\":\"needs-app-otp\"}}",
                           &hook),
                     0);
    assert_int_equal(hook.action, REAUTH_ACTION_NONE);
}


static void
test_webhook_without_usable_account(void **state)
{
    size_t            i;
    reauth_webhook_t  hook;

    static const char *const  cases[] = {
        "{\"event\":\"accounts.connected\"}",
        "{\"event\":\"accounts.connected\",\"account_id\":null}",
        "{\"event\":\"accounts.connected\",\"account_id\":7,\"payload\":7}",
        "{\"event\":\"accounts.connected\",\"account_id\":\"auth_1\"}",
        "{\"event\":\"accounts.connected\",\"account_id\":\"acct_1/../2\"}",
        "{\"event\":\"accounts.connected\",\"payload\":null}",
        "{\"event\":\"accounts.connected\",\"payload\":[]}",
        "{\"event\":\"accounts.connected\",\"payload\":"
        "{\"latestAuthAttempt\":null}}",
        "{\"event\":\"accounts.connected\",\"payload\":"
        "{\"lastAttempt\":{\"started_at\":\"2025-01-01T12:00:00Z\"}}}",
        "{\"event\":\"accounts.connected\",\"payload\":"
        "{\"latestAuthAttempt\":{\"started_at\":\"soon\"}}}",
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i], &hook), 0);
        assert_int_equal(hook.event, REAUTH_EVENT_CONNECTED);
        assert_int_equal(hook.state, REAUTH_STATE_SUCCEEDED);
        assert_string_equal(hook.account, "");
        assert_true(hook.started_us == 0);
        assert_true(hook.completed_us == 0);
    }
}


static void
test_invalid_bodies_are_rejected(void **state)
{
    size_t            i;
    reauth_webhook_t  hook, zero;

    static const char *const  cases[] = {
        "", "{}", "[]", "null", "{\"event\":", "{\"event\":null}",
        "{\"event\":7}", "{\"account_id\":\"acct_1\"}",
        "[{\"event\":\"accounts.connected\"}]",
        "{\"event\":\"accounts.connected\"}x",
    };

    (void) state;

    memset(&zero, 0, sizeof(zero));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (parse(cases[i], &hook) != -1) {
            fail_msg("%s is taken", cases[i]);
        }

        assert_memory_equal(&hook, &zero, sizeof(hook));
        assert_non_null(why.reason);
    }
}


/* what a strict reader refuses */

static void
test_lenient(void **state)
{
    reauth_webhook_t  hook;

    (void) state;

    assert_int_equal(parse("{\"event\":\"test-event\",\"x\":\"\\ud83d\\u0000\","
                           "\"n\":[1e400,18446744073709551616],\"y\":\"\xff\","
                           "\"payload\":{\"progress\":\"old\"},"
                           "\"payload\":{\"latestAuthAttempt\":"
                           "{\"success\":true}},"
                           "\"account_id\":\"acct_1\","
                           "\"event\":\"accounts.connected\"}", &hook), 0);

    assert_int_equal(hook.event, REAUTH_EVENT_CONNECTED);
    assert_string_equal(hook.account, "acct_1");
    assert_string_equal(hook.progress, "");
    assert_true(hook.succeeded);

    assert_int_equal(parse("{\"event\":\"accounts.connected\\u0000\"}", &hook),
                     0);
    assert_int_equal(hook.event, REAUTH_EVENT_UNKNOWN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_app_otp),
        cmocka_unit_test(test_webhook_without_usable_account),
        cmocka_unit_test(test_invalid_bodies_are_rejected),
        cmocka_unit_test(test_lenient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
