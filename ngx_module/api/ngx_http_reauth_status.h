
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the status resources share.
 */


#ifndef _NGX_HTTP_REAUTH_STATUS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STATUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_sha1.h>

#include "reauth_error.h"
#include "reauth_status.h"
#include "ngx_http_reauth_wait.h"


/* returns NULL, or an error text */
typedef const char *(*ngx_http_reauth_status_parse_pt)(ngx_str_t *value,
    void *data);

typedef struct {
    ngx_str_t                           name;
    ngx_http_reauth_status_parse_pt     parse;
} ngx_http_reauth_status_param_t;


/* arguments of a list and of an account */

typedef struct {
    ngx_http_request_t                 *request;
    ngx_http_reauth_zone_cursor_t       cursor;
    ngx_msec_t                          wait;    /* 0: none */
    ngx_uint_t                          sort;    /* 0, or the order of lists */
    ngx_uint_t                          place_given;
    reauth_string_t                     account; /* of the audit log */
    uint64_t                            place[2];
} ngx_http_reauth_status_query_t;


/* statuses returned by /reauth/gate/{id} */

typedef struct {
    ngx_uint_t                          open;
    ngx_uint_t                          closed;
} ngx_http_reauth_status_gate_t;


/* a text buffer that grows */

typedef struct {
    ngx_pool_t                         *pool;
    u_char                             *start;
    u_char                             *last;
    u_char                             *end;
} ngx_http_reauth_status_text_t;


#define NGX_HTTP_REAUTH_STATUS_ETAG       96


/* one page of a list */

typedef struct {
    ngx_http_reauth_zone_place_t        place;   /* taken before reading */
    int64_t                             now_ms;
    ngx_uint_t                          confined;
    ngx_sha1_t                          seen;   /* if the caller is confined */
    ngx_http_reauth_status_text_t      *text;    /* NULL: only the digest */
} ngx_http_reauth_status_page_t;


/* arguments accepted: none; of a list; of an account; of a gate; an audit */
extern ngx_http_reauth_status_param_t  ngx_http_reauth_status_no_params[];
extern ngx_http_reauth_status_param_t  ngx_http_reauth_status_list_params[];
extern ngx_http_reauth_status_param_t  ngx_http_reauth_status_account_params[];
extern ngx_http_reauth_status_param_t  ngx_http_reauth_status_gate_params[];
extern ngx_http_reauth_status_param_t  ngx_http_reauth_status_audit_params[];


/* parses the query string; NGX_DECLINED: *rc is the result of the request */
ngx_int_t ngx_http_reauth_status_args(ngx_http_request_t *r,
    ngx_http_reauth_status_param_t *params, void *data, ngx_int_t *rc);

/* adds an error for the argument; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_reauth_status_add_error(json_t **errors, ngx_str_t *name,
    const char *text);

/* sends 422 with errors by argument; steals the reference to "errors" */
ngx_int_t ngx_http_reauth_status_invalid(ngx_http_request_t *r,
    json_t *errors);

/* content handler */
ngx_int_t ngx_http_reauth_status_handler(ngx_http_request_t *r);

ngx_http_reauth_store_t *ngx_http_reauth_status_store(ngx_http_request_t *r);

ngx_int_t ngx_http_reauth_status_reserve(ngx_http_reauth_status_text_t *text,
    size_t len);

/* appends a record as of this time */
ngx_int_t ngx_http_reauth_status_add_record(ngx_http_request_t *r,
    ngx_http_reauth_status_text_t *text, const reauth_record_t *record,
    int64_t now_ms);

ngx_int_t ngx_http_reauth_status_send(ngx_http_request_t *r,
    ngx_http_reauth_status_text_t *text);

/* 503: Redis has not been read yet */
ngx_int_t ngx_http_reauth_status_loading(ngx_http_request_t *r);

/* 503: too many requests are waiting */
ngx_int_t ngx_http_reauth_status_busy(ngx_http_request_t *r);


