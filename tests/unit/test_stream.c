
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Whether events were missed, by their numbers.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_record.h"
#include "reauth_stream.h"


#define WHOLE   REAUTH_STREAM_WHOLE
#define DOUBT   REAUTH_STREAM_DOUBT
#define MISSED  REAUTH_STREAM_MISSED

/* the number of the first event: a time in microseconds */
#define BEGUN   UINT64_C(1763985600000000)


/* events in their order; what is known after the last of them */

static void
test_events(void **state)
{
    size_t           i, n;
    int              missed;
    reauth_stream_t  stream;

    static const struct {
        const char             *row;
        uint64_t                begin;
        uint64_t                numbers[4];
        size_t                  n;
        int                     missed;        /* by the last one */
        reauth_stream_state_t   state;
        uint64_t                number;
    } rows[] = {
        { "the next ones", 7, { 8, 9, 10 }, 3, 0, WHOLE, 10 },
        { "the first of all", 0, { BEGUN }, 1, 1, MISSED, BEGUN },
        { "the first of all, of an earlier version", 0, { 1 }, 1, 1, MISSED,
          1 },
        { "the first two of all", 0, { BEGUN, BEGUN + 1 }, 2, 0, MISSED,
          BEGUN + 1 },
        { "the first of all, and a gap", 0, { BEGUN, BEGUN + 2 }, 2, 1, MISSED,
          BEGUN + 2 },
        { "the first two of all, of an earlier version", 0, { 1, 2 }, 2, 0,
          MISSED, 2 },
        { "begun again: the data was lost", BEGUN, { BEGUN + 150000 }, 1, 1,
          MISSED, BEGUN + 150000 },
        { "begun again by a clock behind", BEGUN, { BEGUN - 150000 }, 1, 1,
          MISSED, BEGUN - 150000 },
        { "a gap", 7, { 9 }, 1, 1, MISSED, 9 },
        { "a gap, and the next one", 7, { 9, 10 }, 2, 0, MISSED, 10 },
        { "twice the same", 7, { 8, 8 }, 2, 1, MISSED, 8 },
        { "begun again by an earlier version", 7, { 1 }, 1, 1, MISSED, 1 },
        { "of an earlier version", 7, { 0, 8 }, 2, 0, DOUBT, 8 },
        { "of an earlier version, and a gap", 7, { 0, 9 }, 2, 1, MISSED, 9 },
        { "a gap, and of an earlier version", 7, { 9, 0 }, 2, 0, MISSED, 9 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        missed = 0;

        reauth_stream_begin(&stream, rows[i].begin);

        for (n = 0; n < rows[i].n; n++) {
            missed = reauth_stream_event(&stream, rows[i].numbers[n]);
        }

        if (missed != rows[i].missed
            || stream.state != rows[i].state
            || stream.number != rows[i].number)
        {
            fail_msg("%s: missed %d, state %d, number %llu", rows[i].row,
                     missed, (int) stream.state,
                     (unsigned long long) stream.number);
        }
    }
}


static void
test_counter(void **state)
{
    reauth_stream_t  stream;

    (void) state;

    /* events that are to come, or were removed */

    reauth_stream_begin(&stream, 7);

    assert_int_equal(reauth_stream_counter(&stream, 7), 0);
    assert_int_equal(reauth_stream_end(&stream), 0);

    assert_int_equal(reauth_stream_counter(&stream, 9), 0);
    assert_int_equal(reauth_stream_event(&stream, 8), 0);
    assert_int_equal(stream.state, WHOLE);
    assert_int_equal(reauth_stream_end(&stream), 1);
    assert_int_equal(stream.state, MISSED);

    assert_int_equal(reauth_stream_end(&stream), 0);
    assert_int_equal(reauth_stream_event(&stream, 10), 0);

    /* one that came after the counter was read is not missed */

    assert_int_equal(reauth_stream_end(&stream), 0);
    assert_int_equal(stream.number, 10);

    /* Redis has lost its data, or some of it */

    reauth_stream_begin(&stream, 7);

    assert_int_equal(reauth_stream_counter(&stream, 6), 1);
    assert_int_equal(reauth_stream_counter(&stream, 0), 1);

    /* what was read afterwards is not measured by the former counter */

    assert_int_equal(reauth_stream_counter(&stream, 9), 0);
    reauth_stream_begin(&stream, 3);
    assert_int_equal(reauth_stream_end(&stream), 0);
    assert_int_equal(stream.state, WHOLE);

    /* there was no event: all that are counted since are to be read */

    reauth_stream_begin(&stream, 0);

    assert_int_equal(reauth_stream_counter(&stream, 0), 0);
    assert_int_equal(reauth_stream_end(&stream), 0);
    assert_int_equal(reauth_stream_counter(&stream, 7), 0);
    assert_int_equal(reauth_stream_end(&stream), 1);
    assert_int_equal(reauth_stream_event(&stream, 9), 1);

    /*
     * Redis lost its data twice, and has counted as many events as before: the
     * counter does not begin at the same number again
     */

    reauth_stream_begin(&stream, BEGUN + 3);

    assert_int_equal(reauth_stream_counter(&stream, BEGUN + 150003), 0);
    assert_int_equal(reauth_stream_end(&stream), 1);
}


/* all data was lost, whatever was to be read again */

static void
test_emptied(void **state)
{
    reauth_stream_t  stream;

    (void) state;

    reauth_stream_begin(&stream, 0);
    assert_int_equal(reauth_stream_is_emptied(&stream, 0), 0);
    assert_int_equal(reauth_stream_is_emptied(&stream, BEGUN), 0);

    assert_int_equal(reauth_stream_event(&stream, BEGUN), 1);
    assert_int_equal(reauth_stream_is_emptied(&stream, 0), 1);
    assert_int_equal(reauth_stream_is_emptied(&stream, BEGUN - 1), 0);
    assert_int_equal(reauth_stream_is_emptied(&stream, BEGUN), 0);
}


static void
test_time_until_reading_again(void **state)
{
    reauth_stream_t  stream;

    (void) state;

    reauth_stream_begin(&stream, 7);
    assert_int_equal(reauth_stream_again_ms(&stream, 1000000), -1);

    reauth_stream_dropped(&stream);
    assert_int_equal(reauth_stream_again_ms(&stream, 0),
                     REAUTH_STREAM_DOUBT_MS);
    assert_int_equal(reauth_stream_again_ms(&stream, REAUTH_STREAM_DOUBT_MS),
                     0);

    /* at most once a second, however many are missed */

    (void) reauth_stream_event(&stream, 9);
    reauth_stream_dropped(&stream);
    assert_int_equal(reauth_stream_again_ms(&stream, 0),
                     REAUTH_STREAM_AGAIN_MS);
    assert_int_equal(reauth_stream_again_ms(&stream, 600), 400);
    assert_int_equal(reauth_stream_again_ms(&stream, 86400000), 0);

    reauth_stream_begin(&stream, stream.number);
    assert_int_equal(reauth_stream_again_ms(&stream, 0), -1);
}


static void
test_number(void **state)
{
    size_t           i;
    reauth_string_t  text;

    static const struct {
        const char  *text;
        uint64_t     number;
    } rows[] = {
        { "", 0 },
        { "number 1\n", 1 },
        { "revision 3\naccount acct_1\nnumber 9007199254740991\n",
          UINT64_C(9007199254740991) },
        { "revision 3\nnumber 9007199254740992\n", 0 },
        { "revision 3\nnumber 1", 0 },
        { "number 1\nrevision 3\n", 0 },
        { "revision 3\nnumber \n", 0 },
        { "revision 3\nnumber -1\n", 0 },
        { "revision 3\nnumber 1x\n", 0 },
        { "revision 3\nxnumber 1\n", 0 },
        { "\n", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        text = reauth_string_from(rows[i].text);

        if (reauth_record_event_number(&text) != rows[i].number) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_emptied),
        cmocka_unit_test(test_time_until_reading_again),
        cmocka_unit_test(test_number)
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
