
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Metrics with more than one label, and distributions of durations.  Each
 * series is there from the beginning: the first event is seen as an increase.
 */


#include "ngx_http_reauth_metrics.h"
#include "ngx_http_reauth_audit_entry.h"


/* the label of a value without a name */
#define ngx_http_reauth_metrics_name(name)                                    \
    ((name) != NULL ? (name) : "none")


/* a distribution; "label" is NULL, or is followed by its value */

typedef struct {
    const char         *family;
    reauth_duration_t   kind;
    const char         *label;
    const char         *value;
    ngx_uint_t          times;
} ngx_http_reauth_metrics_times_t;


static const char  *ngx_http_reauth_status_classes[] = {
    "2xx", "3xx", "4xx", "5xx"
};


static u_char *
ngx_http_reauth_metrics_updates(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  type, result;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_updates_total",
            "counter",
            "Credential updates and reauthentications, by auth_type and "
            "result.");

    for (type = 0; type < REAUTH_AUTH_TYPE_LAST; type++) {
        for (result = 0; result < NGX_HTTP_REAUTH_UPDATE_LAST; result++) {

            p = ngx_slprintf(p, last,
                    "reauth_updates_total{auth_type=\"%s\",result=\"%s\"} "
                    "%ui\n", ngx_http_reauth_metrics_name(
                        reauth_auth_type_name((reauth_auth_type_t) type)),
                    ngx_http_reauth_update_names[result],
                    ngx_http_reauth_zone_counted(zone,
                        ngx_http_reauth_count_of_update(type, result)));
        }
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_ended_by(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone, ngx_uint_t type, ngx_uint_t state)
{
    ngx_uint_t  source;

    /* REAUTH_SOURCE_OPERATOR is the last one: a person ends no attempt */

    for (source = REAUTH_SOURCE_UPDATE;
         source < REAUTH_SOURCE_OPERATOR;
         source++)
    {
        p = ngx_slprintf(p, last,
                "reauth_attempts_ended_total{auth_type=\"%s\",state=\"%s\","
                "source=\"%s\"} %ui\n",
                ngx_http_reauth_metrics_name(
                    reauth_auth_type_name((reauth_auth_type_t) type)),
                reauth_state_name((reauth_state_t) state),
                reauth_source_name((reauth_source_t) source),
                ngx_http_reauth_zone_counted(zone,
                    ngx_http_reauth_count_of_end(type, state, source)));
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_ended(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  type, state;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_attempts_ended_total",
            "counter", "Attempts whose end this gateway was the first to "
            "observe.");

    for (type = 0; type < REAUTH_AUTH_TYPE_LAST; type++) {
        for (state = REAUTH_STATE_SUCCEEDED;
             state < REAUTH_STATE_LAST;
             state++)
        {
            p = ngx_http_reauth_metrics_ended_by(p, last, zone, type, state);
        }
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_requests(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  operation, class;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_requests_total",
            "counter", "Requests of clients that the module itself served.");

    for (operation = 0; operation < REAUTH_OPERATION_LAST; operation++) {

        if (operation == REAUTH_OPERATION_CALL) {
            continue;
        }

        for (class = 0; class < NGX_HTTP_REAUTH_STATUS_LAST; class++) {
            p = ngx_slprintf(p, last,
                    "reauth_requests_total{operation=\"%s\",status=\"%s\"} "
                    "%ui\n", ngx_http_reauth_metrics_name(
                        reauth_operation_name((reauth_operation_t) operation)),
                    ngx_http_reauth_status_classes[class],
                    ngx_http_reauth_zone_counted(zone,
                        ngx_http_reauth_count_of_request(operation, class)));
        }
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_acts(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t  act, class;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_operator_requests_total",
            "counter", "Requests of persons that act on the gateway.");

    for (act = NGX_HTTP_REAUTH_ACT_OVERRIDE;
         act < NGX_HTTP_REAUTH_ACT_LAST;
         act++)
    {
        for (class = 0; class < NGX_HTTP_REAUTH_STATUS_LAST; class++) {

            if (class == NGX_HTTP_REAUTH_STATUS_3XX) {
                continue;
            }

            p = ngx_slprintf(p, last,
                    "reauth_operator_requests_total{action=\"%s\","
                    "status=\"%s\"} %ui\n",
                    ngx_http_reauth_act_names[act],
                    ngx_http_reauth_status_classes[class],
                    ngx_http_reauth_zone_counted(zone,
                        ngx_http_reauth_count_of_act(act, class)));
        }
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_distribution(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone, const ngx_http_reauth_metrics_times_t *m)
{
    u_char                    label[64], *end;
    ngx_uint_t                i, n;
    const uint32_t           *bounds;
    ngx_http_reauth_times_t   times;

    ngx_http_reauth_zone_times(zone, m->times, &times);
    bounds = reauth_duration_bounds(m->kind);

    end = label;

    if (m->label != NULL) {
        end = ngx_snprintf(label, sizeof(label), "%s=\"%s\"", m->label,
                           m->value);
    }

    n = 0;

    for (i = 0; i < REAUTH_DURATION_BUCKETS - 1; i++) {
        n += times.buckets[i];

        p = ngx_slprintf(p, last, "%s_bucket{%*s%sle=\"%uD.%03uD\"} %ui\n",
                         m->family, end - label, label,
                         m->label != NULL ? "," : "", bounds[i] / 1000,
                         bounds[i] % 1000, n);
    }

    n += times.buckets[i];

    p = ngx_slprintf(p, last, "%s_bucket{%*s%sle=\"+Inf\"} %ui\n", m->family,
                     end - label, label, m->label != NULL ? "," : "", n);

    if (m->label == NULL) {
        return ngx_slprintf(p, last, "%s_sum %ui.%03ui\n%s_count %ui\n",
                            m->family, times.sum_ms / 1000,
                            times.sum_ms % 1000, m->family, n);
    }

    return ngx_slprintf(p, last, "%s_sum{%*s} %ui.%03ui\n%s_count{%*s} %ui\n",
                        m->family, end - label, label, times.sum_ms / 1000,
                        times.sum_ms % 1000, m->family, end - label, label,
                        n);
}


static u_char *
ngx_http_reauth_metrics_logins(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       type;
    ngx_http_reauth_metrics_times_t  m;

    m.family = "reauth_login_duration_seconds";
    m.kind = REAUTH_DURATION_LOGIN;
    m.label = "auth_type";

    p = ngx_http_reauth_metrics_head(p, last, m.family, "histogram",
            "Duration of the attempts that succeeded.");

    for (type = 0; type < REAUTH_AUTH_TYPE_LAST; type++) {
        m.value = ngx_http_reauth_metrics_name(
                      reauth_auth_type_name((reauth_auth_type_t) type));
        m.times = NGX_HTTP_REAUTH_TIMES_LOGIN + type;

        p = ngx_http_reauth_metrics_distribution(p, last, zone, &m);
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_waits(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       kind;
    ngx_http_reauth_metrics_times_t  m;

    static const char  *kinds[NGX_HTTP_REAUTH_WAITS] = {
        "call", "status", "update"
    };

    m.family = "reauth_wait_duration_seconds";
    m.kind = REAUTH_DURATION_WAIT;
    m.label = "kind";

    p = ngx_http_reauth_metrics_head(p, last, m.family, "histogram",
            "Time for which requests waited for a change of an account.");

    for (kind = 0; kind < NGX_HTTP_REAUTH_WAITS; kind++) {
        m.value = kinds[kind];
        m.times = NGX_HTTP_REAUTH_TIMES_WAIT + kind;

        p = ngx_http_reauth_metrics_distribution(p, last, zone, &m);
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_responses(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       times;
    ngx_http_reauth_metrics_times_t  m;

    m.family = "reauth_upstream_duration_seconds";
    m.kind = REAUTH_DURATION_UPSTREAM;
    m.label = "operation";

    p = ngx_http_reauth_metrics_head(p, last, m.family, "histogram",
            "Duration of requests to the upstream, except ordinary calls.");

    for (times = NGX_HTTP_REAUTH_TIMES_UPSTREAM + REAUTH_OPERATION_UPDATE;
         times <= NGX_HTTP_REAUTH_TIMES_ACCOUNTS;
         times++)
    {
        m.value = times == NGX_HTTP_REAUTH_TIMES_POLLER ? "poller"
                  : times == NGX_HTTP_REAUTH_TIMES_ACCOUNTS ? "accounts"
                  : reauth_operation_name((reauth_operation_t)
                        (times - NGX_HTTP_REAUTH_TIMES_UPSTREAM));
        m.times = times;

        p = ngx_http_reauth_metrics_distribution(p, last, zone, &m);
    }

    return p;
}


static u_char *
ngx_http_reauth_metrics_redis(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                       i;
    ngx_http_reauth_metrics_times_t  m;

    static const struct {
        const char               *result;
        ngx_http_reauth_count_e   count;
    } commands[] = {
        { "replied", NGX_HTTP_REAUTH_COUNT_REDIS_REPLIED },
        { "error", NGX_HTTP_REAUTH_COUNT_REDIS_FAILED },
        { "lost", NGX_HTTP_REAUTH_COUNT_REDIS_LOST }
    };

    p = ngx_http_reauth_metrics_head(p, last, "reauth_redis_commands_total",
            "counter", "Commands to Redis, by result.");

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        p = ngx_slprintf(p, last,
                "reauth_redis_commands_total{result=\"%s\"} %ui\n",
                commands[i].result,
                ngx_http_reauth_zone_counted(zone, commands[i].count));
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_redis_connects_total",
            "counter", "Connections to Redis that became ready.");
    p = ngx_slprintf(p, last, "reauth_redis_connects_total %ui\n",
                     ngx_http_reauth_zone_counted(zone,
                         NGX_HTTP_REAUTH_COUNT_REDIS_CONNECTED));

    m.family = "reauth_redis_duration_seconds";
    m.kind = REAUTH_DURATION_REDIS;
    m.label = NULL;
    m.times = NGX_HTTP_REAUTH_TIMES_REDIS;

    p = ngx_http_reauth_metrics_head(p, last, m.family, "histogram",
            "Latency of commands to Redis, except those that block.");

    return ngx_http_reauth_metrics_distribution(p, last, zone, &m);
}


u_char *
ngx_http_reauth_metrics_labels(u_char *p, u_char *last,
    ngx_http_reauth_store_t *store)
{
    ngx_http_reauth_zone_t  *zone;

    zone = &store->zone;

    p = ngx_http_reauth_metrics_updates(p, last, zone);
    p = ngx_http_reauth_metrics_ended(p, last, zone);
    p = ngx_http_reauth_metrics_logins(p, last, zone);
    p = ngx_http_reauth_metrics_requests(p, last, zone);
    p = ngx_http_reauth_metrics_acts(p, last, zone);
    p = ngx_http_reauth_metrics_waits(p, last, zone);
    p = ngx_http_reauth_metrics_responses(p, last, zone);

    return store->redis_conf ? ngx_http_reauth_metrics_redis(p, last, zone)
                             : p;
}
