
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Who may call what: every operation of tests/data/operations for every kind
 * of caller, judged by laws of their own; then the edges.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_call.h"
#include "reauth_route.h"


#define HASH                                                                  \
    " sha256:"                                                                \
    "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8 "


typedef struct {
    int          team;         /* as the table says */
    int          reads;
    int          own;          /* its account is one of "acct_own*" ... */
    const char  *method;
    const char  *path;
} operation_t;


/* what a caller may do, in words of its own */

static const struct {
    const char  *rest;         /* of the line */
    int          account;      /* 1: reads, 2: all */
    int          team;
    int          confined;
} callers[] = {
    { "all", 2, 2, 0 },
    { "call", 2, 0, 0 },
    { "call:read", 1, 0, 0 },
    { "team", 0, 2, 0 },
    { "team:read", 0, 1, 0 },
    { "call,team", 2, 2, 0 },
    { "call,team:read", 2, 1, 0 },
    { "call:read,team:read", 1, 1, 0 },
    { "update,attempt,status,operate", 0, 0, 0 },
    { "all accounts=acct_own*,fansly_acct_own*,fanvue_acct_own*", 2, 0, 1 },
    { "call accounts=acct_own*,fansly_acct_own*,fanvue_acct_own*", 2, 0, 1 },
    { "call:read accounts=acct_own*,fansly_acct_own*,fanvue_acct_own*",
      1, 0, 1 },
    { "team accounts=acct_own*", 0, 0, 1 },
    { "all routes=*:/*", 2, 0, 0 },
    { "call routes=GET:/*,HEAD:/*", 1, 0, 0 }
};


static reauth_callers_t *
parse(const char *rest)
{
    int                len;
    char               line[512], error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t    text;
    reauth_callers_t  *table;

    len = snprintf(line, sizeof(line), "a" HASH "%s\n", rest);

    text.data = (unsigned char *) line;
    text.len = (size_t) len;

    table = reauth_callers_parse(&text, error);

    if (table == NULL) {
        fail_msg("%s: %s", rest, error);
    }

    return table;
}


static reauth_call_result_t
judge(const reauth_callers_t *table, const char *method, const char *path,
    const char *account, size_t prefix)
{
    unsigned char         *copy;
    reauth_call_t          call;
    reauth_string_t        name;
    reauth_call_result_t   result;

    name = reauth_string_from("a");

    /* exactly as long, so that a read past its end is seen */

    copy = malloc(strlen(path));
    assert_non_null(copy);
    memcpy(copy, path, strlen(path));

    call.method = reauth_string_from(method);
    call.path.data = copy;
    call.path.len = strlen(path);
    call.prefix = prefix;

    if (account != NULL) {
        call.account = reauth_string_from(account);

    } else if (reauth_route_account(call.path.data, call.path.len,
                                    &call.account)
               != REAUTH_ACCOUNT_FOUND)
    {
        call.account.len = 0;
        call.account.data = NULL;
    }

    result = reauth_caller_may_call(reauth_callers_find_name(table, &name),
                                    &call);

    free(copy);

    return result;
}


static void
judge_operation(const operation_t *op)
{
    int                level;
    size_t             i;
    reauth_callers_t  *table;
    int                allowed, expected;

    for (i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
        level = op->team ? callers[i].team : callers[i].account;

        expected = (level == 2 || (level == 1 && op->reads))
                   && (op->team || op->own || !callers[i].confined);

        table = parse(callers[i].rest);
        allowed = judge(table, op->method, op->path, NULL, 0)
                  == REAUTH_CALL_ALLOWED;
        reauth_callers_free(table);

        if (allowed != expected) {
            fail_msg("%s %s by \"%s\": %s", op->method, op->path,
                     callers[i].rest, allowed ? "allowed" : "refused");
        }
    }
}


