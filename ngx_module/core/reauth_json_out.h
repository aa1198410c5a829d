
/*
 * Copyright (C) the nginx-reauth authors
 *
 * JSON that is written member by member into a buffer of the caller's: a tree
 * of jansson's takes ten times as long.  jansson is asked only for those
 * strings that need more than quotes around them.
 */


#ifndef REAUTH_JSON_OUT_H
#define REAUTH_JSON_OUT_H


#include "reauth_string.h"


/* of a string of "len" bytes with its quotes, whatever is in it */
#define reauth_json_out_size(len)  (6 * (len) + 2)


typedef struct {
    char      *start;
    char      *last;
    char      *end;
    unsigned   failed;       /* too little room, or what the writer says */
} reauth_json_out_t;


void reauth_json_out_init(reauth_json_out_t *out, char *buffer, size_t size);

/*
 * A buffer of its own, and the NUL-terminated text that was written into it,
 * which is to be freed by reauth_json_text_free(); NULL: no memory, or failed.
 */
char *reauth_json_out_create(reauth_json_out_t *out, size_t size);
char *reauth_json_out_finish(reauth_json_out_t *out, size_t *len);

/* text as it is: names are written with their commas and colons */
void reauth_json_out(reauth_json_out_t *out, const char *text, size_t len);

#define reauth_json_out_literal(out, text)                                    \
    reauth_json_out(out, text, sizeof(text) - 1)

/*
 * Text as a string.  0, or -1 where it is no UTF-8 or there is no memory; then
 * nothing is written.  What it needed meanwhile is zeroed.
 */
int reauth_json_out_string(reauth_json_out_t *out, const reauth_string_t *text);


#endif /* REAUTH_JSON_OUT_H */
