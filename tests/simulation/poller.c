
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the gateway's own poller does with the zone and the store: it leases
 * polls that are due, pauses, and reads the list of accounts.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "reauth_backoff.h"
#include "reauth_list.h"
#include "reauth_poll.h"
#include "ngx_http_reauth_redis.h"

#include "poller.h"


static ngx_http_reauth_store_t  *store;
static const worker_conf_t      *conf;


/* what ngx_http_reauth_lists.c keeps of a list */

typedef struct {
    const worker_list_t       *list;
    ngx_http_reauth_moment_t   sent;
} poller_reading_t;


void
poller_init(ngx_http_reauth_store_t *of, const worker_conf_t *by)
{
    store = of;
    conf = by;
}


/* as ngx_http_reauth_poller_rest() */

static void
poller_rest(int64_t ms)
{
    ms = ngx_min(ms, REAUTH_BACKOFF_WAIT_MAX_MS);

    if (ms > ngx_http_reauth_zone_paused(&store->zone)) {
        ngx_http_reauth_zone_set_paused(&store->zone, ms);
    }
}


/* as ngx_http_reauth_poller_leased() */

static void
poller_leased(redisReply *reply, void *data)
{
    size_t           i;
    reauth_string_t  account;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_reauth_store_refused(store, NGX_HTTP_REAUTH_REFUSED_LEASE,
                                      reply, "polls are not shared");
        return;
    }

    ngx_http_reauth_store_accepted(store, NGX_HTTP_REAUTH_REFUSED_LEASE);

    if (reply->type == REDIS_REPLY_INTEGER) {
        poller_rest(reply->integer);
        return;
    }

    for (i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        account.data = (u_char *) reply->element[i]->str;
        account.len = reply->element[i]->len;

        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        if (account.len != 0 && account.data[0] == '-') {
            account.data++;
            account.len--;

            ngx_http_reauth_store_deleted(store, &account);
            continue;
        }

        if (account.len != 0 && account.data[0] == '+') {
            continue;
        }

        if (ngx_http_reauth_zone_paused(&store->zone) > 0) {
            ngx_http_reauth_store_poll_at(store, &account,
                                          ngx_http_reauth_now(), 1);
            continue;
        }

        conf->world->leased(conf->self, (char *) account.data, account.len);
    }
}


/* the others are told from now on, if Redis has it */

static void
poller_paused(redisReply *reply, void *data)
{
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR) {
        conf->world->paused(conf->self, (int64_t) (intptr_t) data);
    }

    poller_leased(reply, data);
}


static void
poller_script(int64_t rest_ms)
{
    u_char      rest[NGX_INT64_LEN];
    ngx_uint_t  i;
    ngx_str_t   argv[NGX_HTTP_REAUTH_REDIS_EVAL + 12], *arg;

    static const char  *texts[] = {
        "{reauth}:due", "{reauth}:rate", "{reauth}:pause", "{reauth}:active",
        "{reauth}:due:person", "{reauth}:due:last", "{reauth}:a:",
        "16", "20000", "600", "50"
    };

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    for (i = 0; i < 11; i++, arg++) {
        arg->data = (u_char *) texts[i];
        arg->len = ngx_strlen(texts[i]);
    }

    arg->data = rest;
    arg->len = ngx_sprintf(rest, "%L", rest_ms) - rest;
    arg++;

    (void) ngx_http_reauth_redis_script(store->redis,
                                        NGX_HTTP_REAUTH_SCRIPT_LEASE, 7,
                                        arg - argv, argv,
                                        rest_ms ? poller_paused
                                                : poller_leased,
                                        (void *) (intptr_t) rest_ms);
}


void
poller_lease(void)
{
    if (ngx_http_reauth_zone_paused(&store->zone) <= 0) {
        poller_script(0);
    }
}


/* as ngx_http_reauth_poll_done() and ngx_http_reauth_backoff() */

