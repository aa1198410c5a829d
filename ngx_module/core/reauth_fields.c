
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "reauth_fields.h"


typedef struct {
    unsigned                first;
    unsigned                last;
} reauth_range_t;


static reauth_field_status_t reauth_field_again(reauth_fields_t *f,
    const reauth_field_t *field, const char *name,
    reauth_field_status_t status, reauth_field_value_t *value);
static reauth_field_status_t reauth_field_read(reauth_fields_t *f,
    const reauth_field_t *field, const char *name, const json_t *json,
    reauth_field_value_t *value);
static reauth_field_status_t reauth_field_text(reauth_fields_t *f,
    const reauth_field_t *field, const char *name, const reauth_string_t *text,
    reauth_field_value_t *value);
static reauth_field_status_t reauth_field_cookies(reauth_fields_t *f,
    const char *name, reauth_cookies_result_t rc, const char *looks);
static reauth_field_status_t reauth_field_bounded(reauth_fields_t *f,
    const reauth_field_t *field, const char *name,
    reauth_field_status_t status, reauth_field_value_t *value);
static reauth_string_t reauth_field_bare(const reauth_field_t *field,
    const reauth_string_t *text);
static const char *reauth_field_check(const reauth_field_t *field,
    const reauth_string_t *s);
static size_t reauth_field_normalize(const reauth_field_t *field,
    const reauth_string_t *s, unsigned char *dst);
static size_t reauth_field_code(const reauth_string_t *s, unsigned char *dst);
static int reauth_is_email(const reauth_string_t *s);


/* blanks, dashes and zero-width characters, which people add to codes */

static const reauth_range_t  reauth_code_separators[] = {
    { 0x20, 0x20 },          /* space */
    { 0x2d, 0x2d },          /* hyphen-minus */
    { 0xa0, 0xa0 },          /* no-break space */
    { 0xad, 0xad },          /* soft hyphen */
    { 0x2000, 0x200f },      /* spaces, zero width, directions */
    { 0x2010, 0x2015 },      /* hyphens and dashes */
    { 0x2028, 0x202f },      /* separators, directions, narrow space */
    { 0x205f, 0x2069 },      /* space, word joiner, directions */
    { 0x2212, 0x2212 },      /* minus sign */
    { 0x3000, 0x3000 },      /* ideographic space */
    { 0xfe58, 0xfe58 },      /* small em dash */
    { 0xfe63, 0xfe63 },      /* small hyphen-minus */
    { 0xfeff, 0xfeff },      /* byte order mark */
    { 0xff0d, 0xff0d },      /* full-width hyphen-minus */
    { 0, 0 }
};


int
reauth_field_spelled(const char *name, const char *sent)
{
    int  n, s;

    do {
        while (*name == '_') { name++; }

        while (*sent == '_' || *sent == '-' || *sent == ' ') { sent++; }

        n = *name++;
        s = *sent++;

        n |= (n >= 'A' && n <= 'Z') ? 0x20 : 0;
        s |= (s >= 'A' && s <= 'Z') ? 0x20 : 0;

        if (n != s) {
            return 0;
        }

    } while (n);

    return 1;
}


int
reauth_field_named(const reauth_field_t *field, const char *sent)
{
    return reauth_field_spelled(field->name, sent)
           || (field->alias && reauth_field_spelled(field->alias, sent));
}


/* a different spelling of the name can be shown, if it is short */

static const char *
reauth_field_shown(const char *name, const char *sent)
{
    return strlen(sent) > REAUTH_FIELD_SHOWN_MAX ? name : sent;
}


int
reauth_field_is_missing(const json_t *json)
{
    reauth_string_t  s;

    if (!json_is_string(json)) {
        return json == NULL || json_is_null(json);
    }

    s.data = (const unsigned char *) json_string_value(json);
    s.len = json_string_length(json);

    return reauth_string_trim(&s).len == 0;
}


int
reauth_field_sent(const reauth_fields_t *f, const reauth_field_t *field)
{
    void  *iter;

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        if (reauth_field_named(field, json_object_iter_key(iter))
            && !reauth_field_is_missing(json_object_iter_value(iter)))
        {
            return 1;
        }
    }

    return 0;
}


