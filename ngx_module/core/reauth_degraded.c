
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdio.h>
#include <string.h>

#include "reauth_degraded.h"


typedef struct {
    const char        *code;
    reauth_refusal_t   refusal;
} reauth_refusal_code_t;


static const struct {
    const char  *name;                 /* in metrics */
    const char  *text;
} reauth_refusals[REAUTH_REFUSAL_LAST] = {
    { NULL, "" },
    { "redis_unreachable", "Redis is unreachable" },
    { "redis_password", "Redis requires a password (NOAUTH)" },
    { "redis_user", "Redis rejects the user or the password (WRONGPASS)" },
    { "redis_rights", "the Redis user lacks a right (NOPERM)" },
    { "redis_loading", "Redis is loading its data (LOADING)" },
    { "redis_busy", "Redis is running a script that does not end (BUSY)" },
    { "redis_script_killed", "a script was terminated in Redis (SCRIPT KILL)" },
    { "redis_out_of_memory", "Redis is out of memory (OOM)" },
    { "redis_not_saving", "Redis cannot save its data to disk (MISCONF)" },
    { "redis_few_replicas", "Redis has too few replicas (NOREPLICAS)" },
    { "redis_replica", "this Redis is a replica (READONLY)" },
    { "redis_cluster", "this node of the Redis Cluster does not serve the "
      "keys (CLUSTERDOWN, MOVED, ASK or TRYAGAIN)" },
    { "redis_sentinel", "no Sentinel names a primary, or the server is a "
      "Sentinel" },
    { "redis_unread", "Redis has not been read yet" },
    { "redis_refused", "Redis rejects commands; see the error log" },
    { "clerk", "the worker process that runs the background work does not "
      "respond" },
    { "clock", "the system clock is off by more than a second" },
    { "upstream_key", "the upstream rejects the API key (401)" },
    { "upstream_restricted", "the API key is restricted (403)" },
    { "upstream_credits", "the team is out of credits (402)" },
    { "secret", "another gateway has another secret or API key" }
};


static const char  *reauth_reason_ends[REAUTH_REASON_LAST] = {
    "",
    "updates are stored by this gateway only",
    "changes made by other gateways are not read",
    "changes made by other gateways may be missing",
    "polls are not shared with other gateways",
    "a failover may not be noticed",
    "another one takes over within seconds",
    "times in the logs of nginx are wrong",
    "calls and updates fail, and logins are not followed",
    "an identical update is sent again"
};


static const reauth_refusal_code_t  reauth_refusal_codes[] = {
    { "NOAUTH", REAUTH_REFUSAL_PASSWORD },
    { "WRONGPASS", REAUTH_REFUSAL_USER },
    { "NOPERM", REAUTH_REFUSAL_RIGHTS },
    { "LOADING", REAUTH_REFUSAL_LOADING },
    { "BUSY", REAUTH_REFUSAL_BUSY },
    { "OOM", REAUTH_REFUSAL_MEMORY },
    { "MISCONF", REAUTH_REFUSAL_DISK },
    { "NOREPLICAS", REAUTH_REFUSAL_REPLICAS },
    { "READONLY", REAUTH_REFUSAL_REPLICA },
    { "MASTERDOWN", REAUTH_REFUSAL_REPLICA },
    { "CLUSTERDOWN", REAUTH_REFUSAL_CLUSTER },
    { "MOVED", REAUTH_REFUSAL_CLUSTER },
    { "ASK", REAUTH_REFUSAL_CLUSTER },
    { "TRYAGAIN", REAUTH_REFUSAL_CLUSTER },
    { "CROSSSLOT", REAUTH_REFUSAL_CLUSTER },
    { "WRONGTYPE", REAUTH_REFUSAL_NONE }
};

#define REAUTH_REFUSAL_CODES                                                  \
    (sizeof(reauth_refusal_codes) / sizeof(reauth_refusal_codes[0]))


static int
reauth_refusal_begins(const reauth_string_t *s, const char *text)
{
    size_t  len;

    len = strlen(text);

    return s->len >= len && memcmp(s->data, text, len) == 0;
}


/* whether the string contains the text */

static int
reauth_refusal_has(const reauth_string_t *s, const char *text)
{
    reauth_string_t  rest;

    for (rest = *s; rest.len != 0; rest.data++, rest.len--) {
        if (reauth_refusal_begins(&rest, text)) {
            return 1;
        }
    }

    return 0;
}


/* the code at the beginning, if it is followed by a space or the end */

static const reauth_refusal_code_t *
reauth_refusal_code(const reauth_string_t *s)
{
    size_t  i, len;

    for (i = 0; i < REAUTH_REFUSAL_CODES; i++) {
        len = strlen(reauth_refusal_codes[i].code);

        if (reauth_refusal_begins(s, reauth_refusal_codes[i].code)
            && (s->len == len || s->data[len] == ' '))
        {
            return &reauth_refusal_codes[i];
        }
    }

    return NULL;
}


/* before Redis 7, the error of a script quotes that of its command */

