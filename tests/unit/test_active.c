
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The set of active accounts is read while it changes: each member that stays
 * as it is must be read.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_active.h"


#define MEMBERS  1000

/* pages after which a member must have been read */
#define PAGES    100


typedef struct {
    int   score;                 /* 0: not in the set */
    int   changed;
    int   read;
    char  name[16];
} member_t;


static member_t  set[MEMBERS];   /* in the order of names */
static size_t    nset;


static redisReply *
text_of(const char *text)
{
    redisReply  *reply;

    reply = calloc(1, sizeof(redisReply));
    assert_non_null(reply);

    reply->type = REDIS_REPLY_STRING;
    reply->str = strdup(text);
    assert_non_null(reply->str);
    reply->len = strlen(text);

    return reply;
}


static redisReply *
array_of(size_t n)
{
    redisReply  *reply;

    reply = calloc(1, sizeof(redisReply));
    assert_non_null(reply);

    reply->type = REDIS_REPLY_ARRAY;
    reply->elements = n;
    reply->element = calloc(n + 1, sizeof(redisReply *));
    assert_non_null(reply->element);

    return reply;
}


static void
reply_free(redisReply *reply)
{
    size_t  i;

    for (i = 0; i < reply->elements; i++) {
        reply_free(reply->element[i]);
    }

    free(reply->element);
    free(reply->str);
    free(reply);
}


static int
before(const void *a, const void *b)
{
    const member_t *one = *(member_t *const *) a;
    const member_t *two = *(member_t *const *) b;

    return one->score != two->score ? one->score - two->score
                                    : strcmp(one->name, two->name);
}


/* what Redis replies to ZRANGEBYSCORE or ZSCAN */

static redisReply *
ask(const reauth_active_t *active)
{
    int         min;
    char        score[16];
    size_t      i, n;
    member_t   *found[MEMBERS];
    redisReply *reply, *page;

    min = strcmp(active->score, "-inf") == 0 ? 0 : atoi(active->score);
    n = 0;

    for (i = active->scan ? (size_t) atoi(active->cursor) : 0;
         i < nset && !(active->scan && n == REAUTH_ACTIVE_PAGE);
         i++)
    {
        if (set[i].score != 0 && (active->scan || set[i].score >= min)) {
            found[n++] = &set[i];
        }
    }

    snprintf(score, sizeof(score), "%d", i == nset ? 0 : (int) i);

    if (!active->scan) {
        qsort(found, n, sizeof(found[0]), before);
        n = n > REAUTH_ACTIVE_PAGE ? REAUTH_ACTIVE_PAGE : n;
    }

    page = array_of(2 * n);
    reply = page;

    if (active->scan) {
        reply = array_of(2);
        reply->element[0] = text_of(score);
        reply->element[1] = page;
    }

    for (i = 0; i < n; i++) {
        snprintf(score, sizeof(score), "%d", found[i]->score);

        page->element[2 * i] = text_of(found[i]->name);
        page->element[2 * i + 1] = text_of(score);
    }

    return reply;
}


static void
mark(const redisReply *page, size_t first)
{
    size_t  i;

    for (i = first; i < page->elements; i += 2) {
        set[atoi(page->element[i]->str + 1) - 10000].read++;
    }
}


/* removed, added, or moved */

static void
change(int scores)
{
    member_t  *member;

    member = &set[(size_t) rand() % nset];
    member->changed = 1;
    member->score = rand() % 2 ? 0 : 1 + rand() % scores;
}


/* returns the number of pages */