reauth_field_status_t
reauth_field(reauth_fields_t *f, const reauth_field_t *field)
{
    void                   *iter;
    const char             *sent;
    reauth_string_t         s;
    reauth_field_value_t    value;
    reauth_field_status_t   status;

    status = reauth_field_read(f, field, field->name,
                               json_object_get(f->in, field->name), &value);

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        sent = json_object_iter_key(iter);

        if (reauth_field_named(field, sent) && strcmp(field->name, sent) != 0)
        {
            status = reauth_field_again(f, field, sent, status, &value);
        }
    }

    if (status == REAUTH_FIELD_VALID) {
        s.data = value.data;
        s.len = value.len;

        reauth_field_set_string(f, field->name, &s);
    }

    reauth_field_value_free(&value);

    return status;
}


/* the field under another name: with the same value, or alone */

static reauth_field_status_t
reauth_field_again(reauth_fields_t *f, const reauth_field_t *field,
    const char *name, reauth_field_status_t status, reauth_field_value_t *value)
{
    reauth_field_value_t    other;
    reauth_field_status_t   rc;

    rc = reauth_field_read(f, field, reauth_field_shown(field->name, name),
                           json_object_get(f->in, name), &other);

    if (rc == REAUTH_FIELD_MISSING || status == REAUTH_FIELD_INVALID) {
        reauth_field_value_free(&other);
        return status;
    }

    if (rc == REAUTH_FIELD_INVALID || status == REAUTH_FIELD_MISSING) {
        reauth_field_value_free(value);
        *value = other;
        return rc;
    }

    if (value->len != other.len
        || memcmp(value->data, other.data, value->len) != 0)
    {
        reauth_field_error(f, field->name,
                           "%s and %s are both present and differ; send %s "
                           "only.", field->name,
                           reauth_field_shown("another spelling", name),
                           field->name);
        status = REAUTH_FIELD_INVALID;
    }

    reauth_field_value_free(&other);

    return status;
}


/* "value" is set in any case, and is to be freed */

static reauth_field_status_t
reauth_field_read(reauth_fields_t *f, const reauth_field_t *field,
    const char *name, const json_t *json, reauth_field_value_t *value)
{
    int                       number;
    char                      digits[24];
    json_int_t                n;
    const char               *looks;
    reauth_string_t           s;
    reauth_field_status_t     status;
    reauth_cookies_result_t   rc;

    value->data = NULL;
    value->size = 0;
    value->len = 0;

    if (json == NULL || json_is_null(json)) {
        return REAUTH_FIELD_MISSING;
    }

    if (json_is_string(json)) {
        s.data = (const unsigned char *) json_string_value(json);
        s.len = json_string_length(json);

        return reauth_field_text(f, field, name, &s, value);
    }

    if (field->kind == REAUTH_FIELD_COOKIES
        && (json_is_array(json) || json_is_object(json)))
    {
        looks = "";
        rc = reauth_cookies_export(json, value, &looks);
        status = reauth_field_cookies(f, name, rc, looks);

        return reauth_field_bounded(f, field, name, status, value);
    }

    number = field->kind == REAUTH_FIELD_NUMBER
             || field->kind == REAUTH_FIELD_CODE;

    if (number && reauth_json_whole_number(json, &n)) {

        s.len = (size_t) snprintf(digits, sizeof(digits),
                                  "%" JSON_INTEGER_FORMAT, n);
        s.data = (const unsigned char *) digits;

        status = reauth_field_text(f, field, name, &s, value);

        explicit_bzero(digits, sizeof(digits));

        return status;
    }

    reauth_field_error(f, name, "The %s%s field must be a string%s.",
                       f->prefix, name, number ? " or a whole number" : "");

    return REAUTH_FIELD_INVALID;
}


static reauth_field_status_t
reauth_field_text(reauth_fields_t *f, const reauth_field_t *field,
    const char *name, const reauth_string_t *text, reauth_field_value_t *value)
{
    const char               *reason;
    reauth_string_t           s;
    reauth_field_status_t     status;
    reauth_cookies_result_t   rc;

    s = reauth_field_bare(field, text);

    if (s.len == 0) {
        return REAUTH_FIELD_MISSING;
    }

    if (field->kind == REAUTH_FIELD_COOKIES) {
        reason = "";
        rc = reauth_cookies_parse(&s, value, &reason);
        status = reauth_field_cookies(f, name, rc, reason);

        return reauth_field_bounded(f, field, name, status, value);
    }

    if (field->kind == REAUTH_FIELD_VERBATIM) {
        s = *text;
    }

    reason = reauth_field_check(field, &s);

    if (reason) {
        reauth_field_error(f, name, "The %s%s field must %s.", f->prefix,
                           name, reason);
        return REAUTH_FIELD_INVALID;
    }

    value->size = s.len;
    value->data = malloc(value->size);

    if (value->data == NULL) {
        f->no_memory = 1;
        return REAUTH_FIELD_INVALID;
    }

    value->len = reauth_field_normalize(field, &s, value->data);

    return reauth_field_bounded(f, field, name, REAUTH_FIELD_VALID, value);
}


