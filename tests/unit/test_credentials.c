
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_credentials.h"

#include "failing.h"


#define UPDATE  REAUTH_OPERATION_UPDATE
#define START   REAUTH_OPERATION_START
#define TWOFA   REAUTH_OPERATION_SUBMIT_2FA

#define DROP    REAUTH_UNKNOWN_FIELDS_DROP
#define REJECT  REAUTH_UNKNOWN_FIELDS_REJECT
#define PASS    REAUTH_UNKNOWN_FIELDS_PASS

#define LOGIN   "\"email\":\"a@b.c\",\"password\":\"p\""
#define LOGIN_OUT                                                             \
    "\"auth_type\":\"email_password\",\"email\":\"a@b.c\",\"password\":\"p\""
#define RAW                                                                   \
    "\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","       \
    "\"xbc\":\"x\",\"user_agent\":\"u\""


static reauth_credentials_result_t
parse(const char *text, reauth_operation_t op, reauth_unknown_fields_t unknown,
    reauth_credentials_t *c)
{
    unsigned char                *copy;
    reauth_string_t               s;
    reauth_credentials_result_t   rc;

    s = reauth_string_from(text);

    copy = malloc(s.len ? s.len : 1);
    assert_non_null(copy);
    memcpy(copy, text, s.len);
    s.data = copy;

    rc = reauth_credentials_parse(&s, op, unknown, c);

    free(copy);

    return rc;
}


static void
ok_op(const char *text, reauth_operation_t op, const char *body)
{
    reauth_credentials_t          c;
    reauth_credentials_result_t   rc;

    rc = parse(text, op, DROP, &c);

    if (rc != REAUTH_CREDENTIALS_OK) {
        fail_msg("%.60s: result %d, %s: %s", text, (int) rc, c.errors[0].field,
                 c.errors[0].message);
    }

    assert_string_equal(c.body, body);
    assert_int_equal(c.body_len, strlen(body));

    reauth_credentials_free(&c);
    assert_null(c.body);
}


/* "errors" is {"field":["message"]} as it is rendered */

static void
bad_op(const char *text, reauth_operation_t op,
    reauth_unknown_fields_t unknown, const char *errors)
{
    char                         *out;
    json_t                       *json;
    reauth_credentials_t          c;
    reauth_credentials_result_t   rc;

    rc = parse(text, op, unknown, &c);

    if (rc != REAUTH_CREDENTIALS_INVALID_FIELDS) {
        fail_msg("%.60s: result %d", text, (int) rc);
    }

    assert_null(c.body);
    assert_int_equal(c.body_len, 0);

    json = reauth_credentials_errors(&c);
    assert_non_null(json);

    out = json_dumps(json, JSON_COMPACT);
    assert_non_null(out);
    assert_string_equal(out, errors);

    free(out);
    json_decref(json);
    reauth_credentials_free(&c);
}


static void
ok(const char *text, const char *body)
{
    ok_op(text, UPDATE, body);
}


static void
bad(const char *text, const char *errors)
{
    bad_op(text, UPDATE, DROP, errors);
}


/* {"...before...":"<n times c>"...after...}, as a string to be freed */

static char *
filled(const char *before, size_t n, int c, const char *after)
{
    char    *text;
    size_t   len;

    len = strlen(before);

    text = malloc(len + n + strlen(after) + 1);
    assert_non_null(text);

    memcpy(text, before, len);
    memset(text + len, c, n);
    memcpy(text + len + n, after, strlen(after) + 1);

    return text;
}


/* the bound of a field: just there is fine, one more is an error */

static void
bound(const char *before, const char *after, size_t max, int c,
    reauth_operation_t op, const char *error)
{
    char                  *text;
    reauth_credentials_t   credentials;

    text = filled(before, max, c, after);
    assert_int_equal(parse(text, op, DROP, &credentials),
                     REAUTH_CREDENTIALS_OK);
    assert_true(credentials.body_len > max);
    reauth_credentials_free(&credentials);
    free(text);

    text = filled(before, max + 1, c, after);
    assert_int_equal(parse(text, op, DROP, &credentials),
                     REAUTH_CREDENTIALS_INVALID_FIELDS);
    assert_int_equal(credentials.nerrors, 1);
    assert_string_equal(credentials.errors[0].message, error);
    reauth_credentials_free(&credentials);
    free(text);
}


static void
test_auth_types(void **state)
{
    reauth_credentials_t  c;

    (void) state;

    ok("{" LOGIN "}", "{" LOGIN_OUT "}");
    ok("{\"auth_type\":\"email_password\"," LOGIN "}", "{" LOGIN_OUT "}");
    ok("{\"auth_type\":null," LOGIN "}", "{" LOGIN_OUT "}");
    ok("{\"auth_type\":\" email_password\\n\"," LOGIN "}",
       "{" LOGIN_OUT "}");
    ok("{" RAW "}", "{" RAW "}");
    ok("{\"auth_type\":\"mobile_app\"}", "{\"auth_type\":\"mobile_app\"}");

    assert_int_equal(parse("{" LOGIN "}", UPDATE, DROP, &c), 0);
    assert_int_equal(c.auth_type, REAUTH_AUTH_TYPE_EMAIL_PASSWORD);
    reauth_credentials_free(&c);

    assert_int_equal(parse("{" RAW "}", UPDATE, DROP, &c), 0);
    assert_int_equal(c.auth_type, REAUTH_AUTH_TYPE_RAW_DATA);
    reauth_credentials_free(&c);

    assert_int_equal(parse("{\"auth_type\":\"mobile_app\"}", UPDATE, DROP,
                           &c), 0);
    assert_int_equal(c.auth_type, REAUTH_AUTH_TYPE_MOBILE_APP);
    reauth_credentials_free(&c);
}


static void
test_bad_auth_type(void **state)
{
    size_t       i;
    char         text[128];
    const char  *values[] = {
        "\"\"", "\"  \"", "\"RAW_DATA\"", "\"none\"", "\"raw-data\"", NULL
    };

    (void) state;

    for (i = 0; values[i]; i++) {
        (void) snprintf(text, sizeof(text), "{\"auth_type\":%s}", values[i]);
        bad(text, "{\"auth_type\":[\"The auth_type field must be one of "
                  "email_password, raw_data, mobile_app.\"]}");
    }

    bad("{\"auth_type\":1}",
        "{\"auth_type\":[\"The auth_type field must be a string.\"]}");
    bad("{\"auth_type\":\"x\",\"email\":1,\"xbc\":[]}",
        "{\"auth_type\":[\"The auth_type field must be one of "
        "email_password, raw_data, mobile_app.\"],"
        "\"email\":[\"The email field must be a string.\"],"
        "\"xbc\":[\"The xbc field must be a string.\"]}");
    bad_op("{\"auth_type\":\"x\",\"xbc\":\"x\",\"foo\":1}", UPDATE, REJECT,
           "{\"auth_type\":[\"The auth_type field must be one of "
           "email_password, raw_data, mobile_app.\"],"
           "\"foo\":[\"The foo field is unknown; omit it.\"]}");
}


