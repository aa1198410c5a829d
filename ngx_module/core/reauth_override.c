
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_override.h"
#include "reauth_record.h"
#include "reauth_route.h"
#include "reauth_shares.h"
#include "reauth_time.h"


/* ms; an override of another gateway that ends later is invalid */
#define REAUTH_OVERRIDE_AHEAD_MS  INT64_C(172800000)


static const char  *reauth_override_names[] = { NULL, "open", "closed" };


const char *
reauth_override_gate_name(unsigned gate)
{
    return gate <= REAUTH_OVERRIDE_CLOSED ? reauth_override_names[gate] : NULL;
}


reauth_override_gate_t
reauth_override_gate_parse(const reauth_string_t *name)
{
    if (reauth_string_equals(name, "open")) {
        return REAUTH_OVERRIDE_OPEN;
    }

    return reauth_string_equals(name, "closed") ? REAUTH_OVERRIDE_CLOSED
                                                : REAUTH_OVERRIDE_NONE;
}


reauth_override_gate_t
reauth_override_gate(const reauth_override_t *override, int64_t now_ms)
{
    if (override == NULL || now_ms >= override->until_ms) {
        return REAUTH_OVERRIDE_NONE;
    }

    return (reauth_override_gate_t) override->gate;
}


int
reauth_override_closes(const reauth_override_t *override, reauth_state_t state,
    int64_t now_ms)
{
    switch (reauth_override_gate(override, now_ms)) {

    case REAUTH_OVERRIDE_OPEN:
        return 0;

    case REAUTH_OVERRIDE_CLOSED:
        return 1;

    default: /* REAUTH_OVERRIDE_NONE */
        return reauth_state_is_active(state);
    }
}


void
reauth_gate_overridden(const reauth_override_t *override, int64_t *since_ms,
    int64_t *deadline_ms)
{
    if (*since_ms == 0) {
        *since_ms = override->set_ms;
    }

    if (*deadline_ms < override->until_ms) {
        *deadline_ms = override->until_ms;
    }
}


int
reauth_override_is_of(const reauth_override_t *override, const char *caller,
    int64_t now_ms)
{
    return reauth_override_gate(override, now_ms) != REAUTH_OVERRIDE_NONE
           && strcmp(override->caller, caller) == 0;
}


int
reauth_override_is_more(const reauth_override_t *override,
    const reauth_override_t *former, int64_t now_ms)
{
    return override->gate != REAUTH_OVERRIDE_NONE
           && !reauth_override_is_of(former, override->caller, now_ms);
}


int
reauth_override_gives_way(const reauth_override_t *override,
    const reauth_override_copies_t *copies, const reauth_override_t *other,
    int64_t now_ms)
{
    if (reauth_override_gate(override, now_ms) != REAUTH_OVERRIDE_NONE) {
        return 0;
    }

    if (now_ms < override->until_ms && copies->dirty && copies->shared) {
        return 0;
    }

    if (other == NULL) {
        return 1;
    }

    if (now_ms >= override->until_ms || now_ms >= other->until_ms) {
        return now_ms < other->until_ms;
    }

    return override->stamp < other->stamp;
}


int
reauth_override_is_unwritten(const reauth_override_t *override,
    const reauth_override_copies_t *copies, int64_t now_ms, int64_t timeout_ms)
{
    int64_t  age_ms;

    /* the clock may have been put back */

    age_ms = now_ms - override->set_ms;

    return copies->dirty
           && (!copies->sent || age_ms >= timeout_ms || age_ms <= -timeout_ms);
}


int64_t
reauth_override_stored_ms(const reauth_override_t *override, int64_t now_ms)
{
    int64_t  left;

    left = override->until_ms - now_ms;

    if (left <= 0) {
        return 0;
    }

    return override->gate == REAUTH_OVERRIDE_NONE
           && left > REAUTH_OVERRIDE_REMOVED_MS ? REAUTH_OVERRIDE_REMOVED_MS
                                                : left;
}


reauth_override_set_t
reauth_override_set(reauth_override_t *override,
    const reauth_override_t *former, unsigned state, uint64_t last,
    unsigned salt, size_t share, size_t capacity, int64_t now_ms)
{
    if (override->gate == REAUTH_OVERRIDE_NONE) {

        if (reauth_override_gate(former, now_ms) == REAUTH_OVERRIDE_NONE
            && (!override->forgotten
                || former->forgotten
                || now_ms >= former->until_ms))
        {
            return REAUTH_OVERRIDE_NOTHING;
        }

        /* a copy of the former one can be merged until then */

        override->until_ms = former->until_ms;

    } else if (reauth_override_is_more(override, former, now_ms)
               && !reauth_shares_may_wait(share, capacity))
    {
        return REAUTH_OVERRIDE_TOO_MANY;
    }

    override->stamp = reauth_epoch_make(last > former->stamp ? last
                                                             : former->stamp,
                                        now_ms, salt);
    override->set_ms = now_ms;
    override->state = state == REAUTH_STATE_FORGOTTEN ? REAUTH_STATE_NONE
                                                      : (uint8_t) state;

    return REAUTH_OVERRIDE_SET;
}


int
reauth_override_replaces(const reauth_override_t *other,
    const reauth_override_t *stored)
{
    return other->stamp > stored->stamp;
}


