
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdio.h>
#include <stdlib.h>

#include "reauth_fields.h"


/*
 * The maximum size of a normalized body of "len" bytes: values do not grow,
 * except for spaces between cookies; some names and the type are added.
 */
#define REAUTH_CREDENTIALS_SIZE(len)  (2 * (len) + 512)


/* names that are probably meant for a field */

typedef struct {
    const char           *name;
    const char           *sent;
} reauth_hint_t;


static void reauth_credentials_login(reauth_fields_t *f);
static void reauth_credentials_required(reauth_fields_t *f,
    const reauth_field_t *field);
static void reauth_credentials_looks_raw(reauth_fields_t *f);
static unsigned reauth_credentials_auth_type(reauth_fields_t *f);
static void reauth_credentials_start(reauth_fields_t *f,
    reauth_unknown_fields_t unknown);
static void reauth_credentials_proxy(reauth_fields_t *f, json_t *proxy,
    reauth_unknown_fields_t unknown);
static reauth_field_status_t reauth_credentials_port(reauth_fields_t *f);
static void reauth_credentials_no_code(reauth_fields_t *f);
static void reauth_credentials_2fa(reauth_fields_t *f);
static const char *reauth_credentials_meant(reauth_fields_t *f,
    const char *name);


/* in the order in which they are written */

static const reauth_field_t  reauth_login_fields[] = {
    { "email", NULL, NULL, REAUTH_FIELD_EMAIL, REAUTH_EMAIL_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_EMAIL_PASSWORD) },
    { "password", NULL, NULL, REAUTH_FIELD_VERBATIM, REAUTH_PASSWORD_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_EMAIL_PASSWORD) },
    { "auth_id", NULL, NULL, REAUTH_FIELD_NUMBER, REAUTH_AUTH_ID_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "cookies", "cookie", "Cookie", REAUTH_FIELD_COOKIES, REAUTH_COOKIES_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "xbc", NULL, "x-bc", REAUTH_FIELD_TEXT, REAUTH_XBC_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { "user_agent", NULL, "User-Agent", REAUTH_FIELD_TEXT,
      REAUTH_USER_AGENT_MAX,
      reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA) },
    { NULL, NULL, NULL, REAUTH_FIELD_TEXT, 0, 0 }
};


static const reauth_field_t  reauth_name_field =
    { "name", NULL, NULL, REAUTH_FIELD_TEXT, REAUTH_NAME_MAX, 0 };

static const reauth_field_t  reauth_display_name_field =
    { "display_name", NULL, NULL, REAUTH_FIELD_TEXT, REAUTH_NAME_MAX, 0 };

static const reauth_field_t  reauth_country_field =
    { "proxyCountry", NULL, NULL, REAUTH_FIELD_TEXT, 64, 0 };

static const reauth_field_t  reauth_host_field =
    { "host", NULL, NULL, REAUTH_FIELD_HOST, 255, 0 };

static const reauth_field_t  reauth_proxy_user_field =
    { "username", NULL, NULL, REAUTH_FIELD_TEXT, 255, 0 };

static const reauth_field_t  reauth_proxy_password_field =
    { "password", NULL, NULL, REAUTH_FIELD_VERBATIM, REAUTH_PASSWORD_MAX, 0 };

static const reauth_field_t  reauth_code_field =
    { "code", NULL, NULL, REAUTH_FIELD_CODE, REAUTH_CODE_MAX, 0 };


static const char  *reauth_update_names[] = { NULL };

static const char  *reauth_start_names[] = {
    "name", "display_name", "proxyCountry", "customProxy", "force_connect",
    "_internal_automatic_syncs_disabled", NULL
};

static const char  *reauth_proxy_names[] = {
    "host", "port", "username", "password", NULL
};

static const char  *reauth_2fa_names[] = {
    "code", "selfie_verification_completed", NULL
};


/* not a spelling of the name, but unambiguous */

static const reauth_hint_t  reauth_hints[] = {
    { "email", "mail" },
    { "email", "email_address" },
    { "email", "username" },
    { "email", "login" },
    { "password", "pass" },
    { "password", "passwd" },
    { "password", "pwd" },
    { "auth_id", "auth_uid" },
    { "auth_id", "user_id" },
    { "auth_id", "uid" },
    { "cookies", "cookie_string" },
    { "cookies", "session_cookies" },
    { "xbc", "xbc_token" },
    { "xbc", "bc_token" },
    { "xbc", "xbc_header" },
    { "user_agent", "ua" },
    { "user_agent", "agent" },
    { "user_agent", "browser" },
    { "code", "otp" },
    { "code", "otp_code" },
    { "code", "2fa_code" },
    { "code", "two_factor_code" },
    { "code", "verification_code" },
    { "code", "pin" },
    { NULL, NULL }
};


