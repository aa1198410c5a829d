
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_json.h"
#include "reauth_update_answer.h"

#include "failing.h"


#define T64  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"


static const reauth_string_t  gateway = reauth_string("http://gw.test:8080");

static reauth_unread_t  why;


static void
good(const char *text, unsigned fansly, const char *attempt,
    const char *account, const char *deeplink, const char *body)
{
    unsigned char           *copy;
    reauth_string_t          s;
    reauth_update_answer_t   a;

    s = reauth_string_from(text);

    copy = malloc(s.len);
    assert_non_null(copy);
    memcpy(copy, text, s.len);
    s.data = copy;

    assert_int_equal(reauth_update_answer_parse(&s, fansly, &gateway, &a,
                                                &why),
                     REAUTH_UPDATE_ANSWER_OK);

    free(copy);

    assert_string_equal(a.attempt, attempt);
    assert_string_equal(a.account, account);

    if (deeplink) {
        assert_int_equal(a.deeplink_len, strlen(deeplink));
        assert_memory_equal(a.deeplink, deeplink, strlen(deeplink));

    } else {
        assert_null(a.deeplink);
    }

    if (body) {
        assert_non_null(a.body);
        assert_string_equal(a.body, body);
        assert_int_equal(a.body_len, strlen(body));

    } else {
        assert_null(a.body);
    }

    reauth_update_answer_free(&a);

    assert_null(a.body);
    assert_null(a.deeplink);
}


static void
good_text(char *text, size_t size, const char *url)
{
    (void) snprintf(text, size,
                    "{ \"attempt_id\":\"auth_X\", \"polling_url\":\"%s\"}",
                    url);
}


static void
test_update(void **state)
{
    (void) state;

    good("{\"attempt_id\":\"auth_X\",\"message\":\"m\",\"polling_url\":"
         "\"https://app.onlyfansapi.com/api/authenticate/auth_X\"}",
         0, "auth_X", "", NULL,
         "{\"attempt_id\":\"auth_X\",\"message\":\"m\",\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_X\"}");

    good("{\"attempt_id\":\"auth_" T64 "\",\"message\":\"m\",\"polling_url\":"
         "\"https:\\/\\/api.fansapi.com\\/api\\/authenticate\\/auth_" T64 "\","
         "\"mobile_auth_session_deeplink\":\"fansapiauth://auth/x\"}",
         0, "auth_" T64, "", "fansapiauth://auth/x",
         "{\"attempt_id\":\"auth_" T64 "\",\"message\":\"m\",\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_" T64 "\","
         "\"mobile_auth_session_deeplink\":\"fansapiauth://auth/x\"}");

    good("{\"data\":{\"attempt_id\":\"auth_X\",\"polling_url\":"
         "\"HTTP://127.0.0.1:9090/api/authenticate/auth_X?a=1\"},\"n\":1}",
         0, "auth_X", "", NULL,
         "{\"data\":{\"attempt_id\":\"auth_X\",\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_X?a=1\"},\"n\":1}");
}


static void
test_reauthenticate(void **state)
{
    (void) state;

    good("{\"success\":true,\"message\":\"m\",\"polling_url\":"
         "\"https://api.fansapi.com/api/authenticate/auth_Y\"}",
         0, "auth_Y", "", NULL,
         "{\"success\":true,\"message\":\"m\",\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_Y\"}");

    good("{\"polling_url\":\"/api/authenticate/auth_Y?x=/1\"}",
         0, "auth_Y", "", NULL,
         "{\"polling_url\":\"http://gw.test:8080/api/authenticate/auth_Y"
         "?x=/1\"}");
    good("{\"polling_url\":\"/api/authenticate/auth_Y?x=/1#/2\"}",
         0, "auth_Y", "", NULL,
         "{\"polling_url\":\"http://gw.test:8080/api/authenticate/auth_Y\"}");

    /* an invalid attempt_id does not discard the attempt */

    good("{\"attempt_id\":7,\"polling_url\":\"/auth_Y\"}", 0, "auth_Y", "",
         NULL,
         "{\"attempt_id\":7,\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_Y\"}");
    good("{\"attempt_id\":\"a/b\",\"polling_url\":\"auth_Y\"}", 0, "auth_Y",
         "", NULL,
         "{\"attempt_id\":\"a/b\",\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_Y\"}");
}