static void
test_required(void **state)
{
    size_t       i;
    const char  *empty[] = {
        "", "  \r\n", "{}", "{\"email\":null,\"password\":null}",
        "{\"email\":\"\",\"password\":\"\"}",
        "{\"email\":\" \\t\\r\\n\",\"password\":\"   \"}", NULL
    };

    (void) state;

    for (i = 0; empty[i]; i++) {
        bad(empty[i],
            "{\"email\":[\"The email field is required when auth_type is "
            "email_password.\"],\"password\":[\"The password field is "
            "required when auth_type is email_password.\"]}");
    }

    bad("{\"auth_type\":\"raw_data\",\"cookies\":\" ; ;; \"}",
        "{\"auth_id\":[\"The auth_id field is required when auth_type is "
        "raw_data.\"],\"cookies\":[\"The cookies field is required when "
        "auth_type is raw_data.\"],\"xbc\":[\"The xbc field is required when "
        "auth_type is raw_data.\"],\"user_agent\":[\"The user_agent field is "
        "required when auth_type is raw_data.\"]}");
}


static void
test_wrong_types(void **state)
{
    size_t       i;
    char         text[128];
    const char  *values[] = { "1", "1.5", "true", "false", "[]", "{}", NULL };

    (void) state;

    for (i = 0; values[i]; i++) {
        (void) snprintf(text, sizeof(text),
                        "{\"email\":%s,\"password\":%s}", values[i],
                        values[i]);
        bad(text, "{\"email\":[\"The email field must be a string.\"],"
                  "\"password\":[\"The password field must be a string.\"]}");
    }

    bad("{\"auth_type\":\"raw_data\",\"auth_id\":1.5,\"cookies\":\"a=1\","
        "\"x_bc\":7,\"userAgent\":[]}",
        "{\"auth_id\":[\"The auth_id field must be a string or a whole "
        "number.\"],"
        "\"x_bc\":[\"The x_bc field must be a string.\"],"
        "\"userAgent\":[\"The userAgent field must be a string.\"]}");
}


static void
test_email(void **state)
{
    char        *text;
    size_t       i;
    char         buf[128];
    const char  *invalid[] = {
        "a", "@", "a@", "@b", "a@b@c", "a@@b", "a b@c", "a@b c", "a @b", NULL
    };

    (void) state;

    ok("{\"email\":\" Ann.Lee@Example.COM \",\"password\":\"p\"}",
       "{\"auth_type\":\"email_password\",\"email\":\"Ann.Lee@example.com\","
       "\"password\":\"p\"}");
    ok("{\"email\":\"\xc3\x84@\xc3\x84.DE\",\"password\":\"p\"}",
       "{\"auth_type\":\"email_password\",\"email\":\"\xc3\x84@\xc3\x84.de\","
       "\"password\":\"p\"}");

    for (i = 0; invalid[i]; i++) {
        (void) snprintf(buf, sizeof(buf),
                        "{\"email\":\"%s\",\"password\":\"p\"}", invalid[i]);
        bad(buf, "{\"email\":[\"The email field must be a valid email "
                 "address: one @ with something on both sides and no "
                 "blanks.\"]}");
    }

    bound("{\"password\":\"p\",\"email\":\"a@", "\"}", 252, 'b', UPDATE,
          "The email field must not be longer than 254 bytes.");

    /* the bound is for what remains */

    text = filled("{\"password\":\"p\",\"email\":\"a@b", 300, ' ', "\"}");
    ok(text, "{\"auth_type\":\"email_password\",\"email\":\"a@b\","
             "\"password\":\"p\"}");
    free(text);
}


static void
test_password(void **state)
{
    (void) state;

    ok("{\"email\":\"a@b.c\",\"password\":\"  p\\t\\n;\\\"\\u0001\xc3\xa4 \"}",
       "{\"auth_type\":\"email_password\",\"email\":\"a@b.c\","
       "\"password\":\"  p\\t\\n;\\\"\\u0001\xc3\xa4 \"}");

    bound("{\"email\":\"a@b.c\",\"password\":\"", "\"}", 1024, 'p', UPDATE,
          "The password field must not be longer than 1024 bytes.");
}


static void
test_raw_data_bounds(void **state)
{
    (void) state;

    bound("{\"auth_type\":\"raw_data\",\"cookies\":\"a=1\",\"xbc\":\"x\","
          "\"user_agent\":\"u\",\"auth_id\":\"", "\"}", 64, '1', UPDATE,
          "The auth_id field must not be longer than 64 bytes.");
    bound("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"xbc\":\"x\","
          "\"user_agent\":\"u\",\"cookies\":\"c=", "\"}", 16382, 'c', UPDATE,
          "The cookies field must not be longer than 16384 bytes.");
    bound("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=\","
          "\"user_agent\":\"u\",\"xbc\":\"", "\"}", 512, 'x', UPDATE,
          "The xbc field must not be longer than 512 bytes.");
    bound("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=\","
          "\"xbc\":\"x\",\"user_agent\":\"", "\"}", 1024, 'u', UPDATE,
          "The user_agent field must not be longer than 1024 bytes.");
}


static void
test_cookies(void **state)
{
    size_t  i;
    char    text[256], body[256];

    static const char  *cases[][2] = {
        { "a=1;; b=2 ;", "a=1; b=2" },
        { "a=1;b=2", "a=1; b=2" },
        { "  a=1  ;   b=2  ", "a=1; b=2" },
        { ";;;a=1", "a=1" },
        { "a=1; b=2", "a=1; b=2" },
        { "a=b c; d=\xc3\xa4", "a=b c; d=\xc3\xa4" },
        { "a=1;\\n", "a=1" },
        { "\\ufeffa=1", "a=1" },
        { "a=;b=;c=1=2;d=\\\"x\\\"", "a=; b=; c=1=2; d=\\\"x\\\"" },
        { " a = 1 ; b= 2", "a=1; b=2" },
        { "Cookie: a=1; b=2", "a=1; b=2" },
        { "cookie:Cookie:  a=1", "a=1" },
        { "#a=1", "#a=1" },
        { NULL, NULL }
    };

    (void) state;

    for (i = 0; cases[i][0]; i++) {
        (void) snprintf(text, sizeof(text),
                        "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
                        "\"cookies\":\"%s\",\"xbc\":\"x\","
                        "\"user_agent\":\"u\"}", cases[i][0]);
        (void) snprintf(body, sizeof(body),
                        "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
                        "\"cookies\":\"%s\",\"xbc\":\"x\","
                        "\"user_agent\":\"u\"}", cases[i][1]);
        ok(text, body);
    }
}


