
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The format of a record in Redis: a text with a line "name value" for each
 * field.  It is one value in Redis, because a hash would cost several times as
 * much.  Numbers are decimal, states and types are names, binary values are
 * lower-case hexadecimal.  Fields that are empty or zero are omitted.  They are
 * listed in docs/architecture.md, "Redis".
 */


#ifndef REAUTH_RECORD_H
#define REAUTH_RECORD_H


#include "reauth_attempt.h"


/* maximum epoch ahead of the clock */
#define REAUTH_EPOCH_AHEAD_MS    INT64_C(31622400000)

/* all fields with their maximum length */
#define REAUTH_RECORD_TEXT_MAX   4096


/*
 * Writes all fields to text[REAUTH_RECORD_TEXT_MAX], "revision" first.
 * Returns the length; *event is that of the part that goes into an event: all
 * fields but fingerprints and the sealed value.
 */
size_t reauth_record_encode(const reauth_record_t *record,
    unsigned char *text, size_t *event);

/*
 * The event of a record of this text, without its number, which commit.lua
 * appends.  Without fingerprints and the sealed value, its revision is the one
 * before: a gateway of an earlier version, which takes the event for the
 * record, then does not write over what it has not read.
 */
size_t reauth_record_event(const reauth_record_t *record,
    const unsigned char *text, size_t len, size_t event, unsigned char *out);

/*
 * Sets the fields of a zeroed record; unknown fields, of a later version, are
 * skipped.  Returns 0, or -1 if a line or the value of a known field is
 * invalid.
 */
int reauth_record_decode(const reauth_string_t *text, reauth_record_t *record);

/*
 * The same for an event: a part of a record, which then misses its secrets, or
 * a whole one, of a gateway of an earlier version.
 */
int reauth_record_decode_event(const reauth_string_t *text,
    reauth_record_t *record);

/*
 * The number of an event: commit.lua appends it to the part of the record.  0:
 * it has none.
 */
#define REAUTH_EVENT_NUMBER_MAX  (INT64_C(1) << 53)

uint64_t reauth_record_event_number(const reauth_string_t *text);

/* whether the fields are consistent */
int reauth_record_valid(const reauth_record_t *record);

/*
 * Limits the times of a record from another gateway, whose clock may differ by
 * REAUTH_CLOCKS_DIFFER_MS: a time further ahead becomes "now_ms", a deadline
 * later than "life_ms" from now becomes that.  Returns 0, or -1 if a time is
 * negative or after the year 9999, or if the epoch is more than a year ahead,
 * so that it does not become the largest one seen.
 */
int reauth_record_judge(reauth_record_t *record, int64_t now_ms,
    int64_t life_ms);


#endif /* REAUTH_RECORD_H */
