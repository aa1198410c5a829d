
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

#include "reauth_signature.h"


#define string(text)  ((reauth_string_t) reauth_string(text))


#define MAC   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
#define UPPER "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"


static reauth_signature_result_t
verify(const char *header, size_t n)
{
    reauth_string_t  value, body, secrets[2];

    value = reauth_string_from(header);
    body = string("what do ya want for nothing?");
    secrets[0] = string("the new one");
    secrets[1] = string("Jefe");

    return reauth_signature_verify(&value, &body, secrets, n);
}


static void
test_verify(void **state)
{
    (void) state;

    assert_int_equal(verify(MAC, 2), REAUTH_SIGNATURE_VALID);
    assert_int_equal(verify(UPPER, 2), REAUTH_SIGNATURE_VALID);
    assert_int_equal(verify("sha256=" MAC, 2), REAUTH_SIGNATURE_VALID);
    assert_int_equal(verify("SHA256=" UPPER, 2), REAUTH_SIGNATURE_VALID);
    assert_int_equal(verify(" \t" MAC "\t ", 2), REAUTH_SIGNATURE_VALID);
    assert_int_equal(verify(" sha256=" MAC " ", 2), REAUTH_SIGNATURE_VALID);

    /* the secret is not among those in force */

    assert_int_equal(verify(MAC, 1), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(MAC, 0), REAUTH_SIGNATURE_INVALID);

    assert_int_equal(verify("", 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify("  ", 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify("sha256=", 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify("sha256= " MAC, 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify("sha1=" MAC, 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(MAC "0", 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(MAC "00", 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(MAC "," MAC, 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(&MAC[1], 2), REAUTH_SIGNATURE_INVALID);
    assert_int_equal(verify(&MAC[2], 2), REAUTH_SIGNATURE_INVALID);
}


static void
test_verify_each_byte(void **state)
{
    char    header[] = MAC;
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(header) - 1; i++) {
        header[i] = header[i] == '0' ? '1' : '0';
        assert_int_equal(verify(header, 2), REAUTH_SIGNATURE_INVALID);
        header[i] = MAC[i];
    }

    assert_int_equal(verify(header, 2), REAUTH_SIGNATURE_VALID);
}


static void
test_formed(void **state)
{
    size_t           i;
    reauth_string_t  value;

    static const char  *formed[] = {
        MAC, UPPER, "sha256=" MAC, " \tSHA256=" UPPER " "
    };

    static const char  *others[] = {
        "", " ", "sha256=", "ab", MAC "0", "sha512=" MAC, "g" MAC
    };

    (void) state;

    for (i = 0; i < sizeof(formed) / sizeof(formed[0]); i++) {
        value = reauth_string_from(formed[i]);
        assert_true(reauth_signature_is_formed(&value));
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        value = reauth_string_from(others[i]);
        assert_false(reauth_signature_is_formed(&value));
    }
}


static void
test_verify_empty_secret(void **state)
{
    reauth_string_t  value, body, secret;

    (void) state;

    /* HMAC-SHA256 of nothing under no key, which everybody can make */

    value = string("b613679a0814d9ec772f95d778c35fc5"
                   "ff1697c493715653c6c712144292c5ad");
    body = string("");
    secret = string("");

    assert_int_not_equal(reauth_signature_verify(&value, &body, &secret, 1),
                         REAUTH_SIGNATURE_VALID);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_each_byte),
        cmocka_unit_test(test_formed),
        cmocka_unit_test(test_verify_empty_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