static void
test_fansly(void **state)
{
    (void) state;

    good("{\"success\":true,\"polling_url\":"
         "\"https://h/api/fansly/authenticate/fansly_acct_X\"}",
         1, "", "fansly_acct_X", NULL,
         "{\"success\":true,\"polling_url\":"
         "\"http://gw.test:8080/api/fansly/authenticate/fansly_acct_X\"}");
    good("{\"account_id\":\"fansly_acct_Z\"}", 1, "", "fansly_acct_Z", NULL,
         NULL);
    good("{}", 1, "", "", NULL, NULL);

    good("{\"attempt_id\":\"auth_X\",\"account_id\":\"acct_Z\"}", 0,
         "auth_X", "acct_Z", NULL, NULL);
}


/* it leads anywhere but to the poll of the attempt: ours is there instead */

static void
elsewhere(const char *url)
{
    char                     text[256];
    reauth_string_t          s;
    reauth_update_answer_t   a;

    good_text(text, sizeof(text), url);
    good(text, 0, "auth_X", "", NULL,
         "{ \"attempt_id\":\"auth_X\", \"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_X\"}");

    s = reauth_string_from(text);
    assert_int_equal(reauth_update_answer_parse(&s, 0, &gateway, &a, &why),
                     REAUTH_UPDATE_ANSWER_OK);
    assert_true(a.elsewhere);
    reauth_update_answer_free(&a);
}


static void
test_polling_url_that_leads_elsewhere(void **state)
{
    size_t       i;
    const char  *urls[] = {
        "https://h/other/authenticate/auth_X",
        "https://h/apix/auth_X",
        "https://h/api/",
        "https://h/api/acct_1/me",
        "https://h/api/authenticate/auth_Y",
        "https://h/api/authenticate/auth_X/",
        "https://h/api/authenticate/auth_X/send-email-to-creator",
        "https://h/api/authenticate/../auth_X",
        "https://h/api/authenticate/auth_X#/x",
        "https://h/api/authenticate/%61uth_X",
        "https://h/api/fansly/authenticate/fansly_acct_X",
        "https://h//api/authenticate/auth_X",
        "https://h",
        "https://",
        "https:///",
        "http:/",
        "https://h?u=/api/authenticate/auth_X",
        "https://h#/api/authenticate/auth_X",
        "ftp://h/api/authenticate/auth_X",
        "javascript:alert(1)//api/authenticate/auth_X",
        "//h/api/authenticate/auth_X",
        "api/authenticate/auth_X",
        "/api/authenticate/auth_X?\\u001b[31m",
        "x",
        NULL
    };

    (void) state;

    for (i = 0; urls[i]; i++) {
        elsewhere(urls[i]);
    }

    /* without an id there is no place */

    good("{\"polling_url\":\"https://h/x\"}", 1, "", "", NULL,
         "{\"polling_url\":null}");
    good("{\"account_id\":\"fansly_acct_Z\",\"polling_url\":\"https://h/x\"}",
         1, "", "fansly_acct_Z", NULL,
         "{\"account_id\":\"fansly_acct_Z\",\"polling_url\":"
         "\"http://gw.test:8080/api/fansly/authenticate/fansly_acct_Z\"}");
}


static void
test_untouched(void **state)
{
    char  text[256];

    (void) state;

    good_text(text, sizeof(text),
              "http://gw.test:8080/api/authenticate/auth_X");
    good(text, 0, "auth_X", "", NULL, NULL);

    good_text(text, sizeof(text), "");
    good(text, 0, "auth_X", "", NULL, NULL);

    good("{\"attempt_id\":\"auth_X\",\"polling_url\":null}", 0, "auth_X", "",
         NULL, NULL);
    good("{\"attempt_id\":\"auth_X\",\"polling_url\":1,"
         "\"mobile_auth_session_deeplink\":null}", 0, "auth_X", "", NULL,
         NULL);
    good("{\"attempt_id\":\"auth_X\",\"mobile_auth_session_deeplink\":\"\"}",
         0, "auth_X", "", NULL, NULL);
}


