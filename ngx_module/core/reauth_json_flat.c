
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_json_flat.h"


typedef struct {
    const unsigned char  *next;
    const unsigned char  *end;
} reauth_json_flat_t;


static int
reauth_json_flat_is_end(reauth_json_flat_t *flat)
{
    while (flat->next < flat->end
           && (*flat->next == ' ' || *flat->next == '\t'
               || *flat->next == '\n' || *flat->next == '\r'))
    {
        flat->next++;
    }

    return flat->next == flat->end;
}


static int
reauth_json_flat_is(reauth_json_flat_t *flat, unsigned char c)
{
    if (reauth_json_flat_is_end(flat) || *flat->next != c) {
        return 0;
    }

    flat->next++;

    return 1;
}


static int
reauth_json_flat_string(reauth_json_flat_t *flat, reauth_string_t *s)
{
    const unsigned char  *p;

    if (!reauth_json_flat_is(flat, '"')) {
        return 0;
    }

    p = flat->next;

    s->data = p;
    p += reauth_string_plain(p, (size_t) (flat->end - p));

    if (p == flat->end || *p != '"') {
        return 0;
    }

    s->len = (size_t) (p - s->data);
    flat->next = p + 1;

    return 1;
}


static int
reauth_json_flat_member(reauth_json_flat_t *flat, json_t *object)
{
    int              added;
    char             key[REAUTH_JSON_FLAT_NAME_MAX + 1];
    reauth_string_t  name, value;

    if (!reauth_json_flat_string(flat, &name)
        || name.len > REAUTH_JSON_FLAT_NAME_MAX
        || !reauth_json_flat_is(flat, ':')
        || !reauth_json_flat_string(flat, &value))
    {
        return 0;
    }

    memcpy(key, name.data, name.len);
    key[name.len] = '\0';

    /* ASCII is UTF-8; json_object_set_new() frees a value that it rejects */

    added = json_object_get(object, key) == NULL
            && json_object_set_new_nocheck(object, key,
                   json_stringn_nocheck((const char *) value.data, value.len))
               == 0;

    explicit_bzero(key, sizeof(key));

    return added;
}


json_t *
reauth_json_flat(const reauth_string_t *text)
{
    json_t              *object;
    reauth_json_flat_t   flat;

    flat.next = text->data;
    flat.end = text->data + text->len;

    if (!reauth_json_flat_is(&flat, '{')) {
        return NULL;
    }

    object = json_object();
    if (object == NULL) {
        return NULL;
    }

    do {
        if (!reauth_json_flat_member(&flat, object)) {
            json_decref(object);
            return NULL;
        }

    } while (reauth_json_flat_is(&flat, ','));

    if (!reauth_json_flat_is(&flat, '}') || !reauth_json_flat_is_end(&flat)) {
        json_decref(object);
        return NULL;
    }

    return object;
}
