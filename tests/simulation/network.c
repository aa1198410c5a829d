
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Connections between workers and Redis.  Bytes of one connection and
 * direction keep their order, those of different ones do not.
 */


#include "world.h"


/* what a slow connection adds to the latency, at most */
#define SLOW  100


int64_t
latency(void)
{
    unsigned  n;

    n = chance(64);

    if (world.calm) {
        return n % 4;
    }

    if (n == 0) {
        return chance(400);            /* may exceed the timeout */
    }

    return n < 40 ? chance(3) : chance((unsigned) world.plan.latency + 1);
}


void
redis_clock(void)
{
    int64_t  us;

    us = (world.now + world.redis_skew) * 1000;

    /* several commands of a millisecond have different times */

    if (us / 1000 == world.redis_us / 1000 && world.redis_us % 1000 < 999) {
        us = world.redis_us + 1;

    } else if (us / 1000 == world.redis_us / 1000) {
        us = world.redis_us;
    }

    world.redis_us = us;
    redis_time(world.redis, us);
}


void
network_reset(void)
{
    unsigned  i;

    for (i = 0; i < world.ncopies; i++) {
        redis_free_copy(world.copies[i]);
    }

    world.ncopies = 0;
    world.redis_down = 0;
    world.redis_skew = chance(2) ? (int64_t) chance(2000) - 1000 : 0;
    world.redis_us = 0;
    world.redis_calm = world.now;

    memset(world.links, 0, sizeof(world.links));

    redis_reset(world.redis);
    redis_stream_max(world.redis, world.plan.stream);
    redis_mood(world.redis, REDIS_SERVES, NULL);
    redis_clock();
}


static event_t *
link_event(event_type_t type, int link, int64_t delay)
{
    event_t  *event;

    event = event_add(type, delay);
    event->link = link;
    event->generation = world.links[link].generation;

    return event;
}


static gateway_t *
link_gateway(const link_t *link)
{
    return &world.gateways[world.processes[link->process].gateway];
}


static int64_t
link_delay(int64_t *last, const link_t *link)
{
    int64_t           at;
    const gateway_t  *gateway;

    gateway = link_gateway(link);
    at = world.now + latency();

    if (link->slow > world.now && !world.calm) {
        at += chance(link->slow_ms);
    }

    if (gateway->cut > world.now && at < gateway->cut) {
        at = gateway->cut + latency();
    }

    if (at < *last) {
        at = *last;
    }

    *last = at;

    return at - world.now;
}


static void
link_free(link_t *link)
{
    if (link->client != -1) {
        redis_disconnect(world.redis, link->client);
    }

    link->used = 0;
    link->generation++;
}


static int
link_find(const process_t *process, int connection)
{
    int  i;

    for (i = 0; i < LINKS_MAX; i++) {
        if (world.links[i].used
            && world.links[i].process == process->number
            && world.links[i].connection == connection
            && !world.links[i].closed)
        {
            return i;
        }
    }

    return -1;
}


void
network_connect(void *self, int connection)
{
    int         i;
    link_t     *link;
    process_t  *process = self;

    for (i = 0; i < LINKS_MAX && world.links[i].used; i++) { /* void */ }

    if (i == LINKS_MAX) {
        violated("the simulation has room", "links");
        return;
    }

    link = &world.links[i];

    link->used = 1;
    link->process = process->number;
    link->connection = connection;
    link->client = -1;
    link->to_redis = 0;
    link->to_worker = 0;

    /* slower than the other connections of its process, for some time */

    link->slow_ms = SLOW;
    link->slow = chance(8) ? 0 : world.now + chance(5000);
    link->closed = 0;
    link->reset = 0;

    link_event(EVENT_CONNECT, i, link_delay(&link->to_redis, link));
}


static void
link_bytes(event_type_t type, int i, int64_t delay, const char *data,
    size_t len)
{
    event_t  *event;

    event = link_event(type, i, delay);

    event->bytes = malloc(len);

    if (event->bytes == NULL) {
        abort();
    }

    memcpy(event->bytes, data, len);
    event->len = len;
}


void
network_send(void *self, int connection, const unsigned char *data,
    size_t len)
{
    int     i;
    link_t *link;

    i = link_find(self, connection);

    if (i != -1) {
        link = &world.links[i];
        link_bytes(EVENT_COMMAND, i, link_delay(&link->to_redis, link),
                   (const char *) data, len);
    }
}


/* what was sent before may arrive or not */

void
network_close(void *self, int connection)
{
    int      i;
    link_t  *link;

    i = link_find(self, connection);

    if (i == -1) {
        return;
    }

    link = &world.links[i];
    link->closed = 1;

    if (chance(2)) {
        link_free(link);
        return;
    }

    link_event(EVENT_LEFT, i, link_delay(&link->to_redis, link));
}


void
network_reply(void *data, int client, const char *bytes, size_t len)
{
    int      i;
    link_t  *link;

    for (i = 0; i < LINKS_MAX; i++) {
        link = &world.links[i];

        if (link->used && link->client == client) {
            link_bytes(EVENT_REPLY, i,
                       link_delay(&link->to_worker, link),
                       bytes, len);
            return;
        }
    }
}


