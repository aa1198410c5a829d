
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "reauth_credentials.h"
#include "reauth_json_out.h"


#define REAUTH_FIELD_ANY_TYPE      (~0u)

/*
 * What a body of "len" bytes can become: a value is not written longer than it
 * came, but for blanks between cookies; some names and the type are added.
 */
#define REAUTH_CREDENTIALS_SIZE(len)  (2 * (len) + 512)

#define reauth_auth_type_bit(type)  (1u << (type))


typedef enum {
    REAUTH_FIELD_TEXT = 0,    /* trimmed, no control characters */
    REAUTH_FIELD_VERBATIM,    /* byte for byte */
    REAUTH_FIELD_EMAIL,
    REAUTH_FIELD_COOKIES,
    REAUTH_FIELD_HOST
} reauth_field_kind_t;


typedef enum {
    REAUTH_FIELD_MISSING = 0,
    REAUTH_FIELD_VALID,
    REAUTH_FIELD_INVALID      /* an error was added, or no memory */
} reauth_field_status_t;


typedef struct {
    const char           *name;
    const char           *alias;
    reauth_field_kind_t   kind;
    size_t                max;
    unsigned              types;     /* the auth_types that need it */
} reauth_field_t;


typedef struct {
    json_t                 *in;
    reauth_json_out_t      *out;
    const char             *prefix;  /* of the names in messages */
    reauth_credentials_t   *credentials;
    unsigned                nmembers;
    unsigned                no_memory;
} reauth_fields_t;


/* a field's value as it is to be written: malloc()ed, or nothing */

typedef struct {
    unsigned char          *data;
    size_t                  size;
    size_t                  len;
} reauth_value_t;


static void reauth_credentials_login(reauth_fields_t *f, unsigned types);
static unsigned reauth_credentials_auth_type(reauth_fields_t *f);
static void reauth_credentials_start(reauth_fields_t *f,
    reauth_unknown_fields_t unknown);
static void reauth_credentials_proxy(reauth_fields_t *f, json_t *proxy,
    reauth_unknown_fields_t unknown);
static reauth_field_status_t reauth_credentials_port(reauth_fields_t *f);
static void reauth_credentials_2fa(reauth_fields_t *f);
static void reauth_credentials_unknown(reauth_fields_t *f,
    reauth_operation_t operation, unsigned types);
static unsigned reauth_credentials_known(reauth_operation_t operation,
    const char *name);

static reauth_field_status_t reauth_field(reauth_fields_t *f,
    const reauth_field_t *field);
static reauth_field_status_t reauth_field_alias(reauth_fields_t *f,
    const reauth_field_t *field, reauth_field_status_t status,
    const reauth_value_t *value, reauth_value_t *alias);
static reauth_field_status_t reauth_field_read(reauth_fields_t *f,
    const reauth_field_t *field, const char *name, reauth_value_t *value);
static void reauth_value_free(reauth_value_t *value);
static const char *reauth_field_check(const reauth_field_t *field,
    const reauth_string_t *s);
static size_t reauth_field_normalize(const reauth_field_t *field,
    const reauth_string_t *s, unsigned char *dst);
static size_t reauth_field_cookies(const reauth_string_t *s,
    unsigned char *dst);
static void reauth_field_set(reauth_fields_t *f, const char *name,
    const char *value);
static void reauth_field_set_string(reauth_fields_t *f, const char *name,
    const reauth_string_t *value);
static void reauth_field_unknown_error(reauth_fields_t *f, const char *name);
static void reauth_field_error(reauth_fields_t *f, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static int reauth_field_named(const reauth_field_t *field, const char *name);
static reauth_string_t reauth_trim(const reauth_string_t *s);
static int reauth_has_control(const reauth_string_t *s);
static int reauth_is_email(const reauth_string_t *s);
static int reauth_is_plain_name(const char *name);


/* in the order in which they are written */

static const reauth_field_t  reauth_login_fields[] = {
    { "email", NULL, REAUTH_FIELD_EMAIL, REAUTH_EMAIL_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_EMAIL_PASSWORD) },
    { "password", NULL, REAUTH_FIELD_VERBATIM, REAUTH_PASSWORD_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_EMAIL_PASSWORD) },
    { "auth_id", NULL, REAUTH_FIELD_TEXT, REAUTH_AUTH_ID_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "cookies", NULL, REAUTH_FIELD_COOKIES, REAUTH_COOKIES_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "xbc", "x_bc", REAUTH_FIELD_TEXT, REAUTH_XBC_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "user_agent", "userAgent", REAUTH_FIELD_TEXT, REAUTH_USER_AGENT_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { NULL, NULL, REAUTH_FIELD_TEXT, 0, 0 }
};


