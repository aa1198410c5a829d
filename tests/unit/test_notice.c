
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_notice.h"


#define string(text)  ((reauth_string_t) reauth_string(text))

#define NONE       REAUTH_NOTICE_NONE
#define PERSON     REAUTH_NOTICE_NEEDS_PERSON
#define WAITING    REAUTH_NOTICE_STILL_WAITING
#define FAILED     REAUTH_NOTICE_FAILED
#define RECOVERED  REAUTH_NOTICE_RECOVERED
#define DEGRADED   REAUTH_NOTICE_DEGRADED

#define bit(event)  reauth_notice_bit(event)

#define SINCE_MS  INT64_C(1767225600000)


/* the vector of the specification's own libraries */

static void
test_signature(void **state)
{
    char                 signature[REAUTH_NOTICE_SIGNATURE_SIZE];
    reauth_string_t      id, body, secret;
    reauth_notice_key_t  key;

    (void) state;

    secret = string("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    id = string("msg_p5jXN8AQM9LWM0D4loKWxJek");
    body = string("{\"test\": 2432232314}");

    assert_int_equal(reauth_notice_key(&secret, &key), 0);
    assert_int_equal(key.len, 24);
    assert_int_equal(reauth_notice_sign(&key, &id, 1614265330, &body,
                                        signature), 0);
    assert_string_equal(signature,
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}


static void
test_keys(void **state)
{
    char                 error[REAUTH_SECRET_ERROR_SIZE];
    size_t               i;
    reauth_string_t      secret;
    reauth_notice_key_t  key;

    static const struct {
        const char  *secret;
        size_t       len;              /* 0: rejected */
    } rows[] = {
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 25 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 26 },
        { "whsec_+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 27 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          "AAAAAAAAAAAAAAAAAAAAAAAAAA==", 64 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
        { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0 },
        { "whsec_", 0 },
        { "whsec_====", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!w", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-w", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA===", 0 },
        { "whsec_MfKQ9r8GKYqr==jUPD8ILPZIo2LaLaSw", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw====", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA=A", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA  ", 0 },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw    ", 0 },
        { "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0 },
        { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0 },
        { "whse", 0 },
        { "", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        secret = reauth_string_from(rows[i].secret);
        key.len = 0;

        if (reauth_notice_key(&secret, &key) != (rows[i].len ? 0 : -1)
            || key.len != rows[i].len
            || reauth_notice_secret(&secret, error) != (rows[i].len ? 0 : -1))
        {
            fail_msg("\"%s\": %zu", rows[i].secret, key.len);
        }
    }

    /* the reason does not contain the secret */

    secret = string("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!w");
    assert_int_equal(reauth_notice_secret(&secret, error), -1);
    assert_null(strstr(error, "MfKQ"));
    assert_non_null(strstr(error, "24 to 64 bytes in base64"));
}


static void
test_names(void **state)
{
    size_t           i;
    unsigned         events;
    reauth_string_t  list, wrong;

    static const struct {
        const char  *list;
        unsigned     events;
        const char  *wrong;            /* NULL: accepted */
    } rows[] = {
        { "account.needs_person", bit(PERSON), NULL },
        { "account.still_waiting,account.failed", bit(WAITING) | bit(FAILED),
          NULL },
        { "account.recovered,account.recovered", bit(RECOVERED), NULL },
        { "gateway.degraded,account.needs_person,account.failed,"
          "account.still_waiting,account.recovered", REAUTH_NOTICE_ALL, NULL },
        { "", 0, "" },
        { "account.failed,", 0, "" },
        { ",account.failed", 0, "" },
        { "account.failed,all", 0, "all" },
        { "account.failed account.recovered", 0,
          "account.failed account.recovered" },
        { "account.faile", 0, "account.faile" },
        { "Account.failed", 0, "Account.failed" }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        list = reauth_string_from(rows[i].list);

        if (reauth_notice_events(&list, &events, &wrong)
            != (rows[i].wrong ? -1 : 0))
        {
            fail_msg("\"%s\"", rows[i].list);
        }

        if (rows[i].wrong != NULL) {
            assert_true(reauth_string_equals(&wrong, rows[i].wrong));

        } else {
            assert_int_equal(events, rows[i].events);
        }
    }

    assert_int_equal(REAUTH_NOTICE_ALL & REAUTH_NOTICE_ACCOUNTS,
                     bit(PERSON) | bit(WAITING) | bit(FAILED)
                     | bit(RECOVERED));

    for (i = PERSON; i < REAUTH_NOTICE_LAST; i++) {
        list = reauth_string_from(reauth_notice_name(
                                      (reauth_notice_event_t) i));
        assert_int_equal(reauth_notice_parse(&list), i);
    }
}


static void
test_after(void **state)
{
    int                   i;
    reauth_notice_conf_t  conf;

    static const int64_t  times[] = { 5000, 1000, 9000, 5000, 7000, 1000 };
    static const int64_t  sorted[] = { 1000, 5000, 7000, 9000 };

    (void) state;

    memset(&conf, 0, sizeof(conf));

    for (i = 0; i < 6; i++) {
        assert_int_equal(reauth_notice_after(&conf, times[i]), 0);
    }

    assert_int_equal(conf.nafter, 4);
    assert_memory_equal(conf.after_ms, sorted, sizeof(sorted));

    for (i = 4; i < REAUTH_NOTICE_AFTER_MAX; i++) {
        assert_int_equal(reauth_notice_after(&conf, 10000 + i), 0);
    }

    assert_int_equal(reauth_notice_after(&conf, 1), -1);
    assert_int_equal(reauth_notice_after(&conf, 9000), 0);
    assert_int_equal(conf.nafter, REAUTH_NOTICE_AFTER_MAX);
}


/* every state, before and after the deadline */

static void
test_verdicts(void **state)
{
    size_t                   i;
    reauth_record_t          record;
    reauth_notice_verdict_t  verdict;

    static const struct {
        reauth_notice_event_t  event;
        reauth_notice_wait_t   wait;
    } rows[] = {
        [REAUTH_STATE_NONE] = { NONE, REAUTH_NOTICE_ATTEMPTS },
        [REAUTH_STATE_STARTING] = { NONE, REAUTH_NOTICE_ATTEMPTS },
        [REAUTH_STATE_RUNNING] = { NONE, REAUTH_NOTICE_ATTEMPTS },
        [REAUTH_STATE_NEEDS_OTP] = { PERSON, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_NEEDS_FACE] = { PERSON, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_NEEDS_APP] = { PERSON, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_NEEDS_PERSON] = { PERSON, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_UNKNOWN] = { NONE, REAUTH_NOTICE_ATTEMPTS },
        [REAUTH_STATE_SUCCEEDED] = { RECOVERED, REAUTH_NOTICE_ENDS },
        [REAUTH_STATE_FAILED] = { FAILED, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_REJECTED] = { NONE, REAUTH_NOTICE_AS_BEFORE },
        [REAUTH_STATE_EXPIRED] = { FAILED, REAUTH_NOTICE_WAITS },
        [REAUTH_STATE_FORGOTTEN] = { NONE, REAUTH_NOTICE_ENDS }
    };

    (void) state;

    memset(&record, 0, sizeof(record));
    record.deadline_ms = 1000;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        record.state = (uint8_t) i;

        reauth_notice_judge(&record, 999, &verdict);

        if (verdict.event != rows[i].event || verdict.wait != rows[i].wait) {
            fail_msg("state %zu: event %d, wait %d", i, verdict.event,
                     verdict.wait);
        }

        reauth_notice_judge(&record, 1000, &verdict);

        assert_int_equal(verdict.event,
                         reauth_state_is_active(record.state) ? FAILED
                                                              : rows[i].event);
    }
}


static void
test_identity(void **state)
{
    char             text[REAUTH_NOTICE_IDENTITY_MAX];
    size_t           len;
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));
    record.epoch = UINT64_C(1809638400001024);
    record.since_ms = SINCE_MS;
    record.deadline_ms = SINCE_MS + 1000;
    record.state = REAUTH_STATE_NEEDS_OTP;

    len = reauth_notice_identity(text, &record, PERSON, SINCE_MS);
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "2 otp 1809638400001024 1767225600000 -");

    strcpy(record.attempt, "auth_2");
    record.action = REAUTH_ACTION_APP_OTP;

    (void) reauth_notice_identity(text, &record, PERSON, SINCE_MS);
    assert_string_equal(text, "2 app_otp 1809638400001024 1767225600000 "
                              "auth_2");

    (void) reauth_notice_identity(text, &record, FAILED, SINCE_MS + 1000);
    assert_string_equal(text, "8 - 1809638400001024 1767225600000 auth_2");

    record.state = REAUTH_STATE_FAILED;
    record.action = REAUTH_ACTION_CREDENTIALS;
    record.epoch = UINT64_MAX;
    record.since_ms = INT64_MIN;
    memset(record.attempt, 'a', REAUTH_ATTEMPT_MAX);

    len = reauth_notice_identity(text, &record, FAILED, SINCE_MS);
    assert_true(len > REAUTH_ATTEMPT_MAX);
}


static void
test_body(void **state)
{
    char             body[REAUTH_NOTICE_BODY_MAX];
    size_t           len, data;
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));
    strcpy(record.account, "acct_1");
    strcpy(record.attempt, "auth_2");
    strcpy(record.error_message, "secret");
    strcpy(record.caller, "secret");
    record.state = REAUTH_STATE_NEEDS_OTP;
    record.action = REAUTH_ACTION_APP_OTP;
    record.since_ms = SINCE_MS;
    record.deadline_ms = SINCE_MS + 100000;

    len = reauth_notice_body(body, PERSON, &record, SINCE_MS + 60123, &data);
    body[len] = '\0';

    assert_string_equal(body, "{\"type\":\"account.needs_person\","
        "\"timestamp\":\"2026-01-01T00:01:00.123Z\",\"data\":{"
        "\"account_id\":\"acct_1\",\"state\":\"needs_otp\","
        "\"action_required\":\"app_otp\",\"attempt_id\":\"auth_2\","
        "\"since\":\"2026-01-01T00:00:00.000Z\"}}");

    assert_memory_equal(body + data, "{\"account_id\"", 13);

    /* it has expired */

    len = reauth_notice_body(body, FAILED, &record, SINCE_MS + 100000, &data);
    body[len] = '\0';

    assert_non_null(strstr(body, "\"state\":\"expired\","
                                 "\"action_required\":null,"));

    record.attempt[0] = '\0';
    record.state = REAUTH_STATE_SUCCEEDED;
    record.action = REAUTH_ACTION_NONE;

    len = reauth_notice_body(body, RECOVERED, &record, SINCE_MS, &data);
    body[len] = '\0';

    assert_non_null(strstr(body, "\"action_required\":null,"
                                 "\"attempt_id\":null,"));

    /* the longest one */

    memset(record.account, 'a', REAUTH_ACCOUNT_MAX);
    memset(record.attempt, 'a', REAUTH_ATTEMPT_MAX);

    assert_true(reauth_notice_body(body, WAITING, &record, SINCE_MS, &data));
    assert_null(strstr(body, "secret"));
}


