
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_reply.h"


#if (HIREDIS_MAJOR > 0)
typedef size_t  reauth_reply_elements_t;
#else
typedef int     reauth_reply_elements_t;
#endif


static redisReplyObjectFunctions  reauth_reply_defaults;
static redisReplyObjectFunctions  reauth_reply_bounded;


static void *
reauth_reply_create_array(const redisReadTask *task,
    reauth_reply_elements_t elements)
{
    if (elements > REAUTH_REPLY_ELEMENTS_MAX) {
        return NULL;
    }

    return reauth_reply_defaults.createArray(task, elements);
}


redisReader *
reauth_reply_reader(void)
{
    redisReader  *reader;

    reader = redisReaderCreate();

    if (reader == NULL) {
        return NULL;
    }

    reauth_reply_defaults = *reader->fn;
    reauth_reply_bounded = reauth_reply_defaults;
    reauth_reply_bounded.createArray = reauth_reply_create_array;

    reader->fn = &reauth_reply_bounded;

    return reader;
}


static int
reauth_reply_text(const redisReply *reply, char *text, size_t max)
{
    if (reply->type != REDIS_REPLY_STRING || (size_t) reply->len > max) {
        return -1;
    }

    memcpy(text, reply->str, (size_t) reply->len);
    text[reply->len] = '\0';

    return 0;
}


static int
reauth_reply_is_pair(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
}


int
reauth_reply_record(redisReply **elements, size_t n, reauth_record_t *record)
{
    int              rc;
    size_t           i;
    reauth_string_t  name, value;

    memset(record, 0, sizeof(reauth_record_t));

    for (i = 0; i + 1 < n; i += 2) {

        if (elements[i]->type != REDIS_REPLY_STRING
            || elements[i + 1]->type != REDIS_REPLY_STRING)
        {
            return -1;
        }

        name.data = (const unsigned char *) elements[i]->str;
        name.len = (size_t) elements[i]->len;
        value.data = (const unsigned char *) elements[i + 1]->str;
        value.len = (size_t) elements[i + 1]->len;

        if (reauth_string_equals(&name, "record")) {
            rc = reauth_record_decode(&value, record);

        } else if (reauth_string_equals(&name, "revision")) {
            rc = reauth_record_set(record, &name, &value);

        } else {
            rc = 0;
        }

        if (rc != 0) {
            return -1;
        }
    }

    return reauth_record_valid(record) ? 0 : -1;
}


const redisReply *
reauth_reply_page(const redisReply *reply, char cursor[REAUTH_CURSOR_MAX + 1])
{
    if (!reauth_reply_is_pair(reply)
        || reply->element[1]->type != REDIS_REPLY_ARRAY
        || reauth_reply_text(reply->element[0], cursor, REAUTH_CURSOR_MAX)
           != 0)
    {
        return NULL;
    }

    return reply->element[1];
}


const redisReply *
reauth_reply_entries(const redisReply *reply)
{
    const redisReply  *stream;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) {
        return NULL;
    }

    stream = reply->element[0];

    if (!reauth_reply_is_pair(stream)
        || stream->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return NULL;
    }

    return stream->element[1];
}


const redisReply *
reauth_reply_entry(const redisReply *entry, char id[REAUTH_STREAM_ID_MAX + 1])
{
    if (!reauth_reply_is_pair(entry)) {
        return NULL;
    }

    (void) reauth_reply_text(entry->element[0], id, REAUTH_STREAM_ID_MAX);

    return entry->element[1]->type == REDIS_REPLY_ARRAY ? entry->element[1]
                                                        : NULL;
}
