
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clerk writes what the callers with a budget have spent on this gateway,
 * and reads what they have spent on all: callers that have changed since the
 * last time, several times a second.  Without a budget, nothing is sent.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "reauth_reply_usage.h"
#include "ngx_http_reauth_clerk.h"
#include "ngx_http_reauth_store_commit.h"
#include "ngx_http_reauth_store_usage.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_zone_usage.h"


/*
 * ms between two exchanges: one gateway writes and another one reads within a
 * second
 */
#define NGX_HTTP_REAUTH_USAGE_TIME     400

/* callers of a command */
#define NGX_HTTP_REAUTH_USAGE_WRITTEN  64
#define NGX_HTTP_REAUTH_USAGE_READ     "256"

/* seconds for which the keys are kept after the end of their window */
#define NGX_HTTP_REAUTH_USAGE_KEPT     60

#define NGX_HTTP_REAUTH_USAGE_KEYS     2
#define NGX_HTTP_REAUTH_USAGE_ARGS     5


/* numbers of the arguments, as texts */

typedef struct {
    u_char  keys[NGX_HTTP_REAUTH_USAGE_KEYS][NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char  lives[REAUTH_NUMBER_MAX];
    u_char  last[REAUTH_NUMBER_MAX];
    u_char  spent[NGX_HTTP_REAUTH_USAGE_WRITTEN][2][REAUTH_NUMBER_MAX];
} ngx_http_reauth_usage_texts_t;


static void ngx_http_reauth_usage_exchange(
    ngx_http_reauth_store_spending_t *spending);


static void
ngx_http_reauth_usage_lost(ngx_http_reauth_store_spending_t *spending)
{
    spending->id_len = 0;
    spending->last = 0;

    ngx_http_reauth_zone_usage_lost(&spending->store->zone, spending->period,
                                    spending->window);
}


/* Redis has rejected it: logged once until it accepts it again */

static void
ngx_http_reauth_usage_refused(ngx_http_reauth_store_spending_t *spending,
    const redisReply *reply)
{
    char  shown[NGX_HTTP_REAUTH_REDIS_SHOWN];

    if (!spending->refused) {
        spending->refused = 1;

        ngx_log_error(NGX_LOG_ERR, spending->store->cycle->log, 0,
                      "redis: spending of callers is not shared with other "
                      "gateways: %s",
                      ngx_http_reauth_redis_shown(reply, shown));
    }
}


static void
ngx_http_reauth_usage_accepted(ngx_http_reauth_store_spending_t *spending)
{
    if (spending->refused) {
        spending->refused = 0;

        ngx_log_error(NGX_LOG_NOTICE, spending->store->cycle->log, 0,
                      "redis: spending of callers is shared with other "
                      "gateways again");
    }
}


static void
ngx_http_reauth_usage_merge(ngx_http_reauth_store_spending_t *spending,
    const redisReply *reply, size_t n)
{
    size_t                    i;
    ngx_str_t                 caller;
    reauth_reply_spent_t      spent;
    ngx_http_reauth_store_t  *store;

    store = spending->store;

    for (i = 0; i < n; i++) {

        if (reauth_reply_spent(reply, i, &spent) != 0) {
            continue;
        }

        caller.data = (u_char *) spent.caller.data;
        caller.len = spent.caller.len;

        ngx_http_reauth_zone_usage_merge(&store->zone, spending->period,
                                         spending->window, &caller,
                                         &spent.stored);

        ngx_log_debug5(NGX_LOG_DEBUG_HTTP, store->cycle->log, 0,
                       "reauth usage: caller \"%V\" has spent %uz on all "
                       "gateways, %uz of it here, known %uz, window %uz",
                       &caller, spent.stored.total, spent.stored.own,
                       spent.stored.known, spending->window);
    }
}


/*
 * Another ID, or a smaller number: Redis has lost what it had.  All that this
 * gateway knows is sent again.
 */

static void
ngx_http_reauth_usage_reply(redisReply *reply, void *data)
{
    ngx_http_reauth_store_spending_t *spending = data;

    reauth_reply_usage_t  usage;

    spending->pending = 0;

    if (reply == NULL) {
        return;
    }

    if (reauth_reply_usage(reply, &usage) != 0) {
        ngx_http_reauth_usage_refused(spending, reply);
        return;
    }

    ngx_http_reauth_usage_accepted(spending);

    if (spending->id_len != 0
        && (usage.last < spending->last
            || usage.id.len != spending->id_len
            || ngx_memcmp(usage.id.data, spending->id, spending->id_len) != 0))
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, spending->store->cycle->log, 0,
                       "reauth usage: Redis has change %uL after %uL, all is "
                       "sent again", usage.last, spending->last);

        ngx_http_reauth_usage_lost(spending);
        spending->more = 1;

    } else {
        spending->id_len = usage.id.len;
        ngx_memcpy(spending->id, usage.id.data, usage.id.len);

        spending->last = usage.last;
        spending->more |= usage.more;
    }

    ngx_http_reauth_usage_merge(spending, reply, usage.n);

    if (spending->more) {
        ngx_http_reauth_usage_exchange(spending);
    }
}


/* callers whose spending others do not know; returns the next argument */

static ngx_str_t *
ngx_http_reauth_usage_args(ngx_http_reauth_store_spending_t *spending,
    ngx_str_t *arg, ngx_http_reauth_usage_texts_t *texts)
{
    ngx_uint_t               n;
    ngx_http_reauth_spent_t  spent;

    spending->more = 0;

    for (n = 0; n < NGX_HTTP_REAUTH_USAGE_WRITTEN; n++) {

        if (ngx_http_reauth_zone_usage_next_unsent(&spending->store->zone,
                                                   spending->period,
                                                   spending->window,
                                                   &spending->index, &spent)
            != NGX_OK)
        {
            spending->index = 0;
            return arg;
        }

        *arg++ = spent.caller;
        ngx_http_reauth_number(arg++, texts->spent[n][0], (int64_t) spent.own);
        ngx_http_reauth_number(arg++, texts->spent[n][1], (int64_t) spent.all);
    }

    /* the others follow at once */

    spending->more = 1;

    return arg;
}


