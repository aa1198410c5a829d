
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_error.h"


static void
test_errors(void **state)
{
    size_t           i;
    reauth_error_t   error;
    reauth_unread_t  why;

    static const struct {
        const char  *body;
        const char  *code;
        const char  *message;
    } cases[] = {
        { "{}", "", "" },
        { "{\"error\":\"NOT_FOUND\",\"message\":\"no\"}", "NOT_FOUND", "" },
        { "{\"error\":\"SESSION_EXPIRED:NEEDS_REAUTHENTICATION\"}",
          "SESSION_EXPIRED:NEEDS_REAUTHENTICATION", "" },
        { "{\"error\":\"E2.b\"}", "", "E2.b" },
        { "{\"error\":\"E2.B-3\"}", "E2.B-3", "" },
        { "{\"error\":\"404\"}", "", "404" },
        { "{\"error\":\"Unauthenticated.\"}", "", "Unauthenticated." },
        { "{\"error\":\"Bad\\r\\n\\u0000\\u001b[1mkey\\ud83d\"}", "",
          "Bad    [1mkey\xef\xbf\xbd" },
        { "{\"error\":\"BAD KEY\"}", "", "BAD KEY" },
        { "{\"error\":\"A\",\"error\":\"B\"}", "B", "" },
        { "{\"error\":\"0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789012345\\u00e9.\"}", "",
          "0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789012345" },
        { "{\"error\":\"ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ"
          "ABCDEFGHIJABCDEFGHIJABCD\"}", "",
          "ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ"
          "ABCDEFGHIJABCDEFGHIJABCD" },
        { "{\"error\":{\"error\":\"A\"}}", "", "" },
        { "{\"error\":null,\"x\":\"\xff\",\"n\":1e400}", "", "" }
    };

    static const char *const  unreadable[] = {
        "", "<html>", "[]", "\"error\"", "{\"error\":\"A\"", NULL
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(reauth_error_read(
                             (const unsigned char *) cases[i].body,
                             strlen(cases[i].body), &error, &why), 0);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.message, cases[i].message);
    }

    for (i = 0; unreadable[i]; i++) {
        assert_int_equal(reauth_error_read(
                             (const unsigned char *) unreadable[i],
                             strlen(unreadable[i]), &error, &why), -1);
        assert_string_equal(error.code, "");
        assert_non_null(why.reason);
    }
}


/* the rows and their numbers: as many, and in one order */

static void
test_codes(void **state)
{
    unsigned         i, j, status;
    reauth_string_t  name;

    (void) state;

    for (i = 0, status = 400; i < REAUTH_ERROR_LAST; i++) {
        assert_non_null(reauth_error_name(i));

        name = reauth_string_from(reauth_error_name(i));
        assert_true(reauth_error_is_code(&name));

        for (j = 0; j < i; j++) {
            assert_string_not_equal(reauth_error_name(i),
                                    reauth_error_name(j));
        }

        assert_in_range(reauth_error_status(i), status, 504);
        status = reauth_error_status(i);
    }

    assert_int_equal(reauth_error_status(REAUTH_ERROR_INVALID_JSON), 400);
    assert_string_equal(reauth_error_name(REAUTH_ERROR_VALIDATION_ERROR),
                        "VALIDATION_ERROR");
    assert_int_equal(reauth_error_status(REAUTH_ERROR_UPSTREAM_TIMEOUT), 504);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_codes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
