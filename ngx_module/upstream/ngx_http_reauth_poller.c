
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines which polls are due and when this gateway sends them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_poller.h"
#include "ngx_http_reauth_heal.h"
#include "ngx_http_reauth_lists.h"
#include "ngx_http_reauth_redis.h"


#define NGX_HTTP_REAUTH_POLLER_STEP     200

/* concurrent polls of a gateway: each uses one of worker_connections */
#define NGX_HTTP_REAUTH_POLLS_MAX       16

/* burst, in seconds of the rate */
#define NGX_HTTP_REAUTH_BURST           5

/* ms until Redis is asked again for what it has refused */
#define NGX_HTTP_REAUTH_LEASE_AGAIN     5000

/* ms at least for which a new clerk waits for Redis */
#define NGX_HTTP_REAUTH_POLLER_ALONE    2000


/* the reason why polls that are due are not sent in this step */

static void
ngx_http_reauth_poller_left(ngx_http_reauth_poller_t *poller,
    const reauth_poll_backlog_t *backlog)
{
    ngx_uint_t  i, due;

    ngx_http_reauth_zone_set_backlog(&poller->store->zone, backlog);

    due = 0;

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        due += backlog->due[i];
    }

    if (due) {
        ngx_http_reauth_zone_count_n(&poller->store->zone,
            poller->npolls >= NGX_HTTP_REAUTH_POLLS_MAX
            ? NGX_HTTP_REAUTH_COUNT_THROTTLED_CONCURRENCY
            : NGX_HTTP_REAUTH_COUNT_THROTTLED_RATE,
            NGX_HTTP_REAUTH_POLLER_STEP);
    }
}


/* the numbers at the end of a reply: due and lag of each class */

static void
ngx_http_reauth_poller_backlog(ngx_http_reauth_poller_t *poller,
    redisReply *reply)
{
    size_t                  i, n;
    redisReply            **number;
    reauth_poll_backlog_t   backlog;

    n = 2 * REAUTH_POLL_CLASSES;

    if (reply->elements < n) {
        return;
    }

    number = &reply->element[reply->elements - n];

    for (i = 0; i < n; i++) {
        if (number[i]->type != REDIS_REPLY_INTEGER || number[i]->integer < 0) {
            return;
        }
    }

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        backlog.due[i] = (unsigned) ngx_min(number[2 * i]->integer,
                                            REAUTH_POLL_DUE_MAX);
        backlog.lag_ms[i] = reauth_schedule_lag(number[2 * i + 1]->integer);
    }

    ngx_http_reauth_poller_left(poller, &backlog);
}


static void
ngx_http_reauth_poller_take(ngx_http_reauth_poller_t *poller,
    const reauth_string_t *account)
{
    if (ngx_http_reauth_zone_paused(&poller->store->zone) > 0
        || ngx_exiting || ngx_quit || ngx_terminate
        || !ngx_http_reauth_store_clerk(poller->store))
    {
        /* polling was paused meanwhile, or this worker exits */

        ngx_http_reauth_store_poll_at(poller->store, account,
                                      ngx_http_reauth_now(), 1);
        return;
    }

    (void) ngx_http_reauth_poll_start(poller, account);
}