static void
cookies(const char *field, const char *cookies)
{
    char  text[1024], body[512];

    (void) snprintf(text, sizeof(text),
                    "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
                    "\"cookies\":%s,\"xbc\":\"x\",\"user_agent\":\"u\"}",
                    field);
    (void) snprintf(body, sizeof(body),
                    "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
                    "\"cookies\":\"%s\",\"xbc\":\"x\",\"user_agent\":\"u\"}",
                    cookies);
    ok(text, body);
}


static void
no_cookies(const char *field, const char *looks)
{
    char  text[1024], errors[512];

    (void) snprintf(text, sizeof(text),
                    "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
                    "\"cookies\":%s,\"xbc\":\"x\",\"user_agent\":\"u\"}",
                    field);
    (void) snprintf(errors, sizeof(errors),
                    "{\"cookies\":[\"The cookies field looks like %s; send "
                    "name=value; name=value, or an export of cookies as JSON "
                    "or cookies.txt.\"]}", looks);
    bad(text, errors);
}


static void
test_cookies_json(void **state)
{
    (void) state;

    /* of extensions */

    cookies("\"[{\\\"domain\\\":\\\".a.example\\\",\\\"expirationDate\\\":"
            "1790000000.5,\\\"hostOnly\\\":false,\\\"httpOnly\\\":true,"
            "\\\"name\\\":\\\"sess\\\",\\\"path\\\":\\\"/\\\",\\\"sameSite\\\":"
            "null,\\\"secure\\\":true,\\\"value\\\":\\\"abc\\\",\\\"id\\\":1},"
            "{\\\"name\\\":\\\"auth_id\\\",\\\"value\\\":\\\"12\\\"}]\"",
            "sess=abc; auth_id=12");

    /* of automation tools */

    cookies("\"\\n{ \\\"cookies\\\": [ {\\\"name\\\": \\\"sess\\\", "
            "\\\"value\\\": \\\"a=b\\\", \\\"domain\\\": \\\"a.example\\\", "
            "\\\"expires\\\": -1} ], \\\"origins\\\": [] }\\n\"", "sess=a=b");
    cookies("\"Cookie: [{\\\"name\\\":\\\"a\\\",\\\"value\\\":\\\"\\\"}]\"",
            "a=");

    /* the same that are no text */

    cookies("[{\"name\":\"a\",\"value\":\" 1 \"},{\"name\":\" b\","
            "\"value\":\"2\"}]", "a=1; b=2");
    cookies("{\"cookies\":[{\"name\":\"a\",\"value\":\"1\"}]}", "a=1");

    no_cookies("\"{\\\"sess\\\":\\\"abc\\\"}\"", "a JSON object");
    no_cookies("{\"sess\":\"abc\"}", "a JSON object");
    no_cookies("{\"cookies\":{}}", "a JSON object");
    no_cookies("\"[\\\"sess\\\"]\"",
               "a JSON array with an item without the strings name and value");
    no_cookies("[{\"name\":\"a\",\"value\":1}]",
               "a JSON array with an item without the strings name and value");
    no_cookies("[{\"name\":\"a\",\"value\":\"1\"},[]]",
               "a JSON array with an item without the strings name and value");
    no_cookies("[{\"name\":\"a b\",\"value\":\"1\"}]",
               "cookies with an invalid name");
    no_cookies("[{\"name\":\"a\",\"value\":\"1;2\"}]",
               "cookies with ; or a control character in a value");
    no_cookies("[{\"name\":\"a\",\"value\":\"1\\n2\"}]",
               "cookies with ; or a control character in a value");
    no_cookies("\"[{\\\"name\\\":\\\"sess\\\"\"",
               "incomplete or invalid JSON");
    no_cookies("\"{\"", "incomplete or invalid JSON");

    bad("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":[],"
        "\"xbc\":\"x\",\"user_agent\":\"u\"}",
        "{\"cookies\":[\"The cookies field is required when auth_type is "
        "raw_data.\"]}");
    bad("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":true,"
        "\"xbc\":\"x\",\"user_agent\":\"u\"}",
        "{\"cookies\":[\"The cookies field must be a string.\"]}");
}


static void
test_cookies_netscape(void **state)
{
    (void) state;

    cookies("\"# Netscape HTTP Cookie File\\n# https://a.example\\n\\n"
            ".a.example\\tTRUE\\t/\\tTRUE\\t1790000000\\tsess\\tabc\\n"
            "#HttpOnly_.a.example\\tTRUE\\t/\\tTRUE\\t0\\tauth_id\\t12\\n\"",
            "sess=abc; auth_id=12");
    cookies("\"a.example\\tFALSE\\t/\\tFALSE\\t0\\ta\\t1\\r\\n  \\r\\n"
            "a.example\\tFALSE\\t/\\tFALSE\\t0\\tb\\t\"", "a=1; b=");
    cookies("\"#HttpOnly_a.example\\tFALSE\\t/\\tFALSE\\t0\\ta\\t1\"", "a=1");

    no_cookies("\"# Netscape HTTP Cookie File\\na.example TRUE / TRUE 0 a 1\"",
               "a cookies.txt with a line that does not have seven fields "
               "separated by tabs");
    no_cookies("\"a\\tTRUE\\t/\\tTRUE\\t0\\ta\\t1\\t2\"",
               "cookies with ; or a control character in a value");
    no_cookies("\"a\\tTRUE\\t/\\tTRUE\\t0\\ta=b\\t1\"",
               "cookies with an invalid name");

    bad("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\","
        "\"cookies\":\"# Netscape HTTP Cookie File\\n# none\","
        "\"xbc\":\"x\",\"user_agent\":\"u\"}",
        "{\"cookies\":[\"The cookies field is required when auth_type is "
        "raw_data.\"]}");
}


static void
test_cookies_other(void **state)
{
    (void) state;

    no_cookies("\"abcdef\"", "a single value without =");
    no_cookies("\"Cookie: abcdef\"", "a single value without =");
    no_cookies("\"{'sess': 'a=b'}\"", "a Python dict");
    no_cookies("\"[{'name': 'sess', 'value': 'abc'}]\"", "a Python list");
    no_cookies("\"[('sess', 'abc')]\"", "a Python list");
    no_cookies("\"sess=abc; Path=/; HttpOnly\"", "a Set-Cookie header");
    no_cookies("\"sess=abc; secure\"", "a Set-Cookie header");
    no_cookies("\"a=1; b; c=2\"", "a cookie string with a part without =");
    no_cookies("\"a=1; =2\"", "cookies with an invalid name");
    no_cookies("\"\\\"a=1\\\"\"", "cookies with an invalid name");
    no_cookies("\"curl -H 'Cookie: a=1'\"",
               "cookies with an invalid name");
    no_cookies("\"a=1\\tb\"",
               "text with control characters such as line breaks or tabs");
}


