
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_clerk.h"


/* a renewal in the future is by another clock */

static int
reauth_clerk_silent(const reauth_clerk_t *clerk, int64_t now_ms,
    int64_t limit_ms)
{
    int64_t  silent_ms;

    silent_ms = now_ms - clerk->beat_ms;

    return silent_ms >= limit_ms || silent_ms <= -limit_ms;
}


int
reauth_clerk_may_take(const reauth_clerk_t *clerk, int64_t now_ms)
{
    return clerk->worker == 0
           || reauth_clerk_silent(clerk, now_ms, REAUTH_CLERK_LEASE_MS);
}


int
reauth_clerk_is(const reauth_clerk_t *clerk, uint32_t term)
{
    return term != 0 && term == clerk->term;
}


reauth_clerk_step_t
reauth_clerk_step(reauth_clerk_t *clerk, uint32_t *term, uint32_t worker,
    int64_t now_ms, reauth_clerk_former_t *former)
{
    if (reauth_clerk_is(clerk, *term)) {
        clerk->beat_ms = now_ms;
        return REAUTH_CLERK_HELD;
    }

    if (*term != 0) {
        *term = 0;
        return REAUTH_CLERK_LOST;
    }

    if (!reauth_clerk_may_take(clerk, now_ms)) {
        return REAUTH_CLERK_OTHER;
    }

    former->worker = clerk->worker;
    former->silent_ms = now_ms - clerk->beat_ms;

    clerk->beat_ms = now_ms;
    clerk->worker = worker;
    clerk->term++;

    if (clerk->term == 0) {
        clerk->term = 1;
    }

    *term = clerk->term;

    return REAUTH_CLERK_TAKEN;
}


void
reauth_clerk_give_up(reauth_clerk_t *clerk, uint32_t *term)
{
    if (reauth_clerk_is(clerk, *term)) {
        clerk->worker = 0;
    }

    *term = 0;
}


int
reauth_clerk_missing(const reauth_clerk_t *clerk, int64_t now_ms)
{
    return reauth_clerk_silent(clerk, now_ms, REAUTH_CLERK_LATE_MS);
}
