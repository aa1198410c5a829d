
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

#include "reauth_poll.h"

#include "../listed.h"


#define LOGIN(fields)  "\"lastAttempt\":{\"started_at\":"                     \
                       "\"2025-01-01T12:00:00.000001Z\"," fields "}"
#define OPEN           "\"completed_at\":null,\"success\":false,"             \
                       "\"error_message\":null,\"error_code\":null"
#define DONE           "\"completed_at\":\"2025-01-01T12:01:35.5Z\""
#define LINK           "\"mobile_auth_session_deeplink\":"                    \
                       "\"fansapiauth://auth/fansapi_auth_1\""
#define FACE           "\"face_otp_verification_url\":\"https://x.invalid/\""


static reauth_unread_t  why;


static int
parse(const char *text, reauth_poll_t *poll)
{
    memset(poll, 0x55, sizeof(reauth_poll_t));

    return reauth_poll_parse((const unsigned char *) text, strlen(text), poll,
                             &why);
}


static void
test_classification(void **state)
{
    size_t         i;
    char           wrapped[1024];
    reauth_poll_t  poll;

    static const struct {
        const char       *text;
        reauth_state_t    state;
        reauth_action_t   action;
    } cases[] = {

        /* running */

        { "{\"state\":\"authenticating\",\"progress\":\"started\","
          LOGIN(OPEN) "}", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"something-new\",\"progress\":\"and_newer\","
          LOGIN(OPEN) "}", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":null,\"progress\":null,\"lastAttempt\":null}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticating\"}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* the session before this login */

        { "{\"state\":\"authenticated\",\"progress\":\"started\","
          LOGIN(OPEN) "}", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":null,"
          LOGIN(OPEN) "}", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\"}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* one half of it */

        { "{\"state\":\"authenticating\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticating\"," LOGIN(DONE ",\"success\":null") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticating\"," LOGIN(DONE) "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticating\",\"twoFactorPending\":false,"
          "\"needs_face_otp\":null,"
          LOGIN(OPEN ",\"needs_otp\":false,\"needs_face_otp\":false") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* succeeded */

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\"}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":null,"
          LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\"," LINK ","
          LOGIN(OPEN) "}", REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        /* a flag that is neither yes nor no: perhaps a step is awaited */

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"twoFactorPending\":{\"type\":\"sms\"},"
          LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"twoFactorPending\":\"yes\"," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"needs_otp\":\"1\"," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"needs_otp\":2," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"needs_face_otp\":\"pending\"," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"needs_face_otp\":[1]," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true,\"needs_otp\":\"sms\"") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true,\"needs_face_otp\":{\"x\":1}") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          "\"twoFactorPending\":[],\"needs_otp\":0,"
          "\"needs_face_otp\":\"false\","
          LOGIN(DONE ",\"success\":true,\"needs_otp\":\"\"") "}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        /* failed */

        { "{\"state\":\"auth-failed\"," LOGIN(OPEN) "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"auth_failed\"," LOGIN(OPEN) "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"failed\"}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"failed\"," LINK "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"authenticating\","
          LOGIN(DONE ",\"success\":false") "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"authenticated\",\"progress\":\"checking\","
          LOGIN(DONE ",\"success\":false") "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        /* a time that can't be read is a time */

        { "{\"lastAttempt\":{\"completed_at\":\"yesterday\","
          "\"success\":false}}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        /* a code */

        { "{\"state\":\"needs-otp\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"needs-app-otp\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_APP_OTP },

        { "{\"state\":\"authenticating\"," LOGIN(OPEN ",\"needs_otp\":true")
          "}", REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"authenticating\",\"twoFactorPending\":true,"
          LOGIN(OPEN) "}", REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"authenticating\",\"progress\":\"waiting_for_otp\","
          LOGIN(OPEN) "}", REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"needs-otp\","
          LOGIN(DONE ",\"success\":false,\"error_code\":\"WRONG_2FA\"") "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"needs-otp\"," LINK "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        /* a face */

        { "{\"state\":\"authenticating\","
          LOGIN(OPEN ",\"needs_face_otp\":true") "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"authenticating\",\"needs_face_otp\":true,"
          LOGIN(OPEN) "}", REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"needs-face-id\"," LOGIN(OPEN "," FACE) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"needs-selfie\"," FACE "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"needs_face_otp\"," LOGIN(OPEN "," FACE) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"needs-otp\"," LOGIN(OPEN
          ",\"needs_otp\":true,\"needs_face_otp\":true") "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"authenticating\"," LOGIN(OPEN "," FACE) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"authenticating\"," FACE "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"authenticating\"," LOGIN(OPEN
          ",\"face_otp\":\"front\"") "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"authenticating\",\"face_otp\":\"front\","
          LOGIN(OPEN) "}", REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"needs-face-id\",\"face_otp_verification_url\":\"\","
          LOGIN(OPEN) "}", REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"state\":\"Needs_Selfie\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        /* a link of an attempt that is over */

        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true," FACE) "}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"state\":\"auth-failed\"," FACE "," LOGIN(OPEN) "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"authenticating\"," LOGIN(DONE
          ",\"success\":false," FACE) "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"authenticating\",\"face_otp\":true,"
          LOGIN(OPEN ",\"face_otp\":null") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"verifying-face\"," LOGIN(OPEN) "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* a code by another way */

        { "{\"state\":\"needs-email\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"state\":\"needs_sms_otp\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        /* a person, in a way that has no name */

        { "{\"state\":\"needs-captcha\"," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_PERSON, REAUTH_ACTION_PERSON },

        { "{\"state\":\"NEEDS_PHONE_CALL\",\"progress\":\"signed_in\","
          LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_NEEDS_PERSON, REAUTH_ACTION_PERSON },

        { "{\"state\":\"needs\"}",
          REAUTH_STATE_NEEDS_PERSON, REAUTH_ACTION_PERSON },

        { "{\"state\":\"needs-captcha\"," LINK "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_APP, REAUTH_ACTION_APP },

        { "{\"state\":\"needs-captcha\"," LOGIN(DONE ",\"success\":false")
          "}", REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"need-help\"," LOGIN(OPEN) "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* words that only begin as known ones */

        { "{\"state\":\"authenticated-elsewhere\","
          "\"progress\":\"signed_in\"," LOGIN(DONE ",\"success\":true") "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"failed-over\"," LOGIN(OPEN) "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"state\":\"authenticated \",\"progress\":\"signed_in\"}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* the app */

        { "{\"state\":\"authenticating\"," LINK "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_APP, REAUTH_ACTION_APP },

        { "{\"state\":\"authenticated\"," LINK "," LOGIN(OPEN) "}",
          REAUTH_STATE_NEEDS_APP, REAUTH_ACTION_APP },

        { "{\"state\":\"authenticating\"," LINK ","
          LOGIN(DONE ",\"success\":false") "}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"state\":\"authenticating\","
          "\"mobile_auth_session_deeplink\":null," LOGIN(OPEN) "}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* Fansly */

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticating\","
          "\"is_authenticated\":false,\"needs_code\":false,"
          "\"last_error\":null}", REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticating\","
          "\"is_authenticated\":true,\"needs_code\":false,"
          "\"last_error\":\"old\"}", REAUTH_STATE_RUNNING,
          REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"new\","
          "\"is_authenticated\":false,\"needs_code\":true,\"twofa_type\":2,"
          "\"last_error\":\"wrong code\"}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"new\","
          "\"is_authenticated\":false,\"needs_code\":true,\"twofa_type\":0}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_APP_OTP },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"new\","
          "\"is_authenticated\":false,\"needs_code\":true,"
          "\"twofa_type\":null}", REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticated\","
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":null,"
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"verifying\","
          "\"is_authenticated\":false,\"needs_code\":true}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"verifying\","
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"challenge-email\","
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"challenge_sms\","
          "\"is_authenticated\":false,\"needs_code\":true}",
          REAUTH_STATE_NEEDS_OTP, REAUTH_ACTION_OTP },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"needs-selfie\","
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"needs_captcha\","
          "\"is_authenticated\":true,\"needs_code\":false}",
          REAUTH_STATE_NEEDS_PERSON, REAUTH_ACTION_PERSON },

        /* neither flag is said */

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticated\","
          "\"is_authenticated\":true}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticated\","
          "\"is_authenticated\":true,\"needs_code\":null}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"authenticated\","
          "\"needs_code\":false}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        /* an error may be that of the login before */

        { "{\"account_id\":\"fansly_acct_1\",\"status\":null,"
          "\"is_authenticated\":false,\"last_error\":\"bad password\"}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"failed\","
          "\"is_authenticated\":true}",
          REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"anything\","
          "\"is_authenticated\":false,\"last_error\":\"\"}",
          REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (parse(cases[i].text, &poll) != 0
            || poll.state != cases[i].state
            || poll.action != cases[i].action)
        {
            fail_msg("%s: state %d, action %d", cases[i].text, poll.state,
                     poll.action);
        }

        snprintf(wrapped, sizeof(wrapped), "{\"data\":%s}", cases[i].text);
        assert_int_equal(parse(wrapped, &poll), 0);
        assert_int_equal(poll.state, cases[i].state);
        assert_int_equal(poll.action, cases[i].action);
    }
}


static void
test_fields(void **state)
{
    reauth_poll_t  poll;

    (void) state;

    assert_int_equal(parse(
        "{\"account\":{\"id\":\"acct_A-1\",\"display_name\":\"a@b.invalid\","
        "\"onlyfans_data\":{\"csrf\":\"sEcReT\",\"list\":[1,{\"a\":[]}]}},"
        "\"state\":\"needs-otp\",\"progress\":\"waiting_for_otp\","
        LOGIN(DONE ",\"success\":false,\"error_code\":\"WRONG_2FA\","
              "\"error_message\":\"Wrong\\r\\n\\tcode\\u007f\","
              "\"otp_phone_ending\":\"42\"")
        ",\"more\":1.5}", &poll), 0);

    assert_int_equal(poll.state, REAUTH_STATE_NEEDS_OTP);
    assert_int_equal(poll.action, REAUTH_ACTION_OTP);
    assert_true(poll.started_us == 1735732800000001);
    assert_true(poll.completed_us == 1735732895500000);
    assert_string_equal(poll.account, "acct_A-1");
    assert_string_equal(poll.progress, "waiting_for_otp");
    assert_string_equal(poll.error_code, "WRONG_2FA");
    assert_string_equal(poll.error_message, "Wrong   code ");

    assert_int_equal(parse(
        "{\"account_id\":\"fansly_acct_9\",\"display_name\":\"x\","
        "\"status\":\"failed\",\"is_authenticated\":false,"
        "\"needs_code\":false,\"twofa_type\":2,"
        "\"masked_email\":\"a***@b.invalid\",\"last_error\":\"no\","
        "\"fansly_user_data\":{}}", &poll), 0);

    assert_string_equal(poll.account, "fansly_acct_9");
    assert_string_equal(poll.progress, "failed");
    assert_string_equal(poll.error_message, "no");
    assert_string_equal(poll.error_code, "");
    assert_true(poll.started_us == 0);
    assert_true(poll.completed_us == 0);
}


static void
test_other_types(void **state)
{
    reauth_poll_t  poll;

    (void) state;

    assert_int_equal(parse(
        "{\"account\":[],\"state\":7,\"progress\":{},\"lastAttempt\":"
        "{\"started_at\":1735732800,\"completed_at\":false,\"success\":0,"
        "\"error_code\":12,\"error_message\":[],\"needs_otp\":\"no\"}}",
        &poll), 0);

    assert_int_equal(poll.state, REAUTH_STATE_RUNNING);
    assert_true(poll.started_us == 0);
    assert_string_equal(poll.account, "");
    assert_string_equal(poll.error_code, "");

    assert_int_equal(parse("{\"lastAttempt\":\"none\"}", &poll),
                     0);
    assert_int_equal(poll.state, REAUTH_STATE_RUNNING);

    assert_int_equal(parse("{\"state\":\"x\",\"twoFactorPending\":1}", &poll),
                     0);
    assert_int_equal(poll.state, REAUTH_STATE_NEEDS_OTP);

    assert_int_equal(parse("{\"state\":\"x\",\"needs_otp\":\"true\"}", &poll),
                     0);
    assert_int_equal(poll.state, REAUTH_STATE_NEEDS_OTP);
}


static void
test_account_is_an_id(void **state)
{
    size_t         i;
    char           text[256];
    reauth_poll_t  poll;

    static const char *const  cases[] = {
        "", "acct_", "acct_a b", "acct_a/b", "auth_1", "xacct_1", "7",
        "acct_a\\n", "fansly_acct_",
        "acct_12345678901234567890123456789012345678901234567890123456789012345"
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"state\":\"x\",\"account\":{\"id\":\"%s\"}}", cases[i]);
        assert_int_equal(parse(text, &poll), 0);
        assert_string_equal(poll.account, "");
    }

    assert_int_equal(parse(
        "{\"state\":\"x\",\"account\":{\"id\":\"fansly_acct_"
        "1234567890123456789012345678901234567890123456789012345678901234\"}}",
        &poll), 0);
    assert_int_equal(strlen(poll.account), REAUTH_ACCOUNT_MAX);
}


static void
test_bounds(void **state)
{
    char           text[1024], *p;
    int            i;
    reauth_poll_t  poll;

    (void) state;

    p = text + sprintf(text, "{\"state\":\"failed\",\"progress\":\"");

    for (i = 0; i < 40; i++) {
        *p++ = 'p';
    }

    p += sprintf(p, "\",\"lastAttempt\":{\"error_code\":\"");

    for (i = 0; i < 80; i++) {
        *p++ = 'c';
    }

    /* 126 bytes, then a character of three bytes over the bound of 127 */

    p += sprintf(p, "\",\"error_message\":\"");

    for (i = 0; i < 126; i++) {
        *p++ = 'm';
    }

    sprintf(p, "\xe2\x82\xac" "more\"}}");

    assert_int_equal(parse(text, &poll), 0);
    assert_int_equal(strlen(poll.progress), REAUTH_PROGRESS_MAX);
    assert_int_equal(strlen(poll.error_code), REAUTH_ERROR_CODE_MAX);
    assert_int_equal(strlen(poll.error_message), 126);
}


static void
test_no_poll_answer(void **state)
{
    size_t         i;
    reauth_poll_t  poll, zero;

    static const char *const  cases[] = {
        "", "{}", "[]", "null", "\"state\"", "{\"state\"",
        "<html><body>502 Bad Gateway</body></html>",
        "{\"message\":\"Code received\"}",
        "{\"error\":\"NOT_FOUND\",\"message\":\"no\"}",
        "{\"state\":null}", "{\"state\":{}}",
        "{\"data\":null}", "{\"data\":[]}", "{\"data\":{}}",
        "{\"data\":{\"data\":{\"state\":\"x\"}}}",
        "[{\"state\":\"x\"}]",
        "{\"account_id\":\"fansly_acct_1\"}",
        "{\"is_authenticated\":true}",
        "{\"state\":\"failed\"} {}",
    };

    (void) state;

    memset(&zero, 0, sizeof(zero));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (parse(cases[i], &poll) != -1) {
            fail_msg("%s is taken", cases[i]);
        }

        assert_memory_equal(&poll, &zero, sizeof(poll));
        assert_non_null(why.reason);
    }
}


/* what a strict reader refuses, in members that are not read and in others */

static void
test_lenient(void **state)
{
    size_t         i;
    char           text[2048];
    reauth_poll_t  poll;

    static const char *const  members[] = {
        "\"x\":\"a\\u0000b\"", "\"x\":\"\\ud83d\"", "\"x\":\"\xff\"",
        "\"x\":18446744073709551616", "\"x\":1e400", "\"x\":1,\"x\":2",
        "\"\xff\":1", "\"\\u0000\":1",
        "\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "\"account\":{\"id\":\"acct_2\",\"display_name\":\"\\udc00\"},"
        "\"account\":{\"id\":\"acct_1\"}",
        "\"lastAttempt\":{\"needs_otp\":true,\"error_code\":\"OLD\"},"
        "\"lastAttempt\":{\"success\":true,\"error_message\":"
        "\"a\\u0000b\\ud83d\\n\xff.\"}",
    };

    (void) state;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"state\":\"failed\",%s,\"state\":\"authenticated\","
                 "\"progress\":\"signed_in\"}", members[i]);

        assert_int_equal(parse(text, &poll), 0);
        assert_int_equal(poll.state, REAUTH_STATE_SUCCEEDED);
        assert_string_equal(poll.error_code, "");
    }

    assert_string_equal(poll.error_message, "a b\xef\xbf\xbd ?.");
}


static reauth_account_status_t
accounts(const char *text, const char *account, int expected)
{
    reauth_string_t          id;
    reauth_account_status_t  status;

    id = reauth_string_from(account);
    memset(&status, 0x55, sizeof(status));

    assert_int_equal(listed_find((const unsigned char *) text, strlen(text),
                                 &id, &status, &why),
                     expected);

    return status;
}


static void
test_accounts(void **state)
{
    size_t                   i;
    reauth_account_status_t  status;

    static const struct {
        const char  *progress;
        const char  *word;
        unsigned     in_progress;
    } cases[] = {
        { "null", "", 0 },
        { "\"\"", "", 0 },
        { "7", "", 1 },
        { "true", "", 1 },
        { "\"signed_in\"", "signed_in", 0 },
        { "\"checking\"", "checking", 1 },
        { "\"something_new\"", "something_new", 1 },
        { "\"auth-failed\"", "auth-failed", 0 },
        { "{}", "", 0 },
        { "[]", "", 0 },
        { "{\"state\":\"authenticating\",\"progress\":\"submitting\"}",
          "submitting", 1 },
        { "{\"state\":\"authenticated\",\"progress\":\"signed_in\"}",
          "signed_in", 0 },
        { "{\"state\":\"authenticated\",\"progress\":null}",
          "authenticated", 0 },
        { "{\"state\":\"authenticating\"}", "authenticating", 1 },
        { "{\"state\":\"failed\"}", "failed", 0 },
    };

    char  text[512];

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text),
                 "[{\"id\":\"acct_1\",\"is_authenticated\":false,"
                 "\"authentication_progress\":\"started\"},"
                 "{\"id\":\"acct_2\",\"is_authenticated\":true,"
                 "\"authentication_progress\":%s,\"onlyfans_data\":{}}]",
                 cases[i].progress);

        status = accounts(text, "acct_2", 0);
        assert_int_equal(status.found, 1);
        assert_int_equal(status.authenticated, 1);
        assert_string_equal(status.progress, cases[i].word);
        assert_int_equal(status.in_progress, cases[i].in_progress);
    }

    status = accounts(text, "acct_1", 0);
    assert_int_equal(status.found, 1);
    assert_int_equal(status.authenticated, 0);
    assert_int_equal(status.in_progress, 1);

    status = accounts(text, "acct_", 0);
    assert_int_equal(status.found, 0);

    status = accounts("[]", "acct_1", 0);
    assert_int_equal(status.found, 0);

    status = accounts("[7,null,{},{\"id\":7},[]]", "acct_1", 0);
    assert_int_equal(status.found, 0);

    status = accounts("{\"data\":[{\"account_id\":\"fansly_acct_1\","
                      "\"is_authenticated\":1}]}", "fansly_acct_1",
                      0);
    assert_int_equal(status.found, 1);
    assert_int_equal(status.authenticated, 1);
    assert_int_equal(status.in_progress, 0);
}


static int
listed(void *data, const reauth_string_t *account,
    const reauth_account_status_t *status)
{
    char  *p = data;

    sprintf(p + strlen(p), "%.*s=%u%u%s;", (int) account->len, account->data,
            status->authenticated, status->in_progress, status->progress);

    return 0;
}


static void
test_accounts_in_pieces(void **state)
{
    size_t              i, n, piece;
    char                all[256];
    reauth_accounts_t   list;

    static const char  text[] =
        "[{\"id\":\"acct_1\",\"is_authenticated\":true,\"x\":\"\\ud83d\","
        "\"onlyfans_data\":{\"id\":1e400,\"id\":\"acct_9\"}},"
        "{\"id\":5,\"account_id\":\"fansly_acct_2\","
        "\"authentication_progress\":{\"state\":\"checking\"}},"
        "{\"id\":\"none\"},7,{\"id\":\"acct_3\"}]";

    (void) state;

    for (piece = 1; piece < sizeof(text); piece++) {
        all[0] = '\0';
        reauth_accounts_init(&list, listed, all);

        for (i = 0; i < sizeof(text) - 1; i += n) {
            n = sizeof(text) - 1 - i < piece ? sizeof(text) - 1 - i : piece;
            assert_int_equal(reauth_accounts_feed(&list,
                                          (const unsigned char *) text + i, n),
                             REAUTH_READER_OK);
        }

        assert_int_equal(reauth_accounts_end(&list, &why), 0);
        assert_string_equal(all, "acct_1=10;fansly_acct_2=01checking;"
                                 "acct_3=00;");
    }

    /* what was read before the text broke off was told */

    all[0] = '\0';
    reauth_accounts_init(&list, listed, all);
    reauth_accounts_feed(&list, (const unsigned char *) text, 120);
    assert_int_equal(reauth_accounts_end(&list, &why), -1);
    assert_string_equal(why.reason, "it ends unexpectedly");
    assert_int_equal(why.offset, 120);
    assert_string_equal(all, "acct_1=10;");
}


static void
test_no_accounts(void **state)
{
    size_t                   i;
    reauth_account_status_t  status;

    static const char *const  cases[] = {
        "", "{}", "null", "7", "{\"data\":{}}", "[", "[{]",
        "{\"error\":\"NOT_FOUND\"}", "<html>"
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        status = accounts(cases[i], "acct_1", -1);
        assert_int_equal(status.found, 0);
        assert_string_equal(status.progress, "");
    }
}


static void
test_failed_fact(void **state)
{
    reauth_fact_t    fact;
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(reauth_record_t));
    record.epoch = 7;
    record.state = REAUTH_STATE_RUNNING;

    memset(&fact, 0xff, sizeof(reauth_fact_t));
    reauth_poll_failed_fact(&record, REAUTH_POLL_ERROR_HTTP, 502, 1000,
                            &fact);

    assert_int_equal(fact.now_ms, 1000);
    assert_int_equal(fact.epoch, 7);
    assert_int_equal(fact.polled, 1);
    assert_int_equal(fact.poll_error, REAUTH_POLL_ERROR_HTTP);
    assert_int_equal(fact.poll_status, 502);
    assert_int_equal(fact.source, REAUTH_SOURCE_POLLER);
    assert_int_equal(fact.lost, 0);

    assert_true(reauth_poll_is_news(&record, &fact));

    record.poll_error = REAUTH_POLL_ERROR_HTTP;
    assert_true(reauth_poll_is_news(&record, &fact));

    record.poll_status = 502;
    assert_false(reauth_poll_is_news(&record, &fact));

    record.poll_error = REAUTH_POLL_ERROR_LIMITED;
    assert_true(reauth_poll_is_news(&record, &fact));
}


/* a response that names another account is not read */

static void
test_is_of(void **state)
{
    size_t           i;
    reauth_poll_t    poll;
    reauth_string_t  account;
    reauth_unread_t  why;

    static const struct {
        const char  *named;
        const char  *account;            /* of the record; "": not known */
        int          is_of;
    } rows[] = {
        { "acct_1", "acct_1", 1 },
        { "acct_2", "acct_1", 0 },
        { "acct_12", "acct_1", 0 },
        { "", "acct_1", 1 },
        { "acct_1", "", 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&poll, 0, sizeof(reauth_poll_t));
        memset(&why, 0, sizeof(reauth_unread_t));

        strcpy(poll.account, rows[i].named);
        account = reauth_string_from(rows[i].account);

        assert_int_equal(reauth_poll_is_of(&poll, &account, &why),
                         rows[i].is_of);
        assert_int_equal(why.reason == NULL, rows[i].is_of);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_classification),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_failed_fact),
        cmocka_unit_test(test_is_of),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_account_is_an_id),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_poll_answer),
        cmocka_unit_test(test_lenient),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_accounts_in_pieces),
        cmocka_unit_test(test_no_accounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
