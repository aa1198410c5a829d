
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <openssl/crypto.h>

#include "reauth_json.h"
#include "reauth_redact.h"
#include "reauth_unescape.h"


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

#define REAUTH_REDACT_RING  16             /* a power of two, above a part */


/* the characters that were read last, and what was found */

typedef struct {
    size_t             n;
    size_t             run;
    uint32_t           gram;

    size_t             at;
    unsigned char      chars[REAUTH_REDACT_RING];
    size_t             starts[REAUTH_REDACT_RING];

    /* the last place */
    size_t             places;
    size_t             end;

    /* the next position of each, or the end of the text; 0 initially */
    size_t             backslash;
    size_t             percent;

    reauth_unescape_t  unescape;
} reauth_redact_search_t;


static size_t reauth_redact_all(const reauth_redact_t *redact,
    const unsigned char *text, size_t len, unsigned char *dst);
static void reauth_redact_begin(reauth_redact_search_t *s,
    const unsigned char *text, size_t len, unsigned percent);
static void reauth_redact_search(const reauth_redact_t *redact,
    reauth_redact_search_t *s, unsigned char *dst);
static void reauth_redact_search_raw(const reauth_redact_t *redact,
    reauth_redact_search_t *s, unsigned char *dst);
static size_t reauth_redact_skip(const reauth_redact_t *redact,
    const reauth_redact_search_t *s, size_t plain);
static void reauth_redact_skipped(reauth_redact_search_t *s, size_t next);
static size_t reauth_redact_plain(reauth_redact_search_t *s);
static size_t reauth_redact_escape(const reauth_unescape_t *u, int c,
    size_t known);
static inline int reauth_redact_char(const reauth_redact_t *redact,
    reauth_redact_search_t *s, unsigned char c, size_t start, size_t end,
    unsigned char *dst);
static int reauth_redact_is_part(const reauth_redact_t *redact,
    const reauth_redact_search_t *s);
static int reauth_redact_is_part_of_escaped(const reauth_redact_t *redact,
    const unsigned char *part);
static void reauth_redact_object(const json_t *json, char *text);


void
reauth_redact_init(reauth_redact_t *redact, const reauth_string_t *secret)
{
    size_t              n;
    uint32_t            gram, bit;
    reauth_unescape_t   unescape;
    reauth_unescaped_t  c;

    memset(redact, 0, sizeof(reauth_redact_t));

    redact->secret = *secret;

    redact->escaped = memchr(secret->data, '\\', secret->len) != NULL
                      || memchr(secret->data, '%', secret->len) != NULL;

    gram = 0;

    reauth_unescape_init(&unescape, secret->data, secret->len, 1);

    for (n = 0; reauth_unescape_next(&unescape, &c); n++) {
        gram = gram << 8 | c.c;

        if (n + 1 >= REAUTH_REDACT_MIN) {
            bit = reauth_redact_bit(gram);
            redact->bits[bit / 64] |= UINT64_C(1) << bit % 64;
        }
    }

    if (n >= REAUTH_REDACT_MIN) {
        redact->window = n < REAUTH_REDACT_WINDOW ? n : REAUTH_REDACT_WINDOW;
    }

    reauth_unescape_cleanse(&unescape);
}


size_t
reauth_redact(const reauth_redact_t *redact, unsigned char *text, size_t len)
{
    return reauth_redact_all(redact, text, len, text);
}


