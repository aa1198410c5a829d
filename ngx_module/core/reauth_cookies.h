
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The cookies field: a cookie string, or cookies exported by a browser, which
 * are converted to a cookie string.
 */


#ifndef REAUTH_COOKIES_H
#define REAUTH_COOKIES_H


#include <jansson.h>

#include "reauth_string.h"


/* the normalized value of a field; to be freed by reauth_field_value_free() */

typedef struct {
    unsigned char  *data;        /* malloc()ed, or NULL */
    size_t          size;
    size_t          len;
} reauth_field_value_t;


typedef enum {
    REAUTH_COOKIES_OK = 0,       /* value->len is 0 without cookies */
    REAUTH_COOKIES_INVALID,
    REAUTH_COOKIES_NO_MEMORY
} reauth_cookies_result_t;


/*
 * Parses a trimmed text: "name=value; name=value", a JSON export or a Netscape
 * cookies.txt.  "value" must be freed in any case.  If the text is invalid,
 * "looks" is a static text that completes "it looks like".
 */
reauth_cookies_result_t reauth_cookies_parse(const reauth_string_t *text,
    reauth_field_value_t *value, const char **looks);

/*
 * A JSON export: an array of objects with "name" and "value", or an object
 * with such an array in its "cookies".
 */
reauth_cookies_result_t reauth_cookies_export(const json_t *json,
    reauth_field_value_t *value, const char **looks);

/* zeroes and frees */
void reauth_field_value_free(reauth_field_value_t *value);


#endif /* REAUTH_COOKIES_H */
