
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <string.h>

#include "reauth_call.h"
#include "reauth_route.h"


/* removes the last segment */

static reauth_string_t
reauth_call_last_segment(reauth_string_t *path)
{
    size_t           n;
    reauth_string_t  segment;

    for (n = path->len; n > 0 && path->data[n - 1] != '/'; n--) {
        /* void */
    }

    segment.data = path->data + n;
    segment.len = path->len - n;

    path->len = n > 0 ? n - 1 : 0;

    return segment;
}


static int
reauth_call_has_api(reauth_string_t path)
{
    reauth_string_t  segment;

    while (path.len != 0) {
        segment = reauth_call_last_segment(&path);

        if (reauth_string_equals(&segment, "api")) {
            return 1;
        }
    }

    return 0;
}


/*
 * The part of a path before an account: "/api", "/api/fansly" before a Fansly
 * ID, or nothing, if the gateway's own prefix replaces them.  Paths of the team
 * are not listed, because a list would miss new ones.
 */

static int
reauth_call_before_account(const reauth_call_t *call,
    const reauth_string_t *account)
{
    size_t            whole;
    reauth_string_t   before, outer, last;
    reauth_id_kind_t  kind;

    before.data = call->path.data;
    before.len = (size_t) (account->data - call->path.data) - 1;

    outer = before;
    last = reauth_call_last_segment(&outer);
    kind = reauth_id_kind(account);

    if ((kind == REAUTH_ID_FANSLY && reauth_string_equals(&last, "fansly"))
        || (kind == REAUTH_ID_FANVUE && reauth_string_equals(&last, "fanvue")))
    {
        before = outer;
        last = reauth_call_last_segment(&outer);
    }

    if (before.len == 0) {
        return 1;
    }

    if (reauth_string_equals(&last, "api")) {
        whole = outer.len + sizeof("/") - 1;

        /* the upstream's "/api", no segment of that name in a team's path */

        return !reauth_call_has_api(outer)
               && (call->prefix == 0 || whole <= call->prefix);
    }

    whole = before.len + sizeof("/") - 1;

    return whole <= call->prefix && !reauth_call_has_api(before);
}


/* of the path, empty: none */

static reauth_string_t
reauth_call_path_account(const reauth_call_t *call)
{
    reauth_string_t  account;

    if (reauth_route_account(call->path.data, call->path.len, &account)
        != REAUTH_ACCOUNT_FOUND)
    {
        account.data = NULL;
        account.len = 0;
    }

    return account;
}


int
reauth_call_is_accounts(const reauth_call_t *call, reauth_string_t *rest)
{
    reauth_string_t  account;

    static const unsigned char  root[] = "/";

    account = reauth_call_path_account(call);

    if (account.len == 0) {

        /* reauth_gate_account specifies another account than the path */

        *rest = call->path;

        return call->account.len != 0;
    }

    rest->data = account.data + account.len;
    rest->len = (size_t) (call->path.data + call->path.len - rest->data);

    if (rest->len == 0) {
        rest->data = root;
        rest->len = 1;
    }

    return reauth_call_before_account(call, &account);
}


static int
reauth_call_reads(const reauth_string_t *method)
{
    return reauth_string_equals(method, "GET")
           || reauth_string_equals(method, "HEAD");
}


/* a "*" at the end of the pattern matches any text, including none */

static int
reauth_call_matches(reauth_string_t pattern, const reauth_string_t *s)
{
    if (pattern.len != 0 && pattern.data[pattern.len - 1] == '*') {
        pattern.len--;

        return s->len >= pattern.len
               && memcmp(s->data, pattern.data, pattern.len) == 0;
    }

    return s->len == pattern.len
           && memcmp(s->data, pattern.data, pattern.len) == 0;
}


