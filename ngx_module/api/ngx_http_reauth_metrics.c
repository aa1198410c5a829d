
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/metrics in Prometheus' text format 0.0.4.  Accounts and attempts
 * are never labels: their number is not limited.  Callers are a label of the
 * credits only.
 */


#include "ngx_http_reauth_metrics.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_zone_files.h"


#define NGX_HTTP_REAUTH_METRICS_SIZE  65536


typedef struct {
    const char               *name;
    const char               *help;
    const char               *label;
} ngx_http_reauth_family_t;


typedef struct {
    ngx_uint_t                family;
    const char               *value;           /* of the label */
    ngx_http_reauth_count_e   count;
} ngx_http_reauth_metric_t;


enum {
    NGX_HTTP_REAUTH_FAMILY_GATE = 0,
    NGX_HTTP_REAUTH_FAMILY_HEALS,
    NGX_HTTP_REAUTH_FAMILY_WEBHOOKS,
    NGX_HTTP_REAUTH_FAMILY_POLLS,
    NGX_HTTP_REAUTH_FAMILY_UNREAD,
    NGX_HTTP_REAUTH_FAMILY_UNKNOWN,
    NGX_HTTP_REAUTH_FAMILY_CALLERS,
    NGX_HTTP_REAUTH_FAMILY_DROPPED,
    NGX_HTTP_REAUTH_FAMILY_WITHHELD,
    NGX_HTTP_REAUTH_FAMILY_LIMITS,
    NGX_HTTP_REAUTH_FAMILY_FILES,
    NGX_HTTP_REAUTH_FAMILY_LAST
};


static const ngx_http_reauth_family_t  ngx_http_reauth_families[] = {
    { "reauth_gate_calls_total",
      "Calls of accounts with a closed gate, by result.", "result" },
    { "reauth_heals_total",
      "Reauthentications by the gateway itself, by result.", "result" },
    { "reauth_webhooks_total", "Webhooks, by result.", "result" },
    { "reauth_polls_total", "Background polls of this gateway, by "
                            "result.", "result" },
    { "reauth_upstream_unreadable_total",
      "Responses and webhooks of the upstream that could not be "
      "parsed.", "operation" },
    { "reauth_upstream_unknown_total",
      "Values and fields of the upstream that are unknown to the "
      "gateway.", "kind" },
    { "reauth_callers_refused_total",
      "Requests rejected because of their caller or origin.", "reason" },
    { "reauth_dropped_fields_total",
      "Credential fields that were not passed to the upstream.", "reason" },
    { "reauth_upstream_withheld_total",
      "Data of the upstream that was neither passed to clients nor "
      "stored.", "kind" },
    { "reauth_limited_total",
      "Requests rejected because a limit was reached.", "limit" },
    { "reauth_files_refused_total",
      "Changed files that a worker rejected; the previous contents are used.",
      "file" }
};


