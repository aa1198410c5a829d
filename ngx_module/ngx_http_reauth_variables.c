
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Variables, except $reauth_authorization, which is in upstream/.
 */


#include "ngx_http_reauth_module.h"
#include "ngx_http_reauth_gate.h"
#include "ngx_http_reauth_key.h"


static ngx_int_t ngx_http_reauth_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


enum {
    NGX_HTTP_REAUTH_VARIABLE_OPERATION = 0,
    NGX_HTTP_REAUTH_VARIABLE_ACCOUNT,
    NGX_HTTP_REAUTH_VARIABLE_ATTEMPT,
    NGX_HTTP_REAUTH_VARIABLE_AUTH_TYPE,
    NGX_HTTP_REAUTH_VARIABLE_STATE,
    NGX_HTTP_REAUTH_VARIABLE_GATE,
    NGX_HTTP_REAUTH_VARIABLE_COALESCED,
    NGX_HTTP_REAUTH_VARIABLE_CALLER,
    NGX_HTTP_REAUTH_VARIABLE_DECISION,
    NGX_HTTP_REAUTH_VARIABLE_STORE
};


static ngx_http_variable_t  ngx_http_reauth_variables[] = {

    { ngx_string("reauth_authorization"), NULL, ngx_http_reauth_key_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_operation"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_OPERATION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_account"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_ACCOUNT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_attempt"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_ATTEMPT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_auth_type"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_AUTH_TYPE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_state"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_STATE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_gate"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_GATE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_coalesced"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_COALESCED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_caller"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_CALLER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_decision"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_DECISION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("reauth_store"), NULL, ngx_http_reauth_variable,
      NGX_HTTP_REAUTH_VARIABLE_STORE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static const char  *ngx_http_reauth_gate_names[] = {
    NULL, "open", "closed", "held", "would_close", "bypassed", "failed",
    "probe"
};


ngx_int_t
ngx_http_reauth_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_reauth_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* a call that passed an open gate has no context */

static void
ngx_http_reauth_variable_of_call(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx)
{
    reauth_string_t              account;
    ngx_http_reauth_loc_conf_t  *lcf;

    if (ctx->operation != REAUTH_OPERATION_NONE) {
        return;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_reauth_module);

    if (lcf->gate == NGX_HTTP_REAUTH_GATE_OFF) {
        return;
    }

    ctx->operation = REAUTH_OPERATION_CALL;

    if (ngx_http_reauth_gate_account(r, lcf, &account)
        == REAUTH_ACCOUNT_FOUND)
    {
        ctx->account.data = (u_char *) account.data;
        ctx->account.len = account.len;
        ctx->gate = NGX_HTTP_REAUTH_GATE_OPEN;
    }
}


static ngx_int_t
ngx_http_reauth_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t               value;
    const char             *name;
    ngx_http_reauth_ctx_t  *ctx, call;

    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    if (ctx == NULL || ctx->operation == REAUTH_OPERATION_NONE
        || (ctx->operation == REAUTH_OPERATION_CALL
            && ctx->gate == NGX_HTTP_REAUTH_GATE_NONE))
    {
        ngx_memzero(&call, sizeof(ngx_http_reauth_ctx_t));

        if (ctx != NULL) {
            call.caller = ctx->caller;
            call.decision = ctx->decision;
        }

        ngx_http_reauth_variable_of_call(r, &call);
        ctx = &call;
    }

    name = NULL;
    ngx_str_null(&value);

    switch (data) {

    case NGX_HTTP_REAUTH_VARIABLE_OPERATION:
        name = reauth_operation_name(ctx->operation);
        break;

    case NGX_HTTP_REAUTH_VARIABLE_ACCOUNT:
        value = ctx->account;
        break;

    case NGX_HTTP_REAUTH_VARIABLE_ATTEMPT:
        value = ctx->attempt;
        break;

    case NGX_HTTP_REAUTH_VARIABLE_AUTH_TYPE:
        name = reauth_auth_type_name(ctx->auth_type);
        break;

    case NGX_HTTP_REAUTH_VARIABLE_STATE:
        name = ctx->state == REAUTH_STATE_NONE ? NULL
                                           : reauth_state_name(ctx->state);
        break;

    case NGX_HTTP_REAUTH_VARIABLE_GATE:
        name = ngx_http_reauth_gate_names[ctx->gate];
        break;

    case NGX_HTTP_REAUTH_VARIABLE_COALESCED:
        name = ctx->coalesced ? "1" : NULL;
        break;

    case NGX_HTTP_REAUTH_VARIABLE_CALLER:
        value = ctx->caller;
        break;

    case NGX_HTTP_REAUTH_VARIABLE_DECISION:
        value = ctx->decision;
        break;

    default: /* NGX_HTTP_REAUTH_VARIABLE_STORE */
        name = !ctx->stored ? NULL : ctx->local ? "local" : "redis";
    }

    if (name) {
        value.data = (u_char *) name;
        value.len = ngx_strlen(name);
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->len = value.len;
    v->data = value.data;

    return NGX_OK;
}
