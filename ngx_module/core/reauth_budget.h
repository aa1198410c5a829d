
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Budgets: how many credits the calls of a caller may use in an hour or a day,
 * and what a gateway knows of the spending of all gateways.  No clock: times
 * are parameters.
 *
 * Each gateway tells the others the sum of what it has spent in a window, never
 * a difference, so that a message that is lost or repeated changes nothing.
 */


#ifndef REAUTH_BUDGET_H
#define REAUTH_BUDGET_H


#include <stddef.h>
#include <stdint.h>

#include "reauth_string.h"


/* credits; more than can be spent in a day */
#define REAUTH_BUDGET_MAX  1000000000


/* names what the store has: two parts of a time, and the name of a writer */
#define REAUTH_USAGE_ID_MAX  64


typedef enum {
    REAUTH_BUDGET_HOUR = 0,
    REAUTH_BUDGET_DAY,
    REAUTH_BUDGET_PERIODS
} reauth_budget_period_t;


typedef struct {
    uint32_t                credits;     /* 0: no budget */
    reauth_budget_period_t  period;
} reauth_budget_t;


/* of one caller, in the window of one period; words that are read at once */

typedef struct {
    volatile size_t  window;      /* its number; 0: none yet */
    volatile size_t  base;        /* the caller's counter at its beginning */
    volatile size_t  others;      /* spent by other gateways */
    volatile size_t  stored;      /* of the own spending, known to others */
} reauth_spending_t;


/* "N/h" or "N/d", N from 1 to REAUTH_BUDGET_MAX; -1: anything else */
int reauth_budget_parse(const reauth_string_t *value, reauth_budget_t *budget);

/* "h" or "d" */
char reauth_budget_letter(reauth_budget_period_t period);

/* windows are aligned to hours and days of UTC */
size_t reauth_budget_window(reauth_budget_period_t period, int64_t now_ms);
int64_t reauth_budget_start_ms(reauth_budget_period_t period, size_t window);
int64_t reauth_budget_end_ms(reauth_budget_period_t period, size_t window);

/* seconds until the window ends, at least 1 */
uint32_t reauth_budget_retry_after(reauth_budget_period_t period,
    size_t window, int64_t now_ms);

/* whether a call may begin if this has been spent */
int reauth_budget_allows(const reauth_budget_t *budget, size_t spent);


/*
 * "counter" is what the caller has used of this gateway since ever; it wraps.
 * begin: a new window; a reader without a lock sees the former one, none, or
 * the new one.
 */
void reauth_spending_begin(reauth_spending_t *spending, size_t window,
    size_t counter);

/* own spending in the window, and that of all gateways as far as known */
size_t reauth_spending_own(const reauth_spending_t *spending, size_t counter);
size_t reauth_spending_all(const reauth_spending_t *spending, size_t counter);

/* whether others do not know all of the own spending */
int reauth_spending_is_unsent(const reauth_spending_t *spending,
    size_t counter);

/* what the store has */

typedef struct {
    size_t           total;       /* the sum of what gateways told */
    size_t           own;         /* the part of this gateway */
    size_t           known;       /* the most that a gateway knew of all, if
                                     it was more than the sum */
} reauth_spending_stored_t;


/*
 * What is known of others never decreases within a window: the store may have
 * lost some of it.  It may also have lost the own part, but not the part of it
 * that is in "known".
 */
void reauth_spending_merge(reauth_spending_t *spending, size_t counter,
    const reauth_spending_stored_t *stored);

/* the store may have lost all: everything that is known is unsent */
void reauth_spending_lost(reauth_spending_t *spending, size_t counter);


#endif /* REAUTH_BUDGET_H */