static const reauth_field_t  reauth_name_field =
    { "name", NULL, REAUTH_FIELD_TEXT, REAUTH_NAME_MAX, 0 };

static const reauth_field_t  reauth_country_field =
    { "proxyCountry", NULL, REAUTH_FIELD_TEXT, 64, 0 };

static const reauth_field_t  reauth_host_field =
    { "host", NULL, REAUTH_FIELD_HOST, 255, 0 };

static const reauth_field_t  reauth_proxy_user_field =
    { "username", NULL, REAUTH_FIELD_TEXT, 255, 0 };

static const reauth_field_t  reauth_proxy_password_field =
    { "password", NULL, REAUTH_FIELD_VERBATIM, REAUTH_PASSWORD_MAX, 0 };

static const reauth_field_t  reauth_code_field =
    { "code", NULL, REAUTH_FIELD_TEXT, REAUTH_CODE_MAX, 0 };


static const char  *reauth_start_names[] = {
    "name", "proxyCountry", "customProxy", "force_connect", NULL
};

static const char  *reauth_proxy_names[] = {
    "host", "port", "username", "password", NULL
};

static const char  *reauth_2fa_names[] = {
    "code", "selfie_verification_completed", NULL
};


reauth_credentials_result_t
reauth_credentials_parse(const reauth_string_t *text,
    reauth_operation_t operation, reauth_unknown_fields_t unknown,
    reauth_credentials_t *credentials)
{
    unsigned                     types;
    reauth_fields_t              f;
    reauth_json_out_t            out;
    reauth_credentials_result_t  rc;

    memset(credentials, 0, sizeof(reauth_credentials_t));
    memset(&f, 0, sizeof(reauth_fields_t));

    f.prefix = "";
    f.out = &out;
    f.credentials = credentials;

    switch (reauth_json_parse(text,
                              REAUTH_JSON_OBJECT|REAUTH_JSON_EMPTY_OBJECT,
                              &f.in, &credentials->json_error))
    {
    case REAUTH_JSON_OK:
        break;

    case REAUTH_JSON_INVALID:
        return REAUTH_CREDENTIALS_INVALID_JSON;

    default:
        return REAUTH_CREDENTIALS_NO_MEMORY;
    }

    rc = REAUTH_CREDENTIALS_NO_MEMORY;

    if (reauth_json_out_create(&out, REAUTH_CREDENTIALS_SIZE(text->len))
        == NULL)
    {
        goto done;
    }

    reauth_json_out_literal(&out, "{");

    types = REAUTH_FIELD_ANY_TYPE;

    if (operation == REAUTH_OPERATION_SUBMIT_2FA) {
        reauth_credentials_2fa(&f);

    } else {
        types = reauth_credentials_auth_type(&f);
        reauth_credentials_login(&f, types);

        if (operation == REAUTH_OPERATION_START) {
            reauth_credentials_start(&f, unknown);
        }
    }

    if (unknown == REAUTH_UNKNOWN_FIELDS_REJECT) {
        reauth_credentials_unknown(&f, operation, types);
    }

    reauth_json_out_literal(&out, "}");

    if (credentials->nerrors && !f.no_memory) {
        rc = REAUTH_CREDENTIALS_INVALID_FIELDS;
    }

    if (credentials->nerrors || f.no_memory) {
        out.failed = 1;
    }

    credentials->body = reauth_json_out_finish(&out, &credentials->body_len);

    if (credentials->body) {
        rc = REAUTH_CREDENTIALS_OK;
    }

done:

    reauth_json_cleanse_free(f.in);

    return rc;
}