static void
test_other_members_are_kept(void **state)
{
    (void) state;

    good("{\"z\":1.5,\"polling_url\":"
         "\"https://h/api/authenticate/auth_X\",\"a\":[null,true,"
         "9007199254740993,{\"polling_url\":\"https://h/api/x\"}],"
         "\"attempt_id\":\"auth_X\",\"u\":\"\xc3\xa4\\n\\\"\"}",
         0, "auth_X", "", NULL,
         "{\"z\":1.5,\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_X\",\"a\":"
         "[null,true,9007199254740993,{\"polling_url\":\"https://h/api/x\"}],"
         "\"attempt_id\":\"auth_X\",\"u\":\"\xc3\xa4\\n\\\"\"}");

    /* what a strict reader refuses; of names that repeat the last one counts */

    good("{\"attempt_id\":\"auth_1\",\"x\":[\"a\\u0000b\\ud83d\","
         "1e400,\"\xff\"],"
         "\"polling_url\":\"https://g/api/w\",\"attempt_id\":\"auth_X\",\n"
         "\"p\\u006flling_url\" : "
         "\"https:\\/\\/h\\/api\\/authenticate\\/auth_X\" , "
         "\"x\":\"\\udc00\"}",
         0, "auth_X", "", NULL,
         "{\"attempt_id\":\"auth_1\",\"x\":[\"a\\u0000b\\ud83d\","
         "1e400,\"\xff\"],"
         "\"polling_url\":\"https://g/api/w\",\"attempt_id\":\"auth_X\",\n"
         "\"p\\u006flling_url\" : "
         "\"http://gw.test:8080/api/authenticate/auth_X\" , "
         "\"x\":\"\\udc00\"}");

    good("{\"data\":{\"polling_url\":\"https://h/api/authenticate/auth_X\"},"
         "\"n\":18446744073709551616}", 0, "auth_X", "", NULL,
         "{\"data\":{\"polling_url\":"
         "\"http://gw.test:8080/api/authenticate/auth_X\"},"
         "\"n\":18446744073709551616}");
}


static void
test_no_attempt(void **state)
{
    size_t                   i;
    reauth_string_t          s;
    reauth_update_answer_t   a;

    const char              *texts[] = {
        "", "  ", "<html>", "[]", "null", "{", "{}",
        "{\"message\":\"m\"}", "{\"attempt_id\":null}", "{\"attempt_id\":1}",
        "{\"attempt_id\":\"\"}", "{\"attempt_id\":\"auth_\"}",
        "{\"attempt_id\":\"acct_X\"}", "{\"attempt_id\":\"auth_a b\"}",
        "{\"attempt_id\":\"auth_" T64 "x\"}",
        "{\"polling_url\":\"https://h/api/authenticate/\"}",
        "{\"polling_url\":\"https://h/api/authenticate/auth_X/\"}",
        "{\"polling_url\":\"https://h/api?auth_X\"}",
        "{\"data\":[]}", "{\"data\":{\"message\":\"m\"}}", NULL
    };

    (void) state;

    for (i = 0; texts[i]; i++) {
        s = reauth_string_from(texts[i]);

        assert_int_equal(reauth_update_answer_parse(&s, 0, &gateway, &a,
                                                    &why),
                         REAUTH_UPDATE_ANSWER_BAD);
        assert_null(a.body);
        assert_non_null(why.reason);
        reauth_update_answer_free(&a);
    }

    s = reauth_string_from("[]");
    assert_int_equal(reauth_update_answer_parse(&s, 1, &gateway, &a, &why),
                     REAUTH_UPDATE_ANSWER_BAD);
    reauth_update_answer_free(&a);
}


static void
built(reauth_operation_t op, unsigned fansly, const char *id,
    const char *deeplink, const char *expected)
{
    char             *text;
    size_t            len;
    reauth_string_t   i, d;

    i = reauth_string_from(id);
    d = reauth_string_from(deeplink);

    text = reauth_update_answer_text(op, fansly, &i, &gateway, &d, &len);

    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));

    reauth_json_text_free(text);
}


static void
test_text(void **state)
{
    (void) state;

    built(REAUTH_OPERATION_UPDATE, 0, "auth_X", "",
          "{\"attempt_id\":\"auth_X\",\"message\":\"Authentication credentials "
          "updated. Re-authentication started. Query the polling_url to check "
          "the progress.\",\"polling_url\":"
          "\"http://gw.test:8080/api/authenticate/auth_X\"}");
    built(REAUTH_OPERATION_UPDATE, 0, "auth_X", "fansapiauth://auth/x",
          "{\"attempt_id\":\"auth_X\",\"message\":\"Authentication credentials "
          "updated. Re-authentication started. Query the polling_url to check "
          "the progress.\",\"polling_url\":"
          "\"http://gw.test:8080/api/authenticate/auth_X\","
          "\"mobile_auth_session_deeplink\":\"fansapiauth://auth/x\"}");
    built(REAUTH_OPERATION_REAUTHENTICATE, 0, "auth_X",
          "fansapiauth://auth/x",
          "{\"success\":true,\"message\":\"Re-authentication started. Query "
          "the polling_url to check the progress.\",\"polling_url\":"
          "\"http://gw.test:8080/api/authenticate/auth_X\"}");
    built(REAUTH_OPERATION_REAUTHENTICATE, 1, "fansly_acct_X", "",
          "{\"success\":true,\"message\":\"Re-authentication started. Query "
          "the polling_url to check the progress.\",\"polling_url\":"
          "\"http://gw.test:8080/api/fansly/authenticate/fansly_acct_X\"}");
}