static reauth_field_status_t
reauth_field_cookies(reauth_fields_t *f, const char *name,
    reauth_cookies_result_t rc, const char *looks)
{
    switch (rc) {

    case REAUTH_COOKIES_OK:
        return REAUTH_FIELD_VALID;

    case REAUTH_COOKIES_INVALID:
        reauth_field_error(f, name,
                           "The %s field looks like %s; send name=value; "
                           "name=value, or an export of cookies as JSON or "
                           "cookies.txt.", name, looks);
        return REAUTH_FIELD_INVALID;

    default:
        f->no_memory = 1;
        return REAUTH_FIELD_INVALID;
    }
}


static reauth_field_status_t
reauth_field_bounded(reauth_fields_t *f, const reauth_field_t *field,
    const char *name, reauth_field_status_t status, reauth_field_value_t *value)
{
    if (status != REAUTH_FIELD_VALID) {
        return status;
    }

    if (value->len == 0) {
        return REAUTH_FIELD_MISSING;
    }

    if (value->len > field->max) {
        reauth_field_error(f, name,
                           "The %s%s field must not be longer than %zu bytes.",
                           f->prefix, name, field->max);
        return REAUTH_FIELD_INVALID;
    }

    return REAUTH_FIELD_VALID;
}


/* trimmed, and without the name of the header that it was copied with */

static reauth_string_t
reauth_field_bare(const reauth_field_t *field, const reauth_string_t *text)
{
    size_t           len;
    reauth_string_t  s;

    s = reauth_string_trim(text);

    if (field->header == NULL) {
        return s;
    }

    len = strlen(field->header);

    while (s.len > len && s.data[len] == ':'
           && strncasecmp((const char *) s.data, field->header, len) == 0)
    {
        s.data += len + 1;
        s.len -= len + 1;
        s = reauth_string_trim(&s);
    }

    return s;
}


/* the rest of "The field must ...", or NULL */

static const char *
reauth_field_check(const reauth_field_t *field, const reauth_string_t *s)
{
    if (field->kind == REAUTH_FIELD_VERBATIM) {
        return NULL;
    }

    if (reauth_string_has_control(s)) {
        return "not contain control characters such as line breaks or tabs";
    }

    if (field->kind == REAUTH_FIELD_EMAIL && !reauth_is_email(s)) {
        return "be a valid email address: one @ with something on both sides "
               "and no blanks";
    }

    if (field->kind == REAUTH_FIELD_HOST && memchr(s->data, ' ', s->len)) {
        return "not contain blanks";
    }

    return NULL;
}


static size_t
reauth_field_normalize(const reauth_field_t *field, const reauth_string_t *s,
    unsigned char *dst)
{
    size_t                i;
    const unsigned char  *at;

    if (field->kind == REAUTH_FIELD_CODE) {
        return reauth_field_code(s, dst);
    }

    memcpy(dst, s->data, s->len);

    if (field->kind == REAUTH_FIELD_EMAIL) {

        at = memchr(s->data, '@', s->len);

        for (i = (size_t) (at - s->data); i < s->len; i++) {
            if (dst[i] >= 'A' && dst[i] <= 'Z') {
                dst[i] |= 0x20;
            }
        }
    }

    return s->len;
}


/* of valid UTF-8, as all strings of jansson's are */

static unsigned
reauth_field_character(const reauth_string_t *s, size_t *i)
{
    unsigned  ch, more;

    ch = s->data[(*i)++];

    if (ch < 0x80) {
        return ch;
    }

    more = ch >= 0xf0 ? 3 : ch >= 0xe0 ? 2 : 1;
    ch &= 0x3fU >> more;

    while (more-- && *i < s->len) {
        ch = ch << 6 | (s->data[(*i)++] & 0x3f);
    }

    return ch;
}


static int
reauth_field_is_separator(unsigned ch)
{
    const reauth_range_t  *r;

    for (r = reauth_code_separators; r->last; r++) {
        if (ch >= r->first && ch <= r->last) {
            return 1;
        }
    }

    return 0;
}


/* one that is not of digits alone is left as it is */

