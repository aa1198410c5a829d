
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "reauth_degraded.h"


static void
test_errors_of_redis(void **state)
{
    size_t           i;
    reauth_string_t  s;

    static const struct {
        const char        *text;
        reauth_refusal_t   expected;
    } errors[] = {
        { "NOAUTH Authentication required.", REAUTH_REFUSAL_PASSWORD },
        { "WRONGPASS invalid username-password pair or user is disabled.",
          REAUTH_REFUSAL_USER },
        { "NOPERM this user has no permissions to run the 'xread' command",
          REAUTH_REFUSAL_RIGHTS },
        { "ERR The user executing the script can't run this command or "
          "subcommand script: f1, on @user_script:24.",
          REAUTH_REFUSAL_RIGHTS },
        { "ERR ACL failure in script: User gateway has no permissions to run "
          "the 'set' command script: f1, on @user_script:24.",
          REAUTH_REFUSAL_RIGHTS },
        { "ERR Error running script (call to f_1): @user_script:24: ACL "
          "failure in script. (see 'help acl')", REAUTH_REFUSAL_RIGHTS },
        { "LOADING Redis is loading the dataset in memory",
          REAUTH_REFUSAL_LOADING },
        { "BUSY Redis is busy running a script.", REAUTH_REFUSAL_BUSY },
        { "ERR Error running script (call to f_1): @user_script:1: Script "
          "killed by user with SCRIPT KILL...", REAUTH_REFUSAL_KILLED },
        { "ERR Error running script: Script killed by user with SCRIPT KILL. "
          "script: f1, on @user_script:1.", REAUTH_REFUSAL_KILLED },
        { "OOM command not allowed when used memory > 'maxmemory'. script: "
          "f1, on @user_script:21.", REAUTH_REFUSAL_MEMORY },
        { "ERR Error running script (call to f_1): @user_script:21: "
          "@user_script: 21: -OOM command not allowed when used memory > "
          "'maxmemory'.", REAUTH_REFUSAL_MEMORY },
        { "MISCONF Redis is configured to save RDB snapshots",
          REAUTH_REFUSAL_DISK },
        { "NOREPLICAS Not enough good replicas to write.",
          REAUTH_REFUSAL_REPLICAS },
        { "READONLY You can't write against a read only replica.",
          REAUTH_REFUSAL_REPLICA },
        { "MASTERDOWN Link with MASTER is down", REAUTH_REFUSAL_REPLICA },
        { "ERR Error running script (call to f_1): @user_script:21: "
          "@user_script: 21: -READONLY You can't write against a read only "
          "replica.", REAUTH_REFUSAL_REPLICA },
        { "CLUSTERDOWN Hash slot not served", REAUTH_REFUSAL_CLUSTER },
        { "TRYAGAIN Multiple keys request during rehashing of slot",
          REAUTH_REFUSAL_CLUSTER },
        { "MOVED 3999 127.0.0.1:6381", REAUTH_REFUSAL_CLUSTER },
        { "ASK 3999 127.0.0.1:6381", REAUTH_REFUSAL_CLUSTER },
        { "CROSSSLOT Keys in request don't hash to the same slot",
          REAUTH_REFUSAL_CLUSTER },

        /* of one key */

        { "WRONGTYPE Operation against a key holding the wrong kind of value",
          REAUTH_REFUSAL_NONE },
        { "ERR Error running script (call to f_1): @user_script:12: -WRONGTYPE "
          "Operation against a key", REAUTH_REFUSAL_NONE },

        /* what others wrote is not taken for a code */

        { "ERR unknown command 'x -READONLY '", REAUTH_REFUSAL_OTHER },
        { "ERR READONLY ", REAUTH_REFUSAL_OTHER },
        { "READONLYX", REAUTH_REFUSAL_OTHER },
        { "readonly ", REAUTH_REFUSAL_OTHER },
        { "ERR Error running script", REAUTH_REFUSAL_OTHER },
        { "ERR Error running script -", REAUTH_REFUSAL_OTHER },
        { "ERR max number of clients reached", REAUTH_REFUSAL_OTHER },
        { "OOM", REAUTH_REFUSAL_MEMORY },
        { "", REAUTH_REFUSAL_OTHER }
    };

    (void) state;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        s = reauth_string_from(errors[i].text);

        if (reauth_refusal_parse(&s) != errors[i].expected) {
            print_error("%s\n", errors[i].text);
        }

        assert_int_equal(reauth_refusal_parse(&s), errors[i].expected);
    }
}


