
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Configuration: how directives are set, and how levels are merged.
 */


#include "ngx_http_reauth_module.h"
#include "ngx_http_reauth_authenticate.h"
#include "ngx_http_reauth_check.h"
#include "ngx_http_reauth_key.h"
#include "ngx_http_reauth_metrics.h"
#include "ngx_http_reauth_poller.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_watch.h"
#include "ngx_http_reauth_webhook.h"


#define NGX_HTTP_REAUTH_ZONE_MIN  (32 * ngx_pagesize)


static ngx_conf_enum_t  ngx_http_reauth_gate_modes[] = {
    { ngx_string("off"), NGX_HTTP_REAUTH_GATE_OFF },
    { ngx_string("on"), NGX_HTTP_REAUTH_GATE_ON },
    { ngx_string("dry_run"), NGX_HTTP_REAUTH_GATE_DRY_RUN },
    { ngx_null_string, 0 }
};


char *
ngx_http_reauth_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    u_char                  *p;
    ssize_t                  size;
    ngx_str_t               *value, name, s;
    ngx_http_reauth_zone_t  *zone;

    zone = &mcf->store.zone;

    if (zone->shm_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"reauth_zone\": expected "
                           "a name and a size, such as "
                           "\"accounts:32m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = p - value[1].data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"reauth_zone\" \"%V\": "
                           "expected a number followed by k or "
                           "m", &s, &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) NGX_HTTP_REAUTH_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"reauth_zone\" \"%V\" is too small: it needs at "
                           "least %uzk", &value[1],
                           (size_t) NGX_HTTP_REAUTH_ZONE_MIN / 1024);
        return NGX_CONF_ERROR;
    }

    zone->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                           &ngx_http_reauth_module);
    if (zone->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->shm_zone->init = ngx_http_reauth_zone_init;
    zone->shm_zone->data = zone;
    zone->log = cf->log;

    return NGX_CONF_OK;
}


char *
ngx_http_reauth_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    return ngx_http_reauth_store_conf_redis(cf, &mcf->store);
}


char *
ngx_http_reauth_conf_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->master_secret) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mcf->master_secret = ngx_http_reauth_secret_add(cf, mcf, &value[0],
                                                    &value[1]);

    return mcf->master_secret != NULL
           && ngx_http_reauth_secret_is_strong(cf, &value[0],
                                               mcf->master_secret,
                                               NGX_HTTP_REAUTH_SECRET_LEAST)
              == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_reauth_conf_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t                    *value;
    ngx_http_reauth_main_conf_t  *mcf;

    if (lcf->key != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    lcf->key = ngx_http_reauth_secret_add(cf, mcf, &value[0], &value[1]);

    if (lcf->key == NULL
        || ngx_http_reauth_secret_is_bearer(cf, &value[0], lcf->key) != NGX_OK
        || ngx_http_reauth_secret_is_strong(cf, &value[0], lcf->key,
                                            REAUTH_REDACT_MIN)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_reauth_conf_gate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    char           *rv;
    ngx_command_t   gate;

    gate = *cmd;
    gate.offset = offsetof(ngx_http_reauth_loc_conf_t, gate);
    gate.post = ngx_http_reauth_gate_modes;

    rv = ngx_http_reauth_enum(cf, &gate, conf);

    if (rv == NGX_CONF_OK && lcf->gate != NGX_HTTP_REAUTH_GATE_OFF) {
        lcf->gate_here = (cf->cmd_type == NGX_HTTP_LOC_CONF);
    }

    return rv;
}


char *
ngx_http_reauth_conf_gate_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t                         *value;
    ngx_http_complex_value_t         **cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = (ngx_http_complex_value_t **) (p + cmd->offset);

    if (*cv != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*cv == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_http_script_variables_count(&value[1]) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" \"%V\" contains no variable: expected one, "
                           "such as \"$arg_account\"",
                           &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = *cv;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


char *
ngx_http_reauth_conf_retry_after_bounds(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    time_t      seconds[2];
    ngx_str_t  *value;
    ngx_uint_t  i;

    if (lcf->retry_after_min != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < 2; i++) {
        seconds[i] = ngx_parse_time(&value[i + 1], 1);

        if (seconds[i] < 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in "
                               "\"reauth_retry_after\": expected a minimum "
                               "and a maximum in whole seconds, such as \"2s "
                               "10s\"", &value[i + 1]);
            return NGX_CONF_ERROR;
        }
    }

    if (seconds[0] > seconds[1]) {
        return "has a minimum larger than its maximum";
    }

    lcf->retry_after_min = seconds[0];
    lcf->retry_after_max = seconds[1];

    return NGX_CONF_OK;
}


/* a location can have one content handler only */

static char *
ngx_http_reauth_set_handler(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_reauth_loc_conf_t  *lcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "cannot be used here: the location already has a content "
               "handler, such as proxy_pass";
    }

    clcf->handler = handler;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_reauth_module);
    lcf->handler = handler;

    return NGX_CONF_OK;
}


