
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <openssl/crypto.h>

#include "reauth_json.h"
#include "reauth_redact.h"


#define REAUTH_REDACT_BITS    14           /* of 64 * REAUTH_REDACT_WORDS */
#define REAUTH_REDACT_FACTOR  UINT32_C(0x9e3779b1)

#define reauth_redact_bit(gram)                                               \
    ((uint32_t) ((gram) * REAUTH_REDACT_FACTOR) >> (32 - REAUTH_REDACT_BITS))


#define reauth_redact_in_table(redact, bit)                                   \
    ((redact)->bits[(bit) / 64] >> (bit) % 64 & 1)

/*
 * the number of runs of four characters in a part; the table has all of them
 */
#define REAUTH_REDACT_RUNS  (REAUTH_REDACT_WINDOW - REAUTH_REDACT_MIN + 1)


/* all places but the last one have been overwritten */

typedef struct {
    size_t  n;
    size_t  start;
    size_t  end;
} reauth_redact_places_t;


/* the next position of each, or the end of the text; 0 initially */

typedef struct {
    size_t  backslash;
    size_t  percent;
} reauth_redact_escapes_t;


static size_t reauth_redact_search(const reauth_redact_t *redact,
    const unsigned char *text, size_t len, unsigned char *dst);
static size_t reauth_redact_skip(const reauth_redact_t *redact,
    const unsigned char *text, size_t len, size_t next,
    reauth_redact_escapes_t *escapes);
static size_t reauth_redact_escape(const unsigned char *text, size_t len,
    size_t next, unsigned char c, size_t known);
static size_t reauth_redact_finish(const reauth_redact_places_t *places,
    unsigned char *dst);
static uint32_t reauth_redact_last(const unsigned char *text, size_t next,
    size_t last[3]);
static size_t reauth_redact_after(const unsigned char *text, size_t len,
    size_t first);
static void reauth_redact_take(reauth_redact_places_t *places,
    unsigned char *dst, size_t first, size_t next);
static unsigned char reauth_redact_char(const unsigned char *text, size_t len,
    size_t *next);
static unsigned char reauth_redact_decode(const unsigned char *text,
    size_t len, size_t *next);
static int reauth_redact_hex(const unsigned char *p, size_t n,
    unsigned *value);
static int reauth_redact_is_part(const reauth_redact_t *redact,
    const unsigned char *text, size_t len);
static void reauth_redact_object(const json_t *json, char *text);


void
reauth_redact_init(reauth_redact_t *redact, const reauth_string_t *secret)
{
    size_t    next, n;
    uint32_t  gram, bit;

    memset(redact, 0, sizeof(reauth_redact_t));

    redact->secret = *secret;

    gram = 0;
    n = 0;
    next = 0;

    while (next < secret->len) {
        gram = gram << 8 | reauth_redact_char(secret->data, secret->len, &next);
        n++;

        if (n >= REAUTH_REDACT_MIN) {
            bit = reauth_redact_bit(gram);
            redact->bits[bit / 64] |= UINT64_C(1) << bit % 64;
        }
    }

    if (n >= REAUTH_REDACT_MIN) {
        redact->window = n < REAUTH_REDACT_WINDOW ? n : REAUTH_REDACT_WINDOW;
    }
}


size_t
reauth_redact(const reauth_redact_t *redact, unsigned char *text, size_t len)
{
    return reauth_redact_search(redact, text, len, text);
}


int
reauth_redact_find(const reauth_redact_t *redact, const unsigned char *text,
    size_t len)
{
    return reauth_redact_search(redact, text, len, NULL) != 0;
}


int
reauth_redact_is_whole(const reauth_redact_t *redact,
    const unsigned char *text, size_t len)
{
    int     found;
    size_t  n, most;

    found = 0;
    most = redact->secret.len;

    if (redact->window == 0 || len < most) {
        return 0;
    }

    /* constant time: it must not show how much of the secret the text has */

    for (n = 0; n <= len - most; n++) {
        found |= CRYPTO_memcmp(text + n, redact->secret.data, most) == 0;
    }

    return found;
}


/*
 * Finds parts of the secret: sequences in which each run of four characters
 * is in the table.  "dst" is the text to be overwritten, or NULL if only the
 * first place is needed.
 */

