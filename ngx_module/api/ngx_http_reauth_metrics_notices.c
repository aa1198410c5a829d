
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The metrics of the receivers of notices; none without "reauth_notify".
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_metrics.h"
#include "ngx_http_reauth_notices.h"


/* bytes of the texts of the families, and of a line without its receiver */
#define NGX_HTTP_REAUTH_METRICS_HEADS  1024
#define NGX_HTTP_REAUTH_METRICS_LINE   128

/* lines of a receiver */
#define NGX_HTTP_REAUTH_METRICS_LINES  (NGX_HTTP_REAUTH_NOTICE_RESULTS + 3)


typedef struct {
    ngx_http_reauth_receiver_stats_t  *stats;
    size_t                             len;
    u_char                             name[NGX_HTTP_REAUTH_NOTIFY_URI_MAX];
} ngx_http_reauth_metrics_receiver_t;


static const char  *ngx_http_reauth_metrics_results[] = {
    "accepted", "refused", "failed", "expired", "lost"
};


size_t
ngx_http_reauth_metrics_notices_size(void)
{
    if (ngx_http_reauth_notices == NULL) {
        return 0;
    }

    return NGX_HTTP_REAUTH_METRICS_HEADS
           + ngx_http_reauth_notices->n * NGX_HTTP_REAUTH_METRICS_LINES
             * (NGX_HTTP_REAUTH_METRICS_LINE + NGX_HTTP_REAUTH_NOTIFY_URI_MAX);
}


/* the URI as the value of a label */

static void
ngx_http_reauth_metrics_receiver(ngx_uint_t n,
    ngx_http_reauth_metrics_receiver_t *receiver)
{
    u_char      ch;
    ngx_str_t  *uri;
    ngx_uint_t  i;

    uri = &ngx_http_reauth_notices->receivers[n].notify->uri;

    receiver->stats = ngx_http_reauth_notices->receivers[n].stats;
    receiver->len = uri->len;

    for (i = 0; i < uri->len; i++) {
        ch = uri->data[i];

        receiver->name[i] = ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\'
                            ? '_' : ch;
    }
}


static int64_t
ngx_http_reauth_metrics_oldest(const ngx_http_reauth_receiver_stats_t *stats)
{
    int64_t  oldest_ms, now_ms;

    oldest_ms = stats->oldest_ms;
    now_ms = ngx_http_reauth_now();

    return oldest_ms == 0 || oldest_ms > now_ms ? 0 : now_ms - oldest_ms;
}


u_char *
ngx_http_reauth_metrics_notices(u_char *p, u_char *last)
{
    int64_t                             age_ms;
    ngx_uint_t                          i, n, k;
    ngx_http_reauth_metrics_receiver_t  receivers[NGX_HTTP_REAUTH_NOTIFY_MAX],
                                       *r;

    if (ngx_http_reauth_notices == NULL) {
        return p;
    }

    n = ngx_http_reauth_notices->n;

    for (i = 0; i < n; i++) {
        ngx_http_reauth_metrics_receiver(i, &receivers[i]);
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_notices_total",
            "counter", "Notices sent to receivers, by result.");

    for (r = receivers; r < receivers + n; r++) {
        for (k = 0; k < NGX_HTTP_REAUTH_NOTICE_RESULTS; k++) {
            p = ngx_slprintf(p, last, "reauth_notices_total{receiver=\"%*s\","
                             "result=\"%s\"} %uA\n", r->len, r->name,
                             ngx_http_reauth_metrics_results[k],
                             r->stats->results[k]);
        }
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_notices_pending",
            "gauge", "Notices that this gateway is to deliver, up to 260.");

    for (r = receivers; r < receivers + n; r++) {
        p = ngx_slprintf(p, last, "reauth_notices_pending{receiver=\"%*s\"} "
                         "%uA\n", r->len, r->name, r->stats->pending);
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_notices_oldest_seconds",
            "gauge", "Age of the oldest of these notices; 0 without any.");

    for (r = receivers; r < receivers + n; r++) {
        age_ms = ngx_http_reauth_metrics_oldest(r->stats);

        p = ngx_slprintf(p, last, "reauth_notices_oldest_seconds{receiver="
                         "\"%*s\"} %L.%03L\n", r->len, r->name, age_ms / 1000,
                         age_ms % 1000);
    }

    p = ngx_http_reauth_metrics_head(p, last, "reauth_notices_failing",
            "gauge", "Whether notices are not accepted or cannot be read.");

    for (r = receivers; r < receivers + n; r++) {
        p = ngx_slprintf(p, last, "reauth_notices_failing{receiver=\"%*s\"} "
                         "%uA\n", r->len, r->name, r->stats->failing);
    }

    return p;
}
