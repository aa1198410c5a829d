
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Members of a body that are no known field: they are dropped and reported,
 * rejected, or passed on.
 */


#include <stdlib.h>
#include <strings.h>

#include "reauth_fields.h"
#include "reauth_json.h"


/* the longest list of names, and what is written for an unsafe one */

#define REAUTH_DROPPED_SIZE                                                   \
    (REAUTH_DROPPED_NAMES * (sizeof("customProxy.,") + REAUTH_FIELD_SHOWN_MAX))

#define REAUTH_DROPPED_UNSAFE  "?"

/* some frameworks take it for the method of the request; never passed on */
#define REAUTH_METHOD_OVERRIDE  "_method"


static unsigned reauth_fields_known(const reauth_fields_t *f,
    const char *name);
static void reauth_fields_drop(reauth_fields_t *f, const char *name,
    unsigned known);
static void reauth_fields_reject(reauth_fields_t *f, const char *name,
    unsigned known);
static void reauth_fields_pass(reauth_fields_t *f, json_t *passed);
static int reauth_is_plain_name(const char *name);


void
reauth_fields_rest(reauth_fields_t *f, reauth_unknown_fields_t policy)
{
    void        *iter;
    json_t      *value, *passed;
    unsigned     known;
    const char  *name;

    passed = NULL;

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        name = json_object_iter_key(iter);
        value = json_object_iter_value(iter);
        known = reauth_fields_known(f, name);

        if (known & f->types) {
            continue;
        }

        if (policy == REAUTH_UNKNOWN_FIELDS_PASS
            && known == 0
            && strcasecmp(name, REAUTH_METHOD_OVERRIDE) != 0)
        {

            if (passed == NULL) {
                passed = json_object();
            }

            if (json_object_set(passed, name, value) != 0) {
                f->no_memory = 1;
                break;
            }

            continue;
        }

        /* missing members are not reported */

        if (json_is_null(value) || (known && reauth_field_is_missing(value))) {
            continue;
        }

        if (policy == REAUTH_UNKNOWN_FIELDS_REJECT) {
            reauth_fields_reject(f, name, known);

        } else {
            reauth_fields_drop(f, name, known);
        }
    }

    if (passed && !f->no_memory) {
        reauth_fields_pass(f, passed);
    }

    reauth_json_cleanse_free(passed);
}


/* the set of auth_types that have the field; 0: none */

static unsigned
reauth_fields_known(const reauth_fields_t *f, const char *name)
{
    const char            **names;
    const reauth_field_t   *field;

    for (names = f->names; *names; names++) {
        if (reauth_field_spelled(*names, name)) {
            return REAUTH_FIELD_ANY_TYPE;
        }
    }

    if (f->fields == NULL) {
        return 0;
    }

    for (field = f->fields; field->name; field++) {
        if (reauth_field_named(field, name)) {
            return field->types;
        }
    }

    if (reauth_field_spelled("auth_type", name)) {
        return REAUTH_FIELD_ANY_TYPE
               & ~reauth_auth_type_bit(REAUTH_AUTH_TYPE_NONE);
    }

    return 0;
}


static void
reauth_fields_drop(reauth_fields_t *f, const char *name, unsigned known)
{
    char                  *p;
    reauth_string_t        s;
    reauth_credentials_t  *c;

    c = f->credentials;

    if (known) {
        c->nforeign++;

    } else {
        c->nunknown++;
    }

    if (c->nforeign + c->nunknown > REAUTH_DROPPED_NAMES) {
        return;
    }

    if (c->dropped == NULL) {
        c->dropped = malloc(REAUTH_DROPPED_SIZE);

        if (c->dropped == NULL) {
            f->no_memory = 1;
            return;
        }

        c->dropped[0] = '\0';
    }

    p = c->dropped + strlen(c->dropped);

    if (p != c->dropped) {
        *p++ = ',';
    }

    /* a name that was made of anything may be a misplaced secret */

    s = reauth_string_from(name);

    if (known ? s.len > REAUTH_FIELD_SHOWN_MAX || !reauth_string_is_token(&s)
              : !reauth_is_plain_name(name))
    {
        name = REAUTH_DROPPED_UNSAFE;
    }

    (void) stpcpy(stpcpy(p, f->prefix), name);
}


static void
reauth_fields_reject(reauth_fields_t *f, const char *name, unsigned known)
{
    if (known && f->types != reauth_auth_type_bit(REAUTH_AUTH_TYPE_NONE)) {
        reauth_field_error(f, name,
                           "The %s field does not belong to auth_type %s; "
                           "omit it.", name,
                           reauth_auth_type_name(f->credentials->auth_type));

    } else if (reauth_is_plain_name(name)) {
        reauth_field_error(f, name,
                           "The %s%s field is unknown; omit it.",
                           f->prefix, name);

    } else {
        reauth_field_error(f, "a field",
                           "A field whose name is not a plain identifier is "
                           "unknown; omit it.");
    }
}


/* written by their names, so that identical bodies have identical bytes */

static void
reauth_fields_pass(reauth_fields_t *f, json_t *passed)
{
    char    *text;
    size_t   len;

    text = reauth_json_text_sorted(passed, &len);

    if (text == NULL) {
        f->no_memory = 1;
        return;
    }

    if (len > REAUTH_PASSED_MAX) {
        reauth_field_error(f, "a field",
                           "Unknown fields must not be longer than %d bytes "
                           "in total.", REAUTH_PASSED_MAX);

    } else {

        if (f->nmembers++) {
            reauth_json_out_literal(f->out, ",");
        }

        /* without its braces */

        reauth_json_out(f->out, text + 1, len - 2);
    }

    reauth_json_text_free(text);
}


static int
reauth_is_plain_name(const char *name)
{
    size_t  i;

    for (i = 0; name[i]; i++) {
        if (i == REAUTH_FIELD_SHOWN_MAX || name[i] == '-'
            || !reauth_id_chars[(unsigned char) name[i]])
        {
            return 0;
        }
    }

    return i != 0;
}
