
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The audit log: what is entered where, how refusals are counted, and the texts
 * of entries in Redis and in responses.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "reauth_audit.h"


#define NOW_MS  INT64_C(1763985600000)
#define SIZE    64


static reauth_audit_t  entries[SIZE];


static void
class_table(void **state)
{
    size_t  i;

    static const struct {
        int                   act, sent, error;
        unsigned              status;
        reauth_audit_class_t  class;
    } rows[] = {
        { 1, 0, 0, 200, REAUTH_AUDIT_ACTS },
        { 1, 0, 0, 202, REAUTH_AUDIT_ACTS },
        { 1, 0, 1, 404, REAUTH_AUDIT_REFUSED },
        { 1, 0, 1, 429, REAUTH_AUDIT_REFUSED },
        { 1, 0, 1, 503, REAUTH_AUDIT_REFUSED },
        { 1, 0, 0, 500, REAUTH_AUDIT_REFUSED },
        { 1, 0, 0, 0,   REAUTH_AUDIT_REFUSED },
        { 0, 1, 0, 200, REAUTH_AUDIT_UPDATES },
        { 0, 1, 0, 422, REAUTH_AUDIT_UPDATES },   /* of the upstream */
        { 0, 1, 0, 0,   REAUTH_AUDIT_UPDATES },
        { 0, 1, 1, 422, REAUTH_AUDIT_REFUSED },
        { 0, 1, 1, 409, REAUTH_AUDIT_REFUSED },
        { 0, 1, 1, 503, REAUTH_AUDIT_REFUSED },
        { 0, 1, 1, 502, REAUTH_AUDIT_UPDATES },
        { 0, 1, 1, 504, REAUTH_AUDIT_UPDATES },
        { 0, 0, 1, 422, REAUTH_AUDIT_REFUSED },
        { 0, 0, 1, 504, REAUTH_AUDIT_REFUSED },
        { 0, 0, 0, 400, REAUTH_AUDIT_REFUSED },   /* its body was cut off */
        { 0, 0, 0, 0,   REAUTH_AUDIT_REFUSED }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(reauth_audit_class(rows[i].act, rows[i].sent,
                                            rows[i].error, rows[i].status),
                         rows[i].class);
    }
}


/* adds a refusal as the zone does; returns what counts it */

static reauth_audit_t *
refuse(reauth_audit_ring_t *ring, int64_t at_ms, const char *caller,
    const char *address, const char *action, const char *account)
{
    reauth_audit_t  entry, *found;

    memset(&entry, 0, sizeof(entry));

    entry.kind = REAUTH_AUDIT_REFUSED;
    entry.at_ms = at_ms;
    entry.begun_ms = at_ms;
    entry.count = 1;

    strcpy(entry.caller, caller);
    strcpy(entry.address, address);
    strcpy(entry.action, action);
    strcpy(entry.account, account);
    strcpy(entry.outcome, "FORBIDDEN_CALLER");

    found = reauth_audit_fold(ring, &entry);

    if (found != NULL) {
        found->count++;
        found->at_ms = at_ms;
        return found;
    }

    found = &ring->entries[ring->added % ring->size];
    *found = entry;
    ring->added++;

    return found;
}


static void
start(reauth_audit_ring_t *ring)
{
    memset(entries, 0, sizeof(entries));
    memset(ring, 0, sizeof(*ring));

    ring->entries = entries;
    ring->size = SIZE;
}


/* adds an entry of another class; returns it */

static reauth_audit_t *
enter(reauth_audit_ring_t *ring, reauth_audit_class_t kind, int64_t at_ms,
    const char *caller, const char *outcome)
{
    reauth_audit_t  *entry;

    entry = &ring->entries[ring->added++ % ring->size];

    memset(entry, 0, sizeof(*entry));

    entry->kind = (uint8_t) kind;
    entry->at_ms = at_ms;
    entry->begun_ms = at_ms;
    entry->count = 1;

    strcpy(entry->caller, caller);
    strcpy(entry->address, "::1");
    strcpy(entry->outcome, outcome);

    return entry;
}


