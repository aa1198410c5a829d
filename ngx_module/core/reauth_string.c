
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_string.h"


const char  reauth_string_pairs[201] =
    "00010203040506070809"
    "10111213141516171819"
    "20212223242526272829"
    "30313233343536373839"
    "40414243444546474849"
    "50515253545556575859"
    "60616263646566676869"
    "70717273747576777879"
    "80818283848586878889"
    "90919293949596979899";


#define reauth_string_is_blank(ch)                                            \
    ((ch) == ' ' || ((ch) >= '\t' && (ch) <= '\r'))


int
reauth_string_parse_number(const reauth_string_t *s, uint64_t *number)
{
    size_t    i;
    uint64_t  n;

    if (s->len == 0 || s->len > 18) {
        return -1;
    }

    n = 0;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return -1;
        }

        n = n * 10 + (uint64_t) (s->data[i] - '0');
    }

    *number = n;

    return 0;
}


static inline int
reauth_string_is_plain(unsigned char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}


/* the high bit of the first byte that is not plain, and others above it */

static inline uint64_t
reauth_string_not_plain(const unsigned char *text)
{
    uint64_t  word, quote, backslash;

    memcpy(&word, text, sizeof(uint64_t));

    quote = word ^ (REAUTH_STRING_EACH * '"');
    backslash = word ^ (REAUTH_STRING_EACH * '\\');

    return (word
            | (word - REAUTH_STRING_EACH * ' ')
            | (word + REAUTH_STRING_EACH)
            | (quote - REAUTH_STRING_EACH)
            | (backslash - REAUTH_STRING_EACH))
           & REAUTH_STRING_EACH * 0x80;
}


/* tests eight bytes at once; the last eight may have been tested in part */

size_t
reauth_string_plain(const unsigned char *text, size_t len)
{
    size_t    n;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

    uint64_t  found;

    for (n = 0; len >= sizeof(uint64_t) && n < len; n += sizeof(uint64_t)) {

        if (n > len - sizeof(uint64_t)) {
            n = len - sizeof(uint64_t);
        }

        found = reauth_string_not_plain(text + n);

        if (found != 0) {
            return n + (size_t) __builtin_ctzll(found) / 8;
        }
    }

#else

    n = 0;

    while (len - n >= sizeof(uint64_t)
           && reauth_string_not_plain(text + n) == 0)
    {
        n += sizeof(uint64_t);
    }

#endif

    while (n < len && reauth_string_is_plain(text[n])) {
        n++;
    }

    return n;
}


uint64_t
reauth_string_hash(const reauth_string_t *s, uint64_t seed)
{
    size_t    i;
    uint64_t  hash;

    hash = seed;

    for (i = 0; i < s->len; i++) {
        hash = (hash ^ s->data[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }

    return hash;
}


reauth_string_t
reauth_string_trim(const reauth_string_t *s)
{
    reauth_string_t  t;

    t = *s;

    while (t.len && reauth_string_is_blank(t.data[0])) {
        t.data++;
        t.len--;
    }

    while (t.len && reauth_string_is_blank(t.data[t.len - 1])) {
        t.len--;
    }

    return t;
}


char *
reauth_string_shown(const reauth_string_t *s, char *dst, size_t size)
{
    char           *p, *last;
    size_t          i;
    unsigned char   c;

    static const char  hex[] = "0123456789ABCDEF";

    p = dst;
    last = dst + size - sizeof("...");

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {

            if (last - p < 1) {
                break;
            }

            *p++ = (char) c;
            continue;
        }

        if (last - p < 4) {
            break;
        }

        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 0x0f];
    }

    memcpy(p, "...", sizeof("..."));

    if (i == s->len) {
        *p = '\0';
    }

    return dst;
}


int
reauth_string_has_control(const reauth_string_t *s)
{
    size_t  i;

    for (i = reauth_string_plain(s->data, s->len); i < s->len; i++) {

        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            return 1;
        }

        if (s->data[i] == 0xc2 && i + 1 < s->len && s->data[i + 1] < 0xa0) {
            return 1;
        }
    }

    return 0;
}


int
reauth_string_is_field_value(const reauth_string_t *s)
{
    size_t           i;
    reauth_string_t  part;

    /* no invalid characters between tabs */

    part.data = s->data;

    for (i = 0; i <= s->len; i++) {

        if (i < s->len && s->data[i] != '\t') {
            continue;
        }

        part.len = (size_t) (s->data + i - part.data);

        if (reauth_string_has_control(&part)) {
            return 0;
        }

        part.data = s->data + i + 1;
    }

    return 1;
}


int
reauth_string_is_token(const reauth_string_t *s)
{
    size_t         i;
    unsigned char  ch;

    for (i = 0; i < s->len; i++) {
        ch = s->data[i];

        if ((ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z')
            && (ch < '0' || ch > '9')
            && (ch == '\0' || strchr("!#$%&'*+-.^_`|~", ch) == NULL))
        {
            return 0;
        }
    }

    return s->len != 0;
}


int
reauth_string_next_line(reauth_string_t *rest, reauth_string_t *name,
    reauth_string_t *value)
{
    const unsigned char  *blank, *end;

    if (rest->len == 0) {
        return 0;
    }

    end = memchr(rest->data, '\n', rest->len);
    if (end == NULL) {
        return -1;
    }

    blank = memchr(rest->data, ' ', (size_t) (end - rest->data));
    if (blank == NULL) {
        return -1;
    }

    name->data = rest->data;
    name->len = (size_t) (blank - rest->data);
    value->data = blank + 1;
    value->len = (size_t) (end - value->data);

    rest->len -= (size_t) (end + 1 - rest->data);
    rest->data = end + 1;

    return 1;
}


void
reauth_copy(char *dst, size_t max, const reauth_string_t *s)
{
    size_t         i, n, plain;
    unsigned char  ch;

    n = s->len < max ? s->len : max;

    /* do not truncate within a UTF-8 character */

    if (n < s->len) {
        while (n > 0 && (s->data[n] & 0xc0) == 0x80) {
            n--;
        }
    }

    for (i = 0; i < n; i++) {
        plain = reauth_string_plain(s->data + i, n - i);

        memcpy(dst + i, s->data + i, plain);
        i += plain;

        if (i < n) {
            ch = s->data[i];
            dst[i] = (ch < 0x20 || ch == 0x7f) ? ' ' : (char) ch;
        }
    }

    dst[n] = '\0';
}


unsigned char *
reauth_string_line(unsigned char *p, const char *name, const char *value)
{
    size_t  len;

    if (value == NULL || value[0] == '\0') {
        return p;
    }

    len = strlen(name);
    memcpy(p, name, len);
    p += len;
    *p++ = ' ';

    len = strlen(value);
    memcpy(p, value, len);
    p += len;
    *p++ = '\n';

    return p;
}


unsigned char *
reauth_string_line_number(unsigned char *p, const char *name, uint64_t number)
{
    char    text[REAUTH_NUMBER_MAX + 1];
    size_t  len;

    len = reauth_string_number(number, (unsigned char *) text);
    text[len] = '\0';

    return reauth_string_line(p, name, text);
}
