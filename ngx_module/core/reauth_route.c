
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_route.h"


#define REAUTH_FANVUE_FAMILY  "/api/fanvue/authenticate"


/* a raw path that is read segment by segment, each decoded once */

typedef struct {
    const unsigned char    *p;
    const unsigned char    *last;
    const unsigned char    *start;     /* of the segment */
    unsigned                odd;       /* not in plain form up to here */
    unsigned                ended;
    size_t                  len;       /* of the decoded segment */
    unsigned char           name[sizeof(REAUTH_FANSLY_PREFIX)
                                 + REAUTH_ID_TAIL_MAX];  /* its beginning */
} reauth_raw_t;


static int reauth_route_is_canonical(const reauth_string_t *path);
static int reauth_route_family(const reauth_string_t *path, const char *family,
    reauth_string_t *rest);
static int reauth_raw_byte(reauth_raw_t *raw);
static int reauth_raw_is_dot(const reauth_raw_t *raw);
static int reauth_arg_matches(const unsigned char *p, const unsigned char *last,
    const reauth_string_t *name);
static int reauth_raw_segment(reauth_raw_t *raw, reauth_string_t *account);


/* A-Z a-z 0-9 _ - */

const unsigned char  reauth_id_chars[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
};


const reauth_route_entry_t  reauth_routes[] = {

    { 0, REAUTH_ID_NONE, "", "POST",
      { { "POST", REAUTH_OPERATION_START } } },

    { 0, REAUTH_ID_ATTEMPT, "", "GET, HEAD, PUT",
      { { "GET", REAUTH_OPERATION_POLL },
        { "HEAD", REAUTH_OPERATION_POLL },
        { "PUT", REAUTH_OPERATION_SUBMIT_2FA } } },

    { 0, REAUTH_ID_ATTEMPT, "/send-email-to-creator", "POST",
      { { "POST", REAUTH_OPERATION_SEND_EMAIL } } },

    { 0, REAUTH_ID_ACCOUNT, "/credentials", "PUT",
      { { "PUT", REAUTH_OPERATION_UPDATE } } },

    { 0, REAUTH_ID_ACCOUNT, "/reauthenticate", "POST",
      { { "POST", REAUTH_OPERATION_REAUTHENTICATE } } },

    { 1, REAUTH_ID_NONE, "", "POST",
      { { "POST", REAUTH_OPERATION_START } } },

    { 1, REAUTH_ID_FANSLY, "", "GET, HEAD, PUT",
      { { "GET", REAUTH_OPERATION_POLL },
        { "HEAD", REAUTH_OPERATION_POLL },
        { "PUT", REAUTH_OPERATION_SUBMIT_2FA } } },

    { 1, REAUTH_ID_FANSLY, "/reauthenticate", "POST",
      { { "POST", REAUTH_OPERATION_REAUTHENTICATE } } },

    { 0, REAUTH_ID_NONE, NULL, NULL, { { NULL, REAUTH_OPERATION_NONE } } }
};


static const char  *reauth_operation_names[REAUTH_OPERATION_LAST] = {
    NULL,
    "update",
    "start",
    "poll",
    "submit_2fa",
    "send_email",
    "reauthenticate",
    "call",
    "status",
    "webhook",
    "metrics"
};


const char *
reauth_operation_name(reauth_operation_t op)
{
    return (unsigned) op < REAUTH_OPERATION_LAST ? reauth_operation_names[op]
                                                 : NULL;
}


const char *
reauth_route_result_name(reauth_route_result_t result)
{
    static const char  *names[] = {
        "found", "not found", "method not allowed", "bad path", "bad query",
        "no such family"
    };

    return names[result];
}


reauth_id_kind_t
reauth_id_kind(const reauth_string_t *id)
{
    size_t            i, prefix;
    reauth_id_kind_t  kind;

    prefix = reauth_account_prefix(id->data, id->len);

    if (prefix == sizeof(REAUTH_ACCOUNT_PREFIX) - 1) {
        kind = REAUTH_ID_ACCOUNT;

    } else if (prefix) {

        /* the first letter that differs */

        kind = id->data[3] == REAUTH_FANVUE_PREFIX[3] ? REAUTH_ID_FANVUE
                                                      : REAUTH_ID_FANSLY;

    } else if (id->len >= sizeof(REAUTH_ATTEMPT_PREFIX) - 1
               && memcmp(id->data, REAUTH_ATTEMPT_PREFIX,
                         sizeof(REAUTH_ATTEMPT_PREFIX) - 1)
                  == 0)
    {
        prefix = sizeof(REAUTH_ATTEMPT_PREFIX) - 1;
        kind = REAUTH_ID_ATTEMPT;

    } else {
        return REAUTH_ID_NONE;
    }

    if (id->len == prefix || id->len - prefix > REAUTH_ID_TAIL_MAX) {
        return REAUTH_ID_NONE;
    }

    for (i = prefix; i < id->len; i++) {
        if (!reauth_id_chars[id->data[i]]) {
            return REAUTH_ID_NONE;
        }
    }

    return kind;
}


