
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Replies of Redis about the spending of callers, see usage.lua.
 */


#ifndef REAUTH_REPLY_USAGE_H
#define REAUTH_REPLY_USAGE_H


#include "reauth_attempt.h"
#include "reauth_budget.h"
#include "reauth_reply.h"


typedef struct {
    reauth_string_t  id;               /* of the keys; empty: no keys */
    uint64_t         last;             /* the number of the last change */
    unsigned         more;
    size_t           n;                /* callers */
} reauth_reply_usage_t;


typedef struct {
    reauth_string_t  caller;
    reauth_spending_stored_t  stored;
} reauth_reply_spent_t;


/* the strings are those of the reply; -1: it is not such a reply */
int reauth_reply_usage(const redisReply *reply, reauth_reply_usage_t *usage);

/* the caller with this index, less than usage->n; -1: invalid */
int reauth_reply_spent(const redisReply *reply, size_t index,
    reauth_reply_spent_t *spent);


#endif /* REAUTH_REPLY_USAGE_H */
