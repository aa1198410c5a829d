
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: text for the lenient reader.  The result does not depend on how the
 * text is divided, and jansson, which is strict, reads the same values.
 */


#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "reauth_reader.h"


#define NVALUES  4
#define NFIELDS  6


static const reauth_reader_field_t  fields[NFIELDS] = {
    { "", 0, 0 },
    { "a", 1, 0 },
    { "a.b", 2, 0 },
    { "*.b", 2, 0 },
    { "a.*", 3, 0 },
    { "c", 3, 1 }
};


typedef struct {
    reauth_reader_result_t  result;
    reauth_reader_t         reader;
    reauth_value_t          values[NVALUES];
    uint64_t                elements;       /* a digest of all elements */
} run_t;


static int
element(void *data)
{
    run_t  *run = data;

    run->elements = run->elements * 31 + run->values[2].type * 8
                    + run->values[2].len + run->values[3].type;

    return run->elements % 64 == 63;
}


static void
read_all(run_t *run, const uint8_t *data, size_t size, size_t piece)
{
    size_t  i, n;

    run->elements = 0;

    reauth_reader_init(&run->reader, fields, NFIELDS, NULL, run->values,
                       NVALUES);

    run->reader.element = element;
    run->reader.data = run;

    for (i = 0; i < size; i += n) {
        n = size - i < piece ? size - i : piece;
        reauth_reader_feed(&run->reader, data + i, n);
    }

    run->result = reauth_reader_end(&run->reader);
}


static void
check_text(const reauth_value_t *value, const uint8_t *data, size_t size)
{
    size_t            len;
    json_t           *json;
    reauth_string_t   text;
    unsigned char    *all;

    if (value->end < value->start || value->end > size
        || value->len > REAUTH_READER_TEXT_MAX)
    {
        abort();
    }

    if (value->type != REAUTH_VALUE_STRING || value->end == 0) {
        return;
    }

    text.data = data;
    text.len = size;

    all = malloc(value->end - value->start);
    len = reauth_reader_string(&text, value, all);

    json = json_stringn((char *) all, len);

    if (json == NULL                            /* it is not UTF-8 */
        || len < value->len
        || memcmp(all, value->text, value->len) != 0)
    {
        abort();
    }

    json_decref(json);
    free(all);
}


static void
check_top(const reauth_value_t *value, const json_t *json)
{
    static const json_type  types[] = {
        (json_type) -1, JSON_NULL, JSON_FALSE, JSON_TRUE, (json_type) -1,
        JSON_STRING, JSON_ARRAY, JSON_OBJECT
    };

    if (value->type == REAUTH_VALUE_NUMBER) {

        if (!json_is_number(json)) {
            abort();
        }

        return;
    }

    if (types[value->type] != json_typeof(json)) {
        abort();
    }

    if (json_is_string(json)
        && (value->len > json_string_length(json)
            || (!value->cut && value->len != json_string_length(json))
            || memcmp(value->text, json_string_value(json), value->len) != 0))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    json_t        *json;
    json_error_t   error;
    static run_t   whole, pieces;

    read_all(&whole, data, size, size + 1);
    read_all(&pieces, data, size, 1 + (size ? data[size / 2] % 7 : 0));

    if (whole.result != pieces.result
        || whole.reader.offset != pieces.reader.offset
        || whole.reader.reason != pieces.reader.reason
        || whole.elements != pieces.elements
        || memcmp(whole.values, pieces.values, sizeof(whole.values)) != 0)
    {
        abort();
    }

    if (whole.result == REAUTH_READER_OK) {
        for (i = 0; i < NVALUES; i++) {
            check_text(&whole.values[i], data, size);
        }
    }

    /* jansson ends at a NUL byte */

    if (whole.result == REAUTH_READER_STOPPED
        || (size != 0 && memchr(data, '\0', size) != NULL))
    {
        return 0;
    }

    json = json_loadb((const char *) data, size,
                      JSON_DECODE_ANY|JSON_ALLOW_NUL, &error);

    if (json != NULL) {

        if (whole.result == REAUTH_READER_OK) {
            check_top(&whole.values[0], json);

        } else if (strcmp(whole.reader.reason, "it is nested too deeply")
                   != 0)
        {
            abort();
        }

    } else if (whole.result == REAUTH_READER_OK) {

        /* only in text that the lenient reader accepts */

        switch (json_error_code(&error)) {
        case json_error_invalid_utf8:
        case json_error_numeric_overflow:
        case json_error_null_byte_in_key:
            break;

        case json_error_invalid_syntax:
            if (strstr(error.text, "invalid Unicode") != NULL
                || (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0))
            {
                break;
            }

            abort();

        default:
            abort();
        }
    }

    json_decref(json);

    return 0;
}
