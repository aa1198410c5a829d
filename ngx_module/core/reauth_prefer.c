
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include "reauth_prefer.h"


/* the end of what begins at p: at one of two characters outside of quotes */

static const unsigned char *
reauth_prefer_end(const unsigned char *p, const unsigned char *last,
    unsigned char a, unsigned char b)
{
    int  quoted;

    quoted = 0;

    for ( /* void */ ; p < last; p++) {

        if (quoted) {

            if (*p == '\\' && p + 1 < last) {
                p++;

            } else if (*p == '"') {
                quoted = 0;
            }

        } else if (*p == '"') {
            quoted = 1;

        } else if (*p == a || *p == b) {
            break;
        }
    }

    return p;
}


static reauth_string_t
reauth_prefer_trim(const unsigned char *p, const unsigned char *last)
{
    reauth_string_t  s;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    s.data = p;
    s.len = (size_t) (last - p);

    return s;
}


static unsigned
reauth_prefer_seconds(reauth_string_t value)
{
    size_t    i;
    unsigned  seconds;

    if (value.len >= 2
        && value.data[0] == '"'
        && value.data[value.len - 1] == '"')
    {
        value.data++;
        value.len -= 2;
    }

    seconds = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }

        seconds = seconds * 10 + (value.data[i] - '0');

        if (seconds > REAUTH_PREFER_WAIT_MAX) {
            seconds = REAUTH_PREFER_WAIT_MAX;
        }
    }

    return seconds;
}


unsigned
reauth_prefer_wait(const reauth_string_t *header)
{
    reauth_string_t       name;
    const unsigned char  *p, *last, *end, *equals;

    last = header->data + header->len;

    for (p = header->data; p < last; p = end + 1) {

        end = reauth_prefer_end(p, last, ',', ';');
        equals = reauth_prefer_end(p, end, '=', '=');

        name = reauth_prefer_trim(p, equals);

        if (equals < end
            && name.len == 4
            && strncasecmp((const char *) name.data, "wait", 4) == 0)
        {
            return reauth_prefer_seconds(reauth_prefer_trim(equals + 1, end));
        }

        /* parameters of a preference are not preferences */

        end = reauth_prefer_end(end, last, ',', ',');
    }

    return 0;
}
