
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An entry is used as soon as it has been read completely, even if the list is
 * truncated later.  An account is considered missing only if the list was read
 * to its end.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_list.h"
#include "reauth_poll.h"
#include "ngx_http_reauth_lists.h"
#include "ngx_http_reauth_background.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_unread.h"


/* milliseconds between two lists, for all gateways */
#define NGX_HTTP_REAUTH_LIST_TIME      10000

/* milliseconds; a list that takes longer is ended */
#define NGX_HTTP_REAUTH_LIST_MAX       300000

/* milliseconds until the next check, if another gateway requests the list */
#define NGX_HTTP_REAUTH_LIST_RETRY     1000

/* milliseconds; the longest interval of sweeps */
#define NGX_HTTP_REAUTH_SWEEP_MAX      86400000

/* attempts settled per turn because the list does not contain them */
#define NGX_HTTP_REAUTH_UNLISTED_MAX   100


typedef struct {
    char                           account[REAUTH_ACCOUNT_MAX + 1];
    uint64_t                       epoch;
    uint64_t                       origin;
    uint8_t                        state;
    uint8_t                        listed;
} ngx_http_reauth_listed_t;


struct ngx_http_reauth_list_s {
    ngx_http_reauth_background_t   background;   /* must be the first */
    ngx_http_reauth_poller_t      *poller;
    reauth_accounts_t              accounts;
    uint32_t                       number;       /* of the zone's lists */
    ngx_http_reauth_moment_t       sent;
    size_t                         size;
    ngx_uint_t                     entries;
    ngx_uint_t                     changes;
    ngx_uint_t                     sweep;
    ngx_uint_t                     nasked;
    ngx_http_reauth_listed_t       asked[NGX_HTTP_REAUTH_LIST_ASKED];
    u_char                         uri[128];
};


static ngx_str_t  ngx_http_reauth_list_path = ngx_string("/api/accounts");


static void
ngx_http_reauth_list_advance(ngx_http_reauth_list_t *list,
    const reauth_string_t *account, const reauth_record_t *record,
    const reauth_account_status_t *status)
{
    int                       news;
    reauth_fact_t             fact;
    reauth_advance_result_t   result;

    news = reauth_list_fact(record, status,
                            ngx_http_reauth_moment_ms(&list->sent),
                            ngx_http_reauth_now(), &fact);

    /* without reauth_heal, nobody mends it: the next call tells */

    if (!news && status != NULL && list->poller->store->zone.heal.max != 0) {
        news = reauth_list_expired(record, status, ngx_http_reauth_now(),
                                   &fact);
    }

    if (!news && !reauth_list_tell(record, status, &fact)) {
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, list->poller->timer.log, 0,
                       "reauth list: account \"%*s\" unchanged, %s",
                       account->len, account->data,
                       status ? "listed" : "not listed");
        return;
    }

    if (ngx_http_reauth_store_advance(list->poller->store, account, &fact,
                                      &result, NULL)
        != NGX_OK)
    {
        return;
    }

    if (news && result == REAUTH_ADVANCE_APPLIED) {
        list->changes++;
    }
}


/* an incomplete list does not settle attempts that are not in it */

static void
ngx_http_reauth_list_failed(ngx_http_reauth_list_t *list,
    reauth_poll_error_t error, ngx_uint_t status)
{
    ngx_uint_t               n, index;
    reauth_fact_t            fact;
    reauth_record_t          record;
    reauth_string_t          account;
    ngx_http_reauth_zone_t  *zone;

    zone = &list->poller->store->zone;
    index = 0;
    n = 0;

    while (n < NGX_HTTP_REAUTH_UNLISTED_MAX
           && ngx_http_reauth_zone_next_unlisted(zone, list->number, &index,
                                                 &record)
              == NGX_OK)
    {
        reauth_poll_failed_fact(&record, error, (unsigned) status,
                                ngx_http_reauth_now(), &fact);

        if (!reauth_poll_is_news(&record, &fact)) {
            continue;
        }

        n++;

        account = reauth_string_from(record.account);

        if (ngx_http_reauth_store_advance(list->poller->store, &account, &fact,
                                          NULL, NULL)
            != NGX_OK)
        {
            return;
        }
    }
}


