
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reauth_prefer.h"


static unsigned
wait_of(const char *text)
{
    reauth_string_t  header;

    header = reauth_string_from(text);

    return reauth_prefer_wait(&header);
}


static void
test_found(void **state)
{
    (void) state;

    assert_int_equal(wait_of("wait=5"), 5);
    assert_int_equal(wait_of("Wait = 5"), 5);
    assert_int_equal(wait_of("wait=\"5\""), 5);
    assert_int_equal(wait_of("respond-async, wait=10"), 10);
    assert_int_equal(wait_of("respond-async,wait=10 ; a=b, c"), 10);
    assert_int_equal(wait_of("\t wait=7 ,wait=9"), 7);
    assert_int_equal(wait_of(",,wait=3"), 3);
}


static void
test_not_found(void **state)
{
    (void) state;

    assert_int_equal(wait_of(""), 0);
    assert_int_equal(wait_of("wait"), 0);
    assert_int_equal(wait_of("wait="), 0);
    assert_int_equal(wait_of("wait=\""), 0);
    assert_int_equal(wait_of("wait=-1"), 0);
    assert_int_equal(wait_of("wait=1.5"), 0);
    assert_int_equal(wait_of("waits=5"), 0);
    assert_int_equal(wait_of("await=5"), 0);
    assert_int_equal(wait_of("foo; wait=5"), 0);
    assert_int_equal(wait_of("foo=\"a,wait=5\""), 0);
    assert_int_equal(wait_of("foo=\"a\\\",wait=5"), 0);
    assert_int_equal(wait_of("foo=\"wait=5"), 0);
}


static void
test_bounded(void **state)
{
    (void) state;

    assert_int_equal(wait_of("wait=99999999999999999999"),
                     REAUTH_PREFER_WAIT_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_bounded)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
