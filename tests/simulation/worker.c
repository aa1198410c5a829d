
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A worker process: the module's zone and store, and what its handlers of
 * requests do with them.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "reauth_judge.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store.h"

#include "nginx.h"
#include "order.h"
#include "poller.h"


static worker_conf_t                   worker_conf;
static ngx_shm_zone_t                  shm_zone;
static ngx_http_reauth_store_t         store;
static ngx_http_reauth_redis_conf_t    redis_conf;
static ngx_http_reauth_redis_server_t  redis_server;
static ngx_addr_t                      redis_addr;


static reauth_string_t
worker_string(const char *text)
{
    reauth_string_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    return s;
}


/* as ngx_init_zone_pool() */

static ngx_int_t
worker_zone(void)
{
    ngx_slab_pool_t  *sp;

    ngx_memzero(&shm_zone, sizeof(ngx_shm_zone_t));

    shm_zone.shm.addr = worker_conf.zone;
    shm_zone.shm.size = worker_conf.zone_size;
    shm_zone.shm.exists = !worker_conf.create;
    shm_zone.shm.log = ngx_cycle->log;
    ngx_str_set(&shm_zone.shm.name, "accounts");
    shm_zone.data = &store.zone;
    store.zone.shm_zone = &shm_zone;

    if (worker_conf.create) {
        ngx_memzero(worker_conf.zone, worker_conf.zone_size);

        sp = worker_conf.zone;
        sp->end = shm_zone.shm.addr + shm_zone.shm.size;
        sp->min_shift = 3;
        sp->addr = shm_zone.shm.addr;

        if (ngx_shmtx_create(&sp->mutex, &sp->lock, NULL) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_slab_init(sp);
    }

    return ngx_http_reauth_zone_init(&shm_zone, NULL);
}


static int
worker_start(const worker_conf_t *conf)
{
    /* the process before was killed: what libraries had is given back */

    worker_conf = *conf;

    ngx_memzero(&store, sizeof(ngx_http_reauth_store_t));

    if (simulation_process(&worker_conf) != NGX_OK) {
        return -1;
    }

    ngx_memzero(&redis_conf, sizeof(ngx_http_reauth_redis_conf_t));

    ngx_memzero(&redis_server, sizeof(ngx_http_reauth_redis_server_t));

    ngx_str_set(&redis_addr.name, "127.0.0.1:6379");
    ngx_str_set(&redis_server.text, "127.0.0.1:6379");
    ngx_str_set(&redis_server.host, "127.0.0.1");
    redis_server.port = 6379;
    redis_server.addrs = &redis_addr;
    redis_server.naddrs = 1;
    redis_server.numeric = 1;

    ngx_str_set(&redis_conf.prefix, "{reauth}");
    redis_conf.servers = &redis_server;
    redis_conf.nservers = 1;
    redis_conf.timeout = 250;

    poller_init(&store, &worker_conf);

    store.redis_conf = &redis_conf;
    store.reject = (ngx_uint_t) conf->reject;
    store.polling = (ngx_uint_t) conf->polling;
    store.gate_max = (ngx_msec_t) conf->gate_max_ms;
    store.notices.events = REAUTH_NOTICE_ACCOUNTS;
    (void) reauth_notice_after(&store.notices, 5000);
    (void) reauth_notice_after(&store.notices, 60000);
    store.zone.has_redis = 1;
    store.zone.schedule.interval_ms = 2000;
    store.zone.schedule.max_interval_ms = 30000;

    if (worker_zone() != NGX_OK) {
        return -1;
    }

    worker_conf.create = 0;

    ngx_http_reauth_zone_init_process(&store.zone);

    return ngx_http_reauth_store_init_process(&store,
                                              (ngx_cycle_t *) ngx_cycle)
           == NGX_OK ? 0 : -1;
}


static void
worker_begun(ngx_http_reauth_store_op_t *op)
{
    worker_begun_t  begun;

    begun.ok = op->rc == NGX_OK;
    begun.busy = op->rc == NGX_BUSY;
    begun.local = (int) op->local;
    begun.begun = op->begun;
    begun.record = op->record;

    worker_conf.world->begun(worker_conf.self, op->data, &begun);
}


static int
worker_begin(const char *account, const uint8_t *print, int waited,
    void *data)
{
    reauth_begin_t  begin;

    ngx_memzero(&begin, sizeof(reauth_begin_t));

    begin.now_ms = ngx_http_reauth_now();
    begin.gate_max_ms = worker_conf.gate_max_ms;
    begin.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    begin.account = worker_string(account);
    begin.waited = waited != 0;
    begin.source = REAUTH_SOURCE_UPDATE;
    begin.fingerprint = print;

    return ngx_http_reauth_store_begin(&store, &begin, worker_begun, data)
           == NULL ? -1 : 0;
}


static reauth_advance_result_t
worker_advance(const char *account, reauth_fact_t *fact,
    reauth_record_t *record)
{
    reauth_string_t          name;
    reauth_advance_result_t  result;

    name = worker_string(account);
    fact->now_ms = ngx_http_reauth_now();

    if (ngx_http_reauth_store_advance(&store, &name, fact, &result, record)
        != NGX_OK)
    {
        return REAUTH_ADVANCE_STALE;
    }

    return result;
}


static int
worker_forget(const char *account, reauth_record_t *former)
{
    reauth_string_t  name;

    name = worker_string(account);
    former->state = REAUTH_STATE_NONE;

    return ngx_http_reauth_store_forget(&store, &name, former) == NGX_OK
           && former->state != REAUTH_STATE_NONE;
}


/* as ngx_http_reauth_webhook_keep() */

static void
worker_webhook(const char *account, reauth_state_t state, int64_t started_us)
{
    reauth_fact_t            fact;
    reauth_string_t          name;
    reauth_record_t          record;
    reauth_webhook_t         webhook;
    reauth_advance_result_t  result;

    ngx_memzero(&record, sizeof(reauth_record_t));
    ngx_memzero(&webhook, sizeof(reauth_webhook_t));

    name = worker_string(account);
    reauth_copy(webhook.account, REAUTH_ACCOUNT_MAX, &name);
    webhook.state = state;
    webhook.started_us = started_us;

    (void) ngx_http_reauth_zone_find(&store.zone, &name, &record);

    switch (reauth_judge_webhook(&webhook, &record, ngx_http_reauth_now(),
                                 (int64_t) store.gate_max,
                                 (int) store.polling, &fact))
    {
    case REAUTH_HEARD_FACT:
        break;

    case REAUTH_HEARD_HINT:
        ngx_http_reauth_store_poll_first(&store, &name);
        return;

    default:
        return;
    }

    if (ngx_http_reauth_store_advance(&store, &name, &fact, &result, NULL)
        == NGX_OK
        && result == REAUTH_ADVANCE_UNPLACED)
    {
        ngx_http_reauth_store_poll_first(&store, &name);
    }
}


static void
worker_fill(unsigned n)
{
    reauth_record_t  record, result;

    for ( /* void */ ; n > 0; n--) {
        ngx_memzero(&record, sizeof(reauth_record_t));

        (void) ngx_sprintf((u_char *) record.account, "acct_full_%ud%Z", n);
        (void) ngx_sprintf((u_char *) record.attempt, "auth_full_%ud%Z", n);

        record.state = REAUTH_STATE_SUCCEEDED;
        record.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
        record.source = REAUTH_SOURCE_POLLER;
        record.revision = 3;
        record.since_ms = ngx_http_reauth_now() - 100000;
        record.updated_ms = record.since_ms + 50000;
        record.epoch = (uint64_t) record.since_ms * REAUTH_EPOCH_TICKS;

        (void) ngx_http_reauth_zone_merge(&store.zone, &record, 1, &result);
    }
}


static void
worker_end(unsigned n)
{
    char             account[REAUTH_ACCOUNT_MAX + 1];
    reauth_fact_t    fact;
    reauth_record_t  record;

    ngx_memzero(&fact, sizeof(reauth_fact_t));

    (void) ngx_sprintf((u_char *) account, "acct_back_%ud%Z", n);

    fact.source = REAUTH_SOURCE_WEBHOOK;
    fact.state = REAUTH_STATE_SUCCEEDED;
    fact.started_us = ngx_http_reauth_now() * 1000;

    (void) worker_advance(account, &fact, &record);
}


static worker_gate_t
worker_gate(const char *account)
{
    size_t                    len;
    ngx_http_reauth_closed_t  closed;

    len = ngx_strlen(account);

    if (ngx_http_reauth_zone_open(&store.zone, (u_char *) account, len)) {
        return WORKER_GATE_OPEN;
    }

    switch (ngx_http_reauth_zone_gate(&store.zone, (u_char *) account, len,
                                      &closed))
    {
    case NGX_OK:
        return WORKER_GATE_CLOSED;

    case NGX_BUSY:
        return WORKER_GATE_LOADING;

    default:
        return WORKER_GATE_OPEN;
    }
}


static int
worker_kept(const char *account, reauth_record_t *record)
{
    reauth_string_t  name;

    name = worker_string(account);

    return ngx_http_reauth_zone_kept(&store.zone, &name, record) == NGX_OK;
}


static void
worker_health(worker_health_t *told)
{
    unsigned                        n;
    reauth_health_t                 health;
    reauth_reason_t                 reasons[REAUTH_REASONS_MAX];
    ngx_http_reauth_zone_summary_t  summary;

    ngx_memzero(&health, sizeof(reauth_health_t));

    ngx_http_reauth_store_health(&store, &health);
    ngx_http_reauth_zone_summary(&store.zone, &summary);

    told->loaded = (int) ngx_http_reauth_zone_loaded(&store.zone,
                                                     ngx_http_reauth_now());
    told->nreasons = 0;

    /* a system clock that is off is told, and does no harm */

    for (n = reauth_health_reasons(&health, reasons); n > 0; n--) {
        told->nreasons += reasons[n - 1].kind != REAUTH_REASON_CLOCK;
    }

    told->ready = told->loaded && told->nreasons == 0;
    told->writes_refused = health.write != REAUTH_REFUSAL_NONE;
    told->dirty = summary.dirty;
    told->active = summary.active;
    told->accounts = summary.accounts;
    told->evicted = summary.evicted;
}


static void
worker_broken(void)
{
    order_broken(&store.zone);
}


static int
worker_ordered(void)
{
    return order_holds(&store.zone);
}


static int64_t
worker_now(void)
{
    return ngx_http_reauth_now();
}


static int64_t
worker_monotonic(void)
{
    return ngx_http_reauth_monotonic();
}


static void
worker_asked(reauth_fact_t *fact, const reauth_record_t *record,
    int64_t monotonic, int64_t now)
{
    ngx_http_reauth_moment_t  moment;

    moment.monotonic_ms = monotonic;
    moment.ms = now;

    reauth_fact_asked(fact, record, ngx_http_reauth_moment_ms(&moment));
}


static const worker_api_t  api = {
    worker_start,
    simulation_set_time,
    simulation_turn,
    simulation_next,
    simulation_connected,
    simulation_received,
    simulation_closed,
    worker_begin,
    worker_asked,
    worker_advance,
    worker_forget,
    worker_webhook,
    worker_fill,
    worker_end,
    poller_lease,
    poller_failed,
    poller_list,
    poller_listed,
    worker_gate,
    worker_kept,
    worker_health,
    worker_broken,
    worker_ordered,
    worker_now,
    worker_monotonic
};


__attribute__((visibility("default"))) const worker_api_t *
worker_api(void)
{
    return &api;
}
