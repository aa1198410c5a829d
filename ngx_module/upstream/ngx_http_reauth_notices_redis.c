
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The stream of notices in Redis, see redis/scripts/notices.lua.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_delivery_entry.h"
#include "ngx_http_reauth_log.h"
#include "ngx_http_reauth_notices.h"
#include "ngx_http_reauth_redis.h"


/*
 * Milliseconds of a lease, and those of them in which requests are sent: less,
 * as another worker may have it as soon as it ends.
 */
#define NGX_HTTP_REAUTH_NOTICES_LEASE   "5000"
#define NGX_HTTP_REAUTH_NOTICES_LEASED  4000

/* acknowledged by one command */
#define NGX_HTTP_REAUTH_NOTICES_ACKS    64

#define NGX_HTTP_REAUTH_NOTICES_ARGS    5


typedef struct {
    u_char  lease[NGX_HTTP_REAUTH_REDIS_KEY_MAX
                  + NGX_HTTP_REAUTH_NOTIFY_URI_MAX];
    u_char  stream[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char  count[NGX_INT_T_LEN];
    u_char  from[REAUTH_DELIVERY_ID_MAX];
    u_char  acks[NGX_HTTP_REAUTH_NOTICES_ACKS][REAUTH_DELIVERY_ID_MAX];
} ngx_http_reauth_notices_text_t;


void
ngx_http_reauth_notices_lose(ngx_http_reauth_receiver_t *receiver)
{
    reauth_delivery_notice_t  *n, *next;

    receiver->held = 0;
    receiver->leased = ngx_current_msec;

    for (n = receiver->stream.first; n != NULL; n = next) {
        next = n->next;

        if (n->state == REAUTH_DELIVERY_WAITING) {
            ngx_http_reauth_notice_free(&receiver->stream,
                                        (ngx_http_reauth_notice_t *) n);
        }
    }
}


static void
ngx_http_reauth_notices_lost(ngx_http_reauth_receiver_t *receiver,
    const reauth_delivery_entry_t *entry, const char *why)
{
    ngx_str_t  skipped;

    static ngx_http_reauth_log_limit_t  limit;

    (void) ngx_atomic_fetch_add(
              &receiver->stats->results[NGX_HTTP_REAUTH_NOTICE_LOST], 1);

    if (ngx_http_reauth_log_allowed(&limit, &skipped)) {
        ngx_log_error(NGX_LOG_ERR, receiver->log, 0,
                      "redis: notice %uL-%uL for \"%V\" is not sent: %s%V",
                      entry->id.ms, entry->id.number, &receiver->notify->uri,
                      why, &skipped);
    }
}


static ngx_uint_t
ngx_http_reauth_notices_wants(ngx_http_reauth_receiver_t *receiver,
    const reauth_delivery_entry_t *entry)
{
    reauth_notice_event_t  event;

    /* one of a later version is not known */

    event = reauth_notice_parse(&entry->type);

    return event != REAUTH_NOTICE_LAST
           && reauth_notice_wants(&receiver->notify->wants, event,
                                  (unsigned) entry->told,
                                  (int64_t) entry->from_ms,
                                  (int64_t) entry->after_ms);
}


/* NGX_DECLINED: it has no ID; NGX_ERROR: no memory, it is read again */

static ngx_int_t
ngx_http_reauth_notices_add(ngx_http_reauth_receiver_t *receiver,
    const redisReply *reply)
{
    int                        rc;
    reauth_delivery_entry_t    entry;
    ngx_http_reauth_notice_t  *notice;

    rc = reauth_delivery_entry_parse(reply, &entry);

    if (rc < 0) {
        return NGX_DECLINED;
    }

    receiver->last = entry.id;

    notice = ngx_http_reauth_notice_create(receiver, &entry.account,
                                           &entry.body);
    if (notice == NULL) {

        /* read again with what is pending */

        receiver->again = 1;
        ngx_memzero(&receiver->last, sizeof(reauth_delivery_id_t));
        return NGX_ERROR;
    }

    notice->notice.id = entry.id;

    ngx_memcpy(notice->name, "msg_", sizeof("msg_") - 1);
    notice->name_len = sizeof("msg_") - 1
                       + reauth_delivery_id_text(&entry.id,
                                     notice->name + sizeof("msg_") - 1);

    if (reauth_delivery_add(&receiver->stream, &notice->notice) != 0) {

        /* it is in flight, or was delivered */

        ngx_free(notice);
        return NGX_OK;
    }

    if (rc != 0) {
        ngx_http_reauth_notices_lost(receiver, &entry, "it cannot be parsed");

    } else if (entry.deleted) {
        ngx_http_reauth_notices_lost(receiver, &entry,
                                     "it was removed from the stream");

    } else if (ngx_http_reauth_notices_wants(receiver, &entry)) {
        return NGX_OK;

    } else {
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, receiver->log, 0,
                       "reauth notices: \"%*s\" is not for \"%V\"",
                       notice->name_len, notice->name,
                       &receiver->notify->uri);
    }

    /* it is not sent, and acknowledged with the next ones */

    notice->notice.state = REAUTH_DELIVERY_DONE;

    return NGX_OK;
}


