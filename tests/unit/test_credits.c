
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

#include "reauth_credits.h"


static void
test_values(void **state)
{
    size_t           i;
    uint32_t         credits;
    reauth_string_t  value;

    static const struct {
        const char  *value;
        int          credits;              /* -1: not a number of credits */
    } rows[] = {
        { "0", 0 },
        { "1", 1 },
        { "42", 42 },
        { "007", 7 },
        { "1000000", 1000000 },
        { "000000000000000000000000000005", 5 },

        /* a fraction is rounded up */
        { "0.0", 0 },
        { "1.000", 1 },
        { "0.5", 1 },
        { "0.000001", 1 },
        { "1.00000000000000000000000001", 2 },
        { "3.99999999999999999999999999", 4 },

        /* too many */
        { "1000001", -1 },
        { "1000000.1", -1 },
        { "4294967296", -1 },
        { "4294967297", -1 },
        { "18446744073709551617", -1 },
        { "99999999999999999999999999999999999999999999999999", -1 },

        /* not such a number */
        { "", -1 },
        { "-1", -1 },
        { "+1", -1 },
        { " 1", -1 },
        { "1 ", -1 },
        { ".", -1 },
        { ".5", -1 },
        { "5.", -1 },
        { "1.2.3", -1 },
        { "1,5", -1 },
        { "5, 5", -1 },
        { "1e3", -1 },
        { "0x10", -1 },
        { "inf", -1 },
        { "NaN", -1 },
        { "canary", -1 },
        { "\xd9\xa1", -1 }                 /* a digit of another script */
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        value = reauth_string_from(rows[i].value);
        credits = 4711;

        if (rows[i].credits < 0) {
            if (reauth_credits_parse(&value, &credits) != -1) {
                fail_msg("\"%s\" was accepted", rows[i].value);
            }

            assert_int_equal(credits, 4711);
            continue;
        }

        if (reauth_credits_parse(&value, &credits) != 0
            || credits != (uint32_t) rows[i].credits)
        {
            fail_msg("\"%s\": %u credits", rows[i].value, (unsigned) credits);
        }
    }
}


/* the text is not terminated, and may contain any byte */

static void
test_bounds(void **state)
{
    unsigned         c;
    uint32_t         credits;
    unsigned char    text[2];
    reauth_string_t  value;

    (void) state;

    value.data = (const unsigned char *) "123";
    value.len = 2;

    assert_int_equal(reauth_credits_parse(&value, &credits), 0);
    assert_int_equal(credits, 12);

    text[0] = '1';
    value.data = text;

    for (c = 0; c < 256; c++) {
        text[1] = (unsigned char) c;

        assert_int_equal(reauth_credits_parse(&value, &credits),
                         c >= '0' && c <= '9' ? 0 : -1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bounds)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
