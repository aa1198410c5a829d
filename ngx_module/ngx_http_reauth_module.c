
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Directives, phases and life cycle.
 */


#include "ngx_http_reauth_module.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_check.h"
#include "ngx_http_reauth_events_texts.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_gate_failed.h"
#include "ngx_http_reauth_heal.h"
#include "ngx_http_reauth_notices.h"
#include "ngx_http_reauth_notify.h"
#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_lists.h"
#include "ngx_http_reauth_observe.h"
#include "ngx_http_reauth_origin.h"
#include "ngx_http_reauth_poller.h"
#include "ngx_http_reauth_public_url.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_usage.h"
#include "ngx_http_reauth_wait.h"
#include "ngx_http_reauth_watch.h"


static ngx_int_t ngx_http_reauth_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_reauth_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_reauth_init_process(ngx_cycle_t *cycle);
static void ngx_http_reauth_exit_process(ngx_cycle_t *cycle);


static ngx_conf_post_t  ngx_http_reauth_positive = {
    ngx_http_reauth_conf_positive_msec
};


static ngx_conf_post_t  ngx_http_reauth_positive_bytes = {
    ngx_http_reauth_conf_positive_size
};


static ngx_conf_post_t  ngx_http_reauth_body_memory_bounds = {
    ngx_http_reauth_conf_body_memory
};


