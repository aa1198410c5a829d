
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The mutating upstream: its documented answers to polls and its webhooks, with
 * words, types, members, nesting and bytes changed at random.  Whatever they
 * say, no gate opens but by a known end of this attempt.  What a known end is,
 * is written down here once more, for whole texts that jansson reads.
 *
 * REAUTH_SEED=n  one seed; REAUTH_RUNS=n  mutants of each example;
 * REAUTH_TRACE=run  prints one of them
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>
#include <jansson.h>

#include "reauth_poll.h"
#include "reauth_webhook.h"


#define RUNS      25000
#define NOW       1763985600000LL

/* NOW and a second, by the upstream's clock */
#define STARTED   "2025-11-24T12:00:01.000000Z"
#define EARLIEST  "2025-11-24T11:59:58"
#define OLDER     "2024-05-06T07:08:09.000000Z"

#define LAST(more)                                                            \
    "{\"started_at\":\"" STARTED "\",\"completed_at\":null,"                  \
    "\"success\":false,\"error_message\":null,\"error_code\":null,"           \
    "\"needs_otp\":false,\"otp_phone_ending\":null" more "}"
#define DONE(success)                                                         \
    "{\"started_at\":\"" STARTED "\",\"completed_at\":\"" STARTED "\","       \
    "\"success\":" success ",\"error_message\":null,\"error_code\":null,"     \
    "\"needs_otp\":false,\"otp_phone_ending\":null}"
#define ACCOUNT                                                               \
    "\"account\":{\"id\":\"acct_1\",\"display_name\":\"x\","                  \
    "\"onlyfans_data\":{\"id\":7,\"csrf\":\"x\"}}"
#define FANSLY(status, authenticated, code)                                   \
    "{\"account_id\":\"fansly_acct_1\",\"display_name\":\"x\",\"status\":"    \
    status ",\"is_authenticated\":" authenticated ",\"needs_code\":" code     \
    ",\"twofa_type\":2,\"masked_email\":null,\"last_error\":null,"            \
    "\"fansly_user_data\":null}"
#define HOOK(event)                                                           \
    "{\"event\":\"" event "\",\"account_id\":\"acct_1\",\"payload\":{"        \
    "\"state\":\"authenticated\",\"progress\":\"signed_in\","                 \
    "\"latestAuthAttempt\":" DONE("true") "}}"


static const char *const  examples[] = {
    "{" ACCOUNT ",\"state\":\"authenticating\",\"progress\":\"started\","
        "\"lastAttempt\":" LAST("") "}",
    "{" ACCOUNT ",\"state\":\"authenticated\",\"progress\":\"signed_in\","
        "\"lastAttempt\":" DONE("true") "}",
    "{\"data\":{" ACCOUNT ",\"state\":\"authenticated\",\"progress\":"
        "\"signed_in\",\"lastAttempt\":" DONE("true") "}}",
    "{" ACCOUNT ",\"state\":\"auth-failed\",\"progress\":null,"
        "\"lastAttempt\":" DONE("false") "}",
    "{" ACCOUNT ",\"state\":\"needs-otp\",\"progress\":\"waiting_for_otp\","
        "\"twoFactorPending\":true,\"lastAttempt\":" LAST("") "}",
    "{" ACCOUNT ",\"state\":\"needs_face_otp\",\"progress\":\"checking\","
        "\"lastAttempt\":" LAST(",\"needs_face_otp\":true,"
        "\"face_otp_verification_url\":\"https://x.invalid/\"") "}",
    "{" ACCOUNT ",\"state\":\"authenticating\",\"progress\":\"checking\","
        "\"mobile_auth_session_deeplink\":\"fansapiauth://x\","
        "\"lastAttempt\":" LAST("") "}",
    FANSLY("\"challenge-email\"", "false", "true"),
    FANSLY("\"verifying\"", "false", "true"),
    FANSLY("null", "true", "false"),
    HOOK("accounts.reconnected"),
    HOOK("accounts.otp_code_required"),
    HOOK("test-event")
};

#define HOOKS  10                    /* the first webhook among them */


/* what takes the place of a value */

