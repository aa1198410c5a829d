
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The context of a request, and its headers.
 */


#ifndef _NGX_HTTP_REAUTH_REQUEST_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REQUEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_credentials.h"
#include "reauth_route.h"
#include "ngx_http_reauth_conf.h"


/* $reauth_gate */

typedef enum {
    NGX_HTTP_REAUTH_GATE_NONE = 0,
    NGX_HTTP_REAUTH_GATE_OPEN,
    NGX_HTTP_REAUTH_GATE_CLOSED,
    NGX_HTTP_REAUTH_GATE_HELD,
    NGX_HTTP_REAUTH_GATE_WOULD_CLOSE,
    NGX_HTTP_REAUTH_GATE_BYPASSED,
    NGX_HTTP_REAUTH_GATE_FAILED,
    NGX_HTTP_REAUTH_GATE_PROBE
} ngx_http_reauth_gate_e;


typedef struct ngx_http_reauth_known_s     ngx_http_reauth_known_t;
typedef struct ngx_http_reauth_capture_s   ngx_http_reauth_capture_t;
typedef struct ngx_http_reauth_observed_s  ngx_http_reauth_observed_t;
typedef struct ngx_http_reauth_tried_s     ngx_http_reauth_tried_t;


/* context of a request or of a subrequest of this module */

typedef struct {
    reauth_operation_t        operation;
    ngx_http_reauth_gate_e    gate;
    ngx_uint_t                state;           /* NONE: unknown */
    ngx_uint_t                auth_type;
    ngx_http_reauth_act_e     act;             /* of a person */
    ngx_str_t                 account;         /* in the request's memory */
    ngx_str_t                 attempt;
    ngx_str_t                 caller;
    ngx_http_reauth_known_t  *known;           /* NULL: no caller */
    ngx_str_t                 decision;        /* of the error returned */
    const char               *error;           /* its code; NULL: none */
    const char               *settled;         /* of an update; NULL: not */
    ngx_str_t                 act_reason;      /* of a person */
    ngx_uint_t                act_gate;
    int64_t                   act_until_ms;    /* 0: none */

    unsigned                  coalesced:1;
    unsigned                  local:1;         /* not yet in Redis */
    unsigned                  stored:1;        /* "local" is set */
    unsigned                  key_refused:1;   /* no key to send */
    unsigned                  caller_refused:1; /* its rights were revoked */
    unsigned                  not_final:1;     /* the upstream's status */
    unsigned                  audited:1;       /* it has its entry */
    unsigned                  forwarded:1;     /* passed to the upstream */


    /* handlers of the upstream, wrapped */
    ngx_int_t               (*create_request)(ngx_http_request_t *r);
    ngx_int_t               (*reinit_request)(ngx_http_request_t *r);
    ngx_int_t               (*process_header)(ngx_http_request_t *r);
    ngx_int_t               (*process_rest)(ngx_http_request_t *r);

    ngx_http_reauth_capture_t *capture;        /* of the one subrequest */

    ngx_http_reauth_observed_t *observed;      /* response being observed */

    struct ngx_http_reauth_wait_s *hold;       /* of a held call */

    ngx_http_reauth_tried_t  *tried;           /* of a failed account */

    struct ngx_http_reauth_body_s *body;       /* being read */
    void                      *data;           /* of the content handler */
} ngx_http_reauth_ctx_t;


/* returns the request's context, creates it if needed; NULL: no memory */
ngx_http_reauth_ctx_t *ngx_http_reauth_get_ctx(ngx_http_request_t *r);

/*
 * The same for a request that the module serves: it is counted at its end by
 * its operation, which may be changed until then, and by its status.
 */
ngx_http_reauth_ctx_t *ngx_http_reauth_serve_ctx(ngx_http_request_t *r,
    reauth_operation_t operation);

/* sets the variables that are those of a record */
ngx_int_t ngx_http_reauth_ctx_record(ngx_http_request_t *r,
    ngx_http_reauth_ctx_t *ctx, const reauth_record_t *record);


typedef struct {
    ngx_list_part_t  *part;                /* NULL: from the beginning */
    ngx_uint_t        next;
} ngx_http_reauth_header_walk_t;


/* the next request header with this name, in lower case; NULL: no more */
ngx_table_elt_t *ngx_http_reauth_find_next_header(ngx_http_request_t *r,
    ngx_http_reauth_header_walk_t *walk, const char *name, size_t len);

/* the first one */
ngx_table_elt_t *ngx_http_reauth_find_header(ngx_http_request_t *r,
    const char *name, size_t len);

/* whether the body has a content coding other than "identity" */
ngx_uint_t ngx_http_reauth_content_encoded(ngx_http_request_t *r);

/*
 * The start of the request by the clock of the fleet.  nginx stores it by the
 * wall clock, which may have been set since then.
 */
int64_t ngx_http_reauth_began_ms(ngx_http_request_t *r);

/* in the metrics, and in the audit log */
extern const char  *ngx_http_reauth_update_names[NGX_HTTP_REAUTH_UPDATE_LAST];

void ngx_http_reauth_count(ngx_http_request_t *r,
    ngx_http_reauth_count_e what);
void ngx_http_reauth_count_update(ngx_http_request_t *r,
    ngx_http_reauth_update_e result);


#endif /* _NGX_HTTP_REAUTH_REQUEST_H_INCLUDED_ */
