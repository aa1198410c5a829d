
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


void
reauth_shown(char shown[REAUTH_SHOWN_MAX + 1], const reauth_string_t *text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text->len && text->len <= REAUTH_SHOWN_MAX; i++) {
        c = text->data[i];

        if (!((c >= 'A' && c <= 'Z')
              || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9')
              || c == '-' || c == '_' || c == '.'))
        {
            break;
        }

        shown[i] = (char) c;
    }

    if (i == 0 || i < text->len) {
        memcpy(shown, "(not a word)", sizeof("(not a word)"));
        return;
    }

    shown[i] = '\0';
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


static int
reauth_word_begins(const char *word, const char *prefix)
{
    return strncmp(word, prefix, strlen(prefix)) == 0;
}


/* the set of states is open: any that begins with "needs" waits for a person */

static reauth_state_t
reauth_word_needs(const char *word)
{
    static const char *const  codes[] = {
        "needs-otp", "needs-app-otp", "needs-sms-otp", "needs-email", NULL
    };

    if (!reauth_word_begins(word, "needs")) {
        return REAUTH_STATE_NONE;
    }

    if (strstr(word, "face") != NULL || strstr(word, "selfie") != NULL) {
        return REAUTH_STATE_NEEDS_FACE;
    }

    return reauth_word_in(word, codes) ? REAUTH_STATE_NEEDS_OTP
                                       : REAUTH_STATE_NEEDS_PERSON;
}


static reauth_verdict_t
reauth_verdict(reauth_state_t state, reauth_action_t action)
{
    reauth_verdict_t  verdict;

    memset(&verdict, 0, sizeof(reauth_verdict_t));

    verdict.state = state;
    verdict.action = action;
    verdict.step = reauth_state_needs_person(state);

    return verdict;
}


static int
reauth_poll_needs_otp(const reauth_read_poll_t *read)
{
    return read->last.needs_otp
           || read->needs_otp
           || read->two_factor
           || reauth_word_is(read->progress, "waiting-for-otp");
}


/*
 * "authenticated" alone may still refer to the session before this login, so
 * a second value must confirm it.  A step that may still follow is not an end.
 */

static int
reauth_poll_succeeded(const reauth_read_poll_t *read)
{
    return reauth_word_is(read->state, "authenticated")
           && !read->doubtful
           && !read->last.doubtful
           && (read->last.succeeded
               || reauth_word_is(read->progress, "signed-in"));
}


/* the words are not those of a session from before this login */

static int
reauth_poll_step(const reauth_read_poll_t *read)
{
    static const char *const  states[] = { "", "authenticated", NULL };
    static const char *const  progresses[] = { "", "signed-in", NULL };

    return !reauth_word_in(read->state, states)
           || !reauth_word_in(read->progress, progresses)
           || (read->last.started_us != 0 && !read->last.completed);
}


reauth_verdict_t
reauth_classify_poll(const reauth_read_poll_t *read)
{
    int               succeeded, failed, over;
    reauth_state_t    needs;
    reauth_verdict_t  verdict;

    needs = reauth_word_needs(read->state);
    succeeded = reauth_poll_succeeded(read);
    failed = reauth_word_in(read->state, reauth_failures);
    over = read->last.completed || succeeded || failed;

    if (read->needs_face
        || read->last.needs_face
        || needs == REAUTH_STATE_NEEDS_FACE
        || ((read->face_link || read->last.face_link) && !over))
    {
        return reauth_verdict(REAUTH_STATE_NEEDS_FACE, REAUTH_ACTION_FACE);
    }

    if (needs == REAUTH_STATE_NEEDS_OTP || reauth_poll_needs_otp(read)) {
        return reauth_verdict(REAUTH_STATE_NEEDS_OTP,
                              reauth_word_is(read->state, "needs-app-otp")
                              ? REAUTH_ACTION_APP_OTP : REAUTH_ACTION_OTP);
    }

    if (read->deeplink && !over) {
        return reauth_verdict(REAUTH_STATE_NEEDS_APP, REAUTH_ACTION_APP);
    }

    if (succeeded) {
        return reauth_verdict(REAUTH_STATE_SUCCEEDED, REAUTH_ACTION_NONE);
    }

    /* an active attempt also has "success":false */

    if (failed || (read->last.completed && read->last.failed)) {
        return reauth_verdict(REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS);
    }

    if (needs == REAUTH_STATE_NEEDS_PERSON) {
        return reauth_verdict(needs, REAUTH_ACTION_PERSON);
    }

    verdict = reauth_verdict(REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE);
    verdict.step = reauth_poll_step(read);

    return verdict;
}


