
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "reauth_callers_line.h"


struct reauth_callers_s {
    size_t             n;
    size_t             mask;       /* slots - 1, the slots a power of two */
    unsigned           periods;    /* of budgets */
    reauth_caller_t   *callers;
    uint32_t          *lines;      /* the line of each caller */
    uint32_t          *notes;      /* of the owner of the table */
    uint16_t          *by_hash;    /* open addressing; index + 1, 0: free */
    uint16_t          *by_name;
    unsigned char     *text;       /* what names and patterns point into */
};


/*
 * In constant time, as CRYPTO_memcmp(), which compares byte by byte: this runs
 * for each request.
 */

static int
reauth_callers_hash_equals(const uint8_t a[REAUTH_SHA256_LEN],
    const uint8_t b[REAUTH_SHA256_LEN])
{
    size_t    i;
    uint64_t  x, y, different;

    different = 0;

    for (i = 0; i < REAUTH_SHA256_LEN; i += sizeof(uint64_t)) {
        memcpy(&x, a + i, sizeof(uint64_t));
        memcpy(&y, b + i, sizeof(uint64_t));
        different |= x ^ y;
    }

    return different == 0;
}


/* the slot that holds the caller of that hash, or the free one it would take */

static size_t
reauth_callers_hash_slot(const reauth_callers_t *callers,
    const uint8_t hash[REAUTH_SHA256_LEN])
{
    size_t            slot;
    uint64_t          key;
    reauth_caller_t  *caller;

    memcpy(&key, hash, sizeof(key));

    for (slot = (size_t) key & callers->mask;
         callers->by_hash[slot] != 0;
         slot = (slot + 1) & callers->mask)
    {
        caller = &callers->callers[callers->by_hash[slot] - 1];

        if (reauth_callers_hash_equals(caller->hash, hash)) {
            break;
        }
    }

    return slot;
}