char *
ngx_http_reauth_conf_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->forward.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\" in \"reauth_authenticate\": "
                           "expected the URI prefix of an internal location, "
                           "such as \"/upstream\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->forward = value[1];

    /* the rest of the URI begins with a slash */

    if (lcf->forward.data[lcf->forward.len - 1] == '/') {
        lcf->forward.len--;
    }

    return ngx_http_reauth_set_handler(cf,
                                       ngx_http_reauth_authenticate_handler);
}


/* a directive with one parameter at most, this word */

static ngx_int_t
ngx_http_reauth_conf_word(ngx_conf_t *cf, const char *word, ngx_uint_t *set)
{
    ngx_str_t  *value;

    if (cf->args->nelts == 1) {
        return NGX_OK;
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, word) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"%V\": expected "
                           "\"%s\" or none", &value[1], &value[0], word);
        return NGX_ERROR;
    }

    *set = 1;

    return NGX_OK;
}


char *
ngx_http_reauth_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    if (lcf->status) {
        return "is duplicate";
    }

    if (ngx_http_reauth_conf_word(cf, "operate", &lcf->operate) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->status = 1;

    return ngx_http_reauth_set_handler(cf, ngx_http_reauth_status_handler);
}


char *
ngx_http_reauth_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    if (lcf->metrics) {
        return "is duplicate";
    }

    if (ngx_http_reauth_conf_word(cf, "callers", &lcf->metrics_callers)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    lcf->metrics = 1;

    return ngx_http_reauth_set_handler(cf, ngx_http_reauth_metrics_handler);
}


char *
ngx_http_reauth_conf_webhook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_http_reauth_secret_t      *secret;
    ngx_http_reauth_main_conf_t   *mcf;

    if (lcf->webhook_nsecrets) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "pass=", 5) == 0) {

            if (lcf->webhook_pass.len) {
                return "has more than one \"pass=\"";
            }

            lcf->webhook_pass.data = value[i].data + 5;
            lcf->webhook_pass.len = value[i].len - 5;

            if (lcf->webhook_pass.len == 0
                || lcf->webhook_pass.data[0] != '/'
                || ngx_strlchr(value[i].data, value[i].data + value[i].len,
                               '?')
                   != NULL)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid \"%V\" in \"reauth_webhook\": "
                                   "expected the path of an internal "
                                   "location, such as \"pass=/events\"",
                                   &value[i]);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (lcf->webhook_nsecrets == NGX_HTTP_REAUTH_WEBHOOK_SECRETS) {
            return "takes at most two secret files";
        }

        secret = ngx_http_reauth_secret_add(cf, mcf, &value[0], &value[i]);

        if (secret == NULL
            || ngx_http_reauth_secret_is_strong(cf, &value[0], secret,
                                                NGX_HTTP_REAUTH_WEBHOOK_LEAST)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        lcf->webhook_secrets[lcf->webhook_nsecrets++] = secret;
    }

    if (lcf->webhook_nsecrets == 0) {
        return "needs a file with the secret that signs webhooks";
    }

    if (lcf->webhook_secrets[0] == lcf->webhook_secrets[1]) {
        return "specifies the same secret file twice";
    }

    return ngx_http_reauth_set_handler(cf, ngx_http_reauth_webhook_handler);
}


