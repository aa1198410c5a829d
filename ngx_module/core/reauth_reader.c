
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_reader.h"


/* what the next byte is, or belongs to */

typedef enum {
    REAUTH_READER_START = 0,
    REAUTH_READER_MARK,            /* the second byte of a byte order mark */
    REAUTH_READER_MARK_END,
    REAUTH_READER_VALUE,
    REAUTH_READER_FIRST_VALUE,     /* or the end of an array */
    REAUTH_READER_NAME,
    REAUTH_READER_FIRST_NAME,      /* or the end of an object */
    REAUTH_READER_COLON,
    REAUTH_READER_COMMA,           /* or the end of a container */
    REAUTH_READER_STRING,
    REAUTH_READER_ESCAPE,
    REAUTH_READER_UNICODE,
    REAUTH_READER_LITERAL,
    REAUTH_READER_MINUS,
    REAUTH_READER_ZERO,
    REAUTH_READER_INTEGER,
    REAUTH_READER_POINT,
    REAUTH_READER_FRACTION,
    REAUTH_READER_E,
    REAUTH_READER_E_SIGN,
    REAUTH_READER_EXPONENT,
    REAUTH_READER_DONE,
    REAUTH_READER_FAILED,
    REAUTH_READER_LEFT             /* stopped by the handler */
} reauth_reader_state_t;


void
reauth_reader_init(reauth_reader_t *reader,
    const reauth_reader_field_t *fields, unsigned nfields, const char *root,
    reauth_value_t *values, unsigned nvalues)
{
    memset(reader, 0, sizeof(reauth_reader_t));

    reader->fields = fields;
    reader->nfields = nfields;
    reader->root = root;
    reader->values = values;

    if (nvalues != 0) {
        memset(values, 0, nvalues * sizeof(reauth_value_t));
    }

    reader->member = nfields < REAUTH_READER_MAX_FIELDS
                     ? (UINT64_C(1) << nfields) - 1 : ~UINT64_C(0);
}


static int
reauth_reader_fail(reauth_reader_t *reader, const char *reason)
{
    reader->state = REAUTH_READER_FAILED;
    reader->reason = reason;

    return -1;
}


static void
reauth_reader_begin(reauth_reader_t *reader, reauth_value_type_t type)
{
    unsigned  hidden;

    hidden = 0;
    reader->value = NULL;
    reader->keep = 0;

    if (reader->member == 0) {
        return;
    }

    reauth_reader_forget(reader);

    reader->value = reauth_reader_value(reader, &hidden);

    if (reader->value == NULL) {
        return;
    }

    reader->value->type = type;
    reader->value->start = reader->offset;

    if (type == REAUTH_VALUE_STRING || type == REAUTH_VALUE_NUMBER) {
        reader->keep = 1;
        reauth_string_begin(&reader->string, reader->value->text,
                            hidden ? 0 : REAUTH_READER_TEXT_MAX);
    }
}


static int
reauth_reader_in_object(const reauth_reader_t *reader)
{
    unsigned  i;

    i = reader->depth - 1;

    return reader->is_object[i / 8] & (1 << (i % 8));
}


static int
reauth_reader_value_end(reauth_reader_t *reader)
{
    reader->value = NULL;
    reader->keep = 0;

    if (reader->depth == 0) {
        reader->state = REAUTH_READER_DONE;
        return 0;
    }

    reader->state = REAUTH_READER_COMMA;

    if (reader->member != 0
        && reader->element != NULL
        && !reauth_reader_in_object(reader)
        && reader->element(reader->data) != 0)
    {
        reader->state = REAUTH_READER_LEFT;
        return -1;
    }

    return 0;
}


/* "after": how many of the following bytes belong to the value */

