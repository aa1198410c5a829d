
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "reauth_callers.h"
#include "reauth_digest.h"


#define string(text)  ((reauth_string_t) reauth_string(text))


/* SHA-256 of "alpha" and "beta" */

#define ALPHA                                                                 \
    "sha256:8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
#define BETA                                                                  \
    "sha256:f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"


static reauth_callers_t *
parse(const char *text)
{
    char              error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t   s;
    reauth_callers_t *callers;

    s = reauth_string_from(text);
    callers = reauth_callers_parse(&s, error);

    if (callers == NULL) {
        fail_msg("%s", error);
    }

    return callers;
}


static const reauth_caller_t *
find(const reauth_callers_t *callers, const char *token)
{
    reauth_string_t         s;
    const reauth_caller_t  *caller;

    s = reauth_string_from(token);
    assert_int_equal(reauth_callers_find(callers, &s, &caller), 0);

    return caller;
}


static void
refused(const char *text, const char *expected)
{
    char             error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t  s;

    s = reauth_string_from(text);
    memset(error, 'x', sizeof(error));

    assert_null(reauth_callers_parse(&s, error));
    assert_non_null(memchr(error, '\0', sizeof(error)));

    if (strstr(error, expected) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", error, expected);
    }

    /* never a hash */

    assert_null(strstr(error, "8ed3f6"));
    assert_null(strstr(error, "f44e64"));
}


static int
allowed(const reauth_caller_t *caller, const char *account)
{
    reauth_string_t  s;

    s = reauth_string_from(account);

    return reauth_caller_allowed_account(caller, &s);
}


static void
test_parse(void **state)
{
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    callers = parse("# who may call\r\n"
                    "\n"
                    " \t \n"
                    "billing-1.prod " ALPHA " update,attempt\n"
                    "\tcrm\t" BETA "\tcall  # of the sales team\r\n");

    assert_int_equal(reauth_callers_count(callers), 2);

    caller = find(callers, "alpha");
    assert_non_null(caller);
    assert_true(reauth_string_equals(&caller->name, "billing-1.prod"));
    assert_true(reauth_caller_allowed(caller, REAUTH_SCOPE_UPDATE));
    assert_true(reauth_caller_allowed(caller, REAUTH_SCOPE_ATTEMPT));
    assert_false(reauth_caller_allowed(caller, REAUTH_SCOPE_CALL));
    assert_false(reauth_caller_allowed(caller, REAUTH_SCOPE_STATUS));
    assert_true(allowed(caller, "acct_1"));

    caller = find(callers, "beta");
    assert_non_null(caller);
    assert_true(reauth_string_equals(&caller->name, "crm"));
    assert_true(reauth_caller_allowed(caller, REAUTH_SCOPE_CALL));
    assert_false(reauth_caller_allowed(caller, REAUTH_SCOPE_UPDATE));

    assert_null(find(callers, "gamma"));
    assert_null(find(callers, "alpha "));
    assert_null(find(callers, ""));

    reauth_callers_free(callers);
    reauth_callers_free(NULL);
}


static void
test_keeps_nothing_of_the_text(void **state)
{
    char                   *text;
    char                    error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t         s;
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    static const char  line[] = "crm " ALPHA " all accounts=acct_1";

    (void) state;

    text = malloc(sizeof(line) - 1);
    assert_non_null(text);
    memcpy(text, line, sizeof(line) - 1);

    s.data = (unsigned char *) text;
    s.len = sizeof(line) - 1;

    callers = reauth_callers_parse(&s, error);
    assert_non_null(callers);

    memset(text, 'x', sizeof(line) - 1);
    free(text);

    caller = find(callers, "alpha");
    assert_non_null(caller);
    assert_true(reauth_string_equals(&caller->name, "crm"));
    assert_true(allowed(caller, "acct_1"));

    reauth_callers_free(callers);
}


