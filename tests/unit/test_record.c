
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_record.h"
#include "reauth_time.h"


/* the largest number that is read back: 18 digits */
#define NUMBER_MAX  999999999999999999LL


static void
fill(char *dst, char c, size_t len)
{
    memset(dst, c, len);
    dst[len] = '\0';
}


static void
fill_id(char *dst, const char *prefix, size_t len)
{
    fill(dst, 'a', len);
    memcpy(dst, prefix, strlen(prefix));
}


/* every field at its bound */

static void
largest(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    record->epoch = REAUTH_EPOCH_MAX;
    record->revision = (uint64_t) NUMBER_MAX;
    record->since_ms = NUMBER_MAX;
    record->updated_ms = NUMBER_MAX;
    record->deadline_ms = NUMBER_MAX;
    record->started_us = NUMBER_MAX;
    record->completed_us = NUMBER_MAX;
    record->kept = 255;
    record->state = REAUTH_STATE_NEEDS_FACE;
    record->auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    record->action = REAUTH_ACTION_CREDENTIALS;
    record->source = REAUTH_SOURCE_REAUTHENTICATE;
    record->polled_ms = NUMBER_MAX;
    record->poll_status = 65535;
    record->poll_error = REAUTH_POLL_ERROR_NO_RESPONSE;
    record->fingerprint_set = 1;
    record->sealed_len = REAUTH_SEALED_MAX;

    memset(record->fingerprint, 0xff, REAUTH_FINGERPRINT_LEN);
    memset(record->sealed, 0xa5, REAUTH_SEALED_MAX);

    fill_id(record->account, "fansly_acct_", REAUTH_ACCOUNT_MAX);
    fill_id(record->attempt, "auth_", REAUTH_ATTEMPT_MAX);
    fill(record->progress, 'c', REAUTH_PROGRESS_MAX);
    fill(record->error_code, 'd', REAUTH_ERROR_CODE_MAX);
    fill(record->error_message, 'e', REAUTH_ERROR_MESSAGE_MAX);
    fill(record->caller, 'f', REAUTH_CALLER_MAX);

    record->prior.state = REAUTH_STATE_NEEDS_FACE;
    record->prior.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    record->prior.action = REAUTH_ACTION_CREDENTIALS;
    record->prior.since_ms = NUMBER_MAX;
    record->prior.deadline_ms = NUMBER_MAX;
    record->prior.started_us = NUMBER_MAX;
    record->prior.completed_us = NUMBER_MAX;
    record->prior.kept = 255;
    record->prior.fingerprint_set = 1;
    memset(record->prior.fingerprint, 0x5a, REAUTH_FINGERPRINT_LEN);
    fill_id(record->prior.attempt, "auth_", REAUTH_ATTEMPT_MAX);
}


static void
encode(const reauth_record_t *record, reauth_string_t *text)
{
    size_t          event;
    unsigned char  *buffer;

    /* as long as it must be: a byte too many is a fault */

    buffer = malloc(REAUTH_RECORD_TEXT_MAX);
    assert_non_null(buffer);

    text->data = buffer;
    text->len = reauth_record_encode(record, buffer, &event);
    assert_in_range(event, 0, text->len);
    assert_in_range(text->len, 0, REAUTH_RECORD_TEXT_MAX);
}


static void
round_trip(const reauth_record_t *record)
{
    reauth_record_t  back;
    reauth_string_t  text;

    encode(record, &text);
    memset(&back, 0, sizeof(back));

    assert_int_equal(reauth_record_decode(&text, &back), 0);

    assert_memory_equal(&back, record, sizeof(back));

    free((void *) text.data);
}


static int
set(reauth_record_t *record, const char *name, const char *value)
{
    int              len;
    char             line[4096];
    reauth_string_t  text;

    len = snprintf(line, sizeof(line), "%s %s\n", name, value);
    assert_in_range(len, 0, sizeof(line) - 1);

    text.data = (const unsigned char *) line;
    text.len = (size_t) len;

    return reauth_record_decode(&text, record);
}


