
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

#include "reauth_seek.h"


static reauth_endpoint_t
place(const char *host, unsigned port)
{
    reauth_endpoint_t  p;

    memset(&p, 0, sizeof(reauth_endpoint_t));
    (void) snprintf(p.host, sizeof(p.host), "%s", host);
    p.port = port;

    return p;
}


static unsigned
failed(reauth_seek_t *seek)
{
    return reauth_seek_ended(seek, REAUTH_SEEK_FAILED, 0, 0);
}


/* each is tried at once, then all again, later each time */

static void
test_addresses_in_turn(void **state)
{
    unsigned       i, n;
    reauth_seek_t  seek;

    static const unsigned  pauses[] = { 100, 200, 400, 800, 1000, 1000 };

    (void) state;

    reauth_seek_init(&seek, 3, 0);
    assert_int_equal(seek.where, REAUTH_SEEK_LISTED);

    for (n = 0; n < 6; n++) {
        for (i = 0; i < 3; i++) {
            assert_int_equal(seek.server, i);
            assert_int_equal(reauth_seek_more(&seek), i < 2);
            assert_int_equal(failed(&seek), i < 2 ? 1 : pauses[n]);
        }
    }

    /* one that is alone is not asked every second */

    reauth_seek_init(&seek, 1, 0);

    for (n = 0; n < 10; n++) {
        i = failed(&seek);
    }

    assert_int_equal(i, REAUTH_SEEK_PAUSE_MAX);

    /* jitter: up to a quarter less */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_FAILED, 0, 1249),
                     REAUTH_SEEK_PAUSE_MAX - 1249);
    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_FAILED, 0, 1250),
                     REAUTH_SEEK_PAUSE_MAX);
}


static void
test_addresses_of_a_name(void **state)
{
    reauth_seek_t  seek;

    (void) state;

    reauth_seek_init(&seek, 2, 0);
    reauth_seek_resolved(&seek, 2);

    assert_int_equal(reauth_seek_more(&seek), 1);
    assert_int_equal(failed(&seek), 1);
    assert_int_equal(seek.server, 0);
    assert_int_equal(seek.addr, 1);

    assert_int_equal(failed(&seek), 1);
    assert_int_equal(seek.server, 1);
    assert_int_equal(seek.addr, 0);
    assert_int_equal(seek.addrs, 1);

    reauth_seek_resolved(&seek, 2);
    assert_int_equal(failed(&seek), 1);
    assert_int_equal(seek.addr, 1);
    assert_int_equal(reauth_seek_more(&seek), 0);
    assert_int_equal(failed(&seek), 100);
    assert_int_equal(seek.server, 0);
}


static void
test_used_connection_ends(void **state)
{
    reauth_seek_t  seek;

    (void) state;

    reauth_seek_init(&seek, 2, 0);
    (void) failed(&seek);
    reauth_seek_ready(&seek);
    assert_int_equal(seek.server, 1);

    /* closed: the same again */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LOST, 1, 0), 100);
    assert_int_equal(seek.server, 1);
    reauth_seek_ready(&seek);

    /* closed at once each time: later each time */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LOST, 0, 0), 200);
    reauth_seek_ready(&seek);
    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LOST, 0, 0), 400);
    assert_int_equal(seek.server, 1);
    reauth_seek_ready(&seek);

    /* a replica now, or without a reply: another one at once */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LEFT, 1, 0), 1);
    assert_int_equal(seek.server, 0);
    assert_int_equal(failed(&seek), 100);
    assert_int_equal(seek.server, 1);
}