static void
test_scopes(void **state)
{
    size_t             i;
    char               text[256];
    reauth_callers_t  *callers;

    static const struct {
        const char  *scopes;
        unsigned     bits;
    } cases[] = {
        { "update", REAUTH_SCOPE_UPDATE },
        { "attempt", REAUTH_SCOPE_ATTEMPT },
        { "call", REAUTH_SCOPE_CALL|REAUTH_SCOPE_CALL_READ },
        { "call:read", REAUTH_SCOPE_CALL_READ },
        { "team", REAUTH_SCOPE_TEAM|REAUTH_SCOPE_TEAM_READ },
        { "team:read", REAUTH_SCOPE_TEAM_READ },
        { "status", REAUTH_SCOPE_STATUS },
        { "operate", REAUTH_SCOPE_OPERATE },
        { "call:read,status", REAUTH_SCOPE_CALL_READ|REAUTH_SCOPE_STATUS },
        { "call:read,call", REAUTH_SCOPE_CALL|REAUTH_SCOPE_CALL_READ },
        { "all", REAUTH_SCOPE_ALL },
        { "update,attempt,call,team,status,operate", REAUTH_SCOPE_ALL },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "a %s %s", ALPHA, cases[i].scopes);
        callers = parse(text);
        assert_int_equal(find(callers, "alpha")->scopes, cases[i].bits);
        reauth_callers_free(callers);
    }
}


static void
test_accounts(void **state)
{
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    callers = parse("a " ALPHA " call accounts=acct_1,acct_eu_*,fansly_*,"
                    "fanvue_acct_*\n"
                    "b " BETA " call accounts=*\n");

    caller = find(callers, "alpha");
    assert_true(allowed(caller, "acct_1"));
    assert_false(allowed(caller, "acct_12"));
    assert_false(allowed(caller, "acct_"));
    assert_false(allowed(caller, "acct_2"));
    assert_true(allowed(caller, "acct_eu_"));
    assert_true(allowed(caller, "acct_eu_7"));
    assert_false(allowed(caller, "acct_eu7"));
    assert_true(allowed(caller, "fansly_acct_1"));
    assert_true(allowed(caller, "fanvue_acct_1"));
    assert_false(allowed(caller, "fanvue_acc"));
    assert_false(allowed(caller, ""));
    assert_false(allowed(caller, "*"));
    assert_false(allowed(caller, "acct_1,acct_eu_*"));

    caller = find(callers, "beta");
    assert_true(allowed(caller, "acct_1"));
    assert_true(allowed(caller, "fansly_acct_1"));

    reauth_callers_free(callers);
}


static void
test_attempts(void **state)
{
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    callers = parse("a " ALPHA " call attempts=10000000 accounts=acct_1 # x\n"
                    "b " BETA " call accounts=acct_2 attempts=007\n");

    caller = find(callers, "alpha");
    assert_int_equal(caller->attempts, REAUTH_CALLERS_ATTEMPTS_MAX);
    assert_true(allowed(caller, "acct_1"));
    assert_false(allowed(caller, "acct_2"));

    caller = find(callers, "beta");
    assert_int_equal(caller->attempts, 7);
    assert_true(allowed(caller, "acct_2"));

    reauth_callers_free(callers);

    callers = parse("a " ALPHA " call\n");
    assert_int_equal(find(callers, "alpha")->attempts, 0);
    reauth_callers_free(callers);
}


static void
test_budgets(void **state)
{
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    callers = parse("a " ALPHA " call budget=500/h accounts=acct_1 # x\n"
                    "b " BETA " call accounts=acct_2 budget=1000000000/d\n");

    caller = find(callers, "alpha");
    assert_int_equal(caller->budget.credits, 500);
    assert_int_equal(caller->budget.period, REAUTH_BUDGET_HOUR);
    assert_true(allowed(caller, "acct_1"));
    assert_false(allowed(caller, "acct_2"));

    caller = find(callers, "beta");
    assert_int_equal(caller->budget.credits, REAUTH_BUDGET_MAX);
    assert_int_equal(caller->budget.period, REAUTH_BUDGET_DAY);

    assert_int_equal(reauth_callers_periods(callers),
                     1u << REAUTH_BUDGET_HOUR | 1u << REAUTH_BUDGET_DAY);
    reauth_callers_free(callers);

    callers = parse("a " ALPHA " call\nb " BETA " call budget=1/d\n");
    assert_int_equal(find(callers, "alpha")->budget.credits, 0);
    assert_int_equal(reauth_callers_periods(callers), 1u << REAUTH_BUDGET_DAY);
    reauth_callers_free(callers);

    callers = parse("a " ALPHA " call\n");
    assert_int_equal(reauth_callers_periods(callers), 0);
    reauth_callers_free(callers);
}


