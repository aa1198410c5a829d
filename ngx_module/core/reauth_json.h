
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The one strict JSON reader, on jansson.  What it says about a bad text is
 * where and what, never a piece of the text, which may hold credentials; and
 * the memory that jansson used for it is zeroed before it is freed.
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
 * "error" is set with REAUTH_JSON_INVALID only.  The tree is to be freed by
 * reauth_json_cleanse_free() where it may hold secrets.
 */

reauth_json_result_t reauth_json_parse(const reauth_string_t *text,
    unsigned flags, json_t **json, reauth_json_error_t *error);

/* drops the reference; zeroes the memory of all that goes away with it */
void reauth_json_cleanse_free(json_t *json);

/*
 * Compact text, members in their order, NUL-terminated; NULL: no memory.
 * To be freed by reauth_json_text_free(), which zeroes it.
 */
char *reauth_json_text(const json_t *json, size_t *len);

/* the same, members by their names: identical objects are identical texts */
char *reauth_json_text_sorted(const json_t *json, size_t *len);
void reauth_json_text_free(char *text);

/* for such a text that is written otherwise; NULL: no memory */
char *reauth_json_text_alloc(size_t size);

/* 1 and the value if there is such a member and it is a string, else 0 */
int reauth_json_string(const json_t *object, const char *name,
    reauth_string_t *value);

/*
 * 1 and the value of a whole number from 0 to 2^63 - 1, else 0.  How the
 * number is written does not matter: JSON has one type of number, and some
 * clients write 8080 as 8080.0 or 8.08e3 (RFC 8259, 6).
 */
int reauth_json_whole_number(const json_t *json, json_int_t *value);


#endif /* REAUTH_JSON_H */
