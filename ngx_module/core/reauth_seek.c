
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <strings.h>

#include "reauth_seek.h"


#define REAUTH_SEEK_SLOT_MAX  16383
#define REAUTH_SEEK_PORT_MAX  65535


void
reauth_seek_init(reauth_seek_t *seek, unsigned servers, unsigned sentinels)
{
    memset(seek, 0, sizeof(reauth_seek_t));

    seek->servers = servers;
    seek->sentinels = sentinels;
    seek->where = sentinels ? REAUTH_SEEK_ASK : REAUTH_SEEK_LISTED;
    seek->addrs = 1;
}


void
reauth_seek_resolved(reauth_seek_t *seek, unsigned addrs)
{
    seek->addrs = addrs;
}


int
reauth_seek_more(const reauth_seek_t *seek)
{
    if (seek->where != REAUTH_SEEK_ASK && seek->addr + 1 < seek->addrs) {
        return 1;
    }

    return !seek->sentinels && seek->tried + 1 < seek->servers;
}


/* jitter: not all gateways at the same time */

static unsigned
reauth_seek_pause(reauth_seek_t *seek, unsigned random)
{
    unsigned  max;

    max = seek->sentinels || seek->servers > 1 || seek->moves
          ? REAUTH_SEEK_PAUSE_MOVES : REAUTH_SEEK_PAUSE_MAX;

    seek->tried = 0;
    seek->hops = 0;
    seek->pause_ms *= 2;

    if (seek->pause_ms < REAUTH_SEEK_PAUSE_MIN) {
        seek->pause_ms = REAUTH_SEEK_PAUSE_MIN;
    }

    if (seek->pause_ms > max) {
        seek->pause_ms = max;
    }

    return seek->pause_ms - random % (seek->pause_ms / 4);
}


unsigned
reauth_seek_ended(reauth_seek_t *seek, reauth_seek_end_t end, int steady,
    unsigned random)
{
    unsigned  more;

    if (end != REAUTH_SEEK_FAILED && steady) {
        seek->tried = 0;
        seek->hops = 0;
        seek->pause_ms = 0;
    }

    more = seek->addr + 1 < seek->addrs;

    if (end == REAUTH_SEEK_LOST || !more) {
        seek->addr = 0;
        seek->addrs = 1;

    } else {
        seek->addr++;
    }

    if (seek->sentinels) {

        if (end == REAUTH_SEEK_FAILED && more) {
            return 1;
        }

        seek->addr = 0;
        seek->addrs = 1;
        seek->where = REAUTH_SEEK_ASK;

        return reauth_seek_pause(seek, random);
    }

    if (end == REAUTH_SEEK_LOST) {

        /* a connection that ends repeatedly is no reason to try others */
        return reauth_seek_pause(seek, random);
    }

    if (seek->addr != 0) {
        return 1;
    }

    seek->where = REAUTH_SEEK_LISTED;
    seek->server = (seek->server + 1) % seek->servers;

    return ++seek->tried < seek->servers ? 1 : reauth_seek_pause(seek, random);
}


int
reauth_seek_moved(reauth_seek_t *seek, const reauth_endpoint_t *place,
    int steady)
{
    if (steady) {
        seek->tried = 0;
        seek->hops = 0;
        seek->pause_ms = 0;
    }

    if (seek->sentinels || seek->hops == REAUTH_SEEK_HOPS_MAX) {
        return -1;
    }

    seek->hops++;
    seek->moves = 1;
    seek->place = *place;
    seek->where = REAUTH_SEEK_TOLD;
    seek->addr = 0;
    seek->addrs = 1;

    return 0;
}


void
reauth_seek_turn(reauth_seek_t *seek)
{
    seek->server = (seek->server + 1) % seek->servers;
    seek->addr = 0;
    seek->addrs = 1;
}


void
reauth_seek_ready(reauth_seek_t *seek)
{
    seek->tried = 0;
}