static void
expand(char *path, size_t size, const char *template, const char *whose)
{
    size_t       len;
    const char  *p;

    len = 0;

    for (p = template; *p != '\0'; /* void */ ) {

        if (*p != '{') {
            path[len++] = *p++;
            continue;
        }

        if (strncmp(p, "{account}", 9) == 0) {
            len += (size_t) snprintf(path + len, size - len, "acct_%s", whose);

        } else if (strncmp(p, "{fansly}", 8) == 0
                   || strncmp(p, "{fanvue}", 8) == 0)
        {
            len += (size_t) snprintf(path + len, size - len, "%.6s_acct_%s",
                                     p + 1, whose);

        } else if (strncmp(p, "{attempt}", 9) == 0) {
            len += (size_t) snprintf(path + len, size - len, "auth_1");

        } else if (strncmp(p, "{url}", 5) == 0) {

            /* an address, decoded */

            len += (size_t) snprintf(path + len, size - len,
                                     "https://cdn/acct_else/accounts");

        } else {
            len += (size_t) snprintf(path + len, size - len, "123");
        }

        p = strchr(p, '}') + 1;
    }

    path[len] = '\0';
}


static void
test_every_operation(void **state)
{
    char          line[256], methods[64], template[160], whose[16], path[256];
    char         *method, *rest;
    FILE         *file;
    size_t        i;
    unsigned      n;
    operation_t   op;

    static const char  *accounts[] = { "own", "own_2", "else", "ow" };

    (void) state;

    file = fopen("tests/data/operations", "r");
    assert_non_null(file);

    for (n = 0; fgets(line, sizeof(line), file) != NULL; ) {

        if (line[0] == '#'
            || sscanf(line, "%63s %159s %15s", methods, template, whose) != 3)
        {
            continue;
        }

        /* a login that no reauth_authenticate serves is no account's call */

        op.team = strcmp(whose, "account") != 0;
        op.path = path;

        for (rest = methods; (method = strsep(&rest, ",")) != NULL; n++) {
            op.method = method;
            op.reads = strcmp(method, "GET") == 0;

            for (i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
                op.own = i < 2;
                expand(path, sizeof(path), template, accounts[i]);

                judge_operation(&op);

                if (op.reads) {
                    op.method = "HEAD";
                    judge_operation(&op);
                    op.method = method;
                }
            }
        }
    }

    fclose(file);

    assert_true(n >= 230);
}


static void
test_account_or_team_of_path(void **state)
{
    size_t                i;
    reauth_callers_t     *table;
    reauth_call_result_t  result;

    static const struct {
        const char  *path;
        size_t       prefix;
        int          account;
    } paths[] = {
        { "/api/acct_1", 5, 1 },
        { "/api/acct_1/", 5, 1 },
        { "/acct_1/chats", 1, 1 },
        { "/fansly/fansly_acct_1/chats", 1, 1 },
        { "/api/fansly_acct_1/chats", 5, 1 },
        { "/v1/api/acct_1/chats", 0, 1 },
        { "/v1/api/acct_1/chats", 4, 1 },
        { "/v1/api/acct_1/chats", 8, 1 },
        { "/api/webhooks/api/acct_1", 5, 0 },
        { "/api/webhooks/api/acct_1", 0, 0 },
        { "/api/api/acct_1", 5, 0 },
        { "/fans/webhooks/api/acct_1", 6, 0 },
        { "/api/webhooks/api/fansly/fansly_acct_1", 5, 0 },
        { "/fans/acct_1/chats", 6, 1 },
        { "/fans/acct_1/chats", 0, 0 },
        { "/fans/acct_1/chats", 5, 0 },
        { "/fans/accounts/acct_1", 6, 0 },
        { "/fans/fansly/fansly_acct_1/chats", 6, 1 },
        { "/api/accounts/acct_1", 14, 0 },
        { "/api/accounts/acct_1/api/acct_1", 5, 0 },
        { "/api/fansly/acct_1/chats", 5, 0 },
        { "/api/fansly/fanvue_acct_1/chats", 5, 0 },
        { "/api/fansly/fansly/fansly_acct_1/chats", 5, 0 },
        { "/api/acct_1/accounts/acct_2", 5, 1 },
        { "/api/accounts", 5, 0 },
        { "/api/", 5, 0 },
        { "/", 1, 0 },
        { "", 0, 0 }
    };

    (void) state;

    table = parse("call");

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        result = judge(table, "GET", paths[i].path, NULL, paths[i].prefix);

        if (result != (paths[i].account ? REAUTH_CALL_ALLOWED
                                        : REAUTH_CALL_NO_TEAM))
        {
            fail_msg("%s, %zu: %d", paths[i].path, paths[i].prefix, result);
        }
    }

    reauth_callers_free(table);
}


