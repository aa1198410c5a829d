
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Callers: whether a request may be processed, by the rights of who sent it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_call.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_audit_entry.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_headers.h"


typedef enum {
    NGX_HTTP_REAUTH_RIGHT_GIVEN = 0,
    NGX_HTTP_REAUTH_RIGHT_NO_CALLER,
    NGX_HTTP_REAUTH_RIGHT_NO_SCOPE,
    NGX_HTTP_REAUTH_RIGHT_NO_ACCOUNT,
    NGX_HTTP_REAUTH_RIGHT_NO_TEAM,
    NGX_HTTP_REAUTH_RIGHT_NO_ROUTE,
    NGX_HTTP_REAUTH_RIGHT_ERROR
} ngx_http_reauth_right_e;


static ngx_int_t
ngx_http_reauth_caller_unknown(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    static ngx_str_t  challenge = ngx_string("Bearer realm=\"nginx-reauth\"");

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_CALLER_UNKNOWN);
    ngx_http_reauth_audit_entry_refused(r, REAUTH_ERROR_UNAUTHORIZED_CALLER);

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_reauth_add_header(r, "WWW-Authenticate", &challenge)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_UNAUTHORIZED_CALLER,
               "The caller is unknown.",
               "Send the token issued by the gateway's operator as "
               "Authorization: Bearer <token>.", NULL);
}


ngx_int_t
ngx_http_reauth_caller_forbidden(ngx_http_request_t *r, const char *message,
    const char *description)
{
    ngx_int_t  rc;

    ngx_http_reauth_count(r, NGX_HTTP_REAUTH_COUNT_CALLER_FORBIDDEN);
    ngx_http_reauth_audit_entry_refused(r, REAUTH_ERROR_FORBIDDEN_CALLER);

    rc = ngx_http_reauth_body_refuse(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_reauth_send_error(r, REAUTH_ERROR_FORBIDDEN_CALLER,
                                      message, description, NULL);
}


void
ngx_http_reauth_forget_token(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h != NULL && h->value.len != 0) {
        ngx_explicit_memzero(h->value.data, h->value.len);
        h->value.len = 0;
    }
}


void
ngx_http_reauth_drop_token(ngx_http_request_t *r)
{
    ngx_http_reauth_forget_token(r);

    if (r->headers_in.authorization != NULL) {
        ngx_http_reauth_headers_drop(r->headers_in.authorization);
    }
}


/*
 * An internal redirect clears the request's context, and the token is zeroed:
 * the caller is stored in a cleanup of the pool.
 */

static void
ngx_http_reauth_caller_remembered(void *data)
{
    /* only marks its cleanup */
}


ngx_http_reauth_known_t *
ngx_http_reauth_caller_recall(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_reauth_caller_remembered) {
            return cln->data;
        }
    }

    return NULL;
}


static ngx_http_reauth_known_t *
ngx_http_reauth_caller_remember(ngx_http_request_t *r,
    ngx_http_reauth_callers_t *callers, const reauth_caller_t *caller,
    ngx_uint_t certificate)
{
    ngx_str_t                 s;
    ngx_pool_cleanup_t       *cln;
    ngx_http_reauth_known_t  *known;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_reauth_known_t));
    if (cln == NULL) {
        return NULL;
    }

    /* the table may be replaced before the request is logged */

    s.data = (u_char *) caller->name.data;
    s.len = caller->name.len;

    known = cln->data;
    known->name.len = s.len;
    known->name.data = ngx_pstrdup(r->pool, &s);

    if (known->name.data == NULL) {
        return NULL;
    }

    ngx_memcpy(known->hash, caller->hash, REAUTH_SHA256_LEN);

    known->certificate = certificate;
    known->callers = callers;
    known->generation = callers->generation;
    known->caller = caller;
    known->allowed = 0;

    cln->handler = ngx_http_reauth_caller_remembered;

    return known;
}


/* NULL: not in the file any more */

