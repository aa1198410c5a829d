
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Ordinary calls: the account of a path, and whether a caller may call it.  A
 * path belongs to an account if it begins with the account ID after the
 * gateway's own prefix; all others belong to the team.
 */


#ifndef REAUTH_CALL_H
#define REAUTH_CALL_H


#include "reauth_callers.h"


typedef struct {
    reauth_string_t  method;
    reauth_string_t  path;         /* decoded, without a query string */
    reauth_string_t  account;      /* of the path or of reauth_gate_account;
                                      empty: none */
    size_t           prefix;  /* length of the location's prefix; 0: unknown */
} reauth_call_t;


typedef enum {
    REAUTH_CALL_ALLOWED = 0,
    REAUTH_CALL_NO_SCOPE,
    REAUTH_CALL_NO_TEAM,           /* paths of the team are not allowed */
    REAUTH_CALL_NO_ACCOUNT,
    REAUTH_CALL_NO_ROUTE
} reauth_call_result_t;


/*
 * Whether the path is of the account; "rest" is the part after the account and
 * begins with a slash.
 */
int reauth_call_is_accounts(const reauth_call_t *call, reauth_string_t *rest);

reauth_call_result_t reauth_caller_may_call(const reauth_caller_t *caller,
    const reauth_call_t *call);

/* whether a METHOD:/path of "routes=" is valid */
int reauth_call_route_valid(const reauth_string_t *route);


#endif /* REAUTH_CALL_H */
