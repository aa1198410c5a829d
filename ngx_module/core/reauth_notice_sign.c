
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The signature of a notice, see standardwebhooks.com.
 */


#include <inttypes.h>
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "reauth_digest.h"
#include "reauth_notice.h"


#define REAUTH_NOTICE_PREFIX  "whsec_"


/* the number of characters "=" at the end; -1: it is not base64 */

static int
reauth_notice_padding(const unsigned char *text, size_t len)
{
    size_t         i;
    unsigned char  ch;

    /* EVP_DecodeBlock() accepts more than that */

    for (i = 0; i < len && text[i] != '='; i++) {
        ch = text[i];

        if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')
              || (ch >= '0' && ch <= '9') || ch == '+' || ch == '/'))
        {
            return -1;
        }
    }

    if (len == 0 || len % 4 != 0 || len - i > 2
        || (len - i == 2 && text[len - 1] != '='))
    {
        return -1;
    }

    return (int) (len - i);
}


int
reauth_notice_key(const reauth_string_t *secret, reauth_notice_key_t *key)
{
    int                   padding, n;
    size_t                len;
    unsigned char         bytes[REAUTH_NOTICE_KEY_MAX + 2];
    const unsigned char  *text;

    if (secret->len < sizeof(REAUTH_NOTICE_PREFIX) - 1
        || memcmp(secret->data, REAUTH_NOTICE_PREFIX,
                  sizeof(REAUTH_NOTICE_PREFIX) - 1)
           != 0)
    {
        return -1;
    }

    text = secret->data + sizeof(REAUTH_NOTICE_PREFIX) - 1;
    len = secret->len - (sizeof(REAUTH_NOTICE_PREFIX) - 1);

    padding = reauth_notice_padding(text, len);

    if (padding == -1 || len / 4 * 3 > sizeof(bytes)) {
        return -1;
    }

    n = EVP_DecodeBlock(bytes, text, (int) len) - padding;

    if (n < REAUTH_NOTICE_KEY_MIN || n > REAUTH_NOTICE_KEY_MAX) {
        OPENSSL_cleanse(bytes, sizeof(bytes));
        return -1;
    }

    key->len = (size_t) n;
    memcpy(key->bytes, bytes, key->len);

    OPENSSL_cleanse(bytes, sizeof(bytes));

    return 0;
}


int
reauth_notice_secret(const reauth_string_t *secret,
    char error[REAUTH_SECRET_ERROR_SIZE])
{
    reauth_notice_key_t  key;

    if (reauth_notice_key(secret, &key) == 0) {
        OPENSSL_cleanse(&key, sizeof(key));
        return 0;
    }

    snprintf(error, REAUTH_SECRET_ERROR_SIZE,
             "is not a key of Standard Webhooks: expected \"whsec_\" and 24 to "
             "64 bytes in base64; generate one with \"echo whsec_$(openssl "
             "rand -base64 32)\"");

    return -1;
}


int
reauth_notice_sign(const reauth_notice_key_t *key, const reauth_string_t *id,
    int64_t seconds, const reauth_string_t *body,
    char signature[REAUTH_NOTICE_SIGNATURE_SIZE])
{
    char             number[32];
    uint8_t          mac[REAUTH_SHA256_LEN];
    reauth_string_t  k, parts[3];

    k.data = key->bytes;
    k.len = key->len;

    parts[0] = *id;
    parts[1].data = (unsigned char *) number;
    parts[1].len = (size_t) snprintf(number, sizeof(number), ".%" PRId64 ".",
                                     seconds);
    parts[2] = *body;

    if (reauth_hmac_sha256(&k, parts, 3, mac) != 0) {
        return -1;
    }

    memcpy(signature, "v1,", sizeof("v1,") - 1);

    (void) EVP_EncodeBlock((unsigned char *) signature + sizeof("v1,") - 1,
                           mac, sizeof(mac));

    return 0;
}