void
reauth_credentials_free(reauth_credentials_t *credentials)
{
    reauth_json_text_free(credentials->body);

    credentials->body = NULL;
    credentials->body_len = 0;

    free(credentials->errors);

    credentials->errors = NULL;
    credentials->nerrors = 0;
}


json_t *
reauth_credentials_errors(const reauth_credentials_t *credentials)
{
    json_t                      *errors, *list;
    unsigned                     i;
    const reauth_field_error_t  *e;

    errors = json_object();
    if (errors == NULL) {
        return NULL;
    }

    for (i = 0; i < credentials->nerrors; i++) {
        e = &credentials->errors[i];

        list = json_object_get(errors, e->field);

        if (list == NULL) {
            list = json_array();

            if (json_object_set_new(errors, e->field, list) != 0) {
                goto failed;
            }
        }

        if (json_array_append_new(list, json_string(e->message)) != 0) {
            goto failed;
        }
    }

    return errors;

failed:

    json_decref(errors);

    return NULL;
}


/* the set of auth_types whose fields are to be read: one, or if bad, all */

static unsigned
reauth_credentials_auth_type(reauth_fields_t *f)
{
    json_t              *value;
    reauth_string_t      s, name;
    reauth_auth_type_t   type;

    type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    value = json_object_get(f->in, "auth_type");

    if (value && !json_is_null(value)) {

        if (!reauth_json_string(f->in, "auth_type", &s)) {
            reauth_field_error(f, "auth_type",
                               "The auth_type field must be a string.");
            return REAUTH_FIELD_ANY_TYPE;
        }

        s = reauth_trim(&s);
        type = reauth_auth_type_parse(&s);

        if (type == REAUTH_AUTH_TYPE_LAST) {
            reauth_field_error(f, "auth_type",
                               "The auth_type field must be one of "
                               "email_password, raw_data, mobile_app.");
            return REAUTH_FIELD_ANY_TYPE;
        }
    }

    f->credentials->auth_type = type;

    name = reauth_string_from(reauth_auth_type_name(type));
    reauth_field_set_string(f, "auth_type", &name);

    return reauth_auth_type_bit(type);
}


static void
reauth_credentials_login(reauth_fields_t *f, unsigned types)
{
    reauth_field_status_t  status;
    const reauth_field_t  *field;

    for (field = reauth_login_fields; field->name; field++) {

        if ((field->types & types) == 0) {
            continue;
        }

        status = reauth_field(f, field);

        /* of a bad auth_type it can't be said what it requires */

        if (status == REAUTH_FIELD_MISSING && types != REAUTH_FIELD_ANY_TYPE) {
            reauth_field_error(f, field->name,
                               "The %s field is required when auth_type is "
                               "%s.", field->name,
                               reauth_auth_type_name(
                                               f->credentials->auth_type));
        }
    }
}


static void
reauth_credentials_start(reauth_fields_t *f, reauth_unknown_fields_t unknown)
{
    json_t                 *proxy, *force;
    reauth_field_status_t   country;

    (void) reauth_field(f, &reauth_name_field);

    country = reauth_field(f, &reauth_country_field);

    proxy = json_object_get(f->in, "customProxy");

    if (proxy && !json_is_null(proxy)) {

        if (country != REAUTH_FIELD_MISSING) {
            reauth_field_error(f, "customProxy",
                               "proxyCountry and customProxy exclude each "
                               "other; send one of them.");
        }

        reauth_credentials_proxy(f, proxy, unknown);
    }

    force = json_object_get(f->in, "force_connect");

    if (force && !json_is_null(force)) {

        if (!json_is_boolean(force)) {
            reauth_field_error(f, "force_connect",
                               "The force_connect field must be true or "
                               "false.");
            return;
        }

        reauth_field_set(f, "force_connect",
                         json_is_true(force) ? "true" : "false");
    }
}