reauth_seek_named_t
reauth_seek_named(reauth_seek_t *seek, const reauth_endpoint_t *place,
    int64_t epoch)
{
    int  other;

    /* all Sentinels have an earlier epoch: they were set up again */

    if (epoch < seek->epoch && ++seek->stale < seek->sentinels) {
        return REAUTH_SEEK_STALE;
    }

    seek->stale = 0;

    other = strcasecmp(seek->place.host, place->host) != 0
            || seek->place.port != place->port;

    seek->epoch = epoch;
    seek->place = *place;
    seek->where = REAUTH_SEEK_TOLD;

    if (other) {
        seek->addr = 0;
        seek->addrs = 1;
        seek->pause_ms = 0;
    }

    return other ? REAUTH_SEEK_OTHER : REAUTH_SEEK_SAME;
}


static int
reauth_seek_begins(const reauth_string_t *s, const char *text)
{
    size_t  len;

    len = strlen(text);

    return s->len >= len && memcmp(s->data, text, len) == 0;
}


int
reauth_seek_serves(const reauth_string_t *error)
{
    return !reauth_seek_begins(error, "MOVED ")
           && !reauth_seek_begins(error, "CLUSTERDOWN")
           && !reauth_seek_begins(error, "LOADING")
           && reauth_refusal_parse(error) != REAUTH_REFUSAL_REPLICA;
}


reauth_seek_end_t
reauth_seek_error(const reauth_string_t *error)
{
    return reauth_seek_begins(error, "CLUSTERDOWN")
           || reauth_refusal_parse(error) == REAUTH_REFUSAL_REPLICA
           ? REAUTH_SEEK_LEFT : REAUTH_SEEK_FAILED;
}


static int
reauth_place_number(const reauth_string_t *s, unsigned max, unsigned *number)
{
    size_t  i;

    *number = 0;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] < '0' || s->data[i] > '9') {
            return -1;
        }

        *number = *number * 10 + (s->data[i] - '0');

        if (*number > max) {
            return -1;
        }
    }

    return i == 0 ? -1 : 0;
}


int
reauth_endpoint_set(reauth_endpoint_t *place, const reauth_string_t *host,
    const reauth_string_t *port)
{
    size_t         i;
    unsigned char  ch;

    if (host->len == 0 || host->len > REAUTH_SEEK_HOST_MAX) {
        return -1;
    }

    for (i = 0; i < host->len; i++) {
        ch = host->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '.' || ch == '-' || ch == '_' || ch == ':')
        {
            continue;
        }

        return -1;
    }

    memcpy(place->host, host->data, host->len);
    place->host[host->len] = '\0';

    return reauth_place_number(port, REAUTH_SEEK_PORT_MAX, &place->port) == 0
           && place->port != 0 ? 0 : -1;
}


/* removes what is before the first "end"; -1 if "end" is not found */

static int
reauth_place_part(reauth_string_t *s, char end, reauth_string_t *part)
{
    const unsigned char  *p;

    p = s->len ? memchr(s->data, end, s->len) : NULL;

    if (p == NULL) {
        return -1;
    }

    part->data = s->data;
    part->len = (size_t) (p - s->data);

    s->len -= part->len + 1;
    s->data = p + 1;

    return 0;
}


int
reauth_endpoint_parse(reauth_endpoint_t *place,
    const reauth_string_t *error, const char *code, const char *here)
{
    size_t           n;
    unsigned         slot;
    reauth_string_t  rest, part, host, port;

    rest = *error;

    if (reauth_place_part(&rest, ' ', &part) != 0
        || !reauth_string_equals(&part, code)
        || reauth_place_part(&rest, ' ', &part) != 0
        || reauth_place_number(&part, REAUTH_SEEK_SLOT_MAX, &slot) != 0)
    {
        return -1;
    }

    /* an address of IPv6 has colons, and no brackets */

    for (n = rest.len; n > 0 && rest.data[n - 1] != ':'; n--) { /* void */ }

    if (n == 0) {
        return -1;
    }

    port.data = rest.data + n;
    port.len = rest.len - n;

    host.data = rest.data;
    host.len = n - 1;

    if (host.len == 0) {
        host = reauth_string_from(here);
    }

    return reauth_endpoint_set(place, &host, &port);
}
