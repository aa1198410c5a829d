
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "reauth_poll.h"
#include "reauth_webhook.h"

#include "../listed.h"


#define ATTEMPT                                                               \
    "\"started_at\":null,\"completed_at\":null,\"success\":false,"            \
    "\"error_message\":null,\"needs_otp\":false,\"otp_phone_ending\":null,"   \
    "\"needs_face_otp\":false,\"face_otp_verification_url\":null"


/* the words as "kind:text,", and how many there are of each kind */

static const char *
shown(const reauth_unknown_t *unknown)
{
    size_t    n;
    unsigned  i;

    static char              text[1024];
    static const char *const kinds = "spcef";

    n = 0;

    for (i = 0; i < unknown->nwords; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%c:%s,",
                               kinds[unknown->words[i].kind],
                               unknown->words[i].text);
    }

    for (i = 0; i < REAUTH_UNKNOWN_LAST; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%u",
                               unknown->counts[i]);
    }

    return text;
}


static const char *
polled(const char *text)
{
    reauth_poll_t    poll;
    reauth_unread_t  why;

    memset(&poll, 0x55, sizeof(reauth_poll_t));

    (void) reauth_poll_parse((const unsigned char *) text, strlen(text), &poll,
                             &why);

    return shown(&poll.unknown);
}


static const char *
delivered(const char *text)
{
    reauth_unread_t   why;
    reauth_webhook_t  hook;

    memset(&hook, 0x55, sizeof(reauth_webhook_t));

    (void) reauth_webhook_parse((const unsigned char *) text, strlen(text),
                                &hook, &why);

    return shown(&hook.unknown);
}


static const char *
listed(const char *progress)
{
    char                     text[512];
    reauth_unread_t          why;
    reauth_account_status_t  status;

    static const reauth_string_t  account = reauth_string("acct_1");

    memset(&status, 0x55, sizeof(reauth_account_status_t));

    snprintf(text, sizeof(text),
             "[{\"id\":\"acct_1\",\"new\":1,\"authentication_progress\":%s}]",
             progress);

    (void) listed_find((const unsigned char *) text, strlen(text), &account,
                       &status, &why);

    return shown(&status.unknown);
}


static void
test_unknown_words_of_poll(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *shown;
    } cases[] = {

        /* what is documented */

        { "{\"account\":{\"id\":\"acct_1\",\"display_name\":\"x\","
          "\"onlyfans_data\":{\"csrf\":\"x\"}},\"state\":\"needs-otp\","
          "\"progress\":\"waiting_for_otp\",\"twoFactorPending\":true,"
          "\"mobile_auth_session_deeplink\":\"x\",\"_meta\":{\"_cache\":1},"
          "\"lastAttempt\":{" ATTEMPT ",\"error_code\":\"WRONG_2FA\"}}",
          "00000" },

        { "{\"account_id\":\"fansly_acct_1\",\"display_name\":\"x\","
          "\"status\":\"challenge-email\",\"is_authenticated\":false,"
          "\"needs_code\":true,\"twofa_type\":2,\"masked_email\":\"x\","
          "\"last_error\":\"any\",\"fansly_user_data\":{\"x\":1}}", "00000" },

        /* words */

        { "{\"state\":\"new\",\"progress\":\"step_7\","
          "\"lastAttempt\":{\"error_code\":\"LOCKED\"}}",
          "s:new,p:step_7,c:LOCKED,11100" },

        { "{\"state\":7,\"progress\":{},\"lastAttempt\":"
          "{\"error_code\":\"two words\"}}",
          "s:(not a word),p:(not a word),c:(not a word),11100" },

        { "{\"account_id\":\"fansly_acct_1\",\"status\":\"dancing\"}",
          "s:dancing,10000" },

        /* fields */

        { "{\"state\":\"\",\"new\":{\"inner\":1},\"account\":{\"age\":1},"
          "\"lastAttempt\":{\"deadline\":[{\"inner\":1}]}}",
          "f:new,f:age,f:deadline,00003" },

        /* a value that was none before: its names are the value's own */

        { "{\"state\":{\"inner\":1},\"progress\":{\"state\":2}}", "00000" },

        { "{\"lastAttempt\":{\"success\":{\"inner\":1}}}", "00000" },

        { "{\"lastAttempt\":{},\"\":1,\"a b\":1,\"a@example.com\":1}",
          "f:(not a word),00003" },

        { "{\"lastAttempt\":{},"
          "\"a123456789012345678901234567890123456789012345678\":1,"
          "\"a1234567890123456789012345678901\":1,"
          "\"a12345678901234567890123456789012\":1}",
          "f:(not a word),f:a1234567890123456789012345678901,00003" },

        { "{\"lastAttempt\":{},\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,"
          "\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"a\":1}",
          "f:a,f:b,f:c,f:d,f:e,f:f,f:g,f:h,000011" },

        /* the wrapped form: what is beside it is the wrapper's */

        { "{\"data\":{\"state\":\"authenticating\",\"new\":1},\"more\":1}",
          "f:new,00001" },

        { "{\"more\":1,\"data\":{\"lastAttempt\":{\"new\":1}}}",
          "f:new,00001" },

        /* nothing of what could not be read */

        { "{\"lastAttempt\":{\"new\":1},", "00000" },
        { "{\"new\":1}", "00000" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(polled(cases[i].text), cases[i].shown);
    }
}