static const reauth_caller_t *
ngx_http_reauth_caller_known(ngx_http_reauth_loc_conf_t *lcf,
    ngx_http_reauth_known_t *known)
{
    reauth_string_t             name;
    const reauth_caller_t      *caller;
    ngx_http_reauth_callers_t  *callers;

    callers = lcf->callers;

    if (known->certificate && !lcf->callers_certificate) {
        return NULL;
    }

    if (known->callers == callers
        && known->generation == callers->generation)
    {
        return known->caller;
    }

    name.data = known->name.data;
    name.len = known->name.len;

    caller = reauth_callers_find_name(callers->table, &name);

    if (caller != NULL
        && !known->certificate
        && ngx_memcmp(caller->hash, known->hash, REAUTH_SHA256_LEN) != 0)
    {
        caller = NULL;
    }

    /* after an internal redirect, another callers file may be in effect */

    if (known->callers != callers) {
        known->allowed = 0;
    }

    known->callers = callers;
    known->generation = callers->generation;
    known->caller = caller;

    return caller;
}


/* NGX_DECLINED: unknown caller */

static ngx_int_t
ngx_http_reauth_identify(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, const reauth_caller_t **caller)
{
    ngx_int_t                 rc;
    ngx_uint_t                certificate;
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_known_t  *known;

    ctx = ngx_http_reauth_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    known = ngx_http_reauth_caller_recall(r);

    if (known != NULL) {
        *caller = ngx_http_reauth_caller_known(lcf, known);

    } else {
        rc = ngx_http_reauth_caller(r, lcf, caller, &certificate);
        ngx_http_reauth_forget_token(r);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (*caller != NULL) {
            known = ngx_http_reauth_caller_remember(r, lcf->callers, *caller,
                                                    certificate);
            if (known == NULL) {
                return NGX_ERROR;
            }
        }
    }

    ctx->known = known;

    if (*caller == NULL) {
        return NGX_DECLINED;
    }

    ctx->caller = known->name;

    return NGX_OK;
}


/* *caller is set only for NGX_HTTP_REAUTH_RIGHT_GIVEN */

static ngx_http_reauth_right_e
ngx_http_reauth_right_named(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, const reauth_caller_t **caller)
{
    switch (ngx_http_reauth_identify(r, lcf, caller)) {

    case NGX_OK:
        return NGX_HTTP_REAUTH_RIGHT_GIVEN;

    case NGX_DECLINED:
        return NGX_HTTP_REAUTH_RIGHT_NO_CALLER;

    default:
        return NGX_HTTP_REAUTH_RIGHT_ERROR;
    }
}


static ngx_http_reauth_right_e
ngx_http_reauth_right(ngx_http_request_t *r, ngx_http_reauth_loc_conf_t *lcf,
    unsigned scope, const reauth_string_t *account)
{
    const reauth_caller_t    *caller;
    ngx_http_reauth_right_e   right;

    right = ngx_http_reauth_right_named(r, lcf, &caller);

    if (right != NGX_HTTP_REAUTH_RIGHT_GIVEN) {
        return right;
    }

    if (!reauth_caller_allowed(caller, scope)) {
        return NGX_HTTP_REAUTH_RIGHT_NO_SCOPE;
    }

    if (account != NULL
        && (account->len == 0
            ? caller->accounts.data != NULL
            : !reauth_caller_allowed_account(caller, account)))
    {
        return NGX_HTTP_REAUTH_RIGHT_NO_ACCOUNT;
    }

    return NGX_HTTP_REAUTH_RIGHT_GIVEN;
}


/* a request that was allowed before is rejected: the file has changed */

static void
ngx_http_reauth_right_revoked(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t    *ctx;
    ngx_http_reauth_known_t  *known;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    known = ctx->known;

    if (known != NULL
        && known->allowed != 0
        && known->allowed != known->generation)
    {
        known->allowed = 0;

        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "reauth: rights of caller \"%V\" have been revoked, its "
                      "active request is rejected", &known->name);
    }
}


#if (NGX_DEBUG)

/* rights are checked several times for a request: logs changes only */

static ngx_http_reauth_noinline void
ngx_http_reauth_right_debug(ngx_http_request_t *r,
    ngx_http_reauth_right_e right, const u_char *account, size_t len)
{
    ngx_http_reauth_ctx_t  *ctx;

    static const char  *names[] = {
        "allowed", "refused, not known", "refused, no scope",
        "refused, not its account", "refused, no path of the team",
        "refused, not its route", "refused, internal error"
    };

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx == NULL
        || (right == NGX_HTTP_REAUTH_RIGHT_GIVEN
            && ctx->known->allowed == ctx->known->generation))
    {
        return;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "reauth caller: \"%V\" %s, account \"%*s\"", &ctx->caller,
                   names[right], len, account);
}

