
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Calls of accounts that are known to need new credentials get the upstream's
 * 401 response from the gateway.  One call per interval is sent, the probe.  It
 * waits for its lease in Redis; all others are answered at once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_judge.h"
#include "reauth_time.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_gate_failed.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_wait.h"
#include "ngx_http_reauth_zone_failed.h"


#define NGX_HTTP_REAUTH_GATE_FAILED_SIZE                                      \
    (sizeof("\",\"state\":\"failed\",\"attempt_id\":\"\",\"since\":\"\","     \
            "\"action_required\":\"credentials\"")                            \
     + REAUTH_TIME_MS_SIZE + NGX_HTTP_REAUTH_DECISION_SIZE)


char *
ngx_http_reauth_gate_failed_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t                    *value, s;
    ngx_msec_t                    interval;
    ngx_http_reauth_main_conf_t  *mcf;

    if (lcf->gate_failed != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        lcf->gate_failed = 0;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        return "takes \"off\", or \"on\" and the time between two probes, "
               "such as \"on probe=60s\"";
    }

    lcf->gate_failed = 60000;

    if (cf->args->nelts == 3) {

        interval = (ngx_msec_t) NGX_ERROR;

        if (ngx_strncmp(value[2].data, "probe=", 6) == 0) {
            s.data = value[2].data + 6;
            s.len = value[2].len - 6;

            interval = ngx_parse_time(&s, 0);
        }

        if (interval == (ngx_msec_t) NGX_ERROR
            || interval < REAUTH_FAILED_MIN || interval > REAUTH_FAILED_MAX)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"reauth_gate_failed\": expected a time from "
                               "1s to 1d, such as \"probe=60s\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        lcf->gate_failed = interval;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);
    mcf->gate_failed = 1;

    return NGX_CONF_OK;
}


#define reauth_put(text)  p = ngx_cpymem(p, text, sizeof(text) - 1)


static ngx_int_t
ngx_http_reauth_gate_failed_send(ngx_http_request_t *r,
    const reauth_record_t *record)
{
    size_t   len;
    u_char  *start, *p;

    static ngx_str_t  answered = ngx_string("1");
    static ngx_str_t  no = ngx_string("false");

    static ngx_str_t  text = ngx_string(
        "{\"error\":\"" REAUTH_SESSION_EXPIRED "\",\"message\":"
        "\"The account is not logged in and needs new credentials.\","
        "\"description\":\"Calls of this account are not sent until it is "
        "logged in again; do not repeat the call before that.\","
        "\"account_id\":\"");

    len = text.len + ngx_strlen(record->account) + ngx_strlen(record->attempt)
          + NGX_HTTP_REAUTH_GATE_FAILED_SIZE;

    start = ngx_pnalloc(r->pool, len);
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(start, text.data, text.len);
    p = ngx_cpymem(p, record->account, ngx_strlen(record->account));

    /* a Fansly attempt has no ID of its own */

    if (record->attempt[0] != '\0'
        && ngx_strcmp(record->attempt, record->account) != 0)
    {
        reauth_put("\",\"state\":\"failed\",\"attempt_id\":\"");
        p = ngx_cpymem(p, record->attempt, ngx_strlen(record->attempt));
        reauth_put("\",\"since\":\"");

    } else {
        reauth_put("\",\"state\":\"failed\",\"attempt_id\":null,\"since\":\"");
    }

    p += reauth_time_format_ms((char *) p, record->since_ms);

    reauth_put("\",\"action_required\":\"credentials\"");

    if (ngx_http_reauth_add_header(r, "Reauth-Answered", &answered) != NGX_OK
        || ngx_http_reauth_add_header(r, "x-should-retry", &no) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_composed(r, NGX_HTTP_UNAUTHORIZED,
                                         REAUTH_SESSION_EXPIRED, start, p);
}

#undef reauth_put


static ngx_int_t
ngx_http_reauth_gate_failed_answer(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, const reauth_record_t *record)
{
    ngx_int_t  rc;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" failed, the call is not sent",
                   &ctx->account);

    ctx->gate = NGX_HTTP_REAUTH_GATE_FAILED;
    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_FAILED);

    rc = ngx_http_reauth_body_refuse(r);

    if (rc == NGX_OK) {
        rc = ngx_http_reauth_gate_failed_send(r, record);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/*
 * The call is sent; its success proves that the account is logged in, except
 * with methods that prove nothing.
 */

static ngx_int_t
ngx_http_reauth_gate_failed_try(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, ngx_http_reauth_gate_e gate, const char *why)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" failed, the call is sent: %s",
                   &ctx->account, why);

    ctx->gate = gate;

    if (ctx->tried->is_sent) {

        /* sent again by an internal redirect */

        return NGX_DECLINED;
    }

    ctx->tried->is_sent = 1;
    ngx_http_reauth_moment(&ctx->tried->sent);

    switch (gate) {

    case NGX_HTTP_REAUTH_GATE_PROBE:
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_PROBE);
        break;

    case NGX_HTTP_REAUTH_GATE_BYPASSED:
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_BYPASSED);
        break;

    case NGX_HTTP_REAUTH_GATE_WOULD_CLOSE:
        ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_GATE_WOULD_CLOSE);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "reauth: the gate would be closed for account \"%V\"",
                      &ctx->account);
        break;

    default: /* NGX_HTTP_REAUTH_GATE_OPEN */
        break;
    }

    return NGX_DECLINED;
}


