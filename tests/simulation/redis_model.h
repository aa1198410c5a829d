
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the files of the model of Redis share.
 */


#ifndef SIMULATION_REDIS_MODEL_H
#define SIMULATION_REDIS_MODEL_H


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "redis.h"


#define REDIS_KEYS      1024
#define REDIS_KEY_MAX   176
#define REDIS_SCRIPTS   32
#define REDIS_ARGS      64

#define DUE_UNKNOWN     -2


typedef struct {
    const char  *data;
    size_t       len;
} arg_t;


/* values that never change and are shared by copies of the database */

typedef struct {
    int     refs;
    size_t  len;
    char    data[];
} blob_t;


typedef enum {
    TYPE_NONE = 0,
    TYPE_STRING,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM
} type_t;


typedef struct {
    double    score;
    blob_t   *name;
    blob_t   *value;               /* hash; or the text of a stream's entry */
    uint64_t  ms;                  /* stream: its ID */
    uint64_t  seq;
    unsigned  nfields;             /* stream: in "value", as they are sent */
} item_t;


typedef struct {
    char      name[REDIS_KEY_MAX];
    size_t    name_len;
    type_t    type;
    int64_t   expires_us;          /* 0: never */
    blob_t   *value;
    item_t   *items;
    size_t    nitems;
    size_t    room;
    uint64_t  last_ms;             /* stream: of the last ID ever */
    uint64_t  last_seq;
} entry_t;


struct redis_db_s {
    entry_t  *entries[REDIS_KEYS];
    size_t    nentries;
};


typedef struct {
    char    *data;
    size_t   len;
    size_t   room;
} buffer_t;


typedef struct {
    int       used;
    buffer_t  in;

    /* XREAD BLOCK */
    int       blocked;
    char      key[REDIS_KEY_MAX];
    uint64_t  ms;
    uint64_t  seq;
    size_t    count;
    int64_t   until_us;
} client_t;


typedef struct {
    char      sha[41];
    char     *text;
    size_t    len;
    int       ref;                 /* the function, in Lua's registry */
    int       known;               /* not SCRIPT FLUSHed */
} script_t;


struct redis_s {
    redis_db_t      db;
    redis_send_pt   send;
    void           *data;
    int64_t         now_us;
    redis_mood_t    mood;
    const char     *error;

    client_t        clients[REDIS_CLIENTS];

    lua_State      *lua;
    script_t        scripts[REDIS_SCRIPTS];
    size_t          nscripts;

    buffer_t        reply;
    buffer_t        inner;         /* of redis.call() */
    unsigned        stream_max;
    int             added;         /* a stream has got an entry */
    uint64_t        commands;
    uint64_t        changes;       /* of the data, or what may be one */
    uint64_t        ends;          /* how often that of a stream was read */
    int64_t         expiry_us;     /* no key expires before */
    int64_t         due_us;        /* of redis_due(), or DUE_UNKNOWN */
    char            run_id[41];
    uint64_t        boots;
};


/* redis.c */

void reply_error(buffer_t *out, const char *text);
void reply_status(buffer_t *out, const char *text);
void reply_number(buffer_t *out, long long n);
void reply_nil(buffer_t *out);
void reply_bulk(buffer_t *out, const char *data, size_t len);
void reply_array(buffer_t *out, long long n);
size_t number_text(char *text, double n);
const char *number_at(const char *p, long long *n);
void redis_execute(redis_t *redis, client_t *client, int argc,
    const arg_t *argv, buffer_t *out);


/* redis_lua.c */

int redis_lua_init(redis_t *redis);
void redis_lua_load(redis_t *redis, const arg_t *text, buffer_t *out);
void redis_lua_eval(redis_t *redis, int argc, const arg_t *argv,
    buffer_t *out);


#endif /* SIMULATION_REDIS_MODEL_H */
