
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reauth_secret.h"


static char  directory[] = "/tmp/reauth_secret_XXXXXX";
static char  path[sizeof(directory) + 16];


static int
set_up(void **state)
{
    (void) state;

    if (mkdtemp(directory) == NULL) {
        return -1;
    }

    snprintf(path, sizeof(path), "%s/secret", directory);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    unlink(path);

    return rmdir(directory);
}


static void
write_file(const void *text, size_t len, mode_t mode)
{
    int  fd;

    unlink(path);
    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC, 0600);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}


/* the text that is left, or what is wrong */

static const char *
check(const char *bytes, size_t len, char *left)
{
    const char       *error;
    reauth_string_t   text;

    text.data = (const unsigned char *) bytes;
    text.len = len;

    error = reauth_secret_check(&text);

    memcpy(left, text.data, text.len);
    left[text.len] = '\0';

    return error;
}


static void
test_check(void **state)
{
    char  left[64];

    (void) state;

    assert_null(check("key", 3, left));
    assert_string_equal(left, "key");

    assert_null(check("key\n", 4, left));
    assert_string_equal(left, "key");

    assert_null(check("key\r\n", 5, left));
    assert_string_equal(left, "key");

    assert_null(check("k \xc3\xa4\n", 5, left));
    assert_string_equal(left, "k \xc3\xa4");
}


static void
check_refused(const char *bytes, size_t len, const char *word)
{
    char        left[64];
    const char *error;

    error = check(bytes, len, left);
    assert_non_null(error);

    if (strstr(error, word) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", error, word);
    }
}


static void
test_check_refuses(void **state)
{
    (void) state;

    check_refused("", 0, "empty");
    check_refused("\n", 1, "empty");
    check_refused("\r\n", 2, "empty");
    check_refused("key\n\n", 5, "more than one line");
    check_refused("key\r", 4, "more than one line");
    check_refused("key\r\r\n", 6, "more than one line");
    check_refused("k\ney", 4, "more than one line");
    check_refused("\nkey", 4, "more than one line");
    check_refused("k\0ey", 4, "NUL");
    check_refused("key\0", 4, "NUL");
    check_refused("k\tey", 4, "control");
    check_refused("k\x1b" "ey", 4, "control");
    check_refused("k\x7f" "ey", 4, "control");
}


static void
check_bearer(const char *bytes, const char *wrong)
{
    char             error[REAUTH_SECRET_ERROR_SIZE];
    reauth_string_t  text;

    text.data = (const unsigned char *) bytes;
    text.len = strlen(bytes);

    if (wrong == NULL) {
        assert_int_equal(reauth_secret_bearer(&text, error), 0);
        return;
    }

    assert_int_equal(reauth_secret_bearer(&text, error), -1);

    if (strstr(error, wrong) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, wrong);
    }
}


static void
test_bearer(void **state)
{
    (void) state;

    check_bearer("abcXYZ019-._~+/", NULL);
    check_bearer("a", NULL);
    check_bearer("a=", NULL);
    check_bearer("YWI==", NULL);
    check_bearer("Bearer", NULL);

    check_bearer("my key", "a blank at byte 3");
    check_bearer(" key", "a blank at byte 1");
    check_bearer("key ", "a blank at byte 4");
    check_bearer("\"key\"", "a quotation mark at byte 1");
    check_bearer("'key'", "a quotation mark at byte 1");
    check_bearer("=", "an equals sign before the end at byte 1");
    check_bearer("==", "an equals sign before the end at byte 1");
    check_bearer("API_KEY=abc", "an equals sign before the end at byte 8");
    check_bearer("\xef\xbb\xbfkey", "a byte order mark at byte 1");
    check_bearer("k\xc3\xa4", "a character outside of ASCII at byte 2");
    check_bearer("k\x01", "a control character at byte 2");
    check_bearer("k:y", "a punctuation mark at byte 2");
    check_bearer("Bearer key", "begins with \"Bearer\"");
    check_bearer("bearer key", "begins with \"Bearer\"");
}


static void
test_check_length(void **state)
{
    char             bytes[REAUTH_SECRET_MAX + 3];
    reauth_string_t  text;

    (void) state;

    memset(bytes, 'k', sizeof(bytes));
    bytes[REAUTH_SECRET_MAX] = '\r';
    bytes[REAUTH_SECRET_MAX + 1] = '\n';

    text.data = (const unsigned char *) bytes;

    text.len = REAUTH_SECRET_MAX;
    assert_null(reauth_secret_check(&text));

    text.len = REAUTH_SECRET_MAX + 2;
    assert_null(reauth_secret_check(&text));
    assert_int_equal(text.len, REAUTH_SECRET_MAX);

    bytes[REAUTH_SECRET_MAX] = 'k';
    text.len = REAUTH_SECRET_MAX + 1;
    assert_non_null(reauth_secret_check(&text));
}


