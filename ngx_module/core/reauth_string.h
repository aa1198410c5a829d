
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A counted string for code without nginx.  It does not own its data.
 */


#ifndef REAUTH_STRING_H
#define REAUTH_STRING_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* a byte in each byte of a word, as a factor */
#define REAUTH_STRING_EACH  UINT64_C(0x0101010101010101)

#define REAUTH_NUMBER_MAX  20      /* digits of the greatest uint64_t */


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


/*
 * The next line "name value" of "rest", which begins after it then.  Returns 1,
 * 0 at the end, -1 if a line has no blank or no line feed.
 */
int reauth_string_next_line(reauth_string_t *rest, reauth_string_t *name,
    reauth_string_t *value);


/* "00" to "99" */
extern const char  reauth_string_pairs[201];

/*
 * Parses 1 to 18 decimal digits, which fit without a check for overflow.
 * Returns 0, or -1 if the text is anything else.
 */
int reauth_string_parse_number(const reauth_string_t *s, uint64_t *number);

/*
 * Writes the number in decimal to out[REAUTH_NUMBER_MAX], returns its length.
 * Faster than snprintf(): each change writes some thirty numbers.
 */

static inline size_t
reauth_string_number(uint64_t number, unsigned char *out)
{
    size_t         len;
    unsigned       four;
    unsigned char  digits[REAUTH_NUMBER_MAX], *p;

    if (number < 10) {
        *out = (unsigned char) ('0' + number);
        return 1;
    }

    p = digits + sizeof(digits);

    while (number >= 10000) {
        four = (unsigned) (number % 10000);
        number /= 10000;
        p -= 4;
        memcpy(p, reauth_string_pairs + 2 * (four / 100), 2);
        memcpy(p + 2, reauth_string_pairs + 2 * (four % 100), 2);
    }

    if (number >= 100) {
        p -= 2;
        memcpy(p, reauth_string_pairs + 2 * (number % 100), 2);
        number /= 100;
    }

    if (number >= 10) {
        p -= 2;
        memcpy(p, reauth_string_pairs + 2 * number, 2);

    } else {
        *--p = (unsigned char) ('0' + number);
    }

    len = (size_t) (digits + sizeof(digits) - p);
    memcpy(out, p, len);

    return len;
}


#define REAUTH_HEX64_SIZE  16

/*
 * Writes the number as 16 hexadecimal digits and returns the position after
 * them.  Eight digits are processed at once: each nibble is put in a separate
 * byte, and 'a' is 0x27 more than the character after '9'.  The order of digits
 * depends on the machine, so this is for names only.
 */

static inline unsigned char *
reauth_string_hex64(uint64_t number, unsigned char *out)
{
    int       i;
    uint64_t  word;

    for (i = 0; i < REAUTH_HEX64_SIZE; i += 8) {
        word = number >> 32;
        number <<= 32;

        word = (word | word << 16) & 0x0000ffff0000ffffULL;
        word = (word | word << 8) & 0x00ff00ff00ff00ffULL;
        word = (word | word << 4) & 0x0f0f0f0f0f0f0f0fULL;

        word += 0x3030303030303030ULL
                + ((word + 0x0606060606060606ULL) >> 4 & 0x0101010101010101ULL)
                  * 0x27;

        memcpy(out + i, &word, sizeof(word));
    }

    return out + REAUTH_HEX64_SIZE;
}


/*
 * The number of leading bytes that are printable ASCII without quotation
 * marks and backslashes.
 */
size_t reauth_string_plain(const unsigned char *text, size_t len);


/* a hash for tables; "seed" makes collisions unpredictable */
uint64_t reauth_string_hash(const reauth_string_t *s, uint64_t seed);

/*
 * Writes "name value" and the end of the line, nothing if the value is NULL or
 * empty.  Returns the end.
 */
unsigned char *reauth_string_line(unsigned char *p, const char *name,
    const char *value);

/* the same for a number, 0 included */
unsigned char *reauth_string_line_number(unsigned char *p, const char *name,
    uint64_t number);

/* removes ASCII whitespace at both ends */
reauth_string_t reauth_string_trim(const reauth_string_t *s);

/*
 * Escapes a string for logs: bytes other than printable ASCII, quotation marks
 * and backslashes are written as \xHH; "..." replaces what does not fit into
 * "size", which is at least 4.  Returns "dst", NUL-terminated.
 */
char *reauth_string_shown(const reauth_string_t *s, char *dst, size_t size);

/* copies at most "max" bytes, control characters as spaces; NUL-terminated */
void reauth_copy(char *dst, size_t max, const reauth_string_t *s);

/* C0, DEL, and C1 in UTF-8 */
int reauth_string_has_control(const reauth_string_t *s);

/* removes characters invalid in a header value: C0 except the tab, DEL, C1 */
int reauth_string_is_field_value(const reauth_string_t *s);

/* a token of RFC 9110 */
int reauth_string_is_token(const reauth_string_t *s);


#endif /* REAUTH_STRING_H */