static void
test_reasons(void **state)
{
    char             text[REAUTH_REASON_LEN];
    reauth_health_t  health;
    reauth_reason_t  reasons[REAUTH_REASONS_MAX];

    (void) state;

    memset(&health, 0, sizeof(reauth_health_t));

    assert_int_equal(reauth_health_reasons(&health, reasons), 0);

    health.redis = 1;
    health.up = 1;

    assert_int_equal(reauth_health_reasons(&health, reasons), 0);

    health.clock_ms = 1000;
    assert_int_equal(reauth_health_reasons(&health, reasons), 0);
    health.clock_ms = -1000;
    assert_int_equal(reauth_health_reasons(&health, reasons), 0);
    health.clock_ms = 1001;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    health.clock_ms = -1001;
    health.redis = 0;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "clock");
    health.clerk = REAUTH_REFUSAL_CLERK;
    assert_int_equal(reauth_health_reasons(&health, reasons), 2);
    assert_string_equal(reauth_reason_name(&reasons[0]), "clerk");
    health.clerk = REAUTH_REFUSAL_NONE;
    health.clock_ms = 0;

    /* another secret, which nobody can see without Redis */

    health.redis = 1;
    health.secret = REAUTH_REFUSAL_SECRET;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "secret");
    health.write = REAUTH_REFUSAL_MEMORY;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]),
                        "redis_out_of_memory");
    health.write = REAUTH_REFUSAL_NONE;
    health.secret = REAUTH_REFUSAL_NONE;

    /* a key that is refused is the gravest, a failing upstream none */

    health.upstream = REAUTH_RESULT_LIMITED;
    assert_int_equal(reauth_health_reasons(&health, reasons), 0);
    health.upstream = REAUTH_RESULT_TIMEOUT;
    assert_int_equal(reauth_health_reasons(&health, reasons), 0);
    health.upstream = REAUTH_RESULT_CREDITS;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "upstream_credits");
    health.upstream = REAUTH_RESULT_KEY_RESTRICTED;
    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]),
                        "upstream_restricted");
    health.upstream = REAUTH_RESULT_KEY_REFUSED;
    health.clock_ms = 1001;
    assert_int_equal(reauth_health_reasons(&health, reasons), 2);
    assert_string_equal(reauth_reason_name(&reasons[0]), "upstream_key");
    health.clock_ms = 0;
    health.upstream = REAUTH_RESULT_NONE;
    health.redis = 1;

    /* all that is left without a connection */

    health.write = REAUTH_REFUSAL_MEMORY;
    health.follow = REAUTH_REFUSAL_RIGHTS;
    health.lease = REAUTH_REFUSAL_RIGHTS;
    health.up = 0;

    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "redis_unreachable");

    health.down = REAUTH_REFUSAL_LOADING;

    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "redis_loading");

    /* polls are not shared if nothing is written */

    health.up = 1;

    assert_int_equal(reauth_health_reasons(&health, reasons), 2);
    assert_string_equal(reauth_reason_name(&reasons[0]),
                        "redis_out_of_memory");
    assert_string_equal(reauth_reason_name(&reasons[1]), "redis_rights");

    reauth_reason_text(&reasons[0], text);
    assert_string_equal(text, "Redis is out of memory (OOM): updates are "
                        "stored by this gateway only");

    health.write = REAUTH_REFUSAL_NONE;

    assert_int_equal(reauth_health_reasons(&health, reasons), 2);

    reauth_reason_text(&reasons[1], text);
    assert_string_equal(text, "the Redis user lacks a right (NOPERM): polls "
                        "are not shared with other gateways");

    health.follow = REAUTH_REFUSAL_UNREAD;
    health.lease = REAUTH_REFUSAL_NONE;

    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "redis_unread");

    /* Sentinels are missed only while there is a connection without them */

    health.watch = REAUTH_REFUSAL_SENTINEL;

    assert_int_equal(reauth_health_reasons(&health, reasons), 2);
    assert_string_equal(reauth_reason_name(&reasons[1]), "redis_sentinel");

    reauth_reason_text(&reasons[1], text);
    assert_string_equal(text, "no Sentinel names a primary, or the server is "
                        "a Sentinel: a failover may not be noticed");

    health.up = 0;

    assert_int_equal(reauth_health_reasons(&health, reasons), 1);
    assert_string_equal(reauth_reason_name(&reasons[0]), "redis_loading");
}


/* each has a name of its own, and a text that fits and is fit for JSON */

static void
test_texts(void **state)
{
    char             text[REAUTH_REASON_LEN];
    size_t           len;
    unsigned         i, k, kind;
    const char      *name;
    reauth_reason_t  reason;

    (void) state;

    memset(&reason, 0, sizeof(reauth_reason_t));

    for (i = REAUTH_REFUSAL_NONE + 1; i < REAUTH_REFUSAL_LAST; i++) {
        reason.refusal = (reauth_refusal_t) i;
        name = reauth_reason_names(i - 1);

        assert_non_null(name);
        assert_string_equal(reauth_reason_name(&reason), name);

        for (k = 0; k < i - 1; k++) {
            assert_string_not_equal(reauth_reason_names(k), name);
        }

        for (kind = 0; kind < REAUTH_REASON_LAST; kind++) {
            reason.kind = (reauth_reason_kind_t) kind;

            len = reauth_reason_text(&reason, text);

            assert_int_equal(len, strlen(text));
            assert_true(len < REAUTH_REASON_LEN - 1);
            assert_null(strpbrk(text, "\"\\\n"));
        }
    }

    assert_null(reauth_reason_names(REAUTH_REFUSAL_LAST - 1));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_of_redis),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_texts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