static size_t
reauth_redact_search(const reauth_redact_t *redact, const unsigned char *text,
    size_t len, unsigned char *dst)
{
    size_t                    n, next, run, first, skipped, escaped, last[3];
    uint32_t                  gram, bit;
    unsigned char             c;
    reauth_redact_places_t    places;
    reauth_redact_escapes_t   escapes;

    if (redact->window == 0) {
        return 0;
    }

    memset(last, 0, sizeof(last));
    memset(&places, 0, sizeof(reauth_redact_places_t));
    memset(&escapes, 0, sizeof(reauth_redact_escapes_t));

    gram = 0;
    next = run = first = 0;

    for (n = 1; next < len; n++) {

        if (run == 0) {
            skipped = reauth_redact_skip(redact, text, len, next, &escapes);

            if (skipped != next) {
                n += skipped - next;
                next = skipped;
                gram = reauth_redact_last(text, next, last);

                if (next == len) {
                    break;
                }
            }

            first = last[2];
        }

        last[2] = last[1];
        last[1] = last[0];
        last[0] = next;

        escaped = next;
        c = text[next++];

        if (c == '\\' || c == '%') {
            c = reauth_redact_decode(text, len, &escaped);
            next = escaped;
        }

        gram = gram << 8 | c;
        bit = reauth_redact_bit(gram);

        if (!reauth_redact_in_table(redact, bit) || n < REAUTH_REDACT_MIN) {
            run = 0;
            continue;
        }

        run++;

        if (run + REAUTH_REDACT_MIN - 1 < redact->window) {
            continue;
        }

        if (run + REAUTH_REDACT_MIN - 1 > redact->window) {
            run--;
            first = reauth_redact_after(text, len, first);
        }

        if (!reauth_redact_is_part(redact, text + first, next - first)) {
            continue;
        }

        if (dst == NULL) {
            return 1;
        }

        reauth_redact_take(&places, dst, first, next);
    }

    return reauth_redact_finish(&places, dst);
}


/*
 * Skips text that cannot begin a part.  To be called if no part begins before
 * the last three characters that were read: the next part would end with the
 * run at "p", or include it.  If this run is not in the table, reading
 * continues after it.
 */

static size_t
reauth_redact_skip(const reauth_redact_t *redact, const unsigned char *text,
    size_t len, size_t next, reauth_redact_escapes_t *escapes)
{
    size_t                plain;
    uint32_t              gram, bit;
    const unsigned char  *p;

    if (redact->window != REAUTH_REDACT_WINDOW) {
        return next;
    }

    escapes->backslash = reauth_redact_escape(text, len, next, '\\',
                                              escapes->backslash);
    escapes->percent = reauth_redact_escape(text, len, next, '%',
                                            escapes->percent);

    plain = escapes->backslash < escapes->percent ? escapes->backslash
                                                  : escapes->percent;

    while (plain - next >= REAUTH_REDACT_RUNS) {
        p = text + next + REAUTH_REDACT_RUNS - REAUTH_REDACT_MIN;

        gram = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
               | (uint32_t) p[2] << 8 | p[3];
        bit = reauth_redact_bit(gram);

        if (reauth_redact_in_table(redact, bit)) {
            break;
        }

        next += REAUTH_REDACT_RUNS;
    }

    return next;
}


static size_t
reauth_redact_escape(const unsigned char *text, size_t len, size_t next,
    unsigned char c, size_t known)
{
    const unsigned char  *p;

    if (known >= next) {
        return known;
    }

    p = memchr(text + next, c, len - next);

    return p != NULL ? (size_t) (p - text) : len;
}


/* the number of parts; the last one is overwritten now */

static size_t
reauth_redact_finish(const reauth_redact_places_t *places, unsigned char *dst)
{
    if (places->n != 0) {
        memset(dst + places->start, '*', places->end - places->start);
    }

    return places->n;
}


/* the places of the three characters before "next", none of them escaped */

static uint32_t
reauth_redact_last(const unsigned char *text, size_t next, size_t last[3])
{
    last[0] = next - 1;
    last[1] = next - 2;
    last[2] = next - 3;

    return (uint32_t) text[next - 3] << 16 | (uint32_t) text[next - 2] << 8
           | text[next - 1];
}


/* the place after the character at "first", which may be escaped */

static size_t
reauth_redact_after(const unsigned char *text, size_t len, size_t first)
{
    (void) reauth_redact_char(text, len, &first);

    return first;
}


/* overlapping parts are compared before they are overwritten */

