
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_usage.h"


ngx_uint_t  ngx_http_reauth_usage_enabled;


void
ngx_http_reauth_usage_init_process(ngx_http_reauth_main_conf_t *mcf)
{
    ngx_http_reauth_usage_enabled = mcf->callers.nelts != 0;
}


/*
 * The index of the caller's counters is a note in the table of callers, so that
 * a call looks up no name.  A table that has been reread has no notes.
 */

static ngx_http_reauth_usage_t *
ngx_http_reauth_usage_of(ngx_http_reauth_zone_t *zone,
    ngx_http_reauth_known_t *known)
{
    uint32_t  index, *note;

    note = known->caller != NULL
           && known->generation == known->callers->generation
           ? reauth_callers_note(known->callers->table, known->caller) : NULL;

    if (note != NULL && *note != 0) {
        return ngx_http_reauth_zone_usage_at(zone, *note);
    }

    index = ngx_http_reauth_zone_usage_find(zone, &known->name);

    if (note != NULL && index != NGX_HTTP_REAUTH_USAGE_OTHER) {
        *note = index;
    }

    return ngx_http_reauth_zone_usage_at(zone, index);
}


ngx_http_reauth_usage_t *
ngx_http_reauth_usage(ngx_http_request_t *r)
{
    ngx_http_reauth_ctx_t        *ctx;
    ngx_http_reauth_known_t      *known;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_reauth_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_reauth_module);

    known = ctx != NULL && ctx->known != NULL
            ? ctx->known : ngx_http_reauth_caller_recall(r);

    return known != NULL
           ? ngx_http_reauth_usage_of(&mcf->store.zone, known)
           : ngx_http_reauth_zone_usage_at(&mcf->store.zone,
                                           NGX_HTTP_REAUTH_USAGE_NONE);
}


void
ngx_http_reauth_usage_name(ngx_http_reauth_zone_t *zone, uint32_t index,
    ngx_str_t *name)
{
    ngx_http_reauth_usage_t  *usage;

    static ngx_str_t  names[NGX_HTTP_REAUTH_USAGE_FIRST] = {
        ngx_string("(other)"), ngx_string("(none)")
    };

    if (index < NGX_HTTP_REAUTH_USAGE_FIRST) {
        *name = names[index];
        return;
    }

    usage = ngx_http_reauth_zone_usage_at(zone, index);

    name->data = usage->name;
    name->len = usage->len;
}