static void
test_no_memory(void **state)
{
    char                           *text;
    size_t                          len;
    unsigned                        n;
    json_free_t                     f;
    json_malloc_t                   m;
    reauth_string_t                 s, id, deeplink;
    reauth_update_answer_t          a;
    reauth_update_answer_result_t   rc;

    (void) state;

    s = reauth_string_from(
            "{\"attempt_id\":\"auth_X\",\"polling_url\":\"https://h/api/x\","
            "\"mobile_auth_session_deeplink\":\"d\"}");
    id = reauth_string_from("auth_X");
    deeplink = reauth_string_from("d\"");

    json_get_alloc_funcs(&m, &f);
    json_set_alloc_funcs(failing_malloc, f);

    for (n = 0; n < 1000; n++) {
        allocations_left = n;

        rc = reauth_update_answer_parse(&s, 0, &gateway, &a, &why);

        assert_int_equal(rc == REAUTH_UPDATE_ANSWER_OK, a.body != NULL);
        reauth_update_answer_free(&a);

        if (rc == REAUTH_UPDATE_ANSWER_OK) {
            break;
        }

        assert_int_equal(rc, REAUTH_UPDATE_ANSWER_NO_MEMORY);
    }

    assert_in_range(n, 1, 999);

    for (n = 0; n < 1000; n++) {
        allocations_left = n;

        text = reauth_update_answer_text(REAUTH_OPERATION_UPDATE, 0, &id,
                                         &gateway, &deeplink, &len);

        if (text) {
            reauth_json_text_free(text);
            break;
        }
    }

    /* the text, and what it takes to escape a quote */
    assert_in_range(n, 3, 999);

    json_set_alloc_funcs(m, f);
}


/* of what a repeat is sent, only the same bytes will do */

static int
composed(reauth_operation_t operation, const char *origin, const char *link,
    const char *body)
{
    reauth_string_t  id, from, deeplink, text;

    id = reauth_string_from("auth_X");
    from = reauth_string_from(origin);
    deeplink = reauth_string_from(link);
    text = reauth_string_from(body);

    return reauth_update_answer_is_composed(operation, 0, &id, &from,
                                            &deeplink, &text);
}


#define UPDATED                                                               \
    "\"message\":\"Authentication credentials updated. "                      \
    "Re-authentication started. Query the polling_url to check the "          \
    "progress.\""

#define POLLING_URL                                                           \
    "\"polling_url\":\"http://h/api/authenticate/auth_X\""


static void
test_composed(void **state)
{
    (void) state;

    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL "}"), 1);

    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "a:b",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL
        ",\"mobile_auth_session_deeplink\":\"a:b\"}"), 1);

    assert_int_equal(composed(REAUTH_OPERATION_REAUTHENTICATE, "http://h", "",
        "{\"success\":true,\"message\":\"Re-authentication started. Query the "
        "polling_url to check the progress.\"," POLLING_URL "}"), 1);

    /* another address, shape, message, member, order, blank, end */

    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://i", "",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL "}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_REAUTHENTICATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL "}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\",\"message\":\"m\"," POLLING_URL "}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL ",\"a\":1}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\"," POLLING_URL "," UPDATED "}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\", " UPDATED "," POLLING_URL "}"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "",
        "{\"attempt_id\":\"auth_X\"," UPDATED "," POLLING_URL "}\n"), 0);
    assert_int_equal(composed(REAUTH_OPERATION_UPDATE, "http://h", "", ""), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_reauthenticate),
        cmocka_unit_test(test_fansly),
        cmocka_unit_test(test_polling_url_that_leads_elsewhere),
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_other_members_are_kept),
        cmocka_unit_test(test_no_attempt),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_composed),
        cmocka_unit_test(test_no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
