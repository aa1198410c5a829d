
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
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "reauth_digest.h"


#define string(text)  ((reauth_string_t) reauth_string(text))


static void
check_hmac(const reauth_string_t *key, const reauth_string_t *text,
    const char *expected)
{
    char     hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t  mac[REAUTH_SHA256_LEN];

    assert_int_equal(reauth_hmac_sha256(key, text, 1, mac), 0);

    reauth_hex_encode(hex, mac, sizeof(mac));
    assert_string_equal(hex, expected);
}


/* RFC 4231, 4.2 to 4.4, 4.5, 4.7 and 4.8 */

static void
test_hmac_vectors(void **state)
{
    size_t           i;
    uint8_t          bytes[131], fifty[50];
    reauth_string_t  key, text;

    (void) state;

    key.data = bytes;
    key.len = 20;
    memset(bytes, 0x0b, sizeof(bytes));
    text = string("Hi There");
    check_hmac(&key, &text, "b0344c61d8db38535ca8afceaf0bf12b"
                            "881dc200c9833da726e9376c2e32cff7");

    key = string("Jefe");
    text = string("what do ya want for nothing?");
    check_hmac(&key, &text, "5bdcc146bf60754e6a042426089575c7"
                            "5a003f089d2739839dec58b964ec3843");

    key.data = bytes;
    key.len = 20;
    memset(bytes, 0xaa, sizeof(bytes));
    memset(fifty, 0xdd, sizeof(fifty));
    text.data = fifty;
    text.len = sizeof(fifty);
    check_hmac(&key, &text, "773ea91e36800e46854db8ebd09181a7"
                            "2959098b3ef8c122d9635514ced565fe");

    for (i = 0; i < 25; i++) {
        bytes[i] = (uint8_t) (i + 1);
    }

    key.len = 25;
    memset(fifty, 0xcd, sizeof(fifty));
    check_hmac(&key, &text, "82558a389a443c0ea4cc819899f2083a"
                            "85f0faa3e578f8077a2e3ff46729665b");

    key.len = sizeof(bytes);
    memset(bytes, 0xaa, sizeof(bytes));
    text = string("Test Using Larger Than Block-Size Key - Hash Key First");
    check_hmac(&key, &text, "60e431591ee0b67f0d8a26aacbf5b77f"
                            "8e0bc6213728c5140546040f0ee37f54");

    text = string("This is a test using a larger than block-size key and a "
                  "larger than block-size data. The key needs to be hashed "
                  "before being used by the HMAC algorithm.");
    check_hmac(&key, &text, "9b09ffa71b942fcb27635fbcd5b0e944"
                            "bfdc63644f0713938a7f51535c3a35e2");
}


static void
test_hmac_needs_a_key(void **state)
{
    uint8_t          mac[REAUTH_SHA256_LEN];
    reauth_string_t  key, text;

    (void) state;

    key = string("");
    text = string("x");
    assert_int_equal(reauth_hmac_sha256(&key, &text, 1, mac), -1);
}


/* keys around the length of a block, texts around that of a padded one */

static void
test_hmac_lengths(void **state)
{
    size_t           i;
    uint8_t          bytes[200], mac[REAUTH_SHA256_LEN],
                     expected[REAUTH_SHA256_LEN];
    reauth_string_t  key, text;

    (void) state;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (7 * i);
    }

    key.data = bytes;
    text.data = bytes;

    for (key.len = 1; key.len < 140; key.len++) {
        for (text.len = 0; text.len < sizeof(bytes); text.len++) {
            assert_int_equal(reauth_hmac_sha256(&key, &text, 1, mac), 0);
            assert_non_null(HMAC(EVP_sha256(), key.data, (int) key.len,
                                 text.data, text.len, expected, NULL));
            assert_memory_equal(mac, expected, sizeof(mac));
        }
    }
}


/* in pieces, and with another key in between */

static void
test_hmac_parts(void **state)
{
    char             hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t          mac[REAUTH_SHA256_LEN];
    reauth_string_t  key, other, parts[4];

    (void) state;

    key = string("Jefe");
    other = string("another one");

    parts[0] = string("what do ya");
    parts[1] = string("");
    parts[2] = string(" want for ");
    parts[3] = string("nothing?");

    assert_int_equal(reauth_hmac_sha256(&other, parts, 4, mac), 0);
    assert_int_equal(reauth_hmac_sha256(&key, parts, 4, mac), 0);

    reauth_hex_encode(hex, mac, sizeof(mac));
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c7"
                             "5a003f089d2739839dec58b964ec3843");

    assert_int_equal(reauth_hmac_sha256(&other, parts, 0, mac), 0);
}


/* FIPS 180-2, B.1, and the empty text */

static void
test_sha256(void **state)
{
    char             hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t          digest[REAUTH_SHA256_LEN];
    reauth_string_t  text;

    (void) state;

    text = string("abc");
    assert_int_equal(reauth_sha256(&text, digest), 0);
    reauth_hex_encode(hex, digest, sizeof(digest));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");

    text.len = 0;
    text.data = NULL;
    assert_int_equal(reauth_sha256(&text, digest), 0);
    reauth_hex_encode(hex, digest, sizeof(digest));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
}


static void
test_hex(void **state)
{
    char             hex[9];
    uint8_t          bytes[4];
    reauth_string_t  text;

    (void) state;

    text = string("00fFaB9e");
    assert_int_equal(reauth_hex_decode(bytes, 4, &text), 0);
    reauth_hex_encode(hex, bytes, 4);
    assert_string_equal(hex, "00ffab9e");

    assert_int_equal(reauth_hex_decode(bytes, 3, &text), -1);

    text = string("00fFaB9");
    assert_int_equal(reauth_hex_decode(bytes, 4, &text), -1);

    text = string("00fFaBg0");
    assert_int_equal(reauth_hex_decode(bytes, 4, &text), -1);

    text = string("00fFaB@0");
    assert_int_equal(reauth_hex_decode(bytes, 4, &text), -1);

    /* which is ':' with the bit of lower case, not a digit */

    text = string("00fFaB\x1a" "0");
    assert_int_equal(reauth_hex_decode(bytes, 4, &text), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hmac_lengths),
        cmocka_unit_test(test_hmac_parts),
        cmocka_unit_test(test_hmac_needs_a_key),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