static void
test_round_trip_largest(void **state)
{
    reauth_record_t  record;

    (void) state;

    largest(&record);
    round_trip(&record);
    assert_int_equal(reauth_record_valid(&record), 1);
}


/*
 * An event has all that a record has but fingerprints and the sealed value, and
 * says which of these are missing.
 */

static void
test_event(void **state)
{
    size_t           len, event;
    unsigned char    text[REAUTH_RECORD_TEXT_MAX];
    unsigned char    out[REAUTH_RECORD_TEXT_MAX];
    reauth_record_t  record, back;
    reauth_string_t  part;

    (void) state;

    largest(&record);
    record.revision = 10;   /* 9 has a digit less */

    len = reauth_record_encode(&record, text, &event);

    assert_in_range(event, 1, len - 1);

    part.data = out;
    part.len = reauth_record_event(&record, text, len, event, out);

    /* an earlier version, which takes it for the record */

    memset(&back, 0, sizeof(back));
    assert_int_equal(reauth_record_decode(&part, &back), 0);
    assert_int_equal(back.revision, record.revision - 1);

    memset(&back, 0, sizeof(back));
    assert_int_equal(reauth_record_decode_event(&part, &back), 0);

    assert_int_equal(back.missing, REAUTH_SECRETS);
    assert_int_equal(back.revision, record.revision);

    record.missing = REAUTH_SECRETS;
    record.fingerprint_set = 0;
    record.sealed_len = 0;
    record.prior.fingerprint_set = 0;
    memset(record.fingerprint, 0, sizeof(record.fingerprint));
    memset(record.sealed, 0, sizeof(record.sealed));
    memset(record.prior.fingerprint, 0, sizeof(record.prior.fingerprint));

    assert_memory_equal(&back, &record, sizeof(back));

    /* a record without them is whole in an event */

    len = reauth_record_encode(&record, text, &event);
    assert_int_equal(event, len);

    part.len = reauth_record_event(&record, text, len, event, out);
    assert_int_equal(part.len, len);
    assert_memory_equal(out, text, len);

    memset(&back, 0, sizeof(back));
    assert_int_equal(reauth_record_decode_event(&part, &back), 0);
    assert_int_equal(back.missing, 0);
    assert_int_equal(back.revision, record.revision);

    /* so is one of a gateway of an earlier version, with all of them */

    largest(&record);
    record.revision = 7;
    part.data = text;
    part.len = reauth_record_encode(&record, text, &event);

    memset(&back, 0, sizeof(back));
    assert_int_equal(reauth_record_decode_event(&part, &back), 0);
    assert_memory_equal(&back, &record, sizeof(back));
}


static void
test_round_trip_empty(void **state)
{
    reauth_record_t  record;
    reauth_string_t  text;

    (void) state;

    memset(&record, 0, sizeof(record));
    round_trip(&record);

    encode(&record, &text);
    assert_int_equal(text.len, 0);
    free((void *) text.data);
}


static void
test_round_trip_all_names(void **state)
{
    unsigned         i;
    reauth_record_t  record;

    (void) state;

    largest(&record);

    record.state = REAUTH_STATE_FORGOTTEN;
    round_trip(&record);

    for (i = 0; i < REAUTH_STATE_LAST; i++) {
        record.state = (uint8_t) i;
        record.prior.state = (uint8_t) i;
        record.action = i == REAUTH_STATE_NEEDS_PERSON ? REAUTH_ACTION_PERSON
                                                       : REAUTH_ACTION_NONE;
        record.prior.action = record.action;
        round_trip(&record);
    }

    record.state = REAUTH_STATE_NEEDS_FACE;
    record.prior.state = REAUTH_STATE_NEEDS_FACE;

    for (i = 0; i < REAUTH_SOURCE_LAST; i++) {
        record.source = (uint8_t) i;
        round_trip(&record);
    }

    /* "person" is said by its state alone */

    for (i = 0; i < REAUTH_ACTION_PERSON; i++) {
        record.action = (uint8_t) i;
        record.prior.action = (uint8_t) i;
        round_trip(&record);
    }

    for (i = 0; i < REAUTH_AUTH_TYPE_LAST; i++) {
        record.auth_type = (uint8_t) i;
        record.prior.auth_type = (uint8_t) i;
        round_trip(&record);
    }
}