static void
reauth_credentials_proxy(reauth_fields_t *f, json_t *proxy,
    reauth_unknown_fields_t unknown)
{
    size_t                 i;
    void                  *iter;
    json_t                *value;
    const char            *name;
    reauth_fields_t        p;

    if (!json_is_object(proxy)) {
        reauth_field_error(f, "customProxy",
                           "The customProxy field must be an object with "
                           "host, port, username and password.");
        return;
    }

    reauth_field_set(f, "customProxy", "{");

    p = *f;
    p.prefix = "customProxy.";
    p.in = proxy;
    p.nmembers = 0;

    if (reauth_field(&p, &reauth_host_field) == REAUTH_FIELD_MISSING) {
        reauth_field_error(&p, "host",
                           "The customProxy.host field is required when "
                           "customProxy is given.");
    }

    if (reauth_credentials_port(&p) == REAUTH_FIELD_MISSING) {
        reauth_field_error(&p, "port",
                           "The customProxy.port field is required when "
                           "customProxy is given.");
    }

    (void) reauth_field(&p, &reauth_proxy_user_field);
    (void) reauth_field(&p, &reauth_proxy_password_field);

    if (unknown == REAUTH_UNKNOWN_FIELDS_REJECT) {

        for (iter = json_object_iter(proxy);
             iter;
             iter = json_object_iter_next(proxy, iter))
        {
            name = json_object_iter_key(iter);
            value = json_object_iter_value(iter);

            for (i = 0; reauth_proxy_names[i]; i++) {
                if (strcmp(reauth_proxy_names[i], name) == 0) {
                    break;
                }
            }

            if (reauth_proxy_names[i] == NULL && !json_is_null(value)) {
                reauth_field_unknown_error(&p, name);
            }
        }
    }

    f->no_memory = p.no_memory;

    reauth_json_out_literal(f->out, "}");
}


/* a number; digits in a string are taken for one, as the upstream does */

static reauth_field_status_t
reauth_credentials_port(reauth_fields_t *f)
{
    char              number[8];
    size_t            i;
    json_t           *value;
    json_int_t        port;
    reauth_string_t   s;

    value = json_object_get(f->in, "port");
    port = 0;

    if (value == NULL || json_is_null(value)) {
        return REAUTH_FIELD_MISSING;
    }

    if (json_is_integer(value)) {
        port = json_integer_value(value);

    } else if (reauth_json_string(f->in, "port", &s)) {

        s = reauth_trim(&s);

        if (s.len == 0) {
            return REAUTH_FIELD_MISSING;
        }

        for (i = 0; i < s.len && port <= 65535; i++) {

            if (s.data[i] < '0' || s.data[i] > '9') {
                port = 0;
                break;
            }

            port = port * 10 + (s.data[i] - '0');
        }
    }

    if (port < 1 || port > 65535) {
        reauth_field_error(f, "port",
                           "The customProxy.port field must be a number from "
                           "1 to 65535.");
        return REAUTH_FIELD_INVALID;
    }

    (void) snprintf(number, sizeof(number), "%d", (int) port);
    reauth_field_set(f, "port", number);

    return REAUTH_FIELD_VALID;
}


static void
reauth_credentials_2fa(reauth_fields_t *f)
{
    json_t                 *selfie;
    reauth_string_t         s;
    reauth_field_status_t   code;

    code = reauth_field(f, &reauth_code_field);

    selfie = json_object_get(f->in, "selfie_verification_completed");

    if (reauth_json_string(f->in, "selfie_verification_completed", &s)) {
        s = reauth_trim(&s);

        if (s.len == 0) {
            selfie = NULL;
        }

    } else {
        s.len = 0;
        s.data = (const unsigned char *) "";
    }

    if (selfie == NULL || json_is_null(selfie)) {

        if (code == REAUTH_FIELD_MISSING) {
            reauth_field_error(f, "code",
                               "Either the code field or "
                               "selfie_verification_completed is required.");
        }

        return;
    }

    if (code != REAUTH_FIELD_MISSING) {
        reauth_field_error(f, "code",
                           "code and selfie_verification_completed exclude "
                           "each other; send one of them.");
    }

    if (!json_is_true(selfie) && !reauth_string_equals(&s, "true")) {
        reauth_field_error(f, "selfie_verification_completed",
                           "The selfie_verification_completed field must be "
                           "true; leave it out until the selfie is done.");
        return;
    }

    reauth_field_set(f, "selfie_verification_completed", "true");
}