static const char *const  values[] = {
    "null", "true", "false", "0", "1", "-1", "1e999", "2", "[]", "{}",
    "\"\"", "\"true\"", "\"false\"", "\"1\"", "[true]", "{\"a\":1}",
    "\"authenticated\"", "\"AUTHENTICATED\"", "\"Authenticated \"",
    "\"authenticated-soon\"", "\"signed_in\"", "\"signed-in\"", "\"signed\"",
    "\"failed\"", "\"auth_failed\"", "\"failing\"", "\"needs-captcha\"",
    "\"needs-email\"", "\"needs-selfie\"", "\"verifying\"", "\"verified\"",
    "\"challenge-x\"", "\"frobnicating\"", "\"\\u0000\"",
    "\"authenticated\\u0000\"", "\"" STARTED "\"", "\"" OLDER "\"",
    "\"accounts.connected\"", "\"accounts.celebrated\"",
    "\"fansly.accounts.authentication_failed\"", "\"acct_1\""
};


static uint64_t  state_of_random;


static unsigned
chance(unsigned n)
{
    state_of_random ^= state_of_random >> 12;
    state_of_random ^= state_of_random << 25;
    state_of_random ^= state_of_random >> 27;

    return (unsigned) ((state_of_random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}


/* ---- what may end an attempt --------------------------------------------- */


static int
word(const json_t *object, const char *name, const char *expected)
{
    size_t       i;
    char         c;
    const char  *s;
    json_t      *value;

    value = json_object_get(object, name);
    s = json_string_value(value);

    if (s == NULL || json_string_length(value) != strlen(expected)) {
        return 0;
    }

    for (i = 0; s[i] != '\0'; i++) {
        c = s[i] == '_' ? '-' : s[i];

        if (strncasecmp(&c, &expected[i], 1) != 0) {
            return 0;
        }
    }

    return i == strlen(expected);
}


static int
yes(const json_t *object, const char *name)
{
    json_t  *value;

    value = json_object_get(object, name);

    return json_is_true(value) || word(object, name, "true")
           || (json_is_integer(value) && json_integer_value(value) == 1);
}


static int
begins(const json_t *object, const char *name, const char *prefix)
{
    const char  *s;

    s = json_string_value(json_object_get(object, name));

    return s != NULL && strncasecmp(s, prefix, strlen(prefix)) == 0;
}


/* a flag of a step that a person has to do: whatever is not a plain no */

static int
awaited(const json_t *object, const char *name)
{
    const json_t  *value;

    value = json_object_get(object, name);

    if (json_is_string(value)) {
        return json_string_length(value) != 0
               && strcasecmp(json_string_value(value), "false") != 0;
    }

    return value != NULL
           && !json_is_null(value)
           && !json_is_false(value)
           && !(json_is_number(value) && json_number_value(value) == 0)
           && !(json_is_array(value) && json_array_size(value) == 0)
           && !(json_is_object(value) && json_object_size(value) == 0);
}


static int
may_end(const json_t *answer, int stepped)
{
    const char    *started;
    const json_t  *last;

    last = json_object_get(answer, "lastAttempt");
    started = json_string_value(json_object_get(last, "started_at"));

    if (last != NULL || json_is_string(json_object_get(answer, "state"))) {

        /* nothing else shows that it is about this login */

        if (started == NULL || strcmp(started, EARLIEST) < 0) {

            if (!stepped
                || (started != NULL && strcmp(started, OLDER) == 0))
            {
                return 0;
            }
        }

        return (word(answer, "state", "authenticated")
                && !awaited(answer, "needs_otp")
                && !awaited(answer, "needs_face_otp")
                && !awaited(answer, "twoFactorPending")
                && !awaited(last, "needs_otp")
                && !awaited(last, "needs_face_otp")
                && (word(answer, "progress", "signed-in")
                    || yes(last, "success")))
               || word(answer, "state", "failed")
               || word(answer, "state", "auth-failed")
               || (json_string_length(json_object_get(last, "completed_at"))
                   && json_is_false(json_object_get(last, "success")));
    }

    if (!stepped || !json_is_string(json_object_get(answer, "account_id"))) {
        return 0;
    }

    return word(answer, "status", "failed")
           || word(answer, "status", "auth-failed")
           || (yes(answer, "is_authenticated")
               && json_is_false(json_object_get(answer, "needs_code"))
               && !begins(answer, "status", "needs")
               && !begins(answer, "status", "challenge-")
               && !word(answer, "status", "challenge-x")
               && !word(answer, "status", "verifying"));
}


static int
event_may_end(const json_t *hook)
{
    size_t       i;
    const char  *event;

    static const char *const  ends[] = {
        "accounts.connected", "accounts.reconnected", "accounts.disconnected",
        "accounts.authentication_failed", "fansly.accounts.connected",
        "fansly.accounts.disconnected", "fansly.accounts.authentication_failed"
    };

    event = json_string_value(json_object_get(hook, "event"));

    for (i = 0; event != NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(event, ends[i]) == 0
            && json_string_length(json_object_get(hook, "event"))
               == strlen(ends[i]))
        {
            return 1;
        }
    }

    return 0;
}


/* ---- mutants ------------------------------------------------------------- */


static json_t *
any_value(void)
{
    return json_loads(values[chance(sizeof(values) / sizeof(values[0]))],
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}


static void
mutate_member(json_t *root)
{
    char         name[64];
    size_t       n;
    void        *at;
    json_t      *object, *value;
    const char  *key;

    object = root;

    for ( ;; ) {
        n = json_object_size(object);

        if (n == 0) {
            return;
        }

        at = json_object_iter(object);

        for (n = chance((unsigned) n); n > 0; n--) {
            at = json_object_iter_next(object, at);
        }

        value = json_object_iter_value(at);

        if (!json_is_object(value) || chance(4) == 0) {
            break;
        }

        object = value;
    }

    key = json_object_iter_key(at);
    snprintf(name, sizeof(name), "%s", key);

    switch (chance(8)) {

    case 0:
        (void) json_object_del(object, name);
        break;

    case 1:                          /* under another name */
        value = json_incref(value);
        (void) json_object_del(object, name);
        name[chance((unsigned) strlen(name))] ^= 0x20;
        (void) json_object_set_new(object, name, value);
        break;

    case 2:                          /* elsewhere */
        (void) json_object_set(root, name, value);
        break;

    case 3:                          /* deeper */
        (void) json_object_set_new(object, name,
                                   json_pack("{sO}", name, value));
        break;

    default:
        value = any_value();

        if (value != NULL) {
            (void) json_object_set_new(object, name, value);
        }
    }
}


/* "*text" is to be freed */

static size_t
mutant(const char *example, char **text)
{
    char       *p, *more;
    size_t      len, i;
    json_t     *root;
    unsigned    n;

    static const char *const  before[] = {
        "\"state\":\"authenticated\",", "\"progress\":\"signed_in\",",
        "\"is_authenticated\":true,", "\"event\":\"accounts.connected\","
    };

    root = json_loads(example, 0, NULL);
    assert_non_null(root);

    for (n = chance(4); n > 0; n--) {
        mutate_member(root);
    }

    p = json_dumps(root, chance(2) ? JSON_COMPACT : JSON_ENSURE_ASCII);
    json_decref(root);
    assert_non_null(p);

    len = strlen(p);

    switch (chance(8)) {

    case 0:                          /* a name twice */
        i = chance(4);
        more = malloc(len + 64);
        assert_non_null(more);
        len = (size_t) sprintf(more, "{%s%s", before[i], p + 1);
        free(p);
        p = more;
        break;

    case 1:                          /* bytes */
        for (n = 1 + chance(3); n > 0; n--) {
            p[chance((unsigned) len)] = (char) chance(256);
        }

        break;

    case 2:                          /* cut off */
        len = chance((unsigned) len);
        break;
    }

    *text = p;

    return len;
}


/* ---- the laws ------------------------------------------------------------ */


static void
record_of(reauth_record_t *record, int stepped)
{
    memset(record, 0, sizeof(reauth_record_t));

    strcpy(record->account, "acct_1");
    strcpy(record->attempt, "auth_1");

    record->epoch = reauth_epoch_next(0, NOW);
    record->since_ms = NOW;
    record->updated_ms = NOW + 100;
    record->accepted_ms = NOW + 100;
    record->deadline_ms = NOW + 900000;
    record->state = REAUTH_STATE_RUNNING;

    if (stepped) {
        record->stepped_ms = NOW + 500;
    }
}


static const char *
judge_poll(const char *text, size_t len, int stepped, unsigned *ended)
{
    int               may;
    json_t           *json;
    reauth_poll_t     poll;
    reauth_fact_t     fact;
    reauth_record_t   record, next;
    reauth_unread_t   why;

    if (reauth_poll_parse((const unsigned char *) text, len, &poll, &why) != 0)
    {
        return NULL;
    }

    record_of(&record, stepped);
    memset(&fact, 0, sizeof(fact));

    fact.now_ms = NOW + 1500;
    fact.gate_max_ms = 900000;
    fact.attempt = reauth_string_from("auth_1");
    fact.source = REAUTH_SOURCE_POLLER;

    reauth_poll_fact(&poll, &fact);
    reauth_fact_asked(&fact, &record, NOW + 1000);

    if (reauth_attempt_advance(&record, &fact, &next)
        != REAUTH_ADVANCE_APPLIED
        || !reauth_state_is_end(next.state))
    {
        return NULL;
    }

    (*ended)++;

    json = json_loadb(text, len, JSON_ALLOW_NUL, NULL);

    if (json == NULL) {

        /* the reader takes more: numbers and halves of pairs, say */

        return NULL;
    }

    may = may_end(json, stepped)
          || may_end(json_object_get(json, "data"), stepped);

    json_decref(json);

    return may ? NULL : "a poll that is no known end opened the gate";
}


static const char *
judge_webhook(const char *text, size_t len, unsigned *ended)
{
    int                may;
    json_t            *json;
    reauth_webhook_t   hook;
    reauth_unread_t    why;

    if (reauth_webhook_parse((const unsigned char *) text, len, &hook, &why)
        != 0
        || !reauth_state_is_end(hook.state))
    {
        return NULL;
    }

    (*ended)++;

    json = json_loadb(text, len, JSON_ALLOW_NUL, NULL);

    if (json == NULL) {
        return NULL;
    }

    may = event_may_end(json);

    json_decref(json);

    return may ? NULL : "an event that is no known end opened the gate";
}


static void
test_mutants(void **state)
{
    char        *text;
    size_t       i, len;
    uint64_t     seed;
    unsigned     run, runs, ended, failed, example;
    const char  *value, *what, *trace;

    (void) state;

    value = getenv("REAUTH_SEED");
    seed = value != NULL ? strtoull(value, NULL, 10) : 1;

    value = getenv("REAUTH_RUNS");
    runs = value != NULL ? (unsigned) strtoul(value, NULL, 10) : RUNS;

    trace = getenv("REAUTH_TRACE");

    example = sizeof(examples) / sizeof(examples[0]);
    runs *= example;
    ended = 0;
    failed = 0;

    for (run = 0; run < runs; run++) {

        state_of_random = seed * 0x9e3779b97f4a7c15ULL
                          + run * 0xbf58476d1ce4e5b9ULL + 1;

        for (i = 0; i < 4; i++) {
            (void) chance(2);
        }

        len = mutant(examples[run % example], &text);

        what = run % example >= HOOKS
               ? judge_webhook(text, len, &ended)
               : judge_poll(text, len, (int) chance(2), &ended);

        if (what != NULL
            || (trace != NULL && *trace != '\0'
                && strtoul(trace, NULL, 10) == run))
        {
            print_message("REAUTH_SEED=%llu REAUTH_TRACE=%u: %s\n%.*s\n",
                          (unsigned long long) seed, run,
                          what != NULL ? what : "nothing is wrong with",
                          (int) len, text);
        }

        free(text);

        if (what != NULL && ++failed == 5) {
            fail();
        }
    }

    print_message("seed %llu: %u mutants, %u of them ended an attempt\n",
                  (unsigned long long) seed, runs, ended);

    assert_int_equal(failed, 0);
    assert_true(ended > runs / 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_mutants)
    };

    return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
