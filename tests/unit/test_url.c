
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_url.h"


static void
valid(const char *text, const char *left)
{
    reauth_string_t  url;

    url.data = (const unsigned char *) text;
    url.len = strlen(text);

    assert_null(reauth_url_check(&url));
    assert_int_equal(url.len, strlen(left));
    assert_memory_equal(url.data, left, url.len);
}


static void
invalid(const char *text, size_t len, const char *wrong)
{
    const char      *error;
    reauth_string_t  url;

    url.data = (const unsigned char *) text;
    url.len = len;

    error = reauth_url_check(&url);
    assert_non_null(error);

    if (strstr(error, wrong) == NULL) {
        fail_msg("\"%s\" of \"%s\" does not say \"%s\"", error, text, wrong);
    }
}


static void
test_valid(void **state)
{
    (void) state;

    valid("https://gateway.example", "https://gateway.example");
    valid("https://gateway.example/", "https://gateway.example");
    valid("HTTP://gateway.example:8080//", "HTTP://gateway.example:8080");
    valid("http://10.0.0.1:1/a/b/", "http://10.0.0.1:1/a/b");
    valid("https://[::1]:65535/fans%20api", "https://[::1]:65535/fans%20api");
    valid("http://a", "http://a");
}


static void
test_invalid(void **state)
{
    char  longest[REAUTH_URL_MAX + 2];

    (void) state;

#define refused(text, wrong)  invalid(text, sizeof(text) - 1, wrong)

    refused("", "does not begin");
    refused("/", "does not begin");
    refused("gateway.example", "does not begin");
    refused("ftp://gateway.example", "does not begin");
    refused("//gateway.example", "does not begin");
    refused("https://", "does not begin");
    refused("https:///path", "host");
    refused("https://user@host", "after its host");
    refused("https://:80", "host");
    refused("https://[]", "host");
    refused("https://[::1", "host");
    refused("https://[x]/", "host");
    refused("https://a:/", "port");
    refused("https://a:0", "port");
    refused("https://a:65536", "port");
    refused("https://a:80x", "after its host");
    refused("https://a b", "after its host");
    refused("https://a?b", "after its host");
    refused("https://a/\"", "character");
    refused("https://a/b?c", "query");
    refused("https://a/b#c", "fragment");
    refused("https://a/b\0c", "character");
    refused("https://a/b\nc", "character");
    refused("https://a/\xc3\xa4", "character");
    refused("https://a/%2", "percent");
    refused("https://a/%zz", "percent");

#undef refused

    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "http://", 7);
    invalid(longest, REAUTH_URL_MAX + 1, "longer");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
