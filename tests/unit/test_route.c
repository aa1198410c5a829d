
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_route.h"


#define T64  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"


typedef struct {
    const char             *method;
    const char             *path;
    reauth_route_result_t   result;
    reauth_operation_t      operation;
    unsigned                fansly;
    const char             *id;
    const char             *allow;
} route_case_t;


static void
check(const char *method, const char *path, reauth_route_result_t result,
    reauth_operation_t operation, unsigned fansly, const char *id,
    const char *allow)
{
    reauth_route_t    route;
    unsigned char    *copy;
    reauth_string_t   m, p;

    m = reauth_string_from(method);
    p = reauth_string_from(path);

    copy = malloc(p.len ? p.len : 1);
    assert_non_null(copy);
    memcpy(copy, path, p.len);
    p.data = copy;

    if (reauth_route(&m, &p, &route) != result) {
        fail_msg("%s %s: not the result expected", method, path);
    }

    assert_int_equal(route.operation, operation);

    if (result == REAUTH_ROUTE_OK) {
        assert_int_equal(route.fansly, fansly);
        assert_int_equal(route.id.len, strlen(id));
        assert_memory_equal(route.id.data ? route.id.data : copy, id,
                            strlen(id));
    }

    if (allow) {
        assert_string_equal(route.allow, allow);
    }

    free(copy);
}