int
reauth_id_is_account(const reauth_string_t *id)
{
    switch (reauth_id_kind(id)) {

    case REAUTH_ID_ACCOUNT:
    case REAUTH_ID_FANSLY:
    case REAUTH_ID_FANVUE:
        return 1;

    default:
        return 0;
    }
}


/* "rest" is the part after the ID, or after the family */

static reauth_route_result_t
reauth_route_operation(const reauth_string_t *method,
    const reauth_string_t *rest, reauth_route_t *route)
{
    size_t                       m;
    const reauth_route_entry_t  *entry;

    for (entry = reauth_routes; entry->tail; entry++) {

        if (entry->fansly != route->fansly || entry->kind != route->kind
            || !reauth_string_equals(rest, entry->tail))
        {
            continue;
        }

        route->allow = entry->allow;

        for (m = 0; entry->methods[m].method; m++) {
            if (reauth_string_equals(method, entry->methods[m].method)) {
                route->operation = entry->methods[m].operation;
                return REAUTH_ROUTE_OK;
            }
        }

        return REAUTH_ROUTE_METHOD_NOT_ALLOWED;
    }

    return REAUTH_ROUTE_NOT_FOUND;
}


reauth_route_result_t
reauth_route(const reauth_string_t *method, const reauth_string_t *path,
    reauth_route_t *route)
{
    reauth_string_t       p, rest, args;
    const unsigned char  *end;

    static const reauth_string_t  override = reauth_string("_method");

    memset(route, 0, sizeof(reauth_route_t));

    p = *path;

    if (p.len == 0 || reauth_route_has_fragment(p.data, p.len)) {
        return REAUTH_ROUTE_BAD_PATH;
    }

    end = memchr(p.data, '?', p.len);

    args.data = NULL;
    args.len = 0;

    if (end) {
        p.len = (size_t) (end - p.data);

        args.data = end + 1;
        args.len = path->len - p.len - 1;
    }

    if (!reauth_route_is_canonical(&p)) {
        return REAUTH_ROUTE_BAD_PATH;
    }

    if (reauth_route_family(&p, REAUTH_FANSLY_FAMILY, &rest)) {
        route->fansly = 1;

    } else if (reauth_route_family(&p, REAUTH_FANVUE_FAMILY, &rest)) {
        return REAUTH_ROUTE_NO_FAMILY;

    } else if (!reauth_route_family(&p, REAUTH_FAMILY, &rest)) {
        return REAUTH_ROUTE_NOT_FOUND;
    }

    if (reauth_route_has_arg(&args, &override)) {
        return REAUTH_ROUTE_BAD_QUERY;
    }

    if (rest.len) {

        /* "/id", "/id/tail" */

        route->id.data = rest.data + 1;

        end = memchr(route->id.data, '/', rest.len - 1);

        route->id.len = end ? (size_t) (end - route->id.data) : rest.len - 1;
        route->kind = reauth_id_kind(&route->id);

        if (route->kind == REAUTH_ID_NONE) {
            return REAUTH_ROUTE_NOT_FOUND;
        }

        if (route->kind == REAUTH_ID_FANVUE) {
            return REAUTH_ROUTE_NO_FAMILY;
        }

        rest.data += 1 + route->id.len;
        rest.len -= 1 + route->id.len;
    }

    return reauth_route_operation(method, &rest, route);
}


/*
 * A path that two programs could read differently is not routed at all.  One
 * slash at the end is harmless: no route has it.
 */