static int
reauth_reader_scalar_end(reauth_reader_t *reader, unsigned after)
{
    reauth_value_t  *value;

    value = reader->value;

    if (value != NULL) {
        value->end = reader->offset + after;
        value->empty = value->type == REAUTH_VALUE_STRING
                       && value->end - value->start == 2;

        if (reader->keep) {
            value->len = reauth_string_finish(&reader->string);
            value->cut = reader->string.cut;
        }
    }

    return reauth_reader_value_end(reader);
}


static int
reauth_reader_open(reauth_reader_t *reader, unsigned object)
{
    unsigned  i, bit;

    if (reader->depth == REAUTH_READER_MAX_DEPTH) {
        return reauth_reader_fail(reader, "it is nested too deeply");
    }

    reauth_reader_begin(reader, object ? REAUTH_VALUE_OBJECT
                                       : REAUTH_VALUE_ARRAY);

    reader->value = NULL;

    i = reader->depth++;
    bit = 1 << (i % 8);

    if (reader->depth < REAUTH_READER_PATH_MAX + 2) {
        reader->match[reader->depth] = reader->member;
    }

    if (object) {
        reader->is_object[i / 8] |= (uint8_t) bit;
        reader->state = REAUTH_READER_FIRST_NAME;

    } else {
        reader->is_object[i / 8] &= (uint8_t) ~bit;
        reader->state = REAUTH_READER_FIRST_VALUE;
        reader->member = reauth_reader_match(reader, "*", 1);
    }

    return 0;
}


static int
reauth_reader_close(reauth_reader_t *reader)
{
    unsigned         empty, hidden;
    reauth_value_t  *value;

    empty = reader->state == REAUTH_READER_FIRST_NAME
            || reader->state == REAUTH_READER_FIRST_VALUE;

    /* the container was a value, too */

    reader->member = reader->depth < REAUTH_READER_PATH_MAX + 2
                     ? reader->match[reader->depth] : 0;
    reader->depth--;

    value = reauth_reader_value(reader, &hidden);

    if (value != NULL) {
        value->end = reader->offset + 1;
        value->empty = empty;
    }

    return reauth_reader_value_end(reader);
}


/* ---- steps: what one byte changes; 1: to be called with it again ---- */


static int
reauth_reader_is_blank(unsigned char ch)
{
    return ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r';
}


static int
reauth_reader_step_literal(reauth_reader_t *reader, const char *rest,
    reauth_value_type_t type)
{
    reauth_reader_begin(reader, type);

    reader->literal = rest;
    reader->state = REAUTH_READER_LITERAL;

    return 0;
}


static int
reauth_reader_step_value(reauth_reader_t *reader, unsigned char ch)
{
    switch (ch) {

    case '{':
        return reauth_reader_open(reader, 1);

    case '[':
        return reauth_reader_open(reader, 0);

    case ']':

        if (reader->state == REAUTH_READER_FIRST_VALUE) {
            return reauth_reader_close(reader);
        }

        break;

    case '"':
        reauth_reader_begin(reader, REAUTH_VALUE_STRING);
        reader->is_name = 0;
        reader->state = REAUTH_READER_STRING;
        return 0;

    case 't':
        return reauth_reader_step_literal(reader, "rue", REAUTH_VALUE_TRUE);

    case 'f':
        return reauth_reader_step_literal(reader, "alse", REAUTH_VALUE_FALSE);

    case 'n':
        return reauth_reader_step_literal(reader, "ull", REAUTH_VALUE_NULL);

    default:

        if (ch == '-' || (ch >= '0' && ch <= '9')) {
            reauth_reader_begin(reader, REAUTH_VALUE_NUMBER);

            if (reader->keep) {
                reauth_string_append(&reader->string, &ch, 1);
            }

            reader->state = ch == '-' ? REAUTH_READER_MINUS
                            : ch == '0' ? REAUTH_READER_ZERO
                                        : REAUTH_READER_INTEGER;
            return 0;
        }
    }

    return reauth_reader_fail(reader, "a value is expected");
}


/* between values */

