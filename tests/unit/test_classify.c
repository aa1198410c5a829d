
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

#include "reauth_classify.h"


static void
test_word(void **state)
{
    size_t           i;
    char             word[REAUTH_WORD_MAX + 1];
    reauth_string_t  text;

    static const struct {
        reauth_string_t   text;
        const char       *word;
    } cases[] = {
        { reauth_string(""), "" },
        { reauth_string("Needs_App-OTP"), "needs-app-otp" },
        { reauth_string("a1"), "a1" },
        { reauth_string("failed\0"), "failed?" },
        { reauth_string(" failed"), "?failed" },
        { reauth_string("\xc5\xbf" "ailed"), "??ailed" },
        { reauth_string("0123456789012345678901234567890123456789"
                        "012345678901234567890123456789"),
          "01234567890123456789012345678901234567890123456" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = cases[i].text;
        memset(word, 0x55, sizeof(word));
        reauth_word(word, &text);
        assert_string_equal(word, cases[i].word);
    }
}


/* what is said of a login in progress alone, and not of the session before */

static void
test_steps(void **state)
{
    size_t               i;
    reauth_read_poll_t   read;

    static const struct {
        const char  *state;
        const char  *progress;
        unsigned     started;
        unsigned     completed;
        unsigned     step;
    } cases[] = {
        { "authenticated", "", 0, 0, 0 },
        { "authenticated", "", 1, 1, 0 },
        { "", "signed-in", 0, 0, 0 },
        { "", "", 0, 0, 0 },
        { "authenticated", "", 1, 0, 1 },
        { "authenticated", "started", 1, 1, 1 },
        { "authenticating", "", 0, 0, 1 },
        { "something-new", "", 0, 0, 1 },
        { "needs-otp", "signed-in", 0, 0, 1 },
        { "needs-captcha", "signed-in", 0, 0, 1 },
        { "authenticated", "signed-in", 0, 0, 0 },
        { "failed", "", 0, 0, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&read, 0, sizeof(read));

        strcpy(read.state, cases[i].state);
        strcpy(read.progress, cases[i].progress);
        read.last.started_us = cases[i].started;
        read.last.completed = cases[i].completed;

        if (reauth_classify_poll(&read).step != cases[i].step) {
            fail_msg("%s, %s", cases[i].state, cases[i].progress);
        }
    }
}


static void
test_fansly_steps(void **state)
{
    size_t                i;
    reauth_verdict_t      verdict;
    reauth_read_fansly_t  read;

    static const struct {
        const char      *status;
        unsigned         authenticated;
        unsigned         needs_code;
        unsigned         step;
        unsigned         needs_step;
        reauth_state_t   state;
    } cases[] = {
        { "", 1, 0, 0, 0, REAUTH_STATE_SUCCEEDED },
        { "authenticated", 1, 0, 0, 0, REAUTH_STATE_SUCCEEDED },
        { "connected", 1, 0, 0, 1, REAUTH_STATE_SUCCEEDED },
        { "?", 1, 0, 0, 1, REAUTH_STATE_SUCCEEDED },
        { "verifying", 1, 0, 1, 0, REAUTH_STATE_RUNNING },
        { "verifying", 0, 1, 1, 0, REAUTH_STATE_RUNNING },
        { "challenge-x", 1, 0, 1, 0, REAUTH_STATE_RUNNING },
        { "challenge-x", 1, 1, 1, 0, REAUTH_STATE_NEEDS_OTP },
        { "connected", 0, 0, 1, 0, REAUTH_STATE_RUNNING },
        { "", 0, 0, 1, 0, REAUTH_STATE_RUNNING },
        { "failed", 0, 0, 0, 0, REAUTH_STATE_FAILED },
        { "failed", 1, 0, 0, 0, REAUTH_STATE_FAILED }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&read, 0, sizeof(read));

        strcpy(read.status, cases[i].status);
        read.authenticated = cases[i].authenticated;
        read.not_authenticated = !read.authenticated;
        read.needs_code = cases[i].needs_code;
        read.no_code = !read.needs_code;

        verdict = reauth_classify_fansly(&read);

        if (verdict.step != cases[i].step
            || verdict.needs_step != cases[i].needs_step
            || verdict.state != cases[i].state)
        {
            fail_msg("%s: state %d, step %d, needs_step %d", cases[i].status,
                     verdict.state, verdict.step, verdict.needs_step);
        }
    }
}


static void
test_listed(void **state)
{
    size_t                i;
    reauth_read_listed_t  read;

    static const struct {
        const char  *state;
        const char  *progress;
        int          in_progress;
    } cases[] = {
        { "", "", 0 },
        { "", "signed-in", 0 },
        { "authenticated", "signed-in", 0 },
        { "failed", "", 0 },
        { "", "checking", 1 },
        { "", "?", 1 },
        { "needs-otp", "signed-in", 1 },
        { "authenticated", "submitting", 1 },
        { "something-new", "", 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&read, 0, sizeof(read));

        strcpy(read.state, cases[i].state);
        strcpy(read.progress, cases[i].progress);

        assert_int_equal(reauth_classify_listed(&read), cases[i].in_progress);
    }
}


static void
test_shown(void **state)
{
    size_t           i;
    char             shown[REAUTH_SHOWN_MAX + 1];
    reauth_string_t  text;

    static const struct {
        const char  *text;
        const char  *shown;
    } cases[] = {
        { "needs-otp", "needs-otp" },
        { "Signed_In.2", "Signed_In.2" },
        { "0123456789abcdef0123456789abcdef",
          "0123456789abcdef0123456789abcdef" },
        { "0123456789abcdef0123456789abcdef0", "(not a word)" },
        { "", "(not a word)" },
        { "a b", "(not a word)" },
        { "a@example.com", "(not a word)" },
        { "a\n", "(not a word)" },
        { "\xc3\xa4", "(not a word)" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = reauth_string_from(cases[i].text);
        reauth_shown(shown, &text);
        assert_string_equal(shown, cases[i].shown);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_word),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_fansly_steps),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
