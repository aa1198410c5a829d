
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reauth_file.h"
#include "reauth_secret.h"


/* the longest secret, CRLF, and one byte to detect longer files */
#define REAUTH_SECRET_READ  (REAUTH_SECRET_MAX + 2 + 1)


const char *
reauth_secret_check(reauth_string_t *text)
{
    size_t         i;
    unsigned char  c;

    if (text->len > 0 && text->data[text->len - 1] == '\n') {
        text->len--;

        if (text->len > 0 && text->data[text->len - 1] == '\r') {
            text->len--;
        }
    }

    if (text->len == 0) {
        return "is empty: expected the secret on one line";
    }

    if (text->len > REAUTH_SECRET_MAX) {
        return "is longer than 4096 bytes: check that it is the right file";
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c == '\n' || c == '\r') {
            return "has more than one line: expected only the secret, on one "
                   "line";
        }

        if (c == '\0') {
            return "contains a NUL byte: expected plain text, not UTF-16 or "
                   "binary";
        }

        if (c < 0x20 || c == 0x7f) {
            return "contains a tab or another control character: expected "
                   "only the secret, on one line";
        }
    }

    return NULL;
}


/* characters that a b64token does not contain */

static const char *
reauth_secret_kind(const reauth_string_t *text, size_t i)
{
    unsigned char  c;

    c = text->data[i];

    if (i == 0 && c == 0xef) {
        return "a byte order mark";
    }

    if (c >= 0x80) {
        return "a character outside of ASCII";
    }

    switch (c) {

    case ' ':
        return "a blank";

    case '"':
    case '\'':
        return "a quotation mark";

    case '=':
        return "an equals sign before the end";

    default:
        return c < 0x20 || c == 0x7f ? "a control character"
                                     : "a punctuation mark";
    }
}


int
reauth_secret_bearer(const reauth_string_t *text,
    char error[REAUTH_SECRET_ERROR_SIZE])
{
    size_t         i, tail;
    unsigned char  c;

    static const char  scheme[] = "bearer ";

    if (text->len > sizeof(scheme) - 1
        && strncasecmp((const char *) text->data, scheme, sizeof(scheme) - 1)
           == 0)
    {
        snprintf(error, REAUTH_SECRET_ERROR_SIZE,
                 "begins with \"Bearer\": expected only the token");
        return -1;
    }

    for (tail = text->len; tail > 1 && text->data[tail - 1] == '='; tail--) {
        /* padding */
    }

    for (i = 0; i < tail; i++) {
        c = text->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != '\0' && strchr("-._~+/", c) != NULL))
        {
            continue;
        }

        snprintf(error, REAUTH_SECRET_ERROR_SIZE,
                 "has %s at byte %zu, which is invalid in a bearer token: "
                 "expected only the token (letters, digits and -._~+/, then "
                 "=)",
                 reauth_secret_kind(text, i), i + 1);
        return -1;
    }

    return 0;
}


int
reauth_secret_strong(const reauth_string_t *text, size_t least,
    char error[REAUTH_SECRET_ERROR_SIZE])
{
    size_t  len;

    static const char  prefix[] = "whsec_";

    len = text->len;

    if (len >= sizeof(prefix) - 1
        && memcmp(text->data, prefix, sizeof(prefix) - 1) == 0)
    {
        len -= sizeof(prefix) - 1;
    }

    if (len >= least) {
        return 0;
    }

    snprintf(error, REAUTH_SECRET_ERROR_SIZE,
             "is too short: it has %zu bytes, expected at least %zu; %s", len,
             least,
             least < REAUTH_SECRET_GENERATED_LEAST
                 ? "check that the key is complete"
                 : "generate a secret with: openssl rand -hex 32");

    return -1;
}


static void
reauth_secret_system_error(char *error, const char *what)
{
    int  err;

    err = errno;

    snprintf(error, REAUTH_SECRET_ERROR_SIZE, "%s: %s%s", what, strerror(err),
             err == EACCES
             ? " (change its owner to root, its group to that of nginx's "
               "workers, and its mode to 0640)"
             : "");

    errno = err;
}