static void
ngx_http_reauth_usage_keys(ngx_http_reauth_store_spending_t *spending,
    ngx_str_t *keys, ngx_http_reauth_usage_texts_t *texts)
{
    u_char      name[sizeof("usage:h:") + REAUTH_NUMBER_MAX];
    ngx_str_t  *prefix;

    prefix = &spending->store->redis_conf->prefix;

    (void) ngx_sprintf(name, "usage:%c:%L%Z",
                       reauth_budget_letter(spending->period),
                       reauth_budget_start_ms(spending->period,
                                              spending->window)
                       / 1000);

    ngx_http_reauth_redis_key(&keys[0], texts->keys[0], prefix, (char *) name,
                              "");
    ngx_http_reauth_redis_key(&keys[1], texts->keys[1], prefix, (char *) name,
                              ":changes");
}


static void
ngx_http_reauth_usage_exchange(ngx_http_reauth_store_spending_t *spending)
{
    int64_t                         now_ms;
    size_t                          window;
    ngx_str_t                       argv[NGX_HTTP_REAUTH_REDIS_EVAL
                                         + NGX_HTTP_REAUTH_USAGE_KEYS
                                         + NGX_HTTP_REAUTH_USAGE_ARGS
                                         + 3 * NGX_HTTP_REAUTH_USAGE_WRITTEN];
    ngx_str_t                      *arg;
    ngx_http_reauth_store_t        *store;
    ngx_http_reauth_usage_texts_t   texts;

    store = spending->store;

    if (spending->pending || !ngx_http_reauth_store_connected(store)) {
        return;
    }

    now_ms = ngx_http_reauth_now();
    window = reauth_budget_window(spending->period, now_ms);

    if (spending->window != window) {
        spending->window = window;
        spending->id_len = 0;
        spending->last = 0;
        spending->index = 0;
    }

    arg = &argv[NGX_HTTP_REAUTH_REDIS_EVAL];

    ngx_http_reauth_usage_keys(spending, arg, &texts);
    arg += NGX_HTTP_REAUTH_USAGE_KEYS;

    ngx_http_reauth_zone_writer(&store->zone, arg++);
    ngx_http_reauth_number(arg++, texts.lives,
                           (int64_t) reauth_budget_retry_after(spending->period,
                                                               window, now_ms)
                           + NGX_HTTP_REAUTH_USAGE_KEPT);

    arg->data = spending->id;
    arg->len = spending->id_len;
    arg++;

    ngx_http_reauth_number(arg++, texts.last, (int64_t) spending->last);
    ngx_str_set(arg, NGX_HTTP_REAUTH_USAGE_READ);
    arg++;

    arg = ngx_http_reauth_usage_args(spending, arg, &texts);

    if (ngx_http_reauth_redis_script(store->redis,
                                     NGX_HTTP_REAUTH_SCRIPT_USAGE,
                                     NGX_HTTP_REAUTH_USAGE_KEYS, arg - argv,
                                     argv, ngx_http_reauth_usage_reply,
                                     spending)
        == NGX_OK)
    {
        spending->pending = 1;
    }
}


static void
ngx_http_reauth_usage_timer(ngx_event_t *ev)
{
    ngx_uint_t                i;
    ngx_http_reauth_store_t  *store;

    store = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit
        || !ngx_http_reauth_store_clerk(store))
    {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_REAUTH_USAGE_TIME);

    for (i = 0; i < REAUTH_BUDGET_PERIODS; i++) {
        if (store->usage_periods & 1u << i) {
            ngx_http_reauth_usage_exchange(&store->spending[i]);
        }
    }
}


void
ngx_http_reauth_store_usage_periods(ngx_http_reauth_store_t *store,
    unsigned periods)
{
    if ((store->usage_periods | periods) == store->usage_periods) {
        return;
    }

    store->usage_periods |= periods;

    if (store->cycle != NULL && ngx_http_reauth_store_clerk(store)) {
        ngx_http_reauth_store_usage_begin(store);
    }
}


/*
 * What the former clerk, or the former connection, has written may be lost, if
 * Redis has lost it meanwhile: all is sent again.
 */

void
ngx_http_reauth_store_usage_begin(ngx_http_reauth_store_t *store)
{
    ngx_uint_t                         i;
    ngx_http_reauth_store_spending_t  *spending;

    if (store->usage_periods == 0 || store->redis_conf == NULL) {
        return;
    }

    for (i = 0; i < REAUTH_BUDGET_PERIODS; i++) {
        spending = &store->spending[i];

        spending->store = store;
        spending->period = (reauth_budget_period_t) i;
        spending->window = reauth_budget_window(spending->period,
                                                ngx_http_reauth_now());
        spending->index = 0;

        ngx_http_reauth_usage_lost(spending);
    }

    if (!store->usage_timer.timer_set) {
        store->usage_timer.handler = ngx_http_reauth_usage_timer;
        store->usage_timer.data = store;
        store->usage_timer.log = store->cycle->log;
        store->usage_timer.cancelable = 1;
    }

    ngx_add_timer(&store->usage_timer, 1);
}


void
ngx_http_reauth_store_usage_end(ngx_http_reauth_store_t *store)
{
    if (store->usage_timer.timer_set) {
        ngx_del_timer(&store->usage_timer);
    }
}