static void
ngx_http_reauth_poller_leased(redisReply *reply, void *data)
{
    ngx_http_reauth_poller_t *poller = data;

    size_t           i;
    reauth_string_t  account;

    poller->leasing--;

    if (reply == NULL
        || (!ngx_exiting && !ngx_http_reauth_store_clerk(poller->store)))
    {
        /* leased attempts are due again when the lease has expired */

        return;
    }

    if (reply->type != REDIS_REPLY_INTEGER
        && reply->type != REDIS_REPLY_ARRAY)
    {
        poller->refused = ngx_current_msec;
        ngx_http_reauth_store_refused(poller->store,
                                      NGX_HTTP_REAUTH_REFUSED_LEASE,
                                      reply,
                                      "failed to read the polls that are due");
        return;
    }

    ngx_http_reauth_store_accepted(poller->store,
                                   NGX_HTTP_REAUTH_REFUSED_LEASE);

    if (reply->type == REDIS_REPLY_INTEGER) {

        /* another gateway was asked to pause by the upstream */

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                       "reauth poll: paused for %L ms by another gateway",
                       (int64_t) reply->integer);

        ngx_http_reauth_poller_rest(poller, reply->integer);
        return;
    }

    for (i = 0; i < reply->elements; i++) {

        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        account.data = (u_char *) reply->element[i]->str;
        account.len = reply->element[i]->len;

        if (account.len != 0 && account.data[0] == '-') {
            account.data++;
            account.len--;

            ngx_http_reauth_store_deleted(poller->store, &account);
            continue;
        }

        if (account.len > 1 && account.data[0] == '+') {
            ngx_log_error(NGX_LOG_WARN, poller->timer.log, 0,
                          "redis: %*s active accounts were in no queue of "
                          "polls; they are polled now",
                          account.len - 1, account.data + 1);
            continue;
        }

        if (!reauth_id_is_account(&account)) {
            continue;
        }

        ngx_http_reauth_poller_take(poller, &account);
    }

    ngx_http_reauth_poller_backlog(poller, reply);
}


/* the upstream has asked this gateway only, and for all */

static void
ngx_http_reauth_poller_unshared(ngx_http_reauth_poller_t *poller)
{
    if (poller->store->redis_conf == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, poller->timer.log, 0,
                  "reauth: the pause of polling is not known to other "
                  "gateways: Redis is unavailable or rejects it");
}


static void
ngx_http_reauth_poller_paused(redisReply *reply, void *data)
{
    ngx_http_reauth_poller_t *poller = data;

    if (reply == NULL
        || (reply->type != REDIS_REPLY_INTEGER
            && reply->type != REDIS_REPLY_ARRAY))
    {
        ngx_http_reauth_poller_unshared(poller);
    }

    ngx_http_reauth_poller_leased(reply, data);
}


static ngx_uint_t
ngx_http_reauth_poller_burst(ngx_http_reauth_poller_t *poller)
{
    return ngx_max(1, poller->rate * NGX_HTTP_REAUTH_BURST / 60);
}


/* leases polls that are due; "rest_ms" > 0: pauses those of all gateways */

static void
ngx_http_reauth_poller_lease(ngx_http_reauth_poller_t *poller,
    int64_t rest_ms)
{
    u_char      *p, buffer[1024];
    ngx_str_t    argv[NGX_HTTP_REAUTH_REDIS_EVAL + 12], *arg;
    ngx_uint_t   i, burst;
    ngx_str_t   *prefix;

    static const char  *kinds[] = {
        "due", "rate", "pause", "active", "due:person", "due:last", "a:"
    };

    prefix = &poller->store->redis_conf->prefix;
    burst = ngx_http_reauth_poller_burst(poller);

    p = buffer;
    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    for (i = 0; i < 7; i++) {
        p = ngx_http_reauth_redis_key(arg++, p, prefix, kinds[i], "");
    }

    arg->data = p;
    p = ngx_sprintf(p, "%ui", NGX_HTTP_REAUTH_POLLS_MAX - poller->npolls);
    arg->len = p - arg->data;
    arg++;

    arg->data = p;
    p = ngx_sprintf(p, "%d", NGX_HTTP_REAUTH_LEASE);
    arg->len = p - arg->data;
    arg++;

    arg->data = p;
    p = ngx_sprintf(p, "%ui", poller->rate);
    arg->len = p - arg->data;
    arg++;

    arg->data = p;
    p = ngx_sprintf(p, "%ui", burst);
    arg->len = p - arg->data;
    arg++;

    arg->data = p;
    p = ngx_sprintf(p, "%L", rest_ms);
    arg->len = p - arg->data;
    arg++;

    if (ngx_http_reauth_redis_script(poller->store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_LEASE, 7,
                                     arg - argv, argv,
                                     rest_ms ? ngx_http_reauth_poller_paused
                                             : ngx_http_reauth_poller_leased,
                                     poller)
        == NGX_OK)
    {
        poller->leasing++;

    } else if (rest_ms) {
        ngx_http_reauth_poller_unshared(poller);
    }
}


