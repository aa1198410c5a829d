
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_audit_entry.h"
#include "ngx_http_reauth_zone_audit.h"


const char  *ngx_http_reauth_act_names[NGX_HTTP_REAUTH_ACT_LAST] = {
    NULL, "override", "override_end", "poll", "forget", "drain", "drain_end"
};


static void
ngx_http_reauth_audit_entry_copy(char *dst, size_t max, const ngx_str_t *value)
{
    reauth_string_t  s;

    s.data = value->data;
    s.len = value->len;

    reauth_copy(dst, max, &s);
}


/* an account or an attempt that is not valid may be a misplaced secret */

static void
ngx_http_reauth_audit_entry_ids(reauth_audit_t *entry,
    ngx_http_reauth_ctx_t *ctx, ngx_http_reauth_zone_t *zone)
{
    reauth_string_t  id;

    id.data = ctx->account.data;
    id.len = ctx->account.len;

    if (reauth_id_is_account(&id)) {
        reauth_copy(entry->account, REAUTH_ACCOUNT_MAX, &id);
    }

    id.data = ctx->attempt.data;
    id.len = ctx->attempt.len;

    if (reauth_id_kind(&id) == REAUTH_ID_ATTEMPT) {
        reauth_copy(entry->attempt, REAUTH_ATTEMPT_MAX, &id);

        if (entry->account[0] == '\0'
            && ngx_http_reauth_zone_find_owner(zone, &id, entry->account)
               != NGX_OK)
        {
            entry->account[0] = '\0';
        }
    }
}


static void
ngx_http_reauth_audit_entry_source(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, reauth_audit_t *entry)
{
    ngx_http_reauth_audit_entry_copy(entry->caller, REAUTH_CALLER_MAX,
                                     &ctx->caller);
    ngx_http_reauth_audit_entry_copy(entry->address, REAUTH_AUDIT_ADDRESS_MAX,
                                     &r->connection->addr_text);
}


/*
 * While Redis is unavailable, gates must be opened and closed all the same:
 * only the last entries are kept then, as without Redis.
 */

ngx_uint_t
ngx_http_reauth_audit_entry_full(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    reauth_audit_t                entry;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    if (mcf->store.redis_conf == NULL
        || !ngx_http_reauth_store_writes(&mcf->store))
    {
        return 0;
    }

    ngx_memzero(&entry, sizeof(reauth_audit_t));

    entry.kind = REAUTH_AUDIT_ACTS;
    entry.at_ms = ngx_http_reauth_now();
    ngx_http_reauth_audit_entry_source(r, ctx, &entry);

    return ngx_http_reauth_zone_audit_full(&mcf->store.zone, &entry);
}


static void
ngx_http_reauth_audit_entry_add(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, reauth_audit_class_t kind, const char *outcome)
{
    ngx_str_t                     text;
    const char                   *action;
    reauth_audit_t                entry;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);

    /* a configuration that only adds the API key needs no zone */

    if (mcf->store.zone.shm_zone == NULL) {
        return;
    }

    ngx_memzero(&entry, sizeof(reauth_audit_t));

    entry.kind = (uint8_t) kind;
    entry.at_ms = ngx_http_reauth_now();
    entry.gate = (uint8_t) ctx->act_gate;
    entry.until_ms = ctx->act_until_ms;

    action = ngx_http_reauth_act_names[ctx->act];

    if (action == NULL) {
        action = reauth_operation_name(ctx->operation);
    }

    text.data = (u_char *) (action != NULL ? action : "call");
    text.len = ngx_strlen(text.data);

    ngx_http_reauth_audit_entry_copy(entry.action, REAUTH_AUDIT_ACTION_MAX,
                                     &text);

    text.data = (u_char *) outcome;
    text.len = ngx_strlen(outcome);

    ngx_http_reauth_audit_entry_copy(entry.outcome, REAUTH_AUDIT_OUTCOME_MAX,
                                     &text);

    ngx_http_reauth_audit_entry_source(r, ctx, &entry);
    ngx_http_reauth_audit_entry_copy(entry.reason, REAUTH_OVERRIDE_REASON_MAX,
                                     &ctx->act_reason);

    ngx_http_reauth_audit_entry_ids(&entry, ctx, &mcf->store.zone);

    if (ngx_http_reauth_zone_audit(&mcf->store.zone, &entry)) {
        ngx_http_reauth_store_flush_audit(&mcf->store);
    }
}


void
ngx_http_reauth_audit_entry_refused(ngx_http_request_t *r,
    reauth_error_code_t code)
{
    ngx_http_reauth_ctx_t  *ctx;

    ctx = ngx_http_reauth_get_ctx(r);

    if (ctx == NULL || ctx->audited) {
        return;
    }

    ctx->audited = 1;

    ngx_http_reauth_audit_entry_add(r, ctx, REAUTH_AUDIT_REFUSED,
                                    reauth_error_name(code));
}


/* whether requests of this kind are entered if they are not refused */

static ngx_uint_t
ngx_http_reauth_audit_entry_is_act(ngx_http_reauth_ctx_t *ctx)
{
    switch (ctx->operation) {

    case REAUTH_OPERATION_UPDATE:
    case REAUTH_OPERATION_START:
    case REAUTH_OPERATION_SUBMIT_2FA:
    case REAUTH_OPERATION_SEND_EMAIL:
    case REAUTH_OPERATION_REAUTHENTICATE:
        return 1;

    default:
        return ctx->act != NGX_HTTP_REAUTH_ACT_NONE;
    }
}


/* of a failed account, it is the account that is not logged in */

static ngx_uint_t
ngx_http_reauth_audit_entry_is_unauthorized(ngx_http_reauth_ctx_t *ctx,
    ngx_uint_t status)
{
    return status == NGX_HTTP_UNAUTHORIZED
           && ctx->error != NULL
           && ctx->gate != NGX_HTTP_REAUTH_GATE_FAILED;
}


static ngx_http_reauth_noinline void
ngx_http_reauth_audit_entry_compose(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    u_char                 buffer[sizeof("HTTP_") + NGX_INT_T_LEN];
    ngx_uint_t             status;
    const char            *outcome;
    reauth_audit_class_t   kind;

    status = r->headers_out.status;

    ctx->audited = 1;

    kind = reauth_audit_class(ctx->act != NGX_HTTP_REAUTH_ACT_NONE,
                              ctx->forwarded || ctx->settled != NULL,
                              ctx->error != NULL && ctx->settled == NULL,
                              (unsigned) status);

    outcome = ctx->settled != NULL ? ctx->settled : ctx->error;

    if (outcome == NULL) {

        if (status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE) {
            outcome = ctx->act != NGX_HTTP_REAUTH_ACT_NONE ? "done"
                                                           : "accepted";

        } else if (status == 0) {
            outcome = "no_response";

        } else {
            ngx_sprintf(buffer, "HTTP_%ui%Z", status);
            outcome = (const char *) buffer;
        }
    }

    ngx_http_reauth_audit_entry_add(r, ctx, kind, outcome);
}


void
ngx_http_reauth_audit_entry_served(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    if (!ctx->audited
        && (ngx_http_reauth_audit_entry_is_act(ctx)
            || ngx_http_reauth_audit_entry_is_unauthorized(ctx,
                                                     r->headers_out.status)))
    {
        ngx_http_reauth_audit_entry_compose(r, ctx);
    }
}