static void
test_wants(void **state)
{
    size_t                i;
    reauth_notice_conf_t  conf;

    static const struct {
        unsigned               events;
        reauth_notice_event_t  event;
        unsigned               told;
        int64_t                from_ms;
        int64_t                after_ms;
        int                    wants;
    } rows[] = {
        { REAUTH_NOTICE_ALL, PERSON, 0, 0, 0, 1 },
        { REAUTH_NOTICE_ALL, FAILED, 0, 0, 0, 1 },
        { REAUTH_NOTICE_ALL, DEGRADED, 0, 0, 0, 1 },
        { REAUTH_NOTICE_ACCOUNTS, DEGRADED, 0, 0, 0, 0 },
        { bit(FAILED), PERSON, 0, 0, 0, 0 },

        /* a recovery from what the receiver was told of */
        { REAUTH_NOTICE_ALL, RECOVERED, bit(PERSON), 0, 0, 1 },
        { bit(FAILED) | bit(RECOVERED), RECOVERED, bit(PERSON), 0, 0, 0 },
        { bit(FAILED) | bit(RECOVERED), RECOVERED, bit(PERSON) | bit(FAILED),
          0, 0, 1 },
        { bit(WAITING) | bit(RECOVERED), RECOVERED, bit(PERSON), 0, 0, 0 },
        { bit(WAITING) | bit(RECOVERED), RECOVERED, bit(PERSON) | bit(WAITING),
          0, 0, 1 },
        { bit(RECOVERED) | bit(DEGRADED), RECOVERED, bit(PERSON), 0, 0, 1 },
        { bit(PERSON), RECOVERED, bit(PERSON), 0, 0, 0 },

        /* after 5 and 60 seconds */
        { REAUTH_NOTICE_ALL, WAITING, 0, 0, 4999, 0 },
        { REAUTH_NOTICE_ALL, WAITING, 0, 0, 5000, 1 },
        { REAUTH_NOTICE_ALL, WAITING, 0, 5000, 59999, 0 },
        { REAUTH_NOTICE_ALL, WAITING, 0, 5000, 60000, 1 },
        { REAUTH_NOTICE_ALL, WAITING, 0, 0, 90000, 1 },
        { REAUTH_NOTICE_ALL, WAITING, 0, 60000, 90000, 0 },
        { bit(PERSON), WAITING, 0, 0, 5000, 0 }
    };

    (void) state;

    memset(&conf, 0, sizeof(conf));
    (void) reauth_notice_after(&conf, 5000);
    (void) reauth_notice_after(&conf, 60000);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        conf.events = rows[i].events;

        if (reauth_notice_wants(&conf, rows[i].event, rows[i].told,
                                rows[i].from_ms, rows[i].after_ms)
            != rows[i].wants)
        {
            fail_msg("row %zu", i);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_wants)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