static void
test_spellings(void **state)
{
    size_t       i;
    char         text[256];
    const char  *names[][4] = {
        { "authId", "cookie", "x-bc", "user-agent" },
        { "AUTH_ID", "Cookies", "XBC", "User-Agent" },
        { "auth id", "COOKIE", "X_BC", "useragent" },
        { "auth-id", "cookies", "xBc", "UserAgent" }
    };

    (void) state;

    for (i = 0; i < 4; i++) {
        (void) snprintf(text, sizeof(text),
                        "{\"authType\":\"raw_data\",\"%s\":\"1\","
                        "\"%s\":\"a=1\",\"%s\":\"x\",\"%s\":\"u\"}",
                        names[i][0], names[i][1], names[i][2], names[i][3]);
        ok(text, "{" RAW "}");
        bad_op("{\"auth-type\":\"x\"}", UPDATE, REJECT,
               "{\"auth_type\":[\"The auth_type field must be one of "
               "email_password, raw_data, mobile_app.\"]}");
    }

    ok("{\"E-Mail\":\"a@b.c\",\"Password\":\"p\"}", "{" LOGIN_OUT "}");

    ok("{\"auth_type\":\"raw_data\",\"auth_id\":12,\"cookies\":\"a=1\","
       "\"xbc\":\"X-BC: x\",\"user_agent\":\"user-agent:User-Agent:  Mozilla/5."
       "0 (a: b)\"}",
       "{\"auth_type\":\"raw_data\",\"auth_id\":\"12\",\"cookies\":\"a=1\","
       "\"xbc\":\"x\",\"user_agent\":\"Mozilla/5.0 (a: b)\"}");

    bad("{" RAW ",\"x-bc\":\"y\",\"user-agent\":1}",
        "{\"xbc\":[\"xbc and x-bc are both present and differ; send xbc "
        "only.\"],\"user-agent\":[\"The user-agent field must be a "
        "string.\"]}");
    bad_op("{" LOGIN ",\"force_connect\":1,\"forceConnect\":false}", START,
           DROP, "{\"force_connect\":[\"force_connect is present in two "
                 "spellings that differ; send force_connect only.\"]}");
    ok_op("{" LOGIN ",\"force-connect\":1,\"forceConnect\":1,"
          "\"Proxy_Country\":\"us\"}", START,
          "{" LOGIN_OUT ",\"proxyCountry\":\"us\",\"force_connect\":true}");
}


static void
test_hints(void **state)
{
    (void) state;

    bad("{\"username\":\"a@b.c\",\"passwd\":\"p\"}",
        "{\"email\":[\"The email field is required when auth_type is "
        "email_password; username was sent: send it as email.\"],"
        "\"password\":[\"The password field is required when auth_type is "
        "email_password; passwd was sent: send it as password.\"]}");
    bad("{\"auth_id\":\"1\",\"cookies\":\"a=1\"}",
        "{\"email\":[\"The email field is required when auth_type is "
        "email_password.\"],\"password\":[\"The password field is required "
        "when auth_type is email_password.\"],\"auth_type\":[\"This looks like "
        "raw_data: set auth_type to raw_data.\"]}");
    bad("{\"auth_type\":\"email_password\",\"email\":\"a@b.c\",\"xbc\":\"x\"}",
        "{\"password\":[\"The password field is required when auth_type is "
        "email_password.\"]}");
    bad("{\"email\":\"a@b.c\",\"xbc\":\" \",\"cookies\":null}",
        "{\"password\":[\"The password field is required when auth_type is "
        "email_password.\"]}");
    bad_op("{\"otp\":\"123456\"}", TWOFA, DROP,
           "{\"code\":[\"The code field is required; otp was sent: send it as "
           "code.\"]}");
}


static void
test_code(void **state)
{
    size_t  i;
    char    text[128], body[128];

    static const char  *cases[][2] = {
        { "\"123 456\"", "123456" },
        { "\"123\\u00a0456\"", "123456" },
        { "\"123-456\"", "123456" },
        { "\"123\\u2013456\\u200b\"", "123456" },
        { "\"\\uff11\\uff12\\uff13\\u3000\\uff14\\uff15\\uff10\\uff19\"",
          "1234509" },
        { "\"\\ufeff0012 34\"", "001234" },
        { "123456", "123456" },
        { "0", "0" },
        { "\"ab-cd 12\"", "ab-cd 12" },
        { "\"12\\ud83d\\ude0034\"", "12\xf0\x9f\x98\x80" "34" },
        { NULL, NULL }
    };

    (void) state;

    for (i = 0; cases[i][0]; i++) {
        (void) snprintf(text, sizeof(text), "{\"code\":%s}", cases[i][0]);
        (void) snprintf(body, sizeof(body), "{\"code\":\"%s\"}", cases[i][1]);
        ok_op(text, TWOFA, body);
    }

    bad_op("{\"code\":\" \\u00a0- \"}", TWOFA, DROP,
           "{\"code\":[\"Either the code field or "
           "selfie_verification_completed is required.\"]}");
}


static void
dropped(const char *text, reauth_operation_t op,
    reauth_unknown_fields_t unknown, const char *names, unsigned nunknown,
    unsigned nforeign)
{
    reauth_credentials_t  c;

    assert_int_equal(parse(text, op, unknown, &c), REAUTH_CREDENTIALS_OK);

    if (names) {
        assert_non_null(c.dropped);
        assert_string_equal(c.dropped, names);

    } else {
        assert_null(c.dropped);
    }

    assert_int_equal(c.nunknown, nunknown);
    assert_int_equal(c.nforeign, nforeign);

    reauth_credentials_free(&c);
}


