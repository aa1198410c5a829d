
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A fact with copies of its texts, so that it can outlive the request that
 * reported it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_store_commit.h"


static void
ngx_http_reauth_store_fact_text(reauth_string_t *s, char *buffer, size_t max)
{
    if (s->data != NULL) {
        reauth_copy(buffer, max, s);
        *s = reauth_string_from(buffer);
    }
}


void
ngx_http_reauth_store_fact_move(ngx_http_reauth_fact_copy_t *kept)
{
    int64_t  by_ms;

    by_ms = *ngx_http_reauth_clock - kept->clock;

    kept->clock += by_ms;
    kept->fact.now_ms += by_ms;

    if (kept->fact.asked_ms) {
        kept->fact.asked_ms += by_ms;
    }
}


ngx_http_reauth_fact_copy_t *
ngx_http_reauth_store_fact_copy(ngx_http_reauth_store_t *store,
    const reauth_fact_t *fact)
{
    ngx_http_reauth_fact_copy_t  *kept;

    kept = ngx_calloc(sizeof(ngx_http_reauth_fact_copy_t), store->cycle->log);
    if (kept == NULL) {
        return NULL;
    }

    kept->fact = *fact;
    kept->clock = *ngx_http_reauth_clock;

    ngx_http_reauth_store_fact_text(&kept->fact.attempt, kept->attempt,
                                    REAUTH_ATTEMPT_MAX);
    ngx_http_reauth_store_fact_text(&kept->fact.caller, kept->caller,
                                    REAUTH_CALLER_MAX);
    ngx_http_reauth_store_fact_text(&kept->fact.progress, kept->progress,
                                    REAUTH_PROGRESS_MAX);
    ngx_http_reauth_store_fact_text(&kept->fact.error_code, kept->error_code,
                                    REAUTH_ERROR_CODE_MAX);
    ngx_http_reauth_store_fact_text(&kept->fact.error_message,
                                    kept->error_message,
                                    REAUTH_ERROR_MESSAGE_MAX);

    if (fact->sealed != NULL && fact->sealed_len <= REAUTH_SEALED_MAX) {
        ngx_memcpy(kept->sealed, fact->sealed, fact->sealed_len);
        kept->fact.sealed = kept->sealed;
    }

    return kept;
}