void
poller_failed(const char *name, const reauth_record_t *asked, unsigned status,
    int64_t retry_after_ms)
{
    int64_t                   now_ms, next_ms;
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_string_t           account;
    reauth_backoff_t          response;
    reauth_backoff_verdict_t  verdict;

    account = reauth_string_from(name);
    now_ms = ngx_http_reauth_now();

    response.status = status;
    response.code = 0;
    response.retry_after_ms = retry_after_ms;
    response.limit = -1;
    response.remaining = -1;

    reauth_backoff_judge(&response, &verdict);

    if (verdict.pause_ms > ngx_http_reauth_zone_paused(&store->zone)) {
        poller_rest(verdict.pause_ms);
        poller_script(verdict.pause_ms);
    }

    reauth_poll_failed_fact(asked, reauth_backoff_error(verdict.outcome,
                                                        status),
                            status, now_ms, &fact);
    fact.lost = verdict.outcome == REAUTH_POLL_LOST;

    (void) ngx_http_reauth_store_advance(store, &account, &fact, NULL, NULL);

    if (ngx_http_reauth_zone_find(&store->zone, &account, &record) == NGX_OK
        && reauth_state_is_active(record.state))
    {
        next_ms = reauth_schedule_next(&store->zone.schedule, &record, now_ms,
                                       ngx_random());
        next_ms = ngx_max(next_ms, now_ms + verdict.wait_ms);

        ngx_http_reauth_store_poll_at(store, &account, next_ms, 1);
    }
}


/* 1: attempts wait for a list, which is requested now */

int
poller_list(worker_list_t *list)
{
    if (ngx_http_reauth_zone_waiting(&store->zone) == 0
        || ngx_http_reauth_zone_paused(&store->zone) > 0)
    {
        return 0;
    }

    list->number = ngx_http_reauth_zone_list_begin(&store->zone);
    list->sent = ngx_http_reauth_monotonic();
    list->asked_ms = ngx_http_reauth_now();

    return 1;
}


/* as ngx_http_reauth_list_advance() */

static void
poller_list_advance(const poller_reading_t *reading,
    const reauth_string_t *account, const reauth_record_t *record,
    const reauth_account_status_t *status)
{
    reauth_fact_t  fact;

    if (reauth_list_fact(record, status,
                         ngx_http_reauth_moment_ms(&reading->sent),
                         ngx_http_reauth_now(), &fact)
        || reauth_list_tell(record, status, &fact))
    {
        (void) ngx_http_reauth_store_advance(store, account, &fact, NULL,
                                             NULL);
    }
}


/* as ngx_http_reauth_list_entry() */

static int
poller_list_entry(void *data, const reauth_string_t *account,
    const reauth_account_status_t *status)
{
    poller_reading_t *reading = data;

    reauth_record_t  record;

    if (ngx_http_reauth_zone_in_list(&store->zone, account,
                                     reading->list->number, &record)
        == NGX_OK)
    {
        poller_list_advance(reading, account, &record, status);
    }

    return 0;
}


/* as ngx_http_reauth_list_unlisted(), or ngx_http_reauth_list_failed() */

static void
poller_list_rest(const poller_reading_t *reading, reauth_poll_error_t error,
    unsigned status)
{
    ngx_uint_t       index;
    reauth_fact_t    fact;
    reauth_record_t  record;
    reauth_string_t  account;

    index = 0;

    while (ngx_http_reauth_zone_next_unlisted(&store->zone,
                                              reading->list->number, &index,
                                              &record)
           == NGX_OK)
    {
        account = reauth_string_from(record.account);

        if (error == REAUTH_POLL_ERROR_NONE) {
            poller_list_advance(reading, &account, &record, NULL);
            continue;
        }

        reauth_poll_failed_fact(&record, error, status, ngx_http_reauth_now(),
                                &fact);

        if (reauth_poll_is_news(&record, &fact)) {
            (void) ngx_http_reauth_store_advance(store, &account, &fact, NULL,
                                                 NULL);
        }
    }
}


/* as ngx_http_reauth_list_done(); "whole": the connection was not closed */

void
poller_listed(const worker_list_t *list, unsigned status, const char *body,
    size_t len, int whole)
{
    size_t              half;
    reauth_unread_t     why;
    poller_reading_t    reading;
    reauth_accounts_t   accounts;

    reading.list = list;
    reading.sent.monotonic_ms = list->sent;
    reading.sent.ms = list->asked_ms;

    if (status != 200) {
        poller_list_rest(&reading, REAUTH_POLL_ERROR_HTTP, status);
        return;
    }

    reauth_accounts_init(&accounts, poller_list_entry, &reading);

    half = len / 2;

    (void) reauth_accounts_feed(&accounts, (u_char *) body, half);
    (void) reauth_accounts_feed(&accounts, (u_char *) body + half, len - half);

    if (!whole) {
        poller_list_rest(&reading, REAUTH_POLL_ERROR_NO_RESPONSE, 0);
        return;
    }

    poller_list_rest(&reading,
                     reauth_accounts_end(&accounts, &why) == 0
                     ? REAUTH_POLL_ERROR_NONE
                     : REAUTH_POLL_ERROR_UNREADABLE, 200);
}
