
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reads the set of active accounts of Redis, a page at a time.  The order of
 * their scores is that of the zone's tree of deadlines: each record is added at
 * its end, where the tree is in the caches.
 *
 * A page begins at the last score that was read, without those members of this
 * score that are not after the last one.  A member whose score has not changed
 * since the first page is therefore read, whatever happens to others.  Whoever
 * changes a member adds an event.  If a score has so many members that most of
 * a page was read before, the set is read without order, by ZSCAN.
 */


#ifndef REAUTH_ACTIVE_H
#define REAUTH_ACTIVE_H


#include "reauth_reply.h"


/* members in a page */
#define REAUTH_ACTIVE_PAGE   100

/* a double in decimal, as Redis writes it */
#define REAUTH_SCORE_MAX     31


typedef struct {
    unsigned  scan;                            /* without order */
    unsigned  ended;                           /* the last page was read */
    char      cursor[REAUTH_CURSOR_MAX + 1];   /* of ZSCAN */
    char      score[REAUTH_SCORE_MAX + 1];     /* of the last member */
    size_t    len;                             /* of the last member, or of its
                                                  beginning */
    char      member[REAUTH_ACCOUNT_MAX];
} reauth_active_t;


void reauth_active_begin(reauth_active_t *active);

/*
 * A page: the reply to ZRANGEBYSCORE from "score" WITHSCORES LIMIT 0 and
 * REAUTH_ACTIVE_PAGE, or to ZSCAN if "scan" is set.  Returns alternating names
 * and scores, of which those from *first on were not read before; NULL: the
 * reply is invalid.
 */
const redisReply *reauth_active_page(reauth_active_t *active,
    const redisReply *reply, size_t *first);


#endif /* REAUTH_ACTIVE_H */
