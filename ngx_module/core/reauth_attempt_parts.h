
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


/* reauth_attempt_prior.c */

void reauth_attempt_save_prior(const reauth_record_t *current,
    reauth_record_t *next, int64_t now_ms);
void reauth_attempt_forget_prior(reauth_record_t *record);

/* of an update that is being sent; data NULL: not known */
reauth_string_t reauth_attempt_prior_caller(const reauth_record_t *record);
void reauth_attempt_complete_prior_caller(reauth_record_t *record,
    const reauth_record_t *other);


/* reauth_attempt_place.c */

int64_t reauth_attempt_started_ms(const reauth_fact_t *fact);
void reauth_attempt_adopt(const reauth_record_t *current,
    const reauth_fact_t *fact, reauth_record_t *next);
reauth_attempt_place_t reauth_attempt_place(const reauth_record_t *current,
    const reauth_fact_t *fact);
int reauth_attempt_is_cut_short(const reauth_record_t *record);
int reauth_attempt_is_proven(const reauth_record_t *current,
    const reauth_fact_t *fact);


#endif /* REAUTH_ATTEMPT_PARTS_H */