static void
coalesced_updates_are_entered_once_a_minute(void **state)
{
    reauth_audit_t       entry;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    entry = *enter(&ring, REAUTH_AUDIT_UPDATES, NOW_MS, "crm", "coalesced");
    enter(&ring, REAUTH_AUDIT_UPDATES, NOW_MS + 1, "crm", "accepted");

    entry.at_ms = NOW_MS + REAUTH_AUDIT_WINDOW_MS - 1;
    assert_true(reauth_audit_repeats(&ring, &entry));

    entry.at_ms = NOW_MS + REAUTH_AUDIT_WINDOW_MS;
    assert_false(reauth_audit_repeats(&ring, &entry));

    /* another account, another caller; what was sent is always entered */

    entry.at_ms = NOW_MS + 1;
    strcpy(entry.account, "acct_1");
    assert_false(reauth_audit_repeats(&ring, &entry));

    entry.account[0] = '\0';
    strcpy(entry.caller, "payouts");
    assert_false(reauth_audit_repeats(&ring, &entry));

    strcpy(entry.caller, "crm");
    strcpy(entry.outcome, "accepted");
    assert_false(reauth_audit_repeats(&ring, &entry));
}


static void
acts_do_not_replace_those_not_in_redis(void **state)
{
    size_t               i;
    reauth_audit_t       one, two, late;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    one = *enter(&ring, REAUTH_AUDIT_ACTS, NOW_MS, "one", "done");
    two = one;
    strcpy(two.caller, "two");
    late = one;
    late.at_ms = NOW_MS + REAUTH_AUDIT_WINDOW_MS;

    for (i = 1; i < SIZE / 2; i++) {
        assert_false(reauth_audit_is_full(&ring, &one));
        enter(&ring, REAUTH_AUDIT_ACTS, NOW_MS, "one", "done");
    }

    /* half of them for one caller, also if others are older */

    assert_true(reauth_audit_is_full(&ring, &one));
    assert_false(reauth_audit_is_full(&ring, &two));
    assert_false(reauth_audit_is_full(&ring, &late));

    for (i = 0; i < SIZE / 2; i++) {
        assert_false(reauth_audit_is_full(&ring, &late));
        enter(&ring, REAUTH_AUDIT_ACTS, NOW_MS, i % 2 ? "three" : "four",
              "done");
    }

    assert_true(reauth_audit_is_full(&ring, &two));

    /* what is in Redis may be replaced */

    ring.written = SIZE / 2;
    assert_false(reauth_audit_is_full(&ring, &one));
    assert_false(reauth_audit_is_full(&ring, &two));
}


static void
identical_refusals_are_one_entry(void **state)
{
    int                  i;
    reauth_audit_t      *entry;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    for (i = 0; i < 1000; i++) {
        entry = refuse(&ring, NOW_MS + i, "noisy", "::1", "call", "acct_1");
        assert_int_equal(entry->count, i + 1);
    }

    assert_int_equal(ring.added, 1);

    /* a caller is one source, from whatever address */

    entry = refuse(&ring, NOW_MS + 1000, "noisy", "::2", "call", "acct_1");
    assert_int_equal(entry->count, 1001);

    /* one that is not known is its address */

    refuse(&ring, NOW_MS, "", "::1", "call", "acct_1");
    refuse(&ring, NOW_MS, "", "::2", "call", "acct_1");
    assert_int_equal(ring.added, 3);

    /* another action, another account */

    refuse(&ring, NOW_MS, "noisy", "::1", "update", "acct_1");
    refuse(&ring, NOW_MS, "noisy", "::1", "call", "acct_2");
    assert_int_equal(ring.added, 5);

    /* the next minute is another entry */

    entry = refuse(&ring, NOW_MS + REAUTH_AUDIT_WINDOW_MS, "noisy", "::1",
                   "call", "acct_1");
    assert_int_equal(entry->count, 1);
    assert_int_equal(ring.added, 6);
}


static void
a_source_has_few_entries(void **state)
{
    int                  i;
    char                 account[REAUTH_ACCOUNT_MAX + 1];
    reauth_audit_t      *entry;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    for (i = 0; i < 1000; i++) {
        snprintf(account, sizeof(account), "acct_%d", i);
        entry = refuse(&ring, NOW_MS, "noisy", "::1", "call", account);
    }

    assert_int_equal(ring.added, REAUTH_AUDIT_SOURCE_MAX + 1);
    assert_int_equal(entry->count, 1000 - REAUTH_AUDIT_SOURCE_MAX);
    assert_string_equal(entry->caller, "noisy");
    assert_string_equal(entry->account, "");
    assert_string_equal(entry->action, "");

    /* another one is not affected */

    entry = refuse(&ring, NOW_MS, "quiet", "::1", "call", "acct_1");
    assert_int_equal(entry->count, 1);
    assert_string_equal(entry->account, "acct_1");
}


