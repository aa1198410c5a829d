
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A reauthentication by the gateway itself takes the path of a caller's: it is
 * begun in the store, sent and settled.  The begin decides which gateway sends
 * it; the tries of an account are in the zone, and for all gateways in Redis.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_error.h"
#include "reauth_judge.h"
#include "reauth_update_answer.h"
#include "ngx_http_reauth_heal.h"
#include "ngx_http_reauth_background.h"
#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_unread.h"
#include "ngx_http_reauth_zone_heal.h"


/* tries of a gateway at a time: each uses one of worker_connections */
#define NGX_HTTP_REAUTH_HEALS_MAX  4


typedef struct {
    ngx_http_reauth_background_t   background;   /* must be the first */
    ngx_http_reauth_poller_t      *poller;
    ngx_queue_t                    queue;        /* next NULL: not sent */
    ngx_http_reauth_store_op_t    *op;           /* being begun */
    uint64_t                       epoch;
    uint64_t                       origin;
    ngx_uint_t                     prior_known;
    reauth_heal_t                  heal;
    char                           prior_caller[REAUTH_CALLER_MAX + 1];
    char                           account[REAUTH_ACCOUNT_MAX + 1];
    u_char                         uri[256];
} ngx_http_reauth_heal_t;


static void
ngx_http_reauth_heal_free(ngx_http_reauth_heal_t *heal)
{
    heal->poller->nheals--;

    if (heal->queue.next != NULL) {
        ngx_queue_remove(&heal->queue);
    }
}


/* tells the other gateways of the tries */

static void
ngx_http_reauth_heal_share(ngx_http_reauth_heal_t *heal)
{
    char                      text[REAUTH_HEAL_TEXT_MAX];
    u_char                    key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t                 argv[5];
    ngx_http_reauth_store_t  *store;

    store = heal->poller->store;

    if (!ngx_http_reauth_store_connected(store)) {
        return;
    }

    ngx_str_set(&argv[0], "SET");

    ngx_http_reauth_redis_key(&argv[1], key, &store->redis_conf->prefix,
                              "heal:", heal->account);

    argv[2].data = (u_char *) text;
    argv[2].len = reauth_heal_text(&heal->heal, text);

    ngx_str_set(&argv[3], "EX");
    ngx_str_set(&argv[4], "86400");

    (void) ngx_http_reauth_redis_command(store->redis, 5, argv, 0, NULL, NULL);
}


static void
ngx_http_reauth_heal_advance(ngx_http_reauth_heal_t *heal,
    reauth_fact_t *fact)
{
    reauth_record_t          record;
    reauth_string_t          account;
    reauth_advance_result_t  result;

    account = reauth_string_from(heal->account);

    fact->now_ms = ngx_http_reauth_now();

    reauth_judge_restored(fact, (int) heal->prior_known, heal->prior_caller);

    if (ngx_http_reauth_store_advance(heal->poller->store, &account, fact,
                                      &result, &record)
        != NGX_OK)
    {
        return;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, heal->poller->timer.log, 0,
                   "reauth heal: account \"%s\" means %s: %s, state %s",
                   heal->account, reauth_state_name(fact->state),
                   reauth_advance_result_name(result),
                   reauth_state_name((reauth_state_t) record.state));
}


/* settles a try; "status" is that of the response, 0: none */

static void
ngx_http_reauth_heal_settle(ngx_http_reauth_heal_t *heal, reauth_fact_t *fact,
    ngx_uint_t status)
{
    reauth_string_t           account;
    ngx_http_reauth_zone_t   *zone;
    ngx_http_reauth_count_e   what;

    zone = &heal->poller->store->zone;

    fact->epoch = heal->epoch;
    fact->origin = heal->origin;
    fact->source = REAUTH_SOURCE_HEAL;

    what = fact->state == REAUTH_STATE_REJECTED
           ? NGX_HTTP_REAUTH_COUNT_HEAL_REJECTED
           : fact->state == REAUTH_STATE_UNKNOWN
             ? NGX_HTTP_REAUTH_COUNT_HEAL_UNKNOWN
             : NGX_HTTP_REAUTH_COUNT_HEAL_STARTED;

    ngx_http_reauth_zone_count(zone, what);

    if (reauth_heal_settle(fact, (unsigned) status, heal->heal.error)) {
        account = reauth_string_from(heal->account);

        ngx_http_reauth_zone_heal_failed(zone, &account, heal->heal.error);
        ngx_http_reauth_heal_share(heal);

        ngx_log_error(NGX_LOG_WARN, heal->poller->timer.log, 0,
                      "reauth: account \"%s\" was not reauthenticated: %s, "
                      "try %ui of %ui a day", heal->account,
                      heal->heal.error, (ngx_uint_t) heal->heal.tries,
                      (ngx_uint_t) zone->heal.max);
    }

    ngx_http_reauth_heal_advance(heal, fact);
}


