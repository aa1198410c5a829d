
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines the fields of the reader's table that a value belongs to.
 */


#include "reauth_reader.h"


/*
 * The number of names of a path that the open containers form; the outermost
 * one is not part of paths if there is a root.
 */

static unsigned
reauth_reader_level(const reauth_reader_t *reader)
{
    return reader->root != NULL ? reader->depth - 1 : reader->depth;
}


/* the rest of the path of a field below "level" names; empty: it has no more */

static const char *
reauth_reader_rest(const reauth_reader_t *reader, unsigned i, unsigned level)
{
    return reader->fields[i].path + reader->at[level][i];
}


/* the name has neither "." nor NUL */

static int
reauth_reader_continues(const char *path, const char *name, size_t len)
{
    return *path == *name && strncmp(path, name, len) == 0
           && (path[len] == '.' || path[len] == '\0');
}


uint64_t
reauth_reader_match(reauth_reader_t *reader, const char *name, size_t len)
{
    unsigned     i, level;
    uint64_t     all, found;
    const char  *path;

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

    if (len == 0
        || memchr(name, '.', len) != NULL || memchr(name, '\0', len) != NULL)
    {
        return 0;
    }

    found = 0;
    level = reauth_reader_level(reader) - 1;

    for ( /* void */ ; all != 0; all &= all - 1) {
        i = (unsigned) __builtin_ctzll(all);
        path = reauth_reader_rest(reader, i, level);

        if (reauth_reader_continues(path, name, len)) {
            found |= UINT64_C(1) << i;

            reader->at[level + 1][i] = (uint8_t) (reader->at[level][i] + len
                                                  + (path[len] == '.'));
        }
    }

    return found;
}


int
reauth_reader_has_names(const reauth_reader_t *reader)
{
    unsigned  i, level;
    uint64_t  all;

    level = reauth_reader_level(reader);

    if (level == 0) {
        return 0;
    }

    for (all = reader->match[reader->depth]; all != 0; all &= all - 1) {
        i = (unsigned) __builtin_ctzll(all);

        if (*reauth_reader_rest(reader, i, level - 1) != '\0') {
            return 1;
        }
    }

    return 0;
}


void
reauth_reader_forget(reauth_reader_t *reader)
{
    unsigned         i;
    uint64_t         member;
    reauth_value_t  *value;

    for (member = reader->member; member != 0; member &= member - 1) {
        i = (unsigned) __builtin_ctzll(member);
        value = &reader->values[reader->fields[i].slot];

        if (value->type != REAUTH_VALUE_NONE) {
            memset(value, 0, sizeof(reauth_value_t));
        }
    }
}


reauth_value_t *
reauth_reader_value(const reauth_reader_t *reader, unsigned *hidden)
{
    unsigned  i, level;
    uint64_t  member;

    if (reader->member == 0 || (reader->root != NULL && reader->depth == 0)) {
        return NULL;
    }

    level = reauth_reader_level(reader);

    for (member = reader->member; member != 0; member &= member - 1) {
        i = (unsigned) __builtin_ctzll(member);

        if (*reauth_reader_rest(reader, i, level) == '\0') {
            *hidden = reader->fields[i].hidden;
            return &reader->values[reader->fields[i].slot];
        }
    }

    return NULL;
}
