
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The strict JSON parser, based on jansson.  Errors contain the position and
 * the problem, never a part of the text, which may contain credentials; the
 * memory used by jansson is zeroed before it is freed.
 */


#ifndef REAUTH_JSON_H
#define REAUTH_JSON_H


#include <jansson.h>

#include "reauth_string.h"


#define REAUTH_JSON_MAX_DEPTH     16

#define REAUTH_JSON_OBJECT        0x01    /* the top level must be an object */
#define REAUTH_JSON_EMPTY_OBJECT  0x02    /* an empty or blank text is {} */


typedef enum {
    REAUTH_JSON_OK = 0,
    REAUTH_JSON_INVALID,
    REAUTH_JSON_NO_MEMORY
} reauth_json_result_t;


typedef struct {
    unsigned     line;       /* from 1 */
    unsigned     column;     /* from 1, in characters */
    const char  *reason;     /* plain words, static */
} reauth_json_error_t;


/*
 * "error" is set with REAUTH_JSON_INVALID only.  A tree that may contain
 * secrets must be freed by reauth_json_cleanse_free().
 */

reauth_json_result_t reauth_json_parse(const reauth_string_t *text,
    unsigned flags, json_t **json, reauth_json_error_t *error);

/* drops the reference; memory that is freed is zeroed */
void reauth_json_cleanse_free(json_t *json);

/*
 * Returns compact, NUL-terminated text with members in their order; NULL: no
 * memory.  Must be freed by reauth_json_text_free(), which zeroes it.
 */
char *reauth_json_text(const json_t *json, size_t *len);

/* the same with members sorted by name: equal objects give identical texts */
char *reauth_json_text_sorted(const json_t *json, size_t *len);
void reauth_json_text_free(char *text);

/* allocates such a text; NULL: no memory */
char *reauth_json_text_alloc(size_t size);

/* returns 1 and the value if the member exists and is a string, otherwise 0 */
int reauth_json_string(const json_t *object, const char *name,
    reauth_string_t *value);

/*
 * Returns 1 and the value of a whole number from 0 to 2^63 - 1, otherwise 0.
 * JSON has one type of number (RFC 8259, 6): 8080.0 and 8.08e3 are accepted as
 * 8080.
 */
int reauth_json_whole_number(const json_t *json, json_int_t *value);


#endif /* REAUTH_JSON_H */