void
ngx_http_reauth_poller_share_pause(ngx_http_reauth_poller_t *poller,
    int64_t ms)
{
    if (ngx_http_reauth_store_connected(poller->store)) {
        ngx_http_reauth_poller_lease(poller, ms);

    } else {
        ngx_http_reauth_poller_unshared(poller);
    }
}


/* without Redis: uses the queue of the zone and a local token bucket */

static ngx_uint_t
ngx_http_reauth_poller_token(ngx_http_reauth_poller_t *poller)
{
    ngx_uint_t  burst, more;

    burst = 1000 * ngx_http_reauth_poller_burst(poller);

    if (poller->tokens_at == 0) {
        poller->tokens = burst;
        poller->tokens_at = ngx_current_msec;
    }

    more = (ngx_current_msec - poller->tokens_at) * poller->rate / 60;

    if (more > 0) {
        poller->tokens = ngx_min(burst, poller->tokens + more);
        poller->tokens_at = ngx_current_msec;
    }

    if (poller->tokens < 1000) {
        return 0;
    }

    poller->tokens -= 1000;

    return 1;
}


static void
ngx_http_reauth_poller_local(ngx_http_reauth_poller_t *poller, int64_t now_ms)
{
    char                     name[REAUTH_ACCOUNT_MAX + 1];
    ngx_uint_t               reserve;
    reauth_record_t          record;
    reauth_string_t          account;
    ngx_http_reauth_zone_t  *zone;

    zone = &poller->store->zone;
    reserve = 1000 * reauth_schedule_reserve(
                         (unsigned) ngx_http_reauth_poller_burst(poller));

    while (poller->npolls < NGX_HTTP_REAUTH_POLLS_MAX
           && ngx_http_reauth_poller_token(poller))
    {
        if (ngx_http_reauth_zone_next_asked(zone, name) == NGX_OK) {
            account = reauth_string_from(name);

        } else if (ngx_http_reauth_zone_next_poll(zone, now_ms,
                                          NGX_HTTP_REAUTH_LEASE,
                                          poller->tokens >= reserve, &record)
                   == NGX_OK)
        {
            account = reauth_string_from(record.account);

        } else {
            poller->tokens += 1000;
            return;
        }

        if (ngx_http_reauth_poll_start(poller, &account) == NGX_DECLINED) {
            poller->tokens += 1000;
        }
    }
}


ngx_uint_t
ngx_http_reauth_poller_shares(ngx_http_reauth_poller_t *poller)
{
    return ngx_http_reauth_store_writes(poller->store)
           && (!ngx_http_reauth_zone_refused(&poller->store->zone,
                                             NGX_HTTP_REAUTH_REFUSED_LEASE)
               || ngx_current_msec - poller->refused
                  >= NGX_HTTP_REAUTH_LEASE_AGAIN);
}


/*
 * A worker that has just begun is not connected yet: other gateways may have
 * the leases.
 */

static ngx_uint_t
ngx_http_reauth_poller_is_early(ngx_http_reauth_poller_t *poller)
{
    ngx_http_reauth_store_t *store = poller->store;

    if (store->redis == NULL
        || !ngx_http_reauth_redis_connecting(store->redis)
        || ngx_current_msec - poller->begun
           >= ngx_max(store->redis_conf->timeout,
                      NGX_HTTP_REAUTH_POLLER_ALONE))
    {
        return 0;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                   "reauth poll: none, Redis is being connected to");

    return 1;
}