static int
reauth_reader_step_between(reauth_reader_t *reader, unsigned char ch)
{
    switch (reader->state) {

    case REAUTH_READER_FIRST_NAME:

        if (ch == '}') {
            return reauth_reader_close(reader);
        }

        /* fall through */

    case REAUTH_READER_NAME:

        if (ch != '"') {
            return reauth_reader_fail(reader, "a name is expected");
        }

        reader->is_name = 1;
        reader->keep = reader->depth < REAUTH_READER_PATH_MAX + 2
                       && reader->match[reader->depth] != 0;

        reauth_string_begin(&reader->string, reader->name,
                            REAUTH_READER_NAME_MAX);

        reader->state = REAUTH_READER_STRING;

        return 0;

    case REAUTH_READER_COLON:

        if (ch != ':') {
            return reauth_reader_fail(reader, "a colon is expected");
        }

        reader->state = REAUTH_READER_VALUE;

        return 0;

    case REAUTH_READER_COMMA:

        if (reauth_reader_in_object(reader)) {

            if (ch == ',') {
                reader->state = REAUTH_READER_NAME;
                return 0;
            }

            return ch == '}' ? reauth_reader_close(reader)
                             : reauth_reader_fail(reader,
                                   "a comma or \"}\" is expected");
        }

        if (ch == ',') {
            reader->state = REAUTH_READER_VALUE;
            reader->member = reauth_reader_match(reader, "*", 1);
            return 0;
        }

        return ch == ']' ? reauth_reader_close(reader)
                         : reauth_reader_fail(reader,
                               "a comma or \"]\" is expected");

    default: /* REAUTH_READER_DONE */
        return reauth_reader_fail(reader, "unexpected data after the JSON "
                                          "text");
    }
}


static int
reauth_reader_string_end(reauth_reader_t *reader)
{
    reauth_string_t  name;

    if (!reader->is_name) {
        return reauth_reader_scalar_end(reader, 1);
    }

    reader->state = REAUTH_READER_COLON;
    reader->member = 0;

    if (reader->keep) {
        name.data = reader->name;
        name.len = reauth_string_finish(&reader->string);

        if (!reader->string.cut) {
            reader->member = reauth_reader_match(reader,
                                                 (const char *) name.data,
                                                 name.len);
        }

        if (reader->member == 0
            && reader->other != NULL
            && reauth_reader_has_names(reader))
        {
            reader->other(reader->data, &name);
        }
    }

    return 0;
}


static int
reauth_reader_step_escape(reauth_reader_t *reader, unsigned char ch)
{
    const char  *p;

    static const char  escapes[] = "\"\\/bfnrt";
    static const char  values[] = "\"\\/\b\f\n\r\t";

    if (ch == 'u') {
        reader->state = REAUTH_READER_UNICODE;
        reader->digits = 4;
        reader->unit = 0;

        return 0;
    }

    p = ch ? strchr(escapes, ch) : NULL;

    if (p == NULL) {
        return reauth_reader_fail(reader, "an invalid escape sequence");
    }

    if (reader->keep) {
        reauth_string_append(&reader->string,
                             (const unsigned char *) &values[p - escapes], 1);
    }

    reader->state = REAUTH_READER_STRING;

    return 0;
}


static int
reauth_reader_step_unicode(reauth_reader_t *reader, unsigned char ch)
{
    unsigned char  lower;

    lower = ch | 0x20;

    if (ch >= '0' && ch <= '9') {
        ch = (unsigned char) (ch - '0');

    } else if (lower >= 'a' && lower <= 'f') {
        ch = (unsigned char) (lower - 'a' + 10);

    } else {
        return reauth_reader_fail(reader, "an invalid escape sequence");
    }

    reader->unit = reader->unit << 4 | ch;

    if (--reader->digits == 0) {

        if (reader->keep) {
            reauth_string_unit(&reader->string, reader->unit);
        }

        reader->state = REAUTH_READER_STRING;
    }

    return 0;
}