void
network_drop(int process)
{
    int  i;

    for (i = 0; i < LINKS_MAX; i++) {
        if (world.links[i].used && world.links[i].process == process) {
            link_free(&world.links[i]);
        }
    }
}


/* nothing is lost, but late: TCP */

void
network_cut(int gateway, int64_t ms)
{
    trace("gateway %d is cut off for %lld ms", gateway, (long long) ms);

    world.gateways[gateway].cut = world.now + ms;

    if (world.gateways[gateway].calm < world.now + ms) {
        world.gateways[gateway].calm = world.now + ms;
    }
}


static void
redis_serve(void)
{
    world.redis_down = 0;
    redis_mood(world.redis, REDIS_SERVES, NULL);
    world.redis_calm = world.now;
    trace("Redis serves again");
}


static void
network_at_redis(event_t *event, link_t *link)
{
    uint64_t  ends;

    redis_clock();

    switch (event->type) {

    case EVENT_CONNECT:
        if (world.redis_down) {
            link_event(EVENT_REFUSED, event->link,
                       link_delay(&link->to_worker, link));
            return;
        }

        link->client = redis_connect(world.redis);

        link_event(EVENT_CONNECTED, event->link,
                   link_delay(&link->to_worker, link));
        return;

    case EVENT_COMMAND:
        if (link->client != -1) {
            ends = redis_ends(world.redis);

            redis_receive(world.redis, link->client, event->bytes,
                          event->len);

            if (redis_ends(world.redis) != ends) {
                link->read = world.now;
            }
        }

        return;

    default: /* EVENT_LEFT */
        link_free(link);
    }
}


void
network_event(event_t *event)
{
    link_t     *link;
    process_t  *process;

    if (event->type == EVENT_MOOD) {
        redis_serve();
        return;
    }

    link = &world.links[event->link];

    if (!link->used || link->generation != event->generation) {
        return;
    }

    if (event->type == EVENT_CONNECT || event->type == EVENT_COMMAND
        || event->type == EVENT_LEFT)
    {
        network_at_redis(event, link);
        return;
    }

    if (link->closed) {
        return;
    }

    process = &world.processes[link->process];

    process_enter(process);

    switch (event->type) {

    case EVENT_CONNECTED:
        process->api->connected(link->connection, 0);
        break;

    case EVENT_REFUSED:
        process->api->connected(link->connection, 111 /* ECONNREFUSED */);
        break;

    case EVENT_REPLY:
        process->api->received(link->connection,
                               (unsigned char *) event->bytes, event->len);
        break;

    default: /* EVENT_CLOSED */
        process->api->closed(link->connection);
    }

    process_leave(process);
}


/* a crash or a fail-over: "keep" the data, or what "db" has of it */

void
redis_crash(int64_t down_ms, const redis_db_t *db, int keep)
{
    int      i;
    link_t  *link;

    trace("Redis is down for %lld ms, %s", (long long) down_ms,
          keep ? "and keeps all" : db ? "its last writes are lost"
                                      : "all is lost");

    for (i = 0; i < LINKS_MAX; i++) {
        link = &world.links[i];

        if (!link->used || link->reset) {
            continue;
        }

        if (link->client == -1 || link->closed) {
            link->generation++;
            link->used = 0;
            continue;
        }

        link->client = -1;
        link->reset = 1;
        link->generation++;
        link_event(EVENT_CLOSED, i, link_delay(&link->to_worker, link));
    }

    if (!keep) {
        world.redis_lost = world.now + down_ms;
    }

    if (keep) {
        redis_db_t  *copy;

        copy = redis_copy(world.redis);
        redis_restore(world.redis, copy);
        redis_free_copy(copy);

    } else {
        redis_restore(world.redis, db);
    }

    world.redis_calm = NEVER;
    world.redis_down = down_ms > 0;

    event_add(EVENT_MOOD, down_ms);
}


/* it accepts connections at once, but loads its data for so long */

void
redis_load(int64_t ms, const redis_db_t *db, int keep)
{
    redis_crash(ms, db, keep);

    trace("Redis loads its data");

    world.redis_down = 0;
    redis_mood(world.redis, REDIS_LOADS,
               "LOADING Redis is loading the dataset in memory");
}


void
redis_refuse_writes(int64_t ms, const char *error)
{
    trace("Redis refuses writes for %lld ms: %s", (long long) ms, error);

    redis_mood(world.redis, REDIS_REFUSES_WRITES, error);
    world.redis_calm = NEVER;

    event_add(EVENT_MOOD, ms);
}


/* what a replica has when it becomes the primary */

void
redis_snapshot(void)
{
    if (world.ncopies == COPIES_MAX) {
        redis_free_copy(world.copies[0]);
        memmove(world.copies, world.copies + 1,
                (COPIES_MAX - 1) * sizeof(redis_db_t *));
        memmove(world.copied, world.copied + 1,
                (COPIES_MAX - 1) * sizeof(int64_t));
        world.ncopies--;
    }

    world.copied[world.ncopies] = world.now;
    world.copies[world.ncopies++] = redis_copy(world.redis);
}