static const ngx_http_reauth_metric_t  ngx_http_reauth_metrics[] = {
    { NGX_HTTP_REAUTH_FAMILY_GATE, "closed",
      NGX_HTTP_REAUTH_COUNT_GATE_CLOSED },
    { NGX_HTTP_REAUTH_FAMILY_GATE, "held",
      NGX_HTTP_REAUTH_COUNT_GATE_HELD },
    { NGX_HTTP_REAUTH_FAMILY_GATE, "would_close",
      NGX_HTTP_REAUTH_COUNT_GATE_WOULD_CLOSE },
    { NGX_HTTP_REAUTH_FAMILY_GATE, "bypassed",
      NGX_HTTP_REAUTH_COUNT_GATE_BYPASSED },
    { NGX_HTTP_REAUTH_FAMILY_GATE, "failed",
      NGX_HTTP_REAUTH_COUNT_GATE_FAILED },
    { NGX_HTTP_REAUTH_FAMILY_GATE, "probe",
      NGX_HTTP_REAUTH_COUNT_GATE_PROBE },
    { NGX_HTTP_REAUTH_FAMILY_HEALS, "started",
      NGX_HTTP_REAUTH_COUNT_HEAL_STARTED },
    { NGX_HTTP_REAUTH_FAMILY_HEALS, "rejected",
      NGX_HTTP_REAUTH_COUNT_HEAL_REJECTED },
    { NGX_HTTP_REAUTH_FAMILY_HEALS, "unknown",
      NGX_HTTP_REAUTH_COUNT_HEAL_UNKNOWN },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "kept",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_KEPT },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "duplicate",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_DUPLICATE },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "ignored",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_IGNORED },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "bad_signature",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_BAD_SIGNATURE },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "malformed",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_MALFORMED },
    { NGX_HTTP_REAUTH_FAMILY_WEBHOOKS, "failed",
      NGX_HTTP_REAUTH_COUNT_WEBHOOK_FAILED },
    { NGX_HTTP_REAUTH_FAMILY_POLLS, "answered",
      NGX_HTTP_REAUTH_COUNT_POLL_ANSWERED },
    { NGX_HTTP_REAUTH_FAMILY_POLLS, "failed",
      NGX_HTTP_REAUTH_COUNT_POLL_FAILED },
    { NGX_HTTP_REAUTH_FAMILY_POLLS, "limited",
      NGX_HTTP_REAUTH_COUNT_POLL_LIMITED },
    { NGX_HTTP_REAUTH_FAMILY_POLLS, "refused",
      NGX_HTTP_REAUTH_COUNT_POLL_REFUSED },
    { NGX_HTTP_REAUTH_FAMILY_POLLS, "lost",
      NGX_HTTP_REAUTH_COUNT_POLL_LOST },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "update",
      NGX_HTTP_REAUTH_COUNT_UNREAD_UPDATE },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "reauthenticate",
      NGX_HTTP_REAUTH_COUNT_UNREAD_REAUTHENTICATE },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "start",
      NGX_HTTP_REAUTH_COUNT_UNREAD_START },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "poll",
      NGX_HTTP_REAUTH_COUNT_UNREAD_POLL },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "accounts",
      NGX_HTTP_REAUTH_COUNT_UNREAD_ACCOUNTS },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "call",
      NGX_HTTP_REAUTH_COUNT_UNREAD_CALL },
    { NGX_HTTP_REAUTH_FAMILY_UNREAD, "webhook",
      NGX_HTTP_REAUTH_COUNT_UNREAD_WEBHOOK },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "state",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_STATE },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "progress",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_PROGRESS },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "error_code",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_ERROR_CODE },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "event",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_EVENT },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "field",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_FIELD },
    { NGX_HTTP_REAUTH_FAMILY_UNKNOWN, "credits",
      NGX_HTTP_REAUTH_COUNT_UNKNOWN_CREDITS },
    { NGX_HTTP_REAUTH_FAMILY_CALLERS, "unknown",
      NGX_HTTP_REAUTH_COUNT_CALLER_UNKNOWN },
    { NGX_HTTP_REAUTH_FAMILY_CALLERS, "forbidden",
      NGX_HTTP_REAUTH_COUNT_CALLER_FORBIDDEN },
    { NGX_HTTP_REAUTH_FAMILY_CALLERS, "origin",
      NGX_HTTP_REAUTH_COUNT_ORIGIN_FOREIGN },
    { NGX_HTTP_REAUTH_FAMILY_DROPPED, "unknown",
      NGX_HTTP_REAUTH_COUNT_DROPPED_UNKNOWN },
    { NGX_HTTP_REAUTH_FAMILY_DROPPED, "auth_type",
      NGX_HTTP_REAUTH_COUNT_DROPPED_AUTH_TYPE },
    { NGX_HTTP_REAUTH_FAMILY_WITHHELD, "key",
      NGX_HTTP_REAUTH_COUNT_WITHHELD_KEY },
    { NGX_HTTP_REAUTH_FAMILY_WITHHELD, "polling_url",
      NGX_HTTP_REAUTH_COUNT_WITHHELD_URL },
    { NGX_HTTP_REAUTH_FAMILY_WITHHELD, "header",
      NGX_HTTP_REAUTH_COUNT_WITHHELD_HEADER },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "different_updates",
      NGX_HTTP_REAUTH_COUNT_LIMIT_DIFFERENT_UPDATES },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "waiting",
      NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "body_memory",
      NGX_HTTP_REAUTH_COUNT_LIMIT_BODIES },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "attempts",
      NGX_HTTP_REAUTH_COUNT_LIMIT_ATTEMPTS },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "waiting_caller",
      NGX_HTTP_REAUTH_COUNT_LIMIT_WAITING_CALLER },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "overrides",
      NGX_HTTP_REAUTH_COUNT_LIMIT_OVERRIDES },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "polls",
      NGX_HTTP_REAUTH_COUNT_LIMIT_POLLS },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "budget",
      NGX_HTTP_REAUTH_COUNT_LIMIT_BUDGET },
    { NGX_HTTP_REAUTH_FAMILY_LIMITS, "acts",
      NGX_HTTP_REAUTH_COUNT_LIMIT_ACTS },
    { NGX_HTTP_REAUTH_FAMILY_FILES, "callers",
      NGX_HTTP_REAUTH_COUNT_FILE_CALLERS },
    { NGX_HTTP_REAUTH_FAMILY_FILES, "secret",
      NGX_HTTP_REAUTH_COUNT_FILE_SECRET }
};