static size_t
reauth_callers_name_slot(const reauth_callers_t *callers,
    const reauth_string_t *name)
{
    size_t            i, slot;
    uint32_t          key;
    reauth_string_t  *other;

    /* FNV-1a */

    key = 2166136261u;

    for (i = 0; i < name->len; i++) {
        key = (key ^ name->data[i]) * 16777619u;
    }

    for (slot = key & callers->mask;
         callers->by_name[slot] != 0;
         slot = (slot + 1) & callers->mask)
    {
        other = &callers->callers[callers->by_name[slot] - 1].name;

        if (other->len == name->len
            && memcmp(other->data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return slot;
}


static int
reauth_callers_add(reauth_callers_t *callers, reauth_callers_line_t *line,
    const reauth_caller_t *caller)
{
    size_t  by_hash, by_name;

    by_name = reauth_callers_name_slot(callers, &caller->name);

    if (callers->by_name[by_name] != 0) {
        return reauth_callers_error(line, "caller \"%.*s\" is already on line "
                          "%u", (int) caller->name.len, caller->name.data,
                          (unsigned)
                          callers->lines[callers->by_name[by_name] - 1]);
    }

    by_hash = reauth_callers_hash_slot(callers, caller->hash);

    if (callers->by_hash[by_hash] != 0) {
        return reauth_callers_error(line,
                   "the caller on line %u has the same hash: each caller "
                   "needs its own token",
                          (unsigned)
                          callers->lines[callers->by_hash[by_hash] - 1]);
    }

    if (callers->n == REAUTH_CALLERS_MAX) {
        return reauth_callers_error(line, "there are more than %d callers",
                                    REAUTH_CALLERS_MAX);
    }

    callers->callers[callers->n] = *caller;
    callers->lines[callers->n] = line->number;
    callers->n++;

    if (caller->budget.credits != 0) {
        callers->periods |= 1u << caller->budget.period;
    }

    callers->by_name[by_name] = (uint16_t) callers->n;
    callers->by_hash[by_hash] = (uint16_t) callers->n;

    return 0;
}


static int
reauth_callers_parse_line(reauth_callers_t *callers,
    reauth_callers_line_t *line)
{
    size_t            i;
    unsigned char     c;
    reauth_caller_t   caller;
    reauth_string_t  *rest;

    rest = &line->rest;

    if (rest->len > 0 && rest->data[rest->len - 1] == '\r') {
        rest->len--;
    }

    if (rest->len > REAUTH_CALLERS_LINE_MAX) {
        return reauth_callers_error(line, "is longer than %d bytes",
                                    REAUTH_CALLERS_LINE_MAX);
    }

    for (i = 0; i < rest->len; i++) {
        c = rest->data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return reauth_callers_error(line, "contains a control character");
        }
    }

    memset(&caller, 0, sizeof(reauth_caller_t));

    caller.name = reauth_callers_field(line);

    if (caller.name.len == 0) {
        return 0;
    }

    if (reauth_callers_parse_name(line, &caller) != 0
        || reauth_callers_parse_hash(line, &caller) != 0
        || reauth_callers_parse_scopes(line, &caller) != 0
        || reauth_callers_parse_parameters(line, &caller) != 0)
    {
        return -1;
    }

    caller.calls_all = (caller.scopes & REAUTH_SCOPE_CALLS)
                       == REAUTH_SCOPE_CALLS
                       && caller.accounts.data == NULL
                       && caller.routes.data == NULL;

    return reauth_callers_add(callers, line, &caller);
}


/* room for as many callers as there are lines */

static reauth_callers_t *
reauth_callers_allocate(const reauth_string_t *text)
{
    size_t             i, n, slots;
    reauth_callers_t  *callers;

    n = 1;

    for (i = 0; i < text->len && n < REAUTH_CALLERS_MAX; i++) {
        if (text->data[i] == '\n') {
            n++;
        }
    }

    for (slots = 4; slots < 2 * n; slots *= 2) { /* void */ }

    callers = calloc(1, sizeof(reauth_callers_t));

    if (callers == NULL) {
        return NULL;
    }

    callers->mask = slots - 1;
    callers->callers = calloc(n, sizeof(reauth_caller_t));
    callers->lines = calloc(n, sizeof(uint32_t));
    callers->notes = calloc(n, sizeof(uint32_t));
    callers->by_hash = calloc(slots, sizeof(uint16_t));
    callers->by_name = calloc(slots, sizeof(uint16_t));
    callers->text = malloc(text->len + 1);

    if (callers->callers == NULL
        || callers->lines == NULL
        || callers->notes == NULL
        || callers->by_hash == NULL
        || callers->by_name == NULL
        || callers->text == NULL)
    {
        reauth_callers_free(callers);
        return NULL;
    }

    if (text->len != 0) {
        memcpy(callers->text, text->data, text->len);
    }

    return callers;
}


reauth_callers_t *
reauth_callers_parse(const reauth_string_t *text,
    char error[REAUTH_CALLERS_ERROR_SIZE])
{
    reauth_string_t         rest;
    reauth_callers_t       *callers;
    reauth_callers_line_t   line;

    callers = reauth_callers_allocate(text);

    if (callers == NULL) {
        snprintf(error, REAUTH_CALLERS_ERROR_SIZE, "there is not enough "
                                                   "memory for it");
        return NULL;
    }

    rest.data = callers->text;
    rest.len = text->len;

    line.number = 0;
    line.error = error;

    while (rest.len != 0) {
        line.number++;
        line.rest = reauth_callers_split(&rest, '\n');

        if (reauth_callers_parse_line(callers, &line) != 0) {
            reauth_callers_free(callers);
            return NULL;
        }
    }

    /* an incomplete file would reject all callers */

    if (callers->n == 0) {
        snprintf(error, REAUTH_CALLERS_ERROR_SIZE,
                   "no caller found: expected lines \"name sha256:<64 hex> "
                   "scope[,scope...] [accounts=pattern] [attempts=number] "
                   "[budget=number/h] [routes=route]\"");
        reauth_callers_free(callers);
        return NULL;
    }

    return callers;
}


void
reauth_callers_free(reauth_callers_t *callers)
{
    if (callers == NULL) {
        return;
    }

    free(callers->callers);
    free(callers->lines);
    free(callers->notes);
    free(callers->by_hash);
    free(callers->by_name);
    free(callers->text);
    free(callers);
}


size_t
reauth_callers_count(const reauth_callers_t *callers)
{
    return callers->n;
}


int
reauth_callers_find(const reauth_callers_t *callers,
    const reauth_string_t *token, const reauth_caller_t **caller)
{
    size_t    slot;
    uint8_t   hash[REAUTH_SHA256_LEN];
    uint16_t  index;

    *caller = NULL;

    if (token->len == 0) {
        return 0;
    }

    if (reauth_sha256(token, hash) != 0) {
        return -1;
    }

    slot = reauth_callers_hash_slot(callers, hash);
    index = callers->by_hash[slot];

    explicit_bzero(hash, sizeof(hash));

    if (index != 0) {
        *caller = &callers->callers[index - 1];
    }

    return 0;
}


const reauth_caller_t *
reauth_callers_find_name(const reauth_callers_t *callers,
    const reauth_string_t *name)
{
    uint16_t  index;

    index = callers->by_name[reauth_callers_name_slot(callers, name)];

    return index != 0 ? &callers->callers[index - 1] : NULL;
}


unsigned
reauth_callers_periods(const reauth_callers_t *callers)
{
    return callers->periods;
}


uint32_t *
reauth_callers_note(const reauth_callers_t *callers,
    const reauth_caller_t *caller)
{
    return &callers->notes[caller - callers->callers];
}


int
reauth_caller_allowed(const reauth_caller_t *caller, unsigned scopes)
{
    return (caller->scopes & scopes) != 0;
}


int
reauth_caller_allowed_account(const reauth_caller_t *caller,
    const reauth_string_t *account)
{
    reauth_string_t  patterns, pattern;

    if (caller->accounts.data == NULL) {
        return 1;
    }

    patterns = caller->accounts;

    while (patterns.len != 0) {
        pattern = reauth_callers_split(&patterns, ',');

        if (pattern.data[pattern.len - 1] == '*') {
            pattern.len--;

            if (account->len >= pattern.len
                && memcmp(account->data, pattern.data, pattern.len) == 0)
            {
                return 1;
            }

            continue;
        }

        if (account->len == pattern.len
            && memcmp(account->data, pattern.data, pattern.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
