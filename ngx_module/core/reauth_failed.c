
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_failed.h"


reauth_failed_t
reauth_failed_judge(const reauth_record_t *record,
    reauth_override_gate_t override, int64_t interval_ms, int64_t last_ms,
    int64_t now_ms)
{
    if (!reauth_failed_is(record->state, record->action)) {
        return REAUTH_FAILED_PASS;
    }

    if (override == REAUTH_OVERRIDE_OPEN) {
        return REAUTH_FAILED_EXEMPT;
    }

    /* the clock was set back: a probe too many is better than none */

    if (last_ms == REAUTH_FAILED_NEVER
        || last_ms > now_ms
        || now_ms - last_ms >= interval_ms)
    {
        return REAUTH_FAILED_PROBE;
    }

    return REAUTH_FAILED_ANSWER;
}


int64_t
reauth_failed_last(const reauth_string_t *until, int64_t interval_ms,
    int64_t now_ms)
{
    size_t   i;
    int64_t  until_ms;

    /* 2286 has the last number of 13 digits */

    if (until->len > 13) {
        return now_ms;
    }

    until_ms = 0;

    for (i = 0; i < until->len; i++) {

        if (until->data[i] < '0' || until->data[i] > '9') {
            return now_ms;
        }

        until_ms = until_ms * 10 + (until->data[i] - '0');
    }

    if (until_ms < now_ms) {
        until_ms = now_ms;
    }

    return until_ms - now_ms > interval_ms ? now_ms : until_ms - interval_ms;
}


int64_t
reauth_failed_unpack(uint32_t last, int64_t now_ms)
{
    if (last == 0) {
        return REAUTH_FAILED_NEVER;
    }

    /* a time that seems to be in the future is one of 49 days ago */

    return now_ms - (int64_t) (uint32_t) ((uint32_t) now_ms - last);
}


uint32_t
reauth_failed_pack(int64_t last_ms)
{
    uint32_t  last;

    last = (uint32_t) last_ms;

    return last != 0 ? last : 1;
}