static void
ngx_http_reauth_list_redact(ngx_http_reauth_list_t *list,
    reauth_account_status_t *status)
{
    ngx_http_conf_ctx_t          *ctx;
    ngx_http_reauth_kept_t        kept;
    ngx_http_reauth_main_conf_t  *mcf;

    ctx = list->poller->conf_ctx;
    mcf = ctx->main_conf[ngx_http_reauth_module.ctx_index];

    ngx_memzero(&kept, sizeof(ngx_http_reauth_kept_t));

    kept.progress = status->progress;
    kept.unknown = &status->unknown;

    ngx_http_reauth_redact_kept(mcf, list->poller->timer.log,
                                "the list of accounts", &kept);
}


/* an account without an attempt that waits for a list */

static void
ngx_http_reauth_list_sweep(ngx_http_reauth_list_t *list,
    const reauth_string_t *account, const reauth_account_status_t *status)
{
    reauth_fact_t             fact;
    reauth_record_t           record;
    reauth_advance_result_t   result;

    (void) ngx_http_reauth_zone_find(&list->poller->store->zone, account,
                                     &record);

    if (!reauth_list_sweep(&record, status,
                           ngx_http_reauth_moment_ms(&list->sent),
                           ngx_http_reauth_now(), &fact))
    {
        return;
    }

    if (ngx_http_reauth_store_advance(list->poller->store, account, &fact,
                                      &result, NULL)
        == NGX_OK
        && result == REAUTH_ADVANCE_APPLIED)
    {
        list->changes++;

        ngx_log_error(NGX_LOG_INFO, list->poller->timer.log, 0,
                      "reauth: sweep: account \"%*s\" %s", account->len,
                      account->data,
                      fact.state == REAUTH_STATE_FAILED
                      ? "is not logged in" : "is logged in again");
    }
}


static int
ngx_http_reauth_list_entry(void *data, const reauth_string_t *account,
    const reauth_account_status_t *entry)
{
    ngx_http_reauth_list_t *list = data;

    ngx_uint_t                 i;
    reauth_record_t            record;
    ngx_http_reauth_listed_t  *asked;
    reauth_account_status_t    redacted, *status;

    list->entries++;

    redacted = *entry;
    status = &redacted;

    ngx_http_reauth_list_redact(list, status);

    ngx_http_reauth_unknown(&list->poller->store->zone,
                            list->poller->timer.log, &status->unknown);

    if (ngx_http_reauth_zone_in_list(&list->poller->store->zone, account,
                                    list->number, &record)
        == NGX_OK)
    {
        ngx_http_reauth_list_advance(list, account, &record, status);
        return 0;
    }

    for (i = 0; i < list->nasked; i++) {
        asked = &list->asked[i];

        if (reauth_string_equals(account, asked->account)) {
            asked->listed = 1;

            ngx_memzero(&record, sizeof(reauth_record_t));

            record.epoch = asked->epoch;
            record.origin = asked->origin;
            record.state = asked->state;

            ngx_http_reauth_list_advance(list, account, &record, status);
            return 0;
        }
    }

    if (list->sweep) {
        ngx_http_reauth_list_sweep(list, account, status);
    }

    return 0;
}


static void
ngx_http_reauth_list_consume(void *data, const u_char *p, size_t len)
{
    ngx_http_reauth_list_t *list = data;

    list->size += len;

    (void) reauth_accounts_feed(&list->accounts, p, len);
}


static void
ngx_http_reauth_list_unlisted(ngx_http_reauth_list_t *list)
{
    ngx_uint_t               i, n, index;
    reauth_record_t          record;
    reauth_string_t          account;
    ngx_http_reauth_zone_t  *zone;

    for (i = 0; i < list->nasked; i++) {
        if (!list->asked[i].listed) {
            ngx_log_error(NGX_LOG_INFO, list->poller->timer.log, 0,
                          "reauth: account \"%s\" is not in the list of "
                          "accounts", list->asked[i].account);
        }
    }

    zone = &list->poller->store->zone;
    index = 0;

    for (n = 0; n < NGX_HTTP_REAUTH_UNLISTED_MAX; n++) {

        if (ngx_http_reauth_zone_next_unlisted(zone, list->number, &index,
                                               &record)
            != NGX_OK)
        {
            return;
        }

        account = reauth_string_from(record.account);

        ngx_http_reauth_list_advance(list, &account, &record, NULL);
    }
}