static void
test_routes(void **state)
{
    size_t  i;

    static const route_case_t  cases[] = {
        { "POST", "/api/authenticate", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_START, 0, "", "POST" },
        { "POST", "/api/authenticate?a=%2e//", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_START, 0, "", NULL },
        { "GET", "/api/authenticate/auth_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_POLL, 0, "auth_X", NULL },
        { "HEAD", "/api/authenticate/auth_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_POLL, 0, "auth_X", NULL },
        { "PUT", "/api/authenticate/auth_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_SUBMIT_2FA, 0, "auth_X", NULL },
        { "POST", "/api/authenticate/auth_X/send-email-to-creator",
          REAUTH_ROUTE_OK, REAUTH_OPERATION_SEND_EMAIL, 0, "auth_X", NULL },
        { "PUT", "/api/authenticate/acct_X/credentials", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_UPDATE, 0, "acct_X", NULL },
        { "POST", "/api/authenticate/acct_X/reauthenticate",
          REAUTH_ROUTE_OK, REAUTH_OPERATION_REAUTHENTICATE, 0, "acct_X",
          NULL },
        { "POST", "/api/fansly/authenticate", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_START, 1, "", NULL },
        { "GET", "/api/fansly/authenticate/fansly_acct_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_POLL, 1, "fansly_acct_X", NULL },
        { "HEAD", "/api/fansly/authenticate/fansly_acct_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_POLL, 1, "fansly_acct_X", NULL },
        { "PUT", "/api/fansly/authenticate/fansly_acct_X", REAUTH_ROUTE_OK,
          REAUTH_OPERATION_SUBMIT_2FA, 1, "fansly_acct_X", NULL },
        { "POST", "/api/fansly/authenticate/fansly_acct_X/reauthenticate",
          REAUTH_ROUTE_OK, REAUTH_OPERATION_REAUTHENTICATE, 1,
          "fansly_acct_X", NULL },

        { "GET", "/api/authenticate/auth_" T64, REAUTH_ROUTE_OK,
          REAUTH_OPERATION_POLL, 0, "auth_" T64, NULL },
        { "PUT", "/api/authenticate/acct_" T64 "/credentials",
          REAUTH_ROUTE_OK, REAUTH_OPERATION_UPDATE, 0, "acct_" T64, NULL },

        { "DELETE", "/api/authenticate", REAUTH_ROUTE_METHOD_NOT_ALLOWED,
          0, 0, NULL, "POST" },
        { "DELETE", "/api/authenticate/auth_X",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "GET, HEAD, PUT" },
        { "POST", "/api/authenticate/acct_X/credentials",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "PUT" },
        { "put", "/api/authenticate/acct_X/credentials",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "PUT" },
        { "GET", "/api/authenticate/acct_X/reauthenticate",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "POST" },
        { "HEAD", "/api/authenticate/auth_X/send-email-to-creator",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "POST" },
        { "DELETE", "/api/fansly/authenticate/fansly_acct_X",
          REAUTH_ROUTE_METHOD_NOT_ALLOWED, 0, 0, NULL, "GET, HEAD, PUT" },
        { NULL, NULL, 0, 0, 0, NULL, NULL }
    };

    (void) state;

    for (i = 0; cases[i].method; i++) {
        check(cases[i].method, cases[i].path, cases[i].result,
              cases[i].operation, cases[i].fansly, cases[i].id,
              cases[i].allow);
    }
}


static void
test_not_found(void **state)
{
    size_t       i;
    const char  *paths[] = {
        "/", "/api", "/api/", "/api/authenticat", "/api/authenticatex",
        "/API/authenticate", "/api/authenticate/",
        "/api/authenticate/auth_X/", "/api/authenticate/acct_X/credentials/",
        "/api/authenticate/acct_X", "/api/authenticate/auth_X/credentials",
        "/api/authenticate/auth_X/reauthenticate",
        "/api/authenticate/acct_X/send-email-to-creator",
        "/api/authenticate/acct_X/Credentials",
        "/api/authenticate/acct_X/credentials/more",
        "/api/authenticate/auth_", "/api/authenticate/auth_a.b",
        "/api/authenticate/auth_a;b", "/api/authenticate/Auth_X",
        "/api/authenticate/auth_" T64 "x",
        "/api/authenticate/acct_" T64 "x/credentials",
        "/api/authenticate/fansly_acct_X",
        "/api/authenticate/fansly_acct_X/credentials",
        "/api/fansly/authenticate/", "/api/fansly/authenticate/acct_X",
        "/api/fansly/authenticate/auth_X",
        "/api/fansly/authenticate/fansly_acct_X/credentials",
        "/api/fansly/authenticate/fansly_acct_X/send-email-to-creator",
        "/api/fansly/authenticate/fansly_acct_" T64 "x",
        "/api/authenticate/...", "/api/authenticate/a.", NULL
    };

    (void) state;

    for (i = 0; paths[i]; i++) {
        check("PUT", paths[i], REAUTH_ROUTE_NOT_FOUND, 0, 0, NULL, NULL);
    }
}


static void
test_no_family(void **state)
{
    size_t       i;
    const char  *paths[] = {
        "/api/fanvue/authenticate", "/api/fanvue/authenticate/",
        "/api/fanvue/authenticate?a=b",
        "/api/fanvue/authenticate/fanvue_acct_X",
        "/api/fanvue/authenticate/fanvue_acct_X/reauthenticate",
        "/api/authenticate/fanvue_acct_X/credentials",
        "/api/authenticate/fanvue_acct_X",
        "/api/fansly/authenticate/fanvue_acct_X", NULL
    };

    (void) state;

    for (i = 0; paths[i]; i++) {
        check("PUT", paths[i], REAUTH_ROUTE_NO_FAMILY, 0, 0, NULL, NULL);
    }
}


static void
test_bad_path(void **state)
{
    size_t       i;
    const char  *paths[] = {
        "", "?", "api/authenticate", "//api/authenticate",
        "/api//authenticate", "/api/authenticate//",
        "/api/authenticate//auth_X", "/api/authenticate/auth_X//",
        "/api/./authenticate", "/api/../api/authenticate",
        "/api/authenticate/.", "/api/authenticate/..",
        "/api/authenticate/auth_X/..", "/api/authenticate/auth_X/../auth_Y",
        "/./api/authenticate", "/%61pi/authenticate",
        "/api/authenticate%2Fauth_X", "/api/authenticate/auth_%58",
        "/api/authenticate/auth_X%00", "/api/authenticate\\auth_X",
        "/api/authenticate/auth_X\t", "/api/authenticate/auth_X\x7f",
        "/api/authenticate/auth_X y", "/api/authenticate/auth_X#f",
        "/api/authenticate/auth_\xc3\xa4", "/api/authenticate/auth_X?a=1#f",
        "/api/authenticate/auth_X?#", "/api/authenticate?a#&_method=DELETE",
        "/api/authenticate#?a=1", NULL
    };

    (void) state;

    for (i = 0; paths[i]; i++) {
        check("PUT", paths[i], REAUTH_ROUTE_BAD_PATH, 0, 0, NULL, NULL);
    }
}


/* an argument that some frameworks take for the method */

static void
test_method_in_query(void **state)
{
    size_t  i;

    static const struct {
        const char             *query;
        reauth_route_result_t   result;
    } queries[] = {
        { "?_method=DELETE", REAUTH_ROUTE_BAD_QUERY },
        { "?_method", REAUTH_ROUTE_BAD_QUERY },
        { "?_METHOD=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?a=1&_method=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?a=1&%5Fmethod=PUT&b=2", REAUTH_ROUTE_BAD_QUERY },
        { "?_m%65thod=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?+_method=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?_method[]=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?_method%5B%5D=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?_method%00=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?.method=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?%2emethod=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?%5bmethod=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "?a=1;_method=PUT", REAUTH_ROUTE_BAD_QUERY },
        { "", REAUTH_ROUTE_OK },
        { "?", REAUTH_ROUTE_OK },
        { "?method=PUT", REAUTH_ROUTE_OK },
        { "?my_method=PUT", REAUTH_ROUTE_OK },
        { "?_methods=PUT", REAUTH_ROUTE_OK },
        { "?a=_method", REAUTH_ROUTE_OK },
        { "?a=1&b=_method=PUT", REAUTH_ROUTE_OK },
    };

    char  path[128];

    (void) state;

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        snprintf(path, sizeof(path), "/api/authenticate/auth_1%s",
                 queries[i].query);

        check("GET", path, queries[i].result,
              queries[i].result == REAUTH_ROUTE_OK ? REAUTH_OPERATION_POLL : 0,
              0, "auth_1", NULL);
    }
}


static void
test_id_kind(void **state)
{
    size_t           i;
    reauth_string_t  s;

    static const struct {
        const char        *id;
        reauth_id_kind_t   kind;
    } cases[] = {
        { "acct_X", REAUTH_ID_ACCOUNT },
        { "auth_X", REAUTH_ID_ATTEMPT },
        { "fansly_acct_X", REAUTH_ID_FANSLY },
        { "acct_" T64, REAUTH_ID_ACCOUNT },
        { "acct_" T64 "x", REAUTH_ID_NONE },
        { "fansly_acct_" T64, REAUTH_ID_FANSLY },
        { "fansly_acct_" T64 "x", REAUTH_ID_NONE },
        { "fanvue_acct_X", REAUTH_ID_FANVUE },
        { "fanvue_acct_" T64, REAUTH_ID_FANVUE },
        { "fanvue_acct_" T64 "x", REAUTH_ID_NONE },
        { "fanvue_acct_", REAUTH_ID_NONE },
        { "fanxue_acct_X", REAUTH_ID_NONE },
        { "acct_", REAUTH_ID_NONE },
        { "auth_", REAUTH_ID_NONE },
        { "acct", REAUTH_ID_NONE },
        { "", REAUTH_ID_NONE },
        { "xacct_X", REAUTH_ID_NONE },
        { "acct_X/", REAUTH_ID_NONE },
        { "acct_X%", REAUTH_ID_NONE },
        { "acct_\xc3\xa4", REAUTH_ID_NONE },
        { NULL, 0 }
    };

    (void) state;

    for (i = 0; cases[i].id; i++) {
        s = reauth_string_from(cases[i].id);
        assert_int_equal(reauth_id_kind(&s), cases[i].kind);
        assert_int_equal(reauth_id_is_account(&s),
                         cases[i].kind != REAUTH_ID_NONE
                         && cases[i].kind != REAUTH_ID_ATTEMPT);
    }
}


static void
test_id_chars(void **state)
{
    int  c;

    (void) state;

    for (c = 0; c < 256; c++) {
        assert_int_equal(reauth_id_chars[c] != 0,
                         (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                         || (c >= '0' && c <= '9') || c == '_' || c == '-');
    }
}


static void
test_account(void **state)
{
    size_t                    i, len;
    unsigned char            *copy;
    reauth_string_t           s;
    reauth_account_result_t   rc;

    static const struct {
        const char               *path;
        reauth_account_result_t   result;
        const char               *id;
    } cases[] = {
        { "/api/acct_X/cha?ts", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api/acct_X", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api/media?/acct_X", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api/acct_X/", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/acct_X", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/a/b/c/acct_X/d", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api/fansly/fansly_acct_X/chats", REAUTH_ACCOUNT_FOUND,
          "fansly_acct_X" },
        { "/api/fanvue/fanvue_acct_X/chats", REAUTH_ACCOUNT_FOUND,
          "fanvue_acct_X" },
        { "/api/fanvue/fanvue_acct_" T64, REAUTH_ACCOUNT_FOUND,
          "fanvue_acct_" T64 },
        { "/api/authenticate/acct_X/credentials", REAUTH_ACCOUNT_FOUND,
          "acct_X" },
        { "/api/acct_X/media/acct_Y", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api//acct_X/", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "/api/acct_" T64 "/x", REAUTH_ACCOUNT_FOUND, "acct_" T64 },
        { "/api/fansly_acct_" T64, REAUTH_ACCOUNT_FOUND,
          "fansly_acct_" T64 },

        { "/api/acct_" T64 "x/x", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/fansly_acct_" T64 "x", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_/chats", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_?x", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_X?a", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/fansly_acct_", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/fanvue/fanvue_acct_", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/fanvue/fanvue_acct_X;a", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_X%2f/chats", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_X;a/chats", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_X#f", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_a.b", REAUTH_ACCOUNT_BAD, NULL },
        { "/api/acct_\xc3\xa4", REAUTH_ACCOUNT_BAD, NULL },

        { "", REAUTH_ACCOUNT_NONE, NULL },
        { "/", REAUTH_ACCOUNT_NONE, NULL },
        { "/acct", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/accounts", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/xacct_X", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/Acct_X", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/fansly_acc", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/fansly/x", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/fanvue/x", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/fanvue_acct", REAUTH_ACCOUNT_NONE, NULL },
        { "/api/authenticate/auth_X", REAUTH_ACCOUNT_NONE, NULL },
        { "acct_X", REAUTH_ACCOUNT_NONE, NULL },
        { NULL, 0, NULL }
    };

    (void) state;

    for (i = 0; cases[i].path; i++) {
        len = strlen(cases[i].path);

        copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, cases[i].path, len);

        rc = reauth_route_account(copy, len, &s);

        if (rc != cases[i].result) {
            fail_msg("%s: not the result expected", cases[i].path);
        }

        if (rc == REAUTH_ACCOUNT_FOUND) {
            assert_int_equal(s.len, strlen(cases[i].id));
            assert_memory_equal(s.data, cases[i].id, s.len);
        }

        free(copy);
    }
}


/* an account that is not in the path: decoded once */

static void
test_value_account(void **state)
{
    size_t                   i;
    unsigned char            buffer[256];
    reauth_string_t          value, account;

    static const struct {
        const char               *value;
        reauth_account_result_t   result;
        const char               *id;
    } cases[] = {
        { "", REAUTH_ACCOUNT_NONE, "" },
        { "acct_X", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "fansly_acct_X", REAUTH_ACCOUNT_FOUND, "fansly_acct_X" },
        { "fanvue_acct_X", REAUTH_ACCOUNT_FOUND, "fanvue_acct_X" },
        { "acct%5FX", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "%61cct_%58", REAUTH_ACCOUNT_FOUND, "acct_X" },
        { "acct_" T64, REAUTH_ACCOUNT_FOUND, "acct_" T64 },
        { "acct_" T64 "x", REAUTH_ACCOUNT_BAD, "" },
        { "acct%255FX", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X%", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X%5", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X%zz", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X%00", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X#f", REAUTH_ACCOUNT_BAD, "" },
        { "acct_X/", REAUTH_ACCOUNT_BAD, "" },
        { " acct_X", REAUTH_ACCOUNT_BAD, "" },
        { "auth_X", REAUTH_ACCOUNT_BAD, "" },
        { "somebody", REAUTH_ACCOUNT_BAD, "" },
        { NULL, 0, NULL }
    };

    (void) state;

    for (i = 0; cases[i].value; i++) {
        value = reauth_string_from(cases[i].value);

        if (reauth_route_value_account(&value, buffer, &account)
            != cases[i].result)
        {
            fail_msg("\"%s\": not the result expected", cases[i].value);
        }

        assert_int_equal(account.len, strlen(cases[i].id));
        assert_memory_equal(account.data, cases[i].id, account.len);
    }
}


static void
test_arg_is_plain(void **state)
{
    size_t           i;
    reauth_string_t  args;

    static const reauth_string_t  name = reauth_string("account");
    static const reauth_string_t  two_words = reauth_string("account_id");

    static const struct {
        const char  *args;
        int          plain;
    } cases[] = {
        { "", 1 },
        { "account=acct_1", 1 },
        { "account", 1 },
        { "a=1&account=acct_1&b=2", 1 },
        { "accounts=1&account=acct_1", 1 },
        { "xaccount=1&account=acct_1", 1 },
        { "x=account&account=acct_1", 1 },
        { "accoun=1&&account=acct_1&", 1 },
        { "account=acct_1&account=acct_1", 0 },
        { "account=acct_1&account", 0 },
        { "%61ccount=acct_1", 0 },
        { "account=acct_1&%61ccount=acct_2", 0 },
        { "accoun%74=acct_1", 0 },
        { "account[]=acct_1", 0 },
        { "account%5B%5D=acct_1", 0 },
        { "account%00=acct_1", 0 },
        { "+account=acct_1", 0 },
        { "%20account=acct_1", 0 },
        { "account=acct_1&ACCOUNT=acct_2", 0 },
        { "a=1;b=2&account=acct_1", 1 },
        { "a=1;account=acct_2&account=acct_1", 0 },
        { "account=acct_1&a=1;%61ccount=acct_2", 0 },
        { "a=1;account=acct_2", 0 },
        { NULL, 0 }
    };

    static const struct {
        const char  *args;
        int          plain;
    } words[] = {
        { "account_id=acct_1", 1 },
        { "account_id=acct_1&account-id=2&accountid=3", 1 },
        { "account_id=acct_1&account]id=2&account.ids=3", 1 },
        { "account_id=acct_1&account.id=acct_2", 0 },
        { "account_id=acct_1&account%2Eid=acct_2", 0 },
        { "account_id=acct_1&account+id=acct_2", 0 },
        { "account_id=acct_1&account%20id=acct_2", 0 },
        { "account_id=acct_1&account[id=acct_2", 0 },
        { "account_id=acct_1&account%5Bid=acct_2", 0 },
        { "account.id=acct_2", 0 },
        { NULL, 0 }
    };

    (void) state;

    for (i = 0; words[i].args; i++) {
        args = reauth_string_from(words[i].args);

        if (reauth_route_arg_is_plain(&args, &two_words) != words[i].plain) {
            fail_msg("\"%s\": not the result expected", words[i].args);
        }
    }

    for (i = 0; cases[i].args; i++) {
        args = reauth_string_from(cases[i].args);

        if (reauth_route_arg_is_plain(&args, &name) != cases[i].plain) {
            fail_msg("\"%s\": not the result expected", cases[i].args);
        }
    }
}


static void
test_operation_name(void **state)
{
    int  op;

    (void) state;

    assert_null(reauth_operation_name(REAUTH_OPERATION_NONE));
    assert_null(reauth_operation_name(REAUTH_OPERATION_LAST));

    for (op = 1; op < REAUTH_OPERATION_LAST; op++) {
        assert_non_null(reauth_operation_name(op));
    }

    assert_string_equal(reauth_operation_name(REAUTH_OPERATION_SUBMIT_2FA),
                        "submit_2fa");
    assert_string_equal(reauth_operation_name(REAUTH_OPERATION_METRICS),
                        "metrics");
}


static void
test_count_cookie(void **state)
{
    size_t  i;

    static const reauth_string_t  name = reauth_string("ac_id");

    static const struct {
        reauth_string_t  header;
        int              n;
    } cases[] = {
        { reauth_string(""), 0 },
        { reauth_string("ac_id=acct_1"), 1 },
        { reauth_string("a=b; ac_id=acct_1; c=d"), 1 },
        { reauth_string("x=ac_id=acct_1"), 0 },
        { reauth_string("ac_idx=1; xac_id=2"), 0 },
        { reauth_string("ac_id=acct_2; ac_id=acct_1"), 2 },
        { reauth_string("ac_id=acct_2;ac_id=acct_1"), 2 },
        { reauth_string("ac_id=acct_2;\tAC_ID=acct_1"), 2 },
        { reauth_string("ac_id=acct_2, ac_id=acct_1"), 2 },
        { reauth_string("ac_id; ac_id=acct_1"), 2 },
        { reauth_string("ac_id =acct_2; ac_id=acct_1"), -1 },
        { reauth_string("ac_id=acct_2; ac.id=acct_1"), -1 },
        { reauth_string("ac_id=acct_2; ac%5Fid=acct_1"), -1 },
        { reauth_string("ac_id=acct_2; ac_id[]=acct_1"), -1 },
        { reauth_string(";; ,= ;"), 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(reauth_route_count_cookie(&cases[i].header, &name),
                         cases[i].n);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_no_family),
        cmocka_unit_test(test_bad_path),
        cmocka_unit_test(test_method_in_query),
        cmocka_unit_test(test_id_kind),
        cmocka_unit_test(test_id_chars),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_value_account),
        cmocka_unit_test(test_arg_is_plain),
        cmocka_unit_test(test_count_cookie),
        cmocka_unit_test(test_operation_name)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