#define NGX_HTTP_REAUTH_STATUS_LIMIT      100  /* records of a page */


/* handlers of resources in other files */

ngx_int_t ngx_http_reauth_events(ngx_http_request_t *r, ngx_str_t *rest);

ngx_int_t ngx_http_reauth_usage_list(ngx_http_request_t *r, ngx_str_t *rest);
ngx_int_t ngx_http_reauth_audit(ngx_http_request_t *r, ngx_str_t *rest);

/* "account" is taken from the path and valid */
ngx_int_t ngx_http_reauth_timeline(ngx_http_request_t *r, ngx_str_t *account);


/* ngx_http_reauth_status.c */

ngx_uint_t ngx_http_reauth_status_degraded(ngx_http_reauth_store_t *store);
ngx_int_t ngx_http_reauth_status_unavailable(ngx_http_request_t *r,
    reauth_error_code_t code, const char *message, const char *description);
ngx_int_t ngx_http_reauth_status_park(ngx_http_request_t *r,
    ngx_http_reauth_wait_t *wait, ngx_msec_t msec);

/*
 * Redis was read for a request about ctx->account: calls "answer" and finishes
 * the request.  ctx->data, what was being read, is set to NULL.
 */
typedef ngx_int_t (*ngx_http_reauth_status_answer_pt)(ngx_http_request_t *r,
    void *read);
void ngx_http_reauth_status_continue(ngx_http_request_t *r,
    ngx_http_reauth_status_answer_pt answer, void *read);


/* ngx_http_reauth_operate.c */

/*
 * Whether the caller may act on the gateway, and on the account, if there is
 * one.  NGX_DECLINED: it may; otherwise the result of the request.
 */
ngx_int_t ngx_http_reauth_operate_right(ngx_http_request_t *r,
    ngx_str_t *account);

/* what acts on the gateway; NGX_DECLINED: another resource or method */
ngx_int_t ngx_http_reauth_operate(ngx_http_request_t *r, ngx_str_t *path);


/* ngx_http_reauth_status_text.c */

ngx_int_t ngx_http_reauth_status_etag(ngx_http_request_t *r, u_char *text,
    size_t len);
size_t ngx_http_reauth_status_account_etag(u_char *text,
    const reauth_record_t *record, uint64_t stamp);
size_t ngx_http_reauth_status_list_etag(u_char *text,
    ngx_http_reauth_status_page_t *page);
ngx_uint_t ngx_http_reauth_status_seen_other(ngx_http_request_t *r,
    u_char *etag, size_t len);


/* ngx_http_reauth_status_list.c */

ngx_int_t ngx_http_reauth_status_list_wait(ngx_http_request_t *r,
    ngx_http_reauth_status_query_t *query);
ngx_int_t ngx_http_reauth_status_list(ngx_http_request_t *r,
    ngx_http_reauth_zone_cursor_t *cursor);


/* ngx_http_reauth_status_account.c */

/* of the override in effect; 0: none */
uint64_t ngx_http_reauth_status_stamp(ngx_http_reauth_zone_t *zone,
    const reauth_string_t *account);

/* the account of the path; NGX_DECLINED: *rc is the result of the request */
ngx_int_t ngx_http_reauth_status_id(ngx_http_request_t *r, ngx_str_t *rest,
    unsigned scope, reauth_string_t *account, ngx_int_t *rc);
ngx_int_t ngx_http_reauth_status_account_unknown(ngx_http_request_t *r,
    ngx_str_t *rest, ngx_http_reauth_store_t *store);

ngx_int_t ngx_http_reauth_status_account(ngx_http_request_t *r,
    ngx_str_t *rest);
ngx_int_t ngx_http_reauth_status_gate(ngx_http_request_t *r, ngx_str_t *rest);


#endif /* _NGX_HTTP_REAUTH_STATUS_H_INCLUDED_ */
