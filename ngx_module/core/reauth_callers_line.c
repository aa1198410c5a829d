
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One line of a callers file.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "reauth_callers_line.h"
#include "reauth_attempt.h"
#include "reauth_call.h"
#include "reauth_route.h"


static const struct {
    const char  *name;
    unsigned     bit;
} reauth_scopes[] = {
    { "update", REAUTH_SCOPE_UPDATE },
    { "attempt", REAUTH_SCOPE_ATTEMPT },
    { "call", REAUTH_SCOPE_CALL|REAUTH_SCOPE_CALL_READ },
    { "call:read", REAUTH_SCOPE_CALL_READ },
    { "team", REAUTH_SCOPE_TEAM|REAUTH_SCOPE_TEAM_READ },
    { "team:read", REAUTH_SCOPE_TEAM_READ },
    { "status", REAUTH_SCOPE_STATUS },
    { "operate", REAUTH_SCOPE_OPERATE },
    { "all", REAUTH_SCOPE_ALL }
};


int
reauth_callers_error(reauth_callers_line_t *line, const char *fmt, ...)
{
    int      n;
    va_list  args;

    n = snprintf(line->error, REAUTH_CALLERS_ERROR_SIZE, "line %u: ",
                 (unsigned) line->number);

    va_start(args, fmt);
    vsnprintf(line->error + n, REAUTH_CALLERS_ERROR_SIZE - (size_t) n, fmt,
              args);
    va_end(args);

    return -1;
}


/* the bytes of s up to the separator; both are removed from s */

reauth_string_t
reauth_callers_split(reauth_string_t *s, unsigned char separator)
{
    reauth_string_t       part;
    const unsigned char  *p;

    part = *s;
    p = s->len != 0 ? memchr(s->data, separator, s->len) : NULL;

    if (p == NULL) {
        s->data += s->len;
        s->len = 0;

    } else {
        part.len = (size_t) (p - s->data);
        s->data = p + 1;
        s->len -= part.len + 1;
    }

    return part;
}


static int
reauth_callers_is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}


/* the next field of the line; empty at the end or at a comment */

reauth_string_t
reauth_callers_field(reauth_callers_line_t *line)
{
    reauth_string_t  *rest, field;

    rest = &line->rest;

    while (rest->len > 0 && reauth_callers_is_blank(*rest->data)) {
        rest->data++;
        rest->len--;
    }

    field.data = rest->data;
    field.len = 0;

    if (rest->len > 0 && *rest->data == '#') {
        rest->len = 0;
    }

    while (rest->len > 0 && !reauth_callers_is_blank(*rest->data)) {
        rest->data++;
        rest->len--;
        field.len++;
    }

    return field;
}


int
reauth_callers_parse_name(reauth_callers_line_t *line, reauth_caller_t *caller)
{
    size_t  i;

    if (caller->name.len > REAUTH_CALLER_MAX) {
        return reauth_callers_error(line, "the caller's name is longer than "
                                    "%d bytes", REAUTH_CALLER_MAX);
    }

    for (i = 0; i < caller->name.len; i++) {

        if (!reauth_id_chars[caller->name.data[i]]
            && caller->name.data[i] != '.')
        {
            return reauth_callers_error(line,
                       "the caller's name at the beginning of the line can "
                       "contain only letters, digits, \".\", \"_\" and \"-\"");
        }
    }

    return 0;
}


/* the hash of an unset variable, alone or with a newline */

