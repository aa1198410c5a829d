
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_active.h"


void
reauth_active_begin(reauth_active_t *active)
{
    memset(active, 0, sizeof(reauth_active_t));

    strcpy(active->score, "-inf");
    strcpy(active->cursor, "0");
}


/* whether a member of the last score was in the page before */

static int
reauth_active_is_read(const reauth_active_t *active, const redisReply *member,
    const redisReply *score)
{
    int     rc;
    size_t  len;

    len = strlen(active->score);

    if ((size_t) score->len != len
        || memcmp(score->str, active->score, len) != 0)
    {
        return 0;
    }

    /* the order of Redis */

    len = (size_t) member->len < active->len ? (size_t) member->len
                                             : active->len;

    rc = memcmp(member->str, active->member, len);

    return rc < 0 || (rc == 0 && (size_t) member->len <= active->len);
}


static void
reauth_active_set_last(reauth_active_t *active, const redisReply *member,
    const redisReply *score)
{
    memcpy(active->score, score->str, (size_t) score->len);
    active->score[score->len] = '\0';

    active->len = (size_t) member->len < sizeof(active->member)
                  ? (size_t) member->len : sizeof(active->member);

    memcpy(active->member, member->str, active->len);
}


static int
reauth_active_is_valid(const redisReply *page)
{
    size_t  i;

    if (page->type != REDIS_REPLY_ARRAY || page->elements % 2 != 0) {
        return 0;
    }

    for (i = 0; i < page->elements; i++) {

        if (page->element[i]->type != REDIS_REPLY_STRING) {
            return 0;
        }

        if (i % 2 != 0
            && (page->element[i]->len == 0
                || (size_t) page->element[i]->len > REAUTH_SCORE_MAX))
        {
            return 0;
        }
    }

    return 1;
}


static const redisReply *
reauth_active_scanned(reauth_active_t *active, const redisReply *reply)
{
    const redisReply  *page;

    page = reauth_reply_page(reply, active->cursor);

    if (page == NULL || !reauth_active_is_valid(page)) {
        return NULL;
    }

    active->ended = strcmp(active->cursor, "0") == 0;

    return page;
}


const redisReply *
reauth_active_page(reauth_active_t *active, const redisReply *reply,
    size_t *first)
{
    size_t  i, n;

    *first = 0;

    if (active->scan) {
        return reauth_active_scanned(active, reply);
    }

    if (!reauth_active_is_valid(reply)) {
        return NULL;
    }

    n = reply->elements;

    for (i = 0; i < n; i += 2) {

        if (!reauth_active_is_read(active, reply->element[i],
                                   reply->element[i + 1]))
        {
            break;
        }
    }

    *first = i;

    if (n < 2 * REAUTH_ACTIVE_PAGE) {
        active->ended = 1;

    } else if (i > n / 2) {

        /* so many members of this score would take very many pages */

        active->scan = 1;

    } else {
        reauth_active_set_last(active, reply->element[n - 2],
                               reply->element[n - 1]);
    }

    return reply;
}
