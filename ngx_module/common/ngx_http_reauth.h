
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the HTTP side of the module shares.
 */


#ifndef _NGX_HTTP_REAUTH_H_INCLUDED_
#define _NGX_HTTP_REAUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "reauth_callers.h"
#include "reauth_credentials.h"
#include "reauth_redact.h"
#include "reauth_route.h"
#include "reauth_seal.h"
#include "reauth_secret.h"
#include "ngx_http_reauth_compat.h"
#include "ngx_http_reauth_store.h"


/* nginx has no name for it */
#define NGX_HTTP_REAUTH_UNPROCESSABLE  422

/* least bytes of reauth_secret_file, and of a file of reauth_webhook */
#define NGX_HTTP_REAUTH_SECRET_LEAST   32
#define NGX_HTTP_REAUTH_WEBHOOK_LEAST  16

/* reauth_webhook: the second one serves while they are changed */
#define NGX_HTTP_REAUTH_WEBHOOK_SECRETS  2

/* reauth_gate */

#define NGX_HTTP_REAUTH_GATE_OFF      0
#define NGX_HTTP_REAUTH_GATE_ON       1
#define NGX_HTTP_REAUTH_GATE_DRY_RUN  2


/* $reauth_gate */

typedef enum {
    NGX_HTTP_REAUTH_GATE_NONE = 0,
    NGX_HTTP_REAUTH_GATE_OPEN,
    NGX_HTTP_REAUTH_GATE_CLOSED,
    NGX_HTTP_REAUTH_GATE_HELD,
    NGX_HTTP_REAUTH_GATE_WOULD_CLOSE,
    NGX_HTTP_REAUTH_GATE_BYPASSED
} ngx_http_reauth_gate_e;


/*
 * A secret that was read from a file, one for each path.  The text, with
 * "Bearer " before it, is in pages of its own that no core file gets.
 */

typedef struct {
    ngx_str_t                 path;
    uid_t                     master;          /* who else may write it */
    reauth_secret_t           secret;
    reauth_secret_t           authorization;
    reauth_secret_t           derived;         /* where these two are */
    reauth_seal_t            *seal;
    reauth_redact_t          *redact;
    ngx_uint_t                bearer;          /* it is a bearer token, too */
    size_t                    least;           /* bytes that it must have */

    /* the one before it, which the upstream may still speak of for a while */
    reauth_secret_t           previous;
    reauth_secret_t           previous_derived;
    reauth_redact_t          *previous_redact; /* NULL: none */
    ngx_msec_t                previous_until;
} ngx_http_reauth_secret_t;


/*
 * A file that is read again when it changes, whether it was replaced, written
 * anew or reached by a symlink that was swapped.
 */

typedef struct {
    ngx_str_t                 path;            /* with a terminating NUL */
    ngx_file_info_t           info;
    ngx_uint_t                refused;         /* said so already */
    ngx_http_reauth_count_e   count;           /* of what was refused */

    /* NGX_ERROR: the new content is refused, which was logged */
    ngx_int_t               (*reload)(void *data, ngx_log_t *log);
    void                     *data;
} ngx_http_reauth_watch_t;


/* reauth_callers_file */

typedef struct {
    ngx_str_t                 path;
    uid_t                     master;          /* who else may write it */
    reauth_callers_t         *table;
    ngx_uint_t                generation;      /* of the table */
} ngx_http_reauth_callers_t;


/*
 * Who is calling, as long as the file has the same token for the name; a
 * certificate is not of the file.  The caller is that of the generation's
 * table, NULL: of none any more.
 */

typedef struct {
    ngx_str_t                  name;
    uint8_t                    hash[REAUTH_SHA256_LEN];
    ngx_uint_t                 certificate;
    ngx_http_reauth_callers_t *callers;
    ngx_uint_t                 generation;
    const reauth_caller_t     *caller;
    ngx_uint_t                 allowed;        /* in which one, 0: none */
} ngx_http_reauth_known_t;


/* a directive of ours in the configuration */