static int
reauth_call_route_matches(const reauth_string_t *route,
    const reauth_string_t *method, const reauth_string_t *rest)
{
    reauth_string_t       name, path;
    const unsigned char  *colon;

    static const reauth_string_t  get = reauth_string("GET");

    colon = memchr(route->data, ':', route->len);

    name.data = route->data;
    name.len = (size_t) (colon - route->data);
    path.data = colon + 1;
    path.len = route->len - name.len - 1;

    /* HEAD returns nothing that GET does not */

    return reauth_call_matches(path, rest)
           && (reauth_call_matches(name, method)
               || (reauth_string_equals(method, "HEAD")
                   && reauth_call_matches(name, &get)));
}


static int
reauth_call_routed(const reauth_caller_t *caller,
    const reauth_string_t *method, const reauth_string_t *rest)
{
    reauth_string_t       routes, route;
    const unsigned char  *comma;

    if (caller->routes.data == NULL) {
        return 1;
    }

    for (routes = caller->routes; routes.len != 0; /* void */ ) {
        route = routes;
        comma = memchr(routes.data, ',', routes.len);

        if (comma != NULL) {
            route.len = (size_t) (comma - routes.data);
            routes.data = comma + 1;
            routes.len -= route.len + 1;

        } else {
            routes.len = 0;
        }

        if (reauth_call_route_matches(&route, method, rest)) {
            return 1;
        }
    }

    return 0;
}


reauth_call_result_t
reauth_caller_may_call(const reauth_caller_t *caller,
    const reauth_call_t *call)
{
    int              reads;
    reauth_string_t  account, rest;

    reads = reauth_call_reads(&call->method);

    if (!reauth_call_is_accounts(call, &rest)) {

        if (!reauth_caller_allowed(caller, reads ? REAUTH_SCOPE_TEAM_READ
                                                 : REAUTH_SCOPE_TEAM)
            || caller->accounts.data != NULL
            || caller->routes.data != NULL)
        {
            return REAUTH_CALL_NO_TEAM;
        }

        return REAUTH_CALL_ALLOWED;
    }

    if (!reauth_caller_allowed(caller, reads ? REAUTH_SCOPE_CALL_READ
                                             : REAUTH_SCOPE_CALL))
    {
        return REAUTH_CALL_NO_SCOPE;
    }

    /* two accounts, if reauth_gate_account specifies another one */

    account = reauth_call_path_account(call);

    if ((account.len != 0 && !reauth_caller_allowed_account(caller, &account))
        || (call->account.len != 0
            && !reauth_caller_allowed_account(caller, &call->account)))
    {
        return REAUTH_CALL_NO_ACCOUNT;
    }

    return reauth_call_routed(caller, &call->method, &rest)
           ? REAUTH_CALL_ALLOWED : REAUTH_CALL_NO_ROUTE;
}


/*
 * The path is compared with a decoded path without a query string: characters
 * that cannot be in such a path are an error.
 */

static int
reauth_call_route_path_valid(const reauth_string_t *path)
{
    size_t         i;
    unsigned char  c;

    if (path->len == 0 || path->data[0] != '/') {
        return 0;
    }

    for (i = 0; i < path->len; i++) {
        c = path->data[i];

        if (c == '%' || c == '?' || c == '#' || c == '\\'
            || (c == '*' && i != path->len - 1)
            || (c == '/' && i != 0 && path->data[i - 1] == '/'))
        {
            return 0;
        }
    }

    return 1;
}


int
reauth_call_route_valid(const reauth_string_t *route)
{
    size_t                i, n;
    reauth_string_t       path;
    const unsigned char  *colon;

    colon = route->len != 0 ? memchr(route->data, ':', route->len) : NULL;

    if (colon == NULL || colon == route->data) {
        return 0;
    }

    n = (size_t) (colon - route->data);

    for (i = 0; i < n; i++) {

        if ((route->data[i] < 'A' || route->data[i] > 'Z')
            && !(route->data[i] == '*' && i == n - 1))
        {
            return 0;
        }
    }

    path.data = colon + 1;
    path.len = route->len - n - 1;

    return reauth_call_route_path_valid(&path);
}
