
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_classify.h"


static const char *const  reauth_failures[] = { "auth-failed", "failed", NULL };


void
reauth_word(char word[REAUTH_WORD_MAX + 1], const reauth_string_t *text)
{
    size_t         i, n;
    unsigned char  c;

    n = text->len < REAUTH_WORD_MAX ? text->len : REAUTH_WORD_MAX;

    for (i = 0; i < n; i++) {
        c = text->data[i];

        if (c == '_') {
            c = '-';

        } else if (c >= 'A' && c <= 'Z') {
            c |= 0x20;

        } else if (!(c == '-'
                     || (c >= 'a' && c <= 'z')
                     || (c >= '0' && c <= '9')))
        {
            c = '?';
        }

        word[i] = (char) c;
    }

    word[n] = '\0';
}


static int
reauth_word_is(const char *word, const char *name)
{
    return strcmp(word, name) == 0;
}


static int
reauth_word_in(const char *word, const char *const *names)
{
    for ( /* void */ ; *names != NULL; names++) {
        if (reauth_word_is(word, *names)) {
            return 1;
        }
    }

    return 0;
}


/* the set of states is open: whatever speaks of a face or a selfie */

static int
reauth_word_is_face(const char *word)
{
    return strstr(word, "face") != NULL || strstr(word, "selfie") != NULL;
}


static int
reauth_poll_needs_face(const reauth_read_poll_t *read)
{
    if (read->needs_face || read->last.needs_face) {
        return 1;
    }

    return (read->face_link || read->last.face_link)
           && reauth_word_is_face(read->state);
}


static int
reauth_poll_needs_otp(const reauth_read_poll_t *read)
{
    static const char *const  words[] = { "needs-otp", "needs-app-otp", NULL };

    return reauth_word_in(read->state, words)
           || read->last.needs_otp
           || read->needs_otp
           || read->two_factor
           || reauth_word_is(read->progress, "waiting-for-otp");
}


/*
 * "authenticated" alone may still be said of the session before this login,
 * so that it takes a second witness.
 */

static int
reauth_poll_succeeded(const reauth_read_poll_t *read)
{
    return reauth_word_is(read->state, "authenticated")
           && (read->last.succeeded
               || reauth_word_is(read->progress, "signed-in"));
}


reauth_verdict_t
reauth_classify_poll(const reauth_read_poll_t *read)
{
    int               succeeded, failed;
    reauth_verdict_t  verdict;

    verdict.state = REAUTH_STATE_RUNNING;
    verdict.action = REAUTH_ACTION_NONE;

    succeeded = reauth_poll_succeeded(read);
    failed = reauth_word_in(read->state, reauth_failures);

    if (reauth_poll_needs_face(read)) {
        verdict.state = REAUTH_STATE_NEEDS_FACE;
        verdict.action = REAUTH_ACTION_FACE;

    } else if (reauth_poll_needs_otp(read)) {
        verdict.state = REAUTH_STATE_NEEDS_OTP;
        verdict.action = reauth_word_is(read->state, "needs-app-otp")
                         ? REAUTH_ACTION_APP_OTP : REAUTH_ACTION_OTP;

    } else if (read->deeplink
               && !read->last.completed && !succeeded && !failed)
    {
        verdict.state = REAUTH_STATE_NEEDS_APP;
        verdict.action = REAUTH_ACTION_APP;

    } else if (succeeded) {
        verdict.state = REAUTH_STATE_SUCCEEDED;

    } else if (failed || (read->last.completed && read->last.failed)) {

        /* "success":false alone is what a running attempt looks like */

        verdict.state = REAUTH_STATE_FAILED;
        verdict.action = REAUTH_ACTION_CREDENTIALS;
    }

    return verdict;
}


/* Fansly tells nothing of times, and of the steps only "status" */

reauth_verdict_t
reauth_classify_fansly(const reauth_read_fansly_t *read)
{
    reauth_verdict_t  verdict;

    static const char *const  steps[] = {
        "started", "pending", "connecting", "authenticating",
        "reauthenticating", "filling-out-login", "submitting", "checking",
        "processing", NULL
    };

    verdict.state = REAUTH_STATE_RUNNING;
    verdict.action = REAUTH_ACTION_NONE;

    if (read->needs_code) {
        verdict.state = REAUTH_STATE_NEEDS_OTP;
        verdict.action = read->app_code ? REAUTH_ACTION_APP_OTP
                                        : REAUTH_ACTION_OTP;

    } else if (reauth_word_in(read->status, reauth_failures)) {
        verdict.state = REAUTH_STATE_FAILED;
        verdict.action = REAUTH_ACTION_CREDENTIALS;

    } else if (reauth_word_in(read->status, steps)) {

        /* the rest may still be said of the session before this login */

    } else if (read->authenticated) {
        verdict.state = REAUTH_STATE_SUCCEEDED;

    } else if (read->error) {
        verdict.state = REAUTH_STATE_FAILED;
        verdict.action = REAUTH_ACTION_CREDENTIALS;
    }

    return verdict;
}


int
reauth_classify_listed(const reauth_read_listed_t *read)
{
    const char  *word;

    static const char *const  ends[] = {
        "signed-in", "authenticated", "auth-failed", "failed", NULL
    };

    word = read->progress[0] != '\0' ? read->progress : read->state;

    return word[0] != '\0' && !reauth_word_in(word, ends);
}
