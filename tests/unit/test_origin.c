
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

#include "reauth_origin.h"


static const reauth_string_t  named[] = {
    reauth_string("https://app.example"),
    reauth_string("http://127.0.0.1:3000")
};


static reauth_string_t
text(const char *s)
{
    reauth_string_t  string;

    string.data = (const unsigned char *) s;
    string.len = s != NULL ? strlen(s) : 0;

    return string;
}


static reauth_origin_verdict_t
judge(const char *origin, const char *site, int tls, const char *host,
    const char *public_url, size_t nnamed)
{
    reauth_origin_t  o;

    o.origin = text(origin);
    o.fetch_site = text(site);
    o.repeated = 0;
    o.tls = tls;
    o.host = text(host);
    o.public_url = text(public_url);
    o.named = named;
    o.nnamed = nnamed;

    return reauth_origin_judge(&o);
}


static void
wrong(const char *origin, const char *why)
{
    const char       *error;
    reauth_string_t   s;

    s = text(origin);
    error = reauth_origin_check(&s);

    if (error == NULL || strstr(error, why) == NULL) {
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", origin,
                 error ? error : "(null)", why);
    }
}


static void
right(const char *origin)
{
    const char       *error;
    reauth_string_t   s;

    s = text(origin);
    error = reauth_origin_check(&s);

    if (error != NULL) {
        fail_msg("\"%s\" %s", origin, error);
    }
}


static void
test_check(void **state)
{
    char  longest[600];

    (void) state;

    right("https://app.example");
    right("http://localhost:3000");
    right("http://10.0.0.1");
    right("http://[::1]:8080");
    right("https://xn--bcher-kva.example");
    right("https://a_b.example:65535");
    right("chrome-extension://abcdefghijklmnop");
    right("http://localhost:443");

    wrong("", "must be a scheme");
    wrong("*", "must be a scheme");
    wrong("null", "must be a scheme");
    wrong("app.example", "must be a scheme");
    wrong("//app.example", "must be a scheme");
    wrong("://app.example", "must be a scheme");
    wrong("https:", "must be a scheme");
    wrong("https:/", "must be a scheme");
    wrong("https://", "must be a scheme");
    wrong("https://:80", "must be a scheme");
    wrong("https://app.example:", "must be a scheme");
    wrong("https://app.example:0", "must be a scheme");
    wrong("https://app.example:65536", "must be a scheme");
    wrong("https://app.example:80a", "must be a scheme");
    wrong("https://[::1", "must be a scheme");
    wrong("https://[::1]8", "must be a scheme");
    wrong("https://app.example/", "has a path");
    wrong("https://app.example:81/x", "has a path");
    wrong("https://App.example", "lower case");
    wrong("HTTPS://app.example", "lower case");
    wrong("https://*.example", "asterisk");
    wrong("https://app.example:443", "default port");
    wrong("http://app.example:80", "default port");
    wrong("https://user@app.example", "no valid host");
    wrong("https://app.example?", "no valid host");
    wrong("https://b\xc3\xbc" "cher.example", "no valid host");
    wrong("https://[]", "no valid host");
    wrong("https://[::G]", "no valid host");
    wrong("1http://a", "no valid scheme");
    wrong("ht tp://a", "no valid scheme");

    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest, "http://", 7);
    wrong(longest, "longer than");
}


/* what is no browser says neither */