static void
test_redirections(void **state)
{
    unsigned        i;
    reauth_seek_t   seek;
    reauth_endpoint_t  one, two;

    (void) state;

    one = place("10.0.0.1", 7001);
    two = place("10.0.0.2", 7002);

    reauth_seek_init(&seek, 2, 0);

    assert_int_equal(reauth_seek_moved(&seek, &one, 0), 0);
    assert_int_equal(seek.where, REAUTH_SEEK_TOLD);
    assert_string_equal(seek.place.host, "10.0.0.1");
    reauth_seek_ready(&seek);

    /* lost: the same again; not reachable: the next of the configuration */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LOST, 1, 0), 100);
    assert_int_equal(seek.where, REAUTH_SEEK_TOLD);
    assert_int_equal(failed(&seek), 1);
    assert_int_equal(seek.where, REAUTH_SEEK_LISTED);
    assert_int_equal(seek.server, 1);

    /* it still names the one that is not reachable */

    assert_int_equal(reauth_seek_moved(&seek, &one, 0), 0);
    assert_int_equal(failed(&seek), 200);
    assert_int_equal(seek.server, 0);

    /* two that name each other */

    for (i = 0; i < REAUTH_SEEK_HOPS_MAX; i++) {
        assert_int_equal(reauth_seek_moved(&seek, i % 2 ? &one : &two, 0), 0);
        reauth_seek_ready(&seek);
    }

    assert_int_equal(reauth_seek_moved(&seek, &two, 0), -1);
    assert_int_equal(failed(&seek), 1);
    assert_int_equal(seek.where, REAUTH_SEEK_LISTED);

    /* hours later it moves again */

    assert_int_equal(reauth_seek_moved(&seek, &two, 1), 0);
    assert_int_equal(seek.hops, 1);

    /* a single address, of a cluster: its nodes are looked for each second */

    reauth_seek_init(&seek, 1, 0);

    for (i = 0; i < 10; i++) {
        assert_int_equal(reauth_seek_moved(&seek, &one, 0), 0);
        assert_in_range(failed(&seek), 100, REAUTH_SEEK_PAUSE_MOVES);
        assert_int_equal(seek.where, REAUTH_SEEK_LISTED);
    }
}


static void
test_sentinels(void **state)
{
    reauth_seek_t   seek;
    reauth_endpoint_t  one, two;

    (void) state;

    one = place("10.0.0.1", 6379);
    two = place("10.0.0.2", 6379);

    reauth_seek_init(&seek, 3, 3);
    assert_int_equal(seek.where, REAUTH_SEEK_ASK);
    assert_int_equal(reauth_seek_more(&seek), 0);

    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_OTHER);
    assert_int_equal(seek.where, REAUTH_SEEK_TOLD);
    reauth_seek_ready(&seek);
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_SAME);

    /* whatever ends it, they are asked again */

    assert_int_equal(reauth_seek_ended(&seek, REAUTH_SEEK_LOST, 1, 0), 100);
    assert_int_equal(seek.where, REAUTH_SEEK_ASK);
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_SAME);
    assert_int_equal(seek.where, REAUTH_SEEK_TOLD);
    assert_int_equal(failed(&seek), 200);
    assert_int_equal(failed(&seek), 400);
    assert_int_equal(failed(&seek), 800);
    assert_int_equal(failed(&seek), 1000);
    assert_int_equal(failed(&seek), 1000);
    assert_int_equal(seek.where, REAUTH_SEEK_ASK);

    /* a redirection is not theirs */

    assert_int_equal(reauth_seek_moved(&seek, &two, 1), -1);

    /* a promotion, and one that has not heard of it */

    assert_int_equal(reauth_seek_named(&seek, &two, 1), REAUTH_SEEK_OTHER);
    assert_int_equal(failed(&seek), 100);
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_STALE);
    assert_string_equal(seek.place.host, "10.0.0.2");
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_STALE);
    assert_int_equal(reauth_seek_named(&seek, &two, 1), REAUTH_SEEK_SAME);

    /* all of them are new */

    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_STALE);
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_STALE);
    assert_int_equal(reauth_seek_named(&seek, &one, 0), REAUTH_SEEK_OTHER);

    /* the connection to the Sentinels themselves goes round */

    reauth_seek_init(&seek, 2, 0);
    reauth_seek_turn(&seek);
    assert_int_equal(seek.server, 1);
    reauth_seek_turn(&seek);
    assert_int_equal(seek.server, 0);
}


