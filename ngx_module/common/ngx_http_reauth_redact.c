
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream gets the API key, and may repeat it in anything that it says,
 * as in "bad key ...": it is overwritten in what is captured, before anything
 * of it is read, logged, kept or passed on.
 */


#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_secret.h"


/* an upstream that always does it is not to fill the log */
#define NGX_HTTP_REAUTH_REDACT_TIME  10000


static void
ngx_http_reauth_redacted(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what)
{
    static ngx_msec_t  at;
    static ngx_uint_t  logged, skipped;

    ngx_http_reauth_zone_count(&mcf->store.zone,
                               NGX_HTTP_REAUTH_COUNT_WITHHELD_KEY);

    if (logged && ngx_current_msec - at < NGX_HTTP_REAUTH_REDACT_TIME) {
        skipped++;
        return;
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "reauth: the upstream repeats the API key in %s, it is "
                  "overwritten; %ui more were not logged", what, skipped);

    logged = 1;
    at = ngx_current_msec;
    skipped = 0;
}


void
ngx_http_reauth_redact(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what, u_char *p, size_t len)
{
    size_t                      n;
    ngx_uint_t                  i;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;
    n = 0;

    for (i = 0; i < mcf->secrets.nelts; i++) {

        if (!secrets[i]->bearer) {
            continue;
        }

        n += reauth_redact(secrets[i]->redact, p, len);

        if (secrets[i]->previous_redact != NULL) {
            n += reauth_redact(secrets[i]->previous_redact, p, len);
        }
    }

    if (n != 0) {
        ngx_http_reauth_redacted(mcf, log, what);
    }
}


ngx_uint_t
ngx_http_reauth_redact_find(ngx_http_reauth_main_conf_t *mcf, const u_char *p,
    size_t len)
{
    ngx_uint_t                  i;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;

    for (i = 0; i < mcf->secrets.nelts; i++) {

        if (secrets[i]->bearer
            && (reauth_redact_find(secrets[i]->redact, p, len)
                || (secrets[i]->previous_redact != NULL
                    && reauth_redact_find(secrets[i]->previous_redact, p,
                                          len))))
        {
            return 1;
        }
    }

    return 0;
}
