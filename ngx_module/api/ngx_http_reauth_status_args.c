
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The parameters of status resources.  They are read from the query string, and
 * all errors are reported at once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_json.h"
#include "reauth_query.h"
#include "ngx_http_reauth_status.h"
#include "ngx_http_reauth_answer.h"
#include "ngx_http_reauth_body.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_cursor.h"


#define NGX_HTTP_REAUTH_STATUS_LIMIT_MAX  1000

#define NGX_HTTP_REAUTH_STATUS_WAIT_MAX   60000

#define NGX_HTTP_REAUTH_STATUS_STATES_SIZE  256

/* longer names of arguments are not echoed */
#define NGX_HTTP_REAUTH_STATUS_NAME_MAX   32


static const char *ngx_http_reauth_status_parse_state(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_auth_type(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_gate(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_caller(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_limit(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_cursor(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_sort(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_wait(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_account(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_place(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_open(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_closed(ngx_str_t *value,
    void *data);
static const char *ngx_http_reauth_status_parse_other(ngx_str_t *value,
    void *data);


ngx_http_reauth_status_param_t  ngx_http_reauth_status_list_params[] = {

    { ngx_string("state"), ngx_http_reauth_status_parse_state },
    { ngx_string("auth_type"), ngx_http_reauth_status_parse_auth_type },
    { ngx_string("gate"), ngx_http_reauth_status_parse_gate },
    { ngx_string("caller"), ngx_http_reauth_status_parse_caller },
    { ngx_string("limit"), ngx_http_reauth_status_parse_limit },
    { ngx_string("cursor"), ngx_http_reauth_status_parse_cursor },
    { ngx_string("sort"), ngx_http_reauth_status_parse_sort },
    { ngx_string("wait"), ngx_http_reauth_status_parse_wait },

    { ngx_null_string, NULL }
};


ngx_http_reauth_status_param_t  ngx_http_reauth_status_account_params[] = {

    { ngx_string("wait"), ngx_http_reauth_status_parse_wait },

    { ngx_null_string, NULL }
};


/* other arguments may belong to the original request */

ngx_http_reauth_status_param_t  ngx_http_reauth_status_gate_params[] = {

    { ngx_string("open"), ngx_http_reauth_status_parse_open },
    { ngx_string("closed"), ngx_http_reauth_status_parse_closed },
    { ngx_null_string, ngx_http_reauth_status_parse_other },

    { ngx_null_string, NULL }
};


ngx_http_reauth_status_param_t  ngx_http_reauth_status_audit_params[] = {

    { ngx_string("account"), ngx_http_reauth_status_parse_account },
    { ngx_string("caller"), ngx_http_reauth_status_parse_caller },
    { ngx_string("limit"), ngx_http_reauth_status_parse_limit },
    { ngx_string("cursor"), ngx_http_reauth_status_parse_place },

    { ngx_null_string, NULL }
};


ngx_http_reauth_status_param_t  ngx_http_reauth_status_no_params[] = {

    { ngx_null_string, NULL }
};


ngx_int_t
ngx_http_reauth_status_invalid(ngx_http_request_t *r, json_t *errors)
{
    ngx_int_t  rc;

    rc = ngx_http_reauth_body_refuse(r);

    if (rc != NGX_OK) {
        json_decref(errors);
        return rc;
    }

    return ngx_http_reauth_send_invalid(r, errors, "The request is invalid.",
                                        "See errors: it lists the invalid "
                                        "arguments.");
}


ngx_int_t
ngx_http_reauth_status_add_error(json_t **errors, ngx_str_t *name,
    const char *text)
{
    char     key[NGX_HTTP_REAUTH_STATUS_NAME_MAX + 1];
    size_t   i;
    json_t  *list;

    if (*errors == NULL) {
        *errors = json_object();

        if (*errors == NULL) {
            return NGX_ERROR;
        }
    }

    /* do not echo unknown names: they may contain a misplaced secret */

    for (i = 0; i < name->len && reauth_id_chars[name->data[i]]; i++) {
        /* void */
    }

    if (i == 0 || i < name->len || i >= sizeof(key)) {
        ngx_memcpy(key, "?", sizeof("?"));

    } else {
        ngx_memcpy(key, name->data, i);
        key[i] = '\0';
    }

    list = json_object_get(*errors, key);

    if (list == NULL) {
        list = json_array();

        if (json_object_set_new(*errors, key, list) != 0) {
            return NGX_ERROR;
        }
    }

    return json_array_append_new(list, json_string(text)) == 0 ? NGX_OK
                                                               : NGX_ERROR;
}


static const char *
ngx_http_reauth_status_arg(ngx_http_reauth_status_param_t *params,
    ngx_uint_t *given, ngx_str_t *name, ngx_str_t *value, void *data)
{
    ngx_uint_t  i;

    for (i = 0; params[i].parse != NULL; i++) {

        if (params[i].name.len == 0) {
            return params[i].parse(value, data);
        }

        if (params[i].name.len != name->len
            || ngx_strncmp(params[i].name.data, name->data, name->len) != 0)
        {
            continue;
        }

        if (*given & ((ngx_uint_t) 1 << i)) {
            return "is specified more than once";
        }

        *given |= (ngx_uint_t) 1 << i;

        return params[i].parse(value, data);
    }

    return "is unknown";
}


/* reads the query string; NGX_OK, or NGX_DECLINED: *rc is the result to give */

ngx_int_t
ngx_http_reauth_status_args(ngx_http_request_t *r,
    ngx_http_reauth_status_param_t *params, void *data, ngx_int_t *rc)
{
    u_char           *dst;
    json_t           *errors;
    ngx_str_t         name, value;
    ngx_uint_t        given;
    const char       *text;
    reauth_string_t   rest, key, decoded;

    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    errors = NULL;
    given = 0;

    /* for all the values, decoded */

    dst = ngx_pnalloc(r->pool, r->args.len + 1);
    if (dst == NULL) {
        return NGX_DECLINED;
    }

    rest.data = r->args.data;
    rest.len = r->args.len;

    while (reauth_query_next(&rest, &dst, &key, &decoded)) {

        name.data = (u_char *) key.data;
        name.len = key.len;

        value.data = (u_char *) decoded.data;
        value.len = decoded.len;

        text = ngx_http_reauth_status_arg(params, &given, &name, &value, data);

        if (text != NULL
            && ngx_http_reauth_status_add_error(&errors, &name, text)
               != NGX_OK)
        {
            json_decref(errors);
            return NGX_DECLINED;
        }
    }

    if (errors == NULL) {
        return NGX_OK;
    }

    *rc = ngx_http_reauth_status_invalid(r, errors);

    return NGX_DECLINED;
}


/* composed once: "must be one of starting, running ... and expired" */

static const char *
ngx_http_reauth_status_states(void)
{
    u_char          *p, *last;
    ngx_uint_t       state;

    static u_char    text[NGX_HTTP_REAUTH_STATUS_STATES_SIZE];

    if (text[0] != '\0') {
        return (const char *) text;
    }

    last = text + sizeof(text);
    p = ngx_slprintf(text, last, "must be one of ");

    for (state = REAUTH_STATE_NONE + 1; state < REAUTH_STATE_LAST; state++) {
        p = ngx_slprintf(p, last, "%s%s",
                         state == REAUTH_STATE_NONE + 1 ? ""
                         : state == REAUTH_STATE_LAST - 1 ? " and " : ", ",
                         reauth_state_name((reauth_state_t) state));
    }

    (void) ngx_slprintf(p, last, "%Z");

    return (const char *) text;
}


/* one or more, separated by commas */

static const char *
ngx_http_reauth_status_parse_state(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    u_char          *p, *last, *end;
    reauth_state_t   state;
    reauth_string_t  name;

    last = value->data + value->len;

    for (p = value->data; /* void */ ; p = end + 1) {
        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        name.data = p;
        name.len = end - p;

        state = reauth_state_parse(&name);

        if (state == REAUTH_STATE_NONE || state == REAUTH_STATE_LAST) {
            return ngx_http_reauth_status_states();
        }

        query->cursor.states |= 1u << state;

        if (end == last) {
            return NULL;
        }
    }
}


static const char *
ngx_http_reauth_status_parse_gate(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    reauth_string_t  name;

    name.data = value->data;
    name.len = value->len;

    query->cursor.gate = reauth_override_gate_parse(&name);

    return query->cursor.gate == REAUTH_OVERRIDE_NONE
           ? "must be open or closed" : NULL;
}


static const char *
ngx_http_reauth_status_parse_caller(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    reauth_string_t  name;

    name.data = value->data;
    name.len = value->len;

    if (name.len == 0 || name.len > REAUTH_CALLER_MAX) {
        return "must be the name of a caller, of at most 47 bytes";
    }

    reauth_copy(query->cursor.caller, REAUTH_CALLER_MAX, &name);

    return NULL;
}


static const char *
ngx_http_reauth_status_parse_auth_type(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    reauth_string_t     name;
    reauth_auth_type_t  auth_type;

    name.data = value->data;
    name.len = value->len;

    auth_type = reauth_auth_type_parse(&name);

    if (auth_type == REAUTH_AUTH_TYPE_LAST) {
        return "must be one of email_password, raw_data and mobile_app";
    }

    query->cursor.auth_type = auth_type;

    return NULL;
}


static const char *
ngx_http_reauth_status_parse_limit(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    ngx_int_t  limit;

    limit = ngx_atoi(value->data, value->len);

    if (limit < 1 || limit > NGX_HTTP_REAUTH_STATUS_LIMIT_MAX) {
        return "must be a whole number from 1 to 1000";
    }

    query->cursor.limit = limit;

    return NULL;
}


/*
 * A cursor: "a", "e" or "o" for active, ended or only overridden, "s" and "u"
 * for lists by time, then two numbers in hex.
 */

static const char *
ngx_http_reauth_status_parse_cursor(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    uint64_t         place[2];
    reauth_string_t  pair;

    query->place_given = 1;

    if (ngx_http_reauth_caller_confined(query->request)) {

        if (ngx_http_reauth_cursor_open(query->request, value, &place[0],
                                      &place[1])
            != NGX_OK)
        {
            goto invalid;
        }

        query->cursor.ended = place[0] & 7;
        query->cursor.index = place[0] >> 3;
        query->cursor.offset = place[1];

        if (query->cursor.ended > NGX_HTTP_REAUTH_LIST_UPDATED) {
            goto invalid;
        }

        return NULL;
    }

    if (value->len == 0 || ngx_strchr("aeosu", value->data[0]) == NULL) {
        goto invalid;
    }

    pair.data = value->data + 1;
    pair.len = value->len - 1;

    if (reauth_query_pair(&pair, place) != 0) {
        goto invalid;
    }

    query->cursor.ended = value->data[0] == 'a' ? 0
                          : value->data[0] == 'e' ? 1
                          : value->data[0] == 'o' ? 2
                          : value->data[0] == 's'
                          ? NGX_HTTP_REAUTH_LIST_SINCE
                          : NGX_HTTP_REAUTH_LIST_UPDATED;
    query->cursor.index = place[0];
    query->cursor.offset = place[1];

    return NULL;

invalid:

    return "must be the unchanged next_cursor of a response";
}


static const char *
ngx_http_reauth_status_parse_sort(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    if (value->len == sizeof("since") - 1
        && ngx_strncmp(value->data, "since", value->len) == 0)
    {
        query->sort = NGX_HTTP_REAUTH_LIST_SINCE;
        return NULL;
    }

    if (value->len == sizeof("updated") - 1
        && ngx_strncmp(value->data, "updated", value->len) == 0)
    {
        query->sort = NGX_HTTP_REAUTH_LIST_UPDATED;
        return NULL;
    }

    return "must be since or updated";
}


static const char *
ngx_http_reauth_status_parse_account(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    query->account.data = value->data;
    query->account.len = value->len;

    return reauth_id_is_account(&query->account) ? NULL
                                                 : "must be an account ID";
}


/* a cursor of the audit log: two numbers in hex */

static const char *
ngx_http_reauth_status_parse_place(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    int              rc;
    reauth_string_t  pair;

    if (ngx_http_reauth_caller_confined(query->request)) {
        rc = ngx_http_reauth_cursor_open(query->request, value,
                                         &query->place[0], &query->place[1])
             == NGX_OK ? 0 : -1;

    } else {
        pair.data = value->data;
        pair.len = value->len;

        rc = reauth_query_pair(&pair, query->place);
    }

    return rc == 0 && query->place[0] != 0
           ? NULL : "must be the unchanged next_cursor of a response";
}


static const char *
ngx_http_reauth_status_parse_wait(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_query_t  *query = data;

    ngx_int_t  wait;

    wait = ngx_parse_time(value, 0);

    if (wait == NGX_ERROR || wait > NGX_HTTP_REAUTH_STATUS_WAIT_MAX) {
        return "must be a time of at most 60s, such as 30s";
    }

    query->wait = wait;

    return NULL;
}


static const char *
ngx_http_reauth_status_parse_open(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_gate_t  *gate = data;

    gate->open = ngx_atoi(value->data, value->len);

    return value->len == 3
           && (gate->open == NGX_HTTP_OK || gate->open == NGX_HTTP_NO_CONTENT)
           ? NULL : "must be 200 or 204";
}


static const char *
ngx_http_reauth_status_parse_closed(ngx_str_t *value, void *data)
{
    ngx_http_reauth_status_gate_t  *gate = data;

    gate->closed = ngx_atoi(value->data, value->len);

    return value->len == 3
           && (gate->closed == NGX_HTTP_UNAUTHORIZED
               || gate->closed == NGX_HTTP_FORBIDDEN
               || gate->closed == NGX_HTTP_TOO_MANY_REQUESTS
               || gate->closed == NGX_HTTP_SERVICE_UNAVAILABLE)
           ? NULL : "must be 401, 403, 429 or 503";
}


static const char *
ngx_http_reauth_status_parse_other(ngx_str_t *value, void *data)
{
    return NULL;
}
