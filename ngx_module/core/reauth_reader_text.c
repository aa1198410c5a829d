
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Decodes strings of the reader, and reads its values.
 */


#include <strings.h>

#include "reauth_reader.h"


#define REAUTH_READER_REPLACEMENT  0xfffd


void
reauth_string_begin(reauth_reader_string_t *string, unsigned char *dst,
    size_t size)
{
    string->start = dst;
    string->pos = dst;
    string->last = dst + size;
    string->high = 0;
    string->cut = 0;
}


static void
reauth_string_code(reauth_reader_string_t *string, unsigned code)
{
    size_t         n;
    unsigned char  bytes[4];

    if (code < 0x80) {
        bytes[0] = (unsigned char) code;
        n = 1;

    } else if (code < 0x800) {
        bytes[0] = (unsigned char) (0xc0 | code >> 6);
        bytes[1] = (unsigned char) (0x80 | (code & 0x3f));
        n = 2;

    } else if (code < 0x10000) {
        bytes[0] = (unsigned char) (0xe0 | code >> 12);
        bytes[1] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        bytes[2] = (unsigned char) (0x80 | (code & 0x3f));
        n = 3;

    } else {
        bytes[0] = (unsigned char) (0xf0 | code >> 18);
        bytes[1] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
        bytes[2] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        bytes[3] = (unsigned char) (0x80 | (code & 0x3f));
        n = 4;
    }

    reauth_string_append(string, bytes, n);
}


void
reauth_string_append(reauth_reader_string_t *string, const unsigned char *p,
    size_t len)
{
    size_t  room;

    if (string->high != 0) {
        string->high = 0;
        reauth_string_code(string, REAUTH_READER_REPLACEMENT);
    }

    room = (size_t) (string->last - string->pos);

    if (len > room) {
        string->cut = 1;
        len = room;
    }

    memcpy(string->pos, p, len);
    string->pos += len;
}


/* a code unit of UTF-16: each half of a pair without the other is replaced */

void
reauth_string_unit(reauth_reader_string_t *string, unsigned unit)
{
    unsigned  high;

    high = string->high;

    if (high != 0 && (unit & 0xfc00) == 0xdc00) {
        string->high = 0;
        reauth_string_code(string, 0x10000 + ((high & 0x3ff) << 10)
                                   + (unit & 0x3ff));
        return;
    }

    if (high != 0) {
        string->high = 0;
        reauth_string_code(string, REAUTH_READER_REPLACEMENT);
    }

    if ((unit & 0xfc00) == 0xd800) {
        string->high = unit;

    } else if ((unit & 0xfc00) == 0xdc00) {
        reauth_string_code(string, REAUTH_READER_REPLACEMENT);

    } else {
        reauth_string_code(string, unit);
    }
}


/* how many bytes a character has; 0: it is not UTF-8, -1: it is cut */

static int
reauth_string_character(const unsigned char *p, size_t len)
{
    size_t         i, n;
    unsigned char  least, most;

    least = 0x80;
    most = 0xbf;

    if (p[0] < 0x80) {
        return 1;

    } else if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        least = p[0] == 0xe0 ? 0xa0 : 0x80;
        most = p[0] == 0xed ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        least = p[0] == 0xf0 ? 0x90 : 0x80;
        most = p[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    for (i = 1; i < n; i++) {

        if (i == len) {
            return -1;
        }

        if (p[i] < least || p[i] > most) {
            return 0;
        }

        least = 0x80;
        most = 0xbf;
    }

    return (int) n;
}


size_t
reauth_string_finish(reauth_reader_string_t *string)
{
    int             n;
    unsigned char  *p;

    if (string->high != 0) {
        string->high = 0;
        reauth_string_code(string, REAUTH_READER_REPLACEMENT);
    }

    p = string->start;
    p += reauth_string_plain(p, (size_t) (string->pos - p));

    while (p < string->pos) {
        n = reauth_string_character(p, (size_t) (string->pos - p));

        if (n < 0 && string->cut) {
            memset(p, 0, (size_t) (string->pos - p));
            string->pos = p;
            break;
        }

        if (n <= 0) {
            *p = '?';
            n = 1;
        }

        p += n;
    }

    return (size_t) (string->pos - string->start);
}


reauth_string_t
reauth_value_string(const reauth_value_t *value)
{
    reauth_string_t  s;

    s.data = value->text;
    s.len = value->type == REAUTH_VALUE_STRING ? value->len : 0;

    return s;
}


int
reauth_value_is_text(const reauth_value_t *value)
{
    return value->type == REAUTH_VALUE_STRING && !value->empty;
}


int
reauth_value_is_digit(const reauth_value_t *value, char digit)
{
    return value->type == REAUTH_VALUE_NUMBER
           && value->len == 1
           && value->text[0] == (unsigned char) digit;
}


int
reauth_value_is_true(const reauth_value_t *value)
{
    return value->type == REAUTH_VALUE_TRUE
           || reauth_value_is_digit(value, '1')
           || (value->type == REAUTH_VALUE_STRING
               && value->len == sizeof("true") - 1
               && strncasecmp((const char *) value->text, "true", value->len)
                  == 0);
}


int
reauth_value_is_no(const reauth_value_t *value)
{
    switch (value->type) {

    case REAUTH_VALUE_NONE:
    case REAUTH_VALUE_NULL:
    case REAUTH_VALUE_FALSE:
        return 1;

    case REAUTH_VALUE_TRUE:
        return 0;

    case REAUTH_VALUE_NUMBER:
        return reauth_value_is_digit(value, '0');

    case REAUTH_VALUE_STRING:
        return value->empty
               || (value->len == sizeof("false") - 1
                   && strncasecmp((const char *) value->text, "false",
                                  value->len)
                      == 0);

    default: /* REAUTH_VALUE_ARRAY, REAUTH_VALUE_OBJECT */
        return value->empty;
    }
}


int
reauth_value_is_doubtful(const reauth_value_t *value)
{
    return !reauth_value_is_true(value) && !reauth_value_is_no(value);
}
