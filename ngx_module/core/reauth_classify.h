
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The meaning of the upstream's words and flags for a login attempt.  The words
 * are an open set: parsers of the formats (reauth_poll.c,
 * reauth_last_attempt.c) read them into the structures below, and they are
 * classified here by rules.
 *
 * A word is stored in lower case with "_" for "-".  A character that no word of
 * the upstream contains becomes "?"; so does a value that is not a string.
 */


#ifndef REAUTH_CLASSIFY_H
#define REAUTH_CLASSIFY_H


#include "reauth_attempt.h"


#define REAUTH_WORD_MAX  47

/* maximum length of a logged value */
#define REAUTH_SHOWN_MAX  32


/* the object that describes the last login attempt */

typedef struct {
    int64_t   started_us;
    int64_t   completed_us;

    unsigned  completed:1;         /* completed_at is set, whatever it reads */
    unsigned  succeeded:1;         /* "success" is true */
    unsigned  failed:1;            /* "success" is false, not null */
    unsigned  needs_otp:1;
    unsigned  needs_face:1;
    unsigned  face_link:1;         /* a link, or "face_otp" */
    unsigned  doubtful:1;          /* needs_... is neither yes nor no */
    unsigned  phone:1;             /* the code comes by SMS */

    char      error_code[REAUTH_ERROR_CODE_MAX + 1];
    char      error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
} reauth_last_attempt_t;


/* a poll of an attempt, as it was read */

typedef struct {
    char                   state[REAUTH_WORD_MAX + 1];      /* or empty */
    char                   progress[REAUTH_WORD_MAX + 1];

    unsigned               needs_otp:1;     /* beside the last attempt */
    unsigned               needs_face:1;
    unsigned               face_link:1;
    unsigned               two_factor:1;
    unsigned               doubtful:1;   /* a flag is neither yes nor no */
    unsigned               deeplink:1;

    reauth_last_attempt_t  last;
} reauth_read_poll_t;


/* a poll of a Fansly account */

typedef struct {
    char      status[REAUTH_WORD_MAX + 1];

    unsigned  authenticated:1;     /* "is_authenticated" is true */
    unsigned  not_authenticated:1; /* it is false, neither null nor missing */
    unsigned  needs_code:1;        /* it is true */
    unsigned  no_code:1;           /* it is false, neither null nor missing */
    unsigned  app_code:1;          /* "twofa_type" is that of an app */
} reauth_read_fansly_t;


/* an entry of the list of accounts */

typedef struct {
    char      state[REAUTH_WORD_MAX + 1];
    char      progress[REAUTH_WORD_MAX + 1];

    unsigned  authenticated:1;     /* "is_authenticated" is true */
    unsigned  not_authenticated:1; /* it is false, neither null nor missing */
} reauth_read_listed_t;


/*
 * Unknown values never open a gate: "succeeded" and "failed" need known values
 * or a known shape, anything else is in progress.
 */

typedef struct {
    reauth_state_t   state;        /* one of running, needs_*, succeeded,
                                      failed */
    reauth_action_t  action;
    unsigned         step:1;       /* a login is in progress; not about an
                                      earlier session */
    unsigned         needs_step:1; /* an end by flags with an unknown value:
                                      only after a step was seen */
} reauth_verdict_t;


/* the text as a word, see above */
void reauth_word(char word[REAUTH_WORD_MAX + 1], const reauth_string_t *text);

/*
 * The value itself if it has only letters, digits, "-", "_" and "." and is not
 * too long, otherwise "(not a word)", as it may be a misplaced secret.
 */
void reauth_shown(char shown[REAUTH_SHOWN_MAX + 1],
    const reauth_string_t *text);

reauth_verdict_t reauth_classify_poll(const reauth_read_poll_t *read);
reauth_verdict_t reauth_classify_fansly(const reauth_read_fansly_t *read);

/* whether a word, or none, is among those that the upstream is known to use */
int reauth_state_is_known(const char *word);
int reauth_progress_is_known(const char *word);
int reauth_fansly_is_known(const char *word);
int reauth_error_code_is_known(const char *word);

/* the same of the list of accounts, which has words of both */
int reauth_listed_is_known(const char *word);

/* whether a login is in progress */
int reauth_classify_listed(const reauth_read_listed_t *read);


#endif /* REAUTH_CLASSIFY_H */