/* the state of a number after this byte; 0: invalid */

static unsigned
reauth_reader_number_next(unsigned state, unsigned char ch)
{
    unsigned  digit;

    digit = ch >= '0' && ch <= '9';

    switch (state) {

    case REAUTH_READER_MINUS:
        return !digit ? 0 : ch == '0' ? REAUTH_READER_ZERO
                                      : REAUTH_READER_INTEGER;

    case REAUTH_READER_INTEGER:

        if (digit) {
            return REAUTH_READER_INTEGER;
        }

        /* fall through */

    case REAUTH_READER_ZERO:

        if (ch == '.') {
            return REAUTH_READER_POINT;
        }

        return (ch | 0x20) == 'e' ? REAUTH_READER_E : 0;

    case REAUTH_READER_POINT:
        return digit ? REAUTH_READER_FRACTION : 0;

    case REAUTH_READER_FRACTION:

        if (digit) {
            return REAUTH_READER_FRACTION;
        }

        return (ch | 0x20) == 'e' ? REAUTH_READER_E : 0;

    case REAUTH_READER_E:

        if (ch == '+' || ch == '-') {
            return REAUTH_READER_E_SIGN;
        }

        return digit ? REAUTH_READER_EXPONENT : 0;

    default: /* REAUTH_READER_E_SIGN, REAUTH_READER_EXPONENT */
        return digit ? REAUTH_READER_EXPONENT : 0;
    }
}


static int
reauth_reader_number_is_whole(unsigned state)
{
    return state == REAUTH_READER_ZERO
           || state == REAUTH_READER_INTEGER
           || state == REAUTH_READER_FRACTION
           || state == REAUTH_READER_EXPONENT;
}


static int
reauth_reader_step_number(reauth_reader_t *reader, unsigned char ch)
{
    unsigned  next;

    next = reauth_reader_number_next(reader->state, ch);

    if (next != 0) {
        reader->state = next;

        if (reader->keep) {
            reauth_string_append(&reader->string, &ch, 1);
        }

        return 0;
    }

    if (!reauth_reader_number_is_whole(reader->state)) {
        return reauth_reader_fail(reader, "an invalid number");
    }

    return reauth_reader_scalar_end(reader, 0) == 0 ? 1 : -1;
}


static int
reauth_reader_step(reauth_reader_t *reader, unsigned char ch)
{
    switch (reader->state) {

    case REAUTH_READER_START:
        reader->state = ch == 0xef ? REAUTH_READER_MARK : REAUTH_READER_VALUE;
        return ch == 0xef ? 0 : 1;

    case REAUTH_READER_MARK:
        reader->state = REAUTH_READER_MARK_END;
        return ch == 0xbb ? 0 : reauth_reader_fail(reader,
                                                   "a value is expected");

    case REAUTH_READER_MARK_END:
        reader->state = REAUTH_READER_VALUE;
        return ch == 0xbf ? 0 : reauth_reader_fail(reader,
                                                   "a value is expected");

    case REAUTH_READER_ESCAPE:
        return reauth_reader_step_escape(reader, ch);

    case REAUTH_READER_UNICODE:
        return reauth_reader_step_unicode(reader, ch);

    case REAUTH_READER_LITERAL:

        if (ch != (unsigned char) *reader->literal) {
            return reauth_reader_fail(reader, "a value is expected");
        }

        return *++reader->literal != '\0'
               ? 0 : reauth_reader_scalar_end(reader, 1);

    case REAUTH_READER_VALUE:
    case REAUTH_READER_FIRST_VALUE:
        return reauth_reader_is_blank(ch)
               ? 0 : reauth_reader_step_value(reader, ch);

    case REAUTH_READER_NAME:
    case REAUTH_READER_FIRST_NAME:
    case REAUTH_READER_COLON:
    case REAUTH_READER_COMMA:
    case REAUTH_READER_DONE:
        return reauth_reader_is_blank(ch)
               ? 0 : reauth_reader_step_between(reader, ch);

    case REAUTH_READER_FAILED:
    case REAUTH_READER_LEFT:
        return -1;

    default:
        return reauth_reader_step_number(reader, ch);
    }
}