char *
ngx_http_reauth_conf_positive_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *msec = data;

    return *msec == 0 ? "must not be 0" : NGX_CONF_OK;
}


char *
ngx_http_reauth_conf_positive_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    return *size == 0 ? "must not be 0" : NGX_CONF_OK;
}


/* less would not be enough for a webhook of the maximum size */

char *
ngx_http_reauth_conf_body_memory(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    return *size < 1024 * 1024 ? "must be at least 1m" : NGX_CONF_OK;
}


static void
ngx_http_reauth_digest_cleanup(void *data)
{
    reauth_digest_free();
}


void *
ngx_http_reauth_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_main_conf_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (mcf == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_reauth_digest_cleanup;

    if (ngx_array_init(&mcf->secrets, cf->pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->callers, cf->pool, 1, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->uses, cf->pool, 8,
                          sizeof(ngx_http_reauth_use_t))
           != NGX_OK
        || ngx_array_init(&mcf->levels, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->watches, cf->pool, 4,
                          sizeof(ngx_http_reauth_watch_t))
           != NGX_OK)
    {
        return NULL;
    }

    mcf->store.reject = NGX_CONF_UNSET_UINT;
    mcf->update_wait = NGX_CONF_UNSET_MSEC;
    mcf->wait_max = NGX_CONF_UNSET_UINT;
    mcf->body_memory = NGX_CONF_UNSET_SIZE;

    /*
     * Other gateways may poll attempts of this one, even if it does not poll.
     */

    mcf->store.zone.schedule.interval_ms = NGX_HTTP_REAUTH_POLL_INTERVAL;
    mcf->store.zone.schedule.max_interval_ms =
        NGX_HTTP_REAUTH_POLL_INTERVAL_MAX;

    return mcf;
}


char *
ngx_http_reauth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_reauth_main_conf_t *mcf = conf;

    ngx_conf_init_uint_value(mcf->store.reject, 0);
    ngx_conf_init_msec_value(mcf->update_wait, 30000);
    ngx_conf_init_size_value(mcf->body_memory, 64 * 1024 * 1024);

    return NGX_CONF_OK;
}


void *
ngx_http_reauth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->gate = NGX_CONF_UNSET_UINT;
    lcf->gate_account = NGX_CONF_UNSET_PTR;
    lcf->gate_bypass = NGX_CONF_UNSET_PTR;
    lcf->gate_max = NGX_CONF_UNSET_MSEC;
    lcf->gate_hold = NGX_CONF_UNSET_MSEC;
    lcf->gate_failed = NGX_CONF_UNSET_MSEC;
    lcf->retry_after_min = NGX_CONF_UNSET_UINT;
    lcf->retry_after_max = NGX_CONF_UNSET_UINT;
    lcf->unknown_fields = NGX_CONF_UNSET_UINT;
    lcf->answer_max = NGX_CONF_UNSET_SIZE;
    lcf->public_url = NGX_CONF_UNSET_PTR;
    lcf->origins = NGX_CONF_UNSET_PTR;
    lcf->key = NGX_CONF_UNSET_PTR;
    lcf->callers = NGX_CONF_UNSET_PTR;
    lcf->callers_certificate = NGX_CONF_UNSET_UINT;

    return lcf;
}


/*
 * "if" and "limit_except" blocks replace the location configuration: they
 * inherit the content handler.
 */

static void
ngx_http_reauth_merge_if(ngx_http_core_loc_conf_t *clcf,
    ngx_http_reauth_loc_conf_t *prev, ngx_http_reauth_loc_conf_t *conf)
{
    clcf->handler = prev->handler;

    conf->handler = prev->handler;
    conf->forward = prev->forward;
    conf->status = prev->status;
    conf->metrics = prev->metrics;
    conf->webhook_nsecrets = prev->webhook_nsecrets;
    conf->webhook_pass = prev->webhook_pass;

    ngx_memcpy(conf->webhook_secrets, prev->webhook_secrets,
               sizeof(conf->webhook_secrets));

    conf->content_handler = prev->content_handler;
    conf->authorize = prev->authorize;
}