static int
reauth_route_is_canonical(const reauth_string_t *path)
{
    size_t                n;
    const unsigned char  *p, *segment, *last;

    p = path->data;
    last = p + path->len;

    if (p == last || *p != '/') {
        return 0;
    }

    segment = p + 1;

    for (p = segment; p < last; p++) {

        if (reauth_id_chars[*p]) {
            continue;
        }

        if (*p <= 0x20 || *p >= 0x7f || *p == '%' || *p == '\\') {
            return 0;
        }

        if (*p == '/') {
            if (p == segment) {
                return 0;
            }

            segment = p + 1;
            continue;
        }

        if (*p == '.' && (p + 1 == last || p[1] == '/')) {
            n = (size_t) (p + 1 - segment);

            if (n == 1 || (n == 2 && *segment == '.')) {
                return 0;
            }
        }
    }

    return 1;
}


static int
reauth_route_family(const reauth_string_t *path, const char *family,
    reauth_string_t *rest)
{
    size_t  len;

    len = strlen(family);

    if (path->len < len || memcmp(path->data, family, len) != 0
        || (path->len > len && path->data[len] != '/'))
    {
        return 0;
    }

    rest->data = path->data + len;
    rest->len = path->len - len;

    return 1;
}


reauth_account_result_t
reauth_route_raw_account(const unsigned char *path, size_t len,
    reauth_string_t *account)
{
    reauth_raw_t          raw;
    const unsigned char  *query;

    memset(&raw, 0, sizeof(reauth_raw_t));

    query = len ? memchr(path, '?', len) : NULL;

    raw.p = path;
    raw.last = query ? query : path + len;

    account->len = 0;

    if (raw.p == raw.last || *raw.p != '/'
        || reauth_route_has_fragment(path, len))
    {
        return REAUTH_ACCOUNT_BAD;
    }

    raw.p++;

    do {
        if (!reauth_raw_segment(&raw, account)) {
            return REAUTH_ACCOUNT_BAD;
        }

    } while (!raw.ended);

    return account->len ? REAUTH_ACCOUNT_FOUND : REAUTH_ACCOUNT_NONE;
}


/*
 * An encoded slash ends a segment, too, and so does a backslash: browsers and
 * content delivery networks turn it into a slash.  0: the path is bad.
 */

static int
reauth_raw_segment(reauth_raw_t *raw, reauth_string_t *account)
{
    int              c;
    reauth_string_t  id;

    raw->start = raw->p;
    raw->len = 0;
    id.len = 0;

    for ( ;; ) {
        id.data = raw->start;
        id.len = (size_t) (raw->p - raw->start);

        if (raw->p == raw->last) {
            raw->ended = 1;
            break;
        }

        c = reauth_raw_byte(raw);

        if (c < 0) {
            return 0;
        }

        if (c == '\\') {
            raw->odd = 1;
            break;
        }

        if (c == '/') {
            break;
        }

        if (raw->len < sizeof(raw->name)) {
            raw->name[raw->len] = (unsigned char) c;
        }

        raw->len++;
    }

    if (reauth_raw_is_dot(raw)) {
        return 0;
    }

    if (account->len) {
        return 1;
    }

    if (raw->len == 0) {
        raw->odd = 1;
        return 1;
    }

    if (reauth_account_prefix(raw->name, raw->len < sizeof(raw->name)
                                         ? raw->len : sizeof(raw->name))
        == 0)
    {
        return 1;
    }

    if (raw->odd || reauth_id_kind(&id) == REAUTH_ID_NONE) {
        return 0;
    }

    *account = id;

    return 1;
}


/* the next byte, decoded once; -1: a byte that a path cannot contain */

static int
reauth_raw_byte(reauth_raw_t *raw)
{
    int       c, digit;
    unsigned  i;

    c = *raw->p++;

    if (c == '#') {
        return -1;
    }

    if (c != '%') {
        return c;
    }

    if (raw->last - raw->p < 2) {
        return -1;
    }

    raw->odd = 1;
    c = 0;

    for (i = 0; i < 2; i++) {
        digit = *raw->p++;

        if (digit >= '0' && digit <= '9') {
            digit -= '0';

        } else {
            digit |= 0x20;

            if (digit < 'a' || digit > 'f') {
                return -1;
            }

            digit -= 'a' - 10;
        }

        c = c * 16 + digit;
    }

    return c ? c : -1;
}


/* also with parameters, as in "..;x": servlet containers remove them */

static int
reauth_raw_is_dot(const reauth_raw_t *raw)
{
    size_t  n;

    for (n = 0; n < raw->len && n < 3 && raw->name[n] == '.'; n++) {
        /* void */
    }

    return (n == 1 || n == 2) && (raw->len == n || raw->name[n] == ';');
}