typedef struct {
    struct ngx_http_reauth_rule_s      *rule;
    u_char                             *directive;
    u_char                             *file;
    ngx_uint_t                          line;
    struct ngx_http_reauth_loc_conf_s  *level;
} ngx_http_reauth_use_t;


typedef struct ngx_http_reauth_poller_s  ngx_http_reauth_poller_t;


typedef struct {
    ngx_http_reauth_store_t   store;           /* .zone.shm_zone NULL: none */
    ngx_http_reauth_secret_t *master_secret;   /* NULL: from the API key */
    ngx_array_t               secrets;         /* ngx_http_reauth_secret_t * */
    ngx_array_t               callers;         /* ngx_http_reauth_callers_t * */
    ngx_array_t               watches;         /* ngx_http_reauth_watch_t */
    ngx_event_t               watch_timer;
    ngx_int_t                 key_index;       /* NGX_ERROR: nothing uses it */
    ngx_array_t               uses;            /* ngx_http_reauth_use_t */
    ngx_array_t               levels;          /* *_loc_conf_t *, merged */
    ngx_http_reauth_poller_t *poller;          /* NULL: no reauth_poll */
    ngx_msec_t                update_wait;
    ngx_uint_t                wait_max;        /* requests, of a worker */
    size_t                    body_memory;     /* bytes, of a worker */
} ngx_http_reauth_main_conf_t;


typedef struct ngx_http_reauth_loc_conf_s {
    ngx_uint_t                gate;
    ngx_uint_t                gate_here;       /* said in the location itself */
    ngx_uint_t                gate_inner;      /* of locations in this one, if
                                                  its handler is ours */
    ngx_http_complex_value_t *gate_account;    /* NULL: the path's segment */
    ngx_http_complex_value_t *gate_bypass;     /* NULL: none */
    ngx_msec_t                gate_max;
    ngx_msec_t                gate_hold;       /* 0: no call is held */
    ngx_uint_t                retry_after_min; /* seconds */
    ngx_uint_t                retry_after_max;
    ngx_uint_t                unknown_fields;  /* reauth_unknown_fields_t */
    ngx_str_t                 forward;         /* reauth_authenticate's uri */
    size_t                    answer_max;
    ngx_http_complex_value_t *public_url;      /* NULL: by the request */
    ngx_array_t              *origins;         /* reauth_string_t; NULL: none */
    ngx_uint_t                guarded;         /* from pages of other origins */
    ngx_http_reauth_secret_t *key;             /* NULL: none in force */
    ngx_http_reauth_callers_t *callers;        /* NULL: none in force */
    ngx_uint_t                callers_certificate;
    ngx_uint_t                callers_here;    /* said in a location */
    ngx_uint_t                authorize;       /* calls need a caller */
    ngx_uint_t                status;          /* reauth_status is here */
    ngx_uint_t                metrics;         /* reauth_metrics is here */
    ngx_uint_t                webhook_nsecrets; /* 0: no reauth_webhook here */
    ngx_http_reauth_secret_t *webhook_secrets[NGX_HTTP_REAUTH_WEBHOOK_SECRETS];
    ngx_str_t                 webhook_pass;    /* empty: to nobody */
    ngx_http_handler_pt       handler;         /* of these, NULL: none here */
    ngx_http_handler_pt       content_handler; /* that ours is around */

    /* for the check of the configuration */
    struct ngx_http_reauth_loc_conf_s *parent; /* NULL: the http level */
    ngx_http_core_loc_conf_t *core;
    ngx_uint_t                serves;          /* what needs its directives */
} ngx_http_reauth_loc_conf_t;


/* what a subrequest answered, kept in memory up to a bound */

typedef struct {
    ngx_http_request_t       *request;         /* the subrequest */
    ngx_str_t                 body;
    size_t                    size;            /* allocated */
    size_t                    max;
    struct ngx_http_reauth_held_s *held;       /* of the worker's bodies */

    /* not NULL: is given the body of a 200, of which nothing is kept then */
    void                    (*consume)(void *data, const u_char *p,
                                       size_t len);
    void                     *data;

    unsigned                  over:1;          /* it was longer than that */
    unsigned                  complete:1;      /* its end was seen */
} ngx_http_reauth_capture_t;