/* it was begun, but is not sent */

static void
ngx_http_reauth_heal_unsent(ngx_http_reauth_heal_t *heal)
{
    reauth_fact_t  fact;

    static const reauth_string_t  not_sent = reauth_string("NOT_SENT");

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    fact.state = REAUTH_STATE_REJECTED;
    fact.error_code = not_sent;

    ngx_http_reauth_heal_settle(heal, &fact, 0);
    ngx_http_reauth_heal_free(heal);
    ngx_free(heal);
}


static void
ngx_http_reauth_heal_accepted(ngx_http_reauth_heal_t *heal,
    reauth_update_answer_t *answer, reauth_fact_t *fact)
{
    int                         readable;
    ngx_str_t                  *body;
    reauth_string_t             text, account;
    reauth_unread_t             why;
    ngx_http_reauth_forward_t  *forward;

    /* its polling_url is not passed to anyone */

    static const reauth_string_t  origin = reauth_string("http://localhost");

    forward = &heal->background.forward;
    account = reauth_string_from(heal->account);

    body = &forward->capture.body;
    text.data = body->data;
    text.len = body->len;

    readable = reauth_update_answer_parse(&text,
                   reauth_id_kind(&account) == REAUTH_ID_FANSLY, &origin,
                   answer, &why)
               == REAUTH_UPDATE_ANSWER_OK;

    reauth_judge_accepted(readable, answer->deeplink != NULL, fact);

    if (!readable) {
        ngx_http_reauth_unread(&heal->poller->store->zone,
                               heal->poller->timer.log,
                               NGX_HTTP_REAUTH_UNREAD_REAUTHENTICATE, &account,
                               body->len, &why);
        return;
    }

    fact->attempt = reauth_id_kind(&account) == REAUTH_ID_FANSLY
                    ? account : reauth_string_from(answer->attempt);
}


static void
ngx_http_reauth_heal_error(ngx_http_reauth_heal_t *heal, reauth_error_t *error)
{
    reauth_unread_t               why;
    ngx_http_reauth_forward_t    *forward;
    ngx_http_reauth_main_conf_t  *mcf;

    forward = &heal->background.forward;

    (void) reauth_error_read(forward->capture.body.data,
                             forward->capture.body.len, error, &why);

    mcf = heal->poller->conf_ctx->main_conf[ngx_http_reauth_module.ctx_index];

    ngx_http_reauth_redact_error(mcf, heal->poller->timer.log, error);

    if (error->code[0] == '\0') {
        ngx_sprintf((u_char *) error->code, "HTTP_%ui%Z", forward->status);
    }
}


static void
ngx_http_reauth_heal_done(ngx_http_reauth_background_t *background)
{
    const char                 *code;
    reauth_fact_t               fact;
    reauth_error_t              error;
    reauth_update_answer_t      answer;
    ngx_http_reauth_heal_t     *heal;
    ngx_http_reauth_forward_t  *forward;

    heal = (ngx_http_reauth_heal_t *) background;
    forward = &background->forward;

    ngx_memzero(&fact, sizeof(reauth_fact_t));
    ngx_memzero(&answer, sizeof(reauth_update_answer_t));

    fact.state = ngx_http_reauth_forward_ended(forward, &code);

    if (code != NULL) {
        fact.error_code = reauth_string_from(code);

    } else if (fact.state == REAUTH_STATE_RUNNING) {
        ngx_http_reauth_heal_accepted(heal, &answer, &fact);

    } else {
        ngx_http_reauth_heal_error(heal, &error);

        fact.error_code = reauth_string_from(error.code);
        fact.error_message = reauth_string_from(error.message);
    }

    ngx_http_reauth_heal_settle(heal, &fact,
                                forward->done ? forward->status : 0);

    reauth_update_answer_free(&answer);
    ngx_http_reauth_heal_free(heal);
}


