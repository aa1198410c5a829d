
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <malloc.h>
#include <stdlib.h>

#include "reauth_json.h"


#define REAUTH_JSON_BOM         "\xef\xbb\xbf"

#define reauth_json_literal(n)  #n
#define reauth_json_number(n)   reauth_json_literal(n)


typedef struct {
    json_malloc_t   malloc;
    json_free_t     free;
} reauth_json_memory_t;


typedef struct {
    const char     *text;       /* how jansson's message begins */
    const char     *reason;
} reauth_json_reason_t;


static const char *reauth_json_scan(const reauth_string_t *text,
    unsigned flags, reauth_json_error_t *error);
static const char *reauth_json_reason(const json_error_t *e);
static int reauth_json_is_blank(unsigned char c);
static void reauth_json_guard(reauth_json_memory_t *saved);
static void reauth_json_unguard(const reauth_json_memory_t *saved);
static void *reauth_json_alloc(size_t size);
static void reauth_json_wipe(void *p);


/* used between guard and unguard only */

static json_malloc_t  reauth_json_malloc;
static unsigned       reauth_json_malloc_failed;


/* jansson has one code for all of these, and quotes the text behind them */

static const reauth_json_reason_t  reauth_json_syntax[] = {
    { "unexpected newline",
      "a line break inside a string must be written as \\n" },
    { "control character",
      "a control character inside a string must be escaped" },
    { "invalid escape", "an invalid escape sequence in a string" },
    { "invalid Unicode", "an invalid \\u escape sequence in a string" },
    { "']' expected", "a comma or ']' is expected here" },
    { "'}' expected", "a comma or '}' is expected here" },
    { "':' expected", "a ':' is expected after a name" },
    { "string or '}' expected",
      "a name in double quotes or '}' is expected here" },
    { "'[' or '{' expected", "the top level must be an object or an array" },
    { NULL, NULL }
};


reauth_json_result_t
reauth_json_parse(const reauth_string_t *text, unsigned flags, json_t **json,
    reauth_json_error_t *error)
{
    size_t                i;
    json_error_t          e;
    reauth_json_memory_t  saved;

    for (i = 0; i < text->len && reauth_json_is_blank(text->data[i]); i++) {
        /* void */
    }

    if (i == text->len) {

        if (flags & REAUTH_JSON_EMPTY_OBJECT) {
            *json = json_object();
            return *json ? REAUTH_JSON_OK : REAUTH_JSON_NO_MEMORY;
        }

        error->line = 1;
        error->column = 1;
        error->reason = "the text is empty";

        return REAUTH_JSON_INVALID;
    }

    error->reason = reauth_json_scan(text, flags, error);

    if (error->reason) {
        return REAUTH_JSON_INVALID;
    }

    memset(&e, 0, sizeof(json_error_t));

    reauth_json_guard(&saved);

    *json = json_loadb((const char *) text->data, text->len,
                       JSON_REJECT_DUPLICATES, &e);

    reauth_json_unguard(&saved);

    if (*json) {
        return REAUTH_JSON_OK;
    }

    /* without memory for a token jansson calls the token invalid */

    error->reason = reauth_json_malloc_failed ? NULL : reauth_json_reason(&e);
    error->line = e.line > 0 ? (unsigned) e.line : 1;
    error->column = e.column > 0 ? (unsigned) e.column : 1;

    /* jansson's message may quote the text */
    explicit_bzero(&e, sizeof(json_error_t));

    return error->reason ? REAUTH_JSON_INVALID : REAUTH_JSON_NO_MEMORY;
}


/* of the byte at "place", as a person counts */

static void
reauth_json_locate(const reauth_string_t *text, const unsigned char *place,
    reauth_json_error_t *error)
{
    const unsigned char  *p;

    error->line = 1;
    error->column = 0;

    for (p = text->data; p <= place; p++) {

        if (*p == '\n') {
            error->line++;
            error->column = 0;

        } else if ((*p & 0xc0) != 0x80 || error->column == 0) {
            error->column++;
        }
    }
}


/* to the quote that ends the string, or to an invalid character or an escape */

static const unsigned char *
reauth_json_skip_string(const unsigned char *p, const unsigned char *last)
{
    while (p < last && *p != '"' && *p != '\\' && *p != '\0') {
        p++;
    }

    return p;
}


/*
 * Errors that jansson does not detect or describes less precisely: a byte order
 * mark, the top level, the depth and NUL.
 */

static const char *
reauth_json_scan(const reauth_string_t *text, unsigned flags,
    reauth_json_error_t *error)
{
    unsigned              depth, quoted;
    const char           *reason;
    const unsigned char  *p, *last;

    p = text->data;
    last = text->data + text->len;

    if (text->len >= sizeof(REAUTH_JSON_BOM) - 1
        && memcmp(p, REAUTH_JSON_BOM, sizeof(REAUTH_JSON_BOM) - 1) == 0)
    {
        error->line = 1;
        error->column = 1;

        return "a byte order mark before the text; send UTF-8 without one";
    }

    depth = 0;
    quoted = 0;

    /* the caller has checked that there is another character */

    while (reauth_json_is_blank(*p)) {
        p++;
    }

    reason = "the top level must be an object";

    if ((flags & REAUTH_JSON_OBJECT) && *p != '{' && *p != '\0') {
        goto failed;
    }

    for ( /* void */ ; p < last; p++) {

        if (quoted) {
            p = reauth_json_skip_string(p, last);

            if (p == last) {
                break;
            }
        }

        switch (*p) {

        case '\0':
            reason = "a NUL byte";
            goto failed;

        case '"':
            quoted = !quoted;
            break;

        case '\\':

            if (quoted && last - p > 1) {
                p++;

                if (*p == '\0') {
                    reason = "a NUL byte";
                    goto failed;
                }

                if (last - p >= 5 && memcmp(p, "u0000", 5) == 0) {
                    reason = "\\u0000 (NUL) is not allowed";
                    goto failed;
                }
            }

            break;

        case '{':
        case '[':
            if (++depth > REAUTH_JSON_MAX_DEPTH) {
                reason = "nested too deeply; at most "
                         reauth_json_number(REAUTH_JSON_MAX_DEPTH)
                         " levels are allowed";
                goto failed;
            }

            break;

        case '}':
        case ']':
            if (depth) {
                depth--;
            }

            break;

        default:
            break;
        }
    }

    return NULL;

failed:

    reauth_json_locate(text, p, error);

    return reason;
}