typedef struct ngx_http_reauth_observed_s  ngx_http_reauth_observed_t;


/* of one request, a subrequest of ours too */

typedef struct {
    reauth_operation_t        operation;
    ngx_http_reauth_gate_e    gate;
    ngx_uint_t                state;           /* NONE: not known */
    ngx_uint_t                auth_type;
    ngx_str_t                 account;         /* in the request's memory */
    ngx_str_t                 attempt;
    ngx_str_t                 caller;
    ngx_http_reauth_known_t  *known;           /* who that is; NULL: nobody */

    unsigned                  coalesced:1;
    unsigned                  local:1;         /* Redis was not told */
    unsigned                  stored:1;        /* local has a meaning */
    unsigned                  key_refused:1;   /* nothing goes out without */
    unsigned                  caller_refused:1; /* its rights were revoked */
    unsigned                  not_final:1;     /* the upstream's status */


    /* of the upstream, ours are around them */
    ngx_int_t               (*create_request)(ngx_http_request_t *r);
    ngx_int_t               (*reinit_request)(ngx_http_request_t *r);
    ngx_int_t               (*process_header)(ngx_http_request_t *r);
    ngx_int_t               (*process_rest)(ngx_http_request_t *r);

    ngx_http_reauth_capture_t *capture;        /* of the one subrequest */

    ngx_http_reauth_observed_t *observed;      /* an answer on its way */

    struct ngx_http_reauth_wait_s *hold;       /* of a held call */

    struct ngx_http_reauth_body_s *body;       /* being read */
    void                      *data;           /* of the content handler */
} ngx_http_reauth_ctx_t;


extern ngx_module_t  ngx_http_reauth_module;


/* common/ngx_http_reauth_request.c */

/* the request's context, made where there is none; NULL: no memory */
ngx_http_reauth_ctx_t *ngx_http_reauth_get_ctx(ngx_http_request_t *r);

/* a header of the request, by its name in lower case; NULL: none */
ngx_table_elt_t *ngx_http_reauth_find_header(ngx_http_request_t *r,
    const char *name, size_t len);

/* common/ngx_http_reauth_answer.c */

/*
 * One more header of the answer; NGX_OK or NGX_ERROR.  Strings are kept, the
 * name is a literal.
 */
#define ngx_http_reauth_add_header(r, name, value)                            \
    ngx_http_reauth_push_header(r, name, sizeof(name) - 1, value)

ngx_int_t ngx_http_reauth_push_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value);

void ngx_http_reauth_count(ngx_http_request_t *r,
    ngx_http_reauth_count_e what);

/* headers that keep a response out of other origins' pages */
ngx_int_t ngx_http_reauth_not_for_pages(ngx_http_request_t *r);

/* sends a whole answer; its headers were added, its content type was set */
ngx_int_t ngx_http_reauth_send_body(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends a whole answer of ours: status, application/json, Cache-Control:
 * no-store.  Headers were added before.  HEAD is taken care of.  The result is
 * for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_reauth_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/*
 * Sends an error of the gateway's own in the upstream's envelope, with a
 * decision id, which is logged at info.  "extra" is NULL or further members,
 * already JSON, that begin with a comma.  Texts must need no JSON escapes.
 */
ngx_int_t ngx_http_reauth_send_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *error, const char *message, const char *description,
    ngx_str_t *extra);

/* 422, with what is wrong by name; takes the reference to "errors" */
ngx_int_t ngx_http_reauth_send_invalid(ngx_http_request_t *r, json_t *errors,
    const char *message, const char *description);


/* for content handlers that serve no subrequests: logs why, returns 403 */
ngx_int_t ngx_http_reauth_refuse_subrequest(ngx_http_request_t *r,
    const char *directive);

/* 405; "allow" lists the methods, and is kept */
ngx_int_t ngx_http_reauth_method_not_allowed(ngx_http_request_t *r,
    ngx_str_t *allow);

