
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: each single value from outside that is not a document (a time, a URL,
 * a Retry-After, a secret, a sealed value), and an error response.  An accepted
 * value is within its bounds.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_error.h"
#include "reauth_backoff.h"
#include "reauth_notice.h"
#include "reauth_seal.h"
#include "reauth_secret.h"
#include "reauth_time.h"
#include "reauth_url.h"


#define NOW_MS  INT64_C(1763985600000)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_time(const reauth_string_t *text)
{
    char             out[REAUTH_TIME_US_SIZE];
    int64_t          us, again, ms;
    reauth_string_t  written;

    if (reauth_time_parse(text, &us) == 0) {
        written.data = (const unsigned char *) out;
        written.len = reauth_time_format_us(out, us);

        if (us >= 0
            && us / 1000 <= REAUTH_TIME_MS_MAX
            && (reauth_time_parse(&written, &again) != 0 || again != us))
        {
            abort();
        }
    }

    if (reauth_time_parse_http(text, NOW_MS, &ms) == 0
        && ms > REAUTH_TIME_MS_MAX)
    {
        abort();
    }

    if (reauth_retry_after_parse(text, NOW_MS, &ms) == 0 && ms < 0) {
        abort();
    }

    (void) reauth_backoff_number(text);
}


static void
check_url(const reauth_string_t *text)
{
    size_t           i;
    reauth_string_t  url;

    url = *text;

    if (reauth_url_check(&url) != NULL) {
        return;
    }

    if (url.len == 0 || url.len > REAUTH_URL_MAX
        || url.data[url.len - 1] == '/')
    {
        abort();
    }

    for (i = 0; i < url.len; i++) {
        if (url.data[i] <= ' ' || url.data[i] == 0x7f) {
            abort();
        }
    }
}


static void
check_secret(const reauth_string_t *text)
{
    char                 error[REAUTH_SECRET_ERROR_SIZE];
    size_t               i;
    reauth_string_t      secret;
    reauth_notice_key_t  key;

    secret = *text;

    if (reauth_secret_check(&secret) != NULL) {
        return;
    }

    for (i = 0; i < secret.len; i++) {
        if (secret.data[i] == '\n' || secret.data[i] == '\0') {
            abort();
        }
    }

    (void) reauth_secret_bearer(&secret, error);
    (void) reauth_secret_strong(&secret, 32, error);

    if (reauth_notice_key(&secret, &key) == 0
        && (key.len < REAUTH_NOTICE_KEY_MIN
            || key.len > REAUTH_NOTICE_KEY_MAX))
    {
        abort();
    }
}


/* only a sealed value can be opened */

static void
check_sealed(const reauth_string_t *text)
{
    uint8_t        plain[REAUTH_SEALED_MAX];
    reauth_seal_t  seal;

    static const reauth_string_t  secret =
        reauth_string("0123456789abcdef0123456789abcdef");
    static const reauth_string_t  account = reauth_string("acct_1");

    if (text->len <= REAUTH_SEALED_MAX
        && reauth_seal_init(&seal, &secret) == 0
        && reauth_seal_open(&seal, &account, text, plain) == 0)
    {
        abort();
    }
}


static void
check_error(const reauth_string_t *text)
{
    reauth_error_t   error;
    reauth_unread_t  why;

    if (reauth_error_read(text->data, text->len, &error, &why) != 0) {

        if (why.reason == NULL || why.offset > text->len) {
            abort();
        }

        return;
    }

    if (memchr(error.code, '\0', sizeof(error.code)) == NULL
        || memchr(error.message, '\0', sizeof(error.message)) == NULL)
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_string_t  text;

    text.data = data;
    text.len = size;

    check_time(&text);
    check_url(&text);
    check_secret(&text);
    check_sealed(&text);
    check_error(&text);

    return 0;
}