/* the command with these IDs was executed, or not */

static void
ngx_http_reauth_notices_acked(ngx_http_reauth_receiver_t *receiver,
    ngx_uint_t done)
{
    reauth_delivery_notice_t  *n, *next;
    ngx_http_reauth_notice_t  *notice;

    for (n = receiver->stream.first; n != NULL; n = next) {
        next = n->next;
        notice = (ngx_http_reauth_notice_t *) n;

        if (!notice->acking) {
            continue;
        }

        notice->acking = 0;

        if (done) {
            ngx_http_reauth_notice_free(&receiver->stream, notice);
        }
    }
}


static void
ngx_http_reauth_notices_refused(ngx_http_reauth_receiver_t *receiver,
    redisReply *reply)
{
    char  shown[NGX_HTTP_REAUTH_REDIS_SHOWN];

    ngx_http_reauth_notices_acked(receiver, 0);

    if (reply == NULL) {
        return;
    }

    /* the script may have read notices before it was refused */

    receiver->again = 1;
    ngx_memzero(&receiver->last, sizeof(reauth_delivery_id_t));

    if (receiver->refused) {
        return;
    }

    receiver->refused = 1;

    ngx_log_error(NGX_LOG_ERR, receiver->log, 0,
                  "redis: failed to read the notices for \"%V\": %s",
                  &receiver->notify->uri,
                  ngx_http_reauth_redis_shown(reply, shown));
}


static void
ngx_http_reauth_notices_read(ngx_http_reauth_receiver_t *receiver,
    redisReply *reply)
{
    size_t       i;
    ngx_int_t    rc;
    ngx_uint_t   held, read;
    redisReply  *entries;

    held = receiver->held;

    if (reply->element[0]->integer == 2 || !held) {

        /* another gateway may have delivered what is held here */

        ngx_http_reauth_notices_lose(receiver);

        ngx_log_error(NGX_LOG_INFO, receiver->log, 0,
                      "reauth: this gateway delivers notices to \"%V\"",
                      &receiver->notify->uri);

        receiver->held = 1;
        receiver->more = 1;

        if (held) {

            /* these were not read from the first one that is pending */

            receiver->again = 1;
            ngx_memzero(&receiver->last, sizeof(reauth_delivery_id_t));
            return;
        }
    }

    receiver->leased = receiver->asked + NGX_HTTP_REAUTH_NOTICES_LEASED;

    entries = reply->element[2];

    if (entries->elements) {
        ngx_log_debug4(NGX_LOG_DEBUG_HTTP, receiver->log, 0,
                       "reauth notices: %uz read for \"%V\", %s, %ui held",
                       entries->elements, &receiver->notify->uri,
                       receiver->again ? "pending ones" : "new ones",
                       (ngx_uint_t) receiver->stream.held);
    }

    read = 0;

    for (i = 0; i < entries->elements; i++) {
        rc = ngx_http_reauth_notices_add(receiver, entries->element[i]);

        if (rc == NGX_ERROR) {
            return;
        }

        read |= rc == NGX_OK;
    }

    /* entries without an ID would be read again and again */

    if (!read && receiver->again && receiver->read) {
        receiver->again = 0;
        receiver->more = 1;
        return;
    }

    receiver->more = read;
}


