
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_schedule.h"
#include "reauth_route.h"


/* persons can request one poll in this many */
#define REAUTH_POLL_REQUESTED_PART  4

#define REAUTH_POLL_MINUTE_MS       INT64_C(60000)


/* the interval is a part of the time since the last change */
#define REAUTH_SCHEDULE_PART         8
#define REAUTH_SCHEDULE_PERSON_PART  3

/* thousandths of the interval, 0 to 400 */
#define REAUTH_SCHEDULE_SPREAD       51
#define REAUTH_SCHEDULE_STEP         8


int64_t
reauth_schedule_next(const reauth_schedule_t *schedule,
    const reauth_record_t *record, int64_t now_ms, unsigned random)
{
    int64_t  interval, quiet;

    if (record->state == REAUTH_STATE_STARTING) {

        /* it is settled by the worker that sends it, or expires */

        return record->since_ms + REAUTH_STARTING_MAX_MS;
    }

    if (reauth_attempt_is_listed(record)
        || reauth_attempt_is_unpolled(record))
    {

        /* the list of accounts does not depend on the queue */

        return record->deadline_ms;
    }

    quiet = now_ms > record->updated_ms ? now_ms - record->updated_ms : 0;

    interval = schedule->interval_ms
               + quiet / (reauth_state_needs_person(record->state)
                          ? REAUTH_SCHEDULE_PERSON_PART
                          : REAUTH_SCHEDULE_PART);

    if (interval > schedule->max_interval_ms) {
        interval = schedule->max_interval_ms;
    }

    /* 0.8 to 1.2 of it */

    interval = interval * (800 + (int64_t) (random % 401)) / 1000;

    return now_ms + interval;
}


unsigned
reauth_schedule_spread(unsigned *n)
{
    return ++*n % REAUTH_SCHEDULE_SPREAD * REAUTH_SCHEDULE_STEP;
}


reauth_poll_way_t
reauth_schedule_way(const reauth_record_t *record)
{
    reauth_string_t  account;

    if (record->state == REAUTH_STATE_STARTING) {
        return REAUTH_POLL_SENDING;
    }

    if (reauth_attempt_is_unpolled(record)) {
        return reauth_state_is_active(record->state) ? REAUTH_POLL_LATER
                                                     : REAUTH_POLL_NOT;
    }

    if (reauth_attempt_is_listed(record)) {
        return REAUTH_POLL_LATER;
    }

    account = reauth_string_from(record->account);

    /* without an attempt, there is an endpoint of Fansly accounts only */

    return reauth_state_is_active(record->state)
           || reauth_id_kind(&account) == REAUTH_ID_FANSLY
           ? REAUTH_POLL_ENDPOINT : REAUTH_POLL_LIST;
}


reauth_poll_class_t
reauth_schedule_class(const reauth_record_t *record)
{
    if (reauth_state_needs_person(record->state)) {
        return REAUTH_POLL_PERSON;
    }

    /* confirmed by the upstream: it has an ID, a time or a reported step */

    if (record->state == REAUTH_STATE_UNKNOWN
        && record->attempt[0] == '\0'
        && record->started_us == 0
        && record->stepped_ms == 0)
    {
        return REAUTH_POLL_LAST;
    }

    return REAUTH_POLL_FIRST;
}


reauth_poll_class_t
reauth_schedule_pick(const int due[REAUTH_POLL_CLASSES], unsigned *others,
    int spare)
{
    if (!due[REAUTH_POLL_FIRST] && !spare) {
        return REAUTH_POLL_CLASSES;
    }

    if (due[REAUTH_POLL_PERSON]
        && (*others >= REAUTH_POLL_PERSON_EACH
            || !(due[REAUTH_POLL_FIRST] || due[REAUTH_POLL_LAST])))
    {
        *others = 0;
        return REAUTH_POLL_PERSON;
    }

    if (*others < REAUTH_POLL_PERSON_EACH
        && (due[REAUTH_POLL_FIRST] || due[REAUTH_POLL_LAST]))
    {
        ++*others;
    }

    return due[REAUTH_POLL_FIRST] ? REAUTH_POLL_FIRST
           : due[REAUTH_POLL_LAST] ? REAUTH_POLL_LAST
           : REAUTH_POLL_CLASSES;
}


unsigned
reauth_schedule_reserve(unsigned burst)
{
    return burst / 2;
}


int64_t
reauth_schedule_request(int64_t *taken_ms, int64_t now_ms, unsigned rate)
{
    int64_t  step_ms, wait_ms;

    step_ms = rate > REAUTH_POLL_REQUESTED_PART
              ? REAUTH_POLL_MINUTE_MS * REAUTH_POLL_REQUESTED_PART / rate
              : REAUTH_POLL_MINUTE_MS;

    if (*taken_ms < now_ms) {
        *taken_ms = now_ms;
    }

    wait_ms = *taken_ms + step_ms - now_ms - REAUTH_POLL_MINUTE_MS;

    if (wait_ms > 0) {
        return wait_ms;
    }

    *taken_ms += step_ms;

    return 0;
}


static reauth_requester_t *
reauth_schedule_requester(reauth_requester_t *callers,
    const reauth_string_t *caller)
{
    size_t               i;
    reauth_requester_t  *least;

    least = &callers[0];

    for (i = 0; i < REAUTH_REQUESTERS; i++) {

        if (reauth_string_equals(caller, callers[i].caller)) {
            return &callers[i];
        }

        if (callers[i].taken_ms < least->taken_ms) {
            least = &callers[i];
        }
    }

    return least;
}


int64_t
reauth_schedule_request_by(reauth_requester_t *callers,
    const reauth_string_t *caller, int64_t *taken_ms, int64_t now_ms,
    unsigned rate, int *own)
{
    int64_t              own_ms, wait_ms;
    reauth_requester_t  *requester;

    *own = 0;

    if (caller->len == 0) {
        return reauth_schedule_request(taken_ms, now_ms, rate);
    }

    requester = reauth_schedule_requester(callers, caller);

    own_ms = reauth_string_equals(caller, requester->caller)
             ? requester->taken_ms : 0;

    wait_ms = reauth_schedule_request(&own_ms, now_ms, rate / 2);

    if (wait_ms > 0) {
        *own = 1;
        return wait_ms;
    }

    wait_ms = reauth_schedule_request(taken_ms, now_ms, rate);

    if (wait_ms > 0) {
        return wait_ms;
    }

    requester->taken_ms = own_ms;
    reauth_copy(requester->caller, REAUTH_CALLER_MAX, caller);

    return 0;
}


int64_t
reauth_schedule_lag(int64_t late_ms)
{
    if (late_ms >= REAUTH_POLL_AT_ONCE_MS) {
        late_ms -= REAUTH_POLL_AT_ONCE_MS;
    }

    return late_ms > 0 ? late_ms : 0;
}


const char *
reauth_schedule_class_name(reauth_poll_class_t class)
{
    static const char  *names[REAUTH_POLL_CLASSES] = {
        "active", "person", "unconfirmed"
    };

    return names[class];
}