/* gateways of the version before know neither the state nor the action */

static void
test_person_for_earlier_versions(void **state)
{
    reauth_record_t  record, decoded;
    reauth_string_t  text;

    static const char  written[] =
        "account acct_1\nepoch 7\nstate running\nneeds person\n"
        "prior_state running\nprior_needs person\n";
    static const reauth_string_t  skipped = reauth_string(
        "account acct_1\nepoch 7\nstate running\nneeds robot\n");
    static const reauth_string_t  ended = reauth_string(
        "account acct_1\nepoch 7\nstate succeeded\nneeds person\n");

    (void) state;

    memset(&record, 0, sizeof(record));
    strcpy(record.account, "acct_1");
    record.epoch = 7;
    record.state = REAUTH_STATE_NEEDS_PERSON;
    record.action = REAUTH_ACTION_PERSON;
    record.prior.state = REAUTH_STATE_NEEDS_PERSON;
    record.prior.action = REAUTH_ACTION_PERSON;

    round_trip(&record);
    encode(&record, &text);

    assert_int_equal(text.len, sizeof(written) - 1);
    assert_memory_equal(text.data, written, text.len);

    free((void *) text.data);

    /* what such a gateway wrote over, or a later one needs, is "running" */

    memset(&decoded, 0, sizeof(decoded));
    assert_int_equal(reauth_record_decode(&skipped, &decoded), 0);
    assert_int_equal(decoded.state, REAUTH_STATE_RUNNING);
    assert_int_equal(decoded.action, REAUTH_ACTION_NONE);

    memset(&decoded, 0, sizeof(decoded));
    assert_int_equal(reauth_record_decode(&ended, &decoded), 0);
    assert_int_equal(decoded.state, REAUTH_STATE_SUCCEEDED);
    assert_int_equal(decoded.action, REAUTH_ACTION_NONE);
}


static void
test_round_trip_sealed(void **state)
{
    unsigned         len;
    reauth_record_t  record;

    (void) state;

    largest(&record);

    for (len = 0; len <= REAUTH_SEALED_MAX; len++) {
        memset(record.sealed, 0, REAUTH_SEALED_MAX);
        memset(record.sealed, 0x11, len);
        record.sealed_len = (uint8_t) len;
        round_trip(&record);
    }
}


/* what an attempt began with is well under 2 KB, the largest one included */

static void
test_size(void **state)
{
    reauth_record_t  record;
    reauth_string_t  text;

    (void) state;

    largest(&record);
    encode(&record, &text);

    assert_in_range(text.len, 1, 2047);

    free((void *) text.data);
}


/* in any order, and with lines of a later version among them */

static void
test_lines(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const reauth_string_t  good = reauth_string(
        "state running\nnew \nattempt auth_1\nepoch 7\naccount acct_1\n"
        "error_message two words\n");

    static const reauth_string_t  bad[] = {
        reauth_string("state"),
        reauth_string("state running"),
        reauth_string("epoch 7\nstate\n"),
        reauth_string("epoch 7\n\n"),
        reauth_string("epoch 7\nstate asleep\n"),
        reauth_string("\n")
    };

    (void) state;

    memset(&record, 0, sizeof(record));

    assert_int_equal(reauth_record_decode(&good, &record), 0);
    assert_int_equal(record.state, REAUTH_STATE_RUNNING);
    assert_string_equal(record.attempt, "auth_1");
    assert_string_equal(record.account, "acct_1");
    assert_string_equal(record.error_message, "two words");
    assert_true(record.epoch == 7);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(reauth_record_decode(&bad[i], &record), -1);
    }
}


