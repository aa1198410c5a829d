
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines the fields of the reader's table that a value belongs to.
 */


#include "reauth_reader.h"


/* the name of the path after "n" others; NULL: it has no more */

static const char *
reauth_reader_path(const char *path, unsigned n, size_t *len)
{
    const char  *p;

    if (*path == '\0') {
        return NULL;
    }

    for ( /* void */ ; n; n--) {
        path = strchr(path, '.');

        if (path == NULL) {
            return NULL;
        }

        path++;
    }

    p = strchr(path, '.');
    *len = p ? (size_t) (p - path) : strlen(path);

    return path;
}


/*
 * The number of names of a path that the open containers form; the outermost
 * one is not part of paths if there is a root.
 */

static unsigned
reauth_reader_level(const reauth_reader_t *reader)
{
    return reader->root != NULL ? reader->depth - 1 : reader->depth;
}


uint64_t
reauth_reader_match(const reauth_reader_t *reader, const char *name, size_t len)
{
    size_t       n;
    unsigned     i, level;
    uint64_t     all, found;
    const char  *p;

    if (reader->depth > REAUTH_READER_PATH_MAX + 1) {
        return 0;
    }

    all = reader->match[reader->depth];

    if (all == 0) {
        return 0;
    }

    if (reader->root != NULL && reader->depth == 1) {
        return strlen(reader->root) == len
               && memcmp(reader->root, name, len) == 0 ? all : 0;
    }

    found = 0;
    level = reauth_reader_level(reader) - 1;

    for (i = 0; i < reader->nfields; i++) {

        if (!(all & (UINT64_C(1) << i))) {
            continue;
        }

        p = reauth_reader_path(reader->fields[i].path, level, &n);

        if (p != NULL && n == len && memcmp(p, name, len) == 0) {
            found |= UINT64_C(1) << i;
        }
    }

    return found;
}


int
reauth_reader_has_names(const reauth_reader_t *reader)
{
    size_t    len;
    unsigned  i, level;

    level = reauth_reader_level(reader);

    if (level == 0) {
        return 0;
    }

    for (i = 0; i < reader->nfields; i++) {
        if ((reader->match[reader->depth] & (UINT64_C(1) << i))
            && reauth_reader_path(reader->fields[i].path, level - 1, &len)
               != NULL)
        {
            return 1;
        }
    }

    return 0;
}


void
reauth_reader_forget(reauth_reader_t *reader)
{
    unsigned         i;
    reauth_value_t  *value;

    for (i = 0; i < reader->nfields; i++) {
        if (reader->member & (UINT64_C(1) << i)) {
            value = &reader->values[reader->fields[i].slot];

            if (value->type != REAUTH_VALUE_NONE) {
                memset(value, 0, sizeof(reauth_value_t));
            }
        }
    }
}


reauth_value_t *
reauth_reader_value(const reauth_reader_t *reader, unsigned *hidden)
{
    size_t    len;
    unsigned  i, level;

    if (reader->member == 0 || (reader->root != NULL && reader->depth == 0)) {
        return NULL;
    }

    level = reauth_reader_level(reader);

    for (i = 0; i < reader->nfields; i++) {
        if ((reader->member & (UINT64_C(1) << i))
            && reauth_reader_path(reader->fields[i].path, level, &len) == NULL)
        {
            *hidden = reader->fields[i].hidden;
            return &reader->values[reader->fields[i].slot];
        }
    }

    return NULL;
}