static int
reauth_callers_empty(const reauth_string_t *hash)
{
    size_t  i;

    static const char  *empty[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b"
    };

    for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        if (hash->len == strlen(empty[i])
            && strncasecmp((const char *) hash->data, empty[i], hash->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


int
reauth_callers_parse_hash(reauth_callers_line_t *line, reauth_caller_t *caller)
{
    reauth_string_t  field;

    static const char  prefix[] = "sha256:";

    field = reauth_callers_field(line);

    if (field.len < sizeof(prefix) - 1
        || memcmp(field.data, prefix, sizeof(prefix) - 1) != 0)
    {
        return reauth_callers_error(line,
                   "the name must be followed by \"sha256:\" and 64 "
                   "hexadecimal digits, the hash of the token, never the "
                   "token itself: printf %%s \"$TOKEN\" | sha256sum");
    }

    field.data += sizeof(prefix) - 1;
    field.len -= sizeof(prefix) - 1;

    if (reauth_hex_decode(caller->hash, REAUTH_SHA256_LEN, &field) != 0) {
        return reauth_callers_error(line,
                   "\"sha256:\" must be followed by 64 hexadecimal digits, "
                   "found %u characters: printf %%s \"$TOKEN\" | "
                   "sha256sum", (unsigned) field.len);
    }

    if (reauth_callers_empty(&field)) {
        return reauth_callers_error(line,
                   "the hash is that of an empty token or of a newline; make "
                   "a token with: reauth-token NAME SCOPES");
    }

    return 0;
}


int
reauth_callers_parse_scopes(reauth_callers_line_t *line,
    reauth_caller_t *caller)
{
    size_t           i, n;
    reauth_string_t  field, scope;

    field = reauth_callers_field(line);
    n = sizeof(reauth_scopes) / sizeof(reauth_scopes[0]);

    do {
        scope = reauth_callers_split(&field, ',');

        for (i = 0; i < n; i++) {
            if (reauth_string_equals(&scope, reauth_scopes[i].name)) {
                caller->scopes |= reauth_scopes[i].bit;
                break;
            }
        }

        if (i == n) {
            return reauth_callers_error(line,
                       "the hash must be followed by scopes, separated by "
                       "commas without spaces: update, attempt, call, "
                       "call:read, team, team:read, status, operate or all");
        }

    } while (field.len != 0);

    return 0;
}


/*
 * Whether the pattern, without its "*", is an account ID or the beginning of
 * one.
 */

static int
reauth_callers_pattern_valid(const reauth_string_t *pattern, int exact)
{
    size_t  i, n, len;

    static const char  *prefixes[] = {
        REAUTH_ACCOUNT_PREFIX, REAUTH_FANSLY_PREFIX, REAUTH_FANVUE_PREFIX
    };

    for (i = 0; i < pattern->len; i++) {
        if (!reauth_id_chars[pattern->data[i]]) {
            return 0;
        }
    }

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        len = strlen(prefixes[i]);
        n = pattern->len < len ? pattern->len : len;

        if (memcmp(pattern->data, prefixes[i], n) == 0
            && (!exact || pattern->len > len)
            && pattern->len <= len + REAUTH_ID_TAIL_MAX)
        {
            return 1;
        }
    }

    return 0;
}


static int
reauth_callers_parse_accounts(reauth_callers_line_t *line,
    reauth_caller_t *caller, const reauth_string_t *value)
{
    int              exact;
    reauth_string_t  patterns, pattern;

    caller->accounts = *value;
    patterns = *value;

    do {
        pattern = reauth_callers_split(&patterns, ',');

        exact = pattern.len == 0 || pattern.data[pattern.len - 1] != '*';

        if (!exact) {
            pattern.len--;
        }

        if (!reauth_callers_pattern_valid(&pattern, exact)) {
            return reauth_callers_error(line,
                       "a pattern of \"accounts=\" matches no account: "
                       "expected an ID, \"acct_...\", \"fansly_acct_...\" or "
                       "\"fanvue_acct_...\", or its beginning followed by "
                       "\"*\"");
        }

    } while (patterns.len != 0);

    return 0;
}


static int
reauth_callers_parse_attempts(reauth_callers_line_t *line,
    reauth_caller_t *caller, const reauth_string_t *value)
{
    size_t    i;
    uint32_t  n;

    n = 0;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            break;
        }

        n = n * 10 + (value->data[i] - '0');

        if (n > REAUTH_CALLERS_ATTEMPTS_MAX) {
            break;
        }
    }

    if (i < value->len || n == 0) {
        return reauth_callers_error(line, "\"attempts=\" takes a number from "
                                    "1 to %d", REAUTH_CALLERS_ATTEMPTS_MAX);
    }

    caller->attempts = n;

    return 0;
}


static int
reauth_callers_parse_budget(reauth_callers_line_t *line,
    reauth_caller_t *caller, const reauth_string_t *value)
{
    if (reauth_budget_parse(value, &caller->budget) != 0) {
        return reauth_callers_error(line,
                   "\"budget=\" takes credits an hour or a day, from 1 to %d, "
                   "such as 500/h or 10000/d", REAUTH_BUDGET_MAX);
    }

    return 0;
}


static int
reauth_callers_parse_routes(reauth_callers_line_t *line,
    reauth_caller_t *caller, const reauth_string_t *value)
{
    reauth_string_t  routes, route;

    caller->routes = *value;
    routes = *value;

    do {
        route = reauth_callers_split(&routes, ',');

        if (!reauth_call_route_valid(&route)) {
            return reauth_callers_error(line,
                       "invalid route in \"routes=\": expected METHOD:/path "
                       "below the account, such as GET:/chats or *:/media/*, "
                       "decoded, without a query string, and with \"*\" at "
                       "the end only");
        }

    } while (routes.len != 0);

    return 0;
}


/* the fields that can follow the scopes, in any order, each once */

static const struct {
    const char  *name;
    int        (*parse)(reauth_callers_line_t *line, reauth_caller_t *caller,
                        const reauth_string_t *value);
} reauth_callers_parameters[] = {
    { "accounts=", reauth_callers_parse_accounts },
    { "attempts=", reauth_callers_parse_attempts },
    { "budget=", reauth_callers_parse_budget },
    { "routes=", reauth_callers_parse_routes }
};


int
reauth_callers_parse_parameters(reauth_callers_line_t *line,
    reauth_caller_t *caller)
{
    size_t           i, n, len;
    unsigned         given;
    const char      *name;
    reauth_string_t  field;

    given = 0;
    n = sizeof(reauth_callers_parameters)
        / sizeof(reauth_callers_parameters[0]);

    for ( ;; ) {
        field = reauth_callers_field(line);

        if (field.len == 0) {
            return 0;
        }

        for (i = 0; i < n; i++) {
            name = reauth_callers_parameters[i].name;
            len = strlen(name);

            if (field.len >= len && memcmp(field.data, name, len) == 0) {
                break;
            }
        }

        if (i == n) {
            return reauth_callers_error(line,
                       "the scopes can be followed by \"accounts=\", "
                       "\"attempts=\", \"budget=\" and \"routes=\" only; "
                       "scopes, patterns and routes are separated by commas "
                       "without spaces");
        }

        if (given & 1u << i) {
            return reauth_callers_error(line, "\"%s\" is duplicate", name);
        }

        given |= 1u << i;

        field.data += len;
        field.len -= len;

        if (reauth_callers_parameters[i].parse(line, caller, &field) != 0) {
            return -1;
        }
    }
}
