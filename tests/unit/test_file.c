
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_file.h"


static void
test_check(void **state)
{
    size_t       i;
    struct stat  st;
    const char  *error;

    static const struct {
        mode_t       mode;
        uid_t        owner;
        uid_t        master;
        const char  *wrong;
    } files[] = {
        { 0600, 0, 0, NULL },
        { 0640, 0, 0, NULL },
        { 0444, 0, 0, NULL },
        { 0755, 0, 0, NULL },
        { 0644, 0, 1000, NULL },
        { 0600, 1000, 1000, NULL },
        { 0660, 0, 0, "chmod go-w" },
        { 0606, 0, 0, "chmod go-w" },
        { 0602, 1000, 1000, "chmod go-w" },
        { 0620, 1000, 0, "chmod go-w" },
        { 0600, 1000, 0, "change the owner to root" },
        { 0444, 33, 0, "change the owner to root" },
        { 0600, 1001, 1000, "change the owner to root" }
    };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        memset(&st, 0, sizeof(st));
        st.st_mode = S_IFREG | files[i].mode;
        st.st_uid = files[i].owner;

        error = reauth_file_check(&st, files[i].master);

        if (files[i].wrong == NULL) {
            assert_null(error);
            continue;
        }

        assert_non_null(error);
        assert_non_null(strstr(error, files[i].wrong));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_check)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
