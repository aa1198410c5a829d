
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_delivery_entry.h"


static int
reauth_delivery_entry_field(const redisReply *name, const redisReply *value,
    reauth_delivery_entry_t *entry)
{
    size_t           i;
    reauth_string_t  s, text;

    const struct {
        const char       *name;
        reauth_string_t  *field;
        uint64_t         *number;
    } fields[] = {
        { "type", &entry->type, NULL },
        { "account", &entry->account, NULL },
        { "body", &entry->body, NULL },
        { "told", NULL, &entry->told },
        { "from", NULL, &entry->from_ms },
        { "after", NULL, &entry->after_ms }
    };

    if (name->type != REDIS_REPLY_STRING
        || value->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    s.data = (const unsigned char *) name->str;
    s.len = name->len;

    text.data = (const unsigned char *) value->str;
    text.len = value->len;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        if (!reauth_string_equals(&s, fields[i].name)) {
            continue;
        }

        if (fields[i].field == NULL) {
            return reauth_string_parse_number(&text, fields[i].number);
        }

        *fields[i].field = text;
    }

    return 0;
}


int
reauth_delivery_entry_parse(const redisReply *reply,
    reauth_delivery_entry_t *entry)
{
    size_t             i;
    reauth_string_t    id;
    const redisReply  *fields;

    static const reauth_string_t  none = reauth_string("");

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    id.data = (const unsigned char *) reply->element[0]->str;
    id.len = reply->element[0]->len;

    if (reauth_delivery_id_parse(&id, &entry->id) != 0) {
        return -1;
    }

    entry->type = none;
    entry->account = none;
    entry->body = none;
    entry->told = 0;
    entry->from_ms = 0;
    entry->after_ms = 0;

    fields = reply->element[1];
    entry->deleted = fields->type == REDIS_REPLY_NIL;

    if (entry->deleted) {
        return 0;
    }

    if (fields->type != REDIS_REPLY_ARRAY || fields->elements % 2 != 0) {
        return 1;
    }

    for (i = 0; i < fields->elements; i += 2) {
        if (reauth_delivery_entry_field(fields->element[i],
                                        fields->element[i + 1], entry)
            != 0)
        {
            return 1;
        }
    }

    return entry->type.len == 0
           || entry->body.len == 0
           || entry->body.len > REAUTH_DELIVERY_BODY_MAX
           || entry->account.len > REAUTH_ACCOUNT_MAX
           || memchr(entry->account.data, '\0', entry->account.len) != NULL;
}
