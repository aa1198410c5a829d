
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One line of a callers file.
 */


#ifndef REAUTH_CALLERS_LINE_H
#define REAUTH_CALLERS_LINE_H


#include "reauth_callers.h"


typedef struct {
    uint32_t           number;
    reauth_string_t    rest;       /* of the line */
    char              *error;
} reauth_callers_line_t;


int reauth_callers_error(reauth_callers_line_t *line, const char *fmt, ...);
reauth_string_t reauth_callers_split(reauth_string_t *s,
    unsigned char separator);
reauth_string_t reauth_callers_field(reauth_callers_line_t *line);
int reauth_callers_parse_name(reauth_callers_line_t *line,
    reauth_caller_t *caller);
int reauth_callers_parse_hash(reauth_callers_line_t *line,
    reauth_caller_t *caller);
int reauth_callers_parse_scopes(reauth_callers_line_t *line,
    reauth_caller_t *caller);
int reauth_callers_parse_parameters(reauth_callers_line_t *line,
    reauth_caller_t *caller);


#endif /* REAUTH_CALLERS_LINE_H */