static void
test_dropped_fields(void **state)
{
    int   i, n;
    char  text[512], *name;

    (void) state;

    dropped("{" LOGIN "}", UPDATE, DROP, NULL, 0, 0);
    dropped("{" LOGIN ",\"name\":\"n\",\"proxyCountry\":\"us\",\"x\":{}}",
            UPDATE, DROP, "name,proxyCountry,x", 3, 0);
    dropped("{" LOGIN ",\"x-bc\":\"x\",\"cookies\":[],\"y\":\"\"}", UPDATE,
            DROP, "x-bc,cookies,y", 1, 2);
    dropped("{" LOGIN ",\"xbc\":\" \",\"cookies\":null,\"y\":null}", UPDATE,
            DROP, NULL, 0, 0);
    dropped("{" LOGIN ",\"a b\":1,\"a,b\":1,\"\":1,\"\xc3\xa4\":1,\"a\\r\":1,"
            "\"a-b\":1,\"a_B9\":1}", UPDATE, DROP, "?,?,?,?,?,?,a_B9", 7, 0);
    dropped("{" LOGIN ",\"customProxy\":{\"host\":\"h\",\"port\":1,\"z\":1,"
            "\"a b\":2},\"y\":1}", START, DROP,
            "customProxy.z,customProxy.?,y", 3, 0);
    dropped("{\"code\":\"1\",\"email\":\"e\",\"auth_type\":\"raw_data\","
            "\"x\":1}", TWOFA, DROP, "email,auth_type,x", 1, 2);
    dropped("{" RAW ",\"email\":\"a@b.c\",\"x\":1}", UPDATE, PASS, "email", 0,
            1);

    /* it may override the method */

    dropped("{" RAW ",\"_method\":\"DELETE\",\"x\":1}", UPDATE, PASS,
            "_method", 1, 0);
    dropped("{" LOGIN ",\"_Method\":\"PUT\"}", START, PASS, "_Method", 1, 0);
    dropped("{\"code\":\"1\",\"_method\":1}", TWOFA, PASS, "_method", 1, 0);

    n = sprintf(text, "{" LOGIN);

    for (i = 0; i < 20; i++) {
        n += sprintf(text + n, ",\"f%d\":1", i);
    }

    (void) sprintf(text + n, "}");

    dropped(text, UPDATE, DROP,
            "f0,f1,f2,f3,f4,f5,f6,f7,f8,f9,f10,f11,f12,f13,f14,f15", 20, 0);

    name = filled("{" LOGIN ",\"", 65, 'n', "\":1}");
    dropped(name, UPDATE, DROP, "?", 1, 0);
    free(name);
}


static void
passed(const char *text, reauth_operation_t op, const char *body)
{
    reauth_credentials_t          c;
    reauth_credentials_result_t   rc;

    rc = parse(text, op, PASS, &c);

    assert_int_equal(rc, REAUTH_CREDENTIALS_OK);
    assert_string_equal(c.body, body);

    reauth_credentials_free(&c);
}


static void
test_fields_that_pass(void **state)
{
    char                  *text, *body;
    reauth_credentials_t   c;

    (void) state;

    passed("{\"z\":null,\"a b\\n\":[1,2.5,true,{\"y\":1, \"x\":\"\\u00e4\\"
           "u0001\"}]," LOGIN ",\"cookies\":\"a\",\"name\":7}", UPDATE,
           "{" LOGIN_OUT ",\"a b\\n\":[1,2.5,true,{\"x\":\"\xc3\xa4\\u0001\","
           "\"y\":1}],\"name\":7,\"z\":null}");
    passed("{" LOGIN ",\"name\":\" n \",\"b\":1,\"customProxy\":{\"host\":"
           "\"h\",\"z\":[],\"port\":\"1\"},\"a\":2}", START,
           "{" LOGIN_OUT ",\"name\":\"n\",\"customProxy\":{\"host\":\"h\","
           "\"port\":1,\"z\":[]},\"a\":2,\"b\":1}");
    passed("{\"code\":\"1 2\",\"email\":\"e\",\"x\":\"\"}", TWOFA,
           "{\"code\":\"12\",\"x\":\"\"}");
    passed("{" LOGIN "}", UPDATE, "{" LOGIN_OUT "}");
    passed("{" LOGIN ",\"_method\":\"DELETE\",\"method\":1}", START,
           "{" LOGIN_OUT ",\"method\":1}");

    /* {"n":"..."} is 8 bytes and what is in it */

    text = filled("{" LOGIN ",\"n\":\"", REAUTH_PASSED_MAX - 8, 'x', "\"}");
    body = filled("{" LOGIN_OUT ",\"n\":\"", REAUTH_PASSED_MAX - 8, 'x', "\"}");
    passed(text, UPDATE, body);
    free(text);
    free(body);

    text = filled("{" LOGIN ",\"n\":\"", REAUTH_PASSED_MAX - 7, 'x', "\"}");
    assert_int_equal(parse(text, UPDATE, PASS, &c),
                     REAUTH_CREDENTIALS_INVALID_FIELDS);
    assert_string_equal(c.errors[0].message,
                        "Unknown fields must not be longer than 16384 bytes "
                        "in total.");
    reauth_credentials_free(&c);
    free(text);

    /* numbers become longer than they came */

    text = filled("{" LOGIN ",\"n\":[1e9", 9000, ' ', ",5e-1,-0.25]}");
    passed(text, UPDATE,
           "{" LOGIN_OUT ",\"n\":[1000000000.0,0.5,-0.25]}");
    free(text);
}


static void
test_control_characters(void **state)
{
    size_t       i;
    const char  *inner[] = {
        "\\n", "\\r", "\\r\\nX-A: 1", "\\t", "\\u0001", "\\u001f", "\\u007f",
        "\\u0080", "\\u009f", "\x7f", NULL
    };
    char         text[512];

    (void) state;

    for (i = 0; inner[i]; i++) {

        (void) snprintf(text, sizeof(text),
                        "{\"email\":\"a%sb@c\",\"password\":\"p\"}",
                        inner[i]);
        bad(text, "{\"email\":[\"The email field must not contain control "
                  "characters such as line breaks or tabs.\"]}");

        (void) snprintf(text, sizeof(text),
                        "{\"auth_type\":\"raw_data\",\"auth_id\":\"a%sb\","
                        "\"cookies\":\"a=1;%sb=2\",\"xbc\":\"a%sb\","
                        "\"user_agent\":\"a%sb\"}", inner[i], inner[i],
                        inner[i], inner[i]);
        bad(text,
            "{\"auth_id\":[\"The auth_id field must not contain control "
            "characters such as line breaks or tabs.\"],\"cookies\":[\"The "
            "cookies field looks like text with control characters such as "
            "line breaks or tabs; send name=value; name=value, or an export "
            "of cookies as JSON or cookies.txt.\"],\"xbc\":[\"The xbc field "
            "must not contain control characters such as line breaks or "
            "tabs.\"],\"user_agent\":[\"The user_agent field must not contain "
            "control characters such as line breaks or tabs.\"]}");
    }

    /* U+00A0, and other characters with the same first byte */

    ok("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
       "\"xbc\":\"x\",\"user_agent\":\"a\\u00a0\\u00bfb\"}",
       "{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
       "\"xbc\":\"x\",\"user_agent\":\"a\xc2\xa0\xc2\xbf" "b\"}");
}


