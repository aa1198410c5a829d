
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Unknown words and names in a text of the upstream: all are counted, and the
 * first few are stored, because they may be logged.
 */


#ifndef REAUTH_UNKNOWN_H
#define REAUTH_UNKNOWN_H


#include "reauth_classify.h"
#include "reauth_reader.h"


#define REAUTH_UNKNOWN_WORDS  8


typedef enum {
    REAUTH_UNKNOWN_STATE = 0,
    REAUTH_UNKNOWN_PROGRESS,
    REAUTH_UNKNOWN_ERROR_CODE,
    REAUTH_UNKNOWN_EVENT,
    REAUTH_UNKNOWN_FIELD,
    REAUTH_UNKNOWN_LAST
} reauth_unknown_kind_t;


typedef struct {
    reauth_unknown_kind_t  kind;
    char                   text[REAUTH_SHOWN_MAX + 1];   /* reauth_shown() */
} reauth_unknown_word_t;


typedef struct {
    unsigned               counts[REAUTH_UNKNOWN_LAST];
    unsigned               nwords;
    reauth_unknown_word_t  words[REAUTH_UNKNOWN_WORDS];
} reauth_unknown_t;


/* the fields of one text */

typedef struct {
    const char *const  *names;      /* names that are known but not read */
    reauth_unknown_t   *unknown;
} reauth_unknown_names_t;


void reauth_unknown_add(reauth_unknown_t *unknown, reauth_unknown_kind_t kind,
    const reauth_string_t *text);

/* the same for a value that is not a known word, or not a string */
void reauth_unknown_value(reauth_unknown_t *unknown,
    reauth_unknown_kind_t kind, const reauth_value_t *value,
    int (*is_known)(const char *word));

/* a reauth_reader_other_pt; "data" is a reauth_unknown_names_t */
void reauth_unknown_field(void *data, const reauth_string_t *name);


#endif /* REAUTH_UNKNOWN_H */