static void
ngx_http_reauth_list_read(ngx_http_reauth_list_t *list)
{
    ngx_log_t       *log;
    reauth_unread_t  why;

    static reauth_string_t  none = reauth_string("");

    log = list->poller->timer.log;

    if (reauth_accounts_end(&list->accounts, &why) != 0) {
        ngx_http_reauth_unread(&list->poller->store->zone, log,
                               NGX_HTTP_REAUTH_UNREAD_ACCOUNTS, &none,
                               list->size, &why);
        ngx_http_reauth_list_failed(list, REAUTH_POLL_ERROR_UNREADABLE,
                                    NGX_HTTP_OK);
        return;
    }

    ngx_http_reauth_list_unlisted(list);

    ngx_log_error(NGX_LOG_INFO, log, 0,
                  "reauth: list of accounts: %ui entries, %ui changes",
                  list->entries, list->changes);
}


static void
ngx_http_reauth_list_done(ngx_http_reauth_background_t *background)
{
    ngx_http_reauth_list_t     *list;
    ngx_http_reauth_poller_t   *poller;
    reauth_backoff_verdict_t    verdict;
    ngx_http_reauth_forward_t  *forward;

    list = (ngx_http_reauth_list_t *) background;
    poller = list->poller;
    forward = &background->forward;

    poller->list = NULL;

    if (!forward->done) {

        /* the process exits; waiting attempts are in the zone */

        return;
    }

    if (forward->answer != NGX_HTTP_REAUTH_ANSWER_WHOLE
        && forward->answer != NGX_HTTP_REAUTH_ANSWER_REDIRECT
        && forward->answer != NGX_HTTP_REAUTH_ANSWER_ENCODED)
    {
        ngx_http_reauth_zone_count(&poller->store->zone,
                                   NGX_HTTP_REAUTH_COUNT_POLL_FAILED);

        ngx_log_error(NGX_LOG_WARN, poller->timer.log, 0,
                      "reauth: incomplete list of accounts, the %ui entries "
                      "received were used", list->entries);

        ngx_http_reauth_list_failed(list,
                                    ngx_http_reauth_backoff_broken(forward),
                                    0);
        return;
    }

    ngx_http_reauth_backoff(poller, forward, "list of accounts", &verdict);

    if (verdict.wait_ms > 0) {
        poller->list_at = ngx_current_msec + (ngx_msec_t) verdict.wait_ms;
    }

    if (forward->status == NGX_HTTP_OK) {
        ngx_http_reauth_list_read(list);

    } else {
        ngx_log_error(NGX_LOG_INFO, poller->timer.log, 0,
                      "reauth: list of accounts: the upstream returned "
                      "%ui", forward->status);

        ngx_http_reauth_list_failed(list,
                                    reauth_backoff_error(verdict.outcome,
                                                         forward->status),
                                    forward->status);
    }
}


static void
ngx_http_reauth_list_take_asked(ngx_http_reauth_list_t *list)
{
    ngx_uint_t                 i;
    reauth_record_t            record;
    reauth_string_t            account;
    ngx_http_reauth_listed_t  *asked;
    ngx_http_reauth_poller_t  *poller;

    poller = list->poller;

    for (i = 0; i < poller->nasked; i++) {
        account = reauth_string_from(poller->asked[i]);

        (void) ngx_http_reauth_zone_find(&poller->store->zone, &account,
                                         &record);

        asked = &list->asked[list->nasked++];

        ngx_memcpy(asked->account, poller->asked[i], sizeof(asked->account));
        asked->epoch = record.epoch;
        asked->origin = record.origin;
        asked->state = record.state;
    }

    poller->nasked = 0;
}