static void
many_sources_leave_half_of_the_ring(void **state)
{
    int                  i;
    char                 address[REAUTH_AUDIT_ADDRESS_MAX + 1];
    reauth_audit_t      *entry;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    refuse(&ring, NOW_MS - 2 * REAUTH_AUDIT_WINDOW_MS, "old", "::1", "call",
           "acct_1");

    for (i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "::%x", i);
        entry = refuse(&ring, NOW_MS, "", address, "call", "acct_1");
    }

    assert_int_equal(ring.added, 1 + SIZE / 2 + 1);
    assert_int_equal(entry->count, 1000 - SIZE / 2);
    assert_string_equal(entry->address, "");
    assert_string_equal(entry->outcome, "FORBIDDEN_CALLER");
    assert_string_equal(entries[0].caller, "old");
}


/* no entry is open for ever, and none that was overwritten is counted */

static void
clock_and_wrap(void **state)
{
    int                  i;
    reauth_audit_t      *entry;
    reauth_audit_ring_t  ring;

    (void) state;

    start(&ring);

    refuse(&ring, NOW_MS, "a", "::1", "call", "acct_1");
    entry = refuse(&ring, NOW_MS - 2 * REAUTH_AUDIT_WINDOW_MS, "a", "::1",
                   "call", "acct_1");
    assert_int_equal(entry->count, 1);

    start(&ring);

    for (i = 0; i < 3 * SIZE; i++) {
        entry = refuse(&ring, NOW_MS + i * REAUTH_AUDIT_WINDOW_MS, "a", "::1",
                       "call", "acct_1");
        assert_int_equal(entry->count, 1);
    }

    assert_int_equal(ring.added, 3 * SIZE);
}


static void
filter_table(void **state)
{
    size_t                 i;
    reauth_audit_t         entry;
    reauth_audit_filter_t  filter;

    static const struct {
        const char  *account, *caller;
        int          matches;
    } rows[] = {
        { "", "", 1 },
        { "acct_1", "", 1 },
        { "", "ops", 1 },
        { "acct_1", "ops", 1 },
        { "acct_2", "", 0 },
        { "acct_", "", 0 },
        { "", "op", 0 },
        { "acct_1", "other", 0 },
        { "acct_2", "ops", 0 }
    };

    (void) state;

    memset(&entry, 0, sizeof(entry));
    strcpy(entry.account, "acct_1");
    strcpy(entry.caller, "ops");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&filter, 0, sizeof(filter));
        strcpy(filter.account, rows[i].account);
        strcpy(filter.caller, rows[i].caller);

        assert_int_equal(reauth_audit_matches(&entry, &filter),
                         rows[i].matches);
    }
}


static void
newest_first(void **state)
{
    reauth_audit_t  one, two;

    (void) state;

    memset(&one, 0, sizeof(one));
    memset(&two, 0, sizeof(two));

    one.at_ms = 2;
    two.at_ms = 1;
    assert_int_equal(reauth_audit_compare(&one, &two), -1);
    assert_int_equal(reauth_audit_compare(&two, &one), 1);

    two.at_ms = 2;
    assert_int_equal(reauth_audit_compare(&one, &two), 0);

    two.number = 1;
    assert_int_equal(reauth_audit_compare(&one, &two), 1);
    assert_int_equal(reauth_audit_compare(&two, &one), -1);
}


/* every field at its bound */

static void
full(reauth_audit_t *entry)
{
    memset(entry, 0, sizeof(*entry));

    entry->at_ms = INT64_C(253402300799999);
    entry->until_ms = INT64_C(253402300799999);
    entry->number = UINT64_C(253402300799999000);
    entry->count = UINT32_MAX;
    entry->gate = REAUTH_OVERRIDE_CLOSED;

    memset(entry->account, 'a', REAUTH_ACCOUNT_MAX);
    memset(entry->attempt, 'b', REAUTH_ATTEMPT_MAX);
    memset(entry->caller, 'c', REAUTH_CALLER_MAX);
    memset(entry->action, 'd', REAUTH_AUDIT_ACTION_MAX);
    memset(entry->outcome, 'e', REAUTH_AUDIT_OUTCOME_MAX);
    memset(entry->address, 'f', REAUTH_AUDIT_ADDRESS_MAX);
    memset(entry->reason, '"', REAUTH_OVERRIDE_REASON_MAX);
}


