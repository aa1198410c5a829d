
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "reauth_digest.h"


#define REAUTH_DIGEST_NAME  "SHA256"


static EVP_MAC_CTX *reauth_digest_hmac(void);


/* used if no key is given */
static const uint8_t  reauth_digest_no_key[REAUTH_SHA256_LEN];

/* made when they are first needed */
static EVP_MD       *reauth_digest_md;
static EVP_MAC_CTX  *reauth_digest_ctx;


int
reauth_sha256(const reauth_string_t *text, uint8_t digest[REAUTH_SHA256_LEN])
{
    /* the library looks it up by its name, at a third of the digest's cost */
    if (reauth_digest_md == NULL) {
        reauth_digest_md = EVP_MD_fetch(NULL, REAUTH_DIGEST_NAME, NULL);
    }

    return reauth_digest_md != NULL
           && EVP_Digest(text->data, text->len, digest, NULL, reauth_digest_md,
                         NULL)
              == 1
           ? 0 : -1;
}


int
reauth_hmac_sha256(const reauth_string_t *key, const reauth_string_t *parts,
    size_t n, uint8_t mac[REAUTH_SHA256_LEN])
{
    int           done;
    size_t        i, len;
    EVP_MAC_CTX  *ctx;

    /* reject an empty key */

    if (key->len == 0) {
        return -1;
    }

    ctx = reauth_digest_hmac();

    if (ctx == NULL) {
        return -1;
    }

    done = EVP_MAC_init(ctx, key->data, key->len, NULL) == 1;

    for (i = 0; done && i < n; i++) {
        done = parts[i].len == 0
               || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
    }

    done = done && EVP_MAC_final(ctx, mac, &len, REAUTH_SHA256_LEN) == 1;

    /* zeroes its copy of the key */

    if (EVP_MAC_init(ctx, reauth_digest_no_key, sizeof(reauth_digest_no_key),
                     NULL)
        != 1)
    {
        done = 0;
    }

    if (!done) {
        OPENSSL_cleanse(mac, REAUTH_SHA256_LEN);
    }

    return done ? 0 : -1;
}


/* made once: it takes longer than a MAC; NULL: no memory */

static EVP_MAC_CTX *
reauth_digest_hmac(void)
{
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *made;

    if (reauth_digest_ctx != NULL) {
        return reauth_digest_ctx;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *) REAUTH_DIGEST_NAME,
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);

    if (mac == NULL) {
        return NULL;
    }

    made = EVP_MAC_CTX_new(mac);

    /* the context holds it */
    EVP_MAC_free(mac);

    if (made == NULL) {
        return NULL;
    }

    if (EVP_MAC_init(made, reauth_digest_no_key, sizeof(reauth_digest_no_key),
                     params)
        != 1)
    {
        EVP_MAC_CTX_free(made);
        return NULL;
    }

    reauth_digest_ctx = made;

    return made;
}


void
reauth_digest_free(void)
{
    EVP_MD_free(reauth_digest_md);
    reauth_digest_md = NULL;

    EVP_MAC_CTX_free(reauth_digest_ctx);
    reauth_digest_ctx = NULL;
}


void
reauth_hex_encode(char *dst, const uint8_t *src, size_t len)
{
    static const char  digits[] = "0123456789abcdef";

    size_t  i;

    for (i = 0; i < len; i++) {
        *dst++ = digits[src[i] >> 4];
        *dst++ = digits[src[i] & 0xf];
    }

    *dst = '\0';
}


static int
reauth_hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


int
reauth_hex_decode(uint8_t *dst, size_t len, const reauth_string_t *hex)
{
    int     high, low;
    size_t  i;

    if (hex->len != 2 * len) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        high = reauth_hex_digit(hex->data[2 * i]);
        low = reauth_hex_digit(hex->data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        dst[i] = (uint8_t) (high << 4 | low);
    }

    return 0;
}
