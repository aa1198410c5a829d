
/*
 * Copyright (C) the nginx-reauth authors
 *
 * IDs, and the meaning of methods and paths of the authenticate family.
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


/* values of $reauth_operation */

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
    const char             *tail;      /* the part after the ID */
    const char             *allow;
    reauth_route_method_t   methods[4];
} reauth_route_entry_t;


typedef enum {
    REAUTH_ROUTE_OK = 0,
    REAUTH_ROUTE_NOT_FOUND,
    REAUTH_ROUTE_METHOD_NOT_ALLOWED,
    REAUTH_ROUTE_BAD_PATH,
    REAUTH_ROUTE_BAD_QUERY,            /* an argument overrides the method */
    REAUTH_ROUTE_NO_FAMILY             /* a platform without logins by API */
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
    REAUTH_ACCOUNT_BAD,                /* begins like an ID, but is invalid */
    REAUTH_ACCOUNT_NO_MEMORY           /* of a value, never of a path */
} reauth_account_result_t;


extern const unsigned char  reauth_id_chars[256];

extern const reauth_route_entry_t  reauth_routes[];    /* "tail" NULL: end */


const char *reauth_operation_name(reauth_operation_t op);   /* NULL for NONE */

/* for the debug log */
const char *reauth_route_result_name(reauth_route_result_t result);

/* the kind of ID of the whole string */
reauth_id_kind_t reauth_id_kind(const reauth_string_t *id);

/* whether it is an account ID of any platform */
int reauth_id_is_account(const reauth_string_t *id);

/* "path" is the raw path, with or without a query string. */
reauth_route_result_t reauth_route(const reauth_string_t *method,
    const reauth_string_t *path, reauth_route_t *route);


/* the length of the prefix of an account ID, 0: none */

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
 * Finds the first segment of a path that is an account ID.  Inline, as it runs
 * for each ordinary call.  The path is decoded and without a query string: a
 * question mark has no meaning.
 */

static inline reauth_account_result_t
reauth_route_account(const unsigned char *path, size_t len,
    reauth_string_t *account)
{
    size_t                prefix;
    const unsigned char  *p, *id, *tail, *last;

    p = path;
    last = path + len;

    /* the usual prefix, skipped at once */

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
 * Whether the raw request target has a "#".  It is no part of a target, so
 * programs differ: nginx ends the arguments there, but sends the whole target.
 */

static inline int
reauth_route_has_fragment(const unsigned char *target, size_t len)
{
    return len != 0 && memchr(target, '#', len) != NULL;
}


/*
 * The same for a raw path, with or without a query string, with escapes, dots
 * or empty segments.  BAD also if programs could interpret the path up to the
 * account differently, or if it has a dot segment or a fragment.
 */
reauth_account_result_t reauth_route_raw_account(const unsigned char *path,
    size_t len, reauth_string_t *account);

/*
 * Parses an account that is not in the path: the value is decoded once to the
 * buffer, which has the same size.  NONE: the value is empty.
 */
reauth_account_result_t reauth_route_value_account(
    const reauth_string_t *value, unsigned char *buffer,
    reauth_string_t *account);

/*
 * Whether an argument is in a query string at most once, counting all
 * spellings that some program accepts, and only in the plain spelling.
 */
int reauth_route_arg_is_plain(const reauth_string_t *args,
    const reauth_string_t *name);

/*
 * The number of cookies with this name in a "Cookie" header; -1: one has
 * another spelling that some program accepts.
 */
int reauth_route_count_cookie(const reauth_string_t *header,
    const reauth_string_t *name);

/* Whether the argument is in a query string, in any of these spellings. */
int reauth_route_has_arg(const reauth_string_t *args,
    const reauth_string_t *name);


#endif /* REAUTH_ROUTE_H */