static void
ngx_http_reauth_poller_timer(ngx_event_t *ev)
{
    char                       name[REAUTH_ACCOUNT_MAX + 1];
    int64_t                    now_ms;
    reauth_string_t            account;
    reauth_poll_backlog_t      backlog;
    ngx_http_reauth_poller_t  *poller;

    poller = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit) {

        /* an active poll must not delay the exit of this worker */

        ngx_http_reauth_polls_abort(poller);
        ngx_http_reauth_lists_abort(poller);
        ngx_http_reauth_heals_abort(poller);
        return;
    }

    ngx_http_reauth_polls_expire(poller);
    ngx_http_reauth_lists_expire(poller);
    ngx_http_reauth_heals_expire(poller);

    if (!ngx_http_reauth_store_clerk(poller->store)) {

        /* polls that were sent before are not sent again, but end */

        if (poller->npolls || poller->nheals) {
            ngx_add_timer(ev, NGX_HTTP_REAUTH_POLLER_STEP);
        }

        return;
    }

    ngx_add_timer(ev, NGX_HTTP_REAUTH_POLLER_STEP);

    now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_zone_paused(&poller->store->zone) > 0) {
        ngx_http_reauth_zone_count_n(&poller->store->zone,
                                     NGX_HTTP_REAUTH_COUNT_THROTTLED_PAUSE,
                                     NGX_HTTP_REAUTH_POLLER_STEP);
        return;
    }

    if (ngx_http_reauth_poller_is_early(poller)) {
        return;
    }

    ngx_http_reauth_lists_step(poller);
    ngx_http_reauth_heals_step(poller);

    if (!ngx_http_reauth_poller_shares(poller)) {
        ngx_http_reauth_poller_local(poller, now_ms);

        ngx_http_reauth_zone_backlog(&poller->store->zone, now_ms, &backlog);
        ngx_http_reauth_poller_left(poller, &backlog);
        return;
    }

    if (poller->npolls >= NGX_HTTP_REAUTH_POLLS_MAX) {
        ngx_http_reauth_zone_count_n(&poller->store->zone,
                               NGX_HTTP_REAUTH_COUNT_THROTTLED_CONCURRENCY,
                               NGX_HTTP_REAUTH_POLLER_STEP);
        return;
    }

    while (ngx_http_reauth_zone_next_asked(&poller->store->zone, name)
           == NGX_OK)
    {
        account = reauth_string_from(name);
        ngx_http_reauth_store_poll_at(poller->store, &account, now_ms, 0);
    }

    if (!poller->leasing) {
        ngx_http_reauth_poller_lease(poller, 0);
    }
}


static void
ngx_http_reauth_poller_clerk(void *data, ngx_uint_t is)
{
    ngx_http_reauth_poller_t *poller = data;

    if (!is) {

        /* two lists at a time could settle the same attempt */

        ngx_http_reauth_lists_abort(poller);
        return;
    }

    poller->begun = ngx_current_msec;

    if (!poller->timer.timer_set) {
        ngx_add_timer(&poller->timer, NGX_HTTP_REAUTH_POLLER_STEP);
    }
}


ngx_int_t
ngx_http_reauth_poller_init_process(ngx_http_reauth_poller_t *poller,
    ngx_http_reauth_store_t *store, ngx_cycle_t *cycle)
{
    poller->store = store;

    ngx_queue_init(&poller->polls);
    ngx_queue_init(&poller->heals);

    poller->timer.handler = ngx_http_reauth_poller_timer;
    poller->timer.data = poller;
    poller->timer.log = cycle->log;
    poller->timer.cancelable = 1;

    store->clerk_handler = ngx_http_reauth_poller_clerk;
    store->clerk_data = poller;

    return NGX_OK;
}


void
ngx_http_reauth_poller_exit_process(ngx_http_reauth_poller_t *poller)
{
    if (poller->timer.data) {
        ngx_http_reauth_polls_abort(poller);
        ngx_http_reauth_lists_abort(poller);
        ngx_http_reauth_heals_abort(poller);
    }
}
