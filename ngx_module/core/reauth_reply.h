
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Parses replies of Redis, as returned by hiredis.  The server may be any, so
 * their shape is checked completely.
 */


#ifndef REAUTH_REPLY_H
#define REAUTH_REPLY_H


#include <hiredis/hiredis.h>

#include "reauth_override.h"
#include "reauth_record.h"
#include "reauth_seek.h"


/* a cursor of ZSCAN: 64 bits, unsigned, in decimal */
#define REAUTH_CURSOR_MAX      20

/* an entry of a stream: two such numbers */
#define REAUTH_STREAM_ID_MAX   41


/* elements of an array; pages have some hundreds */
#define REAUTH_REPLY_ELEMENTS_MAX   65536

/* bytes of an idle reader's buffer that are kept */
#define REAUTH_REPLY_BUFFER         262144


/*
 * Creates a reader of hiredis with a limit for arrays, which it allocates
 * before their elements are received: a larger array is a protocol error.
 * NULL: no memory.
 */
redisReader *reauth_reply_reader(void);

/* frees a reply of such a reader, even after the reader was freed */
void reauth_reply_free(void *reply);

/* the override of a reply; 0, or -1 if the reply is not one */
int reauth_reply_override(const redisReply *reply, int64_t now_ms,
    reauth_override_t *override);

/* 0, or -1 if the reply is not the text of a record */
int reauth_reply_record(const redisReply *reply, reauth_record_t *record);

/* the same for that of an event, see reauth_record_decode_event() */
int reauth_reply_event_record(const redisReply *reply,
    reauth_record_t *record);

/*
 * The time of a reply to TIME, in milliseconds.  Returns -1 if the reply is not
 * one or the year is not from 1970 to 9999.
 */
int reauth_reply_time(const redisReply *reply, int64_t *ms);

/* what a server says of itself */

typedef struct {
    unsigned   known;                  /* it has answered */
    unsigned   replica;
    unsigned   cluster;
    unsigned   sentinel;
} reauth_reply_hello_t;

/* the reply to HELLO; -1: it is not one */
int reauth_reply_hello(const redisReply *reply, reauth_reply_hello_t *hello);

/* the configuration epoch in a reply to SENTINEL MASTER; -1: it has none */
int reauth_reply_epoch(const redisReply *reply, int64_t *epoch);

/* a reply to SENTINEL GET-MASTER-ADDR-BY-NAME; -1: it is not one */
int reauth_reply_address(const redisReply *reply, reauth_endpoint_t *place);

/* a page of ZSCAN, alternating members and scores; NULL: invalid */
const redisReply *reauth_reply_page(const redisReply *reply,
    char cursor[REAUTH_CURSOR_MAX + 1]);

/* the entries in a reply of XREAD for one stream; NULL: none */
const redisReply *reauth_reply_entries(const redisReply *reply);

/*
 * An entry has one field: the writer's name and the record.  Returns the
 * record, or NULL; "id" is set if the entry has an ID.
 */
const redisReply *reauth_reply_event(const redisReply *entry,
    char id[REAUTH_STREAM_ID_MAX + 1], reauth_string_t *writer);

/*
 * The same for an event of an override, which has a second field; NULL for
 * all other events.  reauth_reply_event() returns NULL for such an event,
 * also in gateways of earlier versions.
 */
const redisReply *reauth_reply_override_event(const redisReply *entry,
    char id[REAUTH_STREAM_ID_MAX + 1], reauth_string_t *writer);

/* the same for an event about a deleted record; returns its text */
const redisReply *reauth_reply_deleted_event(const redisReply *entry,
    char id[REAUTH_STREAM_ID_MAX + 1]);

/* the text of such an event: a record with the account only; or -1 */
int reauth_reply_deleted(const redisReply *reply, reauth_record_t *record);

/* the number of the event with this record; 0: none, an earlier version's */
uint64_t reauth_reply_event_number(const redisReply *text);

/* the counter of events, 0 if not set; returns -1 if it is not a number */
int reauth_reply_counter(const redisReply *reply, uint64_t *number);

/*
 * The reply to a probe: what was found, the number of active accounts, -1 if
 * Redis does not report it, and the counter of events.  Returns -1 if it is not
 * such a reply.
 */
int reauth_reply_probe(const redisReply *reply, int64_t *found,
    int64_t *members, uint64_t *number);


#endif /* REAUTH_REPLY_H */
