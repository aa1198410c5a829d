
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: a byte that selects the method, then the path.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_route.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reauth_route_t            route;
    reauth_string_t           path, account;
    const uint8_t            *query;
    reauth_account_result_t   rc;

    static const reauth_string_t  name = reauth_string("account_id");

    static const reauth_string_t  methods[] = {
        reauth_string("GET"),
        reauth_string("HEAD"),
        reauth_string("PUT"),
        reauth_string("POST")
    };

    if (size == 0) {
        return 0;
    }

    path.data = data + 1;
    path.len = size - 1;

    /* the same bytes as a query and as the "Cookie" header */

    if (reauth_route_count_cookie(&path, &name) > (int) path.len
        || (reauth_route_arg_is_plain(&path, &name)
            && reauth_route_has_arg(&path, &name)
            && path.len < name.len))
    {
        abort();
    }

    query = memchr(path.data, '?', path.len);

    rc = reauth_route_account(path.data,
                              query ? (size_t) (query - path.data) : path.len,
                              &account);

    if (rc == REAUTH_ACCOUNT_FOUND && !reauth_id_is_account(&account)) {
        abort();
    }

    switch (reauth_route(&methods[data[0] % 4], &path, &route)) {

    case REAUTH_ROUTE_OK:

        if (route.operation == REAUTH_OPERATION_NONE || route.allow == NULL
            || memchr(path.data, '#', path.len) != NULL)
        {
            abort();
        }

        if (route.kind == REAUTH_ID_NONE) {
            if (route.id.len || route.operation != REAUTH_OPERATION_START) {
                abort();
            }

            break;
        }

        if (reauth_id_kind(&route.id) != route.kind) {
            abort();
        }

        /* both parsers of a path name the same account */

        if (route.kind != REAUTH_ID_ATTEMPT
            && (rc != REAUTH_ACCOUNT_FOUND || account.data != route.id.data
                || account.len != route.id.len))
        {
            abort();
        }

        break;

    case REAUTH_ROUTE_METHOD_NOT_ALLOWED:

        if (route.allow == NULL) {
            abort();
        }

        break;

    default:
        break;
    }

    return 0;
}