static void
reauth_credentials_unknown(reauth_fields_t *f, reauth_operation_t operation,
    unsigned types)
{
    void        *iter;
    unsigned     known;
    const char  *name;

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        if (json_is_null(json_object_iter_value(iter))) {
            continue;
        }

        name = json_object_iter_key(iter);
        known = reauth_credentials_known(operation, name);

        if (known == 0) {
            reauth_field_unknown_error(f, name);

        } else if ((known & types) == 0) {
            reauth_field_error(f, name,
                               "The %s field does not belong to auth_type "
                               "%s; leave it out.", name,
                               reauth_auth_type_name(
                                               f->credentials->auth_type));
        }
    }
}


/* the set of auth_types that a field is known with, 0: none */

static unsigned
reauth_credentials_known(reauth_operation_t operation, const char *name)
{
    const char            **names;
    const reauth_field_t   *field;

    names = NULL;

    if (operation == REAUTH_OPERATION_SUBMIT_2FA) {
        names = reauth_2fa_names;

    } else {
        if (strcmp(name, "auth_type") == 0) {
            return REAUTH_FIELD_ANY_TYPE;
        }

        for (field = reauth_login_fields; field->name; field++) {
            if (reauth_field_named(field, name)) {
                return field->types;
            }
        }

        if (operation == REAUTH_OPERATION_START) {
            names = reauth_start_names;
        }
    }

    for ( /* void */ ; names && *names; names++) {
        if (strcmp(*names, name) == 0) {
            return REAUTH_FIELD_ANY_TYPE;
        }
    }

    return 0;
}


/* reads a field under its name or its alias, and writes it */

static reauth_field_status_t
reauth_field(reauth_fields_t *f, const reauth_field_t *field)
{
    reauth_value_t          value, alias;
    reauth_string_t         s;
    reauth_field_status_t   status;

    memset(&alias, 0, sizeof(reauth_value_t));

    status = reauth_field_read(f, field, field->name, &value);

    if (field->alias) {
        status = reauth_field_alias(f, field, status, &value, &alias);
    }

    if (status == REAUTH_FIELD_VALID) {
        s.data = value.data ? value.data : alias.data;
        s.len = value.data ? value.len : alias.len;

        reauth_field_set_string(f, field->name, &s);
    }

    reauth_value_free(&value);
    reauth_value_free(&alias);

    return status;
}


static reauth_field_status_t
reauth_field_alias(reauth_fields_t *f, const reauth_field_t *field,
    reauth_field_status_t status, const reauth_value_t *value,
    reauth_value_t *alias)
{
    reauth_field_status_t  rc;

    rc = reauth_field_read(f, field, field->alias, alias);

    if (rc == REAUTH_FIELD_MISSING || status == REAUTH_FIELD_INVALID) {
        return status;
    }

    if (rc == REAUTH_FIELD_INVALID || status == REAUTH_FIELD_MISSING) {
        return rc;
    }

    if (value->len != alias->len
        || memcmp(value->data, alias->data, value->len) != 0)
    {
        reauth_field_error(f, field->name,
                           "%s and %s are both given and differ; send %s "
                           "alone.", field->name, field->alias, field->name);
        return REAUTH_FIELD_INVALID;
    }

    return status;
}


/* "value" is set in any case, and is to be freed */

