
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth-token(1): creates a caller's token and its line of the callers file,
 * which is verified by the module's parser before it is printed.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "reauth_callers.h"


/*
 * Random bytes in base64url.  A token of up to 55 characters is one block of
 * SHA-256, which is computed for each request; 64 hexadecimal digits are two.
 */

#define REAUTH_TOKEN_PREFIX  "rgw_"
#define REAUTH_TOKEN_LEN     32
#define REAUTH_TOKEN_TEXT    ((REAUTH_TOKEN_LEN * 4 + 2) / 3)
#define REAUTH_TOKEN_SIZE                                                     \
    (sizeof(REAUTH_TOKEN_PREFIX) + REAUTH_TOKEN_TEXT)

#define REAUTH_TOKEN_LINE_SIZE  (REAUTH_CALLERS_LINE_MAX + 1)


static const char  usage[] =
    "usage: reauth-token NAME SCOPES [accounts=PATTERNS] [attempts=NUMBER]\n"
    "                    [budget=CREDITS/h|CREDITS/d] [routes=ROUTES]\n"
    "\n"
    "Creates a token for a caller of nginx-reauth.  The line for the callers\n"
    "file is written to the standard output, the token to the standard error.\n"
    "The line contains only the hash of the token.  Lists are separated by\n"
    "commas.\n"
    "\n"
    "NAME      letters, digits, \".\", \"_\" and \"-\"\n"
    "SCOPES    update, attempt, call, call:read, team, team:read, status,\n"
    "          operate or all\n"
    "PATTERNS  IDs of accounts, or the beginning of one and \"*\"\n"
    "NUMBER    the maximum number of active attempts\n"
    "CREDITS   the credits that ordinary calls can use an hour or a day\n"
    "ROUTES    METHOD:/path after the account: GET:/chats or '*:/media/*'\n"
    "\n"
    "reauth-token payouts update,attempt,status >> /etc/nginx/callers\n";


/*
 * A field must not contain a blank, which would divide it, and must not begin a
 * comment.
 */

static int
reauth_token_check(int argc, char **argv)
{
    int    i;
    char  *p;

    for (i = 1; i < argc; i++) {

        if (*argv[i] == '\0' || *argv[i] == '#') {
            fprintf(stderr, "reauth-token: argument %d is empty or begins with "
                    "\"#\"\n", i);
            return -1;
        }

        for (p = argv[i]; *p != '\0'; p++) {

            if ((unsigned char) *p <= 0x20 || *p == 0x7f) {
                fprintf(stderr, "reauth-token: argument %d has a blank or a "
                        "control character: lists are separated by commas "
                        "alone\n", i);
                return -1;
            }
        }
    }

    return 0;
}


static int
reauth_token_make(char token[REAUTH_TOKEN_SIZE])
{
    size_t         i;
    unsigned char  random[REAUTH_TOKEN_LEN];
    unsigned char  text[REAUTH_TOKEN_TEXT + 2];    /* "=" and a NUL */

    if (RAND_priv_bytes(random, sizeof(random)) != 1) {
        fprintf(stderr, "reauth-token: OpenSSL has no random bytes\n");
        return -1;
    }

    EVP_EncodeBlock(text, random, sizeof(random));

    for (i = 0; i < REAUTH_TOKEN_TEXT; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }

    text[REAUTH_TOKEN_TEXT] = '\0';

    memcpy(token, REAUTH_TOKEN_PREFIX, sizeof(REAUTH_TOKEN_PREFIX) - 1);
    memcpy(token + sizeof(REAUTH_TOKEN_PREFIX) - 1, text,
           REAUTH_TOKEN_TEXT + 1);

    OPENSSL_cleanse(random, sizeof(random));
    OPENSSL_cleanse(text, sizeof(text));

    return 0;
}


/* "NAME sha256:HASH", followed by the remaining fields */

static int
reauth_token_line(char line[REAUTH_TOKEN_LINE_SIZE], const char *token,
    int argc, char **argv)
{
    int              i, n;
    char             hex[REAUTH_SHA256_HEX_LEN + 1];
    size_t           len;
    uint8_t          hash[REAUTH_SHA256_LEN];
    reauth_string_t  text;

    text = reauth_string_from(token);

    if (reauth_sha256(&text, hash) != 0) {
        fprintf(stderr, "reauth-token: OpenSSL could not make the hash\n");
        return -1;
    }

    reauth_hex_encode(hex, hash, sizeof(hash));

    n = snprintf(line, REAUTH_TOKEN_LINE_SIZE, "%s sha256:%s", argv[1], hex);

    for (i = 2; i < argc && n >= 0 && n < REAUTH_TOKEN_LINE_SIZE; i++) {
        len = (size_t) n;
        n = snprintf(line + len, REAUTH_TOKEN_LINE_SIZE - len, " %s", argv[i]);
        n = n < 0 ? n : n + (int) len;
    }

    if (n < 0 || n >= REAUTH_TOKEN_LINE_SIZE) {
        fprintf(stderr, "reauth-token: the line would be longer than %d "
                "bytes\n", REAUTH_CALLERS_LINE_MAX);
        return -1;
    }

    return 0;
}


/* checks that the module reads one caller from the line, with this token */

static int
reauth_token_valid(const char *line, const char *token)
{
    int                     found;
    char                    error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_string_t         text;
    reauth_callers_t       *callers;
    const char             *reason;
    const reauth_caller_t  *caller;

    static const char  number[] = "line 1: ";

    text = reauth_string_from(line);
    callers = reauth_callers_parse(&text, error);

    if (callers == NULL) {
        reason = error;

        if (strncmp(reason, number, sizeof(number) - 1) == 0) {
            reason += sizeof(number) - 1;
        }

        fprintf(stderr, "reauth-token: %s\n", reason);
        return 0;
    }

    text = reauth_string_from(token);
    found = reauth_callers_find(callers, &text, &caller) == 0
            && caller != NULL;
    reauth_callers_free(callers);

    if (!found) {
        fprintf(stderr, "reauth-token: the token could not be verified\n");
    }

    return found;
}


/* the token is printed only if the line was written */

static int
reauth_token_print(const char *name, const char *line, const char *token)
{
    if (printf("%s\n", line) < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "reauth-token: the line could not be written: %s\n",
                strerror(errno));
        return -1;
    }

    if (fprintf(stderr, "the token of %s, shown only now: %s\n", name, token)
        < 0)
    {
        return -1;
    }

    return 0;
}


int
main(int argc, char **argv)
{
    int   status;
    char  token[REAUTH_TOKEN_SIZE], line[REAUTH_TOKEN_LINE_SIZE];

    if (argc == 2
        && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
    {
        return printf("%s", usage) < 0 || fflush(stdout) != 0;
    }

    if (argc < 3) {
        fprintf(stderr, "reauth-token: a name and scopes are needed\n\n%s",
                usage);
        return EXIT_FAILURE;
    }

    if (reauth_token_check(argc, argv) != 0) {
        return EXIT_FAILURE;
    }

    status = EXIT_FAILURE;

    if (reauth_token_make(token) == 0
        && reauth_token_line(line, token, argc, argv) == 0
        && reauth_token_valid(line, token)
        && reauth_token_print(argv[1], line, token) == 0)
    {
        status = EXIT_SUCCESS;
    }

    OPENSSL_cleanse(token, sizeof(token));
    reauth_digest_free();

    return status;
}
