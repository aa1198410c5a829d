
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "reauth_digest.h"
#include "reauth_seal.h"


/*
 * Changing one of these makes what older versions sealed unreadable and their
 * fingerprints unequal.
 */
#define REAUTH_SEAL_SALT         "nginx-reauth"
#define REAUTH_SEAL_SEALING      "nginx-reauth sealing v1"
#define REAUTH_SEAL_FINGERPRINT  "nginx-reauth fingerprint v1"


static int
reauth_seal_derive(EVP_KDF_CTX *ctx, const reauth_string_t *secret,
    const char *info, uint8_t *key)
{
    OSSL_PARAM  params[5];

    /* the library only reads through these pointers */

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 (char *) "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                                  (void *) secret->data,
                                                  secret->len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                  (void *) REAUTH_SEAL_SALT,
                                                  sizeof(REAUTH_SEAL_SALT) - 1);
    params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  (void *) info, strlen(info));
    params[4] = OSSL_PARAM_construct_end();

    /* no parameters of the other key may be left */

    EVP_KDF_CTX_reset(ctx);

    return EVP_KDF_derive(ctx, key, REAUTH_SEAL_KEY_LEN, params) == 1 ? 0 : -1;
}


int
reauth_seal_init(reauth_seal_t *seal, const reauth_string_t *secret)
{
    int           rc;
    EVP_KDF      *kdf;
    EVP_KDF_CTX  *ctx;

    rc = -1;
    ctx = NULL;

    kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);

    if (kdf != NULL) {
        ctx = EVP_KDF_CTX_new(kdf);
    }

    if (ctx != NULL
        && secret->len != 0
        && reauth_seal_derive(ctx, secret, REAUTH_SEAL_SEALING, seal->sealing)
           == 0
        && reauth_seal_derive(ctx, secret, REAUTH_SEAL_FINGERPRINT,
                              seal->fingerprint)
           == 0)
    {
        rc = 0;
    }

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);

    if (rc != 0) {
        reauth_seal_cleanse(seal);
    }

    return rc;
}


void
reauth_seal_cleanse(reauth_seal_t *seal)
{
    explicit_bzero(seal, sizeof(reauth_seal_t));
}


int
reauth_seal(const reauth_seal_t *seal, const reauth_string_t *account,
    const reauth_string_t *plain, uint8_t *sealed)
{
    int              len, last, rc;
    uint8_t         *nonce, *text, *tag;
    EVP_CIPHER_CTX  *ctx;

    if (plain->len > INT_MAX || account->len > INT_MAX) {
        return -1;
    }

    nonce = sealed;
    text = nonce + REAUTH_SEAL_NONCE_LEN;
    tag = text + plain->len;

    ctx = EVP_CIPHER_CTX_new();

    rc = ctx != NULL
         && RAND_bytes(nonce, REAUTH_SEAL_NONCE_LEN) == 1
         && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->sealing,
                               nonce) == 1
         && EVP_EncryptUpdate(ctx, NULL, &len, account->data,
                              (int) account->len) == 1
         && EVP_EncryptUpdate(ctx, text, &len, plain->data, (int) plain->len)
            == 1
         && (size_t) len == plain->len
         && EVP_EncryptFinal_ex(ctx, tag, &last) == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
                                REAUTH_SEAL_TAG_LEN, tag) == 1
         ? 0 : -1;

    EVP_CIPHER_CTX_free(ctx);

    if (rc != 0) {
        explicit_bzero(sealed, plain->len + REAUTH_SEAL_OVERHEAD);
    }

    return rc;
}


int
reauth_seal_open(const reauth_seal_t *seal, const reauth_string_t *account,
    const reauth_string_t *sealed, uint8_t *plain)
{
    int              len, last, rc;
    size_t           size;
    uint8_t          tag[REAUTH_SEAL_TAG_LEN];
    const uint8_t   *text;
    EVP_CIPHER_CTX  *ctx;

    if (sealed->len < REAUTH_SEAL_OVERHEAD
        || sealed->len > INT_MAX
        || account->len > INT_MAX)
    {
        return -1;
    }

    size = sealed->len - REAUTH_SEAL_OVERHEAD;
    text = sealed->data + REAUTH_SEAL_NONCE_LEN;
    memcpy(tag, text + size, REAUTH_SEAL_TAG_LEN);

    ctx = EVP_CIPHER_CTX_new();

    rc = ctx != NULL
         && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->sealing,
                               sealed->data) == 1
         && EVP_DecryptUpdate(ctx, NULL, &len, account->data,
                              (int) account->len) == 1
         && EVP_DecryptUpdate(ctx, plain, &len, text, (int) size) == 1
         && (size_t) len == size
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
                                REAUTH_SEAL_TAG_LEN, tag) == 1
         && EVP_DecryptFinal_ex(ctx, plain + size, &last) == 1
         ? 0 : -1;

    EVP_CIPHER_CTX_free(ctx);

    if (rc != 0) {
        explicit_bzero(plain, size);
    }

    return rc;
}


/* each part is preceded by its length, so that pairs are unambiguous */

static reauth_string_t
reauth_seal_length(const reauth_string_t *part, uint8_t buffer[8])
{
    size_t           i;
    uint64_t         len;
    reauth_string_t  text;

    len = part->len;

    for (i = 8; i > 0; i--) {
        buffer[i - 1] = (uint8_t) len;
        len >>= 8;
    }

    text.data = buffer;
    text.len = 8;

    return text;
}


int
reauth_seal_fingerprint(const reauth_seal_t *seal,
    const reauth_string_t *account, const reauth_string_t *body,
    uint8_t fingerprint[REAUTH_FINGERPRINT_LEN])
{
    uint8_t          lengths[2][8];
    reauth_string_t  key, parts[4];

    key.data = seal->fingerprint;
    key.len = REAUTH_SEAL_KEY_LEN;

    parts[0] = reauth_seal_length(account, lengths[0]);
    parts[1] = *account;
    parts[2] = reauth_seal_length(body, lengths[1]);
    parts[3] = *body;

    return reauth_hmac_sha256(&key, parts, 4, fingerprint);
}