#endif


/* the description of an error if a scope is missing */

static const char *
ngx_http_reauth_scope_missing(unsigned scope)
{
    switch (scope) {

    case REAUTH_SCOPE_UPDATE:
        return "Its token does not have the scope update; the gateway's "
               "operator can add it.";

    case REAUTH_SCOPE_ATTEMPT:
        return "Its token does not have the scope attempt; the gateway's "
               "operator can add it.";

    case REAUTH_SCOPE_STATUS:
        return "Its token does not have the scope status; the gateway's "
               "operator can add it.";

    case REAUTH_SCOPE_OPERATE:
        return "Its token does not have the scope operate; the gateway's "
               "operator can add it.";

    default: /* ordinary calls of an account */
        return "Its token does not have the scope call, or call:read for GET "
               "and HEAD; the gateway's operator can add it.";
    }
}


static ngx_int_t
ngx_http_reauth_right_answer(ngx_http_request_t *r,
    ngx_http_reauth_right_e right, unsigned scope)
{
    ngx_http_reauth_ctx_t  *ctx;

    switch (right) {

    case NGX_HTTP_REAUTH_RIGHT_GIVEN:
        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
        ctx->known->allowed = ctx->known->generation;
        return NGX_DECLINED;

    case NGX_HTTP_REAUTH_RIGHT_NO_CALLER:
        ngx_http_reauth_right_revoked(r);
        return ngx_http_reauth_caller_unknown(r);

    case NGX_HTTP_REAUTH_RIGHT_NO_SCOPE:
        ngx_http_reauth_right_revoked(r);
        return ngx_http_reauth_caller_forbidden(r,
                   "The caller is not allowed to do this.",
                   ngx_http_reauth_scope_missing(scope));

    case NGX_HTTP_REAUTH_RIGHT_NO_ACCOUNT:
        ngx_http_reauth_right_revoked(r);
        return ngx_http_reauth_caller_forbidden(r,
                   "The caller is not allowed to do this for this account.",
                   "Its token is confined to certain accounts.");

    case NGX_HTTP_REAUTH_RIGHT_NO_TEAM:
        ngx_http_reauth_right_revoked(r);
        return ngx_http_reauth_caller_forbidden(r, "The caller is not allowed "
                                                   "to call paths of the "
                                                   "team.",
                   "Its token allows paths of accounts only; the gateway's "
                   "operator can add the scope team or team:read.");

    case NGX_HTTP_REAUTH_RIGHT_NO_ROUTE:
        ngx_http_reauth_right_revoked(r);
        return ngx_http_reauth_caller_forbidden(r,
                   "The caller is not allowed to call this path with this "
                   "method.",
                   "The routes of its token do not include it.");

    default: /* NGX_HTTP_REAUTH_RIGHT_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


ngx_int_t
ngx_http_reauth_authorize(ngx_http_request_t *r, unsigned scope,
    const reauth_string_t *account)
{
    ngx_http_reauth_right_e      right;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->callers == NULL) {
        return NGX_DECLINED;
    }

    right = ngx_http_reauth_right(r, lcf, scope, account);

#if (NGX_DEBUG)
    if (r->connection->log->log_level & NGX_LOG_DEBUG_HTTP) {
        ngx_http_reauth_right_debug(r, right, account ? account->data : NULL,
                                    account ? account->len : 0);
    }
#endif

    return ngx_http_reauth_right_answer(r, right, scope);
}


static ngx_http_reauth_noinline ngx_http_reauth_right_e
ngx_http_reauth_call_judge(ngx_http_request_t *r,
    const reauth_caller_t *caller)
{
    reauth_call_t              call;
    ngx_http_reauth_ctx_t     *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    static const ngx_http_reauth_right_e  rights[] = {
        NGX_HTTP_REAUTH_RIGHT_GIVEN,
        NGX_HTTP_REAUTH_RIGHT_NO_SCOPE,
        NGX_HTTP_REAUTH_RIGHT_NO_TEAM,
        NGX_HTTP_REAUTH_RIGHT_NO_ACCOUNT,
        NGX_HTTP_REAUTH_RIGHT_NO_ROUTE
    };

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    call.method.data = r->method_name.data;
    call.method.len = r->method_name.len;
    call.path.data = r->uri.data;
    call.path.len = r->uri.len;
    call.account.data = ctx->account.data;
    call.account.len = ctx->account.len;
    call.prefix = clcf->named ? 0 : clcf->name.len;

#if (NGX_PCRE)
    if (clcf->regex) {
        call.prefix = 0;
    }
#endif

    return rights[reauth_caller_may_call(caller, &call)];
}


static ngx_http_reauth_right_e
ngx_http_reauth_call_right(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    const reauth_caller_t    *caller;
    ngx_http_reauth_right_e   right;

    right = ngx_http_reauth_right_named(r, lcf, &caller);

    if (right != NGX_HTTP_REAUTH_RIGHT_GIVEN) {
        return right;
    }

    return caller->calls_all ? NGX_HTTP_REAUTH_RIGHT_GIVEN
                             : ngx_http_reauth_call_judge(r, caller);
}


ngx_int_t
ngx_http_reauth_authorize_call(ngx_http_request_t *r)
{
    ngx_http_reauth_right_e      right;
    ngx_http_reauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    right = ngx_http_reauth_call_right(r, lcf);

#if (NGX_DEBUG)
    if (r->connection->log->log_level & NGX_LOG_DEBUG_HTTP) {
        ngx_http_reauth_ctx_t  *ctx;

        ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

        ngx_http_reauth_right_debug(r, right, ctx->account.data,
                                    ctx->account.len);
    }
#endif

    return ngx_http_reauth_right_answer(r, right, REAUTH_SCOPE_CALL);
}


ngx_uint_t
ngx_http_reauth_call_revoked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf)
{
    ngx_http_reauth_ctx_t  *ctx;

    if (!lcf->authorize || r != r->main) {
        return 0;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    /* the usual case: the file has not changed since then */

    if (ctx != NULL
        && ctx->known != NULL
        && ctx->known->generation == lcf->callers->generation
        && ctx->known->callers == lcf->callers)
    {
        return 0;
    }

    ctx = ngx_http_reauth_get_ctx(r);

    if (ctx != NULL
        && ngx_http_reauth_call_right(r, lcf) == NGX_HTTP_REAUTH_RIGHT_GIVEN)
    {
        return 0;
    }

    if (ctx != NULL) {
        ctx->caller_refused = 1;
    }

    /* not replaced by error_page */

    r->error_page = 1;

    return 1;
}


/*
 * Returns 1 if the caller is still valid, or, with *caller NULL, if callers
 * are not authenticated; otherwise 0.
 */

static ngx_uint_t
ngx_http_reauth_caller_now(ngx_http_request_t *r,
    const reauth_caller_t **caller)
{
    ngx_http_reauth_known_t     *known;
    ngx_http_reauth_loc_conf_t  *lcf;

    *caller = NULL;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->callers == NULL) {
        return 1;
    }

    known = ngx_http_reauth_caller_recall(r);

    if (known != NULL) {
        *caller = ngx_http_reauth_caller_known(lcf, known);
    }

    return *caller != NULL;
}


