
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An override: a person keeps the gate of an account open or closed for some
 * time, whatever its attempt.  It is apart from the record of the account, so
 * that neither an update, nor a fact, nor a gateway of an earlier version
 * changes it.
 *
 * Copies of an override are merged by its stamp, an epoch: the higher one is
 * kept.  One that was removed is kept, too, until it would have ended, so that
 * copies of the former one are recognized: its gate is NONE.  It takes no place
 * from others: it counts for no caller, and gives way to another override,
 * unless other gateways may have a copy of the former one and Redis does not
 * have the removal yet.
 */


#ifndef REAUTH_OVERRIDE_H
#define REAUTH_OVERRIDE_H


#include "reauth_attempt.h"


#define REAUTH_OVERRIDE_REASON_MAX  120

/*
 * How long Redis keeps a removed override: longer than gateways that reach
 * Redis need to read its event, and than a reload, a restart or a failover
 * takes.  If a gateway that was away for longer writes a copy of the former
 * one, those that keep the removed one write it once more.
 */
#define REAUTH_OVERRIDE_REMOVED_MS  600000

/* enough for every field at its bound */
#define REAUTH_OVERRIDE_TEXT_MAX    640


typedef enum {
    REAUTH_OVERRIDE_NONE = 0,      /* the attempt decides */
    REAUTH_OVERRIDE_OPEN,
    REAUTH_OVERRIDE_CLOSED
} reauth_override_gate_t;


typedef struct {
    uint64_t   stamp;              /* 0: no override */
    int64_t    set_ms;
    int64_t    until_ms;
    uint8_t    gate;               /* reauth_override_gate_t */
    uint8_t    state;              /* of the account when it was set */
    uint8_t    forgotten;          /* removed with all that is known of the
                                      account until then */
    char       account[REAUTH_ACCOUNT_MAX + 1];
    char       caller[REAUTH_CALLER_MAX + 1];
    char       reason[REAUTH_OVERRIDE_REASON_MAX + 1];
} reauth_override_t;


/* what a gateway knows of the copies of an override that it stores */

typedef struct {
    uint8_t    dirty;              /* Redis may not have it */
    uint8_t    shared;             /* Redis, and thus other gateways, may have
                                      it, or the one that it replaces */
    uint8_t    sent;               /* a worker may be writing it */
} reauth_override_copies_t;


/* NULL for NONE */
const char *reauth_override_gate_name(unsigned gate);
reauth_override_gate_t reauth_override_gate_parse(const reauth_string_t *name);

/* the gate at this time; "override" may be NULL */
reauth_override_gate_t reauth_override_gate(const reauth_override_t *override,
    int64_t now_ms);

/* whether the gate is closed: by an override, otherwise by the state */
int reauth_override_closes(const reauth_override_t *override,
    reauth_state_t state, int64_t now_ms);

/* reauth_gate_max of a location is not known here: only the deadline counts */
#define REAUTH_GATE_MAX_NONE  -1

/*
 * Whether the gate of an account is closed: by an override, or else by its
 * active attempt, whose times these are, or 0 without one.  The deadline is
 * from the beginning of the attempt; "gate_max_ms" is that of the location and
 * does not apply to overrides.  Inline, as calls of closed gates are frequent.
 */

static inline int
reauth_gate_is_closed(unsigned override, int64_t since_ms,
    int64_t deadline_ms, int64_t gate_max_ms, int64_t now_ms)
{
    if (override != REAUTH_OVERRIDE_NONE) {
        return override == REAUTH_OVERRIDE_CLOSED;
    }

    return now_ms < deadline_ms
           && (gate_max_ms == REAUTH_GATE_MAX_NONE
               || now_ms < since_ms + gate_max_ms);
}


/*
 * The times of a gate that an override keeps closed: "since_ms" and
 * "deadline_ms" are those of the active attempt, or 0 without one.
 */
void reauth_gate_overridden(const reauth_override_t *override,
    int64_t *since_ms, int64_t *deadline_ms);