static void
ngx_http_reauth_heal_send(ngx_http_reauth_heal_t *heal)
{
    reauth_string_t              account;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_reauth_poller_t    *poller;
    ngx_http_reauth_forward_t   *forward;
    ngx_http_reauth_loc_conf_t  *lcf;

    poller = heal->poller;
    account = reauth_string_from(heal->account);

    lcf = poller->conf_ctx->loc_conf[ngx_http_reauth_module.ctx_index];
    clcf = poller->conf_ctx->loc_conf[ngx_http_core_module.ctx_index];

    forward = &heal->background.forward;

    forward->method = NGX_HTTP_POST;
    ngx_str_set(&forward->method_name, "POST");
    forward->answer_max = lcf->answer_max;
    forward->times = (ngx_http_reauth_times_e)
                     (NGX_HTTP_REAUTH_TIMES_UPSTREAM
                      + REAUTH_OPERATION_REAUTHENTICATE);

    forward->uri.data = heal->uri;
    forward->uri.len = ngx_snprintf(heal->uri, sizeof(heal->uri),
                           "%V/api/%sauthenticate/%s/reauthenticate",
                           &poller->uri,
                           reauth_id_kind(&account) == REAUTH_ID_FANSLY
                           ? "fansly/" : "", heal->account)
                       - heal->uri;

    heal->background.handler = ngx_http_reauth_heal_done;

    ngx_log_error(NGX_LOG_NOTICE, poller->timer.log, 0,
                  "reauth: account \"%s\" is reauthenticated, try %ui of %ui a "
                  "day", heal->account, (ngx_uint_t) heal->heal.tries,
                  (ngx_uint_t) poller->store->zone.heal.max);

    ngx_queue_insert_tail(&poller->heals, &heal->queue);

    if (ngx_http_reauth_background_start(&heal->background, poller->conf_ctx,
                                         clcf->error_log)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, poller->timer.log, 0,
                      "reauth: could not reauthenticate account \"%s\": not "
                      "enough memory or worker_connections", heal->account);

        ngx_http_reauth_heal_unsent(heal);
    }
}


static void
ngx_http_reauth_heal_begun(ngx_http_reauth_store_op_t *op)
{
    ngx_http_reauth_heal_t *heal = op->data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, heal->poller->timer.log, 0,
                   "reauth heal: account \"%s\" %s", heal->account,
                   op->rc == NGX_OK ? reauth_begin_result_name(op->begun)
                                    : "not begun");

    heal->op = NULL;

    if (op->rc != NGX_OK || op->begun != REAUTH_BEGIN_STARTED) {

        /* a caller or another gateway was first, or nothing can be begun */

        ngx_http_reauth_heal_free(heal);
        ngx_free(heal);
        return;
    }

    heal->epoch = op->record.epoch;
    heal->origin = op->record.origin;
    heal->prior_known = op->prior_caller != NULL;

    if (heal->prior_known) {
        ngx_memcpy(heal->prior_caller, op->prior_caller,
                   sizeof(heal->prior_caller));
    }

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_http_reauth_heal_unsent(heal);
        return;
    }

    ngx_http_reauth_heal_send(heal);
}


static void
ngx_http_reauth_heal_begin(ngx_http_reauth_heal_t *heal,
    const reauth_string_t *text)
{
    reauth_begin_t            begin;
    reauth_string_t           account;
    ngx_http_reauth_store_t  *store;

    store = heal->poller->store;
    account = reauth_string_from(heal->account);

    if (ngx_http_reauth_zone_heal_take(&store->zone, &account, text,
                                       &heal->heal)
        != NGX_OK)
    {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, heal->poller->timer.log, 0,
                       "reauth heal: account \"%s\" left as it is",
                       heal->account);

        ngx_http_reauth_heal_free(heal);
        ngx_free(heal);
        return;
    }

    ngx_http_reauth_heal_share(heal);

    ngx_memzero(&begin, sizeof(reauth_begin_t));

    begin.now_ms = ngx_http_reauth_now();
    begin.gate_max_ms = (int64_t) store->gate_max;
    begin.account = account;
    begin.source = REAUTH_SOURCE_HEAL;

    heal->op = ngx_http_reauth_store_begin(store, &begin,
                                           ngx_http_reauth_heal_begun, heal);
    if (heal->op == NULL) {
        ngx_http_reauth_heal_free(heal);
        ngx_free(heal);
    }
}


static void
ngx_http_reauth_heal_read(redisReply *reply, void *data)
{
    ngx_http_reauth_heal_t *heal = data;

    reauth_string_t  text;

    if (ngx_exiting || ngx_quit || ngx_terminate
        || !ngx_http_reauth_store_clerk(heal->poller->store))
    {
        /* due again when its lease has ended */

        ngx_http_reauth_heal_free(heal);
        ngx_free(heal);
        return;
    }

    text.data = NULL;
    text.len = 0;

    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        text.data = (u_char *) reply->str;
        text.len = reply->len;
    }

    ngx_http_reauth_heal_begin(heal, &text);
}


