
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The bodies of requests of the scope "operate": strict JSON, with all errors
 * reported at once.
 */


#ifndef REAUTH_OPERATE_H
#define REAUTH_OPERATE_H


#include <stdint.h>

#include "reauth_json.h"
#include "reauth_override.h"


/* the longest time that anything set by a person lasts, in ms */
#define REAUTH_OPERATE_FOR_MAX_MS  INT64_C(86400000)

#define REAUTH_OPERATE_GATE        0x01
#define REAUTH_OPERATE_FOR         0x02
#define REAUTH_OPERATE_REASON      0x04    /* the only one that is optional */


typedef struct {
    reauth_override_gate_t   gate;
    int64_t                  for_ms;
    char                     reason[REAUTH_OVERRIDE_REASON_MAX + 1];
} reauth_operate_t;


typedef enum {
    REAUTH_OPERATE_OK = 0,
    REAUTH_OPERATE_INVALID_JSON,       /* *error is set */
    REAUTH_OPERATE_INVALID_FIELDS,     /* *errors is: lists by name */
    REAUTH_OPERATE_NO_MEMORY
} reauth_operate_result_t;


/* "members": those that the body may have; others are errors */
reauth_operate_result_t reauth_operate_parse(const reauth_string_t *text,
    unsigned members, reauth_operate_t *out, reauth_json_error_t *error,
    json_t **errors);

/* a time such as 90s, 10m or 1h30m, in ms; -1 if invalid or over "max_ms" */
int64_t reauth_operate_time(const reauth_string_t *text, int64_t max_ms);

/* the result of a person's request for a poll */

typedef enum {
    REAUTH_ASK_ATTEMPT = 0,            /* the attempt is polled */
    REAUTH_ASK_LIST,                   /* the list of accounts decides on it */
    REAUTH_ASK_ACCOUNT,                /* no attempt is active: once */
    REAUTH_ASK_UNKNOWN,                /* the account is; and the others: */
    REAUTH_ASK_NO_POLLER,
    REAUTH_ASK_WEBHOOKS_ONLY,
    REAUTH_ASK_SENDING                 /* an update is being sent */
} reauth_ask_t;

/* "record" as it is now; "polling": there is a poller */
reauth_ask_t reauth_operate_ask(const reauth_record_t *record, int polling);


/* whether a text of a person can be shown: no control characters in UTF-8 */
int reauth_operate_is_printable(const reauth_string_t *text);


#endif /* REAUTH_OPERATE_H */