static void
test_no_browser(void **state)
{
    (void) state;

    assert_int_equal(judge(NULL, NULL, 0, "gw:8080", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge(NULL, NULL, 0, "", NULL, 2), REAUTH_ORIGIN_OWN);
}


static void
test_own(void **state)
{
    (void) state;

    assert_int_equal(judge("http://gw:8080", NULL, 0, "gw:8080", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("http://gw:8080", "same-origin", 0, "GW:8080",
                           NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("http://gw", NULL, 0, "gw:80", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("http://gw", NULL, 0, "gw", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("https://gw", NULL, 1, "gw:443", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("http://[::1]:8080", NULL, 0, "[::1]:8080", NULL,
                           0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("http://[::1]", NULL, 0, "[::1]", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge(NULL, "none", 0, "gw", NULL, 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge(NULL, "same-origin", 0, "gw", NULL, 0),
                     REAUTH_ORIGIN_OWN);
}


static void
test_public_url(void **state)
{
    (void) state;

    assert_int_equal(judge("https://gw.example", NULL, 0, "10.0.0.1:8080",
                           "https://gw.example/fans", 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("https://gw.example", NULL, 0, "10.0.0.1:8080",
                           "HTTPS://GW.example:443", 0),
                     REAUTH_ORIGIN_OWN);
    assert_int_equal(judge("https://gw.example:444", NULL, 0, "10.0.0.1:8080",
                           "https://gw.example", 0),
                     REAUTH_ORIGIN_FOREIGN);
    assert_int_equal(judge("http://gw.example", NULL, 0, "10.0.0.1:8080",
                           "https://gw.example", 0),
                     REAUTH_ORIGIN_FOREIGN);
}


static void
test_foreign(void **state)
{
    size_t  i;

    static const char  *origins[] = {
        "null", "", "https://evil.example", "http://evil.example:8080",
        "https://gw:8080", "http://gw", "http://gw:8081", "http://gw:80800",
        "http://gw:8080.evil.example", "http://gw:8080@evil.example",
        "http://gw.evil.example:8080", "http://evil.gw:8080",
        "http://xgw:8080", "http://gw:8080/", "http://gw:8080 ",
        "http://gw:8080, http://gw:8080", "gw:8080", "//gw:8080",
        "http://GW:8080", "http:gw:8080", "http://gw:08080x", "*"
    };

    static const char  *sites[] = {
        "cross-site", "same-site", "", "Same-Origin", "same-origin,none",
        "same-originx", "anything"
    };

    (void) state;

    for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {

        if (judge(origins[i], NULL, 0, "gw:8080", NULL, 2)
            != REAUTH_ORIGIN_FOREIGN)
        {
            fail_msg("\"%s\" is not foreign", origins[i]);
        }

        if (judge(origins[i], "same-origin", 0, "gw:8080", "http://x", 0)
            != REAUTH_ORIGIN_FOREIGN)
        {
            fail_msg("\"%s\" of \"same-origin\" is not foreign", origins[i]);
        }
    }

    for (i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {

        if (judge(NULL, sites[i], 0, "gw:8080", NULL, 2)
            != REAUTH_ORIGIN_FOREIGN
            || judge("http://gw:8080", sites[i], 0, "gw:8080", NULL, 2)
               != REAUTH_ORIGIN_FOREIGN)
        {
            fail_msg("\"%s\" is not foreign", sites[i]);
        }
    }

    /* no host of the request's own */

    assert_int_equal(judge("http://gw", NULL, 0, "", NULL, 0),
                     REAUTH_ORIGIN_FOREIGN);
    assert_int_equal(judge("http://gw", NULL, 0, NULL, NULL, 0),
                     REAUTH_ORIGIN_FOREIGN);
    assert_int_equal(judge("http://gw", NULL, 0, "gw:x", NULL, 0),
                     REAUTH_ORIGIN_FOREIGN);
}


static void
test_listed_origins(void **state)
{
    reauth_origin_t  o;

    (void) state;

    assert_int_equal(judge("https://app.example", NULL, 0, "gw", NULL, 2),
                     REAUTH_ORIGIN_NAMED);
    assert_int_equal(judge("http://127.0.0.1:3000", "cross-site", 0, "gw",
                           NULL, 2),
                     REAUTH_ORIGIN_NAMED);
    assert_int_equal(judge("http://127.0.0.1:3000", "same-site", 0, "gw",
                           NULL, 1),
                     REAUTH_ORIGIN_FOREIGN);
    assert_int_equal(judge("https://app.example.evil", NULL, 0, "gw", NULL,
                           2),
                     REAUTH_ORIGIN_FOREIGN);
    assert_int_equal(judge("https://app.exampl", NULL, 0, "gw", NULL, 2),
                     REAUTH_ORIGIN_FOREIGN);

    /* without an origin nobody knows whose page it is */

    assert_int_equal(judge(NULL, "cross-site", 0, "gw", NULL, 2),
                     REAUTH_ORIGIN_FOREIGN);

    memset(&o, 0, sizeof(o));
    o.origin = text("https://app.example");
    o.repeated = 1;
    o.host = text("gw");
    o.named = named;
    o.nnamed = 2;

    assert_int_equal(reauth_origin_judge(&o), REAUTH_ORIGIN_FOREIGN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_no_browser),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_public_url),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_listed_origins)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
