
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A notice in the stream of Redis.
 */


#ifndef REAUTH_DELIVERY_ENTRY_H
#define REAUTH_DELIVERY_ENTRY_H


#include <hiredis/hiredis.h>

#include "reauth_delivery.h"


typedef struct {
    reauth_delivery_id_t  id;
    unsigned              deleted;     /* the stream was trimmed meanwhile */
    reauth_string_t       type;
    reauth_string_t       account;
    reauth_string_t       body;
    uint64_t              told;        /* see reauth_notice_wants(); or 0 */
    uint64_t              from_ms;
    uint64_t              after_ms;
} reauth_delivery_entry_t;


/*
 * An entry of a reply: its ID, and a list of fields with "type", "account",
 * "body" and numbers, or nothing if it was deleted.  Returns -1 without an ID,
 * 1 if it is not a notice (only the ID is valid), 0 otherwise.
 */
int reauth_delivery_entry_parse(const redisReply *reply,
    reauth_delivery_entry_t *entry);


#endif /* REAUTH_DELIVERY_ENTRY_H */