static void
test_a_field_of_a_later_version(void **state)
{
    reauth_record_t  record, before;

    (void) state;

    largest(&record);
    before = record;

    assert_int_equal(set(&record, "not_known_yet", "anything"), 0);
    assert_int_equal(set(&record, "", ""), 0);
    assert_int_equal(set(&record, "State", "running"), 0);
    assert_memory_equal(&record, &before, sizeof(record));
}


static void
test_bad_numbers(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const char  *bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3",
        "1000000000000000000", "99999999999999999999999"
    };

    (void) state;

    memset(&record, 0, sizeof(record));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(set(&record, "epoch", bad[i]), -1);
        assert_int_equal(set(&record, "since", bad[i]), -1);
    }

    assert_int_equal(set(&record, "epoch", "999999999999999999"), 0);
    assert_true(record.epoch == (uint64_t) NUMBER_MAX);
}


static void
test_bad_names(void **state)
{
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));

    assert_int_equal(set(&record, "state", "Running"), -1);
    assert_int_equal(set(&record, "state", ""), -1);
    assert_int_equal(set(&record, "action", "nothing"), -1);
    assert_int_equal(set(&record, "auth_type", "cookies"), -1);
    assert_int_equal(set(&record, "source", "?"), -1);
}


static void
test_too_long(void **state)
{
    char             value[512];
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));

    fill(value, 'a', REAUTH_ACCOUNT_MAX + 1);
    assert_int_equal(set(&record, "account", value), -1);

    fill(value, 'a', REAUTH_ATTEMPT_MAX + 1);
    assert_int_equal(set(&record, "attempt", value), -1);
    assert_int_equal(set(&record, "prior_attempt", value), -1);

    fill(value, 'a', REAUTH_CALLER_MAX + 1);
    assert_int_equal(set(&record, "caller", value), -1);

    fill(value, 'a', 2 * REAUTH_SEALED_MAX + 2);
    assert_int_equal(set(&record, "sealed", value), -1);
}


static void
test_bad_binaries(void **state)
{
    char             value[512];
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));

    assert_int_equal(set(&record, "sealed", "abc"), -1);
    assert_int_equal(set(&record, "sealed", "AB"), -1);
    assert_int_equal(set(&record, "sealed", "g0"), -1);

    fill(value, '0', 2 * REAUTH_FINGERPRINT_LEN - 2);
    assert_int_equal(set(&record, "fingerprint", value), -1);

    fill(value, '0', 2 * REAUTH_FINGERPRINT_LEN + 2);
    assert_int_equal(set(&record, "fingerprint", value), -1);

    fill(value, '0', 2 * REAUTH_FINGERPRINT_LEN);
    assert_int_equal(set(&record, "fingerprint", value), 0);
    assert_int_equal(record.fingerprint_set, 1);
}


/* whoever can write to Redis must not be able to write to the log */

static void
test_control_bytes(void **state)
{
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));

    assert_int_equal(set(&record, "progress", "a\rb\x1b[0m"), 0);
    assert_string_equal(record.progress, "a b [0m");

    /* a line break ends the field; the rest is ignored */
    assert_int_equal(set(&record, "progress", "a\nb"), -1);
}


static void
test_valid(void **state)
{
    reauth_record_t  record;

    (void) state;

    memset(&record, 0, sizeof(record));
    assert_int_equal(reauth_record_valid(&record), 0);

    assert_int_equal(set(&record, "account", "acct_1"), 0);
    assert_int_equal(set(&record, "epoch", "1"), 0);
    assert_int_equal(reauth_record_valid(&record), 0);

    assert_int_equal(set(&record, "state", "succeeded"), 0);
    assert_int_equal(reauth_record_valid(&record), 1);

    /* a gate that nothing would open */

    assert_int_equal(set(&record, "state", "running"), 0);
    assert_int_equal(reauth_record_valid(&record), 0);

    assert_int_equal(set(&record, "deadline", "1"), 0);
    assert_int_equal(reauth_record_valid(&record), 1);

    record.epoch = REAUTH_EPOCH_MAX;
    assert_true(reauth_record_valid(&record));

    /* one that a double no longer holds would stop the clock for good */

    record.epoch = REAUTH_EPOCH_MAX + 1;
    assert_false(reauth_record_valid(&record));

    record.epoch = 0;
    assert_int_equal(reauth_record_valid(&record), 0);
}


