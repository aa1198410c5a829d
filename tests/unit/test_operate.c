
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_operate.h"


#define OVERRIDE                                                              \
    (REAUTH_OPERATE_GATE|REAUTH_OPERATE_FOR|REAUTH_OPERATE_REASON)


static void
test_time(void **state)
{
    size_t           i;
    reauth_string_t  text;

    static const struct {
        const char  *text;
        int64_t      ms;
    } cases[] = {
        { "1s", 1000 },
        { "90s", 90000 },
        { "10m", 600000 },
        { "1h30m", 5400000 },
        { "1h1m1s", 3661000 },
        { "24h", 86400000 },
        { "1d", 86400000 },
        { "23h59m60s", 86400000 },
        { "", -1 },
        { "0s", -1 },
        { "10", -1 },
        { "m", -1 },
        { "m10", -1 },
        { "-1s", -1 },
        { "1 s", -1 },
        { "1ms", -1 },
        { "1m1h", -1 },
        { "1m1m", -1 },
        { "24h1s", -1 },
        { "2d", -1 },
        { "99999999999999999999s", -1 },
        { "1.5h", -1 },
        { "1H", -1 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = reauth_string_from(cases[i].text);

        if (reauth_operate_time(&text, REAUTH_OPERATE_FOR_MAX_MS)
            != cases[i].ms)
        {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
}


static void
test_bodies(void **state)
{
    char                     *got;
    size_t                    i, len;
    json_t                   *errors;
    reauth_string_t           text;
    reauth_operate_t          asked;
    reauth_json_error_t       error;
    reauth_operate_result_t   result;

    static const struct {
        const char  *body;
        const char  *errors;       /* NULL: invalid JSON; "": none */
    } cases[] = {
        { "{\"gate\":\"open\",\"for\":\"10m\",\"reason\":\"why\"}", "" },
        { "{\"gate\":\"closed\",\"for\":\"1s\"}", "" },
        { "{\"gate\":\"closed\",\"for\":\"1s\",\"reason\":\"\"}", "" },
        { "", "{\"for\":[\"is required\"],\"gate\":[\"is required\"]}" },
        { "{\"gate\":\"shut\",\"for\":600,\"reason\":\"a\\nb\",\"x\":1}",
          "{\"?\":[\"is unknown\"],\"for\":[\"must be a string\"],"
          "\"gate\":[\"must be open or closed\"],"
          "\"reason\":[\"must not contain control characters\"]}" },
        { "{\"gate\":null,\"for\":\"2d\"}",
          "{\"for\":[\"must be a time from 1s to 24h, such as 10m\"],"
          "\"gate\":[\"must be a string\"]}" },
        { "{\"gate\":\"open\",\"for\":\"1m\",\"reason\":\"\\u0085\"}",
          "{\"reason\":[\"must not contain control characters\"]}" },
        { "{\"gate\":\"open\",\"gate\":\"open\",\"for\":\"1m\"}", NULL },
        { "{\"gate\":\"open\",\"for\":\"1m\"} x", NULL },
        { "[]", NULL },
        { "{\"gate\":\"open\"", NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = reauth_string_from(cases[i].body);

        result = reauth_operate_parse(&text, OVERRIDE, &asked, &error,
                                      &errors);

        if (cases[i].errors == NULL) {
            assert_int_equal(result, REAUTH_OPERATE_INVALID_JSON);
            assert_non_null(error.reason);
            continue;
        }

        if (cases[i].errors[0] == '\0') {
            assert_int_equal(result, REAUTH_OPERATE_OK);
            assert_null(errors);
            continue;
        }

        assert_int_equal(result, REAUTH_OPERATE_INVALID_FIELDS);

        got = reauth_json_text_sorted(errors, &len);
        assert_string_equal(got, cases[i].errors);

        reauth_json_text_free(got);
        json_decref(errors);
    }
}


/* what a body has is taken; a member that is not of this resource is not */

static void
test_members(void **state)
{
    json_t               *errors;
    reauth_string_t       text;
    reauth_operate_t      asked;
    reauth_json_error_t   error;

    (void) state;

    text = reauth_string_from("{\"gate\":\"closed\",\"for\":\"1m\","
                              "\"reason\":\"w\xc3\xa4hrend\"}");

    assert_int_equal(reauth_operate_parse(&text, OVERRIDE, &asked, &error,
                                          &errors),
                     REAUTH_OPERATE_OK);
    assert_int_equal(asked.gate, REAUTH_OVERRIDE_CLOSED);
    assert_true(asked.for_ms == 60000);
    assert_string_equal(asked.reason, "w\xc3\xa4hrend");

    assert_int_equal(reauth_operate_parse(&text, REAUTH_OPERATE_FOR, &asked,
                                          &error, &errors),
                     REAUTH_OPERATE_INVALID_FIELDS);
    json_decref(errors);
}


static void
test_ask(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const struct {
        const char      *account;
        const char      *attempt;
        reauth_state_t   state;
        int              polling;
        reauth_ask_t     ask;
    } cases[] = {
        { "acct_1", "", REAUTH_STATE_NONE, 1, REAUTH_ASK_UNKNOWN },
        { "acct_1", "", REAUTH_STATE_NONE, 0, REAUTH_ASK_UNKNOWN },
        { "acct_1", "auth_1", REAUTH_STATE_RUNNING, 1, REAUTH_ASK_ATTEMPT },
        { "acct_1", "auth_1", REAUTH_STATE_NEEDS_OTP, 1, REAUTH_ASK_ATTEMPT },
        { "acct_1", "auth_1", REAUTH_STATE_RUNNING, 0, REAUTH_ASK_NO_POLLER },
        { "acct_1", "", REAUTH_STATE_UNKNOWN, 1, REAUTH_ASK_LIST },
        { "acct_1", "", REAUTH_STATE_STARTING, 1, REAUTH_ASK_SENDING },
        { "acct_1", "auth_1", REAUTH_STATE_FAILED, 1, REAUTH_ASK_ACCOUNT },
        { "fansly_acct_1", "", REAUTH_STATE_EXPIRED, 1, REAUTH_ASK_ACCOUNT },
        { "fanvue_acct_1", "", REAUTH_STATE_RUNNING, 1,
          REAUTH_ASK_WEBHOOKS_ONLY }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&record, 0, sizeof(reauth_record_t));

        memcpy(record.account, cases[i].account, strlen(cases[i].account));
        memcpy(record.attempt, cases[i].attempt, strlen(cases[i].attempt));
        record.state = (uint8_t) cases[i].state;

        assert_int_equal(reauth_operate_ask(&record, cases[i].polling),
                         cases[i].ask);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_ask)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
