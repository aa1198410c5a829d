
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The last results of requests to the upstream, of all workers.  They are
 * single words, written without the lock.  Their times are those of the
 * monotonic clock, which is not corrected.
 */


#include "ngx_http_reauth_zone_memory.h"


void
ngx_http_reauth_zone_upstream_result(ngx_http_reauth_zone_t *zone,
    reauth_upstream_result_t result)
{
    ngx_msec_t                     now;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    /* 0: never */

    now = ngx_current_msec ? ngx_current_msec : 1;

    if (reauth_upstream_result_is_failure(result)
        && (sh->failing == 0
            || (ngx_msec_int_t) (sh->failing - sh->results[REAUTH_RESULT_OK])
               <= 0))
    {
        sh->failing = now;
    }

    sh->results[result] = now;

    if (result != REAUTH_RESULT_OK) {
        ngx_http_reauth_zone_count(zone, (ngx_http_reauth_count_e)
                                   (NGX_HTTP_REAUTH_COUNT_UPSTREAM_ERRORS
                                    + result - REAUTH_RESULT_KEY_REFUSED));
    }

    ngx_http_reauth_zone_upstream_tell(zone);
}


static int64_t
ngx_http_reauth_zone_upstream_age(ngx_atomic_uint_t at)
{
    ngx_msec_int_t  age;

    if (at == 0) {
        return -1;
    }

    age = (ngx_msec_int_t) (ngx_current_msec - at);

    if (age >= 0) {
        return age;
    }

    /*
     * The clock of another worker may be some milliseconds ahead.  On 32-bit
     * platforms, the difference is negative again after 24 days.
     */

    return age > -1000 ? 0 : -1;
}


void
ngx_http_reauth_zone_upstream(ngx_http_reauth_zone_t *zone,
    reauth_upstream_ages_t *ages, reauth_upstream_health_t *health)
{
    ngx_uint_t                     i;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    for (i = 0; i < REAUTH_RESULT_LAST; i++) {
        ages->last_ms[i] = ngx_http_reauth_zone_upstream_age(sh->results[i]);
    }

    ages->failing_ms = ngx_http_reauth_zone_upstream_age(sh->failing);

    reauth_upstream_judge(ages, health);
}


/* one worker logs a change; a rejected key is logged once for each cause */

void
ngx_http_reauth_zone_upstream_tell(ngx_http_reauth_zone_t *zone)
{
    ngx_uint_t                     level;
    ngx_atomic_uint_t              told, now;
    reauth_upstream_ages_t         ages;
    reauth_upstream_health_t       health;
    ngx_http_reauth_zone_shctx_t  *sh;

    sh = zone->sh;

    ngx_http_reauth_zone_upstream(zone, &ages, &health);

    now = health.state == REAUTH_UPSTREAM_UNAUTHORIZED
          ? (ngx_atomic_uint_t) REAUTH_UPSTREAM_STATES + health.why
          : (ngx_atomic_uint_t) health.state;

    told = sh->told_upstream;

    if (health.state == REAUTH_UPSTREAM_UNKNOWN
        || now == told
        || !ngx_atomic_cmp_set(&sh->told_upstream, told, now))
    {
        return;
    }

    if (health.state == REAUTH_UPSTREAM_OK
        && told == (ngx_atomic_uint_t) REAUTH_UPSTREAM_UNKNOWN)
    {
        return;
    }

    level = health.state == REAUTH_UPSTREAM_OK ? NGX_LOG_NOTICE
            : health.state == REAUTH_UPSTREAM_UNAUTHORIZED ? NGX_LOG_ERR
            : NGX_LOG_WARN;

    ngx_log_error(level, zone->log, 0, "reauth: the upstream is now \"%s\": %s",
                  reauth_upstream_state_name(health.state),
                  reauth_upstream_result_text(health.why));
}