static int
read_all(size_t n, int scores, int changes)
{
    int                i, pages;
    size_t             first, at;
    redisReply        *reply;
    reauth_active_t    active;
    const redisReply  *page;

    nset = n;

    for (at = 0; at < n; at++) {
        memset(&set[at], 0, sizeof(member_t));
        snprintf(set[at].name, sizeof(set[at].name), "a%zu", 10000 + at);
        set[at].score = 1 + rand() % scores;
    }

    reauth_active_begin(&active);

    for (pages = 0; !active.ended; pages++) {
        assert_true(pages < PAGES);

        reply = ask(&active);
        page = reauth_active_page(&active, reply, &first);
        assert_non_null(page);
        mark(page, first);
        reply_free(reply);

        for (i = 0; i < changes; i++) {
            change(scores);
        }
    }

    for (at = 0; at < n; at++) {

        if (!set[at].changed && set[at].read == 0) {
            fail_msg("%s was not read, score %d", set[at].name, set[at].score);
        }
    }

    return pages;
}


static void
test_order(void **state)
{
    size_t  at;

    (void) state;

    assert_int_equal(read_all(0, 1, 0), 1);
    assert_int_equal(read_all(99, 1000, 0), 1);

    /* the last member of a page is also the first of the next one */

    assert_int_equal(read_all(1000, 1000000, 0), 11);

    for (at = 0; at < nset; at++) {
        assert_int_equal(set[at].read, 1);
    }
}


/* members of the same score on both sides of the end of a page */

static void
test_equal_scores(void **state)
{
    size_t  at;

    (void) state;

    read_all(1000, 40, 0);

    for (at = 0; at < nset; at++) {
        assert_int_equal(set[at].read, 1);
    }
}


/* most of a page is of one score: without order, and not once a member */

static void
test_one_score(void **state)
{
    (void) state;

    assert_int_equal(read_all(1000, 1, 0), 12);
    assert_true(read_all(1000, 12, 0) < 30);
}


static void
test_changes(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 2000; i++) {
        srand((unsigned) i);
        read_all((size_t) (1 + rand() % 1000), 1 + rand() % 300, rand() % 20);
    }
}


/* a name that does not fit is compared as far as it is kept */

static void
test_long_name(void **state)
{
    char             name[2 * REAUTH_ACCOUNT_MAX];
    size_t           i, first;
    redisReply      *reply;
    reauth_active_t  active;

    (void) state;

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';

    reauth_active_begin(&active);

    reply = array_of(2 * REAUTH_ACTIVE_PAGE);

    for (i = 0; i < reply->elements; i += 2) {
        reply->element[i] = text_of(name);
        reply->element[i + 1] = text_of("7");
    }

    assert_non_null(reauth_active_page(&active, reply, &first));
    assert_int_equal(first, 0);
    assert_int_equal(active.len, REAUTH_ACCOUNT_MAX);

    /* after the beginning that is kept: read again */

    assert_non_null(reauth_active_page(&active, reply, &first));
    assert_int_equal(first, 0);

    reply_free(reply);
}


static void
refused(redisReply *reply, unsigned scan)
{
    size_t           first;
    reauth_active_t  active;

    reauth_active_begin(&active);
    active.scan = scan;

    assert_null(reauth_active_page(&active, reply, &first));

    reply_free(reply);
}


static void
test_invalid(void **state)
{
    char         score[REAUTH_SCORE_MAX + 2];
    redisReply  *reply;

    (void) state;

    refused(text_of("0"), 0);
    refused(text_of("0"), 1);

    reply = array_of(1);
    reply->element[0] = text_of("a");
    refused(reply, 0);

    reply = array_of(2);
    reply->element[0] = text_of("a");
    reply->element[1] = array_of(0);
    refused(reply, 0);

    memset(score, '1', sizeof(score));
    score[REAUTH_SCORE_MAX + 1] = '\0';

    reply = array_of(2);
    reply->element[0] = text_of("a");
    reply->element[1] = text_of(score);
    refused(reply, 0);

    reply = array_of(2);
    reply->element[0] = text_of("a");
    reply->element[1] = text_of("");
    refused(reply, 0);

    reply = array_of(2);
    reply->element[0] = text_of("0");
    reply->element[1] = array_of(1);
    reply->element[1]->element[0] = text_of("a");
    refused(reply, 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_equal_scores),
        cmocka_unit_test(test_one_score),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
