
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The pending characters are a stack of unfinished escapes, each one possibly
 * the beginning of a character of the one before it.  An escape that is
 * finished is replaced by its character, which is then read in the same way.
 */


#include "reauth_unescape.h"


#define REAUTH_UNESCAPE_U  6                      /* the length of \u0041 */
#define REAUTH_UNESCAPE_X  4                      /* of \x41 */
#define REAUTH_UNESCAPE_P  3                      /* of %41 */

#define reauth_unescape_at(u, i)                                              \
    (&(u)->pending[((u)->first + (i)) % REAUTH_UNESCAPE_PENDING])


static int
reauth_unescape_begins(const reauth_unescape_t *u, unsigned char c)
{
    return c == '\\' || (c == '%' && u->percent);
}


static int
reauth_unescape_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


void
reauth_unescape_init(reauth_unescape_t *u, const unsigned char *text,
    size_t len, unsigned percent)
{
    u->percent = percent != 0;
    u->text = text;
    u->len = len;
    u->next = 0;
    u->first = 0;
    u->n = 0;
    u->done = 0;
    u->skipped = 0;
    u->has_skipped = 0;
    u->used = 0;
}


void
reauth_unescape_cleanse(reauth_unescape_t *u)
{
    explicit_bzero(u->pending, u->used * sizeof(reauth_unescaped_t));

    reauth_unescape_init(u, NULL, 0, 0);
}


static void
reauth_unescape_push(reauth_unescape_t *u, const reauth_unescaped_t *c)
{
    reauth_unescaped_t  *to;

    to = reauth_unescape_at(u, u->n);

    if (to - u->pending == u->used) {
        u->used++;
    }

    *to = *c;
    u->n++;
}


/* the number of pending characters of the last escape; 0: no escape */

static unsigned
reauth_unescape_last(const reauth_unescape_t *u)
{
    unsigned  i;

    for (i = u->n; i > 0; i--) {
        if (reauth_unescape_begins(u, reauth_unescape_at(u, i - 1)->c)) {
            return u->n - i + 1;
        }
    }

    return 0;
}


/*
 * Each time an escape of JSON is decoded, two backslashes become one.  An odd
 * one belongs to the escape after it.
 */

static void
reauth_unescape_halve(reauth_unescaped_t *c, const reauth_unescaped_t *last)
{
    while (c->slashed < last->slashed && c->backslashes % 2 == 0) {
        c->backslashes /= 2;
        c->slashed++;
    }

    c->slashed = last->slashed;
    c->depth = last->depth;
}


/* the length of the last escape, of which there are "n" characters */

static unsigned
reauth_unescape_len(const reauth_unescape_t *u, unsigned n)
{
    if (reauth_unescape_at(u, u->n - n)->c == '%') {
        return REAUTH_UNESCAPE_P;
    }

    return reauth_unescape_at(u, u->n - n + 1)->c == 'x' ? REAUTH_UNESCAPE_X
                                                         : REAUTH_UNESCAPE_U;
}


/* the last escape, of "n" characters, becomes "c" */

static void
reauth_unescape_finish(reauth_unescape_t *u, unsigned n, reauth_unescaped_t *c)
{
    unsigned                   i, value;
    reauth_unescaped_t        *begin;
    const reauth_unescaped_t  *digit;

    begin = reauth_unescape_at(u, u->n - n);

    c->depth = begin->depth;
    c->slashed = begin->slashed;
    value = 0;

    for (i = begin->c == '%' ? 1 : 2; i < n; i++) {
        digit = reauth_unescape_at(u, u->n - n + i);
        value = value << 4 | (unsigned) reauth_unescape_hex(digit->c);

        if (digit->depth > c->depth) {
            c->depth = digit->depth;
            c->slashed = digit->slashed;
        }
    }

    /* bytes outside of ASCII become one that no key contains */

    c->c = (unsigned char) (begin->c == '%' || value < 0x80 ? value : 0xff);
    c->start = begin->start;
    c->backslashes = 1;
    c->depth++;

    u->n -= n;

    if (begin->c == '%') {
        return;
    }

    c->slashed++;

    while (begin->backslashes % 2 == 0) {
        begin->backslashes /= 2;
        c->depth++;
        c->slashed++;
    }

    /* those before the one of the escape remain */

    begin->backslashes /= 2;

    if (begin->backslashes != 0) {
        begin->depth = c->depth;
        begin->slashed = c->slashed;
        u->n++;
    }
}


/* the same for a backslash before another character, which remains */