/*
 * The same for an error that was composed already, from "start" up to "p" in
 * the request's memory: a JSON object without its end, and room for this.
 */
#define NGX_HTTP_REAUTH_DECISION_SIZE                                         \
    (sizeof(",\"decision_id\":\"\"}") - 1 + 16)

ngx_int_t ngx_http_reauth_send_composed(ngx_http_request_t *r,
    ngx_uint_t status, const char *error, u_char *start, u_char *p);


/* content handlers */

ngx_int_t ngx_http_reauth_authenticate_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_webhook_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_reauth_metrics_handler(ngx_http_request_t *r);

/* a subrequest's body goes to the capture that the main request has for it */
void ngx_http_reauth_capture_init(void);

/* where the body of this request goes; NULL: to the client */
ngx_http_reauth_capture_t *ngx_http_reauth_capture(ngx_http_request_t *r);

/* what the upstream answers to ordinary calls is looked at on its way */
void ngx_http_reauth_observe_init(void);

/* one whose header was read, but that nginx may replace by an error page */
void ngx_http_reauth_observe_intercepted(ngx_http_request_t *r);


/* common/ngx_http_reauth_secret.c */

/* reads the file, once for each path; NULL: the error was logged */
ngx_http_reauth_secret_t *ngx_http_reauth_secret_add(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_str_t *directive, ngx_str_t *path);

/* the secret is to be a bearer token, now and whenever it is read again */
ngx_int_t ngx_http_reauth_secret_is_bearer(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret);

/* once a second: zeroes previous ones whose time has passed */
void ngx_http_reauth_secret_expire(ngx_http_reauth_main_conf_t *mcf);

/* the secret must have that many bytes, now and whenever it is read again */
ngx_int_t ngx_http_reauth_secret_is_strong(ngx_conf_t *cf,
    ngx_str_t *directive, ngx_http_reauth_secret_t *secret, size_t least);

/* a worker keeps the master's secrets as well as the master did */
void ngx_http_reauth_secret_init_process(ngx_http_reauth_main_conf_t *mcf);

/* if there are secrets, no other process of this user reads the memory */
void ngx_http_reauth_secret_protect(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log);


/* common/ngx_http_reauth_redact.c: the upstream repeats the API key */

/*
 * Overwrites all API keys, the current ones and those just rotated, by "*";
 * the length stays.  "what" is for the log.
 */
void ngx_http_reauth_redact(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what, u_char *p, size_t len);

/* whether there is one, to be overwritten in a copy */
ngx_uint_t ngx_http_reauth_redact_find(ngx_http_reauth_main_conf_t *mcf,
    const u_char *p, size_t len);


/* upstream/ngx_http_reauth_key.c: $reauth_authorization */

ngx_int_t ngx_http_reauth_key_init(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf);

/* content handler around that of a location */
ngx_int_t ngx_http_reauth_key_handler(ngx_http_request_t *r);

/* 503: a request was not sent, as it would have gone out without the key */
ngx_int_t ngx_http_reauth_key_send_unavailable(ngx_http_request_t *r);

ngx_int_t ngx_http_reauth_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* upstream/ngx_http_reauth_upstream.c */

/* whose upstream has not begun yet, as its content handler has not returned */
extern ngx_http_request_t  *ngx_http_reauth_upstream_deferred;

/*
 * Calls the content handler of a location.  If that proxies, its responses are
 * judged, and its request is made by "create", which is NULL or calls the
 * function below.
 */
ngx_int_t ngx_http_reauth_upstream_around(ngx_http_request_t *r,
    ngx_http_handler_pt handler, ngx_int_t (*create)(ngx_http_request_t *r));

/* for a location without a key, if a caller's rights may change meanwhile */
ngx_int_t ngx_http_reauth_upstream_create_without(ngx_http_request_t *r);

/* what the handler of the location named to make the request */
ngx_int_t ngx_http_reauth_upstream_create_request(ngx_http_request_t *r);

/* a captured request that nginx has built becomes what we meant to send */
ngx_int_t ngx_http_reauth_upstream_own_request(ngx_http_request_t *r);


