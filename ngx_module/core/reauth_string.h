
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A counted string for the code that knows nothing of nginx.  It never owns
 * what it points to.
 */


#ifndef REAUTH_STRING_H
#define REAUTH_STRING_H


#include <stddef.h>
#include <string.h>


typedef struct {
    size_t                len;
    const unsigned char  *data;
} reauth_string_t;


#define reauth_string(text)  { sizeof(text) - 1, (const unsigned char *) text }


static inline reauth_string_t
reauth_string_from(const char *text)
{
    reauth_string_t  s;

    s.len = strlen(text);
    s.data = (const unsigned char *) text;

    return s;
}


static inline int
reauth_string_equals(const reauth_string_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


#endif /* REAUTH_STRING_H */