/* an account that something else than the path says */

static void
test_account_specified_outside_of_path(void **state)
{
    reauth_callers_t  *table;

    (void) state;

    table = parse("call accounts=acct_1");

    assert_int_equal(judge(table, "GET", "/chats", "acct_1", 0),
                     REAUTH_CALL_ALLOWED);
    assert_int_equal(judge(table, "GET", "/chats", "acct_2", 0),
                     REAUTH_CALL_NO_ACCOUNT);
    assert_int_equal(judge(table, "GET", "/api/acct_1/chats", "acct_2", 0),
                     REAUTH_CALL_NO_ACCOUNT);
    assert_int_equal(judge(table, "GET", "/api/acct_2/chats", "acct_1", 0),
                     REAUTH_CALL_NO_ACCOUNT);
    assert_int_equal(judge(table, "GET", "/api/accounts/acct_1", "acct_1", 0),
                     REAUTH_CALL_NO_TEAM);

    reauth_callers_free(table);
}


static void
test_routes(void **state)
{
    size_t                i;
    reauth_callers_t     *table;
    reauth_call_result_t  result;

    static const struct {
        const char  *method;
        const char  *path;
        int          allowed;
    } calls[] = {
        { "GET", "/api/acct_1/chats", 1 },
        { "HEAD", "/api/acct_1/chats", 1 },
        { "POST", "/api/acct_1/chats", 0 },
        { "GETX", "/api/acct_1/chats", 0 },
        { "GET", "/api/acct_1/chats/", 0 },
        { "GET", "/api/acct_1/chats2", 0 },
        { "GET", "/api/acct_1/CHATS", 0 },
        { "GET", "/api/acct_1/media", 0 },
        { "GET", "/api/acct_1/media/", 1 },
        { "DELETE", "/api/acct_1/media/1/2", 1 },
        { "PUT", "/api/acct_1/posts/1", 1 },
        { "POST", "/api/acct_1/posts-2", 1 },
        { "PATCH", "/api/acct_1/posts", 1 },
        { "GET", "/api/acct_1/posts", 0 },
        { "HEAD", "/api/acct_1/posts", 0 },
        { "OPTIONS", "/api/acct_1", 1 },
        { "OPTIONS", "/api/acct_1/", 1 },
        { "OPTIONS", "/api/acct_1/x", 0 },
        { "GET", "/api/fansly/fansly_acct_1/chats", 1 }
    };

    (void) state;

    table = parse("call routes=GET:/chats,*:/media/*,P*:/posts*,OPTIONS:/");

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        result = judge(table, calls[i].method, calls[i].path, NULL, 0);

        if (result != (calls[i].allowed ? REAUTH_CALL_ALLOWED
                                        : REAUTH_CALL_NO_ROUTE))
        {
            fail_msg("%s %s: %d", calls[i].method, calls[i].path, result);
        }
    }

    reauth_callers_free(table);

    /* routes give no scope */

    table = parse("call:read routes=*:/*");
    assert_int_equal(judge(table, "GET", "/api/acct_1/x", NULL, 0),
                     REAUTH_CALL_ALLOWED);
    assert_int_equal(judge(table, "POST", "/api/acct_1/x", NULL, 0),
                     REAUTH_CALL_NO_SCOPE);
    reauth_callers_free(table);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_every_operation),
        cmocka_unit_test(test_account_or_team_of_path),
        cmocka_unit_test(test_account_specified_outside_of_path),
        cmocka_unit_test(test_routes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