int
reauth_override_is_taken(const reauth_override_t *remote,
    const reauth_override_t *stored)
{
    if (remote->stamp != stored->stamp) {
        return reauth_override_replaces(remote, stored);
    }

    return remote->gate != stored->gate
           || remote->set_ms != stored->set_ms
           || remote->until_ms != stored->until_ms
           || remote->forgotten != stored->forgotten
           || strcmp(remote->caller, stored->caller) != 0
           || strcmp(remote->reason, stored->reason) != 0;
}


void
reauth_override_record(const reauth_override_t *override,
    reauth_record_t *record)
{
    memset(record, 0, sizeof(reauth_record_t));

    record->epoch = override->stamp;
    record->updated_ms = override->set_ms;
    record->state = override->forgotten ? REAUTH_STATE_FORGOTTEN
                                        : override->state;
    record->source = REAUTH_SOURCE_OPERATOR;
    record->lost = override->gate;

    memcpy(record->account, override->account, sizeof(record->account));
    memcpy(record->caller, override->caller, sizeof(record->caller));
    memcpy(record->error_message, override->reason, sizeof(override->reason));
}


size_t
reauth_override_encode(const reauth_override_t *override, unsigned char *text)
{
    unsigned char  *p;

    /* the first: override.lua reads it there */
    p = reauth_string_line_number(text, "stamp", override->stamp);

    p = reauth_string_line(p, "account", override->account);
    p = reauth_string_line(p, "gate",
                           reauth_override_gate_name(override->gate));
    p = reauth_string_line_number(p, "set", (uint64_t) override->set_ms);
    p = reauth_string_line_number(p, "until", (uint64_t) override->until_ms);
    p = reauth_string_line(p, "state", reauth_state_name(override->state));
    p = reauth_string_line(p, "forgotten", override->forgotten ? "1" : NULL);
    p = reauth_string_line(p, "caller", override->caller);
    p = reauth_string_line(p, "reason", override->reason);

    return (size_t) (p - text);
}


static int
reauth_override_text(char *dst, size_t max, const reauth_string_t *value)
{
    if (value->len > max) {
        return -1;
    }

    reauth_copy(dst, max, value);

    return 0;
}


static int
reauth_override_field(reauth_override_t *override, const reauth_string_t *name,
    const reauth_string_t *value)
{
    uint64_t        number;
    reauth_state_t  state;

    if (reauth_string_equals(name, "stamp")
        || reauth_string_equals(name, "set")
        || reauth_string_equals(name, "until"))
    {
        if (reauth_string_parse_number(value, &number) != 0) {
            return -1;
        }

        if (name->data[1] == 't') {
            override->stamp = number;

        } else if (name->data[0] == 's') {
            override->set_ms = (int64_t) number;

        } else {
            override->until_ms = (int64_t) number;
        }

        return 0;
    }

    if (reauth_string_equals(name, "gate")) {
        override->gate = (uint8_t) reauth_override_gate_parse(value);
        return override->gate == REAUTH_OVERRIDE_NONE ? -1 : 0;
    }

    if (reauth_string_equals(name, "account")) {
        return reauth_override_text(override->account, REAUTH_ACCOUNT_MAX,
                                    value);
    }

    if (reauth_string_equals(name, "caller")) {
        return reauth_override_text(override->caller, REAUTH_CALLER_MAX,
                                    value);
    }

    if (reauth_string_equals(name, "reason")) {
        return reauth_override_text(override->reason,
                                    REAUTH_OVERRIDE_REASON_MAX, value);
    }

    if (reauth_string_equals(name, "forgotten")) {
        override->forgotten = 1;
        return 0;
    }

    if (reauth_string_equals(name, "state")) {

        /* of a later version, perhaps */

        state = reauth_state_parse(value);
        override->state = state < REAUTH_STATE_LAST ? (uint8_t) state
                                                    : REAUTH_STATE_NONE;
    }

    return 0;
}


static int
reauth_override_valid(const reauth_override_t *override, int64_t now_ms)
{
    reauth_string_t  id;

    id = reauth_string_from(override->account);

    return reauth_id_is_account(&id)
           && override->stamp != 0
           && override->stamp <= REAUTH_EPOCH_MAX
           && (int64_t) (override->stamp / REAUTH_EPOCH_TICKS)
              <= now_ms + REAUTH_EPOCH_AHEAD_MS
           && override->set_ms <= REAUTH_TIME_MS_MAX
           && override->until_ms <= now_ms + REAUTH_OVERRIDE_AHEAD_MS;
}


int
reauth_override_decode(const reauth_string_t *text, int64_t now_ms,
    reauth_override_t *override)
{
    int              rc;
    reauth_string_t  name, value, rest;

    memset(override, 0, sizeof(reauth_override_t));

    rest = *text;

    while ((rc = reauth_string_next_line(&rest, &name, &value)) == 1) {
        if (reauth_override_field(override, &name, &value) != 0) {
            return -1;
        }
    }

    if (rc != 0) {
        return -1;
    }

    if (reauth_override_valid(override, now_ms)) {

        if (override->set_ms > now_ms + REAUTH_CLOCKS_DIFFER_MS) {
            override->set_ms = now_ms;
        }

        /* one in force is of an account that is not forgotten */

        if (override->gate != REAUTH_OVERRIDE_NONE) {
            override->forgotten = 0;
        }

        return 0;
    }

    return -1;
}