static void
ngx_http_reauth_list_start(ngx_http_reauth_poller_t *poller)
{
    ngx_http_reauth_list_t      *list;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_reauth_forward_t   *forward;
    ngx_http_reauth_loc_conf_t  *lcf;

    poller->list_at = ngx_current_msec + NGX_HTTP_REAUTH_LIST_TIME;

    list = ngx_calloc(sizeof(ngx_http_reauth_list_t), poller->timer.log);
    if (list == NULL) {
        return;
    }

    list->poller = poller;
    ngx_http_reauth_moment(&list->sent);
    list->number = ngx_http_reauth_zone_list_begin(&poller->store->zone);
    list->sweep = poller->sweeping;
    poller->sweeping = 0;

    ngx_http_reauth_list_take_asked(list);

    reauth_accounts_init(&list->accounts, ngx_http_reauth_list_entry, list);

    lcf = poller->conf_ctx->loc_conf[ngx_http_reauth_module.ctx_index];
    clcf = poller->conf_ctx->loc_conf[ngx_http_core_module.ctx_index];

    forward = &list->background.forward;

    forward->method = NGX_HTTP_GET;
    ngx_str_set(&forward->method_name, "GET");
    forward->answer_max = lcf->answer_max;
    forward->times = NGX_HTTP_REAUTH_TIMES_ACCOUNTS;
    forward->capture.consume = ngx_http_reauth_list_consume;
    forward->capture.data = list;

    forward->uri.data = list->uri;
    forward->uri.len = ngx_snprintf(list->uri, sizeof(list->uri), "%V%V",
                                    &poller->uri, &ngx_http_reauth_list_path)
                       - list->uri;

    list->background.handler = ngx_http_reauth_list_done;

    poller->list = list;

    if (ngx_http_reauth_background_start(&list->background, poller->conf_ctx,
                                         clcf->error_log)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, poller->timer.log, 0,
                      "reauth: could not start a poll: not enough memory or "
                      "worker_connections");

        poller->list = NULL;
        ngx_free(list);
    }
}


static void
ngx_http_reauth_list_leased(redisReply *reply, void *data)
{
    ngx_http_reauth_poller_t *poller = data;

    poller->list_leasing = 0;

    if (ngx_exiting || ngx_quit || ngx_terminate
        || !ngx_http_reauth_store_clerk(poller->store))
    {
        return;
    }

    if (reply != NULL && reply->type == REDIS_REPLY_STATUS
        && poller->list == NULL)
    {
        ngx_http_reauth_list_start(poller);
        return;
    }

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        poller->refused = ngx_current_msec;
        ngx_http_reauth_store_refused(poller->store,
                                      NGX_HTTP_REAUTH_REFUSED_LEASE,
                                      reply,
                                      "failed to lease the list of accounts");
    }
}


static void
ngx_http_reauth_list_lease(ngx_http_reauth_poller_t *poller)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX], time[NGX_INT64_LEN];
    ngx_str_t  argv[6];

    ngx_str_set(&argv[0], "SET");

    ngx_http_reauth_redis_key(&argv[1], key,
                              &poller->store->redis_conf->prefix, "list", "");

    ngx_str_set(&argv[2], "1");
    ngx_str_set(&argv[3], "PX");

    argv[4].data = time;
    argv[4].len = ngx_sprintf(time, "%d", NGX_HTTP_REAUTH_LIST_TIME) - time;

    ngx_str_set(&argv[5], "NX");

    poller->list_at = ngx_current_msec + NGX_HTTP_REAUTH_LIST_RETRY;

    if (ngx_http_reauth_redis_command(poller->store->redis, 6, argv, 0,
                                      ngx_http_reauth_list_leased, poller)
        == NGX_OK)
    {
        poller->list_leasing = 1;
    }
}


static void
ngx_http_reauth_sweep_leased(redisReply *reply, void *data)
{
    ngx_http_reauth_poller_t *poller = data;

    poller->sweep_leasing = 0;

    if (reply != NULL && reply->type == REDIS_REPLY_STATUS) {
        poller->sweeping = 1;
        poller->sweep_at = ngx_current_msec + poller->store->sweep;
    }
}


