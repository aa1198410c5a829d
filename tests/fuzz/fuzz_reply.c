
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: what a Redis server sends, which hiredis' reader gets in two pieces.
 * Each reply is parsed as the reply to every command that the module sends.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_active.h"
#include "reauth_delivery_entry.h"
#include "reauth_reply.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_text(const char *text, size_t max)
{
    if (memchr(text, '\0', max + 1) == NULL) {
        abort();
    }
}


static void
check_record(const redisReply *reply)
{
    reauth_record_t  record;

    if (reauth_reply_record(reply, &record) != 0) {
        return;
    }

    if (!reauth_record_valid(&record)) {
        abort();
    }

    check_text(record.account, REAUTH_ACCOUNT_MAX);
    check_text(record.attempt, REAUTH_ATTEMPT_MAX);
    check_text(record.error_code, REAUTH_ERROR_CODE_MAX);
    check_text(record.error_message, REAUTH_ERROR_MESSAGE_MAX);
}


static void
check_entry(const redisReply *entry)
{
    char               id[REAUTH_STREAM_ID_MAX + 1];
    reauth_record_t    deleted;
    reauth_string_t    writer;
    const redisReply  *record;

    id[0] = '\0';
    record = reauth_reply_event(entry, id, &writer);

    check_text(id, REAUTH_STREAM_ID_MAX);

    if (record != NULL) {
        (void) reauth_string_equals(&writer, "none");
        check_record(record);
    }

    record = reauth_reply_deleted_event(entry, id);

    if (record != NULL && reauth_reply_deleted(record, &deleted) == 0) {
        check_text(deleted.account, REAUTH_ACCOUNT_MAX);
    }
}


static void
check_notice(const redisReply *reply)
{
    unsigned char            text[REAUTH_DELIVERY_ID_MAX];
    reauth_delivery_entry_t  entry;

    switch (reauth_delivery_entry_parse(reply, &entry)) {

    case 0:
        if (entry.account.len > REAUTH_ACCOUNT_MAX
            || entry.body.len > REAUTH_DELIVERY_BODY_MAX
            || (entry.body.len == 0) != entry.deleted)
        {
            abort();
        }

        /* fall through */

    case 1:
        (void) reauth_delivery_id_text(&entry.id, text);
        break;

    default:
        break;
    }
}


static void
check_entries(const redisReply *entries)
{
    size_t  i;

    for (i = 0; i < entries->elements; i++) {
        check_entry(entries->element[i]);
        check_notice(entries->element[i]);
    }
}


/* what a server, a Sentinel or a redirection says of places */

static void
check_place(const redisReply *reply)
{
    int64_t                 epoch;
    reauth_endpoint_t       place;
    reauth_string_t         error;
    reauth_reply_hello_t    hello;

    (void) reauth_reply_hello(reply, &hello);

    if (reauth_reply_epoch(reply, &epoch) == 0 && epoch < 0) {
        abort();
    }

    if (reauth_reply_address(reply, &place) == 0) {
        check_text(place.host, REAUTH_SEEK_HOST_MAX);

        if (place.port == 0 || place.port > 65535) {
            abort();
        }
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        return;
    }

    error.data = (const unsigned char *) reply->str;
    error.len = (size_t) reply->len;

    if (reauth_endpoint_parse(&place, &error, "MOVED", "127.0.0.1") == 0) {
        check_text(place.host, REAUTH_SEEK_HOST_MAX);
    }
}


static void
check_probe(const redisReply *reply)
{
    int64_t   found, members;
    uint64_t  number;

    if (reauth_reply_probe(reply, &found, &members, &number) == 0
        && number > (uint64_t) REAUTH_EVENT_NUMBER_MAX)
    {
        abort();
    }
}


static void
check_page(const redisReply *reply, unsigned scan)
{
    size_t             first;
    reauth_active_t    active;
    const redisReply  *page;

    reauth_active_begin(&active);
    active.scan = scan;

    /* twice: the second time, members of the last score are known */

    page = reauth_active_page(&active, reply, &first);

    if (page != NULL) {
        check_text(active.cursor, REAUTH_CURSOR_MAX);
        check_text(active.score, REAUTH_SCORE_MAX);

        page = reauth_active_page(&active, reply, &first);
    }

    if (page != NULL && first > page->elements) {
        abort();
    }
}


static void
check_reply(const redisReply *reply)
{
    const redisReply  *entries;

    check_page(reply, 0);
    check_page(reply, 1);

    entries = reauth_reply_entries(reply);

    if (entries != NULL) {
        check_entries(entries);
    }

    check_entry(reply);
    check_notice(reply);
    check_record(reply);
    check_place(reply);
    check_probe(reply);

    if (reply->type == REDIS_REPLY_ARRAY) {
        check_entries(reply);
    }
}


/* 0, or -1 if these are not replies */

static int
read_replies(redisReader *reader)
{
    void  *reply;

    for ( ;; ) {
        reply = NULL;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            return -1;
        }

        if (reply == NULL) {
            return 0;
        }

        check_reply(reply);
        reauth_reply_free(reply);
    }
}


/* the first byte is the length of the first piece */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        first;
    redisReader  *reader;

    if (size == 0) {
        return 0;
    }

    reader = reauth_reply_reader();

    if (reader == NULL) {
        return 0;
    }

    first = data[0];
    data++;
    size--;

    if (first > size) {
        first = size;
    }

    if (redisReaderFeed(reader, (const char *) data, first) == REDIS_OK
        && read_replies(reader) == 0
        && redisReaderFeed(reader, (const char *) data + first, size - first)
           == REDIS_OK)
    {
        (void) read_replies(reader);
    }

    redisReaderFree(reader);

    return 0;
}
