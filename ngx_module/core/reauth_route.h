
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Ids, and what a method and a path of the authenticate family mean.
 */


#ifndef REAUTH_ROUTE_H
#define REAUTH_ROUTE_H


#include "reauth_string.h"


#define REAUTH_ID_TAIL_MAX           64

#define REAUTH_PATH_ROOT             "/api/"
#define REAUTH_FAMILY                "/api/authenticate"
#define REAUTH_FANSLY_FAMILY         "/api/fansly/authenticate"

#define REAUTH_ACCOUNT_PREFIX        "acct_"
#define REAUTH_ATTEMPT_PREFIX        "auth_"
#define REAUTH_FANSLY_PREFIX         "fansly_acct_"
#define REAUTH_FANVUE_PREFIX         "fanvue_acct_"    /* as long */


/* what $reauth_operation says */

typedef enum {
    REAUTH_OPERATION_NONE = 0,
    REAUTH_OPERATION_UPDATE,
    REAUTH_OPERATION_START,
    REAUTH_OPERATION_POLL,
    REAUTH_OPERATION_SUBMIT_2FA,
    REAUTH_OPERATION_SEND_EMAIL,
    REAUTH_OPERATION_REAUTHENTICATE,
    REAUTH_OPERATION_CALL,
    REAUTH_OPERATION_STATUS,
    REAUTH_OPERATION_WEBHOOK,
    REAUTH_OPERATION_METRICS,
    REAUTH_OPERATION_LAST
} reauth_operation_t;


typedef enum {
    REAUTH_ID_NONE = 0,
    REAUTH_ID_ACCOUNT,
    REAUTH_ID_ATTEMPT,
    REAUTH_ID_FANSLY,
    REAUTH_ID_FANVUE
} reauth_id_kind_t;


typedef struct {
    const char          *method;
    reauth_operation_t   operation;
} reauth_route_method_t;


/* a path of the authenticate family */

typedef struct {
    unsigned                fansly;
    reauth_id_kind_t        kind;
    const char             *tail;      /* what follows the id */
    const char             *allow;
    reauth_route_method_t   methods[4];
} reauth_route_entry_t;


typedef enum {
    REAUTH_ROUTE_OK = 0,
    REAUTH_ROUTE_NOT_FOUND,
    REAUTH_ROUTE_METHOD_NOT_ALLOWED,
    REAUTH_ROUTE_BAD_PATH,
    REAUTH_ROUTE_BAD_QUERY,            /* an argument names another method */
    REAUTH_ROUTE_NO_FAMILY             /* a platform that has no logins here */
} reauth_route_result_t;


typedef struct {
    reauth_operation_t   operation;
    unsigned             fansly;
    reauth_id_kind_t     kind;         /* of the id */
    reauth_string_t      id;           /* a part of the path, or empty */
    const char          *allow;        /* for Allow; set with OK, too */
} reauth_route_t;


typedef enum {
    REAUTH_ACCOUNT_NONE = 0,
    REAUTH_ACCOUNT_FOUND,
    REAUTH_ACCOUNT_BAD,                /* begins as an id, but is none */
    REAUTH_ACCOUNT_NO_MEMORY           /* of a value, never of a path */
} reauth_account_result_t;


extern const unsigned char  reauth_id_chars[256];

extern const reauth_route_entry_t  reauth_routes[];    /* "tail" NULL: end */


const char *reauth_operation_name(reauth_operation_t op);   /* NULL for NONE */

/* for the debug log */
const char *reauth_route_result_name(reauth_route_result_t result);

/* which kind of id all of the string is */
reauth_id_kind_t reauth_id_kind(const reauth_string_t *id);

/* whether it is the id of an account of any platform */
int reauth_id_is_account(const reauth_string_t *id);

/*
 * The path is the raw one as it came over the wire, with or without a query
 * string.
 */
reauth_route_result_t reauth_route(const reauth_string_t *method,
    const reauth_string_t *path, reauth_route_t *route);


/* the length of the prefix that an account's id begins with, 0: none */

static inline size_t
reauth_account_prefix(const unsigned char *p, size_t len)
{
    if (len >= sizeof(REAUTH_ACCOUNT_PREFIX) - 1
        && memcmp(p, REAUTH_ACCOUNT_PREFIX, sizeof(REAUTH_ACCOUNT_PREFIX) - 1)
           == 0)
    {
        return sizeof(REAUTH_ACCOUNT_PREFIX) - 1;
    }

    if (len < sizeof(REAUTH_FANSLY_PREFIX) - 1 || *p != 'f') {
        return 0;
    }

    if (memcmp(p, REAUTH_FANSLY_PREFIX, sizeof(REAUTH_FANSLY_PREFIX) - 1) == 0
        || memcmp(p, REAUTH_FANVUE_PREFIX, sizeof(REAUTH_FANVUE_PREFIX) - 1)
           == 0)
    {
        return sizeof(REAUTH_FANSLY_PREFIX) - 1;
    }

    return 0;
}


/*
 * The first whole segment of a path that is an account's id; inline, as it
 * runs for each ordinary call.  The path is a decoded one, without a query
 * string: a question mark in it is a character as any other.
 */

static inline reauth_account_result_t
reauth_route_account(const unsigned char *path, size_t len,
    reauth_string_t *account)
{
    size_t                prefix;
    const unsigned char  *p, *id, *tail, *last;

    p = path;
    last = path + len;

    /* as nearly all begin: no account, and passed at one step */

    if (len >= sizeof(REAUTH_PATH_ROOT) - 1
        && memcmp(p, REAUTH_PATH_ROOT, sizeof(REAUTH_PATH_ROOT) - 1) == 0)
    {
        p += sizeof(REAUTH_PATH_ROOT) - 2;
    }

    for ( /* void */ ; p < last; p++) {

        if (*p != '/') {
            continue;
        }

        id = p + 1;
        prefix = reauth_account_prefix(id, (size_t) (last - id));

        if (prefix == 0) {
            continue;
        }

        tail = id + prefix;

        for (p = tail; p < last && reauth_id_chars[*p]; p++) { /* void */ }

        if (p == tail || p - tail > REAUTH_ID_TAIL_MAX
            || (p < last && *p != '/'))
        {
            return REAUTH_ACCOUNT_BAD;
        }

        account->data = id;
        account->len = (size_t) (p - id);

        return REAUTH_ACCOUNT_FOUND;
    }

    return REAUTH_ACCOUNT_NONE;
}


/*
 * The same of a path as it came over the wire, with or without a query string,
 * for paths that hold an escape, a dot or an empty segment.  BAD, too: what two
 * programs could read differently up to the account, or a dot segment.
 */
reauth_account_result_t reauth_route_raw_account(const unsigned char *path,
    size_t len, reauth_string_t *account);

/*
 * An account that is not in the path: the value is decoded once into the
 * buffer, which is as long.  NONE: the value is empty.
 */
reauth_account_result_t reauth_route_value_account(
    const reauth_string_t *value, unsigned char *buffer,
    reauth_string_t *account);

/*
 * Whether an argument is in a query string at most once, by all spellings of
 * its name that some program takes for it, and then in the plain one.
 */
int reauth_route_arg_is_plain(const reauth_string_t *args,
    const reauth_string_t *name);

/*
 * How many cookies of this name a "Cookie" header has; -1: one has another
 * spelling that some program takes for it.
 */
int reauth_route_count_cookie(const reauth_string_t *header,
    const reauth_string_t *name);

/* Whether it is in a query string at all, by any of these spellings. */
int reauth_route_has_arg(const reauth_string_t *args,
    const reauth_string_t *name);


#endif /* REAUTH_ROUTE_H */
