
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_reply_usage.h"
#include "reauth_route.h"


enum {
    REAUTH_USAGE_ID = 0,
    REAUTH_USAGE_LAST,
    REAUTH_USAGE_MORE,
    REAUTH_USAGE_CALLERS
};

/* of a caller: its name, and the numbers of reauth_spending_stored_t */
#define REAUTH_USAGE_ROW  4

/* exact in Lua */
#define REAUTH_USAGE_NUMBER_MAX  9007199254740991LL


static int
reauth_reply_usage_number(const redisReply *reply, uint64_t *number)
{
    if (reply->type != REDIS_REPLY_INTEGER
        || reply->integer < 0 || reply->integer > REAUTH_USAGE_NUMBER_MAX)
    {
        return -1;
    }

    *number = (uint64_t) reply->integer;

    return 0;
}


int
reauth_reply_usage(const redisReply *reply, reauth_reply_usage_t *usage)
{
    uint64_t           more;
    const redisReply  *id;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements < REAUTH_USAGE_CALLERS
        || (reply->elements - REAUTH_USAGE_CALLERS) % REAUTH_USAGE_ROW != 0)
    {
        return -1;
    }

    id = reply->element[REAUTH_USAGE_ID];

    if (id->type != REDIS_REPLY_STRING
        || id->len > REAUTH_USAGE_ID_MAX
        || reauth_reply_usage_number(reply->element[REAUTH_USAGE_LAST],
                                     &usage->last) != 0
        || reauth_reply_usage_number(reply->element[REAUTH_USAGE_MORE], &more)
           != 0)
    {
        return -1;
    }

    usage->id.data = (const unsigned char *) id->str;
    usage->id.len = id->len;
    usage->more = more != 0;
    usage->n = (reply->elements - REAUTH_USAGE_CALLERS) / REAUTH_USAGE_ROW;

    return 0;
}


static int
reauth_reply_usage_is_name(const redisReply *reply)
{
    size_t         i;
    unsigned char  c;

    if (reply->type != REDIS_REPLY_STRING
        || reply->len == 0 || reply->len > REAUTH_CALLER_MAX)
    {
        return 0;
    }

    for (i = 0; i < reply->len; i++) {
        c = (unsigned char) reply->str[i];

        if (!reauth_id_chars[c] && c != '.') {
            return 0;
        }
    }

    return 1;
}


int
reauth_reply_spent(const redisReply *reply, size_t index,
    reauth_reply_spent_t *spent)
{
    size_t        i;
    uint64_t      n[REAUTH_USAGE_ROW];
    redisReply  **row;

    row = &reply->element[REAUTH_USAGE_CALLERS + index * REAUTH_USAGE_ROW];

    if (!reauth_reply_usage_is_name(row[0])) {
        return -1;
    }

    for (i = 1; i < REAUTH_USAGE_ROW; i++) {
        if (reauth_reply_usage_number(row[i], &n[i]) != 0 || n[i] > SIZE_MAX) {
            return -1;
        }
    }

    spent->caller.data = (const unsigned char *) row[0]->str;
    spent->caller.len = row[0]->len;
    spent->stored.total = (size_t) n[1];
    spent->stored.own = (size_t) n[2];
    spent->stored.known = (size_t) n[3];

    return 0;
}