reauth_account_result_t
reauth_route_value_account(const reauth_string_t *value, unsigned char *buffer,
    reauth_string_t *account)
{
    int           c;
    reauth_raw_t  raw;

    memset(&raw, 0, sizeof(reauth_raw_t));

    raw.p = value->data;
    raw.last = value->data + value->len;

    account->data = buffer;
    account->len = 0;

    while (raw.p < raw.last) {
        c = reauth_raw_byte(&raw);

        if (c < 0) {
            account->len = 0;
            return REAUTH_ACCOUNT_BAD;
        }

        buffer[account->len++] = (unsigned char) c;
    }

    if (account->len == 0) {
        return REAUTH_ACCOUNT_NONE;
    }

    if (!reauth_id_is_account(account)) {
        account->len = 0;
        return REAUTH_ACCOUNT_BAD;
    }

    return REAUTH_ACCOUNT_FOUND;
}


/* the number of such arguments; -1: at least one has another spelling */

static int
reauth_route_count_arg(const reauth_string_t *args,
    const reauth_string_t *name)
{
    int                   matches, n, odd;
    const unsigned char  *p, *end, *last;

    if (args->len == 0) {
        return 0;
    }

    n = 0;
    odd = 0;
    last = args->data + args->len;

    for (p = args->data; p < last; p = end + 1) {

        for (end = p; end < last && *end != '&' && *end != ';'; end++) {
            /* void */
        }

        matches = reauth_arg_matches(p, end, name);

        if (matches == -1 || (matches == 1 && odd)) {
            return -1;
        }

        n += matches;

        /* a separator for some programs, not for nginx */

        odd = end < last && *end == ';';
    }

    return n;
}


int
reauth_route_arg_is_plain(const reauth_string_t *args,
    const reauth_string_t *name)
{
    int  n;

    n = reauth_route_count_arg(args, name);

    return n == 0 || n == 1;
}


int
reauth_route_has_arg(const reauth_string_t *args, const reauth_string_t *name)
{
    return reauth_route_count_arg(args, name) != 0;
}


static int
reauth_arg_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}


/* PHP replaces these characters in names by underscores */

static int
reauth_arg_is_underscore(int c)
{
    return c == '.' || c == ' ' || c == '+' || c == '[';
}


/* 0: another argument; 1: this one; -1: this one, but spelled otherwise */

static int
reauth_arg_matches(const unsigned char *p, const unsigned char *last,
    const reauth_string_t *name)
{
    int           c;
    size_t        n;
    reauth_raw_t  raw;

    memset(&raw, 0, sizeof(reauth_raw_t));

    raw.p = p;
    raw.last = last;

    for (n = 0; raw.p < raw.last; /* void */ ) {

        if (*raw.p == '=') {
            return n < name->len ? 0 : raw.odd ? -1 : 1;
        }

        c = reauth_raw_byte(&raw);

        if (n == 0 && (c == ' ' || c == '+')) {
            raw.odd = 1;
            continue;
        }

        if (n == name->len) {

            /* PHP makes an array of the former, and stops at a NUL */

            return c == '[' || c == -1 ? -1 : 0;
        }

        if (reauth_arg_lower(c) != reauth_arg_lower(name->data[n])) {

            if (name->data[n] != '_' || !reauth_arg_is_underscore(c)) {
                return 0;
            }

            raw.odd = 1;
        }

        n++;
    }

    return n < name->len ? 0 : raw.odd ? -1 : 1;
}


/* nginx 1.22 separates cookies by commas, too */

static int
reauth_cookie_is_separator(int c)
{
    return c == ';' || c == ',';
}


int
reauth_route_count_cookie(const reauth_string_t *header,
    const reauth_string_t *name)
{
    int                   matches, n;
    const unsigned char  *p, *q, *end, *equals, *last;

    n = 0;
    last = header->data + header->len;

    for (p = header->data; p < last; p = end + 1) {

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        for (end = p; end < last && !reauth_cookie_is_separator(*end); end++) {
            /* void */
        }

        equals = end > p ? memchr(p, '=', (size_t) (end - p)) : NULL;

        if (equals == NULL) {
            equals = end;
        }

        for (q = equals; q > p && (q[-1] == ' ' || q[-1] == '\t'); q--) {
            /* void */
        }

        matches = reauth_arg_matches(p, q, name);

        if (matches == -1 || (matches == 1 && q != equals)) {
            return -1;
        }

        n += matches;
    }

    return n;
}
