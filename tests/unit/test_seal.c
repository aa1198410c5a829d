
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

#include "reauth_seal.h"
#include "reauth_digest.h"


#define string(text)  ((reauth_string_t) reauth_string(text))


static reauth_seal_t
seal_of(const char *secret)
{
    reauth_seal_t    seal;
    reauth_string_t  s;

    s = reauth_string_from(secret);
    assert_int_equal(reauth_seal_init(&seal, &s), 0);

    return seal;
}


/* RFC 5869: extract, and the first block of expand */

static void
hkdf(const reauth_string_t *ikm, const reauth_string_t *salt,
    const reauth_string_t *info, uint8_t okm[REAUTH_SHA256_LEN])
{
    uint8_t          prk[REAUTH_SHA256_LEN], block[256];
    reauth_string_t  key, text;

    assert_int_equal(reauth_hmac_sha256(salt, ikm, 1, prk), 0);

    memcpy(block, info->data, info->len);
    block[info->len] = 1;

    key.data = prk;
    key.len = sizeof(prk);
    text.data = block;
    text.len = info->len + 1;

    assert_int_equal(reauth_hmac_sha256(&key, &text, 1, okm), 0);
}


/* the check itself is checked by RFC 5869, A.1 */

static void
test_hkdf_vector(void **state)
{
    char             hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t          ikm[22], salt[13], info[10], okm[REAUTH_SHA256_LEN];
    unsigned         i;
    reauth_string_t  s_ikm, s_salt, s_info;

    (void) state;

    memset(ikm, 0x0b, sizeof(ikm));

    for (i = 0; i < sizeof(salt); i++) {
        salt[i] = (uint8_t) i;
    }

    for (i = 0; i < sizeof(info); i++) {
        info[i] = (uint8_t) (0xf0 + i);
    }

    s_ikm.data = ikm;
    s_ikm.len = sizeof(ikm);
    s_salt.data = salt;
    s_salt.len = sizeof(salt);
    s_info.data = info;
    s_info.len = sizeof(info);

    hkdf(&s_ikm, &s_salt, &s_info, okm);
    reauth_hex_encode(hex, okm, sizeof(okm));

    assert_string_equal(hex, "3cb25f25faacd57a90434f64d0362f2a"
                             "2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}


static void
test_keys(void **state)
{
    uint8_t          okm[REAUTH_SHA256_LEN];
    reauth_seal_t    seal;
    reauth_string_t  ikm, salt, info;

    (void) state;

    seal = seal_of("a master secret");

    ikm = string("a master secret");
    salt = string("nginx-reauth");

    info = string("nginx-reauth sealing v1");
    hkdf(&ikm, &salt, &info, okm);
    assert_memory_equal(seal.sealing, okm, sizeof(okm));

    info = string("nginx-reauth fingerprint v1");
    hkdf(&ikm, &salt, &info, okm);
    assert_memory_equal(seal.fingerprint, okm, sizeof(okm));
}


static void
test_empty_secret(void **state)
{
    size_t           i;
    reauth_seal_t    seal;
    reauth_string_t  secret;

    (void) state;

    secret = string("");
    memset(&seal, 0x55, sizeof(seal));
    assert_int_equal(reauth_seal_init(&seal, &secret), -1);

    for (i = 0; i < sizeof(seal); i++) {
        assert_int_equal(((uint8_t *) &seal)[i], 0);
    }
}


static void
test_round_trip(void **state)
{
    size_t           len;
    uint8_t          text[512], sealed[512 + REAUTH_SEAL_OVERHEAD],
                     opened[512];
    reauth_seal_t    seal;
    reauth_string_t  account, plain, box;

    (void) state;

    seal = seal_of("a master secret");
    account = string("acct_1");

    memset(text, 'x', sizeof(text));
    plain.data = text;
    box.data = sealed;

    for (len = 0; len <= sizeof(text); len += len < 64 ? 1 : 64) {
        plain.len = len;
        box.len = len + REAUTH_SEAL_OVERHEAD;
        memset(opened, 0, sizeof(opened));

        assert_int_equal(reauth_seal(&seal, &account, &plain, sealed), 0);
        assert_int_equal(reauth_seal_open(&seal, &account, &box, opened), 0);
        assert_memory_equal(opened, text, len);
    }
}


/* made with another implementation of AES-GCM and HKDF */

static void
test_open_vector(void **state)
{
    uint8_t          sealed[48], opened[20];
    reauth_seal_t    seal;
    reauth_string_t  account, box, hex;

    (void) state;

    seal = seal_of("a master secret");
    account = string("acct_1");
    hex = string("000102030405060708090a0be27473918582cd5c44e10fc68d10246c"
                 "7cfd54afda4f72d50aa7005491c9dcd1d62ae7a1");

    assert_int_equal(reauth_hex_decode(sealed, sizeof(sealed), &hex), 0);
    box.data = sealed;
    box.len = sizeof(sealed);

    assert_int_equal(reauth_seal_open(&seal, &account, &box, opened), 0);
    assert_memory_equal(opened, "fansapiauth://auth/x", sizeof(opened));
}


static void
test_nonce_is_new_each_time(void **state)
{
    uint8_t          a[3 + REAUTH_SEAL_OVERHEAD], b[3 + REAUTH_SEAL_OVERHEAD];
    reauth_seal_t    seal;
    reauth_string_t  account, plain;

    (void) state;

    seal = seal_of("a master secret");
    account = string("acct_1");
    plain = string("abc");

    assert_int_equal(reauth_seal(&seal, &account, &plain, a), 0);
    assert_int_equal(reauth_seal(&seal, &account, &plain, b), 0);
    assert_memory_not_equal(a, b, REAUTH_SEAL_NONCE_LEN);
    assert_memory_not_equal(a + REAUTH_SEAL_NONCE_LEN,
                            b + REAUTH_SEAL_NONCE_LEN, 3);
}


static void
test_open_rejects_modified_text(void **state)
{
    size_t           i;
    uint8_t          sealed[8 + REAUTH_SEAL_OVERHEAD], opened[8], zero[8];
    reauth_seal_t    seal, other;
    reauth_string_t  account, stranger, plain, box;

    (void) state;

    seal = seal_of("a master secret");
    other = seal_of("another one");
    account = string("acct_1");
    stranger = string("acct_2");
    plain = string("deeplink");
    memset(zero, 0, sizeof(zero));

    assert_int_equal(reauth_seal(&seal, &account, &plain, sealed), 0);
    box.data = sealed;
    box.len = sizeof(sealed);

    /* any bit, in nonce, text or tag */

    for (i = 0; i < sizeof(sealed) * 8; i++) {
        sealed[i / 8] ^= (uint8_t) (1 << i % 8);
        memset(opened, 'x', sizeof(opened));
        assert_int_equal(reauth_seal_open(&seal, &account, &box, opened), -1);
        assert_memory_equal(opened, zero, sizeof(opened));
        sealed[i / 8] ^= (uint8_t) (1 << i % 8);
    }

    assert_int_equal(reauth_seal_open(&seal, &stranger, &box, opened), -1);
    assert_int_equal(reauth_seal_open(&other, &account, &box, opened), -1);

    for (i = 0; i < sizeof(sealed); i++) {
        box.len = i;
        assert_int_equal(reauth_seal_open(&seal, &account, &box, opened), -1);
    }

    box.len = sizeof(sealed);
    assert_int_equal(reauth_seal_open(&seal, &account, &box, opened), 0);
    assert_memory_equal(opened, "deeplink", sizeof(opened));
}


static void
fingerprint_of(const reauth_seal_t *seal, const char *account,
    const char *body, uint8_t *fingerprint)
{
    reauth_string_t  a, b;

    a = reauth_string_from(account);
    b = reauth_string_from(body);

    assert_int_equal(reauth_seal_fingerprint(seal, &a, &b, fingerprint), 0);
}


static void
test_fingerprint(void **state)
{
    char           hex[REAUTH_SHA256_HEX_LEN + 1];
    uint8_t        a[REAUTH_FINGERPRINT_LEN], b[REAUTH_FINGERPRINT_LEN];
    reauth_seal_t  seal, other;

    (void) state;

    seal = seal_of("a master secret");
    other = seal_of("another one");

    /* made with another implementation */

    fingerprint_of(&seal, "acct_1", "{\"a\":1}", a);
    reauth_hex_encode(hex, a, sizeof(a));
    assert_string_equal(hex, "79cbea3f211f366a601b15fc51fad3cb"
                             "76a4b7788fb86357566a6933fe70b22b");

    fingerprint_of(&seal, "acct_1", "{\"a\":1}", b);
    assert_memory_equal(a, b, sizeof(a));

    fingerprint_of(&seal, "acct_2", "{\"a\":1}", b);
    assert_memory_not_equal(a, b, sizeof(a));

    fingerprint_of(&seal, "acct_1", "{\"a\":2}", b);
    assert_memory_not_equal(a, b, sizeof(a));

    fingerprint_of(&other, "acct_1", "{\"a\":1}", b);
    assert_memory_not_equal(a, b, sizeof(a));

    /* the same bytes one after the other, but cut elsewhere */

    fingerprint_of(&seal, "acct_1{", "\"a\":1}", b);
    assert_memory_not_equal(a, b, sizeof(a));

    fingerprint_of(&seal, "", "", a);
    fingerprint_of(&seal, "", "x", b);
    assert_memory_not_equal(a, b, sizeof(a));
}


static void
test_cleanse(void **state)
{
    size_t         i;
    reauth_seal_t  seal;

    (void) state;

    seal = seal_of("a master secret");
    reauth_seal_cleanse(&seal);

    for (i = 0; i < sizeof(seal); i++) {
        assert_int_equal(((uint8_t *) &seal)[i], 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hkdf_vector),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_empty_secret),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_open_vector),
        cmocka_unit_test(test_nonce_is_new_each_time),
        cmocka_unit_test(test_open_rejects_modified_text),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_cleanse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