static void
ngx_http_reauth_heal_start(ngx_http_reauth_poller_t *poller,
    const char *account)
{
    u_char                   key[NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    ngx_str_t                argv[2];
    reauth_string_t          none;
    ngx_http_reauth_heal_t  *heal;

    heal = ngx_calloc(sizeof(ngx_http_reauth_heal_t), poller->timer.log);
    if (heal == NULL) {
        return;
    }

    heal->poller = poller;
    poller->nheals++;

    ngx_memcpy(heal->account, account, sizeof(heal->account));

    if (ngx_http_reauth_store_connected(poller->store)) {
        ngx_str_set(&argv[0], "GET");

        ngx_http_reauth_redis_key(&argv[1], key,
                                  &poller->store->redis_conf->prefix, "heal:",
                                  heal->account);

        if (ngx_http_reauth_redis_command(poller->store->redis, 2, argv, 0,
                                          ngx_http_reauth_heal_read, heal)
            == NGX_OK)
        {
            return;
        }
    }

    none.data = NULL;
    none.len = 0;

    ngx_http_reauth_heal_begin(heal, &none);
}


void
ngx_http_reauth_heals_step(ngx_http_reauth_poller_t *poller)
{
    char  account[REAUTH_ACCOUNT_MAX + 1];

    while (poller->nheals < NGX_HTTP_REAUTH_HEALS_MAX
           && ngx_http_reauth_zone_heal_next(&poller->store->zone,
                                             ngx_http_reauth_now(), account)
              == NGX_OK)
    {
        ngx_http_reauth_heal_start(poller, account);
    }
}


void
ngx_http_reauth_heals_abort(ngx_http_reauth_poller_t *poller)
{
    ngx_queue_t             *q;
    ngx_http_reauth_heal_t  *heal;

    while (!ngx_queue_empty(&poller->heals)) {
        q = ngx_queue_head(&poller->heals);
        heal = ngx_queue_data(q, ngx_http_reauth_heal_t, queue);

        ngx_http_reauth_background_abort(&heal->background);
    }
}


/* the first of the queue is the oldest */

void
ngx_http_reauth_heals_expire(ngx_http_reauth_poller_t *poller)
{
    ngx_queue_t             *q;
    ngx_http_reauth_heal_t  *heal;

    while (!ngx_queue_empty(&poller->heals)) {
        q = ngx_queue_head(&poller->heals);
        heal = ngx_queue_data(q, ngx_http_reauth_heal_t, queue);

        if (!ngx_http_reauth_background_expire(&heal->background,
                                               REAUTH_STARTING_MAX_MS))
        {
            return;
        }
    }
}


static char *
ngx_http_reauth_heal_parameter(ngx_conf_t *cf, reauth_heal_conf_t *heal,
    ngx_str_t *parameter)
{
    ngx_int_t   n;
    ngx_str_t   s;

    if (ngx_strncmp(parameter->data, "max=", 4) == 0) {
        s.data = parameter->data + 4;
        s.len = parameter->len - 4;

        n = s.len > 2 && ngx_strncmp(s.data + s.len - 2, "/d", 2) == 0
            ? ngx_atoi(s.data, s.len - 2) : NGX_ERROR;

        if (n > 0 && n <= REAUTH_HEAL_TRIES_MAX) {
            heal->max = (unsigned) n;
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(parameter->data, "delay=", 6) == 0) {
        s.data = parameter->data + 6;
        s.len = parameter->len - 6;

        n = ngx_parse_time(&s, 0);

        if (n != NGX_ERROR && n <= REAUTH_HEAL_DELAY_MAX) {
            heal->delay_ms = n;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"reauth_heal\": expected "
                       "\"max=\" and 1 to 100 tries a day, such as "
                       "\"max=2/d\", or \"delay=\" and at most 1h", parameter);

    return NGX_CONF_ERROR;
}


char *
ngx_http_reauth_heal_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    ngx_str_t           *value;
    ngx_uint_t           i;
    reauth_heal_conf_t  *heal;

    if (mcf->heal_set) {
        return "is duplicate: one poller serves all servers";
    }

    mcf->heal_set = 1;
    heal = &mcf->store.zone.heal;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        return "takes \"off\", or \"on\" and parameters, such as "
               "\"on max=2/d delay=5s\"";
    }

    heal->max = 2;
    heal->delay_ms = 5000;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_reauth_heal_parameter(cf, heal, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