/* ids are in paths of requests to the upstream, and in answers */

static void
test_valid_ids(void **state)
{
    size_t           i;
    reauth_record_t  record;

    static const char  *bad[] = {
        "a", "auth_", "auth_1/", "auth_../../accounts", "../../acct_2/me",
        "auth_1?x", "auth_1\",\"state\":\"", "auth_1 ", "auth_\xff"
    };

    (void) state;

    memset(&record, 0, sizeof(record));
    assert_int_equal(set(&record, "account", "acct_1"), 0);
    assert_int_equal(set(&record, "epoch", "1"), 0);
    assert_int_equal(set(&record, "state", "succeeded"), 0);
    assert_int_equal(reauth_record_valid(&record), 1);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {

        assert_int_equal(set(&record, "attempt", bad[i]), 0);
        assert_int_equal(reauth_record_valid(&record), 0);
        assert_int_equal(set(&record, "attempt", "auth_1"), 0);
        assert_int_equal(reauth_record_valid(&record), 1);

        assert_int_equal(set(&record, "prior_attempt", bad[i]), 0);
        assert_int_equal(reauth_record_valid(&record), 0);
        assert_int_equal(set(&record, "prior_attempt", "fansly_acct_1"), 0);
        assert_int_equal(reauth_record_valid(&record), 1);

        assert_int_equal(set(&record, "account", bad[i]), 0);
        assert_int_equal(reauth_record_valid(&record), 0);
        assert_int_equal(set(&record, "account", "auth_1"), 0);
        assert_int_equal(reauth_record_valid(&record), 0);
        assert_int_equal(set(&record, "account", "fansly_acct_1"), 0);
        assert_int_equal(reauth_record_valid(&record), 1);
    }
}


static void
test_numbers(void **state)
{
    size_t    i;
    char      expected[32];
    uint8_t   text[REAUTH_NUMBER_MAX + 1];
    uint64_t  number;

    (void) state;

    number = 0;

    for (i = 0; i < 64; i++) {
        (void) snprintf(expected, sizeof(expected), "%llu",
                        (unsigned long long) number);

        memset(text, 0, sizeof(text));

        assert_int_equal(reauth_string_number(number, text),
                         strlen(expected));
        assert_string_equal((char *) text, expected);

        number = number * 2 + 1;
    }

    assert_int_equal(reauth_string_number(UINT64_MAX, text),
                     REAUTH_NUMBER_MAX);
}


/* times of another clock, of a fault, and of whoever writes to Redis */

#define NOW_MS   INT64_C(1763985600000)
#define LIFE_MS  INT64_C(86400000)
#define FAR_MS   (NOW_MS + REAUTH_CLOCKS_DIFFER_MS + 1)

static void
judged(reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    record->epoch = (uint64_t) NOW_MS * REAUTH_EPOCH_TICKS;
    record->since_ms = NOW_MS - 1000;
    record->updated_ms = NOW_MS - 500;
    record->deadline_ms = NOW_MS + 900000;
    record->started_us = NOW_MS * 1000;
}


static void
test_judge_as_it_is(void **state)
{
    reauth_record_t  record, before;

    (void) state;

    judged(&record);
    before = record;

    assert_int_equal(reauth_record_judge(&record, NOW_MS, LIFE_MS), 0);
    assert_memory_equal(&record, &before, sizeof(record));

    /* a clock that is ahead, but not absurdly; the end of a life */

    record.since_ms = FAR_MS - 1;
    record.updated_ms = FAR_MS - 1;
    record.deadline_ms = FAR_MS - 1 + LIFE_MS;
    record.started_us = REAUTH_TIME_MS_MAX * 1000;
    record.epoch = (uint64_t) (NOW_MS + REAUTH_EPOCH_AHEAD_MS)
                   * REAUTH_EPOCH_TICKS;
    before = record;

    assert_int_equal(reauth_record_judge(&record, NOW_MS, LIFE_MS), 0);
    assert_memory_equal(&record, &before, sizeof(record));
}