ngx_uint_t
ngx_http_reauth_caller_sees(ngx_http_request_t *r,
    const reauth_string_t *account)
{
    const reauth_caller_t  *caller;

    return ngx_http_reauth_caller_now(r, &caller)
           && (caller == NULL
               || reauth_caller_allowed_account(caller, account));
}


ngx_uint_t
ngx_http_reauth_caller_confined(ngx_http_request_t *r)
{
    const reauth_caller_t  *caller;

    /* the caller is no longer valid and can see nothing */

    return !ngx_http_reauth_caller_now(r, &caller)
           || (caller != NULL && caller->accounts.data != NULL);
}


ngx_uint_t
ngx_http_reauth_caller_still(ngx_http_request_t *r, unsigned scope)
{
    const reauth_caller_t  *caller;

    return ngx_http_reauth_caller_now(r, &caller)
           && (caller == NULL || reauth_caller_allowed(caller, scope));
}


void
ngx_http_reauth_caller_bounds(ngx_http_request_t *r, reauth_begin_t *begin)
{
    const reauth_caller_t       *caller;
    ngx_http_reauth_loc_conf_t  *lcf;

    if (!ngx_http_reauth_caller_now(r, &caller) || caller == NULL) {
        return;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    begin->bounded = 1;
    begin->callers = reauth_callers_count(lcf->callers->table);
    begin->attempts_max = caller->attempts;
}