static void
reauth_credentials_fields(reauth_fields_t *f, reauth_operation_t operation,
    reauth_unknown_fields_t unknown)
{
    reauth_json_out_literal(f->out, "{");

    if (operation == REAUTH_OPERATION_SUBMIT_2FA) {
        f->names = reauth_2fa_names;
        f->types = reauth_auth_type_bit(REAUTH_AUTH_TYPE_NONE);

        reauth_credentials_2fa(f);

    } else {
        f->types = reauth_credentials_auth_type(f);
        reauth_credentials_login(f);

        if (operation == REAUTH_OPERATION_START) {
            f->names = reauth_start_names;
            reauth_credentials_start(f, unknown);
        }
    }

    reauth_fields_rest(f, unknown);

    reauth_json_out_literal(f->out, "}");
}


reauth_credentials_result_t
reauth_credentials_parse(const reauth_string_t *text,
    reauth_operation_t operation, reauth_unknown_fields_t unknown,
    reauth_credentials_t *credentials)
{
    size_t                       size;
    reauth_fields_t              f;
    reauth_json_out_t            out;
    reauth_credentials_result_t  rc;

    memset(credentials, 0, sizeof(reauth_credentials_t));
    memset(&f, 0, sizeof(reauth_fields_t));

    f.prefix = "";
    f.fields = reauth_login_fields;
    f.names = reauth_update_names;
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

    size = REAUTH_CREDENTIALS_SIZE(text->len);

    if (unknown == REAUTH_UNKNOWN_FIELDS_PASS) {
        size += REAUTH_PASSED_MAX;
    }

    if (reauth_json_out_create(&out, size) == NULL) {
        goto done;
    }

    reauth_credentials_fields(&f, operation, unknown);

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

    free(credentials->dropped);

    credentials->dropped = NULL;
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
    value = reauth_field_member(f, "auth_type");

    if (value) {

        if (!json_is_string(value)) {
            reauth_field_error(f, "auth_type",
                               "The auth_type field must be a string.");
            return REAUTH_FIELD_ANY_TYPE;
        }

        s.data = (const unsigned char *) json_string_value(value);
        s.len = json_string_length(value);
        s = reauth_string_trim(&s);

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
reauth_credentials_login(reauth_fields_t *f)
{
    unsigned               missing;
    reauth_field_status_t  status;
    const reauth_field_t  *field;

    missing = 0;

    for (field = reauth_login_fields; field->name; field++) {

        if ((field->types & f->types) == 0) {
            continue;
        }

        status = reauth_field(f, field);

        /* the required fields of an invalid auth_type are unknown */

        if (status == REAUTH_FIELD_MISSING
            && f->types != REAUTH_FIELD_ANY_TYPE)
        {
            reauth_credentials_required(f, field);
            missing = 1;
        }
    }

    if (missing && reauth_field_member(f, "auth_type") == NULL) {
        reauth_credentials_looks_raw(f);
    }
}


static void
reauth_credentials_required(reauth_fields_t *f, const reauth_field_t *field)
{
    const char  *type, *meant;

    type = reauth_auth_type_name(f->credentials->auth_type);
    meant = reauth_credentials_meant(f, field->name);

    if (meant == NULL) {
        reauth_field_error(f, field->name,
                           "The %s field is required when auth_type is %s.",
                           field->name, type);
        return;
    }

    reauth_field_error(f, field->name,
                       "The %s field is required when auth_type is %s; %s was "
                       "sent: send it as %s.", field->name, type, meant,
                       field->name);
}


/* the name of a member that was probably meant for the field, or NULL */

static const char *
reauth_credentials_meant(reauth_fields_t *f, const char *name)
{
    void                 *iter;
    const reauth_hint_t  *hint;

    for (iter = json_object_iter(f->in);
         iter;
         iter = json_object_iter_next(f->in, iter))
    {
        for (hint = reauth_hints; hint->name; hint++) {

            if (strcmp(hint->name, name) == 0
                && reauth_field_spelled(hint->sent,
                                        json_object_iter_key(iter)))
            {
                return hint->sent;
            }
        }
    }

    return NULL;
}


/* the default is email_password: suggest raw_data if its fields were sent */

static void
reauth_credentials_looks_raw(reauth_fields_t *f)
{
    const reauth_field_t  *field;

    for (field = reauth_login_fields; field->name; field++) {

        if ((field->types & reauth_auth_type_bit(REAUTH_AUTH_TYPE_RAW_DATA))
            && reauth_field_sent(f, field))
        {
            reauth_field_error(f, "auth_type",
                               "This looks like raw_data: set auth_type to "
                               "raw_data.");
            return;
        }
    }
}


static void
reauth_credentials_start(reauth_fields_t *f, reauth_unknown_fields_t unknown)
{
    json_t                 *proxy;
    reauth_field_status_t   country;

    (void) reauth_field(f, &reauth_name_field);
    (void) reauth_field(f, &reauth_display_name_field);

    country = reauth_field(f, &reauth_country_field);

    proxy = reauth_field_member(f, "customProxy");

    /* an empty array means no proxy, as in the upstream's example */

    if (proxy && !(json_is_array(proxy) && json_array_size(proxy) == 0)) {

        if (country != REAUTH_FIELD_MISSING) {
            reauth_field_error(f, "customProxy",
                               "proxyCountry and customProxy are mutually "
                               "exclusive; send one of them.");
        }

        reauth_credentials_proxy(f, proxy, unknown);
    }

    reauth_field_boolean(f, "force_connect");
    reauth_field_boolean(f, "_internal_automatic_syncs_disabled");
}


static void
reauth_credentials_proxy(reauth_fields_t *f, json_t *proxy,
    reauth_unknown_fields_t unknown)
{
    reauth_fields_t  p;

    if (!json_is_object(proxy)) {
        reauth_field_error(f, "customProxy",
                           "The customProxy field must be an object with "
                           "host, port, username and password.");
        return;
    }

    reauth_field_set(f, "customProxy", "{");

    p = *f;
    p.prefix = "customProxy.";
    p.fields = NULL;
    p.names = reauth_proxy_names;
    p.in = proxy;
    p.nmembers = 0;

    if (reauth_field(&p, &reauth_host_field) == REAUTH_FIELD_MISSING) {
        reauth_field_error(&p, "host",
                           "The customProxy.host field is required when "
                           "customProxy is present.");
    }

    if (reauth_credentials_port(&p) == REAUTH_FIELD_MISSING) {
        reauth_field_error(&p, "port",
                           "The customProxy.port field is required when "
                           "customProxy is present.");
    }

    (void) reauth_field(&p, &reauth_proxy_user_field);
    (void) reauth_field(&p, &reauth_proxy_password_field);

    reauth_fields_rest(&p, unknown);

    f->no_memory = p.no_memory;

    reauth_json_out_literal(f->out, "}");
}


/* a number, or a string of digits, which the upstream accepts as well */

static reauth_field_status_t
reauth_credentials_port(reauth_fields_t *f)
{
    char              number[8];
    size_t            i;
    json_t           *value;
    json_int_t        port;
    reauth_string_t   s;

    value = reauth_field_member(f, "port");
    port = 0;

    if (value == NULL) {
        return REAUTH_FIELD_MISSING;
    }

    if (reauth_json_whole_number(value, &port)) {
        /* void */

    } else if (json_is_string(value)) {

        s.data = (const unsigned char *) json_string_value(value);
        s.len = json_string_length(value);
        s = reauth_string_trim(&s);

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
reauth_credentials_no_code(reauth_fields_t *f)
{
    const char  *meant;

    meant = reauth_credentials_meant(f, "code");

    if (meant) {
        reauth_field_error(f, "code",
                           "The code field is required; %s was sent: send it "
                           "as code.", meant);
        return;
    }

    reauth_field_error(f, "code",
                       "Either the code field or "
                       "selfie_verification_completed is required.");
}


static void
reauth_credentials_2fa(reauth_fields_t *f)
{
    json_t                 *selfie;
    reauth_string_t         s;
    reauth_field_status_t   code;

    code = reauth_field(f, &reauth_code_field);

    selfie = reauth_field_member(f, "selfie_verification_completed");

    s.len = 0;
    s.data = (const unsigned char *) "";

    if (json_is_string(selfie)) {
        s.data = (const unsigned char *) json_string_value(selfie);
        s.len = json_string_length(selfie);
        s = reauth_string_trim(&s);

        if (s.len == 0) {
            selfie = NULL;
        }
    }

    if (selfie == NULL) {

        if (code == REAUTH_FIELD_MISSING) {
            reauth_credentials_no_code(f);
        }

        return;
    }

    if (code != REAUTH_FIELD_MISSING) {
        reauth_field_error(f, "code",
                           "code and selfie_verification_completed are "
                           "mutually exclusive; send one of them.");
    }

    if (!json_is_true(selfie) && !reauth_string_equals(&s, "true")) {
        reauth_field_error(f, "selfie_verification_completed",
                           "The selfie_verification_completed field must be "
                           "true; omit it until the selfie is done.");
        return;
    }

    reauth_field_set(f, "selfie_verification_completed", "true");
}