static void
text_round_trip(void **state)
{
    unsigned char    text[REAUTH_AUDIT_TEXT_MAX];
    reauth_audit_t   entry, back;
    reauth_string_t  s;

    (void) state;

    full(&entry);

    s.data = text;
    s.len = reauth_audit_encode(&entry, text);

    assert_true(s.len <= REAUTH_AUDIT_TEXT_MAX);
    assert_int_equal(reauth_audit_decode(&s, &back), 0);
    assert_memory_equal(&entry, &back, sizeof(entry));
}


static void
decode_table(void **state)
{
    size_t           i;
    reauth_audit_t   entry;
    reauth_string_t  s;

    static const struct {
        const char  *text;
        int          rc;
    } rows[] = {
        { "at 1\ncount 1\noutcome done\n", 0 },
        { "at 1\ncount 1\noutcome done\nlater version\n", 0 },
        { "at 1\ncount 1\noutcome done\ngate ajar\n", 0 },
        { "", -1 },
        { "at 1\ncount 1\n", -1 },
        { "at 0\ncount 1\noutcome done\n", -1 },
        { "at 1\ncount 0\noutcome done\n", -1 },
        { "count 1\noutcome done\n", -1 },
        { "at -1\ncount 1\noutcome done\n", -1 },
        { "at 253402300800000\ncount 1\noutcome done\n", -1 },
        { "at 1\ncount x\noutcome done\n", -1 },
        { "at 1\ncount 1\noutcome done", -1 },
        { "at 1\ncount 1\noutcome 12345678901234567890123456789012\n", -1 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = reauth_string_from(rows[i].text);
        assert_int_equal(reauth_audit_decode(&s, &entry), rows[i].rc);
    }
}


static void
json_of_an_entry(void **state)
{
    char             buf[REAUTH_AUDIT_JSON_MAX + 1];
    size_t           len;
    json_t          *json;
    reauth_audit_t   entry;

    (void) state;

    memset(&entry, 0, sizeof(entry));
    entry.at_ms = NOW_MS;
    entry.until_ms = NOW_MS + 600000;
    entry.count = 1;
    entry.gate = REAUTH_OVERRIDE_OPEN;
    strcpy(entry.account, "acct_1");
    strcpy(entry.caller, "ops");
    strcpy(entry.action, "override");
    strcpy(entry.outcome, "done");
    strcpy(entry.address, "192.0.2.1");
    strcpy(entry.reason, "he said \"open\"");

    len = reauth_audit_json(buf, &entry);
    buf[len] = '\0';

    assert_string_equal(buf,
        "{\"at\":\"2025-11-24T12:00:00.000Z\",\"caller\":\"ops\","
        "\"address\":\"192.0.2.1\",\"action\":\"override\","
        "\"account_id\":\"acct_1\",\"attempt_id\":null,\"outcome\":\"done\","
        "\"count\":1,\"gate\":\"open\",\"until\":\"2025-11-24T12:10:00.000Z\","
        "\"reason\":\"he said \\\"open\\\"\"}");

    /* what is not UTF-8 does not spoil the list, and all bounds fit */

    full(&entry);
    memset(entry.reason, 0xff, REAUTH_OVERRIDE_REASON_MAX);

    len = reauth_audit_json(buf, &entry);
    assert_int_not_equal(len, 0);

    json = json_loadb(buf, len, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_string_length(json_object_get(json, "reason")),
                     REAUTH_OVERRIDE_REASON_MAX);
    json_decref(json);

    full(&entry);
    assert_int_not_equal(reauth_audit_json(buf, &entry), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(class_table),
        cmocka_unit_test(coalesced_updates_are_entered_once_a_minute),
        cmocka_unit_test(acts_do_not_replace_those_not_in_redis),
        cmocka_unit_test(identical_refusals_are_one_entry),
        cmocka_unit_test(a_source_has_few_entries),
        cmocka_unit_test(many_sources_leave_half_of_the_ring),
        cmocka_unit_test(clock_and_wrap),
        cmocka_unit_test(filter_table),
        cmocka_unit_test(newest_first),
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(decode_table),
        cmocka_unit_test(json_of_an_entry)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
