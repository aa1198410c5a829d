
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The parser of all JSON of the upstream: lenient, incremental, and without
 * allocations.
 *
 * Any text of RFC 8259's grammar is accepted: halves of surrogate pairs, NUL
 * escapes, numbers of any size, duplicate names (the last one counts), bytes in
 * strings that are not UTF-8, nesting to 512 levels.  Only values listed in the
 * table of fields are stored; the caller must check them.
 *
 * Requests of clients are parsed strictly, by reauth_json.h.
 */


#ifndef REAUTH_READER_H
#define REAUTH_READER_H


#include "reauth_string.h"


#define REAUTH_READER_MAX_DEPTH   512
#define REAUTH_READER_MAX_FIELDS  64

#define REAUTH_READER_PATH_MAX    5        /* names of one path */
#define REAUTH_READER_NAME_MAX    47       /* bytes of one name */
#define REAUTH_READER_TEXT_MAX    255     /* maximum bytes stored of a value */


typedef enum {
    REAUTH_READER_OK = 0,
    REAUTH_READER_INVALID,                 /* see reason and offset */
    REAUTH_READER_STOPPED                  /* by the handler of elements */
} reauth_reader_result_t;


/* why and where a text is unreadable; the reason is static */

typedef struct {
    const char  *reason;
    size_t       offset;
} reauth_unread_t;


typedef enum {
    REAUTH_VALUE_NONE = 0,                 /* there is no such member */
    REAUTH_VALUE_NULL,
    REAUTH_VALUE_FALSE,
    REAUTH_VALUE_TRUE,
    REAUTH_VALUE_NUMBER,
    REAUTH_VALUE_STRING,
    REAUTH_VALUE_ARRAY,
    REAUTH_VALUE_OBJECT
} reauth_value_type_t;


typedef struct {
    reauth_value_type_t  type;

    unsigned             cut:1;            /* longer than the maximum */
    unsigned             empty:1;          /* a string or a container */

    /* position of a string, with quotes, or of a number in the text */
    size_t               start;
    size_t               end;

    /* a string, decoded, or a number, as it is written */
    size_t               len;
    unsigned char        text[REAUTH_READER_TEXT_MAX + 1];
} reauth_value_t;


/*
 * "path" is the names from the top level, separated by "."; "*" matches each
 * element of an array, "" is the top level.  It has at most 255 bytes.  "slot"
 * is the index of the value; several paths can have the same slot.
 */

typedef struct {
    const char  *path;
    unsigned     slot;
    unsigned     hidden;                   /* its text is not kept */
} reauth_reader_field_t;


/*
 * Called at the end of each element of an array matched by "*", with the
 * values of the element.  A non-zero result stops reading.
 */

typedef int (*reauth_reader_element_pt)(void *data);


/*
 * Called for each name that is in no path, in objects of which paths have
 * names.  A name that is too long is truncated.
 */

typedef void (*reauth_reader_other_pt)(void *data, const reauth_string_t *name);


/* a string while it is decoded */

typedef struct {
    unsigned char  *start;
    unsigned char  *pos;
    unsigned char  *last;
    unsigned        high;                  /* first half of a surrogate pair */
    unsigned        cut:1;
} reauth_reader_string_t;


typedef struct {
    const reauth_reader_field_t  *fields;
    unsigned                      nfields;
    const char                   *root;
    reauth_value_t               *values;

    reauth_reader_element_pt      element;
    reauth_reader_other_pt        other;
    void                         *data;               /* of both handlers */

    /* if the text is not JSON: a static description, and the position */
    const char                   *reason;
    size_t                        offset;

    /* the other fields are private */

    unsigned                      state;
    unsigned                      is_name:1;          /* the string is a name */
    unsigned                      keep:1;             /* the text is stored */
    unsigned                      depth;
    uint8_t                       is_object[REAUTH_READER_MAX_DEPTH / 8];

    /* the fields whose paths begin with the path of the open containers */
    uint64_t                      match[REAUTH_READER_PATH_MAX + 2];
    uint64_t                      member;             /* the same of a value */

    /* by number of names that were read: where the path of a field continues */
    uint8_t                       at[REAUTH_READER_PATH_MAX + 2]
                                    [REAUTH_READER_MAX_FIELDS];

    reauth_value_t               *value;              /* NULL: not stored */
    const char                   *literal;            /* the expected rest */
    unsigned                      digits;             /* missing of \uXXXX */
    unsigned                      unit;

    reauth_reader_string_t        string;
    unsigned char                 name[REAUTH_READER_NAME_MAX + 1];
} reauth_reader_t;


/*
 * Zeroes the values.  If "root" is not NULL, paths begin in the member of this
 * name, an object, instead of the top level.
 */
void reauth_reader_init(reauth_reader_t *reader,
    const reauth_reader_field_t *fields, unsigned nfields, const char *root,
    reauth_value_t *values, unsigned nvalues);

/* parses the next piece; after a failure, further calls fail too */
reauth_reader_result_t reauth_reader_feed(reauth_reader_t *reader,
    const unsigned char *p, size_t len);

/* whether the text was complete */
reauth_reader_result_t reauth_reader_end(reauth_reader_t *reader);

/* a whole text at once */
reauth_reader_result_t reauth_reader_read(reauth_reader_t *reader,
    const reauth_string_t *text);

/* of a reader that failed */
void reauth_reader_unread(const reauth_reader_t *reader, reauth_unread_t *why);

/*
 * Decodes the whole string of a value from "text"; "dst" has room for end -
 * start bytes.  Returns its length.
 */
size_t reauth_reader_string(const reauth_string_t *text,
    const reauth_value_t *value, unsigned char *dst);


/*
 * Parts of the reader: the fields whose paths continue with a name in the open
 * container; whether any path continues with a name in the open object, below
 * the root; unsetting the values of all fields of the member that begins; the
 * value whose path ends with the member, or NULL.
 */
uint64_t reauth_reader_match(reauth_reader_t *reader, const char *name,
    size_t len);
int reauth_reader_has_names(const reauth_reader_t *reader);
void reauth_reader_forget(reauth_reader_t *reader);
reauth_value_t *reauth_reader_value(const reauth_reader_t *reader,
    unsigned *hidden);

/*
 * Decoding of strings.  A half of a surrogate pair becomes U+FFFD.  At the end,
 * each byte that is not UTF-8 becomes "?", a truncated character is dropped,
 * and the length is returned.
 */
void reauth_string_begin(reauth_reader_string_t *string, unsigned char *dst,
    size_t size);
void reauth_string_append(reauth_reader_string_t *string,
    const unsigned char *p, size_t len);
void reauth_string_unit(reauth_reader_string_t *string, unsigned unit);
size_t reauth_string_finish(reauth_reader_string_t *string);


/* the value as a string; empty if it is not a string */
reauth_string_t reauth_value_string(const reauth_value_t *value);

/* true, 1 or "true" in any case */
int reauth_value_is_true(const reauth_value_t *value);

/* no such member, null, false, 0, "false" in any case, or empty */
int reauth_value_is_no(const reauth_value_t *value);

/* neither true nor false */
int reauth_value_is_doubtful(const reauth_value_t *value);

/* a string that is not empty */
int reauth_value_is_text(const reauth_value_t *value);

/* a number that is written as this one digit */
int reauth_value_is_digit(const reauth_value_t *value, char digit);


#endif /* REAUTH_READER_H */