static void
reauth_redact_take(reauth_redact_places_t *places, unsigned char *dst,
    size_t first, size_t next)
{
    if (places->n == 0 || first > places->end) {
        memset(dst + places->start, '*', places->end - places->start);
        places->start = first;
        places->n++;
    }

    places->end = next;
}


static unsigned char
reauth_redact_char(const unsigned char *text, size_t len, size_t *next)
{
    unsigned char  c;

    c = text[*next];

    if (c == '\\' || c == '%') {
        return reauth_redact_decode(text, len, next);
    }

    (*next)++;

    return c;
}


/* bytes outside of ASCII become one that no key contains */

static unsigned char
reauth_redact_decode(const unsigned char *text, size_t len, size_t *next)
{
    unsigned              value;
    const unsigned char  *p, *last;

    p = text + *next;
    last = text + len;

    while (p < last && *p == '\\') {
        p++;
    }

    if (p > text + *next
        && last - p > 4
        && *p == 'u'
        && reauth_redact_hex(p + 1, 4, &value))
    {
        *next = (size_t) (p - text) + 5;
        return value < 0x80 ? (unsigned char) value : 0xff;
    }

    if (p < last && *p == '%') {
        p++;

        while (last - p > 3 && p[0] == '2' && p[1] == '5') {
            p += 2;
        }

        if (last - p > 1 && reauth_redact_hex(p, 2, &value)) {
            *next = (size_t) (p - text) + 2;
            return (unsigned char) value;
        }

        *next = (size_t) (p - text);
        return '%';
    }

    if (p == last) {
        *next = len;
        return '\\';
    }

    *next = (size_t) (p - text) + 1;

    return *p;
}


static int
reauth_redact_hex(const unsigned char *p, size_t n, unsigned *value)
{
    size_t         i;
    unsigned char  c;

    *value = 0;

    for (i = 0; i < n; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            c = (unsigned char) (c - '0');

        } else {
            c |= 0x20;

            if (c < 'a' || c > 'f') {
                return 0;
            }

            c = (unsigned char) (c - 'a' + 10);
        }

        *value = *value << 4 | c;
    }

    return 1;
}


/*
 * The table may contain runs of other texts, so the part is compared with the
 * secret; both are compared without escapes.
 */

static int
reauth_redact_is_part(const reauth_redact_t *redact,
    const unsigned char *text, size_t len)
{
    int            same;
    size_t         i, n, next, window;
    unsigned char  part[REAUTH_REDACT_WINDOW], last[REAUTH_REDACT_WINDOW];

    window = redact->window;

    for (i = 0, next = 0; i < window && next < len; i++) {
        part[i] = reauth_redact_char(text, len, &next);
    }

    if (i < window) {
        return 0;
    }

    memset(last, 0, sizeof(last));

    same = 0;
    next = 0;

    for (n = 1; !same && next < redact->secret.len; n++) {
        memmove(last, last + 1, window - 1);
        last[window - 1] = reauth_redact_char(redact->secret.data,
                                              redact->secret.len, &next);

        same = n >= window && memcmp(part, last, window) == 0;
    }

    OPENSSL_cleanse(part, sizeof(part));
    OPENSSL_cleanse(last, sizeof(last));

    return same;
}


void
reauth_redact_values(const reauth_string_t *json, char *text)
{
    json_t               *object;
    reauth_json_error_t   error;

    if (text[0] == '\0'
        || reauth_json_parse(json, REAUTH_JSON_OBJECT, &object, &error)
           != REAUTH_JSON_OK)
    {
        return;
    }

    reauth_redact_object(object, text);

    reauth_json_cleanse_free(object);
}


static void
reauth_redact_object(const json_t *json, char *text)
{
    size_t            i;
    json_t           *value;
    const char       *name;
    reauth_string_t   secret;
    reauth_redact_t   redact;

    if (json_is_string(json)) {
        secret.data = (const unsigned char *) json_string_value(json);
        secret.len = json_string_length(json);

        reauth_redact_init(&redact, &secret);
        (void) reauth_redact(&redact, (unsigned char *) text, strlen(text));

        OPENSSL_cleanse(&redact, sizeof(reauth_redact_t));
        return;
    }

    /* the depth of what is parsed is bounded */

    if (json_is_array(json)) {
        json_array_foreach(json, i, value) {
            reauth_redact_object(value, text);
        }

        return;
    }

    json_object_foreach((json_t *) json, name, value) {
        if (strcmp(name, "auth_type") != 0) {
            reauth_redact_object(value, text);
        }
    }
}
