
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_json.h"
#include "reauth_json_out.h"


void
reauth_json_out_init(reauth_json_out_t *out, char *buffer, size_t size)
{
    out->start = buffer;
    out->last = buffer;
    out->end = buffer + size;
    out->failed = 0;
}


char *
reauth_json_out_create(reauth_json_out_t *out, size_t size)
{
    char  *buffer;

    buffer = reauth_json_text_alloc(size + 1);

    if (buffer != NULL) {
        reauth_json_out_init(out, buffer, size);
    }

    return buffer;
}


char *
reauth_json_out_finish(reauth_json_out_t *out, size_t *len)
{
    *out->last = '\0';

    if (out->failed) {
        reauth_json_text_free(out->start);
        return NULL;
    }

    *len = (size_t) (out->last - out->start);

    return out->start;
}


void
reauth_json_out(reauth_json_out_t *out, const char *text, size_t len)
{
    if (len > (size_t) (out->end - out->last)) {
        out->failed = 1;
        return;
    }

    memcpy(out->last, text, len);
    out->last += len;
}


static int
reauth_json_out_escaped(reauth_json_out_t *out, const reauth_string_t *text)
{
    size_t   n, room;
    json_t  *string;

    string = json_stringn((const char *) text->data, text->len);
    if (string == NULL) {
        return -1;
    }

    room = (size_t) (out->end - out->last);

    n = json_dumpb(string, out->last, room, JSON_ENCODE_ANY);

    reauth_json_cleanse_free(string);

    if (n == 0 || n > room) {
        explicit_bzero(out->last, room);
        out->failed = 1;
        return 0;
    }

    out->last += n;

    return 0;
}


int
reauth_json_out_string(reauth_json_out_t *out, const reauth_string_t *text)
{
    if (reauth_string_plain(text->data, text->len) != text->len) {
        return reauth_json_out_escaped(out, text);
    }

    reauth_json_out_literal(out, "\"");
    reauth_json_out(out, (const char *) text->data, text->len);
    reauth_json_out_literal(out, "\"");

    return 0;
}