static void
test_judge_future(void **state)
{
    reauth_record_t  record;

    (void) state;

    judged(&record);

    record.since_ms = FAR_MS;
    record.updated_ms = FAR_MS;
    record.accepted_ms = FAR_MS;
    record.stepped_ms = REAUTH_TIME_MS_MAX;
    record.polled_ms = REAUTH_TIME_MS_MAX;
    record.deadline_ms = FAR_MS + LIFE_MS;
    record.prior.since_ms = FAR_MS;
    record.prior.deadline_ms = REAUTH_TIME_MS_MAX;

    assert_int_equal(reauth_record_judge(&record, NOW_MS, LIFE_MS), 0);

    assert_true(record.since_ms == NOW_MS);
    assert_true(record.updated_ms == NOW_MS);
    assert_true(record.accepted_ms == NOW_MS);
    assert_true(record.stepped_ms == NOW_MS);
    assert_true(record.polled_ms == NOW_MS);
    assert_true(record.prior.since_ms == NOW_MS);
    assert_true(record.deadline_ms == NOW_MS + LIFE_MS);
    assert_true(record.prior.deadline_ms == NOW_MS + LIFE_MS);
}


static void
test_judge_absurd(void **state)
{
    size_t           i, n;
    int64_t          value;
    reauth_record_t  record;

    static const size_t  ms[] = {
        offsetof(reauth_record_t, since_ms),
        offsetof(reauth_record_t, updated_ms),
        offsetof(reauth_record_t, deadline_ms),
        offsetof(reauth_record_t, accepted_ms),
        offsetof(reauth_record_t, stepped_ms),
        offsetof(reauth_record_t, polled_ms),
        offsetof(reauth_record_t, prior.since_ms),
        offsetof(reauth_record_t, prior.deadline_ms)
    };

    static const size_t  us[] = {
        offsetof(reauth_record_t, started_us),
        offsetof(reauth_record_t, completed_us),
        offsetof(reauth_record_t, before_us),
        offsetof(reauth_record_t, prior.started_us),
        offsetof(reauth_record_t, prior.completed_us)
    };

    (void) state;

    for (i = 0; i < 2 * (sizeof(ms) + sizeof(us)) / sizeof(ms[0]); i++) {
        n = i / 2;
        value = -1;

        if (i % 2 != 0) {
            value = REAUTH_TIME_MS_MAX + 1;

            if (n >= sizeof(ms) / sizeof(ms[0])) {
                value *= 1000;
            }
        }

        judged(&record);

        memcpy((char *) &record
               + (n < sizeof(ms) / sizeof(ms[0])
                  ? ms[n] : us[n - sizeof(ms) / sizeof(ms[0])]),
               &value, sizeof(value));

        assert_int_equal(reauth_record_judge(&record, NOW_MS, LIFE_MS), -1);
    }

    judged(&record);
    record.epoch = (uint64_t) (NOW_MS + REAUTH_EPOCH_AHEAD_MS + 1)
                   * REAUTH_EPOCH_TICKS;

    assert_int_equal(reauth_record_judge(&record, NOW_MS, LIFE_MS), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip_largest),
        cmocka_unit_test(test_judge_as_it_is),
        cmocka_unit_test(test_judge_future),
        cmocka_unit_test(test_judge_absurd),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_round_trip_empty),
        cmocka_unit_test(test_round_trip_all_names),
        cmocka_unit_test(test_person_for_earlier_versions),
        cmocka_unit_test(test_round_trip_sealed),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_field_of_a_later_version),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_bad_binaries),
        cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_valid_ids),
        cmocka_unit_test(test_numbers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