static reauth_refusal_t
reauth_refusal_script(const reauth_string_t *error)
{
    reauth_string_t               rest;
    const reauth_refusal_code_t  *code;

    if (reauth_refusal_has(error, "killed by user with SCRIPT KILL")) {
        return REAUTH_REFUSAL_KILLED;
    }

    if (reauth_refusal_has(error, "ACL failure in script")
        || reauth_refusal_has(error, "can't run this command"))
    {
        return REAUTH_REFUSAL_RIGHTS;
    }

    for (rest = *error; rest.len > 1; ) {
        rest.data++;
        rest.len--;

        if (rest.data[-1] == '-') {
            code = reauth_refusal_code(&rest);

            if (code != NULL) {
                return code->refusal;
            }
        }
    }

    return REAUTH_REFUSAL_OTHER;
}


reauth_refusal_t
reauth_refusal_parse(const reauth_string_t *error)
{
    const reauth_refusal_code_t  *code;

    code = reauth_refusal_code(error);

    if (code != NULL) {
        return code->refusal;
    }

    return reauth_refusal_begins(error, "ERR Error running script")
           || reauth_refusal_begins(error, "ERR The user executing the script")
           || reauth_refusal_begins(error, "ERR ACL failure in script")
           ? reauth_refusal_script(error) : REAUTH_REFUSAL_OTHER;
}


const char *
reauth_refusal_text(reauth_refusal_t refusal)
{
    return refusal < REAUTH_REFUSAL_LAST ? reauth_refusals[refusal].text : "";
}


static void
reauth_health_add(reauth_reason_t *reasons, unsigned *n,
    reauth_reason_kind_t kind, reauth_refusal_t refusal)
{
    if (refusal != REAUTH_REFUSAL_NONE) {
        reasons[*n].kind = kind;
        reasons[*n].refusal = refusal;
        (*n)++;
    }
}


static void
reauth_health_redis(const reauth_health_t *health, reauth_reason_t *reasons,
    unsigned *n)
{
    if (!health->up) {

        /* without a connection, nothing else works either */

        reauth_health_add(reasons, n, REAUTH_REASON_WRITE,
                          health->down != REAUTH_REFUSAL_NONE
                          ? health->down : REAUTH_REFUSAL_UNREACHABLE);
        return;
    }

    reauth_health_add(reasons, n, REAUTH_REASON_WRITE, health->write);

    reauth_health_add(reasons, n,
                      health->follow == REAUTH_REFUSAL_UNREAD
                      ? REAUTH_REASON_UNREAD : REAUTH_REASON_FOLLOW,
                      health->follow);

    if (health->write == REAUTH_REFUSAL_NONE) {
        reauth_health_add(reasons, n, REAUTH_REASON_LEASE, health->lease);
        reauth_health_add(reasons, n, REAUTH_REASON_SECRET, health->secret);
    }

    reauth_health_add(reasons, n, REAUTH_REASON_WATCH, health->watch);
}


static reauth_refusal_t
reauth_health_upstream(reauth_upstream_result_t why)
{
    switch (why) {

    case REAUTH_RESULT_KEY_REFUSED:
        return REAUTH_REFUSAL_KEY;

    case REAUTH_RESULT_KEY_RESTRICTED:
        return REAUTH_REFUSAL_RESTRICTED;

    case REAUTH_RESULT_CREDITS:
        return REAUTH_REFUSAL_CREDITS;

    default:
        return REAUTH_REFUSAL_NONE;
    }
}


unsigned
reauth_health_reasons(const reauth_health_t *health, reauth_reason_t *reasons)
{
    unsigned  n;

    n = 0;

    reauth_health_add(reasons, &n, REAUTH_REASON_UPSTREAM,
                      reauth_health_upstream(health->upstream));

    if (health->redis) {
        reauth_health_redis(health, reasons, &n);
    }

    reauth_health_add(reasons, &n, REAUTH_REASON_CLERK, health->clerk);

    if (health->clock_ms > REAUTH_CLOCK_OFF_MS
        || health->clock_ms < -REAUTH_CLOCK_OFF_MS)
    {
        reauth_health_add(reasons, &n, REAUTH_REASON_CLOCK,
                          REAUTH_REFUSAL_CLOCK);
    }

    return n;
}


size_t
reauth_reason_text(const reauth_reason_t *reason, char *out)
{
    int  len;

    len = snprintf(out, REAUTH_REASON_LEN, "%s: %s",
                   reauth_refusal_text(reason->refusal),
                   reauth_reason_ends[reason->kind]);

    if (len < 0) {
        return 0;
    }

    return len < REAUTH_REASON_LEN ? (size_t) len : REAUTH_REASON_LEN - 1;
}


const char *
reauth_reason_name(const reauth_reason_t *reason)
{
    return reauth_refusals[reason->refusal].name;
}


const char *
reauth_reason_names(unsigned n)
{
    return n + 1 < REAUTH_REFUSAL_LAST ? reauth_refusals[n + 1].name : NULL;
}
