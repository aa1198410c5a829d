
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The configuration at each level.
 */


#ifndef _NGX_HTTP_REAUTH_CONF_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_callers.h"
#include "ngx_http_reauth_compat.h"
#include "ngx_http_reauth_store.h"


/* also in packaging/debian/changelog */
#define NGX_HTTP_REAUTH_VERSION  "0.1.0"


/* reauth_webhook: two secrets, so that they can be changed */
#define NGX_HTTP_REAUTH_WEBHOOK_SECRETS  2

/* reauth_gate */

#define NGX_HTTP_REAUTH_GATE_OFF      0
#define NGX_HTTP_REAUTH_GATE_ON       1
#define NGX_HTTP_REAUTH_GATE_DRY_RUN  2


typedef struct ngx_http_reauth_secret_s   ngx_http_reauth_secret_t;
typedef struct ngx_http_reauth_callers_s  ngx_http_reauth_callers_t;
typedef struct ngx_http_reauth_poller_s   ngx_http_reauth_poller_t;
typedef struct ngx_http_reauth_notify_s   ngx_http_reauth_notify_t;


/* a directive of this module in the configuration */

typedef struct {
    struct ngx_http_reauth_rule_s      *rule;
    u_char                             *directive;
    u_char                             *file;
    ngx_uint_t                          line;
    struct ngx_http_reauth_loc_conf_s  *level;
} ngx_http_reauth_use_t;


typedef struct {
    ngx_http_reauth_store_t   store;           /* .zone.shm_zone NULL: none */
    ngx_http_reauth_secret_t *master_secret;   /* NULL: from the API key */
    ngx_array_t               secrets;         /* ngx_http_reauth_secret_t * */
    ngx_array_t               callers;         /* ngx_http_reauth_callers_t * */
    ngx_array_t               watches;         /* ngx_http_reauth_watch_t */
    ngx_event_t               watch_timer;
    ngx_int_t                 key_index;       /* NGX_ERROR: nothing uses it */
    ngx_array_t               uses;            /* ngx_http_reauth_use_t */
    ngx_array_t               levels;          /* *_loc_conf_t *, merged */
    ngx_http_reauth_poller_t *poller;          /* NULL: no reauth_poll */
    ngx_array_t               notifies;        /* ngx_http_reauth_notify_t */
    ngx_msec_t                update_wait;
    ngx_uint_t                wait_max;        /* requests, of a worker */
    size_t                    body_memory;     /* bytes, of a worker */
    ngx_uint_t                gate_failed;     /* flag: it is used */
    ngx_uint_t                heal_set;        /* flag: reauth_heal is set */
    ngx_uint_t                sweep_set;       /* flag: reauth_sweep is set */
    ngx_uint_t                odd_headers;     /* flag: "_" in names passes */
} ngx_http_reauth_main_conf_t;


typedef struct ngx_http_reauth_loc_conf_s {
    ngx_uint_t                gate;
    ngx_uint_t                gate_here;       /* set in the location */
    ngx_uint_t                gate_inner;      /* of locations in this one, if
                                                  its handler is ours */
    ngx_http_complex_value_t *gate_account;    /* NULL: the path's segment */
    ngx_http_complex_value_t *gate_bypass;     /* NULL: none */
    ngx_msec_t                gate_max;
    ngx_msec_t                gate_hold;       /* 0: no call is held */
    ngx_msec_t                gate_failed;     /* between probes; 0: off */
    ngx_uint_t                retry_after_min; /* seconds */
    ngx_uint_t                retry_after_max;
    ngx_uint_t                unknown_fields;  /* reauth_unknown_fields_t */
    ngx_str_t                 forward;         /* reauth_authenticate's uri */
    size_t                    answer_max;
    ngx_http_complex_value_t *public_url;      /* NULL: from request */
    ngx_array_t              *origins;         /* reauth_string_t; NULL: none */
    ngx_uint_t                guarded;         /* origin is checked */
    ngx_http_reauth_secret_t *key;             /* NULL: none */
    ngx_http_reauth_callers_t *callers;        /* NULL: none */
    ngx_uint_t                callers_certificate;
    ngx_uint_t                callers_here;    /* specified in a location */
    ngx_uint_t                authorize;       /* calls are authenticated */
    ngx_uint_t                status;          /* reauth_status is here */
    ngx_uint_t                operate;         /* without a callers file */
    ngx_uint_t                metrics;         /* reauth_metrics is here */
    ngx_uint_t                metrics_callers; /* an inherited callers file is
                                                  used for them */
    ngx_uint_t                webhook_nsecrets; /* 0: no reauth_webhook here */
    ngx_http_reauth_secret_t *webhook_secrets[NGX_HTTP_REAUTH_WEBHOOK_SECRETS];
    ngx_str_t                 webhook_pass;    /* empty: not passed on */
    ngx_http_handler_pt       handler;         /* of these, NULL: none here */
    ngx_http_handler_pt       content_handler; /* wrapped by ours */

    /* for the check of the configuration */
    struct ngx_http_reauth_loc_conf_s *parent; /* NULL: the http level */
    ngx_http_core_loc_conf_t *core;
    ngx_uint_t                serves;          /* what needs its directives */
} ngx_http_reauth_loc_conf_t;


extern ngx_module_t  ngx_http_reauth_module;


#endif /* _NGX_HTTP_REAUTH_CONF_H_INCLUDED_ */