/* of all gateways, one requests a list in each interval */

static void
ngx_http_reauth_sweep_step(ngx_http_reauth_poller_t *poller)
{
    u_char     key[NGX_HTTP_REAUTH_REDIS_KEY_MAX], time[NGX_INT64_LEN];
    ngx_str_t  argv[6];

    if (poller->store->sweep == 0
        || poller->sweeping
        || poller->sweep_leasing
        || (poller->sweep_at != 0
            && (ngx_msec_int_t) (ngx_current_msec - poller->sweep_at) < 0))
    {
        return;
    }

    if (!ngx_http_reauth_poller_shares(poller)) {
        poller->sweeping = 1;
        poller->sweep_at = ngx_current_msec + poller->store->sweep;
        return;
    }

    ngx_str_set(&argv[0], "SET");

    ngx_http_reauth_redis_key(&argv[1], key,
                              &poller->store->redis_conf->prefix, "sweep", "");

    ngx_str_set(&argv[2], "1");
    ngx_str_set(&argv[3], "PX");

    argv[4].data = time;
    argv[4].len = ngx_sprintf(time, "%M", poller->store->sweep) - time;

    ngx_str_set(&argv[5], "NX");

    poller->sweep_at = ngx_current_msec + NGX_HTTP_REAUTH_LIST_RETRY;

    if (ngx_http_reauth_redis_command(poller->store->redis, 6, argv, 0,
                                      ngx_http_reauth_sweep_leased, poller)
        == NGX_OK)
    {
        poller->sweep_leasing = 1;
    }
}


void
ngx_http_reauth_lists_step(ngx_http_reauth_poller_t *poller)
{
    ngx_http_reauth_sweep_step(poller);

    if (poller->list != NULL
        || poller->list_leasing
        || (poller->nasked == 0
            && !poller->sweeping
            && ngx_http_reauth_zone_waiting(&poller->store->zone) == 0)
        || (poller->list_at != 0
            && (ngx_msec_int_t) (ngx_current_msec - poller->list_at) < 0))
    {
        return;
    }

    if (ngx_http_reauth_poller_shares(poller)) {
        ngx_http_reauth_list_lease(poller);
        return;
    }

    ngx_http_reauth_list_start(poller);
}


void
ngx_http_reauth_lists_ask(ngx_http_reauth_poller_t *poller,
    const reauth_string_t *account)
{
    ngx_uint_t  i;

    for (i = 0; i < poller->nasked; i++) {
        if (reauth_string_equals(account, poller->asked[i])) {
            return;
        }
    }

    if (poller->nasked < NGX_HTTP_REAUTH_LIST_ASKED) {

        /* only a hint: dropped if there is no room */

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, poller->timer.log, 0,
                       "reauth list: account \"%*s\" to be looked up",
                       account->len, account->data);

        reauth_copy(poller->asked[poller->nasked++], REAUTH_ACCOUNT_MAX,
                    account);
    }
}


void
ngx_http_reauth_lists_expire(ngx_http_reauth_poller_t *poller)
{
    if (poller->list != NULL) {
        (void) ngx_http_reauth_background_expire(
                            (ngx_http_reauth_background_t *) poller->list,
                            NGX_HTTP_REAUTH_LIST_MAX);
    }
}


void
ngx_http_reauth_lists_abort(ngx_http_reauth_poller_t *poller)
{
    if (poller->list != NULL) {
        ngx_http_reauth_background_abort(
                            (ngx_http_reauth_background_t *) poller->list);
    }
}


char *
ngx_http_reauth_sweep_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (mcf->sweep_set) {
        return "is duplicate: one poller serves all servers";
    }

    mcf->sweep_set = 1;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    n = ngx_parse_time(&value[1], 0);

    if (n == NGX_ERROR || n < NGX_HTTP_REAUTH_LIST_TIME
        || n > NGX_HTTP_REAUTH_SWEEP_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"reauth_sweep\": expected "
                           "\"off\", or 10s to 1d", &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf->store.sweep = n;

    return NGX_CONF_OK;
}