static void
test_unknown_words_of_webhook(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *shown;
    } cases[] = {

        { "{\"event\":\"accounts.connected\",\"account_id\":\"acct_1\","
          "\"payload\":{\"client_reference_id\":\"x\",\"state\":"
          "\"authenticated\",\"progress\":\"signed_in\","
          "\"latestAuthAttempt\":{" ATTEMPT "}}}", "00000" },

        { "{\"sent\":1,\"payload\":{\"new\":{\"inner\":1},\"state\":\"odd\","
          "\"progress\":\"step\",\"latestAuthAttempt\":{\"error_code\":"
          "\"LOCKED\",\"why\":1}},"
          "\"event\":\"accounts.authentication_failed\"}",
          "f:sent,f:new,f:why,s:odd,p:step,c:LOCKED,11103" },

        { "{\"event\":\"fansly.accounts.otp_code_required\",\"payload\":"
          "{\"state\":\"challenge-email\"}}", "00000" },

        /* events that mean nothing have payloads of their own */

        { "{\"new\":1,\"event\":\"accounts.odd\",\"payload\":{\"new\":1,"
          "\"state\":\"odd\"}}", "e:accounts.odd,00010" },

        { "{\"new\":1,\"event\":\"two words\"}", "e:(not a word),00010" },
        { "{\"event\":\"test-event\",\"payload\":{\"new\":1}}", "00000" },
        { "{\"event\":\"fansly.accounts.updated\",\"new\":1}", "00000" },
        { "{\"event\":\"accounts.session_expired\",\"new\":1}", "00000" },

        { "{\"new\":1}", "00000" },
        { "{\"event\":\"accounts.connected\",\"new\":1", "00000" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(delivered(cases[i].text), cases[i].shown);
    }
}


static void
test_unknown_words_of_list(void **state)
{
    size_t  i;

    static const char *const  known[] = {
        "null", "\"\"", "{}", "[]", "\"signed_in\"", "\"authenticated\"",
        "\"verifying\"", "\"checking\"", "\"auth-failed\"",
        "{\"state\":\"authenticating\",\"progress\":\"submitting\",\"new\":1}"
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_string_equal(listed(known[i]), "00000");
    }

    assert_string_equal(listed("\"new\""), "p:new,01000");
    assert_string_equal(listed("true"), "p:(not a word),01000");
    assert_string_equal(listed("{\"state\":\"odd\",\"progress\":\"step\"}"),
                        "s:odd,p:step,11000");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_unknown_words_of_poll),
        cmocka_unit_test(test_unknown_words_of_webhook),
        cmocka_unit_test(test_unknown_words_of_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
