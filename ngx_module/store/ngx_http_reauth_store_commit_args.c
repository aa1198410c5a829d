
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Keys and arguments of the script that writes a record.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_redis.h"


void
ngx_http_reauth_number(ngx_str_t *text, u_char *buffer, int64_t number)
{
    text->data = buffer;
    text->len = reauth_string_number((uint64_t) number, buffer);
}


/*
 * The account, the sets that list it, its new queue and those it may have been
 * in, and the kept response.
 */

static ngx_str_t *
ngx_http_reauth_commit_keys(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    u_char keys[NGX_HTTP_REAUTH_COMMIT_KEYS][NGX_HTTP_REAUTH_REDIS_KEY_MAX])
{
    ngx_str_t        *prefix;
    ngx_uint_t        class, i, n;
    reauth_string_t   account;

    account = reauth_string_from(record->account);
    prefix = &store->redis_conf->prefix;

    ngx_http_reauth_redis_key(arg++, keys[0], prefix, "a:", record->account);
    ngx_http_reauth_redis_key(arg++, keys[1], prefix, "active", "");
    ngx_http_reauth_redis_key(arg++, keys[2], prefix, "events", "");

    class = reauth_schedule_class(record);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        n = (class + i) % REAUTH_POLL_CLASSES;

        ngx_http_reauth_redis_key(arg++, keys[3 + i], prefix,
                                  ngx_http_reauth_store_queues[n], "");
    }

    ngx_http_reauth_redis_key(arg++, keys[3 + i], prefix, "seq", "");
    ngx_http_reauth_outcome_key(store, arg++, keys[4 + i], &account, 0, 1);

    return arg;
}


/*
 * The time for which Redis keeps the record; for an active one, its deadline
 * and the time of its next poll.
 */

static ngx_str_t *
ngx_http_reauth_commit_times(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    u_char times[NGX_HTTP_REAUTH_COMMIT_TIMES][REAUTH_NUMBER_MAX])
{
    ngx_http_reauth_number(arg++, times[0],
                           reauth_attempt_lifetime_ms(record) / 1000);

    if (!reauth_state_is_active(record->state)) {
        ngx_str_set(arg, "");
        arg++;
        ngx_str_set(arg, "");
        arg++;

        return arg;
    }

    ngx_http_reauth_number(arg++, times[1], record->deadline_ms);
    ngx_http_reauth_number(arg++, times[2],
                           reauth_schedule_next(&store->zone.schedule, record,
                                                ngx_http_reauth_now(),
                                                ngx_random()));

    return arg;
}


ngx_str_t *
ngx_http_reauth_commit_args(ngx_http_reauth_store_t *store,
    reauth_record_t *record, uint64_t revision, ngx_uint_t trims,
    ngx_str_t *arg, ngx_uint_t *nkeys,
    ngx_http_reauth_commit_texts_t *texts)
{
    size_t      len, event;
    uint64_t    over;
    ngx_str_t  *first;

    first = arg;

    arg = ngx_http_reauth_commit_keys(store, record, arg, texts->keys);
    arg = ngx_http_reauth_notice_keys(store, record, arg, &texts->notice);

    *nkeys = arg - first;

    if (record->missing) {

        /* it is judged again by Redis' record, which has what is missing */

        ngx_str_set(arg, "");
        arg++;

    } else {
        ngx_http_reauth_number(arg++, texts->revision,
                               (int64_t) record->revision);
    }

    arg->data = (u_char *) record->account;
    arg->len = ngx_strlen(record->account);
    arg++;

    arg = ngx_http_reauth_commit_times(store, record, arg, texts->times);

    if (trims) {
        ngx_str_set(arg, "1");

    } else {
        ngx_str_set(arg, "");
    }

    arg++;

    over = record->revision;
    record->revision = revision;

    len = reauth_record_encode(record, texts->record, &event);

    arg->data = texts->record;
    arg->len = len;
    arg++;

    ngx_http_reauth_zone_writer(&store->zone, arg++);

    arg->data = texts->event;
    arg->len = reauth_record_event(record, texts->record, len, event,
                                   texts->event);
    arg++;

    record->revision = over;

    arg = ngx_http_reauth_outcome_args(store, record, arg, texts->sealed,
                                       texts->ttl);

    return ngx_http_reauth_notice_args(store, record, arg, &texts->notice);
}