/* what the location serves, itself or by the wrapped handler */

static void
ngx_http_reauth_merge_handler(ngx_http_core_loc_conf_t *clcf,
    ngx_http_reauth_loc_conf_t *conf)
{
    if (conf->forward.len || conf->status || conf->metrics
        || conf->webhook_nsecrets)
    {

        /*
         * These handlers check themselves; nested locations are not checked by
         * them.
         */

        conf->gate_inner = conf->gate;
        conf->gate = NGX_HTTP_REAUTH_GATE_OFF;

        /* the module has its own limits for request bodies */

        if (conf->forward.len || conf->webhook_nsecrets) {
            clcf->client_max_body_size = 0;
        }

    } else if (clcf->handler != NULL
               && clcf->handler != ngx_http_reauth_key_handler)
    {
        conf->content_handler = clcf->handler;
        clcf->handler = ngx_http_reauth_key_handler;

        /*
         * Callers are authenticated in locations with a key.  In locations
         * without a key, only if the directive is specified there: the
         * location may belong to another application.
         */

        conf->authorize = conf->callers != NULL
                          && (conf->key != NULL || conf->callers_here);

    } else if (clcf->handler == NULL) {

        /* static files, or content of another phase */

        conf->authorize |= conf->callers_here;
    }

    /* webhooks are signed: a page cannot create one */

    conf->guarded = conf->forward.len || conf->status || conf->metrics
                    || conf->gate == NGX_HTTP_REAUTH_GATE_ON
                    || conf->authorize
                    || (conf->content_handler != NULL && conf->key != NULL);
}


char *
ngx_http_reauth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_reauth_loc_conf_t *prev = parent;
    ngx_http_reauth_loc_conf_t *conf = child;

    ngx_uint_t                 gate;
    ngx_http_core_loc_conf_t  *clcf;

    gate = prev->handler ? prev->gate_inner : prev->gate;

    ngx_conf_merge_uint_value(conf->gate, gate, NGX_HTTP_REAUTH_GATE_OFF);
    ngx_conf_merge_ptr_value(conf->gate_account, prev->gate_account, NULL);
    ngx_conf_merge_ptr_value(conf->gate_bypass, prev->gate_bypass, NULL);
    ngx_conf_merge_msec_value(conf->gate_max, prev->gate_max, 900000);
    ngx_conf_merge_msec_value(conf->gate_hold, prev->gate_hold, 0);
    ngx_conf_merge_msec_value(conf->gate_failed, prev->gate_failed, 0);
    ngx_conf_merge_uint_value(conf->retry_after_min, prev->retry_after_min, 2);
    ngx_conf_merge_uint_value(conf->retry_after_max, prev->retry_after_max,
                              60);
    ngx_conf_merge_uint_value(conf->unknown_fields, prev->unknown_fields,
                              REAUTH_UNKNOWN_FIELDS_DROP);
    ngx_conf_merge_size_value(conf->answer_max, prev->answer_max,
                              1024 * 1024);
    ngx_conf_merge_ptr_value(conf->public_url, prev->public_url, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->key, prev->key, NULL);
    ngx_conf_merge_ptr_value(conf->callers, prev->callers, NULL);
    ngx_conf_merge_uint_value(conf->callers_certificate,
                              prev->callers_certificate, 0);

    /* also of the enclosing location */

    conf->callers_here |= prev->callers_here
                          || (conf->metrics_callers && conf->callers != NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && clcf->handler == NULL) {
        ngx_http_reauth_merge_if(clcf, prev, conf);
    }

    ngx_http_reauth_merge_handler(clcf, conf);

    return ngx_http_reauth_check_level(cf, prev, conf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}
