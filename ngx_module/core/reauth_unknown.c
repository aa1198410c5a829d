
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_unknown.h"


void
reauth_unknown_add(reauth_unknown_t *unknown, reauth_unknown_kind_t kind,
    const reauth_string_t *text)
{
    unsigned                i;
    reauth_unknown_word_t  *word;

    unknown->counts[kind]++;

    if (unknown->nwords == REAUTH_UNKNOWN_WORDS) {
        return;
    }

    word = &unknown->words[unknown->nwords];

    word->kind = kind;
    reauth_shown(word->text, text);

    for (i = 0; i < unknown->nwords; i++) {
        if (unknown->words[i].kind == kind
            && strcmp(unknown->words[i].text, word->text) == 0)
        {
            return;
        }
    }

    unknown->nwords++;
}


void
reauth_unknown_value(reauth_unknown_t *unknown, reauth_unknown_kind_t kind,
    const reauth_value_t *value, int (*is_known)(const char *word))
{
    char             word[REAUTH_WORD_MAX + 1];
    reauth_string_t  text;

    reauth_value_word(value, word);

    if (is_known(word)) {
        return;
    }

    text = reauth_value_string(value);

    reauth_unknown_add(unknown, kind, &text);
}


void
reauth_unknown_field(void *data, const reauth_string_t *name)
{
    reauth_unknown_names_t *names = data;

    const char *const  *known;

    for (known = names->names; *known != NULL; known++) {
        if (reauth_string_equals(name, *known)) {
            return;
        }
    }

    reauth_unknown_add(names->unknown, REAUTH_UNKNOWN_FIELD, name);
}