static void
reauth_unescape_skip(reauth_unescape_t *u, reauth_unescaped_t *c)
{
    u->n--;
    c->start = reauth_unescape_at(u, u->n)->start;
}


/*
 * Backslashes before a "u" or an "x" that was itself escaped: "\\" and "\u0041"
 * in JSON are "%5C\%75" in a URL.  One that was not escaped was not taken for
 * a pair.
 */

static void
reauth_unescape_join(reauth_unescape_t *u)
{
    reauth_unescaped_t  *before, *begin, *last;

    while (u->n > 2) {
        last = reauth_unescape_at(u, u->n - 1);
        begin = reauth_unescape_at(u, u->n - 2);
        before = reauth_unescape_at(u, u->n - 3);

        if (before->c != '\\' || last->depth < before->depth) {
            return;
        }

        reauth_unescape_halve(before, last);
        reauth_unescape_halve(begin, last);

        before->backslashes += begin->backslashes;
        before->end = begin->end;

        *begin = *last;
        u->n--;
    }
}


static int
reauth_unescape_backslash(reauth_unescape_t *u, const reauth_unescaped_t *c)
{
    reauth_unescaped_t  *last;

    if (c->c == '\\') {
        last = reauth_unescape_at(u, u->n - 1);

        if (c->depth >= last->depth) {
            reauth_unescape_halve(last, c);
            last->backslashes += c->backslashes;
            last->end = c->end;
            return 1;
        }

        reauth_unescape_push(u, c);
        return 1;
    }

    if (c->c == 'u' || c->c == 'x' || reauth_unescape_begins(u, c->c)) {
        reauth_unescape_push(u, c);

        if (c->c != '%') {
            reauth_unescape_join(u);
        }

        return 1;
    }

    return 0;
}


static void
reauth_unescape_take(reauth_unescape_t *u, reauth_unescaped_t *c)
{
    unsigned  n;

    for ( ;; ) {
        n = reauth_unescape_last(u);

        if (n == 0) {
            break;
        }

        if (n == 1 && reauth_unescape_at(u, u->n - 1)->c == '\\') {
            if (reauth_unescape_backslash(u, c)) {
                return;
            }

            reauth_unescape_skip(u, c);
            continue;
        }

        if (reauth_unescape_begins(u, c->c)) {
            reauth_unescape_push(u, c);
            return;
        }

        if (reauth_unescape_hex(c->c) < 0) {
            break;
        }

        reauth_unescape_push(u, c);

        if (n + 1 < reauth_unescape_len(u, n + 1)) {
            return;
        }

        reauth_unescape_finish(u, n + 1, c);
    }

    reauth_unescape_push(u, c);

    if (n != 0 || !reauth_unescape_begins(u, c->c)) {
        u->done = u->n;
    }
}


/* the first escape is not finished */

static void
reauth_unescape_give_up(reauth_unescape_t *u)
{
    u->done = 1;

    while (u->done < u->n
           && !reauth_unescape_begins(u, reauth_unescape_at(u, u->done)->c))
    {
        u->done++;
    }
}


int
reauth_unescape_next(reauth_unescape_t *u, reauth_unescaped_t *c)
{
    for ( ;; ) {

        while (u->done != 0) {
            *c = *reauth_unescape_at(u, 0);

            u->first++;
            u->n--;
            u->done--;

            if (u->has_skipped) {
                c->start = u->skipped;
                u->has_skipped = 0;
            }

            if (c->c != '\\' || (u->n == 0 && u->next == u->len)) {
                return 1;
            }

            u->skipped = c->start;
            u->has_skipped = 1;
        }

        if (u->next == u->len) {
            if (u->n == 0) {
                return 0;
            }

            u->done = u->n;
            continue;
        }

        if (u->n == REAUTH_UNESCAPE_PENDING) {
            reauth_unescape_give_up(u);
            continue;
        }

        c->c = u->text[u->next];
        c->start = u->next++;
        c->end = u->next;
        c->backslashes = 1;
        c->depth = 0;
        c->slashed = 0;

        if (u->n == 0 && c->c == '\\' && reauth_unescape_is_plain(u)
            && u->text[u->next] != 'u' && u->text[u->next] != 'x')
        {
            c->c = u->text[u->next++];
            c->end = u->next;
        }

        if (u->n == 0 && !reauth_unescape_begins(u, c->c)) {

            if (u->has_skipped) {
                c->start = u->skipped;
                u->has_skipped = 0;
            }

            return 1;
        }

        reauth_unescape_take(u, c);
    }
}
