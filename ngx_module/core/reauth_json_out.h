
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Writes JSON member by member to a buffer, ten times as fast as a tree of
 * jansson.  jansson is used only for strings that need escapes.
 */


#ifndef REAUTH_JSON_OUT_H
#define REAUTH_JSON_OUT_H


#include "reauth_string.h"


/* maximum size of a string of "len" bytes, with quotes */
#define reauth_json_out_size(len)  (6 * (len) + 2)


typedef struct {
    char      *start;
    char      *last;
    char      *end;
    unsigned   failed;       /* too little room, or set by the writer */
} reauth_json_out_t;


void reauth_json_out_init(reauth_json_out_t *out, char *buffer, size_t size);

/*
 * A writer with its own buffer, and the NUL-terminated text written to it,
 * which must be freed by reauth_json_text_free(); NULL: no memory, or the
 * writer has failed.
 */
char *reauth_json_out_create(reauth_json_out_t *out, size_t size);
char *reauth_json_out_finish(reauth_json_out_t *out, size_t *len);

/* writes text unchanged: names are written with their commas and colons */
void reauth_json_out(reauth_json_out_t *out, const char *text, size_t len);

#define reauth_json_out_literal(out, text)                                    \
    reauth_json_out(out, text, sizeof(text) - 1)

/*
 * Writes a string.  Returns 0, or -1 if it is not UTF-8 or memory is short; in
 * that case nothing is written.  Temporary memory is zeroed.
 */
int reauth_json_out_string(reauth_json_out_t *out, const reauth_string_t *text);


#endif /* REAUTH_JSON_OUT_H */
