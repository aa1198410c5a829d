
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdlib.h>
#include <strings.h>

#include "reauth_cookies.h"
#include "reauth_json.h"


#define REAUTH_COOKIES_BOM       "\xef\xbb\xbf"
#define REAUTH_COOKIES_HTTPONLY  "#HttpOnly_"

/* the fields of a line of cookies.txt; an empty value may have been trimmed */
#define REAUTH_COOKIES_NAME      5
#define REAUTH_COOKIES_VALUE     6


static const char *reauth_cookies_string(const reauth_string_t *text,
    reauth_field_value_t *value);
static const char *reauth_cookies_no_pair(const reauth_string_t *part,
    const reauth_string_t *text);
static int reauth_cookies_is_netscape(const reauth_string_t *text);
static const char *reauth_cookies_netscape(const reauth_string_t *text,
    reauth_field_value_t *value);
static const char *reauth_cookies_netscape_line(reauth_string_t *line,
    reauth_field_value_t *value);
static reauth_cookies_result_t reauth_cookies_json(
    const reauth_string_t *text, reauth_field_value_t *value,
    const char **looks);
static const char *reauth_cookies_add(reauth_field_value_t *value,
    const reauth_string_t *name, const reauth_string_t *cookie);
static reauth_string_t reauth_cookies_next(reauth_string_t *rest, int end);
static int reauth_cookies_alloc(reauth_field_value_t *value, size_t size);


reauth_cookies_result_t
reauth_cookies_parse(const reauth_string_t *text, reauth_field_value_t *value,
    const char **looks)
{
    reauth_string_t  s;

    s = *text;

    if (s.len >= sizeof(REAUTH_COOKIES_BOM) - 1
        && memcmp(s.data, REAUTH_COOKIES_BOM, sizeof(REAUTH_COOKIES_BOM) - 1)
           == 0)
    {
        s.data += sizeof(REAUTH_COOKIES_BOM) - 1;
        s.len -= sizeof(REAUTH_COOKIES_BOM) - 1;
        s = reauth_string_trim(&s);
    }

    value->data = NULL;
    value->len = 0;
    *looks = NULL;

    if (s.len == 0) {
        return REAUTH_COOKIES_OK;
    }

    if (s.data[0] == '[' || s.data[0] == '{') {
        return reauth_cookies_json(&s, value, looks);
    }

    /* a blank may be added behind each ";" */

    if (reauth_cookies_alloc(value, 2 * s.len) != 0) {
        return REAUTH_COOKIES_NO_MEMORY;
    }

    *looks = reauth_cookies_is_netscape(&s)
             ? reauth_cookies_netscape(&s, value)
             : reauth_cookies_string(&s, value);

    return *looks ? REAUTH_COOKIES_INVALID : REAUTH_COOKIES_OK;
}


static const char *
reauth_cookies_string(const reauth_string_t *text, reauth_field_value_t *value)
{
    const char           *looks;
    reauth_string_t       rest, part, name;
    const unsigned char  *p;

    if (reauth_string_has_control(text)) {
        return "text with control characters such as line breaks or tabs";
    }

    rest = *text;

    while (rest.len) {
        part = reauth_cookies_next(&rest, ';');
        part = reauth_string_trim(&part);

        if (part.len == 0) {
            continue;
        }

        p = memchr(part.data, '=', part.len);

        if (p == NULL) {
            return reauth_cookies_no_pair(&part, text);
        }

        name.data = part.data;
        name.len = (size_t) (p - part.data);

        part.data = p + 1;
        part.len -= name.len + 1;

        looks = reauth_cookies_add(value, &name, &part);
        if (looks) {
            return looks;
        }
    }

    return NULL;
}


static const char *
reauth_cookies_no_pair(const reauth_string_t *part,
    const reauth_string_t *text)
{
    if (part->len == text->len) {
        return "a single value without =";
    }

    if ((part->len == 8
         && strncasecmp((const char *) part->data, "HttpOnly", 8) == 0)
        || (part->len == 6
            && strncasecmp((const char *) part->data, "Secure", 6) == 0))
    {
        return "a Set-Cookie header";
    }

    return "a cookie string with a part without =";
}


/* a line break or a tab is in no cookie string */

static int
reauth_cookies_is_netscape(const reauth_string_t *text)
{
    size_t           tabs;
    reauth_string_t  rest, line;

    rest = *text;
    line = reauth_cookies_next(&rest, '\n');

    if (line.data[0] == '#') {
        return rest.len != 0 || memchr(line.data, '\t', line.len) != NULL;
    }

    for (tabs = 0; line.len; /* void */ ) {
        tabs += line.data[0] == '\t';
        line.data++;
        line.len--;
    }

    return tabs >= REAUTH_COOKIES_NAME;
}