/* NULL: the text is not the cause; jansson then sets no code */

static const char *
reauth_json_reason(const json_error_t *e)
{
    size_t  i;

    switch (json_error_code(e)) {

    case json_error_unknown:
    case json_error_out_of_memory:
        return NULL;

    case json_error_invalid_utf8:
        return "not valid UTF-8";

    case json_error_premature_end_of_input:
        return "unexpected end of the text";

    case json_error_end_of_input_expected:
        return "unexpected data after the end of the JSON text";

    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "\\u0000 (NUL) is not allowed";

    case json_error_duplicate_key:
        return "a name is duplicated in an object";

    case json_error_numeric_overflow:
        return "a number is too large";

    default:
        break;
    }

    for (i = 0; reauth_json_syntax[i].text; i++) {
        if (strncmp(e->text, reauth_json_syntax[i].text,
                    strlen(reauth_json_syntax[i].text))
            == 0)
        {
            return reauth_json_syntax[i].reason;
        }
    }

    return "this is not valid JSON";
}


void
reauth_json_cleanse_free(json_t *json)
{
    reauth_json_memory_t  saved;

    reauth_json_guard(&saved);

    json_decref(json);

    reauth_json_unguard(&saved);
}


static char *
reauth_json_dump(const json_t *json, size_t flags, size_t *len)
{
    char                  *text;
    reauth_json_memory_t   saved;

    reauth_json_guard(&saved);

    text = json_dumps(json, JSON_COMPACT|JSON_REAL_PRECISION(17)|flags);

    reauth_json_unguard(&saved);

    if (text) {
        *len = strlen(text);
    }

    return text;
}


char *
reauth_json_text(const json_t *json, size_t *len)
{
    return reauth_json_dump(json, 0, len);
}


char *
reauth_json_text_sorted(const json_t *json, size_t *len)
{
    return reauth_json_dump(json, JSON_SORT_KEYS, len);
}


char *
reauth_json_text_alloc(size_t size)
{
    reauth_json_memory_t  memory;

    json_get_alloc_funcs(&memory.malloc, &memory.free);

    return memory.malloc(size);
}


void
reauth_json_text_free(char *text)
{
    reauth_json_memory_t  saved;

    if (text == NULL) {
        return;
    }

    json_get_alloc_funcs(&saved.malloc, &saved.free);

    explicit_bzero(text, strlen(text));

    saved.free(text);
}


int
reauth_json_string(const json_t *object, const char *name,
    reauth_string_t *value)
{
    json_t  *string;

    string = json_object_get(object, name);

    if (!json_is_string(string)) {
        return 0;
    }

    value->len = json_string_length(string);
    value->data = (const unsigned char *) json_string_value(string);

    return 1;
}


static int
reauth_json_is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}


/*
 * jansson does not zero memory that it frees.  During a call of this module,
 * its free() zeroes first; the hook is removed at once, because other modules
 * of this process may use jansson.  If one of them has set another allocator,
 * the size of a block is unknown, and nothing is zeroed.
 */

static void
reauth_json_guard(reauth_json_memory_t *saved)
{
    json_get_alloc_funcs(&saved->malloc, &saved->free);

    reauth_json_malloc = saved->malloc;
    reauth_json_malloc_failed = 0;

    if (saved->free == free) {
        json_set_alloc_funcs(reauth_json_alloc, reauth_json_wipe);
    }
}


static void
reauth_json_unguard(const reauth_json_memory_t *saved)
{
    json_set_alloc_funcs(saved->malloc, saved->free);
}


static void *
reauth_json_alloc(size_t size)
{
    void  *p;

    p = reauth_json_malloc(size);

    if (p == NULL) {
        reauth_json_malloc_failed = 1;
    }

    return p;
}


static void
reauth_json_wipe(void *p)
{
    if (p) {
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
    }
}


int
reauth_json_whole_number(const json_t *json, json_int_t *value)
{
    double      real;
    json_int_t  n;

    if (json_is_integer(json)) {
        n = json_integer_value(json);

        if (n < 0) {
            return 0;
        }

        *value = n;

        return 1;
    }

    if (!json_is_real(json)) {
        return 0;
    }

    real = json_real_value(json);

    /* 2^63 itself is the first that does not fit */

    if (!(real >= 0 && real < 9223372036854775808.0)) {
        return 0;
    }

    n = (json_int_t) real;

    if ((double) n != real) {
        return 0;
    }

    *value = n;

    return 1;
}