static void
ngx_http_reauth_notices_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_receiver_t *receiver = data;

    receiver->pending = 0;

    if (reply == NULL
        || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        ngx_http_reauth_notices_refused(receiver, reply);
        return;
    }

    ngx_http_reauth_notices_acked(receiver, 1);

    if (receiver->refused) {
        receiver->refused = 0;

        ngx_log_error(NGX_LOG_NOTICE, receiver->log, 0,
                      "redis: the notices for \"%V\" are read again",
                      &receiver->notify->uri);
    }

    if (reply->element[0]->integer == 0
        || reply->elements != 3
        || reply->element[2]->type != REDIS_REPLY_ARRAY)
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, receiver->log, 0,
                       "reauth notices: no lease of \"%V\"%s",
                       &receiver->notify->uri,
                       receiver->held ? ", it is lost" : "");

        receiver->more = 0;
        ngx_http_reauth_notices_lose(receiver);

    } else {
        ngx_http_reauth_notices_read(receiver, reply);
    }

    ngx_post_event(&receiver->event, &ngx_posted_events);
}


static ngx_str_t *
ngx_http_reauth_notices_acks(ngx_http_reauth_receiver_t *receiver,
    ngx_http_reauth_notices_text_t *text, ngx_str_t *arg)
{
    ngx_uint_t                 i;
    reauth_delivery_notice_t  *n;

    i = 0;

    for (n = receiver->stream.first;
         n != NULL && i < NGX_HTTP_REAUTH_NOTICES_ACKS;
         n = n->next)
    {
        if (n->state != REAUTH_DELIVERY_DONE) {
            continue;
        }

        ((ngx_http_reauth_notice_t *) n)->acking = 1;

        arg->data = text->acks[i];
        arg->len = reauth_delivery_id_text(&n->id, text->acks[i]);
        arg++;
        i++;
    }

    return arg;
}


void
ngx_http_reauth_notices_ask(ngx_http_reauth_receiver_t *receiver,
    ngx_uint_t end)
{
    ngx_str_t                       argv[NGX_HTTP_REAUTH_REDIS_EVAL + 2
                                         + NGX_HTTP_REAUTH_NOTICES_ARGS
                                         + NGX_HTTP_REAUTH_NOTICES_ACKS];
    ngx_str_t                      *arg, *prefix;
    ngx_http_reauth_notices_text_t  text;

    prefix = &receiver->store->redis_conf->prefix;

    if (!receiver->held) {

        /* what the one before has not delivered comes first */

        receiver->again = 1;
        ngx_memzero(&receiver->last, sizeof(reauth_delivery_id_t));
    }

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_redis_key(arg, text.lease, prefix, "notices:lease:", "");
    arg->len = ngx_cpymem(arg->data + arg->len, receiver->notify->uri.data,
                          receiver->notify->uri.len)
               - arg->data;
    arg++;

    ngx_http_reauth_redis_key(arg++, text.stream, prefix, "notices", "");

    arg->data = ngx_http_reauth_notices->holder;
    arg->len = ngx_http_reauth_notices->holder_len;
    arg++;

    if (end) {
        ngx_str_set(arg, "0");

    } else {
        ngx_str_set(arg, NGX_HTTP_REAUTH_NOTICES_LEASE);
    }

    arg++;

    *arg++ = receiver->notify->uri;

    receiver->read = receiver->stream.held < REAUTH_DELIVERY_HELD_MAX;

    arg->data = text.count;
    arg->len = ngx_sprintf(text.count, "%ui",
                           (ngx_uint_t) (REAUTH_DELIVERY_HELD_MAX
                                         - receiver->stream.held))
               - text.count;
    arg++;

    if (receiver->again) {
        arg->data = text.from;
        arg->len = reauth_delivery_id_text(&receiver->last, text.from);

    } else {
        ngx_str_set(arg, ">");
    }

    arg++;

    arg = ngx_http_reauth_notices_acks(receiver, &text, arg);

    receiver->more = 0;
    receiver->asked = ngx_current_msec;

    if (ngx_http_reauth_redis_script(receiver->store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_NOTICES, 2,
                                     arg - argv, argv,
                                     ngx_http_reauth_notices_reply, receiver)
        == NGX_OK)
    {
        receiver->pending = 1;

    } else {
        ngx_http_reauth_notices_acked(receiver, 0);
    }
}