static void
test_read(void **state)
{
    char             error[REAUTH_SECRET_ERROR_SIZE];
    size_t           i;
    reauth_secret_t  secret;

    static const mode_t  modes[] = { 0600, 0400, 0640, 0440, 0750 };

    (void) state;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        write_file("the key\n", 8, modes[i]);

        assert_int_equal(reauth_secret_read(&secret, path, geteuid(), error),
                         0);
        assert_int_equal(secret.text.len, 7);
        assert_memory_equal(secret.text.data, "the key", 7);

        reauth_secret_free(&secret);
        assert_null(secret.text.data);
        assert_int_equal(secret.text.len, 0);

        reauth_secret_free(&secret);
    }
}


static void
test_read_longest(void **state)
{
    char             error[REAUTH_SECRET_ERROR_SIZE];
    char             bytes[REAUTH_SECRET_MAX + 3];
    reauth_secret_t  secret;

    (void) state;

    memset(bytes, 'k', sizeof(bytes));
    bytes[REAUTH_SECRET_MAX] = '\r';
    bytes[REAUTH_SECRET_MAX + 1] = '\n';

    write_file(bytes, REAUTH_SECRET_MAX + 2, 0600);
    assert_int_equal(reauth_secret_read(&secret, path, geteuid(), error), 0);
    assert_int_equal(secret.text.len, REAUTH_SECRET_MAX);
    reauth_secret_free(&secret);

    /* one more byte, after what looks like the end */

    write_file(bytes, sizeof(bytes), 0600);
    assert_int_equal(reauth_secret_read(&secret, path, geteuid(), error), -1);
    assert_non_null(strstr(error, "4096"));
}


static void
read_refused(const char *file, const char *word, int err)
{
    char             error[REAUTH_SECRET_ERROR_SIZE];
    reauth_secret_t  secret;

    memset(&secret, 0x55, sizeof(secret));
    memset(error, 0, sizeof(error));
    errno = 0;

    assert_int_equal(reauth_secret_read(&secret, file, geteuid(), error), -1);
    assert_int_equal(errno, err);
    assert_null(secret.text.data);
    assert_null(secret.pages);

    if (strstr(error, word) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", error, word);
    }

    reauth_secret_free(&secret);
}


static void
test_read_refuses(void **state)
{
    (void) state;

    unlink(path);
    read_refused(path, "No such file", ENOENT);

    write_file("key\n", 4, 0644);
    read_refused(path, "0640 or 0600", 0);

    write_file("key\n", 4, 0604);
    read_refused(path, "0640 or 0600", 0);

    write_file("key\n", 4, 0660);
    read_refused(path, "chmod go-w", 0);

    write_file("key\n", 4, 0602);
    read_refused(path, "chmod go-w", 0);

    write_file("", 0, 0600);
    read_refused(path, "empty", 0);

    write_file("sEcReT\nline\n", 12, 0600);
    read_refused(path, "more than one line", 0);

    read_refused(directory, "not a regular file", 0);
    read_refused("/dev/null", "not a regular file", 0);

    if (geteuid() != 0) {
        write_file("key\n", 4, 0000);
        read_refused(path, "mode to 0640", EACCES);
    }
}


/* must neither wait for a writer nor take it for a file */

static void
test_read_refuses_fifo(void **state)
{
    (void) state;

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);

    alarm(5);
    read_refused(path, "not a regular file", 0);
    alarm(0);
}


static void
test_read_follows_symlink(void **state)
{
    char             link[sizeof(path) + 8], error[REAUTH_SECRET_ERROR_SIZE];
    reauth_secret_t  secret;

    (void) state;

    write_file("key\n", 4, 0600);
    snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink(path, link), 0);

    assert_int_equal(reauth_secret_read(&secret, link, geteuid(), error), 0);
    assert_int_equal(secret.text.len, 3);
    reauth_secret_free(&secret);

    unlink(link);
}


static void
test_read_leaks_no_descriptor(void **state)
{
    int              fd, i;
    char             error[REAUTH_SECRET_ERROR_SIZE];
    reauth_secret_t  secret;

    (void) state;

    fd = dup(0);
    assert_int_not_equal(fd, -1);
    close(fd);

    for (i = 0; i < 8; i++) {
        write_file(i % 2 ? "key" : "", i % 2 ? 3 : 0, i % 4 > 1 ? 0644 : 0600);
        (void) reauth_secret_read(&secret, path, geteuid(), error);
        reauth_secret_free(&secret);
    }

    i = dup(0);
    assert_int_equal(i, fd);
    close(i);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_check_length),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_longest),
        cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_read_refuses_fifo),
        cmocka_unit_test(test_read_follows_symlink),
        cmocka_unit_test(test_read_leaks_no_descriptor),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