static const char *
reauth_cookies_netscape(const reauth_string_t *text,
    reauth_field_value_t *value)
{
    size_t            len;
    const char       *looks;
    reauth_string_t   rest, line;

    rest = *text;
    len = sizeof(REAUTH_COOKIES_HTTPONLY) - 1;

    while (rest.len) {
        line = reauth_cookies_next(&rest, '\n');

        if (line.len && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        if (line.len > len
            && memcmp(line.data, REAUTH_COOKIES_HTTPONLY, len) == 0)
        {
            line.data += len;
            line.len -= len;

        } else if (reauth_string_trim(&line).len == 0
                   || line.data[0] == '#')
        {
            continue;
        }

        looks = reauth_cookies_netscape_line(&line, value);
        if (looks) {
            return looks;
        }
    }

    return NULL;
}


static const char *
reauth_cookies_netscape_line(reauth_string_t *line, reauth_field_value_t *value)
{
    size_t           i;
    reauth_string_t  name;

    for (i = 0; i < REAUTH_COOKIES_NAME; i++) {
        (void) reauth_cookies_next(line, '\t');
    }

    name = reauth_cookies_next(line, '\t');

    if (name.len == 0) {
        return "a cookies.txt with a line that does not have seven fields "
               "separated by tabs";
    }

    return reauth_cookies_add(value, &name, line);
}


static reauth_cookies_result_t
reauth_cookies_json(const reauth_string_t *text, reauth_field_value_t *value,
    const char **looks)
{
    json_t                   *json;
    reauth_string_t           rest;
    reauth_json_error_t       error;
    reauth_cookies_result_t   rc;

    switch (reauth_json_parse(text, 0, &json, &error)) {

    case REAUTH_JSON_OK:
        rc = reauth_cookies_export(json, value, looks);
        reauth_json_cleanse_free(json);
        return rc;

    case REAUTH_JSON_INVALID:
        break;

    default:
        return REAUTH_COOKIES_NO_MEMORY;
    }

    rest.data = text->data + 1;
    rest.len = text->len - 1;
    rest = reauth_string_trim(&rest);

    *looks = "incomplete or invalid JSON";

    if (text->data[0] == '{' && rest.len && rest.data[0] == '\'') {
        *looks = "a Python dict";

    } else if (rest.len > 1
               && (rest.data[0] == '\'' || rest.data[0] == '('
                   || (rest.data[0] == '{' && rest.data[1] == '\'')))
    {
        *looks = "a Python list";
    }

    return REAUTH_COOKIES_INVALID;
}


reauth_cookies_result_t
reauth_cookies_export(const json_t *json, reauth_field_value_t *value,
    const char **looks)
{
    size_t            i, size;
    json_t           *item;
    const json_t     *list;
    reauth_string_t   name, cookie;

    value->data = NULL;
    value->len = 0;

    list = json_is_object(json) ? json_object_get(json, "cookies") : json;

    if (!json_is_array(list)) {
        *looks = "a JSON object";
        return REAUTH_COOKIES_INVALID;
    }

    size = 1;

    json_array_foreach(list, i, item) {

        if (!reauth_json_string(item, "name", &name)
            || !reauth_json_string(item, "value", &cookie))
        {
            *looks = "a JSON array with an item without the strings name and "
                     "value";
            return REAUTH_COOKIES_INVALID;
        }

        size += name.len + cookie.len + 3;
    }

    if (reauth_cookies_alloc(value, size) != 0) {
        return REAUTH_COOKIES_NO_MEMORY;
    }

    json_array_foreach(list, i, item) {

        (void) reauth_json_string(item, "name", &name);
        (void) reauth_json_string(item, "value", &cookie);

        *looks = reauth_cookies_add(value, &name, &cookie);

        if (*looks) {
            return REAUTH_COOKIES_INVALID;
        }
    }

    return REAUTH_COOKIES_OK;
}


/* there is room for it */

static const char *
reauth_cookies_add(reauth_field_value_t *value, const reauth_string_t *name,
    const reauth_string_t *cookie)
{
    reauth_string_t   n, v;
    unsigned char    *p;

    n = reauth_string_trim(name);
    v = reauth_string_trim(cookie);

    if (!reauth_string_is_token(&n)) {
        return "cookies with an invalid name";
    }

    if (reauth_string_has_control(&v) || memchr(v.data, ';', v.len)) {
        return "cookies with ; or a control character in a value";
    }

    p = value->data + value->len;

    if (value->len) {
        *p++ = ';';
        *p++ = ' ';
    }

    memcpy(p, n.data, n.len);
    p += n.len;

    *p++ = '=';

    memcpy(p, v.data, v.len);
    p += v.len;

    value->len = (size_t) (p - value->data);

    return NULL;
}


/* cuts off what is before the first "end" */

static reauth_string_t
reauth_cookies_next(reauth_string_t *rest, int end)
{
    reauth_string_t       part;
    const unsigned char  *p;

    part = *rest;
    p = rest->len ? memchr(rest->data, end, rest->len) : NULL;

    if (p == NULL) {
        rest->data += rest->len;
        rest->len = 0;
        return part;
    }

    part.len = (size_t) (p - part.data);

    rest->data = p + 1;
    rest->len -= part.len + 1;

    return part;
}


static int
reauth_cookies_alloc(reauth_field_value_t *value, size_t size)
{
    value->size = size;
    value->data = malloc(size);

    return value->data == NULL ? -1 : 0;
}


void
reauth_field_value_free(reauth_field_value_t *value)
{
    if (value->data != NULL) {
        explicit_bzero(value->data, value->size);
        free(value->data);
        value->data = NULL;
    }
}