int
reauth_redact_find(const reauth_redact_t *redact, const unsigned char *text,
    size_t len)
{
    return reauth_redact_all(redact, text, len, NULL) != 0;
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
 * Finds parts of the secret, without escapes and, because a "%" or a "\u"
 * before a part and its first characters may look like one, also as in JSON
 * and as they are.  The latter is not needed if the escapes are only those like
 * "\/": a part has the same characters with them and without.  "dst" is the
 * text to be overwritten, or NULL if only the first place is needed.
 */

static size_t
reauth_redact_all(const reauth_redact_t *redact, const unsigned char *text,
    size_t len, unsigned char *dst)
{
    size_t                  places;
    unsigned                backslash, percent, encoded;
    reauth_redact_search_t  s;

    if (redact->window == 0 || len < redact->window) {
        return 0;
    }

    backslash = memchr(text, '\\', len) != NULL;
    percent = memchr(text, '%', len) != NULL;

    memset(&s, 0, offsetof(reauth_redact_search_t, unescape));

    reauth_redact_begin(&s, text, len, 1);
    reauth_redact_search(redact, &s, dst);

    encoded = s.unescape.used != 0;
    reauth_unescape_cleanse(&s.unescape);

    if (backslash && percent && (s.places == 0 || dst != NULL)) {
        reauth_redact_begin(&s, text, len, 0);
        reauth_redact_search(redact, &s, dst);
        reauth_unescape_cleanse(&s.unescape);
    }

    if (encoded && (s.places == 0 || dst != NULL)) {
        reauth_redact_begin(&s, text, len, 0);
        reauth_redact_search_raw(redact, &s, dst);
    }

    places = s.places;

    explicit_bzero(&s, offsetof(reauth_redact_search_t, unescape));

    return places;
}


/* the places that were found are counted */

static void
reauth_redact_begin(reauth_redact_search_t *s, const unsigned char *text,
    size_t len, unsigned percent)
{
    s->n = 0;
    s->run = 0;
    s->gram = 0;
    s->at = 0;
    s->end = 0;
    s->backslash = 0;
    s->percent = percent ? 0 : len;

    reauth_unescape_init(&s->unescape, text, len, percent);
}


static void
reauth_redact_search(const reauth_redact_t *redact, reauth_redact_search_t *s,
    unsigned char *dst)
{
    size_t              next;
    reauth_unescape_t  *u;
    reauth_unescaped_t  c;

    u = &s->unescape;

    for ( ;; ) {

        if (s->run == 0 && u->n == 0) {
            next = reauth_redact_skip(redact, s, reauth_redact_plain(s));

            if (next != u->next) {
                reauth_redact_skipped(s, next);
            }
        }

        if (reauth_unescape_is_plain(u)) {
            next = u->next++;

            if (reauth_redact_char(redact, s, u->text[next], next, next + 1,
                                   dst))
            {
                return;
            }

            continue;
        }

        if (!reauth_unescape_next(u, &c)
            || reauth_redact_char(redact, s, c.c, c.start, c.end, dst))
        {
            return;
        }
    }
}


static void
reauth_redact_search_raw(const reauth_redact_t *redact,
    reauth_redact_search_t *s, unsigned char *dst)
{
    size_t              next;
    reauth_unescape_t  *u;

    u = &s->unescape;

    while (u->next < u->len) {

        if (s->run == 0) {
            next = reauth_redact_skip(redact, s, u->len);

            if (next != u->next) {
                reauth_redact_skipped(s, next);
                continue;
            }
        }

        next = u->next++;

        if (reauth_redact_char(redact, s, u->text[next], next, next + 1, dst)) {
            return;
        }
    }
}


/*
 * Skips text that cannot begin a part.  To be called if no part begins before
 * the last three characters that were read: the next part would end with the
 * run at "p", or include it.  If this run is not in the table, reading
 * continues after it.  The text up to "plain" has no escapes.
 */

static size_t
reauth_redact_skip(const reauth_redact_t *redact,
    const reauth_redact_search_t *s, size_t plain)
{
    size_t                next;
    uint32_t              gram, bit;
    const unsigned char  *p;

    next = s->unescape.next;

    if (redact->window != REAUTH_REDACT_WINDOW) {
        return next;
    }

    while (plain - next >= REAUTH_REDACT_RUNS) {
        p = s->unescape.text + next + REAUTH_REDACT_RUNS - REAUTH_REDACT_MIN;

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


/* the three characters before "next", none of them escaped, count as read */

static void
reauth_redact_skipped(reauth_redact_search_t *s, size_t next)
{
    size_t         i;
    unsigned char  c;

    s->unescape.next = next;
    s->n += REAUTH_REDACT_MIN;

    for (i = next - (REAUTH_REDACT_MIN - 1); i < next; i++) {
        c = s->unescape.text[i];

        s->at = (s->at + 1) % REAUTH_REDACT_RING;
        s->chars[s->at] = c;
        s->starts[s->at] = i;
        s->gram = s->gram << 8 | c;
    }
}


/* the position of the next escape */

static size_t
reauth_redact_plain(reauth_redact_search_t *s)
{
    s->backslash = reauth_redact_escape(&s->unescape, '\\', s->backslash);
    s->percent = reauth_redact_escape(&s->unescape, '%', s->percent);

    return s->backslash < s->percent ? s->backslash : s->percent;
}


static size_t
reauth_redact_escape(const reauth_unescape_t *u, int c, size_t known)
{
    const unsigned char  *p;

    if (known > u->next || (known == u->next && known == u->len)) {
        return known;
    }

    p = memchr(u->text + u->next, c, u->len - u->next);

    return p != NULL ? (size_t) (p - u->text) : u->len;
}


/* 1: a part was found, and only the first one is needed */

static inline int
reauth_redact_char(const reauth_redact_t *redact, reauth_redact_search_t *s,
    unsigned char c, size_t start, size_t end, unsigned char *dst)
{
    size_t    first;
    uint32_t  bit;

    s->at = (s->at + 1) % REAUTH_REDACT_RING;
    s->chars[s->at] = c;
    s->starts[s->at] = start;

    s->gram = s->gram << 8 | c;
    s->n++;

    bit = reauth_redact_bit(s->gram);

    if (!reauth_redact_in_table(redact, bit) || s->n < REAUTH_REDACT_MIN) {
        s->run = 0;
        return 0;
    }

    s->run++;

    if (s->run + REAUTH_REDACT_MIN - 1 < redact->window
        || !reauth_redact_is_part(redact, s))
    {
        return 0;
    }

    first = s->starts[(s->at + REAUTH_REDACT_RING + 1 - redact->window)
                      % REAUTH_REDACT_RING];

    if (s->end == 0 || first > s->end) {
        s->places++;
    }

    s->end = end;

    if (dst == NULL) {
        return 1;
    }

    /* the text up to "end" is not read again */

    memset(dst + first, '*', end - first);

    return 0;
}


/*
 * The table may contain runs of other texts, so the characters are compared
 * with the secret; both are compared without escapes.
 */

static int
reauth_redact_is_part(const reauth_redact_t *redact,
    const reauth_redact_search_t *s)
{
    int            same;
    size_t         i, window;
    unsigned char  part[REAUTH_REDACT_WINDOW];

    memset(part, 0, sizeof(part));
    window = redact->window;

    for (i = 0; i < window; i++) {
        part[i] = s->chars[(s->at + REAUTH_REDACT_RING + 1 - window + i)
                           % REAUTH_REDACT_RING];
    }

    if (redact->escaped) {
        same = reauth_redact_is_part_of_escaped(redact, part);

    } else {
        same = 0;

        for (i = 0; !same && i + window <= redact->secret.len; i++) {
            same = redact->secret.data[i] == part[0]
                   && memcmp(redact->secret.data + i, part, window) == 0;
        }
    }

    explicit_bzero(part, sizeof(part));

    return same;
}


static int
reauth_redact_is_part_of_escaped(const reauth_redact_t *redact,
    const unsigned char *part)
{
    int                 same;
    size_t              n, window;
    unsigned char       last[REAUTH_REDACT_WINDOW];
    reauth_unescape_t   unescape;
    reauth_unescaped_t  c;

    window = redact->window;

    memset(last, 0, sizeof(last));
    reauth_unescape_init(&unescape, redact->secret.data, redact->secret.len, 1);

    same = 0;

    for (n = 1; !same && reauth_unescape_next(&unescape, &c); n++) {
        memmove(last, last + 1, window - 1);
        last[window - 1] = c.c;

        same = n >= window && memcmp(part, last, window) == 0;
    }

    explicit_bzero(last, sizeof(last));
    reauth_unescape_cleanse(&unescape);

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

        explicit_bzero(&redact, sizeof(reauth_redact_t));
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