/* api/ngx_http_reauth_public_url.c */

/* scheme, host and prefix of this gateway's URLs, without a slash at the end */
ngx_int_t ngx_http_reauth_public_url(ngx_http_request_t *r, ngx_str_t *url);
char *ngx_http_reauth_public_url_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* gate/ngx_http_reauth_origin.c */

char *ngx_http_reauth_origin_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_reauth_origin_handler(ngx_http_request_t *r);


/* common/ngx_http_reauth_watch.c */

ngx_int_t ngx_http_reauth_watch_add(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_str_t *path,
    ngx_http_reauth_count_e refused,
    ngx_int_t (*reload)(void *data, ngx_log_t *log), void *data);
void ngx_http_reauth_watch_init_process(ngx_http_reauth_main_conf_t *mcf,
    ngx_cycle_t *cycle);


/* gate/ngx_http_reauth_callers.c */

char *ngx_http_reauth_callers_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Who is calling, and whether that one may do this.  NGX_DECLINED: yes, or
 * no callers file is here; else the result of an answer that was sent, for
 * ngx_http_finalize_request().  "account" NULL: accounts do not matter yet, or
 * not at all; empty: a call that names none, which who is confined to some may
 * not make.
 */
ngx_int_t ngx_http_reauth_authorize(ngx_http_request_t *r, unsigned scope,
    const reauth_string_t *account);

/* the same for an ordinary call of the account that the context names */
ngx_int_t ngx_http_reauth_authorize_call(ngx_http_request_t *r);

/*
 * Whether the rights of an ordinary call were revoked since it was authorized;
 * a response of nginx's own with the 500 code is replaced by what the caller
 * receives then.
 */
ngx_uint_t ngx_http_reauth_call_revoked(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf);

ngx_int_t ngx_http_reauth_caller_forbidden(ngx_http_request_t *r,
    const char *message, const char *description);

/* zeroes what the caller sent as Authorization: nobody needs it any more */
void ngx_http_reauth_forget_token(ngx_http_request_t *r);

/* the same, and no upstream gets the header */
void ngx_http_reauth_drop_token(ngx_http_request_t *r);

/* how many attempts it may begin; without a callers file, any number */
void ngx_http_reauth_caller_bounds(ngx_http_request_t *r,
    reauth_begin_t *begin);

/* for lists: the answer holds what the caller may see, no more */
ngx_uint_t ngx_http_reauth_caller_sees(ngx_http_request_t *r,
    const reauth_string_t *account);

/* the caller is confined to some accounts, and is told nothing of others */
ngx_uint_t ngx_http_reauth_caller_confined(ngx_http_request_t *r);

/* for what takes long: whether the caller may still do it */
ngx_uint_t ngx_http_reauth_caller_still(ngx_http_request_t *r,
    unsigned scope);


/* gate/ngx_http_reauth_gate.c */

ngx_int_t ngx_http_reauth_gate_handler(ngx_http_request_t *r);

/* the account that the request is for; an empty one: none */
reauth_account_result_t ngx_http_reauth_gate_account(ngx_http_request_t *r,
    ngx_http_reauth_loc_conf_t *lcf, reauth_string_t *account);

/*
 * Retry-After for an account that is closed, in whole seconds, within
 * reauth_retry_after.
 */
ngx_uint_t ngx_http_reauth_retry_after(ngx_http_request_t *r,
    ngx_uint_t auth_type, ngx_uint_t state, int64_t since_ms,
    int64_t deadline_ms);

/* NULL: nobody; said by the state where the attempt itself says nothing */
const char *ngx_http_reauth_action(ngx_uint_t state, ngx_uint_t action);

/*
 * The gate's response, for the gate itself and for /reauth/gate/{id}; "closed"
 * is NULL as long as Redis has not been read.
 */
ngx_int_t ngx_http_reauth_gate_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *account, ngx_http_reauth_closed_t *closed);


#endif /* _NGX_HTTP_REAUTH_H_INCLUDED_ */