/* "verifying" is also the state after a code, with needs_code still true */

static int
reauth_fansly_is_step(const char *status)
{
    static const char *const  steps[] = {
        "verifying", "started", "pending", "connecting", "authenticating",
        "reauthenticating", "filling-out-login", "submitting", "checking",
        "processing", NULL
    };

    return reauth_word_begins(status, "challenge-")
           || reauth_word_in(status, steps);
}


/*
 * Fansly reports no times and has no word for the end: success is reported by
 * two flags, which may still be those of the session before this login.
 */

reauth_verdict_t
reauth_classify_fansly(const reauth_read_fansly_t *read)
{
    reauth_state_t    needs;
    reauth_verdict_t  verdict;

    static const char *const  ends[] = {
        "", "authenticated", "signed-in", NULL
    };

    needs = reauth_word_needs(read->status);

    if (needs == REAUTH_STATE_NEEDS_FACE) {
        return reauth_verdict(needs, REAUTH_ACTION_FACE);
    }

    if (needs == REAUTH_STATE_NEEDS_OTP
        || (read->needs_code && !reauth_word_is(read->status, "verifying")))
    {
        return reauth_verdict(REAUTH_STATE_NEEDS_OTP,
                              read->app_code ? REAUTH_ACTION_APP_OTP
                                             : REAUTH_ACTION_OTP);
    }

    if (needs == REAUTH_STATE_NEEDS_PERSON) {
        return reauth_verdict(needs, REAUTH_ACTION_PERSON);
    }

    verdict = reauth_verdict(REAUTH_STATE_RUNNING, REAUTH_ACTION_NONE);

    if (reauth_fansly_is_step(read->status)) {
        verdict.step = 1;
        return verdict;
    }

    if (reauth_word_in(read->status, reauth_failures)) {
        return reauth_verdict(REAUTH_STATE_FAILED, REAUTH_ACTION_CREDENTIALS);
    }

    if (read->authenticated && read->no_code) {
        verdict.state = REAUTH_STATE_SUCCEEDED;
        verdict.needs_step = !reauth_word_in(read->status, ends);
        return verdict;
    }

    verdict.step = read->not_authenticated
                   || !reauth_word_in(read->status, ends);

    return verdict;
}


/* either word of an entry of the list shows a login in progress */

int
reauth_classify_listed(const reauth_read_listed_t *read)
{
    static const char *const  ends[] = {
        "", "signed-in", "authenticated", "auth-failed", "failed", NULL
    };

    return !reauth_word_in(read->progress, ends)
           || !reauth_word_in(read->state, ends);
}


int
reauth_state_is_known(const char *word)
{
    static const char *const  words[] = {
        "", "authenticated", "authenticating", "needs-otp", "needs-app-otp",
        "needs-sms-otp", "needs-email", "needs-face-id", "needs-selfie",
        "needs-face-otp", "auth-failed", "failed", NULL
    };

    return reauth_word_in(word, words);
}


int
reauth_progress_is_known(const char *word)
{
    static const char *const  words[] = {
        "", "started", "signed-in", "filling-out-login", "waiting-for-otp",
        "submitting", "checking", NULL
    };

    return reauth_word_in(word, words);
}


int
reauth_fansly_is_known(const char *word)
{
    return reauth_fansly_is_step(word) || reauth_state_is_known(word);
}


int
reauth_error_code_is_known(const char *word)
{
    static const char *const  words[] = { "", "wrong-2fa", NULL };

    return reauth_word_in(word, words);
}


int
reauth_listed_is_known(const char *word)
{
    return reauth_fansly_is_known(word) || reauth_progress_is_known(word);
}