/* the time until which such a closed gate remains closed if nothing happens */

static inline int64_t
reauth_gate_until_ms(unsigned override, int64_t since_ms, int64_t deadline_ms,
    int64_t gate_max_ms)
{
    return override == REAUTH_OVERRIDE_NONE
           && gate_max_ms != REAUTH_GATE_MAX_NONE
           && since_ms + gate_max_ms < deadline_ms
           ? since_ms + gate_max_ms : deadline_ms;
}


typedef enum {
    REAUTH_OVERRIDE_SET = 0,
    REAUTH_OVERRIDE_NOTHING,       /* no override to remove */
    REAUTH_OVERRIDE_TOO_MANY       /* the caller has its share */
} reauth_override_set_t;

/*
 * A person sets an override, or removes it (its gate is NONE), or forgets the
 * account ("forgotten", too): then one that was removed before is removed once
 * more.  "former" is what is stored, which may be none (stamp 0), "state" that
 * of the account, "last" the largest epoch seen.  "share": those of the caller,
 * out of "capacity"; 0: it is not needed.  For REAUTH_OVERRIDE_SET, the stamp,
 * the times and the state are set.
 */
reauth_override_set_t reauth_override_set(reauth_override_t *override,
    const reauth_override_t *former, unsigned state, uint64_t last,
    unsigned salt, size_t share, size_t capacity, int64_t now_ms);

/* whether the caller has one more with it: "share" has to be known */
int reauth_override_is_more(const reauth_override_t *override,
    const reauth_override_t *former, int64_t now_ms);

/* whether it counts for the caller: until it ends or is removed */
int reauth_override_is_of(const reauth_override_t *override,
    const char *caller, int64_t now_ms);

/*
 * Whether an override gives its place to a new one, and does so before "other",
 * which may be NULL: one that has ended, then the one that was removed first.
 * A removal that others have to learn, and Redis does not have, remains.
 */
int reauth_override_gives_way(const reauth_override_t *override,
    const reauth_override_copies_t *copies, const reauth_override_t *other,
    int64_t now_ms);

/*
 * Whether the clerk writes it: at once, unless a worker has sent it, which may
 * take "timeout_ms".
 */
int reauth_override_is_unwritten(const reauth_override_t *override,
    const reauth_override_copies_t *copies, int64_t now_ms,
    int64_t timeout_ms);

/* how long Redis keeps it; 0: it has ended */
int64_t reauth_override_stored_ms(const reauth_override_t *override,
    int64_t now_ms);

/*
 * Whether "other" replaces the stored override (stamp 0: none is stored).  The
 * result does not depend on the order in which copies are merged.
 */
int reauth_override_replaces(const reauth_override_t *other,
    const reauth_override_t *stored);

/*
 * The same for an override in Redis, which is also taken if its stamp is
 * equal: two gateways that could not reach each other may create equal
 * stamps.
 */
int reauth_override_is_taken(const reauth_override_t *remote,
    const reauth_override_t *stored);

/*
 * The override as a change of the record, for the timeline: error_message
 * contains the reason, and "lost", which it does not need otherwise, the
 * gate.  If the account was forgotten, so is the record.
 */
void reauth_override_record(const reauth_override_t *override,
    reauth_record_t *record);


/* the gate of such a change; NONE for all others */

static inline unsigned
reauth_override_of(const reauth_record_t *record)
{
    return record->source == REAUTH_SOURCE_OPERATOR ? record->lost
                                                    : REAUTH_OVERRIDE_NONE;
}


/* a text of lines "name value", the stamp first; returns the length */
size_t reauth_override_encode(const reauth_override_t *override,
    unsigned char *text);

/*
 * Unknown lines are skipped.  Returns 0, or -1 if the text is invalid, or it
 * ends more than two days from now.
 */
int reauth_override_decode(const reauth_string_t *text, int64_t now_ms,
    reauth_override_t *override);


#endif /* REAUTH_OVERRIDE_H */
