
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The callers file: clients that can use the gateway, identified by the SHA-256
 * of a bearer token, and their rights.  One caller in a line, "#" begins a
 * comment:
 *
 *     name sha256:<64 hex> scope[,scope...] [accounts=pattern[,pattern...]]
 *         [attempts=number] [budget=number/h|d]
 *         [routes=METHOD:/path[,METHOD:/path...]]
 *
 * A pattern is an account ID, or the beginning of one followed by "*".
 */


#ifndef REAUTH_CALLERS_H
#define REAUTH_CALLERS_H


#include <stdint.h>

#include "reauth_budget.h"
#include "reauth_digest.h"
#include "reauth_string.h"


#define REAUTH_CALLERS_MAX         10000
#define REAUTH_CALLERS_LINE_MAX    4096
#define REAUTH_CALLERS_ERROR_SIZE  256

/* more than fit into any zone */
#define REAUTH_CALLERS_ATTEMPTS_MAX  10000000


#define REAUTH_SCOPE_UPDATE   0x01     /* credentials, reauthenticate, start */
#define REAUTH_SCOPE_ATTEMPT  0x02     /* poll, 2FA, e-mail */
#define REAUTH_SCOPE_CALL     0x04     /* ordinary calls of an account ... */
#define REAUTH_SCOPE_STATUS   0x08
#define REAUTH_SCOPE_CALL_READ  0x10   /* ... by GET and HEAD */
#define REAUTH_SCOPE_TEAM     0x20     /* those of the team ... */
#define REAUTH_SCOPE_TEAM_READ  0x40   /* ... by GET and HEAD */
#define REAUTH_SCOPE_OPERATE  0x80     /* metrics; what acts on the gateway */
#define REAUTH_SCOPE_ALL      0xff

#define REAUTH_SCOPE_CALLS    (REAUTH_SCOPE_CALL|REAUTH_SCOPE_CALL_READ       \
                               |REAUTH_SCOPE_TEAM|REAUTH_SCOPE_TEAM_READ)


typedef struct {
    reauth_string_t  name;
    reauth_string_t  accounts;     /* patterns, by comma; data NULL: all */
    reauth_string_t  routes;       /* by comma; data NULL: all */
    unsigned         scopes;
    unsigned         calls_all;    /* any ordinary call of any account */
    uint32_t         attempts;     /* active at once; 0: the default */
    reauth_budget_t  budget;       /* of credits */
    uint8_t          hash[REAUTH_SHA256_LEN];
} reauth_caller_t;


typedef struct reauth_callers_s  reauth_callers_t;


/*
 * Returns a table that does not refer to the text, or NULL with the line
 * number and the reason in "error", which quotes only names.
 */
reauth_callers_t *reauth_callers_parse(const reauth_string_t *text,
    char error[REAUTH_CALLERS_ERROR_SIZE]);
void reauth_callers_free(reauth_callers_t *callers);

size_t reauth_callers_count(const reauth_callers_t *callers);

/* "caller" NULL: unknown token; -1: no memory for its hash */
int reauth_callers_find(const reauth_callers_t *callers,
    const reauth_string_t *token, const reauth_caller_t **caller);

/* finds a caller by name, for callers authenticated otherwise; or NULL */
const reauth_caller_t *reauth_callers_find_name(
    const reauth_callers_t *callers, const reauth_string_t *name);

/* the periods of all budgets: a bit for each */
unsigned reauth_callers_periods(const reauth_callers_t *callers);

/*
 * A word for each caller of the table, initially 0, for the owner of the table:
 * it is found without looking up a name.
 */
uint32_t *reauth_callers_note(const reauth_callers_t *callers,
    const reauth_caller_t *caller);

/* whether the caller has one of the scopes */
int reauth_caller_allowed(const reauth_caller_t *caller, unsigned scopes);
int reauth_caller_allowed_account(const reauth_caller_t *caller,
    const reauth_string_t *account);


#endif /* REAUTH_CALLERS_H */
