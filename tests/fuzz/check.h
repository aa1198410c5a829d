
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What holds for anything that was read from the upstream.
 */


#ifndef CHECK_H
#define CHECK_H


#include <stdlib.h>
#include <string.h>

#include "reauth_route.h"
#include "reauth_unknown.h"


/* terminated within its bounds, and of no control bytes */

static void
check_text(const char *text, size_t size)
{
    size_t  i;

    for (i = 0; i < size; i++) {

        if (text[i] == '\0') {
            return;
        }

        if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f) {
            abort();
        }
    }

    abort();
}


/* what may be logged */

static void
check_unknown(const reauth_unknown_t *unknown)
{
    unsigned     i;
    const char  *p;

    if (unknown->nwords > REAUTH_UNKNOWN_WORDS) {
        abort();
    }

    for (i = 0; i < unknown->nwords; i++) {
        p = unknown->words[i].text;

        if (unknown->words[i].kind >= REAUTH_UNKNOWN_LAST
            || unknown->counts[unknown->words[i].kind] == 0
            || strlen(p) > REAUTH_SHOWN_MAX
            || *p == '\0')
        {
            abort();
        }

        if (strcmp(p, "(not a word)") == 0) {
            continue;
        }

        for ( /* void */ ; *p != '\0'; p++) {
            if (!reauth_id_chars[(unsigned char) *p] && *p != '.') {
                abort();
            }
        }
    }
}


#endif /* CHECK_H */
