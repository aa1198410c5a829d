
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Shared by the files that implement reauth_attempt.h.
 */


#ifndef REAUTH_ATTEMPT_PARTS_H
#define REAUTH_ATTEMPT_PARTS_H


#include "reauth_attempt.h"


typedef enum {
    REAUTH_PLACE_CURRENT = 0,
    REAUTH_PLACE_PRIOR,
    REAUTH_PLACE_NEW,
    REAUTH_PLACE_UNDATED,
    REAUTH_PLACE_OLD,
    REAUTH_PLACE_UNKNOWN
} reauth_attempt_place_t;


/* reauth_attempt.c */

int64_t reauth_attempt_before_us(const reauth_record_t *record);
int reauth_attempt_is(const char *attempt, const reauth_string_t *name);


/* reauth_attempt_place.c */

int64_t reauth_attempt_started_ms(const reauth_fact_t *fact);
void reauth_attempt_adopt(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next);
reauth_attempt_place_t reauth_attempt_place(const reauth_record_t *current,
    const reauth_fact_t *fact);
int reauth_attempt_is_proven(const reauth_record_t *current,
    const reauth_fact_t *fact);


#endif /* REAUTH_ATTEMPT_PARTS_H */