static void
test_aliases(void **state)
{
    (void) state;

    ok("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
       "\"x_bc\":\" x \",\"userAgent\":\"u\"}", "{" RAW "}");
    ok("{" RAW ",\"x_bc\":\" x \",\"userAgent\":\"u\"}", "{" RAW "}");
    ok("{" RAW ",\"x_bc\":null,\"userAgent\":\" \"}", "{" RAW "}");
    ok("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
       "\"xbc\":null,\"x_bc\":\"x\",\"user_agent\":\"\",\"userAgent\":\"u\"}",
       "{" RAW "}");

    bad("{" RAW ",\"x_bc\":\"y\",\"userAgent\":\"U\"}",
        "{\"xbc\":[\"xbc and x_bc are both present and differ; send xbc "
        "only.\"],\"user_agent\":[\"user_agent and userAgent are both present "
        "and differ; send user_agent only.\"]}");
    bad("{" RAW ",\"x_bc\":1}",
        "{\"x_bc\":[\"The x_bc field must be a string.\"]}");
    bad("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
        "\"xbc\":1,\"x_bc\":\"x\",\"user_agent\":\"u\"}",
        "{\"xbc\":[\"The xbc field must be a string.\"]}");
    bad("{\"auth_type\":\"raw_data\",\"auth_id\":\"1\",\"cookies\":\"a=1\","
        "\"xbc\":1,\"x_bc\":2,\"user_agent\":\"u\"}",
        "{\"xbc\":[\"The xbc field must be a string.\"],"
        "\"x_bc\":[\"The x_bc field must be a string.\"]}");
}


static void
test_canonical(void **state)
{
    (void) state;

    ok("{\"password\":\"p\",\"email\":\"a@B.C\","
       "\"auth_type\":\"email_password\"}", "{" LOGIN_OUT "}");
    ok("\n{ \"password\" : \"\\u0070\" ,\t\"email\":\" a@b.c\" }\n",
       "{" LOGIN_OUT "}");
    ok("{\"user_agent\":\"u\",\"xbc\":\"x\",\"cookies\":\"a=1;\","
       "\"auth_id\":\"1\",\"auth_type\":\"raw_data\"}", "{" RAW "}");
    ok("{\"auth_type\":\"email_password\",\"email\":\"a@b\","
       "\"password\":\"\\ud83d\\ude00\\/\"}",
       "{\"auth_type\":\"email_password\",\"email\":\"a@b\","
       "\"password\":\"\xf0\x9f\x98\x80/\"}");
}


static void
test_unknown_fields(void **state)
{
    reauth_credentials_t  c;

    (void) state;

    /* dropped, whatever they hold */

    ok("{" LOGIN ",\"xbc\":1,\"cookies\":\"a\\nb\",\"foo\":{\"a\":[1]},"
       "\"name\":\"n\",\"code\":\"1\"}", "{" LOGIN_OUT "}");
    ok("{\"auth_type\":\"mobile_app\",\"email\":\"not one\"}",
       "{\"auth_type\":\"mobile_app\"}");

    bad_op("{" LOGIN ",\"xbc\":\"x\",\"userAgent\":\"u\",\"foo\":1,"
           "\"name\":\"n\"}", UPDATE, REJECT,
           "{\"xbc\":[\"The xbc field does not belong to auth_type "
           "email_password; omit it.\"],"
           "\"userAgent\":[\"The userAgent field does not belong to auth_type "
           "email_password; omit it.\"],"
           "\"foo\":[\"The foo field is unknown; omit it.\"],"
           "\"name\":[\"The name field is unknown; omit it.\"]}");

    /* null is no field */

    assert_int_equal(parse("{" LOGIN ",\"xbc\":null,\"foo\":null}", UPDATE,
                           REJECT, &c),
                     REAUTH_CREDENTIALS_OK);
    reauth_credentials_free(&c);

    assert_int_equal(parse("{" RAW ",\"x_bc\":\"x\"}", UPDATE, REJECT, &c),
                     REAUTH_CREDENTIALS_OK);
    reauth_credentials_free(&c);
}


static void
test_unknown_names(void **state)
{
    char                   buf[128], *text;
    size_t                 i;
    const char            *names[] = {
        "", "a b", "a-b", "<script>", "\xc3\xa4", "a\\nb", "a.b", NULL
    };
    reauth_credentials_t   c;

    (void) state;

    for (i = 0; names[i]; i++) {
        (void) snprintf(buf, sizeof(buf), "{" LOGIN ",\"%s\":1}", names[i]);
        bad_op(buf, UPDATE, REJECT,
               "{\"a field\":[\"A field whose name is not a plain identifier "
               "is unknown; omit it.\"]}");
    }

    text = filled("{" LOGIN ",\"", 65, 'n', "\":1}");
    bad_op(text, UPDATE, REJECT,
           "{\"a field\":[\"A field whose name is not a plain identifier is "
           "unknown; omit it.\"]}");
    free(text);

    text = filled("{" LOGIN ",\"", 64, 'n', "\":1}");
    assert_int_equal(parse(text, UPDATE, REJECT, &c),
                     REAUTH_CREDENTIALS_INVALID_FIELDS);
    assert_int_equal(strlen(c.errors[0].field), 64);
    reauth_credentials_free(&c);
    free(text);
}


static void
test_many_errors(void **state)
{
    int                    i, n;
    char                   text[4096];
    json_t                *json;
    reauth_credentials_t   c;

    (void) state;

    n = sprintf(text, "{" LOGIN);

    for (i = 0; i < 40; i++) {
        n += sprintf(text + n, ",\"f%d\":1", i);
    }

    (void) sprintf(text + n, "}");

    assert_int_equal(parse(text, UPDATE, REJECT, &c),
                     REAUTH_CREDENTIALS_INVALID_FIELDS);
    assert_int_equal(c.nerrors, REAUTH_FIELD_ERRORS_MAX);

    json = reauth_credentials_errors(&c);
    assert_int_equal(json_object_size(json), REAUTH_FIELD_ERRORS_MAX);
    json_decref(json);

    reauth_credentials_free(&c);
}