static void
test_errors(void **state)
{
    size_t           i;
    reauth_string_t  s;

    static const struct {
        const char         *text;
        reauth_seek_end_t   end;
        int                 serves;
    } errors[] = {
        { "READONLY You can't write against a read only replica.",
          REAUTH_SEEK_LEFT, 0 },
        { "ERR Error running script (call to f_1): @user_script:21: "
          "@user_script: 21: -READONLY You can't write", REAUTH_SEEK_LEFT, 0 },
        { "MASTERDOWN Link with MASTER is down", REAUTH_SEEK_LEFT, 0 },
        { "CLUSTERDOWN The cluster is down", REAUTH_SEEK_LEFT, 0 },
        { "LOADING Redis is loading", REAUTH_SEEK_FAILED, 0 },
        { "MOVED 3999 127.0.0.1:6381", REAUTH_SEEK_FAILED, 0 },
        { "ASK 3999 127.0.0.1:6381", REAUTH_SEEK_FAILED, 1 },
        { "TRYAGAIN Multiple keys request", REAUTH_SEEK_FAILED, 1 },
        { "OOM command not allowed", REAUTH_SEEK_FAILED, 1 },
        { "MISCONF Redis is configured to save", REAUTH_SEEK_FAILED, 1 },
        { "NOREPLICAS Not enough good replicas", REAUTH_SEEK_FAILED, 1 },
        { "", REAUTH_SEEK_FAILED, 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        s = reauth_string_from(errors[i].text);

        assert_int_equal(reauth_seek_error(&s), errors[i].end);
        assert_int_equal(reauth_seek_serves(&s), errors[i].serves);
    }
}


static void
test_places(void **state)
{
    size_t           i;
    reauth_endpoint_t   p;
    reauth_string_t  s;

    static const struct {
        const char  *text;
        const char  *host;             /* NULL: it is not one */
        unsigned     port;
    } places[] = {
        { "MOVED 3999 127.0.0.1:6381", "127.0.0.1", 6381 },
        { "MOVED 0 redis-1.example:1", "redis-1.example", 1 },
        { "MOVED 16383 2001:db8::1:65535", "2001:db8::1", 65535 },
        { "MOVED 3999 :6381", "here", 6381 },

        { "ASK 3999 127.0.0.1:6381", NULL, 0 },
        { "MOVED", NULL, 0 },
        { "MOVED 3999", NULL, 0 },
        { "MOVED 3999 ", NULL, 0 },
        { "MOVED 3999 127.0.0.1", NULL, 0 },
        { "MOVED 3999 127.0.0.1:", NULL, 0 },
        { "MOVED 3999 127.0.0.1:0", NULL, 0 },
        { "MOVED 3999 127.0.0.1:65536", NULL, 0 },
        { "MOVED 3999 127.0.0.1:99999999999999999999", NULL, 0 },
        { "MOVED 3999 127.0.0.1:6381 ", NULL, 0 },
        { "MOVED 3999 ?:6381", NULL, 0 },
        { "MOVED 3999 a b:6381", NULL, 0 },
        { "MOVED 3999 a\n:6381", NULL, 0 },
        { "MOVED 16384 127.0.0.1:6381", NULL, 0 },
        { "MOVED -1 127.0.0.1:6381", NULL, 0 },
        { "MOVED  127.0.0.1:6381", NULL, 0 },
        { "MOVEDX 1 127.0.0.1:6381", NULL, 0 },
        { "", NULL, 0 }
    };

    char             name[REAUTH_SEEK_HOST_MAX + 32];

    (void) state;

    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        s = reauth_string_from(places[i].text);

        if (places[i].host == NULL) {
            assert_int_equal(reauth_endpoint_parse(&p, &s, "MOVED", "here"),
                             -1);
            continue;
        }

        assert_int_equal(reauth_endpoint_parse(&p, &s, "MOVED", "here"), 0);
        assert_string_equal(p.host, places[i].host);
        assert_int_equal(p.port, places[i].port);
    }

    s = reauth_string_from("ASK 1 :6381");
    assert_int_equal(reauth_endpoint_parse(&p, &s, "ASK", "127.0.0.1"), 0);
    assert_string_equal(p.host, "127.0.0.1");

    /* a name of the greatest length, and a longer one */

    memset(name, 'a', sizeof(name));
    memcpy(name, "ASK 1 ", 6);
    memcpy(name + 6 + REAUTH_SEEK_HOST_MAX, ":1", 3);
    s = reauth_string_from(name);
    assert_int_equal(reauth_endpoint_parse(&p, &s, "ASK", "here"), 0);

    memcpy(name + 6 + REAUTH_SEEK_HOST_MAX, "a:1", 4);
    s = reauth_string_from(name);
    assert_int_equal(reauth_endpoint_parse(&p, &s, "ASK", "here"), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_addresses_in_turn),
        cmocka_unit_test(test_addresses_of_a_name),
        cmocka_unit_test(test_used_connection_ends),
        cmocka_unit_test(test_redirections),
        cmocka_unit_test(test_sentinels),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_places)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