/* a word for each caller, which belongs to this table */

static void
test_notes(void **state)
{
    reauth_callers_t       *callers;
    const reauth_caller_t  *a, *b;

    (void) state;

    callers = parse("a " ALPHA " call\nb " BETA " call\n");

    a = find(callers, "alpha");
    b = find(callers, "beta");

    assert_int_equal(*reauth_callers_note(callers, a), 0);
    assert_int_equal(*reauth_callers_note(callers, b), 0);

    *reauth_callers_note(callers, a) = 7;
    *reauth_callers_note(callers, b) = 8;

    assert_int_equal(*reauth_callers_note(callers, a), 7);
    assert_int_equal(*reauth_callers_note(callers, b), 8);

    reauth_callers_free(callers);
}


static void
test_parse_rejects_invalid_lines(void **state)
{
    (void) state;

    refused("", "no caller");
    refused("\n# nobody\n", "no caller");

    refused("a", "line 1: the name must be followed");
    refused("\n\na " ALPHA, "line 3: the hash must be followed");
    refused("a " ALPHA " ", "line 1: the hash must be followed");
    refused("a " ALPHA " # call", "line 1: the hash must be followed");
    refused("a sha256:8ed3f6 call", "line 1: \"sha256:\" must be followed by "
            "64 hexadecimal digits, found 6");
    refused("a " ALPHA "0 call", "line 1: \"sha256:\" must be");
    refused("a sha256: call", "line 1: \"sha256:\" must be");
    refused("a the-token-itself call", "never the token itself");
    refused("a sha256:"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            " call", "line 1: the hash is that of an empty token");
    refused("a sha256:"
            "01BA4719C80B6FE911B091A7C05124B64EEECE964E09C058EF8F9805DACA546B"
            " call", "line 1: the hash is that of an empty token");
    refused("a call " ALPHA, "line 1: the name must be followed");
    refused("a SHA256:8ed3f6 call", "line 1: the name must be followed");
    refused(ALPHA " a call", "line 1: the caller's name");
    refused("8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
            " a call", "line 1: the caller's name is longer than 47");
    refused("a:b " ALPHA " call", "line 1: the caller's name at");

    refused("a " ALPHA " calls", "line 1: the hash must be followed");
    refused("a " ALPHA " call,,status", "line 1: the hash must be followed");
    refused("a " ALPHA " ,call", "line 1: the hash must be followed");
    refused("a " ALPHA " CALL", "line 1: the hash must be followed");
    refused("a " ALPHA " accounts=acct_1", "line 1: the hash must be followed");
    refused("a " ALPHA " call:write", "line 1: the hash must be followed");
    refused("a " ALPHA " update:read", "line 1: the hash must be followed");
    refused("a " ALPHA " call, status", "line 1: the scopes can be followed");
    refused("a " ALPHA " call " BETA, "line 1: the scopes can be followed");
    refused("a " ALPHA " call account=acct_1",
            "line 1: the scopes can be followed");

    refused("a " ALPHA " call accounts=", "line 1: a pattern");
    refused("a " ALPHA " call accounts=acct_1,,acct_2", "line 1: a pattern");
    refused("a " ALPHA " call accounts=acct_", "line 1: a pattern");
    refused("a " ALPHA " call accounts=act_1", "line 1: a pattern");
    refused("a " ALPHA " call accounts=act_*", "line 1: a pattern");
    refused("a " ALPHA " call accounts=acct_*_1", "line 1: a pattern");
    refused("a " ALPHA " call accounts=acct_1**", "line 1: a pattern");
    refused("a " ALPHA " call accounts=*acct_1", "line 1: a pattern");
    refused("a " ALPHA " call accounts=auth_1", "line 1: a pattern");
    refused("a " ALPHA " call accounts=acct_1 acct_2",
            "line 1: the scopes can");
    refused("a " ALPHA " call accounts=acct_1 accounts=acct_2",
            "line 1: \"accounts=\" is duplicate");

    refused("a " ALPHA " call attempts=", "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=0", "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=-1", "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=1k", "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=10000001",
            "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=4294967297",
            "line 1: \"attempts=\" takes");
    refused("a " ALPHA " call attempts=1 accounts=acct_1 attempts=1",
            "line 1: \"attempts=\" is duplicate");
    refused("a " ALPHA " call attempts=1,2", "line 1: \"attempts=\" takes");

    refused("a " ALPHA " call budget=", "line 1: \"budget=\" takes");
    refused("a " ALPHA " call budget=0/h", "line 1: \"budget=\" takes");
    refused("a " ALPHA " call budget=500", "line 1: \"budget=\" takes");
    refused("a " ALPHA " call budget=1/m", "line 1: \"budget=\" takes");
    refused("a " ALPHA " call budget=1000000001/h",
            "line 1: \"budget=\" takes");
    refused("a " ALPHA " call budget=1/h budget=1/d",
            "line 1: \"budget=\" is duplicate");

    refused("a " ALPHA " call routes=", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET", "line 1: invalid route");
    refused("a " ALPHA " call routes=/chats", "line 1: invalid route");
    refused("a " ALPHA " call routes=:/chats", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:chats", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:*", "line 1: invalid route");
    refused("a " ALPHA " call routes=get:/chats", "line 1: invalid route");
    refused("a " ALPHA " call routes=*T:/chats", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:/*/x", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:/a%2fb", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:/a?b=c", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET://a", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:/a,,GET:/b", "line 1: invalid route");
    refused("a " ALPHA " call routes=GET:/a routes=GET:/b",
            "line 1: \"routes=\" is duplicate");

    refused("a " ALPHA " call\na " BETA " call",
            "line 2: caller \"a\" is already on line 1");
    refused("a " ALPHA " call\n#\nb " ALPHA " status",
            "line 3: the caller on line 1 has the same hash");
    refused("a " ALPHA " call\nb sha256:"
            "8ED3F6AD685B959EAD7022518E1AF76CD816F8E8EC7CCDDA1ED4018E8F2223F8"
            " call", "line 2: the caller on line 1 has the same hash");

    refused("a " ALPHA " call\x01", "line 1: contains a control character");
    refused("a " ALPHA "\r call", "line 1: contains a control character");
    refused("\xef\xbb\xbf" "a " ALPHA " call", "line 1: the caller's name at");
}


static void
test_parse_rejects_nul(void **state)
{
    char             error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t  s;

    (void) state;

    s = string("a " ALPHA " call\n\0");
    assert_null(reauth_callers_parse(&s, error));
    assert_non_null(strstr(error, "line 2: contains a control character"));
}


static void
test_line_length(void **state)
{
    char               text[REAUTH_CALLERS_LINE_MAX + 3];
    size_t             len;
    reauth_callers_t  *callers;

    (void) state;

    len = (size_t) snprintf(text, sizeof(text), "a " ALPHA " call #");
    memset(text + len, 'x', sizeof(text) - len);

    text[REAUTH_CALLERS_LINE_MAX] = '\r';
    text[REAUTH_CALLERS_LINE_MAX + 1] = '\n';
    text[REAUTH_CALLERS_LINE_MAX + 2] = '\0';

    callers = parse(text);
    assert_int_equal(reauth_callers_count(callers), 1);
    reauth_callers_free(callers);

    text[REAUTH_CALLERS_LINE_MAX] = 'x';
    refused(text, "line 1: is longer than 4096");
}


static void
test_parse_most_callers(void **state)
{
    char                    error[REAUTH_CALLERS_ERROR_SIZE];
    char                    hex[REAUTH_SHA256_HEX_LEN + 1], token[32];
    char                   *text;
    size_t                  len, size, all;
    uint8_t                 hash[REAUTH_SHA256_LEN];
    unsigned                i;
    reauth_string_t         s;
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    size = (REAUTH_CALLERS_MAX + 1) * 128;
    text = malloc(size);
    assert_non_null(text);

    len = 0;
    all = 0;

    for (i = 0; i <= REAUTH_CALLERS_MAX; i++) {
        s.len = (size_t) snprintf(token, sizeof(token), "token %u", i);
        s.data = (unsigned char *) token;
        assert_int_equal(reauth_sha256(&s, hash), 0);
        reauth_hex_encode(hex, hash, sizeof(hash));

        if (i == REAUTH_CALLERS_MAX) {
            all = len;
        }

        len += (size_t) snprintf(text + len, size - len,
                                 "caller-%u sha256:%s all\n", i, hex);
    }

    s.data = (unsigned char *) text;
    s.len = len;
    assert_null(reauth_callers_parse(&s, error));
    assert_string_equal(error, "line 10001: there are more than 10000 "
                               "callers");

    s.len = all;
    callers = reauth_callers_parse(&s, error);
    assert_non_null(callers);
    assert_int_equal(reauth_callers_count(callers), REAUTH_CALLERS_MAX);

    for (i = 0; i < REAUTH_CALLERS_MAX; i++) {
        snprintf(token, sizeof(token), "token %u", i);
        caller = find(callers, token);
        assert_non_null(caller);
        snprintf(token, sizeof(token), "caller-%u", i);
        assert_true(reauth_string_equals(&caller->name, token));
    }

    assert_null(find(callers, "token 10000"));

    reauth_callers_free(callers);
    free(text);
}


/* it is not that nobody has the token */

static void
test_no_digest(void **state)
{
    reauth_string_t         s;
    reauth_callers_t       *callers;
    const reauth_caller_t  *caller;

    (void) state;

    callers = parse("one " ALPHA " all\n");

    reauth_digest_free();
    assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);

    s = reauth_string_from("alpha");
    assert_int_equal(reauth_callers_find(callers, &s, &caller), -1);
    assert_null(caller);

    s = reauth_string_from("");
    assert_int_equal(reauth_callers_find(callers, &s, &caller), 0);
    assert_null(caller);

    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);

    assert_non_null(find(callers, "alpha"));

    reauth_callers_free(callers);
}


/* each byte of a hash is compared, also if the first eight are the same */

static void
test_hashes_that_differ_in_one_byte(void **state)
{
    char                    text[] = "b " ALPHA " call\na " ALPHA " call\n";
    char                   *digits;
    size_t                  i;
    const reauth_caller_t  *caller;
    reauth_callers_t       *callers;

    (void) state;

    digits = text + sizeof("b sha256:") - 1;

    for (i = 0; i < 2 * REAUTH_SHA256_LEN; i += 2) {
        digits[i] = digits[i] == '0' ? '1' : '0';

        callers = parse(text);

        assert_int_equal(reauth_callers_count(callers), 2);

        caller = find(callers, "alpha");

        assert_non_null(caller);
        assert_memory_equal(caller->name.data, "a", 1);

        reauth_callers_free(callers);

        memcpy(text, "b " ALPHA, sizeof("b " ALPHA) - 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_keeps_nothing_of_the_text),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_parse_rejects_invalid_lines),
        cmocka_unit_test(test_parse_rejects_nul),
        cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_parse_most_callers),
        cmocka_unit_test(test_hashes_that_differ_in_one_byte),
        cmocka_unit_test(test_no_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