static void
test_invalid_json(void **state)
{
    size_t                 i;
    reauth_credentials_t   c;

    static const struct {
        const char  *text;
        const char  *reason;
    } cases[] = {
        { "[]", "the top level must be an object" },
        { "null", "the top level must be an object" },
        { "{", "unexpected end of the text" },
        { "{} {}", "unexpected data after the end of the JSON text" },
        { "{\"email\":\"a\",\"email\":\"b\"}",
          "a name is duplicated in an object" },
        { "{\"email\":\"a\",\"\\u0065mail\":\"b\"}",
          "a name is duplicated in an object" },
        { "{\"password\":\"a\\u0000b\"}", "\\u0000 (NUL) is not allowed" },
        { "{\"password\":\"\xff\"}", "not valid UTF-8" },
        { "\xef\xbb\xbf{" LOGIN "}",
          "a byte order mark before the text; send UTF-8 without one" },
        { "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
          "nested too deeply; at most 16 levels are allowed" },
        { NULL, NULL }
    };

    (void) state;

    for (i = 0; cases[i].text; i++) {
        assert_int_equal(parse(cases[i].text, UPDATE, DROP, &c),
                         REAUTH_CREDENTIALS_INVALID_JSON);
        assert_string_equal(c.json_error.reason, cases[i].reason);
        assert_int_equal(c.json_error.line, 1);
        assert_in_range(c.json_error.column, 1, 64);
        reauth_credentials_free(&c);
    }
}


static void
test_never_echoes(void **state)
{
    unsigned               i;
    const char            *text =
        "{\"auth_type\":\"sEcReT\",\"email\":\"sEcReT\",\"xbc\":\"sEcReT\\n\\n"
        "x\",\"x_bc\":\"sEcReT2\",\"cookies\":\"sEcReT\\tx\","
        "\"force_connect\":\"sEcReT\",\"customProxy\":{\"port\":\"sEcReT\"}}";
    reauth_credentials_t   c;

    (void) state;

    assert_int_equal(parse(text, START, REJECT, &c),
                     REAUTH_CREDENTIALS_INVALID_FIELDS);
    assert_in_range(c.nerrors, 6, 32);

    for (i = 0; i < c.nerrors; i++) {
        assert_null(strstr(c.errors[i].message, "sEcReT"));
        assert_null(strstr(c.errors[i].field, "sEcReT"));
    }

    reauth_credentials_free(&c);
}


static void
test_start(void **state)
{
    reauth_credentials_t  c;

    (void) state;

    ok_op("{\"force_connect\":true,\"name\":\" My account \"," LOGIN
          ",\"proxyCountry\":\"us\"}", START,
          "{" LOGIN_OUT ",\"name\":\"My account\",\"proxyCountry\":\"us\","
          "\"force_connect\":true}");
    ok_op("{\"force_connect\":1.0," LOGIN ",\"customProxy\":{\"host\":\"h\","
          "\"port\":8.08e3}}", START,
          "{" LOGIN_OUT ",\"customProxy\":{\"host\":\"h\","
          "\"port\":8080},\"force_connect\":true}");
    ok_op("{" LOGIN ",\"force_connect\":false,\"name\":\" \","
          "\"proxyCountry\":null,\"customProxy\":null}", START,
          "{" LOGIN_OUT ",\"force_connect\":false}");
    ok_op("{" LOGIN ",\"customProxy\":{\"password\":\" x \",\"username\":"
          "\" u \",\"port\":8080,\"host\":\" proxy.example \",\"z\":1}}",
          START,
          "{" LOGIN_OUT ",\"customProxy\":{\"host\":\"proxy.example\","
          "\"port\":8080,\"username\":\"u\",\"password\":\" x \"}}");
    ok_op("{" LOGIN ",\"customProxy\":{\"host\":\"h\",\"port\":\" 65535 \","
          "\"username\":null}}", START,
          "{" LOGIN_OUT ",\"customProxy\":{\"host\":\"h\",\"port\":65535}}");
    ok_op("{" LOGIN ",\"customProxy\":{\"host\":\"h\",\"port\":1}}", START,
          "{" LOGIN_OUT ",\"customProxy\":{\"host\":\"h\",\"port\":1}}");

    assert_int_equal(parse("{" LOGIN ",\"name\":\"n\",\"customProxy\":"
                           "{\"host\":\"h\",\"port\":1,\"z\":null}}", START,
                           REJECT, &c),
                     REAUTH_CREDENTIALS_OK);
    reauth_credentials_free(&c);

    bad_op("{}", START, DROP,
           "{\"email\":[\"The email field is required when auth_type is "
           "email_password.\"],\"password\":[\"The password field is required "
           "when auth_type is email_password.\"]}");

    bound("{" LOGIN ",\"name\":\"", "\"}", 255, 'n', START,
          "The name field must not be longer than 255 bytes.");
    bound("{" LOGIN ",\"proxyCountry\":\"", "\"}", 64, 'n', START,
          "The proxyCountry field must not be longer than 64 bytes.");
    bound("{" LOGIN ",\"customProxy\":{\"port\":1,\"host\":\"", "\"}}", 255,
          'n', START,
          "The customProxy.host field must not be longer than 255 bytes.");
}


static void
test_start_errors(void **state)
{
    size_t       i;
    char         text[256];
    const char  *ports[] = {
        "0", "65536", "-1", "1.5", "8080.5", "65536.0", "true", "[]",
        "\"0\"", "\"65536\"", "\"99999999999999999999999\"", "\"8o\"",
        "\"-1\"", NULL
    };
    const char  *flags[] = {
        "2", "-1", "1.5", "2.0", "\"TRUE\"", "\"yes\"", "\"2\"", "[]",
        "{}", NULL
    };

    (void) state;

    for (i = 0; ports[i]; i++) {
        (void) snprintf(text, sizeof(text),
                        "{" LOGIN ",\"customProxy\":{\"host\":\"h\","
                        "\"port\":%s}}", ports[i]);
        bad_op(text, START, DROP,
               "{\"customProxy.port\":[\"The customProxy.port field must be a "
               "number from 1 to 65535.\"]}");
    }

    for (i = 0; flags[i]; i++) {
        (void) snprintf(text, sizeof(text),
                        "{" LOGIN ",\"force_connect\":%s}", flags[i]);
        bad_op(text, START, DROP,
               "{\"force_connect\":[\"The force_connect field must be true or "
               "false.\"]}");
    }

    bad_op("{" LOGIN ",\"customProxy\":\"h:1\"}", START, DROP,
           "{\"customProxy\":[\"The customProxy field must be an object with "
           "host, port, username and password.\"]}");
    bad_op("{" LOGIN ",\"customProxy\":{\"port\":\" \"}}", START, DROP,
           "{\"customProxy.host\":[\"The customProxy.host field is required "
           "when customProxy is present.\"],\"customProxy.port\":[\"The "
           "customProxy.port field is required when customProxy is "
           "present.\"]}");
    bad_op("{" LOGIN ",\"customProxy\":{\"host\":\"a b\",\"port\":1,"
           "\"username\":1,\"password\":2}}", START, DROP,
           "{\"customProxy.host\":[\"The customProxy.host field must not "
           "contain blanks.\"],\"customProxy.username\":[\"The "
           "customProxy.username field must be a "
           "string.\"],\"customProxy.password\":[\"The customProxy.password "
           "field must be a string.\"]}");
    bad_op("{" LOGIN ",\"proxyCountry\":\"us\",\"customProxy\":"
           "{\"host\":\"h\",\"port\":1}}", START, DROP,
           "{\"customProxy\":[\"proxyCountry and customProxy are mutually "
           "exclusive; send one of them.\"]}");
    bad_op("{" LOGIN ",\"bar\":1,\"customProxy\":{\"host\":\"h\",\"port\":1,"
           "\"foo\":1,\"a b\":1}}", START, REJECT,
           "{\"customProxy.foo\":[\"The customProxy.foo field is unknown; "
           "omit it.\"],\"customProxy.a field\":[\"A field whose name is not "
           "a plain identifier is unknown; omit it.\"],\"bar\":[\"The bar "
           "field is unknown; omit it.\"]}");
}


