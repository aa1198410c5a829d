
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads text without its escapes, one character at a time: a backslash is
 * skipped, \u0041, \x41 and %41 are letters.  A character of an escape may
 * itself be escaped, in any way and any number of times: \u002541, %25%34%31.
 *
 * Takes linear time and constant memory.  Of more than
 * REAUTH_UNESCAPE_PENDING characters that may belong to unfinished escapes, the
 * first ones are taken literally.
 */


#ifndef REAUTH_UNESCAPE_H
#define REAUTH_UNESCAPE_H


#include "reauth_string.h"


#define REAUTH_UNESCAPE_PENDING  64               /* a power of two */


typedef struct {
    size_t         start;         /* of its escapes in the text */
    size_t         end;
    uint32_t       backslashes;   /* if it is one: how many there are */
    uint16_t       depth;         /* how often it was decoded */
    uint16_t       slashed;       /* how often from an escape of JSON */
    unsigned char  c;
} reauth_unescaped_t;


typedef struct {
    const unsigned char  *text;
    size_t                len;
    size_t                next;

    /* of the pending characters, the first "done" ones are literals */
    unsigned              first;
    unsigned              n;
    unsigned              done;

    /* start of a skipped backslash */
    size_t                skipped;
    unsigned              has_skipped:1;

    unsigned              percent:1;

    /* the first ones that have been used */
    unsigned              used;
    reauth_unescaped_t    pending[REAUTH_UNESCAPE_PENDING];
} reauth_unescape_t;


/* percent: %41 is an escape */
void reauth_unescape_init(reauth_unescape_t *u, const unsigned char *text,
    size_t len, unsigned percent);

/* zeroes what was read */
void reauth_unescape_cleanse(reauth_unescape_t *u);

/* the next character, its start and end; 0: the end of the text */
int reauth_unescape_next(reauth_unescape_t *u, reauth_unescaped_t *c);


/* whether the next character is the one at u->next */

static inline int
reauth_unescape_is_plain(const reauth_unescape_t *u)
{
    return u->n == 0 && u->next < u->len
           && u->text[u->next] != '\\' && u->text[u->next] != '%';
}


#endif /* REAUTH_UNESCAPE_H */
