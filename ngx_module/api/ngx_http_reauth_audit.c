
/*
 * Copyright (C) the nginx-reauth authors
 *
 * GET /reauth/audit: who did what, and who was refused.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_audit_log.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_cursor.h"
#include "ngx_http_reauth_operate.h"


/* of a request */

typedef struct {
    ngx_http_request_t           *request;
    reauth_audit_filter_t         filter;
    ngx_uint_t                    confined;
    ngx_http_reauth_audit_log_t  *log;       /* being read; or NULL */
} ngx_http_reauth_audit_t;


/* an entry without an account is about the gateway, or several accounts */

static ngx_uint_t
ngx_http_reauth_audit_sees(const reauth_audit_t *entry, void *data)
{
    ngx_http_reauth_audit_t *audit = data;

    reauth_string_t  account;

    if (!reauth_audit_matches(entry, &audit->filter)) {
        return 0;
    }

    if (!audit->confined) {
        return 1;
    }

    account = reauth_string_from(entry->account);

    return account.len != 0
           && ngx_http_reauth_caller_sees(audit->request, &account);
}


static ngx_int_t
ngx_http_reauth_audit_answer(ngx_http_reauth_audit_t *audit,
    ngx_http_reauth_audit_log_t *log)
{
    size_t                          len;
    ngx_uint_t                      i;
    ngx_http_request_t             *r;
    ngx_http_reauth_status_text_t   text;

    r = audit->request;

    ngx_memzero(&text, sizeof(ngx_http_reauth_status_text_t));
    text.pool = r->pool;

    if (ngx_http_reauth_status_reserve(&text, sizeof("{\"events\":["))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "{\"events\":[",
                           sizeof("{\"events\":[") - 1);

    for (i = 0; i < log->n; i++) {

        if (ngx_http_reauth_status_reserve(&text, REAUTH_AUDIT_JSON_MAX + 1)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len = reauth_audit_json((char *) text.last, &log->entries[i]);
        if (len == 0) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        text.last += len;
        *text.last++ = ',';
    }

    if (text.last[-1] == ',') {
        text.last--;
    }

    if (ngx_http_reauth_status_reserve(&text, NGX_HTTP_REAUTH_CURSOR_LEN + 64)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.last = ngx_cpymem(text.last, "],\"next_cursor\":",
                           sizeof("],\"next_cursor\":") - 1);

    if (log->done) {
        text.last = ngx_cpymem(text.last, "null", sizeof("null") - 1);

    } else {
        *text.last++ = '"';

        text.last = audit->confined
                    ? ngx_http_reauth_cursor_seal(r, text.last, log->place.ms,
                                                  log->place.rest)
                    : ngx_sprintf(text.last, "%xL-%xL", log->place.ms,
                                  log->place.rest);

        *text.last++ = '"';
    }

    text.last = ngx_sprintf(text.last, ",\"fleet\":%s}",
                            log->fleet ? "true" : "false");

    return ngx_http_reauth_status_send(r, &text);
}


static void
ngx_http_reauth_audit_handler(ngx_http_reauth_audit_log_t *log)
{
    ngx_http_reauth_audit_t *audit = log->data;

    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = audit->request;
    c = r->connection;

    audit->log = NULL;

    ngx_http_set_log_request(c->log, r);

    /* rights may have been revoked while Redis was read */

    rc = ngx_http_reauth_authorize(r, REAUTH_SCOPE_OPERATE, NULL);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_reauth_audit_answer(audit, log);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_reauth_audit_cleanup(void *data)
{
    ngx_http_reauth_audit_t *audit = data;

    if (audit->log) {
        ngx_http_reauth_audit_log_detach(audit->log);
    }
}


ngx_int_t
ngx_http_reauth_audit(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t                        rc;
    ngx_http_cleanup_t              *cln;
    ngx_http_reauth_audit_t         *audit;
    ngx_http_reauth_audit_log_t      asked;
    ngx_http_reauth_status_query_t   query;

    rc = ngx_http_reauth_operate_enabled(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_memzero(&query, sizeof(ngx_http_reauth_status_query_t));

    query.request = r;
    query.cursor.limit = NGX_HTTP_REAUTH_STATUS_LIMIT;

    if (ngx_http_reauth_status_args(r, ngx_http_reauth_status_audit_params,
                                    &query, &rc)
        != NGX_OK)
    {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_reauth_audit_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    audit = cln->data;

    ngx_memzero(audit, sizeof(ngx_http_reauth_audit_t));

    cln->handler = ngx_http_reauth_audit_cleanup;

    audit->request = r;
    audit->confined = ngx_http_reauth_caller_confined(r);

    reauth_copy(audit->filter.account, REAUTH_ACCOUNT_MAX, &query.account);
    ngx_memcpy(audit->filter.caller, query.cursor.caller,
               REAUTH_CALLER_MAX + 1);

    ngx_memzero(&asked, sizeof(ngx_http_reauth_audit_log_t));

    asked.handler = ngx_http_reauth_audit_handler;
    asked.sees = ngx_http_reauth_audit_sees;
    asked.data = audit;
    asked.limit = query.cursor.limit;
    asked.place.ms = query.place[0];
    asked.place.rest = query.place[1];

    audit->log = ngx_http_reauth_audit_log_read(ngx_http_reauth_status_store(r),
                                                &asked);
    if (audit->log == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}
