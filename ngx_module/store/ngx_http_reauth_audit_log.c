
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A list is merged from four sources, each of them newest first: the streams in
 * Redis, and what this gateway has not written yet.  Streams are read page by
 * page, up to a bound, as few entries may match.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reply.h"
#include "ngx_http_reauth_audit_log.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_zone_audit.h"


#define NGX_HTTP_REAUTH_AUDIT_PAGE     100
#define NGX_HTTP_REAUTH_AUDIT_PAGES    24

/* the source of this gateway; those before it are streams */
#define NGX_HTTP_REAUTH_AUDIT_LOCAL    REAUTH_AUDIT_CLASSES
#define NGX_HTTP_REAUTH_AUDIT_SOURCES  (REAUTH_AUDIT_CLASSES + 1)

/* entries among which one that was written twice is found */
#define NGX_HTTP_REAUTH_AUDIT_TWICE    64


typedef struct {
    reauth_audit_t                  entry;
    ngx_http_reauth_audit_place_t   place;
} ngx_http_reauth_audit_found_t;


typedef struct {
    ngx_http_reauth_audit_found_t  *found;
    ngx_uint_t                      n;
    ngx_uint_t                      next;
    ngx_uint_t                      done;      /* there are no more */
    ngx_http_reauth_audit_place_t   last;      /* read so far */
} ngx_http_reauth_audit_source_t;


typedef struct {
    ngx_http_reauth_audit_log_t     log;       /* must be the first */
    ngx_http_reauth_store_t        *store;
    ngx_event_t                     event;
    ngx_http_reauth_audit_place_t   from;
    ngx_http_reauth_audit_source_t  sources[NGX_HTTP_REAUTH_AUDIT_SOURCES];
    ngx_uint_t                      source;    /* being read */
    ngx_uint_t                      pages;
} ngx_http_reauth_audit_read_t;


static void ngx_http_reauth_audit_log_merge(ngx_http_reauth_audit_read_t *op);


static void
ngx_http_reauth_audit_log_free(ngx_http_reauth_audit_read_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_REAUTH_AUDIT_SOURCES; i++) {
        if (op->sources[i].found != NULL) {
            ngx_free(op->sources[i].found);
        }
    }

    if (op->log.entries != NULL) {
        ngx_free(op->log.entries);
    }

    ngx_free(op);
}


static void
ngx_http_reauth_audit_log_finish(ngx_http_reauth_audit_read_t *op)
{
    if (op->log.handler) {
        ngx_qsort(op->log.entries, op->log.n, sizeof(reauth_audit_t),
                  reauth_audit_compare);

        op->log.handler(&op->log);
    }

    ngx_http_reauth_audit_log_free(op);
}


static void
ngx_http_reauth_audit_log_event(ngx_event_t *ev)
{
    ngx_http_reauth_audit_log_merge(ev->data);
}


/* whether "place" is older */

static ngx_uint_t
ngx_http_reauth_audit_log_after(const ngx_http_reauth_audit_place_t *place,
    const ngx_http_reauth_audit_place_t *other)
{
    return other->ms == 0
           || place->ms < other->ms
           || (place->ms == other->ms && place->rest < other->rest);
}


/* entries of this gateway: all of them, or those that Redis does not have */

