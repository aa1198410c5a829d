
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_reply.h"
#include "reauth_route.h"


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


/* a decimal number below "end"; -1 if it is not one */

static int
reauth_reply_number(const redisReply *reply, int64_t end, int64_t *number)
{
    size_t  i;

    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return -1;
    }

    *number = 0;

    for (i = 0; i < (size_t) reply->len; i++) {

        if (reply->str[i] < '0' || reply->str[i] > '9') {
            return -1;
        }

        *number = *number * 10 + (reply->str[i] - '0');

        if (*number >= end) {
            return -1;
        }
    }

    return 0;
}


int
reauth_reply_time(const redisReply *reply, int64_t *ms)
{
    int64_t  seconds, microseconds;

    if (!reauth_reply_is_pair(reply)
        || reauth_reply_number(reply->element[0], INT64_C(253402300800),
                               &seconds)
           != 0
        || reauth_reply_number(reply->element[1], 1000000, &microseconds) != 0)
    {
        return -1;
    }

    *ms = seconds * 1000 + microseconds / 1000;

    return 0;
}


/* the value of a name in an array of both in turn; NULL: it has none */

static const redisReply *
reauth_reply_member(const redisReply *reply, const char *name)
{
    size_t  i;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type == REDIS_REPLY_STRING
            && strcmp(reply->element[i]->str, name) == 0)
        {
            return reply->element[i + 1];
        }
    }

    return NULL;
}


static int
reauth_reply_equals(const redisReply *reply, const char *text)
{
    return reply != NULL && reply->type == REDIS_REPLY_STRING
           && strcmp(reply->str, text) == 0;
}


int
reauth_reply_hello(const redisReply *reply, reauth_reply_hello_t *hello)
{
    const redisReply  *mode, *role;

    memset(hello, 0, sizeof(reauth_reply_hello_t));

    mode = reauth_reply_member(reply, "mode");
    role = reauth_reply_member(reply, "role");

    if (mode == NULL && role == NULL) {
        return -1;
    }

    hello->known = role != NULL;
    hello->cluster = reauth_reply_equals(mode, "cluster");
    hello->sentinel = reauth_reply_equals(mode, "sentinel");
    hello->replica = reauth_reply_equals(role, "replica")
                     || reauth_reply_equals(role, "slave");

    return 0;
}


int
reauth_reply_epoch(const redisReply *reply, int64_t *epoch)
{
    const redisReply  *value;

    value = reauth_reply_member(reply, "config-epoch");

    return value == NULL
           ? -1 : reauth_reply_number(value, INT64_MAX / 10 - 1, epoch);
}