u_char *
ngx_http_reauth_metrics_head(u_char *p, u_char *last, const char *name,
    const char *type, const char *help)
{
    return ngx_slprintf(p, last, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                        name, type);
}


static u_char *
ngx_http_reauth_metrics_value(u_char *p, u_char *last, const char *name,
    const char *type, const char *help, ngx_uint_t value)
{
    p = ngx_http_reauth_metrics_head(p, last, name, type, help);

    return ngx_slprintf(p, last, "%s %ui\n", name, value);
}


static u_char *
ngx_http_reauth_metrics_counts(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       i, family;
    const ngx_http_reauth_family_t  *f;
    const ngx_http_reauth_metric_t  *m;

    family = NGX_HTTP_REAUTH_FAMILY_LAST;

    for (i = 0;
         i < sizeof(ngx_http_reauth_metrics) / sizeof(*m);
         i++)
    {
        m = &ngx_http_reauth_metrics[i];
        f = &ngx_http_reauth_families[m->family];

        if (m->family != family) {
            family = m->family;
            p = ngx_http_reauth_metrics_head(p, last, f->name, "counter",
                                             f->help);
        }

        p = ngx_slprintf(p, last, "%s{%s=\"%s\"} %ui\n", f->name, f->label,
                         m->value,
                         ngx_http_reauth_zone_counted(zone, m->count));
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_files(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       i;
    const ngx_http_reauth_metric_t  *m;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_files_stale", "gauge",
            "Whether a worker uses the previous content of a file, as it "
            "rejected the change.");

    for (i = 0;
         i < sizeof(ngx_http_reauth_metrics) / sizeof(*m);
         i++)
    {
        m = &ngx_http_reauth_metrics[i];

        if (m->family == NGX_HTTP_REAUTH_FAMILY_FILES) {
            p = ngx_slprintf(p, last, "reauth_files_stale{file=\"%s\"} %ui\n",
                             m->value,
                             ngx_http_reauth_zone_stale(zone, m->count));
        }
    }

    return p;
}


/* all reasons are present, so that alerts can refer to them */

static u_char *
ngx_http_reauth_metrics_degraded(u_char *p, u_char *last,
    ngx_http_reauth_store_t *store)
{
    unsigned         i, k, n, set;
    const char      *name;
    reauth_health_t  health;
    reauth_reason_t  reasons[REAUTH_REASONS_MAX];

    ngx_http_reauth_store_health(store, &health);

    n = reauth_health_reasons(&health, reasons);

    p = ngx_http_reauth_metrics_head(p, last, "reauth_degraded", "gauge",
                                     "Whether readyz has this reason.");

    for (i = 0; (name = reauth_reason_names(i)) != NULL; i++) {

        set = 0;

        for (k = 0; k < n; k++) {
            set |= ngx_strcmp(reauth_reason_name(&reasons[k]), name) == 0;
        }

        p = ngx_slprintf(p, last, "reauth_degraded{reason=\"%s\"} %ui\n",
                         name, (ngx_uint_t) set);
    }

    return p;
}


/* all states and errors are present, so that alerts can refer to them */

static u_char *
ngx_http_reauth_metrics_upstream(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                 i, n;
    reauth_upstream_ages_t     ages;
    reauth_upstream_health_t   health;

    ngx_http_reauth_zone_upstream(zone, &ages, &health);

    p = ngx_http_reauth_metrics_head(p, last, "reauth_upstream_state", "gauge",
                                     "Whether the upstream is in this state.");

    for (i = 0; i < REAUTH_UPSTREAM_STATES; i++) {
        p = ngx_slprintf(p, last, "reauth_upstream_state{state=\"%s\"} %ui\n",
                reauth_upstream_state_name((reauth_upstream_state_t) i),
                (ngx_uint_t) (health.state == i));
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_upstream_errors_total",
            "counter", "Requests with the API key that the upstream "
            "rejected or did not respond to, by error.");

    for (i = REAUTH_RESULT_KEY_REFUSED; i < REAUTH_RESULT_LAST; i++) {

        n = NGX_HTTP_REAUTH_COUNT_UPSTREAM_ERRORS + i
            - REAUTH_RESULT_KEY_REFUSED;

        p = ngx_slprintf(p, last,
                "reauth_upstream_errors_total{error=\"%s\"} %ui\n",
                reauth_upstream_result_name((reauth_upstream_result_t) i),
                ngx_http_reauth_zone_counted(zone,
                                             (ngx_http_reauth_count_e) n));
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_seconds(u_char *p, u_char *last, const char *name,
    const char *label, const char *value, int64_t ms)
{
    return ngx_slprintf(p, last, "%s{%s=\"%s\"} %L.%03L\n", name, label, value,
                        ms / 1000, ms % 1000);
}


static u_char *
ngx_http_reauth_metrics_poller(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t              i;
    reauth_poll_backlog_t   backlog;

    static const struct {
        const char               *reason;
        ngx_http_reauth_count_e   count;
    } throttled[] = {
        { "rate", NGX_HTTP_REAUTH_COUNT_THROTTLED_RATE },
        { "concurrency", NGX_HTTP_REAUTH_COUNT_THROTTLED_CONCURRENCY },
        { "pause", NGX_HTTP_REAUTH_COUNT_THROTTLED_PAUSE }
    };

    ngx_http_reauth_zone_get_backlog(zone, &backlog);

    p = ngx_http_reauth_metrics_head(p, last, "reauth_polls_due", "gauge",
                                     "Attempts whose poll is due, up to 100.");

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        p = ngx_slprintf(p, last, "reauth_polls_due{class=\"%s\"} %ui\n",
                reauth_schedule_class_name((reauth_poll_class_t) i),
                (ngx_uint_t) backlog.due[i]);
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_polls_lag_seconds",
            "gauge", "Time for which the first of these polls has been due.");

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        p = ngx_http_reauth_metrics_seconds(p, last,
                "reauth_polls_lag_seconds", "class",
                reauth_schedule_class_name((reauth_poll_class_t) i),
                backlog.lag_ms[i]);
    }

    p = ngx_http_reauth_metrics_head(p, last,
            "reauth_polls_throttled_seconds_total", "counter",
            "Time during which polls that were due could not be sent.");

    for (i = 0; i < sizeof(throttled) / sizeof(throttled[0]); i++) {
        p = ngx_http_reauth_metrics_seconds(p, last,
                "reauth_polls_throttled_seconds_total", "reason",
                throttled[i].reason,
                (int64_t) ngx_http_reauth_zone_counted(zone,
                                                       throttled[i].count));
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_zone(u_char *p, u_char *last,
    ngx_http_reauth_store_t *store)
{
    int64_t                         age_ms, offset_ms;
    ngx_uint_t                      i, up, lag;
    ngx_http_reauth_zone_summary_t  summary;

    ngx_http_reauth_zone_summary(&store->zone, &summary);
    ngx_http_reauth_zone_get_redis(&store->zone, &up, &lag);

    p = ngx_http_reauth_metrics_head(p, last, "reauth_accounts", "gauge",
                                     "Accounts in the shared memory, by "
                                     "state.");

    for (i = REAUTH_STATE_STARTING; i < REAUTH_STATE_LAST; i++) {
        p = ngx_slprintf(p, last, "reauth_accounts{state=\"%s\"} %ui\n",
                         reauth_state_name(i), summary.states[i]);
    }

    age_ms = summary.oldest_since_ms == 0
             ? 0 : ngx_http_reauth_now() - summary.oldest_since_ms;

    p = ngx_http_reauth_metrics_value(p, last, "reauth_oldest_active_seconds",
            "gauge", "Age of the oldest active attempt; 0 without active ones.",
            age_ms > 0 ? (ngx_uint_t) (age_ms / 1000) : 0);

    p = ngx_http_reauth_metrics_value(p, last, "reauth_key_unavailable_total",
            "counter", "Requests that were not sent without a usable API key.",
            ngx_http_reauth_zone_counted(&store->zone,
                NGX_HTTP_REAUTH_COUNT_KEY_UNAVAILABLE));
    p = ngx_http_reauth_metrics_value(p, last, "reauth_zone_size_bytes",
            "gauge", "Size of the shared memory.", summary.size);
    p = ngx_http_reauth_metrics_value(p, last, "reauth_zone_free_bytes",
            "gauge", "Free pages of the shared memory.", summary.free);
    p = ngx_http_reauth_metrics_value(p, last, "reauth_zone_dropped_total",
            "counter", "Changes that did not fit in the shared memory.",
            summary.dropped);
    p = ngx_http_reauth_metrics_value(p, last, "reauth_zone_evicted_total",
            "counter", "Ended records that were removed to free space.",
            summary.evicted);

    p = ngx_http_reauth_metrics_value(p, last, "reauth_clerk_takeovers_total",
            "counter", "Times that a worker process replaced one that did not "
            "respond.", ngx_http_reauth_zone_counted(&store->zone,
                NGX_HTTP_REAUTH_COUNT_CLERK_TAKEN));

    offset_ms = ngx_http_reauth_clock_offset_ms();

    p = ngx_http_reauth_metrics_head(p, last, "reauth_clock_offset_seconds",
            "gauge", "Time by which the system clock is ahead of the clock of "
            "the fleet.");
    p = ngx_slprintf(p, last, "reauth_clock_offset_seconds %s%L.%03L\n",
                     offset_ms < 0 ? "-" : "", ngx_abs(offset_ms) / 1000,
                     ngx_abs(offset_ms) % 1000);

    p = ngx_http_reauth_metrics_files(p, last, &store->zone);
    p = ngx_http_reauth_metrics_degraded(p, last, store);
    p = ngx_http_reauth_metrics_upstream(p, last, &store->zone);
    p = ngx_http_reauth_metrics_poller(p, last, &store->zone);

    p = ngx_http_reauth_metrics_head(p, last, "reauth_build_info", "gauge",
                                     "1, with the versions as labels.");
    p = ngx_slprintf(p, last, "reauth_build_info{version=\""
                     NGX_HTTP_REAUTH_VERSION "\",nginx=\"" NGINX_VERSION
                     "\"} 1\n");

    if (store->redis_conf == NULL) {
        return p;
    }

    p = ngx_http_reauth_metrics_value(p, last, "reauth_redis_up", "gauge",
            "Whether the gateway is connected to Redis.", up);
    p = ngx_http_reauth_metrics_head(p, last, "reauth_redis_latency_seconds",
            "gauge", "Latency of the last reply of Redis.");
    p = ngx_slprintf(p, last, "reauth_redis_latency_seconds %ui.%03ui\n",
                     lag / 1000, lag % 1000);

    return ngx_http_reauth_metrics_value(p, last, "reauth_redis_unwritten",
               "gauge", "Changed records not yet written to Redis.",
               summary.dirty);
}


ngx_int_t
ngx_http_reauth_metrics_handler(ngx_http_request_t *r)
{
    size_t                        usage, size;
    u_char                       *p, *last;
    ngx_int_t                     rc;
    ngx_str_t                     body;
    ngx_http_reauth_loc_conf_t   *lcf;
    ngx_http_reauth_main_conf_t  *mcf;

    static ngx_str_t        allow = ngx_string("GET, HEAD");
    static reauth_string_t  all = reauth_string("");

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_reauth_serve_ctx(r, REAUTH_OPERATION_METRICS) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->callers_here) {
        rc = ngx_http_reauth_authorize(r, REAUTH_SCOPE_OPERATE, &all);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_reauth_method_not_allowed(r, &allow);
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    usage = ngx_http_reauth_metrics_usage_size(&mcf->store.zone);
    size = NGX_HTTP_REAUTH_METRICS_SIZE + usage
           + ngx_http_reauth_metrics_notices_size();

    body.data = ngx_pnalloc(r->pool, size);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = body.data + size;

    p = ngx_http_reauth_metrics_counts(body.data, last, &mcf->store.zone);
    p = ngx_http_reauth_metrics_labels(p, last, &mcf->store);
    p = ngx_http_reauth_metrics_zone(p, last, &mcf->store);
    p = ngx_http_reauth_metrics_notices(p, last);
    p = ngx_http_reauth_metrics_usage(p, last, &mcf->store.zone, usage);

    if (p == last) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "reauth: the metrics do not fit into their buffer");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.len = p - body.data;

    ngx_str_set(&r->headers_out.content_type,
                "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return ngx_http_reauth_send_body(r, NGX_HTTP_OK, &body);
}