static void
ngx_http_reauth_gate_failed_cleanup(void *data)
{
    ngx_http_reauth_tried_t *tried = data;

    if (tried->probe != NULL) {
        ngx_http_reauth_probe_detach(tried->probe);
        tried->probe = NULL;
    }
}


static void
ngx_http_reauth_gate_failed_leased(void *data, ngx_uint_t granted)
{
    ngx_http_reauth_tried_t *tried = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = tried->request;
    c = r->connection;

    tried->probe = NULL;
    tried->refused = !granted;
    tried->waited = 1;

    if (ngx_terminate) {

        /* the process exits without its connections */

        return;
    }

    ngx_http_set_log_request(c->log, r);

    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


/* NGX_AGAIN: Redis is asked; the handler runs again when it has replied */

static ngx_int_t
ngx_http_reauth_gate_failed_probe(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_ctx_t *ctx,
    const reauth_string_t *account)
{
    ngx_int_t                     rc;
    ngx_http_cleanup_t           *cln;
    ngx_http_reauth_tried_t      *tried;
    ngx_http_reauth_main_conf_t  *mcf;

    tried = ctx->tried;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_reauth_gate_failed_cleanup;
    cln->data = tried;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    rc = ngx_http_reauth_probe_lease(&mcf->store, account,
                                     (int64_t) lcf->gate_failed,
                                     ngx_http_reauth_gate_failed_leased, tried,
                                     &tried->probe);
    if (rc != NGX_AGAIN) {
        return ngx_http_reauth_gate_failed_try(r, ctx,
                   NGX_HTTP_REAUTH_GATE_PROBE, "it is the probe");
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" failed, the call waits for its "
                   "lease", &ctx->account);

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/* the probe, if an internal redirect has cleared the context since */

static ngx_http_reauth_tried_t *
ngx_http_reauth_gate_failed_recall(ngx_http_request_t *r,
    const reauth_string_t *account)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_reauth_tried_t  *tried;

    for (cln = r->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_reauth_gate_failed_cleanup) {
            continue;
        }

        tried = cln->data;

        if (tried->account.len == account->len
            && ngx_memcmp(tried->account.data, account->data, account->len)
               == 0)
        {
            return tried;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_reauth_gate_failed_ctx(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, const reauth_string_t *account,
    const reauth_record_t *record)
{
    ngx_http_reauth_tried_t  *tried;

    tried = ctx->tried;

    if (tried == NULL) {
        tried = ngx_pcalloc(r->pool, sizeof(ngx_http_reauth_tried_t));
        if (tried == NULL) {
            return NGX_ERROR;
        }

        tried->request = r;
        tried->account.data = (u_char *) account->data;
        tried->account.len = account->len;

        ctx->tried = tried;
    }

    ctx->operation = REAUTH_OPERATION_CALL;
    ctx->account.data = (u_char *) account->data;
    ctx->account.len = account->len;

    return ngx_http_reauth_ctx_record(r, ctx, record);
}


/* the account may be one that has failed */

static ngx_http_reauth_noinline ngx_int_t
ngx_http_reauth_gate_failed_judge(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account)
{
    ngx_uint_t                bypassed, passed, proves;
    reauth_failed_t           verdict;
    reauth_record_t           record;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_tried_t  *tried;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    tried = ctx->tried != NULL ? ctx->tried
                               : ngx_http_reauth_gate_failed_recall(r, account);

    if (tried != NULL && tried->probe != NULL) {
        return NGX_AGAIN;
    }

    bypassed = ngx_http_reauth_gate_bypassed(r, lcf);
    passed = bypassed || lcf->gate == NGX_HTTP_REAUTH_GATE_DRY_RUN;

    proves = (r->method & NGX_HTTP_REAUTH_GATE_PROVES) != 0;

    verdict = ngx_http_reauth_zone_failed(zone, account,
                                          (int64_t) lcf->gate_failed,
                                          proves && !passed && tried == NULL,
                                          &record);

    if (verdict == REAUTH_FAILED_PASS) {
        return NGX_DECLINED;
    }

    ctx->tried = tried;

    if (ngx_http_reauth_gate_failed_ctx(r, ctx, account, &record) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (tried != NULL) {

        /* Redis has replied, or an internal redirect has led here */

        return tried->refused
               ? ngx_http_reauth_gate_failed_answer(r, ctx, &record)
               : ngx_http_reauth_gate_failed_try(r, ctx,
                     NGX_HTTP_REAUTH_GATE_PROBE, "it is the probe");
    }

    if (verdict == REAUTH_FAILED_EXEMPT) {
        return ngx_http_reauth_gate_failed_try(r, ctx,
                   NGX_HTTP_REAUTH_GATE_OPEN, "its gate is kept open");
    }

    if (bypassed) {
        return ngx_http_reauth_gate_failed_try(r, ctx,
                   NGX_HTTP_REAUTH_GATE_BYPASSED, "by reauth_gate_bypass");
    }

    if (passed) {
        return ngx_http_reauth_gate_failed_try(r, ctx,
                   NGX_HTTP_REAUTH_GATE_WOULD_CLOSE, "by dry_run");
    }

    return verdict == REAUTH_FAILED_PROBE && proves
           ? ngx_http_reauth_gate_failed_probe(r, lcf, ctx, account)
           : ngx_http_reauth_gate_failed_answer(r, ctx, &record);
}


/*
 * The gate was open before Redis was asked.  Meanwhile a login may have begun,
 * or a person may have closed the gate.
 */

static ngx_int_t
ngx_http_reauth_gate_failed_again(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    reauth_string_t         account;
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx == NULL || ctx->tried == NULL || !ctx->tried->waited) {
        return NGX_DECLINED;
    }

    account.data = ctx->tried->account.data;
    account.len = ctx->tried->account.len;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth gate: account \"%V\" is looked up again, the probe "
                   "has waited", &ctx->tried->account);

    /* a gate that is closed now finalizes the request */

    return ngx_http_reauth_gate_again(r, lcf, account);
}


ngx_int_t
ngx_http_reauth_gate_failed_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    reauth_string_t               account;
    ngx_http_reauth_zone_t       *zone;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->gate_failed == 0
        || lcf->gate == NGX_HTTP_REAUTH_GATE_OFF
        || r != r->main)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_reauth_gate_failed_again(r, lcf);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    zone = &mcf->store.zone;

    if (!ngx_http_reauth_zone_any_failed(zone)
        || ngx_http_reauth_gate_account(r, lcf, &account)
           != REAUTH_ACCOUNT_FOUND
        || !ngx_http_reauth_zone_may_be_failed(zone, &account))
    {
        return NGX_DECLINED;
    }

    return ngx_http_reauth_gate_failed_judge(r, lcf, zone, &account);
}
