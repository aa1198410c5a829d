
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/usage, and the credits in the metrics: what callers have used of
 * the upstream.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_time.h"
#include "ngx_http_reauth_metrics.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_usage.h"


#define NGX_HTTP_REAUTH_USAGE_LINE                                            \
    (sizeof("reauth_credits_used_total{caller=\"\"} \n")                     \
     + REAUTH_CALLER_MAX + NGX_INT_T_LEN)

#define NGX_HTTP_REAUTH_USAGE_ROW                                             \
    (sizeof(",{\"caller\":\"\",\"credits\":,\"calls\":,"                     \
            "\"budget\":\"/h\",\"spent\":,\"refused\":,"                      \
            "\"resets_at\":\"\"}")                                            \
     + REAUTH_CALLER_MAX + 5 * NGX_INT_T_LEN + REAUTH_TIME_MS_SIZE)


size_t
ngx_http_reauth_metrics_usage_size(ngx_http_reauth_zone_t *zone)
{
    return ngx_http_reauth_zone_usage_count(zone) * NGX_HTTP_REAUTH_USAGE_LINE;
}


/* callers are added meanwhile: no more than there is room for */

u_char *
ngx_http_reauth_metrics_usage(u_char *p, u_char *last,
    ngx_http_reauth_zone_t *zone, size_t size)
{
    ngx_str_t   name;
    ngx_uint_t  i, n;

    p = ngx_http_reauth_metrics_head(p, last, "reauth_credits_used_total",
            "counter", "Credits of the upstream that ordinary calls used, by "
            "caller.");

    n = size / NGX_HTTP_REAUTH_USAGE_LINE;

    for (i = 0; i < n; i++) {
        ngx_http_reauth_usage_name(zone, i, &name);

        p = ngx_slprintf(p, last,
                "reauth_credits_used_total{caller=\"%V\"} %uA\n", &name,
                ngx_http_reauth_zone_usage_at(zone, i)->credits);
    }

    return p;
}


/* of all gateways, in the current window */

static u_char *
ngx_http_reauth_usage_row_budget(ngx_http_request_t *r, u_char *p,
    ngx_str_t *name, ngx_http_reauth_usage_t *usage)
{
    char              until[REAUTH_TIME_MS_SIZE];
    size_t            window, spent;
    reauth_budget_t   budget;

    if (ngx_http_reauth_usage_budget_of(r, name, &budget) != NGX_OK) {
        return ngx_sprintf(p, "\"budget\":null,\"spent\":null,"
                           "\"refused\":%uA,\"resets_at\":null}",
                           usage->refused);
    }

    window = reauth_budget_window(budget.period, ngx_http_reauth_now());
    spent = ngx_http_reauth_zone_usage_spent(
                            &ngx_http_reauth_status_store(r)->zone, usage,
                            budget.period, window);

    (void) reauth_time_format_ms(until,
                                 reauth_budget_end_ms(budget.period, window));

    return ngx_sprintf(p, "\"budget\":\"%uD/%c\",\"spent\":%uz,"
                       "\"refused\":%uA,\"resets_at\":\"%s\"}",
                       budget.credits, reauth_budget_letter(budget.period),
                       spent, usage->refused, until);
}


static void
ngx_http_reauth_usage_row(ngx_http_request_t *r,
    ngx_http_reauth_status_text_t *text, ngx_str_t *name,
    ngx_http_reauth_usage_t *usage, ngx_uint_t *total)
{
    ngx_uint_t  credits;

    credits = usage->credits;
    *total += credits;

    /* the first ones may be unused */

    if (usage->len == 0 && usage->calls == 0) {
        return;
    }

    if (text->last[-1] != '[') {
        *text->last++ = ',';
    }

    text->last = ngx_sprintf(text->last,
                             "{\"caller\":\"%V\",\"credits\":%ui,"
                             "\"calls\":%uA,", name, credits, usage->calls);

    text->last = ngx_http_reauth_usage_row_budget(r, text->last, name, usage);
}


ngx_int_t
ngx_http_reauth_usage_list(ngx_http_request_t *r, ngx_str_t *rest)
{
    uint32_t                        i, n;
    ngx_int_t                       rc;
    ngx_str_t                       name;
    ngx_uint_t                      total;
    ngx_http_reauth_zone_t         *zone;
    ngx_http_reauth_status_text_t   text;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_no_params, NULL,
                                    &rc)
        != NGX_OK)
    {
        return rc;
    }

    zone = &ngx_http_reauth_status_store(r)->zone;
    n = ngx_http_reauth_zone_usage_count(zone);

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text,
                                       n * NGX_HTTP_REAUTH_USAGE_ROW
                                       + sizeof("{\"callers\":[],\"total\":}")
                                       + NGX_INT_T_LEN)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "{\"callers\":[",
                           sizeof("{\"callers\":[") - 1);
    total = 0;

    for (i = 0; i < n; i++) {
        ngx_http_reauth_usage_name(zone, i, &name);
        ngx_http_reauth_usage_row(r, &text, &name,
                                  ngx_http_reauth_zone_usage_at(zone, i),
                                  &total);
    }

    text.last = ngx_sprintf(text.last, "],\"total\":%ui}", total);

    return ngx_http_reauth_status_send(r, &text);
}