static size_t
reauth_field_code(const reauth_string_t *s, unsigned char *dst)
{
    size_t    i, len;
    unsigned  ch;

    i = 0;
    len = 0;

    while (i < s->len) {
        ch = reauth_field_character(s, &i);

        if (ch >= 0xff10 && ch <= 0xff19) {
            ch -= 0xff10 - '0';
        }

        if (ch >= '0' && ch <= '9') {
            dst[len++] = (unsigned char) ch;

        } else if (!reauth_field_is_separator(ch)) {
            memcpy(dst, s->data, s->len);
            return s->len;
        }
    }

    return len;
}


json_t *
reauth_field_member(reauth_fields_t *f, const char *name)
{
    void        *iter;
    json_t      *value, *found;
    const char  *sent;

    found = json_object_get(f->in, name);

    if (json_is_null(found)) {
        found = NULL;
    }

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        sent = json_object_iter_key(iter);
        value = json_object_iter_value(iter);

        if (value == found || json_is_null(value)
            || !reauth_field_spelled(name, sent))
        {
            continue;
        }

        if (found == NULL) {
            found = value;

        } else if (!json_equal(found, value)) {
            reauth_field_error(f, name,
                               "%s is present in two spellings that differ; "
                               "send %s only.", name, name);
            break;
        }
    }

    return found;
}


void
reauth_field_boolean(reauth_fields_t *f, const char *name)
{
    size_t            i;
    json_t           *json;
    const char       *value;
    json_int_t        n;
    reauth_string_t   s;

    static const char  *texts[] = { "0", "false", "1", "true" };

    json = reauth_field_member(f, name);
    value = NULL;

    if (json == NULL) {
        return;
    }

    if (json_is_boolean(json)) {
        value = json_is_true(json) ? "true" : "false";

    } else if (reauth_json_whole_number(json, &n)) {

        if (n == 0 || n == 1) {
            value = n ? "true" : "false";
        }

    } else if (json_is_string(json)) {
        s.data = (const unsigned char *) json_string_value(json);
        s.len = json_string_length(json);
        s = reauth_string_trim(&s);

        if (s.len == 0) {
            return;
        }

        for (i = 0; i < 4; i++) {
            if (reauth_string_equals(&s, texts[i])) {
                value = i < 2 ? "false" : "true";
            }
        }
    }

    if (value == NULL) {
        reauth_field_error(f, name, "The %s field must be true or false.",
                           name);
        return;
    }

    reauth_field_set(f, name, value);
}


/* a member whose value is written as it is, or begun */

void
reauth_field_set(reauth_fields_t *f, const char *name, const char *value)
{
    if (f->nmembers++) {
        reauth_json_out_literal(f->out, ",");
    }

    reauth_json_out_literal(f->out, "\"");
    reauth_json_out(f->out, name, strlen(name));
    reauth_json_out_literal(f->out, "\":");
    reauth_json_out(f->out, value, strlen(value));
}


void
reauth_field_set_string(reauth_fields_t *f, const char *name,
    const reauth_string_t *value)
{
    reauth_field_set(f, name, "");

    if (reauth_json_out_string(f->out, value) != 0) {
        f->no_memory = 1;
    }
}


void
reauth_field_error(reauth_fields_t *f, const char *name, const char *format,
    ...)
{
    va_list                args;
    reauth_field_error_t  *e;
    reauth_credentials_t  *credentials;

    credentials = f->credentials;

    if (credentials->errors == NULL) {
        credentials->errors = malloc(REAUTH_FIELD_ERRORS_MAX
                                     * sizeof(reauth_field_error_t));
        if (credentials->errors == NULL) {
            f->no_memory = 1;
            return;
        }
    }

    if (credentials->nerrors == REAUTH_FIELD_ERRORS_MAX) {
        return;
    }

    e = &credentials->errors[credentials->nerrors++];

    (void) snprintf(e->field, sizeof(e->field), "%s%s", f->prefix, name);

    va_start(args, format);
    (void) vsnprintf(e->message, sizeof(e->message), format, args);
    va_end(args);
}


static int
reauth_is_email(const reauth_string_t *s)
{
    const unsigned char  *at, *last;

    last = s->data + s->len;
    at = memchr(s->data, '@', s->len);

    return at && at != s->data && at + 1 != last
           && memchr(at + 1, '@', (size_t) (last - at - 1)) == NULL
           && memchr(s->data, ' ', s->len) == NULL;
}
