
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <openssl/evp.h>

#include "reauth_digest.h"


#define REAUTH_DIGEST_NAME   "SHA256"
#define REAUTH_DIGEST_BLOCK  64

#define REAUTH_DIGEST_INNER  0x36       /* RFC 2104, 2 */
#define REAUTH_DIGEST_OUTER  0x5c


static int reauth_digest(const uint8_t *block, const reauth_string_t *parts,
    size_t n, uint8_t digest[REAUTH_SHA256_LEN]);
static int reauth_digest_prepare(void);
static void reauth_digest_pad(uint8_t *block, uint8_t pad);


/* made when they are first needed; between digests, they contain no secret */
static EVP_MD      *reauth_digest_md;
static EVP_MD_CTX  *reauth_digest_ctx;


int
reauth_sha256(const reauth_string_t *text, uint8_t digest[REAUTH_SHA256_LEN])
{
    return reauth_digest(NULL, text, 1, digest);
}


/*
 * By two digests: the library's HMAC would take longer, and keep a copy of the
 * key until it is given another one.
 */

int
reauth_hmac_sha256(const reauth_string_t *key, const reauth_string_t *parts,
    size_t n, uint8_t mac[REAUTH_SHA256_LEN])
{
    int              done;
    uint8_t          block[REAUTH_DIGEST_BLOCK], inner[REAUTH_SHA256_LEN];
    reauth_string_t  part;

    /* reject an empty key */

    if (key->len == 0) {
        return -1;
    }

    memset(block, 0, sizeof(block));

    if (key->len <= sizeof(block)) {
        memcpy(block, key->data, key->len);
        done = 1;

    } else {
        done = reauth_sha256(key, block) == 0;
    }

    reauth_digest_pad(block, REAUTH_DIGEST_INNER);

    done = done && reauth_digest(block, parts, n, inner) == 0;

    reauth_digest_pad(block, REAUTH_DIGEST_INNER ^ REAUTH_DIGEST_OUTER);

    part.data = inner;
    part.len = sizeof(inner);

    done = done && reauth_digest(block, &part, 1, mac) == 0;

    explicit_bzero(block, sizeof(block));
    explicit_bzero(inner, sizeof(inner));

    if (!done) {
        explicit_bzero(mac, REAUTH_SHA256_LEN);
    }

    return done ? 0 : -1;
}


/* the digest of a block, if there is one, and of what follows it */

static int
reauth_digest(const uint8_t *block, const reauth_string_t *parts, size_t n,
    uint8_t digest[REAUTH_SHA256_LEN])
{
    int     done;
    size_t  i;

    if (reauth_digest_prepare() != 0) {
        return -1;
    }

    done = EVP_DigestInit_ex2(reauth_digest_ctx, reauth_digest_md, NULL) == 1;

    if (block != NULL) {
        done = done && EVP_DigestUpdate(reauth_digest_ctx, block,
                                        REAUTH_DIGEST_BLOCK)
                       == 1;
    }

    for (i = 0; done && i < n; i++) {
        done = parts[i].len == 0
               || EVP_DigestUpdate(reauth_digest_ctx, parts[i].data,
                                   parts[i].len)
                  == 1;
    }

    done = done && EVP_DigestFinal_ex(reauth_digest_ctx, digest, NULL) == 1;

    if (!done) {
        EVP_MD_CTX_reset(reauth_digest_ctx);
    }

    return done ? 0 : -1;
}


/* the library looks the digest up by its name, which takes long */

static int
reauth_digest_prepare(void)
{
    if (reauth_digest_md == NULL) {
        reauth_digest_md = EVP_MD_fetch(NULL, REAUTH_DIGEST_NAME, NULL);
    }

    if (reauth_digest_ctx == NULL) {
        reauth_digest_ctx = EVP_MD_CTX_new();
    }

    return reauth_digest_md != NULL && reauth_digest_ctx != NULL ? 0 : -1;
}


static void
reauth_digest_pad(uint8_t *block, uint8_t pad)
{
    size_t  i;

    for (i = 0; i < REAUTH_DIGEST_BLOCK; i++) {
        block[i] ^= pad;
    }
}


void
reauth_digest_free(void)
{
    EVP_MD_CTX_free(reauth_digest_ctx);
    reauth_digest_ctx = NULL;

    EVP_MD_free(reauth_digest_md);
    reauth_digest_md = NULL;
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