static reauth_field_status_t
reauth_field_read(reauth_fields_t *f, const reauth_field_t *field,
    const char *name, reauth_value_t *value)
{
    json_t           *string;
    const char       *reason;
    reauth_string_t   s, trimmed;

    value->data = NULL;
    value->len = 0;

    string = json_object_get(f->in, name);

    if (string == NULL || json_is_null(string)) {
        return REAUTH_FIELD_MISSING;
    }

    if (!reauth_json_string(f->in, name, &s)) {
        reauth_field_error(f, name, "The %s%s field must be a string.",
                           f->prefix, name);
        return REAUTH_FIELD_INVALID;
    }

    trimmed = reauth_trim(&s);

    if (trimmed.len == 0) {
        return REAUTH_FIELD_MISSING;
    }

    if (field->kind != REAUTH_FIELD_VERBATIM) {
        s = trimmed;
    }

    reason = reauth_field_check(field, &s);

    if (reason) {
        reauth_field_error(f, name, "The %s%s field must %s.", f->prefix,
                           name, reason);
        return REAUTH_FIELD_INVALID;
    }

    /* cookies can grow, by a blank for each ";" */

    value->size = 2 * s.len;
    value->data = malloc(value->size);

    if (value->data == NULL) {
        f->no_memory = 1;
        return REAUTH_FIELD_INVALID;
    }

    value->len = reauth_field_normalize(field, &s, value->data);

    if (value->len == 0) {
        reauth_value_free(value);
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


static void
reauth_value_free(reauth_value_t *value)
{
    if (value->data != NULL) {
        OPENSSL_cleanse(value->data, value->size);
        free(value->data);
        value->data = NULL;
    }
}


/* what the field "must", or NULL */

static const char *
reauth_field_check(const reauth_field_t *field, const reauth_string_t *s)
{
    if (field->kind == REAUTH_FIELD_VERBATIM) {
        return NULL;
    }

    if (reauth_has_control(s)) {
        return "not hold control characters such as line breaks or tabs";
    }

    if (field->kind == REAUTH_FIELD_EMAIL && !reauth_is_email(s)) {
        return "be a valid email address: one @ with something on both sides "
               "and no blanks";
    }

    if (field->kind == REAUTH_FIELD_HOST && memchr(s->data, ' ', s->len)) {
        return "not hold blanks";
    }

    return NULL;
}


static size_t
reauth_field_normalize(const reauth_field_t *field, const reauth_string_t *s,
    unsigned char *dst)
{
    size_t                i;
    const unsigned char  *at;

    if (field->kind == REAUTH_FIELD_COOKIES) {
        return reauth_field_cookies(s, dst);
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


static size_t
reauth_field_cookies(const reauth_string_t *s, unsigned char *dst)
{
    size_t                len;
    reauth_string_t       part;
    const unsigned char  *p, *last, *end;

    p = s->data;
    last = p + s->len;
    len = 0;

    while (p < last) {
        end = memchr(p, ';', (size_t) (last - p));

        if (end == NULL) {
            end = last;
        }

        part.data = p;
        part.len = (size_t) (end - p);
        part = reauth_trim(&part);

        if (part.len) {
            if (len) {
                dst[len++] = ';';
                dst[len++] = ' ';
            }

            memcpy(dst + len, part.data, part.len);
            len += part.len;
        }

        p = end + 1;
    }

    return len;
}


/* a member whose value is written as it is, or begun */

static void
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


static void
reauth_field_set_string(reauth_fields_t *f, const char *name,
    const reauth_string_t *value)
{
    reauth_field_set(f, name, "");

    if (reauth_json_out_string(f->out, value) != 0) {
        f->no_memory = 1;
    }
}


static void
reauth_field_unknown_error(reauth_fields_t *f, const char *name)
{
    if (reauth_is_plain_name(name)) {
        reauth_field_error(f, name,
                           "The %s%s field is not known; leave it out.",
                           f->prefix, name);
        return;
    }

    reauth_field_error(f, "a field",
                       "A field whose name is no plain identifier is not "
                       "known; leave it out.");
}


static void
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
reauth_field_named(const reauth_field_t *field, const char *name)
{
    return strcmp(field->name, name) == 0
           || (field->alias && strcmp(field->alias, name) == 0);
}


static reauth_string_t
reauth_trim(const reauth_string_t *s)
{
    reauth_string_t  t;

    t = *s;

    while (t.len && (t.data[0] == ' '
                     || (t.data[0] >= '\t' && t.data[0] <= '\r')))
    {
        t.data++;
        t.len--;
    }

    while (t.len && (t.data[t.len - 1] == ' '
                     || (t.data[t.len - 1] >= '\t'
                         && t.data[t.len - 1] <= '\r')))
    {
        t.len--;
    }

    return t;
}


/* C0, DEL, and C1 in UTF-8 */

static int
reauth_has_control(const reauth_string_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            return 1;
        }

        if (s->data[i] == 0xc2 && i + 1 < s->len && s->data[i + 1] < 0xa0) {
            return 1;
        }
    }

    return 0;
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


static int
reauth_is_plain_name(const char *name)
{
    size_t  i;

    for (i = 0; name[i]; i++) {
        if (i == 64 || name[i] == '-'
            || !reauth_id_chars[(unsigned char) name[i]])
        {
            return 0;
        }
    }

    return i != 0;
}
