
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The cost of searching a response for the API key, in nanoseconds per KB:
 *
 *     cc -O2 -D_DEFAULT_SOURCE -I ngx_module/core -o redact bench/redact.c \
 *         ngx_module/core/reauth_redact.c ngx_module/core/reauth_unescape.c \
 *         ngx_module/core/reauth_json.c ngx_module/core/reauth_string.c \
 *         -ljansson -lcrypto
 *     ./redact [FILE]
 *
 * The text is FILE, or JSON like that of the upstream; memmem() for the whole
 * key is measured for comparison.  Hostile texts of 64 KB follow.
 */


#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reauth_redact.h"


#define SIZE   (1024 * 1024)
#define TIMES  20

#define HOSTILE  (64 * 1024)


static unsigned char  text[SIZE];

static reauth_redact_t  redact;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static void
fill(const char *path)
{
    FILE    *file;
    size_t   i, n;

    static const char  entry[] =
        "{\"id\":\"acct_0123456789\",\"name\":\"A caf\\u00e9\","
        "\"url\":\"https:\\/\\/cdn.example.com\\/files\\/a%20b.jpg\","
        "\"text\":\"a sentence of somebody, as they are written\"},";

    n = 0;

    if (path != NULL) {
        file = fopen(path, "r");

        if (file != NULL) {
            n = fread(text, 1, SIZE, file);
            fclose(file);
        }
    }

    if (n == 0) {
        memcpy(text, entry, sizeof(entry) - 1);
        n = sizeof(entry) - 1;
    }

    for (i = n; i < SIZE; i++) {
        text[i] = text[i - n];
    }
}


static void
hostile(const char *what, const char *first, const char *rest)
{
    int      i;
    size_t   n, len;
    double   start;

    len = strlen(first);
    memcpy(text, first, len);

    for (n = len; n < HOSTILE; n++) {
        text[n] = (unsigned char) rest[(n - len) % strlen(rest)];
    }

    start = now();

    for (i = 0; i < TIMES; i++) {
        (void) reauth_redact(&redact, text, HOSTILE);
    }

    printf("%-36s %8.0f ns/KB\n", what,
           (now() - start) / TIMES / (HOSTILE / 1024.0));
}


int
main(int argc, char **argv)
{
    int     i, found;
    double  start, search, all;

    static const reauth_string_t  key =
        reauth_string("fa_live_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P");

    fill(argc > 1 ? argv[1] : NULL);

    start = now();
    reauth_redact_init(&redact, &key);
    printf("%-36s %8.0f ns\n", "table of a key of 40 bytes", now() - start);

    found = 0;
    start = now();

    for (i = 0; i < TIMES; i++) {
        found += reauth_redact_find(&redact, text, SIZE);
    }

    search = (now() - start) / TIMES / (SIZE / 1024.0);

    start = now();

    for (i = 0; i < TIMES; i++) {
        text[i] = (unsigned char) ("ab"[i % 2]);    /* more than once */
        found += memmem(text, SIZE, key.data, key.len) != NULL;
    }

    all = (now() - start) / TIMES / (SIZE / 1024.0);

    printf("%-36s %8.0f ns/KB\n", "any 12 bytes of it, without escapes",
           search);
    printf("%-36s %8.0f ns/KB\n", "the whole key, as it is, by memmem()", all);

    hostile("64 KB: %252525...", "%", "25");
    hostile("64 KB: percent signs", "", "%");
    hostile("64 KB: backslashes", "", "\\");
    hostile("64 KB: unfinished escapes", "", "\\u00%3\\u00");
    hostile("64 KB: escaped backslashes", "", "\\u005c");
    hostile("64 KB: escapes of escapes", "", "%5C%75%30%30%32%35%34%31");
    hostile("64 KB: 11 bytes of the key", "", "4e5F6g7H8i9!");
    hostile("64 KB: 11 bytes of it, escaped", "", "4e5F6g7H8i%39!");

    return found;
}