static ngx_conf_enum_t  ngx_http_reauth_unknown_fields_modes[] = {
    { ngx_string("drop"), REAUTH_UNKNOWN_FIELDS_DROP },
    { ngx_string("reject"), REAUTH_UNKNOWN_FIELDS_REJECT },
    { ngx_string("pass"), REAUTH_UNKNOWN_FIELDS_PASS },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_reauth_redis_failure_modes[] = {
    { ngx_string("local"), 0 },
    { ngx_string("reject"), 1 },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_reauth_commands[] = {

    { ngx_string("reauth_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_zone, NULL,
                           0,
                           NGX_HTTP_REAUTH_SERVES_ANYTHING) },

    { ngx_string("reauth_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_redis, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_ANYTHING) },

    { ngx_string("reauth_redis_failure"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_reauth_main_conf_t, store.reject),
      ngx_http_reauth_rule(ngx_http_reauth_enum,
                           &ngx_http_reauth_redis_failure_modes,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_REDIS,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_secret_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_secret_file, NULL,
                           0,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_update_wait"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_reauth_main_conf_t, update_wait),
      ngx_http_reauth_rule(ngx_conf_set_msec_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_key_file, NULL,
                           0,
                           NGX_HTTP_REAUTH_SERVES_KEY) },

    { ngx_string("reauth_callers_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_callers_file, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_SERVED,
                           NGX_HTTP_REAUTH_SERVES_CALLERS) },

    { ngx_string("reauth_gate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_gate, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_MAY_BE_OFF,
                           0) },

    { ngx_string("reauth_gate_account"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, gate_account),
      ngx_http_reauth_rule(ngx_http_reauth_conf_gate_value, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_GATE
                           |NGX_HTTP_REAUTH_SERVES_CALLERS) },

    { ngx_string("reauth_gate_bypass"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, gate_bypass),
      ngx_http_reauth_rule(ngx_http_reauth_conf_gate_value, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_GATE) },

    { ngx_string("reauth_gate_max"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, gate_max),
      ngx_http_reauth_rule(ngx_conf_set_msec_slot, &ngx_http_reauth_positive,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_GATE
                           |NGX_HTTP_REAUTH_SERVES_AUTHENTICATE
                           |NGX_HTTP_REAUTH_SERVES_WEBHOOK) },

    { ngx_string("reauth_gate_hold"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, gate_hold),
      ngx_http_reauth_rule(ngx_conf_set_msec_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_GATE) },

    { ngx_string("reauth_gate_failed"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_gate_failed_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_MAY_BE_OFF,
                           NGX_HTTP_REAUTH_SERVES_GATE) },

    { ngx_string("reauth_wait_max"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_reauth_main_conf_t, wait_max),
      ngx_http_reauth_rule(ngx_conf_set_num_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_HOLD
                           |NGX_HTTP_REAUTH_SERVES_AUTHENTICATE
                           |NGX_HTTP_REAUTH_SERVES_STATUS) },

    { ngx_string("reauth_body_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_reauth_main_conf_t, body_memory),
      ngx_http_reauth_rule(ngx_conf_set_size_slot,
                           &ngx_http_reauth_body_memory_bounds,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE
                           |NGX_HTTP_REAUTH_SERVES_WEBHOOK) },

    { ngx_string("reauth_retry_after"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_retry_after_bounds, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_GATE
                           |NGX_HTTP_REAUTH_SERVES_STATUS) },

    { ngx_string("reauth_unknown_fields"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, unknown_fields),
      ngx_http_reauth_rule(ngx_http_reauth_enum,
                           &ngx_http_reauth_unknown_fields_modes,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_answer_max"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_reauth_loc_conf_t, answer_max),
      ngx_http_reauth_rule(ngx_conf_set_size_slot,
                           &ngx_http_reauth_positive_bytes,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_public_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_public_url_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE,
                           NGX_HTTP_REAUTH_SERVES_AUTHENTICATE) },

    { ngx_string("reauth_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_origin_slot, NULL,
                           NGX_HTTP_REAUTH_MAY_BE_OFF,
                           NGX_HTTP_REAUTH_SERVES_GATE
                           |NGX_HTTP_REAUTH_SERVES_AUTHENTICATE
                           |NGX_HTTP_REAUTH_SERVES_STATUS
                           |NGX_HTTP_REAUTH_SERVES_METRICS
                           |NGX_HTTP_REAUTH_SERVES_CALLERS
                           |NGX_HTTP_REAUTH_SERVES_KEY) },

    { ngx_string("reauth_authenticate"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_authenticate, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_IS_HANDLER,
                           0) },

    { ngx_string("reauth_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_status, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_IS_HANDLER,
                           0) },

    { ngx_string("reauth_webhook"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_webhook, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_POLL
                           |NGX_HTTP_REAUTH_IS_HANDLER,
                           0) },

    { ngx_string("reauth_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_conf_metrics, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_IS_HANDLER,
                           0) },

    { ngx_string("reauth_sweep"),
      NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_sweep_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_POLLER
                           |NGX_HTTP_REAUTH_MAY_BE_OFF,
                           0) },

    { ngx_string("reauth_heal"),
      NGX_HTTP_SRV_CONF|NGX_CONF_TAKE123,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_heal_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_POLLER
                           |NGX_HTTP_REAUTH_MAY_BE_OFF,
                           0) },

    { ngx_string("reauth_notify"),
      NGX_HTTP_SRV_CONF|NGX_CONF_TAKE2|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_notify_slot, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_NEEDS_STREAM,
                           0) },

    { ngx_string("reauth_poll"),
      NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_reauth_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      ngx_http_reauth_rule(ngx_http_reauth_poll, NULL,
                           NGX_HTTP_REAUTH_NEEDS_ZONE
                           |NGX_HTTP_REAUTH_MAY_BE_OFF,
                           0) },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_reauth_module_ctx = {
    ngx_http_reauth_add_variables,         /* preconfiguration */
    ngx_http_reauth_postconfiguration,     /* postconfiguration */

    ngx_http_reauth_create_main_conf,      /* create main configuration */
    ngx_http_reauth_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_reauth_create_loc_conf,       /* create location configuration */
    ngx_http_reauth_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_reauth_module = {
    NGX_MODULE_V1,
    &ngx_http_reauth_module_ctx,           /* module context */
    ngx_http_reauth_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_reauth_init_module,           /* init module */
    ngx_http_reauth_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_reauth_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_reauth_postconfiguration(ngx_conf_t *cf)
{
    ngx_array_t                  *handlers;
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    if (ngx_http_reauth_key_init(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_reauth_check(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    mcf->odd_headers = ngx_http_reauth_headers_are_odd(cf);

    if (mcf->store.redis_conf != NULL
        && ngx_http_reauth_redis_init(cf, mcf->store.redis_conf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /*
     * Handlers of a phase run in the reverse order of their registration.  The
     * module's position in "config", among the first body filters, is after
     * all HTTP modules, including try_files and mirror.
     */

    handlers = &cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers;

    if (mcf->gate_failed) {

        /* runs after the gate */

        h = ngx_array_push(handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_reauth_gate_failed_handler;
    }

    h = ngx_array_push(handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    if (mcf->store.zone.shm_zone == NULL) {
        *h = ngx_http_reauth_origin_handler;
        return NGX_OK;
    }

    *h = ngx_http_reauth_gate_handler;

    /* for attempts that were not begun by a gateway */

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_reauth_module);
    mcf->store.gate_max = lcf->gate_max == NGX_CONF_UNSET_MSEC ? 900000
                                                               : lcf->gate_max;

    ngx_http_reauth_capture_init();
    ngx_http_reauth_observe_init(mcf);

    return NGX_OK;
}


/*
 * Waiting requests must leave connections for others and for the upstream.
 * The default is derived from worker_connections, which is known when the
 * whole configuration has been read.
 */

static ngx_int_t
ngx_http_reauth_init_module(ngx_cycle_t *cycle)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_reauth_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    if (mcf->wait_max == NGX_CONF_UNSET_UINT) {
        mcf->wait_max = cycle->connection_n / 4;
    }

    ngx_http_reauth_secret_protect(mcf, cycle->log);

    return ngx_http_reauth_headers_init(cycle);
}


static ngx_http_reauth_main_conf_t *
ngx_http_reauth_cycle_conf(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_reauth_module);
}


/*
 * The keys of updates that all gateways should have: those of another key in a
 * server or a location are not compared.
 */

static reauth_seal_t **
ngx_http_reauth_main_seal(ngx_http_reauth_main_conf_t *mcf, ngx_cycle_t *cycle)
{
    ngx_http_conf_ctx_t         *http;
    ngx_http_reauth_loc_conf_t  *lcf;

    if (mcf->master_secret) {
        return &mcf->master_secret->seal;
    }

    http = (ngx_http_conf_ctx_t *) ngx_get_conf(cycle->conf_ctx,
                                                ngx_http_module);
    lcf = http->loc_conf[ngx_http_reauth_module.ctx_index];

    return lcf->key == NULL || lcf->key == NGX_CONF_UNSET_PTR
           ? NULL : &lcf->key->seal;
}


static ngx_int_t
ngx_http_reauth_init_process(ngx_cycle_t *cycle)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_reauth_cycle_conf(cycle);

    if (mcf == NULL) {
        return NGX_OK;
    }

    ngx_http_reauth_secret_init_process(mcf);
    ngx_http_reauth_secret_protect(mcf, cycle->log);
    ngx_http_reauth_watch_init_process(mcf, cycle);
    ngx_http_reauth_usage_init_process(mcf);

    if (mcf->store.zone.shm_zone == NULL) {

        /* only reauth_key_file is configured */

        return NGX_OK;
    }

    ngx_http_reauth_zone_init_process(&mcf->store.zone);

    mcf->store.seal = ngx_http_reauth_main_seal(mcf, cycle);

    if (ngx_http_reauth_store_init_process(&mcf->store, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_reauth_notices_init_process(mcf, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    return mcf->store.polling
           ? ngx_http_reauth_poller_init_process(mcf->poller, &mcf->store,
                                                 cycle)
           : NGX_OK;
}


static void
ngx_http_reauth_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_reauth_cycle_conf(cycle);

    if (mcf == NULL || mcf->store.zone.shm_zone == NULL) {
        return;
    }

    if (mcf->store.polling) {
        ngx_http_reauth_poller_exit_process(mcf->poller);
    }

    ngx_http_reauth_notices_exit_process();
    ngx_http_reauth_store_exit_process(&mcf->store);
    ngx_http_reauth_wait_exit_process();
    ngx_http_reauth_events_texts_clear();
}