static ngx_int_t
ngx_http_reauth_audit_log_local(ngx_http_reauth_audit_read_t *op)
{
    ngx_uint_t                       i, n, size;
    reauth_audit_class_t             kind;
    reauth_audit_t                  *entries;
    ngx_http_reauth_audit_found_t   *found;
    ngx_http_reauth_audit_source_t  *source;

    source = &op->sources[NGX_HTTP_REAUTH_AUDIT_LOCAL];
    size = ngx_http_reauth_zone_audit_size(&op->store->zone);

    /* never of 0 bytes */

    entries = ngx_alloc((REAUTH_AUDIT_CLASSES * size + 1)
                        * sizeof(reauth_audit_t), op->store->cycle->log);
    if (entries == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (kind = 0; kind < REAUTH_AUDIT_CLASSES; kind++) {
        n += ngx_http_reauth_zone_audit_read(&op->store->zone, kind,
                                             !op->log.fleet, &entries[n],
                                             size);
    }

    ngx_qsort(entries, n, sizeof(reauth_audit_t), reauth_audit_compare);

    if (source->found != NULL) {
        ngx_free(source->found);
    }

    source->n = 0;
    source->next = 0;
    source->done = 1;
    source->found = ngx_alloc((n + 1) * sizeof(ngx_http_reauth_audit_found_t),
                              op->store->cycle->log);
    if (source->found == NULL) {
        ngx_free(entries);
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        found = &source->found[source->n];

        found->entry = entries[i];
        found->place.ms = (uint64_t) entries[i].at_ms;
        found->place.rest = entries[i].number << 2
                            | NGX_HTTP_REAUTH_AUDIT_LOCAL;

        if (ngx_http_reauth_audit_log_after(&found->place, &op->from)) {
            source->n++;
        }
    }

    ngx_free(entries);

    return NGX_OK;
}


/* Redis cannot be read: the list is that of this gateway */

static void
ngx_http_reauth_audit_log_alone(ngx_http_reauth_audit_read_t *op)
{
    ngx_uint_t  i;

    op->log.fleet = 0;
    op->log.n = 0;
    op->log.place = op->from;

    for (i = 0; i < REAUTH_AUDIT_CLASSES; i++) {
        op->sources[i].n = 0;
        op->sources[i].next = 0;
        op->sources[i].done = 1;
    }

    (void) ngx_http_reauth_audit_log_local(op);

    op->event.handler = ngx_http_reauth_audit_log_event;
    op->event.data = op;
    op->event.log = op->store->cycle->log;

    ngx_post_event(&op->event, &ngx_posted_events);
}


/* an entry of a stream; one that is not readable is skipped */

static ngx_int_t
ngx_http_reauth_audit_log_entry(redisReply *reply, ngx_uint_t kind,
    ngx_http_reauth_audit_found_t *found)
{
    char               id[REAUTH_STREAM_ID_MAX + 1], *dash;
    uint64_t           rest;
    const redisReply  *text;
    reauth_string_t    writer, value;

    id[0] = '\0';
    text = reauth_reply_event(reply, id, &writer);
    dash = strchr(id, '-');

    if (dash == NULL) {
        return NGX_DECLINED;
    }

    value.data = (u_char *) id;
    value.len = dash - id;

    if (reauth_string_parse_number(&value, &found->place.ms) != 0) {
        return NGX_DECLINED;
    }

    value = reauth_string_from(dash + 1);

    if (reauth_string_parse_number(&value, &rest) != 0) {
        return NGX_DECLINED;
    }

    found->place.rest = rest << 2 | kind;

    found->entry.at_ms = 0;

    if (text != NULL && text->type == REDIS_REPLY_STRING) {
        value.data = (u_char *) text->str;
        value.len = text->len;

        if (reauth_audit_decode(&value, &found->entry) != 0) {
            found->entry.at_ms = 0;
        }
    }

    found->entry.kind = (uint8_t) kind;

    return NGX_OK;
}


static void
ngx_http_reauth_audit_log_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_audit_read_t *op = data;

    char                             shown[NGX_HTTP_REAUTH_REDIS_SHOWN];
    size_t                           i;
    ngx_http_reauth_audit_found_t   *found;
    ngx_http_reauth_audit_source_t  *source;

    if (op->log.handler == NULL) {
        ngx_http_reauth_audit_log_finish(op);
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {

        if (reply != NULL) {
            ngx_log_error(NGX_LOG_ERR, op->store->cycle->log, 0,
                          "redis: failed to read the audit log \"%s\": %s",
                          reauth_audit_class_names[op->source],
                          ngx_http_reauth_redis_shown(reply, shown));
        }

        ngx_http_reauth_audit_log_alone(op);
        return;
    }

    source = &op->sources[op->source];
    source->n = 0;
    source->next = 0;
    source->done = reply->elements < NGX_HTTP_REAUTH_AUDIT_PAGE;

    for (i = 0; i < reply->elements && i < NGX_HTTP_REAUTH_AUDIT_PAGE; i++) {
        found = &source->found[source->n];

        /* the last one of the previous page is read again */

        if (ngx_http_reauth_audit_log_entry(reply->element[i], op->source,
                                            found)
            == NGX_OK
            && ngx_http_reauth_audit_log_after(&found->place, &source->last))
        {
            source->last = found->place;
            source->n++;
        }
    }

    if (source->n == 0) {
        source->done = 1;
    }

    ngx_http_reauth_audit_log_merge(op);
}


static void
ngx_http_reauth_audit_log_page(ngx_http_reauth_audit_read_t *op)
{
    u_char                           key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char                           count[NGX_INT_T_LEN];
    u_char                           last[2 * NGX_INT64_LEN + 1];
    ngx_str_t                        argv[6];
    ngx_http_reauth_audit_source_t  *source;

    source = &op->sources[op->source];

    ngx_str_set(&argv[0], "XREVRANGE");

    ngx_http_reauth_redis_key(&argv[1], key, &op->store->redis_conf->prefix,
                              "audit:", reauth_audit_class_names[op->source]);

    argv[2].data = last;
    argv[2].len = (source->last.ms == 0
                   ? ngx_sprintf(last, "+")
                   : ngx_sprintf(last, "%uL-%uL", source->last.ms,
                                 source->last.rest >> 2))
                  - last;

    ngx_str_set(&argv[3], "-");
    ngx_str_set(&argv[4], "COUNT");

    argv[5].data = count;
    argv[5].len = ngx_sprintf(count, "%d", NGX_HTTP_REAUTH_AUDIT_PAGE) - count;

    if (!ngx_http_reauth_store_connected(op->store)
        || ngx_http_reauth_redis_command(op->store->redis, 6, argv, 0,
                                         ngx_http_reauth_audit_log_reply, op)
           != NGX_OK)
    {
        ngx_http_reauth_audit_log_alone(op);
    }
}


/* whether the entry is a copy of one that was just listed */

static ngx_uint_t
ngx_http_reauth_audit_log_twice(ngx_http_reauth_audit_read_t *op,
    const reauth_audit_t *entry)
{
    ngx_uint_t             i;
    const reauth_audit_t  *other;

    for (i = 0; i < op->log.n && i < NGX_HTTP_REAUTH_AUDIT_TWICE; i++) {
        other = &op->log.entries[op->log.n - 1 - i];

        if (other->number == entry->number) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_reauth_audit_log_merge(ngx_http_reauth_audit_read_t *op)
{
    ngx_uint_t                       i;
    ngx_http_reauth_audit_found_t   *found, *first;
    ngx_http_reauth_audit_source_t  *source, *newest;

    while (op->log.handler != NULL && op->log.n < op->log.limit) {

        first = NULL;
        newest = NULL;

        for (i = 0; i < NGX_HTTP_REAUTH_AUDIT_SOURCES; i++) {
            source = &op->sources[i];

            if (source->next == source->n) {

                if (source->done) {
                    continue;
                }

                if (op->pages++ == NGX_HTTP_REAUTH_AUDIT_PAGES) {
                    ngx_http_reauth_audit_log_finish(op);
                    return;
                }

                op->source = i;
                ngx_http_reauth_audit_log_page(op);
                return;
            }

            found = &source->found[source->next];

            if (first == NULL
                || ngx_http_reauth_audit_log_after(&first->place,
                                                   &found->place))
            {
                first = found;
                newest = source;
            }
        }

        if (first == NULL) {
            op->log.done = 1;
            break;
        }

        newest->next++;
        op->log.place = first->place;

        if (first->entry.at_ms != 0
            && op->log.sees(&first->entry, op->log.data)
            && !ngx_http_reauth_audit_log_twice(op, &first->entry))
        {
            op->log.entries[op->log.n++] = first->entry;
        }
    }

    ngx_http_reauth_audit_log_finish(op);
}


static ngx_int_t
ngx_http_reauth_audit_log_sources(ngx_http_reauth_audit_read_t *op)
{
    ngx_uint_t                       i;
    ngx_http_reauth_audit_source_t  *source;

    for (i = 0; i < REAUTH_AUDIT_CLASSES; i++) {
        source = &op->sources[i];

        source->last = op->from;
        source->found = ngx_alloc(NGX_HTTP_REAUTH_AUDIT_PAGE
                                  * sizeof(ngx_http_reauth_audit_found_t),
                                  op->store->cycle->log);
        if (source->found == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_reauth_audit_log_local(op);
}


ngx_http_reauth_audit_log_t *
ngx_http_reauth_audit_log_read(ngx_http_reauth_store_t *store,
    const ngx_http_reauth_audit_log_t *asked)
{
    ngx_http_reauth_audit_read_t  *op;

    op = ngx_calloc(sizeof(ngx_http_reauth_audit_read_t), store->cycle->log);
    if (op == NULL) {
        return NULL;
    }

    op->log.sees = asked->sees;
    op->log.data = asked->data;
    op->log.limit = asked->limit;
    op->log.place = asked->place;
    op->log.fleet = ngx_http_reauth_store_connected(store);
    op->store = store;
    op->from = asked->place;

    op->log.entries = ngx_alloc(asked->limit * sizeof(reauth_audit_t),
                                store->cycle->log);

    if (op->log.entries == NULL
        || ngx_http_reauth_audit_log_sources(op) != NGX_OK)
    {
        ngx_http_reauth_audit_log_free(op);
        return NULL;
    }

    op->log.handler = asked->handler;

    if (op->log.fleet) {
        op->pages++;
        ngx_http_reauth_audit_log_page(op);

    } else {
        ngx_http_reauth_audit_log_alone(op);
    }

    return &op->log;
}


void
ngx_http_reauth_audit_log_detach(ngx_http_reauth_audit_log_t *log)
{
    log->handler = NULL;
}