static int
reauth_secret_open(const char *path, uid_t master, char *error)
{
    int          fd, err;
    const char  *text;
    struct stat  st;

    /* O_NONBLOCK: a FIFO must not block nginx until it is written */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK);

    if (fd == -1) {
        reauth_secret_system_error(error, "cannot be opened");
        return -1;
    }

    if (fstat(fd, &st) != 0) {
        reauth_secret_system_error(error, "cannot be examined");
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }

    if (!S_ISREG(st.st_mode)) {
        text = "is not a regular file: specify the file that contains the "
               "secret";

    } else if (st.st_mode & S_IROTH) {
        text = "is readable by everybody: change its mode to 0640 or 0600";

    } else {
        text = reauth_file_check(&st, master);

        if (text == NULL) {
            return fd;
        }
    }

    snprintf(error, REAUTH_SECRET_ERROR_SIZE, "%s", text);
    close(fd);
    errno = 0;

    return -1;
}


void
reauth_secret_lock(const reauth_secret_t *secret)
{
    /*
     * As good as the system's limits allow: a secret that may be swapped out
     * is better than a gateway that does not start.
     */

    if (secret->pages != NULL) {
        (void) mlock(secret->pages, secret->size);
    }
}


int
reauth_secret_reserve(reauth_secret_t *secret,
    char error[REAUTH_SECRET_ERROR_SIZE])
{
    void    *pages;
    size_t   size, page;

    page = (size_t) sysconf(_SC_PAGESIZE);
    size = (REAUTH_SECRET_READ + page - 1) / page * page;

    pages = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                 -1, 0);

    if (pages == MAP_FAILED) {
        reauth_secret_system_error(error, "there is not enough memory for it");
        return -1;
    }

    secret->pages = pages;
    secret->size = size;

    reauth_secret_lock(secret);

#ifdef MADV_DONTDUMP
    (void) madvise(pages, size, MADV_DONTDUMP);
#endif

    return 0;
}


int
reauth_secret_read(reauth_secret_t *secret, const char *path,
    uid_t master, char error[REAUTH_SECRET_ERROR_SIZE])
{
    int          fd, err;
    size_t       len;
    ssize_t      n;
    const char  *text;

    memset(secret, 0, sizeof(reauth_secret_t));

    fd = reauth_secret_open(path, master, error);

    if (fd == -1) {
        return -1;
    }

    if (reauth_secret_reserve(secret, error) != 0) {
        goto failed;
    }

    len = 0;

    while (len < REAUTH_SECRET_READ) {
        n = read(fd, (char *) secret->pages + len, REAUTH_SECRET_READ - len);

        if (n == 0) {
            break;
        }

        if (n > 0) {
            len += (size_t) n;
            continue;
        }

        if (errno != EINTR) {
            reauth_secret_system_error(error, "cannot be read");
            goto failed;
        }
    }

    secret->text.data = secret->pages;
    secret->text.len = len;

    text = reauth_secret_check(&secret->text);

    if (text != NULL) {
        snprintf(error, REAUTH_SECRET_ERROR_SIZE, "%s", text);
        errno = 0;
        goto failed;
    }

    close(fd);

    return 0;

failed:

    err = errno;

    close(fd);
    reauth_secret_free(secret);

    errno = err;

    return -1;
}


void
reauth_secret_free(reauth_secret_t *secret)
{
    if (secret->pages != NULL) {
        explicit_bzero(secret->pages, secret->size);
        munmap(secret->pages, secret->size);
    }

    memset(secret, 0, sizeof(reauth_secret_t));
}


int
reauth_secret_prefix(reauth_secret_t *secret, const char *prefix,
    const reauth_secret_t *text)
{
    char            error[REAUTH_SECRET_ERROR_SIZE];
    size_t          len;
    unsigned char  *p;

    memset(secret, 0, sizeof(reauth_secret_t));

    if (reauth_secret_reserve(secret, error) != 0) {
        return -1;
    }

    len = strlen(prefix);

    if (len + text->text.len > secret->size) {
        reauth_secret_free(secret);
        return -1;
    }

    p = secret->pages;

    memcpy(p, prefix, len);
    memcpy(p + len, text->text.data, text->text.len);

    secret->text.data = p;
    secret->text.len = len + text->text.len;

    return 0;
}
