
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A model of Redis: a database, connections that send it commands as bytes, and
 * the module's own scripts, run by the same Lua as in Redis.  Its clock is
 * given to it; it does nothing by itself.
 */


#ifndef SIMULATION_REDIS_H
#define SIMULATION_REDIS_H


#include <stddef.h>
#include <stdint.h>


#define REDIS_CLIENTS  32


typedef struct redis_s     redis_t;
typedef struct redis_db_s  redis_db_t;

/* what Redis sends; "client" is that of redis_connect() */

typedef void (*redis_send_pt)(void *data, int client, const char *bytes,
    size_t len);


typedef enum {
    REDIS_SERVES = 0,
    REDIS_REFUSES_WRITES,          /* with the text of redis_refuse() */
    REDIS_LOADS                    /* everything is refused */
} redis_mood_t;


redis_t *redis_create(redis_send_pt send, void *data);

/* as at the beginning: no data, no clients */
void redis_reset(redis_t *redis);

void redis_time(redis_t *redis, int64_t now_us);
void redis_mood(redis_t *redis, redis_mood_t mood, const char *error);

int redis_connect(redis_t *redis);
void redis_disconnect(redis_t *redis, int client);
void redis_receive(redis_t *redis, int client, const char *bytes, size_t len);

/* when a blocked client is to be answered, in us; -1: none is */
int64_t redis_due(redis_t *redis);
void redis_expire_blocked(redis_t *redis);

/* copies of the data, to go back to: what a fail-over loses */
redis_db_t *redis_copy(redis_t *redis);
void redis_free_copy(redis_db_t *db);
void redis_restore(redis_t *redis, const redis_db_t *db);

/* a command of an administrator: FLUSHALL, DEL, XTRIM ... */
void redis_command(redis_t *redis, int argc, const char **argv);

/* the streams keep so many entries only; 0: all that XADD keeps */
void redis_stream_max(redis_t *redis, unsigned n);

/* looks at the data; NULL: there is none */
const char *redis_string(redis_t *redis, const char *key, size_t *len);
int redis_zset_has(redis_t *redis, const char *key, const char *member);
size_t redis_zset_len(redis_t *redis, const char *key);
const char *redis_zset_member(redis_t *redis, const char *key, size_t i);

uint64_t redis_commands(redis_t *redis);

/* while it is the same, all that is looked at is as it was */
uint64_t redis_changes(redis_t *redis);

/* how often the end of a stream was read: a gateway begins to read all */
uint64_t redis_ends(redis_t *redis);


#endif /* SIMULATION_REDIS_H */