static void
test_submit_2fa(void **state)
{
    char                   text[128];
    size_t                 i;
    const char            *values[] = {
        "false", "1", "\"false\"", "\"TRUE\"", "[]", NULL
    };
    reauth_credentials_t   c;

    (void) state;

    ok_op("{\"code\":\" 123456\\n\"}", TWOFA, "{\"code\":\"123456\"}");
    ok_op("{\"selfie_verification_completed\":true}", TWOFA,
          "{\"selfie_verification_completed\":true}");
    ok_op("{\"selfie_verification_completed\":\"true\",\"code\":\" \"}",
          TWOFA, "{\"selfie_verification_completed\":true}");
    ok_op("{\"code\":\"1\",\"selfie_verification_completed\":null,"
          "\"foo\":1}", TWOFA, "{\"code\":\"1\"}");
    ok_op("{\"code\":\"1\",\"selfie_verification_completed\":\"\"}", TWOFA,
          "{\"code\":\"1\"}");

    bound("{\"code\":\"", "\"}", 64, '1', TWOFA,
          "The code field must not be longer than 64 bytes.");

    bad_op("", TWOFA, DROP,
           "{\"code\":[\"Either the code field or "
           "selfie_verification_completed is required.\"]}");
    bad_op("{\"code\":\"  \"}", TWOFA, DROP,
           "{\"code\":[\"Either the code field or "
           "selfie_verification_completed is required.\"]}");
    bad_op("{\"code\":-1}", TWOFA, DROP,
           "{\"code\":[\"The code field must be a string or a whole "
           "number.\"]}");
    bad_op("{\"code\":\"1\\n2\"}", TWOFA, DROP,
           "{\"code\":[\"The code field must not contain control characters "
           "such as line breaks or tabs.\"]}");
    bad_op("{\"code\":\"1\",\"selfie_verification_completed\":true}", TWOFA,
           DROP,
           "{\"code\":[\"code and selfie_verification_completed are mutually "
           "exclusive; send one of them.\"]}");

    for (i = 0; values[i]; i++) {
        (void) snprintf(text, sizeof(text),
                        "{\"selfie_verification_completed\":%s}", values[i]);
        bad_op(text, TWOFA, DROP,
               "{\"selfie_verification_completed\":[\"The "
               "selfie_verification_completed field must be true; omit it "
               "until the selfie is done.\"]}");
    }

    bad_op("{\"code\":\"1\",\"email\":\"a@b\",\"auth_type\":\"raw_data\"}",
           TWOFA, REJECT,
           "{\"email\":[\"The email field is unknown; omit "
           "it.\"],\"auth_type\":[\"The auth_type field is unknown; omit "
           "it.\"]}");

    assert_int_equal(parse("{\"code\":\"1\"}", TWOFA, REJECT, &c),
                     REAUTH_CREDENTIALS_OK);
    assert_int_equal(c.auth_type, REAUTH_AUTH_TYPE_NONE);
    reauth_credentials_free(&c);
}


static void
test_no_memory(void **state)
{
    size_t                        i;
    json_t                       *json;
    unsigned                      n;
    json_free_t                   f;
    json_malloc_t                 m;
    reauth_string_t               s;
    reauth_operation_t            op;
    reauth_credentials_t          c;
    reauth_credentials_result_t   rc;

    const char                   *texts[] = {
        "",
        "{\"auth_type\":\"raw_data\",\"auth_id\":1,\"xbc\":\"x\",\"email\":"
        "\"e\",\"user_agent\":\"u\",\"cookies\":\"[{\\\"name\\\":\\\"a\\\","
        "\\\"value\\\":\\\"1\\\"}]\",\"z\":[1]}",
        "{" RAW ",\"x_bc\":\"x\",\"name\":\"n\",\"force_connect\":true,"
        "\"customProxy\":{\"host\":\"h\",\"port\":1}}",
        "{\"code\":\"1\"}"
    };
    reauth_operation_t            ops[] = { UPDATE, UPDATE, START, TWOFA };
    reauth_unknown_fields_t       unknown[] = { REJECT, PASS, REJECT, DROP };

    (void) state;

    json_get_alloc_funcs(&m, &f);
    json_set_alloc_funcs(failing_malloc, f);

    for (i = 0; i < 4; i++) {
        s = reauth_string_from(texts[i]);
        op = ops[i];

        for (n = 0; n < 1000; n++) {
            allocations_left = n;

            rc = reauth_credentials_parse(&s, op, unknown[i], &c);

            if (rc != REAUTH_CREDENTIALS_NO_MEMORY) {
                break;
            }

            assert_null(c.body);
            reauth_credentials_free(&c);
        }

        assert_in_range(n, 2, 999);
        assert_int_equal(rc, i ? REAUTH_CREDENTIALS_OK
                               : REAUTH_CREDENTIALS_INVALID_FIELDS);

        for (n = 0; rc == REAUTH_CREDENTIALS_INVALID_FIELDS; n++) {
            allocations_left = n;

            json = reauth_credentials_errors(&c);

            if (json) {
                assert_in_range(n, 2, 100);
                json_decref(json);
                break;
            }
        }

        reauth_credentials_free(&c);
    }

    json_set_alloc_funcs(m, f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_auth_types),
        cmocka_unit_test(test_bad_auth_type),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_email),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_raw_data_bounds),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_cookies_json),
        cmocka_unit_test(test_cookies_netscape),
        cmocka_unit_test(test_cookies_other),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_dropped_fields),
        cmocka_unit_test(test_fields_that_pass),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_invalid_json),
        cmocka_unit_test(test_never_echoes),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_start_errors),
        cmocka_unit_test(test_submit_2fa),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
