
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_clock.h"


int
reauth_clock_shorter(const reauth_clock_sample_t *sample,
    const reauth_clock_sample_t *best)
{
    return sample->received_ms - sample->sent_ms
           < best->received_ms - best->sent_ms;
}


int64_t
reauth_clock_correct(const reauth_clock_sample_t *sample, int64_t offset_ms)
{
    int64_t  least, most;

    least = sample->time_ms - sample->received_ms - REAUTH_CLOCK_GRAIN_MS;
    most = sample->time_ms - sample->sent_ms + REAUTH_CLOCK_GRAIN_MS;

    if (offset_ms >= least && offset_ms <= most) {
        return offset_ms;
    }

    return least + (most - least) / 2;
}


int
reauth_clock_jumped(int64_t from_ms, int64_t to_ms)
{
    int64_t  by_ms;

    by_ms = to_ms - from_ms;

    return by_ms > REAUTH_CLOCK_JUMP_MS || by_ms < -REAUTH_CLOCK_JUMP_MS;
}


int
reauth_clock_is_unmeasured(int64_t since_ms, int64_t measured_ms)
{
    return since_ms > measured_ms;
}


/* 0: not known */

static void
reauth_clock_move_one(int64_t *ms, int64_t by_ms)
{
    if (*ms != 0) {
        *ms += by_ms;
    }
}


/*
 * The prior attempt may have begun before the last measurement, or elsewhere,
 * so that its time is that of the upstream: such times are not moved.
 */

static void
reauth_clock_move_prior(reauth_prior_t *prior, int64_t measured_ms,
    int64_t by_ms)
{
    if (!reauth_clock_is_unmeasured(prior->since_ms, measured_ms)
        || prior->since_ms == prior->started_us / 1000)
    {
        return;
    }

    prior->since_ms += by_ms;
    prior->deadline_ms += by_ms;
}


void
reauth_clock_move(reauth_record_t *record, int64_t measured_ms, int64_t by_ms)
{
    /* an end that only this gateway has reported */

    if (record->completed_us != 0
        && (record->completed_us == record->updated_ms * 1000
            || record->completed_us == record->deadline_ms * 1000))
    {
        record->completed_us += by_ms * 1000;
    }

    /* an odd epoch: begun elsewhere, its times are those of the upstream */

    if (!(record->epoch & 1)) {
        reauth_clock_move_one(&record->since_ms, by_ms);
        reauth_clock_move_one(&record->deadline_ms, by_ms);
    }

    reauth_clock_move_one(&record->updated_ms, by_ms);
    reauth_clock_move_one(&record->accepted_ms, by_ms);
    reauth_clock_move_one(&record->stepped_ms, by_ms);
    reauth_clock_move_one(&record->polled_ms, by_ms);

    if (record->prior.state != REAUTH_STATE_NONE) {
        reauth_clock_move_prior(&record->prior, measured_ms, by_ms);
    }
}
