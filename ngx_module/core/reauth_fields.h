
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One object of a body with credentials.  Its members are read, validated and
 * written in canonical form, one field at a time.  Used by reauth_credentials.c
 * only.
 */


#ifndef REAUTH_FIELDS_H
#define REAUTH_FIELDS_H


#include "reauth_cookies.h"
#include "reauth_credentials.h"
#include "reauth_json_out.h"


#define REAUTH_FIELD_ANY_TYPE       (~0u)

#define reauth_auth_type_bit(type)  (1u << (type))


typedef enum {
    REAUTH_FIELD_TEXT = 0,    /* trimmed, no control characters */
    REAUTH_FIELD_VERBATIM,    /* byte for byte */
    REAUTH_FIELD_EMAIL,
    REAUTH_FIELD_COOKIES,
    REAUTH_FIELD_HOST,
    REAUTH_FIELD_NUMBER,      /* text, or a whole number */
    REAUTH_FIELD_CODE         /* the same, as digits if it is made of them */
} reauth_field_kind_t;


typedef enum {
    REAUTH_FIELD_MISSING = 0,
    REAUTH_FIELD_VALID,
    REAUTH_FIELD_INVALID      /* an error was added, or no memory */
} reauth_field_status_t;


typedef struct {
    const char             *name;
    const char             *alias;   /* besides other spellings, or NULL */
    const char             *header;  /* "Header:" is removed, or NULL */
    reauth_field_kind_t     kind;
    size_t                  max;
    unsigned                types;   /* the auth_types that need it */
} reauth_field_t;


typedef struct {
    json_t                 *in;
    reauth_json_out_t      *out;
    const char             *prefix;  /* of the names in messages */
    const char            **names;   /* known names, NULL-terminated */
    const reauth_field_t   *fields;  /* and known fields, or NULL */
    unsigned                types;   /* the auth_types that are read */
    reauth_credentials_t   *credentials;
    unsigned                nmembers;
    unsigned                no_memory;
} reauth_fields_t;


/*
 * Compares names except for case, "-", "_" and blanks: "x-bc" and "X_BC" match
 * "xbc", "userAgent" matches "user_agent".
 */
int reauth_field_spelled(const char *name, const char *sent);
int reauth_field_named(const reauth_field_t *field, const char *sent);

/* no member, null, or a blank string */
int reauth_field_is_missing(const json_t *json);

/* checks that a member with one of its names has a value */
int reauth_field_sent(const reauth_fields_t *f, const reauth_field_t *field);

/* reads a field under any of its names, and writes it */
reauth_field_status_t reauth_field(reauth_fields_t *f,
    const reauth_field_t *field);

/*
 * The member under any spelling of its name; NULL if it does not exist or is
 * null.  If two have different values, an error is added, and the first is
 * returned.
 */
json_t *reauth_field_member(reauth_fields_t *f, const char *name);

/* true, false, 1, 0, "1", "0", "true", "false"; blank is missing */
void reauth_field_boolean(reauth_fields_t *f, const char *name);

/* writes a member with its value unchanged, or its beginning */
void reauth_field_set(reauth_fields_t *f, const char *name,
    const char *value);
void reauth_field_set_string(reauth_fields_t *f, const char *name,
    const reauth_string_t *value);

void reauth_field_error(reauth_fields_t *f, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* applies the policy to members that were not read */
void reauth_fields_rest(reauth_fields_t *f, reauth_unknown_fields_t policy);


#endif /* REAUTH_FIELDS_H */
