
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Limits of the resources that act on the gateway.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_operate.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_audit_entry.h"


/* ms; entries are written at once, or after Redis is available again */
#define NGX_HTTP_REAUTH_ACT_RETRY  1000


ngx_int_t
ngx_http_reauth_operate_too_many(ngx_http_reauth_operate_t *op,
    ngx_http_reauth_count_e count, int64_t wait_ms, const char *description)
{
    u_char     *p;
    ngx_str_t   retry;

    ngx_http_reauth_count(op->request, count);

    p = ngx_pnalloc(op->request->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    retry.data = p;
    retry.len = ngx_sprintf(p, "%L", (wait_ms + 999) / 1000) - p;

    if (ngx_http_reauth_add_header(op->request, "Retry-After", &retry)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(op->request,
                                      REAUTH_ERROR_TOO_MANY_REQUESTS,
                                      "There are too many such requests.",
                                      description, NULL);
}


/*
 * An act whose entry would replace one that is not in Redis yet is not carried
 * out: otherwise, who acts often enough leaves no trace.
 */

ngx_int_t
ngx_http_reauth_operate_act(ngx_http_reauth_operate_t *op)
{
    ngx_http_request_t     *r;
    ngx_http_reauth_ctx_t  *ctx;

    r = op->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx->act == NGX_HTTP_REAUTH_ACT_NONE
        || !ngx_http_reauth_audit_entry_full(r, ctx))
    {
        return op->resource->handler(op);
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "reauth: request to act on the gateway rejected: too many "
                  "entries of the audit log are not in Redis; caller \"%V\"",
                  &ctx->caller);

    return ngx_http_reauth_operate_too_many(op,
               NGX_HTTP_REAUTH_COUNT_LIMIT_ACTS, NGX_HTTP_REAUTH_ACT_RETRY,
               "The audit log has no room until its entries are in Redis. "
               "Nothing was changed. Retry later.");
}
