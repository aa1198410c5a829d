
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_budget.h"


/* no own spending has this value: it is unsent */
#define REAUTH_SPENDING_LOST  SIZE_MAX


static const struct {
    char     letter;
    int64_t  ms;
} reauth_budget_periods[REAUTH_BUDGET_PERIODS] = {
    { 'h', 3600000 },
    { 'd', 86400000 }
};


int
reauth_budget_parse(const reauth_string_t *value, reauth_budget_t *budget)
{
    size_t    i, period;
    uint64_t  n;

    n = 0;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            break;
        }

        n = n * 10 + (uint64_t) (value->data[i] - '0');

        if (n > REAUTH_BUDGET_MAX) {
            return -1;
        }
    }

    if (n == 0 || value->len - i != 2 || value->data[i] != '/') {
        return -1;
    }

    for (period = 0; period < REAUTH_BUDGET_PERIODS; period++) {
        if (value->data[i + 1] == reauth_budget_periods[period].letter) {
            budget->credits = (uint32_t) n;
            budget->period = (reauth_budget_period_t) period;
            return 0;
        }
    }

    return -1;
}


char
reauth_budget_letter(reauth_budget_period_t period)
{
    return reauth_budget_periods[period].letter;
}


size_t
reauth_budget_window(reauth_budget_period_t period, int64_t now_ms)
{
    /* the first one is 1: 0 means none */

    return now_ms < 0 ? 1
                      : (size_t) (now_ms / reauth_budget_periods[period].ms)
                        + 1;
}


int64_t
reauth_budget_start_ms(reauth_budget_period_t period, size_t window)
{
    return (int64_t) (window - 1) * reauth_budget_periods[period].ms;
}


int64_t
reauth_budget_end_ms(reauth_budget_period_t period, size_t window)
{
    return (int64_t) window * reauth_budget_periods[period].ms;
}


uint32_t
reauth_budget_retry_after(reauth_budget_period_t period, size_t window,
    int64_t now_ms)
{
    int64_t  ms;

    ms = reauth_budget_end_ms(period, window) - now_ms;

    if (ms <= 0) {
        return 1;
    }

    /* the clock may have been set back after the window was computed */

    if (ms > reauth_budget_periods[period].ms) {
        ms = reauth_budget_periods[period].ms;
    }

    return (uint32_t) ((ms + 999) / 1000);
}


int
reauth_budget_allows(const reauth_budget_t *budget, size_t spent)
{
    return budget->credits == 0 || spent < budget->credits;
}


void
reauth_spending_begin(reauth_spending_t *spending, size_t window,
    size_t counter)
{
    spending->window = 0;
    spending->others = 0;
    spending->stored = 0;
    spending->base = counter;
    spending->window = window;
}


size_t
reauth_spending_own(const reauth_spending_t *spending, size_t counter)
{
    return counter - spending->base;
}


static size_t
reauth_spending_sum(size_t own, size_t others)
{
    return own + others < own ? SIZE_MAX : own + others;
}


size_t
reauth_spending_all(const reauth_spending_t *spending, size_t counter)
{
    return reauth_spending_sum(counter - spending->base, spending->others);
}


int
reauth_spending_is_unsent(const reauth_spending_t *spending, size_t counter)
{
    return spending->stored != counter - spending->base;
}


void
reauth_spending_merge(reauth_spending_t *spending, size_t counter,
    const reauth_spending_stored_t *stored)
{
    size_t  own, others;

    own = counter - spending->base;
    others = spending->others;

    if (stored->total > stored->own && stored->total - stored->own > others) {
        others = stored->total - stored->own;
    }

    if (stored->known > own && stored->known - own > others) {
        others = stored->known - own;
    }

    spending->others = others;
    spending->stored = stored->own;
}


void
reauth_spending_lost(reauth_spending_t *spending, size_t counter)
{
    if (reauth_spending_all(spending, counter) != 0) {
        spending->stored = REAUTH_SPENDING_LOST;
    }
}