/* the length of the part of a string that needs no decoding */

static size_t
reauth_reader_run(reauth_reader_t *reader, const unsigned char *p, size_t len)
{
    size_t  n;

    for (n = reauth_string_plain(p, len); n < len; n++) {
        if (p[n] == '"' || p[n] == '\\' || p[n] < 0x20) {
            break;
        }
    }

    if (reader->keep && n != 0) {
        reauth_string_append(&reader->string, p, n);
    }

    return n;
}


static int
reauth_reader_step_string(reauth_reader_t *reader, unsigned char ch)
{
    switch (ch) {

    case '"':
        return reauth_reader_string_end(reader);

    case '\\':
        reader->state = REAUTH_READER_ESCAPE;
        return 0;

    default:
        return reauth_reader_fail(reader, "a control character in a string");
    }
}


static reauth_reader_result_t
reauth_reader_result(const reauth_reader_t *reader)
{
    return reader->state == REAUTH_READER_FAILED ? REAUTH_READER_INVALID
           : reader->state == REAUTH_READER_LEFT ? REAUTH_READER_STOPPED
                                                 : REAUTH_READER_OK;
}


reauth_reader_result_t
reauth_reader_feed(reauth_reader_t *reader, const unsigned char *p, size_t len)
{
    int                   rc;
    size_t                n;
    const unsigned char  *last;

    last = p + len;

    while (p < last) {

        if (reader->state == REAUTH_READER_STRING) {
            n = reauth_reader_run(reader, p, (size_t) (last - p));

            p += n;
            reader->offset += n;

            if (p == last) {
                break;
            }

            rc = reauth_reader_step_string(reader, *p);

        } else {
            rc = reauth_reader_step(reader, *p);
        }

        if (rc < 0) {
            break;
        }

        if (rc == 0) {
            p++;
            reader->offset++;
        }
    }

    return reauth_reader_result(reader);
}


reauth_reader_result_t
reauth_reader_end(reauth_reader_t *reader)
{
    if (reader->depth == 0 && reauth_reader_number_is_whole(reader->state)) {
        (void) reauth_reader_scalar_end(reader, 0);
    }

    switch (reader->state) {

    case REAUTH_READER_DONE:
    case REAUTH_READER_FAILED:
    case REAUTH_READER_LEFT:
        break;

    case REAUTH_READER_START:
        (void) reauth_reader_fail(reader, "it is empty");
        break;

    default:
        (void) reauth_reader_fail(reader, "it ends unexpectedly");
    }

    return reauth_reader_result(reader);
}


reauth_reader_result_t
reauth_reader_read(reauth_reader_t *reader, const reauth_string_t *text)
{
    (void) reauth_reader_feed(reader, text->data, text->len);

    return reauth_reader_end(reader);
}


void
reauth_reader_unread(const reauth_reader_t *reader, reauth_unread_t *why)
{
    why->reason = reader->reason;
    why->offset = reader->offset;
}


size_t
reauth_reader_string(const reauth_string_t *text, const reauth_value_t *value,
    unsigned char *dst)
{
    reauth_reader_t  reader;

    if (value->type != REAUTH_VALUE_STRING) {
        return 0;
    }

    reauth_reader_init(&reader, NULL, 0, NULL, NULL, 0);
    reauth_string_begin(&reader.string, dst, value->end - value->start);

    reader.state = REAUTH_READER_STRING;
    reader.keep = 1;

    /* without the quotes: a closing quote would end the string */

    (void) reauth_reader_feed(&reader, text->data + value->start + 1,
                              value->end - value->start - 2);

    return reauth_string_finish(&reader.string);
}
