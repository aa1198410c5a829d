
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Every spelling of tests/data/paths.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_route.h"


/* bytes are written as \xHH */

static size_t
unescape(unsigned char *text)
{
    char            hex[3];
    unsigned char  *from, *to;

    for (from = text, to = text; *from; to++) {

        if (from[0] != '\\' || from[1] != 'x') {
            *to = *from++;
            continue;
        }

        hex[0] = (char) from[2];
        hex[1] = (char) from[3];
        hex[2] = '\0';

        *to = (unsigned char) strtoul(hex, NULL, 16);
        from += 4;
    }

    return (size_t) (to - text);
}


static void
check(char *path, const char *expected)
{
    size_t                    len;
    char                      shown[1024];
    unsigned char            *copy;
    reauth_string_t           account;
    reauth_account_result_t   result;

    snprintf(shown, sizeof(shown), "%s", path);

    len = unescape((unsigned char *) path);

    /* exactly as long, so that a read past its end is seen */

    copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, path, len);

    result = reauth_route_raw_account(copy, len, &account);

    if (strcmp(expected, "bad") == 0) {
        if (result != REAUTH_ACCOUNT_BAD) {
            fail_msg("%s: not refused", shown);
        }

    } else if (strcmp(expected, "-") == 0) {
        if (result != REAUTH_ACCOUNT_NONE) {
            fail_msg("%s: not without an account", shown);
        }

    } else if (result != REAUTH_ACCOUNT_FOUND
               || !reauth_string_equals(&account, expected))
    {
        fail_msg("%s: not %s", shown, expected);
    }

    free(copy);
}


static void
test_every_spelling(void **state)
{
    char      line[1024], *tab;
    FILE     *file;
    unsigned  n;

    (void) state;

    file = fopen("tests/data/paths", "r");
    assert_non_null(file);

    for (n = 0; fgets(line, sizeof(line), file) != NULL; ) {
        line[strcspn(line, "\n")] = '\0';

        tab = strchr(line, '\t');

        if (line[0] != '/' || tab == NULL) {
            continue;
        }

        *tab = '\0';

        if (strcmp(tab + 1, "nginx") != 0) {
            check(line, tab + 1);
            n++;
        }
    }

    fclose(file);

    assert_true(n >= 60);
}


static void
test_bytes_that_nginx_refuses(void **state)
{
    unsigned         i;
    reauth_string_t  account;

    static const char  *paths[] = {
        "", "x", "*", "?", "/%", "/%2", "/%2g", "/%00", "/a%g0"
    };

    (void) state;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(
            reauth_route_raw_account((const unsigned char *) paths[i],
                                     strlen(paths[i]), &account),
            REAUTH_ACCOUNT_BAD);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_every_spelling),
        cmocka_unit_test(test_bytes_that_nginx_refuses)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