int
reauth_reply_address(const redisReply *reply, reauth_endpoint_t *place)
{
    reauth_string_t  host, port;

    if (!reauth_reply_is_pair(reply)
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    host.data = (const unsigned char *) reply->element[0]->str;
    host.len = (size_t) reply->element[0]->len;

    port.data = (const unsigned char *) reply->element[1]->str;
    port.len = (size_t) reply->element[1]->len;

    return reauth_endpoint_set(place, &host, &port);
}


static int
reauth_reply_decode(const redisReply *reply, reauth_record_t *record,
    int (*decode)(const reauth_string_t *text, reauth_record_t *record))
{
    reauth_string_t  text;

    memset(record, 0, sizeof(reauth_record_t));

    if (reply->type != REDIS_REPLY_STRING) {
        return -1;
    }

    text.data = (const unsigned char *) reply->str;
    text.len = (size_t) reply->len;

    return decode(&text, record) == 0 && reauth_record_valid(record) ? 0 : -1;
}


int
reauth_reply_record(const redisReply *reply, reauth_record_t *record)
{
    return reauth_reply_decode(reply, record, reauth_record_decode);
}


int
reauth_reply_event_record(const redisReply *reply, reauth_record_t *record)
{
    return reauth_reply_decode(reply, record, reauth_record_decode_event);
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
reauth_reply_event(const redisReply *entry, char id[REAUTH_STREAM_ID_MAX + 1],
    reauth_string_t *writer)
{
    const redisReply  *fields;

    if (!reauth_reply_is_pair(entry)) {
        return NULL;
    }

    (void) reauth_reply_text(entry->element[0], id, REAUTH_STREAM_ID_MAX);

    fields = entry->element[1];

    if (!reauth_reply_is_pair(fields)
        || fields->element[0]->type != REDIS_REPLY_STRING)
    {
        return NULL;
    }

    writer->data = (const unsigned char *) fields->element[0]->str;
    writer->len = (size_t) fields->element[0]->len;

    return fields->element[1];
}


int
reauth_reply_override(const redisReply *reply, int64_t now_ms,
    reauth_override_t *override)
{
    reauth_string_t  text;

    if (reply->type != REDIS_REPLY_STRING) {
        return -1;
    }

    text.data = (const unsigned char *) reply->str;
    text.len = (size_t) reply->len;

    return reauth_override_decode(&text, now_ms, override);
}


/* an entry whose first field is empty, and whose second one has this name */

static const redisReply *
reauth_reply_second(const redisReply *entry, const char *name,
    char id[REAUTH_STREAM_ID_MAX + 1], reauth_string_t *writer)
{
    const redisReply  *fields;

    if (!reauth_reply_is_pair(entry)) {
        return NULL;
    }

    (void) reauth_reply_text(entry->element[0], id, REAUTH_STREAM_ID_MAX);

    fields = entry->element[1];

    if (fields->type != REDIS_REPLY_ARRAY
        || fields->elements != 4
        || fields->element[0]->type != REDIS_REPLY_STRING
        || !reauth_reply_equals(fields->element[2], name))
    {
        return NULL;
    }

    writer->data = (const unsigned char *) fields->element[0]->str;
    writer->len = (size_t) fields->element[0]->len;

    return fields->element[3];
}


const redisReply *
reauth_reply_override_event(const redisReply *entry,
    char id[REAUTH_STREAM_ID_MAX + 1], reauth_string_t *writer)
{
    return reauth_reply_second(entry, "override", id, writer);
}


const redisReply *
reauth_reply_deleted_event(const redisReply *entry,
    char id[REAUTH_STREAM_ID_MAX + 1])
{
    reauth_string_t  writer;

    return reauth_reply_second(entry, "deleted", id, &writer);
}


int
reauth_reply_deleted(const redisReply *reply, reauth_record_t *record)
{
    reauth_string_t  text, id;

    memset(record, 0, sizeof(reauth_record_t));

    if (reply->type != REDIS_REPLY_STRING) {
        return -1;
    }

    text.data = (const unsigned char *) reply->str;
    text.len = (size_t) reply->len;

    if (reauth_record_decode(&text, record) != 0) {
        return -1;
    }

    id = reauth_string_from(record->account);

    return reauth_id_is_account(&id) ? 0 : -1;
}


uint64_t
reauth_reply_event_number(const redisReply *text)
{
    reauth_string_t  s;

    if (text->type != REDIS_REPLY_STRING) {
        return 0;
    }

    s.data = (const unsigned char *) text->str;
    s.len = (size_t) text->len;

    return reauth_record_event_number(&s);
}


int
reauth_reply_counter(const redisReply *reply, uint64_t *number)
{
    int64_t  n;

    n = 0;

    if (reply->type != REDIS_REPLY_NIL
        && reauth_reply_number(reply, REAUTH_EVENT_NUMBER_MAX, &n) != 0)
    {
        return -1;
    }

    *number = (uint64_t) n;

    return 0;
}


int
reauth_reply_probe(const redisReply *reply, int64_t *found, int64_t *members,
    uint64_t *number)
{
    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 3
        || reply->element[0]->type != REDIS_REPLY_INTEGER
        || reply->element[1]->type != REDIS_REPLY_INTEGER)
    {
        return -1;
    }

    *found = reply->element[0]->integer;
    *members = reply->element[1]->integer;

    /* a key of another type */

    if (reauth_reply_counter(reply->element[2], number) != 0) {
        *number = 0;
    }

    return 0;
}
