
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "ngx_http_reauth_scripts.h"

/* made by scripts/embed.sh when nginx is configured */
#include "ngx_http_reauth_scripts_text.h"


const ngx_http_reauth_script_t
    ngx_http_reauth_scripts[NGX_HTTP_REAUTH_SCRIPT_LAST] =
{
    [NGX_HTTP_REAUTH_SCRIPT_COMMIT] = {
        ngx_string("commit"),
        ngx_string(NGX_HTTP_REAUTH_SCRIPT_TEXT_COMMIT)
    },

    [NGX_HTTP_REAUTH_SCRIPT_LEASE] = {
        ngx_string("lease"),
        ngx_string(NGX_HTTP_REAUTH_SCRIPT_TEXT_LEASE)
    },

    [NGX_HTTP_REAUTH_SCRIPT_PROBE] = {
        ngx_string("probe"),
        ngx_string(NGX_HTTP_REAUTH_SCRIPT_TEXT_PROBE)
    }
};
